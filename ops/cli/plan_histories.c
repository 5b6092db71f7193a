#include "ops/cli/plan_histories.h"

#include <stdlib.h>

#include <xxhash.h>

#include "common/base/checked.h"
#include "common/base/rng.h"

#define CACHES_MAX 256 // workers beyond share the lists of others here

uint32_t nj_plan_history_items(const nj_request *request, uint32_t history_max)
{
    return (uint32_t)nj_min_size(request->item_count, history_max);
}

static uint64_t mix_rows(uint64_t key, const uint32_t *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        key = nj_rng_mix(key + NJ_RNG_STEP + rows[i]);
    }
    return nj_rng_mix(key + NJ_RNG_STEP + count);
}

static uint64_t mix_text(uint64_t key, nj_slice text)
{
    return nj_rng_mix(key + NJ_RNG_STEP + XXH3_64bits(text.bytes, text.size));
}

// What a prompt asks of him beside his history.
static uint64_t mix_asked(uint64_t key, uint32_t needs, const nj_request *request)
{
    if (request->candidates != NULL) {
        key = mix_rows(key + 1, request->candidates, request->candidate_count);
    }
    if (request->text.bytes != NULL) {
        key = mix_text(key + 2, request->text);
    }
    return (needs & NJ_PROMPT_NEEDS_USER) != 0 ? mix_text(key + 3, request->user) : key;
}

uint64_t nj_plan_history_key(const nj_job *job, const nj_request *request, uint32_t history_max)
{
    const nj_template *template = &job->catalogue.template;
    const uint32_t encoded = nj_plan_history_items(request, history_max);
    const uint32_t read = job->settings.keep_history ? encoded : request->item_count;
    uint64_t key = mix_rows(request->mask, request->items + (request->item_count - read), read);
    key = mix_rows(key, request->exclude, request->exclude_count);
    key = mix_asked(key, job->catalogue.needs, request);
    if (template->user_token_count > 0) {
        uint32_t tokens[2 * NJ_TEMPLATE_TOKENS_MAX + 1];
        const nj_token_table none = {.level_count = 1};
        const size_t count = nj_template_tokens(template, &none, request->user, NULL, 0, tokens);
        key = mix_rows(key, tokens, count);
    }
    return key != 0 ? key : 1;
}

// ---- the lists that workers keep ----

typedef struct {
    uint32_t workers, sets, ways;
    uint64_t *keys; // owned; [workers, sets, ways]; 0: free
    uint8_t *next;  // owned; [workers, sets] the place that gives way
} caches;

static bool open_caches(caches *c, const nj_engine_plan *engine, uint32_t workers)
{
    *c = (caches){.workers = (uint32_t)nj_min_size(workers, CACHES_MAX),
                  .sets = engine->kept_sets,
                  .ways = engine->kept_ways};
    const size_t sets = (size_t)c->workers * c->sets;
    c->keys = calloc(sets * c->ways + 1, sizeof *c->keys);
    c->next = calloc(sets + 1, sizeof *c->next);
    return c->keys != NULL && c->next != NULL;
}

static void close_caches(caches *c)
{
    free(c->keys);
    free(c->next);
}

// True where the worker has the list; else it has it from now on.
static bool look_up(caches *c, size_t worker, uint64_t key)
{
    if (c->sets == 0) {
        return false;
    }
    const size_t set = worker % c->workers * c->sets + key % c->sets;
    uint64_t *keys = c->keys + set * c->ways;
    for (uint32_t i = 0; i < c->ways; i++) {
        if (keys[i] == key) {
            return true;
        }
    }
    keys[c->next[set]] = key;
    c->next[set] = (uint8_t)((c->next[set] + 1) % c->ways);
    return false;
}

// ---- counting ----

// The length that `share` of the users do not exceed.
static uint32_t find_quantile(const uint64_t *lengths, uint32_t most, double share)
{
    uint64_t total = 0;
    uint64_t seen = 0;
    for (uint32_t i = 1; i <= most; i++) {
        total += lengths[i];
    }
    for (uint32_t i = 1; i <= most; i++) {
        seen += lengths[i];
        if ((double)seen >= share * (double)total && seen > 0) {
            return i;
        }
    }
    return 0;
}

static void count_shard(const nj_plan *plan, size_t shard, const nj_job *job, uint32_t history_max,
                        caches *c, uint64_t *lengths, nj_plan_histories *out)
{
    const size_t users = nj_plan_shard_users(plan, shard);
    for (size_t i = 0; i < users; i++) {
        const nj_request request = nj_plan_request(plan, shard, i);
        const uint32_t items = nj_plan_history_items(&request, history_max);
        lengths[items]++;
        out->users++;
        if (nj_user_is_cold(&job->users, &request)) {
            out->cold++;
        } else if (!look_up(c, shard, nj_plan_history_key(job, &request, history_max))) {
            out->searches++;
            out->items_mean += items;
        }
    }
}

nj_status nj_plan_histories_count(const nj_plan *plan, const nj_job *job,
                                  const nj_engine_plan *engine, uint32_t workers,
                                  nj_plan_histories *out, nj_error *err)
{
    caches c;
    const uint32_t most = (uint32_t)nj_min_size(engine->history_max, job->users.longest);
    uint64_t *lengths = calloc((size_t)most + 1, sizeof *lengths);
    const bool opened = open_caches(&c, engine, workers);
    *out = (nj_plan_histories){.items_most = most};
    for (size_t s = 0;
         opened && lengths != NULL && s < plan->shard_count && out->users < NJ_PLAN_HISTORIES_MAX;
         s++) {
        count_shard(plan, s, job, engine->history_max, &c, lengths, out);
    }
    if (opened && lengths != NULL) {
        out->items_mean = out->searches > 0 ? out->items_mean / (double)out->searches : 0;
        out->items_p50 = find_quantile(lengths, most, 0.5);
        out->items_p90 = find_quantile(lengths, most, 0.9);
    }
    close_caches(&c);
    const bool counted = opened && lengths != NULL;
    free(lengths);
    return counted ? NJ_OK : nj_fail(err, NJ_NO_MEMORY, "no memory to count searches");
}
