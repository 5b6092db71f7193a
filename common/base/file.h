// file.h - paths, and files that appear whole or not at all.
#ifndef NJ_BASE_FILE_H
#define NJ_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "common/base/error.h"

#define NJ_PATH_BYTES 4096

typedef struct {
    char text[NJ_PATH_BYTES];
} nj_path;

/// out = folder "/" name. NJ_INPUT when it is too long.
NJ_CHECKED nj_status nj_path_join(const char *folder, const char *name, nj_path *out,
                                  nj_error *err);

/// out = path, without slashes at its end. NJ_INPUT when it is empty or too long.
NJ_CHECKED nj_status nj_path_copy(const char *path, nj_path *out, nj_error *err);

bool nj_file_exists(const char *path);
bool nj_folder_exists(const char *path);
/// NJ_OK for a folder, NJ_NOT_FOUND where nothing is, NJ_INPUT for a file.
NJ_CHECKED nj_status nj_folder_check(const char *path, nj_error *err);

/// Says that `path` could not be opened: NJ_NOT_FOUND where nothing is, NJ_INPUT where the path itself is wrong (a file
/// where a folder should be, a loop of links, a name too long), else NJ_IO.
nj_status nj_fail_open(nj_error *err, int errno_value, const char *path);

/// Makes the folder (and its parents, as mkdir -p); an existing folder is fine, a file in its place is NJ_INPUT.
NJ_CHECKED nj_status nj_folder_make(const char *path, nj_error *err);

/// Removes a folder and the files, links and folders in it, to a depth of 4. A missing folder is fine; a path that is
/// itself a link is NJ_IO.
NJ_CHECKED nj_status nj_folder_remove(const char *path, nj_error *err);

/// fsync of a folder, so that a rename in it is durable.
NJ_CHECKED nj_status nj_folder_sync(const char *path, nj_error *err);

/// Writes path.tmp, fsyncs, renames over path and fsyncs the folder. A reader sees the old file or the new one.
NJ_CHECKED nj_status nj_file_write(const char *path, const void *bytes, size_t size, nj_error *err);

/// Reads a whole file of at most bytes_max into memory the caller frees; a NUL stands behind the content. A missing file is
/// NJ_NOT_FOUND, a folder, pipe or device and a file that is too large NJ_INPUT, anything else NJ_IO.
NJ_CHECKED nj_status nj_file_read(const char *path, size_t bytes_max, char **out_bytes,
                                  size_t *out_size, nj_error *err);

// A file being written under a temporary name: fill `stream`, then commit or abort.
typedef struct {
    FILE *stream; // owned; NULL once committed or aborted
    nj_path path;
    nj_path temporary;
} nj_file_draft;

/// Opens "<path>.tmp.<pid>" for writing.
NJ_CHECKED nj_status nj_file_draft_begin(const char *path, nj_file_draft *out, nj_error *err);
/// Flushes, fsyncs, renames and fsyncs the folder; on failure the draft is aborted and `path` is as it was (only where the
/// folder's fsync fails is it already the new file).
NJ_CHECKED nj_status nj_file_draft_commit(nj_file_draft *draft, nj_error *err);
/// Removes the temporary file. Does nothing after a commit or on a struct that is all zero.
void nj_file_draft_abort(nj_file_draft *draft);

/// True where both would end in one file, whatever their paths: each would write into the other's bytes.
bool nj_file_drafts_are_one(const nj_file_draft *a, const nj_file_draft *b);

/// Removes what killed processes have left of `path`: every "<path>.tmp.<number>". The caller knows, by a lock, that nobody is
/// writing it. What cannot be removed stays.
void nj_file_sweep(const char *path);

#endif
