// test_t5_validation.c - what is trained is what is read back, and a model is judged as its bundle would be, on any number of threads.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/catalogue/catalogue_make.h"
#include "common/catalogue/view.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"
#include "worker/engine/bundle_pack.h"
#include "worker/engine/engine.h"
#include "worker/engine/forced.h"
#include "worker/train/t5_folder.h"
#include "worker/train/t5_gradient.h"
#include "worker/train/t5_initial.h"
#include "worker/train/t5_validation.h"

#define ITEMS 1300 // of the fixture: four levels of 64 codes
#define L 4
#define USERS 70
#define HISTORY 5
#define USER_TOKENS 3

typedef struct {
    nj_catalogue *catalogue;
    nj_idmap map;
    nj_template template;
    nj_catalogue_sections made;
    nj_trie trie;
    nj_live_rows live;
    nj_held_out held;
    nj_t5_config config;
    char *config_text;
    nj_train_t5 *model;
} bench;

// Users read items that follow one another by a stride of their own.
static const char *write_users(void **state)
{
    nj_buffer text;
    nj_buffer_init(&text, 1 << 16);
    for (unsigned u = 0; u < USERS; u++) {
        assert_int_equal(nj_buffer_printf(&text, "user%u", u), NJ_OK);
        for (unsigned i = 0; i < 3 + u % 7; i++) {
            assert_int_equal(nj_buffer_printf(&text, " %u", (u * 37 + i * (u + 1)) % ITEMS), NJ_OK);
        }
        assert_int_equal(nj_buffer_printf(&text, "\n"), NJ_OK);
    }
    const char *path = sandbox_write(state, "users", text.bytes, text.size);
    nj_buffer_fini(&text);
    return path;
}

static void make_model(bench *b, bool gated, bool untied)
{
    nj_error err = {0};
    nj_buffer bytes;
    nj_tensor_set *weights = NULL;
    const nj_kernels *kernels = NULL;
    json_t *json = NULL;
    const nj_t5_config shape = {.D = 12,
                                .H = 3,
                                .E = 5,
                                .F = 20,
                                .V = 2 + L * 64 + USER_TOKENS,
                                .encoder_layers = 2,
                                .decoder_layers = 1,
                                .R = 32,
                                .distance_max = 128,
                                .epsilon = 1e-6f,
                                .gated = gated,
                                .scale_outputs = !untied};
    const nj_t5_folder folder = {.config = &shape,
                                 .untied = untied,
                                 .dropout = 0.1,
                                 .initializer_factor = 1,
                                 .catalogue = b->catalogue,
                                 .template = &b->template,
                                 .history_max = HISTORY};
    assert_ok(nj_t5_folder_config(&folder, &b->config_text, &err), &err);
    assert_ok(nj_json_parse(b->config_text, strlen(b->config_text), "config", &json, &err), &err);
    assert_ok(nj_t5_config_read(json, "config", &b->config, &err), &err);
    json_decref(json);
    assert_memory_equal(&b->config, &shape, sizeof shape);
    nj_buffer_init(&bytes, 1 << 26);
    assert_ok(nj_t5_weights_initial(&b->config, untied, 1, 3, &bytes, &err), &err);
    assert_ok(nj_tensor_set_open_bytes(bytes.bytes, bytes.size, "model", &weights, &err), &err);
    assert_ok(nj_kernels_select("auto", &kernels, &err), &err);
    assert_ok(nj_train_t5_open(&b->config, weights, kernels, &b->model, &err), &err);
    nj_tensor_set_close(&weights);
    nj_buffer_fini(&bytes);
}

static void open_bench(bench *b, void **state, bool gated, bool untied)
{
    nj_error err = {0};
    const nj_codes_per_level K = {{64}, 1};
    const nj_catalogue_options options = {.token_base = 2};
    const nj_split split = {.kind = NJ_SPLIT_VALIDATION};
    const nj_histories_source users = {.path = write_users(state)};
    *b = (bench){.template = {.after = {1},
                              .after_count = 1,
                              .user_token_base = 2 + L * 64,
                              .user_token_count = USER_TOKENS}};
    assert_ok(
        nj_catalogue_from_sids(data_path("t5-untied/sids.npy"), &K, &options, &b->catalogue, &err),
        &err);
    assert_ok(nj_idmap_build(&b->map, &b->catalogue->items, "catalogue", &err), &err);
    assert_ok(nj_catalogue_sections_make(b->catalogue, &b->template, HISTORY, &b->made, &err),
              &err);
    assert_ok(nj_trie_open(b->made.trie.bytes, b->made.trie.size, ITEMS, &b->trie, &err), &err);
    assert_ok(nj_live_rows_init(&b->trie, ITEMS, &b->live, &err), &err);
    assert_ok(nj_held_out_read(&users, &split, &b->catalogue->items, &b->map, NULL, &b->live,
                               &b->held, &err),
              &err);
    assert_int_equal(b->held.users.count, USERS);
    make_model(b, gated, untied);
}

