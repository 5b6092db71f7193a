// test_cpus.c - lists of processors, and the order in which workers take them.
#include "common/base/cpus.h"

#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

static void expect_list(const nj_cpu_list *list, const uint16_t *expected, uint32_t count)
{
    assert_int_equal(list->count, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(list->cpus[i], expected[i]);
    }
}

static void lists_are_read_as_the_kernel_writes_them(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_cpu_list list;
    assert_ok(nj_cpu_list_read("0-3,8\n", &list, &err), &err);
    expect_list(&list, (const uint16_t[]){0, 1, 2, 3, 8}, 5);
    assert_ok(nj_cpu_list_read("7,2-2,0", &list, &err), &err);
    expect_list(&list, (const uint16_t[]){7, 2, 0}, 3);
    assert_ok(nj_cpu_list_read("0-4095", &list, &err), &err);
    assert_int_equal(list.count, NJ_CPUS_MAX);
}

static void what_is_no_list_is_refused(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        "",    "\n",   "x",      "1,",  "1,,2",  "-1", "3-1",   "1-",
        "0 1", "4096", "0-4096", "1,1", "0-3,2", "+1", "1-2-3", "99999999999999999999"};
    nj_error err = {0};
    nj_cpu_list list;
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        assert_refused(nj_cpu_list_read(TEXTS[i], &list, &err), NJ_INPUT, &err,
                       "is no list of processors");
    }
}

// ---- a machine of files ----

static void write_file(const nj_path *folder, const char *below, const char *name, const char *text)
{
    nj_error err = {0};
    nj_path place, file;
    assert_ok(nj_path_join(folder->text, below, &place, &err), &err);
    assert_ok(nj_folder_make(place.text, &err), &err);
    assert_ok(nj_path_join(place.text, name, &file, &err), &err);
    assert_ok(nj_file_write(file.text, text, strlen(text), &err), &err);
}

static void write_siblings(const nj_path *folder, int cpu, const char *siblings)
{
    char below[64];
    snprintf(below, sizeof below, "cpu/cpu%d/topology", cpu);
    write_file(folder, below, "thread_siblings_list", siblings);
}

// Two nodes of two cores of two processors: node 0 has 0,4 and 2,6, node 1 has 1,5 and 3,7.
static void write_machine(const nj_path *folder)
{
    static const char *const SIBLINGS[] = {"0,4\n", "1,5\n", "2,6\n", "3,7\n"};
    for (int cpu = 0; cpu < 8; cpu++) {
        write_siblings(folder, cpu, SIBLINGS[cpu % 4]);
    }
    write_file(folder, "node", "online", "0-1\n");
    write_file(folder, "node/node0", "cpulist", "0,2,4,6\n");
    write_file(folder, "node/node1", "cpulist", "1,3,5,7\n");
}

static void each_core_once_node_by_node_then_its_other_halves(void **state)
{
    const nj_path *folder = *state;
    nj_cpu_list list = {8, {0, 1, 2, 3, 4, 5, 6, 7}};
    write_machine(folder);
    assert_int_equal(nj_cpus_order(folder->text, &list), 4);
    expect_list(&list, (const uint16_t[]){0, 2, 1, 3, 4, 6, 5, 7}, 8);
    nj_cpu_siblings(folder->text, 6, &list);
    expect_list(&list, (const uint16_t[]){2, 6}, 2);
}

// A container with one half of a core has that core.
static void a_processor_whose_sibling_is_not_allowed_is_a_core(void **state)
{
    const nj_path *folder = *state;
    nj_cpu_list list = {3, {3, 4, 7}};
    write_machine(folder);
    assert_int_equal(nj_cpus_order(folder->text, &list), 2);
    expect_list(&list, (const uint16_t[]){4, 3, 7}, 3);
}

static void a_machine_that_says_nothing_has_a_processor_a_core(void **state)
{
    const nj_path *folder = *state;
    nj_cpu_list list = {3, {5, 1, 3}};
    assert_int_equal(nj_cpus_order(folder->text, &list), 3);
    expect_list(&list, (const uint16_t[]){1, 3, 5}, 3);
    nj_cpu_siblings(folder->text, 5, &list);
    expect_list(&list, (const uint16_t[]){5}, 1);
}

static void a_thread_runs_where_it_is_pinned(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_cpu_list before, list;
    assert_ok(nj_cpus_allowed(&before, &err), &err);
    assert_true(before.count >= 1);
    const uint16_t last = before.cpus[before.count - 1];
    assert_ok(nj_cpu_pin(last, &err), &err);
    assert_ok(nj_cpus_allowed(&list, &err), &err);
    expect_list(&list, &last, 1);
    assert_refused(nj_cpu_pin(NJ_CPUS_MAX, &err), NJ_CONFIG, &err, "processor 4096");
    assert_refused(nj_cpu_pin(NJ_CPUS_MAX - 1, &err), NJ_CONFIG, &err, "processor 4095");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_read_as_the_kernel_writes_them),
        cmocka_unit_test(what_is_no_list_is_refused),
        cmocka_unit_test_setup_teardown(each_core_once_node_by_node_then_its_other_halves,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_processor_whose_sibling_is_not_allowed_is_a_core,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_machine_that_says_nothing_has_a_processor_a_core,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test(a_thread_runs_where_it_is_pinned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
