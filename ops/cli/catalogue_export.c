// catalogue_export.c - `nightjar catalogue export`.
#include "common/catalogue/catalogue_export.h"

#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "ops/cli/commands.h"

nj_status nj_command_catalogue_export(const nj_arguments *arguments, nj_error *err)
{
    nj_catalogue *catalogue = NULL;
    const char *form = nj_argument(arguments, "to");
    const char *path = nj_argument(arguments, "out");
    const bool as_index = strcmp(form, "index-json") == 0;
    if (!as_index && strcmp(form, "npy") != 0) {
        return nj_fail(err, NJ_USAGE, "--to is \"%s\", must be index-json or npy", form);
    }
    nj_status status = nj_catalogue_read(nj_argument_positional(arguments), &catalogue, err);
    if (status == NJ_OK) {
        status = as_index ? nj_catalogue_export_index_json(catalogue, path, err)
                          : nj_catalogue_export_npy(catalogue, path, err);
    }
    if (status == NJ_OK) {
        const uint32_t N = catalogue->sids.row_count;
        const uint32_t L = catalogue->sids.level_count;
        if (catalogue->retired_count > 0) {
            nj_log(NJ_LOG_INFO, "%u of the %u items are retired; they are written too%s",
                   catalogue->retired_count, N,
                   as_index ? ", and index.json cannot say so" : ", and retired.npy says which");
        }
        printf(nj_argument_flag(arguments, "json")
                   ? "{\"version\": 1, \"items\": %u, \"levels\": %u, \"retired\": %u}\n"
                   : "%u items, %u levels, %u of the items retired\n",
               N, L, catalogue->retired_count);
    }
    nj_catalogue_free(&catalogue);
    return status;
}
