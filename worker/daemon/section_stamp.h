// section_stamp.h - the digest of a file that has not changed since it was read, so that it need not be read again.
//
//   CACHE/file-<device>-<inode>   size, times and digest of a file somewhere on this host, 6 words
//
// Reading 10 GB to find its digest takes ten seconds of a core, and every process of a node would do it. Who has read the file writes
// the stamp; who finds device, inode, size and both times as they were then believes it. The times of a file that is being written do
// not tell two writes apart within a tick of the kernel's clock, so a file that changed less than NJ_STAMP_SETTLE_MS before it was
// looked at is not believed. The folder belongs to this user and nobody else writes in it (section_cache.h), so a stamp is as
// trustworthy as the program itself. What it does not see is a disk that changes bytes by itself.
#ifndef NJ_WORKER_DAEMON_SECTION_STAMP_H
#define NJ_WORKER_DAEMON_SECTION_STAMP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/file.h"

#define NJ_STAMP_SETTLE_MS 1000

// A regular file as it was when it was looked at.
typedef struct {
    uint64_t device;
    uint64_t inode;
    uint64_t size;
    int64_t mtime_ns;
    int64_t ctime_ns;
    bool settled; // it had been left alone for NJ_STAMP_SETTLE_MS by then
} nj_section_mark;

/// False where there is no regular file. Links are followed.
bool nj_section_mark_of(const char *path, nj_section_mark *out);
/// The same file, and nobody has written to it between.
bool nj_section_mark_same(const nj_section_mark *a, const nj_section_mark *b);

/// The digest that the folder has for this file; false: none, or one of other bytes.
bool nj_section_stamp_find(const char *folder, const nj_section_mark *mark, nj_digest *out);
/// Writes it, unless the file has not settled. `mark` was taken before the bytes were read, and is still right. NJ_IO.
/// Proof   tests/unit/daemon/test_section_seed.c
NJ_CHECKED nj_status nj_section_stamp_write(const char *folder, const nj_section_mark *mark,
                                            const nj_digest *digest, nj_error *err);

#endif
