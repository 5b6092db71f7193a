// test_trie_hostile.c - bytes from outside: cut, flipped, inflated. What opens can be walked to its last item.
#include "common/sid/trie_build.h"

#include <stdlib.h>

#include "common/sid/trie_layout.h"
#include "tests/support/nj_test.h"

#define ROWS 7
#define MANY_ROWS 140

// Levels 0 and 1 have offsets and words, level 2 is near and has bytes, the leaves have marks. Most arrays leave a gap behind them.
static const uint16_t CODES[ROWS * 3] = {3, 0, 1, /**/ 0, 2,      2, /**/ 3, 1,      0, /**/ 0, 2,
                                         0, 3, 0, 1,      /**/ 4, 0, 0,      /**/ 0, 0, 3};
static const nj_sids SIDS = {CODES, ROWS, 3, {5, 3, 4}, NULL};

// Two nodes of 60 children each are bits on level 2; each child has one below it on level 3, so there are no starts. Leaf 0 has 21
// items, 119 others one: five blocks of marks, five hints.
static uint16_t dense_codes[MANY_ROWS * 4];
static const nj_sids DENSE = {dense_codes, MANY_ROWS, 4, {2, 2, 60, 300}, NULL};

// 70 nodes of level 2 have two children each under 16-bit codes: two bases.
static uint16_t sparse_codes[MANY_ROWS * 3];
static const nj_sids SPARSE = {sparse_codes, MANY_ROWS, 3, {2, 70, 300}, NULL};

// One leaf of two items and one of one: offsets.
static const uint16_t FLAT_CODES[] = {1, 0, 1};
static const nj_sids FLAT = {FLAT_CODES, 3, 1, {2}, NULL};

static int fill_tables(void **state)
{
    (void)state;
    for (uint32_t row = 0; row < MANY_ROWS; row++) {
        // Rows 120 and on have the SID of row 0.
        const uint32_t i = row < 120 ? row : 0;
        const uint16_t dense[4] = {1, (uint16_t)(i / 60), (uint16_t)(i % 60), (uint16_t)(299 - i)};
        const uint16_t sparse[3] = {1, (uint16_t)(row / 2), (uint16_t)(row % 2 ? 299 : 0)};
        memcpy(dense_codes + 4 * row, dense, sizeof dense);
        memcpy(sparse_codes + 3 * row, sparse, sizeof sparse);
    }
    return 0;
}

// A copy of exactly `size` bytes, so that the sanitizer sees any byte read behind it.
static uint8_t *copy_bytes(const nj_buffer *bytes, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes->bytes, size);
    return copy;
}

static uint16_t scratch[NJ_CODES_MAX];

static void build_of(const nj_sids *sids, nj_buffer *bytes)
{
    nj_error err = {0};
    nj_buffer_init(bytes, SIZE_MAX / 2);
    assert_ok(nj_trie_build(sids, bytes, &err), &err);
}

static void build(nj_buffer *bytes)
{
    build_of(&SIDS, bytes);
}

// Visits everything and checks what the header promises of a trie that was opened.
static void walk_all(const nj_trie *trie, uint32_t row_count)
{
    uint32_t items = 0;
    for (uint32_t l = 0; l < trie->level_count; l++) {
        uint32_t next = 0;
        for (uint32_t node = 0; node < trie->node_count[l]; node++) {
            nj_trie_children_span span = nj_trie_children(trie, l, node, scratch);
            assert_int_equal(span.first, next);
            assert_true(span.count > 0);
            for (uint32_t i = 0; i < span.count; i++) {
                assert_true(span.codes[i] < trie->codes_per_level[l]);
                assert_int_equal(nj_trie_step(trie, l, node, span.codes[i]), span.first + i);
            }
            next += span.count;
        }
        assert_int_equal(next, trie->node_count[l + 1]);
    }
    for (uint32_t leaf = 0; leaf < trie->node_count[trie->level_count]; leaf++) {
        uint32_t count;
        const uint32_t *rows = nj_trie_leaf_items(trie, leaf, &count);
        assert_true(count > 0);
        for (uint32_t i = 0; i < count; i++) {
            assert_true(rows[i] < row_count);
        }
        items += count;
    }
    assert_int_equal(items, trie->item_count);
    nj_trie_walk walk;
    uint32_t leaves = 1;
    nj_trie_walk_begin(trie, &walk);
    while (nj_trie_walk_next(&walk)) {
        uint16_t codes[NJ_LEVELS_MAX];
        nj_trie_leaf_codes(trie, leaves, codes);
        assert_memory_equal(codes, walk.codes, trie->level_count * sizeof *codes);
        assert_int_equal(nj_trie_find(trie, codes), leaves++);
    }
    assert_int_equal(leaves, trie->node_count[trie->level_count]);
}

