#include "common/catalogue/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/catalogue/collisions_parts.h"

#define CHANCE_SEED 0x6e696768746a6172u // any number would do

// What is counted on: the codes without a counter, and the rows in their order.
typedef struct {
    const nj_catalogue *catalogue;
    const nj_report_options *options;
    nj_report *report;
    uint32_t L;
    uint16_t *codes; // owned; [N, L]
    uint32_t *order; // owned; [N]
} reporting;

static nj_collision_work begin_work(const reporting *r, const nj_collision_options *options)
{
    nj_collision_work work = {.options = options,
                              .what = "the catalogue",
                              .codes = r->codes,
                              .row_count = r->catalogue->sids.row_count,
                              .level_count = r->L,
                              .codebooks = &r->catalogue->codebooks,
                              .rows = r->options->rows};
    memcpy(work.K, r->catalogue->sids.codes_per_level, sizeof work.K);
    return work;
}

// Codes of all rows without the counter.
static void copy_codes(reporting *r)
{
    const nj_sids *sids = &r->catalogue->sids;
    for (size_t row = 0; row < sids->row_count; row++) {
        memcpy(r->codes + row * r->L, sids->codes + row * sids->level_count,
               r->L * sizeof *r->codes);
    }
}

// ---- use of the codes ----

static int compare_counts(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    return x > y ? -1 : x < y;
}

static void count_codes(reporting *r, uint32_t level)
{
    nj_level_report *report = &r->report->levels[level];
    const uint32_t N = r->report->item_count;
    double entropy = 0;
    for (size_t row = 0; row < N; row++) {
        report->counts[r->codes[row * r->L + level]]++;
    }
    qsort(report->counts, report->code_count, sizeof *report->counts, compare_counts);
    for (uint32_t k = 0; k < report->code_count && report->counts[k] > 0; k++) {
        const double share = (double)report->counts[k] / N;
        entropy -= share * log(share);
        report->used_count++;
    }
    report->perplexity = exp(entropy);
    report->largest_share = (double)report->counts[0] / N;
}

// ---- prefixes and categories ----

typedef struct {
    const uint32_t *of_item; // category of each row
    uint32_t *counts;        // [categories] all 0 between prefixes
} purity_count;

// Items of the most frequent category among rows that share a prefix.
static uint32_t count_most_frequent(const purity_count *purity, const uint32_t *rows, size_t count)
{
    uint32_t most = 0;
    for (size_t i = 0; i < count; i++) {
        const uint32_t category = purity->of_item[rows[i]];
        if (category != NJ_CATEGORY_NONE && ++purity->counts[category] > most) {
            most = purity->counts[category];
        }
    }
    for (size_t i = 0; i < count; i++) {
        const uint32_t category = purity->of_item[rows[i]];
        if (category != NJ_CATEGORY_NONE) {
            purity->counts[category] = 0;
        }
    }
    return most;
}

static size_t find_prefix_end(const reporting *r, size_t begin, uint32_t depth)
{
    const uint16_t *first = r->codes + (size_t)r->order[begin] * r->L;
    size_t end = begin + 1;
    while (end < r->report->item_count &&
           memcmp(first, r->codes + (size_t)r->order[end] * r->L, depth * sizeof *first) == 0) {
        end++;
    }
    return end;
}

static void count_prefixes(reporting *r, uint32_t level, const purity_count *real,
                           const purity_count *dealt)
{
    nj_level_report *report = &r->report->levels[level];
    uint64_t most = 0;
    uint64_t most_dealt = 0;
    for (size_t begin = 0; begin < r->report->item_count;) {
        const size_t end = find_prefix_end(r, begin, level + 1);
        report->prefix_count++;
        if (real->of_item != NULL) {
            most += count_most_frequent(real, r->order + begin, end - begin);
            most_dealt += count_most_frequent(dealt, r->order + begin, end - begin);
        }
        begin = end;
    }
    if (real->of_item != NULL) {
        report->purity = (double)most / r->report->categorised_count;
        report->chance_purity = (double)most_dealt / r->report->categorised_count;
    }
}

