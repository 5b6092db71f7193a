// prompt_pack.c - from a prompt in memory to the sections that nj_prompt_open reads.
#include "common/prompt/prompt_parts.h"

static uint32_t needs_of(const nj_prompt *prompt)
{
    return (prompt->needs_history ? NJ_PROMPT_NEEDS_HISTORY : 0u) |
           (prompt->needs_candidates ? NJ_PROMPT_NEEDS_CANDIDATES : 0u) |
           (prompt->needs_user ? NJ_PROMPT_NEEDS_USER : 0u) |
           (prompt->needs_text ? NJ_PROMPT_NEEDS_TEXT : 0u) | nj_prompt_needs_of(prompt->answer);
}

static nj_prompt_header header_of(const nj_prompt *prompt)
{
    nj_prompt_header header = {
        .head = {.version = NJ_PROMPT_VERSION, .needs = needs_of(prompt)},
        .flags = (prompt->counts_words ? NJ_PROMPT_COUNTS_WORDS : 0u) |
                 (prompt->has_vectors ? NJ_PROMPT_HAS_VECTORS : 0u),
        .piece_count = prompt->piece_count,
        .token_count = prompt->end_count + prompt->answer_separator_count,
        .form_count = prompt->form_count,
        .end_count = prompt->end_count,
        .answer_separator_count = prompt->answer_separator_count,
        .tokens_max = prompt->tokens_max,
        .answer = prompt->answer,
        .end_token = prompt->end_token,
        .answer_tokens_max = prompt->answer_tokens_max,
        .list_count = prompt->list_count,
        .stop = prompt->stop,
        .length_penalty = prompt->length_penalty,
    };
    for (uint32_t i = 0; i < prompt->piece_count; i++) {
        header.token_count += prompt->pieces[i].count;
        header.text_bytes += (uint32_t)(prompt->pieces[i].left.size + prompt->pieces[i].right.size);
    }
    return header;
}

static nj_status append_tokens(nj_buffer *out, const uint32_t *tokens, uint32_t count)
{
    return nj_buffer_append(out, tokens, count * sizeof *tokens);
}

static nj_status append_entry(nj_buffer *out, const nj_prompt_piece *piece)
{
    nj_prompt_entry entry = {.kind = piece->kind,
                             .count = piece->count,
                             .left_bytes = (uint32_t)piece->left.size,
                             .right_bytes = (uint32_t)piece->right.size,
                             .skip = piece->skip,
                             .is_behind = piece->is_behind};
    memcpy(entry.forms, piece->forms, sizeof entry.forms);
    return nj_buffer_append(out, &entry, sizeof entry);
}

nj_status nj_prompt_pack(const nj_prompt *prompt, nj_buffer *out)
{
    const nj_prompt_header header = header_of(prompt);
    nj_status status = nj_buffer_append(out, &header, sizeof header);
    for (uint32_t i = 0; status == NJ_OK && i < prompt->piece_count; i++) {
        status = append_entry(out, &prompt->pieces[i]);
    }
    for (uint32_t i = 0; status == NJ_OK && i < prompt->piece_count; i++) {
        status = append_tokens(out, prompt->pieces[i].tokens, prompt->pieces[i].count);
    }
    if (status == NJ_OK) {
        status = append_tokens(out, prompt->end, prompt->end_count);
    }
    if (status == NJ_OK) {
        status = append_tokens(out, prompt->answer_separator, prompt->answer_separator_count);
    }
    for (uint32_t i = 0; status == NJ_OK && i < prompt->piece_count; i++) {
        const nj_prompt_piece *piece = &prompt->pieces[i];
        status = nj_buffer_append(out, piece->left.bytes, piece->left.size);
        if (status == NJ_OK) {
            status = nj_buffer_append(out, piece->right.bytes, piece->right.size);
        }
    }
    return status;
}

nj_status nj_prompt_pack_strings(const nj_prompt *prompt, nj_buffer *out)
{
    const nj_strings_header header = {.version = NJ_STRINGS_VERSION,
                                      .form_count = prompt->form_count,
                                      .row_count = prompt->row_count};
    const size_t string_count = (size_t)prompt->form_count * prompt->row_count;
    nj_status status = nj_buffer_append(out, &header, sizeof header);
    if (status == NJ_OK) {
        status = nj_buffer_append(out, prompt->offset, (string_count + 1) * sizeof *prompt->offset);
    }
    return status == NJ_OK ? nj_buffer_append(out, prompt->tokens,
                                              prompt->offset[string_count] * sizeof *prompt->tokens)
                           : status;
}
