// test_groups.c - how many users each group had stands beside the manifest, and damage there is told.
#include "common/store/groups.h"

#include "tests/unit/store/night.h"

#define FILE_NAME "GROUPS.json"

static nj_store_name pack_with_groups(void **state, const nj_store_groups *groups)
{
    nj_error err = {0};
    nj_staging *staging = NULL;
    nj_store_name name;
    nj_staging_facts facts = night_facts(1, 8);
    assert_ok(nj_staging_create(sandbox_path(state, "store"), &facts, NULL, &staging, &err), &err);
    assert_int_equal(night_commit(staging, 0, 8), NJ_COMMIT_WRITTEN);
    nj_staging_groups_set(staging, groups);
    assert_ok(nj_store_pack(staging, 8, NULL, NIGHT_MS, &name, NULL, &err), &err);
    assert_ok(nj_staging_remove_take(&staging, &err), &err);
    return name;
}

static void groups_are_read_back_as_they_were_packed(void **state)
{
    nj_error err = {0};
    nj_store_group list[] = {{"a \"b\" \\ \xc3\xa9", 3}, {"north", UINT64_C(9000000000)}, {"z", 0}};
    const nj_store_groups groups = {list, 3};
    nj_store_groups got;
    nj_store_name name = pack_with_groups(state, &groups);
    const char *store = sandbox_path(state, "store");
    assert_ok(nj_store_groups_read(store, &name, &got, &err), &err);
    assert_int_equal(got.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(got.groups[i].name, list[i].name);
        assert_int_equal(got.groups[i].user_count, list[i].user_count);
    }
    nj_store_groups_fini(&got);
    assert_ok(nj_store_verify(store, name.text, NULL, &err), &err);
}

static void a_night_without_groups_has_no_such_file(void **state)
{
    nj_error err = {0};
    const nj_store_groups none = {0};
    nj_store_groups got;
    nj_store_name name = pack_with_groups(state, &none);
    assert_false(nj_file_exists(night_file(state, &name, FILE_NAME).text));
    assert_ok(nj_store_groups_read(sandbox_path(state, "store"), &name, &got, &err), &err);
    assert_int_equal(got.count, 0);
    nj_store_groups_fini(&got);
}

static void damage_names_the_file_and_the_rule(void **state)
{
    static const struct {
        const char *text;
        const char *says;
    } DAMAGED[] = {
        {"{\"groups\": 7}", "\"groups\" must be an array"},
        {"{}", "\"groups\" must be an array"},
        {"[]", "\"groups\" must be an array"},
        {"{\"groups\": [7]}", "not a JSON object"},
        {"{\"groups\": [{\"group\": \"\", \"users\": 1}]}", "has 0 bytes, must be 1 to 63"},
        {"{\"groups\": [{\"users\": 1}]}", "has 0 bytes, must be 1 to 63"},
        {"{\"groups\": [{\"group\": \"a\", \"users\": -1}]}", "users"},
        {"{\"groups\": [{\"group\": \"a\"", FILE_NAME},
        {"", FILE_NAME},
    };
    nj_error err = {0};
    nj_store_groups got = {0};
    nj_store_name name = pack_with_groups(state, NULL);
    for (size_t i = 0; i < sizeof DAMAGED / sizeof DAMAGED[0]; i++) {
        const char *text = DAMAGED[i].text;
        assert_ok(nj_file_write(night_file(state, &name, FILE_NAME).text, text, strlen(text), &err),
                  &err);
        assert_refused(nj_store_groups_read(sandbox_path(state, "store"), &name, &got, &err),
                       NJ_INPUT, &err, DAMAGED[i].says);
        assert_null(got.groups);
    }
}

static void what_is_erased_is_no_group_any_more(void **state)
{
    nj_error err = {0};
    nj_store_group list[] = {{"u17", 3}, {"north", 5}, {"item-3", 7}};
    const nj_store_groups groups = {list, 3};
    nj_store_groups got;
    nj_erase_set set;
    nj_path from;
    const nj_store_name to = nj_store_name_make(NIGHT_MS + 1);
    nj_store_name name = pack_with_groups(state, &groups);
    from = night_file(state, &name, NULL);
    nj_erase_set_init(&set);
    assert_ok(nj_erase_ids_add(&set.users, nj_slice_from("u17"), &err), &err);
    assert_ok(nj_erase_ids_add(&set.items, nj_slice_from("item-3"), &err), &err);
    assert_ok(nj_folder_make(night_file(state, &to, NULL).text, &err), &err);
    assert_ok(
        nj_store_groups_copy_without(from.text, night_file(state, &to, NULL).text, &set, &err),
        &err);
    assert_ok(nj_store_groups_read(sandbox_path(state, "store"), &to, &got, &err), &err);
    assert_int_equal(got.count, 1);
    assert_string_equal(got.groups[0].name, "north");
    assert_int_equal(got.groups[0].user_count, 5);
    nj_store_groups_fini(&got);
    nj_erase_set_fini(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(groups_are_read_back_as_they_were_packed, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_night_without_groups_has_no_such_file, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(what_is_erased_is_no_group_any_more, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(damage_names_the_file_and_the_rule, sandbox_setup,
                                        sandbox_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
