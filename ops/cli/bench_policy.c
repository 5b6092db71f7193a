// bench_policy.c - `nightjar bench policy`: what each policy adds to the decoding of a user, in one process.
//
//   off  on  off  on ...      each round decodes the same users without and with the policy; the median of the rounds' ratios is told,
//                             in core-seconds, which a neighbour of the machine lengthens less than those of the clock
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/rng.h"
#include "common/catalogue/item_sections.h"
#include "common/catalogue/section_names.h"
#include "common/policy/policy_pack.h"
#include "common/policy/policy_read.h"
#include "ops/cli/bench_policy_items.h"
#include "ops/cli/bench_report.h"
#include "ops/cli/bench_watch.h"
#include "ops/cli/commands.h"
#include "ops/cli/engine_options.h"
#include "ops/cli/numbers.h"
#include "worker/engine/synthetic.h"

#define TOKENS_MAX 100000
#define USERS_MAX 100000
#define BEAMS_MAX 16
#define ROUNDS_MAX 1000
#define TOP_MAX 1000
// Of beams and places: what is measured has cold items behind the fifth, and five groups.
#define LEAST 10
#define USER_BYTES 32
#define TEXT_BYTES 2048
#define NUMBER_BYTES 24
#define KNOWN                                                                                      \
    "pool, neighbours, prior, boosts, deny, caps, fresh, mmr, mmr-prefix, determinantal, "         \
    "calibration, cold, diverse, stochastic, all"

// The stages as a policy file has them, over the made-up items.
#define NEIGHBOURS "candidates: {neighbours: {weight: 1, count: 50, fading: 0.7}}"
#define BOOSTS                                                                                     \
    "adjust: {boosts: [{where: {brand: b7}, add: 0.5}, {where: {category: c3}, times: 0.5}]}"
#define DENY "deny: [{brand: b11}]"
#define CAPS                                                                                       \
    "caps: [{by: category, most: 4}, {by: brand, most: 3}, {by: prefix, levels: 1, most: 6}]"
#define FRESH "fresh: {column: added, days: 200, until: 2026-01-01, share: 0.2}"
#define MMR "method: mmr, alike: vectors, relevance: 0.8"
#define CALIBRATION "calibration: {by: category, weight: 0.3}"
#define COLD                                                                                       \
    "cold: {items: unseen, places: 2, first: 5, fading: 0.7, borrow: {levels: 2, less: 0.5}}"

// What is measured: every stage by itself, both other searches, and last all that can be on together.
static const struct {
    const char *name, *text;
    bool has_prior; // and a prefix prior, which has a number for each of the catalogue's levels
} POLICIES[] = {
    {"pool", "fill: {widen: true}", false}, // no stage changes anything: what the wider pool costs
    {"neighbours", NEIGHBOURS, false},
    {"prior", "", true},
    {"boosts", BOOSTS, false},
    {"deny", "constraints: {" DENY "}", false},
    {"caps", "constraints: {" CAPS "}", false},
    {"fresh", "constraints: {" FRESH "}", false},
    {"mmr", "rerank: {" MMR "}", false},
    {"mmr-prefix", "rerank: {method: mmr, alike: prefix, relevance: 0.8}", false},
    {"determinantal", "rerank: {method: determinantal, alike: vectors, relevance: 0.8}", false},
    {"calibration", "rerank: {" CALIBRATION "}", false},
    {"cold", COLD, false},
    {"diverse", "candidates: {search: diverse, diverse: {groups: 5, penalty: 0.5}}", false},
    {"stochastic", "candidates: {search: stochastic, stochastic: {top_p: 0.95, seed: 1}}", false},
    {"all",
     NEIGHBOURS "\n" BOOSTS "\nconstraints: {" DENY ", " CAPS ", " FRESH "}\nrerank: {" MMR
                ", " CALIBRATION "}\n" COLD "\nfill: {widen: true, near: true, popular: true}",
     true},
};
#define POLICY_COUNT (sizeof POLICIES / sizeof POLICIES[0])

typedef struct {
    uint64_t tokens, users, rounds, top;
    uint64_t pool; // candidates; 0: as many as the beam holds
    uint32_t beams[BEAMS_MAX];
    uint32_t beam_count;
    const char *only; // names, by commas; NULL: all
} bench_options;

