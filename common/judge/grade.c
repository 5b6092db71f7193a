#include "common/judge/grade.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/judge/evaluation.h"

#define NO_SLICE UINT32_MAX

static const char *const KINDS[NJ_GRADE_KIND_COUNT] = {"decoded", "copied", "carried"};
static const char *const COLD[] = {"history", "cold"};

// The first age of each slice.
static const struct {
    uint32_t least;
    const char *label;
} AGES[NJ_GRADE_AGES] = {{0, "0"}, {1, "1"}, {2, "2-3"}, {4, "4-7"}, {8, "8 and more"}};

// What is computed on: ranks of all users apart, and room for the members of a slice.
typedef struct {
    const nj_graded_user *users;
    size_t user_count;
    const nj_grade_labels *labels;
    uint32_t *ranks;   // owned; [2, user_count]: next, any
    uint32_t *members; // owned; [user_count]
} grading;

const char *nj_grade_by_name(nj_grade_by by)
{
    static const char *const NAMES[NJ_GRADE_BY_COUNT] = {"kind", "cold", "age", "group", "channel"};
    return NAMES[by];
}

// ---- slices ----

static uint32_t slice_of_age(uint32_t age)
{
    uint32_t slice = 0;
    while (slice + 1 < NJ_GRADE_AGES && age >= AGES[slice + 1].least) {
        slice++;
    }
    return slice;
}

static uint32_t count_slices(const grading *g, nj_grade_by by)
{
    const uint32_t groups = g->labels->group_count;
    const uint32_t counts[NJ_GRADE_BY_COUNT] = {NJ_GRADE_KIND_COUNT, 2, NJ_GRADE_AGES,
                                                groups < NJ_SLICES_MAX ? groups : NJ_SLICES_MAX,
                                                g->labels->channel_count};
    return counts[by];
}

static uint32_t slice_of(const grading *g, nj_grade_by by, const nj_graded_user *user)
{
    const uint32_t count = count_slices(g, by);
    switch (by) {
    case NJ_GRADE_BY_KIND:
        return user->kind;
    case NJ_GRADE_BY_COLD:
        return user->is_cold;
    case NJ_GRADE_BY_AGE:
        return slice_of_age(user->age);
    case NJ_GRADE_BY_CHANNEL:
        return user->channel;
    default:
        return user->group == NJ_GROUP_NONE ? NO_SLICE
               : user->group < count        ? user->group
                                            : count - 1;
    }
}

static const char *label_of(const grading *g, nj_grade_by by, uint32_t slice)
{
    switch (by) {
    case NJ_GRADE_BY_KIND:
        return KINDS[slice];
    case NJ_GRADE_BY_COLD:
        return COLD[slice];
    case NJ_GRADE_BY_AGE:
        return AGES[slice].label;
    case NJ_GRADE_BY_CHANNEL:
        return g->labels->channels[slice];
    default:
        return g->labels->group_count > NJ_SLICES_MAX && slice == NJ_SLICES_MAX - 1
                   ? "other groups"
                   : g->labels->groups[slice];
    }
}

// ---- figures ----

static nj_status estimate(const grading *g, const uint32_t *members, size_t user_count,
                          const nj_resampling *resampling, nj_grade_estimates *out)
{
    const uint32_t *const ranks[] = {g->ranks, g->ranks + g->user_count};
    nj_bootstrap bootstrap = {0};
    nj_status status = nj_bootstrap_init(ranks, 2, members, user_count, resampling, &bootstrap);
    for (size_t c = 0; c < NJ_CUTOFF_COUNT && status == NJ_OK; c++) {
        for (size_t m = 0; m < NJ_METRIC_COUNT; m++) {
            out->next[m][c] = nj_bootstrap_value(&bootstrap, 0, m, c);
        }
        out->any_hit[c] = nj_bootstrap_value(&bootstrap, 1, 0, c);
    }
    nj_bootstrap_fini(&bootstrap);
    return status;
}

static nj_status add_slice(const grading *g, nj_grade_by by, uint32_t slice, nj_grade *grade)
{
    size_t count = 0;
    for (size_t i = 0; i < g->user_count; i++) {
        if (slice_of(g, by, &g->users[i]) == slice) {
            g->members[count++] = (uint32_t)i;
        }
    }
    if (count == 0) {
        return NJ_OK;
    }
    nj_grade_slice *out = &grade->slices[grade->slice_count];
    out->by = by;
    out->user_count = count;
    out->is_small = count < NJ_SLICE_USERS_MIN;
    snprintf(out->label, sizeof out->label, "%s", label_of(g, by, slice));
    grade->slice_count++;
    return estimate(g, g->members, count, &grade->resampling, &out->estimates);
}

static nj_status judge(grading *g, nj_grade *grade)
{
    nj_status status = estimate(g, NULL, g->user_count, &grade->resampling, &grade->all);
    for (int by = 0; by < NJ_GRADE_BY_COUNT; by++) {
        const uint32_t count = count_slices(g, (nj_grade_by)by);
        for (uint32_t slice = 0; slice < count && status == NJ_OK; slice++) {
            status = add_slice(g, (nj_grade_by)by, slice, grade);
        }
    }
    return status;
}

