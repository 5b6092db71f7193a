#include "common/wire/zap.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "common/base/log.h"

#define REFUSALS_SAID_MAX 100 // keys: strangers that try all night fill no disk
#define ENDPOINT "inproc://zeromq.zap.01"
#define FIELD_BYTES 256
#define KEY_BYTES 32

// RFC 27: the frames of a request, in order. A CURVE request has one frame of credentials: the client's public key.
enum { VERSION, REQUEST_ID, DOMAIN, ADDRESS, IDENTITY, MECHANISM, CREDENTIALS, FRAME_COUNT };

struct nj_zap {
    void *socket; // REP, used by the thread alone once it runs
    pthread_t thread;
    pthread_mutex_t mutex;
    nj_allowlist allowed;                               // under the mutex
    char refused[REFUSALS_SAID_MAX][NJ_KEY_TEXT_BYTES]; // of whom it was said, by the thread alone
    size_t refused_count;
};

typedef struct {
    char bytes[FIELD_BYTES];
    size_t size;
} frame;

// False when the context ends. Frames that are too many are read and forgotten; a frame that is too long has a size
// that fits no rule below.
static bool receive_request(void *socket, frame frames[FRAME_COUNT], size_t *out_count)
{
    size_t count = 0;
    int more = 1;
    while (more != 0) {
        frame unused;
        frame *into = count < FRAME_COUNT ? &frames[count] : &unused;
        int size = zmq_recv(socket, into->bytes, sizeof into->bytes, 0);
        if (size < 0 && errno == EINTR) {
            continue;
        }
        if (size < 0) {
            return false;
        }
        into->size = (size_t)size;
        count++;
        size_t more_bytes = sizeof more;
        if (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &more_bytes) != 0) {
            return false;
        }
    }
    *out_count = count;
    return true;
}

static bool frame_is(const frame *field, const char *text)
{
    return field->size == strlen(text) && memcmp(field->bytes, text, field->size) == 0;
}

static bool decide(nj_zap *zap, const frame frames[FRAME_COUNT], size_t count,
                   char out_key[NJ_KEY_TEXT_BYTES])
{
    if (count != FRAME_COUNT || !frame_is(&frames[VERSION], "1.0") ||
        !frame_is(&frames[MECHANISM], "CURVE") || frames[CREDENTIALS].size != KEY_BYTES) {
        return false;
    }
    zmq_z85_encode(out_key, (const uint8_t *)frames[CREDENTIALS].bytes, KEY_BYTES);
    return nj_zap_allows(zap, out_key);
}

// 300 and not 400: the list may change, so a stranger may come again. After a 400 a dealer of libzmq 4.3.4 never would.
static void reply(void *socket, const frame *request_id, bool accepted, const char *key)
{
    size_t id_size = request_id->size <= FIELD_BYTES ? request_id->size : 0;
    const char *status = accepted ? "200" : "300";
    const char *text = accepted ? "OK" : "key is not in the allow-list";
    const char *user = accepted ? key : "";
    // A failure here can only be the context's end, which the next receive reports.
    (void)zmq_send(socket, "1.0", 3, ZMQ_SNDMORE);
    (void)zmq_send(socket, request_id->bytes, id_size, ZMQ_SNDMORE);
    (void)zmq_send(socket, status, strlen(status), ZMQ_SNDMORE);
    (void)zmq_send(socket, text, strlen(text), ZMQ_SNDMORE);
    (void)zmq_send(socket, user, strlen(user), ZMQ_SNDMORE);
    (void)zmq_send(socket, "", 0, 0);
}

