// test_template.c - what the encoder reads, token by token; the template's JSON and its limits.
#include "common/catalogue/template.h"

#include "tests/support/nj_test.h"

// Two levels: tokens of level 0 from 10, of level 1 from 20. SIDs: row 0 is 1 2, row 1 is 3 0, row 2 is 0 5.
static const uint16_t CODES[] = {1, 2, /**/ 3, 0, /**/ 0, 5};
static const uint32_t BASES[] = {10, 20};
static const nj_token_table TABLE = {CODES, BASES, 2};

static nj_template parse(const char *json)
{
    nj_error err = {0};
    nj_template template;
    assert_ok(nj_template_parse(nj_slice_from(json), "template", &template, &err), &err);
    return template;
}

static void assert_tokens(const nj_template *template, const uint32_t *rows, size_t row_count,
                          const uint32_t *expected, size_t expected_count)
{
    uint32_t out[300];
    out[expected_count] = 4711;
    size_t count = nj_template_tokens(template, &TABLE, nj_slice_from("u1"), rows, row_count, out);
    assert_int_equal(count, expected_count);
    assert_int_equal(nj_template_tokens_max(template, 2, row_count), expected_count);
    assert_memory_equal(out, expected, expected_count * sizeof *expected);
    assert_int_equal(out[expected_count], 4711); // nothing is written behind the end
}

static void the_empty_template_gives_only_the_items(void **state)
{
    (void)state;
    nj_template template = parse("{}");
    assert_tokens(&template, (uint32_t[]){2, 0}, 2, (uint32_t[]){10, 25, 11, 22}, 4);
    assert_tokens(&template, (uint32_t[]){1}, 1, (uint32_t[]){13, 20}, 2);
    assert_tokens(&template, NULL, 0, (uint32_t[]){0}, 0);
}

static void every_part_stands_in_its_place(void **state)
{
    (void)state;
    // One user token only: the place is what is tested here, not the hash.
    nj_template template = parse("{\"before\": [7, 8], \"between\": [5, 6, 5], \"after\": [1],"
                                 " \"user_token_base\": 900, \"user_token_count\": 1}");
    assert_tokens(&template, (uint32_t[]){2, 0, 1}, 3,
                  (uint32_t[]){7, 8, 900, 10, 25, 5, 6, 5, 11, 22, 5, 6, 5, 13, 20, 1}, 16);
    assert_tokens(&template, (uint32_t[]){2}, 1, (uint32_t[]){7, 8, 900, 10, 25, 1}, 6);
    assert_tokens(&template, NULL, 0, (uint32_t[]){7, 8, 900, 1}, 4);
}

static void the_user_token_is_the_hash_of_the_id(void **state)
{
    (void)state;
    nj_template template = parse("{\"user_token_base\": 100, \"user_token_count\": 2000}");
    // XXH3_64bits of xxhash 0.8.1. Models are trained on these tokens, so they may never change.
    static const struct {
        const char *user;
        uint64_t hash;
    } USERS[] = {{"u1", 0x9dc02546854d5df1},
                 {"A2CG5Y82ZZNY6W", 0x987afa62661b6398},
                 {"7", 0x06eed105b82285fa}};
    for (size_t i = 0; i < sizeof USERS / sizeof *USERS; i++) {
        uint32_t token = 0;
        nj_slice user = nj_slice_from(USERS[i].user);
        assert_int_equal(nj_template_tokens(&template, &TABLE, user, NULL, 0, &token), 1);
        assert_int_equal(token, 100 + USERS[i].hash % 2000);
    }
}

static void an_absent_template_is_the_empty_one(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_template template;
    memset(&template, 0xff, sizeof template);
    assert_ok(nj_template_read(NULL, "template", &template, &err), &err);
    assert_tokens(&template, (uint32_t[]){0}, 1, (uint32_t[]){11, 22}, 2);
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_template template =
        parse("{\"after\": [1], \"before\": [2147483647, 0], \"user_token_base\": 3,"
              " \"user_token_count\": 4, \"later\": {}}");
    nj_buffer once;
    nj_buffer again;
    nj_buffer_init(&once, 4096);
    nj_buffer_init(&again, 4096);
    assert_int_equal(nj_template_write(&template, &once), NJ_OK);
    nj_template back;
    assert_ok(nj_template_parse(nj_buffer_slice(&once), "template", &back, &err), &err);
    assert_int_equal(nj_template_write(&back, &again), NJ_OK);

    assert_true(nj_slice_equal(nj_buffer_slice(&once), nj_buffer_slice(&again)));
    assert_true(nj_slice_equal(
        nj_buffer_slice(&once),
        nj_slice_from("{\"before\": [2147483647, 0], \"between\": [], \"after\": [1], "
                      "\"user_token_base\": 3, \"user_token_count\": 4}")));
    nj_buffer_fini(&once);
    nj_buffer_fini(&again);
}

