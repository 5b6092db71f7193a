#include "ops/cli/channel_split.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static nj_status read_share(char *word, nj_channel_split *out, nj_error *err)
{
    char *parts = strchr(word, '=');
    char *end = NULL;
    if (out->count == NIGHTJAR_CHANNELS_MAX) {
        return nj_fail(err, NJ_USAGE, "--split: more than %d channels", NIGHTJAR_CHANNELS_MAX);
    }
    if (parts != NULL) {
        *parts++ = '\0';
    }
    const unsigned long count =
        parts != NULL && *parts >= '0' && *parts <= '9' ? strtoul(parts, &end, 10) : 0;
    if (end == NULL || *end != '\0' || count > NIGHTJAR_SHARE_WHOLE) {
        return nj_fail(err, NJ_USAGE,
                       "--split: \"%.80s\" is not CHANNEL=PARTS, with 0 to %d parts of %d", word,
                       NIGHTJAR_SHARE_WHOLE, NIGHTJAR_SHARE_WHOLE);
    }
    for (size_t i = 0; i < out->count; i++) {
        if (strcmp(out->shares[i].channel, word) == 0) {
            return nj_fail(err, NJ_USAGE, "--split: channel \"%.80s\" has two shares", word);
        }
    }
    out->shares[out->count++] = (nightjar_share){word, (uint32_t)count};
    return NJ_OK;
}

nj_status nj_channel_split_read(const char *text, nj_channel_split *out, nj_error *err)
{
    char *rest = NULL;
    uint64_t sum = 0;
    nj_status status = NJ_OK;
    if (strlen(text) >= sizeof out->text) {
        return nj_fail(err, NJ_USAGE, "--split has %zu characters, at most %zu", strlen(text),
                       sizeof out->text - 1);
    }
    out->count = 0;
    memcpy(out->text, text, strlen(text) + 1);
    for (char *word = strtok_r(out->text, ",", &rest); word != NULL && status == NJ_OK;
         word = strtok_r(NULL, ",", &rest)) {
        status = read_share(word, out, err);
        sum += status == NJ_OK ? out->shares[out->count - 1].parts : 0;
    }
    if (status == NJ_OK && sum != NIGHTJAR_SHARE_WHOLE) {
        status = nj_fail(err, NJ_USAGE, "--split: the shares add up to %" PRIu64 ", must be %d",
                         sum, NIGHTJAR_SHARE_WHOLE);
    }
    return status;
}
