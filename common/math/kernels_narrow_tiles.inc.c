// kernels_narrow_tiles.inc.c - windows of kernels_narrow.inc.c in AMX tiles: 2 x 2 tiles of 16 rows by 16 outputs at a time.
//
//            B0  B1     a tile of weights is 16 lines of a panel; a tile of X is a line of 16 rows
//        A0  C00 C01    C stands in tiles 0..3, A in 4 and 5, B in 6 and 7
//        A1  C10 C11
//
// Rows behind the last of a block are multiplied and thrown away: a tile always has 16. The including file defines
//   tiles_begin, tiles_end, tile_zero, tile_load, tile_store, tile_dot   the operations of tiles_amx.h, or a model of them
//   output_terms, load_terms, lanes_put, put_first, store_sums           as in kernels_narrow_registers.inc.c, from 16 sums in memory
#define STRIP (2 * PANEL)
#define ROWS_UNIT ROWS_TOGETHER
#define TILE_LINES 16
#define TILE_BYTES (TILE_LINES * LINE_BYTES)

static inline void begin_products(void)
{
    tiles_begin();
}

static inline void end_products(void)
{
    tiles_end();
}

/// The sums of up to 2 tiles of rows from m on and up to 2 panels.
static inline void multiply_tiles(const window *w, size_t m, bool two_rows, bool two_panels)
{
    const block *b = w->block;
    const uint8_t *A = b->codes + (w->first + m) * b->row_bytes;
    const uint8_t *A_next = A + ROWS_TOGETHER * b->row_bytes;
    const uint8_t *B = w->panels;
    tile_zero(0);
    tile_zero(1);
    tile_zero(2);
    tile_zero(3);
    for (size_t line = 0; line < b->lines; line++) {
        tile_load(4, A + line * LINE_BYTES, b->row_bytes);
        tile_load(6, B + line * TILE_BYTES, LINE_BYTES);
        tile_dot(0, 4, 6);
        if (two_panels) {
            tile_load(7, B + w->panel_bytes + line * TILE_BYTES, LINE_BYTES);
            tile_dot(1, 4, 7);
        }
        if (two_rows) {
            tile_load(5, A_next + line * LINE_BYTES, b->row_bytes);
            tile_dot(2, 5, 6);
            if (two_panels) {
                tile_dot(3, 5, 7);
            }
        }
    }
}

static inline void store_tile(const window *w, size_t m, size_t panel, const uint8_t *tile)
{
    const uint8_t *scales = w->panels + panel * w->panel_bytes + w->block->lines * TILE_BYTES;
    output_terms terms = load_terms(scales);
    lanes_put put = put_first(w->columns - panel * PANEL, w->accumulate);
    size_t rows = nj_min_size(w->rows - m, ROWS_TOGETHER);
    const row_scale *row = w->block->scales + w->first + m;
    float *C = w->C + m * w->ldc + panel * PANEL;
    for (size_t r = 0; r < rows; r++) {
        store_sums(put, row + r, &terms, tile + r * LINE_BYTES, C + r * w->ldc);
    }
}

static void multiply_window(const window *w)
{
    alignas(LINE_BYTES) uint8_t tile[TILE_BYTES];
    for (size_t m = 0; m < w->rows; m += 2 * ROWS_TOGETHER) {
        bool two_rows = w->rows - m > ROWS_TOGETHER;
        bool two_panels = w->columns > PANEL;
        multiply_tiles(w, m, two_rows, two_panels);
        tile_store(0, tile, LINE_BYTES);
        store_tile(w, m, 0, tile);
        if (two_panels) {
            tile_store(1, tile, LINE_BYTES);
            store_tile(w, m, 1, tile);
        }
        if (two_rows) {
            tile_store(2, tile, LINE_BYTES);
            store_tile(w, m + ROWS_TOGETHER, 0, tile);
        }
        if (two_rows && two_panels) {
            tile_store(3, tile, LINE_BYTES);
            store_tile(w, m + ROWS_TOGETHER, 1, tile);
        }
    }
}
