// study_items.c - which items the lists of a study name, and how: coverage, exposure, popularity, codes.
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "coordinator/report/study_parts.h"
#include "coordinator/report/values.h"

#define EVENTS_MAX 65535u // items with more events in the histories count as having so many
#define CURVE_POINTS 50u

static const double HEADS[] = {0.01, 0.05, 0.1, 0.25, 0.5};

#define HEAD_COUNT (sizeof HEADS / sizeof HEADS[0])

// How often each item stands in the lists.
typedef struct {
    const nj_study *study;
    uint32_t *counts; // [total] owned
    size_t total;     // of the catalogue, and those that it does not know
    size_t live;      // that a list may name
    nj_exposure exposure;
} tally;

static nj_slice item_name(const nj_study *study, size_t item)
{
    return item < study->item_count
               ? nj_idlist_at(&study->catalogue.view->items, item)
               : nj_idlist_builder_at(&study->strangers, item - study->item_count);
}

// ---- exposure ----

// The share of all places that the share x of the live items has which are recommended most: points of x = 0, 1/50 ... 1. Items are
// counted by how often they stand in lists, which is at most once a user.
static json_t *tell_curve(const tally *t, bool *ok)
{
    const size_t most = t->study->user_count;
    json_t *array = json_array();
    uint64_t *items = calloc(most + 1, sizeof *items);
    if (items == NULL) {
        *ok = false;
        return array;
    }
    for (size_t i = 0; i < t->total; i++) {
        items[t->counts[i] < most ? t->counts[i] : most] += t->counts[i] > 0;
    }
    double passed = 0;
    double places = 0;
    size_t value = most;
    double left = (double)items[value];
    for (uint32_t p = 0; p <= CURVE_POINTS; p++) {
        const double wanted = (double)t->live * p / CURVE_POINTS;
        while (passed < wanted && value > 0) {
            const double step = fmin(left, wanted - passed);
            passed += step;
            places += step * (double)value;
            left -= step;
            if (left <= 0) {
                value--;
                left = (double)items[value];
            }
        }
        nj_value_push(array, nj_value_real(places / fmax(1, (double)t->exposure.recommended)), ok);
    }
    free(items);
    return array;
}

// The items that stand in most lists; of equal ones those of lower number.
static json_t *tell_most(const tally *t, bool *ok)
{
    json_t *array = json_array();
    uint32_t last_count = UINT32_MAX;
    size_t last_item = 0;
    for (uint32_t n = 0; n < NJ_STUDY_TOP_ITEMS; n++) {
        size_t best = SIZE_MAX;
        for (size_t i = 0; i < t->total; i++) {
            const bool is_later =
                t->counts[i] < last_count || (t->counts[i] == last_count && i > last_item);
            if (t->counts[i] > 0 && is_later &&
                (best == SIZE_MAX || t->counts[i] > t->counts[best])) {
                best = i;
            }
        }
        if (best == SIZE_MAX) {
            break;
        }
        const nj_slice name = item_name(t->study, best);
        json_t *object = json_object();
        nj_value_put(object, "item", json_stringn(name.bytes, name.size), ok);
        nj_value_put(object, "lists", nj_value_count(t->counts[best]), ok);
        nj_value_push(array, object, ok);
        last_count = t->counts[best];
        last_item = best;
    }
    return array;
}

static json_t *tell_exposure(const tally *t, bool *ok)
{
    const bool known = t->study->catalogue.view != NULL;
    json_t *object = json_object();
    nj_value_put(object, "places", nj_value_count(t->exposure.recommended), ok);
    nj_value_put(object, "distinct", nj_value_count(t->exposure.distinct), ok);
    nj_value_put(object, "live", known ? nj_value_count(t->live) : json_null(), ok);
    nj_value_put(object, "coverage", known ? nj_value_real(t->exposure.coverage) : json_null(), ok);
    nj_value_put(object, "gini", known ? nj_value_real(t->exposure.gini) : json_null(), ok);
    nj_value_put(object, "curve", known ? tell_curve(t, ok) : json_null(), ok);
    nj_value_put(object, "most", tell_most(t, ok), ok);
    return object;
}

// ---- popularity ----

// Items, events and places of the live items that have so many events.
typedef struct {
    uint64_t items;
    uint64_t events;
    uint64_t places;
} popular;

static bool is_retired(const nj_sids *sids, size_t item)
{
    return sids->retired != NULL && sids->retired[item] != 0;
}

static void count_popular(const tally *t, popular *by_events, popular *all)
{
    const nj_catalogue_view *view = t->study->catalogue.view;
    for (size_t i = 0; i < t->study->item_count; i++) {
        if (!is_retired(&view->sids, i)) {
            const uint32_t events = view->counts[i];
            popular *cell = &by_events[events < EVENTS_MAX ? events : EVENTS_MAX];
            cell->items++;
            cell->events += events;
            cell->places += t->counts[i];
            all->items++;
            all->events += events;
            all->places += t->counts[i];
        }
    }
}

// What the share `head` of the items has that are most popular; of items alike, each a like part.
static void sum_head(const popular *by_events, const popular *all, double head, double *out_events,
                     double *out_places)
{
    double left = head * (double)all->items;
    *out_events = *out_places = 0;
    for (size_t e = EVENTS_MAX + 1; e-- > 0 && left > 0;) {
        const double items = (double)by_events[e].items;
        const double part = items > left ? left / items : 1;
        *out_events += part * (double)by_events[e].events;
        *out_places += part * (double)by_events[e].places;
        left -= items;
    }
    *out_events /= fmax(1, (double)all->events);
    *out_places /= fmax(1, (double)all->places);
}

