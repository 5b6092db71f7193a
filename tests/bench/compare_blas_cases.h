// compare_blas_cases.h - the products that compare_blas measures, and memory to compute them in.
#ifndef NJ_BENCH_COMPARE_BLAS_CASES_H
#define NJ_BENCH_COMPARE_BLAS_CASES_H

#include "tests/bench/blas_peers.h"

#define NJ_COPIES_MAX 8
#define NJ_CASES_MAX 128

typedef enum { NJ_CASE_MODEL, NJ_CASE_ATTENTION, NJ_CASE_LARGE } nj_case_kind;

typedef struct {
    nj_case_kind kind;
    nj_product product; // without its pointers
    size_t
        copies; // the products of one pass: layers with their own weights, or heads with their own keys
    size_t a_step; // from one head's operand to the next, floats
    size_t c_step;
} nj_bench_case;

/// "model", "attention" or "large".
const char *nj_case_kind_name(nj_case_kind kind);

/// Fills cases[NJ_CASES_MAX]; returns how many there are.
size_t nj_cases_fill(nj_bench_case *cases);

typedef struct {
    nj_product products[NJ_COPIES_MAX];
    size_t count;
    float *memory[3];
} nj_case_operands;

/// Memory for every copy, with A and B at random in -1..1; aborts the program when there is none.
void nj_case_operands_init(nj_case_operands *operands, const nj_bench_case *c);
void nj_case_operands_fini(nj_case_operands *operands);

#endif
