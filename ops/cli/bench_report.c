#include "ops/cli/bench_report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cpus.h"
#include "common/base/log.h"
#include "ops/cli/bench_columns.h"
#include "ops/cli/bench_compare.h"
#include "ops/cli/commands.h"

#define LINE_BYTES 512
#define FAIL_BELOW_MAX 100.0
#define REAL_DIGITS 7

// ---- what is read ----

static nj_status check_row(const char *path, size_t index, const json_t *row, nj_error *err)
{
    const char *bench = json_string_value(json_object_get(row, "bench"));
    const nj_bench_column *c = bench != NULL ? nj_bench_column_next(bench, NULL) : NULL;
    if (c == NULL) {
        return nj_fail(err, NJ_INPUT, "%s: result %zu is of no known bench", path, index);
    }
    for (; c != NULL; c = nj_bench_column_next(bench, c)) {
        const json_t *value = json_object_get(row, c->key);
        if (c->role == NJ_BENCH_KEY && value != NULL && !json_is_string(value) &&
            !json_is_integer(value)) {
            return nj_fail(err, NJ_INPUT,
                           "%s: \"%s\" of result %zu of bench %s is neither text nor a whole "
                           "number",
                           path, c->key, index, bench);
        }
    }
    return NJ_OK;
}

nj_status nj_bench_saved_read(const char *path, json_t **out, nj_error *err)
{
    json_t *saved = NULL;
    nj_status status = nj_json_load(path, NJ_BENCH_FILE_BYTES_MAX, &saved, err);
    if (status != NJ_OK) {
        return status;
    }
    const json_t *rows = json_object_get(saved, "results");
    if (!json_is_array(rows)) {
        status = nj_fail(err, NJ_INPUT, "%s: has no \"results\": not saved by bench --json", path);
    }
    for (size_t i = 0; i < json_array_size(rows) && status == NJ_OK; i++) {
        status = check_row(path, i, json_array_get(rows, i), err);
    }
    if (status != NJ_OK) {
        json_decref(saved);
        return status;
    }
    *out = saved;
    return NJ_OK;
}

static nj_status read_fail_below(const nj_arguments *arguments, double *out, nj_error *err)
{
    const char *text = nj_argument(arguments, "fail-below");
    char *end = NULL;
    *out = text != NULL ? strtod(text, &end) : 0.0;
    if (text != NULL && (end == text || *end != '\0' || !(*out > 0.0 && *out <= FAIL_BELOW_MAX))) {
        return nj_fail(err, NJ_USAGE,
                       "--fail-below is \"%s\", must be a number above 0 and at most %.0f", text,
                       FAIL_BELOW_MAX);
    }
    return text == NULL || nj_argument(arguments, "compare") != NULL
               ? NJ_OK
               : nj_fail(err, NJ_USAGE, "--fail-below goes with --compare");
}

static json_t *describe_machine(void)
{
    char model[NJ_CPU_MODEL_BYTES];
    nj_cpu_list allowed;
    nj_cpu_model(model);
    if (nj_cpus_allowed(&allowed, NULL) != NJ_OK) {
        allowed.count = 0;
    }
    const uint32_t cpus = allowed.count;
    const uint32_t cores = nj_cpus_order(NJ_CPUS_SYSTEM, &allowed);
    return json_pack("{s:s, s:I, s:I, s:s}", "cpu", model, "cpus", (json_int_t)cpus, "cores",
                     (json_int_t)cores, "nightjar", NIGHTJAR_VERSION);
}

nj_status nj_bench_report_open(const nj_arguments *arguments, nj_bench_report *out, nj_error *err)
{
    *out = (nj_bench_report){.machine = describe_machine(),
                             .rows = json_array(),
                             .saved_path = nj_argument(arguments, "compare"),
                             .as_json = nj_argument_flag(arguments, "json")};
    nj_status status = out->machine != NULL && out->rows != NULL
                           ? read_fail_below(arguments, &out->fail_below, err)
                           : nj_fail(err, NJ_NO_MEMORY, "no memory for results");
    return status == NJ_OK && out->saved_path != NULL
               ? nj_bench_saved_read(out->saved_path, &out->saved, err)
               : status;
}

// ---- the table ----

static void print_heading(const char *bench)
{
    const nj_bench_column *c = NULL;
    while ((c = nj_bench_column_next(bench, c)) != NULL) {
        if (c->heading != NULL) {
            printf("%*s ", c->width, c->heading);
        }
    }
    putchar('\n');
}

static void print_value(const nj_bench_column *column, const json_t *value)
{
    const bool is_share = column->heading[strlen(column->heading) - 1] == '%';
    if (json_is_string(value)) {
        printf("%*s ", column->width, json_string_value(value));
    } else if (json_is_number(value)) {
        printf("%*.*f ", column->width, column->decimals,
               json_number_value(value) * (is_share ? 100 : 1));
    } else {
        printf("%*s ", column->width, "-");
    }
}

static void print_line(nj_bench_report *report, const nj_bench_column *first, const json_t *row)
{
    if (report->headed == NULL || strcmp(report->headed, first->bench) != 0) {
        print_heading(first->bench);
        report->headed = first->bench;
    }
    for (const nj_bench_column *c = first; c != NULL; c = nj_bench_column_next(c->bench, c)) {
        if (c->heading != NULL) {
            print_value(c, json_object_get(row, c->key));
        }
    }
    puts(json_is_true(json_object_get(row, "noisy")) ? "disturbed" : "");
    fflush(stdout);
}

