// load_redis.c - `nightjar load redis`: a generation into a Redis server.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/duration.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/cache/load.h"
#include "common/cache/pace.h"
#include "ops/cli/cache_options.h"
#include "ops/cli/commands.h"
#include "ops/cli/crash_guard.h"

#define DATABASE_MAX 1000000
#define LATENCY_MS_MAX 60000
#define TIMEOUT_MS_MAX 600000
#define PASSWORD_BYTES_MAX 4096

static nj_status read_mode(const char *word, nj_load_mode *out, nj_error *err)
{
    static const char *const WORDS[] = {
        [NJ_LOAD_AUTO] = "auto", [NJ_LOAD_FULL] = "full", [NJ_LOAD_DELTA] = "delta"};
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        if (strcmp(word, WORDS[i]) == 0) {
            *out = (nj_load_mode)i;
            return NJ_OK;
        }
    }
    return nj_fail(err, NJ_USAGE, "--mode is \"%s\", must be auto, full or delta", word);
}

// The first line of the file. `*out` is owned, NULL without the option.
static nj_status read_password(const char *path, char **out, nj_error *err)
{
    size_t size = 0;
    *out = NULL;
    if (path == NULL) {
        return NJ_OK;
    }
    nj_status status = nj_file_read(path, PASSWORD_BYTES_MAX, out, &size, err);
    if (status == NJ_OK) {
        (*out)[strcspn(*out, "\r\n")] = '\0';
        if ((*out)[0] == '\0') {
            status =
                nj_fail(err, NJ_INPUT, "%s: the first line is empty, must be the password", path);
        }
    }
    return status;
}

static nj_status read_settings(const nj_arguments *arguments, nj_load_settings *out, nj_error *err)
{
    const char *patience = nj_argument(arguments, "patience");
    *out = (nj_load_settings){.store = nj_argument(arguments, "store"),
                              .generation = nj_argument(arguments, "gen"),
                              .address.server = nj_argument(arguments, "server"),
                              .skip_verify = nj_argument_flag(arguments, "no-verify")};
    const nj_uint_option NUMBERS[] = {
        NJ_UINT("rate", 0, NJ_PACE_RATE_MAX, &out->rate),
        NJ_UINT("latency-ms", 1, LATENCY_MS_MAX, &out->latency_max_ms),
        NJ_UINT("timeout-ms", 1, TIMEOUT_MS_MAX, &out->address.timeout_ms),
        NJ_UINT("database", 0, DATABASE_MAX, &out->address.database),
    };
    nj_status status = nj_cache_options_read(arguments, &out->form, err);
    if (status == NJ_OK && out->form.prefix[0] == '\0') { // a full load removes what is not its own
        status = nj_fail(err, NJ_USAGE,
                         "--prefix is empty: keys of others that begin with \"user:\" would be "
                         "removed");
    }
    if (status == NJ_OK) {
        status = nj_argument_uints(arguments, NUMBERS, sizeof NUMBERS / sizeof NUMBERS[0], err);
    }
    if (status == NJ_OK) {
        status = read_mode(nj_argument(arguments, "mode"), &out->mode, err);
    }
    if (status == NJ_OK && !nj_duration_parse(patience, &out->patience_ms)) {
        status = nj_fail(err, NJ_USAGE, "--patience is \"%s\", " NJ_DURATION_RULE, patience);
    }
    return status;
}

static nj_status show_result(const nj_arguments *arguments, const nj_load_result *r, double seconds,
                             nj_error *err)
{
    nj_log(NJ_LOG_INFO,
           "%" PRIu64 " rows written, %" PRIu64 " removed, %" PRIu64 " given a new time to live, "
           "%" PRIu64 " read back, in %.1f s",
           r->written, r->removed, r->touched, r->verified, seconds);
    if (!nj_argument_flag(arguments, "json")) {
        return NJ_OK;
    }
    json_t *object = json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f}", "generation", r->generation.text,
        "base", r->base, "written", (json_int_t)r->written, "removed", (json_int_t)r->removed,
        "touched", (json_int_t)r->touched, "verified", (json_int_t)r->verified, "skipped",
        (json_int_t)r->skipped, "backoffs", (json_int_t)r->backoffs, "reconnects",
        (json_int_t)r->reconnects, "seconds", seconds);
    return nj_print_json_take(&object, err);
}

nj_status nj_command_load_redis(const nj_arguments *arguments, nj_error *err)
{
    nj_load_settings settings;
    nj_load_result result;
    char *password = NULL;
    const uint64_t start_ns = nj_clock_mono_ns();
    nj_status status = read_settings(arguments, &settings, err);
    if (status == NJ_OK) {
        status = read_password(nj_argument(arguments, "password-file"), &password, err);
    }
    if (status == NJ_OK) {
        settings.address.password = password;
        nj_crash_guard_begin();
        status = nj_cache_load(&settings, &result, err);
        nj_crash_guard_end();
    }
    free(password);
    if (status != NJ_OK) {
        return status;
    }
    return show_result(arguments, &result, (double)(nj_clock_mono_ns() - start_ns) / 1e9, err);
}
