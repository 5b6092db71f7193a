// test_idlist.c - the block of ids and the map over it: round trips, hostile blocks, growth, duplicates.
#include "common/base/idlist.h"

#include <stdio.h>

#include "common/base/id.h"
#include "tests/support/nj_test.h"

#define MANY 100000

static void add(nj_idlist_builder *builder, const char *id)
{
    assert_int_equal(nj_idlist_builder_add(builder, nj_slice_from(id)), NJ_OK);
}

static void write_example(nj_buffer *block)
{
    nj_idlist_builder builder;
    nj_idlist_builder_init(&builder);
    add(&builder, "17");
    add(&builder, "kettle-03");
    add(&builder, "caf\xc3\xa9");
    nj_buffer_init(block, 4096);
    assert_int_equal(nj_idlist_builder_write(&builder, block), NJ_OK);
    nj_idlist_builder_fini(&builder);
}

static nj_status open_block(const nj_buffer *block, nj_idlist *out, nj_error *err)
{
    return nj_idlist_open(block->bytes, block->size, "block", out, err);
}

static void what_was_added_is_read_back_in_order(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_buffer block;
    nj_idlist list;
    write_example(&block);

    assert_ok(open_block(&block, &list, &err), &err);

    assert_int_equal(list.count, 3);
    assert_true(nj_slice_equal(nj_idlist_at(&list, 0), nj_slice_from("17")));
    assert_true(nj_slice_equal(nj_idlist_at(&list, 1), nj_slice_from("kettle-03")));
    assert_true(nj_slice_equal(nj_idlist_at(&list, 2), nj_slice_from("caf\xc3\xa9")));
    nj_buffer_fini(&block);
}

static void the_bytes_of_a_block_never_change(void **state)
{
    (void)state;
    static const uint8_t GOLDEN[] = {
        2,   0,   0,   0, 0, 0, 0, 0, // count
        0,   0,   0,   0, 0, 0, 0, 0, // "a" begins
        1,   0,   0,   0, 0, 0, 0, 0, // "bc" begins
        3,   0,   0,   0, 0, 0, 0, 0, // the end
        'a', 'b', 'c',
    };
    nj_idlist_builder builder;
    nj_buffer block;
    nj_idlist_builder_init(&builder);
    nj_buffer_init(&block, sizeof GOLDEN);
    add(&builder, "a");
    add(&builder, "bc");

    assert_int_equal(nj_idlist_builder_write(&builder, &block), NJ_OK);

    assert_int_equal(block.size, sizeof GOLDEN);
    assert_memory_equal(block.bytes, GOLDEN, sizeof GOLDEN);
    nj_buffer_fini(&block);
    nj_idlist_builder_fini(&builder);
}

static void an_empty_list_is_a_list(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_idlist_builder builder;
    nj_buffer block;
    nj_idlist list;
    nj_idmap map;
    nj_idlist_builder_init(&builder);
    nj_buffer_init(&block, 4096);
    nj_idmap_init(&map);

    assert_int_equal(nj_idlist_builder_write(&builder, &block), NJ_OK);
    assert_ok(open_block(&block, &list, &err), &err);
    assert_ok(nj_idmap_build(&map, &list, "items", &err), &err);

    assert_int_equal(list.count, 0);
    assert_int_equal(nj_idmap_find(&map, nj_slice_from("a"), nj_idmap_at_list, &list),
                     NJ_IDMAP_NONE);
    nj_idmap_fini(&map);
    nj_buffer_fini(&block);
}

static void a_block_cut_at_any_byte_is_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_buffer block;
    nj_idlist list = {.count = 77};
    write_example(&block);

    for (size_t size = 0; size < block.size; size++) {
        assert_int_equal(nj_idlist_open(block.bytes, size, "block", &list, &err), NJ_INPUT);
        assert_non_null(strstr(err.text, "block: "));
    }
    assert_int_equal(nj_buffer_append(&block, "x", 1), NJ_OK);
    assert_refused(open_block(&block, &list, &err), NJ_INPUT, &err, "ids end at byte");
    assert_int_equal(list.count, 77);
    nj_buffer_fini(&block);
}

