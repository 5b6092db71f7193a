// serve_load.c - asks `nightjar serve-cache` for random users at a fixed rate and says how long the answers took.
//
//   bench_serve_load unix:/PATH | 127.0.0.1:PORT USERS RATE SECONDS [CONNECTIONS]
//
// Open loop: request i is due at i / RATE whatever came of those before, and its time runs from then; a server that falls behind is seen.
// Users are 0 to USERS - 1. Exits 1 for an answer that is not 200.
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"

#define CONNECTIONS_MAX 256
#define ANSWER_BYTES 65536
#define NS_PER_S 1000000000u

typedef struct {
    uint64_t due_ns; // of the request under way; 0: none
    size_t used;
    char answer[ANSWER_BYTES];
} line;

typedef struct {
    line lines[CONNECTIONS_MAX];
    struct pollfd polls[CONNECTIONS_MAX];
    size_t count;
    uint64_t began_ns, interval_ns, users, state;
    uint64_t total, sent, answered;
    uint32_t *took_ns; // [total]
} load;

static void fail(const char *what)
{
    fprintf(stderr, "serve_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int dial(const char *address)
{
    int fd;
    int on = 1;
    if (strncmp(address, "unix:", 5) == 0) {
        struct sockaddr_un where = {.sun_family = AF_UNIX};
        snprintf(where.sun_path, sizeof where.sun_path, "%s", address + 5);
        fd = socket(AF_UNIX, SOCK_STREAM, 0);
        if (connect(fd, (struct sockaddr *)&where, sizeof where) != 0) {
            fail(address);
        }
        return fd;
    }
    const char *colon = strrchr(address, ':');
    struct sockaddr_in where = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)strtoul(colon != NULL ? colon + 1 : "0", NULL, 10)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&where, sizeof where) != 0) {
        fail(address);
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void send_request(load *all, size_t at)
{
    char request[128];
    all->state = all->state * 6364136223846793005u + 1442695040888963407u;
    const int size =
        snprintf(request, sizeof request, "GET /users/%" PRIu64 " HTTP/1.1\r\nHost: x\r\n\r\n",
                 (all->state >> 33) % all->users);
    all->lines[at].due_ns = all->began_ns + all->sent * all->interval_ns;
    all->lines[at].used = 0;
    all->sent++;
    if (send(all->polls[at].fd, request, (size_t)size, MSG_NOSIGNAL) != size) {
        fail("send");
    }
}

static int answer_is_whole(const line *l)
{
    const char *body = strstr(l->answer, "\r\n\r\n");
    const char *length = strstr(l->answer, "Content-Length: ");
    return body != NULL && length != NULL && length < body &&
           l->used >= (size_t)(body + 4 - l->answer) + strtoul(length + 16, NULL, 10);
}

static void take_answer(load *all, size_t at)
{
    line *l = &all->lines[at];
    const ssize_t size =
        recv(all->polls[at].fd, l->answer + l->used, ANSWER_BYTES - 1 - l->used, 0);
    if (size <= 0) {
        fail("recv");
    }
    l->used += (size_t)size;
    l->answer[l->used] = '\0';
    if (!answer_is_whole(l)) {
        return;
    }
    if (strncmp(l->answer, "HTTP/1.1 200 ", 13) != 0) {
        fprintf(stderr, "serve_load: %.60s\n", l->answer);
        exit(1);
    }
    all->took_ns[all->answered++] = (uint32_t)(nj_clock_mono_ns() - l->due_ns);
    l->due_ns = 0;
}

static void send_what_is_due(load *all)
{
    for (size_t i = 0; i < all->count && all->sent < all->total &&
                       nj_clock_mono_ns() >= all->began_ns + all->sent * all->interval_ns;
         i++) {
        if (all->lines[i].due_ns == 0) {
            send_request(all, i);
        }
    }
}

static void run(load *all)
{
    all->began_ns = nj_clock_mono_ns();
    while (all->answered < all->total) {
        send_what_is_due(all);
        const uint64_t next_ns = all->began_ns + all->sent * all->interval_ns;
        const uint64_t now_ns = nj_clock_mono_ns();
        const uint64_t wait_ns = all->sent == all->total ? NS_PER_S
                                 : next_ns > now_ns      ? next_ns - now_ns
                                                         : all->interval_ns;
        const struct timespec wait = {(time_t)(wait_ns / NS_PER_S), (long)(wait_ns % NS_PER_S)};
        if (ppoll(all->polls, (nfds_t)all->count, &wait, NULL) < 0) {
            fail("ppoll");
        }
        for (size_t i = 0; i < all->count; i++) {
            if ((all->polls[i].revents & (POLLIN | POLLHUP)) != 0) {
                take_answer(all, i);
            }
        }
    }
}

static int order_times(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    load *all = calloc(1, sizeof *all);
    if (argc < 5 || all == NULL) {
        fprintf(stderr, "usage: bench_serve_load ADDRESS USERS RATE SECONDS [CONNECTIONS]\n");
        return 2;
    }
    all->users = strtoull(argv[2], NULL, 10);
    const uint64_t rate = strtoull(argv[3], NULL, 10);
    all->total = rate * strtoull(argv[4], NULL, 10);
    all->count = argc > 5 ? strtoul(argv[5], NULL, 10) : 16;
    if (all->users == 0 || rate == 0 || all->total < 1000 || all->count == 0 ||
        all->count > CONNECTIONS_MAX) {
        fprintf(stderr, "serve_load: nothing to ask, or more than %d connections\n",
                CONNECTIONS_MAX);
        return 2;
    }
    all->interval_ns = NS_PER_S / rate;
    all->took_ns = calloc(all->total, sizeof *all->took_ns);
    for (size_t i = 0; i < all->count; i++) {
        all->polls[i] = (struct pollfd){.fd = dial(argv[1]), .events = POLLIN};
    }
    run(all);
    const double seconds = (double)(nj_clock_mono_ns() - all->began_ns) / NS_PER_S;
    qsort(all->took_ns, all->total, sizeof *all->took_ns, order_times);
    printf("%" PRIu64
           " answers in %.2f s, %.0f a second; p50 %u us, p99 %u us, p99.9 %u us, longest "
           "%u us\n",
           all->total, seconds, (double)all->total / seconds, all->took_ns[all->total / 2] / 1000,
           all->took_ns[all->total - 1 - all->total / 100] / 1000,
           all->took_ns[all->total - 1 - all->total / 1000] / 1000,
           all->took_ns[all->total - 1] / 1000);
    free(all->took_ns);
    free(all);
    return 0;
}
