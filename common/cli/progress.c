#include "common/cli/progress.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/notify.h"

#define TERMINAL_EVERY_NS 200000000u
#define LINE_EVERY_NS 30000000000u
#define BAR_CELLS 30
#define CLEAR_LINE "\r\033[K"

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

static void put_line(const char *line, int length, size_t bytes_max)
{
    if (length > 0) {
        (void)nj_log_put(line, (size_t)length < bytes_max ? (size_t)length : bytes_max - 1);
    }
}

static void draw_bar(const nj_progress *progress, uint64_t done, const pace *p)
{
    char line[300];
    char bar[BAR_CELLS + 1];
    const int full = (int)(p->share * BAR_CELLS);
    memset(bar, '.', BAR_CELLS);
    memset(bar, '#', (size_t)(full < BAR_CELLS ? full : BAR_CELLS));
    bar[BAR_CELLS] = '\0';
    int length =
        snprintf(line, sizeof line,
                 "\r[%s] %3.0f %%  %" PRIu64 " of %" PRIu64 " %s  %.0f/s  ETA %.0f s%s%s\033[K",
                 bar, 100 * p->share, done, progress->total, progress->what, p->per_second,
                 p->eta_seconds, progress->note[0] != '\0' ? "  " : "", progress->note);
    put_line(line, length, sizeof line);
}

static void write_line(const nj_progress *progress, uint64_t done, const pace *p)
{
    char line[300];
    int length = snprintf(line, sizeof line,
                          "%.0f %%: %" PRIu64 " of %" PRIu64 " %s, %.0f/s, ETA %.0f s%s%s\n",
                          100 * p->share, done, progress->total, progress->what, p->per_second,
                          p->eta_seconds, progress->note[0] != '\0' ? ", " : "", progress->note);
    nj_notify_status("%.*s", length, line);
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
        (void)nj_log_put(CLEAR_LINE, strlen(CLEAR_LINE));
    }
}
