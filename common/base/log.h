// log.h - one line an event on stderr, for people or for machines.
//
//   text    nightjar-worker[812]: warning: shard 7 goes to another worker
//   logfmt  time=2026-11-22T01:03:44.123Z level=warning program=nightjar-worker pid=812 event=lease_lost shard=7 message="..."
//   json    {"time":"2026-11-22T01:03:44.123Z","level":"warning","program":"nightjar-worker","pid":812,"event":"lease_lost",...}
//
// Results go to stdout and never here. Nothing secret is passed in: keys are named by their public half. A line leaves with one
// write(2) that never waits: a reader that has stopped costs lines (the next one that leaves says how many), not the night.
#ifndef NJ_BASE_LOG_H
#define NJ_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/slice.h"
#include "common/base/status.h"

#define NJ_LOG_LINE_BYTES_MAX                                                                      \
    4096 // with its newline; PIPE_BUF, so that lines of several processes do not mix
#define NJ_LOG_VALUE_BYTES_MAX                                                                     \
    1024 // of one field in a machine's line, escapes included; what is longer is cut
#define NJ_LOG_FIELDS_MAX 8

typedef enum { NJ_LOG_DEBUG, NJ_LOG_INFO, NJ_LOG_WARNING, NJ_LOG_ERROR } nj_log_level;

typedef enum { NJ_LOG_TEXT, NJ_LOG_LOGFMT, NJ_LOG_JSON } nj_log_format;

typedef enum {
#define NJ_EVENT(NAME, level, fields, meaning) NJ_EVENT_##NAME,
#include "schemas/event.def"
#undef NJ_EVENT
    NJ_EVENT_COUNT
} nj_event;

// One key=value of an event; make it with the functions below.
typedef struct {
    const char *name; // NULL ends a list
    bool is_text;
    nj_slice text; // borrowed during the call
    uint64_t number;
} nj_log_field;

static inline nj_log_field nj_log_uint(const char *name, uint64_t number)
{
    return (nj_log_field){.name = name, .number = number};
}

static inline nj_log_field nj_log_slice(const char *name, nj_slice text)
{
    return (nj_log_field){.name = name, .is_text = true, .text = text};
}

static inline nj_log_field nj_log_text(const char *name, const char *text)
{
    return nj_log_slice(name, nj_slice_from(text));
}

// The fields of one event: NJ_FIELDS(nj_log_uint("shard", shard), nj_log_text("worker", name)).
#define NJ_FIELDS(...) ((const nj_log_field[NJ_LOG_FIELDS_MAX + 1]){__VA_ARGS__})

/// Once at start, before threads. `program` is borrowed for ever.
void nj_log_setup(const char *program, nj_log_level least);

/// "text", "logfmt" or "json", before threads. NJ_INPUT: another word; the format stays.
NJ_CHECKED nj_status nj_log_set_format(const char *word);
nj_log_format nj_log_format_now(void);

/// Writes a line without fields. In every format control characters and bytes that are no UTF-8 are replaced or escaped, and
/// a line that is too long is cut.
void nj_log(nj_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/// Writes an event of schemas/event.def with its level. The text is for people and says everything; machines read the fields
/// too. A field that the event's row does not list, and more fields than NJ_LOG_FIELDS_MAX, are mistakes of the program (asserted).
///
/// Proof   tests/unit/base/test_log.c
void nj_log_event(nj_event event, const nj_log_field *fields, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define NJ_LOG_CLEAR_END "\033[K" // of a terminal: from here to the end of the line

/// True: what was put last is a bar that stands on the terminal's line; the next line of the log clears it first. False takes it away
/// now. One bar a process; from any thread.
void nj_log_bar(bool shown);

/// Writes bytes to stderr without waiting: for a bar on a terminal, and for what nj_log writes.
/// False: they are lost, because nobody reads or the stream is closed.
bool nj_log_put(const char *bytes, size_t size);

#endif
