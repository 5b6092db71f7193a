// test_histories.c - names of the forms, what all forms share, and the real data sets.
#include "common/input/histories.h"

#include <unistd.h>

#include "tests/support/sandbox.h"
#include "tests/unit/input/collect.h"

#define LIMITS (&NJ_HISTORIES_LIMITS)

static void every_form_is_known_by_name_and_by_ending(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_histories_format format;
    assert_ok(nj_histories_format_named("sequence", &format, &err), &err);
    assert_int_equal(format, NJ_HISTORIES_SEQUENCE);
    assert_ok(nj_histories_format_named("jsonl", &format, &err), &err);
    assert_int_equal(format, NJ_HISTORIES_JSONL);
    assert_ok(nj_histories_format_named("csv", &format, &err), &err);
    assert_int_equal(format, NJ_HISTORIES_CSV);
    assert_ok(nj_histories_format_named("inter", &format, &err), &err);
    assert_int_equal(format, NJ_HISTORIES_INTER);
    assert_refused(nj_histories_format_named("CSV", &format, &err), NJ_USAGE, &err,
                   "sequence, jsonl, csv, inter or parquet");

    assert_int_equal(nj_histories_format_of_path("a/b.jsonl"), NJ_HISTORIES_JSONL);
    assert_int_equal(nj_histories_format_of_path("b.ndjson"), NJ_HISTORIES_JSONL);
    assert_int_equal(nj_histories_format_of_path("b.jsonl.gz"), NJ_HISTORIES_JSONL);
    assert_int_equal(nj_histories_format_of_path("b.tsv.zst"), NJ_HISTORIES_CSV);
    assert_int_equal(nj_histories_format_of_path("part-0.gz.parquet"), NJ_HISTORIES_PARQUET);
    assert_int_equal(nj_histories_format_of_path("b.gz"), NJ_HISTORIES_SEQUENCE);
    assert_int_equal(nj_histories_format_of_path("b.csv"), NJ_HISTORIES_CSV);
    assert_int_equal(nj_histories_format_of_path("ml-100k.inter"), NJ_HISTORIES_INTER);
    assert_int_equal(nj_histories_format_of_path("Beauty.txt"), NJ_HISTORIES_SEQUENCE);
    assert_int_equal(nj_histories_format_of_path(".csv"), NJ_HISTORIES_SEQUENCE);
    assert_int_equal(nj_histories_format_of_path("-"), NJ_HISTORIES_SEQUENCE);
}

static void a_file_without_a_history_is_refused_in_every_form(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"", "\n", " \t\r\n\n", "\xef\xbb\xbf"};
    for (int format = NJ_HISTORIES_SEQUENCE; format <= NJ_HISTORIES_INTER; format++) {
        for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
            assert_histories_refused((nj_histories_format)format, LIMITS, TEXTS[i],
                                     strlen(TEXTS[i]), "holds no history");
        }
    }
    assert_histories_refused(NJ_HISTORIES_CSV, LIMITS, "user,item\n", 10, "holds no history");
    assert_histories_refused(NJ_HISTORIES_INTER, LIMITS, "user_id:token\titem_id:token\n", 28,
                             "holds no history");
}

static void a_missing_file_is_not_found_in_every_form(void **state)
{
    for (int format = NJ_HISTORIES_SEQUENCE; format <= NJ_HISTORIES_INTER; format++) {
        nj_error err = {0};
        assert_refused(
            nj_histories_read(&(nj_histories_source){.path = sandbox_path(state, "none"),
                                                     .format = (nj_histories_format)format},
                              collect, NULL, &err),
            NJ_NOT_FOUND, &err, "none");
    }
}

static nj_status stop_at_second(void *context, const nj_history *history, nj_error *err)
{
    int *calls = context;
    (void)history;
    return ++*calls == 2 ? nj_fail(err, NJ_END, "enough") : NJ_OK;
}

static void a_visitors_status_ends_the_reading_and_is_returned_as_it_is(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        "a 1\nb 1\nc 1\n",
        "{\"user\":1,\"items\":[]}\n{\"user\":2,\"items\":[]}\n{\"user\":3,\"items\":[]}\n",
        "user,item\na,1\nb,1\nc,1\n",
        "user_id:token\titem_id:token\na\t1\nb\t1\nc\t1\n",
    };
    for (int format = NJ_HISTORIES_SEQUENCE; format <= NJ_HISTORIES_INTER; format++) {
        nj_error err = {0};
        int calls = 0;
        const char *path = memfile_write(TEXTS[format], strlen(TEXTS[format]));
        assert_refused(
            nj_histories_read(
                &(nj_histories_source){.path = path, .format = (nj_histories_format)format},
                stop_at_second, &calls, &err),
            NJ_END, &err, "enough");
        assert_int_equal(calls, 2);
    }
}

