// stage.h - the night's staging area: made anew or taken up again, filled shard by shard, published at the end.
#ifndef NJ_COORDINATOR_DAEMON_STAGE_H
#define NJ_COORDINATOR_DAEMON_STAGE_H

#include "common/catalogue/job.h"
#include "common/store/publish.h"
#include "common/store/staging.h"
#include "common/wire/message.h"
#include "coordinator/plan.h"

// Shards wait here for one transaction; a sync costs the same for one shard and for many.
#define NJ_STAGE_SHARDS_MAX 32
#define NJ_STAGE_BYTES_MAX (16u << 20)

typedef struct {
    uint32_t shard;
    uint32_t attempt;
    nj_digest digest;
    char worker[65];
    nj_buffer bytes; // owned copy of the RESULT's rows blob
} nj_staged_shard;

typedef struct {
    const nj_plan *plan;
    nj_staging *staging; // owned
    nj_staged_shard waiting[NJ_STAGE_SHARDS_MAX];
    size_t waiting_count;
    size_t waiting_bytes;
} nj_stage;

/// Opens the store's staging area: a new one, or with `resume` the one that is there if its plan is this one.
/// Errors  NJ_AGAIN, NJ_CONFIG as nj_night_run; those of nj_staging_create and nj_staging_open
NJ_CHECKED nj_status nj_stage_open(const char *store_dir, const nj_job *job, const nj_plan *plan,
                                   const char *numeric_class, bool resume, nj_stage *out,
                                   nj_error *err);
/// The area stays on disk. Accepts a stage that is all zero.
void nj_stage_close(nj_stage *stage);

static inline bool nj_stage_is_full(const nj_stage *stage)
{
    return stage->waiting_count == NJ_STAGE_SHARDS_MAX ||
           stage->waiting_bytes >= NJ_STAGE_BYTES_MAX;
}

/// Copies the rows of a RESULT that passed every check; the stage must not be full.
NJ_CHECKED nj_status nj_stage_add(nj_stage *stage, const nj_message_result *result,
                                  const char *worker, nj_error *err);

/// Commits everything that waits in one transaction. Whatever the status, `waiting` still names the shards until nj_stage_clear.
NJ_CHECKED nj_status nj_stage_commit(nj_stage *stage,
                                     nj_commit_outcome outcomes[NJ_STAGE_SHARDS_MAX],
                                     nj_error *err);
void nj_stage_clear(nj_stage *stage);

/// Packs, verifies, publishes, and removes the staging area.
NJ_CHECKED nj_status nj_stage_publish(nj_stage *stage, nj_store_name *out_name, nj_error *err);

#endif
