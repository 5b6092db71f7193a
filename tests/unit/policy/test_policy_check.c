// test_policy_check.c - rules that contradict each other or ask for what the bundle lacks, and what a night has no room for.
#include "common/policy/policy_check.h"

#include <stdio.h>

#include "common/catalogue/prompt_head.h"
#include "common/policy/policy_reach.h"
#include "common/policy/policy_read.h"
#include "tests/support/nj_test.h"
#include "tests/support/policy_shelf.h"

static policy_shelf shelf;

static nj_status parse_with(const nj_policy_names *names, const char *text, nj_policy *out,
                            nj_error *err)
{
    char whole[1024];
    snprintf(whole, sizeof whole, "version: 1\n%s", text);
    return nj_policy_parse(whole, strlen(whole), "p.yaml", NULL, 0, names, out, err);
}

static void rules_that_contradict_each_other_are_refused_with_both_lines(void **state)
{
    (void)state;
    static const char *const BAD[][2] = {
        {"constraints:\n  deny:\n    - item: i1\n    - item: i1\n",
         "p.yaml: line 5: item \"i1\" is denied already on line 4: keep one of the two"},
        {"constraints:\n  deny:\n    - brand: Zen\n  pins:\n    - {item: i2, place: 1}\n",
         "line 6: item \"i2\" is pinned here and denied on line 4"},
        {"constraints:\n  pins:\n    - {item: i2, place: 1}\n    - {item: i2, place: 2}\n",
         "line 5: item \"i2\" is pinned already on line 4"},
        {"constraints:\n  pins:\n    - {item: i2, place: 1}\n    - {item: i3, place: 1}\n",
         "line 5: item \"i3\" is pinned to the place of the item on line 4"},
        {"constraints:\n  deny:\n    - brand: Zen\nadjust:\n  boosts:\n"
         "    - {where: {brand: Zen}, add: 1}\n",
         "line 7: brand \"Zen\" is boosted here and denied on line 4"},
        {"constraints:\n  deny:\n    - brand: Zen\nadjust:\n  boosts:\n"
         "    - {where: {item: i5}, add: 1}\n",
         "line 7: item \"i5\" is boosted here and denied on line 4"},
        {"adjust:\n  boosts:\n    - {where: {brand: Zen}, add: 1}\n"
         "    - {where: {brand: Zen}, times: 2}\n",
         "line 5: brand \"Zen\" is boosted already on line 4"},
        {"constraints:\n  caps:\n    - {by: brand, most: 2}\n    - {by: brand, most: 3}\n",
         "line 5: at most 3 of the same items as on line 4, which says 2"},
        {"constraints:\n  caps:\n    - {by: brand, most: 1}\n  pins:\n"
         "    - {item: i0, place: 1}\n    - {item: i3, place: 2}\n",
         "line 4: at most 1 items of brand \"Acme\", and 2 are pinned, one of them on line 6"},
        // stages without what switches them on
        {"rerank: {relevance: 0.5}\n",
         "line 2: rerank.relevance says nothing without rerank.method"},
        {"rerank: {alike: prefix}\n", "rerank.alike says nothing without rerank.method"},
        {"rerank: {calibration: {by: brand}}\n",
         "rerank.calibration.by says nothing without rerank.calibration.weight"},
        {"rerank: {calibration: {weight: 0.5}}\n", "rerank.calibration.weight wants "
                                                   "rerank.calibration.by"},
        {"cold: {first: 3}\n", "cold.first says nothing without cold.places"},
        {"cold: {borrow: {less: 3}}\n", "cold.borrow.less says nothing without cold.borrow.levels"},
        {"cold: {borrow: {levels: 4}}\n", "cold.borrow.levels is 4, the catalogue has 3 levels"},
        {"candidates: {fusion: {offset: 3}}\n",
         "candidates.fusion.offset says nothing without candidates.neighbours.weight"},
        {"candidates: {search: diverse}\n",
         "candidates.search: diverse wants candidates.diverse.groups"},
        {"candidates: {diverse: {groups: 2}}\n",
         "candidates.diverse.groups goes with candidates.search: diverse, and the search is beam"},
        {"candidates:\n  search: diverse\n  diverse: {groups: 2}\n  stochastic: {seed: 1}\n",
         "line 5: candidates.stochastic.seed goes with candidates.search: stochastic, and the "
         "search is diverse"},
        {"constraints: {fresh: {share: 0.5}}\n", "constraints.fresh.share wants "
                                                 "constraints.fresh.column"},
        {"constraints: {fresh: {days: 5}}\n",
         "constraints.fresh.days says nothing without constraints.fresh.share"},
        {"adjust: {prefix_prior: {smoothing: 5}}\n",
         "adjust.prefix_prior.smoothing says nothing without adjust.prefix_prior.alpha"},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        nj_policy policy;
        nj_error err = {0};
        assert_refused(parse_with(&shelf.names, BAD[i][0], &policy, &err), NJ_CONFIG, &err,
                       BAD[i][1]);
    }
}

