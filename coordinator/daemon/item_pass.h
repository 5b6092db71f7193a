// item_pass.h - one round of a fleet while it runs, as a plan: sections, digests, ledger's units, answers. For item_fleet.c alone.
#ifndef NJ_COORDINATOR_DAEMON_ITEM_PASS_H
#define NJ_COORDINATOR_DAEMON_ITEM_PASS_H

#include "coordinator/daemon/exchange.h"
#include "coordinator/daemon/item_fleet.h"

// An answer that waits for those before it.
typedef struct {
    uint8_t *bytes; // owned; NULL: not there
    size_t size;
} nj_item_answer;

typedef struct {
    char path[NJ_PATH_BYTES];
    nj_digest digest;
} nj_item_file;

// The round that runs.
typedef struct {
    const nj_item_round *round; // NULL: it is over, and what it borrowed may be gone
    nj_sections sections;       // their bytes are NULL when it is over
    nj_item_task task;
    nj_buffer plan; // settings of WELCOME
    size_t row_count;
    size_t shard_rows;
    uint32_t *unit_first;    // [shard_count + 1] owned: a shard is one unit of the ledger
    nj_item_answer *answers; // [shard_count] owned
    size_t shard_count;
    size_t delivered;
    size_t pending;
    size_t pending_bytes;
    nj_item_take take;
    void *take_context;
    size_t failed_shard; // the first that no worker can compute; shard_count: none
    nj_error failure;
    nj_status broken; // not NJ_OK: the round must end, `broken_err` says why
    nj_error broken_err;
} nj_item_pass;

struct nj_item_fleet {
    const nj_item_fleet_options *options;
    nj_exchange exchange;
    uint64_t epoch;      // of the next round
    nj_item_file *files; // [NJ_ITEM_FILES_MAX] owned
    size_t file_count;
    uint64_t ticked_ns;
    uint64_t progress; // rises with every answer, of any round
    nj_item_fleet_counts counts;
    nj_item_pass pass;
};

/// Checks the round of f->pass, finds the digests of its sections and takes what a pass needs. NJ_INPUT, NJ_NO_MEMORY, and what
/// options->digest_file returns.
NJ_CHECKED nj_status nj_item_pass_plan(nj_item_fleet *f, nj_error *err);
/// Of the plan: what a worker that is prepared for it need not prepare again.
nj_digest nj_item_pass_digest(const nj_item_pass *p);
/// Accepts a pass that is all zero. The ledger borrows unit_first: another ledger stands by then.
void nj_item_pass_fini(nj_item_pass *p);

#endif
