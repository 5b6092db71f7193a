// prompt_compile_pieces.c - the pieces of a prompt, and the strings of items in their forms.
#include <inttypes.h>

#include "common/base/clock.h"
#include "common/prompt/prompt_compiler.h"

static nj_status fail_memory(const nj_prompt_compiler *c)
{
    return nj_fail(c->err, NJ_NO_MEMORY,
                   "%s: no memory for the tokens of %zu items, or more than %d "
                   "tokens in the prompt",
                   c->spec.path, c->items->count, NJ_PROMPT_TOKENS_MAX);
}

void nj_prompt_compile_name(const nj_prompt_compiler *c, uint32_t row)
{
    const nj_prompt_source *source = c->source;
    const char *path = source->token_ids_path != NULL ? source->token_ids_path : source->texts_path;
    nj_error_prefix(c->err, "%s%sitem \"%.*s\"", path != NULL ? path : "", path != NULL ? ": " : "",
                    NJ_SLICE_ARGS(nj_idlist_at(c->items, row)));
}

// ---- one item ----

static nj_status add_sid(nj_prompt_compiler *c, uint32_t row)
{
    const uint32_t L = c->sids->level_count;
    uint32_t tokens[NJ_LEVELS_MAX];
    for (uint32_t level = 0; level < L; level++) {
        tokens[level] = c->level_token_base[level] + c->sids->codes[(size_t)row * L + level];
    }
    return nj_prompt_encoder_ids(&c->encoder, tokens, L, true, c->err);
}

static nj_status add_part(nj_prompt_compiler *c, const nj_prompt_part *part, uint32_t row)
{
    const uint32_t vector = NJ_PROMPT_VECTOR | row;
    nj_slice text = {0};
    nj_status status;
    switch (part->kind) {
    case NJ_PART_ID:
        return nj_prompt_encoder_text(&c->encoder, nj_idlist_at(c->items, row), c->err);
    case NJ_PART_VECTOR:
        return nj_prompt_encoder_ids(&c->encoder, &vector, 1, true, c->err);
    case NJ_PART_SID:
        return add_sid(c, row);
    case NJ_PART_COLUMN:
        status = nj_prompt_items_text(&c->texts, &c->spec, row, part->column, &text, c->err);
        return status == NJ_OK ? nj_prompt_encoder_text(&c->encoder, text, c->err) : status;
    default: // NJ_PART_TEXT
        return nj_prompt_encoder_text(&c->encoder, part->text, c->err);
    }
}

static nj_status add_given(nj_prompt_compiler *c, uint32_t row, bool is_answer)
{
    const uint32_t *ids = NULL;
    uint32_t count = 0;
    nj_status status = nj_prompt_items_ids(&c->texts, is_answer ? NJ_IDS_ANSWER : NJ_IDS_PROMPT,
                                           row, &ids, &count, c->err);
    return status == NJ_OK ? nj_prompt_encoder_ids(&c->encoder, ids, count, false, c->err) : status;
}

// A text part of an answer without the spaces that its edges have, and those that a vector leaves there.
static nj_prompt_part trim_part(const nj_prompt_text *item, uint32_t at)
{
    nj_prompt_part part = item->parts[at];
    uint32_t first = 0;
    uint32_t last = item->part_count - 1;
    while (first < last && item->parts[first].kind == NJ_PART_VECTOR) {
        first++;
    }
    while (last > first && item->parts[last].kind == NJ_PART_VECTOR) {
        last--;
    }
    while (at == first && part.kind == NJ_PART_TEXT && part.text.size > 0 &&
           part.text.bytes[0] == ' ') {
        part.text.bytes++;
        part.text.size--;
    }
    while (at == last && part.kind == NJ_PART_TEXT && part.text.size > 0 &&
           part.text.bytes[part.text.size - 1] == ' ') {
        part.text.size--;
    }
    return part;
}

nj_status nj_prompt_compile_item(nj_prompt_compiler *c, const nj_prompt_text *item, uint32_t row,
                                 bool is_answer)
{
    if (c->texts.ids[NJ_IDS_PROMPT] != NULL) {
        return add_given(c, row, is_answer);
    }
    nj_status status = NJ_OK;
    for (uint32_t i = 0; status == NJ_OK && i < item->part_count; i++) {
        const nj_prompt_part part = is_answer ? trim_part(item, i) : item->parts[i];
        if (!is_answer || part.kind != NJ_PART_VECTOR) {
            status = add_part(c, &part, row);
        }
    }
    return status;
}

