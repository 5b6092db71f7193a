#include "coordinator/daemon/controls.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/bits.h"
#include "common/base/cpus.h"
#include "common/base/user_place.h"
#include "common/input/instant.h"
#include "worker/baseline/neighbours.h"
#include "worker/baseline/popularity.h"

#define THREADS_MAX 16

nj_status nj_controls_wish_parse(const char *text, nj_controls_wish *out, nj_error *err)
{
    nj_controls_wish wish = {0};
    double number = 0;
    size_t size = text != NULL ? strlen(text) : 0;
    const bool is_percent = size > 0 && text[size - 1] == '%';
    const bool is_share = is_percent || (size > 0 && strchr(text, '.') != NULL);
    if (text == NULL) {
        *out = wish;
        return NJ_OK;
    }
    bool fits = nj_decimal_parse((nj_slice){text, size - is_percent}, &number) && number > 0;
    if (fits && is_share) {
        wish.share = is_percent ? number / 100 : number;
        wish.count = NJ_CONTROLS_USERS_MAX;
        fits = wish.share <= 1;
    } else if (fits && number <= NJ_CONTROLS_USERS_MAX) {
        wish.count = (uint32_t)number;
        fits = (double)wish.count == number;
    } else {
        fits = false;
    }
    if (!fits) {
        return nj_fail(
            err, NJ_USAGE,
            "--controls is \"%.80s\", must be a share of the users above 0 to 100%%, such as 1%% "
            "or 0.01, or a number of users from 1 to %d",
            text, NJ_CONTROLS_USERS_MAX);
    }
    *out = wish;
    return NJ_OK;
}

// ---- who ----

typedef struct {
    uint64_t place;
    size_t user; // of the job's table
} sampled_user;

typedef struct {
    sampled_user *users; // owned
    size_t count;
} user_sample;

static int compare_places(const void *a, const void *b)
{
    const sampled_user *x = a;
    const sampled_user *y = b;
    return x->place != y->place ? (x->place > y->place) - (x->place < y->place)
                                : (x->user > y->user) - (x->user < y->user);
}

static int compare_users(const void *a, const void *b)
{
    const sampled_user *x = a;
    const sampled_user *y = b;
    return (x->user > y->user) - (x->user < y->user);
}

// In the order of the input.
static nj_status take_sample(const nj_job *job, const nj_controls_wish *wish, user_sample *out,
                             nj_error *err)
{
    user_sample sample = {.users = calloc(job->users.count + 1, sizeof *sample.users)};
    if (sample.users == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to sample %zu users", job->users.count);
    }
    for (size_t i = 0; i < job->users.count; i++) {
        const nj_request user = nj_user_table_at(&job->users, i);
        const uint64_t place = nj_user_place(NJ_SAMPLE_SALT, user.user);
        if (!nj_user_is_skipped(&job->users, &user, &job->settings) &&
            (!(wish->share > 0) || nj_user_place_is_sampled(place, wish->share))) {
            sample.users[sample.count++] = (sampled_user){place, i};
        }
    }
    qsort(sample.users, sample.count, sizeof *sample.users, compare_places);
    sample.count = sample.count < wish->count ? sample.count : wish->count;
    qsort(sample.users, sample.count, sizeof *sample.users, compare_users);
    *out = sample;
    return NJ_OK;
}

// ---- what they may get ----

// Of the user whose lists are being made.
typedef struct {
    const nj_masks *masks;
    const uint64_t *mask; // NULL: it leaves nothing out
    uint64_t *shelf;      // owned; rows of the trie, which are not retired
    uint64_t *excluded;   // owned; all zero between two users
    uint64_t *candidates; // owned; likewise
    bool has_candidates;
} item_rules;

static bool allows(const void *context, uint32_t item)
{
    const item_rules *rules = context;
    return nj_bits_has(rules->shelf, item) &&
           (rules->mask == NULL || nj_bits_has(rules->mask, item)) &&
           !nj_bits_has(rules->excluded, item) &&
           (!rules->has_candidates || nj_bits_has(rules->candidates, item));
}

static nj_status open_rules(const nj_job *job, item_rules *out, nj_error *err)
{
    const nj_trie *trie = &job->catalogue.trie;
    const size_t words = nj_bits_words(job->catalogue.items.count) + 1;
    *out = (item_rules){.masks = &job->catalogue.masks,
                        .shelf = calloc(words, sizeof *out->shelf),
                        .excluded = calloc(words, sizeof *out->excluded),
                        .candidates = calloc(words, sizeof *out->candidates)};
    if (out->shelf == NULL || out->excluded == NULL || out->candidates == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for %zu items", job->catalogue.items.count);
    }
    for (uint32_t i = 0; i < trie->item_count; i++) {
        nj_bits_add(out->shelf, trie->items[i]);
    }
    return NJ_OK;
}

static void close_rules(item_rules *rules)
{
    free(rules->shelf);
    free(rules->excluded);
    free(rules->candidates);
}

static void set_rules(item_rules *rules, const nj_request *user)
{
    rules->mask = nj_masks_rows(rules->masks, user->mask);
    rules->has_candidates = user->candidates != NULL;
    for (uint32_t i = 0; i < user->exclude_count; i++) {
        nj_bits_add(rules->excluded, user->exclude[i]);
    }
    for (uint32_t i = 0; i < user->candidate_count; i++) {
        nj_bits_add(rules->candidates, user->candidates[i]);
    }
}

static void unset_rules(item_rules *rules, const nj_request *user)
{
    for (uint32_t i = 0; i < user->exclude_count; i++) {
        nj_bits_remove(rules->excluded, user->exclude[i]);
    }
    for (uint32_t i = 0; i < user->candidate_count; i++) {
        nj_bits_remove(rules->candidates, user->candidates[i]);
    }
}

