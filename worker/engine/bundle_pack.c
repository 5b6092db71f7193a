#include "worker/engine/bundle_pack.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/base/file.h"
#include "common/catalogue/catalogue.h"
#include "common/catalogue/section_names.h"
#include "common/catalogue/trained_on.h"
#include "common/catalogue/view.h"
#include "common/codec/json.h"
#include "common/input/safetensors.h"
#include "worker/engine/catalogue_sections.h"
#include "worker/engine/generator.h"

#define CONFIG_BYTES_MAX (1u << 20)
#define SECTIONS_PUT 5 // that a base may lack: counts, attributes, vectors, neighbours, policy
#define SECTION_BYTES_MAX ((size_t)1 << 42)

// Everything that becomes a section, while it is made.
typedef struct {
    const nj_pack_request *request;
    nj_bundle *base; // owned; NULL: there are a model and a catalogue
    nj_catalogue *catalogue;
    nj_idlist items;        // borrowed from one of the two
    const char *items_path; // where they are from
    nj_generator_config config;
    nj_trained_on trained;
    char *model_json; // owned by jansson's allocator: free()
    nj_buffer weights;
    nj_catalogue_sections made;
    uint32_t *counts; // [N] or NULL
    uint32_t history_max;
    uint64_t counted_items;
    nj_idmap map;            // item id -> row; where ids are looked up
    nj_user_table histories; // where neighbours are wanted
    nj_bundle_items items_made;
    nj_pairing_sample *sample; // owned; NULL: the probe is not asked for
    nj_pairing pairing;
} packing;

static nj_status read_model(packing *p, nj_error *err)
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

// What the caller says; else what the checkpoint was trained with; else the catalogue's.
static const nj_template *choose_template(const packing *p)
{
    if (p->request->template != NULL) {
        return p->request->template;
    }
    return p->trained.has_template ? &p->trained.template : &p->catalogue->template;
}

// The most items whose tokens, the template's among them, fit in what the checkpoint was trained for; at least one.
static uint32_t choose_history_max(const packing *p, const nj_template *template)
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

static nj_status read_catalogue(packing *p, nj_error *err)
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

// ---- histories ----

