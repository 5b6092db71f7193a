#include "common/codec/row.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/id.h"
#include "common/codec/pack.h"
#include "common/codec/row_scan.h"

#define FIELD_COUNT                                                                                \
    5 // and the age, where the row has one; and the trace; and why; and text; and the reserve
#define FIELD_WHY 7
#define FIELD_TEXT 8
#define FIELD_RESERVE 9
// Two numbers an item, one of the reserve, the heads, and room for fields that later versions append.
#define ELEMENTS_MAX (2 * NJ_ROW_ITEMS_MAX + NJ_ROW_RESERVE_MAX + 64)

static void pack_items(nj_packer *packer, const nj_slice *items, size_t count)
{
    nj_pack_array(packer, count);
    for (size_t i = 0; i < count; i++) {
        uint64_t number;
        if (nj_id_is_number(items[i], &number)) {
            nj_pack_uint(packer, number);
        } else {
            nj_pack_str(packer, items[i]);
        }
    }
}

static nj_status pack_fields(nj_packer *packer, uint32_t flags, const nj_slice *items,
                             const float *scores, size_t count, const nj_history_digest *history)
{
    nj_pack_uint(packer, NJ_ROW_VERSION);
    nj_pack_uint(packer, flags);
    pack_items(packer, items, count);
    nj_pack_array(packer, count);
    for (size_t i = 0; i < count; i++) {
        nj_pack_f32(packer, scores[i]);
    }
    nj_pack_bin(packer, history->bytes, sizeof history->bytes);
    return packer->status;
}

nj_status nj_row_pack(nj_buffer *out, uint32_t flags, const nj_slice *items, const float *scores,
                      size_t count, const nj_history_digest *history)
{
    nj_packer packer;
    nj_packer_init(&packer, out);
    nj_pack_array(&packer, FIELD_COUNT);
    return pack_fields(&packer, flags, items, scores, count, history);
}

static void pack_bin_or_nil(nj_packer *packer, const void *bytes, size_t size)
{
    if (bytes != NULL) {
        nj_pack_bin(packer, bytes, size);
    } else {
        nj_pack_nil(packer);
    }
}

static void pack_why(nj_packer *packer, const nj_why *why, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += nj_why_bytes(&why[i]);
    }
    nj_pack_bin_head(packer, bytes);
    for (size_t i = 0; i < count && packer->status == NJ_OK; i++) {
        packer->status = nj_why_append(packer->out, &why[i]);
    }
}

static void pack_text_or_nil(nj_packer *packer, nj_slice text)
{
    if (text.bytes != NULL) {
        nj_pack_str(packer, text);
    } else {
        nj_pack_nil(packer);
    }
}

// How many fields a row has that says these: all up to the last of them.
static size_t count_fields(bool has_trace, bool has_why, bool has_text, bool has_reserve)
{
    return has_reserve ? FIELD_RESERVE + 1
           : has_text  ? FIELD_TEXT + 1
           : has_why   ? FIELD_WHY + 1
           : has_trace ? FIELD_WHY
                       : FIELD_COUNT;
}

nj_status nj_row_pack_more(nj_buffer *out, uint32_t flags, const nj_slice *items,
                           const float *scores, size_t count, const nj_history_digest *history,
                           const nj_row_more *more)
{
    const size_t fields = count_fields(more->trace != NULL, more->why != NULL,
                                       more->text.bytes != NULL, more->reserve != NULL);
    if (fields == FIELD_COUNT) {
        return nj_row_pack(out, flags, items, scores, count, history);
    }
    nj_packer packer;
    nj_packer_init(&packer, out);
    nj_pack_array(&packer, fields);
    nj_status status = pack_fields(&packer, flags, items, scores, count, history);
    nj_pack_uint(&packer, 0);
    pack_bin_or_nil(&packer, more->trace, more->trace_count * sizeof *more->trace);
    if (more->why != NULL) {
        pack_why(&packer, more->why, count);
    } else if (fields > FIELD_WHY) {
        nj_pack_nil(&packer);
    }
    if (fields > FIELD_TEXT) {
        pack_text_or_nil(&packer, more->text);
    }
    if (fields > FIELD_RESERVE) {
        pack_items(&packer, more->reserve, more->reserve_count);
    }
    return status == NJ_OK ? packer.status : status;
}

