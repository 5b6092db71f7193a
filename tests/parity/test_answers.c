// test_answers.c - answers of small T5 and Llama models against Transformers' generate (answers_transformers.py): items, lists and texts,
// by all length penalties and ways to stop. `parity_test_answers FOLDER` takes models and cases of that folder.
#include <math.h>
#include <stdio.h>

#include "common/codec/json.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"
#include "worker/beam/answers.h"
#include "worker/engine/generator.h"

// |score - reference| <= ABSOLUTE + RELATIVE * |reference|: the project's bound for float32 sums of log-softmax values.
#define ABSOLUTE 1e-4
#define RELATIVE 2e-5
// Two scores that differ by less may stand in either order.
#define NEAR_TIE 1e-4

#define USERS_MAX 2u
#define TOKENS_MAX 64u // of a prompt
#define STRINGS_MAX 64u
#define STRING_MAX 8u
#define LISTED_MAX STRINGS_MAX
#define STEPS_MAX 16u
#define CHUNK_ROWS 5u
#define SECTION_BYTES_MAX ((size_t)1 << 24)

static const char *cases_folder;

typedef struct {
    nj_generator_config config;
    nj_buffer section;
    nj_tensor_set *weights;
    nj_generator *model;
    const nj_kernels *kernels;
    json_t *cases;
    uint32_t tokens[STRINGS_MAX * STRING_MAX];
    uint64_t offset[STRINGS_MAX + 1];
    nj_buffer trie_bytes;
    nj_token_trie trie;
} world;

// One case: what its users are asked and may be answered.
typedef struct {
    nj_answer_config config;
    uint32_t separator[4];
    uint32_t tokens[USERS_MAX * TOKENS_MAX];
    uint32_t offset[USERS_MAX + 1];
    uint32_t excluded[USERS_MAX][LISTED_MAX];
    uint32_t candidates[USERS_MAX][LISTED_MAX];
    nj_answer_user users[USERS_MAX];
} asked;

// ---- reading ----

static uint32_t read_numbers(const json_t *list, uint32_t *out, size_t max)
{
    assert_true(json_array_size(list) <= max);
    for (size_t i = 0; i < json_array_size(list); i++) {
        out[i] = (uint32_t)json_integer_value(json_array_get(list, i));
    }
    return (uint32_t)json_array_size(list);
}

static void read_model(world *w, const char *folder)
{
    nj_error err = {0};
    nj_path path;
    nj_tensor_set *stored;
    json_t *json;
    assert_ok(nj_path_join(folder, "config.json", &path, &err), &err);
    assert_ok(nj_json_load(path.text, 1 << 20, &json, &err), &err);
    assert_ok(nj_generator_config_read(json, "config.json", &w->config, &err), &err);
    json_decref(json);
    assert_ok(nj_tensor_set_open(folder, &stored, &err), &err);
    nj_buffer_init(&w->section, SECTION_BYTES_MAX);
    assert_ok(nj_generator_weights_convert(&w->config, stored, &w->section, &err), &err);
    nj_tensor_set_close(&stored);
    assert_ok(
        nj_tensor_set_open_bytes(w->section.bytes, w->section.size, "weights", &w->weights, &err),
        &err);
    assert_ok(nj_kernels_select("ref", &w->kernels, &err), &err);
    const nj_generator_use use = {.sequence_max = TOKENS_MAX, .steps_max = STEPS_MAX};
    assert_ok(nj_generator_open(&w->config, w->weights, w->kernels, NJ_SAVINGS_ALL, &use, &w->model,
                                &err),
              &err);
}

static void read_strings(world *w, const json_t *strings)
{
    nj_error err = {0};
    const uint32_t count = (uint32_t)json_array_size(strings);
    assert_in_range(count, 1, STRINGS_MAX);
    for (uint32_t row = 0; row < count; row++) {
        w->offset[row + 1] = w->offset[row] + read_numbers(json_array_get(strings, row),
                                                           w->tokens + w->offset[row], STRING_MAX);
    }
    const nj_token_strings view = {w->tokens, w->offset, count, w->config.V, NULL};
    nj_buffer_init(&w->trie_bytes, SECTION_BYTES_MAX);
    assert_ok(nj_token_trie_build(&view, &w->trie_bytes, &err), &err);
    assert_ok(nj_token_trie_open(w->trie_bytes.bytes, w->trie_bytes.size, count, &w->trie, &err),
              &err);
}

