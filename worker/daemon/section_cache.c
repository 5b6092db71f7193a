#include "worker/daemon/section_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/log.h"

#define TOUCH_S (24 * 3600)
#define PRUNE_S 3600 // between two looks through the folder

static nj_status default_folder(nj_path *out, nj_error *err)
{
    const char *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    if (cache != NULL && cache[0] == '/') {
        return nj_path_join(cache, "nightjar", out, err);
    }
    if (home != NULL && home[0] == '/' && access(home, W_OK) == 0) {
        return nj_path_join(home, ".cache/nightjar", out, err);
    }
    char name[32];
    snprintf(name, sizeof name, "nightjar-%u", (unsigned)getuid());
    return nj_path_join("/var/tmp", name, out, err);
}

// What the worker computes with is mapped from these files, so nobody else may write them. A folder that was there keeps its
// mode: it may be a shared one, given by mistake.
static nj_status check_owner(const char *folder, nj_error *err)
{
    struct stat about;
    if (stat(folder, &about) != 0) {
        return nj_fail_errno(err, NJ_IO, errno, "%s: cannot look at the folder", folder);
    }
    if (about.st_uid != geteuid()) {
        return nj_fail(err, NJ_CONFIG,
                       "%s: the cache folder belongs to user %u, the worker is user %u: give "
                       "another --cache",
                       folder, (unsigned)about.st_uid, (unsigned)geteuid());
    }
    if ((about.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return nj_fail(err, NJ_CONFIG,
                       "%s: the cache folder has mode %04o, others must not write there: give "
                       "another --cache",
                       folder, (unsigned)about.st_mode & 07777);
    }
    return NJ_OK;
}

// The last folder is made private at once, not afterwards: another worker may be looking at it already.
static nj_status make_folder(const char *folder, nj_error *err)
{
    nj_path parent;
    nj_status status = nj_path_copy(folder, &parent, err);
    if (status != NJ_OK) {
        return status;
    }
    char *slash = strrchr(parent.text, '/');
    if (slash != NULL && slash != parent.text) {
        *slash = '\0';
        status = nj_folder_make(parent.text, err);
    }
    if (status != NJ_OK || mkdir(folder, 0700) == 0) {
        return status;
    }
    int why = errno; // the look at the folder has an errno of its own
    if (nj_folder_exists(folder)) {
        return NJ_OK;
    }
    return why == EEXIST ? nj_fail(err, NJ_INPUT, "%s: is not a folder", folder)
                         : nj_fail_errno(err, NJ_IO, why, "%s: cannot make folder", folder);
}

nj_status nj_section_cache_init(nj_section_cache *cache, const char *folder, nj_error *err)
{
    *cache = (nj_section_cache){.draft_fd = -1};
    if (folder != NULL && folder[0] == '\0') {
        return nj_fail(err, NJ_USAGE, "--cache is empty, must be a folder");
    }
    nj_status status = folder != NULL ? nj_path_copy(folder, &cache->folder, err)
                                      : default_folder(&cache->folder, err);
    if (status == NJ_OK) {
        status = make_folder(cache->folder.text, err);
    }
    return status == NJ_OK ? check_owner(cache->folder.text, err) : status;
}

static void drop_draft(nj_section_cache *cache)
{
    if (cache->draft_fd >= 0) {
        close(cache->draft_fd);
        unlink(cache->draft_path.text);
        cache->draft_fd = -1;
    }
}

static void free_plans(nj_mapped_plan **plans)
{
    while (*plans != NULL) {
        nj_mapped_plan *plan = *plans;
        *plans = plan->older;
        for (size_t i = 0; i < plan->count; i++) {
            nj_mapped_close(&plan->mapped[i]);
        }
        free(plan);
    }
}

void nj_section_cache_release(nj_section_cache *cache)
{
    if (cache->plans != NULL) {
        free_plans(&cache->plans->older);
    }
}

void nj_section_cache_fini(nj_section_cache *cache)
{
    drop_draft(cache);
    free_plans(&cache->plans);
}

static nj_status section_path(const nj_section_cache *cache, const nj_digest *digest, nj_path *out,
                              nj_error *err)
{
    char hex[NJ_DIGEST_HEX_BYTES];
    nj_digest_hex(digest, hex);
    return nj_path_join(cache->folder.text, hex, out, err);
}

static bool knows(nj_section_cache *cache, const nj_digest *digest, const nj_section_mark *mark)
{
    for (size_t i = 0; i < NJ_CACHE_KNOWN_MAX; i++) {
        if (nj_digest_equal(&cache->known[i].digest, digest)) {
            return nj_section_mark_same(&cache->known[i].mark, mark);
        }
    }
    nj_digest stamped;
    return nj_section_stamp_find(cache->folder.text, mark, &stamped) &&
           nj_digest_equal(&stamped, digest);
}

static void remember(nj_section_cache *cache, const nj_digest *digest, const nj_section_mark *mark)
{
    size_t place = cache->known_next;
    for (size_t i = 0; i < NJ_CACHE_KNOWN_MAX; i++) {
        if (nj_digest_equal(&cache->known[i].digest, digest)) {
            place = i;
        }
    }
    cache->known[place] = (nj_known_section){*digest, *mark};
    cache->known_next = (place + 1) % NJ_CACHE_KNOWN_MAX;
}

static bool has_digest(const char *path, const nj_digest *digest, uint64_t size)
{
    nj_mapped mapped;
    if (nj_mapped_open(path, &mapped, NULL) != NJ_OK) {
        return false;
    }
    bool good = mapped.size == size;
    if (good) {
        const nj_digest found = nj_digest_of(mapped.bytes, mapped.size);
        good = nj_digest_equal(&found, digest);
    }
    nj_mapped_close(&mapped);
    return good;
}

// Used now: see prune. Once a day is enough, and leaves the file as it was for those who know it.
static void touch(const char *path)
{
    struct stat about;
    if (lstat(path, &about) == 0 && time(NULL) - about.st_mtime > TOUCH_S) {
        utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW);
    }
}

