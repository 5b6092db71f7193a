// parts.h - the files that one path stands for: a file, standard input, or a folder of part files as warehouses write them.
//
// Of a folder, the files count in the order of their names as bytes: part-00000, part-00001, part-00010. Left out are names that begin
// with '.' or '_' (_SUCCESS, _metadata, ._SUCCESS.crc) and names that end in .crc. A folder in it is refused: which of its parts belong
// to tonight is not for us to guess.
#ifndef NJ_INPUT_PARTS_H
#define NJ_INPUT_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/digest.h"
#include "common/base/error.h"

#define NJ_PARTS_MAX 65536 // of one folder

typedef struct {
    bool is_folder;
    char **paths; // owned; [count]
    size_t count; // 1 for a file
} nj_parts;

/// Lists the files; none is opened, and one that is missing is told when it is.
///
/// Errors  NJ_INPUT: a folder without part files, with a folder, device or pipe in it, or with more than NJ_PARTS_MAX; NJ_IO;
///         NJ_NO_MEMORY
/// Proof   tests/unit/input/test_parts.c
NJ_CHECKED nj_status nj_parts_list(const char *path, nj_parts *out, nj_error *err);
/// Accepts a struct that is all zero.
void nj_parts_fini(nj_parts *parts);

/// The digest of a file's bytes (file_digest.h), or of the names and bytes of a folder's parts.
/// Errors  those of nj_parts_list and nj_file_digest
NJ_CHECKED nj_status nj_parts_digest(const char *path, nj_digest *out, nj_error *err);

#endif
