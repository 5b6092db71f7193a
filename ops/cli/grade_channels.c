// grade_channels.c - which generation gave a user his list: one for all, or by the split of the readers.
#include <string.h>

#include "common/store/channel.h"
#include "ops/cli/grade.h"

static nj_status open_channel(const char *store, const char *name, nj_grade_channel *out,
                              nj_error *err)
{
    nj_store_name generation;
    nj_status status = nj_store_channel_resolve(store, name, &generation, err);
    if (status == NJ_OK) {
        status = nj_store_reader_open(store, generation.text, &out->reader, err);
    }
    return status;
}

static nj_status check_words(const nj_arguments *arguments, nj_error *err)
{
    const bool has_gen = nj_argument(arguments, "gen") != NULL;
    const bool has_split = nj_argument(arguments, "split") != NULL;
    if (has_gen && nj_argument(arguments, "channel") != NULL) {
        return nj_fail(err, NJ_USAGE, "--gen and --channel both say which generation: give one");
    }
    if (has_gen && has_split) {
        return nj_fail(err, NJ_USAGE,
                       "--gen does not go with --split: a share's channel may be a generation's "
                       "name");
    }
    if (nj_argument(arguments, "salt") != NULL && !has_split) {
        return nj_fail(err, NJ_USAGE, "--salt goes with --split");
    }
    if (has_split && nj_argument(arguments, "channel") == NULL &&
        nj_argument_flag(arguments, "keep")) {
        return nj_fail(err, NJ_USAGE,
                       "--keep keeps the grade of one generation: with --split say which by "
                       "--channel");
    }
    return NJ_OK;
}

static nj_status find_only(const char *name, nj_grade_channels *channels, nj_error *err)
{
    for (size_t i = 0; i < channels->count; i++) {
        if (strcmp(channels->entries[i].name, name) == 0) {
            channels->only = i;
            return NJ_OK;
        }
    }
    return nj_fail(err, NJ_USAGE, "--channel is \"%.80s\", which --split does not have", name);
}

static nj_status open_split(const nj_arguments *arguments, nj_grade_channels *channels,
                            nj_error *err)
{
    const char *store = nj_argument(arguments, "store");
    const char *only = nj_argument(arguments, "channel");
    nj_status status =
        nj_channel_split_read(nj_argument(arguments, "split"), &channels->split, err);
    for (size_t i = 0; i < channels->split.count && status == NJ_OK; i++) {
        const nightjar_share *share = &channels->split.shares[i];
        nj_grade_channel *channel = &channels->entries[channels->count++];
        channel->name = share->channel;
        channel->parts = share->parts;
        channels->names[i] = share->channel;
        status = open_channel(store, share->channel, channel, err);
    }
    channels->is_split = true;
    return status == NJ_OK && only != NULL ? find_only(only, channels, err) : status;
}

nj_status nj_grade_channels_open(const nj_arguments *arguments, nj_grade_channels *out,
                                 nj_error *err)
{
    const char *salt = nj_argument(arguments, "salt");
    const char *channel = nj_argument(arguments, "channel");
    const char *name = channel != NULL ? channel : nj_argument(arguments, "gen");
    out->count = 0;
    out->only = NJ_GRADE_EVERY_CHANNEL;
    out->salt = salt != NULL ? salt : "";
    const nj_status status = check_words(arguments, err);
    if (status != NJ_OK) {
        return status;
    }
    if (nj_argument(arguments, "split") != NULL) {
        return open_split(arguments, out, err);
    }
    out->count = 1;
    out->entries[0].name = "";
    out->entries[0].parts = NIGHTJAR_SHARE_WHOLE;
    return open_channel(nj_argument(arguments, "store"), name, &out->entries[0], err);
}

void nj_grade_channels_close(nj_grade_channels *channels)
{
    for (size_t i = 0; i < channels->count; i++) {
        nj_store_reader_close(&channels->entries[i].reader);
    }
    channels->count = 0;
}

// As a reader chooses: shares are taken from 0 on, in their order.
size_t nj_grade_channels_find(const nj_grade_channels *channels, nj_slice user)
{
    size_t chosen = 0;
    if (channels->count > 1) {
        uint32_t part = nightjar_user_part(channels->salt, user.bytes, user.size);
        while (part >= channels->entries[chosen].parts) { // the parts add up to the whole
            part -= channels->entries[chosen++].parts;
        }
    }
    return chosen;
}

const nj_grade_channel *nj_grade_channels_main(const nj_grade_channels *channels)
{
    return &channels->entries[channels->only == NJ_GRADE_EVERY_CHANNEL ? 0 : channels->only];
}

uint64_t nj_grade_channels_made_ms(const nj_grade_channels *channels)
{
    uint64_t latest = 0;
    for (size_t i = 0; i < channels->count; i++) {
        const uint64_t made =
            nj_store_reader_manifest(channels->entries[i].reader)->facts.created_ms;
        if ((channels->only == NJ_GRADE_EVERY_CHANNEL || channels->only == i) && made > latest) {
            latest = made;
        }
    }
    return latest;
}
