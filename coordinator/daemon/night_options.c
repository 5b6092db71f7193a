#include "coordinator/daemon/night_options.h"

#include <string.h>

#include "common/codec/shard.h"
#include "common/store/staging.h"

#define LEASE_MS_MIN 500
#define LEASE_MS_MAX 3600000

nj_status nj_night_options_from(const nj_arguments *arguments, nj_night_options *out, nj_error *err)
{
    uint64_t shard_users = 0;
    uint64_t lease_ms = 0;
    const char *numeric_class = nj_argument(arguments, "numeric-class");
    nj_status status =
        nj_argument_uint(arguments, "shard-users", 1, NJ_SHARD_USERS_MAX, &shard_users, err);
    if (status == NJ_OK) {
        status =
            nj_argument_uint(arguments, "lease-ms", LEASE_MS_MIN, LEASE_MS_MAX, &lease_ms, err);
    }
    if (status == NJ_OK &&
        (numeric_class[0] == '\0' || strlen(numeric_class) > NJ_STAGING_CLASS_BYTES_MAX)) {
        status = nj_fail(err, NJ_USAGE, "--numeric-class must have 1 to %d bytes",
                         NJ_STAGING_CLASS_BYTES_MAX);
    }
    *out = (nj_night_options){.store_dir = nj_argument(arguments, "store"),
                              .resume = nj_argument_flag(arguments, "resume"),
                              .shard_users = (uint32_t)shard_users,
                              .lease_ms = (uint32_t)lease_ms,
                              .numeric_class = numeric_class};
    return status;
}
