// bench_kernels.c - `nightjar bench kernels`: every kernel set of this machine on the shapes of the model, against the roofline.
//
// The roof of an operation is the larger of two times: its flops at the peak of the FMA probe, and its bytes at the speed of copying
// as many bytes, which lie in the same cache. `limit` says which of the two it is, `share` is roof / time.
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/math/kernels.h"
#include "ops/cli/bench_report.h"
#include "ops/cli/bench_watch.h"
#include "ops/cli/commands.h"
#include "ops/cli/numbers.h"

#define ROWS_MAX 16
#define SHAPES_MAX 16
#define SIZE_MOST 65536
#define FLOATS_MAX ((size_t)1 << 28) // of one operand
#define ROUNDS_MAX 1000
#define ROUND_NS 2000000    // calls are repeated until they take so long
#define COPY_NS 1000000     // and so are copies
#define PROBE_SECONDS 0.004 // rounds are short, and there are many
#define ALIGN_BYTES 64
#define RMS_EPSILON 1e-6f

typedef struct {
    size_t M, N, K;
} shape;

// Operands, each [floats] and aligned to 64; what they are is the operation's.
typedef struct {
    const nj_kernels *kernels;
    shape shape;
    nj_linear linear;
    float *a, *b, *c;
    const float **rows; // [M] of a
    void *packed;
} operands;

typedef struct {
    const char *name;
    void (*run)(const operands *o);
    double flops; // for each M * N * K
    // Bytes moved, in floats for each of
    double mk, nk, mn, mnk;
} operation;

// A row of 1,024 floats and its like would thrash one set of the L1 cache; the engine pads such rows by as much.
static size_t row_of(size_t n)
{
    return n % 1024 == 0 ? n + 16 : n;
}

// ---- operations ----

static void run_linear(const operands *o)
{
    o->kernels->linear(o->shape.M, o->a, row_of(o->shape.K), &o->linear, false, o->c,
                       row_of(o->shape.N));
}

static void run_matmul_nt(const operands *o)
{
    o->kernels->matmul_nt(o->shape.M, o->shape.N, o->shape.K, o->a, row_of(o->shape.K), o->b,
                          row_of(o->shape.K), o->c, row_of(o->shape.N));
}

static void run_matmul_nn(const operands *o)
{
    o->kernels->matmul_nn(o->shape.M, o->shape.N, o->shape.K, o->a, row_of(o->shape.K), o->b,
                          row_of(o->shape.N), o->c, row_of(o->shape.N));
}

// M positions, N heads of K.
static void run_head_scores(const operands *o)
{
    o->kernels->head_scores(o->shape.M, o->shape.N, o->shape.K, o->b, o->rows, o->c, o->shape.M);
}

static void run_head_mix(const operands *o)
{
    o->kernels->head_mix(o->shape.M, o->shape.N, o->shape.K, o->b, o->shape.M, o->rows, o->c);
}

static void run_softmax(const operands *o)
{
    o->kernels->softmax(o->shape.M, o->shape.N, o->c, row_of(o->shape.N));
}

static void run_log_sum_exp(const operands *o)
{
    o->kernels->log_sum_exp(o->shape.M, o->shape.N, o->a, row_of(o->shape.N), o->c);
}

static void run_rms_norm(const operands *o)
{
    o->kernels->rms_norm(o->shape.M, o->shape.N, o->a, row_of(o->shape.N), o->b, RMS_EPSILON, o->c,
                         row_of(o->shape.N));
}

static void run_relu(const operands *o)
{
    o->kernels->relu(o->shape.M, o->shape.N, o->c, row_of(o->shape.N));
}

static void run_gated_gelu(const operands *o)
{
    o->kernels->gated_gelu(o->shape.M, o->shape.N, o->c, row_of(o->shape.N), o->b,
                           row_of(o->shape.N));
}

static void run_add(const operands *o)
{
    o->kernels->add(o->shape.M, o->shape.N, o->a, row_of(o->shape.N), o->c, row_of(o->shape.N));
}

static const operation LINEAR = {"linear", run_linear, 2, 1, 1, 1, 0};
static const operation MATMUL_NT = {"matmul_nt", run_matmul_nt, 2, 1, 1, 1, 0};
static const operation MATMUL_NN = {"matmul_nn", run_matmul_nn, 2, 1, 1, 1, 0};
static const operation HEAD_SCORES = {"head_scores", run_head_scores, 2, 0, 1, 1, 1};
static const operation HEAD_MIX = {"head_mix", run_head_mix, 2, 0, 1, 1, 1};
static const operation SOFTMAX = {"softmax", run_softmax, 0, 0, 0, 2, 0};
static const operation LOG_SUM_EXP = {"log_sum_exp", run_log_sum_exp, 0, 0, 0, 1, 0};
static const operation RMS_NORM = {"rms_norm", run_rms_norm, 0, 0, 0, 2, 0};
static const operation RELU = {"relu", run_relu, 0, 0, 0, 2, 0};
static const operation GATED_GELU = {"gated_gelu", run_gated_gelu, 0, 0, 0, 3, 0};
static const operation ADD = {"add", run_add, 0, 0, 0, 3, 0};

