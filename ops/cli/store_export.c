// store_export.c - `nightjar store export`: every row of a generation, for programs that do not read the store.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/store/publish.h"
#include "common/store/reader.h"
#include "ops/cli/cache_options.h"
#include "ops/cli/commands.h"
#include "ops/cli/crash_guard.h"
#include "ops/cli/export_form.h"
#include "ops/cli/store_delta.h"

typedef struct {
    nj_export export;
    uint64_t count;
} exporting;

static nj_status export_row(void *context, nj_slice user, nj_slice value, nj_error *err)
{
    exporting *x = context;
    x->count++;
    return nj_export_row(&x->export, user, value, err);
}

// Every byte of data.mdb is compared before the first row leaves.
static nj_status open_checked(const char *store, const char *name, nj_store_reader **out,
                              nj_error *err)
{
    nj_status status = nj_store_reader_open(store, name, out, err);
    if (status == NJ_OK) {
        status = nj_store_check_data(store, nj_store_reader_name(*out),
                                     nj_store_reader_manifest(*out), err);
    }
    return status;
}

static nj_status export_all(nj_store_reader *reader, const nj_export_form *form,
                            const nj_cache_form *cached, const nj_file_draft *draft, nj_error *err)
{
    exporting x = {.count = 0};
    const bool is_file = draft->stream != NULL;
    nj_status status = nj_export_init(&x.export, form, is_file ? draft->stream : stdout,
                                      is_file ? draft->path.text : "standard output", cached, err);
    if (status == NJ_OK) {
        status = nj_store_each(reader, export_row, &x, err);
    }
    if (status == NJ_OK) {
        status = nj_export_end(&x.export, err);
    }
    if (status == NJ_OK) {
        nj_log(NJ_LOG_INFO, "%" PRIu64 " rows of %s", x.count, nj_store_reader_name(reader)->text);
    }
    nj_export_fini(&x.export);
    return status;
}

nj_status nj_command_store_export(const nj_arguments *arguments, nj_error *err)
{
    const char *word = nj_argument(arguments, "to");
    const char *out = nj_argument(arguments, "out");
    if (strcmp(word, "delta") == 0 || nj_argument(arguments, "since") != NULL ||
        nj_argument(arguments, "feed") != NULL || nj_argument(arguments, "feed-keep") != NULL) {
        return nj_store_export_delta(arguments, err);
    }
    const nj_export_form *form = nj_export_form_find(word);
    if (form == NULL) {
        return nj_fail(err, NJ_USAGE, "--to is \"%s\", must be one of " NJ_EXPORT_FORMS "|delta",
                       word);
    }
    nj_cache_form cached;
    nj_file_draft draft = {0};
    nj_store_reader *reader = NULL;
    nj_status status = nj_cache_options_read(arguments, &cached, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_crash_guard_begin();
    status =
        open_checked(nj_argument(arguments, "store"), nj_argument(arguments, "gen"), &reader, err);
    if (status == NJ_OK && out != NULL) {
        status = nj_file_draft_begin(out, &draft, err);
    }
    if (status == NJ_OK) {
        status = export_all(reader, form, &cached, &draft, err);
    }
    if (status == NJ_OK && out != NULL) {
        status = nj_file_draft_commit(&draft, err);
    }
    nj_file_draft_abort(&draft);
    nj_store_reader_close(&reader);
    nj_crash_guard_end();
    return status;
}
