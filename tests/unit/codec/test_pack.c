// test_pack.c - hostile MessagePack is refused by the walk; honest fields come back.
#include "common/codec/pack.h"

#include "tests/support/nj_test.h"

static nj_status walk(const void *bytes, size_t size, nj_error *err)
{
    return nj_pack_walk((nj_slice){bytes, size}, 100, err);
}

static void what_was_packed_is_read_back(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_buffer buffer;
    nj_buffer_init(&buffer, 4096);
    nj_packer packer;
    nj_packer_init(&packer, &buffer);
    nj_pack_array(&packer, 5);
    nj_pack_uint(&packer, 70000);
    nj_pack_bool(&packer, true);
    nj_pack_f32(&packer, -1.5f);
    nj_pack_str(&packer, nj_slice_from("caf\xc3\xa9"));
    nj_pack_bin(&packer, "\x00\xff", 2);
    assert_int_equal(packer.status, NJ_OK);

    nj_unpacked unpacked;
    assert_ok(nj_unpack(nj_buffer_slice(&buffer), 100, &unpacked, &err), &err);
    nj_fields fields;
    nj_fields_open(&fields, &unpacked.root, "test", 5, &err);
    assert_int_equal(nj_field_uint(&fields, "number", 70000), 70000);
    assert_true(nj_field_bool(&fields, "flag"));
    assert_float_equal(nj_field_f32(&fields, "score"), -1.5f, 0.0f);
    assert_int_equal(nj_field_str(&fields, "name", 5).size, 5);
    assert_int_equal(nj_field_bin(&fields, "blob", 2).size, 2);
    assert_int_equal(fields.status, NJ_OK);
    nj_unpacked_fini(&unpacked);
    nj_buffer_fini(&buffer);
}

static void every_cut_of_a_message_is_refused(void **state)
{
    (void)state;
    static const uint8_t MESSAGE[] = {0x93, 0xcd, 0x01, 0x00, 0xa3, 'a', 'b', 'c', 0xc4, 2, 9, 9};
    nj_error err = {0};
    assert_ok(walk(MESSAGE, sizeof MESSAGE, &err), &err);
    for (size_t size = 0; size < sizeof MESSAGE; size++) {
        assert_int_equal(walk(MESSAGE, size, &err), NJ_PROTOCOL);
    }
}

static void announced_sizes_beyond_the_bytes_are_refused(void **state)
{
    (void)state;
    static const uint8_t HUGE_ARRAY[] = {0xdd, 0xff, 0xff, 0xff, 0xff, 1};
    static const uint8_t HUGE_MAP[] = {0xdf, 0xff, 0xff, 0xff, 0xff, 1};
    static const uint8_t HUGE_BIN[] = {0xc6, 0xff, 0xff, 0xff, 0xff, 1};
    static const uint8_t TRAILING[] = {1, 2};
    static const uint8_t EXT[] = {0xd4, 1, 1};
    nj_error err = {0};
    assert_refused(walk(HUGE_ARRAY, sizeof HUGE_ARRAY, &err), NJ_PROTOCOL, &err, "announced");
    assert_refused(walk(HUGE_MAP, sizeof HUGE_MAP, &err), NJ_PROTOCOL, &err, "announced");
    assert_refused(walk(HUGE_BIN, sizeof HUGE_BIN, &err), NJ_PROTOCOL, &err, "malformed");
    assert_refused(walk(TRAILING, sizeof TRAILING, &err), NJ_PROTOCOL, &err, "behind the end");
    assert_refused(walk(EXT, sizeof EXT, &err), NJ_PROTOCOL, &err, "malformed");
}

static void nesting_and_element_limits_hold_at_the_limit(void **state)
{
    (void)state;
    nj_error err = {0};
    uint8_t deep[NJ_PACK_DEPTH_MAX + 2];
    memset(deep, 0x91, sizeof deep);
    deep[NJ_PACK_DEPTH_MAX] = 1;
    assert_ok(walk(deep, NJ_PACK_DEPTH_MAX + 1, &err), &err);
    deep[NJ_PACK_DEPTH_MAX] = 0x91;
    deep[NJ_PACK_DEPTH_MAX + 1] = 1;
    assert_refused(walk(deep, sizeof deep, &err), NJ_PROTOCOL, &err, "nested");

    uint8_t wide[103] = {0xdc, 0, 100};
    assert_refused(walk(wide, sizeof wide, &err), NJ_PROTOCOL, &err, "more than 100");
    wide[2] = 99;
    assert_ok(walk(wide, sizeof wide - 1, &err), &err);
}

static void a_wrong_field_sticks_and_is_named(void **state)
{
    (void)state;
    static const uint8_t MESSAGE[] = {0x92, 5, 0xc3};
    nj_error err = {0};
    nj_unpacked unpacked;
    assert_ok(nj_unpack((nj_slice){(const char *)MESSAGE, sizeof MESSAGE}, 10, &unpacked, &err),
              &err);
    nj_fields fields;
    nj_fields_open(&fields, &unpacked.root, "LEASE", 2, &err);
    assert_int_equal(nj_field_uint(&fields, "shard", 4), 0);
    assert_false(nj_field_bool(&fields, "last"));
    assert_refused(fields.status, NJ_PROTOCOL, &err, "LEASE: field 1 (shard)");
    nj_unpacked_fini(&unpacked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_packed_is_read_back),
        cmocka_unit_test(every_cut_of_a_message_is_refused),
        cmocka_unit_test(announced_sizes_beyond_the_bytes_are_refused),
        cmocka_unit_test(nesting_and_element_limits_hold_at_the_limit),
        cmocka_unit_test(a_wrong_field_sticks_and_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
