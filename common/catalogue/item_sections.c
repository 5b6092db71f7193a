#include "common/catalogue/item_sections.h"

#include "common/catalogue/section_names.h"

nj_status nj_item_sections_open(const nj_sections *sections, uint32_t row_count,
                                nj_item_sections *out, nj_error *err)
{
    nj_item_sections opened = {0};
    nj_status status = NJ_OK;
    const nj_section *attributes = nj_sections_find(sections, NJ_SECTION_ATTRIBUTES);
    const nj_section *vectors = nj_sections_find(sections, NJ_SECTION_VECTORS);
    const nj_section *neighbours = nj_sections_find(sections, NJ_SECTION_NEIGHBOURS);
    if (attributes != NULL) {
        status = nj_attributes_open(attributes->bytes, attributes->size, row_count,
                                    &opened.attributes, err);
    }
    if (status == NJ_OK && vectors != NULL) {
        status =
            nj_item_vectors_open(vectors->bytes, vectors->size, row_count, &opened.vectors, err);
    }
    if (status == NJ_OK && neighbours != NULL) {
        status = nj_neighbour_table_open(neighbours->bytes, neighbours->size, row_count,
                                         &opened.neighbours, err);
    }
    if (status == NJ_OK) {
        *out = opened;
    }
    return status;
}
