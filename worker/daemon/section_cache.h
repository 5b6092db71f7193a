// section_cache.h - the sections of bundles on the worker's disk, each under its digest, so that only what changed travels.
//
//   CACHE/<64 hexadecimal digits>            a whole section; its digest is checked when it is looked up, unless this process has
//                                            done so and the file has not changed since, or its stamp says so (section_stamp.h)
//   CACHE/<64 hexadecimal digits>.tmp.<pid>  one that is being fetched
//
// Several workers may share the folder: a file appears whole, under one name for all, so that all map the same pages. Files that no
// night has used for NJ_CACHE_DAYS are removed. section_seed.h makes a file of this host a section.
#ifndef NJ_WORKER_DAEMON_SECTION_CACHE_H
#define NJ_WORKER_DAEMON_SECTION_CACHE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "common/base/file.h"
#include "common/base/mapped.h"
#include "common/bundle/bundle.h"
#include "worker/daemon/section_stamp.h"

#define NJ_CACHE_DAYS 14
#define NJ_CACHE_KNOWN_MAX 64 // files whose digests this process remembers

// A file that had this digest when it was last read.
typedef struct {
    nj_digest digest;
    nj_section_mark mark;
} nj_known_section;

// The sections of one plan, mapped.
typedef struct nj_mapped_plan {
    struct nj_mapped_plan *older; // whose set-up may not have ended yet
    nj_mapped mapped[NJ_BUNDLE_SECTIONS_MAX];
    size_t count;
} nj_mapped_plan;

typedef struct {
    nj_path folder;
    int draft_fd; // of the section being fetched; -1: none
    nj_path draft_path;
    nj_mapped_plan *plans; // owned; the youngest first
    nj_known_section known[NJ_CACHE_KNOWN_MAX];
    size_t known_next;
    time_t pruned; // when the folder was last looked through for what is old
} nj_section_cache;

/// Makes the folder (mode 0700), or takes one that is there as it is. `folder` NULL: $XDG_CACHE_HOME/nightjar, ~/.cache/nightjar,
/// or /var/tmp/nightjar-<uid>.
///
/// Errors  NJ_CONFIG: the folder belongs to somebody else, or somebody else may write to it; NJ_IO
/// Proof   tests/unit/daemon/test_section_cache.c
NJ_CHECKED nj_status nj_section_cache_init(nj_section_cache *cache, const char *folder,
                                           nj_error *err);
void nj_section_cache_fini(nj_section_cache *cache);

/// True when the section is there and its bytes have this digest; a damaged file is removed.
bool nj_section_cache_has(nj_section_cache *cache, const nj_digest *digest, uint64_t size);

/// Writes a piece of the section being fetched; offset 0 begins a new draft. NJ_IO.
NJ_CHECKED nj_status nj_section_cache_write(nj_section_cache *cache, const nj_digest *digest,
                                            uint64_t offset, nj_slice bytes, nj_error *err);
/// Checks the draft's size and digest and gives it its name; *out_good false: it was not what its digest says, and is removed.
NJ_CHECKED nj_status nj_section_cache_finish(nj_section_cache *cache, const nj_digest *digest,
                                             uint64_t size, bool *out_good, nj_error *err);

/// Maps these (name, size and digest are set; bytes are filled in here, where they are not set already). `sections` borrows until
/// nj_section_cache_release behind another open, or fini: what computes with the sections of the plan before may still do so.
NJ_CHECKED nj_status nj_section_cache_open(nj_section_cache *cache, nj_sections *sections,
                                           nj_error *err);
/// Unmaps what was opened before the last open.
void nj_section_cache_release(nj_section_cache *cache);

#endif