// The same categories in a random order (Fisher, Yates).
static void deal_out(const nj_categories *categories, uint32_t *out)
{
    uint64_t state = CHANCE_SEED;
    memcpy(out, categories->of_item, categories->item_count * sizeof *out);
    for (uint32_t i = categories->item_count; i > 1; i--) {
        const uint32_t j = (uint32_t)(nj_rng_next(&state) % i);
        const uint32_t other = out[j];
        out[j] = out[i - 1];
        out[i - 1] = other;
    }
}

static void count_categories(reporting *r, uint32_t *counts, uint32_t *dealt)
{
    const nj_categories *categories = r->options->categories;
    const purity_count real = {categories->of_item, counts};
    uint32_t *rows = r->order; // any order of all rows will do
    r->report->has_categories = true;
    r->report->category_count = categories->count;
    r->report->categorised_count = categories->known_count;
    r->report->largest_category_share =
        (double)count_most_frequent(&real, rows, r->report->item_count) / categories->known_count;
    deal_out(categories, dealt);
}

static nj_status report_prefixes(reporting *r, nj_error *err)
{
    const nj_collision_options leaves = {.policy = NJ_COLLISIONS_LEAVES};
    const nj_collision_work work = begin_work(r, &leaves);
    const nj_categories *categories = r->options->categories;
    uint32_t *counts = NULL;
    uint32_t *dealt = NULL;
    nj_status status = nj_collision_sort(&work, r->order, err);
    if (status == NJ_OK && categories != NULL) {
        counts = calloc((size_t)categories->count + 1, sizeof *counts);
        dealt = malloc(((size_t)categories->item_count + 1) * sizeof *dealt);
        if (counts != NULL && dealt != NULL) {
            count_categories(r, counts, dealt);
        } else {
            status = nj_fail(err, NJ_NO_MEMORY, "no memory to count categories");
        }
    }
    for (uint32_t l = 0; l < r->L && status == NJ_OK; l++) {
        count_codes(r, l);
        count_prefixes(r, l,
                       &(purity_count){categories != NULL ? categories->of_item : NULL, counts},
                       &(purity_count){dealt, counts});
    }
    free(counts);
    free(dealt);
    return status;
}

// ---- what the codes leave of the embeddings ----

static double square_distance(const float *x, const double *y, size_t D)
{
    double sum = 0;
    for (size_t d = 0; d < D; d++) {
        const double difference = (double)x[d] - y[d];
        sum += difference * difference;
    }
    return sum;
}

static void add_errors(reporting *r, const float *x, double *stands_for, uint32_t row)
{
    const size_t D = r->catalogue->codebooks.D;
    memset(stands_for, 0, D * sizeof *stands_for);
    r->report->square_mean += square_distance(x, stands_for, D);
    for (uint32_t l = 0; l < r->L; l++) {
        nj_codebooks_decode(&r->catalogue->codebooks, r->codes + (size_t)row * r->L, l + 1,
                            stands_for);
        r->report->levels[l].error += square_distance(x, stands_for, D);
    }
}

static nj_status check_books(const reporting *r, nj_error *err)
{
    const nj_codebooks *codebooks = &r->catalogue->codebooks;
    if (codebooks->level_count != r->L) {
        return nj_fail(err, NJ_INPUT,
                       "the catalogue has codebooks of %" PRIu32 " levels, its codes have %" PRIu32
                       ": embeddings say nothing without",
                       codebooks->level_count, r->L);
    }
    for (uint32_t row = 0; row < r->report->item_count; row++) {
        const uint16_t *codes = r->codes + (size_t)row * r->L;
        for (uint32_t l = 0; l < r->L; l++) {
            const uint32_t count = nj_codebooks_count_codes(codebooks, l, codes);
            if (codes[l] >= count) {
                return nj_fail(err, NJ_INPUT,
                               "row %" PRIu32 ", level %" PRIu32
                               ": code %u, the codebooks have %" PRIu32 " there",
                               row, l, codes[l], count);
            }
        }
    }
    return NJ_OK;
}

