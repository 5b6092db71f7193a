// bench_store.c - `nightjar bench store`: a night of made-up rows committed, packed, verified and published by one writer.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/checked.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/codec/row.h"
#include "common/codec/shard.h"
#include "common/store/lock.h"
#include "common/store/publish.h"
#include "ops/cli/bench_report.h"
#include "ops/cli/bench_watch.h"
#include "ops/cli/commands.h"

#define ROWS_MAX 1000000000
#define ROUNDS_MAX 100
#define BATCH_SHARDS 32 // as many as the coordinator commits at once
#define PROBE_BYTES_MAX ((size_t)256 << 20)
#define PROBE_BYTES_MIN ((size_t)8 << 20)
#define PROBE_BYTES_A_ROW                                                                          \
    1024 // some more than a row's, so that the probe is no smaller than the night
#define PROBE_BLOCK_BYTES ((size_t)1 << 20)
#define USER_BYTES 24
#define POOL_ROWS 997 // different rows; users take them in turn

typedef enum { COMMIT, PACK, VERIFY, PUBLISH, TOTAL, PHASES } phase;

static const char *const PHASE_NAMES[PHASES] = {"commit", "pack", "verify", "publish", "total"};

typedef struct {
    uint64_t rows, top, shard_users, rounds;
} bench_options;

typedef struct {
    double seconds[PHASES];
    uint64_t staged_bytes; // of the staging area's file
    uint64_t data_bytes;   // of the generation
} bench_round;

// One batch of shards; its memory is used again for the next.
typedef struct {
    nj_buffer pool[POOL_ROWS];
    nj_buffer sent;            // a shard as a worker sends it
    nj_store_row *rows;        // [BATCH_SHARDS * shard_users]
    char (*users)[USER_BYTES]; // of the rows
    nj_shard_commit commits[BATCH_SHARDS];
    size_t count;
} bench_batch;

static nj_status options_from(const nj_arguments *arguments, bench_options *out, nj_error *err)
{
    const nj_uint_option NUMBERS[] = {
        NJ_UINT("rows", 1, ROWS_MAX, &out->rows),
        NJ_UINT("top", 1, NJ_ROW_ITEMS_MAX, &out->top),
        NJ_UINT("shard-users", 1, NJ_SHARD_USERS_MAX, &out->shard_users),
        NJ_UINT("rounds", 1, ROUNDS_MAX, &out->rounds),
    };
    return nj_argument_uints(arguments, NUMBERS, sizeof NUMBERS / sizeof NUMBERS[0], err);
}

// ---- made-up rows ----

static uint32_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

static nj_status pack_row(nj_buffer *out, uint64_t seed, size_t top)
{
    char digits[NJ_ROW_ITEMS_MAX][USER_BYTES];
    nj_slice items[NJ_ROW_ITEMS_MAX];
    float scores[NJ_ROW_ITEMS_MAX];
    const nj_history_digest history = {{(uint8_t)seed}};
    uint64_t state = seed;
    for (size_t i = 0; i < top; i++) {
        int size = snprintf(digits[i], USER_BYTES, "%u", next_random(&state));
        items[i] = (nj_slice){digits[i], (size_t)size};
        scores[i] = -1.0f - (float)i - (float)(next_random(&state) % 1000) * 0.001f;
    }
    return nj_row_pack(out, 0, items, scores, top, &history);
}

static void free_batch(bench_batch *batch)
{
    for (size_t i = 0; i < POOL_ROWS; i++) {
        nj_buffer_fini(&batch->pool[i]);
    }
    nj_buffer_fini(&batch->sent);
    free(batch->rows);
    free(batch->users);
    free(batch);
}

