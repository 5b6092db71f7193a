// test_trie_random.c - tries of random shapes against the table of their SIDs: by brute force where tables are small, and node by node
// against a scan of the sorted table where they are large. A test says which forms of trie_layout.h its tables reached.
#include "common/sid/trie_build.h"

#include <stdlib.h>

#include "common/sid/trie_layout.h"
#include "tests/support/nj_test.h"

#define FORMS 4 // of starts
#define SMALL_TABLES 120
#define SMALL_ROWS_MAX 200
#define LARGE_ROWS_MAX 3000

static uint16_t scratch[NJ_CODES_MAX];

// A small generator (splitmix64), so that a failure names the seed that makes it again.
static uint64_t draw(uint64_t *seed)
{
    uint64_t z = (*seed += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

typedef struct {
    nj_sids sids;
    uint16_t *codes;
    uint8_t *retired;
    nj_buffer bytes;
    nj_trie trie;
} world;

static void begin_world(world *w, uint32_t N, uint32_t L)
{
    *w = (world){.codes = malloc((size_t)N * L * sizeof *w->codes), .retired = calloc(N, 1)};
    assert_non_null(w->codes);
    assert_non_null(w->retired);
    w->sids = (nj_sids){w->codes, N, L, {0}, w->retired};
}

static void build(world *w)
{
    nj_error err = {0};
    nj_buffer_init(&w->bytes, SIZE_MAX / 2);
    assert_ok(nj_trie_build(&w->sids, &w->bytes, &err), &err);
    assert_ok(nj_trie_open(w->bytes.bytes, w->bytes.size, w->sids.row_count, &w->trie, &err), &err);
}

static void end_world(world *w)
{
    nj_buffer_fini(&w->bytes);
    free(w->codes);
    free(w->retired);
}

// Levels of all widths; on each either few codes are used, from one or both ends of 0..K-1, so that prefixes are shared and SIDs collide, or all.
static void draw_world(world *w, uint64_t *seed, uint32_t rows_max)
{
    static const uint32_t KS[] = {2, 3, 16, 64, 100, 256, 257, 65535, 65536};
    begin_world(w, 1 + (uint32_t)(draw(seed) % rows_max),
                1 + (uint32_t)(draw(seed) % NJ_LEVELS_MAX));
    const uint32_t N = w->sids.row_count;
    const uint32_t L = w->sids.level_count;
    for (uint32_t l = 0; l < L; l++) {
        const uint32_t K = KS[draw(seed) % (sizeof KS / sizeof *KS)];
        const uint32_t used = draw(seed) % 4 == 0 ? K : 1 + (uint32_t)(draw(seed) % 5);
        const uint32_t ends = 1 + (uint32_t)(draw(seed) % 2);
        w->sids.codes_per_level[l] = K;
        for (uint32_t row = 0; row < N; row++) {
            uint32_t code = (uint32_t)(draw(seed) % used) % K;
            w->codes[row * L + l] = (uint16_t)(draw(seed) % ends == 0 ? code : K - 1 - code);
        }
    }
    for (uint32_t row = 1; row < N; row++) {
        w->retired[row] = draw(seed) % 8 == 0;
    }
}

static const uint16_t *sid_of(const world *w, uint32_t row)
{
    return w->codes + (size_t)row * w->sids.level_count;
}

static bool prefix_equal(const uint16_t *a, const uint16_t *b, uint32_t levels)
{
    return memcmp(a, b, levels * sizeof *a) == 0;
}

// ---- brute force ----

// Codes that follow the first `level` codes of `sid` among rows that are not retired.
static uint32_t oracle_children(const world *w, const uint16_t *sid, uint32_t level,
                                uint8_t *is_child)
{
    uint32_t count = 0;
    memset(is_child, 0, w->sids.codes_per_level[level]);
    for (uint32_t row = 0; row < w->sids.row_count; row++) {
        const uint16_t code = sid_of(w, row)[level];
        if (!w->retired[row] && prefix_equal(sid, sid_of(w, row), level) && !is_child[code]) {
            is_child[code] = 1;
            count++;
        }
    }
    return count;
}

static bool oracle_has(const world *w, const uint16_t *sid)
{
    for (uint32_t row = 0; row < w->sids.row_count; row++) {
        if (!w->retired[row] && prefix_equal(sid, sid_of(w, row), w->sids.level_count)) {
            return true;
        }
    }
    return false;
}

static void assert_leaf_holds(const world *w, uint32_t leaf, const uint16_t *sid)
{
    uint32_t count;
    const uint32_t *items = nj_trie_leaf_items(&w->trie, leaf, &count);
    uint32_t place = 0;
    for (uint32_t row = 0; row < w->sids.row_count; row++) {
        if (!w->retired[row] && prefix_equal(sid, sid_of(w, row), w->sids.level_count)) {
            assert_true(place < count);
            assert_int_equal(items[place++], row);
        }
    }
    assert_int_equal(place, count);
}

static void assert_row_is_found(const world *w, uint32_t row)
{
    static uint8_t is_child[NJ_CODES_MAX];
    const uint16_t *sid = sid_of(w, row);
    uint16_t climbed[NJ_LEVELS_MAX];
    uint32_t node = 0;
    for (uint32_t l = 0; l < w->sids.level_count; l++) {
        const uint32_t expected = oracle_children(w, sid, l, is_child);
        nj_trie_prefetch(&w->trie, l, node);
        nj_trie_children_span span = nj_trie_children(&w->trie, l, node, scratch);
        assert_int_equal(span.count, expected);
        for (uint32_t i = 0; i < span.count; i++) {
            assert_true(is_child[span.codes[i]]);
            assert_true(i == 0 || span.codes[i - 1] < span.codes[i]);
        }
        const uint32_t child = nj_trie_step(&w->trie, l, node, sid[l]);
        assert_int_not_equal(child, NJ_TRIE_NONE);
        assert_int_equal(span.codes[child - span.first], sid[l]);
        node = child;
    }
    assert_int_equal(nj_trie_find(&w->trie, sid), node);
    nj_trie_leaf_codes(&w->trie, node, climbed);
    assert_memory_equal(climbed, sid, w->sids.level_count * sizeof *sid);
    assert_leaf_holds(w, node, sid);
}

static void random_tries_agree_with_their_sid_table(void **state)
{
    (void)state;
    for (uint64_t first = 0; first < SMALL_TABLES; first++) {
        uint64_t seed = first;
        world w;
        draw_world(&w, &seed, SMALL_ROWS_MAX);
        build(&w);
        uint32_t kept = 0;
        for (uint32_t row = 0; row < w.sids.row_count; row++) {
            if (!w.retired[row]) {
                assert_row_is_found(&w, row);
                kept++;
            }
        }
        assert_int_equal(w.trie.item_count, kept);
        end_world(&w);
    }
}

// A table of codes a position, the classic mistake, says yes to the first half of one item with the second half of another.
static void a_mixture_of_two_items_is_found_only_where_an_item_has_it(void **state)
{
    (void)state;
    uint32_t of_no_item = 0;
    for (uint64_t first = 0; first < SMALL_TABLES; first++) {
        uint64_t seed = first;
        world w;
        draw_world(&w, &seed, SMALL_ROWS_MAX);
        build(&w);
        for (uint32_t i = 0; i < 200; i++) {
            const uint32_t L = w.sids.level_count;
            const uint32_t cut = (uint32_t)(draw(&seed) % L);
            uint16_t mixed[NJ_LEVELS_MAX];
            memcpy(mixed, sid_of(&w, (uint32_t)(draw(&seed) % w.sids.row_count)), L * 2);
            memcpy(mixed + cut, sid_of(&w, (uint32_t)(draw(&seed) % w.sids.row_count)) + cut,
                   (L - cut) * 2);
            const uint32_t leaf = nj_trie_find(&w.trie, mixed);
            assert_int_equal(leaf != NJ_TRIE_NONE, oracle_has(&w, mixed));
            of_no_item += leaf == NJ_TRIE_NONE;
            if (leaf != NJ_TRIE_NONE) {
                assert_leaf_holds(&w, leaf, mixed);
            }
        }
        end_world(&w);
    }
    assert_true(of_no_item > SMALL_TABLES);
}

// ---- large tables: a scan of the sorted rows ----

static const world *sorted_world;

static int compare_rows(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    for (uint32_t l = 0; l < sorted_world->sids.level_count; l++) {
        const int difference = sid_of(sorted_world, x)[l] - sid_of(sorted_world, y)[l];
        if (difference != 0) {
            return difference;
        }
    }
    return x < y ? -1 : x > y;
}

static uint32_t *sort_rows(const world *w, uint32_t *out_count)
{
    uint32_t *rows = malloc(w->sids.row_count * sizeof *rows);
    uint32_t count = 0;
    assert_non_null(rows);
    for (uint32_t row = 0; row < w->sids.row_count; row++) {
        if (!w->retired[row]) {
            rows[count++] = row;
        }
    }
    sorted_world = w;
    qsort(rows, count, sizeof *rows, compare_rows);
    *out_count = count;
    return rows;
}

// The children of the node of `level` whose rows are rows[0] .. rows[count - 1].
static void assert_node(const world *w, uint32_t level, uint32_t node, const uint32_t *rows,
                        uint32_t count, uint32_t first_child)
{
    nj_trie_children_span span = nj_trie_children(&w->trie, level, node, scratch);
    uint32_t child = 0;
    assert_int_equal(span.first, first_child);
    for (uint32_t i = 0; i < count; i++) {
        const uint16_t code = sid_of(w, rows[i])[level];
        if (i > 0 && code == sid_of(w, rows[i - 1])[level]) {
            continue;
        }
        assert_true(child < span.count);
        assert_int_equal(span.codes[child], code);
        assert_int_equal(nj_trie_step(&w->trie, level, node, code), first_child + child);
        child++;
    }
    assert_int_equal(span.count, child);
    const nj_trie_range range = nj_trie_child_range(&w->trie, level, node);
    assert_int_equal(range.first, first_child);
    assert_int_equal(range.end, first_child + child);
}

static uint32_t count_prefixes(const world *w, const uint32_t *rows, uint32_t count,
                               uint32_t levels)
{
    uint32_t prefixes = 0;
    for (uint32_t i = 0; i < count; i++) {
        prefixes += i == 0 || !prefix_equal(sid_of(w, rows[i - 1]), sid_of(w, rows[i]), levels);
    }
    return prefixes;
}

static void assert_level(const world *w, uint32_t level, const uint32_t *rows, uint32_t count)
{
    uint32_t node = 0;
    uint32_t child = 0;
    uint32_t leaf = 0;
    for (uint32_t i = 0; i < count; node++) {
        uint32_t end = i + 1;
        while (end < count && prefix_equal(sid_of(w, rows[i]), sid_of(w, rows[end]), level)) {
            end++;
        }
        const uint32_t leaves = count_prefixes(w, rows + i, end - i, w->sids.level_count);
        const nj_trie_range below = nj_trie_node_range(&w->trie, level, node);
        assert_int_equal(below.first, leaf);
        assert_int_equal(below.end, leaf + leaves);
        if (level < w->sids.level_count) {
            assert_node(w, level, node, rows + i, end - i, child);
            child += count_prefixes(w, rows + i, end - i, level + 1);
        }
        leaf += leaves;
        i = end;
    }
    assert_int_equal(node, w->trie.node_count[level]);
}

static void assert_walk(const world *w, const uint32_t *rows, uint32_t count)
{
    const uint32_t L = w->sids.level_count;
    nj_trie_walk walk;
    uint32_t i = 0;
    nj_trie_walk_begin(&w->trie, &walk);
    do {
        uint32_t item_count;
        const uint32_t *items = nj_trie_leaf_items(&w->trie, walk.node[L], &item_count);
        assert_true(item_count <= count - i);
        assert_memory_equal(items, rows + i, item_count * sizeof *items);
        assert_memory_equal(walk.codes, sid_of(w, rows[i]), L * sizeof *walk.codes);
        i += item_count;
    } while (nj_trie_walk_next(&walk));
    assert_int_equal(i, count);
    assert_false(nj_trie_walk_next(&walk));
}

// Every node of every level is what the sorted table says. Counts the forms that were met.
static void assert_whole(const world *w, uint32_t forms[FORMS][3])
{
    uint32_t count;
    uint32_t *rows = sort_rows(w, &count);
    for (uint32_t l = 0; l <= w->sids.level_count; l++) {
        assert_level(w, l, rows, count);
    }
    assert_walk(w, rows, count);
    for (uint32_t l = 0; l < w->sids.level_count; l++) {
        const nj_trie_form form = nj_trie_form_of(
            l, w->trie.node_count[l], w->trie.node_count[l + 1], w->trie.codes_per_level[l]);
        forms[form.starts][form.codes]++;
    }
    free(rows);
}

static void large_tries_of_every_form_agree_with_their_sorted_table(void **state)
{
    (void)state;
    uint32_t forms[FORMS][3] = {{0}};
    for (uint64_t first = 0; first < 40; first++) {
        uint64_t seed = 1000 + first;
        world w;
        draw_world(&w, &seed, LARGE_ROWS_MAX);
        build(&w);
        assert_whole(&w, forms);
        end_world(&w);
    }
    assert_true(forms[NJ_TRIE_STARTS_NONE][NJ_TRIE_CODES_WORDS] > 0);
    assert_true(forms[NJ_TRIE_STARTS_NONE][NJ_TRIE_CODES_BYTES] > 0);
    assert_true(forms[NJ_TRIE_STARTS_OFFSETS][NJ_TRIE_CODES_WORDS] > 0);
    assert_true(forms[NJ_TRIE_STARTS_NEAR][NJ_TRIE_CODES_WORDS] > 0);
    assert_true(forms[NJ_TRIE_STARTS_NEAR][NJ_TRIE_CODES_BYTES] > 0);
    assert_true(forms[NJ_TRIE_STARTS_NEAR][NJ_TRIE_CODES_BITS] > 0);
}

// Marks far apart: one node of 40,000 children and one leaf of 20,000 items, between thousands of nodes with few.
static void a_node_with_many_children_among_nodes_with_few_is_found(void **state)
{
    (void)state;
    uint32_t forms[FORMS][3] = {{0}};
    uint32_t row = 0;
    world w;
    begin_world(&w, 70000, 3);
    w.sids.codes_per_level[0] = 2;
    w.sids.codes_per_level[1] = 65536;
    w.sids.codes_per_level[2] = 65536;
    for (; row < 70000; row++) {
        // 0 1500 has the many children, 1 1500 7 the many items; every other prefix has one or two of each.
        const uint32_t i = row < 60000 ? row % 5000 : row;
        uint32_t sid[3] = {row < 5000 ? 0 : 1, i / 2, i % 2};
        if (row >= 10000) {
            sid[0] = row < 50000 ? 0 : 1;
            sid[1] = 1500;
            sid[2] = row < 50000 ? row : 7;
        }
        for (uint32_t l = 0; l < 3; l++) {
            w.codes[row * 3 + l] = (uint16_t)sid[l];
        }
    }
    build(&w);

    assert_whole(&w, forms);
    assert_non_null(w.trie.leaves.blocks);
    end_world(&w);
}

// ---- folds ----

static uint64_t *draw_bits(uint64_t *seed, uint32_t count, uint64_t one_in)
{
    uint64_t *bits = calloc(count / 64 + 1, sizeof *bits);
    assert_non_null(bits);
    for (uint32_t i = 0; i < count; i++) {
        bits[i / 64] |= (uint64_t)(draw(seed) % one_in == 0) << i % 64;
    }
    return bits;
}

static bool bit_at(const uint64_t *bits, uint32_t at)
{
    return (bits[at / 64] >> at % 64 & 1) != 0;
}

static void assert_folds(const world *w, uint64_t *seed, uint64_t one_in)
{
    const uint32_t L = w->trie.level_count;
    uint64_t *below = draw_bits(seed, w->sids.row_count, one_in);
    uint64_t *above = malloc((w->trie.node_count[L] / 64 + 1) * sizeof *above);
    assert_non_null(above);
    nj_trie_fold_rows(&w->trie, below, above);
    for (uint32_t leaf = 0; leaf < w->trie.node_count[L]; leaf++) {
        uint32_t count;
        const uint32_t *items = nj_trie_leaf_items(&w->trie, leaf, &count);
        bool expected = false;
        for (uint32_t i = 0; i < count; i++) {
            expected = expected || bit_at(below, items[i]);
        }
        assert_int_equal(bit_at(above, leaf), expected);
    }
    free(below);
    for (uint32_t l = L; l-- > 0;) {
        uint64_t *folded = malloc((w->trie.node_count[l] / 64 + 1) * sizeof *folded);
        assert_non_null(folded);
        nj_trie_fold(&w->trie, l, above, folded);
        for (uint32_t node = 0; node < w->trie.node_count[l]; node++) {
            const nj_trie_range range = nj_trie_child_range(&w->trie, l, node);
            bool expected = false;
            for (uint32_t child = range.first; child < range.end; child++) {
                expected = expected || bit_at(above, child);
            }
            assert_int_equal(bit_at(folded, node), expected);
        }
        free(above);
        above = folded;
    }
    free(above);
}

static void folded_sets_are_those_of_the_children(void **state)
{
    (void)state;
    for (uint64_t first = 0; first < 30; first++) {
        uint64_t seed = 2000 + first;
        world w;
        draw_world(&w, &seed, LARGE_ROWS_MAX);
        build(&w);
        assert_folds(&w, &seed, 1 + draw(&seed) % 100);
        end_world(&w);
    }
}

// ---- threads ----

static void the_bytes_depend_on_no_number_of_threads(void **state)
{
    (void)state;
    static const uint32_t THREADS[] = {1, 2, 3, 7, NJ_TRIE_BLOCK_CHILDREN * 2, 1000};
    nj_error err = {0};
    for (uint64_t first = 0; first < 6; first++) {
        uint64_t seed = 3000 + first;
        world w;
        draw_world(&w, &seed, first % 2 ? LARGE_ROWS_MAX : 20);
        build(&w);
        for (size_t i = 0; i < sizeof THREADS / sizeof *THREADS; i++) {
            nj_buffer again;
            nj_buffer_init(&again, SIZE_MAX / 2);
            assert_ok(nj_trie_build_on(&w.sids, THREADS[i], &again, &err), &err);
            assert_int_equal(again.size, w.bytes.size);
            assert_memory_equal(again.bytes, w.bytes.bytes, again.size);
            nj_buffer_fini(&again);
        }
        end_world(&w);
    }
}

// Rows that stand in order are not sorted: the trie must be the same but for the rows' numbers.
static void rows_in_order_and_out_of_order_give_the_same_trie(void **state)
{
    (void)state;
    nj_error err = {0};
    for (uint64_t first = 0; first < 5; first++) {
        uint64_t seed = 4000 + first;
        uint32_t forms[FORMS][3] = {{0}};
        uint32_t count;
        world w;
        world ordered;
        draw_world(&w, &seed, LARGE_ROWS_MAX);
        build(&w);
        uint32_t *rows = sort_rows(&w, &count);
        begin_world(&ordered, count, w.sids.level_count);
        memcpy(ordered.sids.codes_per_level, w.sids.codes_per_level, sizeof w.sids.codes_per_level);
        for (uint32_t i = 0; i < count; i++) {
            memcpy(ordered.codes + (size_t)i * w.sids.level_count, sid_of(&w, rows[i]),
                   w.sids.level_count * sizeof *w.codes);
        }
        build(&ordered);
        assert_whole(&ordered, forms);
        // All but the items: they are the last array of both.
        const size_t items_at = (size_t)((const uint8_t *)ordered.trie.items - ordered.bytes.bytes);
        assert_int_equal(ordered.bytes.size, w.bytes.size);
        assert_memory_equal(ordered.bytes.bytes, w.bytes.bytes, items_at);
        // One row out of place at a boundary of two threads must not be taken for order.
        for (uint32_t l = 0; l < w.sids.level_count && count > 2; l++) {
            uint16_t *middle = ordered.codes + (size_t)(count / 2) * w.sids.level_count;
            const uint16_t code = middle[l];
            middle[l] = (uint16_t)(w.sids.codes_per_level[l] - 1 - code);
            nj_buffer_fini(&ordered.bytes);
            nj_buffer_init(&ordered.bytes, SIZE_MAX / 2);
            assert_ok(nj_trie_build_on(&ordered.sids, 2, &ordered.bytes, &err), &err);
            assert_ok(
                nj_trie_open(ordered.bytes.bytes, ordered.bytes.size, count, &ordered.trie, &err),
                &err);
            assert_whole(&ordered, forms);
            middle[l] = code;
        }
        free(rows);
        end_world(&w);
        end_world(&ordered);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_tries_agree_with_their_sid_table),
        cmocka_unit_test(a_mixture_of_two_items_is_found_only_where_an_item_has_it),
        cmocka_unit_test(large_tries_of_every_form_agree_with_their_sorted_table),
        cmocka_unit_test(a_node_with_many_children_among_nodes_with_few_is_found),
        cmocka_unit_test(folded_sets_are_those_of_the_children),
        cmocka_unit_test(the_bytes_depend_on_no_number_of_threads),
        cmocka_unit_test(rows_in_order_and_out_of_order_give_the_same_trie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
