// test_engine_same.c - the saving "same-history": equal inputs are searched once, and no row differs from one that was searched for.
#include "tests/unit/engine/world.h"

#include "worker/engine/engine_internal.h"

#define ITEMS 150

// ---- how much is computed ----

static size_t rows_computed;
static const nj_kernels *plain;

static void count_rows(size_t rows, size_t D, const float *X, size_t ldx, const float *weight,
                       float epsilon, float *Y, size_t ldy)
{
    rows_computed += rows;
    plain->rms_norm(rows, D, X, ldx, weight, epsilon, Y, ldy);
}

// Every token and every beam passes a norm, so users who are searched can be told from those who are not.
static nj_kernels make_counting_kernels(void)
{
    plain = world_kernels("ref");
    nj_kernels counting = *plain;
    counting.rms_norm = count_rows;
    return counting;
}

static void decode(nj_engine *engine, const world_users *users, world_lists *out)
{
    nj_error err = {0};
    out->count = 0;
    rows_computed = 0;
    assert_ok(nj_engine_decode(engine, users->requests, users->count, world_take, out, &err), &err);
    assert_int_equal(out->count, users->count);
}

static void assert_same_lists(const world_lists *a, const world_lists *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t u = 0; u < a->count; u++) {
        assert_same_list(&a->lists[u], &b->lists[u]);
    }
}

static nj_engine *open_saving(const nj_synthetic *world, const nj_settings *settings,
                              uint32_t batch_users, const nj_kernels *kernels)
{
    nj_engine_options options = world_options(batch_users, kernels);
    options.savings |= NJ_SAVING_SAME_HISTORY;
    return world_open_with(world, settings, &options);
}

// ---- users ----

// Users that repeat one another in every way that must be told apart: short histories drawn from few, the same items in another order,
// the same last items behind other ones, nobody's items, items that are unknown.
static void add_repeating_users(world_users *users)
{
    users->count = 0;
    for (uint32_t u = 0; u < 40; u++) {
        world_add_random(users, world_mix(u) % 7, ITEMS, 1 + (uint32_t)(world_mix(u) % 7) % 3);
    }
    world_add_user(users, (const uint32_t[]){5, 9}, 2, 0);
    world_add_user(users, (const uint32_t[]){9, 5}, 2, 0);
    world_add_user(users, (const uint32_t[]){5, 9}, 2, 3);
    world_add_user(users, NULL, 0, 0);
    world_add_user(users, NULL, 0, 2);
    world_add_user(users, (const uint32_t[]){77, 78, 5, 9}, 4, 0);
    world_add_user(users, (const uint32_t[]){33, 34, 5, 9}, 4, 0);
    world_add_user(users, (const uint32_t[]){33, 34, 5, 9}, 4, 0);
    world_add_user(users, (const uint32_t[]){9, 9, 5, 9}, 4, 0);
}

static void make_repeated_world(nj_synthetic *world)
{
    nj_synthetic_shape shape = world_shape(3, 6, ITEMS);
    world_make(world, &shape);
}

// ---- tests ----

static void rows_are_the_same_with_and_without(void **state)
{
    (void)state;
    static const uint32_t BATCHES[] = {1, 3, 16, 64};
    static world_users users;
    static world_lists wanted, found;
    nj_synthetic world;
    make_repeated_world(&world);
    add_repeating_users(&users);
    for (uint32_t history = 0; history <= 2; history++) {
        for (int keep = 0; keep < 2; keep++) {
            nj_settings settings = world_settings(12, 10, &users);
            settings.history = history;
            settings.keep_history = keep != 0;
            settings.exclusions_max = keep != 0 ? 0 : settings.exclusions_max;
            world_decode(&world, &settings, 16, world_kernels("auto"), &users, &wanted);
            for (size_t b = 0; b < sizeof BATCHES / sizeof BATCHES[0]; b++) {
                nj_engine *engine =
                    open_saving(&world, &settings, BATCHES[b], world_kernels("auto"));
                decode(engine, &users, &found);
                assert_same_lists(&wanted, &found);
                decode(engine, &users, &found); // every list is remembered now
                assert_same_lists(&wanted, &found);
                nj_engine_close(&engine);
            }
        }
    }
    nj_synthetic_free(&world);
}

