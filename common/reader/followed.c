#include "common/reader/followed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/store/schema.h"

#define NAME_BYTES_MAX 256
#define OPEN_TRIES                                                                                 \
    8 // a generation may be removed between its name and its opening, when another became current
#define CHANNEL_CURRENT "current"
#define CHANNEL_FOLDER "CHANNELS"

static bool channel_is_valid(const char *name)
{
    const size_t size = strlen(name);
    return size > 0 && size <= NIGHTJAR_CHANNEL_BYTES_MAX && name[0] >= 'a' && name[0] <= 'z' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == size;
}

nj_status nj_followed_init(nj_followed *followed, const char *store, const char *channel,
                           nj_error *err)
{
    nj_path folder;
    *followed = (nj_followed){0};
    if (!channel_is_valid(channel)) {
        return nj_fail(err, NJ_USAGE,
                       "channel \"%.80s\": a name has 1 to %d of a-z, 0-9 and -, a letter first",
                       channel, NIGHTJAR_CHANNEL_BYTES_MAX);
    }
    snprintf(followed->name, sizeof followed->name, "%s", channel);
    nj_status status = nj_path_copy(store, &followed->store, err);
    if (status == NJ_OK && strcmp(channel, CHANNEL_CURRENT) == 0) {
        return nj_path_join(followed->store.text, NJ_STORE_WORDS.CURRENT, &followed->path, err);
    }
    if (status == NJ_OK) {
        status = nj_path_join(followed->store.text, CHANNEL_FOLDER, &folder, err);
    }
    return status == NJ_OK ? nj_path_join(folder.text, channel, &followed->path, err) : status;
}

void nj_followed_fini(nj_followed *followed)
{
    nj_store_reader_close(&followed->reader);
}

static nj_status fail_missing(const nj_followed *followed, nj_error *err)
{
    const nj_status status = nj_folder_check(followed->store.text, err);
    if (status != NJ_OK) {
        return status;
    }
    return nj_fail(err, NJ_NOT_FOUND, "%s: nothing has been published in channel \"%s\"",
                   followed->store.text, followed->name);
}

static nj_status read_mark(const nj_followed *followed, nj_file_mark *out, nj_error *err)
{
    struct stat about;
    if (stat(followed->path.text, &about) != 0) {
        return errno == ENOENT ? fail_missing(followed, err)
                               : nj_fail_open(err, errno, followed->path.text);
    }
    *out = (nj_file_mark){about.st_dev, about.st_ino, about.st_size, about.st_mtim};
    return NJ_OK;
}

static bool marks_are_equal(const nj_file_mark *a, const nj_file_mark *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

static nj_status read_name(const nj_followed *followed, nj_store_name *out, nj_error *err)
{
    char *bytes = NULL;
    size_t size = 0;
    nj_status status = nj_file_read(followed->path.text, NAME_BYTES_MAX, &bytes, &size, err);
    if (status == NJ_NOT_FOUND) {
        return fail_missing(followed, err);
    }
    if (status == NJ_INPUT) {
        return nj_fail(err, NJ_REFUSED, "%s: not one line with a generation's name",
                       followed->path.text);
    }
    if (status != NJ_OK) {
        return status;
    }
    const nj_slice line = {bytes, size > 0 && bytes[size - 1] == '\n' ? size - 1 : size};
    if (!nj_store_name_parse(line, out)) {
        status = nj_fail(err, NJ_REFUSED, "%s: \"%.*s\" is no generation's name",
                         followed->path.text, NJ_SLICE_ARGS(line));
    }
    free(bytes);
    return status;
}

static bool is_open(const nj_followed *followed, const nj_store_name *name)
{
    return followed->reader != NULL &&
           strcmp(nj_store_reader_name(followed->reader)->text, name->text) == 0;
}

// What the channel names now; *out stays NULL where that is open already.
static nj_status open_named(const nj_followed *followed, nj_store_reader **out, nj_error *err)
{
    nj_store_name name;
    nj_store_name tried = {""};
    nj_status status = NJ_OK;
    for (unsigned i = 0; i < OPEN_TRIES; i++) {
        nj_status read = read_name(followed, &name, err);
        if (read != NJ_OK || is_open(followed, &name)) {
            return read;
        }
        if (strcmp(name.text, tried.text) == 0) {
            return status; // the same failure again
        }
        status = nj_store_reader_open(followed->store.text, name.text, out, err);
        if (status == NJ_OK) {
            return NJ_OK;
        }
        tried = name;
    }
    return status;
}

nj_status nj_followed_look(nj_followed *followed, nj_error *err)
{
    nj_file_mark mark;
    nj_store_reader *opened = NULL;
    nj_status status = read_mark(followed, &mark, err);
    if (status != NJ_OK || marks_are_equal(&mark, &followed->mark)) {
        return status;
    }
    // The mark is older than the name that is read now: what is renamed in between is seen at the next look.
    status = open_named(followed, &opened, err);
    if (status != NJ_OK) {
        return status;
    }
    if (opened != NULL) {
        nj_store_reader_close(&followed->reader);
        followed->reader = opened;
    }
    followed->mark = mark;
    return NJ_OK;
}
