// checkpoint.h - the tensors of a model on their way into a bundle: a checkpoint's own, with an adapter merged into them and a projector
// of items' vectors beside them.
#ifndef NJ_WORKER_MODEL_CHECKPOINT_H
#define NJ_WORKER_MODEL_CHECKPOINT_H

#include "common/base/error.h"
#include "common/input/safetensors.h"

#define NJ_PROJECTOR "projector." // what its tensors are called here and in a bundle's "weights"

typedef struct {
    const char *model_path;   // folder or file (safetensors.h)
    const char *adapter_path; // folder of a LoRA adapter (lora.h); NULL: none
    const char *
        projector_path; // folder or file of four tensors, NAME0.weight, .bias, NAME2.weight, .bias; NULL: none
} nj_checkpoint_source;

typedef struct nj_checkpoint nj_checkpoint;

/// Opens all of them. The projector's tensors become projector.0.weight and so on, whatever they were called.
///
/// Errors  those of nj_tensor_set_open, nj_lora_open and nj_lora_merge; NJ_INPUT: the projector has other tensors, or lacks one; an adapter lies
///         beside the model and is not asked for
/// Proof   tests/unit/model/test_checkpoint.c
NJ_CHECKED nj_status nj_checkpoint_open(const nj_checkpoint_source *source, nj_checkpoint **out,
                                        nj_error *err);
/// Borrowed until it is closed.
const nj_tensor_set *nj_checkpoint_tensors(const nj_checkpoint *checkpoint);
/// Accepts NULL in *checkpoint.
void nj_checkpoint_close(nj_checkpoint **checkpoint);

#endif
