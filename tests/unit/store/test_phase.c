// test_phase.c - what a phase of a night leaves belongs to the inputs that it was made from, or it is made again.
#include "common/store/phase.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

static nj_phase_inputs inputs_of(const char *items, const char *model)
{
    nj_phase_inputs inputs = {0};
    const nj_digest first = nj_digest_of(items, strlen(items));
    const nj_digest second = nj_digest_of(model, strlen(model));
    nj_phase_inputs_add(&inputs, "items", &first);
    nj_phase_inputs_add(&inputs, "model", &second);
    return inputs;
}

static nj_phase_state look(const char *store, const nj_phase_inputs *inputs)
{
    nj_error err = {0};
    nj_phase_state state;
    assert_ok(nj_phase_look(store, "bundle", inputs, &state, &err), &err);
    return state;
}

// Makes the phase with one file of this text.
static void make(const char *store, const nj_phase_inputs *inputs, const char *text,
                 const char *result)
{
    nj_error err = {0};
    nj_path path;
    nj_folder_draft draft;
    assert_ok(nj_phase_begin(store, &draft, &err), &err);
    assert_ok(nj_path_join(draft.folder.text, "file", &path, &err), &err);
    assert_ok(nj_file_write(path.text, text, strlen(text), &err), &err);
    assert_ok(nj_phase_commit(&draft, "bundle", inputs, result, &err), &err);
    assert_string_equal(draft.folder.text, "");
}

static void assert_file(const char *store, const char *text)
{
    nj_error err = {0};
    nj_path path;
    char *bytes = NULL;
    size_t size = 0;
    assert_ok(nj_phase_path(store, "bundle", "file", &path, &err), &err);
    assert_ok(nj_file_read(path.text, 100, &bytes, &size, &err), &err);
    assert_string_equal(bytes, text);
    free(bytes);
}

static void a_phase_is_done_while_its_inputs_are_the_same(void **state)
{
    const char *store = sandbox_path(state, "store");
    const nj_phase_inputs inputs = inputs_of("a", "b");
    const nj_phase_inputs other = inputs_of("a", "c");
    nj_phase_inputs fewer = inputs;
    fewer.count = 1;
    assert_false(look(store, &inputs).there);

    make(store, &inputs, "one", "gen-1");

    nj_phase_state found = look(store, &inputs);
    assert_true(nj_phase_is_done(&found));
    assert_string_equal(found.result, "gen-1");
    found = look(store, &other);
    assert_true(found.there);
    assert_string_equal(found.differs, "model");
    assert_string_equal(look(store, &fewer).differs, "the list of inputs");
}

static void a_later_one_takes_the_place_of_the_one_before(void **state)
{
    const char *store = sandbox_path(state, "store");
    const nj_phase_inputs first = inputs_of("a", "b");
    const nj_phase_inputs second = inputs_of("c", "b");
    make(store, &first, "one", "");

    make(store, &second, "two", "");

    assert_file(store, "two");
    assert_null(look(store, &second).differs);
    assert_string_equal(look(store, &first).differs, "items");
}

static void one_that_is_given_up_leaves_the_one_before(void **state)
{
    nj_error err = {0};
    nj_folder_draft draft;
    const char *store = sandbox_path(state, "store");
    const nj_phase_inputs inputs = inputs_of("a", "b");
    make(store, &inputs, "one", "");

    assert_ok(nj_phase_begin(store, &draft, &err), &err);
    nj_folder_draft_abort(&draft);

    assert_file(store, "one");
    assert_null(look(store, &inputs).differs);
}

static void a_record_that_is_none_is_refused(void **state)
{
    static const char *const BAD[] = {
        "",
        "[]",
        "{\"version\": 2, \"inputs\": {}}",
        "{\"version\": 1}",
        "{\"version\": 1, \"inputs\": {\"items\": 5}}",
        "{\"version\": 1, \"inputs\": {}, \"result\": 5}",
        "{\"version\": 1, \"inputs\": {}, \"result\": "
        "\"01234567890123456789012345678901234567890123456789012345678901234567890123456789\"}"};
    nj_error err = {0};
    nj_path path;
    nj_phase_state found;
    const char *store = sandbox_path(state, "store");
    const nj_phase_inputs inputs = inputs_of("a", "b");
    make(store, &inputs, "one", "");
    assert_ok(nj_phase_path(store, "bundle", "phase.json", &path, &err), &err);
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        assert_ok(nj_file_write(path.text, BAD[i], strlen(BAD[i]), &err), &err);
        assert_int_equal(nj_phase_look(store, "bundle", &inputs, &found, &err), NJ_INPUT);
        assert_non_null(strstr(err.text, "phase.json"));
    }
    assert_int_equal(unlink(path.text), 0);
    assert_int_equal(nj_phase_look(store, "bundle", &inputs, &found, &err), NJ_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_phase_is_done_while_its_inputs_are_the_same,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_later_one_takes_the_place_of_the_one_before,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(one_that_is_given_up_leaves_the_one_before, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_record_that_is_none_is_refused, sandbox_setup,
                                        sandbox_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
