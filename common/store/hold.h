// hold.h - telling `store gc` that a generation is in use.
//
// Whoever reads a generation holds flock(LOCK_SH) on its MANIFEST.json; whoever removes one takes LOCK_EX first and goes
// without where that is not free. The kernel lets go when a process dies. flock needs no right to write, so it works in a
// store on a read-only file system; where a file system has no locks readers go on without.
//
// Rows that are mapped stay readable whatever happens to their name. The lock is for what is opened later, and for people.
#ifndef NJ_STORE_HOLD_H
#define NJ_STORE_HOLD_H

#include "common/base/error.h"
#include "common/store/generation.h"

typedef struct {
    int fd; // -1: nothing is held
} nj_store_hold;

/// Shared: any number of readers.
///
/// Returns  NJ_NOT_FOUND  the generation is not there, or is being removed at this moment
///          NJ_IO         MANIFEST.json cannot be opened; -1 in `out` on every failure
NJ_CHECKED nj_status nj_store_hold_take(const char *store_dir, const nj_store_name *name,
                                        nj_store_hold *out, nj_error *err);

/// Exclusive, for removing it. Held until nj_store_hold_release, which is to follow the removal.
///
/// Returns  NJ_AGAIN  somebody reads it
///          NJ_OK     also where there is no MANIFEST.json, or no locks: then `fd` may be -1
NJ_CHECKED nj_status nj_store_hold_alone(const char *store_dir, const nj_store_name *name,
                                         nj_store_hold *out, nj_error *err);

/// Accepts one that holds nothing, but not one that is all zero.
void nj_store_hold_release(nj_store_hold *hold);

#endif