nj_status nj_grade_judge(const nj_graded_user *users, size_t user_count,
                         const nj_grade_labels *labels, const nj_resampling *resampling,
                         nj_grade *out)
{
    assert(user_count > 0 && user_count < UINT32_MAX);
    grading g = {.users = users, .user_count = user_count, .labels = labels};
    nj_grade *grade = calloc(1, sizeof *grade);
    g.ranks = calloc(user_count, 2 * sizeof *g.ranks);
    g.members = calloc(user_count, sizeof *g.members);
    nj_status status = grade != NULL && g.ranks != NULL && g.members != NULL ? NJ_OK : NJ_NO_MEMORY;
    if (status == NJ_OK) {
        for (size_t i = 0; i < user_count; i++) {
            g.ranks[i] = users[i].next_rank;
            g.ranks[user_count + i] = users[i].any_rank;
        }
        grade->user_count = user_count;
        grade->resampling = *resampling;
        status = judge(&g, grade);
    }
    if (status == NJ_OK) {
        *out = *grade;
    }
    free(grade);
    free(g.ranks);
    free(g.members);
    return status;
}

// ---- two channels ----

typedef struct {
    const nj_graded_user *users;
    size_t user_count;
    uint32_t *ranks;   // owned; [2, user_count]: next, any
    uint32_t *members; // owned; [user_count]
} pairing;

static nj_status draw_channel(const pairing *p, uint32_t channel, const nj_resampling *resampling,
                              nj_bootstrap *out)
{
    const uint32_t *const ranks[] = {p->ranks, p->ranks + p->user_count};
    size_t count = 0;
    for (size_t i = 0; i < p->user_count; i++) {
        if (p->users[i].channel == channel) {
            p->members[count++] = (uint32_t)i;
        }
    }
    return count > 0 ? nj_bootstrap_init(ranks, 2, p->members, count, resampling, out)
                     : NJ_NOT_FOUND;
}

static nj_status compare_channels(const pairing *p, uint32_t channel, uint32_t other,
                                  const nj_resampling *resampling, nj_grade_estimates *out)
{
    nj_bootstrap first = {0};
    nj_bootstrap second = {0};
    nj_resampling unlike = *resampling;
    unlike.seed++; // the draws of two channels as large as each other must not go together
    nj_status status = draw_channel(p, channel, resampling, &first);
    if (status == NJ_OK) {
        status = draw_channel(p, other, &unlike, &second);
    }
    for (size_t c = 0; c < NJ_CUTOFF_COUNT && status == NJ_OK; c++) {
        for (size_t m = 0; m < NJ_METRIC_COUNT; m++) {
            out->next[m][c] = nj_bootstrap_apart(&first, &second, 0, m, c);
        }
        out->any_hit[c] = nj_bootstrap_apart(&first, &second, 1, 0, c);
    }
    nj_bootstrap_fini(&first);
    nj_bootstrap_fini(&second);
    return status;
}

nj_status nj_grade_between(const nj_graded_user *users, size_t user_count, uint32_t channel,
                           uint32_t other, const nj_resampling *resampling, nj_grade_estimates *out)
{
    assert(user_count > 0 && user_count < UINT32_MAX);
    pairing p = {.users = users,
                 .user_count = user_count,
                 .ranks = calloc(user_count, 2 * sizeof *p.ranks),
                 .members = calloc(user_count, sizeof *p.members)};
    nj_status status = p.ranks != NULL && p.members != NULL ? NJ_OK : NJ_NO_MEMORY;
    if (status == NJ_OK) {
        for (size_t i = 0; i < user_count; i++) {
            p.ranks[i] = users[i].next_rank;
            p.ranks[user_count + i] = users[i].any_rank;
        }
        status = compare_channels(&p, channel, other, resampling, out);
    }
    free(p.ranks);
    free(p.members);
    return status;
}

// ---- controls ----

nj_status nj_grade_compare(const uint32_t *published, const uint32_t *control, size_t user_count,
                           const nj_resampling *resampling, nj_grade_contrast *out)
{
    const uint32_t *const ranks[] = {published, control};
    nj_bootstrap bootstrap = {0};
    nj_status status = nj_bootstrap_init(ranks, 2, NULL, user_count, resampling, &bootstrap);
    if (status != NJ_OK) {
        return status;
    }
    out->user_count = user_count;
    for (size_t m = 0; m < NJ_METRIC_COUNT; m++) {
        for (size_t c = 0; c < NJ_CUTOFF_COUNT; c++) {
            out->published[m][c] = nj_bootstrap_value(&bootstrap, 0, m, c);
            out->control[m][c] = nj_bootstrap_value(&bootstrap, 1, m, c);
            out->difference[m][c] = nj_bootstrap_difference(&bootstrap, 0, 1, m, c);
        }
    }
    nj_bootstrap_fini(&bootstrap);
    nj_paired_test(published, control, user_count, NJ_RANDOMISATIONS, resampling->seed,
                   &out->tests);
    return NJ_OK;
}
