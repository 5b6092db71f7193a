// numbers.h - options that are a list of whole numbers: "--codes-per-level 256,256,256,16".
#ifndef NJ_OPS_CLI_NUMBERS_H
#define NJ_OPS_CLI_NUMBERS_H

#include <stdint.h>

#include "common/cli/cli.h"

/// Reads the option into out [count_max]; an option that is not given, or is empty, gives count 0.
/// NJ_USAGE names option, value, limits and count_max.
NJ_CHECKED nj_status nj_numbers_from(const nj_arguments *arguments, const char *name,
                                     uint32_t least, uint32_t most, uint32_t count_max,
                                     uint32_t *out, uint32_t *out_count, nj_error *err);

#endif
