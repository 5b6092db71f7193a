// channel_split.h - --split of serve-cache and grade: which part of the users each channel serves.
#ifndef NJ_OPS_CLI_CHANNEL_SPLIT_H
#define NJ_OPS_CLI_CHANNEL_SPLIT_H

#include "common/base/error.h"
#include "common/reader/nightjar-reader.h"

#define NJ_CHANNEL_SPLIT_BYTES_MAX 1024

typedef struct {
    char text[NJ_CHANNEL_SPLIT_BYTES_MAX]; // what `shares` point into: not to be copied
    nightjar_share shares[NIGHTJAR_CHANNELS_MAX];
    size_t count;
} nj_channel_split;

/// Takes "current=9500,canary=500" apart. NJ_USAGE: another form, more than NIGHTJAR_CHANNELS_MAX channels, one twice, or parts that do not
/// add up to NIGHTJAR_SHARE_WHOLE.
/// Proof   tests/cli/1120-grade-channels.t
NJ_CHECKED nj_status nj_channel_split_read(const char *text, nj_channel_split *out, nj_error *err);

#endif
