// pages.h - the pages of a data.mdb, looked at before LMDB follows them.
//
// LMDB 0.9 trusts its file: an offset that leads out of a page, a page number behind the end or a tree that is deeper than it says
// end in SIGSEGV, SIGBUS or abort(). These checks are what its reading relies on (mdb.c 0.9.24: mdb_page_search_root,
// mdb_node_search, mdb_node_read, mdb_cursor_sibling), so behind NJ_OK a walk or a search ends in an answer. Whether the answer is
// what was packed is for digests to say.
//
//   page 0, 1      meta pages; the one with the higher transaction number counts
//   branch, leaf   | header 16 | u16 offset of each node ... | free | nodes |
//   overflow       | header 16 | the bytes of one large value, over as many pages as it takes |
//
// Only what nightjar writes is accepted: one unnamed database without duplicates.
#ifndef NJ_STORE_PAGES_H
#define NJ_STORE_PAGES_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/slice.h"

#define NJ_PAGES_DEPTH_MAX 32 // LMDB's own limit of a tree

typedef struct {
    const uint8_t *bytes; // borrowed: the whole file
    const char *what;     // borrowed: names the file in errors
    size_t page_bytes;
    uint64_t page_count; // pages in use; page numbers are below it
    uint64_t root;       // UINT64_MAX: the database is empty
    uint64_t map_bytes;  // of the writer; nothing depends on it but the bytes of the meta pages
    uint32_t depth;      // levels of the tree, leaves included
    uint8_t *checked;    // owned; a bit a page that nj_pages_check_path has looked at
} nj_pages;

/// Checks the meta pages. NJ_REFUSED names file, page, rule and numbers; NJ_NO_MEMORY. nj_pages_close afterwards.
/// Proof   tests/unit/store/test_pages.c, tests/fuzz/fuzz_store.c
NJ_CHECKED nj_status nj_pages_open(const uint8_t *bytes, size_t size, const char *what,
                                   nj_pages *out, nj_error *err);

/// Accepts pages that are all zero.
void nj_pages_close(nj_pages *pages);

/// Every page of the tree, each reached once.
///
/// Cost    one pass over the pages but those of large values; a bit a page. NJ_REFUSED, NJ_NO_MEMORY
NJ_CHECKED nj_status nj_pages_check(const nj_pages *pages, nj_error *err);

/// Only the pages that LMDB's search for `key` looks at: one a level, each the first time it is met. NJ_REFUSED.
///
/// Cost    0.25 us where the pages are known, 2 us where none is (400,000 rows; LMDB's search itself takes 0.75 us)
NJ_CHECKED nj_status nj_pages_check_path(nj_pages *pages, nj_slice key, nj_error *err);

#endif
