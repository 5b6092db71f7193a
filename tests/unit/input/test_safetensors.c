// test_safetensors.c - the official reader's rules one by one; folders and indices.
#include "common/input/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/memfile.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

#define FILE_BYTES_MAX 8192

typedef struct {
    uint8_t bytes[FILE_BYTES_MAX];
    size_t size;
} tensor_file_bytes;

static void make(tensor_file_bytes *file, const char *header, const void *data, size_t data_bytes)
{
    uint64_t length = strlen(header);
    memcpy(file->bytes, &length, 8);
    memcpy(file->bytes + 8, header, (size_t)length);
    if (data_bytes > 0) {
        memcpy(file->bytes + 8 + length, data, data_bytes);
    }
    file->size = 8 + (size_t)length + data_bytes;
}

static nj_status open_header(const char *header, size_t data_bytes, nj_tensor_set **set,
                             nj_error *err)
{
    static const uint8_t ZEROS[256] = {0};
    static tensor_file_bytes file; // outlives the set
    make(&file, header, ZEROS, data_bytes);
    return nj_tensor_set_open_bytes(file.bytes, file.size, "t.safetensors", set, err);
}

static const char *write_file(void **state, const char *name, const char *header, size_t data_bytes)
{
    static const uint8_t ZEROS[256] = {0};
    tensor_file_bytes file;
    make(&file, header, ZEROS, data_bytes);
    return sandbox_write(state, name, file.bytes, file.size);
}

#define ONE_A "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}"
#define ONE_B "{\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}"

static void tensors_are_found_by_name_and_widened_to_float32(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_tensor_set *set = NULL;
    tensor_file_bytes file;
    const uint8_t data[] = {0x00, 0x3c, 0x00, 0xc0, 0x80, 0x3f, 0, 0, 0x20, 0x40, 7, 0, 0, 0};
    make(&file,
         "{\"__metadata__\":{\"format\":\"pt\"},"
         "\"z\":{\"dtype\":\"F16\",\"shape\":[2,1],\"data_offsets\":[0,4]},"
         "\"b\":{\"dtype\":\"BF16\",\"shape\":[1],\"data_offsets\":[4,6]},"
         "\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[6,10]},"
         "\"i\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[10,14]}}    ",
         data, sizeof data);
    assert_ok(nj_tensor_set_open_bytes(file.bytes, file.size, "bundle", &set, &err), &err);

    assert_int_equal(nj_tensor_set_count(set), 4);
    assert_string_equal(nj_tensor_set_at(set, 0)->name, "a");
    assert_string_equal(nj_tensor_set_at(set, 3)->name, "z");
    assert_null(nj_tensor_set_find(set, "y"));
    float got[2];
    assert_ok(nj_tensor_read_f32(nj_tensor_set_find(set, "z"), got, &err), &err);
    assert_true(got[0] == 1.0f && got[1] == -2.0f);
    assert_ok(nj_tensor_read_f32(nj_tensor_set_find(set, "b"), got, &err), &err);
    assert_true(got[0] == 1.0f);
    assert_ok(nj_tensor_read_f32(nj_tensor_set_find(set, "a"), got, &err), &err);
    assert_true(got[0] == 2.5f);
    assert_refused(nj_tensor_read_f32(nj_tensor_set_find(set, "i"), got, &err), NJ_INPUT, &err,
                   "tensor \"i\": has dtype I32");
    nj_tensor_set_close(&set);
    assert_null(set);
}

static void a_missing_or_misshapen_tensor_names_both_shapes(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_tensor_set *set = NULL;
    const nj_tensor *tensor = NULL;
    const size_t wanted[2] = {2, 3};
    const size_t found[1] = {2};
    assert_ok(open_header(ONE_A, 8, &set, &err), &err);
    assert_refused(nj_tensor_set_expect(set, "a", wanted, 2, &tensor, &err), NJ_INPUT, &err,
                   "t.safetensors: tensor \"a\": has shape [2], expected [2, 3]");
    assert_refused(nj_tensor_set_expect(set, "q", wanted, 2, &tensor, &err), NJ_INPUT, &err,
                   "tensor \"q\": is missing, expected with shape [2, 3]");
    assert_null(tensor);
    assert_ok(nj_tensor_set_expect(set, "a", found, 1, &tensor, &err), &err);
    assert_int_equal(tensor->element_count, 2);
    nj_tensor_set_close(&set);
}

