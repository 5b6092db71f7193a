#include "common/store/record.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/id.h"
#include "common/codec/json.h"
#include "common/codec/pack.h"

// Fields and room for what later versions append.
#define ELEMENTS_MAX 256

static const void *peek_member(const void *record, const nj_record_field *field)
{
    return (const uint8_t *)record + field->offset;
}

static uint64_t read_uint(const void *record, const nj_record_field *field)
{
    uint64_t value;
    memcpy(&value, peek_member(record, field), sizeof value);
    return value;
}

static const char *find_problem(const nj_record_field *field, const void *record)
{
    switch (field->kind) {
    case NJ_RECORD_UINT:
        return read_uint(record, field) > field->max ? "is over its limit" : NULL;
    case NJ_RECORD_TEXT: {
        const char *text = peek_member(record, field);
        size_t size = strnlen(text, field->max + 1);
        return size > field->max            ? "is longer than its limit"
               : !nj_utf8_valid(text, size) ? "is not UTF-8"
                                            : NULL;
    }
    case NJ_RECORD_DIGEST:
        break;
    }
    return NULL;
}

nj_status nj_record_pack(const nj_record_table *table, const void *record, nj_buffer *out,
                         nj_error *err)
{
    nj_packer packer;
    nj_packer_init(&packer, out);
    nj_pack_array(&packer, table->count);
    for (size_t i = 0; i < table->count; i++) {
        const nj_record_field *field = &table->fields[i];
        const char *problem = find_problem(field, record);
        if (problem != NULL) {
            return nj_fail(err, NJ_INPUT, "%s: %s %s (%" PRIu64 ")", table->what, field->name,
                           problem, field->max);
        }
        switch (field->kind) {
        case NJ_RECORD_UINT:
            nj_pack_uint(&packer, read_uint(record, field));
            break;
        case NJ_RECORD_TEXT:
            nj_pack_str(&packer, nj_slice_from(peek_member(record, field)));
            break;
        case NJ_RECORD_DIGEST:
            nj_pack_bin(&packer, peek_member(record, field), NJ_DIGEST_BYTES);
            break;
        }
    }
    return packer.status == NJ_OK ? NJ_OK
                                  : nj_fail(err, packer.status, "%s: no memory", table->what);
}

static size_t get_size(const nj_record_field *field)
{
    return field->kind == NJ_RECORD_UINT   ? sizeof(uint64_t)
           : field->kind == NJ_RECORD_TEXT ? field->max + 1
                                           : sizeof(nj_digest);
}

// Those from number `first` on.
static void clear_fields(const nj_record_table *table, size_t first, void *record)
{
    for (size_t i = first; i < table->count; i++) {
        memset((uint8_t *)record + table->fields[i].offset, 0, get_size(&table->fields[i]));
    }
}

static void read_field(nj_fields *fields, const nj_record_field *field, void *record)
{
    void *member = (uint8_t *)record + field->offset;
    switch (field->kind) {
    case NJ_RECORD_UINT: {
        uint64_t value = nj_field_uint(fields, field->name, field->max);
        memcpy(member, &value, sizeof value);
        break;
    }
    case NJ_RECORD_TEXT: {
        nj_slice text = nj_field_str(fields, field->name, field->max);
        memcpy(member, text.bytes, text.size);
        ((char *)member)[text.size] = '\0';
        break;
    }
    case NJ_RECORD_DIGEST:
        nj_field_bytes(fields, field->name, member, NJ_DIGEST_BYTES);
        break;
    }
}

nj_status nj_record_unpack(const nj_record_table *table, nj_slice bytes, void *out_record,
                           nj_error *err)
{
    nj_unpacked unpacked;
    nj_fields fields;
    nj_status status = nj_unpack(bytes, ELEMENTS_MAX, &unpacked, err);
    if (status == NJ_OK) {
        nj_fields_open(&fields, &unpacked.root, table->what, table->count - table->later, err);
        const size_t count =
            fields.count < table->count && fields.status == NJ_OK ? fields.count : table->count;
        for (size_t i = 0; i < count; i++) {
            read_field(&fields, &table->fields[i], out_record);
        }
        clear_fields(table, count, out_record);
        status = fields.status;
        nj_unpacked_fini(&unpacked);
    }
    if (status == NJ_PROTOCOL) {
        if (err != NULL) {
            err->status = NJ_INPUT;
        }
        status = NJ_INPUT;
    }
    return status;
}