static const nj_sids *const TABLES[] = {&SIDS, &DENSE, &SPARSE, &FLAT};
#define TABLE_COUNT (sizeof TABLES / sizeof *TABLES)

static void every_cut_of_a_trie_is_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_trie trie;
    for (size_t t = 0; t < TABLE_COUNT; t++) {
        nj_buffer bytes;
        build_of(TABLES[t], &bytes);
        for (size_t size = 0; size < bytes.size; size++) {
            uint8_t *copy = copy_bytes(&bytes, size);
            assert_int_equal(nj_trie_open(copy, size, TABLES[t]->row_count, &trie, &err), NJ_INPUT);
            free(copy);
        }
        nj_buffer_fini(&bytes);
    }
}

// Returns how many flips leave a trie that opens.
static size_t flip_bits(const nj_sids *sids, const nj_buffer *bytes)
{
    nj_error err = {0};
    uint8_t *copy = copy_bytes(bytes, bytes->size);
    size_t opened = 0;
    for (size_t bit = 0; bit < bytes->size * 8; bit++) {
        nj_trie trie;
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        nj_status status = nj_trie_open(copy, bytes->size, sids->row_count, &trie, &err);
        if (status == NJ_OK) {
            walk_all(&trie, sids->row_count);
            opened++;
        } else {
            assert_int_equal(status, NJ_INPUT);
        }
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    free(copy);
    return opened;
}

static void every_flipped_bit_is_refused_or_leaves_a_trie_that_is_safe_to_walk(void **state)
{
    (void)state;
    for (size_t t = 0; t < TABLE_COUNT; t++) {
        nj_buffer bytes;
        build_of(TABLES[t], &bytes);
        // A code or K may become another legal one; structure may not.
        assert_true(flip_bits(TABLES[t], &bytes) < 2 * bytes.size);
        nj_buffer_fini(&bytes);
    }
}

// One word of the little trie is overwritten; what the refusal must say.
typedef struct {
    size_t offset;
    uint32_t value;
    const char *says;
} hostile_word;

static void refuse_word_of(const nj_sids *sids, const nj_buffer *bytes, hostile_word word)
{
    nj_error err = {0};
    nj_trie trie;
    uint8_t *copy = copy_bytes(bytes, bytes->size);
    memcpy(copy + word.offset, &word.value, sizeof word.value);
    assert_refused(nj_trie_open(copy, bytes->size, sids->row_count, &trie, &err), NJ_INPUT, &err,
                   word.says);
    free(copy);
}

static void refuse_word(const nj_buffer *bytes, hostile_word word)
{
    refuse_word_of(&SIDS, bytes, word);
}

static void absurd_headers_are_refused_with_the_rule_they_break(void **state)
{
    (void)state;
    nj_buffer bytes;
    build(&bytes);
    const hostile_word words[] = {
        {0, 0x464c457f, "do not begin with"},
        {offsetof(nj_trie_header, version), 3, "version 3, this program reads 2"},
        {offsetof(nj_trie_header, level_count), 0, "0 levels"},
        {offsetof(nj_trie_header, level_count), 9, "9 levels, must be 1 to 8"},
        {offsetof(nj_trie_header, level_count), 0xffffffff, "4294967295 levels"},
        {offsetof(nj_trie_header, level_count), 2, "level 2 is set"},
        {offsetof(nj_trie_header, item_count), 0xffffffff, "4294967295 items"},
        {offsetof(nj_trie_header, item_count), ROWS + 1, "8 items, must be 6 (leaves) to 7"},
        {offsetof(nj_trie_header, item_count), 5, "5 items, must be 6"},
        {offsetof(nj_trie_header, reserved_0), 1, "reserved"},
        {offsetof(nj_trie_header, codes_per_level), 1, "1 codes, must be 2 to 65536"},
        {offsetof(nj_trie_header, codes_per_level) + 8, 65537, "65537 codes"},
        {offsetof(nj_trie_header, codes_per_level) + 12, 4, "level 3 is set"},
        {offsetof(nj_trie_header, node_count), 2, "2 roots"},
        {offsetof(nj_trie_header, node_count) + 4, 0, "0 nodes below 1"},
        {offsetof(nj_trie_header, node_count) + 8, 2, "2 nodes below 3"},
        {offsetof(nj_trie_header, node_count) + 12, 0xffffffff, "4294967295 nodes"},
        {offsetof(nj_trie_header, node_count) + 16, 1, "level 3 is set"},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        refuse_word(&bytes, words[i]);
    }
    nj_buffer_fini(&bytes);
}

static void counts_that_do_not_end_where_the_section_does_are_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_trie trie;
    nj_buffer bytes;
    build(&bytes);
    size_t size = bytes.size;
    assert_int_equal(nj_buffer_append(&bytes, "\0\0\0\0\0\0\0\0", 8), NJ_OK);
    assert_refused(nj_trie_open(bytes.bytes, size + 8, ROWS, &trie, &err), NJ_INPUT, &err,
                   "end at byte");

    nj_trie_header *header = (nj_trie_header *)(void *)bytes.bytes;
    header->node_count[3] = NJ_TRIE_NODES_MAX;
    header->item_count = NJ_TRIE_NODES_MAX;
    assert_refused(nj_trie_open(bytes.bytes, size, NJ_TRIE_NODES_MAX, &trie, &err), NJ_INPUT, &err,
                   "end at byte");
    nj_buffer_fini(&bytes);
}

