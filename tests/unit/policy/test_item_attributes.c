// test_item_attributes.c - attributes of items from files: words, paths, days, and what is refused by its line.
#include "common/policy/item_attributes.h"

#include "common/catalogue/attributes.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

#define ROWS 4

// A catalogue of items a, b, c, 7.
typedef struct {
    nj_idlist_builder builder;
    nj_buffer list;
    nj_idlist items;
    nj_idmap map;
    nj_buffer section;
    nj_attributes attributes;
    uint64_t foreign;
} shop;

static void open_shop(shop *s)
{
    static const char *const ITEMS[ROWS] = {"a", "b", "c", "7"};
    nj_error err = {0};
    *s = (shop){0};
    nj_idlist_builder_init(&s->builder);
    nj_buffer_init(&s->list, 1 << 20);
    nj_buffer_init(&s->section, 1 << 20);
    nj_idmap_init(&s->map);
    for (size_t i = 0; i < ROWS; i++) {
        assert_int_equal(nj_idlist_builder_add(&s->builder, nj_slice_from(ITEMS[i])), NJ_OK);
    }
    assert_int_equal(nj_idlist_builder_write(&s->builder, &s->list), NJ_OK);
    assert_ok(nj_idlist_open(s->list.bytes, s->list.size, "items", &s->items, &err), &err);
    assert_ok(nj_idmap_build(&s->map, &s->items, "items", &err), &err);
}

static void close_shop(shop *s)
{
    nj_idlist_builder_fini(&s->builder);
    nj_buffer_fini(&s->list);
    nj_buffer_fini(&s->section);
    nj_idmap_fini(&s->map);
}

static nj_status read_text(void **state, shop *s, const char *text, const char *words,
                           const char *days, nj_error *err)
{
    const nj_item_attributes_source source = {
        .path = sandbox_write(state, "items.txt", text, strlen(text)),
        .word_columns = words,
        .day_columns = days};
    nj_buffer_clear(&s->section);
    return nj_item_attributes_read(&source, &s->items, &s->map, &s->section, &s->foreign, err);
}

static void read_shop(void **state, shop *s, const char *text, const char *words, const char *days)
{
    nj_error err = {0};
    assert_ok(read_text(state, s, text, words, days, &err), &err);
    assert_ok(nj_attributes_open(s->section.bytes, s->section.size, ROWS, &s->attributes, &err),
              &err);
}

static void assert_word(const shop *s, const char *column, uint32_t row, const char *expected)
{
    const uint32_t c = nj_attributes_find(&s->attributes, nj_slice_from(column));
    assert_int_not_equal(c, NJ_ATTRIBUTE_NONE);
    const nj_attribute *attribute = &s->attributes.columns[c];
    const uint32_t value = attribute->of_row[row];
    if (expected == NULL) {
        assert_int_equal(value, NJ_ATTRIBUTE_NONE);
    } else {
        assert_int_equal(value, nj_attribute_value_find(attribute, nj_slice_from(expected)));
        assert_int_not_equal(value, NJ_ATTRIBUTE_NONE);
    }
}

static void a_table_gives_words_cut_to_the_first_parts_of_a_path(void **state)
{
    shop s;
    open_shop(&s);
    read_shop(state, &s,
              "item_id\tcategory\tbrand\ttitle\n"
              "c\tBeauty > Nails > Polish\t Zeta \tx\n"
              "nope\tBeauty\tOther\tx\n"
              "a\tBeauty>Hair\tAcme\tx\n"
              "7\tBeauty > Nails > Files\t\tx\n",
              "category=2,brand", NULL);
    assert_int_equal(s.attributes.count, 2);
    assert_int_equal(s.foreign, 1);
    assert_word(&s, "category", 0, "Beauty>Hair");
    assert_word(&s, "category", 1, NULL);
    assert_word(&s, "category", 2, "Beauty > Nails");
    assert_word(&s, "category", 3, "Beauty > Nails");
    assert_word(&s, "brand", 0, "Acme");
    assert_word(&s, "brand", 2, "Zeta");
    assert_word(&s, "brand", 3, NULL);
    assert_int_equal(s.attributes.columns[0].values.count,
                     2); // the foreign item's value is nobody's
    close_shop(&s);
}

