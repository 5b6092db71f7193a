// bench_train.c - `nightjar bench train`: steps of training a T5 with random weights and tokens, samples a second and share of the FMA peak.
//
// A round is a whole step: the gradient of a batch in shards, its sum and clipping, AdamW, and packing the weights again. The work counted is
// that of worker/train/t5_flops.h. The peak is that of all threads at once, probed before and after every round: cores that share a clock
// or an arithmetic unit lower both.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/math/peak.h"
#include "ops/cli/bench_report.h"
#include "ops/cli/bench_train_samples.h"
#include "ops/cli/bench_watch.h"
#include "ops/cli/commands.h"
#include "ops/cli/numbers.h"
#include "worker/train/deal.h"
#include "worker/train/team.h"

#define LIST_MAX 64
#define ROUNDS_MAX 100
#define TOKENS_MAX 4096
#define BATCH_MAX 65536
#define DROPOUT_MAX 90
#define WEIGHTS_BYTES_MAX ((size_t)16 << 30)
#define MODEL_NAME_BYTES 96

static const nj_adamw ADAMW = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .weight_decay = 0.01};
#define RATE 1e-4
#define CLIP 1.0

static const char *const PHASE_KEYS[NJ_PHASE_COUNT] = {
    "forward_share", "backward_share", "weights_share", "attention_share",
    "head_share",    "dropout_share",  "rest_share"};

typedef struct {
    nj_t5_config config;
    char model_name[MODEL_NAME_BYTES];
    uint64_t labels, batch, shard, rounds, dropout; // dropout in per cent
    uint32_t threads[LIST_MAX];
    uint32_t thread_count;
    uint32_t tokens[LIST_MAX]; // of sample after sample
    uint32_t token_count;
    const nj_kernels *kernels;
} bench_options;

typedef struct {
    const bench_options *options;
    const nj_learner *learner;
    double gflop;           // a step
    uint32_t *numbers;      // [batch] 0, 1, ...
    nj_train_shard *shards; // [shard_count]
    size_t shard_count;
    nj_train_team *team;
    size_t threads;
    double *probes; // [threads]
    nj_bench_watch watch;
    nj_bench_round rounds[ROUNDS_MAX];
    double peaks[ROUNDS_MAX]; // of all threads, around each round
    double first_per_s;       // samples a second and peak of the first number of threads
    double first_peak;
} measurement;

// ---- options ----

static nj_status lists_from(const nj_arguments *arguments, bench_options *out, nj_error *err)
{
    nj_status status = nj_numbers_from(arguments, "threads", 1, NJ_POOL_THREADS_MAX, LIST_MAX,
                                       out->threads, &out->thread_count, err);
    if (status == NJ_OK) {
        status = nj_numbers_from(arguments, "tokens", 1, TOKENS_MAX, LIST_MAX, out->tokens,
                                 &out->token_count, err);
    }
    if (status == NJ_OK && (out->thread_count == 0 || out->token_count == 0)) {
        status = nj_fail(err, NJ_USAGE, "--threads and --tokens must have a number each");
    }
    return status;
}

