// test_safetensors_write.c - what is written, byte by byte, and read back.
#include <stdio.h>

#include "common/input/safetensors.h"
#include "tests/support/nj_test.h"

static void written_tensors_are_read_back_sorted_and_aligned(void **state)
{
    (void)state;
    nj_error err = {0};
    const float one[6] = {1, 2, 3, 4, 5, 6};
    const float two[1] = {-0.5f};
    nj_tensor_source sources[] = {
        {.name = "z\"", .dim_count = 2, .shape = {2, 3}, .data = one},
        {.name = "a", .dim_count = 0, .data = two},
        {.name = "empty", .dim_count = 2, .shape = {0, 7}, .data = NULL},
    };
    nj_buffer out;
    nj_buffer_init(&out, 1 << 20);
    assert_ok(nj_tensors_write(sources, 3, &out, &err), &err);

    uint64_t length;
    memcpy(&length, out.bytes, sizeof length);
    assert_int_equal((8 + length) % 64, 0);
    assert_int_equal(out.size, 8 + length + 7 * sizeof(float));
    nj_tensor_set *set = NULL;
    assert_ok(nj_tensor_set_open_bytes(out.bytes, out.size, "written", &set, &err), &err);
    assert_int_equal(nj_tensor_set_count(set), 3);
    const size_t shape[2] = {2, 3};
    const nj_tensor *tensor;
    assert_ok(nj_tensor_set_expect(set, "z\"", shape, 2, &tensor, &err), &err);
    float got[6];
    assert_ok(nj_tensor_read_f32(tensor, got, &err), &err);
    assert_memory_equal(got, one, sizeof one);
    nj_tensor_set_close(&set);
    nj_buffer_fini(&out);
}

static void the_header_is_the_documented_text(void **state)
{
    (void)state;
    nj_error err = {0};
    const float value[1] = {1};
    nj_tensor_source source = {.name = "c", .dim_count = 1, .shape = {1}, .data = value};
    static const char EXPECTED[] =
        "{\"__metadata__\":{\"format\":\"pt\"},"
        "\"c\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}} ";
    nj_buffer out;
    nj_buffer_init(&out, 4096);
    assert_ok(nj_tensors_write(&source, 1, &out, &err), &err);
    assert_memory_equal(out.bytes + 8, EXPECTED, sizeof EXPECTED - 1);
    assert_int_equal(out.bytes[out.size - 5], ' ');
    nj_buffer_fini(&out);
}

static void no_tensors_at_all_are_a_valid_file(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_buffer out;
    nj_tensor_set *set = NULL;
    nj_buffer_init(&out, 4096);
    assert_ok(nj_tensors_write(NULL, 0, &out, &err), &err);
    assert_ok(nj_tensor_set_open_bytes(out.bytes, out.size, "written", &set, &err), &err);
    assert_int_equal(nj_tensor_set_count(set), 0);
    nj_tensor_set_close(&set);
    nj_buffer_fini(&out);
}

static void wrong_names_shapes_and_too_little_room_are_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    const float value[1] = {1};
    nj_tensor_source twice[] = {{.name = "a", .data = value}, {.name = "a", .data = value}};
    nj_tensor_source meta = {.name = "__metadata__", .data = value};
    nj_tensor_source bytes = {.name = "\xff", .data = value};
    nj_tensor_source huge = {
        .name = "h", .dim_count = 2, .shape = {SIZE_MAX / 4, 5}, .data = value};
    nj_tensor_source deep = {.name = "d", .dim_count = 9, .data = value};
    struct {
        nj_tensor_source *sources;
        size_t count;
        const char *says;
    } cases[] = {
        {twice, 2, "tensor \"a\": is given twice"},
        {&meta, 1, "cannot be called so"},
        {&bytes, 1, "cannot be called so"},
        {&huge, 1, "too large"},
        {&deep, 1, "too large"},
        {twice, NJ_TENSORS_MAX + 1, "100001 tensors, the limit is 100000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        nj_buffer out;
        nj_buffer_init(&out, 4096);
        assert_refused(nj_tensors_write(cases[i].sources, cases[i].count, &out, &err), NJ_INPUT,
                       &err, cases[i].says);
        nj_buffer_fini(&out);
    }
    nj_buffer small;
    nj_buffer_init(&small, 130);
    nj_tensor_source source = {.name = "c", .dim_count = 1, .shape = {1}, .data = value};
    assert_refused(nj_tensors_write(&source, 1, &small, &err), NJ_NO_MEMORY, &err, "no memory");
    nj_buffer_fini(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_tensors_are_read_back_sorted_and_aligned),
        cmocka_unit_test(the_header_is_the_documented_text),
        cmocka_unit_test(no_tensors_at_all_are_a_valid_file),
        cmocka_unit_test(wrong_names_shapes_and_too_little_room_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
