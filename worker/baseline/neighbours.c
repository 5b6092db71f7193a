#include "worker/baseline/neighbours.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"

#define ITEMS_A_TASK 64
#define GROUP 16 // users of a task

nj_neighbours_settings nj_neighbours_defaults(nj_neighbours_kind kind)
{
    static const nj_neighbours_settings DEFAULTS[] = {
        [NJ_NEIGHBOURS_CO_VISITATION] = {.kind = NJ_NEIGHBOURS_CO_VISITATION,
                                         .neighbours_max = 200,
                                         .distance = 0.5,
                                         .back = 0.1,
                                         .fading = 0.4},
        [NJ_NEIGHBOURS_COSINE] = {
            .kind = NJ_NEIGHBOURS_COSINE, .neighbours_max = 200, .shrink = 40, .fading = 0.5}};
    return DEFAULTS[kind];
}

// Sums by item, of which only those that were touched are looked at and cleared.
typedef struct {
    double *values;    // [item_count]
    uint32_t *touched; // [item_count]
    uint32_t count;
} sums;

static bool take_sums(sums *s, uint32_t item_count)
{
    s->values = calloc(item_count, sizeof *s->values);
    s->touched = calloc(item_count, sizeof *s->touched);
    return s->values != NULL && s->touched != NULL;
}

static void free_sums(sums *s)
{
    free(s->values);
    free(s->touched);
}

// `more` is at least 0; what faded away to 0 touches nothing, or an item would be touched again and again.
static void add_to(sums *s, uint32_t item, double more)
{
    if (s->values[item] == 0 && more > 0) {
        s->touched[s->count++] = item;
    }
    s->values[item] += more;
}

static void clear_sums(sums *s)
{
    for (uint32_t i = 0; i < s->count; i++) {
        s->values[s->touched[i]] = 0;
    }
    s->count = 0;
}

// ---- building ----

// Where an item stands.
typedef struct {
    uint32_t user;
    uint32_t place;
} occurrence;

typedef struct {
    const nj_user_table *users;
    uint32_t item_count;
    const nj_neighbours_settings *settings;
    uint64_t *first;         // [item_count + 1] item i's occurrences are first[i] .. first[i+1]
    occurrence *occurrences; // in order of users and places
    uint32_t *user_counts;   // [item_count] users who had the item
    bool *again;             // beside the items of all users: it stands before in the same history
    double *apart;           // [longest history] weight of d places
    sums *sums;              // [threads]
    nj_scored **heaps;       // [threads] of [neighbours_max]
    nj_scored **kept;        // [item_count] owned until they are joined
    uint32_t *kept_counts;   // [item_count]
    size_t thread_count;
    bool failed; // no memory; set by any thread, and only ever to true
} building;

static bool list_occurrences(building *b)
{
    const size_t n = b->item_count;
    b->first = calloc(n + 2, sizeof *b->first);
    b->occurrences = calloc((size_t)b->users->item_total + 1, sizeof *b->occurrences);
    if (b->first == NULL || b->occurrences == NULL) {
        return false;
    }
    for (size_t u = 0; u < b->users->count; u++) {
        const nj_request user = nj_user_table_at(b->users, u);
        for (uint32_t i = 0; i < user.item_count; i++) {
            b->first[user.items[i] + 2]++;
        }
    }
    for (size_t i = 2; i < n + 2; i++) {
        b->first[i] += b->first[i - 1];
    }
    // first[i + 1] is where item i's next occurrence goes, and in the end where item i + 1 begins.
    for (size_t u = 0; u < b->users->count; u++) {
        const nj_request user = nj_user_table_at(b->users, u);
        for (uint32_t i = 0; i < user.item_count; i++) {
            b->occurrences[b->first[user.items[i] + 1]++] = (occurrence){(uint32_t)u, i};
        }
    }
    return true;
}

// Of an item of `user`.
static bool *find_again(const building *b, const nj_request *user)
{
    return b->again + (user->items - (const uint32_t *)(const void *)b->users->items.bytes);
}

static void count_users(building *b)
{
    for (size_t i = 0; i < b->item_count; i++) {
        for (uint64_t at = b->first[i]; at < b->first[i + 1]; at++) {
            const occurrence *o = &b->occurrences[at];
            const nj_request user = nj_user_table_at(b->users, o->user);
            const bool again = at > b->first[i] && o->user == o[-1].user;
            find_again(b, &user)[o->place] = again;
            b->user_counts[i] += !again;
        }
    }
}

static void weigh_places(building *b)
{
    const double exponent = b->settings->distance;
    for (uint32_t d = 1; d < b->users->longest; d++) {
        b->apart[d] = exponent == 0 ? 1.0 : exponent == 1 ? 1.0 / d : pow(d, -exponent);
    }
}

