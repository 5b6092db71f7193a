// template_options.h - --before, --between and --after: what the encoder reads around items, from a command line.
#ifndef NJ_OPS_CLI_TEMPLATE_OPTIONS_H
#define NJ_OPS_CLI_TEMPLATE_OPTIONS_H

#include "common/catalogue/template.h"
#include "common/cli/cli.h"

#define NJ_TEMPLATE_OPTIONS                                                                        \
    {"before", "TOKENS", NULL, "encoder tokens before the items, with commas between", false},     \
        {"between", "TOKENS", NULL, "encoder tokens between items", false},                        \
    {                                                                                              \
        "after", "TOKENS", NULL, "encoder tokens after the items (T5 trainers: 1, EOS)", false     \
    }

/// Sets the parts of `template` that stand on the command line and leaves the others; *out_given says whether any does. NJ_USAGE.
NJ_CHECKED nj_status nj_template_options_from(const nj_arguments *arguments, nj_template *template,
                                              bool *out_given, nj_error *err);

/// Reads a template from a JSON file, as catalogue.json has it (schemas/catalogue.md): prompts are longer than a command line wants to be.
/// The errors of nj_file_read and nj_template_parse.
NJ_CHECKED nj_status nj_template_file_read(const char *path, nj_template *out, nj_error *err);

#endif
