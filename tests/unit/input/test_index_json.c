// test_index_json.c - semantic IDs in LC-Rec's form.
#include "common/input/index_json.h"

#include "tests/support/memfile.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

static nj_status read_text(const char *text, nj_index_json *out, nj_error *err)
{
    return nj_index_json_read(memfile_write(text, strlen(text)), out, err);
}

static void keys_are_rows_in_any_order(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_index_json index;
    assert_ok(read_text("{\"1\": [\"<a_3>\", \"<bb_65535>\"], \"0\": [\"<a_7>\", \"<bb_0>\"]}",
                        &index, &err),
              &err);
    assert_int_equal(index.row_count, 2);
    assert_int_equal(index.level_count, 2);
    assert_int_equal(index.codes[0], 7);
    assert_int_equal(index.codes[1], 0);
    assert_int_equal(index.codes[2], 3);
    assert_int_equal(index.codes[3], 65535);
    assert_int_equal(index.code_max[0], 7);
    assert_int_equal(index.code_max[1], 65535);
    nj_index_json_free(&index);
    assert_null(index.codes);
}

static void wrong_files_are_refused_with_key_and_rule(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *says;
    } CASES[] = {
        {"", "line 1"},
        {"{\"0\": [\"<a_1>\"]", "line 1"},
        {"{}", "not a JSON object with rows"},
        {"[]", "not a JSON object with rows"},
        {"{\"0\": []}", "has 0 levels, must be 1 to 8"},
        {"{\"0\": 5}", "has 0 levels, must be 1 to 8"},
        {"{\"0\": [1,2,3,4,5,6,7,8,9]}", "has 9 levels, must be 1 to 8"},
        {"{\"x\": [\"<a_1>\"]}", "key \"x\" is not a whole number"},
        {"{\"00\": [\"<a_1>\"]}", "key \"00\" is not a whole number"},
        {"{\"-0\": [\"<a_1>\"]}", "is not a whole number"},
        {"{\"1\": [\"<a_1>\"]}", "key \"1\": the 1 keys must be 0 to 0"},
        {"{\"0\": [\"<a_1>\"], \"2\": [\"<a_1>\"]}", "key \"2\": the 2 keys must be 0 to 1"},
        {"{\"0\": [\"<a_1>\"], \"0\": [\"<a_1>\"]}", "duplicate"},
        {"{\"0\": [\"<a_1>\"], \"1\": [\"<a_1>\", \"<b_1>\"]}",
         "key \"1\": has 2 levels, the first row has 1"},
        {"{\"0\": [\"<a_1>\"], \"1\": \"<a_1>\"}", "key \"1\": has 0 levels, the first row has 1"},
        {"{\"0\": [\"<a_65536>\"]}", "level 0: code 65536, the limit is 65535"},
        {"{\"0\": [\"<a_1>\", \"<a_1>\"]}", "levels 0 and 1 both use the letters \"a\""},
        {"{\"0\": [\"<a_1>\"], \"1\": [\"<b_1>\"]}",
         "key \"1\": level 0: letters \"b\", the rows before have \"a\""},
        {"{\"0\": [7]}", "level 0: \"\" is not of the form"},
        {"{\"0\": [\"\"]}", "is not of the form"},
        {"{\"0\": [\"<\"]}", "is not of the form"},
        {"{\"0\": [\"<>\"]}", "is not of the form"},
        {"{\"0\": [\"<a>\"]}", "is not of the form"},
        {"{\"0\": [\"<a_>\"]}", "is not of the form"},
        {"{\"0\": [\"<_1>\"]}", "is not of the form"},
        {"{\"0\": [\"<a_1\"]}", "is not of the form"},
        {"{\"0\": [\"a_1>\"]}", "is not of the form"},
        {"{\"0\": [\"<a_01>\"]}", "is not of the form"},
        {"{\"0\": [\"<a_-1>\"]}", "is not of the form"},
        {"{\"0\": [\"<a_1>>\"]}", "is not of the form"},
        {"{\"0\": [\"<a1_1>\"]}", "is not of the form"},
        {"{\"0\": [\"<abcdefghijklmnop_1>\"]}", "is not of the form"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        nj_error err = {0};
        nj_index_json index;
        assert_refused(read_text(CASES[i].text, &index, &err), NJ_INPUT, &err, CASES[i].says);
    }
}

static void cut_and_flipped_files_never_crash_and_cuts_are_refused(void **state)
{
    (void)state;
    static const char TEXT[] = "{\"0\": [\"<a_1>\", \"<b_20>\"], \"1\": [\"<a_3>\", \"<b_4>\"]}";
    nj_error err = {0};
    nj_index_json index;
    char copy[sizeof TEXT];
    unsigned refused = 0;
    for (size_t size = 0; size + 1 < sizeof TEXT; size++) {
        assert_int_equal(nj_index_json_read(memfile_write(TEXT, size), &index, &err), NJ_INPUT);
    }
    for (size_t bit = 0; bit < 8 * (sizeof TEXT - 1); bit++) {
        memcpy(copy, TEXT, sizeof TEXT);
        copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << bit % 8));
        nj_status status = nj_index_json_read(memfile_write(copy, sizeof TEXT - 1), &index, &err);
        refused += status == NJ_INPUT;
        if (status == NJ_OK) {
            assert_int_equal(index.row_count * index.level_count, 4);
            nj_index_json_free(&index);
        }
    }
    assert_true(refused > 6 * (sizeof TEXT - 1));
}

static void the_beauty_index_has_its_stated_rows(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_index_json index;
    static const uint16_t FIRST[4] = {183, 70, 232, 6};
    const char *path = shared_path("data/beauty/Beauty.index.json");
    if (path == NULL) {
        skip_loudly("../shared/data/beauty is absent");
    }
    assert_ok(nj_index_json_read(path, &index, &err), &err);
    assert_int_equal(index.row_count, 12101);
    assert_int_equal(index.level_count, 4);
    assert_memory_equal(index.codes, FIRST, sizeof FIRST);
    nj_index_json_free(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_rows_in_any_order),
        cmocka_unit_test(wrong_files_are_refused_with_key_and_rule),
        cmocka_unit_test(cut_and_flipped_files_never_crash_and_cuts_are_refused),
        cmocka_unit_test(the_beauty_index_has_its_stated_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
