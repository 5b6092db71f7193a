#include "ops/cli/bench_policy_items.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/base/rng.h"
#include "common/catalogue/attributes.h"
#include "common/catalogue/item_vectors.h"
#include "common/catalogue/neighbour_table.h"
#include "common/catalogue/section_names.h"

#define CATEGORIES 20
#define BRANDS 500
#define WORD_BYTES 16
#define NEIGHBOURS 50
#define WIDTH 64
#define LAST_DAY 20454 // 2026-01-01
#define DAYS 1000
#define BYTES_MAX ((size_t)1 << 40)
#define ALIGNMENT 64

static uint64_t draw(uint64_t stream, uint64_t number)
{
    return nj_rng_mix(stream * UINT64_C(0x2545f4914f6cdd1d) + number * NJ_RNG_STEP);
}

typedef nj_status (*section_writer)(const nj_catalogue_view *catalogue, nj_buffer *out,
                                    nj_error *err);

// ---- attributes ----

static int compare_words(const void *a, const void *b)
{
    return strcmp(a, b);
}

// "c0" .. as an id list in the order of the bytes.
static nj_status write_words(char letter, uint32_t count, nj_buffer *out)
{
    char words[BRANDS][WORD_BYTES];
    nj_idlist_builder builder;
    nj_idlist_builder_init(&builder);
    for (uint32_t i = 0; i < count; i++) {
        snprintf(words[i], sizeof words[i], "%c%u", letter, i);
    }
    qsort(words, count, sizeof words[0], compare_words);
    nj_status status = NJ_OK;
    for (uint32_t i = 0; i < count && status == NJ_OK; i++) {
        status = nj_idlist_builder_add(&builder, nj_slice_from(words[i]));
    }
    if (status == NJ_OK) {
        status = nj_idlist_builder_write(&builder, out);
    }
    nj_idlist_builder_fini(&builder);
    return status;
}

// Numbers below `count`, the small ones oftener: a few brands have most of a shop.
static uint32_t draw_value(uint64_t stream, uint32_t row, uint32_t count)
{
    const uint64_t bits = draw(stream, row);
    const uint32_t first = (uint32_t)(bits % count);
    const uint32_t second = (uint32_t)((bits >> 32) % count);
    return first < second ? first : second;
}

static nj_status write_attributes(const nj_catalogue_view *catalogue, nj_buffer *out, nj_error *err)
{
    const uint32_t rows = catalogue->sids.row_count;
    nj_buffer words[2];
    uint32_t *values = calloc((size_t)rows * 2, sizeof *values); // [2, rows]
    int32_t *days = calloc(rows, sizeof *days);
    nj_attribute columns[] = {
        {.name = nj_slice_from("category"), .kind = NJ_ATTRIBUTE_WORDS, .of_row = values},
        {.name = nj_slice_from("brand"), .kind = NJ_ATTRIBUTE_WORDS, .of_row = values + rows},
        {.name = nj_slice_from("added"), .kind = NJ_ATTRIBUTE_DAYS, .day_of = days}};
    nj_buffer_init(&words[0], BYTES_MAX);
    nj_buffer_init(&words[1], BYTES_MAX);
    nj_status status = values != NULL && days != NULL ? NJ_OK : NJ_NO_MEMORY;
    for (uint32_t row = 0; row < rows && status == NJ_OK; row++) {
        values[row] = draw_value(1, row, CATEGORIES);
        values[rows + row] = draw_value(2, row, BRANDS);
        days[row] = LAST_DAY - (int32_t)(draw(3, row) % DAYS);
    }
    for (size_t i = 0; i < 2 && status == NJ_OK; i++) {
        status = write_words("cb"[i], i == 0 ? CATEGORIES : BRANDS, &words[i]);
        if (status == NJ_OK) {
            status = nj_idlist_open(words[i].bytes, words[i].size, "made-up words",
                                    &columns[i].values, err);
        }
    }
    for (size_t i = 0; i < 3; i++) {
        columns[i].known_count = rows;
    }
    if (status == NJ_OK) {
        status = nj_attributes_write(columns, 3, rows, out, err);
    }
    nj_buffer_fini(&words[0]);
    nj_buffer_fini(&words[1]);
    free(values);
    free(days);
    return status;
}

// ---- vectors, neighbours, counts ----

static nj_status write_vectors(const nj_catalogue_view *catalogue, nj_buffer *out, nj_error *err)
{
    const uint32_t rows = catalogue->sids.row_count;
    const size_t count = (size_t)rows * WIDTH;
    float *values = calloc(count, sizeof *values);
    const nj_npy npy = {.data = (const uint8_t *)values,
                        .type = NJ_NPY_F32,
                        .element_bytes = sizeof *values,
                        .dim_count = 2,
                        .shape = {rows, WIDTH},
                        .path = "made-up vectors"};
    if (values == NULL) {
        return NJ_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        values[i] = (float)(int32_t)(draw(4, i) >> 40) / (float)(1 << 23) - 1.0f;
    }
    nj_status status =
        nj_item_vectors_write(&npy, &catalogue->items, NULL, NJ_VECTORS_F16, out, err);
    free(values);
    return status;
}

