#include "worker/model/lora.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/base/file.h"
#include "common/codec/json.h"
#include "worker/model/weights.h"

#define CONFIG_BYTES_MAX (1u << 20)
#define PREFIX "base_model.model."
#define OF_A ".lora_A.weight"
#define OF_B ".lora_B.weight"
#define HEAD "lm_head.weight"

struct nj_lora {
    nj_tensor_set *tensors; // owned: the adapter's
    double scale;
    size_t rank;
    float **merged; // [merged_count], each owned; room for every tensor of the adapter
    size_t merged_count;
};

// ---- adapter_config.json ----

// Keys that make an adapter something else when they say anything.
static const char *const OTHER_KINDS[] = {
    "use_dora",   "fan_in_fan_out", "rank_pattern",      "alpha_pattern",
    "lora_bias",  "use_qalora",     "layer_replication", "alora_invocation_tokens",
    "use_bdlora", "arrow_config",   "target_parameters", "trainable_token_indices",
};

static bool says_something(const json_t *value)
{
    return value != NULL && !json_is_null(value) && !json_is_false(value) &&
           !(json_is_object(value) && json_object_size(value) == 0) &&
           !(json_is_array(value) && json_array_size(value) == 0);
}

static void check_kind(nj_json_keys *keys)
{
    const char *type = nj_json_text_or(keys, "peft_type", "");
    const char *bias = nj_json_text_or(keys, "bias", "none");
    if (keys->status == NJ_OK && strcmp(type, "LORA") != 0) {
        keys->status =
            nj_fail(keys->err, NJ_INPUT, "%s: \"peft_type\" is \"%.80s\", must be \"LORA\"",
                    keys->what, type);
    }
    if (keys->status == NJ_OK && strcmp(bias, "none") != 0) {
        keys->status = nj_fail(keys->err, NJ_INPUT, "%s: \"bias\" is \"%.80s\", must be \"none\"",
                               keys->what, bias);
    }
    for (size_t i = 0; keys->status == NJ_OK && i < sizeof OTHER_KINDS / sizeof OTHER_KINDS[0];
         i++) {
        if (says_something(json_object_get(keys->object, OTHER_KINDS[i]))) {
            keys->status =
                nj_fail(keys->err, NJ_INPUT,
                        "%s: \"%s\" is in use and not known here: merge the adapter with PEFT's "
                        "merge_and_unload and pack what that saves",
                        keys->what, OTHER_KINDS[i]);
        }
    }
}

// PiSSA, OLoRA and others begin by taking something off the checkpoint's weights: the adapter alone does not say what.
static void check_start(nj_json_keys *keys)
{
    static const char *const HARMLESS[] = {"gaussian", "eva", "orthogonal"};
    const char *start = json_string_value(json_object_get(keys->object, "init_lora_weights"));
    bool harmless = start == NULL;
    for (size_t i = 0; i < sizeof HARMLESS / sizeof HARMLESS[0] && !harmless; i++) {
        harmless = strcmp(start, HARMLESS[i]) == 0;
    }
    if (keys->status == NJ_OK && !harmless) {
        keys->status =
            nj_fail(keys->err, NJ_INPUT,
                    "%s: \"init_lora_weights\" is \"%.80s\", which changes the checkpoint's own "
                    "weights: merge the adapter with PEFT's merge_and_unload and pack what that "
                    "saves",
                    keys->what, start);
    }
}

