// test_message.c - every message of wire.def goes there and back; every limit holds at the limit; hostile bytes are refused.
#include "common/wire/message.h"

#include <stdlib.h>

#include "common/codec/pack.h"
#include "tests/support/nj_test.h"

// ---- filling a message from the table: every field is set, so that a field that is lost is seen ----

static char text_bytes[NJ_WIRE_BLOB_BYTES_MAX + 2];
static uint32_t fill_next;

static nj_slice fill_slice(size_t limit)
{
    size_t size = limit < 5 ? limit : 1 + fill_next++ % 5;
    return (nj_slice){text_bytes, size};
}

static nj_digest fill_digest(void)
{
    nj_digest digest;
    memset(digest.bytes, (int)(fill_next++ % 251), sizeof digest.bytes);
    return digest;
}

#define FILL_U32(field, limit)                                                                     \
    to->field = (uint32_t)((fill_next++ * 7919u) % ((uint64_t)(limit) + 1));
#define FILL_LATER(field, limit) FILL_U32(field, limit)
#define FILL_U64(field, limit) to->field = fill_next++ * 1000003ull;
#define FILL_TEXT(field, limit) to->field = fill_slice(limit);
#define FILL_BLOB(field, limit) to->field = fill_slice(limit);
#define FILL_DIGEST(field, limit) to->field = fill_digest();
#define FILL_INSTANCE(field, limit)                                                                \
    memset(to->field.bytes, (int)fill_next++, NJ_WIRE_INSTANCE_BYTES);
#define FILL_TEXTS(field, limit)                                                                   \
    to->field##_count = 2;                                                                         \
    to->field[0] = fill_slice(9);                                                                  \
    to->field[1] = fill_slice(9);
#define FILL_SECTIONS(field, limit)                                                                \
    to->field##_count = 2;                                                                         \
    for (uint32_t i = 0; i < 2; i++) {                                                             \
        to->field[i].name = fill_slice(9);                                                         \
        to->field[i].size = fill_next++;                                                           \
        to->field[i].digest = fill_digest();                                                       \
    }
#define FILL_LEASES(field, limit)                                                                  \
    to->field##_count = 2;                                                                         \
    for (uint32_t i = 0; i < 2; i++) {                                                             \
        to->field[i].shard = fill_next++;                                                          \
        to->field[i].attempt = fill_next++;                                                        \
    }

// clang-format off
#define NJ_MESSAGE(NAME, name, number, sender, meaning)                                            \
    static void fill_##name(nj_message_##name *to) {
#define NJ_FIELD(kind, field, limit, meaning) FILL_##kind(field, limit)
#define NJ_MESSAGE_END(NAME, name) }
#include "schemas/wire.def"
// clang-format on

// ---- comparing field by field ----

static void assert_slice_equal(nj_slice a, nj_slice b)
{
    assert_true(nj_slice_equal(a, b));
}

