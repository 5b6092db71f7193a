// middleman.c - stands between workers and their coordinator, with the keys of both, and misbehaves: a network that doubles, reorders
// and loses messages, or a worker that lies.
//
//   middleman LISTEN CONNECT MODE [SEED]     server.key, worker.key and allowed lie in the current folder
//
//   worker ── DEALER ──► ROUTER [middleman] DEALER ──► ROUTER coordinator        one DEALER a worker
//
// Every message is kept for up to HOLD_MS before it goes on, in both directions. What the modes do is the table below. Modes that
// lie change RESULTs on their way; each lie is printed, and there are at most LIES_MAX of them (mode `flip` lies for ever).
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/codec/row.h"
#include "common/codec/shard.h"
#include "common/wire/socket.h"

#define PEERS_MAX 32
#define HELD_MAX 256
#define HOLD_MS 40
#define LIES_MAX 4
#define TICK_MS 5
#define SHARD_USERS_MAX 1024

typedef struct middleman middleman;
typedef nj_status (*liar)(middleman *m, nj_message_result *result, nj_error *err);

typedef struct {
    const char *name;
    int doubled_percent; // of all messages
    int lost_percent;
    bool reorders;
    unsigned lies_max;
    liar lie;             // NULL: rows pass as they are
    bool tells_truth_too; // the right RESULT first, then the lie
} mode;

// A message on its way; to a worker when `to_worker`.
typedef struct {
    bool to_worker;
    size_t peer;
    uint64_t due_ns;
    nj_buffer bytes; // owned
} held;

struct middleman {
    const mode *mode;
    nj_router *router;
    nj_peer peers[PEERS_MAX];
    nj_dealer *dealers[PEERS_MAX]; // owned
    size_t peer_count;
    held held[HELD_MAX];
    size_t held_count;
    uint64_t random;
    unsigned lies;
    nj_buffer rows;      // of the lie at hand
    nj_buffer last_rows; // of the RESULT before
    uint32_t last_count;
    nj_slice split[SHARD_USERS_MAX]; // scratch: the rows of a RESULT
    nj_row row;                      // scratch
    const char *connect;
    nj_keypair worker_keys;
    nj_server_keys server_keys;
};

static volatile sig_atomic_t stopped;

static void note_signal(int number)
{
    stopped = number;
}

// xorshift64*; good enough to choose messages.
static uint64_t draw(middleman *m, uint64_t below)
{
    m->random ^= m->random >> 12;
    m->random ^= m->random << 25;
    m->random ^= m->random >> 27;
    return ((m->random * 2685821657736338717ull) >> 33) % below;
}

// ---- lies ----

// Rows that do not have their digest.
static nj_status lie_flip(middleman *m, nj_message_result *result, nj_error *err)
{
    (void)err;
    m->rows.bytes[draw(m, m->rows.size)] ^= (uint8_t)(1 + draw(m, 255));
    (void)result;
    return NJ_OK;
}

// Sound rows with a digest of something else.
static nj_status lie_digest(middleman *m, nj_message_result *result, nj_error *err)
{
    (void)err;
    result->digest.bytes[draw(m, NJ_DIGEST_BYTES)] ^= 0x80;
    return NJ_OK;
}

static nj_status lie_epoch(middleman *m, nj_message_result *result, nj_error *err)
{
    (void)err;
    result->epoch += draw(m, 2) == 0 ? 1 : (uint64_t)-1;
    return NJ_OK;
}

static nj_status lie_attempt(middleman *m, nj_message_result *result, nj_error *err)
{
    (void)err;
    result->attempt += 1 + (uint32_t)draw(m, 100);
    return NJ_OK;
}

// The rows of the shard before, with their own digest.
static nj_status lie_shard(middleman *m, nj_message_result *result, nj_error *err)
{
    if (m->last_rows.size == 0 || m->last_count != result->row_count) {
        return NJ_AGAIN;
    }
    nj_buffer_clear(&m->rows);
    if (nj_buffer_append(&m->rows, m->last_rows.bytes, m->last_rows.size) != NJ_OK) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to lie");
    }
    result->digest = nj_digest_of(m->rows.bytes, m->rows.size);
    return NJ_OK;
}

static nj_status split_rows(middleman *m, const nj_message_result *result, nj_error *err)
{
    return result->row_count <= SHARD_USERS_MAX
               ? nj_rows_split(result->rows, result->row_count, m->split, err)
               : nj_fail(err, NJ_INPUT, "%u rows, the limit is %d", result->row_count,
                         SHARD_USERS_MAX);
}

