// t5_folder.h - a trained T5 as a HuggingFace folder: what `bundle pack --model` and Transformers read.
//
//   config.json             sizes, and under "nightjar" what bundle pack must know (common/catalogue/trained_on.h)
//   generation_config.json  L tokens, from the start token
//   model.safetensors       float32 [lm_head.weight only where the head is untied]
#ifndef NJ_WORKER_TRAIN_T5_FOLDER_H
#define NJ_WORKER_TRAIN_T5_FOLDER_H

#include "common/catalogue/catalogue.h"
#include "worker/train/t5_parameters.h"

#define NJ_T5_FOLDER_FILES "config.json", "generation_config.json", "model.safetensors"

typedef struct {
    const nj_t5_config *config;
    bool untied;
    double dropout;
    double initializer_factor;
    const nj_catalogue *catalogue;
    const nj_template *template;
    uint32_t history_max;
} nj_t5_folder;

/// The text of config.json, owned by the caller: free(). With tie_word_embeddings and scale_decoder_outputs both, so that every
/// version of Transformers reads the same model.
/// Errors  NJ_NO_MEMORY
/// Source  transformers 5.23, configuration_t5.py
/// Proof   tests/parity/train_transformers
NJ_CHECKED nj_status nj_t5_folder_config(const nj_t5_folder *folder, char **out, nj_error *err);

/// Puts the three files into `path`, each whole or not at all. A config.json with another text is removed before the weights are
/// replaced, so nobody reads the weights of one model with the sizes of another.
///
///   config  the text of nj_t5_folder_config
///
/// Errors  NJ_IO, NJ_NO_MEMORY
NJ_CHECKED nj_status nj_t5_folder_write(const nj_train_t5 *model, const char *config,
                                        uint32_t level_count, const char *path, nj_error *err);

#endif
