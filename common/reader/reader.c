// reader.c - the functions of nightjar-reader.h.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/user_place.h"
#include "common/codec/row.h"
#include "common/reader/followed.h"
#include "common/reader/nightjar-reader.h"

#define LINE_BYTES_MAX (16u << 20)
#define MS_PER_S 1000
#define NS_PER_MS 1000000

_Static_assert(NIGHTJAR_FAILED == (int)NJ_FAILED && NIGHTJAR_USAGE == (int)NJ_USAGE &&
                   NIGHTJAR_DAMAGED == (int)NJ_REFUSED && NIGHTJAR_NOT_FOUND == (int)NJ_NOT_FOUND &&
                   NIGHTJAR_NO_MEMORY == (int)NJ_NO_MEMORY && NIGHTJAR_INPUT == (int)NJ_INPUT &&
                   NIGHTJAR_IO == (int)NJ_IO && NIGHTJAR_CONFIG == (int)NJ_CONFIG,
               "the public numbers are those of schemas/status.def");
_Static_assert(NIGHTJAR_ROW_COLD == (int)NJ_ROW_COLD && NIGHTJAR_ROW_SHORT == (int)NJ_ROW_SHORT &&
                   NIGHTJAR_ROW_COPIED == (int)NJ_ROW_COPIED &&
                   NIGHTJAR_ROW_CARRIED == (int)NJ_ROW_CARRIED,
               "the public bits are those of schemas/row.def");
_Static_assert(NIGHTJAR_USER_BYTES_MAX == NJ_ID_BYTES_MAX, "the public limit is that of id.h");
_Static_assert(NIGHTJAR_ERROR_BYTES >= NJ_ERROR_TEXT_BYTES, "a message fits");

struct nightjar_reader {
    nj_followed channels[NIGHTJAR_CHANNELS_MAX];
    uint32_t parts[NIGHTJAR_CHANNELS_MAX]; // of each channel
    size_t channel_count;
    char *salt; // owned
    uint32_t check_ms;
    uint64_t looked_ms; // by the monotonic clock
    nj_buffer line;
    nj_row row;
    nightjar_item items[NJ_ROW_ITEMS_MAX];
};

// ---- answers ----

static nightjar_status answer(nj_status status, const nj_error *err, nightjar_error *error)
{
    nightjar_status shown = NIGHTJAR_FAILED;
    switch (status) {
    case NJ_OK:
    case NJ_USAGE:
    case NJ_REFUSED:
    case NJ_NOT_FOUND:
    case NJ_NO_MEMORY:
    case NJ_INPUT:
    case NJ_IO:
    case NJ_CONFIG:
        shown = (nightjar_status)status;
        break;
    default:
        break;
    }
    if (status != NJ_OK && error != NULL) {
        error->status = shown;
        snprintf(error->text, sizeof error->text, "%s", err->text);
    }
    return shown;
}

const char *nightjar_status_text(nightjar_status status)
{
    return status == NIGHTJAR_DAMAGED ? "the store is damaged"
                                      : nj_status_sentence((nj_status)status);
}

const char *nightjar_reader_version(void)
{
    return NIGHTJAR_VERSION;
}

// ---- times ----

static uint64_t read_clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * MS_PER_S + (uint64_t)now.tv_nsec / NS_PER_MS;
}

static bool is_stale(const nj_store_manifest *manifest)
{
    const uint64_t valid_until_ms = manifest->facts.valid_until_ms;
    return valid_until_ms != 0 && read_clock_ms(CLOCK_REALTIME_COARSE) >= valid_until_ms;
}

// ---- opening ----

static nj_status check_shares(const nightjar_reader_options *options, nj_error *err)
{
    uint64_t sum = 0;
    if (options->share_count == 0 || options->share_count > NIGHTJAR_CHANNELS_MAX) {
        return nj_fail(err, NJ_USAGE, "%zu shares, there may be 1 to %d", options->share_count,
                       NIGHTJAR_CHANNELS_MAX);
    }
    for (size_t i = 0; i < options->share_count; i++) {
        sum += options->shares[i].parts;
        for (size_t j = 0; j < i; j++) {
            if (strcmp(options->shares[i].channel, options->shares[j].channel) == 0) {
                return nj_fail(err, NJ_USAGE, "channel \"%.80s\" has two shares",
                               options->shares[i].channel);
            }
        }
    }
    if (sum != NIGHTJAR_SHARE_WHOLE) {
        return nj_fail(err, NJ_USAGE, "the shares add up to %" PRIu64 ", must be %d", sum,
                       NIGHTJAR_SHARE_WHOLE);
    }
    return NJ_OK;
}

