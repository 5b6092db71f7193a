// serve_cache.c - `nightjar serve-cache`: lists over HTTP from the mapped store, for programs that speak nothing else.
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/notify.h"
#include "common/codec/json.h"
#include "common/http/server.h"
#include "common/reader/nightjar-reader.h"
#include "ops/cli/channel_split.h"
#include "ops/cli/commands.h"

#define USERS_PATH "/users/"
#define GENERATION_PATH "/generation"
#define CONNECTIONS_MAX 1024
#define TIMEOUT_S 60 // connections are kept open between requests
#define CHECK_MS_MAX 3600000

// A thread of the server takes whichever reader is free: there are as many as threads.
typedef struct {
    pthread_mutex_t mutex;
    nightjar_reader *reader;
} seat;

typedef struct {
    seat seats[NJ_HTTP_THREADS_MAX];
    unsigned seat_count;
    nj_channel_split split;
    nightjar_reader_options options; // its shares are the split's
} cache;

// ---- answering, on the server's threads ----

static seat *take_seat(cache *served)
{
    for (unsigned i = 0; i < served->seat_count; i++) {
        if (pthread_mutex_trylock(&served->seats[i].mutex) == 0) {
            return &served->seats[i];
        }
    }
    pthread_mutex_lock(&served->seats[0].mutex);
    return &served->seats[0];
}

// The numbers of the two are the same; others than these are a failure.
static nj_status status_of(nightjar_status status)
{
    return status == NIGHTJAR_FAILED ? NJ_FAILED : (nj_status)status;
}

static nj_status answer_user(nightjar_reader *reader, const char *user, nj_buffer *body)
{
    const char *json = NULL;
    size_t bytes = 0;
    nj_status status =
        status_of(nightjar_reader_get_json(reader, user, strlen(user), &json, &bytes, NULL));
    if (status == NJ_OK) {
        status = nj_buffer_append(body, json, bytes);
    }
    return status == NJ_OK ? nj_buffer_append(body, "\n", 1) : status;
}

// What each channel serves, after a look at all of them; "problem" where one could not be followed.
static nj_status answer_generation(const cache *served, nightjar_reader *reader, nj_buffer *body)
{
    nightjar_error problem;
    nightjar_generation found;
    const nightjar_status looked = nightjar_reader_refresh(reader, &problem);
    nj_status status = nj_buffer_printf(body, "{\"channels\": [");
    for (size_t i = 0; i < served->options.share_count && status == NJ_OK; i++) {
        const nightjar_share *share = &served->split.shares[i];
        status = status_of(nightjar_reader_generation(reader, share->channel, &found, NULL));
        if (status == NJ_OK) {
            status = nj_buffer_printf(
                body,
                "%s{\"channel\": \"%s\", \"parts\": %" PRIu32 ", \"serves\": \"%s\", "
                "\"generation\": \"%s\", \"rows\": %" PRIu64 ", \"created_ms\": %" PRIu64
                ", \"valid_until_ms\": %" PRIu64 ", \"stale\": %s}",
                i == 0 ? "" : ", ", share->channel, share->parts, found.channel, found.name,
                found.row_count, found.created_ms, found.valid_until_ms,
                found.is_stale ? "true" : "false");
        }
    }
    if (status == NJ_OK) {
        status = nj_buffer_append(body, "]", 1);
    }
    if (status == NJ_OK && looked != NIGHTJAR_OK) {
        status = nj_buffer_printf(body, ", \"problem\": ");
        status =
            status == NJ_OK ? nj_buffer_json_string(body, nj_slice_from(problem.text)) : status;
    }
    return status == NJ_OK ? nj_buffer_append(body, "}\n", 2) : status;
}

static nj_status answer(void *context, const char *path, nj_buffer *body)
{
    cache *served = context;
    const bool is_user = strncmp(path, USERS_PATH, strlen(USERS_PATH)) == 0;
    if (!is_user && strcmp(path, GENERATION_PATH) != 0) {
        return NJ_NOT_FOUND;
    }
    seat *taken = take_seat(served);
    nj_status status = is_user ? answer_user(taken->reader, path + strlen(USERS_PATH), body)
                               : answer_generation(served, taken->reader, body);
    pthread_mutex_unlock(&taken->mutex);
    return status;
}

