// engine_internal.h - what the engine's files share; nobody else includes it.
#ifndef NJ_WORKER_ENGINE_INTERNAL_H
#define NJ_WORKER_ENGINE_INTERNAL_H

#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/catalogue/view.h"
#include "common/policy/policy_sections.h"
#include "common/prompt/prompt.h"
#include "worker/beam/answers.h"
#include "worker/beam/beam.h"
#include "worker/engine/engine.h"
#include "worker/engine/generator.h"
#include "worker/policy/fill.h"
#include "worker/policy/policies.h"

// Users that one search of a batch may stand for, at the mean: a bound of the requests that are looked at for one batch.
#define NJ_ENGINE_MEMBERS_A_SEARCH 8u

// The list that one search gives, kept while the scratch is used again.
typedef struct {
    uint32_t flags; // NJ_ROW_WIDENED, and those of a policy
    uint32_t count;
    uint32_t *items;   // [top]
    float *scores;     // [top]
    nj_why *why;       // [top]; NULL: not asked for
    uint32_t *reserve; // [settings.reserve] what would have been listed next; with the setting only
    uint32_t reserve_count;
    uint32_t *trace; // [engine's trace_max] ascending; with the setting only
    uint32_t trace_count;
    char *text; // [engine's text_max] what was answered instead of items
    uint32_t text_bytes;
    bool traced; // the trace is whole: the list comes from one search, and it fits
    bool done;   // no wider search is wanted
} list_slot;

// One user of a batch: his list is that of search `search`, or one that is kept from before.
typedef struct {
    size_t index; // into the requests
    uint32_t search;
    const list_slot *kept; // NULL: none
    uint32_t flags;
} member;

// A list and what it was made from.
typedef struct {
    bool used;
    nj_digest key;
    list_slot list;
} nj_same_list;

// The saving "same-history": lists of histories that were searched before.
typedef struct {
    bool enabled;
    uint32_t sets;       // a power of two
    nj_same_list *lists; // [sets * WAYS]
    uint8_t *next;       // [sets] the place that gives way
    nj_arena arena;      // all of it
} nj_same;

// What the users of one mask get, or one user who has candidates.
typedef struct {
    const nj_eligible *
        eligible; // into the engine's folded ones; NULL: every item. Without what the policy denies
    const uint64_t
        *open_nodes; // the same folded up the trie of answers; NULL: every one, or there is none
    const uint32_t
        *candidates; // [candidate_count] of one user, in the order given; NULL: he has none
    uint32_t candidate_count;
    uint32_t W_wide;        // the widest search of theirs: behind it is nothing more to find
    uint32_t *popular;      // owned; [popular_count] rows of cold users' list
    float *popular_scores;  // owned; [popular_count]
    uint32_t popular_count; // at most top, the reserve and the most that a user may exclude
    uint64_t popular_total; // of the counts of all items that the mask lets through
} engine_mask;

// What one search found.
typedef struct {
    nj_beam_result *results; // [B] items
    nj_answer *answers;      // [B] what was said; NULL where answers are SIDs
} findings;

struct nj_engine {
    nj_settings settings;
    nj_engine_options options;
    nj_catalogue_view catalogue;
    nj_tensor_set *tensors; // owned view of the weights section
    nj_generator_config config;
    nj_generator *model; // owned
    // Of the tokens that all users share, those that the model has computed already: [prefix_count]; borrowed
    const uint32_t *prefix;
    uint32_t prefix_count;
    nj_template template; // the rest of the template: what is written for each user

    // Of a bundle whose users are asked by prompts (engine_prompt.c); all zero otherwise.
    bool asks;
    nj_prompt prompt;
    nj_lm_vectors vectors;   // of items, where the prompt holds them
    uint32_t word_count;     // of the model's words, where the prompt counts them; 0: it does not
    uint32_t *draft;         // owned; [prompt.tokens_max] tokens of a user, the prefix among them
    uint32_t *draft_words;   // owned; likewise the numbers of their words
    nj_buffer draft_text;    // what is tokenized, and answers that are read back
    nj_answer_config answer; // of answers that are no SIDs
    uint32_t text_max;       // bytes of an answer in text; 0: answers are items

    nj_engine_plan plan;
    nj_model_limits limits;      // of a batch
    nj_model_limits wide_limits; // of one user with W_wide beams
    nj_beam_config beam;
    uint32_t history_max; // items given to the encoder
    uint32_t
        wanted; // items that a search leaves at least, if there are so many: top, or what a policy chooses from
    uint32_t chunk_rows; // decoder rows computed at a time
    uint32_t trace_max;  // prefixes of a list's trace; 0: none is kept
    uint32_t why_count;  // items of a list that say why they are there: top, or 0

