#include "common/base/log.h"

#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/base/log_line.h"

#define EVENT_NAME_BYTES 32
#define TIME_BYTES 32

static const char *program_name = "nightjar";
static nj_log_level least_level = NJ_LOG_INFO;
static nj_log_format line_format = NJ_LOG_TEXT;
static atomic_uint_least64_t lines_lost; // since the last line that left
static atomic_bool bar_shown;

static const char *const FORMATS[] = {"text", "logfmt", "json"};
static const char *const LEVELS[] = {"debug", "info", "warning", "error"};

static const struct {
    const char *name; // in capitals
    nj_log_level level;
    const char *fields;
} EVENTS[NJ_EVENT_COUNT] = {
#define NJ_EVENT(NAME, LEVEL, fields, meaning) {#NAME, NJ_LOG_##LEVEL, fields},
#include "schemas/event.def"
#undef NJ_EVENT
};

void nj_log_setup(const char *program, nj_log_level least)
{
    program_name = program;
    least_level = least;
}

nj_status nj_log_set_format(const char *word)
{
    for (size_t i = 0; i < sizeof FORMATS / sizeof FORMATS[0]; i++) {
        if (strcmp(word, FORMATS[i]) == 0) {
            line_format = (nj_log_format)i;
            return NJ_OK;
        }
    }
    return NJ_INPUT;
}

nj_log_format nj_log_format_now(void)
{
    return line_format;
}

// ---- writing without waiting ----

// A pipe's O_NONBLOCK belongs to everybody who has it open, the shell too. Opened again, the pipe has one that is ours alone.
static ssize_t write_to_pipe(const char *bytes, size_t size)
{
    int own = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (own < 0) {
        return -1;
    }
    ssize_t written = write(own, bytes, size);
    close(own);
    return written;
}

static ssize_t write_when_ready(const char *bytes, size_t size)
{
    struct pollfd stream = {.fd = STDERR_FILENO, .events = POLLOUT};
    return poll(&stream, 1, 0) == 1 ? write(STDERR_FILENO, bytes, size) : -1;
}

