// catalogue_fit_nodes.c - the work of a hierarchical level: k-means within each node of the level above.
//
//   section "rows"        f32 [nodes, 1] as .npy; row n says how many items node n has
//   section "first"       u32 [nodes + 1]: where a node's items begin in "order"
//   section "order"       u32 [N]: rows of the embeddings, node by node, ascending in each
//   section "embeddings"  .npy [N, D_in]
//   section "above"       f32 [nodes, D]: the vectors of the nodes; the only child of a node without items
//
//   answer, node by node: u64 children, u64 updates, u64 codes revived, u64 items of the child that has most, f64 squared error
//   of the last update, f32 [children, D]
//
// A node with more than max(NJ_FIT_SAMPLE_ROWS, NJ_FIT_SAMPLE_CODES * K) items is trained on a sample of so many.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/catalogue/catalogue_fit.h"
#include "common/catalogue/catalogue_fit_step.h"

#define STREAMS_A_NODE (NJ_FIT_ITERATIONS_MAX + 2)

typedef struct {
    nj_fit_step step;
    nj_npy embeddings;
    nj_fit_view view;
    const uint32_t *first; // [nodes + 1]
    const uint32_t *order; // [N]
    const float *above;    // [nodes, D]
    size_t rows_max;       // of a node that are looked at
    float *rows;           // [rows_max or the largest node, D]
    float *centroids;      // [K, D]
} nodes_state;

typedef struct {
    uint64_t children;
    uint64_t iterations;
    uint64_t revived;
    uint64_t largest;
    double error;
} node_head;

static void close_nodes(void *opened)
{
    nodes_state *state = opened;
    if (state != NULL) {
        nj_fit_view_fini(&state->view);
        free(state->rows);
        free(state->centroids);
        free(state);
    }
}

static nj_status check_order(const nodes_state *state, size_t node_count, nj_error *err)
{
    const size_t N = state->embeddings.shape[0];
    bool fits = state->first[0] == 0 && state->first[node_count] == N;
    for (size_t n = 0; n < node_count && fits; n++) {
        fits = state->first[n] <= state->first[n + 1];
    }
    for (size_t i = 0; i < N && fits; i++) {
        fits = state->order[i] < N;
    }
    return fits ? NJ_OK
                : nj_fail(err, NJ_INPUT, "the order of rows by node does not fit %zu nodes of %zu",
                          node_count, N);
}

static nj_status find_sections(const nj_item_task *task, nodes_state *state, nj_error *err)
{
    const size_t node_count = task->rows.shape[0];
    const nj_section *npy = nj_sections_find(task->sections, "embeddings");
    const void *first = NULL;
    const void *order = NULL;
    const void *above = NULL;
    if (npy == NULL) {
        return nj_fail(err, NJ_INPUT, "a step of the fit has no section \"embeddings\"");
    }
    nj_status status = nj_npy_view(npy->bytes, npy->size, "embeddings", &state->embeddings, err);
    if (status == NJ_OK &&
        (state->embeddings.dim_count != 2 || state->embeddings.shape[1] != state->step.D_in)) {
        status = nj_fail(err, NJ_INPUT, "embeddings of a step are not %zu wide", state->step.D_in);
    }
    if (status == NJ_OK) {
        status =
            nj_fit_section(task->sections, "first", node_count + 1, sizeof(uint32_t), &first, err);
    }
    if (status == NJ_OK) {
        status = nj_fit_section(task->sections, "order", state->embeddings.shape[0],
                                sizeof(uint32_t), &order, err);
    }
    if (status == NJ_OK) {
        status = nj_fit_section(task->sections, "above", node_count * state->step.D, sizeof(float),
                                &above, err);
    }
    state->first = first;
    state->order = order;
    state->above = above;
    return status == NJ_OK ? check_order(state, node_count, err) : status;
}

static nj_status take_scratch(nodes_state *state, size_t node_count, nj_error *err)
{
    const size_t D = state->step.D;
    const size_t K = state->step.K[state->step.level];
    size_t largest = 1;
    for (size_t n = 0; n < node_count; n++) {
        largest = nj_max_size(largest, state->first[n + 1] - state->first[n]);
    }
    state->rows_max = nj_max_size(NJ_FIT_SAMPLE_ROWS, NJ_FIT_SAMPLE_CODES * K);
    state->rows = malloc(nj_min_size(largest, state->rows_max) * D * sizeof *state->rows);
    state->centroids = malloc(K * D * sizeof *state->centroids);
    return state->rows != NULL && state->centroids != NULL
               ? NJ_OK
               : nj_fail(err, NJ_NO_MEMORY, "no memory for a node of %zu rows of width %zu",
                         nj_min_size(largest, state->rows_max), D);
}

static nj_status open_view(const nj_item_task *task, nodes_state *state, nj_error *err)
{
    nj_transform transform;
    nj_status status = nj_fit_transform_find(task->sections, &state->step, &transform, err);
    state->view = (nj_fit_view){.npy = &state->embeddings,
                                .codebooks = {.kind = NJ_QUANT_HIERARCHICAL, .D = state->step.D}};
    return status == NJ_OK ? nj_fit_view_init(&state->view, &state->step, &transform, err) : status;
}

static nj_status open_nodes(const nj_item_task *task, void **out_state, nj_error *err)
{
    nodes_state *state = calloc(1, sizeof *state);
    if (state == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a step of the fit");
    }
    nj_status status = nj_fit_step_unpack(task->parameters, &state->step, err);
    if (status == NJ_OK) {
        status = find_sections(task, state, err);
    }
    if (status == NJ_OK) {
        status = open_view(task, state, err);
    }
    if (status == NJ_OK) {
        status = take_scratch(state, task->rows.shape[0], err);
    }
    if (status != NJ_OK) {
        close_nodes(state);
        return status;
    }
    *out_state = state;
    return NJ_OK;
}

