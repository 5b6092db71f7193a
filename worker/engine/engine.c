#include "worker/engine/engine_internal.h"

#include <assert.h>
#include <stdlib.h>

#include "common/base/checked.h"
#include "common/catalogue/section_names.h"
#include "common/codec/json.h"

// ---- opening ----

static nj_status open_model(nj_engine *engine, const nj_sections *sections, nj_error *err)
{
    const nj_section *config = nj_sections_find(sections, NJ_SECTION_MODEL);
    const nj_section *weights = nj_sections_find(sections, NJ_SECTION_WEIGHTS);
    if (config == NULL || weights == NULL) {
        return nj_fail(err, NJ_INPUT, "the bundle has no \"%s\" section",
                       config == NULL ? NJ_SECTION_MODEL : NJ_SECTION_WEIGHTS);
    }
    json_t *json = NULL;
    nj_status status = nj_json_parse(config->bytes, config->size, "section \"model\"", &json, err);
    if (status == NJ_OK) {
        status = nj_generator_config_read(json, "section \"model\"", &engine->config, err);
        json_decref(json);
    }
    if (status == NJ_OK) {
        status = nj_tensor_set_open_bytes(weights->bytes, weights->size, "section \"weights\"",
                                          &engine->tensors, err);
    }
    return status == NJ_OK ? nj_generator_weights_read(engine->tensors, &engine->config, err)
                           : status;
}

static nj_status allocate(nj_engine *engine, nj_error *err)
{
    const nj_generator_use use = nj_engine_use(engine);
    nj_status status = nj_generator_open(&engine->config, engine->tensors, engine->options.kernels,
                                         engine->options.savings, &use, &engine->model, err);
    if (status == NJ_OK) {
        status = nj_arena_init(&engine->scratch_arena, engine->search_bytes, err);
    }
    if (status == NJ_OK) {
        status = nj_arena_init(&engine->batch_arena, engine->batch_bytes, err);
    }
    if (status == NJ_OK) {
        status = nj_arena_init(&engine->same.arena, engine->same_bytes, err);
    }
    if (status == NJ_OK) {
        nj_same_open(engine);
    }
    return status;
}

size_t nj_engine_plan_bytes(const nj_engine_plan *plan)
{
    size_t bytes;
    return nj_add_size(plan->mapped_bytes, plan->model_bytes, &bytes) &&
                   nj_add_size(bytes, plan->scratch_bytes, &bytes)
               ? bytes
               : SIZE_MAX;
}

static nj_status check_plan(const nj_engine_plan *plan, size_t bytes_max, nj_error *err)
{
    const size_t bytes = nj_engine_plan_bytes(plan);
    if (bytes <= bytes_max) {
        return NJ_OK;
    }
    return nj_fail(err, NJ_CONFIG,
                   "the plan needs %zu bytes (%zu mapped, %zu of model, %zu of scratch for %u "
                   "users with %u beams), at most %zu are allowed: give more, or a smaller batch",
                   bytes, plan->mapped_bytes, plan->model_bytes, plan->scratch_bytes, plan->B,
                   plan->W, bytes_max);
}

nj_engine_options nj_engine_options_default(const nj_kernels *kernels)
{
    return (nj_engine_options){
        .batch_users = 16, .kernels = kernels, .savings = NJ_SAVINGS_ALL, .bytes_max = SIZE_MAX};
}

// Items of a history that are encoded.
static uint32_t choose_history(const nj_settings *settings, const nj_catalogue_view *catalogue)
{
    const uint32_t history = settings->history > 0 ? settings->history : catalogue->history_max;
    return history < catalogue->history_max ? history : catalogue->history_max;
}

