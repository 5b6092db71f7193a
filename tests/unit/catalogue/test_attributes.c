// test_attributes.c - columns of words and days as a section: what comes back, and what is refused.
#include "common/catalogue/attributes.h"

#include <stdio.h>

#include "tests/support/nj_test.h"

#define ROWS 5 // odd, so that rows are padded

// A section of the columns "brand" (words) and "added" (days), given in the order that is not the section's.
typedef struct {
    nj_idlist_builder builder;
    nj_buffer list;
    nj_buffer section;
    nj_idlist values;
} shelf;

static const uint32_t BRAND_OF[ROWS] = {1, 0, NJ_ATTRIBUTE_NONE, 2, 1};
static const int32_t DAY_OF[ROWS] = {0, -1, 19000, NJ_DAY_NONE, NJ_DAY_MAX};

static void open_shelf(shelf *s)
{
    nj_error err = {0};
    nj_idlist_builder_init(&s->builder);
    nj_buffer_init(&s->list, 1 << 20);
    nj_buffer_init(&s->section, 1 << 20);
    for (size_t i = 0; i < 3; i++) {
        static const char *const VALUES[] = {"Acme", "Brown & Co", "zén"};
        assert_int_equal(nj_idlist_builder_add(&s->builder, nj_slice_from(VALUES[i])), NJ_OK);
    }
    assert_int_equal(nj_idlist_builder_write(&s->builder, &s->list), NJ_OK);
    assert_ok(nj_idlist_open(s->list.bytes, s->list.size, "values", &s->values, &err), &err);
    const nj_attribute columns[] = {
        {.name = nj_slice_from("brand"), .values = s->values, .of_row = BRAND_OF},
        {.name = nj_slice_from("added"), .kind = NJ_ATTRIBUTE_DAYS, .day_of = DAY_OF}};
    assert_ok(nj_attributes_write(columns, 2, ROWS, &s->section, &err), &err);
}

static void close_shelf(shelf *s)
{
    nj_idlist_builder_fini(&s->builder);
    nj_buffer_fini(&s->list);
    nj_buffer_fini(&s->section);
}

static nj_status open_section(const shelf *s, nj_attributes *out, nj_error *err)
{
    return nj_attributes_open(s->section.bytes, s->section.size, ROWS, out, err);
}

static void columns_come_back_by_name_with_their_values(void **state)
{
    (void)state;
    shelf s;
    nj_error err = {0};
    nj_attributes a;
    open_shelf(&s);
    assert_ok(open_section(&s, &a, &err), &err);
    assert_int_equal(a.count, 2);
    assert_int_equal(nj_attributes_find(&a, nj_slice_from("added")), 0);
    assert_int_equal(nj_attributes_find(&a, nj_slice_from("brand")), 1);
    assert_int_equal(nj_attributes_find(&a, nj_slice_from("bran")), NJ_ATTRIBUTE_NONE);
    assert_int_equal(a.columns[0].kind, NJ_ATTRIBUTE_DAYS);
    assert_int_equal(a.columns[0].known_count, 4);
    assert_memory_equal(a.columns[0].day_of, DAY_OF, sizeof DAY_OF);
    assert_int_equal(a.columns[1].known_count, 4);
    assert_memory_equal(a.columns[1].of_row, BRAND_OF, sizeof BRAND_OF);
    assert_int_equal(nj_attribute_value_find(&a.columns[1], nj_slice_from("Acme")), 0);
    assert_int_equal(nj_attribute_value_find(&a.columns[1], nj_slice_from("zén")), 2);
    assert_int_equal(nj_attribute_value_find(&a.columns[1], nj_slice_from("acme")),
                     NJ_ATTRIBUTE_NONE);
    assert_int_equal(nj_attribute_value_find(&a.columns[1], nj_slice_from("zzz")),
                     NJ_ATTRIBUTE_NONE);
    assert_int_equal(nj_attribute_value_find(&a.columns[0], nj_slice_from("Acme")),
                     NJ_ATTRIBUTE_NONE);
    close_shelf(&s);
}

