// test_bundle_items.c - sections for policies out of histories and files: neighbours as they are counted, and a policy that must fit.
#include "worker/engine/bundle_items.h"

#include <math.h>
#include <string.h>

#include "common/catalogue/neighbour_table.h"
#include "common/catalogue/section_names.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"
#include "worker/engine/synthetic.h"

#define ITEMS 12
#define HISTORIES                                                                                  \
    "u1 0 1 2 0\n"                                                                                 \
    "u2 1 2\n"                                                                                     \
    "u3 2 5 1\n"                                                                                   \
    "u4 7\n"

// A small bundle in memory, whose items are called 0, 1, ..., with the histories above.
typedef struct {
    nj_synthetic synthetic;
    nj_sections sections;
    nj_catalogue_view view;
    nj_idmap map;
    nj_user_table users;
    nj_bundle_items made;
} shop;

static void open_shop(void **state, shop *s)
{
    nj_error err = {0};
    const nj_synthetic_shape shape = {.D = 8,
                                      .H = 1,
                                      .E = 8,
                                      .F = 8,
                                      .encoder_layers = 1,
                                      .decoder_layers = 1,
                                      .L = 2,
                                      .K = 16,
                                      .item_count = ITEMS,
                                      .seed = 1};
    assert_ok(nj_synthetic_make(&shape, &s->synthetic, &err), &err);
    s->sections = s->synthetic.sections;
    assert_ok(nj_catalogue_view_open(&s->sections, &s->view, &err), &err);
    nj_idmap_init(&s->map);
    assert_ok(nj_idmap_build(&s->map, &s->view.items, "items", &err), &err);
    const nj_histories_source source = {
        .path = sandbox_write(state, "users.txt", HISTORIES, strlen(HISTORIES)),
        .format = NJ_HISTORIES_SEQUENCE};
    assert_ok(nj_user_table_read(&source, &s->view.items, &s->map, NULL, &s->users, &err), &err);
    nj_bundle_items_init(&s->made);
}

static void close_shop(shop *s)
{
    nj_bundle_items_fini(&s->made);
    nj_user_table_fini(&s->users);
    nj_idmap_fini(&s->map);
    nj_synthetic_free(&s->synthetic);
}

static void make_neighbours(shop *s, const nj_neighbours_settings *settings,
                            nj_neighbour_table *out)
{
    nj_error err = {0};
    const nj_bundle_items_request request = {
        .wants_neighbours = true, .neighbours = *settings, .threads = 2};
    assert_ok(nj_bundle_items_make(&request, &s->view.items, &s->map, &s->users, &s->made, &err),
              &err);
    assert_int_equal(s->made.attributes.size + s->made.vectors.size, 0);
    assert_ok(nj_neighbour_table_open(s->made.neighbours.bytes, s->made.neighbours.size, ITEMS, out,
                                      &err),
              &err);
}

static void assert_neighbours(const nj_neighbour_table *table, uint32_t row, uint32_t count,
                              const uint32_t *others, const double *weights)
{
    assert_int_equal(nj_neighbour_table_count(table, row), count);
    for (uint32_t k = 0; k < count; k++) {
        assert_int_equal(table->rows[table->offset[row] + k], others[k]);
        assert_true(fabs((double)table->weights[table->offset[row] + k] - weights[k]) < 1e-6);
    }
}

// Pairs (a before b, d places apart) of the histories above, at weight 1/d, and .5 of that where b stands before a.
static void co_visitation_is_counted_forwards_and_less_backwards(void **state)
{
    shop s;
    nj_neighbour_table table;
    const nj_neighbours_settings settings = {.kind = NJ_NEIGHBOURS_CO_VISITATION,
                                             .neighbours_max = 10,
                                             .distance = 1,
                                             .back = 0.5,
                                             .fading = 1};
    open_shop(state, &s);
    make_neighbours(&s, &settings, &table);
    assert_int_equal(table.kind, NJ_NEIGHBOUR_CO_VISITATION);
    // 0 stands at places 0 and 3 of u1: 1 is 1 behind and 2 before, 2 is 2 behind and 1 before.
    assert_neighbours(&table, 0, 2, (const uint32_t[]){1, 2},
                      (const double[]){1 + 0.5 / 2, 1.0 / 2 + 0.5});
    // 1: u1 gives 2 behind (1) and 0 before (.5) and behind (1/2), u2 gives 2 behind (1), u3 gives 5 before (.5) and 2 before (.25).
    assert_neighbours(&table, 1, 3, (const uint32_t[]){2, 0, 5}, (const double[]){2.25, 1, 0.5});
    assert_neighbours(&table, 7, 0, NULL, NULL);
    close_shop(&s);
}

