#include "common/http/server.h"

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#define BACKLOG 16
#define HOST_BYTES 64

struct nj_http {
    struct MHD_Daemon *daemon;
    nj_http_answer answer;
    nj_http_sent sent; // may be NULL
    void *context;
    char address[NJ_HTTP_ADDRESS_BYTES];
};

// ---- answering, on the server's thread ----

static enum MHD_Result send_text(struct MHD_Connection *connection, unsigned code,
                                 const void *bytes, size_t size)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(size, (void *)(uintptr_t)bytes, MHD_RESPMEM_MUST_COPY);
    if (response == NULL) {
        return MHD_NO;
    }
    enum MHD_Result result = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                                                     "text/plain; version=0.0.4; charset=utf-8");
    if (result == MHD_YES && code == MHD_HTTP_METHOD_NOT_ALLOWED) {
        result = MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    }
    if (result == MHD_YES) {
        result = MHD_queue_response(connection, code, response);
    }
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result send_page(const nj_http *http, struct MHD_Connection *connection,
                                 const char *path)
{
    nj_buffer body;
    enum MHD_Result result;
    nj_buffer_init(&body, NJ_HTTP_BODY_BYTES_MAX);
    nj_status status = http->answer(http->context, path, &body);
    if (status == NJ_OK) {
        result = send_text(connection, MHD_HTTP_OK, body.bytes, body.size);
    } else if (status == NJ_NOT_FOUND) {
        result = send_text(connection, MHD_HTTP_NOT_FOUND, "not found\n", strlen("not found\n"));
    } else {
        const char *sentence = nj_status_sentence(status);
        result = send_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, sentence, strlen(sentence));
    }
    nj_buffer_fini(&body);
    return result;
}

static enum MHD_Result take_request(void *context, struct MHD_Connection *connection,
                                    const char *path, const char *method, const char *version,
                                    const char *upload, size_t *upload_size, void **state)
{
    (void)version;
    (void)upload;
    (void)upload_size;
    static const char refused[] = "only GET\n";
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        return send_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, refused, sizeof refused - 1);
    }
    if (*state == NULL) { // the first of two calls: the headers are there
        *state = strdup(path);
        return *state != NULL ? MHD_YES : MHD_NO;
    }
    return send_page(context, connection, path);
}

static void end_request(void *context, struct MHD_Connection *connection, void **state,
                        enum MHD_RequestTerminationCode how)
{
    (void)connection;
    const nj_http *http = context;
    char *path = *state;
    if (path != NULL && http->sent != NULL && how == MHD_REQUEST_TERMINATED_COMPLETED_OK) {
        http->sent(http->context, path);
    }
    free(path);
    *state = NULL;
}

// ---- opening ----

// "HOST:PORT" or "[HOST]:PORT", numbers only: what a name means may change, and asking may take long.
static nj_status resolve(const char *address, struct addrinfo **out, nj_error *err)
{
    char host[HOST_BYTES] = "";
    const char *colon = strrchr(address, ':');
    const bool has_brackets = address[0] == '[' && colon != NULL && colon[-1] == ']';
    const size_t first = has_brackets ? 1 : 0;
    const size_t length = colon == NULL ? 0 : (size_t)(colon - address) - 2 * first;
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                                   .ai_family = has_brackets ? AF_INET6 : AF_INET,
                                   .ai_socktype = SOCK_STREAM};
    if (length > 0 && length < sizeof host) {
        memcpy(host, address + first, length);
    }
    if (host[0] == '\0' || strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
        colon[1] == '\0' || strtoul(colon + 1, NULL, 10) > UINT16_MAX ||
        getaddrinfo(host, colon + 1, &hints, out) != 0) {
        return nj_fail(err, NJ_USAGE,
                       "\"%.100s\" is no address: write 127.0.0.1:9464 or [::1]:9464, in numbers",
                       address);
    }
    return NJ_OK;
}

static nj_status bind_address(const char *address, int *out_fd, nj_error *err)
{
    struct addrinfo *found = NULL;
    const int on = 1;
    nj_status status = resolve(address, &found, err);
    if (status != NJ_OK) {
        return status;
    }
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool bound = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                 bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0;
    const int why = errno;
    freeaddrinfo(found);
    if (bound) {
        *out_fd = fd;
        return NJ_OK;
    }
    if (fd >= 0) {
        close(fd);
    }
    return nj_fail_errno(err,
                         why == EADDRINUSE      ? NJ_AGAIN
                         : why == EADDRNOTAVAIL ? NJ_CONFIG
                                                : NJ_FAILED,
                         why, "cannot listen on %s", address);
}

static void note_address(nj_http *http, int fd)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof name;
    char host[HOST_BYTES] = "?";
    char port[16] = "?";
    if (getsockname(fd, (struct sockaddr *)&name, &size) == 0) {
        (void)getnameinfo((struct sockaddr *)&name, size, host, sizeof host, port, sizeof port,
                          NI_NUMERICHOST | NI_NUMERICSERV);
    }
    snprintf(http->address, sizeof http->address, name.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s",
             host, port);
}

// Signals are the program's own: the thread takes none.
static struct MHD_Daemon *start_daemon(nj_http *http, int fd)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, take_request, http, MHD_OPTION_LISTEN_SOCKET,
        fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)NJ_HTTP_CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)NJ_HTTP_CONNECTION_BYTES,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)NJ_HTTP_TIMEOUT_S, MHD_OPTION_NOTIFY_COMPLETED,
        end_request, http, MHD_OPTION_END);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return daemon;
}

nj_status nj_http_open(const char *address, nj_http_answer answer, nj_http_sent sent, void *context,
                       nj_http **out, nj_error *err)
{
    int fd = -1;
    nj_status status = bind_address(address, &fd, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_http *http = calloc(1, sizeof *http);
    if (http == NULL) {
        close(fd);
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the HTTP server");
    }
    http->answer = answer;
    http->sent = sent;
    http->context = context;
    note_address(http, fd);
    http->daemon = start_daemon(http, fd);
    if (http->daemon == NULL) {
        close(fd);
        free(http);
        return nj_fail(err, NJ_FAILED, "%s: the HTTP server does not start", address);
    }
    *out = http;
    return NJ_OK;
}

void nj_http_close(nj_http **http)
{
    if (*http != NULL) {
        MHD_stop_daemon((*http)->daemon); // closes the listening socket too
        free(*http);
        *http = NULL;
    }
}

const char *nj_http_address(const nj_http *http)
{
    return http->address;
}
