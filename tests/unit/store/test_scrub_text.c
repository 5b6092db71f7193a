// test_scrub_text.c - ids in bytes, text, JSON and logs: found where they stand alone, and replaced.
#include "common/store/scrub_text.h"

#include <stdlib.h>

#include "common/base/file.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

static const char *const IDS[] = {"u00017", "u00017-b", "7", "a\"b\\c\n-\xc3\xa9", "123456"};

static void make(nj_erase_set *set, nj_scrub_text *text)
{
    nj_error err = {0};
    nj_erase_set_init(set);
    for (size_t i = 0; i < sizeof IDS / sizeof IDS[0]; i++) {
        if (strchr(IDS[i], '\n') == NULL) {
            assert_ok(nj_erase_ids_add(&set->users, nj_slice_from(IDS[i]), &err), &err);
        }
    }
    assert_ok(nj_erase_ids_add(&set->items, nj_slice_from("a\"b\\c-\xc3\xa9"), &err), &err);
    assert_ok(nj_scrub_text_init(text, set, &err), &err);
}

static void expect(const nj_scrub_text *text, bool is_json, const char *in, const char *want,
                   uint64_t want_count)
{
    nj_buffer out;
    uint64_t count = 0;
    nj_buffer_init(&out, 4096);
    assert_int_equal(is_json ? nj_scrub_json(text, nj_slice_from(in), &out, &count)
                             : nj_scrub_plain(text, nj_slice_from(in), &out, &count),
                     NJ_OK);
    assert_int_equal(nj_buffer_append(&out, "", 1), NJ_OK);
    assert_string_equal((char *)out.bytes, want);
    assert_int_equal(count, want_count);
    nj_buffer_fini(&out);
}

static void ids_that_stand_alone_are_replaced(void **state)
{
    nj_erase_set set;
    nj_scrub_text text;
    (void)state;
    make(&set, &text);
    expect(&text, false, "u00017", "[erased]", 1);
    expect(&text, false, "user u00017: 7 of 123456.", "user [erased]: 7 of [erased].", 2);
    expect(&text, false, "u00017-b u00017-c u000171 xu00017", "[erased] u00017-c u000171 xu00017",
           1);
    expect(&text, false, "", "", 0);
    nj_scrub_text_fini(&text);
    nj_erase_set_fini(&set);
}

static void strings_of_json_are_replaced_however_they_are_written(void **state)
{
    nj_erase_set set;
    nj_scrub_text text;
    (void)state;
    make(&set, &text);
    expect(&text, true, "{\"user\": \"7\", \"n\": 7}", "{\"user\": \"[erased]\", \"n\": 7}", 1);
    expect(&text, true, "[\"\\u0075\\u0030\\u0030017\"]", "[\"[erased]\"]", 1);
    expect(&text, true, "[\"a\\\"b\\\\c-\\u00e9\"]", "[\"[erased]\"]", 1);
    expect(&text, true, "{\"why\": \"of \\\"u00017\\\" too\", \"x\": \"\\t7\"}",
           "{\"why\": \"of \\\"[erased]\\\" too\", \"x\": \"\\t7\"}", 1);
    expect(&text, true, "{\"n\": 123456, \"open", "{\"n\": 123456, \"open\"", 0);
    nj_scrub_text_fini(&text);
    nj_erase_set_fini(&set);
}

// Beside a search that compares every pattern at every place.
static void the_search_finds_what_a_slow_one_finds(void **state)
{
    uint64_t random = 11;
    char bytes[600];
    nj_byte_search search;
    (void)state;
    nj_byte_search_init(&search);
    char patterns[40][12];
    for (size_t i = 0; i < 40; i++) {
        const size_t size = 4 + i % 7;
        for (size_t j = 0; j < size; j++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            patterns[i][j] = (char)('a' + (random >> 60) % 2);
        }
        patterns[i][size] = '\0';
        assert_int_equal(nj_byte_search_add(&search, nj_slice_from(patterns[i]), i), NJ_OK);
    }
    assert_int_equal(nj_byte_search_build(&search), NJ_OK);
    for (size_t i = 0; i < sizeof bytes; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        bytes[i] = (char)('a' + (random >> 60) % (i % 5 == 0 ? 3 : 2));
    }
    size_t at = 0;
    for (size_t i = 0; i < sizeof bytes; i++) {
        size_t longest = 0;
        for (size_t j = 0; j < 40; j++) {
            const size_t size = strlen(patterns[j]);
            if (size <= sizeof bytes - i && size > longest &&
                memcmp(bytes + i, patterns[j], size) == 0) {
                longest = size;
            }
        }
        if (longest > 0) {
            nj_byte_hit hit;
            assert_true(nj_byte_search_next(&search, (nj_slice){bytes, sizeof bytes}, at, &hit));
            assert_int_equal(hit.at, i);
            assert_int_equal(hit.size, longest);
            assert_int_equal(strlen(patterns[hit.label]), longest);
            at = i + 1;
        }
    }
    nj_byte_hit none;
    assert_true(at > 0);
    assert_false(nj_byte_search_next(&search, (nj_slice){bytes, sizeof bytes}, at, &none));
    nj_byte_search_fini(&search);
}

static void a_log_is_replaced_only_where_it_names_one(void **state)
{
    nj_error err = {0};
    nj_erase_set set;
    nj_scrub_text text;
    uint64_t count = 0;
    char *is = NULL;
    size_t size = 0;
    const char *log = "{\"message\":\"u00017 is slow\",\"user\":\"7\"}\nplain u00017\n{broken\n";
    const char *path = sandbox_write(state, "log", log, strlen(log));
    make(&set, &text);
    assert_ok(nj_scrub_lines_file(&text, path, &count, &err), &err);
    assert_int_equal(count, 3);
    assert_ok(nj_file_read(path, 4096, &is, &size, &err), &err);
    assert_string_equal(
        is, "{\"message\":\"[erased] is slow\",\"user\":\"[erased]\"}\nplain [erased]\n{broken\n");
    free(is);
    assert_ok(nj_scrub_lines_file(&text, path, &count, &err), &err);
    assert_int_equal(count, 0);
    assert_int_equal(nj_scrub_lines_file(&text, sandbox_path(state, "none"), &count, &err),
                     NJ_NOT_FOUND);
    nj_scrub_text_fini(&text);
    nj_erase_set_fini(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_that_stand_alone_are_replaced),
        cmocka_unit_test(strings_of_json_are_replaced_however_they_are_written),
        cmocka_unit_test(the_search_finds_what_a_slow_one_finds),
        cmocka_unit_test_setup_teardown(a_log_is_replaced_only_where_it_names_one, sandbox_setup,
                                        sandbox_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