static nj_status report_errors(reporting *r, nj_error *err)
{
    const size_t D = r->catalogue->codebooks.D;
    const uint32_t N = r->report->item_count;
    const nj_row_reader *rows = &r->options->rows;
    nj_status status = check_books(r, err);
    if (status != NJ_OK) {
        return status;
    }
    float *x = malloc(D * sizeof *x);
    double *stands_for = malloc(D * sizeof *stands_for);
    if (x == NULL || stands_for == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory for an embedding");
    }
    for (uint32_t row = 0; row < N && status == NJ_OK; row++) {
        status = rows->read(rows->context, row, x, err);
        if (status == NJ_OK) {
            add_errors(r, x, stands_for, row);
        }
    }
    r->report->has_embeddings = true;
    r->report->square_mean /= N;
    for (uint32_t l = 0; l < r->L; l++) {
        r->report->levels[l].error /= N;
    }
    free(x);
    free(stands_for);
    return status;
}

// ---- what each policy would give ----

static nj_status report_policies(reporting *r, nj_error *err)
{
    const nj_collision_options leaves = {.policy = NJ_COLLISIONS_LEAVES};
    const nj_collision_options relocate = {.policy = NJ_COLLISIONS_RELOCATE};
    nj_collision_work work = begin_work(r, &leaves);
    nj_status status = nj_collisions_resolve(&work, &r->report->leaves, err);
    if (status == NJ_OK && r->options->policies && r->report->has_embeddings) {
        r->report->has_relocation = true;
        work.options = &relocate; // the last that looks at the codes
        status = nj_collisions_resolve(&work, &r->report->relocation, err);
    }
    return status;
}

// ---- the whole ----

static nj_status begin_report(reporting *r, nj_error *err)
{
    const nj_sids *sids = &r->catalogue->sids;
    const uint32_t N = sids->row_count;
    size_t code_count = 0;
    for (uint32_t l = 0; l < r->L; l++) {
        code_count += sids->codes_per_level[l];
    }
    r->codes = malloc((size_t)N * r->L * sizeof *r->codes);
    r->order = malloc((size_t)N * sizeof *r->order);
    r->report->counts = calloc(code_count, sizeof *r->report->counts);
    if (r->codes == NULL || r->order == NULL || r->report->counts == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to look at %" PRIu32 " SIDs", N);
    }
    r->report->item_count = N;
    r->report->level_count = r->L;
    uint32_t *counts = r->report->counts;
    for (uint32_t l = 0; l < r->L; l++) {
        r->report->levels[l].code_count = sids->codes_per_level[l];
        r->report->levels[l].counts = counts;
        counts += sids->codes_per_level[l];
    }
    copy_codes(r);
    return NJ_OK;
}

nj_status nj_report_make(const nj_catalogue *catalogue, const nj_report_options *options,
                         nj_report *out, nj_error *err)
{
    nj_report report = {0};
    reporting r = {catalogue, options,
                   &report,   catalogue->sids.level_count - (catalogue->has_suffix ? 1 : 0),
                   NULL,      NULL};
    nj_status status = begin_report(&r, err);
    if (status == NJ_OK) {
        status = report_prefixes(&r, err);
    }
    if (status == NJ_OK && options->rows.read != NULL) {
        status = report_errors(&r, err);
    }
    if (status == NJ_OK) {
        status = report_policies(&r, err);
    }
    if (status == NJ_OK) {
        *out = report;
        report = (nj_report){0};
    }
    nj_report_fini(&report);
    free(r.codes);
    free(r.order);
    return status;
}

void nj_report_fini(nj_report *report)
{
    free(report->counts);
    *report = (nj_report){0};
}
