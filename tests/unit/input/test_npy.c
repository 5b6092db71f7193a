// test_npy.c - round trip, headers as numpy and others write them, refusals.
#include "common/input/npy.h"

#include <math.h>
#include <stdio.h>

#include "tests/support/memfile.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

#define FILE_BYTES_MAX 4096

typedef struct {
    uint8_t bytes[FILE_BYTES_MAX];
    size_t size;
} npy_file;

// Version 1.0 with exactly this dictionary, then `data`.
static void make(npy_file *file, const char *header, const void *data, size_t data_bytes)
{
    size_t length = strlen(header);
    memcpy(file->bytes, "\x93NUMPY\x01\x00", 8);
    file->bytes[8] = (uint8_t)(length & 0xff);
    file->bytes[9] = (uint8_t)(length >> 8);
    memcpy(file->bytes + 10, header, length);
    if (data_bytes > 0) {
        memcpy(file->bytes + 10 + length, data, data_bytes);
    }
    file->size = 10 + length + data_bytes;
}

static nj_status open_made(const npy_file *file, nj_npy *out, nj_error *err)
{
    return nj_npy_open(memfile_write(file->bytes, file->size), out, err);
}

static nj_status open_header(const char *header, size_t data_bytes, nj_npy *out, nj_error *err)
{
    static const uint8_t ZEROS[1024] = {0};
    npy_file file;
    make(&file, header, ZEROS, data_bytes);
    return open_made(&file, out, err);
}

static void a_written_array_is_read_back(void **state)
{
    nj_error err = {0};
    const float values[6] = {1.0f, -2.5f, 0x1p-149f, 3e38f, 0.0f, 7.0f};
    const size_t shape[2] = {2, 3};
    const char *path = sandbox_path(state, "a.npy");
    assert_ok(nj_npy_write(path, NJ_NPY_F32, shape, 2, values, &err), &err);

    nj_npy npy;
    float got[6];
    assert_ok(nj_npy_open(path, &npy, &err), &err);
    assert_int_equal(npy.type, NJ_NPY_F32);
    assert_int_equal(npy.dim_count, 2);
    assert_int_equal(npy.shape[0], 2);
    assert_int_equal(npy.shape[1], 3);
    assert_int_equal((npy.data - npy.file.bytes) % 64, 0);
    assert_ok(nj_npy_read_f32(&npy, 0, 6, got, &err), &err);
    assert_memory_equal(got, values, sizeof values);
    assert_ok(nj_npy_read_f32(&npy, 4, 2, got, &err), &err);
    assert_true(got[0] == 0.0f && got[1] == 7.0f);
    nj_npy_close(&npy);
}

// Made by numpy 2.4: np.save of np.arange(3, dtype="<i2").
static void the_written_header_is_byte_for_byte_numpys(void **state)
{
    nj_error err = {0};
    static const char HEADER[] = "\x93NUMPY\x01\x00v\x00{'descr': '<i2', 'fortran_order': False, "
                                 "'shape': (3,), }";
    const int16_t values[3] = {0, 1, 2};
    const size_t shape[1] = {3};
    const char *path = sandbox_path(state, "i2.npy");
    assert_ok(nj_npy_write(path, NJ_NPY_I16, shape, 1, values, &err), &err);

    char *bytes;
    size_t size;
    assert_ok(nj_file_read(path, 4096, &bytes, &size, &err), &err);
    assert_int_equal(size, 128 + 6);
    assert_memory_equal(bytes, HEADER, sizeof HEADER - 1);
    for (size_t i = sizeof HEADER - 1; i < 127; i++) {
        assert_int_equal(bytes[i], ' ');
    }
    assert_int_equal(bytes[127], '\n');
    assert_memory_equal(bytes + 128, values, sizeof values);
    free(bytes);
}

