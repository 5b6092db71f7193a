// bench_collisions.c - `nightjar bench collisions`: a large catalogue whose items crowd together, and what giving each a SID costs.
//
// Items are made up, and made again whenever their embedding is wanted, so that ten million need no file:
//
//   family (few, the first ones large) + 0.5 * line within the family + spread * something of the item's own
//
// The smaller the spread, the more items have equal codes. Codebooks are k-means of a sample, level by level.
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/base/checked.h"
#include "common/base/clock.h"
#include "common/base/rng.h"
#include "common/catalogue/collisions.h"
#include "common/quant/encoder.h"
#include "ops/cli/bench_report.h"
#include "ops/cli/collision_options.h"
#include "ops/cli/commands.h"
#include "ops/cli/numbers.h"

#define SIZES_MAX 16
#define ITEMS_MAX 1000000000u
#define DIM_MAX 1024
#define FAMILIES 1000u
#define LINES_A_FAMILY 500u
#define SAMPLE_A_CODE 64u // items that a codebook is learned from, a code
#define LLOYD_STEPS 6
#define BLOCK_ITEMS 1024u

typedef struct {
    uint32_t items[SIZES_MAX];
    uint32_t size_count;
    uint64_t dim, levels, codes, spread_percent;
    nj_collision_options collisions;
    nj_encoder_options encoder;
} bench_options;

typedef struct {
    const bench_options *options;
    nj_codebooks codebooks;
    float *vectors;  // [L, K, D]
    uint16_t *codes; // [items, columns]
    double encode_s;
    double resolve_s;
    nj_collision_outcome outcome;
    double squared_error; // of all items, before
} measurement;

// ---- items ----

// Close to a normal distribution: the sum of four 16-bit numbers, scaled to variance 1.
static float draw_normal(uint64_t seed, uint64_t d)
{
    const uint64_t bits = nj_rng_mix(seed + (d + 1) * NJ_RNG_STEP);
    const uint64_t sum =
        (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48);
    return ((float)sum / 65536.0f - 2.0f) * 1.7320508f;
}

static void make_item(const bench_options *options, uint64_t row, float *out)
{
    const uint64_t bits = nj_rng_mix(row + 1);
    const double place = (double)(bits >> 40) / (double)(1 << 24);
    const uint64_t family = (uint64_t)(place * place * FAMILIES);
    const uint64_t line = family * LINES_A_FAMILY + (bits & 0xffffff) % LINES_A_FAMILY;
    const float spread = (float)options->spread_percent / 100.0f;
    for (size_t d = 0; d < options->dim; d++) {
        out[d] = draw_normal(family << 40, d) + 0.5f * draw_normal(line << 40 | 1, d) +
                 spread * draw_normal(bits, d);
    }
}

static nj_status read_item(void *context, uint32_t row, float *out, nj_error *err)
{
    (void)err;
    make_item(context, row, out);
    return NJ_OK;
}

// ---- codebooks ----

// The codes of rows under one codebook.
static nj_status encode_level(const measurement *m, uint32_t level, const float *rows, size_t N,
                              uint16_t *codes, nj_error *err)
{
    nj_codebooks one = {.level_count = 1, .D = m->codebooks.D};
    nj_encoder *encoder = NULL;
    one.K[0] = m->codebooks.K[level];
    one.vectors[0] = m->codebooks.vectors[level];
    nj_status status = nj_encoder_new(&one, NULL, &m->options->encoder, &encoder, err);
    if (status == NJ_OK) {
        status = nj_encoder_encode(encoder, rows, N, codes, 1, NULL, err);
    }
    nj_encoder_free(&encoder);
    return status;
}

// Vectors become the means of their rows; one without rows stays.
static void move_to_means(float *vectors, size_t K, size_t D, const float *rows, size_t N,
                          const uint16_t *codes)
{
    for (size_t k = 0; k < K; k++) {
        double sums[DIM_MAX] = {0};
        size_t count = 0;
        for (size_t i = 0; i < N; i++) {
            for (size_t d = 0; codes[i] == k && d < D; d++) {
                sums[d] += (double)rows[i * D + d];
            }
            count += codes[i] == k;
        }
        for (size_t d = 0; count > 0 && d < D; d++) {
            vectors[k * D + d] = (float)(sums[d] / (double)count);
        }
    }
}

