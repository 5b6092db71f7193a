// test_engine.c - lists: the same whatever the batch, free of the user's own history, as long as can be, flagged as documented.
//
// Three slow truths stand beside the engine: the search that covers the whole trie (every item with its score, filtered here), the
// single search at one width (an engine whose widening is switched off), and counts of prefixes taken straight from the SIDs.
#include "tests/unit/engine/world.h"

#include "common/base/digest.h"
#include "worker/engine/engine_internal.h"
#include "worker/engine/flops.h"

// Two sets of kernels differ in the rounding of sums of some dozen terms; scores are of the order of 10.
#define CLASS_TOLERANCE 1e-3f
#define ROUNDED_TOLERANCE 0.03f // int8 and bf16: twice the most that was seen
// A sum of 300 probabilities, each within 1e-5 of its own.
#define SUM_TOLERANCE 1e-4

// ---- the slow truths ----

/// Every item of the catalogue with its score, best first: a beam as wide as the catalogue, nothing excluded.
static void list_all_items(const nj_synthetic *world, const nj_settings *settings,
                           const nj_kernels *kernels, const world_users *users, world_lists *out)
{
    nj_settings wide = *settings;
    wide.keep_history = true;
    wide.exclusions_max = 0;
    wide.top = wide.beam = (uint32_t)(world_section(world, "counts")->size / sizeof(uint32_t));
    world_decode(world, &wide, 4, kernels, users, out);
}

/// The first `top` items of `all` that are not in the history.
static world_list filter_list(const world_list *all, const nj_request *request, uint32_t top)
{
    world_list kept = {0};
    for (uint32_t i = 0; i < all->count && kept.count < top; i++) {
        if (!world_had(request, all->items[i])) {
            kept.items[kept.count] = all->items[i];
            kept.scores[kept.count++] = all->scores[i];
        }
    }
    return kept;
}

/// What one search of this width gives, whatever it leaves: an engine that may not widen.
static world_list search_once(const nj_synthetic *world, const nj_settings *settings, uint32_t W,
                              const nj_request *request)
{
    nj_error err = {0};
    world_lists *lists = calloc(1, sizeof *lists);
    nj_settings narrow = *settings;
    narrow.beam = W;
    nj_engine *engine = world_open(world, &narrow, 1, world_kernels("ref"));
    engine->masks[0].W_wide = engine->plan.W;
    assert_int_equal(engine->plan.W, W);
    assert_ok(nj_engine_decode(engine, request, 1, world_take, lists, &err), &err);
    world_list list = lists->lists[0];
    nj_engine_close(&engine);
    free(lists);
    return list;
}

static bool same_prefix(const uint16_t *a, const uint16_t *b, uint32_t length)
{
    return memcmp(a, b, length * sizeof *a) == 0;
}

/// True when a beam of W keeps every prefix of 1..L-1 codes.
static bool covers(const nj_synthetic *world, uint32_t L, uint32_t item_count, uint32_t W)
{
    const uint16_t *sids = world_section(world, "sids")->bytes;
    for (uint32_t length = 1; length < L; length++) {
        uint32_t prefixes = 0;
        for (uint32_t i = 0; i < item_count; i++) {
            uint32_t twin = 0;
            while (!same_prefix(sids + twin * L, sids + i * L, length)) {
                twin++;
            }
            prefixes += twin == i;
        }
        if (prefixes > W) {
            return false;
        }
    }
    return true;
}

static float score_of(const world_list *all, uint32_t item)
{
    for (uint32_t i = 0; i < all->count; i++) {
        if (all->items[i] == item) {
            return all->scores[i];
        }
    }
    fail_msg("item %u is in no list", item);
    return 0.0f;
}

// ---- any batch, any order ----

// Histories of all lengths, users who had nearly everything, and cold ones in between.
static void add_mixed_users(world_users *users, uint32_t item_count)
{
    for (uint32_t u = 0; u < 37; u++) {
        if (u % 9 == 4) {
            world_add_nearly_all(users, u, item_count, u);
        } else {
            world_add_random(users, u, item_count, u % 7 == 3 ? 0 : u);
        }
    }
}

static nj_settings mixed_settings(const world_users *users)
{
    nj_settings settings = world_settings(6, 5, users);
    settings.history = 20;
    return settings;
}

// Requests in another order, and only some of them.
static void pick_users(const world_users *users, size_t first, size_t step, world_users *out,
                       size_t picked[WORLD_USERS_MAX])
{
    out->count = 0;
    for (size_t i = 0; first + i * step < users->count; i++) {
        picked[out->count] = users->count - 1 - (first + i * step);
        out->requests[out->count++] = users->requests[picked[i]];
    }
}

static void check_other_orders(const nj_synthetic *world, const nj_settings *settings,
                               const world_users *users, const world_lists *expected)
{
    world_users *some = calloc(1, sizeof *some);
    world_lists *lists = calloc(1, sizeof *lists);
    for (size_t step = 1; step <= 3; step++) {
        size_t picked[WORLD_USERS_MAX];
        pick_users(users, step - 1, step, some, picked);
        world_decode(world, settings, 16, world_kernels("ref"), some, lists);
        for (size_t i = 0; i < some->count; i++) {
            assert_same_list(&lists->lists[i], &expected->lists[picked[i]]);
        }
    }
    free(some);
    free(lists);
}