// All that is checked and planned before the model and the scratch are allocated.
static nj_status open_planned(const nj_sections *sections, const nj_settings *settings,
                              const nj_engine_options *options, nj_engine **out, nj_error *err)
{
    assert(options->batch_users >= 1 && options->batch_users <= NJ_ENGINE_BATCH_MAX);
    nj_engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the engine");
    }
    engine->settings = *settings;
    engine->options = *options;
    for (size_t i = 0; i < sections->count; i++) {
        engine->plan.mapped_bytes += sections->sections[i].size;
    }
    nj_status status = nj_catalogue_view_open(sections, &engine->catalogue, err);
    engine->history_max = choose_history(settings, &engine->catalogue);
    if (status == NJ_OK) {
        status = open_model(engine, sections, err);
    }
    if (status == NJ_OK) {
        status = nj_engine_open_prompt(engine, sections, err);
    }
    if (status == NJ_OK && !nj_engine_says_strings(engine)) {
        status = nj_catalogue_view_check_vocabulary(&engine->catalogue, engine->config.V, err);
    }
    if (status == NJ_OK) {
        status = nj_engine_open_policy(engine, sections, err);
    }
    if (status == NJ_OK) {
        status = nj_engine_make_plan(engine, err);
    }
    if (status == NJ_OK) {
        status = check_plan(&engine->plan, options->bytes_max, err);
    }
    if (status != NJ_OK) {
        nj_engine_close(&engine);
        return status;
    }
    *out = engine;
    return NJ_OK;
}

nj_status nj_engine_plan_sections(const nj_sections *sections, const nj_settings *settings,
                                  const nj_engine_options *options, nj_engine_plan *out,
                                  nj_error *err)
{
    nj_engine *engine = NULL;
    nj_status status = open_planned(sections, settings, options, &engine, err);
    if (status == NJ_OK) {
        *out = engine->plan;
    }
    nj_engine_close(&engine);
    return status;
}

nj_status nj_engine_open(const nj_sections *sections, const nj_settings *settings,
                         const nj_engine_options *options, nj_engine **out, nj_error *err)
{
    nj_engine *engine = NULL;
    nj_status status = open_planned(sections, settings, options, &engine, err);
    if (status == NJ_OK) {
        status = nj_engine_open_masks(engine, err);
    }
    if (status == NJ_OK) {
        status = nj_engine_make_popular(engine, err);
    }
    if (status == NJ_OK) {
        status = allocate(engine, err);
    }
    if (status != NJ_OK) {
        nj_engine_close(&engine);
        return status;
    }
    *out = engine;
    return NJ_OK;
}

void nj_engine_close(nj_engine **engine)
{
    nj_engine *e = *engine;
    if (e == NULL) {
        return;
    }
    nj_arena_fini(&e->same.arena);
    nj_arena_fini(&e->batch_arena);
    nj_arena_fini(&e->scratch_arena);
    nj_generator_close(&e->model);
    nj_tensor_set_close(&e->tensors);
    nj_engine_close_masks(e);
    nj_engine_close_policy(e);
    nj_engine_close_prompt(e);
    free(e);
    *engine = NULL;
}

const nj_engine_plan *nj_engine_plan_of(const nj_engine *engine)
{
    return &engine->plan;
}

uint32_t nj_engine_item_count(const nj_engine *engine)
{
    return engine->catalogue.sids.row_count;
}

uint32_t nj_engine_mask_count(const nj_engine *engine)
{
    return engine->mask_count;
}

nj_slice nj_engine_item_id(const nj_engine *engine, uint32_t row)
{
    return nj_idlist_at(&engine->catalogue.items, row);
}

const uint16_t *nj_engine_item_sid(const nj_engine *engine, uint32_t row, uint32_t *out_levels)
{
    *out_levels = engine->catalogue.sids.level_count;
    return engine->catalogue.sids.codes + (size_t)row * *out_levels;
}

// ---- rows ----

nj_status nj_engine_pack_row(const nj_engine *engine, const nj_list *list, nj_buffer *out)
{
    nj_slice items[NJ_ROW_ITEMS_MAX];
    nj_slice reserve[NJ_ROW_RESERVE_MAX];
    for (uint32_t i = 0; i < list->count; i++) {
        items[i] = nj_engine_item_id(engine, list->items[i]);
    }
    for (uint32_t i = 0; i < list->reserve_count; i++) {
        reserve[i] = nj_engine_item_id(engine, list->reserve[i]);
    }
    const nj_row_more more = {.trace = list->trace,
                              .trace_count = list->trace_count,
                              .why = list->why,
                              .text = list->text,
                              .reserve = list->reserve_count > 0 ? reserve : NULL,
                              .reserve_count = list->reserve_count};
    return nj_row_pack_more(out, list->flags, items, list->scores, list->count, &list->history,
                            &more);
}