static void open_world(world *w, const char *name)
{
    nj_error err = {0};
    nj_path folder;
    nj_path path;
    memset(w, 0, sizeof *w);
    assert_ok(nj_path_join(cases_folder, name, &folder, &err), &err);
    assert_ok(nj_path_join(folder.text, "cases.json", &path, &err), &err);
    assert_ok(nj_json_load(path.text, 1 << 20, &w->cases, &err), &err);
    read_model(w, folder.text);
    read_strings(w, json_object_get(w->cases, "strings"));
}

static void close_world(world *w)
{
    nj_generator_close(&w->model);
    nj_tensor_set_close(&w->weights);
    nj_buffer_fini(&w->section);
    nj_buffer_fini(&w->trie_bytes);
    json_decref(w->cases);
}

static const char *text_of(const json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));
    return text != NULL ? text : "";
}

static uint32_t number_of(const json_t *json, const char *key)
{
    return (uint32_t)json_integer_value(json_object_get(json, key));
}

static nj_answer_stop stop_of(const json_t *stop)
{
    return json_is_true(stop)     ? NJ_STOP_FIRST
           : json_is_string(stop) ? NJ_STOP_NEVER
                                  : NJ_STOP_LIKELY;
}

static void read_case(const world *w, const json_t *json, asked *out)
{
    const char *kind = text_of(json, "kind");
    const json_t *users = json_object_get(json, "users");
    memset(out, 0, sizeof *out);
    out->config = (nj_answer_config){
        .kind = strcmp(kind, "items") == 0  ? NJ_ANSWER_ITEMS
                : strcmp(kind, "list") == 0 ? NJ_ANSWER_LIST
                                            : NJ_ANSWER_TEXT,
        .W = number_of(json, "num_beams"),
        .wanted = number_of(json, "wanted"),
        .tokens_max = number_of(json, "max_new_tokens"),
        .start_token = w->config.start_token,
        .end_token = 1,
        .length_penalty = (float)json_number_value(json_object_get(json, "length_penalty")),
        .stop = stop_of(json_object_get(json, "early_stopping")),
        .temperature = 1.0f,
        .separator = out->separator,
        .separator_count = read_numbers(json_object_get(json, "separator"), out->separator, 4)};
    assert_int_equal(json_array_size(users), USERS_MAX);
    for (uint32_t b = 0; b < USERS_MAX; b++) {
        const json_t *user = json_array_get(users, b);
        const json_t *candidates = json_object_get(user, "candidates");
        out->offset[b + 1] =
            out->offset[b] +
            read_numbers(json_object_get(user, "tokens"), out->tokens + out->offset[b], TOKENS_MAX);
        out->users[b].excluded = out->excluded[b];
        out->users[b].excluded_count =
            read_numbers(json_object_get(user, "excluded"), out->excluded[b], LISTED_MAX);
        out->users[b].candidates = candidates != NULL ? out->candidates[b] : NULL;
        out->users[b].candidate_count = read_numbers(candidates, out->candidates[b], LISTED_MAX);
    }
}

// ---- comparing ----

static void check_near(double score, double expected)
{
    if (!(fabs(score - expected) <= ABSOLUTE + RELATIVE * fabs(expected))) {
        fail_msg("score %.9g, expected %.9g", score, expected);
    }
}

