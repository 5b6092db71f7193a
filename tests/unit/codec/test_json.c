// test_json.c - JSON files from outside: what is read, and what is refused with file, key and rule.
#include "common/codec/json.h"

#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

static const char EXAMPLE[] =
    "{\"rows\": 12, \"rate\": 0.5, \"tied\": true, \"name\": \"t5\", \"none\": null}";

static json_t *parse(const char *text)
{
    nj_error err = {0};
    json_t *root = NULL;
    assert_ok(nj_json_parse(text, strlen(text), "config.json", &root, &err), &err);
    return root;
}

static void keys_are_read_by_type(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_json_keys keys;
    json_t *root = parse(EXAMPLE);
    nj_json_keys_open(&keys, root, "config.json", &err);

    assert_int_equal(nj_json_int(&keys, "rows", 12, 12), 12);
    assert_true(nj_json_real_or(&keys, "rate", 9.0) == 0.5);
    assert_true(nj_json_real_or(&keys, "rows", 9.0) == 12.0);
    assert_true(nj_json_bool_or(&keys, "tied", false));
    assert_string_equal(nj_json_text_or(&keys, "name", ""), "t5");

    assert_ok(keys.status, &err);
    json_decref(root);
}

static void a_byte_order_mark_is_passed(void **state)
{
    (void)state;
    json_t *root = parse("\xef\xbb\xbf{\"rows\": 1}");
    assert_int_equal(json_integer_value(json_object_get(root, "rows")), 1);
    json_decref(root);
}

static void a_file_with_an_integer_beyond_64_bits_is_read_as_real_numbers(void **state)
{
    static const char TEXT[] =
        "{\"model_max_length\": 1000000000000000019884624838656, \"rows\": 3}";
    nj_error err = {0};
    nj_json_keys keys;
    json_t *root = NULL;
    const char *path = sandbox_write(state, "tokenizer_config.json", TEXT, strlen(TEXT));
    assert_refused(nj_json_load(path, 1000, &root, &err), NJ_INPUT, &err, "integer");
    assert_ok(nj_json_parse_real(TEXT, strlen(TEXT), "text", &root, &err), &err);
    json_decref(root);
    assert_ok(nj_json_load_real(path, 1000, &root, &err), &err);
    nj_json_keys_open(&keys, root, "tokenizer_config.json", &err);

    assert_true(nj_json_real_or(&keys, "model_max_length", 0) == 1e30);
    assert_true(nj_json_real_or(&keys, "rows", 0) == 3.0);
    assert_ok(keys.status, &err);
    assert_int_equal(nj_json_int_or(&keys, "rows", 0, 9, 0), 0);
    assert_refused(keys.status, NJ_INPUT, &err, "\"rows\"");
    json_decref(root);
}

static void absent_keys_and_null_give_the_fallback(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_json_keys keys;
    json_t *root = parse(EXAMPLE);
    nj_json_keys_open(&keys, root, "config.json", &err);
    static const char *const ABSENT[] = {"none", "other"};

    for (size_t i = 0; i < 2; i++) {
        assert_false(nj_json_has(&keys, ABSENT[i]));
        assert_int_equal(nj_json_int_or(&keys, ABSENT[i], 0, 1, 7), 7);
        assert_true(nj_json_real_or(&keys, ABSENT[i], 0.25) == 0.25);
        assert_true(nj_json_bool_or(&keys, ABSENT[i], true));
        assert_null(nj_json_text_or(&keys, ABSENT[i], NULL));
    }

    assert_ok(keys.status, &err);
    assert_int_equal(nj_json_int(&keys, "none", 3, 4), 3);
    assert_refused(keys.status, NJ_INPUT, &err, "config.json: \"none\" is missing");
    json_decref(root);
}

static void wrong_types_and_ranges_name_the_key_and_the_first_one_sticks(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_json_keys keys;
    json_t *root = parse(EXAMPLE);

    nj_json_keys_open(&keys, root, "config.json", &err);
    assert_int_equal(nj_json_int(&keys, "rows", 1, 11), 1);
    assert_false(nj_json_bool_or(&keys, "rate", false));
    assert_refused(keys.status, NJ_INPUT, &err, "\"rows\" is 12, must be 1 to 11");

    nj_json_keys_open(&keys, root, "config.json", &err);
    (void)nj_json_int(&keys, "rate", 0, 1);
    assert_refused(keys.status, NJ_INPUT, &err, "\"rate\" is not a whole number");
    nj_json_keys_open(&keys, root, "config.json", &err);
    (void)nj_json_real_or(&keys, "name", 0);
    assert_refused(keys.status, NJ_INPUT, &err, "\"name\" is not a number");
    nj_json_keys_open(&keys, root, "config.json", &err);
    (void)nj_json_bool_or(&keys, "rows", false);
    assert_refused(keys.status, NJ_INPUT, &err, "\"rows\" is not true or false");
    nj_json_keys_open(&keys, root, "config.json", &err);
    (void)nj_json_text_or(&keys, "tied", NULL);
    assert_refused(keys.status, NJ_INPUT, &err, "\"tied\" is not text");
    json_decref(root);
}

