#include "ops/cli/cache_options.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/duration.h"

static bool parse_percent(const char *text, uint32_t most, uint32_t *out)
{
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    const unsigned long number = strtoul(text, &end, 10);
    if (strcmp(end, "%") != 0 || number > most) {
        return false;
    }
    *out = (uint32_t)number;
    return true;
}

nj_status nj_cache_options_read(const nj_arguments *arguments, nj_cache_form *out, nj_error *err)
{
    const char *prefix = nj_argument(arguments, "prefix");
    const char *value = nj_argument(arguments, "value");
    const char *ttl = nj_argument(arguments, "ttl");
    const char *jitter = nj_argument(arguments, "ttl-jitter");
    *out = (nj_cache_form){.prefix = prefix};
    if (strlen(prefix) > NJ_CACHE_PREFIX_BYTES_MAX) {
        return nj_fail(err, NJ_USAGE, "--prefix has %zu bytes, must have at most %d",
                       strlen(prefix), NJ_CACHE_PREFIX_BYTES_MAX);
    }
    if (strcmp(value, "msgpack") == 0) {
        out->value = NJ_CACHE_MSGPACK;
    } else if (strcmp(value, "json") != 0) {
        return nj_fail(err, NJ_USAGE, "--value is \"%s\", must be json or msgpack", value);
    }
    if (ttl != NULL && !nj_duration_parse(ttl, &out->ttl_ms)) {
        return nj_fail(err, NJ_USAGE, "--ttl is \"%s\", " NJ_DURATION_RULE, ttl);
    }
    if (!parse_percent(jitter, NJ_CACHE_JITTER_MAX, &out->jitter_percent)) {
        return nj_fail(err, NJ_USAGE, "--ttl-jitter is \"%s\", must be 0%% to %d%%", jitter,
                       NJ_CACHE_JITTER_MAX);
    }
    return NJ_OK;
}
