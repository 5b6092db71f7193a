// test_fill.c - what fills a short list comes in the stated order. The slow truth sorts all items of the catalogue by the rule's words.
#include "tests/support/nj_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/simrandom.h"
#include "worker/policy/fill.h"

#define L 3
#define K 4
#define ITEMS 90
#define LIST_MAX 8
#define ROUNDS 200
// A float32 logarithm against float64's.
#define LOG_TOLERANCE 2e-6

typedef struct {
    uint16_t codes[ITEMS * L];
    uint8_t retired[ITEMS];
    uint32_t counts[ITEMS];
    uint64_t total;
    uint32_t popular[ITEMS];
    nj_sids sids;
    nj_buffer bytes;
    nj_trie trie;
    nj_fill fill;
} world;

static int compare_counts(const void *a, const void *b, void *context)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    const uint32_t *counts = context;
    return counts[x] != counts[y] ? (counts[x] > counts[y] ? -1 : 1) : x < y ? -1 : x > y;
}

// Few codes, so that items share leaves; every seventh item is retired, and every third was had by nobody.
static void make_world(world *w, simrandom *random)
{
    nj_error err = {0};
    memset(w, 0, sizeof *w);
    w->fill = (nj_fill){&w->trie, &w->sids, w->counts, w->popular, 0};
    for (uint32_t i = 0; i < ITEMS; i++) {
        for (uint32_t l = 0; l < L; l++) {
            w->codes[i * L + l] = (uint16_t)simrandom_below(random, K);
        }
        w->retired[i] = i % 7 == 3;
        w->counts[i] = i % 3 == 0 ? 0 : 1 + (uint32_t)simrandom_below(random, 5);
        if (!w->retired[i] && w->counts[i] > 0) {
            w->popular[w->fill.popular_count++] = i;
            w->total += w->counts[i];
        }
    }
    qsort_r(w->popular, w->fill.popular_count, sizeof *w->popular, compare_counts, w->counts);
    w->sids = (nj_sids){.codes = w->codes,
                        .row_count = ITEMS,
                        .level_count = L,
                        .codes_per_level = {K, K, K},
                        .retired = w->retired};
    nj_buffer_init(&w->bytes, 1 << 20);
    assert_ok(nj_trie_build(&w->sids, &w->bytes, &err), &err);
    assert_ok(nj_trie_open(w->bytes.bytes, w->bytes.size, ITEMS, &w->trie, &err), &err);
}

// A list that takes what it does not have, and nothing that is refused.
typedef struct {
    const world *w;
    bool closed[ITEMS]; // refused, or in the list
    nj_candidate got[ITEMS];
    uint32_t count;
} taking;

static bool take(void *context, const nj_candidate *item)
{
    taking *t = context;
    assert_true(item->row < ITEMS && !t->w->retired[item->row]);
    assert_int_equal(item->leaf, nj_trie_find(&t->w->trie, t->w->codes + item->row * L));
    if (t->closed[item->row]) {
        return false;
    }
    t->closed[item->row] = true;
    t->got[t->count++] = *item;
    return true;
}

// Some items in a list, some refused.
static uint32_t begin_list(const world *w, simrandom *random, taking *t, nj_candidate *list)
{
    uint32_t count = 0;
    *t = (taking){.w = w};
    for (uint32_t i = 0; i < ITEMS; i++) {
        t->closed[i] = simrandom_below(random, 4) == 0;
    }
    while (count < LIST_MAX) {
        const uint32_t row = (uint32_t)simrandom_below(random, ITEMS);
        list[count] = (nj_candidate){.row = row, .score = -(float)count};
        count++;
        t->closed[row] = true;
    }
    return (uint32_t)simrandom_below(random, LIST_MAX + 1);
}

static uint32_t common_codes(const world *w, uint32_t a, uint32_t b)
{
    uint32_t l = 0;
    while (l < L && w->codes[a * L + l] == w->codes[b * L + l]) {
        l++;
    }
    return l;
}

// ---- near ----

// An item's place in the order of the rule: codes in common, the list's item, SID, row.
typedef struct {
    uint32_t row;
    uint32_t levels;
    uint32_t anchor;
    uint32_t leaf;
} ranked;

static int compare_ranked(const void *a, const void *b)
{
    const ranked *x = a;
    const ranked *y = b;
    if (x->levels != y->levels) {
        return x->levels > y->levels ? -1 : 1;
    }
    if (x->anchor != y->anchor) {
        return x->anchor < y->anchor ? -1 : 1;
    }
    if (x->leaf != y->leaf) {
        return x->leaf < y->leaf ? -1 : 1;
    }
    return x->row < y->row ? -1 : x->row > y->row;
}

