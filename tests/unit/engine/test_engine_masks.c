// test_engine_masks.c - a user of a mask gets what he would get from a bundle whose trie has the mask's items alone: the same items and
// flags, scores bit for bit, whatever is saved, batched or widened, and the same popular list.
#include "tests/unit/engine/world.h"

#include "common/base/digest.h"
#include "common/catalogue/section_names.h"
#include "common/sid/trie_build.h"
#include "worker/engine/engine_internal.h"

#define ITEMS 170
#define MASKS 5
#define WORDS 3 // of ITEMS bits
#define USERS 40

_Static_assert(WORDS == (ITEMS + NJ_BITS_A_WORD - 1) / NJ_BITS_A_WORD, "bits of a mask");

static const char *const NAMES[MASKS] = {"", "de", "fr", "kids", "one item"};
// Of 100 items, how many a mask has; the last one has a single item.
static const uint32_t SHARES[MASKS] = {100, 60, 25, 6, 0};

typedef struct {
    nj_synthetic world; // with masks
    nj_synthetic narrowed[MASKS];
    nj_buffer section;
    nj_buffer tries[MASKS];
    uint64_t rows[MASKS][WORDS];
} masked;

static void draw_rows(uint64_t *rows, uint32_t mask)
{
    memset(rows, 0, WORDS * sizeof *rows);
    for (uint32_t i = 0; i < ITEMS; i++) {
        const bool in =
            SHARES[mask] > 0 ? world_mix(mask * 1000 + i) % 100 < SHARES[mask] : i == 77;
        if (in) {
            nj_bits_add(rows, i);
        }
    }
}

// The world's catalogue with a trie that has no other items.
static void narrow(nj_synthetic *world, const uint64_t *rows, nj_buffer *trie)
{
    nj_error err = {0};
    nj_catalogue_view view;
    uint8_t retired[ITEMS];
    assert_ok(nj_catalogue_view_open(&world->sections, &view, &err), &err);
    for (uint32_t i = 0; i < ITEMS; i++) {
        retired[i] = !nj_bits_has(rows, i);
    }
    nj_sids sids = view.sids;
    sids.retired = retired;
    nj_buffer_init(trie, SIZE_MAX / 2);
    assert_ok(nj_trie_build(&sids, trie, &err), &err);
    world_replace(world, NJ_SECTION_TRIE, trie->bytes, trie->size);
}

static void add_masks(nj_synthetic *world, uint64_t rows[][WORDS], uint32_t count,
                      nj_buffer *section)
{
    nj_error err = {0};
    nj_catalogue_view view;
    nj_mask_rows masks[MASKS];
    for (uint32_t m = 0; m < count; m++) {
        masks[m] = (nj_mask_rows){nj_slice_from(NAMES[m]), rows[m]};
    }
    assert_ok(nj_catalogue_view_open(&world->sections, &view, &err), &err);
    nj_buffer_init(section, SIZE_MAX / 2);
    assert_ok(nj_masks_write(&view.trie, ITEMS, masks, count, section, &err), &err);
    nj_section *made = &world->sections.sections[world->sections.count++];
    *made = (nj_section){.bytes = section->bytes, .size = section->size};
    strcpy(made->name, NJ_SECTION_ELIGIBLE);
}

static void make_masked(masked *w)
{
    const nj_synthetic_shape shape =
        world_shape(3, 6, ITEMS); // 216 leaves: many hold several items
    world_make(&w->world, &shape);
    for (uint32_t m = 0; m < MASKS; m++) {
        draw_rows(w->rows[m], m);
        world_make(&w->narrowed[m], &shape);
        narrow(&w->narrowed[m], w->rows[m], &w->tries[m]);
    }
    add_masks(&w->world, w->rows, MASKS, &w->section);
}

static void free_masked(masked *w)
{
    for (uint32_t m = 0; m < MASKS; m++) {
        nj_synthetic_free(&w->narrowed[m]);
        nj_buffer_fini(&w->tries[m]);
    }
    nj_synthetic_free(&w->world);
    nj_buffer_fini(&w->section);
}

