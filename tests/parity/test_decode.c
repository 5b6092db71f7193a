// test_decode.c - whole lists against HuggingFace's beam search: catalogue, bundle, histories, engine, as `nightjar decode` goes.
//
// The list's first half and its reserve are that list, too.
//
// A place where our item is not the reference's must be explained by a near tie: the two scores in the reference's own list differ
// by less than NEAR_TIE, or the item fell out of (came into) the list at its last place.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/bundle/bundle.h"
#include "common/catalogue/catalogue_make.h"
#include "common/catalogue/users.h"
#include "common/catalogue/view.h"
#include "common/codec/json.h"
#include "common/input/npy.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"
#include "worker/engine/bundle_pack.h"
#include "worker/engine/engine.h"

// Two scores that differ by less may stand in either order: the project's bound.
#define NEAR_TIE 1e-4

// |score - reference| <= absolute + relative * |reference|: the project's bound, the same for all. Ours are float32 sums of L
// log-softmax values; the reference of beauty-tiger is float32 too, that of the small sets float64. The small models have random
// weights and a sharp softmax, and use more of the bound.
typedef struct {
    const char *name;
    const char *ids;    // file in the fixture's folder; NULL: row numbers
    const char *golden; // folder of tokens_W.npy and scores_W.npy
    // the golden users of ../shared/data/beauty, else histories.txt of the fixture
    bool beauty_histories;
    bool all_kernels; // else the fastest exact set and OpenBLAS
    size_t widths[3]; // W, 0 behind the last
    double absolute;
    double relative;
} fixture;

static const fixture BEAUTY = {"beauty-tiger", "items.txt",  "golden", true,
                               false,          {10, 20, 50}, 1e-4,     2e-5};
static const fixture UNTIED = {"t5-untied", NULL, ".", false, true, {8, 30, 0}, 1e-4, 2e-5};
static const fixture QWEN3 = {"qwen3", NULL, ".", false, true, {8, 30, 0}, 1e-4, 2e-5};
static const fixture LLAMA = {"llama", NULL, ".", false, true, {8, 30, 0}, 1e-4, 2e-5};
static const fixture GATED = {"t5-gated-noscale", NULL, ".", false, true, {8, 30, 0}, 1e-4, 2e-5};

#define BEAUTY_HISTORY_ITEMS 20 // the last 20 items before the last one
#define TOKEN_BASE 2
#define USERS_MAX 512
#define FILE_BYTES_MAX ((size_t)1 << 26)

typedef struct {
    const fixture *fixture;
    char folder[NJ_PATH_BYTES];
    nj_bundle *bundle;
    nj_catalogue_view catalogue;
    nj_idmap map;
    nj_user_table users;
    nj_request requests[USERS_MAX];
} world;

typedef struct {
    size_t W;
    size_t users;
    int64_t *tokens; // [users, W, L]
    float *scores;   // [users, W]
} golden;

typedef struct {
    const world *world;
    const golden *golden;
    uint32_t reserve; // the last places of the reference's list that are behind ours
    size_t lists;
    size_t moved;      // places where another item stands
    double difference; // largest |score - reference|
    double share;      // largest part of the bound; above 1 is a failure
} comparison;

// ---- the fixture's folder ----

static const char *find_folder(const char *name)
{
    const char *path = data_path(name);
    if (nj_folder_exists(path)) {
        return path;
    }
    char shared_name[128];
    snprintf(shared_name, sizeof shared_name, "fixtures/%s", name);
    return shared_path(shared_name);
}

static nj_path part_path(const world *w, const char *name)
{
    nj_error err = {0};
    nj_path path;
    assert_ok(nj_path_join(w->folder, name, &path, &err), &err);
    return path;
}

static void *read_array(const world *w, const char *name, bool is_float,
                        size_t shape[NJ_NPY_DIMS_MAX])
{
    nj_error err = {0};
    nj_npy npy;
    nj_path path = part_path(w, name);
    assert_ok(nj_npy_open(path.text, &npy, &err), &err);
    size_t count = 1;
    for (size_t i = 0; i < npy.dim_count; i++) {
        shape[i] = npy.shape[i];
        count *= npy.shape[i];
    }
    void *values = calloc(count, is_float ? sizeof(float) : sizeof(int64_t));
    assert_non_null(values);
    assert_ok(is_float ? nj_npy_read_f32(&npy, 0, count, values, &err)
                       : nj_npy_read_i64(&npy, 0, count, values, &err),
              &err);
    nj_npy_close(&npy);
    return values;
}

