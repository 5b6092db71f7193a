// bundle_pack_model.c - a checkpoint's configuration and weights, and whether it knows the catalogue.
#include <stdlib.h>

#include "common/codec/json.h"
#include "common/input/safetensors.h"
#include "worker/engine/bundle_pack_parts.h"

#define CONFIG_BYTES_MAX (1u << 20)

nj_status nj_packing_read_model(nj_packing *p, nj_error *err)
{
    nj_path path;
    json_t *json = NULL;
    nj_tensor_set *tensors = NULL;
    nj_status status = nj_path_join(p->request->model_path, "config.json", &path, err);
    if (status == NJ_OK) {
        status = nj_json_load(path.text, CONFIG_BYTES_MAX, &json, err);
    }
    if (status == NJ_NOT_FOUND) {
        status = nj_fail(err, NJ_NOT_FOUND,
                         "%.800s: cannot open: No such file or directory; a model is a folder with "
                         "that file, as save_pretrained or `nightjar train t5` writes it",
                         path.text);
    }
    if (status == NJ_OK) {
        status = nj_generator_config_read(json, path.text, &p->config, err);
    }
    if (status == NJ_OK) {
        status = nj_trained_on_read(json, path.text, &p->trained, err);
    }
    if (status == NJ_OK) {
        p->model_json = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
        status = p->model_json != NULL ? NJ_OK
                                       : nj_fail(err, NJ_NO_MEMORY, "no memory for %s", path.text);
    }
    if (status == NJ_OK) {
        status = nj_tensor_set_open(p->request->model_path, &tensors, err);
    }
    if (status == NJ_OK) {
        status = nj_generator_weights_convert(&p->config, tensors, &p->weights, err);
    }
    nj_tensor_set_close(&tensors);
    json_decref(json);
    return status;
}

// ---- does the model know the catalogue? ----

static nj_status probe_pairing(nj_packing *p, const nj_tensor_set *weights,
                               const nj_catalogue_view *view, nj_error *err)
{
    const nj_pairing_request request = {.config = &p->config,
                                        .weights = weights,
                                        .sids = &p->catalogue->sids,
                                        .level_token_base = p->catalogue->level_token_base,
                                        .template = &view->template,
                                        .history_max = p->history_max};
    nj_status status = nj_pairing_probe(&request, p->sample, &p->pairing, err);
    return status == NJ_OK ? nj_pairing_check(&p->pairing, err) : status;
}

nj_status nj_packing_check_pairing(nj_packing *p, const nj_catalogue_view *view, nj_error *err)
{
    if (p->sample == NULL) {
        return NJ_OK;
    }
    nj_tensor_set *weights = NULL;
    nj_status status = nj_tensor_set_open_bytes(p->weights.bytes, p->weights.size,
                                                p->request->model_path, &weights, err);
    if (status == NJ_OK) {
        status = probe_pairing(p, weights, view, err);
    }
    if (status == NJ_REFUSED) {
        nj_error_prefix(err, "%s and %s", p->request->model_path, p->request->catalogue_path);
    }
    nj_tensor_set_close(&weights);
    return status;
}
