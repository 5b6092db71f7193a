// parse.h - from words to values: the command line, then the environment, the file and the table. cli.c only.
#ifndef NJ_CLI_PARSE_H
#define NJ_CLI_PARSE_H

#include "common/cli/arguments.h"

typedef struct {
    nj_arguments *arguments;
    bool help;
    bool man;
    const char *completion; // a shell's name; NULL: not asked for
    bool show;              // print the configuration instead of running
    bool show_origins;      // and where it comes from
    bool show_json;
} nj_parse;

/// Reads the words behind the command's name into values; what they borrow is argv. NJ_USAGE names the word, and the one that
/// was probably meant.
NJ_CHECKED nj_status nj_parse_words(nj_parse *parse, int argc, char **argv, nj_error *err);

/// What a command may rely on: required values are there and not empty, flags are true or false. NJ_USAGE.
NJ_CHECKED nj_status nj_parse_check(const nj_arguments *arguments, nj_error *err);

/// "true" and "1", "false" and "0"; false for any other text.
bool nj_parse_flag(const char *text, bool *out);

#endif
