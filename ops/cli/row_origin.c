#include "ops/cli/row_origin.h"

#include <string.h>

#include "common/store/channel.h"
#include "common/store/id.h"

static nj_status open_row(const char *store_dir, const char *name, nj_slice user,
                          nj_row_origin *out, nj_error *err)
{
    nj_status status = nj_store_reader_open(store_dir, name, &out->reader, err);
    if (status == NJ_OK) {
        status = nj_store_get(out->reader, user, &out->value, err);
    }
    if (status == NJ_OK && !nj_row_scan_open(out->value, &out->row)) {
        status = nj_fail(err, NJ_REFUSED, "%s: the row of \"%.*s\" is malformed",
                         nj_store_reader_name(out->reader)->text, NJ_SLICE_ARGS(user));
    }
    return status;
}

static nj_status open_origin(const char *store_dir, nj_row_origin *out, nj_error *err)
{
    nj_error why = {0};
    nj_status status =
        nj_store_origin_open(store_dir, nj_store_reader_name(out->reader), &out->origin, &why);
    return status == NJ_OK || status == NJ_NOT_FOUND ? NJ_OK : nj_fail(err, status, "%s", why.text);
}

nj_status nj_row_origin_open(const char *store_dir, const char *generation, nj_slice user,
                             nj_row_origin *out, nj_error *err)
{
    nj_store_name name;
    nj_row_origin row = {0};
    nj_status status =
        generation != NULL ? nj_store_channel_resolve(store_dir, generation, &name, err) : NJ_OK;
    if (status == NJ_OK) {
        status = open_row(store_dir, generation != NULL ? name.text : NULL, user, &row, err);
    }
    if (status == NJ_OK) {
        status = open_origin(store_dir, &row, err);
    }
    if (status != NJ_OK) {
        nj_row_origin_close(&row);
        return status;
    }
    *out = row;
    return NJ_OK;
}

void nj_row_origin_close(nj_row_origin *row)
{
    nj_store_origin_close(&row->origin);
    nj_store_reader_close(&row->reader);
    *row = (nj_row_origin){0};
}

const nj_store_facts *nj_row_origin_facts(const nj_row_origin *row)
{
    return &nj_store_reader_manifest(row->reader)->facts;
}

// ---- a night before ----

// True when `row` is what a night makes of `before` when it takes that over. What is carried loses the items that may not be shown any
// more (coordinator/carry_row.h); its history digest stays.
static bool is_taken_from(const nj_row_origin *row, const nj_row_origin *before)
{
    nj_buffer copy;
    if (before->row.age + 1 != row->row.age) {
        return false;
    }
    if ((row->row.flags & NJ_ROW_CARRIED) != 0) {
        return memcmp(row->row.history, before->row.history, NJ_HISTORY_DIGEST_BYTES) == 0;
    }
    nj_buffer_init(&copy, NJ_ROW_BYTES_MAX);
    const bool same = nj_row_copy(&copy, before->value, row->row.flags, row->row.age) == NJ_OK &&
                      nj_slice_equal(nj_buffer_slice(&copy), row->value);
    nj_buffer_fini(&copy);
    return same;
}

// NJ_NOT_FOUND where it cannot have come from there.
static nj_status try_generation(const char *store_dir, const char *name, const nj_row_origin *row,
                                nj_slice user, nj_row_origin *out, nj_error *err)
{
    nj_error why = {0};
    nj_status status = nj_row_origin_open(store_dir, name, user, out, &why);
    if (status == NJ_NOT_FOUND) {
        return nj_fail(err, NJ_NOT_FOUND, "the row was taken from %s, which is not kept here: %s",
                       name, why.text);
    }
    if (status != NJ_OK) {
        return nj_fail(err, status, "%s", why.text);
    }
    if (!is_taken_from(row, out)) {
        nj_row_origin_close(out);
        return nj_fail(err, NJ_NOT_FOUND,
                       "the row was taken from %s, where the user has another row now", name);
    }
    return NJ_OK;
}

nj_status nj_row_origin_before(const char *store_dir, const nj_row_origin *row, nj_slice user,
                               nj_row_origin *out, nj_error *err)
{
    const nj_store_facts *facts = nj_row_origin_facts(row);
    const nj_origin_head *head =
        row->origin != NULL ? &nj_store_origin_night(row->origin)->head : NULL;
    const bool carried = (row->row.flags & NJ_ROW_CARRIED) != 0;
    const char *from[] = {carried && head != NULL ? head->carried_from : "",
                          carried && head != NULL ? head->missing_from : "", facts->since};
    nj_status status =
        nj_fail(err, NJ_NOT_FOUND, "%s does not say which generation it took the row from",
                facts->generation);
    for (size_t i = 0; i < sizeof from / sizeof from[0] && status == NJ_NOT_FOUND; i++) {
        if (from[i][0] != '\0') {
            status = try_generation(store_dir, from[i], row, user, out, err);
        }
    }
    return status;
}

nj_status nj_row_origin_fail(const char *store_dir, const nj_row_origin *row, nj_error *err)
{
    nj_ulid id;
    const nj_store_facts *facts = nj_row_origin_facts(row);
    const char *name = facts->generation;
    if (facts->store_id[0] != '\0' && nj_store_id_read(store_dir, &id, NULL) == NJ_OK &&
        strcmp(id.text, facts->store_id) != 0) {
        return nj_fail(err, NJ_NOT_FOUND,
                       "%s has no ORIGIN: it was packed in the store %s: ask there", name,
                       facts->store_id);
    }
    return nj_fail(err, NJ_NOT_FOUND,
                   "%s has no ORIGIN: nightjar %s packed it before there was one, or it was made "
                   "of a delta: ask the store that the delta came from",
                   name, facts->nightjar_version);
}
