// prompt_compile_seams.c - whether items that were tokenized alone have the tokens that the whole text would give.
//
// An item is set three times into its place, tokenized as one text, and compared with its forms: first, inner, last; and no token may lie
// across the place's edge. Lists of answers are compared with two of them.
#include <stdio.h>

#include "common/prompt/prompt_compiler.h"

typedef struct {
    nj_prompt_compiler *c;
    nj_buffer whole;
    nj_buffer parts;
} comparing;

static void note_seam(const comparing *s, uint32_t row)
{
    nj_prompt_sections *out = s->c->out;
    const nj_slice id = nj_idlist_at(s->c->items, row);
    if (out->seams == 0) {
        (void)snprintf(out->first_seam, sizeof out->first_seam, "%.*s", NJ_SLICE_ARGS(id));
    }
    out->seams++;
}

// ---- histories and candidates ----

static nj_status encode_whole(comparing *s, const nj_layout_piece *place, uint32_t row)
{
    nj_prompt_compiler *c = s->c;
    nj_prompt_encoder *e = &c->encoder;
    nj_buffer_clear(&s->whole);
    nj_status status = nj_prompt_encoder_begin(e, place->behind, &s->whole, c->err);
    if (status == NJ_OK) {
        status = nj_prompt_encoder_text(e, place->left, c->err);
    }
    for (int i = 0; status == NJ_OK && i < 3; i++) {
        if (i > 0) {
            status = nj_prompt_encoder_text(e, c->spec.separator, c->err);
        }
        if (status == NJ_OK) {
            status = nj_prompt_compile_item(c, place->item, row, false);
        }
    }
    if (status == NJ_OK) {
        status = nj_prompt_encoder_text(e, place->right, c->err);
    }
    return status == NJ_OK ? nj_prompt_encoder_end(e, c->err) : status;
}

static nj_status join_forms(comparing *s, const nj_layout_piece *place, uint32_t row)
{
    static const nj_item_stand stands[] = {NJ_ITEM_FIRST, NJ_ITEM_INNER, NJ_ITEM_LAST};
    const nj_prompt_compiler *c = s->c;
    nj_status status = NJ_OK;
    nj_buffer_clear(&s->parts);
    for (int i = 0; status == NJ_OK && i < 3; i++) {
        const uint64_t *offset =
            c->prompt.offset + (size_t)place->forms[stands[i]] * c->items->count + row;
        status = nj_buffer_append(&s->parts, c->prompt.tokens + offset[0],
                                  (size_t)(offset[1] - offset[0]) * sizeof(uint32_t));
    }
    return status;
}

static nj_status compare_places(comparing *s, uint32_t row, bool *out_equal)
{
    const nj_prompt_layout *layout = &s->c->layout;
    nj_status status = NJ_OK;
    for (uint32_t i = 0; status == NJ_OK && i < layout->piece_count; i++) {
        if (layout->pieces[i].item == NULL) {
            continue;
        }
        status = encode_whole(s, &layout->pieces[i], row);
        const bool is_across = s->c->encoder.is_across;
        if (status == NJ_OK) {
            status = join_forms(s, &layout->pieces[i], row);
        }
        *out_equal = *out_equal && !is_across &&
                     nj_slice_equal(nj_buffer_slice(&s->whole), nj_buffer_slice(&s->parts));
    }
    return status;
}

// ---- lists of answers ----

static nj_status encode_list(comparing *s, uint32_t row)
{
    nj_prompt_compiler *c = s->c;
    nj_prompt_encoder *e = &c->encoder;
    nj_buffer_clear(&s->whole);
    nj_status status = nj_prompt_compile_begin_answer(c, &s->whole);
    if (status == NJ_OK) {
        status = nj_prompt_compile_item(c, nj_prompt_compile_answer(c), row, true);
    }
    if (status == NJ_OK) {
        status = nj_prompt_encoder_text(e, c->spec.answer_separator, c->err);
    }
    if (status == NJ_OK) {
        status = nj_prompt_compile_item(c, nj_prompt_compile_answer(c), row, true);
    }
    if (status == NJ_OK) {
        status = nj_prompt_encoder_end(e, c->err);
    }
    nj_prompt_take_marks_off(&s->whole, 0);
    return status;
}

static nj_status compare_list(comparing *s, uint32_t row, bool *out_equal)
{
    const nj_prompt_compiler *c = s->c;
    const uint64_t *offset = (const uint64_t *)(const void *)c->answer_offset.bytes + row;
    const uint32_t *tokens = (const uint32_t *)(const void *)c->answer_tokens.bytes + offset[0];
    const size_t bytes = (size_t)(offset[1] - offset[0]) * sizeof *tokens;
    nj_status status = encode_list(s, row);
    nj_buffer_clear(&s->parts);
    if (status == NJ_OK) {
        status = nj_buffer_append(&s->parts, tokens, bytes);
    }
    if (status == NJ_OK) {
        status = nj_buffer_append(&s->parts, c->prompt.answer_separator,
                                  c->prompt.answer_separator_count * sizeof *tokens);
    }
    if (status == NJ_OK) {
        status = nj_buffer_append(&s->parts, tokens, bytes);
    }
    *out_equal =
        *out_equal && nj_slice_equal(nj_buffer_slice(&s->whole), nj_buffer_slice(&s->parts));
    return status;
}

nj_status nj_prompt_compile_seams(nj_prompt_compiler *c)
{
    comparing s = {.c = c};
    nj_status status = NJ_OK;
    if (c->texts.ids[NJ_IDS_PROMPT] != NULL) {
        return NJ_OK; // whose ids were made elsewhere is known there
    }
    nj_buffer_init(&s.whole, (size_t)1 << 30);
    nj_buffer_init(&s.parts, (size_t)1 << 30);
    for (size_t row = 0; status == NJ_OK && row < c->items->count; row++) {
        bool is_equal = true;
        status = compare_places(&s, (uint32_t)row, &is_equal);
        if (status == NJ_OK && c->prompt.answer == NJ_SAYS_LIST) {
            status = compare_list(&s, (uint32_t)row, &is_equal);
        }
        if (status == NJ_OK && !is_equal) {
            note_seam(&s, (uint32_t)row);
        }
        nj_prompt_compile_tick(c);
    }
    nj_buffer_fini(&s.whole);
    nj_buffer_fini(&s.parts);
    return status == NJ_NO_MEMORY
               ? nj_fail(c->err, status, "no memory to compare the tokens of items")
               : status;
}
