// test_embed_work.c - texts on their way through a round: shards of any size give the same vectors, and outside bytes are checked.
#include "worker/items/embed_work.h"

#include <stdlib.h>
#include <string.h>

#include "common/catalogue/item_threads.h"
#include "tests/support/nj_test.h"
#include "worker/encoder/sentence.h"

#define TEXTS 9
#define SECTIONS 3

typedef struct {
    nj_sentence model;
    nj_buffer tokens;
    nj_buffer rows; // .npy
    nj_buffer parameters;
    nj_item_section sections[SECTIONS];
    nj_item_round round;
    float *vectors; // [TEXTS, width]
} example;

static int64_t *get_rows(example *e)
{
    return (int64_t *)(void *)(e->rows.bytes + e->rows.size) - TEXTS * NJ_EMBED_COLUMNS;
}

static void open_example(example *e)
{
    static const char *const WORDS = "red nail polish hair brush shampoo";
    nj_error err = {0};
    memset(e, 0, sizeof *e);
    nj_buffer_init(&e->tokens, 1 << 16);
    nj_buffer_init(&e->rows, 1 << 16);
    nj_buffer_init(&e->parameters, 1 << 16);
    assert_ok(nj_sentence_open(NIGHTJAR_SOURCE_DIR "/tests/data/sentence-encoder", nj_kernels_at(0),
                               &e->model, &err),
              &err);
    const size_t shape[] = {TEXTS, NJ_EMBED_COLUMNS};
    assert_ok(nj_npy_append_header(&e->rows, NJ_NPY_U64, shape, 2, &err), &err);
    for (size_t i = 0; i < TEXTS; i++) {
        const uint64_t first = e->tokens.size / sizeof(uint32_t);
        const nj_slice text = {WORDS, strlen(WORDS) * (i + 1) / TEXTS};
        assert_ok(nj_sentence_tokenize(&e->model, text, &e->tokens, NULL, &err), &err);
        const uint64_t span[] = {first, e->tokens.size / sizeof(uint32_t) - first};
        assert_int_equal(nj_buffer_append(&e->rows, span, sizeof span), NJ_OK);
    }
    assert_ok(nj_embed_parameters(&e->model.config, "exact", &e->parameters, &err), &err);
    e->sections[0] = (nj_item_section){NJ_ITEM_ROWS, e->rows.bytes, e->rows.size, NULL};
    e->sections[1] = (nj_item_section){NJ_EMBED_TOKENS, e->tokens.bytes, e->tokens.size, NULL};
    e->sections[2] =
        (nj_item_section){NJ_EMBED_WEIGHTS, e->model.section.bytes, e->model.section.size, NULL};
    e->round = (nj_item_round){.work = &nj_item_work_embed_texts,
                               .parameters = nj_buffer_slice(&e->parameters),
                               .sections = e->sections,
                               .section_count = SECTIONS,
                               .shard_rows = TEXTS};
    e->vectors = calloc((size_t)TEXTS * e->model.config.width, sizeof *e->vectors);
    assert_non_null(e->vectors);
}

static void close_example(example *e)
{
    free(e->vectors);
    nj_sentence_close(&e->model);
    nj_buffer_fini(&e->tokens);
    nj_buffer_fini(&e->rows);
    nj_buffer_fini(&e->parameters);
}

static nj_status take(void *context, size_t shard, size_t first, size_t count, nj_slice answer,
                      nj_error *err)
{
    (void)shard;
    (void)err;
    example *e = context;
    const size_t row_bytes = e->model.config.width * sizeof(float);
    assert_int_equal(answer.size, count * row_bytes);
    memcpy((char *)e->vectors + first * row_bytes, answer.bytes, answer.size);
    return NJ_OK;
}

static nj_status run(example *e, uint32_t threads, nj_error *err)
{
    const nj_item_threads config = {.kernels = nj_kernels_at(0), .thread_count = threads};
    const nj_item_executor executor = nj_item_threads_executor(&config);
    return nj_item_run(&executor, &e->round, take, e, err);
}