// Users of every mask, some with the same history, some cold, some who had nearly everything.
static void add_users(world_users *users)
{
    users->count = 0;
    for (uint32_t u = 0; u < USERS; u++) {
        if (u % 10 == 7) {
            world_add_nearly_all(users, u, ITEMS, u % 4);
        } else {
            world_add_random(users, u / MASKS, ITEMS, u % 8 == 3 ? 0 : 2 + u / MASKS);
        }
        users->requests[u].mask = u % MASKS;
    }
}

static bool is_legal(const uint64_t *rows, const nj_settings *settings, const nj_request *user,
                     uint32_t item)
{
    bool excluded = false;
    for (uint32_t i = 0; i < user->exclude_count; i++) {
        excluded = excluded || user->exclude[i] == item;
    }
    return nj_bits_has(rows, item) && !excluded &&
           (settings->keep_history || !world_had(user, item));
}

// A list is as long as the user's legal items allow, and has no other.
static void check_legal(const masked *w, const nj_settings *settings, const nj_request *user,
                        const world_list *list)
{
    uint32_t legal = 0;
    for (uint32_t i = 0; i < ITEMS; i++) {
        legal += is_legal(w->rows[user->mask], settings, user, i);
    }
    if (user->item_count > 0) {
        assert_int_equal(list->count, legal < settings->top ? legal : settings->top);
    }
    for (uint32_t i = 0; i < list->count; i++) {
        assert_true(is_legal(w->rows[user->mask], settings, user, list->items[i]));
    }
}

// As assert_same_list; the digests of the histories tell a mask from none.
static void assert_same_but_history(const world_list *a, const world_list *b, bool narrows)
{
    world_list copy = *b;
    assert_int_equal(memcmp(&a->history, &b->history, sizeof a->history) != 0, narrows);
    copy.history = a->history;
    assert_same_list(a, &copy);
}

static void check_settings(const masked *w, const nj_settings *settings, const world_users *users,
                           const nj_engine_options *options)
{
    static world_lists found;
    static world_lists wanted;
    static world_users plain;
    world_decode_with(&w->world, settings, options, users, &found);
    for (size_t u = 0; u < users->count; u++) {
        check_legal(w, settings, &users->requests[u], &found.lists[u]);
    }
    for (uint32_t m = 0; m < MASKS; m++) {
        plain.count = 0;
        for (size_t u = m; u < users->count; u += MASKS) {
            assert_int_equal(users->requests[u].mask, m);
            plain.requests[plain.count] = users->requests[u];
            plain.requests[plain.count++].mask = 0;
        }
        world_decode(&w->narrowed[m], settings, 8, world_kernels("auto"), &plain, &wanted);
        for (size_t i = 0; i < plain.count; i++) {
            assert_same_but_history(&found.lists[m + i * MASKS], &wanted.lists[i], m != 0);
        }
    }
}

// ---- tests ----

static void every_mask_gives_what_a_trie_of_its_items_gives(void **state)
{
    (void)state;
    static masked w;
    static world_users users;
    static const nj_savings WITHOUT[] = {0, NJ_SAVING_LAST_STEP,
                                         NJ_SAVING_TOKEN_TABLES | NJ_SAVING_PREFIX_TABLES,
                                         NJ_SAVING_SAME_HISTORY, NJ_SAVINGS_ALL};
    static const uint32_t BATCHES[] = {16, 5, 1, 7, 64};
    static const char *const KERNELS[] = {"auto", "ref", "auto", "auto", "auto"};
    make_masked(&w);
    add_users(&users);
    for (uint32_t i = 0; i < 15; i++) {
        nj_settings settings = world_settings(i % 3 == 0 ? 4 : 25, i % 2 == 0 ? 12 : 5, &users);
        settings.keep_history = i == 4 || i == 7;
        settings.renormalise = i == 5 || i == 7 || i == 8;
        settings.temperature = i == 8 ? 0.5f : 1.0f;
        settings.exclusions_max = settings.keep_history ? 0 : settings.exclusions_max;
        nj_engine_options options = world_options(BATCHES[i % 5], world_kernels(KERNELS[i % 5]));
        options.savings = NJ_SAVINGS_ALL & ~WITHOUT[i % 5];
        check_settings(&w, &settings, &users, &options);
    }
    free_masked(&w);
}

