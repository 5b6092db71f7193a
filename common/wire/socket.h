// socket.h - the coordinator's ROUTER, the worker's DEALER, and waiting for both.
//
//   nj_dealer ---- CURVE ----> nj_router <---- CURVE ---- nj_dealer
//                                  |
//                              key check (zap.h): a thread, an allow-list that can be replaced at any time
//
// The only place that sees zmq.h. A socket belongs to one thread. Every queue is finite, every send returns at once, a
// frame longer than the limit ends its connection, and a message of more than one frame is dropped: DESIGN.md section 9 says
// what libzmq does otherwise.
//
// Hosts that vanish are found by the kernel (TCP keepalive). ZeroMQ's own heartbeats stay off: with them, libzmq 4.3.4 aborts the
// process when a peer dies whose queue is full (zeromq/libzmq issue 4364, open).
//
// `insecure` is never a fallback: it must be set, and keys must then be absent.
#ifndef NJ_WIRE_SOCKET_H
#define NJ_WIRE_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/slice.h"
#include "common/wire/guard.h"
#include "common/wire/keys.h"
#include "common/wire/message.h"
#include "common/wire/peer.h"
#include "common/wire/server_keys.h"

#define NJ_ENDPOINT_BYTES 256
// Messages waiting for one peer, each way. libzmq may count half of them although they are gone: the other half is an ACK and a LEASE
// for each of NJ_WIRE_LEASES_MAX results that come at once.
#define NJ_SOCKET_QUEUE_MAX 32
#define NJ_SOCKET_FRAMES_MAX 1024   // frames one receive call looks at before it returns NJ_AGAIN
#define NJ_SOCKET_HANDSHAKE_MS 5000 // a peer that has not proved its key by then is cut off
#define NJ_SOCKET_IDLE_S 4          // after which the kernel asks whether the other host is there
#define NJ_SOCKET_PROBE_S 2         // between its questions
#define NJ_SOCKET_PROBES 2          // unanswered ones that end the connection
#define NJ_SOCKET_SILENCE_MS 8000 // without an acknowledgement of what was sent the connection ends
#define NJ_SOCKET_BACKLOG                                                                          \
    1024 // connections that wait to be accepted: a whole fleet may come back at once
#define NJ_SOCKET_RECONNECT_MS 200      // first pause of a dealer that lost its connection
#define NJ_SOCKET_RECONNECT_MS_MAX 5000 // longest pause

// ---- router ----

typedef struct nj_router nj_router;

typedef struct {
    const char *endpoint;        // "tcp://10.0.0.5:7000"; "tcp://127.0.0.1:*" draws a free port
    const nj_keypair *keys;      // the coordinator's pair; NULL with insecure
    const nj_allowlist *allowed; // who may connect, copied; NULL with insecure
    bool insecure;               // no encryption, no keys, everybody may connect
    size_t message_bytes_max;    // 0: NJ_WIRE_MESSAGE_BYTES_MAX
} nj_router_config;

// Messages that never reach the caller.
typedef struct {
    uint64_t stranger_count;  // no User-Id, or a key that is not in the list any more
    uint64_t multipart_count; // more than one frame
    uint64_t route_count;     // a routing id longer than NJ_ROUTE_BYTES_MAX, or no frame behind it
} nj_router_drops;

typedef struct {
    nj_peer peer;
    nj_slice bytes;   // borrowed until the next receive on this socket, or its close
    char address[64]; // for the log; "" when unknown
} nj_received;

/// Binds, starts the guard of connections and raises the process's limit of descriptors (guard.h). NJ_CONFIG: keys missing, or given together with insecure. NJ_AGAIN: the address is in use. NJ_IO.
/// Proof   tests/unit/wire/test_socket.c
NJ_CHECKED nj_status nj_router_open(const nj_router_config *config, nj_router **out, nj_error *err);
/// Waits at most linger_ms for queued messages to leave. Accepts NULL.
void nj_router_close(nj_router **router, int linger_ms);
/// The endpoint with its real port; borrowed until close.
const char *nj_router_endpoint(const nj_router *router);
/// Replaces the allow-list (copied) for new connections and for the next message of every open one. Not for an insecure
/// router (asserted).
NJ_CHECKED nj_status nj_router_allow(nj_router *router, const nj_allowlist *allowed, nj_error *err);
const nj_router_drops *nj_router_dropped(const nj_router *router);
/// Connections that the guard has ended (guard.h).
nj_guard_cuts nj_router_cut(const nj_router *router);

