// bundle.h - named, digested sections in one mapped file. It knows no meaning of a section (schemas/bundle.md).
//
//   +--------------------------------------------+ 0
//   | "NJBUNDLE" | version | count | table digest| 64 bytes
//   +--------------------------------------------+ 64
//   | table: count x {name[32], offset, size,    | 80 bytes each
//   |                 digest[32]}                |
//   +--------------------------------------------+ multiple of 4096
//   | section bytes, each at a multiple of 64    |
//   +--------------------------------------------+
#ifndef NJ_BUNDLE_BUNDLE_H
#define NJ_BUNDLE_BUNDLE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/slice.h"

#define NJ_BUNDLE_VERSION 1
#define NJ_BUNDLE_SECTIONS_MAX 64
#define NJ_SECTION_NAME_BYTES 32 // with its NUL

typedef struct {
    char name[NJ_SECTION_NAME_BYTES];
    const void *bytes; // borrowed; aligned to 64
    size_t size;
    nj_digest digest;
} nj_section;

/// The order of names, for qsort.
int nj_section_compare(const void *a, const void *b);

// Sections by name, wherever they lie: in a bundle file, or in a worker's cache files. Sorted by name.
typedef struct {
    size_t count;
    nj_section sections[NJ_BUNDLE_SECTIONS_MAX];
} nj_sections;

/// NULL when absent.
const nj_section *nj_sections_find(const nj_sections *sections, const char *name);
/// Sets a section, which stands for one of that name; its bytes are borrowed and its digest is left to nj_bundle_write. There is room: the
/// names of bundle.def are fewer than NJ_BUNDLE_SECTIONS_MAX.
void nj_sections_put(nj_sections *sections, const char *name, const void *bytes, size_t size);
/// Takes a section out; nothing where there is none of that name.
void nj_sections_remove(nj_sections *sections, const char *name);
/// The digest of the whole: over every name, size and digest in order. Two bundles with the same sections have the same one.
nj_digest nj_sections_digest(const nj_sections *sections);

typedef struct nj_bundle nj_bundle;

/// Maps the file and checks header, table (bounds, overlap, names, order) and table digest; section digests are
/// checked by nj_bundle_verify. NJ_INPUT names file, section, rule and both numbers.
NJ_CHECKED nj_status nj_bundle_open(const char *path, nj_bundle **out, nj_error *err);
void nj_bundle_close(nj_bundle **bundle);
/// Borrowed until nj_bundle_close.
const nj_sections *nj_bundle_sections(const nj_bundle *bundle);
/// Reads every byte: compares digests, and gaps with zeros. NJ_REFUSED names the section and both digests, or the byte.
NJ_CHECKED nj_status nj_bundle_verify(const nj_bundle *bundle, nj_error *err);

/// Checks one section's bytes against its digest. NJ_REFUSED.
NJ_CHECKED nj_status nj_section_verify(const nj_section *section, nj_error *err);

/// Writes the file under a temporary name and renames it. Names are unique; digests are computed here and set in `sections`,
/// which is sorted in place.
NJ_CHECKED nj_status nj_bundle_write(const char *path, nj_sections *sections, nj_error *err);

#endif
