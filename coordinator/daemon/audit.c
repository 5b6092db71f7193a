#include "coordinator/daemon/audit.h"

#include <string.h>

#include "common/codec/row.h"

// A number in [0, limit) that the plan's digest and `index` decide; limit > 0.
static uint64_t draw(const nj_plan *plan, uint64_t index, uint64_t limit)
{
    nj_digester digester;
    nj_digester_init(&digester);
    nj_digester_update(&digester, plan->digest.bytes, sizeof plan->digest.bytes);
    nj_digester_update_u64(&digester, index);
    nj_digest digest = nj_digester_final(&digester);
    uint64_t number;
    memcpy(&number, digest.bytes, sizeof number);
    return number % limit;
}

// The shard of the user at this position of the plan.
static size_t find_shard(const nj_plan *plan, uint64_t position)
{
    size_t low = 0;
    size_t high = plan->shard_count - 1;
    while (low < high) {
        const size_t middle = low + (high - low + 1) / 2;
        if (plan->shard_first[middle] <= position) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return low;
}

size_t nj_audit_choose(const nj_plan *plan, uint32_t user_max,
                       nj_piece_range out_ranges[NJ_AUDIT_RANGES_MAX])
{
    const uint64_t users = user_max < plan->user_count ? user_max : plan->user_count;
    const uint64_t parts = (users + NJ_AUDIT_RANGE_USERS - 1) / NJ_AUDIT_RANGE_USERS;
    size_t ranges = 0;
    for (uint64_t i = 0; i < parts; i++) {
        const uint64_t begin = plan->user_count * i / parts;
        const uint64_t size = plan->user_count * (i + 1) / parts - begin;
        uint64_t count = size < NJ_AUDIT_RANGE_USERS ? size : NJ_AUDIT_RANGE_USERS;
        uint64_t position = begin + draw(plan, i, size - count + 1);
        while (count > 0) { // a range ends with its shard
            const size_t shard = find_shard(plan, position);
            const uint64_t left = plan->shard_first[shard + 1] - position;
            const uint64_t taken = count < left ? count : left;
            out_ranges[ranges++] =
                (nj_piece_range){.shard = (uint32_t)shard,
                                 .first = (uint32_t)(position - plan->shard_first[shard]),
                                 .count = (uint32_t)taken,
                                 .audit = true};
            position += taken;
            count -= taken;
        }
    }
    return ranges;
}

nj_status nj_audit_trim(nj_staging *staging, const nj_plan *plan, nj_piece_range *range,
                        nj_error *err)
{
    nj_buffer row;
    nj_buffer_init(&row, NJ_ROW_BYTES_MAX);
    nj_status status = NJ_OK;
    uint32_t count = 0;
    while (count < range->count && status == NJ_OK) {
        nj_buffer_clear(&row);
        nj_request request = nj_plan_request(plan, range->shard, range->first + count);
        status = nj_staging_row_get(staging, request.user, &row, err);
        count += status == NJ_OK;
    }
    nj_buffer_fini(&row);
    range->count = count;
    return status == NJ_NOT_FOUND ? NJ_OK : status;
}

nj_status nj_audit_compare(nj_staging *staging, const nj_plan *plan, const nj_piece_range *range,
                           const nj_slice *rows, uint32_t *out_differs, nj_error *err)
{
    nj_buffer row;
    nj_buffer_init(&row, NJ_ROW_BYTES_MAX);
    nj_status status = NJ_OK;
    uint32_t i = 0;
    for (; i < range->count && status == NJ_OK; i++) {
        nj_buffer_clear(&row);
        nj_request request = nj_plan_request(plan, range->shard, range->first + i);
        status = nj_staging_row_get(staging, request.user, &row, err);
        if (status == NJ_OK && !nj_slice_equal(nj_buffer_slice(&row), rows[i])) {
            break;
        }
    }
    nj_buffer_fini(&row);
    *out_differs = i;
    return status;
}
