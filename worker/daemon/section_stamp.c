#include "worker/daemon/section_stamp.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define NS_PER_S INT64_C(1000000000)
#define STAMP_BYTES_MAX 256

static int64_t to_ns(struct timespec time)
{
    return (int64_t)time.tv_sec * NS_PER_S + time.tv_nsec;
}

bool nj_section_mark_of(const char *path, nj_section_mark *out)
{
    struct stat about;
    struct timespec now;
    if (stat(path, &about) != 0 || !S_ISREG(about.st_mode)) {
        return false;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    *out = (nj_section_mark){.device = (uint64_t)about.st_dev,
                             .inode = (uint64_t)about.st_ino,
                             .size = (uint64_t)about.st_size,
                             .mtime_ns = to_ns(about.st_mtim),
                             .ctime_ns = to_ns(about.st_ctim)};
    out->settled = to_ns(now) - out->ctime_ns >= NJ_STAMP_SETTLE_MS * (NS_PER_S / 1000);
    return true;
}

bool nj_section_mark_same(const nj_section_mark *a, const nj_section_mark *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

static nj_status stamp_path(const char *folder, const nj_section_mark *mark, nj_path *out,
                            nj_error *err)
{
    char name[64];
    snprintf(name, sizeof name, "file-%" PRIx64 "-%" PRIx64, mark->device, mark->inode);
    return nj_path_join(folder, name, out, err);
}

// Everything that must be as it was, in front of the digest.
static int print_mark(const nj_section_mark *mark, char out[STAMP_BYTES_MAX])
{
    return snprintf(out, STAMP_BYTES_MAX,
                    "%" PRIx64 " %" PRIx64 " %" PRIu64 " %" PRId64 " %" PRId64 " ", mark->device,
                    mark->inode, mark->size, mark->mtime_ns, mark->ctime_ns);
}

bool nj_section_stamp_find(const char *folder, const nj_section_mark *mark, nj_digest *out)
{
    nj_path path;
    char *text = NULL;
    size_t size = 0;
    char expected[STAMP_BYTES_MAX];
    if (stamp_path(folder, mark, &path, NULL) != NJ_OK ||
        nj_file_read(path.text, STAMP_BYTES_MAX, &text, &size, NULL) != NJ_OK) {
        return false;
    }
    const size_t length = (size_t)print_mark(mark, expected);
    const bool good = size > length && memcmp(text, expected, length) == 0 &&
                      nj_digest_from_hex(text + length, out);
    free(text);
    return good;
}

nj_status nj_section_stamp_write(const char *folder, const nj_section_mark *mark,
                                 const nj_digest *digest, nj_error *err)
{
    nj_path path;
    char text[STAMP_BYTES_MAX];
    if (!mark->settled) {
        return NJ_OK;
    }
    nj_status status = stamp_path(folder, mark, &path, err);
    if (status != NJ_OK) {
        return status;
    }
    const size_t length = (size_t)print_mark(mark, text);
    nj_digest_hex(digest, text + length);
    return nj_file_write(path.text, text, length + NJ_DIGEST_HEX_BYTES - 1, err);
}
