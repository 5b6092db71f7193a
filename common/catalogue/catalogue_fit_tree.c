// catalogue_fit_tree.c - a hierarchical level below the first: rows by node, k-means in each node, the nodes of the next level.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/catalogue/catalogue_fit_parts.h"

#define NPY_HEADER_BYTES 128
#define SHARD_COUNT_MIN                                                                            \
    64 // nodes are cut into at least so many shards, where there are nodes enough

// Nodes of the level above and what they hold.
typedef struct {
    nj_fit_run *run;
    size_t node_count;
    uint32_t *first;  // [node_count + 1]
    uint32_t *order;  // [N]
    uint8_t *sizes;   // a .npy of f32 [node_count, 1]
    nj_buffer values; // f32 [rows so far, D]
    uint32_t *offsets;
    size_t node; // next
    double error;
} tree_level;

// ---- rows by node ----

static uint32_t find_node(const nj_fit_run *run, size_t row)
{
    uint32_t node = 0;
    for (uint32_t l = 0; l < run->level; l++) {
        node = run->offsets[l][node] + run->codes[l][row];
    }
    return node;
}

static void order_rows(tree_level *tree)
{
    const nj_fit_run *run = tree->run;
    for (size_t i = 0; i < run->N; i++) {
        tree->first[find_node(run, i) + 1]++;
    }
    for (size_t n = 0; n < tree->node_count; n++) {
        tree->first[n + 1] += tree->first[n];
    }
    for (size_t i = 0; i < run->N; i++) { // first[n] walks to the end of its node
        tree->order[tree->first[find_node(run, i)]++] = (uint32_t)i;
    }
    for (size_t n = tree->node_count; n > 0; n--) {
        tree->first[n] = tree->first[n - 1];
    }
    tree->first[0] = 0;
}

static void write_sizes(tree_level *tree)
{
    char *header = (char *)tree->sizes;
    memset(header, ' ', NPY_HEADER_BYTES);
    int length =
        snprintf(header + 10, NPY_HEADER_BYTES - 10,
                 "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, 1), }", tree->node_count);
    memcpy(header, "\x93NUMPY\x01\x00\x76\x00", 10); // 0x76 bytes of header follow
    header[10 + length] = ' ';
    header[NPY_HEADER_BYTES - 1] = '\n';
    for (size_t n = 0; n < tree->node_count; n++) {
        const float size = (float)(tree->first[n + 1] - tree->first[n]);
        memcpy(tree->sizes + NPY_HEADER_BYTES + n * sizeof size, &size, sizeof size);
    }
}

static nj_status open_tree(tree_level *tree, nj_fit_run *run, nj_error *err)
{
    *tree = (tree_level){.run = run, .node_count = run->rows[run->level - 1]};
    nj_buffer_init(&tree->values, NJ_FIT_CODES_BYTES_MAX);
    tree->first = calloc(tree->node_count + 1, sizeof *tree->first);
    tree->order = malloc(run->N * sizeof *tree->order);
    tree->sizes = malloc(NPY_HEADER_BYTES + tree->node_count * sizeof(float));
    tree->offsets = calloc(tree->node_count + 1, sizeof *tree->offsets);
    if (tree->first == NULL || tree->order == NULL || tree->sizes == NULL ||
        tree->offsets == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for %zu rows of %zu nodes", run->N,
                       tree->node_count);
    }
    order_rows(tree);
    write_sizes(tree);
    return NJ_OK;
}

static void close_tree(tree_level *tree)
{
    free(tree->first);
    free(tree->order);
    free(tree->sizes);
    free(tree->offsets);
    nj_buffer_fini(&tree->values);
}

// ---- children ----

