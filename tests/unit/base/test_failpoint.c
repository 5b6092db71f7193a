// test_failpoint.c - rules are read strictly, and each action does what its name says.
#include "common/base/failpoint.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "tests/support/nj_test.h"

static const char *const NAMES[] = {
#define NJ_FAILPOINT(NAME, name, PROGRAM, KIND, meaning) name,
#include "schemas/failpoint.def"
};

static void names_are_all_different(void **state)
{
    (void)state;
    for (size_t i = 0; i < NJ_FAILPOINT_COUNT; i++) {
        for (size_t k = i + 1; k < NJ_FAILPOINT_COUNT; k++) {
            assert_string_not_equal(NAMES[i], NAMES[k]);
        }
    }
}

static void every_point_of_the_table_can_be_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < NJ_FAILPOINT_COUNT; i++) {
        nj_failpoint_rules rules;
        char text[100];
        snprintf(text, sizeof text, "%s=kill@3%s", NAMES[i],
                 i == NJ_FAILPOINT_ENGINE_USER ? ":7" : "");

        assert_int_equal(nj_failpoint_parse(text, &rules, NULL), NJ_OK);

        assert_int_equal(rules.count, 1);
        assert_int_equal(rules.rules[0].point, i);
        assert_int_equal(rules.rules[0].action, NJ_FAILPOINT_KILL);
        assert_int_equal(rules.rules[0].at_hit, 3);
    }
}

static void several_rules_stand_with_commas_between_them(void **state)
{
    (void)state;
    nj_failpoint_rules rules;

    assert_int_equal(
        nj_failpoint_parse("compute.user=slow:50,engine.user=slow@2:700:a:b@c,engine.user=nan:7",
                           &rules, NULL),
        NJ_OK);

    assert_int_equal(rules.count, 3);
    assert_int_equal(rules.rules[0].slow_ms, 50);
    assert_int_equal(rules.rules[0].at_hit, 0);
    assert_int_equal(rules.rules[1].slow_ms, 700);
    assert_int_equal(rules.rules[1].at_hit, 2);
    assert_string_equal(rules.rules[1].user, "a:b@c");
    assert_int_equal(rules.rules[2].action, NJ_FAILPOINT_NAN);
    assert_string_equal(rules.rules[2].user, "7");
    assert_int_equal(nj_failpoint_parse("", &rules, NULL), NJ_OK);
    assert_int_equal(rules.count, 0);
}

static void a_rule_that_is_wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *why;
    } CASES[] = {
        {"commit.put", "has no '='"},
        {"commit.nowhere=kill", "no such point"},
        {"=kill", "no such point"},
        {"commit.put=die", "none of kill"},
        {"commit.put=", "none of kill"},
        {"commit.put=kill@0", "behind @"},
        {"commit.put=kill@", "behind @"},
        {"commit.put=kill@-1", "behind @"},
        {"commit.put=kill@2x", "behind @"},
        {"commit.put=kill:7", "takes no argument"},
        {"commit.put=slow", "slow wants"},
        {"commit.put=slow:", "slow wants"},
        {"commit.put=slow:600001", "slow wants"},
        {"commit.put=slow:5:7", "takes no argument"},
        {"commit.put=nan", "no numbers"},
        {"commit.due=fail", "nothing can fail"},
        {"engine.user=kill", "wants a user"},
        {"engine.user=kill:", "1 to 510 bytes"},
        {"engine.user=slow:5", "wants a user"},
        {"commit.put=kill,,commit.put=kill", "has no '='"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        nj_failpoint_rules rules;
        nj_error err = {0};
        assert_int_equal(nj_failpoint_parse(CASES[i].text, &rules, &err), NJ_CONFIG);
        assert_non_null(strstr(err.text, CASES[i].why));
    }
}

static void too_many_rules_and_too_long_ones_are_refused(void **state)
{
    (void)state;
    nj_failpoint_rules rules;
    char text[NJ_FAILPOINT_RULES_MAX * 20 + 100] = "";
    for (int i = 0; i < NJ_FAILPOINT_RULES_MAX; i++) {
        strcat(text, "commit.put=kill,");
    }
    assert_int_equal(nj_failpoint_parse(text, &rules, NULL), NJ_OK);
    strcat(text, "commit.put=kill");
    assert_int_equal(nj_failpoint_parse(text, &rules, NULL), NJ_CONFIG);

    char user[NJ_FAILPOINT_USER_BYTES_MAX + 20] = "engine.user=nan:";
    const size_t before = strlen(user);
    memset(user + before, 'x', NJ_FAILPOINT_USER_BYTES_MAX);
    assert_int_equal(nj_failpoint_parse(user, &rules, NULL), NJ_OK);
    user[before + NJ_FAILPOINT_USER_BYTES_MAX] = 'x';
    assert_int_equal(nj_failpoint_parse(user, &rules, NULL), NJ_CONFIG);
}

// ---- acting: each in a process of its own, because rules are read once ----

typedef int (*child_body)(void);

static int wait_for(pid_t pid)
{
    int how = 0;
    assert_int_equal(waitpid(pid, &how, 0), pid);
    return how;
}

static pid_t start_child(const char *rules, child_body body)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct rlimit none = {0};
        setrlimit(RLIMIT_CORE, &none);
        setenv("NJ_FAILPOINT", rules, 1);
        _exit(body());
    }
    return pid;
}

static void expect_signal(const char *rules, child_body body, int number)
{
    int how = wait_for(start_child(rules, body));
    assert_true(WIFSIGNALED(how));
    assert_int_equal(WTERMSIG(how), number);
}

