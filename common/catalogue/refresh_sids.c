// refresh_sids.c - SIDs of new items as given, and those of old items as a check.
#include <inttypes.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/catalogue/refresh_parts.h"
#include "common/input/npy.h"

#define BLOCK_CODES 4096
#define SID_TEXT_BYTES 64

static void show_sid(const uint16_t *codes, uint32_t L, char out[SID_TEXT_BYTES])
{
    size_t at = 0;
    out[0] = '\0';
    for (uint32_t l = 0; l < L && at < SID_TEXT_BYTES; l++) {
        at += (size_t)snprintf(out + at, SID_TEXT_BYTES - at, "%s%u", l > 0 ? " " : "", codes[l]);
    }
}

static nj_status check_shape(const nj_refreshing *r, const nj_npy *npy, nj_error *err)
{
    const uint32_t L = r->old->sids.level_count;
    if (npy->dim_count != 2 || npy->shape[1] != L) {
        return nj_fail(err, NJ_INPUT,
                       "%s: %zu dimensions that begin [%zu, %zu], SIDs of the catalogue are "
                       "[items, %" PRIu32 "]",
                       npy->path, npy->dim_count, npy->shape[0], npy->shape[1], L);
    }
    return NJ_OK;
}

static nj_status take_row(nj_refreshing *r, const nj_npy *npy, size_t line, const int64_t *values,
                          nj_error *err)
{
    const nj_sids *sids = &r->old->sids;
    const uint32_t L = sids->level_count;
    uint16_t *codes = r->codes + (size_t)r->row_of[line] * L;
    uint16_t given[NJ_LEVELS_MAX];
    bool same = true;
    for (uint32_t l = 0; l < L; l++) {
        if (values[l] < 0 || values[l] >= sids->codes_per_level[l]) {
            return nj_fail(err, NJ_INPUT,
                           "%s: row %zu, level %" PRIu32 ": code %" PRId64
                           ", must be 0 to %" PRIu32,
                           npy->path, line, l, values[l], sids->codes_per_level[l] - 1);
        }
        given[l] = (uint16_t)values[l];
        same = same && given[l] == codes[l];
    }
    if (nj_refreshing_is_new(r, line)) {
        memcpy(codes, given, L * sizeof *codes);
    } else if (!same) {
        char ours[SID_TEXT_BYTES];
        char theirs[SID_TEXT_BYTES];
        show_sid(codes, L, ours);
        show_sid(given, L, theirs);
        return nj_fail(err, NJ_INPUT,
                       "%s: row %zu: item \"%.*s\" is given %s, the SID it has is %s; a published "
                       "SID does not move",
                       npy->path, line, NJ_SLICE_ARGS(nj_idlist_builder_at(&r->tonight, line)),
                       theirs, ours);
    }
    return NJ_OK;
}

static nj_status take_rows(nj_refreshing *r, const nj_npy *npy, nj_error *err)
{
    const uint32_t L = r->old->sids.level_count;
    int64_t values[BLOCK_CODES];
    const size_t block_rows = BLOCK_CODES / L;
    nj_status status = NJ_OK;
    for (size_t first = 0; first < npy->shape[0] && status == NJ_OK; first += block_rows) {
        const size_t count = nj_min_size(block_rows, npy->shape[0] - first);
        status = nj_npy_read_i64(npy, first * L, count * L, values, err);
        for (size_t i = 0; i < count && status == NJ_OK; i++) {
            status = take_row(r, npy, first + i, values + i * L, err);
        }
    }
    return status;
}

// Old items may share SIDs among themselves; a new one may share none. Rows of a leaf ascend, so its last is new if any is.
static nj_status check_leaf(const nj_refreshing *r, const nj_trie *trie, uint32_t leaf,
                            nj_error *err)
{
    uint32_t count;
    const uint32_t *rows = nj_trie_leaf_items(trie, leaf, &count);
    if (count < 2 || rows[count - 1] < r->report.old_count) {
        return NJ_OK;
    }
    char sid[SID_TEXT_BYTES];
    const uint32_t L = r->old->sids.level_count;
    const bool is_retired = r->retired[rows[0]] != 0;
    show_sid(r->codes + (size_t)rows[0] * L, L, sid);
    return nj_fail(
        err, NJ_INPUT,
        "%s: item \"%.*s\" is given %s, which is the SID of item \"%.*s\"%s; --collisions "
        "leaves would let them share it",
        r->config->sids_path, NJ_SLICE_ARGS(nj_idlist_builder_at(&r->items, rows[count - 1])), sid,
        NJ_SLICE_ARGS(nj_idlist_builder_at(&r->items, rows[0])), is_retired ? " (retired)" : "");
}

static nj_status check_sharing(const nj_refreshing *r, nj_error *err)
{
    nj_sids all = r->old->sids;
    nj_trie trie;
    nj_buffer bytes;
    all.codes = r->codes;
    all.row_count = (uint32_t)r->items.count;
    all.retired = NULL; // a retired item's SID is nobody else's
    nj_buffer_init(&bytes, SIZE_MAX / 2);
    nj_status status = nj_trie_build(&all, &bytes, err);
    if (status == NJ_OK) {
        status = nj_trie_open(bytes.bytes, bytes.size, all.row_count, &trie, err);
    }
    const uint32_t leaf_count = status == NJ_OK ? trie.node_count[trie.level_count] : 0;
    for (uint32_t leaf = 0; leaf < leaf_count && status == NJ_OK; leaf++) {
        status = check_leaf(r, &trie, leaf, err);
    }
    nj_buffer_fini(&bytes);
    return status;
}

nj_status nj_refresh_from_sids(nj_refreshing *r, nj_error *err)
{
    nj_npy npy;
    nj_status status = nj_npy_open(r->config->sids_path, &npy, err);
    if (status != NJ_OK) {
        return status;
    }
    status = check_shape(r, &npy, err);
    if (status == NJ_OK) {
        status = take_rows(r, &npy, err);
    }
    if (status == NJ_OK && r->report.added_count > 0 && !r->config->share) {
        status = check_sharing(r, err);
    }
    nj_npy_close(&npy);
    return status;
}
