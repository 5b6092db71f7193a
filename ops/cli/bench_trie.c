// bench_trie.c - `nightjar bench trie`: building the trie of a catalogue, its size, and what one look at a node's children costs, beside
// the same SIDs as a sorted array and as nodes with pointers.
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/sid/trie_build.h"
#include "ops/cli/bench_report.h"
#include "ops/cli/bench_trie_items.h"
#include "ops/cli/bench_trie_peers.h"
#include "ops/cli/bench_watch.h"
#include "ops/cli/commands.h"
#include "ops/cli/numbers.h"

#define SIZES_MAX 16
#define ITEMS_MAX 200000000u
#define ROUNDS_MAX 100
#define THREADS_MAX 64
// The levels that any search looks at; the others are "deep".
#define TOP_LEVELS 2

typedef enum { LAYOUT_TRIE, LAYOUT_ARRAY, LAYOUT_POINTERS, LAYOUT_COUNT } bench_layout;

static const char *const LAYOUTS[LAYOUT_COUNT] = {"trie", "array", "pointers"};

typedef struct {
    uint32_t items[SIZES_MAX];
    uint32_t size_count;
    uint64_t levels, codes, rounds, threads;
    const char *shape;
    bool layouts[LAYOUT_COUNT];
} bench_options;

typedef struct {
    double build_s[ROUNDS_MAX];
    double build_core_s[ROUNDS_MAX];
    double build_random_s[ROUNDS_MAX];
    double check_s[ROUNDS_MAX];
    double ns_top[ROUNDS_MAX];
    double ns_deep[ROUNDS_MAX];
    double ns_top_chained[ROUNDS_MAX];
    double ns_deep_chained[ROUNDS_MAX];
    size_t bytes;
    uint32_t leaf_count;
    nj_bench_watch watch;
} measurement;

// What one round has built, of one layout.
typedef struct {
    bench_layout layout;
    const nj_bench_items *items;
    nj_trie trie;
    nj_bench_array array;
    nj_bench_pointers pointers;
} built;

// ---- options ----

static nj_status layouts_from(const char *list, bool out[LAYOUT_COUNT], nj_error *err)
{
    for (const char *word = list; word != NULL;) {
        const size_t size = strcspn(word, ",");
        bool found = false;
        for (size_t i = 0; i < LAYOUT_COUNT; i++) {
            if (strlen(LAYOUTS[i]) == size && memcmp(LAYOUTS[i], word, size) == 0) {
                out[i] = found = true;
            }
        }
        if (!found) {
            return nj_fail(err, NJ_USAGE, "--layouts is \"%s\", must be of trie, array, pointers",
                           list);
        }
        word = word[size] == ',' ? word + size + 1 : NULL;
    }
    return NJ_OK;
}

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
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "threads", 1, THREADS_MAX, &out->threads, err);
    }
    if (status == NJ_OK) {
        status = layouts_from(nj_argument(arguments, "layouts"), out->layouts, err);
    }
    out->shape = nj_argument(arguments, "shape");
    if (status == NJ_OK && strcmp(out->shape, "uniform") != 0 &&
        strcmp(out->shape, "clustered") != 0) {
        return nj_fail(err, NJ_USAGE, "--shape is \"%s\", must be uniform or clustered",
                       out->shape);
    }
    return status == NJ_OK ? nj_argument_uint(arguments, "rounds", 1, ROUNDS_MAX, &out->rounds, err)
                           : status;
}

// ---- looks ----

// Lists the children of look number i, whose place is moved by `moved`, which is 0. Returns what depends on all that was read.
static uint32_t look(const built *b, uint32_t level, size_t i, uint32_t moved)
{
    static uint16_t scratch[NJ_CODES_MAX];
    const uint16_t *codes = scratch;
    uint32_t count = 0;
    switch (b->layout) {
    case LAYOUT_TRIE: {
        const nj_trie_children_span span =
            nj_trie_children(&b->trie, level, b->items->nodes[level][i] + moved, scratch);
        codes = span.codes;
        count = span.count;
        break;
    }
    case LAYOUT_ARRAY:
        count = nj_bench_array_children(
            &b->array, level, b->items->prefixes[level] + i * b->array.level_count + moved,
            scratch);
        break;
    case LAYOUT_POINTERS:
        count = nj_bench_node_children(b->pointers.levels[level][b->items->nodes[level][i] + moved],
                                       scratch);
        break;
    case LAYOUT_COUNT:
        break;
    }
    return codes[0] + (uint32_t)codes[count - 1] + count;
}

