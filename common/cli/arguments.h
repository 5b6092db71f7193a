// arguments.h - what cli.c (parsing, help) and config.c (YAML) share; nobody else includes it.
#ifndef NJ_CLI_ARGUMENTS_H
#define NJ_CLI_ARGUMENTS_H

#include "common/cli/cli.h"

struct nj_arguments {
    const nj_command *command;
    // Borrowed from argv, the environment, the configuration or the table.
    const char *values[NJ_OPTIONS_MAX];
    // "the environment" or the configuration's path; NULL: argv or the table.
    const char *origins[NJ_OPTIONS_MAX];
    const char *positional;
    char *owned[NJ_OPTIONS_MAX]; // values that came from the configuration file
};

/// '_' and '-' are the same in option names.
bool nj_option_name_equal(const char *a, const char *b);

/// Fills the values that are still NULL from a YAML mapping of option names to scalars. Keys that only other commands of the
/// program know are read and left alone.
///
/// Errors  NJ_CONFIG names file, rule and, where libcyaml tells it, line; those of nj_file_read
NJ_CHECKED nj_status nj_config_read(const char *path, const nj_program *program,
                                    nj_arguments *arguments, nj_error *err);

#endif
