// bundle_options.h - the options for a bundle's sections of policies, which `bundle pack` and `run --embeddings` share.
#ifndef NJ_OPS_CLI_BUNDLE_OPTIONS_H
#define NJ_OPS_CLI_BUNDLE_OPTIONS_H

#include "common/cli/cli.h"
#include "common/input/instant.h"
#include "worker/engine/bundle_items.h"

#define NJ_BUNDLE_ITEMS_OPTIONS                                                                    \
    {"policy", "FILE", NULL, "what lists are to be like beside likely (policy.yaml)", false},      \
        {"attributes", "FILE", NULL,                                                               \
         "attributes of items for the policy: a table, JSON lines or Parquet", false},             \
        {"attribute-columns", "NAME[=N][,...]", NULL,                                              \
         "columns of --attributes that are words; of a path its first N parts", false},            \
        {"day-columns", "NAME[,...]", NULL,                                                        \
         "columns of --attributes that are days: dates, or seconds since 1970", false},            \
        {"item-vectors", "FILE", NULL,                                                             \
         "vectors that say how alike items are, .npy [items, width]", false},                      \
        {"vector-form", "float16|float32", "float16", "how --item-vectors are kept", false},       \
        {"neighbours", "co-visitation|item-knn", NULL,                                             \
         "count from --histories which items go with each item", false},                           \
        {"neighbours-max", "N", "200", "neighbours that are kept of each item", false},            \
        {"neighbours-distance", "X", NULL,                                                         \
         "co-visitation: exponent of the places between two items; default: 0.5", false},          \
        {"neighbours-back", "X", NULL,                                                             \
         "co-visitation: weight of items that stood before; default: 0.1", false},                 \
    {                                                                                              \
        "neighbours-shrink", "X", NULL, "item-knn: added to the divisor of a cosine; default: 40", \
            false                                                                                  \
    }

/// Reads them; paths are borrowed from the arguments. vector_ids_path is left to the caller.
///
///   as_of  when it is given as a date, the day that the policy calls today; else it is the clock's
///
/// Errors  NJ_USAGE names the option: an unknown word, a number outside its limits, one that the other kind of neighbours has, neighbours
///         without --histories
NJ_CHECKED nj_status nj_bundle_items_from(const nj_arguments *arguments, const nj_instant *as_of,
                                          nj_bundle_items_request *out, nj_error *err);

#endif