// The caller's options as far as his header knew them, defaults behind.
static nj_status read_options(const nightjar_reader_options *given, nightjar_reader_options *out,
                              nj_error *err)
{
    static const nightjar_share ALL = {"current", NIGHTJAR_SHARE_WHOLE};
    *out = (nightjar_reader_options)NIGHTJAR_READER_OPTIONS_INIT;
    if (given != NULL) {
        if (given->struct_bytes < sizeof given->struct_bytes) {
            return nj_fail(err, NJ_USAGE,
                           "options of %zu bytes: begin with NIGHTJAR_READER_OPTIONS_INIT",
                           given->struct_bytes);
        }
        memcpy(out, given, given->struct_bytes < sizeof *out ? given->struct_bytes : sizeof *out);
    }
    if (out->shares == NULL) {
        out->shares = &ALL;
        out->share_count = 1;
    }
    return check_shares(out, err);
}

static nj_status open_channels(nightjar_reader *reader, const char *store,
                               const nightjar_reader_options *options, nj_error *err)
{
    nj_status status = NJ_OK;
    for (size_t i = 0; i < options->share_count && status == NJ_OK; i++) {
        status = nj_followed_init(&reader->channels[i], store, options->shares[i].channel, err);
        reader->parts[i] = options->shares[i].parts;
        reader->channel_count = i + 1;
        if (status == NJ_OK) {
            status = nj_followed_look(&reader->channels[i], err);
        }
    }
    return status;
}

nightjar_status nightjar_reader_open(const char *store, const nightjar_reader_options *options,
                                     nightjar_reader **out_reader, nightjar_error *error)
{
    nj_error err = {0};
    nightjar_reader_options known;
    nightjar_reader *reader = NULL;
    nj_status status = read_options(options, &known, &err);
    if (status == NJ_OK) {
        reader = calloc(1, sizeof *reader);
        if (reader != NULL) {
            nj_buffer_init(&reader->line, LINE_BYTES_MAX);
            reader->salt = strdup(known.salt != NULL ? known.salt : "");
        }
        if (reader == NULL || reader->salt == NULL) {
            status = nj_fail(&err, NJ_NO_MEMORY, "%.200s: no memory to open it", store);
        }
    }
    if (status == NJ_OK) {
        reader->check_ms = known.check_ms;
        reader->looked_ms = read_clock_ms(CLOCK_MONOTONIC_COARSE);
        status = open_channels(reader, store, &known, &err);
    }
    if (status == NJ_OK) {
        *out_reader = reader;
        reader = NULL;
    }
    nightjar_reader_close(&reader);
    return answer(status, &err, error);
}

void nightjar_reader_close(nightjar_reader **reader)
{
    if (*reader == NULL) {
        return;
    }
    for (size_t i = 0; i < (*reader)->channel_count; i++) {
        nj_followed_fini(&(*reader)->channels[i]);
    }
    nj_buffer_fini(&(*reader)->line);
    free((*reader)->salt);
    free(*reader);
    *reader = NULL;
}

// ---- following ----

static nj_status look_at_all(nightjar_reader *reader, nj_error *err)
{
    nj_status status = NJ_OK;
    for (size_t i = 0; i < reader->channel_count; i++) {
        nj_status looked = nj_followed_look(&reader->channels[i], status == NJ_OK ? err : NULL);
        status = status == NJ_OK ? looked : status;
    }
    return status;
}

static void look_when_due(nightjar_reader *reader)
{
    const uint64_t now_ms = read_clock_ms(CLOCK_MONOTONIC_COARSE);
    if (now_ms - reader->looked_ms >= reader->check_ms) {
        reader->looked_ms = now_ms;
        // Why a publish is not followed is nightjar_reader_refresh's to say: this get is answered by what is open.
        nj_status ignored = look_at_all(reader, NULL);
        (void)ignored;
    }
}

nightjar_status nightjar_reader_refresh(nightjar_reader *reader, nightjar_error *error)
{
    nj_error err = {0};
    reader->looked_ms = read_clock_ms(CLOCK_MONOTONIC_COARSE);
    return answer(look_at_all(reader, &err), &err, error);
}

// ---- who gets what ----

