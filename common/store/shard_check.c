#include "common/store/shard_check.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/codec/shard.h"

#define FIRST_SUMS 1024

static nj_status add_sum(void *context, const nj_ledger_record *record, nj_error *err)
{
    nj_shard_check *check = context;
    if (record->state == NJ_STORED_QUARANTINED) {
        return NJ_OK;
    }
    if (check->count == check->capacity) {
        size_t larger = check->capacity == 0 ? FIRST_SUMS : 2 * check->capacity;
        nj_shard_sum *sums = reallocarray(check->sums, larger, sizeof *sums);
        if (sums == NULL) {
            return nj_fail(err, NJ_NO_MEMORY, "no memory for the ledger's %zu records", larger);
        }
        check->sums = sums;
        check->capacity = larger;
    }
    check->sums[check->count++] =
        (nj_shard_sum){.shard = record->shard, .rows = record->rows, .digest = record->digest};
    return NJ_OK;
}

nj_status nj_shard_check_begin(nj_shard_check *check, nj_staging *staging, nj_error *err)
{
    *check = (nj_shard_check){0};
    nj_buffer_init(&check->rows, NJ_SHARD_BYTES_MAX);
    return nj_staging_ledger_each(staging, add_sum, check, err);
}

static nj_status finish_shard(nj_shard_check *check, nj_error *err)
{
    const nj_shard_sum *sum = &check->sums[check->next];
    nj_digest digest = nj_digest_of(check->rows.bytes, check->rows.size);
    if (!nj_digest_equal(&digest, &sum->digest)) {
        char is[NJ_DIGEST_HEX_BYTES];
        char says[NJ_DIGEST_HEX_BYTES];
        nj_digest_hex(&digest, is);
        nj_digest_hex(&sum->digest, says);
        return nj_fail(err, NJ_REFUSED,
                       "shard %" PRIu64 ": its %" PRIu64
                       " staged rows have the digest %s, the ledger says %s",
                       sum->shard, sum->rows, is, says);
    }
    check->next++;
    check->begun = 0;
    return NJ_OK;
}

static nj_status begin_shard(nj_shard_check *check, nj_error *err)
{
    const nj_shard_sum *sum = &check->sums[check->next];
    nj_buffer_clear(&check->rows);
    nj_status status = nj_rows_begin(&check->rows, sum->rows);
    return status == NJ_OK ? NJ_OK
                           : nj_fail(err, status, "no memory for shard %" PRIu64, sum->shard);
}

// Records without rows stand between others, and behind the last.
static nj_status pass_empty_shards(nj_shard_check *check, nj_error *err)
{
    nj_status status = NJ_OK;
    while (status == NJ_OK && check->next < check->count && check->begun == 0) {
        status = begin_shard(check, err);
        if (status != NJ_OK || check->sums[check->next].rows > 0) {
            break;
        }
        status = finish_shard(check, err);
    }
    return status;
}

nj_status nj_shard_check_row(nj_shard_check *check, nj_slice value, nj_error *err)
{
    nj_status status = pass_empty_shards(check, err);
    if (status == NJ_OK && check->next == check->count) {
        status = nj_fail(err, NJ_REFUSED, "more rows are staged than the ledger's %zu shards have",
                         check->count);
    }
    if (status != NJ_OK) {
        return status;
    }
    const nj_shard_sum *sum = &check->sums[check->next];
    status = nj_rows_add(&check->rows, value);
    if (status != NJ_OK) {
        return nj_fail(err, status, "shard %" PRIu64 ": its rows have more than %u bytes",
                       sum->shard, NJ_SHARD_BYTES_MAX);
    }
    check->begun++;
    return check->begun == sum->rows ? finish_shard(check, err) : NJ_OK;
}

nj_status nj_shard_check_end(nj_shard_check *check, nj_error *err)
{
    nj_status status = pass_empty_shards(check, err);
    if (status == NJ_OK && check->next < check->count) {
        status =
            nj_fail(err, NJ_REFUSED,
                    "shard %" PRIu64 ": %" PRIu64 " rows are staged, the ledger says %" PRIu64,
                    check->sums[check->next].shard, check->begun, check->sums[check->next].rows);
    }
    return status;
}

void nj_shard_check_fini(nj_shard_check *check)
{
    free(check->sums);
    nj_buffer_fini(&check->rows);
    *check = (nj_shard_check){0};
}
