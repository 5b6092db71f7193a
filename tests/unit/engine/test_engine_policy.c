// test_engine_policy.c - a policy behind the search: the same bits whoever else is decoded, full lists of legal items, bad sections refused.
#include "tests/unit/engine/policy_world.h"

#include "common/base/bits.h"
#include "common/base/checked.h"
#include "common/policy/policy_sections.h"
#include "worker/engine/engine_internal.h"

#define BEAM 12
#define TOP 9

// ---- users ----

// Histories of all lengths, some told twice, some of nearly everything, and users without one.
static void add_users(world_users *users)
{
    users->count = 0;
    for (uint32_t u = 0; u < 30; u++) {
        if (u % 10 == 4) {
            world_add_nearly_all(users, u, POLICY_ITEMS, u);
        } else {
            world_add_random(users, u % 11, POLICY_ITEMS, u % 7 == 3 ? 0 : u % 11 + 1);
        }
    }
}

static nj_settings policy_settings(const world_users *users)
{
    nj_settings settings = world_settings(BEAM, TOP, users);
    settings.history = 20;
    settings.why = true;
    return settings;
}

// ---- any batch, any order ----

static void assert_same_lists_backwards(const world_lists *lists, const world_lists *expected)
{
    for (size_t u = 0; u < expected->count; u++) {
        assert_same_list(&lists->lists[expected->count - 1 - u], &expected->lists[u]);
    }
}

static void a_list_has_the_same_bits_whoever_else_is_decoded(void **state)
{
    (void)state;
    static policy_world w;
    static world_users users, backwards;
    static world_lists expected, lists;
    policy_world_make(&w);
    add_users(&users);
    backwards = users;
    for (size_t u = 0; u < users.count; u++) {
        backwards.requests[u] = users.requests[users.count - 1 - u];
    }
    const nj_settings settings = policy_settings(&users);
    for (size_t p = 0; p < POLICY_ALL_COUNT; p++) {
        policy_world_set(&w, POLICY_ALL[p]);
        policy_world_decode(&w, &settings, 1, 0, "ref", &users, &expected);
        policy_world_decode(&w, &settings, 16, NJ_SAVINGS_ALL, "auto", &users, &lists);
        for (size_t u = 0; u < users.count; u++) {
            assert_same_list(&lists.lists[u], &expected.lists[u]);
        }
        policy_world_decode(&w, &settings, 7, NJ_SAVINGS_ALL, "auto", &backwards, &lists);
        assert_same_lists_backwards(&lists, &expected);
    }
    policy_world_free(&w);
}

static void every_set_of_kernels_of_the_class_gives_the_same_bits(void **state)
{
    (void)state;
    static policy_world w;
    static world_users users;
    static world_lists expected, lists;
    policy_world_make(&w);
    add_users(&users);
    const nj_settings settings = policy_settings(&users);
    for (size_t p = 0; p < POLICY_ALL_COUNT; p++) {
        policy_world_set(&w, POLICY_ALL[p]);
        policy_world_decode(&w, &settings, 16, NJ_SAVINGS_ALL, "ref", &users, &expected);
        for (size_t k = 0; nj_kernels_at(k) != NULL; k++) {
            const nj_engine_options options = world_options(5, nj_kernels_at(k));
            world_decode_with(&w.world, &settings, &options, &users, &lists);
            const bool exact = strcmp(nj_kernels_at(k)->numeric_class, "exact") == 0;
            for (size_t u = 0; u < users.count && exact; u++) {
                assert_same_list(&lists.lists[u], &expected.lists[u]);
            }
        }
    }
    policy_world_free(&w);
}

// The limits of a plan are those of its users; a list is not.
static void a_list_has_the_same_bits_in_a_night_with_longer_histories(void **state)
{
    (void)state;
    static policy_world w;
    static world_users users;
    static world_lists expected, lists;
    policy_world_make(&w);
    users.count = 0;
    world_add_nearly_all(&users, 3, POLICY_ITEMS, 40);
    world_add_random(&users, 5, POLICY_ITEMS, 6);
    nj_settings settings = policy_settings(&users);
    for (size_t p = 0; p < POLICY_ALL_COUNT; p++) {
        policy_world_set(&w, POLICY_ALL[p]);
        settings.history_items_max = settings.exclusions_max = POLICY_ITEMS - 40;
        policy_world_decode(&w, &settings, 2, NJ_SAVINGS_ALL, "auto", &users, &expected);
        settings.history_items_max = settings.exclusions_max = 500;
        policy_world_decode(&w, &settings, 2, NJ_SAVINGS_ALL, "auto", &users, &lists);
        assert_same_list(&lists.lists[0], &expected.lists[0]);
        assert_same_list(&lists.lists[1], &expected.lists[1]);
    }
    policy_world_free(&w);
}

