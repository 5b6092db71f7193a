#include "common/http/listen.h"

#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024 // a client that does not wait is refused when it is full
#define HOST_BYTES 64
#define UNIX_PREFIX "unix:"

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

static nj_status end_bind(int fd, bool bound, int why, const char *address, int *out_fd,
                          nj_error *err)
{
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

static nj_status bind_numbers(const char *address, int *out_fd, nj_error *err)
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
    return end_bind(fd, bound, why, address, out_fd, err);
}

// A socket that a killed server has left: nobody answers on it any more. Another file refuses a connection too, and stays.
static bool is_abandoned(const struct sockaddr_un *where)
{
    struct stat about;
    if (lstat(where->sun_path, &about) != 0 || !S_ISSOCK(about.st_mode)) {
        return false;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool refused = fd >= 0 &&
                         connect(fd, (const struct sockaddr *)where, sizeof *where) != 0 &&
                         errno == ECONNREFUSED;
    if (fd >= 0) {
        close(fd);
    }
    return refused;
}

static nj_status bind_path(const char *address, int *out_fd, nj_error *err)
{
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    const char *path = address + strlen(UNIX_PREFIX);
    if (path[0] != '/' || strlen(path) >= sizeof where.sun_path) {
        return nj_fail(err, NJ_USAGE,
                       "\"%.200s\": the socket's path begins with / and has at most %zu bytes",
                       address, sizeof where.sun_path - 1);
    }
    memcpy(where.sun_path, path, strlen(path) + 1);
    if (is_abandoned(&where)) {
        unlink(path);
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool bound = fd >= 0 && bind(fd, (const struct sockaddr *)&where, sizeof where) == 0 &&
                 listen(fd, BACKLOG) == 0;
    return end_bind(fd, bound, errno, address, out_fd, err);
}

static void note_address(int fd, char out[NJ_HTTP_ADDRESS_BYTES])
{
    struct sockaddr_storage name;
    socklen_t size = sizeof name;
    char host[HOST_BYTES] = "?";
    char port[16] = "?";
    if (getsockname(fd, (struct sockaddr *)&name, &size) == 0) {
        (void)getnameinfo((struct sockaddr *)&name, size, host, sizeof host, port, sizeof port,
                          NI_NUMERICHOST | NI_NUMERICSERV);
    }
    snprintf(out, NJ_HTTP_ADDRESS_BYTES, name.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
             port);
}

nj_status nj_listen_open(const char *address, nj_listen *out, nj_error *err)
{
    nj_listen opened = {.fd = -1};
    const bool is_path = strncmp(address, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0;
    nj_status status =
        is_path ? bind_path(address, &opened.fd, err) : bind_numbers(address, &opened.fd, err);
    if (status != NJ_OK) {
        return status;
    }
    if (is_path) {
        snprintf(opened.address, sizeof opened.address, "%s", address);
    } else {
        note_address(opened.fd, opened.address);
    }
    *out = opened;
    return NJ_OK;
}

void nj_listen_forget(const nj_listen *listening)
{
    if (strncmp(listening->address, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0) {
        unlink(listening->address + strlen(UNIX_PREFIX));
    }
}
