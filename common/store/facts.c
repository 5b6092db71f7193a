#include "common/store/facts.h"

#include <stdlib.h>

#include "common/base/file.h"
#include "common/codec/json.h"

static const nj_record_field FACT_FIELDS[] = {
#define NJ_STORE_FACT(kind, name, max, meaning)                                                    \
    {#name, NJ_RECORD_##kind, offsetof(nj_store_facts, name), max},
#include "schemas/store.def"
};

static const nj_record_field SEAL_FIELDS[] = {
#define NJ_STORE_SEAL(kind, name, max, meaning)                                                    \
    {#name, NJ_RECORD_##kind, offsetof(nj_store_manifest, name), max},
#include "schemas/store.def"
};

enum {
    LATER_FACTS = 0
#define NJ_STORE_FACT_LATER(kind, name, max, meaning) +1
#include "schemas/store.def"
};

static const nj_record_table FACTS = {"store facts", FACT_FIELDS,
                                      sizeof FACT_FIELDS / sizeof FACT_FIELDS[0], LATER_FACTS};
static const nj_record_table SEALS = {"store manifest", SEAL_FIELDS,
                                      sizeof SEAL_FIELDS / sizeof SEAL_FIELDS[0], 0};

nj_status nj_store_facts_pack(const nj_store_facts *facts, nj_buffer *out, nj_error *err)
{
    return nj_record_pack(&FACTS, facts, out, err);
}

nj_status nj_store_facts_unpack(nj_slice bytes, nj_store_facts *out, nj_error *err)
{
    return nj_record_unpack(&FACTS, bytes, out, err);
}

const char *nj_store_facts_difference(const nj_store_facts *a, const nj_store_facts *b)
{
    return nj_record_difference(&FACTS, a, b);
}

nj_status nj_store_manifest_to_json(const nj_store_manifest *manifest, json_t *object,
                                    nj_error *err)
{
    nj_status status = nj_record_to_json(&FACTS, &manifest->facts, object, err);
    return status != NJ_OK ? status : nj_record_to_json(&SEALS, manifest, object, err);
}

nj_status nj_store_manifest_write(const char *path, const nj_store_manifest *manifest,
                                  nj_error *err)
{
    nj_buffer file;
    nj_buffer_init(&file, NJ_STORE_MANIFEST_BYTES_MAX);
    char *text = NULL;
    json_t *object = json_object();
    nj_status status = object != NULL ? nj_store_manifest_to_json(manifest, object, err)
                                      : nj_fail(err, NJ_NO_MEMORY, "%s: no memory", path);
    if (status == NJ_OK) {
        text = json_dumps(object, JSON_INDENT(2));
        status = text != NULL ? nj_buffer_printf(&file, "%s\n", text) : NJ_NO_MEMORY;
        status = status != NJ_OK ? nj_fail(err, status, "%s: no memory", path)
                                 : nj_file_write(path, file.bytes, file.size, err);
    }
    free(text);
    json_decref(object);
    nj_buffer_fini(&file);
    return status;
}

nj_status nj_store_manifest_read(const char *path, nj_store_manifest *out, nj_error *err)
{
    json_t *object = NULL;
    nj_status status = nj_json_load(path, NJ_STORE_MANIFEST_BYTES_MAX, &object, err);
    if (status == NJ_OK) {
        status = nj_record_from_json(&FACTS, object, path, &out->facts, err);
    }
    if (status == NJ_OK) {
        status = nj_record_from_json(&SEALS, object, path, out, err);
    }
    json_decref(object);
    return status;
}
