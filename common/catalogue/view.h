// view.h - the catalogue as a bundle carries it: sections (schemas/bundle.md) to typed, checked views and back.
//
// The coordinator reads it to resolve histories, the worker to decode. Views borrow from the sections.
#ifndef NJ_CATALOGUE_VIEW_H
#define NJ_CATALOGUE_VIEW_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/idlist.h"
#include "common/bundle/bundle.h"
#include "common/catalogue/masks.h"
#include "common/catalogue/template.h"
#include "common/sid/trie.h"
#include "common/sid/trie_build.h"

#define NJ_CATALOGUE_SECTION_VERSION 1
#define NJ_HISTORY_MAX 100000 // items a bundle may let the encoder read

typedef struct {
    nj_idlist items;                    // [N] ids
    nj_sids sids;                       // [N, L] codes; histories speak in these, retired items too
    uint32_t token_base[NJ_LEVELS_MAX]; // token of code c at level l = token_base[l] + c
    nj_template template;
    nj_trie trie;
    uint32_t history_max; // items the encoder reads at the most
    const uint32_t *
        counts; // [N] how often each item stands in the histories the bundle was packed with; NULL without
    nj_masks masks; // of the night
    uint32_t needs; // of a user: bits of prompt_head.h
} nj_catalogue_view;

/// Checks every section: sizes agree with each other, ids are valid, codes below their K, the trie is safe to walk and every item
/// in it lies where its SID leads. Items that the trie lacks are retired.
///
/// Cost    one pass over all sections, and a walk of L steps an item
/// Errors  NJ_INPUT names the section, the rule and both numbers
/// Proof   tests/unit/catalogue/test_view.c
NJ_CHECKED nj_status nj_catalogue_view_open(const nj_sections *sections, nj_catalogue_view *out,
                                            nj_error *err);

/// Every token that an item, a user or the template can give is below V. NJ_CONFIG names the token and V.
NJ_CHECKED nj_status nj_catalogue_view_check_vocabulary(const nj_catalogue_view *view, uint32_t V,
                                                        nj_error *err);

/// Tokens of a catalogue row, for nj_template_tokens.
static inline nj_token_table nj_catalogue_view_tokens(const nj_catalogue_view *view)
{
    return (nj_token_table){view->sids.codes, view->token_base, view->sids.level_count};
}

/// Appends the JSON of the "catalogue" section.
NJ_CHECKED nj_status nj_catalogue_section_write(const nj_sids *sids, uint32_t token_base,
                                                const nj_template *template, uint32_t history_max,
                                                nj_buffer *out);

#endif
