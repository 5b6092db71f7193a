// masks.h - who may get which items: the section "eligible" (schemas/eligible.md), made for a night, checked and looked into.
//
//   mask 0    the base mask, of users without a group: --eligible less --deny
//   mask 1..  named groups in the order of their names, each already narrowed by the base mask
//
// A mask is a bit a catalogue row. Only rows that stand in a leaf of the trie have a bit, so its count is what can be recommended.
// A mask that leaves nothing out is no mask: its users get the rows that they get in a night without masks, byte for byte.
#ifndef NJ_CATALOGUE_MASKS_H
#define NJ_CATALOGUE_MASKS_H

#include <stdint.h>

#include "common/base/bits.h"
#include "common/base/buffer.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/sid/trie.h"

#define NJ_MASKS_VERSION 1
#define NJ_GROUPS_MAX 1023
#define NJ_GROUP_NAME_BYTES_MAX 63
#define NJ_MASK_BASE 0u
#define NJ_MASK_NONE UINT32_MAX

// One mask as it lies in the section.
typedef struct {
    char name[NJ_GROUP_NAME_BYTES_MAX + 1]; // "" of the base mask, padded with NUL
    uint32_t item_count;                    // bits that are set; at least 1
    uint32_t narrows;                       // 0: leaves nothing out
    nj_digest digest;                       // of its words up to the last that is not 0
} nj_mask;

// A view; all zero where there are no masks.
typedef struct {
    uint32_t count;       // masks, the base mask included; 0: every item is for everybody
    size_t words;         // of each mask
    const nj_mask *masks; // [count] borrowed from the section
    const uint64_t *bits; // [count, words] likewise
} nj_masks;

/// Opens a view on outside bytes after checking all of them: sizes, names (valid, ascending, none twice), counts, digests.
///
///   bytes  aligned to 8; borrowed for the life of the view
///
/// Errors  NJ_INPUT names the rule and both numbers
/// Proof   tests/unit/catalogue/test_masks.c
NJ_CHECKED nj_status nj_masks_open(const void *bytes, size_t size, uint32_t row_count,
                                   nj_masks *out, nj_error *err);

/// The mask of a group; NJ_MASK_NONE when there is no such group.
uint32_t nj_masks_find(const nj_masks *masks, nj_slice group);

/// The rows of a mask as bits, or NULL where it leaves nothing out (and where there are no masks).
static inline const uint64_t *nj_masks_rows(const nj_masks *masks, uint32_t mask)
{
    return mask < masks->count && masks->masks[mask].narrows != 0
               ? masks->bits + (size_t)mask * masks->words
               : NULL;
}

/// What a list depends on beside the history: the digest of the mask, or NULL where it leaves nothing out.
static inline const nj_digest *nj_masks_digest(const nj_masks *masks, uint32_t mask)
{
    return nj_masks_rows(masks, mask) != NULL ? &masks->masks[mask].digest : NULL;
}

// A mask on its way into the section.
typedef struct {
    nj_slice name;        // of the group; "": the base mask
    const uint64_t *rows; // [row_count] bits; those without a leaf count for nothing
} nj_mask_rows;

/// Appends the section. One of `masks` is the base mask, by which the others are narrowed; names are valid and none is there twice.
///
/// Errors  NJ_INPUT: a mask leaves no item that could be recommended (names the group); NJ_NO_MEMORY
NJ_CHECKED nj_status nj_masks_write(const nj_trie *trie, uint32_t row_count,
                                    const nj_mask_rows *masks, uint32_t count, nj_buffer *out,
                                    nj_error *err);

/// NULL, or what is wrong with the name of a group as the end of a sentence.
const char *nj_group_problem(nj_slice name);

#endif
