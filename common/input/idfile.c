#include "common/input/idfile.h"

#include "common/base/id.h"
#include "common/input/lines.h"

// Longer than any id, so that a long one is refused by the rule of ids.
#define LINE_BYTES_MAX 65536

typedef struct {
    nj_idlist_builder *ids;
    nj_idmap map;
} id_table;

static nj_status add_line(void *context, const nj_lines *lines, nj_slice id, nj_error *err)
{
    id_table *table = context;
    const char *problem = id.size == 0 ? "is an empty line" : nj_id_problem(id);
    if (problem != NULL) {
        return id.size == 0 ? nj_lines_fail(lines, lines->number, err, "%s", problem)
                            : nj_lines_fail(lines, lines->number, err, "id \"%.*s\" %s",
                                            NJ_SLICE_ARGS(id), problem);
    }
    size_t earlier = nj_idmap_find(&table->map, id, nj_idmap_at_builder, table->ids);
    if (earlier != NJ_IDMAP_NONE) {
        const nj_line_place place = nj_lines_place(lines, earlier + 1); // every line holds one id
        return nj_lines_fail(lines, lines->number, err, "id \"%.*s\" stands on %s too",
                             NJ_SLICE_ARGS(id), place.text);
    }
    nj_status status = nj_idlist_builder_add(table->ids, id);
    if (status == NJ_OK) {
        status = nj_idmap_insert(&table->map, id, table->ids->count - 1);
    }
    return status == NJ_OK ? NJ_OK
                           : nj_fail(err, status, "%s: no memory for %zu ids", lines->name,
                                     table->ids->count + 1);
}

nj_status nj_idfile_read(const char *path, nj_idlist_builder *builder, nj_error *err)
{
    id_table table = {.ids = builder};
    nj_idmap_init(&table.map);
    nj_status status = nj_lines_each_id(path, LINE_BYTES_MAX, add_line, &table, err);
    nj_idmap_fini(&table.map);
    if (status == NJ_OK && builder->count == 0) {
        return nj_fail(err, NJ_INPUT, "%s: holds no id", path);
    }
    return status;
}