static nj_trie_layout layout_of(const nj_buffer *bytes)
{
    nj_trie_layout layout;
    assert_true(nj_trie_layout_of((const nj_trie_header *)(const void *)bytes->bytes, &layout));
    return layout;
}

static void refuse_words(const nj_sids *sids, const nj_buffer *bytes, const hostile_word *words,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        refuse_word_of(sids, bytes, words[i]);
    }
}

// Each test below sets one u32 (two u16 or four u8 of codes at once) of an array and expects the refusal.
static void broken_offsets_and_words_are_refused_with_the_rule_they_break(void **state)
{
    (void)state;
    nj_buffer bytes;
    build(&bytes);
    const nj_trie_layout layout = layout_of(&bytes);
    // Level 0 has codes 0 3 4, level 1 codes 0 2, 0 1, 0.
    const hostile_word words[] = {
        {layout.starts[0].first, 1, "starts of level 0 run from 1"},
        {layout.starts[0].first + 4, 2, "to 2, must be 0 to 3"},
        {layout.starts[1].first + 4, 0, "level 1, node 0: start 0 is followed by 0"},
        {layout.starts[1].first + 4, 0x7fffffff, "start 2147483647 is followed by"},
        {layout.starts[1].first + 8, 1, "node 1: start 2 is followed by 1"},
        {layout.codes[0], 0x00000000, "code 0 is followed by 0"},
        {layout.codes[0], 0x00030004, "code 4 is followed by 3"},
        {layout.codes[0] + 4, 0x00000005, "code 5, the level has 5 codes"},
        {layout.codes[1] + 8, 0x00000003, "level 1, node 2: code 3, the level has 3 codes"},
        {layout.codes_end[0] - 2, 0x00010004, "between two arrays is 1"},
    };
    refuse_words(&SIDS, &bytes, words, sizeof words / sizeof *words);
    nj_buffer_fini(&bytes);

    build_of(&FLAT, &bytes);
    const nj_trie_layout flat = layout_of(&bytes);
    const hostile_word leaf_words[] = {
        {flat.starts[1].first + 4, 0, "level 1, node 0: start 0 is followed by 0"},
        {flat.starts[1].first + 4, 2, "leaf 0: row 1 is followed by 0"},
        {flat.starts[1].first + 8, 2, "to 2, must be 0 to 3"},
        {flat.starts[1].first_end, 7, "between two arrays is 7"},
    };
    refuse_words(&FLAT, &bytes, leaf_words, sizeof leaf_words / sizeof *leaf_words);
    nj_buffer_fini(&bytes);
}

