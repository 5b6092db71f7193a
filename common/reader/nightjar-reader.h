/* nightjar-reader.h - the lists of the night for a program that serves them. The public header of libnightjar-reader; C99 and C++.
 *
 *   open ──► get, get, get ... ──► close
 *             │ every check_ms: did CURRENT change?  ──► the new generation, from this get on
 *
 * A reader maps a published generation read-only. It follows publishes and rollbacks by itself: before a get it looks, at most every
 * check_ms, whether CURRENT (or the channel) is another file, and opens what it names. What cannot be opened is not followed: the reader
 * stays with the generation that it has, and nightjar_reader_refresh says why. When a channel is removed, its users go over to "current".
 *
 * One reader is used by one thread at a time; a program with several threads opens one in each (the pages of the file are shared by the
 * system). The library starts no thread, sets no signal handler, prints nothing and does not exit.
 *
 * Damage: sizes, digests of the file's head and every page that a search meets are checked before they are used, so a file that was
 * damaged or cut short gives NIGHTJAR_DAMAGED. A file that somebody shortens while it is mapped, and a disk that fails under it, are
 * SIGBUS, as with every mapped file; nightjar never changes a file of a published generation.
 */
#ifndef NIGHTJAR_READER_H
#define NIGHTJAR_READER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define NIGHTJAR_API __attribute__((visibility("default")))
#else
#define NIGHTJAR_API
#endif

#define NIGHTJAR_USER_BYTES_MAX 510
#define NIGHTJAR_CHANNELS_MAX 16
#define NIGHTJAR_CHANNEL_BYTES_MAX 32
#define NIGHTJAR_SHARE_WHOLE 10000 /* all shares of a reader add up to it */
#define NIGHTJAR_CHECK_MS_DEFAULT 1000
#define NIGHTJAR_ERROR_BYTES 1024

/* The numbers are also the exit codes of the nightjar command. Further ones may come. */
typedef enum {
    NIGHTJAR_OK = 0,
    NIGHTJAR_FAILED = 1,  /* none of the others */
    NIGHTJAR_USAGE = 2,   /* the options contradict themselves */
    NIGHTJAR_DAMAGED = 4, /* the store's files are not what they say they are */
    NIGHTJAR_NOT_FOUND =
        5, /* no such user; at open: no store, no such channel, nothing published */
    NIGHTJAR_NO_MEMORY = 7,
    NIGHTJAR_INPUT = 65, /* nobody can have this id */
    NIGHTJAR_IO = 74,
    NIGHTJAR_CONFIG = 78 /* written by another version of nightjar or LMDB */
} nightjar_status;

/* What went wrong, for people: names the file, the rule and the numbers. */
typedef struct {
    nightjar_status status;
    char text[NIGHTJAR_ERROR_BYTES];
} nightjar_error;

/* Bits of nightjar_row.flags; schemas/row.def has all. Ignore those you do not know. */
#define NIGHTJAR_ROW_COLD 0x01u    /* no known history: popular items */
#define NIGHTJAR_ROW_SHORT 0x10u   /* fewer items than asked for */
#define NIGHTJAR_ROW_COPIED 0x20u  /* unchanged from an earlier generation */
#define NIGHTJAR_ROW_CARRIED 0x40u /* from an earlier generation, because the night was late */

typedef struct {
    const char *id; /* UTF-8, not NUL-terminated: "%.*s" */
    size_t id_bytes;
    float score;
} nightjar_item;

typedef struct {
    const nightjar_item *items; /* [item_count], best first */
    size_t item_count;
    uint32_t flags;
    uint32_t age_nights;    /* nights since the list was computed; 0: in the generation's own */
    const char *generation; /* its name */
    const char *channel;    /* that it was read from */
    int is_stale;           /* the generation's valid_until has passed */
} nightjar_row;

typedef struct {
    const char *name;
    const char *channel;
    uint64_t created_ms;     /* since 1970 UTC */
    uint64_t valid_until_ms; /* 0: it does not say */
    uint64_t row_count;
    int is_stale; /* valid_until_ms has passed */
} nightjar_generation;

