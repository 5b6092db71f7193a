// channel_path.h - where channels lie. Nothing outside common/store includes it.
#ifndef NJ_STORE_CHANNEL_PATH_H
#define NJ_STORE_CHANNEL_PATH_H

#include <stdbool.h>

#include "common/base/error.h"
#include "common/base/file.h"

/// True for NULL and "current".
bool nj_channel_is_current(const char *channel);

/// NJ_INPUT for a name that breaks the rule. NULL is fine.
NJ_CHECKED nj_status nj_channel_check(const char *channel, nj_error *err);

/// The file of its line, and that of its history.
NJ_CHECKED nj_status nj_channel_path(const char *store_dir, const char *channel, nj_path *out,
                                     nj_error *err);
NJ_CHECKED nj_status nj_channel_history_path(const char *store_dir, const char *channel,
                                             nj_path *out, nj_error *err);

#endif
