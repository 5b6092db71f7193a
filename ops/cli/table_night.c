// table_night.c - the rows of the command table for run, decode and keys.
#include "coordinator/daemon/night_options.h"
#include "ops/cli/commands.h"
#include "ops/cli/engine_options.h"
#include "ops/cli/interactions.h"
#include "ops/cli/local_fleet.h"
#include "ops/cli/run_phases.h"
#include "ops/cli/tables.h"

#define NJ_SETTING NJ_SETTING_OPTION

static const nj_option DECODE[] = {
    NJ_USERS_OPTIONS,
#define NJ_PLANNED NJ_PLANNED_OPTION
#include "schemas/settings.def"
    {"sids", NULL, NULL, "print each item's codes too", false},
    NJ_PRECISION_OPTION,
    NJ_ENGINE_OPTIONS,
    NJ_JSON_LINES_OPTION,
};

static const nj_option PLAN[] = {
    NJ_USERS_OPTIONS,
#define NJ_PLANNED NJ_PLANNED_OPTION
#include "schemas/settings.def"
    {"store", "DIR", NULL,
     "the store's folder: is there room for the night, and would its input pass the gates?", false},
    NJ_SINCE_OPTIONS,
#define NJ_GATE_BEFORE NJ_GATE_OPTION
#include "schemas/gates.def"
    NJ_GATES_LEAST_OPTION,
    NJ_SHARD_USERS_OPTION,
    NJ_PRECISION_OPTION,
    NJ_NUMERIC_CLASS_OPTION,
    NJ_AUDIT_USERS_OPTION,
    {"workers", "N", "2", "worker processes of each machine", false},
    {"nodes", "N", "1", "machines such as this one that run workers", false},
    NJ_PIN_OPTION,
    NJ_ENGINE_OPTIONS,
    {"probe-seconds", "N", "10", "how long a sample of the users is decoded", false},
    {"seed", "N", "1", "of the sample", false},
    {"scale-users", "N", NULL, "plan for so many users, of whom those of --users are a sample",
     false},
    {"deadline", "TIME", NULL,
     "when the night must be over: 05:00 is the next one, 90m and 1h30m are from now", false},
    {"price-per-core-hour", "P", NULL, "what a core costs, in any currency", false},
    {"strict", NULL, NULL,
     "exit 4 where disk, memory or time do not suffice; 4 or 75 where a gate does not hold", false},
    {"out", "FILE", NULL, "write the plan as JSON, for `run --plan`", false},
    NJ_JSON_OPTION,
};

static const nj_option RUN[] = {
    {"bundle", "FILE", NULL, "the bundle made by `nightjar bundle pack`", false},
    NJ_RUN_PHASES_OPTIONS,
    NJ_USERS_FILE_OPTIONS,
#define NJ_PLANNED NJ_PLANNED_OPTION
#include "schemas/settings.def"
    NJ_NIGHT_OPTIONS,
#define NJ_GATE_BEFORE NJ_GATE_OPTION
#define NJ_GATE_AFTER NJ_GATE_OPTION
#include "schemas/gates.def"
    NJ_GATES_LEAST_OPTION,
    {"workers", "N", "2", "worker processes to start on this machine", false},
    NJ_LOCAL_FLEET_OPTIONS,
    {"memory-max", "MB", NULL, "a worker whose plan needs more ends; default: no limit", false},
    NJ_ENGINE_OPTIONS,
};

static const nj_option KEYS[] = {
    {"out", "FILE", NULL, "the secret key; FILE.pub gets the public one", true},
    {"name", "TEXT", NULL, "what to call the key's owner", false},
    NJ_JSON_OPTION,
};

static const nj_command COMMANDS[] = {
    NJ_COMMAND("decode", "users to lists in one process, as JSON lines", NULL, DECODE,
               nj_command_decode),
    NJ_COMMAND("keys", "make a CURVE key pair", NULL, KEYS, nj_command_keys),
    NJ_COMMAND("plan", "how long, how large and how dear a night will be, before it runs", NULL,
               PLAN, nj_command_plan),
    NJ_COMMAND("run", "the night on this machine: plan, workers, publish", NULL, RUN,
               nj_command_run),
};

const nj_command_rows NJ_COMMANDS_NIGHT = NJ_COMMAND_ROWS(COMMANDS);
