#include "common/wire/socket.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "common/wire/guard.h"
#include "common/wire/zap.h"

#define ZAP_DOMAIN "nightjar"

// What a router sends before a peer's handshake is over (ZMTP 3.1): a greeting of 64 bytes; with CURVE also a WELCOME of 170, or an
// ERROR of some 20 instead. READY, which ends the handshake, is more than the difference.
#define NULL_PROVEN_BYTES (64 + 8)
#define CURVE_PROVEN_BYTES (64 + 170 + 32)
#define KERNEL_BYTES_MAX                                                                           \
    (8u << 20) // what the kernel may hold of one connection (net.ipv4.tcp_rmem)

struct nj_router {
    void *context;
    void *socket;
    nj_zap *zap; // NULL on an insecure endpoint
    char endpoint[NJ_ENDPOINT_BYTES];
    nj_router_drops drops;
    nj_guard *guard;
    bool discarding; // in the middle of a message whose frames are thrown away
    zmq_msg_t body;  // holds the bytes lent to the caller
    nj_buffer scratch;
};

struct nj_dealer {
    void *context;
    // One for each key that the coordinator may prove; the first that hears something stays, the others are closed.
    void *sockets[NJ_SERVER_KEYS_MAX];
    size_t socket_count;
    char endpoint[NJ_ENDPOINT_BYTES];
    nj_server_keys server_keys; // none with insecure
    nj_keypair keys;
    bool insecure;
    size_t message_bytes_max;
    bool discarding;
    zmq_msg_t body;
    nj_buffer scratch;
};

// ---- options ----

static bool set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value) == 0;
}

static bool set_text(void *socket, int option, const char *text)
{
    return zmq_setsockopt(socket, option, text, strlen(text)) == 0;
}

// What both ends have in common.
static bool set_limits(void *socket, size_t message_bytes_max)
{
    int64_t bytes_max =
        message_bytes_max != 0 ? (int64_t)message_bytes_max : NJ_WIRE_MESSAGE_BYTES_MAX;
    return zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &bytes_max, sizeof bytes_max) == 0 &&
           set_int(socket, ZMQ_LINGER, 0) && set_int(socket, ZMQ_SNDHWM, NJ_SOCKET_QUEUE_MAX) &&
           set_int(socket, ZMQ_RCVHWM, NJ_SOCKET_QUEUE_MAX) &&
           set_int(socket, ZMQ_HANDSHAKE_IVL, NJ_SOCKET_HANDSHAKE_MS) &&
           set_int(socket, ZMQ_TCP_KEEPALIVE, 1) &&
           set_int(socket, ZMQ_TCP_KEEPALIVE_IDLE, NJ_SOCKET_IDLE_S) &&
           set_int(socket, ZMQ_TCP_KEEPALIVE_INTVL, NJ_SOCKET_PROBE_S) &&
           set_int(socket, ZMQ_TCP_KEEPALIVE_CNT, NJ_SOCKET_PROBES) &&
           set_int(socket, ZMQ_TCP_MAXRT, NJ_SOCKET_SILENCE_MS);
}

// The keys of one end; both halves of a pair are text.
static bool set_keys(void *socket, const nj_keypair *keys)
{
    return set_text(socket, ZMQ_CURVE_PUBLICKEY, keys->public_key) &&
           set_text(socket, ZMQ_CURVE_SECRETKEY, keys->secret_key);
}

// libzmq takes a port of more than 16 bits modulo 65536, and calls everything else that it does not like an invalid argument.
static nj_status check_endpoint(const char *endpoint, nj_error *err)
{
    const char *colon = strrchr(endpoint, ':');
    if (strlen(endpoint) >= NJ_ENDPOINT_BYTES) {
        return nj_fail(err, NJ_CONFIG, "an endpoint of %zu bytes, the limit is %d",
                       strlen(endpoint), NJ_ENDPOINT_BYTES - 1);
    }
    if (strncmp(endpoint, "tcp://", 6) != 0 || colon <= endpoint + 6) {
        return nj_fail(err, NJ_CONFIG, "%s: must be tcp://ADDRESS:PORT", endpoint);
    }
    if (strcmp(colon, ":*") == 0) {
        return NJ_OK;
    }
    char *end = NULL;
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (colon[1] < '0' || colon[1] > '9' || *end != '\0' || port > UINT16_MAX) {
        return nj_fail(err, NJ_CONFIG, "%s: the port must be a number from 0 to %d", endpoint,
                       UINT16_MAX);
    }
    return NJ_OK;
}