/// Every set of a class, in batches of any size.
static void check_class(const char *numeric_class, const nj_synthetic *world,
                        const nj_settings *settings, const world_users *users,
                        const world_lists *expected)
{
    static const uint32_t BATCHES[] = {1, 3, 16, 256};
    static world_lists lists;
    const nj_kernels *kernels;
    size_t sets = 0;
    for (size_t k = 0; (kernels = nj_kernels_at(k)) != NULL; k++) {
        bool of_class = strcmp(kernels->numeric_class, numeric_class) == 0;
        for (size_t b = 0; b < 4 && of_class; b++) {
            world_decode(world, settings, BATCHES[b], kernels, users, &lists);
            for (size_t u = 0; u < users->count; u++) {
                assert_same_list(&lists.lists[u], &expected->lists[u]);
            }
        }
        sets += of_class;
    }
    assert_true(sets >= 1);
}

static void
a_list_has_the_same_bits_in_any_batch_in_any_order_with_any_kernels_of_a_class(void **state)
{
    (void)state;
    nj_synthetic world;
    static world_users users;
    static world_lists expected;
    static world_lists rounded;
    users.count = 0;
    world_make(&world, &(nj_synthetic_shape){.D = 16,
                                             .H = 2,
                                             .E = 6,
                                             .F = 20,
                                             .encoder_layers = 2,
                                             .decoder_layers = 3,
                                             .L = 4,
                                             .K = 7,
                                             .item_count = 300,
                                             .seed = 3});
    add_mixed_users(&users, 300);
    nj_settings settings = mixed_settings(&users);
    world_decode(&world, &settings, 1, world_kernels("ref"), &users, &expected);

    uint32_t seen = 0;
    for (size_t u = 0; u < users.count; u++) {
        seen |= expected.lists[u].flags;
    }
    assert_int_equal(seen & (NJ_ROW_WIDENED | NJ_ROW_COLD | NJ_ROW_TRUNCATED),
                     NJ_ROW_WIDENED | NJ_ROW_COLD | NJ_ROW_TRUNCATED);
    check_class("exact", &world, &settings, &users, &expected);
    world_decode(&world, &settings, 1, world_kernels("int8-ref"), &users, &rounded);
    check_class("int8", &world, &settings, &users, &rounded);
    check_other_orders(&world, &settings, &users, &expected);
    nj_synthetic_free(&world);
}

static void no_saving_changes_a_list(void **state)
{
    (void)state;
    static const nj_savings LEFT_OUT[] = {NJ_SAVING_TOKEN_TABLES, NJ_SAVING_PREFIX_TABLES,
                                          NJ_SAVING_LAST_STEP, 0};
    nj_synthetic world;
    static world_users users;
    static world_lists expected;
    static world_lists lists;
    users.count = 0;
    nj_synthetic_shape shape = world_shape(4, 7, 300);
    world_make(&world, &shape);
    add_mixed_users(&users, 300);
    nj_settings settings = mixed_settings(&users);
    settings.top = 3;
    settings.beam = 12;
    nj_engine_options options = world_options(3, world_kernels("auto"));
    options.savings = 0;
    world_decode_with(&world, &settings, &options, &users, &expected);
    for (size_t i = 0; i < sizeof LEFT_OUT / sizeof LEFT_OUT[0]; i++) {
        options.savings = NJ_SAVINGS_ALL & ~LEFT_OUT[i];
        world_decode_with(&world, &settings, &options, &users, &lists);
        for (size_t u = 0; u < users.count; u++) {
            assert_same_list(&lists.lists[u], &expected.lists[u]);
        }
    }
    nj_synthetic_free(&world);
}

static void every_set_of_kernels_scores_every_item_alike(void **state)
{
    (void)state;
    nj_synthetic world;
    static world_users users;
    static world_lists expected;
    static world_lists lists;
    users.count = 0;
    nj_synthetic_shape shape = world_shape(3, 6, 150);
    world_make(&world, &shape);
    for (uint32_t u = 0; u < 10; u++) {
        world_add_random(&users, u, 150, 1 + 3 * u);
    }
    nj_settings settings = world_settings(5, 5, &users);
    list_all_items(&world, &settings, world_kernels("ref"), &users, &expected);
    size_t sets = 0;
    for (; nj_kernels_at(sets) != NULL; sets++) {
        float worst = 0.0f;
        list_all_items(&world, &settings, nj_kernels_at(sets), &users, &lists);
        for (size_t u = 0; u < users.count; u++) {
            assert_int_equal(lists.lists[u].count, 150);
            for (uint32_t i = 0; i < 150; i++) {
                float score = score_of(&expected.lists[u], lists.lists[u].items[i]);
                float distance = fabsf(score - lists.lists[u].scores[i]);
                worst = distance > worst ? distance : worst;
            }
        }
        bool rounds = strcmp(nj_kernels_at(sets)->precision, "float32") != 0;
        assert_true(worst <= (rounds ? ROUNDED_TOLERANCE : CLASS_TOLERANCE));
    }
    assert_true(sets >= 2);
    nj_synthetic_free(&world);
}

