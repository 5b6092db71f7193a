// test_policies.c - whole lists under random policies, against the stages written plainly over all items.
#include "common/math/vecmath.h"
#include "tests/unit/policy/shop.h"
#include "worker/policy/fresh.h"

enum { TOP = 10, POLICIES = 120, USERS = 12, FOUND = 45 };

// ---- the plain way ----

typedef struct {
    uint32_t row;
    float score;
    uint32_t source;
} plain_item;

typedef struct {
    plain_item items[4 * SHOP_ROWS];
    uint32_t count;
} plain_items;

static bool matches(const shop *s, const nj_policy_where *where, uint32_t row)
{
    return where->attribute == NJ_POLICY_NONE ? row == where->value
                                              : s->categories[row] == where->value;
}

static bool may_stand(const shop *s, const shopper *u, uint32_t row)
{
    bool denied = false;
    for (uint32_t i = 0; i < s->policy.deny_count; i++) {
        denied = denied || matches(s, &s->policy.deny[i], row);
    }
    return !denied && shop_may_list(s, u, row);
}

static int compare_items(const void *a, const void *b)
{
    const plain_item *x = a;
    const plain_item *y = b;
    return x->score != y->score ? (x->score > y->score ? -1 : 1) : (x->row < y->row ? -1 : 1);
}

static void sort_items(plain_items *list)
{
    qsort(list->items, list->count, sizeof *list->items, compare_items);
}

static uint32_t pool_of(const shop *s)
{
    const uint32_t pool = s->policy.pool > 0 ? s->policy.pool : s->inputs.beam;
    return pool > TOP ? pool : TOP;
}

static void find_beam(const shop *s, const shopper *u, plain_items *out)
{
    for (uint32_t i = 0; i < u->result.count; i++) {
        for (uint32_t row = 0; row < SHOP_ROWS && out->count < pool_of(s); row++) {
            if (may_stand(s, u, row) &&
                nj_trie_find(&s->catalogue.trie, s->codes + (size_t)row * SHOP_LEVELS) ==
                    u->leaves[i]) {
                out->items[out->count++] = (plain_item){row, u->scores[i], NJ_SOURCE_BEAM};
            }
        }
    }
    sort_items(out);
}

static void find_neighbours(const shop *s, const shopper *u, plain_items *out)
{
    double sums[SHOP_ROWS] = {0};
    double factor = 1;
    for (uint32_t k = 0; k < u->user.history_count; k++) {
        const uint32_t row = u->history[u->user.history_count - 1 - k];
        for (uint64_t at = s->offset[row]; at < s->offset[row + 1]; at++) {
            sums[s->neighbour_rows[at]] += factor * (double)s->weights[at];
        }
        factor *= (double)s->policy.neighbour_fading;
    }
    for (uint32_t row = 0; row < SHOP_ROWS; row++) {
        if (sums[row] > 0 && may_stand(s, u, row)) {
            out->items[out->count++] = (plain_item){row, (float)sums[row], NJ_SOURCE_NEIGHBOUR};
        }
    }
    sort_items(out);
    out->count = out->count < s->policy.neighbour_count ? out->count : s->policy.neighbour_count;
}

static void fuse_plainly(const shop *s, const plain_items *beam, const plain_items *others,
                         plain_items *out)
{
    const nj_policy *policy = &s->policy;
    for (uint32_t row = 0; row < SHOP_ROWS; row++) {
        float worth = 0;
        uint32_t source = NJ_SOURCE_COUNT;
        for (uint32_t i = 0; i < beam->count; i++) {
            if (beam->items[i].row == row) {
                worth = policy->beam_weight / (policy->fusion_offset + (float)(i + 1));
                source = NJ_SOURCE_BEAM;
            }
        }
        for (uint32_t i = 0; i < others->count; i++) {
            if (others->items[i].row == row) {
                worth += policy->neighbour_weight / (policy->fusion_offset + (float)(i + 1));
                source = source == NJ_SOURCE_COUNT ? NJ_SOURCE_NEIGHBOUR : source;
            }
        }
        if (source != NJ_SOURCE_COUNT) {
            out->items[out->count++] = (plain_item){row, nj_log(worth), source};
        }
    }
}

