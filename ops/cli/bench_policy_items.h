// bench_policy_items.h - made-up sections of items, so that every policy has something to work on: attributes, vectors, neighbours, counts.
//
// The same in every run. "category" has 20 values, c0 to c19, and "brand" 500, b0 to b499; "added" is one of the last 1000 days before
// 2026-01-01. Every item has 50 neighbours and a vector of 64 float16; one item in 20 has not been seen in training.
#ifndef NJ_OPS_CLI_BENCH_POLICY_ITEMS_H
#define NJ_OPS_CLI_BENCH_POLICY_ITEMS_H

#include "common/bundle/bundle.h"
#include "common/catalogue/view.h"

#define NJ_BENCH_POLICY_UNSEEN 20 // one item in so many

enum { NJ_BENCH_POLICY_SECTIONS = 4 };

// Owned: nj_bench_policy_items_fini.
typedef struct {
    void *bytes[NJ_BENCH_POLICY_SECTIONS]; // aligned to 64
} nj_bench_policy_items;

/// Sets `*out_sections` to the given ones without their policy and with what is made up: attributes and counts in any case, vectors and
/// neighbours where there are none. The sections borrow from both.
///
/// Errors  NJ_NO_MEMORY; NJ_INPUT: no room for them. `*out` is to be ended all the same
NJ_CHECKED nj_status nj_bench_policy_items_make(const nj_sections *sections,
                                                const nj_catalogue_view *catalogue,
                                                nj_bench_policy_items *out,
                                                nj_sections *out_sections, nj_error *err);
/// Accepts a struct that is all zero.
void nj_bench_policy_items_fini(nj_bench_policy_items *items);

#endif
