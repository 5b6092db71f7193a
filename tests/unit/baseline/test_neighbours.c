// test_neighbours.c - weights of neighbours, and scores of lists, against plain loops over all pairs of items.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "tests/support/histories_fixture.h"
#include "worker/baseline/neighbours.h"

#define ITEMS 150 // more than one task
#define USERS 90
#define LENGTH 14

typedef struct {
    histories_fixture histories;
    nj_pool *pool;
} bench;

// Items from few to many, so that some stand twice in a history; the last item stands in none.
static void open_bench(bench *b, size_t threads)
{
    nj_error err = {0};
    uint64_t seed = 5;
    uint32_t items[LENGTH];
    histories_open(&b->histories, ITEMS);
    for (size_t u = 0; u < USERS; u++) {
        const size_t length = nj_rng_next(&seed) % (LENGTH + 1);
        for (size_t i = 0; i < length; i++) {
            const uint64_t among = u % 2 == 0 ? 10 : ITEMS - 1;
            items[i] = (uint32_t)(nj_rng_next(&seed) % among);
        }
        histories_add(&b->histories, items, length);
    }
    assert_ok(nj_pool_new(threads, &b->pool, &err), &err);
}

static void close_bench(bench *b)
{
    nj_pool_free(&b->pool);
    histories_close(&b->histories);
}

// ---- the plain way ----

static bool has(const nj_request *user, uint32_t item)
{
    for (uint32_t i = 0; i < user->item_count; i++) {
        if (user->items[i] == item) {
            return true;
        }
    }
    return false;
}

static double visits(const nj_user_table *users, const nj_neighbours_settings *s, uint32_t a,
                     uint32_t b)
{
    double sum = 0;
    for (size_t u = 0; u < users->count && a != b; u++) {
        const nj_request user = nj_user_table_at(users, u);
        for (uint32_t i = 0; i < user.item_count; i++) {
            for (uint32_t j = 0; j < user.item_count; j++) {
                const uint32_t apart = i > j ? i - j : j - i;
                if (user.items[i] == a && user.items[j] == b &&
                    (s->window == 0 || apart <= s->window)) {
                    sum += (j > i ? 1 : s->back) * pow(apart, -s->distance);
                }
            }
        }
    }
    return sum;
}

static double cosine(const nj_user_table *users, const nj_neighbours_settings *s, uint32_t a,
                     uint32_t b)
{
    double both = 0, of_a = 0, of_b = 0;
    for (size_t u = 0; u < users->count && a != b; u++) {
        const nj_request user = nj_user_table_at(users, u);
        of_a += has(&user, a);
        of_b += has(&user, b);
        both += has(&user, a) && has(&user, b);
    }
    return both > 0 ? both / (sqrt(of_a * of_b) + s->shrink) : 0;
}

static double weigh(const nj_user_table *users, const nj_neighbours_settings *s, uint32_t a,
                    uint32_t b)
{
    return s->kind == NJ_NEIGHBOURS_COSINE ? cosine(users, s, a, b) : visits(users, s, a, b);
}

// ---- the tests ----

static const nj_neighbours_settings SETTINGS[] = {
    {.kind = NJ_NEIGHBOURS_CO_VISITATION, .neighbours_max = ITEMS, .fading = 1},
    {.kind = NJ_NEIGHBOURS_CO_VISITATION,
     .neighbours_max = ITEMS,
     .window = 3,
     .distance = 0.5,
     .back = 0.25,
     .fading = 0.4},
    {.kind = NJ_NEIGHBOURS_CO_VISITATION,
     .neighbours_max = ITEMS,
     .distance = 1,
     .back = 1,
     .fading = 0.9,
     .history_max = 2},
    {.kind = NJ_NEIGHBOURS_COSINE, .neighbours_max = ITEMS, .fading = 0.7},
    {.kind = NJ_NEIGHBOURS_COSINE, .neighbours_max = ITEMS, .shrink = 4, .fading = 0.7},
};
#define CASES (sizeof SETTINGS / sizeof SETTINGS[0])

static void build(bench *b, const nj_neighbours_settings *settings, nj_neighbours *out)
{
    nj_error err = {0};
    assert_ok(nj_neighbours_build(&b->histories.users, ITEMS, settings, b->pool, out, &err), &err);
}

static void every_weight_is_that_of_plain_loops(void **state)
{
    (void)state;
    bench b;
    open_bench(&b, 2);
    for (size_t c = 0; c < CASES; c++) {
        nj_neighbours n = {0};
        build(&b, &SETTINGS[c], &n);
        for (uint32_t a = 0; a < ITEMS; a++) {
            float found[ITEMS] = {0};
            for (uint64_t at = n.offset[a]; at < n.offset[a + 1]; at++) {
                assert_true(n.weights[at] > 0 && found[n.items[at]] == 0);
                assert_true(at == n.offset[a] || n.weights[at] <= n.weights[at - 1]);
                found[n.items[at]] = n.weights[at];
            }
            for (uint32_t other = 0; other < ITEMS; other++) {
                const double wanted = weigh(&b.histories.users, &SETTINGS[c], a, other);
                assert_true(fabs((double)found[other] - wanted) <= 1e-6 * wanted);
            }
        }
        assert_int_equal(n.offset[ITEMS], n.offset[ITEMS - 1]); // of an item that nobody has had
        nj_neighbours_fini(&n);
    }
    close_bench(&b);
}