static void find_pool(const shop *s, const shopper *u, plain_items *out)
{
    plain_items beam = {.count = 0};
    plain_items others = {.count = 0};
    out->count = 0;
    find_beam(s, u, &beam);
    if (s->policy.neighbour_weight > 0) {
        find_neighbours(s, u, &others);
        fuse_plainly(s, &beam, &others, out);
    } else {
        *out = beam;
    }
    for (uint32_t i = 0; i < out->count; i++) {
        float boost = 0;
        for (uint32_t k = 0; k < s->policy.boost_count; k++) {
            if (matches(s, &s->policy.boosts[k].where, out->items[i].row)) {
                boost += s->policy.boosts[k].add;
            }
        }
        out->items[i].score += boost;
    }
    sort_items(out);
    out->count = out->count < pool_of(s) ? out->count : pool_of(s);
}

static bool has_row(const plain_items *list, uint32_t row)
{
    bool has = false;
    for (uint32_t i = 0; i < list->count; i++) {
        has = has || list->items[i].row == row;
    }
    return has;
}

// Adds the item to `list` where all of it together keeps the rules.
static bool add_legal(const shop *s, const plain_item *item, plain_items *list)
{
    uint32_t rows[TOP + 1];
    if (list->count == TOP || has_row(list, item->row)) {
        return false;
    }
    for (uint32_t i = 0; i < list->count; i++) {
        rows[i] = list->items[i].row;
    }
    rows[list->count] = item->row;
    if (!shop_keeps_caps(s, rows, list->count + 1)) {
        return false;
    }
    list->items[list->count++] = *item;
    return true;
}

static bool is_fresh(const shop *s, uint32_t row)
{
    return s->days[row] != NJ_DAY_NONE && s->days[row] <= s->policy.fresh_until &&
           s->days[row] >= s->policy.fresh_until - (int64_t)s->policy.fresh_days;
}

static uint32_t count_fresh(const shop *s, const plain_items *list)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        count += is_fresh(s, list->items[i].row);
    }
    return count;
}

static uint32_t fresh_wanted(const shop *s)
{
    return (uint32_t)ceil((double)s->policy.fresh_share * TOP - 1e-4);
}

static void add_near_row(const shop *s, const shopper *u, uint32_t row, plain_items *pool,
                         plain_items *reserved, float score)
{
    const plain_item item = {row, score, NJ_SOURCE_NEAR};
    if (is_fresh(s, row) && may_stand(s, u, row) && count_fresh(s, reserved) < fresh_wanted(s) &&
        add_legal(s, &item, reserved)) {
        pool->items[pool->count++] = item;
    }
}

// Those next to the candidates: of as many codes in common the best candidate's first. Then the most frequent.
static void add_near(const shop *s, const shopper *u, plain_items *pool, plain_items *reserved)
{
    const nj_trie *trie = &s->catalogue.trie;
    const uint32_t count = pool->count;
    const float score = count > 0 ? pool->items[count - 1].score : 0;
    for (uint32_t levels = SHOP_LEVELS; levels > 0; levels--) {
        for (uint32_t i = 0; i < count; i++) {
            for (uint32_t k = 0; k < trie->item_count; k++) {
                const uint32_t row = trie->items[k];
                if (memcmp(s->codes + (size_t)row * SHOP_LEVELS,
                           s->codes + (size_t)pool->items[i].row * SHOP_LEVELS,
                           levels * sizeof *s->codes) == 0) {
                    add_near_row(s, u, row, pool, reserved, score);
                }
            }
        }
    }
    for (uint32_t times = SHOP_COUNT_MAX + 1; times-- > 0;) {
        for (uint32_t row = 0; row < SHOP_ROWS; row++) {
            if (s->counts[row] == times) {
                add_near_row(s, u, row, pool, reserved, score);
            }
        }
    }
}

// Reserved rows and the candidates in order, as the rules allow; `out` gets the candidates that were chosen.
static void pick_plainly(const shop *s, const plain_items *pool, const plain_items *reserved,
                         plain_items *out)
{
    plain_items all = *reserved;
    out->count = 0;
    for (uint32_t i = 0; i < pool->count; i++) {
        const plain_item *item = &pool->items[i];
        if (has_row(reserved, item->row) || add_legal(s, item, &all)) {
            out->items[out->count++] = *item;
        }
    }
}

static void remove_row(plain_items *list, uint32_t row)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->items[i].row != row) {
            list->items[kept++] = list->items[i];
        }
    }
    list->count = kept;
}