typedef struct {
    const nj_arguments *arguments;
    const bench_options *options;
    nj_sections plain; // without a policy
    nj_catalogue_view catalogue;
    nj_item_sections items;
    nj_request *requests;          // owned; [users]
    double *ratios, *on_s, *off_s; // owned; [rounds]
    nj_engine *off;                // owned; of the beam that is measured
} bench;

static nj_status options_from(const nj_arguments *arguments, bench_options *out, nj_error *err)
{
    const nj_uint_option numbers[] = {
        NJ_UINT("tokens", 1, TOKENS_MAX, &out->tokens),
        NJ_UINT("users", 1, USERS_MAX, &out->users),
        NJ_UINT("rounds", 1, ROUNDS_MAX, &out->rounds),
        NJ_UINT("pool", 0, NJ_POLICY_POOL_MAX, &out->pool),
        NJ_UINT("top", LEAST, TOP_MAX, &out->top),
    };
    out->only = nj_argument(arguments, "policies");
    nj_status status =
        nj_argument_uints(arguments, numbers, sizeof numbers / sizeof numbers[0], err);
    if (status == NJ_OK) {
        status = nj_numbers_from(arguments, "beams", LEAST, 100000, BEAMS_MAX, out->beams,
                                 &out->beam_count, err);
    }
    return status;
}

static bool has_name(const char *names, const char *name)
{
    const size_t size = strlen(name);
    for (const char *at = names; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, size) == 0 && (at[size] == ',' || at[size] == '\0')) {
            return true;
        }
    }
    return false;
}

static nj_status check_names(const char *names, nj_error *err)
{
    for (const char *at = names; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        const int size = (int)strcspn(at, ",");
        bool known = false;
        for (size_t i = 0; i < POLICY_COUNT; i++) {
            known = known || (strlen(POLICIES[i].name) == (size_t)size &&
                              strncmp(POLICIES[i].name, at, (size_t)size) == 0);
        }
        if (!known) {
            return nj_fail(err, NJ_USAGE, "--policies: \"%.*s\" is none of " KNOWN, size, at);
        }
    }
    return NJ_OK;
}

// ---- users ----

// Random histories; each user has an id of his own, for draws that are keyed by it.
static nj_request *make_requests(uint64_t users, uint32_t item_count, uint32_t history)
{
    const size_t each = history * sizeof(uint32_t) + USER_BYTES;
    nj_request *requests = calloc(users, sizeof *requests + each);
    if (requests == NULL) {
        return NULL;
    }
    uint32_t *items = (uint32_t *)(requests + users);
    char *ids = (char *)(items + users * history);
    for (uint64_t u = 0; u < users; u++) {
        char *id = ids + u * USER_BYTES;
        snprintf(id, USER_BYTES, "user%" PRIu64, u);
        for (uint32_t i = 0; i < history; i++) {
            items[u * history + i] =
                (uint32_t)(nj_rng_mix((u * history + i + 1) * NJ_RNG_STEP) % item_count);
        }
        requests[u] = (nj_request){
            .user = nj_slice_from(id), .items = items + u * history, .item_count = history};
    }
    return requests;
}

static nj_status ignore_list(void *context, size_t index, const nj_list *list, nj_error *err)
{
    (void)index;
    (void)err;
    *(uint64_t *)context += list->count;
    return NJ_OK;
}

// ---- rounds ----

static nj_status open_engine(const bench *b, const nj_sections *sections, uint32_t beam,
                             nj_engine **out, nj_error *err)
{
    nj_settings settings = nj_settings_default();
    const uint64_t history = b->options->tokens / b->catalogue.sids.level_count;
    settings.beam = beam;
    settings.top = beam < b->options->top ? beam : (uint32_t)b->options->top;
    settings.keep_history = true;
    settings.history = (uint32_t)(history > 0 ? history : 1);
    settings.history_items_max = settings.history;
    return nj_engine_from(b->arguments, sections, &settings, out, err);
}

