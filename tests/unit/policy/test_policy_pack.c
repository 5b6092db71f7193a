// test_policy_pack.c - the section "policy": what comes back is what was packed, and hostile bytes are refused.
#include "common/policy/policy_pack.h"

#include <stdlib.h>

#include "common/codec/pack.h"
#include "common/policy/policy_read.h"
#include "tests/support/nj_test.h"
#include "tests/support/policy_shelf.h"

static policy_shelf shelf;

static void pack(const char *text, nj_buffer *out)
{
    nj_policy policy;
    nj_error err = {0};
    nj_buffer_init(out, NJ_POLICY_BYTES_MAX);
    assert_ok(nj_policy_parse(text, strlen(text), "p.yaml", NULL, 0, &shelf.names, &policy, &err),
              &err);
    assert_ok(nj_policy_pack(&policy, &shelf.names, out, &err), &err);
}

static nj_status unpack(const nj_buffer *bytes, nj_policy *out, nj_error *err)
{
    return nj_policy_unpack(bytes->bytes, bytes->size, &shelf.names, out, err);
}

static void what_comes_back_is_what_was_read(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {SHELF_POLICY, "version: 1\n"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        nj_buffer bytes;
        nj_buffer again;
        nj_policy read;
        nj_policy unpacked;
        nj_error err = {0};
        pack(TEXTS[i], &bytes);
        assert_ok(nj_policy_parse(TEXTS[i], strlen(TEXTS[i]), "p.yaml", NULL, 0, &shelf.names,
                                  &read, &err),
                  &err);
        assert_ok(unpack(&bytes, &unpacked, &err), &err);
        assert_memory_equal(&read, &unpacked, sizeof read); // both begin with zeros, padding too
        nj_buffer_init(&again, NJ_POLICY_BYTES_MAX);
        assert_ok(nj_policy_pack(&unpacked, &shelf.names, &again, &err), &err);
        assert_int_equal(again.size, bytes.size);
        assert_memory_equal(again.bytes, bytes.bytes, bytes.size);
        nj_buffer_fini(&again);
        nj_buffer_fini(&bytes);
    }
}

static void the_longest_policy_comes_back(void **state)
{
    (void)state;
    nj_buffer bytes;
    nj_policy policy;
    nj_policy back;
    nj_error err = {0};
    static const char TEXT[] = "version: 1\n";
    assert_ok(
        nj_policy_parse(TEXT, sizeof TEXT - 1, "p.yaml", NULL, 0, &shelf.names, &policy, &err),
        &err);
    // As many caps as there is room for that do not contradict each other, and as many of the others as the shop has items.
    for (uint32_t i = 0; i < 3; i++) {
        policy.caps[i] = (nj_policy_cap){
            .attribute = NJ_POLICY_NONE, .value = NJ_POLICY_NONE, .levels = i + 1, .most = 1};
    }
    policy.cap_count = 3;
    for (uint32_t i = 0; i < SHELF_ITEMS; i++) {
        policy.boosts[i] = (nj_policy_boost){{NJ_POLICY_NONE, i}, 100.0f};
        policy.pins[i] = (nj_policy_pin){.row = i, .place = NJ_POLICY_PLACES_MAX - SHELF_ITEMS + i};
    }
    policy.boost_count = SHELF_ITEMS;
    policy.pin_count = SHELF_ITEMS;
    nj_buffer_init(&bytes, NJ_POLICY_BYTES_MAX);
    assert_ok(nj_policy_pack(&policy, &shelf.names, &bytes, &err), &err);
    assert_ok(unpack(&bytes, &back, &err), &err);
    assert_memory_equal(&policy, &back, sizeof policy);
    nj_buffer_fini(&bytes);
}

static void bytes_that_are_cut_or_longer_are_refused(void **state)
{
    (void)state;
    nj_buffer bytes;
    nj_policy policy;
    nj_error err = {0};
    pack(SHELF_POLICY, &bytes);
    for (size_t size = 0; size < bytes.size; size++) {
        assert_int_equal(nj_policy_unpack(bytes.bytes, size, &shelf.names, &policy, &err),
                         NJ_INPUT);
        assert_int_equal(err.status, NJ_INPUT);
    }
    assert_int_equal(nj_buffer_append(&bytes, "\0", 1), NJ_OK);
    assert_int_equal(unpack(&bytes, &policy, &err), NJ_INPUT);
    nj_buffer_fini(&bytes);
}

