// refresh_refit.c - every item's SID by new codebooks.
//
//   tonight's rows ──► codes ──► aligned to the old ones ─┐
//   retired rows: where their nearest neighbour went ─────┴─► counters that can stay ─► collisions of the others
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/catalogue/embedding_rows.h"
#include "common/catalogue/refresh_parts.h"

typedef struct {
    nj_refreshing *r;
    nj_codebooks *books; // the new ones
    uint32_t levels;     // of the codebooks
    uint32_t L;          // of SIDs: with the counter's
    nj_npy npy;
    nj_embedding_rows rows; // one at a time
    uint16_t *encoded;      // [tonight, levels] in the order of the list
    uint32_t *lines;        // [tonight] place in the list; items with an old SID first
    uint32_t *line_of_row;  // [rows afterwards] UINT32_MAX = not there tonight
    uint32_t pair_count;
} refitting;

// ---- codes of tonight's items ----

static nj_status take_memory(refitting *p, nj_error *err)
{
    const size_t tonight = p->r->report.tonight_count;
    const size_t rows = p->r->items.count;
    p->encoded = malloc(tonight * p->levels * sizeof *p->encoded);
    p->lines = malloc(tonight * sizeof *p->lines);
    p->line_of_row = malloc(rows * sizeof *p->line_of_row);
    if (p->encoded == NULL || p->lines == NULL || p->line_of_row == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to refit %zu items", rows);
    }
    return NJ_OK;
}

static nj_status open_refit(refitting *p, nj_error *err)
{
    const nj_transform *transform = &p->r->fitted.transform;
    const size_t width = nj_transform_is_none(transform) ? p->books->D : transform->D_in;
    nj_status status = nj_refresh_open_rows(p->r, width, &p->npy, err);
    if (status == NJ_OK) {
        status = nj_embedding_rows_begin(&p->rows, &p->npy, transform, err);
    }
    return status == NJ_OK ? take_memory(p, err) : status;
}

static void close_refit(refitting *p)
{
    nj_embedding_rows_end(&p->rows);
    nj_npy_close(&p->npy);
    free(p->encoded);
    free(p->lines);
    free(p->line_of_row);
}

// Items that have an old SID come first, each kind in the order of the list.
static void order_lines(refitting *p)
{
    const nj_refreshing *r = p->r;
    uint32_t pairs = 0;
    uint32_t others = r->report.kept_count + r->report.returned_count;
    memset(p->line_of_row, 0xff, r->items.count * sizeof *p->line_of_row);
    for (uint32_t line = 0; line < r->report.tonight_count; line++) {
        p->line_of_row[r->row_of[line]] = line;
        p->lines[nj_refreshing_is_new(r, line) ? others++ : pairs++] = line;
    }
    p->pair_count = pairs;
}

// Old and new codes side by side in the order of `lines`.
static void gather_codes(const refitting *p, uint16_t *old_codes, uint16_t *codes)
{
    const nj_refreshing *r = p->r;
    for (uint32_t i = 0; i < r->report.tonight_count; i++) {
        const size_t line = p->lines[i];
        memcpy(codes + (size_t)i * p->levels, p->encoded + line * p->levels,
               p->levels * sizeof *codes);
        if (i < p->pair_count) {
            memcpy(old_codes + (size_t)i * p->levels,
                   r->old->sids.codes + (size_t)r->row_of[line] * p->L, p->levels * sizeof *codes);
        }
    }
}

// Aligns, and gives tonight's rows their codes.
static nj_status align_codes(refitting *p, nj_error *err)
{
    nj_refreshing *r = p->r;
    const size_t bytes = (size_t)r->report.tonight_count * p->levels * sizeof(uint16_t);
    uint16_t *old_codes = malloc(bytes);
    uint16_t *codes = malloc(bytes);
    nj_status status = NJ_OK;
    order_lines(p);
    if (old_codes == NULL || codes == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory to align the codes of %" PRIu32 " items",
                         r->report.tonight_count);
    } else {
        gather_codes(p, old_codes, codes);
        const nj_aligned fresh = {.codebooks = p->books,
                                  .values = r->fitted.codebook_values,
                                  .child_offsets = r->fitted.child_offsets,
                                  .codes = codes,
                                  .row_count = r->report.tonight_count};
        status = nj_codebooks_align(&r->old->codebooks, old_codes, p->pair_count, &fresh,
                                    &r->report.refit.alignment, err);
    }
    for (uint32_t i = 0; i < r->report.tonight_count && status == NJ_OK; i++) {
        memcpy(r->codes + (size_t)r->row_of[p->lines[i]] * p->L, codes + (size_t)i * p->levels,
               p->levels * sizeof *codes);
    }
    free(old_codes);
    free(codes);
    return status;
}

// ---- items without embeddings ----

static int compare_codes(const uint16_t *a, const uint16_t *b, uint32_t levels)
{
    for (uint32_t l = 0; l < levels; l++) {
        if (a[l] != b[l]) {
            return a[l] < b[l] ? -1 : 1;
        }
    }
    return 0;
}

