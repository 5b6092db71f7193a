// test_align.c - new codes are renumbered so that as many items as possible keep theirs, and still mean what they meant.
#include "common/catalogue/align.h"

#include <stdlib.h>

#include "tests/support/nj_test.h"

#define LEVELS 2
#define ITEMS_MAX 4000
#define VALUES_MAX 8192
#define WIDTH 2

typedef struct {
    nj_codebooks books;
    float values[VALUES_MAX];
    uint32_t offsets[64];
    uint16_t codes[ITEMS_MAX * LEVELS];
} coded;

static uint64_t draw(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

static void make_books(coded *c, nj_quant_kind kind, uint32_t K0, uint32_t K1, uint64_t *seed)
{
    const size_t rows = K0 + K1;
    c->books = (nj_codebooks){.kind = kind, .level_count = LEVELS, .D = WIDTH, .K = {K0, K1}};
    assert_true(rows * WIDTH <= VALUES_MAX);
    for (size_t i = 0; i < rows * WIDTH; i++) {
        c->values[i] = (float)(draw(seed) % 1000);
    }
    c->books.vectors[0] = c->values;
    c->books.vectors[1] = c->values + nj_codebooks_width(&c->books, 0) * K0;
}

static nj_aligned view_of(coded *c, size_t row_count)
{
    return (nj_aligned){.codebooks = &c->books,
                        .values = c->values,
                        .child_offsets = c->books.kind == NJ_QUANT_HIERARCHICAL ? c->offsets : NULL,
                        .codes = c->codes,
                        .row_count = row_count};
}

static void decode_all(const coded *c, size_t row_count, double *out)
{
    for (size_t i = 0; i < row_count; i++) {
        nj_codebooks_decode(&c->books, c->codes + i * LEVELS, LEVELS, out + i * WIDTH);
    }
}

// The most items that any numbering keeps, by Heap's permutations of K <= 6 codes.
static uint64_t best_by_trying(const uint16_t *old_codes, const uint16_t *codes, size_t pair_count,
                               uint32_t level, uint32_t K)
{
    uint32_t number[6];
    uint32_t turn[6] = {0};
    uint64_t best = 0;
    for (uint32_t k = 0; k < K; k++) {
        number[k] = k;
    }
    for (uint32_t i = 0; i < K;) {
        uint64_t same = 0;
        for (size_t p = 0; p < pair_count; p++) {
            same += number[codes[p * LEVELS + level]] == old_codes[p * LEVELS + level];
        }
        best = same > best ? same : best;
        i = 0;
        while (i < K && turn[i] >= i) {
            turn[i++] = 0;
        }
        if (i < K) {
            const uint32_t with = i % 2 == 0 ? 0 : turn[i];
            const uint32_t kept = number[with];
            number[with] = number[i];
            number[i] = kept;
            turn[i]++;
        }
    }
    return best;
}

static void small_codebooks_keep_as_many_codes_as_any_numbering_would(void **state)
{
    (void)state;
    static coded old, fresh;
    static double before[60 * WIDTH], after[60 * WIDTH];
    nj_error err = {0};
    for (uint64_t seed = 1; seed <= 60; seed++) {
        uint64_t random = seed;
        const uint32_t K[LEVELS] = {2 + (uint32_t)(seed % 5), 6 - (uint32_t)(seed % 3)};
        const nj_quant_kind kind = seed % 2 == 0 ? NJ_QUANT_RESIDUAL : NJ_QUANT_PRODUCT;
        make_books(&old, kind, K[0], K[1], &random);
        make_books(&fresh, kind, K[0], K[1], &random);
        const size_t rows = 60;
        const size_t pairs = 40;
        for (size_t i = 0; i < rows * LEVELS; i++) {
            const uint32_t level = i % LEVELS;
            old.codes[i] = (uint16_t)(draw(&random) % K[level]);
            // Somewhat like the old codes under another number, so that there is something to find.
            const bool is_another = draw(&random) % 3 == 0;
            fresh.codes[i] =
                (uint16_t)((is_another ? draw(&random) : old.codes[i] + 1u) % K[level]);
        }
        uint64_t best[LEVELS];
        for (uint32_t l = 0; l < LEVELS; l++) {
            best[l] = best_by_trying(old.codes, fresh.codes, pairs, l, K[l]);
        }
        decode_all(&fresh, rows, before);
        const nj_aligned aligned = view_of(&fresh, rows);
        nj_alignment report;
        assert_ok(nj_codebooks_align(&old.books, old.codes, pairs, &aligned, &report, &err), &err);

        decode_all(&fresh, rows, after);
        assert_memory_equal(before, after, sizeof before);
        assert_int_equal(report.item_count, pairs);
        for (uint32_t l = 0; l < LEVELS; l++) {
            uint64_t same = 0;
            for (size_t p = 0; p < pairs; p++) {
                same += old.codes[p * LEVELS + l] == fresh.codes[p * LEVELS + l];
            }
            assert_int_equal(same, best[l]);
            assert_int_equal(report.same_after[l], best[l]);
        }
    }
}

static void codes_that_no_item_has_keep_their_numbers(void **state)
{
    (void)state;
    static coded old, fresh;
    uint64_t random = 7;
    nj_error err = {0};
    nj_alignment report;
    make_books(&old, NJ_QUANT_RESIDUAL, 6, 6, &random);
    fresh = old;
    make_books(&fresh, NJ_QUANT_RESIDUAL, 6, 6, &random);
    float kept[VALUES_MAX];
    memcpy(kept, fresh.values, sizeof kept);
    const nj_aligned aligned = view_of(&fresh, 0);
    assert_ok(nj_codebooks_align(&old.books, old.codes, 0, &aligned, &report, &err), &err);
    assert_memory_equal(kept, fresh.values, 12 * WIDTH * sizeof(float));

    // One item was in 4 and is in 1: they change places, the others stay.
    old.codes[0] = 4;
    fresh.codes[0] = 1;
    const nj_aligned one = view_of(&fresh, 1);
    assert_ok(nj_codebooks_align(&old.books, old.codes, 1, &one, &report, &err), &err);
    for (size_t k = 0; k < 6; k++) {
        const size_t from = k == 4 ? 1 : k == 1 ? 4 : k;
        assert_memory_equal(fresh.values + k * WIDTH, kept + from * WIDTH, WIDTH * sizeof(float));
    }
}

// Old tree: nodes of 2, 1 and 3 children. The new one is the same in another order, so that aligning gives the old one back.
static void a_tree_in_another_order_is_aligned_node_by_node(void **state)
{
    (void)state;
    static coded old, fresh;
    nj_error err = {0};
    nj_alignment report;
    const uint32_t old_offsets[] = {0, 3, /**/ 0, 2, 3, 6};
    const uint32_t new_offsets[] = {0, 3, /**/ 0, 3, 5, 6}; // old nodes 2, 0, 1
    const float old_rows[] = {0, 100, 200, /**/ 1, 2, 101, 201, 202, 203};
    const float new_rows[] = {200, 0, 100, /**/ 203, 201, 202, 2, 1, 101};
    const uint16_t old_codes[] = {0, 0, 0, 1, 1, 0, 2, 0, 2, 1, 2, 2};
    const uint16_t new_codes[] = {1, 1, 1, 0, 2, 0, 0, 1, 0, 2, 0, 0};
    for (int i = 0; i < 2; i++) {
        coded *c = i == 0 ? &old : &fresh;
        const float *rows = i == 0 ? old_rows : new_rows;
        memcpy(c->offsets, i == 0 ? old_offsets : new_offsets, sizeof old_offsets);
        memcpy(c->codes, i == 0 ? old_codes : new_codes, sizeof old_codes);
        c->books = (nj_codebooks){.kind = NJ_QUANT_HIERARCHICAL,
                                  .level_count = LEVELS,
                                  .D = WIDTH,
                                  .K = {3, 3},
                                  .vectors = {c->values, c->values + 3 * WIDTH},
                                  .child_offset = {c->offsets, c->offsets + 2}};
        for (size_t row = 0; row < 9; row++) {
            c->values[row * WIDTH] = rows[row];
            c->values[row * WIDTH + 1] = -rows[row];
        }
    }
    const nj_aligned aligned = view_of(&fresh, 6);
    assert_ok(nj_codebooks_align(&old.books, old_codes, 6, &aligned, &report, &err), &err);
    assert_memory_equal(fresh.codes, old_codes, sizeof old_codes);
    assert_memory_equal(fresh.offsets, old_offsets, sizeof old_offsets);
    assert_memory_equal(fresh.values, old.values, 9 * WIDTH * sizeof(float));
    assert_int_equal(report.same_before[0], 0);
    assert_int_equal(report.same_after[0], 6);
    assert_int_equal(report.same_after[1], 6);
}

// Old codes that lead to no node, as a catalogue of another hand may have them, count for nothing and harm nothing.
static void codes_that_lead_nowhere_are_passed_over(void **state)
{
    (void)state;
    static coded old, fresh;
    nj_error err = {0};
    nj_alignment report;
    for (int i = 0; i < 2; i++) {
        coded *c = i == 0 ? &old : &fresh;
        const uint32_t offsets[] = {0, 2, /**/ 0, 1, 3};
        memcpy(c->offsets, offsets, sizeof offsets);
        c->books = (nj_codebooks){.kind = NJ_QUANT_HIERARCHICAL,
                                  .level_count = LEVELS,
                                  .D = WIDTH,
                                  .K = {2, 2},
                                  .vectors = {c->values, c->values + 2 * WIDTH},
                                  .child_offset = {c->offsets, c->offsets + 2}};
    }
    const uint16_t old_codes[] = {0, 1, 1, 1, 0, 65535, 65535, 0}; // rows 0, 2 and 3 lead nowhere
    const uint16_t new_codes[] = {0, 0, 1, 0, 0, 0, 1, 1};
    memcpy(fresh.codes, new_codes, sizeof new_codes);
    const nj_aligned aligned = view_of(&fresh, 4);
    assert_ok(nj_codebooks_align(&old.books, old_codes, 4, &aligned, &report, &err), &err);
    assert_int_equal(fresh.codes[2], 1);
    assert_int_equal(fresh.codes[3], 1); // place 0 of node 1 is called 1 now
    assert_int_equal(fresh.codes[7], 0);
}

// More siblings than the optimal matching takes; each item's new code is the old one plus one.
static void many_codes_are_matched_greedily(void **state)
{
    (void)state;
    enum { K = NJ_ALIGN_EXACT_CODES + 1 };
    static coded old, fresh;
    uint64_t random = 3;
    nj_error err = {0};
    nj_alignment report;
    make_books(&old, NJ_QUANT_PRODUCT, K, 4, &random);
    make_books(&fresh, NJ_QUANT_PRODUCT, K, 4, &random);
    for (uint16_t i = 0; i < ITEMS_MAX; i++) {
        old.codes[i * LEVELS] = i % K;
        fresh.codes[i * LEVELS] = (uint16_t)((i % K + 1) % K);
        old.codes[i * LEVELS + 1] = fresh.codes[i * LEVELS + 1] = i % 4;
    }
    const nj_aligned aligned = view_of(&fresh, ITEMS_MAX);
    assert_ok(nj_codebooks_align(&old.books, old.codes, ITEMS_MAX, &aligned, &report, &err), &err);
    assert_int_equal(report.greedy_count, 1);
    assert_int_equal(report.same_before[0], 0);
    assert_int_equal(report.same_after[0], ITEMS_MAX);
    assert_memory_equal(old.codes, fresh.codes, sizeof old.codes);
}

// Among many codes the pair with most items comes first: new 0 has one item of old 0, new 1 has three.
static void the_greedy_matching_begins_with_most_items(void **state)
{
    (void)state;
    enum { K = NJ_ALIGN_EXACT_CODES + 1 };
    static coded old, fresh;
    uint64_t random = 3;
    nj_error err = {0};
    nj_alignment report;
    make_books(&old, NJ_QUANT_PRODUCT, K, 4, &random);
    make_books(&fresh, NJ_QUANT_PRODUCT, K, 4, &random);
    const uint16_t codes[] = {0, 0, 1, 0, 1, 0, 1, 0};
    memset(old.codes, 0, sizeof codes);
    memcpy(fresh.codes, codes, sizeof codes);
    const nj_aligned aligned = view_of(&fresh, 4);
    assert_ok(nj_codebooks_align(&old.books, old.codes, 4, &aligned, &report, &err), &err);
    assert_int_equal(report.same_before[0], 1);
    assert_int_equal(report.same_after[0], 3);
}

static void codebooks_of_another_form_are_refused_with_both(void **state)
{
    (void)state;
    static coded old, fresh;
    uint64_t random = 1;
    nj_error err = {0};
    nj_alignment report;
    make_books(&old, NJ_QUANT_RESIDUAL, 4, 4, &random);
    make_books(&fresh, NJ_QUANT_RESIDUAL, 4, 5, &random);
    const nj_aligned aligned = view_of(&fresh, 0);
    assert_refused(nj_codebooks_align(&old.books, old.codes, 0, &aligned, &report, &err), NJ_INPUT,
                   &err, "level 1 has 5 codes, in the old codebooks 4");
    make_books(&fresh, NJ_QUANT_PRODUCT, 4, 4, &random);
    assert_refused(nj_codebooks_align(&old.books, old.codes, 0, &aligned, &report, &err), NJ_INPUT,
                   &err, "are product of 2 levels, the old ones residual of 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_codebooks_keep_as_many_codes_as_any_numbering_would),
        cmocka_unit_test(codes_that_no_item_has_keep_their_numbers),
        cmocka_unit_test(a_tree_in_another_order_is_aligned_node_by_node),
        cmocka_unit_test(codes_that_lead_nowhere_are_passed_over),
        cmocka_unit_test(many_codes_are_matched_greedily),
        cmocka_unit_test(the_greedy_matching_begins_with_most_items),
        cmocka_unit_test(codebooks_of_another_form_are_refused_with_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
