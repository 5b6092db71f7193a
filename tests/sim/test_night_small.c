// test_night_small.c - whole nights in one process: dispatch (ledger + roster) and sessions, joined by a network that drops, delays,
// repeats and reorders, on a virtual clock. Everything that happens is drawn from a seed.
//
// For FAULTS_END_MS anything may go wrong: messages and connections are lost, workers are killed and come back as new processes,
// computations hang or fail, commits fail. Then the faults stop and the night must end within NIGHT_END_MS. Always: a shard is
// stored at most once. At the end: every shard exactly once, and every worker has left with OK.
//
//   NIGHTJAR_SIM_SEED=17    runs that one night and prints every message
//   NIGHTJAR_SIM_NIGHTS=N   how many nights (2,000 unless given)
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/codec/pack.h"
#include "coordinator/dispatch.h"
#include "tests/support/nj_test.h"
#include "worker/session.h"

#define NIGHTS 2000
#define WORKERS_MAX 5
#define SHARDS_MAX 16
#define FLIGHT_MAX 8192
#define FLIGHT_BYTES 1024
#define TICK_MS 20
#define FAULTS_END_MS 20000
#define NIGHT_END_MS 120000
#define NS_PER_MS 1000000ull
#define SECTIONS 3
#define COORDINATOR (-1)

// ---- what goes wrong how often, drawn once a night; a chance is out of 1,000 ----

typedef struct {
    unsigned drop, repeat, delay_ms_max;
    unsigned kill, cut, hang, fail, commit_fail; // kill and cut: a worker and tick, out of 100,000
    uint32_t poison_shard;                       // always fails; UINT32_MAX: none
} weather;

typedef struct {
    uint64_t due_ms;
    int to; // worker, or COORDINATOR
    uint32_t line;
    size_t size;
    uint8_t bytes[FLIGHT_BYTES];
} flight;

typedef struct {
    nj_session *session;
    bool alive;
    uint64_t born_ms;  // when a killed worker comes back
    uint32_t line;     // its connection; a new number after each loss
    uint64_t cache;    // sections on its disk: they outlive the process
    uint8_t draft[16]; // the section that is being fetched
    uint32_t slot_shards[NJ_WIRE_LEASES_MAX];
    uint64_t ticket; // being computed, 0: none
    uint32_t slot;
    uint64_t compute_end_ms;
    bool hung;
    uint64_t set_up_ticket;
    uint64_t set_up_end_ms;
    bool over;
    nj_status end_status;
} sim_worker;

typedef struct {
    uint64_t seed;
    uint64_t random;
    uint64_t now_ms;
    weather weather;
    bool talk; // print every message
    nj_dispatch *dispatch;
    uint32_t shard_count;
    uint32_t worker_count;
    sim_worker workers[WORKERS_MAX];
    uint32_t next_line;
    unsigned stored[SHARDS_MAX];
    uint64_t commit_due_ms[SHARDS_MAX]; // 0: none under way
    nj_digest rows_digest[SHARDS_MAX];
    flight *flights;
    size_t flight_count;
    unsigned alarms;
    bool drained;
    uint64_t trace; // a hash of everything that was delivered
} world;

static const char *const SECTION_BYTES[SECTIONS] = {"weights!", "", "trie trie"};

#define CHECK_WORLD(world, condition, ...)                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            print_error("NIGHTJAR_SIM_SEED=%" PRIu64 ": at %" PRIu64 " ms: ", (world)->seed,       \
                        (world)->now_ms);                                                          \
            fail_msg(__VA_ARGS__);                                                                 \
        }                                                                                          \
    } while (0)
#define CHECK(condition, ...) CHECK_WORLD(w, condition, __VA_ARGS__)

