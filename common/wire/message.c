#include "common/wire/message.h"

#include <inttypes.h>

#include "common/base/id.h"
#include "common/codec/pack.h"

// Protocol version and message number stand before the fields.
#define HEAD_FIELDS 2
// The largest message is a WELCOME: its fields, and for each section an array and its three values; twice that leaves
// room for fields of later versions.
#define ELEMENTS_MAX (2 * (HEAD_FIELDS + 16 + 4 * NJ_WIRE_SECTIONS_MAX))
#define SECTION_FIELDS 3
#define LEASE_FIELDS 2

// How many fields each message has: FIELD_COUNT_HELLO and so on.
// clang-format off
#define NJ_MESSAGE(NAME, name, number, sender, meaning) enum { FIELD_COUNT_##NAME = 0
#define NJ_FIELD(kind, field, limit, meaning) +1
#define NJ_MESSAGE_END(NAME, name) };
#include "schemas/wire.def"
// clang-format on

typedef struct {
    const char *name; // NULL: no message has this number
    nj_side sender;
} known_message;

static const known_message KNOWN[] = {
#define NJ_MESSAGE(NAME, name, number, sender, meaning) [number] = {#NAME, NJ_SIDE_##sender},
#include "schemas/wire.def"
};
#define KNOWN_COUNT (sizeof KNOWN / sizeof KNOWN[0])

const char *nj_message_name(nj_message_kind kind)
{
    bool known = (size_t)kind < KNOWN_COUNT && KNOWN[kind].name != NULL;
    return known ? KNOWN[kind].name : "?";
}

// ---- packing: the first field over its limit sticks ----

typedef struct {
    nj_packer packer;
    const char *what;
    nj_error *err;
    nj_status status;
} writer;

static void check_limit(writer *to, const char *field, uint64_t value, uint64_t limit)
{
    if (value > limit && to->status == NJ_OK) {
        to->status = nj_fail(to->err, NJ_INPUT, "%s: %s is %" PRIu64 ", the limit is %" PRIu64,
                             to->what, field, value, limit);
    }
}

static void write_u32(writer *to, const char *field, uint32_t value, uint32_t limit)
{
    check_limit(to, field, value, limit);
    nj_pack_uint(&to->packer, value);
}

static void write_u64(writer *to, const char *field, uint64_t value, uint64_t limit)
{
    check_limit(to, field, value, limit);
    nj_pack_uint(&to->packer, value);
}

static void write_text(writer *to, const char *field, nj_slice text, size_t limit)
{
    check_limit(to, field, text.size, limit);
    if (to->status == NJ_OK && !nj_utf8_valid(text.bytes, text.size)) {
        to->status = nj_fail(to->err, NJ_INPUT, "%s: %s is not UTF-8", to->what, field);
    }
    nj_pack_str(&to->packer, text);
}

static void write_blob(writer *to, const char *field, nj_slice bytes, size_t limit)
{
    check_limit(to, field, bytes.size, limit);
    if (to->status == NJ_OK) {
        nj_pack_bin(&to->packer, bytes.bytes, bytes.size);
    }
}

// An array's count is checked before any element is looked at.
static uint32_t write_count(writer *to, const char *field, uint32_t count, uint32_t limit)
{
    check_limit(to, field, count, limit);
    nj_pack_array(&to->packer, count);
    return to->status == NJ_OK ? count : 0;
}

static void write_texts(writer *to, const char *field, const nj_slice *texts, uint32_t count,
                        uint32_t limit)
{
    uint32_t safe_count = write_count(to, field, count, limit);
    for (uint32_t i = 0; i < safe_count; i++) {
        write_text(to, field, texts[i], NJ_WIRE_CLASS_BYTES_MAX);
    }
}

static void write_sections(writer *to, const char *field, const nj_wire_section *sections,
                           uint32_t count, uint32_t limit)
{
    uint32_t safe_count = write_count(to, field, count, limit);
    for (uint32_t i = 0; i < safe_count; i++) {
        nj_pack_array(&to->packer, SECTION_FIELDS);
        write_text(to, field, sections[i].name, NJ_WIRE_SECTION_NAME_BYTES_MAX);
        nj_pack_uint(&to->packer, sections[i].size);
        nj_pack_bin(&to->packer, sections[i].digest.bytes, NJ_DIGEST_BYTES);
    }
}

static void write_leases(writer *to, const char *field, const nj_wire_lease *leases, uint32_t count,
                         uint32_t limit)
{
    uint32_t safe_count = write_count(to, field, count, limit);
    for (uint32_t i = 0; i < safe_count; i++) {
        nj_pack_array(&to->packer, LEASE_FIELDS);
        write_u32(to, field, leases[i].shard, NJ_WIRE_SHARD_MAX);
        nj_pack_uint(&to->packer, leases[i].attempt);
    }
}

