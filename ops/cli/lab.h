// lab.h - `nightjar lab`: from a folder of ratings to a judged model, a published night and one page about it all.
//
//   lab ──► chain of steps (lab_chain.c), each a nightjar command of its own, run in OUT as a child of this program (lab_child.c)
//            data ─ embed ─ catalogue ─ train ─ baselines ─ eval ─ bundle ─ night ─ page
//
// A step whose command line and inputs have not changed since it ended well is not run again (lab_steps.c), so a lab that was stopped
// goes on with the same command. What the first and the last step do stands here, because no other command does it: `lab data` writes
// a data set in nightjar's own forms (lab_data.c), `lab page` tells the whole method on one page (lab_page.c).
#ifndef NJ_OPS_CLI_LAB_H
#define NJ_OPS_CLI_LAB_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/file.h"

#define NJ_LAB_KINDS "ml-100k, ml-1m or beauty"

// A data set whose files the lab knows.
typedef struct {
    const char *name;       // "ml-100k"
    const char *histories;  // file of interactions, in a form of histories.h
    const char *items;      // file of items: tab separated, with a header
    const char *id;         // its columns, without RecBole's types
    const char *title;      //
    const char *words[3];   // further columns that tell what an item is; NULL behind the last
    const char *item_noun;  // "films"
    const char *event_noun; // "ratings"
    const char *about;      // one sentence
} nj_lab_kind;

/// The kind called `name`, or (NULL) the first whose interactions are in the folder. NJ_USAGE: no such kind; NJ_NOT_FOUND: no such folder,
/// a file of it is missing, or it has those of no kind.
NJ_CHECKED nj_status nj_lab_kind_find(const char *name, const char *folder, const nj_lab_kind **out,
                                      nj_error *err);
/// The kind called `name`, or NULL.
const nj_lab_kind *nj_lab_kind_named(const char *name);

/// Writes a data set in the forms of the other commands, into the folder `out`:
///
///   items.txt      one item id a line: those of the item file, then those that only interactions name
///   items.tsv      item_id, title, words
///   histories.txt  user item item ..., oldest first; ties in time in the order of a hash of `seed`
///   training.txt   the same without every user's last two items, which are held out
///   data.json      what was read, in numbers
///   example.txt    one user, whose history is as long as that of the median user
///
/// Errors  NJ_INPUT names file, line and rule; NJ_NOT_FOUND, NJ_IO, NJ_NO_MEMORY
/// Proof   tests/cli/0850-lab.t
NJ_CHECKED nj_status nj_lab_data_write(const nj_lab_kind *kind, const char *folder, uint64_t seed,
                                       const char *out, nj_error *err);

#endif
