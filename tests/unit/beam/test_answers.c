// test_answers.c - searches for strings, lists and texts against the law written out over whole token sequences.
#include "tests/unit/beam/answer_world.h"

#define B 5u
#define LISTED_MAX 12u

// ---- what is expected of hypotheses ----

static void check_items(const world *w, const nj_answer_config *config, const nj_answer_user *user,
                        const law *l, const nj_answer *answer)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < l->finished_count; i++) {
        const path *p = &l->finished[i];
        for (uint32_t row = 0; row < w->row_count && at < config->wanted; row++) {
            if (has_row(user, row) && string_size(w, row) == p->count - 1 &&
                row_begins(w, row, p->tokens, p->count - 1)) {
                assert_true(at < answer->count);
                assert_int_equal(answer->items[at], row);
                assert_memory_equal(&answer->scores[at], &p->penalised, sizeof(float));
                at++;
            }
        }
    }
    assert_int_equal(answer->count, at);
}

// Of a list that was cut, the last piece counts where it is an item.
static void check_list(const world *w, const nj_answer_config *config, const nj_answer_user *user,
                       const law *l, const nj_answer *answer)
{
    path best = l->finished[0];
    best.count -= best.ended;
    const pieces cuts = cut(config, &best);
    uint32_t at = 0;
    for (uint32_t i = 0; i < cuts.count; i++) {
        const uint32_t size = cuts.end[i] - cuts.first[i];
        for (uint32_t row = 0; row < w->row_count && at < config->wanted; row++) {
            if (has_row(user, row) && string_size(w, row) == size &&
                row_begins(w, row, best.tokens + cuts.first[i], size) &&
                !is_said(w, &best, &cuts, row, i)) {
                assert_true(at < answer->count);
                assert_int_equal(answer->items[at], row);
                assert_memory_equal(&answer->scores[at], &best.score_at[cuts.end[i] - 1],
                                    sizeof(float));
                at++;
            }
        }
    }
    assert_int_equal(answer->count, at);
}

static void check_answer(const world *w, const nj_answer_config *config, const nj_answer_user *user,
                         const law *l, const nj_answer *answer)
{
    assert_true(answer->finite);
    if (l->finished_count == 0) {
        assert_int_equal(answer->count, 0);
        assert_int_equal(answer->token_count, 0);
        return;
    }
    const path *best = &l->finished[0];
    assert_int_equal(answer->ended, best->ended);
    assert_memory_equal(&answer->score, &best->penalised, sizeof(float));
    if (config->kind == NJ_ANSWER_ITEMS) {
        check_items(w, config, user, l, answer);
    } else if (config->kind == NJ_ANSWER_LIST) {
        check_list(w, config, user, l, answer);
    } else {
        assert_int_equal(answer->token_count, best->count - best->ended);
        assert_memory_equal(answer->tokens, best->tokens, answer->token_count * sizeof(uint32_t));
    }
}

// ---- random rules ----

typedef struct {
    nj_answer_user user;
    uint64_t open_rows[1];
    uint64_t open_nodes[8];
    uint32_t excluded[LISTED_MAX];
    uint32_t candidates[LISTED_MAX];
} rules;

static void draw_rules(const world *w, uint64_t *seed, rules *r)
{
    const uint64_t kinds = nj_rng_next(seed);
    *r = (rules){0};
    if (kinds % 3 == 0) {
        r->open_rows[0] = nj_rng_next(seed);
        r->user.open_rows = r->open_rows;
        nj_token_trie_fold(&w->trie, r->open_rows, r->open_nodes);
        r->user.open_nodes = r->open_nodes;
    }
    for (uint32_t row = 0; row < w->row_count && kinds % 2 == 0; row++) {
        if (nj_rng_next(seed) % 4 == 0 && r->user.excluded_count < LISTED_MAX) {
            r->excluded[r->user.excluded_count++] = row;
        }
    }
    r->user.excluded = r->excluded;
    if (kinds % 5 == 0) {
        r->user.candidates = r->candidates;
        for (r->user.candidate_count = 0; r->user.candidate_count < kinds / 5 % LISTED_MAX;) {
            r->candidates[r->user.candidate_count++] = (uint32_t)(nj_rng_next(seed) % w->row_count);
        }
    }
}

