#include "common/catalogue/catalogue.h"
#include "common/catalogue/tokens.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/base/checked.h"
#include "common/catalogue/catalogue_parts.h"
#include "common/input/idfile.h"

#define LOAD_BLOCK_ROWS 4096
#define ROW_NUMBER_BYTES 24

// ---- putting one together ----

void nj_catalogue_free(nj_catalogue **catalogue)
{
    if (*catalogue != NULL) {
        nj_buffer_fini(&(*catalogue)->item_block);
        free((*catalogue)->codes);
        free((*catalogue)->retired);
        free((*catalogue)->codebook_values);
        free((*catalogue)->child_offsets);
        free((*catalogue)->transform_values);
        free(*catalogue);
        *catalogue = NULL;
    }
}

void nj_catalogue_take_model(nj_catalogue *catalogue, nj_quant_model *model)
{
    catalogue->codebooks = model->codebooks;
    catalogue->transform = model->transform;
    catalogue->codebook_values = model->codebook_values;
    catalogue->child_offsets = model->child_offsets;
    catalogue->transform_values = model->transform_values;
    *model = (nj_quant_model){0};
}

void nj_catalogue_give_model(nj_catalogue *catalogue, nj_quant_model *out)
{
    *out = (nj_quant_model){.codebooks = catalogue->codebooks,
                            .transform = catalogue->transform,
                            .codebook_values = catalogue->codebook_values,
                            .child_offsets = catalogue->child_offsets,
                            .transform_values = catalogue->transform_values};
    nj_quant_model none = {0};
    nj_catalogue_take_model(catalogue, &none);
}

nj_status nj_catalogue_begin(size_t N, size_t L, const char *what, nj_catalogue **out,
                             nj_error *err)
{
    if (L < 1 || L > NJ_LEVELS_MAX) {
        return nj_fail(err, NJ_INPUT, "%s: %zu levels, must be 1 to %d", what, L, NJ_LEVELS_MAX);
    }
    if (N < 1 || N > NJ_IDLIST_COUNT_MAX) {
        return nj_fail(err, NJ_INPUT, "%s: %zu items, must be 1 to %u", what, N,
                       NJ_IDLIST_COUNT_MAX);
    }
    nj_catalogue *catalogue = calloc(1, sizeof *catalogue);
    if (catalogue != NULL) {
        nj_buffer_init(&catalogue->item_block, SIZE_MAX / 2);
        catalogue->codes = calloc(N * L, sizeof *catalogue->codes);
    }
    if (catalogue == NULL || catalogue->codes == NULL) {
        nj_catalogue_free(&catalogue);
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory for %zu SIDs", what, N);
    }
    catalogue->sids =
        (nj_sids){.codes = catalogue->codes, .row_count = (uint32_t)N, .level_count = (uint32_t)L};
    *out = catalogue;
    return NJ_OK;
}

static nj_status number_rows(uint32_t row_count, nj_idlist_builder *builder)
{
    nj_status status = NJ_OK;
    for (uint32_t row = 0; row < row_count && status == NJ_OK; row++) {
        char text[ROW_NUMBER_BYTES];
        int length = snprintf(text, sizeof text, "%" PRIu32, row);
        status = nj_idlist_builder_add(builder, (nj_slice){text, (size_t)length});
    }
    return status;
}

nj_status nj_catalogue_set_items(nj_catalogue *catalogue, const nj_idlist_builder *builder,
                                 nj_error *err)
{
    nj_buffer block;
    nj_idlist items;
    nj_buffer_init(&block, SIZE_MAX / 2);
    nj_status status = nj_idlist_builder_write(builder, &block);
    if (status != NJ_OK) {
        status = nj_fail(err, status, "no memory for %zu item ids", builder->count);
    } else {
        status = nj_idlist_open(block.bytes, block.size, "item ids", &items, err);
    }
    if (status != NJ_OK) {
        nj_buffer_fini(&block);
        return status;
    }
    nj_buffer_fini(&catalogue->item_block);
    catalogue->item_block = block;
    catalogue->items = items;
    return NJ_OK;
}

