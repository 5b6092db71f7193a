// blas_peers_onednn.c - oneDNN 2 as a peer: matmul and inner product, with weights in the layout that it asks for, and matmul as they lie.
//
// Primitives, descriptors and memory objects are made once a product; only the execution is timed.
#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/blas_peers.h"

#define NEEDED_MAJOR 2

// Every function that this file calls.
#define CALLS(DO)                                                                                  \
    DO(engine_create)                                                                              \
    DO(stream_create)                                                                              \
    DO(stream_wait)                                                                                \
    DO(memory_create)                                                                              \
    DO(memory_destroy)                                                                             \
    DO(memory_desc_init_by_strides)                                                                \
    DO(memory_desc_init_by_tag)                                                                    \
    DO(memory_desc_get_size)                                                                       \
    DO(matmul_desc_init)                                                                           \
    DO(inner_product_forward_desc_init)                                                            \
    DO(primitive_desc_create)                                                                      \
    DO(primitive_desc_query_md)                                                                    \
    DO(primitive_desc_destroy)                                                                     \
    DO(reorder_primitive_desc_create)                                                              \
    DO(primitive_create)                                                                           \
    DO(primitive_execute)                                                                          \
    DO(primitive_destroy)

typedef struct {
#define DECLARE(call) __typeof__(&dnnl_##call) call;
    CALLS(DECLARE)
#undef DECLARE
    dnnl_engine_t engine;
    dnnl_stream_t stream;
} onednn_library;

enum { PACKED_MATMUL, PACKED_INNER_PRODUCT, PLAIN_MATMUL };

typedef struct {
    const onednn_library *library;
    dnnl_primitive_t primitive;
    dnnl_memory_t source;
    dnnl_memory_t weights;
    dnnl_memory_t output;
    float *packed; // NULL where the weights are taken as they lie
} onednn_plan;

static void release_onednn(void *opaque)
{
    onednn_plan *plan = opaque;
    const onednn_library *library = plan->library;
    library->primitive_destroy(plan->primitive);
    library->memory_destroy(plan->source);
    library->memory_destroy(plan->weights);
    library->memory_destroy(plan->output);
    free(plan->packed);
    free(plan);
}

static void run_primitive(const onednn_library *library, dnnl_primitive_t primitive,
                          const dnnl_exec_arg_t *arguments, int count)
{
    if (library->primitive_execute(primitive, library->stream, count, arguments) != dnnl_success) {
        fprintf(stderr, "compare_blas: oneDNN refuses to execute\n");
        exit(1);
    }
    library->stream_wait(library->stream);
}

static void describe_matrix(const onednn_library *library, size_t rows, size_t columns,
                            size_t row_step, size_t column_step, dnnl_memory_desc_t *out)
{
    const dnnl_dims_t dims = {(dnnl_dim_t)rows, (dnnl_dim_t)columns};
    const dnnl_dims_t steps = {(dnnl_dim_t)row_step, (dnnl_dim_t)column_step};
    library->memory_desc_init_by_strides(out, 2, dims, dnnl_f32, steps);
}

typedef struct {
    dnnl_memory_desc_t source;
    dnnl_memory_desc_t stored; // the weights as they lie
    dnnl_memory_desc_t wanted; // as the primitive may choose them
    dnnl_memory_desc_t output;
} onednn_shapes;

static void describe_product(const onednn_library *library, const nj_product *p, size_t setting,
                             onednn_shapes *out)
{
    bool inner = setting == PACKED_INNER_PRODUCT;
    describe_matrix(library, p->M, p->K, p->lda, 1, &out->source);
    describe_matrix(library, p->M, p->N, p->ldc, 1, &out->output);
    if (inner) {
        describe_matrix(library, p->N, p->K, p->K, 1, &out->stored);
    } else if (p->weights) {
        describe_matrix(library, p->K, p->N, 1, p->K, &out->stored);
    } else {
        describe_matrix(library, p->K, p->N, p->ldb, 1, &out->stored);
    }
    out->wanted = out->stored;
    if (setting != PLAIN_MATMUL) {
        const dnnl_dims_t dims = {(dnnl_dim_t)(inner ? p->N : p->K),
                                  (dnnl_dim_t)(inner ? p->K : p->N)};
        library->memory_desc_init_by_tag(&out->wanted, 2, dims, dnnl_f32, dnnl_format_tag_any);
    }
}

static dnnl_status_t choose_primitive(const onednn_library *library, const onednn_shapes *shapes,
                                      bool inner, dnnl_primitive_desc_t *out)
{
    dnnl_matmul_desc_t matmul;
    dnnl_inner_product_desc_t product;
    dnnl_status_t status =
        inner ? library->inner_product_forward_desc_init(&product, dnnl_forward_inference,
                                                         &shapes->source, &shapes->wanted, NULL,
                                                         &shapes->output)
              : library->matmul_desc_init(&matmul, &shapes->source, &shapes->wanted, NULL,
                                          &shapes->output);
    const_dnnl_op_desc_t operation = inner ? (const void *)&product : (const void *)&matmul;
    return status == dnnl_success
               ? library->primitive_desc_create(out, operation, NULL, library->engine, NULL)
               : status;
}

