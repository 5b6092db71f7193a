// main.c - nightjar-coordinator: the night of one store, for workers anywhere.
#include "common/base/clock.h"
#include "common/base/log.h"
#include "coordinator/daemon/night.h"
#include "coordinator/daemon/night_options.h"

static const nj_option OPTIONS[] = {
    {"bind", "ENDPOINT", NULL, "where workers connect: tcp://ADDRESS:PORT", true},
    {"key", "FILE", NULL, "this coordinator's secret key (nightjar keys)", false},
    {"workers", "FILE", NULL,
     "public keys of the workers that may connect, one a line; read again when it changes", false},
    {"ready-file", "FILE", NULL,
     "write the endpoint here once workers can connect, and remove it at the end; for "
     "nightjar-worker --connect file:FILE",
     false},
    {"insecure", NULL, NULL, "no encryption and no keys; for networks that nobody else is on",
     false},
    NJ_USERS_OPTIONS,
    NJ_NIGHT_OPTIONS,
#define NJ_SETTING NJ_SETTING_OPTION
#define NJ_PLANNED NJ_PLANNED_OPTION
#include "schemas/settings.def"
#undef NJ_SETTING
#define NJ_GATE_BEFORE NJ_GATE_OPTION
#define NJ_GATE_AFTER NJ_GATE_OPTION
#include "schemas/gates.def"
    NJ_GATES_LEAST_OPTION,
};

static nj_status read_keys(const nj_arguments *arguments, nj_keypair *keys, nj_allow_watch *watch,
                           nj_allowlist *allowed, nj_error *err)
{
    const char *key = nj_argument(arguments, "key");
    const char *workers = nj_argument(arguments, "workers");
    if (nj_argument_flag(arguments, "insecure")) {
        return key == NULL && workers == NULL
                   ? NJ_OK
                   : nj_fail(err, NJ_USAGE, "--insecure does not go with --key and --workers");
    }
    if (key == NULL || workers == NULL) {
        return nj_fail(err, NJ_USAGE,
                       "--key and --workers are required (or --insecure, on purpose)");
    }
    nj_status status = nj_keypair_read(key, keys, err);
    return status == NJ_OK ? nj_allow_watch_open(watch, workers, nj_clock_mono_ns(), allowed, err)
                           : status;
}

static nj_status run(const nj_arguments *arguments, nj_error *err)
{
    nj_job job = {0};
    nj_keypair keys = {0};
    nj_allowlist allowed = {0};
    nj_allow_watch watch;
    nj_night_options options;
    nj_night_summary summary = {0};
    const uint64_t started_ns = nj_clock_mono_ns();
    nj_status status = nj_night_options_from(arguments, &options, err);
    options.started_ns = started_ns;
    if (status == NJ_OK) {
        status = read_keys(arguments, &keys, &watch, &allowed, err);
    }
    if (status == NJ_OK) {
        status = nj_job_open(arguments, &job, err);
    }
    if (status == NJ_OK) {
        options.endpoint = nj_argument(arguments, "bind");
        options.ready_file = nj_argument(arguments, "ready-file");
        options.insecure = nj_argument_flag(arguments, "insecure");
        options.keys = options.insecure ? NULL : &keys;
        options.allowed = options.insecure ? NULL : &allowed;
        options.watch = options.insecure ? NULL : &watch;
        status = nj_night_run(&job, &options, &summary, err);
    }
    if (nj_night_has_summary(&summary)) {
        nj_night_print(&summary, nj_argument_flag(arguments, "json"));
    }
    nj_night_summary_fini(&summary);
    nj_job_close(&job);
    nj_allowlist_fini(&allowed);
    nj_keypair_wipe(&keys);
    return status;
}

int main(int argc, char **argv)
{
    static const nj_command COMMAND = {
        "",
        "Plans a night, leases shards to workers, commits rows and publishes.",
        NULL,
        OPTIONS,
        sizeof OPTIONS / sizeof OPTIONS[0],
        run};
    static const nj_program PROGRAM = {.name = "nightjar-coordinator",
                                       .summary = "nightjar-coordinator",
                                       .commands = &COMMAND,
                                       .command_count = 1};
    nj_log_setup("nightjar-coordinator", NJ_LOG_INFO);
    return nj_cli_main(&PROGRAM, argc, argv);
}
