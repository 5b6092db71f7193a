#include "common/store/quarantine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/base/file.h"
#include "common/store/schema.h"

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

// Lines of a file; a missing one has none.
static nj_status count_lines(const char *path, uint64_t *out, nj_error *err)
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
        status = count_lines(path.text, &lines, err);
    }
    if (status == NJ_OK && lines != facts->user_count - facts->row_count) {
        status =
            nj_fail(err, NJ_REFUSED,
                    "%s: names %" PRIu64 " users, the manifest counts %" PRIu64 " without a row",
                    path.text, lines, facts->user_count - facts->row_count);
    }
    return status;
}