static nj_status options_from(const nj_arguments *arguments, bench_options *out, nj_error *err)
{
    uint64_t layers, decoder_layers, D, H, E, F, V;
    const nj_uint_option NUMBERS[] = {
        NJ_UINT("layers", 1, NJ_T5_LAYERS_MAX, &layers),
        NJ_UINT("decoder-layers", 1, NJ_T5_LAYERS_MAX, &decoder_layers),
        NJ_UINT("d-model", 1, NJ_T5_WIDTH_MAX, &D),
        NJ_UINT("heads", 1, 256, &H),
        NJ_UINT("d-kv", 1, 256, &E),
        NJ_UINT("d-ff", 1, NJ_T5_WIDTH_MAX, &F),
        NJ_UINT("vocabulary", 1, NJ_T5_VOCABULARY_MAX, &V),
        NJ_UINT("labels", 1, 64, &out->labels),
        NJ_UINT("batch", 1, BATCH_MAX, &out->batch),
        NJ_UINT("shard", 1, BATCH_MAX, &out->shard),
        NJ_UINT("dropout", 0, DROPOUT_MAX, &out->dropout),
        NJ_UINT("rounds", 1, ROUNDS_MAX, &out->rounds),
    };
    nj_status status = lists_from(arguments, out, err);
    if (status == NJ_OK) {
        status = nj_argument_uints(arguments, NUMBERS, sizeof NUMBERS / sizeof NUMBERS[0], err);
    }
    if (status == NJ_OK) {
        status =
            nj_kernels_choose("float32", nj_argument(arguments, "kernels"), &out->kernels, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    const char *activation = nj_argument(arguments, "activation");
    const bool gated = strcmp(activation, "gated-gelu") == 0;
    if (!gated && strcmp(activation, "relu") != 0) {
        return nj_fail(err, NJ_USAGE, "--activation is \"%s\", must be relu or gated-gelu",
                       activation);
    }
    out->config = (nj_t5_config){.D = (uint32_t)D,
                                 .H = (uint32_t)H,
                                 .E = (uint32_t)E,
                                 .F = (uint32_t)F,
                                 .V = (uint32_t)V,
                                 .encoder_layers = (uint32_t)layers,
                                 .decoder_layers = (uint32_t)decoder_layers,
                                 .R = 32,
                                 .distance_max = 128,
                                 .epsilon = 1e-6f,
                                 .gated = gated,
                                 .scale_outputs = true};
    snprintf(out->model_name, sizeof out->model_name, "%u+%u D%u H%ux%u F%u V%u %s",
             out->config.encoder_layers, out->config.decoder_layers, out->config.D, out->config.H,
             out->config.E, out->config.F, out->config.V, activation);
    return NJ_OK;
}

// ---- a model and a batch ----

static nj_status open_model(const bench_options *options, nj_train_t5 **out, nj_error *err)
{
    nj_buffer bytes;
    nj_tensor_set *weights = NULL;
    nj_buffer_init(&bytes, WEIGHTS_BYTES_MAX);
    nj_status status = nj_t5_weights_random(&options->config, 1, &bytes, err);
    if (status == NJ_OK) {
        status = nj_tensor_set_open_bytes(bytes.bytes, bytes.size, "random weights", &weights, err);
    }
    if (status == NJ_OK) {
        status = nj_train_t5_open(&options->config, weights, options->kernels, out, err);
    }
    nj_tensor_set_close(&weights);
    nj_buffer_fini(&bytes);
    return status;
}

static uint32_t shard_samples(const bench_options *options)
{
    return (uint32_t)(options->shard < options->batch ? options->shard : options->batch);
}

static nj_status cut_batch(const bench_options *options, measurement *m, nj_error *err)
{
    const size_t shards = (options->batch + options->shard - 1) / options->shard;
    nj_sized_sample *sized = calloc(options->batch, sizeof *sized);
    m->numbers = calloc(options->batch, sizeof *m->numbers);
    m->shards = calloc(shards, sizeof *m->shards);
    if (m->numbers == NULL || m->shards == NULL || sized == NULL) {
        free(sized);
        return nj_fail(err, NJ_NO_MEMORY, "no memory for %zu shards", shards);
    }
    for (uint32_t i = 0; i < options->batch; i++) {
        m->numbers[i] = i;
    }
    m->shard_count =
        nj_train_deal(m->learner, options->shard, options->batch, m->numbers, sized, m->shards);
    for (size_t i = 0; i < shards; i++) {
        m->shards[i].weight = (float)(1.0 / (double)(options->batch * options->labels));
    }
    free(sized);
    return NJ_OK;
}

// ---- rounds ----

static void run_step(measurement *m, uint64_t step)
{
    for (size_t i = 0; i < m->shard_count; i++) {
        m->shards[i].seed = step * m->shard_count + i;
    }
    nj_train_team_gradient(m->team, m->shards, m->shard_count);
    nj_train_team_apply(m->team, &ADAMW, RATE, CLIP, step);
}

static void probe_thread(void *context, size_t task, size_t thread)
{
    (void)thread;
    measurement *m = context;
    m->probes[task] = nj_kernels_peak_gflops(NJ_BENCH_PROBE_SECONDS);
}

static double probe_all(measurement *m)
{
    double sum = 0;
    nj_pool_run(nj_train_team_pool(m->team), m->threads, probe_thread, m);
    for (size_t i = 0; i < m->threads; i++) {
        sum += m->probes[i];
    }
    return sum;
}

static void measure(measurement *m)
{
    run_step(m, 1); // touches the memory
    nj_bench_watch_begin(&m->watch, m->threads == 1, NJ_BENCH_PROBE_SECONDS);
    double before = probe_all(m);
    for (uint64_t r = 0; r < m->options->rounds; r++) {
        nj_bench_round_begin(&m->watch);
        run_step(m, r + 2);
        nj_bench_round_end(&m->watch, &m->rounds[r]);
        const double after = probe_all(m);
        m->peaks[r] = (before + after) / 2;
        before = after;
    }
}

// Shares of the time of a gradient on one thread.
static nj_status measure_phases(const measurement *m, json_t *row, nj_error *err)
{
    void *scratch = NULL;
    float *gradient = calloc(m->learner->count, sizeof *gradient);
    nj_status status = gradient != NULL ? m->learner->scratch_new(m->learner->context,
                                                                  m->shards[0].count, &scratch, err)
                                        : nj_fail(err, NJ_NO_MEMORY, "no memory for a gradient");
    if (status == NJ_OK) {
        uint64_t times[NJ_PHASE_COUNT];
        double sum = 0;
        m->learner->gradient(m->learner->context, scratch, m->shards, gradient);
        memcpy(times, nj_bench_samples_times(scratch), sizeof times);
        m->learner->gradient(m->learner->context, scratch, m->shards, gradient);
        for (size_t i = 0; i < NJ_PHASE_COUNT; i++) {
            times[i] = nj_bench_samples_times(scratch)[i] - times[i];
            sum += (double)times[i];
        }
        for (size_t i = 0; i < NJ_PHASE_COUNT; i++) {
            json_object_set_new(row, PHASE_KEYS[i], json_real((double)times[i] / sum));
        }
        m->learner->scratch_free(&scratch);
    }
    free(gradient);
    return status;
}

// ---- rows ----

static void add_rates(measurement *m, json_t *row)
{
    const size_t rounds = (size_t)m->options->rounds;
    const double samples = (double)m->options->batch;
    const double gflop = m->gflop;
    const double threads = (double)m->threads;
    double per_s[ROUNDS_MAX];
    double shares[ROUNDS_MAX];
    double core_shares[ROUNDS_MAX];
    double core_seconds = 0;
    for (size_t r = 0; r < rounds; r++) {
        per_s[r] = samples / m->rounds[r].seconds;
        shares[r] = gflop / m->rounds[r].seconds / m->peaks[r];
        core_shares[r] = gflop / m->rounds[r].core_seconds / (m->peaks[r] / threads);
        core_seconds += m->rounds[r].core_seconds;
    }
    const double samples_per_s = nj_bench_median(per_s, rounds);
    const double peak = nj_bench_median(m->peaks, rounds);
    m->first_per_s = m->first_per_s > 0 ? m->first_per_s : samples_per_s;
    m->first_peak = m->first_peak > 0 ? m->first_peak : peak;
    const struct {
        const char *key;
        double value;
    } NUMBERS[] = {
        {"samples_per_s", samples_per_s},
        {"samples_per_s_best", per_s[rounds - 1]},
        {"samples_per_core_s", samples * (double)rounds / core_seconds},
        {"gflops", samples_per_s / samples * gflop},
        {"peak_gflops", peak},
        {"share", nj_bench_median(shares, rounds)},
        {"core_share", nj_bench_median(core_shares, rounds)},
        {"scaling", samples_per_s / m->first_per_s},
        {"peak_scaling", peak / m->first_peak},
        {"spread", nj_bench_spread(per_s, rounds)},
    };
    for (size_t i = 0; i < sizeof NUMBERS / sizeof NUMBERS[0]; i++) {
        json_object_set_new(row, NUMBERS[i].key, json_real(NUMBERS[i].value));
    }
}

static json_t *describe(const nj_arguments *arguments, measurement *m)
{
    const bench_options *o = m->options;
    json_t *row = json_pack(
        "{s:I, s:s, s:s, s:I, s:I, s:I, s:I, s:s, s:I}", "threads", (json_int_t)m->threads, "model",
        o->model_name, "tokens", nj_argument(arguments, "tokens"), "labels", (json_int_t)o->labels,
        "batch", (json_int_t)o->batch, "shard", (json_int_t)o->shard, "dropout",
        (json_int_t)o->dropout, "kernels", o->kernels->name, "rounds", (json_int_t)o->rounds);
    if (row != NULL) {
        add_rates(m, row);
        nj_bench_watch_tell(&m->watch, row);
    }
    return row;
}

static nj_status run_threads(const nj_arguments *arguments, measurement *m, size_t threads,
                             nj_bench_report *report, nj_error *err)
{
    m->threads = threads;
    m->probes = calloc(threads, sizeof *m->probes);
    nj_status status = m->probes != NULL
                           ? nj_train_team_new(m->learner, shard_samples(m->options),
                                               m->shard_count, threads, &m->team, err)
                           : nj_fail(err, NJ_NO_MEMORY, "no memory for %zu probes", threads);
    if (status == NJ_OK) {
        measure(m);
        json_t *row = describe(arguments, m);
        status = row != NULL ? measure_phases(m, row, err) : NJ_OK;
        nj_status added = nj_bench_report_add_take(report, "train", &row, err);
        status = status == NJ_OK ? added : status;
    }
    nj_train_team_free(&m->team);
    free(m->probes);
    return status;
}

static nj_status run_all(const nj_arguments *arguments, const bench_options *options,
                         nj_bench_report *report, nj_error *err)
{
    static measurement m;
    nj_train_t5 *model = NULL;
    nj_bench_samples samples = {0};
    nj_learner learner;
    nj_status status = open_model(options, &model, err);
    if (status == NJ_OK) {
        status = nj_bench_samples_init(model, (uint32_t)options->batch, options->tokens,
                                       options->token_count, (uint32_t)options->labels,
                                       (double)options->dropout / 100, &samples, err);
    }
    if (status == NJ_OK) {
        learner = nj_bench_samples_learner(&samples);
        m = (measurement){.options = options, .learner = &learner, .gflop = samples.flops / 1e9};
        status = cut_batch(options, &m, err);
    }
    for (uint32_t i = 0; i < options->thread_count && status == NJ_OK; i++) {
        status = run_threads(arguments, &m, options->threads[i], report, err);
    }
    free(m.numbers);
    free(m.shards);
    nj_bench_samples_fini(&samples);
    nj_train_t5_close(&model);
    return status;
}

nj_status nj_command_bench_train(const nj_arguments *arguments, nj_error *err)
{
    bench_options options = {0};
    nj_bench_report report;
    nj_status status = nj_bench_report_open(arguments, &report, err);
    if (status == NJ_OK) {
        status = options_from(arguments, &options, err);
    }
    if (status == NJ_OK) {
        status = run_all(arguments, &options, &report, err);
    }
    return nj_bench_report_close(&report, status, err);
}