typedef struct {
    double scores[ITEMS];
} scores;

static void take_score(void *to, uint32_t item, double score)
{
    scores *s = to;
    assert_true(s->scores[item] == 0 && score > 0);
    s->scores[item] = score;
}

static void every_score_is_the_sum_over_the_history(void **state)
{
    (void)state;
    nj_error err = {0};
    bench b;
    open_bench(&b, 1);
    for (size_t c = 0; c < CASES; c++) {
        const nj_neighbours_settings *s = &SETTINGS[c];
        nj_neighbours n = {0};
        void *scratch = NULL;
        build(&b, s, &n);
        const nj_recommender r = nj_neighbours_recommender(&n);
        assert_ok(r.scratch_new(r.context, &scratch, &err), &err);
        for (size_t u = 0; u < 5; u++) {
            scores found = {{0}};
            const nj_request user = nj_user_table_at(&b.histories.users, u);
            r.begin(r.context, scratch, &user, 1);
            r.offer(r.context, scratch, 0, take_score, &found);
            for (uint32_t item = 0; item < ITEMS; item++) {
                double wanted = 0;
                for (uint32_t k = 0; k < user.item_count; k++) {
                    const uint32_t read = user.items[user.item_count - 1 - k];
                    wanted += s->history_max > 0 && k >= s->history_max
                                  ? 0
                                  : pow(s->fading, k) * weigh(&b.histories.users, s, read, item);
                }
                assert_true(fabs(found.scores[item] - wanted) <= 1e-6 * wanted);
            }
        }
        r.scratch_free(&scratch);
        nj_neighbours_fini(&n);
    }
    close_bench(&b);
}

// 2^-1074 is the least number above 0, and a fifth of it is 0: so it goes at the end of a long history too.
static void what_faded_away_is_not_scored(void **state)
{
    (void)state;
    const nj_neighbours_settings settings = {
        .kind = NJ_NEIGHBOURS_COSINE, .neighbours_max = ITEMS, .shrink = 4, .fading = 0x1p-1074};
    nj_error err = {0};
    bench b;
    nj_neighbours n = {0};
    void *scratch = NULL;
    scores found = {{0}};
    histories_open(&b.histories, ITEMS);
    histories_add(&b.histories, (const uint32_t[]){1, 0}, 2);
    histories_add(&b.histories, (const uint32_t[]){1, 2}, 2);
    assert_ok(nj_pool_new(1, &b.pool, &err), &err);
    build(&b, &settings, &n);
    const nj_recommender r = nj_neighbours_recommender(&n);
    assert_ok(r.scratch_new(r.context, &scratch, &err), &err);

    const nj_request user = nj_user_table_at(&b.histories.users, 0);
    r.begin(r.context, scratch, &user, 1);
    r.offer(r.context, scratch, 0, take_score, &found);

    assert_true(found.scores[1] > 0 && found.scores[2] == 0);
    r.scratch_free(&scratch);
    nj_neighbours_fini(&n);
    close_bench(&b);
}

// Of equal weights the smaller rows; the same bits on any number of threads.
static void only_the_best_neighbours_are_kept_on_any_number_of_threads(void **state)
{
    (void)state;
    bench one, four;
    open_bench(&one, 1);
    open_bench(&four, 4);
    for (size_t c = 0; c < CASES; c++) {
        nj_neighbours all = {0}, few = {0}, again = {0};
        nj_neighbours_settings settings = SETTINGS[c];
        build(&one, &settings, &all);
        settings.neighbours_max = 3;
        build(&one, &settings, &few);
        build(&four, &settings, &again);
        for (uint32_t item = 0; item < ITEMS; item++) {
            const uint64_t kept = few.offset[item + 1] - few.offset[item];
            const uint64_t there = all.offset[item + 1] - all.offset[item];
            assert_int_equal(kept, there < 3 ? there : 3);
            assert_memory_equal(few.items + few.offset[item], all.items + all.offset[item],
                                kept * sizeof *few.items);
        }
        assert_memory_equal(few.offset, again.offset, (ITEMS + 1) * sizeof *few.offset);
        assert_memory_equal(few.items, again.items, few.offset[ITEMS] * sizeof *few.items);
        assert_memory_equal(few.weights, again.weights, few.offset[ITEMS] * sizeof *few.weights);
        nj_neighbours_fini(&all);
        nj_neighbours_fini(&few);
        nj_neighbours_fini(&again);
    }
    close_bench(&one);
    close_bench(&four);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_weight_is_that_of_plain_loops),
        cmocka_unit_test(every_score_is_the_sum_over_the_history),
        cmocka_unit_test(what_faded_away_is_not_scored),
        cmocka_unit_test(only_the_best_neighbours_are_kept_on_any_number_of_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
