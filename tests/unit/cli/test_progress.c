// test_progress.c - the same numbers as a bar, as a line and as an event.
#include "common/cli/progress.h"

#include <pty.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/base/log.h"
#include "tests/support/nj_test.h"

#define S 1000000000ull
#define CAPTURE_BYTES 4096

static int kept;

static void replace_stderr(int fd)
{
    kept = dup(STDERR_FILENO);
    assert_true(kept >= 0);
    assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
}

static void restore_stderr(void)
{
    assert_int_equal(dup2(kept, STDERR_FILENO), STDERR_FILENO);
    close(kept);
}

// What is written to standard error from here to end_capture goes into a pipe, whose end to read from is returned.
static int begin_capture(void)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    replace_stderr(ends[1]);
    close(ends[1]);
    return ends[0];
}

// out: [CAPTURE_BYTES]. Returns how much there was.
static ssize_t end_capture(int from, char *out)
{
    restore_stderr();
    ssize_t size = read(from, out, CAPTURE_BYTES - 1);
    close(from);
    assert_true(size >= 0);
    out[size] = '\0';
    return size;
}

// 300 of 1,000 were done before this run, 300 more forty seconds later; a tenth of a second is too early for everybody.
static void run_progress(const char *note)
{
    nj_progress progress;
    nj_progress_start(&progress, "users", 1000, 300, false, 100 * S);
    nj_progress_note(&progress, "%s", note);
    nj_progress_update(&progress, 310, 100 * S + S / 10);
    nj_progress_update(&progress, 600, 140 * S);
    nj_progress_finish(&progress);
}

// What the progress of these words puts into a pipe. [CAPTURE_BYTES]
static void capture(const char *format, const char *note, char *out)
{
    assert_int_equal(nj_log_set_format(format), NJ_OK);
    int from = begin_capture();
    run_progress(note);
    end_capture(from, out);
    assert_int_equal(nj_log_set_format("text"), NJ_OK);
}

static void a_log_gets_a_line_after_thirty_seconds(void **state)
{
    (void)state;
    char line[CAPTURE_BYTES];
    capture("text", "", line);
    assert_string_equal(line, "60 %: 600 of 1000 users, 7.5/s, ETA 53 s\n");
}

static void what_went_wrong_stands_behind_it(void **state)
{
    (void)state;
    char line[CAPTURE_BYTES];
    capture("text", "3 retries, 1 quarantined", line);
    assert_string_equal(line,
                        "60 %: 600 of 1000 users, 7.5/s, ETA 53 s, 3 retries, 1 quarantined\n");
}

static void machines_get_an_event(void **state)
{
    (void)state;
    char line[CAPTURE_BYTES];
    capture("json", "3 retries", line);
    assert_non_null(strstr(line, "\"event\":\"progress\",\"done\":600,\"total\":1000,"
                                 "\"per_second\":7,\"eta_seconds\":53,\"message\":\"60 %: 600 of"));
    assert_non_null(strstr(line, "ETA 53 s, 3 retries\"}\n"));
}

// What the whole of a terminal of so many columns saw; 0: it does not know how many. [CAPTURE_BYTES]
static bool watch_terminal(unsigned short columns, void (*run)(void), char *screen)
{
    int master;
    int terminal;
    size_t used = 0;
    ssize_t size; // a terminal gives what each write put there; behind the last it fails
    const struct winsize window = {.ws_row = 24, .ws_col = columns};
    if (openpty(&master, &terminal, NULL, NULL, columns > 0 ? &window : NULL) != 0) {
        return false;
    }
    replace_stderr(terminal);
    run();
    restore_stderr();
    close(terminal);
    while ((size = read(master, screen + used, CAPTURE_BYTES - 1 - used)) > 0) {
        used += (size_t)size;
    }
    screen[used] = '\0';
    close(master);
    return true;
}

static void run_with_trouble(void)
{
    run_progress("2 benched");
}

