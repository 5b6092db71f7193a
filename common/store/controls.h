// controls.h - CONTROLS.jsonl: lists that nobody is shown, of a sample of a generation's users. A grade compares them with what was
// published.
//
//   {"version": 1, "top": 20}
//   {"user": "u17", "popular": ["i3", "i9"], "co-visitation": ["i4"]}
//   {"users": 1, "digest": "64 hexadecimal digits"}
//
// Made of what the night knew (coordinator/daemon/controls.h), so no list knows the events that it will be judged by. The digest is
// BLAKE2b-256 of all bytes before the last line. The file is no part of the generation's digests, of deltas or of readers' business.
#ifndef NJ_STORE_CONTROLS_H
#define NJ_STORE_CONTROLS_H

#include "common/base/buffer.h"
#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/store/erase.h"
#include "common/store/generation.h"

#define NJ_CONTROLS_USERS_MAX 100000
#define NJ_CONTROLS_ITEMS_MAX 20         // the last of the cut-offs that a grade has
#define NJ_CONTROLS_LINE_BYTES_MAX 65536 // 41 ids with every byte escaped fit

typedef enum { NJ_CONTROL_POPULAR, NJ_CONTROL_VISITED, NJ_CONTROL_COUNT } nj_control;

/// "popular", "co-visitation": keys of the file, and the names that a grade tells.
const char *nj_control_name(nj_control control);

// One user's; ids are borrowed.
typedef struct {
    nj_slice user;
    nj_slice items[NJ_CONTROL_COUNT][NJ_CONTROLS_ITEMS_MAX]; // best first
    uint32_t counts[NJ_CONTROL_COUNT];
} nj_control_lists;

// ---- writing ----

typedef struct {
    nj_file_draft draft;
    nj_digester digester;
    nj_buffer line;
    uint64_t users;
} nj_controls_write;

/// Begins the file in `folder`; `top` is how many places its lists have at most, up to NJ_CONTROLS_ITEMS_MAX. Call
/// nj_controls_write_abort in any case.
NJ_CHECKED nj_status nj_controls_write_begin(nj_controls_write *write, const char *folder,
                                             uint32_t top, nj_error *err);
NJ_CHECKED nj_status nj_controls_write_user(nj_controls_write *write, const nj_control_lists *lists,
                                            nj_error *err);
/// Ends the file, syncs it and gives it its name.
NJ_CHECKED nj_status nj_controls_write_end(nj_controls_write *write, nj_error *err);
/// Accepts one that is ended, or all zero.
void nj_controls_write_abort(nj_controls_write *write);

// ---- reading ----

typedef struct {
    uint32_t top;
    uint64_t users;
} nj_controls_facts;

/// `lists` is borrowed for the call. A status that is not NJ_OK ends the walk and is returned.
typedef nj_status (*nj_controls_visit)(void *context, const nj_control_lists *lists, nj_error *err);

/// Reads the file of `folder`, a generation's. What was visited counts only behind NJ_OK: the digest stands at the end.
///
///   visit  NULL: the file is checked and that is all
///
/// Returns  NJ_NOT_FOUND  there is none: the night ran without --controls
///          NJ_CONFIG     of another version
///          NJ_REFUSED    damaged: cut short, another digest, a line that is none, more than NJ_CONTROLS_USERS_MAX users; names the line
///          NJ_IO, NJ_NO_MEMORY, and what `visit` says
/// Proof    tests/unit/store/test_controls.c
NJ_CHECKED nj_status nj_store_controls_read(const char *folder, nj_controls_visit visit,
                                            void *context, nj_controls_facts *out, nj_error *err);

/// The same for a generation, where no file is fine; of `facts` nothing is asked. Errors as nj_store_controls_read, without NJ_NOT_FOUND.
NJ_CHECKED nj_status nj_store_controls_check(const char *store_dir, const nj_store_name *name,
                                             const nj_store_facts *facts, nj_error *err);

/// Writes the file of one generation's folder into another's without these users, and without these items in anybody's lists, synced.
/// Nothing where there is no file. Errors as nj_store_controls_read.
/// Proof    tests/unit/store/test_controls.c
NJ_CHECKED nj_status nj_store_controls_copy_without(const char *from_folder, const char *to_folder,
                                                    const nj_erase_set *set, nj_error *err);

#endif
