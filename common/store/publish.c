#include "common/store/publish.h"

#include "common/store/channel.h"

nj_status nj_store_publish(const char *store_dir, const char *name, nj_staging *fence,
                           uint32_t lock_wait_ms, nj_error *err)
{
    return nj_store_channel_publish(store_dir, NULL, name, fence, lock_wait_ms, err);
}

nj_status nj_store_rollback_find(const char *store_dir, nj_store_name *out_name, nj_error *err)
{
    return nj_store_channel_rollback_find(store_dir, NULL, NJ_STORE_LOOK_WHOLE, out_name, err);
}

nj_status nj_store_rollback(const char *store_dir, const char *name, uint32_t lock_wait_ms,
                            nj_error *err)
{
    return nj_store_channel_rollback(store_dir, NULL, name, NJ_STORE_LOOK_WHOLE, lock_wait_ms, err);
}
