#include "coordinator/daemon/night_options.h"

#include <string.h>

#include "common/base/clock.h"
#include "common/base/duration.h"
#include "common/base/numeric_class.h"
#include "common/codec/shard.h"
#include "common/input/instant.h"
#include "common/store/staging.h"
#include "coordinator/daemon/audit.h"
#include "coordinator/deadline.h"

#define METRICS_WAIT_MS_MAX 3600000
#define STORAGE_WAIT_MS_MAX 86400000
#define NJ_DEADLINE_NONE "none" // the word for no deadline any more

// The numbers of an option table, each with where it goes.
static nj_status read_numbers(const nj_arguments *arguments, nj_night_options *out, nj_error *err)
{
    const nj_uint_option NUMBERS[] = {
        NJ_UINT("lease-ms", NJ_NIGHT_LEASE_MS_LEAST, NJ_NIGHT_LEASE_MS_MOST, &out->lease_ms),
        NJ_UINT("quarantine-max", 0, NJ_NIGHT_QUARANTINE_MAX, &out->quarantine_max),
        NJ_UINT("max-age", 1, NJ_SINCE_MAX_AGE_MOST, &out->max_age),
        NJ_UINT("audit-users", 0, NJ_AUDIT_USERS_MAX, &out->audit_users),
        NJ_UINT("metrics-wait-ms", 0, METRICS_WAIT_MS_MAX, &out->metrics_wait_ms),
        NJ_UINT("storage-wait-ms", 0, STORAGE_WAIT_MS_MAX, &out->storage_wait_ms),
    };
    return nj_argument_uints(arguments, NUMBERS, sizeof NUMBERS / sizeof NUMBERS[0], err);
}

static nj_status read_word(const nj_arguments *arguments, const char *option,
                           const char *const words[2], int *out, nj_error *err)
{
    const char *text = nj_argument(arguments, option);
    *out = 0;
    for (int i = 0; i < 2 && text != NULL && *out == 0; i++) {
        *out = strcmp(text, words[i]) == 0 ? i + 1 : 0;
    }
    return text == NULL || *out > 0 ? NJ_OK
                                    : nj_fail(err, NJ_USAGE, "--%s is \"%s\", must be %s or %s",
                                              option, text, words[0], words[1]);
}

static nj_status read_deadline(const nj_arguments *arguments, nj_night_options *out, nj_error *err)
{
    int64_t at_s = 0;
    const char *text = nj_argument(arguments, "deadline");
    out->deadline = text;
    if (text == NULL || strcmp(text, NJ_DEADLINE_NONE) == 0) {
        return NJ_OK;
    }
    nj_status status = nj_deadline_read(text, (int64_t)(nj_clock_wall_ms() / 1000), &at_s, err);
    if (status == NJ_OK && strlen(text) > sizeof((nj_staging_deadline *)0)->text - 1) {
        status = nj_fail(err, NJ_USAGE, "--deadline has %zu bytes, at most %zu", strlen(text),
                         sizeof((nj_staging_deadline *)0)->text - 1);
    }
    out->deadline_ms = status == NJ_OK ? (uint64_t)at_s * 1000 : 0;
    return status;
}

// What happens when the night is late, or its input lacks users.
static nj_status read_lateness(const nj_arguments *arguments, nj_night_options *out, nj_error *err)
{
    static const char *const ON_DEADLINE[2] = {"hold", "carry"};
    static const char *const MISSING[2] = {"carry", "drop"};
    int on_deadline = 0;
    int missing = 0;
    uint64_t percent = NJ_NIGHT_CARRY_MAX_DEFAULT;
    nj_status status = read_deadline(arguments, out, err);
    if (status == NJ_OK) {
        status = read_word(arguments, "on-deadline", ON_DEADLINE, &on_deadline, err);
    }
    if (status == NJ_OK) {
        status = read_word(arguments, "missing-users", MISSING, &missing, err);
    }
    out->carry_max_given = nj_argument(arguments, "carry-max") != NULL;
    if (status == NJ_OK && out->carry_max_given) {
        status = nj_argument_uint(arguments, "carry-max", 0, 100, &percent, err);
    }
    out->on_deadline = (nj_on_deadline)on_deadline;
    out->missing_users = (nj_missing_users)missing;
    out->carry_max = (uint32_t)percent;
    if (status == NJ_OK && on_deadline > 0 && out->deadline == NULL && !out->resume) {
        status = nj_fail(err, NJ_USAGE, "--on-deadline goes with --deadline");
    }
    return status;
}

static nj_status read_validity(const nj_arguments *arguments, nj_night_options *out, nj_error *err)
{
    const char *text = nj_argument(arguments, "valid-for");
    out->valid_for_ms = 0;
    if (text != NULL && !nj_duration_parse(text, &out->valid_for_ms)) {
        return nj_fail(err, NJ_USAGE, "--valid-for is \"%s\", " NJ_DURATION_RULE, text);
    }
    return NJ_OK;
}

