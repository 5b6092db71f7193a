// daemon.h - one worker process: the session's effects performed on a socket, a cache and a compute thread.
#ifndef NJ_WORKER_DAEMON_DAEMON_H
#define NJ_WORKER_DAEMON_DAEMON_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/saving.h"
#include "common/wire/keys.h"
#include "common/wire/server_keys.h"

typedef struct {
    const char *endpoint;              // of the coordinator, or "file:" and a file that holds it
    const nj_keypair *keys;            // NULL with insecure
    const nj_server_keys *server_keys; // NULL with insecure
    bool insecure;
    const char *cache_folder; // NULL: section_cache.h says which
    const char *kernels;      // "auto": every class of this CPU is offered; else only this set's
    uint32_t batch_users;
    nj_savings savings;
    uint64_t memory_bytes_max; // an engine that plans for more is not set up; 0: no limit
    uint32_t drain_ms;         // how long finishing may take when the worker is asked to end
    uint32_t give_up_ms;       // without a coordinator for this long the worker ends with NJ_AGAIN
} nj_worker_options;

/// Works until the coordinator says that the night is finished (NJ_OK) or that it stops before (NJ_AGAIN), until a signal asks to
/// finish the shard at hand (NJ_TERMINATED, NJ_INTERRUPTED; a second one ends at once), no coordinator takes the worker any more
/// (NJ_AGAIN), a computation hangs (NJ_AGAIN), or something fails for good. NJ_CONFIG: the plan needs more memory than allowed.
///
/// Does not return, but leaves the process with the status's exit code, when the compute thread does not end in time: what it
/// still uses must not be taken down under it.
/// Proof   tests/integration
NJ_CHECKED nj_status nj_worker_run(const nj_worker_options *options, nj_error *err);

#endif