// ---- no policy ----

static void a_policy_without_a_stage_changes_nothing(void **state)
{
    (void)state;
    static policy_world w;
    static world_users users;
    static world_lists expected, lists;
    policy_world_make(&w);
    add_users(&users);
    const nj_settings settings = policy_settings(&users);
    policy_world_decode(&w, &settings, 16, NJ_SAVINGS_ALL, "auto", &users, &expected);
    policy_world_set(&w, "version: 1\n");
    policy_world_decode(&w, &settings, 16, NJ_SAVINGS_ALL, "auto", &users, &lists);
    for (size_t u = 0; u < users.count; u++) {
        assert_same_list(&lists.lists[u], &expected.lists[u]);
    }
    policy_world_free(&w);
}

// Filling is all that is on: who had a full list has the one of before.
static void full_lists_stay_as_they_are_under_a_policy_that_only_fills(void **state)
{
    (void)state;
    static policy_world w;
    static world_users users;
    static world_lists expected, lists;
    policy_world_make(&w);
    add_users(&users);
    const nj_settings settings = policy_settings(&users);
    policy_world_decode(&w, &settings, 16, NJ_SAVINGS_ALL, "auto", &users, &expected);
    policy_world_set(&w, "version: 1\nfill: {near: true, popular: true}\n");
    policy_world_decode(&w, &settings, 16, NJ_SAVINGS_ALL, "auto", &users, &lists);
    uint32_t full = 0;
    for (size_t u = 0; u < users.count; u++) {
        if (users.requests[u].item_count > 0 && expected.lists[u].count == TOP) {
            assert_int_equal(lists.lists[u].count, TOP);
            assert_memory_equal(lists.lists[u].items, expected.lists[u].items,
                                TOP * sizeof(uint32_t));
            assert_memory_equal(lists.lists[u].scores, expected.lists[u].scores,
                                TOP * sizeof(float));
            full++;
        }
    }
    assert_true(full > 20);
    policy_world_free(&w);
}

// ---- denied items and masks ----

#define WORDS ((POLICY_ITEMS + 63) / 64)
#define DENY_B4 "version: 1\nconstraints: {deny: [{brand: b4}]}\n"

static void set_masks(policy_world *w, uint64_t rows[2][WORDS], nj_buffer *section)
{
    nj_error err = {0};
    const nj_mask_rows masks[] = {{nj_slice_from(""), rows[0]}, {nj_slice_from("kids"), rows[1]}};
    nj_buffer_clear(section);
    assert_ok(nj_masks_write(&w->catalogue.trie, POLICY_ITEMS, masks, 2, section, &err), &err);
    nj_sections_put(&w->world.sections, NJ_SECTION_ELIGIBLE, section->bytes, section->size);
}

// The masks of the world, and the same without what the policy denies.
static void draw_masks(const policy_world *w, uint64_t wide[2][WORDS], uint64_t narrow[2][WORDS])
{
    memset(wide, 0, 2 * sizeof wide[0]);
    memset(narrow, 0, 2 * sizeof narrow[0]);
    for (uint32_t row = 0; row < POLICY_ITEMS; row++) {
        for (uint32_t m = 0; m < 2; m++) {
            if (m == 0 || world_mix(row + 3000) % 3 == 0) {
                nj_bits_add(wide[m], row);
                if (w->brand_of[row] != 4) {
                    nj_bits_add(narrow[m], row);
                }
            }
        }
    }
}

