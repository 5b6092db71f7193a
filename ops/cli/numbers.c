#include "ops/cli/numbers.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "common/quant/quant.h"

nj_status nj_argument_real(const nj_arguments *arguments, const char *name, double least,
                           double most, double *out, nj_error *err)
{
    const char *text = nj_argument(arguments, name);
    char *end = NULL;
    const double value = text != NULL ? strtod(text, &end) : NAN;
    if (text == NULL || end == text || *end != '\0' || !(value >= least && value <= most)) {
        return nj_fail(err, NJ_USAGE, "--%s is \"%s\", must be a number from %g to %g", name,
                       text != NULL ? text : "", least, most);
    }
    *out = value;
    return NJ_OK;
}

// Reads one number; *at is moved behind it and its comma. False when it is none, or nothing follows the comma.
static bool take_number(const char **at, uint32_t least, uint32_t most, uint32_t *out)
{
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(*at, &end, 10);
    bool is_number = **at >= '0' && **at <= '9' && errno == 0 && value >= least && value <= most;
    bool ends_well = *end == '\0' || (*end == ',' && end[1] != '\0');
    if (!is_number || !ends_well) {
        return false;
    }
    *out = (uint32_t)value;
    *at = *end == ',' ? end + 1 : end;
    return true;
}

nj_status nj_numbers_from(const nj_arguments *arguments, const char *name, uint32_t least,
                          uint32_t most, uint32_t count_max, uint32_t *out, uint32_t *out_count,
                          nj_error *err)
{
    const char *text = nj_argument(arguments, name);
    uint32_t count = 0;
    for (const char *at = text; at != NULL && *at != '\0'; count++) {
        if (count == count_max || !take_number(&at, least, most, &out[count])) {
            return nj_fail(err, NJ_USAGE,
                           "--%s is \"%s\", must be at most %" PRIu32 " numbers from %" PRIu32
                           " to %" PRIu32 " with commas between",
                           name, text, count_max, least, most);
        }
    }
    *out_count = count;
    return NJ_OK;
}

nj_status nj_reals_from(const nj_arguments *arguments, const char *name, double least, double most,
                        size_t count, double *out, bool *out_given, nj_error *err)
{
    const char *text = nj_argument(arguments, name);
    const char *at = text;
    for (size_t i = 0; i < count && at != NULL; i++) {
        char *end = NULL;
        out[i] = strtod(at, &end);
        const bool is_number = end != at && out[i] >= least && out[i] <= most;
        const bool ends_well = *end == (i + 1 < count ? ',' : '\0');
        if (!is_number || !ends_well) {
            return nj_fail(err, NJ_USAGE,
                           "--%s is \"%s\", must be %zu numbers from %g to %g, one for each file, "
                           "with commas between",
                           name, text, count, least, most);
        }
        at = end + 1;
    }
    *out_given = text != NULL;
    return NJ_OK;
}

nj_status nj_level_numbers_from(const nj_arguments *arguments, const char *name, uint32_t least,
                                uint32_t most, uint32_t count, uint32_t *out, nj_error *err)
{
    uint32_t numbers[NJ_QUANT_LEVELS_MAX];
    uint32_t given = 0;
    nj_status status =
        nj_numbers_from(arguments, name, least, most, NJ_QUANT_LEVELS_MAX, numbers, &given, err);
    if (status == NJ_OK && given != 1 && given != count) {
        status = nj_fail(err, NJ_USAGE,
                         "--%s has %" PRIu32 " numbers, must be one, or one for each of "
                         "%" PRIu32 " levels",
                         name, given, count);
    }
    for (uint32_t l = 0; l < count && status == NJ_OK; l++) {
        out[l] = numbers[given == 1 ? 0 : l];
    }
    return status;
}
