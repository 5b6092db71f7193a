#include "common/base/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ALIVE_PARTS 3 // of the manager's patience between two signs of life

static struct {
    int fd; // meant only where address_bytes is not 0
    struct sockaddr_un address;
    socklen_t address_bytes; // 0: nobody asks
    uint64_t watchdog_us;    // 0: nobody watches
    uint64_t alive_ns;       // when it was said last
    bool has_said;
} manager;

// An absolute path, or "@" and a name that is in no file system.
static void set_address(const char *where)
{
    const size_t length = where != NULL ? strlen(where) : 0;
    if (length < 2 || length >= sizeof manager.address.sun_path ||
        (where[0] != '/' && where[0] != '@')) {
        return;
    }
    manager.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (manager.fd < 0) {
        return;
    }
    manager.address.sun_family = AF_UNIX;
    memcpy(manager.address.sun_path, where, length);
    if (where[0] == '@') {
        manager.address.sun_path[0] = '\0';
    }
    manager.address_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

static bool read_number(const char *text, uint64_t *out)
{
    char *end = NULL;
    if (text == NULL || text[0] < '0' || text[0] > '9') {
        return false;
    }
    errno = 0;
    *out = strtoull(text, &end, 10);
    return *end == '\0' && errno == 0;
}

// The process id says whose watchdog it is; without one it is everybody's.
static uint64_t read_watchdog_us(void)
{
    const char *for_whom = getenv("WATCHDOG_PID");
    uint64_t us = 0;
    uint64_t pid = 0;
    if (for_whom != NULL && (!read_number(for_whom, &pid) || pid != (uint64_t)getpid())) {
        return 0;
    }
    return read_number(getenv("WATCHDOG_USEC"), &us) && us <= UINT32_MAX * UINT64_C(1000) ? us : 0;
}

void nj_notify_open(void)
{
    nj_notify_close();
    set_address(getenv("NOTIFY_SOCKET"));
    manager.watchdog_us = manager.address_bytes > 0 ? read_watchdog_us() : 0;
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

void nj_notify_close(void)
{
    if (manager.address_bytes > 0) {
        close(manager.fd);
    }
    memset(&manager, 0, sizeof manager);
}

static void tell(const char *text, size_t length)
{
    if (manager.address_bytes > 0) {
        (void)sendto(manager.fd, text, length, MSG_NOSIGNAL | MSG_DONTWAIT,
                     (const struct sockaddr *)&manager.address, manager.address_bytes);
    }
}

void nj_notify_ready(void)
{
    tell("READY=1", strlen("READY=1"));
}

void nj_notify_stopping(void)
{
    tell("STOPPING=1", strlen("STOPPING=1"));
}

void nj_notify_status(const char *format, ...)
{
    static const char KEY[] = "STATUS=";
    char text[NJ_NOTIFY_BYTES_MAX + 1];
    va_list arguments;
    memcpy(text, KEY, sizeof KEY);
    va_start(arguments, format);
    vsnprintf(text + strlen(KEY), sizeof text - strlen(KEY), format, arguments);
    va_end(arguments);
    tell(text, strcspn(text, "\n"));
}

uint32_t nj_notify_alive_ms(void)
{
    return (uint32_t)(manager.watchdog_us / ALIVE_PARTS / 1000);
}

void nj_notify_alive(uint64_t now_ns)
{
    if (manager.watchdog_us == 0 ||
        (manager.has_said &&
         now_ns - manager.alive_ns < manager.watchdog_us / ALIVE_PARTS * UINT64_C(1000))) {
        return;
    }
    manager.has_said = true;
    manager.alive_ns = now_ns;
    tell("WATCHDOG=1", strlen("WATCHDOG=1"));
}

void nj_notify_busy(uint32_t patience_ms)
{
    char text[64];
    const uint64_t patience_us = patience_ms * UINT64_C(1000);
    if (manager.watchdog_us == 0 || patience_us <= manager.watchdog_us) {
        return;
    }
    manager.watchdog_us = patience_us;
    const int length =
        snprintf(text, sizeof text, "WATCHDOG_USEC=%" PRIu64 "\nWATCHDOG=1", patience_us);
    tell(text, (size_t)length);
}
