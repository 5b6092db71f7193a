#include "common/catalogue/masks.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/id.h"

#define MAGIC "NJMASKS"

typedef struct {
    char magic[8];
    uint32_t version;
    uint32_t row_count;
    uint32_t mask_count;
    uint32_t reserved;
} header;

// The section is these structs one after the other: their sizes are its layout.
_Static_assert(sizeof(header) == 24 && sizeof(nj_mask) == 104, "as in schemas/eligible.md");

const char *nj_group_problem(nj_slice name)
{
    const char *problem = nj_id_problem(name);
    return problem != NULL                       ? problem
           : name.size > NJ_GROUP_NAME_BYTES_MAX ? "is longer than 63 bytes"
                                                 : NULL;
}

// Words of zeros at the end do not count: rows that a refresh appends and that the mask leaves out make no other mask.
static nj_digest digest_rows(const uint64_t *bits, size_t words)
{
    while (words > 0 && bits[words - 1] == 0) {
        words--;
    }
    return nj_digest_of(bits, words * sizeof *bits);
}

// ---- opening ----

static nj_slice name_of(const nj_mask *mask)
{
    return (nj_slice){mask->name, strnlen(mask->name, sizeof mask->name)};
}

static nj_status check_header(const header *head, size_t size, uint32_t row_count, nj_error *err)
{
    if (size < sizeof *head || memcmp(head->magic, MAGIC, sizeof head->magic) != 0) {
        return nj_fail(err, NJ_INPUT, "eligible: the bytes do not begin with \"" MAGIC "\"");
    }
    if (head->version != NJ_MASKS_VERSION) {
        return nj_fail(err, NJ_INPUT, "eligible: version %u, this program reads %d", head->version,
                       NJ_MASKS_VERSION);
    }
    if (head->row_count != row_count) {
        return nj_fail(err, NJ_INPUT, "eligible: made for %u rows, the catalogue has %u",
                       head->row_count, row_count);
    }
    if (head->mask_count < 1 || head->mask_count > 1 + NJ_GROUPS_MAX || head->reserved != 0) {
        return nj_fail(err, NJ_INPUT, "eligible: %u masks, must be 1 to %d", head->mask_count,
                       1 + NJ_GROUPS_MAX);
    }
    // At most 1,024 masks of 2^32 bits each.
    const size_t bytes =
        sizeof *head +
        head->mask_count * (sizeof(nj_mask) + nj_bits_words(row_count) * sizeof(uint64_t));
    if (size != bytes) {
        return nj_fail(err, NJ_INPUT, "eligible: %zu bytes, %u masks of %u rows need %zu", size,
                       head->mask_count, row_count, bytes);
    }
    return NJ_OK;
}

// The base mask has no name; those of the groups rise.
static nj_status check_name(const nj_masks *masks, uint32_t index, nj_error *err)
{
    const nj_mask *mask = &masks->masks[index];
    const nj_slice name = name_of(mask);
    for (size_t i = name.size; i < sizeof mask->name; i++) {
        if (mask->name[i] != '\0') {
            return nj_fail(err, NJ_INPUT, "eligible: something stands behind the name of mask %u",
                           index);
        }
    }
    const char *problem = index == NJ_MASK_BASE ? NULL : nj_group_problem(name);
    if (problem != NULL) {
        return nj_fail(err, NJ_INPUT, "eligible: the name of mask %u %s", index, problem);
    }
    const bool in_order = index == NJ_MASK_BASE
                              ? name.size == 0
                              : nj_slice_compare(name_of(&masks->masks[index - 1]), name) < 0;
    return in_order ? NJ_OK
                    : nj_fail(err, NJ_INPUT, "eligible: mask %u, \"%.*s\", is out of order", index,
                              NJ_SLICE_ARGS(name));
}

static nj_status check_bits(const nj_masks *masks, uint32_t index, uint32_t row_count,
                            nj_error *err)
{
    const nj_mask *mask = &masks->masks[index];
    const uint64_t *bits = masks->bits + index * masks->words;
    const size_t tail = row_count % NJ_BITS_A_WORD;
    if (tail != 0 && bits[masks->words - 1] >> tail != 0) {
        return nj_fail(err, NJ_INPUT, "eligible: mask %u has bits behind row %u", index, row_count);
    }
    const uint32_t count = nj_bits_count(bits, row_count);
    if (count != mask->item_count || count == 0 || mask->narrows > 1) {
        return nj_fail(err, NJ_INPUT, "eligible: mask %u says %u items and has %u", index,
                       mask->item_count, count);
    }
    const nj_digest digest = digest_rows(bits, masks->words);
    return nj_digest_equal(&digest, &mask->digest)
               ? NJ_OK
               : nj_fail(err, NJ_INPUT, "eligible: mask %u has not the digest that it says", index);
}

