#include "common/store/origin.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mapped.h"
#include "common/codec/json.h"
#include "common/store/key.h"
#include "common/store/origin_file.h"
#include "common/store/schema.h"

static const nj_record_field HEAD_FIELDS[] = {
#define NJ_ORIGIN_HEAD(kind, name, max, meaning)                                                   \
    {#name, NJ_RECORD_##kind, offsetof(nj_origin_head, name), max},
#include "schemas/store.def"
};

static const nj_record_field RECORD_FIELDS[] = {
#define NJ_ORIGIN_FIELD(kind, name, max, meaning)                                                  \
    {#name, NJ_RECORD_##kind, offsetof(nj_origin_record, name), max},
#include "schemas/store.def"
};

const nj_record_table NJ_ORIGIN_HEAD_TABLE = {"origin", HEAD_FIELDS,
                                              sizeof HEAD_FIELDS / sizeof HEAD_FIELDS[0], 0};
const nj_record_table NJ_ORIGIN_RECORD_TABLE = {"origin record", RECORD_FIELDS,
                                                sizeof RECORD_FIELDS / sizeof RECORD_FIELDS[0], 0};

struct nj_origin {
    nj_mapped file; // all zero where the bytes are somebody else's
    nj_path path;   // names it in errors
    const char *bytes;
    size_t first; // of the records' lines
    size_t end;
    uint64_t records;
    json_t *head; // owned; what `night` points into
    nj_origin_night night;
};

const char *nj_origin_state_word(uint64_t state)
{
    static const struct {
        uint64_t number;
        const char *word;
    } STATES[] = {
#define NJ_STORED_STATE(name, number, meaning) {number, #name},
#include "schemas/store.def"
    };
    for (size_t i = 0; i < sizeof STATES / sizeof STATES[0]; i++) {
        if (STATES[i].number == state) {
            return STATES[i].word;
        }
    }
    return NULL;
}

// Whatever a part said of malformed bytes: what a night has packed was well-formed once.
static nj_status refuse(const nj_origin *origin, nj_status status, nj_error *err)
{
    if (status == NJ_NO_MEMORY) {
        return status;
    }
    nj_error_prefix(err, "%s", origin->path.text);
    if (err != NULL) {
        err->status = NJ_REFUSED;
    }
    return NJ_REFUSED;
}

// ---- the last line ----

// Sets where records end and how many there are, and compares the digest of all lines before the last.
static nj_status check_digest(nj_origin *origin, size_t size, nj_error *err)
{
    json_t *object = NULL;
    nj_json_keys keys;
    nj_digest said;
    size_t at = size > 0 ? size - 1 : 0; // of the last line's end
    if (size == 0 || origin->bytes[at] != '\n') {
        return nj_fail(err, NJ_REFUSED, "%s: does not end with a line's end", origin->path.text);
    }
    while (at > 0 && origin->bytes[at - 1] != '\n') {
        at--;
    }
    nj_status status = size - at <= NJ_ORIGIN_LINE_BYTES_MAX
                           ? nj_json_parse(origin->bytes + at, size - at, "last line", &object, err)
                           : nj_fail(err, NJ_REFUSED, "last line has %zu bytes, the limit is %u",
                                     size - at, NJ_ORIGIN_LINE_BYTES_MAX);
    if (status != NJ_OK) {
        return refuse(origin, status, err);
    }
    nj_json_keys_open(&keys, object, "last line", err);
    origin->records = (uint64_t)nj_json_int(&keys, "records", 0, NJ_ORIGIN_RECORDS_MAX);
    const char *hex = nj_json_text_or(&keys, "digest", "");
    const nj_digest is = nj_digest_of(origin->bytes, at);
    status = keys.status;
    if (status == NJ_OK && (!nj_digest_from_hex(hex, &said) || !nj_digest_equal(&is, &said))) {
        char digits[NJ_DIGEST_HEX_BYTES];
        nj_digest_hex(&is, digits);
        status =
            nj_fail(err, NJ_REFUSED, "its digest is %s, its last line says \"%.64s\"", digits, hex);
    }
    origin->end = at;
    json_decref(object);
    return status == NJ_OK ? NJ_OK : refuse(origin, status, err);
}

// ---- the first line ----

static const char *read_text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static nj_status read_sections(nj_origin *origin, nj_error *err)
{
    const json_t *list = json_object_get(origin->head, "sections");
    const size_t count = json_array_size(list);
    if (!json_is_array(list) || count > NJ_ORIGIN_SECTIONS_MAX) {
        return nj_fail(err, NJ_REFUSED, "\"sections\" has %zu entries, the limit is %u", count,
                       NJ_ORIGIN_SECTIONS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        nj_origin_section *section = &origin->night.sections[i];
        const json_t *entry = json_array_get(list, i);
        const char *hex = read_text(entry, "digest");
        const json_int_t bytes = json_integer_value(json_object_get(entry, "bytes"));
        section->name = read_text(entry, "name");
        section->bytes = (uint64_t)bytes;
        if (section->name == NULL || hex == NULL || bytes < 0 ||
            !nj_digest_from_hex(hex, &section->digest)) {
            return nj_fail(err, NJ_REFUSED, "\"sections\": entry %zu lacks name, bytes or digest",
                           i);
        }
    }
    origin->night.section_count = count;
    return NJ_OK;
}

static nj_status read_inputs(nj_origin *origin, nj_error *err)
{
    const json_t *list = json_object_get(origin->head, "inputs");
    const size_t count = json_array_size(list);
    if (!json_is_array(list) || count > NJ_ORIGIN_INPUTS_MAX) {
        return nj_fail(err, NJ_REFUSED, "\"inputs\" has %zu entries, the limit is %u", count,
                       NJ_ORIGIN_INPUTS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        nj_origin_input *input = &origin->night.inputs[i];
        const json_t *entry = json_array_get(list, i);
        input->option = read_text(entry, "option");
        input->value = read_text(entry, "value");
        if (input->option == NULL || input->value == NULL) {
            return nj_fail(err, NJ_REFUSED, "\"inputs\": entry %zu lacks option or value", i);
        }
    }
    origin->night.input_count = count;
    return NJ_OK;
}

static nj_status read_head(nj_origin *origin, nj_error *err)
{
    const char *end = memchr(origin->bytes, '\n', origin->end);
    const size_t size = end != NULL ? (size_t)(end - origin->bytes) + 1 : 0;
    if (size == 0 || size > NJ_ORIGIN_HEAD_BYTES_MAX) {
        nj_fail(err, NJ_REFUSED, "first line has %zu bytes, must have 1 to %u", size,
                NJ_ORIGIN_HEAD_BYTES_MAX);
        return refuse(origin, NJ_REFUSED, err);
    }
    origin->first = size;
    nj_status status = nj_json_parse(origin->bytes, size, "first line", &origin->head, err);
    if (status == NJ_OK) {
        const json_int_t version =
            json_integer_value(json_object_get(origin->head, "origin_version"));
        if (version > NJ_STORE_ORIGIN_VERSION) {
            return nj_fail(err, NJ_CONFIG,
                           "%s: is of version %" JSON_INTEGER_FORMAT ", this nightjar reads %d",
                           origin->path.text, version, NJ_STORE_ORIGIN_VERSION);
        }
        status = nj_record_from_json(&NJ_ORIGIN_HEAD_TABLE, origin->head, "first line",
                                     &origin->night.head, err);
    }
    if (status == NJ_OK) {
        status = read_sections(origin, err);
    }
    if (status == NJ_OK) {
        status = read_inputs(origin, err);
    }
    return status == NJ_OK ? NJ_OK : refuse(origin, status, err);
}

// ---- opening ----

static nj_status open_bytes(nj_origin *origin, nj_slice bytes, nj_error *err)
{
    origin->bytes = bytes.bytes;
    nj_status status = check_digest(origin, bytes.size, err);
    return status == NJ_OK ? read_head(origin, err) : status;
}

nj_status nj_store_origin_parse(nj_slice bytes, const char *what, nj_origin **out, nj_error *err)
{
    nj_origin *origin = calloc(1, sizeof *origin);
    if (origin == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory to open it", what);
    }
    nj_status status = nj_path_copy(what, &origin->path, err);
    if (status == NJ_OK) {
        status = open_bytes(origin, bytes, err);
    }
    if (status == NJ_OK) {
        *out = origin;
        origin = NULL;
    }
    nj_store_origin_close(&origin);
    return status;
}

nj_status nj_store_origin_open(const char *store_dir, const nj_store_name *name, nj_origin **out,
                               nj_error *err)
{
    nj_path path;
    nj_mapped file = {0};
    nj_status status = nj_store_path(store_dir, name, NJ_STORE_WORDS.ORIGIN, &path, err);
    if (status == NJ_OK) {
        status = nj_mapped_open(path.text, &file, err);
    }
    if (status == NJ_OK) {
        status = nj_store_origin_parse((nj_slice){(const char *)file.bytes, file.size}, path.text,
                                       out, err);
    }
    if (status == NJ_OK) {
        (*out)->file = file;
    } else {
        nj_mapped_close(&file);
    }
    return status;
}

void nj_store_origin_close(nj_origin **origin)
{
    if (*origin != NULL) {
        json_decref((*origin)->head);
        nj_mapped_close(&(*origin)->file);
        free(*origin);
        *origin = NULL;
    }
}

const nj_origin_night *nj_store_origin_night(const nj_origin *origin)
{
    return &origin->night;
}

const char *nj_store_origin_input(const nj_origin *origin, const char *option)
{
    for (size_t i = 0; i < origin->night.input_count; i++) {
        if (strcmp(origin->night.inputs[i].option, option) == 0) {
            return origin->night.inputs[i].value;
        }
    }
    return NULL;
}

// ---- records ----

// The line that begins at `at`; *out_next is where the next one does.
static nj_status read_record(const nj_origin *origin, size_t at, nj_origin_record *out,
                             size_t *out_next, nj_error *err)
{
    json_t *object = NULL;
    const size_t left = origin->end - at;
    const size_t most = left < NJ_ORIGIN_LINE_BYTES_MAX ? left : NJ_ORIGIN_LINE_BYTES_MAX;
    const char *end = memchr(origin->bytes + at, '\n', most);
    if (end == NULL) {
        nj_fail(err, NJ_REFUSED, "the line at byte %zu has more than %u bytes", at,
                NJ_ORIGIN_LINE_BYTES_MAX);
        return refuse(origin, NJ_REFUSED, err);
    }
    *out_next = (size_t)(end - origin->bytes) + 1;
    nj_status status = nj_json_parse(origin->bytes + at, *out_next - at, "record", &object, err);
    if (status == NJ_OK) {
        status = nj_record_from_json(&NJ_ORIGIN_RECORD_TABLE, object, "record", out, err);
    }
    json_decref(object);
    if (status == NJ_OK && (out->rows == 0 || nj_origin_state_word(out->state) == NULL)) {
        status = nj_fail(err, NJ_REFUSED, "record of \"%.64s\": %" PRIu64 " rows in state %" PRIu64,
                         out->user, out->rows, out->state);
    }
    if (status != NJ_OK) {
        nj_error_prefix(err, "line at byte %zu", at);
        return refuse(origin, status, err);
    }
    return NJ_OK;
}

nj_status nj_store_origin_find(const nj_origin *origin, nj_slice user, nj_origin_record *out,
                               nj_error *err)
{
    nj_store_key wanted;
    size_t low = origin->first; // lines before it begin at or before the user's
    size_t high = origin->end;  // lines from it on begin behind
    bool found = false;
    nj_status status = nj_store_key_pack(user, &wanted, err);
    while (status == NJ_OK && low < high) {
        nj_store_key key;
        nj_origin_record record;
        size_t at = low + (high - low) / 2;
        size_t next = 0;
        while (at > low && origin->bytes[at - 1] != '\n') {
            at--;
        }
        status = read_record(origin, at, &record, &next, err);
        if (status == NJ_OK) {
            status = nj_store_key_pack(nj_slice_from(record.user), &key, err);
            status = status == NJ_INPUT ? refuse(origin, status, err) : status;
        }
        if (status != NJ_OK) {
            break;
        }
        if (nj_slice_compare((nj_slice){(const char *)key.bytes, key.size},
                             (nj_slice){(const char *)wanted.bytes, wanted.size}) <= 0) {
            *out = record;
            found = true;
            low = next;
        } else {
            high = at;
        }
    }
    if (status == NJ_OK && !found) {
        status = nj_fail(err, NJ_NOT_FOUND, "%s: no record begins before user \"%.*s\"",
                         origin->path.text, NJ_SLICE_ARGS(user));
    }
    return status;
}

nj_status nj_store_origin_each(const nj_origin *origin, nj_origin_visit visit, void *context,
                               nj_error *err)
{
    nj_status status = NJ_OK;
    for (size_t at = origin->first; at < origin->end && status == NJ_OK;) {
        nj_origin_record record;
        status = read_record(origin, at, &record, &at, err);
        if (status == NJ_OK) {
            status = visit(context, &record, err);
        }
    }
    return status;
}

// ---- checking ----

typedef struct {
    const nj_origin *origin;
    nj_store_key before;
    uint64_t records;
    uint64_t rows;
} origin_sum;

static nj_status add_record(void *context, const nj_origin_record *record, nj_error *err)
{
    origin_sum *sum = context;
    nj_store_key key;
    nj_status status = nj_store_key_pack(nj_slice_from(record->user), &key, err);
    if (status == NJ_OK && sum->records > 0 &&
        nj_slice_compare((nj_slice){(const char *)sum->before.bytes, sum->before.size},
                         (nj_slice){(const char *)key.bytes, key.size}) >= 0) {
        status = nj_fail(err, NJ_REFUSED, "record %" PRIu64 " begins before the one in front of it",
                         sum->records);
    }
    sum->before = key;
    sum->records++;
    sum->rows += record->state == NJ_STORED_COMMITTED ? record->rows : 0;
    return status == NJ_OK ? NJ_OK : refuse(sum->origin, status, err);
}

// Rows that must stand in a record. There may be more: carried ones of the ledger, and those that were erased since.
static uint64_t count_decoded(const nj_store_facts *facts)
{
    const uint64_t taken = facts->copied_count + facts->carried_count;
    return taken < facts->row_count ? facts->row_count - taken : 0;
}

nj_status nj_store_origin_check(const char *store_dir, const nj_store_name *name,
                                const nj_store_facts *facts, nj_error *err)
{
    nj_origin *origin = NULL;
    origin_sum sum = {0};
    nj_status status = nj_store_origin_open(store_dir, name, &origin, err);
    if (status == NJ_NOT_FOUND) {
        return NJ_OK;
    }
    sum.origin = origin;
    if (status == NJ_OK) {
        status = nj_store_origin_each(origin, add_record, &sum, err);
    }
    if (status == NJ_OK && sum.records != origin->records) {
        nj_fail(err, NJ_REFUSED, "has %" PRIu64 " records, its last line says %" PRIu64,
                sum.records, origin->records);
        status = refuse(origin, NJ_REFUSED, err);
    }
    if (status == NJ_OK && sum.rows < count_decoded(facts)) {
        nj_fail(err, NJ_REFUSED,
                "its records have %" PRIu64 " rows, the manifest counts %" PRIu64 " decoded ones",
                sum.rows, count_decoded(facts));
        status = refuse(origin, NJ_REFUSED, err);
    }
    nj_store_origin_close(&origin);
    return status;
}
