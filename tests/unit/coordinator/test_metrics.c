// test_metrics.c - the text that Prometheus reads, and the rules of its names.
#include "coordinator/daemon/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/nj_test.h"

#define MS 1000000ull

static const struct {
    const char *kind;
    const char *name;
    const char *labels;
    const char *help;
} ROWS[] = {
#define NJ_METRIC(KIND, field, name, labels, help) {#KIND, name, labels, help},
#include "schemas/metrics.def"
#undef NJ_METRIC
};

#define ROW_COUNT (sizeof ROWS / sizeof ROWS[0])

static char *print(const nj_metrics *metrics)
{
    nj_buffer text;
    nj_buffer_init(&text, NJ_METRICS_BYTES_MAX);
    assert_int_equal(nj_metrics_print(metrics, &text), NJ_OK);
    assert_int_equal(nj_buffer_append(&text, "", 1), NJ_OK);
    char *copy = strdup((const char *)text.bytes);
    assert_non_null(copy);
    nj_buffer_fini(&text);
    return copy;
}

static bool ends_in(const char *text, const char *end)
{
    return strlen(text) >= strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0;
}

static void names_say_kind_and_unit(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const char *name = ROWS[i].name;
        bool counts = strcmp(ROWS[i].kind, "COUNTER") == 0 || strcmp(ROWS[i].kind, "SECONDS") == 0;
        assert_ptr_equal(strstr(name, "nightjar_"), name);
        assert_int_equal(ends_in(name, "_total"), counts);
        assert_true(strcmp(ROWS[i].kind, "SECONDS") != 0 || ends_in(name, "_seconds_total"));
        assert_true(strcmp(ROWS[i].kind, "HISTOGRAM") != 0 || ends_in(name, "_seconds"));
        assert_true(strcmp(ROWS[i].kind, "TIMESTAMP") != 0 || ends_in(name, "_timestamp_seconds"));
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
    }
}

static void labels_are_few_and_never_users_or_nights(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const char *labels = ROWS[i].labels;
        assert_true(labels[0] == '\0' || strstr(labels, "state=\"") == labels ||
                    strstr(labels, "flag=\"") == labels || strstr(labels, "version=\"") == labels);
    }
}

static void every_row_has_a_value_and_every_name_one_head_with_help(void **state)
{
    (void)state;
    const nj_metrics metrics = {0};
    char *text = print(&metrics);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        char head[200];
        char value[200];
        bool is_first = i == 0 || strcmp(ROWS[i].name, ROWS[i - 1].name) != 0;
        snprintf(head, sizeof head, "# HELP %s ", ROWS[i].name);
        char *found = strstr(text, head);
        assert_non_null(found);
        assert_null(strstr(found + 1, head));
        assert_true(!is_first || ends_in(ROWS[i].help, "."));
        if (strcmp(ROWS[i].kind, "HISTOGRAM") == 0) {
            snprintf(value, sizeof value,
                     "\n%s_bucket{le=\"+Inf\"} 0\n%s_sum 0.000000000\n%s_count 0\n", ROWS[i].name,
                     ROWS[i].name, ROWS[i].name);
        } else {
            snprintf(value, sizeof value, "\n%s%s%s%s 0", ROWS[i].name,
                     ROWS[i].labels[0] != '\0' ? "{" : "", ROWS[i].labels,
                     ROWS[i].labels[0] != '\0' ? "}" : "");
        }
        assert_non_null(strstr(text, value));
    }
    free(text);
}

static void numbers_come_out_in_seconds(void **state)
{
    (void)state;
    const nj_metrics metrics = {
        .run_start = 1790000000123u, .paused = 2500 * MS + 7, .users_processed = UINT64_MAX};
    char *text = print(&metrics);
    assert_non_null(strstr(text, "\nnightjar_run_start_timestamp_seconds 1790000000.123\n"));
    assert_non_null(strstr(text, "\nnightjar_paused_seconds_total 2.500000007\n"));
    assert_non_null(strstr(text, "\nnightjar_users_processed_total 18446744073709551615\n"));
    free(text);
}

static void buckets_add_up_and_hold_their_bounds(void **state)
{
    (void)state;
    nj_metrics metrics = {0};
    nj_histogram_observe(&metrics.shard_duration, 0);
    nj_histogram_observe(&metrics.shard_duration, MS);
    nj_histogram_observe(&metrics.shard_duration, MS + 1);
    nj_histogram_observe(&metrics.shard_duration, 600000 * MS);
    nj_histogram_observe(&metrics.shard_duration, 600000 * MS + 1);

    char *text = print(&metrics);

    assert_non_null(strstr(text, "\nnightjar_shard_duration_seconds_bucket{le=\"0.001\"} 2\n"));
    assert_non_null(strstr(text, "\nnightjar_shard_duration_seconds_bucket{le=\"0.005\"} 3\n"));
    assert_non_null(strstr(text, "\nnightjar_shard_duration_seconds_bucket{le=\"300\"} 3\n"));
    assert_non_null(strstr(text, "\nnightjar_shard_duration_seconds_bucket{le=\"600\"} 4\n"));
    assert_non_null(strstr(text, "\nnightjar_shard_duration_seconds_bucket{le=\"+Inf\"} 5\n"));
    assert_non_null(strstr(text, "\nnightjar_shard_duration_seconds_sum 1200.002000002\n"));
    assert_non_null(strstr(text, "\nnightjar_shard_duration_seconds_count 5\n"));
    free(text);
}

static void a_file_that_cannot_be_written_is_an_error_that_names_it(void **state)
{
    (void)state;
    nj_error err = {0};
    const nj_metrics metrics = {0};
    assert_int_equal(nj_metrics_write(&metrics, "/proc/nightjar/metrics.prom", &err), NJ_IO);
    assert_non_null(strstr(err.text, "/proc/nightjar/metrics.prom"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_say_kind_and_unit),
        cmocka_unit_test(labels_are_few_and_never_users_or_nights),
        cmocka_unit_test(every_row_has_a_value_and_every_name_one_head_with_help),
        cmocka_unit_test(numbers_come_out_in_seconds),
        cmocka_unit_test(buckets_add_up_and_hold_their_bounds),
        cmocka_unit_test(a_file_that_cannot_be_written_is_an_error_that_names_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
