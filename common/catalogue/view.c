#include "common/catalogue/view.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/catalogue/prompt_head.h"
#include "common/catalogue/section_names.h"
#include "common/catalogue/tokens.h"
#include "common/codec/json.h"

static nj_status find_section(const nj_sections *sections, const char *name, const nj_section **out,
                              nj_error *err)
{
    *out = nj_sections_find(sections, name);
    return *out != NULL ? NJ_OK : nj_fail(err, NJ_INPUT, "the bundle has no \"%s\" section", name);
}

// ---- the JSON section ----

static nj_status read_codes_per_level(const json_t *json, nj_sids *sids, nj_error *err)
{
    const json_t *list = json_object_get(json, "codes_per_level");
    size_t level_count = json_array_size(list);
    if (level_count == 0 || level_count > NJ_LEVELS_MAX) {
        return nj_fail(
            err, NJ_INPUT,
            "section \"catalogue\": \"codes_per_level\" is not a list of 1 to %d numbers",
            NJ_LEVELS_MAX);
    }
    sids->level_count = (uint32_t)level_count;
    for (uint32_t l = 0; l < sids->level_count; l++) {
        const json_t *codes = json_array_get(list, l);
        json_int_t K = json_is_integer(codes) ? json_integer_value(codes) : 0;
        if (K < NJ_CODES_MIN || K > NJ_CODES_MAX) {
            return nj_fail(err, NJ_INPUT,
                           "section \"catalogue\": level %u has %lld codes, must be %d to %d", l,
                           (long long)K, NJ_CODES_MIN, NJ_CODES_MAX);
        }
        sids->codes_per_level[l] = (uint32_t)K;
    }
    return NJ_OK;
}

static nj_status read_facts(const json_t *json, nj_catalogue_view *view, nj_error *err)
{
    nj_json_keys keys;
    nj_json_keys_open(&keys, json, "section \"catalogue\"", err);
    int64_t version = nj_json_int(&keys, "version", 1, INT32_MAX);
    view->sids.row_count = (uint32_t)nj_json_int(&keys, "items", 1, NJ_IDLIST_COUNT_MAX);
    uint32_t token_base = (uint32_t)nj_json_int(&keys, "token_base", 0, NJ_TOKEN_MAX);
    view->history_max = (uint32_t)nj_json_int(&keys, "history_max", 1, NJ_HISTORY_MAX);
    nj_status status = keys.status;
    if (status == NJ_OK && version != NJ_CATALOGUE_SECTION_VERSION) {
        status = nj_fail(err, NJ_INPUT,
                         "section \"catalogue\": version %" PRId64 ", this program reads %d",
                         version, NJ_CATALOGUE_SECTION_VERSION);
    }
    if (status == NJ_OK) {
        status = read_codes_per_level(json, &view->sids, err);
    }
    if (status == NJ_OK) {
        status = nj_level_token_bases(&view->sids, token_base, "section \"catalogue\"",
                                      view->token_base, err);
    }
    if (status == NJ_OK) {
        status = nj_template_read(json_object_get(json, "template"),
                                  "section \"catalogue\": \"template\"", &view->template, err);
    }
    return status;
}

nj_status nj_catalogue_section_write(const nj_sids *sids, uint32_t token_base,
                                     const nj_template *template, uint32_t history_max,
                                     nj_buffer *out)
{
    nj_status status = nj_buffer_printf(
        out,
        "{\"version\": %d, \"items\": %u, \"token_base\": %u, \"history_max\": %u, "
        "\"codes_per_level\": [",
        NJ_CATALOGUE_SECTION_VERSION, sids->row_count, token_base, history_max);
    for (uint32_t l = 0; l < sids->level_count && status == NJ_OK; l++) {
        status = nj_buffer_printf(out, "%s%u", l > 0 ? ", " : "", sids->codes_per_level[l]);
    }
    if (status == NJ_OK) {
        status = nj_buffer_printf(out, "], \"template\": ");
    }
    if (status == NJ_OK) {
        status = nj_template_write(template, out);
    }
    return status != NJ_OK ? status : nj_buffer_append(out, "}", 1);
}

// ---- the arrays ----

static nj_status open_facts(const nj_sections *sections, nj_catalogue_view *view, nj_error *err)
{
    const nj_section *section = NULL;
    json_t *json = NULL;
    nj_status status = find_section(sections, NJ_SECTION_CATALOGUE, &section, err);
    if (status == NJ_OK) {
        status = nj_json_parse(section->bytes, section->size, "section \"catalogue\"", &json, err);
    }
    if (status == NJ_OK) {
        status = read_facts(json, view, err);
        json_decref(json);
    }
    return status;
}

static nj_status open_sids(const nj_sections *sections, nj_catalogue_view *view, nj_error *err)
{
    const nj_section *section = NULL;
    nj_status status = find_section(sections, NJ_SECTION_SIDS, &section, err);
    if (status != NJ_OK) {
        return status;
    }
    size_t bytes = (size_t)view->sids.row_count * view->sids.level_count * sizeof(uint16_t);
    if (section->size != bytes) {
        return nj_fail(err, NJ_INPUT,
                       "section \"sids\" has %zu bytes, %u items of %u levels need %zu",
                       section->size, view->sids.row_count, view->sids.level_count, bytes);
    }
    view->sids.codes = section->bytes;
    status = nj_sids_check(&view->sids, err);
    if (status != NJ_OK) {
        nj_error_prefix(err, "section \"sids\"");
    }
    return status;
}

