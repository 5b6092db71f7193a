#include "common/wire/server_keys.h"

#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/wire/keys.h"

static nj_status read_word(const char *word, size_t size, char out[NJ_KEY_TEXT_BYTES],
                           nj_error *err)
{
    char text[NJ_PATH_BYTES];
    if (size == 0 || size >= sizeof text) {
        return nj_fail(err, NJ_INPUT, "server key: a word of %zu bytes, must be 1 to %zu", size,
                       sizeof text - 1);
    }
    memcpy(text, word, size);
    text[size] = '\0';
    if (nj_key_valid(text)) {
        memcpy(out, text, NJ_KEY_TEXT_BYTES);
        return NJ_OK;
    }
    return nj_public_key_read(text, out, err);
}

static nj_status add_key(nj_server_keys *keys, const char *word, size_t size, nj_error *err)
{
    if (keys->count == NJ_SERVER_KEYS_MAX) {
        return nj_fail(err, NJ_INPUT, "more than %d server keys", NJ_SERVER_KEYS_MAX);
    }
    char *fresh = keys->keys[keys->count];
    nj_status status = read_word(word, size, fresh, err);
    for (size_t i = 0; i < keys->count && status == NJ_OK; i++) {
        if (strcmp(keys->keys[i], fresh) == 0) {
            status = nj_fail(err, NJ_INPUT, "server keys %zu and %zu are the same", i + 1,
                             keys->count + 1);
        }
    }
    keys->count += status == NJ_OK;
    return status;
}

nj_status nj_server_keys_read(const char *text, nj_server_keys *out, nj_error *err)
{
    nj_server_keys keys = {.count = 0};
    nj_status status = NJ_OK;
    const char *word = text;
    while (word != NULL && status == NJ_OK) {
        const char *comma = strchr(word, ',');
        size_t size = comma != NULL ? (size_t)(comma - word) : strlen(word);
        status = add_key(&keys, word, size, err);
        word = comma != NULL ? comma + 1 : NULL;
    }
    if (status == NJ_OK) {
        *out = keys;
    }
    return status;
}