// The model's weights [N, K]: D = 128, H*E = 384, F = 1024, V = 1026.
static const shape WEIGHTS[] = {
    {0, 384, 128}, {0, 128, 384}, {0, 1024, 128}, {0, 128, 1024}, {0, 1026, 128}};

// What else a batch does, for histories of 80 tokens and 20 beams: attention of the encoder, then of the beams, then rows.
static const struct {
    const operation *operation;
    shape shape;
} OTHERS[] = {{&MATMUL_NT, {80, 80, 64}}, {&MATMUL_NN, {80, 64, 80}}, {&MATMUL_NN, {20, 80, 64}},
              {&MATMUL_NN, {20, 64, 80}}, {&HEAD_SCORES, {4, 6, 64}}, {&HEAD_MIX, {4, 6, 64}},
              {&SOFTMAX, {80, 80, 0}},    {&SOFTMAX, {20, 80, 0}},    {&LOG_SUM_EXP, {20, 1026, 0}},
              {&RMS_NORM, {96, 128, 0}},  {&RELU, {96, 1024, 0}},     {&GATED_GELU, {96, 1024, 0}},
              {&ADD, {96, 128, 0}}};

// ---- operands ----

static size_t count_floats(const shape *s)
{
    const size_t K = s->K == 0 ? 1 : row_of(s->K);
    const size_t N = row_of(s->N);
    const size_t sides[] = {s->M * N, s->M * K, s->N * K, s->K * N};
    size_t most = s->M * s->N * s->K <= SIZE_MOST ? s->M * s->N * s->K : 0; // heads
    for (size_t i = 0; i < sizeof sides / sizeof sides[0]; i++) {
        most = sides[i] > most ? sides[i] : most;
    }
    return most;
}

