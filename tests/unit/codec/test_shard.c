// test_shard.c - users out and rows back: round trips and refusals.
#include "common/codec/shard.h"

#include "tests/support/nj_test.h"

static const uint32_t ITEMS[] = {4, 0, 9};

static void pack_example(nj_buffer *buffer)
{
    nj_request requests[] = {
        {.user = nj_slice_from("u1"), .items = ITEMS, .item_count = 3, .unknown_count = 1},
        {.user = nj_slice_from("cold"), .items = ITEMS, .item_count = 0}};
    nj_buffer_init(buffer, 4096);
    assert_int_equal(nj_users_pack(requests, 2, buffer), NJ_OK);
}

static void users_survive_the_wire(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_buffer buffer;
    nj_users users;
    pack_example(&buffer);
    assert_ok(nj_users_unpack(nj_buffer_slice(&buffer), 10, 1, &users, &err), &err);
    assert_int_equal(users.count, 2);
    assert_int_equal(users.requests[0].unknown_count, 1);
    assert_int_equal(users.requests[0].item_count, 3);
    assert_memory_equal(users.requests[0].items, ITEMS, sizeof ITEMS);
    assert_true(nj_slice_equal(users.requests[1].user, nj_slice_from("cold")));
    assert_int_equal(users.requests[1].item_count, 0);
    nj_users_fini(&users);
    nj_buffer_fini(&buffer);
}

static void rows_beyond_the_catalogue_and_damaged_bytes_are_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_buffer buffer;
    nj_users users;
    pack_example(&buffer);
    assert_refused(nj_users_unpack(nj_buffer_slice(&buffer), 9, 1, &users, &err), NJ_PROTOCOL, &err,
                   "item row 9, the catalogue has 9");
    for (size_t size = 0; size < buffer.size; size++) {
        assert_int_equal(
            nj_users_unpack((nj_slice){(char *)buffer.bytes, size}, 10, 1, &users, &err),
            NJ_PROTOCOL);
    }
    for (size_t bit = 0; bit < buffer.size * 8; bit++) {
        buffer.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (nj_users_unpack(nj_buffer_slice(&buffer), 10, 1, &users, &err) == NJ_OK) {
            nj_users_fini(&users);
        }
        buffer.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    nj_buffer_fini(&buffer);
}

static void rows_are_found_one_by_one_or_not_at_all(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_buffer blob;
    nj_slice rows[3];
    nj_buffer_init(&blob, 4096);
    assert_int_equal(nj_rows_begin(&blob, 2), NJ_OK);
    assert_int_equal(nj_rows_add(&blob, nj_slice_from("first")), NJ_OK);
    assert_int_equal(nj_rows_add(&blob, nj_slice_from("second")), NJ_OK);

    assert_ok(nj_rows_split(nj_buffer_slice(&blob), 2, rows, &err), &err);
    assert_true(nj_slice_equal(rows[0], nj_slice_from("first")));
    assert_true(nj_slice_equal(rows[1], nj_slice_from("second")));
    assert_int_equal(nj_rows_split(nj_buffer_slice(&blob), 1, rows, &err), NJ_PROTOCOL);
    assert_int_equal(nj_rows_split(nj_buffer_slice(&blob), 3, rows, &err), NJ_PROTOCOL);
    for (size_t size = 0; size < blob.size; size++) {
        nj_slice cut = {(const char *)blob.bytes, size};
        assert_int_equal(nj_rows_split(cut, 2, rows, &err), NJ_PROTOCOL);
    }
    assert_int_equal(nj_buffer_append(&blob, "", 1), NJ_OK); // a third element behind the array
    assert_int_equal(nj_rows_split(nj_buffer_slice(&blob), 2, rows, &err), NJ_PROTOCOL);

    nj_buffer_clear(&blob);
    assert_int_equal(nj_rows_begin(&blob, 2), NJ_OK);
    assert_int_equal(nj_rows_add(&blob, nj_slice_from("bytes")), NJ_OK);
    assert_int_equal(nj_buffer_append(&blob, "\x07", 1), NJ_OK);
    assert_refused(nj_rows_split(nj_buffer_slice(&blob), 2, rows, &err), NJ_PROTOCOL, &err,
                   "number 1 is not bytes");
    nj_buffer_fini(&blob);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_survive_the_wire),
        cmocka_unit_test(rows_beyond_the_catalogue_and_damaged_bytes_are_refused),
        cmocka_unit_test(rows_are_found_one_by_one_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