nj_status nj_catalogue_name_items(nj_catalogue *catalogue, const char *ids_path, nj_error *err)
{
    uint32_t N = catalogue->sids.row_count;
    nj_idlist_builder builder;
    nj_status status;
    nj_idlist_builder_init(&builder);
    if (ids_path != NULL) {
        status = nj_idfile_read(ids_path, &builder, err);
        if (status == NJ_OK && builder.count != N) {
            status = nj_fail(err, NJ_INPUT, "%s: %zu ids, there are %" PRIu32 " items", ids_path,
                             builder.count, N);
        }
        if (status != NJ_OK) {
            goto done;
        }
    } else {
        status = number_rows(N, &builder);
    }
    if (status != NJ_OK) {
        status = nj_fail(err, status, "no memory for %" PRIu32 " item ids", N);
        goto done;
    }
    status = nj_catalogue_set_items(catalogue, &builder, err);
done:
    nj_idlist_builder_fini(&builder);
    return status;
}

nj_status nj_catalogue_apply(nj_catalogue *catalogue, const nj_catalogue_options *options,
                             nj_error *err)
{
    catalogue->token_base = options->token_base;
    if (options->template != NULL) {
        catalogue->template = *options->template;
    }
    return nj_catalogue_name_items(catalogue, options->ids_path, err);
}

static nj_digest digest_items(const nj_idlist *items)
{
    nj_digester digester;
    nj_digester_init(&digester);
    nj_digester_update_u64(&digester, items->count);
    for (size_t i = 0; i < items->count; i++) {
        nj_slice id = nj_idlist_at(items, i);
        nj_digester_update_sized(&digester, id.bytes, id.size);
    }
    return nj_digester_final(&digester);
}

static nj_digest digest_sids(const nj_sids *sids)
{
    nj_digester digester;
    nj_digester_init(&digester);
    nj_digester_update_u64(&digester, sids->row_count);
    nj_digester_update_u64(&digester, sids->level_count);
    for (uint32_t l = 0; l < sids->level_count; l++) {
        nj_digester_update_u64(&digester, sids->codes_per_level[l]);
    }
    size_t count = (size_t)sids->row_count * sids->level_count;
    nj_digester_update(&digester, sids->codes, count * sizeof *sids->codes);
    return nj_digester_final(&digester);
}

static nj_digest digest_retired(const nj_catalogue *catalogue)
{
    nj_digester digester;
    nj_digester_init(&digester);
    nj_digester_update_u64(&digester, catalogue->sids.row_count);
    nj_digester_update(&digester, catalogue->retired, catalogue->sids.row_count);
    return nj_digester_final(&digester);
}

void nj_catalogue_retire_take(nj_catalogue *catalogue, uint8_t **marks)
{
    uint32_t count = 0;
    for (uint32_t row = 0; *marks != NULL && row < catalogue->sids.row_count; row++) {
        count += (*marks)[row];
    }
    if (count == 0) {
        free(*marks);
        *marks = NULL;
    }
    free(catalogue->retired);
    catalogue->retired = *marks;
    catalogue->sids.retired = *marks;
    catalogue->retired_count = count;
    catalogue->retired_digest = count > 0 ? digest_retired(catalogue) : (nj_digest){0};
    *marks = NULL;
}

nj_digest nj_catalogue_map_digest(const nj_catalogue *catalogue, uint32_t row_count)
{
    const nj_sids *sids = &catalogue->sids;
    nj_digester digester;
    nj_digester_init(&digester);
    nj_digester_update_u64(&digester, sids->level_count);
    for (uint32_t l = 0; l < sids->level_count; l++) {
        nj_digester_update_u64(&digester, sids->codes_per_level[l]);
    }
    nj_digester_update_u64(&digester, row_count);
    for (uint32_t row = 0; row < row_count; row++) {
        nj_slice id = nj_idlist_at(&catalogue->items, row);
        nj_digester_update_sized(&digester, id.bytes, id.size);
        nj_digester_update(&digester, sids->codes + (size_t)row * sids->level_count,
                           sids->level_count * sizeof *sids->codes);
    }
    return nj_digester_final(&digester);
}

nj_status nj_catalogue_finish(nj_catalogue *catalogue, const char *what, nj_error *err)
{
    nj_status status = nj_sids_check(&catalogue->sids, err);
    if (status != NJ_OK) {
        nj_error_prefix(err, "%s", what);
        return status;
    }
    status = nj_level_token_bases(&catalogue->sids, catalogue->token_base, what,
                                  catalogue->level_token_base, err);
    if (status == NJ_OK) {
        catalogue->items_digest = digest_items(&catalogue->items);
        catalogue->sids_digest = digest_sids(&catalogue->sids);
        if (catalogue->codebooks.level_count > 0) {
            catalogue->codebooks_digest =
                nj_quant_model_digest(&catalogue->codebooks, &catalogue->transform);
        }
    }
    return status;
}

