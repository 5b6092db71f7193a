// test_dispatch_random.c - random events, and what must be true after each of them.
//
// Workers come, fail, vanish, deliver late and twice; commits fail; the night is paused, and begins anew with what its store has.
// The store is a list of records. A user in `poison` makes every piece that holds it fail. Messages are not lost here (tests/sim does
// that): the point is every order of events that a coordinator can see.
//
//   NIGHTJAR_RANDOM_SEED=17    runs that one night
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "coordinator/dispatch.h"
#include "tests/support/nj_test.h"

#define NIGHTS 3000
#define EVENTS 400
#define WORKERS 4
#define SHARDS_MAX 6
#define SHARD_USERS_MAX 9
#define USERS_MAX (SHARDS_MAX * SHARD_USERS_MAX)
#define PIECES_MAX (2 * USERS_MAX + 8)
#define HANDS_MAX 256 // leases a worker was sent and has not answered, lost ones included
#define CREDIT 2
#define MS 1000000ull
#define CALM_MS 120000 // a night without faults ends within this

typedef struct {
    bool here;
    bool ready;
    uint32_t process;
    nj_wire_lease hands[HANDS_MAX];
    uint32_t hand_count;
    uint64_t users_done;
} worker;

typedef struct {
    nj_piece_range range;
    bool quarantined;
    bool carried;
} record;

typedef struct {
    uint64_t seed;
    uint64_t random;
    uint64_t now_ms;
    bool calm; // nothing goes wrong but what poison does
    nj_dispatch *dispatch;
    uint32_t shard_count;
    uint32_t shard_first[SHARDS_MAX + 1];
    bool poison[USERS_MAX];
    worker workers[WORKERS];
    record records[USERS_MAX];
    uint32_t record_count;
    uint32_t writing[PIECES_MAX]; // WRITE_ROWS and AUDIT_ROWS under way
    uint32_t writing_count;
    nj_piece before[PIECES_MAX]; // of this epoch, as they were after the last event
    uint32_t before_count;
    uint32_t free_ends
        [PIECES_MAX]; // returns and failed commits of a piece: its leases are not bounded by them
} world;

static world w;

#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            print_error("NIGHTJAR_RANDOM_SEED=%" PRIu64 ": ", w.seed);                             \
            fail_msg(__VA_ARGS__);                                                                 \
        }                                                                                          \
    } while (0)

// splitmix64
static uint32_t draw(uint32_t below)
{
    uint64_t z = w.random += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ z >> 31) % below);
}

// ---- the store ----

static bool same_range(nj_piece_range a, nj_piece_range b)
{
    return a.shard == b.shard && a.first == b.first && a.count == b.count;
}

static bool overlaps(nj_piece_range a, nj_piece_range b)
{
    return a.shard == b.shard && a.first < b.first + b.count && b.first < a.first + a.count;
}

// What the store's transaction does: a committed user is never written again.
static void put_record(nj_piece_range range, bool quarantined)
{
    for (uint32_t i = 0; i < w.record_count; i++) {
        record *old = &w.records[i];
        if (same_range(old->range, range) && old->quarantined) {
            old->quarantined = quarantined;
            return;
        }
        CHECK(!overlaps(old->range, range), "users %u+%u of shard %u are stored twice", range.first,
              range.count, range.shard);
    }
    w.records[w.record_count++] = (record){range, quarantined, false};
}

static bool is_poisonous(nj_piece_range range)
{
    for (uint32_t i = 0; i < range.count; i++) {
        if (w.poison[w.shard_first[range.shard] + range.first + i]) {
            return true;
        }
    }
    return false;
}

// ---- coordinator ----

static const char *check_rows(const void *context, const nj_message_result *result,
                              const nj_piece_range *piece)
{
    (void)context;
    return result->row_count == piece->count ? NULL : "the rows do not fit";
}

