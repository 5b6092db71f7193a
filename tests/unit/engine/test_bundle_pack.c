// test_bundle_pack.c - a checkpoint, a catalogue and histories become one bundle, or nothing is written.
#include "worker/engine/bundle_pack.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/catalogue/catalogue_make.h"
#include "common/catalogue/view.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

#define ITEMS 1300
#define FILE_BYTES_MAX ((size_t)1 << 26)

static void write_catalogue(void **state, const char *name, uint32_t token_base,
                            const nj_template *template)
{
    nj_error err = {0};
    nj_catalogue *catalogue = NULL;
    const nj_codes_per_level K = {{64}, 1};
    const nj_catalogue_options options = {.token_base = token_base, .template = template};
    assert_ok(
        nj_catalogue_from_sids(data_path("t5-untied/sids.npy"), &K, &options, &catalogue, &err),
        &err);
    assert_ok(nj_catalogue_write(sandbox_path(state, name), catalogue, true, &err), &err);
    nj_catalogue_free(&catalogue);
}

static void copy_file(void **state, const char *from, const char *to)
{
    nj_error err = {0};
    char *bytes = NULL;
    size_t size = 0;
    assert_ok(nj_file_read(from, FILE_BYTES_MAX, &bytes, &size, &err), &err);
    sandbox_write(state, to, bytes, size);
    free(bytes);
}

// The fixture's model with this text in front of the keys of its configuration.
static void write_model(void **state, const char *more_keys)
{
    nj_error err = {0};
    char *bytes = NULL;
    size_t size = 0;
    char text[4096];
    assert_ok(nj_folder_make(sandbox_path(state, "model"), &err), &err);
    copy_file(state, data_path("t5-untied/model/model.safetensors"), "model/model.safetensors");
    assert_ok(
        nj_file_read(data_path("t5-untied/model/config.json"), sizeof text, &bytes, &size, &err),
        &err);
    int written = snprintf(text, sizeof text, "{%s%s", more_keys, bytes + 1);
    sandbox_write(state, "model/config.json", text, (size_t)written);
    free(bytes);
}

static nj_pack_request request_for(void **state)
{
    return (nj_pack_request){.model_path = data_path("t5-untied/model"),
                             .catalogue_path = sandbox_path(state, "cat")};
}

// Packs to `name` and opens the view of what came out.
static void pack_and_open(void **state, const nj_pack_request *request, const char *name,
                          nj_bundle **out, nj_catalogue_view *view, nj_pack_summary *summary)
{
    nj_error err = {0};
    assert_ok(nj_bundle_pack(request, sandbox_path(state, name), summary, &err), &err);
    assert_ok(nj_bundle_open(sandbox_path(state, name), out, &err), &err);
    assert_ok(nj_bundle_verify(*out, &err), &err);
    assert_ok(nj_catalogue_view_open(nj_bundle_sections(*out), view, &err), &err);
    nj_digest digest = nj_sections_digest(nj_bundle_sections(*out));
    assert_memory_equal(&digest, &summary->digest, sizeof digest);
    assert_int_equal(view->history_max, summary->history_max);
}

static uint32_t history_max_of(void **state, const nj_pack_request *request)
{
    nj_bundle *bundle = NULL;
    nj_catalogue_view view;
    nj_pack_summary summary;
    pack_and_open(state, request, "history.njb", &bundle, &view, &summary);
    nj_bundle_close(&bundle);
    return summary.history_max;
}

