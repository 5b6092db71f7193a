#include "worker/engine/catalogue_sections.h"

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

void nj_catalogue_sections_list(const nj_catalogue_sections *made, const nj_catalogue *catalogue,
                                const uint32_t *counts, nj_slice model_json, nj_slice weights,
                                nj_sections *out)
{
    const size_t N = catalogue->sids.row_count;
    out->count = 0;
    nj_sections_put(out, NJ_SECTION_CATALOGUE, made->facts.bytes, made->facts.size);
    if (counts != NULL) {
        nj_sections_put(out, NJ_SECTION_COUNTS, counts, N * sizeof *counts);
    }
    nj_sections_put(out, NJ_SECTION_ITEMS, catalogue->item_block.bytes, catalogue->item_block.size);
    nj_sections_put(out, NJ_SECTION_MODEL, model_json.bytes, model_json.size);
    nj_sections_put(out, NJ_SECTION_SIDS, catalogue->sids.codes,
                    N * catalogue->sids.level_count * sizeof(uint16_t));
    nj_sections_put(out, NJ_SECTION_TRIE, made->trie.bytes, made->trie.size);
    nj_sections_put(out, NJ_SECTION_WEIGHTS, weights.bytes, weights.size);
}