static json_t *tell_popularity(const tally *t, bool *ok)
{
    popular all = {0};
    if (t->study->catalogue.view == NULL || t->study->catalogue.view->counts == NULL) {
        return json_null();
    }
    popular *by_events = calloc(EVENTS_MAX + 1, sizeof *by_events);
    json_t *object = json_object();
    json_t *heads = json_array();
    if (by_events != NULL) {
        count_popular(t, by_events, &all);
        for (size_t h = 0; h < HEAD_COUNT; h++) {
            double events;
            double places;
            json_t *head = json_object();
            sum_head(by_events, &all, HEADS[h], &events, &places);
            nj_value_put(head, "items", nj_value_real(HEADS[h]), ok);
            nj_value_put(head, "events", nj_value_real(events), ok);
            nj_value_put(head, "places", nj_value_real(places), ok);
            nj_value_push(heads, head, ok);
        }
    } else {
        *ok = false;
    }
    free(by_events);
    nj_value_put(object, "heads", heads, ok);
    nj_value_put(object, "mean_events", nj_value_real(t->exposure.popularity), ok);
    nj_value_put(object, "novelty_bits", nj_value_real(t->exposure.novelty), ok);
    return object;
}

// ---- codes ----

// How many codes would be used alike with the same entropy, 2^H; 0 of none.
static double perplexity_of(const uint64_t *uses, size_t count, uint64_t total)
{
    double bits = 0;
    for (size_t c = 0; c < count; c++) {
        if (uses[c] > 0) {
            const double share = (double)uses[c] / (double)total;
            bits -= share * log2(share);
        }
    }
    return total > 0 ? exp2(bits) : 0;
}

// Codes in order, as many cells as there are codes or NJ_STUDY_CODE_CELLS, whichever is less: each one's share.
static json_t *tell_code_cells(const uint64_t *uses, size_t K, uint64_t total, bool *ok)
{
    const size_t cells = K < NJ_STUDY_CODE_CELLS ? K : NJ_STUDY_CODE_CELLS;
    json_t *array = json_array();
    for (size_t cell = 0; cell < cells; cell++) {
        uint64_t sum = 0;
        for (size_t c = cell * K / cells; c < (cell + 1) * K / cells; c++) {
            sum += uses[c];
        }
        nj_value_push(array, nj_value_real((double)sum / fmax(1, (double)total)), ok);
    }
    return array;
}

static void tell_uses(json_t *object, const char *of, const uint64_t *uses, size_t K, bool *ok)
{
    uint64_t total = 0;
    uint64_t used = 0;
    for (size_t c = 0; c < K; c++) {
        total += uses[c];
        used += uses[c] > 0;
    }
    json_t *told = json_object();
    nj_value_put(told, "used", nj_value_count(used), ok);
    nj_value_put(told, "perplexity", nj_value_real(perplexity_of(uses, K, total)), ok);
    nj_value_put(told, "shares", tell_code_cells(uses, K, total, ok), ok);
    nj_value_put(object, of, told, ok);
}

static json_t *tell_level(const tally *t, uint32_t level, bool *ok)
{
    const nj_sids *sids = &t->study->catalogue.view->sids;
    const size_t K = sids->codes_per_level[level];
    json_t *object = json_object();
    uint64_t *uses = calloc(2 * K, sizeof *uses);
    if (uses == NULL) {
        *ok = false;
        return object;
    }
    for (size_t i = 0; i < t->study->item_count; i++) {
        const uint16_t code = sids->codes[i * sids->level_count + level];
        uses[code] += !is_retired(sids, i);
        uses[K + code] += t->counts[i];
    }
    nj_value_put(object, "codes", nj_value_count(K), ok);
    tell_uses(object, "catalogue", uses, K, ok);
    tell_uses(object, "recommended", uses + K, K, ok);
    free(uses);
    return object;
}

static json_t *tell_codes(const tally *t, bool *ok)
{
    if (t->study->catalogue.view == NULL) {
        return json_null();
    }
    json_t *array = json_array();
    for (uint32_t l = 0; l < t->study->catalogue.view->sids.level_count; l++) {
        nj_value_push(array, tell_level(t, l, ok), ok);
    }
    return array;
}

// ---- all of it ----

static nj_status judge(tally *t)
{
    const nj_catalogue_view *view = t->study->catalogue.view;
    nj_exposure_count(&t->study->lists, NJ_STUDY_PLACES_MAX, t->counts, t->total, &t->exposure);
    t->live = view != NULL ? view->trie.item_count : t->total;
    t->live = t->exposure.distinct > t->live ? t->exposure.distinct : t->live;
    const size_t judged = view != NULL ? t->study->item_count : t->total;
    return nj_exposure_judge(t->counts, judged, t->live, view != NULL ? view->counts : NULL,
                             &t->exposure);
}

nj_status nj_study_put_items(nj_study *study, json_t *object, bool *ok)
{
    tally t = {.study = study, .total = (size_t)study->item_count + study->strangers.count};
    t.counts = calloc(t.total > 0 ? t.total : 1, sizeof *t.counts);
    nj_status status = t.counts != NULL ? judge(&t) : NJ_NO_MEMORY;
    if (status == NJ_OK) {
        nj_value_put(object, "exposure", tell_exposure(&t, ok), ok);
        nj_value_put(object, "popularity", tell_popularity(&t, ok), ok);
        nj_value_put(object, "codes", tell_codes(&t, ok), ok);
    }
    free(t.counts);
    return status;
}
