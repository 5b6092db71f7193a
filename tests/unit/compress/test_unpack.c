// test_unpack.c - plain, gzip and zstd bytes come out as they went in; cut, damaged and endless ones are refused with the byte.
#include "common/compress/unpack.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/compress/unpack_parts.h"
#include "tests/support/memfile.h"
#include "tests/support/nj_test.h"
#include "tests/support/packing.h"

#define TEXT_BYTES 600000 // several times the input buffer, packed too
#define BOMB_BYTES ((size_t)8 << 20)
#define BOMB_COPIES 36
#define KEPT_BYTES_MAX ((size_t)16 << 20)

typedef void (*packer)(nj_buffer *out, const void *bytes, size_t size);
static const packer PACKERS[] = {pack_gzip, pack_zstd};
static const nj_packed FORMS[] = {NJ_PACKED_GZIP, NJ_PACKED_ZSTD, NJ_PACKED_PLAIN};

static char *make_text(void)
{
    char *text = malloc(TEXT_BYTES);
    uint32_t random = 1;
    assert_non_null(text);
    for (size_t i = 0; i < TEXT_BYTES; i++) {
        random = random * 1664525 + 1013904223;
        text[i] = "abcd"[random >> 30];
    }
    return text;
}

// Reads everything in pieces of this size, and keeps it while there is room.
static nj_status unpack_all(const void *bytes, size_t size, size_t piece, nj_buffer *out,
                            nj_packed *out_form, nj_error *err)
{
    nj_unpack *unpack = NULL;
    size_t got = 1;
    const int fd = open(memfile_write(bytes, size), O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    nj_buffer_clear(out);
    nj_status status = nj_unpack_open(fd, "f", &unpack, err);
    if (status == NJ_OK && out_form != NULL) {
        *out_form = nj_unpack_form(unpack);
    }
    while (status == NJ_OK && got > 0) {
        if (out->size + piece > KEPT_BYTES_MAX) {
            nj_buffer_clear(out);
        }
        assert_int_equal(nj_buffer_reserve(out, piece), NJ_OK);
        status = nj_unpack_read(unpack, out->bytes + out->size, piece, &got, err);
        out->size += got;
    }
    nj_unpack_close(&unpack);
    close(fd);
    return status;
}

static void what_was_packed_comes_out_whole_in_pieces_of_any_size(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_buffer packed, out;
    nj_packed form;
    char *text = make_text();
    static const size_t SIZES[] = {0, 1, 15, 16, 17, 4000, TEXT_BYTES};
    static const size_t PIECES[] = {1, 37, 65536, 1u << 20};
    nj_buffer_init(&packed, SIZE_MAX / 2);
    nj_buffer_init(&out, SIZE_MAX / 2);
    for (size_t p = 0; p < 3; p++) {
        for (size_t s = 0; s < sizeof SIZES / sizeof SIZES[0]; s++) {
            nj_buffer_clear(&packed);
            if (p < 2) {
                PACKERS[p](&packed, text, SIZES[s]);
            } else if (SIZES[s] > 0) {
                assert_int_equal(nj_buffer_append(&packed, text, SIZES[s]), NJ_OK);
            }
            for (size_t i = SIZES[s] > 4000; i < sizeof PIECES / sizeof PIECES[0]; i++) {
                assert_ok(unpack_all(packed.bytes, packed.size, PIECES[i], &out, &form, &err),
                          &err);
                assert_int_equal(form, FORMS[p]);
                assert_int_equal(out.size, SIZES[s]);
                assert_true(out.size == 0 || memcmp(out.bytes, text, out.size) == 0);
            }
        }
    }
    nj_buffer_fini(&out);
    nj_buffer_fini(&packed);
    free(text);
}

static void members_and_frames_follow_each_other(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_buffer packed, out;
    nj_buffer_init(&packed, SIZE_MAX / 2);
    nj_buffer_init(&out, SIZE_MAX / 2);
    for (size_t p = 0; p < 2; p++) {
        nj_buffer_clear(&packed);
        if (p == 1) { // pzstd's first frame says how long the next is
            assert_int_equal(nj_buffer_append(&packed, "\x50\x2a\x4d\x18\4\0\0\0abcd", 12), NJ_OK);
        }
        PACKERS[p](&packed, "one\n", 4);
        PACKERS[p](&packed, "", 0);
        PACKERS[p](&packed, "two\n", 4);
        for (size_t piece = 1; piece < 10; piece++) {
            assert_ok(unpack_all(packed.bytes, packed.size, piece, &out, NULL, &err), &err);
            assert_int_equal(out.size, 8);
            assert_memory_equal(out.bytes, "one\ntwo\n", 8);
        }
    }
    nj_buffer_fini(&out);
    nj_buffer_fini(&packed);
}

static void a_cut_stream_is_refused_wherever_it_is_cut(void **state)
{
    (void)state;
    nj_buffer packed, out;
    char *text = make_text();
    nj_buffer_init(&packed, SIZE_MAX / 2);
    nj_buffer_init(&out, SIZE_MAX / 2);
    for (size_t p = 0; p < 2; p++) {
        nj_buffer_clear(&packed);
        PACKERS[p](&packed, text, 300);
        for (size_t cut = 4; cut < packed.size; cut++) {
            nj_error err = {0};
            char where[40];
            snprintf(where, sizeof where, "f: byte %zu: ", cut);
            assert_refused(unpack_all(packed.bytes, cut, 4096, &out, NULL, &err), NJ_INPUT, &err,
                           where);
            assert_non_null(strstr(err.text, "cut off"));
        }
    }
    nj_buffer_fini(&out);
    nj_buffer_fini(&packed);
    free(text);
}

// Neither form protects every bit of its header, so a flip may pass; but then nothing but the text comes out.
static void a_flipped_bit_gives_an_error_or_the_same_bytes(void **state)
{
    (void)state;
    nj_buffer packed, out;
    char *text = make_text();
    size_t refused = 0;
    nj_buffer_init(&packed, SIZE_MAX / 2);
    nj_buffer_init(&out, SIZE_MAX / 2);
    pack_gzip(&packed, text, 300);
    for (size_t bit = 16; bit < packed.size * 8; bit++) {
        nj_error err = {0};
        packed.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        const nj_status status = unpack_all(packed.bytes, packed.size, 4096, &out, NULL, &err);
        packed.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (status == NJ_OK) {
            assert_int_equal(out.size, 300);
            assert_memory_equal(out.bytes, text, 300);
        } else {
            assert_int_equal(status, NJ_INPUT);
            assert_non_null(strstr(err.text, "f: byte "));
            refused++;
        }
    }
    assert_true(refused > packed.size * 7);
    nj_buffer_fini(&out);
    nj_buffer_fini(&packed);
    free(text);
}

static void something_else_behind_the_packed_data_is_refused(void **state)
{
    (void)state;
    nj_buffer packed, out;
    nj_buffer_init(&packed, SIZE_MAX / 2);
    nj_buffer_init(&out, SIZE_MAX / 2);
    for (size_t p = 0; p < 2; p++) {
        nj_error err = {0};
        nj_buffer_clear(&packed);
        PACKERS[p](&packed, "one\n", 4);
        assert_int_equal(nj_buffer_append(&packed, "two\n", 4), NJ_OK);
        assert_refused(unpack_all(packed.bytes, packed.size, 4096, &out, NULL, &err), NJ_INPUT,
                       &err, p == 0 ? "not gzip stands behind" : "not zstd stands behind");
    }
    nj_buffer_fini(&out);
    nj_buffer_fini(&packed);
}

static void other_packers_are_refused_by_name(void **state)
{
    (void)state;
    nj_buffer out;
    nj_buffer_init(&out, SIZE_MAX / 2);
    static const struct {
        char bytes[16];
        const char *says;
    } CASES[] = {{"\xfd"
                  "7zXZ\0\0\4",
                  "packed by xz"},
                 {"BZh91AY&SY1234", "`bzip2 -dc FILE`"},
                 {"\x04\x22\x4d\x18\x64\x40", "lz4"},
                 {"PK\x03\x04\x14", "unzip -p"}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        nj_error err = {0};
        assert_refused(unpack_all(CASES[i].bytes, sizeof CASES[i].bytes, 4096, &out, NULL, &err),
                       NJ_INPUT, &err, CASES[i].says);
    }
    nj_error err = {0};
    assert_ok(unpack_all("BZh9 item item\n", 15, 4096, &out, NULL, &err), &err);
    nj_buffer_fini(&out);
}

// Zeros shrink 1000 times with gzip and more with zstd.
static void a_bomb_is_refused(void **state)
{
    (void)state;
    nj_buffer packed, out;
    char *zeros = calloc(1, BOMB_BYTES);
    assert_non_null(zeros);
    nj_buffer_init(&packed, SIZE_MAX / 2);
    nj_buffer_init(&out, SIZE_MAX / 2);
    for (size_t p = 0; p < 2; p++) {
        nj_error err = {0};
        nj_buffer_clear(&packed);
        PACKERS[p](&packed, zeros, BOMB_BYTES);
        const size_t one = packed.size;
        assert_ok(unpack_all(packed.bytes, packed.size, 1u << 20, &out, NULL, &err), &err);
        for (size_t copies = 1; copies < BOMB_COPIES; copies++) {
            assert_int_equal(nj_buffer_reserve(&packed, one), NJ_OK);
            memcpy(packed.bytes + packed.size, packed.bytes, one);
            packed.size += one;
        }
        assert_refused(unpack_all(packed.bytes, packed.size, 1u << 20, &out, NULL, &err), NJ_INPUT,
                       &err, "more than 250 times");
    }
    nj_buffer_fini(&out);
    nj_buffer_fini(&packed);
    free(zeros);
}

static void a_window_beyond_the_limit_is_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_buffer out;
    nj_buffer_init(&out, SIZE_MAX / 2);
    // magic, a frame without sizes, window 2^(10 + 18)
    static const char FRAME[] = "\x28\xb5\x2f\xfd\x00\x90\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00";
    assert_refused(unpack_all(FRAME, sizeof FRAME - 1, 4096, &out, NULL, &err), NJ_INPUT, &err,
                   "larger than 128 MiB");
    nj_buffer_fini(&out);
}

static void a_failing_read_is_an_io_error(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_unpack *unpack = NULL;
    assert_refused(nj_unpack_open(-1, "f", &unpack, &err), NJ_IO, &err, "f: cannot read");
    assert_null(unpack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_packed_comes_out_whole_in_pieces_of_any_size),
        cmocka_unit_test(members_and_frames_follow_each_other),
        cmocka_unit_test(a_cut_stream_is_refused_wherever_it_is_cut),
        cmocka_unit_test(a_flipped_bit_gives_an_error_or_the_same_bytes),
        cmocka_unit_test(something_else_behind_the_packed_data_is_refused),
        cmocka_unit_test(other_packers_are_refused_by_name),
        cmocka_unit_test(a_bomb_is_refused),
        cmocka_unit_test(a_window_beyond_the_limit_is_refused),
        cmocka_unit_test(a_failing_read_is_an_io_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
