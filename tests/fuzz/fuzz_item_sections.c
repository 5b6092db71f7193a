// fuzz_item_sections.c - any bytes as a section of items: the first byte says which, the second how many rows the catalogue has. What is
// accepted is looked at whole.
#include <math.h>

#include "common/catalogue/attributes.h"
#include "common/catalogue/item_vectors.h"
#include "common/catalogue/neighbour_table.h"
#include "tests/fuzz/fuzz.h"

static void check_column(const nj_attribute *column, uint32_t row_count)
{
    uint32_t known = 0;
    for (uint32_t row = 0; row < row_count && column->kind == NJ_ATTRIBUTE_WORDS; row++) {
        const uint32_t value = column->of_row[row];
        known += value != NJ_ATTRIBUTE_NONE;
        fuzz_check(value == NJ_ATTRIBUTE_NONE || value < column->values.count,
                   "an item's value is one of the column");
        fuzz_check(value == NJ_ATTRIBUTE_NONE ||
                       nj_attribute_value_find(column, nj_idlist_at(&column->values, value)) ==
                           value,
                   "a value is found by its text");
    }
    for (uint32_t row = 0; row < row_count && column->kind == NJ_ATTRIBUTE_DAYS; row++) {
        const int32_t day = column->day_of[row];
        known += day != NJ_DAY_NONE;
        fuzz_check(day == NJ_DAY_NONE || (day >= NJ_DAY_MIN && day <= NJ_DAY_MAX),
                   "a day is in a year from 1 to 9999");
    }
    fuzz_check(known == column->known_count, "known items are counted");
}

static nj_status open_attributes(const void *bytes, size_t size, uint32_t row_count, nj_error *err)
{
    nj_attributes attributes;
    nj_status status = nj_attributes_open(bytes, size, row_count, &attributes, err);
    for (uint32_t i = 0; status == NJ_OK && i < attributes.count; i++) {
        check_column(&attributes.columns[i], row_count);
        fuzz_check(nj_attributes_find(&attributes, attributes.columns[i].name) == i,
                   "a column is found by its name");
    }
    return status;
}

static nj_status open_vectors(const void *bytes, size_t size, uint32_t row_count, nj_error *err)
{
    nj_item_vectors vectors;
    float row[NJ_ITEM_VECTOR_WIDTH_MAX];
    nj_status status = nj_item_vectors_open(bytes, size, row_count, &vectors, err);
    for (uint32_t i = 0; status == NJ_OK && i < row_count; i++) {
        double square = 0;
        nj_item_vectors_row(&vectors, i, row);
        for (uint32_t d = 0; d < vectors.width; d++) {
            square += (double)row[d] * (double)row[d];
        }
        fuzz_check(nj_item_vectors_is_zero(&vectors, i) ? square == 0
                                                        : fabs(sqrt(square) - 1) < 0.01,
                   "a row has length 1 or 0");
    }
    return status;
}

static nj_status open_collaborative(const void *bytes, size_t size, uint32_t row_count,
                                    nj_error *err)
{
    nj_item_vectors vectors;
    const nj_status status = nj_collaborative_open(bytes, size, row_count, &vectors, err);
    for (size_t i = 0; status == NJ_OK && i < (size_t)row_count * vectors.width; i++) {
        fuzz_check(isfinite(vectors.f32[i]), "a value is finite");
    }
    return status;
}

static nj_status open_neighbours(const void *bytes, size_t size, uint32_t row_count, nj_error *err)
{
    nj_neighbour_table table;
    nj_status status = nj_neighbour_table_open(bytes, size, row_count, &table, err);
    for (uint32_t row = 0; status == NJ_OK && row < row_count; row++) {
        fuzz_check(nj_neighbour_table_count(&table, row) <= NJ_NEIGHBOUR_TABLE_MAX,
                   "an item has so many neighbours at the most");
        for (uint64_t at = table.offset[row]; at < table.offset[row + 1]; at++) {
            fuzz_check(table.rows[at] < row_count && table.rows[at] != row,
                       "a neighbour is another item");
            fuzz_check(table.weights[at] > 0 && isfinite(table.weights[at]),
                       "a weight is above 0 and finite");
        }
    }
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static nj_status (*const OPEN[])(const void *, size_t, uint32_t, nj_error *) = {
        open_attributes, open_vectors, open_neighbours, open_collaborative};
    nj_error err;
    if (size < 2) {
        return 0;
    }
    void *bytes = fuzz_copy_aligned(data + 2, size - 2);
    nj_status status = OPEN[data[0] % 4](bytes, size - 2, data[1], &err);
    fuzz_check(status == NJ_OK || status == NJ_INPUT, "a section is accepted or malformed");
    free(bytes);
    return 0;
}
