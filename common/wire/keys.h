// keys.h - CURVE keys and the files they live in.
//
//   secret file, mode 0600        public file, and a line of an allow-list
//   +-------------------------+   +----------------------------------------+
//   | # comment               |   | # comment                              |
//   | <40 characters of Z85>  |   | <40 characters of Z85> [name]          |
//   +-------------------------+   +----------------------------------------+
//
// A '#' opens a comment. No key begins with it: '#' is 84 in Z85, and a group of five characters that begins with 84 is
// more than 32 bits. An allow-list is made with `cat worker-*.pub`.
#ifndef NJ_WIRE_KEYS_H
#define NJ_WIRE_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/error.h"
#include "common/wire/peer.h"

#define NJ_ALLOW_MAX 65536     // keys in an allow-list
#define NJ_ALLOW_NAME_BYTES 64 // with its NUL
#define NJ_ALLOW_FILE_BYTES_MAX (16u << 20)
#define NJ_KEY_FILE_BYTES_MAX 4096 // of a secret or public key file

typedef struct {
    char public_key[NJ_KEY_TEXT_BYTES];
    char secret_key[NJ_KEY_TEXT_BYTES]; // never logged; nj_keypair_wipe when done
} nj_keypair;

/// Draws a new pair. Its public key does not begin with '-', so that no command line takes it for an option.
NJ_CHECKED nj_status nj_keypair_make(nj_keypair *out, nj_error *err);
void nj_keypair_wipe(nj_keypair *pair);

/// Writes the secret (created with mode 0600) and the public file. Neither may exist: a key is never overwritten
/// (NJ_INPUT). When the public file cannot be written, the secret file is removed again.
///   name   stands behind the public key; may be "". What an allow-list would refuse is refused here (NJ_INPUT)
NJ_CHECKED nj_status nj_keypair_write(const nj_keypair *pair, const char *secret_path,
                                      const char *public_path, const char *name, nj_error *err);

/// Writes the content of a secret file to `fd`, which stays open: for a key that never has a name on a disk. NJ_IO.
NJ_CHECKED nj_status nj_keypair_write_fd(const nj_keypair *pair, int fd, nj_error *err);

/// Reads a secret file and computes its public key. NJ_CONFIG when group or others may read it (says chmod 600), or
/// when it is no regular file; NJ_INPUT names file and line; NJ_NOT_FOUND.
NJ_CHECKED nj_status nj_keypair_read(const char *secret_path, nj_keypair *out, nj_error *err);

/// Reads a public file: exactly one key. A secret file is refused by its first line.
NJ_CHECKED nj_status nj_public_key_read(const char *path, char out[NJ_KEY_TEXT_BYTES],
                                        nj_error *err);

/// True for 40 characters that decode to 32 bytes.
bool nj_key_valid(const char *text);

// Public keys that may connect, sorted.
typedef struct {
    char key[NJ_KEY_TEXT_BYTES];
    char name[NJ_ALLOW_NAME_BYTES]; // "" when the line has none
    unsigned line;                  // 1-based, where it stood
} nj_allowed;

typedef struct {
    nj_allowed *keys; // [count] owned
    size_t count;
} nj_allowlist;

/// Reads an allow-list. NJ_INPUT names file, line and rule: not a key, a key listed twice, a name that is too long, more
/// than NJ_ALLOW_MAX keys, a secret file. An empty list is fine and allows nobody.
/// Proof   tests/unit/wire/test_keys.c
NJ_CHECKED nj_status nj_allowlist_read(const char *path, nj_allowlist *out, nj_error *err);
/// A list of the given keys, without names (the pairs a single machine makes for itself).
NJ_CHECKED nj_status nj_allowlist_of(const char *const *keys, size_t count, nj_allowlist *out,
                                     nj_error *err);
NJ_CHECKED nj_status nj_allowlist_copy(const nj_allowlist *from, nj_allowlist *out, nj_error *err);
/// Accepts a list that is all zero, which it is afterwards.
void nj_allowlist_fini(nj_allowlist *list);
/// NULL when the key is not in the list. Borrowed until nj_allowlist_fini.
const nj_allowed *nj_allowlist_find(const nj_allowlist *list, const char *key);

#endif
