// bench_report.h - the results of a bench as a table, as JSON, and beside those of a saved run.
//
//   bench_*.c ── row as a JSON object ──► report ─┬─► a line of the table, at once
//                                                 ├─► {"machine": {...}, "results": [rows], "compare": [...]} at the end
//                                                 └─► old, new and ratio of rows with the same keys as one of the saved run
//
// schemas/bench.def says which keys a bench's rows have.
#ifndef NJ_OPS_CLI_BENCH_REPORT_H
#define NJ_OPS_CLI_BENCH_REPORT_H

#include <stdbool.h>

#include "common/cli/cli.h"
#include "common/codec/json.h"

#define NJ_BENCH_FILE_BYTES_MAX ((size_t)64 << 20)

/// The options that nj_bench_report_open reads.
#define NJ_BENCH_REPORT_OPTIONS                                                                    \
    {"compare", "FILE", NULL, "a run saved with --json > FILE: print old, new and ratio", false},  \
        {"fail-below", "R", NULL,                                                                  \
         "with --compare: exit 4 when a result is worse than R times the saved one", false},       \
    {                                                                                              \
        "json", NULL, NULL, "print the result as JSON", false                                      \
    }

typedef struct {
    json_t *machine; // owned; where the rows were measured
    json_t *rows;    // owned; array
    json_t *saved;   // owned; the file of --compare, NULL without one
    const char *saved_path;
    const char *headed; // the bench whose heading was printed last
    double fail_below;  // 0: never
    bool as_json;
} nj_bench_report;

/// Reads the options and the saved run, so that a mistake shows before anything is measured. nj_bench_report_close afterwards, whatever
/// the status. NJ_USAGE; NJ_INPUT: the file is no saved run; NJ_NOT_FOUND, NJ_IO.
NJ_CHECKED nj_status nj_bench_report_open(const nj_arguments *arguments, nj_bench_report *out,
                                          nj_error *err);

/// Takes one row of the bench called `bench`; with a table its line is printed now. NULL is NJ_NO_MEMORY. A row that is noisy is also
/// named on standard error, in words.
NJ_CHECKED nj_status nj_bench_report_add_take(nj_bench_report *report, const char *bench,
                                              json_t **row, nj_error *err);

/// Prints what is left to print when `status`, that of the measurements, is NJ_OK; frees. Returns `status`, or NJ_REFUSED: a result is
/// worse than --fail-below allows (names the first).
NJ_CHECKED nj_status nj_bench_report_close(nj_bench_report *report, nj_status status,
                                           nj_error *err);

/// Reads a saved run: an object whose "results" are rows of known benches. Owned: json_decref. NJ_INPUT names file, row and
/// what is wrong.
NJ_CHECKED nj_status nj_bench_saved_read(const char *path, json_t **out, nj_error *err);

#endif
