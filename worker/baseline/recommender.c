#include "worker/baseline/recommender.h"

#include <stdlib.h>

#include "common/base/checked.h"

// A thread's.
typedef struct {
    void *model;
    nj_request *users; // [group]
    uint32_t *marks;   // [item_count] `mark` of the list that must not have, or has, the item
    uint32_t mark;
} list_scratch;

struct nj_lister {
    nj_recommender recommender;
    nj_list_settings settings;
    nj_pool *pool; // borrowed
    list_scratch *scratch;
    size_t thread_count;

    // The call at hand.
    const nj_user_table *users;
    size_t first;
    nj_scored_lists *out;
};

// ---- lists ----

nj_status nj_scored_lists_init(size_t count, uint32_t top, nj_scored_lists *out, nj_error *err)
{
    nj_scored_lists lists = {.top = top, .count = count};
    size_t places;
    if (nj_mul_size(count, top, &places)) {
        lists.items = calloc(places + 1, sizeof *lists.items);
        lists.counts = calloc(count + 1, sizeof *lists.counts);
    }
    if (lists.items == NULL || lists.counts == NULL) {
        nj_scored_lists_fini(&lists);
        return nj_fail(err, NJ_NO_MEMORY, "no memory for %zu lists of %u items", count, top);
    }
    *out = lists;
    return NJ_OK;
}

void nj_scored_lists_fini(nj_scored_lists *lists)
{
    free(lists->items);
    free(lists->counts);
    *lists = (nj_scored_lists){0};
}

// ---- memory ----

static nj_status make_scratch(const nj_recommender *r, list_scratch *s, nj_error *err)
{
    s->users = calloc(r->group, sizeof *s->users);
    s->marks = calloc(r->item_count, sizeof *s->marks);
    return s->users != NULL && s->marks != NULL
               ? r->scratch_new(r->context, &s->model, err)
               : nj_fail(err, NJ_NO_MEMORY, "no memory for lists of %u items", r->item_count);
}

nj_status nj_lister_new(const nj_recommender *recommender, const nj_list_settings *settings,
                        nj_pool *pool, nj_lister **out, nj_error *err)
{
    nj_lister *lister = calloc(1, sizeof *lister);
    nj_status status = NJ_OK;
    if (lister != NULL) {
        lister->recommender = *recommender;
        lister->settings = *settings;
        lister->pool = pool;
        lister->thread_count = nj_pool_threads(pool);
        lister->scratch = calloc(lister->thread_count, sizeof *lister->scratch);
    }
    if (lister == NULL || lister->scratch == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory to make lists");
    }
    for (size_t i = 0; status == NJ_OK && i < lister->thread_count; i++) {
        status = make_scratch(recommender, &lister->scratch[i], err);
    }
    if (status == NJ_OK) {
        *out = lister;
        lister = NULL;
    }
    nj_lister_free(&lister);
    return status;
}

void nj_lister_free(nj_lister **lister)
{
    nj_lister *l = *lister;
    if (l == NULL) {
        return;
    }
    for (size_t i = 0; l->scratch != NULL && i < l->thread_count; i++) {
        l->recommender.scratch_free(&l->scratch[i].model);
        free(l->scratch[i].users);
        free(l->scratch[i].marks);
    }
    free(l->scratch);
    free(l);
    *lister = NULL;
}

// ---- one list ----

typedef struct {
    nj_top top;
    const nj_list_settings *settings;
    const uint32_t *marks; // NULL: nothing is masked
    uint32_t mark;
} collector;

static bool allows(const nj_list_settings *settings, uint32_t item)
{
    return settings->allows == NULL || settings->allows(settings->rules, item);
}

static void collect(void *to, uint32_t item, double score)
{
    collector *c = to;
    if ((c->marks == NULL || c->marks[item] != c->mark) && allows(c->settings, item)) {
        nj_top_offer(&c->top, item, score);
    }
}

// A new mark; when all are used up, all are forgotten.
static uint32_t next_mark(list_scratch *s, uint32_t item_count)
{
    if (s->mark == UINT32_MAX) {
        for (uint32_t i = 0; i < item_count; i++) {
            s->marks[i] = 0;
        }
        s->mark = 0;
    }
    return ++s->mark;
}

static void fill_up(const nj_lister *l, list_scratch *s, nj_top *top)
{
    for (uint32_t i = 0; i < top->count; i++) {
        s->marks[top->items[i].item] = s->mark;
    }
    for (uint32_t i = 0; i < l->recommender.item_count && top->count < top->most; i++) {
        const uint32_t item = l->settings.fill[i];
        if (s->marks[item] != s->mark && allows(&l->settings, item)) {
            const uint64_t *scores = l->settings.fill_scores;
            top->items[top->count++] = (nj_scored){scores != NULL ? (double)scores[item] : 0, item};
        }
    }
}

static void make_list(const nj_lister *l, list_scratch *s, uint32_t number, nj_scored *items,
                      uint32_t *count)
{
    const nj_request *user = &s->users[number];
    collector c = {.top = {.items = items, .most = l->settings.top},
                   .settings = &l->settings,
                   .mark = next_mark(s, l->recommender.item_count)};
    if (l->settings.masks_history) {
        c.marks = s->marks;
        for (uint32_t i = 0; i < user->item_count; i++) {
            s->marks[user->items[i]] = c.mark;
        }
    }
    l->recommender.offer(l->recommender.context, s->model, number, collect, &c);
    nj_top_sort(&c.top);
    if (l->settings.fill != NULL && c.top.count < c.top.most) {
        fill_up(l, s, &c.top);
    }
    *count = c.top.count;
}

static void run_group(void *context, size_t task, size_t thread)
{
    nj_lister *l = context;
    list_scratch *s = &l->scratch[thread];
    const size_t at = task * l->recommender.group;
    const uint32_t n = (uint32_t)nj_min_size(l->recommender.group, l->out->count - at);
    for (uint32_t i = 0; i < n; i++) {
        s->users[i] = nj_user_table_at(l->users, l->first + at + i);
    }
    l->recommender.begin(l->recommender.context, s->model, s->users, n);
    for (uint32_t i = 0; i < n; i++) {
        make_list(l, s, i, l->out->items + (at + i) * l->out->top, &l->out->counts[at + i]);
    }
}

void nj_lister_run(nj_lister *lister, const nj_user_table *users, size_t first, size_t count,
                   nj_scored_lists *out)
{
    lister->users = users;
    lister->first = first;
    lister->out = out;
    out->count = count;
    nj_pool_run(lister->pool, (count + lister->recommender.group - 1) / lister->recommender.group,
                run_group, lister);
}
