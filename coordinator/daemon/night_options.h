// night_options.h - what `nightjar run` and `nightjar-coordinator` are both told about a night.
#ifndef NJ_COORDINATOR_DAEMON_NIGHT_OPTIONS_H
#define NJ_COORDINATOR_DAEMON_NIGHT_OPTIONS_H

#include "common/base/numeric_class.h"
#include "coordinator/daemon/night.h"

// Rows that `nightjar plan` has too.
#define NJ_SINCE_OPTIONS                                                                           \
    {"since", "GENERATION", NULL,                                                                  \
     "copy users who are unchanged since it, and do not decode them: a name, or current", false},  \
        {"since-bundle", "FILE", NULL,                                                             \
         "with --since, where the catalogue was refreshed: the bundle of then; rows made with "    \
         "--trace are copied where the refresh cannot have changed them",                          \
         false},                                                                                   \
    {                                                                                              \
        "max-age", "N", NJ_SINCE_MAX_AGE_DEFAULT,                                                  \
            "with --since: decode afresh whose row was copied so many nights in a row", false      \
    }
#define NJ_SHARD_USERS_OPTION                                                                      \
    {                                                                                              \
        "shard-users", "N", NULL,                                                                  \
            "users in a shard: the unit of lease, retry and commit; default: 64, and fewer, down " \
            "to "                                                                                  \
            "16, in the last ones",                                                                \
            false                                                                                  \
    }
#define NJ_NUMERIC_CLASS_OPTION                                                                    \
    {                                                                                              \
        "numeric-class", "NAME", NULL,                                                             \
            "arithmetic of the night, a class that all workers have; default: the precision's",    \
            false                                                                                  \
    }
// Rows of gates.def as rows of an option table: define NJ_GATE_BEFORE and NJ_GATE_AFTER as this, include the table; NJ_GATES_LEAST_OPTION goes with them.
#define NJ_GATE_OPTION(name, kind, status, option, value, fallback, help)                          \
    {option, value, fallback, help, false},
#define NJ_GATES_LEAST_OPTION                                                                      \
    {                                                                                              \
        "gate-least", "N", NJ_GATES_LEAST_DEFAULT,                                                 \
            "gates do not judge shares of fewer than N users or items", false                      \
    }
#define NJ_AUDIT_USERS_OPTION                                                                      \
    {                                                                                              \
        "audit-users", "N", NJ_NIGHT_AUDIT_USERS_DEFAULT,                                          \
            "in reproducible classes: users decoded again before the night is packed; 0: none",    \
            false                                                                                  \
    }

#define NJ_NIGHT_OPTIONS                                                                           \
    {"store", "DIR", NULL, "the store's folder, on a local disk", true}, NJ_SINCE_OPTIONS,         \
        {"resume", NULL, NULL, "go on with an interrupted night; without one, begin", false},      \
        NJ_SHARD_USERS_OPTION,                                                                     \
        {"lease-ms", "N", NJ_NIGHT_LEASE_MS_DEFAULT,                                               \
         "a lease without progress for this long is given to another worker", false},              \
        NJ_PRECISION_OPTION, NJ_NUMERIC_CLASS_OPTION,                                              \
        {"plan", "FILE", NULL,                                                                     \
         "a plan.json of `nightjar plan`: at the end say how the night went beside it", false},    \
        {"metrics-bind", "ADDRESS", NULL,                                                          \
         "answer GET /metrics and /healthz here, such as 127.0.0.1:9464; default: nowhere",        \
         false},                                                                                   \
        {"metrics-wait-ms", "N", "0",                                                              \
         "at the end keep --metrics-bind until the last numbers were read, for at most so long",   \
         false},                                                                                   \
        {"metrics-file", "FILE", NULL,                                                             \
         "at the end write the metrics here, for a textfile collector", false},                    \
        NJ_LOG_OPTION,                                                                             \
        {"valid-for", "TIME", NULL,                                                                \
         "how long the lists are good, such as 30h: readers are told so (STALE) past it; an "      \
         "interrupted night keeps its own",                                                        \
         false},                                                                                   \
        {"deadline", "TIME", NULL,                                                                 \
         "when the night must be over: 05:30 is the next one, 90m is from now; none takes the "    \
         "one "                                                                                    \
         "of an interrupted night away",                                                           \
         false},                                                                                   \
        {"on-deadline", "hold|carry", NULL,                                                        \
         "then publish nothing and end with 75, or let who is not done keep the current row, "     \
         "filtered and flagged; default: hold",                                                    \
         false},                                                                                   \
        {"carry-max", "PERCENT", NULL,                                                             \
         "carry rows over for at most so many of the users, else hold; default: 10", false},       \
        {"missing-users", "carry|drop", NULL,                                                      \
         "users of the current generation whom the input lacks: carry their rows over, or drop "   \
         "them knowingly; default: the gates judge",                                               \
         false},                                                                                   \
        {"controls", "SHARE|N", NULL,                                                              \
         "keep the popular and the co-visitation list of so many of the users beside the "         \
         "generation, for `nightjar grade`: 1%, 0.01 or 2000",                                     \
         false},                                                                                   \
        {"quarantine-max", "N", "0",                                                               \
         "publish without up to so many users whom no worker can decode; exit 3", false},          \
        {"retry-quarantined", NULL, NULL, "with --resume: try again the users who were given up",  \
         false},                                                                                   \
        {"speculate", "on|off", "on",                                                              \
         "in reproducible classes: give a slow shard to a second worker when nothing else waits",  \
         false},                                                                                   \
        NJ_AUDIT_USERS_OPTION,                                                                     \
        {"storage-wait-ms", "N", NJ_NIGHT_STORAGE_WAIT_MS_DEFAULT,                                 \
         "wait so long for a store that cannot be written (a full disk)", false},                  \
    {                                                                                              \
        "json", NULL, NULL, "print the summary as JSON", false                                     \
    }

/// Reads the options above; keys and endpoint are the caller's. NJ_USAGE.
NJ_CHECKED nj_status nj_night_options_from(const nj_arguments *arguments, nj_night_options *out,
                                           nj_error *err);

/// --gate-... and --as-of alone. NJ_USAGE.
NJ_CHECKED nj_status nj_night_gates_from(const nj_arguments *arguments, nj_night_options *out,
                                         nj_error *err);

/// --shard-users alone. NJ_USAGE.
NJ_CHECKED nj_status nj_night_shard_users_from(const nj_arguments *arguments, nj_night_options *out,
                                               nj_error *err);
/// --precision and --numeric-class alone. NJ_USAGE.
NJ_CHECKED nj_status nj_night_numeric_class_from(const nj_arguments *arguments,
                                                 nj_night_options *out, nj_error *err);

/// Makes it a night of this class, borrowed; speculation and audit go off where a second decoding proves nothing.
void nj_night_options_set_class(nj_night_options *options, const char *numeric_class);

#endif
