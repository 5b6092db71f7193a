// followed.h - one channel of a store and the generation that it names, opened anew when it names another.
//
//   STORE/CURRENT or STORE/CHANNELS/<name>  ──stat──► the same file: nothing to do
//                                                └──► another: read the name, open that generation, close the one before
//
// A name is written under another name and renamed, so whoever changes it gives it a new file. The look is one stat(2).
#ifndef NJ_READER_FOLLOWED_H
#define NJ_READER_FOLLOWED_H

#include <stdbool.h>
#include <sys/stat.h>
#include <time.h>

#include "common/base/file.h"
#include "common/reader/nightjar-reader.h"
#include "common/store/channel.h"
#include "common/store/reader.h"

// Which file it was; all zero: none.
typedef struct {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
} nj_file_mark;

typedef struct {
    char name[NJ_STORE_CHANNEL_CHARS_MAX + 1];
    const char *serves; // `name`, or "current" since the channel was removed
    nj_path store;      // the store's folder
    nj_path path;       // of the file that names the generation
    nj_path current;    // of CURRENT
    nj_file_mark mark;
    nj_store_reader *reader; // owned; NULL until the first look succeeds
} nj_followed;

/// `channel` as in channel.h. Opens nothing. NJ_USAGE: it breaks the rule of names; NJ_INPUT: the path is too long.
NJ_CHECKED nj_status nj_followed_init(nj_followed *followed, const char *store, const char *channel,
                                      nj_error *err);
/// Accepts one that is all zero.
void nj_followed_fini(nj_followed *followed);

/// Looks. A generation that cannot be opened leaves the one before in place, and is tried again at the next look. Rows of the one before
/// end when another is opened. A channel that was there and is removed is CURRENT from then on, until it is made again.
///
/// Returns  NJ_NOT_FOUND: the channel or its generation is not there; else as nj_store_reader_open
/// Proof    tests/unit/reader/test_reader.c
NJ_CHECKED nj_status nj_followed_look(nj_followed *followed, nj_error *err);

#endif
