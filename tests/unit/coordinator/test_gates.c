// test_gates.c - bounds from text, shares and changes at their bounds, ages, and which of two failures decides.
#include "coordinator/gates.h"

#include <math.h>
#include <string.h>

#include "tests/support/nj_test.h"

static nj_gates make_gates(void)
{
    nj_error err = {0};
    nj_gates gates = {.least = 100};
    for (int i = 0; i < NJ_GATE_COUNT; i++) {
        assert_ok(nj_gates_set(&gates, (nj_gate)i, i == NJ_GATE_EVENT_AGE ? "36h" : "2", &err),
                  &err);
    }
    return gates;
}

static size_t failures_of(nj_gate gate, uint64_t part, uint64_t whole)
{
    const nj_gates gates = make_gates();
    nj_gate_findings findings = {0};
    nj_gates_judge(&gates, gate, "", part, whole, &findings);
    return findings.failed;
}

static void a_change_holds_up_to_its_bound_in_both_directions(void **state)
{
    (void)state;

    assert_int_equal(failures_of(NJ_GATE_USERS, 1020, 1000), 0);
    assert_int_equal(failures_of(NJ_GATE_USERS, 980, 1000), 0);
    assert_int_equal(failures_of(NJ_GATE_USERS, 1021, 1000), 1);
    assert_int_equal(failures_of(NJ_GATE_USERS, 979, 1000), 1);
    assert_int_equal(failures_of(NJ_GATE_ITEMS, 0, 1000), 1);
}

static void a_share_holds_up_to_its_bound(void **state)
{
    (void)state;

    assert_int_equal(failures_of(NJ_GATE_UNKNOWN, 20, 1000), 0);
    assert_int_equal(failures_of(NJ_GATE_UNKNOWN, 21, 1000), 1);
    assert_int_equal(failures_of(NJ_GATE_EMPTIED, 1000, 1000), 1);
}

static void too_few_are_not_judged_and_a_gate_that_is_off_neither(void **state)
{
    nj_error err = {0};
    nj_gates gates = make_gates();
    nj_gate_findings findings = {0};
    (void)state;

    nj_gates_judge(&gates, NJ_GATE_USERS, "", 0, 99, &findings);
    nj_gates_judge(&gates, NJ_GATE_USERS, "", 7, 0, &findings);
    assert_ok(nj_gates_set(&gates, NJ_GATE_USERS, "off", &err), &err);
    assert_ok(nj_gates_set(&gates, NJ_GATE_EVENT_AGE, "off", &err), &err);
    nj_gates_judge(&gates, NJ_GATE_USERS, "", 0, 1000, &findings);
    nj_gates_judge_age(&gates, 0, 1e9, &findings);

    assert_int_equal(findings.count, 0);
    assert_ok(nj_gates_verdict(&findings, &err), &err);
}

static void a_least_share_and_a_mean_hold_down_to_their_bound(void **state)
{
    const nj_gates gates = make_gates();
    nj_gate_findings findings = {0};
    (void)state;

    assert_int_equal(failures_of(NJ_GATE_COVERAGE, 20, 1000), 0);
    assert_int_equal(failures_of(NJ_GATE_COVERAGE, 19, 1000), 1);
    assert_int_equal(failures_of(NJ_GATE_FALLBACKS, 21, 1000), 1);
    nj_gates_judge_mean(&gates, NJ_GATE_OVERLAP, 4, 200, &findings);
    nj_gates_judge_mean(&gates, NJ_GATE_OVERLAP, 0, 99, &findings);
    assert_int_equal(findings.failed, 0);
    assert_int_equal(findings.count, 1);
    nj_gates_judge_mean(&gates, NJ_GATE_OVERLAP, 3.9, 200, &findings);
    assert_int_equal(findings.failed, 1);
}

static void what_was_found_later_is_added(void **state)
{
    const nj_gates gates = make_gates();
    nj_error err = {0};
    nj_gate_findings findings = {0};
    nj_gate_findings later = {0};
    (void)state;

    nj_gates_judge(&gates, NJ_GATE_USERS, "", 1000, 1000, &findings);
    nj_gates_judge(&gates, NJ_GATE_COVERAGE, "", 0, 1000, &later);
    nj_gates_add(&findings, &later);

    assert_int_equal(findings.count, 2);
    assert_int_equal(nj_gates_verdict(&findings, &err), NJ_REFUSED);
    assert_non_null(strstr(err.text, "items in a list: 0 of 1000 items that may be recommended, "
                                     "0.00 %; --gate-coverage asks for 2 %"));
}

