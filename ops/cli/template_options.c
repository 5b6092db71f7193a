#include "ops/cli/template_options.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "ops/cli/numbers.h"

#define FILE_BYTES_MAX (1u << 20)

nj_status nj_template_options_from(const nj_arguments *arguments, nj_template *template,
                                   bool *out_given, nj_error *err)
{
    const struct {
        const char *name;
        uint32_t *tokens;
        uint32_t *count;
    } PARTS[] = {{"before", template->before, &template->before_count},
                 {"between", template->between, &template->between_count},
                 {"after", template->after, &template->after_count}};
    nj_status status = NJ_OK;
    *out_given = false;
    for (size_t i = 0; i < sizeof PARTS / sizeof PARTS[0] && status == NJ_OK; i++) {
        if (nj_argument(arguments, PARTS[i].name) != NULL) {
            status = nj_numbers_from(arguments, PARTS[i].name, 0, NJ_TOKEN_MAX,
                                     NJ_TEMPLATE_TOKENS_MAX, PARTS[i].tokens, PARTS[i].count, err);
            *out_given = true;
        }
    }
    return status;
}

nj_status nj_template_file_read(const char *path, nj_template *out, nj_error *err)
{
    char *text = NULL;
    size_t size = 0;
    nj_status status = nj_file_read(path, FILE_BYTES_MAX, &text, &size, err);
    if (status == NJ_OK) {
        status = nj_template_parse((nj_slice){text, size}, path, out, err);
    }
    free(text);
    return status;
}
