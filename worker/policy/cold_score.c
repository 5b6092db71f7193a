// cold_score.c - a batch of users against all cold items.
#include <math.h>
#include <string.h>

#include "common/base/checked.h"
#include "worker/policy/cold_parts.h"

typedef struct {
    float cosine;
    uint32_t item; // of the pool
} scored;

// The best of one user so far, best first.
typedef struct {
    scored *items; // [most]
    uint32_t count;
} shortlist;

typedef struct {
    const nj_cold *cold;
    uint32_t most;    // of a shortlist
    double *sum;      // [D]
    float *row;       // [D]
    float *negated;   // [B, D] of users' vectors: what is best is then what lies lowest
    float *products;  // [B, NJ_COLD_BLOCK]
    uint32_t *found;  // [NJ_COLD_BLOCK]
    shortlist *lists; // [B]
} work;

static uint32_t shortlist_most(const nj_cold *cold)
{
    const size_t most = cold->inputs.policy->cold_places + (size_t)NJ_COLD_SPARE;
    return (uint32_t)nj_min_size(most, cold->scored_count);
}

// ---- memory ----

static size_t cost(size_t a, size_t b, size_t element)
{
    size_t count;
    size_t bytes;
    return nj_mul_size(a, b, &count) && nj_mul_size(count, element, &bytes) ? nj_arena_cost(bytes)
                                                                            : SIZE_MAX;
}

size_t nj_cold_scratch_bytes(const nj_cold *cold, uint32_t B)
{
    if (cold->scored_count == 0) {
        return 0;
    }
    const size_t D = cold->inputs.vectors->width;
    const size_t most = shortlist_most(cold);
    const size_t parts[] = {cost(B, D, sizeof(float)),
                            cost(B, most, sizeof(nj_candidate)),
                            cost(D, 1, sizeof(double)),
                            cost(D, 1, sizeof(float)),
                            cost(B, D, sizeof(float)),
                            cost(B, NJ_COLD_BLOCK, sizeof(float)),
                            cost(NJ_COLD_BLOCK, 1, sizeof(uint32_t)),
                            cost(B, 1, sizeof(shortlist)),
                            cost(B, most, sizeof(scored))};
    size_t bytes = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (!nj_add_size(bytes, parts[i], &bytes)) {
            return SIZE_MAX;
        }
    }
    return bytes;
}

static void take_work(const nj_cold *cold, uint32_t B, nj_arena *arena, work *w)
{
    const size_t D = cold->inputs.vectors->width;
    w->cold = cold;
    w->most = shortlist_most(cold);
    w->sum = nj_arena_take(arena, D * sizeof *w->sum);
    w->row = nj_arena_take(arena, D * sizeof *w->row);
    w->negated = nj_arena_take(arena, B * D * sizeof *w->negated);
    w->products = nj_arena_take(arena, (size_t)B * NJ_COLD_BLOCK * sizeof *w->products);
    w->found = nj_arena_take(arena, NJ_COLD_BLOCK * sizeof *w->found);
    w->lists = nj_arena_take(arena, B * sizeof *w->lists);
    scored *items = nj_arena_take(arena, (size_t)B * w->most * sizeof *items);
    for (uint32_t b = 0; b < B; b++) {
        w->lists[b] = (shortlist){items + (size_t)b * w->most, 0};
    }
}

// ---- a user's vector ----

// The faded sum of the history's vectors, brought to length 1. False: it has no direction.
static bool make_vector(const work *w, const nj_cold_user *user, float *vector)
{
    const nj_item_vectors *vectors = w->cold->inputs.vectors;
    const double fading = (double)w->cold->inputs.policy->cold_fading;
    double weight = 1;
    double square = 0;
    memset(w->sum, 0, vectors->width * sizeof *w->sum);
    for (uint32_t i = user->history_count; i-- > 0; weight *= fading) {
        nj_item_vectors_row(vectors, user->history[i], w->row);
        for (uint32_t d = 0; d < vectors->width; d++) {
            w->sum[d] += weight * (double)w->row[d];
        }
    }
    for (uint32_t d = 0; d < vectors->width; d++) {
        square += w->sum[d] * w->sum[d];
    }
    const double length = sqrt(square);
    for (uint32_t d = 0; d < vectors->width && length > 0; d++) {
        vector[d] = (float)(w->sum[d] / length);
    }
    return length > 0;
}

// ---- the best ----

static bool is_better(const nj_cold *cold, const scored *a, const scored *b)
{
    return a->cosine > b->cosine ||
           (a->cosine == b->cosine && cold->rows[a->item] < cold->rows[b->item]);
}

