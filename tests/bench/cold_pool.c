// cold_pool.c - what a batch of users costs against a pool of cold items: the product and the choice of the best.
//
//   cold_pool ITEMS WIDTH [USERS] [float16]
//
// Vectors are random, of length 1 (seed 8); users have histories of 20 items; 3 places. Prints one line: microseconds a user, the median of
// ROUNDS, that of the product alone, and how many multiplications and additions a second that is.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/sid/trie_build.h"
#include "tests/support/simrandom.h"
#include "worker/policy/cold_parts.h"

#define ROUNDS 31
#define HISTORY 20
#define LEVELS 4
#define CODES 256

typedef struct {
    uint32_t items;
    uint32_t D;
    uint32_t B;
    float *values;
    uint16_t *halves;
    uint16_t *codes;
    uint32_t *counts;
    uint32_t *histories;
    nj_buffer trie;
    nj_policy policy;
    nj_catalogue_view catalogue;
    nj_item_vectors vectors;
    nj_exclusions exclusions;
    nj_cold_user *users;
    nj_cold_choice *choices;
} bench;

static void stop(nj_status status, const nj_error *err)
{
    if (status != NJ_OK) {
        fprintf(stderr, "cold_pool: %s\n", err->text);
        exit(1);
    }
}

static void *take(size_t count, size_t bytes)
{
    void *memory = calloc(count, bytes);
    if (memory == NULL) {
        fprintf(stderr, "cold_pool: no memory for %zu values\n", count);
        exit(1);
    }
    return memory;
}

static void make_vectors(bench *b, simrandom *random, bool is_half)
{
    b->values = take((size_t)b->items * b->D, sizeof *b->values);
    b->halves = take((size_t)b->items * b->D, sizeof *b->halves);
    for (uint32_t i = 0; i < b->items; i++) {
        float *row = b->values + (size_t)i * b->D;
        double square = 0;
        for (uint32_t d = 0; d < b->D; d++) {
            row[d] = (float)simrandom_below(random, 2001) - 1000;
            square += (double)row[d] * (double)row[d];
        }
        for (uint32_t d = 0; d < b->D; d++) {
            row[d] = (float)((double)row[d] / sqrt(square));
            b->halves[(size_t)i * b->D + d] = nj_f16_of_f32(row[d]);
        }
    }
    b->vectors = (nj_item_vectors){.row_count = b->items,
                                   .width = b->D,
                                   .form = is_half ? NJ_VECTORS_F16 : NJ_VECTORS_F32,
                                   .f32 = is_half ? NULL : b->values,
                                   .f16 = is_half ? b->halves : NULL};
}

static void make_catalogue(bench *b, simrandom *random)
{
    nj_error err = {0};
    b->codes = take((size_t)b->items * LEVELS, sizeof *b->codes);
    b->counts = take(b->items, sizeof *b->counts);
    for (size_t i = 0; i < (size_t)b->items * LEVELS; i++) {
        b->codes[i] = (uint16_t)simrandom_below(random, CODES);
    }
    b->catalogue.counts = b->counts;
    b->catalogue.sids = (nj_sids){.codes = b->codes,
                                  .row_count = b->items,
                                  .level_count = LEVELS,
                                  .codes_per_level = {CODES, CODES, CODES, CODES}};
    nj_buffer_init(&b->trie, SIZE_MAX / 2);
    stop(nj_trie_build(&b->catalogue.sids, &b->trie, &err), &err);
    stop(nj_trie_open(b->trie.bytes, b->trie.size, b->items, &b->catalogue.trie, &err), &err);
}

static void make_users(bench *b, simrandom *random)
{
    b->histories = take((size_t)b->B * HISTORY, sizeof *b->histories);
    b->users = take(b->B, sizeof *b->users);
    b->choices = take(b->B, sizeof *b->choices);
    for (uint32_t u = 0; u < b->B; u++) {
        uint32_t *history = b->histories + (size_t)u * HISTORY;
        for (uint32_t i = 0; i < HISTORY; i++) {
            history[i] = (uint32_t)simrandom_below(random, b->items);
        }
        b->users[u] = (nj_cold_user){history, HISTORY, &b->exclusions};
    }
}

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

