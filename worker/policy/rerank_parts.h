// rerank_parts.h - what the files of re-ranking share; nobody else includes it.
#ifndef NJ_WORKER_POLICY_RERANK_PARTS_H
#define NJ_WORKER_POLICY_RERANK_PARTS_H

#include "worker/policy/rerank.h"

// How alike a candidate is to each of the pool.
typedef struct {
    const float **vectors; // [vector_count] of those that have one; into the section, or into rows
    uint32_t *owners;      // [vector_count] whose, in the pool; ascending
    uint32_t
        *places; // [count] where a candidate's vector is in `vectors`; NJ_POLICY_NONE: it has none
    uint32_t vector_count;
    float *rows;     // [pool_max, D] widened, where the section holds float16
    float *products; // [pool_max]
} rerank_alike;

// The determinantal search: the factor of Cholesky's of what was chosen, one row for each that added volume.
typedef struct {
    float *factors; // [top, count] c of each candidate, one element of all a row
    float *volumes; // [count] d^2
    uint32_t factor_count;
} rerank_volume;

// The mix of categories.
typedef struct {
    uint32_t *values; // [group_count] of the column
    uint32_t *counts; // [group_count] in the history, then in the list
    uint32_t *open;   // [group_count + 1] of the pool, not taken
    float *shares;    // [group_count] p
    float *absent;    // [group_count] the term of KL where the list has none
    float *terms;     // [group_count] the term in a list one longer that has no more of it
    float *with;      // [group_count + 1] KL of the list and one more of a group
    uint32_t *groups; // [count] of each candidate; group_count: it brings nothing nearer
    uint32_t group_count;
    float now; // KL of the list
} rerank_mix;

struct nj_rerank {
    const nj_rerank_inputs *inputs; // borrowed, as the pool
    nj_candidate *pool;             // [count]
    uint32_t count;
    uint32_t ranked;
    uint32_t chosen_count;
    uint8_t *taken;   // [count]
    float *relevance; // [ranked] 0..1
    float *steps;     // [ranked] m
    float *values;    // [ranked] m, and calibration
    float *alike;     // [count] to what was taken last
    float *nearest;   // [count] MMR: the most alike of what was taken
    rerank_alike look;
    rerank_volume volume;
    rerank_mix mix;
};

// Bytes of arena of `count` elements. SIZE_MAX on overflow.
size_t nj_rerank_cost(size_t count, size_t element_bytes);
size_t nj_rerank_add_cost(size_t a, size_t b);

size_t nj_rerank_alike_bytes(const nj_rerank_inputs *inputs);
void nj_rerank_alike_begin(nj_rerank *rerank, nj_arena *arena);
/// Fills rerank->alike with how alike candidate `index` is to each of the pool.
void nj_rerank_alike_to(nj_rerank *rerank, uint32_t index);

size_t nj_rerank_volume_bytes(const nj_rerank_inputs *inputs);
void nj_rerank_volume_begin(nj_rerank *rerank, nj_arena *arena);
/// Takes off each volume what it has in common with candidate `index`, by rerank->alike.
void nj_rerank_volume_take(nj_rerank *rerank, uint32_t index);

size_t nj_rerank_mix_bytes(const nj_rerank_inputs *inputs);
void nj_rerank_mix_begin(nj_rerank *rerank, const uint32_t *history, uint32_t history_count,
                         nj_arena *arena);
/// Counts candidate `index` as the list's; rerank->chosen_count counts it already.
void nj_rerank_mix_take(nj_rerank *rerank, uint32_t index);

#endif
