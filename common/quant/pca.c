#include "common/quant/pca.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    size_t D;
    double *a;        // [D, D] the matrix; behind the reduction its rows hold the reflections
    double *z;        // [D, D] rows become eigenvectors
    double *diagonal; // [D]
    double *beside;   // [D] beside[i] couples i and i + 1; the last is 0
    double *scratch;  // [D]
} problem;

static double dot(const double *x, const double *y, size_t n)
{
    double lanes[4] = {0};
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        for (size_t j = 0; j < 4; j++) {
            lanes[j] += x[i + j] * y[i + j];
        }
    }
    for (; i < n; i++) {
        lanes[0] += x[i] * y[i];
    }
    return (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
}

static void add_scaled(double factor, const double *x, double *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] += factor * x[i];
    }
}

// ---- to a tridiagonal matrix ----

// v [n] becomes the reflection I - v v^T (|v|^2 = 2, or 0) that leaves only the first element of v; returns that element.
static double make_reflection(double *v, size_t n)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++) {
        double size = fabs(v[i]);
        largest = size > largest ? size : largest;
    }
    bool is_done = true;
    for (size_t i = 1; i < n && is_done; i++) {
        is_done = v[i] == 0;
    }
    if (is_done) {
        double first = n > 0 ? v[0] : 0;
        memset(v, 0, n * sizeof *v);
        return first;
    }
    for (size_t i = 0; i < n; i++) {
        v[i] /= largest;
    }
    double length = sqrt(dot(v, v, n));
    double left = v[0] > 0 ? -length : length;
    v[0] -= left;
    double factor = sqrt(2 / dot(v, v, n));
    for (size_t i = 0; i < n; i++) {
        v[i] *= factor;
    }
    return left * largest;
}

// B = (I - v v^T) B (I - v v^T) for the symmetric [n, n] block at `b`, whose rows are D apart.
static void reflect_block(double *b, size_t D, size_t n, const double *v, double *p)
{
    for (size_t i = 0; i < n; i++) {
        p[i] = dot(b + i * D, v, n);
    }
    double half = dot(p, v, n) / 2;
    for (size_t i = 0; i < n; i++) {
        p[i] -= half * v[i];
    }
    for (size_t i = 0; i < n; i++) {
        add_scaled(-v[i], p, b + i * D, n);
        add_scaled(-p[i], v, b + i * D, n);
    }
}

// Row k of `a` keeps reflection k from its column k + 1 on.
static void reduce(problem *p)
{
    const size_t D = p->D;
    for (size_t k = 0; k + 1 < D; k++) {
        double *v = p->a + k * D + k + 1;
        const size_t n = D - k - 1;
        p->diagonal[k] = p->a[k * D + k];
        p->beside[k] = make_reflection(v, n);
        reflect_block(p->a + (k + 1) * D + k + 1, D, n, v, p->scratch);
    }
    p->diagonal[D - 1] = p->a[D * D - 1];
    p->beside[D - 1] = 0;
}

// Rows of z become the axes of the tridiagonal matrix: all reflections, the last first.
static void begin_axes(problem *p)
{
    const size_t D = p->D;
    memset(p->z, 0, D * D * sizeof *p->z);
    for (size_t i = 0; i < D; i++) {
        p->z[i * D + i] = 1;
    }
    for (size_t k = D - 1; k-- > 0;) {
        const double *v = p->a + k * D + k + 1;
        for (size_t i = k + 1; i < D; i++) {
            double *row = p->z + i * D + k + 1;
            add_scaled(-dot(row, v, D - k - 1), v, row, D - k - 1);
        }
    }
}

// ---- to a diagonal one ----

static double hypotenuse(double a, double b)
{
    double large = fabs(a) > fabs(b) ? fabs(a) : fabs(b);
    double small = fabs(a) > fabs(b) ? fabs(b) : fabs(a);
    if (large == 0) {
        return 0;
    }
    double ratio = small / large;
    return large * sqrt(1 + ratio * ratio);
}

// Rows i and i + 1 of z turn by the angle (cosine, sine).
static void turn_rows(problem *p, size_t i, double cosine, double sine)
{
    double *x = p->z + i * p->D;
    double *y = x + p->D;
    for (size_t d = 0; d < p->D; d++) {
        double below = y[d];
        y[d] = sine * x[d] + cosine * below;
        x[d] = cosine * x[d] - sine * below;
    }
}

