// lora.h - a PEFT LoRA adapter, merged into the tensors of the checkpoint that it was trained on.
//
//   W  +=  scale * B A        A [r, K], B [N, r]; scale = lora_alpha / r, with use_rslora lora_alpha / sqrt(r)
//
// The adapter is a folder as PEFT's save_pretrained writes it: adapter_config.json and adapter_model.safetensors with
// base_model.model.NAME.lora_A.weight, .lora_B.weight, and whole tensors of modules_to_save. What an adapter may be besides (DoRA, patterns of
// ranks, trained biases, embeddings of low rank, starts that change the checkpoint) is refused by name: it would be another model.
#ifndef NJ_WORKER_MODEL_LORA_H
#define NJ_WORKER_MODEL_LORA_H

#include "common/base/error.h"
#include "common/input/safetensors.h"

#define NJ_LORA_CONFIG "adapter_config.json"
#define NJ_LORA_TENSORS "adapter_model.safetensors"
#define NJ_LORA_RANK_MAX 4096

typedef struct nj_lora nj_lora;

/// Opens an adapter's folder. NJ_NOT_FOUND, NJ_IO; NJ_INPUT names file and key, or what the tensors' reader refuses; NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_lora_open(const char *folder, nj_lora **out, nj_error *err);

/// Puts the merged tensors into `model`, in float32 (PEFT rounds to the type of a checkpoint in half precision), the product summed in order of the rank. Their values are the adapter's, which outlives
/// `model`; once only. After a failure some may be there.
///
/// Errors  NJ_INPUT names file, tensor, rule and both numbers or shapes; NJ_NO_MEMORY
/// Source  PEFT 0.19, tuners/lora/layer.py (update_layer, get_delta_weight), utils/save_and_load.py
/// Proof   tests/unit/model/test_lora.c against PEFT's merge_and_unload
NJ_CHECKED nj_status nj_lora_merge(nj_lora *lora, nj_tensor_set *model, nj_error *err);
/// Accepts NULL in *lora.
void nj_lora_close(nj_lora **lora);

#endif
