// collision_options.h - --collisions, --suffix-codes and --suffix-overflow, wherever items get their codes.
#ifndef NJ_OPS_CLI_COLLISION_OPTIONS_H
#define NJ_OPS_CLI_COLLISION_OPTIONS_H

#include "common/catalogue/collisions.h"
#include "common/cli/cli.h"
#include "common/cli/progress.h"

// Rows of a command's option table.
#define NJ_COLLISION_OPTIONS                                                                       \
    {"collisions", "suffix|relocate|leaves", "suffix",                                             \
     "items of equal codes: suffix (a counter as a further level), relocate (next best codes) or " \
     "leaves (they share a SID)",                                                                  \
     false},                                                                                       \
        {"suffix-codes", "N", "0", "codes of the counter; 0: as many as the last level", false},   \
        {"suffix-overflow", "refuse|relocate", "refuse",                                           \
         "items past the counter: refuse, or relocate them to codes that have room", false},       \
    {                                                                                              \
        "no-suffix", NULL, NULL, "as --collisions leaves", false                                   \
    }

/// --suffix-overflow alone. NJ_USAGE names what it may be.
NJ_CHECKED nj_status nj_suffix_overflow_from(const nj_arguments *arguments, bool *out_relocates,
                                             nj_error *err);

/// NJ_USAGE names the option and what it may be.
NJ_CHECKED nj_status nj_collision_options_from(const nj_arguments *arguments,
                                               nj_collision_options *out, nj_error *err);

// Relocation on a progress bar.
typedef struct {
    nj_progress bar;
    const char *phase; // NULL = none has begun
} nj_collision_watch;

/// Shows nothing where little is to be done. `watch` is borrowed until nj_collision_watch_finish.
nj_collision_progress nj_collision_watch_begin(nj_collision_watch *watch);
void nj_collision_watch_finish(nj_collision_watch *watch);

#endif
