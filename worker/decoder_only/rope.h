// rope.h - rotary positions: how far each pair of a head's values is turned at each position.
//
//   angle(position, i) = position * inverse_frequency[i]      i < E/2; value i is paired with value i + E/2 (the "half" layout)
//
// Types as Transformers names them (modeling_rope_utils): default, linear, llama3 and yarn. dynamic and longrope change the turn with the
// length of the text, so keys that are kept would have to be turned again; they are refused by name.
//
// Tables are made with additions, products, divisions and square roots of float64 only, which every machine rounds alike, and then rounded
// to float32: the same bits everywhere.
#ifndef NJ_WORKER_DECODER_ONLY_ROPE_H
#define NJ_WORKER_DECODER_ONLY_ROPE_H

#include <stdint.h>

#include <jansson.h>

#include "common/base/error.h"
#include "common/codec/json.h"

typedef enum { NJ_ROPE_DEFAULT, NJ_ROPE_LINEAR, NJ_ROPE_LLAMA3, NJ_ROPE_YARN } nj_rope_type;

typedef struct {
    nj_rope_type type;
    double theta;
    double factor;           // linear, llama3, yarn: at least 1
    double low_factor;       // llama3: low_freq_factor
    double high_factor;      // llama3: high_freq_factor
    uint32_t position_first; // llama3, yarn: original_max_position_embeddings
    double beta_fast;        // yarn
    double beta_slow;        // yarn
    bool truncate;           // yarn: the bounds of the ramp are whole numbers
    double attention;        // yarn: what the turned values are multiplied by; else 1
} nj_rope_config;

/// Reads rope_parameters (Transformers 5) or rope_theta and rope_scaling (before); rope_scaling counts where both are there. `position_max` is max_position_embeddings, what yarn and
/// llama3 take where the file does not say the original one. The first failure stays in `keys`: an unknown rope_type and a missing factor are named.
///
/// Source  transformers 5.17, modeling_rope_utils.py
/// Proof   tests/unit/decoder_only/test_rope.c
void nj_rope_config_read(nj_json_keys *keys, uint32_t position_max, nj_rope_config *out);

/// Fills cosines and sines [positions, E / 2], times config->attention.
///
///   E  width of a head, even
void nj_rope_fill(const nj_rope_config *config, uint32_t E, uint32_t positions, float *cosines,
                  float *sines);

/// Turns a head's values [E] in place: (a, b) of a pair becomes (a cos - b sin, b cos + a sin), each product rounded.
void nj_rope_turn(uint32_t E, const float *cosines, const float *sines, float *values);

#endif
