// test_policy_read.c - policy.yaml to nj_policy: every key arrives, and every mistake is refused with its line.
#include "common/policy/policy_read.h"

#include <math.h>
#include <stdio.h>

#include "tests/support/nj_test.h"
#include "tests/support/policy_shelf.h"
#include "tests/support/sandbox.h"

static policy_shelf shelf;

static nj_status parse(const char *text, nj_policy *out, nj_error *err)
{
    return nj_policy_parse(text, strlen(text), "p.yaml", NULL, 0, &shelf.names, out, err);
}

static void version_alone_is_no_policy(void **state)
{
    (void)state;
    nj_policy policy;
    nj_error err = {0};
    assert_ok(parse("version: 1\n", &policy, &err), &err);
    assert_false(nj_policy_acts(&policy));
    assert_int_equal(policy.search, NJ_SEARCH_BEAM);
    assert_float_equal(policy.temperature, 1.0f, 0.0f);
    assert_float_equal(policy.beam_weight, 1.0f, 0.0f);
    assert_int_equal(policy.calibration_attribute, NJ_POLICY_NONE);
    assert_int_equal(policy.fresh_attribute, NJ_POLICY_NONE);
    assert_int_equal(policy.cold_first, 0);
    assert_int_equal(policy.fresh_until, 0);
}

static void every_key_arrives_in_its_field(void **state)
{
    (void)state;
    nj_policy p;
    nj_error err = {0};
    assert_ok(parse(SHELF_POLICY, &p, &err), &err);
    assert_true(nj_policy_acts(&p));
    assert_int_equal(p.search, NJ_SEARCH_DIVERSE);
    assert_int_equal(p.pool, 60);
    assert_int_equal(p.groups, 4);
    assert_float_equal(p.penalty, 0.25f, 0.0f);
    assert_float_equal(p.beam_weight, 2.0f, 0.0f);
    assert_float_equal(p.neighbour_weight, 1.5f, 0.0f);
    assert_int_equal(p.neighbour_count, 30);
    assert_float_equal(p.neighbour_fading, 0.9f, 0.0f);
    assert_float_equal(p.fusion_offset, 10.0f, 0.0f);
    assert_float_equal(p.prior_alpha[0], 0.1f, 0.0f);
    assert_float_equal(p.prior_alpha[1], 0.0f, 0.0f);
    assert_float_equal(p.prior_alpha[2], -0.2f, 0.0f);
    assert_float_equal(p.prior_smoothing, 2.0f, 0.0f);
    assert_int_equal(p.rerank, NJ_RERANK_MMR);
    assert_int_equal(p.alike, NJ_ALIKE_PREFIX);
    assert_float_equal(p.relevance, 0.8f, 0.0f);
    assert_int_equal(p.calibration_attribute, 2);
    assert_float_equal(p.calibration, 0.3f, 0.0f);
    assert_int_equal(p.cold_items, NJ_COLD_ITEMS_ADDED);
    assert_int_equal(p.cold_places, 2);
    assert_int_equal(p.cold_first, 3);
    assert_float_equal(p.cold_least, 0.35f, 0.0f);
    assert_float_equal(p.cold_ahead, 0.05f, 0.0f);
    assert_float_equal(p.cold_fading, 0.8f, 0.0f);
    assert_int_equal(p.borrow_levels, 2);
    assert_float_equal(p.borrow_less, 0.5f, 0.0f);
    assert_true(p.fill_widen && p.fill_near && p.fill_popular);
    assert_int_equal(p.lines.keys[NJ_POLICY_KEY_GROUPS], 5);
    for (size_t i = 0; i < NJ_POLICY_KEY_COUNT; i++) { // a new key must get into the fixture
        const bool is_stochastic =
            i == NJ_POLICY_KEY_TEMPERATURE || i == NJ_POLICY_KEY_TOP_P || i == NJ_POLICY_KEY_SEED;
        assert_int_equal(p.lines.keys[i] != 0, !is_stochastic);
    }
}