static void check_items(const nj_answer *answer, const json_t *expected)
{
    const json_t *items = json_object_get(expected, "items");
    const json_t *scores = json_object_get(expected, "scores");
    assert_int_equal(answer->count, json_array_size(items));
    for (uint32_t i = 0; i < answer->count; i++) {
        const uint32_t item = (uint32_t)json_integer_value(json_array_get(items, i));
        const double score = scores != NULL ? json_number_value(json_array_get(scores, i)) : 0.0;
        if (scores != NULL) {
            check_near((double)answer->scores[i], score);
        }
        const bool may_swap =
            scores != NULL && i + 1 < answer->count &&
            fabs(json_number_value(json_array_get(scores, i + 1)) - score) < NEAR_TIE;
        const bool was_swapped =
            scores != NULL && i > 0 &&
            fabs(json_number_value(json_array_get(scores, i - 1)) - score) < NEAR_TIE;
        if (answer->items[i] != item && !may_swap && !was_swapped) {
            fail_msg("item %u is %u, expected %u", i, answer->items[i], item);
        }
    }
}

static void check_tokens(const nj_answer *answer, const json_t *tokens)
{
    assert_int_equal(answer->token_count, json_array_size(tokens));
    for (uint32_t i = 0; i < answer->token_count; i++) {
        assert_int_equal(answer->tokens[i], json_integer_value(json_array_get(tokens, i)));
    }
}

static void check_answer(const asked *a, const nj_answer *answer, const json_t *expected)
{
    assert_true(answer->finite);
    if (a->config.kind == NJ_ANSWER_TEXT) {
        check_tokens(answer, json_object_get(expected, "tokens"));
    } else {
        check_items(answer, expected);
    }
    if (json_object_get(expected, "score") != NULL) {
        check_near((double)answer->score, json_number_value(json_object_get(expected, "score")));
        assert_int_equal(answer->ended, json_is_true(json_object_get(expected, "ended")));
    }
}

static void run_case(const world *w, const asked *a, nj_arena *arena, nj_answer *answers)
{
    nj_error err = {0};
    const uint32_t rows = (uint32_t)nj_answer_rows_max(&w->trie, &a->config, USERS_MAX);
    const nj_model_limits limits = {.users_max = USERS_MAX,
                                    .tokens_max = USERS_MAX * TOKENS_MAX,
                                    .sequence_max = TOKENS_MAX,
                                    .rows_max = rows,
                                    .chunk_rows_max = CHUNK_ROWS,
                                    .steps_max = nj_answer_steps_max(&w->trie, &a->config)};
    const size_t bytes = nj_generator_scratch_bytes(&w->config, &limits, 0) +
                         nj_answer_scratch_bytes(&w->trie, &a->config, LISTED_MAX, USERS_MAX,
                                                 w->config.V, CHUNK_ROWS);
    const nj_prompts prompts = {.tokens = a->tokens, .offset = a->offset, .B = USERS_MAX};
    assert_ok(nj_arena_init(arena, bytes, &err), &err);
    const nj_beam_model model = nj_generator_begin(w->model, &limits, &prompts, arena);
    nj_answer_search(&w->trie, &a->config, &model, w->kernels, a->users, USERS_MAX, arena, answers);
}

static void check_model(const char *name)
{
    static world w;
    open_world(&w, name);
    const json_t *cases = json_object_get(w.cases, "cases");
    assert_true(json_array_size(cases) > 0);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        static asked a;
        nj_arena arena;
        nj_answer answers[USERS_MAX];
        const json_t *json = json_array_get(cases, i);
        read_case(&w, json, &a);
        run_case(&w, &a, &arena, answers);
        for (uint32_t b = 0; b < USERS_MAX; b++) {
            const json_t *user = json_array_get(json_object_get(json, "users"), b);
            print_message("%s: case %zu (%s), user %u\n", name, i, text_of(json, "kind"), b);
            check_answer(&a, &answers[b], json_object_get(user, "expected"));
        }
        nj_arena_fini(&arena);
    }
    close_world(&w);
}

static void a_t5_answers_as_transformers_does(void **state)
{
    (void)state;
    check_model("t5");
}

static void a_llama_answers_as_transformers_does(void **state)
{
    (void)state;
    check_model("llama");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_t5_answers_as_transformers_does),
        cmocka_unit_test(a_llama_answers_as_transformers_does),
    };
    static char committed[4096];
    snprintf(committed, sizeof committed, "%s", data_path("answers"));
    cases_folder = argc > 1 ? argv[1] : committed;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