// ---- exclusions and widening ----

static uint32_t count_legal(const nj_request *request, uint32_t item_count)
{
    uint32_t legal = 0;
    for (uint32_t i = 0; i < item_count; i++) {
        legal += !world_had(request, i);
    }
    return legal;
}

// Whatever the width: no own history, nothing twice, every score that of the covering search, never rising, equal scores of a
// leaf in catalogue order.
static void check_list(const world_list *list, const world_list *all, const nj_request *request,
                       uint32_t top, uint32_t item_count)
{
    uint32_t legal = count_legal(request, item_count);
    assert_int_equal(list->count, legal < top ? legal : top);
    assert_int_equal((list->flags & NJ_ROW_SHORT) != 0, list->count < top);
    for (uint32_t i = 0; i < list->count; i++) {
        assert_false(world_had(request, list->items[i]));
        float score = score_of(all, list->items[i]);
        assert_memory_equal(&list->scores[i], &score, sizeof score);
        assert_true(
            i == 0 || list->scores[i] < list->scores[i - 1] ||
            (list->scores[i] == list->scores[i - 1] && list->items[i] > list->items[i - 1]));
    }
}

// Repeats the documented search: at W, 2W, 4W, ... until the list is full or W keeps every prefix.
static uint32_t check_widening(const nj_synthetic *world, const nj_synthetic_shape *shape,
                               const nj_settings *settings, const world_list *list,
                               const world_list *all, const nj_request *request)
{
    const uint32_t top = settings->top;
    uint32_t W = settings->beam > top ? settings->beam : top;
    world_list expected = search_once(world, settings, W, request);
    bool covered = covers(world, shape->L, shape->item_count, W);
    expected.flags &= ~(uint32_t)NJ_ROW_WIDENED;
    while (expected.count < top && !covered) {
        W *= 2;
        expected = search_once(world, settings, W, request);
        expected.flags |= NJ_ROW_WIDENED;
        covered = covers(world, shape->L, shape->item_count, W);
    }
    assert_same_list(list, &expected);
    if (covered) {
        world_list filtered = filter_list(all, request, top);
        assert_int_equal(list->count, filtered.count);
        assert_memory_equal(list->items, filtered.items, filtered.count * sizeof(uint32_t));
        assert_memory_equal(list->scores, filtered.scores, filtered.count * sizeof(float));
    }
    return W;
}

typedef struct {
    uint32_t not_widened;
    uint32_t widened;
    uint32_t covered; // by the last search
    uint32_t short_lists;
} widening_counts;

static widening_counts check_world(const nj_synthetic_shape *shape, uint32_t beam, uint32_t top)
{
    static world_users users;
    static world_lists all;
    static world_lists lists;
    nj_synthetic world;
    widening_counts counts = {0};
    users.count = 0;
    world_make(&world, shape);
    for (uint32_t legal = 0; legal <= 2 * top && legal < shape->item_count; legal++) {
        world_add_nearly_all(&users, legal, shape->item_count, legal);
    }
    for (uint32_t u = 0; u < 12; u++) {
        world_add_random(&users, u, shape->item_count, shape->item_count * (u + 1) / 8);
    }
    nj_settings settings = world_settings(beam, top, &users);
    settings.history = 10;
    list_all_items(&world, &settings, world_kernels("ref"), &users, &all);
    world_decode(&world, &settings, 5, world_kernels("auto"), &users, &lists);
    for (size_t u = 0; u < users.count; u++) {
        const world_list *list = &lists.lists[u];
        check_list(list, &all.lists[u], &users.requests[u], top, shape->item_count);
        uint32_t W =
            check_widening(&world, shape, &settings, list, &all.lists[u], &users.requests[u]);
        counts.widened += (list->flags & NJ_ROW_WIDENED) != 0;
        counts.not_widened += (list->flags & NJ_ROW_WIDENED) == 0;
        counts.short_lists += (list->flags & NJ_ROW_SHORT) != 0;
        counts.covered += covers(&world, shape->L, shape->item_count, W);
    }
    nj_synthetic_free(&world);
    return counts;
}

static void the_search_is_widened_until_the_list_is_full_or_the_trie_is_covered(void **state)
{
    (void)state;
    nj_synthetic_shape shape = world_shape(4, 6, 400);
    widening_counts counts = check_world(&shape, 5, 5);
    // Every case must have happened: narrow enough at once, full before the trie was covered, and not full at all.
    assert_true(counts.not_widened > 0);
    assert_true(counts.widened > counts.covered && counts.covered > 0);
    assert_int_equal(counts.short_lists, 5);
    shape.seed = 8;
    check_world(&shape, 3, 9);
    shape.seed = 9;
    check_world(&shape, 30, 7);
}

static void every_number_of_levels_is_searched(void **state)
{
    (void)state;
    nj_synthetic_shape one = world_shape(1, 60, 80);
    widening_counts counts = check_world(&one, 4, 4);
    assert_int_equal(counts.widened, 0);
    nj_synthetic_shape two = world_shape(2, 20, 200);
    check_world(&two, 4, 6);
    nj_synthetic_shape eight = world_shape(8, 2, 240);
    counts = check_world(&eight, 6, 6);
    assert_true(counts.widened > 0);
}