// The first row at or behind `first` that is not coupled to the next.
static size_t find_end(const problem *p, size_t first)
{
    size_t end = first;
    while (end + 1 < p->D) {
        double sizes = fabs(p->diagonal[end]) + fabs(p->diagonal[end + 1]);
        if (fabs(p->beside[end]) <= DBL_EPSILON * sizes) {
            break;
        }
        end++;
    }
    return end;
}

// One QL step with a shift from the upper end of rows first .. end.
static void step_ql(problem *p, size_t first, size_t end)
{
    double *d = p->diagonal;
    double *e = p->beside;
    double half = (d[first + 1] - d[first]) / (2 * e[first]);
    double root = hypotenuse(half, 1);
    double g = d[end] - d[first] + e[first] / (half + (half >= 0 ? root : -root));
    double sine = 1;
    double cosine = 1;
    double taken = 0;
    for (size_t i = end; i-- > first;) {
        double f = sine * e[i];
        double b = cosine * e[i];
        double r = hypotenuse(f, g);
        e[i + 1] = r;
        if (r == 0) { // the matrix has parted here
            d[i + 1] -= taken;
            e[end] = 0;
            return;
        }
        sine = f / r;
        cosine = g / r;
        g = d[i + 1] - taken;
        r = (d[i] - g) * sine + 2 * cosine * b;
        taken = sine * r;
        d[i + 1] = g + taken;
        g = cosine * r - b;
        turn_rows(p, i, cosine, sine);
    }
    d[first] -= taken;
    e[first] = g;
    e[end] = 0;
}

static nj_status diagonalise(problem *p, nj_error *err)
{
    for (size_t first = 0; first < p->D; first++) {
        size_t end = find_end(p, first);
        for (int step = 0; end != first; step++) {
            if (step == NJ_PCA_STEPS_MAX) {
                return nj_fail(err, NJ_FAILED,
                               "principal component %zu of %zu has not settled in %d steps", first,
                               p->D, NJ_PCA_STEPS_MAX);
            }
            step_ql(p, first, end);
            end = find_end(p, first);
        }
    }
    return NJ_OK;
}

// ---- the whole ----

static void write_axis(const problem *p, size_t row, float *out)
{
    const double *axis = p->z + row * p->D;
    size_t largest = 0;
    for (size_t d = 1; d < p->D; d++) {
        largest = fabs(axis[d]) > fabs(axis[largest]) ? d : largest;
    }
    const double sign = axis[largest] < 0 ? -1 : 1;
    for (size_t d = 0; d < p->D; d++) {
        out[d] = (float)(sign * axis[d]);
    }
}

// Takes the largest eigenvalue that is left, `count` times; of equal ones the first.
static void write_axes(problem *p, size_t count, double *values, float *vectors)
{
    for (size_t k = 0; k < count; k++) {
        size_t best = 0;
        for (size_t i = 1; i < p->D; i++) {
            best = p->diagonal[i] > p->diagonal[best] ? i : best;
        }
        values[k] = p->diagonal[best];
        write_axis(p, best, vectors + k * p->D);
        p->diagonal[best] = -INFINITY;
    }
}

nj_status nj_pca_axes(double *matrix, size_t D, size_t count, double *values, float *vectors,
                      nj_error *err)
{
    problem p = {.D = D, .a = matrix};
    p.z = malloc(D * D * sizeof *p.z);
    p.diagonal = malloc(D * sizeof *p.diagonal);
    p.beside = malloc(D * sizeof *p.beside);
    p.scratch = malloc(D * sizeof *p.scratch);
    nj_status status = NJ_OK;
    if (p.z == NULL || p.diagonal == NULL || p.beside == NULL || p.scratch == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory for principal components of width %zu", D);
    }
    if (status == NJ_OK) {
        reduce(&p);
        begin_axes(&p);
        status = diagonalise(&p, err);
    }
    if (status == NJ_OK) {
        write_axes(&p, count, values, vectors);
    }
    free(p.z);
    free(p.diagonal);
    free(p.beside);
    free(p.scratch);
    return status;
}