// ---- pieces ----

static nj_status encode_texts(nj_prompt_compiler *c, nj_prompt_behind behind, nj_slice left,
                              nj_slice right)
{
    nj_status status = nj_prompt_encoder_begin(&c->encoder, behind, &c->shared, c->err);
    if (status == NJ_OK) {
        status = nj_prompt_encoder_text(&c->encoder, left, c->err);
    }
    if (status == NJ_OK) {
        status = nj_prompt_encoder_text(&c->encoder, right, c->err);
    }
    return status == NJ_OK ? nj_prompt_encoder_end(&c->encoder, c->err) : status;
}

// The user's own place: what is seen of the text before it, and what touches it.
static nj_status take_dynamic(nj_prompt_compiler *c, const nj_layout_piece *from,
                              nj_prompt_piece *piece)
{
    const size_t begin = c->seen.size;
    const bool is_seen = from->behind.edge == NJ_EDGE_TEXT;
    nj_status status =
        nj_prompt_encoder_seen(&c->encoder, from->behind, &c->seen, &piece->skip, c->err);
    if (status == NJ_OK) {
        status = nj_buffer_append(&c->seen, from->left.bytes, from->left.size);
    }
    piece->left = (nj_slice){(const char *)c->seen.bytes + begin, c->seen.size - begin};
    piece->right = from->right;
    piece->is_behind = from->behind.edge == NJ_EDGE_CUT;
    piece->skip = is_seen ? piece->skip : 0;
    return status;
}

static nj_status take_piece(nj_prompt_compiler *c, const nj_layout_piece *from)
{
    static const nj_piece_kind kinds[] = {[NJ_PART_TEXT] = NJ_PIECE_TOKENS,
                                          [NJ_PART_USER] = NJ_PIECE_USER,
                                          [NJ_PART_HISTORY] = NJ_PIECE_HISTORY,
                                          [NJ_PART_CANDIDATES] = NJ_PIECE_CANDIDATES,
                                          [NJ_PART_OWN_TEXT] = NJ_PIECE_TEXT};
    nj_prompt_piece piece = {.kind = kinds[from->kind]};
    const size_t begin = nj_prompt_tokens_in(&c->shared);
    nj_status status =
        piece.kind == NJ_PIECE_USER || piece.kind == NJ_PIECE_TEXT
            ? take_dynamic(c, from, &piece)
            : encode_texts(c, from->behind, from->left,
                           piece.kind == NJ_PIECE_TOKENS ? (nj_slice){0} : from->right);
    piece.tokens = (const uint32_t *)(const void *)c->shared.bytes + begin;
    piece.count = (uint32_t)(nj_prompt_tokens_in(&c->shared) - begin);
    memcpy(piece.forms, from->forms, sizeof piece.forms);
    c->prompt.pieces[c->prompt.piece_count++] = piece;
    return status;
}

// The special tokens in front of a prompt are its first piece, or begin it.
static nj_status add_before(nj_prompt_compiler *c, const uint32_t *around, size_t count)
{
    if (count == 0) {
        return NJ_OK;
    }
    nj_prompt *prompt = &c->prompt;
    nj_status status = nj_buffer_append(&c->shared, around, count * sizeof *around);
    prompt->pieces[prompt->piece_count++] =
        (nj_prompt_piece){.kind = NJ_PIECE_TOKENS,
                          .tokens = (const uint32_t *)(const void *)c->shared.bytes,
                          .count = (uint32_t)count};
    return status;
}

// Two pieces of tokens that lie side by side are one.
static void join_first(nj_prompt *prompt)
{
    if (prompt->piece_count < 2 || prompt->pieces[0].kind != NJ_PIECE_TOKENS ||
        prompt->pieces[1].kind != NJ_PIECE_TOKENS) {
        return;
    }
    prompt->pieces[0].count += prompt->pieces[1].count;
    prompt->piece_count--;
    memmove(&prompt->pieces[1], &prompt->pieces[2],
            (prompt->piece_count - 1) * sizeof *prompt->pieces);
}

