// fuzz_row.c - any bytes as a stored row, or as the rows of a RESULT: the first byte is 0, or how many rows are expected.
#include <math.h>

#include "common/base/id.h"
#include "common/codec/json.h"
#include "common/codec/row.h"
#include "common/codec/shard.h"
#include "tests/fuzz/fuzz.h"

static nj_row row; // large

static void check_json(const nj_row *accepted)
{
    nj_buffer line;
    nj_error err;
    json_t *json = NULL;
    nj_buffer_init(&line, 16u << 20);
    fuzz_check(nj_row_json(&line, nj_slice_from("user"), accepted) == NJ_OK,
               "a row can be printed");
    fuzz_check(nj_json_parse((const char *)line.bytes, line.size, "row", &json, &err) == NJ_OK,
               "what is printed is JSON");
    fuzz_check(json_array_size(json_object_get(json, "items")) == accepted->count,
               "every item is printed");
    json_decref(json);
    nj_buffer_fini(&line);
}

static void check_row(nj_slice bytes)
{
    nj_buffer packed;
    nj_error err;
    nj_status status = nj_row_unpack(bytes, &row, &err);
    fuzz_check(status == NJ_OK || status == NJ_INPUT, "a row is accepted or malformed");
    if (status != NJ_OK) {
        return;
    }
    for (size_t i = 0; i < row.count; i++) {
        fuzz_check(nj_id_problem(row.items[i]) == NULL, "items have valid ids");
        fuzz_check(isfinite(row.scores[i]), "scores are finite");
    }
    check_json(&row);
    static nj_row again;
    nj_buffer_init(&packed, NJ_ROW_BYTES_MAX);
    fuzz_check(nj_row_pack(&packed, row.flags, row.items, row.scores, row.count, &row.history) ==
                       NJ_OK &&
                   nj_row_unpack(nj_buffer_slice(&packed), &again, &err) == NJ_OK &&
                   again.count == row.count && again.flags == row.flags,
               "a row that is packed and unpacked is the same");
    nj_buffer_fini(&packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nj_rows rows;
    nj_error err;
    if (size == 0) {
        return 0;
    }
    nj_slice bytes = {(const char *)data + 1, size - 1};
    if (data[0] == 0) {
        check_row(bytes);
        return 0;
    }
    nj_status status = nj_rows_unpack(bytes, data[0], &rows, &err);
    fuzz_check(status == NJ_OK || status == NJ_PROTOCOL, "rows are accepted or malformed");
    if (status == NJ_OK) {
        fuzz_check(rows.count == data[0], "there are as many rows as were expected");
        for (size_t i = 0; i < rows.count; i++) {
            fuzz_check(nj_row_unpack(rows.rows[i], &row, &err) == NJ_OK, "each of them is a row");
        }
        nj_rows_fini(&rows);
    }
    return 0;
}
