#include "worker/model/checkpoint.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "worker/model/lora.h"

struct nj_checkpoint {
    nj_tensor_set *tensors;   // owned; the others' values are among its own
    nj_lora *adapter;         // owned; NULL: none
    nj_tensor_set *projector; // owned; NULL: none
};

// ---- the projector ----

static const char *const PROJECTOR[] = {NJ_PROJECTOR "0.weight", NJ_PROJECTOR "0.bias",
                                        NJ_PROJECTOR "2.weight", NJ_PROJECTOR "2.bias"};
#define PROJECTOR_COUNT (sizeof PROJECTOR / sizeof PROJECTOR[0])

// The name that a projector's tensor has here; NULL: it is none of the four. Its own may have any words in front.
static const char *find_role(const char *name)
{
    for (size_t i = 0; i < PROJECTOR_COUNT; i++) {
        const char *role = PROJECTOR[i] + strlen(NJ_PROJECTOR);
        const size_t size = strlen(name);
        const size_t words = size >= strlen(role) ? size - strlen(role) : 0;
        if (strcmp(name + words, role) == 0 && (words == 0 || name[words - 1] == '.')) {
            return PROJECTOR[i];
        }
    }
    return NULL;
}

static nj_status put_projector(const char *path, const nj_tensor_set *projector,
                               nj_tensor_set *tensors, nj_error *err)
{
    const size_t count = nj_tensor_set_count(projector);
    for (size_t i = 0; i < count; i++) {
        nj_tensor tensor = *nj_tensor_set_at(projector, i);
        const char *role = find_role(tensor.name);
        if (role == NULL || nj_tensor_set_find(tensors, role) != NULL) {
            return nj_fail(err, NJ_INPUT,
                           "%s: tensor \"%.200s\" %s, a projector has \"NAME0.weight\", "
                           "\"NAME0.bias\", \"NAME2.weight\" and \"NAME2.bias\"",
                           tensor.file, tensor.name,
                           role == NULL ? "has no place" : "is there twice");
        }
        tensor.name = role;
        const nj_status status = nj_tensor_set_put(tensors, &tensor, err);
        if (status != NJ_OK) {
            return status;
        }
    }
    return count == PROJECTOR_COUNT
               ? NJ_OK
               : nj_fail(err, NJ_INPUT,
                         "%s: has %zu tensors, must have 4: \"NAME0.weight\", \"NAME0.bias\", "
                         "\"NAME2.weight\" and \"NAME2.bias\"",
                         path, count);
}

// ---- all of it ----

static nj_status add_adapter(nj_checkpoint *checkpoint, const char *path, nj_error *err)
{
    nj_status status = nj_lora_open(path, &checkpoint->adapter, err);
    return status == NJ_OK ? nj_lora_merge(checkpoint->adapter, checkpoint->tensors, err) : status;
}

static nj_status add_projector(nj_checkpoint *checkpoint, const char *path, nj_error *err)
{
    nj_status status = nj_tensor_set_open(path, &checkpoint->projector, err);
    return status == NJ_OK ? put_projector(path, checkpoint->projector, checkpoint->tensors, err)
                           : status;
}

// An adapter that lies beside the model and is not asked for would be left out without a word.
static nj_status check_forgotten(const char *model_path, nj_error *err)
{
    nj_path path;
    nj_status status = nj_path_join(model_path, NJ_LORA_CONFIG, &path, err);
    if (status == NJ_OK && nj_file_exists(path.text)) {
        return nj_fail(err, NJ_INPUT,
                       "%s: an adapter lies beside the model: give --lora %s, or move it away",
                       path.text, model_path);
    }
    return status;
}

nj_status nj_checkpoint_open(const nj_checkpoint_source *source, nj_checkpoint **out, nj_error *err)
{
    nj_checkpoint *checkpoint = calloc(1, sizeof *checkpoint);
    if (checkpoint == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory for its tensors", source->model_path);
    }
    nj_status status = nj_tensor_set_open(source->model_path, &checkpoint->tensors, err);
    if (status == NJ_OK) {
        status = source->adapter_path != NULL ? add_adapter(checkpoint, source->adapter_path, err)
                                              : check_forgotten(source->model_path, err);
    }
    if (status == NJ_OK && source->projector_path != NULL) {
        status = add_projector(checkpoint, source->projector_path, err);
    }
    if (status == NJ_OK) {
        *out = checkpoint;
        checkpoint = NULL;
    }
    nj_checkpoint_close(&checkpoint);
    return status;
}

const nj_tensor_set *nj_checkpoint_tensors(const nj_checkpoint *checkpoint)
{
    return checkpoint->tensors;
}

void nj_checkpoint_close(nj_checkpoint **checkpoint)
{
    if (*checkpoint != NULL) {
        nj_tensor_set_close(&(*checkpoint)->tensors);
        nj_lora_close(&(*checkpoint)->adapter);
        nj_tensor_set_close(&(*checkpoint)->projector);
        free(*checkpoint);
        *checkpoint = NULL;
    }
}