static void standard_input_is_read_for_a_dash(void **state)
{
    nj_error err = {0};
    collected all;
    int kept = dup(STDIN_FILENO);
    assert_non_null(freopen(sandbox_write(state, "in", "u1 a b\nu2\n", 10), "r", stdin));
    collected_init(&all);
    assert_ok(nj_histories_read(&(nj_histories_source){.path = "-"}, collect, &all, &err), &err);
    assert_memory_equal(all.text.bytes, "u1@1[a b] u2@2[]", 16);
    nj_buffer_fini(&all.text);
    dup2(kept, STDIN_FILENO);
    close(kept);
}

// Random bytes of each form's alphabet must end in a status, whatever they say; ASan and UBSan
// watch.
static void random_text_never_crashes_a_reader(void **state)
{
    (void)state;
    static const char ALPHABET[] = "{}[]\",:\\u0123deEa \t\n\r.-+user_iditemsnulltf\x80\xc3";
    static const char *const STARTS[] = {"", "{\"user\":", "user,item,timestamp\n",
                                         "user_id:token\titem_id:token\ttimestamp:float\n"};
    uint64_t seed = 88172645463325252u;
    for (unsigned round = 0; round < 4000; round++) {
        nj_error err = {0};
        collected all;
        char text[160];
        unsigned format = round % 4;
        size_t size = strlen(STARTS[format]);
        memcpy(text, STARTS[format], size);
        for (; size < sizeof text; size++) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            text[size] = ALPHABET[seed % (sizeof ALPHABET - 1)];
        }
        collected_init(&all);
        nj_status status =
            nj_histories_read(&(nj_histories_source){.path = memfile_write(text, size),
                                                     .format = (nj_histories_format)format},
                              collect, &all, &err);
        assert_true(status == NJ_OK || status == NJ_INPUT);
        nj_buffer_fini(&all.text);
    }
}

static void read_shared(const char *name, nj_histories_format format,
                        const nj_histories_limits *limits, collected *all)
{
    nj_error err = {0};
    collected_init(all);
    assert_ok(nj_histories_read_limited(
                  &(nj_histories_source){.path = shared_path(name), .format = format}, limits,
                  collect, all, &err),
              &err);
}

static void beauty_has_22363_users_and_198502_interactions(void **state)
{
    (void)state;
    collected all;
    if (shared_path("data/beauty/Beauty.txt") == NULL) {
        skip_loudly("../shared/data/beauty is absent");
    }
    read_shared("data/beauty/Beauty.txt", NJ_HISTORIES_SEQUENCE, LIMITS, &all);
    assert_int_equal(all.user_count, 22363);
    assert_int_equal(all.item_count, 198502);
    assert_memory_equal(all.text.bytes, "1@1[1 2 3 4 5] 2@2[6 7 8 9 10 4 11] ", 36);
    nj_buffer_fini(&all.text);
}

static void movielens_has_943_users_in_memory_and_beyond_it(void **state)
{
    (void)state;
    collected all;
    collected again;
    nj_histories_limits small = NJ_HISTORIES_LIMITS;
    small.memory_bytes = 100000;
    small.merge_files = 5;
    if (shared_path("data/ml-100k/ml-100k.inter") == NULL) {
        skip_loudly("../shared/data/ml-100k is absent");
    }
    read_shared("data/ml-100k/ml-100k.inter", NJ_HISTORIES_INTER, LIMITS, &all);
    read_shared("data/ml-100k/ml-100k.inter", NJ_HISTORIES_INTER, &small, &again);
    assert_int_equal(all.user_count, 943);
    assert_int_equal(all.item_count, 100000);
    assert_memory_equal(all.text.bytes, "196@2[", 6);
    assert_int_equal(all.text.size, again.text.size);
    assert_memory_equal(all.text.bytes, again.text.bytes, all.text.size);
    nj_buffer_fini(&all.text);
    nj_buffer_fini(&again.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_is_known_by_name_and_by_ending),
        cmocka_unit_test(a_file_without_a_history_is_refused_in_every_form),
        cmocka_unit_test_setup_teardown(a_missing_file_is_not_found_in_every_form, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test(a_visitors_status_ends_the_reading_and_is_returned_as_it_is),
        cmocka_unit_test_setup_teardown(standard_input_is_read_for_a_dash, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test(random_text_never_crashes_a_reader),
        cmocka_unit_test(beauty_has_22363_users_and_198502_interactions),
        cmocka_unit_test(movielens_has_943_users_in_memory_and_beyond_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
