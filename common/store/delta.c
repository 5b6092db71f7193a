#include "common/store/delta.h"

#include <inttypes.h>
#include <string.h>

#include "common/codec/row.h"
#include "common/codec/row_scan.h"
#include "common/store/delta_record.h"
#include "common/store/env.h"
#include "common/store/key.h"
#include "common/store/schema.h"

static const nj_record_field HEAD_FIELDS[] = {
#define NJ_DELTA_FIELD(kind, name, max, meaning)                                                   \
    {#name, NJ_RECORD_##kind, offsetof(nj_delta_head, name), max},
#include "schemas/delta.def"
};

static const nj_record_table HEAD = {"delta head", HEAD_FIELDS,
                                     sizeof HEAD_FIELDS / sizeof HEAD_FIELDS[0], 0};

nj_status nj_delta_head_pack(const nj_delta_head *head, nj_buffer *out, nj_error *err)
{
    return nj_record_pack(&HEAD, head, out, err);
}

nj_status nj_delta_head_unpack(nj_slice bytes, nj_delta_head *out, nj_error *err)
{
    return nj_record_unpack(&HEAD, bytes, out, err);
}

// ---- blocks ----

static uint64_t read_little(const char *bytes, size_t size)
{
    uint64_t value = 0;
    for (size_t i = size; i > 0; i--) {
        value = value << 8 | (uint8_t)bytes[i - 1];
    }
    return value;
}

static void drop_front(nj_slice *bytes, size_t size)
{
    bytes->bytes += size;
    bytes->size -= size;
}

// False when the bytes end before the block does.
static bool read_block(nj_slice *rest, nj_delta_block *out)
{
    if (rest->size < NJ_DELTA_BLOCK_HEAD_BYTES) {
        return false;
    }
    const size_t key_bytes = (size_t)read_little(rest->bytes + 1, 2);
    const size_t value_bytes = (size_t)read_little(rest->bytes + 3, 4);
    const size_t left = rest->size - NJ_DELTA_BLOCK_HEAD_BYTES;
    if (key_bytes > left || value_bytes > left - key_bytes) {
        return false;
    }
    out->kind = (nj_delta_kind)(uint8_t)rest->bytes[0];
    out->key = (nj_slice){rest->bytes + NJ_DELTA_BLOCK_HEAD_BYTES, key_bytes};
    out->value = (nj_slice){out->key.bytes + key_bytes, value_bytes};
    drop_front(rest, NJ_DELTA_BLOCK_HEAD_BYTES + key_bytes + value_bytes);
    return true;
}

bool nj_delta_next(nj_slice *entries, nj_delta_block *out)
{
    return read_block(entries, out);
}

uint32_t nj_delta_run(const nj_delta_block *block)
{
    return (uint32_t)read_little(block->value.bytes, NJ_DELTA_RUN_BYTES);
}

bool nj_delta_copy_row(nj_slice row, nj_buffer *out)
{
    nj_row_scan scan;
    nj_buffer_clear(out);
    return nj_row_scan_open(row, &scan) && scan.age < NJ_ROW_AGE_MAX &&
           nj_row_copy(out, row, scan.flags | NJ_ROW_COPIED, scan.age + 1) == NJ_OK;
}

// ---- a whole segment ----

typedef struct {
    nj_slice all;
    nj_slice rest;
    nj_error *err;
} scan;

static nj_status fail_at(const scan *at, nj_status status, const char *rule)
{
    return nj_fail(at->err, status, "delta segment: byte %zu: %s", at->all.size - at->rest.size,
                   rule);
}

// The value of a block that has no key and at most `bytes_max` bytes.
static nj_status take_section(scan *at, nj_delta_kind kind, size_t bytes_max, nj_slice *out)
{
    nj_delta_block block;
    nj_slice rest = at->rest;
    if (!read_block(&rest, &block)) {
        return fail_at(at, NJ_INPUT, "ends before its end block");
    }
    if (block.kind != kind || block.key.size != 0 || block.value.size > bytes_max) {
        return fail_at(at, NJ_INPUT, "is no block of the kind and size that must come here");
    }
    *out = block.value;
    at->rest = rest;
    return NJ_OK;
}

static nj_status check_names(const scan *at, const nj_delta_segment *segment)
{
    nj_store_name name;
    const nj_delta_head *head = &segment->head;
    if (!nj_store_name_parse(nj_slice_from(head->result), &name) ||
        (head->base[0] != '\0' && !nj_store_name_parse(nj_slice_from(head->base), &name)) ||
        !nj_ulid_valid(nj_slice_from(head->store_id)) || strcmp(head->base, head->result) == 0) {
        return fail_at(at, NJ_INPUT, "the head names no store, or no two generations");
    }
    if (head->map_bytes > NJ_DELTA_MAP_BYTES_MAX) {
        return fail_at(at, NJ_INPUT, "the head asks for a map of more than 64 TiB");
    }
    if (strcmp(segment->facts.generation, head->result) != 0 ||
        strcmp(segment->facts.store_id, head->store_id) != 0 ||
        !nj_digest_equal(&segment->facts.content_digest, &head->result_digest)) {
        return fail_at(at, NJ_INPUT, "head and facts are not of one generation");
    }
    return NJ_OK;
}

// As nj_store_quarantine_check of the file that this becomes.
static nj_status check_quarantined(const scan *at, const nj_delta_segment *segment)
{
    uint64_t lines = 0;
    const nj_slice text = segment->quarantined;
    for (size_t i = 0; i < text.size; i++) {
        lines += text.bytes[i] == '\n';
    }
    const nj_store_facts *facts = &segment->facts;
    return facts->user_count >= facts->row_count && lines == facts->user_count - facts->row_count
               ? NJ_OK
               : nj_fail(at->err, NJ_INPUT,
                         "delta segment: names %" PRIu64 " users without a row; its facts count "
                         "%" PRIu64 " users and %" PRIu64 " rows",
                         lines, facts->user_count, facts->row_count);
}

static nj_status scan_sections(scan *at, nj_delta_segment *out)
{
    nj_slice head;
    nj_status status = take_section(at, NJ_DELTA_HEAD, NJ_DELTA_HEAD_BYTES_MAX, &head);
    if (status == NJ_OK) {
        status = nj_delta_head_unpack(head, &out->head, at->err);
    }
    if (status == NJ_OK &&
        (out->head.version < NJ_DELTA_VERSION_OLDEST || out->head.version > NJ_DELTA_VERSION)) {
        return nj_fail(at->err, NJ_CONFIG,
                       "delta segment: has version %" PRIu64 ", this program reads %d to %d",
                       out->head.version, NJ_DELTA_VERSION_OLDEST, NJ_DELTA_VERSION);
    }
    if (status == NJ_OK) {
        status = take_section(at, NJ_DELTA_MANIFEST, NJ_STORE_MANIFEST_BYTES_MAX, &out->manifest);
    }
    if (status == NJ_OK) {
        status = take_section(at, NJ_DELTA_META, NJ_DELTA_META_BYTES_MAX, &out->meta);
    }
    if (status == NJ_OK) {
        status = nj_store_facts_unpack(out->meta, &out->facts, at->err);
    }
    if (status == NJ_OK && out->facts.lmdb_major != nj_env_lmdb_major()) {
        return nj_fail(at->err, NJ_CONFIG,
                       "delta segment: its generations are of LMDB %" PRIu64
                       ", this program has %" PRIu64 ": make the generation here anew",
                       out->facts.lmdb_major, nj_env_lmdb_major());
    }
    if (status == NJ_OK && out->facts.schema_version != NJ_STORE_SCHEMA_VERSION) {
        return nj_fail(at->err, NJ_CONFIG,
                       "delta segment: its generations have schema version %" PRIu64
                       ", this program writes %d",
                       out->facts.schema_version, NJ_STORE_SCHEMA_VERSION);
    }
    if (status == NJ_OK) {
        status = check_names(at, out);
    }
    if (status == NJ_OK && at->rest.size > 0 && at->rest.bytes[0] == NJ_DELTA_QUARANTINED) {
        status = take_section(at, NJ_DELTA_QUARANTINED, NJ_DELTA_QUARANTINED_BYTES_MAX,
                              &out->quarantined);
    }
    return status == NJ_OK ? check_quarantined(at, out) : status;
}

static const char *find_entry_problem(const nj_delta_block *block, nj_slice before)
{
    if (nj_store_key_check(block->key, NULL) != NJ_OK) {
        return "the key is no user's";
    }
    if (before.size > 0 && nj_slice_compare(before, block->key) >= 0) {
        return "the key is not behind the one before";
    }
    if (block->kind == NJ_DELTA_UPSERT &&
        (block->value.size == 0 || block->value.size > NJ_ROW_BYTES_MAX)) {
        return "the row is empty or longer than a row can be";
    }
    if (block->kind == NJ_DELTA_DELETE && block->value.size > 0) {
        return "a delete carries a row";
    }
    if (block->kind == NJ_DELTA_COPIED &&
        (block->value.size != NJ_DELTA_RUN_BYTES || nj_delta_run(block) == 0)) {
        return "a run of copied rows has no length";
    }
    return NULL;
}

static bool is_entry(nj_delta_kind kind, const nj_delta_head *head)
{
    return kind == NJ_DELTA_UPSERT || kind == NJ_DELTA_DELETE ||
           (kind == NJ_DELTA_COPIED && head->version > 1 && head->base[0] != '\0');
}

static nj_status scan_entries(scan *at, nj_delta_segment *out)
{
    nj_slice before = {0};
    nj_delta_block block;
    const char *start = at->rest.bytes;
    nj_slice rest = at->rest;
    while (read_block(&rest, &block) && is_entry(block.kind, &out->head)) {
        const char *problem = find_entry_problem(&block, before);
        if (problem != NULL) {
            return fail_at(at, NJ_INPUT, problem);
        }
        out->tally.upserts += block.kind == NJ_DELTA_UPSERT;
        out->tally.deletes += block.kind == NJ_DELTA_DELETE;
        out->tally.copied += block.kind == NJ_DELTA_COPIED ? nj_delta_run(&block) : 0;
        before = block.key;
        at->rest = rest;
    }
    out->entries = (nj_slice){start, (size_t)(at->rest.bytes - start)};
    return NJ_OK;
}

static nj_status scan_end(scan *at, nj_delta_segment *out)
{
    nj_slice end;
    nj_status status = take_section(at, NJ_DELTA_END, NJ_DELTA_END_BYTES, &end);
    if (status != NJ_OK) {
        return status;
    }
    if (end.size != NJ_DELTA_END_BYTES || read_little(end.bytes, 8) != out->tally.upserts ||
        read_little(end.bytes + 8, 8) != out->tally.deletes) {
        return fail_at(at, NJ_INPUT, "the end block counts other entries than there are");
    }
    memcpy(out->tally.digest.bytes, end.bytes + NJ_DELTA_COUNTS_BYTES, NJ_DIGEST_BYTES);
    out->bytes = (nj_slice){at->all.bytes, at->all.size - at->rest.size};
    out->tally.bytes = out->bytes.size;
    return NJ_OK;
}

nj_status nj_delta_scan(nj_slice bytes, nj_delta_segment *out, nj_error *err)
{
    scan at = {.all = bytes, .rest = bytes, .err = err};
    nj_delta_segment segment = {0};
    if (bytes.size < NJ_DELTA_MAGIC_BYTES ||
        memcmp(bytes.bytes, NJ_DELTA_MAGIC, NJ_DELTA_MAGIC_BYTES) != 0) {
        return fail_at(&at, NJ_INPUT, "does not begin with \"" NJ_DELTA_MAGIC "\"");
    }
    drop_front(&at.rest, NJ_DELTA_MAGIC_BYTES);
    nj_status status = scan_sections(&at, &segment);
    if (status == NJ_OK) {
        status = scan_entries(&at, &segment);
    }
    if (status == NJ_OK) {
        status = scan_end(&at, &segment);
    }
    if (status == NJ_OK) {
        *out = segment;
    }
    return status;
}

nj_status nj_delta_check(const nj_delta_segment *segment, nj_error *err)
{
    const nj_digest is = nj_digest_of(segment->bytes.bytes, segment->bytes.size - NJ_DIGEST_BYTES);
    if (nj_digest_equal(&is, &segment->tally.digest)) {
        return NJ_OK;
    }
    char hex[NJ_DIGEST_HEX_BYTES];
    char says[NJ_DIGEST_HEX_BYTES];
    nj_digest_hex(&is, hex);
    nj_digest_hex(&segment->tally.digest, says);
    return nj_fail(err, NJ_REFUSED,
                   "delta segment %" PRIu64 " to %s is damaged: its digest is %s, its end says %s",
                   segment->head.seq, segment->head.result, hex, says);
}
