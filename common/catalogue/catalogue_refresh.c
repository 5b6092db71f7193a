#include "common/catalogue/catalogue_refresh.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/catalogue/catalogue_parts.h"
#include "common/catalogue/refresh_parts.h"
#include "common/input/idfile.h"

#define ITEMS_NAMED_MAX 80 // bytes of an id in a message

// ---- who is there tonight ----

static nj_status fail_memory(const nj_refreshing *r, nj_error *err)
{
    return nj_fail(err, NJ_NO_MEMORY, "%s: no memory to refresh %" PRIu32 " items by %zu",
                   r->config->ids_path, r->old->sids.row_count, r->tonight.count);
}

static bool was_sold(const nj_refreshing *r, size_t row)
{
    return r->old->sids.retired == NULL || r->old->sids.retired[row] == 0;
}

// Gives tonight's item number `line` its row. The marks of old rows begin as "retired" and are taken away here.
static nj_status place_item(nj_refreshing *r, const nj_idmap *map, size_t line)
{
    nj_slice id = nj_idlist_builder_at(&r->tonight, line);
    size_t row = nj_idmap_find(map, id, nj_idmap_at_list, &r->old->items);
    if (row == NJ_IDMAP_NONE) {
        r->row_of[line] = r->report.old_count + r->report.added_count;
        r->line_of[r->report.added_count++] = (uint32_t)line;
        return nj_idlist_builder_add(&r->items, id);
    }
    r->row_of[line] = (uint32_t)row;
    r->retired[row] = 0;
    if (was_sold(r, row)) {
        r->report.kept_count++;
    } else {
        r->report.returned_count++;
    }
    return NJ_OK;
}

static nj_status place_items(nj_refreshing *r, nj_error *err)
{
    nj_idmap map;
    nj_idmap_init(&map);
    nj_status status = nj_idmap_build(&map, &r->old->items, "items of the catalogue", err);
    for (size_t line = 0; line < r->tonight.count && status == NJ_OK; line++) {
        status = place_item(r, &map, line);
        if (status != NJ_OK) {
            status = fail_memory(r, err);
        }
    }
    nj_idmap_fini(&map);
    return status;
}

static nj_status copy_old_items(nj_refreshing *r, nj_error *err)
{
    nj_status status = NJ_OK;
    for (size_t row = 0; row < r->old->items.count && status == NJ_OK; row++) {
        status = nj_idlist_builder_add(&r->items, nj_idlist_at(&r->old->items, row));
    }
    return status == NJ_OK ? NJ_OK : fail_memory(r, err);
}

static nj_status read_tonight(nj_refreshing *r, nj_error *err)
{
    nj_status status = nj_idfile_read(r->config->ids_path, &r->tonight, err);
    if (status != NJ_OK) {
        return status;
    }
    size_t row_count = 0;
    if (!nj_add_size(r->old->sids.row_count, r->tonight.count, &row_count) ||
        row_count > NJ_IDLIST_COUNT_MAX) {
        return nj_fail(err, NJ_INPUT, "%s: %zu ids and %" PRIu32 " items, together at most %u",
                       r->config->ids_path, r->tonight.count, r->old->sids.row_count,
                       NJ_IDLIST_COUNT_MAX);
    }
    r->report.tonight_count = (uint32_t)r->tonight.count;
    r->row_of = malloc(r->tonight.count * sizeof *r->row_of);
    r->line_of = malloc(r->tonight.count * sizeof *r->line_of);
    r->retired = calloc(row_count, 1);
    if (r->row_of == NULL || r->line_of == NULL || r->retired == NULL) {
        return fail_memory(r, err);
    }
    memset(r->retired, 1, r->old->sids.row_count);
    status = copy_old_items(r, err);
    return status == NJ_OK ? place_items(r, err) : status;
}

// ---- the guards ----

// A list of another length than its array is the likelier mistake, so it is named before the missing items are.
static nj_status check_lengths(const nj_refreshing *r, nj_error *err)
{
    const char *path =
        r->config->embeddings_path != NULL ? r->config->embeddings_path : r->config->sids_path;
    if (path == NULL) {
        return NJ_OK;
    }
    nj_npy npy;
    nj_status status = nj_npy_open(path, &npy, err);
    if (status != NJ_OK) {
        return status;
    }
    if (npy.dim_count > 0 && npy.shape[0] != r->tonight.count) {
        status = nj_fail(err, NJ_INPUT, "%s: %zu rows, %s has %zu ids", path, npy.shape[0],
                         r->config->ids_path, r->tonight.count);
    }
    nj_npy_close(&npy);
    return status;
}

