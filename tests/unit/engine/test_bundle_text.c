// test_bundle_text.c - the sections of a model that is asked in text: made, put together, and held against each other.
#include "worker/engine/bundle_text.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/rng.h"
#include "common/catalogue/section_names.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"
#include "worker/engine/bundle_pack.h"

#define ITEMS 80
#define WIDTH 12
#define FLIPS 400 // of one byte, in each section

// tests/data/<name>; data_path keeps too few of them for one request.
static const char *kept_path(const char *name)
{
    static char paths[32][512];
    static size_t used = 0;
    char *path = paths[used++ % 32];
    (void)snprintf(path, sizeof paths[0], "%s", data_path(name));
    return path;
}

static nj_pack_request movie_request(void)
{
    return (nj_pack_request){.model_path = kept_path("llara/model"),
                             .projector_path = kept_path("llara/projector.safetensors"),
                             .text = {.prompt = {.prompt_path = kept_path("llara/movie.yaml"),
                                                 .tokenizer_path = kept_path("llara/model"),
                                                 .texts_path = kept_path("llara/items.tsv")},
                                      .collaborative_path = kept_path("llara/vectors.npy")}};
}

static void pack_movie(void **state, const nj_pack_request *request, nj_bundle **out,
                       nj_catalogue_view *view)
{
    nj_error err = {0};
    nj_pack_summary summary;
    const char *path = sandbox_path(state, "movie.njb");
    assert_ok(nj_bundle_pack(request, path, &summary, &err), &err);
    assert_true(summary.text.asks_in_text);
    assert_ok(nj_bundle_open(path, out, &err), &err);
    assert_ok(nj_catalogue_view_open(nj_bundle_sections(*out), view, &err), &err);
}

static void a_table_of_items_and_a_prompt_become_a_bundle_that_a_worker_can_open(void **state)
{
    nj_error err = {0};
    nj_bundle *bundle = NULL;
    nj_catalogue_view view;
    nj_prompt prompt;
    const nj_pack_request request = movie_request();
    pack_movie(state, &request, &bundle, &view);
    const nj_sections *sections = nj_bundle_sections(bundle);

    assert_int_equal(view.sids.row_count, ITEMS);
    assert_int_equal(view.sids.level_count, 1);
    assert_true(nj_slice_equal(nj_idlist_at(&view.items, 0), nj_slice_from("bee-keepers-01")));
    assert_ok(nj_bundle_text_check(sections, &view, &err), &err);
    assert_ok(nj_prompt_open(sections, ITEMS, 568, &prompt, &err), &err);
    assert_int_equal(prompt.answer, NJ_SAYS_ITEM);
    assert_true(prompt.has_vectors && prompt.needs_candidates && prompt.needs_history);
    assert_int_equal(prompt.answers.item_count, ITEMS);
    nj_prompt_close(&prompt);
    nj_bundle_close(&bundle);
}

static void vectors_keep_their_values_in_the_order_of_the_items(void **state)
{
    nj_error err = {0};
    nj_bundle *bundle = NULL;
    nj_catalogue_view view;
    nj_item_vectors vectors;
    nj_npy npy;
    float row[WIDTH];
    const nj_pack_request request = movie_request();
    pack_movie(state, &request, &bundle, &view);
    const nj_section *section =
        nj_sections_find(nj_bundle_sections(bundle), NJ_SECTION_COLLABORATIVE);
    assert_ok(nj_collaborative_open(section->bytes, section->size, ITEMS, &vectors, &err), &err);
    assert_ok(nj_npy_open(request.text.collaborative_path, &npy, &err), &err);

    assert_int_equal(vectors.width, WIDTH);
    for (uint32_t i = 0; i < ITEMS; i++) {
        assert_ok(nj_npy_read_f32(&npy, (size_t)i * WIDTH, WIDTH, row, &err), &err);
        assert_memory_equal(vectors.f32 + (size_t)i * WIDTH, row, sizeof row);
    }
    nj_npy_close(&npy);
    nj_bundle_close(&bundle);
}

