#include "common/reader/followed.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/store/schema.h"

// A generation may be removed between its name and its opening, when another has become current.
#define OPEN_TRIES 8

nj_status nj_followed_init(nj_followed *followed, const char *store, const char *channel,
                           nj_error *err)
{
    nj_path folder;
    *followed = (nj_followed){0};
    if (!nj_store_channel_valid(nj_slice_from(channel))) {
        return nj_fail(err, NJ_USAGE,
                       "channel \"%.80s\": a name has 1 to %d of a-z, 0-9 and -, a letter first",
                       channel, NJ_STORE_CHANNEL_CHARS_MAX);
    }
    snprintf(followed->name, sizeof followed->name, "%s", channel);
    followed->serves = followed->name;
    nj_status status = nj_path_copy(store, &followed->store, err);
    if (status == NJ_OK) {
        status =
            nj_path_join(followed->store.text, NJ_STORE_WORDS.CURRENT, &followed->current, err);
    }
    if (status == NJ_OK && strcmp(channel, NJ_STORE_WORDS.CHANNEL_CURRENT) == 0) {
        followed->path = followed->current;
        return NJ_OK;
    }
    if (status == NJ_OK) {
        status = nj_path_join(followed->store.text, NJ_STORE_WORDS.CHANNELS, &folder, err);
    }
    return status == NJ_OK ? nj_path_join(folder.text, channel, &followed->path, err) : status;
}

void nj_followed_fini(nj_followed *followed)
{
    nj_store_reader_close(&followed->reader);
}

static nj_status read_mark(const char *path, nj_file_mark *out, nj_error *err)
{
    struct stat about;
    if (stat(path, &about) != 0) {
        return nj_fail_open(err, errno, path);
    }
    *out = (nj_file_mark){about.st_dev, about.st_ino, about.st_size, about.st_mtim};
    return NJ_OK;
}

// Of the channel's file, or of CURRENT where the channel has been removed; *out_serves says which.
static nj_status find_mark(const nj_followed *followed, nj_file_mark *out, const char **out_serves,
                           nj_error *err)
{
    *out_serves = followed->name;
    nj_status status = read_mark(followed->path.text, out, err);
    if (status == NJ_NOT_FOUND && followed->reader != NULL) {
        *out_serves = NJ_STORE_WORDS.CHANNEL_CURRENT;
        status = read_mark(followed->current.text, out, err);
    }
    if (status != NJ_NOT_FOUND) {
        return status;
    }
    nj_store_name ignored; // says better what is missing: the store, the channel, a publish
    status = nj_store_channel_read(followed->store.text, *out_serves, &ignored, err);
    return status != NJ_OK ? status : read_mark(followed->path.text, out, err);
}

static bool marks_are_equal(const nj_file_mark *a, const nj_file_mark *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

static bool is_open(const nj_followed *followed, const nj_store_name *name)
{
    return followed->reader != NULL &&
           strcmp(nj_store_reader_name(followed->reader)->text, name->text) == 0;
}

// What the channel names now; *out stays NULL where that is open already.
static nj_status open_named(const nj_followed *followed, const char *channel, nj_store_reader **out,
                            nj_error *err)
{
    nj_store_name name;
    nj_store_name tried = {""};
    nj_status status = NJ_OK;
    for (unsigned i = 0; i < OPEN_TRIES; i++) {
        nj_status read = nj_store_channel_read(followed->store.text, channel, &name, err);
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
    const char *serves;
    nj_store_reader *opened = NULL;
    nj_status status = find_mark(followed, &mark, &serves, err);
    if (status != NJ_OK || marks_are_equal(&mark, &followed->mark)) {
        return status;
    }
    // The mark is older than the name that is read now: what is renamed in between is seen at the next look.
    status = open_named(followed, serves, &opened, err);
    if (status != NJ_OK) {
        return status;
    }
    if (opened != NULL) {
        nj_store_reader_close(&followed->reader);
        followed->reader = opened;
    }
    followed->serves = serves;
    followed->mark = mark;
    return NJ_OK;
}
