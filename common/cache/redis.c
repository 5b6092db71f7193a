#include "common/cache/redis.h"

#include <hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "common/base/buffer.h"
#include "common/cache/cached.h"

#define HOST_BYTES 256
#define PORT_MAX 65535
#define ASK_BYTES_MAX 65536

struct nj_redis {
    redisContext *context;
    redisReply *reply; // the last one
};

static nj_status parse_server(const char *server, char host[HOST_BYTES], int *port, nj_error *err)
{
    const char *colon = strrchr(server, ':');
    char *end = NULL;
    const long number = colon == NULL ? 0 : strtol(colon + 1, &end, 10);
    if (colon == NULL || colon == server || colon - server >= HOST_BYTES || *end != '\0' ||
        number < 1 || number > PORT_MAX) {
        return nj_fail(err, NJ_INPUT,
                       "--server is \"%s\", must be host:port, or the path of a Unix socket",
                       server);
    }
    memcpy(host, server, (size_t)(colon - server));
    host[colon - server] = '\0';
    *port = (int)number;
    return NJ_OK;
}

static nj_status connect_to(const nj_redis_address *address, redisContext **out, nj_error *err)
{
    const struct timeval limit = {(time_t)(address->timeout_ms / 1000),
                                  (suseconds_t)(address->timeout_ms % 1000 * 1000)};
    if (address->server[0] == '/') {
        *out = redisConnectUnixWithTimeout(address->server, limit);
    } else {
        char host[HOST_BYTES];
        int port = 0;
        nj_status status = parse_server(address->server, host, &port, err);
        if (status != NJ_OK) {
            return status;
        }
        *out = redisConnectWithTimeout(host, port, limit);
    }
    if (*out == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a connection");
    }
    if ((*out)->err != 0) {
        return nj_fail(err, NJ_AGAIN, "redis at %s: %s", address->server, (*out)->errstr);
    }
    return redisSetTimeout(*out, limit) == REDIS_OK
               ? NJ_OK
               : nj_fail(err, NJ_AGAIN, "redis at %s: no timeout can be set", address->server);
}

// What must be said before anything else.
static nj_status greet(nj_redis *redis, const nj_redis_address *address, nj_error *err)
{
    nj_redis_answer answer;
    nj_status status = NJ_OK;
    if (address->password != NULL) {
        const nj_slice words[] = {{"AUTH", 4}, nj_slice_from(address->password)};
        status = nj_redis_ask(redis, words, 2, &answer, err);
    }
    if (status == NJ_OK && address->database != 0) {
        char number[24];
        snprintf(number, sizeof number, "%" PRIu64, address->database);
        const nj_slice words[] = {{"SELECT", 6}, nj_slice_from(number)};
        status = nj_redis_ask(redis, words, 2, &answer, err);
    }
    return status;
}

nj_status nj_redis_open(const nj_redis_address *address, nj_redis **out, nj_error *err)
{
    nj_redis *redis = calloc(1, sizeof *redis);
    if (redis == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a connection");
    }
    nj_status status = connect_to(address, &redis->context, err);
    if (status == NJ_OK) {
        status = greet(redis, address, err);
    }
    if (status != NJ_OK) {
        nj_redis_close(&redis);
        return status;
    }
    *out = redis;
    return NJ_OK;
}

static void forget_reply(nj_redis *redis)
{
    if (redis->reply != NULL) {
        freeReplyObject(redis->reply);
        redis->reply = NULL;
    }
}

void nj_redis_close(nj_redis **redis)
{
    if (*redis == NULL) {
        return;
    }
    forget_reply(*redis);
    if ((*redis)->context != NULL) {
        redisFree((*redis)->context);
    }
    free(*redis);
    *redis = NULL;
}

nj_status nj_redis_send(nj_redis *redis, nj_slice commands, nj_error *err)
{
    forget_reply(redis);
    if (redisAppendFormattedCommand(redis->context, commands.bytes, commands.size) != REDIS_OK) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the commands of a batch");
    }
    return NJ_OK;
}

// Errors that a server has while it starts or is handed over; all others stay.
static nj_status fail_told(const redisReply *reply, nj_error *err)
{
    static const char *const PASSING[] = {"LOADING", "BUSY", "TRYAGAIN", "CLUSTERDOWN",
                                          "MASTERDOWN"};
    nj_status status = NJ_CONFIG;
    for (size_t i = 0; i < sizeof PASSING / sizeof PASSING[0]; i++) {
        if (strncmp(reply->str, PASSING[i], strlen(PASSING[i])) == 0) {
            status = NJ_AGAIN;
        }
    }
    return nj_fail(err, status, "redis refuses: %s", reply->str);
}

static nj_redis_answer answer_of(const redisReply *reply)
{
    nj_redis_answer answer = {.kind = NJ_REDIS_NIL};
    switch (reply->type) {
    case REDIS_REPLY_INTEGER:
        answer.kind = NJ_REDIS_NUMBER;
        answer.number = reply->integer;
        break;
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_ERROR:
        answer.kind = NJ_REDIS_TEXT;
        answer.text = (nj_slice){reply->str, (size_t)reply->len};
        break;
    case REDIS_REPLY_ARRAY:
        answer.kind = NJ_REDIS_LIST;
        answer.count = reply->elements;
        answer.list = (void *const *)reply->element;
        break;
    default:
        break;
    }
    return answer;
}

nj_status nj_redis_next(nj_redis *redis, nj_redis_answer *out, nj_error *err)
{
    void *reply = NULL;
    forget_reply(redis);
    if (redisGetReply(redis->context, &reply) != REDIS_OK || reply == NULL) {
        return nj_fail(err, NJ_AGAIN, "the connection to redis is lost: %s",
                       redis->context->errstr);
    }
    redis->reply = reply;
    if (redis->reply->type == REDIS_REPLY_ERROR) {
        return fail_told(redis->reply, err);
    }
    *out = answer_of(redis->reply);
    return NJ_OK;
}

nj_status nj_redis_ask(nj_redis *redis, const nj_slice *words, size_t count, nj_redis_answer *out,
                       nj_error *err)
{
    nj_buffer command;
    nj_buffer_init(&command, ASK_BYTES_MAX);
    nj_status status = nj_resp_append(&command, words, count);
    status = status == NJ_OK ? nj_redis_send(redis, nj_buffer_slice(&command), err)
                             : nj_fail(err, status, "no memory for a command");
    nj_buffer_fini(&command);
    return status != NJ_OK ? status : nj_redis_next(redis, out, err);
}

nj_redis_answer nj_redis_element(const nj_redis_answer *answer, size_t index)
{
    return answer_of(answer->list[index]);
}
