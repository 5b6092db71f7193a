// test_session_table.c - visits every (state, event) pair of session.def.
#include "worker/session.c"

#include <stdlib.h>

#include "tests/support/nj_test.h"

typedef struct {
    nj_session_state state;
    nj_session_event event;
    nj_session_state next;
    unsigned effect;
    const char *name;
} row;

static const row ROWS[] = {
#define NJ_SESSION_RULE(state, event, next, effect)                                                \
    {NJ_SESSION_##state, NJ_SESSION_EVENT_##event, NJ_SESSION_##next, EFFECT_##effect,             \
     #state " x " #event},
#include "schemas/session.def"
};

static nj_session *make_session(nj_session_state state)
{
    static const char *const CLASSES[] = {"exact"};
    nj_error err = {0};
    nj_session *session = malloc(sizeof *session);
    nj_session_config config = {.name = "w",
                                .version = "1",
                                .classes = CLASSES,
                                .class_count = 1,
                                .lease_slots = 2,
                                .chunk_bytes = 4};
    assert_ok(nj_session_init(session, &config, 0, &err), &err);
    session->state = (uint8_t)state;
    session->section_count = 1;
    session->sections[0].size = 10;
    session->lacking = 1;
    session->slots[0] =
        (nj_session_slot){.state = NJ_SLOT_FINISHED, .shard = 3, .attempt = 1, .ticket = 1};
    return session;
}

// What the event brings, whatever the state.
static void fill_message(nj_message *message, nj_session_event event)
{
    memset(message, 0, sizeof *message);
    if (event == NJ_SESSION_EVENT_LEASE) {
        message->lease.shard = 8;
        message->lease.attempt = 1;
    }
    if (event == NJ_SESSION_EVENT_CHUNK) {
        message->chunk.bytes = nj_slice_from("four");
    }
}

// What the daemon is asked for first, by effect.
static const int FIRST_EFFECT[] = {
    [EFFECT_NONE] = -1,
    [EFFECT_REFUSE] = -1,
    [EFFECT_SAY_HELLO] = NJ_SESSION_SEND,
    [EFFECT_INSPECT] = NJ_SESSION_DROP,
    [EFFECT_FETCH] = NJ_SESSION_SEND,
    [EFFECT_KEEP_CHUNK] = NJ_SESSION_STORE,
    [EFFECT_PREPARE] = NJ_SESSION_SET_UP,
    [EFFECT_SAY_READY] = NJ_SESSION_SEND,
    [EFFECT_RESUME] = NJ_SESSION_SEND,
    [EFFECT_TAKE_LEASE] = NJ_SESSION_KEEP_LEASE,
    [EFFECT_GIVE_LEASE_BACK] = NJ_SESSION_SEND,
    [EFFECT_DELIVER] = NJ_SESSION_SEND_RESULT,
    [EFFECT_BEGIN_DRAIN] = NJ_SESSION_SEND,
    [EFFECT_PAUSE] = -1,
    [EFFECT_RECONNECT] = NJ_SESSION_DROP_LINE,
    [EFFECT_LEAVE] = NJ_SESSION_DROP,
    [EFFECT_GIVE_UP] = NJ_SESSION_DROP,
};

static void every_pair_does_what_its_row_says(void **state)
{
    (void)state;
    static nj_message message;
    static nj_session_effect effect;
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        const row *expected = &ROWS[i];
        nj_session *session = make_session(expected->state);
        fill_message(&message, expected->event);
        input with = {.message = &message, .slot = &session->slots[0]};
        nj_status status = step(session, expected->event, &with, 5);
        bool refused = expected->effect == EFFECT_REFUSE;
        if ((status == NJ_REFUSED) != refused || session->state != expected->next) {
            fail_msg("%s: %s, %s", expected->name, nj_status_name(status),
                     nj_session_state_name(session->state));
        }
        bool drew = nj_session_next(session, &effect);
        int first = FIRST_EFFECT[expected->effect];
        if (drew != (first >= 0) || (drew && (int)effect.kind != first)) {
            fail_msg("%s: another first effect than its row says", expected->name);
        }
        free(session);
    }
}

static void done_is_left_by_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        if (ROWS[i].state == NJ_SESSION_DONE) {
            assert_int_equal(ROWS[i].next, NJ_SESSION_DONE);
            assert_true(ROWS[i].effect == EFFECT_NONE || ROWS[i].effect == EFFECT_REFUSE);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_does_what_its_row_says),
        cmocka_unit_test(done_is_left_by_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