// Who asks for a size gets shards of that size.
nj_status nj_night_shard_users_from(const nj_arguments *arguments, nj_night_options *out,
                                    nj_error *err)
{
    uint64_t number = 0;
    out->shard_users = NJ_NIGHT_SHARD_USERS;
    out->shard_users_least = NJ_NIGHT_SHARD_USERS_LEAST;
    if (nj_argument(arguments, "shard-users") == NULL) {
        return NJ_OK;
    }
    nj_status status =
        nj_argument_uint(arguments, "shard-users", 1, NJ_SHARD_USERS_MAX, &number, err);
    out->shard_users = (uint32_t)number;
    out->shard_users_least = (uint32_t)number;
    return status;
}

void nj_night_options_set_class(nj_night_options *options, const char *numeric_class)
{
    options->numeric_class = numeric_class;
    // A second decoding can be compared with the first only where it must give the same bits.
    if (!nj_numeric_class_reproducible(numeric_class)) {
        options->speculate = false;
        options->audit_users = 0;
    }
}

nj_status nj_night_numeric_class_from(const nj_arguments *arguments, nj_night_options *out,
                                      nj_error *err)
{
    nj_status status =
        nj_numeric_class_choose(nj_argument(arguments, "precision"),
                                nj_argument(arguments, "numeric-class"), &out->numeric_class, err);
    if (status != NJ_OK) {
        return status;
    }
    if (out->numeric_class[0] == '\0' || strlen(out->numeric_class) > NJ_STAGING_CLASS_BYTES_MAX) {
        return nj_fail(err, NJ_USAGE, "--numeric-class must have 1 to %d bytes",
                       NJ_STAGING_CLASS_BYTES_MAX);
    }
    nj_night_options_set_class(out, out->numeric_class);
    return NJ_OK;
}

static nj_status read_words(const nj_arguments *arguments, nj_night_options *out, nj_error *err)
{
    const char *speculate = nj_argument(arguments, "speculate");
    out->speculate = strcmp(speculate, "on") == 0;
    if (!out->speculate && strcmp(speculate, "off") != 0) {
        return nj_fail(err, NJ_USAGE, "--speculate is \"%s\", must be on or off", speculate);
    }
    nj_status status = nj_night_numeric_class_from(arguments, out, err);
    if (status != NJ_OK) {
        return status;
    }
    if (out->since_bundle != NULL && out->since == NULL && !out->resume) {
        return nj_fail(err, NJ_USAGE, "--since-bundle goes with --since");
    }
    if (out->retry_quarantined && !out->resume) {
        return nj_fail(err, NJ_USAGE, "--retry-quarantined goes with --resume");
    }
    return NJ_OK;
}

// A command that makes no lists lacks the options of some.
static nj_status read_gates(const nj_arguments *arguments, nj_gates *out, nj_error *err)
{
    nj_status status =
        nj_argument_uint(arguments, "gate-least", 1, NJ_GATES_LEAST_MAX, &out->least, err);
    for (int gate = 0; gate < NJ_GATE_COUNT && status == NJ_OK; gate++) {
        const char *text = nj_argument(arguments, nj_gate_option((nj_gate)gate));
        status = nj_gates_set(out, (nj_gate)gate, text != NULL ? text : "off", err);
    }
    return status;
}

nj_status nj_night_gates_from(const nj_arguments *arguments, nj_night_options *out, nj_error *err)
{
    nj_instant as_of = {0};
    const char *text = nj_argument(arguments, "as-of");
    nj_status status = read_gates(arguments, &out->gates, err);
    if (status == NJ_OK && text != NULL) {
        status = nj_instant_parse("as-of", text, &as_of, err);
    }
    out->as_of_s = as_of.given ? as_of.at : (double)nj_clock_wall_ms() / 1e3;
    return status;
}

nj_status nj_night_options_from(const nj_arguments *arguments, nj_night_options *out, nj_error *err)
{
    *out = (nj_night_options){.store_dir = nj_argument(arguments, "store"),
                              .since = nj_argument(arguments, "since"),
                              .since_bundle = nj_argument(arguments, "since-bundle"),
                              .resume = nj_argument_flag(arguments, "resume"),
                              .retry_quarantined = nj_argument_flag(arguments, "retry-quarantined"),
                              .plan_file = nj_argument(arguments, "plan"),
                              .metrics_bind = nj_argument(arguments, "metrics-bind"),
                              .metrics_file = nj_argument(arguments, "metrics-file")};
    nj_status status = read_numbers(arguments, out, err);
    if (status == NJ_OK) {
        status = nj_night_shard_users_from(arguments, out, err);
    }
    if (status == NJ_OK) {
        status = read_validity(arguments, out, err);
    }
    if (status == NJ_OK) {
        status = read_lateness(arguments, out, err);
    }
    if (status == NJ_OK) {
        status = nj_controls_wish_parse(nj_argument(arguments, "controls"), &out->controls, err);
    }
    if (status == NJ_OK) {
        status = nj_night_gates_from(arguments, out, err);
    }
    return status == NJ_OK ? read_words(arguments, out, err) : status;
}
