// test_controls.c - CONTROLS.jsonl: what is written is read, damage is refused, and what is erased is in no byte of the copy.
#include "common/store/controls.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/store/schema.h"
#include "tests/unit/store/night.h"

#define FILE_NAME "CONTROLS.jsonl"

static nj_control_lists some_lists(const char *user, const char *first, const char *second)
{
    nj_control_lists lists = {.user = nj_slice_from(user), .counts = {2, 1}};
    lists.items[NJ_CONTROL_POPULAR][0] = nj_slice_from(first);
    lists.items[NJ_CONTROL_POPULAR][1] = nj_slice_from(second);
    lists.items[NJ_CONTROL_VISITED][0] = nj_slice_from(second);
    return lists;
}

static nj_status write_some(void *context, const char *folder, nj_error *err)
{
    const nj_control_lists lists[] = {some_lists("u\"1", "tea", "\xc3\xa9"),
                                      some_lists("secret", "tea", "pot"),
                                      some_lists("7", "tea", "pot")};
    nj_controls_write write;
    (void)context;
    nj_status status = nj_controls_write_begin(&write, folder, 2, err);
    for (size_t i = 0; i < 3 && status == NJ_OK; i++) {
        status = nj_controls_write_user(&write, &lists[i], err);
    }
    if (status == NJ_OK) {
        status = nj_controls_write_end(&write, err);
    }
    nj_controls_write_abort(&write);
    return status;
}

typedef struct {
    char text[400];
} seen_lists;

static nj_status see(void *context, const nj_control_lists *lists, nj_error *err)
{
    seen_lists *seen = context;
    (void)err;
    const size_t used = strlen(seen->text);
    int size =
        snprintf(seen->text + used, sizeof seen->text - used, "%.*s:", NJ_SLICE_ARGS(lists->user));
    for (int c = 0; c < NJ_CONTROL_COUNT; c++) {
        for (uint32_t i = 0; i < lists->counts[c]; i++) {
            size += snprintf(seen->text + used + size, sizeof seen->text - used - (size_t)size,
                             "%s%.*s", i > 0 ? "," : " ", NJ_SLICE_ARGS(lists->items[c][i]));
        }
    }
    strcat(seen->text, "; ");
    return NJ_OK;
}

static void a_generation_keeps_what_was_written_beside_it(void **state)
{
    nj_error err = {0};
    nj_store_name name;
    nj_controls_facts facts;
    seen_lists seen = {{0}};
    const char *store = sandbox_path(state, "store");
    const nj_store_beside beside = {NULL, write_some};
    nj_staging *staging = night_stage(store, 1, 8);
    nj_staging_beside_set(staging, &beside);
    assert_ok(nj_store_pack(staging, 8, NULL, NIGHT_MS, &name, NULL, &err), &err);
    assert_ok(nj_staging_remove_take(&staging, &err), &err);
    nj_path folder = night_file(state, &name, NULL);
    assert_ok(nj_store_controls_read(folder.text, see, &seen, &facts, &err), &err);
    assert_string_equal(seen.text,
                        "u\"1: tea,\xc3\xa9 \xc3\xa9; secret: tea,pot pot; 7: tea,pot pot; ");
    assert_int_equal(facts.users, 3);
    assert_int_equal(facts.top, 2);
    assert_ok(nj_store_verify(store, name.text, NULL, &err), &err);

    // Cut short, it fails the generation's check.
    assert_int_equal(truncate(night_file(state, &name, FILE_NAME).text, 60), 0);
    assert_refused(nj_store_verify(store, name.text, NULL, &err), NJ_REFUSED, &err,
                   "CONTROLS.jsonl: line 2: it has no end");
}