#define SAME_U32(field) assert_int_equal(a->field, b->field);
#define SAME_LATER(field) SAME_U32(field)
#define SAME_U64(field) assert_int_equal(a->field, b->field);
#define SAME_TEXT(field) assert_slice_equal(a->field, b->field);
#define SAME_BLOB(field) assert_slice_equal(a->field, b->field);
#define SAME_DIGEST(field) assert_memory_equal(&a->field, &b->field, sizeof a->field);
#define SAME_INSTANCE(field) assert_memory_equal(&a->field, &b->field, sizeof a->field);
#define SAME_TEXTS(field)                                                                          \
    assert_int_equal(a->field##_count, b->field##_count);                                          \
    for (uint32_t i = 0; i < a->field##_count; i++) {                                              \
        assert_slice_equal(a->field[i], b->field[i]);                                              \
    }
#define SAME_SECTIONS(field)                                                                       \
    assert_int_equal(a->field##_count, b->field##_count);                                          \
    for (uint32_t i = 0; i < a->field##_count; i++) {                                              \
        assert_slice_equal(a->field[i].name, b->field[i].name);                                    \
        assert_int_equal(a->field[i].size, b->field[i].size);                                      \
        assert_true(nj_digest_equal(&a->field[i].digest, &b->field[i].digest));                    \
    }
#define SAME_LEASES(field)                                                                         \
    assert_int_equal(a->field##_count, b->field##_count);                                          \
    assert_memory_equal(a->field, b->field, a->field##_count * sizeof a->field[0]);

// clang-format off
#define NJ_MESSAGE(NAME, name, number, sender, meaning)                                            \
    static void compare_##name(const nj_message_##name *a, const nj_message_##name *b) {
#define NJ_FIELD(kind, field, limit, meaning) SAME_##kind(field)
#define NJ_MESSAGE_END(NAME, name) }
#include "schemas/wire.def"
// clang-format on

typedef struct {
    nj_message_kind kind;
    nj_side sender;
} known_message;

static const known_message KNOWN[] = {
#define NJ_MESSAGE(NAME, name, number, sender, meaning) {NJ_MESSAGE_##NAME, NJ_SIDE_##sender},
#include "schemas/wire.def"
};
#define KNOWN_COUNT (sizeof KNOWN / sizeof KNOWN[0])

static void fill(nj_message *message, nj_message_kind kind)
{
    memset(message, 0, sizeof *message);
    message->kind = kind;
    switch (kind) {
#define NJ_MESSAGE(NAME, name, number, sender, meaning)                                            \
    case NJ_MESSAGE_##NAME:                                                                        \
        fill_##name(&message->name);                                                               \
        break;
#include "schemas/wire.def"
    }
}

static void compare(const nj_message *a, const nj_message *b)
{
    assert_int_equal(a->kind, b->kind);
    switch (a->kind) {
#define NJ_MESSAGE(NAME, name, number, sender, meaning)                                            \
    case NJ_MESSAGE_##NAME:                                                                        \
        compare_##name(&a->name, &b->name);                                                        \
        break;
#include "schemas/wire.def"
    }
}

static nj_side other_side(nj_side side)
{
    return side == NJ_SIDE_WORKER ? NJ_SIDE_COORDINATOR : NJ_SIDE_WORKER;
}

static int setup(void **state)
{
    (void)state;
    memset(text_bytes, 'x', sizeof text_bytes);
    return 0;
}

// ---- tests ----

static void every_message_comes_back_as_it_was(void **state)
{
    (void)state;
    static nj_message sent;
    static nj_message got;
    nj_error err = {0};
    nj_buffer buffer;
    nj_buffer_init(&buffer, NJ_WIRE_MESSAGE_BYTES_MAX);
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        fill(&sent, KNOWN[i].kind);
        nj_buffer_clear(&buffer);
        assert_ok(nj_message_pack(&sent, &buffer, &err), &err);
        assert_ok(nj_message_unpack(nj_buffer_slice(&buffer), KNOWN[i].sender, &got, &err), &err);
        compare(&sent, &got);
    }
    nj_buffer_fini(&buffer);
}

static void a_message_from_the_wrong_side_is_refused(void **state)
{
    (void)state;
    static nj_message message;
    nj_error err = {0};
    nj_buffer buffer;
    nj_buffer_init(&buffer, NJ_WIRE_MESSAGE_BYTES_MAX);
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        fill(&message, KNOWN[i].kind);
        nj_buffer_clear(&buffer);
        assert_ok(nj_message_pack(&message, &buffer, &err), &err);
        assert_refused(nj_message_unpack(nj_buffer_slice(&buffer), other_side(KNOWN[i].sender),
                                         &message, &err),
                       NJ_PROTOCOL, &err, nj_message_name(KNOWN[i].kind));
    }
    nj_buffer_fini(&buffer);
}

static void every_cut_is_refused_and_no_flip_or_inflated_length_crashes(void **state)
{
    (void)state;
    static nj_message message;
    nj_error err = {0};
    nj_buffer buffer;
    nj_buffer_init(&buffer, NJ_WIRE_MESSAGE_BYTES_MAX);
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        fill(&message, KNOWN[i].kind);
        nj_buffer_clear(&buffer);
        assert_ok(nj_message_pack(&message, &buffer, &err), &err);
        size_t size = buffer.size;
        uint8_t *exact = malloc(size); // so that a sanitizer sees a read behind the end
        memcpy(exact, buffer.bytes, size);
        for (size_t cut = 0; cut < size; cut++) {
            nj_slice bytes = {(char *)exact + (size - cut), 0};
            memmove(exact + (size - cut), buffer.bytes, cut);
            bytes.size = cut;
            assert_int_equal(nj_message_unpack(bytes, KNOWN[i].sender, &message, &err),
                             NJ_PROTOCOL);
        }
        memcpy(exact, buffer.bytes, size);
        unsigned refused = 0;
        for (size_t at = 0; at < size; at++) {
            for (unsigned flip = 1; flip < 256; flip++) {
                exact[at] ^= (uint8_t)flip;
                refused += nj_message_unpack((nj_slice){(char *)exact, size}, KNOWN[i].sender,
                                             &message, &err) != NJ_OK;
                exact[at] ^= (uint8_t)flip;
            }
        }
        assert_true(refused >= 3 * 255 / 2); // at least the array head, version and number
        free(exact);
    }
    nj_buffer_fini(&buffer);
}

static void another_protocol_version_is_refused_naming_both(void **state)
{
    (void)state;
    static nj_message message;
    static const char NEWER[] = {(char)0x93, 2, 11, 0};
    nj_error err = {0};
    assert_refused(
        nj_message_unpack((nj_slice){NEWER, sizeof NEWER}, NJ_SIDE_COORDINATOR, &message, &err),
        NJ_PROTOCOL, &err, "speaks protocol version 2, this program speaks 1");
}

static void unknown_numbers_and_strange_shapes_are_refused(void **state)
{
    (void)state;
    static nj_message message;
    static const char UNKNOWN[] = {(char)0x92, 1, 99};
    static const char NOT_ARRAY[] = {(char)0x81, 1, 11};
    static const char SHORT[] = {(char)0x91, 1};
    static const char NO_FIELDS[] = {(char)0x92, 1, 11};
    nj_error err = {0};
    assert_refused(nj_message_unpack((nj_slice){UNKNOWN, 3}, NJ_SIDE_COORDINATOR, &message, &err),
                   NJ_PROTOCOL, &err, "number 99");
    assert_refused(nj_message_unpack((nj_slice){NOT_ARRAY, 3}, NJ_SIDE_COORDINATOR, &message, &err),
                   NJ_PROTOCOL, &err, "not an array");
    assert_refused(nj_message_unpack((nj_slice){SHORT, 2}, NJ_SIDE_COORDINATOR, &message, &err),
                   NJ_PROTOCOL, &err, "1 fields");
    assert_refused(nj_message_unpack((nj_slice){NO_FIELDS, 3}, NJ_SIDE_COORDINATOR, &message, &err),
                   NJ_PROTOCOL, &err, "PONG");
    assert_refused(nj_message_unpack((nj_slice){"", 0}, NJ_SIDE_COORDINATOR, &message, &err),
                   NJ_PROTOCOL, &err, "malformed");
}

static void fields_of_a_later_version_are_ignored(void **state)
{
    (void)state;
    static nj_message message;
    static const char LONGER[] = {(char)0x95, 1, 11, 7, (char)0xc3, (char)0x91, 1};
    nj_error err = {0};
    assert_ok(
        nj_message_unpack((nj_slice){LONGER, sizeof LONGER}, NJ_SIDE_COORDINATOR, &message, &err),
        &err);
    assert_int_equal(message.pong.epoch, 7);
}

static void a_field_that_an_earlier_version_does_not_send_is_zero(void **state)
{
    (void)state;
    static nj_message message;
    nj_error err = {0};
    nj_buffer buffer;
    nj_buffer_init(&buffer, NJ_WIRE_MESSAGE_BYTES_MAX);
    message = (nj_message){.kind = NJ_MESSAGE_LEASE, .lease = {.shard = 5, .afresh = 1}};
    assert_ok(nj_message_pack(&message, &buffer, &err), &err);
    nj_slice packed = nj_buffer_slice(&buffer);
    assert_ok(nj_message_unpack(packed, NJ_SIDE_COORDINATOR, &message, &err), &err);
    assert_int_equal(message.lease.afresh, 1);

    buffer.bytes[0]--; // the array's head: a field less
    packed.size--;
    assert_ok(nj_message_unpack(packed, NJ_SIDE_COORDINATOR, &message, &err), &err);
    assert_int_equal(message.lease.shard, 5);
    assert_int_equal(message.lease.afresh, 0);
    nj_buffer_fini(&buffer);
}

// ---- limits: packs at the limit, refuses one above it, and the reader refuses what a careless writer sent ----

static void assert_limit(const nj_message *message, nj_side sender, bool fits)
{
    static nj_message got;
    nj_error err = {0};
    nj_buffer buffer;
    nj_buffer_init(&buffer, NJ_WIRE_MESSAGE_BYTES_MAX);
    nj_status status = nj_message_pack(message, &buffer, &err);
    if (fits) {
        assert_ok(status, &err);
        assert_ok(nj_message_unpack(nj_buffer_slice(&buffer), sender, &got, &err), &err);
        compare(message, &got);
    } else {
        assert_refused(status, NJ_INPUT, &err, nj_message_name(message->kind));
        assert_int_equal(buffer.size, 0);
    }
    nj_buffer_fini(&buffer);
}

#define LIMIT_U32(field, limit)                                                                    \
    if ((uint64_t)(limit) < UINT32_MAX) {                                                          \
        to->field = (uint32_t)(limit);                                                             \
        assert_limit(&message, sender, true);                                                      \
        to->field = (uint32_t)((uint64_t)(limit) + 1);                                             \
        assert_limit(&message, sender, false);                                                     \
        to->field = 0;                                                                             \
    }
#define LIMIT_LATER(field, limit) LIMIT_U32(field, limit)
#define LIMIT_U64(field, limit)
#define LIMIT_TEXT(field, limit)                                                                   \
    to->field = (nj_slice){text_bytes, limit};                                                     \
    assert_limit(&message, sender, true);                                                          \
    to->field.size++;                                                                              \
    assert_limit(&message, sender, false);                                                         \
    to->field.size = 1;
#define LIMIT_BLOB(field, limit) LIMIT_TEXT(field, limit)
#define LIMIT_DIGEST(field, limit)
#define LIMIT_INSTANCE(field, limit)
#define LIMIT_ARRAY(field, limit, element_number)                                                  \
    to->field##_count = (limit);                                                                   \
    assert_limit(&message, sender, true);                                                          \
    to->field[0] element_number++;                                                                 \
    assert_limit(&message, sender, false);                                                         \
    to->field[0] element_number--;                                                                 \
    to->field##_count = (limit) + 1;                                                               \
    assert_limit(&message, sender, false);                                                         \
    to->field##_count = 0;
#define LIMIT_TEXTS(field, limit)                                                                  \
    for (uint32_t i = 0; i < (limit); i++) {                                                       \
        to->field[i] = (nj_slice){text_bytes, NJ_WIRE_CLASS_BYTES_MAX};                            \
    }                                                                                              \
    LIMIT_ARRAY(field, limit, .size)
#define LIMIT_SECTIONS(field, limit)                                                               \
    for (uint32_t i = 0; i < (limit); i++) {                                                       \
        to->field[i].name = (nj_slice){text_bytes, NJ_WIRE_SECTION_NAME_BYTES_MAX};                \
    }                                                                                              \
    LIMIT_ARRAY(field, limit, .name.size)
#define LIMIT_LEASES(field, limit)                                                                 \
    to->field[0] = (nj_wire_lease){NJ_WIRE_SHARD_MAX, UINT32_MAX};                                 \
    LIMIT_ARRAY(field, limit, .shard)

// clang-format off
#define NJ_MESSAGE(NAME, name, number, side, meaning)                                              \
    static void limit_##name(void) {                                                               \
        static nj_message message;                                                                 \
        nj_side sender = NJ_SIDE_##side;                                                           \
        nj_message_##name *to = &message.name;                                                     \
        message.kind = NJ_MESSAGE_##NAME;                                                          \
        (void)sender, (void)to;
#define NJ_FIELD(kind, field, limit, meaning) LIMIT_##kind(field, limit)
#define NJ_MESSAGE_END(NAME, name) }
#include "schemas/wire.def"
// clang-format on

static void every_limit_of_the_table_holds_at_the_limit(void **state)
{
    (void)state;
#define NJ_MESSAGE(NAME, name, number, sender, meaning) limit_##name();
#include "schemas/wire.def"
}

static void the_largest_message_fits_the_socket_limit(void **state)
{
    (void)state;
    static nj_message message;
    nj_error err = {0};
    nj_buffer buffer;
    nj_buffer_init(&buffer, NJ_WIRE_MESSAGE_BYTES_MAX);
    message.kind = NJ_MESSAGE_LEASE;
    message.lease.users = (nj_slice){text_bytes, NJ_WIRE_BLOB_BYTES_MAX};
    assert_ok(nj_message_pack(&message, &buffer, &err), &err);
    nj_buffer_fini(&buffer);

    char *giant = calloc(NJ_WIRE_MESSAGE_BYTES_MAX + 1, 1);
    assert_refused(nj_message_unpack((nj_slice){giant, NJ_WIRE_MESSAGE_BYTES_MAX + 1},
                                     NJ_SIDE_WORKER, &message, &err),
                   NJ_PROTOCOL, &err, "the limit is");
    free(giant);
}

// A writer without limits of its own: MessagePack by hand.
static void a_reader_enforces_limits_that_its_writer_did_not(void **state)
{
    (void)state;
    static nj_message message;
    nj_error err = {0};
    nj_buffer buffer;
    nj_buffer_init(&buffer, NJ_WIRE_MESSAGE_BYTES_MAX);
    nj_packer packer;
    nj_packer_init(&packer, &buffer);
    nj_pack_array(&packer, 3);
    nj_pack_uint(&packer, NJ_WIRE_VERSION);
    nj_pack_uint(&packer, NJ_MESSAGE_READY);
    nj_pack_uint(&packer, NJ_WIRE_LEASES_MAX + 1);
    assert_refused(nj_message_unpack(nj_buffer_slice(&buffer), NJ_SIDE_WORKER, &message, &err),
                   NJ_PROTOCOL, &err, "READY: field 3 (credit)");

    nj_buffer_clear(&buffer);
    nj_pack_array(&packer, 4);
    nj_pack_uint(&packer, NJ_WIRE_VERSION);
    nj_pack_uint(&packer, NJ_MESSAGE_HEARTBEAT);
    nj_pack_uint(&packer, 0);
    nj_pack_array(&packer, NJ_WIRE_LEASES_MAX + 1);
    for (int i = 0; i < NJ_WIRE_LEASES_MAX + 1; i++) {
        nj_pack_array(&packer, 2);
        nj_pack_uint(&packer, 1);
        nj_pack_uint(&packer, 1);
    }
    assert_refused(nj_message_unpack(nj_buffer_slice(&buffer), NJ_SIDE_WORKER, &message, &err),
                   NJ_PROTOCOL, &err, "leases");

    nj_buffer_clear(&buffer);
    nj_pack_array(&packer, 3);
    nj_pack_uint(&packer, NJ_WIRE_VERSION);
    nj_pack_uint(&packer, NJ_MESSAGE_BYE);
    nj_pack_str(&packer, nj_slice_from("\xff\xfe"));
    assert_refused(nj_message_unpack(nj_buffer_slice(&buffer), NJ_SIDE_WORKER, &message, &err),
                   NJ_PROTOCOL, &err, "UTF-8");
    nj_buffer_fini(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_comes_back_as_it_was),
        cmocka_unit_test(a_message_from_the_wrong_side_is_refused),
        cmocka_unit_test(every_cut_is_refused_and_no_flip_or_inflated_length_crashes),
        cmocka_unit_test(another_protocol_version_is_refused_naming_both),
        cmocka_unit_test(unknown_numbers_and_strange_shapes_are_refused),
        cmocka_unit_test(fields_of_a_later_version_are_ignored),
        cmocka_unit_test(a_field_that_an_earlier_version_does_not_send_is_zero),
        cmocka_unit_test(every_limit_of_the_table_holds_at_the_limit),
        cmocka_unit_test(the_largest_message_fits_the_socket_limit),
        cmocka_unit_test(a_reader_enforces_limits_that_its_writer_did_not),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
