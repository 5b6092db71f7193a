// test_encode_rows.c - codes of an array's rows as a round: those of one encoder, however many threads, and no others are taken.
#include "common/catalogue/encode_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/catalogue/encode_parts.h"
#include "common/catalogue/item_threads.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

#define ROWS 9000
#define WIDTH 256
#define SHARD_ROWS (NJ_ENCODE_SHARD_BYTES / (WIDTH * sizeof(float)))

static float next_value(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (float)(*seed >> 40) / (1 << 23) - 1.0f;
}

typedef struct {
    nj_npy npy;
    char path[512];
    float books[3][16 * WIDTH];
    uint32_t offsets[2][1 + 16 + 1];
    float mean[WIDTH];
    float weight[WIDTH * WIDTH];
    nj_codebooks codebooks;
    nj_transform transform;
    nj_encode_job job;
} example;

static void write_rows(void **state, example *e, size_t bad_row)
{
    nj_error err = {0};
    uint64_t seed = 7;
    float *values = malloc(ROWS * WIDTH * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < (size_t)ROWS * WIDTH; i++) {
        values[i] = next_value(&seed);
    }
    if (bad_row < ROWS) {
        values[bad_row * WIDTH + 5] = INFINITY;
    }
    snprintf(e->path, sizeof e->path, "%s", sandbox_path(state, "e.npy"));
    assert_ok(nj_npy_write(e->path, NJ_NPY_F32, (size_t[]){ROWS, WIDTH}, 2, values, &err), &err);
    free(values);
    assert_ok(nj_npy_open(e->path, &e->npy, &err), &err);
}

static void fill(float *values, size_t count, uint64_t seed)
{
    for (size_t i = 0; i < count; i++) {
        values[i] = next_value(&seed);
    }
}

static example *open_example(void **state, nj_quant_kind kind, size_t bad_row)
{
    example *e = calloc(1, sizeof *e);
    assert_non_null(e);
    write_rows(state, e, bad_row);
    e->codebooks = (nj_codebooks){.kind = kind, .level_count = 3, .D = WIDTH, .K = {16, 16, 16}};
    for (uint32_t l = 0; l < 3; l++) {
        fill(e->books[l], 16 * WIDTH, l + 1);
        e->codebooks.vectors[l] = e->books[l];
    }
    if (kind == NJ_QUANT_HIERARCHICAL) { // 4 children of the root, and of the four 1, 2, 4 and 9
        e->codebooks.level_count = 2;
        e->codebooks.K[0] = 4;
        e->codebooks.K[1] = 9;
        memcpy(e->offsets[0], (uint32_t[]){0, 4}, 2 * sizeof(uint32_t));
        memcpy(e->offsets[1], (uint32_t[]){0, 1, 3, 7, 16}, 5 * sizeof(uint32_t));
        e->codebooks.child_offset[0] = e->offsets[0];
        e->codebooks.child_offset[1] = e->offsets[1];
    }
    fill(e->mean, WIDTH, 11);
    fill(e->weight, WIDTH * WIDTH, 12);
    e->transform = (nj_transform){.D_in = WIDTH, .mean = e->mean, .layer_count = 1};
    e->transform.layers[0] =
        (nj_dense){.weight = e->weight, .bias = e->mean, .rows = WIDTH, .columns = WIDTH};
    e->job = (nj_encode_job){.rows = &e->npy,
                             .path = e->path,
                             .codebooks = &e->codebooks,
                             .transform = &e->transform,
                             .options = {.kernels = NULL},
                             .quiet = true};
    return e;
}

static void close_example(example *e)
{
    nj_npy_close(&e->npy);
    free(e);
}

static void codes_are_those_of_one_encoder_whatever_the_threads(void **state)
{
    for (nj_quant_kind kind = 0; kind < NJ_QUANT_KIND_COUNT; kind++) {
        example *e = open_example(state, kind, ROWS);
        nj_error err = {0};
        nj_encoder *encoder = NULL;
        nj_quant_error error = {0}, first_error = {0}, whole = {0};
        nj_digest digest;
        uint16_t *codes = calloc(ROWS * 4, sizeof *codes);
        uint16_t *wanted = calloc(ROWS * 4, sizeof *wanted);
        float *x = malloc(ROWS * WIDTH * sizeof *x);
        assert_true(codes != NULL && wanted != NULL && x != NULL);
        assert_ok(nj_encoder_new(&e->codebooks, &e->transform, &e->job.options, &encoder, &err),
                  &err);
        assert_ok(nj_npy_read_f32(&e->npy, 0, ROWS * WIDTH, x, &err), &err);
        assert_ok(nj_encoder_encode(encoder, x, ROWS, wanted, 4, &whole, &err), &err);

        for (uint32_t threads = 0; threads <= 3; threads++) {
            const nj_item_threads config = {.kernels = NULL, .thread_count = threads};
            const nj_item_executor executor = nj_item_threads_executor(&config);
            e->job.executor = threads == 0 ? NULL : &executor;
            memset(codes, 0, ROWS * 4 * sizeof *codes);
            assert_ok(nj_encode_rows(&e->job, codes, 4, &error, &digest, &err), &err);
            assert_memory_equal(codes, wanted, ROWS * 4 * sizeof *codes);
            first_error = threads == 0 ? error : first_error;
            assert_memory_equal(&error, &first_error, sizeof error);
            assert_int_equal(error.row_count, ROWS);
            assert_true(fabs(error.squared_sum[0] / whole.squared_sum[0] - 1) < 1e-12);
        }
        nj_encoder_free(&encoder);
        free(x);
        free(wanted);
        free(codes);
        close_example(e);
    }
}

