// lm_random.c - a model of any shape with weights that mean nothing: for benchmarks and tests.
#include <string.h>

#include "worker/decoder_only/lm_internal.h"
#include "worker/model/weights_random.h"

static bool is_head_norm(const nj_lm_walk *walk)
{
    return strstr(walk->name, "_norm.weight") != NULL;
}

nj_status nj_lm_weights_random(const nj_lm_config *config, bool head_norms, uint64_t seed,
                               nj_buffer *out, nj_error *err)
{
    const size_t vocabulary[] = {config->V, config->D};
    nj_random_weights *weights = nj_random_weights_new(seed);
    if (weights == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for random weights");
    }
    nj_status status = nj_random_weights_add(weights, NJ_LM_EMBEDDING, vocabulary, 2);
    nj_lm_walk walk = nj_lm_walk_begin(config);
    while (status == NJ_OK && nj_lm_walk_next(&walk)) {
        if (!walk.optional || (head_norms && is_head_norm(&walk))) {
            status = nj_random_weights_add(weights, walk.name, walk.shape, walk.dim_count);
        }
    }
    status = nj_random_weights_write(weights, status, out, err);
    nj_random_weights_free(weights);
    return status;
}
