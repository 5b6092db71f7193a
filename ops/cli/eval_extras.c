// eval_extras.c - what `nightjar eval` reads for its report alone: item texts and item vectors.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/base/id.h"
#include "common/input/npy.h"
#include "common/text/item_texts.h"
#include "ops/cli/eval_report.h"

#define TITLE_BYTES_MAX 400 // of one item: what is beyond no report shows
#define TITLES_BYTES_MAX ((size_t)1 << 30)
#define CATEGORY_DEPTH_MAX 64
#define CATEGORY_SEPARATOR '>'

typedef struct {
    const char *path;
    const nj_idmap *map;
    const nj_idlist *items;
    uint64_t depth; // of a category
    nj_eval_texts *texts;
    uint64_t *offsets;            // owned; [N] 1 + where a title begins, 0: it has none
    nj_idmap category_map;        // name -> number
    nj_idlist_builder categories; // names
    uint64_t found_count;         // items of the file that the catalogue has
} reading;

// Cuts behind a whole character.
static size_t cut_text(const char *bytes, size_t size, size_t most)
{
    size_t end = 0;
    while (end < size) {
        const size_t step = nj_utf8_sequence(bytes + end, size - end);
        if (step == 0 || end + step > most) {
            break;
        }
        end += step;
    }
    return end;
}

static size_t find_item(const reading *r, const nj_item_text *item)
{
    return nj_idmap_find(r->map, item->id, nj_idmap_at_list, r->items);
}

static nj_status take_title(void *context, const nj_item_text *item, nj_error *err)
{
    reading *r = context;
    const size_t row = find_item(r, item);
    if (row == NJ_IDMAP_NONE || item->field_count == 0) {
        return NJ_OK;
    }
    const nj_slice text = item->fields[0].text;
    const size_t size = cut_text(text.bytes, text.size, TITLE_BYTES_MAX);
    r->offsets[row] = r->texts->bytes.size + 1;
    r->texts->titles[row].size = size;
    r->found_count++;
    return nj_buffer_append(&r->texts->bytes, text.bytes, size) == NJ_OK
               ? NJ_OK
               : nj_fail(err, NJ_NO_MEMORY, "%s: its titles have more than %zu bytes", r->path,
                         TITLES_BYTES_MAX);
}

// The first `depth` parts of a path, without the spaces around them.
static nj_slice cut_category(nj_slice path, uint64_t depth)
{
    nj_slice cut = {path.bytes, 0};
    uint64_t parts = 0;
    for (; cut.size < path.size; cut.size++) {
        if (cut.bytes[cut.size] == CATEGORY_SEPARATOR && ++parts == depth) {
            break;
        }
    }
    while (cut.size > 0 && cut.bytes[0] == ' ') {
        cut.bytes++;
        cut.size--;
    }
    while (cut.size > 0 && cut.bytes[cut.size - 1] == ' ') {
        cut.size--;
    }
    cut.size = nj_min_size(cut.size, NJ_ID_BYTES_MAX);
    return cut;
}

static nj_status take_category(void *context, const nj_item_text *item, nj_error *err)
{
    reading *r = context;
    const size_t row = find_item(r, item);
    const nj_slice name =
        item->field_count > 0 ? cut_category(item->fields[0].text, r->depth) : (nj_slice){0};
    if (row == NJ_IDMAP_NONE || name.size == 0) {
        return NJ_OK;
    }
    size_t number = nj_idmap_find(&r->category_map, name, nj_idmap_at_builder, &r->categories);
    if (number == NJ_IDMAP_NONE) {
        number = r->categories.count;
        if (nj_idlist_builder_add(&r->categories, name) != NJ_OK ||
            nj_idmap_insert(&r->category_map, name, number) != NJ_OK) {
            return nj_fail(err, NJ_NO_MEMORY, "%s: no memory for its categories", r->path);
        }
    }
    r->texts->category_of[row] = (uint32_t)number;
    return NJ_OK;
}

