// keys.c - `nightjar keys`: a CURVE pair as two files.
#include <stdio.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/wire/keys.h"
#include "ops/cli/commands.h"

nj_status nj_command_keys(const nj_arguments *arguments, nj_error *err)
{
    const char *out = nj_argument(arguments, "out");
    const char *name = nj_argument(arguments, "name");
    nj_keypair pair;
    char public_path[NJ_PATH_BYTES];
    int length = snprintf(public_path, sizeof public_path, "%s.pub", out);
    if (length < 0 || (size_t)length >= sizeof public_path) {
        return nj_fail(err, NJ_USAGE, "--out is longer than %d bytes", NJ_PATH_BYTES - 5);
    }
    nj_status status = nj_keypair_make(&pair, err);
    if (status == NJ_OK) {
        status = nj_keypair_write(&pair, out, public_path, name != NULL ? name : "", err);
    }
    if (status == NJ_OK && nj_argument_flag(arguments, "json")) {
        json_t *object = json_pack("{s:s, s:s, s:s}", "public_key", pair.public_key, "secret_file",
                                   out, "public_file", public_path);
        status = nj_print_json_take(&object, err);
    } else if (status == NJ_OK) {
        printf("%s\n", pair.public_key);
    }
    if (status == NJ_OK) {
        nj_log(NJ_LOG_INFO,
               "secret key in %s (mode 600), public key in %s: a worker's line goes into the "
               "coordinator's --workers, a coordinator's into the workers' --server-key",
               out, public_path);
    }
    nj_keypair_wipe(&pair);
    return status;
}
