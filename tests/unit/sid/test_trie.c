// test_trie.c - what is built is what is walked: a drawn trie node by node, its bytes, and SIDs that are refused.
#include "common/sid/trie_build.h"

#include <stdlib.h>

#include "tests/support/nj_test.h"

static uint16_t scratch[NJ_CODES_MAX];

static void build(const nj_sids *sids, nj_buffer *bytes, nj_trie *trie)
{
    nj_error err = {0};
    nj_buffer_init(bytes, SIZE_MAX / 2);
    assert_ok(nj_trie_build(sids, bytes, &err), &err);
    assert_ok(nj_trie_open(bytes->bytes, bytes->size, sids->row_count, trie, &err), &err);
}

static void assert_children(const nj_trie *trie, uint32_t level, uint32_t node, uint32_t first,
                            const uint16_t *codes, uint32_t count)
{
    nj_trie_children_span span = nj_trie_children(trie, level, node, scratch);
    assert_int_equal(span.first, first);
    assert_int_equal(span.count, count);
    assert_memory_equal(span.codes, codes, count * sizeof *codes);
}

static void assert_leaf(const nj_trie *trie, uint32_t leaf, const uint32_t *rows, uint32_t count)
{
    uint32_t found;
    const uint32_t *items = nj_trie_leaf_items(trie, leaf, &found);
    assert_int_equal(found, count);
    assert_memory_equal(items, rows, count * sizeof *rows);
}

static void assert_range(nj_trie_range range, uint32_t first, uint32_t end)
{
    assert_int_equal(range.first, first);
    assert_int_equal(range.end, end);
}

// level 0      level 1           level 2           leaves
//
//              ┌─1─► [0] ──0────► [0] ──3───────► 0: row 1
// [root] ──────┤         └─2────► [1] ──0───────► 1: rows 0, 4 (the same SID)
//              │                      └─1───────► 2: row 5
//              └─7─► [1] ──2────► [2] ──0───────► 3: row 2
//
// row 3 has SID 7 2 2 and is retired.
static const uint16_t LITTLE[] = {1, 2, 0, /**/ 1, 0, 3, /**/ 7, 2, 0,
                                  7, 2, 2, /**/ 1, 2, 0, /**/ 1, 2, 1};
static const uint8_t LITTLE_RETIRED[] = {0, 0, 0, 1, 0, 0};
static const nj_sids LITTLE_SIDS = {LITTLE, 6, 3, {8, 3, 4}, LITTLE_RETIRED};

static void every_node_of_the_little_trie_is_where_the_drawing_has_it(void **state)
{
    (void)state;
    nj_buffer bytes;
    nj_trie trie;
    build(&LITTLE_SIDS, &bytes, &trie);

    assert_int_equal(trie.level_count, 3);
    assert_int_equal(trie.item_count, 5);
    assert_int_equal(nj_trie_width(&trie), 4);
    assert_memory_equal(trie.node_count, ((uint32_t[]){1, 2, 3, 4, 0, 0, 0, 0, 0}), 9 * 4);
    assert_children(&trie, 0, 0, 0, (uint16_t[]){1, 7}, 2);
    assert_children(&trie, 1, 0, 0, (uint16_t[]){0, 2}, 2);
    assert_children(&trie, 1, 1, 2, (uint16_t[]){2}, 1);
    assert_children(&trie, 2, 0, 0, (uint16_t[]){3}, 1);
    assert_children(&trie, 2, 1, 1, (uint16_t[]){0, 1}, 2);
    assert_children(&trie, 2, 2, 3, (uint16_t[]){0}, 1);
    assert_leaf(&trie, 0, (uint32_t[]){1}, 1);
    assert_leaf(&trie, 1, (uint32_t[]){0, 4}, 2);
    assert_leaf(&trie, 2, (uint32_t[]){5}, 1);
    assert_leaf(&trie, 3, (uint32_t[]){2}, 1);
    nj_buffer_fini(&bytes);
}

static void a_step_finds_a_child_and_says_when_there_is_none(void **state)
{
    (void)state;
    nj_buffer bytes;
    nj_trie trie;
    build(&LITTLE_SIDS, &bytes, &trie);

    assert_int_equal(nj_trie_step(&trie, 0, 0, 7), 1);
    assert_int_equal(nj_trie_step(&trie, 1, 1, 2), 2);
    assert_int_equal(nj_trie_step(&trie, 2, 1, 1), 2);
    assert_int_equal(nj_trie_step(&trie, 0, 0, 0), NJ_TRIE_NONE);
    assert_int_equal(nj_trie_step(&trie, 0, 0, 5), NJ_TRIE_NONE);
    assert_int_equal(nj_trie_step(&trie, 0, 0, 65535), NJ_TRIE_NONE);
    assert_int_equal(nj_trie_step(&trie, 2, 2, 2), NJ_TRIE_NONE); // 7 2 2 is retired
    nj_buffer_fini(&bytes);
}

