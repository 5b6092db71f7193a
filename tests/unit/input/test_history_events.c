// test_history_events.c - csv and inter: columns, quotes, times, grouping, and the sort beyond
// memory.
#include <stdlib.h>

#include "common/input/event_table.h"
#include "tests/unit/input/collect.h"

#define LIMITS (&NJ_HISTORIES_LIMITS)

static void assert_csv(const char *text, const char *expected)
{
    assert_histories(NJ_HISTORIES_CSV, LIMITS, text, strlen(text), expected);
}

static void assert_csv_refused(const char *text, const char *says)
{
    assert_histories_refused(NJ_HISTORIES_CSV, LIMITS, text, strlen(text), says);
}

static void assert_inter(const char *text, const char *expected)
{
    assert_histories(NJ_HISTORIES_INTER, LIMITS, text, strlen(text), expected);
}

static void assert_inter_refused(const char *text, const char *says)
{
    assert_histories_refused(NJ_HISTORIES_INTER, LIMITS, text, strlen(text), says);
}

static void events_are_grouped_by_user_in_order_of_first_appearance(void **state)
{
    (void)state;
    assert_csv("user,item,timestamp\nb,x,3\na,y,2\nb,z,1\na,x,2\n", "b@2[z x] a@3[y x]");
    assert_csv("\xef\xbb\xbfuser,item\r\n\r\nb,x\r\na,y\r\nb,z", "b@3[x z] a@4[y]");
}

static void equal_times_keep_the_order_of_lines(void **state)
{
    (void)state;
    assert_csv("user,item,timestamp\nu,c,5\nu,a,5.0\nu,b,50e-1\nu,d,4\n", "u@2[d c a b]");
    assert_csv("user,item,timestamp\nu,a,0\nu,b,-0\nu,c,-0.0\n", "u@2[a b c]");
}

static void times_are_decimal_numbers_of_either_sign(void **state)
{
    (void)state;
    assert_csv("user,item,timestamp\nu,a,1393545600.5\nu,b,-2\nu,c,+1.5e2\nu,d,.5\nu,e,"
               "881250949\nu,f,9007199254740993\n",
               "u@2[b d c e a f]");
    static const char *const WRONG[] = {"",      "x",          "1x",    "0x10",  "inf", "nan",
                                        "1e999", "1e",         "1e5.3", "--1",   "1 ",  " 1",
                                        ".",     "2020-01-01", "1_0",   "1.2.3", "\"\""};
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        char text[100];
        snprintf(text, sizeof text, "user,item,timestamp\nu,a,1\nu,b,%s\n", WRONG[i]);
        assert_csv_refused(text, "line 3: timestamp \"");
    }
}

static void columns_stand_in_any_order_and_others_are_ignored(void **state)
{
    (void)state;
    assert_csv("timestamp,rating,item_id,title,user_id\n2,5,x,\"a, b\",u\n1,,y,,u\n", "u@2[y x]");
    assert_inter(
        "timestamp:float\titem_id:token\ttags:token_seq\tuser_id:token\n2\tx\ta b\tu\n1\ty\t\tu\n",
        "u@2[y x]");
    assert_inter("user_id:token\titem_id:token\nu\t\"x\"\n", "u@2[\"x\"]"); // no quotes in inter
}

static void quotes_follow_rfc_4180(void **state)
{
    (void)state;
    assert_csv("\"user\",\"item\"\n\"a,b\",\"say \"\"hi\"\"\"\n\"a,b\",\"\"\"\"\n",
               "a,b@2[say \"hi\" \"]");
    assert_csv("user,item,note\nu,x,\"one\ntwo \"\"quoted\"\"\n\nthree\"\nu,y,\n", "u@2[x y]");
    assert_csv_refused("user,item\nu,\"x\n", "line 2: a quote is opened and not closed");
    assert_csv_refused("user,item\nu,\"x\"y\n", "line 2: field 2 goes on behind its closing quote");
    assert_csv_refused("user,item\nu,x\"y\"\n", "line 2: field 2 has a quote inside");
    assert_csv_refused("user,item\nu,\"x\ny\"\n",
                       "line 2: item \"x?y\" contains a control character");
}

