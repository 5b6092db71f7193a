#include "common/codec/shard.h"

#include <stdlib.h>

#include "common/base/id.h"
#include "common/codec/pack.h"
#include "common/codec/row.h"
#include "common/codec/row_scan.h"

#define USER_FIELDS 3

nj_status nj_users_pack(const nj_request *requests, size_t count, nj_buffer *out)
{
    nj_packer packer;
    nj_packer_init(&packer, out);
    nj_pack_array(&packer, count);
    for (size_t i = 0; i < count; i++) {
        nj_pack_array(&packer, USER_FIELDS);
        nj_pack_str(&packer, requests[i].user);
        nj_pack_uint(&packer, requests[i].unknown_count);
        nj_pack_bin(&packer, requests[i].items, requests[i].item_count * sizeof(uint32_t));
    }
    return packer.status;
}

// Copies the rows to aligned memory: a bin lies anywhere in a message.
static nj_status read_user(const msgpack_object *object, uint32_t item_row_count, uint32_t *items,
                           nj_request *out, nj_error *err)
{
    nj_fields fields;
    nj_fields_open(&fields, object, "user", USER_FIELDS, err);
    out->user = nj_field_str(&fields, "id", NJ_ID_BYTES_MAX);
    out->unknown_count = (uint32_t)nj_field_uint(&fields, "unknown items", UINT32_MAX);
    nj_slice bin = nj_field_bin(&fields, "items", NJ_SHARD_BYTES_MAX);
    if (fields.status != NJ_OK) {
        return fields.status;
    }
    const char *problem = nj_id_problem(out->user);
    if (problem != NULL) {
        return nj_fail(err, NJ_PROTOCOL, "users: an id %s", problem);
    }
    if (bin.size % sizeof(uint32_t) != 0) {
        return nj_fail(err, NJ_PROTOCOL, "users: \"%.*s\" has %zu item bytes, no multiple of 4",
                       NJ_SLICE_ARGS(out->user), bin.size);
    }
    memcpy(items, bin.bytes, bin.size);
    out->items = items;
    out->item_count = (uint32_t)(bin.size / sizeof(uint32_t));
    for (uint32_t i = 0; i < out->item_count; i++) {
        if (items[i] >= item_row_count) {
            return nj_fail(err, NJ_PROTOCOL,
                           "users: \"%.*s\" names item row %u, the catalogue has %u",
                           NJ_SLICE_ARGS(out->user), items[i], item_row_count);
        }
    }
    return NJ_OK;
}

static nj_status read_users(const msgpack_object *root, size_t bytes, uint32_t item_row_count,
                            nj_users *out, nj_error *err)
{
    if (root->type != MSGPACK_OBJECT_ARRAY || root->via.array.size > NJ_SHARD_USERS_MAX) {
        return nj_fail(err, NJ_PROTOCOL, "users: not an array of at most %d", NJ_SHARD_USERS_MAX);
    }
    nj_users users = {.count = root->via.array.size};
    users.requests = calloc(users.count + 1, sizeof *users.requests);
    users.items = malloc(bytes + sizeof *users.items); // the items are part of the bytes
    nj_status status = users.requests == NULL || users.items == NULL
                           ? nj_fail(err, NJ_NO_MEMORY, "users: no memory for %zu", users.count)
                           : NJ_OK;
    size_t used = 0;
    for (size_t i = 0; i < users.count && status == NJ_OK; i++) {
        status = read_user(&root->via.array.ptr[i], item_row_count, users.items + used,
                           &users.requests[i], err);
        used += users.requests[i].item_count;
    }
    if (status != NJ_OK) {
        nj_users_fini(&users);
        return status;
    }
    *out = users;
    return NJ_OK;
}

nj_status nj_users_unpack(nj_slice bytes, uint32_t item_row_count, nj_users *out, nj_error *err)
{
    nj_unpacked unpacked;
    nj_status status = nj_unpack(bytes, (USER_FIELDS + 2) * NJ_SHARD_USERS_MAX, &unpacked, err);
    if (status == NJ_OK) {
        status = read_users(&unpacked.root, bytes.size, item_row_count, out, err);
        nj_unpacked_fini(&unpacked);
    }
    return status;
}

void nj_users_fini(nj_users *users)
{
    free(users->requests);
    free(users->items);
    *users = (nj_users){0};
}

nj_status nj_rows_begin(nj_buffer *out, size_t count)
{
    nj_packer packer;
    nj_packer_init(&packer, out);
    nj_pack_array(&packer, count);
    return packer.status;
}

nj_status nj_rows_add(nj_buffer *out, nj_slice row)
{
    nj_packer packer;
    nj_packer_init(&packer, out);
    nj_pack_bin(&packer, row.bytes, row.size);
    return packer.status;
}

static nj_status find_rows(const msgpack_object *root, size_t count, nj_rows *out, nj_error *err)
{
    if (root->type != MSGPACK_OBJECT_ARRAY || root->via.array.size != count) {
        return nj_fail(err, NJ_PROTOCOL, "rows: not an array of %zu", count);
    }
    nj_rows rows = {.rows = calloc(count + 1, sizeof *rows.rows), .count = count};
    nj_status status =
        rows.rows != NULL ? NJ_OK : nj_fail(err, NJ_NO_MEMORY, "rows: no memory for %zu", count);
    for (size_t i = 0; i < count && status == NJ_OK; i++) {
        const msgpack_object *object = &root->via.array.ptr[i];
        if (object->type == MSGPACK_OBJECT_BIN) {
            rows.rows[i] = (nj_slice){object->via.bin.ptr, object->via.bin.size};
        } else {
            status = nj_fail(err, NJ_PROTOCOL, "rows: number %zu is not bytes", i);
        }
    }
    if (status != NJ_OK) {
        nj_rows_fini(&rows);
        return status;
    }
    *out = rows;
    return NJ_OK;
}

nj_status nj_rows_split(nj_slice bytes, size_t count, nj_rows *out, nj_error *err)
{
    nj_unpacked unpacked;
    nj_status status = nj_unpack(bytes, count + 1, &unpacked, err);
    if (status == NJ_OK) {
        status = find_rows(&unpacked.root, count, out, err);
        nj_unpacked_fini(&unpacked);
    }
    return status;
}

// nj_row is large; most rows are in the form that needs none.
static nj_status check_row(nj_slice bytes, size_t index, nj_row **row, nj_error *err)
{
    nj_row_scan scan;
    if (nj_row_scan_open(bytes, &scan)) {
        return NJ_OK;
    }
    if (*row == NULL && (*row = malloc(sizeof **row)) == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "rows: no memory to check one");
    }
    nj_status status = nj_row_unpack(bytes, *row, err);
    if (status == NJ_INPUT) {
        status = NJ_PROTOCOL;
        nj_error_prefix(err, "rows: number %zu", index);
    }
    return status;
}

nj_status nj_rows_unpack(nj_slice bytes, size_t count, nj_rows *out, nj_error *err)
{
    nj_rows rows;
    nj_row *row = NULL;
    nj_status status = nj_rows_split(bytes, count, &rows, err);
    if (status != NJ_OK) {
        return status;
    }
    for (size_t i = 0; i < count && status == NJ_OK; i++) {
        status = check_row(rows.rows[i], i, &row, err);
    }
    free(row);
    if (status != NJ_OK) {
        nj_rows_fini(&rows);
        return status;
    }
    *out = rows;
    return NJ_OK;
}

void nj_rows_fini(nj_rows *rows)
{
    free(rows->rows);
    *rows = (nj_rows){0};
}