static void lay_out_plainly(const plain_items *pins, const uint32_t *places,
                            const plain_items *picks, plain_items *out)
{
    uint32_t pin = 0;
    uint32_t next = 0;
    out->count = 0;
    while (pin < pins->count || next < picks->count) {
        const bool pinned =
            pin < pins->count && (places[pin] <= out->count || next == picks->count);
        out->items[out->count++] = pinned ? pins->items[pin++] : picks->items[next++];
    }
}

static void list_plainly(const shop *s, const shopper *u, plain_items *out)
{
    plain_items pool;
    plain_items picks;
    plain_items pins = {.count = 0};
    uint32_t places[TOP];
    find_pool(s, u, &pool);
    for (uint32_t i = 0; i < s->policy.pin_count; i++) {
        const nj_policy_pin *pin = &s->policy.pins[i];
        const plain_item item = {pin->row, 0, NJ_SOURCE_PIN};
        if (may_stand(s, u, pin->row) && add_legal(s, &item, &pins)) {
            places[pins.count - 1] = pin->place;
            remove_row(&pool, pin->row);
        }
    }
    pick_plainly(s, &pool, &pins, &picks);
    if (count_fresh(s, &pins) + count_fresh(s, &picks) < fresh_wanted(s)) {
        plain_items reserved = pins;
        for (uint32_t i = 0; i < pool.count; i++) {
            if (is_fresh(s, pool.items[i].row) && count_fresh(s, &reserved) < fresh_wanted(s)) {
                (void)add_legal(s, &pool.items[i], &reserved);
            }
        }
        add_near(s, u, &pool, &reserved);
        pick_plainly(s, &pool, &reserved, &picks);
    }
    lay_out_plainly(&pins, places, &picks, out);
}

// ---- random policies ----

static nj_policy_where draw_where(uint64_t *state)
{
    return shop_draw(state, 2) == 0
               ? (nj_policy_where){SHOP_COLUMN_CATEGORY, shop_draw(state, SHOP_CATEGORIES)}
               : (nj_policy_where){NJ_POLICY_NONE, shop_draw(state, SHOP_ROWS)};
}

static void draw_rules(nj_policy *policy, uint64_t *state)
{
    policy->boost_count = shop_draw(state, 4);
    for (uint32_t i = 0; i < policy->boost_count; i++) {
        policy->boosts[i] = (nj_policy_boost){draw_where(state), 2 * shop_share(state) - 1};
    }
    policy->deny_count = shop_draw(state, 3);
    for (uint32_t i = 0; i < policy->deny_count; i++) {
        policy->deny[i] = draw_where(state);
    }
    policy->cap_count = shop_draw(state, 3);
    for (uint32_t i = 0; i < policy->cap_count; i++) {
        const bool prefix = shop_draw(state, 2) == 0;
        policy->caps[i] = (nj_policy_cap){
            .attribute = prefix ? NJ_POLICY_NONE : SHOP_COLUMN_CATEGORY,
            .value = shop_draw(state, 2) == 0 ? NJ_POLICY_NONE : shop_draw(state, SHOP_CATEGORIES),
            .levels = 1 + shop_draw(state, SHOP_LEVELS),
            .most = 1 + shop_draw(state, 3)};
    }
}

static void draw_policy(shop *s, uint64_t *state)
{
    nj_policy *policy = &s->policy;
    draw_rules(policy, state);
    policy->pool = shop_draw(state, 2) * 25;
    policy->neighbour_weight = shop_draw(state, 2) == 0 ? 0 : 0.5f + shop_share(state);
    policy->neighbour_count = 1 + shop_draw(state, 30);
    policy->neighbour_fading = 0.5f;
    policy->fusion_offset = (float)shop_draw(state, 30);
    policy->pin_count = shop_draw(state, 3);
    const uint32_t first = shop_draw(state, SHOP_ROWS);
    for (uint32_t i = 0; i < policy->pin_count; i++) {
        policy->pins[i] = (nj_policy_pin){(first + 101 * i) % SHOP_ROWS,
                                          shop_draw(state, TOP / 2) + i * (TOP / 2)};
    }
    policy->fresh_share = shop_draw(state, 2) == 0 ? 0 : (float)shop_draw(state, 7) / 10.0f;
    policy->fresh_attribute = policy->fresh_share > 0 ? SHOP_COLUMN_DAY : NJ_POLICY_NONE;
    policy->fresh_days = shop_draw(state, 40);
    policy->fresh_until = SHOP_TODAY;
}

// ---- lists ----

typedef struct {
    nj_policies *policies;
    nj_arena arena;
    nj_policy_user users[USERS];
} desk;

