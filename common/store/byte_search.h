// byte_search.h - many byte strings looked for at once, in files of any kind.
//
// Three looks at each position: a bit map of the patterns' first four bytes; for each of their lengths, one of the first and the last
// four; then a hash of the whole. So ids that all begin alike ("item-...") cost no more than others.
#ifndef NJ_STORE_BYTE_SEARCH_H
#define NJ_STORE_BYTE_SEARCH_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/slice.h"

#define NJ_BYTE_SEARCH_SHORTEST 4 // bytes of a pattern
#define NJ_BYTE_SEARCH_LONGEST 512

typedef struct {
    uint64_t hash; // of all its bytes
    uint32_t size;
    size_t at;    // its bytes in `bytes`
    size_t label; // the caller's
} nj_byte_pattern;

typedef struct {
    nj_buffer bytes;    // owned; of all patterns
    nj_buffer patterns; // owned; [count] nj_byte_pattern, sorted by hash once it is built
    size_t count;
    uint32_t sizes[NJ_BYTE_SEARCH_LONGEST]; // of the patterns, each once, the longest first
    size_t size_count;
    uint64_t *heads; // owned; NULL: not built
    uint64_t *ends;  // owned
    unsigned bit_power;
} nj_byte_search;

void nj_byte_search_init(nj_byte_search *search);
/// Accepts one that is all zero.
void nj_byte_search_fini(nj_byte_search *search);

/// Adds a pattern of NJ_BYTE_SEARCH_SHORTEST to NJ_BYTE_SEARCH_LONGEST bytes (asserted). NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_byte_search_add(nj_byte_search *search, nj_slice pattern, size_t label);

/// Makes it ready. NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_byte_search_build(nj_byte_search *search);

typedef struct {
    size_t at;
    size_t size;
    size_t label;
} nj_byte_hit;

/// The first hit at or behind `from`, the longest of those that begin there. False: there is none.
/// Proof   tests/unit/store/test_scrub_text.c
bool nj_byte_search_next(const nj_byte_search *search, nj_slice bytes, size_t from,
                         nj_byte_hit *out);

#endif
