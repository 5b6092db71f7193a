// stub_worker.c - a worker without an engine: the real session, codec and sockets; a clock in place of the arithmetic.
//
//   stub_worker --connect tcp://... --insecure | --server-key KEY --key FILE
//               [--workers N]        processes to run; default 1
//               [--compute-ms N]     time of one shard, give or take a quarter; default 100
//               [--items N|FILE]     rows name items "0" .. "N-1", or the lines of FILE; default 1000
//               [--lie WORD]         one thing to do wrong: see LIES
//
// For fleets that are larger than the machine (tests/bench/fleet), and for a coordinator that must not believe what it is told
// (tests/fault). Exit status as nightjar-worker; of several processes the last that is not 0.
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sodium/randombytes.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/cli/cli.h"
#include "common/codec/row.h"
#include "common/codec/settings.h"
#include "common/codec/shard.h"
#include "common/wire/socket.h"
#include "worker/session.h"

#define WORKERS_MAX 4096
#define SLOTS 4
#define TICK_MS 20
#define ITEM_FILE_BYTES_MAX (64u << 20)
#define NS_PER_MS 1000000ull

typedef enum {
    LIE_NONE,
    LIE_VERSION, // speaks another protocol version
    LIE_CLASS,   // cannot compute the night's numeric class
    LIE_DIGEST,  // a digest that the rows have not
    LIE_ITEMS,   // items that are not in the catalogue
    LIE_LAST,    // always the last item of --items, sold or not
    LIE_LONG,    // lists longer than --top
    LIE_SHORT,   // a row too few
    LIE_EPOCH,   // results of another night
    LIE_SHARD,   // results of a shard that nobody gave it
    LIE_TWICE,   // every result twice: no lie, but rude
    LIE_COUNT
} lie;

static const char *const LIES[LIE_COUNT] = {"none", "version", "class", "digest", "items", "last",
                                            "long", "short",   "epoch", "shard",  "twice"};

typedef struct {
    const char *endpoint;
    const nj_keypair *keys;
    const nj_server_keys *server_keys;
    nj_buffer item_block;
    nj_idlist items; // what rows and histories name
    uint64_t compute_ms;
    lie lie;
} stub_options;

typedef struct {
    nj_buffer rows;
    uint32_t user_count;
} stub_slot;

typedef struct {
    const stub_options *options;
    nj_dealer *dealer;
    nj_session *session;
    nj_settings settings;
    const nj_message *message; // at hand
    stub_slot slots[SLOTS];
    uint64_t due_ns; // when the shard at hand is ready; 0: none is
    uint64_t ticket;
    uint32_t slot;
    nj_buffer packed;
    bool finished;
    nj_status end_status;
} stub;

static volatile sig_atomic_t stop_signal;

static void note_signal(int number)
{
    stop_signal = number;
}

static uint64_t now(void)
{
    return nj_clock_mono_ns();
}

// ---- rows ----

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 31) * 0x9e3779b97f4a7c15u;
    return x ^ x >> 29;
}

// A list that depends on the user alone, as a real one does.
static nj_status pack_user(const stub *s, const nj_request *request, nj_buffer *row)
{
    const nj_slice user = request->user;
    static nj_slice items[NJ_ROW_ITEMS_MAX];
    static float scores[NJ_ROW_ITEMS_MAX];
    const stub_options *o = s->options;
    const nj_history_digest history = nj_request_digest(&o->items, request, NULL);
    uint64_t seed = user.size;
    size_t count = s->settings.top + (o->lie == LIE_LONG);
    for (size_t i = 0; i < user.size; i++) {
        seed = mix(seed ^ (unsigned char)user.bytes[i]);
    }
    count = count < o->items.count ? count : o->items.count;
    for (size_t i = 0; i < count; i++) {
        items[i] = nj_idlist_at(&o->items, (seed + i) % o->items.count);
        scores[i] = -(float)i;
    }
    if (o->lie == LIE_ITEMS) {
        items[0] = nj_slice_from("sold by nobody");
    } else if (o->lie == LIE_LAST) {
        items[0] = nj_idlist_at(&o->items, o->items.count - 1);
    }
    return nj_row_pack(row, 0, items, scores, count, &history);
}