// splitmix64
static uint64_t draw(world *w)
{
    uint64_t z = w->random += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static bool chance(world *w, unsigned odds, unsigned out_of)
{
    bool hit = draw(w) % out_of < odds;
    return hit && w->now_ms < FAULTS_END_MS;
}

static uint64_t now_ns(const world *w)
{
    return w->now_ms * NS_PER_MS;
}

static nj_slice rows_of(uint32_t shard, char text[32])
{
    return (nj_slice){text, (size_t)snprintf(text, 32, "rows of shard %u", shard)};
}

// ---- network ----

static void put_on_line(world *w, int to, uint32_t line, const nj_buffer *bytes)
{
    unsigned copies = chance(w, w->weather.drop, 1000) ? 0 : 1;
    copies += chance(w, w->weather.repeat, 1000);
    for (unsigned i = 0; i < copies; i++) {
        CHECK(w->flight_count < FLIGHT_MAX && bytes->size <= FLIGHT_BYTES, "the network is full");
        flight *f = &w->flights[w->flight_count++];
        uint64_t delay_ms = 1 + draw(w) % (w->weather.delay_ms_max + 1);
        *f = (flight){.due_ms = w->now_ms + delay_ms, .to = to, .line = line, .size = bytes->size};
        memcpy(f->bytes, bytes->bytes, bytes->size);
    }
}

static void post(world *w, int to, uint32_t line, const nj_message *message)
{
    nj_error err = {0};
    nj_buffer buffer;
    nj_buffer_init(&buffer, FLIGHT_BYTES);
    assert_ok(nj_message_pack(message, &buffer, &err), &err);
    put_on_line(w, to, line, &buffer);
    nj_buffer_fini(&buffer);
}

static nj_peer peer_of(uint32_t worker, uint32_t line)
{
    nj_peer peer = {.route_bytes = sizeof line};
    memcpy(peer.route, &line, sizeof line);
    snprintf(peer.key, sizeof peer.key, "key of worker %u", worker);
    return peer;
}

// The worker at the other end of a line; -1: the line is gone.
static int find_line(const world *w, uint32_t line)
{
    for (uint32_t i = 0; i < w->worker_count; i++) {
        if (w->workers[i].alive && w->workers[i].line == line) {
            return (int)i;
        }
    }
    return -1;
}

// ---- coordinator ----

static const uint32_t SHARD_FIRST[SHARDS_MAX + 1] = {0, 1,  2,  3,  4,  5,  6,  7, 8,
                                                     9, 10, 11, 12, 13, 14, 15, 16};

static const char *check_rows(const void *context, const nj_message_result *result,
                              const nj_piece_range *piece)
{
    (void)context;
    (void)piece;
    char text[32];
    return nj_slice_equal(result->rows, rows_of(result->shard, text)) ? NULL : "wrong rows";
}

static void fill_welcome(nj_message *message)
{
    memset(message, 0, sizeof *message);
    message->kind = NJ_MESSAGE_WELCOME;
    nj_message_welcome *welcome = &message->welcome;
    welcome->run_id = nj_slice_from("night");
    welcome->epoch = 1;
    welcome->plan.bytes[0] = 7;
    welcome->numeric_class = nj_slice_from("exact");
    welcome->heartbeat_ms = 200;
    welcome->lease_ms = 1500;
    for (uint32_t i = 0; i < SECTIONS; i++) {
        nj_slice bytes = nj_slice_from(SECTION_BYTES[i]);
        welcome->sections[i] = (nj_wire_section){nj_slice_from("section"), bytes.size,
                                                 nj_digest_of(bytes.bytes, bytes.size)};
    }
    welcome->sections_count = SECTIONS;
}

static void fill_chunk(world *w, const nj_message_fetch *fetch, nj_message *message)
{
    for (uint32_t i = 0; i < SECTIONS; i++) {
        nj_slice bytes = nj_slice_from(SECTION_BYTES[i]);
        nj_digest digest = nj_digest_of(bytes.bytes, bytes.size);
        if (nj_digest_equal(&digest, &fetch->section)) {
            CHECK(fetch->offset + fetch->length <= bytes.size, "a FETCH behind the end");
            message->kind = NJ_MESSAGE_CHUNK;
            message->chunk = (nj_message_chunk){
                digest, fetch->offset, {bytes.bytes + fetch->offset, fetch->length}};
            return;
        }
    }
    CHECK(false, "a FETCH of no section");
}

static void send_to_worker(world *w, const nj_dispatch_effect *effect, const nj_message *message)
{
    uint32_t line;
    memcpy(&line, effect->peer.route, sizeof line);
    int worker = find_line(w, line);
    if (worker < 0) {
        nj_dispatch_unreachable(w->dispatch, effect->worker, now_ns(w));
    } else {
        post(w, worker, line, message);
    }
}

static void begin_commit(world *w, const nj_dispatch_effect *effect, const nj_message *at_hand)
{
    uint32_t shard = effect->lease.shard;
    CHECK(at_hand != NULL && at_hand->kind == NJ_MESSAGE_RESULT && at_hand->result.shard == shard,
          "WRITE_ROWS of shard %u without its rows", shard);
    CHECK(w->commit_due_ms[shard] == 0, "shard %u is written twice at a time", shard);
    w->commit_due_ms[shard] = w->now_ms + 1 + draw(w) % 100;
    w->rows_digest[shard] = at_hand->result.digest;
}

static void run_dispatch(world *w, const nj_message *at_hand)
{
    static nj_dispatch_effect effect;
    static nj_message message;
    while (nj_dispatch_next(w->dispatch, now_ns(w), &effect)) {
        switch (effect.kind) {
        case NJ_DISPATCH_SEND:
            send_to_worker(w, &effect, &effect.message);
            break;
        case NJ_DISPATCH_SEND_WELCOME:
            fill_welcome(&message);
            send_to_worker(w, &effect, &message);
            break;
        case NJ_DISPATCH_SEND_LEASE:
            message.kind = NJ_MESSAGE_LEASE;
            message.lease = (nj_message_lease){effect.lease.shard, effect.lease.attempt, 1, 4,
                                               nj_slice_from("users")};
            send_to_worker(w, &effect, &message);
            break;
        case NJ_DISPATCH_SEND_CHUNK:
            fill_chunk(w, &effect.message.fetch, &message);
            send_to_worker(w, &effect, &message);
            break;
        case NJ_DISPATCH_WRITE_ROWS:
            begin_commit(w, &effect, at_hand);
            break;
        case NJ_DISPATCH_ALARM:
            w->alarms++;
            break;
        default:
            break;
        }
    }
}

static void end_commits(world *w)
{
    for (uint32_t shard = 0; shard < w->shard_count; shard++) {
        if (w->commit_due_ms[shard] == 0 || w->now_ms < w->commit_due_ms[shard]) {
            continue;
        }
        w->commit_due_ms[shard] = 0;
        bool stored = !chance(w, w->weather.commit_fail, 1000);
        w->stored[shard] += stored;
        CHECK(w->stored[shard] <= 1, "shard %u is stored twice", shard);
        CHECK(nj_dispatch_stored(w->dispatch, shard, stored, now_ns(w)) == NJ_OK,
              "the ledger knows no commit of shard %u", shard);
        run_dispatch(w, NULL);
    }
}

static void tick_coordinator(world *w)
{
    nj_dispatch_tick(w->dispatch, now_ns(w));
    run_dispatch(w, NULL);
    if (nj_dispatch_finished(w->dispatch) && !w->drained) {
        w->drained = true;
        nj_dispatch_drain(w->dispatch, NJ_DRAIN_FINISHED);
        run_dispatch(w, NULL);
    }
    uint32_t sum = 0;
    for (unsigned i = 0; i < NJ_PIECE_STATE_COUNT; i++) {
        sum += w->dispatch->ledger.counts.states[i];
    }
    CHECK(sum == w->shard_count, "%u shards are in some state, there are %u", sum, w->shard_count);
}

// ---- workers ----

static void begin_compute(world *w, sim_worker *worker, const nj_session_effect *effect)
{
    worker->ticket = effect->ticket;
    worker->slot = effect->slot;
    worker->compute_end_ms = w->now_ms + 50 + draw(w) % 1000;
    worker->hung = chance(w, w->weather.hang, 1000);
}

static void send_result(world *w, sim_worker *worker, nj_session_effect *effect)
{
    char text[32];
    effect->message.result.rows = rows_of(effect->message.result.shard, text);
    post(w, COORDINATOR, worker->line, &effect->message);
}

static void verify_section(world *w, sim_worker *worker, uint32_t section)
{
    nj_slice bytes = nj_slice_from(SECTION_BYTES[section]);
    bool good = memcmp(worker->draft, bytes.bytes, bytes.size) == 0;
    CHECK(good, "section %u was put together wrongly", section);
    worker->cache |= 1ull << section;
    nj_session_verified(worker->session, section, good, now_ns(w));
}

static void run_session(world *w, sim_worker *worker, const nj_message *at_hand)
{
    static nj_session_effect effect;
    while (nj_session_next(worker->session, &effect)) {
        switch (effect.kind) {
        case NJ_SESSION_SEND:
            post(w, COORDINATOR, worker->line, &effect.message);
            break;
        case NJ_SESSION_SEND_RESULT:
            send_result(w, worker, &effect);
            break;
        case NJ_SESSION_DROP_LINE:
            worker->line = ++w->next_line;
            break;
        case NJ_SESSION_LOOK:
            nj_session_inspected(worker->session, ~worker->cache, now_ns(w));
            break;
        case NJ_SESSION_STORE:
            CHECK(effect.offset + effect.bytes.size <= sizeof worker->draft, "a long section");
            memcpy(worker->draft + effect.offset, effect.bytes.bytes, effect.bytes.size);
            break;
        case NJ_SESSION_VERIFY:
            verify_section(w, worker, effect.section);
            break;
        case NJ_SESSION_SET_UP:
            worker->set_up_ticket = effect.ticket;
            worker->set_up_end_ms = w->now_ms + draw(w) % 3000;
            break;
        case NJ_SESSION_KEEP_LEASE:
            CHECK(at_hand != NULL && at_hand->kind == NJ_MESSAGE_LEASE, "KEEP_LEASE of no LEASE");
            worker->slot_shards[effect.slot] = at_hand->lease.shard;
            break;
        case NJ_SESSION_COMPUTE:
            begin_compute(w, worker, &effect);
            break;
        case NJ_SESSION_DROP:
            worker->ticket = worker->slot == effect.slot ? 0 : worker->ticket;
            break;
        case NJ_SESSION_FINISH:
            worker->over = true;
            worker->end_status = effect.status;
            break;
        }
    }
}

static void end_compute(world *w, sim_worker *worker)
{
    uint32_t shard = worker->slot_shards[worker->slot];
    uint64_t ticket = worker->ticket;
    worker->ticket = 0;
    if (shard == w->weather.poison_shard || chance(w, w->weather.fail, 1000)) {
        nj_session_failed(worker->session, ticket, NJ_FAILED, "the engine says no", now_ns(w));
    } else {
        char text[32];
        nj_slice rows = rows_of(shard, text);
        nj_digest digest = nj_digest_of(rows.bytes, rows.size);
        nj_session_progress(worker->session, 4);
        nj_session_computed(worker->session, ticket, &digest, 4, now_ns(w));
    }
    run_session(w, worker, NULL);
}

static void begin_process(world *w, sim_worker *worker)
{
    static const char *const CLASSES[] = {"exact", "fast"};
    nj_error err = {0};
    nj_session_config config = {.name = "worker",
                                .version = NIGHTJAR_VERSION,
                                .classes = CLASSES,
                                .class_count = 2,
                                .cores = 1,
                                .lease_slots = 1 + (uint32_t)(draw(w) % 3),
                                .chunk_bytes = 4,
                                .coordinator_timeout_ms = 1000,
                                .hello_pause_ms = 300,
                                .resend_ms = 500,
                                .give_up_ms = NIGHT_END_MS,
                                .drain_ms = 5000};
    uint64_t instance = draw(w);
    memcpy(config.instance.bytes, &instance, sizeof instance);
    assert_ok(nj_session_init(worker->session, &config, now_ns(w), &err), &err);
    worker->alive = true;
    worker->line = ++w->next_line;
    worker->ticket = 0;
    worker->set_up_ticket = 0;
    worker->hung = false;
}

static void kill_worker(world *w, sim_worker *worker)
{
    worker->alive = false;
    worker->born_ms = w->now_ms + 500 + draw(w) % 3000;
}

static void tick_worker(world *w, sim_worker *worker)
{
    if (worker->over) {
        return;
    }
    if (!worker->alive) {
        if (w->now_ms >= worker->born_ms) {
            begin_process(w, worker);
        }
        return;
    }
    // A hung process is killed by its operator when the faults end.
    if (chance(w, w->weather.kill, 100000) ||
        (worker->hung && worker->ticket != 0 && w->now_ms >= FAULTS_END_MS)) {
        kill_worker(w, worker);
        return;
    }
    if (chance(w, w->weather.cut, 100000)) {
        worker->line = ++w->next_line; // ZeroMQ reconnects; the session does not notice
    }
    if (worker->ticket != 0 && !worker->hung) {
        nj_session_progress(worker->session, 1);
        if (w->now_ms >= worker->compute_end_ms) {
            end_compute(w, worker);
        }
    }
    if (worker->set_up_ticket != 0 && w->now_ms >= worker->set_up_end_ms) {
        uint64_t ticket = worker->set_up_ticket;
        worker->set_up_ticket = 0;
        nj_session_prepared(worker->session, ticket, NJ_OK, "", now_ns(w));
    }
    run_session(w, worker, NULL);
    nj_session_tick(worker->session, now_ns(w));
    run_session(w, worker, NULL);
}

// ---- the night ----

static void deliver(world *w, const flight *f)
{
    static nj_message message;
    nj_error err = {0};
    int worker = find_line(w, f->line);
    nj_slice bytes = {(const char *)f->bytes, f->size};
    nj_side sender = f->to == COORDINATOR ? NJ_SIDE_WORKER : NJ_SIDE_COORDINATOR;
    if (worker < 0 && f->to != COORDINATOR) {
        return; // the line broke under it
    }
    assert_ok(nj_message_unpack(bytes, sender, &message, &err), &err);
    if (w->talk) {
        print_message("%6" PRIu64 " ms  line %u  %s %s\n", w->now_ms, f->line,
                      f->to == COORDINATOR ? "->" : "<-", nj_message_name(message.kind));
    }
    w->trace = (w->trace ^ (f->line + w->now_ms)) * 0x100000001b3u + (uint64_t)message.kind;
    if (f->to != COORDINATOR) {
        sim_worker *receiver = &w->workers[worker];
        nj_session_message(receiver->session, &message, now_ns(w));
        run_session(w, receiver, &message);
    } else if (worker >= 0) {
        nj_peer peer = peer_of((uint32_t)worker, f->line);
        nj_dispatch_message(w->dispatch, &peer, &message, now_ns(w));
        run_dispatch(w, &message);
    }
}

// Those that are due, in the order in which they were sent: delays have mixed them.
static void deliver_due(world *w)
{
    flight f;
    for (size_t i = 0; i < w->flight_count;) {
        if (w->flights[i].due_ms > w->now_ms) {
            i++;
            continue;
        }
        f = w->flights[i];
        memmove(&w->flights[i], &w->flights[i + 1], (--w->flight_count - i) * sizeof f);
        deliver(w, &f);
    }
}

static void draw_weather(world *w)
{
    bool calm = draw(w) % 10 == 0;
    unsigned scale = calm ? 0 : 1;
    w->weather = (weather){
        .drop = scale * (unsigned)(draw(w) % 200),
        .repeat = scale * (unsigned)(draw(w) % 100),
        .delay_ms_max = (unsigned)(draw(w) % 300),
        .kill = scale * (unsigned)(draw(w) % 400),
        .cut = scale * (unsigned)(draw(w) % 300),
        .hang = scale * (unsigned)(draw(w) % 100),
        .fail = scale * (unsigned)(draw(w) % 200),
        .commit_fail = scale * (unsigned)(draw(w) % 200),
        .poison_shard = UINT32_MAX,
    };
}

static void open_world(world *w, uint64_t seed)
{
    nj_error err = {0};
    *w = (world){.seed = seed, .random = seed * 0x2545f4914f6cdd1du + 1};
    draw_weather(w);
    w->shard_count = 1 + (uint32_t)(draw(w) % SHARDS_MAX);
    w->worker_count = 1 + (uint32_t)(draw(w) % WORKERS_MAX);
    nj_dispatch_config config = {
        .ledger = {.shard_count = w->shard_count,
                   .shard_first = SHARD_FIRST, // of one user each, so that none is split
                   .spare_count = 1,
                   .tries_max = 1000,
                   .losses_max = 1000,
                   .retry_ms = 300,
                   .retry_max_ms = 1000,
                   .avoid_ms = 500},
        .roster = {.worker_max = WORKERS_MAX + 2,
                   .silence_ms = 2000,
                   .lease_ms = 1500,
                   .probe_ms = 400},
        .epoch = 1,
        .numeric_class = "exact",
        .check = check_rows,
    };
    w->dispatch = malloc(sizeof *w->dispatch);
    w->flights = malloc(FLIGHT_MAX * sizeof *w->flights);
    assert_ok(nj_dispatch_init(w->dispatch, &config, &err), &err);
    for (uint32_t i = 0; i < w->worker_count; i++) {
        w->workers[i].session = malloc(sizeof(nj_session));
        w->workers[i].born_ms = draw(w) % 2000;
    }
}

static void close_world(world *w)
{
    for (uint32_t i = 0; i < w->worker_count; i++) {
        free(w->workers[i].session);
    }
    nj_dispatch_fini(w->dispatch);
    free(w->dispatch);
    free(w->flights);
}

static bool all_over(const world *w)
{
    for (uint32_t i = 0; i < w->worker_count; i++) {
        if (!w->workers[i].over) {
            return false;
        }
    }
    return true;
}

static void run_night(world *w)
{
    while (!all_over(w)) {
        w->now_ms += TICK_MS;
        CHECK(w->now_ms < NIGHT_END_MS, "the night does not end: %u of %u shards are committed",
              w->dispatch->ledger.counts.states[NJ_PIECE_COMMITTED], w->shard_count);
        deliver_due(w);
        end_commits(w);
        tick_coordinator(w);
        for (uint32_t i = 0; i < w->worker_count; i++) {
            tick_worker(w, &w->workers[i]);
        }
    }
}

static void check_end(world *w)
{
    for (uint32_t shard = 0; shard < w->shard_count; shard++) {
        unsigned wanted = shard != w->weather.poison_shard;
        CHECK(w->stored[shard] == wanted, "shard %u is stored %u times", shard, w->stored[shard]);
    }
    for (uint32_t i = 0; i < w->worker_count; i++) {
        CHECK(w->workers[i].end_status == NJ_OK, "worker %u ended with %s", i,
              nj_status_name(w->workers[i].end_status));
    }
    CHECK(w->alarms == 0, "%u alarms although all rows are equal", w->alarms);
}

// ---- tests ----

static uint64_t environment(const char *name, uint64_t fallback)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 10) : fallback;
}