/* A part of the users, in ten-thousandths. */
typedef struct {
    const char *channel; /* "current" is what STORE/CURRENT names, others lie in STORE/CHANNELS */
    uint32_t parts;
} nightjar_share;

/* Begin with NIGHTJAR_READER_OPTIONS_INIT. */
typedef struct {
    size_t struct_bytes; /* sizeof: a program built with an older header keeps working */
    uint32_t check_ms;   /* between two looks at CURRENT; 0: one before every get */
    const nightjar_share
        *shares;        /* [share_count], together NIGHTJAR_SHARE_WHOLE; NULL: all of "current" */
    size_t share_count; /* at most NIGHTJAR_CHANNELS_MAX */
    const char *salt;   /* of the split; another salt splits the users anew. NULL: "" */
} nightjar_reader_options;

#define NIGHTJAR_READER_OPTIONS_INIT                                                               \
    {                                                                                              \
        sizeof(nightjar_reader_options), NIGHTJAR_CHECK_MS_DEFAULT, NULL, 0, NULL                  \
    }

typedef struct nightjar_reader nightjar_reader;

/* Opens every channel of the options. `options` and `error` may be NULL; nothing of them is kept. On failure *out_reader is as it was.
 *
 * Returns  NIGHTJAR_NOT_FOUND (no such folder or channel, or nothing published), NIGHTJAR_USAGE, NIGHTJAR_DAMAGED, NIGHTJAR_CONFIG,
 *          NIGHTJAR_IO, NIGHTJAR_NO_MEMORY */
NIGHTJAR_API nightjar_status nightjar_reader_open(const char *store,
                                                  const nightjar_reader_options *options,
                                                  nightjar_reader **out_reader,
                                                  nightjar_error *error);

/* Accepts NULL; *reader is NULL afterwards. */
NIGHTJAR_API void nightjar_reader_close(nightjar_reader **reader);

/* One user's list. Everything in *out_row is borrowed until the next call with this reader. `error` may be NULL.
 *
 * Returns  NIGHTJAR_NOT_FOUND: the generation has no such user; NIGHTJAR_INPUT, NIGHTJAR_DAMAGED, NIGHTJAR_NO_MEMORY */
NIGHTJAR_API nightjar_status nightjar_reader_get(nightjar_reader *reader, const char *user,
                                                 size_t user_bytes, nightjar_row *out_row,
                                                 nightjar_error *error);

/* The same list as the line that `nightjar store get` prints, without its newline; NUL-terminated, borrowed until the next call. */
NIGHTJAR_API nightjar_status nightjar_reader_get_json(nightjar_reader *reader, const char *user,
                                                      size_t user_bytes, const char **out_json,
                                                      size_t *out_bytes, nightjar_error *error);

/* Looks at every channel now, whatever check_ms says.
 *
 * Returns  NIGHTJAR_OK, or why a channel could not be followed: its last generation is still served */
NIGHTJAR_API nightjar_status nightjar_reader_refresh(nightjar_reader *reader,
                                                     nightjar_error *error);

/* What a channel serves now; channel NULL: the first one of the options. Texts are borrowed until the next call.
 *
 * Returns  NIGHTJAR_NOT_FOUND: the reader has no such channel */
NIGHTJAR_API nightjar_status nightjar_reader_generation(nightjar_reader *reader,
                                                        const char *channel,
                                                        nightjar_generation *out_generation,
                                                        nightjar_error *error);

/* Where a user falls, 0 to NIGHTJAR_SHARE_WHOLE - 1: shares are taken from 0 on, in the order of the options. The first 8 bytes,
 * big-endian, of BLAKE2b-256(salt, a zero byte, user), modulo NIGHTJAR_SHARE_WHOLE; so in any language and any version. */
NIGHTJAR_API uint32_t nightjar_user_part(const char *salt, const char *user, size_t user_bytes);

/* "ok", "not found", ...; a constant. */
NIGHTJAR_API const char *nightjar_status_text(nightjar_status status);

/* "0.1.0": of the library that is loaded. */
NIGHTJAR_API const char *nightjar_reader_version(void);

#ifdef __cplusplus
}
#endif

#endif
