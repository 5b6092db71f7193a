// t5_random.h - a T5 with random weights under HuggingFace's names, spelled here independently of the code under test.
#ifndef NJ_TEST_T5_RANDOM_H
#define NJ_TEST_T5_RANDOM_H

#include "worker/t5/t5.h"

#define T5_RANDOM_TENSORS_MAX 128

typedef struct {
    nj_tensor_source tensors[T5_RANDOM_TENSORS_MAX]; // data owned
    size_t count;
    uint64_t seed;
} t5_random;

/// D = 12, H = 3, E = 5 (H*E is not D), F = 20, V = 17, 2 + 1 layers, R = 8, relu, scaled: tests change what they are about.
nj_t5_config t5_random_config(void);

void t5_random_init(t5_random *model, const nj_t5_config *config, bool stores_head, uint64_t seed);
void t5_random_fini(t5_random *model);

/// Adds a tensor; rows = 0 makes it one-dimensional. Borrowed until fini.
float *t5_random_add(t5_random *model, const char *name, size_t rows, size_t columns);
/// The tensor called `name`; fails the test when there is none.
nj_tensor_source *t5_random_find(t5_random *model, const char *name);
void t5_random_remove(t5_random *model, const char *name);

/// The tensors as a file in `bytes` (emptied first) and opened. `*out` is owned, `bytes` outlives it.
void t5_random_open(t5_random *model, nj_buffer *bytes, nj_tensor_set **out);

#endif
