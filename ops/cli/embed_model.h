// embed_model.h - `nightjar embed --model`: item vectors by a sentence encoder; and what both ways of embedding share.
#ifndef NJ_OPS_CLI_EMBED_MODEL_H
#define NJ_OPS_CLI_EMBED_MODEL_H

#include "common/cli/cli.h"

NJ_CHECKED nj_status nj_embed_by_model(const nj_arguments *arguments, nj_error *err);

/// NJ_USAGE where an option is given that has a meaning with --model only.
NJ_CHECKED nj_status nj_embed_check_words(const nj_arguments *arguments, nj_error *err);

/// --threads; 0 becomes one a processor.
NJ_CHECKED nj_status nj_embed_threads(const nj_arguments *arguments, uint64_t *out, nj_error *err);

#endif