static bench_batch *make_batch(const bench_options *options)
{
    bench_batch *batch = calloc(1, sizeof *batch);
    if (batch == NULL) {
        return NULL;
    }
    nj_status status = NJ_OK;
    nj_buffer_init(&batch->sent, NJ_SHARD_BYTES_MAX);
    for (size_t i = 0; i < POOL_ROWS; i++) {
        nj_buffer_init(&batch->pool[i], NJ_ROW_BYTES_MAX);
        status = status == NJ_OK ? pack_row(&batch->pool[i], i, (size_t)options->top) : status;
    }
    batch->rows = calloc(BATCH_SHARDS * options->shard_users, sizeof *batch->rows);
    batch->users = calloc(BATCH_SHARDS * options->shard_users, sizeof *batch->users);
    if (status != NJ_OK || batch->rows == NULL || batch->users == NULL) {
        free_batch(batch);
        return NULL;
    }
    return batch;
}

static nj_status add_shard(const bench_options *options, uint64_t shard, bench_batch *batch,
                           nj_error *err)
{
    size_t at = batch->count++;
    uint64_t first = shard * options->shard_users;
    uint64_t left = options->rows - first;
    size_t count = (size_t)(left < options->shard_users ? left : options->shard_users);
    nj_store_row *rows = batch->rows + at * options->shard_users;
    nj_buffer_clear(&batch->sent);
    nj_status status = nj_rows_begin(&batch->sent, count);
    for (size_t i = 0; i < count && status == NJ_OK; i++) {
        char *user = batch->users[at * options->shard_users + i];
        int size = snprintf(user, USER_BYTES, "%" PRIu64, first + i);
        rows[i] = (nj_store_row){{user, (size_t)size},
                                 nj_buffer_slice(&batch->pool[(first + i) % POOL_ROWS])};
        status = nj_rows_add(&batch->sent, rows[i].value);
    }
    batch->commits[at] =
        (nj_shard_commit){.rows = rows,
                          .record = {.shard = shard,
                                     .state = NJ_STORED_COMMITTED,
                                     .attempt = 1,
                                     .rows = count,
                                     .digest = nj_digest_of(batch->sent.bytes, batch->sent.size)}};
    return status == NJ_OK ? NJ_OK : nj_fail(err, status, "no memory for a shard's rows");
}

// ---- one round ----

static double seconds_since(uint64_t start_ns)
{
    return (double)(nj_clock_mono_ns() - start_ns) / 1e9;
}

static uint64_t count_shards(const bench_options *options)
{
    return (options->rows + options->shard_users - 1) / options->shard_users;
}

// Only the commits are timed, not the making of what is committed.
static nj_status commit_all(const bench_options *options, nj_staging *staging, bench_batch *batch,
                            double *out_seconds, nj_error *err)
{
    nj_commit_outcome outcomes[BATCH_SHARDS];
    uint64_t shards = count_shards(options);
    nj_status status = NJ_OK;
    *out_seconds = 0.0;
    for (uint64_t s = 0; s < shards && status == NJ_OK;) {
        batch->count = 0;
        while (batch->count < BATCH_SHARDS && s < shards && status == NJ_OK) {
            status = add_shard(options, s++, batch, err);
        }
        if (status == NJ_OK) {
            uint64_t start_ns = nj_clock_mono_ns();
            status = nj_staging_commit(staging, batch->commits, batch->count, outcomes, err);
            *out_seconds += seconds_since(start_ns);
        }
    }
    return status;
}

static nj_status finish_night(const bench_options *options, const char *store, nj_staging *staging,
                              bench_round *out, nj_error *err)
{
    nj_store_name name;
    nj_store_manifest manifest;
    uint64_t start_ns = nj_clock_mono_ns();
    nj_status status =
        nj_store_pack(staging, options->rows, NULL, nj_clock_wall_ms(), &name, &manifest, err);
    out->seconds[PACK] = seconds_since(start_ns);
    start_ns = nj_clock_mono_ns();
    if (status == NJ_OK) {
        status = nj_store_verify(store, name.text, NULL, err);
    }
    out->seconds[VERIFY] = seconds_since(start_ns);
    start_ns = nj_clock_mono_ns();
    if (status == NJ_OK) {
        status = nj_store_publish(store, name.text, staging, NJ_STORE_LOCK_WAIT_MS, err);
    }
    out->seconds[PUBLISH] = seconds_since(start_ns);
    out->data_bytes = manifest.data_bytes;
    return status;
}

