// engine_answer.c - answers that are no SIDs: strings of the bundle's trie of answers, or free text.
//
//   prompts ─► nj_answer_search ─► rows ─► their leaves ─► lists, policies      items, lists
//                              └─► tokens ─► text                               text
#include "worker/engine/engine_internal.h"

#include <string.h>

#include "common/base/checked.h"

// ---- planning ----

// Items of one user that the search gives at the most.
static uint32_t count_wanted(const nj_engine *engine)
{
    const uint32_t leaves = engine->policies != NULL
                                ? engine->beam.leaves
                                : engine->settings.top + engine->settings.reserve;
    switch (engine->prompt.answer) {
    case NJ_SAYS_TEXT:
        return 1;
    case NJ_SAYS_LIST:
        return engine->prompt.list_count;
    case NJ_SAYS_ITEM:
    case NJ_SAYS_SID:
        break;
    }
    return leaves;
}

void nj_engine_plan_answer(nj_engine *engine)
{
    static const nj_answer_kind KINDS[] = {[NJ_SAYS_ITEM] = NJ_ANSWER_ITEMS,
                                           [NJ_SAYS_LIST] = NJ_ANSWER_LIST,
                                           [NJ_SAYS_TEXT] = NJ_ANSWER_TEXT};
    const nj_prompt *prompt = &engine->prompt;
    engine->answer = (nj_answer_config){
        .kind = KINDS[prompt->answer],
        .W = engine->beam.W,
        .wanted = count_wanted(engine),
        .tokens_max =
            prompt->answer == NJ_SAYS_ITEM ? prompt->answers.depth + 1 : prompt->answer_tokens_max,
        .start_token = engine->config.start_token,
        .end_token = prompt->end_token,
        .length_penalty = prompt->length_penalty,
        .stop = (nj_answer_stop)prompt->stop,
        .temperature = engine->settings.temperature,
        .renormalise = engine->settings.renormalise,
        .separator = prompt->answer_separator,
        .separator_count = prompt->answer_separator_count,
    };
    engine->text_max = prompt->answer == NJ_SAYS_TEXT ? NJ_ROW_TEXT_BYTES_MAX : 0;
}

static nj_answer_config config_of_width(const nj_engine *engine, uint32_t W)
{
    nj_answer_config config = engine->answer;
    config.W = W;
    return config;
}

// Text follows no trie.
static const nj_token_trie *find_trie(const nj_engine *engine)
{
    return engine->answer.kind == NJ_ANSWER_TEXT ? NULL : &engine->prompt.answers;
}

size_t nj_engine_answer_rows(const nj_engine *engine, uint32_t W, uint32_t B)
{
    const nj_answer_config config = config_of_width(engine, W);
    return nj_answer_rows_max(find_trie(engine), &config, B);
}

uint32_t nj_engine_answer_steps(const nj_engine *engine)
{
    return nj_answer_steps_max(find_trie(engine), &engine->answer);
}

// Of items: at no step are there more ends and continuations than items, nor more than two depths of the trie have nodes.
bool nj_engine_answer_covers(const nj_engine *engine, const nj_eligible *eligible, uint32_t W)
{
    if (engine->answer.kind != NJ_ANSWER_ITEMS) {
        return true; // a wider search says something else, and not more
    }
    const nj_token_trie *trie = &engine->prompt.answers;
    const size_t width = 2 * (size_t)nj_token_trie_width(trie);
    return W >= nj_min_size(width, eligible != NULL ? eligible->item_count : trie->item_count);
}

size_t nj_engine_answer_bytes(const nj_engine *engine, uint32_t W, uint32_t B,
                              uint32_t chunk_rows_max)
{
    const nj_answer_config config = config_of_width(engine, W);
    const nj_settings *settings = &engine->settings;
    const uint32_t listed = settings->candidates_max > settings->exclusions_max
                                ? settings->candidates_max
                                : settings->exclusions_max;
    const size_t search = nj_answer_scratch_bytes(find_trie(engine), &config, listed, B,
                                                  engine->config.V, chunk_rows_max);
    const size_t users = nj_arena_cost(B * sizeof(nj_answer_user)) +
                         nj_arena_cost(B * sizeof(nj_answer)) +
                         B * nj_arena_cost(engine->answer.wanted * sizeof(uint32_t));
    size_t bytes;
    return nj_add_size(search, users, &bytes) ? bytes : SIZE_MAX;
}