// A denied item is one that nobody may get: lists are those of a search that never sees it.
static void denied_items_are_as_if_no_mask_had_them(void **state)
{
    (void)state;
    static policy_world w;
    static world_users users;
    static world_lists expected, lists;
    uint64_t wide[2][WORDS], narrow[2][WORDS];
    nj_buffer section;
    nj_buffer_init(&section, 1 << 20);
    policy_world_make(&w);
    add_users(&users);
    draw_masks(&w, wide, narrow);
    for (size_t u = 0; u < users.count; u++) {
        users.requests[u].mask = u % 2;
    }
    const nj_settings settings = policy_settings(&users);
    set_masks(&w, narrow, &section);
    policy_world_decode(&w, &settings, 8, NJ_SAVINGS_ALL, "auto", &users, &expected);
    set_masks(&w, wide, &section);
    policy_world_set(&w, DENY_B4);
    policy_world_decode(&w, &settings, 8, NJ_SAVINGS_ALL, "auto", &users, &lists);
    for (size_t u = 0; u < users.count; u++) {
        const world_list *a = &lists.lists[u];
        const world_list *b = &expected.lists[u];
        assert_int_equal(a->flags, b->flags);
        assert_int_equal(a->count, b->count);
        assert_memory_equal(a->items, b->items, a->count * sizeof *a->items);
        if (users.requests[u].item_count > 0) {
            assert_memory_equal(a->scores, b->scores, a->count * sizeof *a->scores);
        }
    }
    nj_buffer_fini(&section);
    policy_world_free(&w);
}

static void a_group_whose_items_are_all_denied_is_refused(void **state)
{
    (void)state;
    static policy_world w;
    static world_users users;
    uint64_t wide[2][WORDS], narrow[2][WORDS];
    nj_error err = {0};
    nj_engine *engine = NULL;
    nj_buffer section;
    nj_buffer_init(&section, 1 << 20);
    policy_world_make(&w);
    draw_masks(&w, wide, narrow);
    for (size_t i = 0; i < WORDS; i++) {
        wide[1][i] = wide[0][i] & ~narrow[0][i];
    }
    set_masks(&w, wide, &section);
    policy_world_set(&w, DENY_B4);
    nj_settings settings = world_settings(BEAM, TOP, &users);
    const nj_engine_options options = world_options(2, world_kernels("auto"));
    assert_int_equal(nj_engine_open(&w.world.sections, &settings, &options, &engine, &err),
                     NJ_CONFIG);
    assert_non_null(strstr(err.text, "mask 1"));
    nj_buffer_fini(&section);
    policy_world_free(&w);
}

// ---- full, legal lists ----

typedef struct {
    const policy_world *w;
    const nj_policy *policy;
    const nj_request *request;
    bool in_list[POLICY_ITEMS];
    uint32_t of_brand[POLICY_BRANDS];
    uint32_t of_code[8];
} judged;

// Whether the list could take the item too, by every rule of POLICY_STAGES.
static bool could_take(const judged *j, uint32_t row)
{
    const uint32_t brand = j->w->brand_of[row];
    const uint16_t code = j->w->catalogue.sids.codes[row * j->w->catalogue.sids.level_count];
    return !j->in_list[row] && brand != 4 && !world_had(j->request, row) &&
           (brand == NJ_ATTRIBUTE_NONE || j->of_brand[brand] < 4) && j->of_code[code] < 5;
}

static void take_row(judged *j, uint32_t row)
{
    const uint32_t brand = j->w->brand_of[row];
    j->in_list[row] = true;
    if (brand != NJ_ATTRIBUTE_NONE) {
        j->of_brand[brand]++;
    }
    j->of_code[j->w->catalogue.sids.codes[row * j->w->catalogue.sids.level_count]]++;
}

static void every_list_keeps_the_rules_and_is_as_long_as_they_let_it(void **state)
{
    (void)state;
    static policy_world w;
    static world_users users;
    static world_lists lists;
    policy_world_make(&w);
    add_users(&users);
    const nj_settings settings = policy_settings(&users);
    for (size_t p = 0; p < POLICY_ALL_COUNT; p++) {
        const nj_policy policy = policy_world_set(&w, POLICY_ALL[p]);
        policy_world_decode(&w, &settings, 16, NJ_SAVINGS_ALL, "auto", &users, &lists);
        uint32_t flags = 0;
        for (size_t u = 0; u < users.count; u++) {
            const world_list *list = &lists.lists[u];
            judged j = {.w = &w, .policy = &policy, .request = &users.requests[u]};
            for (uint32_t i = 0; i < list->count; i++) {
                assert_true(could_take(&j, list->items[i]));
                take_row(&j, list->items[i]);
                assert_true(isfinite(list->scores[i]));
            }
            for (uint32_t row = 0; row < POLICY_ITEMS && list->count < TOP; row++) {
                assert_false(could_take(&j, row));
            }
            if (could_take(&(judged){.w = &w, .request = j.request}, 149)) {
                assert_int_equal(list->items[list->count > 1 ? 1 : 0], 149);
                assert_true((list->flags & NJ_ROW_PINNED) != 0);
            }
            assert_int_equal((list->flags & NJ_ROW_SHORT) != 0, list->count < TOP);
            flags |= list->flags;
        }
        assert_true((flags & NJ_ROW_COLD_ITEMS) != 0 && (flags & NJ_ROW_COLD) != 0);
        assert_true((flags & NJ_ROW_SHORT) != 0);
    }
    policy_world_free(&w);
}