static void every_kind_of_rule_arrives(void **state)
{
    (void)state;
    nj_policy p;
    nj_error err = {0};
    assert_ok(parse(SHELF_POLICY, &p, &err), &err);
    assert_int_equal(p.boost_count, 2);
    assert_int_equal(p.boosts[0].where.attribute, 1);
    assert_int_equal(p.boosts[0].where.value, 2);
    assert_float_equal(p.boosts[0].add, 0.693147f, 1e-6f); // ln 2
    assert_int_equal(p.boosts[1].where.attribute, NJ_POLICY_NONE);
    assert_int_equal(p.boosts[1].where.value, 3);
    assert_float_equal(p.boosts[1].add, -1.5f, 0.0f);
    assert_int_equal(p.deny_count, 1);
    assert_int_equal(p.deny[0].value, 7);
    assert_int_equal(p.lines.deny[0], 16);
    assert_int_equal(p.cap_count, 3);
    assert_int_equal(p.caps[0].value, NJ_POLICY_NONE);
    assert_int_equal(p.caps[1].value, 1);
    assert_int_equal(p.caps[2].attribute, NJ_POLICY_NONE);
    assert_int_equal(p.caps[2].levels, 2);
    assert_int_equal(p.lines.caps[2], 20);
    assert_int_equal(p.pin_count, 2); // by place
    assert_int_equal(p.pins[0].row, 0);
    assert_int_equal(p.pins[0].place, 0);
    assert_int_equal(p.lines.pins[0], 23);
    assert_int_equal(p.pins[1].place, 2);
    assert_int_equal(p.fresh_attribute, 0);
    assert_int_equal(p.fresh_days, 30);
    assert_int_equal(p.fresh_until, 18993); // 2022-01-01
    assert_float_equal(p.fresh_share, 0.2f, 0.0f);
}

static void fresh_places_round_up_and_no_further(void **state)
{
    (void)state;
    nj_policy p = {.fresh_share = 0.2f, .fresh_days = 30, .fresh_until = SHELF_TODAY};
    assert_int_equal(nj_policy_fresh_places(&p, 20), 4);
    assert_int_equal(nj_policy_fresh_places(&p, 21), 5);
    p.fresh_share = 1.0f;
    assert_int_equal(nj_policy_fresh_places(&p, 1000), 1000);
    p.fresh_share = 0.0f;
    assert_int_equal(nj_policy_fresh_places(&p, 1000), 0);
    assert_true(nj_policy_is_fresh(&p, SHELF_TODAY));
    assert_true(nj_policy_is_fresh(&p, SHELF_TODAY - 30));
    assert_false(nj_policy_is_fresh(&p, SHELF_TODAY - 31));
    assert_false(nj_policy_is_fresh(&p, SHELF_TODAY + 1));
    assert_false(nj_policy_is_fresh(&p, NJ_DAY_NONE));
}