static void open_dispatch(void)
{
    nj_error err = {0};
    const nj_dispatch_config config = {
        .ledger = {.shard_count = w.shard_count,
                   .shard_first = w.shard_first,
                   .spare_count = PIECES_MAX - SHARDS_MAX,
                   .tries_max = 2,
                   .losses_max = 4,
                   .retry_ms = 100,
                   .retry_max_ms = 1000,
                   .avoid_ms = 500,
                   .speculate_min_ms = 300,
                   .speculate_percent = 5,
                   .failed_shards_max = 1},
        .roster = {.worker_max = WORKERS,
                   .silence_ms = 2000,
                   .lease_ms = 1000,
                   .bench_ms = 1000,
                   .bench_max_ms = 4000},
        .epoch = 1,
        .numeric_class = "exact",
        .check = check_rows,
    };
    assert_ok(nj_dispatch_init(w.dispatch, &config, &err), &err);
    w.before_count = 0;
    w.writing_count = 0;
    memset(w.free_ends, 0, sizeof w.free_ends);
    for (uint32_t i = 0; i < WORKERS; i++) {
        w.workers[i] = (worker){.process = w.workers[i].process};
    }
}

static nj_peer peer_of(uint32_t number)
{
    nj_peer peer = {.route_bytes = sizeof number};
    const uint32_t line = w.workers[number].process * WORKERS + number;
    memcpy(peer.route, &line, sizeof line);
    snprintf(peer.key, sizeof peer.key, "key %u", number);
    return peer;
}

static worker *find_worker(const nj_peer *peer)
{
    uint32_t line;
    memcpy(&line, peer->route, sizeof line);
    worker *found = &w.workers[line % WORKERS];
    return found->here && found->process == line / WORKERS ? found : NULL;
}

static void perform(void)
{
    static nj_dispatch_effect effect;
    while (nj_dispatch_next(w.dispatch, w.now_ms * MS, &effect)) {
        worker *to = find_worker(&effect.peer);
        if (effect.kind == NJ_DISPATCH_SEND_LEASE && to != NULL) {
            CHECK(to->hand_count < HANDS_MAX, "a worker has more leases than the test keeps");
            to->hands[to->hand_count++] = effect.lease;
        }
        if (effect.kind == NJ_DISPATCH_WRITE_ROWS || effect.kind == NJ_DISPATCH_AUDIT_ROWS) {
            w.writing[w.writing_count++] = effect.lease.shard;
        }
        if (effect.kind == NJ_DISPATCH_QUARANTINE) {
            put_record(nj_ledger_piece(&w.dispatch->ledger, effect.lease.shard), true);
        }
        CHECK(effect.kind != NJ_DISPATCH_ALARM, "an alarm although all rows are equal");
    }
}

static void send(uint32_t number, nj_message *message)
{
    const nj_peer peer = peer_of(number);
    nj_dispatch_message(w.dispatch, &peer, message, w.now_ms * MS);
    perform();
}

static void end_write(bool stored)
{
    if (w.writing_count == 0) {
        return;
    }
    uint32_t place = draw(w.writing_count);
    uint32_t index = w.writing[place];
    nj_piece_range range = nj_ledger_piece(&w.dispatch->ledger, index);
    w.writing[place] = w.writing[--w.writing_count];
    if (stored && !range.audit) {
        put_record(range, false);
    }
    w.free_ends[index] += !stored;
    CHECK(nj_dispatch_stored(w.dispatch, index, stored, w.now_ms * MS) == NJ_OK,
          "the ledger knows no commit of piece %u", index);
    perform();
}

// A new coordinator on the same store. What is in no record is computed anew.
static void restart(bool retry)
{
    nj_digest digest = nj_digest_of("rows", 4);
    nj_dispatch_fini(w.dispatch);
    open_dispatch();
    uint64_t users = 0;
    for (uint32_t i = 0; i < w.record_count; i++) {
        const record *r = &w.records[i];
        nj_resume what = r->carried        ? NJ_RESUME_CARRIED
                         : !r->quarantined ? NJ_RESUME_COMMITTED
                         : retry           ? NJ_RESUME_RETRY
                                           : NJ_RESUME_QUARANTINED;
        CHECK(nj_dispatch_resume(w.dispatch, r->range, what, &digest) == NJ_OK,
              "users %u+%u of shard %u cannot be resumed", r->range.first, r->range.count,
              r->range.shard);
        users += r->quarantined || r->carried ? 0 : r->range.count;
    }
    CHECK(w.dispatch->ledger.counts.committed_users == users, "%" PRIu64 " users are resumed",
          users);
}

