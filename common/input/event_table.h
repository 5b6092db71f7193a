// event_table.h - rows and columns of the two event forms: csv and inter.
//
// csv    comma or another delimiter, quotes by RFC 4180 (a quoted field may hold commas, doubled quotes and line breaks); names user or
//        user_id, item or item_id, timestamp, or those of --columns; without a header where --columns tells places
// inter  tab, no quotes; names with types user_id:token, item_id:token, timestamp:float
//
// Every part of a folder has its header. The columns stand in any order, timestamp may be absent, further columns are ignored but counted. A file of users and their groups
// is read with the same rules: names user or user_id, and group.
#ifndef NJ_INPUT_EVENT_TABLE_H
#define NJ_INPUT_EVENT_TABLE_H

#include <stdbool.h>

#include "common/base/error.h"
#include "common/input/columns.h"
#include "common/input/field_rows.h"

typedef enum {
    NJ_EVENT_USER,
    NJ_EVENT_ITEM,
    NJ_EVENT_TIME,
    NJ_EVENT_GROUP,
    NJ_EVENT_COLUMN_KINDS
} nj_event_column;

typedef struct {
    bool is_csv;
    char delimiter;            // csv; 0: comma
    nj_event_column beside;    // what a row has beside its user: the item of an event, or a group
    const nj_columns *columns; // borrowed; NULL: the usual names
    size_t row_bytes_max;
} nj_event_form;

typedef struct {
    nj_field_rows rows;
    nj_event_form form;
    size_t part; // of the lines, whose header this is
    size_t column_count;
    bool has_column[NJ_EVENT_COLUMN_KINDS];
    size_t column[NJ_EVENT_COLUMN_KINDS]; // where each stands
    bool has_row;                         // the last row is the next one, too
} nj_event_table;

/// Reads the header. form->beside is NJ_EVENT_ITEM or NJ_EVENT_GROUP. NJ_INPUT names the column that is missing or doubled and the
/// columns that were found; NJ_END for an empty file.
NJ_CHECKED nj_status nj_event_table_open(nj_lines *lines, const nj_event_form *form,
                                         nj_event_table *out, nj_error *err);
void nj_event_table_close(nj_event_table *table);

/// Reads the next row into table->rows; NJ_END behind the last. NJ_INPUT when it has not the
/// header's number of fields or its quotes are wrong, or the header of a further part has other of our columns.
NJ_CHECKED nj_status nj_event_table_next(nj_event_table *table, nj_error *err);

/// The time of the last row; 0 without such a column. NJ_INPUT for anything but a finite decimal
/// number.
NJ_CHECKED nj_status nj_event_table_time(const nj_event_table *table, double *out, nj_error *err);

#endif
