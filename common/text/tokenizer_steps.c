// tokenizer_steps.c - what happens to text before the model: normalizers rewrite it, pre-tokenizers cut it.
#include "common/base/checked.h"
#include "common/base/id.h"
#include "common/text/tokenizer_parts.h"

#define GRAPHEME_BYTES_MAX                                                                         \
    5 // of a grapheme that is looked up as a whole; longer ones character by character

void nj_pieces_init(nj_pieces *pieces)
{
    nj_buffer_init(&pieces->text, NJ_TOKENIZER_TEXT_BYTES_MAX);
    nj_buffer_init(&pieces->next_text, NJ_TOKENIZER_TEXT_BYTES_MAX);
    nj_buffer_init(&pieces->pieces, SIZE_MAX / 2);
    nj_buffer_init(&pieces->next_pieces, SIZE_MAX / 2);
}

void nj_pieces_fini(nj_pieces *pieces)
{
    nj_buffer_fini(&pieces->text);
    nj_buffer_fini(&pieces->next_text);
    nj_buffer_fini(&pieces->pieces);
    nj_buffer_fini(&pieces->next_pieces);
}

static void swap_buffers(nj_buffer *a, nj_buffer *b)
{
    const nj_buffer kept = *a;
    *a = *b;
    *b = kept;
}

void nj_pieces_swap(nj_pieces *pieces)
{
    swap_buffers(&pieces->text, &pieces->next_text);
    swap_buffers(&pieces->pieces, &pieces->next_pieces);
}

static nj_status append_text(nj_buffer *out, const char *text)
{
    return nj_buffer_append(out, text, strlen(text));
}

// ---- normalizers ----

// As HuggingFace reads a charsmap: of each grapheme the shortest rule that its beginning fits stands for all of it.
static nj_status apply_charsmap(const nj_charsmap *map, nj_slice text, nj_buffer *out)
{
    nj_status status = NJ_OK;
    for (size_t at = 0; status == NJ_OK && at < text.size;) {
        const size_t size = nj_grapheme_next((nj_slice){text.bytes + at, text.size - at});
        const nj_slice grapheme = {text.bytes + at, size};
        nj_slice rule = {0};
        if (size <= GRAPHEME_BYTES_MAX && nj_charsmap_find(map, grapheme, false, &rule) > 0) {
            status = nj_buffer_append(out, rule.bytes, rule.size);
        } else {
            for (size_t i = 0; status == NJ_OK && i < size;) {
                int32_t point = 0;
                nj_slice part = {grapheme.bytes + i, size - i};
                part.size = nj_char_next(part, &point);
                i += part.size;
                status = nj_charsmap_find(map, part, false, &rule) > 0
                             ? nj_buffer_append(out, rule.bytes, rule.size)
                             : nj_buffer_append(out, part.bytes, part.size);
            }
        }
        at += size;
    }
    return status;
}

static bool is_space_at(nj_slice rest, size_t *size)
{
    int32_t point = 0;
    *size = nj_char_next(rest, &point);
    return nj_char_kind(point) == NJ_CHAR_SPACE;
}

static nj_status strip_spaces(const nj_text_step *step, nj_slice text, nj_buffer *out)
{
    size_t begin = 0;
    size_t end = 0;
    bool is_leading = step->left;
    for (size_t at = 0, size = 0; at < text.size; at += size) {
        const bool is_space = is_space_at((nj_slice){text.bytes + at, text.size - at}, &size);
        is_leading = is_leading && is_space;
        begin = is_leading ? at + size : begin;
        end = is_space && step->right ? end : at + size;
    }
    end = nj_max_size(begin, end);
    return nj_buffer_append(out, text.bytes + begin, end - begin);
}

static nj_status replace_text(const nj_text_step *step, nj_slice text, nj_buffer *out)
{
    const size_t from_size = strlen(step->from);
    nj_status status = NJ_OK;
    for (size_t at = 0; status == NJ_OK && at < text.size;) {
        if (text.size - at >= from_size && memcmp(text.bytes + at, step->from, from_size) == 0) {
            status = append_text(out, step->to);
            at += from_size;
        } else {
            status = nj_buffer_append(out, text.bytes + at, 1);
            at++;
        }
    }
    return status;
}

static nj_status replace_space_runs(const nj_text_step *step, nj_slice text, nj_buffer *out)
{
    nj_status status = NJ_OK;
    for (size_t at = 0, size = 0; status == NJ_OK && at < text.size; at += size) {
        for (size = 0; at + size < text.size && text.bytes[at + size] == ' ';) {
            size++;
        }
        if (size >= 2) {
            status = append_text(out, step->to);
        } else {
            size = 1;
            status = nj_buffer_append(out, text.bytes + at, 1);
        }
    }
    return status;
}

