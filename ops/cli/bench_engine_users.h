// bench_engine_users.h - made-up users for `nightjar bench engine`, with all that a bundle asks of a user.
#ifndef NJ_OPS_CLI_BENCH_ENGINE_USERS_H
#define NJ_OPS_CLI_BENCH_ENGINE_USERS_H

#include "common/catalogue/view.h"
#include "common/codec/shard.h"

#define NJ_BENCH_CANDIDATES                                                                        \
    20 // of a user, where a prompt has a place for them: as in LLaRA's experiments

typedef struct {
    nj_request *requests; // [count]
    uint32_t *items;      // theirs
    uint64_t count;
    uint32_t history;       // items of each
    uint32_t candidates;    // of each; 0: nobody is asked about any
    uint32_t prompt_tokens; // of a whole prompt: the mean, rounded
} nj_bench_users;

/// Random histories over the catalogue, of as many items as give about the wanted number of tokens; the same in every run.
///
///   V  of the model
///
/// Errors  those of nj_prompt_open and nj_prompt_write; NJ_NO_MEMORY
NJ_CHECKED nj_status nj_bench_users_make(const nj_sections *sections, const nj_catalogue_view *view,
                                         uint32_t V, uint64_t count, uint64_t tokens,
                                         nj_bench_users *out, nj_error *err);
/// Accepts a struct that is all zero.
void nj_bench_users_free(nj_bench_users *users);

#endif
