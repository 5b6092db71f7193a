// reader.h - one user's list, or all of them, out of a published generation.
//
// Opened read-only and without LMDB's lock file, which is sound because a generation never changes once it has its
// name: no reader can block the night or be blocked by it, and a store on a read-only file system can be read. A
// reader keeps its generation for as long as it is open, whatever CURRENT says later, and tells `store gc` so (hold.h).
//
// nj_store_inspect (generation.h) stands before every opening, so a file that is cut short or whose head is damaged is
// refused. Pages are looked at before LMDB follows them (pages.h): damage that would lead it into a crash is NJ_REFUSED. Damage
// inside a key or a value is found by nj_store_verify and not here.
//
// One reader is used by one thread at a time.
#ifndef NJ_STORE_READER_H
#define NJ_STORE_READER_H

#include "common/base/error.h"
#include "common/base/slice.h"
#include "common/store/generation.h"
#include "common/store/key.h"

typedef struct nj_store_reader nj_store_reader;

/// Opens a generation by its name or by that of a channel (channel.h), or the current one when `name` is NULL.
///
/// Returns  as nj_store_channel_resolve and nj_store_inspect
NJ_CHECKED nj_status nj_store_reader_open(const char *store_dir, const char *name,
                                          nj_store_reader **out_reader, nj_error *err);

/// Accepts NULL. Every value got from the reader ends here.
void nj_store_reader_close(nj_store_reader **reader);

/// Borrowed until close.
const nj_store_name *nj_store_reader_name(const nj_store_reader *reader);
const nj_store_manifest *nj_store_reader_manifest(const nj_store_reader *reader);

/// What __meta__ says, read from the data itself. NJ_REFUSED when it is missing or malformed.
NJ_CHECKED nj_status nj_store_reader_facts(nj_store_reader *reader, nj_store_facts *out,
                                           nj_error *err);

/// The same as it stands there. Borrowed until close; NJ_NOT_FOUND when it is missing.
NJ_CHECKED nj_status nj_store_reader_meta(nj_store_reader *reader, nj_slice *out, nj_error *err);
/// The size of LMDB's map when data.mdb was written.
uint64_t nj_store_reader_map_bytes(const nj_store_reader *reader);

/// The packed row (codec/row.h) of one user.
///
///   out_value  borrowed until nj_store_reader_close: it points into the mapped file, and a generation never changes
///
/// Returns    NJ_NOT_FOUND when the generation has no such user; NJ_INPUT when `user` can be nobody's id; NJ_REFUSED names the
///            page that is damaged
NJ_CHECKED nj_status nj_store_get(nj_store_reader *reader, nj_slice user, nj_slice *out_value,
                                  nj_error *err);

/// `key` (key.h) and `value` are borrowed until nj_store_reader_close. A status that is not NJ_OK ends the walk.
typedef nj_status (*nj_store_entry_visit)(void *context, nj_slice key, nj_slice value,
                                          nj_error *err);

/// Every row in key order, without __meta__. Returns as nj_store_each.
NJ_CHECKED nj_status nj_store_each_entry(nj_store_reader *reader, nj_store_entry_visit visit,
                                         void *context, nj_error *err);

/// For who walks rows at his own pace: goes to the first one, after a look at every page (NJ_REFUSED).
NJ_CHECKED nj_status nj_store_rewind(nj_store_reader *reader, nj_error *err);
/// The next row in key order, without __meta__, and NJ_END behind the last; nj_store_rewind stands before. Borrowed until
/// nj_store_reader_close. NJ_REFUSED: a key that is no user's.
NJ_CHECKED nj_status nj_store_next(nj_store_reader *reader, nj_slice *out_key, nj_slice *out_value,
                                   nj_error *err);

/// `user` is borrowed for the call, `value` until nj_store_reader_close. A status that is not NJ_OK ends the walk.
typedef nj_status (*nj_store_visit)(void *context, nj_slice user, nj_slice value, nj_error *err);

/// Every user in key order: numbers by size, then texts by their bytes, after a look at every page. Returns NJ_OK, the
/// visitor's status, or NJ_REFUSED for a damaged page or a key that is no user's.
NJ_CHECKED nj_status nj_store_each(nj_store_reader *reader, nj_store_visit visit, void *context,
                                   nj_error *err);

#endif
