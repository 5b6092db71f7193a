// bundle_text_options.h - `bundle pack`'s options for a model that is asked in text.
#ifndef NJ_OPS_CLI_BUNDLE_TEXT_OPTIONS_H
#define NJ_OPS_CLI_BUNDLE_TEXT_OPTIONS_H

#include "common/cli/cli.h"
#include "worker/engine/bundle_pack.h"

#define NJ_BUNDLE_TEXT_OPTIONS                                                                     \
    {"prompt", "FILE", NULL,                                                                       \
     "what users are asked and what is answered, in words (prompt.yaml), instead of a template",   \
     false},                                                                                       \
        {"tokenizer", "PATH", NULL,                                                                \
         "with --prompt: tokenizer.json, a *.model or their folder; default: --model", false},     \
        {"items", "FILE", NULL,                                                                    \
         "with --prompt: texts of the items, a table, JSON lines or Parquet; without --catalogue " \
         "also which items there are",                                                             \
         false},                                                                                   \
        {"token-ids", "FILE", NULL,                                                                \
         "with --prompt: tokens of the items, made elsewhere: JSON lines", false},                 \
        {"collaborative", "FILE", NULL,                                                            \
         "with --prompt: vectors of items that stand in prompts, .npy [items, width]", false},     \
        {"collaborative-ids", "FILE", NULL,                                                        \
         "ids of the rows of --collaborative, one a line; default: the items' order", false},      \
        {"projector", "PATH", NULL,                                                                \
         "from --collaborative to the model's width: safetensors, if --model has none", false},    \
    {                                                                                              \
        "lora", "DIR", NULL, "PEFT adapter that is merged into the model", false                   \
    }

/// Reads them into the request; paths are borrowed from the arguments.
///
///   out  base_path, model_path and template are set
///
/// Errors  NJ_USAGE: an option beside --from, or without the one that it belongs to; standard input where a file is read more than once
NJ_CHECKED nj_status nj_bundle_text_from(const nj_arguments *arguments, nj_pack_request *out,
                                         nj_error *err);

/// Says, on stderr, what became of the items' strings.
void nj_bundle_text_tell(const nj_pack_summary *summary);

#endif
