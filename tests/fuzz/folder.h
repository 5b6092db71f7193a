// folder.h - a folder for readers that take one, in memory where /dev/shm is.
#ifndef NJ_FUZZ_FOLDER_H
#define NJ_FUZZ_FOLDER_H

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "tests/fuzz/fuzz.h"

static nj_path fuzz_folder; // of this process; removed at its end

static inline void fuzz_folder_remove(void)
{
    nj_error err;
    if (nj_folder_remove(fuzz_folder.text, &err) != NJ_OK) {
        fprintf(stderr, "%s\n", err.text);
    }
}

/// Its path; made at the first call.
static inline const char *fuzz_folder_path(void)
{
    if (fuzz_folder.text[0] == '\0') {
        const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
        snprintf(fuzz_folder.text, sizeof fuzz_folder.text, "%s/nightjar-fuzz-XXXXXX", parent);
        fuzz_check(mkdtemp(fuzz_folder.text) != NULL, "a folder can be made");
        atexit(fuzz_folder_remove);
    }
    return fuzz_folder.text;
}

/// Writes a file in it anew. `name` may hold a folder that is there.
static inline void fuzz_folder_write(const char *name, const void *bytes, size_t size)
{
    nj_path path;
    nj_error err;
    fuzz_check(nj_path_join(fuzz_folder_path(), name, &path, &err) == NJ_OK, "the path is short");
    int fd = open(path.text, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    fuzz_check(fd >= 0 && (size == 0 || write(fd, bytes, size) == (ssize_t)size),
               "the file can be written");
    close(fd);
}

#endif
