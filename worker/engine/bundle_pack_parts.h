// bundle_pack_parts.h - what the files of bundle_pack share; nobody else includes it.
//
//   bundle_pack.c            the order of things, histories, writing
//   bundle_pack_base.c       another bundle's sections
//   bundle_pack_catalogue.c  items, SIDs, what stands around them
//   bundle_pack_model.c      config.json and weights; does the model know the catalogue?
#ifndef NJ_WORKER_ENGINE_BUNDLE_PACK_PARTS_H
#define NJ_WORKER_ENGINE_BUNDLE_PACK_PARTS_H

#include "common/catalogue/catalogue.h"
#include "common/catalogue/trained_on.h"
#include "common/catalogue/view.h"
#include "worker/engine/bundle_pack.h"
#include "worker/engine/catalogue_sections.h"
#include "worker/engine/generator.h"

#define NJ_PACK_SECTION_BYTES_MAX ((size_t)1 << 42)

// Everything that becomes a section, while it is made.
typedef struct {
    const nj_pack_request *request;
    nj_bundle *base; // owned; NULL: there are a model and a catalogue
    nj_catalogue *catalogue;
    nj_idlist items;        // borrowed from one of the two
    const char *items_path; // where they are from
    nj_generator_config config;
    nj_trained_on trained;
    bool has_eos; // config.json says which token ends a text
    uint32_t eos_token;
    uint32_t eos_count; // tokens that config.json or generation_config.json names
    bool has_words;     // the model has embeddings of words
    char *model_json;   // owned by jansson's allocator: free()
    nj_buffer weights;
    nj_catalogue_sections made;
    nj_bundle_text text;
    bool asks_in_text; // false: by the catalogue's template
    uint32_t *counts;  // [N] or NULL
    uint32_t history_max;
    uint64_t counted_items;
    nj_idmap map;            // item id -> row; where ids are looked up
    nj_user_table histories; // where neighbours are wanted
    nj_bundle_items items_made;
    nj_pairing_sample *sample; // owned; NULL: the probe is not asked for
    nj_pairing pairing;
} nj_packing;

/// Opens base_path, checks all of it and takes its items. Its digests are made anew when the bundle is written: what is damaged must not get
/// one that fits.
NJ_CHECKED nj_status nj_packing_open_base(nj_packing *p, nj_error *err);
/// Takes the sections that the request names out of the base's. NJ_USAGE: one that may not be left out, or is not there.
NJ_CHECKED nj_status nj_packing_leave_out(const nj_packing *p, nj_sections *sections,
                                          nj_error *err);

/// Reads config.json and converts the weights.
NJ_CHECKED nj_status nj_packing_read_model(nj_packing *p, nj_error *err);
/// Asks whether the model knows the catalogue, where there is a sample. `view` is of sections that were checked: every token of the catalogue
/// is below V. NJ_REFUSED with the losses.
NJ_CHECKED nj_status nj_packing_check_pairing(nj_packing *p, const nj_catalogue_view *view,
                                              nj_error *err);

/// Reads the catalogue, or makes one of the table of items, and its sections and those of the prompt; the model is read already.
NJ_CHECKED nj_status nj_packing_read_catalogue(nj_packing *p, nj_error *err);

#endif
