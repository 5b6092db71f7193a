// test_idfile.c - one id a line, and every way a line can be wrong.
#include "common/input/idfile.h"

#include "tests/support/memfile.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

static nj_status read_bytes(const void *bytes, size_t size, nj_idlist_builder *builder,
                            nj_error *err)
{
    nj_idlist_builder_init(builder);
    return nj_idfile_read(memfile_write(bytes, size), builder, err);
}

static void assert_id(const nj_idlist_builder *builder, size_t index, const char *expected)
{
    assert_true(nj_slice_equal(nj_idlist_builder_at(builder, index), nj_slice_from(expected)));
}

static void ids_keep_their_order_whatever_the_line_endings(void **state)
{
    (void)state;
    static const char *const FILES[] = {"7\n007\nx y\n", "7\r\n007\r\nx y\r\n", "7\n007\nx y",
                                        ("\xef\xbb\xbf"
                                         "7\n007\nx y\n")};
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
        nj_error err = {0};
        nj_idlist_builder builder;
        assert_ok(read_bytes(FILES[i], strlen(FILES[i]), &builder, &err), &err);
        assert_int_equal(builder.count, 3);
        assert_id(&builder, 0, "7");
        assert_id(&builder, 1, "007");
        assert_id(&builder, 2, "x y");
        nj_idlist_builder_fini(&builder);
    }
}

static void wrong_lines_are_refused_with_line_and_rule(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *says;
    } CASES[] = {
        {"", "holds no id"},
        {"\n", "line 1: is an empty line"},
        {"a\n\nb\n", "line 2: is an empty line"},
        {"a\nb\n\n", "line 3: is an empty line"},
        {"a\nb\na\n", "line 3: id \"a\" stands on line 1 too"},
        {"a\nb\tc\n", "line 2: id \"b?c\" contains a control character"},
        {"a\n\xc3\x28\n", "is not valid UTF-8"},
        {"a\n\xed\xa0\x80\n", "is not valid UTF-8"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        nj_error err = {0};
        nj_idlist_builder builder;
        assert_refused(read_bytes(CASES[i].text, strlen(CASES[i].text), &builder, &err), NJ_INPUT,
                       &err, CASES[i].says);
        nj_idlist_builder_fini(&builder);
    }
    nj_error err = {0};
    nj_idlist_builder builder;
    assert_refused(read_bytes("a\nb\0c\n", 6, &builder, &err), NJ_INPUT, &err,
                   "line 2: contains a NUL byte");
    nj_idlist_builder_fini(&builder);
}

static void an_id_of_510_bytes_is_read_and_one_of_511_is_not(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_idlist_builder builder;
    static char text[70000];
    memset(text, 'x', sizeof text);
    assert_ok(read_bytes(text, 510, &builder, &err), &err);
    nj_idlist_builder_fini(&builder);
    assert_refused(read_bytes(text, 511, &builder, &err), NJ_INPUT, &err,
                   "is longer than 510 bytes");
    nj_idlist_builder_fini(&builder);
    assert_refused(read_bytes(text, sizeof text, &builder, &err), NJ_INPUT, &err,
                   "line 1: is longer than 65536 bytes");
    nj_idlist_builder_fini(&builder);
}

static void a_missing_file_is_not_found_and_a_folder_is_refused(void **state)
{
    nj_error err = {0};
    nj_idlist_builder builder;
    nj_idlist_builder_init(&builder);
    assert_refused(nj_idfile_read(sandbox_path(state, "none"), &builder, &err), NJ_NOT_FOUND, &err,
                   "none");
    assert_refused(nj_idfile_read(sandbox_path(state, ""), &builder, &err), NJ_INPUT, &err,
                   "is a folder");
    nj_idlist_builder_fini(&builder);
}

static void the_beauty_items_are_12101(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_idlist_builder builder;
    const char *path = shared_path("fixtures/beauty-tiger/items.txt");
    if (path == NULL) {
        skip_loudly("../shared/fixtures/beauty-tiger is absent");
    }
    nj_idlist_builder_init(&builder);
    assert_ok(nj_idfile_read(path, &builder, &err), &err);
    assert_int_equal(builder.count, 12101);
    nj_idlist_builder_fini(&builder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_keep_their_order_whatever_the_line_endings),
        cmocka_unit_test(wrong_lines_are_refused_with_line_and_rule),
        cmocka_unit_test(an_id_of_510_bytes_is_read_and_one_of_511_is_not),
        cmocka_unit_test_setup_teardown(a_missing_file_is_not_found_and_a_folder_is_refused,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test(the_beauty_items_are_12101),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