bool nj_log_put(const char *bytes, size_t size)
{
    struct stat about;
    ssize_t written;
    if (fstat(STDERR_FILENO, &about) != 0) {
        return false;
    }
    if (S_ISFIFO(about.st_mode) && access("/proc/self/fd/2", W_OK) == 0) {
        written = write_to_pipe(bytes, size);
    } else if (S_ISSOCK(about.st_mode)) {
        written = send(STDERR_FILENO, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    } else {
        written = write_when_ready(bytes, size);
    }
    return written == (ssize_t)size;
}

void nj_log_bar(bool shown)
{
    static const char CLEAR[] = "\r" NJ_LOG_CLEAR_END;
    if (atomic_exchange(&bar_shown, shown) && !shown) {
        (void)nj_log_put(CLEAR, strlen(CLEAR));
    }
}

// ---- a line ----

// The event's name in small letters, into `out`.
static void spell_event(nj_event event, char out[EVENT_NAME_BYTES])
{
    size_t used = 0;
    for (const char *c = EVENTS[event].name; *c != '\0' && used + 1 < EVENT_NAME_BYTES; c++) {
        out[used++] = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
    }
    out[used] = '\0';
}

static void spell_time(char out[TIME_BYTES])
{
    const uint64_t wall_ms = nj_clock_wall_ms();
    const time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc = {0};
    gmtime_r(&seconds, &utc);
    size_t used = strftime(out, TIME_BYTES, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(out + used, TIME_BYTES - used, ".%03uZ", (unsigned)(wall_ms % 1000));
}

// True for a value that logfmt writes without quotes.
static bool is_plain(nj_slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        const char c = text.bytes[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     (c != '\0' && strchr("._:/+-@", c) != NULL);
        if (!plain) {
            return false;
        }
    }
    return text.size > 0;
}

// Adds a field whole (its value may be cut), or not at all.
static void add_text(nj_line *line, const char *name, nj_slice text, size_t bytes_max)
{
    const size_t mark = line->used;
    const bool is_json = line_format == NJ_LOG_JSON;
    const bool quotes = is_json || !is_plain(text);
    bool fits = nj_line_print(line, is_json ? ",\"%s\":" : " %s=", name);
    fits = fits && (!quotes || nj_line_add(line, "\"", 1));
    if (fits) {
        nj_line_escape(line, text, bytes_max);
        fits = !quotes || nj_line_add(line, "\"", 1);
    }
    if (!fits) {
        line->used = mark;
    }
}

static void add_number(nj_line *line, const char *name, uint64_t number)
{
    (void)nj_line_print(line, line_format == NJ_LOG_JSON ? ",\"%s\":%" PRIu64 : " %s=%" PRIu64,
                        name, number);
}

// True when `name` is one of the words of `list`.
static bool lists_field(const char *list, const char *name)
{
    const size_t length = strlen(name);
    for (const char *at = list; (at = strstr(at, name)) != NULL; at += length) {
        bool begins = at == list || at[-1] == ' ';
        if (begins && (at[length] == ' ' || at[length] == '\0')) {
            return true;
        }
    }
    return false;
}

static void build_for_machines(nj_line *line, nj_event event, nj_log_level level,
                               const nj_log_field *fields, const char *message)
{
    char name[EVENT_NAME_BYTES];
    char time[TIME_BYTES];
    const bool is_json = line_format == NJ_LOG_JSON;
    spell_event(event, name);
    spell_time(time);
    (void)nj_line_print(line, is_json ? "{\"time\":\"%s\",\"level\":\"%s\"" : "time=%s level=%s",
                        time, LEVELS[level]);
    add_text(line, "program", nj_slice_from(program_name), 100);
    add_number(line, "pid", (uint64_t)getpid());
    add_text(line, "event", nj_slice_from(name), EVENT_NAME_BYTES);
    for (size_t i = 0; fields[i].name != NULL; i++) {
        if (fields[i].is_text) {
            add_text(line, fields[i].name, fields[i].text, NJ_LOG_VALUE_BYTES_MAX);
        } else {
            add_number(line, fields[i].name, fields[i].number);
        }
    }
    // The message comes last and in quotes: it is what gives way when the line is full.
    if (nj_line_print(line, is_json ? ",\"message\":\"" : " message=\"")) {
        nj_line_escape(line, nj_slice_from(message), NJ_LOG_LINE_BYTES_MAX);
        nj_line_end(line, "\"");
    }
    nj_line_end(line, is_json ? "}\n" : "\n");
}

static void build_for_people(nj_line *line, nj_log_level level, char *message)
{
    (void)nj_line_print(line, "%.100s[%ld]: %s: ", program_name, (long)getpid(), LEVELS[level]);
    nj_text_make_printable(message);
    const size_t room = NJ_LOG_LINE_BYTES_MAX - NJ_LINE_TAIL_BYTES - line->used;
    size_t size = strlen(message);
    if (size > room) {
        for (size = room; (message[size] & 0xc0) == 0x80; size--) { // not inside a character
        }
    }
    (void)nj_line_add(line, message, size);
    nj_line_end(line, "\n");
}

static bool write_line(nj_event event, nj_log_level level, const nj_log_field *fields,
                       char *message)
{
    nj_line line;
    line.used = 0;
    nj_log_bar(false);
    if (line_format == NJ_LOG_TEXT) {
        build_for_people(&line, level, message);
    } else {
        build_for_machines(&line, event, level, fields, message);
    }
    return nj_log_put(line.bytes, line.used);
}

static void write_event(nj_event event, nj_log_level level, const nj_log_field *fields,
                        char *message)
{
    const uint64_t lost = atomic_exchange(&lines_lost, 0);
    if (lost > 0) {
        char text[64];
        snprintf(text, sizeof text, "lines lost before this one: %" PRIu64, lost);
        if (!write_line(NJ_EVENT_LINES_LOST, EVENTS[NJ_EVENT_LINES_LOST].level,
                        NJ_FIELDS(nj_log_uint("count", lost)), text)) {
            atomic_fetch_add(&lines_lost, lost + 1);
            return;
        }
    }
    if (!write_line(event, level, fields, message)) {
        atomic_fetch_add(&lines_lost, 1);
    }
}

void nj_log(nj_log_level level, const char *format, ...)
{
    char message[NJ_LOG_LINE_BYTES_MAX];
    if (level < least_level) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    write_event(NJ_EVENT_NOTE, level, NJ_FIELDS({0}), message);
}

void nj_log_event(nj_event event, const nj_log_field *fields, const char *format, ...)
{
    char message[NJ_LOG_LINE_BYTES_MAX];
    for (const nj_log_field *field = fields; field->name != NULL; field++) {
        assert(lists_field(EVENTS[event].fields, field->name));
    }
    if (EVENTS[event].level < least_level) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    write_event(event, EVENTS[event].level, fields, message);
}
