// bench_engine.c - `nightjar bench engine`: users a second of one process, against the FMA peak measured around each round.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/base/resident.h"
#include "common/catalogue/section_names.h"
#include "ops/cli/bench_engine_users.h"
#include "ops/cli/bench_report.h"
#include "ops/cli/bench_watch.h"
#include "ops/cli/commands.h"
#include "ops/cli/engine_options.h"
#include "ops/cli/numbers.h"
#include "worker/engine/flops.h"
#include "worker/engine/generator.h"
#include "worker/engine/synthetic.h"

#define TOKENS_MAX 100000
#define USERS_MAX 100000
#define BEAMS_MAX 16
#define ROUNDS_MAX 1000
#define MODEL_NAME_BYTES 64

typedef struct {
    uint64_t tokens, users, rounds;
    uint64_t eligible; // per cent of the items; 100: no mask
    uint32_t top;      // of the beam that is measured
    uint32_t reserve;  // likewise
    uint32_t reserves[BEAMS_MAX];
    uint32_t reserve_count;
    uint32_t beams[BEAMS_MAX];
    uint32_t beam_count;
    char model[MODEL_NAME_BYTES]; // --model, or a bundle's model_type
    uint32_t V;                   // of the model
} bench_options;

static nj_status options_from(const nj_arguments *arguments, bench_options *out, nj_error *err)
{
    const nj_uint_option NUMBERS[] = {
        NJ_UINT("tokens", 1, TOKENS_MAX, &out->tokens),
        NJ_UINT("users", 1, USERS_MAX, &out->users),
        NJ_UINT("rounds", 1, ROUNDS_MAX, &out->rounds),
        NJ_UINT("eligible", 1, 100, &out->eligible),
    };
    nj_status status =
        nj_argument_uints(arguments, NUMBERS, sizeof NUMBERS / sizeof NUMBERS[0], err);
    if (status == NJ_OK) {
        status = nj_numbers_from(arguments, "beams", 1, 100000, BEAMS_MAX, out->beams,
                                 &out->beam_count, err);
    }
    return status != NJ_OK ? status
                           : nj_numbers_from(arguments, "reserve", 0, NJ_ROW_RESERVE_MAX, BEAMS_MAX,
                                             out->reserves, &out->reserve_count, err);
}

static nj_status ignore_list(void *context, size_t index, const nj_list *list, nj_error *err)
{
    (void)index;
    (void)err;
    *(uint64_t *)context += list->count;
    return NJ_OK;
}

// ---- memory ----

// Forgets the highest memory of this process so far, so that each row has its own; where the kernel refuses, rows have that of
// all before them too.
static void forget_peak_memory(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "we");
    if (file != NULL) {
        fputs("5", file);
        fclose(file);
    }
}

static double read_peak_memory_mb(void)
{
    struct rusage usage;
    const uint64_t peak = nj_proc_bytes("/proc/self/status", "VmHWM:"); // can be forgotten
    if (peak > 0) {
        return (double)peak / 1e6;
    }
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (double)usage.ru_maxrss * 1024 / 1e6 : 0.0;
}

// ---- rounds ----

typedef struct {
    nj_bench_round *rounds; // [options.rounds]
    double *users_per_s;    // [options.rounds]
    double *core_shares;    // [options.rounds]
    nj_bench_watch watch;
    nj_bench_users users;
} bench_run;

static double share_of(const nj_bench_round *round)
{
    return 1.0 / (round->seconds * round->peak_gflops); // but for the work, which all rounds share
}

static int compare_shares(const void *a, const void *b)
{
    double x = share_of(a);
    double y = share_of(b);
    return (x > y) - (x < y);
}