static golden read_golden(const world *w, size_t W)
{
    golden g = {.W = W};
    char name[128];
    size_t shape[NJ_NPY_DIMS_MAX];
    snprintf(name, sizeof name, "%s/tokens_%zu.npy", w->fixture->golden, W);
    g.tokens = read_array(w, name, false, shape);
    g.users = shape[0];
    assert_int_equal(shape[1], W);
    assert_int_equal(shape[2], w->catalogue.sids.level_count);
    snprintf(name, sizeof name, "%s/scores_%zu.npy", w->fixture->golden, W);
    g.scores = read_array(w, name, true, shape);
    assert_int_equal(shape[0], g.users);
    return g;
}

static void free_golden(golden *g)
{
    free(g->tokens);
    free(g->scores);
}

// ---- histories ----

// Cuts a line `user item ... last` to the items before the last one, at most BEAUTY_HISTORY_ITEMS of them.
static void append_history(nj_buffer *out, const char *line, size_t size)
{
    size_t spaces[4096];
    size_t count = 0;
    for (size_t i = 0; i < size; i++) {
        if (line[i] == ' ') {
            assert_true(count < sizeof spaces / sizeof *spaces);
            spaces[count++] = i;
        }
    }
    assert_true(count >= 2);
    size_t first = count - 1 > BEAUTY_HISTORY_ITEMS ? count - 1 - BEAUTY_HISTORY_ITEMS : 0;
    assert_int_equal(nj_buffer_printf(out, "%.*s%.*s\n", (int)spaces[0], line,
                                      (int)(spaces[count - 1] - spaces[first]),
                                      line + spaces[first]),
                     NJ_OK);
}

static nj_path write_beauty_histories(const world *w, void **state)
{
    nj_error err = {0};
    nj_path path;
    char *text = NULL;
    size_t size = 0;
    size_t shape[NJ_NPY_DIMS_MAX];
    nj_buffer out;
    const char *data = shared_path("data/beauty/Beauty.txt");
    assert_non_null(data);
    int64_t *users = read_array(w, "golden/users.npy", false, shape);
    assert_ok(nj_file_read(data, FILE_BYTES_MAX, &text, &size, &err), &err);
    nj_buffer_init(&out, FILE_BYTES_MAX);
    const char *line = text;
    for (size_t u = 0; u < shape[0]; u++) {
        // Both stand in ascending order.
        while (*line != '\0' && strtoll(line, NULL, 10) != users[u]) {
            line = strchr(line, '\n') + 1;
        }
        append_history(&out, line, strcspn(line, "\r\n"));
    }
    const char *written = sandbox_write(state, "histories.txt", out.bytes, out.size);
    strcpy(path.text, written);
    nj_buffer_fini(&out);
    free(text);
    free(users);
    return path;
}

// ---- catalogue, bundle, users ----

static uint32_t codes_of_fixture(const world *w)
{
    nj_error err = {0};
    if (w->fixture->beauty_histories) {
        return 256;
    }
    json_t *about = NULL;
    nj_json_keys keys;
    nj_path path = part_path(w, "about.json");
    assert_ok(nj_json_load(path.text, FILE_BYTES_MAX, &about, &err), &err);
    nj_json_keys_open(&keys, about, path.text, &err);
    uint32_t codes = (uint32_t)nj_json_int(&keys, "codes_per_level", 1, 65536);
    assert_int_equal(nj_json_int(&keys, "token_base", 0, 1000), TOKEN_BASE);
    assert_ok(keys.status, &err);
    json_decref(about);
    return codes;
}

static void pack_bundle(world *w, void **state)
{
    nj_error err = {0};
    nj_catalogue *catalogue = NULL;
    nj_pack_summary summary;
    nj_path sids = part_path(w, "sids.npy");
    nj_path model = part_path(w, "model");
    nj_path ids;
    nj_catalogue_options options = {.token_base = TOKEN_BASE};
    if (w->fixture->ids != NULL) {
        ids = part_path(w, w->fixture->ids);
        options.ids_path = ids.text;
    }
    const nj_codes_per_level K = {{codes_of_fixture(w)}, 1};
    assert_ok(nj_catalogue_from_sids(sids.text, &K, &options, &catalogue, &err), &err);
    assert_ok(nj_catalogue_write(sandbox_path(state, "catalogue"), catalogue, false, &err), &err);
    nj_catalogue_free(&catalogue);
    const nj_pack_request request = {.model_path = model.text,
                                     .catalogue_path = sandbox_path(state, "catalogue")};
    assert_ok(nj_bundle_pack(&request, sandbox_path(state, "night.njb"), &summary, &err), &err);
}