static void check_world(uint64_t seed, nj_answer_config *config, bool ties)
{
    static world w;
    static law l;
    rules drawn[B];
    nj_answer_user users[B];
    nj_answer answers[B];
    nj_arena arena;
    fake_model model = {.ties = ties, .broken_token = V};
    make_world(&w, seed);
    for (uint32_t b = 0; b < B; b++) {
        draw_rules(&w, &seed, &drawn[b]);
        users[b] = drawn[b].user;
    }

    search(&w, config, users, LISTED_MAX, B, 1 + (uint32_t)(seed % 7), &model, &arena, answers);

    for (uint32_t b = 0; b < B; b++) {
        search_by_law(&w, config, &model, &users[b], b, &l);
        check_answer(&w, config, &users[b], &l, &answers[b]);
    }
    nj_arena_fini(&arena);
    nj_buffer_fini(&w.bytes);
}

static void check_worlds(nj_answer_kind kind, uint32_t count)
{
    static const float PENALTIES[] = {1.0f, 0.0f, -1.0f, 2.0f, 0.6f};
    static const uint32_t WIDTHS[] = {1, 2, 3, 5, 16};
    for (uint64_t seed = 1; seed <= count; seed++) {
        nj_answer_config config = make_config(kind, WIDTHS[seed % 5]);
        config.length_penalty = PENALTIES[seed / 5 % 5];
        config.stop = (nj_answer_stop)(seed % 3);
        config.renormalise = seed % 4 == 0;
        config.temperature = seed % 7 == 0 ? 2.0f : 1.0f;
        config.wanted = kind == NJ_ANSWER_ITEMS && seed % 2 == 0 ? 3 : config.wanted;
        config.tokens_max = seed % 6 == 0 ? 3 : config.tokens_max;
        config.separator_count = 1 + seed % 2;
        check_world(seed * 1000003, &config, seed % 3 == 1);
    }
}

static void items_are_found_as_the_law_finds_them(void **state)
{
    (void)state;
    check_worlds(NJ_ANSWER_ITEMS, 210);
}

static void lists_are_found_as_the_law_finds_them(void **state)
{
    (void)state;
    check_worlds(NJ_ANSWER_LIST, 105);
}

static void texts_are_found_as_the_law_finds_them(void **state)
{
    (void)state;
    check_worlds(NJ_ANSWER_TEXT, 105);
}

// ---- single behaviours ----

// rows: "4", "4 5", "4 5", "6"
static void make_small_world(world *w)
{
    static const uint32_t TOKENS[] = {4, /**/ 4, 5, /**/ 4, 5, /**/ 6};
    static const uint64_t OFFSET[] = {0, 1, 3, 5, 6};
    memset(w, 0, sizeof *w);
    memcpy(w->tokens, TOKENS, sizeof TOKENS);
    memcpy(w->offset, OFFSET, sizeof OFFSET);
    open_world(w, 4);
}

static nj_answer search_one(const world *w, const nj_answer_config *config,
                            const nj_answer_user *user, fake_model *model, nj_arena *arena)
{
    nj_answer answer;
    search(w, config, user, LISTED_MAX, 1, 2, model, arena, &answer);
    return answer;
}

static void equal_strings_give_both_items_in_catalogue_order(void **state)
{
    (void)state;
    static world w;
    nj_arena arena;
    fake_model model = {.broken_token = V};
    const nj_answer_config config = make_config(NJ_ANSWER_ITEMS, 8);
    make_small_world(&w);

    const nj_answer answer = search_one(&w, &config, &(nj_answer_user){0}, &model, &arena);

    assert_int_equal(answer.count, 4);
    for (uint32_t i = 0; i < 4; i++) {
        if (answer.items[i] == 1) {
            assert_int_equal(answer.items[i + 1], 2);
            assert_true(answer.scores[i] == answer.scores[i + 1]);
        }
    }
    nj_arena_fini(&arena);
    nj_buffer_fini(&w.bytes);
}

static void a_user_without_anything_left_gets_an_empty_answer(void **state)
{
    (void)state;
    static world w;
    nj_arena arena;
    fake_model model = {.broken_token = V};
    const uint32_t all[] = {0, 1, 2, 3};
    const nj_answer_user excluded = {.excluded = all, .excluded_count = 4};
    const nj_answer_user listed = {.candidates = all, .candidate_count = 0};
    make_small_world(&w);
    for (nj_answer_kind kind = NJ_ANSWER_ITEMS; kind <= NJ_ANSWER_LIST; kind++) {
        const nj_answer_config config = make_config(kind, 4);
        nj_answer answer = search_one(&w, &config, &excluded, &model, &arena);
        assert_true(answer.finite && answer.count == 0);
        nj_arena_fini(&arena);
        answer = search_one(&w, &config, &listed, &model, &arena);
        assert_true(answer.finite && answer.count == 0);
        nj_arena_fini(&arena);
    }
    nj_buffer_fini(&w.bytes);
}