// Texts behind "version: 1\n", and what is said of them.
static const char *const BAD[][2] = {
    // the form
    {"candidate: {pool: 5}\n", "p.yaml: line 2: key \"candidate\" is unknown; did you mean "
                               "candidates?"},
    {"candidates: {diverse: {group: 5}}\n", "line 2: key \"candidates.diverse.group\" is unknown; "
                                            "did you mean candidates.diverse.groups?"},
    {"xyzzy: 1\n", "line 2: key \"xyzzy\" is unknown"},
    {"fill.near: true\n", "line 2: key \"fill.near\" has a dot: groups are mappings, write "
                          "\"fill: {near: ...}\""},
    {"constraints: {deny: [{item: i1}]}\nconstraints.deny: [{item: i2}]\n",
     "line 3: key \"constraints.deny\" has a dot"},
    {"candidates:\n  diverse.groups: 2\n", "line 3: key \"diverse.groups\" has a dot"},
    {"candidates: 5\n", "line 2: candidates must be a mapping of keys"},
    {"candidates: {}\n", "line 2: candidates must be a mapping of keys"},
    {"candidates:\n", "line 2: candidates must be a mapping of keys"},
    {"candidates: {pool: }\n", "line 2: candidates.pool has no value"},
    {"candidates: {pool: [5]}\n", "line 2: candidates.pool must be one value"},
    {"adjust: {prefix_prior: {alpha: 1}}\n",
     "line 2: adjust.prefix_prior.alpha must be a list of numbers, one a level"},
    {"adjust: {prefix_prior: {alpha: [1, [2], 3]}}\n", "an entry is no number"},
    {"adjust: {prefix_prior: {alpha: [1, 2]}}\n",
     "adjust.prefix_prior.alpha has 2 numbers, the catalogue has 3 levels"},
    {"adjust:\n  prefix_prior:\n    alpha:\n      - 1\n      - x\n      - 0\n",
     "line 6: adjust.prefix_prior.alpha is \"x\""},
    {"constraints: {deny: []}\n", "line 2: constraints.deny must be a list of 1 to 64 rules"},
    {"constraints: {deny: {item: i1}}\n", "constraints.deny must be a list"},
    {"constraints: {deny: [i1]}\n", "constraints.deny: a rule is a mapping"},
    // numbers and words
    {"candidates: {pool: -1}\n",
     "line 2: candidates.pool is \"-1\", must be a whole number from 0 to 1000"},
    {"candidates: {pool: 1001}\n", "candidates.pool is \"1001\""},
    {"candidates: {pool: 99999999999999999999999}\n", "candidates.pool is \"999"},
    {"candidates: {pool: 5.0}\n", "candidates.pool is \"5.0\""},
    {"candidates: {search: divers}\n", "candidates.search is \"divers\", must be one of beam, "
                                       "diverse, stochastic; did you mean diverse?"},
    {"candidates: {neighbours: {weight: .nan}}\n",
     "candidates.neighbours.weight is \".nan\", must be a number from 0 to 1000"},
    {"candidates: {neighbours: {weight: nan}}\n", "candidates.neighbours.weight is \"nan\""},
    {"candidates: {neighbours: {weight: .inf}}\n", "candidates.neighbours.weight is \".inf\""},
    {"candidates: {neighbours: {weight: 1e39}}\n", "candidates.neighbours.weight is \"1e39\""},
    {"candidates: {neighbours: {weight: -0.5}}\n", "candidates.neighbours.weight is \"-0.5\""},
    {"fill: {widen: yes}\n", "fill.widen is \"yes\", must be true or false"},
    {"cold: {places: 1, first: 0}\n", "cold.first is \"0\", must be a whole number from 1 to 1000"},
    {"constraints: {fresh: {column: added, share: 0.2, until: yesterday}}\n",
     "constraints.fresh.until is \"yesterday\", must be today or a date such as 2024-05-01"},
    {"constraints: {fresh: {column: added, share: 0.2, until: 2022-02-30}}\n",
     "constraints.fresh.until is \"2022-02-30\""},
    // names
    {"rerank: {calibration: {by: categry, weight: 1}}\n",
     "rerank.calibration.by: column \"categry\" is not among the bundle's attributes; did you mean "
     "category?"},
    {"rerank: {calibration: {by: added, weight: 1}}\n",
     "column \"added\" has days, and words are wanted"},
    {"constraints: {fresh: {column: brand, share: 0.2}}\n",
     "column \"brand\" has words, and days are wanted"},
    {"constraints:\n  deny:\n    - category: Nail\n",
     "line 4: constraints.deny: value \"Nail\" is not among the 2 values of column \"category\"; "
     "did "
     "you mean Nails?"},
    {"constraints:\n  pins:\n    - item: i12\n      place: 1\n",
     "line 4: constraints.pins: item \"i12\" is not among the 12 items of the catalogue; did you "
     "mean i1?"},
    // rules
    {"adjust: {boosts: [{where: {brand: Zen}}]}\n", "wants one of add"},
    {"adjust: {boosts: [{where: {brand: Zen}, add: 1, times: 2}]}\n", "wants one of add"},
    {"adjust: {boosts: [{where: {brand: Zen}, ad: 1}]}\n",
     "adjust.boosts: key \"ad\" is unknown; did you mean add?"},
    {"adjust: {boosts: [{where: {brand: Zen}, add: nan}]}\n", "adjust.boosts: add is \"nan\""},
    {"adjust: {boosts: [{where: {brand: Zen}, times: 0}]}\n", "adjust.boosts: times is \"0\""},
    {"adjust: {boosts: [{add: 1}]}\n", "items are named by one column and value"},
    {"adjust: {boosts: [{where: {brand: Zen, category: Nails}, add: 1}]}\n",
     "items are named by one column and value"},
    {"constraints: {caps: [{most: 1}]}\n", "wants by: a column of words, or prefix"},
    {"constraints: {caps: [{by: brand}]}\n", "constraints.caps: most is \"\""},
    {"constraints: {caps: [{by: brand, most: 0}]}\n",
     "constraints.caps: most is \"0\", must be a whole number from 1 to 1000"},
    {"constraints: {caps: [{by: brand, levels: 1, most: 1}]}\n", "levels goes with by: prefix"},
    {"constraints: {caps: [{by: prefix, levels: 4, most: 1}]}\n",
     "constraints.caps: levels is \"4\", must be a whole number from 1 to 3"},
    {"constraints: {caps: [{by: prefix, levels: 1, value: x, most: 1}]}\n",
     "value goes with a column only"},
    {"constraints: {pins: [{item: i1, place: 0}]}\n",
     "constraints.pins: place is \"0\", must be a whole number from 1 to 100"},
    {"constraints: {pins: [{place: 1}]}\n", "wants item"},
};