static void every_whole_number_type_becomes_int64(void **state)
{
    (void)state;
    static const struct {
        const char *descr;
        uint8_t bytes[8];
        size_t size;
        int64_t expected;
    } CASES[] = {
        {"|i1", {0xff}, 1, -1},
        {"<i2", {0x00, 0x80}, 2, -32768},
        {"<i4", {0xfe, 0xff, 0xff, 0xff}, 4, -2},
        {"<i8", {0, 0, 0, 0, 0, 0, 0, 0x80}, 8, INT64_MIN},
        {"|u1", {0xff}, 1, 255},
        {"<u2", {0xff, 0xff}, 2, 65535},
        {"<u4", {0xff, 0xff, 0xff, 0xff}, 4, 4294967295},
        {"<u8", {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, 8, INT64_MAX},
        {"=i4", {5, 0, 0, 0}, 4, 5},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        nj_error err = {0};
        nj_npy npy;
        npy_file file;
        char header[200];
        int64_t got;
        snprintf(header, sizeof header,
                 "{'descr': '%s', 'fortran_order': False, 'shape': (1,), }\n", CASES[i].descr);
        make(&file, header, CASES[i].bytes, CASES[i].size);
        assert_ok(open_made(&file, &npy, &err), &err);
        assert_ok(nj_npy_read_i64(&npy, 0, 1, &got, &err), &err);
        assert_true(got == CASES[i].expected);
        nj_npy_close(&npy);
    }
}

static void f16_and_f64_become_float32(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_npy npy;
    npy_file file;
    float got[2];
    const uint16_t halves[2] = {0x3c00, 0x8001};
    make(&file, "{'descr': '<f2', 'fortran_order': False, 'shape': (2,), }\n", halves,
         sizeof halves);
    assert_ok(open_made(&file, &npy, &err), &err);
    assert_ok(nj_npy_read_f32(&npy, 0, 2, got, &err), &err);
    assert_true(got[0] == 1.0f && got[1] == -0x1p-24f);
    nj_npy_close(&npy);

    const double doubles[2] = {0.1, 1e300};
    make(&file, "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 1), }\n", doubles,
         sizeof doubles);
    assert_ok(open_made(&file, &npy, &err), &err);
    assert_ok(nj_npy_read_f32(&npy, 0, 1, got, &err), &err);
    assert_true(got[0] == 0.1f);
    assert_refused(nj_npy_read_f32(&npy, 0, 2, got, &err), NJ_INPUT, &err,
                   "row 1, column 0: is infinite as float32");
    nj_npy_close(&npy);
}

static void a_value_that_cannot_be_used_names_row_and_column(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_npy npy;
    npy_file file;
    float floats[6] = {0, 0, 0, 0, 0, NAN};
    float got[6];
    make(&file, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", floats,
         sizeof floats);
    assert_ok(open_made(&file, &npy, &err), &err);
    assert_ok(nj_npy_read_f32(&npy, 0, 5, got, &err), &err);
    assert_refused(nj_npy_read_f32(&npy, 3, 3, got, &err), NJ_INPUT, &err, "row 1, column 2");
    int64_t integers[6];
    assert_refused(nj_npy_read_i64(&npy, 0, 6, integers, &err), NJ_INPUT, &err,
                   "'<f4' holds floats");
    nj_npy_close(&npy);

    const uint64_t large[2] = {1, UINT64_C(1) << 63};
    make(&file, "{'descr': '<u8', 'fortran_order': False, 'shape': (2,), }\n", large, sizeof large);
    assert_ok(open_made(&file, &npy, &err), &err);
    assert_refused(nj_npy_read_i64(&npy, 0, 2, integers, &err), NJ_INPUT, &err,
                   "element [1]: is beyond 2^63 - 1");
    assert_refused(nj_npy_read_f32(&npy, 0, 2, got, &err), NJ_INPUT, &err, "holds whole numbers");
    nj_npy_close(&npy);
}

static void headers_of_other_writers_and_versions_are_read(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_npy npy;
    assert_ok(
        open_header("{\"shape\":(2,2),\"descr\":\"<f4\",\"fortran_order\":False}", 16, &npy, &err),
        &err);
    nj_npy_close(&npy);
    assert_ok(open_header("{'descr': '<f4', 'fortran_order': True, 'shape': (4,)}", 16, &npy, &err),
              &err);
    nj_npy_close(&npy);
    assert_ok(open_header("{'descr': '<f4', 'fortran_order': False, 'shape': ()}", 4, &npy, &err),
              &err);
    assert_int_equal(npy.dim_count, 0);
    nj_npy_close(&npy);
    assert_ok(
        open_header("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 128)}", 0, &npy, &err),
        &err);
    nj_npy_close(&npy);

    static const char TEXT[] =
        "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1, 1, 1), }   \n";
    for (uint8_t version = 2; version <= 3; version++) {
        npy_file file = {.size = 12 + sizeof TEXT};
        memcpy(file.bytes, "\x93NUMPY", 6);
        file.bytes[6] = version;
        file.bytes[8] = sizeof TEXT - 1;
        memcpy(file.bytes + 12, TEXT, sizeof TEXT); // its NUL is the one byte of data
        assert_ok(open_made(&file, &npy, &err), &err);
        assert_int_equal(npy.dim_count, 4);
        nj_npy_close(&npy);
    }
}

static void wrong_headers_are_refused_with_the_rule(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t data_bytes;
        const char *says;
    } CASES[] = {
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (1,)}", 4, "big-endian"},
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2)}", 16, "Fortran order"},
        {"{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}", 8, "type '<c8' is not one of"},
        {"{'descr': '|f4', 'fortran_order': False, 'shape': (1,)}", 4, "type '|f4' is not one of"},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", 8, "type '|O' is not one of"},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", 4,
         "not the name of one number type"},
        {"{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}", 4, "neither True nor False"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': [1]}", 4, "not a tuple"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1)}", 4, "a number, not a tuple"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", 4, "not a whole number"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1 1)}", 4, "expected ',' or ')'"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1)}", 4,
         "more than 4 dimensions"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", 4,
         "too large"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", 4,
         "beyond 64 bits"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4294967296, 4294967296)}", 0,
         "beyond 64 bits"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904,)}", 0,
         "beyond 64 bits"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", 7,
         "has 7 bytes of data, shape and type need 8"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", 9,
         "has 9 bytes of data, shape and type need 8"},
        {"{'descr': '<f4', 'fortran_order': False}", 4, "has no 'shape'"},
        {"{'descr': '<f4', 'shape': (1,)}", 4, "has no 'fortran_order'"},
        {"{'fortran_order': False, 'shape': (1,)}", 4, "has no 'descr'"},
        {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", 4,
         "'descr' twice"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': 1}", 4,
         "unknown key 'more'"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x", 4, "behind '}'"},
        {"{'descr': '<f4' 'fortran_order': False, 'shape': (1,)}", 4, "expected ',' or '}'"},
        {"{'descr' '<f4'}", 4, "expected ':'"},
        {"{'descr: ", 4, "not closed"},
        {"[]", 4, "expected '{'"},
        {"", 4, "expected '{'"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        nj_error err = {0};
        nj_npy npy;
        assert_refused(open_header(CASES[i].header, CASES[i].data_bytes, &npy, &err), NJ_INPUT,
                       &err, CASES[i].says);
    }
}