static uint32_t common_prefix(const uint16_t *a, const uint16_t *b, uint32_t levels)
{
    uint32_t l = 0;
    while (l < levels && a[l] == b[l]) {
        l++;
    }
    return l;
}

static const uint16_t *old_codes_of(const refitting *p, uint32_t row)
{
    return p->r->old->sids.codes + (size_t)row * p->L;
}

static int compare_rows(const void *a, const void *b, void *context)
{
    const refitting *p = context;
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    const int order = compare_codes(old_codes_of(p, x), old_codes_of(p, y), p->levels);
    return order != 0 ? order : x < y ? -1 : x > y;
}

// Of rows sorted by their old codes, the one with most first codes in common stands beside the place where `codes` would.
static uint32_t find_neighbour(const refitting *p, const uint32_t *sorted, size_t count,
                               const uint16_t *codes)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (compare_codes(old_codes_of(p, sorted[middle]), codes, p->levels) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == count) {
        return sorted[low - 1];
    }
    const bool before_is_nearer =
        low > 0 && common_prefix(old_codes_of(p, sorted[low - 1]), codes, p->levels) >
                       common_prefix(old_codes_of(p, sorted[low]), codes, p->levels);
    return sorted[before_is_nearer ? low - 1 : low];
}

static nj_status follow_neighbours(refitting *p, nj_error *err)
{
    nj_refreshing *r = p->r;
    uint32_t *sorted = malloc(((size_t)p->pair_count + 1) * sizeof *sorted);
    if (sorted == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to refit the retired items");
    }
    uint32_t count = 0;
    for (uint32_t row = 0; row < r->report.old_count; row++) {
        if (p->line_of_row[row] != UINT32_MAX) {
            sorted[count++] = row;
        }
    }
    qsort_r(sorted, count, sizeof *sorted, compare_rows, p);
    for (uint32_t row = 0; row < r->report.old_count; row++) {
        if (p->line_of_row[row] == UINT32_MAX) {
            const uint32_t neighbour = find_neighbour(p, sorted, count, old_codes_of(p, row));
            memcpy(r->codes + (size_t)row * p->L, r->codes + (size_t)neighbour * p->L,
                   p->levels * sizeof *r->codes);
            r->report.refit.followed_count++;
        }
    }
    free(sorted);
    return NJ_OK;
}

// ---- collisions ----

typedef struct {
    refitting *refit;
    uint32_t *rows; // [count] that need a SID of their own
    double *meant;  // [D]
    nj_row_reader tonight;
} reading;

// As the codebooks see the item; of one that is not there tonight, what its codes stand for.
static nj_status read_item(void *context, uint32_t index, float *out, nj_error *err)
{
    const reading *from = context;
    refitting *p = from->refit;
    const size_t D = p->books->D;
    const uint32_t row = from->rows[index];
    const uint32_t line = p->line_of_row[row];
    if (line == UINT32_MAX) {
        nj_codebooks_decode(p->books, p->r->codes + (size_t)row * p->L, p->levels, from->meant);
        for (size_t d = 0; d < D; d++) {
            out[d] = (float)from->meant[d];
        }
        return NJ_OK;
    }
    return from->tonight.read(from->tonight.context, line, out, err);
}

// Whether the row may keep its whole old SID: nobody else has had it, so nobody else can keep it.
static bool keeps_sid(const refitting *p, uint32_t row)
{
    return row < p->r->report.old_count && p->r->old->has_suffix &&
           compare_codes(old_codes_of(p, row), p->r->codes + (size_t)row * p->L, p->levels) == 0;
}

typedef struct {
    uint16_t *codes; // [rows afterwards, L] those that keep their SIDs, then those that need one
    uint32_t *rows;  // [rows afterwards] the same
    uint32_t kept_count;
    uint32_t moved_count;
} parted_rows;

static void part_rows(const refitting *p, parted_rows *parted)
{
    const uint32_t row_count = (uint32_t)p->r->items.count;
    for (int wants_kept = 1; wants_kept >= 0; wants_kept--) {
        for (uint32_t row = 0; row < row_count; row++) {
            if (keeps_sid(p, row) == (wants_kept != 0)) {
                const size_t at = (size_t)parted->kept_count + parted->moved_count;
                parted->rows[at] = row;
                memcpy(parted->codes + at * p->L, p->r->codes + (size_t)row * p->L,
                       p->L * sizeof *parted->codes);
                *(wants_kept ? &parted->kept_count : &parted->moved_count) += 1;
            }
        }
    }
}