static void every_flipped_byte_is_refused(void **state)
{
    nj_error err = {0};
    nj_controls_facts facts;
    char *text = NULL;
    size_t size = 0;
    const char *folder = sandbox_path(state, "");
    nj_path path;
    assert_ok(nj_path_join(folder, FILE_NAME, &path, &err), &err);
    assert_refused(nj_store_controls_read(folder, NULL, NULL, &facts, &err), NJ_NOT_FOUND, &err,
                   FILE_NAME);
    assert_ok(write_some(NULL, folder, &err), &err);
    assert_ok(nj_file_read(path.text, 4096, &text, &size, &err), &err);
    for (size_t i = 0; i < size; i += 3) {
        FILE *stream = fopen(path.text, "w");
        assert_non_null(stream);
        text[i] ^= 1;
        fwrite(text, 1, size, stream);
        fclose(stream);
        const nj_status status = nj_store_controls_read(folder, NULL, NULL, &facts, &err);
        if (status != NJ_REFUSED && status != NJ_CONFIG) {
            fail_msg("byte %zu: status %d", i, (int)status);
        }
        text[i] ^= 1;
    }
    free(text);
}

static void odd_files_are_refused(void **state)
{
    static const struct {
        const char *text, *message;
    } CASES[] = {
        {"", "line 1: the last line is missing"},
        {"{\"version\": 2, \"top\": 2}\n", "of version 2, this program reads 1"},
        {"{\"version\": 1, \"top\": 21}\n", "line 1: \"top\" must be 1 to 20"},
        {"{\"version\": 1, \"top\": 2}\n[]\n", "line 2: it is no JSON object"},
        {"{\"version\": 1, \"top\": 2}\n{\"user\": \"u\", \"popular\": [\"a\"]}\n",
         "line 2: it is no user with two lists"},
        {"{\"version\": 1, \"top\": 1}\n{\"user\": \"u\", \"popular\": [\"a\", \"b\"], "
         "\"co-visitation\": []}\n",
         "line 2: it is no user with two lists"},
        {"{\"version\": 1, \"top\": 1}\n{\"user\": \"\", \"popular\": [], \"co-visitation\": []}\n",
         "line 2: it is no user with two lists"},
        {"{\"version\": 1, \"top\": 1}\n{\"users\": 0, \"digest\": \"00\"}\n",
         "line 2: the digest is not that"},
        {"{\"user\": \"u\"}\n", "line 1: it does not begin with"},
    };
    nj_error err = {0};
    nj_path path;
    nj_controls_facts facts;
    const char *folder = sandbox_path(state, "");
    assert_ok(nj_path_join(folder, FILE_NAME, &path, &err), &err);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        assert_ok(nj_file_write(path.text, CASES[i].text, strlen(CASES[i].text), &err), &err);
        assert_refused(nj_store_controls_read(folder, NULL, NULL, &facts, &err),
                       i == 1 ? NJ_CONFIG : NJ_REFUSED, &err, CASES[i].message);
    }
}

static void what_is_erased_is_in_no_byte_of_the_copy(void **state)
{
    nj_error err = {0};
    nj_erase_set set;
    nj_path path;
    nj_controls_facts facts;
    seen_lists seen = {{0}};
    char *text = NULL;
    size_t size = 0;
    const char *from = sandbox_path(state, "from");
    char to[NJ_PATH_BYTES];
    snprintf(to, sizeof to, "%s-not", from);
    assert_ok(nj_folder_make(from, &err), &err);
    assert_ok(nj_folder_make(to, &err), &err);
    nj_erase_set_init(&set);
    assert_ok(nj_erase_ids_add(&set.users, nj_slice_from("secret"), &err), &err);
    assert_ok(nj_erase_ids_add(&set.items, nj_slice_from("pot"), &err), &err);
    assert_ok(nj_store_controls_copy_without(from, to, &set, &err), &err); // there is none
    assert_ok(write_some(NULL, from, &err), &err);
    assert_ok(nj_store_controls_copy_without(from, to, &set, &err), &err);
    assert_ok(nj_store_controls_read(to, see, &seen, &facts, &err), &err);
    assert_string_equal(seen.text, "u\"1: tea,\xc3\xa9 \xc3\xa9; 7: tea; ");
    assert_ok(nj_path_join(to, FILE_NAME, &path, &err), &err);
    assert_ok(nj_file_read(path.text, 4096, &text, &size, &err), &err);
    assert_null(strstr(text, "secret"));
    assert_null(strstr(text, "pot"));
    free(text);
    nj_erase_set_fini(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_generation_keeps_what_was_written_beside_it,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(every_flipped_byte_is_refused, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(odd_files_are_refused, sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(what_is_erased_is_in_no_byte_of_the_copy, sandbox_setup,
                                        sandbox_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
