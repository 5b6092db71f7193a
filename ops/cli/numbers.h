// numbers.h - options that are a number with a fraction ("--rate 0.002"), or a list ("--codes-per-level 256,256,16", "--shares 1,0.5").
#ifndef NJ_OPS_CLI_NUMBERS_H
#define NJ_OPS_CLI_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cli/cli.h"

/// A number in [least, most] from an option; NaN is in no range. NJ_USAGE names option, value and limits; *out stays.
/// Proof   tests/cli/0190-catalogue-check.t
NJ_CHECKED nj_status nj_argument_real(const nj_arguments *arguments, const char *name, double least,
                                      double most, double *out, nj_error *err);

/// Reads the option into out [count_max]; an option that is not given, or is empty, gives count 0.
/// NJ_USAGE names option, value, limits and count_max.
/// Proof   tests/cli/0120-bad-sids.t
NJ_CHECKED nj_status nj_numbers_from(const nj_arguments *arguments, const char *name,
                                     uint32_t least, uint32_t most, uint32_t count_max,
                                     uint32_t *out, uint32_t *out_count, nj_error *err);

/// Reads a list of as many numbers with a fraction as there are files into out [count]; *out_given is false, and out as it was,
/// where the option is not given. NJ_USAGE names option, value, count and limits.
/// Proof   tests/cli/0178-catalogue-join.t
NJ_CHECKED nj_status nj_reals_from(const nj_arguments *arguments, const char *name, double least,
                                   double most, size_t count, double *out, bool *out_given,
                                   nj_error *err);

/// One number for all, or one for each of `count` levels (1 .. NJ_QUANT_LEVELS_MAX), into out [count]: "256" or "256,256,64".
/// NJ_USAGE as nj_numbers_from, and for another count of numbers, with both.
/// Proof   tests/cli/0180-catalogue-fit.t, tests/cli/0785-train-rqvae.t
NJ_CHECKED nj_status nj_level_numbers_from(const nj_arguments *arguments, const char *name,
                                           uint32_t least, uint32_t most, uint32_t count,
                                           uint32_t *out, nj_error *err);

#endif
