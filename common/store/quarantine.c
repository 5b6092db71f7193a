#include "common/store/quarantine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/base/file.h"
#include "common/base/mapped.h"
#include "common/codec/json.h"
#include "common/store/schema.h"
#include "common/store/scrub_text.h"

#define BLOCK_BYTES 65536

nj_status nj_store_quarantine_json(const nj_ledger_record *record, nj_buffer *out)
{
    nj_status status = nj_buffer_printf(out, "{\"user\": ");
    if (status == NJ_OK) {
        status = nj_buffer_json_string(out, nj_slice_from(record->user));
    }
    if (status == NJ_OK) {
        status = nj_buffer_printf(out, ", \"reason\": ");
    }
    if (status == NJ_OK) {
        status = nj_buffer_json_string(out, nj_slice_from(record->note));
    }
    if (status == NJ_OK) {
        status = nj_buffer_printf(out, ", \"worker\": ");
    }
    if (status == NJ_OK) {
        status = nj_buffer_json_string(out, nj_slice_from(record->worker));
    }
    return status == NJ_OK ? nj_buffer_printf(out, ", \"attempts\": %" PRIu64 "}", record->attempt)
                           : status;
}

typedef struct {
    FILE *stream;
    nj_buffer line;
} quarantine_list;

static nj_status write_line(void *context, const nj_ledger_record *record, nj_error *err)
{
    quarantine_list *list = context;
    if (record->state != NJ_STORED_QUARANTINED) {
        return NJ_OK;
    }
    nj_buffer_clear(&list->line);
    nj_status status = nj_store_quarantine_json(record, &list->line);
    if (status == NJ_OK) {
        status = nj_buffer_append(&list->line, "\n", 1);
    }
    if (status != NJ_OK) {
        return nj_fail(err, status, "no memory for a line of %s", NJ_STORE_WORDS.QUARANTINED);
    }
    return fwrite(list->line.bytes, 1, list->line.size, list->stream) == list->line.size
               ? NJ_OK
               : nj_fail_errno(err, NJ_IO, errno, "%s: cannot write", NJ_STORE_WORDS.QUARANTINED);
}

nj_status nj_store_quarantine_write(nj_staging *staging, const char *folder, nj_error *err)
{
    nj_path path;
    nj_file_draft draft = {0};
    nj_staging_tally tally;
    nj_status status = nj_staging_count(staging, &tally, err);
    if (status != NJ_OK || tally.quarantined == 0) {
        return status;
    }
    status = nj_path_join(folder, NJ_STORE_WORDS.QUARANTINED, &path, err);
    if (status == NJ_OK) {
        status = nj_file_draft_begin(path.text, &draft, err);
    }
    if (status == NJ_OK) {
        quarantine_list list = {.stream = draft.stream};
        nj_buffer_init(&list.line, NJ_STORE_QUARANTINE_LINE_BYTES_MAX);
        status = nj_staging_ledger_each(staging, write_line, &list, err);
        nj_buffer_fini(&list.line);
    }
    if (status == NJ_OK) {
        status = nj_file_draft_commit(&draft, err);
    }
    nj_file_draft_abort(&draft);
    return status;
}

nj_status nj_store_quarantine_count(const char *path, uint64_t *out, nj_error *err)
{
    char block[BLOCK_BYTES];
    size_t got;
    uint64_t lines = 0;
    FILE *stream = fopen(path, "re");
    *out = 0;
    if (stream == NULL) {
        return errno == ENOENT ? NJ_OK : nj_fail_open(err, errno, path);
    }
    while ((got = fread(block, 1, sizeof block, stream)) > 0) {
        for (size_t i = 0; i < got; i++) {
            lines += block[i] == '\n';
        }
    }
    nj_status status =
        ferror(stream) ? nj_fail_errno(err, NJ_IO, errno, "%s: cannot read", path) : NJ_OK;
    fclose(stream);
    *out = lines;
    return status;
}

nj_status nj_store_quarantine_check(const char *store_dir, const nj_store_name *name,
                                    const nj_store_facts *facts, nj_error *err)
{
    nj_path path;
    uint64_t lines = 0;
    nj_status status = nj_store_path(store_dir, name, NJ_STORE_WORDS.QUARANTINED, &path, err);
    if (status == NJ_OK) {
        status = nj_store_quarantine_count(path.text, &lines, err);
    }
    if (status == NJ_OK && lines != facts->user_count - facts->row_count) {
        status =
            nj_fail(err, NJ_REFUSED,
                    "%s: names %" PRIu64 " users, the manifest counts %" PRIu64 " without a row",
                    path.text, lines, facts->user_count - facts->row_count);
    }
    return status;
}

// ---- without some ----

