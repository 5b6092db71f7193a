// settings.h - the options that decide a list (schemas/settings.def), as a struct and as bytes.
#ifndef NJ_CODEC_SETTINGS_H
#define NJ_CODEC_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/digest.h"
#include "common/base/error.h"

typedef enum { NJ_COLD_POPULAR, NJ_COLD_SKIP, NJ_COLD_FAIL } nj_cold_users;

#define NJ_SETTING_TYPE_U32 uint32_t
#define NJ_SETTING_TYPE_BOOL bool
#define NJ_SETTING_TYPE_F32 float
#define NJ_SETTING_TYPE_COLD nj_cold_users

typedef struct {
#define NJ_SETTING(kind, name, fallback, least, most, help) NJ_SETTING_TYPE_##kind name;
#include "schemas/settings.def"
#undef NJ_SETTING
} nj_settings;

nj_settings nj_settings_default(void);

/// "popular", "skip", "fail".
const char *nj_cold_users_word(nj_cold_users cold);

/// Sets one setting by name from text ("beam", "20"). NJ_USAGE names the setting, the value and its limits;
/// NJ_NOT_FOUND when there is no such setting.
NJ_CHECKED nj_status nj_settings_set(nj_settings *settings, const char *name, const char *text,
                                     nj_error *err);

/// Appends all settings as a MessagePack array, in table order.
NJ_CHECKED nj_status nj_settings_pack(const nj_settings *settings, nj_buffer *out);

/// Digest of the settings that are options, without the limits that a plan sets from its users: what decides a list, whoever else is in
/// the night. NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_settings_rules_digest(const nj_settings *settings, nj_digest *out);

/// The same for people, one line.
#define NJ_SETTINGS_TEXT_BYTES 256
void nj_settings_describe(const nj_settings *settings, char out[NJ_SETTINGS_TEXT_BYTES]);

/// Reads them back; every value is checked against the table. NJ_PROTOCOL.
NJ_CHECKED nj_status nj_settings_unpack(nj_slice bytes, nj_settings *out, nj_error *err);

#endif
