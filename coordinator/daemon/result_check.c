#include "coordinator/daemon/result_check.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/id.h"
#include "common/codec/shard.h"

#define NUMBERS_MAX                                                                                \
    ((uint64_t)1 << 27) // 16 MiB of bits; items with higher numbers are looked up as text

static const char UNKNOWN_ITEM[] = "a list has an item that is not in the catalogue, or is retired";
static const char FORBIDDEN_ITEM[] = "a list has an item that its user must not get";

// ---- which items there are ----

static bool number_of(const nj_idlist *items, size_t index, uint64_t *out)
{
    return nj_id_is_number(nj_idlist_at(items, index), out) && *out < NUMBERS_MAX;
}

nj_status nj_result_check_init(nj_result_check *check, const nj_plan *plan, const nj_idlist *items,
                               const nj_idmap *map, const nj_masks *masks, const nj_trie *trie,
                               uint32_t top, nj_error *err)
{
    nj_live_rows live = {0};
    nj_status status =
        trie == NULL ? NJ_OK : nj_live_rows_init(trie, (uint32_t)items->count, &live, err);
    if (status != NJ_OK) {
        return status;
    }
    uint64_t number_count = 0;
    uint64_t number;
    for (size_t i = 0; i < items->count; i++) {
        if (number_of(items, i, &number) && number >= number_count) {
            number_count = number + 1;
        }
    }
    *check = (nj_result_check){
        .plan = plan,
        .items = items,
        .map = map,
        .masks = masks,
        .top = top,
        .live = live,
        .numbers = calloc((size_t)(number_count / 64 + 1), sizeof *check->numbers),
        .number_count = number_count,
        .allowed = calloc(nj_bits_words(items->count) + 1, sizeof *check->allowed),
        .rows = calloc(nj_plan_largest_shard(plan), sizeof *check->rows),
        .row = malloc(sizeof *check->row),
        .seen = malloc((NJ_ROW_ITEMS_MAX + NJ_ROW_RESERVE_MAX) * sizeof *check->seen),
    };
    if (check->numbers == NULL || check->allowed == NULL || check->rows == NULL ||
        check->row == NULL || check->seen == NULL) {
        nj_result_check_fini(check);
        return nj_fail(err, NJ_NO_MEMORY, "no memory to check results");
    }
    for (size_t i = 0; i < items->count; i++) {
        if (nj_live_rows_has(&live, i) && number_of(items, i, &number)) {
            nj_bits_add(check->numbers, number);
        }
    }
    return NJ_OK;
}

void nj_result_check_fini(nj_result_check *check)
{
    nj_live_rows_fini(&check->live);
    free(check->numbers);
    free(check->allowed);
    free(check->rows);
    free(check->row);
    free(check->seen);
    *check = (nj_result_check){0};
}

// `rows`: those that the user may get; NULL: all of the catalogue's.
static const char *find_text_problem(const nj_result_check *check, const uint64_t *rows,
                                     nj_slice id)
{
    const size_t row = nj_idmap_find(check->map, id, nj_idmap_at_list, check->items);
    return row == NJ_IDMAP_NONE || !nj_live_rows_has(&check->live, row) ? UNKNOWN_ITEM
           : rows != NULL && !nj_bits_has(rows, row)                    ? FORBIDDEN_ITEM
                                                                        : NULL;
}

static const char *find_item_problem(const nj_result_check *check, const uint64_t *rows,
                                     const nj_row_item *item)
{
    char digits[NJ_ID_DIGITS_MAX];
    if (!item->is_number) {
        return find_text_problem(check, rows, item->text);
    }
    if (rows == NULL && item->number < check->number_count) {
        return nj_bits_has(check->numbers, item->number) ? NULL : UNKNOWN_ITEM;
    }
    return find_text_problem(check, rows,
                             (nj_slice){digits, nj_id_of_number(item->number, digits)});
}

// ---- rows ----

#define TAKEN_OVER (NJ_ROW_COPIED | NJ_ROW_CARRIED)

static const char NOT_DECODED[] = "a row says that it was taken over from another night";
static const char LONG_LIST[] = "a list is longer than --top";
static const char LONG_RESERVE[] = "a list's reserve is longer than --reserve";
static const char LISTED_RESERVE[] =
    "a list's reserve has an item that is listed, or the same item twice";
static const char UNASKED_TEXT[] = "a row has a text, which the bundle's prompt does not ask for";
static const char UNASKED_LIST[] = "a row has items, where the bundle's prompt asks for a text";
static const char OTHER_HISTORY[] = "a row was computed from another history than its user's";

static bool is_history_of(const nj_result_check *check, const nj_request *request,
                          const uint8_t *digest)
{
    nj_history_digest planned =
        nj_request_digest(check->items, request, nj_masks_digest(check->masks, request->mask));
    return memcmp(planned.bytes, digest, sizeof planned.bytes) == 0;
}

static bool asks_for_text(const nj_result_check *check)
{
    return (check->plan->users->needs & NJ_PROMPT_ANSWERS_TEXT) != 0;
}

// A row of so many items, with or without a text.
static const char *find_kind_problem(const nj_result_check *check, size_t count, bool has_text)
{
    if (count > check->top) {
        return LONG_LIST;
    }
    if (asks_for_text(check)) {
        return count > 0 ? UNASKED_LIST : NULL;
    }
    return has_text ? UNASKED_TEXT : NULL;
}

// The rows that the user may get: of his mask, and of his candidates. NULL: all of the catalogue's.
static const uint64_t *allow_rows(const nj_result_check *check, const nj_request *request)
{
    const uint64_t *rows = nj_masks_rows(check->masks, request->mask);
    if (request->candidates == NULL) {
        return rows;
    }
    for (uint32_t i = 0; i < request->candidate_count; i++) {
        if (rows == NULL || nj_bits_has(rows, request->candidates[i])) {
            nj_bits_add(check->allowed, request->candidates[i]);
        }
    }
    return check->allowed;
}

