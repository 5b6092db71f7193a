// test_rollback.c - back to what was current before, past what is damaged, and never to where one came from.
#include <sys/stat.h>
#include <unistd.h>

#include "common/store/history.h"
#include "tests/unit/store/night.h"

#define GENERATIONS 4

typedef struct {
    nj_store_name names[GENERATIONS];
} published;

static const char *store_path(void **state)
{
    return sandbox_path(state, "store");
}

static void publish_all(void **state, published *out)
{
    for (uint64_t i = 0; i < GENERATIONS; i++) {
        out->names[i] = night_pack(store_path(state), 1 + i, 4, NIGHT_MS + i);
        night_publish(store_path(state), &out->names[i]);
    }
}

static void expect_current(void **state, const nj_store_name *name)
{
    nj_error err = {0};
    nj_store_name current;
    assert_ok(nj_store_current(store_path(state), &current, &err), &err);
    assert_string_equal(current.text, name->text);
}

// `nightjar store rollback` without a name.
static nj_status roll_back(void **state, nj_error *err)
{
    nj_store_name name;
    nj_status status = nj_store_rollback_find(store_path(state), &name, err);
    return status == NJ_OK ? nj_store_rollback(store_path(state), name.text, 0, err) : status;
}

static void flip(void **state, const nj_store_name *name)
{
    char byte;
    FILE *file = fopen(night_file(state, name, "data.mdb").text, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, 9000, SEEK_SET), 0);
    assert_int_equal(fread(&byte, 1, 1, file), 1);
    byte = (char)(byte ^ 1);
    assert_int_equal(fseek(file, 9000, SEEK_SET), 0);
    assert_int_equal(fwrite(&byte, 1, 1, file), 1);
    fclose(file);
}

static void each_rollback_goes_one_publication_further_back(void **state)
{
    nj_error err = {0};
    published all;
    publish_all(state, &all);
    for (size_t i = GENERATIONS - 1; i-- > 0;) {
        assert_ok(roll_back(state, &err), &err);
        expect_current(state, &all.names[i]);
    }
    assert_refused(roll_back(state, &err), NJ_NOT_FOUND, &err, "--to");
    expect_current(state, &all.names[0]);
}

static void a_publication_after_a_rollback_is_undone_to_where_it_began(void **state)
{
    nj_error err = {0};
    published all;
    publish_all(state, &all);
    assert_ok(nj_store_rollback(store_path(state), all.names[1].text, 0, &err), &err);
    night_publish(store_path(state), &all.names[3]);
    assert_ok(roll_back(state, &err), &err);
    expect_current(state, &all.names[1]);
    assert_ok(roll_back(state, &err), &err);
    expect_current(state, &all.names[0]);
}

static void the_order_is_that_of_publication_whatever_the_clock_said(void **state)
{
    nj_error err = {0};
    nj_store_name first = night_pack(store_path(state), 1, 4, NIGHT_MS);
    night_publish(store_path(state), &first);
    nj_store_name early = night_pack(store_path(state), 1, 4, NIGHT_MS - 86400000u);
    night_publish(store_path(state), &early);
    assert_ok(roll_back(state, &err), &err);
    expect_current(state, &first);
}

static void a_packed_generation_that_was_never_current_is_no_way_back(void **state)
{
    nj_error err = {0};
    nj_store_name first = night_pack(store_path(state), 1, 4, NIGHT_MS);
    night_publish(store_path(state), &first);
    nj_store_name never = night_pack(store_path(state), 1, 4, NIGHT_MS + 1);
    nj_store_name last = night_pack(store_path(state), 1, 4, NIGHT_MS + 2);
    night_publish(store_path(state), &last);
    assert_true(nj_folder_exists(night_file(state, &never, "").text));
    assert_ok(roll_back(state, &err), &err);
    expect_current(state, &first);
}