bool nj_section_cache_has(nj_section_cache *cache, const nj_digest *digest, uint64_t size)
{
    nj_path path;
    nj_section_mark mark;
    if (section_path(cache, digest, &path, NULL) != NJ_OK ||
        !nj_section_mark_of(path.text, &mark)) {
        return false;
    }
    if (mark.size == size && knows(cache, digest, &mark)) {
        touch(path.text);
        return true;
    }
    if (!has_digest(path.text, digest, size)) {
        nj_log_event(NJ_EVENT_SECTION_DAMAGED, NJ_FIELDS(nj_log_text("path", path.text)),
                     "%s is damaged: it is fetched again", path.text);
        unlink(path.text);
        return false;
    }
    touch(path.text);
    if (mark.settled) {
        remember(cache, digest, &mark);
    }
    return true;
}

static nj_status begin_draft(nj_section_cache *cache, const nj_digest *digest, nj_error *err)
{
    char name[NJ_DIGEST_HEX_BYTES + 32];
    char hex[NJ_DIGEST_HEX_BYTES];
    drop_draft(cache);
    nj_digest_hex(digest, hex);
    snprintf(name, sizeof name, "%s.tmp.%ld", hex, (long)getpid());
    nj_status status = nj_path_join(cache->folder.text, name, &cache->draft_path, err);
    if (status != NJ_OK) {
        return status;
    }
    cache->draft_fd = open(cache->draft_path.text, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    return cache->draft_fd >= 0
               ? NJ_OK
               : nj_fail_errno(err, NJ_IO, errno, "%s: cannot create", cache->draft_path.text);
}

nj_status nj_section_cache_write(nj_section_cache *cache, const nj_digest *digest, uint64_t offset,
                                 nj_slice bytes, nj_error *err)
{
    nj_status status = offset == 0 ? begin_draft(cache, digest, err) : NJ_OK;
    if (status != NJ_OK) {
        return status;
    }
    if (cache->draft_fd < 0) {
        return nj_fail(err, NJ_FAILED, "a section's bytes arrived before its beginning");
    }
    for (size_t done = 0; done < bytes.size;) {
        ssize_t written =
            pwrite(cache->draft_fd, bytes.bytes + done, bytes.size - done, (off_t)(offset + done));
        if (written <= 0) {
            return nj_fail_errno(err, NJ_IO, errno, "%s: cannot write", cache->draft_path.text);
        }
        done += (size_t)written;
    }
    return NJ_OK;
}

// The first of several workers who fetched the same section gives it its name and the others take his: one file is mapped by all, and
// is in memory once. Where links cannot be made, the last one's stays.
static nj_status place_draft(nj_section_cache *cache, const nj_path *path, const nj_digest *digest,
                             uint64_t size, nj_error *err)
{
    if (link(cache->draft_path.text, path->text) == 0 ||
        (errno == EEXIST && nj_section_cache_has(cache, digest, size))) {
        unlink(cache->draft_path.text);
        return NJ_OK;
    }
    return rename(cache->draft_path.text, path->text) == 0
               ? NJ_OK
               : nj_fail_errno(err, NJ_IO, errno, "%s: cannot rename into place", path->text);
}

nj_status nj_section_cache_finish(nj_section_cache *cache, const nj_digest *digest, uint64_t size,
                                  bool *out_good, nj_error *err)
{
    nj_path path;
    nj_mapped mapped;
    *out_good = false;
    if (cache->draft_fd < 0) { // a section without bytes has no piece
        nj_status status = begin_draft(cache, digest, err);
        if (status != NJ_OK) {
            return status;
        }
    }
    nj_status status = section_path(cache, digest, &path, err);
    if (status == NJ_OK) {
        status = nj_mapped_open(cache->draft_path.text, &mapped, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    nj_digest found = nj_digest_of(mapped.bytes, mapped.size);
    *out_good = mapped.size == size && nj_digest_equal(&found, digest);
    nj_mapped_close(&mapped);
    if (*out_good) {
        status = place_draft(cache, &path, digest, size, err);
        if (status != NJ_OK) {
            return status;
        }
        close(cache->draft_fd);
        cache->draft_fd = -1;
    } else {
        drop_draft(cache);
    }
    return NJ_OK;
}

// Sections and forgotten drafts that nobody has used for long.
static void prune(const nj_section_cache *cache)
{
    DIR *folder = opendir(cache->folder.text);
    if (folder == NULL) {
        return;
    }
    const time_t oldest = time(NULL) - (time_t)NJ_CACHE_DAYS * 24 * 3600;
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        struct stat about;
        const bool is_ours = strspn(entry->d_name, "0123456789abcdef") == 2 * NJ_DIGEST_BYTES ||
                             strncmp(entry->d_name, "file-", strlen("file-")) == 0;
        if (is_ours && fstatat(dirfd(folder), entry->d_name, &about, AT_SYMLINK_NOFOLLOW) == 0 &&
            (S_ISREG(about.st_mode) || S_ISLNK(about.st_mode)) && about.st_mtime < oldest) {
            unlinkat(dirfd(folder), entry->d_name, 0);
        }
    }
    closedir(folder);
}

static void prune_now_and_then(nj_section_cache *cache)
{
    const time_t now = time(NULL);
    if (now - cache->pruned >= PRUNE_S) {
        prune(cache);
        cache->pruned = now;
    }
}

static nj_status map_section(const nj_section_cache *cache, nj_mapped_plan *plan,
                             nj_section *section, nj_error *err)
{
    nj_path path;
    nj_mapped *mapped = &plan->mapped[plan->count];
    nj_status status = section_path(cache, &section->digest, &path, err);
    if (status == NJ_OK) {
        status = nj_mapped_open(path.text, mapped, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    plan->count++;
    if (mapped->size != section->size) {
        return nj_fail(err, NJ_REFUSED,
                       "section \"%s\" in the cache has %zu bytes, the bundle says %zu",
                       section->name, mapped->size, section->size);
    }
    section->bytes = mapped->bytes;
    return NJ_OK;
}

nj_status nj_section_cache_open(nj_section_cache *cache, nj_sections *sections, nj_error *err)
{
    nj_mapped_plan *plan = calloc(1, sizeof *plan);
    if (plan == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to map the sections of a plan");
    }
    plan->older = cache->plans;
    cache->plans = plan;
    for (size_t i = 0; i < sections->count; i++) {
        nj_section *section = &sections->sections[i];
        nj_status status = section->bytes == NULL ? map_section(cache, plan, section, err) : NJ_OK;
        if (status != NJ_OK) {
            return status;
        }
    }
    prune_now_and_then(cache);
    return NJ_OK;
}