// ---- the command line ----

static nj_status read_options(const nj_arguments *arguments, cache *served, nj_http_setup *setup,
                              nj_error *err)
{
    uint64_t threads = 0;
    uint64_t check_ms = 0;
    const nj_uint_option numbers[] = {
        NJ_UINT("threads", 1, NJ_HTTP_THREADS_MAX, &threads),
        NJ_UINT("check-ms", 0, CHECK_MS_MAX, &check_ms),
    };
    nj_status status =
        nj_argument_uints(arguments, numbers, sizeof numbers / sizeof numbers[0], err);
    if (status != NJ_OK) {
        return status;
    }
    served->options = (nightjar_reader_options)NIGHTJAR_READER_OPTIONS_INIT;
    served->options.check_ms = (uint32_t)check_ms;
    served->options.salt = nj_argument(arguments, "salt");
    served->seat_count = (unsigned)threads;
    *setup = (nj_http_setup){.address = nj_argument(arguments, "listen"),
                             .content_type = "application/json",
                             .threads = (unsigned)threads,
                             .connections_max = CONNECTIONS_MAX,
                             .timeout_s = TIMEOUT_S};
    status = nj_channel_split_read(nj_argument(arguments, "split"), &served->split, err);
    served->options.shares = served->split.shares;
    served->options.share_count = served->split.count;
    return status;
}

// ---- serving ----

static nj_status open_seats(const char *store, cache *served, nj_error *err)
{
    for (unsigned i = 0; i < served->seat_count; i++) {
        nightjar_error error;
        pthread_mutex_init(&served->seats[i].mutex, NULL);
        nightjar_status status =
            nightjar_reader_open(store, &served->options, &served->seats[i].reader, &error);
        if (status != NIGHTJAR_OK) {
            return nj_fail(err, status_of(status), "%s", error.text);
        }
    }
    return NJ_OK;
}

static void close_seats(cache *served)
{
    for (unsigned i = 0; i < served->seat_count; i++) {
        nightjar_reader_close(&served->seats[i].reader);
    }
}

static nj_status say_ready(const nj_arguments *arguments, const nj_http *http, nj_error *err)
{
    nj_log(NJ_LOG_INFO, "listening on %s", nj_http_address(http));
    nj_notify_ready();
    if (!nj_argument_flag(arguments, "json")) {
        return NJ_OK;
    }
    json_t *object = json_pack("{s:s}", "listening", nj_http_address(http));
    nj_status status = nj_print_json_take(&object, err);
    if (status == NJ_OK && fflush(stdout) != 0) { // whoever starts it waits for this line
        status = nj_fail_errno(err, NJ_IO, errno, "standard output");
    }
    return status;
}

// SIGINT and SIGTERM are the ordinary end. They are blocked before threads begin, so that none of them is lost.
static nj_status serve(const nj_arguments *arguments, const nj_http_setup *setup, cache *served,
                       nj_error *err)
{
    sigset_t ends;
    sigset_t before;
    int number = 0;
    nj_http *http = NULL;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, &before);
    nj_status status = nj_http_open_as(setup, answer, NULL, served, &http, err);
    if (status == NJ_OK) {
        status = say_ready(arguments, http, err);
    }
    if (status == NJ_OK) {
        sigwait(&ends, &number);
        nj_notify_stopping();
    }
    nj_http_close(&http);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}

nj_status nj_command_serve_cache(const nj_arguments *arguments, nj_error *err)
{
    nj_http_setup setup;
    cache *served = calloc(1, sizeof *served);
    if (served == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to serve lists");
    }
    nj_notify_open();
    nj_status status = read_options(arguments, served, &setup, err);
    if (status == NJ_OK) {
        status = open_seats(nj_argument(arguments, "store"), served, err);
    }
    if (status == NJ_OK) {
        status = serve(arguments, &setup, served, err);
    }
    close_seats(served);
    free(served);
    return status;
}