// Takes over whole numbers as codes. `row` is that of the first.
static nj_status take_codes(nj_catalogue *catalogue, const nj_npy *npy, size_t row,
                            const int64_t *values, size_t count, nj_error *err)
{
    uint32_t L = catalogue->sids.level_count;
    for (size_t i = 0; i < count; i++) {
        uint32_t K = catalogue->sids.codes_per_level[i % L];
        if (values[i] < 0 || values[i] >= K) {
            return nj_fail(err, NJ_INPUT,
                           "%s: row %zu, level %zu: code %" PRId64 ", must be 0 to %" PRIu32
                           " (%" PRIu32 " codes)",
                           npy->path, row + i / L, i % L, values[i], K - 1, K);
        }
        catalogue->codes[row * L + i] = (uint16_t)values[i];
    }
    return NJ_OK;
}

nj_status nj_catalogue_load_sids(nj_catalogue *catalogue, const nj_npy *npy, nj_error *err)
{
    size_t N = catalogue->sids.row_count;
    size_t L = catalogue->sids.level_count;
    int64_t *values = malloc(LOAD_BLOCK_ROWS * L * sizeof *values);
    if (values == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory to read it", npy->path);
    }
    nj_status status = NJ_OK;
    for (size_t row = 0; row < N && status == NJ_OK; row += LOAD_BLOCK_ROWS) {
        size_t count = nj_min_size(LOAD_BLOCK_ROWS, N - row) * L;
        status = nj_npy_read_i64(npy, row * L, count, values, err);
        if (status == NJ_OK) {
            status = take_codes(catalogue, npy, row, values, count, err);
        }
    }
    free(values);
    return status;
}

// ---- counting ----

static void count_leaves(const nj_trie *trie, nj_catalogue_summary *summary)
{
    uint32_t leaf_count = trie->node_count[trie->level_count];
    summary->distinct_sid_count = leaf_count;
    for (uint32_t leaf = 0; leaf < leaf_count; leaf++) {
        uint32_t count = trie->leaf_offset[leaf + 1] - trie->leaf_offset[leaf];
        summary->sharing_item_count += count > 1 ? count : 0;
        if (count > summary->largest_leaf_item_count) {
            summary->largest_leaf_item_count = count;
        }
    }
}

// The leaves below a node of the last level but one are consecutive, and so are their items.
static void count_prefixes(const nj_trie *trie, nj_catalogue_summary *summary)
{
    uint32_t level = trie->level_count - 1;
    for (uint32_t node = 0; node < trie->node_count[level]; node++) {
        nj_trie_children_span leaves = nj_trie_children(trie, level, node);
        uint32_t count =
            trie->leaf_offset[leaves.first + leaves.count] - trie->leaf_offset[leaves.first];
        summary->collision_item_count += count > 1 ? count : 0;
        if (count > summary->largest_prefix_item_count) {
            summary->largest_prefix_item_count = count;
        }
    }
}

nj_status nj_catalogue_show(const nj_catalogue *catalogue, nj_catalogue_summary *out, nj_error *err)
{
    const nj_sids *sids = &catalogue->sids;
    uint32_t last = sids->level_count - 1;
    nj_catalogue_summary summary = {
        .item_count = sids->row_count,
        .retired_count = catalogue->retired_count,
        .level_count = sids->level_count,
        .token_base = catalogue->token_base,
        .token_end = catalogue->level_token_base[last] + sids->codes_per_level[last],
        .has_suffix = catalogue->has_suffix,
        .kind = catalogue->codebooks.kind,
        .embedding_width = nj_catalogue_embedding_width(catalogue),
    };
    memcpy(summary.codes_per_level, sids->codes_per_level, sizeof summary.codes_per_level);
    nj_buffer bytes;
    nj_trie trie;
    nj_buffer_init(&bytes, SIZE_MAX / 2);
    nj_status status = nj_trie_build(sids, &bytes, err);
    if (status == NJ_OK) {
        status = nj_trie_open(bytes.bytes, bytes.size, sids->row_count, &trie, err);
    }
    if (status == NJ_OK) {
        count_leaves(&trie, &summary);
        if (catalogue->has_suffix) {
            count_prefixes(&trie, &summary);
        } else {
            summary.collision_item_count = summary.sharing_item_count;
            summary.largest_prefix_item_count = summary.largest_leaf_item_count;
        }
        *out = summary;
    }
    nj_buffer_fini(&bytes);
    return status;
}