// Puts m->split in the place of the rows.
static nj_status pack_rows(middleman *m, nj_message_result *result, nj_error *err)
{
    nj_buffer packed;
    nj_buffer_init(&packed, NJ_SHARD_BYTES_MAX);
    nj_status status = nj_rows_begin(&packed, result->row_count);
    for (uint32_t i = 0; i < result->row_count && status == NJ_OK; i++) {
        status = nj_rows_add(&packed, m->split[i]);
    }
    if (status == NJ_OK) {
        nj_buffer_clear(&m->rows);
        status = nj_buffer_append(&m->rows, packed.bytes, packed.size);
    }
    nj_buffer_fini(&packed);
    result->digest = nj_digest_of(m->rows.bytes, m->rows.size);
    return status == NJ_OK ? NJ_OK : nj_fail(err, status, "cannot pack the lie");
}

// The right rows, the first and the last exchanged.
static nj_status lie_order(middleman *m, nj_message_result *result, nj_error *err)
{
    nj_status status = split_rows(m, result, err);
    if (status != NJ_OK) {
        return status;
    }
    const nj_slice first = m->split[0];
    m->split[0] = m->split[result->row_count - 1];
    m->split[result->row_count - 1] = first;
    return pack_rows(m, result, err);
}

// A sound row whose best score is another: what a machine that computes wrongly sends.
static nj_status lie_score(middleman *m, nj_message_result *result, nj_error *err)
{
    nj_buffer packed;
    nj_buffer_init(&packed, NJ_ROW_BYTES_MAX);
    nj_status status = split_rows(m, result, err);
    if (status == NJ_OK) {
        status = nj_row_unpack(m->split[0], &m->row, err);
    }
    if (status == NJ_OK) {
        m->row.scores[0] += 0.25f;
        status = nj_row_pack(&packed, m->row.flags, m->row.items, m->row.scores, m->row.count,
                             &m->row.history);
    }
    if (status == NJ_OK) {
        m->split[0] = nj_buffer_slice(&packed);
        status = pack_rows(m, result, err);
    }
    nj_buffer_fini(&packed);
    return status;
}

static const mode MODES[] = {
    {.name = "pass"},
    {.name = "double", .doubled_percent = 100},
    {.name = "reorder", .doubled_percent = 30, .reorders = true},
    {.name = "lose", .doubled_percent = 10, .lost_percent = 5, .reorders = true},
    {.name = "flip", .lies_max = UINT32_MAX, .lie = lie_flip},
    {.name = "digest", .lies_max = LIES_MAX, .lie = lie_digest},
    {.name = "epoch", .lies_max = LIES_MAX, .lie = lie_epoch},
    {.name = "attempt", .lies_max = LIES_MAX, .lie = lie_attempt},
    {.name = "shard", .lies_max = LIES_MAX, .lie = lie_shard},
    {.name = "order", .lies_max = LIES_MAX, .lie = lie_order},
    {.name = "score", .lies_max = 1, .lie = lie_score},
    {.name = "both", .lies_max = 1, .lie = lie_score, .tells_truth_too = true},
};

