#include "coordinator/daemon/ready_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/wire/socket.h"

// What is bound to every address of a host is, for another host, that other one itself.
static bool is_every_address(const char *endpoint)
{
    static const char EVERY[] = "tcp://0.0.0.0:";
    return strncmp(endpoint, EVERY, strlen(EVERY)) == 0;
}

nj_status nj_ready_file_write(nj_ready_file *file, const char *endpoint, nj_error *err)
{
    char line[NJ_ENDPOINT_BYTES + 1];
    if (file->path == NULL) {
        return NJ_OK;
    }
    const int length = snprintf(line, sizeof line, "%s\n", endpoint);
    nj_status status = nj_file_write(file->path, line, (size_t)length, err);
    if (status == NJ_OK) {
        file->endpoint = endpoint;
    }
    if (status == NJ_OK && is_every_address(endpoint)) {
        nj_log(NJ_LOG_WARNING,
               "%s: %s leads workers of other hosts to themselves: for those give --bind an "
               "address of this host",
               file->path, endpoint);
    }
    return status;
}

static bool is_ours(const nj_ready_file *file)
{
    char *bytes = NULL;
    size_t size = 0;
    const size_t length = strlen(file->endpoint);
    const bool same = nj_file_read(file->path, NJ_ENDPOINT_BYTES, &bytes, &size, NULL) == NJ_OK &&
                      size == length + 1 && memcmp(bytes, file->endpoint, length) == 0;
    free(bytes);
    return same;
}

void nj_ready_file_remove(nj_ready_file *file)
{
    if (file->endpoint != NULL && is_ours(file)) {
        (void)unlink(file->path);
    }
    file->endpoint = NULL;
}
