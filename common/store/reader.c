#include "common/store/reader.h"
#include "common/store/channel.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/mapped.h"
#include "common/store/env.h"
#include "common/store/hold.h"
#include "common/store/pages.h"
#include "common/store/schema.h"

#define OPEN_TRIES 100 // publications between the look at CURRENT and the opening

struct nj_store_reader {
    nj_store_name name;
    nj_store_manifest manifest;
    nj_path data;
    nj_store_hold hold; // store gc passes over what is held
    nj_mapped file;     // the same pages as LMDB's own mapping
    nj_pages pages;
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_cursor *cursor; // of the walk; NULL: none yet
    MDB_cursor_op step;
};

static nj_status open_pages(const char *store_dir, nj_store_reader *reader, nj_error *err)
{
    nj_status status =
        nj_store_path(store_dir, &reader->name, NJ_STORE_WORDS.DATA, &reader->data, err);
    if (status == NJ_OK) {
        status = nj_mapped_open(reader->data.text, &reader->file, err);
    }
    return status == NJ_OK ? nj_pages_open(reader->file.bytes, reader->file.size, reader->data.text,
                                           &reader->pages, err)
                           : status;
}

// NULL in *out_reader on failure.
static nj_status open_named(const char *store_dir, const nj_store_name *name,
                            nj_store_reader **out_reader, nj_error *err)
{
    nj_path folder;
    nj_store_reader *reader = calloc(1, sizeof *reader);
    *out_reader = NULL;
    if (reader == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory to open it", store_dir);
    }
    reader->name = *name;
    reader->hold.fd = -1;
    nj_status held = nj_store_hold_take(store_dir, name, &reader->hold, NULL);
    nj_status status = nj_store_inspect(store_dir, name, &reader->manifest, err);
    if (status == NJ_OK && held != NJ_OK) { // it was there a moment ago
        status = nj_fail(err, held, "%s: is being removed", name->text);
    }
    if (status == NJ_OK) {
        status = nj_store_path(store_dir, name, NULL, &folder, err);
    }
    if (status == NJ_OK) {
        status = open_pages(store_dir, reader, err);
    }
    if (status == NJ_OK) {
        status = nj_env_open_frozen(folder.text, reader->file.size, &reader->env, &reader->txn,
                                    &reader->dbi, err);
    }
    if (status == NJ_OK) {
        *out_reader = reader;
        reader = NULL;
    }
    nj_store_reader_close(&reader);
    return status;
}

nj_status nj_store_reader_open(const char *store_dir, const char *name,
                               nj_store_reader **out_reader, nj_error *err)
{
    nj_store_name chosen;
    const bool is_fixed = name != NULL && nj_store_name_parse(nj_slice_from(name), &chosen);
    nj_status status = nj_store_channel_resolve(store_dir, name, &chosen, err);
    for (unsigned i = 0; status == NJ_OK; i++) {
        nj_store_reader *reader = NULL;
        status = open_named(store_dir, &chosen, &reader, err);
        if (status == NJ_OK) {
            *out_reader = reader;
            return NJ_OK;
        }
        const nj_store_name before = chosen;
        if (is_fixed || i == OPEN_TRIES - 1 ||
            nj_store_channel_resolve(store_dir, name, &chosen, NULL) != NJ_OK ||
            strcmp(before.text, chosen.text) == 0) {
            return status;
        }
        status = NJ_OK; // the channel has moved on, and what it named may be gone
    }
    return status;
}

void nj_store_reader_close(nj_store_reader **reader)
{
    if (*reader != NULL) {
        if ((*reader)->cursor != NULL) {
            mdb_cursor_close((*reader)->cursor);
        }
        mdb_txn_abort((*reader)->txn); // accepts NULL
        mdb_env_close((*reader)->env); // accepts NULL
        nj_pages_close(&(*reader)->pages);
        nj_mapped_close(&(*reader)->file);
        nj_store_hold_release(&(*reader)->hold);
        free(*reader);
        *reader = NULL;
    }
}

const nj_store_name *nj_store_reader_name(const nj_store_reader *reader)
{
    return &reader->name;
}

const nj_store_manifest *nj_store_reader_manifest(const nj_store_reader *reader)
{
    return &reader->manifest;
}

