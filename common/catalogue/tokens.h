// tokens.h - which token stands for which code, and whether a model knows them all.
//
//   token of code c at level l = token_base + codes of the levels before l + c
#ifndef NJ_CATALOGUE_TOKENS_H
#define NJ_CATALOGUE_TOKENS_H

#include "common/base/error.h"
#include "common/catalogue/template.h"
#include "common/sid/trie_build.h"

/// First token of each level, into out [L]. NJ_INPUT names `what`, the level and both numbers when one passes NJ_TOKEN_MAX.
NJ_CHECKED nj_status nj_level_token_bases(const nj_sids *sids, uint32_t token_base,
                                          const char *what, uint32_t out[NJ_LEVELS_MAX],
                                          nj_error *err);

/// Whether a model of V tokens (0..V-1) knows every token that can be asked for: those of the codes that items have, and the
/// template's. A level's unused codes may lie beyond V.
///
///   level_token_base  [L]
///
/// Errors  NJ_CONFIG names the level or the template, its highest token and V
/// Proof   tests/unit/catalogue/test_catalogue.c
NJ_CHECKED nj_status nj_vocabulary_check(const nj_sids *sids, const uint32_t *level_token_base,
                                         const nj_template *template, uint32_t V, nj_error *err);

#endif
