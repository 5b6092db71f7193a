// tensor_file.h - small files of tensors for the tests of this folder.
#ifndef NJ_TEST_TENSOR_FILE_H
#define NJ_TEST_TENSOR_FILE_H

#include "common/base/buffer.h"
#include "common/input/safetensors.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

// Values that any small tensor may have.
static const float COUNTING[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

static inline nj_tensor_source tensor_of(const char *name, size_t rows, size_t columns)
{
    return (nj_tensor_source){
        .name = name, .dim_count = columns > 0 ? 2 : 1, .shape = {rows, columns}, .data = COUNTING};
}

static inline const char *write_tensors(void **state, const char *name, nj_tensor_source *tensors,
                                        size_t count)
{
    nj_error err = {0};
    nj_buffer file;
    nj_buffer_init(&file, (size_t)1 << 20);
    assert_ok(nj_tensors_write(tensors, count, &file, &err), &err);
    const char *path = sandbox_write(state, name, file.bytes, file.size);
    nj_buffer_fini(&file);
    return path;
}

#endif
