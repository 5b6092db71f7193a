#include "ops/cli/run_kept.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/bundle/bundle.h"
#include "common/store/generation.h"
#include "common/store/phase.h"

nj_status nj_run_bundle_digest(const char *path, nj_digest *out, nj_error *err)
{
    nj_bundle *bundle = NULL;
    nj_status status = nj_bundle_open(path, &bundle, err);
    if (status == NJ_OK) {
        *out = nj_sections_digest(nj_bundle_sections(bundle));
    }
    nj_bundle_close(&bundle);
    return status;
}

static bool is_bundle(const char *path, const nj_digest *wanted)
{
    nj_digest digest;
    nj_error unread;
    return nj_run_bundle_digest(path, &digest, &unread) == NJ_OK &&
           nj_digest_equal(&digest, wanted);
}

static bool read_current(const char *store, nj_digest *out)
{
    nj_store_name name;
    nj_store_manifest manifest;
    nj_error unread;
    if (nj_store_current(store, &name, &unread) != NJ_OK ||
        nj_store_inspect(store, &name, &manifest, &unread) != NJ_OK) {
        return false;
    }
    *out = manifest.facts.bundle_digest;
    return true;
}

// Which of the phase's files the bundle is.
static bool find_bundle(const char *store, const nj_digest *wanted, nj_path *out)
{
    static const char *const FILES[] = {NJ_RUN_BUNDLE_FILE, NJ_RUN_KEPT_FILE};
    nj_error unread;
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
        if (nj_phase_path(store, NJ_RUN_BUNDLE, FILES[i], out, &unread) == NJ_OK &&
            is_bundle(out->text, wanted)) {
            return true;
        }
    }
    return false;
}

void nj_run_keep_bundle(const char *store, const char *folder, const char *tonight)
{
    nj_digest current;
    nj_path from;
    nj_path to;
    nj_error err;
    if (!read_current(store, &current) || is_bundle(tonight, &current) ||
        !find_bundle(store, &current, &from) ||
        nj_path_join(folder, NJ_RUN_KEPT_FILE, &to, &err) != NJ_OK) {
        return;
    }
    if (link(from.text, to.text) != 0) {
        nj_log(NJ_LOG_WARNING,
               "%s: cannot be linked (%s): without the bundle of before, --since copies nobody",
               from.text, strerror(errno));
    }
}