// Who may still get seven items gets them, whatever the search leaves.
static void a_short_list_is_filled_by_each_step_alone(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t flag;
    } STEPS[] = {
        {"version: 1\ncandidates: {search: stochastic, stochastic: {top_p: 0.001}}\n"
         "fill: {near: true}\n",
         NJ_ROW_NEAR},
        {"version: 1\ncandidates: {search: stochastic, stochastic: {top_p: 0.001}}\n"
         "fill: {popular: true}\n",
         NJ_ROW_POPULAR},
        {"version: 1\nconstraints: {caps: [{by: prefix, levels: 1, most: 2}]}\n"
         "fill: {popular: true}\n",
         NJ_ROW_POPULAR},
    };
    static policy_world w;
    static world_users users;
    static world_lists lists;
    policy_world_make(&w);
    users.count = 0;
    for (uint32_t u = 0; u < 8; u++) {
        world_add_random(&users, u, POLICY_ITEMS, 3);
    }
    const nj_settings settings = policy_settings(&users);
    for (size_t s = 0; s < sizeof STEPS / sizeof STEPS[0]; s++) {
        uint32_t filled = 0;
        policy_world_set(&w, STEPS[s].text);
        policy_world_decode(&w, &settings, 16, NJ_SAVINGS_ALL, "auto", &users, &lists);
        for (size_t u = 0; u < users.count; u++) {
            const world_list *list = &lists.lists[u];
            assert_int_equal(list->count, TOP);
            assert_int_equal(list->flags & ~(uint32_t)(STEPS[s].flag | NJ_ROW_WIDENED), 0);
            filled += (list->flags & STEPS[s].flag) != 0;
        }
        assert_true(filled > 0);
    }
    policy_world_free(&w);
}

// Behind what was counted comes what was not: a user who had all of the former still gets a full list.
static void who_had_everything_popular_gets_items_that_nobody_had(void **state)
{
    (void)state;
    static policy_world w;
    static world_users users;
    static world_lists lists;
    uint32_t items[POLICY_ITEMS];
    uint32_t count = 0;
    policy_world_make(&w);
    for (uint32_t row = 0; row < POLICY_ITEMS; row++) {
        if (w.counts[row] > 0) {
            items[count++] = row;
        }
    }
    users.count = 0;
    world_add_user(&users, items, count, 0);
    const nj_settings settings = policy_settings(&users);
    policy_world_set(&w,
                     "version: 1\ncandidates: {search: stochastic, stochastic: {top_p: 0.001}}\n"
                     "fill: {popular: true}\n");
    policy_world_decode(&w, &settings, 1, NJ_SAVINGS_ALL, "auto", &users, &lists);
    assert_int_equal(lists.lists[0].count, TOP);
    for (uint32_t i = 0; i < TOP; i++) {
        assert_int_equal(w.counts[lists.lists[0].items[i]], 0);
    }
    policy_world_free(&w);
}

// ---- users without a history ----

static void a_user_without_a_history_gets_pins_and_popular_items_within_the_rules(void **state)
{
    (void)state;
    static policy_world w;
    static world_users users;
    static world_lists lists;
    policy_world_make(&w);
    users.count = 0;
    world_add_user(&users, NULL, 0, 0);
    users.requests[0].exclude = (const uint32_t[]){20, 21};
    users.requests[0].exclude_count = 2;
    nj_settings settings = policy_settings(&users);
    settings.exclusions_max = 2;
    policy_world_set(&w, "version: 1\nconstraints:\n  deny: [{brand: b1}]\n"
                         "  pins: [{item: 6, place: 3}]\n  caps: [{by: brand, most: 3}]\n");
    policy_world_decode(&w, &settings, 4, NJ_SAVINGS_ALL, "auto", &users, &lists);
    const world_list *list = &lists.lists[0];
    assert_int_equal(list->count, TOP);
    assert_int_equal(list->flags, NJ_ROW_COLD | NJ_ROW_PINNED);
    assert_int_equal(list->items[2], 6);
    uint32_t before = UINT32_MAX;
    for (uint32_t i = 0; i < list->count; i++) {
        const uint32_t row = list->items[i];
        assert_true(w.brand_of[row] != 1 && row != 20 && row != 21);
        if (row != 6) {
            assert_true(w.counts[row] <= before);
            before = w.counts[row];
        }
    }
    policy_world_free(&w);
}