// Learns one level from what the levels before have left of the sample, and takes it off.
static nj_status learn_level(measurement *m, uint32_t level, float *rows, size_t N, uint16_t *codes,
                             nj_error *err)
{
    const size_t K = m->codebooks.K[level];
    const size_t D = m->codebooks.D;
    float *vectors = m->vectors + level * K * D;
    for (size_t k = 0; k < K; k++) {
        memcpy(vectors + k * D, rows + k * (N / K) * D, D * sizeof *vectors);
    }
    nj_status status = NJ_OK;
    for (int step = 0; step <= LLOYD_STEPS && status == NJ_OK; step++) {
        status = encode_level(m, level, rows, N, codes, err);
        if (status == NJ_OK && step < LLOYD_STEPS) {
            move_to_means(vectors, K, D, rows, N, codes);
        }
    }
    for (size_t i = 0; i < N * D && status == NJ_OK; i++) {
        rows[i] -= vectors[codes[i / D] * D + i % D];
    }
    return status;
}

static nj_status learn_codebooks(measurement *m, uint32_t items, nj_error *err)
{
    const bench_options *options = m->options;
    const size_t D = (size_t)options->dim;
    const size_t K = (size_t)options->codes;
    const size_t N = K * SAMPLE_A_CODE;
    float *rows = malloc(N * D * sizeof *rows);
    uint16_t *codes = malloc(N * sizeof *codes);
    m->vectors = malloc(options->levels * K * D * sizeof *m->vectors);
    nj_status status = NJ_OK;
    if (rows == NULL || codes == NULL || m->vectors == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory for a sample of %zu items", N);
        goto done;
    }
    m->codebooks = (nj_codebooks){.level_count = (uint32_t)options->levels, .D = D};
    for (size_t i = 0; i < N; i++) {
        make_item(options, i * items / N, rows + i * D);
    }
    for (uint32_t l = 0; l < options->levels && status == NJ_OK; l++) {
        m->codebooks.K[l] = (uint32_t)K;
        m->codebooks.vectors[l] = m->vectors + l * K * D;
        status = learn_level(m, l, rows, N, codes, err);
    }
done:
    free(rows);
    free(codes);
    return status;
}

// ---- one size ----

static nj_status encode_items(measurement *m, uint32_t items, size_t columns, nj_error *err)
{
    const size_t D = m->codebooks.D;
    float *rows = malloc(BLOCK_ITEMS * D * sizeof *rows);
    nj_encoder *encoder = NULL;
    nj_quant_error error = {0};
    nj_status status =
        rows != NULL ? nj_encoder_new(&m->codebooks, NULL, &m->options->encoder, &encoder, err)
                     : nj_fail(err, NJ_NO_MEMORY, "no memory for a block of items");
    for (size_t first = 0; first < items && status == NJ_OK; first += BLOCK_ITEMS) {
        const size_t count = nj_min_size(BLOCK_ITEMS, items - first);
        for (size_t i = 0; i < count; i++) {
            make_item(m->options, first + i, rows + i * D);
        }
        status = nj_encoder_encode(encoder, rows, count, m->codes + first * columns, columns,
                                   &error, err);
    }
    m->squared_error = error.squared_sum[m->options->levels - 1];
    nj_encoder_free(&encoder);
    free(rows);
    return status;
}

static uint64_t count_seconds(double *out, uint64_t begun_ns)
{
    const uint64_t now_ns = nj_clock_mono_ns();
    *out = (double)(now_ns - begun_ns) / 1e9;
    return now_ns;
}

static nj_status resolve(measurement *m, uint32_t items, uint32_t *out_sharing, nj_error *err)
{
    const uint32_t L = m->codebooks.level_count;
    bench_options options = *m->options;
    nj_collision_watch watch;
    nj_collision_work work = {.options = &options.collisions,
                              .what = "items",
                              .codes = m->codes,
                              .row_count = items,
                              .level_count = L,
                              .codebooks = &m->codebooks,
                              .rows = {&options, read_item},
                              .progress = nj_collision_watch_begin(&watch)};
    memcpy(work.K, m->codebooks.K, sizeof work.K);
    nj_status status = nj_collisions_resolve(&work, &m->outcome, err);
    nj_collision_watch_finish(&watch);
    if (status == NJ_OK && options.collisions.policy != NJ_COLLISIONS_SUFFIX) { // who shares now?
        const nj_collision_options leaves = {.policy = NJ_COLLISIONS_LEAVES};
        nj_collision_outcome after;
        work.options = &leaves;
        status = nj_collisions_resolve(&work, &after, err);
        *out_sharing = status == NJ_OK ? after.colliding_count : 0;
    }
    return status;
}

