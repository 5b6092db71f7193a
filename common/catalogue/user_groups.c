#include "common/catalogue/user_groups.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/id.h"
#include "common/input/event_table.h"

#define ROW_BYTES_MAX 65536

typedef struct {
    uint64_t line;
    uint32_t mask;
} place;

void nj_user_groups_init(nj_user_groups *groups)
{
    nj_idlist_builder_init(&groups->users);
    nj_idmap_init(&groups->map);
    nj_buffer_init(&groups->places, SIZE_MAX / 2);
}

void nj_user_groups_fini(nj_user_groups *groups)
{
    nj_buffer_fini(&groups->places);
    nj_idmap_fini(&groups->map);
    nj_idlist_builder_fini(&groups->users);
}

static const place *place_at(const nj_user_groups *groups, size_t index)
{
    return (const place *)(const void *)groups->places.bytes + index;
}

static nj_status add_user(nj_user_groups *groups, nj_slice user, const place *at, nj_error *err)
{
    nj_status status = nj_idlist_builder_add(&groups->users, user);
    if (status == NJ_OK) {
        status = nj_idmap_insert(&groups->map, user, groups->users.count - 1);
    }
    if (status == NJ_OK) {
        status = nj_buffer_append(&groups->places, at, sizeof *at);
    }
    return status == NJ_OK
               ? NJ_OK
               : nj_fail(err, status, "no memory for the groups of %zu users", groups->users.count);
}

static nj_status add_row(nj_user_groups *groups, const nj_event_table *table, const nj_masks *masks,
                         nj_error *err)
{
    const nj_slice user = table->rows.fields[table->column[NJ_EVENT_USER]];
    const nj_slice group = table->rows.fields[table->column[NJ_EVENT_GROUP]];
    const char *problem = nj_id_problem(user);
    if (problem != NULL) {
        return nj_lines_fail(table->rows.lines, table->rows.number, err, "user \"%.*s\" %s",
                             NJ_SLICE_ARGS(user), problem);
    }
    const size_t earlier = nj_idmap_find(&groups->map, user, nj_idmap_at_builder, &groups->users);
    if (earlier != NJ_IDMAP_NONE) {
        const nj_line_place there =
            nj_lines_place(table->rows.lines, place_at(groups, earlier)->line);
        return nj_lines_fail(table->rows.lines, table->rows.number, err,
                             "user \"%.*s\" stands on %s too", NJ_SLICE_ARGS(user), there.text);
    }
    const place at = {.line = table->rows.number, .mask = nj_masks_find(masks, group)};
    if (at.mask == NJ_MASK_NONE) {
        return nj_lines_fail(table->rows.lines, table->rows.number, err,
                             "user \"%.*s\" is in the group \"%.*s\", which --groups does not have",
                             NJ_SLICE_ARGS(user), NJ_SLICE_ARGS(group));
    }
    return add_user(groups, user, &at, err);
}

nj_status nj_user_groups_read(const char *path, const nj_masks *masks, nj_user_groups *out,
                              nj_error *err)
{
    static const nj_parquet_column COLUMNS[] = {
        {.as = "user", .names = {"user", "user_id"}, .is_needed = true},
        {.as = "group", .names = {"group", "group_id"}, .is_needed = true},
    };
    static const nj_parquet_shape SHAPE = {NJ_PARQUET_CSV, COLUMNS, 2};
    static const nj_event_form FORM = {
        .is_csv = true, .beside = NJ_EVENT_GROUP, .row_bytes_max = ROW_BYTES_MAX};
    nj_lines lines;
    nj_event_table table;
    nj_status status = nj_lines_open_shaped(path, ROW_BYTES_MAX, &SHAPE, 1, &lines, err);
    if (status != NJ_OK) {
        return status;
    }
    status = nj_event_table_open(&lines, &FORM, &table, err);
    if (status == NJ_OK) {
        while ((status = nj_event_table_next(&table, err)) == NJ_OK) {
            status = add_row(out, &table, masks, err);
            if (status != NJ_OK) {
                break;
            }
        }
        nj_event_table_close(&table);
    }
    nj_lines_close(&lines);
    if (status == NJ_END) { // an export that failed must not set every user free of his group
        status = out->users.count > 0 ? NJ_OK : nj_fail(err, NJ_INPUT, "%s: names no user", path);
    }
    return status;
}

uint32_t nj_user_groups_find(const nj_user_groups *groups, nj_slice user)
{
    const size_t index = nj_idmap_find(&groups->map, user, nj_idmap_at_builder, &groups->users);
    return index != NJ_IDMAP_NONE ? place_at(groups, index)->mask : NJ_MASK_NONE;
}
