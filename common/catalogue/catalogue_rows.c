// catalogue_rows.c - a catalogue whose SIDs are row numbers.
#include "common/base/checked.h"
#include "common/catalogue/catalogue_parts.h"

static void number_rows(nj_catalogue *catalogue)
{
    nj_sids *sids = &catalogue->sids;
    const uint32_t L = sids->level_count;
    uint32_t *K = sids->codes_per_level;
    for (uint32_t row = 0; row < sids->row_count; row++) {
        uint16_t *sid = catalogue->codes + (size_t)row * L;
        sid[0] = (uint16_t)(L == 1 ? row : row / NJ_CODES_MAX);
        sid[L - 1] = (uint16_t)(row % NJ_CODES_MAX);
    }
    const uint32_t last = sids->row_count - 1;
    K[L - 1] = NJ_CODES_MAX;
    K[0] = (uint32_t)nj_max_size((L == 1 ? last : last / NJ_CODES_MAX) + 1, NJ_CODES_MIN);
}

static nj_status refuse_twins(const nj_idlist *items, const char *what, nj_error *err)
{
    nj_idmap map;
    nj_idmap_init(&map);
    const nj_status status = nj_idmap_build(&map, items, what, err);
    nj_idmap_fini(&map);
    return status;
}

nj_status nj_catalogue_from_rows(const nj_idlist_builder *ids, const char *what, nj_catalogue **out,
                                 nj_error *err)
{
    nj_catalogue *catalogue = NULL;
    const size_t L = ids->count > NJ_CODES_MAX ? 2 : 1;
    nj_status status = nj_catalogue_begin(ids->count, L, what, &catalogue, err);
    if (status == NJ_OK) {
        status = nj_catalogue_set_items(catalogue, ids, err);
    }
    if (status == NJ_OK) {
        status = refuse_twins(&catalogue->items, what, err);
    }
    if (status == NJ_OK) {
        number_rows(catalogue);
        status = nj_catalogue_finish(catalogue, what, err);
    }
    if (status == NJ_OK) {
        *out = catalogue;
        catalogue = NULL;
    }
    nj_catalogue_free(&catalogue);
    return status;
}
