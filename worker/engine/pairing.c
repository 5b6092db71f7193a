#include "worker/engine/pairing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/base/id.h"
#include "common/base/rng.h"
#include "worker/engine/forced.h"

#define SEED 0x6e696768746a6172u // "nightjar"
#define ROWS_MAX ((size_t)NJ_PAIRING_TRANSITIONS * (NJ_PAIRING_ITEMS_MAX + 1))

typedef struct {
    char user[NJ_ID_BYTES_MAX]; // a template may hash it
    size_t user_bytes;
    uint32_t count; // items of the history that are read
    uint32_t
        rows[NJ_PAIRING_ITEMS_MAX]; // [count] oldest first; catalogue rows, then places in `used`
    uint32_t target;                // the item that came then
} transition;

struct nj_pairing_sample {
    uint64_t random;
    uint64_t seen; // transitions of the histories
    uint32_t count;
    transition transitions[NJ_PAIRING_TRANSITIONS];
};

typedef struct {
    const nj_pairing_request *request;
    uint64_t random;
    nj_pairing_sample *sample; // owned
    uint32_t *used;            // owned; [used_count] distinct rows of the sample, ascending
    uint32_t used_count;
    uint16_t *codes; // owned; [used_count, L] the catalogue's
    uint16_t *other; // owned; [used_count, L] a null's
    uint8_t *taken;  // owned; a bit a catalogue row
    uint32_t *order; // owned; [NJ_CODES_MAX]
    nj_forced *forced;
    uint32_t *tokens;  // owned; [NJ_FORCED_BATCH * S]
    uint32_t *targets; // owned; [NJ_FORCED_BATCH * L]
    float *scores;     // owned; [NJ_FORCED_BATCH * L]
} probe;

static uint64_t draw(uint64_t *state, uint64_t bound)
{
    return nj_rng_next(state) % bound;
}

static void shuffle(uint64_t *state, uint32_t *values, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        const size_t j = (size_t)draw(state, i);
        const uint32_t value = values[i - 1];
        values[i - 1] = values[j];
        values[j] = value;
    }
}

// ---- the sample ----

nj_status nj_pairing_sample_new(nj_pairing_sample **out, nj_error *err)
{
    nj_pairing_sample *sample = calloc(1, sizeof *sample);
    if (sample == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a sample of transitions");
    }
    sample->random = SEED;
    *out = sample;
    return NJ_OK;
}

void nj_pairing_sample_free(nj_pairing_sample **sample)
{
    free(*sample);
    *sample = NULL;
}

// The last known items before the held-out one, oldest first.
static void copy_history(const nj_idlist *items, const nj_idmap *map, const nj_history *history,
                         transition *out)
{
    uint32_t first = NJ_PAIRING_ITEMS_MAX;
    for (size_t i = history->item_count - 1; i > 0 && first > 0; i--) {
        const size_t row = nj_idmap_find(map, history->items[i - 1], nj_idmap_at_list, items);
        if (row != NJ_IDMAP_NONE) {
            out->rows[--first] = (uint32_t)row;
        }
    }
    out->count = NJ_PAIRING_ITEMS_MAX - first;
    memmove(out->rows, out->rows + first, out->count * sizeof *out->rows);
}

// Vitter 1985, algorithm R.
void nj_pairing_sample_add(nj_pairing_sample *sample, const nj_idlist *items, const nj_idmap *map,
                           const nj_history *history)
{
    if (history->item_count < 2) {
        return;
    }
    const nj_slice last = history->items[history->item_count - 1];
    const size_t target = nj_idmap_find(map, last, nj_idmap_at_list, items);
    transition candidate = {.user_bytes = history->user.size, .target = (uint32_t)target};
    copy_history(items, map, history, &candidate);
    if (target == NJ_IDMAP_NONE || candidate.count == 0) {
        return;
    }
    memcpy(candidate.user, history->user.bytes, history->user.size);
    const uint64_t place = sample->seen < NJ_PAIRING_TRANSITIONS
                               ? sample->seen
                               : draw(&sample->random, sample->seen + 1);
    sample->seen++;
    if (place < NJ_PAIRING_TRANSITIONS) {
        sample->transitions[place] = candidate;
        sample->count += sample->count < NJ_PAIRING_TRANSITIONS;
    }
}

// ---- codes of the sample's items ----

