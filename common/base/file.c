#include "common/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/failpoint.h"

#define REMOVE_DEPTH_MAX 4
#define DRAFT_MARK ".tmp."

static nj_status format_path(nj_path *out, nj_error *err, const char *a, const char *between,
                             const char *b)
{
    int length = snprintf(out->text, sizeof out->text, "%s%s%s", a, between, b);
    if (length < 0 || (size_t)length >= sizeof out->text) {
        return nj_fail(err, NJ_INPUT, "path is longer than %d bytes: %.80s...", NJ_PATH_BYTES - 1,
                       a);
    }
    return NJ_OK;
}

nj_status nj_path_join(const char *folder, const char *name, nj_path *out, nj_error *err)
{
    return format_path(out, err, folder, "/", name);
}

nj_status nj_path_copy(const char *path, nj_path *out, nj_error *err)
{
    if (path[0] == '\0') {
        return nj_fail(err, NJ_INPUT, "a path is empty");
    }
    nj_status status = format_path(out, err, path, "", "");
    for (size_t length = strlen(path); status == NJ_OK && length > 1; length--) {
        if (out->text[length - 1] != '/') {
            break;
        }
        out->text[length - 1] = '\0';
    }
    return status;
}

bool nj_file_exists(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISREG(about.st_mode);
}

bool nj_folder_exists(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

nj_status nj_folder_check(const char *path, nj_error *err)
{
    struct stat about;
    if (stat(path, &about) != 0) {
        return errno == ENOENT ? nj_fail(err, NJ_NOT_FOUND, "%s: no such folder", path)
                               : nj_fail_open(err, errno, path);
    }
    return S_ISDIR(about.st_mode) ? NJ_OK : nj_fail(err, NJ_INPUT, "%s: is not a folder", path);
}

nj_status nj_fail_open(nj_error *err, int errno_value, const char *path)
{
    nj_status status = NJ_IO;
    if (errno_value == ENOENT) {
        status = NJ_NOT_FOUND;
    } else if (errno_value == ENOTDIR || errno_value == ELOOP || errno_value == ENAMETOOLONG) {
        status = NJ_INPUT;
    }
    return nj_fail_errno(err, status, errno_value, "%.800s: cannot open",
                         path); // leaves room for why
}

nj_status nj_folder_make(const char *path, nj_error *err)
{
    nj_path partial;
    nj_status status = format_path(&partial, err, path, "", "");
    if (status == NJ_OK && path[0] == '\0') {
        status = nj_fail(err, NJ_INPUT, "the path of a folder is empty");
    }
    for (char *at = partial.text + 1; status == NJ_OK; at++) {
        if (*at != '/' && *at != '\0') {
            continue;
        }
        char kept = *at;
        *at = '\0';
        int made = mkdir(partial.text, 0777);
        int why = errno;
        if (made != 0 && why == EEXIST && !nj_folder_exists(partial.text)) {
            status = nj_fail(err, NJ_INPUT, "%s: is not a folder", partial.text);
        } else if (made != 0 && !nj_folder_exists(partial.text)) {
            status = nj_fail_errno(err, NJ_IO, why, "%s: cannot make folder", partial.text);
        }
        *at = kept;
        if (kept == '\0') {
            break;
        }
    }
    return status;
}

// Depth is bounded, so this recursion is too. A link is never followed: what it points to is somebody else's.
static nj_status remove_below(const char *path, int depth, nj_error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        return NJ_OK;
    }
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (folder == NULL) {
        nj_status failed = nj_fail_errno(err, NJ_IO, errno, "%s: cannot open folder", path);
        if (fd >= 0) {
            close(fd);
        }
        return failed;
    }
    nj_status status = NJ_OK;
    struct dirent *entry;
    while (status == NJ_OK && (entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        nj_path child;
        status = nj_path_join(path, entry->d_name, &child, err);
        if (status != NJ_OK) {
            break;
        }
        struct stat about;
        bool is_folder = lstat(child.text, &about) == 0 && S_ISDIR(about.st_mode);
        if (is_folder && depth > 0) {
            status = remove_below(child.text, depth - 1, err);
        } else if (is_folder || unlink(child.text) != 0) {
            status = nj_fail_errno(err, NJ_IO, errno, "%s: cannot remove", child.text);
        }
    }
    closedir(folder);
    if (status == NJ_OK && rmdir(path) != 0) {
        status = nj_fail_errno(err, NJ_IO, errno, "%s: cannot remove folder", path);
    }
    return status;
}

nj_status nj_folder_remove(const char *path, nj_error *err)
{
    return remove_below(path, REMOVE_DEPTH_MAX, err);
}

nj_status nj_folder_sync(const char *path, nj_error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return nj_fail_errno(err, NJ_IO, errno, "%s: cannot open folder", path);
    }
    nj_status status = NJ_OK;
    if (fsync(fd) != 0) {
        status = nj_fail_errno(err, NJ_IO, errno, "%s: cannot sync folder", path);
    }
    close(fd);
    return status;
}

static nj_status find_parent(const char *path, nj_path *out, nj_error *err)
{
    nj_status status = format_path(out, err, path, "", "");
    if (status != NJ_OK) {
        return status;
    }
    char *slash = strrchr(out->text, '/');
    if (slash == NULL) {
        strcpy(out->text, ".");
    } else if (slash == out->text) {
        slash[1] = '\0';
    } else {
        *slash = '\0';
    }
    return NJ_OK;
}

static nj_status sync_parent(const char *path, nj_error *err)
{
    nj_path parent;
    nj_status status = find_parent(path, &parent, err);
    return status == NJ_OK ? nj_folder_sync(parent.text, err) : status;
}

