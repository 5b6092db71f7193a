// categories.h - what kind of thing each item is, from a text file.
//
//   item id TAB category            one item a line; a path such as "Beauty > Makeup > Nails" may be cut to its first parts
//
// Items that the file does not name have no category.
#ifndef NJ_CATALOGUE_CATEGORIES_H
#define NJ_CATALOGUE_CATEGORIES_H

#include "common/base/idlist.h"

#define NJ_CATEGORY_NONE UINT32_MAX
#define NJ_CATEGORY_DEPTH_MAX 64
#define NJ_CATEGORY_LINE_BYTES_MAX 65536

// Owned: nj_categories_fini.
typedef struct {
    uint32_t *
        of_item; // [item_count] category numbers, in the order of their first line; or NJ_CATEGORY_NONE
    uint32_t item_count;  // items of the catalogue
    uint32_t count;       // categories
    uint32_t known_count; // items that have one
} nj_categories;

/// Reads the file. `depth`: parts of a path that count, 0 = the whole text.
///
/// Errors  NJ_INPUT with file, line and rule: no tab, an id that the catalogue does not have, an id twice (both lines), a category that is
///         empty, longer than an id may be or not text; no line at all; NJ_NOT_FOUND, NJ_IO, NJ_NO_MEMORY
/// Proof   tests/unit/catalogue/test_categories.c
NJ_CHECKED nj_status nj_categories_read(const char *path, const nj_idlist *items, uint32_t depth,
                                        nj_categories *out, nj_error *err);
/// The first `depth` parts of a path, or all of it where depth is 0, without the spaces around it; borrowed from `path`.
nj_slice nj_category_cut(nj_slice path, uint32_t depth);
/// Accepts a struct that is all zero.
void nj_categories_fini(nj_categories *categories);

#endif
