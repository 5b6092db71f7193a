// test_processes.c - the processes of a night, those that were killed among them.
#include "coordinator/report/processes.h"

#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

static void a_process_that_did_not_say_how_it_ended_was_killed(void **state)
{
    const char *folder = ((const nj_path *)*state)->text;
    nj_processes first = {0};
    nj_processes_begin(&first, folder, 1, 1000);
    nj_processes second;
    nj_processes_read(folder, &second);
    nj_processes_begin(&second, folder, 2, 2000);
    nj_processes_end(&second, folder, NJ_INTERRUPTED, 2500);
    nj_processes third;
    nj_processes_read(folder, &third);
    nj_processes_begin(&third, folder, 3, 3000);

    assert_int_equal(third.count, 3);
    assert_string_equal(third.processes[0].end, "");
    assert_int_equal(third.processes[0].ended_ms, 0);
    assert_string_equal(third.processes[1].end, "INTERRUPTED");
    assert_int_equal(third.processes[1].ended_ms, 2500);
    assert_int_equal(third.processes[2].epoch, 3);
}

static void users_count_for_the_process_that_ran_when_they_were_stored(void **state)
{
    (void)state;
    nj_processes processes = {
        .count = 2, .processes = {{.epoch = 1, .began_ms = 1000}, {.epoch = 2, .began_ms = 2000}}};
    nj_processes_count(&processes, 500, 1); // a clock that went back
    nj_processes_count(&processes, 1999, 10);
    nj_processes_count(&processes, 2000, 100);
    assert_int_equal(processes.processes[0].users, 11);
    assert_int_equal(processes.processes[0].last_ms, 1999);
    assert_int_equal(processes.processes[1].users, 100);
}

static void a_file_that_is_none_of_ours_costs_nothing(void **state)
{
    const char *folder = ((const nj_path *)*state)->text;
    nj_error err = {0};
    nj_path path;
    char junk[4096];
    memset(junk, 'x', sizeof junk);
    memcpy(junk, "begin 1 5\nbegin\nend 7 7 OK\nend 1 9 oops\n\n", 42);
    assert_ok(nj_path_join(folder, "processes", &path, &err), &err);
    assert_ok(nj_file_write(path.text, junk, sizeof junk, &err), &err);
    nj_processes processes;
    nj_processes_read(folder, &processes);
    assert_int_equal(processes.count, 1);
    assert_string_equal(processes.processes[0].end, "");

    nj_processes_read("/nowhere", &processes);
    assert_int_equal(processes.count, 0);
}

static void of_many_processes_the_last_are_known(void **state)
{
    (void)state;
    nj_processes processes = {0};
    for (uint64_t epoch = 1; epoch <= NJ_PROCESSES_MAX + 5; epoch++) {
        nj_processes_begin(&processes, "/nowhere", epoch, epoch);
    }
    assert_int_equal(processes.count, NJ_PROCESSES_MAX);
    assert_int_equal(processes.processes[NJ_PROCESSES_MAX - 1].epoch, NJ_PROCESSES_MAX + 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_process_that_did_not_say_how_it_ended_was_killed,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test(users_count_for_the_process_that_ran_when_they_were_stored),
        cmocka_unit_test_setup_teardown(a_file_that_is_none_of_ours_costs_nothing, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test(of_many_processes_the_last_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
