// embed_keys.h - what each row of an .npy of vectors was computed from, so that only what has changed is computed again.
//
// A key is the digest of a text's tokens, of the model's bytes and of the numeric class. The file is .npy, uint8 [rows + 1, 32]: row i is the
// key of vector i, or zeros where the item had no text; the last row is the digest of the vectors' file, which binds the two.
#ifndef NJ_OPS_CLI_EMBED_KEYS_H
#define NJ_OPS_CLI_EMBED_KEYS_H

#include "common/base/buffer.h"
#include "common/base/digest.h"
#include "common/base/idlist.h"
#include "common/input/npy.h"

// Vectors of an earlier run. All zero: none.
typedef struct {
    nj_npy vectors; // owned
    nj_npy keys;    // owned
    nj_idmap map;   // owned; key -> row
} nj_embed_old;

/// Opens both files. NJ_INPUT: shapes or types that do not fit each other, the width or `type`; a keys file of other vectors.
NJ_CHECKED nj_status nj_embed_old_open(const char *vectors_path, const char *keys_path, size_t D,
                                       nj_npy_type type, nj_embed_old *out, nj_error *err);
/// Accepts a struct that is all zero.
void nj_embed_old_close(nj_embed_old *old);
/// The row that has this key, or NJ_IDMAP_NONE.
size_t nj_embed_old_find(const nj_embed_old *old, const nj_digest *key);

/// Writes the keys [count] of the vectors that stand in the file `vectors_path`.
NJ_CHECKED nj_status nj_embed_keys_write(const char *path, const nj_digest *keys, size_t count,
                                         const char *vectors_path, nj_error *err);

#endif
