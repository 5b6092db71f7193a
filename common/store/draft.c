#include "common/store/draft.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/failpoint.h"
#include "common/store/schema.h"
#include "common/store/ulid.h"

static bool is_draft_name(const char *name)
{
    size_t prefix = strlen(NJ_STORE_WORDS.DRAFT_PREFIX);
    return strncmp(name, NJ_STORE_WORDS.DRAFT_PREFIX, prefix) == 0 &&
           nj_ulid_valid(nj_slice_from(name + prefix));
}

// A generation may be a link to a folder elsewhere: the link goes, and what it points to is somebody else's.
static nj_status remove_draft(const char *path, nj_error *err)
{
    struct stat about;
    if (lstat(path, &about) == 0 && !S_ISDIR(about.st_mode)) {
        return unlink(path) == 0 || errno == ENOENT
                   ? NJ_OK
                   : nj_fail_errno(err, NJ_IO, errno, "%s: cannot remove", path);
    }
    return nj_folder_remove(path, err);
}

static nj_status sweep_drafts(const char *store_dir, nj_error *err)
{
    DIR *folder = opendir(store_dir);
    if (folder == NULL) {
        return nj_fail_errno(err, NJ_IO, errno, "%s: cannot open folder", store_dir);
    }
    nj_status status = NJ_OK;
    struct dirent *entry;
    while (status == NJ_OK && (entry = readdir(folder)) != NULL) {
        nj_path path;
        if (!is_draft_name(entry->d_name)) {
            continue;
        }
        status = nj_path_join(store_dir, entry->d_name, &path, err);
        if (status == NJ_OK) {
            status = remove_draft(path.text, err);
        }
    }
    closedir(folder);
    return status;
}

static nj_status make_draft_path(const char *store_dir, nj_path *out, nj_error *err)
{
    char name[64];
    nj_ulid ulid = nj_ulid_make(nj_clock_wall_ms());
    snprintf(name, sizeof name, "%s%s", NJ_STORE_WORDS.DRAFT_PREFIX, ulid.text);
    return nj_path_join(store_dir, name, out, err);
}

nj_status nj_folder_draft_begin(const char *store_dir, nj_folder_draft *out, nj_error *err)
{
    nj_folder_draft draft = {0};
    if (strlen(store_dir) >= sizeof draft.store.text) {
        return nj_fail(err, NJ_INPUT, "path of the store is longer than %zu bytes",
                       sizeof draft.store.text - 1);
    }
    strcpy(draft.store.text, store_dir);
    nj_status status = make_draft_path(store_dir, &draft.folder, err);
    if (status == NJ_OK) {
        status = sweep_drafts(store_dir, err);
    }
    if (status == NJ_OK) {
        status = nj_folder_make(draft.folder.text, err);
    }
    if (status == NJ_OK) {
        *out = draft;
    }
    return status;
}

nj_status nj_folder_draft_commit(nj_folder_draft *draft, const char *name, nj_error *err)
{
    nj_path target;
    nj_status status = nj_path_join(draft->store.text, name, &target, err);
    if (status == NJ_OK) {
        status = nj_folder_sync(draft->folder.text, err);
    }
    if (status == NJ_OK) {
        status = NJ_FAILPOINT_STEP(FOLDER_SYNCED, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    if (rename(draft->folder.text, target.text) != 0) {
        bool exists = errno == ENOTEMPTY || errno == EEXIST;
        return nj_fail_errno(err, exists ? NJ_AGAIN : NJ_IO, errno, "%s: cannot rename into place",
                             target.text);
    }
    status = NJ_FAILPOINT_STEP(FOLDER_RENAMED, err);
    if (status == NJ_OK) {
        status = nj_folder_sync(draft->store.text, err);
    }
    if (status != NJ_OK && rename(target.text, draft->folder.text) == 0) {
        return status; // what may be gone after a power failure is not there now
    }
    draft->folder.text[0] = '\0';
    if (status == NJ_OK) {
        NJ_FAILPOINT_HIT(FOLDER_PLACED);
    }
    return status;
}

void nj_folder_draft_abort(nj_folder_draft *draft)
{
    if (draft->folder.text[0] != '\0') {
        nj_status ignored = nj_folder_remove(draft->folder.text, NULL);
        (void)ignored;
        draft->folder.text[0] = '\0';
    }
}

nj_status nj_folder_vanish(const char *store_dir, const char *name, nj_error *err)
{
    nj_path from;
    nj_path to;
    nj_status status = nj_path_join(store_dir, name, &from, err);
    if (status == NJ_OK) {
        status = make_draft_path(store_dir, &to, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    if (rename(from.text, to.text) != 0) {
        const int problem = errno;
        return problem == ENOENT && !nj_folder_exists(from.text)
                   ? NJ_OK
                   : nj_fail_errno(err, NJ_IO, problem, "%s: cannot rename", from.text);
    }
    status = NJ_FAILPOINT_STEP(REMOVE_RENAMED, err);
    if (status == NJ_OK) {
        status = nj_folder_sync(store_dir, err);
    }
    if (status != NJ_OK && rename(to.text, from.text) == 0) {
        return status;
    }
    // It is gone for everybody, whatever else fails; what stays of it is left to the next draft.
    nj_status ignored = remove_draft(to.text, NULL);
    (void)ignored;
    return NJ_OK;
}
