#include "worker/engine/bundle_pack.h"

#include <stdlib.h>
#include <string.h>

#include "common/catalogue/section_names.h"
#include "worker/engine/bundle_pack_parts.h"

// ---- histories ----

static nj_status take_history(void *context, const nj_history *history, nj_error *err)
{
    nj_packing *p = context;
    for (size_t i = 0; i < history->item_count && p->counts != NULL; i++) {
        size_t row = nj_idmap_find(&p->map, history->items[i], nj_idmap_at_list, &p->items);
        if (row != NJ_IDMAP_NONE && p->counts[row] < UINT32_MAX) {
            p->counts[row]++;
            p->counted_items++;
        }
    }
    if (p->sample != NULL) {
        nj_pairing_sample_add(p->sample, &p->items, &p->map, history);
    }
    return p->request->items.wants_neighbours
               ? nj_user_table_add(&p->histories, &p->items, &p->map, NULL, history, err)
               : NJ_OK;
}

static nj_status read_histories(nj_packing *p, nj_error *err)
{
    const nj_pack_request *request = p->request;
    const bool counted = request->histories.path != NULL;
    const bool probed =
        p->base == NULL && !p->asks_in_text && !request->no_pairing_check && !p->trained.stated;
    const nj_histories_source *source = counted ? &request->histories : &request->probe;
    nj_status status = nj_idmap_build(&p->map, &p->items, p->items_path, err);
    if (status != NJ_OK || source->path == NULL || (!counted && !probed)) {
        return status;
    }
    if (counted) {
        p->counts = calloc(p->items.count, sizeof *p->counts);
        status = p->counts != NULL ? NJ_OK : nj_fail(err, NJ_NO_MEMORY, "no memory to count items");
    }
    if (status == NJ_OK && probed) {
        status = nj_pairing_sample_new(&p->sample, err);
    }
    return status == NJ_OK ? nj_histories_read(source, take_history, p, err) : status;
}

// ---- writing ----

static nj_status list_sections(nj_packing *p, nj_sections *out, nj_error *err)
{
    if (p->base == NULL) {
        nj_catalogue_sections_list(&p->made, p->catalogue, p->counts,
                                   (nj_slice){p->model_json, strlen(p->model_json)},
                                   nj_buffer_slice(&p->weights), out);
        nj_bundle_text_put(&p->text, out);
        return NJ_OK;
    }
    *out = *nj_bundle_sections(p->base);
    nj_status status = nj_packing_leave_out(p, out, err);
    if (status == NJ_OK && p->counts != NULL) {
        nj_sections_put(out, NJ_SECTION_COUNTS, p->counts, p->items.count * sizeof *p->counts);
    }
    return status;
}

// What a worker will check is checked before the file is written.
static nj_status check_model(nj_packing *p, const nj_sections *sections,
                             const nj_catalogue_view *view, nj_error *err)
{
    if (p->base != NULL) {
        return NJ_OK; // it was checked when the base was packed
    }
    nj_status status = nj_bundle_text_check(sections, view, err);
    return status == NJ_OK ? nj_packing_check_pairing(p, view, err) : status;
}

static nj_status put_items(nj_packing *p, const nj_catalogue_view *view, nj_sections *sections,
                           nj_error *err)
{
    const nj_pack_request *request = p->request;
    nj_status status = nj_bundle_items_put(&request->items, view, &p->items_made, sections, err);
    if (status == NJ_CONFIG && p->base != NULL && request->items.policy_path == NULL) {
        nj_error_prefix(err, "%s: its own policy does not fit (give --policy, or --without policy)",
                        request->base_path);
    }
    return status;
}

static nj_pack_text_summary summarize_text(const nj_packing *p)
{
    const nj_prompt_sections *made = &p->text.prompt;
    nj_pack_text_summary out = {.asks_in_text = p->asks_in_text,
                                .equal_answers = made->equal_answers,
                                .seams = made->seams,
                                .tokens_max = made->tokens_max,
                                .answer_tokens_max = made->answer_tokens_max};
    memcpy(out.first_seam, made->first_seam, sizeof out.first_seam);
    return out;
}

static nj_status write_bundle(nj_packing *p, const char *out_path, nj_pack_summary *out,
                              nj_error *err)
{
    nj_sections sections;
    nj_catalogue_view view;
    nj_status status = list_sections(p, &sections, err);
    if (status == NJ_OK) {
        status = nj_catalogue_view_open(&sections, &view, err);
    }
    if (status == NJ_OK) {
        status = check_model(p, &sections, &view, err);
    }
    if (status == NJ_OK) {
        status = put_items(p, &view, &sections, err);
    }
    if (status == NJ_OK) {
        status = nj_bundle_write(out_path, &sections, err);
    }
    if (status == NJ_OK) {
        *out = (nj_pack_summary){.item_count = view.sids.row_count,
                                 .level_count = view.sids.level_count,
                                 .leaf_count = view.trie.node_count[view.trie.level_count],
                                 .history_max = view.history_max,
                                 .counted_items = p->counted_items,
                                 .foreign_items = p->items_made.foreign_count,
                                 .trained_on = p->trained.stated,
                                 .pairing = p->pairing,
                                 .text = summarize_text(p),
                                 .digest = nj_sections_digest(&sections)};
    }
    return status;
}

static nj_status read_base(nj_packing *p, nj_error *err)
{
    if (p->request->base_path != NULL) {
        return nj_packing_open_base(p, err);
    }
    nj_status status = nj_packing_read_model(p, err);
    return status == NJ_OK ? nj_packing_read_catalogue(p, err) : status;
}

nj_status nj_bundle_pack(const nj_pack_request *request, const char *out_path, nj_pack_summary *out,
                         nj_error *err)
{
    nj_packing p = {.request = request};
    nj_idmap_init(&p.map);
    nj_user_table_init(&p.histories);
    nj_bundle_items_init(&p.items_made);
    nj_bundle_text_init(&p.text);
    nj_buffer_init(&p.weights, NJ_PACK_SECTION_BYTES_MAX);
    nj_status status = read_base(&p, err);
    if (status == NJ_OK) {
        status = read_histories(&p, err);
    }
    if (status == NJ_OK) {
        status = nj_bundle_items_make(&request->items, &p.items, &p.map, &p.histories,
                                      &p.items_made, err);
    }
    if (status == NJ_OK) {
        status = write_bundle(&p, out_path, out, err);
    }
    nj_buffer_fini(&p.weights);
    nj_catalogue_sections_fini(&p.made);
    nj_bundle_items_fini(&p.items_made);
    nj_bundle_text_fini(&p.text);
    nj_user_table_fini(&p.histories);
    nj_pairing_sample_free(&p.sample);
    nj_idmap_fini(&p.map);
    free(p.counts);
    free(p.model_json);
    nj_catalogue_free(&p.catalogue);
    nj_bundle_close(&p.base);
    return status;
}
