// limits.h - the most that one batch of users may hold: what a model's scratch is planned for.
#ifndef NJ_WORKER_MODEL_LIMITS_H
#define NJ_WORKER_MODEL_LIMITS_H

#include <stdint.h>

#define NJ_MODEL_STEPS_MAX 1024 // that steps_max may be

typedef struct {
    uint32_t users_max;      // B
    uint32_t tokens_max;     // sum of S over a batch; what all prompts have in common aside
    uint32_t sequence_max;   // longest S, likewise
    uint32_t rows_max;       // rows (beams of all users) of one step
    uint32_t chunk_rows_max; // rows computed at a time
    uint32_t steps_max;      // tokens that are generated: L of a SID
} nj_model_limits;

#endif
