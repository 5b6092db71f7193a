// main.c - the command table of `nightjar`, put together from its groups (table_*.c). Adding a command is one row there and one function
// in commands.h.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "ops/cli/examples.h"
#include "ops/cli/tables.h"

#define COMMANDS_MAX 96

static const nj_command_rows *const GROUPS[] = {
    &NJ_COMMANDS_BENCH, &NJ_COMMANDS_CATALOGUE, &NJ_COMMANDS_EVAL,  &NJ_COMMANDS_NIGHT,
    &NJ_COMMANDS_STORE, &NJ_COMMANDS_TOOLS,     &NJ_COMMANDS_TRAIN,
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const nj_command *)a)->name, ((const nj_command *)b)->name);
}

// All rows by name; returns how many there are.
static size_t collect_commands(nj_command commands[COMMANDS_MAX])
{
    size_t count = 0;
    for (size_t g = 0; g < sizeof GROUPS / sizeof GROUPS[0]; g++) {
        assert(count + GROUPS[g]->count <= COMMANDS_MAX);
        memcpy(commands + count, GROUPS[g]->rows, GROUPS[g]->count * sizeof *commands);
        count += GROUPS[g]->count;
    }
    qsort(commands, count, sizeof *commands, compare_names);
    return count;
}

int main(int argc, char **argv)
{
    static nj_command commands[COMMANDS_MAX];
    const nj_program program = {
        .name = "nightjar",
        .summary = "nightjar precomputes recommendations overnight: from a generative model, a "
                   "catalogue of semantic\n"
                   "IDs and user histories to an LMDB store that caches read in the morning.",
        .commands = commands,
        .command_count = collect_commands(commands),
        .examples = NJ_EXAMPLES,
        .example_count = NJ_EXAMPLE_COUNT};
    nj_log_setup("nightjar", NJ_LOG_INFO);
    return nj_cli_main(&program, argc, argv);
}
