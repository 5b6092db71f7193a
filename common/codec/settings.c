#include "common/codec/settings.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/codec/pack.h"

#define OPTION_NAME_BYTES 64
#define RULES_BYTES_MAX 4096

static const char *const COLD_WORDS[] = {"popular", "skip", "fail"};

const char *nj_cold_users_word(nj_cold_users cold)
{
    return COLD_WORDS[cold];
}

nj_settings nj_settings_default(void)
{
    return (nj_settings){
#define NJ_SETTING(kind, name, fallback, least, most, help) .name = fallback,
#include "schemas/settings.def"
#undef NJ_SETTING
    };
}

// ---- from text ----

static nj_status set_U32(uint32_t *out, const char *name, const char *text, double least,
                         double most, nj_error *err)
{
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || (double)value < least ||
        (double)value > most) {
        return nj_fail(err, NJ_USAGE, "--%s is \"%s\", must be a whole number from %.0f to %.0f",
                       name, text, least, most);
    }
    *out = (uint32_t)value;
    return NJ_OK;
}

static nj_status set_F32(float *out, const char *name, const char *text, double least, double most,
                         nj_error *err)
{
    char *end = NULL;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(value) || value < least || value > most) {
        return nj_fail(err, NJ_USAGE, "--%s is \"%s\", must be a number from %g to %g", name, text,
                       least, most);
    }
    *out = (float)value;
    return NJ_OK;
}

static nj_status set_BOOL(bool *out, const char *name, const char *text, double least, double most,
                          nj_error *err)
{
    (void)least;
    (void)most;
    bool is_true = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    if (!is_true && strcmp(text, "false") != 0 && strcmp(text, "0") != 0) {
        return nj_fail(err, NJ_USAGE, "--%s is \"%s\", must be true or false", name, text);
    }
    *out = is_true;
    return NJ_OK;
}

static nj_status set_COLD(nj_cold_users *out, const char *name, const char *text, double least,
                          double most, nj_error *err)
{
    for (int i = (int)least; i <= (int)most; i++) {
        if (strcmp(text, COLD_WORDS[i]) == 0) {
            *out = (nj_cold_users)i;
            return NJ_OK;
        }
    }
    return nj_fail(err, NJ_USAGE, "--%s is \"%s\", must be popular, skip or fail", name, text);
}

static bool same_name(const char *setting, const char *option)
{
    for (; *setting != '\0' && *option != '\0'; setting++, option++) {
        if (*setting != *option && !(*setting == '_' && *option == '-')) {
            return false;
        }
    }
    return *setting == *option;
}

// As people write it: with dashes.
static void write_option_name(const char *name, char out[OPTION_NAME_BYTES])
{
    size_t used = 0;
    for (; name[used] != '\0' && used + 1 < OPTION_NAME_BYTES; used++) {
        out[used] = name[used] == '_' ? '-' : name[used];
    }
    out[used] = '\0';
}

