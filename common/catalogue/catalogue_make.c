#include "common/catalogue/catalogue_make.h"

#include <inttypes.h>

#include "common/catalogue/catalogue_parts.h"
#include "common/input/index_json.h"

static nj_status set_codes_per_level(nj_sids *sids, const nj_codes_per_level *K, const char *what,
                                     nj_error *err)
{
    if (K->count == 0) {
        return nj_fail(err, NJ_USAGE,
                       "--codes-per-level is required: %s holds codes, not their limits", what);
    }
    if (K->count != 1 && K->count != sids->level_count) {
        return nj_fail(err, NJ_USAGE,
                       "%s: --codes-per-level has %" PRIu32
                       " numbers, must be one, or one for each of %" PRIu32 " levels",
                       what, K->count, sids->level_count);
    }
    for (uint32_t l = 0; l < sids->level_count; l++) {
        uint32_t codes = K->codes[K->count == 1 ? 0 : l];
        if (codes < NJ_CODES_MIN || codes > NJ_CODES_MAX) {
            return nj_fail(err, NJ_USAGE,
                           "--codes-per-level is %" PRIu32 " for level %" PRIu32
                           ", must be %d to %d",
                           codes, l, NJ_CODES_MIN, NJ_CODES_MAX);
        }
        sids->codes_per_level[l] = codes;
    }
    return NJ_OK;
}

nj_status nj_catalogue_from_sids(const char *sids_path, const nj_codes_per_level *K,
                                 const nj_catalogue_options *options, nj_catalogue **out,
                                 nj_error *err)
{
    nj_catalogue *catalogue = NULL;
    nj_npy npy;
    nj_status status = nj_npy_open(sids_path, &npy, err);
    if (status != NJ_OK) {
        return status;
    }
    if (npy.dim_count != 2) {
        status = nj_fail(err, NJ_INPUT, "%s: %zu dimensions, SIDs have 2: [items, levels]",
                         sids_path, npy.dim_count);
        goto done;
    }
    status = nj_catalogue_begin(npy.shape[0], npy.shape[1], sids_path, &catalogue, err);
    if (status == NJ_OK) {
        status = set_codes_per_level(&catalogue->sids, K, sids_path, err);
    }
    if (status == NJ_OK) {
        status = nj_catalogue_apply(catalogue, options, err);
    }
    if (status == NJ_OK) {
        status = nj_catalogue_load_sids(catalogue, &npy, err);
    }
    if (status == NJ_OK) {
        status = nj_catalogue_finish(catalogue, sids_path, err);
    }
    if (status == NJ_OK) {
        *out = catalogue;
        catalogue = NULL;
    }
done:
    nj_catalogue_free(&catalogue);
    nj_npy_close(&npy);
    return status;
}

// One K for all levels, so that tokens stand where a trainer that knows only one number puts them.
static nj_codes_per_level guess_codes_per_level(const nj_index_json *index)
{
    uint32_t highest = NJ_CODES_MIN - 1;
    for (uint32_t l = 0; l < index->level_count; l++) {
        highest = index->code_max[l] > highest ? index->code_max[l] : highest;
    }
    return (nj_codes_per_level){.codes = {highest + 1}, .count = 1};
}

nj_status nj_catalogue_from_index_json(const char *path, const nj_codes_per_level *K,
                                       const nj_catalogue_options *options, nj_catalogue **out,
                                       nj_error *err)
{
    nj_catalogue *catalogue = NULL;
    nj_index_json index;
    nj_status status = nj_index_json_read(path, &index, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_codes_per_level guess = guess_codes_per_level(&index);
    status = nj_catalogue_begin(index.row_count, index.level_count, path, &catalogue, err);
    if (status == NJ_OK) {
        status = set_codes_per_level(&catalogue->sids, K->count > 0 ? K : &guess, path, err);
    }
    if (status == NJ_OK) {
        status = nj_catalogue_apply(catalogue, options, err);
    }
    if (status == NJ_OK) {
        size_t count = (size_t)index.row_count * index.level_count;
        memcpy(catalogue->codes, index.codes, count * sizeof *index.codes);
        status = nj_catalogue_finish(catalogue, path, err);
    }
    if (status == NJ_OK) {
        *out = catalogue;
        catalogue = NULL;
    }
    nj_catalogue_free(&catalogue);
    nj_index_json_free(&index);
    return status;
}
