#include <math.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/quant/encoder_parts.h"

#define SCAN_COLUMNS 64 // the limit of what is looked at is renewed after so many scores

// ---- the least few, as a heap whose root is the greatest of them ----

static bool is_above(nj_ranked a, nj_ranked b)
{
    return a.value > b.value || (a.value == b.value && a.index > b.index);
}

static void sink_root(nj_ranked *heap, size_t count)
{
    size_t at = 0;
    nj_ranked moved = heap[0];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < count && is_above(heap[child + 1], heap[child])) {
            child++;
        }
        if (child >= count || !is_above(heap[child], moved)) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moved;
}

static void raise_last(nj_ranked *heap, size_t count)
{
    size_t at = count - 1;
    nj_ranked moved = heap[at];
    while (at > 0 && is_above(moved, heap[(at - 1) / 2])) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = moved;
}

// Keeps the `most` least of all that were offered.
static void offer(nj_ranked *heap, size_t *count, size_t most, nj_ranked item)
{
    if (*count < most) {
        heap[(*count)++] = item;
        raise_last(heap, *count);
    } else if (is_above(heap[0], item)) {
        heap[0] = item;
        sink_root(heap, most);
    }
}

// ---- one level ----

// A prefix that is one code longer has a number: its parent's place in the beam times K, plus the code. So numbers ascend with codes.
typedef struct {
    nj_encoder *encoder;
    uint32_t level;
    const nj_search *searches;
    const nj_beam *beam;
    size_t K;
    size_t target;   // prefixes to be kept
    double slack;    // of every energy behind this level
    double least;    // an energy below is sure to be kept
    double greatest; // an energy above is sure to be dropped
} widening;

static double energy_of(const widening *w, uint32_t number)
{
    return w->beam->energies[number / w->K] + (double)w->encoder->scores[number];
}

static void screen_prefixes(const widening *w)
{
    for (uint32_t b = 0; b < w->beam->count; b++) {
        const nj_search *search = &w->searches[b];
        w->encoder->kernels->screen(w->K, search->products, search->terms, search->term_count,
                                    w->encoder->scores + b * w->K);
    }
}

// Offers what prefix b's scores [first, first + count) have below the greatest energy that is kept so far.
static void offer_scores(const widening *w, uint32_t b, size_t first, size_t count, size_t *kept)
{
    nj_ranked *heap = w->encoder->heap;
    float limit = INFINITY;
    if (*kept == w->target) {
        limit = nj_limit_from(heap[0].value - w->beam->energies[b]);
    }
    size_t at = b * w->K + first;
    size_t found = w->encoder->kernels->find_not_above(count, w->encoder->scores + at, limit,
                                                       w->encoder->found);
    for (size_t i = 0; i < found; i++) {
        uint32_t number = (uint32_t)at + w->encoder->found[i];
        offer(heap, kept, w->target, (nj_ranked){energy_of(w, number), number});
    }
}

// The target-th least energy of all. Energies are off by the slack, and so is this.
static double find_threshold(const widening *w)
{
    size_t kept = 0;
    for (uint32_t b = 0; b < w->beam->count; b++) {
        for (size_t first = 0; first < w->K; first += SCAN_COLUMNS) {
            offer_scores(w, b, first, nj_min_size(SCAN_COLUMNS, w->K - first), &kept);
        }
    }
    return w->encoder->heap[0].value;
}

static void set_limits(widening *w)
{
    double widest = 0;
    for (uint32_t b = 0; b < w->beam->count; b++) {
        widest = fmax(widest, nj_bound_score(w->encoder, w->level, &w->searches[b]));
    }
    w->slack = w->beam->slack + widest;
    w->least = -INFINITY;
    w->greatest = INFINITY;
    if (isfinite(w->slack)) {
        double threshold = find_threshold(w);
        w->least = threshold - 2.0 * w->slack;
        w->greatest = threshold + 2.0 * w->slack;
    }
}