static nj_status read_config(const char *folder, nj_lora *lora, nj_error *err)
{
    nj_path path;
    json_t *json = NULL;
    nj_status status = nj_path_join(folder, NJ_LORA_CONFIG, &path, err);
    if (status == NJ_OK) {
        status = nj_json_load(path.text, CONFIG_BYTES_MAX, &json, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    nj_json_keys keys;
    nj_json_keys_open(&keys, json, path.text, err);
    check_kind(&keys);
    check_start(&keys);
    lora->rank = (size_t)nj_json_int(&keys, "r", 1, NJ_LORA_RANK_MAX);
    const double alpha = nj_json_real_or(&keys, "lora_alpha", 8.0); // PEFT's own default
    const bool by_root = nj_json_bool_or(&keys, "use_rslora", false);
    if (keys.status == NJ_OK) {
        lora->scale = alpha / (by_root ? sqrt((double)lora->rank) : (double)lora->rank);
    }
    json_decref(json);
    return keys.status;
}

// ---- names ----

static bool has_ending(const char *name, const char *ending)
{
    const size_t size = strlen(name);
    return size > strlen(ending) && strcmp(name + size - strlen(ending), ending) == 0;
}

// The checkpoint's tensor that the adapter calls PREFIX NAME `ending`, the ending's own words aside. A model without its head is saved without
// "model." in front.
static const nj_tensor *find_base(const nj_tensor_set *model, const char *name, const char *ending)
{
    static const char MODEL[] = "model.";
    char whole[sizeof MODEL + NJ_WEIGHT_NAME_BYTES + sizeof ".weight"];
    const int size = (int)(strlen(name) - strlen(PREFIX) - strlen(ending));
    if (size < 1 || size >= NJ_WEIGHT_NAME_BYTES) {
        return NULL;
    }
    snprintf(whole, sizeof whole, "%s%.*s.weight", MODEL, size, name + strlen(PREFIX));
    const char *plain = whole + strlen(MODEL);
    const nj_tensor *tensor = nj_tensor_set_find(model, plain);
    if (tensor == NULL) {
        tensor = nj_tensor_set_find(model, whole);
    }
    if (tensor == NULL && strncmp(plain, MODEL, strlen(MODEL)) == 0) {
        tensor = nj_tensor_set_find(model, plain + strlen(MODEL));
    }
    return tensor;
}

static nj_status refuse_unknown(const nj_tensor *tensor, nj_error *err)
{
    return nj_fail(err, NJ_INPUT, "%s: tensor \"%.200s\" belongs to no tensor of the checkpoint",
                   tensor->file, tensor->name);
}

// ---- one pair of matrices ----

static nj_status check_pair(const nj_lora *lora, const nj_tensor *base, const nj_tensor *a,
                            const nj_tensor *b, nj_error *err)
{
    if (base->dim_count != 2 || a->dim_count != 2 || b->dim_count != 2) {
        return nj_fail(err, NJ_INPUT, "%s: tensor \"%.200s\" must have 2 dimensions, as \"%.200s\"",
                       a->file, a->name, base->name);
    }
    if (a->shape[0] != lora->rank || b->shape[1] != lora->rank) {
        return nj_fail(err, NJ_INPUT,
                       "%s: tensor \"%.200s\" has rank %zu and its \"lora_B\" %zu, " NJ_LORA_CONFIG
                       " says %zu",
                       a->file, a->name, a->shape[0], b->shape[1], lora->rank);
    }
    if (a->shape[1] != base->shape[1] || b->shape[0] != base->shape[0]) {
        return nj_fail(err, NJ_INPUT,
                       "%s: tensor \"%.200s\" and its \"lora_B\" make [%zu, %zu], the "
                       "checkpoint's \"%.200s\" is [%zu, %zu]",
                       a->file, a->name, b->shape[0], a->shape[1], base->name, base->shape[0],
                       base->shape[1]);
    }
    return NJ_OK;
}

// values [N, K] += scale * b [N, r] a [r, K]; row [K] is scratch.
static void add_product(size_t N, size_t K, size_t r, float scale, const float *a, const float *b,
                        float *row, float *values)
{
    for (size_t n = 0; n < N; n++) {
        memset(row, 0, K * sizeof *row);
        for (size_t j = 0; j < r; j++) {
            for (size_t k = 0; k < K; k++) {
                row[k] += b[n * r + j] * a[j * K + k];
            }
        }
        for (size_t k = 0; k < K; k++) {
            values[n * K + k] += scale * row[k];
        }
    }
}

// Parts that are finite may have a sum that is not.
static nj_status check_sum(const nj_lora *lora, const nj_tensor *a, const float *values,
                           size_t count, nj_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i])) {
            return nj_fail(
                err, NJ_INPUT,
                "%s: tensor \"%.200s\" times its \"lora_B\" times %g, the scale of " NJ_LORA_CONFIG
                ", gives no finite number for element %zu of %zu",
                a->file, a->name, lora->scale, i, count);
        }
    }
    return NJ_OK;
}