static void
items_that_share_a_leaf_stand_together_in_catalogue_order_and_count_one_each(void **state)
{
    (void)state;
    nj_synthetic_shape shape = world_shape(2, 3, 90); // nine leaves of some ten items
    widening_counts counts = check_world(&shape, 2, 7);
    assert_true(counts.short_lists == 7);

    nj_synthetic world;
    static world_users users;
    static world_lists lists;
    users.count = 0;
    world_make(&world, &shape);
    world_add_random(&users, 1, 90, 5);
    nj_settings settings = world_settings(20, 20, &users);
    settings.keep_history = true;
    world_decode(&world, &settings, 1, world_kernels("ref"), &users, &lists);
    const uint16_t *sids = world_section(&world, "sids")->bytes;
    const world_list *list = &lists.lists[0];
    assert_int_equal(list->count, 20);
    uint32_t shared = 0;
    for (uint32_t i = 1; i < list->count; i++) {
        bool same_leaf = same_prefix(sids + 2 * list->items[i - 1], sids + 2 * list->items[i], 2);
        assert_int_equal(same_leaf, list->scores[i - 1] == list->scores[i]);
        assert_true(!same_leaf || list->items[i - 1] < list->items[i]);
        shared += same_leaf;
    }
    assert_true(shared >= 15);
    nj_synthetic_free(&world);
}

static void a_kept_history_excludes_nothing_and_is_one_pass(void **state)
{
    (void)state;
    nj_synthetic world;
    static world_users users;
    static world_lists lists;
    static world_lists all;
    users.count = 0;
    nj_synthetic_shape shape = world_shape(3, 6, 150);
    world_make(&world, &shape);
    world_add_nearly_all(&users, 1, 150, 1);
    world_add_nearly_all(&users, 2, 150, 0);
    nj_settings settings = world_settings(150, 12, &users);
    settings.history = 9;
    settings.keep_history = true;
    settings.exclusions_max = 0;
    list_all_items(&world, &settings, world_kernels("ref"), &users, &all);
    world_decode(&world, &settings, 2, world_kernels("ref"), &users, &lists);
    for (size_t u = 0; u < 2; u++) {
        assert_int_equal(lists.lists[u].flags, NJ_ROW_TRUNCATED);
        assert_int_equal(lists.lists[u].count, 12);
        assert_memory_equal(lists.lists[u].items, all.lists[u].items, 12 * sizeof(uint32_t));
        assert_true(world_had(&users.requests[u], lists.lists[u].items[0]) ||
                    world_had(&users.requests[u], lists.lists[u].items[1]));
    }
    nj_synthetic_free(&world);
}

static void a_catalogue_smaller_than_the_list_gives_all_of_it_and_says_short(void **state)
{
    (void)state;
    nj_synthetic world;
    static world_users users;
    static world_lists lists;
    users.count = 0;
    nj_synthetic_shape shape = world_shape(3, 5, 9);
    world_make(&world, &shape);
    world_add_user(&users, (const uint32_t[]){4}, 1, 0);
    nj_settings settings = world_settings(1, 1000, &users);
    world_decode(&world, &settings, 1, world_kernels("ref"), &users, &lists);
    assert_int_equal(lists.lists[0].flags, NJ_ROW_SHORT);
    assert_int_equal(lists.lists[0].count, 8);
    settings.keep_history = true;
    world_decode(&world, &settings, 1, world_kernels("ref"), &users, &lists);
    assert_int_equal(lists.lists[0].flags, NJ_ROW_SHORT);
    assert_int_equal(lists.lists[0].count, 9);
    nj_synthetic_free(&world);
}

// ---- histories ----

// Rewrites the "catalogue" section with another history limit.
static void set_history_max(nj_synthetic *world, const char *from, const char *to)
{
    char text[1024];
    nj_slice old = nj_buffer_slice(&world->catalogue);
    assert_true(old.size < sizeof text);
    memcpy(text, old.bytes, old.size);
    text[old.size] = '\0';
    char *at = strstr(text, from);
    assert_non_null(at);
    size_t head = (size_t)(at - text);
    nj_buffer_clear(&world->catalogue);
    assert_int_equal(
        nj_buffer_printf(&world->catalogue, "%.*s%s%s", (int)head, text, to, at + strlen(from)),
        NJ_OK);
    world_replace(world, "catalogue", world->catalogue.bytes, world->catalogue.size);
}