// Median nanoseconds of all, and of the products alone.
static void measure(const bench *b, const nj_cold *cold, uint64_t *out_all, uint64_t *out_product)
{
    nj_error err = {0};
    nj_arena arena = {0};
    uint64_t all[ROUNDS];
    uint64_t product[ROUNDS];
    const nj_kernels *kernels = cold->inputs.kernels;
    stop(nj_arena_init(&arena, nj_cold_scratch_bytes(cold, b->B), &err), &err);
    float *scores = take((size_t)b->B * NJ_COLD_BLOCK, sizeof *scores);
    for (size_t round = 0; round < ROUNDS; round++) {
        uint64_t began = nj_clock_mono_ns();
        nj_cold_begin(cold, b->users, b->B, &arena, b->choices);
        all[round] = nj_clock_mono_ns() - began;
        began = nj_clock_mono_ns();
        const float *vectors = cold->blocks;
        for (uint32_t block = 0; block < nj_cold_block_count(cold->scored_count); block++) {
            const size_t columns = nj_cold_block_columns(cold->scored_count, block);
            kernels->matmul_nn(b->B, columns, b->D, b->choices[0].vector, b->D, vectors, columns,
                               scores, NJ_COLD_BLOCK);
            vectors += b->D * columns;
        }
        product[round] = nj_clock_mono_ns() - began;
        nj_arena_rewind(&arena, 0);
    }
    qsort(all, ROUNDS, sizeof *all, compare);
    qsort(product, ROUNDS, sizeof *product, compare);
    *out_all = all[ROUNDS / 2];
    *out_product = product[ROUNDS / 2];
    free(scores);
    nj_arena_fini(&arena);
}

int main(int argc, char **argv)
{
    nj_error err = {0};
    nj_cold *cold = NULL;
    bench b = {0};
    simrandom random = {8};
    if (argc < 3) {
        fprintf(stderr, "usage: cold_pool ITEMS WIDTH [USERS] [float16]\n");
        return 2;
    }
    b.items = (uint32_t)strtoul(argv[1], NULL, 10);
    b.D = (uint32_t)strtoul(argv[2], NULL, 10);
    b.B = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 16;
    if (b.items == 0 || b.D == 0 || b.D > NJ_ITEM_VECTOR_WIDTH_MAX || b.B == 0) {
        fprintf(stderr, "cold_pool: items, width and users are at least 1\n");
        return 2;
    }
    b.policy = (nj_policy){.cold_places = 3, .cold_least = -1, .cold_fading = 0.5f};
    make_vectors(&b, &random, argc > 4 && strcmp(argv[4], "float16") == 0);
    make_catalogue(&b, &random);
    make_users(&b, &random);
    nj_cold_inputs inputs = {.policy = &b.policy, .catalogue = &b.catalogue, .vectors = &b.vectors};
    stop(nj_kernels_select("auto", &inputs.kernels, &err), &err);
    const uint64_t began = nj_clock_mono_ns();
    stop(nj_cold_open(&inputs, &cold, &err), &err);
    const uint64_t opened = nj_clock_mono_ns() - began;
    uint64_t all;
    uint64_t product;
    measure(&b, cold, &all, &product);
    printf(
        "%u items of %u, %u users: %.1f us a user, product alone %.1f us (%.1f GFLOP/s); opened in "
        "%.1f ms, %.1f MB\n",
        b.items, b.D, b.B, (double)all / 1e3 / b.B, (double)product / 1e3 / b.B,
        2.0 * b.items * b.D * b.B / (double)product, (double)opened / 1e6,
        (double)nj_cold_bytes(&inputs, b.items) / 1e6);
    nj_cold_close(&cold);
    nj_buffer_fini(&b.trie);
    free(b.values);
    free(b.halves);
    free(b.codes);
    free(b.counts);
    free(b.histories);
    free(b.users);
    free(b.choices);
    return 0;
}
