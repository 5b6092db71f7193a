// test_token_trie.c - token tries against the table of strings that they are made of, and bytes from outside.
//
//   root ─1─ ● ─2─ ● ─2─ ●●      rows: "1 2 2", "1", "3 1", "1 2 2", "1 2"; row 5 is retired, its string is empty
//        └3─ ─1─ ●
#include "common/sid/token_trie.h"

#include <stdlib.h>

#include "common/base/rng.h"
#include "common/sid/token_trie_layout.h"
#include "tests/support/nj_test.h"

#define VOCABULARY 5
#define ROWS 6
#define ROWS_MAX 400
#define TOKENS_MAX 6

static const uint32_t TOKENS[] = {1, 2, 2, /**/ 1, /**/ 3, 1, /**/ 1, 2, 2, /**/ 1, 2};
static const uint64_t OFFSET[ROWS + 1] = {0, 3, 4, 6, 9, 11, 11};
static const uint8_t RETIRED[ROWS] = {0, 0, 0, 0, 0, 1};
static const nj_token_strings STRINGS = {TOKENS, OFFSET, ROWS, VOCABULARY, RETIRED};

static void build(const nj_token_strings *strings, nj_buffer *bytes, nj_token_trie *trie)
{
    nj_error err = {0};
    nj_buffer_init(bytes, SIZE_MAX / 2);
    assert_ok(nj_token_trie_build(strings, bytes, &err), &err);
    assert_ok(nj_token_trie_open(bytes->bytes, bytes->size, strings->row_count, trie, &err), &err);
}

// ---- a drawn one ----

static void the_bytes_are_those_of_the_schema(void **state)
{
    (void)state;
    nj_buffer bytes;
    nj_token_trie trie;
    const uint32_t numbers[] = {1,    6, 5, 3, VOCABULARY, 2,
                                ROWS, 0,                                        /* header */
                                3,    4, 5, 6, 6,          6,                   /* child_end */
                                0,    1, 3, 2, 1,          2,                   /* token */
                                0,    1, 1, 2, 3,          5,                   /* item_end */
                                1,    4, 2, 0, 3,          0,                   /* items, gap */
                                5,    1, 4, 5, 3,          NJ_TOKEN_TRIE_NONE}; /* row_node */

    build(&STRINGS, &bytes, &trie);

    assert_int_equal(bytes.size, 8 + sizeof numbers);
    assert_memory_equal(bytes.bytes, "NJTOKEN", 8);
    assert_memory_equal(bytes.bytes + 8, numbers, sizeof numbers);
    assert_int_equal(nj_token_trie_width(&trie), 2);
    nj_buffer_fini(&bytes);
}

static void a_walk_finds_every_string_and_no_other(void **state)
{
    (void)state;
    nj_buffer bytes;
    nj_token_trie trie;
    build(&STRINGS, &bytes, &trie);

    const uint32_t twice = nj_token_trie_find(&trie, TOKENS, 3);
    const nj_token_trie_range both = nj_token_trie_items(&trie, twice);

    assert_int_equal(both.end - both.first, 2);
    assert_int_equal(trie.items[both.first], 0);
    assert_int_equal(trie.items[both.first + 1], 3);
    assert_int_equal(nj_token_trie_find(&trie, TOKENS, 0), 0);
    assert_int_equal(nj_token_trie_step(&trie, 0, 2), NJ_TOKEN_TRIE_NONE);
    assert_int_equal(nj_token_trie_step(&trie, twice, 2), NJ_TOKEN_TRIE_NONE);
    const uint32_t inside = nj_token_trie_step(&trie, 0, 3);
    const nj_token_trie_range nobody = nj_token_trie_items(&trie, inside);
    assert_int_equal(nobody.first, nobody.end);
    nj_buffer_fini(&bytes);
}

