#include "coordinator/forecast.h"

#include <assert.h>
#include <math.h>

// Measured constants: ops/handbook/sizing.md says on what, and with which command. What a probe can measure is not here.
#define COORDINATOR_USER_S 18e-6     // of one core: a user's part of leases, checks and commits
#define COORDINATOR_BASE_BYTES 1.8e6 // sockets and LMDB's buffers, beside what the plan takes
#define COORDINATOR_SHARD_BYTES 100  // ledger, heaps and its record
// Staged rows against packed ones: a page is split where a shard comes before one that lies behind it.
#define STAGING_IN_ORDER 1.10
#define STAGING_OUT_OF_ORDER 0.27
#define STAGING_SHARD_BYTES 90      // a record of the ledger
#define STAGING_BASE_BYTES 90e3     // pages that a commit has replaced and the next one takes
#define GENERATION_BASE_BYTES 16384 // meta pages, the root, __meta__
#define PACK_BASE_S 0.01            // syncs and renames
#define PACK_BYTE_S 6.5e-9          // packed, digested, read back and verified
#define PACK_ROW_S 0.2e-6
#define WORKER_START_S 0.12 // a process, a handshake, sections from its cache
#define WORKER_USER_S 4e-6  // beside the search: a user unpacked, his row packed, digested and sent
#define LIGHT_USER_S 6e-6   // a user who needs no search
#define AUDIT_BASE_S 0.1    // leases of a sample, and the last ticks
#define WORKER_BASE_BYTES 8e6 // program, libraries, messages

static double min_of(double a, double b)
{
    return a < b ? a : b;
}

static double max_of(double a, double b)
{
    return a > b ? a : b;
}

// One search on a node where so many workers run: between the two measurements on a line, beyond the second one as there.
static double search_seconds(const nj_forecast *f)
{
    if (f->workers_together <= 1 || f->workers <= 1) {
        return f->workers <= 1 ? f->search_s_alone : f->search_s_together;
    }
    const double way = min_of(1, (f->workers - 1.0) / (f->workers_together - 1.0));
    return f->search_s_alone + way * (f->search_s_together - f->search_s_alone);
}

static double decode_seconds(const nj_forecast *f)
{
    const double decoded = (double)(f->users - f->copied);
    if (decoded == 0) {
        return 0;
    }
    const double all = (double)f->workers * f->nodes;
    const double light = decoded - (double)f->searches;
    const double coordinator = decoded * COORDINATOR_USER_S;
    double work =
        (double)f->searches * search_seconds(f) + light * LIGHT_USER_S + decoded * WORKER_USER_S;
    double at_once = min_of(all, (double)f->shards);
    if (f->local && f->nodes == 1 && f->workers >= f->node_cpus) {
        work += coordinator; // it takes its time from the workers' processors
    }
    const double user_s = work / decoded;
    // Workers end within one of the last, small shards of each other.
    const double end = at_once > 1 ? f->shard_users_least * user_s / 2 : 0;
    return WORKER_START_S + f->engine_s + max_of(work / at_once, coordinator) + end;
}

static double audit_seconds(const nj_forecast *f)
{
    const uint64_t decoded = f->users - f->copied;
    const double users = min_of(f->audit_users, (double)decoded);
    return users > 0 ? AUDIT_BASE_S + users * search_seconds(f) / min_of(2, f->workers) : 0;
}

static void set_times(const nj_forecast *f, nj_night_numbers *out)
{
    const double decoded = (double)(f->users - f->copied);
    const double searches = (double)f->searches;
    out->start_s = f->start_s;
    out->decode_s = decode_seconds(f);
    out->audit_s = audit_seconds(f);
    out->pack_s = PACK_BASE_S + (double)f->users * (f->row_bytes * PACK_BYTE_S + PACK_ROW_S);
    out->total_s = out->start_s + out->decode_s + out->audit_s + out->pack_s;
    out->users_per_second = out->decode_s > 0 ? decoded / out->decode_s : 0;
    out->worker_core_s = searches * f->search_core_s + (decoded - searches) * LIGHT_USER_S +
                         decoded * WORKER_USER_S +
                         (decoded > 0 ? (double)f->workers * f->nodes * f->engine_s : 0);
}

// Workers are there until they are dismissed; the coordinator's own core counts where it has one.
static void set_costs(const nj_forecast *f, nj_night_numbers *out)
{
    const double workers = (double)f->workers * f->nodes;
    const double own = f->local ? 0 : out->total_s;
    const double core_s = workers * (out->decode_s + out->audit_s) + own +
                          (f->local ? out->start_s + out->pack_s : 0);
    out->cost_total = f->price * core_s / 3600;
    out->cost_million_users = out->cost_total / (double)f->users * 1e6;
}

