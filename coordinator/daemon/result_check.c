#include "coordinator/daemon/result_check.h"

#include <stdlib.h>

#include "common/codec/row.h"
#include "common/codec/shard.h"

static const char *find_row_problem(const nj_result_check *check, nj_slice bytes, nj_row *row)
{
    if (nj_row_unpack(bytes, row, NULL) != NJ_OK) {
        return "a row is malformed";
    }
    if (row->count > check->top) {
        return "a list is longer than --top";
    }
    for (size_t i = 0; i < row->count; i++) {
        if (nj_idmap_find(check->map, row->items[i], nj_idmap_at_list, check->items) ==
            NJ_IDMAP_NONE) {
            return "a list has an item that is not in the catalogue";
        }
    }
    return NULL;
}

const char *nj_result_problem(const void *context, const nj_message_result *result,
                              const nj_piece_range *piece)
{
    const nj_result_check *check = context;
    nj_rows rows;
    size_t count = piece->count;
    if (result->row_count != count || nj_rows_unpack(result->rows, count, &rows, NULL) != NJ_OK) {
        return "the rows do not fit the piece's users";
    }
    nj_row *row = malloc(sizeof *row);
    const char *problem = row == NULL ? "no memory to check the rows" : NULL;
    for (size_t i = 0; i < count && problem == NULL; i++) {
        problem = find_row_problem(check, rows.rows[i], row);
    }
    free(row);
    nj_rows_fini(&rows);
    return problem;
}
