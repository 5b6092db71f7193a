// fuzz_codec.c - any bytes as what travels inside messages: the first byte says what (codec_kind), the second how many rows the
// catalogue has, or the result. What is accepted can be packed again, and is the same.
#include <math.h>

#include <jansson.h>

#include "common/base/id.h"
#include "common/codec/json.h"
#include "common/codec/row.h"
#include "common/codec/row_scan.h"
#include "common/codec/settings.h"
#include "common/codec/shard.h"
#include "tests/fuzz/fuzz.h"

typedef enum { SETTINGS, USERS, ROW, ROWS, KIND_COUNT } codec_kind;

static nj_row row; // large

static void check_settings(nj_slice bytes)
{
    nj_settings settings;
    nj_settings again;
    nj_buffer first;
    nj_buffer second;
    nj_error err;
    nj_status status = nj_settings_unpack(bytes, &settings, &err);
    fuzz_check(status == NJ_OK || status == NJ_PROTOCOL, "settings are accepted or malformed");
    if (status != NJ_OK) {
        return;
    }
    fuzz_check(settings.beam >= 1 && settings.top >= 1 && settings.temperature > 0.0f &&
                   nj_cold_users_word(settings.cold_users) != NULL,
               "accepted settings are within their limits");
    nj_buffer_init(&first, 4096);
    nj_buffer_init(&second, 4096);
    fuzz_check(nj_settings_pack(&settings, &first) == NJ_OK &&
                   nj_settings_unpack(nj_buffer_slice(&first), &again, &err) == NJ_OK &&
                   nj_settings_pack(&again, &second) == NJ_OK &&
                   nj_slice_equal(nj_buffer_slice(&first), nj_buffer_slice(&second)),
               "settings that are packed and unpacked are the same");
    nj_buffer_fini(&first);
    nj_buffer_fini(&second);
}

static void check_requests(const nj_users *users, uint32_t item_row_count, uint32_t mask_count)
{
    for (size_t i = 0; i < users->count; i++) {
        const nj_request *request = &users->requests[i];
        fuzz_check(nj_id_problem(request->user) == NULL, "users have valid ids");
        for (uint32_t k = 0; k < request->item_count; k++) {
            fuzz_check(request->items[k] < item_row_count, "items are rows of the catalogue");
        }
        for (uint32_t k = 0; k < request->exclude_count; k++) {
            fuzz_check(request->exclude[k] < item_row_count, "so are excluded ones");
        }
        for (uint32_t k = 0; k < request->candidate_count; k++) {
            fuzz_check(request->candidates[k] < item_row_count, "and candidates");
        }
        fuzz_check(request->candidates != NULL || request->candidate_count == 0,
                   "no list has no candidates");
        fuzz_check(request->text.bytes == NULL ||
                       (request->text.size <= NJ_REQUEST_TEXT_BYTES_MAX &&
                        nj_utf8_valid(request->text.bytes, request->text.size)),
                   "texts are UTF-8 within their limit");
        fuzz_check(request->mask < mask_count, "masks are there");
    }
}

static void check_users(nj_slice bytes, uint32_t row_count)
{
    nj_users users;
    nj_users again;
    nj_buffer first;
    nj_buffer second;
    nj_error err;
    const uint32_t mask_count = 1 + row_count % 5;
    nj_status status = nj_users_unpack(bytes, row_count, mask_count, &users, &err);
    fuzz_check(status == NJ_OK || status == NJ_PROTOCOL, "users are accepted or malformed");
    if (status != NJ_OK) {
        return;
    }
    check_requests(&users, row_count, mask_count);
    nj_buffer_init(&first, NJ_SHARD_BYTES_MAX);
    nj_buffer_init(&second, NJ_SHARD_BYTES_MAX);
    fuzz_check(nj_users_pack(users.requests, users.count, &first) == NJ_OK &&
                   nj_users_unpack(nj_buffer_slice(&first), row_count, mask_count, &again, &err) ==
                       NJ_OK,
               "accepted users can be packed and unpacked");
    fuzz_check(nj_users_pack(again.requests, again.count, &second) == NJ_OK &&
                   nj_slice_equal(nj_buffer_slice(&first), nj_buffer_slice(&second)),
               "users that are packed and unpacked are the same");
    nj_users_fini(&users);
    nj_users_fini(&again);
    nj_buffer_fini(&first);
    nj_buffer_fini(&second);
}

