// test_item_round.c - rounds over items in this process: what is taken does not depend on the threads.
#include "common/catalogue/item_round.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/catalogue/item_threads.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

#define ROWS 1003
#define WIDTH 3

// ---- work: the first column of each row plus the parameter; some rows are refused ----

static atomic_uint open_states;
static atomic_uint shards_run;

static nj_status open_offset(const nj_item_task *task, void **out_state, nj_error *err)
{
    (void)err;
    int *offset = malloc(sizeof *offset);
    assert_non_null(offset);
    memcpy(offset, task->parameters.bytes, sizeof *offset);
    open_states++;
    *out_state = offset;
    return NJ_OK;
}

static nj_status add_offset(const nj_item_task *task, void *state, size_t first, size_t count,
                            nj_buffer *answer, nj_error *err)
{
    shards_run++;
    for (size_t i = first; i < first + count; i++) {
        float row[WIDTH];
        nj_status status = nj_npy_read_f32(&task->rows, i * WIDTH, WIDTH, row, err);
        if (status == NJ_OK) {
            const int value = (int)row[0] + *(const int *)state;
            status = nj_buffer_append(answer, &value, sizeof value);
        }
        if (status != NJ_OK) {
            return status;
        }
    }
    return NJ_OK;
}

static void close_offset(void *state)
{
    open_states -= state != NULL;
    free(state);
}

static const char *find_problem(const nj_item_task *task, size_t count, nj_slice answer)
{
    (void)task;
    return answer.size == count * sizeof(int) ? NULL : "has another size";
}

static const nj_item_work WORK = {.name = "offset",
                                  .open = open_offset,
                                  .run = add_offset,
                                  .close = close_offset,
                                  .find_problem = find_problem};

// ---- work: the same, where what is added is made once for all threads, and rows are whole numbers ----

static unsigned shared_count;

static nj_status share_offset(const nj_item_task *task, void **out_shared, nj_error *err)
{
    shared_count++;
    return open_offset(task, out_shared, err);
}

static nj_status add_shared(const nj_item_task *task, void *state, size_t first, size_t count,
                            nj_buffer *answer, nj_error *err)
{
    (void)state;
    for (size_t i = first; i < first + count; i++) {
        int64_t row[WIDTH];
        nj_status status = nj_npy_read_i64(&task->rows, i * WIDTH, WIDTH, row, err);
        if (status != NJ_OK) {
            return status;
        }
        const int value = (int)row[0] + *(const int *)task->shared;
        assert_int_equal(nj_buffer_append(answer, &value, sizeof value), NJ_OK);
    }
    return NJ_OK;
}

static const nj_item_work WHOLE = {.name = "whole",
                                   .share = share_offset,
                                   .unshare = close_offset,
                                   .run = add_shared,
                                   .find_problem = find_problem,
                                   .rows_are_whole = true};

// ---- rounds ----

typedef struct {
    int values[ROWS];
    size_t shards;
    size_t rows;
    size_t stop_behind; // shards; 0: never
} taken;

static nj_status take(void *context, size_t shard, size_t first, size_t count, nj_slice answer,
                      nj_error *err)
{
    taken *t = context;
    assert_int_equal(shard, t->shards);
    assert_int_equal(first, t->rows);
    assert_int_equal(answer.size, count * sizeof(int));
    memcpy(t->values + first, answer.bytes, answer.size);
    t->shards++;
    t->rows += count;
    return t->shards == t->stop_behind ? nj_fail(err, NJ_IO, "no more is wanted") : NJ_OK;
}

typedef struct {
    nj_npy npy;
    nj_item_section section;
    int offset;
    nj_item_round round;
} example;

static void open_example(void **state, example *e, size_t shard_rows, size_t bad_row)
{
    nj_error err = {0};
    float *values = calloc(ROWS * WIDTH, sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < ROWS; i++) {
        values[i * WIDTH] = (float)i;
        values[i * WIDTH + 1] = i < bad_row ? 0.0f : NAN;
    }
    const char *path = sandbox_path(state, "rows.npy");
    assert_ok(nj_npy_write(path, NJ_NPY_F32, (size_t[]){ROWS, WIDTH}, 2, values, &err), &err);
    free(values);
    assert_ok(nj_npy_open(path, &e->npy, &err), &err);
    e->section = (nj_item_section){NJ_ITEM_ROWS, e->npy.file.bytes, e->npy.file.size, path};
    e->offset = 1000;
    e->round = (nj_item_round){.work = &WORK,
                               .parameters = {(const char *)&e->offset, sizeof e->offset},
                               .sections = &e->section,
                               .section_count = 1,
                               .shard_rows = shard_rows};
}

static nj_status run(const example *e, uint32_t thread_count, taken *t, nj_error *err)
{
    const nj_item_threads threads = {.kernels = nj_kernels_at(0), .thread_count = thread_count};
    const nj_item_executor executor = nj_item_threads_executor(&threads);
    shards_run = 0;
    return nj_item_run(&executor, &e->round, take, t, err);
}