static void a_list_says_every_item_once_and_ends(void **state)
{
    (void)state;
    static world w;
    nj_arena arena;
    // The end is unlikely, so the list goes on while anything is left.
    fake_model model = {.broken_token = END_TOKEN, .broken = -30.0f};
    nj_answer_config config = make_config(NJ_ANSWER_LIST, 3);
    config.wanted = 10;
    make_small_world(&w);

    const nj_answer answer = search_one(&w, &config, &(nj_answer_user){0}, &model, &arena);

    uint32_t seen = 0;
    for (uint32_t i = 0; i < answer.count; i++) {
        seen |= 1u << answer.items[i];
        assert_true(i == 0 || answer.scores[i] <= answer.scores[i - 1]);
    }
    assert_int_equal(answer.count, 4);
    assert_int_equal(seen, 0xf);
    assert_true(answer.ended);
    nj_arena_fini(&arena);
    nj_buffer_fini(&w.bytes);
}

// "4 2 5" is one item and "4", "5" are two others; the separator is 2: each reading is a beam of its own.
static void a_text_that_reads_two_ways_is_two_beams(void **state)
{
    (void)state;
    static world w;
    static const uint32_t TOKENS[] = {4, 2, 5, /**/ 4, /**/ 5};
    static const uint64_t OFFSET[] = {0, 3, 4, 5};
    nj_arena arena;
    fake_model model = {.broken_token = 2, .broken = 30.0f}; // 2 is sure to come
    nj_answer_config config = make_config(NJ_ANSWER_LIST, 4);
    config.separator_count = 1;
    memset(&w, 0, sizeof w);
    memcpy(w.tokens, TOKENS, sizeof TOKENS);
    memcpy(w.offset, OFFSET, sizeof OFFSET);
    open_world(&w, 3);
    const uint32_t one[] = {0};
    const uint32_t two[] = {1, 2};

    nj_answer answer = search_one(
        &w, &config, &(nj_answer_user){.excluded = one, .excluded_count = 1}, &model, &arena);
    assert_int_equal(answer.count, 2);
    nj_arena_fini(&arena);
    answer = search_one(&w, &config, &(nj_answer_user){.excluded = two, .excluded_count = 2},
                        &model, &arena);
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.items[0], 0);
    nj_arena_fini(&arena);
    nj_buffer_fini(&w.bytes);
}

static void a_model_that_gives_nan_or_infinity_is_reported(void **state)
{
    (void)state;
    static world w;
    static const float BROKEN[] = {NAN, INFINITY, -INFINITY};
    make_small_world(&w);
    for (uint32_t i = 0; i < 9; i++) {
        nj_arena arena;
        nj_answer answers[2];
        const nj_answer_user users[2] = {0};
        // Of an allowed token, and of user 0 alone.
        fake_model model = {.broken_token = FIRST_TOKEN, .broken = BROKEN[i % 3]};
        const nj_answer_config config = make_config((nj_answer_kind)(i / 3), 3);
        search(&w, &config, users, 0, 2, 4, &model, &arena, answers);
        assert_false(answers[0].finite);
        assert_int_equal(answers[0].count, 0);
        assert_int_equal(answers[0].token_count, 0);
        assert_true(answers[1].finite);
        assert_true(answers[1].count > 0 || answers[1].token_count > 0);
        nj_arena_fini(&arena);
    }
    nj_buffer_fini(&w.bytes);
}

static void a_plan_that_does_not_fit_says_so(void **state)
{
    (void)state;
    nj_answer_config config = make_config(NJ_ANSWER_TEXT, UINT32_MAX / 2);
    config.tokens_max = NJ_ANSWER_TOKENS_MAX;
    assert_true(nj_answer_scratch_bytes(NULL, &config, 0, B, UINT32_MAX, UINT32_MAX) == SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_are_found_as_the_law_finds_them),
        cmocka_unit_test(lists_are_found_as_the_law_finds_them),
        cmocka_unit_test(texts_are_found_as_the_law_finds_them),
        cmocka_unit_test(equal_strings_give_both_items_in_catalogue_order),
        cmocka_unit_test(a_user_without_anything_left_gets_an_empty_answer),
        cmocka_unit_test(a_list_says_every_item_once_and_ends),
        cmocka_unit_test(a_text_that_reads_two_ways_is_two_beams),
        cmocka_unit_test(a_model_that_gives_nan_or_infinity_is_reported),
        cmocka_unit_test(a_plan_that_does_not_fit_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