static void item_knn_is_the_shrunk_cosine_of_users(void **state)
{
    shop s;
    nj_neighbour_table table;
    const nj_neighbours_settings settings = {
        .kind = NJ_NEIGHBOURS_COSINE, .neighbours_max = 2, .shrink = 1, .fading = 1};
    open_shop(state, &s);
    make_neighbours(&s, &settings, &table);
    assert_int_equal(table.kind, NJ_NEIGHBOUR_ITEM_KNN);
    // 1 and 2 have three users each and all in common; 0 and 5 have one each. Two neighbours are kept; of equals the smaller row.
    assert_neighbours(&table, 1, 2, (const uint32_t[]){2, 0},
                      (const double[]){3.0 / 4, 1 / (sqrt(3) + 1)});
    assert_neighbours(&table, 5, 2, (const uint32_t[]){1, 2},
                      (const double[]){1 / (sqrt(3) + 1), 1 / (sqrt(3) + 1)});
    close_shop(&s);
}

// Places so far apart weigh nothing as float32: a section has only weights above 0.
static void weights_that_are_no_longer_above_zero_are_left_out(void **state)
{
    shop s;
    nj_neighbour_table table;
    const nj_neighbours_settings settings = {.kind = NJ_NEIGHBOURS_CO_VISITATION,
                                             .neighbours_max = 10,
                                             .distance = 200,
                                             .back = 0,
                                             .fading = 1};
    open_shop(state, &s);
    make_neighbours(&s, &settings, &table);
    assert_neighbours(&table, 0, 1, (const uint32_t[]){1}, (const double[]){1});
    assert_neighbours(&table, 2, 2, (const uint32_t[]){0, 5}, (const double[]){1, 1});
    close_shop(&s);
}

static void a_policy_that_is_kept_must_fit_the_sections(void **state)
{
    static const char POLICY[] = "version: 1\ncandidates:\n  neighbours: {weight: "
                                 "1}\nconstraints:\n  deny:\n    - {item: 3}\n";
    shop s;
    nj_error err = {0};
    nj_neighbour_table table;
    const nj_neighbours_settings settings = nj_neighbours_defaults(NJ_NEIGHBOURS_COSINE);
    const nj_bundle_items_request with = {
        .policy_path = sandbox_write(state, "policy.yaml", POLICY, sizeof POLICY - 1)};
    open_shop(state, &s);
    assert_refused(nj_bundle_items_put(&with, &s.view, &s.made, &s.sections, &err), NJ_CONFIG, &err,
                   "policy.yaml: line 3");
    make_neighbours(&s, &settings, &table);
    assert_ok(nj_bundle_items_put(&with, &s.view, &s.made, &s.sections, &err), &err);
    assert_non_null(nj_sections_find(&s.sections, NJ_SECTION_POLICY));
    assert_ok(nj_bundle_items_check(&s.sections, &s.view, &err), &err);
    nj_sections_remove(&s.sections, NJ_SECTION_NEIGHBOURS);
    assert_int_equal(nj_bundle_items_check(&s.sections, &s.view, &err), NJ_CONFIG);
    nj_sections_remove(&s.sections, NJ_SECTION_POLICY);
    assert_ok(nj_bundle_items_check(&s.sections, &s.view, &err), &err);
    close_shop(&s);
}

#define IN_SANDBOX(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SANDBOX(co_visitation_is_counted_forwards_and_less_backwards),
        IN_SANDBOX(item_knn_is_the_shrunk_cosine_of_users),
        IN_SANDBOX(weights_that_are_no_longer_above_zero_are_left_out),
        IN_SANDBOX(a_policy_that_is_kept_must_fit_the_sections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