static void a_file_cut_at_any_byte_is_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_npy npy;
    npy_file file;
    const float data[2] = {1, 2};
    make(&file, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n", data, sizeof data);
    for (size_t size = 0; size < file.size; size++) {
        assert_int_equal(nj_npy_open(memfile_write(file.bytes, size), &npy, &err), NJ_INPUT);
    }
    assert_refused(nj_npy_open(memfile_write("", 0), &npy, &err), NJ_INPUT, &err,
                   "not a .npy file (0 bytes)");
}

static void no_flipped_bit_crashes_and_most_of_the_header_are_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    npy_file file;
    unsigned refused = 0;
    const float data[2] = {1, 2};
    make(&file, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n", data, sizeof data);
    size_t header_bits = 8 * (file.size - sizeof data);
    for (size_t bit = 0; bit < header_bits; bit++) {
        nj_npy npy;
        file.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        nj_status status = open_made(&file, &npy, &err);
        file.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        refused += status == NJ_INPUT;
        if (status == NJ_OK) {
            assert_int_equal(npy.element_bytes * npy.shape[0], sizeof data);
            nj_npy_close(&npy);
        }
    }
    assert_true(refused >
                header_bits * 9 /
                    10); // what passes: a space that becomes a newline, f4 that becomes i4 or u4
}

