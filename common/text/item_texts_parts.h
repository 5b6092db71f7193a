// item_texts_parts.h - what the two forms of item texts share; nobody else includes it.
#ifndef NJ_TEXT_ITEM_TEXTS_PARTS_H
#define NJ_TEXT_ITEM_TEXTS_PARTS_H

#include <stdbool.h>

#include "common/base/buffer.h"
#include "common/input/lines.h"
#include "common/text/item_texts.h"

typedef struct {
    nj_slice name; // borrowed from the reading
    uint32_t weight;
    bool is_found; // in the header, or in any line of JSON
} nj_text_column;

typedef struct {
    const nj_item_text_reading *reading;
    nj_lines lines;
    size_t part; // that is being read
    nj_text_column columns[NJ_ITEM_TEXT_COLUMNS_MAX];
    size_t column_count; // 0: none is named, so all are read
    nj_buffer fields;    // nj_text_field, of the item being read
    uint64_t item_count;
} nj_item_text_reader;

/// Appends one text of the item, of a column that is named or, NULL, of any. NJ_INPUT beyond NJ_ITEM_TEXT_FIELDS_MAX, NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_item_text_add(nj_item_text_reader *reader, nj_slice text,
                                      const nj_text_column *column, nj_error *err);
/// The option that names the columns.
const char *nj_item_text_option(const nj_item_text_reading *reading);
/// Checks the id and hands the item over.
NJ_CHECKED nj_status nj_item_text_take(nj_item_text_reader *reader, nj_slice id, nj_error *err);
/// The named column of that name, which is found with this; NULL where it was not named.
nj_text_column *nj_item_text_column(nj_item_text_reader *reader, nj_slice name);

/// The items of one part: of a table behind its header line, or of JSON lines. `*line` is the first line of the part, and with NJ_OK
/// that of the next part; NJ_END where there is none.
NJ_CHECKED nj_status nj_item_texts_read_table(nj_item_text_reader *reader, char **line,
                                              size_t *size, nj_error *err);
NJ_CHECKED nj_status nj_item_texts_read_json(nj_item_text_reader *reader, char **line, size_t *size,
                                             nj_error *err);

#endif
