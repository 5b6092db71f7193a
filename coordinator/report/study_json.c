// study_json.c - the scores, lengths, flags and overlaps of a study as JSON; study_items.c has what is told of items.
#include <stdlib.h>

#include "coordinator/report/study_parts.h"
#include "coordinator/report/values.h"

#define HISTOGRAM_CELLS 40u

static const char *const FLAG_WORDS[] = {
#define NJ_ROW_FLAG(name, bit, word, meaning) [bit] = (word),
#include "schemas/row.def"
#undef NJ_ROW_FLAG
};

#define FLAG_COUNT (sizeof FLAG_WORDS / sizeof FLAG_WORDS[0])

// ---- scores ----

static int compare_floats(const void *a, const void *b)
{
    const float x = *(const float *)a;
    const float y = *(const float *)b;
    return (x > y) - (x < y);
}

// The value at this share of them, nearest rank; `sorted` is not empty.
static double quantile_of(const float *sorted, size_t count, double share)
{
    return (double)sorted[(size_t)(share * (double)(count - 1) + 0.5)];
}

static json_t *tell_place(float *scores, size_t count, uint32_t place, bool *ok)
{
    static const struct {
        const char *key;
        double share;
    } QUANTILES[] = {{"p5", 0.05}, {"p25", 0.25}, {"p50", 0.5}, {"p75", 0.75}, {"p95", 0.95}};
    json_t *object = json_object();
    qsort(scores, count, sizeof *scores, compare_floats);
    nj_value_put(object, "place", nj_value_count(place), ok);
    nj_value_put(object, "count", nj_value_count(count), ok);
    for (size_t q = 0; q < sizeof QUANTILES / sizeof QUANTILES[0]; q++) {
        nj_value_put(object, QUANTILES[q].key,
                     nj_value_real(quantile_of(scores, count, QUANTILES[q].share)), ok);
    }
    return object;
}

static json_t *tell_cells(const float *scores, size_t count, double from, double width, bool *ok)
{
    uint64_t cells[HISTOGRAM_CELLS] = {0};
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        const double cell = ((double)scores[i] - from) / width;
        const size_t index = cell <= 0 ? 0 : (size_t)cell;
        cells[index < HISTOGRAM_CELLS ? index : HISTOGRAM_CELLS - 1]++;
    }
    for (size_t c = 0; c < HISTOGRAM_CELLS; c++) {
        nj_value_push(array, nj_value_count(cells[c]), ok);
    }
    return array;
}

// Of the first and the last places together, between the 0.5 % and the 99.5 % of them: what lies beyond counts in the outer cells.
static json_t *tell_histogram(nj_study *study, bool *ok)
{
    const float *first = study->scores;
    float *last = study->scores + NJ_STUDY_SCORE_PLACE_COUNT * study->user_max;
    const size_t count = study->last_count;
    qsort(last, count, sizeof *last, compare_floats); // `first` is in order already
    const double low = fmin(quantile_of(first, count, 0.005), quantile_of(last, count, 0.005));
    const double high = fmax(quantile_of(first, count, 0.995), quantile_of(last, count, 0.995));
    const double width = high > low ? (high - low) / HISTOGRAM_CELLS : 1;
    json_t *object = json_object();
    nj_value_put(object, "from", nj_value_real(low), ok);
    nj_value_put(object, "width", nj_value_real(width), ok);
    nj_value_put(object, "first", tell_cells(first, count, low, width, ok), ok);
    nj_value_put(object, "last", tell_cells(last, count, low, width, ok), ok);
    return object;
}

static json_t *tell_scores(nj_study *study, bool *ok)
{
    if (study->last_count == 0) {
        return json_null();
    }
    json_t *object = json_object();
    json_t *places = json_array();
    for (size_t p = 0; p < NJ_STUDY_SCORE_PLACE_COUNT; p++) {
        if (study->score_counts[p] > 0) {
            nj_value_push(places,
                          tell_place(study->scores + p * study->user_max, study->score_counts[p],
                                     NJ_STUDY_SCORE_PLACES[p], ok),
                          ok);
        }
    }
    nj_value_put(object, "places", places, ok);
    nj_value_put(object, "histogram", tell_histogram(study, ok), ok);
    return object;
}

// ---- the rest ----

