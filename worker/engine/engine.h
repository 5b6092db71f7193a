// engine.h - users in, lists out: what connects a bundle, the model and the search.
//
//   requests ─► batches of B users ─► encoder tokens ─► T5 ─► beam search ─► lists (top items, flags)
//                                                       └── a user with too few items left: alone, with a wider beam
//
// A bundle with a policy (schemas/policy.md) has its stages between the search and the lists: engine_policy.c. One with a prompt
// (schemas/prompt.md) asks its users by that: engine_prompt.c; and may take strings of tokens or free text for answers: engine_answer.c.
//
// Everything is planned from the settings and the catalogue, allocated once in nj_engine_open, and nothing afterwards.
// Sections come from outside and are checked here; after NJ_OK every walk over them is safe.
#ifndef NJ_WORKER_ENGINE_ENGINE_H
#define NJ_WORKER_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/saving.h"
#include "common/bundle/bundle.h"
#include "common/codec/row.h"
#include "common/codec/settings.h"
#include "common/codec/shard.h"
#include "common/math/kernels.h"

// More users than this gain no speed, and their scratch leaves the caches.
#define NJ_ENGINE_BATCH_MAX 256
// A wider search than fits in this is not tried: the list is then as long as that width gives, and flagged short.
#define NJ_ENGINE_WIDE_BYTES_MAX ((size_t)1 << 30)

typedef struct nj_engine nj_engine;

// How an engine computes; what it computes is in the settings. Nothing here changes a byte of a list, but for the numeric class of
// the kernels.
typedef struct {
    uint32_t batch_users;      // B, 1..NJ_ENGINE_BATCH_MAX
    const nj_kernels *kernels; // borrowed for the life of the engine
    nj_savings savings;        // work that may be left out
    size_t bytes_max;          // a larger plan is refused
} nj_engine_options;

/// 16 users, every saving, no limit.
nj_engine_options nj_engine_options_default(const nj_kernels *kernels);

// What one engine holds, in bytes, known before anything is allocated.
typedef struct {
    size_t mapped_bytes; // sections, shared through the page cache
    size_t model_bytes;  // packed weights, folded masks and a policy's tables
    // requests and lists of a batch, its search or that of a widened user, whichever is larger, and the lists that are kept
    size_t scratch_bytes;
    uint32_t B;             // users a batch
    uint32_t W;             // beams a user
    uint32_t W_wide;        // the widest search that is planned for
    uint32_t S;             // longest encoder sequence in tokens
    uint32_t prefix_tokens; // beside S: that all prompts begin with, read once by a worker
    // Lists of NJ_SAVING_SAME_HISTORY: sets of kept_ways, the oldest of a set gives way; 0: none is kept
    uint32_t kept_sets;
    uint32_t kept_ways;
    uint32_t history_max; // items of a history that are encoded
} nj_engine_plan;

/// One user's list; borrowed for the duration of the sink's call.
typedef struct {
    uint32_t flags; // NJ_ROW_* of common/codec/row.h
    uint32_t count;
    const uint32_t *items; // [count] catalogue rows, best first
    // [count] log-probabilities; of a cold user's list the logarithm of each item's share of the counts; with a policy what it makes of
    // them, not always falling
    const float *scores;
    const uint32_t *trace; // [trace_count] what the search looked at (row.h); NULL: not said
    uint32_t trace_count;
    const nj_why *why; // [count] why each is there, where the settings ask for it; else NULL
    // [reserve_count] catalogue rows that would have been listed next, best first, none of them listed; at most settings.reserve
    const uint32_t *reserve;
    uint32_t reserve_count;
    nj_slice
        text; // what a model that answers in text said, and then there are no items; bytes NULL: it does not answer in text
    nj_history_digest history; // of the known items, those that were not encoded included
} nj_list;

/// Takes the list of requests[index]; called once a request, in order. A status other than NJ_OK ends the decoding.
typedef nj_status (*nj_list_sink)(void *context, size_t index, const nj_list *list, nj_error *err);

/// Checks every section, plans, and allocates what was planned. `sections` are borrowed for the life of the engine; `settings` and
/// `options` are copied and within their limits (asserted).
///
/// Errors  NJ_INPUT names section, rule and numbers; NJ_CONFIG: the model's vocabulary and the catalogue's tokens do not fit, the policy does
///         not fit bundle, settings, masks or answers (with its line), the prompt does not fit the model, or the plan is larger than bytes_max (both numbers; the model and the scratch
///         are not allocated then); NJ_NO_MEMORY. `*out` is then unchanged.
/// Proof   tests/unit/engine/test_engine_hostile.c, tests/unit/engine/test_engine_memory.c
NJ_CHECKED nj_status nj_engine_open(const nj_sections *sections, const nj_settings *settings,
                                    const nj_engine_options *options, nj_engine **out,
                                    nj_error *err);
void nj_engine_close(nj_engine **engine);

/// The plan alone, without the model and the scratch being made: the errors of nj_engine_open up to there.
NJ_CHECKED nj_status nj_engine_plan_sections(const nj_sections *sections,
                                             const nj_settings *settings,
                                             const nj_engine_options *options, nj_engine_plan *out,
                                             nj_error *err);

const nj_engine_plan *nj_engine_plan_of(const nj_engine *engine);
/// All that a plan holds: what is mapped, the model and the scratch. SIZE_MAX when the sum does not fit.
size_t nj_engine_plan_bytes(const nj_engine_plan *plan);
/// Catalogue rows; requests must name only rows below this.
uint32_t nj_engine_item_count(const nj_engine *engine);
/// Masks; requests must have one below this. At least 1.
uint32_t nj_engine_mask_count(const nj_engine *engine);
/// Borrowed for the life of the engine.
nj_slice nj_engine_item_id(const nj_engine *engine, uint32_t row);
/// The L codes of a catalogue row; borrowed for the life of the engine.
const uint16_t *nj_engine_item_sid(const nj_engine *engine, uint32_t row, uint32_t *out_levels);

/// Decodes. Requests name rows below nj_engine_item_count. Lists of batches before the one that fails have been given.
///
/// Errors  NJ_PROTOCOL: a longer history, more exclusions or candidates than the settings planned for, or no such mask; NJ_INPUT: he cannot
///         be asked by the prompt (nj_prompt_write); NJ_FAILED: the model gives NaN or infinity; all name the user. The engine can be used
///         again afterwards.
/// Memory  nothing is allocated, but for what a tokenizer takes while a user's own text is read or an answer in text is read back
/// Proof   tests/parity/test_decode.c, tests/unit/engine/test_engine.c
NJ_CHECKED nj_status nj_engine_decode(nj_engine *engine, const nj_request *requests, size_t count,
                                      nj_list_sink sink, void *context, nj_error *err);

/// Forgets the lists that NJ_SAVING_SAME_HISTORY keeps from one call to the next: who decodes users again, to compare the rows or to
/// measure, wants them decoded and not remembered.
/// Proof   tests/unit/engine/test_engine_same.c
void nj_engine_forget(nj_engine *engine);

/// Appends the list as a stored row (common/codec/row.h).
NJ_CHECKED nj_status nj_engine_pack_row(const nj_engine *engine, const nj_list *list,
                                        nj_buffer *out);

#endif