nj_status nj_record_to_json(const nj_record_table *table, const void *record, json_t *object,
                            nj_error *err)
{
    for (size_t i = 0; i < table->count; i++) {
        const nj_record_field *field = &table->fields[i];
        json_t *value = NULL;
        switch (field->kind) {
        case NJ_RECORD_UINT:
            value = json_integer((json_int_t)read_uint(record, field));
            break;
        case NJ_RECORD_TEXT:
            value = json_string(peek_member(record, field));
            break;
        case NJ_RECORD_DIGEST: {
            char hex[NJ_DIGEST_HEX_BYTES];
            nj_digest_hex(peek_member(record, field), hex);
            value = json_string(hex);
            break;
        }
        }
        if (json_object_set_new(object, field->name, value) != 0) {
            return nj_fail(err, NJ_NO_MEMORY, "%s: no memory for \"%s\"", table->what, field->name);
        }
    }
    return NJ_OK;
}

static nj_status read_json_text(nj_json_keys *keys, const nj_record_field *field, void *member)
{
    const char *text = nj_json_text_or(keys, field->name, NULL);
    if (keys->status != NJ_OK) {
        return keys->status;
    }
    if (text == NULL) {
        return nj_fail(keys->err, NJ_INPUT, "%s: \"%s\" is missing", keys->what, field->name);
    }
    if (field->kind == NJ_RECORD_DIGEST) {
        nj_digest digest;
        if (!nj_digest_from_hex(text, &digest)) {
            return nj_fail(keys->err, NJ_INPUT, "%s: \"%s\" is not %d hexadecimal digits",
                           keys->what, field->name, 2 * NJ_DIGEST_BYTES);
        }
        memcpy(member, &digest, sizeof digest);
        return NJ_OK;
    }
    size_t size = strlen(text);
    if (size > field->max) {
        return nj_fail(keys->err, NJ_INPUT, "%s: \"%s\" has %zu bytes, the limit is %" PRIu64,
                       keys->what, field->name, size, field->max);
    }
    memcpy(member, text, size + 1);
    return NJ_OK;
}

// Up to the last of the later ones that is there.
static size_t count_fields(const nj_record_table *table, const json_t *object)
{
    size_t count = table->count;
    while (count > table->count - table->later &&
           json_object_get(object, table->fields[count - 1].name) == NULL) {
        count--;
    }
    return count;
}

nj_status nj_record_from_json(const nj_record_table *table, const json_t *object, const char *what,
                              void *out_record, nj_error *err)
{
    nj_json_keys keys;
    nj_json_keys_open(&keys, object, what, err);
    nj_status status = keys.status;
    const size_t count = status == NJ_OK ? count_fields(table, object) : 0;
    for (size_t i = 0; i < count && status == NJ_OK; i++) {
        const nj_record_field *field = &table->fields[i];
        void *member = (uint8_t *)out_record + field->offset;
        if (field->kind == NJ_RECORD_UINT) {
            uint64_t value = (uint64_t)nj_json_int(&keys, field->name, 0, (int64_t)field->max);
            memcpy(member, &value, sizeof value);
            status = keys.status;
        } else {
            status = read_json_text(&keys, field, member);
        }
    }
    clear_fields(table, count, out_record);
    return status;
}

const char *nj_record_difference(const nj_record_table *table, const void *a, const void *b)
{
    for (size_t i = 0; i < table->count; i++) {
        const nj_record_field *field = &table->fields[i];
        const void *left = peek_member(a, field);
        const void *right = peek_member(b, field);
        bool same = false;
        switch (field->kind) {
        case NJ_RECORD_UINT:
            same = memcmp(left, right, sizeof(uint64_t)) == 0;
            break;
        case NJ_RECORD_TEXT:
            same = strcmp(left, right) == 0;
            break;
        case NJ_RECORD_DIGEST:
            same = nj_digest_equal(left, right);
            break;
        }
        if (!same) {
            return field->name;
        }
    }
    return NULL;
}
