// prompt_compile.c - the steps from prompt.yaml to sections, and what fits.
#include "common/prompt/prompt_compile.h"

#include <inttypes.h>

#include "common/base/checked.h"
#include "common/base/clock.h"
#include "common/catalogue/view.h"
#include "common/prompt/prompt_compiler.h"

#define TOKENS_DEFAULT 512  // of an encoder's prompt where nobody says more: what T5 was trained on
#define TOKENS_CEILING 4096 // of a decoder's, where prompt.yaml does not say more
#define STRINGS_BYTES_MAX ((size_t)8 << 30)

void nj_prompt_sections_fini(nj_prompt_sections *made)
{
    nj_buffer_fini(&made->prompt);
    nj_buffer_fini(&made->strings);
    nj_buffer_fini(&made->answers);
    nj_buffer_fini(&made->tokenizer);
    *made = (nj_prompt_sections){0};
}

static void init_sections(nj_prompt_sections *made)
{
    *made = (nj_prompt_sections){0};
    nj_buffer_init(&made->prompt, STRINGS_BYTES_MAX);
    nj_buffer_init(&made->strings, STRINGS_BYTES_MAX);
    nj_buffer_init(&made->answers, STRINGS_BYTES_MAX);
    nj_buffer_init(&made->tokenizer, 2 * NJ_TOKENIZER_FILE_BYTES_MAX);
}

// ---- opening ----

static nj_status check_vocabulary(const nj_prompt_compiler *c)
{
    const uint32_t count = nj_tokenizer_vocabulary(c->tokenizer);
    if (c->model->V > NJ_PROMPT_WORD) {
        return nj_fail(c->err, NJ_CONFIG,
                       "the model's vocabulary has %" PRIu32 " tokens, prompts know at most %u",
                       c->model->V, NJ_PROMPT_WORD);
    }
    return count <= c->model->V
               ? NJ_OK
               : nj_fail(c->err, NJ_CONFIG,
                         "%s: the tokenizer has ids up to %" PRIu32
                         ", the model's vocabulary ends at "
                         "%" PRIu32 ": take the tokenizer that the model was trained with",
                         nj_tokenizer_path(c->tokenizer), count - 1, c->model->V - 1);
}

// Whether a text that is used has such a part.
static bool is_asked(const nj_prompt_spec *spec, nj_part_kind kind)
{
    const bool answers_items = spec->answer == NJ_SAYS_ITEM || spec->answer == NJ_SAYS_LIST;
    const nj_prompt_text *answer = spec->answer_item.is_there ? &spec->answer_item : &spec->item;
    return (nj_prompt_text_has(&spec->prompt, NJ_PART_HISTORY) &&
            nj_prompt_text_has(&spec->item, kind)) ||
           (nj_prompt_text_has(&spec->prompt, NJ_PART_CANDIDATES) &&
            nj_prompt_text_has(&spec->candidate, kind)) ||
           (answers_items && kind != NJ_PART_VECTOR && nj_prompt_text_has(answer, kind));
}

static nj_status check_sids(const nj_prompt_compiler *c)
{
    const nj_prompt_spec *spec = &c->spec;
    const bool wants = spec->answer == NJ_SAYS_SID || is_asked(spec, NJ_PART_SID);
    return !wants || c->sids != NULL
               ? NJ_OK
               : nj_fail(c->err, NJ_CONFIG,
                         "%s: {sid} and answers of kind sid want semantic IDs, and there is no "
                         "catalogue of them: give --catalogue, or answer.kind",
                         spec->path);
}

static nj_status fail_vectors(const nj_prompt_compiler *c)
{
    return nj_fail(c->err, NJ_CONFIG,
                   "%s: line %" PRIu32 ": {vector} wants a vector of each item and the model's "
                   "projector, which are not given",
                   c->spec.path,
                   nj_prompt_text_has(&c->spec.item, NJ_PART_VECTOR) ? c->spec.item.line
                                                                     : c->spec.candidate.line);
}

static nj_status check_vectors(const nj_prompt_compiler *c)
{
    return is_asked(&c->spec, NJ_PART_VECTOR) && !c->model->has_vectors ? fail_vectors(c) : NJ_OK;
}

