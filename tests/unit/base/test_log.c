// test_log.c - one clean line an event on stderr, whatever is quoted in it, and whoever reads it or does not.
#include "common/base/log.h"

#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/id.h"
#include "tests/support/nj_test.h"

#define CAPTURE_BYTES 8192
#define ROUNDS                                                                                     \
    20000 // of random bytes: every byte at every place of an escape, and lines that are full

static int ends[2]; // of the pipe that stands in for stderr
static int kept;

static void begin_capture(void)
{
    assert_int_equal(pipe(ends), 0);
    kept = dup(STDERR_FILENO);
    assert_true(kept >= 0);
    assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
}

// What came out since begin_capture. [CAPTURE_BYTES]
static size_t end_capture(char *out)
{
    assert_int_equal(dup2(kept, STDERR_FILENO), STDERR_FILENO);
    close(kept);
    close(ends[1]);
    ssize_t size = read(ends[0], out, CAPTURE_BYTES - 1);
    close(ends[0]);
    assert_true(size >= 0);
    out[size] = '\0';
    return (size_t)size;
}

// Runs nj_log(level, "%s", text) with stderr in a pipe and gives what came out. [CAPTURE_BYTES]
static size_t capture(nj_log_level level, const char *text, char *out)
{
    begin_capture();
    nj_log(level, "%s", text);
    return end_capture(out);
}

static void a_line_names_program_process_and_level(void **state)
{
    (void)state;
    char line[CAPTURE_BYTES];
    char expected[100];
    nj_log_setup("nightjar-worker", NJ_LOG_INFO);
    snprintf(expected, sizeof expected, "nightjar-worker[%ld]: warning: disk is slow\n",
             (long)getpid());

    capture(NJ_LOG_WARNING, "disk is slow", line);

    assert_string_equal(line, expected);
}

static void levels_below_the_least_say_nothing(void **state)
{
    (void)state;
    char line[CAPTURE_BYTES];
    nj_log_setup("x", NJ_LOG_WARNING);

    assert_int_equal(capture(NJ_LOG_DEBUG, "a", line), 0);
    assert_int_equal(capture(NJ_LOG_INFO, "a", line), 0);
    assert_true(capture(NJ_LOG_WARNING, "a", line) > 0);
    assert_true(capture(NJ_LOG_ERROR, "a", line) > 0);
}

static void quoted_bytes_cannot_forge_lines_or_drive_a_terminal(void **state)
{
    (void)state;
    char line[CAPTURE_BYTES];
    nj_log_setup("x", NJ_LOG_INFO);

    size_t size = capture(NJ_LOG_INFO, "a\nx[1]: error: forged\x1b[31m\x7f", line);

    assert_non_null(strstr(line, "info: a?x[1]: error: forged?[31m?\n"));
    assert_ptr_equal(strchr(line, '\n'), line + size - 1);
}

static void long_lines_and_names_are_cut(void **state)
{
    (void)state;
    char line[CAPTURE_BYTES];
    static char longer[5000];
    memset(longer, 'y', sizeof longer - 1);

    nj_log_setup("x", NJ_LOG_INFO);
    assert_int_equal(capture(NJ_LOG_INFO, longer, line), NJ_LOG_LINE_BYTES_MAX - 3);
    assert_int_equal(line[NJ_LOG_LINE_BYTES_MAX - 4], '\n');

    nj_log_setup(longer, NJ_LOG_INFO);
    assert_true(capture(NJ_LOG_INFO, "the end", line) < 200);
    assert_non_null(strstr(line, "the end\n"));
}

// ---- for machines ----