static uint32_t rank_near(const world *w, const nj_candidate *list, uint32_t count,
                          const bool *closed, ranked *out)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < ITEMS; i++) {
        ranked r = {.row = i};
        for (uint32_t a = 0; a < count; a++) {
            const uint32_t levels = common_codes(w, i, list[a].row);
            if (levels > r.levels) {
                r.levels = levels;
                r.anchor = a;
            }
        }
        if (!w->retired[i] && !closed[i] && r.levels > 0) {
            r.leaf = nj_trie_find(&w->trie, w->codes + i * L);
            out[found++] = r;
        }
    }
    qsort(out, found, sizeof *out, compare_ranked);
    return found;
}

static void near_items_come_by_codes_in_common_then_by_the_lists_order(void **state)
{
    (void)state;
    static world w;
    taking t;
    nj_candidate list[LIST_MAX];
    ranked wanted[ITEMS];
    simrandom random = {.state = 5};
    make_world(&w, &random);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        const uint32_t count = begin_list(&w, &random, &t, list);
        const uint32_t all = rank_near(&w, list, count, t.closed, wanted);
        const uint32_t room = (uint32_t)simrandom_below(&random, ITEMS);
        const nj_fill_taker taker = {&t, take, room};
        const uint32_t taken = nj_fill_near(&w.fill, list, count, &taker);
        assert_int_equal(taken, all < room ? all : room);
        assert_int_equal(taken, t.count);
        for (uint32_t i = 0; i < taken; i++) {
            assert_int_equal(t.got[i].row, wanted[i].row);
            assert_int_equal(t.got[i].source, NJ_SOURCE_NEAR);
            assert_true(t.got[i].raw == (float)wanted[i].levels);
            assert_true(t.got[i].score == list[wanted[i].anchor].score);
        }
    }
    nj_buffer_fini(&w.bytes);
}

// ---- popular, any ----

static void popular_items_come_by_their_counts_with_the_logarithm_of_their_share(void **state)
{
    (void)state;
    static world w;
    taking t;
    nj_candidate list[LIST_MAX];
    simrandom random = {.state = 6};
    make_world(&w, &random);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        bool closed[ITEMS];
        begin_list(&w, &random, &t, list);
        memcpy(closed, t.closed, sizeof closed);
        const nj_fill_taker taker = {&t, take, 1 + (uint32_t)simrandom_below(&random, ITEMS)};
        const uint32_t taken = nj_fill_popular(&w.fill, w.total, &taker);
        uint32_t next = 0;
        for (uint32_t count = 5; count > 0; count--) {
            for (uint32_t i = 0; i < ITEMS && next < taken; i++) {
                if (!w.retired[i] && !closed[i] && w.counts[i] == count) {
                    const double share = log((double)count / (double)w.total);
                    assert_int_equal(t.got[next].row, i);
                    assert_int_equal(t.got[next].source, NJ_SOURCE_POPULAR);
                    assert_true(fabs((double)t.got[next].raw - share) < LOG_TOLERANCE * -share);
                    assert_true(t.got[next].score == t.got[next].raw);
                    next++;
                }
            }
        }
        assert_int_equal(next, taken);
        for (uint32_t i = 0; i < ITEMS && taken < taker.wanted; i++) {
            assert_true(w.retired[i] || w.counts[i] == 0 || t.closed[i]);
        }
    }
    nj_buffer_fini(&w.bytes);
}

static void any_items_come_in_the_tries_order_until_all_are_there(void **state)
{
    (void)state;
    static world w;
    static taking t;
    simrandom random = {.state = 7};
    make_world(&w, &random);
    t = (taking){.w = &w};
    const nj_fill_taker taker = {&t, take, ITEMS};
    assert_int_equal(nj_fill_any(&w.fill, &taker), w.trie.item_count);
    for (uint32_t i = 0; i < t.count; i++) {
        assert_int_equal(t.got[i].row, w.trie.items[i]);
        assert_true(t.got[i].raw == 0.0f && t.got[i].score == 0.0f);
    }
    nj_buffer_fini(&w.bytes);
}

static void without_counts_nothing_is_popular(void **state)
{
    (void)state;
    static world w;
    static taking t;
    simrandom random = {.state = 8};
    make_world(&w, &random);
    t = (taking){.w = &w};
    const nj_fill_taker taker = {&t, take, ITEMS};
    assert_int_equal(nj_fill_popular(&w.fill, 0, &taker), 0);
    w.fill.counts = NULL;
    w.fill.popular_count = 0;
    assert_int_equal(nj_fill_popular(&w.fill, 0, &taker), 0);
    nj_buffer_fini(&w.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(near_items_come_by_codes_in_common_then_by_the_lists_order),
        cmocka_unit_test(popular_items_come_by_their_counts_with_the_logarithm_of_their_share),
        cmocka_unit_test(any_items_come_in_the_tries_order_until_all_are_there),
        cmocka_unit_test(without_counts_nothing_is_popular),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