uint32_t nightjar_user_part(const char *salt, const char *user, size_t user_bytes)
{
    return (uint32_t)(nj_user_place(salt, (nj_slice){user, user_bytes}) % NIGHTJAR_SHARE_WHOLE);
}

static nj_followed *choose_channel(nightjar_reader *reader, nj_slice user)
{
    size_t chosen = 0;
    if (reader->channel_count > 1) {
        uint32_t part = nightjar_user_part(reader->salt, user.bytes, user.size);
        while (part >= reader->parts[chosen]) { // the parts add up to the whole
            part -= reader->parts[chosen++];
        }
    }
    return &reader->channels[chosen];
}

// Unpacks the user's row into the reader; *out_channel is where it is from.
static nj_status find_row(nightjar_reader *reader, nj_slice user, nj_followed **out_channel,
                          nj_error *err)
{
    nj_slice value;
    look_when_due(reader);
    nj_followed *channel = choose_channel(reader, user);
    nj_status status = nj_store_get(channel->reader, user, &value, err);
    if (status != NJ_OK) {
        return status;
    }
    status = nj_row_unpack(value, &reader->row, err);
    if (status == NJ_INPUT) { // what is published was a row once
        nj_error_prefix(err, "%s: user \"%.*s\"", nj_store_reader_name(channel->reader)->text,
                        NJ_SLICE_ARGS(user));
        status = NJ_REFUSED;
    }
    *out_channel = channel;
    return status;
}

nightjar_status nightjar_reader_get(nightjar_reader *reader, const char *user, size_t user_bytes,
                                    nightjar_row *out_row, nightjar_error *error)
{
    nj_error err;
    nj_followed *channel = NULL;
    err.text[0] = '\0';
    nj_status status = find_row(reader, (nj_slice){user, user_bytes}, &channel, &err);
    if (status != NJ_OK) {
        return answer(status, &err, error);
    }
    const nj_row *row = &reader->row;
    for (size_t i = 0; i < row->count; i++) {
        reader->items[i] = (nightjar_item){row->items[i].bytes, row->items[i].size, row->scores[i]};
    }
    *out_row = (nightjar_row){.items = reader->items,
                              .item_count = row->count,
                              .flags = row->flags,
                              .age_nights = row->age,
                              .generation = nj_store_reader_name(channel->reader)->text,
                              .channel = channel->serves,
                              .is_stale = is_stale(nj_store_reader_manifest(channel->reader))};
    return NIGHTJAR_OK;
}

nightjar_status nightjar_reader_get_json(nightjar_reader *reader, const char *user,
                                         size_t user_bytes, const char **out_json,
                                         size_t *out_bytes, nightjar_error *error)
{
    nj_error err;
    nj_followed *channel = NULL;
    const nj_slice name = {user, user_bytes};
    err.text[0] = '\0';
    nj_status status = find_row(reader, name, &channel, &err);
    if (status == NJ_OK) {
        nj_buffer_clear(&reader->line);
        status = nj_row_json(&reader->line, name, &reader->row);
        if (status == NJ_OK) {
            status = nj_buffer_append(&reader->line, "", 1);
        }
        if (status != NJ_OK) {
            (void)nj_fail(&err, status, "no memory for a line");
        }
    }
    if (status == NJ_OK) {
        *out_json = (const char *)reader->line.bytes;
        *out_bytes = reader->line.size - 1;
    }
    return answer(status, &err, error);
}

nightjar_status nightjar_reader_generation(nightjar_reader *reader, const char *channel,
                                           nightjar_generation *out_generation,
                                           nightjar_error *error)
{
    nj_error err = {0};
    size_t at = 0;
    while (channel != NULL && at < reader->channel_count &&
           strcmp(reader->channels[at].name, channel) != 0) {
        at++;
    }
    if (at == reader->channel_count) {
        nj_status status =
            nj_fail(&err, NJ_NOT_FOUND, "this reader has no channel \"%.80s\"", channel);
        return answer(status, &err, error);
    }
    const nj_followed *found = &reader->channels[at];
    const nj_store_manifest *manifest = nj_store_reader_manifest(found->reader);
    *out_generation = (nightjar_generation){.name = nj_store_reader_name(found->reader)->text,
                                            .channel = found->serves,
                                            .created_ms = manifest->facts.created_ms,
                                            .valid_until_ms = manifest->facts.valid_until_ms,
                                            .row_count = manifest->facts.row_count,
                                            .is_stale = is_stale(manifest)};
    return NIGHTJAR_OK;
}