static void clear_rows(const nj_result_check *check, const nj_request *request)
{
    for (uint32_t i = 0; i < request->candidate_count; i++) {
        nj_bits_remove(check->allowed, request->candidates[i]);
    }
}

// A canonical decimal that came as text is the number that it writes.
static nj_row_item make_plain(nj_row_item item)
{
    if (!item.is_number && nj_id_is_number(item.text, &item.number)) {
        item.is_number = true;
    }
    return item;
}

static bool is_same_item(const nj_row_item *a, const nj_row_item *b)
{
    return a->is_number == b->is_number &&
           (a->is_number ? a->number == b->number : nj_slice_equal(a->text, b->text));
}

// The reserve of `seen`, whose first `count` are the list: each known, open to the user, and there once.
static const char *find_reserve_problem(const nj_result_check *check, const uint64_t *rows,
                                        uint32_t count, uint32_t reserve_count)
{
    const char *problem = asks_for_text(check)             ? UNASKED_LIST
                          : reserve_count > check->reserve ? LONG_RESERVE
                                                           : NULL;
    for (uint32_t i = count; i < count + reserve_count && problem == NULL; i++) {
        problem = find_item_problem(check, rows, &check->seen[i]);
        for (uint32_t k = 0; k < i && problem == NULL; k++) {
            problem = is_same_item(&check->seen[k], &check->seen[i]) ? LISTED_RESERVE : NULL;
        }
    }
    return problem;
}

static void see_items(const nj_result_check *check, uint32_t at, const nj_slice *items,
                      size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check->seen[at + i] = make_plain((nj_row_item){.text = items[i]});
    }
}

// A row in a form that nj_row_pack does not write.
static const char *find_unusual_problem(const nj_result_check *check, const nj_request *request,
                                        const uint64_t *rows, nj_slice bytes)
{
    nj_row *row = check->row;
    if (nj_row_unpack(bytes, row, NULL) != NJ_OK) {
        return "a row is malformed";
    }
    if (!is_history_of(check, request, row->history.bytes)) {
        return OTHER_HISTORY;
    }
    if (row->age != 0 || (row->flags & TAKEN_OVER) != 0) {
        return NOT_DECODED;
    }
    const char *problem = find_kind_problem(check, row->count, row->text.bytes != NULL);
    for (size_t i = 0; i < row->count && problem == NULL; i++) {
        problem = find_text_problem(check, rows, row->items[i]);
    }
    if (problem == NULL && row->reserve_count > 0) {
        see_items(check, 0, row->items, row->count);
        see_items(check, (uint32_t)row->count, row->reserve, row->reserve_count);
        problem =
            find_reserve_problem(check, rows, (uint32_t)row->count, (uint32_t)row->reserve_count);
    }
    return problem;
}

static const char *find_scanned_reserve_problem(const nj_result_check *check, const uint64_t *rows,
                                                const nj_row_scan *scan)
{
    const uint8_t *at = scan->items;
    nj_row_item *seen = check->seen;
    for (uint32_t i = 0; i < scan->count + scan->reserve_count; i++, seen++) {
        at = nj_row_item_read(i == scan->count ? scan->reserve : at, seen);
        *seen = make_plain(*seen);
    }
    return find_reserve_problem(check, rows, scan->count, scan->reserve_count);
}

static const char *find_row_problem(const nj_result_check *check, const nj_request *request,
                                    const uint64_t *rows, nj_slice bytes)
{
    nj_row_scan scan;
    nj_row_item item;
    if (!nj_row_scan_open(bytes, &scan)) {
        return find_unusual_problem(check, request, rows, bytes);
    }
    if (!is_history_of(check, request, scan.history)) {
        return OTHER_HISTORY;
    }
    if (scan.age != 0 || (scan.flags & TAKEN_OVER) != 0) {
        return NOT_DECODED;
    }
    const uint8_t *at = scan.items;
    const char *problem = find_kind_problem(check, scan.count, scan.text.bytes != NULL);
    for (uint32_t i = 0; i < scan.count && problem == NULL; i++) {
        at = nj_row_item_read(at, &item);
        problem = find_item_problem(check, rows, &item);
    }
    return problem == NULL && scan.reserve_count > 0
               ? find_scanned_reserve_problem(check, rows, &scan)
               : problem;
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
        const uint64_t *rows = allow_rows(check, &request);
        problem = find_row_problem(check, &request, rows, check->rows[i]);
        clear_rows(check, &request);
    }
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
    for (size_t i = 0; i < check->items->count; i++) {
        size_t bytes = nj_idlist_at(check->items, i).size;
        id_bytes = bytes > id_bytes ? bytes : id_bytes;
    }
    const size_t trace = check->is_traced ? NJ_ROW_TRACE_MAX * sizeof(uint32_t) : 0;
    const size_t why = check->has_why ? NJ_WHY_ITEM_BYTES_MAX : 0;
    const size_t text = asks_for_text(check) ? NJ_ROW_TEXT_BYTES_MAX : 0;
    // At most 65536 * (1000 * 560 + 200 * 520 + 22000): far from any overflow.
    size_t bytes = OTHER_BYTES_MAX + nj_plan_largest_shard(check->plan) *
                                         (ROW_BYTES_MORE + trace + text +
                                          check->top * (id_bytes + why + ITEM_BYTES_MORE) +
                                          check->reserve * (id_bytes + ITEM_BYTES_MORE));
    return bytes < NJ_WIRE_MESSAGE_BYTES_MAX ? bytes : NJ_WIRE_MESSAGE_BYTES_MAX;
}
