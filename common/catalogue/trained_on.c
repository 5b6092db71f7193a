#include "common/catalogue/trained_on.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/catalogue/view.h"

nj_status nj_trained_on_read(const json_t *config, const char *what, nj_trained_on *out,
                             nj_error *err)
{
    const json_t *object = json_object_get(config, NJ_TRAINED_ON_KEY);
    nj_trained_on trained = {.stated = true};
    *out = (nj_trained_on){0};
    if (object == NULL || json_is_null(object)) {
        return NJ_OK;
    }
    if (!json_is_object(object)) {
        return nj_fail(err, NJ_INPUT, "%s: \"" NJ_TRAINED_ON_KEY "\" is not an object", what);
    }
    nj_json_keys keys;
    nj_json_keys_open(&keys, object, what, err);
    trained.items = (uint32_t)nj_json_int(&keys, "items", 1, NJ_IDLIST_COUNT_MAX);
    trained.has_token_base = nj_json_has(&keys, "token_base");
    trained.token_base = (uint32_t)nj_json_int_or(&keys, "token_base", 0, NJ_TOKEN_MAX, 0);
    trained.history_max = (uint32_t)nj_json_int_or(&keys, "history_max", 1, NJ_HISTORY_MAX, 0);
    trained.has_template = nj_json_has(&keys, "template");
    const char *hex = nj_json_text_or(&keys, "sids", "");
    if (keys.status == NJ_OK && !nj_digest_from_hex(hex, &trained.sids)) {
        return nj_fail(err, NJ_INPUT,
                       "%s: \"" NJ_TRAINED_ON_KEY "\": \"sids\" is not 64 hexadecimal digits",
                       what);
    }
    nj_status status = keys.status;
    if (status == NJ_OK) {
        status =
            nj_template_read(json_object_get(object, "template"), what, &trained.template, err);
    }
    if (status == NJ_OK) {
        *out = trained;
    }
    return status;
}

nj_status nj_trained_on_check(const nj_trained_on *trained, const char *model,
                              const nj_catalogue *catalogue, const char *path, nj_error *err)
{
    char known[NJ_DIGEST_HEX_BYTES];
    char found[NJ_DIGEST_HEX_BYTES];
    if (!trained->stated) {
        return NJ_OK;
    }
    if (trained->items > catalogue->sids.row_count) {
        return nj_fail(err, NJ_REFUSED,
                       "%s was trained on a catalogue of %" PRIu32 " items, %s has %" PRIu32
                       ": give the one it was trained on, or one refreshed from it",
                       model, trained->items, path, catalogue->sids.row_count);
    }
    const nj_digest digest = nj_catalogue_map_digest(catalogue, trained->items);
    if (!nj_digest_equal(&digest, &trained->sids)) {
        nj_digest_hex(&trained->sids, known);
        nj_digest_hex(&digest, found);
        return nj_fail(
            err, NJ_REFUSED,
            "%s was trained on the SIDs %s, the first %" PRIu32
            " items of %s have the SIDs %s: give the catalogue it was trained on, or one "
            "refreshed from it",
            model, known, trained->items, path, found);
    }
    if (trained->has_token_base && trained->token_base != catalogue->token_base) {
        return nj_fail(err, NJ_REFUSED,
                       "%s was trained with tokens from %" PRIu32 ", those of %s begin at %" PRIu32,
                       model, trained->token_base, path, catalogue->token_base);
    }
    return NJ_OK;
}

void nj_trained_on_write(const nj_catalogue *catalogue, char out[NJ_TRAINED_ON_BYTES])
{
    char hex[NJ_DIGEST_HEX_BYTES];
    const uint32_t N = catalogue->sids.row_count;
    const nj_digest digest = nj_catalogue_map_digest(catalogue, N);
    nj_digest_hex(&digest, hex);
    snprintf(out, NJ_TRAINED_ON_BYTES,
             "{\"sids\": \"%s\", \"items\": %" PRIu32 ", \"token_base\": %" PRIu32 "}", hex, N,
             catalogue->token_base);
}