static void a_weight_that_is_not_finite_names_its_place(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_tensor_set *set = NULL;
    tensor_file_bytes file;
    float data[2] = {0.0f, NAN};
    float got[2];
    make(&file, ONE_A, data, sizeof data);
    assert_ok(nj_tensor_set_open_bytes(file.bytes, file.size, "t", &set, &err), &err);
    assert_refused(nj_tensor_read_f32(nj_tensor_set_at(set, 0), got, &err), NJ_INPUT, &err,
                   "tensor \"a\": element 1 of 2 is not a number");
    nj_tensor_set_close(&set);
    data[1] = -INFINITY;
    make(&file, ONE_A, data, sizeof data);
    assert_ok(nj_tensor_set_open_bytes(file.bytes, file.size, "t", &set, &err), &err);
    assert_refused(nj_tensor_read_f32(nj_tensor_set_at(set, 0), got, &err), NJ_INPUT, &err,
                   "element 1 of 2 is infinite");
    nj_tensor_set_close(&set);
}

static void headers_that_break_a_rule_are_refused_with_it(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t data_bytes;
        const char *says;
    } CASES[] = {
        {"", 0, "does not begin with '{'"},
        {" {}", 0, "does not begin with '{'"},
        {"[]", 0, "does not begin with '{'"},
        {"{", 0, "line 1"},
        {"{}x", 0, "line 1"},
        {"{\"a\":1}", 0, "tensor \"a\": is not described by an object"},
        {"{\"__metadata__\":{\"a\":1}}", 0, "\"__metadata__\" is not an object of texts"},
        {"{\"__metadata__\":[]}", 0, "\"__metadata__\" is not an object of texts"},
        {"{\"a\":{\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
         "tensor \"a\": unknown dtype \"F31\""},
        {"{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "unknown dtype \"\""},
        {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "\"shape\" is not a list"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4,
         "other than whole numbers"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}", 4,
         "other than whole numbers"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4,
         "has 9 dimensions, the limit is 8"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,4]}}", 4,
         "beyond 64 bits"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1152921504606846976],\"data_offsets\":[0,0]}}", 0,
         "beyond 64 bits"},
        {"{\"a\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,2]}}", 2,
         "3 elements of 4 bits do not fill whole bytes"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "\"data_offsets\" is not a list of two"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4,
         "\"data_offsets\" is not a list of two"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}", 4,
         "\"data_offsets\" is not a list of two"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4,
         "begins at 4 and ends at 0"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,5]}}", 5,
         "has 5 bytes, shape and dtype need 4"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 7,
         "ends at byte 8, the file has 7 bytes of data"},
        {ONE_A, 9, "tensors end at byte 8, the file has 9 bytes of data"},
        {"{}", 1, "tensors end at byte 0, the file has 1 bytes of data"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}", 2,
         "begins at byte 1, a hole lies before it"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},\"b\":{\"dtype\":\"U8\","
         "\"shape\":[2],\"data_offsets\":[1,3]}}",
         3, "tensor \"b\": begins at byte 1, inside the tensor before it"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"b\":{\"dtype\":\"U8\","
         "\"shape\":[1],\"data_offsets\":[2,3]}}",
         3, "tensor \"b\": begins at byte 2, a hole lies before it"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},\"a\":{\"dtype\":\"U8\","
         "\"shape\":[0],\"data_offsets\":[0,0]}}",
         0, "duplicate"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        nj_error err = {0};
        nj_tensor_set *set = NULL;
        assert_refused(open_header(CASES[i].header, CASES[i].data_bytes, &set, &err), NJ_INPUT,
                       &err, CASES[i].says);
        assert_null(set);
    }
}

static void empty_tensors_and_a_file_without_tensors_are_fine(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_tensor_set *set = NULL;
    assert_ok(open_header("{}", 0, &set, &err), &err);
    assert_int_equal(nj_tensor_set_count(set), 0);
    assert_null(nj_tensor_set_find(set, "a"));
    nj_tensor_set_close(&set);
    assert_ok(open_header("{\"e\":{\"dtype\":\"F32\",\"shape\":[0,5],\"data_offsets\":[4,4]},\"a\":"
                          "{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
                          4, &set, &err),
              &err);
    assert_int_equal(nj_tensor_set_find(set, "e")->element_count, 0);
    assert_ok(nj_tensor_read_f32(nj_tensor_set_find(set, "e"), NULL, &err), &err);
    nj_tensor_set_close(&set);
}