// ---- searching ----

static nj_answer_user make_user(const engine_mask *mask, const nj_exclusions *exclusions)
{
    return (nj_answer_user){.open_rows = mask->eligible != NULL ? mask->eligible->items : NULL,
                            .open_nodes = mask->open_nodes,
                            .excluded = exclusions->rows,
                            .excluded_count = exclusions->count,
                            .candidates = mask->candidates,
                            .candidate_count = mask->candidate_count};
}

// An item is found by its row; its leaf may be another's too.
static nj_beam_result find_leaves(nj_engine *engine, const nj_answer *answer)
{
    const nj_sids *sids = &engine->catalogue.sids;
    uint32_t *leaves =
        nj_arena_take(&engine->scratch_arena, engine->answer.wanted * sizeof *leaves);
    for (uint32_t i = 0; i < answer->count; i++) {
        leaves[i] = nj_trie_find(&engine->catalogue.trie,
                                 sids->codes + (size_t)answer->items[i] * sids->level_count);
    }
    return (nj_beam_result){.leaves = leaves,
                            .rows = answer->items,
                            .scores = answer->scores,
                            .raw = answer->scores,
                            .count = answer->count,
                            .finite = answer->finite};
}

void nj_engine_answer(nj_engine *engine, const nj_beam_model *model, uint32_t W, uint32_t B,
                      const engine_mask *masks, const nj_exclusions *exclusions, findings *out)
{
    nj_arena *arena = &engine->scratch_arena;
    const nj_answer_config config = config_of_width(engine, W);
    nj_answer_user *users = nj_arena_take(arena, B * sizeof *users);
    out->answers = nj_arena_take(arena, B * sizeof *out->answers);
    for (uint32_t b = 0; b < B; b++) {
        users[b] = make_user(&masks[b], &exclusions[b]);
    }
    nj_answer_search(find_trie(engine), &config, model, engine->options.kernels, users, B, arena,
                     out->answers);
    for (uint32_t b = 0; b < B; b++) {
        out->results[b] = find_leaves(engine, &out->answers[b]);
    }
}

// ---- text ----

// Ids that only fill the model's vocabulary up have no text.
static uint32_t drop_unnamed(const nj_engine *engine, const nj_answer *answer)
{
    const uint32_t named = nj_tokenizer_vocabulary(engine->prompt.tokenizer);
    uint32_t count = 0;
    for (uint32_t i = 0; i < answer->token_count; i++) {
        if (answer->tokens[i] < named) {
            answer->tokens[count++] = answer->tokens[i];
        }
    }
    return count;
}

// The bytes of a text that fit: no character is cut.
static uint32_t cut_text(nj_slice text, uint32_t bytes_max)
{
    if (text.size <= bytes_max) {
        return (uint32_t)text.size;
    }
    uint32_t end = bytes_max;
    while (end > 0 && ((uint8_t)text.bytes[end] & 0xc0) == 0x80) {
        end--;
    }
    return end;
}

nj_status nj_engine_read_text(nj_engine *engine, const nj_answer *answer, list_slot *out,
                              nj_error *err)
{
    const uint32_t count = drop_unnamed(engine, answer);
    nj_buffer_clear(&engine->draft_text);
    const nj_status status = nj_tokenizer_decode(engine->prompt.tokenizer, answer->tokens, count,
                                                 &engine->draft_text, err);
    if (status == NJ_OK) {
        out->count = 0;
        out->text_bytes = cut_text(nj_buffer_slice(&engine->draft_text), engine->text_max);
        if (out->text_bytes > 0) {
            memcpy(out->text, engine->draft_text.bytes, out->text_bytes);
        }
    }
    return status;
}
