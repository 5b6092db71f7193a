// collect.h - reads histories and writes them down as one text: `user@line[item item] ...`, and behind it `<candidate ...>` and `"text"`
// where there are any.
#ifndef NJ_TEST_COLLECT_H
#define NJ_TEST_COLLECT_H

#include "common/base/buffer.h"
#include "common/base/id.h"
#include "common/input/histories_reader.h"
#include "tests/support/memfile.h"
#include "tests/support/nj_test.h"

typedef struct {
    nj_buffer text;
    size_t user_count;
    size_t item_count;
} collected;

static inline void collect_asked(collected *all, const nj_history *history)
{
    nj_status status = NJ_OK;
    if (history->candidates != NULL) {
        status = nj_buffer_append(&all->text, "<", 1);
        for (size_t i = 0; i < history->candidate_count && status == NJ_OK; i++) {
            assert_null(nj_id_problem(history->candidates[i]));
            status = nj_buffer_printf(&all->text, "%s%.*s", i > 0 ? " " : "",
                                      NJ_SLICE_ARGS(history->candidates[i]));
        }
        assert_int_equal(status, NJ_OK);
        assert_int_equal(nj_buffer_append(&all->text, ">", 1), NJ_OK);
    }
    if (history->text.bytes != NULL) {
        assert_true(nj_utf8_valid(history->text.bytes, history->text.size));
        assert_int_equal(nj_buffer_printf(&all->text, "\"%.*s\"", NJ_SLICE_ARGS(history->text)),
                         NJ_OK);
    }
}

static inline nj_status collect(void *context, const nj_history *history, nj_error *err)
{
    collected *all = context;
    (void)err;
    assert_null(nj_id_problem(history->user));
    assert_int_equal(nj_buffer_printf(&all->text, "%s%.*s@%llu[", all->text.size > 0 ? " " : "",
                                      NJ_SLICE_ARGS(history->user),
                                      (unsigned long long)history->line),
                     NJ_OK);
    for (size_t i = 0; i < history->item_count; i++) {
        assert_null(nj_id_problem(history->items[i]));
        assert_int_equal(nj_buffer_printf(&all->text, "%s%.*s", i > 0 ? " " : "",
                                          NJ_SLICE_ARGS(history->items[i])),
                         NJ_OK);
    }
    all->user_count++;
    all->item_count += history->item_count;
    assert_int_equal(nj_buffer_append(&all->text, "]", 1), NJ_OK);
    collect_asked(all, history);
    return NJ_OK;
}

static inline void collected_init(collected *all)
{
    *all = (collected){0};
    nj_buffer_init(&all->text, (size_t)1 << 28);
}

/// Reads bytes in this form and compares what comes out.
static inline void assert_histories(nj_histories_format format, const nj_histories_limits *limits,
                                    const char *text, size_t size, const char *expected)
{
    collected all;
    nj_error err = {0};
    collected_init(&all);
    assert_ok(nj_histories_read_limited(
                  &(nj_histories_source){.path = memfile_write(text, size), .format = format},
                  limits, collect, &all, &err),
              &err);
    assert_int_equal(nj_buffer_append(&all.text, "", 1), NJ_OK);
    assert_string_equal((const char *)all.text.bytes, expected);
    nj_buffer_fini(&all.text);
}

/// Reads bytes in this form and expects a refusal (NJ_INPUT) that says `says`.
static inline void assert_histories_refused(nj_histories_format format,
                                            const nj_histories_limits *limits, const char *text,
                                            size_t size, const char *says)
{
    collected all;
    nj_error err = {0};
    collected_init(&all);
    assert_refused(nj_histories_read_limited(
                       &(nj_histories_source){.path = memfile_write(text, size), .format = format},
                       limits, collect, &all, &err),
                   NJ_INPUT, &err, says);
    nj_buffer_fini(&all.text);
}

#endif