// The rows that lie at fixed steps behind each other, which are no neighbours but as many reads.
static nj_status write_neighbours(const nj_catalogue_view *catalogue, nj_buffer *out, nj_error *err)
{
    const uint32_t rows = catalogue->sids.row_count;
    const uint32_t each = rows - 1 < NEIGHBOURS ? rows - 1 : NEIGHBOURS;
    const uint64_t edges = (uint64_t)rows * each;
    uint64_t *offset = calloc((size_t)rows + 1, sizeof *offset);
    uint32_t *to = calloc(nj_max_size(edges, 1), sizeof *to);
    float *weights = calloc(nj_max_size(edges, 1), sizeof *weights);
    nj_status status = offset != NULL && to != NULL && weights != NULL ? NJ_OK : NJ_NO_MEMORY;
    for (uint32_t row = 0; row < rows && status == NJ_OK; row++) {
        const uint32_t step = 1 + (uint32_t)(draw(5, row) % ((rows - 1) / nj_max_size(each, 1)));
        for (uint32_t i = 0; i < each; i++) {
            to[(uint64_t)row * each + i] = (uint32_t)((row + (uint64_t)step * (i + 1)) % rows);
            weights[(uint64_t)row * each + i] = 1.0f / (float)(i + 1);
        }
        offset[row + 1] = offset[row] + each;
    }
    const nj_neighbour_table table = {.row_count = rows,
                                      .kind = NJ_NEIGHBOUR_CO_VISITATION,
                                      .edge_count = edges,
                                      .offset = offset,
                                      .rows = to,
                                      .weights = weights};
    if (status == NJ_OK) {
        status = nj_neighbour_table_write(&table, out, err);
    }
    free(offset);
    free(to);
    free(weights);
    return status;
}

static nj_status write_counts(const nj_catalogue_view *catalogue, nj_buffer *out, nj_error *err)
{
    const uint32_t rows = catalogue->sids.row_count;
    nj_status status = NJ_OK;
    (void)err;
    for (uint32_t row = 0; row < rows && status == NJ_OK; row++) {
        const uint32_t count = row % NJ_BENCH_POLICY_UNSEEN == 0 ? 0 : 1 + draw_value(6, row, 200);
        status = nj_buffer_append(out, &count, sizeof count);
    }
    return status;
}

// ---- all of them ----

static nj_status add(const char *name, section_writer write, const nj_catalogue_view *catalogue,
                     void **bytes, nj_sections *sections, nj_error *err)
{
    nj_buffer made;
    nj_buffer_init(&made, BYTES_MAX);
    nj_status status = write(catalogue, &made, err);
    if (status == NJ_OK) {
        const size_t room = (made.size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        *bytes = aligned_alloc(ALIGNMENT, nj_max_size(room, ALIGNMENT));
        status = *bytes != NULL ? NJ_OK : NJ_NO_MEMORY;
    }
    if (status == NJ_OK) {
        memcpy(*bytes, made.bytes, made.size);
        nj_sections_put(sections, name, *bytes, made.size);
    }
    nj_buffer_fini(&made);
    return status == NJ_NO_MEMORY
               ? nj_fail(err, status, "no memory to make up the section \"%s\" of %u items", name,
                         catalogue->sids.row_count)
               : status;
}

nj_status nj_bench_policy_items_make(const nj_sections *sections,
                                     const nj_catalogue_view *catalogue, nj_bench_policy_items *out,
                                     nj_sections *out_sections, nj_error *err)
{
    const struct {
        const char *name;
        section_writer write;
        bool always;
    } MADE[NJ_BENCH_POLICY_SECTIONS] = {{NJ_SECTION_ATTRIBUTES, write_attributes, true},
                                        {NJ_SECTION_COUNTS, write_counts, true},
                                        {NJ_SECTION_VECTORS, write_vectors, false},
                                        {NJ_SECTION_NEIGHBOURS, write_neighbours, false}};
    const uint32_t rows = catalogue->sids.row_count;
    *out = (nj_bench_policy_items){0};
    *out_sections = *sections;
    nj_status status = NJ_OK;
    nj_sections_remove(out_sections, NJ_SECTION_POLICY);
    if (out_sections->count + NJ_BENCH_POLICY_SECTIONS >= NJ_BUNDLE_SECTIONS_MAX) {
        status = nj_fail(err, NJ_INPUT, "the bundle has %zu sections, must have fewer than %d",
                         out_sections->count, NJ_BUNDLE_SECTIONS_MAX - NJ_BENCH_POLICY_SECTIONS);
    } else if (rows < 2) {
        status =
            nj_fail(err, NJ_INPUT, "the catalogue has %u items, a policy needs at least 2", rows);
    }
    for (size_t i = 0; i < NJ_BENCH_POLICY_SECTIONS && status == NJ_OK; i++) {
        if (MADE[i].always || nj_sections_find(sections, MADE[i].name) == NULL) {
            status = add(MADE[i].name, MADE[i].write, catalogue, &out->bytes[i], out_sections, err);
        }
    }
    return status;
}

void nj_bench_policy_items_fini(nj_bench_policy_items *items)
{
    for (size_t i = 0; i < NJ_BENCH_POLICY_SECTIONS; i++) {
        free(items->bytes[i]);
    }
    *items = (nj_bench_policy_items){0};
}