static void every_night_stores_every_shard_exactly_once(void **state)
{
    (void)state;
    static world w;
    uint64_t one = environment("NIGHTJAR_SIM_SEED", 0);
    uint64_t first = one != 0 ? one : 1;
    uint64_t last = one != 0 ? one : environment("NIGHTJAR_SIM_NIGHTS", NIGHTS);
    uint64_t virtual_ms = 0;
    nj_ledger_counts sum = {0};
    for (uint64_t seed = first; seed <= last; seed++) {
        open_world(&w, seed);
        w.talk = one != 0;
        run_night(&w);
        check_end(&w);
        virtual_ms += w.now_ms;
        sum.leases += w.dispatch->ledger.counts.leases;
        sum.losses += w.dispatch->ledger.counts.losses;
        sum.failures += w.dispatch->ledger.counts.failures;
        sum.duplicates += w.dispatch->ledger.counts.duplicates;
        sum.commit_failures += w.dispatch->ledger.counts.commit_failures;
        close_world(&w);
    }
    print_message("%" PRIu64 " nights, %" PRIu64 " virtual hours: %" PRIu64 " leases, %" PRIu64
                  " losses, %" PRIu64 " failures, %" PRIu64 " duplicates, %" PRIu64
                  " failed commits\n",
                  last - first + 1, virtual_ms / 3600000, sum.leases, sum.losses, sum.failures,
                  sum.duplicates, sum.commit_failures);
}

