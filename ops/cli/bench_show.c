// bench_show.c - `nightjar bench show`: what a saved run says, without measuring anything.
#include "ops/cli/bench_report.h"
#include "ops/cli/commands.h"

nj_status nj_command_bench_show(const nj_arguments *arguments, nj_error *err)
{
    nj_bench_report report;
    json_t *saved = NULL;
    nj_status status = nj_bench_report_open(arguments, &report, err);
    if (status == NJ_OK) {
        status = nj_bench_saved_read(nj_argument_positional(arguments), &saved, err);
    }
    const json_t *machine = json_object_get(saved, "machine");
    if (status == NJ_OK) {
        json_decref(report.machine);
        report.machine = machine != NULL ? json_deep_copy(machine) : json_object();
    }
    const json_t *rows = json_object_get(saved, "results");
    for (size_t i = 0; i < json_array_size(rows) && status == NJ_OK; i++) {
        json_t *row = json_incref(json_array_get(rows, i));
        const char *bench = json_string_value(json_object_get(row, "bench"));
        status = nj_bench_report_add_take(&report, bench, &row, err);
    }
    status = nj_bench_report_close(&report, status, err);
    json_decref(saved);
    return status;
}
