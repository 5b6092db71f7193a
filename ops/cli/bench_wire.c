// bench_wire.c - `nightjar bench wire`: what one shard costs the coordinator, from its RESULT's bytes on a socket to the next LEASE.
//
//   this process: router, dispatch, check, copy of the rows           a child: a dealer that answers each LEASE at once
//        ▲  RESULT ─────────────────────── loopback TCP ────────────────────── rows made beforehand  │
//        └─ ACK, LEASE ────────────────────────────────────────────────────────────────────────────►─┘
//
// Measured is processor time of this process, all threads: what the child uses does not count. The store is not part of it.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/codec/row.h"
#include "common/wire/socket.h"
#include "coordinator/daemon/result_check.h"
#include "coordinator/dispatch.h"
#include "ops/cli/bench_report.h"
#include "ops/cli/bench_watch.h"
#include "ops/cli/commands.h"

#define USERS_MAX 4096
#define ITEMS_MAX 10000000
#define SHARDS_MAX 100000
#define HISTORY_ITEMS 20
#define WAIT_MS 1000
#define SILENCE_MS 60000
#define SEND_WAIT_MS 5000
#define NUMERIC_CLASS "exact"
#define CREDIT 4 // leases that the child holds
#define ENDPOINT_BYTES_MAX 128
#define MODES 2
#define MESSAGES_A_ROUND 16 // so that the clock is looked at under load

typedef struct {
    uint64_t users, top, items, shards;
} bench_options;

// The plan and the rows that every shard gets.
typedef struct {
    nj_buffer item_block;
    nj_idlist items;
    nj_idmap map;
    nj_user_table users;
    nj_plan plan;
    nj_buffer rows;
    nj_digest digest; // of rows
} world;

typedef struct {
    bool insecure;
    double cpu_us;  // of all threads of the coordinator's process, a shard
    double main_us; // of the thread that has the socket
    double wall_us;
} bench_row;

// ---- the world ----

static nj_status make_items(const bench_options *options, world *w, nj_error *err)
{
    nj_idlist_builder builder;
    nj_idlist_builder_init(&builder);
    nj_status status = NJ_OK;
    for (uint64_t i = 0; i < options->items && status == NJ_OK; i++) {
        char id[24];
        snprintf(id, sizeof id, "%" PRIu64, i);
        status = nj_idlist_builder_add(&builder, nj_slice_from(id));
    }
    if (status == NJ_OK) {
        status = nj_idlist_builder_write(&builder, &w->item_block);
    }
    nj_idlist_builder_fini(&builder);
    if (status != NJ_OK) {
        return nj_fail(err, status, "no memory for %" PRIu64 " items", options->items);
    }
    status = nj_idlist_open(w->item_block.bytes, w->item_block.size, "items", &w->items, err);
    return status == NJ_OK ? nj_idmap_build(&w->map, &w->items, "items", err) : status;
}

static uint64_t draw(uint64_t *state, uint64_t limit)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (*state >> 33) % limit;
}

// Users come from a file that has no name, by the reader that every night uses. Every shard has the same histories, so that the same
// rows fit all of them.
static nj_status make_users(const bench_options *options, world *w, nj_error *err)
{
    char path[32];
    int fd = memfd_create("nightjar-bench-users", MFD_CLOEXEC);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (file == NULL) {
        return nj_fail(err, NJ_FAILED, "no memory file for the users");
    }
    for (uint64_t u = 0; u < options->shards * options->users; u++) {
        uint64_t state = u % options->users;
        fprintf(file, "%" PRIu64, u);
        for (int i = 0; i < HISTORY_ITEMS; i++) {
            fprintf(file, " %" PRIu64, draw(&state, options->items));
        }
        fputc('\n', file);
    }
    nj_status status = fflush(file) == 0 ? NJ_OK : nj_fail(err, NJ_IO, "cannot write the users");
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (status == NJ_OK) {
        status = nj_user_table_read(&(nj_histories_source){.path = path}, &w->items, &w->map, NULL,
                                    &w->users, err);
    }
    fclose(file);
    return status;
}