/// The next message of an allowed peer. NJ_AGAIN: none now. NJ_IO.
NJ_CHECKED nj_status nj_router_receive(nj_router *router, nj_received *out, nj_error *err);
/// Queues one frame. NJ_AGAIN: the peer's queue is full; NJ_NOT_FOUND: the peer is not connected, or not allowed, any more. Neither is an
/// error of the program: the roster treats both as a worker that is gone.
NJ_CHECKED nj_status nj_router_send(nj_router *router, const nj_peer *to, nj_slice bytes,
                                    nj_error *err);
/// Packs and sends.
NJ_CHECKED nj_status nj_router_send_message(nj_router *router, const nj_peer *to,
                                            const nj_message *message, nj_error *err);

// ---- dealer ----

typedef struct nj_dealer nj_dealer;

typedef struct {
    const char *endpoint;   // of the coordinator
    const nj_keypair *keys; // the worker's pair; NULL with insecure
    const nj_server_keys
        *server_keys; // one of which the coordinator must prove; NULL with insecure
    bool insecure;
    size_t message_bytes_max; // 0: NJ_WIRE_MESSAGE_BYTES_MAX
} nj_dealer_config;

/// Starts to connect and returns at once; everything the config points to is copied. NJ_CONFIG, NJ_IO.
NJ_CHECKED nj_status nj_dealer_open(const nj_dealer_config *config, nj_dealer **out, nj_error *err);
/// Waits at most linger_ms for queued messages (the BYE) to leave. Accepts NULL.
void nj_dealer_close(nj_dealer **dealer, int linger_ms);
/// Drops the connection and both queues and starts to connect anew: the router sees another peer.
NJ_CHECKED nj_status nj_dealer_reconnect(nj_dealer *dealer, nj_error *err);
/// The same, to a coordinator that has moved. NJ_CONFIG: no endpoint; the dealer stays as it is.
NJ_CHECKED nj_status nj_dealer_move(nj_dealer *dealer, const char *endpoint, nj_error *err);

/// The next message; `*out` is borrowed until the next receive, reconnect or close. NJ_AGAIN: none now. NJ_IO.
NJ_CHECKED nj_status nj_dealer_receive(nj_dealer *dealer, nj_slice *out, nj_error *err);
/// Queues one frame. NJ_AGAIN: the queue is full.
NJ_CHECKED nj_status nj_dealer_send(nj_dealer *dealer, nj_slice bytes, nj_error *err);
/// Packs and sends.
NJ_CHECKED nj_status nj_dealer_send_message(nj_dealer *dealer, const nj_message *message,
                                            nj_error *err);

// ---- waiting ----

#define NJ_POLL_ITEMS_MAX 16

// Sockets and descriptors (eventfd, signalfd, timerfd) to wait for. Borrows what is added.
typedef struct {
    const nj_router *router; // one of the three
    const nj_dealer *dealer;
    int fd;
} nj_poll_item;

typedef struct {
    nj_poll_item items[NJ_POLL_ITEMS_MAX];
    size_t count;
} nj_poller;

/// At most NJ_POLL_ITEMS_MAX are added (asserted).
void nj_poller_add_router(nj_poller *poller, const nj_router *router);
void nj_poller_add_dealer(nj_poller *poller, const nj_dealer *dealer);
void nj_poller_add_fd(nj_poller *poller, int fd);

/// Waits until something can be read, a signal comes, or timeout_ms is over (-1: for ever); which of them does not matter: read
/// each socket until its receive returns NJ_AGAIN.
NJ_CHECKED nj_status nj_poller_wait(nj_poller *poller, int timeout_ms, nj_error *err);

#endif
