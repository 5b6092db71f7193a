// encode_parts.h - codebooks and transform as the sections and parameters of a round, and back; for encode_rows.c and encode_work.c.
#ifndef NJ_CATALOGUE_ENCODE_PARTS_H
#define NJ_CATALOGUE_ENCODE_PARTS_H

#include "common/catalogue/encode_rows.h"

// rows; a codebook and offsets a level; mean, scale, matrix; weight and bias a layer
#define NJ_ENCODE_SECTIONS_MAX (1 + 2 * NJ_QUANT_LEVELS_MAX + 3 + 2 * NJ_TRANSFORM_LAYERS_MAX)
_Static_assert(NJ_ENCODE_SECTIONS_MAX <= NJ_ITEM_SECTIONS_MAX, "a round must hold them all");

// The job's values are borrowed.
typedef struct {
    nj_buffer parameters; // owned
    nj_item_section sections[NJ_ENCODE_SECTIONS_MAX];
    char names[NJ_ENCODE_SECTIONS_MAX][NJ_SECTION_NAME_BYTES];
    size_t section_count;
} nj_encode_parts;

NJ_CHECKED nj_status nj_encode_parts_init(nj_encode_parts *parts, const nj_encode_job *job,
                                          nj_error *err);
void nj_encode_parts_fini(nj_encode_parts *parts);

// What a task is told, from outside bytes; points into its sections.
typedef struct {
    nj_codebooks codebooks;
    nj_transform transform; // D_in 0: none
    uint32_t beam;
} nj_encode_model;

/// Sizes are those of the sections. Values, offsets and how shapes chain are for nj_encoder_new to check. NJ_INPUT, NJ_PROTOCOL.
NJ_CHECKED nj_status nj_encode_model_read(const nj_item_task *task, nj_encode_model *out,
                                          nj_error *err);

#endif