static nj_status run_round(const bench_options *options, const char *store, bench_batch *batch,
                           bench_round *out, nj_error *err)
{
    nj_staging *staging = NULL;
    nj_staging_facts facts = {.created_ms = nj_clock_wall_ms(),
                              .shard_count = count_shards(options),
                              .user_count = options->rows};
    nj_status status = nj_staging_create(store, &facts, NULL, &staging, err);
    if (status == NJ_OK) {
        status = nj_staging_class_set(staging, "bench", err);
    }
    if (status == NJ_OK) {
        status = commit_all(options, staging, batch, &out->seconds[COMMIT], err);
    }
    if (status == NJ_OK) {
        status = nj_staging_rows_bytes(staging, &out->staged_bytes, err);
    }
    if (status == NJ_OK) {
        status = finish_night(options, store, staging, out, err);
    }
    nj_staging_close(&staging);
    out->seconds[TOTAL] =
        out->seconds[COMMIT] + out->seconds[PACK] + out->seconds[VERIFY] + out->seconds[PUBLISH];
    nj_status removed = nj_folder_remove(store, status == NJ_OK ? err : NULL);
    return status != NJ_OK ? status : removed;
}

// ---- the disk ----

// Megabytes a second of one sequential write with a sync at its end.
static nj_status probe_disk(const char *folder, uint64_t rows, double *out_mb_per_s, nj_error *err)
{
    const size_t wanted = nj_max_size(PROBE_BYTES_MIN, (size_t)rows * PROBE_BYTES_A_ROW);
    const size_t bytes =
        nj_min_size(PROBE_BYTES_MAX, wanted / PROBE_BLOCK_BYTES * PROBE_BLOCK_BYTES);
    nj_path path;
    nj_status status = nj_path_join(folder, "probe", &path, err);
    char *block = status == NJ_OK ? malloc(PROBE_BLOCK_BYTES) : NULL;
    int fd = block != NULL ? open(path.text, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd < 0) {
        free(block);
        return nj_fail_errno(err, NJ_IO, errno, "%s: cannot write a probe", folder);
    }
    memset(block, 0x5a, PROBE_BLOCK_BYTES);
    uint64_t start_ns = nj_clock_mono_ns();
    for (size_t done = 0; done < bytes && status == NJ_OK; done += PROBE_BLOCK_BYTES) {
        if (write(fd, block, PROBE_BLOCK_BYTES) != (ssize_t)PROBE_BLOCK_BYTES) {
            status = nj_fail_errno(err, NJ_IO, errno, "%s: cannot write", path.text);
        }
    }
    if (status == NJ_OK && fdatasync(fd) != 0) {
        status = nj_fail_errno(err, NJ_IO, errno, "%s: cannot sync", path.text);
    }
    *out_mb_per_s = (double)bytes / 1e6 / seconds_since(start_ns);
    close(fd);
    unlink(path.text);
    free(block);
    return status;
}

// ---- the result ----

static double median_of(const bench_round *rounds, size_t count, phase which, double *out_spread)
{
    double seconds[ROUNDS_MAX];
    for (size_t i = 0; i < count; i++) {
        seconds[i] = rounds[i].seconds[which];
    }
    *out_spread = nj_bench_spread(seconds, count);
    return seconds[count / 2];
}

// Bytes that a phase must bring to the disk; 0 where it reads, or writes one line.
static uint64_t written_bytes(const bench_round *round, phase which)
{
    return which == COMMIT ? round->staged_bytes : which == PACK ? round->data_bytes : 0;
}

