// kernels_activations.inc.c - what stands between two products: nj_tanh, nj_gelu, nj_gelu_erf and nj_silu of vecmath.h, operation by operation. Part of
// kernels_vector.inc.c, whose vec_ operations, exp_vec, load_first and store_first it uses.

static inline vec tanh_vec(vec x)
{
    vec one = vec_set(1.0f);
    vec magnitude = vec_min(vec_set(NJ_TANH_MAX), vec_abs(x));
    vec square = vec_mul(magnitude, magnitude);
    vec p = vec_fma(vec_set(NJ_TANH_P4), square, vec_set(NJ_TANH_P3));
    p = vec_fma(p, square, vec_set(NJ_TANH_P2));
    p = vec_fma(p, square, vec_set(NJ_TANH_P1));
    p = vec_fma(p, square, vec_set(NJ_TANH_P0));
    vec small = vec_fma(vec_mul(p, square), magnitude, magnitude);
    vec divisor = vec_add(exp_vec(vec_add(magnitude, magnitude)), one);
    vec large = vec_sub(one, vec_div(vec_set(2.0f), divisor));
    return vec_copysign(vec_select_less(magnitude, vec_set(NJ_TANH_SMALL), small, large), x);
}

static inline vec gelu_vec(vec x)
{
    vec one = vec_set(1.0f);
    vec inner = vec_mul(x, vec_fma(vec_set(NJ_GELU_CUBIC), vec_mul(x, x), one));
    vec t = tanh_vec(vec_mul(vec_set(NJ_GELU_SLOPE), inner));
    return vec_mul(vec_mul(vec_set(0.5f), x), vec_add(one, t));
}

static inline vec gelu_erf_vec(vec x)
{
    vec magnitude = vec_abs(x);
    vec t = vec_min(vec_set(NJ_TAIL_MAX), magnitude);
    vec p = vec_fma(vec_set(NJ_TAIL_P7), t, vec_set(NJ_TAIL_P6));
    p = vec_fma(p, t, vec_set(NJ_TAIL_P5));
    p = vec_fma(p, t, vec_set(NJ_TAIL_P4));
    p = vec_fma(p, t, vec_set(NJ_TAIL_P3));
    p = vec_fma(p, t, vec_set(NJ_TAIL_P2));
    p = vec_fma(p, t, vec_set(NJ_TAIL_P1));
    p = vec_fma(p, t, vec_set(NJ_TAIL_P0));
    vec exponent = vec_sub(vec_set(-0.0f), vec_mul(magnitude, p));
    vec beyond = vec_mul(vec_mul(vec_set(0.5f), x), exp_vec(exponent));
    return vec_select_less(x, vec_set(0.0f), beyond, vec_sub(x, beyond));
}

static inline vec silu_vec(vec x)
{
    vec divisor = vec_add(vec_set(1.0f), exp_vec(vec_sub(vec_set(-0.0f), x)));
    return vec_div(x, divisor);
}

static void vector_relu(size_t rows, size_t columns, float *X, size_t ldx)
{
    for (size_t r = 0; r < rows; r++) {
        float *row = X + r * ldx;
        for (size_t i = 0; i < columns; i += VEC_FLOATS) {
            vec x = load_first(row + i, columns - i, 0.0f);
            store_first(row + i, columns - i, vec_max(vec_set(0.0f), x));
        }
    }
}

static void vector_gated_gelu(size_t rows, size_t columns, float *X, size_t ldx, const float *gate,
                              size_t ldg)
{
    for (size_t r = 0; r < rows; r++) {
        float *row = X + r * ldx;
        for (size_t i = 0; i < columns; i += VEC_FLOATS) {
            vec x = load_first(row + i, columns - i, 0.0f);
            vec g = load_first(gate + r * ldg + i, columns - i, 0.0f);
            store_first(row + i, columns - i, vec_mul(gelu_vec(x), g));
        }
    }
}

static void vector_gated_silu(size_t rows, size_t columns, float *X, size_t ldx, const float *gate,
                              size_t ldg)
{
    for (size_t r = 0; r < rows; r++) {
        float *row = X + r * ldx;
        for (size_t i = 0; i < columns; i += VEC_FLOATS) {
            vec x = load_first(row + i, columns - i, 0.0f);
            vec g = load_first(gate + r * ldg + i, columns - i, 0.0f);
            store_first(row + i, columns - i, vec_mul(silu_vec(x), g));
        }
    }
}

static void vector_bias_gelu(size_t rows, size_t columns, const float *bias, float *X, size_t ldx)
{
    for (size_t r = 0; r < rows; r++) {
        float *row = X + r * ldx;
        for (size_t i = 0; i < columns; i += VEC_FLOATS) {
            vec x = load_first(row + i, columns - i, 0.0f);
            vec b = load_first(bias + i, columns - i, 0.0f);
            store_first(row + i, columns - i, gelu_erf_vec(vec_add(x, b)));
        }
    }
}
