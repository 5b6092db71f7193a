// channel.c - what channels say; channel_change.c changes them.
#include "common/store/channel.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/store/channel_path.h"
#include "common/store/schema.h"

#define LINE_FILE_BYTES_MAX 256
#define CHANNEL_NAMES_BYTES 200 // of a sentence
#define SCRUBBED_BYTES_MAX ((size_t)NJ_STORE_GENERATIONS_MAX * 4 * (NJ_STORE_NAME_CHARS + 1))

bool nj_store_channel_valid(nj_slice text)
{
    if (text.size == 0 || text.size > NJ_STORE_CHANNEL_CHARS_MAX || text.bytes[0] < 'a' ||
        text.bytes[0] > 'z') {
        return false;
    }
    for (size_t i = 1; i < text.size; i++) {
        const char c = text.bytes[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
            return false;
        }
    }
    const size_t prefix = strlen(NJ_STORE_WORDS.PREFIX); // or it would be taken for a generation
    return text.size < prefix || memcmp(text.bytes, NJ_STORE_WORDS.PREFIX, prefix) != 0;
}

bool nj_channel_is_current(const char *channel)
{
    return channel == NULL || strcmp(channel, NJ_STORE_WORDS.CHANNEL_CURRENT) == 0;
}

nj_status nj_channel_check(const char *channel, nj_error *err)
{
    return channel == NULL || nj_store_channel_valid(nj_slice_from(channel))
               ? NJ_OK
               : nj_fail(err, NJ_INPUT,
                         "\"%.80s\" is no channel's name (1 to %d characters: a to z, then also 0 "
                         "to 9 and -, and not %s in front)",
                         channel, NJ_STORE_CHANNEL_CHARS_MAX, NJ_STORE_WORDS.PREFIX);
}

static nj_status make_path(const char *store_dir, const char *channel, const char *of_current,
                           const char *suffix, nj_path *out, nj_error *err)
{
    nj_path folder;
    char file[NJ_STORE_CHANNEL_CHARS_MAX + 16];
    if (nj_channel_is_current(channel)) {
        return nj_path_join(store_dir, of_current, out, err);
    }
    nj_status status = nj_channel_check(channel, err);
    if (status == NJ_OK) {
        status = nj_path_join(store_dir, NJ_STORE_WORDS.CHANNELS, &folder, err);
    }
    if (status == NJ_OK) {
        snprintf(file, sizeof file, "%s%s", channel, suffix);
        status = nj_path_join(folder.text, file, out, err);
    }
    return status;
}

nj_status nj_channel_path(const char *store_dir, const char *channel, nj_path *out, nj_error *err)
{
    return make_path(store_dir, channel, NJ_STORE_WORDS.CURRENT, "", out, err);
}

nj_status nj_channel_history_path(const char *store_dir, const char *channel, nj_path *out,
                                  nj_error *err)
{
    return make_path(store_dir, channel, NJ_STORE_WORDS.HISTORY, NJ_STORE_WORDS.HISTORY_SUFFIX, out,
                     err);
}

// "current, canary", as many as there is room for.
static void name_channels(const char *store_dir, char *out, size_t out_bytes)
{
    nj_store_channels list;
    size_t used = 0;
    if (nj_store_channel_list(store_dir, &list, NULL) != NJ_OK || list.count == 0) {
        snprintf(out, out_bytes, "it has none");
        return;
    }
    used += (size_t)snprintf(out, out_bytes, "it has ");
    for (size_t i = 0; i < list.count; i++) {
        if (used + NJ_STORE_CHANNEL_CHARS_MAX + sizeof ", , ..." > out_bytes) {
            snprintf(out + used, out_bytes - used, ", ...");
            return;
        }
        used += (size_t)snprintf(out + used, out_bytes - used, "%s%s", i > 0 ? ", " : "",
                                 list.entries[i].name);
    }
}

// Nobody listens: nothing is looked up.
static nj_status say_absent(const char *store_dir, const char *channel, nj_error *err)
{
    char names[CHANNEL_NAMES_BYTES] = "";
    if (nj_channel_is_current(channel)) {
        return nj_fail(err, NJ_NOT_FOUND, "%s: no generation has been published", store_dir);
    }
    if (err != NULL) {
        name_channels(store_dir, names, sizeof names);
    }
    return nj_fail(err, NJ_NOT_FOUND,
                   "%s: has no channel \"%s\"; %s (generations: nightjar store list)", store_dir,
                   channel, names);
}

