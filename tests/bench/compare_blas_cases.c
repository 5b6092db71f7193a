#include "tests/bench/compare_blas_cases.h"

#include <stdint.h>
#include <stdlib.h>

#define ONCE_WORK ((size_t)1 << 34) // multiplications: such a product is measured in one form only

const char *nj_case_kind_name(nj_case_kind kind)
{
    static const char *const NAMES[] = {"model", "attention", "large"};
    return NAMES[kind];
}

static void add_model_cases(nj_bench_case *cases, size_t *count)
{
    // [N, K] of the TIGER shape: q, k, v and wi, o and wo, the head. A row stride of 4096 bytes is padded as the engine pads it.
    static const size_t WEIGHTS[][2] = {
        {384, 128}, {128, 384}, {1024, 128}, {128, 1024}, {1026, 128}};
    static const size_t ROWS[] = {1, 6, 20, 50, 81, 96, 192, 640};
    for (size_t w = 0; w < sizeof WEIGHTS / sizeof WEIGHTS[0]; w++) {
        for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
            size_t N = WEIGHTS[w][0];
            size_t K = WEIGHTS[w][1];
            nj_product product = {.M = ROWS[i], .N = N, .K = K, .weights = true};
            product.lda = K == 1024 ? K + 16 : K;
            product.ldc = N == 1024 ? N + 16 : N;
            cases[(*count)++] = (nj_bench_case){NJ_CASE_MODEL, product, NJ_COPIES_MAX, 0, 0};
        }
    }
}

static void add_attention_cases(nj_bench_case *cases, size_t *count)
{
    static const size_t HEADS = 6;
    static const size_t E = 64;
    static const size_t ROWS[] = {20, 50, 80};
    static const size_t POSITIONS[] = {20, 40, 80};
    for (size_t half = 0; half < 2; half++) {
        for (size_t i = 0; i < 3; i++) {
            for (size_t j = 0; j < 3; j++) {
                size_t S = POSITIONS[j];
                size_t row = (S + 15) / 16 * 16;
                // Scores: queries lie head beside head, the scores of a head are used at once. Mixing: the other way round.
                nj_product scores = {ROWS[i], S, E, false, HEADS * E, row, row, NULL, NULL, NULL};
                nj_product mixing = {ROWS[i], E, S, false, row, E, HEADS * E, NULL, NULL, NULL};
                cases[(*count)++] = (nj_bench_case){NJ_CASE_ATTENTION, half == 0 ? scores : mixing,
                                                    HEADS, half == 0 ? E : 0, half == 0 ? 0 : E};
            }
        }
    }
}

static void add_large_cases(nj_bench_case *cases, size_t *count)
{
    // Squares; the scores of a quantizer's items against a level; a history over a large vocabulary; tall, flat and prime.
    static const size_t SHAPES[][3] = {
        {512, 512, 512},   {1024, 1024, 1024}, {2048, 2048, 2048}, {4096, 4096, 4096},
        {12101, 256, 128}, {256, 256, 768},    {640, 32768, 128},  {1000003, 7, 7},
        {7, 1000003, 7},   {1009, 1013, 1019}, {31, 17, 4099},
    };
    for (size_t i = 0; i < sizeof SHAPES / sizeof SHAPES[0]; i++) {
        size_t M = SHAPES[i][0];
        size_t N = SHAPES[i][1];
        size_t K = SHAPES[i][2];
        bool once = M * N * K > ONCE_WORK;
        for (size_t weights = once ? 1 : 0; weights < 2; weights++) {
            nj_product product = {M, N, K, weights == 1, K, N, N, NULL, NULL, NULL};
            cases[(*count)++] = (nj_bench_case){NJ_CASE_LARGE, product, 1, 0, 0};
        }
    }
}

size_t nj_cases_fill(nj_bench_case *cases)
{
    size_t count = 0;
    add_model_cases(cases, &count);
    add_attention_cases(cases, &count);
    add_large_cases(cases, &count);
    return count;
}

static void fill(float *values, size_t count, uint64_t seed)
{
    for (size_t i = 0; i < count; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        values[i] = (float)(int32_t)(seed >> 32) * 0x1p-31f;
    }
}

void nj_case_operands_init(nj_case_operands *out, const nj_bench_case *c)
{
    const nj_product *p = &c->product;
    size_t b_floats = p->weights ? p->N * p->K : p->K * p->ldb;
    size_t a_floats = p->M * p->lda + c->copies * c->a_step;
    size_t c_floats = p->M * p->ldc + c->copies * c->c_step;
    out->count = c->copies;
    out->memory[0] = nj_peer_floats(a_floats);
    out->memory[1] = nj_peer_floats(b_floats * c->copies);
    out->memory[2] = nj_peer_floats(c_floats);
    fill(out->memory[0], a_floats, 1);
    fill(out->memory[1], b_floats * c->copies, 2);
    for (size_t i = 0; i < c->copies; i++) {
        out->products[i] = *p;
        out->products[i].A = out->memory[0] + i * c->a_step;
        out->products[i].B = out->memory[1] + i * b_floats;
        out->products[i].C = out->memory[2] + i * c->c_step;
    }
}

void nj_case_operands_fini(nj_case_operands *operands)
{
    for (size_t i = 0; i < 3; i++) {
        free(operands->memory[i]);
    }
}
