#include "common/store/scrub_row.h"

#include <stdlib.h>

#include "common/base/id.h"
#include "common/codec/row_scan.h"

nj_status nj_scrub_row_new(const nj_erase_set *set, const nj_scrub_text *text, nj_scrub_row **out,
                           nj_error *err)
{
    nj_scrub_row *scrub = calloc(1, sizeof *scrub);
    if (scrub == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to read rows");
    }
    scrub->set = set;
    scrub->text = text;
    nj_buffer_init(&scrub->bytes, NJ_ROW_BYTES_MAX);
    nj_buffer_init(&scrub->aged, NJ_ROW_BYTES_MAX);
    *out = scrub;
    return NJ_OK;
}

void nj_scrub_row_free(nj_scrub_row **scrub)
{
    if (*scrub != NULL) {
        nj_buffer_fini(&(*scrub)->bytes);
        nj_buffer_fini(&(*scrub)->aged);
        free(*scrub);
        *scrub = NULL;
    }
}

static size_t find_item(const nj_erase_set *set, const nj_row_item *item)
{
    char digits[NJ_ID_DIGITS_MAX];
    const nj_slice id =
        item->is_number ? (nj_slice){digits, nj_id_of_number(item->number, digits)} : item->text;
    return nj_erase_ids_find(&set->items, id);
}

static void note(uint8_t *found, size_t index, uint64_t *count)
{
    if (index != NJ_IDMAP_NONE) {
        found[index] = 1;
        ++*count;
    }
}

static bool text_names_one(const nj_scrub_row *scrub, nj_slice text)
{
    nj_byte_hit hit;
    return text.size > 0 && nj_byte_search_next(&scrub->text->search, text, 0, &hit);
}

// A form that the scan does not know.
static nj_status count_unpacked(nj_scrub_row *scrub, nj_slice row, uint8_t *found,
                                uint64_t *out_count, nj_error *err)
{
    nj_status status = nj_row_unpack(row, &scrub->row, err);
    for (size_t i = 0; status == NJ_OK && i < scrub->row.count; i++) {
        note(found, nj_erase_ids_find(&scrub->set->items, scrub->row.items[i]), out_count);
    }
    for (size_t i = 0; status == NJ_OK && i < scrub->row.reserve_count; i++) {
        note(found, nj_erase_ids_find(&scrub->set->items, scrub->row.reserve[i]), out_count);
    }
    *out_count += status == NJ_OK && text_names_one(scrub, scrub->row.text);
    return status;
}

static void count_items(const nj_scrub_row *scrub, const uint8_t *at, uint32_t count,
                        uint8_t *found, uint64_t *out_count)
{
    for (uint32_t i = 0; i < count; i++) {
        nj_row_item item;
        at = nj_row_item_read(at, &item);
        note(found, find_item(scrub->set, &item), out_count);
    }
}

nj_status nj_scrub_row_count(nj_scrub_row *scrub, nj_slice row, uint8_t *found, uint64_t *out_count,
                             nj_error *err)
{
    nj_row_scan scan;
    *out_count = 0;
    if (!nj_row_scan_open(row, &scan)) {
        return count_unpacked(scrub, row, found, out_count, err);
    }
    if (scrub->set->items.list.count > 0) {
        count_items(scrub, scan.items, scan.count, found, out_count);
        count_items(scrub, scan.reserve, scan.reserve_count, found, out_count);
    }
    *out_count += text_names_one(scrub, scan.text);
    return NJ_OK;
}

// ---- writing it without them ----

// Moves what stays to the front; `scrub->why` is filled where the row says why.
static bool keep_items(nj_scrub_row *scrub)
{
    nj_row *row = &scrub->row;
    nj_slice why = row->why;
    size_t kept = 0;
    for (size_t i = 0; i < row->count; i++) {
        nj_why of = {0};
        if (row->why.bytes != NULL && !nj_why_next(&why, &of)) {
            return false;
        }
        if (!nj_erase_has_item(scrub->set, row->items[i])) {
            row->items[kept] = row->items[i];
            row->scores[kept] = row->scores[i];
            scrub->why[kept++] = of;
        }
    }
    if (kept < row->count) {
        row->flags |= NJ_ROW_SHORT;
    }
    row->count = kept;
    return true;
}

static void keep_reserve(nj_scrub_row *scrub)
{
    nj_row *row = &scrub->row;
    size_t kept = 0;
    for (size_t i = 0; i < row->reserve_count; i++) {
        if (!nj_erase_has_item(scrub->set, row->reserve[i])) {
            row->reserve[kept++] = row->reserve[i];
        }
    }
    row->reserve_count = kept;
}

nj_status nj_scrub_row_write(nj_scrub_row *scrub, nj_slice bytes, nj_error *err)
{
    static const nj_history_digest NOBODYS = {{0}};
    nj_row *row = &scrub->row;
    nj_status status = nj_row_unpack(bytes, row, err);
    if (status == NJ_OK && !keep_items(scrub)) {
        status = nj_fail(err, NJ_INPUT, "row: its why does not tell of %zu items", row->count);
    }
    if (status != NJ_OK) {
        return status;
    }
    if (text_names_one(scrub, row->text)) {
        row->text = (nj_slice){"", 0};
        row->flags |= NJ_ROW_SHORT;
    }
    keep_reserve(scrub);
    const nj_row_more more = {.why = row->why.bytes != NULL ? scrub->why : NULL,
                              .text = row->text,
                              .reserve = row->reserve_count > 0 ? row->reserve : NULL,
                              .reserve_count = row->reserve_count};
    nj_buffer_clear(&scrub->bytes);
    status = nj_row_pack_more(&scrub->bytes, row->flags, row->items, row->scores, row->count,
                              &NOBODYS, &more);
    if (status == NJ_OK && row->age > 0) {
        nj_buffer_clear(&scrub->aged);
        status = nj_row_copy(&scrub->aged, nj_buffer_slice(&scrub->bytes), row->flags, row->age);
        nj_buffer_clear(&scrub->bytes);
        status = status == NJ_OK
                     ? nj_buffer_append(&scrub->bytes, scrub->aged.bytes, scrub->aged.size)
                     : status;
    }
    return status == NJ_OK ? NJ_OK : nj_fail(err, status, "no memory for a row");
}
