// fuzz_item_texts.c - any bytes as item texts, and the words of what was read as a matrix.
#include "common/text/item_texts.h"
#include "common/text/tfidf.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/memfile.h"

static nj_status take_item(void *context, const nj_item_text *item, nj_error *err)
{
    fuzz_check(item->id.size > 0 && item->line > 0, "an item has an id and a line");
    return nj_tfidf_add(context, item->fields, item->field_count, err);
}

static void check_matrix(const nj_sparse *m)
{
    for (size_t r = 0; r < m->row_count; r++) {
        fuzz_check(m->starts[r] <= m->starts[r + 1], "rows ascend");
        for (uint64_t e = m->starts[r]; e < m->starts[r + 1]; e++) {
            fuzz_check(m->entries[e].column < m->column_count, "columns are there");
            fuzz_check(e == m->starts[r] || m->entries[e - 1].column < m->entries[e].column,
                       "columns of a row ascend");
            fuzz_check(m->entries[e].value > 0 && m->entries[e].value <= 1.0001f,
                       "values are parts of a row of length 1");
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nj_error err;
    nj_tfidf tfidf;
    nj_sparse matrix;
    const nj_tfidf_config config = {.items_min = 1, .words_max = 100, .has_pairs = true};
    nj_tfidf_init(&tfidf, &config);
    const nj_item_text_reading reading = {
        .path = memfile_write(data, size), .take = take_item, .context = &tfidf};
    if (nj_item_texts_read(&reading, &err) == NJ_OK) {
        fuzz_check(nj_tfidf_finish(&tfidf, &matrix, &err) == NJ_OK, "there is memory");
        check_matrix(&matrix);
    }
    nj_tfidf_fini(&tfidf);
    return 0;
}
