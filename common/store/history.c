#include "common/store/history.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/buffer.h"
#include "common/store/schema.h"

#define LINE_BYTES (NJ_STORE_NAME_CHARS + 1)
#define FILE_BYTES_MAX ((size_t)2 * NJ_STORE_HISTORY_MAX * LINE_BYTES)

static void read_lines(const char *text, nj_store_history *out)
{
    while (*text != '\0') {
        size_t size = strcspn(text, "\n");
        nj_store_name name;
        if (nj_store_name_parse((nj_slice){text, size}, &name)) {
            nj_store_history_push(out, &name);
        }
        text += size + (text[size] == '\n');
    }
}

nj_status nj_store_history_load(const char *path, nj_store_history *out, nj_error *err)
{
    char *text = NULL;
    size_t size = 0;
    out->count = 0;
    nj_status status = nj_file_read(path, FILE_BYTES_MAX, &text, &size, err);
    if (status == NJ_NOT_FOUND || status == NJ_INPUT) {
        return NJ_OK; // no file of ours: nothing is known
    }
    if (status == NJ_OK) {
        read_lines(text, out);
    }
    free(text);
    return status;
}

nj_status nj_store_history_read(const char *store_dir, nj_store_history *out, nj_error *err)
{
    nj_path path;
    nj_status status = nj_path_join(store_dir, NJ_STORE_WORDS.HISTORY, &path, err);
    return status != NJ_OK ? status : nj_store_history_load(path.text, out, err);
}

void nj_store_history_push(nj_store_history *history, const nj_store_name *name)
{
    if (history->count > 0 && strcmp(history->names[history->count - 1].text, name->text) == 0) {
        return;
    }
    if (history->count == NJ_STORE_HISTORY_MAX) {
        history->count--;
        memmove(history->names, history->names + 1, history->count * sizeof history->names[0]);
    }
    history->names[history->count++] = *name;
}

nj_status nj_store_history_save(const char *path, const nj_store_history *history, nj_error *err)
{
    nj_buffer text;
    nj_buffer_init(&text, FILE_BYTES_MAX);
    nj_status status = NJ_OK;
    for (size_t i = 0; i < history->count && status == NJ_OK; i++) {
        if (nj_buffer_printf(&text, "%s\n", history->names[i].text) != NJ_OK) {
            status = nj_fail(err, NJ_NO_MEMORY, "%s: no memory to write it", path);
        }
    }
    if (status == NJ_OK) {
        nj_file_sweep(path);
        status = nj_file_write(path, text.bytes, text.size, err);
    }
    nj_buffer_fini(&text);
    return status;
}

nj_status nj_store_history_write(const char *store_dir, const nj_store_history *history,
                                 nj_error *err)
{
    nj_path path;
    nj_status status = nj_path_join(store_dir, NJ_STORE_WORDS.HISTORY, &path, err);
    return status != NJ_OK ? status : nj_store_history_save(path.text, history, err);
}
