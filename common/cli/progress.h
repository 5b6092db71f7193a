// progress.h - how far, how fast, how long still, what went wrong: a bar on a terminal, one line every 30 s otherwise (an event where
// the log is for machines). On stderr, without ever waiting for it.
//
//   [##################............]  60 %  600 of 1000 users  7.5/s  ETA 53 s  3 retries
//   60 %: 600 of 1000 users, 7.5/s, ETA 53 s, 3 retries
//
// A bar is cut to the terminal's width, and a line of the log clears it before it is written. Without a total (0) there is neither bar
// nor ETA: how much is left is not known.
#ifndef NJ_CLI_PROGRESS_H
#define NJ_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    const char *what; // "users"
    uint64_t total;   // 0: not known
    uint64_t first;   // done before this run began (a resumed night): not part of the rate
    uint64_t started_ns;
    uint64_t shown_ns; // when something was last printed
    char note[120];    // behind the ETA
    bool terminal;
    bool quiet;
} nj_progress;

void nj_progress_start(nj_progress *progress, const char *what, uint64_t total, uint64_t done,
                       bool quiet, uint64_t now_ns);
/// What stands behind the numbers from now on, such as "3 retries".
void nj_progress_note(nj_progress *progress, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/// Prints when it is time to; cheap otherwise.
/// Proof   tests/unit/cli/test_progress.c
void nj_progress_update(nj_progress *progress, uint64_t done, uint64_t now_ns);
/// Takes the bar away. Prints nothing else.
void nj_progress_finish(nj_progress *progress);

#endif
