// tables.h - the rows of `nightjar`'s command table, a file for each group of commands.
//
// A new command is a function in commands.h and a row in the file of its group. main.c puts the groups together.
#ifndef NJ_OPS_CLI_TABLES_H
#define NJ_OPS_CLI_TABLES_H

#include "common/cli/cli.h"

#define NJ_JSON_OPTION                                                                             \
    {                                                                                              \
        "json", NULL, NULL, "print the result as JSON", false                                      \
    }
// Commands whose output is JSON lines take the option that every command has.
#define NJ_JSON_LINES_OPTION                                                                       \
    {                                                                                              \
        "json", NULL, NULL, "no change: the output is JSON lines already", false                   \
    }
#define NJ_COMMAND(name, summary, positional, options, run)                                        \
    {                                                                                              \
        name, summary, positional, options, sizeof(options) / sizeof(options)[0], run              \
    }

typedef struct {
    const nj_command *rows;
    size_t count;
} nj_command_rows;

#define NJ_COMMAND_ROWS(table)                                                                     \
    {                                                                                              \
        table, sizeof(table) / sizeof(table)[0]                                                    \
    }

extern const nj_command_rows NJ_COMMANDS_BENCH;
extern const nj_command_rows NJ_COMMANDS_CATALOGUE;
extern const nj_command_rows NJ_COMMANDS_EVAL;
extern const nj_command_rows NJ_COMMANDS_NIGHT;
extern const nj_command_rows NJ_COMMANDS_STORE;
extern const nj_command_rows NJ_COMMANDS_TOOLS;
extern const nj_command_rows NJ_COMMANDS_TRAIN;

#endif