static nj_status decode(const bench *b, nj_engine *engine, double *out_core_s, uint64_t *items,
                        nj_error *err)
{
    nj_engine_forget(engine); // the rounds decode the same users
    const uint64_t start_ns = nj_clock_process_ns();
    nj_status status =
        nj_engine_decode(engine, b->requests, b->options->users, ignore_list, items, err);
    *out_core_s = (double)(nj_clock_process_ns() - start_ns) / 1e9;
    return status;
}

// Both ways round in turn, so that neither always comes first.
static nj_status measure(bench *b, nj_engine *on, nj_bench_watch *watch, nj_error *err)
{
    uint64_t items = 0;
    nj_bench_round round;
    nj_status status = decode(b, on, &b->on_s[0], &items, err); // warms caches
    if (status == NJ_OK) {
        status = decode(b, b->off, &b->off_s[0], &items, err);
    }
    nj_bench_watch_begin(watch, true, NJ_BENCH_PROBE_SECONDS);
    for (uint64_t r = 0; r < b->options->rounds && status == NJ_OK; r++) {
        nj_bench_round_begin(watch);
        for (int turn = 0; turn < 2 && status == NJ_OK; turn++) {
            const bool is_on = (r + (uint64_t)turn) % 2 == 1;
            status =
                decode(b, is_on ? on : b->off, is_on ? &b->on_s[r] : &b->off_s[r], &items, err);
        }
        nj_bench_round_end(watch, &round);
        b->ratios[r] = b->on_s[r] / b->off_s[r] - 1;
    }
    return status;
}

static json_t *describe(const bench *b, const char *name, uint32_t beam, const nj_engine *on,
                        const nj_bench_watch *watch)
{
    const uint64_t rounds = b->options->rounds;
    const double users = (double)b->options->users;
    const double on_s = nj_bench_median(b->on_s, rounds);
    const double off_s = nj_bench_median(b->off_s, rounds);
    const double spread = nj_bench_spread(b->on_s, rounds);
    const nj_engine_plan *plan = nj_engine_plan_of(on);
    json_t *row =
        json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f}", "policy",
                  name, "beam", (json_int_t)beam, "tokens", (json_int_t)b->options->tokens, "top",
                  (json_int_t)(beam < b->options->top ? beam : b->options->top), "pool",
                  (json_int_t)b->options->pool, "batch", (json_int_t)plan->B, "rounds",
                  (json_int_t)rounds, "extra", nj_bench_median(b->ratios, rounds), "us",
                  1e6 * on_s / users, "us_off", 1e6 * off_s / users, "users_per_core_s",
                  users / on_s, "scratch_mb", (double)plan->scratch_bytes / 1e6, "spread", spread);
    if (row != NULL) {
        nj_bench_watch_tell(watch, row);
    }
    return row;
}

static nj_status parse_policy(const bench *b, size_t index, const nj_policy_names *names,
                              nj_policy *out, nj_error *err)
{
    char text[TEXT_BYTES];
    char pool[NUMBER_BYTES];
    char alpha[TEXT_BYTES] = "0.1";
    const int size = snprintf(text, sizeof text, "version: 1\n%s\n", POLICIES[index].text);
    size_t at = strlen(alpha);
    for (uint32_t l = 1; l < b->catalogue.sids.level_count; l++) {
        at += (size_t)snprintf(alpha + at, sizeof alpha - at, ",0.1");
    }
    snprintf(pool, sizeof pool, "%" PRIu64, b->options->pool);
    const nj_policy_override set[] = {{.key = "candidates.pool", .value = pool},
                                      {.key = "adjust.prefix_prior.alpha", .value = alpha}};
    return nj_policy_parse(text, (size_t)size, POLICIES[index].name, set,
                           POLICIES[index].has_prior ? 2 : 1, names, out, err);
}