static nj_status open_sources(nj_prompt_compiler *c)
{
    nj_status status = nj_prompt_spec_read(c->source->prompt_path, &c->spec, c->err);
    if (status == NJ_OK) {
        status = nj_tokenizer_open(c->source->tokenizer_path, &c->tokenizer, c->err);
    }
    if (status == NJ_OK) {
        status = check_vocabulary(c);
    }
    if (status == NJ_OK) {
        status = check_sids(c);
    }
    if (status == NJ_OK) {
        status = check_vectors(c);
    }
    if (status == NJ_OK) {
        nj_prompt_encoder_init(&c->encoder, c->tokenizer, c->model->has_words);
        status = nj_prompt_items_read(c->source, &c->spec, c->items, &c->texts, c->err);
    }
    return status;
}

// ---- the catalogue's template ----

// {sid} alone, in a history, with texts around it.
static bool is_template(const nj_prompt_compiler *c)
{
    const nj_prompt_spec *spec = &c->spec;
    const bool is_sid = spec->item.part_count == 1 && spec->item.parts[0].kind == NJ_PART_SID;
    for (uint32_t i = 0; i < spec->prompt.part_count; i++) {
        const nj_part_kind kind = spec->prompt.parts[i].kind;
        if (kind != NJ_PART_TEXT && kind != NJ_PART_HISTORY) {
            return false;
        }
    }
    return is_sid && spec->answer == NJ_SAYS_SID && !c->model->has_words &&
           c->texts.ids[NJ_IDS_PROMPT] == NULL &&
           nj_prompt_text_has(&spec->prompt, NJ_PART_HISTORY);
}

// Room for more tokens of one part, behind those that are there.
static nj_status check_room(const nj_prompt_compiler *c, uint32_t count, size_t more)
{
    return more <= NJ_TEMPLATE_TOKENS_MAX - count
               ? NJ_OK
               : nj_fail(c->err, NJ_CONFIG,
                         "%s: line %" PRIu32
                         ": prompt: %zu tokens stand side by side, at most %d: shorten it",
                         c->spec.path, c->spec.prompt.line, more + count, NJ_TEMPLATE_TOKENS_MAX);
}

static nj_status take_part(nj_prompt_compiler *c, nj_edge edge, nj_slice text, uint32_t *out,
                           uint32_t *count)
{
    nj_buffer_clear(&c->shared);
    nj_status status =
        nj_prompt_encoder_begin(&c->encoder, (nj_prompt_behind){.edge = edge}, &c->shared, c->err);
    if (status == NJ_OK) {
        status = nj_prompt_encoder_text(&c->encoder, text, c->err);
    }
    if (status == NJ_OK) {
        status = nj_prompt_encoder_end(&c->encoder, c->err);
    }
    const size_t more = nj_prompt_tokens_in(&c->shared);
    if (status == NJ_OK) {
        status = check_room(c, *count, more);
    }
    if (status == NJ_OK && more > 0) {
        memcpy(out + *count, c->shared.bytes, c->shared.size);
        *count += (uint32_t)more;
    }
    return status;
}

static nj_status make_template(nj_prompt_compiler *c)
{
    nj_template *template = &c->out->template;
    const nj_prompt_text *prompt = &c->spec.prompt;
    const bool has_before = prompt->parts[0].kind == NJ_PART_TEXT;
    const bool has_after = prompt->parts[prompt->part_count - 1].kind == NJ_PART_TEXT;
    size_t before_count = 0;
    size_t around_count = 0;
    const uint32_t *around = nj_tokenizer_around(c->tokenizer, &before_count, &around_count);
    if (c->spec.is_special) {
        template->before_count = (uint32_t)before_count;
        memcpy(template->before, around, before_count * sizeof *around);
    }
    nj_status status = has_before ? take_part(c, NJ_EDGE_START, prompt->parts[0].text,
                                              template->before, &template->before_count)
                                  : NJ_OK;
    if (status == NJ_OK) {
        status = take_part(c, NJ_EDGE_CUT, c->spec.separator, template->between,
                           &template->between_count);
    }
    if (status == NJ_OK && has_after) {
        status = take_part(c, NJ_EDGE_CUT, prompt->parts[prompt->part_count - 1].text,
                           template->after, &template->after_count);
    }
    const size_t after = c->spec.is_special ? around_count - before_count : 0;
    if (status == NJ_OK) {
        status = check_room(c, template->after_count, after);
    }
    if (status == NJ_OK && after > 0) {
        memcpy(template->after + template->after_count, around + before_count,
               after * sizeof *around);
        template->after_count += (uint32_t)after;
    }
    c->out->tokens_max = c->spec.tokens_max;
    c->out->is_template = true;
    return status;
}