// Reads all three and adds; `values` is [N, K].
static nj_status merge_values(const nj_lora *lora, const nj_tensor *base, const nj_tensor *a,
                              const nj_tensor *b, float *values, nj_error *err)
{
    const size_t K = a->shape[1];
    float *scratch = calloc(a->element_count + b->element_count + K, sizeof *scratch);
    if (scratch == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory to merge \"%.200s\"", a->file, a->name);
    }
    float *of_b = scratch + a->element_count;
    nj_status status = nj_tensor_read_f32(base, values, err);
    if (status == NJ_OK) {
        status = nj_tensor_read_f32(a, scratch, err);
    }
    if (status == NJ_OK) {
        status = nj_tensor_read_f32(b, of_b, err);
    }
    if (status == NJ_OK) {
        add_product(b->shape[0], K, lora->rank, (float)lora->scale, scratch, of_b,
                    of_b + b->element_count, values);
        status = check_sum(lora, a, values, base->element_count, err);
    }
    free(scratch);
    return status;
}

static nj_status merge_pair(nj_lora *lora, nj_tensor_set *model, const nj_tensor *a, nj_error *err)
{
    const nj_tensor *base = find_base(model, a->name, OF_A);
    char other[sizeof PREFIX + NJ_WEIGHT_NAME_BYTES + sizeof OF_B];
    snprintf(other, sizeof other, "%.*s" OF_B, (int)(strlen(a->name) - strlen(OF_A)), a->name);
    const nj_tensor *b = nj_tensor_set_find(lora->tensors, other);
    if (base == NULL) {
        return refuse_unknown(a, err);
    }
    if (b == NULL) {
        return nj_fail(err, NJ_INPUT, "%s: tensor \"%.200s\" is there, \"%.200s\" is missing",
                       a->file, a->name, other);
    }
    nj_status status = check_pair(lora, base, a, b, err);
    if (status != NJ_OK) {
        return status;
    }
    float *values = calloc(base->element_count + 1, sizeof *values);
    if (values == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory to merge \"%.200s\"", a->file, a->name);
    }
    lora->merged[lora->merged_count++] = values;
    status = merge_values(lora, base, a, b, values, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_tensor merged = *base;
    merged.type = NJ_TENSOR_F32;
    merged.dtype = "F32";
    merged.data = (const uint8_t *)values;
    merged.data_bytes = base->element_count * sizeof *values;
    return nj_tensor_set_put(model, &merged, err);
}

// ---- whole tensors ----

// Only a head may be new: that of a checkpoint whose head was its embedding.
static nj_status replace(nj_tensor_set *model, const nj_tensor *tensor, nj_error *err)
{
    const nj_tensor *base =
        has_ending(tensor->name, ".weight") ? find_base(model, tensor->name, ".weight") : NULL;
    if (base == NULL && strcmp(tensor->name, PREFIX HEAD) != 0) {
        return refuse_unknown(tensor, err);
    }
    nj_tensor whole = *tensor;
    whole.name = base != NULL ? base->name : HEAD;
    return nj_tensor_set_put(model, &whole, err);
}

// Transformers keeps such a head as it was, but its embedding is not the head any more.
static nj_status check_head(const nj_tensor_set *model, const nj_tensor *tensor, nj_error *err)
{
    if (nj_tensor_set_find(model, HEAD) == NULL &&
        (has_ending(tensor->name, "embed_tokens.weight") ||
         has_ending(tensor->name, "shared.weight"))) {
        return nj_fail(err, NJ_INPUT,
                       "%s: tensor \"%.200s\" replaces the embedding of a model that has it for "
                       "its head too, and the adapter has no \"" PREFIX HEAD "\"",
                       tensor->file, tensor->name);
    }
    return NJ_OK;
}