static void absurd_header_lengths_are_refused_with_both_numbers(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_tensor_set *set = NULL;
    const uint8_t huge[9] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, '{'};
    const uint8_t beyond[9] = {100, 0, 0, 0, 0, 0, 0, 0, '{'};
    assert_refused(nj_tensor_set_open_bytes(huge, 9, "t", &set, &err), NJ_INPUT, &err,
                   "header of 18446744073709551615 bytes, the limit is 100000000");
    assert_refused(nj_tensor_set_open_bytes(beyond, 9, "t", &set, &err), NJ_INPUT, &err,
                   "header of 100 bytes ends beyond the file's 9 bytes");
    assert_refused(nj_tensor_set_open_bytes(beyond, 0, "t", &set, &err), NJ_INPUT, &err,
                   "0 bytes are too few");
}

static void cut_and_flipped_files_never_crash_and_cuts_are_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_tensor_set *set = NULL;
    tensor_file_bytes file;
    float got[2];
    const float data[2] = {1, 2};
    unsigned refused = 0;
    make(&file, ONE_A, data, sizeof data);
    for (size_t size = 0; size < file.size; size++) {
        assert_int_equal(nj_tensor_set_open_bytes(file.bytes, size, "t", &set, &err), NJ_INPUT);
    }
    for (size_t bit = 0; bit < 8 * file.size; bit++) {
        file.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        nj_status status = nj_tensor_set_open_bytes(file.bytes, file.size, "t", &set, &err);
        refused += status == NJ_INPUT;
        if (status == NJ_OK && nj_tensor_set_at(set, 0)->element_count <= 2) {
            (void)!nj_tensor_read_f32(nj_tensor_set_at(set, 0), got, &err);
        }
        nj_tensor_set_close(&set);
        file.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(refused > 8 * strlen(ONE_A) / 2);
}

static void a_folder_is_read_through_its_index(void **state)
{
    nj_error err = {0};
    nj_tensor_set *set = NULL;
    static const char INDEX[] = "{\"metadata\":{\"total_size\":12},\"weight_map\":{\"b\":\"two."
                                "safetensors\",\"a\":\"one.safetensors\"}}";
    write_file(state, "one.safetensors", ONE_A, 8);
    write_file(state, "two.safetensors", ONE_B, 4);
    write_file(state, "stranger.safetensors", "{", 0); // not named by the index, so never opened
    sandbox_write(state, "model.safetensors.index.json", INDEX, sizeof INDEX - 1);
    assert_ok(nj_tensor_set_open(sandbox_path(state, ""), &set, &err), &err);
    assert_int_equal(nj_tensor_set_count(set), 2);
    assert_non_null(strstr(nj_tensor_set_find(set, "b")->file, "two.safetensors"));
    nj_tensor_set_close(&set);
}

static void a_folder_without_an_index_gives_all_its_files(void **state)
{
    nj_error err = {0};
    nj_tensor_set *set = NULL;
    assert_refused(nj_tensor_set_open(sandbox_path(state, ""), &set, &err), NJ_INPUT, &err,
                   "holds neither");
    write_file(state, "one.safetensors", ONE_A, 8);
    sandbox_write(state, "config.json", "{}", 2);
    assert_ok(nj_tensor_set_open(sandbox_path(state, ""), &set, &err), &err);
    assert_int_equal(nj_tensor_set_count(set), 1);
    nj_tensor_set_close(&set);
    write_file(state, "two.safetensors", ONE_B, 4);
    assert_ok(nj_tensor_set_open(sandbox_path(state, ""), &set, &err), &err);
    assert_int_equal(nj_tensor_set_count(set), 2);
    nj_tensor_set_close(&set);
    write_file(state, "three.safetensors", ONE_B, 4);
    assert_refused(nj_tensor_set_open(sandbox_path(state, ""), &set, &err), NJ_INPUT, &err,
                   "tensor \"b\": stands in");
}

