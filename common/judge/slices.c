#include "common/judge/slices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"

// The least number of each slice; a slice ends before the next begins.
static const uint32_t EDGES[] = {0,  1,  2,   3,   4,   5,    7,    10,   15,    25,
                                 50, 75, 100, 200, 500, 1000, 2000, 5000, 10000, 100000};
#define EDGE_COUNT (sizeof EDGES / sizeof EDGES[0])

static const struct {
    const char *name, *title;
} KINDS[NJ_SLICING_COUNT] = {
    {"history", "items in the history"},
    {"popularity", "training events of the held-out item"},
    {"cold", "whether the held-out item is cold"},
    {"group", "group"},
};

const char *nj_slicing_name(nj_slicing_kind kind)
{
    return KINDS[kind].name;
}

const char *nj_slicing_title(nj_slicing_kind kind)
{
    return KINDS[kind].title;
}

// A slicing before its users are sorted: each user's bin, and how many a bin has.
typedef struct {
    uint32_t *bin_of; // owned; [user_count]
    size_t counts[NJ_SLICES_MAX];
    size_t bin_count;
    uint32_t merged[NJ_SLICES_MAX]; // the bin that a bin has become part of
} binning;

static uint32_t edge_of(uint32_t value)
{
    uint32_t edge = EDGE_COUNT - 1;
    while (EDGES[edge] > value) {
        edge--;
    }
    return edge;
}

static uint32_t popularity_of_target(const nj_evaluation *e, size_t user)
{
    return e->popularity[e->targets[user]];
}

static uint32_t bin_of(const nj_evaluation *e, nj_slicing_kind kind, size_t user)
{
    switch (kind) {
    case NJ_SLICING_HISTORY:
        return edge_of(e->history_lengths[user]);
    case NJ_SLICING_POPULARITY:
        return edge_of(popularity_of_target(e, user));
    case NJ_SLICING_COLD:
        return popularity_of_target(e, user) > 0;
    default:
        return e->group_of[user] < NJ_SLICES_MAX - 2 ? e->group_of[user] + 1
               : e->group_of[user] == NJ_GROUP_NONE  ? 0
                                                     : NJ_SLICES_MAX - 1;
    }
}

static bool is_known(const nj_evaluation *e, nj_slicing_kind kind)
{
    switch (kind) {
    case NJ_SLICING_HISTORY:
        return e->history_lengths != NULL;
    case NJ_SLICING_GROUP:
        return e->group_count > 0;
    default:
        return e->popularity != NULL;
    }
}

static bool is_merged(nj_slicing_kind kind)
{
    return kind == NJ_SLICING_HISTORY || kind == NJ_SLICING_POPULARITY;
}

// Upwards, so that a slice is a run of bins; what is left too small at the end joins the slice before it.
static void merge_bins(binning *b, nj_slicing_kind kind, size_t user_count)
{
    const size_t least =
        nj_max_size(NJ_SLICE_USERS_MIN, (size_t)(NJ_SLICE_SHARE_MIN * (double)user_count));
    const size_t lowest = kind == NJ_SLICING_POPULARITY ? 1 : 0; // cold items stay by themselves
    size_t last_full = NJ_SLICES_MAX;
    size_t begun = lowest;
    for (size_t bin = lowest; bin < b->bin_count; bin++) {
        if (begun < bin) {
            b->counts[begun] += b->counts[bin];
            b->counts[bin] = 0;
        }
        b->merged[bin] = (uint32_t)begun;
        if (b->counts[begun] >= least) {
            last_full = begun;
            begun = bin + 1;
        }
    }
    if (begun >= b->bin_count || last_full == NJ_SLICES_MAX) {
        return;
    }
    b->counts[last_full] += b->counts[begun];
    b->counts[begun] = 0;
    for (size_t bin = begun; bin < b->bin_count; bin++) {
        b->merged[bin] = (uint32_t)last_full;
    }
}

// What the bins from `first` to `last` say: the numbers that its users really have at both ends.
typedef struct {
    uint32_t least, most;
} number_range;

static void label_range(number_range range, char label[NJ_SLICE_LABEL_BYTES])
{
    if (range.least == range.most) {
        snprintf(label, NJ_SLICE_LABEL_BYTES, "%u", range.least);
    } else {
        snprintf(label, NJ_SLICE_LABEL_BYTES, "%u-%u", range.least, range.most);
    }
}

