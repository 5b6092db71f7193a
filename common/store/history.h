// history.h - the generations that were current before this one: STORE/HISTORY, one name a line, oldest first.
//
// A publish appends the outgoing name before it changes CURRENT; a rollback cuts the file behind the name it went back
// to after it changed CURRENT. A crash between the two leaves the current name at the end, so a reader passes over
// entries that equal CURRENT. Nobody who reads rows needs the file; without it `rollback` wants a name.
#ifndef NJ_STORE_HISTORY_H
#define NJ_STORE_HISTORY_H

#include "common/store/generation.h"

#define NJ_STORE_HISTORY_MAX 100 // older names are forgotten

typedef struct {
    nj_store_name names[NJ_STORE_HISTORY_MAX]; // oldest first
    size_t count;
} nj_store_history;

/// Empty without the file; lines that are no names are left out. NJ_IO.
NJ_CHECKED nj_status nj_store_history_read(const char *store_dir, nj_store_history *out,
                                           nj_error *err);

/// Appends `name`, unless it stands at the end already.
void nj_store_history_push(nj_store_history *history, const nj_store_name *name);

/// Whole or not at all, and synced.
NJ_CHECKED nj_status nj_store_history_write(const char *store_dir, const nj_store_history *history,
                                            nj_error *err);

/// The same of any file: a channel has its own (channel.h).
NJ_CHECKED nj_status nj_store_history_load(const char *path, nj_store_history *out, nj_error *err);
NJ_CHECKED nj_status nj_store_history_save(const char *path, const nj_store_history *history,
                                           nj_error *err);

#endif