nj_status nj_store_channel_read(const char *store_dir, const char *channel, nj_store_name *out,
                                nj_error *err)
{
    nj_path path;
    char *bytes = NULL;
    size_t size = 0;
    nj_status status = nj_folder_check(store_dir, err);
    if (status == NJ_OK) {
        status = nj_channel_path(store_dir, channel, &path, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    status = nj_file_read(path.text, LINE_FILE_BYTES_MAX, &bytes, &size, err);
    if (status == NJ_NOT_FOUND) {
        return say_absent(store_dir, channel, err);
    }
    if (status == NJ_INPUT) {
        return nj_fail(err, NJ_REFUSED, "%s: not one line with a generation's name", path.text);
    }
    if (status != NJ_OK) {
        return status;
    }
    nj_slice line = {bytes, size > 0 && bytes[size - 1] == '\n' ? size - 1 : size};
    if (!nj_store_name_parse(line, out)) {
        status = nj_fail(err, NJ_REFUSED, "%s: \"%.*s\" is no generation's name", path.text,
                         NJ_SLICE_ARGS(line));
    }
    free(bytes);
    return status;
}

nj_status nj_store_channel_resolve(const char *store_dir, const char *text, nj_store_name *out,
                                   nj_error *err)
{
    return text != NULL && nj_store_channel_valid(nj_slice_from(text)) &&
                   !nj_store_name_parse(nj_slice_from(text), out)
               ? nj_store_channel_read(store_dir, text, out, err)
               : nj_store_resolve(store_dir, text, out, err);
}

// ---- all of them ----

static void add_channel(const char *store_dir, const char *name, nj_store_channels *list)
{
    nj_store_channel *entry = &list->entries[list->count];
    *entry = (nj_store_channel){.status = NJ_OK};
    snprintf(entry->name, sizeof entry->name, "%s", name);
    entry->status = nj_store_channel_read(store_dir, name, &entry->generation, NULL);
    if (entry->status != NJ_OK) {
        entry->generation.text[0] = '\0';
    }
    if (entry->status != NJ_NOT_FOUND) { // it may be removed meanwhile
        list->count++;
    }
}

static int order_by_name(const void *a, const void *b)
{
    return strcmp(((const nj_store_channel *)a)->name, ((const nj_store_channel *)b)->name);
}

nj_status nj_store_channel_list(const char *store_dir, nj_store_channels *out, nj_error *err)
{
    nj_path path;
    out->count = 0;
    nj_status status = nj_folder_check(store_dir, err);
    if (status == NJ_OK) {
        status = nj_path_join(store_dir, NJ_STORE_WORDS.CHANNELS, &path, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    add_channel(store_dir, NJ_STORE_WORDS.CHANNEL_CURRENT, out);
    const size_t first = out->count;
    DIR *folder = opendir(path.text);
    if (folder == NULL) {
        return errno == ENOENT ? NJ_OK : nj_fail_open(err, errno, path.text);
    }
    struct dirent *entry;
    errno = 0;
    while (status == NJ_OK && (entry = readdir(folder)) != NULL) {
        if (!nj_store_channel_valid(nj_slice_from(entry->d_name)) ||
            nj_channel_is_current(entry->d_name)) {
            continue;
        }
        if (out->count == NJ_STORE_CHANNELS_MAX) {
            status = nj_fail(err, NJ_REFUSED, "%s: more than %d channels", path.text,
                             NJ_STORE_CHANNELS_MAX);
        } else {
            add_channel(store_dir, entry->d_name, out);
        }
        errno = 0; // of readdir alone
    }
    if (status == NJ_OK && errno != 0) {
        status = nj_fail_errno(err, NJ_IO, errno, "%s: cannot read", path.text);
    }
    closedir(folder);
    qsort(out->entries + first, out->count - first, sizeof out->entries[0], order_by_name);
    return status;
}

static bool is_in_history(const nj_store_history *history, const nj_store_name *name)
{
    for (size_t i = 0; i < history->count; i++) {
        if (strcmp(history->names[i].text, name->text) == 0) {
            return true;
        }
    }
    return false;
}

nj_status nj_store_channel_knows(const char *store_dir, const nj_store_name *name, bool *out,
                                 nj_error *err)
{
    nj_store_channels list;
    nj_store_history history;
    nj_path path;
    nj_status status = nj_store_channel_list(store_dir, &list, err);
    if (status == NJ_OK) { // CURRENT may be gone and its history be there
        status = nj_store_history_read(store_dir, &history, err);
    }
    bool found = status == NJ_OK && is_in_history(&history, name);
    for (size_t i = 0; i < list.count && status == NJ_OK && !found; i++) {
        found = strcmp(list.entries[i].generation.text, name->text) == 0;
        status = nj_channel_history_path(store_dir, list.entries[i].name, &path, err);
        if (status == NJ_OK && !found) {
            status = nj_store_history_load(path.text, &history, err);
            found = status == NJ_OK && is_in_history(&history, name);
        }
    }
    *out = found;
    return status;
}

// NJ_END: a line is `name`. A file with anything else in it may have lost names.
static nj_status look_for_line(nj_slice rest, const nj_store_name *name)
{
    nj_store_name line;
    while (rest.size > 0) {
        const char *end = memchr(rest.bytes, '\n', rest.size);
        const size_t size = end != NULL ? (size_t)(end - rest.bytes) : rest.size;
        if (!nj_store_name_parse((nj_slice){rest.bytes, size}, &line)) {
            return NJ_INPUT;
        }
        if (strcmp(line.text, name->text) == 0) {
            return NJ_END;
        }
        const size_t step = size + (end != NULL);
        rest = (nj_slice){rest.bytes + step, rest.size - step};
    }
    return NJ_OK;
}

nj_status nj_store_scrubbed_check(const char *store_dir, const nj_store_name *name, nj_error *err)
{
    nj_path path;
    nj_error why = {0};
    char *text = NULL;
    size_t size = 0;
    nj_status status = nj_path_join(store_dir, NJ_STORE_WORDS.SCRUBBED, &path, err);
    if (status != NJ_OK) {
        return status;
    }
    status = nj_file_read(path.text, SCRUBBED_BYTES_MAX, &text, &size, &why);
    if (status == NJ_NOT_FOUND) {
        return NJ_OK;
    }
    if (status != NJ_OK) { // not NJ_INPUT: it says nothing of the generation, which may be sound
        return nj_fail(err, NJ_IO, "%s", why.text);
    }
    status = look_for_line((nj_slice){text, size}, name);
    free(text);
    if (status == NJ_END) {
        return nj_fail(err, NJ_REFUSED,
                       "%s: %s names it: users or items were scrubbed that it still holds",
                       name->text, NJ_STORE_WORDS.SCRUBBED);
    }
    return status == NJ_OK
               ? NJ_OK
               : nj_fail(err, NJ_IO,
                         "%s: a line is no generation's name, so names may be lost that "
                         "must not be published: mend it or bring it back from a copy",
                         path.text);
}