static void ranges_and_codes_of_the_little_trie_lead_down_and_up(void **state)
{
    (void)state;
    nj_buffer bytes;
    nj_trie trie;
    uint16_t codes[3];
    build(&LITTLE_SIDS, &bytes, &trie);

    assert_range(nj_trie_child_range(&trie, 1, 0), 0, 2);
    assert_range(nj_trie_node_range(&trie, 0, 0), 0, 4);
    assert_range(nj_trie_node_range(&trie, 1, 0), 0, 3);
    assert_range(nj_trie_node_range(&trie, 2, 2), 3, 4);
    assert_range(nj_trie_node_range(&trie, 3, 1), 1, 2);
    assert_range(nj_trie_leaf_range(&trie, 1), 1, 3);
    assert_int_equal(nj_trie_find(&trie, (uint16_t[]){1, 2, 1}), 2);
    assert_int_equal(nj_trie_find(&trie, (uint16_t[]){7, 2, 2}), NJ_TRIE_NONE); // retired
    assert_int_equal(nj_trie_find(&trie, (uint16_t[]){7, 0, 3}), NJ_TRIE_NONE); // of two items
    nj_trie_leaf_codes(&trie, 3, codes);
    assert_memory_equal(codes, ((uint16_t[]){7, 2, 0}), sizeof codes);
    nj_buffer_fini(&bytes);
}

static void a_set_folds_up_to_the_prefixes_that_lead_to_it(void **state)
{
    (void)state;
    nj_buffer bytes;
    nj_trie trie;
    uint64_t rows = 1u << 4 | 1u << 3 | 1u << 1; // 1 2 0, 7 2 2 (retired), 1 0 3
    uint64_t leaves;
    uint64_t nodes[3];
    build(&LITTLE_SIDS, &bytes, &trie);

    nj_trie_fold_rows(&trie, &rows, &leaves);
    nj_trie_fold(&trie, 2, &leaves, &nodes[2]);
    nj_trie_fold(&trie, 1, &nodes[2], &nodes[1]);
    nj_trie_fold(&trie, 0, &nodes[1], &nodes[0]);

    assert_int_equal(leaves, 3);
    assert_int_equal(nodes[2], 3);
    assert_int_equal(nodes[1], 1);
    assert_int_equal(nodes[0], 1);
    nj_buffer_fini(&bytes);
}

static void the_bytes_of_version_2_never_change(void **state)
{
    (void)state;
    // Drawn in schemas/trie.md.
    static const uint16_t CODES[] = {1, 2,      0, /**/ 1, 0,      3, /**/ 1, 2,
                                     1, /**/ 1, 2, 0,      /**/ 0, 1, 2};
    // clang-format off
    static const uint8_t GOLDEN[] = {
        'N', 'J', 'T', 'R', 'I', 'E', 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, // magic, version, L, items
        2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, // K of levels 0 to 3
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, //   of levels 4 to 7
        1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, // nodes of levels 0 to 3
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, //   of levels 4 to 7
        0, 0, 0, 0, 0, 0, 0, 0,                         //   of level 8; reserved
        0, 0, 0, 0, 2, 0, 0, 0, // level 0: offsets 0 2
        0, 0, 1, 0, 0, 0, 0, 0, //          words 0 1, gap
        0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, // level 1: offsets 0 1 3, gap
        1, 0, 0, 0, 2, 0, 0, 0,                         //          words 1 0 2, gap
        0, 0, 0, 0, 0, 0, 0, 0, // level 2: base 0, gap
        0, 0, 1, 0, 2, 0, 4, 0, //          near 0 1 2 4
        2, 3, 0, 1, 0, 0, 0, 0, //          bytes 2 3 0 1, gap
        0, 0, 0, 0, 0x17, 0, 0, 0, // leaves: rank 0, marks of items 0 1 2 4
        0, 0, 0, 0, 0, 0, 0, 0, //            hints 0 0
        4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, // items, gap
    };
    // clang-format on
    nj_sids sids = {CODES, 5, 3, {2, 3, 4}, NULL};
    nj_buffer bytes;
    nj_trie trie;
    build(&sids, &bytes, &trie);

    assert_int_equal(bytes.size, sizeof GOLDEN);
    assert_memory_equal(bytes.bytes, GOLDEN, sizeof GOLDEN);
    nj_buffer_fini(&bytes);
}

static void a_trie_of_version_1_is_refused_and_the_message_says_what_to_do(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_buffer bytes;
    nj_trie trie;
    build(&LITTLE_SIDS, &bytes, &trie);
    bytes.bytes[8] = 1;

    assert_refused(nj_trie_open(bytes.bytes, bytes.size, 6, &trie, &err), NJ_INPUT, &err,
                   "version 1, this program reads 2: pack the bundle again with it");
    nj_buffer_fini(&bytes);
}

