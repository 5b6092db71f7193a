// table_tools.c - the rows of the command table for completion, config show, man and tokenize.
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

static const nj_option TOKENIZE[] = {
    {"tokenizer", "PATH", NULL,
     "a checkpoint's folder, its tokenizer.json, or its spiece.model or tokenizer.model", true},
    {"items", "FILE", NULL,
     "item texts: tab separated below a header line (also RecBole's .item), or JSON lines; - is "
     "standard input",
     true},
    {"id-column", "NAME", NULL,
     "where the id stands; default: item_id, else id, else the first column", false},
    {"title-column", "NAME[,...]", "title",
     "where the title stands; of several columns the texts are joined by a space", false},
    {"no-special", NULL, NULL,
     "the titles' own tokens only, without those that the tokenizer puts around a text", false},
    {"quiet", NULL, NULL, "no progress on standard error", false},
    NJ_LOG_OPTION,
    {"out", "FILE", NULL, "the ids, one item a line: {\"item\": \"b7\", \"ids\": [31, 7]}", true},
    NJ_JSON_OPTION,
};

static const nj_command COMMANDS[] = {
    NJ_COMMAND("completion", "a script that completes commands and options", "bash|zsh|fish",
               COMPLETION, nj_command_completion),
    NJ_COMMAND("config show", "what a command would run with: config show COMMAND [its options]",
               "[COMMAND]", CONFIG_SHOW, nj_cli_show_config),
    NJ_COMMAND("man", "the manual: a page for each command", "[COMMAND]", MAN, nj_command_man),
    NJ_COMMAND("tokenize", "the token ids of item titles, as a checkpoint's tokenizer gives them",
               NULL, TOKENIZE, nj_command_tokenize),
};

const nj_command_rows NJ_COMMANDS_TOOLS = NJ_COMMAND_ROWS(COMMANDS);