static void flipped_bytes_are_refused_or_another_policy(void **state)
{
    (void)state;
    nj_buffer bytes;
    uint32_t refused = 0;
    pack(SHELF_POLICY, &bytes);
    for (size_t i = 0; i < bytes.size; i++) {
        for (uint32_t bit = 0; bit < 8; bit++) {
            nj_policy policy;
            nj_error err = {0};
            bytes.bytes[i] ^= (uint8_t)(1u << bit);
            const nj_status status = unpack(&bytes, &policy, &err);
            assert_true(status == NJ_OK || status == NJ_INPUT || status == NJ_CONFIG);
            if (status == NJ_OK) { // in its limits: it can be packed with the shop's names
                nj_buffer again;
                nj_buffer_init(&again, NJ_POLICY_BYTES_MAX);
                assert_ok(nj_policy_pack(&policy, &shelf.names, &again, &err), &err);
                nj_buffer_fini(&again);
            }
            refused += status != NJ_OK;
            bytes.bytes[i] ^= (uint8_t)(1u << bit);
        }
    }
    assert_true(refused > bytes.size);
    nj_buffer_fini(&bytes);
}

// Replaces the first field `from` by `to`, both whole MessagePack values of the same length.
static void change(nj_buffer *bytes, const char *from, const char *to, size_t size)
{
    uint8_t *at = memmem(bytes->bytes, bytes->size, from, size);
    assert_non_null(at);
    memcpy(at, to, size);
}

static void values_outside_their_limits_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        const char *to;
        size_t size;
        const char *part;
    } CHANGES[] = {
        {"\xca\x3e\x80\x00\x00", "\xca\x7f\xc0\x00\x00", 5,
         "is not a finite float"}, // penalty: NaN
        {"\xca\x3e\x80\x00\x00", "\xca\x43\x80\x00\x00", 5,
         "candidates.diverse.penalty is 256, must be from 0 to 100"},
        {"\x01\x3c\x04\xca", "\x03\x3c\x04\xca", 4, "candidates.search is 3, must be from 0 to 2"},
        {"\x01\x3c\x04\xca", "\x01\x3c\x01\xca", 4,
         "candidates.diverse.groups is 1, must be from 2 to 1000"},
        {"\x1e\xca\x3f\x66", "\x00\xca\x3f\x66", 4,
         "candidates.neighbours.count is 0, must be from 1 to 1000"},
        {"\xca\xbf\xc0\x00\x00", "\xca\xc3\x80\x00\x00", 5,
         "adjust.boosts is -256, must be from -100 to 100"},
        {"\xa2i8\x02", "\xa2i8\x00", 4, "pins of the places 0 and 0, must rise"},
    };
    for (size_t i = 0; i < sizeof CHANGES / sizeof CHANGES[0]; i++) {
        nj_buffer bytes;
        nj_policy policy;
        nj_error err = {0};
        pack(SHELF_POLICY, &bytes);
        change(&bytes, CHANGES[i].from, CHANGES[i].to, CHANGES[i].size);
        assert_refused(unpack(&bytes, &policy, &err), NJ_INPUT, &err, CHANGES[i].part);
        nj_buffer_fini(&bytes);
    }
}

static void words_that_the_bundle_does_not_have_are_refused_with_the_line_of_the_file(void **state)
{
    (void)state;
    nj_buffer bytes;
    nj_policy policy;
    nj_error err = {0};
    pack(SHELF_POLICY, &bytes);
    change(&bytes, "\xa3Zen", "\xa3Zem", 4);
    assert_refused(unpack(&bytes, &policy, &err), NJ_CONFIG, &err,
                   "policy: line 12: adjust.boosts: value \"Zem\" is not among the 3 values of "
                   "column \"brand\"; did you mean Zen?");
    change(&bytes, "\xa3Zem", "\xa3Zen", 4);
    change(&bytes, "\xa2i7", "\xa2i8", 3);
    assert_refused(unpack(&bytes, &policy, &err), NJ_CONFIG, &err,
                   "policy: line 22: item \"i8\" is pinned here and denied on line 16");
    nj_buffer_fini(&bytes);
}

static void another_version_is_refused_with_both_numbers(void **state)
{
    (void)state;
    nj_buffer bytes;
    nj_policy policy;
    nj_error err = {0};
    pack(SHELF_POLICY, &bytes);
    bytes.bytes[1] = 2;
    assert_refused(unpack(&bytes, &policy, &err), NJ_INPUT, &err,
                   "section \"policy\" has version 2, this program reads 1");
    nj_buffer_fini(&bytes);
}

static int open_shelf(void **state)
{
    (void)state;
    shelf_open(&shelf);
    return 0;
}

static int close_shelf(void **state)
{
    (void)state;
    shelf_close(&shelf);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_back_is_what_was_read),
        cmocka_unit_test(the_longest_policy_comes_back),
        cmocka_unit_test(bytes_that_are_cut_or_longer_are_refused),
        cmocka_unit_test(flipped_bytes_are_refused_or_another_policy),
        cmocka_unit_test(values_outside_their_limits_are_refused),
        cmocka_unit_test(words_that_the_bundle_does_not_have_are_refused_with_the_line_of_the_file),
        cmocka_unit_test(another_version_is_refused_with_both_numbers),
    };
    return cmocka_run_group_tests(tests, open_shelf, close_shelf);
}