static nj_status apply_normalizer(const nj_text_step *step, const nj_charsmap *map, nj_slice text,
                                  nj_buffer *out)
{
    switch (step->kind) {
    case NJ_STEP_NFC:
        return nj_append_nfc(text, out);
    case NJ_STEP_CHARSMAP:
        return apply_charsmap(map, text, out);
    case NJ_STEP_STRIP:
        return strip_spaces(step, text, out);
    case NJ_STEP_REPLACE:
        return replace_text(step, text, out);
    case NJ_STEP_SPACES:
        return replace_space_runs(step, text, out);
    default: // NJ_STEP_PREPEND
        return text.size == 0 || append_text(out, step->to) == NJ_OK
                   ? nj_buffer_append(out, text.bytes, text.size)
                   : NJ_NO_MEMORY;
    }
}

nj_status nj_normalize(const nj_text_steps *steps, const nj_charsmap *map, nj_pieces *pieces,
                       nj_error *err)
{
    for (size_t i = 0; i < steps->count; i++) {
        nj_buffer_clear(&pieces->next_text);
        if (apply_normalizer(&steps->at[i], map, nj_buffer_slice(&pieces->text),
                             &pieces->next_text) != NJ_OK) {
            return nj_fail(err, NJ_NO_MEMORY,
                           "no memory to normalize a text of %zu bytes, or it grows above %zu",
                           pieces->text.size, NJ_TOKENIZER_TEXT_BYTES_MAX);
        }
        swap_buffers(&pieces->text, &pieces->next_text);
    }
    if (!nj_utf8_valid((const char *)pieces->text.bytes, pieces->text.size)) {
        return nj_fail(err, NJ_INPUT, "the tokenizer's charsmap makes text that is no UTF-8");
    }
    return NJ_OK;
}

// ---- pre-tokenizers ----

// Appends a piece that ends where next_text ends and begins at `begin`; an empty one is left out.
static nj_status end_piece(nj_pieces *pieces, size_t begin, bool is_first)
{
    const nj_text_piece piece = {begin, pieces->next_text.size, is_first};
    return piece.begin == piece.end ? NJ_OK
                                    : nj_buffer_append(&pieces->next_pieces, &piece, sizeof piece);
}

// Appends text[0, size) as a piece of its own.
static nj_status add_piece(nj_pieces *pieces, nj_slice text, size_t size, bool is_first)
{
    const size_t begin = pieces->next_text.size;
    nj_status status = nj_buffer_append(&pieces->next_text, text.bytes, size);
    return status == NJ_OK ? end_piece(pieces, begin, is_first) : status;
}

static nj_status split_by_pattern(const nj_text_step *step, nj_slice text, bool is_first,
                                  nj_pieces *pieces)
{
    nj_status status = NJ_OK;
    for (size_t at = 0; status == NJ_OK && at < text.size;) {
        const nj_slice rest = {text.bytes + at, text.size - at};
        const size_t size = nj_split_next(step->pattern, rest);
        status = add_piece(pieces, rest, size, is_first && at == 0);
        at += size;
    }
    return status;
}

