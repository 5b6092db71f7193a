#include "common/text/tfidf.h"

#include <math.h>
#include <stdlib.h>

#define TERM_LEFT_OUT UINT32_MAX

void nj_tfidf_init(nj_tfidf *tfidf, const nj_tfidf_config *config)
{
    *tfidf = (nj_tfidf){.config = *config};
    nj_words_init(&tfidf->words);
    nj_idlist_builder_init(&tfidf->terms);
    nj_idmap_init(&tfidf->term_map);
    nj_buffer_init(&tfidf->frequencies, SIZE_MAX / 2);
    nj_buffer_init(&tfidf->starts, SIZE_MAX / 2);
    nj_buffer_init(&tfidf->entries, SIZE_MAX / 2);
    nj_buffer_init(&tfidf->row, SIZE_MAX / 2);
    nj_buffer_init(&tfidf->pair, 2 * NJ_WORD_BYTES_MAX + 1);
}

static void forget_terms(nj_tfidf *tfidf)
{
    nj_idlist_builder_fini(&tfidf->terms);
    nj_idmap_fini(&tfidf->term_map);
    nj_idlist_builder_init(&tfidf->terms);
    nj_idmap_init(&tfidf->term_map);
}

void nj_tfidf_fini(nj_tfidf *tfidf)
{
    forget_terms(tfidf);
    nj_words_fini(&tfidf->words);
    nj_buffer_fini(&tfidf->frequencies);
    nj_buffer_fini(&tfidf->starts);
    nj_buffer_fini(&tfidf->entries);
    nj_buffer_fini(&tfidf->row);
    nj_buffer_fini(&tfidf->pair);
}

static uint32_t *frequencies_of(const nj_tfidf *tfidf)
{
    return (uint32_t *)(void *)tfidf->frequencies.bytes;
}

// ---- adding ----

static nj_status find_or_add_term(nj_tfidf *tfidf, nj_slice word, uint32_t *out)
{
    size_t index = nj_idmap_find(&tfidf->term_map, word, nj_idmap_at_builder, &tfidf->terms);
    nj_status status = NJ_OK;
    if (index == NJ_IDMAP_NONE) {
        const uint32_t none = 0;
        index = tfidf->terms.count;
        status = nj_buffer_append(&tfidf->frequencies, &none, sizeof none);
        if (status == NJ_OK) {
            status = nj_idlist_builder_add(&tfidf->terms, word);
        }
        if (status == NJ_OK) {
            status = nj_idmap_insert(&tfidf->term_map, word, index);
        }
    }
    *out = (uint32_t)index; // below NJ_IDLIST_COUNT_MAX
    return status;
}

static nj_status add_word(nj_tfidf *tfidf, nj_slice word, uint32_t weight)
{
    nj_sparse_entry entry = {.value = (float)weight};
    nj_status status = find_or_add_term(tfidf, word, &entry.column);
    return status == NJ_OK ? nj_buffer_append(&tfidf->row, &entry, sizeof entry) : status;
}

// The pair of the word before (the content of tfidf->pair) and this one; leaves this one there.
static nj_status add_pair(nj_tfidf *tfidf, nj_slice word, uint32_t weight)
{
    nj_buffer *pair = &tfidf->pair;
    nj_status status = NJ_OK;
    if (pair->size > 0) {
        status = nj_buffer_append(pair, " ", 1);
        if (status == NJ_OK) {
            status = nj_buffer_append(pair, word.bytes, word.size);
        }
        if (status == NJ_OK) {
            status = add_word(tfidf, nj_buffer_slice(pair), weight);
        }
    }
    nj_buffer_clear(pair);
    return status == NJ_OK ? nj_buffer_append(pair, word.bytes, word.size) : status;
}

static nj_status add_field(nj_tfidf *tfidf, const nj_text_field *field, nj_error *err)
{
    nj_slice word;
    nj_buffer_clear(&tfidf->pair);
    nj_status status = nj_words_open(&tfidf->words, field->text, err);
    if (status != NJ_OK) {
        return status;
    }
    while (status == NJ_OK && nj_words_next(&tfidf->words, &word)) {
        status = add_word(tfidf, word, field->weight);
        if (status == NJ_OK && tfidf->config.has_pairs) {
            status = add_pair(tfidf, word, field->weight);
        }
    }
    return status == NJ_OK ? NJ_OK
                           : nj_fail(err, NJ_NO_MEMORY, "no memory for %zu words of %zu items",
                                     tfidf->terms.count, tfidf->row_count + 1);
}

static int compare_columns(const void *a, const void *b)
{
    const uint32_t x = ((const nj_sparse_entry *)a)->column;
    const uint32_t y = ((const nj_sparse_entry *)b)->column;
    return (x > y) - (x < y);
}

// Adds up what stands in the row more than once; returns how many entries are left.
static size_t merge_row(nj_tfidf *tfidf)
{
    nj_sparse_entry *row = (nj_sparse_entry *)(void *)tfidf->row.bytes;
    const size_t count = tfidf->row.size / sizeof *row;
    size_t kept = 0;
    if (count > 1) {
        qsort(row, count, sizeof *row, compare_columns);
    }
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && row[kept - 1].column == row[i].column) {
            row[kept - 1].value += row[i].value;
        } else {
            row[kept++] = row[i];
        }
    }
    for (size_t i = 0; i < kept; i++) {
        frequencies_of(tfidf)[row[i].column]++;
    }
    return kept;
}

