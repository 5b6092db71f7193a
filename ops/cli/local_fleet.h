// local_fleet.h - worker processes beside this one, with keys drawn for this run alone: started, watched, replaced, ended.
#ifndef NJ_OPS_CLI_LOCAL_FLEET_H
#define NJ_OPS_CLI_LOCAL_FLEET_H

#include "common/cli/cli.h"
#include "common/wire/keys.h"
#include "coordinator/daemon/night.h" // nj_night_hooks

#define NJ_LOCAL_FLEET_MAX 1024

// --pin and --cache of a command that starts workers.
#define NJ_PIN_OPTION                                                                              \
    {                                                                                              \
        "pin", "auto|none|LIST", "none",                                                           \
            "keep each worker on one processor: auto takes a core each before any core twice, a "  \
            "list such as 0,2,4-7 those",                                                          \
            false                                                                                  \
    }
#define NJ_LOCAL_FLEET_OPTIONS                                                                     \
    NJ_PIN_OPTION,                                                                                 \
    {                                                                                              \
        "cache", "DIR", NULL, "where workers keep sections; default: ~/.cache/nightjar", false     \
    }

typedef struct nj_local_fleet nj_local_fleet;

// What the coordinator in this process must know. Borrowed until nj_local_fleet_free.
typedef struct {
    const char *endpoint;
    const nj_keypair *keys;
    nj_allowlist *allowed;
    nj_night_hooks hooks; // start and watch the workers
} nj_local_access;

/// Finds nightjar-worker beside this program and draws keys; workers start when the coordinator is ready. Options of `arguments` that
/// are a worker's too are passed on. NJ_USAGE: --pin; NJ_NOT_FOUND: no nightjar-worker; NJ_FAILED, NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_local_fleet_new(const nj_arguments *arguments, size_t worker_count,
                                        nj_local_fleet **out, nj_error *err);
/// Waits for the workers, who leave when they are dismissed; who does not is asked, then killed. Accepts NULL.
void nj_local_fleet_free(nj_local_fleet **fleet);

nj_local_access nj_local_fleet_access(nj_local_fleet *fleet);

#endif
