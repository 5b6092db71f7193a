// blas_peers.h - matrix products of other libraries beside our own, for compare_blas.c alone.
//
// No library of this comparison is linked, and none is a dependency of the product: each is opened by path. A file is recognised by
// what it exports: cblas_sgemm (OpenBLAS, BLIS and whatever else speaks CBLAS), oneDNN 2's primitives, LIBXSMM's dispatcher. Each is opened
// so that it finds its own symbols first: two libraries that both export sgemm_ do not meet.
#ifndef NJ_BENCH_BLAS_PEERS_H
#define NJ_BENCH_BLAS_PEERS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/math/kernels.h"

#define NJ_PEER_NAME_BYTES 32
#define NJ_PEER_ABOUT_BYTES 96
#define NJ_PEERS_MAX 64

// C[M, N] = A[M, K] * B, row-major float32.
typedef struct {
    size_t M;
    size_t N;
    size_t K;
    bool
        weights; // B is a model's weight [N, K], contiguous, known long before: it may be packed once. Otherwise B is [K, N] as it lies
    size_t lda;
    size_t ldb; // of a B that is no weight
    size_t ldc;
    const float *A; // borrowed, like B and C, until the plan is released
    const float *B;
    float *C;
} nj_product;

typedef struct nj_peer nj_peer;

struct nj_peer {
    char column
        [NJ_PEER_NAME_BYTES]; // peers of one column are ways to ask one library; the fastest speaks for it
    char variant[NJ_PEER_NAME_BYTES]; // "packed", "panels of 32", ...
    /// Makes everything that may be made once. NULL: this peer does not offer such a product.
    void *(*prepare)(const nj_peer *peer, const nj_product *product);
    void (*multiply)(void *plan);
    void (*release)(void *plan);
    const void *library;
    size_t setting; // what tells the variants of one library apart
};

// A library that was found, for the head of the report.
typedef struct {
    char name[NJ_PEER_NAME_BYTES];
    char about[NJ_PEER_ABOUT_BYTES]; // its version and the kernels that it chose for this CPU
} nj_peer_library;

typedef struct {
    nj_peer peers[NJ_PEERS_MAX];
    size_t count;
    nj_peer_library libraries[NJ_PEERS_MAX];
    size_t library_count;
} nj_peer_list;

/// The next free place of the list, with column and variant filled in; aborts the program when the list is full.
nj_peer *nj_peer_add(nj_peer_list *list, const char *column, const char *variant);
void nj_peer_add_library(nj_peer_list *list, const char *name, const char *about);

/// Our kernel sets of the exact class that use vector registers.
void nj_peers_add_sets(nj_peer_list *list);
/// Each looks into an open library and adds what it finds; false when it is not of that kind.
bool nj_peers_add_cblas(nj_peer_list *list, const char *name, void *handle);
bool nj_peers_add_xsmm(nj_peer_list *list, const char *name, void *handle);
bool nj_peers_add_onednn(nj_peer_list *list, const char *name, void *handle);

/// Opens every *.so* of a folder, in the order of names. What is no peer, such as a library that a peer needs, is passed over.
void nj_peers_add_folder(nj_peer_list *list, const char *folder);

/// Sets the function pointer behind out_function, NULL where the library exports no such symbol; returns whether it does.
bool nj_peer_symbol(void *handle, const char *symbol, void *out_function);

/// memory[count] aligned to 64 bytes, zeroed; aborts the program when there is none.
float *nj_peer_floats(size_t count);

#endif