static nj_status add_rows(nj_bench_report *report, const bench_options *options,
                          const bench_round *rounds, double disk_mb_per_s,
                          const nj_bench_watch *watch, nj_error *err)
{
    nj_status status = NJ_OK;
    for (phase p = 0; p < PHASES && status == NJ_OK; p++) {
        double spread = 0.0;
        double seconds = median_of(rounds, (size_t)options->rounds, p, &spread);
        double mb = (double)written_bytes(&rounds[0], p) / 1e6;
        json_t *row =
            json_pack("{s:s, s:I, s:f, s:f, s:f, s:f, s:f, s:I, s:f}", "phase", PHASE_NAMES[p],
                      "rows", (json_int_t)options->rows, "seconds", seconds, "rows_per_s",
                      (double)options->rows / seconds, "written_mb", mb, "disk_mb_per_s",
                      disk_mb_per_s, "share", mb / seconds / disk_mb_per_s, "rounds",
                      (json_int_t)options->rounds, "spread", spread);
        if (row != NULL) {
            nj_bench_watch_tell(watch, row);
        }
        status = nj_bench_report_add_take(report, "store", &row, err);
    }
    return status;
}

static nj_status measure(const bench_options *options, const char *folder, bench_round *rounds,
                         double *out_disk, nj_bench_watch *watch, nj_error *err)
{
    nj_path store;
    nj_bench_round watched;
    nj_bench_watch_begin(watch, false, NJ_BENCH_PROBE_SECONDS);
    bench_batch *batch = make_batch(options);
    nj_status status = batch != NULL ? nj_path_join(folder, "store", &store, err)
                                     : nj_fail(err, NJ_NO_MEMORY, "no memory for a batch");
    if (status == NJ_OK) {
        status = probe_disk(folder, options->rows, out_disk, err);
    }
    for (size_t r = 0; r < options->rounds && status == NJ_OK; r++) {
        nj_bench_round_begin(watch);
        status = run_round(options, store.text, batch, &rounds[r], err);
        nj_bench_round_end(watch, &watched);
        if (status == NJ_OK) {
            nj_log(NJ_LOG_INFO, "round %zu: commit %.2f s, pack %.2f s, verify %.2f s", r + 1,
                   rounds[r].seconds[COMMIT], rounds[r].seconds[PACK], rounds[r].seconds[VERIFY]);
        }
    }
    if (batch != NULL) {
        free_batch(batch);
    }
    return status;
}

static nj_status make_folder(const nj_arguments *arguments, nj_path *out, nj_error *err)
{
    const char *parent = nj_argument(arguments, "folder");
    nj_status status = nj_path_join(parent, "nightjar-bench-XXXXXX", out, err);
    return status != NJ_OK || mkdtemp(out->text) != NULL
               ? status
               : nj_fail_errno(err, NJ_IO, errno, "%s: cannot make a folder in it", parent);
}

nj_status nj_command_bench_store(const nj_arguments *arguments, nj_error *err)
{
    bench_options options;
    bench_round rounds[ROUNDS_MAX] = {0};
    nj_bench_report report;
    nj_bench_watch watch;
    nj_path folder;
    double disk_mb_per_s = 0.0;
    nj_status status = nj_bench_report_open(arguments, &report, err);
    if (status == NJ_OK) {
        status = options_from(arguments, &options, err);
    }
    if (status == NJ_OK) {
        status = make_folder(arguments, &folder, err);
    }
    if (status == NJ_OK) {
        status = measure(&options, folder.text, rounds, &disk_mb_per_s, &watch, err);
        nj_status removed = nj_folder_remove(folder.text, status == NJ_OK ? err : NULL);
        status = status != NJ_OK ? status : removed;
    }
    if (status == NJ_OK) {
        status = add_rows(&report, &options, rounds, disk_mb_per_s, &watch, err);
    }
    return nj_bench_report_close(&report, status, err);
}