// A flip inside an id may give another good id; whatever is accepted must be safe to read and hold good ids only.
static void a_block_with_any_bit_flipped_is_refused_or_safe(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_buffer block;
    write_example(&block);
    size_t header_bits = (8 + 8 * 4) * 8;

    for (size_t bit = 0; bit < block.size * 8; bit++) {
        nj_idlist list;
        block.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        nj_status status = open_block(&block, &list, &err);
        if (status == NJ_OK) {
            for (size_t i = 0; i < list.count; i++) {
                assert_null(nj_id_problem(nj_idlist_at(&list, i)));
            }
            // In the header only an inner boundary can move and still leave good ids.
            assert_true(bit >= header_bits || (bit / 64 >= 2 && bit / 64 <= 3));
        } else {
            assert_int_equal(status, NJ_INPUT);
        }
        block.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    nj_buffer_fini(&block);
}

static void absurd_counts_and_offsets_are_refused_by_rule(void **state)
{
    (void)state;
    static const struct {
        uint64_t words[6];
        const char *complaint;
    } CASES[] = {
        {{UINT64_MAX, 0, 1, 2}, "18446744073709551615 ids do not fit in 48 bytes"},
        {{UINT64_MAX / 8, 0, 1, 2}, "ids do not fit"},
        {{5, 0, 1, 2}, "5 ids do not fit in 48 bytes"},
        {{1, 1, 24}, "ids begin at byte 1, must be 0"},
        {{1, 0, UINT64_MAX}, "ids end at byte 18446744073709551615, the block at 24"},
        {{2, 0, 17, 16}, "id 0 has a bad offset"},
        {{3, 0, 6, 2, 8, 0x6161616161616161u}, "id 1 has a bad offset"},
        {{2, 0, 0, 16}, "id 0 is empty"},
        {{1, 0, 24}, "id 0 contains a control character"},
    };
    nj_error err = {0};
    nj_idlist list;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        assert_refused(nj_idlist_open(CASES[i].words, sizeof CASES[i].words, "block", &list, &err),
                       NJ_INPUT, &err, CASES[i].complaint);
    }
}

static nj_slice numbered_id(char text[32], size_t number)
{
    int length = snprintf(text, 32, "item-%zu", number);
    return (nj_slice){text, (size_t)length};
}

static void a_map_grows_to_100000_ids_and_finds_each_and_no_other(void **state)
{
    (void)state;
    char text[32];
    nj_idlist_builder builder;
    nj_idmap map;
    nj_idlist_builder_init(&builder);
    nj_idmap_init(&map);

    for (size_t i = 0; i < MANY; i++) {
        nj_slice id = numbered_id(text, i);
        assert_int_equal(nj_idmap_find(&map, id, nj_idmap_at_builder, &builder), NJ_IDMAP_NONE);
        assert_int_equal(nj_idlist_builder_add(&builder, id), NJ_OK);
        assert_int_equal(nj_idmap_insert(&map, id, i), NJ_OK);
    }

    assert_int_equal(map.count, MANY);
    assert_int_equal(map.capacity & (map.capacity - 1), 0);
    assert_true(map.count <= map.capacity / 2);
    for (size_t i = 0; i < MANY; i++) {
        nj_slice id = numbered_id(text, i);
        assert_int_equal(nj_idmap_find(&map, id, nj_idmap_at_builder, &builder), i);
        id = numbered_id(text, MANY + i);
        assert_int_equal(nj_idmap_find(&map, id, nj_idmap_at_builder, &builder), NJ_IDMAP_NONE);
    }
    nj_idmap_fini(&map);
    nj_idlist_builder_fini(&builder);
}

static void a_map_over_a_written_list_finds_what_the_list_holds(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_buffer block;
    nj_idlist list;
    nj_idmap map;
    write_example(&block);
    nj_idmap_init(&map);
    assert_ok(open_block(&block, &list, &err), &err);

    assert_ok(nj_idmap_build(&map, &list, "items.txt", &err), &err);

    for (size_t i = 0; i < list.count; i++) {
        assert_int_equal(nj_idmap_find(&map, nj_idlist_at(&list, i), nj_idmap_at_list, &list), i);
    }
    nj_slice absent = nj_slice_from("kettle-0");
    assert_int_equal(nj_idmap_find(&map, absent, nj_idmap_at_list, &list), NJ_IDMAP_NONE);
    nj_idmap_fini(&map);
    nj_buffer_fini(&block);
}

static void a_duplicate_is_named_with_both_places(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_idlist_builder builder;
    nj_buffer block;
    nj_idlist list;
    nj_idmap map;
    nj_idlist_builder_init(&builder);
    nj_buffer_init(&block, 4096);
    nj_idmap_init(&map);
    add(&builder, "a");
    add(&builder, "twice");
    add(&builder, "b");
    add(&builder, "twice");
    assert_int_equal(nj_idlist_builder_write(&builder, &block), NJ_OK);
    assert_ok(open_block(&block, &list, &err), &err);

    assert_refused(nj_idmap_build(&map, &list, "items.txt", &err), NJ_INPUT, &err,
                   "items.txt: id \"twice\" stands at 2 and again at 4");

    nj_idmap_fini(&map);
    nj_buffer_fini(&block);
    nj_idlist_builder_fini(&builder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_read_back_in_order),
        cmocka_unit_test(the_bytes_of_a_block_never_change),
        cmocka_unit_test(an_empty_list_is_a_list),
        cmocka_unit_test(a_block_cut_at_any_byte_is_refused),
        cmocka_unit_test(a_block_with_any_bit_flipped_is_refused_or_safe),
        cmocka_unit_test(absurd_counts_and_offsets_are_refused_by_rule),
        cmocka_unit_test(a_map_grows_to_100000_ids_and_finds_each_and_no_other),
        cmocka_unit_test(a_map_over_a_written_list_finds_what_the_list_holds),
        cmocka_unit_test(a_duplicate_is_named_with_both_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
