#include "common/codec/shard.h"

#include <stdlib.h>

#include "common/base/id.h"
#include "common/codec/pack.h"

#define USER_FIELDS 3
#define USER_FIELDS_MASK 4
#define USER_FIELDS_EXCLUDE 5
#define USER_FIELDS_CANDIDATES 6
#define USER_FIELDS_TEXT 7

// Behind the length of no id: what stands there is no item of the history.
static void digest_mark(nj_digester *digester, char mark)
{
    nj_digester_update_u64(digester, 0);
    nj_digester_update(digester, &mark, 1);
}

static void digest_ids(nj_digester *digester, const nj_idlist *items, const uint32_t *rows,
                       uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        nj_slice id = nj_idlist_at(items, rows[i]);
        nj_digester_update_sized(digester, id.bytes, id.size);
    }
}

nj_history_digest nj_request_digest(const nj_idlist *items, const nj_request *request,
                                    const nj_digest *mask)
{
    nj_digester digester;
    nj_digester_init(&digester);
    digest_ids(&digester, items, request->items, request->item_count);
    if (mask != NULL) {
        digest_mark(&digester, 'm');
        nj_digester_update(&digester, mask->bytes, sizeof mask->bytes);
    }
    if (request->exclude_count > 0) {
        digest_mark(&digester, 'x');
        digest_ids(&digester, items, request->exclude, request->exclude_count);
    }
    if (request->candidates != NULL) {
        digest_mark(&digester, 'c');
        digest_ids(&digester, items, request->candidates, request->candidate_count);
    }
    if (request->text.bytes != NULL) {
        digest_mark(&digester, 't');
        nj_digester_update_sized(&digester, request->text.bytes, request->text.size);
    }
    nj_digest whole = nj_digester_final(&digester);
    nj_history_digest digest;
    memcpy(digest.bytes, whole.bytes, sizeof digest.bytes);
    return digest;
}

static void pack_rows(nj_packer *packer, const uint32_t *rows, uint32_t count)
{
    nj_pack_bin(packer, rows, count * sizeof *rows);
}

static size_t count_fields(const nj_request *user)
{
    return user->text.bytes != NULL   ? USER_FIELDS_TEXT
           : user->candidates != NULL ? USER_FIELDS_CANDIDATES
           : user->exclude_count > 0  ? USER_FIELDS_EXCLUDE
           : user->mask != 0          ? USER_FIELDS_MASK
                                      : USER_FIELDS;
}

static void pack_user(nj_packer *packer, const nj_request *user)
{
    const size_t fields = count_fields(user);
    nj_pack_array(packer, fields);
    nj_pack_str(packer, user->user);
    nj_pack_uint(packer, user->unknown_count);
    pack_rows(packer, user->items, user->item_count);
    if (fields >= USER_FIELDS_MASK) {
        nj_pack_uint(packer, user->mask);
    }
    if (fields >= USER_FIELDS_EXCLUDE) {
        pack_rows(packer, user->exclude, user->exclude_count);
    }
    if (fields >= USER_FIELDS_CANDIDATES && user->candidates == NULL) {
        nj_pack_nil(packer);
    } else if (fields >= USER_FIELDS_CANDIDATES) {
        pack_rows(packer, user->candidates, user->candidate_count);
    }
    if (fields >= USER_FIELDS_TEXT) {
        nj_pack_str(packer, user->text);
    }
}

nj_status nj_users_pack(const nj_request *requests, size_t count, nj_buffer *out)
{
    nj_packer packer;
    nj_packer_init(&packer, out);
    nj_pack_array(&packer, count);
    for (size_t i = 0; i < count; i++) {
        pack_user(&packer, &requests[i]);
    }
    return packer.status;
}

// What outside bytes are checked against, and where their rows go.
typedef struct {
    uint32_t item_row_count;
    uint32_t mask_count;
    uint32_t *items; // room for all rows of the bytes
    size_t used;
} unpacking;

// Copies the rows to aligned memory: a bin lies anywhere in a message.
static nj_status read_rows(unpacking *u, nj_slice bin, nj_slice user, const uint32_t **out_rows,
                           uint32_t *out_count, nj_error *err)
{
    uint32_t *rows = u->items + u->used;
    if (bin.size % sizeof *rows != 0) {
        return nj_fail(err, NJ_PROTOCOL, "users: \"%.*s\" has %zu item bytes, no multiple of 4",
                       NJ_SLICE_ARGS(user), bin.size);
    }
    memcpy(rows, bin.bytes, bin.size);
    *out_rows = rows;
    *out_count = (uint32_t)(bin.size / sizeof *rows);
    u->used += *out_count;
    for (uint32_t i = 0; i < *out_count; i++) {
        if (rows[i] >= u->item_row_count) {
            return nj_fail(err, NJ_PROTOCOL,
                           "users: \"%.*s\" names item row %u, the catalogue has %u",
                           NJ_SLICE_ARGS(user), rows[i], u->item_row_count);
        }
    }
    return NJ_OK;
}

