// train_sasrec.h - a SASRec as files: what `train sasrec` writes and `baseline sasrec` reads.
//
//   DIR/config.json        sizes
//   DIR/model.safetensors  all parameters
//   DIR/item_vectors.npy   float32 [N, D]: the item embeddings, in the order of --ids
#ifndef NJ_OPS_CLI_TRAIN_SASREC_H
#define NJ_OPS_CLI_TRAIN_SASREC_H

#include "common/base/digest.h"
#include "worker/train/sasrec.h"

#define NJ_SASREC_FILES "config.json", "model.safetensors", "item_vectors.npy"

/// Writes the three files, each whole or not at all. `items` is the digest of the ids. NJ_IO, NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_sasrec_files_write(const nj_sasrec *model, const nj_digest *items,
                                           const char *folder, nj_error *err);
/// Reads config.json and model.safetensors. NJ_INPUT names file, rule and both numbers; NJ_CONFIG: the model is of other items.
NJ_CHECKED nj_status nj_sasrec_files_read(const char *folder, const nj_digest *items,
                                          const nj_kernels *kernels, nj_sasrec **out,
                                          nj_error *err);

#endif
