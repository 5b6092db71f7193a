// engine_prompt.c - what a user is asked: the bundle's prompt, or the catalogue's template.
//
//   shared by all users, computed once by a language model │ written for each user
//   prefix                                                 │ history, candidates, text ...
#include "worker/engine/engine_internal.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/catalogue/item_vectors.h"
#include "common/catalogue/section_names.h"

// Of what is tokenized at night or read back, at each stage of its way.
#define DRAFT_BYTES_MAX NJ_TOKENIZER_TEXT_BYTES_MAX

// ---- opening ----

// Every row that may be answered stands in a leaf of the catalogue's trie: what is retired is no answer.
static nj_status check_answers(const nj_engine *engine, nj_error *err)
{
    const nj_trie *trie = &engine->catalogue.trie;
    const nj_token_trie *answers = &engine->prompt.answers;
    const uint32_t N = engine->catalogue.sids.row_count;
    uint64_t *sold = calloc(nj_bits_words(N), sizeof *sold);
    nj_status status = NJ_OK;
    if (sold == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to check %u answers", answers->item_count);
    }
    for (uint32_t i = 0; i < trie->item_count; i++) {
        nj_bits_add(sold, trie->items[i]);
    }
    for (uint32_t i = 0; i < answers->item_count && status == NJ_OK; i++) {
        if (!nj_bits_has(sold, answers->items[i])) {
            status = nj_fail(err, NJ_INPUT,
                             "section \"answers\" has row %u, which is retired: section \"trie\" "
                             "has no leaf for it",
                             answers->items[i]);
        }
    }
    free(sold);
    return status;
}

static nj_status check_model(nj_engine *engine, nj_error *err)
{
    const nj_prompt *prompt = &engine->prompt;
    engine->word_count =
        prompt->counts_words ? nj_generator_word_count(&engine->config, engine->tensors) : 0;
    if (prompt->counts_words && engine->word_count == 0) {
        return nj_fail(err, NJ_CONFIG,
                       "the prompt counts words, the model has no embedding of words: pack the "
                       "bundle again");
    }
    if (prompt->answer == NJ_SAYS_TEXT && prompt->tokenizer == NULL) {
        return nj_fail(err, NJ_INPUT,
                       "answers are text, and the bundle has no \"tokenizer\" section to read them "
                       "back");
    }
    return NJ_OK;
}

// Of the items whose vectors stand in prompts.
static nj_status open_vectors(nj_engine *engine, const nj_sections *sections, nj_error *err)
{
    nj_item_vectors vectors;
    const nj_generator_config *config = &engine->config;
    const nj_section *section = nj_sections_find(sections, NJ_SECTION_COLLABORATIVE);
    if (!engine->prompt.has_vectors) {
        return NJ_OK;
    }
    if (section == NULL) {
        return nj_fail(err, NJ_INPUT,
                       "prompts hold items' vectors, and the bundle has no \"%s\" section",
                       NJ_SECTION_COLLABORATIVE);
    }
    if (config->kind != NJ_GENERATOR_LM || config->lm.vector_width == 0) {
        return nj_fail(err, NJ_CONFIG, "prompts hold items' vectors, the model has no projector");
    }
    nj_status status = nj_collaborative_open(section->bytes, section->size,
                                             engine->prompt.row_count, &vectors, err);
    if (status == NJ_OK) {
        engine->vectors = (nj_lm_vectors){vectors.f32, vectors.row_count, vectors.width};
    }
    return status;
}

static nj_status make_drafts(nj_engine *engine, nj_error *err)
{
    const size_t tokens_max = engine->prompt.tokens_max;
    engine->draft = calloc(tokens_max, sizeof *engine->draft);
    engine->draft_words =
        engine->word_count > 0 ? calloc(tokens_max, sizeof *engine->draft_words) : NULL;
    return engine->draft != NULL && (engine->word_count == 0 || engine->draft_words != NULL)
               ? NJ_OK
               : nj_fail(err, NJ_NO_MEMORY, "no memory for a prompt of %zu tokens", tokens_max);
}

// A language model computes what all users share once; it is not written again. Of a prompt one token is left to each user, so that nobody
// is without.
static void split_prefix(nj_engine *engine)
{
    engine->template = engine->catalogue.template;
    uint32_t shared = engine->template.before_count;
    engine->prefix = engine->catalogue.template.before;
    if (engine->asks) {
        engine->prefix = nj_prompt_beginning(&engine->prompt, &shared);
        shared -= shared > 0;
    }
    engine->prefix_count = nj_generator_prefix_count(&engine->config, shared);
    if (engine->prefix_count > 0) {
        engine->template.before_count = 0;
    }
}

static nj_status open_prompt(nj_engine *engine, const nj_sections *sections, nj_error *err)
{
    nj_status status = nj_prompt_open(sections, engine->catalogue.sids.row_count, engine->config.V,
                                      &engine->prompt, err);
    if (status == NJ_OK) {
        status = check_model(engine, err);
    }
    if (status == NJ_OK) {
        status = check_answers(engine, err);
    }
    if (status == NJ_OK) {
        status = open_vectors(engine, sections, err);
    }
    return status == NJ_OK ? make_drafts(engine, err) : status;
}

