#include "common/catalogue/tokens.h"

#include <inttypes.h>

nj_status nj_level_token_bases(const nj_sids *sids, uint32_t token_base, const char *what,
                               uint32_t out[NJ_LEVELS_MAX], nj_error *err)
{
    uint64_t base = token_base;
    for (uint32_t l = 0; l < sids->level_count; l++) {
        uint64_t end = base + sids->codes_per_level[l];
        if (end > (uint64_t)NJ_TOKEN_MAX + 1) {
            return nj_fail(err, NJ_INPUT,
                           "%s: tokens of level %" PRIu32 " end at %" PRIu64
                           ", the highest token is %d",
                           what, l, end - 1, NJ_TOKEN_MAX);
        }
        out[l] = (uint32_t)base;
        base = end;
    }
    return NJ_OK;
}

nj_status nj_vocabulary_check(const nj_sids *sids, const uint32_t *level_token_base,
                              const nj_template *template, uint32_t V, nj_error *err)
{
    uint32_t highest_code[NJ_LEVELS_MAX] = {0};
    for (size_t row = 0; row < sids->row_count; row++) {
        for (uint32_t l = 0; l < sids->level_count; l++) {
            uint16_t code = sids->codes[row * sids->level_count + l];
            highest_code[l] = code > highest_code[l] ? code : highest_code[l];
        }
    }
    for (uint32_t l = 0; l < sids->level_count; l++) {
        uint32_t token = level_token_base[l] + highest_code[l];
        if (token >= V) {
            return nj_fail(err, NJ_CONFIG,
                           "level %" PRIu32 " of the catalogue uses code %" PRIu32
                           ", which is token %" PRIu32 "; the model has %" PRIu32
                           " tokens (0 to %" PRId64 ")",
                           l, highest_code[l], token, V, (int64_t)V - 1);
        }
    }
    uint32_t token;
    if (nj_template_token_highest(template, &token) && token >= V) {
        return nj_fail(err, NJ_CONFIG,
                       "the catalogue's template has token %" PRIu32 "; the model has %" PRIu32
                       " tokens",
                       token, V);
    }
    return NJ_OK;
}