static void an_event_has_its_fields_in_every_format(void **state)
{
    (void)state;
    static const char *const FORMATS[] = {"text", "logfmt", "json"};
    static const char *const ENDS[] = {
        "]: warning: shard 7 goes to another worker\n",
        " event=lease_lost shard=7 worker=\"a \\\"b\\\"\" message=\"shard 7 goes to another "
        "worker\"\n",
        ",\"event\":\"lease_lost\",\"shard\":7,\"worker\":\"a \\\"b\\\"\","
        "\"message\":\"shard 7 goes to another worker\"}\n",
    };
    char line[CAPTURE_BYTES];
    nj_log_setup("nightjar-worker", NJ_LOG_INFO);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(nj_log_set_format(FORMATS[i]), NJ_OK);

        begin_capture();
        nj_log_event(NJ_EVENT_LEASE_LOST,
                     NJ_FIELDS(nj_log_uint("shard", 7), nj_log_text("worker", "a \"b\"")),
                     "shard %d goes to another worker", 7);
        size_t size = end_capture(line);

        assert_true(size > strlen(ENDS[i]));
        assert_string_equal(line + size - strlen(ENDS[i]), ENDS[i]);
    }
    assert_int_equal(nj_log_set_format("xml"), NJ_INPUT);
    assert_int_equal(nj_log_format_now(), NJ_LOG_JSON);
    assert_int_equal(nj_log_set_format("text"), NJ_OK);
}

static void the_time_is_utc_with_milliseconds(void **state)
{
    (void)state;
    char line[CAPTURE_BYTES];
    unsigned part[7];
    char end;
    assert_int_equal(nj_log_set_format("logfmt"), NJ_OK);
    assert_true(capture(NJ_LOG_INFO, "a", line) > 0);
    assert_int_equal(sscanf(line, "time=%4u-%2u-%2uT%2u:%2u:%2u.%3u%c", &part[0], &part[1],
                            &part[2], &part[3], &part[4], &part[5], &part[6], &end),
                     8);
    assert_int_equal(end, 'Z');
    assert_int_equal(nj_log_set_format("text"), NJ_OK);
}

// What a reader of JSON must find: bytes that are no UTF-8 stand as U+FFFD. [3 * size + 1]
static void replace_stray_bytes(const char *bytes, size_t size, char *out)
{
    while (size > 0) {
        size_t length = nj_utf8_sequence(bytes, size);
        const size_t taken = length == 0 ? 1 : length;
        memcpy(out, length == 0 ? "\xef\xbf\xbd" : bytes, length == 0 ? 3 : length);
        out += length == 0 ? 3 : length;
        bytes += taken;
        size -= taken;
    }
    *out = '\0';
}

// Bytes that provoke: quotes, controls, halves of characters. None is NUL.
static size_t draw_bytes(char *out, size_t most)
{
    static const char PROVOKING[] = "\"\\\n\t\x01\x1b\x7f\xc2\x85\xff\xe2\x80\xa8\xf0\x9f ={},:";
    const size_t size = (size_t)rand() % (most + 1);
    for (size_t i = 0; i < size; i++) {
        const int any = 1 + rand() % 255;
        const size_t at = (size_t)rand() % (sizeof PROVOKING - 1);
        out[i] = rand() % 3 == 0 ? PROVOKING[at] : (char)any;
    }
    out[size] = '\0';
    return size;
}

static void assert_text(const json_t *object, const char *key, const char *expected, bool may_cut)
{
    const char *found = json_string_value(json_object_get(object, key));
    assert_non_null(found);
    assert_memory_equal(found, expected, strlen(found));
    assert_true(may_cut || strlen(found) == strlen(expected));
}