static float *make_floats(size_t count, uint64_t seed)
{
    const size_t bytes = (count * sizeof(float) + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
    float *floats = aligned_alloc(ALIGN_BYTES, bytes);
    for (size_t i = 0; floats != NULL && i < count; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        floats[i] = (float)(seed >> 40) / (float)(1 << 23) - 1.0f;
    }
    return floats;
}

static void free_operands(operands *o)
{
    free(o->a);
    free(o->b);
    free(o->c);
    free(o->rows);
    free(o->packed);
}

static nj_status make_operands(const nj_kernels *kernels, const shape *s, operands *o,
                               nj_error *err)
{
    const size_t floats = count_floats(s);
    const size_t packed = kernels->linear_pack_bytes(s->N, s->K);
    *o = (operands){.kernels = kernels, .shape = *s};
    o->a = make_floats(floats, 1);
    o->b = make_floats(floats, 2);
    o->c = make_floats(floats, 3);
    o->rows = calloc(s->M, sizeof *o->rows);
    o->linear = (nj_linear){.weight = o->b, .N = s->N, .K = s->K};
    if (packed > 0 && packed < SIZE_MAX - ALIGN_BYTES) {
        o->packed =
            aligned_alloc(ALIGN_BYTES, (packed + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES);
    }
    if (o->a == NULL || o->b == NULL || o->c == NULL || o->rows == NULL ||
        (packed > 0 && o->packed == NULL)) {
        free_operands(o);
        return nj_fail(err, NJ_NO_MEMORY, "no memory for operands of %zu floats", floats);
    }
    if (packed > 0) {
        kernels->linear_pack(&o->linear, o->packed);
    }
    for (size_t m = 0; m < s->M && s->M * s->N * s->K <= floats; m++) {
        o->rows[m] = o->a + m * s->N * s->K; // only heads read them, and theirs fit
    }
    return NJ_OK;
}

// ---- measuring ----

// How many calls take ROUND_NS.
static size_t find_repeats(const operation *op, const operands *o)
{
    size_t repeats = 1;
    uint64_t took_ns = 0;
    while (took_ns < ROUND_NS / 2) {
        uint64_t begun_ns = nj_clock_mono_ns();
        for (size_t i = 0; i < repeats; i++) {
            op->run(o);
        }
        took_ns = nj_clock_mono_ns() - begun_ns + 1;
        if (took_ns < ROUND_NS / 2) {
            repeats *= took_ns < ROUND_NS / 16 ? 8 : 2;
        }
    }
    size_t wanted = (size_t)((double)repeats * ROUND_NS / (double)took_ns);
    return wanted > 0 ? wanted : 1;
}

// GB/s, read and written together, of copying `bytes` in all; best of several.
static double measure_copy(size_t bytes, nj_error *err)
{
    const size_t half = (bytes / 2 + ALIGN_BYTES) / ALIGN_BYTES * ALIGN_BYTES;
    char *memory = aligned_alloc(ALIGN_BYTES, 2 * half);
    double best = 0.0;
    if (memory == NULL) {
        (void)nj_fail(err, NJ_NO_MEMORY, "no memory to copy %zu bytes", bytes);
        return 0.0;
    }
    memset(memory, 1, 2 * half);
    const uint64_t begun_ns = nj_clock_mono_ns();
    const size_t copies = 1 + (size_t)65536 / half; // short ones are told apart by no clock
    uint64_t now_ns = begun_ns;
    while (now_ns - begun_ns < COPY_NS) {
        const uint64_t from_ns = now_ns;
        for (size_t i = 0; i < copies; i++) {
            memcpy(memory + half, memory, half);
            __asm__ volatile("" : : "r"(memory) : "memory"); // each copy happens
        }
        now_ns = nj_clock_mono_ns();
        double speed = (double)(2 * half * copies) / (double)(now_ns - from_ns + 1);
        best = speed > best ? speed : best;
    }
    free(memory);
    return best;
}

typedef struct {
    double us[ROUNDS_MAX];
    double us_median, us_best, spread;
    double peak_gflops, copy_gb_per_s;
    nj_bench_watch watch;
} measurement;

static void measure(const operation *op, const operands *o, size_t rounds, measurement *out)
{
    nj_bench_round round;
    const size_t repeats = find_repeats(op, o);
    nj_bench_watch_begin(&out->watch, true, PROBE_SECONDS);
    nj_bench_round_begin(&out->watch);
    for (size_t r = 0; r < rounds; r++) {
        const uint64_t begun_ns = nj_clock_mono_ns();
        for (size_t i = 0; i < repeats; i++) {
            op->run(o);
        }
        out->us[r] = (double)(nj_clock_mono_ns() - begun_ns) / 1e3 / (double)repeats;
    }
    nj_bench_round_end(&out->watch, &round);
    out->peak_gflops = round.peak_gflops;
    out->spread = nj_bench_spread(out->us, rounds);
    out->us_best = out->us[0]; // they are sorted
    out->us_median = out->us[rounds / 2];
}

static json_t *describe(const operation *op, const operands *o, size_t rounds, const measurement *m,
                        double bytes)
{
    const shape *s = &o->shape;
    const double flops = op->flops * (double)s->M * (double)s->N * (double)s->K;
    const double flops_us = flops / m->peak_gflops / 1e3;
    const double bytes_us = bytes / m->copy_gb_per_s / 1e3;
    const double roof_us = flops_us > bytes_us ? flops_us : bytes_us;
    json_t *gflops = flops > 0 ? json_real(flops / m->us_median / 1e3) : json_null();
    json_t *row = json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:f, s:f, s:o, s:f, s:I, s:f, s:f, s:s, s:f, s:I, s:f}",
        "kernels", o->kernels->name, "operation", op->name, "m", (json_int_t)s->M, "n",
        (json_int_t)s->N, "k", (json_int_t)s->K, "us", m->us_median, "us_best", m->us_best,
        "gflops", gflops, "peak_gflops", m->peak_gflops, "bytes", (json_int_t)bytes, "gb_per_s",
        bytes / m->us_median / 1e3, "copy_gb_per_s", m->copy_gb_per_s, "limit",
        flops_us > bytes_us ? "fma" : "bytes", "share", roof_us / m->us_median, "rounds",
        (json_int_t)rounds, "spread", m->spread);
    if (row != NULL) {
        nj_bench_watch_tell(&m->watch, row);
    }
    return row;
}

static double bytes_of_weight(const nj_kernels *kernels)
{
    return strcmp(kernels->precision, "int8") == 0   ? 1
           : strcmp(kernels->precision, "bf16") == 0 ? 2
                                                     : 4;
}

