#include "ops/cli/plan_probe.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/checked.h"
#include "common/base/clock.h"
#include "common/base/cpus.h"
#include "common/base/rng.h"
#include "common/store/key.h"
#include "ops/cli/plan_histories.h"

#define ALONE_SHARE 0.4   // of the seconds
#define LEAST_SECONDS 0.5 // a sample that is decoded sooner is decoded again
#define SEQUENCE_ROOM 64  // batches that a line needs

// Sums of one process over its batches, for a line through (items, seconds) of a search.
typedef struct {
    double batches, searches, items;
    double wall_s, core_s;
    double xx, xy; // of items and seconds a search, by batch
    double x, y;
    nj_error error;
} tally;

typedef struct {
    uint32_t key_bytes, value_bytes;
} row_size;

// What the processes share.
typedef struct {
    atomic_size_t next;
    atomic_size_t row_count;
    row_size rows[NJ_PLAN_PROBE_ROWS_MAX];
    tally tallies[NJ_PLAN_PROBE_PROCESSES_MAX];
} board;

typedef struct {
    const nj_job *job;
    nj_engine *engine;
    nj_request *sample; // owned
    size_t sample_count;
    uint32_t batch;
    uint32_t history_max;
    board *board; // owned, mapped
    nj_buffer row;
    const nj_request *decoding; // the batch at hand
    nj_cpu_list cpus;           // --pin; empty: none
} probe;

// ---- the sample ----

static void shuffle(nj_request *requests, size_t count, uint64_t *state)
{
    for (size_t i = count; i > 1; i--) {
        const size_t j = (size_t)(nj_rng_next(state) % i);
        const nj_request swapped = requests[i - 1];
        requests[i - 1] = requests[j];
        requests[j] = swapped;
    }
}

static int compare_keys(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

// Leaves each history once, in the order of the sample. `keys` has the room of two arrays.
static size_t drop_equal(const probe *p, uint64_t *keys, size_t count)
{
    uint64_t *sorted = keys + count;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        keys[i] = nj_plan_history_key(p->job, &p->sample[i], p->history_max);
        sorted[i] = keys[i];
    }
    qsort(sorted, count, sizeof *sorted, compare_keys);
    size_t distinct = 0;
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || sorted[i] != sorted[i - 1]) {
            sorted[distinct++] = sorted[i];
        }
    }
    uint8_t *seen = calloc(distinct + 1, 1);
    for (size_t i = 0; i < count && seen != NULL; i++) {
        const uint64_t *at = bsearch(&keys[i], sorted, distinct, sizeof *sorted, compare_keys);
        if (!seen[at - sorted]) {
            seen[at - sorted] = 1;
            p->sample[kept++] = p->sample[i];
        }
    }
    free(seen);
    return kept;
}

// One user of each of `wanted` parts of the order, so that all of the input is looked at.
static void draw_users(probe *p, const nj_plan *plan, size_t wanted, bool with_cold,
                       uint64_t *state)
{
    for (size_t i = 0; i < wanted; i++) {
        const size_t begin = plan->user_count * i / wanted;
        const size_t end = plan->user_count * (i + 1) / wanted;
        const size_t position = begin + (size_t)(nj_rng_next(state) % (end - begin));
        const nj_request request = nj_user_table_at(plan->users, plan->order[position]);
        if (!nj_user_is_cold(plan->users, &request) || with_cold) {
            p->sample[p->sample_count++] = request;
        }
    }
}

static nj_status draw_sample(probe *p, const nj_plan *plan, uint64_t seed, nj_error *err)
{
    const size_t wanted = nj_min_size(plan->user_count, NJ_PLAN_PROBE_USERS_MAX);
    uint64_t *keys = malloc(2 * (wanted + 1) * sizeof *keys);
    uint64_t state = seed;
    p->sample = malloc((wanted + 1) * sizeof *p->sample);
    if (p->sample == NULL || keys == NULL) {
        free(keys);
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a sample of %zu users", wanted);
    }
    draw_users(p, plan, wanted, false, &state);
    if (p->sample_count == 0 &&
        plan->copied_count == 0) { // nearly all are cold: rows have a size too
        draw_users(p, plan, wanted, true, &state);
    }
    shuffle(p->sample, p->sample_count, &state);
    p->sample_count = drop_equal(p, keys, p->sample_count);
    free(keys);
    return NJ_OK;
}

// ---- one process ----