static nj_status make_rows(stub *s, const nj_message_lease *lease, stub_slot *slot, nj_error *err)
{
    nj_users users;
    nj_buffer row;
    nj_status status = nj_users_unpack(lease->users, UINT32_MAX, 1, &users, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_buffer_init(&row, NJ_ROW_BYTES_MAX);
    nj_buffer_clear(&slot->rows);
    slot->user_count = (uint32_t)users.count - (s->options->lie == LIE_SHORT);
    status = nj_rows_begin(&slot->rows, slot->user_count);
    for (size_t i = 0; i < slot->user_count && status == NJ_OK; i++) {
        nj_buffer_clear(&row);
        status = pack_user(s, &users.requests[i], &row);
        if (status == NJ_OK) {
            status = nj_rows_add(&slot->rows, nj_buffer_slice(&row));
        }
    }
    nj_buffer_fini(&row);
    nj_users_fini(&users);
    return status;
}

// ---- effects ----

static void send_message(stub *s, nj_message *message)
{
    nj_error err = {0};
    const lie what = s->options->lie;
    if (message->kind == NJ_MESSAGE_RESULT) {
        message->result.digest.bytes[0] ^= what == LIE_DIGEST;
        message->result.epoch += what == LIE_EPOCH;
        message->result.shard = what == LIE_SHARD ? NJ_WIRE_SHARD_MAX : message->result.shard;
    }
    nj_buffer_clear(&s->packed);
    nj_status status = nj_message_pack(message, &s->packed, &err);
    if (what == LIE_VERSION && status == NJ_OK) {
        s->packed.bytes[1]++; // behind the head of an array of at most 15
    }
    for (int i = 0; i <= (what == LIE_TWICE) && status == NJ_OK; i++) {
        status = nj_dealer_send(s->dealer, nj_buffer_slice(&s->packed), &err);
    }
    if (status != NJ_OK) {
        nj_log(NJ_LOG_DEBUG, "%s", err.text); // the session says again what matters
    }
}

static void begin(stub *s, const nj_session_effect *effect)
{
    const uint64_t ms = s->options->compute_ms;
    uint64_t jitter = mix(s->session->slots[effect->slot].shard) % (ms / 2 + 1);
    s->due_ns = now() + (ms - ms / 4 + jitter) * NS_PER_MS;
    s->ticket = effect->ticket;
    s->slot = effect->slot;
}

static void keep(stub *s, const nj_session_effect *effect)
{
    nj_error err = {0};
    if (make_rows(s, &s->message->lease, &s->slots[effect->slot], &err) != NJ_OK) {
        nj_session_stop(s->session, NJ_PROTOCOL, err.text, now());
    }
}

static void perform(stub *s, nj_session_effect *effect)
{
    nj_error err = {0};
    switch (effect->kind) {
    case NJ_SESSION_SEND_RESULT:
        effect->message.result.rows = nj_buffer_slice(&s->slots[effect->slot].rows);
        send_message(s, &effect->message);
        break;
    case NJ_SESSION_SEND:
        send_message(s, &effect->message);
        break;
    case NJ_SESSION_DROP_LINE:
        if (nj_dealer_reconnect(s->dealer, &err) != NJ_OK) {
            nj_session_stop(s->session, NJ_IO, err.text, now());
        }
        break;
    case NJ_SESSION_LOOK:
        if (nj_settings_unpack(s->message->welcome.settings, &s->settings, &err) != NJ_OK) {
            nj_session_stop(s->session, NJ_PROTOCOL, err.text, now());
        } else {
            nj_session_inspected(s->session, 0, now()); // no engine, so nothing is lacking
        }
        break;
    case NJ_SESSION_SET_UP:
        nj_session_prepared(s->session, effect->ticket, NJ_OK, "", now());
        break;
    case NJ_SESSION_KEEP_LEASE:
        keep(s, effect);
        break;
    case NJ_SESSION_COMPUTE:
        begin(s, effect);
        break;
    case NJ_SESSION_DROP:
        s->due_ns = s->slot == effect->slot ? 0 : s->due_ns;
        break;
    case NJ_SESSION_FINISH:
        s->finished = true;
        s->end_status = effect->status;
        nj_log(NJ_LOG_INFO, "ends: %.*s", NJ_SLICE_ARGS(effect->text));
        break;
    case NJ_SESSION_STORE:
    case NJ_SESSION_VERIFY:
        break; // it fetches nothing
    }
}

static void perform_all(stub *s)
{
    static nj_session_effect effect;
    while (!s->finished && nj_session_next(s->session, &effect)) {
        perform(s, &effect);
    }
}

// ---- one worker ----

static nj_status receive_all(stub *s, nj_error *err)
{
    static nj_message message;
    nj_slice bytes;
    nj_status status = NJ_OK;
    while (!s->finished && (status = nj_dealer_receive(s->dealer, &bytes, err)) == NJ_OK) {
        nj_error why = {0};
        if (nj_message_unpack(bytes, NJ_SIDE_COORDINATOR, &message, &why) == NJ_OK) {
            s->message = &message;
            nj_session_message(s->session, &message, now());
        } else {
            nj_session_broken(s->session, &why, now());
        }
        perform_all(s);
    }
    return status == NJ_AGAIN ? NJ_OK : status;
}

static void finish_shard(stub *s)
{
    if (s->due_ns == 0 || now() < s->due_ns) {
        nj_session_progress(s->session, s->due_ns != 0);
        return;
    }
    const stub_slot *slot = &s->slots[s->slot];
    const nj_digest digest = nj_digest_of(slot->rows.bytes, slot->rows.size);
    s->due_ns = 0;
    nj_session_computed(s->session, s->ticket, &digest, slot->user_count, now());
    perform_all(s);
}

static int until_due_ms(const stub *s)
{
    const uint64_t now_ns = now();
    const uint64_t left_ms = s->due_ns > now_ns ? (s->due_ns - now_ns) / NS_PER_MS + 1 : 0;
    return s->due_ns == 0 || left_ms > TICK_MS * 5 ? TICK_MS * 5 : (int)left_ms;
}

static nj_status open_stub(stub *s, nj_error *err)
{
    static char name[64];
    static const char *const CLASSES[] = {"exact", "other"};
    const stub_options *o = s->options;
    snprintf(name, sizeof name, "stub/%ld", (long)getpid());
    nj_session_config config = {.name = name,
                                .version = NIGHTJAR_VERSION,
                                .classes = CLASSES + (o->lie == LIE_CLASS),
                                .class_count = 1,
                                .cores = 1,
                                .memory_bytes = 1,
                                .lease_slots = SLOTS,
                                .chunk_bytes = NJ_WIRE_CHUNK_BYTES_MAX,
                                .coordinator_timeout_ms = 10000,
                                .hello_pause_ms = 500,
                                .resend_ms = 5000,
                                .give_up_ms = 60000,
                                .drain_ms = 60000};
    const nj_dealer_config dealer = {.endpoint = o->endpoint,
                                     .keys = o->keys,
                                     .server_keys = o->server_keys,
                                     .insecure = o->keys == NULL};
    randombytes_buf(config.instance.bytes, sizeof config.instance.bytes);
    for (size_t i = 0; i < SLOTS; i++) {
        nj_buffer_init(&s->slots[i].rows, NJ_SHARD_BYTES_MAX);
    }
    nj_buffer_init(&s->packed, NJ_WIRE_MESSAGE_BYTES_MAX);
    s->session = malloc(sizeof *s->session);
    nj_status status = s->session != NULL ? nj_session_init(s->session, &config, now(), err)
                                          : nj_fail(err, NJ_NO_MEMORY, "no memory for a session");
    return status == NJ_OK ? nj_dealer_open(&dealer, &s->dealer, err) : status;
}

static nj_status work(const stub_options *options, nj_error *err)
{
    static stub s;
    nj_poller poller = {0};
    s.options = options;
    nj_status status = open_stub(&s, err);
    if (status == NJ_OK) {
        nj_poller_add_dealer(&poller, s.dealer);
    }
    while (status == NJ_OK && !s.finished) {
        if (stop_signal != 0) {
            nj_session_drain(s.session, NJ_TERMINATED, "asked to end", now());
        }
        finish_shard(&s);
        nj_session_tick(s.session, now());
        perform_all(&s);
        if (!s.finished) {
            status = nj_poller_wait(&poller, until_due_ms(&s), err);
        }
        if (status == NJ_OK) {
            status = receive_all(&s, err);
        }
    }
    nj_dealer_close(&s.dealer, 1000);
    for (size_t i = 0; i < SLOTS; i++) {
        nj_buffer_fini(&s.slots[i].rows);
    }
    nj_buffer_fini(&s.packed);
    free(s.session);
    return status != NJ_OK || s.end_status == NJ_OK
               ? status
               : nj_fail(err, s.end_status, "%s: the session has ended", options->endpoint);
}

// ---- the program ----

static const nj_option OPTIONS[] = {
    {"connect", "ENDPOINT", NULL, "the coordinator", true},
    {"server-key", "KEY", NULL, "its public key", false},
    {"key", "FILE", NULL, "the worker's secret key", false},
    {"insecure", NULL, NULL, "no keys", false},
    {"workers", "N", "1", "processes", false},
    {"compute-ms", "N", "100", "time of a shard", false},
    {"items", "N|FILE", "1000", "what the rows name", false},
    {"lie", "WORD", "none", "what to do wrong", false},
};

static nj_status add_numbers(uint64_t count, nj_idlist_builder *builder)
{
    nj_status status = NJ_OK;
    for (uint64_t i = 0; i < count && status == NJ_OK; i++) {
        char digits[NJ_ID_DIGITS_MAX];
        status = nj_idlist_builder_add(builder, (nj_slice){digits, nj_id_of_number(i, digits)});
    }
    return status;
}

static nj_status add_lines(const char *path, nj_idlist_builder *builder, nj_error *err)
{
    char *bytes = NULL;
    size_t size = 0;
    nj_status status = nj_file_read(path, ITEM_FILE_BYTES_MAX, &bytes, &size, err);
    if (status != NJ_OK) {
        return status;
    }
    for (char *line = strtok(bytes, "\n"); line != NULL && status == NJ_OK;
         line = strtok(NULL, "\n")) {
        status = nj_idlist_builder_add(builder, nj_slice_from(line));
    }
    free(bytes);
    return status;
}

static nj_status read_items(const char *text, stub_options *out, nj_error *err)
{
    char *end = NULL;
    const uint64_t count = strtoull(text, &end, 10);
    nj_idlist_builder builder;
    nj_idlist_builder_init(&builder);
    nj_status status =
        *end == '\0' && count > 0 ? add_numbers(count, &builder) : add_lines(text, &builder, err);
    if (status == NJ_OK) {
        status = nj_idlist_builder_write(&builder, &out->item_block);
    }
    nj_idlist_builder_fini(&builder);
    if (status == NJ_OK) {
        status =
            nj_idlist_open(out->item_block.bytes, out->item_block.size, text, &out->items, err);
    }
    return status == NJ_OK && out->items.count == 0 ? nj_fail(err, NJ_INPUT, "%s: no items", text)
                                                    : status;
}

static nj_status read_lie(const char *word, lie *out, nj_error *err)
{
    for (int i = 0; i < LIE_COUNT; i++) {
        if (strcmp(word, LIES[i]) == 0) {
            *out = (lie)i;
            return NJ_OK;
        }
    }
    return nj_fail(err, NJ_USAGE, "--lie %s: no such lie", word);
}

// Returns in each child; the parent waits for them and ends.
static nj_status fork_workers(uint64_t count, nj_error *err)
{
    for (uint64_t i = 0; i < count; i++) {
        pid_t pid = fork();
        if (pid < 0) {
            return nj_fail(err, NJ_FAILED, "cannot start worker %" PRIu64, i + 1);
        }
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            return NJ_OK;
        }
    }
    int code = 0;
    int state = 0;
    while (wait(&state) > 0) {
        int one = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
        code = one != 0 ? one : code;
    }
    _exit(code);
}

