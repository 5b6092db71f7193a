// kernels_int8.inc.c - what all fast sets of the class "int8" share: rows and weights as int8.h says. Included after `code` and
// `weight_code` are known and the registers' operations are there:
//   floats, FLOATS               a register of floats, how many it holds
//   floats_set, _load_first      one value in all lanes; the first `count` lanes from memory, the rest `fill`
//   floats_min, _max, _sub, _mul, _fma   one rounding each
//   floats_fold, floats_any_nan          the least lane of one and the greatest of another
//   store_codes(codes, x)        the nearest whole numbers of LINE_BYTES / sizeof(code) lanes, halves to even, as codes; NaN as 0
#include "common/base/checked.h"
#include "common/math/int8.h"

#define SEGMENT NJ_INT8_SEGMENT
#define LINE_CODES (LINE_BYTES / sizeof(code))
#define LINE_VECS (LINE_CODES / FLOATS)

typedef nj_int8_row row_scale;

// Behind the codes of a panel.
typedef struct {
    float scale[PANEL];
    float sum[PANEL];
} panel_scales;

#define SCALES_BYTES sizeof(panel_scales)

static inline nj_int8_row measure_row(size_t K, const float *x)
{
    if (K == 0) {
        return (nj_int8_row){0};
    }
    floats least = floats_set(x[0]);
    floats greatest = least;
    floats nothing = floats_set(0.0f); // times finite values: stays 0
    for (size_t k = 0; k < K; k += FLOATS) {
        floats value = floats_load_first(x + k, K - k, x[0]);
        least = floats_min(least, value);
        greatest = floats_max(greatest, value);
        nothing = floats_fma(value, floats_set(0.0f), nothing);
    }
    float low;
    float high;
    floats_fold(least, greatest, &low, &high);
    return nj_int8_row_from(low, high, !floats_any_nan(nothing));
}

static inline nj_int8_row encode_row(size_t K, size_t padded, const float *x, code *codes)
{
    nj_int8_row row = measure_row(K, x);
    floats low = floats_set(row.low);
    floats inverse = floats_set(row.inverse);
    for (size_t k = 0; k < padded; k += LINE_CODES) {
        floats value[LINE_VECS];
        for (size_t v = 0; v < LINE_VECS; v++) {
            size_t at = k + v * FLOATS;
            value[v] = at < K ? floats_load_first(x + at, K - at, row.low) : low;
            value[v] = floats_mul(floats_sub(value[v], low), inverse);
        }
        store_codes(codes + k, value);
    }
    return row;
}

static void encode_panel(size_t columns, size_t K, size_t padded, const float *weight, size_t ld,
                         uint8_t *out)
{
    enum { GROUP_CODES = GROUP_BYTES / sizeof(weight_code) };
    int8_t rounded[SEGMENT];
    weight_code *codes = (void *)out;
    panel_scales *scales = (void *)(out + padded / GROUP_CODES * LINE_BYTES);
    memset(out, 0, padded / GROUP_CODES * LINE_BYTES + sizeof *scales);
    for (size_t n = 0; n < columns; n++) {
        nj_int8_output output = nj_int8_round_weights(K, weight + n * ld, rounded, 1);
        scales->scale[n] = output.scale;
        scales->sum[n] = output.sum;
        for (size_t k = 0; k < K; k++) {
            codes[k / GROUP_CODES * PANEL * GROUP_CODES + n * GROUP_CODES + k % GROUP_CODES] =
                rounded[k];
        }
    }
}
