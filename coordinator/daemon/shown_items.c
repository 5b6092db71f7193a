#include "coordinator/daemon/shown_items.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/bits.h"
#include "common/base/id.h"

#define SLOT_BITS_MIN 10u
#define SLOT_BITS_MAX 22u
#define MIX UINT64_C(0x9e3779b97f4a7c15) // 2^64 over the golden ratio: neighbours land far apart

nj_status nj_shown_items_init(nj_shown_items *shown, const nj_job *job, nj_error *err)
{
    const size_t items = job->catalogue.items.count;
    unsigned bits = SLOT_BITS_MIN;
    while (bits < SLOT_BITS_MAX && ((size_t)1 << bits) < 2 * items) {
        bits++;
    }
    *shown = (nj_shown_items){.job = job, .shift = 64 - bits};
    shown->bits = calloc(nj_bits_words(items) + 1, sizeof *shown->bits);
    shown->slots = calloc((size_t)1 << bits, sizeof *shown->slots);
    if (shown->bits == NULL || shown->slots == NULL) {
        nj_shown_items_fini(shown);
        return nj_fail(err, NJ_NO_MEMORY, "no memory to count items in lists");
    }
    return NJ_OK;
}

void nj_shown_items_fini(nj_shown_items *shown)
{
    free(shown->bits);
    free(shown->slots);
    *shown = (nj_shown_items){0};
}

// False: too long.
static bool shorten(const nj_row_item *item, nj_shown_id *out)
{
    unsigned char bytes[sizeof *out] = {0};
    if (item->is_number) {
        *out = (nj_shown_id){item->number, UINT64_MAX};
        return true;
    }
    if (item->text.size >= sizeof bytes) {
        return false;
    }
    memcpy(bytes, item->text.bytes, item->text.size);
    bytes[sizeof bytes - 1] = (unsigned char)item->text.size;
    memcpy(out, bytes, sizeof bytes);
    return true;
}

static void look_up(nj_shown_items *shown, const nj_row_item *item)
{
    char digits[NJ_ID_DIGITS_MAX];
    const nj_slice id =
        item->is_number ? (nj_slice){digits, nj_id_of_number(item->number, digits)} : item->text;
    const size_t row =
        nj_idmap_find(&shown->job->map, id, nj_idmap_at_list, &shown->job->catalogue.items);
    if (row != NJ_IDMAP_NONE) {
        nj_bits_add(shown->bits, row);
    }
}

void nj_shown_items_add(nj_shown_items *shown, const nj_row_item *item)
{
    nj_shown_id id;
    if (!shorten(item, &id)) {
        look_up(shown, item);
        return;
    }
    const size_t last = ((size_t)1 << (64 - shown->shift)) - 1;
    size_t at = (size_t)(((id.low ^ id.high << 7) * MIX) >> shown->shift);
    while (shown->slots[at].high != 0) {
        if (shown->slots[at].low == id.low && shown->slots[at].high == id.high) {
            return;
        }
        at = (at + 1) & last;
    }
    look_up(shown, item);
    if (shown->used <= last / 2) {
        shown->slots[at] = id;
        shown->used++;
    }
}

uint64_t nj_shown_items_count(const nj_shown_items *shown)
{
    return nj_bits_count(shown->bits, shown->job->catalogue.items.count);
}
