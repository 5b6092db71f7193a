#include "common/prompt/prompt_encode.h"

#include "common/base/checked.h"

#define IDS_BYTES_MAX ((size_t)1 << 30)

void nj_prompt_encoder_init(nj_prompt_encoder *encoder, const nj_tokenizer *tokenizer,
                            bool marks_words)
{
    *encoder = (nj_prompt_encoder){.tokenizer = tokenizer, .marks_words = marks_words};
    nj_buffer_init(&encoder->text, NJ_TOKENIZER_TEXT_BYTES_MAX);
    nj_buffer_init(&encoder->seen_ids, IDS_BYTES_MAX);
    nj_buffer_init(&encoder->ids, IDS_BYTES_MAX);
}

void nj_prompt_encoder_fini(nj_prompt_encoder *encoder)
{
    nj_buffer_fini(&encoder->text);
    nj_buffer_fini(&encoder->seen_ids);
    nj_buffer_fini(&encoder->ids);
}

static nj_status fail_memory(const nj_prompt_encoder *encoder, nj_error *err)
{
    return nj_fail(err, NJ_NO_MEMORY, "no memory for a text of more than %zu bytes, or its tokens",
                   encoder->text.size);
}

// ---- what is only seen ----

static nj_status append_seen(nj_prompt_behind behind, nj_buffer *out)
{
    nj_status status = NJ_OK;
    if (behind.edge == NJ_EDGE_TEXT) {
        status = nj_buffer_append(out, NJ_PROMPT_ANCHOR, strlen(NJ_PROMPT_ANCHOR));
        if (status == NJ_OK) {
            status = nj_buffer_append(out, behind.seen.bytes, behind.seen.size);
        }
    }
    return status;
}

static nj_status start_text(nj_prompt_encoder *encoder, nj_prompt_behind behind, nj_error *err)
{
    encoder->behind = behind;
    nj_buffer_clear(&encoder->text);
    nj_buffer_clear(&encoder->seen_ids);
    if (append_seen(behind, &encoder->text) != NJ_OK) {
        return fail_memory(encoder, err);
    }
    encoder->seen_bytes = encoder->text.size;
    return encoder->seen_bytes == 0
               ? NJ_OK
               : nj_tokenizer_encode(encoder->tokenizer, nj_buffer_slice(&encoder->text), false,
                                     &encoder->seen_ids, err);
}

nj_status nj_prompt_encoder_seen(nj_prompt_encoder *encoder, nj_prompt_behind behind,
                                 nj_buffer *out, uint32_t *out_tokens, nj_error *err)
{
    nj_status status = start_text(encoder, behind, err);
    if (status == NJ_OK && append_seen(behind, out) != NJ_OK) {
        status = fail_memory(encoder, err);
    }
    *out_tokens = (uint32_t)(encoder->seen_ids.size / sizeof(uint32_t));
    return status;
}

// ---- stretches ----

static nj_status append_ids(nj_prompt_encoder *encoder, const uint32_t *ids, size_t count,
                            nj_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const bool is_word = encoder->marks_words && (ids[i] & NJ_PROMPT_VECTOR) == 0 &&
                             nj_tokenizer_begins_word(encoder->tokenizer, ids[i]);
        const uint32_t token = ids[i] | (is_word ? NJ_PROMPT_WORD : 0);
        if (nj_buffer_append(encoder->out, &token, sizeof token) != NJ_OK) {
            return fail_memory(encoder, err);
        }
    }
    return NJ_OK;
}

static bool begins_with_seen(const nj_prompt_encoder *encoder)
{
    const size_t size = encoder->seen_ids.size;
    return encoder->ids.size >= size &&
           (size == 0 || memcmp(encoder->ids.bytes, encoder->seen_ids.bytes, size) == 0);
}

static nj_status flush_text(nj_prompt_encoder *encoder, nj_error *err)
{
    const nj_slice all = nj_buffer_slice(&encoder->text);
    const nj_slice own = {all.bytes + encoder->seen_bytes, all.size - encoder->seen_bytes};
    if (own.size == 0) {
        return NJ_OK;
    }
    size_t skip = encoder->seen_ids.size / sizeof(uint32_t);
    nj_buffer_clear(&encoder->ids);
    nj_status status =
        encoder->behind.edge == NJ_EDGE_CUT
            ? nj_tokenizer_encode_behind(encoder->tokenizer, own, &encoder->ids, err)
            : nj_tokenizer_encode(encoder->tokenizer, all, false, &encoder->ids, err);
    if (status == NJ_OK && !begins_with_seen(encoder)) { // a token lies across the edge
        skip = 0;
        encoder->is_across = true;
        nj_buffer_clear(&encoder->ids);
        status = nj_tokenizer_encode_behind(encoder->tokenizer, own, &encoder->ids, err);
    }
    const uint32_t *ids = (const uint32_t *)(const void *)encoder->ids.bytes;
    return status == NJ_OK
               ? append_ids(encoder, ids + skip, encoder->ids.size / sizeof *ids - skip, err)
               : status;
}

nj_status nj_prompt_encoder_begin(nj_prompt_encoder *encoder, nj_prompt_behind behind,
                                  nj_buffer *out, nj_error *err)
{
    encoder->out = out;
    encoder->is_across = false;
    return start_text(encoder, behind, err);
}

nj_status nj_prompt_encoder_text(nj_prompt_encoder *encoder, nj_slice text, nj_error *err)
{
    return nj_buffer_append(&encoder->text, text.bytes, text.size) == NJ_OK
               ? NJ_OK
               : fail_memory(encoder, err);
}

// Ids of text hold the space in front of them themselves.
static void drop_space(nj_prompt_encoder *encoder)
{
    nj_buffer *text = &encoder->text;
    if (text->size > encoder->seen_bytes && text->bytes[text->size - 1] == ' ') {
        text->size--;
    }
}

nj_status nj_prompt_encoder_ids(nj_prompt_encoder *encoder, const uint32_t *ids, uint32_t count,
                                bool is_cut, nj_error *err)
{
    if (!is_cut) {
        drop_space(encoder);
    }
    nj_status status = flush_text(encoder, err);
    if (status == NJ_OK) {
        status = append_ids(encoder, ids, count, err);
    }
    const nj_prompt_behind behind = {.edge = is_cut ? NJ_EDGE_CUT : NJ_EDGE_TEXT};
    return status == NJ_OK ? start_text(encoder, behind, err) : status;
}

nj_status nj_prompt_encoder_end(nj_prompt_encoder *encoder, nj_error *err)
{
    return flush_text(encoder, err);
}