static void only_the_last_items_are_encoded_and_all_are_excluded(void **state)
{
    (void)state;
    static const uint32_t ITEMS[] = {11, 22, 33, 44, 55, 66};
    nj_synthetic world;
    static world_users users;
    static world_lists lists;
    users.count = 0;
    nj_synthetic_shape shape = world_shape(3, 6, 150);
    world_make(&world, &shape);
    world_add_user(&users, ITEMS, 6, 0);
    world_add_user(&users, ITEMS + 2, 4, 0);
    world_add_user(&users, ITEMS + 3, 3, 0);
    nj_settings settings = world_settings(150, 150, &users);
    settings.history = 4;
    settings.keep_history = true;
    world_decode(&world, &settings, 2, world_kernels("ref"), &users, &lists);
    assert_int_equal(lists.lists[0].flags, NJ_ROW_TRUNCATED);
    assert_int_equal(lists.lists[1].flags, 0);
    assert_int_equal(lists.lists[2].flags, 0);
    assert_memory_equal(lists.lists[0].items, lists.lists[1].items, 150 * sizeof(uint32_t));
    assert_memory_equal(lists.lists[0].scores, lists.lists[1].scores, 150 * sizeof(float));
    assert_memory_not_equal(lists.lists[0].scores, lists.lists[2].scores, 150 * sizeof(float));

    settings.keep_history = false;
    world_decode(&world, &settings, 2, world_kernels("ref"), &users, &lists);
    assert_int_equal(lists.lists[0].flags, NJ_ROW_TRUNCATED | NJ_ROW_SHORT);
    assert_int_equal(lists.lists[0].count, 144);
    assert_int_equal(lists.lists[1].count, 146);
    nj_synthetic_free(&world);
}

static void the_bundles_history_limit_holds_with_and_without_the_option(void **state)
{
    (void)state;
    static const uint32_t WANTED[] = {0, 3, 4, 1000};
    static const uint32_t TRUNCATED[] = {5, 4, 5, 5}; // the shortest history that is cut
    nj_synthetic world;
    static world_users users;
    static world_lists lists;
    users.count = 0;
    nj_synthetic_shape shape = world_shape(3, 6, 150);
    world_make(&world, &shape);
    set_history_max(&world, "\"history_max\": 100000", "\"history_max\": 4");
    for (uint32_t n = 1; n <= 8; n++) {
        world_add_random(&users, n, 150, n);
    }
    nj_settings settings = world_settings(5, 5, &users);
    for (size_t w = 0; w < 4; w++) {
        settings.history = WANTED[w];
        world_decode(&world, &settings, 3, world_kernels("ref"), &users, &lists);
        for (uint32_t n = 1; n <= 8; n++) {
            bool truncated = (lists.lists[n - 1].flags & NJ_ROW_TRUNCATED) != 0;
            assert_int_equal(truncated, n >= TRUNCATED[w]);
        }
    }
    nj_synthetic_free(&world);
}

static nj_history_digest digest_by_hand(const char *const *ids, size_t count)
{
    nj_digester digester;
    nj_history_digest digest;
    nj_digester_init(&digester);
    for (size_t i = 0; i < count; i++) {
        nj_digester_update_u64(&digester, strlen(ids[i]));
        nj_digester_update(&digester, ids[i], strlen(ids[i]));
    }
    nj_digest whole = nj_digester_final(&digester);
    memcpy(digest.bytes, whole.bytes, sizeof digest.bytes);
    return digest;
}

static void unknown_items_are_flagged_and_change_nothing_else(void **state)
{
    (void)state;
    static const uint32_t ITEMS[] = {1, 149, 30};
    static const char *const IDS[] = {"1", "149", "30"};
    nj_synthetic world;
    static world_users users;
    static world_lists lists;
    users.count = 0;
    nj_synthetic_shape shape = world_shape(3, 6, 150);
    world_make(&world, &shape);
    world_add_user(&users, ITEMS, 3, 0);
    world_add_user(&users, ITEMS, 3, 2);
    world_add_user(&users, NULL, 0, 5);
    world_add_user(&users, NULL, 0, 0);
    nj_settings settings = world_settings(10, 10, &users);
    world_decode(&world, &settings, 4, world_kernels("ref"), &users, &lists);
    assert_int_equal(lists.lists[0].flags, 0);
    assert_int_equal(lists.lists[1].flags, NJ_ROW_UNKNOWN);
    assert_int_equal(lists.lists[2].flags, NJ_ROW_UNKNOWN | NJ_ROW_COLD);
    assert_int_equal(lists.lists[3].flags, NJ_ROW_COLD);
    lists.lists[1].flags = 0;
    assert_same_list(&lists.lists[0], &lists.lists[1]);
    nj_history_digest three = digest_by_hand(IDS, 3);
    nj_history_digest none = digest_by_hand(IDS, 0);
    assert_memory_equal(&lists.lists[0].history, &three, sizeof three);
    assert_memory_equal(&lists.lists[2].history, &none, sizeof none);
    nj_synthetic_free(&world);
}

// ---- cold users ----

typedef struct {
    nj_synthetic world;
    nj_buffer trie;
    uint8_t retired[150];
} popular_world;

// Items 7 and 30 lead, 5, 6 and 90 tie behind them; 8 has most of all but is retired.
static void make_popular_world(popular_world *p)
{
    nj_error err = {0};
    nj_synthetic_shape shape = world_shape(3, 6, 150);
    *p = (popular_world){.retired = {[8] = 1}};
    world_make(&p->world, &shape);
    uint32_t *counts = (uint32_t *)(void *)p->world.counts.bytes;
    memset(counts, 0, 150 * sizeof *counts);
    counts[7] = 50;
    counts[30] = 20;
    counts[90] = counts[6] = counts[5] = 10;
    counts[8] = 4000000000u;
    nj_sids sids = {.codes = world_section(&p->world, "sids")->bytes,
                    .row_count = 150,
                    .level_count = 3,
                    .codes_per_level = {6, 6, 6},
                    .retired = p->retired};
    nj_buffer_init(&p->trie, 1 << 20);
    assert_ok(nj_trie_build(&sids, &p->trie, &err), &err);
    world_replace(&p->world, "trie", p->trie.bytes, p->trie.size);
}