    size_t batch_bytes;     // of batch_arena
    size_t search_bytes;    // of scratch_arena
    size_t same_bytes;      // of same.arena
    nj_arena batch_arena;   // requests of a batch, lists: lives for one batch
    nj_arena scratch_arena; // model and search: lives for one search
    uint32_t mask_count;    // at least 1
    engine_mask *masks;     // owned; [mask_count]
    nj_eligible *eligible;  // owned; [mask_count] folded up the trie
    void *eligible_bits;    // owned; theirs
    list_slot cold;         // owned; the list of a cold user who excludes items
    uint32_t *cold_exclude; // owned; [exclusions_max] sorted
    nj_same same;

    nj_policy_sections policy_sections;
    nj_policies *policies; // owned; NULL: no policy acts, and nothing of the following is set
    size_t policy_bytes;   // of policies and popular
    uint32_t
        *popular; // owned; [popular_count] rows of the trie that somebody had, most frequent first
    uint32_t popular_count;
};

// ---- engine_policy.c ----

/// Opens the policy of the bundle, if a stage of it is on. Behind the catalogue and history_max, before nj_engine_make_plan.
///
/// Errors  NJ_INPUT, NJ_CONFIG: a section, a rule that does not fit the bundle or the settings, tables above bytes_max; NJ_NO_MEMORY
NJ_CHECKED nj_status nj_engine_open_policy(nj_engine *engine, const nj_sections *sections,
                                           nj_error *err);
void nj_engine_close_policy(nj_engine *engine);
/// What the policy asks of a search.
void nj_engine_policy_search(const nj_engine *engine, nj_beam_config *config);
/// Items that a search should find for a user before it is not repeated wider.
uint32_t nj_engine_policy_wanted(const nj_engine *engine);
/// Bytes of batch_arena that B users take, or a cold one. SIZE_MAX on overflow.
size_t nj_engine_policy_batch_bytes(const nj_engine *engine, uint32_t B);
/// Makes the list of a user of the batch that nj_policies_begin began from what a search W wide found. False: it is short, a wider search
/// may find more, and nothing was made.
bool nj_engine_policy_list(nj_engine *engine, uint32_t user, const engine_mask *mask,
                           const nj_exclusions *exclusions, const nj_beam_result *result,
                           uint32_t W, list_slot *out);
/// Makes the list of a user without a known item. Ends the batch of nj_policies_begin.
void nj_engine_policy_cold_list(nj_engine *engine, const nj_request *request,
                                const engine_mask *mask, const nj_exclusions *exclusions,
                                list_slot *out);

// ---- engine_prompt.c ----

/// Opens what users are asked by, if the bundle has a prompt. Behind the catalogue and the model's tensors.
///
/// Errors  those of nj_prompt_open; NJ_INPUT: an answer that is retired; NJ_CONFIG: the model has no words, or none that vectors are
///         projected for
NJ_CHECKED nj_status nj_engine_open_prompt(nj_engine *engine, const nj_sections *sections,
                                           nj_error *err);
void nj_engine_close_prompt(nj_engine *engine);
/// Bytes that it takes; 0 without a prompt.
size_t nj_engine_prompt_bytes(const nj_engine *engine);
/// Tokens behind the prefix that a user with so many items and candidates has at the most.
uint32_t nj_engine_longest_prompt(const nj_engine *engine, uint32_t items, uint32_t candidates);
/// Writes what a user is asked, behind the prefix.
///
///   tokens, words  [engine's S]  out
///
/// Errors  those of nj_prompt_write
NJ_CHECKED nj_status nj_engine_write_prompt(nj_engine *engine, const nj_request *request,
                                            uint32_t *tokens, uint32_t *words,
                                            nj_prompt_written *out, nj_error *err);
/// True for a user whom nobody can be asked about: the model reads a history, and he has none.
bool nj_engine_is_cold(const nj_engine *engine, const nj_request *request);

// ---- engine_answer.c ----

/// Answers are strings of a trie, or free text, and not SIDs.
static inline bool nj_engine_says_strings(const nj_engine *engine)
{
    return engine->prompt.answer != NJ_SAYS_SID;
}
/// Sets how answers are searched. Where they are no SIDs.
void nj_engine_plan_answer(nj_engine *engine);
/// Bytes of scratch_arena of a search W wide over B users, results included. SIZE_MAX on overflow.
size_t nj_engine_answer_bytes(const nj_engine *engine, uint32_t W, uint32_t B,
                              uint32_t chunk_rows_max);
/// Rows of its widest step, and its steps.
size_t nj_engine_answer_rows(const nj_engine *engine, uint32_t W, uint32_t B);
uint32_t nj_engine_answer_steps(const nj_engine *engine);
/// True when a search W wide finds every answer; `eligible` NULL: of all items.
bool nj_engine_answer_covers(const nj_engine *engine, const nj_eligible *eligible, uint32_t W);
/// Searches. Items stand in out->results by the leaves of their rows.
///
///   masks       [B]
///   exclusions  [B]
void nj_engine_answer(nj_engine *engine, const nj_beam_model *model, uint32_t W, uint32_t B,
                      const engine_mask *masks, const nj_exclusions *exclusions, findings *out);