static json_t *tell_rule(const nj_study *study, uint64_t step, uint64_t user_total, bool *ok)
{
    json_t *object = json_object();
    nj_value_put(object, "step", nj_value_count(step), ok);
    nj_value_put(object, "users", nj_value_count(study->user_count), ok);
    nj_value_put(object, "of", nj_value_count(user_total), ok);
    nj_value_put(object, "unread", nj_value_count(study->unread_count), ok);
    nj_value_put(object, "places", nj_value_count(NJ_STUDY_PLACES_MAX), ok);
    return object;
}

static json_t *tell_lengths(const nj_study *study, bool *ok)
{
    const double users = study->user_count > 0 ? (double)study->user_count : 1;
    json_t *object = json_object();
    nj_value_put(object, "mean", nj_value_real((double)study->lengths / users), ok);
    nj_value_put(object, "longest", nj_value_count(study->longest), ok);
    nj_value_put(object, "empty", nj_value_count(study->empty_count), ok);
    if (study->text_count > 0) {
        nj_value_put(object, "texts", nj_value_count(study->text_count), ok);
    }
    return object;
}

static json_t *tell_flags(const nj_study *study, bool *ok)
{
    json_t *object = json_object();
    for (size_t bit = 0; bit < FLAG_COUNT; bit++) {
        nj_value_put(object, FLAG_WORDS[bit], nj_value_count(study->flag_counts[bit]), ok);
    }
    return object;
}

static double mean_of(double sum, size_t count)
{
    return count > 0 ? sum / (double)count : NAN;
}

static json_t *tell_variety(const nj_study *study, bool *ok)
{
    json_t *object = json_object();
    nj_value_put(object, "cutoff", nj_value_count(NJ_STUDY_CUTOFF), ok);
    nj_value_put(object, "first_codes",
                 nj_value_real(mean_of((double)study->first_codes, study->first_code_users)), ok);
    nj_value_put(object, "between_users",
                 nj_value_real(mean_of(study->neighbour_overlap, study->neighbour_count)), ok);
    return object;
}

static json_t *tell_overlap(const nj_study *study, bool *ok)
{
    if (study->before == NULL) {
        return json_null();
    }
    json_t *object = json_object();
    json_t *cells = json_array();
    for (size_t c = 0; c < NJ_STUDY_OVERLAP_CELLS; c++) {
        nj_value_push(cells, nj_value_count(study->overlap_histogram[c]), ok);
    }
    nj_value_put(object, "generation", nj_value_text(nj_store_reader_name(study->before)->text),
                 ok);
    nj_value_put(object, "cutoff", nj_value_count(NJ_STUDY_CUTOFF), ok);
    nj_value_put(object, "users", nj_value_count(study->both_count), ok);
    nj_value_put(object, "new_users", nj_value_count(study->new_count), ok);
    nj_value_put(object, "mean", nj_value_real(mean_of(study->overlap, study->both_count)), ok);
    nj_value_put(object, "mean_all", nj_value_real(mean_of(study->overlap_all, study->both_count)),
                 ok);
    nj_value_put(object, "same_first",
                 nj_value_real(mean_of((double)study->same_first, study->both_count)), ok);
    nj_value_put(object, "histogram", cells, ok);
    return object;
}

nj_status nj_study_json(nj_study *study, uint64_t step, uint64_t user_total, json_t **out,
                        nj_error *err)
{
    bool ok = true;
    json_t *object = json_object();
    nj_value_put(object, "rule", tell_rule(study, step, user_total, &ok), &ok);
    nj_value_put(object, "lengths", tell_lengths(study, &ok), &ok);
    nj_value_put(object, "flags", tell_flags(study, &ok), &ok);
    nj_value_put(object, "aged", nj_value_count(study->aged_count), &ok);
    nj_value_put(object, "scores", tell_scores(study, &ok), &ok);
    nj_value_put(object, "variety", tell_variety(study, &ok), &ok);
    nj_value_put(object, "overlap", tell_overlap(study, &ok), &ok);
    nj_status status = nj_study_put_items(study, object, &ok);
    if (status != NJ_OK || !ok) {
        json_decref(object);
        return nj_fail(err, NJ_NO_MEMORY, "no memory for what the report tells of the lists");
    }
    *out = object;
    return NJ_OK;
}
