// groups.h - GROUPS.json: how many users each group of a generation had, for the next night's gates. It has names of groups and counts,
// and nobody's id.
//
//   {"groups": [{"group": "north", "users": 130}]}
//
// The file is there when the night had groups. It is no part of the digests, nor of a delta: who applies one makes no nights.
#ifndef NJ_STORE_GROUPS_H
#define NJ_STORE_GROUPS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/store/erase.h"
#include "common/store/generation.h"

#define NJ_STORE_GROUPS_MAX 1023
#define NJ_STORE_GROUP_BYTES_MAX 63

typedef struct {
    char name[NJ_STORE_GROUP_BYTES_MAX + 1];
    uint64_t user_count;
} nj_store_group;

// All zero: none.
typedef struct {
    nj_store_group *groups; // owned; [count] at most NJ_STORE_GROUPS_MAX
    size_t count;
} nj_store_groups;

void nj_store_groups_fini(nj_store_groups *groups);

/// Writes the file into the folder of a generation, synced; nothing where there are none.
NJ_CHECKED nj_status nj_store_groups_write(const nj_store_groups *groups, const char *folder,
                                           nj_error *err);

/// Reads it. A generation without the file has none: NJ_OK and no groups. Owned by the caller.
///
/// Errors  NJ_INPUT names the group and the rule; NJ_NO_MEMORY; NJ_IO
/// Proof   tests/unit/store/test_groups.c
NJ_CHECKED nj_status nj_store_groups_read(const char *store_dir, const nj_store_name *name,
                                          nj_store_groups *out, nj_error *err);

/// Writes the file of one folder into another, synced, without groups that are called like somebody or something to be erased. Counts
/// stay: they are of the night as it was. Nothing where there is no file, or no group is left. Errors as nj_store_groups_read.
/// Proof   tests/unit/store/test_groups.c
NJ_CHECKED nj_status nj_store_groups_copy_without(const char *from_folder, const char *to_folder,
                                                  const nj_erase_set *set, nj_error *err);

#endif
