// mask_files.h - --eligible, --deny and --groups: ids in files to masks over the catalogue's rows (schemas/eligible.md).
//
//   eligible.txt   one item id a line: nothing else may be recommended tonight
//   deny.txt       one item id a line: not these
//   groups.jsonl   {"group": "de", "items": ["a", "b"]}      the group's users get nothing else
//                  {"group": "kids", "deny": ["c"]}          or anything but these; several lines of a group add up
#ifndef NJ_CATALOGUE_MASK_FILES_H
#define NJ_CATALOGUE_MASK_FILES_H

#include <stdbool.h>

#include "common/base/idlist.h"
#include "common/catalogue/masks.h"

#define NJ_GROUPS_LINE_BYTES_MAX (64u << 20) // more items go on another line of the same group

typedef struct {
    const char *eligible; // paths; NULL: not given
    const char *deny;
    const char *groups;
    bool skip_unknown; // ids that the catalogue does not know are counted, not refused
} nj_mask_files;

/// Reads the files that are given (at least one) and appends the section.
///
///   items, map   ids of the catalogue's rows
///   out_unknown  how many ids were skipped
///
/// Memory  two bits a row and group while it reads
/// Errors  NJ_INPUT names file, line and rule: an id that is unknown, a group without a name, a key that is not known; and the masks
///         that leave nothing (nj_masks_write)
/// Proof   tests/unit/catalogue/test_masks.c
NJ_CHECKED nj_status nj_mask_files_read(const nj_mask_files *files, const nj_idlist *items,
                                        const nj_idmap *map, const nj_trie *trie, nj_buffer *out,
                                        uint64_t *out_unknown, nj_error *err);

#endif
