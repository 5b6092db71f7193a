// job.h - what decode, run and the coordinator read before they work: settings, bundle, users.
#ifndef NJ_CATALOGUE_JOB_H
#define NJ_CATALOGUE_JOB_H

#include "common/base/idlist.h"
#include "common/bundle/bundle.h"
#include "common/catalogue/users.h"
#include "common/catalogue/view.h"
#include "common/cli/cli.h"
#include "common/codec/settings.h"

// A row of settings.def as a row of an option table: define NJ_SETTING and NJ_PLANNED as these, include the table.
#define NJ_SETTING_OPTION(kind, name, fallback, least, most, help)                                 \
    NJ_OPTION_OF_##kind(name, fallback, help)
#define NJ_PLANNED_OPTION(kind, name, fallback, least, most)
#define NJ_TEXT_OF(x) #x
#define NJ_OPTION_OF_U32(name, fallback, help) {#name, "N", NJ_TEXT_OF(fallback), help, false},
#define NJ_OPTION_OF_F32(name, fallback, help) {#name, "X", NJ_TEXT_OF(fallback), help, false},
#define NJ_OPTION_OF_BOOL(name, fallback, help) {#name, NULL, NULL, help, false},
#define NJ_OPTION_OF_COLD(name, fallback, help) {#name, "WORD", "popular", help, false},

// What reads users under a bundle: decode and run.
#define NJ_USERS_OPTIONS                                                                           \
    {"bundle", "FILE", NULL, "the bundle made by `nightjar bundle pack`", true},                   \
        NJ_USERS_FILE_OPTIONS
#define NJ_USERS_FILE_OPTIONS                                                                      \
    {"users", "FILE", NULL, "user histories; - is standard input", true},                          \
    {                                                                                              \
        "format", "WORD", NULL, "sequence, jsonl, csv or inter; default: by the file's ending",    \
            false                                                                                  \
    }

/// Reads every setting that stands in the command's option table; the others have their defaults. NJ_USAGE.
NJ_CHECKED nj_status nj_settings_from(const nj_arguments *arguments, nj_settings *out,
                                      nj_error *err);

// A bundle and the users of one run, read and resolved.
typedef struct {
    nj_bundle *bundle;
    nj_catalogue_view catalogue;
    nj_idmap map; // item id -> catalogue row
    nj_user_table users;
    nj_settings settings; // with the limits of these users
} nj_job;

/// Opens --bundle (every section's digest is checked), reads --users and says on stderr what was read. `*out` is owned.
///
/// Errors  NJ_USAGE: a setting or the format; NJ_REFUSED: a digest differs; NJ_INPUT; NJ_NOT_FOUND; those of nj_user_table_apply
/// Proof   tests/unit/catalogue/test_job.c
NJ_CHECKED nj_status nj_job_open(const nj_arguments *arguments, nj_job *out, nj_error *err);
/// The same with this bundle, whatever --bundle says.
NJ_CHECKED nj_status nj_job_open_with(const nj_arguments *arguments, const char *bundle_path,
                                      nj_job *out, nj_error *err);
/// The first half of nj_job_open, for who reads the users otherwise: settings and bundle, no users.
NJ_CHECKED nj_status nj_job_open_bundle(const nj_arguments *arguments, nj_job *out, nj_error *err);
/// Accepts a job that is all zero.
void nj_job_close(nj_job *job);

/// "sequence" etc. from --format, or from the path's ending.
NJ_CHECKED nj_status nj_format_from(const char *word, const char *path, nj_histories_format *out,
                                    nj_error *err);

#endif
