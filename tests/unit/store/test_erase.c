// test_erase.c - the ids that are to be taken out, read from files.
#include "common/store/erase.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

static nj_status load(void **state, const char *text, nj_erase_ids *ids, nj_error *err)
{
    const char *path = sandbox_write(state, "ids", text, strlen(text));
    return nj_erase_ids_load(ids, path, err);
}

static void ids_are_found_and_others_are_not(void **state)
{
    nj_error err = {0};
    nj_erase_set set;
    nj_erase_set_init(&set);
    assert_ok(load(state, "7\nu1\n\xc3\xa9\nu1\n007", &set.users, &err), &err);
    assert_int_equal(set.users.list.count, 4); // u1 stands twice
    assert_true(nj_erase_has_user(&set, nj_slice_from("7")));
    assert_true(nj_erase_has_user(&set, nj_slice_from("007")));
    assert_true(nj_erase_has_user(&set, nj_slice_from("\xc3\xa9")));
    assert_false(nj_erase_has_user(&set, nj_slice_from("u")));
    assert_false(nj_erase_has_item(&set, nj_slice_from("u1")));
    assert_int_equal(nj_erase_ids_find(&set.users, nj_slice_from("u1")), 1);
    assert_true(nj_slice_equal(nj_erase_ids_at(&set.users, 3), nj_slice_from("007")));
    nj_erase_set_fini(&set);
}

static void an_empty_file_names_nobody(void **state)
{
    nj_error err = {0};
    nj_erase_set set;
    nj_erase_set_init(&set);
    assert_ok(load(state, "", &set.items, &err), &err);
    assert_int_equal(set.items.list.count, 0);
    nj_erase_set_fini(&set);
}

static void a_byte_order_mark_is_no_part_of_the_first_id(void **state)
{
    nj_error err = {0};
    nj_erase_set set;
    nj_erase_set_init(&set);
    assert_ok(load(state, "\xef\xbb\xbfu1\nu2\n", &set.users, &err), &err);
    assert_true(nj_erase_has_user(&set, nj_slice_from("u1")));
    assert_int_equal(set.users.list.count, 2);
    assert_ok(load(state, "\xef\xbb\xbf", &set.items, &err), &err);
    assert_int_equal(set.items.list.count, 0);
    nj_erase_set_fini(&set);
}

static void a_bad_line_is_named_with_its_file(void **state)
{
    static const char *const TEXTS[] = {"u1\n\nu2\n", "u1\nu\t2\n", "u1\n\xff\n", "u1\nu2\r\n"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        nj_error err = {0};
        nj_erase_set set;
        nj_erase_set_init(&set);
        assert_int_equal(load(state, TEXTS[i], &set.users, &err), NJ_INPUT);
        assert_non_null(strstr(err.text, "/ids: line 2: "));
        nj_erase_set_fini(&set);
    }
}

static void a_file_that_is_not_there_is_not_found(void **state)
{
    nj_error err = {0};
    nj_erase_set set = {0};
    assert_int_equal(nj_erase_ids_load(&set.users, sandbox_path(state, "none"), &err),
                     NJ_NOT_FOUND);
    nj_erase_set_fini(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ids_are_found_and_others_are_not, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(an_empty_file_names_nobody, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_byte_order_mark_is_no_part_of_the_first_id, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_bad_line_is_named_with_its_file, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_file_that_is_not_there_is_not_found, sandbox_setup,
                                        sandbox_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