static nj_status run_shape(const nj_kernels *kernels, const operation *op, const shape *s,
                           size_t rounds, nj_bench_report *report, nj_error *err)
{
    static measurement m;
    operands o;
    const double M = (double)s->M;
    const double N = (double)s->N;
    const double K = (double)s->K;
    const double weight_bytes = op->run == run_linear ? bytes_of_weight(kernels) : 4;
    const double bytes =
        4 * (op->mk * M * K + op->mn * M * N + op->mnk * M * N * K) + weight_bytes * op->nk * N * K;
    nj_status status = make_operands(kernels, s, &o, err);
    if (status != NJ_OK) {
        return status;
    }
    m.copy_gb_per_s = measure_copy((size_t)bytes, err);
    if (m.copy_gb_per_s > 0.0) {
        measure(op, &o, rounds, &m);
        json_t *row = describe(op, &o, rounds, &m, bytes);
        status = nj_bench_report_add_take(report, "kernels", &row, err);
    } else {
        status = NJ_NO_MEMORY;
    }
    free_operands(&o);
    return status;
}

// ---- the command ----

typedef struct {
    uint32_t rows[ROWS_MAX]; // M of the products with weights
    uint32_t row_count;
    shape shapes[SHAPES_MAX]; // asked for: these alone
    uint32_t shape_count;
    uint64_t rounds;
    const nj_kernels *only; // NULL: all sets of this machine
} bench_options;

static nj_status shapes_from(const nj_arguments *arguments, bench_options *out, nj_error *err)
{
    uint32_t numbers[3 * SHAPES_MAX];
    uint32_t count = 0;
    nj_status status =
        nj_numbers_from(arguments, "shape", 1, SIZE_MOST, 3 * SHAPES_MAX, numbers, &count, err);
    if (status == NJ_OK && count % 3 != 0) {
        status = nj_fail(err, NJ_USAGE, "--shape has %u numbers, must be M,N,K once or more",
                         (unsigned)count);
    }
    for (uint32_t i = 0; i + 2 < count && status == NJ_OK; i += 3) {
        const shape s = {numbers[i], numbers[i + 1], numbers[i + 2]};
        out->shapes[out->shape_count++] = s;
        if (count_floats(&s) > FLOATS_MAX) {
            status = nj_fail(err, NJ_USAGE, "--shape %zu,%zu,%zu has %zu floats, at most %zu", s.M,
                             s.N, s.K, count_floats(&s), FLOATS_MAX);
        }
    }
    return status;
}

static nj_status options_from(const nj_arguments *arguments, bench_options *out, nj_error *err)
{
    const char *kernels = nj_argument(arguments, "kernels");
    nj_status status = shapes_from(arguments, out, err);
    if (status == NJ_OK) {
        status = nj_numbers_from(arguments, "rows", 1, SIZE_MOST, ROWS_MAX, out->rows,
                                 &out->row_count, err);
    }
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "rounds", 1, ROUNDS_MAX, &out->rounds, err);
    }
    return status == NJ_OK && strcmp(kernels, "all") != 0
               ? nj_kernels_select(kernels, &out->only, err)
               : status;
}

static nj_status run_set(const nj_kernels *kernels, const bench_options *options,
                         nj_bench_report *report, nj_error *err)
{
    const size_t rounds = (size_t)options->rounds;
    nj_status status = NJ_OK;
    for (size_t i = 0; i < options->shape_count && status == NJ_OK; i++) {
        status = run_shape(kernels, &LINEAR, &options->shapes[i], rounds, report, err);
    }
    if (options->shape_count > 0) {
        return status;
    }
    for (size_t w = 0; w < sizeof WEIGHTS / sizeof WEIGHTS[0]; w++) {
        for (size_t r = 0; r < options->row_count && status == NJ_OK; r++) {
            const shape s = {options->rows[r], WEIGHTS[w].N, WEIGHTS[w].K};
            status = run_shape(kernels, &LINEAR, &s, rounds, report, err);
        }
    }
    for (size_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0] && status == NJ_OK; i++) {
        status = run_shape(kernels, OTHERS[i].operation, &OTHERS[i].shape, rounds, report, err);
    }
    return status;
}

nj_status nj_command_bench_kernels(const nj_arguments *arguments, nj_error *err)
{
    bench_options options = {0};
    nj_bench_report report;
    nj_status status = nj_bench_report_open(arguments, &report, err);
    if (status == NJ_OK) {
        status = options_from(arguments, &options, err);
    }
    if (status == NJ_OK && options.only != NULL) {
        status = run_set(options.only, &options, &report, err);
    }
    const nj_kernels *kernels = NULL;
    for (size_t i = 0;
         status == NJ_OK && options.only == NULL && (kernels = nj_kernels_at(i)) != NULL; i++) {
        status = run_set(kernels, &options, &report, err);
    }
    return nj_bench_report_close(&report, status, err);
}