static void a_mistake_is_refused_with_its_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        char text[512];
        nj_policy policy;
        nj_error err = {0};
        snprintf(text, sizeof text, "version: 1\n%s", BAD[i][0]);
        assert_refused(parse(text, &policy, &err), NJ_CONFIG, &err, BAD[i][1]);
    }
}

static void the_version_is_asked_for(void **state)
{
    (void)state;
    nj_policy policy;
    nj_error err = {0};
    assert_refused(parse("", &policy, &err), NJ_CONFIG, &err,
                   "p.yaml: line 1: no key version; begin with version: 1");
    assert_refused(parse("fill: {near: true}\n", &policy, &err), NJ_CONFIG, &err, "no key version");
    assert_refused(parse("version: 2\n", &policy, &err), NJ_CONFIG, &err,
                   "version is \"2\", must be a whole number from 1 to 1");
    assert_refused(parse("- version: 1\n", &policy, &err), NJ_CONFIG, &err,
                   "a policy is a mapping of keys");
}

static void more_rules_than_there_is_room_for_are_refused(void **state)
{
    (void)state;
    char text[8192] = "version: 1\nconstraints:\n  deny:\n";
    nj_policy policy;
    nj_error err = {0};
    for (size_t i = 0; i < NJ_POLICY_RULES_MAX + 1; i++) {
        strcat(text, "    - item: i1\n");
    }
    assert_refused(parse(text, &policy, &err), NJ_CONFIG, &err,
                   "constraints.deny must be a list of 1 to 64 rules");
}

static void keys_can_be_set_beside_the_file(void **state)
{
    (void)state;
    nj_policy policy;
    nj_error err = {0};
    const char *path = sandbox_write(state, "policy.yaml", SHELF_POLICY, sizeof SHELF_POLICY - 1);
    const nj_policy_override sets[] = {{"rerank.relevance", "0.25"},
                                       {"candidates.search", "beam"},
                                       {"adjust.prefix_prior.alpha", "0.5,0,0"}};
    assert_ok(nj_policy_read_with(path, sets, 3, &shelf.names, &policy, &err), &err);
    assert_float_equal(policy.relevance, 0.25f, 0.0f);
    assert_int_equal(policy.search, NJ_SEARCH_BEAM); // groups and penalty stay in the file
    assert_float_equal(policy.prior_alpha[0], 0.5f, 0.0f);
    assert_float_equal(policy.prior_alpha[2], 0.0f, 0.0f);
    static const char *const WRONG[][3] = {
        {"rerank.relevanc", "1",
         "set beside it: key \"rerank.relevanc\" is unknown or a list of "
         "rules; did you mean rerank.relevance?"},
        {"rerank.relevance", "2", "set beside it: rerank.relevance is \"2\""},
        {"adjust.prefix_prior.alpha", "1,2,3,4", "has 4 numbers, the catalogue has 3 levels"},
        {"adjust.prefix_prior.alpha", "1,2,3,4,5,6,7,8,9", "numbers, the catalogue has 3 levels"},
    };
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        const nj_policy_override wrong = {WRONG[i][0], WRONG[i][1]};
        assert_refused(nj_policy_read_with(path, &wrong, 1, &shelf.names, &policy, &err), NJ_CONFIG,
                       &err, WRONG[i][2]);
    }
}

static void a_file_that_is_not_there_is_named(void **state)
{
    nj_policy policy;
    nj_error err = {0};
    const char *path = sandbox_path(state, "none.yaml");
    assert_refused(nj_policy_read(path, &shelf.names, &policy, &err), NJ_NOT_FOUND, &err,
                   "none.yaml");
}

static int open_shelf(void **state)
{
    shelf_open(&shelf);
    return sandbox_setup(state);
}

static int close_shelf(void **state)
{
    shelf_close(&shelf);
    return sandbox_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_alone_is_no_policy),
        cmocka_unit_test(every_key_arrives_in_its_field),
        cmocka_unit_test(every_kind_of_rule_arrives),
        cmocka_unit_test(fresh_places_round_up_and_no_further),
        cmocka_unit_test(a_mistake_is_refused_with_its_line),
        cmocka_unit_test(the_version_is_asked_for),
        cmocka_unit_test(more_rules_than_there_is_room_for_are_refused),
        cmocka_unit_test(keys_can_be_set_beside_the_file),
        cmocka_unit_test(a_file_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, open_shelf, close_shelf);
}
