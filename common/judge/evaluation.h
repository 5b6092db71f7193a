// evaluation.h - everything that a report on models needs: who was judged, on what, and what each model answered.
//
//   reading and deciding (ops/cli/eval.c) ──► nj_evaluation ──► figures (common/judge) ──► table, JSON, page (ops/cli/eval_report.h)
//
// A plain struct of views. Whoever fills it owns what it points to; what is not known is NULL or 0, and what a report says of it is then
// left out. Sizes: U judged users, N items of the catalogue (retired ones too), L levels of a SID, D width of an embedding.
#ifndef NJ_JUDGE_EVALUATION_H
#define NJ_JUDGE_EVALUATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/idlist.h"
#include "common/judge/lists.h"

#define NJ_MODELS_MAX 8          // judged side by side
#define NJ_GROUP_NONE UINT32_MAX // also of categories

// Whether a list may name what its user had before. The two are different tasks, and figures of one say nothing of the other.
typedef enum {
    NJ_HISTORY_KEPT,
    NJ_HISTORY_MASKED,
    NJ_MASKING_COUNT,
} nj_masking;

// One model's lists under one masking, judged.
typedef struct {
    bool known;     // false: the model has no such lists, and the rest is zero
    uint32_t depth; // places that its lists may have: no cut-off beyond is reported
    nj_lists lists; // of U users
    nj_judgement judgement;
    size_t short_count; // users whose list has fewer than `depth` places; absent lists apart
} nj_ranking;

typedef struct {
    const char *name;     // printable UTF-8
    uint64_t other_count; // lists of users who are not judged
    nj_ranking rankings[NJ_MASKING_COUNT];
} nj_judged_model;

// Users (or the like) that a reader has to know of, in the order of the array: "unknown_item", "whose item the catalogue does not know".
typedef struct {
    const char *key;  // in JSON, under "users"
    const char *text; // behind the number, for people
    uint64_t count;
} nj_evaluation_count;

// An item's own texts; a NULL start is no text.
typedef struct {
    const nj_slice *titles; // [N] valid UTF-8
    // [N] number of the item's category, below category_count, or NJ_GROUP_NONE
    const uint32_t *category_of;
    uint32_t category_count; // 0: not known
} nj_item_texts;

typedef struct {
    // how it was judged
    const char *target; // "test" or "validation"; of a time split "from 1714521600"
    const char *split;  // "leave-last-out" or "time"
    const char *rules;  // further rules for people, whole sentences; NULL: none
    const nj_evaluation_count *counts;
    size_t count_count;
    nj_masking
        primary; // what the run was asked for; models[m].rankings[primary] is known for every m

    // users
    size_t user_count;                 // U
    const nj_idlist_builder *user_ids; // [U]
    const uint32_t *targets;           // [U] catalogue row of the held-out item
    const uint32_t *history_lengths;   // [U] items before it, known or not; NULL: not known
    // The known items before it, oldest first, and their number; borrowed as long as the evaluation. NULL: not known.
    const uint32_t *(*history_at)(const void *history, size_t user, uint32_t *out_count);
    const void *history;
    const uint32_t *group_of; // [U] below group_count, or NJ_GROUP_NONE
    const char *const *group_names;
    uint32_t group_count; // 0: there are none

    // items
    size_t item_count; // N
    size_t live_count; // that a list may name
    const nj_idlist *item_ids;
    const uint32_t *popularity; // [N] events in training; 0: a cold item. NULL: not known
    const uint16_t *codes;      // [N, L]
    size_t level_count;         // L; 0: not known
    bool has_suffix;            // the last level is a collision counter, which means nothing
    const float *embeddings;    // [N, D], any length but 0; NULL: not known
    size_t embedding_width;     // D
    nj_item_texts texts;

    // models: the first is judged, and all others are compared with it
    nj_judged_model models[NJ_MODELS_MAX];
    size_t model_count;
} nj_evaluation;

#endif