static nj_status make_rows(const bench_options *options, world *w, nj_error *err)
{
    static char ids[NJ_ROW_ITEMS_MAX][24];
    static nj_slice items[NJ_ROW_ITEMS_MAX];
    static float scores[NJ_ROW_ITEMS_MAX];
    nj_buffer row;
    uint64_t state = 2;
    nj_buffer_init(&row, NJ_ROW_BYTES_MAX);
    nj_status status = nj_rows_begin(&w->rows, options->users);
    for (uint64_t u = 0; u < options->users && status == NJ_OK; u++) {
        for (uint64_t i = 0; i < options->top; i++) {
            snprintf(ids[i], sizeof ids[i], "%" PRIu64, draw(&state, options->items));
            items[i] = nj_slice_from(ids[i]);
            scores[i] = -(float)i / 8;
        }
        const nj_request request = nj_plan_request(&w->plan, 0, u);
        const nj_history_digest history = nj_request_digest(&w->items, &request, NULL);
        nj_buffer_clear(&row);
        status = nj_row_pack(&row, 0, items, scores, options->top, &history);
        if (status == NJ_OK) {
            status = nj_rows_add(&w->rows, nj_buffer_slice(&row));
        }
    }
    nj_buffer_fini(&row);
    w->digest = nj_digest_of(w->rows.bytes, w->rows.size);
    return status == NJ_OK ? NJ_OK : nj_fail(err, status, "no room for the rows");
}

static nj_status make_world(const bench_options *options, world *w, nj_error *err)
{
    const nj_digest bundle = {{1}};
    nj_settings settings = nj_settings_default();
    settings.top = (uint32_t)options->top;
    nj_buffer_init(&w->item_block, SIZE_MAX);
    nj_buffer_init(&w->rows, NJ_SHARD_BYTES_MAX);
    nj_idmap_init(&w->map);
    nj_status status = make_items(options, w, err);
    if (status == NJ_OK) {
        status = make_users(options, w, err);
    }
    if (status == NJ_OK) {
        const uint32_t users = (uint32_t)options->users;
        status = nj_plan_make(&w->users, &settings, &bundle, NULL, users, users, &w->plan, err);
    }
    return status == NJ_OK ? make_rows(options, w, err) : status;
}

static void free_world(world *w)
{
    nj_plan_fini(&w->plan);
    nj_user_table_fini(&w->users);
    nj_idmap_fini(&w->map);
    nj_buffer_fini(&w->item_block);
    nj_buffer_fini(&w->rows);
}

// ---- the child ----

static nj_status answer(nj_dealer *dealer, const world *w, const nj_message *message, nj_error *err)
{
    nj_message reply = {.kind = NJ_MESSAGE_READY, .ready = {.credit = CREDIT}};
    if (message->kind == NJ_MESSAGE_LEASE) {
        reply.kind = NJ_MESSAGE_RESULT;
        reply.result = (nj_message_result){.shard = message->lease.shard,
                                           .attempt = message->lease.attempt,
                                           .epoch = message->lease.epoch,
                                           .digest = w->digest,
                                           .row_count = message->lease.user_count,
                                           .rows = nj_buffer_slice(&w->rows)};
    } else if (message->kind != NJ_MESSAGE_WELCOME) {
        return NJ_OK;
    }
    return nj_dealer_send_message(dealer, &reply, err);
}

// Ends when the parent kills it.
static void work(const world *w, const nj_dealer_config *config)
{
    nj_error err = {0};
    nj_dealer *dealer = NULL;
    nj_message *message = calloc(1, sizeof *message);
    nj_poller poller = {0};
    nj_slice bytes;
    nj_status status = message != NULL ? nj_dealer_open(config, &dealer, &err) : NJ_NO_MEMORY;
    if (status == NJ_OK) {
        *message = (nj_message){.kind = NJ_MESSAGE_HELLO,
                                .hello = {.name = nj_slice_from("bench"),
                                          .classes = {nj_slice_from(NUMERIC_CLASS)},
                                          .classes_count = 1,
                                          .cores = 1}};
        status = nj_dealer_send_message(dealer, message, &err);
        nj_poller_add_dealer(&poller, dealer);
    }
    while (status == NJ_OK) {
        status = nj_poller_wait(&poller, WAIT_MS, &err);
        while (status == NJ_OK && nj_dealer_receive(dealer, &bytes, &err) == NJ_OK) {
            status = nj_message_unpack(bytes, NJ_SIDE_COORDINATOR, message, &err);
            if (status == NJ_OK) {
                status = answer(dealer, w, message, &err);
            }
        }
    }
    fprintf(stderr, "bench worker: %s\n", err.text);
    _exit(1);
}

// A process that waits to be told where the coordinator is. It is made while this one has a single thread: a lock that another holds
// at that moment would stay locked in the child for ever.
typedef struct {
    pid_t pid; // -1: none
    int fd;    // takes the endpoint; -1: closed
} bench_worker;