static void expect_exit(const char *rules, child_body body, int code)
{
    int how = wait_for(start_child(rules, body));
    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), code);
}

// How many of four hits failed, as bits.
static int hit_four_times(void)
{
    int failed = 0;
    for (int i = 0; i < 4; i++) {
        failed |= (int)nj_failpoint_hit(NJ_FAILPOINT_COMMIT_PUT) << i;
        nj_failpoint_hit(NJ_FAILPOINT_COMMIT_ROWS);
    }
    return failed;
}

static void a_step_fails_every_time_or_the_nth(void **state)
{
    (void)state;
    expect_exit("commit.put=fail", hit_four_times, 0xf);
    expect_exit("commit.put=fail@2", hit_four_times, 0x2);
    expect_exit("commit.put=fail@2,commit.put=fail@4", hit_four_times, 0xa);
    expect_exit("commit.begun=fail", hit_four_times, 0);
    expect_exit("", hit_four_times, 0);
}

static void a_process_is_killed_or_aborted_at_the_nth_hit(void **state)
{
    (void)state;
    expect_signal("commit.put=kill@4", hit_four_times, SIGKILL);
    expect_signal("commit.rows=abort", hit_four_times, SIGABRT);
    expect_exit("commit.put=kill@5", hit_four_times, 0);
}

static void a_stopped_process_goes_on_when_it_is_told_to(void **state)
{
    (void)state;
    int how = 0;
    pid_t pid = start_child("commit.put=stop@2,commit.put=fail@3", hit_four_times);

    assert_int_equal(waitpid(pid, &how, WUNTRACED), pid);
    assert_true(WIFSTOPPED(how));
    assert_int_equal(kill(pid, SIGCONT), 0);

    how = wait_for(pid);
    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), 0x4);
}

static void a_spinning_process_has_to_be_killed(void **state)
{
    (void)state;
    int how = 0;
    pid_t pid = start_child("commit.put=spin", hit_four_times);
    usleep(100000);
    assert_int_equal(waitpid(pid, &how, WNOHANG), 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_true(WIFSIGNALED(wait_for(pid)));
}

static void a_slow_point_sleeps(void **state)
{
    (void)state;
    const uint64_t start_ns = nj_clock_mono_ns();
    expect_exit("commit.put=slow:30", hit_four_times, 0);
    assert_true(nj_clock_mono_ns() - start_ns >= 4 * 30 * 1000000ull);
}

static int exhaust(void)
{
    struct rlimit limit = {.rlim_cur = 64 << 20, .rlim_max = 64 << 20};
    setrlimit(RLIMIT_AS, &limit);
    nj_failpoint_hit(NJ_FAILPOINT_COMMIT_PUT);
    void *volatile piece = malloc(2 << 20);
    return piece == NULL ? 7 : 0;
}

static void an_exhausted_process_has_no_memory_left(void **state)
{
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    skip(); // its shadow does not fit under a limit
#endif
    expect_exit("commit.put=exhaust", exhaust, 7);
    expect_exit("commit.put=exhaust@2", exhaust, 0);
}

static int decode_three_users(void)
{
    static const char *const USERS[] = {"7", "alma", "77"};
    int seen = 0;
    for (int i = 0; i < 3; i++) {
        nj_failpoint_action action =
            nj_failpoint_hit_user(NJ_FAILPOINT_ENGINE_USER, nj_slice_from(USERS[i]));
        seen |= (action == NJ_FAILPOINT_NAN) << i | (action == NJ_FAILPOINT_FAIL) << (i + 3);
    }
    return seen;
}

static void only_the_named_users_are_hit(void **state)
{
    (void)state;
    expect_exit("engine.user=nan:7", decode_three_users, 0x1);
    expect_exit("engine.user=nan:77,engine.user=fail:alma", decode_three_users, 0x14);
    expect_exit("engine.user=kill:777", decode_three_users, 0);
    expect_signal("engine.user=kill:alma", decode_three_users, SIGKILL);
}

static void a_wrong_rule_ends_the_process(void **state)
{
    (void)state;
    expect_exit("comit.put=kill", hit_four_times, 78);
}

static int step(void)
{
    nj_error err = {0};
    if (nj_failpoint_step(NJ_FAILPOINT_FILE_RENAMED, &err) != NJ_OK) {
        return 1;
    }
    return nj_failpoint_step(NJ_FAILPOINT_FILE_RENAMED, &err) == NJ_IO && err.status == NJ_IO &&
                   strstr(err.text, "file.renamed") != NULL
               ? 0
               : 2;
}

static void a_failed_step_says_that_it_is_on_purpose(void **state)
{
    (void)state;
    expect_exit("file.renamed=fail@2", step, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_all_different),
        cmocka_unit_test(every_point_of_the_table_can_be_named),
        cmocka_unit_test(several_rules_stand_with_commas_between_them),
        cmocka_unit_test(a_rule_that_is_wrong_is_named),
        cmocka_unit_test(too_many_rules_and_too_long_ones_are_refused),
        cmocka_unit_test(a_step_fails_every_time_or_the_nth),
        cmocka_unit_test(a_process_is_killed_or_aborted_at_the_nth_hit),
        cmocka_unit_test(a_stopped_process_goes_on_when_it_is_told_to),
        cmocka_unit_test(a_spinning_process_has_to_be_killed),
        cmocka_unit_test(a_slow_point_sleeps),
        cmocka_unit_test(an_exhausted_process_has_no_memory_left),
        cmocka_unit_test(only_the_named_users_are_hit),
        cmocka_unit_test(a_wrong_rule_ends_the_process),
        cmocka_unit_test(a_failed_step_says_that_it_is_on_purpose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
