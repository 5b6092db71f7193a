#include "common/store/pin.h"

#include <errno.h>
#include <unistd.h>

#include "common/base/failpoint.h"
#include "common/store/schema.h"

// The kernel's words for "this file system has no hard links", or no more of them for this file.
static bool lacks_links(int errno_value)
{
    return errno_value == EPERM || errno_value == EOPNOTSUPP || errno_value == ENOSYS ||
           errno_value == EXDEV || errno_value == EMLINK;
}

// NJ_END where there are no links.
static nj_status link_file(const char *from, const char *to, const char *file, nj_error *err)
{
    nj_path old_path;
    nj_path new_path;
    nj_status status = nj_path_join(from, file, &old_path, err);
    if (status == NJ_OK) {
        status = nj_path_join(to, file, &new_path, err);
    }
    if (status != NJ_OK || link(old_path.text, new_path.text) == 0 || errno == EEXIST) {
        return status;
    }
    if (lacks_links(errno)) {
        return NJ_END;
    }
    return nj_fail_errno(err, errno == ENOENT ? NJ_NOT_FOUND : NJ_IO, errno, "%s: cannot link",
                         old_path.text);
}

nj_status nj_store_pin(const char *store_dir, const char *name, const char *folder, nj_error *err)
{
    nj_path from;
    nj_path to;
    nj_status status = nj_path_join(store_dir, name, &from, err);
    if (status == NJ_OK) {
        status = nj_path_join(folder, name, &to, err);
    }
    if (status == NJ_OK) {
        status = nj_folder_make(to.text, err);
    }
    if (status == NJ_OK) {
        status = link_file(from.text, to.text, NJ_STORE_WORDS.DATA, err);
    }
    if (status == NJ_OK) {
        status = link_file(from.text, to.text, NJ_STORE_WORDS.MANIFEST, err);
    }
    if (status == NJ_END) {
        return nj_folder_remove(to.text, err);
    }
    if (status == NJ_OK) {
        status = nj_folder_sync(to.text, err);
    }
    return status == NJ_OK ? NJ_FAILPOINT_STEP(STAGING_PINNED, err) : status;
}

nj_status nj_store_pinned_dir(const char *store_dir, const char *name, nj_path *out, nj_error *err)
{
    nj_path held;
    nj_status status = nj_path_join(store_dir, NJ_STORE_WORDS.STAGING, out, err);
    if (status == NJ_OK) {
        status = nj_path_join(out->text, name, &held, err);
    }
    if (status == NJ_OK && !nj_folder_exists(held.text)) {
        status = nj_path_copy(store_dir, out, err);
    }
    return status;
}
