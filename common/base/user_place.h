// user_place.h - where a user falls by a salted hash: what samples users, and splits them between channels, in the same way every night.
#ifndef NJ_BASE_USER_PLACE_H
#define NJ_BASE_USER_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/slice.h"

#define NJ_SAMPLE_SALT "sample"

/// The first 8 bytes, big-endian, of BLAKE2b-256(salt, a zero byte, user). Another salt places the users anew.
/// Proof   tests/unit/reader/test_reader.c (the split), tests/cli/1105-grade-controls.t (the sample)
uint64_t nj_user_place(const char *salt, nj_slice user);

/// True of users who are in a sample of this share of them: by NJ_SAMPLE_SALT. A smaller sample is a part of a larger one.
bool nj_user_place_is_sampled(uint64_t place, double share);

#endif
