#include "common/policy/policy_sections.h"

#include "common/catalogue/section_names.h"
#include "common/policy/policy_check.h"
#include "common/policy/policy_names.h"
#include "common/policy/policy_pack.h"

nj_status nj_policy_sections_open(const nj_sections *sections, const nj_catalogue_view *catalogue,
                                  nj_policy_sections *out, nj_error *err)
{
    nj_policy_sections opened = {0};
    const nj_section *section = nj_sections_find(sections, NJ_SECTION_POLICY);
    if (section == NULL) {
        *out = opened;
        return NJ_OK;
    }
    nj_policy_names names;
    nj_status status = nj_policy_names_open(sections, catalogue, 0, &opened.items, &names, err);
    if (status == NJ_OK) {
        opened.trained_item_count = names.trained_item_count;
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