static void json_lines_give_paths_from_lists_and_whole_numbers_as_text(void **state)
{
    shop s;
    open_shop(&s);
    read_shop(
        state, &s,
        "{\"item_id\": 7, \"categories\": [[\"Beauty\", \"Nails\", \"Files\"]], \"brand\": 12}\n"
        "{\"item_id\": \"a\", \"categories\": [\"Beauty\"], \"brand\": null}\n"
        "{\"item_id\": \"b\", \"brand\": \"Acme\", \"added\": 86399}\n",
        "categories=2,brand", "added");
    assert_word(&s, "categories", 3, "Beauty > Nails");
    assert_word(&s, "categories", 0, "Beauty");
    assert_word(&s, "brand", 3, "12");
    assert_word(&s, "brand", 0, NULL);
    assert_word(&s, "brand", 1, "Acme");
    assert_int_equal(s.attributes.columns[0].day_of[1], 0);
    assert_int_equal(s.attributes.columns[0].day_of[0], NJ_DAY_NONE);
    close_shop(&s);
}

static void days_are_dates_or_seconds_since_1970(void **state)
{
    shop s;
    open_shop(&s);
    read_shop(state, &s,
              "item_id,added\na,2024-05-01\nb,2024-05-01T00:30+02:00\nc,-1\n7,1714521600\n", NULL,
              "added");
    const int32_t *days = s.attributes.columns[0].day_of;
    assert_int_equal(days[0], 19844);
    assert_int_equal(days[1], 19843); // half past midnight there is the day before in UTC
    assert_int_equal(days[2], -1);
    assert_int_equal(days[3], 19844);
    close_shop(&s);
}

static void the_order_of_a_file_makes_no_other_bytes(void **state)
{
    shop s;
    shop t;
    open_shop(&s);
    open_shop(&t);
    read_shop(state, &s, "item_id,brand,kind\na,Zeta,k\nb,Acme,l\nc,Zeta,\n", "brand,kind", NULL);
    read_shop(state, &t, "item_id,kind,brand\nc,,Zeta\nb,l,Acme\na,k,Zeta\n", "kind,brand", NULL);
    assert_int_equal(s.section.size, t.section.size);
    assert_memory_equal(s.section.bytes, t.section.bytes, s.section.size);
    close_shop(&s);
    close_shop(&t);
}

static void files_that_are_wrong_are_refused_by_line(void **state)
{
    static const struct {
        const char *text;
        const char *words;
        const char *days;
        nj_status status;
        const char *says;
    } CASES[] = {
        {"item_id,brand\na,x\n", NULL, NULL, NJ_USAGE, "--attributes needs --attribute-columns"},
        {"item_id,brand\na,x\n", "brnd", NULL, NJ_INPUT,
         "line 1: has no column \"brnd\"; its columns are: item_id brand"},
        {"item_id,brand\na,x\n", "brand", "brand", NJ_USAGE,
         "--attribute-columns and --day-columns names \"brand\" twice"},
        {"item_id,brand\na,x\n", "brand=0", NULL, NJ_USAGE, "has \"brand=0\", must be"},
        {"item_id,brand\na,x\n", NULL, "brand=2", NJ_USAGE, "--day-columns has \"brand=2\""},
        {"item_id,brand\na,x\n", "a,b,c,d,e,f,g,h,i", NULL, NJ_USAGE, "name more than 8 columns"},
        {"item_id,brand\na,x\nb,y\na,z\n", "brand", NULL, NJ_INPUT,
         "line 4: item \"a\" stands in line 2 already"},
        {"item_id,brand\nx,x\n", "brand", NULL, NJ_INPUT,
         "none of its 1 items is among the catalogue's 4"},
        {"item_id,brand\na,x\001y\n", "brand", NULL, NJ_INPUT,
         "line 2: \"brand\" of item \"a\" is"},
        {"item_id,added\na,2024-02-30\n", NULL, "added", NJ_INPUT,
         "line 2: \"added\" of item \"a\" is \"2024-02-30\", which is no day"},
        {"item_id,added\na,1714521600000\n", NULL, "added", NJ_INPUT,
         "divide milliseconds by 1000"},
        {"item_id,added\na,yesterday\n", NULL, "added", NJ_INPUT, "which is no day"},
        {"{\"item_id\": \"a\", \"brand\": 1.5}\n", "brand", NULL, NJ_INPUT, "is no text"},
    };
    shop s;
    open_shop(&s);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        nj_error err = {0};
        assert_refused(read_text(state, &s, CASES[i].text, CASES[i].words, CASES[i].days, &err),
                       CASES[i].status, &err, CASES[i].says);
    }
    close_shop(&s);
}

#define IN_SANDBOX(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SANDBOX(a_table_gives_words_cut_to_the_first_parts_of_a_path),
        IN_SANDBOX(json_lines_give_paths_from_lists_and_whole_numbers_as_text),
        IN_SANDBOX(days_are_dates_or_seconds_since_1970),
        IN_SANDBOX(the_order_of_a_file_makes_no_other_bytes),
        IN_SANDBOX(files_that_are_wrong_are_refused_by_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
