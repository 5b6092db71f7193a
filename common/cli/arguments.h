// arguments.h - what the files of this folder share: a command's values, and the ways to write an option's name. Nobody else includes it.
#ifndef NJ_CLI_ARGUMENTS_H
#define NJ_CLI_ARGUMENTS_H

#include <stdio.h>

#include "common/cli/cli.h"

#define NJ_OPTION_NAME_BYTES 64 // with its NUL
#define NJ_VARIABLE_BYTES 96

typedef enum {
    NJ_ORIGIN_NONE,
    NJ_ORIGIN_DEFAULT,
    NJ_ORIGIN_FILE,
    NJ_ORIGIN_ENVIRONMENT,
    NJ_ORIGIN_WORDS,
} nj_origin;

struct nj_arguments {
    const nj_program *program;
    const nj_command *command;
    // Borrowed from argv, the environment, the configuration or the table.
    const char *values[NJ_OPTIONS_MAX];
    nj_origin origins[NJ_OPTIONS_MAX];
    const char *config_path; // NULL: none
    const char *positional;
    char *owned[NJ_OPTIONS_MAX]; // values that came from the configuration file
};

// What every command takes besides its own table; the last two only a program without commands, which has no rows for them.
enum {
    NJ_GENERAL_CONFIG,
    NJ_GENERAL_SHOW,
    NJ_GENERAL_HELP,
    NJ_GENERAL_COMPLETION,
    NJ_GENERAL_MAN,
    NJ_GENERAL_COUNT,
};

extern const nj_option NJ_GENERAL_OPTIONS[NJ_GENERAL_COUNT];
size_t nj_general_option_count(const nj_command *command);

/// '_' and '-' are the same in option names.
bool nj_option_name_equal(const char *a, const char *b);
/// "keep_history" as people write it: keep-history.
void nj_option_name_write(const char *name, char out[NJ_OPTION_NAME_BYTES]);
/// "keep-history" as an environment variable: NIGHTJAR_KEEP_HISTORY.
void nj_option_variable_write(const char *name, char out[NJ_VARIABLE_BYTES]);

/// True where help and manual name a default: not of a flag, which is false, and not "".
static inline bool nj_option_has_default(const nj_option *option)
{
    return option->value != NULL && option->fallback != NULL && option->fallback[0] != '\0';
}

/// The first `length` bytes of `name` among the command's options; option_count when it is none of them.
size_t nj_option_find(const nj_command *command, const char *name, size_t length);
/// The command whose name stands in argv from 1 on, "lab data" before "lab"; *out_used is how many words that are.
const nj_command *nj_command_find(const nj_program *program, int argc, char **argv, int *out_used);
/// True for the command "store get" and the word "store".
bool nj_command_in_group(const nj_command *command, const char *word);

/// Gives every option that has no value yet the environment's, the file's or the table's. NJ_CONFIG and those of nj_file_read.
NJ_CHECKED nj_status nj_arguments_fill(nj_arguments *arguments, nj_error *err);
void nj_arguments_fini(nj_arguments *arguments);
/// Prints every option with its value and its origin; see nj_cli_show_config. NJ_NO_MEMORY
NJ_CHECKED nj_status nj_config_show(const nj_arguments *arguments, bool origins, bool json,
                                    nj_error *err);

/// Fills the values that are still NULL from a YAML mapping of option names to scalars. Keys that only other commands of the
/// program know are read and left alone.
///
/// Errors  NJ_CONFIG names file, rule and, where libcyaml tells it, line; those of nj_file_read
NJ_CHECKED nj_status nj_config_read(const char *path, const nj_program *program,
                                    nj_arguments *arguments, nj_error *err);

void nj_help_command(const nj_program *program, const nj_command *command);
/// Of one group ("store"), or of the whole program where `group` is NULL.
void nj_help_program(const nj_program *program, const char *group);
/// The example lines of a command, or NULL.
const char *nj_command_examples(const nj_program *program, const nj_command *command);

#endif
