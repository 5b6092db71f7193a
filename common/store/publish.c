#include "common/store/publish.h"

#include <stdio.h>
#include <string.h>

#include "common/base/failpoint.h"
#include "common/base/log.h"
#include "common/store/history.h"
#include "common/store/lock.h"
#include "common/store/schema.h"

#define CURRENT_LINE_BYTES (NJ_STORE_NAME_CHARS + 1)

static bool is_same(const nj_store_name *a, const nj_store_name *b)
{
    return strcmp(a->text, b->text) == 0;
}

static nj_status write_current(const char *store_dir, const nj_store_name *name, nj_error *err)
{
    nj_path path;
    char line[CURRENT_LINE_BYTES + 1];
    snprintf(line, sizeof line, "%s\n", name->text);
    nj_status status = nj_path_join(store_dir, NJ_STORE_WORDS.CURRENT, &path, err);
    if (status == NJ_OK) {
        nj_file_sweep(path.text);
        status = nj_file_write(path.text, line, CURRENT_LINE_BYTES, err);
    }
    return status;
}

// A CURRENT that is missing or garbled names nothing that one could come back to.
static nj_store_name read_current(const char *store_dir)
{
    nj_store_name current = {{0}};
    return nj_store_current(store_dir, &current, NULL) == NJ_OK ? current : (nj_store_name){{0}};
}

// The outgoing name is noted before CURRENT changes: in between, the history ends with the current name, and whoever
// reads it knows to pass over that.
static nj_status note_outgoing(const char *store_dir, const nj_store_name *next, nj_error *err)
{
    nj_store_name current = read_current(store_dir);
    if (current.text[0] == '\0' || is_same(&current, next)) {
        return NJ_OK;
    }
    nj_store_history history;
    nj_status status = nj_store_history_read(store_dir, &history, err);
    if (status == NJ_OK) {
        nj_store_history_push(&history, &current);
        status = nj_store_history_write(store_dir, &history, err);
    }
    return status;
}

nj_status nj_store_publish(const char *store_dir, const char *name, nj_staging *fence,
                           uint32_t lock_wait_ms, nj_error *err)
{
    nj_store_lock lock;
    nj_store_name checked;
    nj_store_manifest manifest;
    nj_status status = nj_store_resolve(store_dir, name, &checked, err);
    if (status == NJ_OK) {
        status = nj_folder_check(store_dir, err);
    }
    if (status == NJ_OK) {
        status = nj_store_lock_take(store_dir, "publish", lock_wait_ms, &lock, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    if (fence != NULL) {
        status = nj_staging_check_epoch(fence, err);
    }
    if (status == NJ_OK) {
        status = nj_store_inspect(store_dir, &checked, &manifest, err);
    }
    if (status == NJ_OK) {
        status = note_outgoing(store_dir, &checked, err);
    }
    if (status == NJ_OK) {
        status = NJ_FAILPOINT_STEP(PUBLISH_DUE, err);
    }
    if (status == NJ_OK) {
        status = write_current(store_dir, &checked, err);
    }
    if (status == NJ_OK) {
        NJ_FAILPOINT_HIT(PUBLISH_DONE);
    }
    nj_store_lock_release(&lock);
    return status;
}

// ---- rollback ----

static nj_status check_bytes(const char *store_dir, const nj_store_name *name, nj_error *err)
{
    nj_store_manifest manifest;
    nj_status status = nj_store_inspect(store_dir, name, &manifest, err);
    return status != NJ_OK ? status : nj_store_check_data(store_dir, name, &manifest, err);
}

nj_status nj_store_rollback_find(const char *store_dir, nj_store_name *out_name, nj_error *err)
{
    nj_store_history history;
    nj_error why = {0};
    nj_status status = nj_folder_check(store_dir, err);
    if (status == NJ_OK) {
        status = nj_store_history_read(store_dir, &history, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    nj_store_name current = read_current(store_dir);
    for (size_t i = history.count; i-- > 0;) {
        const nj_store_name *name = &history.names[i];
        if (is_same(name, &current)) {
            continue;
        }
        status = check_bytes(store_dir, name, &why);
        if (status == NJ_OK) {
            *out_name = *name;
            return NJ_OK;
        }
        if (status == NJ_IO || status == NJ_NO_MEMORY) { // it may be sound
            return nj_fail(err, status, "%s: cannot tell whether it is sound: %s", name->text,
                           why.text);
        }
        nj_log(NJ_LOG_WARNING, "passed over: %s", why.text);
    }
    return nj_fail(err, NJ_NOT_FOUND,
                   "%s: %s names no earlier generation that is sound (%zu looked at): choose one "
                   "of `store list` with --to",
                   store_dir, NJ_STORE_WORDS.HISTORY, history.count);
}

// What stood behind the generation we went back to is no longer before anything. Where this fails the history is only longer
// than it need be.
static void cut_history(const char *store_dir, const nj_store_name *name)
{
    nj_store_history history;
    nj_status status = nj_store_history_read(store_dir, &history, NULL);
    for (size_t i = status == NJ_OK ? history.count : 0; i-- > 0;) {
        if (is_same(&history.names[i], name)) {
            history.count = i;
            status = nj_store_history_write(store_dir, &history, NULL);
            break;
        }
    }
    (void)status;
}

nj_status nj_store_rollback(const char *store_dir, const char *name, uint32_t lock_wait_ms,
                            nj_error *err)
{
    nj_store_lock lock;
    nj_store_name checked;
    nj_store_manifest manifest;
    nj_status status = nj_store_resolve(store_dir, name, &checked, err);
    if (status == NJ_OK) {
        status = check_bytes(store_dir, &checked, err);
    }
    if (status == NJ_OK) {
        status = nj_store_lock_take(store_dir, "rollback", lock_wait_ms, &lock, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    status = nj_store_inspect(store_dir, &checked, &manifest, err);
    if (status == NJ_OK) {
        status = write_current(store_dir, &checked, err);
    }
    if (status == NJ_OK) {
        cut_history(store_dir, &checked);
    }
    nj_store_lock_release(&lock);
    return status;
}
