// origin_write.c - ORIGIN of a night that is packed.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/id.h"
#include "common/base/log.h"
#include "common/codec/json.h"
#include "common/store/key.h"
#include "common/store/origin_file.h"
#include "common/store/schema.h"

// ---- lines ----

static nj_status write_bytes(nj_origin_writer *writer, const char *bytes, size_t size,
                             nj_error *err)
{
    return fwrite(bytes, 1, size, writer->draft.stream) == size
               ? NJ_OK
               : nj_fail_errno(err, NJ_IO, errno, "%s: cannot write", writer->draft.path.text);
}

// Takes the object and writes it as a line that the digest covers.
static nj_status write_line_take(nj_origin_writer *writer, json_t **object, nj_error *err)
{
    char *text = json_dumps(*object, JSON_COMPACT);
    json_decref(*object);
    *object = NULL;
    if (text == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a line of %s", NJ_STORE_WORDS.ORIGIN);
    }
    const size_t size = strlen(text);
    text[size] = '\n'; // in place of the NUL
    nj_digester_update(&writer->digester, text, size + 1);
    nj_status status = write_bytes(writer, text, size + 1, err);
    free(text);
    return status;
}

// NULL in *list: no memory.
static void append(json_t **list, json_t *entry)
{
    if (json_array_append_new(*list, entry) != 0) { // also of NULL
        json_decref(*list);
        *list = NULL;
    }
}

static json_t *list_sections(const nj_origin_night *night)
{
    json_t *list = json_array();
    for (size_t i = 0; i < night->section_count && list != NULL; i++) {
        char hex[NJ_DIGEST_HEX_BYTES];
        const nj_origin_section *section = &night->sections[i];
        nj_digest_hex(&section->digest, hex);
        append(&list, json_pack("{s:s, s:I, s:s}", "name", section->name, "bytes",
                                (json_int_t)section->bytes, "digest", hex));
    }
    return list;
}

// A path that JSON cannot hold must not cost the night.
static bool is_kept(const nj_origin_input *input)
{
    const size_t size = strlen(input->value);
    const bool kept = size <= NJ_ORIGIN_INPUT_BYTES_MAX && nj_utf8_valid(input->value, size);
    if (!kept) {
        nj_log(NJ_LOG_WARNING,
               "%s: --%s is left out: its value has %zu bytes, the limit is %u bytes of UTF-8",
               NJ_STORE_WORDS.ORIGIN, input->option, size, NJ_ORIGIN_INPUT_BYTES_MAX);
    }
    return kept;
}

static json_t *list_inputs(const nj_origin_night *night)
{
    json_t *list = json_array();
    for (size_t i = 0; i < night->input_count && list != NULL; i++) {
        const nj_origin_input *input = &night->inputs[i];
        if (is_kept(input)) {
            append(&list, json_pack("{s:s, s:s}", "option", input->option, "value", input->value));
        }
    }
    return list;
}

static nj_status write_head(nj_origin_writer *writer, const nj_origin_night *night, nj_error *err)
{
    json_t *object = json_object();
    nj_status status = nj_record_to_json(&NJ_ORIGIN_HEAD_TABLE, &night->head, object, err);
    if (status == NJ_OK && (json_object_set_new(object, "sections", list_sections(night)) != 0 ||
                            json_object_set_new(object, "inputs", list_inputs(night)) != 0)) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory for %s", NJ_STORE_WORDS.ORIGIN);
    }
    if (status == NJ_OK) {
        status = write_line_take(writer, &object, err);
    }
    json_decref(object);
    return status;
}

nj_status nj_origin_writer_begin(nj_origin_writer *writer, const char *folder,
                                 const nj_origin_night *night, nj_error *err)
{
    nj_path path;
    *writer = (nj_origin_writer){0};
    nj_digester_init(&writer->digester);
    nj_status status = nj_path_join(folder, NJ_STORE_WORDS.ORIGIN, &path, err);
    if (status == NJ_OK) {
        status = nj_file_draft_begin(path.text, &writer->draft, err);
    }
    return status == NJ_OK ? write_head(writer, night, err) : status;
}

nj_status nj_origin_writer_add(nj_origin_writer *writer, const nj_origin_record *record,
                               nj_error *err)
{
    json_t *object = json_object();
    nj_status status = nj_record_to_json(&NJ_ORIGIN_RECORD_TABLE, record, object, err);
    if (status == NJ_OK) {
        status = write_line_take(writer, &object, err);
    }
    json_decref(object);
    writer->records++;
    return status;
}

nj_status nj_origin_writer_commit(nj_origin_writer *writer, nj_error *err)
{
    char line[128];
    char hex[NJ_DIGEST_HEX_BYTES];
    const nj_digest digest = nj_digester_final(&writer->digester);
    nj_digest_hex(&digest, hex);
    const int size = snprintf(line, sizeof line, "{\"records\":%" PRIu64 ",\"digest\":\"%s\"}\n",
                              writer->records, hex);
    nj_status status = write_bytes(writer, line, (size_t)size, err);
    return status == NJ_OK ? nj_file_draft_commit(&writer->draft, err) : status;
}