// GPT-2's bytes to characters: those that print stand for themselves, the others follow from U+0100.
int32_t nj_byte_point(uint8_t byte)
{
    if ((byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae) {
        return byte;
    }
    if (byte <= 0x20) {
        return 0x100 + byte;
    }
    return byte <= 0xa0 ? 0x121 + (byte - 0x7f) : NJ_BYTE_POINT_MAX;
}

static nj_status add_byte_piece(nj_pieces *pieces, nj_slice text, size_t size, bool is_first)
{
    const size_t begin = pieces->next_text.size;
    for (size_t i = 0; i < size; i++) {
        const int32_t point = nj_byte_point((uint8_t)text.bytes[i]);
        const char two[2] = {(char)(0xc0 | (point >> 6)), (char)(0x80 | (point & 0x3f))};
        const char one = (char)point;
        if (nj_buffer_append(&pieces->next_text, point < 0x80 ? &one : two, point < 0x80 ? 1 : 2) !=
            NJ_OK) {
            return NJ_NO_MEMORY;
        }
    }
    return end_piece(pieces, begin, is_first);
}

static nj_status split_bytes(const nj_text_step *step, nj_slice text, bool is_first,
                             nj_pieces *pieces)
{
    nj_buffer spaced;
    nj_buffer_init(&spaced, NJ_TOKENIZER_TEXT_BYTES_MAX);
    nj_status status = NJ_OK;
    if (step->left && text.bytes[0] != ' ') {
        status = nj_buffer_append(&spaced, " ", 1);
        if (status == NJ_OK) {
            status = nj_buffer_append(&spaced, text.bytes, text.size);
        }
        text = nj_buffer_slice(&spaced);
    }
    for (size_t at = 0; status == NJ_OK && at < text.size;) {
        const nj_slice rest = {text.bytes + at, text.size - at};
        const size_t size = step->is_split ? nj_split_next(step->pattern, rest) : rest.size;
        status = add_byte_piece(pieces, rest, size, is_first && at == 0);
        at += size;
    }
    nj_buffer_fini(&spaced);
    return status;
}

static bool begins_with(nj_slice text, const char *with)
{
    return text.size >= strlen(with) && memcmp(text.bytes, with, strlen(with)) == 0;
}

static nj_status split_metaspace(const nj_text_step *step, nj_slice text, bool is_first,
                                 nj_pieces *pieces)
{
    size_t begin = pieces->next_text.size;
    const size_t all_begin = begin;
    const bool may_prepend =
        step->scheme == NJ_METASPACE_ALWAYS || (step->scheme == NJ_METASPACE_FIRST && is_first);
    nj_status status = NJ_OK;
    if (may_prepend && text.bytes[0] != ' ' && !begins_with(text, step->to)) {
        status = append_text(&pieces->next_text, step->to);
    }
    for (size_t at = 0; status == NJ_OK && at < text.size;) {
        const nj_slice rest = {text.bytes + at, text.size - at};
        const bool is_mark = begins_with(rest, step->to);
        if (step->is_split && at > 0 && (rest.bytes[0] == ' ' || is_mark)) {
            status = end_piece(pieces, begin, is_first && begin == all_begin);
            begin = pieces->next_text.size;
        }
        if (status == NJ_OK) {
            const bool is_space = rest.bytes[0] == ' ';
            status = nj_buffer_append(&pieces->next_text, is_space ? step->to : rest.bytes,
                                      is_space || is_mark ? strlen(step->to) : 1);
        }
        at += is_mark ? strlen(step->to) : 1;
    }
    return status == NJ_OK ? end_piece(pieces, begin, is_first && begin == all_begin) : status;
}

static nj_status split_words(nj_slice text, bool is_first, nj_pieces *pieces)
{
    size_t begin = 0;
    nj_status status = NJ_OK;
    for (size_t at = 0, size = 0; status == NJ_OK && at < text.size; at += size) {
        if (is_space_at((nj_slice){text.bytes + at, text.size - at}, &size)) {
            status = add_piece(pieces, (nj_slice){text.bytes + begin, at - begin}, at - begin,
                               is_first && begin == 0);
            begin = at + size;
        }
    }
    return status == NJ_OK ? add_piece(pieces, (nj_slice){text.bytes + begin, text.size - begin},
                                       text.size - begin, is_first && begin == 0)
                           : status;
}

static nj_status apply_splitter(const nj_text_step *step, nj_slice text, bool is_first,
                                nj_pieces *pieces)
{
    switch (step->kind) {
    case NJ_STEP_SPLIT:
        return split_by_pattern(step, text, is_first, pieces);
    case NJ_STEP_BYTES:
        return split_bytes(step, text, is_first, pieces);
    case NJ_STEP_METASPACE:
        return split_metaspace(step, text, is_first, pieces);
    default: // NJ_STEP_WORDS
        return split_words(text, is_first, pieces);
    }
}

nj_status nj_pretokenize(const nj_text_steps *steps, bool is_first, nj_pieces *pieces,
                         nj_error *err)
{
    const nj_text_piece all = {0, pieces->text.size, is_first};
    nj_buffer_clear(&pieces->pieces);
    nj_status status = nj_buffer_append(&pieces->pieces, &all, sizeof all);
    for (size_t i = 0; status == NJ_OK && i < steps->count; i++) {
        const nj_text_piece *piece = (const nj_text_piece *)(const void *)pieces->pieces.bytes;
        const size_t count = pieces->pieces.size / sizeof *piece;
        nj_buffer_clear(&pieces->next_text);
        nj_buffer_clear(&pieces->next_pieces);
        for (size_t p = 0; status == NJ_OK && p < count; p++) {
            const nj_slice text = {(const char *)pieces->text.bytes + piece[p].begin,
                                   piece[p].end - piece[p].begin};
            status = apply_splitter(&steps->at[i], text, piece[p].is_first, pieces);
        }
        nj_pieces_swap(pieces);
    }
    return status == NJ_OK
               ? NJ_OK
               : nj_fail(err, status, "no memory to cut a text of %zu bytes, or it grows above %zu",
                         pieces->text.size, NJ_TOKENIZER_TEXT_BYTES_MAX);
}
