// kernels_nearest.inc.c - what a search for the nearest of many rows does besides its products; included by kernels_vector.inc.c.

#define SCREEN_VECS 4 // registers whose sums run side by side

// `vecs` whole registers; returns the least so far, passing over NaN.
static inline __attribute__((always_inline)) vec screen_vecs(size_t vecs, const float *products,
                                                             const float *const *terms,
                                                             size_t term_count, size_t first,
                                                             float *scores, vec least)
{
    vec score[SCREEN_VECS];
    UNROLL
    for (size_t v = 0; v < vecs; v++) {
        size_t i = first + v * VEC_FLOATS;
        vec product = vec_load(products + i);
        score[v] = vec_sub(vec_load(terms[0] + i), vec_add(product, product));
    }
    for (size_t t = 1; t < term_count; t++) {
        const float *term = terms[t] + first;
        UNROLL
        for (size_t v = 0; v < vecs; v++) {
            score[v] = vec_add(score[v], vec_load(term + v * VEC_FLOATS));
        }
    }
    UNROLL
    for (size_t v = 0; v < vecs; v++) {
        vec_store(scores + first + v * VEC_FLOATS, score[v]);
        least = vec_min(score[v], least);
    }
    return least;
}

static float vector_screen(size_t n, const float *products, const float *const *terms,
                           size_t term_count, float *scores)
{
    vec least = vec_set(INFINITY);
    size_t i = 0;
    for (; i + SCREEN_VECS * VEC_FLOATS <= n; i += SCREEN_VECS * VEC_FLOATS) {
        least = screen_vecs(SCREEN_VECS, products, terms, term_count, i, scores, least);
    }
    for (; i + VEC_FLOATS <= n; i += VEC_FLOATS) {
        least = screen_vecs(1, products, terms, term_count, i, scores, least);
    }
    if (i < n) {
        // Behind the end inf - 0 + 0 stays above everything.
        vec product = vec_load_part(products + i, n - i, 0.0f);
        vec score =
            vec_sub(vec_load_part(terms[0] + i, n - i, INFINITY), vec_add(product, product));
        for (size_t t = 1; t < term_count; t++) {
            score = vec_add(score, vec_load_part(terms[t] + i, n - i, 0.0f));
        }
        vec_store_part(scores + i, n - i, score);
        least = vec_min(score, least);
    }
    return -vec_top(vec_sub(vec_set(0.0f), least));
}

static size_t vector_find_not_above(size_t n, const float *values, float limit, uint32_t *out)
{
    size_t count = 0;
    size_t end;
    for (size_t i = 0; i < n; i = end) {
        end = nj_min_size(i + VEC_FLOATS, n);
        if (end - i == VEC_FLOATS && !vec_any_not_above(vec_load(values + i), vec_set(limit))) {
            continue;
        }
        for (size_t k = i; k < end; k++) {
            if (!(values[k] > limit)) {
                out[count++] = (uint32_t)k;
            }
        }
    }
    return count;
}

// One step of LANES columns; the compiler makes registers of it.
static inline __attribute__((always_inline)) void
add_squares(const double *a, const float *b, bool store, double *out, double lane[LANES])
{
    UNROLL
    for (size_t j = 0; j < LANES; j++) {
        double difference = a[j] - (double)b[j];
        lane[j] += difference * difference;
        if (store) {
            out[j] = difference;
        }
    }
}

static inline __attribute__((always_inline)) double
subtract_rows(size_t n, const double *a, const float *b, bool store, double *out)
{
    double lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        add_squares(a + i, b + i, store, store ? out + i : NULL, lane);
    }
    for (size_t j = 0; i + j < n; j++) {
        double difference = a[i + j] - (double)b[i + j];
        lane[j] += difference * difference;
        if (store) {
            out[i + j] = difference;
        }
    }
    for (size_t half = LANES / 2; half > 0; half /= 2) {
        for (size_t j = 0; j < half; j++) {
            lane[j] += lane[j + half];
        }
    }
    return lane[0];
}

static double vector_difference(size_t n, const double *a, const float *b, double *out)
{
    return out != NULL ? subtract_rows(n, a, b, true, out) : subtract_rows(n, a, b, false, NULL);
}
