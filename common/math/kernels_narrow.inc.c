// kernels_narrow.inc.c - products with weights packed into one or two bytes: the text that the int8 and bf16 sets share.
//
// The including file defines, partly by kernels_int8_*.inc.c or kernels_bf16.inc.c,
//   code, weight_code      what a value of X and a weight become: 1 or 2 bytes each, the same
//   row_scale              what stands beside the codes of a row of X
//   SCALES_BYTES           what stands behind the codes of a panel: 0 or whole lines
//   SEGMENT                values of K that are one product; more are cut, and accumulated in order
//   encode_row(K, padded, x, codes)                    gives the row_scale; codes behind K become 0
//   encode_panel(columns, K, padded, weight, ld, out)  one panel of one segment: codes and what stands behind
//   WINDOW_TEXT            the file with
//     STRIP                outputs of a window at most: whole panels
//     ROWS_UNIT            rows that multiply_window reads at a time, be they there or not
//     multiply_window(w)   some rows times a strip of panels
//     begin_products(), end_products()                 around all windows of a call
//   NARROW_OVER, NARROW_CLASS                          the function it exports and the class it gives a set
//
// Weights stand in panels of 16 outputs, K-major, in groups of 4 bytes of codes along K (4 or 2 values), so that one line is
// a group of every output, a register takes a line or half of one, and 16 lines are what a tile takes:
//
//   panel    line 0: [n0 k0 ..][n1 k0 ..] .. [n15 k0 ..]    line 1: the next group of k    ..    SCALES_BYTES
//
// Rows of X are encoded a block at a time into the same groups, once for all products of the call. K is padded with zeros to whole
// lines of a row, N to whole panels.
#include <stdalign.h>

#include "common/base/checked.h"
#include "common/math/kernels_sets.h"

#define GROUP (GROUP_BYTES / sizeof(code))

typedef struct {
    size_t lines;     // of LINE_BYTES that the codes of a row take
    size_t row_bytes; // between the codes of two rows
    uint8_t *codes;   // [rows, row_bytes], with room for whole ROWS_UNITs
    row_scale *scales;
} block;

// Some rows of a block times the panels of a strip.
typedef struct {
    const block *block;
    size_t first; // row of the block
    size_t rows;
    const uint8_t *panels; // panel_bytes apart
    size_t panel_bytes;
    size_t columns; // 1..STRIP
    float *C;
    size_t ldc;
    bool accumulate;
} window;

#include WINDOW_TEXT

static size_t padded_inputs(size_t K)
{
    return nj_round_up(K, LINE_BYTES / sizeof(code));
}

/// Of a segment of K values.
static size_t count_panel_bytes(size_t K)
{
    return padded_inputs(K) / GROUP * LINE_BYTES + SCALES_BYTES;
}

static size_t narrow_pack_bytes(size_t N, size_t K)
{
    size_t panels = N / PANEL + (N % PANEL > 0);
    size_t full_bytes;
    size_t rest_bytes;
    size_t bytes;
    bool fits = nj_mul_size(panels, count_panel_bytes(SEGMENT), &full_bytes) &&
                nj_mul_size(full_bytes, K / SEGMENT, &full_bytes) &&
                nj_mul_size(panels, count_panel_bytes(K % SEGMENT), &rest_bytes) &&
                nj_add_size(full_bytes, rest_bytes, &bytes);
    return fits ? bytes : SIZE_MAX;
}

static void narrow_pack(nj_linear *linear, void *memory)
{
    uint8_t *out = memory;
    size_t k = 0;
    do {
        size_t K = nj_min_size(linear->K - k, SEGMENT);
        for (size_t n = 0; n < linear->N; n += PANEL) {
            encode_panel(nj_min_size(linear->N - n, PANEL), K, padded_inputs(K),
                         linear->weight + n * linear->K + k, linear->K, out);
            out += count_panel_bytes(K);
        }
        k += K;
    } while (k < linear->K);
    linear->packed = memory;
}

typedef struct {
    size_t M;
    const float *X;
    size_t ldx;
    const nj_linear *const *linears; // [count], of the same K
    float *const *Ys;
    size_t ldy;
    size_t count;
    bool accumulate;
    bool transposed;
} product;

/// Y[n, m] of a few rows: computed as rows, written as columns.
static void multiply_transposed(const window *w, float *Y, size_t ldy)
{
    alignas(LINE_BYTES) float tile[ROWS_TOGETHER * STRIP];
    window part = *w;
    part.C = tile;
    part.ldc = STRIP;
    part.accumulate = false;
    for (size_t m = 0; m < w->rows; m += part.rows) {
        part.first = w->first + m;
        part.rows = nj_min_size(w->rows - m, ROWS_TOGETHER);
        multiply_window(&part);
        write_transposed(part.rows, w->columns, tile, w->accumulate, Y + m, ldy);
    }
}