nj_status nj_tfidf_add(nj_tfidf *tfidf, const nj_text_field *fields, size_t count, nj_error *err)
{
    const uint64_t start = tfidf->entries.size / sizeof(nj_sparse_entry);
    nj_buffer_clear(&tfidf->row);
    nj_status status = NJ_OK;
    for (size_t i = 0; status == NJ_OK && i < count; i++) {
        status = add_field(tfidf, &fields[i], err);
    }
    if (status != NJ_OK) {
        return status;
    }
    const size_t kept = merge_row(tfidf);
    status = nj_buffer_append(&tfidf->starts, &start, sizeof start);
    if (status == NJ_OK) {
        status =
            nj_buffer_append(&tfidf->entries, tfidf->row.bytes, kept * sizeof(nj_sparse_entry));
    }
    if (status != NJ_OK) {
        return nj_fail(err, status, "no memory for the words of %zu items", tfidf->row_count + 1);
    }
    tfidf->row_count++;
    return NJ_OK;
}

// ---- finishing ----

static size_t count_kept(const nj_tfidf *tfidf, uint32_t items_min)
{
    size_t kept = 0;
    for (size_t t = 0; t < tfidf->frequencies.size / sizeof(uint32_t); t++) {
        kept += frequencies_of(tfidf)[t] >= items_min;
    }
    return kept;
}

// The least bound, from the asked one on, above which there are no more words than words_max.
static uint32_t find_items_min(const nj_tfidf *tfidf)
{
    uint32_t low = tfidf->config.items_min;
    uint32_t high = UINT32_MAX; // keeps none: rows are fewer
    if (count_kept(tfidf, low) <= tfidf->config.words_max) {
        return low;
    }
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (count_kept(tfidf, middle) <= tfidf->config.words_max) {
            high = middle;
        } else {
            low = middle;
        }
    }
    return high;
}

// columns [terms]: the column of each term that is kept; idf [terms]. Of the words just below the bound, those that were met first fill
// the room that is left.
static void number_columns(nj_tfidf *tfidf, uint32_t *columns, double *idf)
{
    const uint32_t *frequencies = frequencies_of(tfidf);
    const size_t terms = tfidf->frequencies.size / sizeof *frequencies;
    const uint32_t bound = find_items_min(tfidf);
    size_t room =
        bound > tfidf->config.items_min ? tfidf->config.words_max - count_kept(tfidf, bound) : 0;
    uint32_t next = 0;
    tfidf->items_min = room > 0 ? bound - 1 : bound;
    tfidf->left_out_count = count_kept(tfidf, tfidf->config.items_min);
    for (size_t t = 0; t < terms; t++) {
        const bool fills = room > 0 && frequencies[t] + 1 == bound;
        room -= fills;
        columns[t] = frequencies[t] >= bound || fills ? next++ : TERM_LEFT_OUT;
        idf[t] = log((1.0 + (double)tfidf->row_count) / (1.0 + (double)frequencies[t])) + 1.0;
    }
    tfidf->column_count = next;
    tfidf->left_out_count -= next;
}

// Counts become values, in place; returns how many entries are left, written to `out` on.
static size_t weigh_row(const nj_tfidf *tfidf, const nj_sparse_entry *row, size_t count,
                        const uint32_t *columns, const double *idf, nj_sparse_entry *out)
{
    size_t kept = 0;
    double square = 0;
    for (size_t i = 0; i < count; i++) {
        const uint32_t term = row[i].column;
        if (columns[term] == TERM_LEFT_OUT) {
            continue;
        }
        const double tf = (double)row[i].value;
        const double value = (tfidf->config.has_plain_counts ? tf : 1.0 + log(tf)) * idf[term];
        out[kept++] = (nj_sparse_entry){columns[term], (float)value};
        square += value * value;
    }
    const double length = sqrt(square);
    for (size_t i = 0; i < kept; i++) {
        out[i].value = (float)((double)out[i].value / length);
    }
    return kept;
}

static void weigh_rows(nj_tfidf *tfidf, const uint32_t *columns, const double *idf)
{
    nj_sparse_entry *entries = (nj_sparse_entry *)(void *)tfidf->entries.bytes;
    uint64_t *starts = (uint64_t *)(void *)tfidf->starts.bytes;
    uint64_t written = 0;
    if (entries == NULL) { // no item has a word: every start is 0
        tfidf->empty_count += tfidf->row_count;
        return;
    }
    for (size_t r = 0; r < tfidf->row_count; r++) {
        const uint64_t start = starts[r];
        starts[r] = written;
        written += weigh_row(tfidf, entries + start, (size_t)(starts[r + 1] - start), columns, idf,
                             entries + written);
        tfidf->empty_count += starts[r] == written;
    }
    starts[tfidf->row_count] = written;
}

nj_status nj_tfidf_finish(nj_tfidf *tfidf, nj_sparse *out, nj_error *err)
{
    const uint64_t end = tfidf->entries.size / sizeof(nj_sparse_entry);
    const size_t terms = tfidf->terms.count;
    forget_terms(tfidf);
    uint32_t *columns = calloc(terms + 1, sizeof *columns);
    double *idf = calloc(terms + 1, sizeof *idf);
    nj_status status = columns == NULL || idf == NULL
                           ? NJ_NO_MEMORY
                           : nj_buffer_append(&tfidf->starts, &end, sizeof end);
    if (status == NJ_OK) {
        number_columns(tfidf, columns, idf);
        weigh_rows(tfidf, columns, idf);
        *out = (nj_sparse){tfidf->row_count, tfidf->column_count,
                           (const uint64_t *)(const void *)tfidf->starts.bytes,
                           (const nj_sparse_entry *)(const void *)tfidf->entries.bytes};
    } else {
        status =
            nj_fail(err, status, "no memory for %zu words of %zu items", terms, tfidf->row_count);
    }
    free(columns);
    free(idf);
    return status;
}
