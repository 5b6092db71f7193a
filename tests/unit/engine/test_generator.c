// test_generator.c - a language model behind the engine: what all prompts begin with is computed once, and no list shows it.
#include "common/catalogue/section_names.h"
#include "common/catalogue/view.h"
#include "tests/support/lm_fixture.h"
#include "tests/unit/engine/world.h"
#include "worker/engine/forced.h"

#define L 3
#define K 16 // with the token base 2 the 50 tokens of the fixtures
#define TOP 5
#define USERS 20

static const nj_template TEMPLATE = {.before = {1, 7, 49, 3},
                                     .before_count = 4,
                                     .between = {1},
                                     .between_count = 1,
                                     .after = {5, 6},
                                     .after_count = 2};

typedef struct {
    lm_fixture lm;
    nj_synthetic world;
    nj_buffer facts;
    char *model;
    world_users users;
} shop;

static void setup(shop *s, const char *name)
{
    nj_error err = {0};
    const nj_kernels *kernels;
    nj_catalogue_view view;
    nj_synthetic_shape shape = world_shape(L, K, 300);
    assert_ok(nj_kernels_select("auto", &kernels, &err), &err);
    lm_fixture_open(name, kernels, &s->lm);
    world_make(&s->world, &shape);
    assert_ok(nj_catalogue_view_open(&s->world.sections, &view, &err), &err);
    nj_buffer_init(&s->facts, 1 << 20);
    assert_ok(nj_catalogue_section_write(&view.sids, view.token_base[0], &TEMPLATE, 30, &s->facts),
              &err);
    s->model = json_dumps(s->lm.json, 0);
    world_replace(&s->world, NJ_SECTION_CATALOGUE, s->facts.bytes, s->facts.size);
    world_replace(&s->world, NJ_SECTION_MODEL, s->model, strlen(s->model));
    world_replace(&s->world, NJ_SECTION_WEIGHTS, s->lm.section.bytes, s->lm.section.size);
    for (uint32_t u = 0; u < USERS; u++) {
        world_add_random(&s->users, u + 1, 300, 1 + u * 2);
    }
}

static void teardown(shop *s)
{
    nj_synthetic_free(&s->world);
    nj_buffer_fini(&s->facts);
    free(s->model);
    lm_fixture_close(&s->lm);
}

static nj_settings choose_settings(void)
{
    nj_settings settings = nj_settings_default();
    settings.beam = 12;
    settings.top = TOP;
    settings.keep_history = true;
    settings.history_items_max = 40;
    return settings;
}

// What each user was given.
typedef struct {
    uint32_t items[USERS][TOP];
    float scores[USERS][TOP];
} answers;

static nj_status keep(void *context, size_t index, const nj_list *list, nj_error *err)
{
    (void)err;
    answers *a = context;
    assert_int_equal(list->count, TOP);
    memcpy(a->items[index], list->items, sizeof a->items[index]);
    memcpy(a->scores[index], list->scores, sizeof a->scores[index]);
    return NJ_OK;
}

static answers decode(const shop *s, uint32_t batch_users)
{
    nj_error err = {0};
    nj_engine *engine = NULL;
    answers a;
    const nj_settings settings = choose_settings();
    nj_engine_options options = nj_engine_options_default(s->lm.kernels);
    options.batch_users = batch_users;
    assert_ok(nj_engine_open(&s->world.sections, &settings, &options, &engine, &err), &err);
    assert_ok(nj_engine_decode(engine, s->users.requests, USERS, keep, &a, &err), &err);
    nj_engine_close(&engine);
    return a;
}

// The whole prompt by itself, the shared tokens among it, and the item's tokens given one by one.
static double score_whole(const shop *s, const nj_catalogue_view *view, const nj_request *request,
                          uint32_t item)
{
    nj_error err = {0};
    nj_forced *forced = NULL;
    nj_generator_config config;
    uint32_t tokens[512], targets[L];
    float found[L];
    const nj_token_table table = nj_catalogue_view_tokens(view);
    const uint32_t used = request->item_count < 30 ? request->item_count : 30;
    const uint32_t count =
        (uint32_t)nj_template_tokens(&TEMPLATE, &table, request->user,
                                     request->items + (request->item_count - used), used, tokens);
    const uint32_t offset[2] = {0, count};
    for (uint32_t l = 0; l < L; l++) {
        targets[l] = view->token_base[l] + view->sids.codes[(size_t)item * L + l];
    }
    assert_ok(nj_generator_config_read(s->lm.json, "config.json", &config, &err), &err);
    assert_ok(nj_forced_open(&config, s->lm.weights, count, L, &forced, &err), &err);
    nj_forced_score(forced, tokens, offset, 1, targets, found);
    nj_forced_close(&forced);
    return (double)found[0] + (double)found[1] + (double)found[2];
}

static void lists_have_the_scores_of_whole_prompts(void **state)
{
    (void)state;
    for (size_t c = 0; LM_CASES[c] != NULL; c++) {
        nj_error err = {0};
        nj_catalogue_view view;
        shop s = {0};
        setup(&s, LM_CASES[c]);
        assert_ok(nj_catalogue_view_open(&s.world.sections, &view, &err), &err);
        const answers a = decode(&s, 16);
        for (uint32_t u = 0; u < USERS; u += 3) {
            for (uint32_t i = 0; i < TOP; i++) {
                const double whole = score_whole(&s, &view, &s.users.requests[u], a.items[u][i]);
                assert_true(fabs((double)a.scores[u][i] - whole) <= 2e-5);
            }
        }
        teardown(&s);
    }
}

static void lists_do_not_depend_on_the_batch(void **state)
{
    (void)state;
    shop s = {0};
    setup(&s, "qwen3-million");
    const answers a = decode(&s, 1);
    const answers b = decode(&s, 7);
    const answers c = decode(&s, 20);
    assert_memory_equal(&a, &b, sizeof a);
    assert_memory_equal(&a, &c, sizeof a);
    teardown(&s);
}

static void a_history_that_outgrows_the_models_positions_is_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    shop s = {0};
    setup(&s, "llama-linear");
    json_object_set_new(s.lm.json, "max_position_embeddings", json_integer(125));
    free(s.model);
    s.model = json_dumps(s.lm.json, 0);
    world_replace(&s.world, NJ_SECTION_MODEL, s.model, strlen(s.model));
    nj_engine *engine = NULL;
    const nj_settings settings = choose_settings();
    const nj_engine_options options = nj_engine_options_default(s.lm.kernels);
    // 4 before, 30 items of 3 tokens with 29 between, 2 after, and 2 tokens of the SID: 127.
    assert_refused(nj_engine_open(&s.world.sections, &settings, &options, &engine, &err), NJ_CONFIG,
                   &err, "127 positions with their SIDs, the model was made for 125");
    teardown(&s);
}

static void an_unknown_model_type_is_named_with_the_known_ones(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_generator_config config;
    json_t *json = json_pack("{s:s}", "model_type", "mamba");
    assert_refused(
        nj_generator_config_read(json, "config.json", &config, &err), NJ_INPUT, &err,
        "\"model_type\" is \"mamba\", must be \"t5\", \"llama\", \"qwen2\" or \"qwen3\"");
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_have_the_scores_of_whole_prompts),
        cmocka_unit_test(lists_do_not_depend_on_the_batch),
        cmocka_unit_test(a_history_that_outgrows_the_models_positions_is_refused),
        cmocka_unit_test(an_unknown_model_type_is_named_with_the_known_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
