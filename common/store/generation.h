// generation.h - the generations of a store by name: which there are, which is current, and a quick look at one.
//
//   STORE/gen-<ulid>/data.mdb        rows and __meta__, never changed after the folder got its name
//                    MANIFEST.json   facts, size and digests of data.mdb
//         CURRENT                    one line: the name readers use
//         staging/  lock  .draft-<ulid>/     the writers' own
//
// A name is checked before it becomes a path, wherever it came from.
#ifndef NJ_STORE_GENERATION_H
#define NJ_STORE_GENERATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/slice.h"
#include "common/store/facts.h"
#include "common/store/ulid.h"

#define NJ_STORE_NAME_CHARS (4 + NJ_ULID_CHARS)
#define NJ_STORE_GENERATIONS_MAX 10000

typedef struct {
    char text[NJ_STORE_NAME_CHARS + 1];
} nj_store_name;

/// False unless `text` is "gen-" and a valid ULID.
bool nj_store_name_parse(nj_slice text, nj_store_name *out);

/// A fresh name that sorts by `now_ms`.
nj_store_name nj_store_name_make(uint64_t now_ms);

/// STORE/name and STORE/name/file (when file is not NULL).
NJ_CHECKED nj_status nj_store_path(const char *store_dir, const nj_store_name *name,
                                   const char *file, nj_path *out, nj_error *err);

/// What CURRENT says. NJ_NOT_FOUND: nothing has been published. NJ_REFUSED: it holds something else than a name.
NJ_CHECKED nj_status nj_store_current(const char *store_dir, nj_store_name *out, nj_error *err);

/// `name` checked, or what CURRENT says when it is NULL. NJ_INPUT for a name that is none.
NJ_CHECKED nj_status nj_store_resolve(const char *store_dir, const char *name, nj_store_name *out,
                                      nj_error *err);

/// The quick look that stands before every opening, by plain reads: the manifest is well-formed, speaks of this folder,
/// schema and LMDB version, and size and first 8,192 bytes of data.mdb are what it says. (LMDB opens a file that is
/// too short and faults later.) It does not see damage further inside: that is nj_store_verify (publish.h).
///
/// Returns  NJ_NOT_FOUND without the folder, NJ_CONFIG for another schema or LMDB version, NJ_REFUSED otherwise
NJ_CHECKED nj_status nj_store_inspect(const char *store_dir, const nj_store_name *name,
                                      nj_store_manifest *out, nj_error *err);

typedef struct {
    nj_store_name name;
    bool is_current;
    nj_status status; // NJ_OK when `manifest` could be read; the generation is listed all the same
    nj_store_manifest manifest; // all zero otherwise
} nj_store_entry;

typedef struct {
    nj_store_entry *entries; // owned; newest name first
    size_t count;
} nj_store_listing;

/// Every generation folder with its manifest as it stands (nothing is inspected). An empty store gives count 0; a
/// missing store folder is NJ_NOT_FOUND; more than NJ_STORE_GENERATIONS_MAX is NJ_REFUSED.
NJ_CHECKED nj_status nj_store_list(const char *store_dir, nj_store_listing *out, nj_error *err);
void nj_store_listing_fini(nj_store_listing *listing);

#endif
