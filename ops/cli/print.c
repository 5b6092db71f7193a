// print.c - results as JSON.
#include <stdio.h>
#include <stdlib.h>

#include "ops/cli/commands.h"

nj_status nj_print_json_take(json_t **object, nj_error *err)
{
    char *text = *object != NULL ? json_dumps(*object, JSON_INDENT(2)) : NULL;
    json_decref(*object);
    *object = NULL;
    if (text == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to print");
    }
    puts(text);
    free(text);
    return NJ_OK;
}
