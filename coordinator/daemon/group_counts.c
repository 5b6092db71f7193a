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

uint64_t nj_group_counts_with(uint64_t tonight, uint64_t before, uint64_t carried)
{
    if (tonight >= before) {
        return tonight;
    }
    return carried < before - tonight ? tonight + carried : before;
}

nj_status nj_group_counts_carry(nj_store_groups *groups, const char *store_dir,
                                const nj_store_name *from, uint64_t carried, nj_error *err)
{
    nj_store_groups before = {0};
    nj_error why = {0};
    if (carried == 0 || groups->count == 0) {
        return NJ_OK;
    }
    nj_status status = nj_store_groups_read(store_dir, from, &before, &why);
    for (size_t i = 0; i < groups->count && status == NJ_OK; i++) {
        nj_store_group *group = &groups->groups[i];
        group->user_count = nj_group_counts_with(group->user_count,
                                                 nj_group_counts_of(&before, group->name), carried);
    }
    nj_store_groups_fini(&before);
    return status == NJ_NO_MEMORY ? nj_fail(err, status, "%s", why.text) : NJ_OK;
}
