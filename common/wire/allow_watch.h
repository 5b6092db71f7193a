// allow_watch.h - an allow-list file that may change while the coordinator runs.
//
//   every few seconds, or when asked (SIGHUP):   stat ── as before ──► nothing
//                                                  └── changed ──► read ── good ──► the new list
//                                                                       └─ broken ─► why, once; the old list stays
//
// Write the new list beside the old one and rename it: a list that is half written may be read as a shorter one.
#ifndef NJ_WIRE_ALLOW_WATCH_H
#define NJ_WIRE_ALLOW_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/wire/keys.h"

#define NJ_ALLOW_WATCH_MS 2000 // between two looks at the file

// What stat says of a file; any change of its content changes one of these.
typedef struct {
    uint64_t device;
    uint64_t inode;
    uint64_t bytes;
    int64_t modified_ns;
    int64_t changed_ns;
} nj_file_mark;

typedef struct {
    const char *path;  // borrowed
    nj_file_mark mark; // of the content that was read last, good or not
    uint64_t due_ns;
    bool complained; // the file could not be read, and that was said: it is tried again
} nj_allow_watch;

/// Reads the list for the first time. Errors: those of nj_allowlist_read; NJ_INPUT when it holds no key.
NJ_CHECKED nj_status nj_allow_watch_open(nj_allow_watch *watch, const char *path, uint64_t now_ns,
                                         nj_allowlist *out, nj_error *err);

/// NJ_OK: `out` is a new list, owned by the caller. NJ_AGAIN: nothing new. Anything else: the file has changed, or is gone, and is
/// no allow-list with at least one key; said once, the caller keeps the list it has.
///   asked   look and read now, whatever the time and the file's mark
/// Proof   tests/unit/wire/test_allow_watch.c
NJ_CHECKED nj_status nj_allow_watch_poll(nj_allow_watch *watch, bool asked, uint64_t now_ns,
                                         nj_allowlist *out, nj_error *err);

#endif
