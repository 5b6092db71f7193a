#include "common/catalogue/categories.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/id.h"
#include "common/input/lines.h"

#define SEPARATOR '>'
#define QUOTE_BYTES_MAX 80

typedef struct {
    const nj_idlist *items;
    uint32_t depth;
    nj_idmap item_map;
    nj_idmap name_map;
    nj_idlist_builder names;
    uint32_t *lines; // owned; [item_count] the line that named the item, 0 = none
    nj_categories categories;
} reading;

nj_slice nj_category_cut(nj_slice path, uint32_t depth)
{
    uint32_t parts = 0;
    size_t end = path.size;
    for (size_t i = 0; i < path.size && depth > 0; i++) {
        if (path.bytes[i] == SEPARATOR && ++parts == depth) {
            end = i;
            break;
        }
    }
    size_t begin = 0;
    while (begin < end && path.bytes[begin] == ' ') {
        begin++;
    }
    while (end > begin && path.bytes[end - 1] == ' ') {
        end--;
    }
    return (nj_slice){path.bytes + begin, end - begin};
}

static nj_status number_category(reading *r, const nj_lines *lines, nj_slice name, uint32_t *out,
                                 nj_error *err)
{
    const char *problem = nj_id_problem(name);
    if (problem != NULL) {
        return nj_lines_fail(lines, lines->number, err, "the category %s", problem);
    }
    size_t number = nj_idmap_find(&r->name_map, name, nj_idmap_at_builder, &r->names);
    if (number == NJ_IDMAP_NONE) {
        number = r->names.count;
        if (nj_idlist_builder_add(&r->names, name) != NJ_OK ||
            nj_idmap_insert(&r->name_map, name, number) != NJ_OK) {
            return nj_fail(err, NJ_NO_MEMORY, "%s: no memory for its categories", lines->name);
        }
    }
    *out = (uint32_t)number;
    return NJ_OK;
}

static nj_status take_line(void *context, const nj_lines *lines, nj_slice line, nj_error *err)
{
    reading *r = context;
    const char *tab = memchr(line.bytes, '\t', line.size);
    if (tab == NULL) {
        return nj_lines_fail(lines, lines->number, err,
                             "has no tab: an item id, a tab and a category are expected");
    }
    const nj_slice id = {line.bytes, (size_t)(tab - line.bytes)};
    const size_t item = nj_idmap_find(&r->item_map, id, nj_idmap_at_list, r->items);
    if (item == NJ_IDMAP_NONE) {
        return nj_lines_fail(lines, lines->number, err, "the catalogue has no item \"%.*s\"",
                             id.size < QUOTE_BYTES_MAX ? (int)id.size : QUOTE_BYTES_MAX, id.bytes);
    }
    if (r->lines[item] != 0) {
        const nj_line_place there = nj_lines_place(lines, r->lines[item]);
        return nj_lines_fail(lines, lines->number, err,
                             "item \"%.*s\" has a category in %s already", (int)id.size, id.bytes,
                             there.text);
    }
    r->lines[item] = (uint32_t)lines->number;
    r->categories.known_count++;
    const nj_slice path = {tab + 1, line.size - id.size - 1};
    return number_category(r, lines, nj_category_cut(path, r->depth), &r->categories.of_item[item],
                           err);
}

static nj_status read_lines(reading *r, const char *path, nj_error *err)
{
    nj_status status = nj_lines_each(path, NJ_CATEGORY_LINE_BYTES_MAX, take_line, r, err);
    if (status == NJ_OK && r->categories.known_count == 0) {
        return nj_fail(err, NJ_INPUT, "%s: is empty", path);
    }
    return status;
}

nj_status nj_categories_read(const char *path, const nj_idlist *items, uint32_t depth,
                             nj_categories *out, nj_error *err)
{
    reading r = {.items = items, .depth = depth};
    const size_t N = items->count;
    nj_idmap_init(&r.item_map);
    nj_idmap_init(&r.name_map);
    nj_idlist_builder_init(&r.names);
    r.categories.item_count = (uint32_t)N;
    r.categories.of_item = malloc((N + 1) * sizeof *r.categories.of_item);
    r.lines = calloc(N + 1, sizeof *r.lines);
    nj_status status = NJ_OK;
    if (r.categories.of_item == NULL || r.lines == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "%s: no memory for %zu items", path, N);
    }
    for (size_t i = 0; i < N && status == NJ_OK; i++) {
        r.categories.of_item[i] = NJ_CATEGORY_NONE;
    }
    if (status == NJ_OK) {
        status = nj_idmap_build(&r.item_map, items, "items", err);
    }
    if (status == NJ_OK) {
        status = read_lines(&r, path, err);
    }
    if (status == NJ_OK) {
        r.categories.count = (uint32_t)r.names.count;
        *out = r.categories;
        r.categories = (nj_categories){0};
    }
    nj_categories_fini(&r.categories);
    free(r.lines);
    nj_idlist_builder_fini(&r.names);
    nj_idmap_fini(&r.name_map);
    nj_idmap_fini(&r.item_map);
    return status;
}

void nj_categories_fini(nj_categories *categories)
{
    free(categories->of_item);
    *categories = (nj_categories){0};
}