static void open_desk(const shop *s, const shopper *shoppers, uint32_t B, desk *out)
{
    nj_error err = {0};
    *out = (desk){0};
    assert_ok(nj_policies_open(&s->inputs, &out->policies, &err), &err);
    assert_ok(nj_arena_init(&out->arena, nj_policies_scratch_bytes(out->policies, B), &err), &err);
    for (uint32_t b = 0; b < B; b++) {
        out->users[b] = shoppers[b].user;
    }
    nj_policies_begin(out->policies, out->users, B, &out->arena);
}

static void close_desk(desk *d)
{
    nj_policies_close(&d->policies);
    nj_arena_fini(&d->arena);
}

static shopper *draw_shoppers(const shop *s, uint32_t count, uint64_t seed)
{
    shopper *shoppers = calloc(count, sizeof *shoppers);
    assert_non_null(shoppers);
    for (uint32_t u = 0; u < count; u++) {
        shop_visit(s, seed + u, FOUND, &shoppers[u]);
        shopper_bind(&shoppers[u]);
    }
    return shoppers;
}

static void check_list(const nj_policy_list *list, const plain_items *plain)
{
    uint32_t sources = 0;
    assert_int_equal(list->count, plain->count);
    for (uint32_t i = 0; i < list->count; i++) {
        const nj_candidate *item = &list->items[i];
        sources |= 1u << item->source;
        assert_int_equal(item->row, plain->items[i].row);
        assert_int_equal(item->source, plain->items[i].source);
        if (item->source != NJ_SOURCE_PIN) {
            assert_true(item->score == plain->items[i].score);
        }
    }
    assert_int_equal(list->sources, sources);
}

static void lists_are_those_of_the_stages_written_plainly(void **state)
{
    (void)state;
    uint64_t random = 40;
    uint32_t fresh_moved = 0;
    shop *s = shop_open(41, TOP);
    shopper *shoppers = draw_shoppers(s, USERS, 1);
    plain_items *plain = malloc(sizeof *plain);
    assert_non_null(plain);
    for (uint32_t round = 0; round < POLICIES; round++) {
        desk d;
        draw_policy(s, &random);
        open_desk(s, shoppers, USERS, &d);
        for (uint32_t u = 0; u < USERS; u++) {
            nj_policy_list list;
            nj_policies_list(d.policies, u, &shoppers[u].result, &list);
            nj_policies_finish(d.policies, &list);
            list_plainly(s, &shoppers[u], plain);
            check_list(&list, plain);
            for (uint32_t i = 0; i < list.count; i++) {
                fresh_moved += list.items[i].adjust[NJ_ADJUST_FRESH] > 0;
            }
        }
        close_desk(&d);
    }
    assert_in_range(fresh_moved, 100, POLICIES * USERS * TOP);
    free(plain);
    free(shoppers);
    shop_close(&s);
}

static void draw_everything(shop *s)
{
    nj_policy *policy = &s->policy;
    uint64_t random = 5;
    draw_policy(s, &random);
    policy->pin_count = 2;
    policy->pins[0] = (nj_policy_pin){11, 1};
    policy->pins[1] = (nj_policy_pin){200, 5};
    policy->neighbour_weight = 1;
    policy->fresh_share = 0.3f;
    policy->fresh_attribute = SHOP_COLUMN_DAY;
    policy->fresh_days = 30;
    policy->rerank = NJ_RERANK_MMR;
    policy->relevance = 0.7f;
    policy->calibration_attribute = SHOP_COLUMN_CATEGORY;
    policy->calibration = 0.2f;
    policy->cold_places = 2;
    policy->cold_first = 4;
    policy->cold_least = -1;
    policy->cold_ahead = -2;
    policy->borrow_levels = 2;
    policy->borrow_less = 0.5f;
}

static void a_list_has_the_same_bits_in_every_batch(void **state)
{
    (void)state;
    shop *s = shop_open(42, TOP);
    shopper *shoppers = draw_shoppers(s, USERS, 20);
    draw_everything(s);
    desk all;
    open_desk(s, shoppers, USERS, &all);
    for (uint32_t u = 0; u < USERS; u++) {
        nj_policy_list together;
        nj_policy_list alone;
        desk one;
        open_desk(s, &shoppers[u], 1, &one);
        nj_policies_list(all.policies, u, &shoppers[u].result, &together);
        nj_policies_list(one.policies, 0, &shoppers[u].result, &alone);
        assert_true(together.count > 0);
        assert_int_equal(together.count, alone.count);
        assert_memory_equal(together.items, alone.items, alone.count * sizeof *alone.items);
        close_desk(&one);
    }
    close_desk(&all);
    free(shoppers);
    shop_close(&s);
}