nj_status nj_masks_open(const void *bytes, size_t size, uint32_t row_count, nj_masks *out,
                        nj_error *err)
{
    const header *head = bytes;
    nj_status status = check_header(head, size, row_count, err);
    if (status != NJ_OK) {
        return status;
    }
    const nj_mask *entries = (const nj_mask *)(const void *)(head + 1);
    const nj_masks masks = {.count = head->mask_count,
                            .words = nj_bits_words(row_count),
                            .masks = entries,
                            .bits = (const uint64_t *)(const void *)(entries + head->mask_count)};
    for (uint32_t i = 0; i < masks.count && status == NJ_OK; i++) {
        status = check_name(&masks, i, err);
        if (status == NJ_OK) {
            status = check_bits(&masks, i, row_count, err);
        }
    }
    if (status == NJ_OK) {
        *out = masks;
    }
    return status;
}

uint32_t nj_masks_find(const nj_masks *masks, nj_slice group)
{
    uint32_t low = NJ_MASK_BASE + 1;
    uint32_t high = masks->count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (nj_slice_compare(name_of(&masks->masks[middle]), group) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < masks->count && nj_slice_equal(name_of(&masks->masks[low]), group) ? low
                                                                                    : NJ_MASK_NONE;
}

// ---- writing ----

// The rows that stand in a leaf. Owned: free.
static uint64_t *list_rows_in_leaves(const nj_trie *trie, uint32_t row_count)
{
    uint64_t *rows = calloc(nj_bits_words(row_count) + 1, sizeof *rows);
    for (uint32_t leaf = 0; rows != NULL && leaf < trie->node_count[trie->level_count]; leaf++) {
        uint32_t count;
        const uint32_t *items = nj_trie_leaf_items(trie, leaf, &count);
        for (uint32_t i = 0; i < count; i++) {
            nj_bits_add(rows, items[i]);
        }
    }
    return rows;
}

static int compare_names(const void *a, const void *b)
{
    const nj_mask_rows *const *x = a;
    const nj_mask_rows *const *y = b;
    return nj_slice_compare((*x)->name, (*y)->name); // the base mask's is empty
}

// What a section is written from.
typedef struct {
    const nj_trie *trie;
    uint32_t row_count;
    const nj_mask_rows **order; // owned; [count] the base mask, then groups by name
    uint64_t *in_leaves;        // owned; rows that stand in a leaf
    uint64_t *narrowed;         // owned; the mask at hand, as it is written
} writing;

static void narrow(writing *w, uint32_t index)
{
    const uint64_t *base = w->order[NJ_MASK_BASE]->rows;
    for (size_t i = 0; i < nj_bits_words(w->row_count); i++) {
        w->narrowed[i] = base[i] & w->order[index]->rows[i] & w->in_leaves[i];
    }
}

static nj_status append_mask(writing *w, uint32_t index, nj_buffer *out, nj_error *err)
{
    const nj_slice name = w->order[index]->name;
    narrow(w, index);
    nj_mask mask = {.item_count = nj_bits_count(w->narrowed, w->row_count)};
    if (mask.item_count == 0) {
        const char *quote = name.size > 0 ? "\"" : "";
        return nj_fail(err, NJ_INPUT,
                       "%s%s%.*s%s: no item is left that could be recommended, and its users would "
                       "have empty lists",
                       name.size > 0 ? "group " : "--eligible and --deny", quote,
                       NJ_SLICE_ARGS(name), quote);
    }
    memcpy(mask.name, name.bytes, name.size);
    mask.narrows = mask.item_count < w->trie->item_count;
    mask.digest = digest_rows(w->narrowed, nj_bits_words(w->row_count));
    return nj_buffer_append(out, &mask, sizeof mask);
}

static nj_status append_rows(writing *w, uint32_t index, nj_buffer *out)
{
    narrow(w, index);
    return nj_buffer_append(out, w->narrowed, nj_bits_words(w->row_count) * sizeof *w->narrowed);
}

static nj_status open_writing(writing *w, const nj_mask_rows *masks, uint32_t count)
{
    w->in_leaves = list_rows_in_leaves(w->trie, w->row_count);
    w->narrowed = calloc(nj_bits_words(w->row_count) + 1, sizeof *w->narrowed);
    w->order = calloc(count, sizeof *w->order);
    if (w->in_leaves == NULL || w->narrowed == NULL || w->order == NULL) {
        return NJ_NO_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) {
        w->order[i] = &masks[i];
    }
    qsort(w->order, count, sizeof *w->order, compare_names);
    return NJ_OK;
}

nj_status nj_masks_write(const nj_trie *trie, uint32_t row_count, const nj_mask_rows *masks,
                         uint32_t count, nj_buffer *out, nj_error *err)
{
    const header head = {
        .magic = MAGIC, .version = NJ_MASKS_VERSION, .row_count = row_count, .mask_count = count};
    writing w = {.trie = trie, .row_count = row_count};
    nj_status status = open_writing(&w, masks, count);
    if (status == NJ_OK) {
        status = nj_buffer_append(out, &head, sizeof head);
    }
    for (uint32_t i = 0; i < count && status == NJ_OK; i++) {
        status = append_mask(&w, i, out, err);
    }
    for (uint32_t i = 0; i < count && status == NJ_OK; i++) {
        status = append_rows(&w, i, out);
    }
    if (status == NJ_NO_MEMORY) {
        nj_fail(err, status, "no memory for %u masks of %u rows", count, row_count);
    }
    free(w.order);
    free(w.narrowed);
    free(w.in_leaves);
    return status;
}
