// mapped.h - a whole file, read-only, in memory.
//
// A file that another process truncates while it is mapped faults on access; inputs are expected to be written under
// another name and renamed, as everything nightjar writes is.
#ifndef NJ_BASE_MAPPED_H
#define NJ_BASE_MAPPED_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"

typedef struct {
    const uint8_t *bytes; // borrowed until nj_mapped_close; never NULL after a successful open
    size_t size;          // 0 for an empty file
    void *mapping;        // NULL for an empty file
} nj_mapped;

/// Maps a regular file. A missing file is NJ_NOT_FOUND, a folder or device NJ_INPUT, anything else NJ_IO.
NJ_CHECKED nj_status nj_mapped_open(const char *path, nj_mapped *out, nj_error *err);

/// Accepts a struct that is all zero. The struct is all zero afterwards.
void nj_mapped_close(nj_mapped *mapped);

#endif
