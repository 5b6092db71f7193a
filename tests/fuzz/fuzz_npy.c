// fuzz_npy.c - any bytes as a .npy file: opened, and all of it read.
#include <math.h>

#include "common/input/npy.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/memfile.h"

static void read_all(const nj_npy *npy, size_t count)
{
    float *floats = calloc(count + 1, sizeof *floats);
    int64_t *integers = calloc(count + 1, sizeof *integers);
    fuzz_check(floats != NULL && integers != NULL, "memory");
    nj_status float_status = nj_npy_read_f32(npy, 0, count, floats, NULL);
    nj_status integer_status = nj_npy_read_i64(npy, 0, count, integers, NULL);
    fuzz_check(float_status != NJ_OK || integer_status != NJ_OK, "an array is of one kind");
    for (size_t i = 0; float_status == NJ_OK && i < count; i++) {
        fuzz_check(isfinite(floats[i]), "floats are finite");
    }
    free(floats);
    free(integers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nj_npy npy;
    nj_error err;
    if (nj_npy_open(memfile_write(data, size), &npy, &err) != NJ_OK) {
        return 0;
    }
    size_t count = 1;
    for (size_t i = 0; i < npy.dim_count; i++) {
        count *= npy.shape[i];
    }
    fuzz_check(npy.data + count * npy.element_bytes == npy.file.bytes + npy.file.size,
               "the data end with the file");
    read_all(&npy, count);
    nj_npy_close(&npy);
    return 0;
}