static void open_world(world *w, const fixture *f, const char *folder, void **state)
{
    nj_error err = {0};
    *w = (world){.fixture = f};
    snprintf(w->folder, sizeof w->folder, "%s", folder);
    pack_bundle(w, state);
    const char *path = sandbox_path(state, "night.njb");
    assert_ok(nj_bundle_open(path, &w->bundle, &err), &err);
    assert_ok(nj_bundle_verify(w->bundle, &err), &err);
    assert_ok(nj_catalogue_view_open(nj_bundle_sections(w->bundle), &w->catalogue, &err), &err);
    nj_idmap_init(&w->map);
    assert_ok(nj_idmap_build(&w->map, &w->catalogue.items, path, &err), &err);
    nj_path histories =
        f->beauty_histories ? write_beauty_histories(w, state) : part_path(w, "histories.txt");
    assert_ok(nj_user_table_read(&(nj_histories_source){.path = histories.text},
                                 &w->catalogue.items, &w->map, NULL, &w->users, &err),
              &err);
    assert_in_range(w->users.count, 1, USERS_MAX);
    assert_int_equal(w->users.unknown_total, 0);
    for (size_t u = 0; u < w->users.count; u++) {
        w->requests[u] = nj_user_table_at(&w->users, u);
    }
}

static void close_world(world *w)
{
    nj_user_table_fini(&w->users);
    nj_idmap_fini(&w->map);
    nj_bundle_close(&w->bundle);
}

// ---- comparing ----

static bool same_sid(const world *w, uint32_t item, const int64_t *tokens)
{
    const uint32_t L = w->catalogue.sids.level_count;
    const uint16_t *sid = w->catalogue.sids.codes + (size_t)item * L;
    for (uint32_t l = 0; l < L; l++) {
        if (tokens[l] != (int64_t)w->catalogue.token_base[l] + sid[l]) {
            return false;
        }
    }
    return true;
}

// The place of our item in the reference's list; W when it is not there.
static size_t find_place(const world *w, const golden *g, size_t user, uint32_t item)
{
    const uint32_t L = w->catalogue.sids.level_count;
    const int64_t *tokens = g->tokens + user * g->W * L;
    size_t place = 0;
    while (place < g->W && !same_sid(w, item, tokens + place * L)) {
        place++;
    }
    return place;
}

static void note_score(comparison *c, double ours, double reference)
{
    const fixture *f = c->world->fixture;
    double difference = fabs(ours - reference);
    c->difference = fmax(c->difference, difference);
    c->share = fmax(c->share, difference / (f->absolute + f->relative * fabs(reference)));
}

static uint32_t item_at(const nj_list *list, uint32_t i)
{
    return i < list->count ? list->items[i] : list->reserve[i - list->count];
}

// Item `i` of our list and its reserve against the reference's list. Of the reserve it is the order alone: it has no scores.
static void compare_item(comparison *c, size_t user, uint32_t i, const nj_list *list)
{
    const golden *g = c->golden;
    const float *scores = g->scores + user * g->W;
    size_t place = find_place(c->world, g, user, item_at(list, i));
    const double ours = (double)(i < list->count ? list->scores[i] : scores[i]);
    double moved_by = 0.0;
    if (place < g->W) {
        moved_by = fabs((double)scores[place] - (double)scores[i]);
    } else {
        moved_by = fabs(ours - (double)scores[g->W - 1]);
    }
    if (place < g->W && i < list->count) {
        note_score(c, ours, (double)scores[place]);
    }
    if (place != i) {
        c->moved++;
        if (!(moved_by < NEAR_TIE)) {
            fail_msg(
                "user %zu, W %zu: place %u has an item of score %.9g that the reference has at "
                "place %zu; its score there is %.9g",
                user, g->W, i, ours, place, (double)scores[i]);
        }
    }
}

// Everything that the reference lists is in ours, but for what ties with its last.
static void check_missing(const comparison *c, size_t user, const nj_list *list)
{
    const golden *g = c->golden;
    const float *scores = g->scores + user * g->W;
    bool found[1024] = {false};
    for (uint32_t i = 0; i < list->count + list->reserve_count; i++) {
        found[find_place(c->world, g, user, item_at(list, i))] = true;
    }
    for (size_t place = 0; place < g->W; place++) {
        if (!found[place] && !(fabs((double)scores[place] - (double)scores[g->W - 1]) < NEAR_TIE)) {
            fail_msg("user %zu, W %zu: the reference's place %zu (score %.9g) is missing", user,
                     g->W, place, (double)scores[place]);
        }
    }
}

