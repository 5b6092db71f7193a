// catalogue_sections.h - a catalogue and a model as the sections of a bundle, in memory: what `bundle pack` writes, and what an engine
// opens that judges a model under training.
#ifndef NJ_WORKER_ENGINE_CATALOGUE_SECTIONS_H
#define NJ_WORKER_ENGINE_CATALOGUE_SECTIONS_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/bundle/bundle.h"
#include "common/catalogue/catalogue.h"

// What is made of a catalogue; the rest is a view of it.
typedef struct {
    nj_buffer trie;  // owned
    nj_buffer facts; // owned; the "catalogue" section
} nj_catalogue_sections;

/// Builds the trie and the facts.
///
///   history_max  items that the encoder reads at the most
///
/// Errors  those of nj_trie_build; NJ_NO_MEMORY
NJ_CHECKED nj_status nj_catalogue_sections_make(const nj_catalogue *catalogue,
                                                const nj_template *template, uint32_t history_max,
                                                nj_catalogue_sections *out, nj_error *err);
/// Accepts a struct that is all zero.
void nj_catalogue_sections_fini(nj_catalogue_sections *made);

/// The sections of a bundle, sorted by name and without digests; all is borrowed.
///
///   counts      [N] how often each item stands in histories; NULL: no such section
///   model_json  config.json's text
///   weights     nj_t5_weights_convert, or of a model under training
void nj_catalogue_sections_list(const nj_catalogue_sections *made, const nj_catalogue *catalogue,
                                const uint32_t *counts, nj_slice model_json, nj_slice weights,
                                nj_sections *out);

#endif
