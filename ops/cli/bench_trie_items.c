#include "ops/cli/bench_trie_items.h"

#include <stdlib.h>

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    return z ^ (z >> 31);
}

// A rank of 0..K-1: the square of an even draw, so that half of all items have the first quarter of the codes.
static uint32_t skewed_rank(uint64_t *state, uint32_t K)
{
    const uint64_t draw = next_random(state); // 31 bits
    return (uint32_t)(((draw * draw) >> 31) * K >> 31);
}

static void fill_uniform(uint32_t K, size_t count, uint16_t *codes)
{
    uint64_t state = 1;
    for (size_t i = 0; i < count; i++) {
        codes[i] = (uint16_t)(next_random(&state) % K);
    }
}

// Which code has which rank differs from prefix to prefix. The last code is set later.
static void fill_clustered(uint32_t K, uint32_t N, uint32_t L, uint16_t *codes)
{
    uint64_t state = 1;
    for (uint32_t row = 0; row < N; row++, codes += L) {
        uint64_t prefix = 0;
        for (uint32_t l = 0; l + 1 < L; l++) {
            codes[l] = (uint16_t)((skewed_rank(&state, K) + prefix % K) % K);
            prefix = mix(prefix + codes[l] + 1);
        }
        codes[L - 1] = 0;
    }
}

static nj_status open_trie(const nj_sids *sids, nj_buffer *bytes, nj_trie *out, nj_error *err)
{
    nj_buffer_init(bytes, SIZE_MAX);
    nj_status status = nj_trie_build(sids, bytes, err);
    return status == NJ_OK ? nj_trie_open(bytes->bytes, bytes->size, sids->row_count, out, err)
                           : status;
}

// The last code of all is 0 as yet, so a leaf holds the items that share a prefix.
static nj_status count_collisions(const nj_sids *sids, uint16_t *codes, nj_error *err)
{
    const uint32_t L = sids->level_count;
    const uint32_t K = sids->codes_per_level[L - 1];
    nj_buffer bytes;
    nj_trie trie;
    nj_status status = open_trie(sids, &bytes, &trie, err);
    for (uint32_t leaf = 0; status == NJ_OK && leaf < nj_trie_width(&trie); leaf++) {
        uint32_t count;
        const uint32_t *rows = nj_trie_leaf_items(&trie, leaf, &count);
        for (uint32_t i = 0; i < count; i++) {
            codes[(size_t)rows[i] * L + L - 1] = (uint16_t)(i % K);
        }
    }
    nj_buffer_fini(&bytes);
    return status;
}

static void list_ordered(const nj_trie *trie, uint16_t *codes)
{
    const uint32_t L = trie->level_count;
    nj_trie_walk walk;
    nj_trie_walk_begin(trie, &walk);
    do {
        const nj_trie_range range = nj_trie_leaf_range(trie, walk.node[L]);
        for (uint32_t i = range.first; i < range.end; i++, codes += L) {
            memcpy(codes, walk.codes, L * sizeof *codes);
        }
    } while (nj_trie_walk_next(&walk));
}

static void draw_looks(const nj_trie *trie, uint32_t level, uint32_t *nodes, uint16_t *prefixes)
{
    uint64_t state = level + 1;
    for (uint32_t i = 0; i < NJ_BENCH_LOOKS; i++, prefixes += trie->level_count) {
        nodes[i] = (uint32_t)(next_random(&state) * trie->node_count[level] >> 31);
        nj_trie_leaf_codes(trie, nj_trie_node_range(trie, level, nodes[i]).first, prefixes);
    }
}

static nj_status order_items(nj_bench_items *items, nj_error *err)
{
    nj_buffer bytes;
    nj_trie trie;
    nj_status status = open_trie(&items->random, &bytes, &trie, err);
    if (status == NJ_OK) {
        list_ordered(&trie, items->ordered);
    }
    for (uint32_t l = 0; status == NJ_OK && l < trie.level_count; l++) {
        draw_looks(&trie, l, items->nodes[l], items->prefixes[l]);
    }
    nj_buffer_fini(&bytes);
    return status;
}

static bool take_memory(nj_bench_items *items, size_t code_count, uint32_t L)
{
    items->codes = malloc(code_count * sizeof *items->codes);
    items->ordered = malloc(code_count * sizeof *items->ordered);
    bool taken = items->codes != NULL && items->ordered != NULL;
    for (uint32_t l = 0; l < L; l++) {
        items->nodes[l] = malloc(NJ_BENCH_LOOKS * sizeof *items->nodes[l]);
        items->prefixes[l] = malloc((size_t)NJ_BENCH_LOOKS * L * sizeof *items->prefixes[l]);
        taken = taken && items->nodes[l] != NULL && items->prefixes[l] != NULL;
    }
    return taken;
}

nj_status nj_bench_items_init(uint32_t N, uint32_t L, uint32_t K, bool clustered,
                              nj_bench_items *out, nj_error *err)
{
    *out = (nj_bench_items){0};
    if (!take_memory(out, (size_t)N * L, L)) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for %u items", N);
    }
    out->random = (nj_sids){.codes = out->codes, .row_count = N, .level_count = L};
    for (uint32_t l = 0; l < L; l++) {
        out->random.codes_per_level[l] = K;
    }
    out->sorted = out->random;
    out->sorted.codes = out->ordered;
    nj_status status = NJ_OK;
    if (clustered) {
        fill_clustered(K, N, L, out->codes);
        status = count_collisions(&out->random, out->codes, err);
    } else {
        fill_uniform(K, (size_t)N * L, out->codes);
    }
    return status == NJ_OK ? order_items(out, err) : status;
}

void nj_bench_items_fini(nj_bench_items *items)
{
    free(items->codes);
    free(items->ordered);
    for (uint32_t l = 0; l < NJ_LEVELS_MAX; l++) {
        free(items->nodes[l]);
        free(items->prefixes[l]);
    }
    *items = (nj_bench_items){0};
}
