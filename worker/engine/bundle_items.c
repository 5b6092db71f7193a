#include "worker/engine/bundle_items.h"

#include "common/catalogue/neighbour_table.h"
#include "common/catalogue/section_names.h"
#include "common/input/idfile.h"
#include "common/policy/policy_check.h"
#include "common/policy/policy_pack.h"
#include "common/policy/policy_read.h"

#define SECTION_BYTES_MAX ((size_t)1 << 42)

void nj_bundle_items_init(nj_bundle_items *made)
{
    *made = (nj_bundle_items){0};
    nj_buffer_init(&made->attributes, SECTION_BYTES_MAX);
    nj_buffer_init(&made->vectors, SECTION_BYTES_MAX);
    nj_buffer_init(&made->neighbours, SECTION_BYTES_MAX);
    nj_buffer_init(&made->policy, SECTION_BYTES_MAX);
}

void nj_bundle_items_fini(nj_bundle_items *made)
{
    nj_buffer_fini(&made->attributes);
    nj_buffer_fini(&made->vectors);
    nj_buffer_fini(&made->neighbours);
    nj_buffer_fini(&made->policy);
}

// ---- sections of items ----

// Ids of the rows of a file; the list is borrowed from the block.
static nj_status read_ids(const char *path, nj_buffer *block, nj_idlist *out, nj_error *err)
{
    nj_idlist_builder builder;
    nj_idlist_builder_init(&builder);
    nj_status status = nj_idfile_read(path, &builder, err);
    if (status == NJ_OK && nj_idlist_builder_write(&builder, block) != NJ_OK) {
        status = nj_fail(err, NJ_NO_MEMORY, "%s: no memory for its ids", path);
    }
    nj_idlist_builder_fini(&builder);
    return status == NJ_OK ? nj_idlist_open(block->bytes, block->size, path, out, err) : status;
}

nj_status nj_bundle_vectors_make(const char *path, const char *ids_path, const nj_idlist *items,
                                 nj_vector_form form, nj_buffer *out, nj_error *err)
{
    nj_npy npy;
    nj_idlist ids;
    nj_buffer block;
    nj_status status = nj_npy_open(path, &npy, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_buffer_init(&block, SECTION_BYTES_MAX);
    if (ids_path != NULL) {
        status = read_ids(ids_path, &block, &ids, err);
    }
    if (status == NJ_OK) {
        status = nj_item_vectors_write(&npy, items, ids_path != NULL ? &ids : NULL, form, out, err);
    }
    nj_buffer_fini(&block);
    nj_npy_close(&npy);
    return status;
}

// Weights that are 0 as float32 say nothing: of an item they stand last, and are left out.
static void drop_zeros(nj_neighbours *neighbours)
{
    uint64_t kept = 0;
    uint64_t from = 0;
    for (uint32_t row = 0; row < neighbours->item_count; row++) {
        const uint64_t end = neighbours->offset[row + 1];
        for (; from < end; from++) {
            if (neighbours->weights[from] > 0) {
                neighbours->items[kept] = neighbours->items[from];
                neighbours->weights[kept++] = neighbours->weights[from];
            }
        }
        neighbours->offset[row + 1] = kept;
    }
}

static nj_status make_neighbours(const nj_bundle_items_request *request,
                                 const nj_user_table *histories, uint32_t N, nj_buffer *out,
                                 nj_error *err)
{
    nj_pool *pool = NULL;
    nj_neighbours neighbours = {0};
    nj_status status = nj_pool_new(request->threads, &pool, err);
    if (status == NJ_OK) {
        status = nj_neighbours_build(histories, N, &request->neighbours, pool, &neighbours, err);
    }
    if (status == NJ_OK) {
        drop_zeros(&neighbours);
        const bool is_cosine = request->neighbours.kind == NJ_NEIGHBOURS_COSINE;
        const nj_neighbour_table table = {.row_count = N,
                                          .kind = is_cosine ? NJ_NEIGHBOUR_ITEM_KNN
                                                            : NJ_NEIGHBOUR_CO_VISITATION,
                                          .edge_count = neighbours.offset[N],
                                          .offset = neighbours.offset,
                                          .rows = neighbours.items,
                                          .weights = neighbours.weights};
        status = nj_neighbour_table_write(&table, out, err);
    }
    nj_neighbours_fini(&neighbours);
    nj_pool_free(&pool);
    return status;
}

nj_status nj_bundle_items_make(const nj_bundle_items_request *request, const nj_idlist *items,
                               const nj_idmap *map, const nj_user_table *histories,
                               nj_bundle_items *out, nj_error *err)
{
    nj_status status = NJ_OK;
    if (request->attributes.path != NULL) {
        status = nj_item_attributes_read(&request->attributes, items, map, &out->attributes,
                                         &out->foreign_count, err);
    }
    if (status == NJ_OK && request->vectors_path != NULL) {
        status = nj_bundle_vectors_make(request->vectors_path, request->vector_ids_path, items,
                                        request->vector_form, &out->vectors, err);
    }
    if (status == NJ_OK && request->wants_neighbours) {
        status = make_neighbours(request, histories, (uint32_t)items->count, &out->neighbours, err);
    }
    return status;
}

// ---- the policy ----

// Reads the new policy, or tries whether the one that is there fits the sections.
static nj_status make_policy(const nj_bundle_items_request *request, const nj_policy_names *names,
                             uint32_t needs, nj_sections *sections, nj_buffer *out, nj_error *err)
{
    nj_policy policy;
    const char *path = request->policy_path;
    const nj_section *there = nj_sections_find(sections, NJ_SECTION_POLICY);
    if (path == NULL && there == NULL) {
        return NJ_OK;
    }
    nj_status status = path != NULL
                           ? nj_policy_read(path, names, &policy, err)
                           : nj_policy_unpack(there->bytes, there->size, names, &policy, err);
    if (status == NJ_OK) {
        status = nj_policy_check_answers(&policy, needs, path != NULL ? path : "section \"policy\"",
                                         err);
    }
    if (status == NJ_OK && path != NULL) {
        status = nj_policy_pack(&policy, names, out, err);
    }
    if (status == NJ_OK && path != NULL) {
        nj_sections_put(sections, NJ_SECTION_POLICY, out->bytes, out->size);
    }
    return status;
}

static void put(nj_sections *sections, const char *name, const nj_buffer *made)
{
    if (made->size > 0) {
        nj_sections_put(sections, name, made->bytes, made->size);
    }
}

nj_status nj_bundle_items_put(const nj_bundle_items_request *request, const nj_catalogue_view *view,
                              nj_bundle_items *made, nj_sections *sections, nj_error *err)
{
    nj_item_sections opened;
    nj_policy_names names;
    put(sections, NJ_SECTION_ATTRIBUTES, &made->attributes);
    put(sections, NJ_SECTION_VECTORS, &made->vectors);
    put(sections, NJ_SECTION_NEIGHBOURS, &made->neighbours);
    nj_status status = nj_policy_names_open(sections, view, request->today, &opened, &names, err);
    return status == NJ_OK ? make_policy(request, &names, view->needs, sections, &made->policy, err)
                           : status;
}

nj_status nj_bundle_items_check(const nj_sections *sections, const nj_catalogue_view *view,
                                nj_error *err)
{
    static const nj_bundle_items_request NOTHING_NEW = {0};
    nj_bundle_items nothing = {0};
    nj_sections there = *sections;
    return nj_bundle_items_put(&NOTHING_NEW, view, &nothing, &there, err);
}