// LMDB's search, after a look at the pages it goes through.
static nj_status find_value(nj_store_reader *reader, nj_slice name, const char *what, nj_slice *out,
                            nj_error *err)
{
    nj_status status = nj_pages_check_path(&reader->pages, name, err);
    if (status != NJ_OK) {
        return status;
    }
    MDB_val key = nj_env_val(name.bytes, name.size);
    MDB_val value;
    status = nj_env_check(mdb_get(reader->txn, reader->dbi, &key, &value), what, err);
    if (status == NJ_OK) {
        *out = nj_env_slice(value);
    }
    return status;
}

nj_status nj_store_reader_meta(nj_store_reader *reader, nj_slice *out, nj_error *err)
{
    return find_value(reader, nj_slice_from(NJ_STORE_WORDS.META_KEY), NJ_STORE_WORDS.META_KEY, out,
                      err);
}

uint64_t nj_store_reader_map_bytes(const nj_store_reader *reader)
{
    return reader->pages.map_bytes;
}

nj_status nj_store_reader_facts(nj_store_reader *reader, nj_store_facts *out, nj_error *err)
{
    nj_slice value;
    nj_status status = nj_store_reader_meta(reader, &value, err);
    if (status == NJ_OK) {
        status = nj_store_facts_unpack(value, out, err);
    }
    if (status == NJ_NOT_FOUND || status == NJ_INPUT) {
        nj_error_prefix(err, "%s", reader->name.text);
        if (err != NULL) {
            err->status = NJ_REFUSED;
        }
        status = NJ_REFUSED;
    }
    return status;
}

nj_status nj_store_get(nj_store_reader *reader, nj_slice user, nj_slice *out_value, nj_error *err)
{
    nj_store_key packed;
    nj_status status = nj_store_key_pack(user, &packed, err);
    if (status != NJ_OK) {
        return status;
    }
    status = find_value(reader, (nj_slice){(const char *)packed.bytes, packed.size},
                        reader->name.text, out_value, err);
    if (status == NJ_NOT_FOUND) {
        return nj_fail(err, NJ_NOT_FOUND, "%s: has no user \"%.*s\"", reader->name.text,
                       NJ_SLICE_ARGS(user));
    }
    return status;
}

nj_status nj_store_rewind(nj_store_reader *reader, nj_error *err)
{
    nj_status status = nj_pages_check(&reader->pages, err);
    if (status == NJ_OK && reader->cursor == NULL) {
        status = nj_env_check(mdb_cursor_open(reader->txn, reader->dbi, &reader->cursor),
                              reader->name.text, err);
    }
    reader->step = MDB_FIRST;
    return status;
}

nj_status nj_store_next(nj_store_reader *reader, nj_slice *out_key, nj_slice *out_value,
                        nj_error *err)
{
    MDB_val key;
    MDB_val value;
    do {
        const int rc = mdb_cursor_get(reader->cursor, &key, &value, reader->step);
        reader->step = MDB_NEXT;
        if (rc != MDB_SUCCESS) {
            return rc == MDB_NOTFOUND ? NJ_END : nj_env_check(rc, reader->name.text, err);
        }
        *out_key = nj_env_slice(key);
    } while (nj_slice_equal(*out_key, nj_slice_from(NJ_STORE_WORDS.META_KEY)));
    *out_value = nj_env_slice(value);
    if (nj_store_key_check(*out_key, err) == NJ_OK) {
        return NJ_OK;
    }
    nj_error_prefix(err, "%s", reader->name.text);
    if (err != NULL) {
        err->status = NJ_REFUSED;
    }
    return NJ_REFUSED;
}

nj_status nj_store_each_entry(nj_store_reader *reader, nj_store_entry_visit visit, void *context,
                              nj_error *err)
{
    nj_slice key;
    nj_slice value;
    nj_status status = nj_store_rewind(reader, err);
    while (status == NJ_OK) {
        status = nj_store_next(reader, &key, &value, err);
        if (status == NJ_OK) {
            status = visit(context, key, value, err);
        } else if (status == NJ_END) {
            return NJ_OK;
        }
    }
    return status;
}

typedef struct {
    nj_store_visit visit;
    void *context;
} user_visit;

static nj_status visit_user(void *context, nj_slice key, nj_slice value, nj_error *err)
{
    const user_visit *inner = context;
    char digits[NJ_STORE_DIGITS_BYTES];
    nj_slice user;
    nj_status status = nj_store_key_unpack(key, digits, &user, err);
    return status != NJ_OK ? status : inner->visit(inner->context, user, value, err);
}

nj_status nj_store_each(nj_store_reader *reader, nj_store_visit visit, void *context, nj_error *err)
{
    user_visit inner = {.visit = visit, .context = context};
    return nj_store_each_entry(reader, visit_user, &inner, err);
}
