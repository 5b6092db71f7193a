// test_grade.c - grades of published lists: each figure is the mean over the users that it says it is of, counted again here.
#include "common/judge/grade.h"

#include <math.h>
#include <string.h>

#include "common/judge/evaluation.h"
#include "tests/support/nj_test.h"
#include "tests/support/simrandom.h"

#define EPSILON 1e-12 // the same sums in another order

enum { USERS = 600, GROUPS = 3, AT_10 = 2, HIT = 0, NDCG = 1 };
static const char *const NAMES[GROUPS] = {"north", "south", "nobody"};
static const char *const CHANNELS[] = {"current", "canary", "empty"};
static const nj_grade_labels LABELS = {NAMES, GROUPS, CHANNELS, 3};
static const nj_resampling RESAMPLING = {.resample_count = 200, .seed = 5};

static nj_graded_user users[USERS];
static nj_grade grade;

static void make_users(void)
{
    simrandom random = {7};
    for (size_t i = 0; i < USERS; i++) {
        const uint32_t next = (uint32_t)simrandom_below(&random, 25);
        const uint32_t other = 1 + (uint32_t)simrandom_below(&random, 30);
        users[i] = (nj_graded_user){.next_rank = next,
                                    .any_rank = next != 0 && next < other ? next : other,
                                    .kind = (nj_grade_kind)simrandom_below(&random, 3),
                                    .is_cold = simrandom_below(&random, 5) == 0,
                                    .age = (uint32_t)simrandom_below(&random, 12),
                                    .group = i % 4 < 2 ? (uint32_t)i % 4 : NJ_GROUP_NONE,
                                    .channel = i % 5 == 0};
    }
    assert_int_equal(nj_grade_judge(users, USERS, &LABELS, &RESAMPLING, &grade), NJ_OK);
}

static bool is_in(const nj_graded_user *user, nj_grade_by by, const char *label)
{
    static const char *const KINDS[] = {"decoded", "copied", "carried"};
    switch (by) {
    case NJ_GRADE_BY_KIND:
        return strcmp(label, KINDS[user->kind]) == 0;
    case NJ_GRADE_BY_COLD:
        return strcmp(label, user->is_cold ? "cold" : "history") == 0;
    case NJ_GRADE_BY_AGE:
        return strcmp(label, user->age == 0   ? "0"
                             : user->age == 1 ? "1"
                             : user->age < 4  ? "2-3"
                             : user->age < 8  ? "4-7"
                                              : "8 and more") == 0;
    case NJ_GRADE_BY_CHANNEL:
        return strcmp(label, CHANNELS[user->channel]) == 0;
    default:
        return user->group != NJ_GROUP_NONE && strcmp(label, NAMES[user->group]) == 0;
    }
}

static void assert_close(double found, double wanted)
{
    if (!(fabs(found - wanted) <= EPSILON)) {
        fail_msg("%.17g, expected %.17g", found, wanted);
    }
}

static void every_slice_is_the_mean_of_its_users(void **state)
{
    (void)state;
    make_users();
    size_t users_by[NJ_GRADE_BY_COUNT] = {0};
    for (size_t s = 0; s < grade.slice_count; s++) {
        const nj_grade_slice *slice = &grade.slices[s];
        double hits = 0, gains = 0, any = 0;
        size_t count = 0;
        for (size_t i = 0; i < USERS; i++) {
            const uint32_t rank = users[i].next_rank;
            if (!is_in(&users[i], slice->by, slice->label)) {
                continue;
            }
            count++;
            hits += rank >= 1 && rank <= 10;
            gains += rank >= 1 && rank <= 10 ? 1 / log2(rank + 1.0) : 0;
            any += users[i].any_rank >= 1 && users[i].any_rank <= 10;
        }
        assert_int_equal(slice->user_count, count);
        assert_int_equal(slice->is_small, count < NJ_SLICE_USERS_MIN);
        assert_close(slice->estimates.next[HIT][AT_10].value, hits / (double)count);
        assert_close(slice->estimates.next[NDCG][AT_10].value, gains / (double)count);
        assert_close(slice->estimates.any_hit[AT_10].value, any / (double)count);
        users_by[slice->by] += count;
    }
    assert_int_equal(users_by[NJ_GRADE_BY_KIND], USERS);
    assert_int_equal(users_by[NJ_GRADE_BY_COLD], USERS);
    assert_int_equal(users_by[NJ_GRADE_BY_AGE], USERS);
    assert_int_equal(users_by[NJ_GRADE_BY_GROUP], USERS / 2);
    assert_int_equal(users_by[NJ_GRADE_BY_CHANNEL], USERS);
}

static void all_users_have_an_interval_around_their_mean(void **state)
{
    (void)state;
    make_users();
    const nj_estimate *hit = &grade.all.next[HIT][AT_10];
    assert_int_equal(grade.user_count, USERS);
    assert_true(hit->has_interval && hit->low < hit->value && hit->value < hit->high);
    assert_true(grade.all.any_hit[AT_10].value >
                hit->value); // one of many is easier than the first
}

static void slices_without_a_user_are_left_out(void **state)
{
    (void)state;
    const nj_graded_user one = {.next_rank = 3, .any_rank = 3, .group = NJ_GROUP_NONE};
    assert_int_equal(nj_grade_judge(&one, 1, &(nj_grade_labels){0}, &RESAMPLING, &grade), NJ_OK);
    assert_int_equal(grade.slice_count, 3); // decoded, with a history, of this night
    assert_string_equal(grade.slices[0].label, "decoded");
    assert_string_equal(grade.slices[1].label, "history");
    assert_string_equal(grade.slices[2].label, "0");
    assert_close(grade.all.next[NDCG][AT_10].value, 0.5);
}