static void an_array_is_no_object(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_json_keys keys;
    json_t *root = parse("[1]");

    nj_json_keys_open(&keys, root, "config.json", &err);

    assert_int_equal(nj_json_int(&keys, "rows", 1, 2), 1);
    assert_refused(keys.status, NJ_INPUT, &err, "config.json: not a JSON object");
    json_decref(root);
}

static void every_cut_of_a_document_is_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    json_t *root = NULL;
    for (size_t size = 0; size + 1 < sizeof EXAMPLE; size++) {
        assert_refused(nj_json_parse(EXAMPLE, size, "config.json", &root, &err), NJ_INPUT, &err,
                       "config.json: line 1");
    }
    assert_null(root);
}

static void any_flipped_bit_is_refused_or_safe(void **state)
{
    (void)state;
    nj_error err = {0};
    char bytes[sizeof EXAMPLE];
    for (size_t bit = 0; bit < (sizeof EXAMPLE - 1) * 8; bit++) {
        json_t *root = NULL;
        memcpy(bytes, EXAMPLE, sizeof EXAMPLE);
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ (1 << bit % 8));
        if (nj_json_parse(bytes, sizeof EXAMPLE - 1, "x", &root, &err) == NJ_OK) {
            nj_json_keys keys;
            nj_json_keys_open(&keys, root, "x", &err);
            (void)nj_json_int_or(&keys, "rows", 0, 100, 0);
            (void)nj_json_text_or(&keys, "name", NULL);
            json_decref(root);
        }
    }
}

static void hostile_documents_are_refused(void **state)
{
    (void)state;
    static char deep[100000];
    memset(deep, '[', sizeof deep);
    static const char *const BAD[] = {
        "{\"a\": 1, \"a\": 2}",
        "{\"a\": 99999999999999999999}",
        "{\"a\": 1e999}",
        "{\"a\": NaN}",
        "{\"a\": \"\xff\"}",
        "{\"a\": \"\\u0000\"}",
        "{\"a\": \"\\ud800\"}",
        "{} x",
        "7",
    };
    nj_error err = {0};
    json_t *root = NULL;
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        assert_int_equal(nj_json_parse(BAD[i], strlen(BAD[i]), "x", &root, &err), NJ_INPUT);
    }
    assert_refused(nj_json_parse(deep, sizeof deep, "x", &root, &err), NJ_INPUT, &err, "depth");
    assert_null(root);
}

static void a_file_is_bounded_and_named_in_errors(void **state)
{
    nj_error err = {0};
    json_t *root = NULL;
    const char *path = sandbox_write(state, "config.json", "{\n  \"a\": ]\n}", 13);

    assert_refused(nj_json_load(path, 100, &root, &err), NJ_INPUT, &err, "config.json: line 2");
    assert_refused(nj_json_load(path, 12, &root, &err), NJ_INPUT, &err,
                   "has 13 bytes, the limit is 12");
    assert_refused(nj_json_load(sandbox_path(state, "none"), 12, &root, &err), NJ_NOT_FOUND, &err,
                   "none");
    assert_refused(nj_json_load(sandbox_write(state, "empty", "", 0), 12, &root, &err), NJ_INPUT,
                   &err, "empty: line 1");
    assert_null(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_read_by_type),
        cmocka_unit_test(a_byte_order_mark_is_passed),
        cmocka_unit_test_setup_teardown(
            a_file_with_an_integer_beyond_64_bits_is_read_as_real_numbers, sandbox_setup,
            sandbox_teardown),
        cmocka_unit_test(absent_keys_and_null_give_the_fallback),
        cmocka_unit_test(wrong_types_and_ranges_name_the_key_and_the_first_one_sticks),
        cmocka_unit_test(an_array_is_no_object),
        cmocka_unit_test(every_cut_of_a_document_is_refused),
        cmocka_unit_test(any_flipped_bit_is_refused_or_safe),
        cmocka_unit_test(hostile_documents_are_refused),
        cmocka_unit_test_setup_teardown(a_file_is_bounded_and_named_in_errors, sandbox_setup,
                                        sandbox_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
