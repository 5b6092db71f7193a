// fuzz_origin.c - any bytes as a generation's ORIGIN: as they are, and behind their digest, which whoever means harm can make.
#include <stdio.h>

#include "common/store/key.h"
#include "common/store/origin.h"
#include "tests/fuzz/fuzz.h"

static nj_status look_at_record(void *context, const nj_origin_record *record, nj_error *err)
{
    (void)err;
    nj_store_key key;
    fuzz_check(strlen(record->user) <= NJ_ID_BYTES_MAX && record->rows > 0 &&
                   nj_origin_state_word(record->state) != NULL,
               "a record is within its limits");
    *(bool *)context = nj_store_key_pack(nj_slice_from(record->user), &key, NULL) == NJ_OK;
    return NJ_OK;
}

static bool is_expected(nj_status status)
{
    return status == NJ_OK || status == NJ_REFUSED || status == NJ_CONFIG || status == NJ_NOT_FOUND;
}

static void read_origin(nj_slice bytes)
{
    static const char *const USERS[] = {"0", "17", "u5", "zz"};
    nj_error err;
    nj_origin *origin = NULL;
    nj_origin_record record;
    bool is_user = false;
    nj_status status = nj_store_origin_parse(bytes, "origin", &origin, &err);
    fuzz_check(is_expected(status), "it is accepted or refused");
    if (status != NJ_OK) {
        return;
    }
    const nj_origin_night *night = nj_store_origin_night(origin);
    for (size_t i = 0; i < night->input_count; i++) {
        fuzz_check(nj_store_origin_input(origin, night->inputs[i].option) != NULL,
                   "an input is found");
    }
    for (size_t i = 0; i < sizeof USERS / sizeof USERS[0]; i++) {
        fuzz_check(
            is_expected(nj_store_origin_find(origin, nj_slice_from(USERS[i]), &record, &err)),
            "a user is found, is not there, or a line is refused");
    }
    fuzz_check(is_expected(nj_store_origin_each(origin, look_at_record, &is_user, &err)),
               "lines are read or refused");
    nj_store_origin_close(&origin);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char hex[NJ_DIGEST_HEX_BYTES];
    nj_buffer sealed;
    read_origin((nj_slice){(const char *)data, size});
    nj_buffer_init(&sealed, size + 256);
    const nj_digest digest = nj_digest_of(data, size);
    nj_digest_hex(&digest, hex);
    fuzz_check(nj_buffer_append(&sealed, data, size) == NJ_OK &&
                   nj_buffer_printf(&sealed, "{\"records\":1,\"digest\":\"%s\"}\n", hex) == NJ_OK,
               "there is memory");
    read_origin(nj_buffer_slice(&sealed));
    nj_buffer_fini(&sealed);
    return 0;
}