void nj_origin_writer_abort(nj_origin_writer *writer)
{
    nj_file_draft_abort(&writer->draft);
}

// ---- where records begin ----

void nj_origin_marks_init(nj_origin_marks *marks)
{
    *marks = (nj_origin_marks){0};
    nj_buffer_init(&marks->keys, SIZE_MAX / 2);
}

void nj_origin_marks_fini(nj_origin_marks *marks)
{
    nj_buffer_fini(&marks->keys);
}

nj_status nj_origin_marks_add(nj_origin_marks *marks, nj_slice key)
{
    const uint16_t size = (uint16_t)key.size; // at most NJ_STORE_KEY_BYTES_MAX
    nj_status status = nj_buffer_append(&marks->keys, &size, sizeof size);
    if (status == NJ_OK) {
        status = nj_buffer_append(&marks->keys, key.bytes, key.size);
    }
    marks->count += status == NJ_OK;
    return status;
}

// ---- the staged night ----

typedef struct {
    nj_origin_writer writer;
    const nj_origin_marks *marks;
    size_t at; // in marks->keys
} origin_walk;

static nj_status take_user(origin_walk *walk, char out[NJ_ID_BYTES_MAX + 1], nj_error *err)
{
    uint16_t size;
    char digits[NJ_STORE_DIGITS_BYTES];
    nj_slice user;
    const nj_buffer *keys = &walk->marks->keys;
    if (walk->at == keys->size) {
        return nj_fail(err, NJ_REFUSED,
                       "the ledger has more records with rows than the %" PRIu64
                       " that were packed",
                       walk->marks->count);
    }
    memcpy(&size, keys->bytes + walk->at, sizeof size);
    const nj_slice key = {(const char *)keys->bytes + walk->at + sizeof size, size};
    walk->at += sizeof size + size;
    nj_status status = nj_store_key_unpack(key, digits, &user, err);
    if (status == NJ_OK) {
        memcpy(out, user.bytes, user.size);
        out[user.size] = '\0';
    }
    return status;
}

static nj_status write_record(void *context, const nj_ledger_record *from, nj_error *err)
{
    origin_walk *walk = context;
    if (from->state == NJ_STORED_QUARANTINED || from->rows == 0) {
        return NJ_OK;
    }
    nj_origin_record record = {.shard = from->shard,
                               .first = from->first,
                               .count = from->count,
                               .rows = from->rows,
                               .attempt = from->attempt,
                               .state = from->state,
                               .finished_ms = from->finished_ms};
    strcpy(record.worker, from->worker); // both have the same limit
    nj_status status = take_user(walk, record.user, err);
    return status == NJ_OK ? nj_origin_writer_add(&walk->writer, &record, err) : status;
}

static nj_status write_records(origin_walk *walk, nj_staging *staging, nj_error *err)
{
    nj_status status = nj_staging_ledger_each(staging, write_record, walk, err);
    if (status == NJ_OK && walk->writer.records != walk->marks->count) {
        status = nj_fail(err, NJ_REFUSED,
                         "the ledger has %" PRIu64 " records with rows, %" PRIu64 " were packed",
                         walk->writer.records, walk->marks->count);
    }
    return status;
}

// Where carried rows come from stands in no fact of the generation.
static nj_status tell_carried(nj_staging *staging, nj_origin_head *head, nj_error *err)
{
    nj_staging_deadline deadline;
    nj_status status = nj_staging_deadline_get(staging, &deadline, err);
    if (status == NJ_OK) {
        strcpy(head->carried_from, deadline.from); // both have the limit of a name
        strcpy(head->missing_from, nj_staging_facts_of(staging)->missing_from);
    }
    return status;
}

nj_status nj_store_origin_write(nj_staging *staging, const char *folder,
                                const nj_store_facts *facts, const nj_origin_night *night,
                                const nj_origin_marks *marks, nj_error *err)
{
    origin_walk walk = {.marks = marks};
    nj_origin_night *told = malloc(sizeof *told);
    if (told == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for %s", NJ_STORE_WORDS.ORIGIN);
    }
    *told = *night;
    told->head.origin_version = NJ_STORE_ORIGIN_VERSION;
    told->head.bundle_digest = facts->bundle_digest;
    strcpy(told->head.generation, facts->generation); // all have the limits of the facts
    strcpy(told->head.nightjar_version, facts->nightjar_version);
    strcpy(told->head.numeric_class, facts->numeric_class);
    strcpy(told->head.since, facts->since);
    nj_status status = tell_carried(staging, &told->head, err);
    if (status == NJ_OK) {
        status = nj_origin_writer_begin(&walk.writer, folder, told, err);
    }
    if (status == NJ_OK) {
        status = write_records(&walk, staging, err);
    }
    if (status == NJ_OK) {
        status = nj_origin_writer_commit(&walk.writer, err);
    }
    nj_origin_writer_abort(&walk.writer);
    free(told);
    return status;
}
