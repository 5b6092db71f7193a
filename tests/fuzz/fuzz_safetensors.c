// fuzz_safetensors.c - any bytes as a safetensors file: opened, and every tensor read.
#include "common/input/safetensors.h"
#include "tests/fuzz/fuzz.h"

static void read_tensor(const nj_tensor *tensor, const uint8_t *data, size_t size)
{
    fuzz_check(tensor->data >= data && tensor->data_bytes <= size - (size_t)(tensor->data - data),
               "a tensor lies inside the file");
    if (tensor->type == NJ_TENSOR_OTHER) {
        fuzz_check(nj_tensor_read_f32(tensor, NULL, NULL) == NJ_INPUT, "other dtypes are refused");
        return;
    }
    fuzz_check(tensor->element_count <= tensor->data_bytes / 2, "elements have bytes");
    float *values = calloc(tensor->element_count + 1, sizeof *values);
    fuzz_check(values != NULL, "memory");
    if (nj_tensor_read_f32(tensor, values, NULL) != NJ_OK) {
        free(values);
        return;
    }
    free(values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nj_tensor_set *set = NULL;
    nj_error err;
    if (nj_tensor_set_open_bytes(data, size, "bytes", &set, &err) != NJ_OK) {
        fuzz_check(set == NULL, "a refused file leaves no set behind");
        return 0;
    }
    for (size_t i = 0; i < nj_tensor_set_count(set); i++) {
        const nj_tensor *tensor = nj_tensor_set_at(set, i);
        fuzz_check(nj_tensor_set_find(set, tensor->name) == tensor,
                   "a tensor is found by its name");
        read_tensor(tensor, data, size);
    }
    nj_tensor_set_close(&set);
    return 0;
}