// ---- what fits ----

typedef struct {
    size_t shortest;
    size_t longest;
} span;

// Of one form: the shortest and the longest item.
static span measure_form(const nj_prompt_compiler *c, uint32_t form)
{
    span found = {SIZE_MAX, 0};
    const uint64_t *offset = c->prompt.offset + (size_t)form * c->items->count;
    for (size_t row = 0; row < c->items->count; row++) {
        const size_t count = (size_t)(offset[row + 1] - offset[row]);
        found.shortest = nj_min_size(found.shortest, count);
        found.longest = nj_max_size(found.longest, count);
    }
    return found;
}

// What all prompts have, the shortest item of a history with it.
static size_t measure_least(const nj_prompt_compiler *c, const nj_prompt_piece **out_history)
{
    size_t sum = c->prompt.end_count;
    *out_history = NULL;
    for (uint32_t i = 0; i < c->prompt.piece_count; i++) {
        const nj_prompt_piece *piece = &c->prompt.pieces[i];
        if (piece->kind == NJ_PIECE_TOKENS) {
            sum += piece->count;
        } else if (piece->kind == NJ_PIECE_HISTORY || piece->kind == NJ_PIECE_CANDIDATES) {
            sum += measure_form(c, piece->forms[NJ_ITEM_ONLY]).shortest;
            *out_history = piece->kind == NJ_PIECE_HISTORY ? piece : *out_history;
        }
    }
    return sum;
}

// Tokens that the model leaves for a prompt.
static size_t find_limit(const nj_prompt_compiler *c)
{
    const nj_prompt_model *model = c->model;
    const size_t answer = model->is_decoder_only ? c->out->answer_tokens_max : 0;
    if (model->context_max == 0) {
        return c->spec.tokens_max > 0 ? c->spec.tokens_max : TOKENS_DEFAULT;
    }
    const size_t left = model->context_max > answer ? model->context_max - answer : 0;
    return c->spec.tokens_max > 0 ? left : nj_min_size(left, TOKENS_CEILING);
}

// Items of a history that fit, of the shortest ones.
static uint32_t count_items(const nj_prompt_compiler *c, const nj_prompt_piece *history,
                            size_t room)
{
    const size_t shortest = nj_max_size(1, measure_form(c, history->forms[NJ_ITEM_INNER]).shortest);
    const size_t most = nj_min_size(1 + room / shortest, NJ_HISTORY_MAX);
    const uint32_t asked = c->model->history_max;
    return (uint32_t)(asked > 0 ? nj_min_size(asked, most) : most);
}

// Prompts in which nothing but the history differs need no more than its longest items.
static size_t needed_tokens(const nj_prompt_compiler *c, const nj_prompt_piece *history,
                            size_t least)
{
    if (history == NULL || c->model->history_max == 0 || c->prompt.needs_user ||
        c->prompt.needs_text || c->prompt.needs_candidates) {
        return SIZE_MAX;
    }
    size_t longest = 0;
    for (size_t i = 0; i < NJ_ITEM_STANDS; i++) {
        longest = nj_max_size(longest, measure_form(c, history->forms[i]).longest);
    }
    size_t items = 0;
    return nj_mul_size(longest, c->model->history_max, &items) ? nj_max_size(1, least + items)
                                                               : SIZE_MAX;
}

