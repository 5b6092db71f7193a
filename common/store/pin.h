// pin.h - holding a generation that a night copies rows from.
//
//   STORE/gen-X/data.mdb, MANIFEST.json
//        └─ hard links ─► STORE/staging/gen-X/...      there as long as the night is
//
// A generation never changes, so a link is as good as a copy and takes no room. Whoever removes STORE/gen-X while the night runs, or
// between a crash and its resumption, takes nothing from the night.
#ifndef NJ_STORE_PIN_H
#define NJ_STORE_PIN_H

#include "common/base/error.h"
#include "common/base/file.h"

/// Links a generation's data and manifest into `folder`, under its name, and syncs them. On a file system that has no hard links
/// nothing is done: then the night depends on the generation itself. A generation that is held there already stays so.
///
/// Returns  NJ_NOT_FOUND: the generation is not there; NJ_IO
NJ_CHECKED nj_status nj_store_pin(const char *store_dir, const char *name, const char *folder,
                                  nj_error *err);

/// Where a generation is to be read: the staging area if it holds it, else the store.
NJ_CHECKED nj_status nj_store_pinned_dir(const char *store_dir, const char *name, nj_path *out,
                                         nj_error *err);

#endif