static nj_status take_history(void *context, const nj_history *history, nj_error *err)
{
    packing *p = context;
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

static nj_status read_histories(packing *p, nj_error *err)
{
    const nj_pack_request *request = p->request;
    const bool counted = request->histories.path != NULL;
    const bool probed = p->base == NULL && !request->no_pairing_check && !p->trained.stated;
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

// ---- does the model know the catalogue? ----

static nj_status probe_pairing(packing *p, const nj_tensor_set *weights,
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

// `view` is of sections that were checked: every token of the catalogue is below V.
static nj_status check_pairing(packing *p, const nj_catalogue_view *view, nj_error *err)
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

// ---- another bundle's sections ----

// What a bundle can do without, and a person may take out.
static bool may_be_left_out(const char *name)
{
    static const char *const NAMES[] = {NJ_SECTION_POLICY, NJ_SECTION_ATTRIBUTES,
                                        NJ_SECTION_VECTORS, NJ_SECTION_NEIGHBOURS,
                                        NJ_SECTION_COUNTS};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (strcmp(name, NAMES[i]) == 0) {
            return true;
        }
    }
    return false;
}

static nj_status leave_out(const packing *p, nj_sections *sections, nj_error *err)
{
    const char *text = p->request->without;
    while (text != NULL) {
        char name[NJ_SECTION_NAME_BYTES] = "";
        const char *comma = strchr(text, ',');
        const size_t size = comma != NULL ? (size_t)(comma - text) : strlen(text);
        if (size < sizeof name) {
            memcpy(name, text, size);
        }
        if (!may_be_left_out(name)) {
            return nj_fail(
                err, NJ_USAGE,
                "--without has \"%.*s\", must be policy, attributes, vectors, neighbours "
                "or counts",
                (int)nj_min_size(size, 80), text);
        }
        if (nj_sections_find(sections, name) == NULL) {
            return nj_fail(err, NJ_USAGE, "--without %s: %s has no such section", name,
                           p->request->base_path);
        }
        nj_sections_remove(sections, name);
        text = comma != NULL ? comma + 1 : NULL;
    }
    return NJ_OK;
}

// Digests are made anew when the bundle is written: what is damaged must not get a digest that fits.
static nj_status open_base(packing *p, nj_error *err)
{
    nj_catalogue_view view;
    const char *path = p->request->base_path;
    nj_status status = nj_bundle_open(path, &p->base, err);
    if (status == NJ_OK) {
        status = nj_bundle_verify(p->base, err);
    }
    if (status == NJ_OK) {
        status = nj_catalogue_view_open(nj_bundle_sections(p->base), &view, err);
    }
    if (status == NJ_OK &&
        nj_bundle_sections(p->base)->count > NJ_BUNDLE_SECTIONS_MAX - SECTIONS_PUT) {
        status = nj_fail(err, NJ_INPUT, "%zu sections, at most %d leave room for others",
                         nj_bundle_sections(p->base)->count, NJ_BUNDLE_SECTIONS_MAX - SECTIONS_PUT);
    }
    if (status != NJ_OK) {
        nj_error_prefix(err, "bundle \"%s\"", path);
        return status;
    }
    p->items = view.items;
    p->items_path = path;
    return NJ_OK;
}

// ---- writing ----

static nj_status list_sections(packing *p, nj_sections *out, nj_error *err)
{
    if (p->base == NULL) {
        nj_catalogue_sections_list(&p->made, p->catalogue, p->counts,
                                   (nj_slice){p->model_json, strlen(p->model_json)},
                                   nj_buffer_slice(&p->weights), out);
        return NJ_OK;
    }
    *out = *nj_bundle_sections(p->base);
    nj_status status = leave_out(p, out, err);
    if (status == NJ_OK && p->counts != NULL) {
        nj_sections_put(out, NJ_SECTION_COUNTS, p->counts, p->items.count * sizeof *p->counts);
    }
    return status;
}

// What a worker will check is checked before the file is written.
static nj_status check_model(packing *p, const nj_catalogue_view *view, nj_error *err)
{
    if (p->base != NULL) {
        return NJ_OK; // it was checked when the base was packed
    }
    nj_status status = nj_catalogue_view_check_vocabulary(view, p->config.V, err);
    return status == NJ_OK ? check_pairing(p, view, err) : status;
}

static nj_status write_bundle(packing *p, const char *out_path, nj_pack_summary *out, nj_error *err)
{
    nj_sections sections;
    nj_catalogue_view view;
    nj_status status = list_sections(p, &sections, err);
    if (status == NJ_OK) {
        status = nj_catalogue_view_open(&sections, &view, err);
    }
    if (status == NJ_OK) {
        status = check_model(p, &view, err);
    }
    if (status == NJ_OK) {
        status = nj_bundle_items_put(&p->request->items, &view, &p->items_made, &sections, err);
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
                                 .digest = nj_sections_digest(&sections)};
    }
    return status;
}

static nj_status read_base(packing *p, nj_error *err)
{
    if (p->request->base_path != NULL) {
        return open_base(p, err);
    }
    nj_status status = read_model(p, err);
    return status == NJ_OK ? read_catalogue(p, err) : status;
}

nj_status nj_bundle_pack(const nj_pack_request *request, const char *out_path, nj_pack_summary *out,
                         nj_error *err)
{
    packing p = {.request = request};
    nj_idmap_init(&p.map);
    nj_user_table_init(&p.histories);
    nj_bundle_items_init(&p.items_made);
    nj_buffer_init(&p.weights, SECTION_BYTES_MAX);
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
    nj_user_table_fini(&p.histories);
    nj_pairing_sample_free(&p.sample);
    nj_idmap_fini(&p.map);
    free(p.counts);
    free(p.model_json);
    nj_catalogue_free(&p.catalogue);
    nj_bundle_close(&p.base);
    return status;
}
