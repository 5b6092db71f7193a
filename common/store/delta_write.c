// delta_write.c - two generations walked side by side, and what differs written down.
#include "common/store/delta.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec/row.h"
#include "common/store/delta_record.h"
#include "common/store/id.h"
#include "common/store/key.h"
#include "common/store/quarantine.h"
#include "common/store/reader.h"
#include "common/store/schema.h"

// A segment on its way out.
typedef struct {
    FILE *stream; // borrowed
    nj_digester digester;
    nj_delta_tally tally;
    nj_buffer run_key; // owned; of the first row of the run at hand
    uint32_t run;      // rows of it; 0: there is none
    nj_buffer copy;    // owned, scratch
    nj_error *err;
} output;

// One of the two generations; no reader: it has no rows.
typedef struct {
    nj_store_reader *reader; // owned
    nj_slice key;
    nj_slice value;
    bool ended;
    uint64_t rows;
    nj_digester content;
} side;

static nj_status put(output *out, const void *bytes, size_t size)
{
    nj_digester_update(&out->digester, bytes, size);
    out->tally.bytes += size;
    return size == 0 || fwrite(bytes, 1, size, out->stream) == size
               ? NJ_OK
               : nj_fail_errno(out->err, NJ_IO, errno, "delta segment: cannot write");
}