#define WRITE_U32(field, limit) write_u32(to, #field, from->field, limit);
#define WRITE_LATER(field, limit) write_u32(to, #field, from->field, limit);
#define WRITE_U64(field, limit) write_u64(to, #field, from->field, limit);
#define WRITE_TEXT(field, limit) write_text(to, #field, from->field, limit);
#define WRITE_BLOB(field, limit) write_blob(to, #field, from->field, limit);
#define WRITE_DIGEST(field, limit) nj_pack_bin(&to->packer, from->field.bytes, NJ_DIGEST_BYTES);
#define WRITE_INSTANCE(field, limit)                                                               \
    nj_pack_bin(&to->packer, from->field.bytes, NJ_WIRE_INSTANCE_BYTES);
#define WRITE_TEXTS(field, limit) write_texts(to, #field, from->field, from->field##_count, limit);
#define WRITE_SECTIONS(field, limit)                                                               \
    write_sections(to, #field, from->field, from->field##_count, limit);
#define WRITE_LEASES(field, limit)                                                                 \
    write_leases(to, #field, from->field, from->field##_count, limit);

// clang-format off
#define NJ_MESSAGE(NAME, name, number, sender, meaning)                                            \
    static void write_##name(writer *to, const nj_message_##name *from)                            \
    {                                                                                              \
        nj_pack_array(&to->packer, HEAD_FIELDS + FIELD_COUNT_##NAME);                              \
        nj_pack_uint(&to->packer, NJ_WIRE_VERSION);                                                \
        nj_pack_uint(&to->packer, number);
#define NJ_FIELD(kind, field, limit, meaning) WRITE_##kind(field, limit)
#define NJ_MESSAGE_END(NAME, name) }
#include "schemas/wire.def"
// clang-format on

nj_status nj_message_pack(const nj_message *message, nj_buffer *out, nj_error *err)
{
    writer to = {.what = nj_message_name(message->kind), .err = err, .status = NJ_OK};
    size_t size_before = out->size;
    nj_packer_init(&to.packer, out);
    switch (message->kind) {
#define NJ_MESSAGE(NAME, name, number, sender, meaning)                                            \
    case NJ_MESSAGE_##NAME:                                                                        \
        write_##name(&to, &message->name);                                                         \
        break;
#include "schemas/wire.def"
    }
    if (to.status == NJ_OK && to.packer.status != NJ_OK) {
        to.status = nj_fail(err, to.packer.status, "%s: no room to pack it", to.what);
    }
    if (to.status != NJ_OK) {
        out->size = size_before;
    }
    return to.status;
}

// ---- unpacking ----

static void read_texts(nj_fields *fields, const char *field, uint32_t limit, nj_slice *out,
                       uint32_t *out_count)
{
    const msgpack_object_array *array = nj_field_array(fields, field, limit);
    *out_count = 0;
    if (array == NULL) {
        return;
    }
    nj_fields texts = {.fields = array->ptr,
                       .count = array->size,
                       .what = fields->what,
                       .err = fields->err,
                       .status = NJ_OK};
    for (uint32_t i = 0; i < array->size; i++) {
        out[i] = nj_field_str(&texts, field, NJ_WIRE_CLASS_BYTES_MAX);
    }
    *out_count = array->size;
    fields->status = texts.status;
}

static void read_sections(nj_fields *fields, const char *field, uint32_t limit,
                          nj_wire_section *out, uint32_t *out_count)
{
    const msgpack_object_array *array = nj_field_array(fields, field, limit);
    *out_count = 0;
    for (uint32_t i = 0; array != NULL && i < array->size && fields->status == NJ_OK; i++) {
        nj_fields section;
        nj_fields_open(&section, &array->ptr[i], "WELCOME section", SECTION_FIELDS, fields->err);
        out[i].name = nj_field_str(&section, "name", NJ_WIRE_SECTION_NAME_BYTES_MAX);
        out[i].size = nj_field_uint(&section, "size", UINT64_MAX);
        nj_field_bytes(&section, "digest", out[i].digest.bytes, NJ_DIGEST_BYTES);
        fields->status = section.status;
        *out_count = i + 1;
    }
}

static void read_leases(nj_fields *fields, const char *field, uint32_t limit, nj_wire_lease *out,
                        uint32_t *out_count)
{
    const msgpack_object_array *array = nj_field_array(fields, field, limit);
    *out_count = 0;
    for (uint32_t i = 0; array != NULL && i < array->size && fields->status == NJ_OK; i++) {
        nj_fields lease;
        nj_fields_open(&lease, &array->ptr[i], "HEARTBEAT lease", LEASE_FIELDS, fields->err);
        out[i].shard = (uint32_t)nj_field_uint(&lease, "shard", NJ_WIRE_SHARD_MAX);
        out[i].attempt = (uint32_t)nj_field_uint(&lease, "attempt", UINT32_MAX);
        fields->status = lease.status;
        *out_count = i + 1;
    }
}

static uint32_t read_later(nj_fields *fields, const char *field, uint32_t limit)
{
    const bool is_there = fields->status == NJ_OK && fields->next < fields->count;
    return is_there ? (uint32_t)nj_field_uint(fields, field, limit) : 0;
}

#define READ_U32(field, limit) to->field = (uint32_t)nj_field_uint(from, #field, limit);
#define READ_LATER(field, limit) to->field = read_later(from, #field, limit);
#define READ_U64(field, limit) to->field = nj_field_uint(from, #field, limit);
#define READ_TEXT(field, limit) to->field = nj_field_str(from, #field, limit);
#define READ_BLOB(field, limit) to->field = nj_field_bin(from, #field, limit);
#define READ_DIGEST(field, limit) nj_field_bytes(from, #field, to->field.bytes, NJ_DIGEST_BYTES);
#define READ_INSTANCE(field, limit)                                                                \
    nj_field_bytes(from, #field, to->field.bytes, NJ_WIRE_INSTANCE_BYTES);
#define READ_TEXTS(field, limit) read_texts(from, #field, limit, to->field, &to->field##_count);
#define READ_SECTIONS(field, limit)                                                                \
    read_sections(from, #field, limit, to->field, &to->field##_count);
#define READ_LEASES(field, limit) read_leases(from, #field, limit, to->field, &to->field##_count);

// clang-format off
#define NJ_MESSAGE(NAME, name, number, sender, meaning)                                            \
    static void read_##name(nj_fields *from, nj_message_##name *to)                                \
    {
#define NJ_FIELD(kind, field, limit, meaning) READ_##kind(field, limit)
#define NJ_MESSAGE_END(NAME, name) }
#include "schemas/wire.def"
// clang-format on

static nj_status check_sender(uint64_t number, nj_side sender, nj_error *err)
{
    if (number >= KNOWN_COUNT || KNOWN[number].name == NULL) {
        return nj_fail(err, NJ_PROTOCOL, "no message has the number %" PRIu64, number);
    }
    if (KNOWN[number].sender != sender) {
        return nj_fail(err, NJ_PROTOCOL, "%s came from a %s", KNOWN[number].name,
                       sender == NJ_SIDE_WORKER ? "worker" : "coordinator");
    }
    return NJ_OK;
}

static nj_status read_message(const msgpack_object *root, nj_side sender, nj_message *out,
                              nj_error *err)
{
    nj_fields fields;
    nj_fields_open(&fields, root, "message", HEAD_FIELDS, err);
    uint64_t version = nj_field_uint(&fields, "protocol version", UINT64_MAX);
    if (fields.status == NJ_OK && version != NJ_WIRE_VERSION) {
        return nj_fail(err, NJ_PROTOCOL,
                       "the peer speaks protocol version %" PRIu64 ", this program speaks %d",
                       version, NJ_WIRE_VERSION);
    }
    uint64_t number = nj_field_uint(&fields, "number", UINT32_MAX);
    if (fields.status != NJ_OK) {
        return fields.status;
    }
    nj_status status = check_sender(number, sender, err);
    if (status != NJ_OK) {
        return status;
    }
    out->kind = (nj_message_kind)number;
    fields.what = KNOWN[number].name;
    switch (out->kind) {
#define NJ_MESSAGE(NAME, name, number, side, meaning)                                              \
    case NJ_MESSAGE_##NAME:                                                                        \
        read_##name(&fields, &out->name);                                                          \
        break;
#include "schemas/wire.def"
    }
    return fields.status;
}

nj_status nj_message_unpack(nj_slice bytes, nj_side sender, nj_message *out, nj_error *err)
{
    if (bytes.size > NJ_WIRE_MESSAGE_BYTES_MAX) {
        return nj_fail(err, NJ_PROTOCOL, "a message of %zu bytes, the limit is %u", bytes.size,
                       NJ_WIRE_MESSAGE_BYTES_MAX);
    }
    nj_unpacked unpacked;
    nj_status status = nj_unpack(bytes, ELEMENTS_MAX, &unpacked, err);
    if (status == NJ_OK) {
        status = read_message(&unpacked.root, sender, out, err);
        nj_unpacked_fini(&unpacked);
    }
    return status;
}