static void the_header_names_what_is_missing_and_what_was_found(void **state)
{
    (void)state;
    assert_csv_refused("u1,i1\n",
                       "line 1: no column \"user\" or \"user_id\"; the header has \"u1\", \"i1\"");
    assert_csv_refused("User,item\nu,x\n", "no column \"user\" or \"user_id\"");
    assert_csv_refused("user,timestamp\nu,1\n",
                       "no column \"item\" or \"item_id\"; the header has \"user\", \"timestamp\"");
    assert_csv_refused("user,item,user_id\nu,x,v\n", "columns 1 and 3 both hold the user");
    assert_csv_refused("user,item,item\nu,x,v\n", "columns 2 and 3 both hold the item");
    assert_csv_refused("user, item\nu,x\n", "no column \"item\"");
    assert_csv_refused("user;item\nu;x\n", "the header has \"user;item\"");
    assert_inter_refused("user_id\titem_id\nu\tx\n", "column \"user_id\" has no type");
    assert_inter_refused(
        "user_id:token\trating:float\nu\t1\n",
        "no column \"item_id:token\"; the header has \"user_id:token\", \"rating:float\"");
    assert_inter_refused("user_id:token\titem_id:token_seq\nu\tx\n",
                         "column \"item_id\" has type \"token_seq\", must be \"token\"");
    assert_inter_refused("user_id:token\titem_id:token\ttimestamp:token\nu\tx\t1\n",
                         "column \"timestamp\" has type \"token\", must be \"float\"");
    assert_inter_refused("user_id:token,item_id:token\n",
                         "column \"user_id\" has type \"token,item_id:token\"");
}

static void a_row_has_as_many_fields_as_the_header(void **state)
{
    (void)state;
    assert_csv_refused("user,item\nu,x\nu\n", "line 3: has 1 fields, the header has 2");
    assert_csv_refused("user,item\nu,x,\n", "line 2: has 3 fields, the header has 2");
    assert_inter_refused("user_id:token\titem_id:token\nu x\n",
                         "line 2: has 1 fields, the header has 2");
}

static void bad_ids_name_line_kind_and_rule(void **state)
{
    (void)state;
    char text[700] = "user,item\nu,";
    assert_csv_refused("user,item\nu,x\nu,\n", "line 3: item \"\" is empty");
    assert_csv_refused("user,item\n,x\n", "line 2: user \"\" is empty");
    assert_csv_refused("user,item\nu,\xff\n", "line 2: item \"?\" is not valid UTF-8");
    assert_csv_refused("user,item\nu,a\tb\n", "line 2: item \"a?b\" contains a control character");
    memset(text + 12, 'x', 511);
    assert_csv_refused(text, "is longer than 510 bytes");
    assert_histories_refused(NJ_HISTORIES_CSV, LIMITS, "user,item\nu,\0\n", 14,
                             "line 2: contains a NUL byte");
}

static void limits_hold_at_the_limit_and_refuse_one_more(void **state)
{
    (void)state;
    nj_histories_limits limits = NJ_HISTORIES_LIMITS;
    static const char TWO[] = "user,item\nu,a\nv,a\nu,b\n";
    static const char THREE[] = "user,item\nu,a\nv,a\nu,b\nu,c\n";
    limits.items_max = 2;
    assert_histories(NJ_HISTORIES_CSV, &limits, TWO, sizeof TWO - 1, "u@2[a b] v@3[a]");
    assert_histories_refused(NJ_HISTORIES_CSV, &limits, THREE, sizeof THREE - 1,
                             "line 5: user \"u\" has more than 2 items");

    limits.line_bytes_max = 12;
    static const char FITS[] = "user,item,n\nu,a,\"12\n45\"\n";
    static const char LONG[] = "user,item,n\nu,a,\"12\n45678912\"\n";
    assert_histories(NJ_HISTORIES_CSV, &limits, FITS, sizeof FITS - 1, "u@2[a]");
    assert_histories_refused(NJ_HISTORIES_CSV, &limits, LONG, sizeof LONG - 1,
                             "line 2: a quote opens here and the row grows beyond 12 bytes");
}

