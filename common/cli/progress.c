#include "common/cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define TERMINAL_EVERY_NS 200000000u
#define LINE_EVERY_NS 30000000000u
#define BAR_CELLS 30

void nj_progress_start(nj_progress *progress, const char *what, uint64_t total, uint64_t done,
                       bool quiet, uint64_t now_ns)
{
    *progress = (nj_progress){.what = what,
                              .total = total,
                              .first = done,
                              .started_ns = now_ns,
                              .shown_ns = now_ns,
                              .terminal = isatty(STDERR_FILENO) != 0,
                              .quiet = quiet};
}

void nj_progress_update(nj_progress *progress, uint64_t done, uint64_t now_ns)
{
    uint64_t every = progress->terminal ? TERMINAL_EVERY_NS : LINE_EVERY_NS;
    if (progress->quiet || now_ns - progress->shown_ns < every) {
        return;
    }
    progress->shown_ns = now_ns;
    double seconds = (double)(now_ns - progress->started_ns) / 1e9;
    double rate = seconds > 0 ? (double)(done - progress->first) / seconds : 0;
    double left = rate > 0 ? (double)(progress->total - done) / rate : 0;
    double share = progress->total > 0 ? (double)done / (double)progress->total : 1;
    if (progress->terminal) {
        char bar[BAR_CELLS + 1];
        for (int i = 0; i < BAR_CELLS; i++) {
            bar[i] = i < (int)(share * BAR_CELLS) ? '#' : '.';
        }
        bar[BAR_CELLS] = '\0';
        fprintf(stderr, "\r[%s] %3.0f %%  %" PRIu64 " of %" PRIu64 " %s  %.0f/s  ETA %.0f s   ",
                bar, 100 * share, done, progress->total, progress->what, rate, left);
    } else {
        fprintf(stderr, "%.0f %%: %" PRIu64 " of %" PRIu64 " %s, %.0f/s, ETA %.0f s\n", 100 * share,
                done, progress->total, progress->what, rate, left);
    }
    fflush(stderr);
}

void nj_progress_finish(nj_progress *progress)
{
    if (progress->terminal && !progress->quiet && progress->shown_ns != progress->started_ns) {
        fprintf(stderr, "\r\033[K");
        fflush(stderr);
    }
}