static void shards_are_taken_in_order_whatever_the_threads(void **state)
{
    for (uint32_t threads = 1; threads <= 5; threads++) {
        for (size_t shard_rows = 1; shard_rows <= 2 * ROWS; shard_rows += 167) {
            nj_error err = {0};
            taken t = {0};
            example e;
            open_example(state, &e, shard_rows, ROWS);
            assert_ok(run(&e, threads, &t, &err), &err);

            assert_int_equal(t.shards, nj_item_shard_count(ROWS, shard_rows));
            assert_int_equal(t.rows, ROWS);
            for (int i = 0; i < ROWS; i++) {
                assert_int_equal(t.values[i], i + 1000);
            }
            assert_int_equal(open_states, 0);
            nj_npy_close(&e.npy);
        }
    }
}

static void the_first_refused_row_ends_the_round_whichever_thread_met_it(void **state)
{
    for (uint32_t threads = 1; threads <= 4; threads++) {
        nj_error err = {0};
        taken t = {0};
        example e;
        open_example(state, &e, 10, 55); // rows 55 to 1002 are refused
        assert_refused(run(&e, threads, &t, &err), NJ_INPUT, &err, "row 55, column 1");
        assert_int_equal(t.shards, 5);
        assert_int_equal(open_states, 0);
        nj_npy_close(&e.npy);
    }
}

static void what_threads_share_is_made_once_and_released(void **state)
{
    for (uint32_t threads = 1; threads <= 4; threads++) {
        nj_error err = {0};
        taken t = {0};
        example e;
        int64_t values[ROWS * WIDTH] = {0};
        for (size_t i = 0; i < ROWS; i++) {
            values[i * WIDTH] = (int64_t)i;
        }
        open_example(state, &e, 10, ROWS);
        nj_npy_close(&e.npy);
        const char *path = sandbox_path(state, "whole.npy");
        assert_ok(nj_npy_write(path, NJ_NPY_I64, (size_t[]){ROWS, WIDTH}, 2, values, &err), &err);
        assert_ok(nj_npy_open(path, &e.npy, &err), &err);
        e.section = (nj_item_section){NJ_ITEM_ROWS, e.npy.file.bytes, e.npy.file.size, path};
        assert_refused(run(&e, threads, &t, &err), NJ_INPUT, &err, "holds whole numbers, floats");

        e.round.work = &WHOLE;
        shared_count = 0;
        assert_ok(run(&e, threads, &t, &err), &err);
        assert_int_equal(t.values[ROWS - 1], ROWS - 1 + 1000);
        assert_int_equal(shared_count, 1);
        assert_int_equal(open_states, 0);
        nj_npy_close(&e.npy);
    }
}

static void work_on_whole_numbers_refuses_floats(void **state)
{
    nj_error err = {0};
    taken t = {0};
    example e;
    open_example(state, &e, 10, ROWS);
    e.round.work = &WHOLE;
    assert_refused(run(&e, 1, &t, &err), NJ_INPUT, &err, "holds floats, whole numbers are needed");
    nj_npy_close(&e.npy);
}

static void what_nobody_takes_is_not_computed(void **state)
{
    for (uint32_t threads = 1; threads <= 4; threads++) {
        nj_error err = {0};
        taken t = {.stop_behind = 7};
        example e;
        open_example(state, &e, 1, ROWS);
        assert_refused(run(&e, threads, &t, &err), NJ_IO, &err, "no more is wanted");
        assert_int_equal(t.shards, 7);
        assert_true(shards_run <= 7 + threads * NJ_ITEM_WINDOW_A_THREAD);
        nj_npy_close(&e.npy);
    }
}

static void rounds_that_are_not_well_formed_are_refused(void **state)
{
    nj_error err = {0};
    taken t = {0};
    example e;
    nj_item_section sections[2];
    open_example(state, &e, 0, ROWS);
    assert_refused(run(&e, 1, &t, &err), NJ_INPUT, &err, "shards of 0 rows, must be 1 to");
    e.round.shard_rows = 10;
    e.round.parameters.size = NJ_ITEM_PARAMETERS_BYTES_MAX + 1;
    assert_refused(run(&e, 1, &t, &err), NJ_INPUT, &err, "bytes of parameters, the limit is");
    e.round.parameters.size = sizeof e.offset;
    e.round.section_count = 2;
    e.round.sections = sections;
    sections[0] = sections[1] = e.section;
    assert_refused(run(&e, 1, &t, &err), NJ_INPUT, &err, "two sections \"rows\"");
    sections[1].name = "a name that is longer than 31 bytes";
    assert_refused(run(&e, 1, &t, &err), NJ_INPUT, &err, "name has");
    e.round.section_count = 1;
    sections[0].name = "lines";
    assert_refused(run(&e, 1, &t, &err), NJ_INPUT, &err, "without a section \"rows\"");
    sections[0] = e.section;
    sections[0].size--;
    assert_refused(run(&e, 1, &t, &err), NJ_INPUT, &err, "rows.npy: has");
    nj_npy_close(&e.npy);
}

#define IN_SANDBOX(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SANDBOX(shards_are_taken_in_order_whatever_the_threads),
        IN_SANDBOX(the_first_refused_row_ends_the_round_whichever_thread_met_it),
        IN_SANDBOX(what_threads_share_is_made_once_and_released),
        IN_SANDBOX(work_on_whole_numbers_refuses_floats),
        IN_SANDBOX(what_nobody_takes_is_not_computed),
        IN_SANDBOX(rounds_that_are_not_well_formed_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