static void wait_and_work(const world *w, int fd, nj_dealer_config *config)
{
    char endpoint[ENDPOINT_BYTES_MAX] = "";
    size_t size = 0;
    ssize_t got = 1;
    while (got > 0 && size + 1 < sizeof endpoint) {
        got = read(fd, endpoint + size, sizeof endpoint - 1 - size);
        size += got > 0 ? (size_t)got : 0;
    }
    if (size == 0) {
        _exit(1); // the parent gave up
    }
    config->endpoint = endpoint;
    work(w, config);
}

static nj_status start_worker(const world *w, bool insecure, const nj_keypair *pair,
                              const nj_server_keys *server, bench_worker *out, nj_error *err)
{
    int fds[2];
    nj_dealer_config config = {.keys = insecure ? NULL : pair,
                               .server_keys = insecure ? NULL : server,
                               .insecure = insecure};
    if (pipe2(fds, O_CLOEXEC) != 0) {
        return nj_fail_errno(err, NJ_FAILED, errno, "cannot make a pipe to the bench's worker");
    }
    out->pid = fork();
    if (out->pid == 0) {
        close(fds[1]);
        wait_and_work(w, fds[0], &config);
    }
    close(fds[0]);
    out->fd = fds[1];
    return out->pid > 0 ? NJ_OK : nj_fail(err, NJ_FAILED, "cannot start the bench's worker");
}

static void tell_worker(bench_worker *b, const char *endpoint)
{
    ssize_t written = write(b->fd, endpoint, strlen(endpoint));
    (void)written; // a worker that hears nothing ends, and the bench says that no shard came
    close(b->fd);
    b->fd = -1;
}

static void end_worker(bench_worker *b)
{
    if (b->fd >= 0) {
        close(b->fd);
    }
    if (b->pid > 0) {
        kill(b->pid, SIGKILL);
        waitpid(b->pid, NULL, 0);
    }
}

// ---- the coordinator ----

typedef struct {
    const world *world;
    nj_router *router;
    nj_dispatch *dispatch;
    nj_buffer kept;  // where rows are copied to
    nj_buffer users; // of a LEASE
    nj_request *requests;
    uint64_t stored;
    nj_status status;
} desk;

// A peer that has only just connected may not take messages yet.
static void send_to_peer(desk *d, const nj_dispatch_effect *effect, const nj_message *message,
                         nj_error *err)
{
    d->status = nj_router_send_message(d->router, &effect->peer, message, err);
    for (int ms = 0; d->status == NJ_AGAIN && ms < SEND_WAIT_MS; ms++) {
        nanosleep(&(const struct timespec){.tv_nsec = 1000000}, NULL);
        d->status = nj_router_send_message(d->router, &effect->peer, message, err);
    }
}

static void send_lease(desk *d, const nj_dispatch_effect *effect, nj_error *err)
{
    const nj_plan *plan = &d->world->plan;
    const size_t count = nj_plan_shard_users(plan, effect->lease.shard);
    nj_buffer_clear(&d->users);
    for (size_t i = 0; i < count; i++) {
        d->requests[i] = nj_plan_request(plan, effect->lease.shard, i);
    }
    d->status = nj_users_pack(d->requests, count, &d->users);
    nj_message message = {.kind = NJ_MESSAGE_LEASE,
                          .lease = {.shard = effect->lease.shard,
                                    .attempt = effect->lease.attempt,
                                    .user_count = (uint32_t)count,
                                    .users = nj_buffer_slice(&d->users)}};
    if (d->status == NJ_OK) {
        send_to_peer(d, effect, &message, err);
    }
}

static void perform(desk *d, const nj_dispatch_effect *effect, const nj_message *at_hand,
                    nj_error *err)
{
    nj_message welcome = {.kind = NJ_MESSAGE_WELCOME,
                          .welcome = {.numeric_class = nj_slice_from(NUMERIC_CLASS),
                                      .heartbeat_ms = WAIT_MS,
                                      .lease_ms = SILENCE_MS}};
    switch (effect->kind) {
    case NJ_DISPATCH_SEND:
        send_to_peer(d, effect, &effect->message, err);
        break;
    case NJ_DISPATCH_SEND_WELCOME:
        send_to_peer(d, effect, &welcome, err);
        break;
    case NJ_DISPATCH_SEND_LEASE:
        send_lease(d, effect, err);
        break;
    case NJ_DISPATCH_WRITE_ROWS:
        nj_buffer_clear(&d->kept);
        d->status =
            nj_buffer_append(&d->kept, at_hand->result.rows.bytes, at_hand->result.rows.size);
        if (d->status == NJ_OK) {
            d->status =
                nj_dispatch_stored(d->dispatch, effect->lease.shard, true, nj_clock_mono_ns());
        }
        d->stored++;
        break;
    default:
        d->status = nj_fail(err, NJ_FAILED, "the bench's worker was not taken");
        break;
    }
}

