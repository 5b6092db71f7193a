// bundle_pack_base.c - another bundle, whose sections are kept but for those that are made anew.
#include <string.h>

#include "common/base/checked.h"
#include "common/catalogue/section_names.h"
#include "worker/engine/bundle_pack_parts.h"

#define SECTIONS_PUT 5 // that a base may lack: counts, attributes, vectors, neighbours, policy

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

nj_status nj_packing_leave_out(const nj_packing *p, nj_sections *sections, nj_error *err)
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

nj_status nj_packing_open_base(nj_packing *p, nj_error *err)
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