nj_status nj_file_draft_begin(const char *path, nj_file_draft *out, nj_error *err)
{
    nj_file_draft draft = {0};
    char suffix[32];
    snprintf(suffix, sizeof suffix, DRAFT_MARK "%ld", (long)getpid());
    struct stat there;
    nj_status status = format_path(&draft.path, err, path, "", "");
    if (status == NJ_OK) {
        status = format_path(&draft.temporary, err, path, suffix, "");
    }
    if (status == NJ_OK && stat(path, &there) == 0 && !S_ISREG(there.st_mode)) {
        return nj_fail(err, NJ_IO, "%s: is not a regular file, and would be replaced by one", path);
    }
    if (status != NJ_OK) {
        return status;
    }
    draft.stream = fopen(draft.temporary.text, "wbe");
    if (draft.stream == NULL) {
        return nj_fail_errno(err, NJ_IO, errno, "%s: cannot create", path);
    }
    *out = draft;
    return NJ_OK;
}

bool nj_file_drafts_are_one(const nj_file_draft *a, const nj_file_draft *b)
{
    struct stat x;
    struct stat y;
    return fstat(fileno(a->stream), &x) == 0 && fstat(fileno(b->stream), &y) == 0 &&
           x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static nj_status sync_draft(nj_file_draft *draft, nj_error *err)
{
    if (ferror(draft->stream) || fflush(draft->stream) != 0) {
        return nj_fail_errno(err, NJ_IO, errno, "%s: cannot write", draft->temporary.text);
    }
    nj_status status = NJ_FAILPOINT_STEP(FILE_WRITTEN, err);
    if (status == NJ_OK && fsync(fileno(draft->stream)) != 0) {
        status = nj_fail_errno(err, NJ_IO, errno, "%s: cannot sync", draft->temporary.text);
    }
    return status == NJ_OK ? NJ_FAILPOINT_STEP(FILE_SYNCED, err) : status;
}

nj_status nj_file_draft_commit(nj_file_draft *draft, nj_error *err)
{
    nj_status status = sync_draft(draft, err);
    if (status == NJ_OK && rename(draft->temporary.text, draft->path.text) != 0) {
        status = nj_fail_errno(err, NJ_IO, errno, "%s: cannot rename into place", draft->path.text);
    }
    if (status != NJ_OK) {
        nj_file_draft_abort(draft);
        return status;
    }
    fclose(draft->stream);
    draft->stream = NULL;
    status = NJ_FAILPOINT_STEP(FILE_RENAMED, err);
    if (status == NJ_OK) {
        status = sync_parent(draft->path.text, err);
    }
    if (status == NJ_OK) {
        NJ_FAILPOINT_HIT(FILE_PLACED);
    }
    return status;
}

void nj_file_draft_abort(nj_file_draft *draft)
{
    if (draft->stream != NULL) {
        fclose(draft->stream);
        draft->stream = NULL;
        unlink(draft->temporary.text);
    }
}

static bool is_draft_of(const char *file, const char *name)
{
    const size_t size = strlen(name);
    const size_t mark = strlen(DRAFT_MARK);
    return strncmp(file, name, size) == 0 && strncmp(file + size, DRAFT_MARK, mark) == 0 &&
           file[size + mark] != '\0' &&
           file[size + mark + strspn(file + size + mark, "0123456789")] == '\0';
}

void nj_file_sweep(const char *path)
{
    nj_path parent;
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    DIR *folder = find_parent(path, &parent, NULL) == NJ_OK ? opendir(parent.text) : NULL;
    if (folder == NULL) {
        return;
    }
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        if (is_draft_of(entry->d_name, name)) {
            unlinkat(dirfd(folder), entry->d_name, 0);
        }
    }
    closedir(folder);
}

nj_status nj_file_write(const char *path, const void *bytes, size_t size, nj_error *err)
{
    nj_file_draft draft;
    nj_status status = nj_file_draft_begin(path, &draft, err);
    if (status != NJ_OK) {
        return status;
    }
    if (size > 0) {
        fwrite(bytes, 1, size, draft.stream); // commit looks at the stream's error
    }
    return nj_file_draft_commit(&draft, err);
}

static nj_status read_all(int fd, const char *path, char *bytes, size_t size, nj_error *err)
{
    for (size_t done = 0; done < size;) {
        ssize_t count = read(fd, bytes + done, size - done);
        if (count < 0 && errno != EINTR) {
            return nj_fail_errno(err, NJ_IO, errno, "%s: cannot read", path);
        }
        if (count == 0) {
            return nj_fail(err, NJ_IO, "%s: ends at byte %zu of %zu", path, done, size);
        }
        done += count > 0 ? (size_t)count : 0;
    }
    return NJ_OK;
}

nj_status nj_file_read(const char *path, size_t bytes_max, char **out_bytes, size_t *out_size,
                       nj_error *err)
{
    // Without O_NONBLOCK a named pipe would keep us waiting for a writer.
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return nj_fail_open(err, errno, path);
    }
    nj_status status = NJ_OK;
    char *bytes = NULL;
    struct stat about;
    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) {
        status = nj_fail(err, NJ_INPUT, "%s: not a regular file", path);
        goto done;
    }
    size_t size = (size_t)about.st_size;
    if (size > bytes_max) {
        status =
            nj_fail(err, NJ_INPUT, "%s: has %zu bytes, the limit is %zu", path, size, bytes_max);
        goto done;
    }
    bytes = malloc(size + 1);
    if (bytes == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "%s: no memory for %zu bytes", path, size);
        goto done;
    }
    status = read_all(fd, path, bytes, size, err);
    if (status != NJ_OK) {
        goto done;
    }
    bytes[size] = '\0';
    *out_bytes = bytes;
    *out_size = size;
    bytes = NULL;
done:
    free(bytes);
    close(fd);
    return status;
}
