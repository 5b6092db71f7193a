// t5_fixture.h - a T5 opened the way a worker opens it: checked, converted to a section, opened from the section's bytes.
#ifndef NJ_TEST_T5_FIXTURE_H
#define NJ_TEST_T5_FIXTURE_H

#include "worker/t5/t5.h"

typedef struct {
    nj_t5_config config;
    nj_buffer section;      // owned
    nj_tensor_set *weights; // owned, over section
    nj_t5 *model;           // owned
} t5_fixture;

/// Converts and opens `tensors`. Fails the test on any error.
void t5_fixture_open(t5_fixture *fixture, const nj_t5_config *config, const nj_tensor_set *tensors,
                     const nj_kernels *kernels);
/// The same with random tensors and a tied head.
void t5_fixture_open_random(t5_fixture *fixture, const nj_t5_config *config,
                            const nj_kernels *kernels, uint64_t seed);
/// The same from a HuggingFace folder.
void t5_fixture_open_folder(t5_fixture *fixture, const char *folder, const nj_kernels *kernels);
void t5_fixture_close(t5_fixture *fixture);

#endif