static void free_popular_world(popular_world *p)
{
    nj_buffer_fini(&p->trie);
    nj_synthetic_free(&p->world);
}

static void
cold_users_get_the_counted_items_that_may_be_recommended_ties_in_catalogue_order(void **state)
{
    (void)state;
    static const uint32_t BEST[] = {7, 30, 5, 6, 90};
    static const uint32_t COUNT[] = {50, 20, 10, 10, 10};
    popular_world p;
    static world_users users;
    static world_lists lists;
    users.count = 0;
    make_popular_world(&p);
    world_add_user(&users, NULL, 0, 0);
    world_add_random(&users, 1, 150, 3);
    world_add_user(&users, NULL, 0, 0);
    for (uint32_t top = 1; top <= 7; top++) {
        uint32_t count = top < 5 ? top : 5;
        nj_settings settings = world_settings(top, top, &users);
        world_decode(&p.world, &settings, 2, world_kernels("ref"), &users, &lists);
        assert_int_equal(lists.lists[0].flags, NJ_ROW_COLD | (top > 5 ? NJ_ROW_SHORT : 0));
        assert_int_equal(lists.lists[0].count, count);
        assert_memory_equal(lists.lists[0].items, BEST, count * sizeof *BEST);
        for (uint32_t i = 0; i < count; i++) {
            float score = (float)log(COUNT[i] / 100.0);
            assert_memory_equal(&lists.lists[0].scores[i], &score, sizeof score);
        }
        assert_same_list(&lists.lists[0], &lists.lists[2]);
        assert_int_equal(lists.lists[1].flags, 0);
    }
    free_popular_world(&p);
}

static void without_counts_cold_users_get_an_empty_flagged_row(void **state)
{
    (void)state;
    popular_world p;
    static world_users users;
    static world_lists lists;
    users.count = 0;
    world_add_user(&users, NULL, 0, 1);
    make_popular_world(&p);
    nj_settings settings = world_settings(5, 5, &users);
    memset(p.world.counts.bytes, 0, p.world.counts.size);
    world_decode(&p.world, &settings, 1, world_kernels("ref"), &users, &lists);
    assert_int_equal(lists.lists[0].count, 0);
    assert_int_equal(lists.lists[0].flags, NJ_ROW_COLD | NJ_ROW_SHORT | NJ_ROW_UNKNOWN);
    world_remove(&p.world, "counts");
    world_decode(&p.world, &settings, 1, world_kernels("ref"), &users, &lists);
    assert_int_equal(lists.lists[0].count, 0);
    assert_int_equal(lists.lists[0].flags, NJ_ROW_COLD | NJ_ROW_SHORT | NJ_ROW_UNKNOWN);
    free_popular_world(&p);
}

static void a_retired_item_speaks_in_a_history_and_stands_in_no_list(void **state)
{
    (void)state;
    popular_world p;
    static world_users users;
    static world_lists lists;
    users.count = 0;
    make_popular_world(&p);
    world_add_user(&users, (const uint32_t[]){8}, 1, 0);
    world_add_user(&users, (const uint32_t[]){9}, 1, 0);
    nj_settings settings = world_settings(200, 200, &users);
    settings.keep_history = true;
    world_decode(&p.world, &settings, 1, world_kernels("ref"), &users, &lists);
    assert_int_equal(lists.lists[0].count, 149);
    for (uint32_t i = 0; i < 149; i++) {
        assert_int_not_equal(lists.lists[0].items[i], 8);
    }
    assert_memory_not_equal(lists.lists[0].scores, lists.lists[1].scores, 149 * sizeof(float));
    free_popular_world(&p);
}

// ---- settings ----

// Probability of all leaves together, each taken once.
static double sum_probabilities(const nj_synthetic *world, const nj_settings *settings,
                                const world_users *users)
{
    static world_lists all;
    list_all_items(world, settings, world_kernels("ref"), users, &all);
    const uint16_t *sids = world_section(world, "sids")->bytes;
    const world_list *list = &all.lists[0];
    double sum = 0.0;
    for (uint32_t i = 0; i < list->count; i++) {
        if (i == 0 || !same_prefix(sids + 3 * list->items[i - 1], sids + 3 * list->items[i], 3)) {
            sum += exp((double)list->scores[i]);
        }
    }
    return sum;
}