static nj_status resolve_parted(refitting *p, const parted_rows *parted, double *meant,
                                nj_error *err)
{
    nj_refreshing *r = p->r;
    reading from = {p, parted->rows + parted->kept_count, meant,
                    nj_embedding_rows_reader(&p->rows)};
    uint16_t *moved = parted->codes + (size_t)parted->kept_count * p->L;
    const nj_collision_options options = {
        .policy = r->old->has_suffix ? NJ_COLLISIONS_SUFFIX : NJ_COLLISIONS_RELOCATE,
        .suffix_codes = r->old->has_suffix ? r->old->sids.codes_per_level[p->L - 1] : 0,
        .suffix_relocates = r->config->suffix_relocates};
    nj_collision_work work = {.options = &options,
                              .what = r->config->embeddings_path,
                              .codes = moved,
                              .row_count = parted->moved_count,
                              .level_count = p->levels,
                              .occupied = parted->codes,
                              .occupied_count = parted->kept_count,
                              .codebooks = p->books,
                              .rows = {&from, read_item}};
    memcpy(work.K, r->old->sids.codes_per_level, p->levels * sizeof *work.K);
    nj_status status = nj_collisions_resolve(&work, &r->report.collisions, err);
    for (uint32_t i = 0; i < parted->moved_count && status == NJ_OK; i++) {
        memcpy(r->codes + (size_t)from.rows[i] * p->L, moved + (size_t)i * p->L,
               p->L * sizeof *moved);
    }
    return status;
}

static nj_status resolve_collisions(refitting *p, nj_error *err)
{
    if (!p->r->old->has_suffix && p->r->config->share) {
        return NJ_OK;
    }
    const size_t rows = p->r->items.count;
    parted_rows parted = {.codes = malloc(rows * p->L * sizeof *parted.codes),
                          .rows = malloc(rows * sizeof *parted.rows)};
    double *meant = malloc(p->books->D * sizeof *meant);
    nj_status status = NJ_OK;
    if (parted.codes == NULL || parted.rows == NULL || meant == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory to tell %zu items apart", rows);
    } else {
        part_rows(p, &parted);
        if (parted.moved_count > 0) {
            status = resolve_parted(p, &parted, meant, err);
        }
    }
    free(parted.codes);
    free(parted.rows);
    free(meant);
    return status;
}

// ---- the whole ----

static void count_churn(refitting *p)
{
    nj_refit_report *report = &p->r->report.refit;
    for (uint32_t row = 0; row < p->r->report.old_count; row++) {
        const uint16_t *now = p->r->codes + (size_t)row * p->L;
        const uint16_t *before = old_codes_of(p, row);
        bool changed = false;
        for (uint32_t l = 0; l < p->L; l++) {
            report->changed_at[l] += now[l] != before[l];
            changed = changed || now[l] != before[l];
        }
        report->changed_count += changed;
    }
    report->done = true;
}

static nj_status check_refit(const nj_refreshing *r, nj_error *err)
{
    if (r->old->codebooks.level_count == 0) {
        return nj_fail(err, NJ_INPUT,
                       "the catalogue has no codebooks, so there is nothing to align new ones to");
    }
    if (r->report.kept_count + r->report.returned_count == 0) {
        return nj_fail(err, NJ_INPUT,
                       "%s: none of the %" PRIu32
                       " items of the catalogue is there tonight, so there is nothing to align to",
                       r->config->ids_path, r->report.old_count);
    }
    return NJ_OK;
}

static nj_status learn_codebooks(nj_refreshing *r, nj_error *err)
{
    const uint32_t levels = r->old->codebooks.level_count;
    uint32_t *start = malloc((size_t)r->report.tonight_count * levels * sizeof *start);
    if (start == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to refit %" PRIu32 " items",
                       r->report.tonight_count);
    }
    for (uint32_t line = 0; line < r->report.tonight_count; line++) {
        const bool is_new = nj_refreshing_is_new(r, line);
        const uint16_t *codes = r->codes + (size_t)r->row_of[line] * r->old->sids.level_count;
        for (uint32_t l = 0; l < levels; l++) {
            start[(size_t)line * levels + l] = is_new ? NJ_FIT_NO_CODE : codes[l];
        }
    }
    nj_status status = r->config->learn(r->config->learn_context, start, &r->fitted, err);
    if (status == NJ_OK) {
        status = nj_codebooks_check_alike(&r->old->codebooks, &r->fitted.codebooks, err);
    }
    free(start);
    return status;
}

nj_status nj_refresh_by_refit(nj_refreshing *r, nj_error *err)
{
    refitting p = {.r = r,
                   .books = &r->fitted.codebooks,
                   .levels = r->old->codebooks.level_count,
                   .L = r->old->sids.level_count};
    nj_status status = check_refit(r, err);
    if (status == NJ_OK) {
        status = learn_codebooks(r, err);
    }
    if (status == NJ_OK) {
        status = open_refit(&p, err);
    }
    if (status == NJ_OK) {
        nj_quant_error unasked;
        status =
            nj_refresh_encode(r, &p.npy, p.books, &r->fitted.transform, p.encoded, &unasked, err);
    }
    if (status == NJ_OK) {
        status = align_codes(&p, err);
    }
    if (status == NJ_OK) {
        status = follow_neighbours(&p, err);
    }
    if (status == NJ_OK) {
        status = resolve_collisions(&p, err);
    }
    if (status == NJ_OK) {
        count_churn(&p);
    }
    close_refit(&p);
    return status;
}
