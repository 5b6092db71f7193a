#include <string.h>

#include "common/base/numeric_class.h"
#include "common/input/spool.h"
#include "ops/cli/numbers.h"
#include "ops/cli/template_options.h"
#include "ops/cli/train_t5.h"

#define SHARDS_WANTED 64    // of a batch, so that a node's cores have work
#define SHARD_SAMPLES_MIN 4 // fewer make products too small
#define HOLD_OUT_MAX 2
#define BEAM_MAX 100000
#define EPSILON 1e-6f

static nj_status read_shape(const nj_arguments *arguments, nj_t5_config *shape, nj_error *err)
{
    const nj_uint_option NUMBERS[] = {
        NJ_UINT("layers", 1, NJ_T5_LAYERS_MAX, &shape->encoder_layers),
        NJ_UINT("decoder-layers", 1, NJ_T5_LAYERS_MAX, &shape->decoder_layers),
        NJ_UINT("d-model", 1, NJ_T5_WIDTH_MAX, &shape->D),
        NJ_UINT("heads", 1, NJ_T5_WIDTH_MAX, &shape->H),
        NJ_UINT("d-kv", 1, NJ_T5_WIDTH_MAX, &shape->E),
        NJ_UINT("d-ff", 1, NJ_T5_WIDTH_MAX, &shape->F),
    };
    const char *activation = nj_argument(arguments, "activation");
    nj_status status =
        nj_argument_uints(arguments, NUMBERS, sizeof NUMBERS / sizeof NUMBERS[0], err);
    shape->gated = strcmp(activation, "gated-gelu") == 0;
    if (status == NJ_OK && !shape->gated && strcmp(activation, "relu") != 0) {
        status = nj_fail(err, NJ_USAGE, "--activation is \"%s\", must be relu or gated-gelu",
                         activation);
    }
    shape->R = 32;
    shape->distance_max = 128;
    shape->epsilon = EPSILON;
    shape->scale_outputs = !nj_argument_flag(arguments, "untied");
    return status;
}

static nj_status read_counts(const nj_arguments *arguments, nj_t5_request *out, nj_error *err)
{
    const nj_uint_option NUMBERS[] = {
        NJ_UINT("hold-out", 0, HOLD_OUT_MAX, &out->hold_out),
        NJ_UINT("history-max", 1, NJ_HISTORY_MAX, &out->history_max),
        NJ_UINT("user-tokens", 0, NJ_T5_VOCABULARY_MAX, &out->user_tokens),
        NJ_UINT("shard", 0, NJ_TRAIN_BATCH_MAX, &out->shard_samples),
        NJ_UINT("validate-users", 0, UINT32_MAX, &out->validate_users),
        NJ_UINT("beam", 1, BEAM_MAX, &out->beam),
    };
    return nj_argument_uints(arguments, NUMBERS, sizeof NUMBERS / sizeof NUMBERS[0], err);
}

// By the batch alone: the bits must not depend on the machine.
static void choose_shard(nj_t5_request *request)
{
    const uint32_t batch = request->common.batch_samples;
    const uint32_t even = (batch + SHARDS_WANTED - 1) / SHARDS_WANTED;
    if (request->shard_samples == 0) {
        request->shard_samples = even > SHARD_SAMPLES_MIN ? even : SHARD_SAMPLES_MIN;
    }
}

nj_status nj_t5_request_from(const nj_arguments *arguments, nj_t5_request *out, nj_error *err)
{
    *out = (nj_t5_request){.arguments = arguments,
                           .catalogue_path = nj_argument(arguments, "catalogue"),
                           .untied = nj_argument_flag(arguments, "untied"),
                           .keep_history = nj_argument_flag(arguments, "keep-history")};
    nj_status status = nj_training_options_from(arguments, &out->common, err);
    if (status == NJ_OK) {
        status = nj_histories_from(arguments, &out->users, err);
    }
    if (status == NJ_OK) {
        status = nj_spool_if_stream(out->users.path, err); // read twice
    }
    if (status == NJ_OK) {
        status = read_counts(arguments, out, err);
    }
    if (status == NJ_OK) {
        status = read_shape(arguments, &out->shape, err);
    }
    if (status == NJ_OK) {
        status = nj_template_options_from(arguments, &out->template, &out->has_template, err);
    }
    if (status == NJ_OK) {
        status = nj_argument_real(arguments, "initializer-factor", 1e-6, 1e6,
                                  &out->initializer_factor, err);
    }
    if (status == NJ_OK) {
        status =
            nj_argument_real(arguments, "label-smoothing", 0, 0.95, &out->label_smoothing, err);
    }
    if (status == NJ_OK) {
        status = nj_kernels_choose(NJ_PRECISION_DEFAULT, nj_argument(arguments, "kernels"),
                                   &out->kernels, err);
    }
    choose_shard(out);
    return status;
}

static json_t *template_to_json(const nj_template *template)
{
    nj_buffer text;
    json_t *json = NULL;
    nj_buffer_init(&text, 1 << 16);
    if (nj_template_write(template, &text) == NJ_OK) {
        (void)!nj_json_parse((const char *)text.bytes, text.size, "template", &json, NULL);
    }
    nj_buffer_fini(&text);
    return json;
}

json_t *nj_t5_request_settings(const nj_t5_request *request, const nj_template *template)
{
    const nj_t5_config *s = &request->shape;
    const char *as_of = nj_argument(request->arguments, "as-of");
    json_t *settings = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:b, s:f, s:f, s:I, s:I, s:I, s:I, s:b, s:s, s:s, "
        "s:I}",
        "layers", (json_int_t)s->encoder_layers, "decoder-layers", (json_int_t)s->decoder_layers,
        "d-model", (json_int_t)s->D, "heads", (json_int_t)s->H, "d-kv", (json_int_t)s->E, "d-ff",
        (json_int_t)s->F, "activation", s->gated ? "gated-gelu" : "relu", "untied", request->untied,
        "initializer-factor", request->initializer_factor, "label-smoothing",
        request->label_smoothing, "hold-out", (json_int_t)request->hold_out, "history-max",
        (json_int_t)request->history_max, "validate-users", (json_int_t)request->validate_users,
        "beam", (json_int_t)request->beam, "keep-history", request->keep_history, "kernels",
        request->kernels->numeric_class, "as-of", as_of != NULL ? as_of : "", "tie-seed",
        (json_int_t)request->users.tie_seed);
    if (settings != NULL) {
        json_object_set_new(settings, "shard", json_integer(request->shard_samples));
        json_object_set_new(settings, "template", template_to_json(template));
    }
    return settings;
}