static void broken_near_starts_and_bytes_are_refused_with_the_rule_they_break(void **state)
{
    (void)state;
    nj_buffer bytes;
    build(&bytes);
    const nj_trie_layout layout = layout_of(&bytes);
    const nj_trie_starts_layout *starts = &layout.starts[2];
    // Level 2 has the starts 0 1 3 4 5 6 over codes 3, 0 2, 1, 0, 0.
    const hostile_word words[] = {
        {starts->first, 1, "starts of level 2 run from 1 to 7, must be 0 to 6"},
        {starts->first + 4, 1, "between two arrays is 1"},
        {starts->second, 0x00010001, "level 2, node 0 starts 1 behind its own base, must be 0"},
        {starts->second, 0x00000000, "level 2, node 0: start 0 is followed by 0"},
        {starts->second, 0xffff0000, "level 2, node 1: start 65535 is followed by 3"},
        {starts->second + 8, 0x00070005, "starts of level 2 run from 0 to 7, must be 0 to 6"},
        {starts->second_end, 1, "between two arrays is 1"},
        {layout.codes[2], 0x01020004, "level 2, node 0: code 4, the level has 4 codes"},
        {layout.codes[2], 0x01000003, "level 2, node 1: code 0 is followed by 0"},
        {layout.codes[2] + 4, 0x01000000, "between two arrays is 1"},
    };
    refuse_words(&SIDS, &bytes, words, sizeof words / sizeof *words);
    nj_buffer_fini(&bytes);

    build_of(&SPARSE, &bytes);
    const nj_trie_layout sparse = layout_of(&bytes);
    // Bases 0 128.
    const hostile_word many_words[] = {
        {sparse.starts[2].first + 4, 126, "starts of level 2 run from 0 to 138, must be 0 to 140"},
        {sparse.starts[2].first + 4, 0x80000000, "starts of level 2 run from 0 to 2147483660"},
        {sparse.starts[2].second + 128, 0x00020001, "node 64 starts 1 behind its own base"},
        {sparse.codes[2], 0x00000000, "level 2, node 0: code 0 is followed by 0"},
        {sparse.codes[2] + 4, 0x012c0000, "level 2, node 1: code 300, the level has 300 codes"},
    };
    refuse_words(&SPARSE, &bytes, many_words, sizeof many_words / sizeof *many_words);
    nj_buffer_fini(&bytes);
}

