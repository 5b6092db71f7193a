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
#define NJ_OPTION_OF_COLD(name, fallback, help)                                                    \
    {#name, "popular|skip|fail", "popular", help, false},

// What reads users under a bundle: decode, run, the coordinator and eval.
#define NJ_USERS_OPTIONS                                                                           \
    {"bundle", "FILE", NULL, "the bundle made by `nightjar bundle pack`", true},                   \
        NJ_USERS_FILE_OPTIONS
// How histories are written, beside their format.
#define NJ_COLUMNS_OPTIONS                                                                         \
    {"columns", "LIST", NULL,                                                                      \
     "the file's names of columns: user=customer,item=sku,timestamp=ts; #1 is the first of a csv " \
     "without a header",                                                                           \
     false},                                                                                       \
    {                                                                                              \
        "delimiter", "MARK", NULL, "between fields of csv: tab, comma, semicolon, pipe or a mark", \
            false                                                                                  \
    }
// Which histories, and what of them: the rows that nj_histories_from reads, in every command that reads users.
#define NJ_HISTORIES_OPTIONS                                                                       \
    {"users", "FILE", NULL,                                                                        \
     "user histories, also packed by gzip or zstd, or a folder of parts; - is standard input",     \
     true},                                                                                        \
        {"format", "sequence|jsonl|csv|inter|parquet", NULL, "default: by the file's ending",      \
         false},                                                                                   \
        NJ_COLUMNS_OPTIONS,                                                                        \
        {"as-of", "TIME", NULL,                                                                    \
         "only what happened before counts: a number as the file's times are, or a date of UTC",   \
         false},                                                                                   \
    {                                                                                              \
        "tie-seed", "N", "0",                                                                      \
            "shuffle events of equal time by this seed; 0: they stand as in the file", false       \
    }
// The same where the bundle is made on the way.
#define NJ_USERS_FILE_OPTIONS                                                                      \
    NJ_HISTORIES_OPTIONS,                                                                          \
        {"eligible", "FILE", NULL, "recommend only these items: one id a line", false},            \
        {"deny", "FILE", NULL, "never recommend these items: one id a line", false},               \
        {"groups", "FILE", NULL,                                                                   \
         "what the users of each group may get: JSON lines of group, items, deny", false},         \
        {"user-groups", "FILE", NULL,                                                              \
         "which group each user is in: CSV of user, group; or the key group of jsonl users",       \
         false},                                                                                   \
    {                                                                                              \
        "unknown-items", "fail|skip", "fail",                                                      \
            "ids of --eligible, --deny and --groups that the catalogue does not know", false       \
    }

/// Reads every setting that stands in the command's option table; the others have their defaults. NJ_USAGE.
NJ_CHECKED nj_status nj_settings_from(const nj_arguments *arguments, nj_settings *out,
                                      nj_error *err);

/// Reads --users, --format, --columns, --delimiter, --as-of and --tie-seed; the path is borrowed from the arguments. --gate-event-age,
/// in a command that has it, wants times. NJ_USAGE;
/// those of nj_histories_format_find.
NJ_CHECKED nj_status nj_histories_from(const nj_arguments *arguments, nj_histories_source *out,
                                       nj_error *err);

#define NJ_JOB_INPUTS_MAX 16

// An option that says what was read, as it was given; a path is absolute.
typedef struct {
    const char *option;
    char *value; // owned
} nj_job_input;

// A bundle and the users of one run, read and resolved.
typedef struct {
    nj_bundle *bundle;
    nj_catalogue_view catalogue;
    nj_idmap map; // item id -> catalogue row
    nj_sections
        sections; // what workers decode with: the bundle's, and the masks of --eligible, --deny and --groups
    nj_user_table users;
    nj_settings settings;       // with the limits of these users
    nj_buffer masks;            // owned; bytes of the section "eligible", empty without masks
    nj_user_groups user_groups; // of --user-groups
    uint64_t unknown_eligible;  // ids of those files that were skipped
    nj_job_input inputs
        [NJ_JOB_INPUTS_MAX]; // [input_count] bundle, users, how they are written, and who may get what
    size_t input_count;
} nj_job;

/// Opens --bundle (every section's digest is checked), makes the masks, reads --users and says on stderr what was read. `*out` is owned.
///
/// Errors  NJ_USAGE: a setting or the format; NJ_REFUSED: a digest differs; NJ_INPUT; NJ_NOT_FOUND; those of nj_user_table_apply
/// Proof   tests/unit/catalogue/test_job.c
NJ_CHECKED nj_status nj_job_open(const nj_arguments *arguments, nj_job *out, nj_error *err);
/// The same with this bundle, whatever --bundle says.
NJ_CHECKED nj_status nj_job_open_with(const nj_arguments *arguments, const char *bundle_path,
                                      nj_job *out, nj_error *err);
/// The first half of nj_job_open, for who reads the users otherwise: settings, bundle and masks, no users.
NJ_CHECKED nj_status nj_job_open_bundle(const nj_arguments *arguments, nj_job *out, nj_error *err);
NJ_CHECKED nj_status nj_job_open_bundle_with(const nj_arguments *arguments, const char *bundle_path,
                                             nj_job *out, nj_error *err);
/// Accepts a job that is all zero.
void nj_job_close(nj_job *job);

/// For nj_user_table_read and the like; borrows the job.
static inline nj_user_rules nj_job_user_rules(const nj_job *job)
{
    return (nj_user_rules){
        .masks = &job->catalogue.masks, .groups = &job->user_groups, .needs = job->catalogue.needs};
}

/// What was asked for: the digest of the masks, all zero without any.
nj_digest nj_job_eligible_digest(const nj_job *job);

/// Items that may be recommended to a user without a group.
uint64_t nj_job_item_count(const nj_job *job);

/// Adds what the job is opened with to its inputs; nj_job_open and the like have done it. NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_job_inputs_note(const nj_arguments *arguments, const char *bundle_path,
                                        nj_job *job, nj_error *err);
void nj_job_inputs_fini(nj_job *job);

/// How the file at out->path is written: --format or the path's ending, --columns and --delimiter. NJ_USAGE;
/// those of nj_histories_format_find.
NJ_CHECKED nj_status nj_histories_form_from(const nj_arguments *arguments, nj_histories_source *out,
                                            nj_error *err);

#endif
