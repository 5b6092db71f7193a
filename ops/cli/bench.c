// bench.c - `nightjar bench engine`: users a second of one process, against the FMA peak measured in the same run.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/math/peak.h"
#include "ops/cli/commands.h"
#include "ops/cli/engine_options.h"
#include "ops/cli/numbers.h"
#include "worker/engine/flops.h"
#include "worker/engine/synthetic.h"

#define BEAMS_MAX 16
#define ROUNDS_MAX 1000
#define PEAK_SECONDS 0.3

typedef struct {
    uint64_t tokens, users, rounds;
    uint32_t beams[BEAMS_MAX];
    uint32_t beam_count;
} bench_options;

typedef struct {
    uint64_t beam;
    double users_per_s; // median of the rounds
    double gflops;
    double peak_gflops; // best of the probes before and after
} bench_row;

static nj_status options_from(const nj_arguments *arguments, bench_options *out, nj_error *err)
{
    nj_status status = nj_argument_uint(arguments, "tokens", 1, 100000, &out->tokens, err);
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "users", 1, 100000, &out->users, err);
    }
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "rounds", 1, ROUNDS_MAX, &out->rounds, err);
    }
    if (status == NJ_OK) {
        status = nj_numbers_from(arguments, "beams", 1, 100000, BEAMS_MAX, out->beams,
                                 &out->beam_count, err);
    }
    return status;
}

static nj_status ignore_list(void *context, size_t index, const nj_list *list, nj_error *err)
{
    (void)index;
    (void)err;
    *(uint64_t *)context += list->count;
    return NJ_OK;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static nj_status measure(nj_engine *engine, const nj_request *requests,
                         const bench_options *options, bench_row *row, nj_error *err)
{
    double seconds[ROUNDS_MAX];
    uint64_t items = 0;
    double peak = nj_kernels_peak_gflops(PEAK_SECONDS);
    nj_status status = nj_engine_decode(engine, requests, options->users, ignore_list, &items,
                                        err); // warms caches
    for (uint64_t r = 0; r < options->rounds && status == NJ_OK; r++) {
        uint64_t start_ns = nj_clock_mono_ns();
        status = nj_engine_decode(engine, requests, options->users, ignore_list, &items, err);
        seconds[r] = (double)(nj_clock_mono_ns() - start_ns) / 1e9;
    }
    if (status != NJ_OK) {
        return status;
    }
    double peak_after = nj_kernels_peak_gflops(PEAK_SECONDS);
    qsort(seconds, options->rounds, sizeof seconds[0], compare_doubles);
    row->users_per_s = (double)options->users / seconds[options->rounds / 2];
    row->gflops =
        row->users_per_s * nj_engine_user_flops(engine, nj_engine_plan_of(engine)->S) / 1e9;
    row->peak_gflops = peak > peak_after ? peak : peak_after;
    return NJ_OK;
}

// Random histories over the catalogue, of as many items as give the wanted number of tokens.
static nj_request *make_requests(uint64_t users, uint32_t item_count, uint32_t history)
{
    static const char USER[] = "bench";
    nj_request *requests = calloc(users, sizeof *requests + history * sizeof(uint32_t));
    uint32_t *items = (uint32_t *)(requests + users);
    uint64_t state = 1;
    for (uint64_t u = 0; requests != NULL && u < users; u++) {
        for (uint32_t i = 0; i < history; i++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            items[u * history + i] = (uint32_t)((state >> 33) % item_count);
        }
        requests[u] = (nj_request){nj_slice_from(USER), items + u * history, history, 0};
    }
    return requests;
}

static nj_status run_beam(const nj_arguments *arguments, const nj_sections *sections,
                          const bench_options *options, bench_row *row, nj_error *err)
{
    nj_catalogue_view view;
    nj_status status = nj_catalogue_view_open(sections, &view, err);
    if (status != NJ_OK) {
        return status;
    }
    uint32_t history = (uint32_t)(options->tokens / view.sids.level_count);
    history = history == 0 ? 1 : history;
    nj_settings settings = nj_settings_default();
    settings.beam = (uint32_t)row->beam;
    settings.top = settings.beam < settings.top ? settings.beam : settings.top;
    settings.keep_history = true;
    settings.history_items_max = history;
    settings.history = history;
    nj_engine *engine = NULL;
    nj_request *requests = make_requests(options->users, view.sids.row_count, history);
    status = requests != NULL
                 ? nj_engine_from(arguments, sections, &settings, &engine, err)
                 : nj_fail(err, NJ_NO_MEMORY, "no memory for %zu users", (size_t)options->users);
    if (status == NJ_OK) {
        status = measure(engine, requests, options, row, err);
    }
    nj_engine_close(&engine);
    free(requests);
    return status;
}

static void print_rows(const nj_arguments *arguments, const bench_options *options,
                       const bench_row *rows)
{
    bool as_json = nj_argument_flag(arguments, "json");
    printf(as_json ? "{\"results\": [" : "beam tokens  users/s  GFLOP/s  peak  share\n");
    for (size_t i = 0; i < options->beam_count; i++) {
        const bench_row *r = &rows[i];
        if (as_json) {
            printf(
                "%s{\"bench\": \"engine\", \"beam\": %zu, \"tokens\": %zu, \"precision\": "
                "\"%s\", \"kernels\": \"%s\", "
                "\"users_per_s\": %.2f, \"gflops\": %.2f, \"peak_gflops\": %.2f, \"share\": %.4f}",
                i > 0 ? ", " : "", (size_t)r->beam, (size_t)options->tokens,
                nj_argument(arguments, "precision"), nj_argument(arguments, "kernels"),
                r->users_per_s, r->gflops, r->peak_gflops, r->gflops / r->peak_gflops);
        } else {
            printf("%4zu %6zu %8.1f %8.1f %5.0f %5.1f %%\n", (size_t)r->beam,
                   (size_t)options->tokens, r->users_per_s, r->gflops, r->peak_gflops,
                   100 * r->gflops / r->peak_gflops);
        }
    }
    printf(as_json ? "]}\n" : "");
}

nj_status nj_command_bench_engine(const nj_arguments *arguments, nj_error *err)
{
    bench_options options;
    bench_row rows[BEAMS_MAX];
    nj_bundle *bundle = NULL;
    nj_synthetic synthetic = {0};
    const nj_synthetic_shape tiger = nj_synthetic_tiger();
    const char *path = nj_argument(arguments, "bundle");
    nj_status status = options_from(arguments, &options, err);
    if (status == NJ_OK) {
        status = nj_engine_options_check(arguments, err);
    }
    if (status == NJ_OK) {
        status = path != NULL ? nj_bundle_open(path, &bundle, err)
                              : nj_synthetic_make(&tiger, &synthetic, err);
    }
    const nj_sections *sections = bundle != NULL ? nj_bundle_sections(bundle) : &synthetic.sections;
    for (size_t i = 0; i < options.beam_count && status == NJ_OK; i++) {
        rows[i].beam = options.beams[i];
        status = run_beam(arguments, sections, &options, &rows[i], err);
    }
    if (status == NJ_OK) {
        print_rows(arguments, &options, rows);
    }
    nj_bundle_close(&bundle);
    nj_synthetic_free(&synthetic);
    return status;
}
