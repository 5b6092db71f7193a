#include "common/cli/progress.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/notify.h"

#define TERMINAL_EVERY_NS 200000000u
#define LINE_EVERY_NS 30000000000u
#define BAR_CELLS 30
#define BAR_COLUMNS 60 // a narrower terminal has room for the numbers alone
#define LINE_BYTES 300
#define TEXT_BYTES 32
#define EXACT_RATE 10 // a slower rate has a digit behind the point

void nj_progress_start(nj_progress *progress, const char *what, uint64_t total, uint64_t done,
                       bool quiet, uint64_t now_ns)
{
    *progress =
        (nj_progress){.what = what,
                      .total = total,
                      .first = done,
                      .started_ns = now_ns,
                      .shown_ns = now_ns,
                      .terminal = isatty(STDERR_FILENO) != 0 && nj_log_format_now() == NJ_LOG_TEXT,
                      .quiet = quiet};
}

void nj_progress_note(nj_progress *progress, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(progress->note, sizeof progress->note, format, arguments);
    va_end(arguments);
}

typedef struct {
    double share;      // done, 0 to 1
    double per_second; // in this run
    double eta_seconds;
} pace;

static pace measure(const nj_progress *progress, uint64_t done, uint64_t now_ns)
{
    const double seconds = (double)(now_ns - progress->started_ns) / 1e9;
    const uint64_t left = done < progress->total ? progress->total - done : 0;
    pace p = {.share = progress->total > 0 ? (double)done / (double)progress->total : 1};
    p.per_second = seconds > 0 ? (double)(done - progress->first) / seconds : 0;
    p.eta_seconds = p.per_second > 0 ? (double)left / p.per_second : 0;
    return p;
}

// "53 s", "12 min 5 s", "2 h 5 min": seconds alone are hard to read where a night is long.
static void spell_duration(double seconds, char out[TEXT_BYTES])
{
    const uint64_t s = seconds < 1e9 ? (uint64_t)(seconds + 0.5) : 1000000000u;
    if (s < 60) {
        snprintf(out, TEXT_BYTES, "%" PRIu64 " s", s);
    } else if (s < 3600) {
        snprintf(out, TEXT_BYTES, "%" PRIu64 " min %" PRIu64 " s", s / 60, s % 60);
    } else {
        snprintf(out, TEXT_BYTES, "%" PRIu64 " h %" PRIu64 " min", s / 3600, s % 3600 / 60);
    }
}

// "600 of 1000 users, 12/s, ETA 53 s, 3 retries" with what stands between the parts; without a known total, "600 users, 12/s".
static void spell_numbers(const nj_progress *progress, uint64_t done, const pace *p,
                          const char *between, char out[LINE_BYTES])
{
    char eta[TEXT_BYTES];
    char of[TEXT_BYTES] = "";
    spell_duration(p->eta_seconds, eta);
    if (progress->total > 0) {
        snprintf(of, sizeof of, " of %" PRIu64, progress->total);
    }
    snprintf(out, LINE_BYTES, "%" PRIu64 "%s %s%s%.*f/s%s%s%s%s%s", done, of, progress->what,
             between, p->per_second < EXACT_RATE ? 1 : 0, p->per_second,
             progress->total > 0 ? between : "", progress->total > 0 ? "ETA " : "",
             progress->total > 0 ? eta : "", progress->note[0] != '\0' ? between : "",
             progress->note);
}

static void put_line(const char *line, int length, size_t bytes_max)
{
    if (length > 0) {
        (void)nj_log_put(line, (size_t)length < bytes_max ? (size_t)length : bytes_max - 1);
    }
}

// A line that wraps cannot be drawn over. 0: nobody knows.
static size_t count_columns(void)
{
    struct winsize size = {0};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static void draw_bar(const nj_progress *progress, uint64_t done, const pace *p)
{
    char line[2 * LINE_BYTES];
    char numbers[LINE_BYTES];
    char text[LINE_BYTES + BAR_CELLS + TEXT_BYTES];
    char bar[BAR_CELLS + 1];
    const size_t columns = count_columns();
    const int full = (int)(p->share * BAR_CELLS);
    spell_numbers(progress, done, p, "  ", numbers);
    memset(bar, '.', BAR_CELLS);
    memset(bar, '#', (size_t)(full < BAR_CELLS ? full : BAR_CELLS));
    bar[BAR_CELLS] = '\0';
    if (progress->total > 0 && columns > 0 && columns < BAR_COLUMNS) {
        snprintf(text, sizeof text, "%.0f %%  %s", 100 * p->share, numbers);
    } else if (progress->total > 0) {
        snprintf(text, sizeof text, "[%s] %3.0f %%  %s", bar, 100 * p->share, numbers);
    } else {
        snprintf(text, sizeof text, "%s", numbers);
    }
    int length = snprintf(line, sizeof line, "\r%.*s" NJ_LOG_CLEAR_END,
                          columns > 0 ? (int)columns - 1 : (int)sizeof text, text);
    nj_log_bar(true);
    put_line(line, length, sizeof line);
}

static void write_line(const nj_progress *progress, uint64_t done, const pace *p)
{
    char line[LINE_BYTES + TEXT_BYTES];
    char numbers[LINE_BYTES];
    int length = 0;
    spell_numbers(progress, done, p, ", ", numbers);
    if (progress->total > 0) {
        length = snprintf(line, sizeof line, "%.0f %%: %s\n", 100 * p->share, numbers);
    } else {
        length = snprintf(line, sizeof line, "%s\n", numbers);
    }
    nj_notify_status("%.*s", (int)strcspn(line, "\n"), line);
    if (nj_log_format_now() == NJ_LOG_TEXT) {
        put_line(line, length, sizeof line);
        return;
    }
    nj_log_event(NJ_EVENT_PROGRESS,
                 NJ_FIELDS(nj_log_uint("done", done), nj_log_uint("total", progress->total),
                           nj_log_uint("per_second", (uint64_t)p->per_second),
                           nj_log_uint("eta_seconds", (uint64_t)p->eta_seconds)),
                 "%.*s", (int)strcspn(line, "\n"), line);
}

void nj_progress_update(nj_progress *progress, uint64_t done, uint64_t now_ns)
{
    const uint64_t every_ns = progress->terminal ? TERMINAL_EVERY_NS : LINE_EVERY_NS;
    if (progress->quiet || now_ns - progress->shown_ns < every_ns) {
        return;
    }
    progress->shown_ns = now_ns;
    const pace p = measure(progress, done, now_ns);
    if (progress->terminal) {
        draw_bar(progress, done, &p);
    } else {
        write_line(progress, done, &p);
    }
}

void nj_progress_finish(nj_progress *progress)
{
    if (progress->terminal && !progress->quiet && progress->shown_ns != progress->started_ns) {
        nj_log_bar(false);
    }
}
