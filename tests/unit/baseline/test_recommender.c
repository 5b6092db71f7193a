// test_recommender.c - lists from scores: masks, ties, what fills up, groups and threads.
#include <stdlib.h>
#include <string.h>

#include "tests/support/histories_fixture.h"
#include "worker/baseline/popularity.h"

#define ITEMS 6
#define GROUP 2

static const uint32_t HISTORIES[][4] = {{0, 1, 2, 1}, {2, 3, 3, 3}, {1, 2, 0, 0}};
#define USERS 3

typedef struct {
    histories_fixture histories;
    nj_pool *pool;
} bench;

static void open_bench(bench *b, size_t threads)
{
    nj_error err = {0};
    histories_open(&b->histories, ITEMS);
    for (size_t u = 0; u < USERS; u++) {
        histories_add(&b->histories, HISTORIES[u], 4);
    }
    assert_ok(nj_pool_new(threads, &b->pool, &err), &err);
}

static void close_bench(bench *b)
{
    nj_pool_free(&b->pool);
    histories_close(&b->histories);
}

static void list(bench *b, const nj_recommender *r, const nj_list_settings *settings,
                 nj_scored_lists *out)
{
    nj_error err = {0};
    nj_lister *lister = NULL;
    assert_ok(nj_scored_lists_init(USERS, settings->top, out, &err), &err);
    assert_ok(nj_lister_new(r, settings, b->pool, &lister, &err), &err);
    nj_lister_run(lister, &b->histories.users, 0, USERS, out);
    nj_lister_free(&lister);
}

static void assert_list(const nj_scored_lists *lists, size_t user, const uint32_t *items,
                        uint32_t count)
{
    assert_int_equal(lists->counts[user], count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(lists->items[user * lists->top + i].item, items[i]);
    }
}

// Counts: item 0 thrice, 1 thrice, 2 thrice, 3 thrice, 4 and 5 never.
static void popular_items_stand_first_and_of_equals_the_smaller_row(void **state)
{
    (void)state;
    nj_error err = {0};
    bench b;
    uint64_t counts[ITEMS];
    uint32_t order[ITEMS];
    open_bench(&b, 1);
    static const uint32_t MORE[] = {3, 2, 3};
    histories_add(&b.histories, MORE, 3);
    nj_popularity_count(&b.histories.users, ITEMS, counts);
    static const uint64_t COUNTS[] = {3, 3, 4, 5, 0, 0};
    assert_memory_equal(counts, COUNTS, sizeof counts);
    assert_ok(nj_popularity_order(counts, ITEMS, order, &err), &err);
    static const uint32_t ORDER[] = {3, 2, 0, 1, 4, 5};
    assert_memory_equal(order, ORDER, sizeof order);

    const nj_recommender r = nj_popularity_recommender(ITEMS);
    nj_list_settings settings = {.top = 3, .fill = order, .fill_scores = counts};
    nj_scored_lists lists = {0};
    list(&b, &r, &settings, &lists);
    for (size_t u = 0; u < USERS; u++) {
        assert_list(&lists, u, ORDER, 3);
        assert_true(lists.items[u * 3].score == 5 && lists.items[u * 3 + 2].score == 3);
    }
    nj_scored_lists_fini(&lists);
    settings.masks_history = true;
    list(&b, &r, &settings, &lists);
    assert_list(&lists, 0, (const uint32_t[]){3, 4, 5}, 3);
    assert_list(&lists, 1, (const uint32_t[]){0, 1, 4}, 3);
    nj_scored_lists_fini(&lists);
    close_bench(&b);
}

// Scores the last item of a history 2, and the one behind it 1 and row 5 too.
typedef struct {
    const nj_request *users;
    uint32_t count;
} last_scratch;

static nj_status make_last(const void *context, void **out, nj_error *err)
{
    (void)context;
    *out = calloc(1, sizeof(last_scratch));
    return *out != NULL ? NJ_OK : nj_fail(err, NJ_NO_MEMORY, "no memory");
}

static void free_last(void **scratch)
{
    free(*scratch);
    *scratch = NULL;
}

static void begin_last(const void *context, void *scratch, const nj_request *users, uint32_t count)
{
    (void)context;
    *(last_scratch *)scratch = (last_scratch){users, count};
    assert_true(count >= 1 && count <= GROUP);
}

static void offer_last(const void *context, void *scratch, uint32_t number,
                       void (*visit)(void *to, uint32_t item, double score), void *to)
{
    (void)context;
    const last_scratch *s = scratch;
    assert_true(number < s->count);
    const uint32_t item = s->users[number].items[s->users[number].item_count - 1];
    visit(to, 5, 1);
    visit(to, item + 1, 1);
    visit(to, item, 2);
}

static void lists_are_masked_and_filled_up_whatever_the_group_and_the_threads(void **state)
{
    (void)state;
    static const uint32_t FILL[] = {3, 2, 0, 1, 4, 5};
    const nj_recommender r = {.item_count = ITEMS,
                              .group = GROUP,
                              .scratch_new = make_last,
                              .scratch_free = free_last,
                              .begin = begin_last,
                              .offer = offer_last};
    for (size_t threads = 1; threads <= 3; threads++) {
        bench b;
        nj_scored_lists lists = {0};
        nj_list_settings settings = {.top = 5};
        open_bench(&b, threads);
        list(&b, &r, &settings, &lists);
        assert_list(&lists, 0, (const uint32_t[]){1, 2, 5}, 3); // short lists stay so
        assert_list(&lists, 2, (const uint32_t[]){0, 1, 5}, 3);
        nj_scored_lists_fini(&lists);

        settings.fill = FILL;
        list(&b, &r, &settings, &lists);
        assert_list(&lists, 0, (const uint32_t[]){1, 2, 5, 3, 0}, 5);
        assert_true(lists.items[3].score == 0);
        assert_list(&lists, 1, (const uint32_t[]){3, 4, 5, 2, 0}, 5);
        nj_scored_lists_fini(&lists);

        settings.masks_history = true;
        list(&b, &r, &settings, &lists);
        assert_list(&lists, 0, (const uint32_t[]){5, 3, 4}, 3); // all that is left
        assert_list(&lists, 1, (const uint32_t[]){4, 5, 0, 1}, 4);
        assert_list(&lists, 2, (const uint32_t[]){5, 3, 4}, 3);
        nj_scored_lists_fini(&lists);
        close_bench(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(popular_items_stand_first_and_of_equals_the_smaller_row),
        cmocka_unit_test(lists_are_masked_and_filled_up_whatever_the_group_and_the_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
