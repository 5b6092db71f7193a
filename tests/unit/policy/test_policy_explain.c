// test_policy_explain.c - a policy told in words: every stage with the shop's numbers, and what is off.
#include "common/policy/policy_explain.h"

#include <stdio.h>

#include "common/policy/policy_read.h"
#include "tests/support/nj_test.h"
#include "tests/support/policy_shelf.h"

#define TEXT_BYTES 16384

static policy_shelf shelf;

static void keep_sentence(void *context, const char *stage, const char *sentence)
{
    char *text = context;
    const size_t used = strlen(text);
    snprintf(text + used, TEXT_BYTES - used, "%s: %s\n", stage, sentence);
}

static void explain(const char *policy_text, char out[TEXT_BYTES])
{
    nj_policy policy;
    nj_policy_reach reach;
    nj_error err = {0};
    assert_ok(nj_policy_parse(policy_text, strlen(policy_text), "p.yaml", NULL, 0, &shelf.names,
                              &policy, &err),
              &err);
    assert_ok(nj_policy_reach_count(&policy, &shelf.attributes, &shelf.catalogue, 10, &reach, &err),
              &err);
    const nj_policy_subject subject = {.policy = &policy,
                                       .names = &shelf.names,
                                       .catalogue = &shelf.catalogue,
                                       .reach = &reach,
                                       .beam = 20,
                                       .top = 10};
    out[0] = '\0';
    nj_policy_explain(&subject, keep_sentence, out);
}

static void every_stage_is_told_with_the_numbers_of_the_shop(void **state)
{
    (void)state;
    static char text[TEXT_BYTES];
    static const char *const PARTS[] = {
        "candidates: the search keeps 20 beams in 4 groups, one after the other at each level: a "
        "code costs 0.25 for each beam",
        "candidates: beside it the 30 best items that go with those of the history",
        "gets 2 / (10 + p) from the search and 1.5 / (10 + p) from the neighbours",
        "candidates: the best 60 go on",
        "2 added to the count of every item; alpha by level: 0.1, 0, -0.2\n",
        "adjust: brand \"Zen\": +0.693147 to the score (3 items)\n", // i11 is retired
        "adjust: item \"i3\": -1.5 to the score (1 items)\n",
        "constraints: item \"i7\": never (1 items)\n",
        "constraints: 10 of 11 items are left\n",
        "at most 3 items of a list have the same category; by this alone the items left would fill "
        "7 places",
        "at most 2 items of a list have category \"Nails\"; by this alone the items left would "
        "fill "
        "9 places",
        "at most 1 items of a list begin with the same 2 codes; by this alone the items left would "
        "fill 6 places",
        "item \"i0\" stands at place 1 of every list",
        "item \"i8\" stands at place 3 of every list",
        "at least 2 of the 10 places are for fresh items, as far as there are any: 3 of the 10 "
        "items left were added within 30 days\n",
        "rerank: MMR chooses one item after the other: 0.8 of its relevance less 0.2 of how alike",
        "rerank: the mix of category in a list follows the user's history with weight 0.3",
        "cold: 1 of the 10 items left are cold: they were added behind",
        "cold: up to 2 places from place 4 on are for those whose vector has a cosine of 0.35",
        "cold: each displaces a candidate whose own cosine is lower than its by 0.05 or more\n",
        "cold: a cold item that begins with the same 2 codes as a candidate stands in with its "
        "score less 0.5",
        "fill: a list of fewer than 10 items is searched again, wider",
    };
    explain(SHELF_POLICY, text);
    for (size_t i = 0; i < sizeof PARTS / sizeof PARTS[0]; i++) {
        if (strstr(text, PARTS[i]) == NULL) {
            fail_msg("\"%s\" does not stand in\n%s", PARTS[i], text);
        }
    }
    assert_null(strstr(text, "off: "));
}

static void what_is_off_is_told_too(void **state)
{
    (void)state;
    static char text[TEXT_BYTES];
    explain("version: 1\nrerank: {method: determinantal}\n", text);
    assert_non_null(strstr(text, "candidates: the search keeps the 20 likeliest beams\n"));
    assert_non_null(strstr(text, "rerank: a determinantal process"));
    assert_non_null(strstr(text, "off: prefix priors\noff: boosts\noff: deny\noff: caps\n"));
    assert_null(strstr(text, "off: re-ranking"));
}

static void too_few_fresh_and_no_cold_items_are_said(void **state)
{
    (void)state;
    static char text[TEXT_BYTES];
    explain("version: 1\nconstraints: {fresh: {column: added, days: 5, share: 0.5}, "
            "deny: [{item: i9}, {item: i10}]}\ncold: {places: 1}\n",
            text);
    assert_non_null(strstr(text, "1 of the 9 items left were added within 5 days (too few for a "
                                 "whole share)"));
    assert_non_null(strstr(text,
                           "0 of the 9 items left are cold: they stand in no history that the "
                           "bundle counted, so nothing happens here"));
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
        cmocka_unit_test(every_stage_is_told_with_the_numbers_of_the_shop),
        cmocka_unit_test(what_is_off_is_told_too),
        cmocka_unit_test(too_few_fresh_and_no_cold_items_are_said),
    };
    return cmocka_run_group_tests(tests, open_shelf, close_shelf);
}