// ---- workers ----

static void join(uint32_t number, uint32_t credit)
{
    worker *self = &w.workers[number];
    nj_message message = {.kind = NJ_MESSAGE_HELLO};
    if (!self->here) {
        *self = (worker){.here = true, .process = self->process + 1};
    }
    message.hello.name = nj_slice_from("w");
    message.hello.version = nj_slice_from("1");
    memcpy(message.hello.instance.bytes, &self->process, sizeof self->process);
    message.hello.classes[0] = nj_slice_from("exact");
    message.hello.classes_count = 1;
    send(number, &message);
    self->ready = true;
    message = (nj_message){.kind = NJ_MESSAGE_READY, .ready = {credit}};
    send(number, &message);
}

// The leases that are over at `now_ms` will be returned; the first of a worker's is held against its piece.
static void note_returns(const nj_worker *known, uint64_t now_ms)
{
    for (uint32_t i = 1; known != NULL && i < known->lease_count; i++) {
        w.free_ends[known->leases[i].shard] += known->leases[i].deadline_ns <= now_ms * MS;
    }
}

static void vanish(uint32_t number, bool says_bye)
{
    nj_message bye = {.kind = NJ_MESSAGE_BYE};
    nj_peer peer = peer_of(number);
    const nj_worker *known = nj_roster_find_peer(&w.dispatch->roster, &peer);
    note_returns(known, UINT64_MAX / MS);
    if (known != NULL && says_bye && known->lease_count > 0) {
        w.free_ends[known->leases[0].shard]++;
    }
    w.workers[number].here = false;
    if (says_bye) {
        send(number, &bye);
    } else if (known != NULL) {
        nj_dispatch_unreachable(w.dispatch, known->id, w.now_ms * MS);
        perform();
    }
}

static void send_result(uint32_t number, nj_wire_lease lease, bool spoilt)
{
    nj_piece_range range = nj_ledger_piece(&w.dispatch->ledger, lease.shard);
    nj_message message = {.kind = NJ_MESSAGE_RESULT};
    message.result = (nj_message_result){
        lease.shard, lease.attempt, 1, nj_digest_of("rows", 4), range.count + spoilt, {"rows", 4}};
    send(number, &message);
}

// What becomes of one of the leases it was sent: the oldest, or any.
static void answer(uint32_t number, bool any)
{
    worker *self = &w.workers[number];
    if (self->hand_count == 0) {
        return;
    }
    uint32_t place = any ? draw(self->hand_count) : 0;
    nj_wire_lease lease = self->hands[place];
    uint32_t how = w.calm ? 10 : draw(20);
    memmove(self->hands + place, self->hands + place + 1,
            (--self->hand_count - place) * sizeof lease);
    nj_piece_range range = nj_ledger_piece(&w.dispatch->ledger, lease.shard);
    if (how < 2 || is_poisonous(range)) {
        nj_status why = how == 0 ? NJ_AGAIN : NJ_FAILED;
        nj_message message = {.kind = NJ_MESSAGE_FAILED,
                              .failed = {lease.shard, lease.attempt, 1, why, {"no", 2}}};
        w.free_ends[lease.shard] += why == NJ_AGAIN;
        send(number, &message);
        return;
    }
    self->users_done += range.count;
    send_result(number, lease, how == 2);
    if (how == 3) {
        send_result(number, lease, false); // once more
    }
}