// ---- equal histories ----

static uint32_t find_twin(const policy_world *w, uint32_t row)
{
    const uint32_t L = w->catalogue.sids.level_count;
    for (uint32_t i = 0; i < POLICY_ITEMS; i++) {
        if (i != row && memcmp(w->catalogue.sids.codes + i * L, w->catalogue.sids.codes + row * L,
                               L * sizeof(uint16_t)) == 0) {
            return i;
        }
    }
    return NJ_TRIE_NONE;
}

// Items that share a SID give the same tokens, but have other neighbours.
static void histories_of_equal_tokens_and_other_items_have_their_own_lists(void **state)
{
    (void)state;
    static policy_world w;
    static world_users users;
    static world_lists alone, together;
    policy_world_make(&w);
    uint32_t row = 0;
    while (find_twin(&w, row) == NJ_TRIE_NONE) {
        row++;
    }
    const uint32_t twin = find_twin(&w, row);
    users.count = 0;
    world_add_user(&users, &row, 1, 0);
    world_add_user(&users, &twin, 1, 0);
    nj_settings settings = policy_settings(&users);
    settings.keep_history = true;
    settings.exclusions_max = 0;
    policy_world_set(&w, "version: 1\ncandidates:\n  neighbours: {weight: 5, count: 20}\n");
    policy_world_decode(&w, &settings, 1, 0, "auto", &users, &alone);
    policy_world_decode(&w, &settings, 8, NJ_SAVINGS_ALL, "auto", &users, &together);
    assert_true(memcmp(alone.lists[0].items, alone.lists[1].items, TOP * sizeof(uint32_t)) != 0);
    assert_same_list(&together.lists[0], &alone.lists[0]);
    assert_same_list(&together.lists[1], &alone.lists[1]);
    policy_world_free(&w);
}

static void users_with_draws_of_their_own_have_their_own_lists(void **state)
{
    (void)state;
    static policy_world w;
    static world_users users;
    static world_lists lists;
    policy_world_make(&w);
    users.count = 0;
    world_add_random(&users, 1, POLICY_ITEMS, 3);
    world_add_random(&users, 1, POLICY_ITEMS, 3);
    const nj_settings settings = policy_settings(&users);
    policy_world_set(&w, "version: 1\ncandidates: {search: stochastic}\n");
    policy_world_decode(&w, &settings, 8, NJ_SAVINGS_ALL, "auto", &users, &lists);
    assert_true(memcmp(lists.lists[0].items, lists.lists[1].items, TOP * sizeof(uint32_t)) != 0);
    policy_world_set(&w, "version: 1\ncandidates: {neighbours: {weight: 1, count: 20}}\n");
    policy_world_decode(&w, &settings, 8, NJ_SAVINGS_ALL, "auto", &users, &lists);
    assert_memory_equal(lists.lists[0].items, lists.lists[1].items, TOP * sizeof(uint32_t));
    policy_world_free(&w);
}

// ---- why ----

typedef struct {
    const nj_engine *engine;
    uint32_t sources; // bit s: an item had the source
} why_seen;

static nj_status check_why(void *context, size_t index, const nj_list *list, nj_error *err)
{
    (void)index;
    (void)err;
    why_seen *seen = context;
    assert_true(list->count == 0 || list->why != NULL);
    for (uint32_t i = 0; i < list->count; i++) {
        assert_true(list->why[i].source < NJ_SOURCE_COUNT && isfinite(list->why[i].raw));
        seen->sources |= 1u << list->why[i].source;
    }
    assert_int_equal((list->flags & NJ_ROW_PINNED) != 0,
                     list->count > 0 && list->why[list->count > 1].source == NJ_SOURCE_PIN);
    return NJ_OK;
}

