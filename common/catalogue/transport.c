#include "common/catalogue/transport.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#define NONE UINT32_MAX

// A path leads from a row without a column, by turns to a column and to a row that sits in it, to a column with room. What a search
// reads of every column is apart, so that its loops are over neighbours. A column that a search is done with is infinitely far.
typedef struct {
    const double *costs;
    size_t row_count;
    size_t column_count;
    double *potentials; // [column_count] 0 while the column has room, else at most 0
    double *open; // [column_count] distance of the shortest path found so far; infinite where done
    double *done; // [column_count] distance at which the search was done with it; else infinite
    uint32_t *from;      // [column_count] the row before it on that path
    uint32_t *room;      // [column_count] left
    uint32_t *first;     // [column_count] a row that sits in it; NONE = no more
    uint32_t *next;      // [row_count] the row that sits in the same column
    uint32_t *column_of; // [row_count]
    void *memory;        // owned
} transport;

// Looks from `row`, which is `distance` away, at every column that is not done.
static void relax_row(transport *t, uint32_t row, double distance)
{
    const double *costs = t->costs + row * t->column_count;
    const double *potentials = t->potentials;
    const double *done = t->done;
    double *open = t->open;
    uint32_t *from = t->from;
    if (t->column_of[row] != NONE) {
        distance -= costs[t->column_of[row]] - potentials[t->column_of[row]];
    }
    for (size_t j = 0; j < t->column_count; j++) {
        const double through = distance + costs[j] - potentials[j];
        const bool nearer = through < open[j] && done[j] == INFINITY;
        open[j] = nearer ? through : open[j];
        from[j] = nearer ? row : from[j];
    }
}

static uint32_t find_nearest(const transport *t)
{
    uint32_t nearest = 0;
    for (size_t j = 1; j < t->column_count; j++) {
        nearest = t->open[j] < t->open[nearest] ? (uint32_t)j : nearest;
    }
    return nearest;
}

static void leave_column(transport *t, uint32_t row)
{
    uint32_t *link = &t->first[t->column_of[row]];
    while (*link != row) {
        link = &t->next[*link];
    }
    *link = t->next[row];
}

// Every row of the path moves on to the column behind it; the last column loses a place.
static void shift_rows(transport *t, uint32_t start, uint32_t end)
{
    t->room[end]--;
    for (uint32_t column = end;;) {
        const uint32_t row = t->from[column];
        const uint32_t before = t->column_of[row];
        if (before != NONE) {
            leave_column(t, row);
        }
        t->column_of[row] = column;
        t->next[row] = t->first[column];
        t->first[column] = row;
        if (row == start) {
            return;
        }
        column = before;
    }
}

// Columns without any room from the start are done with at once: nothing sits in them, so no path leads through.
static void begin_search(transport *t, const uint32_t *room)
{
    for (size_t j = 0; j < t->column_count; j++) {
        t->open[j] = INFINITY;
        t->done[j] = room[j] == 0 ? -INFINITY : INFINITY;
    }
}

static void place_row(transport *t, const uint32_t *room, uint32_t row)
{
    begin_search(t, room);
    relax_row(t, row, 0.0);
    uint32_t end = find_nearest(t);
    while (t->room[end] == 0) {
        t->done[end] = t->open[end];
        t->open[end] = INFINITY;
        for (uint32_t i = t->first[end]; i != NONE; i = t->next[i]) {
            relax_row(t, i, t->done[end]);
        }
        end = find_nearest(t);
    }
    const double length = t->open[end];
    for (size_t j = 0; j < t->column_count; j++) {
        t->potentials[j] += isfinite(t->done[j]) ? t->done[j] - length : 0;
    }
    shift_rows(t, row, end);
}

// One block: three float64 a column, three uint32 a column, one uint32 a row.
static nj_status begin_transport(transport *t, const uint32_t *room, nj_error *err)
{
    const size_t columns = t->column_count;
    t->memory =
        malloc(columns * 3 * sizeof(double) + (columns * 3 + t->row_count) * sizeof(uint32_t) + 1);
    if (t->memory == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to assign %zu rows", t->row_count);
    }
    t->potentials = t->memory;
    t->open = t->potentials + columns;
    t->done = t->open + columns;
    t->from = (uint32_t *)(t->done + columns);
    t->room = t->from + columns;
    t->first = t->room + columns;
    t->next = t->first + columns;
    for (size_t j = 0; j < columns; j++) {
        t->potentials[j] = 0;
        t->from[j] = NONE;
        t->room[j] = room[j];
        t->first[j] = NONE;
    }
    for (size_t i = 0; i < t->row_count; i++) {
        t->column_of[i] = NONE;
    }
    return NJ_OK;
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
    transport t = {
        .costs = costs, .row_count = rows, .column_count = columns, .column_of = column_of};
    nj_status status = begin_transport(&t, room, err);
    for (uint32_t i = 0; i < rows && status == NJ_OK; i++) {
        place_row(&t, room, i);
    }
    free(t.memory);
    return status;
}
