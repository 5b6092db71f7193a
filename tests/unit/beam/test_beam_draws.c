// test_beam_draws.c - what a stochastic search's draws depend on, their bits, and the ends of float32.
#include "tests/unit/beam/beam_world.h"

// ---- what a draw depends on ----

static void a_wider_search_begins_with_the_draws_of_a_narrower_one(void **state)
{
    (void)state;
    static fake_model model = {.logit = fine_logit};
    static const uint64_t KEYS[2] = {5, 6};
    const nj_exclusions none[2] = {{0}};
    world w;
    make_world(&w, 2100, ITEMS);
    nj_arena wide_arena;
    nj_beam_result wide[2];
    nj_beam_config config = make_stochastic(300, KEYS);
    search(&w, &config, none, 2, 100, &model, &wide_arena, wide);
    for (config.W = 1; config.W <= 64; config.W *= 2) {
        nj_arena arena;
        nj_beam_result results[2];
        config.leaves = config.W;
        search(&w, &config, none, 2, 3, &model, &arena, results);
        for (uint32_t b = 0; b < 2; b++) {
            assert_int_equal(results[b].count, config.W);
            assert_memory_equal(results[b].leaves, wide[b].leaves, config.W * sizeof(uint32_t));
            assert_memory_equal(results[b].scores, wide[b].scores, config.W * sizeof(float));
        }
        nj_arena_fini(&arena);
    }
    assert_float_equal(wide[0].scores[0], 0.0f, 0.0f);
    assert_memory_not_equal(wide[0].leaves, wide[1].leaves, 20 * sizeof(uint32_t));
    nj_arena_fini(&wide_arena);
    nj_buffer_fini(&w.bytes);
}

static void an_excluded_item_changes_no_other_draw(void **state)
{
    (void)state;
    static fake_model model = {.logit = fine_logit, .same_users = true};
    static const uint64_t KEYS[2] = {9, 9};
    static const uint32_t SOME[] = {1, 5, 17, 33, 60, 61, 62, 90};
    const nj_exclusions exclusions[2] = {{0}, {SOME, 8, NULL}};
    world w;
    make_world(&w, 2300, ITEMS);
    nj_arena arena;
    nj_beam_result results[2];
    const nj_beam_config config = make_stochastic(300, KEYS);
    search(&w, &config, exclusions, 2, 50, &model, &arena, results);
    uint32_t at = 0;
    for (uint32_t i = 0; i < results[0].count; i++) {
        if (at < results[1].count && results[1].leaves[at] == results[0].leaves[i]) {
            assert_memory_equal(&results[1].scores[at], &results[0].scores[i], sizeof(float));
            at++;
        }
    }
    assert_int_equal(at, results[1].count);
    assert_in_range(at, results[0].count - 8, results[0].count - 1);
    nj_arena_fini(&arena);
    nj_buffer_fini(&w.bytes);
}

static void users_seeds_and_lengths_of_ids_have_keys_of_their_own(void **state)
{
    (void)state;
    const uint64_t key = nj_beam_user_key(1, (nj_slice){"u7", 2});
    assert_true(key == nj_beam_user_key(1, (nj_slice){"u7", 2}));
    assert_true(key != nj_beam_user_key(2, (nj_slice){"u7", 2}));
    assert_true(key != nj_beam_user_key(1, (nj_slice){"u8", 2}));
    assert_true(key != nj_beam_user_key(1, (nj_slice){"u7", 1}));
    assert_true(key == UINT64_C(0x2a6db5a765d3716a)); // the same for ever: rows follow from it
}

static uint64_t digest_result(const nj_beam_result *result)
{
    uint64_t digest = result->count;
    for (uint32_t i = 0; i < result->count; i++) {
        uint32_t words[3] = {result->leaves[i]};
        memcpy(&words[1], &result->scores[i], sizeof words[1]);
        memcpy(&words[2], &result->raw[i], sizeof words[2]);
        for (size_t k = 0; k < 3; k++) {
            digest = mix(digest ^ words[k]);
        }
    }
    return digest;
}