static void shards_of_any_size_give_the_same_vectors(void **state)
{
    (void)state;
    nj_error err = {0};
    example e;
    open_example(&e);
    assert_ok(run(&e, 1, &err), &err);
    const size_t bytes = TEXTS * e.model.config.width * sizeof(float);
    float *whole = malloc(bytes);
    assert_non_null(whole);
    memcpy(whole, e.vectors, bytes);
    assert_true(whole[0] != 0.0f);
    for (e.round.shard_rows = 1; e.round.shard_rows < TEXTS; e.round.shard_rows++) {
        memset(e.vectors, 0, bytes);
        assert_ok(run(&e, 3, &err), &err);
        assert_memory_equal(e.vectors, whole, bytes);
    }
    free(whole);
    close_example(&e);
}

static void spans_and_tokens_from_outside_are_checked(void **state)
{
    (void)state;
    nj_error err = {0};
    example e;
    open_example(&e);
    const int64_t bad[][2] = {{-1, 3}, {0, 0}, {0, 25}, {1 << 20, 3}, {0, INT64_MAX}};
    int64_t *row = get_rows(&e) + 4 * NJ_EMBED_COLUMNS;
    const int64_t right[] = {row[0], row[1]};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        memcpy(row, bad[i], sizeof bad[i]);
        assert_refused(run(&e, 2, &err), NJ_INPUT, &err, bad[i][0] < 0 ? "row" : "text 4 has");
    }
    memcpy(row, right, sizeof right);
    uint32_t *token = (uint32_t *)(void *)e.tokens.bytes + 5;
    *token = e.model.config.V;
    assert_refused(run(&e, 1, &err), NJ_INPUT, &err, "at place 5, the model knows those below");
    *token = 1;
    e.sections[1].size--;
    assert_refused(run(&e, 1, &err), NJ_INPUT, &err, "section \"tokens\" of numbers");
    close_example(&e);
}

static void a_round_of_another_class_or_without_a_model_is_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    example e;
    open_example(&e);
    nj_buffer_clear(&e.parameters);
    assert_ok(nj_embed_parameters(&e.model.config, "int8", &e.parameters, &err), &err);
    e.round.parameters = nj_buffer_slice(&e.parameters);
    assert_refused(run(&e, 1, &err), NJ_CONFIG, &err, "in numeric class \"int8\"");
    e.round.parameters.size /= 2;
    assert_int_equal(run(&e, 1, &err), NJ_PROTOCOL);
    e.round.parameters.size = 0;
    assert_int_equal(run(&e, 1, &err), NJ_PROTOCOL);
    nj_buffer_clear(&e.parameters);
    assert_ok(nj_embed_parameters(&e.model.config, "exact", &e.parameters, &err), &err);
    e.round.parameters = nj_buffer_slice(&e.parameters);
    e.round.section_count = 2;
    assert_refused(run(&e, 1, &err), NJ_INPUT, &err, "without a section \"weights\"");
    close_example(&e);
}

static void answers_that_are_no_vectors_are_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    example e;
    nj_sections sections;
    nj_item_task task;
    open_example(&e);
    assert_ok(nj_item_round_check(&e.round, &sections, &err), &err);
    assert_ok(
        nj_item_task_open(e.round.work, &sections, e.round.parameters, "rows", NULL, &task, &err),
        &err);
    const size_t bytes = TEXTS * e.model.config.width * sizeof(float);
    const nj_slice answer = {(const char *)e.vectors, bytes};
    assert_null(e.round.work->find_problem(&task, TEXTS, answer));
    assert_string_equal(e.round.work->find_problem(&task, TEXTS - 1, answer),
                        "the vectors have another size");
    const uint32_t nan = 0x7fc00000u;
    memcpy(&e.vectors[3], &nan, sizeof nan);
    assert_non_null(strstr(e.round.work->find_problem(&task, TEXTS, answer), "not finite"));
    close_example(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shards_of_any_size_give_the_same_vectors),
        cmocka_unit_test(spans_and_tokens_from_outside_are_checked),
        cmocka_unit_test(a_round_of_another_class_or_without_a_model_is_refused),
        cmocka_unit_test(answers_that_are_no_vectors_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