nj_status nj_bench_report_add_take(nj_bench_report *report, const char *bench, json_t **row,
                                   nj_error *err)
{
    char text[LINE_BYTES];
    const nj_bench_column *first = nj_bench_column_next(bench, NULL);
    json_t *taken = *row;
    *row = NULL;
    if (taken == NULL || json_object_set_new(taken, "bench", json_string(first->bench)) != 0 ||
        json_array_append_new(report->rows, taken) != 0) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for results");
    }
    if (json_is_true(json_object_get(taken, "noisy"))) {
        nj_bench_describe(taken, text, sizeof text);
        const char *why = json_string_value(json_object_get(taken, "why"));
        nj_log(NJ_LOG_WARNING, "%s: disturbed: %s", text, why != NULL ? why : "unknown");
    }
    if (!report->as_json) {
        print_line(report, first, taken);
    }
    return NJ_OK;
}

// ---- the end ----

static void print_comparison(const json_t *comparison)
{
    char text[LINE_BYTES];
    const json_t *c = comparison;
    const char *verdict = json_string_value(json_object_get(c, "verdict"));
    nj_bench_describe(c, text, sizeof text);
    printf("%-60s %-22s %12.6g %12.6g %7.3f %6.1f %% %s%s\n", text,
           json_string_value(json_object_get(c, "result")),
           json_number_value(json_object_get(c, "old")),
           json_number_value(json_object_get(c, "new")),
           json_number_value(json_object_get(c, "ratio")),
           100 * json_number_value(json_object_get(c, "noise")), verdict,
           json_is_true(json_object_get(c, "noisy")) ? ", disturbed" : "");
}

static void print_comparisons(const nj_bench_report *report, const json_t *comparisons)
{
    printf("\nagainst %s\n%-60s %-22s %12s %12s %7s %8s\n", report->saved_path, "row", "result",
           "old", "new", "ratio", "noise");
    for (size_t i = 0; i < json_array_size(comparisons); i++) {
        print_comparison(json_array_get(comparisons, i));
    }
}

// Two processors are two scales: said, not refused.
static void warn_of_machine(const nj_bench_report *report)
{
    const char *here = json_string_value(json_object_get(report->machine, "cpu"));
    const json_t *saved = json_object_get(report->saved, "machine");
    const char *there = json_string_value(json_object_get(saved, "cpu"));
    if (here == NULL || there == NULL || strcmp(here, there) != 0) {
        nj_log(NJ_LOG_WARNING, "%s was measured on \"%s\", the new results on \"%s\"",
               report->saved_path, there != NULL ? there : "unknown",
               here != NULL ? here : "unknown");
    }
}

static nj_status check_gains(const nj_bench_report *report, const json_t *comparisons,
                             nj_error *err)
{
    char text[LINE_BYTES];
    if (report->fail_below > 0.0 && json_array_size(comparisons) == 0) {
        return nj_fail(err, NJ_REFUSED,
                       "nothing was compared: %s has no result of a row that was measured now",
                       report->saved_path);
    }
    for (size_t i = 0; i < json_array_size(comparisons) && report->fail_below > 0.0; i++) {
        const json_t *c = json_array_get(comparisons, i);
        const double gain = nj_bench_gain(c);
        if (gain < report->fail_below) {
            nj_bench_describe(c, text, sizeof text);
            return nj_fail(err, NJ_REFUSED, "%s: %s is %.3f times as good as in %s, below %.3g",
                           text, json_string_value(json_object_get(c, "result")), gain,
                           report->saved_path, report->fail_below);
        }
    }
    return NJ_OK;
}

static nj_status print_end(nj_bench_report *report, nj_error *err)
{
    const json_t *saved_rows = json_object_get(report->saved, "results");
    json_t *comparisons = nj_bench_compare(saved_rows, report->rows);
    json_t *all = json_pack("{s:i, s:O, s:O, s:O*}", "version", NJ_JSON_OUTPUT_VERSION, "machine",
                            report->machine, "results", report->rows, "compare",
                            report->saved != NULL ? comparisons : NULL);
    nj_status status = NJ_OK;
    if (comparisons == NULL || all == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory to print");
    }
    if (status == NJ_OK && report->saved != NULL) {
        warn_of_machine(report);
        if (json_array_size(comparisons) == 0) {
            nj_log(NJ_LOG_WARNING, "%s has no row that was measured now", report->saved_path);
        }
    }
    if (status == NJ_OK && report->as_json) {
        json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(REAL_DIGITS));
        putchar('\n');
    } else if (status == NJ_OK && report->saved != NULL) {
        print_comparisons(report, comparisons);
    }
    if (status == NJ_OK) {
        status = check_gains(report, comparisons, err);
    }
    json_decref(all);
    json_decref(comparisons);
    return status;
}

nj_status nj_bench_report_close(nj_bench_report *report, nj_status status, nj_error *err)
{
    if (status == NJ_OK) {
        status = print_end(report, err);
    }
    json_decref(report->machine);
    json_decref(report->rows);
    json_decref(report->saved);
    *report = (nj_bench_report){0};
    return status;
}
