// fuzz_keys.c - any bytes as a file of keys: the first byte says which (allow-list, public key, secret key).
#include <sys/stat.h>

#include "common/base/id.h"
#include "common/wire/keys.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/memfile.h"

static nj_status read_list(const char *path)
{
    nj_allowlist list;
    nj_error err;
    nj_status status = nj_allowlist_read(path, &list, &err);
    if (status != NJ_OK) {
        return status;
    }
    for (size_t i = 0; i < list.count; i++) {
        const nj_allowed *allowed = &list.keys[i];
        fuzz_check(nj_key_valid(allowed->key), "keys are valid");
        fuzz_check(nj_allowlist_find(&list, allowed->key) == allowed, "a key is found");
        fuzz_check(allowed->name[0] == '\0' || nj_id_problem(nj_slice_from(allowed->name)) == NULL,
                   "names are valid");
    }
    nj_allowlist_fini(&list);
    return NJ_OK;
}

static nj_status read_pair(const char *path)
{
    nj_keypair pair;
    nj_error err;
    fuzz_check(chmod(path, 0600) == 0, "the mode of a memory file can be set");
    nj_status status = nj_keypair_read(path, &pair, &err);
    if (status == NJ_OK) {
        fuzz_check(nj_key_valid(pair.public_key) && nj_key_valid(pair.secret_key),
                   "both keys of a pair are valid");
    }
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char key[NJ_KEY_TEXT_BYTES];
    nj_error err;
    if (size == 0) {
        return 0;
    }
    const char *path = memfile_write(data + 1, size - 1);
    nj_status status = data[0] % 3 == 0   ? read_list(path)
                       : data[0] % 3 == 1 ? nj_public_key_read(path, key, &err)
                                          : read_pair(path);
    fuzz_check(status == NJ_OK || status == NJ_INPUT, "a file of keys is accepted or malformed");
    return 0;
}
