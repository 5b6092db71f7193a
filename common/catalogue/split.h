// split.h - a history in parts for judging: what training may see, what the model reads, and what it should have named.
//
//   history      a  b  c  d  e  f
//   test         ├ training ┤                      leave-last-out, as TIGER and SASRec evaluate: the last item is held out for the
//                └── input ────┘  └ held out       test, the one before it for choosing settings; training sees neither, whichever
//   validation   ├ training ┤                      of the two is judged
//                └ input ───┘  └ held out
//                       from             until
//   time         ├ training ┤│               │     one moment for all users: what happened before it is known, the first event from
//                └ input ───┘│└ held out     │     then on, and before `until`, is held out
//   none         └ input and training ─────┘       nothing is: lists for tomorrow
//
// With leave-last-out a model has seen other users' futures when it names a user's next item; the time split is what a night meets.
#ifndef NJ_CATALOGUE_SPLIT_H
#define NJ_CATALOGUE_SPLIT_H

#include "common/base/buffer.h"
#include "common/cli/cli.h"
#include "common/input/histories.h"

typedef enum { NJ_SPLIT_TEST, NJ_SPLIT_VALIDATION, NJ_SPLIT_TIME, NJ_SPLIT_NONE } nj_split_kind;

#define NJ_SPLIT_LAST_COUNT 2 // items of every history that leave-last-out hides from training

typedef struct {
    nj_split_kind kind;
    nj_instant from;  // time: given
    nj_instant until; // time: not given means no end
} nj_split;

// How many items a history's front has for each purpose.
typedef struct {
    size_t training_count;
    size_t input_count;
    bool has_target; // the item behind the input; false: this user cannot be judged
} nj_split_parts;

/// Rows of an option table, for nj_split_from.
#define NJ_SPLIT_OPTIONS                                                                           \
    {"split", "leave-last-out|time", "leave-last-out",                                             \
     "what is held out: leave-last-out (of every user one item) or time (what follows --from)",    \
     false},                                                                                       \
        {"target", "test|validation|none", "test",                                                 \
         "with leave-last-out: test (a user's last item), validation (the one before it) or, "     \
         "where nothing is judged, none",                                                          \
         false},                                                                                   \
        {"from", "TIME", NULL,                                                                     \
         "with --split time: histories end before, the first event from then on is held out",      \
         false},                                                                                   \
    {                                                                                              \
        "until", "TIME", NULL, "with --split time: events from then on hold nothing out", false    \
    }

/// Reads --split, --target, --from and --until. NJ_USAGE: a word or time that is none, --from missing or without --split time, an
/// --until that is not behind --from.
NJ_CHECKED nj_status nj_split_from(const nj_arguments *arguments, nj_split *out, nj_error *err);

/// Sets what the reading must hand over: a time split wants times.
static inline void nj_split_ask(const nj_split *split, nj_histories_source *source)
{
    source->wants_times = source->wants_times || split->kind == NJ_SPLIT_TIME;
}

/// Splits one history, read as nj_split_ask asked.
///
/// Errors  NJ_INPUT: --from or --until is a date and the history's times are not in seconds (names the line)
/// Proof   tests/unit/catalogue/test_split.c
NJ_CHECKED nj_status nj_split_history(const nj_split *split, const nj_history *history,
                                      nj_split_parts *out, nj_error *err);

/// What a list says of the histories that it was made from (schemas/lists.md, key "held_out"): "test", "validation", "from 1714521600"
/// or "none", and behind it "; as of T" and "; ties N" where given. Lists whose words are the same read the same histories; so a
/// night as of T and a time split from T, which do, have the same words.
#define NJ_SPLIT_WORDS_BYTES 128
typedef struct {
    char text[NJ_SPLIT_WORDS_BYTES];
} nj_split_words;
nj_split_words nj_split_describe(const nj_split *split, const nj_histories_source *source);

#endif
