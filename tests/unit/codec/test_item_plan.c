// test_item_plan.c - what WELCOME and LEASE carry in a round over items: there and back, and refused.
#include "common/codec/item_plan.h"

#include <string.h>

#include "tests/support/nj_test.h"

static void a_plan_comes_back_and_no_shorter_one_does(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_buffer bytes;
    nj_item_plan found;
    const nj_item_plan plan = {.work = nj_slice_from("encode_rows"),
                               .passing = (uint64_t)1 << 63 | 5,
                               .parameters = {"\0\1\2", 3}};
    nj_buffer_init(&bytes, 1024);
    assert_int_equal(nj_item_plan_pack(&plan, &bytes), NJ_OK);

    assert_ok(nj_item_plan_unpack(nj_buffer_slice(&bytes), &found, &err), &err);
    assert_true(nj_slice_equal(found.work, plan.work));
    assert_true(nj_slice_equal(found.parameters, plan.parameters));
    assert_true(found.passing == plan.passing);
    for (size_t size = 0; size < bytes.size; size++) {
        const nj_slice cut = {(const char *)bytes.bytes, size};
        assert_int_equal(nj_item_plan_unpack(cut, &found, &err), NJ_PROTOCOL);
    }
    bytes.bytes[1] = 2;
    assert_refused(nj_item_plan_unpack(nj_buffer_slice(&bytes), &found, &err), NJ_PROTOCOL, &err,
                   "version 2, 1 is known");
    nj_buffer_fini(&bytes);
}

static nj_status unpack_lease(uint64_t first, uint32_t count, uint64_t row_count, nj_error *err)
{
    nj_buffer bytes;
    uint64_t found_first = 0;
    uint32_t found_count = 0;
    nj_buffer_init(&bytes, 64);
    assert_int_equal(nj_item_lease_pack(first, count, &bytes), NJ_OK);
    nj_status status =
        nj_item_lease_unpack(nj_buffer_slice(&bytes), row_count, &found_first, &found_count, err);
    if (status == NJ_OK) {
        assert_true(found_first == first && found_count == count);
    }
    nj_buffer_fini(&bytes);
    return status;
}

static void a_lease_names_rows_that_there_are(void **state)
{
    (void)state;
    nj_error err = {0};
    assert_ok(unpack_lease(0, 1, 1, &err), &err);
    assert_ok(unpack_lease((uint64_t)1 << 40, 7, ((uint64_t)1 << 40) + 7, &err), &err);
    assert_refused(unpack_lease(3, 5, 7, &err), NJ_PROTOCOL, &err,
                   "5 rows from row 3, there are 7");
    assert_refused(unpack_lease(UINT64_MAX, 5, 7, &err), NJ_PROTOCOL, &err, "there are 7");
    assert_refused(unpack_lease(3, 0, 7, &err), NJ_PROTOCOL, &err, "0 rows");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_comes_back_and_no_shorter_one_does),
        cmocka_unit_test(a_lease_names_rows_that_there_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