static void close_bench(bench *b)
{
    nj_train_t5_close(&b->model);
    free(b->config_text);
    nj_held_out_fini(&b->held);
    nj_live_rows_fini(&b->live);
    nj_catalogue_sections_fini(&b->made);
    nj_idmap_fini(&b->map);
    nj_catalogue_free(&b->catalogue);
}

// ---- reading back ----

// The loss of three samples by the training's forward pass, and by the model that a bundle would be packed from.
static void compare_losses(bench *b, const char *folder)
{
    static const uint32_t tokens[] = {5, 70, 130, 200, 1, 9, 66, 131, 250, 258, 2, 1};
    static const uint32_t offset[] = {0, 5, 10, 12};
    static const uint32_t labels[] = {2, 66, 130, 194, 50, 100, 150, 200, 65, 129, 193, 257};
    const nj_train_limits limits = {3, 12, 5, L};
    const nj_train_batch batch = {3, tokens, offset, labels};
    const nj_train_options options = {.weight = 1};
    nj_error err = {0};
    nj_train_scratch *scratch = NULL;
    nj_tensor_set *files = NULL;
    const nj_generator_config config = {.kind = NJ_GENERATOR_T5,
                                        .V = b->config.V,
                                        .start_token = b->config.start_token,
                                        .t5 = b->config};
    nj_tensor_set *weights = NULL;
    nj_forced *forced = NULL;
    nj_buffer section;
    float found[3 * L];
    float *gradient = calloc(b->model->count, sizeof *gradient);
    assert_ok(nj_train_scratch_new(b->model, &limits, &scratch, &err), &err);
    const double trained = nj_train_gradient(b->model, scratch, &batch, &options, gradient);
    nj_buffer_init(&section, 1 << 26);
    assert_ok(nj_tensor_set_open(folder, &files, &err), &err);
    assert_ok(nj_t5_weights_convert(&b->config, files, &section, &err), &err);
    assert_ok(nj_tensor_set_open_bytes(section.bytes, section.size, "section", &weights, &err),
              &err);
    assert_ok(nj_forced_open(&config, weights, 5, L, &forced, &err), &err);
    nj_forced_score(forced, tokens, offset, 3, labels, found);
    double loss = 0;
    for (size_t i = 0; i < 3 * L; i++) {
        loss -= (double)found[i];
    }
    if (!(fabs(loss - trained) < 1e-5 * trained)) {
        fail_msg("the loss is %.7g in training and %.7g as read back", trained, loss);
    }
    nj_forced_close(&forced);
    nj_tensor_set_close(&weights);
    nj_tensor_set_close(&files);
    nj_buffer_fini(&section);
    nj_train_scratch_free(&scratch);
    free(gradient);
}

static void what_is_written_reads_back_as_the_model_that_was_trained(void **state)
{
    for (unsigned kind = 0; kind < 4; kind++) {
        nj_error err = {0};
        bench b;
        const char *folder = sandbox_path(state, "model");
        assert_ok(nj_folder_make(folder, &err), &err);
        open_bench(&b, state, kind % 2 == 1, kind >= 2);
        // The second writing finds the config.json of another model.
        assert_ok(nj_t5_folder_write(b.model, b.config_text, L, folder, &err), &err);
        compare_losses(&b, folder);
        close_bench(&b);
    }
}

static void a_bundle_is_packed_with_the_template_and_history_of_the_training(void **state)
{
    nj_error err = {0};
    bench b;
    nj_bundle *bundle = NULL;
    nj_catalogue_view view;
    nj_pack_summary summary;
    const char *folder = sandbox_path(state, "model");
    nj_pack_request request = {.model_path = folder, .catalogue_path = sandbox_path(state, "cat")};
    assert_ok(nj_folder_make(folder, &err), &err);
    open_bench(&b, state, false, false);
    assert_ok(nj_t5_folder_write(b.model, b.config_text, L, folder, &err), &err);
    assert_ok(nj_catalogue_write(request.catalogue_path, b.catalogue, true, &err), &err);
    assert_ok(nj_bundle_pack(&request, sandbox_path(state, "night.njb"), &summary, &err), &err);
    assert_true(summary.trained_on);
    assert_int_equal(summary.history_max, HISTORY);
    assert_ok(nj_bundle_open(sandbox_path(state, "night.njb"), &bundle, &err), &err);
    assert_ok(nj_catalogue_view_open(nj_bundle_sections(bundle), &view, &err), &err);
    assert_memory_equal(&view.template, &b.template, sizeof view.template);
    nj_bundle_close(&bundle);
    const nj_template other = {.before = {1}, .before_count = 1};
    request.template = &other; // the caller knows better
    request.history_max = 2;
    assert_ok(nj_bundle_pack(&request, sandbox_path(state, "other.njb"), &summary, &err), &err);
    assert_int_equal(summary.history_max, 2);
    close_bench(&b);
}

// ---- judging ----

