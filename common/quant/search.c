#include <float.h>
#include <math.h>

#include "common/quant/encoder_parts.h"

#define UNIT_FLOAT ((double)FLT_EPSILON / 2)
#define UNIT_DOUBLE (DBL_EPSILON / 2)

// Below this bound on |c|^2 + 2|r||c| no float32 sum of the product can overflow; above it every row is a candidate.
#define SCREEN_MAX ((double)FLT_MAX / 16)

// The square is summed in float32: n terms, each of which may also have lost what is below the smallest float.
double nj_measure_length(const nj_kernels *kernels, const float *v, size_t n)
{
    float square;
    kernels->head_scores(1, 1, n, v, &v, &square, 1);
    double lost = (double)n * (double)FLT_TRUE_MIN;
    return sqrt(((double)square + lost) * (1.0 + 2.0 * (double)(n + 2) * UNIT_FLOAT));
}

// With u = 2^-24, C the longest |c|, R the length of what was multiplied and, with tables, of the rows chosen before, and t terms:
//   products of D terms in any order, with or without FMA, of rows that may have been rounded     (D + 2) u R C, doubled by the factor 2
//   the norm, rounded to float32, and its sum with a table                                        u (2 C^2 + 2 R C)
//   the t steps of the score                                                                      t u (C^2 + 2 R C)
// and what is lost below the smallest float. Doubled again for the second-order terms that this list leaves out.
//
// Float64 is off as well: its residual by a rounding a level, its distance by the sum over D. Codes are those of float64, so its
// own error counts too, although it matters only where |c| is 2^-30 of |x|.
double nj_bound_score(const nj_encoder *encoder, uint32_t level, const nj_search *search)
{
    const nj_level_index *index = &encoder->levels[level];
    double D = (double)index->width;
    double t = (double)search->term_count;
    double C = index->norm_max;
    double R = search->length + (encoder->has_tables ? index->before : 0.0);
    if (!(C * (C + 2.0 * R) < SCREEN_MAX)) {
        return INFINITY;
    }
    double first_order = UNIT_FLOAT * ((2.0 * D + 2.0 * t + 6.0) * R * C + (t + 3.0) * C * C);
    double vanished = 4.0 * (D + 1.0) * (t + 1.0) * (double)FLT_TRUE_MIN;
    double whole = search->whole + index->before + C;
    return 2.0 * (first_order + vanished) + (D + 32.0) * UNIT_DOUBLE * whole * whole;
}

float nj_limit_from(double limit)
{
    return nextafterf((float)limit, INFINITY);
}

void nj_leave_exact(nj_encoder *encoder, const float *x, const uint16_t *codes, uint32_t level)
{
    const nj_codebooks *codebooks = &encoder->codebooks;
    const nj_level_index *index = &encoder->levels[level];
    for (size_t d = 0; d < index->width; d++) {
        encoder->exact[d] = (double)x[index->first_column + d];
    }
    for (uint32_t l = 0; codebooks->kind == NJ_QUANT_RESIDUAL && l < level; l++) {
        const float *row = codebooks->vectors[l] + codes[l] * codebooks->D;
        encoder->kernels->difference(codebooks->D, encoder->exact, row, encoder->exact);
    }
}

// Compares `count` candidates, in ascending order, by their float64 distance.
static size_t choose_nearest(nj_encoder *encoder, uint32_t level, const nj_search *search,
                             size_t count)
{
    size_t width = encoder->levels[level].width;
    const float *rows = encoder->codebooks.vectors[level] + search->first_row * width;
    nj_leave_exact(encoder, search->x, search->codes, level);
    size_t best = encoder->found[0];
    double least = INFINITY;
    for (size_t i = 0; i < count; i++) {
        const float *row = rows + encoder->found[i] * width;
        double square = encoder->kernels->difference(width, encoder->exact, row, NULL);
        if (square < least) {
            least = square;
            best = encoder->found[i];
        }
    }
    return best;
}

size_t nj_find_nearest(nj_encoder *encoder, uint32_t level, const nj_search *search)
{
    const nj_kernels *kernels = encoder->kernels;
    float least = kernels->screen(search->count, search->products, search->terms,
                                  search->term_count, encoder->scores);
    double limit = (double)least + 2.0 * nj_bound_score(encoder, level, search);
    size_t count = kernels->find_not_above(search->count, encoder->scores, nj_limit_from(limit),
                                           encoder->found);
    return count == 1 ? encoder->found[0] : choose_nearest(encoder, level, search, count);
}