static json_t *describe(const nj_arguments *arguments, const nj_engine *engine,
                        const bench_options *options, bench_run *run)
{
    const nj_engine_plan *plan = nj_engine_plan_of(engine);
    const nj_kernels *kernels = NULL;
    if (nj_kernels_choose(nj_argument(arguments, "precision"), nj_argument(arguments, "kernels"),
                          &kernels, NULL) != NJ_OK) {
        return NULL; // the engine has been opened with them
    }
    const char *without = nj_argument(arguments, "without");
    const double users = (double)options->users;
    const double gflop =
        users * nj_engine_user_flops(engine, run->users.prompt_tokens - plan->prefix_tokens) /
        1e9; // a round
    double least = run->rounds[0].seconds;
    double core_seconds = 0.0;
    for (size_t r = 0; r < options->rounds; r++) {
        least = run->rounds[r].seconds < least ? run->rounds[r].seconds : least;
        core_seconds += run->rounds[r].core_seconds;
        run->users_per_s[r] = users / run->rounds[r].seconds;
        run->core_shares[r] = gflop / run->rounds[r].core_seconds / run->rounds[r].peak_gflops;
    }
    // The round whose share is the median stands for all: its speed, and the peak around it.
    qsort(run->rounds, options->rounds, sizeof run->rounds[0], compare_shares);
    const nj_bench_round *middle = &run->rounds[options->rounds / 2];
    const double users_per_s = users / middle->seconds;
    const double gflops = gflop / middle->seconds;
    const struct {
        const char *key;
        double value;
    } NUMBERS[] = {
        {"users_per_s", users_per_s},
        {"users_per_core_s", users * (double)options->rounds / core_seconds},
        {"users_per_s_best", users / least},
        {"gflops", gflops},
        {"peak_gflops", middle->peak_gflops},
        {"share", gflops / middle->peak_gflops},
        {"core_share", nj_bench_median(run->core_shares, options->rounds)},
        {"model_mb", (double)plan->model_bytes / 1e6},
        {"scratch_mb", (double)plan->scratch_bytes / 1e6},
        {"peak_rss_mb", read_peak_memory_mb()},
        {"spread", nj_bench_spread(run->users_per_s, options->rounds)},
    };
    json_t *row = json_pack(
        "{s:s, s:I, s:I, s:I, s:s, s:s, s:I, s:s, s:I, s:I, s:I, s:I}", "model", options->model,
        "beam", (json_int_t)plan->W, "tokens", (json_int_t)options->tokens, "prompt_tokens",
        (json_int_t)run->users.prompt_tokens, "precision", kernels->precision, "kernels",
        kernels->name, "batch", (json_int_t)plan->B, "without", without != NULL ? without : "",
        "top", (json_int_t)options->top, "reserve", (json_int_t)options->reserve, "rounds",
        (json_int_t)options->rounds, "eligible", (json_int_t)options->eligible);
    for (size_t i = 0; row != NULL && i < sizeof NUMBERS / sizeof NUMBERS[0]; i++) {
        json_object_set_new(row, NUMBERS[i].key, json_real(NUMBERS[i].value));
    }
    if (row != NULL) {
        nj_bench_watch_tell(&run->watch, row);
    }
    return row;
}

static nj_status measure(nj_engine *engine, const bench_options *options, bench_run *run,
                         nj_error *err)
{
    const nj_request *requests = run->users.requests;
    uint64_t items = 0;
    nj_status status = nj_engine_decode(engine, requests, options->users, ignore_list, &items,
                                        err); // warms caches
    nj_bench_watch_begin(&run->watch, true, NJ_BENCH_PROBE_SECONDS);
    for (uint64_t r = 0; r < options->rounds && status == NJ_OK; r++) {
        nj_engine_forget(engine); // the rounds decode the same users
        nj_bench_round_begin(&run->watch);
        status = nj_engine_decode(engine, requests, options->users, ignore_list, &items, err);
        nj_bench_round_end(&run->watch, &run->rounds[r]);
    }
    return status;
}

// ---- a mask ----

// Every item with this chance, at random but the same in every run.
static nj_status draw_mask(const nj_catalogue_view *view, uint64_t percent, nj_buffer *out,
                           nj_error *err)
{
    const uint32_t row_count = view->sids.row_count;
    uint64_t *rows = calloc(nj_bits_words(row_count), sizeof *rows);
    uint64_t state = 2;
    if (rows == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a mask of %u items", row_count);
    }
    for (uint32_t i = 0; i < row_count; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        if ((state >> 33) % 100 < percent) {
            nj_bits_add(rows, i);
        }
    }
    const nj_mask_rows mask = {nj_slice_from(""), rows};
    nj_status status = nj_masks_write(&view->trie, row_count, &mask, 1, out, err);
    free(rows);
    return status;
}

// Adds the mask's section to those of a bundle.
static nj_status add_mask(const nj_sections *sections, uint64_t percent, nj_buffer *bytes,
                          nj_sections *out, nj_error *err)
{
    nj_catalogue_view view;
    *out = *sections;
    nj_status status = percent < 100 ? nj_catalogue_view_open(sections, &view, err) : NJ_END;
    if (status == NJ_OK && sections->count == NJ_BUNDLE_SECTIONS_MAX) {
        status = nj_fail(err, NJ_INPUT, "the bundle has no room for a mask");
    }
    if (status == NJ_OK) {
        status = draw_mask(&view, percent, bytes, err);
    }
    if (status == NJ_OK) {
        nj_section *made = &out->sections[out->count++];
        *made = (nj_section){.bytes = bytes->bytes, .size = bytes->size};
        snprintf(made->name, sizeof made->name, "%s", NJ_SECTION_ELIGIBLE);
    }
    return status == NJ_END ? NJ_OK : status;
}

static nj_settings settings_of(uint32_t beam, uint32_t reserve, const nj_bench_users *users)
{
    nj_settings settings = nj_settings_default();
    settings.beam = beam;
    settings.top = settings.beam < settings.top ? settings.beam : settings.top;
    settings.reserve = reserve;
    settings.keep_history = true;
    settings.history_items_max = users->history;
    settings.history = users->history;
    settings.candidates_max = users->candidates;
    return settings;
}

