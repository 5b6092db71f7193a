// verify.c - a generation read back whole.
#include "common/store/publish.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/base/failpoint.h"
#include "common/codec/row.h"
#include "common/store/beside.h"
#include "common/store/channel.h"
#include "common/store/data_digest.h"
#include "common/store/reader.h"
#include "common/store/schema.h"

typedef struct {
    uint64_t rows;
    nj_digester content;
    nj_row row; // scratch
} verification;

static nj_status verify_row(void *context, nj_slice key, nj_slice value, nj_error *err)
{
    verification *seen = context;
    char digits[NJ_STORE_DIGITS_BYTES];
    nj_slice user;
    nj_status status = nj_row_check(value, &seen->row, err);
    if (status != NJ_OK) {
        if (nj_store_key_unpack(key, digits, &user, NULL) == NJ_OK) {
            nj_error_prefix(err, "user \"%.*s\"", NJ_SLICE_ARGS(user));
        }
        return status;
    }
    seen->rows++;
    nj_digester_update_sized(&seen->content, key.bytes, key.size);
    nj_digester_update_sized(&seen->content, value.bytes, value.size);
    return NJ_OK;
}

static nj_status compare_content(nj_store_reader *reader, verification *seen, nj_error *err)
{
    const nj_store_facts *facts = &nj_store_reader_manifest(reader)->facts;
    const char *name = nj_store_reader_name(reader)->text;
    nj_store_facts inside;
    nj_status status = nj_store_reader_facts(reader, &inside, err);
    if (status != NJ_OK) {
        return status;
    }
    const char *difference = nj_store_facts_difference(&inside, facts);
    if (difference != NULL) {
        return nj_fail(err, NJ_REFUSED, "%s: manifest and __meta__ differ in \"%s\"", name,
                       difference);
    }
    if (seen->rows != facts->row_count) {
        return nj_fail(err, NJ_REFUSED, "%s: has %" PRIu64 " rows, the manifest says %" PRIu64,
                       name, seen->rows, facts->row_count);
    }
    nj_digest content = nj_digester_final(&seen->content);
    if (!nj_digest_equal(&content, &facts->content_digest)) {
        return nj_fail(err, NJ_REFUSED, "%s: its rows are not those the manifest names", name);
    }
    return NJ_OK;
}

static nj_status verify_content(const char *store_dir, const nj_store_name *name, nj_error *err)
{
    nj_store_reader *reader = NULL;
    verification *seen = malloc(sizeof *seen);
    if (seen == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory to verify it", name->text);
    }
    seen->rows = 0;
    nj_digester_init(&seen->content);
    nj_status status = nj_store_reader_open(store_dir, name->text, &reader, err);
    if (status == NJ_OK) {
        status = nj_store_each_entry(reader, verify_row, seen, err);
    }
    if (status == NJ_OK) {
        status = compare_content(reader, seen, err);
    }
    nj_store_reader_close(&reader);
    free(seen);
    return status;
}

nj_status nj_store_check_data(const char *store_dir, const nj_store_name *name,
                              const nj_store_manifest *manifest, nj_error *err)
{
    nj_path path;
    nj_digest digest;
    nj_status status = nj_store_path(store_dir, name, NJ_STORE_WORDS.DATA, &path, err);
    if (status == NJ_OK) {
        status = manifest->facts.schema_version == NJ_STORE_SCHEMA_OLDEST
                     ? nj_data_digest_plain(path.text, manifest->data_bytes, &digest, err)
                     : nj_data_digest_blocks(path.text, manifest->data_bytes, &digest, err);
    }
    if (status == NJ_OK && !nj_digest_equal(&digest, &manifest->data_digest)) {
        char is[NJ_DIGEST_HEX_BYTES];
        char says[NJ_DIGEST_HEX_BYTES];
        nj_digest_hex(&digest, is);
        nj_digest_hex(&manifest->data_digest, says);
        status = nj_fail(err, NJ_REFUSED, "%s: its digest is %s, the manifest says %s", path.text,
                         is, says);
    }
    return status;
}

nj_status nj_store_verify(const char *store_dir, const char *name, nj_store_manifest *out_manifest,
                          nj_error *err)
{
    nj_store_name checked;
    nj_store_manifest manifest;
    nj_status status = NJ_FAILPOINT_STEP(VERIFY_BEGUN, err);
    if (status == NJ_OK) {
        status = nj_store_channel_resolve(store_dir, name, &checked, err);
    }
    if (status == NJ_OK) {
        status = nj_store_inspect(store_dir, &checked, &manifest, err);
    }
    if (status == NJ_OK) {
        status = nj_store_check_data(store_dir, &checked, &manifest, err);
        if (status == NJ_OK) {
            status = verify_content(store_dir, &checked, err);
        }
        if (status == NJ_OK) {
            status = nj_beside_check(store_dir, &checked, &manifest.facts, err);
        }
        if (status == NJ_INPUT) { // a row or key that is malformed although its bytes are as packed
            if (err != NULL) {
                err->status = NJ_REFUSED;
            }
            status = NJ_REFUSED;
        }
    }
    if (status == NJ_OK) {
        status = NJ_FAILPOINT_STEP(VERIFY_DONE, err);
    }
    if (status == NJ_OK && out_manifest != NULL) {
        *out_manifest = manifest;
    }
    return status;
}
