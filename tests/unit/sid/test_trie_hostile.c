// test_trie_hostile.c - bytes from outside: cut, flipped, inflated. What opens can be walked to its last item.
#include "common/sid/trie_build.h"

#include <stdlib.h>

#include "common/sid/trie_layout.h"
#include "tests/support/nj_test.h"

#define ROWS 7

// Shares prefixes and a leaf, and leaves a gap behind most arrays.
static const uint16_t CODES[ROWS * 3] = {3, 0, 1, /**/ 0, 2,      2, /**/ 3, 1,      0, /**/ 0, 2,
                                         0, 3, 0, 1,      /**/ 4, 0, 0,      /**/ 0, 0, 3};
static const nj_sids SIDS = {CODES, ROWS, 3, {5, 3, 4}, NULL};

// A copy of exactly `size` bytes, so that the sanitizer sees any byte read behind it.
static uint8_t *copy_bytes(const nj_buffer *bytes, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes->bytes, size);
    return copy;
}

static uint16_t scratch[NJ_CODES_MAX];

static void build(nj_buffer *bytes)
{
    nj_error err = {0};
    nj_buffer_init(bytes, SIZE_MAX / 2);
    assert_ok(nj_trie_build(&SIDS, bytes, &err), &err);
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
}

static void every_cut_of_a_trie_is_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_trie trie;
    nj_buffer bytes;
    build(&bytes);
    for (size_t size = 0; size < bytes.size; size++) {
        uint8_t *copy = copy_bytes(&bytes, size);
        assert_int_equal(nj_trie_open(copy, size, ROWS, &trie, &err), NJ_INPUT);
        free(copy);
    }
    nj_buffer_fini(&bytes);
}

static void every_flipped_bit_is_refused_or_leaves_a_trie_that_is_safe_to_walk(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_buffer bytes;
    build(&bytes);
    uint8_t *copy = copy_bytes(&bytes, bytes.size);
    size_t opened = 0;
    for (size_t bit = 0; bit < bytes.size * 8; bit++) {
        nj_trie trie;
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        nj_status status = nj_trie_open(copy, bytes.size, ROWS, &trie, &err);
        if (status == NJ_OK) {
            walk_all(&trie, ROWS);
            opened++;
        } else {
            assert_int_equal(status, NJ_INPUT);
        }
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(opened < bytes.size); // a code or K may become another legal one; structure may not
    free(copy);
    nj_buffer_fini(&bytes);
}

// One word of the little trie is overwritten; what the refusal must say.
typedef struct {
    size_t offset;
    uint32_t value;
    const char *says;
} hostile_word;

static void refuse_word(const nj_buffer *bytes, hostile_word word)
{
    nj_error err = {0};
    nj_trie trie;
    uint8_t *copy = copy_bytes(bytes, bytes->size);
    memcpy(copy + word.offset, &word.value, sizeof word.value);
    assert_refused(nj_trie_open(copy, bytes->size, ROWS, &trie, &err), NJ_INPUT, &err, word.says);
    free(copy);
}

static void absurd_headers_are_refused_with_the_rule_they_break(void **state)
{
    (void)state;
    nj_buffer bytes;
    build(&bytes);
    const hostile_word words[] = {
        {0, 0x464c457f, "do not begin with"},
        {offsetof(nj_trie_header, version), 2, "version 2, this program reads 1"},
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

// Sets one u32 (or, for codes, two u16 at once) of an array and expects the refusal.
static void broken_arrays_are_refused_with_the_rule_they_break(void **state)
{
    (void)state;
    nj_buffer bytes;
    build(&bytes);
    nj_trie_layout layout;
    assert_true(nj_trie_layout_of((const nj_trie_header *)(const void *)bytes.bytes, &layout));
    // Level 0 has codes 0 3 4; leaves hold rows 6, 3, 1, {0, 4}, 2, 5.
    const hostile_word words[] = {
        {layout.child_offset[0], 1, "run from 1"},
        {layout.child_offset[0] + 4, 2, "to 2, must be 0 to 3"},
        {layout.child_offset[1] + 4, 0, "level 1, node 0: offset 0 is followed by 0"},
        {layout.child_offset[1] + 4, 0x7fffffff, "offset 2147483647 is followed by"},
        {layout.child_offset[1] + 8, 1, "node 1: offset 2 is followed by 1"},
        {layout.codes[0], 0x00000000, "code 0 is followed by 0"},
        {layout.codes[0], 0x00030004, "code 4 is followed by 3"},
        {layout.codes[0] + 4, 0x00000005, "code 5, the level has 5 codes"},
        {layout.codes[0] + 4, 0x00010004, "between two arrays is 1"},
        {layout.leaf_offset + 4, 0, "level 3, node 0: offset 0 is followed by 0"},
        {layout.leaf_offset + 24, 6, "to 6, must be 0 to 7"},
        {layout.items, ROWS, "leaf 0 names row 7, the catalogue has 7"},
        {layout.items + 4, 6, "row 6 stands in leaf 1 and in an earlier one"},
        {layout.items + 12, 4, "row 4 is followed by 4"},
        {layout.items + 28, 9, "between two arrays is 9"},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        refuse_word(&bytes, words[i]);
    }
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
        cmocka_unit_test(broken_arrays_are_refused_with_the_rule_they_break),
        cmocka_unit_test(a_trie_of_more_rows_than_the_catalogue_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