static nj_status check_counts(nj_refreshing *r, nj_error *err)
{
    const uint32_t sold = r->old->sids.row_count - r->old->retired_count;
    r->report.retired_count = sold - r->report.kept_count;
    r->report.gone_count =
        r->old->retired_count - r->report.returned_count + r->report.retired_count;
    if (100.0 * r->report.retired_count > r->config->retired_percent_max * sold) {
        return nj_fail(err, NJ_REFUSED,
                       "%s: %" PRIu32 " of %" PRIu32
                       " items that are sold are missing (%.1f %%), --max-retired is %g: is the "
                       "list whole?",
                       r->config->ids_path, r->report.retired_count, sold,
                       100.0 * r->report.retired_count / sold, r->config->retired_percent_max);
    }
    if (r->report.added_count > 0 && r->config->embeddings_path == NULL &&
        r->config->sids_path == NULL) {
        const nj_slice id = nj_idlist_builder_at(&r->tonight, r->line_of[0]);
        return nj_fail(err, NJ_INPUT,
                       "%s: line %" PRIu32 ": \"%.*s\" is new, as are %" PRIu32
                       " others: --embeddings or --sids must say which SIDs they get",
                       r->config->ids_path, r->line_of[0] + 1,
                       (int)nj_min_size(id.size, ITEMS_NAMED_MAX), id.bytes,
                       r->report.added_count - 1);
    }
    return NJ_OK;
}

// ---- the catalogue afterwards ----

static nj_status copy_old_codes(nj_refreshing *r, nj_error *err)
{
    const nj_sids *sids = &r->old->sids;
    const size_t old_codes = (size_t)sids->row_count * sids->level_count;
    size_t count;
    if (nj_mul_size(r->items.count, sids->level_count, &count)) {
        r->codes = calloc(count, sizeof *r->codes);
    }
    if (r->codes == NULL) {
        return fail_memory(r, err);
    }
    memcpy(r->codes, sids->codes, old_codes * sizeof *r->codes);
    return NJ_OK;
}

static nj_status fill_codes(nj_refreshing *r, nj_error *err)
{
    nj_status status = copy_old_codes(r, err);
    if (status == NJ_OK && r->config->learn != NULL) {
        return nj_refresh_by_refit(r, err);
    }
    if (status == NJ_OK && r->config->embeddings_path != NULL) {
        status = nj_refresh_from_embeddings(r, err);
    }
    if (status == NJ_OK && r->config->sids_path != NULL) {
        status = nj_refresh_from_sids(r, err);
    }
    return status;
}

static void take_codebooks(nj_catalogue *catalogue, nj_fitted *fitted)
{
    free(catalogue->codebook_values);
    free(catalogue->child_offsets);
    free(catalogue->transform_values);
    catalogue->codebooks = fitted->codebooks;
    catalogue->transform = fitted->transform;
    catalogue->codebook_values = fitted->codebook_values;
    catalogue->child_offsets = fitted->child_offsets;
    catalogue->transform_values = fitted->transform_values;
    *fitted = (nj_fitted){0};
}

// Nothing fails behind nj_catalogue_set_items: every code is below its K, and the tokens are those of before.
static nj_status change_catalogue(nj_refreshing *r, nj_catalogue *catalogue, nj_error *err)
{
    nj_status status = nj_catalogue_set_items(catalogue, &r->items, err);
    if (status != NJ_OK) {
        return status;
    }
    if (r->config->learn != NULL) {
        r->report.refit.old_codes = catalogue->codes;
        r->report.refit.old_sids_digest = catalogue->sids_digest;
        take_codebooks(catalogue, &r->fitted);
    } else {
        free(catalogue->codes);
    }
    catalogue->codes = r->codes;
    catalogue->sids.codes = r->codes;
    catalogue->sids.row_count = (uint32_t)r->items.count;
    r->codes = NULL;
    nj_catalogue_retire_take(catalogue, &r->retired);
    if (r->config->embeddings_path != NULL) {
        catalogue->embeddings_digest = r->embeddings_digest;
        catalogue->has_embeddings = true;
    }
    return nj_catalogue_finish(catalogue, r->config->ids_path, err);
}

void nj_refresh_report_fini(nj_refresh_report *report)
{
    free(report->refit.old_codes);
    *report = (nj_refresh_report){0};
}

nj_status nj_catalogue_refresh(nj_catalogue *catalogue, const nj_refresh_config *config,
                               nj_refresh_report *out, nj_error *err)
{
    nj_refreshing r = {
        .old = catalogue, .config = config, .report = {.old_count = catalogue->sids.row_count}};
    if (config->embeddings_path != NULL && config->sids_path != NULL) {
        return nj_fail(err, NJ_USAGE, "give --embeddings or --sids, not both");
    }
    if (config->learn != NULL && config->embeddings_path == NULL) {
        return nj_fail(err, NJ_USAGE, "--refit needs --embeddings");
    }
    nj_idlist_builder_init(&r.tonight);
    nj_idlist_builder_init(&r.items);
    nj_status status = read_tonight(&r, err);
    if (status == NJ_OK) {
        status = check_lengths(&r, err);
    }
    if (status == NJ_OK) {
        status = check_counts(&r, err);
    }
    if (status == NJ_OK) {
        status = fill_codes(&r, err);
    }
    if (status == NJ_OK) {
        status = change_catalogue(&r, catalogue, err);
    }
    if (status == NJ_OK || status == NJ_REFUSED) {
        *out = r.report;
    } else {
        nj_refresh_report_fini(&r.report);
    }
    nj_idlist_builder_fini(&r.tonight);
    nj_idlist_builder_fini(&r.items);
    nj_fitted_fini(&r.fitted);
    free(r.row_of);
    free(r.line_of);
    free(r.codes);
    free(r.retired);
    return status;
}