static void the_number_of_columns_is_bounded(void **state)
{
    (void)state;
    for (size_t columns = NJ_ROW_FIELDS_MAX; columns <= NJ_ROW_FIELDS_MAX + 1; columns++) {
        char text[2000] = "user,item";
        for (size_t i = 2; i < columns; i++) {
            strcat(text, ",x");
        }
        strcat(text, "\nu,a");
        for (size_t i = 2; i < columns; i++) {
            strcat(text, ",");
        }
        if (columns == NJ_ROW_FIELDS_MAX) {
            assert_csv(text, "u@2[a]");
        } else {
            assert_csv_refused(text, "line 1: has more than 256 fields");
        }
    }
}

static char *make_events(size_t rows, size_t *out_size)
{
    char *text = malloc(40 * (rows + 1));
    assert_non_null(text);
    size_t size = (size_t)sprintf(text, "user,item,timestamp\n");
    uint32_t seed = 7;
    for (size_t i = 0; i < rows; i++) {
        seed = seed * 1664525u + 1013904223u;
        size += (size_t)sprintf(text + size, "u%u,i%u,%u\n", seed >> 8 & 63, seed >> 14 & 255,
                                seed >> 22 & 31);
    }
    *out_size = size;
    return text;
}

static void beyond_memory_the_same_histories_come_out(void **state)
{
    (void)state;
    size_t size;
    char *text = make_events(4000, &size);
    collected all;
    nj_error err = {0};
    collected_init(&all);
    assert_ok(nj_histories_read(&(nj_histories_source){.path = memfile_write(text, size),
                                                       .format = NJ_HISTORIES_CSV},
                                collect, &all, &err),
              &err);
    assert_int_equal(all.item_count, 4000);
    assert_int_equal(nj_buffer_append(&all.text, "", 1), NJ_OK);
    const size_t memories[] = {0, 1000, 20000, 190000};
    for (size_t i = 0; i < sizeof memories / sizeof memories[0]; i++) {
        nj_histories_limits limits = NJ_HISTORIES_LIMITS;
        limits.memory_bytes = memories[i];
        limits.merge_files = 2 + 3 * i;
        assert_histories(NJ_HISTORIES_CSV, &limits, text, size, (const char *)all.text.bytes);
    }
    nj_buffer_fini(&all.text);
    free(text);
}

static void a_file_cut_at_any_byte_never_crashes(void **state)
{
    (void)state;
    static const char TEXT[] = "user,item,timestamp,x\nu,\"a\"\"b\",1,\"p\nq\"\nv,c,2.5,\n";
    unsigned refused = 0;
    for (size_t size = 0; size < sizeof TEXT; size++) {
        collected all;
        nj_error err = {0};
        collected_init(&all);
        nj_status status = nj_histories_read(
            &(nj_histories_source){.path = memfile_write(TEXT, size), .format = NJ_HISTORIES_CSV},
            collect, &all, &err);
        assert_true(status == NJ_OK || status == NJ_INPUT);
        refused += status == NJ_INPUT;
        nj_buffer_fini(&all.text);
    }
    assert_true(refused > sizeof TEXT - 8); // only whole rows pass
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_grouped_by_user_in_order_of_first_appearance),
        cmocka_unit_test(equal_times_keep_the_order_of_lines),
        cmocka_unit_test(times_are_decimal_numbers_of_either_sign),
        cmocka_unit_test(columns_stand_in_any_order_and_others_are_ignored),
        cmocka_unit_test(quotes_follow_rfc_4180),
        cmocka_unit_test(the_header_names_what_is_missing_and_what_was_found),
        cmocka_unit_test(a_row_has_as_many_fields_as_the_header),
        cmocka_unit_test(bad_ids_name_line_kind_and_rule),
        cmocka_unit_test(limits_hold_at_the_limit_and_refuse_one_more),
        cmocka_unit_test(the_number_of_columns_is_bounded),
        cmocka_unit_test(beyond_memory_the_same_histories_come_out),
        cmocka_unit_test(a_file_cut_at_any_byte_never_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
