// section_seed.h - a file of this host as a section that the cache has: workers map it, and nothing is copied.
//
//   CACHE/<digest> ──► E.npy          a symbolic link
//   CACHE/file-<device>-<inode>       its stamp (section_stamp.h): no worker reads the file to compare digests
//
// A hard link would do too, but only on the same file system, and the cache could no longer tell when it was used without changing the
// times of a file that is not its own. A link whose file is gone or changed is no section: workers fetch it.
#ifndef NJ_WORKER_DAEMON_SECTION_SEED_H
#define NJ_WORKER_DAEMON_SECTION_SEED_H

#include "worker/daemon/section_cache.h"

/// The file's digest, by its stamp or by reading it, and the link that makes it a section. Where another process changes the file
/// meanwhile: NJ_AGAIN.
///
/// Errors  NJ_AGAIN, NJ_NOT_FOUND, NJ_INPUT: no regular file, NJ_IO
/// Cost    reading the file once, about 1 GB/s; nothing when it has a stamp
/// Proof   tests/unit/daemon/test_section_seed.c
NJ_CHECKED nj_status nj_section_cache_seed(nj_section_cache *cache, const char *path,
                                           nj_digest *out_digest, nj_error *err);

#endif