static void beat(uint32_t number)
{
    worker *self = &w.workers[number];
    nj_message message = {.kind = NJ_MESSAGE_HEARTBEAT};
    uint32_t count = self->hand_count < NJ_WIRE_LEASES_MAX ? self->hand_count : NJ_WIRE_LEASES_MAX;
    message.heartbeat.users_done = ++self->users_done;
    message.heartbeat.leases_count = count;
    for (uint32_t i = 0; i < count; i++) {
        message.heartbeat.leases[i] = self->hands[self->hand_count - count + i];
    }
    send(number, &message);
}

static void pass_time(uint64_t ms)
{
    w.now_ms += ms;
    for (uint32_t slot = 0; slot < WORKERS; slot++) {
        const nj_worker *known = &w.dispatch->roster.slots[slot];
        const bool is_silent =
            w.now_ms * MS - known->heard_ns >= w.dispatch->roster.config.silence_ms * MS;
        note_returns(known, is_silent ? UINT64_MAX / MS : w.now_ms);
    }
    nj_dispatch_tick(w.dispatch, w.now_ms * MS);
    perform();
}

// ---- what must be true ----

static void check_users(const nj_ledger *ledger)
{
    static uint8_t seen[USERS_MAX];
    uint64_t committed = 0, carried = 0, quarantined = 0;
    memset(seen, 0, sizeof seen);
    for (uint32_t i = 0; i < ledger->piece_count; i++) {
        const nj_piece *p = &ledger->pieces[i];
        if (p->audit || p->state == NJ_PIECE_SPLIT) {
            continue;
        }
        committed += p->state == NJ_PIECE_COMMITTED ? p->count : 0;
        carried += p->state == NJ_PIECE_CARRIED ? p->count : 0;
        quarantined += p->state == NJ_PIECE_QUARANTINED ? p->count : 0;
        for (uint32_t u = 0; u < p->count; u++) {
            seen[w.shard_first[p->shard] + p->first + u]++;
            CHECK(nj_ledger_leaf(ledger, p->shard, p->first + u) == i, "piece %u is no leaf", i);
        }
    }
    for (uint32_t u = 0; u < w.shard_first[w.shard_count]; u++) {
        CHECK(seen[u] == 1, "user %u is in %u pieces", u, seen[u]);
    }
    CHECK(committed == ledger->counts.committed_users, "committed users do not add up");
    CHECK(carried == ledger->counts.carried_users, "carried users do not add up");
    CHECK(quarantined == ledger->counts.quarantined_users, "quarantined users do not add up");
}

// The roster and the ledger agree about every lease.
static void check_leases(const nj_ledger *ledger)
{
    uint32_t held[PIECES_MAX] = {0};
    const nj_roster *roster = &w.dispatch->roster;
    for (uint32_t slot = 0; slot < WORKERS; slot++) {
        for (uint32_t i = 0; i < roster->slots[slot].lease_count; i++) {
            held[roster->slots[slot].leases[i].shard]++;
        }
    }
    for (uint32_t i = 0; i < ledger->piece_count; i++) {
        const nj_piece *p = &ledger->pieces[i];
        const nj_ledger_config *config = &ledger->config;
        uint32_t leases_max = config->tries_max + config->losses_max + w.free_ends[i];
        CHECK(p->live == held[i], "piece %u has %u leases, its workers hold %u", i, p->live,
              held[i]);
        CHECK(p->live <= 2, "piece %u has %u leases", i, p->live);
        CHECK(p->state != NJ_PIECE_LEASED || p->live > 0, "nobody holds piece %u", i);
        CHECK(p->attempts <= leases_max, "piece %u was leased %u times (%u for nothing)", i,
              p->attempts, w.free_ends[i]);
    }
    CHECK(ledger->counts.speculations <= NJ_LEDGER_SPECULATIONS_LEAST, "too much speculation");
}