static nj_t5_validation *new_validation(const bench *b, uint32_t users_max)
{
    nj_error err = {0};
    nj_t5_validation *validation = NULL;
    const nj_t5_validation_request request = {
        .catalogue = b->catalogue,
        .made = &b->made,
        .model_json = {b->config_text, strlen(b->config_text)},
        .held = &b->held,
        .users_max = users_max,
        .seed = 4,
        .beam = 60};
    assert_ok(nj_t5_validation_new(&request, &validation, &err), &err);
    return validation;
}

static nj_status judge(const bench *b, nj_t5_validation *validation, size_t threads,
                       bool (*stop)(void *context), nj_t5_figures *out, nj_error *err)
{
    nj_pool *pool = NULL;
    assert_ok(nj_pool_new(threads, &pool, err), err);
    nj_status status = nj_t5_validation_run(validation, b->model, pool, stop, NULL, out, err);
    nj_pool_free(&pool);
    return status;
}

typedef struct {
    const bench *b;
    size_t hits;
} counting;

static nj_status count_hit(void *context, size_t index, const nj_list *list, nj_error *err)
{
    counting *c = context;
    (void)err;
    for (uint32_t i = 0; i < list->count && i < NJ_VALIDATION_CUTOFF; i++) {
        c->hits += list->items[i] == nj_held_out_targets(&c->b->held)[index];
    }
    return NJ_OK;
}

// As `nightjar eval` would: one engine over the sections, every user.
static double recall_of_one_engine(const bench *b)
{
    nj_error err = {0};
    nj_buffer weights;
    nj_sections sections;
    nj_engine *engine = NULL;
    nj_request requests[USERS];
    counting c = {b, 0};
    nj_settings settings = nj_settings_default();
    const nj_engine_options options = nj_engine_options_default(b->model->kernels);
    settings.beam = 60;
    assert_ok(nj_user_table_apply(&b->held.users, &settings, &err), &err);
    nj_buffer_init(&weights, 1 << 26);
    assert_ok(nj_train_t5_write(b->model, &weights, &err), &err);
    nj_catalogue_sections_list(&b->made, b->catalogue, NULL,
                               (nj_slice){b->config_text, strlen(b->config_text)},
                               nj_buffer_slice(&weights), &sections);
    assert_ok(nj_engine_open(&sections, &settings, &options, &engine, &err), &err);
    for (size_t u = 0; u < USERS; u++) {
        requests[u] = nj_user_table_at(&b->held.users, u);
    }
    assert_ok(nj_engine_decode(engine, requests, USERS, count_hit, &c, &err), &err);
    nj_engine_close(&engine);
    nj_buffer_fini(&weights);
    return (double)c.hits / USERS;
}

static void figures_are_those_of_one_engine_on_any_number_of_threads(void **state)
{
    nj_error err = {0};
    bench b;
    nj_t5_figures one, three;
    open_bench(&b, state, false, false);
    nj_t5_validation *validation = new_validation(&b, 0);
    assert_int_equal(nj_t5_validation_users(validation), USERS);
    assert_ok(judge(&b, validation, 1, NULL, &one, &err), &err);
    assert_ok(judge(&b, validation, 3, NULL, &three, &err), &err);
    print_message("recall %.4f, NDCG %.4f\n", one.recall, one.ndcg);
    assert_true(one.recall > 0 && one.ndcg > 0 && one.ndcg < one.recall);
    assert_true(one.recall == three.recall && one.ndcg == three.ndcg);
    assert_true(fabs(one.recall - recall_of_one_engine(&b)) < 1e-12);
    nj_t5_validation_free(&validation);
    validation = new_validation(&b, 20);
    assert_int_equal(nj_t5_validation_users(validation), 20);
    assert_ok(judge(&b, validation, 2, NULL, &three, &err), &err);
    nj_t5_validation_free(&validation);
    close_bench(&b);
}

static bool always(void *context)
{
    (void)context;
    return true;
}

static void a_validation_ends_when_asked_and_when_the_model_gives_no_numbers(void **state)
{
    nj_error err = {0};
    bench b;
    nj_t5_figures figures;
    open_bench(&b, state, false, false);
    nj_t5_validation *validation = new_validation(&b, 0);
    assert_int_equal(judge(&b, validation, 2, always, &figures, &err), NJ_AGAIN);
    b.model->values[b.model->decoder.final_norm] =
        3e38f; // overflows behind it, and is a number itself
    nj_status status = judge(&b, validation, 2, NULL, &figures, &err);
    assert_int_equal(status, NJ_FAILED);
    assert_non_null(strstr(err.text, "user \"user"));
    nj_t5_validation_free(&validation);
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_reads_back_as_the_model_that_was_trained,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(
            a_bundle_is_packed_with_the_template_and_history_of_the_training, sandbox_setup,
            sandbox_teardown),
        cmocka_unit_test_setup_teardown(figures_are_those_of_one_engine_on_any_number_of_threads,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(
            a_validation_ends_when_asked_and_when_the_model_gives_no_numbers, sandbox_setup,
            sandbox_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
