#include "common/input/event_sort.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/checked.h"
#include "common/input/spool.h"

_Static_assert(sizeof(nj_event) == 24, "events are written without padding");

// qsort may take as much memory again.
#define SORT_COPIES 2

void nj_event_sort_init(nj_event_sort *sort, size_t memory_bytes, size_t merge_files)
{
    assert(merge_files >= 2 && merge_files <= NJ_EVENT_MERGE_FILES_MAX);
    *sort = (nj_event_sort){.fd = -1, .merge_files = merge_files};
    // A merge needs a block for every run and one for what it writes.
    sort->capacity = nj_max_size(memory_bytes / (SORT_COPIES * sizeof(nj_event)), merge_files + 1);
    nj_buffer_init(&sort->events, sort->capacity * sizeof(nj_event));
    nj_buffer_init(&sort->runs, SIZE_MAX / 2);
}

void nj_event_sort_fini(nj_event_sort *sort)
{
    nj_buffer_fini(&sort->events);
    nj_buffer_fini(&sort->runs);
    if (sort->fd >= 0) {
        close(sort->fd);
        sort->fd = -1;
    }
}

static nj_event *peek_events(const nj_event_sort *sort)
{
    return (nj_event *)(void *)sort->events.bytes;
}

static size_t count_events(const nj_event_sort *sort)
{
    return sort->events.size / sizeof(nj_event);
}

static nj_event_run *peek_runs(const nj_event_sort *sort)
{
    return (nj_event_run *)(void *)sort->runs.bytes;
}

static size_t count_runs(const nj_event_sort *sort)
{
    return sort->runs.size / sizeof(nj_event_run);
}

static int compare_events(const void *a, const void *b)
{
    const nj_event *x = a;
    const nj_event *y = b;
    if (x->user != y->user) {
        return x->user < y->user ? -1 : 1;
    }
    if (x->time < y->time || x->time > y->time) {
        return x->time < y->time ? -1 : 1;
    }
    if (x->place != y->place) {
        return x->place < y->place ? -1 : 1;
    }
    return (x->item > y->item) - (x->item < y->item); // what is equal now is one event twice
}

// Files are often in order already, and asking is cheap.
static void sort_events(nj_event *events, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (compare_events(&events[i - 1], &events[i]) > 0) {
            qsort(events, count, sizeof *events, compare_events);
            return;
        }
    }
}

static nj_status write_events(int fd, const nj_event *events, size_t count, uint64_t first,
                              nj_error *err)
{
    const char *at = (const char *)events;
    size_t left = count * sizeof *events;
    off_t offset = (off_t)(first * sizeof *events);
    while (left > 0) {
        ssize_t wrote = pwrite(fd, at, left, offset);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            return nj_fail_errno(err, NJ_IO, errno, "%s: cannot write %zu bytes of sorted events",
                                 nj_temporary_folder(), left);
        }
        at += wrote;
        offset += wrote;
        left -= (size_t)wrote;
    }
    return NJ_OK;
}

static nj_status read_events(int fd, nj_event *events, size_t count, uint64_t first, nj_error *err)
{
    char *at = (char *)events;
    size_t left = count * sizeof *events;
    off_t offset = (off_t)(first * sizeof *events);
    while (left > 0) {
        ssize_t got = pread(fd, at, left, offset);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return nj_fail_errno(err, NJ_IO, got == 0 ? EIO : errno,
                                 "%s: cannot read %zu bytes of sorted events",
                                 nj_temporary_folder(), left);
        }
        at += got;
        offset += got;
        left -= (size_t)got;
    }
    return NJ_OK;
}

static nj_status add_run(nj_event_sort *sort, nj_event_run run, nj_error *err)
{
    nj_status status = nj_buffer_append(&sort->runs, &run, sizeof run);
    return status == NJ_OK
               ? NJ_OK
               : nj_fail(err, status, "no memory for %zu runs of events", count_runs(sort) + 1);
}

// Sorts what is in memory and puts it at the end of the temporary file.
static nj_status spill(nj_event_sort *sort, nj_error *err)
{
    nj_status status = sort->fd >= 0 ? NJ_OK : nj_temporary_open(&sort->fd, err);
    if (status != NJ_OK) {
        return status;
    }
    size_t count = count_events(sort);
    sort_events(peek_events(sort), count);
    status = write_events(sort->fd, peek_events(sort), count, sort->written, err);
    if (status == NJ_OK) {
        status = add_run(sort, (nj_event_run){sort->written, count}, err);
    }
    if (status == NJ_OK) {
        sort->written += count;
        nj_buffer_clear(&sort->events);
    }
    return status;
}

