#include "coordinator/daemon/group_counts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static_assert(NJ_STORE_GROUPS_MAX == NJ_GROUPS_MAX, "every group of a night can be written");
static_assert(NJ_STORE_GROUP_BYTES_MAX == NJ_GROUP_NAME_BYTES_MAX, "with its whole name");

nj_status nj_group_counts_make(const nj_job *job, nj_store_groups *out, nj_error *err)
{
    const nj_masks *masks = &job->catalogue.masks;
    nj_store_groups groups = {0};
    if (masks->count <= NJ_MASK_BASE + 1) {
        *out = groups;
        return NJ_OK;
    }
    groups.count = masks->count - 1;
    groups.groups = calloc(groups.count, sizeof *groups.groups);
    if (groups.groups == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to count the users of %zu groups",
                       groups.count);
    }
    for (size_t i = 0; i < groups.count; i++) {
        strcpy(groups.groups[i].name, masks->masks[i + 1].name);
    }
    for (size_t i = 0; i < job->users.count; i++) {
        const uint32_t mask = nj_user_table_at(&job->users, i).mask;
        if (mask != NJ_MASK_BASE) {
            groups.groups[mask - 1].user_count++;
        }
    }
    *out = groups;
    return NJ_OK;
}

uint64_t nj_group_counts_of(const nj_store_groups *groups, const char *name)
{
    for (size_t i = 0; i < groups->count; i++) {
        if (strcmp(groups->groups[i].name, name) == 0) {
            return groups->groups[i].user_count;
        }
    }
    return 0;
}