static void equal_histories_are_searched_once(void **state)
{
    (void)state;
    static world_users twins, singles;
    static world_lists lists;
    nj_synthetic world;
    make_repeated_world(&world);
    const nj_kernels counting = make_counting_kernels();
    twins.count = singles.count = 0;
    for (uint32_t u = 0; u < 30; u++) {
        world_add_random(&twins, u % 3, ITEMS, 2);
    }
    for (uint32_t u = 0; u < 3; u++) {
        world_add_random(&singles, u, ITEMS, 2);
    }
    nj_settings settings = world_settings(12, 10, &twins);
    nj_engine *engine = world_open(&world, &settings, 4, &counting);
    decode(engine, &singles, &lists);
    const size_t needed = rows_computed;
    decode(engine, &twins, &lists);
    assert_int_equal(rows_computed, 10 * needed);

    nj_engine_close(&engine);
    engine = open_saving(&world, &settings, 4, &counting);
    decode(engine, &twins, &lists);
    assert_int_equal(rows_computed, needed);
    decode(engine, &twins, &lists); // another call: still known
    assert_int_equal(rows_computed, 0);
    nj_engine_forget(engine);
    decode(engine, &twins, &lists);
    assert_int_equal(rows_computed, needed);
    nj_engine_close(&engine);
    nj_synthetic_free(&world);
}

// What is excluded counts, although the encoder never sees it; the rows say whose they are.
static void older_items_are_excluded_behind_the_encoded_window(void **state)
{
    (void)state;
    static world_users users;
    static world_lists lists;
    nj_synthetic world;
    make_repeated_world(&world);
    users.count = 0;
    world_add_user(&users, (const uint32_t[]){5, 9}, 2, 0);
    nj_settings settings = world_settings(12, 10, &users);
    nj_engine *engine = open_saving(&world, &settings, 4, world_kernels("auto"));
    decode(engine, &users, &lists);
    const uint32_t best = lists.lists[0].items[0];
    nj_engine_close(&engine);

    world_add_user(&users, (const uint32_t[]){best, 5, 9}, 3, 0);
    settings = world_settings(12, 10, &users);
    settings.history = 2;
    engine = open_saving(&world, &settings, 4, world_kernels("auto"));
    decode(engine, &users, &lists);
    assert_int_equal(lists.lists[0].items[0], best);
    assert_false(world_had(&(nj_request){.items = lists.lists[1].items, .item_count = 10}, best));
    assert_int_equal(lists.lists[0].flags & NJ_ROW_TRUNCATED, 0);
    assert_int_equal(lists.lists[1].flags & NJ_ROW_TRUNCATED, NJ_ROW_TRUNCATED);
    assert_memory_not_equal(&lists.lists[0].history, &lists.lists[1].history,
                            sizeof lists.lists[0].history);
    nj_engine_close(&engine);
    nj_synthetic_free(&world);
}

static void with_the_history_kept_only_the_encoded_window_decides(void **state)
{
    (void)state;
    static world_users users;
    static world_lists lists;
    nj_synthetic world;
    make_repeated_world(&world);
    const nj_kernels counting = make_counting_kernels();
    users.count = 0;
    world_add_user(&users, (const uint32_t[]){5, 9}, 2, 0);
    nj_settings settings = world_settings(12, 10, &users);
    settings.history = 2;
    settings.keep_history = true;
    settings.exclusions_max = 0;
    settings.history_items_max = 3;
    nj_engine *engine = open_saving(&world, &settings, 4, &counting);
    decode(engine, &users, &lists);
    world_add_user(&users, (const uint32_t[]){70, 5, 9}, 3, 1);
    decode(engine, &users, &lists);
    assert_int_equal(rows_computed, 0);
    assert_int_equal(lists.lists[0].flags, 0);
    assert_int_equal(lists.lists[1].flags, NJ_ROW_TRUNCATED | NJ_ROW_UNKNOWN);
    assert_memory_equal(lists.lists[0].items, lists.lists[1].items, 10 * sizeof(uint32_t));
    nj_engine_close(&engine);
    nj_synthetic_free(&world);
}

