#include "coordinator/outbox.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static nj_dispatch_effect *add_effect(nj_dispatch *dispatch, nj_dispatch_effect_kind kind)
{
    assert(dispatch->queue_count < NJ_DISPATCH_QUEUE_MAX);
    size_t place = (dispatch->queue_first + dispatch->queue_count++) % NJ_DISPATCH_QUEUE_MAX;
    nj_dispatch_effect *effect = &dispatch->queue[place];
    memset(effect, 0, offsetof(nj_dispatch_effect, message));
    effect->kind = kind;
    return effect;
}

bool nj_outbox_take(nj_dispatch *dispatch, nj_dispatch_effect *out)
{
    if (dispatch->queue_count == 0) {
        return false;
    }
    *out = dispatch->queue[dispatch->queue_first];
    dispatch->queue_first = (dispatch->queue_first + 1) % NJ_DISPATCH_QUEUE_MAX;
    dispatch->queue_count--;
    return true;
}

nj_dispatch_effect *nj_outbox_report(nj_dispatch *dispatch, nj_dispatch_effect_kind kind,
                                     nj_worker_id worker, uint32_t index, uint32_t attempt)
{
    nj_dispatch_effect *effect = add_effect(dispatch, kind);
    effect->worker = worker;
    effect->lease = (nj_wire_lease){index, attempt};
    return effect;
}

nj_dispatch_effect *nj_outbox_send(nj_dispatch *dispatch, nj_dispatch_effect_kind kind,
                                   nj_worker_id worker)
{
    const nj_worker *found = nj_roster_find(&dispatch->roster, worker);
    if (found == NULL) {
        return NULL;
    }
    nj_dispatch_effect *effect = add_effect(dispatch, kind);
    effect->peer = found->peer;
    effect->worker = worker;
    return effect;
}

void nj_outbox_send_ack(nj_dispatch *dispatch, nj_worker_id worker, uint32_t index,
                        uint32_t attempt, nj_verdict verdict)
{
    nj_dispatch_effect *effect = nj_outbox_send(dispatch, NJ_DISPATCH_SEND, worker);
    if (effect != NULL) {
        effect->message.kind = NJ_MESSAGE_ACK;
        effect->message.ack = (nj_message_ack){index, attempt, verdict};
    }
}

void nj_outbox_send_pong(nj_dispatch *dispatch, nj_worker_id worker)
{
    nj_dispatch_effect *effect = nj_outbox_send(dispatch, NJ_DISPATCH_SEND, worker);
    if (effect != NULL) {
        effect->message.kind = NJ_MESSAGE_PONG;
        effect->message.pong = (nj_message_pong){dispatch->config.epoch};
    }
}

void nj_outbox_send_refused(nj_dispatch *dispatch, const nj_peer *peer, nj_status status)
{
    nj_dispatch_effect *effect = add_effect(dispatch, NJ_DISPATCH_SEND);
    effect->peer = *peer;
    effect->message.kind = NJ_MESSAGE_REFUSED;
    effect->message.refused = (nj_message_refused){(uint32_t)status, nj_slice_from(dispatch->text)};
}

void nj_outbox_refuse_class(nj_dispatch *dispatch, const nj_peer *peer,
                            const nj_message_hello *hello)
{
    char *text = dispatch->text;
    size_t room = sizeof dispatch->text;
    size_t used =
        (size_t)snprintf(text, room, "the plan's numeric class is \"%s\", the worker runs",
                         dispatch->config.numeric_class);
    for (uint32_t i = 0; i < hello->classes_count && used < room; i++) {
        used += (size_t)snprintf(text + used, room - used, " \"%.*s\"",
                                 NJ_SLICE_ARGS(hello->classes[i]));
    }
    if (hello->classes_count == 0) {
        snprintf(text + used, room - used, " none");
    }
    nj_outbox_send_refused(dispatch, peer, NJ_CONFIG);
}

void nj_outbox_refuse_broken(nj_dispatch *dispatch, const nj_peer *peer, const nj_error *why)
{
    // ASCII is always UTF-8, also when it was cut.
    size_t size = strnlen(why->text, sizeof dispatch->text - 1);
    for (size_t i = 0; i < size; i++) {
        dispatch->text[i] = why->text[i] >= ' ' && why->text[i] < 127 ? why->text[i] : '?';
    }
    dispatch->text[size] = '\0';
    nj_outbox_send_refused(dispatch, peer, NJ_PROTOCOL);
}
