#include "worker/engine/bundle_text.h"

#include "common/catalogue/catalogue_make.h"
#include "common/catalogue/section_names.h"
#include "common/codec/json.h"
#include "common/text/item_texts.h"
#include "worker/engine/bundle_items.h"
#include "worker/engine/generator.h"

#define SECTION_BYTES_MAX ((size_t)1 << 42)
#define TOKEN_IDS_COLUMN "item" // of token_ids_path: whose tokens they are

void nj_bundle_text_init(nj_bundle_text *made)
{
    *made = (nj_bundle_text){0};
    nj_buffer_init(&made->collaborative, SECTION_BYTES_MAX);
}

void nj_bundle_text_fini(nj_bundle_text *made)
{
    nj_prompt_sections_fini(&made->prompt);
    nj_buffer_fini(&made->collaborative);
}

// ---- making ----

static nj_status take_id(void *context, const nj_item_text *item, nj_error *err)
{
    nj_idlist_builder *ids = context;
    return nj_idlist_builder_add(ids, item->id) == NJ_OK
               ? NJ_OK
               : nj_fail(err, NJ_NO_MEMORY, "no memory for %zu item ids", ids->count);
}

nj_status nj_bundle_text_rows(const nj_bundle_text_request *request, nj_catalogue **out,
                              nj_error *err)
{
    nj_idlist_builder ids;
    const bool has_texts = request->prompt.texts_path != NULL;
    const nj_item_text_reading reading = {.path = has_texts ? request->prompt.texts_path
                                                            : request->prompt.token_ids_path,
                                          .id_column = has_texts ? NULL : TOKEN_IDS_COLUMN,
                                          .takes_numbers = true,
                                          .take = take_id,
                                          .context = &ids};
    if (reading.path == NULL) {
        return nj_fail(err, NJ_USAGE,
                       "there is neither a catalogue nor a table of items: give --catalogue, "
                       "--items or --token-ids");
    }
    nj_idlist_builder_init(&ids);
    nj_status status = nj_item_texts_read(&reading, err);
    if (status == NJ_OK) {
        status = nj_catalogue_from_rows(&ids, reading.path, out, err);
    }
    nj_idlist_builder_fini(&ids);
    return status;
}

nj_status nj_bundle_text_make(const nj_bundle_text_request *request, const nj_prompt_model *model,
                              const nj_catalogue *catalogue, bool has_sids, nj_bundle_text *out,
                              nj_error *err)
{
    nj_status status = NJ_OK;
    if (request->prompt.prompt_path != NULL) {
        status = nj_prompt_compile(&request->prompt, model, &catalogue->items,
                                   has_sids ? &catalogue->sids : NULL, catalogue->level_token_base,
                                   &out->prompt, err);
    }
    if (status == NJ_OK && request->collaborative_path != NULL) {
        status =
            nj_bundle_vectors_make(request->collaborative_path, request->collaborative_ids_path,
                                   &catalogue->items, NJ_VECTORS_GIVEN, &out->collaborative, err);
    }
    return status;
}

void nj_bundle_text_put(const nj_bundle_text *made, nj_sections *sections)
{
    const struct {
        const char *name;
        const nj_buffer *bytes;
    } SECTIONS[] = {{NJ_SECTION_PROMPT, &made->prompt.prompt},
                    {NJ_SECTION_STRINGS, &made->prompt.strings},
                    {NJ_SECTION_ANSWERS, &made->prompt.answers},
                    {NJ_SECTION_TOKENIZER, &made->prompt.tokenizer},
                    {NJ_SECTION_COLLABORATIVE, &made->collaborative}};
    for (size_t i = 0; i < sizeof SECTIONS / sizeof SECTIONS[0]; i++) {
        if (SECTIONS[i].bytes->size > 0) {
            nj_sections_put(sections, SECTIONS[i].name, SECTIONS[i].bytes->bytes,
                            SECTIONS[i].bytes->size);
        }
    }
}

// ---- checking ----

static nj_status read_config(const nj_sections *sections, nj_generator_config *out, nj_error *err)
{
    json_t *json = NULL;
    const nj_section *model = nj_sections_find(sections, NJ_SECTION_MODEL);
    if (model == NULL) {
        return nj_fail(err, NJ_INPUT, "the bundle has no \"model\" section");
    }
    nj_status status = nj_json_parse(model->bytes, model->size, "section \"model\"", &json, err);
    if (status == NJ_OK) {
        status = nj_generator_config_read(json, "section \"model\"", out, err);
        json_decref(json);
    }
    return status;
}

// Numbers of a vector that the model's projector reads; 0: it has none.
static nj_status read_projector(const nj_sections *sections, nj_generator_config *config,
                                uint32_t *out_width, nj_error *err)
{
    nj_tensor_set *tensors = NULL;
    const nj_section *weights = nj_sections_find(sections, NJ_SECTION_WEIGHTS);
    *out_width = 0;
    if (config->kind != NJ_GENERATOR_LM) {
        return NJ_OK;
    }
    if (weights == NULL) {
        return nj_fail(err, NJ_INPUT, "the bundle has no \"weights\" section");
    }
    nj_status status = nj_tensor_set_open_bytes(weights->bytes, weights->size,
                                                "section \"weights\"", &tensors, err);
    if (status == NJ_OK) {
        status = nj_lm_projector_read(tensors, &config->lm, err);
        *out_width = config->lm.vector_width;
    }
    nj_tensor_set_close(&tensors);
    return status;
}

static nj_status check_vectors(const nj_sections *sections, nj_generator_config *config,
                               uint32_t row_count, bool wanted, nj_error *err)
{
    uint32_t width = 0;
    nj_item_vectors vectors;
    const nj_section *section = nj_sections_find(sections, NJ_SECTION_COLLABORATIVE);
    if (wanted != (section != NULL)) {
        return nj_fail(err, NJ_CONFIG, "%s",
                       wanted ? "a prompt has {vector}, and there are no vectors: give "
                                "--collaborative"
                              : "there are vectors of --collaborative, and no prompt has {vector}");
    }
    if (!wanted) {
        return NJ_OK;
    }
    nj_status status = read_projector(sections, config, &width, err);
    if (status == NJ_OK && width == 0) {
        status = nj_fail(err, NJ_CONFIG,
                         "a prompt has {vector}, and the model no projector: give --projector, of "
                         "a decoder-only model");
    }
    if (status == NJ_OK) {
        status = nj_collaborative_open(section->bytes, section->size, row_count, &vectors, err);
    }
    return status != NJ_OK || vectors.width == width
               ? status
               : nj_fail(err, NJ_CONFIG,
                         "vectors of --collaborative are %u wide, the projector reads %u",
                         vectors.width, width);
}

nj_status nj_bundle_text_check(const nj_sections *sections, const nj_catalogue_view *view,
                               nj_error *err)
{
    nj_prompt prompt = {0};
    nj_generator_config config;
    nj_status status = read_config(sections, &config, err);
    if (status == NJ_OK && nj_prompt_is_there(sections)) {
        status = nj_prompt_open(sections, view->sids.row_count, config.V, &prompt, err);
    }
    if (status == NJ_OK) {
        status = check_vectors(sections, &config, view->sids.row_count, prompt.has_vectors, err);
    }
    if (status == NJ_OK && prompt.answer == NJ_SAYS_SID) {
        status = nj_catalogue_view_check_vocabulary(view, config.V, err);
    }
    nj_prompt_close(&prompt);
    return status;
}