nj_status nj_event_sort_add(nj_event_sort *sort, const nj_event *event, nj_error *err)
{
    nj_status status = NJ_OK;
    if (count_events(sort) == sort->capacity) {
        status = spill(sort, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    status = nj_buffer_append(&sort->events, event, sizeof *event);
    return status == NJ_OK
               ? NJ_OK
               : nj_fail(err, status, "no memory for %zu events", count_events(sort) + 1);
}

static size_t block_events(const nj_event_sort *sort)
{
    return sort->capacity / (sort->merge_files + 1);
}

// Reads the next block of a run; block_count is 0 at its end.
static nj_status fill_cursor(nj_event_sort *sort, nj_event_cursor *cursor, nj_error *err)
{
    size_t count = block_events(sort);
    if (cursor->left.count < count) {
        count = (size_t)cursor->left.count;
    }
    cursor->block_at = 0;
    cursor->block_count = count;
    nj_status status = read_events(sort->fd, cursor->block, count, cursor->left.first, err);
    cursor->left.first += count;
    cursor->left.count -= count;
    return status;
}

static const nj_event *peek_cursor(const nj_event_sort *sort, size_t heap_at)
{
    const nj_event_cursor *cursor = &sort->cursors[sort->heap[heap_at]];
    return &cursor->block[cursor->block_at];
}

static void sift_down(nj_event_sort *sort, size_t at)
{
    for (;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < sort->heap_count; child++) {
            if (compare_events(peek_cursor(sort, child), peek_cursor(sort, least)) < 0) {
                least = child;
            }
        }
        if (least == at) {
            return;
        }
        uint8_t kept = sort->heap[at];
        sort->heap[at] = sort->heap[least];
        sort->heap[least] = kept;
        at = least;
    }
}

// Opens runs [first, first + count) for merging; block 0 of the memory is the writer's.
static nj_status begin_merge(nj_event_sort *sort, size_t first, size_t count, nj_error *err)
{
    for (size_t i = 0; i < count; i++) {
        nj_event_cursor *cursor = &sort->cursors[i];
        cursor->block = peek_events(sort) + (i + 1) * block_events(sort);
        cursor->left = peek_runs(sort)[first + i];
        nj_status status = fill_cursor(sort, cursor, err);
        if (status != NJ_OK) {
            return status;
        }
        sort->heap[i] = (uint8_t)i;
    }
    sort->heap_count = count;
    for (size_t at = count / 2; at-- > 0;) {
        sift_down(sort, at);
    }
    return NJ_OK;
}

// Runs are never empty, so a cursor in the heap always has an event.
static nj_status merge_next(nj_event_sort *sort, nj_event *out, nj_error *err)
{
    if (sort->heap_count == 0) {
        return NJ_END;
    }
    nj_event_cursor *cursor = &sort->cursors[sort->heap[0]];
    *out = cursor->block[cursor->block_at++];
    if (cursor->block_at == cursor->block_count) {
        nj_status status = fill_cursor(sort, cursor, err);
        if (status != NJ_OK) {
            return status;
        }
        if (cursor->block_count == 0) {
            sort->heap[0] = sort->heap[--sort->heap_count];
        }
    }
    sift_down(sort, 0);
    return NJ_OK;
}

// Merges runs [first, first + count) into one run at event `start` of another file.
static nj_status merge_runs(nj_event_sort *sort, size_t first, size_t count, int fd, uint64_t start,
                            uint64_t *out_count, nj_error *err)
{
    nj_event *block = peek_events(sort);
    size_t used = 0;
    uint64_t written = 0;
    nj_status status = begin_merge(sort, first, count, err);
    while (status == NJ_OK) {
        status = merge_next(sort, &block[used], err);
        used += status == NJ_OK ? 1 : 0;
        if (used > 0 && (used == block_events(sort) || status == NJ_END)) {
            nj_status write_status = write_events(fd, block, used, start + written, err);
            status = write_status != NJ_OK ? write_status : status;
            written += used;
            used = 0;
        }
    }
    *out_count = written;
    return status == NJ_END ? NJ_OK : status;
}

// One pass: every merge_files runs become one, in a new file that replaces the old one.
static nj_status merge_pass(nj_event_sort *sort, nj_error *err)
{
    int fd = -1;
    size_t run_count = count_runs(sort);
    size_t merged = 0;
    uint64_t start = 0;
    nj_status status = nj_temporary_open(&fd, err);
    for (size_t first = 0; status == NJ_OK && first < run_count; first += sort->merge_files) {
        nj_event_run run = {.first = start};
        size_t count = nj_min_size(sort->merge_files, run_count - first);
        status = merge_runs(sort, first, count, fd, start, &run.count, err);
        start += run.count;
        peek_runs(sort)[merged++] = run; // at or before `first`, whose runs are read
    }
    if (status != NJ_OK) {
        if (fd >= 0) {
            close(fd);
        }
        return status;
    }
    sort->runs.size = merged * sizeof(nj_event_run);
    close(sort->fd);
    sort->fd = fd;
    return NJ_OK;
}

nj_status nj_event_sort_finish(nj_event_sort *sort, nj_error *err)
{
    if (sort->fd < 0) {
        sort_events(peek_events(sort), count_events(sort));
        return NJ_OK;
    }
    nj_status status = spill(sort, err);
    while (status == NJ_OK && count_runs(sort) > sort->merge_files) {
        status = merge_pass(sort, err);
    }
    if (status == NJ_OK) {
        status = begin_merge(sort, 0, count_runs(sort), err);
    }
    return status;
}

nj_status nj_event_sort_next(nj_event_sort *sort, nj_event *out, nj_error *err)
{
    if (sort->fd >= 0) {
        return merge_next(sort, out, err);
    }
    if (sort->at == count_events(sort)) {
        return NJ_END;
    }
    *out = peek_events(sort)[sort->at++];
    return NJ_OK;
}