static void a_row_that_is_not_finite_is_named_whatever_the_threads(void **state)
{
    const size_t bad_row = SHARD_ROWS + 17;
    example *e = open_example(state, NJ_QUANT_RESIDUAL, bad_row);
    uint16_t *codes = calloc(ROWS * 4, sizeof *codes);
    assert_non_null(codes);
    assert_true(bad_row < ROWS);
    for (uint32_t threads = 1; threads <= 2; threads++) {
        nj_error err = {0};
        nj_quant_error error = {0};
        nj_digest digest;
        const nj_item_threads config = {.kernels = NULL, .thread_count = threads};
        const nj_item_executor executor = nj_item_threads_executor(&config);
        e->job.executor = &executor;
        char says[64];
        snprintf(says, sizeof says, "row %zu, column 5", bad_row);
        assert_refused(nj_encode_rows(&e->job, codes, 4, &error, &digest, &err), NJ_INPUT, &err,
                       says);
    }
    free(codes);
    close_example(e);
}

// ---- answers from outside ----

static void open_task(const example *e, nj_encode_parts *parts, nj_sections *sections,
                      nj_item_task *task)
{
    nj_error err = {0};
    assert_ok(nj_encode_parts_init(parts, &e->job, &err), &err);
    const nj_item_round round = {.work = &nj_item_work_encode_rows,
                                 .parameters = nj_buffer_slice(&parts->parameters),
                                 .sections = parts->sections,
                                 .section_count = parts->section_count,
                                 .shard_rows = 1};
    assert_ok(nj_item_round_check(&round, sections, &err), &err);
    assert_ok(nj_item_task_open(&nj_item_work_encode_rows, sections, round.parameters, "rows", NULL,
                                task, &err),
              &err);
}

static void answers_that_no_encoder_gives_are_refused(void **state)
{
    example *e = open_example(state, NJ_QUANT_HIERARCHICAL, ROWS);
    nj_encode_parts parts;
    nj_sections sections;
    nj_item_task task;
    open_task(e, &parts, &sections, &task);
    struct {
        double sums[2];
        uint16_t codes[3][2];
    } answer = {{1, 1}, {{0, 0}, {3, 8}, {2, 3}}};
    const nj_slice bytes = {(const char *)&answer, sizeof answer.sums + sizeof answer.codes};
    const char *(*find)(const nj_item_task *, size_t, nj_slice) =
        nj_item_work_encode_rows.find_problem;

    assert_null(find(&task, 3, bytes));
    assert_non_null(find(&task, 2, bytes));
    assert_non_null(find(&task, 3, (nj_slice){bytes.bytes, bytes.size - 1}));
    answer.codes[2][1] = 4; // node 2 has four children
    assert_non_null(find(&task, 3, bytes));
    answer.codes[2][1] = 0;
    answer.codes[0][0] = 4;
    assert_non_null(find(&task, 3, bytes));
    nj_encode_parts_fini(&parts);
    close_example(e);
}

// A worker takes sections and parameters from outside: whatever is wrong with them is said, and nothing is read beyond them.
static void sections_that_do_not_fit_are_refused(void **state)
{
    example *e = open_example(state, NJ_QUANT_HIERARCHICAL, ROWS);
    nj_encode_parts parts;
    nj_sections sections;
    nj_item_task task;
    open_task(e, &parts, &sections, &task);
    for (size_t i = 0; i < sections.count; i++) {
        nj_error err = {0};
        nj_encode_model model;
        nj_section kept = sections.sections[i];
        if (strcmp(kept.name, NJ_ITEM_ROWS) == 0) {
            continue;
        }
        sections.sections[i].size -= 4;
        assert_int_equal(nj_encode_model_read(&task, &model, &err), NJ_INPUT);
        sections.sections[i] = kept;
        sections.sections[i].name[0] = '?';
        const bool optional = strcmp(kept.name, "mean") == 0 || strcmp(kept.name, "bias.0") == 0;
        assert_int_equal(nj_encode_model_read(&task, &model, &err), optional ? NJ_OK : NJ_INPUT);
        sections.sections[i] = kept;
    }
    for (size_t size = 0; size < task.parameters.size; size++) {
        nj_error err = {0};
        nj_encode_model model;
        nj_item_task cut = task;
        cut.parameters.size = size;
        assert_int_equal(nj_encode_model_read(&cut, &model, &err), NJ_PROTOCOL);
    }
    nj_encode_parts_fini(&parts);
    close_example(e);
}

#define IN_SANDBOX(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SANDBOX(codes_are_those_of_one_encoder_whatever_the_threads),
        IN_SANDBOX(a_row_that_is_not_finite_is_named_whatever_the_threads),
        IN_SANDBOX(answers_that_no_encoder_gives_are_refused),
        IN_SANDBOX(sections_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
