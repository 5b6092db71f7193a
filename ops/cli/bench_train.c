// bench_train.c - `nightjar bench train`: steps of training a T5 with random weights and tokens, samples a second and share of the FMA peak.
//
// A round is a whole step: the gradient of a batch in shards, its sum and clipping, AdamW, and packing the weights again. The work counted is
// that of worker/train/t5_flops.h. The peak is that of all threads at once, probed before and after every round: cores that share a clock
// or an arithmetic unit lower both.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/pool.h"
#include "common/base/rng.h"
#include "common/math/peak.h"
#include "ops/cli/bench_report.h"
#include "ops/cli/bench_watch.h"
#include "ops/cli/commands.h"
#include "ops/cli/numbers.h"
#include "worker/train/samples.h"
#include "worker/train/t5_flops.h"
#include "worker/train/t5_team.h"

#define LIST_MAX 64
#define ROUNDS_MAX 100
#define TOKENS_MAX 4096
#define BATCH_MAX 65536
#define DROPOUT_MAX 90
#define WEIGHTS_BYTES_MAX ((size_t)16 << 30)
#define MODEL_NAME_BYTES 96

static const nj_adamw ADAMW = {
    .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .weight_decay = 0.01};
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

// A batch of made-up samples, cut into shards.
typedef struct {
    nj_train_limits limits;
    uint32_t *tokens; // [sum of all]
    uint32_t *labels; // [batch, labels]
    uint32_t *offset; // [shard_count, shard + 1]
    nj_train_batch *shards;
    size_t shard_count;
    double flops;
} bench_batch;

