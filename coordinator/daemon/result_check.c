#include "coordinator/daemon/result_check.h"

#include <string.h>

#include "common/codec/row.h"
#include "common/codec/shard.h"

static bool is_history_of(const nj_result_check *check, const nj_request *request,
                          const nj_history_digest *digest)
{
    nj_history_digest planned =
        nj_history_digest_of(check->items, request->items, request->item_count);
    return memcmp(planned.bytes, digest->bytes, sizeof planned.bytes) == 0;
}

static const char *find_row_problem(const nj_result_check *check, const nj_request *request,
                                    nj_slice bytes)
{
    nj_row *row = check->row;
    if (nj_row_unpack(bytes, row, NULL) != NJ_OK) {
        return "a row is malformed";
    }
    if (!is_history_of(check, request, &row->history)) {
        return "a row was computed from another history than its user's";
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
    if (result->row_count != piece->count ||
        nj_rows_split(result->rows, piece->count, check->rows, NULL) != NJ_OK) {
        return "the rows do not fit the shard's users";
    }
    const char *problem = NULL;
    for (uint32_t i = 0; i < piece->count && problem == NULL; i++) {
        nj_request request = nj_plan_request(check->plan, piece->shard, piece->first + i);
        problem = find_row_problem(check, &request, check->rows[i]);
    }
    return problem;
}