static void every_item_says_why_it_is_there(void **state)
{
    (void)state;
    static policy_world w;
    static world_users users;
    nj_error err = {0};
    policy_world_make(&w);
    add_users(&users);
    const nj_settings settings = policy_settings(&users);
    policy_world_set(&w, POLICY_ALL[0]);
    const nj_engine_options options = nj_engine_options_default(world_kernels("auto"));
    nj_engine *engine = world_open_with(&w.world, &settings, &options);
    why_seen seen = {.engine = engine};
    for (int round = 0; round < 2; round++) { // the second from lists that are kept
        assert_ok(nj_engine_decode(engine, users.requests, users.count, check_why, &seen, &err),
                  &err);
    }
    nj_engine_close(&engine);
    assert_int_equal(seen.sources & 0x0f, 0x0f); // beam, neighbour, pin, cold
    assert_true((seen.sources & 1u << NJ_SOURCE_POPULAR) != 0);
    policy_world_free(&w);
}

static nj_status check_plain_why(void *context, size_t index, const nj_list *list, nj_error *err)
{
    (void)context;
    (void)index;
    (void)err;
    for (uint32_t i = 0; i < list->count; i++) {
        assert_int_equal(list->why[i].source,
                         (list->flags & NJ_ROW_COLD) != 0 ? NJ_SOURCE_POPULAR : NJ_SOURCE_BEAM);
        assert_true(list->why[i].raw == list->scores[i]);
    }
    return NJ_OK;
}

static void without_a_policy_the_search_or_the_counts_are_why(void **state)
{
    (void)state;
    static policy_world w;
    static world_users users;
    nj_error err = {0};
    policy_world_make(&w);
    add_users(&users);
    const nj_settings settings = policy_settings(&users);
    nj_engine *engine = world_open(&w.world, &settings, 8, world_kernels("auto"));
    assert_ok(nj_engine_decode(engine, users.requests, users.count, check_plain_why, NULL, &err),
              &err);
    nj_engine_close(&engine);
    policy_world_free(&w);
}

// ---- sections from outside ----

static nj_status visit_list(void *context, size_t index, const nj_list *list, nj_error *err)
{
    (void)context;
    (void)index;
    (void)err;
    for (uint32_t i = 0; i < list->count; i++) {
        assert_true(list->items[i] < POLICY_ITEMS && isfinite(list->scores[i]));
    }
    return NJ_OK;
}

static nj_status try_world(const policy_world *w, nj_error *err)
{
    static const uint32_t ROWS[] = {0, 1, 2, 3, 4, 5, 6, 7};
    const nj_request requests[] = {
        {.user = nj_slice_from("a"), .items = ROWS, .item_count = 3},
        {.user = nj_slice_from("b")},
    };
    nj_settings settings = nj_settings_default();
    settings.beam = BEAM;
    settings.top = TOP;
    settings.history_items_max = settings.exclusions_max = 8;
    const nj_engine_options options = world_options(2, world_kernels("auto"));
    nj_engine *engine = NULL;
    nj_status status = nj_engine_open(&w->world.sections, &settings, &options, &engine, err);
    if (status == NJ_OK) {
        status = nj_engine_decode(engine, requests, 2, visit_list, NULL, err);
    }
    nj_engine_close(&engine);
    return status;
}

// Each section with one bit of it turned: whatever is opened decodes without a fault.
static void a_flipped_bit_is_refused_or_decodes_without_a_fault(void **state)
{
    (void)state;
    static const char *const NAMES[] = {NJ_SECTION_POLICY, NJ_SECTION_ATTRIBUTES,
                                        NJ_SECTION_VECTORS, NJ_SECTION_NEIGHBOURS};
    static policy_world w;
    nj_error err = {0};
    policy_world_make(&w);
    policy_world_set(&w, POLICY_ALL[0]);
    uint32_t refused = 0;
    for (size_t n = 0; n < sizeof NAMES / sizeof NAMES[0]; n++) {
        const nj_section *section = world_section(&w.world, NAMES[n]);
        uint8_t *bytes = (uint8_t *)(uintptr_t)section->bytes;
        for (size_t k = 0; k < 60; k++) {
            const size_t at =
                world_mix(k + 100 * n) % (k < 30 ? nj_min_size(section->size, 200) : section->size);
            const uint8_t bit = (uint8_t)(1u << world_mix(k) % 8);
            bytes[at] ^= bit;
            refused += try_world(&w, &err) != NJ_OK;
            bytes[at] ^= bit;
        }
    }
    assert_true(refused > 60);
    assert_ok(try_world(&w, &err), &err);
    policy_world_free(&w);
}

