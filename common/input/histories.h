// histories.h - user histories in the forms people have them (DESIGN.md section 4).
//
//   sequence   user item item ...                          one user a line, oldest first, separated by spaces or tabs
//   jsonl      {"user": "u1", "items": ["a", "b"]}         numbers are taken as their decimals; "group", "exclude", "candidates" and "text"
//                                                          may stand there too, with the last two no "items"; and "times": [1.5, 2], one
//                                                          an item, never falling; further keys are ignored, "times" where nobody asks
//   csv        header user,item[,timestamp] in any order   one event a row; RFC 4180 quotes
//   inter      RecBole: user_id:token<TAB>item_id:token... one event a row; other columns are ignored
//   parquet    a column user and a list items, as jsonl; or   through DuckDB, where it is installed (common/parquet/parquet.h)
//              columns user, item and timestamp, as csv
//
// Each as it is or packed by gzip or zstd, from standard input, or as a folder of part files (lines.h): what is packed and what is
// Parquet is told from the content. The same events give the same histories in any form; --columns and --delimiter say what a file
// calls its columns and puts between its fields (columns.h).
//
// CRLF, a missing last newline and a UTF-8 byte order mark are accepted; blank lines are skipped.
// Event forms are sorted by (user, time, line), externally beyond NJ_HISTORIES_MEMORY bytes
// (temporary files in $TMPDIR or /tmp), and come out in the order in which users first appear.
// Times are decimal numbers, compared as doubles; without a time column the order is that of lines.
//
// Events of a user that have the same time come in the order of their lines; whoever exported the file has chosen it, and a file in
// the order of the answers tells a judge what he is looking for. With a tie seed they come in the order of a hash of seed, user,
// time and item, which nothing but the seed decides: not the order of lines, and not the memory of the sort.
//
// What stays in memory whatever the form: every distinct user id once (and every distinct item id
// once for event forms), about 50 bytes and the id itself each.
#ifndef NJ_INPUT_HISTORIES_H
#define NJ_INPUT_HISTORIES_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/slice.h"
#include "common/input/columns.h"
#include "common/input/instant.h"

#define NJ_HISTORY_LINE_BYTES_MAX (64u << 20)
#define NJ_HISTORY_ITEMS_MAX 1000000
#define NJ_HISTORIES_MEMORY (1u << 30)

typedef enum {
    NJ_HISTORIES_SEQUENCE,
    NJ_HISTORIES_JSONL,
    NJ_HISTORIES_CSV,
    NJ_HISTORIES_INTER,
    NJ_HISTORIES_PARQUET,
} nj_histories_format;

// Which file, and what of it counts. All zero but for path and format: everything, as it stands.
typedef struct {
    const char *path;           // borrowed; "-" is standard input
    nj_histories_format format; // of text; Parquet is read as what it is
    nj_columns columns;         // what the file calls them
    char delimiter;             // csv; 0: comma, or tab where the name ends in .tsv
    nj_instant
        as_of; // only what happened before it counts: an event at or after it is as if it were
               // not there, and so is a user all of whose events are
    uint64_t tie_seed; // of the order of events of equal time; 0: the order of lines
    bool wants_times;  // hand over times; as_of and tie_seed need them by themselves
    bool
        wants_held_out; // jsonl: lines are lists, so look at "held_out", and not at "candidates" and "text"
} nj_histories_source;

typedef struct {
    nj_slice user;         // valid by id.h; borrowed for the duration of the call
    const nj_slice *items; // [item_count], oldest first, each valid by id.h
    const double *times;   // [item_count], rising or equal, where the source wants_times; else NULL
    size_t item_count;     // may be 0
    uint64_t line;         // 1-based line of the user's record, or of the first event
    const struct nj_lines *lines; // that it is of; NULL: unknown
    nj_slice group; // jsonl: the group that the user is in; bytes NULL: none. Not checked
    const nj_slice
        *exclude; // jsonl: [exclude_count] items that he must not get, each valid by id.h
    size_t exclude_count;
    nj_slice
        held_out; // jsonl: what a list was made without (schemas/lists.md); bytes NULL: it does not say
    // jsonl: [candidate_count] the only items that he may get, each valid by id.h, in the order given; NULL: all
    const nj_slice *candidates;
    size_t candidate_count; // at most NJ_REQUEST_CANDIDATES_MAX; may be 0
    // jsonl: his own part of the prompt, UTF-8 of at most NJ_REQUEST_TEXT_BYTES_MAX bytes; bytes NULL: none
    nj_slice text;
} nj_history;

/// Called for every user in order. A status other than NJ_OK ends the reading and is returned as it
/// is (fill err yourself).
typedef nj_status (*nj_history_visitor)(void *context, const nj_history *history, nj_error *err);

/// "sequence", "jsonl", "csv", "inter" or "parquet"; NJ_USAGE otherwise.
NJ_CHECKED nj_status nj_histories_format_named(const char *name, nj_histories_format *out,
                                               nj_error *err);

/// From the ending of the path, in front of .gz and .zst: .jsonl/.ndjson/.json, .csv/.tsv, .inter, .parquet/.pq, else sequence.
nj_histories_format nj_histories_format_of_path(const char *path);
/// The same, and of a folder from its parts. NJ_INPUT: they have different endings, or those of nj_parts_list.
NJ_CHECKED nj_status nj_histories_format_find(const char *path, nj_histories_format *out,
                                              nj_error *err);

/// NJ_INPUT with "FILE: line N: rule", of the user's line.
nj_status nj_history_fail(const nj_history *history, nj_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/// Reads the whole file. Errors (NJ_INPUT) name file, line and rule; the same user twice in sequence
/// or jsonl names both lines; a file without a record that counts is refused, and so is one without
/// times where times are needed: sequence always, csv and inter without the column, jsonl where a
/// line with items has no "times". A date as as_of is refused where times are too large for seconds.
NJ_CHECKED nj_status nj_histories_read(const nj_histories_source *source, nj_history_visitor visit,
                                       void *context, nj_error *err);

#endif