static nj_status keep_size(void *context, size_t index, const nj_list *list, nj_error *err)
{
    probe *p = context;
    nj_store_key key;
    nj_buffer_clear(&p->row);
    if (nj_engine_pack_row(p->engine, list, &p->row) != NJ_OK) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a row");
    }
    const size_t place = atomic_fetch_add(&p->board->row_count, 1);
    nj_status status = nj_store_key_pack(p->decoding[index].user, &key, err);
    if (status == NJ_OK && place < NJ_PLAN_PROBE_ROWS_MAX) {
        p->board->rows[place] = (row_size){(uint32_t)key.size, (uint32_t)p->row.size};
    }
    return status;
}

static double count_items(const probe *p, size_t first, size_t count)
{
    double items = 0;
    for (size_t i = 0; i < count; i++) {
        items += nj_plan_history_items(&p->sample[first + i], p->history_max);
    }
    return items;
}

static void add_batch(tally *t, double searches, double items, double wall_s)
{
    const double x = items / searches;
    const double y = wall_s / searches;
    t->batches++;
    t->searches += searches;
    t->items += items;
    t->wall_s += wall_s;
    t->x += x;
    t->y += y;
    t->xx += x * x;
    t->xy += x * y;
}

static nj_status decode_batches(probe *p, tally *t, double seconds)
{
    const uint64_t start_ns = nj_clock_mono_ns();
    const uint64_t core_ns = nj_clock_process_ns();
    const uint64_t end_ns = start_ns + (uint64_t)(seconds * 1e9);
    const uint64_t least_ns = start_ns + (uint64_t)(LEAST_SECONDS * 1e9);
    uint64_t now_ns = start_ns;
    size_t round = 0;
    nj_status status = NJ_OK;
    while (now_ns < end_ns && status == NJ_OK) {
        const size_t taken = atomic_fetch_add(&p->board->next, p->batch);
        const size_t first = taken % p->sample_count;
        if (taken >= p->sample_count && now_ns >= least_ns) {
            break;
        }
        if (taken / p->sample_count > round) { // once more from the beginning
            round = taken / p->sample_count;
            nj_engine_forget(p->engine);
        }
        const size_t count = nj_min_size(p->batch, p->sample_count - first);
        p->decoding = p->sample + first;
        status = nj_engine_decode(p->engine, p->decoding, count, keep_size, p, &t->error);
        const uint64_t after_ns = nj_clock_mono_ns();
        add_batch(t, (double)count, count_items(p, first, count),
                  (double)(after_ns - now_ns) / 1e9);
        now_ns = after_ns;
    }
    t->core_s = (double)(nj_clock_process_ns() - core_ns) / 1e9;
    return status;
}

static nj_status start_process(probe *p, uint32_t process, double seconds, pid_t *out,
                               nj_error *err)
{
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid < 0) {
        return nj_fail_errno(err, NJ_FAILED, errno, "cannot start process %u of the probe",
                             process + 1);
    }
    if (pid == 0) {
        tally *t = &p->board->tallies[process];
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        nj_status status = p->cpus.count > 0 ? nj_cpu_pin(p->cpus.cpus[process], &t->error) : NJ_OK;
        if (status == NJ_OK && getppid() == parent) {
            status = decode_batches(p, t, seconds);
        }
        _exit(status == NJ_OK ? 0 : 1);
    }
    *out = pid;
    return NJ_OK;
}

// ---- all of them ----

static nj_status judge_process(const probe *p, uint32_t process, int state, nj_error *err)
{
    const nj_error *error = &p->board->tallies[process].error;
    if (error->status != NJ_OK) {
        return nj_fail(err, error->status, "%s", error->text);
    }
    return state == 0 ? NJ_OK
                      : nj_fail(err, NJ_FAILED, "process %u of the probe ended by %s %d",
                                process + 1, WIFSIGNALED(state) ? "signal" : "exit",
                                WIFSIGNALED(state) ? WTERMSIG(state) : WEXITSTATUS(state));
}

static nj_status run_processes(probe *p, uint32_t count, double seconds, nj_error *err)
{
    pid_t pids[NJ_PLAN_PROBE_PROCESSES_MAX];
    uint32_t started = 0;
    nj_status status = NJ_OK;
    atomic_store(&p->board->next, 0);
    memset(p->board->tallies, 0, sizeof p->board->tallies);
    while (started < count && status == NJ_OK) {
        status = start_process(p, started, seconds, &pids[started], err);
        started += status == NJ_OK;
    }
    for (uint32_t i = 0; i < started; i++) {
        int state = 0;
        while (waitpid(pids[i], &state, 0) < 0 && errno == EINTR) {
        }
        if (status == NJ_OK) {
            status = judge_process(p, i, state, err);
        }
    }
    return status;
}