static void an_adapter_changes_the_weights_and_nothing_else(void **state)
{
    nj_bundle *bundles[2] = {NULL, NULL};
    nj_catalogue_view view;
    nj_pack_request request = movie_request();
    pack_movie(state, &request, &bundles[0], &view);
    request.lora_path = kept_path("llara/lora");
    pack_movie(state, &request, &bundles[1], &view);
    const nj_sections *plain = nj_bundle_sections(bundles[0]);
    const nj_sections *merged = nj_bundle_sections(bundles[1]);

    assert_int_equal(plain->count, merged->count);
    for (size_t i = 0; i < plain->count; i++) {
        const bool same =
            memcmp(&plain->sections[i].digest, &merged->sections[i].digest, sizeof(nj_digest)) == 0;
        assert_int_equal(same, strcmp(plain->sections[i].name, NJ_SECTION_WEIGHTS) != 0);
    }
    nj_bundle_close(&bundles[0]);
    nj_bundle_close(&bundles[1]);
}

static void assert_pack_refused(void **state, const nj_pack_request *request, nj_status status,
                                const char *says)
{
    nj_error err = {0};
    nj_pack_summary summary;
    assert_refused(nj_bundle_pack(request, sandbox_path(state, "none.njb"), &summary, &err), status,
                   &err, says);
}

static void what_does_not_fit_is_refused_before_it_is_written(void **state)
{
    nj_pack_request request = movie_request();
    request.projector_path = NULL;
    assert_pack_refused(state, &request, NJ_CONFIG, "give --projector");
    request = movie_request();
    request.text.prompt.prompt_path = kept_path("llara/list.yaml");
    assert_pack_refused(state, &request, NJ_CONFIG, "no prompt has {vector}");
    request = movie_request();
    request.text.prompt.texts_path = kept_path("p5/items.tsv");
    assert_pack_refused(state, &request, NJ_INPUT, "has 80 rows, the catalogue has 60");
    request = movie_request();
    request.text.prompt.texts_path = NULL;
    assert_pack_refused(state, &request, NJ_USAGE, "give --catalogue");
    request = movie_request();
    request.model_path = kept_path("p5/model");
    request.projector_path = NULL;
    request.text.prompt.tokenizer_path = kept_path("p5/model");
    assert_pack_refused(state, &request, NJ_CONFIG, "of a decoder-only model");
}

// A copy of the section with the change, checked as a part of the bundle. `at` beyond its end cuts its last byte.
static nj_status check_changed(const nj_bundle *bundle, const nj_catalogue_view *view,
                               const char *name, size_t at, uint8_t flip, nj_error *err)
{
    nj_sections sections = *nj_bundle_sections(bundle);
    const nj_section *old = nj_sections_find(&sections, name);
    const size_t size = at < old->size ? old->size : old->size - 1;
    void *copy = NULL;
    assert_int_equal(posix_memalign(&copy, 64, old->size), 0);
    memcpy(copy, old->bytes, old->size);
    if (at < old->size) {
        ((uint8_t *)copy)[at] ^= flip;
    }
    nj_sections_put(&sections, name, copy, size);
    const nj_status status = nj_bundle_text_check(&sections, view, err);
    free(copy);
    return status;
}

static void hostile_sections_are_refused_and_never_walked(void **state)
{
    static const char *const NAMES[] = {NJ_SECTION_PROMPT, NJ_SECTION_STRINGS, NJ_SECTION_ANSWERS,
                                        NJ_SECTION_COLLABORATIVE};
    nj_error err = {0};
    nj_bundle *bundle = NULL;
    nj_catalogue_view view;
    const nj_pack_request request = movie_request();
    pack_movie(state, &request, &bundle, &view);
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        const size_t size = nj_sections_find(nj_bundle_sections(bundle), NAMES[i])->size;
        assert_int_equal(check_changed(bundle, &view, NAMES[i], SIZE_MAX, 0, &err), NJ_INPUT);
        for (uint64_t k = 0; k < FLIPS; k++) {
            const uint64_t draw = nj_rng_mix(k * NJ_RNG_STEP);
            const nj_status status = check_changed(bundle, &view, NAMES[i], (size_t)(draw % size),
                                                   (uint8_t)(1u << (draw >> 61)), &err);
            assert_true(status == NJ_OK || status == NJ_INPUT || status == NJ_CONFIG);
        }
    }
    nj_bundle_close(&bundle);
}

#define IN_SANDBOX(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SANDBOX(a_table_of_items_and_a_prompt_become_a_bundle_that_a_worker_can_open),
        IN_SANDBOX(vectors_keep_their_values_in_the_order_of_the_items),
        IN_SANDBOX(an_adapter_changes_the_weights_and_nothing_else),
        IN_SANDBOX(what_does_not_fit_is_refused_before_it_is_written),
        IN_SANDBOX(hostile_sections_are_refused_and_never_walked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