nj_status nj_engine_open_prompt(nj_engine *engine, const nj_sections *sections, nj_error *err)
{
    nj_status status = NJ_OK;
    nj_buffer_init(&engine->draft_text, DRAFT_BYTES_MAX);
    engine->asks = nj_prompt_is_there(sections);
    if (engine->asks) {
        status = open_prompt(engine, sections, err);
    }
    if (status == NJ_OK) {
        split_prefix(engine);
    }
    return status;
}

void nj_engine_close_prompt(nj_engine *engine)
{
    nj_prompt_close(&engine->prompt);
    nj_buffer_fini(&engine->draft_text);
    free(engine->draft);
    free(engine->draft_words);
}

size_t nj_engine_prompt_bytes(const nj_engine *engine)
{
    const size_t drafts = engine->word_count > 0 ? 2 : 1;
    return engine->asks ? drafts * engine->prompt.tokens_max * sizeof(uint32_t) : 0;
}

// ---- lengths ----

static uint64_t find_longest_string(const nj_prompt *prompt)
{
    const uint64_t strings = (uint64_t)prompt->form_count * prompt->row_count;
    uint64_t longest = 0;
    for (uint64_t i = 0; i < strings; i++) {
        const uint64_t tokens = prompt->offset[i + 1] - prompt->offset[i];
        longest = tokens > longest ? tokens : longest;
    }
    return longest;
}

// Tokens of a piece at the most; SIZE_MAX on overflow. What is tokenized at night may have any length: such a prompt may be as long as any.
static size_t count_piece(const nj_prompt *prompt, const nj_prompt_piece *piece, uint32_t items,
                          uint32_t candidates)
{
    size_t tokens = piece->count;
    switch (piece->kind) {
    case NJ_PIECE_HISTORY:
    case NJ_PIECE_CANDIDATES:
        return nj_mul_size(find_longest_string(prompt),
                           piece->kind == NJ_PIECE_HISTORY ? items : candidates, &tokens) &&
                       nj_add_size(tokens, piece->count, &tokens)
                   ? tokens
                   : SIZE_MAX;
    case NJ_PIECE_USER:
    case NJ_PIECE_TEXT:
        return prompt->tokens_max;
    default:
        return tokens;
    }
}

uint32_t nj_engine_longest_prompt(const nj_engine *engine, uint32_t items, uint32_t candidates)
{
    if (!engine->asks) {
        return (uint32_t)nj_template_tokens_max(
            &engine->template, engine->catalogue.sids.level_count, nj_max_size(1, items));
    }
    const nj_prompt *prompt = &engine->prompt;
    size_t tokens = prompt->end_count;
    for (uint32_t i = 0; i < prompt->piece_count && tokens < prompt->tokens_max; i++) {
        if (!nj_add_size(tokens, count_piece(prompt, &prompt->pieces[i], items, candidates),
                         &tokens)) {
            tokens = prompt->tokens_max;
        }
    }
    const uint32_t longest = (uint32_t)nj_min_size(tokens, prompt->tokens_max);
    return longest > engine->prefix_count ? longest - engine->prefix_count : 1;
}

// ---- writing ----

bool nj_engine_is_cold(const nj_engine *engine, const nj_request *request)
{
    return request->item_count == 0 && (!engine->asks || engine->prompt.needs_history);
}

static void write_template(const nj_engine *engine, const nj_request *request, uint32_t *tokens,
                           nj_prompt_written *out)
{
    const nj_token_table table = nj_catalogue_view_tokens(&engine->catalogue);
    const uint32_t used = (uint32_t)nj_min_size(request->item_count, engine->history_max);
    const uint32_t *items = request->items + (request->item_count - used);
    out->items = used;
    out->count =
        (uint32_t)nj_template_tokens(&engine->template, &table, request->user, items, used, tokens);
}

nj_status nj_engine_write_prompt(nj_engine *engine, const nj_request *request, uint32_t *tokens,
                                 uint32_t *words, nj_prompt_written *out, nj_error *err)
{
    if (!engine->asks) {
        write_template(engine, request, tokens, out);
        return NJ_OK;
    }
    const uint32_t prefix_count = engine->prefix_count;
    nj_status status =
        nj_prompt_write(&engine->prompt, request, engine->history_max, engine->word_count,
                        &engine->draft_text, engine->draft, engine->draft_words, out, err);
    if (status != NJ_OK) {
        return status;
    }
    if (out->count <= prefix_count || out->count - prefix_count > engine->plan.S) {
        return nj_fail(err, NJ_INPUT, "user \"%.*s\" is asked by %u tokens, must be %u to %u",
                       NJ_SLICE_ARGS(request->user), out->count, prefix_count + 1,
                       prefix_count + engine->plan.S);
    }
    out->count -= prefix_count;
    memcpy(tokens, engine->draft + prefix_count, out->count * sizeof *tokens);
    if (engine->word_count > 0) {
        memcpy(words, engine->draft_words + prefix_count, out->count * sizeof *words);
    }
    return NJ_OK;
}
