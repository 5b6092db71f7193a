// test_eligible.c - folded sets against a look at every item below every node, on random tries; and the bits that they are made of.
#include "common/sid/eligible.h"

#include <stdlib.h>

#include "common/sid/trie_build.h"
#include "tests/support/nj_test.h"

#define ROWS_MAX 700

static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

typedef struct {
    uint16_t codes[ROWS_MAX * NJ_LEVELS_MAX];
    uint8_t retired[ROWS_MAX];
    nj_sids sids;
    nj_buffer bytes;
    nj_trie trie;
} world;

static void make_world(world *w, uint64_t seed, uint32_t row_count, uint32_t L, uint32_t K)
{
    nj_error err = {0};
    w->sids = (nj_sids){
        .codes = w->codes, .row_count = row_count, .level_count = L, .retired = w->retired};
    for (uint32_t l = 0; l < L; l++) {
        w->sids.codes_per_level[l] = K;
    }
    for (uint32_t i = 0; i < row_count; i++) {
        w->retired[i] = i > 0 && mix(seed * 3 + i) % 10 == 0;
        for (uint32_t l = 0; l < L; l++) {
            w->codes[i * L + l] = (uint16_t)(mix(seed * 77 + i * L + l) % K);
        }
    }
    nj_buffer_init(&w->bytes, SIZE_MAX / 2);
    assert_ok(nj_trie_build(&w->sids, &w->bytes, &err), &err);
    assert_ok(nj_trie_open(w->bytes.bytes, w->bytes.size, row_count, &w->trie, &err), &err);
}

static bool has_prefix(const world *w, uint32_t row, const uint16_t *prefix, uint32_t length)
{
    return memcmp(w->codes + row * w->sids.level_count, prefix, length * sizeof *prefix) == 0;
}

// Every prefix of every row's SID is a node: its bit says whether some eligible row in a leaf has the same prefix.
static void check_nodes(const world *w, const uint64_t *items, const nj_eligible *eligible)
{
    uint32_t in_leaves = 0;
    for (uint32_t row = 0; row < w->sids.row_count; row++) {
        const uint16_t *sid = w->codes + row * w->sids.level_count;
        uint32_t node = 0;
        if (w->retired[row] != 0) {
            continue;
        }
        in_leaves += nj_bits_has(items, row);
        for (uint32_t length = 0; length <= w->sids.level_count; length++) {
            bool wanted = false;
            for (uint32_t other = 0; other < w->sids.row_count && !wanted; other++) {
                wanted = w->retired[other] == 0 && nj_bits_has(items, other) &&
                         has_prefix(w, other, sid, length);
            }
            assert_int_equal(nj_bits_has(eligible->nodes[length], node), wanted);
            if (length < w->sids.level_count) {
                node = nj_trie_step(&w->trie, length, node, sid[length]);
            }
        }
    }
    assert_int_equal(eligible->item_count, in_leaves);
}

// The counts are those of a trie that has no other items.
static void check_counts(world *w, const uint64_t *items, const nj_eligible *eligible)
{
    nj_error err = {0};
    nj_buffer bytes;
    nj_trie trie;
    uint8_t left_out[ROWS_MAX];
    for (uint32_t i = 0; i < w->sids.row_count; i++) {
        left_out[i] = w->retired[i] != 0 || !nj_bits_has(items, i);
    }
    nj_sids sids = w->sids;
    sids.retired = left_out;
    nj_buffer_init(&bytes, SIZE_MAX / 2);
    assert_ok(nj_trie_build(&sids, &bytes, &err), &err);
    assert_ok(nj_trie_open(bytes.bytes, bytes.size, sids.row_count, &trie, &err), &err);
    for (uint32_t l = 0; l <= sids.level_count; l++) {
        assert_int_equal(eligible->node_count[l], trie.node_count[l]);
    }
    nj_buffer_fini(&bytes);
}

static void folded_sets_equal_a_look_at_every_item(void **state)
{
    (void)state;
    static world w;
    static const uint32_t SHARES[] = {100, 50, 10, 2};
    for (uint64_t seed = 1; seed <= 12; seed++) {
        const uint32_t row_count = seed % 4 == 0 ? 1 + (uint32_t)seed : 130 + (uint32_t)seed;
        make_world(&w, seed, row_count, 1 + (uint32_t)(seed % 4), seed % 3 == 0 ? 200 : 4);
        for (size_t s = 0; s < 4; s++) {
            uint64_t items[ROWS_MAX / NJ_BITS_A_WORD + 1] = {0};
            nj_eligible eligible;
            nj_bits_add(items, 0);
            for (uint32_t i = 0; i < row_count; i++) {
                if (mix(seed * 100 + s * 1000000 + i) % 100 < SHARES[s]) {
                    nj_bits_add(items, i);
                }
            }
            void *memory = malloc(nj_eligible_bytes(&w.trie)); // not one byte more: asan looks
            nj_eligible_fold(&w.trie, items, memory, &eligible);
            check_nodes(&w, items, &eligible);
            check_counts(&w, items, &eligible);
            free(memory);
        }
        nj_buffer_fini(&w.bytes);
    }
}

static void a_set_without_an_item_in_a_leaf_has_no_root(void **state)
{
    (void)state;
    static world w;
    uint64_t items[2] = {0};
    nj_eligible eligible;
    make_world(&w, 3, 90, 3, 4);
    for (uint32_t i = 0; i < 90; i++) {
        if (w.retired[i] != 0) {
            nj_bits_add(items, i);
        }
    }
    void *memory = malloc(nj_eligible_bytes(&w.trie));
    nj_eligible_fold(&w.trie, items, memory, &eligible);
    assert_int_equal(eligible.item_count, 0);
    for (uint32_t l = 0; l <= 3; l++) {
        assert_int_equal(eligible.node_count[l], 0);
        assert_false(nj_bits_has(eligible.nodes[l], 0));
    }
    free(memory);
    nj_buffer_fini(&w.bytes);
}

// Every range of three words with any one number in it.
static void a_range_has_a_number_when_one_of_its_numbers_is_in_the_set(void **state)
{
    (void)state;
    enum { COUNT = 3 * NJ_BITS_A_WORD };
    for (size_t number = 0; number < COUNT; number += 1 + number % 3) {
        uint64_t bits[3] = {0};
        nj_bits_add(bits, number);
        assert_int_equal(nj_bits_count(bits, COUNT), 1);
        for (size_t first = 0; first <= COUNT; first++) {
            for (size_t end = first; end <= COUNT; end++) {
                if (nj_bits_any(bits, first, end) != (first <= number && number < end)) {
                    fail_msg("[%zu, %zu) with %zu", first, end, number);
                }
            }
        }
        nj_bits_remove(bits, number);
        assert_false(nj_bits_any(bits, 0, COUNT));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folded_sets_equal_a_look_at_every_item),
        cmocka_unit_test(a_set_without_an_item_in_a_leaf_has_no_root),
        cmocka_unit_test(a_range_has_a_number_when_one_of_its_numbers_is_in_the_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
