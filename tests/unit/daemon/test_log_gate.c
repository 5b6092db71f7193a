// test_log_gate.c - a flood of lines becomes a few and a count.
#include "coordinator/daemon/log_gate.h"

#include <stdio.h>
#include <unistd.h>

#include "common/base/log.h"
#include "tests/support/nj_test.h"

#define SECOND UINT64_C(1000000000)
#define CAPTURE_BYTES 4096

static unsigned pass_some(nj_log_gate *gate, unsigned count, uint64_t now_ns)
{
    unsigned passed = 0;
    for (unsigned i = 0; i < count; i++) {
        passed += nj_log_gate_pass(gate, "failed leases", now_ns);
    }
    return passed;
}

// What passing `count` more lines at `now_ns` writes to stderr by itself.
static void capture(nj_log_gate *gate, unsigned count, uint64_t now_ns, char out[CAPTURE_BYTES])
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    int kept = dup(STDERR_FILENO);
    assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    (void)pass_some(gate, count, now_ns);
    if (count == 0) {
        nj_log_gate_tell(gate, "failed leases", now_ns);
    }
    assert_int_equal(dup2(kept, STDERR_FILENO), STDERR_FILENO);
    close(kept);
    close(ends[1]);
    ssize_t size = read(ends[0], out, CAPTURE_BYTES - 1);
    close(ends[0]);
    assert_true(size >= 0);
    out[size] = '\0';
}

static void a_window_lets_a_few_lines_through_and_the_next_says_how_many_it_kept(void **state)
{
    (void)state;
    char text[CAPTURE_BYTES];
    nj_log_gate gate = {0};
    const uint64_t now_ns = 100 * SECOND;
    assert_int_equal(pass_some(&gate, 5000, now_ns), NJ_LOG_GATE_LINES);
    assert_int_equal(pass_some(&gate, 7, now_ns + 9 * SECOND), 0);
    capture(&gate, 1, now_ns + 10 * SECOND, text);
    assert_non_null(strstr(text, "failed leases: 4987 more lines"));
    capture(&gate, 1, now_ns + 21 * SECOND, text);
    assert_string_equal(text, "");
}

static void what_is_left_at_the_end_is_told(void **state)
{
    (void)state;
    char text[CAPTURE_BYTES];
    nj_log_gate gate = {0};
    assert_int_equal(pass_some(&gate, NJ_LOG_GATE_LINES + 3, 100 * SECOND), NJ_LOG_GATE_LINES);
    capture(&gate, 0, 101 * SECOND, text);
    assert_string_equal(text, ""); // the window is not over
    capture(&gate, 0, UINT64_MAX, text);
    assert_non_null(strstr(text, "failed leases: 3 more lines"));
}

int main(void)
{
    nj_log_setup("test", NJ_LOG_INFO);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_lets_a_few_lines_through_and_the_next_says_how_many_it_kept),
        cmocka_unit_test(what_is_left_at_the_end_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