static void what_the_bundle_lacks_is_named_with_how_it_gets_there(void **state)
{
    (void)state;
    static const char *const WANTS[][2] = {
        {"candidates: {neighbours: {weight: 1}}\n",
         "line 2: candidates.neighbours.weight needs the section \"neighbours\", which the bundle "
         "does not have: pack it with --neighbours"},
        {"adjust: {prefix_prior: {alpha: [0, 0, 1]}}\n",
         "adjust.prefix_prior.alpha needs the section \"counts\""},
        {"rerank: {method: mmr}\n", "rerank.method needs the section \"vectors\""},
        {"cold: {places: 1}\n", "cold.places needs the section \"vectors\""},
        {"cold: {borrow: {levels: 1}}\n", "cold.borrow.levels needs the section \"counts\""},
        {"cold: {borrow: {levels: 1}, items: added}\n",
         "cold.borrow.levels needs a model that says which items it was trained on"},
        {"constraints: {deny: [{brand: Zen}]}\n",
         "column \"brand\": the bundle has no attributes; pack it with --attributes"},
    };
    const nj_policy_names bare = {.items = shelf.names.items, .level_count = SHELF_LEVELS};
    for (size_t i = 0; i < sizeof WANTS / sizeof WANTS[0]; i++) {
        nj_policy policy;
        nj_error err = {0};
        assert_refused(parse_with(&bare, WANTS[i][0], &policy, &err), NJ_CONFIG, &err, WANTS[i][1]);
        assert_ok(parse_with(&shelf.names, WANTS[i][0], &policy, &err), &err);
    }
}

static nj_status check_night(const char *text, uint32_t beam, uint32_t top, nj_error *err)
{
    nj_policy policy;
    assert_ok(parse_with(&shelf.names, text, &policy, err), err);
    return nj_policy_check_night(&policy, &shelf.attributes, &shelf.catalogue, beam, top, "p.yaml",
                                 err);
}

static void what_chooses_by_semantic_ids_is_refused_where_answers_are_strings_or_text(void **state)
{
    (void)state;
    static const char DIVERSE[] =
        "candidates:\n  search: diverse\n  diverse: {groups: 2, penalty: 0.5}\n";
    static const struct {
        const char *text;
        uint32_t needs;
        const char *says; // NULL: fine
    } CASES[] = {
        {DIVERSE, NJ_PROMPT_NEEDS_HISTORY, NULL},
        {DIVERSE, NJ_PROMPT_ANSWERS_STRINGS, "p.yaml: the policy wants a diverse search"},
        {DIVERSE, NJ_PROMPT_ANSWERS_TEXT, "p.yaml: a policy makes lists"},
        {"", NJ_PROMPT_ANSWERS_TEXT, NULL},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        nj_policy policy;
        nj_error err = {0};
        assert_ok(parse_with(&shelf.names, CASES[i].text, &policy, &err), &err);
        const nj_status status = nj_policy_check_answers(&policy, CASES[i].needs, "p.yaml", &err);
        if (CASES[i].says == NULL) {
            assert_ok(status, &err);
        } else {
            assert_refused(status, NJ_CONFIG, &err, CASES[i].says);
        }
    }
}

typedef struct {
    const char *text;
    uint32_t beam;
    uint32_t top; // the most (or, of groups, a beam) that is fine; one more is refused
    const char *part;
} edge;