static nj_status run_policy(bench *b, size_t index, uint32_t beam, nj_bench_report *report,
                            nj_error *err)
{
    const nj_policy_names names = {.attributes = &b->items.attributes,
                                   .items = &b->catalogue.items,
                                   .level_count = b->catalogue.sids.level_count,
                                   .has_vectors = true,
                                   .has_neighbours = true,
                                   .has_counts = true};
    nj_policy policy;
    nj_buffer bytes;
    nj_sections sections = b->plain;
    nj_engine *on = NULL;
    nj_bench_watch watch;
    nj_buffer_init(&bytes, NJ_POLICY_BYTES_MAX);
    nj_status status = parse_policy(b, index, &names, &policy, err);
    if (status == NJ_OK) {
        status = nj_policy_pack(&policy, &names, &bytes, err);
    }
    if (status == NJ_OK) {
        nj_sections_put(&sections, NJ_SECTION_POLICY, bytes.bytes, bytes.size);
        status = open_engine(b, &sections, beam, &on, err);
    }
    if (status == NJ_OK) {
        status = measure(b, on, &watch, err);
    }
    if (status == NJ_OK) {
        json_t *row = describe(b, POLICIES[index].name, beam, on, &watch);
        status = nj_bench_report_add_take(report, "policy", &row, err);
    }
    nj_engine_close(&on);
    nj_buffer_fini(&bytes);
    return status;
}

static nj_status run_beam(bench *b, uint32_t beam, nj_bench_report *report, nj_error *err)
{
    nj_status status = open_engine(b, &b->plain, beam, &b->off, err);
    for (size_t i = 0; i < POLICY_COUNT && status == NJ_OK; i++) {
        if (b->options->only == NULL || has_name(b->options->only, POLICIES[i].name)) {
            status = run_policy(b, i, beam, report, err);
        }
    }
    nj_engine_close(&b->off);
    return status;
}

static nj_status prepare(bench *b, const nj_sections *sections, nj_bench_policy_items *made,
                         nj_error *err)
{
    const uint64_t rounds = b->options->rounds;
    nj_status status = nj_catalogue_view_open(sections, &b->catalogue, err);
    if (status == NJ_OK) {
        status = nj_bench_policy_items_make(sections, &b->catalogue, made, &b->plain, err);
    }
    if (status == NJ_OK) {
        status = nj_item_sections_open(&b->plain, b->catalogue.sids.row_count, &b->items, err);
    }
    if (status == NJ_OK) {
        const uint64_t history = b->options->tokens / b->catalogue.sids.level_count;
        b->requests = make_requests(b->options->users, b->catalogue.sids.row_count,
                                    (uint32_t)(history > 0 ? history : 1));
        b->ratios = calloc(rounds, sizeof *b->ratios);
        b->on_s = calloc(rounds, sizeof *b->on_s);
        b->off_s = calloc(rounds, sizeof *b->off_s);
        if (b->requests == NULL || b->ratios == NULL || b->on_s == NULL || b->off_s == NULL) {
            status =
                nj_fail(err, NJ_NO_MEMORY, "no memory for %zu users", (size_t)b->options->users);
        }
    }
    return status;
}

nj_status nj_command_bench_policy(const nj_arguments *arguments, nj_error *err)
{
    bench_options options = {0};
    bench b = {.arguments = arguments, .options = &options};
    nj_bench_report report;
    nj_bench_policy_items made = {0};
    nj_bundle *bundle = NULL;
    nj_synthetic synthetic = {0};
    const nj_synthetic_shape tiger = nj_synthetic_tiger();
    const char *path = nj_argument(arguments, "bundle");
    nj_status status = nj_bench_report_open(arguments, &report, err);
    if (status == NJ_OK) {
        status = options_from(arguments, &options, err);
    }
    if (status == NJ_OK) {
        status = check_names(options.only, err);
    }
    if (status == NJ_OK) {
        status = nj_engine_options_check(arguments, err);
    }
    if (status == NJ_OK) {
        status = path != NULL ? nj_bundle_open(path, &bundle, err)
                              : nj_synthetic_make(&tiger, &synthetic, err);
    }
    if (status == NJ_OK) {
        status = prepare(&b, bundle != NULL ? nj_bundle_sections(bundle) : &synthetic.sections,
                         &made, err);
    }
    for (size_t i = 0; i < options.beam_count && status == NJ_OK; i++) {
        status = run_beam(&b, options.beams[i], &report, err);
    }
    free(b.requests);
    free(b.ratios);
    free(b.on_s);
    free(b.off_s);
    nj_bench_policy_items_fini(&made);
    nj_bundle_close(&bundle);
    nj_synthetic_free(&synthetic);
    return nj_bench_report_close(&report, status, err);
}
