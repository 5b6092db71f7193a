#include "worker/daemon/section_seed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "worker/daemon/section_stamp.h"

static nj_status read_digest(const nj_section_cache *cache, const char *path, nj_digest *out,
                             nj_error *err)
{
    nj_mapped mapped = {0};
    nj_section_mark before = {0};
    nj_section_mark after = {0};
    const bool marked = nj_section_mark_of(path, &before);
    if (marked && nj_section_stamp_find(cache->folder.text, &before, out)) {
        return NJ_OK;
    }
    nj_status status = nj_mapped_open(path, &mapped, err);
    if (status != NJ_OK) {
        return status;
    }
    *out = nj_digest_of(mapped.bytes, mapped.size);
    nj_mapped_close(&mapped);
    if (!marked || !nj_section_mark_of(path, &after) || !nj_section_mark_same(&before, &after)) {
        return nj_fail(err, NJ_AGAIN, "%s: changes while it is read", path);
    }
    return nj_section_stamp_write(cache->folder.text, &before, out, err);
}

// A section that was fetched once stays: it is checked as any other.
static nj_status place_link(const nj_path *name, const char *target, nj_error *err)
{
    char temporary[NJ_PATH_BYTES + 32];
    struct stat about;
    if (lstat(name->text, &about) == 0 && S_ISREG(about.st_mode)) {
        return NJ_OK;
    }
    snprintf(temporary, sizeof temporary, "%s.tmp.%ld", name->text, (long)getpid());
    unlink(temporary);
    if (symlink(target, temporary) != 0 || rename(temporary, name->text) != 0) {
        const int why = errno;
        unlink(temporary);
        return nj_fail_errno(err, NJ_IO, why, "%s: cannot link to %s", name->text, target);
    }
    return NJ_OK;
}

nj_status nj_section_cache_seed(nj_section_cache *cache, const char *path, nj_digest *out_digest,
                                nj_error *err)
{
    nj_path name;
    char hex[NJ_DIGEST_HEX_BYTES];
    char *target = realpath(path, NULL);
    if (target == NULL) {
        return nj_fail_open(err, errno, path);
    }
    nj_status status = read_digest(cache, target, out_digest, err);
    if (status == NJ_OK) {
        nj_digest_hex(out_digest, hex);
        status = nj_path_join(cache->folder.text, hex, &name, err);
    }
    if (status == NJ_OK) {
        status = place_link(&name, target, err);
    }
    free(target);
    return status;
}