static nj_status take_node(tree_level *tree, const nj_fit_node *node, nj_error *err)
{
    nj_fit_run *run = tree->run;
    nj_fit_level *level = &run->report.levels[run->level];
    const size_t total = (size_t)tree->offsets[tree->node] + node->child_count;
    if (total > NJ_QUANT_ROWS_MAX) {
        return nj_fail(err, NJ_INPUT,
                       "%s: level %" PRIu32 " needs more than %u nodes, which is the limit; fewer "
                       "codes or levels would do",
                       run->npy.path, run->level, NJ_QUANT_ROWS_MAX);
    }
    if (nj_buffer_append(&tree->values, node->vectors,
                         node->child_count * run->D * sizeof(float)) != NJ_OK) {
        return nj_fail(err, NJ_NO_MEMORY,
                       "no memory for %zu nodes of width %zu on level %" PRIu32
                       ", or they are more than %zu bytes",
                       total, run->D, run->level, NJ_FIT_CODES_BYTES_MAX);
    }
    tree->offsets[++tree->node] = (uint32_t)total;
    tree->error += node->error;
    level->iterations = node->iterations > level->iterations ? node->iterations : level->iterations;
    level->revived += node->revived;
    level->largest = node->largest > level->largest ? node->largest : level->largest;
    return NJ_OK;
}

static nj_status take_nodes(void *context, size_t shard, size_t first, size_t count,
                            nj_slice answer, nj_error *err)
{
    (void)shard;
    (void)first;
    tree_level *tree = context;
    nj_status status = NJ_OK;
    for (size_t n = 0; n < count && status == NJ_OK; n++) {
        nj_fit_node node;
        status = nj_fit_nodes_read(&answer, tree->run->D, &node, err);
        if (status == NJ_OK) {
            status = take_node(tree, &node, err);
        }
    }
    return status;
}

static nj_status learn_nodes(tree_level *tree, nj_error *err)
{
    nj_fit_run *run = tree->run;
    const nj_fit_step step = nj_fit_step_of(run, run->level);
    const size_t node_bytes = run->config->K[run->level] * run->D * sizeof(float) + 64;
    size_t shard_nodes = tree->node_count / SHARD_COUNT_MIN;
    if (shard_nodes > NJ_ITEM_ANSWER_BYTES_MAX / node_bytes) {
        shard_nodes = NJ_ITEM_ANSWER_BYTES_MAX / node_bytes;
    }
    nj_fit_sections sections = {0};
    nj_fit_sections_add(&sections, NJ_ITEM_ROWS, tree->sizes,
                        NPY_HEADER_BYTES + tree->node_count * sizeof(float));
    nj_fit_sections_add_embeddings(&sections, run, "embeddings");
    nj_fit_sections_add_transform(&sections, run);
    nj_fit_sections_add(&sections, "first", tree->first,
                        (tree->node_count + 1) * sizeof *tree->first);
    nj_fit_sections_add(&sections, "order", tree->order, run->N * sizeof *tree->order);
    nj_fit_sections_add(&sections, "above", run->vectors[run->level - 1],
                        tree->node_count * run->D * sizeof(float));
    nj_fit_tell(run, "nodes");
    return nj_fit_round(run, &nj_item_work_fit_nodes, &step, &sections,
                        shard_nodes > 0 ? shard_nodes : 1, take_nodes, tree, err);
}

nj_status nj_fit_tree_learn(nj_fit_run *run, nj_error *err)
{
    tree_level tree;
    nj_status status = open_tree(&tree, run, err);
    if (status == NJ_OK) {
        status = learn_nodes(&tree, err);
    }
    if (status == NJ_OK) {
        const uint32_t l = run->level;
        nj_fit_level *level = &run->report.levels[l];
        run->rows[l] = tree.offsets[tree.node_count];
        run->vectors[l] = (float *)(void *)tree.values.bytes;
        run->offsets[l] = tree.offsets;
        tree.offsets = NULL;
        nj_buffer_init(&tree.values, 0);
        level->error = tree.error / (double)run->N;
        level->node_count = (uint32_t)run->rows[l];
        run->rows_done += (uint64_t)run->config->iterations_max * run->N;
        run->level++;
        if (run->config->state_path != NULL && run->level < run->config->level_count &&
            nj_clock_mono_ns() - run->saved_ns >= run->config->state_every_ms * 1000000u) {
            status = nj_fit_state_write(run, err);
        }
    }
    close_tree(&tree);
    return status;
}