static void damaged_and_missing_generations_are_passed_over(void **state)
{
    nj_error err = {0};
    published all;
    nj_path folder;
    publish_all(state, &all);
    flip(state, &all.names[2]);
    assert_ok(nj_store_path(store_path(state), &all.names[1], NULL, &folder, &err), &err);
    assert_ok(nj_folder_remove(folder.text, &err), &err);
    assert_refused(nj_store_rollback(store_path(state), all.names[2].text, 0, &err), NJ_REFUSED,
                   &err, "its digest is");
    assert_refused(nj_store_rollback(store_path(state), all.names[1].text, 0, &err), NJ_NOT_FOUND,
                   &err, "no such generation");
    expect_current(state, &all.names[3]);
    assert_ok(roll_back(state, &err), &err);
    expect_current(state, &all.names[0]);
}

static void a_garbled_current_is_mended_by_a_rollback(void **state)
{
    nj_error err = {0};
    published all;
    publish_all(state, &all);
    sandbox_write(state, "store/CURRENT", "gen-", 4);
    assert_ok(roll_back(state, &err), &err);
    expect_current(state, &all.names[2]);
}

static void lines_of_the_history_that_are_no_names_are_left_out(void **state)
{
    nj_error err = {0};
    nj_store_history history;
    published all;
    char text[200];
    publish_all(state, &all);
    int size = snprintf(text, sizeof text, "../../etc\n\n%s\n%s\n%s\ngen-x", all.names[0].text,
                        all.names[3].text, all.names[3].text);
    sandbox_write(state, "store/HISTORY", text, (size_t)size);
    assert_ok(nj_store_history_read(store_path(state), &history, &err), &err);
    assert_int_equal(history.count, 2);
    assert_ok(roll_back(state, &err), &err); // names[3] is current
    expect_current(state, &all.names[0]);

    assert_int_equal(unlink(sandbox_path(state, "store/HISTORY")), 0);
    assert_int_equal(mkdir(sandbox_path(state, "store/HISTORY"), 0700), 0);
    assert_refused(roll_back(state, &err), NJ_NOT_FOUND, &err, "HISTORY");
    assert_refused(nj_store_publish(store_path(state), all.names[1].text, NULL, 0, &err), NJ_IO,
                   &err, "HISTORY: is not a regular file");
    expect_current(state, &all.names[0]);
}

static void the_history_forgets_its_oldest_names(void **state)
{
    nj_error err = {0};
    nj_store_history history = {.count = 0};
    nj_store_name names[NJ_STORE_HISTORY_MAX + 1];
    for (size_t i = 0; i <= NJ_STORE_HISTORY_MAX; i++) {
        names[i] = nj_store_name_make(NIGHT_MS + i);
        nj_store_history_push(&history, &names[i]);
    }
    assert_ok(nj_folder_make(store_path(state), &err), &err);
    assert_ok(nj_store_history_write(store_path(state), &history, &err), &err);
    assert_ok(nj_store_history_read(store_path(state), &history, &err), &err);
    assert_int_equal(history.count, NJ_STORE_HISTORY_MAX);
    assert_string_equal(history.names[0].text, names[1].text);
    assert_string_equal(history.names[NJ_STORE_HISTORY_MAX - 1].text,
                        names[NJ_STORE_HISTORY_MAX].text);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(each_rollback_goes_one_publication_further_back),
        WITH_FOLDER(a_publication_after_a_rollback_is_undone_to_where_it_began),
        WITH_FOLDER(the_order_is_that_of_publication_whatever_the_clock_said),
        WITH_FOLDER(a_packed_generation_that_was_never_current_is_no_way_back),
        WITH_FOLDER(damaged_and_missing_generations_are_passed_over),
        WITH_FOLDER(a_garbled_current_is_mended_by_a_rollback),
        WITH_FOLDER(lines_of_the_history_that_are_no_names_are_left_out),
        WITH_FOLDER(the_history_forgets_its_oldest_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