static void every_code_of_the_widest_level_has_its_leaf(void **state)
{
    (void)state;
    uint16_t *codes = malloc(NJ_CODES_MAX * sizeof *codes);
    assert_non_null(codes);
    for (uint32_t row = 0; row < NJ_CODES_MAX; row++) {
        codes[row] = (uint16_t)(NJ_CODES_MAX - 1 - row);
    }
    nj_sids sids = {codes, NJ_CODES_MAX, 1, {NJ_CODES_MAX}, NULL};
    nj_buffer bytes;
    nj_trie trie;
    build(&sids, &bytes, &trie);

    assert_int_equal(nj_trie_width(&trie), NJ_CODES_MAX);
    for (uint32_t code = 0; code < NJ_CODES_MAX; code++) {
        uint32_t leaf = nj_trie_step(&trie, 0, 0, (uint16_t)code);
        assert_int_equal(leaf, code);
        assert_leaf(&trie, leaf, (uint32_t[]){NJ_CODES_MAX - 1 - code}, 1);
    }
    nj_buffer_fini(&bytes);
    free(codes);
}

static void the_same_sids_give_the_same_bytes(void **state)
{
    (void)state;
    nj_buffer once;
    nj_buffer again;
    nj_trie trie;
    build(&LITTLE_SIDS, &once, &trie);
    build(&LITTLE_SIDS, &again, &trie);

    assert_int_equal(once.size, again.size);
    assert_memory_equal(once.bytes, again.bytes, once.size);
    nj_buffer_fini(&once);
    nj_buffer_fini(&again);
}

// ---- refusals ----

static void sids_that_cannot_be_are_refused(void **state)
{
    (void)state;
    static const uint16_t CODES[] = {0, 1, 2, 3, 4, 5, 6, 7, 0};
    static const uint8_t ALL_RETIRED[] = {1, 1};
    nj_error err = {0};
    nj_buffer out;
    nj_buffer_init(&out, SIZE_MAX / 2);
    nj_sids high = {CODES, 2, 2, {4, 3}, NULL};
    assert_refused(nj_trie_build(&high, &out, &err), NJ_INPUT, &err,
                   "row 1, level 1: code 3, the level has 3 codes");
    nj_sids empty = {CODES, 0, 2, {4, 4}, NULL};
    assert_refused(nj_trie_build(&empty, &out, &err), NJ_INPUT, &err, "0 SIDs");
    nj_sids flat = {CODES, 2, 0, {4, 4}, NULL};
    assert_refused(nj_trie_build(&flat, &out, &err), NJ_INPUT, &err, "0 levels");
    nj_sids deep = {CODES, 1, 9, {4, 4}, NULL};
    assert_refused(nj_trie_build(&deep, &out, &err), NJ_INPUT, &err, "9 levels, must be 1 to 8");
    nj_sids narrow = {CODES, 2, 1, {1}, NULL};
    assert_refused(nj_trie_build(&narrow, &out, &err), NJ_INPUT, &err,
                   "1 codes, must be 2 to 65536");
    nj_sids wide = {CODES, 2, 1, {65537}, NULL};
    assert_refused(nj_trie_build(&wide, &out, &err), NJ_INPUT, &err, "65537 codes");
    nj_sids retired = {CODES, 2, 2, {4, 4}, ALL_RETIRED};
    assert_refused(nj_trie_build(&retired, &out, &err), NJ_INPUT, &err, "all 2 items are retired");
    assert_int_equal(out.size, 0);
    nj_buffer_fini(&out);
}

static void a_trie_that_outgrows_its_buffer_is_refused_and_the_buffer_stays_empty(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_buffer out;
    nj_buffer_init(&out, 100);
    assert_refused(nj_trie_build(&LITTLE_SIDS, &out, &err), NJ_NO_MEMORY, &err, "5 items");
    assert_int_equal(out.size, 0);
    nj_buffer_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_node_of_the_little_trie_is_where_the_drawing_has_it),
        cmocka_unit_test(a_step_finds_a_child_and_says_when_there_is_none),
        cmocka_unit_test(ranges_and_codes_of_the_little_trie_lead_down_and_up),
        cmocka_unit_test(a_set_folds_up_to_the_prefixes_that_lead_to_it),
        cmocka_unit_test(the_bytes_of_version_2_never_change),
        cmocka_unit_test(a_trie_of_version_1_is_refused_and_the_message_says_what_to_do),
        cmocka_unit_test(every_code_of_the_widest_level_has_its_leaf),
        cmocka_unit_test(the_same_sids_give_the_same_bytes),
        cmocka_unit_test(sids_that_cannot_be_are_refused),
        cmocka_unit_test(a_trie_that_outgrows_its_buffer_is_refused_and_the_buffer_stays_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