static void renormalised_probabilities_add_up_to_one_at_any_temperature(void **state)
{
    (void)state;
    static const float TEMPERATURES[] = {0.3f, 1.0f, 5.0f};
    nj_synthetic world;
    static world_users users;
    users.count = 0;
    nj_synthetic_shape shape = world_shape(3, 6, 150);
    world_make(&world, &shape);
    world_add_random(&users, 1, 150, 6);
    nj_settings settings = world_settings(5, 5, &users);
    double before = 1.0;
    for (size_t t = 0; t < 3; t++) {
        settings.temperature = TEMPERATURES[t];
        settings.renormalise = true;
        assert_true(fabs(sum_probabilities(&world, &settings, &users) - 1.0) <= SUM_TOLERANCE);
        settings.renormalise = false;
        double sum = sum_probabilities(&world, &settings, &users);
        assert_true(sum > 0.0 && sum < 0.5 && fabs(sum / before - 1.0) > 0.1);
        before = sum;
    }
    nj_synthetic_free(&world);
}

// ---- what is refused, and rows ----

static void a_history_longer_than_planned_is_refused_by_name(void **state)
{
    (void)state;
    nj_synthetic world;
    static world_users users;
    static world_lists lists;
    nj_error err = {0};
    users.count = lists.count = 0;
    nj_synthetic_shape shape = world_shape(3, 6, 150);
    world_make(&world, &shape);
    world_add_random(&users, 1, 150, 3);
    world_add_random(&users, 2, 150, 8);
    nj_settings settings = world_settings(5, 5, &users);
    settings.history_items_max = 7;
    nj_engine *engine = world_open(&world, &settings, 4, world_kernels("ref"));
    assert_refused(nj_engine_decode(engine, users.requests, 2, world_take, &lists, &err),
                   NJ_PROTOCOL, &err, "user \"u1\" has 8 items, the night was planned for 7");
    assert_int_equal(lists.count, 0);
    // The engine is as good as before.
    assert_ok(nj_engine_decode(engine, users.requests, 1, world_take, &lists, &err), &err);
    nj_engine_close(&engine);

    settings.history_items_max = 8;
    settings.exclusions_max = 6;
    engine = world_open(&world, &settings, 4, world_kernels("ref"));
    assert_refused(nj_engine_decode(engine, users.requests + 1, 1, world_take, &lists, &err),
                   NJ_PROTOCOL, &err,
                   "user \"u1\" must not get 8 items, the night was planned for 6");
    nj_engine_close(&engine);
    settings.keep_history = true;
    world_decode(&world, &settings, 4, world_kernels("ref"), &users, &lists);
    nj_synthetic_free(&world);
}

static void a_plan_alone_is_the_engines_and_is_refused_where_it_is(void **state)
{
    (void)state;
    nj_synthetic world;
    nj_error err = {0};
    nj_engine_plan plan;
    nj_settings settings = nj_settings_default();
    nj_engine_options options = world_options(5, world_kernels("ref"));
    nj_synthetic_shape shape = world_shape(3, 6, 150);
    world_make(&world, &shape);
    settings.history_items_max = settings.exclusions_max = 9;
    nj_engine *engine = world_open_with(&world, &settings, &options);
    assert_ok(nj_engine_plan_sections(&world.sections, &settings, &options, &plan, &err), &err);
    assert_memory_equal(&plan, nj_engine_plan_of(engine), sizeof plan);
    nj_engine_close(&engine);
    options.bytes_max = nj_engine_plan_bytes(&plan) - 1;
    assert_refused(nj_engine_plan_sections(&world.sections, &settings, &options, &plan, &err),
                   NJ_CONFIG, &err, "the plan needs");
    nj_synthetic_free(&world);
}

static nj_status refuse_second(void *context, size_t index, const nj_list *list, nj_error *err)
{
    (void)list;
    size_t *calls = context;
    ++*calls;
    return index == 1 ? nj_fail(err, NJ_IO, "full") : NJ_OK;
}

static void a_sink_that_fails_ends_the_decoding_with_its_own_status(void **state)
{
    (void)state;
    nj_synthetic world;
    static world_users users;
    nj_error err = {0};
    size_t calls = 0;
    users.count = 0;
    nj_synthetic_shape shape = world_shape(3, 6, 150);
    world_make(&world, &shape);
    for (uint32_t u = 0; u < 5; u++) {
        world_add_random(&users, u, 150, 3);
    }
    nj_settings settings = world_settings(5, 5, &users);
    nj_engine *engine = world_open(&world, &settings, 4, world_kernels("ref"));
    assert_refused(nj_engine_decode(engine, users.requests, 5, refuse_second, &calls, &err), NJ_IO,
                   &err, "full");
    assert_int_equal(calls, 2);
    nj_engine_close(&engine);
    nj_synthetic_free(&world);
}

static nj_status pack_and_compare(void *context, size_t index, const nj_list *list, nj_error *err)
{
    const nj_engine *engine = context;
    static nj_row row;
    nj_buffer bytes;
    (void)index;
    nj_buffer_init(&bytes, NJ_ROW_BYTES_MAX);
    assert_int_equal(nj_engine_pack_row(engine, list, &bytes), NJ_OK);
    assert_ok(nj_row_unpack(nj_buffer_slice(&bytes), &row, err), err);
    assert_int_equal(row.flags, list->flags);
    assert_int_equal(row.count, list->count);
    assert_memory_equal(&row.history, &list->history, sizeof row.history);
    assert_memory_equal(row.scores, list->scores, list->count * sizeof(float));
    for (uint32_t i = 0; i < list->count; i++) {
        assert_true(nj_slice_equal(row.items[i], nj_engine_item_id(engine, list->items[i])));
    }
    nj_buffer_fini(&bytes);
    return NJ_OK;
}