static void a_mask_that_leaves_nothing_out_is_no_mask(void **state)
{
    (void)state;
    static masked w;
    static world_users users;
    static world_lists found;
    static world_lists wanted;
    make_masked(&w);
    add_users(&users);
    for (size_t u = 0; u < users.count; u++) {
        users.requests[u].mask = 0;
    }
    nj_settings settings = world_settings(10, 10, &users);
    world_decode(&w.world, &settings, 16, world_kernels("auto"), &users, &found);
    w.world.sections.count--; // without the section
    world_decode(&w.world, &settings, 16, world_kernels("auto"), &users, &wanted);
    for (size_t u = 0; u < users.count; u++) {
        assert_same_list(&found.lists[u], &wanted.lists[u]);
    }
    free_masked(&w);
}

// Where the search covers the trie, items that a user excludes are to him what items that his group may not get are to the group. A
// narrower one spends beams on prefixes that are left with nothing; the list is full all the same.
static void items_that_a_user_excludes_are_never_in_his_list(void **state)
{
    (void)state;
    static masked w;
    static world_users users;
    static world_lists found;
    static world_lists wanted;
    static uint32_t exclude[ITEMS];
    uint32_t exclude_count = 0;
    make_masked(&w);
    add_users(&users);
    for (uint32_t i = ITEMS; i-- > 0;) { // not sorted
        if (!nj_bits_has(w.rows[2], i)) {
            exclude[exclude_count++] = i;
        }
    }
    for (uint32_t i = 0; i < 4; i++) {
        const bool covers = i % 2 == 1;
        nj_settings settings = world_settings(covers ? ITEMS : 4, 9, &users);
        settings.keep_history = i >= 2;
        settings.exclusions_max =
            exclude_count + (settings.keep_history ? 0 : settings.history_items_max);
        for (size_t u = 0; u < users.count; u++) {
            users.requests[u].mask = 2;
            users.requests[u].exclude_count = 0;
        }
        world_decode(&w.world, &settings, 16, world_kernels("auto"), &users, &wanted);
        for (size_t u = 0; u < users.count; u++) {
            users.requests[u].mask = 0;
            users.requests[u].exclude = exclude;
            users.requests[u].exclude_count = exclude_count;
        }
        world_decode(&w.world, &settings, 16, world_kernels("auto"), &users, &found);
        for (size_t u = 0; u < users.count; u++) {
            const world_list *a = &found.lists[u];
            const world_list *b = &wanted.lists[u];
            check_legal(&w, &settings, &users.requests[u], a);
            assert_int_equal(a->count, b->count);
            if (covers) {
                assert_memory_equal(a->items, b->items, a->count * sizeof *a->items);
            }
            if (covers &&
                users.requests[u].item_count > 0) { // a popular item's share is that of its mask
                assert_memory_equal(a->scores, b->scores, a->count * sizeof *a->scores);
            }
            assert_memory_not_equal(&a->history, &b->history, sizeof a->history);
        }
    }
    free_masked(&w);
}

static void equal_histories_of_two_groups_have_two_lists(void **state)
{
    (void)state;
    static masked w;
    static world_users users;
    static world_lists found;
    make_masked(&w);
    users.count = 0;
    for (uint32_t u = 0; u < 8; u++) {
        world_add_random(&users, 1, ITEMS, 5);
        users.requests[u].mask = u % 4;
    }
    nj_settings settings = world_settings(20, 10, &users);
    nj_engine_options options = world_options(16, world_kernels("auto"));
    options.savings = NJ_SAVINGS_ALL;
    world_decode_with(&w.world, &settings, &options, &users, &found);
    for (uint32_t u = 0; u < 4; u++) {
        check_legal(&w, &settings, &users.requests[u], &found.lists[u]);
        assert_same_list(&found.lists[u], &found.lists[u + 4]);
        for (uint32_t other = 0; other < u; other++) {
            assert_memory_not_equal(found.lists[u].items, found.lists[other].items,
                                    10 * sizeof(uint32_t));
        }
    }
    free_masked(&w);
}