// ---- lists ----

typedef struct {
    const nj_job *job;
    user_sample sample;
    item_rules rules;
    nj_pool *pool;    // of all processors, for counting
    nj_pool *alone;   // of one thread: the rules are one user's at a time
    uint64_t *counts; // [items]
    uint32_t *order;  // [items] the most popular first
    nj_neighbours neighbours;
    nj_lister *listers[NJ_CONTROL_COUNT];
    nj_scored_lists lists;
} controls_job;

static nj_status open_pools(controls_job *c, nj_error *err)
{
    nj_cpu_list cpus;
    nj_status status = nj_cpus_allowed(&cpus, err);
    if (status == NJ_OK) {
        status = nj_pool_new(cpus.count < THREADS_MAX ? cpus.count : THREADS_MAX, &c->pool, err);
    }
    return status == NJ_OK ? nj_pool_new(1, &c->alone, err) : status;
}

static nj_status count_histories(controls_job *c, nj_error *err)
{
    const uint32_t N = (uint32_t)c->job->catalogue.items.count;
    const nj_neighbours_settings settings = nj_neighbours_defaults(NJ_NEIGHBOURS_CO_VISITATION);
    c->counts = calloc((size_t)N + 1, sizeof *c->counts);
    c->order = calloc((size_t)N + 1, sizeof *c->order);
    if (c->counts == NULL || c->order == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for %u items", N);
    }
    nj_popularity_count(&c->job->users, N, c->counts);
    nj_status status = nj_popularity_order(c->counts, N, c->order, err);
    return status == NJ_OK
               ? nj_neighbours_build(&c->job->users, N, &settings, c->pool, &c->neighbours, err)
               : status;
}

static nj_status open_listers(controls_job *c, nj_error *err)
{
    const uint32_t N = (uint32_t)c->job->catalogue.items.count;
    const uint32_t top = c->job->settings.top;
    const nj_list_settings settings = {.top = top < NJ_CONTROLS_ITEMS_MAX ? top
                                                                          : NJ_CONTROLS_ITEMS_MAX,
                                       .masks_history = !c->job->settings.keep_history,
                                       .fill = c->order,
                                       .allows = allows,
                                       .rules = &c->rules};
    const nj_recommender recommenders[NJ_CONTROL_COUNT] = {
        [NJ_CONTROL_POPULAR] = nj_popularity_recommender(N),
        [NJ_CONTROL_VISITED] = nj_neighbours_recommender(&c->neighbours)};
    nj_status status = nj_scored_lists_init(1, settings.top, &c->lists, err);
    for (int i = 0; i < NJ_CONTROL_COUNT && status == NJ_OK; i++) {
        status = nj_lister_new(&recommenders[i], &settings, c->alone, &c->listers[i], err);
    }
    return status;
}

static void list_user(controls_job *c, size_t number, nj_control_lists *out)
{
    const nj_request user = nj_user_table_at(&c->job->users, number);
    set_rules(&c->rules, &user);
    out->user = user.user;
    for (int control = 0; control < NJ_CONTROL_COUNT; control++) {
        nj_lister_run(c->listers[control], &c->job->users, number, 1, &c->lists);
        out->counts[control] = c->lists.counts[0];
        for (uint32_t i = 0; i < c->lists.counts[0]; i++) {
            out->items[control][i] = nj_idlist_at(&c->job->catalogue.items, c->lists.items[i].item);
        }
    }
    unset_rules(&c->rules, &user);
}

static nj_status write_lists(controls_job *c, const char *folder, nj_error *err)
{
    nj_controls_write write = {0};
    nj_control_lists *lists = malloc(sizeof *lists);
    nj_status status = lists != NULL ? nj_controls_write_begin(&write, folder, c->lists.top, err)
                                     : nj_fail(err, NJ_NO_MEMORY, "no memory for control lists");
    for (size_t i = 0; i < c->sample.count && status == NJ_OK; i++) {
        list_user(c, c->sample.users[i].user, lists);
        status = nj_controls_write_user(&write, lists, err);
    }
    if (status == NJ_OK) {
        status = nj_controls_write_end(&write, err);
    }
    nj_controls_write_abort(&write);
    free(lists);
    return status;
}

static void close_job(controls_job *c)
{
    for (int i = 0; i < NJ_CONTROL_COUNT; i++) {
        nj_lister_free(&c->listers[i]);
    }
    nj_scored_lists_fini(&c->lists);
    nj_neighbours_fini(&c->neighbours);
    free(c->counts);
    free(c->order);
    nj_pool_free(&c->alone);
    nj_pool_free(&c->pool);
    close_rules(&c->rules);
    free(c->sample.users);
}

nj_status nj_controls_make(const nj_job *job, const nj_controls_wish *wish, const char *folder,
                           uint64_t *out_users, nj_error *err)
{
    controls_job *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for control lists");
    }
    c->job = job;
    nj_status status = take_sample(job, wish, &c->sample, err);
    if (status == NJ_OK) {
        status = open_rules(job, &c->rules, err);
    }
    if (status == NJ_OK) {
        status = open_pools(c, err);
    }
    if (status == NJ_OK) {
        status = count_histories(c, err);
    }
    if (status == NJ_OK) {
        status = open_listers(c, err);
    }
    if (status == NJ_OK) {
        status = write_lists(c, folder, err);
    }
    if (status == NJ_OK) {
        *out_users = c->sample.count;
    }
    close_job(c);
    free(c);
    return status;
}
