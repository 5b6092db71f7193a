// origin_copy.c - ORIGIN without some users.
#include <stdlib.h>
#include <string.h>

#include "common/store/key.h"
#include "common/store/origin_file.h"
#include "common/store/reader.h"

typedef struct {
    nj_origin_writer writer;
    nj_store_reader *reader;
    const nj_erase_set *erased;
    nj_origin_record waiting; // its range begins with an erased user
    bool is_waiting;
    bool is_walking; // the reader stands behind `key`
    nj_slice key;    // of the last row that was looked at
} origin_copy;

// ---- the next user of a range ----

static nj_status walk_on(origin_copy *copy, nj_error *err)
{
    nj_slice value;
    nj_status status = NJ_OK;
    if (!copy->is_walking) {
        copy->is_walking = true;
        status = nj_store_rewind(copy->reader, err);
    }
    return status == NJ_OK ? nj_store_next(copy->reader, &copy->key, &value, err) : status;
}

// True when the row at hand is of somebody who stays, behind `begin`.
static bool is_after(const origin_copy *copy, const nj_store_key *begin)
{
    char digits[NJ_STORE_DIGITS_BYTES];
    nj_slice user;
    return copy->key.size > 0 &&
           nj_slice_compare(copy->key, (nj_slice){(const char *)begin->bytes, begin->size}) > 0 &&
           nj_store_key_unpack(copy->key, digits, &user, NULL) == NJ_OK &&
           !nj_erase_has_user(copy->erased, user);
}

// Writes the record that waits, from its first user who stays on. `next` is where the range behind it begins; NULL: it is the last.
static nj_status settle(origin_copy *copy, const nj_store_key *next, nj_error *err)
{
    nj_store_key begin;
    nj_status status = nj_store_key_pack(nj_slice_from(copy->waiting.user), &begin, err);
    while (status == NJ_OK && !is_after(copy, &begin)) {
        status = walk_on(copy, err);
    }
    copy->is_waiting = false;
    if (status == NJ_END) {
        return NJ_OK;
    }
    if (status != NJ_OK ||
        (next != NULL &&
         nj_slice_compare(copy->key, (nj_slice){(const char *)next->bytes, next->size}) >= 0)) {
        return status;
    }
    char digits[NJ_STORE_DIGITS_BYTES];
    nj_slice user;
    status = nj_store_key_unpack(copy->key, digits, &user, err);
    if (status == NJ_OK) {
        memcpy(copy->waiting.user, user.bytes, user.size);
        copy->waiting.user[user.size] = '\0';
        status = nj_origin_writer_add(&copy->writer, &copy->waiting, err);
    }
    return status;
}

static nj_status copy_record(void *context, const nj_origin_record *record, nj_error *err)
{
    origin_copy *copy = context;
    nj_store_key key;
    nj_status status = nj_store_key_pack(nj_slice_from(record->user), &key, err);
    if (status == NJ_OK && copy->is_waiting) {
        status = settle(copy, &key, err);
    }
    if (status == NJ_OK && nj_erase_has_user(copy->erased, nj_slice_from(record->user))) {
        copy->waiting = *record;
        copy->is_waiting = true;
    } else if (status == NJ_OK) {
        status = nj_origin_writer_add(&copy->writer, record, err);
    }
    return status;
}

// ---- the file ----

// Cuts STORE/gen-... into the store's folder and the generation's name.
static nj_status split_folder(const char *folder, nj_path *store, nj_store_name *name,
                              nj_error *err)
{
    nj_status status = nj_path_copy(folder, store, err);
    char *slash = status == NJ_OK ? strrchr(store->text, '/') : NULL;
    const char *last = slash != NULL ? slash + 1 : store->text;
    if (status == NJ_OK && !nj_store_name_parse(nj_slice_from(last), name)) {
        status = nj_fail(err, NJ_INPUT, "%s: is no folder of a generation", folder);
    }
    if (status == NJ_OK && slash != NULL) {
        slash[slash == store->text] = '\0';
    } else if (status == NJ_OK) {
        strcpy(store->text, ".");
    }
    return status;
}

static nj_status copy_lines(const nj_origin *origin, const char *to, origin_copy *copy,
                            nj_error *err)
{
    nj_status status =
        nj_origin_writer_begin(&copy->writer, to, nj_store_origin_night(origin), err);
    if (status == NJ_OK) {
        status = nj_store_origin_each(origin, copy_record, copy, err);
    }
    if (status == NJ_OK && copy->is_waiting) {
        status = settle(copy, NULL, err);
    }
    return status == NJ_OK ? nj_origin_writer_commit(&copy->writer, err) : status;
}

nj_status nj_store_origin_copy_without(const char *from, const char *to, const nj_erase_set *erased,
                                       nj_error *err)
{
    nj_path store;
    nj_store_name name;
    nj_error found = {0};
    nj_origin *origin = NULL;
    origin_copy copy = {.erased = erased};
    nj_status status = split_folder(from, &store, &name, err);
    if (status == NJ_OK) {
        status = nj_store_origin_open(store.text, &name, &origin, &found);
        if (status == NJ_NOT_FOUND) {
            return NJ_OK;
        }
        status = status == NJ_OK ? NJ_OK : nj_fail(err, status, "%s", found.text);
    }
    if (status == NJ_OK) {
        status = nj_store_reader_open(store.text, name.text, &copy.reader, err);
    }
    if (status == NJ_OK) {
        status = copy_lines(origin, to, &copy, err);
    }
    nj_origin_writer_abort(&copy.writer);
    nj_store_reader_close(&copy.reader);
    nj_store_origin_close(&origin);
    return status;
}