static void offer(const work *w, const nj_exclusions *exclusions, shortlist *list, scored item)
{
    const bool is_full = list->count == w->most;
    if ((is_full && !is_better(w->cold, &item, &list->items[list->count - 1])) ||
        nj_excluded(exclusions, w->cold->rows[item.item])) {
        return;
    }
    uint32_t at = is_full ? list->count - 1 : list->count++;
    for (; at > 0 && is_better(w->cold, &item, &list->items[at - 1]); at--) {
        list->items[at] = list->items[at - 1];
    }
    list->items[at] = item;
}

// The items of a block that may still enter the list. Products are of the negated vector.
static void offer_block(const work *w, const nj_exclusions *exclusions, uint32_t block,
                        const float *products, shortlist *list)
{
    const uint32_t first = block * NJ_COLD_BLOCK;
    const size_t items = nj_min_size(NJ_COLD_BLOCK, w->cold->scored_count - first);
    const float least = list->count == w->most ? list->items[list->count - 1].cosine
                                               : w->cold->inputs.policy->cold_least;
    const size_t found = w->cold->inputs.kernels->find_not_above(items, products, -least, w->found);
    for (size_t i = 0; i < found; i++) {
        const uint32_t k = w->found[i];
        offer(w, exclusions, list, (scored){0 - products[k], w->cold->scored[first + k]});
    }
}

static void score_blocks(const work *w, const nj_cold_user *users, uint32_t B,
                         const nj_cold_choice *choices)
{
    const nj_cold *cold = w->cold;
    const size_t D = cold->inputs.vectors->width;
    const float *vectors = cold->blocks;
    for (uint32_t block = 0; block < nj_cold_block_count(cold->scored_count); block++) {
        const size_t columns = nj_cold_block_columns(cold->scored_count, block);
        cold->inputs.kernels->matmul_nn(B, columns, D, w->negated, D, vectors, columns, w->products,
                                        NJ_COLD_BLOCK);
        for (uint32_t b = 0; b < B; b++) {
            if (choices[b].vector != NULL) {
                offer_block(w, users[b].exclusions, block, w->products + (size_t)b * NJ_COLD_BLOCK,
                            &w->lists[b]);
            }
        }
        vectors += D * columns;
    }
}

static void tell_choice(const nj_cold *cold, const shortlist *list, nj_candidates *out)
{
    for (uint32_t i = 0; i < list->count; i++) {
        const scored *item = &list->items[i];
        out->items[i] = (nj_candidate){.row = cold->rows[item->item],
                                       .leaf = cold->leaves[item->item],
                                       .score = item->cosine,
                                       .source = NJ_SOURCE_COLD,
                                       .raw = item->cosine};
    }
    out->count = list->count;
}

void nj_cold_begin(const nj_cold *cold, const nj_cold_user *users, uint32_t B, nj_arena *arena,
                   nj_cold_choice *out)
{
    work w;
    if (cold->scored_count == 0) {
        memset(out, 0, B * sizeof *out);
        return;
    }
    const size_t D = cold->inputs.vectors->width;
    const uint32_t most = shortlist_most(cold);
    float *vectors = nj_arena_take(arena, B * D * sizeof *vectors);
    nj_candidate *items = nj_arena_take(arena, (size_t)B * most * sizeof *items);
    const size_t mark = nj_arena_mark(arena);
    take_work(cold, B, arena, &w);
    for (uint32_t b = 0; b < B; b++) {
        float *vector = vectors + b * D;
        const bool has_vector = make_vector(&w, &users[b], vector);
        for (size_t d = 0; d < D; d++) {
            w.negated[b * D + d] = has_vector ? -vector[d] : 0;
        }
        out[b] = (nj_cold_choice){{items + (size_t)b * most, 0, most}, has_vector ? vector : NULL};
    }
    score_blocks(&w, users, B, out);
    for (uint32_t b = 0; b < B; b++) {
        tell_choice(cold, &w.lists[b], &out[b].best);
    }
    nj_arena_rewind(arena, mark);
}

// ---- places ----

// The same chain as an element of the product.
static float find_cosine(const nj_item_vectors *vectors, const float *user, uint32_t row)
{
    const size_t first = (size_t)row * vectors->width;
    float sum = 0;
    for (uint32_t d = 0; d < vectors->width; d++) {
        const float value =
            vectors->f32 != NULL ? vectors->f32[first + d] : nj_f32_of_f16(vectors->f16[first + d]);
        sum = fmaf(user[d], value, sum);
    }
    return sum;
}

bool nj_cold_displaces(const nj_cold *cold, const nj_cold_choice *choice, const nj_candidate *item,
                       const nj_candidate *displaced)
{
    return displaced == NULL ||
           item->raw - find_cosine(cold->inputs.vectors, choice->vector, displaced->row) >=
               cold->inputs.policy->cold_ahead;
}