static void lengths_versions_and_paths_out_of_bounds_are_refused(void **state)
{
    nj_error err = {0};
    nj_npy npy;
    static const uint8_t LONG_HEADER[] = "\x93NUMPY\x02\x00\xff\xff\xff\xff{";
    static const uint8_t BEYOND[] = "\x93NUMPY\x01\x00\x00\x10{";
    static const uint8_t NEWER[] = "\x93NUMPY\x04\x00\x01\x00{";
    assert_refused(nj_npy_open(memfile_write(LONG_HEADER, sizeof LONG_HEADER), &npy, &err),
                   NJ_INPUT, &err, "header of 4294967295 bytes, the limit is 65535");
    assert_refused(nj_npy_open(memfile_write(BEYOND, sizeof BEYOND), &npy, &err), NJ_INPUT, &err,
                   "header of 4096 bytes ends beyond the file's 12 bytes");
    assert_refused(nj_npy_open(memfile_write(NEWER, sizeof NEWER), &npy, &err), NJ_INPUT, &err,
                   "version 4.0");
    assert_refused(nj_npy_open(sandbox_path(state, "none.npy"), &npy, &err), NJ_NOT_FOUND, &err,
                   "none.npy");
    assert_refused(nj_npy_open(sandbox_path(state, ""), &npy, &err), NJ_INPUT, &err,
                   "not a regular file");
    const size_t huge[2] = {SIZE_MAX / 2, 3};
    assert_refused(nj_npy_write(sandbox_path(state, "huge.npy"), NJ_NPY_F32, huge, 2, NULL, &err),
                   NJ_INPUT, &err, "too large");
}

static void the_beauty_arrays_have_their_stated_shapes(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_npy npy;
    const char *path = shared_path("fixtures/beauty-tiger/item_emb.npy");
    if (path == NULL) {
        skip_loudly("../shared/fixtures/beauty-tiger is absent");
    }
    assert_ok(nj_npy_open(path, &npy, &err), &err);
    assert_int_equal(npy.type, NJ_NPY_F16);
    assert_int_equal(npy.shape[0], 12101);
    assert_int_equal(npy.shape[1], 128);
    float *row = calloc(12101, 128 * sizeof *row);
    assert_non_null(row);
    assert_ok(nj_npy_read_f32(&npy, 0, 12101 * 128, row, &err), &err);
    free(row);
    nj_npy_close(&npy);

    int64_t code[4];
    assert_ok(nj_npy_open(shared_path("fixtures/beauty-tiger/sids.npy"), &npy, &err), &err);
    assert_int_equal(npy.shape[0], 12101);
    assert_int_equal(npy.shape[1], 4);
    for (size_t i = 0; i < 12101; i++) {
        assert_ok(nj_npy_read_i64(&npy, 4 * i, 4, code, &err), &err);
        assert_true(code[0] >= 0 && code[0] < 256 && code[1] < 256 && code[2] < 256 &&
                    code[3] < 256);
    }
    nj_npy_close(&npy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_written_array_is_read_back, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(the_written_header_is_byte_for_byte_numpys, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test(every_whole_number_type_becomes_int64),
        cmocka_unit_test(f16_and_f64_become_float32),
        cmocka_unit_test(a_value_that_cannot_be_used_names_row_and_column),
        cmocka_unit_test(headers_of_other_writers_and_versions_are_read),
        cmocka_unit_test(wrong_headers_are_refused_with_the_rule),
        cmocka_unit_test(a_file_cut_at_any_byte_is_refused),
        cmocka_unit_test(no_flipped_bit_crashes_and_most_of_the_header_are_refused),
        cmocka_unit_test_setup_teardown(lengths_versions_and_paths_out_of_bounds_are_refused,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test(the_beauty_arrays_have_their_stated_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
