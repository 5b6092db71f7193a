// origin.h - ORIGIN: what a generation's rows were made from, and who decoded which of them.
//
//   {"origin_version": 1, "generation": "gen-...", ..., "sections": [...], "inputs": [...]}     the night
//   {"user": "u17", "shard": 3, "first": 0, "count": 0, "rows": 64, "attempt": 1, ...}          records, in key order
//   {"records": 812, "digest": "64 hexadecimal digits"}                                         of all lines before
//
// Written when a night is packed, because the ledger goes with the staging area. The rows of a record are a contiguous range in key
// order that begins with `user` (shard_check.h), so who decoded a row is found by halving. Copied rows lie between and are in no
// record: a row's own flags tell (NJ_ROW_COPIED).
//
// It stands beside the manifest, is in no digest of it and no part of a delta. What is read here are outside bytes.
#ifndef NJ_STORE_ORIGIN_H
#define NJ_STORE_ORIGIN_H

#include <stdint.h>

#include "common/store/erase.h"
#include "common/store/generation.h"
#include "common/store/staging.h"

#define NJ_ORIGIN_LINE_BYTES_MAX 8192           // of a record
#define NJ_ORIGIN_HEAD_BYTES_MAX (4u << 20)     // of the first line
#define NJ_ORIGIN_RECORDS_MAX UINT32_MAX        // a ledger has fewer
#define NJ_ORIGIN_SECTIONS_MAX 64               // a bundle has no more
#define NJ_ORIGIN_INPUTS_MAX 32                 // options that name or read the night's inputs
#define NJ_ORIGIN_INPUT_BYTES_MAX (128u * 1024) // of one value

typedef struct {
#define NJ_ORIGIN_HEAD(kind, name, max, meaning) NJ_RECORD_MEMBER_##kind(name, max)
#include "schemas/store.def"
} nj_origin_head;

typedef struct {
#define NJ_ORIGIN_FIELD(kind, name, max, meaning) NJ_RECORD_MEMBER_##kind(name, max)
#include "schemas/store.def"
} nj_origin_record;

// Of the bundle.
typedef struct {
    const char *name;
    uint64_t bytes;
    nj_digest digest;
} nj_origin_section;

// An option of the night and its value; paths are absolute.
typedef struct {
    const char *option; // "users"
    const char *value;
} nj_origin_input;

typedef struct {
    nj_origin_head head; // version, generation, class and digests are set by who packs
    nj_origin_section sections[NJ_ORIGIN_SECTIONS_MAX];
    size_t section_count;
    nj_origin_input inputs[NJ_ORIGIN_INPUTS_MAX];
    size_t input_count;
} nj_origin_night;

// ---- writing ----

// The keys of the users that the ledger's records begin with, as the rows go by.
typedef struct {
    nj_buffer keys; // owned; each a nj_store_key's size (u16, of this machine) and bytes
    uint64_t count;
} nj_origin_marks;

void nj_origin_marks_init(nj_origin_marks *marks);
void nj_origin_marks_fini(nj_origin_marks *marks);
/// Before the first row of each record that has rows. NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_origin_marks_add(nj_origin_marks *marks, nj_slice key);

/// Writes the file for a staged night into the folder of its generation, synced.
///
///   night  of head the settings, the policy and its digest are the caller's; the rest is taken from `facts`
///   marks  one for each record of the ledger that has rows, in its order
///
/// Inputs that are too long or not UTF-8 are left out with a warning: a night does not fail for them.
///
/// Returns  NJ_REFUSED: marks and records are not equally many; NJ_INPUT: a text of head is too long; NJ_IO, NJ_NO_MEMORY
NJ_CHECKED nj_status nj_store_origin_write(nj_staging *staging, const char *folder,
                                           const nj_store_facts *facts,
                                           const nj_origin_night *night,
                                           const nj_origin_marks *marks, nj_error *err);

// ---- reading ----

typedef struct nj_origin nj_origin;

/// Maps a generation's file, compares its digest and reads the first line.
///
/// Returns  NJ_NOT_FOUND: there is none; NJ_CONFIG: of a later version; NJ_REFUSED: damaged or malformed (file and rule are named); NJ_IO
/// Proof    tests/unit/store/test_origin.c, tests/fuzz/fuzz_origin.c
NJ_CHECKED nj_status nj_store_origin_open(const char *store_dir, const nj_store_name *name,
                                          nj_origin **out, nj_error *err);
/// The same of bytes, which are borrowed until close; `what` names them.
NJ_CHECKED nj_status nj_store_origin_parse(nj_slice bytes, const char *what, nj_origin **out,
                                           nj_error *err);
/// Accepts NULL.
void nj_store_origin_close(nj_origin **origin);

/// Borrowed until close.
const nj_origin_night *nj_store_origin_night(const nj_origin *origin);
/// The value of an option of the night, or NULL. Borrowed until close.
const char *nj_store_origin_input(const nj_origin *origin, const char *option);

/// The record whose range `user` falls in, whether he has a row of it or not: look at his row.
///
/// Cost     looks at log2(records) lines
/// Returns  NJ_NOT_FOUND: he is before all of them, or there are none; NJ_INPUT: nobody can be called so; NJ_REFUSED: a line is malformed
NJ_CHECKED nj_status nj_store_origin_find(const nj_origin *origin, nj_slice user,
                                          nj_origin_record *out, nj_error *err);

/// `record` is borrowed for the call. A status that is not NJ_OK ends the walk and is returned.
typedef nj_status (*nj_origin_visit)(void *context, const nj_origin_record *record, nj_error *err);
/// Every record, in order. NJ_REFUSED names the line.
NJ_CHECKED nj_status nj_store_origin_each(const nj_origin *origin, nj_origin_visit visit,
                                          void *context, nj_error *err);

/// Reads the file whole and compares it with the manifest; a generation may have none (it is older, or was made of a delta).
///
/// Returns  NJ_REFUSED: as nj_store_origin_open, users are not in key order, or it has fewer rows than the manifest counts
NJ_CHECKED nj_status nj_store_origin_check(const char *store_dir, const nj_store_name *name,
                                           const nj_store_facts *facts, nj_error *err);

// ---- erasing ----

/// Writes the file anew into `to` so that it names no user of `erased`: a range that began with one begins with the next user who has a
/// row in `from` then, and is left out where there is none. Nothing where `from` has no such file.
///
///   from  the folder of a generation, STORE/gen-...
///   to    another folder
///
/// Returns  as nj_store_origin_open and nj_store_reader_open
/// Proof    tests/unit/store/test_origin.c
NJ_CHECKED nj_status nj_store_origin_copy_without(const char *from, const char *to,
                                                  const nj_erase_set *erased, nj_error *err);

/// "COMMITTED", as schemas/store.def calls it; NULL for a number that is none.
const char *nj_origin_state_word(uint64_t state);

#endif