static nj_status receive_some(desk *d, nj_message *message, nj_error *err)
{
    nj_received received;
    nj_dispatch_effect effect;
    for (int i = 0; i < MESSAGES_A_ROUND && d->status == NJ_OK &&
                    nj_router_receive(d->router, &received, err) == NJ_OK;
         i++) {
        d->status = nj_message_unpack(received.bytes, NJ_SIDE_WORKER, message, err);
        if (d->status == NJ_OK) {
            nj_dispatch_message(d->dispatch, &received.peer, message, nj_clock_mono_ns());
        }
        while (d->status == NJ_OK && nj_dispatch_next(d->dispatch, nj_clock_mono_ns(), &effect)) {
            perform(d, &effect, message, err);
        }
    }
    return d->status;
}

static double seconds_of(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

// A first tenth of the shards warms caches and connections.
static nj_status measure(desk *d, const bench_options *options, bench_row *row, nj_error *err)
{
    nj_poller poller = {0};
    nj_message *message = malloc(sizeof *message);
    const uint64_t warm = options->shards / 10;
    const uint64_t end_ns = nj_clock_mono_ns() + SILENCE_MS * 1000000ull;
    double cpu = 0;
    double main_cpu = 0;
    double wall = 0;
    uint64_t before = 0;
    nj_poller_add_router(&poller, d->router);
    d->status = message != NULL ? NJ_OK : nj_fail(err, NJ_NO_MEMORY, "no memory for a message");
    while (d->status == NJ_OK && d->stored < options->shards) {
        if (before == 0 && d->stored > warm) {
            before = d->stored;
            cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
            main_cpu = seconds_of(CLOCK_THREAD_CPUTIME_ID);
            wall = seconds_of(CLOCK_MONOTONIC);
        }
        d->status = nj_poller_wait(&poller, WAIT_MS, err);
        if (d->status == NJ_OK) {
            d->status = receive_some(d, message, err);
        }
        if (d->status == NJ_OK && nj_clock_mono_ns() > end_ns) {
            d->status = nj_fail(err, NJ_FAILED, "%" PRIu64 " of %" PRIu64 " shards in %d s",
                                d->stored, options->shards, SILENCE_MS / 1000);
        }
    }
    const double shards = (double)(d->stored - before);
    row->cpu_us = (seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu) / shards * 1e6;
    row->main_us = (seconds_of(CLOCK_THREAD_CPUTIME_ID) - main_cpu) / shards * 1e6;
    row->wall_us = (seconds_of(CLOCK_MONOTONIC) - wall) / shards * 1e6;
    free(message);
    return d->status;
}

static nj_status open_desk(const world *w, const nj_result_check *check, desk *d, nj_error *err)
{
    const nj_dispatch_config config = {
        .ledger = {.shard_count = (uint32_t)w->plan.shard_count,
                   .shard_first = w->plan.shard_first,
                   .tries_max = 1,
                   .losses_max = 1,
                   .failed_shards_max = 1},
        .roster = {.worker_max = 1,
                   .silence_ms = SILENCE_MS,
                   .lease_ms = SILENCE_MS,
                   .probe_ms = SILENCE_MS},
        .numeric_class = NUMERIC_CLASS,
        .check = nj_result_problem,
        .check_context = check,
    };
    nj_buffer_init(&d->kept, NJ_SHARD_BYTES_MAX);
    nj_buffer_init(&d->users, NJ_SHARD_BYTES_MAX);
    d->world = w;
    d->requests = calloc(nj_plan_shard_users(&w->plan, 0), sizeof *d->requests);
    d->dispatch = calloc(1, sizeof *d->dispatch);
    return d->requests != NULL && d->dispatch != NULL
               ? nj_dispatch_init(d->dispatch, &config, err)
               : nj_fail(err, NJ_NO_MEMORY, "no memory for %zu shards", w->plan.shard_count);
}

static void close_desk(desk *d)
{
    if (d->dispatch != NULL) {
        nj_dispatch_fini(d->dispatch);
    }
    free(d->dispatch);
    free(d->requests);
    nj_buffer_fini(&d->kept);
    nj_buffer_fini(&d->users);
    nj_router_close(&d->router, 0);
}

static nj_status make_pair(nj_keypair *pair, nj_allowlist *allowed, nj_server_keys *server,
                           nj_error *err)
{
    nj_status status = nj_keypair_make(pair, err);
    if (status == NJ_OK) {
        const char *keys[] = {pair->public_key};
        status = nj_allowlist_of(keys, 1, allowed, err);
        *server = (nj_server_keys){.count = 1};
        memcpy(server->keys[0], pair->public_key, NJ_KEY_TEXT_BYTES);
    }
    return status;
}

// One pair of keys serves both ends.
static nj_status run_mode(const world *w, const bench_options *options, bench_row *row,
                          nj_error *err)
{
    nj_keypair pair = {0};
    nj_allowlist allowed = {0};
    nj_server_keys server;
    desk d = {.status = NJ_OK};
    bench_worker b = {.pid = -1, .fd = -1};
    nj_result_check check = {0};
    static const nj_masks NO_MASKS;
    nj_status status = make_pair(&pair, &allowed, &server, err);
    if (status == NJ_OK) {
        status = nj_result_check_init(&check, &w->plan, &w->items, &w->map, &NO_MASKS, NULL,
                                      (uint32_t)options->top, err);
    }
    if (status == NJ_OK) {
        status = open_desk(w, &check, &d, err);
    }
    if (status == NJ_OK) {
        status = start_worker(w, row->insecure, &pair, &server, &b, err);
    }
    if (status == NJ_OK) {
        const nj_router_config config = {.endpoint = "tcp://127.0.0.1:*",
                                         .keys = row->insecure ? NULL : &pair,
                                         .allowed = row->insecure ? NULL : &allowed,
                                         .insecure = row->insecure,
                                         .message_bytes_max = nj_result_bytes_max(&check)};
        status = nj_router_open(&config, &d.router, err);
    }
    if (status == NJ_OK) {
        tell_worker(&b, nj_router_endpoint(d.router));
        status = measure(&d, options, row, err);
    }
    end_worker(&b);
    close_desk(&d);
    nj_result_check_fini(&check);
    nj_allowlist_fini(&allowed);
    nj_keypair_wipe(&pair);
    return status;
}

// ---- the command ----

static nj_status options_from(const nj_arguments *arguments, bench_options *out, nj_error *err)
{
    const nj_uint_option NUMBERS[] = {
        NJ_UINT("users", 1, USERS_MAX, &out->users),
        NJ_UINT("top", 1, NJ_ROW_ITEMS_MAX, &out->top),
        NJ_UINT("items", 1, ITEMS_MAX, &out->items),
        NJ_UINT("shards", 10, SHARDS_MAX, &out->shards),
    };
    return nj_argument_uints(arguments, NUMBERS, sizeof NUMBERS / sizeof NUMBERS[0], err);
}

static nj_status add_row(nj_bench_report *report, const bench_options *options, size_t bytes,
                         const bench_row *r, const nj_bench_watch *watch, nj_error *err)
{
    json_t *row =
        json_pack("{s:s, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f}", "transport",
                  r->insecure ? "plain" : "curve", "users", (json_int_t)options->users, "top",
                  (json_int_t)options->top, "items", (json_int_t)options->items, "shard_bytes",
                  (json_int_t)bytes, "coordinator_us", r->cpu_us, "main_us", r->main_us, "wall_us",
                  r->wall_us, "users_per_s", (double)options->users * 1e6 / r->cpu_us);
    if (row != NULL) {
        nj_bench_watch_tell(watch, row);
    }
    return nj_bench_report_add_take(report, "wire", &row, err);
}

nj_status nj_command_bench_wire(const nj_arguments *arguments, nj_error *err)
{
    world w = {0};
    bench_options options;
    nj_bench_report report;
    nj_bench_round watched;
    nj_bench_watch watch;
    bench_row rows[MODES] = {{.insecure = true}, {.insecure = false}};
    nj_status status = nj_bench_report_open(arguments, &report, err);
    if (status == NJ_OK) {
        status = options_from(arguments, &options, err);
    }
    if (status == NJ_OK) {
        status = make_world(&options, &w, err);
    }
    for (size_t i = 0; i < MODES && status == NJ_OK; i++) {
        nj_bench_watch_begin(&watch, false, NJ_BENCH_PROBE_SECONDS);
        nj_bench_round_begin(&watch);
        status = run_mode(&w, &options, &rows[i], err);
        nj_bench_round_end(&watch, &watched);
        if (status == NJ_OK) {
            status = add_row(&report, &options, w.rows.size, &rows[i], &watch, err);
        }
    }
    free_world(&w);
    return nj_bench_report_close(&report, status, err);
}
