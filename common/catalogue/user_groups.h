// user_groups.h - which group a user is in: the key "group" of a jsonl history, or a file of users and groups beside any form.
//
//   user,group        CSV with this header, columns in any order; a user without a row has no group
//   u1,de
#ifndef NJ_CATALOGUE_USER_GROUPS_H
#define NJ_CATALOGUE_USER_GROUPS_H

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/idlist.h"
#include "common/catalogue/masks.h"

typedef struct {
    nj_idlist_builder users; // owned
    nj_idmap map;            // owned; user -> place
    nj_buffer places;        // owned; mask and line of each
} nj_user_groups;

/// All zero but for what its members need: no user has a group.
void nj_user_groups_init(nj_user_groups *groups);
void nj_user_groups_fini(nj_user_groups *groups);

/// Reads the file into an initialised struct.
///
/// Memory  some 30 bytes and the id a user
/// Errors  NJ_INPUT names file, line and rule: a group that `masks` does not have, a user on two lines; NJ_NO_MEMORY
/// Proof   tests/unit/catalogue/test_masks.c
NJ_CHECKED nj_status nj_user_groups_read(const char *path, const nj_masks *masks,
                                         nj_user_groups *out, nj_error *err);

/// The user's mask; NJ_MASK_NONE when the file does not name him.
uint32_t nj_user_groups_find(const nj_user_groups *groups, nj_slice user);

#endif