static void a_list_becomes_a_row_that_can_be_read_back(void **state)
{
    (void)state;
    nj_synthetic world;
    static world_users users;
    nj_error err = {0};
    users.count = 0;
    nj_synthetic_shape shape = world_shape(3, 6, 150);
    world_make(&world, &shape);
    world_add_random(&users, 1, 150, 100);
    world_add_user(&users, NULL, 0, 3);
    nj_settings settings = world_settings(1, 100, &users);
    nj_engine *engine = world_open(&world, &settings, 4, world_kernels("ref"));
    assert_ok(nj_engine_decode(engine, users.requests, 2, pack_and_compare, engine, &err), &err);
    uint32_t levels = 0;
    const uint16_t *sid = nj_engine_item_sid(engine, 149, &levels);
    assert_int_equal(levels, 3);
    assert_ptr_equal(sid, (const uint16_t *)world_section(&world, "sids")->bytes + 149 * 3);
    assert_int_equal(nj_engine_item_count(engine), 150);
    nj_engine_close(&engine);
    nj_engine_close(&engine);
    nj_synthetic_free(&world);
}

// ---- arithmetic ----

// 2 M N K of every product that one user of TIGER's shape takes, one by one.
static double count_products(uint32_t S, const uint32_t *rows_of_step, uint32_t steps)
{
    enum { D = 128, HE = 384, F = 1024, V = 1026, LAYERS = 4 };
    double products = 0.0;
    for (int layer = 0; layer < LAYERS; layer++) {
        products += 3.0 * S * HE * D; // q, k, v
        products += 2.0 * S * S * HE; // scores and mixing, all heads
        products += 1.0 * S * D * HE; // o
        products += 2.0 * S * F * D;  // wi, wo
        products += 2.0 * S * HE * D; // cross keys and values
    }
    for (uint32_t step = 0; step < steps; step++) {
        double rows = rows_of_step[step];
        for (int layer = 0; layer < LAYERS; layer++) {
            products += rows * (4.0 * HE * D); // q, k, v, o
            products += rows * (2.0 * HE * D); // cross q, o
            products += rows * (2.0 * S * HE); // cross scores and mixing
            products += rows * (2.0 * F * D);  // wi, wo
        }
        products += rows * (double)V * D; // logits
    }
    return 2.0 * products;
}

static void the_arithmetic_of_a_user_is_the_sum_of_its_products(void **state)
{
    (void)state;
    static world_users users;
    nj_error err = {0};
    nj_synthetic world;
    users.count = 0;
    nj_synthetic_shape shape = nj_synthetic_tiger();
    assert_ok(nj_synthetic_make(&shape, &world, &err), &err);
    world_add_random(&users, 1, 1000, 20);
    nj_settings settings = world_settings(300, 20, &users);
    nj_engine *engine = world_open(&world, &settings, 1, world_kernels("auto"));
    // 12,101 random items have all of the 256 first codes, and more than 300 pairs and triples.
    double expected = count_products(80, (const uint32_t[]){1, 256, 300, 300}, 4);
    assert_true(fabs(nj_engine_user_flops(engine, 80) / expected - 1.0) < 1e-12);
    nj_engine_close(&engine);
    nj_synthetic_free(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_list_has_the_same_bits_in_any_batch_in_any_order_with_any_kernels_of_a_class),
        cmocka_unit_test(no_saving_changes_a_list),
        cmocka_unit_test(every_set_of_kernels_scores_every_item_alike),
        cmocka_unit_test(the_search_is_widened_until_the_list_is_full_or_the_trie_is_covered),
        cmocka_unit_test(every_number_of_levels_is_searched),
        cmocka_unit_test(
            items_that_share_a_leaf_stand_together_in_catalogue_order_and_count_one_each),
        cmocka_unit_test(a_kept_history_excludes_nothing_and_is_one_pass),
        cmocka_unit_test(a_catalogue_smaller_than_the_list_gives_all_of_it_and_says_short),
        cmocka_unit_test(only_the_last_items_are_encoded_and_all_are_excluded),
        cmocka_unit_test(the_bundles_history_limit_holds_with_and_without_the_option),
        cmocka_unit_test(unknown_items_are_flagged_and_change_nothing_else),
        cmocka_unit_test(
            cold_users_get_the_counted_items_that_may_be_recommended_ties_in_catalogue_order),
        cmocka_unit_test(without_counts_cold_users_get_an_empty_flagged_row),
        cmocka_unit_test(a_retired_item_speaks_in_a_history_and_stands_in_no_list),
        cmocka_unit_test(renormalised_probabilities_add_up_to_one_at_any_temperature),
        cmocka_unit_test(a_history_longer_than_planned_is_refused_by_name),
        cmocka_unit_test(a_plan_alone_is_the_engines_and_is_refused_where_it_is),
        cmocka_unit_test(a_sink_that_fails_ends_the_decoding_with_its_own_status),
        cmocka_unit_test(a_list_becomes_a_row_that_can_be_read_back),
        cmocka_unit_test(the_arithmetic_of_a_user_is_the_sum_of_its_products),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
