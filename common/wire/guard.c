#include "common/wire/guard.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <linux/tcp.h>
#include <malloc.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/log.h"

#define CUTS_SAID_MAX 100 // who is cut off all night fills no disk
#define NS_PER_MS 1000000ull
#define ADDRESS_BYTES (INET6_ADDRSTRLEN + 8)

// What is known of the socket behind one descriptor number.
typedef struct {
    uint64_t cookie; // the kernel's name of the socket; 0: none was seen
    uint64_t first_ns;
    uint64_t changed_ns; // when bytes last came
    uint64_t received;
    uint64_t mark; // `received` when a message was last delivered
    bool ours;     // a connection of the router
} connection;

struct nj_guard {
    DIR *descriptors; // /proc/self/fd, kept open: opening it again may be what is not possible
    connection *connections; // [limit] by descriptor
    atomic_bool *heard;      // [limit] a message was delivered since the last scan
    size_t limit;
    size_t open_count; // of the last scan
    int listener;      // -1 until it was seen
    bool shut;         // nobody new is let in
    uint64_t proven_bytes;
    uint64_t budget_bytes;
    pthread_t thread;
    bool started;
    atomic_bool ending;
    pthread_mutex_t mutex;
    nj_guard_cuts cuts; // under the mutex, written by the scan alone
    unsigned shut_count;
    bool hoarded; // a connection that held much was ended by the last scan
    uint16_t port;
};

static size_t raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return NJ_GUARD_DESCRIPTORS_MAX;
    }
    rlim_t wanted =
        limit.rlim_max < NJ_GUARD_DESCRIPTORS_MAX ? limit.rlim_max : NJ_GUARD_DESCRIPTORS_MAX;
    if (limit.rlim_cur < wanted) {
        limit.rlim_cur = wanted;
        (void)setrlimit(RLIMIT_NOFILE, &limit); // a lower limit is a smaller night, not an error
        (void)getrlimit(RLIMIT_NOFILE, &limit);
    }
    return limit.rlim_cur < NJ_GUARD_DESCRIPTORS_MAX ? limit.rlim_cur : NJ_GUARD_DESCRIPTORS_MAX;
}

nj_status nj_guard_open(uint16_t port, uint64_t proven_bytes, uint64_t budget_bytes, nj_guard **out,
                        nj_error *err)
{
    nj_guard *guard = calloc(1, sizeof *guard);
    nj_status status = NJ_OK;
    if (guard != NULL) {
        *guard =
            (nj_guard){.port = port, .proven_bytes = proven_bytes, .budget_bytes = budget_bytes};
        guard->listener = -1;
        guard->limit = raise_limit();
        guard->connections = calloc(guard->limit, sizeof *guard->connections);
        guard->heard = calloc(guard->limit, sizeof *guard->heard);
        pthread_mutex_init(&guard->mutex, NULL);
    }
    if (guard == NULL || guard->connections == NULL || guard->heard == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory to watch connections");
    } else {
        guard->descriptors = opendir("/proc/self/fd");
        if (guard->descriptors == NULL) {
            status = nj_fail_errno(err, NJ_IO, errno, "/proc/self/fd");
        }
    }
    if (status != NJ_OK) {
        nj_guard_close(&guard);
        return status;
    }
    *out = guard;
    return NJ_OK;
}

void nj_guard_close(nj_guard **guard)
{
    nj_guard *old = *guard;
    if (old == NULL) {
        return;
    }
    if (old->started) {
        atomic_store(&old->ending, true);
        pthread_join(old->thread, NULL);
    }
    if (old->descriptors != NULL) {
        closedir(old->descriptors);
    }
    pthread_mutex_destroy(&old->mutex);
    free(old->heard);
    free(old->connections);
    free(old);
    *guard = NULL;
}

nj_guard_cuts nj_guard_cut(nj_guard *guard)
{
    pthread_mutex_lock(&guard->mutex);
    nj_guard_cuts cuts = guard->cuts;
    pthread_mutex_unlock(&guard->mutex);
    return cuts;
}

