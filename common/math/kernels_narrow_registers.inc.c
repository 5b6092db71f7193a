// kernels_narrow_registers.inc.c - windows of kernels_narrow.inc.c in vector registers: a tile is TILE_ROWS rows of 2 registers.
//
// The including file defines
//   LANES, TILE_ROWS             16 or 8; 12 or 6
//   sums, sums_line              registers: LANES sums; codes of LANES groups
//   sums_zero(), load_line(at), spread_group(at)   the latter a group of X in all lanes
//   sums_dot(sums, group, line)  adds the products of a group of X and of the weights
//   output_terms, load_terms(scales), lanes_put, put_first(count, accumulate)
//   store_sums(put, row, terms, sums, C)           turns sums into floats and writes or adds them
#define STRIP (2 * LANES)
#define ROWS_UNIT 1

// Asked for ahead: the same line of the next strip, or where that is too far for the first cache, a few lines on.
#define AHEAD_MAX 16384
#define AHEAD_BYTES (40 * LINE_BYTES)

static inline void begin_products(void)
{
}
static inline void end_products(void)
{
}

/// Where register v of a line begins: in a panel of its own, or in the second half of the first.
static inline const uint8_t *find_lanes(const window *w, size_t v)
{
    return w->panels + v * LANES / PANEL * w->panel_bytes + v * LANES % PANEL * GROUP_BYTES;
}

// What a tile reads, moving on along K. Rows are reached from one pointer for every POINTER_ROWS of them: with one for each the
// scalar registers run out.
#define POINTER_ROWS 3
#define TILE_POINTERS ((TILE_ROWS + POINTER_ROWS - 1) / POINTER_ROWS)
#define GROUPS_AT_ONCE 2 // divides those of a line

typedef struct {
    const uint8_t *rows[TILE_POINTERS];
    size_t row_bytes;
    const uint8_t *low;
    const uint8_t *high;
    size_t ahead; // bytes from a line of weights to the one that is asked for
} tile_sources;

/// The pointers are opaque to the compiler, or it would make one for each row after all.
static inline __attribute__((always_inline)) void add_products(size_t rows, size_t vecs,
                                                               tile_sources *from,
                                                               sums low[TILE_ROWS],
                                                               sums high[TILE_ROWS])
{
    UNROLL
    for (size_t p = 0; p * POINTER_ROWS < rows; p++) {
        __asm__("" : "+r"(from->rows[p]));
    }
    UNROLL
    for (size_t g = 0; g < GROUPS_AT_ONCE; g++) {
        // Weights come from far away the first time: an address behind the last leads nowhere, and does no harm.
        __builtin_prefetch((const void *)((uintptr_t)from->low + g * LINE_BYTES + from->ahead));
        sums_line b_low = load_line(from->low + g * LINE_BYTES);
        sums_line b_high = b_low;
        if (vecs == 2) {
            __builtin_prefetch(
                (const void *)((uintptr_t)from->high + g * LINE_BYTES + from->ahead));
            b_high = load_line(from->high + g * LINE_BYTES);
        }
        UNROLL
        for (size_t r = 0; r < rows; r++) {
            const uint8_t *row = from->rows[r / POINTER_ROWS] + r % POINTER_ROWS * from->row_bytes;
            sums_line a = spread_group(row + g * GROUP_BYTES);
            low[r] = sums_dot(low[r], a, b_low);
            if (vecs == 2) {
                high[r] = sums_dot(high[r], a, b_high);
            }
        }
    }
    UNROLL
    for (size_t p = 0; p * POINTER_ROWS < rows; p++) {
        from->rows[p] += GROUPS_AT_ONCE * GROUP_BYTES;
    }
    from->low += GROUPS_AT_ONCE * LINE_BYTES;
    from->high += GROUPS_AT_ONCE * LINE_BYTES;
}

/// Both sizes are constants where this is inlined, so the sums are registers.
static inline __attribute__((always_inline)) void multiply_tile(size_t rows, size_t vecs,
                                                                const window *w, size_t m)
{
    const block *b = w->block;
    size_t groups = b->lines * (LINE_BYTES / GROUP_BYTES);
    size_t strip_bytes = STRIP / PANEL * w->panel_bytes;
    const uint8_t *low_line = find_lanes(w, 0);
    const uint8_t *high_line = find_lanes(w, 1);
    tile_sources from = {.row_bytes = b->row_bytes,
                         .low = low_line,
                         .high = high_line,
                         .ahead = strip_bytes < AHEAD_MAX ? strip_bytes : AHEAD_BYTES};
    sums low[TILE_ROWS];
    sums high[TILE_ROWS];
    UNROLL
    for (size_t p = 0; p * POINTER_ROWS < rows; p++) {
        from.rows[p] = b->codes + (w->first + m + p * POINTER_ROWS) * b->row_bytes;
    }
    UNROLL
    for (size_t r = 0; r < rows; r++) {
        low[r] = sums_zero();
        high[r] = sums_zero();
    }
    for (size_t g = 0; g < groups; g += GROUPS_AT_ONCE) {
        add_products(rows, vecs, &from, low, high);
    }
    output_terms low_terms = load_terms(low_line + groups * LINE_BYTES);
    output_terms high_terms = vecs == 2 ? load_terms(high_line + groups * LINE_BYTES) : low_terms;
    lanes_put low_put = put_first(w->columns, w->accumulate);
    lanes_put high_put = put_first(vecs == 2 ? w->columns - LANES : 0, w->accumulate);
    const row_scale *scales = b->scales + w->first + m;
    size_t ldc = w->ldc;
    float *C = w->C + m * ldc;
    UNROLL
    for (size_t r = 0; r < rows; r++) {
        store_sums(low_put, scales + r, &low_terms, low[r], C + r * ldc);
        if (vecs == 2) {
            store_sums(high_put, scales + r, &high_terms, high[r], C + r * ldc + LANES);
        }
    }
}

/// The one place where a height that is known at run time becomes a constant.
static inline __attribute__((always_inline)) void multiply_rows(size_t rows, size_t vecs,
                                                                const window *w, size_t m)
{
    switch (rows) {
    case 1:
        multiply_tile(1, vecs, w, m);
        break;
    case 2:
        multiply_tile(2, vecs, w, m);
        break;
    case 3:
        multiply_tile(3, vecs, w, m);
        break;
    case 4:
        multiply_tile(4, vecs, w, m);
        break;
    case 5:
        multiply_tile(5, vecs, w, m);
        break;
    case 6:
        multiply_tile(6, vecs, w, m);
        break;
#if TILE_ROWS > 6
    case 7:
        multiply_tile(7, vecs, w, m);
        break;
    case 8:
        multiply_tile(8, vecs, w, m);
        break;
    case 9:
        multiply_tile(9, vecs, w, m);
        break;
    case 10:
        multiply_tile(10, vecs, w, m);
        break;
    case 11:
        multiply_tile(11, vecs, w, m);
        break;
    case 12:
        multiply_tile(12, vecs, w, m);
        break;
#endif
    }
}

static void multiply_window(const window *w)
{
    size_t tiles = (w->rows + TILE_ROWS - 1) / TILE_ROWS;
    for (size_t m = 0; tiles > 0; tiles--) {
        size_t rows = (w->rows - m + tiles - 1) / tiles;
        if (w->columns > LANES) {
            multiply_rows(rows, 2, w, m);
        } else {
            multiply_rows(rows, 1, w, m);
        }
        m += rows;
    }
}
