// test_quarantine.c - the users without a row are named beside the generation, and verify misses them.
#include "common/store/quarantine.h"

#include <unistd.h>

#include "tests/unit/store/night.h"

#define FILE_NAME "QUARANTINED.jsonl"

static nj_store_name pack_with_quarantined(void **state, const char *const *users, size_t count)
{
    nj_error err = {0};
    nj_staging *staging = NULL;
    nj_commit_outcome outcome;
    nj_store_name name;
    const char *store = sandbox_path(state, "store");
    nj_staging_facts facts = night_facts(1 + count, 8 + count);
    assert_ok(nj_staging_create(store, &facts, NULL, &staging, &err), &err);
    assert_int_equal(night_commit(staging, 0, 8), NJ_COMMIT_WRITTEN);
    for (size_t i = 0; i < count; i++) {
        nj_shard_commit given_up = {.record = {.shard = 1 + i,
                                               .state = NJ_STORED_QUARANTINED,
                                               .attempt = 2,
                                               .count = 1,
                                               .worker = "w1",
                                               .note = "a \\ and \"worse\""}};
        snprintf(given_up.record.user, sizeof given_up.record.user, "%s", users[i]);
        assert_ok(nj_staging_commit(staging, &given_up, 1, &outcome, &err), &err);
    }
    assert_ok(nj_store_pack(staging, 8, NULL, NIGHT_MS, &name, NULL, &err), &err);
    assert_ok(nj_staging_remove_take(&staging, &err), &err);
    return name;
}

static void quarantined_users_are_named_in_the_order_of_the_plan(void **state)
{
    nj_error err = {0};
    nj_store_manifest manifest;
    char *text = NULL;
    size_t size = 0;
    const char *const users[] = {"u\"1", "\xc3\xa9"};
    nj_store_name name = pack_with_quarantined(state, users, 2);
    assert_ok(nj_file_read(night_file(state, &name, FILE_NAME).text, 4096, &text, &size, &err),
              &err);
    assert_string_equal(
        text,
        "{\"user\": \"u\\\"1\", \"reason\": \"a \\\\ and \\\"worse\\\"\", \"worker\": \"w1\", "
        "\"attempts\": 2}\n{\"user\": \"\xc3\xa9\", \"reason\": \"a \\\\ and \\\"worse\\\"\", "
        "\"worker\": \"w1\", \"attempts\": 2}\n");
    free(text);
    assert_ok(nj_store_verify(sandbox_path(state, "store"), name.text, &manifest, &err), &err);
    assert_int_equal(manifest.facts.user_count, 10);
    assert_int_equal(manifest.facts.row_count, 8);
}

static void a_night_that_quarantined_nobody_has_no_such_file(void **state)
{
    nj_error err = {0};
    nj_store_name name = pack_with_quarantined(state, NULL, 0);
    assert_false(nj_file_exists(night_file(state, &name, FILE_NAME).text));
    assert_ok(nj_store_verify(sandbox_path(state, "store"), name.text, NULL, &err), &err);
    assert_ok(nj_file_write(night_file(state, &name, FILE_NAME).text, "{}\n", 3, &err), &err);
    assert_refused(nj_store_verify(sandbox_path(state, "store"), name.text, NULL, &err), NJ_REFUSED,
                   &err, "names 1 users, the manifest counts 0");
}

static void a_list_that_is_missing_or_cut_short_is_refused(void **state)
{
    nj_error err = {0};
    const char *store = sandbox_path(state, "store");
    const char *const users[] = {"a", "b"};
    nj_store_name name = pack_with_quarantined(state, users, 2);
    nj_path file = night_file(state, &name, FILE_NAME);
    assert_int_equal(truncate(file.text, 60), 0);
    assert_refused(nj_store_verify(store, name.text, NULL, &err), NJ_REFUSED, &err,
                   "names 0 users, the manifest counts 2");
    assert_int_equal(unlink(file.text), 0);
    assert_refused(nj_store_verify(store, name.text, NULL, &err), NJ_REFUSED, &err,
                   "names 0 users, the manifest counts 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(quarantined_users_are_named_in_the_order_of_the_plan,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_night_that_quarantined_nobody_has_no_such_file,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_list_that_is_missing_or_cut_short_is_refused,
                                        sandbox_setup, sandbox_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