static void a_fold_marks_every_beginning_of_a_row(void **state)
{
    (void)state;
    nj_buffer bytes;
    nj_token_trie trie;
    build(&STRINGS, &bytes, &trie);
    const uint64_t rows = 1u << 4; // "1 2"
    uint64_t nodes = UINT64_MAX;

    nj_token_trie_fold(&trie, &rows, &nodes);

    assert_int_equal(nodes, 1u << 0 | 1u << 1 | 1u << 3);
    nj_buffer_fini(&bytes);
}

// ---- random ones ----

typedef struct {
    uint32_t tokens[ROWS_MAX * TOKENS_MAX];
    uint64_t offset[ROWS_MAX + 1];
    uint8_t retired[ROWS_MAX];
    nj_token_strings strings;
} table;

static void make_table(table *t, uint64_t seed)
{
    const uint32_t row_count = 1 + (uint32_t)(nj_rng_next(&seed) % ROWS_MAX);
    const uint32_t alphabet = 2 + (uint32_t)(nj_rng_next(&seed) % 8);
    for (uint32_t row = 0; row < row_count; row++) {
        const uint32_t size = 1 + (uint32_t)(nj_rng_next(&seed) % TOKENS_MAX);
        t->offset[row + 1] = t->offset[row] + size;
        t->retired[row] = row > 0 && nj_rng_next(&seed) % 10 == 0;
        for (uint64_t i = t->offset[row]; i < t->offset[row + 1]; i++) {
            t->tokens[i] = (uint32_t)(nj_rng_next(&seed) % alphabet);
        }
    }
    t->strings = (nj_token_strings){t->tokens, t->offset, row_count, alphabet, t->retired};
}

static bool begins_with(const table *t, uint32_t row, const uint32_t *tokens, uint64_t count)
{
    return t->offset[row + 1] - t->offset[row] >= count &&
           memcmp(t->tokens + t->offset[row], tokens, count * sizeof *tokens) == 0;
}

// Every beginning of every string, counted once, by looking at all rows before it.
static uint32_t count_beginnings(const table *t)
{
    uint32_t found = 1; // the empty one
    for (uint32_t row = 0; row < t->strings.row_count; row++) {
        const uint32_t *string = t->tokens + t->offset[row];
        for (uint64_t size = 1; size <= t->offset[row + 1] - t->offset[row]; size++) {
            bool is_new = !t->retired[row];
            for (uint32_t before = 0; before < row && is_new; before++) {
                is_new = t->retired[before] || !begins_with(t, before, string, size);
            }
            found += is_new;
        }
    }
    return found;
}

// The rows whose whole string is that of `row`, in catalogue order, stand at its node.
static void check_row(const table *t, const nj_token_trie *trie, uint32_t row)
{
    const uint64_t size = t->offset[row + 1] - t->offset[row];
    const uint32_t node = nj_token_trie_find(trie, t->tokens + t->offset[row], size);
    if (node == NJ_TOKEN_TRIE_NONE) {
        assert_true(t->retired[row] && trie->row_node[row] == NJ_TOKEN_TRIE_NONE);
        return;
    }
    const nj_token_trie_range items = nj_token_trie_items(trie, node);
    uint32_t at = items.first;
    for (uint32_t other = 0; other < t->strings.row_count; other++) {
        if (!t->retired[other] && t->offset[other + 1] - t->offset[other] == size &&
            begins_with(t, other, t->tokens + t->offset[row], size)) {
            assert_true(at < items.end);
            assert_int_equal(trie->items[at++], other);
        }
    }
    assert_int_equal(at, items.end);
    assert_int_equal(trie->row_node[row], t->retired[row] ? NJ_TOKEN_TRIE_NONE : node);
    assert_int_equal(nj_token_trie_parent(trie, node),
                     nj_token_trie_find(trie, t->tokens + t->offset[row], size - 1));
}

