// drawn.h - codebooks and rows drawn from a seed, and the slow search that the encoder must equal.
#ifndef NJ_TEST_QUANT_DRAWN_H
#define NJ_TEST_QUANT_DRAWN_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/quant/encoder.h"
#include "tests/support/nj_test.h"

static uint64_t seed;

static inline uint64_t draw(void)
{
    uint64_t z = (seed += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

// In (-1, 1).
static inline float draw_value(void)
{
    return (float)((double)(int64_t)draw() * 0x1p-63);
}

static inline float *draw_values(size_t count, float scale)
{
    float *values = malloc((count > 0 ? count : 1) * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++) {
        values[i] = draw_value() * scale;
    }
    return values;
}

static inline void *take(size_t bytes)
{
    void *memory = calloc(bytes > 0 ? bytes : 1, 1);
    assert_non_null(memory);
    return memory;
}

static inline bool can_encode(const nj_kernels *kernels)
{
    return strcmp(kernels->precision, "float32") == 0 || strcmp(kernels->precision, "bf16") == 0;
}

// Residual or product; vectors get shorter with each level.
static inline nj_codebooks draw_codebooks(nj_quant_kind kind, uint32_t L, const uint32_t *K,
                                          size_t D, float scale)
{
    nj_codebooks books = {.kind = kind, .level_count = L, .D = D};
    for (uint32_t l = 0; l < L; l++) {
        books.K[l] = K[l];
        books.vectors[l] =
            draw_values(K[l] * nj_codebooks_width(&books, l), scale / (float)(l + 1));
    }
    return books;
}

// Every node has 1 to K children.
static inline nj_codebooks draw_hierarchy(uint32_t L, uint32_t K, size_t D)
{
    nj_codebooks books = {.kind = NJ_QUANT_HIERARCHICAL, .level_count = L, .D = D};
    size_t parents = 1;
    for (uint32_t l = 0; l < L; l++) {
        uint32_t *offset = take((parents + 1) * sizeof *offset);
        for (size_t n = 0; n < parents; n++) {
            offset[n + 1] = offset[n] + 1 + (uint32_t)(draw() % K);
        }
        books.K[l] = K;
        books.child_offset[l] = offset;
        parents = offset[parents];
        books.vectors[l] = draw_values(parents * D, 1.0f);
    }
    return books;
}

static inline void free_codebooks(nj_codebooks *books)
{
    for (uint32_t l = 0; l < books->level_count; l++) {
        free((float *)(uintptr_t)books->vectors[l]);
        free((uint32_t *)(uintptr_t)books->child_offset[l]);
    }
}

// ---- the law: float64 distances of everything that could be chosen ----

typedef struct {
    double energy;
    uint16_t codes[NJ_QUANT_LEVELS_MAX];
} drawn_prefix;

// What codes 0..level leave of x, in the columns of this level.
static inline double distance_behind(const nj_codebooks *books, const float *x,
                                     const uint16_t *codes, uint32_t level)
{
    static const nj_kernels
        *law; // asking for it asks the CPU, which a virtual machine takes its time for
    law = law == NULL ? nj_kernels_at(0) : law;
    size_t width = nj_codebooks_width(books, level);
    double *left = take(width * sizeof *left);
    for (size_t d = 0; d < width; d++) {
        left[d] = (double)x[nj_codebooks_first_column(books, level) + d];
    }
    double square = 0;
    for (uint32_t l = books->kind == NJ_QUANT_RESIDUAL ? 0 : level; l <= level; l++) {
        const float *row = books->vectors[l] + nj_codebooks_row(books, codes, l) * width;
        square = law->difference(width, left, row, left);
    }
    free(left);
    return square;
}

static inline int compare_prefixes(const void *a, const void *b)
{
    const drawn_prefix *one = a;
    const drawn_prefix *two = b;
    if (one->energy != two->energy) {
        return one->energy < two->energy ? -1 : 1;
    }
    for (size_t l = 0; l < NJ_QUANT_LEVELS_MAX; l++) {
        if (one->codes[l] != two->codes[l]) {
            return one->codes[l] < two->codes[l] ? -1 : 1;
        }
    }
    return 0;
}

static inline uint32_t count_choices(const nj_codebooks *books, const uint16_t *codes,
                                     uint32_t level)
{
    if (books->kind != NJ_QUANT_HIERARCHICAL) {
        return books->K[level];
    }
    size_t node = level == 0 ? 0 : nj_codebooks_row(books, codes, level - 1);
    return books->child_offset[level][node + 1] - books->child_offset[level][node];
}

// Sorts all prefixes of every level: no screening, no bound, no tables.
static inline void search_slowly(const nj_codebooks *books, const float *x, size_t beam,
                                 uint16_t *codes)
{
    drawn_prefix *kept = take(beam * sizeof *kept);
    size_t count = 1;
    for (uint32_t l = 0; l < books->level_count; l++) {
        drawn_prefix *longer = take(count * books->K[l] * sizeof *longer);
        size_t made = 0;
        for (size_t b = 0; b < count; b++) {
            for (uint32_t k = 0; k < count_choices(books, kept[b].codes, l); k++) {
                longer[made] = kept[b];
                longer[made].codes[l] = (uint16_t)k;
                longer[made].energy = distance_behind(books, x, longer[made].codes, l);
                made++;
            }
        }
        qsort(longer, made, sizeof *longer, compare_prefixes);
        count = made < beam ? made : beam;
        memcpy(kept, longer, count * sizeof *kept);
        free(longer);
    }
    memcpy(codes, kept[0].codes, books->level_count * sizeof *codes);
    free(kept);
}

#endif
