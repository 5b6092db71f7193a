// outbox.h - the effects of a dispatch that wait to be drawn, and the small messages it sends itself. For dispatch.c only.
#ifndef NJ_COORDINATOR_OUTBOX_H
#define NJ_COORDINATOR_OUTBOX_H

#include "coordinator/dispatch.h"

/// The oldest effect; false: none.
bool nj_outbox_take(nj_dispatch *dispatch, nj_dispatch_effect *out);

// The effects below are borrowed until the next is added; the caller sets what else they need.

/// Something for the operator or the store.
nj_dispatch_effect *nj_outbox_report(nj_dispatch *dispatch, nj_dispatch_effect_kind kind,
                                     nj_worker_id worker, uint32_t index, uint32_t attempt);

/// A send to a worker of the roster; NULL when it is gone, and nothing needs to be sent.
nj_dispatch_effect *nj_outbox_send(nj_dispatch *dispatch, nj_dispatch_effect_kind kind,
                                   nj_worker_id worker);

void nj_outbox_send_ack(nj_dispatch *dispatch, nj_worker_id worker, uint32_t index,
                        uint32_t attempt, nj_verdict verdict);
void nj_outbox_send_pong(nj_dispatch *dispatch, nj_worker_id worker);

/// A REFUSED with the text that is in the dispatch: one an event.
void nj_outbox_send_refused(nj_dispatch *dispatch, const nj_peer *peer, nj_status status);
/// The worker runs none of the plan's numeric class; names both.
void nj_outbox_refuse_class(nj_dispatch *dispatch, const nj_peer *peer,
                            const nj_message_hello *hello);
/// The peer sent bytes that could not be read.
void nj_outbox_refuse_broken(nj_dispatch *dispatch, const nj_peer *peer, const nj_error *why);

#endif
