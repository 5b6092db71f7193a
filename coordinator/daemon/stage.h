// stage.h - the night's staging area: made anew or taken up again, filled piece by piece, published at the end.
//
//   rows of a RESULT ──► waiting ──┐
//   a user given up ───► given_up ─┴─ nj_stage_commit: one transaction ─► nj_stage_clear
//
// What a failed commit could not write goes on waiting: the same call may be made again.
#ifndef NJ_COORDINATOR_DAEMON_STAGE_H
#define NJ_COORDINATOR_DAEMON_STAGE_H

#include "common/catalogue/job.h"
#include "common/store/publish.h"
#include "common/store/staging.h"
#include "common/wire/message.h"
#include "coordinator/daemon/missing.h"
#include "coordinator/daemon/since.h"
#include "coordinator/ledger.h" // nj_piece_range
#include "coordinator/plan.h"

// Pieces wait here for one transaction; a sync costs the same for one piece and for many.
#define NJ_STAGE_PIECES_MAX 32
#define NJ_STAGE_BYTES_MAX (16u << 20)
// Users given up that go into one transaction.
#define NJ_STAGE_GIVEN_UP_A_COMMIT 256

#define NJ_STAGE_WORKER_BYTES 65 // as the ledger record's, with their NULs
#define NJ_STAGE_NOTE_BYTES 401

typedef struct {
    uint32_t index; // of the piece
    nj_piece_range range;
    uint32_t attempt;
    nj_digest digest;
    char worker[NJ_STAGE_WORKER_BYTES];
    const char *
        carried_from; // a generation: these are rows of it, and nobody decoded them; borrowed; NULL: a worker's
    nj_buffer bytes; // owned copy of the RESULT's rows blob
    nj_buffer rows;  // owned; [range.count] of nj_slice, into `bytes`
} nj_staged_piece;

// One user without a row.
typedef struct {
    uint32_t shard;
    uint32_t position; // in the shard
    uint32_t attempt;
    char worker[NJ_STAGE_WORKER_BYTES];
    char note[NJ_STAGE_NOTE_BYTES];
} nj_given_up;

// How far the publishing has come.
typedef enum {
    NJ_STAGE_PACK,
    NJ_STAGE_VERIFY,
    NJ_STAGE_JUDGE,
    NJ_STAGE_PUBLISH,
    NJ_STAGE_NOTE,
    NJ_STAGE_REMOVE,
} nj_stage_step;

typedef struct {
    const nj_plan *plan;
    nj_since *since;     // borrowed: whose rows are copied
    nj_missing *missing; // borrowed: whose rows are carried although nobody asked for them tonight
    nj_staging *staging; // owned
    const nj_origin_night
        *origin;            // borrowed: what the generation keeps of the night; NULL: nothing
    nj_store_groups groups; // owned; how many users each has
    nj_staged_piece waiting[NJ_STAGE_PIECES_MAX];
    size_t waiting_count;
    size_t waiting_bytes;
    nj_given_up *given_up; // owned; [given_up_count] users that are not recorded yet
    size_t given_up_count;
    size_t given_up_capacity;
    nj_stage_step step;
    nj_store_name name;     // of the generation, behind PACK
    uint64_t store_bytes;   // its data.mdb, likewise
    uint64_t carried_count; // rows of it that were carried over, likewise
    uint64_t carried_age;   // nights since the oldest of them was decoded, likewise
    uint64_t staging_bytes; // that the staging area has, likewise
    bool is_held;           // behind JUDGE: it is not published
    // Asked of the packed generation: may readers have it? NULL: they may.
    nj_status (*judge)(void *context, const nj_store_name *generation, bool *out_held,
                       nj_error *err);
    void *judge_context;
    // nj_night_hooks has it; NULL: nobody notes it
    nj_status (*published)(void *context, const nj_store_name *generation, bool complete,
                           nj_error *err);
    void *published_context;
} nj_stage;

// What a night is told about its generation, besides its plan. An area that is resumed keeps the two times it was made with.
typedef struct {
    const char *numeric_class;
    bool resume;
    nj_missing *missing;   // borrowed until nj_stage_close
    uint64_t valid_for_ms; // schemas/store.def, as the next
    uint64_t newest_event_ms;
} nj_stage_terms;

/// Opens the store's staging area, which says who is copied: a new one, or with `terms->resume` the one that is there if its plan is this one.
/// Errors  NJ_AGAIN, NJ_CONFIG as nj_night_run; those of nj_staging_create and nj_staging_open
NJ_CHECKED nj_status nj_stage_open(const char *store_dir, const nj_job *job, const nj_plan *plan,
                                   nj_since *since, const nj_stage_terms *terms, nj_stage *out,
                                   nj_error *err);
/// The area stays on disk. Accepts a stage that was published or is all zero.
void nj_stage_close(nj_stage *stage);

/// No more pieces: commit first.
static inline bool nj_stage_is_full(const nj_stage *stage)
{
    return stage->waiting_count == NJ_STAGE_PIECES_MAX ||
           stage->waiting_bytes >= NJ_STAGE_BYTES_MAX;
}

static inline bool nj_stage_is_empty(const nj_stage *stage)
{
    return stage->waiting_count == 0 && stage->given_up_count == 0;
}

/// Copies the rows of a RESULT that passed every check; the stage must not be full.
///
///   rows  [range.count] the rows in result->rows, as the check found them
NJ_CHECKED nj_status nj_stage_add(nj_stage *stage, const nj_piece_range *range,
                                  const nj_message_result *result, const nj_slice *rows,
                                  const char *worker, nj_error *err);

/// The same with rows of an earlier generation: the piece is stored as carried.
///
///   index  of the piece
///   bytes  as a worker would send them (codec/shard.h)
///   rows   [range->count] in `bytes`
///   from   the generation's name; borrowed until the piece is committed
NJ_CHECKED nj_status nj_stage_add_carried(nj_stage *stage, const nj_piece_range *range,
                                          uint32_t index, nj_slice bytes, const nj_slice *rows,
                                          const char *from, nj_error *err);

/// Notes that the users of a piece get no rows. `note` says why, for people.
NJ_CHECKED nj_status nj_stage_give_up(nj_stage *stage, const nj_piece_range *range,
                                      uint32_t attempt, const char *worker, const char *note,
                                      nj_error *err);

/// Commits everything that waits in one transaction. Whatever the status, it goes on waiting until nj_stage_clear.
///
///   out_outcomes  of the pieces, set when NJ_OK is returned
NJ_CHECKED nj_status nj_stage_commit(nj_stage *stage,
                                     nj_commit_outcome out_outcomes[NJ_STAGE_PIECES_MAX],
                                     nj_error *err);
/// Forgets what the last commit wrote.
void nj_stage_clear(nj_stage *stage);

/// Removes the staging area if nothing is committed in it: an attempt that came to nothing leaves nothing to resume, and
/// nothing in the way of the next one. A failure is logged only.
void nj_stage_discard_empty(nj_stage *stage);

/// Packs, verifies, judges, publishes, tells `published`, and removes the staging area. A generation that is held back is neither published
/// nor told; it stays, and the area goes, as the night is over. After NJ_IO the same call goes on where it failed.
///
///   row_count  the plan's users less those who were quarantined; copied ones are not counted
NJ_CHECKED nj_status nj_stage_publish(nj_stage *stage, uint64_t row_count, nj_error *err);

#endif
