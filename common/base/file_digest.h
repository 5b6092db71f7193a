// file_digest.h - the digest of a file's bytes.
#ifndef NJ_BASE_FILE_DIGEST_H
#define NJ_BASE_FILE_DIGEST_H

#include "common/base/digest.h"
#include "common/base/error.h"

/// Reads a regular file from begin to end, a block at a time; about 1 GB/s.
/// Errors  NJ_NOT_FOUND: nothing is there; NJ_INPUT: a folder, pipe or device; NJ_IO
/// Proof   tests/unit/base/test_file_digest.c
NJ_CHECKED nj_status nj_file_digest(const char *path, nj_digest *out, nj_error *err);

#endif