// The slope of seconds over items; 0 where the batches are too few or too much alike to tell.
static double find_slope(const tally *sum)
{
    const double spread = sum->xx - sum->x * sum->x / sum->batches;
    const double slope = (sum->xy - sum->x * sum->y / sum->batches) / spread;
    return sum->batches >= SEQUENCE_ROOM && spread > 1e-9 && slope > 0 ? slope : 0;
}

static nj_plan_rate rate_of(const probe *p, uint32_t processes, double seconds, double items_mean)
{
    tally sum = {0};
    for (uint32_t i = 0; i < processes; i++) {
        const tally *t = &p->board->tallies[i];
        sum.batches += t->batches;
        sum.searches += t->searches;
        sum.items += t->items;
        sum.wall_s += t->wall_s;
        sum.core_s += t->core_s;
        sum.x += t->x;
        sum.y += t->y;
        sum.xx += t->xx;
        sum.xy += t->xy;
    }
    const double mean_s = sum.wall_s / sum.searches;
    const double sample_items = sum.items / sum.searches;
    // The line goes through the mean, and no correction is more than half of what was measured.
    const double corrected = mean_s + find_slope(&sum) * (items_mean - sample_items);
    const double search_s = corrected > mean_s / 2 ? corrected : mean_s / 2;
    return (nj_plan_rate){.processes = processes,
                          .seconds = seconds,
                          .searches = (uint64_t)sum.searches,
                          .items_mean = sample_items,
                          .search_s = search_s,
                          .search_core_s = search_s * sum.core_s / sum.wall_s};
}

static nj_status measure(probe *p, uint32_t processes, double seconds, double items_mean,
                         nj_plan_rate *out, nj_error *err)
{
    const uint64_t start_ns = nj_clock_mono_ns();
    nj_status status = run_processes(p, processes, seconds, err);
    if (status == NJ_OK) {
        *out = rate_of(p, processes, (double)(nj_clock_mono_ns() - start_ns) / 1e9, items_mean);
    }
    return status;
}

static nj_status measure_both(probe *p, const nj_plan_probe_options *options, nj_plan_probe *out,
                              nj_error *err)
{
    const uint32_t many = (uint32_t)nj_min_size(options->workers, NJ_PLAN_PROBE_PROCESSES_MAX);
    const double alone_s = options->seconds * (many > 1 ? ALONE_SHARE : 1);
    nj_status status = measure(p, 1, alone_s, options->items_mean, &out->alone, err);
    out->together = out->alone;
    if (status == NJ_OK && many > 1) {
        status =
            measure(p, many, options->seconds - alone_s, options->items_mean, &out->together, err);
    }
    return status;
}

static nj_status open_board(probe *p, nj_error *err)
{
    void *memory =
        mmap(NULL, sizeof *p->board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return nj_fail_errno(err, NJ_NO_MEMORY, errno, "no memory to share between processes");
    }
    p->board = memory;
    return NJ_OK;
}

nj_status nj_plan_probe_run(const nj_plan *plan, const nj_job *job, nj_engine *engine,
                            const nj_plan_probe_options *options, nj_plan_probe *out, nj_error *err)
{
    probe p = {.job = job,
               .engine = engine,
               .batch = nj_engine_plan_of(engine)->B,
               .history_max = nj_engine_plan_of(engine)->history_max};
    nj_buffer_init(&p.row, NJ_ROW_BYTES_MAX);
    *out = (nj_plan_probe){0};
    nj_status status = nj_cpus_choose(options->pin, options->workers, &p.cpus, err);
    if (status == NJ_OK) {
        status = draw_sample(&p, plan, options->seed, err);
    }
    if (status == NJ_OK) {
        status = open_board(&p, err);
    }
    out->sample = p.sample_count;
    if (status == NJ_OK && p.sample_count > 0) {
        status = measure_both(&p, options, out, err);
    }
    if (status == NJ_OK) {
        const size_t rows = nj_min_size(atomic_load(&p.board->row_count), NJ_PLAN_PROBE_ROWS_MAX);
        for (size_t i = 0; i < rows; i++) {
            nj_forecast_pages_add(&out->pages, p.board->rows[i].key_bytes,
                                  p.board->rows[i].value_bytes);
        }
    }
    if (p.board != NULL) {
        munmap(p.board, sizeof *p.board);
    }
    nj_buffer_fini(&p.row);
    free(p.sample);
    return status;
}