// Every user's mask as his own candidates, in no order.
static uint32_t candidate_rows[MASKS][ITEMS];

static void give_candidates(const masked *w, world_users *users)
{
    uint32_t counts[MASKS] = {0};
    for (uint32_t m = 0; m < MASKS; m++) {
        for (uint32_t i = 0; i < ITEMS; i++) {
            const uint32_t row = i * 61 % ITEMS;
            if (nj_bits_has(w->rows[m], row)) {
                candidate_rows[m][counts[m]++] = row;
            }
        }
    }
    for (size_t u = 0; u < users->count; u++) {
        const uint32_t m = users->requests[u].mask;
        users->requests[u].candidates = candidate_rows[m];
        users->requests[u].candidate_count = counts[m];
    }
}

// Of a cold user's items the scores are shares of the mask's counts, and not of the candidates'.
static void assert_same_but_shares(const world_list *a, const world_list *b)
{
    world_list copy = *b;
    assert_memory_not_equal(&a->history, &b->history, sizeof a->history);
    copy.history = a->history;
    if ((a->flags & NJ_ROW_COLD) != 0) {
        memcpy(copy.scores, a->scores, a->count * sizeof *a->scores);
    }
    assert_same_list(a, &copy);
}

static void candidates_are_a_mask_of_one_user(void **state)
{
    (void)state;
    static masked w;
    static world_users users;
    static world_lists found;
    static world_lists wanted;
    make_masked(&w);
    for (uint32_t i = 0; i < 4; i++) {
        add_users(&users);
        nj_settings settings = world_settings(i % 2 == 0 ? 4 : 25, 9, &users);
        settings.renormalise = i == 1;
        settings.keep_history = i == 2;
        world_decode(&w.world, &settings, 7, world_kernels("auto"), &users, &wanted);
        give_candidates(&w, &users);
        settings.candidates_max = ITEMS;
        for (size_t u = 0; u < users.count && i != 3; u++) {
            users.requests[u].mask = 0;
        }
        nj_engine_options options = world_options(16, world_kernels("auto"));
        options.savings = NJ_SAVINGS_ALL;
        world_decode_with(&w.world, &settings, &options, &users, &found);
        for (size_t u = 0; u < users.count; u++) {
            assert_same_but_shares(&found.lists[u], &wanted.lists[u]);
        }
    }
    free_masked(&w);
}

// None that is there, or none that his group may get.
static void a_user_without_an_open_candidate_gets_an_empty_list(void **state)
{
    (void)state;
    static masked w;
    static world_users users;
    static world_lists found;
    static const uint32_t OTHERS[] = {76, 78};
    make_masked(&w);
    users.count = 0;
    for (uint32_t u = 0; u < 4; u++) {
        world_add_random(&users, u, ITEMS, u == 3 ? 0 : 4);
        users.requests[u].candidates = OTHERS;
        users.requests[u].mask = u == 0 ? 0 : 4; // the last mask has row 77 alone
        users.requests[u].candidate_count = u == 0 ? 0 : 2;
    }
    users.requests[1].mask = 0;
    nj_settings settings = world_settings(5, 5, &users);
    settings.keep_history = true;
    settings.candidates_max = 2;
    world_decode(&w.world, &settings, 3, world_kernels("auto"), &users, &found);
    static const uint32_t FLAGS[] = {NJ_ROW_SHORT, NJ_ROW_SHORT, NJ_ROW_SHORT,
                                     NJ_ROW_SHORT | NJ_ROW_COLD};
    static const uint32_t COUNTS[] = {0, 2, 0, 0};
    for (uint32_t u = 0; u < 4; u++) {
        assert_int_equal(found.lists[u].count, COUNTS[u]);
        assert_int_equal(found.lists[u].flags & ~(uint32_t)NJ_ROW_WIDENED, FLAGS[u]);
    }
    free_masked(&w);
}

