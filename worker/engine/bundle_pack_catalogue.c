// bundle_pack_catalogue.c - items and SIDs, what stands around them, and how many of them a history has.
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

// The most items whose tokens, the template's among them, fit in what the checkpoint was trained for; at least one.
static uint32_t choose_history_max(const nj_packing *p, const nj_template *template)
{
    if (p->request->history_max > 0 || p->trained.history_max > 0) {
        return p->request->history_max > 0 ? p->request->history_max : p->trained.history_max;
    }
    const uint32_t L = p->catalogue->sids.level_count;
    const uint32_t stated = nj_generator_tokens_max(&p->config, L);
    const size_t tokens = stated > 0 ? stated : NJ_PACK_TOKENS_DEFAULT;
    const size_t of_one = nj_template_tokens_max(template, L, 1);
    const size_t of_next = nj_template_tokens_max(template, L, 2) - of_one;
    const size_t items = tokens > of_one ? 1 + (tokens - of_one) / of_next : 1;
    return (uint32_t)nj_min_size(items, NJ_HISTORY_MAX);
}

nj_status nj_packing_read_catalogue(nj_packing *p, nj_error *err)
{
    nj_status status = nj_catalogue_read(p->request->catalogue_path, &p->catalogue, err);
    if (status == NJ_OK) {
        status = nj_trained_on_check(&p->trained, p->request->model_path, p->catalogue,
                                     p->request->catalogue_path, err);
    }
    if (status == NJ_OK) {
        const nj_template *template = choose_template(p);
        p->items = p->catalogue->items;
        p->items_path = p->request->catalogue_path;
        p->history_max = choose_history_max(p, template);
        const uint32_t L = p->catalogue->sids.level_count;
        status = nj_generator_check_tokens(
            &p->config, L, nj_template_tokens_max(template, L, p->history_max), err);
        if (status == NJ_OK) {
            status =
                nj_catalogue_sections_make(p->catalogue, template, p->history_max, &p->made, err);
        }
    }
    return status;
}
