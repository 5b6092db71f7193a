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

const char *nj_result_problem(const void *context, const nj_message_result *result)
{
    const nj_result_check *check = context;
    nj_rows rows;
    size_t count = nj_plan_shard_users(check->plan, result->shard);
    if (result->row_count != count || nj_rows_unpack(result->rows, count, &rows, NULL) != NJ_OK) {
        return "the rows do not fit the shard's users";
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

// An item's id and score with their MessagePack heads; a row's head, flags and digest, and its own head in the blob.
#define ITEM_BYTES_MORE 10
#define ROW_BYTES_MORE 64
#define OTHER_BYTES_MAX                                                                            \
    (64u << 10) // every other field of a RESULT, and every other message of a worker

size_t nj_result_bytes_max(const nj_result_check *check)
{
    size_t id_bytes = 0;
    size_t users = 0;
    for (size_t i = 0; i < check->items->count; i++) {
        size_t bytes = nj_idlist_at(check->items, i).size;
        id_bytes = bytes > id_bytes ? bytes : id_bytes;
    }
    for (size_t i = 0; i < check->plan->shard_count; i++) {
        size_t count = nj_plan_shard_users(check->plan, i);
        users = count > users ? count : users;
    }
    // At most 65536 * (1000 * 520 + 64): far from any overflow.
    size_t bytes =
        OTHER_BYTES_MAX + users * (ROW_BYTES_MORE + check->top * (id_bytes + ITEM_BYTES_MORE));
    return bytes < NJ_WIRE_MESSAGE_BYTES_MAX ? bytes : NJ_WIRE_MESSAGE_BYTES_MAX;
}