static void a_wrong_index_is_refused_with_the_tensor(void **state)
{
    static const struct {
        const char *index;
        const char *says;
    } CASES[] = {
        {"", "line 1"},
        {"{}", "has no object \"weight_map\""},
        {"{\"weight_map\":{}}", "\"weight_map\" names no tensor"},
        {"{\"weight_map\":{\"a\":1}}", "tensor \"a\": \"\" is not a plain file name"},
        {"{\"weight_map\":{\"a\":\"../one.safetensors\"}}",
         "\"../one.safetensors\" is not a plain file name"},
        {"{\"weight_map\":{\"a\":\"..\"}}", "is not a plain file name"},
        {"{\"weight_map\":{\"a\":\"\"}}", "is not a plain file name"},
        {"{\"weight_map\":{\"a\":\"none.safetensors\"}}",
         "none.safetensors: the index names it and it is missing"},
        {"{\"weight_map\":{\"q\":\"one.safetensors\"}}", "tensor \"q\": is not in one.safetensors"},
        {"{\"weight_map\":{\"a\":\"one.safetensors\",\"b\":\"one.safetensors\"}}",
         "tensor \"b\": is not in one.safetensors"},
        {"{\"weight_map\":{\"a\":\"two.safetensors\",\"b\":\"one.safetensors\"}}",
         "tensor \"a\": is not in two.safetensors"},
    };
    write_file(state, "one.safetensors", ONE_A, 8);
    write_file(state, "two.safetensors", ONE_B, 4);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        nj_error err = {0};
        nj_tensor_set *set = NULL;
        sandbox_write(state, "model.safetensors.index.json", CASES[i].index,
                      strlen(CASES[i].index));
        assert_refused(nj_tensor_set_open(sandbox_path(state, ""), &set, &err), NJ_INPUT, &err,
                       CASES[i].says);
        assert_null(set);
    }
}

static void a_single_file_may_be_named_and_a_missing_one_is_not_found(void **state)
{
    nj_error err = {0};
    nj_tensor_set *set = NULL;
    assert_ok(nj_tensor_set_open(write_file(state, "x.bin", ONE_A, 8), &set, &err), &err);
    assert_int_equal(nj_tensor_set_count(set), 1);
    nj_tensor_set_close(&set);
    assert_refused(nj_tensor_set_open(sandbox_path(state, "none"), &set, &err), NJ_NOT_FOUND, &err,
                   "none");
}

static void the_beauty_checkpoint_is_read_from_its_two_files(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_tensor_set *set = NULL;
    const nj_tensor *tensor;
    const size_t shape[2] = {1026, 128};
    const char *path = shared_path("fixtures/beauty-tiger/model");
    if (path == NULL) {
        skip_loudly("../shared/fixtures/beauty-tiger is absent");
    }
    assert_ok(nj_tensor_set_open(path, &set, &err), &err);
    assert_ok(nj_tensor_set_expect(set, "shared.weight", shape, 2, &tensor, &err), &err);
    size_t elsewhere = 0;
    for (size_t i = 0; i < nj_tensor_set_count(set); i++) {
        elsewhere += strcmp(nj_tensor_set_at(set, i)->file, tensor->file) != 0;
    }
    assert_true(elsewhere > 0 && elsewhere < nj_tensor_set_count(set)); // two files
    for (size_t i = 0; i < nj_tensor_set_count(set); i++) {
        tensor = nj_tensor_set_at(set, i);
        float *values = calloc(tensor->element_count, sizeof *values);
        assert_non_null(values);
        assert_ok(nj_tensor_read_f32(tensor, values, &err), &err);
        free(values);
    }
    nj_tensor_set_close(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_are_found_by_name_and_widened_to_float32),
        cmocka_unit_test(a_missing_or_misshapen_tensor_names_both_shapes),
        cmocka_unit_test(a_weight_that_is_not_finite_names_its_place),
        cmocka_unit_test(headers_that_break_a_rule_are_refused_with_it),
        cmocka_unit_test(empty_tensors_and_a_file_without_tensors_are_fine),
        cmocka_unit_test(absurd_header_lengths_are_refused_with_both_numbers),
        cmocka_unit_test(cut_and_flipped_files_never_crash_and_cuts_are_refused),
        cmocka_unit_test_setup_teardown(a_folder_is_read_through_its_index, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_folder_without_an_index_gives_all_its_files,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_wrong_index_is_refused_with_the_tensor, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_single_file_may_be_named_and_a_missing_one_is_not_found,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test(the_beauty_checkpoint_is_read_from_its_two_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
