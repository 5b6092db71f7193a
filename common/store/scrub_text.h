// scrub_text.h - ids in text: found where they stand alone, and replaced by "[erased]".
//
// A string of JSON that is an id is one, however short. Inside longer text an id of at least NJ_SCRUB_SEARCHED_BYTES is found
// where neither a letter, nor a digit, nor '_' or '-' stands beside it; what is shorter stands anywhere by chance.
#ifndef NJ_STORE_SCRUB_TEXT_H
#define NJ_STORE_SCRUB_TEXT_H

#include "common/store/byte_search.h"
#include "common/store/erase.h"

#define NJ_SCRUB_SEARCHED_BYTES 6
#define NJ_SCRUB_ERASED "[erased]"
#define NJ_SCRUB_LINE_BYTES_MAX ((size_t)256 << 20) // of a file that is read whole

typedef struct {
    const nj_erase_set *set; // borrowed
    nj_byte_search search;   // owned; label: number of the user, or behind all users of the item
    uint64_t searched;       // ids that are long enough
    uint64_t unsearched;
} nj_scrub_text;

NJ_CHECKED nj_status nj_scrub_text_init(nj_scrub_text *text, const nj_erase_set *set,
                                        nj_error *err);
/// Accepts one that is all zero.
void nj_scrub_text_fini(nj_scrub_text *text);

/// The first id that stands alone in `bytes`, at or behind `from`.
bool nj_scrub_text_find(const nj_scrub_text *text, nj_slice bytes, size_t from, nj_byte_hit *out);

/// Appends JSON (or several lines of it) with the ids in its strings replaced. `*out_count` is raised by as many. NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_scrub_json(const nj_scrub_text *text, nj_slice bytes, nj_buffer *out,
                                   uint64_t *out_count);

/// The same of any text, whose ids are those that stand alone.
NJ_CHECKED nj_status nj_scrub_plain(const nj_scrub_text *text, nj_slice bytes, nj_buffer *out,
                                    uint64_t *out_count);

/// Writes a file of lines anew, synced and renamed into place, if it names any of the ids: a line that begins with '{' is JSON.
/// Other lines are plain text.
///
/// Returns  NJ_NOT_FOUND, NJ_INPUT (a line longer than NJ_LOG_LINES_BYTES), NJ_IO
/// Proof    tests/unit/store/test_scrub_text.c
NJ_CHECKED nj_status nj_scrub_lines_file(const nj_scrub_text *text, const char *path,
                                         uint64_t *out_count, nj_error *err);

#endif