static void broken_marks_and_items_are_refused_with_the_rule_they_break(void **state)
{
    (void)state;
    nj_buffer bytes;
    build(&bytes);
    const nj_trie_layout layout = layout_of(&bytes);
    const nj_trie_starts_layout *leaves = &layout.starts[3];
    // The items 6, 3, 1, 0 4, 2, 5 have marks 1 1 1 1 0 1 1.
    const hostile_word words[] = {
        {leaves->first, 2, "level 3, block 0: rank 2, there are 0 marks before it"},
        {leaves->first + 4, 0x6e, "level 3 has no mark at child 0"},
        {leaves->first + 4, 0x7f, "level 3 has 7 marks, must be 6"},
        {leaves->first + 4, 0x2f, "level 3 has 5 marks, must be 6"},
        {leaves->first + 4, 0xaf, "level 3 has a mark behind child 6, the last"},
        {leaves->first + 4, 0x77, "leaf 2: row 1 is followed by 0"},
        {leaves->second, 1, "level 3, hint 0 is block 1, the mark of node 0 is in block 0"},
        {leaves->second + 4, 1, "the last hint of level 3 is block 1, must be 0"},
        {leaves->second + 4, 0xffffffff, "the last hint of level 3 is block 4294967295"},
        {layout.items, ROWS, "leaf 0 names row 7, the catalogue has 7"},
        {layout.items + 4, 6, "row 6 stands in leaf 1 and before"},
        {layout.items + 12, 4, "leaf 3: row 4 is followed by 4"},
        {layout.items_end, 9, "between two arrays is 9"},
    };
    refuse_words(&SIDS, &bytes, words, sizeof words / sizeof *words);
    nj_buffer_fini(&bytes);

    build_of(&DENSE, &bytes);
    const nj_trie_layout dense = layout_of(&bytes);
    const nj_trie_starts_layout *many = &dense.starts[4];
    // Ranks 0 12 44 76 108, hints 0 1 2 3 and, last, 4.
    const hostile_word many_words[] = {
        {many->first + 8, 11, "level 4, block 1: rank 11, there are 12 marks before it"},
        {many->first + 4, 0xffffffff, "level 4, block 1: rank 12, there are 32 marks"},
        {many->first + 36, 0x1fff, "level 4 has 121 marks, must be 120"},
        {many->second + 4, 2, "hint 1 is block 2, the mark of node 32 is in block 1"},
        {many->second + 16, 3, "the last hint of level 4 is block 3, must be 4"},
        {many->second_end, 1, "between two arrays is 1"},
    };
    refuse_words(&DENSE, &bytes, many_words, sizeof many_words / sizeof *many_words);
    nj_buffer_fini(&bytes);
}

static void broken_bits_are_refused_with_the_rule_they_break(void **state)
{
    (void)state;
    nj_buffer bytes;
    build_of(&DENSE, &bytes);
    const nj_trie_layout layout = layout_of(&bytes);
    assert_int_equal(layout.codes_form[2], NJ_TRIE_CODES_BITS);
    assert_int_equal(layout.starts[3].form, NJ_TRIE_STARTS_NONE);
    const hostile_word words[] = {
        {layout.codes[2], 0xfffffffe, "level 2, node 0: 59 codes are set, its starts say 60"},
        {layout.codes[2] + 4, 0x1fffffff, "level 2, node 0: 61 codes are set, its starts say 60"},
        {layout.codes[2] + 12, 0x17ffffff, "level 2, node 1: a code is set behind code 59"},
        {layout.starts[2].second, 59u << 16, "node 0: 60 codes are set, its starts say 59"},
        {layout.codes[3], 0x012c012c, "level 3, node 0: code 300, the level has 300 codes"},
    };
    refuse_words(&DENSE, &bytes, words, sizeof words / sizeof *words);
    nj_buffer_fini(&bytes);
}

static void a_trie_of_more_rows_than_the_catalogue_is_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_trie trie;
    nj_buffer bytes;
    build(&bytes);
    assert_refused(nj_trie_open(bytes.bytes, bytes.size, ROWS - 1, &trie, &err), NJ_INPUT, &err,
                   "7 items, must be 6 (leaves) to 6");
    assert_ok(nj_trie_open(bytes.bytes, bytes.size, ROWS + 1, &trie, &err), &err); // one is retired
    nj_buffer_fini(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cut_of_a_trie_is_refused),
        cmocka_unit_test(every_flipped_bit_is_refused_or_leaves_a_trie_that_is_safe_to_walk),
        cmocka_unit_test(absurd_headers_are_refused_with_the_rule_they_break),
        cmocka_unit_test(counts_that_do_not_end_where_the_section_does_are_refused),
        cmocka_unit_test(broken_offsets_and_words_are_refused_with_the_rule_they_break),
        cmocka_unit_test(broken_near_starts_and_bytes_are_refused_with_the_rule_they_break),
        cmocka_unit_test(broken_marks_and_items_are_refused_with_the_rule_they_break),
        cmocka_unit_test(broken_bits_are_refused_with_the_rule_they_break),
        cmocka_unit_test(a_trie_of_more_rows_than_the_catalogue_is_refused),
    };
    return cmocka_run_group_tests(tests, fill_tables, NULL);
}