static nj_status run(const nj_arguments *arguments, nj_error *err)
{
    nj_keypair keys = {0};
    nj_server_keys server_keys = {.count = 0};
    uint64_t workers = 0;
    const bool insecure = nj_argument_flag(arguments, "insecure");
    const char *key = nj_argument(arguments, "key");
    const char *server = nj_argument(arguments, "server-key");
    stub_options options = {.endpoint = nj_argument(arguments, "connect"),
                            .keys = insecure ? NULL : &keys,
                            .server_keys = insecure ? NULL : &server_keys};
    nj_buffer_init(&options.item_block, SIZE_MAX);
    nj_status status = nj_argument_uint(arguments, "workers", 1, WORKERS_MAX, &workers, err);
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "compute-ms", 0, 3600000, &options.compute_ms, err);
    }
    if (status == NJ_OK) {
        status = read_lie(nj_argument(arguments, "lie"), &options.lie, err);
    }
    if (status == NJ_OK) {
        status = read_items(nj_argument(arguments, "items"), &options, err);
    }
    if (status == NJ_OK && !insecure) {
        status = key == NULL || server == NULL
                     ? nj_fail(err, NJ_USAGE, "--key and --server-key, or --insecure")
                     : nj_keypair_read(key, &keys, err);
    }
    if (status == NJ_OK && !insecure) {
        status = nj_server_keys_read(server, &server_keys, err);
    }
    if (status == NJ_OK && workers > 1) {
        status = fork_workers(workers, err);
    }
    struct sigaction action = {.sa_handler = note_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    if (status == NJ_OK) {
        status = work(&options, err);
    }
    nj_buffer_fini(&options.item_block);
    return status;
}

int main(int argc, char **argv)
{
    static const nj_command COMMAND = {"",      "A worker without an engine.",      NULL,
                                       OPTIONS, sizeof OPTIONS / sizeof OPTIONS[0], run};
    static const nj_program PROGRAM = {
        .name = "stub_worker", .summary = "stub_worker", .commands = &COMMAND, .command_count = 1};
    nj_log_setup("stub_worker", NJ_LOG_INFO);
    return nj_cli_main(&PROGRAM, argc, argv);
}
