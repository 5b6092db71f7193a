// bundle_items.h - the sections of a bundle that policies use, from files and histories: attributes, vectors, neighbours, and the policy
// itself.
//
//   items.tsv ─► "attributes" ─┐
//   E.npy ─────► "vectors"     ├─► names ─► policy.yaml ─► "policy"
//   histories ─► "neighbours" ─┘
//
// A policy is read against the sections that the bundle will have, those that it had before among them.
#ifndef NJ_WORKER_ENGINE_BUNDLE_ITEMS_H
#define NJ_WORKER_ENGINE_BUNDLE_ITEMS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/bundle/bundle.h"
#include "common/catalogue/item_vectors.h"
#include "common/catalogue/users.h"
#include "common/catalogue/view.h"
#include "common/policy/item_attributes.h"
#include "worker/baseline/neighbours.h"

typedef struct {
    const char *policy_path; // policy.yaml; NULL: no new policy
    int64_t today;           // days since 1970: `until: today` of the policy
    nj_item_attributes_source attributes;
    const char *vectors_path;    // .npy; NULL: no new vectors
    const char *vector_ids_path; // ids of its rows, one a line; NULL: row i is of item i
    nj_vector_form vector_form;
    bool wants_neighbours;             // counted from the histories; without any, no item has one
    nj_neighbours_settings neighbours; // neighbours_max at most NJ_NEIGHBOUR_TABLE_MAX
    uint32_t threads;                  // that count neighbours; at least 1
} nj_bundle_items_request;

// What was made; a buffer without bytes is a section that was not asked for.
typedef struct {
    nj_buffer attributes; // owned, as the others
    nj_buffer vectors;
    nj_buffer neighbours;
    nj_buffer policy;
    uint64_t foreign_count; // items of the attributes' file that the catalogue does not have
} nj_bundle_items;

void nj_bundle_items_init(nj_bundle_items *made);
void nj_bundle_items_fini(nj_bundle_items *made);

/// Makes a section of vectors from a file: "vectors", or with NJ_VECTORS_GIVEN "collaborative".
///
///   ids_path  ids of the file's rows, one a line; NULL: row i is of item i
///
/// Errors  those of nj_npy_open, nj_idfile_read and nj_item_vectors_write
NJ_CHECKED nj_status nj_bundle_vectors_make(const char *path, const char *ids_path,
                                            const nj_idlist *items, nj_vector_form form,
                                            nj_buffer *out, nj_error *err);

/// Makes attributes, vectors and neighbours.
///
///   items, map  the catalogue's
///   histories   that neighbours are counted from; unused where none are wanted
///
/// Memory  the sections, and as nj_neighbours_build
/// Errors  those of nj_item_attributes_read, nj_item_vectors_write, nj_neighbours_build; NJ_NO_MEMORY
NJ_CHECKED nj_status nj_bundle_items_make(const nj_bundle_items_request *request,
                                          const nj_idlist *items, const nj_idmap *map,
                                          const nj_user_table *histories, nj_bundle_items *out,
                                          nj_error *err);

/// Puts what was made into `sections`, then makes the policy and puts it there too. Without a new policy the one that `sections` has
/// must fit them.
///
///   sections  those of the bundle to be; `view` is of them
///
/// Errors  those of nj_item_sections_open, nj_policy_read, nj_policy_unpack and nj_policy_check_answers
/// Proof   tests/unit/engine/test_bundle_items.c
NJ_CHECKED nj_status nj_bundle_items_put(const nj_bundle_items_request *request,
                                         const nj_catalogue_view *view, nj_bundle_items *made,
                                         nj_sections *sections, nj_error *err);

/// Opens the sections that a bundle has for policies, and its policy against them; `view` is of them. The errors of nj_bundle_items_put.
NJ_CHECKED nj_status nj_bundle_items_check(const nj_sections *sections,
                                           const nj_catalogue_view *view, nj_error *err);

#endif
