#include "common/input/idfile.h"

#include "common/base/id.h"
#include "common/input/lines.h"

// Longer than any id, so that a long one is refused by the rule of ids.
#define LINE_BYTES_MAX 65536

static nj_status add_line(const nj_lines *lines, nj_slice id, nj_idlist_builder *builder,
                          nj_idmap *map, nj_error *err)
{
    const char *problem = id.size == 0 ? "is an empty line" : nj_id_problem(id);
    if (problem != NULL) {
        return id.size == 0 ? nj_lines_fail(lines, lines->number, err, "%s", problem)
                            : nj_lines_fail(lines, lines->number, err, "id \"%.*s\" %s",
                                            NJ_SLICE_ARGS(id), problem);
    }
    size_t earlier = nj_idmap_find(map, id, nj_idmap_at_builder, builder);
    if (earlier != NJ_IDMAP_NONE) {
        return nj_lines_fail(lines, lines->number, err, "id \"%.*s\" stands on line %zu too",
                             NJ_SLICE_ARGS(id), earlier + 1); // every line holds one id
    }
    nj_status status = nj_idlist_builder_add(builder, id);
    if (status == NJ_OK) {
        status = nj_idmap_insert(map, id, builder->count - 1);
    }
    return status == NJ_OK
               ? NJ_OK
               : nj_fail(err, status, "%s: no memory for %zu ids", lines->name, builder->count + 1);
}

nj_status nj_idfile_read(const char *path, nj_idlist_builder *builder, nj_error *err)
{
    nj_lines lines;
    nj_idmap map;
    char *line;
    size_t size;
    nj_status status = nj_lines_open(path, LINE_BYTES_MAX, &lines, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_idmap_init(&map);
    while ((status = nj_lines_next(&lines, &line, &size, err)) == NJ_OK) {
        status = add_line(&lines, (nj_slice){line, size}, builder, &map, err);
        if (status != NJ_OK) {
            break;
        }
    }
    if (status == NJ_END) {
        status = builder->count > 0 ? NJ_OK : nj_fail(err, NJ_INPUT, "%s: holds no id", path);
    }
    nj_idmap_fini(&map);
    nj_lines_close(&lines);
    return status;
}