static void check_fold(const table *t, const nj_token_trie *trie, uint64_t seed)
{
    uint64_t rows[ROWS_MAX / 64 + 1] = {0};
    uint64_t *nodes = malloc(nj_bits_words(trie->node_count) * sizeof *nodes);
    uint64_t *expected = calloc(nj_bits_words(trie->node_count), sizeof *expected);
    for (uint32_t row = 0; row < t->strings.row_count; row++) {
        if (nj_rng_next(&seed) % 5 == 0) {
            nj_bits_add(rows, row);
        }
        for (uint64_t size = 0; size <= t->offset[row + 1] - t->offset[row]; size++) {
            if (nj_bits_has(rows, row) && !t->retired[row]) {
                nj_bits_add(expected, nj_token_trie_find(trie, t->tokens + t->offset[row], size));
            }
        }
    }

    nj_token_trie_fold(trie, rows, nodes);

    assert_memory_equal(nodes, expected, nj_bits_words(trie->node_count) * sizeof *nodes);
    free(nodes);
    free(expected);
}

static void random_tries_hold_what_their_tables_hold(void **state)
{
    (void)state;
    static table t;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        nj_buffer bytes;
        nj_token_trie trie;
        make_table(&t, seed);

        build(&t.strings, &bytes, &trie);

        assert_int_equal(trie.node_count, count_beginnings(&t));
        for (uint32_t row = 0; row < t.strings.row_count; row++) {
            check_row(&t, &trie, row);
        }
        check_fold(&t, &trie, seed);
        nj_buffer_fini(&bytes);
    }
}

// ---- refusals ----

static void refuses(const nj_token_strings *strings, const char *part)
{
    nj_error err = {0};
    nj_buffer bytes;
    nj_buffer_init(&bytes, SIZE_MAX / 2);
    assert_refused(nj_token_trie_build(strings, &bytes, &err), NJ_INPUT, &err, part);
    assert_int_equal(bytes.size, 0);
    nj_buffer_fini(&bytes);
}

static void strings_that_make_no_trie_are_refused(void **state)
{
    (void)state;
    static uint32_t tokens[NJ_STRING_TOKENS_MAX + 1];
    const uint64_t long_one[] = {0, NJ_STRING_TOKENS_MAX + 1};
    const uint64_t longest[] = {0, NJ_STRING_TOKENS_MAX};
    nj_token_strings strings = STRINGS;
    nj_buffer bytes;
    nj_token_trie trie;

    strings.retired = NULL;
    refuses(&strings, "row 5: its string has 0 tokens, must be 1 to 256");
    refuses(&(nj_token_strings){tokens, long_one, 1, VOCABULARY, NULL},
            "row 0: its string has 257 tokens");
    strings.retired = RETIRED;
    strings.V = 3;
    refuses(&strings, "row 2: token 0 of its string is 3, the vocabulary has 3");
    refuses(&(nj_token_strings){TOKENS, OFFSET, 1, VOCABULARY, (const uint8_t[]){1}},
            "all 1 items are retired");
    build(&(nj_token_strings){tokens, longest, 1, VOCABULARY, NULL}, &bytes, &trie);
    assert_int_equal(trie.depth, NJ_STRING_TOKENS_MAX);
    nj_buffer_fini(&bytes);
}

// Opens a copy of exactly this size, so that the sanitizer sees any byte read behind it. What opens is walked whole.
static nj_status open_copy(const uint8_t *bytes, size_t size, nj_error *err)
{
    nj_token_trie trie;
    void *copy = malloc(size > 0 ? size : 1);
    memcpy(copy, bytes, size);
    const nj_status status = nj_token_trie_open(copy, size, ROWS, &trie, err);
    for (uint32_t node = 0; status == NJ_OK && node < trie.node_count; node++) {
        const nj_token_trie_range children = nj_token_trie_children(&trie, node);
        const nj_token_trie_range items = nj_token_trie_items(&trie, node);
        for (uint32_t child = children.first; child < children.end; child++) {
            assert_int_equal(nj_token_trie_step(&trie, node, trie.token[child]), child);
        }
        for (uint32_t i = items.first; i < items.end; i++) {
            assert_true(trie.items[i] < ROWS);
        }
    }
    free(copy);
    return status;
}

