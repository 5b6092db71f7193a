// catalogue_make.h - a catalogue from SIDs that others have made.
#ifndef NJ_CATALOGUE_CATALOGUE_MAKE_H
#define NJ_CATALOGUE_CATALOGUE_MAKE_H

#include "common/catalogue/catalogue.h"

// What every maker is told. All zero is: row numbers as ids, tokens from 0, an empty template.
typedef struct {
    const char
        *ids_path; // one id a line, in row order; NULL: item i is called by its row number, from 0
    uint32_t token_base;
    const nj_template *template; // NULL = empty; copied
} nj_catalogue_options;

// K as the command line gives it.
typedef struct {
    uint32_t codes[NJ_LEVELS_MAX];
    uint32_t count; // 0 = not given; 1 = the same for all levels; else L
} nj_codes_per_level;

/// From an array of whole numbers [N, L].
///
/// Errors  NJ_USAGE: codes per level are not given, or are neither one number nor L of them; NJ_INPUT with file, row, level, rule
///         and both numbers: another shape, a code that is not below K, K or L beyond trie.h's limits, ids that do not fit the
///         rows, a duplicate id (both lines), tokens beyond NJ_TOKEN_MAX
/// Proof   tests/unit/catalogue/test_make.c
NJ_CHECKED nj_status nj_catalogue_from_sids(const char *sids_path, const nj_codes_per_level *K,
                                            const nj_catalogue_options *options, nj_catalogue **out,
                                            nj_error *err);

/// From LC-Rec's index.json; the key is the row number. Without K, every level has the highest code of all levels + 1.
/// Errors  as above, and those of nj_index_json_read
NJ_CHECKED nj_status nj_catalogue_from_index_json(const char *path, const nj_codes_per_level *K,
                                                  const nj_catalogue_options *options,
                                                  nj_catalogue **out, nj_error *err);

/// A catalogue for models that speak of items otherwise than by semantic IDs: the SID of an item is its row's number, one code for up to
/// NJ_CODES_MAX items, else two (row / NJ_CODES_MAX, row % NJ_CODES_MAX).
///
///   ids   in row order; copied
///   what  names their file in errors
///
/// Errors  NJ_INPUT: no items, or more than NJ_IDLIST_COUNT_MAX, an id twice (both places); NJ_NO_MEMORY
/// Proof   tests/unit/catalogue/test_make.c
NJ_CHECKED nj_status nj_catalogue_from_rows(const nj_idlist_builder *ids, const char *what,
                                            nj_catalogue **out, nj_error *err);

#endif