static nj_status compare_list(void *context, size_t index, const nj_list *list, nj_error *err)
{
    comparison *c = context;
    (void)err;
    assert_int_equal(index, c->lists++);
    assert_int_equal(list->flags, 0);
    assert_int_equal(list->count + list->reserve_count, c->golden->W);
    assert_int_equal(list->reserve_count, c->reserve);
    for (uint32_t i = 0; i < c->golden->W; i++) {
        assert_true(i >= list->count || (isfinite(list->scores[i]) &&
                                         (i == 0 || list->scores[i] <= list->scores[i - 1])));
        compare_item(c, index, i, list);
    }
    check_missing(c, index, list);
    return NJ_OK;
}

static void check_width(const world *w, size_t W, uint32_t reserve, const nj_kernels *kernels)
{
    nj_error err = {0};
    nj_engine *engine = NULL;
    nj_settings settings = nj_settings_default();
    const nj_engine_options options = nj_engine_options_default(kernels);
    golden g = read_golden(w, W);
    assert_int_equal(g.users, w->users.count);
    settings.beam = (uint32_t)W;
    settings.top = (uint32_t)W - reserve;
    settings.reserve = reserve;
    settings.keep_history = true;
    assert_ok(nj_user_table_apply(&w->users, &settings, &err), &err);
    assert_ok(nj_engine_open(nj_bundle_sections(w->bundle), &settings, &options, &engine, &err),
              &err);

    comparison c = {.world = w, .golden = &g, .reserve = reserve};
    assert_ok(nj_engine_decode(engine, w->requests, w->users.count, compare_list, &c, &err), &err);

    print_message("%s, W = %zu, reserve %u, %s: %zu users, scores differ by %.2e, %.0f %% of the "
                  "bound; %zu of %zu "
                  "places differ (near ties)\n",
                  w->fixture->name, W, reserve, kernels->name, c.lists, c.difference,
                  c.share * 100.0, c.moved, c.lists * W);
    assert_int_equal(c.lists, g.users);
    assert_true(c.share <= 1.0);
    nj_engine_close(&engine);
    free_golden(&g);
}

static const nj_kernels *find_fastest(void)
{
    nj_error err = {0};
    const nj_kernels *fastest = NULL;
    assert_ok(nj_kernels_select("auto", &fastest, &err), &err);
    return fastest;
}

static bool is_wanted(const fixture *f, const nj_kernels *kernels, size_t width_index)
{
    const nj_kernels *fastest = find_fastest();
    return (f->all_kernels && strcmp(kernels->precision, "float32") == 0) || kernels == fastest ||
           (width_index == 1 && strcmp(kernels->name, "openblas") == 0);
}

static void check_fixture(const fixture *f, void **state)
{
    const char *folder = find_folder(f->name);
    if (folder == NULL || (f->beauty_histories && shared_path("data/beauty/Beauty.txt") == NULL)) {
        char why[160];
        snprintf(why, sizeof why, "%s is neither in tests/data nor in ../shared/fixtures", f->name);
        skip_loudly(why);
    }
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    open_world(w, f, folder, state);
    size_t checked = 0;
    for (size_t k = 0; nj_kernels_at(k) != NULL; k++) {
        for (size_t i = 0; i < 3 && f->widths[i] > 0; i++) {
            if (is_wanted(f, nj_kernels_at(k), i)) {
                check_width(w, f->widths[i], 0, nj_kernels_at(k));
                checked++;
            }
        }
    }
    assert_true(checked >= 4);
    check_width(w, f->widths[0], (uint32_t)f->widths[0] / 2, find_fastest());
    close_world(w);
    free(w);
}

static void the_trained_beauty_model_gives_the_references_lists(void **state)
{
    check_fixture(&BEAUTY, state);
}

static void the_untied_model_gives_the_references_lists(void **state)
{
    check_fixture(&UNTIED, state);
}

static void the_gated_model_gives_the_references_lists(void **state)
{
    check_fixture(&GATED, state);
}

static void the_qwen3_model_gives_the_references_lists(void **state)
{
    check_fixture(&QWEN3, state);
}

static void the_llama_model_gives_the_references_lists(void **state)
{
    check_fixture(&LLAMA, state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_untied_model_gives_the_references_lists, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(the_gated_model_gives_the_references_lists, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(the_qwen3_model_gives_the_references_lists, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(the_llama_model_gives_the_references_lists, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(the_trained_beauty_model_gives_the_references_lists,
                                        sandbox_setup, sandbox_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