// Whatever the source and the stages behind it: a few float32 sums are off by no more.
#define SUM_ERROR 1e-4

static void what_is_said_of_an_item_adds_up_to_its_score(void **state)
{
    (void)state;
    float bias[SHOP_ROWS];
    uint32_t adjusted[NJ_ADJUST_COUNT] = {0};
    shop *s = shop_open(46, TOP);
    shopper *shoppers = draw_shoppers(s, USERS, 60);
    draw_everything(s);
    s->policy.search = NJ_SEARCH_DIVERSE;
    for (uint32_t i = 0; i < SHOP_ROWS; i++) {
        bias[i] = 0.25f + (float)(i % 3);
    }
    desk d;
    open_desk(s, shoppers, USERS, &d);
    for (uint32_t u = 0; u < USERS; u++) {
        nj_policy_list list;
        for (uint32_t i = 0; i < FOUND; i++) {
            shoppers[u].raw[i] = shoppers[u].scores[i] - bias[i] + 0.5f * (float)(i % 2);
        }
        shoppers[u].result.bias = bias;
        nj_policies_list(d.policies, u, &shoppers[u].result, &list);
        for (uint32_t i = 0; i < list.count; i++) {
            const nj_candidate *item = &list.items[i];
            double sum = (double)item->raw;
            for (uint32_t a = 0; a < NJ_ADJUST_COUNT; a++) {
                adjusted[a] += item->adjust[a] != 0;
                sum += a == NJ_ADJUST_FRESH ? 0 : (double)item->adjust[a];
            }
            sum -= item->source == NJ_SOURCE_BORROWED ? (double)s->policy.borrow_less : 0;
            assert_float_equal((double)item->score, sum, SUM_ERROR);
        }
    }
    for (uint32_t a = 0; a < NJ_ADJUST_COUNT; a++) {
        assert_true(adjusted[a] > 0);
    }
    close_desk(&d);
    free(shoppers);
    shop_close(&s);
}

static uint32_t find_source(const nj_policy_list *list, uint32_t source)
{
    uint32_t at = 0;
    while (at < list->count && list->items[at].source != source) {
        at++;
    }
    return at;
}

static void cold_items_stand_from_their_place_on_and_count_in_caps(void **state)
{
    (void)state;
    uint32_t shown = 0;
    shop *s = shop_open(43, TOP);
    shopper *shoppers = draw_shoppers(s, USERS, 40);
    draw_everything(s);
    s->policy.pin_count = 0;
    s->policy.borrow_levels = 0;
    s->policy.rerank = NJ_RERANK_NONE;
    s->policy.calibration = 0;
    s->policy.cap_count = 1;
    s->policy.caps[0] =
        (nj_policy_cap){.attribute = SHOP_COLUMN_CATEGORY, .value = NJ_POLICY_NONE, .most = 2};
    desk d;
    open_desk(s, shoppers, USERS, &d);
    for (uint32_t u = 0; u < USERS; u++) {
        nj_policy_list list;
        uint32_t rows[TOP];
        nj_policies_list(d.policies, u, &shoppers[u].result, &list);
        for (uint32_t i = 0; i < list.count; i++) {
            rows[i] = list.items[i].row;
            if (list.items[i].source == NJ_SOURCE_COLD) {
                assert_in_range(i, s->policy.cold_first, s->policy.cold_first + 1);
                assert_int_equal(s->counts[rows[i]], 0);
                shown++;
            }
        }
        assert_true(shop_keeps_caps(s, rows, list.count));
        assert_true(find_source(&list, NJ_SOURCE_COLD) < TOP ||
                    shoppers[u].user.history_count == 0);
    }
    assert_in_range(shown, USERS, 2 * USERS);
    close_desk(&d);
    free(shoppers);
    shop_close(&s);
}

