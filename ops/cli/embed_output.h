// embed_output.h - the files that `nightjar embed` writes: vectors, and the ids of their rows.
#ifndef NJ_OPS_CLI_EMBED_OUTPUT_H
#define NJ_OPS_CLI_EMBED_OUTPUT_H

#include "common/base/file.h"
#include "common/base/idlist.h"
#include "common/cli/cli.h"

typedef struct {
    nj_file_draft vectors;
    nj_file_draft ids; // all zero without --ids-out
    bool is_half;
} nj_embed_output;

/// Opens --out and --ids-out, so that what cannot be written is found out before the work.
NJ_CHECKED nj_status nj_embed_output_open(const nj_arguments *arguments, nj_embed_output *out,
                                          nj_error *err);
/// Begins the array [count, D].
NJ_CHECKED nj_status nj_embed_output_begin(nj_embed_output *output, size_t count, size_t D,
                                           nj_error *err);
/// Writes `count` values; `floats` become halves in place. A failure shows at the commit.
void nj_embed_output_floats(nj_embed_output *output, float *floats, size_t count);
/// The ids first: whoever waits for the vectors finds them there.
NJ_CHECKED nj_status nj_embed_output_commit(nj_embed_output *output, const nj_idlist_builder *ids,
                                            nj_error *err);
/// Leaves what was there. Does nothing after a commit or on a struct that is all zero.
void nj_embed_output_abort(nj_embed_output *output);

#endif
