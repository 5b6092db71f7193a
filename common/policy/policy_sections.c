#include "common/policy/policy_sections.h"

#include "common/catalogue/section_names.h"
#include "common/catalogue/trained_on.h"
#include "common/policy/policy_check.h"
#include "common/policy/policy_pack.h"

static nj_status read_trained_on(const nj_sections *sections, uint32_t *out_item_count,
                                 nj_error *err)
{
    const nj_section *model = nj_sections_find(sections, NJ_SECTION_MODEL);
    if (model == NULL) {
        return nj_fail(err, NJ_INPUT, "the bundle has no \"%s\" section", NJ_SECTION_MODEL);
    }
    json_t *json = NULL;
    nj_trained_on trained = {0};
    nj_status status = nj_json_parse(model->bytes, model->size, "section \"model\"", &json, err);
    if (status == NJ_OK) {
        status = nj_trained_on_read(json, "section \"model\"", &trained, err);
        json_decref(json);
    }
    *out_item_count = trained.stated ? trained.items : 0;
    return status;
}

nj_status nj_policy_sections_open(const nj_sections *sections, const nj_catalogue_view *catalogue,
                                  nj_policy_sections *out, nj_error *err)
{
    nj_policy_sections opened = {0};
    const nj_section *section = nj_sections_find(sections, NJ_SECTION_POLICY);
    if (section == NULL) {
        *out = opened;
        return NJ_OK;
    }
    nj_status status =
        nj_item_sections_open(sections, catalogue->sids.row_count, &opened.items, err);
    if (status == NJ_OK) {
        status = read_trained_on(sections, &opened.trained_item_count, err);
    }
    if (status == NJ_OK) {
        const nj_policy_names names = {.attributes = nj_policy_attributes(&opened),
                                       .items = &catalogue->items,
                                       .level_count = catalogue->sids.level_count,
                                       .has_vectors = nj_policy_vectors(&opened) != NULL,
                                       .has_neighbours = nj_policy_neighbours(&opened) != NULL,
                                       .has_counts = catalogue->counts != NULL,
                                       .has_trained_on = opened.trained_item_count > 0};
        status = nj_policy_unpack(section->bytes, section->size, &names, &opened.policy, err);
    }
    if (status == NJ_OK) {
        opened.acts = nj_policy_acts(&opened.policy);
        *out = opened;
    }
    return status;
}

nj_status nj_policy_sections_check(const nj_sections *sections, const nj_catalogue_view *catalogue,
                                   uint32_t beam, uint32_t top, const char *what, nj_error *err)
{
    nj_policy_sections opened;
    nj_status status = nj_policy_sections_open(sections, catalogue, &opened, err);
    if (status == NJ_OK && opened.acts) {
        status = nj_policy_check_night(&opened.policy, nj_policy_attributes(&opened), catalogue,
                                       beam, top, what, err);
    }
    return status;
}
