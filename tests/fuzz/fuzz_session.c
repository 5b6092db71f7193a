// fuzz_session.c - a worker's session against a coordinator that may say anything, and a daemon that reports late, twice or
// not at all.
//
// Parts: kind 0 is a frame from the coordinator; the others are reports of the daemon (report_kind). Every effect is
// checked against what the session has asked for so far.
#include "tests/fuzz/fuzz.h"
#include "worker/session.h"

#define MS 1000000u
#define SLOTS 3
#define EFFECTS_MAX 1000 // of one report

typedef enum {
    MESSAGE,
    TICK,
    INSPECTED,
    VERIFIED,
    PREPARED,
    COMPUTED,
    FAILED,
    PROGRESS,
    DRAIN,
    STOP,
    KIND_COUNT
} report_kind;

// What the daemon knows: the questions that are open, and the slots it keeps users in.
typedef struct {
    nj_session session;
    uint64_t now_ns;
    bool look;   // LOOK is not answered
    bool verify; // VERIFY is not answered
    uint32_t section;
    uint64_t set_up_ticket;
    uint64_t compute_ticket;
    bool kept[SLOTS];
    bool finished;
} daemon;

static void check_message(const nj_message *message)
{
    static nj_message again;
    nj_buffer packed;
    nj_error err;
    nj_buffer_init(&packed, NJ_WIRE_MESSAGE_BYTES_MAX);
    fuzz_check(nj_message_pack(message, &packed, &err) == NJ_OK, "what is sent can be packed");
    fuzz_check(nj_message_unpack(nj_buffer_slice(&packed), NJ_SIDE_WORKER, &again, &err) == NJ_OK,
               "what is sent is accepted by a coordinator");
    nj_buffer_fini(&packed);
}

static void perform(daemon *d, const nj_session_effect *effect)
{
    const nj_session *session = &d->session;
    fuzz_check(!d->finished, "nothing follows FINISH");
    switch (effect->kind) {
    case NJ_SESSION_SEND:
    case NJ_SESSION_SEND_RESULT:
        check_message(&effect->message);
        break;
    case NJ_SESSION_LOOK:
        d->look = true;
        break;
    case NJ_SESSION_STORE:
        fuzz_check(effect->section < session->section_count, "a known section is stored");
        fuzz_check(effect->offset <= session->sections[effect->section].size &&
                       effect->bytes.size <=
                           session->sections[effect->section].size - effect->offset,
                   "a piece lies inside its section");
        break;
    case NJ_SESSION_VERIFY:
        d->verify = true;
        d->section = effect->section;
        break;
    case NJ_SESSION_SET_UP:
        d->set_up_ticket = effect->ticket;
        break;
    case NJ_SESSION_KEEP_LEASE:
        fuzz_check(effect->slot < SLOTS && !d->kept[effect->slot], "a lease goes to a free slot");
        d->kept[effect->slot] = true;
        break;
    case NJ_SESSION_COMPUTE:
        fuzz_check(effect->slot < SLOTS && d->kept[effect->slot], "a kept lease is computed");
        d->compute_ticket = effect->ticket;
        break;
    case NJ_SESSION_DROP:
        fuzz_check(effect->slot < SLOTS && d->kept[effect->slot], "a kept lease is dropped");
        d->kept[effect->slot] = false;
        break;
    case NJ_SESSION_FINISH:
        fuzz_check(effect->text.size <= NJ_WIRE_TEXT_BYTES_MAX, "the last words are short");
        d->finished = true;
        break;
    case NJ_SESSION_DROP_LINE:
        break;
    }
}

static void perform_all(daemon *d)
{
    nj_session_effect effect;
    unsigned count = 0;
    while (nj_session_next(&d->session, &effect)) {
        fuzz_check(++count < EFFECTS_MAX, "a report has a bounded number of effects");
        perform(d, &effect);
    }
}

static void receive(daemon *d, const fuzz_part *part)
{
    static nj_message message;
    nj_error err;
    nj_slice bytes = {(const char *)part->bytes, part->size};
    if (nj_message_unpack(bytes, NJ_SIDE_COORDINATOR, &message, &err) == NJ_OK) {
        nj_session_message(&d->session, &message, d->now_ns);
    } else {
        nj_session_broken(&d->session, &err, d->now_ns);
    }
}

// Questions are answered once, as a daemon does; tickets may be old.
static void report(daemon *d, const fuzz_part *part)
{
    static const nj_digest DIGEST = {{1}};
    const uint64_t number = fuzz_part_number(part);
    nj_session *session = &d->session;
    switch (part->kind % KIND_COUNT) {
    case MESSAGE:
        receive(d, part);
        break;
    case TICK:
        d->now_ns += (number & 0xffffffu) * MS;
        nj_session_tick(session, d->now_ns);
        break;
    case INSPECTED:
        if (d->look) {
            d->look = false;
            nj_session_inspected(session, number, d->now_ns);
        }
        break;
    case VERIFIED:
        if (d->verify) {
            d->verify = false;
            nj_session_verified(session, d->section, (number & 1) == 0, d->now_ns);
        }
        break;
    case PREPARED:
        nj_session_prepared(session, d->set_up_ticket, number == 0 ? NJ_OK : NJ_INPUT, "text",
                            d->now_ns);
        break;
    case COMPUTED:
        nj_session_computed(session, d->compute_ticket, &DIGEST, (uint32_t)number, d->now_ns);
        break;
    case FAILED:
        nj_session_failed(session, d->compute_ticket, (nj_status)(number & 15), "text", d->now_ns);
        break;
    case PROGRESS:
        nj_session_progress(session, (uint32_t)number);
        break;
    case DRAIN:
        nj_session_drain(session, NJ_OK, "text", d->now_ns);
        break;
    case STOP:
        nj_session_stop(session, NJ_OK, "text", d->now_ns);
        break;
    default:
        break;
    }
}

static void begin(daemon *d)
{
    static const char *const CLASSES[] = {"exact"};
    static const nj_session_config CONFIG = {.name = "worker",
                                             .version = "1",
                                             .instance = {{7}},
                                             .classes = CLASSES,
                                             .class_count = 1,
                                             .cores = 1,
                                             .memory_bytes = 1,
                                             .lease_slots = SLOTS,
                                             .chunk_bytes = 16,
                                             .coordinator_timeout_ms = 1000,
                                             .hello_pause_ms = 100,
                                             .resend_ms = 200,
                                             .give_up_ms = 100000,
                                             .drain_ms = 5000};
    nj_error err;
    memset(d, 0, sizeof *d);
    fuzz_check(nj_session_init(&d->session, &CONFIG, 0, &err) == NJ_OK, "the config is valid");
    nj_session_tick(&d->session, 0);
    perform_all(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static daemon d;
    fuzz_parts parts = {data, size};
    fuzz_part part;
    begin(&d);
    while (!d.finished && fuzz_next_part(&parts, &part)) {
        report(&d, &part);
        perform_all(&d);
    }
    return 0;
}
