// fuzz_dispatch.c - a night's dispatch against workers that may say anything, with a plan of five users in three shards.
//
// Parts: the low four bits of a kind say what happens (event_kind), the high four who sends. A frame from a worker goes through
// nj_message_unpack as in the daemon; a SIGNED one gets the digest that its rows have, which no mutation would find.
#include "coordinator/daemon/result_check.h"
#include "coordinator/dispatch.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/memfile.h"

#define MS 1000000u
#define PEERS 4
#define SHARDS 3
#define SHARD_USERS 2
#define EFFECTS_MAX 10000 // of one event

typedef enum {
    MESSAGE,
    SIGNED,
    TICK,
    STORED,
    NOT_STORED,
    UNREACHABLE,
    DRAIN,
    KIND_COUNT
} event_kind;

// What stands for all inputs: a catalogue of eight items and the plan.
typedef struct {
    nj_buffer block;
    nj_idlist items;
    nj_idmap map;
    nj_user_table users;
    nj_plan plan;
} world;

// What the daemon knows of one night.
typedef struct {
    nj_dispatch dispatch;
    uint64_t now_ns;
    bool writing[SHARDS];
    bool stored[SHARDS];
    nj_worker_id workers[PEERS]; // heard of last
    unsigned worker_count;
} night;

static void make_items(world *w)
{
    nj_idlist_builder builder;
    nj_error err;
    nj_idlist_builder_init(&builder);
    nj_buffer_init(&w->block, 4096);
    nj_status status = NJ_OK;
    for (char id = '0'; id < '8' && status == NJ_OK; id++) {
        status = nj_idlist_builder_add(&builder, (nj_slice){&id, 1});
    }
    fuzz_check(status == NJ_OK && nj_idlist_builder_write(&builder, &w->block) == NJ_OK &&
                   nj_idlist_open(w->block.bytes, w->block.size, "items", &w->items, &err) ==
                       NJ_OK &&
                   nj_idmap_build(&w->map, &w->items, "items", &err) == NJ_OK,
               "the catalogue is valid");
    nj_idlist_builder_fini(&builder);
}

static const world *find_world(void)
{
    static const char HISTORIES[] = "a 0 1\nb 2\nc 3 4\nd 5 6\ne 7\n";
    static const nj_digest BUNDLE = {{1}};
    static world w;
    nj_error err;
    nj_settings settings = nj_settings_default();
    if (w.plan.users != NULL) {
        return &w;
    }
    make_items(&w);
    fuzz_check(
        nj_user_table_read(memfile_write(HISTORIES, sizeof HISTORIES - 1), NJ_HISTORIES_SEQUENCE,
                           &w.items, &w.map, &w.users, &err) == NJ_OK &&
            nj_plan_make(&w.users, &settings, &BUNDLE, SHARD_USERS, &w.plan, &err) == NJ_OK &&
            w.plan.shard_count == SHARDS,
        "the plan is valid");
    return &w;
}

static void check_message(const nj_message *message)
{
    static nj_message again;
    nj_buffer packed;
    nj_error err;
    nj_buffer_init(&packed, NJ_WIRE_MESSAGE_BYTES_MAX);
    fuzz_check(nj_message_pack(message, &packed, &err) == NJ_OK, "what is sent can be packed");
    fuzz_check(nj_message_unpack(nj_buffer_slice(&packed), NJ_SIDE_COORDINATOR, &again, &err) ==
                   NJ_OK,
               "what is sent is accepted by a worker");
    nj_buffer_fini(&packed);
}

static void perform(night *n, const nj_dispatch_effect *effect)
{
    const uint32_t shard = effect->lease.shard;
    if (effect->worker != 0) {
        n->workers[n->worker_count++ % PEERS] = effect->worker;
    }
    switch (effect->kind) {
    case NJ_DISPATCH_SEND:
        check_message(&effect->message);
        break;
    case NJ_DISPATCH_SEND_LEASE:
        fuzz_check(shard < SHARDS && !n->stored[shard], "only open shards are leased");
        break;
    case NJ_DISPATCH_WRITE_ROWS:
        fuzz_check(shard < SHARDS && !n->writing[shard] && !n->stored[shard],
                   "a shard is written once");
        n->writing[shard] = true;
        break;
    default:
        break;
    }
}

