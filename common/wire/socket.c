#include "common/wire/socket.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "common/wire/zap.h"

#define ZAP_DOMAIN "nightjar"

struct nj_router {
    void *context;
    void *socket;
    nj_zap *zap; // NULL on an insecure endpoint
    char endpoint[NJ_ENDPOINT_BYTES];
    nj_router_drops drops;
    bool discarding; // in the middle of a message whose frames are thrown away
    zmq_msg_t body;  // holds the bytes lent to the caller
    nj_buffer scratch;
};

struct nj_dealer {
    void *context;
    void *socket;
    char endpoint[NJ_ENDPOINT_BYTES];
    char server_key[NJ_KEY_TEXT_BYTES];
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
    if (strlen(endpoint) >= NJ_ENDPOINT_BYTES) {
        return nj_fail(err, NJ_CONFIG, "an endpoint of %zu bytes, the limit is %d",
                       strlen(endpoint), NJ_ENDPOINT_BYTES - 1);
    }
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
                set_int(router->socket, ZMQ_ROUTER_MANDATORY, 1);
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

static nj_status connect_dealer(nj_dealer *dealer, nj_error *err)
{
    dealer->socket = zmq_socket(dealer->context, ZMQ_DEALER);
    if (dealer->socket == NULL) {
        return nj_fail(err, NJ_FAILED, "cannot make a socket: %s", zmq_strerror(errno));
    }
    bool done = set_limits(dealer->socket, dealer->message_bytes_max) &&
                set_int(dealer->socket, ZMQ_RECONNECT_IVL, NJ_SOCKET_RECONNECT_MS) &&
                set_int(dealer->socket, ZMQ_RECONNECT_IVL_MAX, NJ_SOCKET_RECONNECT_MS_MAX);
    if (done && !dealer->insecure) {
        done = set_text(dealer->socket, ZMQ_CURVE_SERVERKEY, dealer->server_key) &&
               set_keys(dealer->socket, &dealer->keys);
    }
    if (!done || zmq_connect(dealer->socket, dealer->endpoint) != 0) {
        return nj_fail(err, NJ_CONFIG, "%s: cannot connect: %s", dealer->endpoint,
                       zmq_strerror(errno));
    }
    return NJ_OK;
}

nj_status nj_dealer_open(const nj_dealer_config *config, nj_dealer **out, nj_error *err)
{
    bool has_keys = config->keys != NULL && config->server_key != NULL;
    nj_status status = check_mode(config->endpoint, config->insecure, has_keys, err);
    if (status == NJ_OK && has_keys && !nj_key_valid(config->server_key)) {
        status = nj_fail(err, NJ_CONFIG, "%s: the coordinator's key is not %d characters of Z85",
                         config->endpoint, NJ_KEY_TEXT_BYTES - 1);
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
        memcpy(dealer->server_key, config->server_key, NJ_KEY_TEXT_BYTES);
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
    if (old->socket != NULL) {
        (void)set_int(old->socket, ZMQ_LINGER, linger_ms);
        (void)zmq_close(old->socket);
    }
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
    if (dealer->socket != NULL) {
        (void)zmq_close(dealer->socket);
        dealer->socket = NULL;
    }
    dealer->discarding = false;
    return connect_dealer(dealer, err);
}

nj_status nj_dealer_receive(nj_dealer *dealer, nj_slice *out, nj_error *err)
{
    for (unsigned i = 0; i < NJ_SOCKET_FRAMES_MAX; i++) {
        nj_status status = receive_frame(dealer->socket, &dealer->body, err);
        if (status != NJ_OK) {
            return status;
        }
        bool single = !dealer->discarding;
        dealer->discarding = has_more(dealer->socket);
        if (single && !dealer->discarding) {
            *out = frame_slice(&dealer->body);
            return NJ_OK;
        }
    }
    return NJ_AGAIN;
}

nj_status nj_dealer_send(nj_dealer *dealer, nj_slice bytes, nj_error *err)
{
    if (zmq_send(dealer->socket, bytes.bytes, bytes.size, ZMQ_DONTWAIT) >= 0) {
        return NJ_OK;
    }
    return errno == EAGAIN ? nj_fail(err, NJ_AGAIN, "the queue to the coordinator is full")
                           : nj_fail(err, NJ_IO, "cannot send: %s", zmq_strerror(errno));
}

nj_status nj_dealer_send_message(nj_dealer *dealer, const nj_message *message, nj_error *err)
{
    nj_buffer_clear(&dealer->scratch);
    nj_status status = nj_message_pack(message, &dealer->scratch, err);
    return status != NJ_OK ? status
                           : nj_dealer_send(dealer, nj_buffer_slice(&dealer->scratch), err);
}

// ---- waiting ----

static size_t add_item(nj_poller *poller, nj_poll_item item)
{
    assert(poller->count < NJ_POLL_ITEMS_MAX);
    poller->items[poller->count] = item;
    return poller->count++;
}

size_t nj_poller_add_router(nj_poller *poller, const nj_router *router)
{
    return add_item(poller, (nj_poll_item){.router = router, .fd = -1});
}

size_t nj_poller_add_dealer(nj_poller *poller, const nj_dealer *dealer)
{
    return add_item(poller, (nj_poll_item){.dealer = dealer, .fd = -1});
}

size_t nj_poller_add_fd(nj_poller *poller, int fd)
{
    return add_item(poller, (nj_poll_item){.fd = fd});
}

nj_status nj_poller_wait(nj_poller *poller, int timeout_ms, nj_error *err)
{
    zmq_pollitem_t items[NJ_POLL_ITEMS_MAX];
    for (size_t i = 0; i < poller->count; i++) {
        const nj_poll_item *from = &poller->items[i];
        void *socket = from->router != NULL   ? from->router->socket
                       : from->dealer != NULL ? from->dealer->socket
                                              : NULL;
        items[i] = (zmq_pollitem_t){.socket = socket, .fd = from->fd, .events = ZMQ_POLLIN};
    }
    int found = zmq_poll(items, (int)poller->count, timeout_ms);
    if (found < 0 && errno != EINTR) {
        return nj_fail(err, NJ_IO, "cannot wait: %s", zmq_strerror(errno));
    }
    for (size_t i = 0; i < poller->count; i++) {
        poller->items[i].ready = found > 0 && items[i].revents != 0;
    }
    return NJ_OK;
}
