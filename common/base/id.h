// id.h - what a user or item may be called.
#ifndef NJ_BASE_ID_H
#define NJ_BASE_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/slice.h"

// LMDB keys end at 511 bytes and the store's key has one byte before the id.
#define NJ_ID_BYTES_MAX 510

/// NULL when `id` is valid; else the rule it breaks, as the end of a sentence ("is longer than 510 bytes").
/// Valid: 1..510 bytes of UTF-8 (no surrogates, no overlong forms) without ASCII control characters.
const char *nj_id_problem(nj_slice id);

/// True for the canonical decimal of a number below 2^64: no sign, no leading zero. "7" is, "007" is not.
bool nj_id_is_number(nj_slice id, uint64_t *out_value);

/// The order of a store: numbers first and by value, then other ids by their bytes. Below 0, 0, above 0.
int nj_id_compare(nj_slice a, nj_slice b);

/// Bytes of the well-formed UTF-8 sequence at `bytes`, 1 to 4, or 0 when none begins there. `left` is at least 1.
size_t nj_utf8_sequence(const char *bytes, size_t left);

/// True for well-formed UTF-8.
bool nj_utf8_valid(const char *bytes, size_t size);

/// Replaces control characters and bytes that are no UTF-8 by '?'. For messages that quote bytes from outside: a terminal
/// must not be driven by them, and who reads the log expects UTF-8.
void nj_text_make_printable(char *text);

/// The canonical decimal of a number, without a NUL; returns its length, at most NJ_ID_DIGITS_MAX.
#define NJ_ID_DIGITS_MAX 20
size_t nj_id_of_number(uint64_t value, char out[NJ_ID_DIGITS_MAX]);

#endif
