// bench_quantizer.c - `nightjar bench quantizer`: embeddings that get their codes, items a second and share of the FMA peak.
//
// The work counted is the products alone, 2 * L * K * D flops an item. Embeddings and codebooks are random, and as such have no
// structure that would make codes easier or harder to tell apart than usual.
#include <stdlib.h>
#include <string.h>

#include "common/quant/encoder.h"
#include "ops/cli/bench_report.h"
#include "ops/cli/bench_watch.h"
#include "ops/cli/commands.h"
#include "ops/cli/numbers.h"

#define DIMS_MAX 16
#define ITEMS_MAX 100000000
#define ROUNDS_MAX 100
#define FLOATS_MAX ((uint64_t)1 << 34)
#define LEVEL_SHRINKS 0.6f // what a level leaves of an embedding's length, about

typedef struct {
    uint32_t dims[DIMS_MAX];
    uint32_t dim_count;
    uint64_t items, levels, codes, beam, rounds;
    const nj_kernels *kernels; // NULL: the encoder's choice
    const char *kernels_name;
} bench_options;

typedef struct {
    nj_codebooks codebooks;
    float *vectors;    // [L, K, D]
    float *embeddings; // [items, D]
    uint16_t *codes;   // [items, L]
    nj_bench_round rounds[ROUNDS_MAX];
    double items_per_s[ROUNDS_MAX];
    double shares[ROUNDS_MAX];
    nj_bench_watch watch;
} measurement;

static nj_status options_from(const nj_arguments *arguments, bench_options *out, nj_error *err)
{
    const nj_uint_option NUMBERS[] = {
        NJ_UINT("items", 1, ITEMS_MAX, &out->items),
        NJ_UINT("levels", 1, NJ_QUANT_LEVELS_MAX, &out->levels),
        NJ_UINT("codes", 1, NJ_QUANT_CODES_MAX, &out->codes),
        NJ_UINT("beam", 1, NJ_QUANT_BEAM_MAX, &out->beam),
        NJ_UINT("rounds", 1, ROUNDS_MAX, &out->rounds),
    };
    nj_status status = nj_numbers_from(arguments, "dims", 1, NJ_QUANT_DIMS_MAX, DIMS_MAX, out->dims,
                                       &out->dim_count, err);
    if (status == NJ_OK) {
        status = nj_argument_uints(arguments, NUMBERS, sizeof NUMBERS / sizeof NUMBERS[0], err);
    }
    for (size_t i = 0; i < out->dim_count && status == NJ_OK; i++) {
        if ((out->items + out->levels * out->codes) * out->dims[i] > FLOATS_MAX) {
            status = nj_fail(err, NJ_USAGE, "--items %zu of --dims %u are too many numbers",
                             (size_t)out->items, out->dims[i]);
        }
    }
    const char *kernels = nj_argument(arguments, "kernels");
    out->kernels_name = kernels;
    const bool is_auto = strcmp(kernels, "auto") == 0;
    if (status == NJ_OK && !is_auto) {
        status = nj_kernels_select(kernels, &out->kernels, err);
    }
    return status;
}

static float *make_floats(size_t count, uint64_t seed)
{
    float *floats = malloc(count * sizeof *floats);
    for (size_t i = 0; floats != NULL && i < count; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        floats[i] = (float)(seed >> 40) / (float)(1 << 23) - 1.0f;
    }
    return floats;
}

static nj_status make_data(const bench_options *options, uint32_t D, measurement *m, nj_error *err)
{
    const size_t book = (size_t)options->codes * D;
    m->vectors = make_floats(options->levels * book, 1);
    m->embeddings = make_floats(options->items * D, 2);
    m->codes = calloc(options->items * options->levels, sizeof *m->codes);
    if (m->vectors == NULL || m->embeddings == NULL || m->codes == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for %zu embeddings of %u numbers",
                       (size_t)options->items, D);
    }
    m->codebooks = (nj_codebooks){.level_count = (uint32_t)options->levels, .D = D};
    float length = 1.0f;
    for (uint32_t l = 0; l < options->levels; l++, length *= LEVEL_SHRINKS) {
        float *vectors = m->vectors + l * book;
        for (size_t i = 0; i < book; i++) {
            vectors[i] *= length;
        }
        m->codebooks.vectors[l] = vectors;
        m->codebooks.K[l] = (uint32_t)options->codes;
    }
    return NJ_OK;
}

static json_t *describe(const bench_options *options, uint32_t D, measurement *m)
{
    const size_t rounds = (size_t)options->rounds;
    const double flops = 2.0 * (double)options->levels * (double)options->codes * D;
    double peaks[ROUNDS_MAX];
    for (size_t r = 0; r < rounds; r++) {
        peaks[r] = m->rounds[r].peak_gflops;
        m->items_per_s[r] = (double)options->items / m->rounds[r].seconds;
        m->shares[r] = m->items_per_s[r] * flops / 1e9 / peaks[r];
    }
    const double items_per_s = nj_bench_median(m->items_per_s, rounds);
    json_t *row = json_pack(
        "{s:I, s:I, s:I, s:I, s:s, s:I, s:f, s:f, s:f, s:f, s:I, s:f}", "dim", (json_int_t)D,
        "levels", (json_int_t)options->levels, "codes", (json_int_t)options->codes, "beam",
        (json_int_t)options->beam, "kernels", options->kernels_name, "items",
        (json_int_t)options->items, "items_per_s", items_per_s, "gflops", items_per_s * flops / 1e9,
        "peak_gflops", nj_bench_median(peaks, rounds), "share", nj_bench_median(m->shares, rounds),
        "rounds", (json_int_t)rounds, "spread", nj_bench_spread(m->items_per_s, rounds));
    if (row != NULL) {
        nj_bench_watch_tell(&m->watch, row);
    }
    return row;
}

static nj_status run_dim(const bench_options *options, uint32_t D, nj_bench_report *report,
                         nj_error *err)
{
    static measurement m;
    nj_encoder *encoder = NULL;
    nj_encoder_options encode = {.kernels = options->kernels, .beam = (uint32_t)options->beam};
    nj_status status = make_data(options, D, &m, err);
    if (status == NJ_OK) {
        status = nj_encoder_new(&m.codebooks, NULL, &encode, &encoder, err);
    }
    if (status == NJ_OK) {
        nj_bench_watch_begin(&m.watch, true, NJ_BENCH_PROBE_SECONDS);
    }
    for (size_t r = 0; r < options->rounds && status == NJ_OK; r++) {
        nj_bench_round_begin(&m.watch);
        status = nj_encoder_encode(encoder, m.embeddings, (size_t)options->items, m.codes,
                                   (size_t)options->levels, NULL, err);
        nj_bench_round_end(&m.watch, &m.rounds[r]);
    }
    if (status == NJ_OK) {
        json_t *row = describe(options, D, &m);
        status = nj_bench_report_add_take(report, "quantizer", &row, err);
    }
    nj_encoder_free(&encoder);
    free(m.vectors);
    free(m.embeddings);
    free(m.codes);
    return status;
}

nj_status nj_command_bench_quantizer(const nj_arguments *arguments, nj_error *err)
{
    bench_options options = {0};
    nj_bench_report report;
    nj_status status = nj_bench_report_open(arguments, &report, err);
    if (status == NJ_OK) {
        status = options_from(arguments, &options, err);
    }
    for (size_t i = 0; i < options.dim_count && status == NJ_OK; i++) {
        status = run_dim(&options, options.dims[i], &report, err);
    }
    return nj_bench_report_close(&report, status, err);
}