// Rows of the node, or of a sample of them, as the level sees them.
static nj_status load_node(const nj_item_task *task, nodes_state *state, size_t node,
                           size_t *out_count, nj_error *err)
{
    const size_t D = state->step.D;
    const uint32_t *items = state->order + state->first[node];
    const size_t all = state->first[node + 1] - state->first[node];
    const size_t count = nj_min_size(all, state->rows_max);
    nj_status status = NJ_OK;
    for (size_t i = 0; i < count && status == NJ_OK; i++) {
        uint64_t at = nj_kmeans_sample_row(state->step.seed, (uint64_t)node * STREAMS_A_NODE, all,
                                           state->rows_max, i);
        status = nj_fit_view_load(&state->view, items[at], 1, err);
        if (status == NJ_OK) {
            memcpy(state->rows + i * D, state->view.seen, D * sizeof *state->rows);
        }
        if (status == NJ_OK && i % NJ_FIT_BLOCK_ROWS == 0) {
            status = nj_item_task_step(task, 0, err);
        }
    }
    *out_count = count;
    return status;
}

static nj_status train_node(const nj_item_task *task, nodes_state *state, size_t node,
                            node_head *out, nj_error *err)
{
    const size_t D = state->step.D;
    const nj_kmeans_options options = {.K = state->step.K[state->step.level],
                                       .iterations_max = state->step.iterations_max,
                                       .tolerance = state->step.tolerance,
                                       .seed = state->step.seed,
                                       .stream = (uint64_t)node * STREAMS_A_NODE + 1};
    nj_kmeans_result result = {.count = 1};
    size_t count = 0;
    nj_status status = load_node(task, state, node, &count, err);
    if (status == NJ_OK && count == 0) {
        memcpy(state->centroids, state->above + node * D, D * sizeof *state->centroids);
    } else if (status == NJ_OK) {
        status = nj_kmeans_train(task->kernels, state->rows, count, D, &options, state->centroids,
                                 &result, err);
    }
    *out = (node_head){result.count, result.iterations, result.revived, result.last.largest,
                       result.last.error};
    return status;
}

static nj_status run_nodes(const nj_item_task *task, void *opened, size_t first, size_t count,
                           nj_buffer *answer, nj_error *err)
{
    nodes_state *state = opened;
    nj_status status = NJ_OK;
    for (size_t node = first; node < first + count && status == NJ_OK; node++) {
        node_head head;
        status = train_node(task, state, node, &head, err);
        if (status != NJ_OK) {
            break;
        }
        status = nj_buffer_append(answer, &head, sizeof head);
        if (status == NJ_OK) {
            status = nj_buffer_append(answer, state->centroids,
                                      head.children * state->step.D * sizeof *state->centroids);
        }
        status = status == NJ_OK ? nj_item_task_step(task, 1, err)
                                 : nj_fail(err, status, "no memory for the children of a node");
    }
    return status;
}

static const char *find_nodes_problem(const nj_item_task *task, size_t count, nj_slice answer)
{
    nj_fit_step step;
    if (nj_fit_step_unpack(task->parameters, &step, NULL) != NJ_OK) {
        return "is for parameters that are no step of a fit";
    }
    const char *at = answer.bytes;
    size_t left = answer.size;
    for (size_t n = 0; n < count; n++) {
        node_head head;
        if (left < sizeof head) {
            return "is cut";
        }
        memcpy(&head, at, sizeof head);
        if (head.children < 1 || head.children > step.K[step.level] || !isfinite(head.error)) {
            return "has a node with no children, too many, or an error that is no number";
        }
        const size_t bytes = (size_t)head.children * step.D * sizeof(float);
        if (left - sizeof head < bytes) {
            return "is cut";
        }
        for (size_t i = 0; i < bytes; i += sizeof(float)) {
            float value;
            memcpy(&value, at + sizeof head + i, sizeof value);
            if (!isfinite(value)) {
                return "has a vector that is no number";
            }
        }
        at += sizeof head + bytes;
        left -= sizeof head + bytes;
    }
    return left == 0 ? NULL : "has bytes behind its last node";
}

const nj_item_work nj_item_work_fit_nodes = {.name = "fit_nodes",
                                             .open = open_nodes,
                                             .run = run_nodes,
                                             .close = close_nodes,
                                             .find_problem = find_nodes_problem};

nj_status nj_fit_nodes_read(nj_slice *answer, size_t D, nj_fit_node *out, nj_error *err)
{
    node_head head;
    if (answer->size < sizeof head) {
        return nj_fail(err, NJ_INPUT, "the children of a node are cut");
    }
    memcpy(&head, answer->bytes, sizeof head);
    answer->bytes += sizeof head;
    answer->size -= sizeof head;
    if (head.children < 1 || answer->size / (D * sizeof(float)) < head.children) {
        return nj_fail(err, NJ_INPUT, "the children of a node are cut");
    }
    *out = (nj_fit_node){.vectors = answer->bytes,
                         .child_count = (uint32_t)head.children,
                         .iterations = (uint32_t)head.iterations,
                         .revived = (uint32_t)head.revived,
                         .largest = head.largest,
                         .error = head.error};
    const size_t bytes = (size_t)head.children * D * sizeof(float);
    answer->bytes += bytes;
    answer->size -= bytes;
    return NJ_OK;
}
