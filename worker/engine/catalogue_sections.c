#include "worker/engine/catalogue_sections.h"

#include <string.h>

#include "common/catalogue/section_names.h"
#include "common/catalogue/view.h"

#define SECTION_BYTES_MAX ((size_t)1 << 42)
#define FACTS_BYTES_MAX (1u << 20)

nj_status nj_catalogue_sections_make(const nj_catalogue *catalogue, const nj_template *template,
                                     uint32_t history_max, nj_catalogue_sections *out,
                                     nj_error *err)
{
    nj_catalogue_sections made;
    nj_buffer_init(&made.trie, SECTION_BYTES_MAX);
    nj_buffer_init(&made.facts, FACTS_BYTES_MAX);
    nj_status status = nj_trie_build(&catalogue->sids, &made.trie, err);
    if (status == NJ_OK &&
        nj_catalogue_section_write(&catalogue->sids, catalogue->token_base, template, history_max,
                                   &made.facts) != NJ_OK) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory for the facts of a catalogue");
    }
    if (status != NJ_OK) {
        nj_catalogue_sections_fini(&made);
        return status;
    }
    *out = made;
    return NJ_OK;
}

void nj_catalogue_sections_fini(nj_catalogue_sections *made)
{
    nj_buffer_fini(&made->trie);
    nj_buffer_fini(&made->facts);
}

static void add_section(nj_sections *sections, const char *name, const void *bytes, size_t size)
{
    nj_section *section = &sections->sections[sections->count++];
    memset(section, 0, sizeof *section);
    strncpy(section->name, name, sizeof section->name - 1);
    section->bytes = bytes;
    section->size = size;
}

void nj_catalogue_sections_list(const nj_catalogue_sections *made, const nj_catalogue *catalogue,
                                const uint32_t *counts, nj_slice model_json, nj_slice weights,
                                nj_sections *out)
{
    const size_t N = catalogue->sids.row_count;
    out->count = 0;
    add_section(out, NJ_SECTION_CATALOGUE, made->facts.bytes, made->facts.size);
    if (counts != NULL) {
        add_section(out, NJ_SECTION_COUNTS, counts, N * sizeof *counts);
    }
    add_section(out, NJ_SECTION_ITEMS, catalogue->item_block.bytes, catalogue->item_block.size);
    add_section(out, NJ_SECTION_MODEL, model_json.bytes, model_json.size);
    add_section(out, NJ_SECTION_SIDS, catalogue->sids.codes,
                N * catalogue->sids.level_count * sizeof(uint16_t));
    add_section(out, NJ_SECTION_TRIE, made->trie.bytes, made->trie.size);
    add_section(out, NJ_SECTION_WEIGHTS, weights.bytes, weights.size);
}