static void cut_and_longer_bytes_are_refused(void **state)
{
    (void)state;
    nj_buffer bytes;
    nj_token_trie trie;
    nj_error err = {0};
    build(&STRINGS, &bytes, &trie);
    for (size_t size = 0; size < bytes.size; size++) {
        assert_int_equal(open_copy(bytes.bytes, size, &err), NJ_INPUT);
    }
    assert_ok(nj_buffer_append(&bytes, "\0\0\0\0", 4), &err);
    assert_refused(open_copy(bytes.bytes, bytes.size, &err), NJ_INPUT, &err,
                   "arrays end at byte 160, the section at 164");
    nj_buffer_fini(&bytes);
}

static void every_flipped_byte_is_refused_or_safe(void **state)
{
    (void)state;
    nj_buffer bytes;
    nj_token_trie trie;
    nj_error err = {0};
    build(&STRINGS, &bytes, &trie);
    uint32_t refused = 0;
    for (size_t at = 0; at < bytes.size; at++) {
        for (uint32_t bit = 0; bit < 8; bit++) {
            bytes.bytes[at] ^= (uint8_t)(1u << bit);
            refused += open_copy(bytes.bytes, bytes.size, &err) != NJ_OK;
            bytes.bytes[at] ^= (uint8_t)(1u << bit);
        }
    }
    assert_true(refused > bytes.size * 8 * 9 / 10);
    nj_buffer_fini(&bytes);
}

typedef struct {
    size_t number; // of 4 bytes each, from the start of the section
    uint32_t value;
    const char *message;
} lie;

static void a_lie_is_named(void **state)
{
    (void)state;
    const lie lies[] = {
        {0, 0, "do not begin with \"NJTOKEN\""},
        {2, 7, "version 7"},
        {3, 1, "1 nodes, must be 2 to"},
        {4, 7, "7 items, must be 1 to 6"},
        {5, 4, "3 tokens of the longest string, the header says 4"},
        {7, 3, "the header says 3 children at most, there are 2"},
        {8, 7, "7 rows (reserved: 0), the catalogue has 6 (0)"},
        {9, 1, "6 rows (reserved: 1), the catalogue has 6 (0)"},
        {10, 1, "the children of node 0 end at 1, must be 2 to 6"},
        {11, 7, "the children of node 1 end at 7, must be 3 to 6"},
        {13, 4, "the children of node 3 end at 4, must be 5 to 6"},
        {16, 1, "the root has token 1"},
        {17, 4, "node 0: token 4 of a child is followed by 3"},
        {18, 5, "token 5 of node 2, the vocabulary has 5"},
        {22, 1, "node 0, the root, has items"},
        {24, 9, "the items of node 2 end at 9, must be 1 to 5"},
        {27, 4, "5 items, the nodes have 4"},
        {26, 2, "node 4 has neither children nor items"},
        {28, 6, "names row 6, the catalogue has 6"},
        {29, 1, "node 3 names row 1, which names node 1"},
        {32, 0, "row 0 is followed by 0"},
        {33, 1, "byte 132 between two arrays is 1"},
        {34, 4, "node 5 names row 0, which names node 4"},
        {39, 5, "5 items, the nodes have 5 and the rows name 6"},
    };
    nj_buffer bytes;
    nj_token_trie trie;
    build(&STRINGS, &bytes, &trie);
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        uint32_t *number = (uint32_t *)(void *)bytes.bytes + lies[i].number;
        const uint32_t before = *number;
        nj_error err = {0};
        *number = lies[i].value;
        assert_refused(open_copy(bytes.bytes, bytes.size, &err), NJ_INPUT, &err, lies[i].message);
        *number = before;
    }
    nj_buffer_fini(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_are_those_of_the_schema),
        cmocka_unit_test(a_walk_finds_every_string_and_no_other),
        cmocka_unit_test(a_fold_marks_every_beginning_of_a_row),
        cmocka_unit_test(random_tries_hold_what_their_tables_hold),
        cmocka_unit_test(strings_that_make_no_trie_are_refused),
        cmocka_unit_test(cut_and_longer_bytes_are_refused),
        cmocka_unit_test(every_flipped_byte_is_refused_or_safe),
        cmocka_unit_test(a_lie_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