// What stands behind the age, as the row has it.
static void copy_more(nj_packer *packer, const nj_row_scan *scan, size_t fields, nj_slice bytes)
{
    if (fields >= FIELD_WHY) {
        pack_bin_or_nil(packer, scan->trace, scan->trace_count * sizeof(uint32_t));
    }
    if (fields > FIELD_WHY) {
        pack_bin_or_nil(packer, scan->why.bytes, scan->why.size);
    }
    if (fields > FIELD_TEXT) {
        pack_text_or_nil(packer, scan->text);
    }
    if (fields > FIELD_RESERVE) {
        nj_pack_array(packer, scan->reserve_count);
        if (packer->status == NJ_OK) { // the reserve goes to the end of the row
            packer->status =
                nj_buffer_append(packer->out, scan->reserve,
                                 (size_t)(bytes.bytes + bytes.size - (const char *)scan->reserve));
        }
    }
}

nj_status nj_row_copy(nj_buffer *out, nj_slice bytes, uint32_t flags, uint32_t age)
{
    nj_row_scan scan;
    nj_packer packer;
    if (!nj_row_scan_open(bytes, &scan)) {
        return NJ_INPUT;
    }
    nj_packer_init(&packer, out);
    const size_t said = count_fields(scan.trace != NULL, scan.why.bytes != NULL,
                                     scan.text.bytes != NULL, scan.reserve != NULL);
    const size_t fields = said == FIELD_COUNT ? FIELD_COUNT + 1 : said; // and the age
    nj_pack_array(&packer, fields);
    nj_pack_uint(&packer, NJ_ROW_VERSION);
    nj_pack_uint(&packer, flags);
    if (packer.status == NJ_OK) {
        packer.status = nj_buffer_append(
            out, scan.body, (size_t)(scan.history + NJ_HISTORY_DIGEST_BYTES - scan.body));
    }
    nj_pack_uint(&packer, age);
    copy_more(&packer, &scan, fields, bytes);
    return packer.status;
}

// `what` is said of: an item, or a reserve's.
static nj_status read_item(const msgpack_object *object, const char *what, size_t index,
                           char digits[NJ_ID_DIGITS_MAX], nj_slice *out, nj_error *err)
{
    if (object->type == MSGPACK_OBJECT_POSITIVE_INTEGER) {
        *out = (nj_slice){digits, nj_id_of_number(object->via.u64, digits)};
        return NJ_OK;
    }
    if (object->type == MSGPACK_OBJECT_STR) {
        nj_slice id = {object->via.str.ptr, object->via.str.size};
        const char *problem = nj_id_problem(id);
        if (problem == NULL) {
            *out = id;
            return NJ_OK;
        }
        return nj_fail(err, NJ_INPUT, "row: %s %zu %s", what, index, problem);
    }
    return nj_fail(err, NJ_INPUT, "row: %s %zu is neither a number nor text", what, index);
}

static nj_status read_why(nj_fields *fields, nj_row *row, nj_error *err)
{
    row->why = nj_field_bin(fields, "why", row->count * NJ_WHY_ITEM_BYTES_MAX);
    if (fields->status == NJ_OK && !nj_why_check(row->why, row->count)) {
        return nj_fail(err, NJ_INPUT, "row: %zu bytes of why do not tell of %zu items",
                       row->why.size, row->count);
    }
    return fields->status;
}