static nj_status run_beam(const nj_arguments *arguments, const nj_sections *sections,
                          bench_options *options, uint32_t beam, nj_bench_report *report,
                          nj_error *err)
{
    nj_catalogue_view view;
    nj_status status = nj_catalogue_view_open(sections, &view, err);
    if (status != NJ_OK) {
        return status;
    }
    bench_run run = {.rounds = calloc(options->rounds, sizeof *run.rounds),
                     .users_per_s = calloc(options->rounds, sizeof *run.users_per_s),
                     .core_shares = calloc(options->rounds, sizeof *run.core_shares)};
    nj_engine *engine = NULL;
    status = run.rounds != NULL && run.users_per_s != NULL && run.core_shares != NULL
                 ? nj_bench_users_make(sections, &view, options->V, options->users, options->tokens,
                                       &run.users, err)
                 : nj_fail(err, NJ_NO_MEMORY, "no memory for %zu rounds", (size_t)options->rounds);
    nj_settings settings = settings_of(beam, options->reserve, &run.users);
    options->top = settings.top;
    forget_peak_memory();
    if (status == NJ_OK) {
        status = nj_engine_from(arguments, sections, &settings, &engine, err);
    }
    if (status == NJ_OK) {
        status = measure(engine, options, &run, err);
    }
    if (status == NJ_OK) {
        json_t *row = describe(arguments, engine, options, &run);
        status = nj_bench_report_add_take(report, "engine", &row, err);
    }
    nj_engine_close(&engine);
    nj_bench_users_free(&run.users);
    free(run.rounds);
    free(run.users_per_s);
    free(run.core_shares);
    return status;
}

static nj_status shape_from(const nj_arguments *arguments, nj_synthetic_shape *out,
                            bench_options *options, nj_error *err)
{
    const char *model = nj_argument(arguments, "model");
    snprintf(options->model, sizeof options->model, "%s", model != NULL ? model : "tiger");
    if (model != NULL && nj_argument(arguments, "bundle") != NULL) {
        return nj_fail(err, NJ_USAGE, "--model %s: a bundle has its own model; leave out one",
                       model);
    }
    if (!nj_synthetic_named(options->model, out)) {
        return nj_fail(err, NJ_USAGE, "--model: \"%s\" is none of " NJ_SYNTHETIC_NAMES, model);
    }
    return NJ_OK;
}

// What the model is called and how many tokens it has. A bundle's is called by its model_type.
static nj_status read_model(const nj_sections *sections, bool is_bundle, bench_options *out,
                            nj_error *err)
{
    const nj_section *config = nj_sections_find(sections, NJ_SECTION_MODEL);
    nj_generator_config model;
    json_t *json = NULL;
    if (config == NULL) {
        return nj_fail(err, NJ_INPUT, "section \"%s\" is missing", NJ_SECTION_MODEL);
    }
    nj_status status = nj_json_parse(config->bytes, config->size, "section \"model\"", &json, err);
    if (status == NJ_OK) {
        status = nj_generator_config_read(json, "section \"model\"", &model, err);
    }
    if (status == NJ_OK) {
        out->V = model.V;
    }
    if (status == NJ_OK && is_bundle) {
        const char *type = json_string_value(json_object_get(json, "model_type"));
        snprintf(out->model, sizeof out->model, "%s", type != NULL ? type : "t5");
    }
    json_decref(json);
    return status;
}

nj_status nj_command_bench_engine(const nj_arguments *arguments, nj_error *err)
{
    bench_options options = {0};
    nj_bench_report report;
    nj_bundle *bundle = NULL;
    nj_synthetic synthetic = {0};
    nj_synthetic_shape shape;
    const char *path = nj_argument(arguments, "bundle");
    nj_status status = nj_bench_report_open(arguments, &report, err);
    if (status == NJ_OK) {
        status = options_from(arguments, &options, err);
    }
    if (status == NJ_OK) {
        status = nj_engine_options_check(arguments, err);
    }
    if (status == NJ_OK) {
        status = shape_from(arguments, &shape, &options, err);
    }
    if (status == NJ_OK) {
        status = path != NULL ? nj_bundle_open(path, &bundle, err)
                              : nj_synthetic_make(&shape, &synthetic, err);
    }
    const nj_sections *plain = bundle != NULL ? nj_bundle_sections(bundle) : &synthetic.sections;
    nj_sections sections;
    nj_buffer mask;
    nj_buffer_init(&mask, SIZE_MAX / 2);
    if (status == NJ_OK) {
        status = read_model(plain, bundle != NULL, &options, err);
    }
    if (status == NJ_OK) {
        status = add_mask(plain, options.eligible, &mask, &sections, err);
    }
    for (size_t i = 0; i < options.beam_count * options.reserve_count && status == NJ_OK; i++) {
        options.reserve = options.reserves[i % options.reserve_count];
        status = run_beam(arguments, &sections, &options, options.beams[i / options.reserve_count],
                          &report, err);
    }
    nj_buffer_fini(&mask);
    nj_bundle_close(&bundle);
    nj_synthetic_free(&synthetic);
    return nj_bench_report_close(&report, status, err);
}
