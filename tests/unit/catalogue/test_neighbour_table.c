// test_neighbour_table.c - neighbours of items as a section: what comes back, and what is refused.
#include "common/catalogue/neighbour_table.h"

#include <math.h>

#include "tests/support/nj_test.h"

#define ROWS 4
#define EDGES 5 // odd, so that rows are padded

static const uint64_t OFFSET[ROWS + 1] = {0, 3, 3, 4, 5};
static const uint32_t OTHERS[EDGES] = {2, 1, 3, 0, 1};
static const float WEIGHTS[EDGES] = {2, 0.5f, 0.5f, 1, 1e-30f};

static const nj_neighbour_table TABLE = {.row_count = ROWS,
                                         .kind = NJ_NEIGHBOUR_ITEM_KNN,
                                         .edge_count = EDGES,
                                         .offset = OFFSET,
                                         .rows = OTHERS,
                                         .weights = WEIGHTS};

static void write_section(nj_buffer *out)
{
    nj_error err = {0};
    nj_buffer_init(out, 1 << 20);
    assert_ok(nj_neighbour_table_write(&TABLE, out, &err), &err);
}

static void a_table_comes_back(void **state)
{
    (void)state;
    nj_buffer section;
    nj_error err = {0};
    nj_neighbour_table table;
    write_section(&section);
    assert_ok(nj_neighbour_table_open(section.bytes, section.size, ROWS, &table, &err), &err);
    assert_string_equal(nj_neighbour_table_kind_name(table.kind), "item-knn");
    assert_int_equal(table.edge_count, EDGES);
    assert_memory_equal(table.offset, OFFSET, sizeof OFFSET);
    assert_memory_equal(table.rows, OTHERS, sizeof OTHERS);
    assert_memory_equal(table.weights, WEIGHTS, sizeof WEIGHTS);
    assert_int_equal(nj_neighbour_table_count(&table, 0), 3);
    assert_int_equal(nj_neighbour_table_count(&table, 1), 0);
    nj_buffer_fini(&section);
}

static void a_catalogue_without_neighbours_has_a_table(void **state)
{
    (void)state;
    static const uint64_t NONE[ROWS + 1] = {0};
    nj_buffer section;
    nj_error err = {0};
    nj_neighbour_table table = {.row_count = ROWS, .offset = NONE};
    nj_buffer_init(&section, 1 << 20);
    assert_ok(nj_neighbour_table_write(&table, &section, &err), &err);
    assert_ok(nj_neighbour_table_open(section.bytes, section.size, ROWS, &table, &err), &err);
    assert_int_equal(table.edge_count, 0);
    nj_buffer_fini(&section);
}

// Sections lie as written above: header 32, offsets 40, rows 20 and their padding, weights.
#define OFFSETS_AT 32
#define ROWS_AT (OFFSETS_AT + 40)
#define WEIGHTS_AT (ROWS_AT + 24)

static void hostile_sections_are_refused_by_their_rule(void **state)
{
    (void)state;
    const uint32_t zero = 0;
    const uint32_t two = 2;
    const uint32_t four = 4;
    const uint64_t one = 1;
    const uint64_t six = 6;
    const uint64_t huge = UINT64_MAX;
    const float three = 3;
    const float nan = NAN;
    const float infinite = INFINITY;
    const float below = -1;
    const struct {
        size_t at;
        const void *bytes;
        size_t size;
        const char *says;
    } CASES[] = {
        {0, "X", 1, "do not begin with \"NJNEIGHB\""},
        {8, &two, 4, "version 2, this program reads 1"},
        {12, &two, 4, "made for 2 rows, the catalogue has 4"},
        {16, &two, 4, "of kind 2"},
        {20, &two, 4, "of kind 1"},
        {24, &huge, 8, "18446744073709551615 of kind 1, must be at most"},
        {24, &six, 8, "116 bytes, 6 of 4 rows need 120"},
        {OFFSETS_AT, &one, 8, "go from 1 to 5, must from 0 to 5"},
        {OFFSETS_AT + 32, &one, 8, "go from 0 to 1"},
        {OFFSETS_AT + 8, &huge, 8, "those of row 0 go from 0 to 18446744073709551615"},
        {OFFSETS_AT + 16, &one, 8, "those of row 1 go from 3 to 1"},
        {ROWS_AT, &four, 4, "row 0 has neighbour 4, must be another of 4 rows"},
        {ROWS_AT, &zero, 4, "row 0 has neighbour 0"},
        {ROWS_AT + 8, &one, 4, "of row 0, 1 is out of order"},
        {WEIGHTS_AT + 4, &three, 4, "of row 0, 1 is out of order"},
        {WEIGHTS_AT, &nan, 4, "weight nan"},
        {WEIGHTS_AT, &infinite, 4, "weight inf"},
        {WEIGHTS_AT + 16, &below, 4, "of row 3, 1 has weight -1"},
        {WEIGHTS_AT + 16, &zero, 4, "of row 3, 1 has weight 0"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        nj_buffer section;
        nj_error err = {0};
        nj_neighbour_table table;
        write_section(&section);
        memcpy(section.bytes + CASES[i].at, CASES[i].bytes, CASES[i].size);
        assert_refused(nj_neighbour_table_open(section.bytes, section.size, ROWS, &table, &err),
                       NJ_INPUT, &err, CASES[i].says);
        nj_buffer_fini(&section);
    }
}

static void cut_sections_are_refused(void **state)
{
    (void)state;
    nj_buffer section;
    nj_error err = {0};
    nj_neighbour_table table;
    write_section(&section);
    for (size_t size = 0; size < section.size; size++) {
        assert_int_equal(nj_neighbour_table_open(section.bytes, size, ROWS, &table, &err),
                         NJ_INPUT);
    }
    nj_buffer_fini(&section);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_comes_back),
        cmocka_unit_test(a_catalogue_without_neighbours_has_a_table),
        cmocka_unit_test(hostile_sections_are_refused_by_their_rule),
        cmocka_unit_test(cut_sections_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