// Without faults, on lines that keep the order. Commits take up to 100 ms, so results wait for their ACK while the next
// lease is computed.
static void in_a_calm_night_every_shard_is_leased_once(void **state)
{
    (void)state;
    static world w;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        open_world(&w, seed);
        w.weather = (weather){.poison_shard = UINT32_MAX};
        run_night(&w);
        check_end(&w);
        const nj_ledger_counts *counts = &w.dispatch->ledger.counts;
        CHECK_WORLD(&w, counts->leases == w.shard_count && counts->returns == 0,
                    "%" PRIu64 " leases and %" PRIu64 " returns for %u shards", counts->leases,
                    counts->returns, w.shard_count);
        close_world(&w);
    }
}

static void the_same_seed_gives_the_same_night(void **state)
{
    (void)state;
    static world w;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        uint64_t traces[2];
        for (int i = 0; i < 2; i++) {
            open_world(&w, seed);
            run_night(&w);
            traces[i] = w.trace;
            close_world(&w);
        }
        assert_int_equal(traces[0], traces[1]);
    }
}

static void a_shard_that_always_fails_is_given_up_and_the_night_ends(void **state)
{
    (void)state;
    static world w;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        open_world(&w, seed);
        w.weather.poison_shard = w.shard_count - 1;
        w.weather.fail = 0;
        w.dispatch->ledger.config.tries_max = 3;
        run_night(&w);
        check_end(&w);
        assert_int_equal(w.dispatch->ledger.counts.states[NJ_PIECE_QUARANTINED], 1);
        assert_int_equal(w.dispatch->ledger.pieces[w.shard_count - 1].failures, 3);
        close_world(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_night_stores_every_shard_exactly_once),
        cmocka_unit_test(in_a_calm_night_every_shard_is_leased_once),
        cmocka_unit_test(the_same_seed_gives_the_same_night),
        cmocka_unit_test(a_shard_that_always_fails_is_given_up_and_the_night_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