static void check_json(const nj_row *accepted)
{
    nj_buffer line;
    nj_buffer_init(&line, 16u << 20);
    fuzz_check(nj_row_json(&line, nj_slice_from("user"), accepted) == NJ_OK,
               "a row can be printed");
    // A text may hold U+0000, which jansson wants to be asked for.
    json_t *json = json_loadb((const char *)line.bytes, line.size,
                              JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    fuzz_check(json != NULL, "what is printed is JSON");
    fuzz_check(json_string_length(json_object_get(json, "text")) == accepted->text.size,
               "a text is printed whole");
    fuzz_check(json_array_size(json_object_get(json, "items")) == accepted->count,
               "every item is printed");
    fuzz_check(accepted->why.bytes == NULL ||
                   json_array_size(json_object_get(json, "why")) == accepted->count,
               "every item's why is printed");
    fuzz_check(json_array_size(json_object_get(json, "reserve")) == accepted->reserve_count,
               "every item of the reserve is printed");
    json_decref(json);
    nj_buffer_fini(&line);
}

// What the quick walk accepts is what unpacking read, and a copy of it is too.
static void check_scan(nj_slice bytes, const nj_row *accepted)
{
    static nj_row copied;
    nj_row_scan scan;
    nj_buffer copy;
    if (!nj_row_scan_open(bytes, &scan)) {
        return;
    }
    fuzz_check(scan.count == accepted->count && scan.reserve_count == accepted->reserve_count,
               "the quick walk counts as unpacking does");
    nj_buffer_init(&copy, NJ_ROW_BYTES_MAX);
    fuzz_check(nj_row_copy(&copy, bytes, scan.flags, 3) == NJ_OK &&
                   nj_row_unpack(nj_buffer_slice(&copy), &copied, NULL) == NJ_OK &&
                   copied.age == 3 && copied.count == accepted->count &&
                   copied.reserve_count == accepted->reserve_count &&
                   nj_slice_equal(copied.text, accepted->text),
               "a copy has the same fields");
    nj_buffer_fini(&copy);
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
    for (size_t i = 0; i < row.reserve_count; i++) {
        fuzz_check(nj_id_problem(row.reserve[i]) == NULL, "so has the reserve");
    }
    const nj_row_more more = {.text = row.text,
                              .reserve = row.reserve_count > 0 ? row.reserve : NULL,
                              .reserve_count = row.reserve_count};
    check_json(&row);
    check_scan(bytes, &row);
    static nj_row again;
    nj_buffer_init(&packed, NJ_ROW_BYTES_MAX);
    fuzz_check(nj_row_pack_more(&packed, row.flags, row.items, row.scores, row.count, &row.history,
                                &more) == NJ_OK &&
                   nj_row_unpack(nj_buffer_slice(&packed), &again, &err) == NJ_OK &&
                   again.count == row.count && again.flags == row.flags &&
                   again.reserve_count == row.reserve_count && nj_slice_equal(again.text, row.text),
               "a row that is packed and unpacked is the same");
    nj_buffer_fini(&packed);
}

static void check_rows(nj_slice bytes, size_t count)
{
    nj_slice rows[UINT8_MAX];
    nj_error err;
    nj_status status = nj_rows_split(bytes, count, rows, &err);
    fuzz_check(status == NJ_OK || status == NJ_PROTOCOL, "rows are accepted or malformed");
    for (size_t i = 0; status == NJ_OK && i < count; i++) {
        fuzz_check(rows[i].size == 0 || (rows[i].bytes >= bytes.bytes &&
                                         rows[i].bytes + rows[i].size <= bytes.bytes + bytes.size),
                   "rows lie in the bytes");
        check_row(rows[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    nj_slice bytes = {(const char *)data + 2, size - 2};
    switch (data[0] % KIND_COUNT) {
    case SETTINGS:
        check_settings(bytes);
        break;
    case USERS:
        check_users(bytes, data[1]);
        break;
    case ROW:
        check_row(bytes);
        break;
    default:
        check_rows(bytes, data[1]);
    }
    return 0;
}