// Every bit of the section says something that is checked, but letters of a name or a value, numbers of values that are there, and days.
static void cut_flipped_and_foreign_sections_are_refused(void **state)
{
    (void)state;
    shelf s;
    nj_error err = {0};
    nj_attributes a;
    size_t accepted = 0;
    open_shelf(&s);
    assert_refused(nj_attributes_open(s.section.bytes, s.section.size, ROWS + 1, &a, &err),
                   NJ_INPUT, &err, "made for 5 rows, the catalogue has 6");
    for (size_t size = 0; size < s.section.size; size++) {
        assert_int_equal(nj_attributes_open(s.section.bytes, size, ROWS, &a, &err), NJ_INPUT);
    }
    assert_int_equal(nj_buffer_append(&s.section, "\0\0\0\0\0\0\0\0", 8), NJ_OK);
    assert_refused(open_section(&s, &a, &err), NJ_INPUT, &err, "its columns end at");
    s.section.size -= 8;
    for (size_t bit = 0; bit < s.section.size * 8; bit++) {
        s.section.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        const nj_status status = open_section(&s, &a, &err);
        assert_true(status == NJ_INPUT || status == NJ_OK);
        accepted += status == NJ_OK;
        for (uint32_t row = 0; row < ROWS && status == NJ_OK; row++) {
            const uint32_t value = a.columns[1].of_row[row];
            assert_true(value == NJ_ATTRIBUTE_NONE || value < a.columns[1].values.count);
        }
        s.section.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_in_range(accepted, 1, s.section.size * 8 / 4);
    close_shelf(&s);
}

// A change of the section at a place where it lies as written above: header 24, entries 88 each, then "added", then "brand".
static void assert_change_refused(size_t at, const void *bytes, size_t size, const char *says)
{
    shelf s;
    nj_error err = {0};
    nj_attributes a;
    open_shelf(&s);
    memcpy(s.section.bytes + at, bytes, size);
    assert_refused(open_section(&s, &a, &err), NJ_INPUT, &err, says);
    close_shelf(&s);
}

#define ADDED (24 + 2 * 88)
#define BRAND (ADDED + 24) // rows of "brand": five and their padding
#define VALUES (BRAND + 24)

static void what_a_section_must_not_say_is_refused_by_its_rule(void **state)
{
    (void)state;
    const uint32_t three = 3;
    const uint32_t nine = 9;
    const int32_t late = NJ_DAY_MAX + 1;
    const uint64_t far = 1 << 20;
    assert_change_refused(8, &nine, 4, "version 9, this program reads 1");
    assert_change_refused(16, &nine, 4, "9 columns, must be 1 to 8");
    assert_change_refused(16, &three, 4, "24 bytes from 200, must begin at 288");
    assert_change_refused(24, "brand\0", 6, "column 1, \"brand\", is out of order");
    assert_change_refused(24, "\1", 1, "the name of column 0");
    assert_change_refused(24 + 20, "x", 1, "has something behind its end");
    assert_change_refused(24 + 64, &nine, 4, "column \"added\" is of kind 9");
    assert_change_refused(24 + 72, &far, 8, "must begin at 200");
    assert_change_refused(24 + 80, &far, 8, "\"added\" has 1048576 bytes from 200");
    assert_change_refused(ADDED, &late, 4, "row 0: day 2932897, must be -719162 to 2932896");
    assert_change_refused(ADDED + 20, "x", 1, "is 120, must be 0");
    assert_change_refused(BRAND, &three, 4, "column \"brand\", row 0: value 3, the column has 3");
    assert_change_refused(VALUES + 8 * 5, "zcme", 4, "value 1, \"Brown & Co\", is out of order");
}

static void columns_that_cannot_be_written_are_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_buffer out;
    nj_attribute columns[NJ_ATTRIBUTES_MAX + 1] = {0};
    nj_buffer_init(&out, 1 << 20);
    for (size_t i = 0; i < NJ_ATTRIBUTES_MAX + 1; i++) {
        columns[i] = (nj_attribute){
            .name = nj_slice_from("same"), .kind = NJ_ATTRIBUTE_DAYS, .day_of = DAY_OF};
    }
    assert_refused(nj_attributes_write(columns, 0, ROWS, &out, &err), NJ_INPUT, &err,
                   "0 columns, must be 1 to 8");
    assert_refused(nj_attributes_write(columns, NJ_ATTRIBUTES_MAX + 1, ROWS, &out, &err), NJ_INPUT,
                   &err, "9 columns, must be 1 to 8");
    assert_refused(nj_attributes_write(columns, 2, ROWS, &out, &err), NJ_INPUT, &err,
                   "column \"same\" is there twice");
    columns[0].name =
        nj_slice_from("0123456789012345678901234567890123456789012345678901234567890123");
    assert_refused(nj_attributes_write(columns, 2, ROWS, &out, &err), NJ_INPUT, &err,
                   "is longer than 63 bytes");
    nj_buffer_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_come_back_by_name_with_their_values),
        cmocka_unit_test(cut_flipped_and_foreign_sections_are_refused),
        cmocka_unit_test(what_a_section_must_not_say_is_refused_by_its_rule),
        cmocka_unit_test(columns_that_cannot_be_written_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
