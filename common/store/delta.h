// delta.h - what makes one generation out of another: one segment, read and written whole.
//
//   "njdelta1" | H head | M MANIFEST.json | F __meta__ | [Q QUARANTINED.jsonl] | U, D or C ... in key order | E counts, digest
//
// A block is | kind 1 | key bytes u16 | value bytes u32 | key | value |, numbers little-endian (schemas/delta.md). A segment
// without a base makes a generation out of nothing: that is how a consumer begins, and how one that has lost its place
// goes on. Segments may stand one behind the other in a file.
//
// The rows of the result are compared with its content digest, whatever the segment says; data.mdb has the producer's
// bytes too where both run the same LMDB.
#ifndef NJ_STORE_DELTA_H
#define NJ_STORE_DELTA_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/error.h"
#include "common/base/slice.h"
#include "common/store/facts.h"
#include "common/store/generation.h"

#define NJ_DELTA_MAGIC "njdelta1"
#define NJ_DELTA_VERSION 2
#define NJ_DELTA_VERSION_OLDEST 1 // that is still read: without C blocks
#define NJ_DELTA_HEAD_BYTES_MAX 1024
#define NJ_DELTA_META_BYTES_MAX 8192
#define NJ_DELTA_QUARANTINED_BYTES_MAX ((size_t)256 << 20)
#define NJ_DELTA_MAP_BYTES_MAX ((uint64_t)1 << 46)

typedef enum {
#define NJ_DELTA_BLOCK(name, letter, meaning) NJ_DELTA_##name = letter,
#include "schemas/delta.def"
} nj_delta_kind;

typedef struct {
#define NJ_DELTA_FIELD(kind, name, max, meaning) NJ_RECORD_MEMBER_##kind(name, max)
#include "schemas/delta.def"
} nj_delta_head;

typedef struct {
    uint64_t upserts;
    uint64_t deletes;
    uint64_t copied;  // rows of the base that are a night older, and the same otherwise
    uint64_t bytes;   // of the segment
    nj_digest digest; // BLAKE2b of the segment up to it
} nj_delta_tally;

// Called every NJ_DELTA_WATCH_ROWS rows of the result. All zero: nobody watches.
#define NJ_DELTA_WATCH_ROWS 65536
typedef struct {
    void *context;
    void (*rows)(void *context, uint64_t done, uint64_t of);
} nj_delta_watch;

// ---- making one ----

/// Writes the segment from one generation to another of the same store, in one pass over both. Rows that a night has copied
/// (`run --since`) differ from the base's by their age alone: a run of them is one block.
///
///   base    NULL: every row of `result` is an upsert
///   stream  flushed at the end, not synced
///
/// Returns  NJ_CONFIG   the store has no id yet; it gets one when its next generation is packed
///          NJ_INPUT    both are one generation
///          NJ_REFUSED  the rows of one are not those its manifest names; what was written has no end, so nobody accepts it
///          else        as nj_store_reader_open and nj_store_next; NJ_IO from the stream
/// Proof    tests/unit/store/test_delta.c
NJ_CHECKED nj_status nj_delta_write(const char *store_dir, const nj_store_name *base,
                                    const nj_store_name *result, uint64_t seq,
                                    const nj_delta_watch *watch, FILE *stream,
                                    nj_delta_head *out_head, nj_delta_tally *out_tally,
                                    nj_error *err);

// ---- reading one ----

typedef struct {
    nj_delta_kind kind;
    nj_slice key;
    nj_slice value;
} nj_delta_block;

// All slices borrow from the bytes that were scanned.
typedef struct {
    nj_delta_head head;
    nj_store_facts facts; // of the result
    nj_delta_tally tally;
    nj_slice bytes; // the whole segment
    nj_slice manifest;
    nj_slice meta;
    nj_slice quarantined; // empty: no such block
    nj_slice entries;     // the U, D and C blocks
} nj_delta_segment;

/// Reads the segment at the start of `bytes`; others may follow it (`out->bytes.size`). Lengths, order of blocks and of
/// keys, counts and names are checked, the digest is not: nj_delta_check.
///
/// Returns  NJ_INPUT names the byte and the rule; NJ_CONFIG for another version of the format, or of LMDB
/// Proof    tests/unit/store/test_delta.c: every byte cut, every byte flipped
NJ_CHECKED nj_status nj_delta_scan(nj_slice bytes, nj_delta_segment *out, nj_error *err);

/// Compares the segment with its digest. NJ_REFUSED names both.
NJ_CHECKED nj_status nj_delta_check(const nj_delta_segment *segment, nj_error *err);

/// Rows of a C block.
uint32_t nj_delta_run(const nj_delta_block *block);

/// The next block of `entries`, which shrinks; false at the end. Of a segment that was scanned.
bool nj_delta_next(nj_slice *entries, nj_delta_block *out);

// ---- applying one ----

typedef struct {
    bool was_there;  // the store has the result already: nothing was done
    bool same_bytes; // data.mdb is the producer's, byte for byte; else only the rows are
    uint64_t rows;
} nj_delta_applied;

/// Makes the segment's result in a store that has its base. It is not published. The store's lock is held all the while; a
/// folder that is missing or empty becomes a store with the producer's id where the segment has no base.
///
/// Returns  NJ_REFUSED  the segment is damaged, is of another store, or its base is not there or is another one ("resync");
///                      the rows do not come out as the result's; STORE/SCRUBBED names the result
///          NJ_INPUT    a row or key is none; nj_delta_check stands before
///          NJ_AGAIN    the lock is held, or the store makes nights of its own at this moment
///          NJ_IO       on every failure the store is as it was
/// Proof    tests/unit/store/test_delta.c, tests/cli/0570-delta.t
NJ_CHECKED nj_status nj_delta_apply(const char *store_dir, const nj_delta_segment *segment,
                                    const nj_delta_watch *watch, nj_delta_applied *out,
                                    nj_error *err);

#endif
