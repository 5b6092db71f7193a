// saving.h - which work an engine may leave out (schemas/saving.def). A list has the same bytes with any of them: they are switched
// off to prove that, to measure what each gains, or to find a fault.
#ifndef NJ_BASE_SAVING_H
#define NJ_BASE_SAVING_H

#include <stdint.h>

#include "common/base/error.h"

#define NJ_SAVING(name, bit, word, what, why) NJ_SAVING_##name = 1u << (bit),
enum {
#include "schemas/saving.def"
};

typedef uint32_t nj_savings; // set of NJ_SAVING_*

#define NJ_SAVINGS_ALL UINT32_MAX
#define NJ_SAVINGS_KNOWN "token-tables, prefix-tables, last-step, same-history" // for texts

/// All savings but those of `list`: words with commas between them; "" names none. NJ_USAGE names the first unknown word and
/// those that are known.
/// Proof   tests/unit/base/test_saving.c
NJ_CHECKED nj_status nj_savings_without(const char *list, nj_savings *out, nj_error *err);

#endif