static void any_bytes_come_out_as_one_line_of_valid_json(void **state)
{
    (void)state;
    srand(1);
    assert_int_equal(nj_log_set_format("json"), NJ_OK);
    for (int round = 0; round < ROUNDS; round++) {
        char user[601], message[3001], line[CAPTURE_BYTES];
        char user_expected[1801], message_expected[9001];
        const bool is_long = round % 16 == 0;
        size_t user_size = draw_bytes(user, is_long ? sizeof user - 1 : 40);
        size_t message_size = draw_bytes(message, is_long ? sizeof message - 1 : 60);
        replace_stray_bytes(user, user_size, user_expected);
        replace_stray_bytes(message, message_size, message_expected);

        begin_capture();
        nj_log_event(NJ_EVENT_USER_QUARANTINED,
                     NJ_FIELDS(nj_log_text("user", user), nj_log_text("status", user),
                               nj_log_uint("shard", UINT64_MAX / 2)),
                     "%s", message);
        size_t size = end_capture(line);

        assert_true(size <= NJ_LOG_LINE_BYTES_MAX);
        assert_ptr_equal(strchr(line, '\n'), line + size - 1);
        json_t *object = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(object);
        assert_text(object, "user", user_expected, is_long);
        assert_text(object, "message", message_expected, is_long);
        assert_true(json_integer_value(json_object_get(object, "shard")) == INT64_MAX);
        json_decref(object);
        for (size_t i = 0; i + 1 < size; i++) {
            assert_true((unsigned char)line[i] >= 0x20 && line[i] != 0x7f);
        }
    }
    assert_int_equal(nj_log_set_format("text"), NJ_OK);
}

// ---- nobody reads ----

static void fill(int fd)
{
    char page[PIPE_BUF] = {0};
    int flags = fcntl(fd, F_GETFL);
    assert_int_equal(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 0);
    while (write(fd, page, sizeof page) > 0) {
    }
    assert_int_equal(fcntl(fd, F_SETFL, flags), 0);
}

// An alarm ends the test if a line waits for its reader.
static void a_reader_that_has_stopped_costs_lines_and_no_time(void **state)
{
    (void)state;
    char line[CAPTURE_BYTES];
    static char held[1 << 20];
    nj_log_setup("x", NJ_LOG_INFO);
    begin_capture();
    fill(ends[1]);

    alarm(20);
    nj_log(NJ_LOG_INFO, "lost");
    nj_log(NJ_LOG_INFO, "lost as well");
    alarm(0);
    assert_true(read(ends[0], held, sizeof held) > 0);
    nj_log(NJ_LOG_INFO, "read again");

    assert_true(end_capture(line) > 0);
    assert_non_null(strstr(line, "warning: lines lost before this one: 2\n"));
    assert_non_null(strstr(line, "info: read again\n"));
}

static void a_full_socket_does_not_wait_either(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    fill(pair[1]);
    int before = dup(STDERR_FILENO);
    assert_int_equal(dup2(pair[1], STDERR_FILENO), STDERR_FILENO);

    alarm(20);
    bool left = nj_log_put("lost", 4);
    alarm(0);

    assert_int_equal(dup2(before, STDERR_FILENO), STDERR_FILENO);
    assert_false(left);
    close(before);
    close(pair[0]);
    close(pair[1]);
}

static void a_reader_that_is_gone_kills_nobody(void **state)
{
    (void)state;
    char line[CAPTURE_BYTES];
    signal(SIGPIPE, SIG_IGN); // as nj_cli_main does
    begin_capture();
    close(ends[0]);
    assert_false(nj_log_put("lost", 4));
    nj_log(NJ_LOG_INFO, "lost");
    assert_int_equal(dup2(kept, STDERR_FILENO), STDERR_FILENO);
    close(kept);
    close(ends[1]);
    (void)capture(NJ_LOG_INFO, "heard again", line);
    assert_non_null(strstr(line, "lines lost before this one: 1\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_names_program_process_and_level),
        cmocka_unit_test(levels_below_the_least_say_nothing),
        cmocka_unit_test(quoted_bytes_cannot_forge_lines_or_drive_a_terminal),
        cmocka_unit_test(long_lines_and_names_are_cut),
        cmocka_unit_test(an_event_has_its_fields_in_every_format),
        cmocka_unit_test(the_time_is_utc_with_milliseconds),
        cmocka_unit_test(any_bytes_come_out_as_one_line_of_valid_json),
        cmocka_unit_test(a_reader_that_has_stopped_costs_lines_and_no_time),
        cmocka_unit_test(a_full_socket_does_not_wait_either),
        cmocka_unit_test(a_reader_that_is_gone_kills_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