// The lists of rows of one user, where they lie in the message.
typedef struct {
    nj_slice items;
    nj_slice exclude;
    nj_slice candidates; // bytes NULL: there are none
} user_rows;

static nj_status read_fields(const msgpack_object *object, nj_request *out, user_rows *rows,
                             nj_error *err)
{
    nj_fields fields;
    *rows = (user_rows){.exclude = {"", 0}};
    nj_fields_open(&fields, object, "user", USER_FIELDS, err);
    const size_t count = fields.count;
    out->user = nj_field_str(&fields, "id", NJ_ID_BYTES_MAX);
    out->unknown_count = (uint32_t)nj_field_uint(&fields, "unknown items", UINT32_MAX);
    rows->items = nj_field_bin(&fields, "items", NJ_SHARD_BYTES_MAX);
    if (count >= USER_FIELDS_MASK) {
        out->mask = (uint32_t)nj_field_uint(&fields, "mask", UINT32_MAX);
    }
    if (count >= USER_FIELDS_EXCLUDE) {
        rows->exclude = nj_field_bin(&fields, "excluded items", NJ_SHARD_BYTES_MAX);
    }
    if (count >= USER_FIELDS_CANDIDATES && !nj_field_nil(&fields)) {
        rows->candidates =
            nj_field_bin(&fields, "candidates", NJ_REQUEST_CANDIDATES_MAX * sizeof(uint32_t));
    }
    if (count >= USER_FIELDS_TEXT) {
        out->text = nj_field_str(&fields, "text", NJ_REQUEST_TEXT_BYTES_MAX);
    }
    return fields.status;
}

static nj_status read_user(unpacking *u, const msgpack_object *object, nj_request *out,
                           nj_error *err)
{
    user_rows rows;
    nj_status status = read_fields(object, out, &rows, err);
    if (status != NJ_OK) {
        return status;
    }
    const char *problem = nj_id_problem(out->user);
    if (problem != NULL) {
        return nj_fail(err, NJ_PROTOCOL, "users: an id %s", problem);
    }
    if (out->mask >= u->mask_count) {
        return nj_fail(err, NJ_PROTOCOL, "users: \"%.*s\" has mask %u, there are %u",
                       NJ_SLICE_ARGS(out->user), out->mask, u->mask_count);
    }
    status = read_rows(u, rows.items, out->user, &out->items, &out->item_count, err);
    if (status == NJ_OK) {
        status = read_rows(u, rows.exclude, out->user, &out->exclude, &out->exclude_count, err);
    }
    if (status == NJ_OK && rows.candidates.bytes != NULL) {
        status =
            read_rows(u, rows.candidates, out->user, &out->candidates, &out->candidate_count, err);
    }
    return status;
}

static nj_status read_users(const msgpack_object *root, size_t bytes, uint32_t item_row_count,
                            uint32_t mask_count, nj_users *out, nj_error *err)
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
    unpacking u = {
        .item_row_count = item_row_count, .mask_count = mask_count, .items = users.items};
    for (size_t i = 0; i < users.count && status == NJ_OK; i++) {
        status = read_user(&u, &root->via.array.ptr[i], &users.requests[i], err);
    }
    if (status != NJ_OK) {
        nj_users_fini(&users);
        return status;
    }
    *out = users;
    return NJ_OK;
}

nj_status nj_users_unpack(nj_slice bytes, uint32_t item_row_count, uint32_t mask_count,
                          nj_users *out, nj_error *err)
{
    nj_unpacked unpacked;
    nj_status status =
        nj_unpack(bytes, (USER_FIELDS_TEXT + 1) * NJ_SHARD_USERS_MAX + 1, &unpacked, err);
    if (status == NJ_OK) {
        status = read_users(&unpacked.root, bytes.size, item_row_count, mask_count, out, err);
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

nj_status nj_rows_split(nj_slice bytes, size_t count, nj_slice *out_rows, nj_error *err)
{
    nj_unpacked unpacked;
    nj_status status = nj_unpack(bytes, count + 1, &unpacked, err);
    if (status != NJ_OK) {
        return status;
    }
    const msgpack_object *root = &unpacked.root;
    if (root->type != MSGPACK_OBJECT_ARRAY || root->via.array.size != count) {
        status = nj_fail(err, NJ_PROTOCOL, "rows: not an array of %zu", count);
    }
    for (size_t i = 0; i < count && status == NJ_OK; i++) {
        const msgpack_object *object = &root->via.array.ptr[i];
        if (object->type != MSGPACK_OBJECT_BIN) {
            status = nj_fail(err, NJ_PROTOCOL, "rows: number %zu is not bytes", i);
        } else {
            out_rows[i] = (nj_slice){object->via.bin.ptr, object->via.bin.size};
        }
    }
    nj_unpacked_fini(&unpacked);
    return status;
}