static nj_status check_mode(const char *endpoint, bool insecure, bool has_keys, nj_error *err)
{
    if (insecure && has_keys) {
        return nj_fail(err, NJ_CONFIG, "%s: keys are given, but so is insecure", endpoint);
    }
    if (!insecure && !has_keys) {
        return nj_fail(err, NJ_CONFIG, "%s: no keys, and insecure is not given", endpoint);
    }
    return check_endpoint(endpoint, err);
}

// ---- frames ----

static bool has_more(void *socket)
{
    int more = 0;
    size_t size = sizeof more;
    return zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size) == 0 && more != 0;
}

// One frame into `frame`. NJ_AGAIN when there is none.
static nj_status receive_frame(void *socket, zmq_msg_t *frame, nj_error *err)
{
    if (zmq_msg_recv(frame, socket, ZMQ_DONTWAIT) >= 0) {
        return NJ_OK;
    }
    if (errno == EAGAIN || errno == EINTR) {
        return NJ_AGAIN;
    }
    return nj_fail(err, NJ_IO, "cannot receive: %s", zmq_strerror(errno));
}

static nj_slice frame_slice(zmq_msg_t *frame)
{
    return (nj_slice){zmq_msg_data(frame), zmq_msg_size(frame)};
}

// ---- router ----

static nj_status configure_router(nj_router *router, const nj_router_config *config, nj_error *err)
{
    bool done = set_limits(router->socket, config->message_bytes_max) &&
                set_int(router->socket, ZMQ_ROUTER_MANDATORY, 1) &&
                set_int(router->socket, ZMQ_BACKLOG, NJ_SOCKET_BACKLOG);
    if (done && !config->insecure) {
        done = set_int(router->socket, ZMQ_CURVE_SERVER, 1) &&
               set_text(router->socket, ZMQ_ZAP_DOMAIN, ZAP_DOMAIN) &&
               set_keys(router->socket, config->keys);
    }
    if (!done) {
        return nj_fail(err, NJ_CONFIG, "%s: libzmq refuses an option: %s", config->endpoint,
                       zmq_strerror(errno));
    }
    return NJ_OK;
}

static nj_status bind_status(int problem)
{
    switch (problem) {
    case EADDRINUSE:
        return NJ_AGAIN;
    case EINVAL:
    case ENODEV:
    case EADDRNOTAVAIL:
    case EPROTONOSUPPORT:
        return NJ_CONFIG;
    default:
        return NJ_IO;
    }
}

static nj_status bind_router(nj_router *router, const char *endpoint, nj_error *err)
{
    if (zmq_bind(router->socket, endpoint) != 0) {
        return nj_fail(err, bind_status(errno), "%s: cannot bind: %s", endpoint,
                       zmq_strerror(errno));
    }
    size_t size = sizeof router->endpoint;
    if (zmq_getsockopt(router->socket, ZMQ_LAST_ENDPOINT, router->endpoint, &size) != 0) {
        return nj_fail(err, NJ_IO, "%s: cannot learn the port: %s", endpoint, zmq_strerror(errno));
    }
    return NJ_OK;
}