// Nobody else sees a refusal: to the worker it looks as if nobody were there. It is said once a key.
static void say_refusal(nj_zap *zap, const frame *address, const char *key)
{
    for (size_t i = 0; i < zap->refused_count; i++) {
        if (strcmp(zap->refused[i], key) == 0) {
            return;
        }
    }
    if (zap->refused_count == REFUSALS_SAID_MAX) {
        return;
    }
    memcpy(zap->refused[zap->refused_count++], key, NJ_KEY_TEXT_BYTES);
    const nj_slice peer = {address->bytes, address->size <= FIELD_BYTES ? address->size : 0};
    nj_log_event(NJ_EVENT_PEER_REFUSED,
                 NJ_FIELDS(nj_log_slice("peer", peer), nj_log_text("key", key)),
                 "%.*s is not let in: its public key \"%s\" is not in the list of workers%s",
                 NJ_SLICE_ARGS(peer), key,
                 zap->refused_count == REFUSALS_SAID_MAX ? "; further ones are not reported" : "");
}

static void *answer_requests(void *argument)
{
    nj_zap *zap = argument;
    frame frames[FRAME_COUNT] = {0};
    size_t count = 0;
    while (receive_request(zap->socket, frames, &count)) {
        char key[NJ_KEY_TEXT_BYTES] = "";
        bool accepted = decide(zap, frames, count, key);
        reply(zap->socket, &frames[REQUEST_ID], accepted, key);
        if (!accepted && key[0] != '\0') {
            say_refusal(zap, &frames[ADDRESS], key);
        }
    }
    (void)zmq_close(zap->socket);
    return NULL;
}

// Signals are the daemon's own: the thread takes none.
static int start_thread(nj_zap *zap)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int problem = pthread_create(&zap->thread, NULL, answer_requests, zap);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return problem;
}

static nj_status bind_socket(void *context, void **out, nj_error *err)
{
    int linger = 0;
    void *socket = zmq_socket(context, ZMQ_REP);
    if (socket == NULL || zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger) != 0 ||
        zmq_bind(socket, ENDPOINT) != 0) {
        nj_status status =
            nj_fail(err, NJ_FAILED, "cannot start the key check: %s", zmq_strerror(errno));
        if (socket != NULL) {
            (void)zmq_close(socket);
        }
        return status;
    }
    *out = socket;
    return NJ_OK;
}

nj_status nj_zap_start(void *context, const nj_allowlist *allowed, nj_zap **out, nj_error *err)
{
    nj_zap *zap = calloc(1, sizeof *zap);
    if (zap == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the key check");
    }
    nj_status status = nj_allowlist_copy(allowed, &zap->allowed, err);
    if (status == NJ_OK) {
        status = bind_socket(context, &zap->socket, err);
    }
    if (status != NJ_OK) {
        goto done;
    }
    pthread_mutex_init(&zap->mutex, NULL);
    int problem = start_thread(zap);
    if (problem != 0) {
        (void)zmq_close(zap->socket);
        pthread_mutex_destroy(&zap->mutex);
        status = nj_fail_errno(err, NJ_FAILED, problem, "cannot start the key check");
        goto done;
    }
    *out = zap;
    zap = NULL;
done:
    if (zap != NULL) {
        nj_allowlist_fini(&zap->allowed);
        free(zap);
    }
    return status;
}

nj_status nj_zap_allow(nj_zap *zap, const nj_allowlist *allowed, nj_error *err)
{
    nj_allowlist fresh;
    nj_status status = nj_allowlist_copy(allowed, &fresh, err);
    if (status != NJ_OK) {
        return status;
    }
    pthread_mutex_lock(&zap->mutex);
    nj_allowlist old = zap->allowed;
    zap->allowed = fresh;
    pthread_mutex_unlock(&zap->mutex);
    nj_allowlist_fini(&old);
    return NJ_OK;
}

bool nj_zap_allows(nj_zap *zap, const char *key)
{
    pthread_mutex_lock(&zap->mutex);
    bool allows = nj_allowlist_find(&zap->allowed, key) != NULL;
    pthread_mutex_unlock(&zap->mutex);
    return allows;
}

void nj_zap_join(nj_zap **zap)
{
    if (*zap == NULL) {
        return;
    }
    pthread_join((*zap)->thread, NULL);
    pthread_mutex_destroy(&(*zap)->mutex);
    nj_allowlist_fini(&(*zap)->allowed);
    free(*zap);
    *zap = NULL;
}