static void requests_beyond_the_masks_and_the_limits_are_refused(void **state)
{
    (void)state;
    static masked w;
    static world_users users;
    static world_lists found;
    static const uint32_t EXCLUDE[] = {1, 2, 3};
    nj_error err = {0};
    make_masked(&w);
    users.count = found.count = 0;
    world_add_random(&users, 1, ITEMS, 4);
    nj_settings settings = world_settings(5, 5, &users);
    nj_engine *engine = world_open(&w.world, &settings, 4, world_kernels("ref"));
    assert_int_equal(nj_engine_mask_count(engine), MASKS);
    users.requests[0].mask = MASKS;
    assert_refused(nj_engine_decode(engine, users.requests, 1, world_take, &found, &err),
                   NJ_PROTOCOL, &err, "user \"u0\" has mask 5, there are 5");
    users.requests[0].mask = 1;
    users.requests[0].exclude = EXCLUDE;
    users.requests[0].exclude_count = 3;
    assert_refused(nj_engine_decode(engine, users.requests, 1, world_take, &found, &err),
                   NJ_PROTOCOL, &err, "must not get 7 items, the night was planned for 4");
    users.requests[0].exclude_count = 0;
    users.requests[0].candidates = EXCLUDE;
    users.requests[0].candidate_count = 1;
    assert_refused(nj_engine_decode(engine, users.requests, 1, world_take, &found, &err),
                   NJ_PROTOCOL, &err, "has 1 candidates, the night was planned for 0");
    users.requests[0].candidates = NULL;
    assert_ok(nj_engine_decode(engine, users.requests, 1, world_take, &found, &err), &err);
    nj_engine_close(&engine);
    free_masked(&w);
}

// A mask that was made for another trie names items that stand in no leaf of this one.
static void a_mask_of_another_trie_is_refused(void **state)
{
    (void)state;
    static masked w;
    static world_users users;
    nj_error err = {0};
    nj_engine *engine = NULL;
    make_masked(&w);
    users.count = 0;
    world_add_random(&users, 1, ITEMS, 4);
    const nj_settings settings = world_settings(5, 5, &users);
    const nj_engine_options options = world_options(4, world_kernels("ref"));
    world_replace(&w.world, NJ_SECTION_TRIE, w.tries[2].bytes, w.tries[2].size);
    assert_refused(nj_engine_open(&w.world.sections, &settings, &options, &engine, &err), NJ_INPUT,
                   &err, "mask 0 has 170 items of the trie's 32 and says that it leaves none out");

    nj_buffer section; // few enough items for the trie, and not those
    add_masks(&w.narrowed[0], &w.rows[2], 1, &section);
    world_replace(&w.narrowed[0], NJ_SECTION_TRIE, w.tries[1].bytes, w.tries[1].size);
    assert_refused(nj_engine_open(&w.narrowed[0].sections, &settings, &options, &engine, &err),
                   NJ_INPUT, &err, "mask 0 has 32 items, ");
    assert_non_null(strstr(err.text, "of them stand in the trie"));
    assert_null(engine);
    nj_buffer_fini(&section);
    free_masked(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mask_gives_what_a_trie_of_its_items_gives),
        cmocka_unit_test(a_mask_that_leaves_nothing_out_is_no_mask),
        cmocka_unit_test(items_that_a_user_excludes_are_never_in_his_list),
        cmocka_unit_test(equal_histories_of_two_groups_have_two_lists),
        cmocka_unit_test(candidates_are_a_mask_of_one_user),
        cmocka_unit_test(a_user_without_an_open_candidate_gets_an_empty_list),
        cmocka_unit_test(requests_beyond_the_masks_and_the_limits_are_refused),
        cmocka_unit_test(a_mask_of_another_trie_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