static nj_status read_reserve(nj_fields *fields, nj_row *row, nj_error *err)
{
    const msgpack_object_array *reserve = nj_field_array(fields, "reserve", NJ_ROW_RESERVE_MAX);
    nj_status status = fields->status;
    for (uint32_t i = 0; status == NJ_OK && i < reserve->size; i++) {
        status = read_item(&reserve->ptr[i], "reserve", i, row->reserve_digits[i], &row->reserve[i],
                           err);
    }
    row->reserve_count = status == NJ_OK ? reserve->size : 0;
    return status;
}

// The trace, field 6, is passed over. A field that is not the last may be nil.
static nj_status read_more(nj_fields *fields, nj_row *row, nj_error *err)
{
    nj_status status = NJ_OK;
    row->why = (nj_slice){NULL, 0};
    row->text = (nj_slice){NULL, 0};
    row->reserve_count = 0;
    fields->next = FIELD_WHY;
    if (fields->count > FIELD_WHY && !(fields->count > FIELD_TEXT && nj_field_nil(fields))) {
        status = read_why(fields, row, err);
    }
    if (status == NJ_OK && fields->count > FIELD_TEXT &&
        !(fields->count > FIELD_RESERVE && nj_field_nil(fields))) {
        row->text = nj_field_str(fields, "text", NJ_ROW_TEXT_BYTES_MAX);
        status = fields->status;
    }
    if (status == NJ_OK && fields->count > FIELD_RESERVE) {
        status = read_reserve(fields, row, err);
    }
    return status;
}

static nj_status read_row(const msgpack_object *root, nj_row *row, nj_error *err)
{
    nj_fields fields;
    nj_fields_open(&fields, root, "row", FIELD_COUNT, err);
    uint64_t version = nj_field_uint(&fields, "version", UINT32_MAX);
    row->flags = (uint32_t)nj_field_uint(&fields, "flags", UINT32_MAX);
    const msgpack_object_array *items = nj_field_array(&fields, "items", NJ_ROW_ITEMS_MAX);
    const msgpack_object_array *scores = nj_field_array(&fields, "scores", NJ_ROW_ITEMS_MAX);
    nj_field_bytes(&fields, "history digest", row->history.bytes, sizeof row->history.bytes);
    row->age = root->type == MSGPACK_OBJECT_ARRAY && root->via.array.size > FIELD_COUNT
                   ? (uint32_t)nj_field_uint(&fields, "age", NJ_ROW_AGE_MAX)
                   : 0;
    if (fields.status != NJ_OK) {
        return fields.status;
    }
    if (version != NJ_ROW_VERSION) {
        return nj_fail(err, NJ_INPUT, "row: version %" PRIu64 ", this program reads %d", version,
                       NJ_ROW_VERSION);
    }
    if (items->size != scores->size) {
        return nj_fail(err, NJ_INPUT, "row: %u items but %u scores", items->size, scores->size);
    }
    row->count = items->size;
    nj_fields score_fields = {.fields = scores->ptr,
                              .count = scores->size,
                              .what = "row scores",
                              .err = err,
                              .status = NJ_OK};
    nj_status status = NJ_OK;
    for (size_t i = 0; i < row->count && status == NJ_OK; i++) {
        status = read_item(&items->ptr[i], "item", i, row->digits[i], &row->items[i], err);
        row->scores[i] = nj_field_f32(&score_fields, "score");
    }
    if (status == NJ_OK) {
        status = score_fields.status;
    }
    return status != NJ_OK ? status : read_more(&fields, row, err);
}

nj_status nj_row_unpack(nj_slice bytes, nj_row *out, nj_error *err)
{
    nj_unpacked unpacked;
    nj_status status = nj_unpack(bytes, ELEMENTS_MAX, &unpacked, err);
    if (status == NJ_OK) {
        status = read_row(&unpacked.root, out, err);
        nj_unpacked_fini(&unpacked);
    }
    if (status == NJ_PROTOCOL) {
        if (err != NULL) {
            err->status = NJ_INPUT;
        }
        status = NJ_INPUT;
    }
    return status;
}