nj_night_numbers nj_forecast_make(const nj_forecast *f)
{
    nj_night_numbers out = nj_night_numbers_unknown();
    assert(f->users > 0 && f->workers > 0 && f->nodes > 0 && f->copied <= f->users);
    const double decoded = (double)(f->users - f->copied);
    const double shards = (double)f->shards;
    out.users = (double)f->users;
    out.copied = (double)f->copied;
    out.searches = (double)f->searches;
    out.shards = shards;
    out.nodes = f->nodes;
    out.cores = (double)f->workers * f->nodes;
    set_times(f, &out);
    out.store_bytes = ceil((double)f->users * f->row_bytes) + GENERATION_BASE_BYTES;
    const double share = STAGING_IN_ORDER + STAGING_OUT_OF_ORDER * (1 - 1 / out.cores);
    out.staging_bytes =
        ceil(decoded * f->row_bytes * share) + shards * STAGING_SHARD_BYTES + STAGING_BASE_BYTES;
    const double more = shards * COORDINATOR_SHARD_BYTES + COORDINATOR_BASE_BYTES;
    out.coordinator_own_bytes = (double)f->own_bytes + more;
    // When the night is verified, the generation is mapped twice and the staging area once.
    out.coordinator_bytes =
        (double)f->resident_bytes + more + out.staging_bytes + 2 * out.store_bytes;
    out.worker_bytes = (double)f->worker_bytes + WORKER_BASE_BYTES;
    if (isfinite(f->price)) {
        set_costs(f, &out);
    }
    return out;
}

// ---- how many workers ----

// Fills nodes one after the other; the last count of each may be smaller on the first node only where there is one.
static void spread_workers(nj_forecast *f, uint32_t all, uint32_t node_workers_max)
{
    f->nodes = (all + node_workers_max - 1) / node_workers_max;
    f->workers = (all + f->nodes - 1) / f->nodes;
}

bool nj_forecast_workers(nj_forecast *forecast, double seconds, uint32_t node_workers_max)
{
    nj_forecast tried = *forecast;
    uint32_t low = 1;
    uint32_t high = NJ_FORECAST_WORKERS_MAX;
    spread_workers(&tried, high, node_workers_max);
    if (nj_forecast_make(&tried).total_s > seconds) {
        return false;
    }
    while (low < high) { // more workers are never slower by this model, or by less than a shard
        const uint32_t middle = low + (high - low) / 2;
        spread_workers(&tried, middle, node_workers_max);
        if (nj_forecast_make(&tried).total_s > seconds) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    spread_workers(forecast, low, node_workers_max);
    return true;
}

// ---- pages of LMDB ----

#define PAGE_BYTES 4096
#define PAGE_HEAD_BYTES 16
#define NODE_HEAD_BYTES 8
#define NODE_PLACE_BYTES 2
#define OVERFLOW_NODE_BYTES 2038 // a larger node keeps its value in pages of its own

static size_t node_bytes(size_t key_bytes, size_t value_bytes)
{
    const size_t bytes = NODE_HEAD_BYTES + key_bytes + value_bytes;
    return bytes + bytes % 2 + NODE_PLACE_BYTES;
}

// Source  lmdb mdb.c 0.9.24: mdb_leaf_size, mdb_page_split for MDB_APPEND
void nj_forecast_pages_add(nj_forecast_pages *pages, size_t key_bytes, size_t value_bytes)
{
    size_t bytes = node_bytes(key_bytes, value_bytes);
    if (bytes - NODE_PLACE_BYTES > OVERFLOW_NODE_BYTES) {
        pages->overflow_pages += (PAGE_HEAD_BYTES + value_bytes + PAGE_BYTES - 1) / PAGE_BYTES;
        bytes = node_bytes(key_bytes, sizeof(uint64_t));
    }
    if (pages->leaves == 0 || pages->used + bytes > PAGE_BYTES - PAGE_HEAD_BYTES) {
        pages->leaves++;
        pages->used = 0;
    }
    pages->used += bytes;
    pages->key_bytes += key_bytes;
    pages->rows++;
}

double nj_forecast_pages_row(const nj_forecast_pages *pages)
{
    if (pages->rows == 0) {
        return 0;
    }
    const double rows = (double)pages->rows;
    const double branch = NODE_HEAD_BYTES + NODE_PLACE_BYTES + (double)pages->key_bytes / rows;
    const double leaves =
        (double)pages->leaves - 1 +
        (double)pages->used / (PAGE_BYTES - PAGE_HEAD_BYTES); // the last: its part
    const double above = leaves * branch / (PAGE_BYTES - PAGE_HEAD_BYTES - branch);
    return PAGE_BYTES * (leaves + above + (double)pages->overflow_pages) / rows;
}
