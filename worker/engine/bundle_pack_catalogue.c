// bundle_pack_catalogue.c - items and SIDs, what stands around them, and how many of them a history has.
#include <inttypes.h>

#include "common/base/checked.h"
#include "worker/engine/bundle_pack_parts.h"

// What the caller says; else what the checkpoint was trained with; else the catalogue's.
static const nj_template *choose_template(const nj_packing *p)
{
    if (p->request->template != NULL) {
        return p->request->template;
    }
    return p->trained.has_template ? &p->trained.template : &p->catalogue->template;
}

// The most items whose tokens, the template's among them, fit in what the checkpoint was trained for, or in fewer that are asked for (0: none
// are); at least one.
static uint32_t choose_history_max(const nj_packing *p, const nj_template *template,
                                   uint32_t tokens_max)
{
    if (p->request->history_max > 0 || p->trained.history_max > 0) {
        return p->request->history_max > 0 ? p->request->history_max : p->trained.history_max;
    }
    const uint32_t L = p->catalogue->sids.level_count;
    const uint32_t stated = nj_generator_tokens_max(&p->config, L);
    const size_t room = stated > 0 ? stated : NJ_PACK_TOKENS_DEFAULT;
    const size_t tokens = tokens_max > 0 ? nj_min_size(room, tokens_max) : room;
    const size_t of_one = nj_template_tokens_max(template, L, 1);
    const size_t of_next = nj_template_tokens_max(template, L, 2) - of_one;
    const size_t items = tokens > of_one ? 1 + (tokens - of_one) / of_next : 1;
    return (uint32_t)nj_min_size(items, NJ_HISTORY_MAX);
}

// tokens_max is what prompt.yaml says, 0: nothing.
static nj_status make_for_template(nj_packing *p, const nj_template *template, uint32_t tokens_max,
                                   nj_error *err)
{
    const uint32_t L = p->catalogue->sids.level_count;
    p->history_max = choose_history_max(p, template, tokens_max);
    const size_t tokens = nj_template_tokens_max(template, L, p->history_max);
    if (tokens_max > 0 && tokens > tokens_max) {
        return nj_fail(err, NJ_CONFIG,
                       "%s: tokens is %" PRIu32 ", a prompt with %" PRIu32
                       " items has %zu: more tokens, or a smaller --history-max",
                       p->request->text.prompt.prompt_path, tokens_max, p->history_max, tokens);
    }
    const nj_status status = nj_generator_check_tokens(&p->config, L, tokens, err);
    return status == NJ_OK
               ? nj_catalogue_sections_make(p->catalogue, template, p->history_max, &p->made, err)
               : status;
}

// ---- asked by a prompt ----

static nj_status make_for_prompt(nj_packing *p, nj_error *err)
{
    static const nj_template NOTHING = {0};
    const bool has_sids = p->request->catalogue_path != NULL;
    const nj_prompt_model model = {.V = p->config.V,
                                   .context_max = nj_generator_tokens_max(&p->config, 1),
                                   .is_decoder_only = p->config.kind == NJ_GENERATOR_LM,
                                   .has_words = p->has_words,
                                   .has_vectors = p->request->text.collaborative_path != NULL,
                                   .end_token = p->has_eos ? p->eos_token : NJ_TOKENIZER_NONE,
                                   .end_count = p->eos_count,
                                   .history_max = p->request->history_max,
                                   .retired = p->catalogue->sids.retired};
    const nj_prompt_sections *made = &p->text.prompt;
    nj_status status =
        nj_bundle_text_make(&p->request->text, &model, p->catalogue, has_sids, &p->text, err);
    if (status != NJ_OK) {
        return status;
    }
    if (made->is_template) {
        return make_for_template(p, &made->template, made->tokens_max, err);
    }
    p->asks_in_text = true;
    p->history_max = made->history_max > 0 ? made->history_max : 1; // a bundle says 1 at the least
    return nj_catalogue_sections_make(p->catalogue, &NOTHING, p->history_max, &p->made, err);
}

// ---- both ----

static nj_status read_items(nj_packing *p, nj_error *err)
{
    const char *path = p->request->catalogue_path;
    if (path == NULL && p->trained.stated) {
        return nj_fail(err, NJ_REFUSED,
                       "%s was trained on the SIDs of a catalogue, as its config.json says: give "
                       "--catalogue",
                       p->request->model_path);
    }
    nj_status status = path != NULL ? nj_catalogue_read(path, &p->catalogue, err)
                                    : nj_bundle_text_rows(&p->request->text, &p->catalogue, err);
    if (status == NJ_OK && path != NULL) {
        status = nj_trained_on_check(&p->trained, p->request->model_path, p->catalogue, path, err);
    }
    if (status == NJ_OK) {
        p->items = p->catalogue->items;
        p->items_path = path != NULL ? path : "the items";
    }
    return status;
}

nj_status nj_packing_read_catalogue(nj_packing *p, nj_error *err)
{
    nj_status status = read_items(p, err);
    if (status != NJ_OK) {
        return status;
    }
    return p->request->text.prompt.prompt_path != NULL
               ? make_for_prompt(p, err)
               : make_for_template(p, choose_template(p), 0, err);
}