static void check_changes(const nj_ledger *ledger)
{
    uint32_t states[NJ_PIECE_STATE_COUNT] = {0};
    CHECK(ledger->piece_count <= 2 * w.shard_first[w.shard_count] + ledger->counts.audits,
          "%u pieces", ledger->piece_count);
    for (uint32_t i = 0; i < ledger->piece_count; i++) {
        const nj_piece *now = &ledger->pieces[i];
        const nj_piece *old = &w.before[i];
        states[now->state]++;
        if (i >= w.before_count) {
            continue;
        }
        CHECK(now->attempts >= old->attempts, "an attempt of piece %u was taken back", i);
        CHECK(same_range(
                  nj_ledger_piece(ledger, i),
                  (nj_piece_range){.shard = old->shard, .first = old->first, .count = old->count}),
              "piece %u has other users", i);
        bool end = old->state == NJ_PIECE_COMMITTED || old->state == NJ_PIECE_CARRIED ||
                   old->state == NJ_PIECE_SPLIT || old->state == NJ_PIECE_FAILED;
        CHECK(!end || (now->state == old->state && nj_digest_equal(&now->digest, &old->digest)),
              "piece %u left %s", i, nj_piece_state_name(old->state));
    }
    for (unsigned s = 0; s < NJ_PIECE_STATE_COUNT; s++) {
        CHECK(states[s] == ledger->counts.states[s], "%u pieces are %s, %u are counted", states[s],
              nj_piece_state_name(s), ledger->counts.states[s]);
    }
    CHECK(ledger->waiting.count == states[NJ_PIECE_WAITING], "the heap of waiting pieces");
    CHECK(ledger->pausing.count == states[NJ_PIECE_RETRY_WAIT], "the heap of pausing pieces");
    memcpy(w.before, ledger->pieces, ledger->piece_count * sizeof *w.before);
    w.before_count = ledger->piece_count;
}

static void check_all(void)
{
    check_users(&w.dispatch->ledger);
    check_leases(&w.dispatch->ledger);
    check_changes(&w.dispatch->ledger);
}

// ---- the night ----

static void open_world(uint64_t seed, bool calm)
{
    nj_dispatch *dispatch = w.dispatch;
    w = (world){.seed = seed, .random = seed * 0x2545f4914f6cdd1du + 1, .dispatch = dispatch};
    w.calm = calm;
    w.shard_count = 1 + draw(SHARDS_MAX);
    for (uint32_t shard = 0; shard < w.shard_count; shard++) {
        w.shard_first[shard + 1] = w.shard_first[shard] + 1 + draw(SHARD_USERS_MAX);
    }
    for (uint32_t i = draw(4); i > 0; i--) {
        w.poison[draw(w.shard_first[w.shard_count])] = true;
    }
    open_dispatch();
}

static void cause_event(void)
{
    uint32_t number = draw(WORKERS);
    worker *self = &w.workers[number];
    switch (draw(16)) {
    case 0:
        vanish(number, draw(2) == 0);
        break;
    case 1:
        pass_time(draw(1500)); // leases may run out
        break;
    case 2:
        end_write(draw(3) > 0);
        break;
    case 3:
        nj_dispatch_pause(w.dispatch, draw(2) == 0);
        break;
    case 4:
        if (draw(20) == 0) {
            restart(draw(2) == 0);
        }
        break;
    case 5:
    case 6:
        end_write(true);
        break;
    case 7:
    case 8:
        pass_time(draw(50));
        break;
    default:
        if (!self->here || !self->ready) {
            join(number, CREDIT);
        } else if (draw(3) == 0) {
            beat(number);
        } else {
            answer(number, true);
        }
        break;
    }
}

// Nothing goes wrong but what poison does, and some work, perhaps one alone, while others only look on: the night must end.
static void finish_calmly(void)
{
    uint64_t end_ms = w.now_ms + CALM_MS;
    w.calm = true;
    nj_dispatch_pause(w.dispatch, false);
    const uint32_t working = 1 + draw(WORKERS);
    for (uint32_t number = 0; number < WORKERS; number++) {
        join(number, number < working ? CREDIT : 0);
    }
    while (!nj_dispatch_finished(w.dispatch)) {
        CHECK(w.now_ms < end_ms, "the night does not end");
        pass_time(50);
        end_write(true);
        for (uint32_t number = 0; number < WORKERS; number++) {
            beat(number);
            answer(number, false);
        }
        check_all();
    }
}