static json_t *describe(const measurement *m, uint32_t items, uint32_t sharing)
{
    const bench_options *options = m->options;
    const nj_collision_outcome *outcome = &m->outcome;
    struct rusage usage = {0};
    getrusage(RUSAGE_SELF, &usage);
    return json_pack(
        "{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:f}",
        "policy", nj_collisions_name(options->collisions.policy), "items", (json_int_t)items, "dim",
        (json_int_t)options->dim, "levels", (json_int_t)options->levels, "codes",
        (json_int_t)options->codes, "spread_percent", (json_int_t)options->spread_percent,
        "items_colliding", (json_int_t)outcome->colliding_count, "largest_collision",
        (json_int_t)outcome->largest_count, "items_moved", (json_int_t)outcome->moved_count,
        "items_moved_prefix", (json_int_t)outcome->moved_prefix_count, "suffix_codes",
        (json_int_t)outcome->suffix_codes, "unique", 1.0 - (double)sharing / items, "extra_error",
        outcome->extra_error / m->squared_error, "encode_s", m->encode_s, "resolve_s", m->resolve_s,
        "peak_rss_mb", (double)usage.ru_maxrss / 1024);
}

static nj_status run_size(const bench_options *options, uint32_t items, nj_bench_report *report,
                          nj_error *err)
{
    measurement m = {.options = options};
    const size_t columns =
        options->levels + (options->collisions.policy == NJ_COLLISIONS_SUFFIX ? 1 : 0);
    uint32_t sharing = 0;
    uint64_t begun_ns = 0;
    nj_status status = learn_codebooks(&m, items, err);
    if (status == NJ_OK) {
        m.codes = malloc(items * columns * sizeof *m.codes);
        begun_ns = nj_clock_mono_ns();
        status = m.codes != NULL ? encode_items(&m, items, columns, err)
                                 : nj_fail(err, NJ_NO_MEMORY, "no memory for %u items", items);
    }
    if (status == NJ_OK) {
        begun_ns = count_seconds(&m.encode_s, begun_ns);
        status = resolve(&m, items, &sharing, err);
    }
    if (status == NJ_OK) {
        count_seconds(&m.resolve_s, begun_ns);
        json_t *row = describe(&m, items, sharing);
        status = nj_bench_report_add_take(report, "collisions", &row, err);
    }
    free(m.vectors);
    free(m.codes);
    return status;
}

static nj_status options_from(const nj_arguments *arguments, bench_options *out, nj_error *err)
{
    const nj_uint_option NUMBERS[] = {
        NJ_UINT("dim", 1, DIM_MAX, &out->dim),
        NJ_UINT("levels", 1, NJ_QUANT_LEVELS_MAX - 1, &out->levels),
        NJ_UINT("codes", NJ_CODES_MIN, 4096, &out->codes),
        NJ_UINT("spread", 0, 1000, &out->spread_percent),
    };
    nj_status status = nj_numbers_from(arguments, "items", 1, ITEMS_MAX, SIZES_MAX, out->items,
                                       &out->size_count, err);
    if (status == NJ_OK) {
        status = nj_argument_uints(arguments, NUMBERS, sizeof NUMBERS / sizeof NUMBERS[0], err);
    }
    if (status == NJ_OK) {
        status = nj_kernels_select("auto", &out->encoder.kernels, err);
    }
    return status == NJ_OK ? nj_collision_options_from(arguments, &out->collisions, err) : status;
}

nj_status nj_command_bench_collisions(const nj_arguments *arguments, nj_error *err)
{
    bench_options options = {0};
    nj_bench_report report;
    nj_status status = nj_bench_report_open(arguments, &report, err);
    if (status == NJ_OK) {
        status = options_from(arguments, &options, err);
    }
    for (size_t i = 0; i < options.size_count && status == NJ_OK; i++) {
        status = run_size(&options, options.items[i], &report, err);
    }
    return nj_bench_report_close(&report, status, err);
}