static void groups_beyond_the_slices_are_one(void **state)
{
    (void)state;
    static nj_graded_user many[NJ_SLICES_MAX + 5];
    static const char *names[NJ_SLICES_MAX + 5];
    for (uint32_t i = 0; i < NJ_SLICES_MAX + 5; i++) {
        many[i] = (nj_graded_user){.next_rank = 1, .any_rank = 1, .group = i};
        names[i] = "one";
    }
    const nj_grade_labels labels = {.groups = names, .group_count = NJ_SLICES_MAX + 5};
    assert_int_equal(nj_grade_judge(many, NJ_SLICES_MAX + 5, &labels, &RESAMPLING, &grade), NJ_OK);
    const nj_grade_slice *last = &grade.slices[grade.slice_count - 1];
    assert_int_equal(grade.slice_count, 3 + NJ_SLICES_MAX);
    assert_string_equal(last->label, "other groups");
    assert_int_equal(last->user_count, 6);
}

static void a_control_is_compared_over_the_same_users(void **state)
{
    (void)state;
    static uint32_t published[USERS], control[USERS];
    static nj_grade_contrast found;
    make_users();
    size_t first = 0, second = 0;
    for (size_t i = 0; i < USERS; i++) {
        published[i] = users[i].next_rank;
        control[i] = i % 3 == 0 ? 11 : users[i].next_rank; // a third of the users fall out of ten
        first += published[i] >= 1 && published[i] <= 10;
        second += control[i] >= 1 && control[i] <= 10;
    }
    assert_int_equal(nj_grade_compare(published, control, USERS, &RESAMPLING, &found), NJ_OK);
    assert_close(found.published[HIT][AT_10].value, (double)first / USERS);
    assert_close(found.control[HIT][AT_10].value, (double)second / USERS);
    assert_close(found.difference[HIT][AT_10].value, (double)(first - second) / USERS);
    assert_true(found.difference[HIT][AT_10].low > 0);
    assert_int_equal(found.tests.first_only[AT_10], first - second);
    assert_true(found.tests.p[HIT][AT_10] < 1e-6);
    assert_true(found.tests.other_only[AT_10] == 0 && found.tests.other_only[3] > 0);
}

static void channels_are_compared_over_their_own_users(void **state)
{
    (void)state;
    nj_grade_estimates more;
    double hits[2] = {0}, any[2] = {0};
    size_t counts[2] = {0};
    make_users();
    for (size_t i = 0; i < USERS; i++) {
        if (users[i].channel == 1 && i % 3 == 0) { // the canary hits more often
            users[i].next_rank = users[i].any_rank = 1;
        }
        const nj_graded_user *user = &users[i];
        hits[user->channel] += user->next_rank >= 1 && user->next_rank <= 10;
        any[user->channel] += user->any_rank >= 1 && user->any_rank <= 10;
        counts[user->channel]++;
    }
    assert_int_equal(nj_grade_between(users, USERS, 1, 0, &RESAMPLING, &more), NJ_OK);
    const nj_estimate *hit = &more.next[HIT][AT_10];
    assert_close(hit->value, hits[1] / (double)counts[1] - hits[0] / (double)counts[0]);
    assert_close(more.any_hit[AT_10].value,
                 any[1] / (double)counts[1] - any[0] / (double)counts[0]);
    // As wide as the normal approximation says: the square root of both variances' sum.
    double variance = 0;
    for (int c = 0; c < 2; c++) {
        const double share = hits[c] / (double)counts[c];
        variance += share * (1 - share) / (double)counts[c];
    }
    const double width = 2 * 1.96 * sqrt(variance);
    assert_true(hit->has_interval && hit->high - hit->low > 0.75 * width &&
                hit->high - hit->low < 1.25 * width);
    assert_int_equal(nj_grade_between(users, USERS, 2, 0, &RESAMPLING, &more), NJ_NOT_FOUND);
}

static void a_channel_without_a_hit_may_be_off_by_its_bound(void **state)
{
    (void)state;
    nj_grade_estimates more;
    nj_graded_user few[40] = {{0}};
    for (size_t i = 0; i < 40; i++) {
        few[i] = (nj_graded_user){.group = NJ_GROUP_NONE, .channel = i % 2};
    }
    assert_int_equal(nj_grade_between(few, 40, 1, 0, &RESAMPLING, &more), NJ_OK);
    const nj_estimate *hit = &more.next[HIT][AT_10];
    assert_close(hit->value, 0);
    assert_close(hit->high, nj_no_hit_bound(20));
    assert_close(hit->low, -nj_no_hit_bound(20));
    assert_true(hit->has_interval);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_slice_is_the_mean_of_its_users),
        cmocka_unit_test(all_users_have_an_interval_around_their_mean),
        cmocka_unit_test(slices_without_a_user_are_left_out),
        cmocka_unit_test(groups_beyond_the_slices_are_one),
        cmocka_unit_test(a_control_is_compared_over_the_same_users),
        cmocka_unit_test(channels_are_compared_over_their_own_users),
        cmocka_unit_test(a_channel_without_a_hit_may_be_off_by_its_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