// More distinct histories than are kept: the oldest give way, and nothing else changes.
static void lists_that_gave_way_are_searched_again(void **state)
{
    (void)state;
    static world_users users;
    static world_lists wanted, found;
    nj_synthetic world;
    make_repeated_world(&world);
    const nj_kernels counting = make_counting_kernels();
    users.count = 0;
    for (uint32_t u = 0; u < 60; u++) {
        world_add_random(&users, u % 40, ITEMS, 2);
    }
    nj_settings settings = world_settings(12, 10, &users);
    world_decode(&world, &settings, 3, plain, &users, &wanted);
    nj_engine *engine = open_saving(&world, &settings, 3, &counting);
    engine->same.sets = 2; // of the many that there is room for
    for (int round = 0; round < 3; round++) {
        decode(engine, &users, &found);
        assert_true(rows_computed > 0);
        assert_same_lists(&wanted, &found);
    }
    nj_engine_close(&engine);
    nj_synthetic_free(&world);
}

// The model gives NaN for a history of POISON_ITEMS: no step of the decoder has as many rows as that has tokens.
#define POISON_ITEMS 3
#define LEVELS 3

static void spoil_rows(size_t rows, size_t D, const float *X, size_t ldx, const float *weight,
                       float epsilon, float *Y, size_t ldy)
{
    plain->rms_norm(rows, D, X, ldx, weight, epsilon, Y, ldy);
    if (rows == POISON_ITEMS * LEVELS) {
        Y[0] = NAN;
    }
}

// Two users share a history that the model cannot take: whoever is decoded is named, and no list is kept for the other.
static void a_history_that_fails_fails_every_user_who_has_it(void **state)
{
    (void)state;
    static world_users users;
    static world_lists lists;
    nj_synthetic world;
    nj_error err = {0};
    make_repeated_world(&world);
    nj_kernels spoiling = make_counting_kernels();
    spoiling.rms_norm = spoil_rows;
    users.count = lists.count = 0;
    world_add_user(&users, (const uint32_t[]){5, 9, 2}, POISON_ITEMS, 0);
    world_add_user(&users, (const uint32_t[]){7}, 1, 0);
    world_add_user(&users, (const uint32_t[]){5, 9, 2}, POISON_ITEMS, 0);
    nj_settings settings = world_settings(12, 10, &users);
    nj_engine *engine = open_saving(&world, &settings, 1, &spoiling);
    const nj_request *who = users.requests;
    assert_refused(nj_engine_decode(engine, who, 3, world_take, &lists, &err), NJ_FAILED, &err,
                   "user \"u0\": the model gives NaN or infinity");
    assert_int_equal(lists.count, 0);
    assert_ok(nj_engine_decode(engine, who + 1, 1, world_take, &lists, &err), &err);
    assert_refused(nj_engine_decode(engine, who + 2, 1, world_take, &lists, &err), NJ_FAILED, &err,
                   "user \"u2\"");
    nj_engine_close(&engine);
    nj_synthetic_free(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_the_same_with_and_without),
        cmocka_unit_test(equal_histories_are_searched_once),
        cmocka_unit_test(older_items_are_excluded_behind_the_encoded_window),
        cmocka_unit_test(with_the_history_kept_only_the_encoded_window_decides),
        cmocka_unit_test(lists_that_gave_way_are_searched_again),
        cmocka_unit_test(a_history_that_fails_fails_every_user_who_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