static void what_fills_a_list_keeps_the_rules_and_pins_their_places(void **state)
{
    (void)state;
    shop *s = shop_open(44, TOP);
    s->policy.pin_count = 1;
    s->policy.pins[0] = (nj_policy_pin){17, 6};
    s->policy.deny_count = 1;
    s->policy.deny[0] = (nj_policy_where){NJ_POLICY_NONE, 30};
    s->policy.cap_count = 1;
    s->policy.caps[0] =
        (nj_policy_cap){.attribute = SHOP_COLUMN_CATEGORY, .value = NJ_POLICY_NONE, .most = 3};
    s->retired[17] = 0;
    nj_buffer_fini(&s->trie_bytes);
    free(s->eligible_memory);
    shop_build_trie(s);
    shopper who = {0};
    shopper_bind(&who);
    desk d;
    nj_policy_list list;
    open_desk(s, &who, 1, &d);
    nj_policies_list(d.policies, 0, NULL, &list);
    assert_int_equal(list.count, 1);
    for (uint32_t row = 0; row < SHOP_ROWS; row++) {
        const nj_candidate item = {
            .row = row, .source = NJ_SOURCE_POPULAR, .score = (float)row, .raw = (float)row};
        uint32_t rows[TOP + 1];
        for (uint32_t i = 0; i < list.count; i++) {
            rows[i] = list.items[i].row;
        }
        rows[list.count] = row;
        const bool legal = list.count < TOP && row != 17 && row != 30 && s->retired[row] == 0 &&
                           shop_keeps_caps(s, rows, list.count + 1);
        assert_int_equal(nj_policies_add(d.policies, &item, &list), legal);
    }
    nj_policies_finish(d.policies, &list);
    assert_int_equal(list.count, TOP);
    assert_int_equal(list.items[6].row, 17);
    assert_int_equal(list.sources, 1u << NJ_SOURCE_PIN | 1u << NJ_SOURCE_POPULAR);
    for (uint32_t i = 1; i < TOP; i++) {
        const bool beside_pin = i == 6 || i == 7;
        assert_true(beside_pin || list.items[i].score <= list.items[i - 1].score);
    }
    close_desk(&d);
    shop_close(&s);
}

static void a_policy_that_asks_for_what_is_not_there_is_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_policies *policies = NULL;
    shop *s = shop_open(45, TOP);
    const nj_policy off = s->policy;
    const nj_policies_inputs given = s->inputs;

    s->policy.neighbour_weight = 1;
    s->inputs.neighbours = NULL;
    assert_refused(nj_policies_open(&s->inputs, &policies, &err), NJ_CONFIG, &err, "--neighbours");
    s->inputs = given;

    s->policy = off;
    s->policy.prior_alpha[1] = 1;
    s->catalogue.counts = NULL;
    assert_refused(nj_policies_open(&s->inputs, &policies, &err), NJ_CONFIG, &err, "\"counts\"");
    s->catalogue.counts = s->counts;

    s->policy = off;
    s->policy.fresh_share = 0.5f;
    s->policy.fresh_attribute = SHOP_COLUMN_CATEGORY;
    assert_refused(nj_policies_open(&s->inputs, &policies, &err), NJ_CONFIG, &err,
                   "column of days");

    s->policy = off;
    s->policy.pin_count = 1;
    s->policy.pins[0] = (nj_policy_pin){3, TOP};
    assert_refused(nj_policies_open(&s->inputs, &policies, &err), NJ_CONFIG, &err,
                   "place 11, a list has 10");
    s->policy.pins[0] = (nj_policy_pin){SHOP_ROWS, 0};
    assert_refused(nj_policies_open(&s->inputs, &policies, &err), NJ_CONFIG, &err, "row 240");

    s->policy = off;
    s->policy.deny_count = 1;
    s->policy.deny[0] = (nj_policy_where){SHOP_COLUMN_CATEGORY, SHOP_CATEGORIES};
    assert_refused(nj_policies_open(&s->inputs, &policies, &err), NJ_CONFIG, &err, "deny");

    s->policy = off;
    s->policy.cap_count = 1;
    s->policy.caps[0] = (nj_policy_cap){
        .attribute = NJ_POLICY_NONE, .value = NJ_POLICY_NONE, .levels = SHOP_LEVELS + 1, .most = 1};
    assert_refused(nj_policies_open(&s->inputs, &policies, &err), NJ_CONFIG, &err, "4 codes");
    assert_null(policies);
    shop_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_those_of_the_stages_written_plainly),
        cmocka_unit_test(a_list_has_the_same_bits_in_every_batch),
        cmocka_unit_test(what_is_said_of_an_item_adds_up_to_its_score),
        cmocka_unit_test(cold_items_stand_from_their_place_on_and_count_in_caps),
        cmocka_unit_test(what_fills_a_list_keeps_the_rules_and_pins_their_places),
        cmocka_unit_test(a_policy_that_asks_for_what_is_not_there_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
