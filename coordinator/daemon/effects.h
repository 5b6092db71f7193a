// effects.h - the dispatch's effects, performed on the router and the stage; night.c is the only other file that includes it.
#ifndef NJ_COORDINATOR_DAEMON_EFFECTS_H
#define NJ_COORDINATOR_DAEMON_EFFECTS_H

#include "common/base/buffer.h"
#include "common/cli/progress.h"
#include "common/wire/socket.h"
#include "coordinator/daemon/night.h"
#include "coordinator/daemon/result_check.h"
#include "coordinator/daemon/stage.h"
#include "coordinator/dispatch.h"
#include "coordinator/plan.h"

// Everything that lives as long as the night.
typedef struct {
    nj_job *job;
    const nj_night_options *options;
    nj_plan plan;
    nj_stage stage;
    nj_result_check check;
    nj_router *router;
    nj_dispatch *dispatch; // owned
    nj_buffer settings_bytes;
    nj_buffer users_bytes;           // scratch of a LEASE
    const nj_message_result *result; // the RESULT at hand, while its effects are drawn
    char run_id[NJ_DIGEST_HEX_BYTES];
    nj_progress progress;
    uint64_t users_done;
    unsigned commit_failures;
    bool diverged;
    bool failed;
    uint32_t failed_shard; // the last one without tries; a late result may still mend it
    nj_night_summary summary;
} nj_night;

/// How often a worker of this night sends HEARTBEAT.
uint32_t nj_night_heartbeat_ms(const nj_night_options *options);

/// Draws and performs effects until there are none. Rows of a RESULT wait in the stage afterwards.
void nj_night_perform(nj_night *n);

#endif
