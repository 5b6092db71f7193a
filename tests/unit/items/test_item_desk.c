// test_item_desk.c - a round over items as a worker computes it: every kind of work has a name, and what a coordinator asks is checked.
#include "worker/items/item_desk.h"

#include <string.h>

#include "common/catalogue/encode_parts.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

#define ROWS 10
#define WIDTH 4

static void every_kind_of_work_is_found_by_its_name(void **state)
{
    (void)state;
#define NJ_ITEM_WORK(symbol, meaning)                                                              \
    {                                                                                              \
        const nj_item_work *work = nj_item_work_find(nj_slice_from(#symbol));                      \
        assert_non_null(work);                                                                     \
        assert_string_equal(work->name, #symbol);                                                  \
        assert_true(strlen(work->name) <= NJ_ITEM_WORK_BYTES_MAX);                                 \
        assert_non_null(work->run);                                                                \
        assert_non_null(work->find_problem);                                                       \
        assert_int_equal(work->open == NULL, work->close == NULL);                                 \
    }
#include "schemas/item_work.def"
    assert_null(nj_item_work_find(nj_slice_from("bake")));
    assert_null(nj_item_work_find(nj_slice_from("")));
}

typedef struct {
    float rows[ROWS * WIDTH];
    float book[2 * WIDTH];
    nj_codebooks codebooks;
    nj_npy npy;
    nj_encode_job job;
    nj_encode_parts parts;
    nj_sections sections;
    nj_buffer plan;
    size_t stepped; // rows
    nj_status step_status;
} example;

static void open_example(void **state, example *e, const char *work)
{
    nj_error err = {0};
    *e = (example){.book = {0, 0, 0, 0, 1, 1, 1, 1}};
    for (size_t i = 0; i < ROWS * WIDTH; i++) {
        e->rows[i] = i / WIDTH % 2 == 0 ? 0.1f : 0.9f;
    }
    const char *path = sandbox_path(state, "e.npy");
    assert_ok(nj_npy_write(path, NJ_NPY_F32, (size_t[]){ROWS, WIDTH}, 2, e->rows, &err), &err);
    assert_ok(nj_npy_open(path, &e->npy, &err), &err);
    e->codebooks = (nj_codebooks){.level_count = 1, .D = WIDTH, .K = {2}, .vectors = {e->book}};
    e->job = (nj_encode_job){.rows = &e->npy, .path = path, .codebooks = &e->codebooks};
    assert_ok(nj_encode_parts_init(&e->parts, &e->job, &err), &err);
    const nj_item_round round = {.work = &nj_item_work_encode_rows,
                                 .parameters = nj_buffer_slice(&e->parts.parameters),
                                 .sections = e->parts.sections,
                                 .section_count = e->parts.section_count,
                                 .shard_rows = 5};
    assert_ok(nj_item_round_check(&round, &e->sections, &err), &err);
    const nj_item_plan plan = {.work = nj_slice_from(work), .parameters = round.parameters};
    nj_buffer_init(&e->plan, 1 << 16);
    assert_int_equal(nj_item_plan_pack(&plan, &e->plan), NJ_OK);
}

static void close_example(example *e)
{
    nj_buffer_fini(&e->plan);
    nj_encode_parts_fini(&e->parts);
    nj_npy_close(&e->npy);
}

static nj_status note_step(void *context, size_t rows, nj_error *err)
{
    example *e = context;
    e->stepped += rows;
    return e->step_status == NJ_OK ? NJ_OK : nj_fail(err, e->step_status, "stop");
}

static nj_status open_desk(example *e, nj_item_desk **out, nj_error *err)
{
    const nj_item_step step = {e, note_step};
    return nj_item_desk_open(&e->sections, nj_buffer_slice(&e->plan), nj_kernels_at(0), step, out,
                             err);
}

static nj_status run_lease(nj_item_desk *desk, uint64_t first, uint32_t count, nj_buffer *answer,
                           nj_error *err)
{
    nj_buffer lease;
    uint32_t rows = 0;
    nj_buffer_init(&lease, 64);
    nj_buffer_clear(answer);
    assert_int_equal(nj_item_lease_pack(first, count, &lease), NJ_OK);
    nj_status status = nj_item_desk_run(desk, nj_buffer_slice(&lease), answer, &rows, err);
    if (status == NJ_OK) {
        assert_int_equal(rows, count);
    }
    nj_buffer_fini(&lease);
    return status;
}

static void leases_are_computed_and_told_step_by_step(void **state)
{
    nj_error err = {0};
    example e;
    nj_item_desk *desk = NULL;
    nj_buffer answer;
    open_example(state, &e, "encode_rows");
    nj_buffer_init(&answer, NJ_ITEM_ANSWER_BYTES_MAX);
    assert_ok(open_desk(&e, &desk, &err), &err);

    assert_ok(run_lease(desk, 3, 4, &answer, &err), &err);
    assert_int_equal(answer.size, sizeof(double) + 4 * sizeof(uint16_t));
    assert_memory_equal(answer.bytes + sizeof(double), ((uint16_t[]){1, 0, 1, 0}), 8);
    assert_int_equal(e.stepped, 4);

    assert_refused(run_lease(desk, 8, 3, &answer, &err), NJ_PROTOCOL, &err, "there are 10");
    e.step_status = NJ_AGAIN;
    assert_int_equal(run_lease(desk, 0, 2, &answer, &err), NJ_AGAIN);
    nj_item_desk_close(&desk);
    nj_buffer_fini(&answer);
    close_example(&e);
}

static void work_that_this_version_does_not_know_is_refused(void **state)
{
    nj_error err = {0};
    example e;
    nj_item_desk *desk = NULL;
    open_example(state, &e, "bake_rows");
    assert_refused(open_desk(&e, &desk, &err), NJ_CONFIG, &err, "\"bake_rows\"");
    assert_null(desk);
    close_example(&e);
}

#define IN_SANDBOX(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_work_is_found_by_its_name),
        IN_SANDBOX(leases_are_computed_and_told_step_by_step),
        IN_SANDBOX(work_that_this_version_does_not_know_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