static void perform_all(night *n)
{
    static nj_dispatch_effect effect;
    unsigned count = 0;
    while (nj_dispatch_next(&n->dispatch, n->now_ns, &effect)) {
        fuzz_check(++count < EFFECTS_MAX, "an event has a bounded number of effects");
        perform(n, &effect);
    }
}

static void receive(night *n, const fuzz_part *part, bool is_signed)
{
    static nj_message message;
    nj_error err;
    const nj_peer peer = {.route = {(uint8_t)(part->kind >> 4)}, .route_bytes = 1};
    nj_slice bytes = {(const char *)part->bytes, part->size};
    if (nj_message_unpack(bytes, NJ_SIDE_WORKER, &message, &err) != NJ_OK) {
        nj_dispatch_broken(&n->dispatch, &peer, &err, n->now_ns);
        return;
    }
    if (is_signed && message.kind == NJ_MESSAGE_RESULT) {
        message.result.digest = nj_digest_of(message.result.rows.bytes, message.result.rows.size);
    }
    nj_dispatch_message(&n->dispatch, &peer, &message, n->now_ns);
    perform_all(n); // they may borrow from the message
}

static void end_write(night *n, uint64_t number, bool stored)
{
    uint32_t shard = (uint32_t)(number % SHARDS);
    nj_status status = nj_dispatch_stored(&n->dispatch, shard, stored, n->now_ns);
    fuzz_check((status == NJ_OK) == n->writing[shard], "only a write under way can end");
    n->stored[shard] = n->stored[shard] || (n->writing[shard] && stored);
    n->writing[shard] = false;
}

static void happen(night *n, const fuzz_part *part)
{
    const uint64_t number = fuzz_part_number(part);
    switch ((part->kind & 15) % KIND_COUNT) {
    case MESSAGE:
    case SIGNED:
        receive(n, part, (part->kind & 15) % KIND_COUNT == SIGNED);
        break;
    case TICK:
        n->now_ns += (number & 0xffffffu) * MS;
        nj_dispatch_tick(&n->dispatch, n->now_ns);
        break;
    case STORED:
        end_write(n, number, true);
        break;
    case NOT_STORED:
        end_write(n, number, false);
        break;
    case UNREACHABLE:
        nj_dispatch_unreachable(&n->dispatch, n->workers[number % PEERS], n->now_ns);
        break;
    case DRAIN:
        nj_dispatch_drain(&n->dispatch, (nj_drain_reason)(number % (NJ_DRAIN_MAX + 1)));
        break;
    default:
        break;
    }
}

static void check_counts(const night *n)
{
    const nj_ledger_counts *counts = &n->dispatch.ledger.counts;
    uint64_t shards = 0;
    for (unsigned i = 0; i < NJ_SHARD_STATE_COUNT; i++) {
        shards += counts->states[i];
    }
    fuzz_check(shards == SHARDS, "every shard is in one state");
    for (uint32_t shard = 0; shard < SHARDS; shard++) {
        fuzz_check((n->dispatch.ledger.shards[shard].state == NJ_SHARD_COMMITTED) ==
                       n->stored[shard],
                   "the ledger and the store agree");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static night n;
    const world *w = find_world();
    const nj_result_check check = {&w->plan, &w->items, &w->map, 4};
    const nj_dispatch_config config = {
        .ledger = {.shard_count = SHARDS, .tries_max = 2, .losses_max = 4, .retry_ms = 10},
        .roster = {.worker_max = PEERS - 1, .silence_ms = 500, .lease_ms = 200, .probe_ms = 50},
        .epoch = 3,
        .numeric_class = "exact",
        .check = nj_result_problem,
        .check_context = &check};
    fuzz_parts parts = {data, size};
    fuzz_part part;
    nj_error err;
    memset(&n, 0, sizeof n);
    fuzz_check(nj_dispatch_init(&n.dispatch, &config, &err) == NJ_OK, "the config is valid");
    while (fuzz_next_part(&parts, &part)) {
        happen(&n, &part);
        perform_all(&n);
        check_counts(&n);
    }
    nj_dispatch_fini(&n.dispatch);
    return 0;
}