typedef struct {
    const nj_erase_set *set;
    nj_scrub_text text;
    nj_buffer line;
    FILE *stream;
    uint64_t kept;
} quarantine_copy;

// Keys that are not known would be lost: whoever writes the file writes none.
static nj_status put_line(quarantine_copy *copy, const json_t *object, nj_error *err)
{
    nj_json_keys keys;
    uint64_t ignored = 0;
    nj_buffer reason;
    nj_buffer_init(&reason, NJ_STORE_QUARANTINE_LINE_BYTES_MAX);
    nj_json_keys_open(&keys, object, NJ_STORE_WORDS.QUARANTINED, err);
    const char *user = nj_json_text_or(&keys, "user", "");
    const char *worker = nj_json_text_or(&keys, "worker", "");
    const char *why = nj_json_text_or(&keys, "reason", "");
    nj_ledger_record record = {.attempt =
                                   (uint64_t)nj_json_int_or(&keys, "attempts", 0, UINT32_MAX, 0)};
    nj_status status = keys.status;
    if (status == NJ_OK && !nj_erase_has_user(copy->set, nj_slice_from(user))) {
        status = nj_scrub_plain(&copy->text, nj_slice_from(why), &reason, &ignored);
        snprintf(record.user, sizeof record.user, "%s", user);
        nj_ledger_text_set(record.worker, sizeof record.worker, nj_slice_from(worker));
        nj_ledger_text_set(record.note, sizeof record.note, nj_buffer_slice(&reason));
        nj_buffer_clear(&copy->line);
        status = status == NJ_OK ? nj_store_quarantine_json(&record, &copy->line) : status;
        status = status == NJ_OK ? nj_buffer_append(&copy->line, "\n", 1) : status;
        if (status != NJ_OK) {
            status = nj_fail(err, status, "no memory for a line of %s", NJ_STORE_WORDS.QUARANTINED);
        } else if (fwrite(copy->line.bytes, 1, copy->line.size, copy->stream) != copy->line.size) {
            status =
                nj_fail_errno(err, NJ_IO, errno, "%s: cannot write", NJ_STORE_WORDS.QUARANTINED);
        }
        copy->kept++;
    }
    nj_buffer_fini(&reason);
    return status;
}

static nj_status copy_lines(quarantine_copy *copy, nj_slice rest, const char *path, nj_error *err)
{
    nj_status status = NJ_OK;
    for (size_t line = 1; rest.size > 0 && status == NJ_OK; line++) {
        json_t *object = NULL;
        const char *end = memchr(rest.bytes, '\n', rest.size);
        const size_t size = end != NULL ? (size_t)(end - rest.bytes) + 1 : rest.size;
        status = nj_json_parse(rest.bytes, size, path, &object, err);
        if (status == NJ_OK) {
            status = put_line(copy, object, err);
        }
        if (status == NJ_INPUT) {
            status = NJ_REFUSED;
        }
        if (status != NJ_OK) {
            nj_error_prefix(err, "%s: line %zu", path, line);
        }
        json_decref(object);
        rest = (nj_slice){rest.bytes + size, rest.size - size};
    }
    return status;
}

nj_status nj_store_quarantine_copy_without(const char *from_folder, const char *to_folder,
                                           const nj_erase_set *set, nj_error *err)
{
    nj_path from;
    nj_path to;
    nj_mapped file = {0};
    nj_file_draft draft = {0};
    quarantine_copy copy = {.set = set};
    nj_buffer_init(&copy.line, NJ_STORE_QUARANTINE_LINE_BYTES_MAX);
    nj_status status = nj_path_join(from_folder, NJ_STORE_WORDS.QUARANTINED, &from, err);
    if (status == NJ_OK) {
        status = nj_path_join(to_folder, NJ_STORE_WORDS.QUARANTINED, &to, err);
    }
    if (status != NJ_OK || !nj_file_exists(from.text)) {
        nj_buffer_fini(&copy.line);
        return status;
    }
    status = nj_scrub_text_init(&copy.text, set, err);
    if (status == NJ_OK) {
        status = nj_mapped_open(from.text, &file, err);
    }
    if (status == NJ_OK) {
        status = nj_file_draft_begin(to.text, &draft, err);
    }
    if (status == NJ_OK) {
        copy.stream = draft.stream;
        status = copy_lines(&copy, (nj_slice){(const char *)file.bytes, file.size}, from.text, err);
    }
    if (status == NJ_OK && copy.kept > 0) {
        status = nj_file_draft_commit(&draft, err);
    }
    nj_file_draft_abort(&draft);
    nj_mapped_close(&file);
    nj_scrub_text_fini(&copy.text);
    nj_buffer_fini(&copy.line);
    return status;
}