static int compare_rows(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static uint32_t place_of(const probe *p, uint32_t row)
{
    const uint32_t *found = bsearch(&row, p->used, p->used_count, sizeof row, compare_rows);
    return (uint32_t)(found - p->used);
}

// The items that the encoder may not read go, then rows become places in `used`: so a null needs memory for the sample's items
// alone.
static void number_rows(probe *p)
{
    size_t count = 0;
    nj_pairing_sample *sample = p->sample;
    for (uint32_t i = 0; i < sample->count; i++) {
        transition *t = &sample->transitions[i];
        if (t->count > p->request->history_max) {
            const uint32_t more = t->count - p->request->history_max;
            t->count -= more;
            memmove(t->rows, t->rows + more, t->count * sizeof *t->rows);
        }
        memcpy(p->used + count, t->rows, t->count * sizeof *t->rows);
        count += t->count;
        p->used[count++] = t->target;
    }
    qsort(p->used, count, sizeof *p->used, compare_rows);
    for (size_t i = 0; i < count; i++) {
        if (p->used_count == 0 || p->used[p->used_count - 1] != p->used[i]) {
            p->used[p->used_count++] = p->used[i];
        }
    }
    for (uint32_t i = 0; i < sample->count; i++) {
        transition *t = &sample->transitions[i];
        for (uint32_t k = 0; k < t->count; k++) {
            t->rows[k] = place_of(p, t->rows[k]);
        }
        t->target = place_of(p, t->target);
    }
    const size_t L = p->request->sids->level_count;
    for (uint32_t i = 0; i < p->used_count; i++) {
        memcpy(p->codes + i * L, p->request->sids->codes + p->used[i] * L, L * sizeof *p->codes);
    }
}

// How many maps a null can draw.
typedef struct {
    double bits; // log2 of their number
    bool many;   // enough of everything for losses that are close to normal
} variety;

// Every item of the sample gets the SID of some item of the catalogue, no two of them that of the same one.
static nj_status deal_anew(probe *p, variety *out, nj_error *err)
{
    (void)err;
    const nj_sids *sids = p->request->sids;
    const size_t L = sids->level_count;
    memset(p->taken, 0, sids->row_count / 8 + 1);
    *out = (variety){.many = p->used_count >= NJ_PAIRING_MANY_ITEMS};
    for (uint32_t i = 0; i < p->used_count; i++) {
        size_t row = 0;
        do { // the sample has at most ROWS_MAX items, and no more than the catalogue
            row = (size_t)draw(&p->random, sids->row_count);
        } while ((p->taken[row / 8] >> row % 8 & 1) != 0);
        p->taken[row / 8] |= (uint8_t)(1u << row % 8);
        memcpy(p->other + i * L, sids->codes + row * L, L * sizeof *p->other);
        out->bits += log2((double)(sids->row_count - i));
    }
    return NJ_OK;
}

typedef struct {
    uint32_t code;
    uint32_t count;     // of items that have it
    unsigned magnitude; // floor(log2(count))
} named_code;

static int compare_magnitudes(const void *a, const void *b)
{
    const named_code *x = a;
    const named_code *y = b;
    if (x->magnitude != y->magnitude) {
        return x->magnitude < y->magnitude ? -1 : 1;
    }
    return (x->code > y->code) - (x->code < y->code);
}

// The codes of a level that some item has, those that are about as common together. Returns how many.
static uint32_t list_codes(const probe *p, uint32_t level, uint32_t *counts, named_code *out)
{
    const nj_sids *sids = p->request->sids;
    const uint32_t K = sids->codes_per_level[level];
    memset(counts, 0, K * sizeof *counts);
    for (size_t i = 0; i < sids->row_count; i++) {
        counts[sids->codes[i * sids->level_count + level]]++;
    }
    uint32_t count = 0;
    for (uint32_t code = 0; code < K; code++) {
        if (counts[code] > 0) {
            const unsigned magnitude = 31u - (unsigned)__builtin_clz(counts[code]);
            out[count++] = (named_code){code, counts[code], magnitude};
        }
    }
    qsort(out, count, sizeof *out, compare_magnitudes);
    return count;
}

// Gives the codes of a level each other's names, `names[code]`, and adds to the variety.
static void rename_level(probe *p, const named_code *codes, uint32_t count, uint32_t *names,
                         variety *v)
{
    uint64_t among_many = 0; // items whose code changes places with many others
    for (uint32_t first = 0, end = 0; first < count; first = end) {
        uint64_t items = 0;
        while (end < count && codes[end].magnitude == codes[first].magnitude) {
            p->order[end - first] = codes[end].code;
            items += codes[end].count;
            end++;
            v->bits += log2((double)(end - first));
        }
        shuffle(&p->random, p->order, end - first);
        for (uint32_t i = first; i < end; i++) {
            names[codes[i].code] = p->order[i - first];
        }
        among_many += end - first >= NJ_PAIRING_MANY_CODES ? items : 0;
    }
    v->many = v->many || among_many >= p->request->sids->row_count / 2;
}

static nj_status rename_codes(probe *p, variety *out, nj_error *err)
{
    const size_t L = p->request->sids->level_count;
    uint32_t *numbers = calloc(NJ_CODES_MAX, sizeof *numbers);
    named_code *codes = calloc(NJ_CODES_MAX, sizeof *codes);
    nj_status status = numbers != NULL && codes != NULL
                           ? NJ_OK
                           : nj_fail(err, NJ_NO_MEMORY, "no memory to rename codes");
    *out = (variety){0};
    for (uint32_t l = 0; l < L && status == NJ_OK; l++) {
        const uint32_t count = list_codes(p, l, numbers, codes);
        rename_level(p, codes, count, numbers, out);
        for (uint32_t i = 0; i < p->used_count; i++) {
            p->other[i * L + l] = (uint16_t)numbers[p->codes[i * L + l]];
        }
    }
    free(numbers);
    free(codes);
    return status;
}

// ---- losses ----

// The loss of one batch of transitions, added up.
static double score_batch(probe *p, const uint16_t *codes, uint32_t first, uint32_t count)
{
    const uint32_t L = p->request->sids->level_count;
    const uint32_t *bases = p->request->level_token_base;
    const nj_token_table table = {codes, bases, L};
    uint32_t offset[NJ_FORCED_BATCH + 1] = {0};
    for (uint32_t b = 0; b < count; b++) {
        const transition *t = &p->sample->transitions[first + b];
        const nj_slice user = {t->user, t->user_bytes};
        offset[b + 1] =
            offset[b] + (uint32_t)nj_template_tokens(p->request->template, &table, user, t->rows,
                                                     t->count, p->tokens + offset[b]);
        for (uint32_t l = 0; l < L; l++) {
            p->targets[b * L + l] = bases[l] + codes[(size_t)t->target * L + l];
        }
    }
    nj_forced_score(p->forced, p->tokens, offset, count, p->targets, p->scores);
    double sum = 0.0;
    for (size_t i = 0; i < (size_t)count * L; i++) {
        sum -= (double)p->scores[i];
    }
    return sum;
}

// Of the sample's first `count` transitions.
static double compute_loss(probe *p, const uint16_t *codes, uint32_t count)
{
    double sum = 0.0;
    for (uint32_t first = 0; first < count; first += NJ_FORCED_BATCH) {
        const uint32_t left = count - first;
        sum += score_batch(p, codes, first, left < NJ_FORCED_BATCH ? left : NJ_FORCED_BATCH);
    }
    return sum / count;
}

// Fills `other` with a wrong map.
typedef nj_status (*map_maker)(probe *p, variety *out, nj_error *err);

static void summarise_null(double loss, nj_pairing_null *null)
{
    const double n = NJ_PAIRING_MAPS;
    double squares = 0.0;
    null->map_count = NJ_PAIRING_MAPS;
    null->beaten = true;
    for (size_t i = 0; i < NJ_PAIRING_MAPS; i++) {
        null->mean += null->loss[i] / n;
        null->beaten = null->beaten && loss < null->loss[i]; // false for NaN
    }
    for (size_t i = 0; i < NJ_PAIRING_MAPS; i++) {
        squares += (null->loss[i] - null->mean) * (null->loss[i] - null->mean);
    }
    const double spread = sqrt(squares / (n - 1.0) * (1.0 + 1.0 / n));
    null->deviations = (null->mean - loss) / spread;
    null->beaten = null->beaten && loss <= NJ_PAIRING_SHARE_MAX * null->mean;
}

// The exact test, where four maps do not say it clearly.
static nj_status try_more_maps(probe *p, map_maker make, nj_pairing_null *null, nj_error *err)
{
    variety v;
    const uint32_t count =
        p->sample->count < NJ_PAIRING_FEWER ? p->sample->count : NJ_PAIRING_FEWER;
    const double loss = compute_loss(p, p->codes, count);
    nj_status status = NJ_OK;
    for (uint32_t i = 0; i < NJ_PAIRING_MORE_MAPS && null->beaten && status == NJ_OK; i++) {
        status = make(p, &v, err);
        null->beaten = status == NJ_OK && loss < compute_loss(p, p->other, count);
        null->map_count++;
    }
    return status;
}

static nj_status try_null(probe *p, map_maker make, double loss, nj_pairing_null *null,
                          nj_error *err)
{
    variety v = {0};
    for (size_t i = 0; i < NJ_PAIRING_MAPS; i++) {
        nj_status status = make(p, &v, err);
        if (status != NJ_OK || v.bits < NJ_PAIRING_WAYS_BITS_MIN) {
            return status;
        }
        null->loss[i] = compute_loss(p, p->other, p->sample->count);
    }
    null->tried = true;
    summarise_null(loss, null);
    const bool clear = v.many && null->deviations >= NJ_PAIRING_DEVIATIONS;
    return null->beaten && !clear ? try_more_maps(p, make, null, err) : NJ_OK;
}

static nj_status measure(probe *p, nj_pairing *out, nj_error *err)
{
    out->loss = compute_loss(p, p->codes, p->sample->count);
    nj_status status = try_null(p, deal_anew, out->loss, &out->dealt, err);
    if (status == NJ_OK && (out->dealt.beaten || !out->dealt.tried)) {
        status = try_null(p, rename_codes, out->loss, &out->renamed, err);
    }
    return status;
}

// ---- the probe ----

static nj_status open_scratch(probe *p, const nj_pairing_sample *sample, nj_error *err)
{
    const nj_pairing_request *request = p->request;
    const uint32_t L = request->sids->level_count;
    const size_t items = nj_min_size(NJ_PAIRING_ITEMS_MAX, request->history_max);
    const size_t S = nj_template_tokens_max(request->template, L, items);
    p->sample = malloc(sizeof *p->sample);
    p->used = calloc(ROWS_MAX, sizeof *p->used);
    p->codes = calloc(ROWS_MAX * L, sizeof *p->codes);
    p->other = calloc(ROWS_MAX * L, sizeof *p->other);
    p->taken = calloc(request->sids->row_count / 8 + 1, sizeof *p->taken);
    p->order = calloc(NJ_CODES_MAX, sizeof *p->order);
    p->tokens = calloc(NJ_FORCED_BATCH * S, sizeof *p->tokens);
    p->targets = calloc((size_t)NJ_FORCED_BATCH * L, sizeof *p->targets);
    p->scores = calloc((size_t)NJ_FORCED_BATCH * L, sizeof *p->scores);
    if (p->sample == NULL || p->used == NULL || p->codes == NULL || p->other == NULL ||
        p->taken == NULL || p->order == NULL || p->tokens == NULL || p->targets == NULL ||
        p->scores == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to score %u transitions", sample->count);
    }
    memcpy(p->sample, sample, sizeof *sample);
    return nj_forced_open(request->config, request->weights, (uint32_t)S, L, &p->forced, err);
}

static void close_probe(probe *p)
{
    nj_forced_close(&p->forced);
    free(p->sample);
    free(p->used);
    free(p->codes);
    free(p->other);
    free(p->taken);
    free(p->order);
    free(p->tokens);
    free(p->targets);
    free(p->scores);
}

nj_status nj_pairing_probe(const nj_pairing_request *request, const nj_pairing_sample *sample,
                           nj_pairing *out, nj_error *err)
{
    nj_pairing pairing = {.transitions = sample->count};
    probe p = {.request = request, .random = SEED};
    nj_status status = NJ_OK;
    if (sample->count >= NJ_PAIRING_TRANSITIONS_MIN) {
        status = open_scratch(&p, sample, err);
        if (status == NJ_OK) {
            number_rows(&p);
            status = measure(&p, &pairing, err);
        }
    }
    close_probe(&p);
    if (status == NJ_OK) {
        *out = pairing;
    }
    return status;
}

static nj_status refuse(const nj_pairing *pairing, const nj_pairing_null *null, const char *what,
                        nj_error *err)
{
    return nj_fail(err, NJ_REFUSED,
                   "the model does not know these SIDs: over %u held-out transitions its loss is "
                   "%.3f nats an item; with %s it is %.3f on average (%u were tried; the "
                   "loss must lie below each, and %.0f %% below their average). Give the catalogue "
                   "that the model was trained on, or --no-pairing-check",
                   pairing->transitions, pairing->loss, what, null->mean, null->map_count,
                   (1.0 - NJ_PAIRING_SHARE_MAX) * 100.0);
}

nj_status nj_pairing_check(const nj_pairing *pairing, nj_error *err)
{
    if (pairing->dealt.tried && !pairing->dealt.beaten) {
        return refuse(pairing, &pairing->dealt, "its SIDs dealt out to other items", err);
    }
    if (pairing->renamed.tried && !pairing->renamed.beaten) {
        return refuse(pairing, &pairing->renamed, "its codes renamed", err);
    }
    return NJ_OK;
}
