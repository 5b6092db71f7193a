// histories_reader.h - what the readers of the four forms share; private to common/input and its
// tests.
#ifndef NJ_INPUT_HISTORIES_READER_H
#define NJ_INPUT_HISTORIES_READER_H

#include "common/base/buffer.h"
#include "common/input/histories.h"
#include "common/input/lines.h"

// The public bounds as values, so that a test can reach each of them with a small file.
typedef struct {
    size_t memory_bytes;   // of events held at once, NJ_HISTORIES_MEMORY
    size_t merge_files;    // runs merged at once
    size_t line_bytes_max; // NJ_HISTORY_LINE_BYTES_MAX
    size_t items_max;      // NJ_HISTORY_ITEMS_MAX
} nj_histories_limits;

extern const nj_histories_limits NJ_HISTORIES_LIMITS;

typedef struct {
    nj_lines lines;
    const nj_histories_source *source;
    const nj_histories_limits *limits;
    nj_history_visitor visit;
    void *context;
    char delimiter;         // csv
    uint64_t history_count; // handed to `visit` so far
} nj_histories_reader;

/// As nj_histories_read.
NJ_CHECKED nj_status nj_histories_read_limited(const nj_histories_source *source,
                                               const nj_histories_limits *limits,
                                               nj_history_visitor visit, void *context,
                                               nj_error *err);

/// The two halves: history_lines.c reads sequence and jsonl, history_events.c reads csv and inter.
NJ_CHECKED nj_status nj_histories_read_lines(nj_histories_reader *reader, bool is_json,
                                             nj_error *err);
NJ_CHECKED nj_status nj_histories_read_events(nj_histories_reader *reader, bool is_csv,
                                              nj_error *err);

/// True where events need times, for themselves or for who reads them.
bool nj_histories_need_times(const nj_histories_source *source);

/// True for an event that counts. NJ_INPUT when as_of is a date and `at` no time in seconds.
NJ_CHECKED nj_status nj_histories_counts(const nj_histories_reader *reader, uint64_t line,
                                         double at, bool *out, nj_error *err);

/// Where an event stands among those of its user that have the same time, if ties are shuffled: equal only for equal items, up to
/// one pair in 2^64.
uint64_t nj_histories_tie_place(uint64_t seed, nj_slice user, double at, nj_slice item);

/// What a jsonl line with times says of events, made what the source wants of it: `items` and `times` are cut and shuffled in place.
///
///   items      nj_slice
///   times      double
///   ties       scratch of any content
///   out_counts false when the user has events and none counts
///
/// Errors  NJ_INPUT: other many times than items, times that fall, a line with items and without times; NJ_NO_MEMORY
NJ_CHECKED nj_status nj_histories_cut_line(const nj_histories_reader *reader, nj_slice user,
                                           bool has_times, nj_buffer *items, nj_buffer *times,
                                           nj_buffer *ties, bool *out_counts, nj_error *err);

/// True for a line of spaces and tabs only; such lines are skipped in every form.
bool nj_histories_is_blank(const char *line, size_t size);

/// NJ_INPUT when the id of this kind ("user", "item") breaks a rule: FILE: line N: item "x" is
/// longer than 510 bytes.
NJ_CHECKED nj_status nj_histories_check_id(const nj_lines *lines, uint64_t number, const char *kind,
                                           nj_slice id, nj_error *err);

#endif