static nj_status add_end(nj_prompt_compiler *c, const uint32_t *around, size_t count)
{
    c->prompt.end = (const uint32_t *)(const void *)(c->shared.bytes + c->shared.size);
    c->prompt.end_count = (uint32_t)count;
    return nj_buffer_append(&c->shared, around, count * sizeof *around);
}

nj_status nj_prompt_compile_pieces(nj_prompt_compiler *c)
{
    size_t before_count = 0;
    size_t around_count = 0;
    const uint32_t *around = nj_tokenizer_around(c->tokenizer, &before_count, &around_count);
    before_count = c->spec.is_special ? before_count : 0;
    around_count = c->spec.is_special ? around_count : 0;
    nj_prompt_layout_make(&c->spec, &c->layout);
    nj_status status = c->spec.is_special && around_count == 0 ? nj_prompt_check_config(c) : NJ_OK;
    if (status == NJ_OK) {
        status = add_before(c, around, before_count);
    }
    for (uint32_t i = 0; status == NJ_OK && i < c->layout.piece_count; i++) {
        status = take_piece(c, &c->layout.pieces[i]);
    }
    join_first(&c->prompt);
    if (status == NJ_OK) {
        status = add_end(c, around + before_count, around_count - before_count);
    }
    return status == NJ_NO_MEMORY ? fail_memory(c) : status;
}

// ---- strings ----

static nj_status add_form(nj_prompt_compiler *c, const nj_prompt_form *form, uint32_t row)
{
    nj_status status =
        nj_prompt_encoder_begin(&c->encoder, form->behind, &c->string_tokens, c->err);
    if (status == NJ_OK) {
        status = nj_prompt_encoder_text(&c->encoder, form->left, c->err);
    }
    if (status == NJ_OK) {
        status = nj_prompt_compile_item(c, form->item, row, false);
    }
    if (status == NJ_OK) {
        status = nj_prompt_encoder_text(&c->encoder, form->right, c->err);
    }
    return status == NJ_OK ? nj_prompt_encoder_end(&c->encoder, c->err) : status;
}

static nj_status add_string(nj_prompt_compiler *c, const nj_prompt_form *form, uint32_t row)
{
    const size_t begin = nj_prompt_tokens_in(&c->string_tokens);
    nj_status status = add_form(c, form, row);
    const size_t count = nj_prompt_tokens_in(&c->string_tokens) - begin;
    if (status == NJ_OK && (count == 0 || count > NJ_PROMPT_STRING_TOKENS_MAX)) {
        status = nj_fail(c->err, NJ_INPUT, "stands in the prompt with %zu tokens, must be 1 to %d",
                         count, NJ_PROMPT_STRING_TOKENS_MAX);
    }
    if (status != NJ_OK) {
        nj_prompt_compile_name(c, row);
        return status;
    }
    const uint64_t end = begin + count;
    return nj_buffer_append(&c->string_offset, &end, sizeof end) == NJ_OK ? NJ_OK : fail_memory(c);
}

nj_status nj_prompt_compile_strings(nj_prompt_compiler *c)
{
    const uint64_t zero = 0;
    const bool has_answers = c->spec.answer == NJ_SAYS_ITEM || c->spec.answer == NJ_SAYS_LIST;
    const uint64_t of_item = (uint64_t)c->layout.form_count + has_answers + 1;
    nj_status status = nj_buffer_append(&c->string_offset, &zero, sizeof zero);
    nj_progress_start(&c->progress, "strings of items", of_item * c->items->count, 0, false,
                      nj_clock_mono_ns());
    for (uint32_t f = 0; status == NJ_OK && f < c->layout.form_count; f++) {
        for (size_t row = 0; status == NJ_OK && row < c->items->count; row++) {
            status = add_string(c, &c->layout.forms[f], (uint32_t)row);
            nj_prompt_compile_tick(c);
        }
    }
    c->prompt.form_count = c->layout.form_count;
    c->prompt.tokens = (const uint32_t *)(const void *)c->string_tokens.bytes;
    c->prompt.offset = (const uint64_t *)(const void *)c->string_offset.bytes;
    return status;
}
