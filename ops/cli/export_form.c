#include "ops/cli/export_form.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES_MAX (16u << 20)

static nj_status fill_jsonl(nj_export *e, nj_slice user, nj_slice value, nj_error *err)
{
    nj_status status = nj_export_unpack(e, user, value, err);
    if (status != NJ_OK) {
        return status;
    }
    status = nj_row_json(&e->line, user, e->row);
    if (status == NJ_OK) {
        status = nj_buffer_append(&e->line, "\n", 1);
    }
    return status == NJ_OK ? NJ_OK : nj_fail(err, status, "no memory for a line");
}

static nj_status fill_resp(nj_export *e, nj_slice user, nj_slice value, nj_error *err)
{
    nj_buffer_clear(&e->value);
    nj_status status = nj_cache_value_append(&e->cached, user, value, e->row, &e->value, err);
    if (status != NJ_OK) {
        return status;
    }
    status = nj_cache_set_append(&e->cached, user, nj_buffer_slice(&e->value), &e->line);
    return status == NJ_OK ? NJ_OK : nj_fail(err, status, "no memory for a command");
}

static const nj_export_form FORMS[] = {
    {"jsonl", NULL, fill_jsonl, NULL},
    {"csv", nj_export_csv_begin, nj_export_csv_row, NULL},
    {"resp", NULL, fill_resp, NULL},
    {"parquet", nj_export_parquet_begin, nj_export_parquet_row, nj_export_parquet_end},
};

const nj_export_form *nj_export_form_find(const char *word)
{
    for (size_t i = 0; i < sizeof FORMS / sizeof FORMS[0]; i++) {
        if (strcmp(FORMS[i].word, word) == 0) {
            return &FORMS[i];
        }
    }
    return NULL;
}

nj_status nj_export_unpack(nj_export *e, nj_slice user, nj_slice value, nj_error *err)
{
    nj_status status = nj_row_unpack(value, e->row, err);
    if (status != NJ_OK) {
        nj_error_prefix(err, "user \"%.*s\"", NJ_SLICE_ARGS(user));
        err->status = NJ_REFUSED; // what is published was a row once
        return NJ_REFUSED;
    }
    return NJ_OK;
}

static nj_status write_line(nj_export *e, nj_error *err)
{
    const size_t size = e->line.size;
    if (size != 0 && fwrite(e->line.bytes, 1, size, e->stream) != size) {
        return nj_fail_errno(err, NJ_IO, errno, "%s", e->what);
    }
    nj_buffer_clear(&e->line);
    return NJ_OK;
}

nj_status nj_export_init(nj_export *e, const nj_export_form *form, FILE *stream, const char *what,
                         const nj_cache_form *cached, nj_error *err)
{
    *e = (nj_export){.form = form, .stream = stream, .what = what, .cached = *cached};
    nj_buffer_init(&e->line, LINE_BYTES_MAX);
    nj_buffer_init(&e->value, LINE_BYTES_MAX);
    e->row = malloc(sizeof *e->row);
    if (e->row == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to read rows");
    }
    nj_status status = form->begin == NULL ? NJ_OK : form->begin(e, err);
    return status != NJ_OK ? status : write_line(e, err);
}

void nj_export_fini(nj_export *e)
{
    nj_parquet_writer_free(&e->parquet);
    nj_buffer_fini(&e->line);
    nj_buffer_fini(&e->value);
    free(e->row);
    e->row = NULL;
}

nj_status nj_export_row(nj_export *e, nj_slice user, nj_slice value, nj_error *err)
{
    nj_status status = e->form->row(e, user, value, err);
    return status != NJ_OK ? status : write_line(e, err);
}

nj_status nj_export_end(nj_export *e, nj_error *err)
{
    return e->form->end == NULL ? NJ_OK : e->form->end(e, err);
}
