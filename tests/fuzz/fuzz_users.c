// fuzz_users.c - any bytes as the users of a LEASE: the first byte says how many rows the catalogue has.
#include "common/base/id.h"
#include "common/codec/shard.h"
#include "tests/fuzz/fuzz.h"

static void check_users(const nj_users *users, uint32_t item_row_count)
{
    for (size_t i = 0; i < users->count; i++) {
        const nj_request *request = &users->requests[i];
        fuzz_check(nj_id_problem(request->user) == NULL, "users have valid ids");
        for (uint32_t k = 0; k < request->item_count; k++) {
            fuzz_check(request->items[k] < item_row_count, "items are rows of the catalogue");
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nj_users users;
    nj_users again;
    nj_buffer first;
    nj_buffer second;
    nj_error err;
    if (size == 0) {
        return 0;
    }
    const uint32_t row_count = data[0];
    nj_slice bytes = {(const char *)data + 1, size - 1};
    nj_status status = nj_users_unpack(bytes, row_count, &users, &err);
    fuzz_check(status == NJ_OK || status == NJ_PROTOCOL, "users are accepted or malformed");
    if (status != NJ_OK) {
        return 0;
    }
    check_users(&users, row_count);
    nj_buffer_init(&first, NJ_SHARD_BYTES_MAX);
    nj_buffer_init(&second, NJ_SHARD_BYTES_MAX);
    fuzz_check(nj_users_pack(users.requests, users.count, &first) == NJ_OK &&
                   nj_users_unpack(nj_buffer_slice(&first), row_count, &again, &err) == NJ_OK,
               "accepted users can be packed and unpacked");
    fuzz_check(nj_users_pack(again.requests, again.count, &second) == NJ_OK &&
                   nj_slice_equal(nj_buffer_slice(&first), nj_buffer_slice(&second)),
               "users that are packed and unpacked are the same");
    nj_users_fini(&users);
    nj_users_fini(&again);
    nj_buffer_fini(&first);
    nj_buffer_fini(&second);
    return 0;
}
