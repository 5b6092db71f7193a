// idfile.h - one id a line (items.txt).
#ifndef NJ_INPUT_IDFILE_H
#define NJ_INPUT_IDFILE_H

#include "common/base/error.h"
#include "common/base/idlist.h"

/// Adds every line to `builder` (initialised, empty). CRLF and a missing last newline are accepted;
/// an empty line, a bad id (id.h) and a duplicate are NJ_INPUT with file, line (both lines for a
/// duplicate) and rule.
NJ_CHECKED nj_status nj_idfile_read(const char *path, nj_idlist_builder *builder, nj_error *err);

#endif
