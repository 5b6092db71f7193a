// bench_trie_peers.h - what a trie is measured against: the same SIDs as a plain sorted array, and as nodes with pointers.
#ifndef NJ_OPS_CLI_BENCH_TRIE_PEERS_H
#define NJ_OPS_CLI_BENCH_TRIE_PEERS_H

#include "common/sid/trie_build.h"

// The SIDs in order and the rows beside them. A prefix is found by binary search, and so is the end of each of its children.
typedef struct {
    uint16_t *codes; // [N, L] owned
    uint32_t *rows;  // [N] owned
    uint32_t row_count;
    uint32_t level_count;
    size_t bytes;
} nj_bench_array;

NJ_CHECKED nj_status nj_bench_array_init(const nj_sids *sorted, nj_bench_array *out, nj_error *err);
void nj_bench_array_fini(nj_bench_array *array);

/// Lists the codes that follow the first `level` codes of `prefix`; returns how many.
uint32_t nj_bench_array_children(const nj_bench_array *array, uint32_t level,
                                 const uint16_t *prefix, uint16_t *codes);

// A node; its children stand in an array of their own.
typedef struct nj_bench_node nj_bench_node;
struct nj_bench_node {
    nj_bench_node *children; // [count] owned; NULL for a leaf
    uint32_t count;
    uint32_t first, end; // places of its items
    uint16_t code;
};

typedef struct {
    nj_bench_node root;
    uint32_t *rows; // [N] owned
    uint32_t level_count;
    size_t bytes; // what malloc took
    // To look at nodes by number and to free them; not counted.
    nj_bench_node **levels[NJ_LEVELS_MAX]; // [node_count[l]] owned
    uint32_t node_count[NJ_LEVELS_MAX + 1];
} nj_bench_pointers;

/// nj_bench_pointers_fini afterwards, whatever the status.
NJ_CHECKED nj_status nj_bench_pointers_init(const nj_sids *sorted, nj_bench_pointers *out,
                                            nj_error *err);
void nj_bench_pointers_fini(nj_bench_pointers *pointers);

/// Lists the codes of a node's children; returns how many.
uint32_t nj_bench_node_children(const nj_bench_node *node, uint16_t *codes);

#endif
