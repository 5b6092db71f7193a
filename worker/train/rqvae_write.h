// rqvae_write.h - a trained RQ-VAE as files of a folder.
//
//   codebooks.safetensors  codebooks, encoder and what standardises (common/catalogue/quant_model.h): `catalogue assign --codebooks` reads it
//   decoder.safetensors    decoder.<i>.weight, .bias: from the sum of an item's codes back to its standardised embedding. Apart, because
//                          who gives codes needs none of it
//   codes.npy              uint16 [N, L]: the codes that training counted; `catalogue import --sids` reads it
#ifndef NJ_WORKER_TRAIN_RQVAE_WRITE_H
#define NJ_WORKER_TRAIN_RQVAE_WRITE_H

#include "worker/train/rqvae_model.h"
#include "worker/train/rqvae_rows.h"

#define NJ_RQVAE_FILES "codebooks.safetensors", "decoder.safetensors", "codes.npy"

/// Writes all three, each whole or not at all. NJ_IO, NJ_NO_MEMORY; NJ_INPUT: the path is too long.
/// Proof   tests/unit/train/test_rqvae_train.c, tests/cli/0785-train-rqvae.t
NJ_CHECKED nj_status nj_rqvae_write(const nj_rqvae *model, const nj_rqvae_rows *rows,
                                    const uint16_t *codes, const char *folder, nj_error *err);

#endif