static nj_status guard_router(nj_router *router, const nj_router_config *config, nj_error *err)
{
    const uint64_t message_bytes_max =
        config->message_bytes_max != 0 ? config->message_bytes_max : NJ_WIRE_MESSAGE_BYTES_MAX;
    const uint64_t port = strtoul(strrchr(router->endpoint, ':') + 1, NULL, 10);
    nj_status status = nj_guard_open(
        (uint16_t)port, config->insecure ? NULL_PROVEN_BYTES : CURVE_PROVEN_BYTES,
        (NJ_SOCKET_QUEUE_MAX + 1) * message_bytes_max + KERNEL_BYTES_MAX, &router->guard, err);
    return status == NJ_OK ? nj_guard_start(router->guard, err) : status;
}

nj_status nj_router_open(const nj_router_config *config, nj_router **out, nj_error *err)
{
    bool has_keys = config->keys != NULL && config->allowed != NULL;
    nj_status status = check_mode(config->endpoint, config->insecure, has_keys, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_router *router = calloc(1, sizeof *router);
    if (router == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a socket");
    }
    zmq_msg_init(&router->body);
    nj_buffer_init(&router->scratch, NJ_WIRE_MESSAGE_BYTES_MAX);
    router->context = zmq_ctx_new();
    router->socket = router->context == NULL ? NULL : zmq_socket(router->context, ZMQ_ROUTER);
    if (router->socket == NULL) {
        status = nj_fail(err, NJ_FAILED, "cannot make a socket: %s", zmq_strerror(errno));
        goto done;
    }
    status = configure_router(router, config, err);
    if (status == NJ_OK && !config->insecure) {
        status = nj_zap_start(router->context, config->allowed, &router->zap, err);
    }
    if (status == NJ_OK) {
        status = bind_router(router, config->endpoint, err);
    }
    if (status == NJ_OK) {
        status = guard_router(router, config, err);
    }
    if (status != NJ_OK) {
        goto done;
    }
    *out = router;
    router = NULL;
done:
    nj_router_close(&router, 0);
    return status;
}

// Order: the socket first, so that what it has queued may still leave; then the shutdown that ends the key check.
void nj_router_close(nj_router **router, int linger_ms)
{
    nj_router *old = *router;
    if (old == NULL) {
        return;
    }
    nj_guard_close(&old->guard);
    zmq_msg_close(&old->body);
    if (old->socket != NULL) {
        (void)set_int(old->socket, ZMQ_LINGER, linger_ms);
        (void)zmq_close(old->socket);
    }
    if (old->context != NULL) {
        (void)zmq_ctx_shutdown(old->context);
        nj_zap_join(&old->zap);
        while (zmq_ctx_term(old->context) != 0 && errno == EINTR) {
        }
    }
    nj_buffer_fini(&old->scratch);
    free(old);
    *router = NULL;
}

const char *nj_router_endpoint(const nj_router *router)
{
    return router->endpoint;
}

const nj_router_drops *nj_router_dropped(const nj_router *router)
{
    return &router->drops;
}

nj_guard_cuts nj_router_cut(const nj_router *router)
{
    return nj_guard_cut(router->guard);
}

nj_status nj_router_allow(nj_router *router, const nj_allowlist *allowed, nj_error *err)
{
    assert(router->zap != NULL);
    return nj_zap_allow(router->zap, allowed, err);
}

// Reads the sender. False: a stranger.
static bool identify(nj_router *router, zmq_msg_t *route, nj_received *out)
{
    nj_slice id = frame_slice(route);
    *out = (nj_received){.bytes = frame_slice(&router->body)};
    if (id.size > NJ_ROUTE_BYTES_MAX) {
        router->drops.route_count++;
        return false;
    }
    memcpy(out->peer.route, id.bytes, id.size);
    out->peer.route_bytes = (uint8_t)id.size;
    const char *address = zmq_msg_gets(&router->body, "Peer-Address");
    snprintf(out->address, sizeof out->address, "%s", address != NULL ? address : "");
    if (router->zap == NULL) {
        return true;
    }
    const char *key = zmq_msg_gets(&router->body, "User-Id");
    if (key == NULL || strlen(key) >= NJ_KEY_TEXT_BYTES || !nj_zap_allows(router->zap, key)) {
        router->drops.stranger_count++;
        return false;
    }
    memcpy(out->peer.key, key, strlen(key) + 1);
    return true;
}

// One message: route and body. NJ_AGAIN: none; NJ_NOT_FOUND: it was dropped.
static nj_status receive_routed(nj_router *router, zmq_msg_t *route, nj_received *out,
                                nj_error *err)
{
    nj_status status = receive_frame(router->socket, route, err);
    if (status != NJ_OK) {
        return status;
    }
    if (router->discarding || !has_more(router->socket)) {
        router->drops.route_count += !router->discarding;
        router->discarding = router->discarding && has_more(router->socket);
        return NJ_NOT_FOUND;
    }
    status = receive_frame(router->socket, &router->body, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_guard_heard(router->guard, zmq_msg_get(&router->body, ZMQ_SRCFD));
    if (has_more(router->socket)) {
        router->drops.multipart_count++;
        router->discarding = true;
        return NJ_NOT_FOUND;
    }
    return identify(router, route, out) ? NJ_OK : NJ_NOT_FOUND;
}

nj_status nj_router_receive(nj_router *router, nj_received *out, nj_error *err)
{
    zmq_msg_t route;
    zmq_msg_init(&route);
    nj_status status = NJ_NOT_FOUND;
    for (unsigned i = 0; i < NJ_SOCKET_FRAMES_MAX && status == NJ_NOT_FOUND; i++) {
        status = receive_routed(router, &route, out, err);
    }
    zmq_msg_close(&route);
    return status == NJ_NOT_FOUND ? NJ_AGAIN : status;
}

nj_status nj_router_send(nj_router *router, const nj_peer *to, nj_slice bytes, nj_error *err)
{
    if (router->zap != NULL && !nj_zap_allows(router->zap, to->key)) {
        return nj_fail(err, NJ_NOT_FOUND, "the peer's key is not in the list any more");
    }
    int flags = ZMQ_SNDMORE | ZMQ_DONTWAIT;
    if (zmq_send(router->socket, to->route, to->route_bytes, flags) < 0 ||
        zmq_send(router->socket, bytes.bytes, bytes.size, ZMQ_DONTWAIT) < 0) {
        switch (errno) {
        case EHOSTUNREACH:
            return nj_fail(err, NJ_NOT_FOUND, "the peer is not connected any more");
        case EAGAIN:
            return nj_fail(err, NJ_AGAIN, "the peer's queue is full");
        default:
            return nj_fail(err, NJ_IO, "cannot send: %s", zmq_strerror(errno));
        }
    }
    return NJ_OK;
}

nj_status nj_router_send_message(nj_router *router, const nj_peer *to, const nj_message *message,
                                 nj_error *err)
{
    nj_buffer_clear(&router->scratch);
    nj_status status = nj_message_pack(message, &router->scratch, err);
    return status != NJ_OK ? status
                           : nj_router_send(router, to, nj_buffer_slice(&router->scratch), err);
}

// ---- dealer ----

// `server_key` is NULL with insecure.
static nj_status connect_socket(nj_dealer *dealer, const char *server_key, nj_error *err)
{
    void *socket = zmq_socket(dealer->context, ZMQ_DEALER);
    if (socket == NULL) {
        return nj_fail(err, NJ_FAILED, "cannot make a socket: %s", zmq_strerror(errno));
    }
    dealer->sockets[dealer->socket_count++] = socket;
    bool done = set_limits(socket, dealer->message_bytes_max) &&
                set_int(socket, ZMQ_RECONNECT_IVL, NJ_SOCKET_RECONNECT_MS) &&
                set_int(socket, ZMQ_RECONNECT_IVL_MAX, NJ_SOCKET_RECONNECT_MS_MAX);
    if (done && server_key != NULL) {
        done = set_text(socket, ZMQ_CURVE_SERVERKEY, server_key) && set_keys(socket, &dealer->keys);
    }
    if (!done || zmq_connect(socket, dealer->endpoint) != 0) {
        return nj_fail(err, NJ_CONFIG, "%s: cannot connect: %s", dealer->endpoint,
                       zmq_strerror(errno));
    }
    return NJ_OK;
}

static nj_status connect_dealer(nj_dealer *dealer, nj_error *err)
{
    if (dealer->insecure) {
        return connect_socket(dealer, NULL, err);
    }
    nj_status status = NJ_OK;
    for (size_t i = 0; i < dealer->server_keys.count && status == NJ_OK; i++) {
        status = connect_socket(dealer, dealer->server_keys.keys[i], err);
    }
    return status;
}

// Closes every socket but `kept`, which may be NULL.
static void close_sockets(nj_dealer *dealer, const void *kept, int linger_ms)
{
    for (size_t i = 0; i < dealer->socket_count; i++) {
        if (dealer->sockets[i] != kept) {
            (void)set_int(dealer->sockets[i], ZMQ_LINGER, linger_ms);
            (void)zmq_close(dealer->sockets[i]);
        }
    }
    dealer->socket_count = 0;
}

nj_status nj_dealer_open(const nj_dealer_config *config, nj_dealer **out, nj_error *err)
{
    bool has_keys = config->keys != NULL && config->server_keys != NULL;
    nj_status status = check_mode(config->endpoint, config->insecure, has_keys, err);
    for (size_t i = 0; status == NJ_OK && has_keys && i < config->server_keys->count; i++) {
        if (!nj_key_valid(config->server_keys->keys[i])) {
            status = nj_fail(err, NJ_CONFIG, "%s: server key %zu is not %d characters of Z85",
                             config->endpoint, i + 1, NJ_KEY_TEXT_BYTES - 1);
        }
    }
    if (status != NJ_OK) {
        return status;
    }
    nj_dealer *dealer = calloc(1, sizeof *dealer);
    if (dealer == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a socket");
    }
    zmq_msg_init(&dealer->body);
    nj_buffer_init(&dealer->scratch, NJ_WIRE_MESSAGE_BYTES_MAX);
    memcpy(dealer->endpoint, config->endpoint, strlen(config->endpoint) + 1);
    dealer->insecure = config->insecure;
    dealer->message_bytes_max = config->message_bytes_max;
    if (has_keys) {
        dealer->server_keys = *config->server_keys;
        dealer->keys = *config->keys;
    }
    dealer->context = zmq_ctx_new();
    status = dealer->context != NULL
                 ? connect_dealer(dealer, err)
                 : nj_fail(err, NJ_FAILED, "cannot make a ZeroMQ context: %s", zmq_strerror(errno));
    if (status == NJ_OK) {
        *out = dealer;
        dealer = NULL;
    }
    nj_dealer_close(&dealer, 0);
    return status;
}

void nj_dealer_close(nj_dealer **dealer, int linger_ms)
{
    nj_dealer *old = *dealer;
    if (old == NULL) {
        return;
    }
    zmq_msg_close(&old->body);
    close_sockets(old, NULL, linger_ms);
    if (old->context != NULL) {
        while (zmq_ctx_term(old->context) != 0 && errno == EINTR) {
        }
    }
    nj_buffer_fini(&old->scratch);
    nj_keypair_wipe(&old->keys);
    free(old);
    *dealer = NULL;
}

nj_status nj_dealer_reconnect(nj_dealer *dealer, nj_error *err)
{
    close_sockets(dealer, NULL, 0);
    dealer->discarding = false;
    return connect_dealer(dealer, err);
}

nj_status nj_dealer_move(nj_dealer *dealer, const char *endpoint, nj_error *err)
{
    nj_status status = check_endpoint(endpoint, err);
    if (status != NJ_OK) {
        return status;
    }
    memcpy(dealer->endpoint, endpoint, strlen(endpoint) + 1);
    return nj_dealer_reconnect(dealer, err);
}

// The next message of one frame. NJ_AGAIN: none now.
static nj_status receive_single(nj_dealer *dealer, void *socket, nj_slice *out, nj_error *err)
{
    for (unsigned i = 0; i < NJ_SOCKET_FRAMES_MAX; i++) {
        nj_status status = receive_frame(socket, &dealer->body, err);
        if (status != NJ_OK) {
            return status;
        }
        bool single = !dealer->discarding;
        dealer->discarding = has_more(socket);
        if (single && !dealer->discarding) {
            *out = frame_slice(&dealer->body);
            return NJ_OK;
        }
    }
    return NJ_AGAIN;
}

nj_status nj_dealer_receive(nj_dealer *dealer, nj_slice *out, nj_error *err)
{
    nj_status status = NJ_AGAIN;
    for (size_t i = 0; i < dealer->socket_count && status == NJ_AGAIN; i++) {
        void *socket = dealer->sockets[i];
        status = receive_single(dealer, socket, out, err);
        if (dealer->socket_count > 1 && (status == NJ_OK || dealer->discarding)) {
            close_sockets(dealer, socket, 0); // the coordinator has proved this key
            dealer->sockets[dealer->socket_count++] = socket;
        }
    }
    return status;
}

// While it is not known which key the coordinator has, each socket gets the message; at most one can deliver it.
nj_status nj_dealer_send(nj_dealer *dealer, nj_slice bytes, nj_error *err)
{
    size_t sent = 0;
    int problem = EAGAIN;
    for (size_t i = 0; i < dealer->socket_count; i++) {
        if (zmq_send(dealer->sockets[i], bytes.bytes, bytes.size, ZMQ_DONTWAIT) >= 0) {
            sent++;
        } else {
            problem = errno;
        }
    }
    if (sent > 0) {
        return NJ_OK;
    }
    return problem == EAGAIN ? nj_fail(err, NJ_AGAIN, "the queue to the coordinator is full")
                             : nj_fail(err, NJ_IO, "cannot send: %s", zmq_strerror(problem));
}

nj_status nj_dealer_send_message(nj_dealer *dealer, const nj_message *message, nj_error *err)
{
    nj_buffer_clear(&dealer->scratch);
    nj_status status = nj_message_pack(message, &dealer->scratch, err);
    return status != NJ_OK ? status
                           : nj_dealer_send(dealer, nj_buffer_slice(&dealer->scratch), err);
}

// ---- waiting ----

static void add_item(nj_poller *poller, nj_poll_item item)
{
    assert(poller->count < NJ_POLL_ITEMS_MAX);
    poller->items[poller->count++] = item;
}

void nj_poller_add_router(nj_poller *poller, const nj_router *router)
{
    add_item(poller, (nj_poll_item){.router = router, .fd = -1});
}

void nj_poller_add_dealer(nj_poller *poller, const nj_dealer *dealer)
{
    add_item(poller, (nj_poll_item){.dealer = dealer, .fd = -1});
}

void nj_poller_add_fd(nj_poller *poller, int fd)
{
    add_item(poller, (nj_poll_item){.fd = fd});
}

nj_status nj_poller_wait(nj_poller *poller, int timeout_ms, nj_error *err)
{
    zmq_pollitem_t items[NJ_POLL_ITEMS_MAX * NJ_SERVER_KEYS_MAX];
    int count = 0;
    for (size_t i = 0; i < poller->count; i++) {
        const nj_poll_item *from = &poller->items[i];
        void *const *sockets = from->router != NULL   ? &from->router->socket
                               : from->dealer != NULL ? from->dealer->sockets
                                                      : NULL;
        size_t socket_count = from->dealer != NULL ? from->dealer->socket_count : 1;
        for (size_t s = 0; s < socket_count; s++) {
            items[count++] = (zmq_pollitem_t){.socket = sockets != NULL ? sockets[s] : NULL,
                                              .fd = from->fd,
                                              .events = ZMQ_POLLIN};
        }
    }
    if (zmq_poll(items, count, timeout_ms) < 0 && errno != EINTR) {
        return nj_fail(err, NJ_IO, "cannot wait: %s", zmq_strerror(errno));
    }
    return NJ_OK;
}