static nj_status take_tensor(nj_lora *lora, nj_tensor_set *model, const nj_tensor *tensor,
                             nj_error *err)
{
    if (strncmp(tensor->name, PREFIX, strlen(PREFIX)) != 0) {
        return nj_fail(err, NJ_INPUT, "%s: tensor \"%.200s\" does not begin with \"" PREFIX "\"",
                       tensor->file, tensor->name);
    }
    if (has_ending(tensor->name, OF_A)) {
        return merge_pair(lora, model, tensor, err);
    }
    if (has_ending(tensor->name, OF_B)) {
        return NJ_OK; // with its lora_A
    }
    if (strstr(tensor->name, "lora_") != NULL) {
        return nj_fail(err, NJ_INPUT,
                       "%s: tensor \"%.200s\" is not known here: only \"" OF_A "\", \"" OF_B
                       "\" and whole tensors are",
                       tensor->file, tensor->name);
    }
    return replace(model, tensor, err);
}

// A lora_B without a lora_A says nothing; a head is known once all tensors are there.
static nj_status check_rest(const nj_lora *lora, const nj_tensor_set *model, nj_error *err)
{
    for (size_t i = 0; i < nj_tensor_set_count(lora->tensors); i++) {
        const nj_tensor *tensor = nj_tensor_set_at(lora->tensors, i);
        char other[sizeof PREFIX + NJ_WEIGHT_NAME_BYTES + sizeof OF_A];
        if (has_ending(tensor->name, OF_B)) {
            snprintf(other, sizeof other, "%.*s" OF_A, (int)(strlen(tensor->name) - strlen(OF_B)),
                     tensor->name);
            if (nj_tensor_set_find(lora->tensors, other) == NULL) {
                return nj_fail(err, NJ_INPUT,
                               "%s: tensor \"%.200s\" is there, \"%.200s\" is missing",
                               tensor->file, tensor->name, other);
            }
        } else if (!has_ending(tensor->name, OF_A)) {
            const nj_status status = check_head(model, tensor, err);
            if (status != NJ_OK) {
                return status;
            }
        }
    }
    return NJ_OK;
}

nj_status nj_lora_merge(nj_lora *lora, nj_tensor_set *model, nj_error *err)
{
    const size_t count = nj_tensor_set_count(lora->tensors);
    nj_status status = NJ_OK;
    for (size_t i = 0; i < count && status == NJ_OK; i++) {
        status = take_tensor(lora, model, nj_tensor_set_at(lora->tensors, i), err);
    }
    return status == NJ_OK ? check_rest(lora, model, err) : status;
}

static nj_status open_tensors(const char *folder, nj_lora *lora, nj_error *err)
{
    nj_path path;
    nj_status status = nj_path_join(folder, NJ_LORA_TENSORS, &path, err);
    if (status == NJ_OK) {
        status = nj_tensor_set_open(path.text, &lora->tensors, err);
    }
    if (status == NJ_OK) {
        const size_t count = nj_tensor_set_count(lora->tensors);
        if (count == 0) {
            return nj_fail(err, NJ_INPUT,
                           "%s: has no tensors, an adapter has \"" OF_A "\" and \"" OF_B
                           "\" of each layer",
                           path.text);
        }
        lora->merged = calloc(count + 1, sizeof *lora->merged);
        status = lora->merged != NULL ? NJ_OK
                                      : nj_fail(err, NJ_NO_MEMORY, "%s: no memory for %zu tensors",
                                                path.text, count);
    }
    return status;
}

nj_status nj_lora_open(const char *folder, nj_lora **out, nj_error *err)
{
    nj_lora *lora = calloc(1, sizeof *lora);
    if (lora == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory for an adapter", folder);
    }
    nj_status status = read_config(folder, lora, err);
    if (status == NJ_OK) {
        status = open_tensors(folder, lora, err);
    }
    if (status == NJ_OK) {
        *out = lora;
        lora = NULL;
    }
    nj_lora_close(&lora);
    return status;
}

void nj_lora_close(nj_lora **lora)
{
    if (*lora == NULL) {
        return;
    }
    for (size_t i = 0; i < (*lora)->merged_count; i++) {
        free((*lora)->merged[i]);
    }
    free((*lora)->merged);
    nj_tensor_set_close(&(*lora)->tensors);
    free(*lora);
    *lora = NULL;
}
