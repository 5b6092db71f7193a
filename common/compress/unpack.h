// unpack.h - the bytes of a file as they were before gzip or zstd, whatever its name says.
//
//   descriptor ──► first bytes ──► plain:  handed on as they are, straight into the caller's memory
//                       │          gzip:   one member behind the other (RFC 1952), as `cat a.gz b.gz` makes them
//                       │          zstd:   one frame behind the other (RFC 8878), skippable frames too, as pzstd makes them
//                       └────────► xz, bzip2, lz4, zip, 7z, snappy: refused by name, with the program that unpacks them
//
// A stream that is cut off or damaged is refused with the byte of the file at which that shows; what stood in front of it has been
// handed out by then, so a caller must not publish what it made before the end came.
//
// A bomb is a small file that unpacks without end. Memory is bounded by how this works: NJ_UNPACK_INPUT_BYTES, the decoder's own
// 45 KiB (gzip) or at most 128 MiB (zstd, NJ_UNPACK_ZSTD_WINDOW_LOG), and whatever the caller reads into. Time and disk are bounded
// by a rule: beyond NJ_UNPACK_FREE_BYTES a file must not have grown more than NJ_UNPACK_RATIO_MAX times. Histories and texts grow 3
// to 30 times.
#ifndef NJ_COMPRESS_UNPACK_H
#define NJ_COMPRESS_UNPACK_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/slice.h"

#define NJ_UNPACK_INPUT_BYTES (128u << 10)
#define NJ_UNPACK_HEAD_BYTES 16 // looked at to tell what a file is
#define NJ_UNPACK_ZSTD_WINDOW_LOG 27
#define NJ_UNPACK_FREE_BYTES ((uint64_t)256 << 20)
#define NJ_UNPACK_RATIO_MAX 250

typedef enum { NJ_PACKED_PLAIN, NJ_PACKED_GZIP, NJ_PACKED_ZSTD } nj_packed;

typedef struct nj_unpack nj_unpack;

/// Looks at the first bytes of what `fd` gives from here on.
///
///   fd    borrowed until nj_unpack_close; a file, pipe or terminal
///   name  for errors; borrowed likewise
///
/// Errors  NJ_INPUT: a form that is not unpacked here; NJ_IO, NJ_NO_MEMORY
/// Proof   tests/unit/compress/test_unpack.c, tests/fuzz/fuzz_unpack.c
NJ_CHECKED nj_status nj_unpack_open(int fd, const char *name, nj_unpack **out, nj_error *err);

/// Accepts NULL; leaves NULL. The descriptor stays open.
void nj_unpack_close(nj_unpack **unpack);

nj_packed nj_unpack_form(const nj_unpack *unpack);

/// The file's own first bytes, at most NJ_UNPACK_HEAD_BYTES; borrowed until the first nj_unpack_read.
nj_slice nj_unpack_head(const nj_unpack *unpack);

/// The next bytes, at least one and at most `capacity` (> 0); *out_size 0 is the end, and stays it.
///
/// Errors  NJ_INPUT: cut off, damaged, something else behind the packed data, a bomb: "FILE: byte N: rule"; NJ_IO; NJ_NO_MEMORY
NJ_CHECKED nj_status nj_unpack_read(nj_unpack *unpack, void *bytes, size_t capacity,
                                    size_t *out_size, nj_error *err);

#endif
