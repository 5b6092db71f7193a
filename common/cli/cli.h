// cli.h - one option table drives parsing, help, environment variables and configuration keys.
//
// An option's value comes from, in this order: the command line, the environment (NIGHTJAR_KEEP_HISTORY; empty is as if it were not
// there), the YAML file named by --config or NIGHTJAR_CONFIG (keep-history: true), the table's default. '-' and '_' are the same
// everywhere. One configuration file serves all commands of a program: a key that no command knows is refused, and so are an empty value, a
// list, a mapping, an alias, a key given twice and a second document; a file without content gives nothing.
//
// On the command line: --name value, --name=value (the last one counts), a flag is --name or --name=true|false|1|0, and
// everything behind -- is an argument. A value that begins with -- is written --name=--value: without the equals sign it is taken
// for an option whose neighbour lacks its value. A required option is never empty.
#ifndef NJ_CLI_CLI_H
#define NJ_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/saving.h"

#define NJ_OPTIONS_MAX 96 // of one command; asserted
#define NJ_ENVIRONMENT_PREFIX "NIGHTJAR_"
#define NJ_EXIT_CODES_MAX 16

typedef struct {
    const char *name;     // "keep-history"; '_' is read as '-'
    const char *value;    // what help calls the value ("FILE"); NULL: a flag, "true" when given
    const char *fallback; // used when nothing gives a value; NULL: none
    const char *help;     // one line
    bool required;
} nj_option;

/// A row of the option tables of programs that run for long; nj_cli_main sees to it before the command runs.
#define NJ_LOG_OPTION                                                                              \
    {                                                                                              \
        "log-format", "text|logfmt|json", "text", "form of the lines on standard error", false     \
    }

#define NJ_SAVINGS_OPTION                                                                          \
    {                                                                                              \
        "without", "SAVING[,...]", "", "do work that changes no list: " NJ_SAVINGS_KNOWN, false    \
    }

typedef struct nj_arguments nj_arguments;

typedef struct {
    const char *name;    // one or two words: "decode", "bundle pack"
    const char *summary; // one line
    // "USER", "[GEN]", or NULL when none is taken; "[...]" makes it optional
    const char *positional;
    const nj_option *options;
    size_t option_count;
    nj_status (*run)(const nj_arguments *arguments, nj_error *err);
} nj_command;

typedef struct {
    const char *command; // its name
    const char *
        text; // whole lines, each indented by two blanks: command lines, or what they do behind "#"
} nj_example;

typedef struct {
    const char *name;    // "nightjar"
    const char *summary; // the first lines of help
    const nj_command *commands;
    size_t command_count; // a program with one command named "" takes options at once
    const nj_example *examples;
    size_t example_count;
} nj_program;

/// Parses, runs, prints the error if there is one (stderr: what, then what to do), and returns the process's exit code:
/// schemas/status.def. Standard output that could not be written is NJ_IO. With NJ_USAGE it also says which options came from the
/// environment or the configuration.
///
/// Proof   tests/unit/cli/test_cli.c
int nj_cli_main(const nj_program *program, int argc, char **argv);

/// The run function of the row "config show": what follows on the command line is a command and its options, and each option is
/// printed with its value (as YAML that --config takes; with --origin where it comes from; or with --json). Without a
/// command: what the environment and the configuration file set, and variables that no command knows.
///
/// Every command also takes --show-config, which is the same with --origin.
nj_status nj_cli_show_config(const nj_arguments *arguments, nj_error *err);

/// The program that is running.
const nj_program *nj_argument_program(const nj_arguments *arguments);

/// The value of an option of the running command, or NULL when nothing gives one. Borrowed while the command runs.
const char *nj_argument(const nj_arguments *arguments, const char *name);
bool nj_argument_flag(const nj_arguments *arguments, const char *name);
// An option's name and a value.
typedef struct {
    const char *name;
    const char *value;
} nj_option_value;

/// The same arguments, where `values` stand in place of the table's defaults: of an option that neither the command line nor the
/// environment nor the configuration gives. Values of other names are passed over. `*out` is owned, and borrows the values and
/// `arguments`.
///
/// Errors  NJ_NO_MEMORY
/// Proof   tests/unit/cli/test_arguments_with.c
NJ_CHECKED nj_status nj_arguments_with(const nj_arguments *arguments, const nj_option_value *values,
                                       size_t count, nj_arguments **out, nj_error *err);
/// True where one of those gives the option.
bool nj_argument_is_given(const nj_arguments *arguments, const char *name);
/// Accepts NULL. Only what nj_arguments_with made.
void nj_arguments_free(nj_arguments **arguments);
/// A whole number in [least, most]; NJ_USAGE names the option, the value and the limits.
NJ_CHECKED nj_status nj_argument_uint(const nj_arguments *arguments, const char *name,
                                      uint64_t least, uint64_t most, uint64_t *out, nj_error *err);
// A row of a table of whole-number options, for a variable of 32 or 64 bits: NJ_UINT("batch", 1, BATCH_MAX, &out->batch).
typedef struct {
    const char *name;
    uint64_t least;
    uint64_t most;    // fits into the variable; asserted
    uint32_t *narrow; // one of the two is NULL
    uint64_t *wide;
} nj_uint_option;

#define NJ_UINT(name, least, most, variable)                                                       \
    {                                                                                              \
        name, least, most,                                                                         \
            _Generic((variable), uint32_t *                                                        \
                     : (variable), default                                                         \
                     : NULL),                                                                      \
            _Generic((variable), uint64_t *                                                        \
                     : (variable), default                                                         \
                     : NULL)                                                                       \
    }

/// Reads each of the table's options with nj_argument_uint, up to the first that fails; a variable whose option was not read is as it
/// was.
NJ_CHECKED nj_status nj_argument_uints(const nj_arguments *arguments, const nj_uint_option *table,
                                       size_t count, nj_error *err);
/// The positional argument, or NULL.
const char *nj_argument_positional(const nj_arguments *arguments);
/// The options of the running command, in table order: for passing them on to another table (settings).
size_t nj_argument_count(const nj_arguments *arguments);
const char *nj_argument_name_at(const nj_arguments *arguments, size_t index);
const char *nj_argument_value_at(const nj_arguments *arguments, size_t index);

typedef struct {
    int code;
    const char *sentence;
    const char *advice;
} nj_exit_code;

/// The exit codes of schemas/status.def, each once; returns how many.
size_t nj_exit_codes(nj_exit_code out[NJ_EXIT_CODES_MAX]);

#endif
