// print.c - results as JSON.
#include <stdio.h>
#include <stdlib.h>

#include "ops/cli/commands.h"

nj_status nj_print_json_take(json_t **object, nj_error *err)
{
    json_t *versioned = json_pack("{s:i}", "version", NJ_JSON_OUTPUT_VERSION);
    char *text = NULL;
    if (*object != NULL && json_object_update(versioned, *object) == 0) {
        text = json_dumps(versioned, JSON_INDENT(2));
    }
    json_decref(versioned);
    json_decref(*object);
    *object = NULL;
    if (text == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to print");
    }
    puts(text);
    free(text);
    return NJ_OK;
}
