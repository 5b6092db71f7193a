// event_sort.h - sorts events by (user, time, place) in bounded memory.
//
//   add ──► [ events in memory ] ──full──► sort ──► run 0 | run 1 | run 2 | ...      one temporary file, already unlinked
//                                                     └──── merge_files at a time ────┘  passes, until one merge is left
//                                                                  │
//   next ◄─────────────────────────────────────────────────────────┘
//
// The same block of memory holds the events while they are added and the runs' read buffers while
// they are merged.
#ifndef NJ_INPUT_EVENT_SORT_H
#define NJ_INPUT_EVENT_SORT_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"

#define NJ_EVENT_MERGE_FILES_MAX 64

typedef struct {
    uint32_t user; // index in order of first appearance
    uint32_t item; // index of the distinct item
    double time;   // finite
    uint64_t
        place; // among events of one user and time: the line, or a hash where ties are shuffled
} nj_event;

// One run of sorted events in the temporary file.
typedef struct {
    uint64_t first; // event
    uint64_t count;
} nj_event_run;

typedef struct {
    nj_event *block; // borrowed from the sort's events; [block_count] events read ahead
    size_t block_count;
    size_t block_at;
    nj_event_run left; // not read yet
} nj_event_cursor;

typedef struct {
    nj_buffer events; // nj_event
    size_t capacity;  // events held at once
    size_t merge_files;
    int fd;         // of the temporary file; -1 while everything fits in memory
    nj_buffer runs; // nj_event_run
    uint64_t written;
    size_t at; // next event of a sort in memory
    nj_event_cursor cursors[NJ_EVENT_MERGE_FILES_MAX];
    uint8_t heap[NJ_EVENT_MERGE_FILES_MAX]; // cursors, the least event on top
    size_t heap_count;
} nj_event_sort;

/// At most memory_bytes are used, sorting included, but room for a few events a merged run at
/// least; merge_files is 2 to NJ_EVENT_MERGE_FILES_MAX.
void nj_event_sort_init(nj_event_sort *sort, size_t memory_bytes, size_t merge_files);
void nj_event_sort_fini(nj_event_sort *sort);

/// NJ_IO when the temporary file cannot be made or written.
NJ_CHECKED nj_status nj_event_sort_add(nj_event_sort *sort, const nj_event *event, nj_error *err);

/// Ends the adding; reading begins.
NJ_CHECKED nj_status nj_event_sort_finish(nj_event_sort *sort, nj_error *err);

/// The next event in order, or NJ_END.
NJ_CHECKED nj_status nj_event_sort_next(nj_event_sort *sort, nj_event *out, nj_error *err);

#endif