static void label_slice(const nj_evaluation *e, nj_slicing_kind kind, uint32_t bin,
                        number_range range, char label[NJ_SLICE_LABEL_BYTES])
{
    if (kind == NJ_SLICING_COLD) {
        snprintf(label, NJ_SLICE_LABEL_BYTES, "%s",
                 bin == 0 ? "cold, never in training" : "seen in training");
    } else if (kind != NJ_SLICING_GROUP) {
        label_range(range, label);
    } else if (bin == 0 || bin == NJ_SLICES_MAX - 1) {
        snprintf(label, NJ_SLICE_LABEL_BYTES, "%s", bin == 0 ? "(no group)" : "(other groups)");
    } else {
        snprintf(label, NJ_SLICE_LABEL_BYTES, "%.*s", NJ_SLICE_LABEL_BYTES - 1,
                 e->group_names[bin - 1]);
    }
}

static void widen_range(const nj_evaluation *e, nj_slicing_kind kind, size_t user,
                        number_range *range)
{
    const uint32_t value = kind == NJ_SLICING_HISTORY      ? e->history_lengths[user]
                           : kind == NJ_SLICING_POPULARITY ? popularity_of_target(e, user)
                                                           : 0;
    range->least = value < range->least ? value : range->least;
    range->most = value > range->most ? value : range->most;
}

// Sorts the users by slice and names the slices.
static void list_slices(const nj_evaluation *e, nj_slicing_kind kind, const binning *b,
                        nj_slicing *s)
{
    number_range ranges[NJ_SLICES_MAX];
    size_t slice_of[NJ_SLICES_MAX] = {0};
    size_t filled[NJ_SLICES_MAX] = {0};
    size_t first = 0;
    for (size_t bin = 0; bin < b->bin_count; bin++) {
        if (b->counts[bin] > 0) {
            ranges[s->slice_count] = (number_range){UINT32_MAX, 0};
            slice_of[bin] = s->slice_count;
            s->slices[s->slice_count++] =
                (nj_slice_of_users){.first = first,
                                    .user_count = b->counts[bin],
                                    .is_small = b->counts[bin] < NJ_SLICE_USERS_MIN};
            first += b->counts[bin];
        }
    }
    for (size_t user = 0; user < e->user_count; user++) {
        const size_t slice = slice_of[b->merged[b->bin_of[user]]];
        s->members[s->slices[slice].first + filled[slice]++] = (uint32_t)user;
        widen_range(e, kind, user, &ranges[slice]);
    }
    for (size_t bin = 0; bin < b->bin_count; bin++) {
        if (b->counts[bin] > 0) {
            label_slice(e, kind, (uint32_t)bin, ranges[slice_of[bin]],
                        s->slices[slice_of[bin]].label);
        }
    }
}

nj_status nj_slicing_init(const nj_evaluation *evaluation, nj_slicing_kind kind, nj_slicing *out)
{
    const nj_evaluation *e = evaluation;
    binning b = {.bin_count = is_merged(kind) ? EDGE_COUNT : NJ_SLICES_MAX};
    nj_slicing s = {0};
    if (!is_known(e, kind)) {
        *out = s;
        return NJ_OK;
    }
    b.bin_of = malloc(nj_max_size(e->user_count, 1) * sizeof *b.bin_of);
    s.members = malloc(nj_max_size(e->user_count, 1) * sizeof *s.members);
    if (b.bin_of == NULL || s.members == NULL) {
        free(b.bin_of);
        free(s.members);
        return NJ_NO_MEMORY;
    }
    for (uint32_t bin = 0; bin < NJ_SLICES_MAX; bin++) {
        b.merged[bin] = bin;
    }
    for (size_t user = 0; user < e->user_count; user++) {
        b.bin_of[user] = bin_of(e, kind, user);
        b.counts[b.bin_of[user]]++;
    }
    if (is_merged(kind)) {
        merge_bins(&b, kind, e->user_count);
    }
    list_slices(e, kind, &b, &s);
    free(b.bin_of);
    *out = s;
    return NJ_OK;
}

void nj_slicing_fini(nj_slicing *slicing)
{
    free(slicing->members);
    *slicing = (nj_slicing){0};
}