// `limit`: tokens that the context leaves beside an answer; `least`: those of a prompt with its shortest items.
static nj_status check_limits(const nj_prompt_compiler *c, size_t least, size_t limit)
{
    const size_t said = c->spec.tokens_max;
    if (said > limit) {
        return nj_fail(c->err, NJ_CONFIG,
                       "%s: tokens is %zu, the model's context of %" PRIu32
                       " leaves %zu beside an answer of %" PRIu32,
                       c->spec.path, said, c->model->context_max, limit, c->out->answer_tokens_max);
    }
    if (said > 0 && least > said) {
        return nj_fail(c->err, NJ_CONFIG,
                       "%s: line %" PRIu32
                       ": the prompt has %zu tokens with its shortest items, tokens is %zu: raise "
                       "that, or shorten the prompt",
                       c->spec.path, c->spec.prompt.line, least, said);
    }
    if (least > limit) {
        return nj_fail(
            c->err, NJ_CONFIG,
            "%s: line %" PRIu32 ": the prompt has %zu tokens with its shortest items, the "
            "model reads %zu (context %" PRIu32 ", answer %" PRIu32 "): shorten it or the answer",
            c->spec.path, c->spec.prompt.line, least, limit, c->model->context_max,
            c->out->answer_tokens_max);
    }
    return NJ_OK;
}

static nj_status fit_prompt(nj_prompt_compiler *c)
{
    const nj_prompt_piece *history = NULL;
    const size_t least = measure_least(c, &history);
    const size_t limit = find_limit(c);
    const nj_status status = check_limits(c, least, limit);
    if (status != NJ_OK) {
        return status;
    }
    const size_t room = c->spec.tokens_max > 0 ? c->spec.tokens_max : limit;
    c->out->history_max = history != NULL ? count_items(c, history, room - least) : 0;
    c->prompt.tokens_max = (uint32_t)nj_min_size(nj_min_size(room, NJ_PROMPT_TOKENS_MAX),
                                                 needed_tokens(c, history, least));
    c->out->tokens_max = c->prompt.tokens_max;
    return NJ_OK;
}

// Ids made elsewhere, and SIDs, may lie beyond the model; vectors may stand among the former.
static nj_status check_token(nj_prompt_compiler *c, size_t string, uint32_t token)
{
    if ((token & NJ_PROMPT_VECTOR) != 0) {
        c->prompt.has_vectors = true;
        return c->model->has_vectors ? NJ_OK : fail_vectors(c);
    }
    if ((token & ~NJ_PROMPT_WORD) < c->model->V) {
        return NJ_OK;
    }
    (void)nj_fail(c->err, NJ_CONFIG,
                  "has token %" PRIu32 ", the model's vocabulary ends at %" PRIu32,
                  token & ~NJ_PROMPT_WORD, c->model->V - 1);
    nj_prompt_compile_name(c, (uint32_t)(string % c->items->count));
    return NJ_CONFIG;
}

static nj_status check_tokens(nj_prompt_compiler *c)
{
    const size_t string_count = (size_t)c->prompt.form_count * c->items->count;
    nj_status status = NJ_OK;
    for (size_t i = 0; status == NJ_OK && i < string_count; i++) {
        for (uint64_t t = c->prompt.offset[i]; status == NJ_OK && t < c->prompt.offset[i + 1];
             t++) {
            status = check_token(c, i, c->prompt.tokens[t]);
        }
    }
    return status;
}

// ---- the whole ----

static void take_needs(nj_prompt_compiler *c)
{
    const nj_prompt_text *text = &c->spec.prompt;
    c->prompt.needs_user = nj_prompt_text_has(text, NJ_PART_USER);
    c->prompt.needs_text = nj_prompt_text_has(text, NJ_PART_OWN_TEXT);
    c->prompt.needs_history = nj_prompt_text_has(text, NJ_PART_HISTORY);
    c->prompt.needs_candidates = nj_prompt_text_has(text, NJ_PART_CANDIDATES);
    c->prompt.row_count = (uint32_t)c->items->count;
    c->prompt.counts_words = c->model->has_words;
}

