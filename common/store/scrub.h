// scrub.h - users and items taken out of every generation of a store, for good.
//
//   1  count    every row is read: which generations hold any of them, and how often
//   2  pack     those generations are written anew without them        STORE/.draft-<ulid>/gen-B  gen-D  PLAN.json
//   3  decide   the draft gets its name: from here on it is done to its end, by this run or by the next       STORE/scrub/
//   4  finish   new generations get their names, SCRUBBED the old ones, channels and histories the new ones; reports follow; feeds
//               begin anew; the old ones go
//   5  search   the whole folder is read once more
//
// Deleting a key in LMDB leaves its bytes in free pages, so nothing is deleted: data.mdb is written from its first key to its
// last, as a night writes it. A generation that holds nothing of theirs stays as it is: it was written in the same way, so its free
// pages hold copies of its own rows and no others.
//
// The new name is the old one's ULID and one more: it stands at the same place among the others, and two stores that had
// the same generation have the same again. A crash before 3 leaves a draft, which the next writer removes; after it
// the next run goes on at 4. Readers have a whole generation all the while. The store's lock is held from 1 to 4.
#ifndef NJ_STORE_SCRUB_H
#define NJ_STORE_SCRUB_H

#include "common/store/delta.h"
#include "common/store/erase.h"
#include "common/store/generation.h"

#define NJ_SCRUB_FEEDS_MAX 64
#define NJ_SCRUB_FINDS_MAX 100 // that are named; more are counted
#define NJ_SCRUB_READERS_WAIT_MS 60000

// One generation in another's place.
typedef struct {
    nj_store_name old_name;
    nj_store_name new_name;
    uint64_t rows;                // that stay
    uint64_t rows_removed;        // users
    uint64_t lists_changed;       // of users who stay
    uint64_t items_removed;       // from lists and reserves
    uint64_t quarantined_removed; // users without a row
    uint64_t copied_removed;      // of rows_removed
    uint64_t carried_removed;     // of rows_removed
    bool earlier;                 // an earlier run had decided it
} nj_scrub_entry;

// Where an id still stands.
typedef struct {
    nj_path file;
    uint64_t offset; // UINT64_MAX: in a key or row, by structure
    size_t label;    // number of the user; behind all users, of the item
} nj_scrub_find;

typedef struct {
    const nj_erase_set *set; // borrowed
    bool dry_run;            // counts and changes nothing
    bool
        strict; // an id that no generation knows is NJ_NOT_FOUND, and nothing is changed; not asked where an earlier run decided
    bool receipt; // what is done is kept until nj_store_scrub_told, also for runs that come later
    uint32_t lock_wait_ms;
    uint32_t readers_wait_ms;              // for generations that are in use
    const char *feeds[NJ_SCRUB_FEEDS_MAX]; // borrowed: folders of `store export --feed`
    size_t feed_count;
    nj_delta_watch watch;
} nj_scrub_options;

typedef struct {
    nj_scrub_entry *entries; // owned; oldest first
    size_t count;
    uint64_t untouched; // generations that hold none of them
    uint8_t *found;     // owned; [users + items] 1: some generation held it
    uint64_t unknown;   // ids that none held; where an earlier run has decided, as that one counted
    uint64_t earlier_unknown;
    uint64_t reports_changed;
    uint64_t reports_removed; // pages that named some: `nightjar report` makes them again
    uint64_t segments_removed;
    uint64_t segments_written;
    nj_scrub_find *finds; // owned; [find_count, at most NJ_SCRUB_FINDS_MAX]
    uint64_t find_count;
    uint64_t bytes_searched;
    uint64_t searched;   // ids that were looked for by their bytes
    uint64_t unsearched; // ids that are too short for it: by structure alone
} nj_scrub_result;

/// Steps 1 to 4. Run it again after any failure: it goes on where it was.
///
///   out  what was done, also before a failure; nj_scrub_result_fini in any case
///
/// Returns  NJ_NOT_FOUND  no store; with `strict` an id that no generation knows
///          NJ_AGAIN      the store's lock is held; a night is staged; readers do not let go of an old generation (it says who): what is
///                        published is the new one, and the next run removes the old
///          NJ_REFUSED    a generation cannot be read: nothing can be promised of it
///          NJ_IO         also where the disk has too little room, before anything is written
/// Proof    tests/unit/store/test_scrub.c, test_scrub_crash.c
NJ_CHECKED nj_status nj_store_scrub(const char *store_dir, const nj_scrub_options *options,
                                    nj_scrub_result *out, nj_error *err);

/// Step 5, into `out`: each generation's keys and rows by structure, and every file of the folder by its bytes: ids of
/// NJ_SCRUB_SEARCHED_BYTES and more where they stand alone, and the keys of users that are numbers in data.mdb.
///
///   files  [file_count] others that are to be searched by their bytes; borrowed
///
/// Returns  NJ_OK, also where something was found; NJ_IO, NJ_NO_MEMORY, and as nj_store_reader_open
NJ_CHECKED nj_status nj_store_scrub_search(const char *store_dir, const char *const *files,
                                           size_t file_count, const nj_erase_set *set,
                                           nj_scrub_result *out, nj_error *err);

/// The receipt of a scrub with `receipt` is written: what was kept for it goes. NJ_IO.
NJ_CHECKED nj_status nj_store_scrub_told(const char *store_dir, nj_error *err);

/// NJ_AGAIN where a run was interrupted behind step 3.
NJ_CHECKED nj_status nj_store_scrub_check(const char *store_dir, nj_error *err);

/// Accepts one that is all zero.
void nj_scrub_result_fini(nj_scrub_result *result);

#endif