typedef struct {
    const bench_options *options;
    const bench_batch *batch;
    nj_train_team *team;
    nj_pool *pool; // for probes
    double *probes;
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
    const struct {
        const char *name;
        uint64_t least, most;
        uint64_t *number;
    } NUMBERS[] = {{"layers", 1, NJ_T5_LAYERS_MAX, &layers},
                   {"decoder-layers", 1, NJ_T5_LAYERS_MAX, &decoder_layers},
                   {"d-model", 1, NJ_T5_WIDTH_MAX, &D},
                   {"heads", 1, 256, &H},
                   {"d-kv", 1, 256, &E},
                   {"d-ff", 1, NJ_T5_WIDTH_MAX, &F},
                   {"vocabulary", 1, NJ_T5_VOCABULARY_MAX, &V},
                   {"labels", 1, 64, &out->labels},
                   {"batch", 1, BATCH_MAX, &out->batch},
                   {"shard", 1, BATCH_MAX, &out->shard},
                   {"dropout", 0, DROPOUT_MAX, &out->dropout},
                   {"rounds", 1, ROUNDS_MAX, &out->rounds}};
    nj_status status = lists_from(arguments, out, err);
    for (size_t i = 0; i < sizeof NUMBERS / sizeof NUMBERS[0] && status == NJ_OK; i++) {
        status = nj_argument_uint(arguments, NUMBERS[i].name, NUMBERS[i].least, NUMBERS[i].most,
                                  NUMBERS[i].number, err);
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

static void free_batch(bench_batch *batch)
{
    free(batch->tokens);
    free(batch->labels);
    free(batch->offset);
    free(batch->shards);
}

static nj_status take_batch(const bench_options *options, bench_batch *out, nj_error *err)
{
    uint32_t longest = 0;
    for (uint32_t i = 0; i < options->token_count; i++) {
        longest = options->tokens[i] > longest ? options->tokens[i] : longest;
    }
    const size_t shard = options->shard < options->batch ? options->shard : options->batch;
    out->shard_count = (options->batch + shard - 1) / shard;
    out->limits = (nj_train_limits){.samples_max = (uint32_t)shard,
                                    .tokens_max = (uint32_t)shard * longest,
                                    .sequence_max = longest,
                                    .T = (uint32_t)options->labels};
    out->tokens = calloc(options->batch * longest, sizeof *out->tokens);
    out->labels = calloc(options->batch * options->labels, sizeof *out->labels);
    out->offset = calloc(out->shard_count * (shard + 1), sizeof *out->offset);
    out->shards = calloc(out->shard_count, sizeof *out->shards);
    return out->tokens != NULL && out->labels != NULL && out->offset != NULL && out->shards != NULL
               ? NJ_OK
               : nj_fail(err, NJ_NO_MEMORY, "no memory for a batch of %zu samples",
                         (size_t)options->batch);
}

// Lengths are those of the list in turn, in the order of a shuffled epoch.
static nj_status make_batch(const bench_options *options, bench_batch *out, nj_error *err)
{
    const uint32_t V = options->config.V;
    uint64_t state = 1;
    uint32_t *order = calloc(options->batch, sizeof *order);
    nj_status status = order != NULL ? take_batch(options, out, err)
                                     : nj_fail(err, NJ_NO_MEMORY, "no memory for an order");
    if (status == NJ_OK) {
        nj_train_samples_order(options->batch, 1, 0, order);
    }
    const uint32_t shard = out->limits.samples_max;
    size_t token = 0;
    for (uint32_t i = 0; i < options->batch && status == NJ_OK; i++) {
        nj_train_batch *at = &out->shards[i / shard];
        uint32_t *offset = out->offset + i / shard * (shard + 1);
        const uint32_t length = options->tokens[order[i] % options->token_count];
        if (i % shard == 0) {
            *at = (nj_train_batch){0, out->tokens + token, offset,
                                   out->labels + i * options->labels};
        }
        offset[at->B + 1] = offset[at->B] + length;
        at->B++;
        for (uint32_t j = 0; j < length; j++) {
            out->tokens[token++] = (uint32_t)(nj_rng_next(&state) % V);
        }
        for (uint32_t j = 0; j < options->labels; j++) {
            out->labels[i * options->labels + j] = (uint32_t)(nj_rng_next(&state) % V);
        }
        out->flops += nj_train_sample_flops(&options->config, length, options->labels);
    }
    free(order);
    return status;
}

// ---- rounds ----

static void run_step(measurement *m, uint64_t step)
{
    const double labels = (double)(m->options->batch * m->options->labels);
    const nj_train_options options = {
        .dropout = (double)m->options->dropout / 100, .weight = (float)(1.0 / labels), .seed = step};
    nj_train_team_gradient(m->team, m->batch->shards, m->batch->shard_count, &options);
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
    const size_t threads = nj_pool_threads(m->pool);
    double sum = 0;
    nj_pool_run(m->pool, threads, probe_thread, m);
    for (size_t i = 0; i < threads; i++) {
        sum += m->probes[i];
    }
    return sum;
}

static void measure(measurement *m)
{
    run_step(m, 1); // touches the memory
    nj_bench_watch_begin(&m->watch, nj_pool_threads(m->pool) == 1, NJ_BENCH_PROBE_SECONDS);
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
static nj_status measure_phases(const measurement *m, const nj_train_t5 *model, json_t *row,
                                nj_error *err)
{
    nj_train_scratch *scratch = NULL;
    float *gradient = calloc(model->count, sizeof *gradient);
    nj_status status = gradient != NULL
                           ? nj_train_scratch_new(model, &m->batch->limits, &scratch, err)
                           : nj_fail(err, NJ_NO_MEMORY, "no memory for a gradient");
    if (status == NJ_OK) {
        const nj_train_options options = {.dropout = (double)m->options->dropout / 100, .weight = 1.0f};
        uint64_t times[NJ_PHASE_COUNT];
        double sum = 0;
        nj_train_gradient(model, scratch, m->batch->shards, &options, gradient);
        memcpy(times, nj_train_scratch_times(scratch), sizeof times);
        nj_train_gradient(model, scratch, m->batch->shards, &options, gradient);
        for (size_t i = 0; i < NJ_PHASE_COUNT; i++) {
            times[i] = nj_train_scratch_times(scratch)[i] - times[i];
            sum += (double)times[i];
        }
        for (size_t i = 0; i < NJ_PHASE_COUNT; i++) {
            json_object_set_new(row, PHASE_KEYS[i], json_real((double)times[i] / sum));
        }
    }
    nj_train_scratch_free(&scratch);
    free(gradient);
    return status;
}

// ---- rows ----

static void add_rates(measurement *m, json_t *row)
{
    const size_t rounds = (size_t)m->options->rounds;
    const double samples = (double)m->options->batch;
    const double gflop = m->batch->flops / 1e9;
    const double threads = (double)nj_pool_threads(m->pool);
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
    json_t *row = json_pack("{s:I, s:s, s:s, s:I, s:I, s:I, s:I, s:s, s:I}", "threads",
                            (json_int_t)nj_pool_threads(m->pool), "model", o->model_name, "tokens",
                            nj_argument(arguments, "tokens"), "labels", (json_int_t)o->labels,
                            "batch", (json_int_t)o->batch, "shard", (json_int_t)o->shard, "dropout",
                            (json_int_t)o->dropout, "kernels", o->kernels->name, "rounds",
                            (json_int_t)o->rounds);
    if (row != NULL) {
        add_rates(m, row);
        nj_bench_watch_tell(&m->watch, row);
    }
    return row;
}

static nj_status run_threads(const nj_arguments *arguments, measurement *m, nj_train_t5 *model,
                             size_t threads, nj_bench_report *report, nj_error *err)
{
    m->probes = calloc(threads, sizeof *m->probes);
    nj_status status = m->probes != NULL
                           ? nj_train_team_new(model, &m->batch->limits, m->batch->shard_count,
                                               threads, &m->team, err)
                           : nj_fail(err, NJ_NO_MEMORY, "no memory for %zu probes", threads);
    if (status == NJ_OK) {
        status = nj_pool_new(threads, &m->pool, err);
    }
    if (status == NJ_OK) {
        measure(m);
        json_t *row = describe(arguments, m);
        status = row != NULL ? measure_phases(m, model, row, err) : NJ_OK;
        nj_status added = nj_bench_report_add_take(report, "train", &row, err);
        status = status == NJ_OK ? added : status;
    }
    nj_pool_free(&m->pool);
    nj_train_team_free(&m->team);
    free(m->probes);
    return status;
}

nj_status nj_command_bench_train(const nj_arguments *arguments, nj_error *err)
{
    bench_options options = {0};
    bench_batch batch = {0};
    nj_bench_report report;
    nj_train_t5 *model = NULL;
    nj_status status = nj_bench_report_open(arguments, &report, err);
    if (status == NJ_OK) {
        status = options_from(arguments, &options, err);
    }
    if (status == NJ_OK) {
        status = make_batch(&options, &batch, err);
    }
    if (status == NJ_OK) {
        status = open_model(&options, &model, err);
    }
    static measurement m;
    m = (measurement){.options = &options, .batch = &batch};
    for (uint32_t i = 0; i < options.thread_count && status == NJ_OK; i++) {
        status = run_threads(arguments, &m, model, options.threads[i], &report, err);
    }
    nj_train_t5_close(&model);
    free_batch(&batch);
    return nj_bench_report_close(&report, status, err);
}
