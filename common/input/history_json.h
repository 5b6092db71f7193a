// history_json.h - one line of a jsonl file of histories.
//
// jsmn splits the line into tokens. It is lax about what stands between them even when strict ("[1
// 2]" and "{"a" 1}" pass), and its time grows with the square of the nesting; so nesting is bounded
// before it runs, and a walk over its tokens checks every comma, colon and bracket, every number
// and every string afterwards. What comes out was a JSON text by RFC 8259.
#ifndef NJ_INPUT_HISTORY_JSON_H
#define NJ_INPUT_HISTORY_JSON_H

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/slice.h"
#include "common/codec/shard.h"
#include "common/input/columns.h"
#include "common/input/lines.h"

#define NJ_HISTORY_JSON_DEPTH_MAX 64
// keys and values of one line, each 20 bytes while it is read
#define NJ_HISTORY_JSON_VALUES_MAX (4u << 20)

typedef struct {
    nj_buffer tokens; // jsmn's; kept from line to line
} nj_history_json;

void nj_history_json_init(nj_history_json *json);
void nj_history_json_fini(nj_history_json *json);

// What a line says; slices are borrowed from it.
typedef struct {
    nj_slice user;
    nj_slice group;        // bytes NULL: none
    nj_slice held_out;     // likewise
    nj_slice text;         // likewise
    nj_buffer *items;      // nj_slice; the caller's, empty before
    nj_buffer *exclude;    // nj_slice; likewise
    nj_buffer *candidates; // nj_slice; likewise
    nj_buffer *times;      // double; likewise; NULL: "times" is a further key, and ignored
    bool has_times;
    bool has_candidates;       // perhaps none: an empty list
    const nj_columns *columns; // the caller's; NULL: the usual keys
    bool
        wants_held_out; // the caller's: lines are lists; false: "held_out" is a further key, true: "candidates" and "text" are
} nj_history_json_line;

/// Parses `line` (the last one `lines` gave; strings in it are decoded in place). The ids themselves are not checked, nor whether
/// there are as many times as items. NJ_INPUT: not JSON, "user" missing, "items" where there is no "candidates" and no "text" either, a key given
/// twice or of another type, more than items_max items in a list or NJ_REQUEST_CANDIDATES_MAX candidates, a text of more than
/// NJ_REQUEST_TEXT_BYTES_MAX bytes, a time that is not finite.
NJ_CHECKED nj_status nj_history_json_parse(nj_history_json *json, const nj_lines *lines, char *line,
                                           size_t size, size_t items_max, nj_history_json_line *out,
                                           nj_error *err);

#endif
