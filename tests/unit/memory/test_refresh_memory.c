// test_refresh_memory.c - every allocation of a refresh and of a refit fails in turn: the call says so, and leaves the catalogue as it
// was and nothing behind.
#include <stdlib.h>

#include "common/catalogue/catalogue_assign.h"
#include "common/catalogue/catalogue_refresh.h"
#include "common/input/npy.h"
#include "tests/support/memory_faults.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

#define ALLOCATIONS_MAX 5000
#define ITEMS 24
#define WIDTH 2

typedef struct {
    nj_catalogue *catalogue; // of ITEMS items with two levels of 4 codes and a counter
    nj_path ids;             // 20 of them and 4 others
    nj_path embeddings;
    nj_path sids;
    float books[2][4][WIDTH];
    bool refits;
    bool has_sids;
} world;

static nj_status learn(void *context, const uint32_t *start_codes, nj_fitted *out, nj_error *err)
{
    const world *w = context;
    float *values = malloc(sizeof w->books);
    (void)start_codes;
    if (values == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to learn");
    }
    memcpy(values, w->books, sizeof w->books);
    *out = (nj_fitted){.codebooks = {.kind = NJ_QUANT_RESIDUAL,
                                     .level_count = 2,
                                     .D = WIDTH,
                                     .K = {4, 4},
                                     .vectors = {values, values + 4 * WIDTH}},
                       .codebook_values = values};
    return NJ_OK;
}

static nj_status refresh(world *w, nj_error *err)
{
    nj_refresh_report report;
    const nj_refresh_config config = {.ids_path = w->ids.text,
                                      .embeddings_path = w->has_sids ? NULL : w->embeddings.text,
                                      .sids_path = w->has_sids ? w->sids.text : NULL,
                                      .learn = w->refits ? learn : NULL,
                                      .learn_context = w,
                                      .retired_percent_max = 100};
    nj_status status = nj_catalogue_refresh(w->catalogue, &config, &report, err);
    if (status == NJ_OK) {
        nj_refresh_report_fini(&report);
    }
    return status;
}

static void write_tonight(void **state, world *w)
{
    nj_error err = {0};
    char ids[256] = "";
    float rows[ITEMS][WIDTH];
    int32_t sids[ITEMS][3];
    for (int i = 0; i < ITEMS; i++) {
        const int item = i < 20 ? i : i + 100;
        snprintf(ids + strlen(ids), sizeof ids - strlen(ids), "%d\n", item);
        rows[i][0] = (float)(10 * (i % 4));
        rows[i][1] = (float)(i / 4 % 4);
        for (int l = 0; l < 3; l++) {
            sids[i][l] = i < 20 ? w->catalogue->codes[i * 3 + l] : l < 2 ? 3 : i - 8;
        }
    }
    strcpy(w->ids.text, sandbox_write(state, "tonight.txt", ids, strlen(ids)));
    strcpy(w->embeddings.text, sandbox_path(state, "tonight.npy"));
    strcpy(w->sids.text, sandbox_path(state, "sids.npy"));
    assert_ok(nj_npy_write(w->embeddings.text, NJ_NPY_F32, (size_t[]){ITEMS, WIDTH}, 2, rows, &err),
              &err);
    assert_ok(nj_npy_write(w->sids.text, NJ_NPY_I32, (size_t[]){ITEMS, 3}, 2, sids, &err), &err);
}

static void make_world(void **state, world *w)
{
    nj_error err = {0};
    float rows[ITEMS][WIDTH];
    for (int k = 0; k < 4; k++) {
        w->books[0][k][0] = (float)(10 * k);
        w->books[0][k][1] = w->books[1][k][0] = 0;
        w->books[1][k][1] = (float)k;
    }
    for (int i = 0; i < ITEMS; i++) {
        rows[i][0] = (float)(10 * (i % 4));
        rows[i][1] = (float)(i / 8);
    }
    const nj_catalogue_options options = {0};
    nj_assign_config config = {.embeddings_path = sandbox_path(state, "rows.npy"),
                               .codebooks_path = sandbox_path(state, "books.npy"),
                               .collisions = {.suffix_codes = 16}};
    assert_ok(
        nj_npy_write(config.embeddings_path, NJ_NPY_F32, (size_t[]){ITEMS, WIDTH}, 2, rows, &err),
        &err);
    assert_ok(
        nj_npy_write(config.codebooks_path, NJ_NPY_F32, (size_t[]){2, 4, WIDTH}, 3, w->books, &err),
        &err);
    assert_ok(nj_catalogue_assign(&config, &options, NULL, &w->catalogue, &err), &err);
    write_tonight(state, w);
}

// The refresh that succeeds at last is one in which no allocation failed.
static void fail_each(void **state, bool has_sids, bool refits)
{
    world w = {.has_sids = has_sids, .refits = refits};
    make_world(state, &w);
    const nj_digest before = nj_catalogue_map_digest(w.catalogue, ITEMS);
    for (unsigned n = 1; n < ALLOCATIONS_MAX; n++) {
        nj_error err = {0};
        memory_faults_arm(n);
        nj_status status = refresh(&w, &err);
        if (!memory_faults_disarm()) {
            assert_ok(status, &err);
            assert_int_equal(w.catalogue->sids.row_count, ITEMS + 4);
            assert_int_equal(w.catalogue->retired_count, 4);
            nj_catalogue_free(&w.catalogue);
            assert_true(n > 10);
            return;
        }
        const nj_digest after = nj_catalogue_map_digest(w.catalogue, ITEMS);
        assert_int_equal(status, NJ_NO_MEMORY);
        assert_int_equal(w.catalogue->sids.row_count, ITEMS);
        assert_int_equal(w.catalogue->retired_count, 0);
        assert_true(nj_digest_equal(&before, &after));
    }
    fail_msg("more than %d allocations", ALLOCATIONS_MAX);
}

static void a_refresh_says_that_there_is_no_memory_and_changes_nothing(void **state)
{
    fail_each(state, false, false);
}

static void given_sids_say_that_there_is_no_memory_and_change_nothing(void **state)
{
    fail_each(state, true, false);
}

static void a_refit_says_that_there_is_no_memory_and_changes_nothing(void **state)
{
    fail_each(state, false, true);
}

#define IN_SANDBOX(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SANDBOX(a_refresh_says_that_there_is_no_memory_and_changes_nothing),
        IN_SANDBOX(given_sids_say_that_there_is_no_memory_and_change_nothing),
        IN_SANDBOX(a_refit_says_that_there_is_no_memory_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
