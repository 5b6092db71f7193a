#include "tests/bench/blas_peers.h"

#include <dirent.h>
#include <dlfcn.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN_BYTES 64
#define FILES_MAX 32
#define PATH_BYTES (4096 + NAME_MAX + 2)

nj_peer *nj_peer_add(nj_peer_list *list, const char *column, const char *variant)
{
    if (list->count == NJ_PEERS_MAX) {
        fprintf(stderr, "compare_blas: more than %d peers\n", NJ_PEERS_MAX);
        exit(1);
    }
    nj_peer *peer = &list->peers[list->count++];
    snprintf(peer->column, sizeof peer->column, "%s", column);
    snprintf(peer->variant, sizeof peer->variant, "%s", variant);
    return peer;
}

void nj_peer_add_library(nj_peer_list *list, const char *name, const char *about)
{
    if (list->library_count == NJ_PEERS_MAX) {
        fprintf(stderr, "compare_blas: more than %d libraries\n", NJ_PEERS_MAX);
        exit(1);
    }
    nj_peer_library *library = &list->libraries[list->library_count++];
    snprintf(library->name, sizeof library->name, "%s", name);
    snprintf(library->about, sizeof library->about, "%s", about);
}

float *nj_peer_floats(size_t count)
{
    size_t bytes = (count * sizeof(float) + ALIGN_BYTES) / ALIGN_BYTES * ALIGN_BYTES;
    float *memory = aligned_alloc(ALIGN_BYTES, bytes);
    if (memory == NULL) {
        fprintf(stderr, "compare_blas: no memory for %zu bytes\n", bytes);
        exit(1);
    }
    memset(memory, 0, bytes);
    return memory;
}

bool nj_peer_symbol(void *handle, const char *symbol, void *out_function)
{
    // ISO C casts no object pointer to a function pointer; what dlsym promises is kept by copying.
    void *address = dlsym(handle, symbol);
    memcpy(out_function, &address, sizeof address);
    return address != NULL;
}

// ---- our own sets

typedef struct {
    const nj_kernels *kernels;
    nj_product product;
    nj_linear linear;
    float *packed;
} set_plan;

static void *prepare_set(const nj_peer *peer, const nj_product *product)
{
    set_plan *plan = calloc(1, sizeof *plan);
    plan->kernels = peer->library;
    plan->product = *product;
    plan->linear = (nj_linear){.weight = product->B, .N = product->N, .K = product->K};
    if (product->weights) {
        size_t bytes = plan->kernels->linear_pack_bytes(product->N, product->K);
        plan->packed = nj_peer_floats(bytes / sizeof(float));
        plan->kernels->linear_pack(&plan->linear, plan->packed);
    }
    return plan;
}

static void multiply_set(void *opaque)
{
    const set_plan *plan = opaque;
    const nj_product *p = &plan->product;
    if (p->weights) {
        plan->kernels->linear(p->M, p->A, p->lda, &plan->linear, false, p->C, p->ldc);
    } else {
        plan->kernels->matmul_nn(p->M, p->N, p->K, p->A, p->lda, p->B, p->ldb, p->C, p->ldc);
    }
}

static void release_set(void *opaque)
{
    set_plan *plan = opaque;
    free(plan->packed);
    free(plan);
}

void nj_peers_add_sets(nj_peer_list *list)
{
    const nj_kernels *kernels = NULL;
    for (size_t i = 0; (kernels = nj_kernels_at(i)) != NULL; i++) {
        bool slow = strcmp(kernels->name, "ref") == 0 || strcmp(kernels->name, "portable") == 0;
        if (slow || strcmp(kernels->numeric_class, "exact") != 0) {
            continue;
        }
        nj_peer *peer = nj_peer_add(list, kernels->name, "packed");
        peer->library = kernels;
        peer->prepare = prepare_set;
        peer->multiply = multiply_set;
        peer->release = release_set;
        nj_peer_add_library(list, kernels->name, "ours, class exact");
    }
}

// ---- CBLAS

enum { CBLAS_ROW_MAJOR = 101, CBLAS_PLAIN = 111, CBLAS_TRANSPOSED = 112 };

typedef void (*sgemm_32)(int order, int transpose_a, int transpose_b, int M, int N, int K,
                         float alpha, const float *A, int lda, const float *B, int ldb, float beta,
                         float *C, int ldc);
typedef void (*sgemm_64)(int order, int transpose_a, int transpose_b, int64_t M, int64_t N,
                         int64_t K, float alpha, const float *A, int64_t lda, const float *B,
                         int64_t ldb, float beta, float *C, int64_t ldc);

typedef struct {
    sgemm_32 narrow; // one of the two
    sgemm_64 wide;
} cblas_library;

typedef struct {
    const cblas_library *library;
    nj_product product;
    float *turned; // [K, N], the weights turned once; NULL where they are taken as stored
} cblas_plan;

enum { AS_STORED, TURNED_ONCE };

static void *prepare_cblas(const nj_peer *peer, const nj_product *product)
{
    if (!product->weights && peer->setting == TURNED_ONCE) {
        return NULL;
    }
    cblas_plan *plan = calloc(1, sizeof *plan);
    plan->library = peer->library;
    plan->product = *product;
    if (peer->setting == TURNED_ONCE) {
        plan->turned = nj_peer_floats(product->N * product->K);
        for (size_t n = 0; n < product->N; n++) {
            for (size_t k = 0; k < product->K; k++) {
                plan->turned[k * product->N + n] = product->B[n * product->K + k];
            }
        }
    }
    return plan;
}

