// table_tools.c - the rows of the command table for completion, config show and man.
#include "ops/cli/commands.h"
#include "ops/cli/tables.h"

static const nj_option COMPLETION[] = {
    {"out", "FILE", NULL, "write the script here; default: standard output", false},
};

static const nj_option CONFIG_SHOW[] = {
    {"origin", NULL, NULL, "say where each value comes from", false},
    NJ_JSON_OPTION,
};

static const nj_option MAN[] = {
    {"out", "DIR", NULL, "write every page of this program into this folder, NAME.1 each", false},
    {"json", NULL, NULL, "print the names and summaries of the pages as JSON", false},
};

static const nj_command COMMANDS[] = {
    NJ_COMMAND("completion", "a script that completes commands and options", "bash|zsh|fish",
               COMPLETION, nj_command_completion),
    NJ_COMMAND("config show", "what a command would run with: config show COMMAND [its options]",
               "[COMMAND]", CONFIG_SHOW, nj_cli_show_config),
    NJ_COMMAND("man", "the manual: a page for each command", "[COMMAND]", MAN, nj_command_man),
};

const nj_command_rows NJ_COMMANDS_TOOLS = NJ_COMMAND_ROWS(COMMANDS);