/// Reads an answer in text back. Errors of nj_tokenizer_decode.
NJ_CHECKED nj_status nj_engine_read_text(nj_engine *engine, const nj_answer *answer, list_slot *out,
                                         nj_error *err);

// ---- engine_plan.c ----

/// Beams of a user's first search.
uint32_t nj_engine_beam(const nj_engine *engine);
/// Fills plan, limits and beam from settings, options, config and catalogue. NJ_CONFIG when a size overflows.
NJ_CHECKED nj_status nj_engine_make_plan(nj_engine *engine, nj_error *err);
/// How the model is opened, by the plan.
nj_generator_use nj_engine_use(const nj_engine *engine);

// ---- engine_masks.c ----

/// Bytes of all folded masks and what belongs to them. SIZE_MAX on overflow.
size_t nj_engine_masks_bytes(const nj_engine *engine);
/// Folds the masks of the catalogue up its trie, and finds how wide the searches of each may become. Behind nj_engine_make_plan.
///
/// Errors  NJ_INPUT: a mask and the trie do not fit; NJ_NO_MEMORY
NJ_CHECKED nj_status nj_engine_open_masks(nj_engine *engine, nj_error *err);
void nj_engine_close_masks(nj_engine *engine);
/// Bytes of batch_arena that the candidates of one user take; 0 where nobody has any.
size_t nj_engine_candidates_bytes(const nj_engine *engine);
/// What this user may get: his mask, and of that his candidates alone, folded in memory of batch_arena.
engine_mask nj_engine_user_mask(nj_engine *engine, const nj_request *request);

// ---- engine_popular.c ----

/// Builds the list of users without a known item from the bundle's counts, for every mask.
NJ_CHECKED nj_status nj_engine_make_popular(nj_engine *engine, nj_error *err);
/// Items that are kept of a mask's popular ones at the most.
size_t nj_engine_popular_max(const nj_engine *engine);
/// The list of a user who is not asked; borrowed until the next call.
nj_list nj_engine_cold_list(nj_engine *engine, const nj_request *request);

/// Beams of a search W wide that look for the best together: of a diverse one those of a group.
uint32_t nj_engine_reach(const nj_engine *engine, uint32_t W);

/// True when a search W wide finds everything that is eligible; NULL: every item is.
bool nj_engine_covers(const nj_engine *engine, const nj_eligible *eligible, uint32_t W);

// ---- engine_list.c ----

/// Appends an item whose score is what its source says, to the reserve where the list is full. False: that is full, too.
bool nj_list_take(const nj_engine *engine, list_slot *list, uint32_t row, float score,
                  uint32_t source);

/// Turns leaves into items: those of a leaf in catalogue order, excluded ones left out, at most `top`, and those behind them into the
/// reserve.
void nj_list_from_leaves(const nj_engine *engine, const nj_beam_result *result,
                         const nj_exclusions *exclusions, list_slot *out);

/// Keeps the search's trace with the list: sorted, each prefix once.
void nj_list_trace(const nj_engine *engine, const nj_beam_result *result, list_slot *out);

/// Sorts the distinct rows that a user must not get into `rows` (room for item_count and exclude_count) and gives the view. Takes no
/// memory: the C library's qsort may.
///
///   with_history  his own history too
nj_exclusions nj_exclusions_from(const nj_request *request, bool with_history, uint32_t *rows);

// ---- engine_same.c ----

// What decides a list, under the engine's settings and bundle.
typedef struct {
    const uint32_t *tokens; // [token_count] behind the prefix
    const uint32_t *words;  // [token_count] NULL: words are not counted
    uint32_t token_count;
    const nj_exclusions *exclusions;
    const nj_digest *mask;        // of the user's mask; NULL: every item
    const engine_mask *user_mask; // his candidates
    const nj_policy_user *
        policy_user; // with a policy the rows of the history decide too, beside their tokens; NULL: there is none
    bool has_draws; // and the user's id
} same_inputs;

/// Chooses how many lists are kept and gives the bytes that they take; 0 with the saving off.
size_t nj_same_bytes(nj_engine *engine);
/// Lays them out in the arena.
void nj_same_open(nj_engine *engine);
/// The key of a list.
nj_digest nj_same_key(const same_inputs *inputs);
/// NULL when it is not kept; borrowed until the next nj_same_keep.
const list_slot *nj_same_find(const nj_same *same, const nj_digest *key);
/// Keeps a copy of a list that is not kept yet.
void nj_same_keep(nj_same *same, const nj_digest *key, const list_slot *list);

#endif