// Two passes, one a column: what is read of an item does not say which column it is of.
static nj_status read_columns(const nj_arguments *arguments, reading *r, nj_error *err)
{
    const char *category = nj_argument(arguments, "category-column");
    nj_item_text_reading pass = {.path = r->path,
                                 .id_column = nj_argument(arguments, "id-column"),
                                 .text_columns = nj_argument(arguments, "title-column"),
                                 .take = take_title,
                                 .context = r};
    nj_status status = nj_item_texts_read(&pass, err);
    if (status == NJ_OK && r->found_count == 0) {
        return nj_fail(err, NJ_INPUT, "%s: none of its items is one of the catalogue's %zu",
                       r->path, r->items->count);
    }
    if (status == NJ_OK && category != NULL) {
        pass.text_columns = category;
        pass.take = take_category;
        status = nj_item_texts_read(&pass, err);
    }
    return status;
}

static void point_at_titles(reading *r)
{
    nj_eval_texts *texts = r->texts;
    for (size_t row = 0; row < r->items->count; row++) {
        texts->titles[row].bytes =
            r->offsets[row] > 0 ? (const char *)texts->bytes.bytes + r->offsets[row] - 1 : NULL;
    }
    texts->view = (nj_item_texts){.titles = texts->titles,
                                  .category_of = texts->category_of,
                                  .category_count = (uint32_t)r->categories.count};
}

nj_status nj_eval_texts_read(const nj_arguments *arguments, const nj_idmap *map,
                             const nj_idlist *items, nj_eval_texts *out, nj_error *err)
{
    reading r = {.path = nj_argument(arguments, "items"), .map = map, .items = items, .texts = out};
    nj_status status =
        nj_argument_uint(arguments, "category-depth", 0, CATEGORY_DEPTH_MAX, &r.depth, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_buffer_init(&out->bytes, TITLES_BYTES_MAX);
    nj_idmap_init(&r.category_map);
    nj_idlist_builder_init(&r.categories);
    out->titles = calloc(items->count + 1, sizeof *out->titles);
    out->category_of = calloc(items->count + 1, sizeof *out->category_of);
    r.offsets = calloc(items->count + 1, sizeof *r.offsets);
    if (out->titles == NULL || out->category_of == NULL || r.offsets == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory for the texts of %zu items", items->count);
    } else {
        for (size_t row = 0; row < items->count; row++) {
            out->category_of[row] = NJ_GROUP_NONE;
        }
        status = read_columns(arguments, &r, err);
    }
    if (status == NJ_OK) {
        point_at_titles(&r);
    }
    free(r.offsets);
    nj_idmap_fini(&r.category_map);
    nj_idlist_builder_fini(&r.categories);
    return status;
}

void nj_eval_texts_fini(nj_eval_texts *texts)
{
    nj_buffer_fini(&texts->bytes);
    free(texts->titles);
    free(texts->category_of);
    *texts = (nj_eval_texts){0};
}

nj_status nj_eval_embeddings_read(const char *path, size_t item_count, float **out,
                                  size_t *out_width, nj_error *err)
{
    nj_npy npy;
    float *values = NULL;
    nj_status status = nj_npy_open(path, &npy, err);
    if (status != NJ_OK) {
        return status;
    }
    size_t bytes = 0;
    if (npy.dim_count != 2 || npy.shape[0] != item_count || npy.shape[1] == 0) {
        status = nj_fail(err, NJ_INPUT,
                         "%s: has %zu rows of %zu values in %zu dimensions, must be a matrix with "
                         "the %zu items of the catalogue as rows",
                         path, npy.dim_count > 0 ? npy.shape[0] : 0,
                         npy.dim_count > 1 ? npy.shape[1] : 0, npy.dim_count, item_count);
    } else if (!nj_mul_size(npy.shape[0] * npy.shape[1], sizeof *values, &bytes) ||
               (values = malloc(nj_max_size(bytes, 1))) == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "%s: no memory for %zu bytes", path, bytes);
    } else {
        status = nj_npy_read_f32(&npy, 0, npy.shape[0] * npy.shape[1], values, err);
    }
    if (status == NJ_OK) {
        *out = values;
        *out_width = npy.shape[1];
        values = NULL;
    }
    free(values);
    nj_npy_close(&npy);
    return status;
}
