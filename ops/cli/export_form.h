// export_form.h - the forms of `nightjar store export`: rows come in key order, bytes leave.
//
//   jsonl     a line of `store get` a user
//   csv       a line an item below a header: user,rank,item,score,flags,age,text
//   resp      a SET a user, for `redis-cli --pipe`
//   parquet   a row a user: user, items, scores, flags, age, text
//
// In csv and parquet flags are the number of schemas/row.def. A user whose list is empty has one line in csv, of rank 0.
#ifndef NJ_OPS_CLI_EXPORT_FORM_H
#define NJ_OPS_CLI_EXPORT_FORM_H

#include <stdio.h>

#include "common/cache/cached.h"
#include "common/parquet/parquet_write.h"

#define NJ_EXPORT_FORMS "jsonl|csv|resp|parquet"

typedef struct nj_export nj_export;

typedef struct {
    const char *word;
    // Each may be NULL but row.
    nj_status (*begin)(nj_export *e, nj_error *err);
    // Fills e->line, or writes by itself.
    nj_status (*row)(nj_export *e, nj_slice user, nj_slice value, nj_error *err);
    nj_status (*end)(nj_export *e, nj_error *err);
} nj_export_form;

struct nj_export {
    const nj_export_form *form;
    FILE *stream;         // borrowed
    const char *what;     // borrowed: its name in errors
    nj_cache_form cached; // of resp
    nj_row *row;          // scratch, owned
    nj_buffer line;       // bytes that are written behind each row
    nj_buffer value;      // scratch of resp
    nj_parquet_writer *parquet;
};

/// The form of that name, or NULL.
const nj_export_form *nj_export_form_find(const char *word);

// export_tables.c
nj_status nj_export_csv_begin(nj_export *e, nj_error *err);
nj_status nj_export_csv_row(nj_export *e, nj_slice user, nj_slice value, nj_error *err);
nj_status nj_export_parquet_begin(nj_export *e, nj_error *err);
nj_status nj_export_parquet_row(nj_export *e, nj_slice user, nj_slice value, nj_error *err);
nj_status nj_export_parquet_end(nj_export *e, nj_error *err);

/// Unpacks into e->row; what is no row is NJ_REFUSED and names the user.
NJ_CHECKED nj_status nj_export_unpack(nj_export *e, nj_slice user, nj_slice value, nj_error *err);

NJ_CHECKED nj_status nj_export_init(nj_export *e, const nj_export_form *form, FILE *stream,
                                    const char *what, const nj_cache_form *cached, nj_error *err);
void nj_export_fini(nj_export *e);

/// Writes one row. `user` and `value` as nj_store_visit has them.
NJ_CHECKED nj_status nj_export_row(nj_export *e, nj_slice user, nj_slice value, nj_error *err);
/// Writes what stands behind the last row.
NJ_CHECKED nj_status nj_export_end(nj_export *e, nj_error *err);

#endif