void nj_guard_heard(nj_guard *guard, int fd)
{
    if (fd >= 0 && (size_t)fd < guard->limit) {
        atomic_store_explicit(&guard->heard[fd], true, memory_order_relaxed);
    }
}

// ---- one connection ----

static uint16_t port_of(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET) {
        return ntohs(((const struct sockaddr_in *)(const void *)address)->sin_port);
    }
    return address->ss_family == AF_INET6
               ? ntohs(((const struct sockaddr_in6 *)(const void *)address)->sin6_port)
               : 0;
}

static bool belongs_to_router(const nj_guard *guard, int fd)
{
    struct sockaddr_storage local = {0};
    socklen_t bytes = sizeof local;
    return getsockname(fd, (struct sockaddr *)&local, &bytes) == 0 &&
           port_of(&local) == guard->port;
}

static bool is_listener(int fd)
{
    int listens = 0;
    socklen_t bytes = sizeof listens;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &bytes) == 0 && listens != 0;
}

static void print_peer(int fd, char out[ADDRESS_BYTES])
{
    struct sockaddr_storage peer = {0};
    socklen_t bytes = sizeof peer;
    char text[INET6_ADDRSTRLEN] = "a closed connection";
    if (getpeername(fd, (struct sockaddr *)&peer, &bytes) == 0) {
        const void *address =
            peer.ss_family == AF_INET
                ? (const void *)&((const struct sockaddr_in *)(const void *)&peer)->sin_addr
                : (const void *)&((const struct sockaddr_in6 *)(const void *)&peer)->sin6_addr;
        (void)inet_ntop(peer.ss_family, address, text, sizeof text);
    }
    snprintf(out, ADDRESS_BYTES, "%s:%u", text, port_of(&peer));
}

static bool is_crowded(const nj_guard *guard)
{
    return guard->open_count > guard->limit / 2;
}

static void count_cut(nj_guard *guard, uint64_t *counter)
{
    pthread_mutex_lock(&guard->mutex);
    (*counter)++;
    pthread_mutex_unlock(&guard->mutex);
}

// The reason why it ends, or NULL.
static const char *judge(nj_guard *guard, const connection *c, uint64_t sent, uint64_t now_ns)
{
    const bool proven = sent >= guard->proven_bytes;
    const bool crowded = is_crowded(guard);
    if (!proven && (c->received > NJ_GUARD_GREETING_BYTES ||
                    (crowded && now_ns - c->first_ns > NJ_GUARD_CROWDED_MS * NS_PER_MS))) {
        count_cut(guard, &guard->cuts.unproven_count);
        return crowded ? "no handshake, and connections run short" : "no handshake";
    }
    if (c->received - c->mark > guard->budget_bytes) {
        count_cut(guard, &guard->cuts.hoard_count);
        guard->hoarded = true;
        return "no message comes of what it sends";
    }
    if (now_ns - c->changed_ns > NJ_GUARD_SILENCE_MS * NS_PER_MS) {
        count_cut(guard, &guard->cuts.silent_count);
        return "it says nothing";
    }
    return NULL;
}

static void end_connection(const nj_guard *guard, int fd, const char *reason, uint64_t received)
{
    const uint64_t count =
        guard->cuts.unproven_count + guard->cuts.hoard_count + guard->cuts.silent_count;
    if (count <= CUTS_SAID_MAX) {
        char peer[ADDRESS_BYTES];
        print_peer(fd, peer);
        nj_log(NJ_LOG_WARNING, "connection from %s is ended after %" PRIu64 " bytes: %s%s", peer,
               received, reason, count == CUTS_SAID_MAX ? "; further ones are not reported" : "");
    }
    (void)shutdown(fd, SHUT_RDWR); // libzmq sees the end, frees what it holds, and closes
}