static void the_longest_list_that_rules_allow_is_fine_and_one_more_is_refused(void **state)
{
    (void)state;
    static const edge EDGES[] = {
        {"constraints: {caps: [{by: brand, most: 2}]}\n", 20, 6,
         "p.yaml: line 2: constraints.caps: with at most 2 of a kind a list of the 11 items left "
         "has at most 6 places, and it should have 7 (--top)"},
        {"constraints: {caps: [{by: category, most: 2}]}\n", 20, 5,
         "at most 5 places"}, // i10 has none
        {"constraints: {caps: [{by: category, value: Nails, most: 1}]}\n", 20, 8,
         "at most 8 places"},
        {"constraints: {caps: [{by: prefix, levels: 1, most: 2}]}\n", 20, 4, "at most 4 places"},
        {"constraints: {caps: [{by: prefix, levels: 2, most: 1}]}\n", 20, 6, "at most 6 places"},
        {"constraints: {deny: [{brand: Zen}, {item: i0}]}\n", 20, 7,
         "constraints.deny leaves 7 of 11 items, and a list has 8 places (--top)"},
        {"constraints: {deny: [{brand: Zen}], caps: [{by: prefix, levels: 1, most: 2}]}\n", 20, 4,
         "a list of the 8 items left has at most 4 places"},
        {"candidates: {pool: 7}\n", 20, 7, "candidates.pool is 7, and a list has 8 places"},
    };
    for (size_t i = 0; i < sizeof EDGES / sizeof EDGES[0]; i++) {
        nj_error err = {0};
        assert_ok(check_night(EDGES[i].text, EDGES[i].beam, EDGES[i].top, &err), &err);
        assert_refused(check_night(EDGES[i].text, EDGES[i].beam, EDGES[i].top + 1, &err), NJ_CONFIG,
                       &err, EDGES[i].part);
    }
}

static void the_shortest_list_that_has_room_is_fine_and_one_less_is_refused(void **state)
{
    (void)state;
    static const edge EDGES[] = {
        {"constraints: {pins: [{item: i0, place: 5}]}\n", 20, 5,
         "p.yaml: line 2: constraints.pins: place 5, and a list has 4 places (--top)"},
        {"cold: {places: 3, first: 4}\n", 20, 6,
         "cold.places is 3 from place 4 on, and a list has 5 places (--top)"},
        {"cold: {places: 2}\nconstraints: {pins: [{item: i0, place: 1}, {item: i1, place: 2}]}\n",
         20, 4, "2 pins and 2 cold places, and a list has 3 places"},
        {"constraints:\n  pins: [{item: i5, place: 1}, {item: i9, place: 2}]\n"
         "  fresh: {column: added, share: 0.6, days: 30}\n",
         20, 5,
         "constraints.fresh.share asks for 3 places, 2 pins are not fresh, and a list has 4 "
         "places"},
    };
    for (size_t i = 0; i < sizeof EDGES / sizeof EDGES[0]; i++) {
        nj_error err = {0};
        assert_ok(check_night(EDGES[i].text, EDGES[i].beam, EDGES[i].top, &err), &err);
        assert_refused(check_night(EDGES[i].text, EDGES[i].beam, EDGES[i].top - 1, &err), NJ_CONFIG,
                       &err, EDGES[i].part);
    }
}

static void groups_divide_the_beam_or_the_list_where_it_is_longer(void **state)
{
    (void)state;
    static const char TEXT[] = "candidates: {search: diverse, diverse: {groups: 4}}\n";
    nj_error err = {0};
    assert_ok(check_night(TEXT, 20, 10, &err), &err);
    assert_ok(check_night(TEXT, 5, 12, &err), &err);
    assert_refused(check_night(TEXT, 21, 10, &err), NJ_CONFIG, &err,
                   "candidates.diverse.groups is 4, which does not divide 21 beams (--beam 21, "
                   "--top 10)");
    assert_refused(check_night(TEXT, 4, 10, &err), NJ_CONFIG, &err, "does not divide 10 beams");
}

static void a_retired_item_cannot_be_pinned(void **state)
{
    (void)state;
    nj_error err = {0};
    assert_refused(check_night("constraints: {pins: [{item: i11, place: 1}]}\n", 20, 5, &err),
                   NJ_CONFIG, &err, "constraints.pins: item \"i11\" is retired: drop the pin");
}

