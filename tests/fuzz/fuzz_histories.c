// fuzz_histories.c - any bytes as histories of FUZZ_FORMAT, with memory for a few events only, so that the external sort
// is on the way.
#include "common/base/id.h"
#include "common/input/histories_reader.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/memfile.h"

static nj_status check_history(void *context, const nj_history *history, nj_error *err)
{
    uint64_t *count = context;
    (void)err;
    fuzz_check(nj_id_problem(history->user) == NULL, "users have valid ids");
    for (size_t i = 0; i < history->item_count; i++) {
        fuzz_check(nj_id_problem(history->items[i]) == NULL, "items have valid ids");
    }
    fuzz_check(history->line > 0, "lines count from 1");
    ++*count;
    return NJ_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const nj_histories_limits LIMITS = {
        .memory_bytes = 0, .merge_files = 2, .line_bytes_max = 1024, .items_max = 100};
    uint64_t count = 0;
    nj_error err;
    nj_status status = nj_histories_read_limited(
        &(nj_histories_source){.path = memfile_write(data, size), .format = FUZZ_FORMAT}, &LIMITS,
        check_history, &count, &err);
    fuzz_check(status == NJ_INPUT || (status == NJ_OK && count > 0),
               "a file is refused or has a history");
    return 0;
}
