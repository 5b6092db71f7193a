// decode.h - a tiny synthetic bundle, and a decode from sections of unknown origin: what opens must decode without a fault.
#ifndef NJ_FUZZ_DECODE_H
#define NJ_FUZZ_DECODE_H

#include <math.h>

#include "tests/fuzz/fuzz.h"
#include "worker/engine/engine.h"
#include "worker/engine/synthetic.h"

#define DECODE_ITEMS 6
// An engine that plans more is opened and not run: a batch would take longer than an input may.
#define DECODE_BYTES_MAX (4u << 20)

static inline nj_synthetic *decode_make_base(void)
{
    static const nj_synthetic_shape SHAPE = {.D = 2,
                                             .H = 1,
                                             .E = 2,
                                             .F = 2,
                                             .encoder_layers = 1,
                                             .decoder_layers = 1,
                                             .L = 2,
                                             .K = 3,
                                             .item_count = DECODE_ITEMS,
                                             .seed = 11};
    static nj_synthetic base;
    nj_error err;
    if (base.sections.count == 0) {
        fuzz_check(nj_synthetic_make(&SHAPE, &base, &err) == NJ_OK, "the shape is valid");
    }
    return &base;
}

static inline nj_status decode_check_list(void *context, size_t index, const nj_list *list,
                                          nj_error *err)
{
    const nj_engine *engine = context;
    (void)index;
    (void)err;
    for (uint32_t i = 0; i < list->count; i++) {
        uint32_t levels;
        fuzz_check(list->items[i] < nj_engine_item_count(engine) &&
                       nj_engine_item_id(engine, list->items[i]).size > 0 &&
                       nj_engine_item_sid(engine, list->items[i], &levels) != NULL,
                   "a list holds rows of the catalogue");
        fuzz_check(isfinite(list->scores[i]), "scores are finite");
    }
    return NJ_OK;
}

/// Opens an engine and decodes a user with a history and one without.
static inline void decode_sections(const nj_sections *sections)
{
    static const uint32_t ROWS[] = {0, 1, 2};
    nj_settings settings = nj_settings_default();
    nj_engine *engine = NULL;
    nj_error err;
    settings.beam = 2;
    settings.top = 3;
    settings.history_items_max = settings.exclusions_max = 3;
    nj_engine_options options = nj_engine_options_default(nj_kernels_at(0));
    options.batch_users = 2;
    nj_status status = nj_engine_open(sections, &settings, &options, &engine, &err);
    fuzz_check(status == NJ_OK || status == NJ_INPUT || status == NJ_CONFIG ||
                   status == NJ_NO_MEMORY,
               "sections are accepted or refused");
    if (status != NJ_OK) {
        fuzz_check(engine == NULL, "a refused bundle leaves no engine behind");
        return;
    }
    uint32_t items = nj_engine_item_count(engine);
    const nj_request requests[] = {
        {.user = nj_slice_from("a"), .items = ROWS, .item_count = items < 3 ? items : 3},
        {.user = nj_slice_from("b")},
    };
    if (nj_engine_plan_of(engine)->scratch_bytes <= DECODE_BYTES_MAX) {
        status = nj_engine_decode(engine, requests, 2, decode_check_list, engine, &err);
        fuzz_check(status == NJ_OK || status == NJ_FAILED,
                   "what opens decodes, unless its numbers overflow");
    }
    nj_engine_close(&engine);
}

#endif
