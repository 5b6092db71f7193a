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

static void masks_and_excluded_items_survive_where_there_are_any(void **state)
{
    (void)state;
    const nj_request requests[] = {
        {.user = nj_slice_from("a"), .items = ITEMS, .item_count = 1},
        {.user = nj_slice_from("b"), .items = ITEMS, .item_count = 2, .mask = 2},
        {.user = nj_slice_from("c"), .exclude = ITEMS + 1, .exclude_count = 2},
        {.user = nj_slice_from("d"),
         .items = ITEMS,
         .item_count = 3,
         .mask = 1,
         .exclude = ITEMS,
         .exclude_count = 1}};
    nj_error err = {0};
    nj_buffer one;
    nj_buffer plain;
    nj_buffer buffer;
    nj_users users;
    nj_buffer_init(&one, 4096);
    nj_buffer_init(&plain, 4096);
    nj_buffer_init(&buffer, 4096);
    assert_int_equal(nj_users_pack(requests, 4, &buffer), NJ_OK);
    assert_ok(nj_users_unpack(nj_buffer_slice(&buffer), 10, 3, &users, &err), &err);
    for (size_t i = 0; i < 4; i++) {
        const nj_request *found = &users.requests[i];
        assert_int_equal(found->mask, requests[i].mask);
        assert_int_equal(found->item_count, requests[i].item_count);
        assert_int_equal(found->exclude_count, requests[i].exclude_count);
        for (uint32_t k = 0; k < found->item_count; k++) {
            assert_int_equal(found->items[k], requests[i].items[k]);
        }
        for (uint32_t k = 0; k < found->exclude_count; k++) {
            assert_int_equal(found->exclude[k], requests[i].exclude[k]);
        }
    }
    nj_users_fini(&users);
    assert_refused(nj_users_unpack(nj_buffer_slice(&buffer), 10, 2, &users, &err), NJ_PROTOCOL,
                   &err, "\"b\" has mask 2, there are 2");
    assert_refused(nj_users_unpack(nj_buffer_slice(&buffer), 9, 3, &users, &err), NJ_PROTOCOL, &err,
                   "\"c\" names item row 9, the catalogue has 9");
    for (size_t size = 0; size < buffer.size; size++) {
        assert_int_equal(
            nj_users_unpack((nj_slice){(char *)buffer.bytes, size}, 10, 3, &users, &err),
            NJ_PROTOCOL);
    }
    // Who has neither is sent as ever: id, unknown items, rows.
    assert_int_equal(nj_users_pack(requests, 1, &one), NJ_OK);
    assert_int_equal(nj_buffer_append(&plain,
                                      "\x91\x93\xa1"
                                      "a\x00\xc4\x04\x04\x00\x00\x00",
                                      11),
                     NJ_OK);
    assert_true(nj_slice_equal(nj_buffer_slice(&one), nj_buffer_slice(&plain)));
    nj_buffer_fini(&one);
    nj_buffer_fini(&plain);
    nj_buffer_fini(&buffer);
}

static void assert_same_asked(const nj_request *found, const nj_request *wanted)
{
    assert_int_equal(found->candidates != NULL, wanted->candidates != NULL);
    assert_int_equal(found->candidate_count, wanted->candidate_count);
    for (uint32_t k = 0; k < found->candidate_count; k++) {
        assert_int_equal(found->candidates[k], wanted->candidates[k]);
    }
    assert_int_equal(found->text.bytes != NULL, wanted->text.bytes != NULL);
    assert_true(nj_slice_equal(found->text, wanted->text));
}

static void candidates_and_texts_survive_and_none_is_not_no_list(void **state)
{
    (void)state;
    const nj_request requests[] = {
        {.user = nj_slice_from("a"), .candidates = ITEMS, .candidate_count = 3},
        {.user = nj_slice_from("b"), .candidates = ITEMS},
        {.user = nj_slice_from("c"), .text = nj_slice_from("what do you think of caf\xc3\xa9s?\n")},
        {.user = nj_slice_from("d"), .items = ITEMS, .item_count = 1, .text = nj_slice_from("")},
        {.user = nj_slice_from("e"),
         .items = ITEMS + 1,
         .item_count = 2,
         .unknown_count = 4,
         .mask = 1,
         .exclude = ITEMS,
         .exclude_count = 1,
         .candidates = ITEMS + 1,
         .candidate_count = 1,
         .text = nj_slice_from("x")},
        {.user = nj_slice_from("f"), .mask = 1}};
    enum { COUNT = sizeof requests / sizeof requests[0] };
    nj_error err = {0};
    nj_buffer buffer;
    nj_users users;
    nj_buffer_init(&buffer, 4096);
    assert_int_equal(nj_users_pack(requests, COUNT, &buffer), NJ_OK);
    assert_ok(nj_users_unpack(nj_buffer_slice(&buffer), 10, 2, &users, &err), &err);
    for (size_t i = 0; i < COUNT; i++) {
        assert_same_asked(&users.requests[i], &requests[i]);
        assert_int_equal(users.requests[i].item_count, requests[i].item_count);
        assert_int_equal(users.requests[i].exclude_count, requests[i].exclude_count);
    }
    nj_users_fini(&users);
    assert_refused(nj_users_unpack(nj_buffer_slice(&buffer), 9, 2, &users, &err), NJ_PROTOCOL, &err,
                   "\"a\" names item row 9, the catalogue has 9");
    for (size_t size = 0; size < buffer.size; size++) {
        assert_int_equal(
            nj_users_unpack((nj_slice){(char *)buffer.bytes, size}, 10, 2, &users, &err),
            NJ_PROTOCOL);
    }
    nj_buffer_fini(&buffer);
}

