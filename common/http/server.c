#include "common/http/server.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <microhttpd.h>

#include "common/http/listen.h"

#define TEXT_PLAIN "text/plain; charset=utf-8"

struct nj_http {
    struct MHD_Daemon *daemon;
    nj_http_answer answer;
    nj_http_sent sent; // may be NULL
    void *context;
    nj_http_setup setup;
    nj_listen listening;
};

// ---- answering, on the server's thread ----

static enum MHD_Result send_text(struct MHD_Connection *connection, unsigned code,
                                 const char *content_type, const void *bytes, size_t size)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(size, (void *)(uintptr_t)bytes, MHD_RESPMEM_MUST_COPY);
    if (response == NULL) {
        return MHD_NO;
    }
    enum MHD_Result result =
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
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
        result =
            send_text(connection, MHD_HTTP_OK, http->setup.content_type, body.bytes, body.size);
    } else {
        const char *sentence = status == NJ_NOT_FOUND ? "not found\n" : nj_status_sentence(status);
        result = send_text(connection,
                           status == NJ_NOT_FOUND ? MHD_HTTP_NOT_FOUND
                           : status == NJ_INPUT   ? MHD_HTTP_BAD_REQUEST
                                                  : MHD_HTTP_SERVICE_UNAVAILABLE,
                           TEXT_PLAIN, sentence, strlen(sentence));
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
    static const char refused[] = "only GET\n";
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        return send_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, TEXT_PLAIN, refused,
                         sizeof refused - 1);
    }
    if (*state == NULL) { // the first of two calls: the headers are there
        *state = strdup(path);
        return *state != NULL ? MHD_YES : MHD_NO;
    }
    if (*upload_size != 0) { // a body that some clients send with a GET: nobody reads it
        *upload_size = 0;
        return MHD_YES;
    }
    return send_page(context, connection, path);
}

// %XX becomes its byte, but for %00: a path ends at a NUL, and would name another page. No page has the 1 that it becomes.
static size_t unescape(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context;
    (void)connection;
    for (char *at = strstr(text, "%00"); at != NULL; at = strstr(at, "%00")) {
        at[2] = '1';
    }
    return MHD_http_unescape(text);
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

// Signals are the program's own: the threads take none.
static struct MHD_Daemon *start_daemon(nj_http *http)
{
    const nj_http_setup *setup = &http->setup;
    struct MHD_OptionItem pool[] = {
        {setup->threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END,
         (intptr_t)setup->threads, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, take_request, http, MHD_OPTION_LISTEN_SOCKET,
        http->listening.fd, MHD_OPTION_CONNECTION_LIMIT, setup->connections_max,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)NJ_HTTP_CONNECTION_BYTES,
        MHD_OPTION_CONNECTION_TIMEOUT, setup->timeout_s, MHD_OPTION_NOTIFY_COMPLETED, end_request,
        http, MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL, MHD_OPTION_ARRAY, pool, MHD_OPTION_END);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return daemon;
}

nj_status nj_http_open_as(const nj_http_setup *setup, nj_http_answer answer, nj_http_sent sent,
                          void *context, nj_http **out, nj_error *err)
{
    nj_listen listening;
    nj_status status = nj_listen_open(setup->address, &listening, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_http *http = calloc(1, sizeof *http);
    if (http != NULL) {
        *http = (nj_http){.answer = answer,
                          .sent = sent,
                          .context = context,
                          .setup = *setup,
                          .listening = listening};
        http->setup.address = http->listening.address;
        http->daemon = start_daemon(http);
    }
    if (http == NULL || http->daemon == NULL) {
        status = http == NULL ? nj_fail(err, NJ_NO_MEMORY, "no memory for the HTTP server")
                              : nj_fail(err, NJ_FAILED, "%s: the HTTP server does not start",
                                        setup->address);
        close(listening.fd);
        nj_listen_forget(&listening);
        free(http);
        return status;
    }
    *out = http;
    return NJ_OK;
}

nj_status nj_http_open(const char *address, nj_http_answer answer, nj_http_sent sent, void *context,
                       nj_http **out, nj_error *err)
{
    const nj_http_setup setup = {.address = address,
                                 .content_type = "text/plain; version=0.0.4; charset=utf-8",
                                 .threads = 1,
                                 .connections_max = NJ_HTTP_CONNECTIONS_MAX,
                                 .timeout_s = NJ_HTTP_TIMEOUT_S};
    return nj_http_open_as(&setup, answer, sent, context, out, err);
}

void nj_http_close(nj_http **http)
{
    if (*http != NULL) {
        MHD_stop_daemon((*http)->daemon); // closes the listening socket too
        nj_listen_forget(&(*http)->listening);
        free(*http);
        *http = NULL;
    }
}

const char *nj_http_address(const nj_http *http)
{
    return http->listening.address;
}
