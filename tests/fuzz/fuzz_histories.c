// fuzz_histories.c - any bytes as histories of FUZZ_FORMAT, with memory for a few events only, so that the external sort
// is on the way: once as they are, and once cut at a time, ties shuffled. Their beginning is a moment of a command line, too.
#include <math.h>

#include "common/base/id.h"
#include "common/codec/shard.h"
#include "common/input/histories_reader.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/memfile.h"

#define AS_OF 1000.0
#define INSTANT_BYTES 48

static nj_status check_history(void *context, const nj_history *history, nj_error *err)
{
    uint64_t *count = context;
    (void)err;
    fuzz_check(nj_id_problem(history->user) == NULL, "users have valid ids");
    for (size_t i = 0; i < history->item_count; i++) {
        fuzz_check(nj_id_problem(history->items[i]) == NULL, "items have valid ids");
    }
    for (size_t i = 0; i < history->candidate_count; i++) {
        fuzz_check(nj_id_problem(history->candidates[i]) == NULL, "candidates have valid ids");
    }
    fuzz_check(history->candidates != NULL || history->candidate_count == 0,
               "no list has no candidates");
    fuzz_check(history->text.bytes == NULL ||
                   (history->text.size <= NJ_REQUEST_TEXT_BYTES_MAX &&
                    nj_utf8_valid(history->text.bytes, history->text.size)),
               "texts are UTF-8 within their limit");
    fuzz_check(history->line > 0, "lines count from 1");
    ++*count;
    return NJ_OK;
}

static nj_status check_times(void *context, const nj_history *history, nj_error *err)
{
    fuzz_check(history->candidates == NULL && history->text.bytes == NULL, "lists have no prompt");
    for (size_t i = 0; i < history->item_count; i++) {
        fuzz_check(history->times[i] < AS_OF, "what counts was before");
        fuzz_check(i == 0 || history->times[i] >= history->times[i - 1], "times do not fall");
    }
    return check_history(context, history, err);
}

static void read_as(const nj_histories_source *source, nj_history_visitor visit)
{
    static const nj_histories_limits LIMITS = {
        .memory_bytes = 0, .merge_files = 2, .line_bytes_max = 1024, .items_max = 100};
    uint64_t count = 0;
    nj_error err;
    nj_status status = nj_histories_read_limited(source, &LIMITS, visit, &count, &err);
    // NJ_CONFIG: it begins as Parquet does, and there is no library to read it
    fuzz_check(status == NJ_INPUT || status == NJ_CONFIG || (status == NJ_OK && count > 0),
               "a file is refused or has a history");
}

static void read_instant(const uint8_t *data, size_t size)
{
    char text[INSTANT_BYTES + 1] = "";
    nj_instant instant = {0};
    nj_error err;
    memcpy(text, data, size < INSTANT_BYTES ? size : INSTANT_BYTES);
    const nj_status status = nj_instant_parse("as-of", text, &instant, &err);
    fuzz_check(status == NJ_OK ? isfinite(instant.at) : status == NJ_USAGE,
               "a moment is refused or finite");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nj_histories_source source = {.path = memfile_write(data, size), .format = FUZZ_FORMAT};
    read_as(&source, check_history);
    source.path = memfile_write(data, size);
    source.as_of = (nj_instant){.given = true, .is_date = true, .at = AS_OF};
    source.tie_seed = 1;
    source.wants_times = true;
    source.wants_held_out = true;
    read_as(&source, check_times);
    if (size > 0) {
        read_instant(data, size);
    }
    return 0;
}