// What nj_row_scan_open does not accept, which knows one form alone, nj_row_unpack may.
nj_status nj_row_check(nj_slice bytes, nj_row *scratch, nj_error *err)
{
    nj_row_scan scan;
    return nj_row_scan_open(bytes, &scan) ? NJ_OK : nj_row_unpack(bytes, scratch, err);
}

// ---- JSON ----

const char *nj_row_flag_word(unsigned bit)
{
    static const char *const WORDS[NJ_ROW_FLAGS_MAX] = {
#define NJ_ROW_FLAG(name, bit, word, meaning) [bit] = word,
#include "schemas/row.def"
#undef NJ_ROW_FLAG
    };
    return bit < NJ_ROW_FLAGS_MAX ? WORDS[bit] : NULL;
}

static nj_status append_flags(nj_buffer *out, uint32_t flags)
{
    nj_status status = nj_buffer_printf(out, ", \"flags\": [");
    const char *between = "";
    for (unsigned bit = 0; bit < NJ_ROW_FLAGS_MAX && status == NJ_OK; bit++) {
        const char *word = nj_row_flag_word(bit);
        if ((flags >> bit & 1u) == 0) {
            continue;
        }
        status = word != NULL ? nj_buffer_printf(out, "%s\"%s\"", between, word)
                              : nj_buffer_printf(out, "%s\"bit%u\"", between, bit);
        between = ", ";
    }
    return status != NJ_OK ? status : nj_buffer_append(out, "]", 1);
}

// The ids as an array, behind its name.
static nj_status append_items(nj_buffer *out, const char *name, const nj_slice *items, size_t count)
{
    nj_status status = nj_buffer_printf(out, ", \"%s\": [", name);
    for (size_t i = 0; i < count && status == NJ_OK; i++) {
        status = nj_buffer_append(out, ", ", i == 0 ? 0 : 2);
        if (status == NJ_OK) {
            status = nj_buffer_json_string(out, items[i]);
        }
    }
    return status != NJ_OK ? status : nj_buffer_append(out, "]", 1);
}

static nj_status append_scores(nj_buffer *out, const nj_row *row)
{
    nj_status status = nj_buffer_printf(out, ", \"scores\": [");
    for (size_t i = 0; i < row->count && status == NJ_OK; i++) {
        status = nj_buffer_printf(out, "%s%.9g", i == 0 ? "" : ", ", (double)row->scores[i]);
    }
    return status != NJ_OK ? status : nj_buffer_append(out, "]", 1);
}

// What a row may have beside its list, in the order of the fields.
static nj_status append_more(nj_buffer *out, const nj_row *row)
{
    nj_status status = row->flags != 0 ? append_flags(out, row->flags) : NJ_OK;
    if (status == NJ_OK && row->age != 0) {
        status = nj_buffer_printf(out, ", \"age\": %" PRIu32, row->age);
    }
    if (status == NJ_OK && row->why.bytes != NULL) {
        status = nj_buffer_printf(out, ", \"why\": ");
        if (status == NJ_OK) {
            status = nj_why_json(out, row->why);
        }
    }
    if (status == NJ_OK && row->text.bytes != NULL) {
        status = nj_buffer_printf(out, ", \"text\": ");
        if (status == NJ_OK) {
            status = nj_buffer_json_string(out, row->text);
        }
    }
    if (status == NJ_OK && row->reserve_count > 0) {
        status = append_items(out, "reserve", row->reserve, row->reserve_count);
    }
    return status;
}

nj_status nj_row_json(nj_buffer *out, nj_slice user, const nj_row *row)
{
    nj_status status = nj_buffer_printf(out, "{\"user\": ");
    if (status == NJ_OK) {
        status = nj_buffer_json_string(out, user);
    }
    if (status == NJ_OK) {
        status = append_items(out, "items", row->items, row->count);
    }
    if (status == NJ_OK) {
        status = append_scores(out, row);
    }
    if (status == NJ_OK) {
        status = append_more(out, row);
    }
    return status != NJ_OK ? status : nj_buffer_append(out, "}", 1);
}