nj_status nj_settings_set(nj_settings *settings, const char *name, const char *text, nj_error *err)
{
    char option[OPTION_NAME_BYTES];
    write_option_name(name, option);
#define NJ_PLANNED(kind, field, fallback, least, most)
#define NJ_SETTING(kind, field, fallback, least, most, help)                                       \
    if (same_name(#field, name)) {                                                                 \
        return set_##kind(&settings->field, option, text, (double)least, (double)most, err);       \
    }
#include "schemas/settings.def"
#undef NJ_SETTING
    return nj_fail(err, NJ_NOT_FOUND, "there is no setting \"%s\"", name);
}

// ---- bytes ----

#define PACK_U32(value) nj_pack_uint(&packer, value)
#define PACK_BOOL(value) nj_pack_bool(&packer, value)
#define PACK_F32(value) nj_pack_f32(&packer, value)
#define PACK_COLD(value) nj_pack_uint(&packer, (uint64_t)(value))

enum {
#define NJ_SETTING(kind, name, fallback, least, most, help) INDEX_##name,
#include "schemas/settings.def"
#undef NJ_SETTING
    SETTING_COUNT
};

nj_status nj_settings_pack(const nj_settings *settings, nj_buffer *out)
{
    nj_packer packer;
    nj_packer_init(&packer, out);
    nj_pack_array(&packer, SETTING_COUNT);
#define NJ_SETTING(kind, name, fallback, least, most, help) PACK_##kind(settings->name);
#include "schemas/settings.def"
#undef NJ_SETTING
    return packer.status;
}

nj_status nj_settings_rules_digest(const nj_settings *settings, nj_digest *out)
{
    enum {
        RULE_COUNT = 0
#define NJ_SETTING(kind, name, fallback, least, most, help) +1
#define NJ_PLANNED(kind, name, fallback, least, most)
#include "schemas/settings.def"
#undef NJ_SETTING
    };
    nj_buffer bytes;
    nj_packer packer;
    nj_buffer_init(&bytes, RULES_BYTES_MAX);
    nj_packer_init(&packer, &bytes);
    nj_pack_array(&packer, RULE_COUNT);
#define NJ_SETTING(kind, name, fallback, least, most, help) PACK_##kind(settings->name);
#define NJ_PLANNED(kind, name, fallback, least, most)
#include "schemas/settings.def"
#undef NJ_SETTING
    *out = nj_digest_of(bytes.bytes, bytes.size);
    nj_buffer_fini(&bytes);
    return packer.status;
}

void nj_settings_describe(const nj_settings *settings, char out[NJ_SETTINGS_TEXT_BYTES])
{
    char reserve[32] = "";
    if (settings->reserve > 0) {
        snprintf(reserve, sizeof reserve, ", reserve %u", settings->reserve);
    }
    snprintf(out, NJ_SETTINGS_TEXT_BYTES,
             "beam %u, top %u, history %u%s%s, temperature %.9g, cold users %s%s%s", settings->beam,
             settings->top, settings->history, settings->keep_history ? ", history kept" : "",
             settings->renormalise ? ", renormalised" : "", (double)settings->temperature,
             nj_cold_users_word(settings->cold_users), settings->why ? ", with why" : "", reserve);
}

#define READ_U32(name, most) (uint32_t) nj_field_uint(&fields, name, (uint64_t)(most))
#define READ_BOOL(name, most) nj_field_bool(&fields, name)
#define READ_F32(name, most) nj_field_f32(&fields, name)
#define READ_COLD(name, most) (nj_cold_users) nj_field_uint(&fields, name, (uint64_t)(most))

static nj_status read_settings(const msgpack_object *root, nj_settings *out, nj_error *err)
{
    nj_fields fields;
    nj_fields_open(&fields, root, "settings", SETTING_COUNT, err);
    nj_settings settings = {
#define NJ_SETTING(kind, name, fallback, least, most, help) .name = READ_##kind(#name, most),
#include "schemas/settings.def"
#undef NJ_SETTING
    };
    if (fields.status != NJ_OK) {
        return fields.status;
    }
#define NJ_SETTING(kind, name, fallback, least, most, help)                                        \
    if ((double)settings.name < (double)least || (double)settings.name > (double)most) {           \
        return nj_fail(err, NJ_PROTOCOL, "settings: %s is %g, must be %g to %g", #name,            \
                       (double)settings.name, (double)least, (double)most);                        \
    }
#include "schemas/settings.def"
#undef NJ_SETTING
    *out = settings;
    return NJ_OK;
}

nj_status nj_settings_unpack(nj_slice bytes, nj_settings *out, nj_error *err)
{
    nj_unpacked unpacked;
    nj_status status = nj_unpack(bytes, 4 * SETTING_COUNT, &unpacked, err);
    if (status == NJ_OK) {
        status = read_settings(&unpacked.root, out, err);
        nj_unpacked_fini(&unpacked);
    }
    return status;
}
