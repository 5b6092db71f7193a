// blas_peers_xsmm.c - LIBXSMM 1.17 as a peer: code made for one small product, called over panels of the weights.
//
// Its types are those of libxsmm.h and libxsmm_typedefs.h of that version. It is column-major, C[m, n] = A[m, k] * B[k, n]: a row-major
// product is asked for with its operands exchanged.
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/blas_peers.h"

typedef void (*xsmm_kernel)(const float *A, const float *B, float *C, ...);
typedef xsmm_kernel (*xsmm_dispatch)(int m, int n, int k, const int *lda, const int *ldb,
                                     const int *ldc, const float *alpha, const float *beta,
                                     const int *flags, const int *prefetch);

typedef struct {
    xsmm_dispatch dispatch;
} xsmm_library;

#define XSMM_ROWS 96 // of A and C under one kernel: the code that it makes grows with them
#define XSMM_WORK_MAX ((size_t)1 << 32) // multiplications; it is made for small products

typedef struct {
    nj_product product;
    size_t panel;
    float *panels; // [N / panel, K, panel], the last one narrower; NULL where B is read as it lies
    xsmm_kernel full[2];   // for panel columns: XSMM_ROWS rows, the rows that are left
    xsmm_kernel ragged[2]; // for the columns behind the last panel
} xsmm_plan;

/// One kernel for XSMM_ROWS rows and one for the rest, where there are such rows; false when the library has none.
static bool dispatch_pair(const xsmm_library *library, const nj_product *p, size_t columns,
                          size_t ldb, xsmm_kernel out[2])
{
    const float one = 1.0f;
    const float zero = 0.0f;
    int lda = (int)p->lda;
    int width = (int)ldb;
    int ldc = (int)p->ldc;
    size_t heights[2] = {p->M >= XSMM_ROWS ? XSMM_ROWS : 0, p->M % XSMM_ROWS};
    for (size_t i = 0; i < 2 && columns > 0; i++) {
        if (heights[i] > 0) {
            out[i] = library->dispatch((int)columns, (int)heights[i], (int)p->K, &width, &lda, &ldc,
                                       &one, &zero, NULL, NULL);
            if (out[i] == NULL) {
                return false;
            }
        }
    }
    return true;
}

static void pack_panels(const nj_product *p, size_t panel, float *panels)
{
    for (size_t first = 0; first < p->N; first += panel) {
        size_t width = p->N - first < panel ? p->N - first : panel;
        float *out = panels + first * p->K;
        for (size_t k = 0; k < p->K; k++) {
            for (size_t j = 0; j < width; j++) {
                out[k * width + j] = p->B[(first + j) * p->K + k];
            }
        }
    }
}

static void release_xsmm(void *opaque)
{
    xsmm_plan *plan = opaque;
    free(plan->panels);
    free(plan);
}

/// peer->setting is the width of a panel, 0 for one panel of all columns.
static void *prepare_xsmm(const nj_peer *peer, const nj_product *product)
{
    bool panels = peer->setting > 0;
    if (panels != product->weights || product->M * product->N * product->K > XSMM_WORK_MAX) {
        return NULL;
    }
    xsmm_plan *plan = calloc(1, sizeof *plan);
    plan->product = *product;
    plan->panel = panels ? peer->setting : product->N;
    size_t ragged = product->N % plan->panel;
    size_t ldb = panels ? plan->panel : product->ldb;
    size_t full = product->N >= plan->panel ? plan->panel : 0;
    if (!dispatch_pair(peer->library, product, full, ldb, plan->full) ||
        !dispatch_pair(peer->library, product, ragged, ragged, plan->ragged)) {
        release_xsmm(plan);
        return NULL;
    }
    if (panels) {
        plan->panels = nj_peer_floats(product->N * product->K);
        pack_panels(product, plan->panel, plan->panels);
    }
    return plan;
}

static void multiply_xsmm(void *opaque)
{
    const xsmm_plan *plan = opaque;
    const nj_product *p = &plan->product;
    for (size_t m = 0; m < p->M; m += XSMM_ROWS) {
        size_t kind = p->M - m < XSMM_ROWS ? 1 : 0;
        const float *A = p->A + m * p->lda;
        for (size_t n = 0; n < p->N; n += plan->panel) {
            const float *B = plan->panels != NULL ? plan->panels + n * p->K : p->B;
            bool full = p->N - n >= plan->panel;
            float *C = p->C + m * p->ldc + n;
            (full ? plan->full : plan->ragged)[kind](B, A, C);
        }
    }
}

bool nj_peers_add_xsmm(nj_peer_list *list, const char *name, void *handle)
{
    static const size_t PANELS[] = {0, 16, 32, 64};
    xsmm_library *library = calloc(1, sizeof *library); // for as long as the program runs
    if (!nj_peer_symbol(handle, "libxsmm_smmdispatch", &library->dispatch)) {
        free(library);
        return false;
    }
    void (*init)(void) = NULL;
    const char *(*target)(void) = NULL;
    if (nj_peer_symbol(handle, "libxsmm_init", &init)) {
        init();
    }
    for (size_t i = 0; i < sizeof PANELS / sizeof PANELS[0]; i++) {
        char variant[NJ_PEER_NAME_BYTES];
        snprintf(variant, sizeof variant, PANELS[i] == 0 ? "as it lies" : "panels of %zu",
                 PANELS[i]);
        nj_peer *peer = nj_peer_add(list, name, variant);
        peer->library = library;
        peer->setting = PANELS[i];
        peer->prepare = prepare_xsmm;
        peer->multiply = multiply_xsmm;
        peer->release = release_xsmm;
    }
    char about[NJ_PEER_ABOUT_BYTES];
    bool known = nj_peer_symbol(handle, "libxsmm_get_target_arch", &target);
    snprintf(about, sizeof about, "LIBXSMM 1.17, code for %s", known ? target() : "unknown");
    nj_peer_add_library(list, name, about);
    return true;
}