static void candidates_and_texts_beyond_their_limits_are_refused(void **state)
{
    (void)state;
    static const uint32_t rows[NJ_REQUEST_CANDIDATES_MAX + 1];
    static char text[NJ_REQUEST_TEXT_BYTES_MAX + 1];
    const struct {
        nj_request request;
        const char *says; // NULL: accepted
    } CASES[] = {
        {{.candidates = rows, .candidate_count = NJ_REQUEST_CANDIDATES_MAX}, NULL},
        {{.candidates = rows, .candidate_count = NJ_REQUEST_CANDIDATES_MAX + 1},
         "field 6 (candidates) is not bytes within their limit"},
        {{.text = {text, NJ_REQUEST_TEXT_BYTES_MAX}}, NULL},
        {{.text = {text, NJ_REQUEST_TEXT_BYTES_MAX + 1}},
         "field 7 (text) is not UTF-8 text within its limit"},
        {{.text = {"\xc3", 1}}, "field 7 (text) is not UTF-8 text within its limit"},
    };
    memset(text, 't', sizeof text);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        nj_request request = CASES[i].request;
        nj_error err = {0};
        nj_buffer buffer;
        nj_users users;
        request.user = nj_slice_from("u");
        nj_buffer_init(&buffer, NJ_SHARD_BYTES_MAX);
        assert_int_equal(nj_users_pack(&request, 1, &buffer), NJ_OK);
        nj_status status = nj_users_unpack(nj_buffer_slice(&buffer), 10, 1, &users, &err);
        if (CASES[i].says == NULL) {
            assert_ok(status, &err);
            assert_same_asked(&users.requests[0], &request);
            nj_users_fini(&users);
        } else {
            assert_refused(status, NJ_PROTOCOL, &err, CASES[i].says);
        }
        nj_buffer_fini(&buffer);
    }
}

// Every request that decides another list has another digest; those that decide the same one have the same.
static void digests_tell_requests_apart(void **state)
{
    (void)state;
    static const char *const IDS[] = {"a", "b", "m", "x", "ab", "c", "t"};
    static const uint32_t AB[] = {0, 1};
    static const uint32_t BA[] = {1, 0};
    const nj_digest mask = {{1}};
    const nj_digest other = {{2}};
    const struct {
        nj_request request;
        const nj_digest *mask;
    } CASES[] = {
        {{.items = AB, .item_count = 2}, NULL},
        {{.items = BA, .item_count = 2}, NULL},
        {{.items = AB, .item_count = 1}, NULL},
        {{.items = AB, .item_count = 1}, &mask},
        {{.items = AB, .item_count = 1}, &other},
        {{.items = AB, .item_count = 1, .exclude = BA, .exclude_count = 1}, NULL},
        {{.items = AB, .item_count = 1, .exclude = BA, .exclude_count = 1}, &mask},
        {{.items = AB, .item_count = 1, .exclude = BA, .exclude_count = 2}, &mask},
        {{.exclude = AB, .exclude_count = 2}, NULL},
        {{.exclude = AB, .exclude_count = 2}, &mask},
        {{.item_count = 0}, NULL},
        {{.item_count = 0}, &mask},
        {{.candidates = AB}, NULL},
        {{.candidates = AB, .candidate_count = 2}, NULL},
        {{.candidates = BA, .candidate_count = 2}, NULL},
        {{.items = AB, .item_count = 1, .candidates = BA, .candidate_count = 1}, NULL},
        {{.candidates = AB, .candidate_count = 1, .text = {"b", 1}}, NULL},
        {{.text = {"", 0}}, NULL},
        {{.text = {"a", 1}}, NULL},
        {{.items = AB, .item_count = 1, .text = {"b", 1}}, NULL},
        {{.exclude = AB, .exclude_count = 2, .text = {"a", 1}}, &mask},
    };
    enum { COUNT = sizeof CASES / sizeof CASES[0] };
    nj_error err = {0};
    nj_idlist_builder builder;
    nj_buffer block;
    nj_idlist items;
    nj_history_digest digests[COUNT];
    nj_idlist_builder_init(&builder);
    nj_buffer_init(&block, 4096);
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(nj_idlist_builder_add(&builder, nj_slice_from(IDS[i])), NJ_OK);
    }
    assert_int_equal(nj_idlist_builder_write(&builder, &block), NJ_OK);
    assert_ok(nj_idlist_open(block.bytes, block.size, "items", &items, &err), &err);
    for (size_t i = 0; i < COUNT; i++) {
        nj_request request = CASES[i].request;
        digests[i] = nj_request_digest(&items, &request, CASES[i].mask);
        request.user = nj_slice_from("another user");
        request.mask = 7; // a number says nothing: the mask's digest does
        const nj_history_digest again = nj_request_digest(&items, &request, CASES[i].mask);
        assert_memory_equal(&again, &digests[i], sizeof again);
        for (size_t k = 0; k < i; k++) {
            assert_memory_not_equal(&digests[i], &digests[k], sizeof digests[i]);
        }
    }
    nj_idlist_builder_fini(&builder);
    nj_buffer_fini(&block);
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
        cmocka_unit_test(masks_and_excluded_items_survive_where_there_are_any),
        cmocka_unit_test(candidates_and_texts_survive_and_none_is_not_no_list),
        cmocka_unit_test(candidates_and_texts_beyond_their_limits_are_refused),
        cmocka_unit_test(digests_tell_requests_apart),
        cmocka_unit_test(rows_beyond_the_catalogue_and_damaged_bytes_are_refused),
        cmocka_unit_test(rows_are_found_one_by_one_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