// Puts another RESULT in the place of `bytes`. NJ_AGAIN: nothing to lie about.
static nj_status lie_about(middleman *m, nj_message *message, nj_buffer *bytes, nj_error *err)
{
    nj_message_result *result = &message->result;
    nj_buffer_clear(&m->rows);
    nj_status status = nj_buffer_append(&m->rows, result->rows.bytes, result->rows.size);
    if (status == NJ_OK) {
        status = m->mode->lie(m, result, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    nj_log(NJ_LOG_INFO, "lie %u: %s about shard %u", ++m->lies, m->mode->name, result->shard);
    nj_buffer packed;
    nj_buffer_init(&packed, NJ_WIRE_MESSAGE_BYTES_MAX);
    result->rows = nj_buffer_slice(&m->rows);
    status = nj_message_pack(message, &packed, err);
    if (status == NJ_OK) {
        nj_buffer_clear(bytes);
        status = nj_buffer_append(bytes, packed.bytes, packed.size);
    }
    nj_buffer_fini(&packed);
    return status;
}

static nj_status look_at_result(middleman *m, nj_buffer *bytes, nj_error *err)
{
    nj_message *message = malloc(sizeof *message);
    nj_status status = message != NULL
                           ? nj_message_unpack(nj_buffer_slice(bytes), NJ_SIDE_WORKER, message, err)
                           : nj_fail(err, NJ_NO_MEMORY, "no memory for a message");
    if (status == NJ_OK && message->kind == NJ_MESSAGE_RESULT) {
        nj_buffer kept;
        const uint32_t count = message->result.row_count;
        nj_buffer_init(&kept, NJ_SHARD_BYTES_MAX);
        status = nj_buffer_append(&kept, message->result.rows.bytes, message->result.rows.size);
        if (status == NJ_OK && m->lies < m->mode->lies_max &&
            (m->mode->lies_max > LIES_MAX || draw(m, 3) == 0)) {
            status = lie_about(m, message, bytes, err);
        }
        nj_buffer_fini(&m->last_rows);
        m->last_rows = kept;
        m->last_count = count;
    }
    free(message);
    return status == NJ_AGAIN ? NJ_OK : status;
}

// ---- carrying ----

static nj_status hold(middleman *m, bool to_worker, size_t peer, nj_slice bytes, nj_error *err)
{
    if (m->held_count == HELD_MAX || (int)draw(m, 100) < m->mode->lost_percent) {
        return NJ_OK; // lost: everything is said again
    }
    held *h = &m->held[m->held_count];
    const uint64_t hold_ms = m->mode->reorders ? draw(m, HOLD_MS) : 0;
    *h = (held){
        .to_worker = to_worker, .peer = peer, .due_ns = nj_clock_mono_ns() + hold_ms * 1000000};
    nj_buffer_init(&h->bytes, NJ_WIRE_MESSAGE_BYTES_MAX);
    if (nj_buffer_append(&h->bytes, bytes.bytes, bytes.size) != NJ_OK) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a message");
    }
    m->held_count++;
    return NJ_OK;
}

static nj_status hold_once_or_twice(middleman *m, bool to_worker, size_t peer, nj_slice bytes,
                                    nj_error *err)
{
    const bool twice = (int)draw(m, 100) < m->mode->doubled_percent;
    nj_status status = hold(m, to_worker, peer, bytes, err);
    return status == NJ_OK && twice ? hold(m, to_worker, peer, bytes, err) : status;
}

static void send_due(middleman *m)
{
    const uint64_t now_ns = nj_clock_mono_ns();
    size_t kept = 0;
    for (size_t i = 0; i < m->held_count; i++) {
        held *h = &m->held[i];
        nj_slice bytes = nj_buffer_slice(&h->bytes);
        if (h->due_ns > now_ns) {
            m->held[kept++] = *h;
            continue;
        }
        nj_status ignored = h->to_worker
                                ? nj_router_send(m->router, &m->peers[h->peer], bytes, NULL)
                                : nj_dealer_send(m->dealers[h->peer], bytes, NULL);
        (void)ignored; // lost
        nj_buffer_fini(&h->bytes);
    }
    m->held_count = kept;
}

static nj_status find_peer(middleman *m, const nj_peer *peer, size_t *out, nj_error *err)
{
    for (size_t i = 0; i < m->peer_count; i++) {
        if (nj_peer_equal(&m->peers[i], peer)) {
            *out = i;
            return NJ_OK;
        }
    }
    if (m->peer_count == PEERS_MAX) {
        return nj_fail(err, NJ_FAILED, "more than %d workers", PEERS_MAX);
    }
    const nj_dealer_config config = {
        .endpoint = m->connect, .keys = &m->worker_keys, .server_keys = &m->server_keys};
    nj_status status = nj_dealer_open(&config, &m->dealers[m->peer_count], err);
    if (status == NJ_OK) {
        m->peers[m->peer_count] = *peer;
        *out = m->peer_count++;
    }
    return status;
}

static nj_status carry_from_worker(middleman *m, size_t peer, nj_slice truth, nj_error *err)
{
    const unsigned lies = m->lies;
    nj_buffer bytes;
    nj_buffer_init(&bytes, NJ_WIRE_MESSAGE_BYTES_MAX);
    nj_status status = nj_buffer_append(&bytes, truth.bytes, truth.size);
    if (status == NJ_OK && m->mode->lie != NULL) {
        status = look_at_result(m, &bytes, err);
    }
    if (status == NJ_OK && m->lies > lies && m->mode->tells_truth_too) {
        status = hold(m, false, peer, truth, err);
    }
    if (status == NJ_OK) {
        status = hold_once_or_twice(m, false, peer, nj_buffer_slice(&bytes), err);
    }
    nj_buffer_fini(&bytes);
    return status;
}

static nj_status carry_from_workers(middleman *m, nj_error *err)
{
    nj_received received;
    nj_status status;
    while ((status = nj_router_receive(m->router, &received, err)) == NJ_OK) {
        size_t peer = 0;
        status = find_peer(m, &received.peer, &peer, err);
        if (status == NJ_OK) {
            status = carry_from_worker(m, peer, received.bytes, err);
        }
        if (status != NJ_OK) {
            return status;
        }
    }
    return status == NJ_AGAIN ? NJ_OK : status;
}

static nj_status carry_from_coordinator(middleman *m, size_t peer, nj_error *err)
{
    nj_slice bytes;
    nj_status status;
    while ((status = nj_dealer_receive(m->dealers[peer], &bytes, err)) == NJ_OK) {
        status = hold_once_or_twice(m, true, peer, bytes, err);
        if (status != NJ_OK) {
            return status;
        }
    }
    return status == NJ_AGAIN ? NJ_OK : status;
}

static nj_status run(middleman *m, nj_error *err)
{
    nj_status status = NJ_OK;
    while (status == NJ_OK && stopped == 0) {
        nj_poller poller = {0};
        nj_poller_add_router(&poller, m->router);
        for (size_t i = 0; i < m->peer_count && i < NJ_POLL_ITEMS_MAX - 1; i++) {
            nj_poller_add_dealer(&poller, m->dealers[i]);
        }
        status = nj_poller_wait(&poller, TICK_MS, err);
        if (status == NJ_OK) {
            status = carry_from_workers(m, err);
        }
        for (size_t i = 0; i < m->peer_count && status == NJ_OK; i++) {
            status = carry_from_coordinator(m, i, err);
        }
        send_due(m);
    }
    return status;
}

// ---- opening ----

static nj_status open_sockets(middleman *m, const char *listen, nj_error *err)
{
    nj_keypair server = {0};
    nj_allowlist allowed = {0};
    nj_status status = nj_keypair_read("server.key", &server, err);
    if (status == NJ_OK) {
        status = nj_keypair_read("worker.key", &m->worker_keys, err);
    }
    if (status == NJ_OK) {
        status = nj_allowlist_read("allowed", &allowed, err);
    }
    if (status == NJ_OK) {
        status = nj_server_keys_read(server.public_key, &m->server_keys, err);
    }
    if (status == NJ_OK) {
        const nj_router_config config = {.endpoint = listen, .keys = &server, .allowed = &allowed};
        status = nj_router_open(&config, &m->router, err);
    }
    nj_allowlist_fini(&allowed);
    return status;
}

int main(int argc, char **argv)
{
    nj_error err = {0};
    middleman *m = calloc(1, sizeof *m);
    nj_log_setup("middleman", NJ_LOG_INFO);
    for (size_t i = 0; m != NULL && argc >= 4 && i < sizeof MODES / sizeof MODES[0]; i++) {
        m->mode = strcmp(MODES[i].name, argv[3]) == 0 ? &MODES[i] : m->mode;
    }
    if (m == NULL || m->mode == NULL) {
        fprintf(stderr,
                "usage: middleman LISTEN CONNECT MODE [SEED]; see middleman.c for the modes\n");
        free(m);
        return 2;
    }
    signal(SIGTERM, note_signal);
    m->connect = argv[2];
    m->random = argc > 4 ? strtoull(argv[4], NULL, 10) * 2 + 1 : 1;
    nj_buffer_init(&m->rows, NJ_SHARD_BYTES_MAX);
    nj_buffer_init(&m->last_rows, NJ_SHARD_BYTES_MAX);
    nj_status status = open_sockets(m, argv[1], &err);
    if (status == NJ_OK) {
        nj_log(NJ_LOG_INFO, "listening on %s", nj_router_endpoint(m->router));
        status = run(m, &err);
    }
    if (status != NJ_OK) {
        nj_log(NJ_LOG_ERROR, "%s", err.text);
    }
    for (size_t i = 0; i < m->peer_count; i++) {
        nj_dealer_close(&m->dealers[i], 0);
    }
    for (size_t i = 0; i < m->held_count; i++) {
        nj_buffer_fini(&m->held[i].bytes);
    }
    nj_router_close(&m->router, 0);
    nj_buffer_fini(&m->rows);
    nj_buffer_fini(&m->last_rows);
    free(m);
    return nj_status_exit_code(status);
}