static double nanoseconds_a_look(uint64_t begun_ns)
{
    return (double)(nj_clock_process_ns() - begun_ns) / NJ_BENCH_LOOKS;
}

// Looks as a search takes them: the nodes of a step are known together, so waits for memory overlap.
static double time_steps(const built *b, uint32_t level)
{
    uint32_t sum = 0;
    const uint64_t begun_ns = nj_clock_process_ns();
    for (size_t i = 0; i < NJ_BENCH_LOOKS; i += NJ_BENCH_LOOKS_A_STEP) {
        for (size_t k = i; k < i + NJ_BENCH_LOOKS_A_STEP && b->layout == LAYOUT_TRIE; k++) {
            nj_trie_prefetch(&b->trie, level, b->items->nodes[level][k]);
        }
        for (size_t k = i; k < i + NJ_BENCH_LOOKS_A_STEP; k++) {
            sum += look(b, level, k, 0);
        }
    }
    volatile uint32_t sink = sum;
    (void)sink;
    return nanoseconds_a_look(begun_ns);
}

// Looks of which each waits for the codes of the one before: a sum of two codes and a count stays below 2^18, which the compiler does not
// know.
static double time_chain(const built *b, uint32_t level)
{
    uint32_t last = 0;
    const uint64_t begun_ns = nj_clock_process_ns();
    for (size_t i = 0; i < NJ_BENCH_LOOKS; i++) {
        last = look(b, level, i, last >> 18);
    }
    volatile uint32_t sink = last;
    (void)sink;
    return nanoseconds_a_look(begun_ns);
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

// The slowest level counts.
static void time_levels(const built *b, measurement *m, size_t r)
{
    const uint32_t L = b->items->sorted.level_count;
    for (uint32_t l = 0; l < L; l++) {
        const double ns = time_steps(b, l);
        const double chained = time_chain(b, l);
        if (l < TOP_LEVELS) {
            m->ns_top[r] = larger(m->ns_top[r], ns);
            m->ns_top_chained[r] = larger(m->ns_top_chained[r], chained);
        }
        if (l >= TOP_LEVELS || l + 1 == L) {
            m->ns_deep[r] = larger(m->ns_deep[r], ns);
            m->ns_deep_chained[r] = larger(m->ns_deep_chained[r], chained);
        }
    }
}

// ---- rounds ----

static double seconds_since(uint64_t begun_ns)
{
    return (double)(nj_clock_mono_ns() - begun_ns) / 1e9;
}

static nj_status run_trie(const nj_bench_items *items, uint32_t threads, measurement *m, size_t r,
                          nj_error *err)
{
    built b = {.layout = LAYOUT_TRIE, .items = items};
    nj_buffer bytes;
    nj_buffer_init(&bytes, SIZE_MAX);
    uint64_t begun_ns = nj_clock_mono_ns();
    nj_status status = nj_trie_build_on(&items->random, threads, &bytes, err);
    m->build_random_s[r] = seconds_since(begun_ns);
    nj_buffer_fini(&bytes);
    nj_buffer_init(&bytes, SIZE_MAX);
    begun_ns = nj_clock_mono_ns();
    const uint64_t begun_core_ns = nj_clock_process_ns();
    if (status == NJ_OK) {
        status = nj_trie_build_on(&items->sorted, threads, &bytes, err);
    }
    m->build_s[r] = seconds_since(begun_ns);
    m->build_core_s[r] = (double)(nj_clock_process_ns() - begun_core_ns) / 1e9;
    begun_ns = nj_clock_mono_ns();
    if (status == NJ_OK) {
        status = nj_trie_open(bytes.bytes, bytes.size, items->sorted.row_count, &b.trie, err);
    }
    m->check_s[r] = seconds_since(begun_ns);
    m->bytes = bytes.size;
    if (status == NJ_OK) {
        m->leaf_count = nj_trie_width(&b.trie);
        time_levels(&b, m, r);
    }
    nj_buffer_fini(&bytes);
    return status;
}

static nj_status run_peer(bench_layout layout, const nj_bench_items *items, measurement *m,
                          size_t r, nj_error *err)
{
    built b = {.layout = layout, .items = items};
    const uint64_t begun_ns = nj_clock_mono_ns();
    const uint64_t begun_core_ns = nj_clock_process_ns();
    nj_status status = layout == LAYOUT_ARRAY
                           ? nj_bench_array_init(&items->sorted, &b.array, err)
                           : nj_bench_pointers_init(&items->sorted, &b.pointers, err);
    m->build_s[r] = seconds_since(begun_ns);
    m->build_core_s[r] = (double)(nj_clock_process_ns() - begun_core_ns) / 1e9;
    m->bytes = b.array.bytes + b.pointers.bytes;
    if (status == NJ_OK) {
        time_levels(&b, m, r);
    }
    nj_bench_array_fini(&b.array);
    nj_bench_pointers_fini(&b.pointers);
    return status;
}

static json_t *describe(const bench_options *options, bench_layout layout, uint32_t items,
                        measurement *m)
{
    const size_t rounds = (size_t)options->rounds;
    json_t *row = json_pack(
        "{s:I, s:I, s:I, s:s, s:s, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:f}", "items",
        (json_int_t)items, "levels", (json_int_t)options->levels, "codes",
        (json_int_t)options->codes, "shape", options->shape, "layout", LAYOUTS[layout], "threads",
        (json_int_t)options->threads, "build_s", nj_bench_median(m->build_s, rounds),
        "build_core_s", nj_bench_median(m->build_core_s, rounds), "bytes_per_item",
        (double)m->bytes / items, "ns_per_children_top", nj_bench_median(m->ns_top, rounds),
        "ns_per_children_deep", nj_bench_median(m->ns_deep, rounds), "ns_per_children_top_chained",
        nj_bench_median(m->ns_top_chained, rounds), "ns_per_children_deep_chained",
        nj_bench_median(m->ns_deep_chained, rounds), "rounds", (json_int_t)rounds, "spread",
        nj_bench_spread(m->build_s, rounds));
    if (row != NULL && layout == LAYOUT_TRIE) {
        json_object_set_new(row, "build_random_s",
                            json_real(nj_bench_median(m->build_random_s, rounds)));
        json_object_set_new(row, "check_s", json_real(nj_bench_median(m->check_s, rounds)));
        json_object_set_new(row, "leaves", json_integer(m->leaf_count));
    }
    if (row != NULL) {
        nj_bench_watch_tell(&m->watch, row);
    }
    return row;
}

static nj_status run_layout(const bench_options *options, bench_layout layout,
                            const nj_bench_items *items, nj_bench_report *report, nj_error *err)
{
    static measurement m;
    nj_bench_round watched;
    nj_status status = NJ_OK;
    m = (measurement){0};
    nj_bench_watch_begin(&m.watch, options->threads == 1, NJ_BENCH_PROBE_SECONDS);
    for (size_t r = 0; r < options->rounds && status == NJ_OK; r++) {
        nj_bench_round_begin(&m.watch);
        status = layout == LAYOUT_TRIE ? run_trie(items, (uint32_t)options->threads, &m, r, err)
                                       : run_peer(layout, items, &m, r, err);
        nj_bench_round_end(&m.watch, &watched);
    }
    if (status == NJ_OK) {
        json_t *row = describe(options, layout, items->sorted.row_count, &m);
        status = nj_bench_report_add_take(report, "trie", &row, err);
    }
    return status;
}

static nj_status run_size(const bench_options *options, uint32_t item_count,
                          nj_bench_report *report, nj_error *err)
{
    nj_bench_items items;
    nj_status status =
        nj_bench_items_init(item_count, (uint32_t)options->levels, (uint32_t)options->codes,
                            strcmp(options->shape, "clustered") == 0, &items, err);
    for (size_t i = 0; i < LAYOUT_COUNT && status == NJ_OK; i++) {
        if (options->layouts[i]) {
            status = run_layout(options, (bench_layout)i, &items, report, err);
        }
    }
    nj_bench_items_fini(&items);
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