static void add_visits(const building *b, uint32_t item, const occurrence *o, sums *s)
{
    const nj_request user = nj_user_table_at(b->users, o->user);
    const uint32_t window = b->settings->window > 0 ? b->settings->window : user.item_count;
    const uint32_t before = (uint32_t)nj_min_size(window, o->place);
    const uint32_t behind = (uint32_t)nj_min_size(window, user.item_count - 1 - o->place);
    for (uint32_t d = before; d > 0 && b->settings->back > 0; d--) {
        const uint32_t other = user.items[o->place - d];
        if (other != item) {
            add_to(s, other, b->settings->back * b->apart[d]);
        }
    }
    for (uint32_t d = 1; d <= behind; d++) {
        const uint32_t other = user.items[o->place + d];
        if (other != item) {
            add_to(s, other, b->apart[d]);
        }
    }
}

// Each other item of the user once.
static void add_user(const building *b, uint32_t item, const occurrence *o, sums *s)
{
    const nj_request user = nj_user_table_at(b->users, o->user);
    const bool *again = find_again(b, &user);
    for (uint32_t i = 0; i < user.item_count; i++) {
        if (user.items[i] != item && !again[i]) {
            add_to(s, user.items[i], 1.0);
        }
    }
}

static double weigh(const building *b, uint32_t item, uint32_t other, double sum)
{
    if (b->settings->kind == NJ_NEIGHBOURS_CO_VISITATION) {
        return sum;
    }
    const double both = (double)b->user_counts[item] * (double)b->user_counts[other];
    return sum / (sqrt(both) + b->settings->shrink);
}

static void sum_item(const building *b, uint32_t item, sums *s)
{
    const bool is_cosine = b->settings->kind == NJ_NEIGHBOURS_COSINE;
    for (uint64_t at = b->first[item]; at < b->first[item + 1]; at++) {
        const occurrence *o = &b->occurrences[at];
        if (!is_cosine) {
            add_visits(b, item, o, s);
        } else if (at == b->first[item] || o[-1].user != o->user) {
            add_user(b, item, o, s);
        }
    }
}

static void keep_best(building *b, uint32_t item, const sums *s, nj_scored *heap)
{
    nj_top top = {.items = heap, .most = b->settings->neighbours_max};
    for (uint32_t i = 0; i < s->count; i++) {
        const uint32_t other = s->touched[i];
        nj_top_offer(&top, other, (double)(float)weigh(b, item, other, s->values[other]));
    }
    nj_top_sort(&top);
    if (top.count > 0) {
        b->kept[item] = malloc(top.count * sizeof *top.items);
        if (b->kept[item] == NULL) {
            __atomic_store_n(&b->failed, true, __ATOMIC_RELAXED);
            return;
        }
        memcpy(b->kept[item], top.items, top.count * sizeof *top.items);
    }
    b->kept_counts[item] = top.count;
}

static void build_items(void *context, size_t task, size_t thread)
{
    building *b = context;
    sums *s = &b->sums[thread];
    const size_t end = nj_min_size(b->item_count, (task + 1) * ITEMS_A_TASK);
    for (size_t item = task * ITEMS_A_TASK; item < end; item++) {
        sum_item(b, (uint32_t)item, s);
        keep_best(b, (uint32_t)item, s, b->heaps[thread]);
        clear_sums(s);
    }
}

static bool take_memory(building *b)
{
    b->user_counts = calloc(b->item_count, sizeof *b->user_counts);
    b->again = calloc(b->users->items.size / sizeof(uint32_t) + 1, sizeof *b->again);
    b->apart = calloc((size_t)b->users->longest + 1, sizeof *b->apart);
    b->kept = calloc(b->item_count, sizeof *b->kept);
    b->kept_counts = calloc(b->item_count, sizeof *b->kept_counts);
    b->sums = calloc(b->thread_count, sizeof *b->sums);
    b->heaps = calloc(b->thread_count, sizeof *b->heaps);
    bool complete = b->user_counts != NULL && b->again != NULL && b->apart != NULL &&
                    b->kept != NULL && b->kept_counts != NULL && b->sums != NULL &&
                    b->heaps != NULL && list_occurrences(b);
    for (size_t i = 0; i < b->thread_count && complete; i++) {
        b->heaps[i] = calloc(b->settings->neighbours_max, sizeof *b->heaps[i]);
        complete = take_sums(&b->sums[i], b->item_count) && b->heaps[i] != NULL;
    }
    return complete;
}

static void free_building(building *b)
{
    for (size_t i = 0; i < b->item_count && b->kept != NULL; i++) {
        free(b->kept[i]);
    }
    for (size_t i = 0; i < b->thread_count; i++) {
        if (b->sums != NULL) {
            free_sums(&b->sums[i]);
        }
        if (b->heaps != NULL) {
            free(b->heaps[i]);
        }
    }
    free(b->first);
    free(b->occurrences);
    free(b->user_counts);
    free(b->again);
    free(b->apart);
    free(b->kept);
    free(b->kept_counts);
    free(b->sums);
    free(b->heaps);
}

