// neighbours.h - for each item those that go with it, and how well: what co-visitation and item-kNN know of a catalogue.
//
//   histories ─► occurrences of each item ─► weights of its neighbours, the best kept ─► neighbours of all items
//
//   co-visitation   b goes with a by the times that b stood d places behind a:  sum of 1 / d^`distance`, and of `back` times that where it
//                   stood before
//   item-kNN        the cosine of the two items' columns of the user-item matrix, shrunk where few users had both:
//                   users of both / (sqrt(users of a * users of b) + shrink)
//
// A list scores each neighbour of each item of a history:  sum of weight * `fading`^k for the item k places before the last.
//
// Memory  to build: 13 bytes an interaction, and of each thread 12 bytes an item; to keep: 8 bytes a neighbour, at most
//         `neighbours_max` of each item. 12,101 items, 131,413 interactions, 200 neighbours: 19 MB at the most. 10 million items with
//         500 million interactions, 100 neighbours: 14 GB at the most, and 120 MB a thread.
#ifndef NJ_WORKER_BASELINE_NEIGHBOURS_H
#define NJ_WORKER_BASELINE_NEIGHBOURS_H

#include "common/base/pool.h"
#include "worker/baseline/recommender.h"

#define NJ_NEIGHBOURS_MAX 100000 // of an item

typedef enum { NJ_NEIGHBOURS_CO_VISITATION, NJ_NEIGHBOURS_COSINE } nj_neighbours_kind;

typedef struct {
    nj_neighbours_kind kind;
    uint32_t neighbours_max; // of an item
    uint32_t window;         // co-visitation: places that two items may be apart; 0: any
    double distance;         // co-visitation: exponent of the places that two items are apart
    double back;             // co-visitation: weight of an item that stood before, 0 to 1
    double shrink;           // cosine: at least 0
    double fading;           // of an item for each later one, above 0 to 1
    uint32_t history_max;    // the last items of a history that count; 0: all
} nj_neighbours_settings;

typedef struct {
    nj_neighbours_settings settings;
    uint32_t item_count;
    uint64_t *offset; // owned; [item_count + 1]
    uint32_t *items;  // owned; [offset[item_count]] best first
    float *weights;   // owned; likewise
} nj_neighbours;

/// What is taken where nothing is said; tuned on Beauty's validation items (ops/handbook/training.md).
nj_neighbours_settings nj_neighbours_defaults(nj_neighbours_kind kind);

/// Counts `training` over item_count rows. Each item's weights are summed in the order of users and places, in float64, and kept as
/// float32: bits do not depend on threads.
///
/// Errors  NJ_NO_MEMORY
/// Source  Deshpande, Karypis 2004, "Item-Based Top-N Recommendation Algorithms", section 4.1 (cosine; the nearest kept); shrinkage as in
///         Bell, Koren 2007, "Improved Neighborhood-based Collaborative Filtering"
/// Proof   tests/unit/baseline/test_neighbours.c against plain loops over all pairs
NJ_CHECKED nj_status nj_neighbours_build(const nj_user_table *training, uint32_t item_count,
                                         const nj_neighbours_settings *settings, nj_pool *pool,
                                         nj_neighbours *out, nj_error *err);
/// Accepts a struct that is all zero.
void nj_neighbours_fini(nj_neighbours *neighbours);

/// Lists from the neighbours, which are borrowed.
nj_recommender nj_neighbours_recommender(const nj_neighbours *neighbours);

#endif