/// One linear's panels of the segment at k, for the rows from m on that the block holds.
static void multiply_linear(const product *p, size_t i, size_t k, size_t K, size_t m, window *w)
{
    const nj_linear *linear = p->linears[i];
    size_t panels = nj_round_up(linear->N, PANEL) / PANEL;
    w->panel_bytes = count_panel_bytes(K);
    w->accumulate = p->accumulate || k > 0;
    w->ldc = p->ldy;
    const uint8_t *segment =
        (const uint8_t *)linear->packed + k / SEGMENT * panels * count_panel_bytes(SEGMENT);
    for (size_t n = 0; n < linear->N; n += STRIP) {
        w->panels = segment + n / PANEL * w->panel_bytes;
        w->columns = nj_min_size(linear->N - n, STRIP);
        if (p->transposed) {
            multiply_transposed(w, p->Ys[i] + n * p->ldy + m, p->ldy);
        } else {
            w->C = p->Ys[i] + m * p->ldy + n;
            multiply_window(w);
        }
    }
}

static void encode_rows(size_t K, size_t rows, const float *X, size_t ldx, block *b)
{
    size_t padded = padded_inputs(K);
    for (size_t r = 0; r < rows; r++) {
        b->scales[r] = encode_row(K, padded, X + r * ldx, (code *)(b->codes + r * b->row_bytes));
    }
}

/// The segment [k, k + K) of all products, block of rows by block of rows, the blocks nearly equal.
static void multiply_segment(const product *p, size_t k, size_t K)
{
    alignas(LINE_BYTES) uint8_t codes[BLOCK_BYTES];
    row_scale scales[BLOCK_ROWS];
    size_t row_bytes = padded_inputs(K) * sizeof(code);
    row_bytes += row_bytes > 0 && row_bytes % CROWDED_BYTES == 0 ? LINE_BYTES : 0;
    block b = {.codes = codes,
               .row_bytes = row_bytes,
               .lines = padded_inputs(K) * sizeof(code) / LINE_BYTES,
               .scales = scales};
    size_t rows_max = row_bytes > 0 ? nj_min_size(BLOCK_ROWS, BLOCK_BYTES / row_bytes) : BLOCK_ROWS;
    rows_max -= rows_max % ROWS_UNIT;
    size_t blocks = (p->M + rows_max - 1) / rows_max;
    for (size_t m = 0; blocks > 0; blocks--) {
        size_t rows = nj_round_up((p->M - m + blocks - 1) / blocks, ROWS_UNIT);
        window w = {.block = &b, .rows = nj_min_size(rows, p->M - m)};
        encode_rows(K, w.rows, p->X + m * p->ldx + k, p->ldx, &b);
        for (size_t i = 0; i < p->count; i++) {
            multiply_linear(p, i, k, K, m, &w);
        }
        m += w.rows;
    }
}

static void multiply_all(const product *p)
{
    if (p->count == 0) {
        return;
    }
    begin_products();
    size_t k = 0;
    do {
        size_t K = nj_min_size(p->linears[0]->K - k, SEGMENT);
        multiply_segment(p, k, K);
        k += K;
    } while (k < p->linears[0]->K);
    end_products();
}

static void narrow_linear(size_t M, const float *X, size_t ldx, const nj_linear *linear,
                          bool accumulate, float *Y, size_t ldy)
{
    const product p = {.M = M,
                       .X = X,
                       .ldx = ldx,
                       .linears = &linear,
                       .Ys = &Y,
                       .ldy = ldy,
                       .count = 1,
                       .accumulate = accumulate};
    multiply_all(&p);
}

static void narrow_linear_many(size_t M, const float *X, size_t ldx, size_t count,
                               const nj_linear *const *linears, float *const *Ys, size_t ldy)
{
    const product p = {
        .M = M, .X = X, .ldx = ldx, .linears = linears, .Ys = Ys, .ldy = ldy, .count = count};
    multiply_all(&p);
}

static void narrow_linear_transposed(size_t M, const float *X, size_t ldx, const nj_linear *linear,
                                     float *Y, size_t ldy)
{
    const product p = {.M = M,
                       .X = X,
                       .ldx = ldx,
                       .linears = &linear,
                       .Ys = &Y,
                       .ldy = ldy,
                       .count = 1,
                       .transposed = true};
    multiply_all(&p);
}

void NARROW_OVER(nj_kernels *set)
{
    set->numeric_class = NARROW_CLASS;
    set->packs_transposed = true;
    set->linear_pack_bytes = narrow_pack_bytes;
    set->linear_pack = narrow_pack;
    set->linear = narrow_linear;
    set->linear_many = narrow_linear_many;
    set->linear_transposed = narrow_linear_transposed;
}