static void check_end(bool only_poison)
{
    const nj_ledger *ledger = &w.dispatch->ledger;
    uint64_t users = 0;
    for (uint32_t i = 0; i < w.record_count; i++) {
        const record *r = &w.records[i];
        users += r->range.count;
        CHECK(r->quarantined || !is_poisonous(r->range), "poison was committed");
        CHECK(!only_poison || !r->quarantined || (r->range.count == 1 && is_poisonous(r->range)),
              "users %u+%u of shard %u are quarantined for nothing", r->range.first, r->range.count,
              r->range.shard);
    }
    CHECK(users == w.shard_first[w.shard_count], "%" PRIu64 " of %u users are stored", users,
          w.shard_first[w.shard_count]);
    CHECK(ledger->counts.committed_users + ledger->counts.quarantined_users == users,
          "the ledger and the store do not agree");
}

static void audit_all(void)
{
    for (uint32_t i = 0; i < w.record_count; i++) {
        nj_piece_range r = w.records[i].range;
        nj_status expected = w.records[i].quarantined ? NJ_REFUSED : NJ_OK;
        CHECK(nj_dispatch_audit(w.dispatch, r.shard, r.first, r.count, w.now_ms * MS) == expected,
              "an audit of users %u+%u of shard %u", r.first, r.count, r.shard);
        if (w.dispatch->ledger.counts.audits == 3) {
            break;
        }
    }
    finish_calmly();
    CHECK(w.dispatch->ledger.counts.states[NJ_PIECE_FAILED] == 0, "an audit failed");
}

static void run_nights(void (*night)(void), bool calm)
{
    const char *one = getenv("NIGHTJAR_RANDOM_SEED");
    uint64_t first = one != NULL ? strtoull(one, NULL, 10) : 1;
    uint64_t last = one != NULL ? first : NIGHTS;
    nj_ledger_counts sum = {0};
    w.dispatch = malloc(sizeof *w.dispatch);
    for (uint64_t seed = first; seed <= last; seed++) {
        open_world(seed, calm);
        night();
        const nj_ledger_counts *counts = &w.dispatch->ledger.counts; // of the last epoch
        sum.leases += counts->leases;
        sum.losses += counts->losses;
        sum.splits += counts->splits;
        sum.quarantined_users += counts->quarantined_users;
        sum.speculations += counts->speculations;
        sum.speculations_won += counts->speculations_won;
        sum.benches += counts->benches;
        nj_dispatch_fini(w.dispatch);
    }
    print_message("%" PRIu64 " nights: %" PRIu64 " leases, %" PRIu64 " losses, %" PRIu64
                  " splits, %" PRIu64 " users quarantined, %" PRIu64 " speculations (%" PRIu64
                  " won), %" PRIu64 " benches\n",
                  last - first + 1, sum.leases, sum.losses, sum.splits, sum.quarantined_users,
                  sum.speculations, sum.speculations_won, sum.benches);
    free(w.dispatch);
}

static void run_wild_night(void)
{
    for (unsigned i = 0; i < EVENTS; i++) {
        cause_event();
        check_all();
    }
    finish_calmly();
    check_end(false);
    audit_all();
}

// As the daemon does at the deadline: some users have a row of an earlier night, others none.
static void carry_piece(uint32_t index, const bool *has_row)
{
    const nj_piece_range range = nj_ledger_piece(&w.dispatch->ledger, index);
    const bool *has = has_row + w.shard_first[range.shard] + range.first;
    uint32_t count = 0;
    for (uint32_t i = 0; i < range.count; i++) {
        count += has[i];
    }
    const nj_carry what = count == range.count ? NJ_CARRY_ALL
                          : range.count > 1    ? NJ_CARRY_SOME
                                               : NJ_CARRY_NONE;
    if (what == NJ_CARRY_ALL) {
        put_record(range, false);
        for (uint32_t i = 0; i < w.record_count; i++) {
            w.records[i].carried |= same_range(w.records[i].range, range);
        }
    }
    CHECK(nj_dispatch_carry(w.dispatch, index, what) == NJ_OK, "piece %u is not carried", index);
    perform();
}

