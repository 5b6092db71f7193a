#include "common/policy/policy_names.h"

#include "common/catalogue/section_names.h"
#include "common/catalogue/trained_on.h"

static nj_status read_trained_on(const nj_sections *sections, uint32_t *out, nj_error *err)
{
    const nj_section *model = nj_sections_find(sections, NJ_SECTION_MODEL);
    nj_trained_on trained = {0};
    json_t *json = NULL;
    if (model == NULL) {
        return nj_fail(err, NJ_INPUT, "the bundle has no section \"%s\"", NJ_SECTION_MODEL);
    }
    nj_status status = nj_json_parse(model->bytes, model->size, "section \"model\"", &json, err);
    if (status == NJ_OK) {
        status = nj_trained_on_read(json, "section \"model\"", &trained, err);
        json_decref(json);
    }
    *out = trained.stated ? trained.items : 0;
    return status;
}

nj_status nj_policy_names_open(const nj_sections *sections, const nj_catalogue_view *catalogue,
                               int64_t today, nj_item_sections *items, nj_policy_names *out,
                               nj_error *err)
{
    uint32_t trained_item_count = 0;
    nj_status status = nj_item_sections_open(sections, catalogue->sids.row_count, items, err);
    if (status == NJ_OK) {
        status = read_trained_on(sections, &trained_item_count, err);
    }
    if (status == NJ_OK) {
        *out = (nj_policy_names){
            .attributes = &items->attributes,
            .items = &catalogue->items,
            .level_count = catalogue->sids.level_count,
            .has_vectors = nj_sections_find(sections, NJ_SECTION_VECTORS) != NULL,
            .has_neighbours = nj_sections_find(sections, NJ_SECTION_NEIGHBOURS) != NULL,
            .has_counts = catalogue->counts != NULL,
            .has_trained_on = trained_item_count > 0,
            .trained_item_count = trained_item_count,
            .today = today};
    }
    return status;
}