static void a_policy_that_asks_for_a_missing_section_is_refused(void **state)
{
    (void)state;
    static const char *const NAMES[] = {NJ_SECTION_ATTRIBUTES, NJ_SECTION_VECTORS,
                                        NJ_SECTION_NEIGHBOURS, NJ_SECTION_COUNTS};
    static policy_world w;
    nj_error err = {0};
    policy_world_make(&w);
    policy_world_set(&w, POLICY_ALL[0]);
    for (size_t n = 0; n < sizeof NAMES / sizeof NAMES[0]; n++) {
        const nj_section kept = *world_section(&w.world, NAMES[n]);
        nj_sections_remove(&w.world.sections, NAMES[n]);
        assert_int_equal(try_world(&w, &err), NJ_CONFIG);
        nj_sections_put(&w.world.sections, NAMES[n], kept.bytes, kept.size);
    }
    assert_ok(try_world(&w, &err), &err);
    policy_world_free(&w);
}

static void a_policy_that_the_settings_make_impossible_is_refused(void **state)
{
    (void)state;
    static policy_world w;
    static world_users users;
    nj_error err = {0};
    nj_engine *engine = NULL;
    policy_world_make(&w);
    policy_world_set(&w, POLICY_ALL[1]); // three groups
    nj_settings settings = world_settings(10, 5, &users);
    const nj_engine_options options = world_options(2, world_kernels("auto"));
    assert_int_equal(nj_engine_open(&w.world.sections, &settings, &options, &engine, &err),
                     NJ_CONFIG);
    assert_non_null(strstr(err.text, "10 beams"));
    policy_world_free(&w);
}

static void tables_above_the_limit_are_refused_before_they_are_made(void **state)
{
    (void)state;
    static policy_world w;
    static world_users users;
    nj_error err = {0};
    nj_engine *engine = NULL;
    policy_world_make(&w);
    policy_world_set(&w, POLICY_ALL[0]);
    nj_settings settings = world_settings(BEAM, TOP, &users);
    nj_engine_options options = world_options(2, world_kernels("auto"));
    options.bytes_max = 1000;
    assert_int_equal(nj_engine_open(&w.world.sections, &settings, &options, &engine, &err),
                     NJ_CONFIG);
    assert_non_null(strstr(err.text, "1000"));
    assert_null(engine);
    policy_world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_has_the_same_bits_whoever_else_is_decoded),
        cmocka_unit_test(every_set_of_kernels_of_the_class_gives_the_same_bits),
        cmocka_unit_test(a_list_has_the_same_bits_in_a_night_with_longer_histories),
        cmocka_unit_test(a_policy_without_a_stage_changes_nothing),
        cmocka_unit_test(full_lists_stay_as_they_are_under_a_policy_that_only_fills),
        cmocka_unit_test(denied_items_are_as_if_no_mask_had_them),
        cmocka_unit_test(a_group_whose_items_are_all_denied_is_refused),
        cmocka_unit_test(every_list_keeps_the_rules_and_is_as_long_as_they_let_it),
        cmocka_unit_test(a_short_list_is_filled_by_each_step_alone),
        cmocka_unit_test(who_had_everything_popular_gets_items_that_nobody_had),
        cmocka_unit_test(a_user_without_a_history_gets_pins_and_popular_items_within_the_rules),
        cmocka_unit_test(histories_of_equal_tokens_and_other_items_have_their_own_lists),
        cmocka_unit_test(users_with_draws_of_their_own_have_their_own_lists),
        cmocka_unit_test(every_item_says_why_it_is_there),
        cmocka_unit_test(without_a_policy_the_search_or_the_counts_are_why),
        cmocka_unit_test(a_flipped_bit_is_refused_or_decodes_without_a_fault),
        cmocka_unit_test(a_policy_that_asks_for_a_missing_section_is_refused),
        cmocka_unit_test(a_policy_that_the_settings_make_impossible_is_refused),
        cmocka_unit_test(tables_above_the_limit_are_refused_before_they_are_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