// Of the class "exact" on every machine: the number was made on one with AVX-512.
static void every_exact_set_of_kernels_draws_the_same_bits(void **state)
{
    (void)state;
    static fake_model model = {.logit = fine_logit};
    static const uint64_t KEYS[2] = {41, 42};
    const nj_exclusions none[2] = {{0}};
    world w;
    make_world(&w, 1900, ITEMS);
    nj_beam_config config = make_stochastic(30, KEYS);
    config.draw_temperature = 1.3f;
    config.top_p = 0.9f;
    uint32_t sets = 0;
    for (size_t i = 0; nj_kernels_at(i) != NULL; i++) {
        const nj_kernels *kernels = nj_kernels_at(i);
        if (strcmp(kernels->numeric_class, "exact") == 0) {
            nj_arena arena;
            nj_beam_result results[2];
            search_with(kernels, &w, &config, none, 2, 7, &model, &arena, results);
            assert_true(digest_result(&results[0]) == UINT64_C(0x4dbb2f4fa2895b6f));
            assert_true(digest_result(&results[1]) == UINT64_C(0x897994bb246685c3));
            nj_arena_fini(&arena);
            sets++;
        }
    }
    assert_in_range(sets, 2, 100);
    nj_buffer_fini(&w.bytes);
}

// ---- the ends of float32 ----

// From sure to all but impossible.
static float steep_logit(uint64_t path, uint32_t token)
{
    return (float)(mix(path * 131 + token) % 7) * 4e3f - 1e4f;
}

static void chances_beyond_float32_leave_a_ranked_list_of_all_leaves(void **state)
{
    (void)state;
    static fake_model model = {.logit = steep_logit};
    static const uint64_t KEYS[2] = {3, 4};
    const nj_exclusions none[2] = {{0}};
    world w;
    make_world(&w, 2500, ITEMS);
    nj_arena arena;
    nj_beam_result results[2];
    nj_beam_config config = make_stochastic(500, KEYS);
    config.draw_temperature = 1e-3f;
    search(&w, &config, none, 2, 50, &model, &arena, results);
    for (uint32_t b = 0; b < 2; b++) {
        assert_true(results[b].finite);
        assert_int_equal(results[b].count, w.trie.node_count[L]);
        for (uint32_t i = 0; i < results[b].count; i++) {
            assert_true(isfinite(results[b].scores[i]) && isfinite(results[b].raw[i]));
            assert_true(i == 0 || results[b].scores[i] <= results[b].scores[i - 1]);
        }
    }
    nj_arena_fini(&arena);
    nj_buffer_fini(&w.bytes);
}

static void a_cold_draw_is_the_greedy_search(void **state)
{
    (void)state;
    static fake_model model = {.logit = fine_logit};
    static const uint64_t KEYS[4] = {3, 4, 5, 6};
    const nj_exclusions none[4] = {{0}};
    world w;
    make_world(&w, 2700, ITEMS);
    nj_arena arenas[2];
    nj_beam_result drawn[4];
    nj_beam_result greedy[4];
    nj_beam_config config = make_stochastic(1, KEYS);
    config.draw_temperature = 1e-4f;
    search(&w, &config, none, 4, 50, &model, &arenas[0], drawn);
    config = make_config(1);
    search(&w, &config, none, 4, 50, &model, &arenas[1], greedy);
    for (uint32_t b = 0; b < 4; b++) {
        assert_int_equal(drawn[b].leaves[0], greedy[b].leaves[0]);
        assert_memory_equal(&drawn[b].raw[0], &greedy[b].scores[0], sizeof(float));
    }
    nj_arena_fini(&arenas[0]);
    nj_arena_fini(&arenas[1]);
    nj_buffer_fini(&w.bytes);
}

static float one_infinite_logit(uint64_t path, uint32_t token)
{
    return token == 5 ? -INFINITY : fine_logit(path, token);
}

static void a_logit_that_is_not_finite_is_reported(void **state)
{
    (void)state;
    static fake_model model = {.logit = one_infinite_logit};
    static const uint64_t KEYS[1] = {3};
    const nj_exclusions none = {0};
    world w;
    make_world(&w, 2900, ITEMS);
    nj_arena arena;
    nj_beam_result result;
    const nj_beam_config config = make_stochastic(20, KEYS);
    search(&w, &config, &none, 1, 50, &model, &arena, &result);
    assert_false(result.finite);
    nj_arena_fini(&arena);
    nj_buffer_fini(&w.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wider_search_begins_with_the_draws_of_a_narrower_one),
        cmocka_unit_test(an_excluded_item_changes_no_other_draw),
        cmocka_unit_test(users_seeds_and_lengths_of_ids_have_keys_of_their_own),
        cmocka_unit_test(every_exact_set_of_kernels_draws_the_same_bits),
        cmocka_unit_test(chances_beyond_float32_leave_a_ranked_list_of_all_leaves),
        cmocka_unit_test(a_cold_draw_is_the_greedy_search),
        cmocka_unit_test(a_logit_that_is_not_finite_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
