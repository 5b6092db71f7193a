#include "common/wire/allow_watch.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static int64_t to_ns(struct timespec time)
{
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static nj_status take_mark(const char *path, nj_file_mark *out, nj_error *err)
{
    struct stat about;
    if (stat(path, &about) != 0) {
        return nj_fail_errno(err, errno == ENOENT ? NJ_NOT_FOUND : NJ_IO, errno, "%s", path);
    }
    *out = (nj_file_mark){about.st_dev, about.st_ino, (uint64_t)about.st_size, to_ns(about.st_mtim),
                          to_ns(about.st_ctim)};
    return NJ_OK;
}

static bool same_mark(const nj_file_mark *a, const nj_file_mark *b)
{
    return a->device == b->device && a->inode == b->inode && a->bytes == b->bytes &&
           a->modified_ns == b->modified_ns && a->changed_ns == b->changed_ns;
}

static nj_status read_list(const char *path, nj_allowlist *out, nj_error *err)
{
    nj_allowlist list = {0};
    nj_status status = nj_allowlist_read(path, &list, err);
    if (status == NJ_OK && list.count == 0) {
        nj_allowlist_fini(&list);
        return nj_fail(err, NJ_INPUT, "%s: holds no key, so no worker could ever connect", path);
    }
    if (status == NJ_OK) {
        *out = list;
    }
    return status;
}

// The mark is taken before the content is read: a change in between is seen at the next look.
nj_status nj_allow_watch_open(nj_allow_watch *watch, const char *path, uint64_t now_ns,
                              nj_allowlist *out, nj_error *err)
{
    *watch = (nj_allow_watch){.path = path, .due_ns = now_ns};
    (void)!take_mark(path, &watch->mark, err); // reading says better what is wrong
    return read_list(path, out, err);
}

nj_status nj_allow_watch_poll(nj_allow_watch *watch, bool asked, uint64_t now_ns, nj_allowlist *out,
                              nj_error *err)
{
    if (!asked && now_ns < watch->due_ns) {
        return NJ_AGAIN;
    }
    watch->due_ns = now_ns + NJ_ALLOW_WATCH_MS * 1000000ull;
    nj_file_mark mark;
    const bool said = watch->complained && !asked;
    nj_status status = take_mark(watch->path, &mark, err);
    if (status == NJ_OK && !asked && !watch->complained && same_mark(&mark, &watch->mark)) {
        return NJ_AGAIN;
    }
    if (status == NJ_OK) {
        watch->mark = mark;
        status = read_list(watch->path, out, err);
    }
    // What is wrong with the content stays wrong until the file changes; what kept it from being read may pass.
    watch->complained = status != NJ_OK && status != NJ_INPUT;
    return watch->complained && said ? NJ_AGAIN : status;
}