// The lists of all items end to end.
static bool join_lists(const building *b, nj_neighbours *out)
{
    size_t total = 0;
    for (size_t i = 0; i < b->item_count; i++) {
        total += b->kept_counts[i];
    }
    out->offset = calloc((size_t)b->item_count + 1, sizeof *out->offset);
    out->items = calloc(total + 1, sizeof *out->items);
    out->weights = calloc(total + 1, sizeof *out->weights);
    if (out->offset == NULL || out->items == NULL || out->weights == NULL) {
        return false;
    }
    for (size_t i = 0; i < b->item_count; i++) {
        const uint64_t at = out->offset[i];
        for (uint32_t k = 0; k < b->kept_counts[i]; k++) {
            out->items[at + k] = b->kept[i][k].item;
            out->weights[at + k] = (float)b->kept[i][k].score;
        }
        out->offset[i + 1] = at + b->kept_counts[i];
    }
    return true;
}

nj_status nj_neighbours_build(const nj_user_table *training, uint32_t item_count,
                              const nj_neighbours_settings *settings, nj_pool *pool,
                              nj_neighbours *out, nj_error *err)
{
    building b = {.users = training,
                  .item_count = item_count,
                  .settings = settings,
                  .thread_count = nj_pool_threads(pool)};
    nj_neighbours made = {.settings = *settings, .item_count = item_count};
    bool complete = take_memory(&b);
    if (complete) {
        count_users(&b);
        weigh_places(&b);
        nj_pool_run(pool, (item_count + (size_t)ITEMS_A_TASK - 1) / ITEMS_A_TASK, build_items, &b);
        complete = !b.failed && join_lists(&b, &made);
    }
    free_building(&b);
    if (!complete) {
        nj_neighbours_fini(&made);
        return nj_fail(err, NJ_NO_MEMORY, "no memory for %u neighbours of each of %u items",
                       settings->neighbours_max, item_count);
    }
    *out = made;
    return NJ_OK;
}

void nj_neighbours_fini(nj_neighbours *neighbours)
{
    free(neighbours->offset);
    free(neighbours->items);
    free(neighbours->weights);
    *neighbours = (nj_neighbours){0};
}

// ---- lists ----

typedef struct {
    sums sums;
    const nj_request *users;
} list_scratch;

static void free_scratch(void **scratch)
{
    list_scratch *s = *scratch;
    if (s != NULL) {
        free_sums(&s->sums);
        free(s);
        *scratch = NULL;
    }
}

static nj_status make_scratch(const void *context, void **out, nj_error *err)
{
    const nj_neighbours *neighbours = context;
    list_scratch *s = calloc(1, sizeof *s);
    void *made = s;
    if (s == NULL || !take_sums(&s->sums, neighbours->item_count)) {
        free_scratch(&made);
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the scores of %u items",
                       neighbours->item_count);
    }
    *out = made;
    return NJ_OK;
}

static void begin_users(const void *context, void *scratch, const nj_request *users, uint32_t count)
{
    (void)context;
    (void)count;
    list_scratch *s = scratch;
    s->users = users;
}

static void offer_neighbours(const void *context, void *scratch, uint32_t number,
                             void (*visit)(void *to, uint32_t item, double score), void *to)
{
    const nj_neighbours *neighbours = context;
    list_scratch *s = scratch;
    const nj_request *user = &s->users[number];
    const uint32_t most = neighbours->settings.history_max;
    const uint32_t count = most > 0 && most < user->item_count ? most : user->item_count;
    double recency = 1;
    for (uint32_t k = 0; k < count && recency > 0; k++) {
        const uint32_t item = user->items[user->item_count - 1 - k];
        for (uint64_t at = neighbours->offset[item]; at < neighbours->offset[item + 1]; at++) {
            add_to(&s->sums, neighbours->items[at], recency * (double)neighbours->weights[at]);
        }
        recency *= neighbours->settings.fading;
    }
    for (uint32_t i = 0; i < s->sums.count; i++) {
        const uint32_t item = s->sums.touched[i];
        visit(to, item, s->sums.values[item]);
    }
    clear_sums(&s->sums);
}

nj_recommender nj_neighbours_recommender(const nj_neighbours *neighbours)
{
    return (nj_recommender){.context = neighbours,
                            .item_count = neighbours->item_count,
                            .group = GROUP,
                            .scratch_new = make_scratch,
                            .scratch_free = free_scratch,
                            .begin = begin_users,
                            .offer = offer_neighbours};
}