static nj_status open_items(const nj_sections *sections, nj_catalogue_view *view, nj_error *err)
{
    const nj_section *section = NULL;
    nj_status status = find_section(sections, NJ_SECTION_ITEMS, &section, err);
    if (status == NJ_OK) {
        status =
            nj_idlist_open(section->bytes, section->size, "section \"items\"", &view->items, err);
    }
    if (status == NJ_OK && view->items.count != view->sids.row_count) {
        status =
            nj_fail(err, NJ_INPUT, "section \"items\" has %zu ids, section \"catalogue\" says %u",
                    view->items.count, view->sids.row_count);
    }
    return status;
}

// Every item lies where its SID leads. So the trie has no code that no item has, and a vocabulary that holds the items' tokens
// (nj_catalogue_view_check_vocabulary) holds the trie's. The leaves are walked in order, which costs less than a search for each item.
static nj_status check_leaves(const nj_catalogue_view *view, nj_error *err)
{
    const uint32_t L = view->trie.level_count;
    nj_trie_walk walk;
    nj_trie_walk_begin(&view->trie, &walk);
    do {
        uint32_t count;
        const uint32_t *rows = nj_trie_leaf_items(&view->trie, walk.node[L], &count);
        for (uint32_t i = 0; i < count; i++) {
            const uint16_t *sid = view->sids.codes + (size_t)rows[i] * L;
            if (memcmp(sid, walk.codes, L * sizeof *sid) != 0) {
                return nj_fail(
                    err, NJ_INPUT,
                    "section \"trie\": row %u stands in leaf %u, its SID leads elsewhere", rows[i],
                    walk.node[L]);
            }
        }
    } while (nj_trie_walk_next(&walk));
    return NJ_OK;
}

static nj_status check_trie_levels(const nj_catalogue_view *view, nj_error *err)
{
    if (view->trie.level_count != view->sids.level_count) {
        return nj_fail(err, NJ_INPUT,
                       "section \"trie\" has %u levels, section \"catalogue\" says %u",
                       view->trie.level_count, view->sids.level_count);
    }
    for (uint32_t l = 0; l < view->trie.level_count; l++) {
        if (view->trie.codes_per_level[l] != view->sids.codes_per_level[l]) {
            return nj_fail(
                err, NJ_INPUT,
                "section \"trie\" has %u codes on level %u, section \"catalogue\" says %u",
                view->trie.codes_per_level[l], l, view->sids.codes_per_level[l]);
        }
    }
    return NJ_OK;
}

static nj_status open_trie(const nj_sections *sections, nj_catalogue_view *view, nj_error *err)
{
    const nj_section *section = NULL;
    nj_status status = find_section(sections, NJ_SECTION_TRIE, &section, err);
    if (status == NJ_OK) {
        status =
            nj_trie_open(section->bytes, section->size, view->sids.row_count, &view->trie, err);
    }
    if (status == NJ_OK) {
        status = check_trie_levels(view, err);
    }
    return status != NJ_OK ? status : check_leaves(view, err);
}

static nj_status open_counts(const nj_sections *sections, nj_catalogue_view *view, nj_error *err)
{
    const nj_section *section = nj_sections_find(sections, NJ_SECTION_COUNTS);
    if (section == NULL) {
        return NJ_OK;
    }
    if (section->size != view->sids.row_count * sizeof(uint32_t)) {
        return nj_fail(err, NJ_INPUT, "section \"counts\" has %zu bytes, %u items need %zu",
                       section->size, view->sids.row_count,
                       view->sids.row_count * sizeof(uint32_t));
    }
    view->counts = section->bytes;
    return NJ_OK;
}

// Whether a mask leaves something out is for the trie to say.
static nj_status check_mask(const nj_catalogue_view *view, uint32_t index, nj_error *err)
{
    const nj_mask *mask = &view->masks.masks[index];
    const uint32_t most = view->trie.item_count;
    if (mask->item_count <= most && (mask->narrows != 0) == (mask->item_count < most)) {
        return NJ_OK;
    }
    return nj_fail(err, NJ_INPUT,
                   "section \"eligible\": mask %u has %u items of the trie's %u and says that it "
                   "leaves %s out",
                   index, mask->item_count, most, mask->narrows != 0 ? "some" : "none");
}

static nj_status open_masks(const nj_sections *sections, nj_catalogue_view *view, nj_error *err)
{
    const nj_section *section = nj_sections_find(sections, NJ_SECTION_ELIGIBLE);
    if (section == NULL) {
        return NJ_OK;
    }
    nj_status status =
        nj_masks_open(section->bytes, section->size, view->sids.row_count, &view->masks, err);
    for (uint32_t m = 0; status == NJ_OK && m < view->masks.count; m++) {
        status = check_mask(view, m, err);
    }
    return status;
}

nj_status nj_catalogue_view_open(const nj_sections *sections, nj_catalogue_view *out, nj_error *err)
{
    nj_catalogue_view view = {0};
    nj_status status = open_facts(sections, &view, err);
    if (status == NJ_OK) {
        status = open_sids(sections, &view, err);
    }
    if (status == NJ_OK) {
        status = open_items(sections, &view, err);
    }
    if (status == NJ_OK) {
        status = open_trie(sections, &view, err);
    }
    if (status == NJ_OK) {
        status = open_counts(sections, &view, err);
    }
    if (status == NJ_OK) {
        status = open_masks(sections, &view, err);
    }
    if (status == NJ_OK) {
        status = nj_prompt_needs(sections, &view.needs, err);
    }
    if (status == NJ_OK) {
        *out = view;
    }
    return status;
}

nj_status nj_catalogue_view_check_vocabulary(const nj_catalogue_view *view, uint32_t V,
                                             nj_error *err)
{
    return nj_vocabulary_check(&view->sids, view->token_base, &view->template, V, err);
}
