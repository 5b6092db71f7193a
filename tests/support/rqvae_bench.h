// rqvae_bench.h - a little RQ-VAE and embeddings for it, in a sandbox.
#ifndef NJ_TEST_RQVAE_BENCH_H
#define NJ_TEST_RQVAE_BENCH_H

#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"
#include "worker/train/rqvae_codes.h"

#define BENCH_ROWS 300
#define BENCH_WIDTH 6
#define BENCH_CENTRES 24

static const nj_rqvae_shape BENCH_SHAPE = {.D = BENCH_WIDTH,
                                           .hidden = {16},
                                           .hidden_count = 1,
                                           .latent = 4,
                                           .level_count = 2,
                                           .K = {8, 5}};

typedef struct {
    nj_npy npy;
    nj_rqvae_rows rows;
    nj_rqvae *model;
} rqvae_bench;

static inline const nj_kernels *bench_kernels(void)
{
    nj_error err = {0};
    const nj_kernels *kernels = NULL;
    assert_ok(nj_kernels_select("auto", &kernels, &err), &err);
    return kernels;
}

static inline float bench_draw(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (float)(*seed >> 40) * 0x1p-23f - 1.0f;
}

// Rows around some centres, of columns that differ in size and place.
static inline void bench_fill(float *x, size_t rows, size_t width)
{
    float centres[BENCH_CENTRES * BENCH_WIDTH];
    uint64_t seed = 77;
    for (size_t i = 0; i < BENCH_CENTRES * BENCH_WIDTH; i++) {
        centres[i] = 3.0f * bench_draw(&seed);
    }
    for (size_t i = 0; i < rows * width; i++) {
        const size_t d = i % width;
        const float centre = centres[i / width % BENCH_CENTRES * BENCH_WIDTH + d % BENCH_WIDTH];
        x[i] = (float)(d + 1) * (centre + 0.4f * bench_draw(&seed)) - 2.0f;
    }
}

static inline const char *bench_npy(void **state, const char *name, size_t rows, size_t width,
                                    const float *x)
{
    nj_error err = {0};
    const size_t shape[] = {rows, width};
    const char *path = sandbox_path(state, name);
    assert_ok(nj_npy_write(path, NJ_NPY_F32, shape, 2, x, &err), &err);
    return path;
}

static inline void bench_open(rqvae_bench *b, void **state)
{
    nj_error err = {0};
    float x[BENCH_ROWS * BENCH_WIDTH];
    bench_fill(x, BENCH_ROWS, BENCH_WIDTH);
    *b = (rqvae_bench){0};
    assert_ok(nj_npy_open(bench_npy(state, "E.npy", BENCH_ROWS, BENCH_WIDTH, x), &b->npy, &err),
              &err);
    assert_ok(nj_rqvae_rows_init(&b->npy, NJ_RQVAE_COLUMNS, &b->rows, &err), &err);
    assert_ok(nj_rqvae_new(&BENCH_SHAPE, bench_kernels(), 1, &b->model, &err), &err);
}

static inline void bench_close(rqvae_bench *b)
{
    nj_rqvae_free(&b->model);
    nj_rqvae_rows_fini(&b->rows);
    nj_npy_close(&b->npy);
}

#endif