static void a_late_input_is_late_and_one_from_the_future_is_wrong(void **state)
{
    static const struct {
        double newest_s;
        nj_status status;
        const char *words;
    } CASES[] = {{1000000 - 36 * 3600, NJ_OK, ""},
                 {1000000 - 36 * 3600 - 1, NJ_AGAIN, "is 36.0 h old; --gate-event-age allows 36.0"},
                 {1000000 + NJ_GATES_FUTURE_S, NJ_OK, ""},
                 {1000000 + 2 * NJ_GATES_FUTURE_S, NJ_REFUSED, "is 2.0 h in the future"}};
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        const nj_gates gates = make_gates();
        nj_error err = {0};
        nj_gate_findings findings = {0};

        nj_gates_judge_age(&gates, CASES[i].newest_s, 1000000, &findings);

        assert_int_equal(nj_gates_verdict(&findings, &err), CASES[i].status);
        assert_non_null(strstr(err.text, CASES[i].words));
    }
}

// Waiting does not help against what is wrong.
static void what_is_wrong_decides_over_what_is_late(void **state)
{
    const nj_gates gates = make_gates();
    nj_error err = {0};
    nj_gate_findings findings = {0};
    (void)state;

    nj_gates_judge_age(&gates, 0, 1e9, &findings);
    nj_gates_judge(&gates, NJ_GATE_ITEMS, "", 1000, 1000, &findings);
    nj_gates_judge(&gates, NJ_GATE_USERS, "", 850, 1000, &findings);

    assert_int_equal(nj_gates_verdict(&findings, &err), NJ_REFUSED);
    assert_non_null(strstr(err.text, "users: 850, and 1000 in the current generation, 15.00 % "
                                     "fewer; --gate-users allows 2 %"));
    assert_non_null(strstr(err.text, "that do not hold: 2"));
}

static void a_group_is_told_of_where_it_fails_and_counts_where_there_is_no_room(void **state)
{
    const nj_gates gates = make_gates();
    nj_error err = {0};
    nj_gate_findings findings = {0};
    (void)state;

    nj_gates_judge(&gates, NJ_GATE_UNKNOWN, "north", 1, 1000, &findings);
    assert_int_equal(findings.count, 0);
    for (size_t i = 0; i < NJ_GATES_FINDINGS_MAX + 3; i++) {
        nj_gates_judge(&gates, NJ_GATE_UNKNOWN, "south", 500, 1000, &findings);
    }

    assert_int_equal(findings.count, NJ_GATES_FINDINGS_MAX);
    assert_int_equal(findings.failed, NJ_GATES_FINDINGS_MAX + 3);
    assert_int_equal(nj_gates_verdict(&findings, &err), NJ_REFUSED);
    assert_non_null(strstr(err.text, "group south: items that the catalogue does not know: 500 of "
                                     "1000 items in histories, 50.00 %"));
}

static void a_bound_that_is_none_is_refused_and_leaves_the_gate_alone(void **state)
{
    static const struct {
        nj_gate gate;
        const char *text;
    } BAD[] = {
        {NJ_GATE_USERS, ""},        {NJ_GATE_USERS, "-1"},        {NJ_GATE_USERS, "2%"},
        {NJ_GATE_USERS, "nan"},     {NJ_GATE_USERS, "1e7"},       {NJ_GATE_USERS, "Off"},
        {NJ_GATE_EVENT_AGE, "36"},  {NJ_GATE_EVENT_AGE, "05:00"}, {NJ_GATE_EVENT_AGE, "3651d"},
        {NJ_GATE_EVENT_AGE, "-1h"}, {NJ_GATE_OVERLAP, "100.5"},   {NJ_GATE_COVERAGE, "101"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        nj_error err = {0};
        nj_gates gates = make_gates();
        const double before = gates.bounds[BAD[i].gate];

        assert_int_equal(nj_gates_set(&gates, BAD[i].gate, BAD[i].text, &err), NJ_USAGE);

        assert_true(gates.bounds[BAD[i].gate] == before);
        assert_non_null(strstr(err.text, nj_gate_option(BAD[i].gate)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_holds_up_to_its_bound_in_both_directions),
        cmocka_unit_test(a_share_holds_up_to_its_bound),
        cmocka_unit_test(too_few_are_not_judged_and_a_gate_that_is_off_neither),
        cmocka_unit_test(a_least_share_and_a_mean_hold_down_to_their_bound),
        cmocka_unit_test(what_was_found_later_is_added),
        cmocka_unit_test(a_late_input_is_late_and_one_from_the_future_is_wrong),
        cmocka_unit_test(what_is_wrong_decides_over_what_is_late),
        cmocka_unit_test(a_group_is_told_of_where_it_fails_and_counts_where_there_is_no_room),
        cmocka_unit_test(a_bound_that_is_none_is_refused_and_leaves_the_gate_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
