// grade_groups.c - the groups of `nightjar grade`: any names, because a grade needs no masks.
#include <stdlib.h>
#include <string.h>

#include "common/base/id.h"
#include "common/input/event_table.h"
#include "common/judge/evaluation.h"
#include "ops/cli/grade.h"

#define ROW_BYTES_MAX 65536

void nj_grade_groups_init(nj_grade_groups *groups)
{
    *groups = (nj_grade_groups){0};
    nj_idlist_builder_init(&groups->users);
    nj_idlist_builder_init(&groups->names);
    nj_idmap_init(&groups->user_map);
    nj_idmap_init(&groups->name_map);
    nj_buffer_init(&groups->group_of, SIZE_MAX / 2);
}

void nj_grade_groups_fini(nj_grade_groups *groups)
{
    nj_buffer_fini(&groups->group_of);
    nj_idmap_fini(&groups->name_map);
    nj_idmap_fini(&groups->user_map);
    nj_idlist_builder_fini(&groups->names);
    nj_idlist_builder_fini(&groups->users);
}

// Adds an id that the list has not.
static nj_status add_id(nj_idlist_builder *ids, nj_idmap *map, nj_slice id)
{
    nj_status status = nj_idlist_builder_add(ids, id);
    return status == NJ_OK ? nj_idmap_insert(map, id, ids->count - 1) : status;
}

static nj_status add_row(nj_grade_groups *groups, const nj_event_table *table, nj_error *err)
{
    const nj_slice user = table->rows.fields[table->column[NJ_EVENT_USER]];
    const nj_slice name = table->rows.fields[table->column[NJ_EVENT_GROUP]];
    const char *user_problem = nj_id_problem(user);
    const char *name_problem = nj_id_problem(name);
    if (user_problem != NULL || name_problem != NULL) {
        return nj_lines_fail(table->rows.lines, table->rows.number, err, "%s \"%.*s\" %s",
                             user_problem != NULL ? "user" : "group",
                             NJ_SLICE_ARGS(user_problem != NULL ? user : name),
                             user_problem != NULL ? user_problem : name_problem);
    }
    if (nj_idmap_find(&groups->user_map, user, nj_idmap_at_builder, &groups->users) !=
        NJ_IDMAP_NONE) {
        return nj_lines_fail(table->rows.lines, table->rows.number, err,
                             "user \"%.*s\" stands in the file twice", NJ_SLICE_ARGS(user));
    }
    nj_status status = NJ_OK;
    size_t place = nj_idmap_find(&groups->name_map, name, nj_idmap_at_builder, &groups->names);
    if (place == NJ_IDMAP_NONE) {
        place = groups->names.count;
        status = add_id(&groups->names, &groups->name_map, name);
    }
    const uint32_t group = (uint32_t)place;
    if (status == NJ_OK) {
        status = add_id(&groups->users, &groups->user_map, user);
    }
    if (status == NJ_OK) {
        status = nj_buffer_append(&groups->group_of, &group, sizeof group);
    }
    return status == NJ_OK
               ? NJ_OK
               : nj_fail(err, status, "no memory for the groups of %zu users", groups->users.count);
}

static nj_status read_table(nj_lines *lines, nj_grade_groups *groups, nj_error *err)
{
    static const nj_event_form FORM = {
        .is_csv = true, .beside = NJ_EVENT_GROUP, .row_bytes_max = ROW_BYTES_MAX};
    nj_event_table table;
    nj_status status = nj_event_table_open(lines, &FORM, &table, err);
    if (status != NJ_OK) {
        return status;
    }
    while ((status = nj_event_table_next(&table, err)) == NJ_OK) {
        status = add_row(groups, &table, err);
        if (status != NJ_OK) {
            break;
        }
    }
    nj_event_table_close(&table);
    return status;
}

nj_status nj_grade_groups_read(const char *path, nj_grade_groups *groups, nj_error *err)
{
    static const nj_parquet_column COLUMNS[] = {
        {.as = "user", .names = {"user", "user_id"}, .is_needed = true},
        {.as = "group", .names = {"group", "group_id"}, .is_needed = true},
    };
    static const nj_parquet_shape SHAPE = {NJ_PARQUET_CSV, COLUMNS, 2};
    nj_lines lines;
    nj_status status = nj_lines_open_shaped(path, ROW_BYTES_MAX, &SHAPE, 1, &lines, err);
    if (status != NJ_OK) {
        return status;
    }
    status = read_table(&lines, groups, err);
    nj_lines_close(&lines);
    if (status == NJ_END) {
        status =
            groups->users.count > 0 ? NJ_OK : nj_fail(err, NJ_INPUT, "%s: names no user", path);
    }
    return status;
}

uint32_t nj_grade_groups_find(const nj_grade_groups *groups, nj_slice user)
{
    const size_t place =
        nj_idmap_find(&groups->user_map, user, nj_idmap_at_builder, &groups->users);
    const uint32_t *group_of = (const uint32_t *)(const void *)groups->group_of.bytes;
    return place != NJ_IDMAP_NONE ? group_of[place] : NJ_GROUP_NONE;
}

nj_status nj_grade_groups_names(const nj_grade_groups *groups, char **out_text,
                                const char ***out_names, nj_error *err)
{
    const size_t count = groups->names.count;
    char *text = malloc(groups->names.bytes.size + count + 1);
    const char **names = calloc(count + 1, sizeof *names);
    if (text == NULL || names == NULL) {
        free(text);
        free(names);
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the names of %zu groups", count);
    }
    char *at = text;
    for (size_t i = 0; i < count; i++) {
        const nj_slice name = nj_idlist_builder_at(&groups->names, i);
        memcpy(at, name.bytes, name.size);
        at[name.size] = '\0';
        names[i] = at;
        at += name.size + 1;
    }
    *out_text = text;
    *out_names = names;
    return NJ_OK;
}
