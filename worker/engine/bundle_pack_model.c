// bundle_pack_model.c - a checkpoint's configuration and weights, and whether it knows the catalogue.
#include <stdlib.h>

#include "common/codec/json.h"
#include "common/input/safetensors.h"
#include "worker/engine/bundle_pack_parts.h"
#include "worker/model/checkpoint.h"

#define CONFIG_BYTES_MAX (1u << 20)

// One number, or a list of them whose first means the end.
static void read_eos(nj_packing *p, const json_t *config)
{
    const json_t *value = json_object_get(config, "eos_token_id");
    const json_t *first = json_is_array(value) ? json_array_get(value, 0) : value;
    const json_int_t token = json_is_integer(first) ? json_integer_value(first) : -1;
    p->has_eos = token >= 0 && token < (json_int_t)p->config.V;
    p->eos_token = p->has_eos ? (uint32_t)token : 0;
    p->eos_count = json_is_array(value) ? (uint32_t)json_array_size(value) : p->has_eos;
}

// What transformers' generate() takes its end from.
static nj_status count_generation_ends(nj_packing *p, nj_error *err)
{
    nj_path path;
    json_t *json = NULL;
    nj_status status = nj_path_join(p->request->model_path, "generation_config.json", &path, err);
    if (status != NJ_OK || !nj_file_exists(path.text)) {
        return status;
    }
    status = nj_json_load(path.text, CONFIG_BYTES_MAX, &json, err);
    if (status == NJ_OK) {
        const size_t count = json_array_size(json_object_get(json, "eos_token_id")); // 0: no array
        p->eos_count = count > p->eos_count ? (uint32_t)count : p->eos_count;
        json_decref(json);
    }
    return status;
}

static nj_status load_config(nj_packing *p, nj_error *err)
{
    nj_path path;
    json_t *json = NULL;
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
        read_eos(p, json);
        p->model_json = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
        status = p->model_json != NULL ? NJ_OK
                                       : nj_fail(err, NJ_NO_MEMORY, "no memory for %s", path.text);
    }
    json_decref(json);
    return status == NJ_OK ? count_generation_ends(p, err) : status;
}

static nj_status convert_weights(nj_packing *p, nj_error *err)
{
    nj_checkpoint *checkpoint = NULL;
    const nj_checkpoint_source source = {.model_path = p->request->model_path,
                                         .adapter_path = p->request->lora_path,
                                         .projector_path = p->request->projector_path};
    nj_status status = nj_checkpoint_open(&source, &checkpoint, err);
    if (status != NJ_OK) {
        return status;
    }
    status = nj_generator_weights_convert(&p->config, nj_checkpoint_tensors(checkpoint),
                                          &p->weights, err);
    nj_checkpoint_close(&checkpoint);
    return status;
}

static nj_status look_for_words(nj_packing *p, nj_error *err)
{
    nj_tensor_set *weights = NULL;
    const nj_status status = nj_tensor_set_open_bytes(p->weights.bytes, p->weights.size,
                                                      p->request->model_path, &weights, err);
    if (status == NJ_OK) {
        p->has_words = p->config.kind == NJ_GENERATOR_T5 && nj_t5_word_count(weights) > 0;
    }
    nj_tensor_set_close(&weights);
    return status;
}

nj_status nj_packing_read_model(nj_packing *p, nj_error *err)
{
    nj_status status = load_config(p, err);
    if (status == NJ_OK) {
        status = convert_weights(p, err);
    }
    return status == NJ_OK ? look_for_words(p, err) : status;
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