/// Brings the weights into the layout `chosen`.
static void reorder_weights(onednn_plan *plan, const dnnl_memory_desc_t *stored, const float *B,
                            const dnnl_memory_desc_t *chosen)
{
    const onednn_library *library = plan->library;
    plan->packed = nj_peer_floats(library->memory_desc_get_size(chosen) / sizeof(float));
    library->memory_create(&plan->weights, chosen, library->engine, plan->packed);
    dnnl_memory_t from = NULL;
    dnnl_primitive_desc_t description = NULL;
    dnnl_primitive_t reorder = NULL;
    library->memory_create(&from, stored, library->engine, (void *)(uintptr_t)B);
    library->reorder_primitive_desc_create(&description, stored, library->engine, chosen,
                                           library->engine, NULL);
    library->primitive_create(&reorder, description);
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, plan->weights}};
    run_primitive(library, reorder, arguments, 2);
    library->primitive_destroy(reorder);
    library->primitive_desc_destroy(description);
    library->memory_destroy(from);
}

static void *prepare_onednn(const nj_peer *peer, const nj_product *product)
{
    const onednn_library *library = peer->library;
    if (peer->setting != PLAIN_MATMUL && !product->weights) {
        return NULL;
    }
    onednn_shapes shapes;
    dnnl_primitive_desc_t description = NULL;
    describe_product(library, product, peer->setting, &shapes);
    if (choose_primitive(library, &shapes, peer->setting == PACKED_INNER_PRODUCT, &description) !=
        dnnl_success) {
        return NULL; // it offers no inner product over padded rows
    }
    onednn_plan *plan = calloc(1, sizeof *plan);
    plan->library = library;
    void *A = (void *)(uintptr_t)product->A;
    library->memory_create(&plan->source, &shapes.source, library->engine, A);
    library->memory_create(&plan->output, &shapes.output, library->engine, product->C);
    if (peer->setting == PLAIN_MATMUL) {
        void *B = (void *)(uintptr_t)product->B;
        library->memory_create(&plan->weights, &shapes.stored, library->engine, B);
    } else {
        reorder_weights(plan, &shapes.stored, product->B,
                        library->primitive_desc_query_md(description, dnnl_query_weights_md, 0));
    }
    library->primitive_create(&plan->primitive, description);
    library->primitive_desc_destroy(description);
    return plan;
}

static void multiply_onednn(void *opaque)
{
    const onednn_plan *plan = opaque;
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, plan->source},
                                         {DNNL_ARG_WEIGHTS, plan->weights},
                                         {DNNL_ARG_DST, plan->output}};
    run_primitive(plan->library, plan->primitive, arguments, 3);
}

static void add_variant(nj_peer_list *list, const char *name, const onednn_library *library,
                        size_t setting)
{
    static const char *const VARIANTS[] = {"matmul", "inner product", "matmul"};
    char column[NJ_PEER_NAME_BYTES + 8];
    snprintf(column, sizeof column, "%s%s", name, setting == PLAIN_MATMUL ? "-plain" : "-packed");
    nj_peer *peer = nj_peer_add(list, column, VARIANTS[setting]);
    peer->library = library;
    peer->setting = setting;
    peer->prepare = prepare_onednn;
    peer->multiply = multiply_onednn;
    peer->release = release_onednn;
}

bool nj_peers_add_onednn(nj_peer_list *list, const char *name, void *handle)
{
    const dnnl_version_t *(*version)(void) = NULL;
    if (!nj_peer_symbol(handle, "dnnl_version", &version)) {
        return false;
    }
    if (version()->major != NEEDED_MAJOR) {
        fprintf(stderr, "compare_blas: %s is oneDNN %d, this program speaks %d\n", name,
                version()->major, NEEDED_MAJOR);
        return true;
    }
    onednn_library *library = calloc(1, sizeof *library); // for as long as the program runs
    bool complete = true;
#define FIND(call) complete = nj_peer_symbol(handle, "dnnl_" #call, &library->call) && complete;
    CALLS(FIND)
#undef FIND
    if (!complete || library->engine_create(&library->engine, dnnl_cpu, 0) != dnnl_success ||
        library->stream_create(&library->stream, library->engine, dnnl_stream_default_flags) !=
            dnnl_success) {
        fprintf(stderr, "compare_blas: %s gives no engine\n", name);
        free(library);
        return true;
    }
    for (size_t setting = PACKED_MATMUL; setting <= PLAIN_MATMUL; setting++) {
        add_variant(list, name, library, setting);
    }
    char about[NJ_PEER_ABOUT_BYTES];
    snprintf(about, sizeof about, "oneDNN %d.%d.%d", version()->major, version()->minor,
             version()->patch);
    nj_peer_add_library(list, name, about);
    return true;
}