static void a_bundle_holds_what_it_was_made_of(void **state)
{
    static const char HISTORIES[] = "u1 0 1299 0 nothing\nu2 7\r\nu3 1300 007\nu4\nu5 0";
    nj_bundle *bundle = NULL;
    nj_catalogue_view view;
    nj_pack_summary summary;
    const nj_template template = {.after = {1}, .after_count = 1};
    write_catalogue(state, "cat", 2, &template);
    nj_pack_request request = request_for(state);
    request.histories.path = sandbox_write(state, "histories", HISTORIES, sizeof HISTORIES - 1);
    pack_and_open(state, &request, "night.njb", &bundle, &view, &summary);

    assert_int_equal(summary.item_count, ITEMS);
    assert_int_equal(summary.level_count, 4);
    assert_int_equal(summary.leaf_count, ITEMS);
    assert_int_equal(summary.counted_items, 5);
    assert_int_equal(view.sids.row_count, ITEMS);
    assert_memory_equal(&view.template, &template, sizeof template);
    for (uint32_t i = 0; i < ITEMS; i++) {
        assert_int_equal(view.counts[i], i == 0 ? 3 : i == 7 || i == 1299 ? 1 : 0);
    }
    assert_int_equal(nj_bundle_sections(bundle)->count, 7);
    nj_bundle_close(&bundle);

    request.histories.path = NULL;
    pack_and_open(state, &request, "uncounted.njb", &bundle, &view, &summary);
    assert_null(view.counts);
    assert_int_equal(summary.counted_items, 0);
    nj_bundle_close(&bundle);
}

static void the_same_inputs_give_the_same_bytes(void **state)
{
    nj_error err = {0};
    nj_pack_summary summary;
    char *bytes[2];
    size_t size[2];
    write_catalogue(state, "cat", 2, NULL);
    const nj_pack_request request = request_for(state);
    for (size_t i = 0; i < 2; i++) {
        const char *name = i == 0 ? "a.njb" : "b.njb";
        assert_ok(nj_bundle_pack(&request, sandbox_path(state, name), &summary, &err), &err);
        assert_ok(
            nj_file_read(sandbox_path(state, name), FILE_BYTES_MAX, &bytes[i], &size[i], &err),
            &err);
    }
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(bytes[0], bytes[1], size[0]);
    free(bytes[0]);
    free(bytes[1]);
}

static void the_history_limit_is_what_was_asked_or_what_the_checkpoint_was_trained_for(void **state)
{
    static const struct {
        const char *keys;
        uint32_t asked;
        uint32_t items;
    } ROWS[] = {
        {"", 0, 256}, // 1024 tokens of 4 an item
        {"", 9, 9},
        {"\"n_positions\": 80,", 0, 20},
        {"\"n_positions\": 83,", 0, 20},
        {"\"n_positions\": 80,", 100, 100},
        {"\"n_positions\": 3,", 0, 1},
        {"\"n_positions\": 1073741824,", 0, NJ_HISTORY_MAX},
        {"\"n_positions\": null,", NJ_HISTORY_MAX, NJ_HISTORY_MAX},
    };
    write_catalogue(state, "cat", 2, NULL);
    nj_pack_request request = request_for(state);
    request.model_path = sandbox_path(state, "model");
    nj_path model;
    strcpy(model.text, request.model_path);
    request.model_path = model.text;
    nj_path catalogue;
    strcpy(catalogue.text, request.catalogue_path);
    request.catalogue_path = catalogue.text;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        write_model(state, ROWS[i].keys);
        request.history_max = ROWS[i].asked;
        assert_int_equal(history_max_of(state, &request), ROWS[i].items);
    }
}

static void the_templates_tokens_count_towards_the_positions(void **state)
{
    // 1 + 1 before, 4 an item, 2 between, 1 after: n items are 6 n + 1.
    const nj_template template = {.before = {1},
                                  .before_count = 1,
                                  .between = {0, 1},
                                  .between_count = 2,
                                  .after = {1},
                                  .after_count = 1,
                                  .user_token_base = 3,
                                  .user_token_count = 7};
    static const struct {
        const char *keys;
        uint32_t items;
    } ROWS[] = {{"\"n_positions\": 61,", 10},
                {"\"n_positions\": 60,", 9},
                {"\"n_positions\": 7,", 1},
                {"\"n_positions\": 1,", 1}};
    nj_path model;
    nj_path catalogue;
    write_catalogue(state, "cat", 2, NULL);
    strcpy(model.text, sandbox_path(state, "model"));
    strcpy(catalogue.text, sandbox_path(state, "cat"));
    const nj_pack_request request = {
        .model_path = model.text, .catalogue_path = catalogue.text, .template = &template};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        write_model(state, ROWS[i].keys);
        assert_int_equal(history_max_of(state, &request), ROWS[i].items);
    }
}

