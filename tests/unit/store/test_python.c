// test_python.c - a generation is read by a program that has nothing of ours, and the documented example works.
//
// Needs python3 (or what NIGHTJAR_PYTHON names) with the modules lmdb and msgpack; skips loudly without.
#include <unistd.h>

#include "tests/unit/store/night.h"

#define MODULE_MISSING 77

static const char *const SCRIPT = NIGHTJAR_SOURCE_DIR "/tests/integration/read_store.py";
static const char *const DOCUMENT = NIGHTJAR_SOURCE_DIR "/schemas/store.md";

// What the script prints; the caller frees it. Skips the test when Python or a module is missing.
static char *run_python(void **state, const char *store, const char *user)
{
    char command[3 * NJ_PATH_BYTES];
    const char *python = getenv("NIGHTJAR_PYTHON");
    nj_path output;
    nj_error err = {0};
    char *text = NULL;
    size_t size = 0;
    assert_ok(nj_path_join(((nj_path *)*state)->text, "output", &output, &err), &err);
    snprintf(command, sizeof command, "'%s' '%s' '%s' %s%s%s%s > '%s'",
             python != NULL ? python : "python3", SCRIPT, store, user != NULL ? "--example '" : "",
             user != NULL ? DOCUMENT : "", user != NULL ? "' " : "", user != NULL ? user : "",
             output.text);
    int how = system(command);
    assert_true(how != -1 && WIFEXITED(how));
    if (WEXITSTATUS(how) == MODULE_MISSING || WEXITSTATUS(how) == 127) {
        skip_loudly("python3 with the modules lmdb and msgpack is not here");
    }
    assert_int_equal(WEXITSTATUS(how), 0);
    assert_ok(nj_file_read(output.text, 1 << 20, &text, &size, &err), &err);
    return text;
}

static nj_status append_json(void *context, nj_slice user, nj_slice value, nj_error *err)
{
    static nj_row row;
    nj_buffer *lines = context;
    assert_ok(nj_row_unpack(value, &row, err), err);
    assert_int_equal(nj_row_json(lines, user, &row), NJ_OK);
    return nj_buffer_append(lines, "\n", 1);
}

static void python_prints_the_same_export(void **state)
{
    nj_error err = {0};
    nj_store_reader *reader = NULL;
    nj_buffer lines;
    const char *store = sandbox_path(state, "store");
    nj_store_name name = night_pack(store, 10, 16, NIGHT_MS);
    night_publish(store, &name);
    char *printed = run_python(state, store, NULL);

    nj_buffer_init(&lines, 1 << 20);
    assert_ok(nj_store_reader_open(store, NULL, &reader, &err), &err);
    assert_ok(nj_store_each(reader, append_json, &lines, &err), &err);
    assert_int_equal(nj_buffer_append(&lines, "", 1), NJ_OK);
    nj_store_reader_close(&reader);
    assert_string_equal(printed, (char *)lines.bytes);
    free(printed);
    nj_buffer_fini(&lines);
}

static void the_example_of_the_document_finds_numbers_and_texts(void **state)
{
    const char *store = sandbox_path(state, "store");
    nj_store_name name = night_pack(store, 10, 16, NIGHT_MS);
    night_publish(store, &name);
    char *printed = run_python(state, store, "42");
    assert_string_equal(printed, "[126, 127, 'item-128']\n");
    free(printed);
    printed = run_python(state, store, "u000145");
    assert_string_equal(printed, "[435, 436, 'item-437']\n");
    free(printed);
    printed = run_python(state, store, "042");
    assert_string_equal(printed, "None\n");
    free(printed);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(python_prints_the_same_export),
        WITH_FOLDER(the_example_of_the_document_finds_numbers_and_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
