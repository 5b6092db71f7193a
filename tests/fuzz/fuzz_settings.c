// fuzz_settings.c - any bytes as the settings of a WELCOME.
#include "common/codec/settings.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nj_settings settings;
    nj_settings again;
    nj_buffer first;
    nj_buffer second;
    nj_error err;
    nj_status status = nj_settings_unpack((nj_slice){(const char *)data, size}, &settings, &err);
    fuzz_check(status == NJ_OK || status == NJ_PROTOCOL, "settings are accepted or malformed");
    if (status != NJ_OK) {
        return 0;
    }
    fuzz_check(settings.beam >= 1 && settings.top >= 1 && settings.temperature > 0.0f &&
                   nj_cold_users_word(settings.cold_users) != NULL,
               "accepted settings are within their limits");
    nj_buffer_init(&first, 4096);
    nj_buffer_init(&second, 4096);
    fuzz_check(nj_settings_pack(&settings, &first) == NJ_OK &&
                   nj_settings_unpack(nj_buffer_slice(&first), &again, &err) == NJ_OK &&
                   nj_settings_pack(&again, &second) == NJ_OK &&
                   nj_slice_equal(nj_buffer_slice(&first), nj_buffer_slice(&second)),
               "settings that are packed and unpacked are the same");
    nj_buffer_fini(&first);
    nj_buffer_fini(&second);
    return 0;
}
