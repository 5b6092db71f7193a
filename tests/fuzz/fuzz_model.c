// fuzz_model.c - any bytes as a model's config.json.
#include "common/codec/json.h"
#include "tests/fuzz/fuzz.h"
#include "worker/t5/t5.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nj_t5_config config;
    nj_error err;
    json_t *json = NULL;
    if (nj_json_parse((const char *)data, size, "config.json", &json, &err) != NJ_OK) {
        return 0;
    }
    nj_status status = nj_t5_config_read(json, "config.json", &config, &err);
    json_decref(json);
    fuzz_check(status == NJ_OK || status == NJ_INPUT, "a config is accepted or malformed");
    if (status == NJ_OK) {
        fuzz_check(config.D >= 1 && config.F >= 1 && (uint64_t)config.H * config.E >= 1 &&
                       (uint64_t)config.H * config.E <= NJ_T5_WIDTH_MAX &&
                       config.start_token < config.V && config.distance_max > config.R / 2 &&
                       config.encoder_layers >= 1 && config.decoder_layers >= 1 &&
                       config.epsilon > 0.0f,
                   "an accepted config is within its limits");
        fuzz_check(nj_t5_model_bytes(&config, nj_kernels_at(0), NJ_SAVINGS_ALL) > 0,
                   "its memory can be told before it is taken");
    }
    return 0;
}