static nj_status pack_sections(nj_prompt_compiler *c)
{
    const nj_prompt *prompt = &c->prompt;
    nj_status status = nj_prompt_pack(prompt, &c->out->prompt);
    if (status == NJ_OK && prompt->form_count > 0) {
        status = nj_prompt_pack_strings(prompt, &c->out->strings);
    }
    if (status != NJ_OK) {
        return nj_fail(c->err, status, "no memory for the strings of %zu items", c->items->count);
    }
    return prompt->needs_user || prompt->needs_text || prompt->answer == NJ_SAYS_TEXT
               ? nj_tokenizer_pack(c->tokenizer, &c->out->tokenizer, c->err)
               : NJ_OK;
}

void nj_prompt_compile_tick(nj_prompt_compiler *c)
{
    nj_progress_update(&c->progress, ++c->done, nj_clock_mono_ns());
}

static nj_status make_sections(nj_prompt_compiler *c)
{
    static nj_status (*const steps[])(nj_prompt_compiler *) = {
        nj_prompt_compile_pieces,
        nj_prompt_compile_strings,
        check_tokens,
        nj_prompt_compile_answers,
        fit_prompt,
        nj_prompt_compile_seams,
        pack_sections,
    };
    nj_status status = NJ_OK;
    take_needs(c);
    for (size_t i = 0; status == NJ_OK && i < sizeof steps / sizeof steps[0]; i++) {
        status = steps[i](c);
    }
    nj_progress_finish(&c->progress);
    return status;
}

// Pieces point into these, so they are as large as they may become.
static nj_status init_compiler(nj_prompt_compiler *c)
{
    const size_t tokens_bytes = NJ_PROMPT_TOKENS_MAX * sizeof(uint32_t);
    const size_t seen_bytes = NJ_PROMPT_FILE_BYTES_MAX;
    nj_buffer_init(&c->shared, tokens_bytes);
    nj_buffer_init(&c->seen, seen_bytes);
    nj_buffer_init(&c->string_tokens, STRINGS_BYTES_MAX);
    nj_buffer_init(&c->string_offset, STRINGS_BYTES_MAX);
    nj_buffer_init(&c->answer_tokens, STRINGS_BYTES_MAX);
    nj_buffer_init(&c->answer_offset, STRINGS_BYTES_MAX);
    nj_prompt_encoder_init(&c->encoder, NULL, false);
    return nj_buffer_reserve(&c->shared, tokens_bytes) == NJ_OK &&
                   nj_buffer_reserve(&c->seen, seen_bytes) == NJ_OK
               ? NJ_OK
               : nj_fail(c->err, NJ_NO_MEMORY, "no memory for a prompt of %zu bytes", tokens_bytes);
}

static void fini_compiler(nj_prompt_compiler *c)
{
    nj_buffer_fini(&c->shared);
    nj_buffer_fini(&c->seen);
    nj_buffer_fini(&c->string_tokens);
    nj_buffer_fini(&c->string_offset);
    nj_buffer_fini(&c->answer_tokens);
    nj_buffer_fini(&c->answer_offset);
    nj_prompt_encoder_fini(&c->encoder);
    nj_prompt_items_close(&c->texts);
    nj_tokenizer_close(&c->tokenizer);
    nj_prompt_spec_close(&c->spec);
}

nj_status nj_prompt_compile(const nj_prompt_source *source, const nj_prompt_model *model,
                            const nj_idlist *items, const nj_sids *sids,
                            const uint32_t *level_token_base, nj_prompt_sections *out,
                            nj_error *err)
{
    nj_prompt_sections made;
    nj_prompt_compiler c = {.source = source,
                            .model = model,
                            .items = items,
                            .sids = sids,
                            .level_token_base = level_token_base,
                            .out = &made,
                            .err = err};
    init_sections(&made);
    nj_status status = init_compiler(&c);
    if (status == NJ_OK) {
        status = open_sources(&c);
    }
    if (status == NJ_OK) {
        status = is_template(&c) ? make_template(&c) : make_sections(&c);
    }
    fini_compiler(&c);
    if (status == NJ_OK) {
        *out = made;
    } else {
        nj_prompt_sections_fini(&made);
        *out = made;
    }
    return status;
}