static void write_little(uint8_t *out, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

static nj_status put_block_head(output *out, nj_delta_kind kind, size_t key_bytes,
                                size_t value_bytes)
{
    uint8_t head[NJ_DELTA_BLOCK_HEAD_BYTES] = {(uint8_t)kind};
    write_little(head + 1, key_bytes, 2);
    write_little(head + 3, value_bytes, 4);
    return put(out, head, sizeof head);
}

static nj_status put_block(output *out, nj_delta_kind kind, nj_slice key, nj_slice value)
{
    nj_status status = put_block_head(out, kind, key.size, value.size);
    if (status == NJ_OK) {
        status = put(out, key.bytes, key.size);
    }
    return status == NJ_OK ? put(out, value.bytes, value.size) : status;
}

static nj_status put_end(output *out)
{
    uint8_t counts[NJ_DELTA_COUNTS_BYTES];
    write_little(counts, out->tally.upserts, 8);
    write_little(counts + 8, out->tally.deletes, 8);
    nj_status status = put_block_head(out, NJ_DELTA_END, 0, NJ_DELTA_END_BYTES);
    if (status == NJ_OK) {
        status = put(out, counts, sizeof counts);
    }
    if (status != NJ_OK) {
        return status;
    }
    out->tally.digest = nj_digester_final(&out->digester);
    out->tally.bytes += NJ_DIGEST_BYTES;
    if (fwrite(out->tally.digest.bytes, 1, NJ_DIGEST_BYTES, out->stream) != NJ_DIGEST_BYTES ||
        fflush(out->stream) != 0) {
        return nj_fail_errno(out->err, NJ_IO, errno, "delta segment: cannot write");
    }
    return NJ_OK;
}

// ---- the sections ----

// A file of the result; a missing one has 0 bytes.
static nj_status put_file(output *out, const char *store_dir, const nj_store_name *name,
                          const char *file, size_t bytes_max, nj_delta_kind kind)
{
    nj_path path;
    char *bytes = NULL;
    size_t size = 0;
    nj_status status = nj_store_path(store_dir, name, file, &path, out->err);
    if (status == NJ_OK) {
        status = nj_file_read(path.text, bytes_max, &bytes, &size, out->err);
    }
    if (status == NJ_OK) {
        status = put_block(out, kind, (nj_slice){0}, (nj_slice){bytes, size});
    }
    free(bytes);
    return status;
}

static nj_status put_sections(output *out, const char *store_dir, const side *result,
                              const nj_delta_head *head)
{
    nj_buffer packed;
    nj_slice meta = {0};
    const nj_store_name *name = nj_store_reader_name(result->reader);
    const nj_store_facts *facts = &nj_store_reader_manifest(result->reader)->facts;
    nj_buffer_init(&packed, NJ_DELTA_HEAD_BYTES_MAX);
    nj_status status = nj_delta_head_pack(head, &packed, out->err);
    if (status == NJ_OK) {
        status = put(out, NJ_DELTA_MAGIC, NJ_DELTA_MAGIC_BYTES);
    }
    if (status == NJ_OK) {
        status = put_block(out, NJ_DELTA_HEAD, (nj_slice){0}, nj_buffer_slice(&packed));
    }
    nj_buffer_fini(&packed);
    if (status == NJ_OK) {
        status = put_file(out, store_dir, name, NJ_STORE_WORDS.MANIFEST,
                          NJ_STORE_MANIFEST_BYTES_MAX, NJ_DELTA_MANIFEST);
    }
    if (status == NJ_OK) {
        status = nj_store_reader_meta(result->reader, &meta, out->err);
    }
    if (status == NJ_OK) {
        status = put_block(out, NJ_DELTA_META, (nj_slice){0}, meta);
    }
    if (status == NJ_OK) {
        status = nj_store_quarantine_check(store_dir, name, facts, out->err);
    }
    if (status == NJ_OK && facts->user_count > facts->row_count) {
        status = put_file(out, store_dir, name, NJ_STORE_WORDS.QUARANTINED,
                          NJ_DELTA_QUARANTINED_BYTES_MAX, NJ_DELTA_QUARANTINED);
    }
    return status;
}

// ---- the walk ----

static nj_status advance(side *at, nj_error *err)
{
    if (at->reader == NULL) {
        at->ended = true;
        return NJ_OK;
    }
    nj_status status = nj_store_next(at->reader, &at->key, &at->value, err);
    if (status == NJ_END) {
        at->ended = true;
        return NJ_OK;
    }
    if (status == NJ_OK) {
        at->rows++;
        nj_digester_update_sized(&at->content, at->key.bytes, at->key.size);
        nj_digester_update_sized(&at->content, at->value.bytes, at->value.size);
    }
    return status;
}

static nj_status begin_walk(side *at, nj_error *err)
{
    nj_digester_init(&at->content);
    nj_status status = at->reader != NULL ? nj_store_rewind(at->reader, err) : NJ_OK;
    return status == NJ_OK ? advance(at, err) : status;
}

static nj_status end_walk(side *at, nj_error *err)
{
    if (at->reader == NULL) {
        return NJ_OK;
    }
    const nj_digest content = nj_digester_final(&at->content);
    return nj_digest_equal(&content, &nj_store_reader_manifest(at->reader)->facts.content_digest)
               ? NJ_OK
               : nj_fail(err, NJ_REFUSED,
                         "%s: its rows are not those its manifest names: nightjar store verify",
                         nj_store_reader_name(at->reader)->text);
}

// A row behind which nothing of the base was left out goes on with the run.
static nj_status go_on_with_run(output *out, nj_slice key)
{
    nj_status status = NJ_OK;
    if (out->run == 0) {
        nj_buffer_clear(&out->run_key);
        status = nj_buffer_append(&out->run_key, key.bytes, key.size);
    }
    out->run++;
    out->tally.copied++;
    return status == NJ_OK ? NJ_OK : nj_fail(out->err, status, "delta segment: no memory");
}

static nj_status end_run(output *out)
{
    uint8_t length[NJ_DELTA_RUN_BYTES];
    if (out->run == 0) {
        return NJ_OK;
    }
    write_little(length, out->run, sizeof length);
    out->run = 0;
    return put_block(out, NJ_DELTA_COPIED, nj_buffer_slice(&out->run_key),
                     (nj_slice){(const char *)length, sizeof length});
}

static bool is_copied(output *out, nj_slice before, nj_slice after)
{
    return out->run < UINT32_MAX && nj_delta_copy_row(before, &out->copy) &&
           nj_slice_equal(nj_buffer_slice(&out->copy), after);
}

static nj_status put_difference(output *out, const side *base, const side *result, int order)
{
    const bool is_same = order == 0 && nj_slice_equal(base->value, result->value);
    if (order == 0 && !is_same && is_copied(out, base->value, result->value)) {
        return go_on_with_run(out, base->key);
    }
    nj_status status = end_run(out);
    if (status != NJ_OK || is_same) {
        return status;
    }
    if (order < 0) {
        out->tally.deletes++;
        return put_block(out, NJ_DELTA_DELETE, base->key, (nj_slice){0});
    }
    out->tally.upserts++;
    return put_block(out, NJ_DELTA_UPSERT, result->key, result->value);
}

static nj_status put_entries(output *out, side *base, side *result, const nj_delta_watch *watch)
{
    const uint64_t rows = nj_store_reader_manifest(result->reader)->facts.row_count;
    nj_status status = begin_walk(base, out->err);
    if (status == NJ_OK) {
        status = begin_walk(result, out->err);
    }
    while (status == NJ_OK && !(base->ended && result->ended)) {
        const int order = base->ended     ? 1
                          : result->ended ? -1
                                          : nj_slice_compare(base->key, result->key);
        status = put_difference(out, base, result, order);
        if (status == NJ_OK && order <= 0) {
            status = advance(base, out->err);
        }
        if (status == NJ_OK && order >= 0) {
            status = advance(result, out->err);
            if (watch->rows != NULL && result->rows % NJ_DELTA_WATCH_ROWS == 0) {
                watch->rows(watch->context, result->rows, rows);
            }
        }
    }
    if (status == NJ_OK) {
        status = end_run(out);
    }
    if (status == NJ_OK) {
        status = end_walk(base, out->err);
    }
    return status == NJ_OK ? end_walk(result, out->err) : status;
}

static nj_status fill_head(const char *store_dir, const side *base, const side *result,
                           uint64_t seq, nj_delta_head *out, nj_error *err)
{
    nj_ulid id;
    const nj_store_facts *facts = &nj_store_reader_manifest(result->reader)->facts;
    nj_status status = nj_store_id_read(store_dir, &id, err);
    if (status == NJ_NOT_FOUND || (status == NJ_OK && facts->store_id[0] == '\0')) {
        return nj_fail(err, NJ_CONFIG,
                       "%s/%s was packed before stores had ids, and a delta names the store: "
                       "the next night's generation can be exported so",
                       store_dir, facts->generation);
    }
    if (status != NJ_OK) {
        return status;
    }
    *out = (nj_delta_head){.version = NJ_DELTA_VERSION,
                           .seq = seq,
                           .result_digest = facts->content_digest,
                           .map_bytes = nj_store_reader_map_bytes(result->reader)};
    strcpy(out->store_id, facts->store_id);
    strcpy(out->result, facts->generation);
    if (base->reader != NULL) {
        strcpy(out->base, nj_store_reader_name(base->reader)->text);
        out->base_digest = nj_store_reader_manifest(base->reader)->facts.content_digest;
    }
    return strcmp(out->base, out->result) != 0
               ? NJ_OK
               : nj_fail(err, NJ_INPUT, "%s: a delta needs two generations, these are one",
                         out->result);
}

nj_status nj_delta_write(const char *store_dir, const nj_store_name *base,
                         const nj_store_name *result, uint64_t seq, const nj_delta_watch *watch,
                         FILE *stream, nj_delta_head *out_head, nj_delta_tally *out_tally,
                         nj_error *err)
{
    side from = {0};
    side to = {0};
    nj_delta_head head;
    output out = {.stream = stream, .err = err};
    nj_digester_init(&out.digester);
    nj_buffer_init(&out.run_key, NJ_STORE_KEY_BYTES_MAX);
    nj_buffer_init(&out.copy, NJ_ROW_BYTES_MAX);
    nj_status status = nj_store_reader_open(store_dir, result->text, &to.reader, err);
    if (status == NJ_OK && base != NULL) {
        status = nj_store_reader_open(store_dir, base->text, &from.reader, err);
    }
    if (status == NJ_OK) {
        status = fill_head(store_dir, &from, &to, seq, &head, err);
    }
    if (status == NJ_OK) {
        status = put_sections(&out, store_dir, &to, &head);
    }
    if (status == NJ_OK) {
        status = put_entries(&out, &from, &to, watch);
    }
    if (status == NJ_OK) {
        status = put_end(&out);
    }
    nj_store_reader_close(&from.reader);
    nj_store_reader_close(&to.reader);
    nj_buffer_fini(&out.run_key);
    nj_buffer_fini(&out.copy);
    if (status == NJ_OK) {
        *out_head = head;
        *out_tally = out.tally;
    }
    return status;
}
