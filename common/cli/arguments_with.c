// arguments_with.c - a command's values, with other defaults than its table's.
#include <stdlib.h>
#include <string.h>

#include "common/cli/arguments.h"

static bool is_given(const nj_arguments *arguments, size_t index)
{
    return arguments->origins[index] != NJ_ORIGIN_NONE &&
           arguments->origins[index] != NJ_ORIGIN_DEFAULT;
}

bool nj_argument_is_given(const nj_arguments *arguments, const char *name)
{
    const size_t index = nj_option_find(arguments->command, name, strlen(name));
    return index < arguments->command->option_count && is_given(arguments, index);
}

nj_status nj_arguments_with(const nj_arguments *arguments, const nj_option_value *values,
                            size_t count, nj_arguments **out, nj_error *err)
{
    nj_arguments *with = malloc(sizeof *with);
    if (with == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the options");
    }
    *with = *arguments;
    memset(with->owned, 0, sizeof with->owned); // they stay the other's
    for (size_t i = 0; i < count; i++) {
        const size_t index = nj_option_find(with->command, values[i].name, strlen(values[i].name));
        if (index < with->command->option_count && !is_given(arguments, index)) {
            with->values[index] = values[i].value;
            with->origins[index] = NJ_ORIGIN_DEFAULT;
        }
    }
    *out = with;
    return NJ_OK;
}

void nj_arguments_free(nj_arguments **arguments)
{
    free(*arguments);
    *arguments = NULL;
}