static void look_at(nj_guard *guard, int fd, uint64_t now_ns)
{
    connection *c = &guard->connections[fd];
    uint64_t cookie = 0;
    socklen_t bytes = sizeof cookie;
    if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &bytes) != 0) {
        c->cookie = 0; // a file, or closed meanwhile
        return;
    }
    if (cookie != c->cookie) {
        *c = (connection){.cookie = cookie, .first_ns = now_ns, .changed_ns = now_ns};
        c->ours = belongs_to_router(guard, fd);
        if (c->ours && is_listener(fd)) {
            c->ours = false;
            guard->listener = fd;
        }
    }
    struct tcp_info info = {0};
    bytes = sizeof info;
    if (!c->ours || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &bytes) != 0) {
        return;
    }
    if (info.tcpi_bytes_received != c->received) {
        c->received = info.tcpi_bytes_received;
        c->changed_ns = now_ns;
    }
    if (atomic_exchange_explicit(&guard->heard[fd], false, memory_order_relaxed)) {
        c->mark = c->received;
    }
    const char *reason = judge(guard, c, info.tcpi_bytes_sent, now_ns);
    if (reason != NULL) {
        end_connection(guard, fd, reason, c->received);
        c->ours = false; // until its descriptor is closed
    }
}

// A filter that lets no packet through; connections that stand have their own sockets and notice nothing.
static void set_gate(nj_guard *guard, bool shut)
{
    struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
    const struct sock_fprog program = {1, &nothing};
    if (guard->shut == shut || guard->listener < 0) {
        return;
    }
    if (setsockopt(guard->listener, SOL_SOCKET, shut ? SO_ATTACH_FILTER : SO_DETACH_FILTER,
                   &program, sizeof program) != 0) {
        return; // libzmq then accepts as long as there are descriptors
    }
    guard->shut = shut;
    guard->shut_count += shut;
    if (shut && guard->shut_count <= CUTS_SAID_MAX) {
        nj_log(
            NJ_LOG_WARNING,
            "%zu of %zu descriptors are in use: nobody new is let in until there is room (ulimit "
            "-n)",
            guard->open_count, guard->limit);
    }
}

uint32_t nj_guard_scan(nj_guard *guard, uint64_t now_ns)
{
    if (guard->hoarded) {
        // What a hoarder's connection held lies free in an arena of libzmq's thread, which would keep it.
        (void)malloc_trim(0);
        guard->hoarded = false;
    }
    size_t count = 0;
    rewinddir(guard->descriptors);
    const struct dirent *entry;
    while ((entry = readdir(guard->descriptors)) != NULL) {
        char *end = NULL;
        unsigned long fd = strtoul(entry->d_name, &end, 10);
        if (end != entry->d_name && *end == '\0' && fd < guard->limit) {
            look_at(guard, (int)fd, now_ns);
            count++;
        }
    }
    guard->open_count = count;
    if (is_crowded(guard) || count < guard->limit / 4) {
        set_gate(guard, is_crowded(guard));
    }
    const size_t pause_ms = NJ_GUARD_SCAN_MS + count * NJ_GUARD_SCAN_US_EACH / 1000;
    return pause_ms < NJ_GUARD_SCAN_MS_MAX ? (uint32_t)pause_ms : NJ_GUARD_SCAN_MS_MAX;
}

// ---- the thread ----

static void *keep_scanning(void *argument)
{
    nj_guard *guard = argument;
    while (!atomic_load(&guard->ending)) {
        const uint32_t pause_ms = nj_guard_scan(guard, nj_clock_mono_ns());
        const struct timespec pause = {.tv_nsec = (long)(pause_ms * NS_PER_MS)};
        nanosleep(&pause, NULL);
    }
    return NULL;
}

// Signals are the daemon's own: the thread takes none.
nj_status nj_guard_start(nj_guard *guard, nj_error *err)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int problem = pthread_create(&guard->thread, NULL, keep_scanning, guard);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (problem != 0) {
        return nj_fail_errno(err, NJ_FAILED, problem, "cannot start the guard of connections");
    }
    guard->started = true;
    return NJ_OK;
}
