#include "common/catalogue/transport.h"

#include <math.h>
#include <stdlib.h>

#define NONE UINT32_MAX

// A path leads from a row without a column, by turns to a column and to a row that sits in it, to a column with room.
typedef struct {
    double potential; // of the column; 0 while it has room, else at most 0
    double distance;  // of the shortest path found so far
    uint32_t from;    // the row before it on that path
    uint32_t room;    // left
    uint32_t first;   // a row that sits in it; NONE = no more
    uint32_t done;    // the search that has settled it, counted from 1
} column_state;

typedef struct {
    const double *costs;
    size_t row_count;
    size_t column_count;
    column_state *columns; // [column_count]
    uint32_t *next;        // [row_count] the row that sits in the same column
    uint32_t *column_of;   // [row_count]
} transport;

// Looks from `row`, which is `distance` away, at every column that is not settled.
static void relax_row(transport *t, uint32_t row, double distance, uint32_t search)
{
    const double *costs = t->costs + row * t->column_count;
    double potential = 0;
    if (t->column_of[row] != NONE) {
        potential = costs[t->column_of[row]] - t->columns[t->column_of[row]].potential;
    }
    for (size_t j = 0; j < t->column_count; j++) {
        column_state *column = &t->columns[j];
        const double through = distance + costs[j] - potential - column->potential;
        if (column->done != search && through < column->distance) {
            column->distance = through;
            column->from = row;
        }
    }
}

static uint32_t find_nearest(const transport *t, uint32_t search)
{
    uint32_t nearest = NONE;
    for (size_t j = 0; j < t->column_count; j++) {
        const column_state *column = &t->columns[j];
        if (column->done != search &&
            (nearest == NONE || column->distance < t->columns[nearest].distance)) {
            nearest = (uint32_t)j;
        }
    }
    return nearest;
}

static void leave_column(transport *t, uint32_t row)
{
    uint32_t *link = &t->columns[t->column_of[row]].first;
    while (*link != row) {
        link = &t->next[*link];
    }
    *link = t->next[row];
}

// Every row of the path moves on to the column behind it; the last column loses a place.
static void shift_rows(transport *t, uint32_t start, uint32_t end)
{
    t->columns[end].room--;
    for (uint32_t column = end;;) {
        const uint32_t row = t->columns[column].from;
        const uint32_t before = t->column_of[row];
        if (before != NONE) {
            leave_column(t, row);
        }
        t->column_of[row] = column;
        t->next[row] = t->columns[column].first;
        t->columns[column].first = row;
        if (row == start) {
            return;
        }
        column = before;
    }
}

// Columns without any room from the start are settled at once: nothing sits in them, so no path leads through.
static void begin_search(transport *t, const uint32_t *room, uint32_t search)
{
    for (size_t j = 0; j < t->column_count; j++) {
        t->columns[j].distance = INFINITY;
        if (room[j] == 0) {
            t->columns[j].done = search;
        }
    }
}

static void place_row(transport *t, const uint32_t *room, uint32_t row)
{
    const uint32_t search = row + 1;
    begin_search(t, room, search);
    relax_row(t, row, 0.0, search);
    uint32_t end = find_nearest(t, search);
    while (t->columns[end].room == 0) {
        column_state *column = &t->columns[end];
        column->done = search;
        for (uint32_t i = column->first; i != NONE; i = t->next[i]) {
            relax_row(t, i, column->distance, search);
        }
        end = find_nearest(t, search);
    }
    const double length = t->columns[end].distance;
    for (size_t j = 0; j < t->column_count; j++) {
        if (t->columns[j].done == search && room[j] > 0) {
            t->columns[j].potential += t->columns[j].distance - length;
        }
    }
    shift_rows(t, row, end);
}

nj_status nj_transport_solve(const double *costs, size_t rows, size_t columns, const uint32_t *room,
                             uint32_t *column_of, nj_error *err)
{
    uint64_t room_sum = 0;
    for (size_t j = 0; j < columns; j++) {
        room_sum += room[j];
    }
    if (room_sum < rows) {
        return nj_fail(err, NJ_INPUT, "%zu rows to assign, the columns have room for %llu", rows,
                       (unsigned long long)room_sum);
    }
    transport t = {costs, rows, columns, NULL, NULL, column_of};
    t.columns = calloc(columns + 1, sizeof *t.columns);
    t.next = malloc((rows + 1) * sizeof *t.next);
    nj_status status = NJ_OK;
    if (t.columns == NULL || t.next == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory to assign %zu rows", rows);
        goto done;
    }
    for (size_t j = 0; j < columns; j++) {
        t.columns[j].room = room[j];
        t.columns[j].first = NONE;
    }
    for (size_t i = 0; i < rows; i++) {
        column_of[i] = NONE;
    }
    for (uint32_t i = 0; i < rows; i++) {
        place_row(&t, room, i);
    }
done:
    free(t.columns);
    free(t.next);
    return status;
}