static void multiply_cblas(void *opaque)
{
    const cblas_plan *plan = opaque;
    const nj_product *p = &plan->product;
    bool stored = p->weights && plan->turned == NULL;
    const float *B = plan->turned != NULL ? plan->turned : p->B;
    size_t ldb = stored ? p->K : plan->turned != NULL ? p->N : p->ldb;
    int transpose = stored ? CBLAS_TRANSPOSED : CBLAS_PLAIN;
    if (plan->library->narrow != NULL) {
        plan->library->narrow(CBLAS_ROW_MAJOR, CBLAS_PLAIN, transpose, (int)p->M, (int)p->N,
                              (int)p->K, 1.0f, p->A, (int)p->lda, B, (int)ldb, 0.0f, p->C,
                              (int)p->ldc);
    } else {
        plan->library->wide(CBLAS_ROW_MAJOR, CBLAS_PLAIN, transpose, (int64_t)p->M, (int64_t)p->N,
                            (int64_t)p->K, 1.0f, p->A, (int64_t)p->lda, B, (int64_t)ldb, 0.0f, p->C,
                            (int64_t)p->ldc);
    }
}

static void release_cblas(void *opaque)
{
    cblas_plan *plan = opaque;
    free(plan->turned);
    free(plan);
}

static void describe_cblas(void *handle, char about[NJ_PEER_ABOUT_BYTES])
{
    static const char *const CONFIGS[] = {"openblas_get_config", "scipy_openblas_get_config",
                                          "scipy_openblas_get_config64_"};
    char *(*text)(void) = NULL;
    for (size_t i = 0; i < sizeof CONFIGS / sizeof CONFIGS[0]; i++) {
        if (nj_peer_symbol(handle, CONFIGS[i], &text)) {
            snprintf(about, NJ_PEER_ABOUT_BYTES, "%s", text());
            return;
        }
    }
    const char *(*version)(void) = NULL;
    int (*arch)(void) = NULL;
    const char *(*arch_name)(int) = NULL;
    if (nj_peer_symbol(handle, "bli_info_get_version_str", &version) &&
        nj_peer_symbol(handle, "bli_arch_query_id", &arch) &&
        nj_peer_symbol(handle, "bli_arch_string", &arch_name)) {
        snprintf(about, NJ_PEER_ABOUT_BYTES, "BLIS %s, kernels of %s", version(),
                 arch_name(arch()));
        return;
    }
    snprintf(about, NJ_PEER_ABOUT_BYTES, "CBLAS of unknown make");
}

bool nj_peers_add_cblas(nj_peer_list *list, const char *name, void *handle)
{
    cblas_library found = {0};
    if (!nj_peer_symbol(handle, "cblas_sgemm", &found.narrow) &&
        !nj_peer_symbol(handle, "scipy_cblas_sgemm", &found.narrow) &&
        !nj_peer_symbol(handle, "scipy_cblas_sgemm64_", &found.wide)) {
        return false;
    }
    cblas_library *library = malloc(sizeof *library); // for as long as the program runs
    *library = found;
    for (size_t setting = AS_STORED; setting <= TURNED_ONCE; setting++) {
        nj_peer *peer = nj_peer_add(list, name, setting == AS_STORED ? "as stored" : "turned once");
        peer->library = library;
        peer->setting = setting;
        peer->prepare = prepare_cblas;
        peer->multiply = multiply_cblas;
        peer->release = release_cblas;
    }
    char about[NJ_PEER_ABOUT_BYTES];
    describe_cblas(handle, about);
    nj_peer_add_library(list, name, about);
    return true;
}

// ---- a folder of libraries

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

/// "libblis.so.4" becomes "blis".
static void name_library(const char *file, char name[NJ_PEER_NAME_BYTES])
{
    const char *begin = strncmp(file, "lib", 3) == 0 ? file + 3 : file;
    snprintf(name, NJ_PEER_NAME_BYTES, "%.*s", (int)(strstr(begin, ".so") - begin), begin);
}

static void add_file(nj_peer_list *list, const char *folder, const char *file)
{
    char path[PATH_BYTES];
    char name[NJ_PEER_NAME_BYTES];
    snprintf(path, sizeof path, "%.4095s/%.255s", folder, file);
    name_library(file, name);
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    if (handle == NULL) {
        fprintf(stderr, "compare_blas: %s\n", dlerror());
        return;
    }
    // LIBXSMM before CBLAS: it may carry an sgemm of its own.
    if (!nj_peers_add_xsmm(list, name, handle) && !nj_peers_add_onednn(list, name, handle) &&
        !nj_peers_add_cblas(list, name, handle)) {
        dlclose(handle);
    }
}

void nj_peers_add_folder(nj_peer_list *list, const char *folder)
{
    char files[FILES_MAX][NAME_MAX + 1];
    size_t count = 0;
    DIR *directory = opendir(folder);
    if (directory == NULL) {
        fprintf(stderr, "compare_blas: cannot open folder %s\n", folder);
        exit(1);
    }
    for (struct dirent *entry = readdir(directory); entry != NULL && count < FILES_MAX;
         entry = readdir(directory)) {
        if (strstr(entry->d_name, ".so") != NULL) {
            snprintf(files[count++], sizeof files[0], "%s", entry->d_name);
        }
    }
    closedir(directory);
    qsort(files, count, sizeof files[0], compare_names);
    for (size_t i = 0; i < count; i++) {
        add_file(list, folder, files[i]);
    }
}
