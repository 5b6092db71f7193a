// fuzz_index_json.c - any bytes as an index.json.
#include "common/input/index_json.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/memfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nj_index_json index;
    nj_error err;
    if (nj_index_json_read(memfile_write(data, size), &index, &err) != NJ_OK) {
        return 0;
    }
    fuzz_check(index.row_count > 0 && index.level_count > 0 && index.level_count <= 8,
               "there are rows and 1 to 8 levels");
    for (size_t i = 0; i < (size_t)index.row_count * index.level_count; i++) {
        fuzz_check(index.codes[i] <= index.code_max[i % index.level_count],
                   "code_max bounds codes");
    }
    nj_index_json_free(&index);
    return 0;
}
