// fuzz_dispatch.c - a night's dispatch against workers that may say anything, with a plan of five users in three shards.
//
// Parts: the low four bits of a kind say what happens (event_kind), the high four who sends. A frame from a worker goes through
// nj_message_unpack as in the daemon; a SIGNED one gets the digest that its rows have, and rows of a wrong history pass: no
// mutation would find either.
#include "coordinator/daemon/result_check.h"
#include "coordinator/dispatch.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/memfile.h"

#define MS 1000000u
#define PEERS 4
#define SHARDS 3
#define SHARD_USERS 2
#define USERS 5
#define SPARES 32 // halves and audits
#define PIECES (SHARDS + SPARES)
#define EFFECTS_MAX 10000 // of one event

typedef enum {
    MESSAGE,
    SIGNED,
    TICK,
    STORED,
    NOT_STORED,
    UNREACHABLE,
    DRAIN,
    PAUSE,
    AUDIT,
    DIFFERS,
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
    bool writing[PIECES];
    bool stored[USERS];          // by their place in the plan
    bool is_signed;              // the message at hand
    nj_worker_id workers[PEERS]; // heard of last
    unsigned worker_count;
} night;

typedef struct {
    nj_result_check check;
    const night *night;
} checking;

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
    fuzz_check(nj_user_table_read(
                   &(nj_histories_source){.path = memfile_write(HISTORIES, sizeof HISTORIES - 1)},
                   &w.items, &w.map, NULL, &w.users, &err) == NJ_OK &&
                   nj_plan_make(&w.users, &settings, &BUNDLE, NULL, SHARD_USERS, SHARD_USERS,
                                &w.plan, &err) == NJ_OK &&
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

// True when a user of the piece has rows.
static bool is_stored(const night *n, uint32_t index)
{
    nj_piece_range range = nj_ledger_piece(&n->dispatch.ledger, index);
    uint32_t first = find_world()->plan.shard_first[range.shard] + range.first;
    bool stored = false;
    fuzz_check(first + range.count <= USERS, "a piece is users of its shard");
    for (uint32_t i = first; i < first + range.count; i++) {
        stored = stored || n->stored[i];
    }
    return stored;
}

static void begin_write(night *n, uint32_t index, bool audit)
{
    fuzz_check(index < n->dispatch.ledger.piece_count && !n->writing[index],
               "a piece is written once at a time");
    fuzz_check(nj_ledger_piece(&n->dispatch.ledger, index).audit == audit,
               "audits are compared, other rows are written");
    fuzz_check(is_stored(n, index) == audit, "a user is written once");
    n->writing[index] = true;
}

static void perform(night *n, const nj_dispatch_effect *effect)
{
    const uint32_t index = effect->lease.shard;
    if (effect->worker != 0) {
        n->workers[n->worker_count++ % PEERS] = effect->worker;
    }
    switch (effect->kind) {
    case NJ_DISPATCH_SEND:
        check_message(&effect->message);
        break;
    case NJ_DISPATCH_SEND_LEASE:
        fuzz_check(index < n->dispatch.ledger.piece_count, "a piece of the ledger is leased");
        fuzz_check(is_stored(n, index) == nj_ledger_piece(&n->dispatch.ledger, index).audit,
                   "only open pieces and audits are leased");
        break;
    case NJ_DISPATCH_WRITE_ROWS:
    case NJ_DISPATCH_AUDIT_ROWS:
        begin_write(n, index, effect->kind == NJ_DISPATCH_AUDIT_ROWS);
        break;
    case NJ_DISPATCH_QUARANTINE:
        fuzz_check(!is_stored(n, index) && effect->text.size > 0,
                   "who is quarantined has no rows, and a reason");
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
    n->is_signed = is_signed;
    if (is_signed && message.kind == NJ_MESSAGE_RESULT) {
        message.result.digest = nj_digest_of(message.result.rows.bytes, message.result.rows.size);
    }
    nj_dispatch_message(&n->dispatch, &peer, &message, n->now_ns);
    perform_all(n); // they may borrow from the message
}

typedef enum { WRITTEN, NOT_WRITTEN, DIFFERENT } write_end;

static void end_write(night *n, uint64_t number, write_end how)
{
    uint32_t index = (uint32_t)(number % PIECES);
    bool audit =
        index < n->dispatch.ledger.piece_count && nj_ledger_piece(&n->dispatch.ledger, index).audit;
    if (how == DIFFERENT && !audit) {
        return;
    }
    nj_status status = how == DIFFERENT
                           ? nj_dispatch_audit_differs(&n->dispatch, index, n->now_ns)
                           : nj_dispatch_stored(&n->dispatch, index, how == WRITTEN, n->now_ns);
    fuzz_check((status == NJ_OK) == n->writing[index], "only a write under way can end");
    if (status == NJ_OK && how == WRITTEN && !audit) {
        nj_piece_range range = nj_ledger_piece(&n->dispatch.ledger, index);
        for (uint32_t i = 0; i < range.count; i++) {
            n->stored[find_world()->plan.shard_first[range.shard] + range.first + i] = true;
        }
    }
    n->writing[index] = false;
}

// As the daemon: when all pieces have come to their end.
static void begin_audit(night *n, uint64_t number)
{
    if (nj_dispatch_finished(&n->dispatch)) {
        nj_status status =
            nj_dispatch_audit(&n->dispatch, (uint32_t)(number & 255), (uint32_t)(number >> 8 & 255),
                              (uint32_t)(number >> 16 & 255), n->now_ns);
        fuzz_check(status == NJ_OK || status == NJ_NOT_FOUND || status == NJ_REFUSED ||
                       status == NJ_END,
                   "an audit is made or refused");
    }
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
        end_write(n, number, WRITTEN);
        break;
    case NOT_STORED:
        end_write(n, number, NOT_WRITTEN);
        break;
    case UNREACHABLE:
        nj_dispatch_unreachable(&n->dispatch, n->workers[number % PEERS], n->now_ns);
        break;
    case DRAIN:
        nj_dispatch_drain(&n->dispatch, (nj_drain_reason)(number % (NJ_DRAIN_MAX + 1)));
        break;
    case PAUSE:
        nj_dispatch_pause(&n->dispatch, (number & 1) != 0);
        break;
    case AUDIT:
        begin_audit(n, number);
        break;
    case DIFFERS:
        end_write(n, number, DIFFERENT);
        break;
    default:
        break;
    }
}

// Rows of a signed message pass when they are well-formed and as many as the users.
static const char *check_result(const void *context, const nj_message_result *result,
                                const nj_piece_range *piece)
{
    static nj_row row;
    const checking *c = context;
    const char *problem = nj_result_problem(&c->check, result, piece);
    if (problem == NULL || !c->night->is_signed || result->row_count != piece->count ||
        nj_rows_split(result->rows, piece->count, c->check.rows, NULL) != NJ_OK) {
        return problem;
    }
    for (uint32_t i = 0; i < piece->count; i++) {
        if (nj_row_unpack(c->check.rows[i], &row, NULL) != NJ_OK) {
            return problem;
        }
    }
    return NULL;
}

static void check_counts(const night *n)
{
    const nj_ledger *ledger = &n->dispatch.ledger;
    uint64_t pieces = 0;
    uint64_t stored = 0;
    for (unsigned i = 0; i < NJ_PIECE_STATE_COUNT; i++) {
        pieces += ledger->counts.states[i];
    }
    for (unsigned i = 0; i < USERS; i++) {
        stored += n->stored[i];
    }
    fuzz_check(pieces == ledger->piece_count, "every piece is in one state");
    fuzz_check(ledger->counts.committed_users == stored, "the ledger and the store agree");
    fuzz_check(stored + ledger->counts.quarantined_users <= USERS, "nobody ends twice");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static night n;
    const world *w = find_world();
    checking check = {.night = &n};
    const nj_dispatch_config config = {.ledger = {.shard_count = SHARDS,
                                                  .shard_first = w->plan.shard_first,
                                                  .spare_count = SPARES,
                                                  .tries_max = 1,
                                                  .losses_max = 2,
                                                  .retry_ms = 10,
                                                  .retry_max_ms = 40,
                                                  .avoid_ms = 20,
                                                  .speculate_min_ms = 30,
                                                  .speculate_percent = 100,
                                                  .failed_shards_max = 2},
                                       .roster = {.worker_max = PEERS - 1,
                                                  .silence_ms = 500,
                                                  .lease_ms = 200,
                                                  .probe_ms = 50,
                                                  .bench_ms = 100,
                                                  .bench_max_ms = 400},
                                       .epoch = 3,
                                       .numeric_class = "exact",
                                       .check = check_result,
                                       .check_context = &check};
    fuzz_parts parts = {data, size};
    fuzz_part part;
    nj_error err;
    static const nj_masks NO_MASKS;
    memset(&n, 0, sizeof n);
    fuzz_check(nj_result_check_init(&check.check, &w->plan, &w->items, &w->map, &NO_MASKS, NULL, 4,
                                    &err) == NJ_OK,
               "the catalogue is valid");
    check.check.reserve = 4;
    fuzz_check(nj_dispatch_init(&n.dispatch, &config, &err) == NJ_OK, "the config is valid");
    while (fuzz_next_part(&parts, &part)) {
        happen(&n, &part);
        perform_all(&n);
        check_counts(&n);
    }
    nj_dispatch_fini(&n.dispatch);
    nj_result_check_fini(&check.check);
    return 0;
}
