// tfidf.h - texts as a sparse matrix: a row an item, a column a word, the value how much the word says about the item.
//
//   value = tf * idf, rows divided by their length
//   tf    = how often the word stands in the item's texts (times their weights), or 1 + ln of that
//   idf   = ln((1 + rows) / (1 + rows with the word)) + 1
//
// Source  scikit-learn 1.3, TfidfTransformer (smooth_idf, sublinear_tf, norm="l2")
// Proof   tests/unit/text/test_tfidf.c; tests/bench/compare_tfidf_svd.py
#ifndef NJ_TEXT_TFIDF_H
#define NJ_TEXT_TFIDF_H

#include <stdbool.h>

#include "common/base/buffer.h"
#include "common/base/idlist.h"
#include "common/text/item_texts.h"
#include "common/text/sparse.h"
#include "common/text/words.h"

typedef struct {
    uint32_t items_min; // a word that fewer items have is left out
    uint32_t
        words_max;  // where more are left, those of most items are kept; of equals those met first
    bool has_pairs; // two words that follow each other in a text are a word too
    bool has_plain_counts; // tf is the count itself
} nj_tfidf_config;

typedef struct {
    nj_tfidf_config config;
    nj_words words;
    nj_idlist_builder terms; // in the order they are first met
    nj_idmap term_map;
    nj_buffer frequencies; // uint32_t a term: rows that have it
    nj_buffer starts;      // uint64_t a row, and one behind the last
    nj_buffer entries;     // nj_sparse_entry
    nj_buffer row;         // of the text being added: entries, a word again and again
    nj_buffer pair;        // two words
    size_t row_count;
    // behind nj_tfidf_finish:
    size_t column_count;   // words that are kept
    uint32_t items_min;    // items that each of them has
    size_t left_out_count; // words beyond words_max
    size_t empty_count;    // rows without a word that is kept
} nj_tfidf;

void nj_tfidf_init(nj_tfidf *tfidf, const nj_tfidf_config *config);
void nj_tfidf_fini(nj_tfidf *tfidf);

/// Adds the texts of one item as the next row. Pairs do not cross from one field to the next.
/// Memory  8 bytes a different word of the row; a new word its bytes and 28 to 36
/// Errors  NJ_NO_MEMORY, also beyond NJ_IDLIST_COUNT_MAX words; as nj_words_open
NJ_CHECKED nj_status nj_tfidf_add(nj_tfidf *tfidf, const nj_text_field *fields, size_t count,
                                  nj_error *err);

/// Ends the adding and gives the matrix, borrowed until nj_tfidf_fini; the words themselves are gone. A matrix without a column is
/// an answer, not an error.
NJ_CHECKED nj_status nj_tfidf_finish(nj_tfidf *tfidf, nj_sparse *out, nj_error *err);

#endif