static void carry_the_rest(const bool *has_row)
{
    const nj_ledger *ledger = &w.dispatch->ledger;
    for (uint32_t i = 0; i < ledger->piece_count; i++) { // halves are behind what they are made of
        const nj_piece *piece = &ledger->pieces[i];
        if (piece->state == NJ_PIECE_WAITING || piece->state == NJ_PIECE_LEASED ||
            piece->state == NJ_PIECE_RETRY_WAIT) {
            carry_piece(i, has_row);
            check_all();
        }
    }
}

static void run_late_night(void)
{
    bool has_row[USERS_MAX];
    const uint32_t lacking = draw(3);
    for (uint32_t u = 0; u < USERS_MAX; u++) {
        has_row[u] = lacking == 0 || draw(lacking == 1 ? 20 : 2) > 0;
    }
    for (uint32_t i = draw(EVENTS); i > 0; i--) {
        cause_event();
        check_all();
    }
    nj_dispatch_pause(w.dispatch, false);
    nj_dispatch_drain(w.dispatch, NJ_DRAIN_STOPPING);
    perform();
    while (w.writing_count > 0) {
        end_write(true);
    }
    carry_the_rest(has_row);
    CHECK(nj_dispatch_finished(w.dispatch), "a night is not over behind its deadline");
    for (uint32_t number = 0; number < WORKERS; number++) { // rows that come late, leases that end
        answer(number, true);
        vanish(number, draw(2) == 0);
        check_all();
    }
    while (w.writing_count > 0) {
        end_write(true);
    }
    const nj_ledger_counts counts = w.dispatch->ledger.counts;
    CHECK(counts.committed_users + counts.carried_users + counts.quarantined_users ==
              w.shard_first[w.shard_count],
          "not everybody is one of three things");
    restart(false);
    check_all();
    const nj_ledger_counts *again = &w.dispatch->ledger.counts;
    CHECK(nj_dispatch_finished(w.dispatch) && again->carried_users == counts.carried_users &&
              again->quarantined_users == counts.quarantined_users,
          "another night is resumed than was");
}

static void behind_the_deadline_each_user_is_committed_carried_or_quarantined(void **state)
{
    (void)state;
    run_nights(run_late_night, false);
}

static void whatever_happens_each_user_is_in_one_piece_and_the_night_ends(void **state)
{
    (void)state;
    run_nights(run_wild_night, false);
}

static void run_poisoned_night(void)
{
    finish_calmly();
    check_end(true);

    // The work that a poisonous user costs: both tries of each piece that holds it, and one good lease for each other half.
    const nj_ledger *ledger = &w.dispatch->ledger;
    uint32_t poisoned = 0;
    for (uint32_t u = 0; u < w.shard_first[w.shard_count]; u++) {
        poisoned += w.poison[u];
    }
    const uint32_t levels = 5; // of a shard of 9 users: 9, 5, 3, 2, 1
    uint64_t leases_max = w.shard_count + NJ_LEDGER_SPECULATIONS_LEAST +
                          (uint64_t)poisoned * levels * (ledger->config.tries_max + 1u);
    CHECK(ledger->counts.leases <= leases_max, "%" PRIu64 " leases, at most %" PRIu64,
          ledger->counts.leases, leases_max);
}

static void bisection_finds_exactly_the_poisonous_users_in_bounded_work(void **state)
{
    (void)state;
    run_nights(run_poisoned_night, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_happens_each_user_is_in_one_piece_and_the_night_ends),
        cmocka_unit_test(behind_the_deadline_each_user_is_committed_carried_or_quarantined),
        cmocka_unit_test(bisection_finds_exactly_the_poisonous_users_in_bounded_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
