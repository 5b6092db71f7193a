#include "common/codec/row_scan.h"

#include "common/base/id.h"
#include "common/codec/row.h"

#define HEAD 0x95         // an array of five
#define HEAD_AGED 0x96    // and the age
#define HEAD_TRACED 0x97  // and the trace
#define HEAD_WHY 0x98     // the trace or nil, and why
#define HEAD_TEXT 0x99    // the trace or nil, why or nil, and text
#define HEAD_RESERVE 0x9a // and the text or nil, and the reserve
#define HEAD_LAST HEAD_RESERVE
#define NIL 0xc0
#define FLOAT32 0xca
#define FLOAT32_BYTES 5 // with its head
#define BIN8 0xc4
#define BIN16 0xc5
#define DIGEST_BYTES (2 + NJ_HISTORY_DIGEST_BYTES)

typedef struct {
    const uint8_t *at;
    const uint8_t *end;
} cursor;

static size_t left_of(const cursor *c)
{
    return (size_t)(c->end - c->at);
}

// The big-endian number of 2^power bytes behind a head byte. False: cut off.
static bool take_number(cursor *c, unsigned power, uint64_t *out)
{
    const size_t bytes = (size_t)1 << power;
    if (left_of(c) < 1 + bytes) {
        return false;
    }
    uint64_t value = 0;
    for (size_t i = 1; i <= bytes; i++) {
        value = value << 8 | c->at[i];
    }
    c->at += 1 + bytes;
    *out = value;
    return true;
}

static bool take_uint(cursor *c, uint64_t *out)
{
    if (left_of(c) == 0) {
        return false;
    }
    const uint8_t head = *c->at;
    if (head <= 0x7f) {
        *out = head;
        c->at++;
        return true;
    }
    return head >= 0xcc && head <= 0xcf && take_number(c, head - 0xccu, out);
}

static bool take_count(cursor *c, uint32_t count_max, uint32_t *out)
{
    uint64_t count = 0;
    if (left_of(c) == 0) {
        return false;
    }
    const uint8_t head = *c->at;
    if (head >= 0x90 && head <= 0x9f) {
        count = head & 0x0fu;
        c->at++;
    } else if (head != 0xdc || !take_number(c, 1, &count)) {
        return false;
    }
    *out = (uint32_t)count;
    return count <= count_max;
}

static bool take_text(cursor *c, nj_slice *out)
{
    uint64_t size = 0;
    if (left_of(c) == 0) {
        return false;
    }
    const uint8_t head = *c->at;
    if (head >= 0xa0 && head <= 0xbf) {
        size = head & 0x1fu;
        c->at++;
    } else if (head != 0xd9 && head != 0xda) {
        return false;
    } else if (!take_number(c, head - 0xd9u, &size)) {
        return false;
    }
    if (size > left_of(c)) {
        return false;
    }
    *out = (nj_slice){(const char *)c->at, (size_t)size};
    c->at += size;
    return true;
}

static bool take_item(cursor *c, nj_row_item *out)
{
    out->is_number = take_uint(c, &out->number);
    return out->is_number || take_text(c, &out->text);
}

static bool skip_items(cursor *c, uint32_t count)
{
    nj_row_item item;
    for (uint32_t i = 0; i < count; i++) {
        if (!take_item(c, &item) || (!item.is_number && nj_id_problem(item.text) != NULL)) {
            return false;
        }
    }
    return true;
}

// Finite float32 all of them: an exponent of ones is infinite or no number.
static bool skip_scores(cursor *c, uint32_t count)
{
    if (left_of(c) / FLOAT32_BYTES < count) {
        return false;
    }
    bool good = true;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *score = c->at + (size_t)i * FLOAT32_BYTES;
        good &= score[0] == FLOAT32 && ((score[1] & 0x7f) != 0x7f || score[2] < 0x80);
    }
    c->at += (size_t)count * FLOAT32_BYTES;
    return good;
}

static bool take_digest(cursor *c, const uint8_t **out)
{
    if (left_of(c) < DIGEST_BYTES || c->at[0] != BIN8 || c->at[1] != NJ_HISTORY_DIGEST_BYTES) {
        return false;
    }
    *out = c->at + 2;
    c->at += DIGEST_BYTES;
    return true;
}

