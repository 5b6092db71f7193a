#include "coordinator/carry_row.h"

#include <stdlib.h>

#include "common/codec/row_scan.h"

#define PLACES_MAX (NJ_ROW_ITEMS_MAX + NJ_ROW_RESERVE_MAX)

struct nj_carry_scratch {
    nj_row row;   // as it was
    size_t count; // of the next, in the order of list and reserve
    size_t kept;  // of them from the list
    nj_slice items[PLACES_MAX];
    float scores[PLACES_MAX];
    nj_why why[PLACES_MAX];
    nj_buffer packed; // owned
};

nj_carry_scratch *nj_carry_scratch_new(void)
{
    nj_carry_scratch *scratch = malloc(sizeof *scratch);
    if (scratch != NULL) {
        nj_buffer_init(&scratch->packed, NJ_ROW_BYTES_MAX);
    }
    return scratch;
}

void nj_carry_scratch_free(nj_carry_scratch **scratch)
{
    if (*scratch != NULL) {
        nj_buffer_fini(&(*scratch)->packed);
        free(*scratch);
        *scratch = NULL;
    }
}

static bool has_row(const uint32_t *rows, uint32_t count, size_t row)
{
    for (uint32_t i = 0; i < count; i++) {
        if (rows[i] == row) {
            return true;
        }
    }
    return false;
}

static bool may_show(const nj_carry_rules *rules, const nj_request *user, nj_slice item)
{
    const size_t row = nj_idmap_find(rules->map, item, nj_idmap_at_list, rules->items);
    if (row == NJ_IDMAP_NONE || !nj_live_rows_has(rules->live, row)) {
        return false;
    }
    const uint64_t *mask = nj_masks_rows(rules->masks, user->mask);
    return (mask == NULL || nj_bits_has(mask, row)) &&
           !has_row(user->exclude, user->exclude_count, row) &&
           (rules->keep_history || !has_row(user->items, user->item_count, row)) &&
           (user->candidates == NULL || has_row(user->candidates, user->candidate_count, row));
}

static bool is_listed(const nj_carry_scratch *s, nj_slice item)
{
    for (size_t i = 0; i < s->count; i++) {
        if (nj_slice_equal(s->items[i], item)) {
            return true;
        }
    }
    return false;
}

static void keep_list(const nj_carry_rules *rules, const nj_request *user, nj_carry_scratch *s)
{
    nj_slice why = s->row.why;
    s->count = 0;
    for (size_t i = 0; i < s->row.count; i++) {
        nj_why told = {0};
        if (s->row.why.bytes != NULL && !nj_why_next(&why, &told)) {
            break; // unpacking has checked them
        }
        if (may_show(rules, user, s->row.items[i])) {
            s->items[s->count] = s->row.items[i];
            s->scores[s->count] = s->row.scores[i];
            s->why[s->count++] = told;
        }
    }
    s->kept = s->count;
}

static void add_reserve(const nj_carry_rules *rules, const nj_request *user, nj_carry_scratch *s)
{
    const float score = s->row.count > 0 ? s->row.scores[s->row.count - 1] : 0;
    for (size_t i = 0; i < s->row.reserve_count; i++) {
        const nj_slice item = s->row.reserve[i];
        if (may_show(rules, user, item) && !is_listed(s, item)) {
            s->items[s->count] = item;
            s->scores[s->count] = score;
            s->why[s->count++] = (nj_why){.source = NJ_SOURCE_RESERVE, .raw = score};
        }
    }
}

// A row that had no reserve gets none of the items that a smaller top cuts off.
static nj_status pack_row(const nj_carry_rules *rules, nj_carry_scratch *s)
{
    const size_t count = s->count < rules->top ? s->count : rules->top;
    const size_t left = s->row.reserve_count > 0 ? s->count - count : 0;
    const bool is_short = count < rules->top && s->row.text.bytes == NULL;
    const uint32_t gone = NJ_ROW_COPIED | NJ_ROW_SHORT;
    const uint32_t flags = (s->row.flags & ~gone) | NJ_ROW_CARRIED | (is_short ? NJ_ROW_SHORT : 0u);
    const nj_row_more more = {.why = s->row.why.bytes != NULL ? s->why : NULL,
                              .text = s->row.text,
                              .reserve = left > 0 ? s->items + count : NULL,
                              .reserve_count =
                                  left < NJ_ROW_RESERVE_MAX ? left : NJ_ROW_RESERVE_MAX};
    nj_buffer_clear(&s->packed);
    return nj_row_pack_more(&s->packed, flags, s->items, s->scores, count, &s->row.history, &more);
}

nj_status nj_carry_row(const nj_carry_rules *rules, const nj_request *user, nj_slice row,
                       nj_carry_scratch *scratch, nj_buffer *out, nj_carried *out_about,
                       nj_error *err)
{
    nj_carry_scratch *s = scratch;
    nj_status status = nj_row_unpack(row, &s->row, err);
    if (status == NJ_OK && s->row.age >= NJ_ROW_AGE_MAX) {
        status =
            nj_fail(err, NJ_NOT_FOUND, "the row is %u nights old, which is the limit", s->row.age);
    }
    if (status != NJ_OK) {
        return status;
    }
    keep_list(rules, user, s);
    add_reserve(rules, user, s);
    status = pack_row(rules, s);
    const uint32_t flags = nj_row_flags(nj_buffer_slice(&s->packed));
    const uint32_t age = s->row.age + 1;
    if (status == NJ_OK) {
        status = nj_row_copy(out, nj_buffer_slice(&s->packed), flags, age);
    }
    if (status != NJ_OK) {
        return nj_fail(err, status, "no memory for a row of %zu items", s->count);
    }
    const size_t listed = s->count < rules->top ? s->count : rules->top;
    *out_about = (nj_carried){.dropped = (uint32_t)(s->row.count - s->kept),
                              .refilled = listed > s->kept ? (uint32_t)(listed - s->kept) : 0,
                              .age = age};
    return NJ_OK;
}