static void run_with_a_message(void)
{
    nj_progress progress;
    nj_progress_start(&progress, "users", 1000, 0, false, 0);
    nj_progress_update(&progress, 500, S);
    nj_log(NJ_LOG_WARNING, "a worker vanished");
    nj_log(NJ_LOG_WARNING, "another");
    nj_progress_finish(&progress);
}

static void a_terminal_gets_a_bar_that_goes_away(void **state)
{
    (void)state;
    char screen[CAPTURE_BYTES];
    if (!watch_terminal(0, run_with_trouble, screen)) {
        skip();
    }
    assert_non_null(strstr(screen, "\r[##################............]  60 %  600 of 1000 users  "
                                   "7.5/s  ETA 53 s  2 benched\033[K\r\033[K"));
}

static void a_bar_is_cut_where_the_terminal_ends(void **state)
{
    (void)state;
    char screen[CAPTURE_BYTES];
    if (!watch_terminal(60, run_with_trouble, screen)) {
        skip();
    }
    assert_non_null(
        strstr(screen, "\r[##################............]  60 %  600 of 1000 users  \033[K"));
}

static void a_narrow_terminal_gets_the_numbers_instead_of_the_bar(void **state)
{
    (void)state;
    char screen[CAPTURE_BYTES];
    if (!watch_terminal(20, run_with_trouble, screen)) {
        skip();
    }
    assert_non_null(strstr(screen, "\r60 %  600 of 1000 u\033[K"));
}

static void a_line_of_the_log_clears_the_bar_first(void **state)
{
    (void)state;
    char screen[CAPTURE_BYTES];
    if (!watch_terminal(0, run_with_a_message, screen)) {
        skip();
    }
    assert_non_null(strstr(screen, "ETA 1 s\033[K\r\033[Knightjar["));
    assert_non_null(strstr(screen, "a worker vanished\r\nnightjar["));
    assert_non_null(strstr(screen, "another\r\n"));
    assert_string_equal(strstr(screen, "another"), "another\r\n"); // no bar is left to take away
}

static void long_times_are_hours_and_an_unknown_total_has_none(void **state)
{
    (void)state;
    char line[CAPTURE_BYTES];
    nj_progress progress;
    int from = begin_capture();
    nj_progress_start(&progress, "users", 1000000, 0, false, 0);
    nj_progress_update(&progress, 4000, 40 * S);
    nj_progress_update(&progress, 500000, 1000 * S);
    nj_progress_start(&progress, "lines", 0, 0, false, 0);
    nj_progress_update(&progress, 4000, 40 * S);
    assert_true(end_capture(from, line) > 0);
    assert_string_equal(line, "0 %: 4000 of 1000000 users, 100/s, ETA 2 h 46 min\n"
                              "50 %: 500000 of 1000000 users, 500/s, ETA 16 min 40 s\n"
                              "4000 lines, 100/s\n");
}

static void nothing_is_printed_where_quiet(void **state)
{
    (void)state;
    char line[CAPTURE_BYTES];
    nj_progress progress;
    int from = begin_capture();
    nj_progress_start(&progress, "users", 10, 0, true, 0);
    nj_progress_update(&progress, 5, 40 * S);
    nj_progress_start(&progress, "users", 10, 0, false, 0);
    nj_progress_update(&progress, 5, 40 * S);
    assert_true(end_capture(from, line) > 0);
    assert_string_equal(line, "50 %: 5 of 10 users, 0.1/s, ETA 40 s\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_gets_a_line_after_thirty_seconds),
        cmocka_unit_test(what_went_wrong_stands_behind_it),
        cmocka_unit_test(machines_get_an_event),
        cmocka_unit_test(a_terminal_gets_a_bar_that_goes_away),
        cmocka_unit_test(a_bar_is_cut_where_the_terminal_ends),
        cmocka_unit_test(a_narrow_terminal_gets_the_numbers_instead_of_the_bar),
        cmocka_unit_test(a_line_of_the_log_clears_the_bar_first),
        cmocka_unit_test(long_times_are_hours_and_an_unknown_total_has_none),
        cmocka_unit_test(nothing_is_printed_where_quiet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