// Numbers of all prefixes that are not sure to be dropped go to encoder->found, ascending.
static size_t collect_candidates(const widening *w)
{
    size_t count = 0;
    for (uint32_t b = 0; b < w->beam->count; b++) {
        uint32_t *found = w->encoder->found + count;
        float limit =
            isfinite(w->greatest) ? nj_limit_from(w->greatest - w->beam->energies[b]) : INFINITY;
        size_t more =
            w->encoder->kernels->find_not_above(w->K, w->encoder->scores + b * w->K, limit, found);
        for (size_t i = 0; i < more; i++) {
            found[i] += (uint32_t)(b * w->K);
        }
        count += more;
    }
    return count;
}

// exact_energies[i] of every candidate that is not sure to be kept: its float64 distance. Returns how many are sure.
static size_t measure_candidates(const widening *w, size_t count)
{
    nj_encoder *encoder = w->encoder;
    size_t D = encoder->codebooks.D;
    size_t sure = 0;
    uint32_t left_by = UINT32_MAX; // whose residual encoder->exact is
    for (size_t i = 0; i < count; i++) {
        uint32_t number = encoder->found[i];
        uint32_t b = (uint32_t)(number / w->K);
        if (energy_of(w, number) < w->least) {
            encoder->exact_energies[i] = -INFINITY;
            sure++;
            continue;
        }
        if (b != left_by) {
            nj_leave_exact(encoder, w->searches[b].x, w->searches[b].codes, w->level);
            left_by = b;
        }
        const float *row = encoder->codebooks.vectors[w->level] + number % w->K * D;
        encoder->exact_energies[i] = encoder->kernels->difference(D, encoder->exact, row, NULL);
    }
    return sure;
}

// Cuts the candidates down to the target: those that are sure, and the least of the others.
static void drop_candidates(const widening *w, size_t count)
{
    nj_encoder *encoder = w->encoder;
    size_t wanted = w->target - measure_candidates(w, count);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (encoder->exact_energies[i] >= 0) {
            nj_ranked item = {encoder->exact_energies[i], encoder->found[i]};
            offer(encoder->heap, &kept, wanted, item);
        }
    }
    size_t left = 0;
    for (size_t i = 0; i < count; i++) {
        nj_ranked item = {encoder->exact_energies[i], encoder->found[i]};
        if (item.value < 0 || !is_above(item, encoder->heap[0])) {
            encoder->found[left++] = item.index;
        }
    }
}

// The prefixes whose numbers stand in encoder->found.
static void make_next(const widening *w, nj_beam *next)
{
    size_t L = w->encoder->codebooks.level_count;
    next->count = (uint32_t)w->target;
    next->slack = w->slack;
    next->length = w->beam->length;
    for (size_t i = 0; i < w->target; i++) {
        uint32_t number = w->encoder->found[i];
        uint16_t *codes = next->codes + i * L;
        memcpy(codes, w->beam->codes + number / w->K * L, w->level * sizeof *codes);
        codes[w->level] = (uint16_t)(number % w->K);
        next->energies[i] = energy_of(w, number);
    }
}

void nj_widen_beam(nj_encoder *encoder, uint32_t level, const nj_search *searches, uint32_t target,
                   nj_beam *beam)
{
    if (beam->count == 1 && target == 1) {
        beam->codes[level] = (uint16_t)nj_find_nearest(encoder, level, &searches[0]);
        return;
    }
    widening w = {.encoder = encoder,
                  .level = level,
                  .searches = searches,
                  .beam = beam,
                  .K = searches[0].count};
    w.target = nj_min_size(target, beam->count * w.K);
    screen_prefixes(&w);
    set_limits(&w);
    size_t count = collect_candidates(&w);
    if (count > w.target) {
        drop_candidates(&w, count);
    }
    make_next(&w, &encoder->next);
    nj_beam made = encoder->next;
    encoder->next = *beam;
    *beam = made;
}
