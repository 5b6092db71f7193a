// guarded.h - matrices whose padding is NaN and whose last float ends at a page that may not be touched.
//
//   [ row 0 | NaN ][ row 1 | NaN ] ... [ last row ] | forbidden page
//
// Reading padding as a value poisons the result, writing it changes the bits, and one float behind the end is a fault, masked
// instructions included. The matrix begins wherever that puts it, so unaligned rows are tested too.
#ifndef NJ_TEST_MATH_GUARDED_H
#define NJ_TEST_MATH_GUARDED_H

#include <math.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/checked.h"
#include "tests/support/nj_test.h"

typedef struct {
    float *data;
    size_t rows;
    size_t columns;
    size_t ld;
    size_t count;  // floats from data to the forbidden page
    void *mapping; // with the page
    size_t mapped; // bytes
} guarded;

static inline guarded guarded_new(size_t rows, size_t columns, size_t padding)
{
    guarded g = {.rows = rows, .columns = columns, .ld = columns + padding};
    g.count = rows == 0 ? 0 : (rows - 1) * g.ld + columns;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t usable = nj_round_up(nj_max_size(g.count * sizeof(float), 1), page);
    g.mapped = usable + page;
    g.mapping = mmap(NULL, g.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(g.mapping, MAP_FAILED);
    char *end = (char *)g.mapping + usable;
    assert_int_equal(mprotect(end, page, PROT_NONE), 0);
    g.data = (float *)(void *)(end - g.count * sizeof(float));
    for (size_t i = 0; i < g.count; i++) {
        g.data[i] = NAN;
    }
    return g;
}

static inline void guarded_free(guarded *g)
{
    assert_int_equal(munmap(g->mapping, g->mapped), 0);
    *g = (guarded){0};
}

/// Deterministic values in (-1, 1): `seed` goes on from call to call.
static inline float next_value(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (float)((int32_t)(*seed >> 40) - (1 << 23)) / (float)(1 << 23);
}

/// Fills the rows, not the padding, with values in (-reach, reach).
static inline guarded guarded_random(size_t rows, size_t columns, size_t padding, float reach,
                                     uint64_t *seed)
{
    guarded g = guarded_new(rows, columns, padding);
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < columns; i++) {
            g.data[r * g.ld + i] = reach * next_value(seed);
        }
    }
    return g;
}

static inline guarded guarded_copy(const guarded *from)
{
    guarded g = guarded_new(from->rows, from->columns, from->ld - from->columns);
    memcpy(g.data, from->data, g.count * sizeof(float));
    return g;
}

/// Same bits in every row and in all padding.
static inline void assert_same_bits(const guarded *got, const guarded *expected, const char *what)
{
    assert_int_equal(got->count, expected->count);
    for (size_t i = 0; i < got->count; i++) {
        uint32_t a;
        uint32_t b;
        memcpy(&a, got->data + i, sizeof a);
        memcpy(&b, expected->data + i, sizeof b);
        if (a != b) {
            fail_msg("%s: [%zu, %zu] is %a, expected %a", what, i / got->ld, i % got->ld,
                     (double)got->data[i], (double)expected->data[i]);
        }
    }
}

/// Within `tolerance` in every row, the same bits in all padding.
static inline void assert_near(const guarded *got, const guarded *expected, double tolerance,
                               const char *what)
{
    assert_int_equal(got->count, expected->count);
    for (size_t i = 0; i < got->count; i++) {
        double distance = fabs((double)got->data[i] - (double)expected->data[i]);
        bool padding = i % got->ld >= got->columns;
        bool same = memcmp(got->data + i, expected->data + i, sizeof(float)) == 0;
        if (!same && (padding || !(distance <= tolerance))) {
            fail_msg("%s: [%zu, %zu] is %a, expected %a within %g", what, i / got->ld, i % got->ld,
                     (double)got->data[i], (double)expected->data[i], tolerance);
        }
    }
}

#endif
