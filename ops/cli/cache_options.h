// cache_options.h - the options that say what a row is in a cache: --prefix, --value, --ttl, --ttl-jitter.
#ifndef NJ_OPS_CLI_CACHE_OPTIONS_H
#define NJ_OPS_CLI_CACHE_OPTIONS_H

#include "common/cache/cached.h"
#include "common/cli/cli.h"

#define NJ_CACHE_OPTIONS                                                                           \
    {"prefix", "TEXT", "nightjar:", "a user's key is this, \"user:\" and his id", false},          \
        {"value", "json|msgpack", "json",                                                          \
         "what a key holds: the line of `store get`, or the row as the store has it", false},      \
        {"ttl", "TIME", NULL,                                                                      \
         "how long a row stays, as in 90m, 36h or 3d; default: until it is written again", false}, \
    {                                                                                              \
        "ttl-jitter", "N%", "10%",                                                                 \
            "with --ttl: up to so much less, each user his own share, so that not all go at once", \
            false                                                                                  \
    }

/// NJ_USAGE names the option and the rule. `out->prefix` is borrowed from the arguments.
NJ_CHECKED nj_status nj_cache_options_read(const nj_arguments *arguments, nj_cache_form *out,
                                           nj_error *err);

#endif
