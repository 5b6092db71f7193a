// bench_trie.c - `nightjar bench trie`: building the trie of a catalogue, its size, and what one look at a node's children costs.
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/sid/trie_build.h"
#include "ops/cli/bench_report.h"
#include "ops/cli/bench_watch.h"
#include "ops/cli/commands.h"
#include "ops/cli/numbers.h"

#define SIZES_MAX 16
#define ITEMS_MAX 200000000u
#define ROUNDS_MAX 100
#define LOOKS 1000000 // a round

typedef struct {
    uint32_t items[SIZES_MAX];
    uint32_t size_count;
    uint64_t levels, codes, rounds;
} bench_options;

typedef struct {
    double build_s[ROUNDS_MAX];
    double check_s[ROUNDS_MAX];
    double ns_top[ROUNDS_MAX];
    double ns_deep[ROUNDS_MAX];
    size_t bytes;
    nj_bench_watch watch;
} measurement;

static nj_status options_from(const nj_arguments *arguments, bench_options *out, nj_error *err)
{
    nj_status status = nj_numbers_from(arguments, "items", 1, ITEMS_MAX, SIZES_MAX, out->items,
                                       &out->size_count, err);
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "levels", 1, NJ_LEVELS_MAX, &out->levels, err);
    }
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "codes", NJ_CODES_MIN, NJ_CODES_MAX, &out->codes, err);
    }
    return status == NJ_OK ? nj_argument_uint(arguments, "rounds", 1, ROUNDS_MAX, &out->rounds, err)
                           : status;
}

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static uint16_t *make_codes(const bench_options *options, uint32_t items)
{
    const size_t count = (size_t)items * options->levels;
    uint16_t *codes = malloc(count * sizeof *codes);
    uint64_t state = 1;
    for (size_t i = 0; codes != NULL && i < count; i++) {
        codes[i] = (uint16_t)(next_random(&state) % options->codes);
    }
    return codes;
}

// Nanoseconds a look at the children of random nodes of one level: their count and their first code, on which the next node depends, so
// that no two looks overlap.
static double time_looks(const nj_trie *trie, uint32_t level)
{
    static uint16_t scratch[NJ_CODES_MAX];
    uint64_t state = 1;
    uint64_t begun_ns = nj_clock_mono_ns();
    for (size_t i = 0; i < LOOKS; i++) {
        const uint32_t node = (uint32_t)(next_random(&state) * trie->node_count[level] >> 31);
        const nj_trie_children_span children = nj_trie_children(trie, level, node, scratch);
        state += children.codes[0] + children.count;
    }
    volatile uint64_t sink = state;
    (void)sink;
    return (double)(nj_clock_mono_ns() - begun_ns) / LOOKS;
}

static nj_status run_round(const nj_sids *sids, measurement *m, size_t r, nj_error *err)
{
    nj_buffer bytes;
    nj_trie trie;
    nj_buffer_init(&bytes, SIZE_MAX);
    uint64_t begun_ns = nj_clock_mono_ns();
    nj_status status = nj_trie_build(sids, &bytes, err);
    m->build_s[r] = (double)(nj_clock_mono_ns() - begun_ns) / 1e9;
    begun_ns = nj_clock_mono_ns();
    if (status == NJ_OK) {
        status = nj_trie_open(bytes.bytes, bytes.size, sids->row_count, &trie, err);
    }
    m->check_s[r] = (double)(nj_clock_mono_ns() - begun_ns) / 1e9;
    if (status == NJ_OK) {
        m->ns_top[r] = time_looks(&trie, 0);
        m->ns_deep[r] = time_looks(&trie, trie.level_count - 1);
    }
    m->bytes = bytes.size;
    nj_buffer_fini(&bytes);
    return status;
}

static json_t *describe(const bench_options *options, uint32_t items, measurement *m)
{
    const size_t rounds = (size_t)options->rounds;
    json_t *row =
        json_pack("{s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:I, s:f}", "items", (json_int_t)items,
                  "levels", (json_int_t)options->levels, "codes", (json_int_t)options->codes,
                  "build_s", nj_bench_median(m->build_s, rounds), "check_s",
                  nj_bench_median(m->check_s, rounds), "bytes_per_item", (double)m->bytes / items,
                  "ns_per_children_top", nj_bench_median(m->ns_top, rounds), "ns_per_children_deep",
                  nj_bench_median(m->ns_deep, rounds), "rounds", (json_int_t)rounds, "spread",
                  nj_bench_spread(m->build_s, rounds));
    if (row != NULL) {
        nj_bench_watch_tell(&m->watch, row);
    }
    return row;
}

static nj_status run_size(const bench_options *options, uint32_t items, nj_bench_report *report,
                          nj_error *err)
{
    static measurement m;
    nj_bench_round watched;
    uint16_t *codes = make_codes(options, items);
    nj_sids sids = {.codes = codes, .row_count = items, .level_count = (uint32_t)options->levels};
    for (uint32_t l = 0; l < sids.level_count; l++) {
        sids.codes_per_level[l] = (uint32_t)options->codes;
    }
    nj_bench_watch_begin(&m.watch, true, NJ_BENCH_PROBE_SECONDS);
    nj_status status =
        codes != NULL ? NJ_OK : nj_fail(err, NJ_NO_MEMORY, "no memory for %u items", items);
    for (size_t r = 0; r < options->rounds && status == NJ_OK; r++) {
        nj_bench_round_begin(&m.watch);
        status = run_round(&sids, &m, r, err);
        nj_bench_round_end(&m.watch, &watched);
    }
    free(codes);
    if (status == NJ_OK) {
        json_t *row = describe(options, items, &m);
        status = nj_bench_report_add_take(report, "trie", &row, err);
    }
    return status;
}

nj_status nj_command_bench_trie(const nj_arguments *arguments, nj_error *err)
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