static void pins_of_one_prefix_are_held_against_its_cap(void **state)
{
    (void)state;
    static const char PINS[] = "  pins:\n    - {item: i0, place: 1}\n    - {item: i3, place: 2}\n";
    static const struct {
        uint32_t levels;
        uint32_t most;
        bool fits;
    } CAPS[] = {{1, 1, false}, {1, 2, true}, {2, 1, true}}; // i0 is 0 0 0, i3 is 0 1 1
    for (size_t i = 0; i < sizeof CAPS / sizeof CAPS[0]; i++) {
        char text[256];
        nj_error err = {0};
        snprintf(text, sizeof text,
                 "constraints:\n  caps:\n    - {by: prefix, levels: %u, most: %u}\n%s",
                 CAPS[i].levels, CAPS[i].most, PINS);
        nj_status status = check_night(text, 20, 2, &err);
        if (CAPS[i].fits) {
            assert_ok(status, &err);
        } else {
            assert_refused(status, NJ_CONFIG, &err,
                           "p.yaml: line 4: at most 1 items that begin with the same 1 codes, and "
                           "2 are pinned, one of them on line 6");
        }
    }
}

static void a_shop_with_fewer_items_than_places_has_short_lists_without_complaint(void **state)
{
    (void)state;
    nj_error err = {0};
    assert_ok(check_night("constraints: {deny: [{item: i0}]}\n", 20, 20, &err), &err);
    assert_ok(check_night("constraints: {caps: [{by: category, most: 6}]}\n", 20, 20, &err), &err);
    assert_refused(check_night("constraints: {caps: [{by: category, most: 5}]}\n", 20, 20, &err),
                   NJ_CONFIG, &err, "at most 10 places");
    assert_refused(
        check_night("constraints: {deny: [{brand: Acme}, {brand: Brown}, {brand: Zen}]}\n", 20, 20,
                    &err),
        NJ_CONFIG, &err, "constraints.deny leaves 0 of 11 items, and a list has 20 places");
}

static void what_is_left_is_counted(void **state)
{
    (void)state;
    nj_policy policy;
    nj_policy_reach reach;
    nj_error err = {0};
    assert_ok(parse_with(&shelf.names,
                         "constraints:\n  deny: [{brand: Zen}, {item: i0}]\n"
                         "  fresh: {column: added, share: 0.1, days: 35}\n"
                         "cold: {places: 1}\n",
                         &policy, &err),
              &err);
    assert_ok(nj_policy_reach_count(&policy, &shelf.attributes, &shelf.catalogue, 0, &reach, &err),
              &err);
    assert_int_equal(reach.sold, 11);
    assert_int_equal(reach.denied, 4); // i0, i2, i5, i8; i11 is retired
    assert_int_equal(reach.left, 7);
    assert_int_equal(reach.fresh, 2); // i1, i3
    assert_int_equal(reach.cold, 2);  // i9, i10
    policy.cold_items = NJ_COLD_ITEMS_ADDED;
    assert_ok(nj_policy_reach_count(&policy, &shelf.attributes, &shelf.catalogue, 10, &reach, &err),
              &err);
    assert_int_equal(reach.cold, 1); // i10
}

static int open_shelf(void **state)
{
    (void)state;
    shelf_open(&shelf);
    return 0;
}

static int close_shelf(void **state)
{
    (void)state;
    shelf_close(&shelf);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_that_contradict_each_other_are_refused_with_both_lines),
        cmocka_unit_test(what_the_bundle_lacks_is_named_with_how_it_gets_there),
        cmocka_unit_test(what_chooses_by_semantic_ids_is_refused_where_answers_are_strings_or_text),
        cmocka_unit_test(the_longest_list_that_rules_allow_is_fine_and_one_more_is_refused),
        cmocka_unit_test(the_shortest_list_that_has_room_is_fine_and_one_less_is_refused),
        cmocka_unit_test(groups_divide_the_beam_or_the_list_where_it_is_longer),
        cmocka_unit_test(a_retired_item_cannot_be_pinned),
        cmocka_unit_test(pins_of_one_prefix_are_held_against_its_cap),
        cmocka_unit_test(a_shop_with_fewer_items_than_places_has_short_lists_without_complaint),
        cmocka_unit_test(what_is_left_is_counted),
    };
    return cmocka_run_group_tests(tests, open_shelf, close_shelf);
}
