// channel.h - names for generations: CURRENT, and channels beside it.
//
//   STORE/CURRENT                  HISTORY                    the channel "current": what readers use who say nothing
//         CHANNELS/canary          CHANNELS/canary.history    any other: one line like CURRENT, and its own way back
//
// A channel names one generation and changes by a rename, so its readers see the old line or the new one. All writers hold
// the store's lock. nj_store_publish, nj_store_rollback and nj_store_current (publish.h, generation.h) are the same for
// "current".
//
// Wherever a function takes `channel`, NULL is "current", and a name that breaks the rule is NJ_INPUT.
#ifndef NJ_STORE_CHANNEL_H
#define NJ_STORE_CHANNEL_H

#include "common/base/error.h"
#include "common/store/generation.h"
#include "common/store/history.h"
#include "common/store/staging.h"

#define NJ_STORE_CHANNEL_CHARS_MAX 32 // [a-z][a-z0-9-]*
#define NJ_STORE_CHANNELS_MAX 100     // "current" among them

typedef struct {
    char name[NJ_STORE_CHANNEL_CHARS_MAX + 1];
    nj_status status; // NJ_OK when its line could be read; it is listed all the same
    nj_store_name generation;
} nj_store_channel;

typedef struct {
    nj_store_channel
        entries[NJ_STORE_CHANNELS_MAX]; // "current" first if it names anything, then by name
    size_t count;
} nj_store_channels;

/// False unless `text` is [a-z][a-z0-9-]{0,31} and does not begin as a generation's name does.
bool nj_store_channel_valid(nj_slice text);

/// What the channel names.
///
/// Returns  NJ_NOT_FOUND: there is no such channel (the message names all that there are), or nothing has been published;
///          NJ_REFUSED: its file holds something else than a name
NJ_CHECKED nj_status nj_store_channel_read(const char *store_dir, const char *channel,
                                           nj_store_name *out, nj_error *err);

/// As nj_store_resolve (generation.h), but `text` may be a channel's name too: "current", "canary".
NJ_CHECKED nj_status nj_store_channel_resolve(const char *store_dir, const char *text,
                                              nj_store_name *out, nj_error *err);

/// Every channel. NJ_NOT_FOUND without the store, NJ_REFUSED for more than NJ_STORE_CHANNELS_MAX.
NJ_CHECKED nj_status nj_store_channel_list(const char *store_dir, nj_store_channels *out,
                                           nj_error *err);

/// True when a channel names this generation or did so before: it has been published.
NJ_CHECKED nj_status nj_store_channel_knows(const char *store_dir, const nj_store_name *name,
                                            bool *out, nj_error *err);

/// Makes the channel name this generation, after nj_store_inspect; the channel is made where there is none.
///
///   fence         the night that publishes: fenced, it does not (NJ_AGAIN). NULL for a person's publish
///   lock_wait_ms  NJ_STORE_LOCK_WAIT_MS unless there is a reason
///
/// Returns  as nj_store_publish (publish.h); NJ_REFUSED too for a generation that STORE/SCRUBBED names
/// Proof    tests/unit/store/test_channel.c
NJ_CHECKED nj_status nj_store_channel_publish(const char *store_dir, const char *channel,
                                              const char *name, nj_staging *fence,
                                              uint32_t lock_wait_ms, nj_error *err);

/// Makes CURRENT name what the channel names, read and written under one lock. The channel stays as it is.
///
/// Returns  as nj_store_channel_read and nj_store_publish; NJ_INPUT for "current"
NJ_CHECKED nj_status nj_store_channel_promote(const char *store_dir, const char *channel,
                                              uint32_t lock_wait_ms, nj_store_name *out_name,
                                              nj_error *err);

/// Removes the channel and its history; its readers go over to "current". NJ_INPUT for "current", NJ_NOT_FOUND.
NJ_CHECKED nj_status nj_store_channel_remove(const char *store_dir, const char *channel,
                                             uint32_t lock_wait_ms, nj_error *err);

// How closely a generation is looked at before it is gone back to.
typedef enum {
    NJ_STORE_LOOK_WHOLE, // every byte of data.mdb against the manifest's digest
    NJ_STORE_LOOK_QUICK, // nj_store_inspect
} nj_store_look;

/// What the channel named before and is sound: see nj_store_rollback_find (publish.h).
NJ_CHECKED nj_status nj_store_channel_rollback_find(const char *store_dir, const char *channel,
                                                    nj_store_look look, nj_store_name *out_name,
                                                    nj_error *err);

/// As nj_store_rollback (publish.h). After nj_store_channel_rollback_find a quick look is enough.
NJ_CHECKED nj_status nj_store_channel_rollback(const char *store_dir, const char *channel,
                                               const char *name, nj_store_look look,
                                               uint32_t lock_wait_ms, nj_error *err);

/// NJ_REFUSED when STORE/SCRUBBED names the generation, NJ_IO when it cannot be read.
NJ_CHECKED nj_status nj_store_scrubbed_check(const char *store_dir, const nj_store_name *name,
                                             nj_error *err);

#endif
