#include "worker/daemon/rendezvous.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"

bool nj_rendezvous_is_file(const char *word)
{
    return strncmp(word, NJ_RENDEZVOUS_FILE, strlen(NJ_RENDEZVOUS_FILE)) == 0;
}

static nj_status take(nj_rendezvous *r, const char *where, const char *text, size_t length,
                      bool *out_moved, nj_error *err)
{
    if (length >= sizeof r->endpoint) {
        return nj_fail(err, NJ_CONFIG, "%s: an endpoint of %zu bytes, the limit is %d", where,
                       length, NJ_ENDPOINT_BYTES - 1);
    }
    *out_moved = strlen(r->endpoint) != length || memcmp(r->endpoint, text, length) != 0;
    memcpy(r->endpoint, text, length); // as text: it ends at a NUL, if it has one
    r->endpoint[length] = '\0';
    return NJ_OK;
}

// A line without its end is being written by somebody who does not rename: it is read again later.
static nj_status read_line(nj_rendezvous *r, const char *path, bool *out_moved, nj_error *err)
{
    char *bytes = NULL;
    size_t size = 0;
    nj_status status = nj_file_read(path, 2 * NJ_ENDPOINT_BYTES, &bytes, &size, err);
    if (status == NJ_NOT_FOUND) {
        return nj_fail(err, NJ_AGAIN, "%s: is not there yet", path);
    }
    if (status != NJ_OK) {
        return status;
    }
    const char *end = memchr(bytes, '\n', size);
    if (end == NULL && size < NJ_ENDPOINT_BYTES) {
        status = nj_fail(err, NJ_AGAIN, "%s: has no whole line yet", path);
    } else {
        status = take(r, path, bytes, end != NULL ? (size_t)(end - bytes) : size, out_moved, err);
    }
    free(bytes);
    return status;
}

nj_status nj_rendezvous_look(nj_rendezvous *r, bool *out_moved, nj_error *err)
{
    *out_moved = false;
    if (!nj_rendezvous_is_file(r->word)) {
        return take(r, "--connect", r->word, strlen(r->word), out_moved, err);
    }
    const char *path = r->word + strlen(NJ_RENDEZVOUS_FILE);
    return path[0] != '\0' ? read_line(r, path, out_moved, err)
                           : nj_fail(err, NJ_CONFIG,
                                     "--connect is \"%s\" without a path: name the file that "
                                     "the coordinator's --ready-file names",
                                     NJ_RENDEZVOUS_FILE);
}
