// engine_internal.h - what the engine's files share; nobody else includes it.
#ifndef NJ_WORKER_ENGINE_INTERNAL_H
#define NJ_WORKER_ENGINE_INTERNAL_H

#include "common/base/arena.h"
#include "common/catalogue/view.h"
#include "worker/beam/beam.h"
#include "worker/engine/engine.h"
#include "worker/t5/t5.h"

// The list of one user of a batch, kept while the scratch is used again.
typedef struct {
    uint32_t flags;
    uint32_t count;
    uint32_t *items; // [top]
    float *scores;   // [top]
} list_slot;

struct nj_engine {
    nj_settings settings;
    nj_engine_options options;
    nj_catalogue_view catalogue;
    nj_tensor_set *tensors; // owned view of the weights section
    nj_t5_config config;
    nj_t5 *model; // owned
    nj_engine_plan plan;
    nj_t5_limits limits;      // of a batch
    nj_t5_limits wide_limits; // of one user with W_wide beams
    nj_beam_config beam;
    uint32_t history_max; // items given to the encoder
    uint32_t chunk_rows;  // decoder rows computed at a time

    size_t batch_bytes;     // of batch_arena
    size_t search_bytes;    // of scratch_arena
    nj_arena batch_arena;   // requests of a batch, lists: lives for one batch
    nj_arena scratch_arena; // model and search: lives for one search
    uint32_t *popular;      // owned; [popular_count] rows of cold users' list
    float *popular_scores;  // owned; [popular_count]
    uint32_t popular_count;
};

/// Fills plan, limits and beam from settings, options, config and catalogue. NJ_CONFIG when a size overflows.
NJ_CHECKED nj_status nj_engine_make_plan(nj_engine *engine, nj_error *err);

/// Builds the list of users without a known item from the bundle's counts.
NJ_CHECKED nj_status nj_engine_make_popular(nj_engine *engine, nj_error *err);

/// Turns leaves into items: those of a leaf in catalogue order, excluded ones left out, at most `top`.
void nj_list_from_leaves(const nj_engine *engine, const nj_beam_result *result,
                         const nj_exclusions *exclusions, list_slot *out);

/// Sorts the distinct rows of a history into `rows` (room for item_count) and gives the view. Takes no memory: the C library's
/// qsort may.
nj_exclusions nj_exclusions_from(const nj_request *request, uint32_t *rows);

#endif