static void a_template_on_request_takes_the_place_of_the_catalogues(void **state)
{
    nj_bundle *bundle = NULL;
    nj_catalogue_view view;
    nj_pack_summary summary;
    const nj_template own = {.after = {1}, .after_count = 1};
    const nj_template other = {.before = {0, 1}, .before_count = 2};
    write_catalogue(state, "cat", 2, &own);
    nj_pack_request request = request_for(state);
    request.template = &other;
    pack_and_open(state, &request, "night.njb", &bundle, &view, &summary);
    assert_memory_equal(&view.template, &other, sizeof other);
    nj_bundle_close(&bundle);
}

static void assert_pack_refused(void **state, const nj_pack_request *request, nj_status status,
                                const char *says)
{
    nj_error err = {0};
    nj_pack_summary summary = {.item_count = 77};
    char *bytes = NULL;
    size_t size = 0;
    sandbox_write(state, "old.njb", "old", 3);
    assert_refused(nj_bundle_pack(request, sandbox_path(state, "old.njb"), &summary, &err), status,
                   &err, says);
    assert_int_equal(nj_bundle_pack(request, sandbox_path(state, "new.njb"), &summary, &err),
                     status);
    assert_int_equal(summary.item_count, 77);
    assert_false(nj_file_exists(sandbox_path(state, "new.njb")));
    assert_ok(nj_file_read(sandbox_path(state, "old.njb"), 16, &bytes, &size, &err), &err);
    assert_string_equal(bytes, "old");
    free(bytes);
}

static void what_does_not_fit_together_is_refused_and_nothing_is_written(void **state)
{
    const nj_template beyond = {.after = {258}, .after_count = 1};
    const nj_template none = {0};
    write_catalogue(state, "cat", 3, NULL);
    nj_pack_request request = request_for(state);
    assert_pack_refused(state, &request, NJ_CONFIG, "258");
    write_catalogue(state, "cat", 2, &beyond);
    request = request_for(state);
    assert_pack_refused(state, &request, NJ_CONFIG, "258");
    request = request_for(state);
    request.template = &none;
    nj_error err = {0};
    nj_pack_summary summary;
    assert_ok(nj_bundle_pack(&request, sandbox_path(state, "fits.njb"), &summary, &err), &err);
}

static void a_missing_or_bad_part_is_named_and_nothing_is_written(void **state)
{
    write_catalogue(state, "cat", 2, NULL);
    nj_pack_request request = request_for(state);
    request.model_path = "/nonexistent/model";
    assert_pack_refused(state, &request, NJ_NOT_FOUND, "/nonexistent/model");
    request = request_for(state);
    request.catalogue_path = "/nonexistent/catalogue";
    assert_pack_refused(state, &request, NJ_NOT_FOUND, "/nonexistent/catalogue");
    request = request_for(state);
    request.histories.path = "/nonexistent/histories";
    assert_pack_refused(state, &request, NJ_NOT_FOUND, "/nonexistent/histories");
    request = request_for(state);
    request.histories.path = sandbox_write(state, "histories", "u1 1\nu1 2\n", 10);
    assert_pack_refused(state, &request, NJ_INPUT, "u1");

    nj_path model;
    write_model(state, "");
    strcpy(model.text, sandbox_path(state, "model"));
    request = request_for(state);
    request.model_path = model.text;
    sandbox_write(state, "model/model.safetensors", "cut", 3);
    assert_pack_refused(state, &request, NJ_INPUT, "model.safetensors");
    write_model(state, "\"d_model\": 72,");
    request.catalogue_path = sandbox_path(state, "cat");
    assert_pack_refused(state, &request, NJ_INPUT, "config.json"); // a key given twice
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_bundle_holds_what_it_was_made_of),
        TEST(the_same_inputs_give_the_same_bytes),
        TEST(the_history_limit_is_what_was_asked_or_what_the_checkpoint_was_trained_for),
        TEST(the_templates_tokens_count_towards_the_positions),
        TEST(a_template_on_request_takes_the_place_of_the_catalogues),
        TEST(what_does_not_fit_together_is_refused_and_nothing_is_written),
        TEST(a_missing_or_bad_part_is_named_and_nothing_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