static bool take_bin(cursor *c, uint64_t size_max, nj_slice *out)
{
    uint64_t size = 0;
    if (left_of(c) == 0 || (*c->at != BIN8 && *c->at != BIN16) ||
        !take_number(c, *c->at - BIN8, &size) || size > left_of(c) || size > size_max) {
        return false;
    }
    *out = (nj_slice){(const char *)c->at, (size_t)size};
    c->at += size;
    return true;
}

// Names that ascend, each once.
static bool take_trace(cursor *c, const uint8_t **out, uint32_t *out_count)
{
    nj_slice bytes;
    if (!take_bin(c, NJ_ROW_TRACE_MAX * 4, &bytes) || bytes.size % 4 != 0) {
        return false;
    }
    *out = (const uint8_t *)bytes.bytes;
    *out_count = (uint32_t)(bytes.size / 4);
    for (uint32_t i = 1; i < *out_count; i++) {
        if (nj_row_trace_at(*out, i) <= nj_row_trace_at(*out, i - 1)) {
            return false;
        }
    }
    return true;
}

static bool take_nil(cursor *c)
{
    const bool is_nil = left_of(c) > 0 && *c->at == NIL;
    c->at += is_nil;
    return is_nil;
}

static bool take_why(cursor *c, uint32_t count, nj_slice *out)
{
    return take_bin(c, (uint64_t)count * NJ_WHY_ITEM_BYTES_MAX, out) && nj_why_check(*out, count);
}

static bool take_answer(cursor *c, nj_slice *out)
{
    return take_text(c, out) && out->size <= NJ_ROW_TEXT_BYTES_MAX &&
           nj_utf8_valid(out->bytes, out->size);
}

static bool take_reserve(cursor *c, const uint8_t **out, uint32_t *out_count)
{
    if (!take_count(c, NJ_ROW_RESERVE_MAX, out_count)) {
        return false;
    }
    *out = c->at;
    return skip_items(c, *out_count);
}

// What stands behind the age: a field that is not the last may be nil.
static bool take_more(cursor *c, unsigned head, nj_row_scan *out)
{
    return head < HEAD_TRACED ||
           (((head > HEAD_TRACED && take_nil(c)) ||
             take_trace(c, &out->trace, &out->trace_count)) &&
            (head < HEAD_WHY || (head > HEAD_WHY && take_nil(c)) ||
             take_why(c, out->count, &out->why)) &&
            (head < HEAD_TEXT || (head > HEAD_TEXT && take_nil(c)) || take_answer(c, &out->text)) &&
            (head < HEAD_RESERVE || take_reserve(c, &out->reserve, &out->reserve_count)));
}

bool nj_row_scan_open(nj_slice bytes, nj_row_scan *out)
{
    const uint8_t *start = (const uint8_t *)bytes.bytes;
    cursor c = {start, start + bytes.size};
    uint64_t version = 0;
    uint64_t flags = 0;
    uint64_t age = 0;
    uint32_t score_count = 0;
    if (bytes.size == 0 || *c.at < HEAD || *c.at > HEAD_LAST) {
        return false;
    }
    const uint8_t head = *c.at++;
    if (!take_uint(&c, &version) || version != NJ_ROW_VERSION || !take_uint(&c, &flags) ||
        flags > UINT32_MAX) {
        return false;
    }
    *out = (nj_row_scan){.flags = (uint32_t)flags, .body = c.at};
    if (!take_count(&c, NJ_ROW_ITEMS_MAX, &out->count)) {
        return false;
    }
    out->items = c.at;
    if (!skip_items(&c, out->count) || !take_count(&c, NJ_ROW_ITEMS_MAX, &score_count) ||
        score_count != out->count || !skip_scores(&c, out->count) ||
        !take_digest(&c, &out->history) || (head != HEAD && !take_uint(&c, &age)) ||
        age > NJ_ROW_AGE_MAX || !take_more(&c, head, out)) {
        return false;
    }
    out->age = (uint32_t)age;
    return left_of(&c) == 0;
}

uint32_t nj_row_flags(nj_slice bytes)
{
    const uint8_t *start = (const uint8_t *)bytes.bytes;
    cursor c = {start, start + bytes.size};
    uint64_t version = 0;
    uint64_t flags = 0;
    if (bytes.size == 0 || *c.at < HEAD || *c.at > HEAD_LAST) {
        return 0;
    }
    c.at++;
    return take_uint(&c, &version) && take_uint(&c, &flags) ? (uint32_t)flags : 0;
}