static void the_limit_of_a_list_holds_at_the_limit(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_template template;
    nj_buffer json;
    nj_buffer_init(&json, 16384);
    assert_int_equal(nj_buffer_printf(&json, "{\"between\": [0"), NJ_OK);
    for (size_t i = 1; i < NJ_TEMPLATE_TOKENS_MAX; i++) {
        assert_int_equal(nj_buffer_printf(&json, ", %zu", i), NJ_OK);
    }
    size_t full = json.size;
    assert_int_equal(nj_buffer_printf(&json, "]}"), NJ_OK);
    assert_ok(nj_template_parse(nj_buffer_slice(&json), "t", &template, &err), &err);
    assert_int_equal(template.between_count, NJ_TEMPLATE_TOKENS_MAX);
    assert_int_equal(template.between[1023], 1023);

    json.size = full;
    assert_int_equal(nj_buffer_printf(&json, ", 9]}"), NJ_OK);
    assert_refused(nj_template_parse(nj_buffer_slice(&json), "t", &template, &err), NJ_INPUT, &err,
                   "\"between\" has 1025 tokens, the limit is 1024");
    nj_buffer_fini(&json);
}

static void templates_that_cannot_be_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        const char *says;
    } CASES[] = {
        {"[]", "not a JSON object"},
        {"7", "line 1"},
        {"{\"before\": 7}", "\"before\" is not a list"},
        {"{\"before\": [1, -1]}", "\"before\", element 1"},
        {"{\"between\": [2147483648]}", "\"between\", element 0"},
        {"{\"after\": [1.0]}", "\"after\", element 0"},
        {"{\"after\": [\"1\"]}", "\"after\", element 0"},
        {"{\"after\": [[1]]}", "\"after\", element 0"},
        {"{\"user_token_count\": -1}", "\"user_token_count\" is -1"},
        {"{\"user_token_base\": 99999999999}", "\"user_token_base\" is 99999999999"},
        {"{\"user_token_base\": 2147483647, \"user_token_count\": 2}",
         "user tokens end at 2147483648"},
        {"{\"before\": [], \"before\": []}", "duplicate"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        nj_error err = {0};
        nj_template template;
        assert_refused(nj_template_parse(nj_slice_from(CASES[i].json), "t", &template, &err),
                       NJ_INPUT, &err, CASES[i].says);
    }
}

static void every_cut_of_the_json_is_refused(void **state)
{
    (void)state;
    static const char JSON[] = "{\"before\": [1], \"user_token_base\": 3, \"user_token_count\": 4}";
    for (size_t size = 0; size < sizeof JSON - 1; size++) {
        nj_error err = {0};
        nj_template template;
        assert_int_equal(nj_template_parse((nj_slice){JSON, size}, "t", &template, &err), NJ_INPUT);
    }
}

static void the_longest_sequence_is_planned_without_overflow(void **state)
{
    (void)state;
    nj_template template = parse("{\"before\": [1], \"between\": [2, 3], \"after\": [4, 5],"
                                 " \"user_token_base\": 9, \"user_token_count\": 9}");
    assert_int_equal(nj_template_tokens_max(&template, 4, 0), 4);
    assert_int_equal(nj_template_tokens_max(&template, 4, 1), 8);
    assert_int_equal(nj_template_tokens_max(&template, 4, 20), 4 + 80 + 38);
    assert_true(nj_template_tokens_max(&template, 4, SIZE_MAX / 4) == SIZE_MAX);
    assert_true(nj_template_tokens_max(&template, 8, SIZE_MAX / 2) == SIZE_MAX);
}

static void the_highest_token_counts_every_part(void **state)
{
    (void)state;
    uint32_t token = 0;
    nj_template template = parse("{}");
    assert_false(nj_template_token_highest(&template, &token));
    template = parse("{\"before\": [3]}");
    assert_true(nj_template_token_highest(&template, &token));
    assert_int_equal(token, 3);
    template = parse("{\"before\": [3], \"between\": [50, 4], \"after\": [9]}");
    assert_true(nj_template_token_highest(&template, &token));
    assert_int_equal(token, 50);
    template = parse("{\"after\": [9], \"user_token_base\": 100, \"user_token_count\": 20}");
    assert_true(nj_template_token_highest(&template, &token));
    assert_int_equal(token, 119);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_empty_template_gives_only_the_items),
        cmocka_unit_test(every_part_stands_in_its_place),
        cmocka_unit_test(the_user_token_is_the_hash_of_the_id),
        cmocka_unit_test(an_absent_template_is_the_empty_one),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(the_limit_of_a_list_holds_at_the_limit),
        cmocka_unit_test(templates_that_cannot_be_are_refused),
        cmocka_unit_test(every_cut_of_the_json_is_refused),
        cmocka_unit_test(the_longest_sequence_is_planned_without_overflow),
        cmocka_unit_test(the_highest_token_counts_every_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
