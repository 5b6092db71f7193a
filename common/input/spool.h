// spool.h - temporary files without a name, and standard input in one, where it has to be read more than once.
//
// A file is made in $TMPDIR or /tmp and has no name once it is open, so nothing is left behind however the program ends.
#ifndef NJ_INPUT_SPOOL_H
#define NJ_INPUT_SPOOL_H

#include <stdint.h>

#include "common/base/error.h"
#include "common/compress/unpack.h"

#define NJ_SPOOL_BYTES_MAX ((uint64_t)64 << 30) // unpacked
#define NJ_SPOOLED_PATH "/proc/self/fd/0" // opens standard input from its start, once it is a file

/// $TMPDIR, or /tmp.
const char *nj_temporary_folder(void);
/// *out_fd is owned. NJ_IO.
NJ_CHECKED nj_status nj_temporary_open(int *out_fd, nj_error *err);

/// Copies everything that is left of `from` into a temporary file and rewinds it; *out_fd is owned.
///
///   name  of what is read, for errors
///
/// Errors  NJ_INPUT: more than NJ_SPOOL_BYTES_MAX; NJ_IO; those of nj_unpack_read
NJ_CHECKED nj_status nj_spool(nj_unpack *from, const char *name, int *out_fd, nj_error *err);

/// Reads standard input to its end into a temporary file, which takes its place: from then on "-" can be read any number of times.
/// Only where `path` is "-"; any other path is left alone.
///
/// Errors  those of nj_spool
/// Proof   tests/unit/input/test_spool.c
NJ_CHECKED nj_status nj_spool_if_stream(const char *path, nj_error *err);

/// NJ_SPOOLED_PATH for "-" once that has been done; else the path itself.
const char *nj_spooled_path(const char *path);

#endif
