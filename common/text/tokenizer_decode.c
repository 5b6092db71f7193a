// tokenizer_decode.c - from ids back to text.
//
//   ids ──► texts of tokens, special ones left out ──► steps of the decoder ──► joined
//           a *.model: pieces, byte pieces as bytes, U+2581 a space
#include <stdlib.h>

#include "common/base/checked.h"
#include "common/base/id.h"
#include "common/text/tokenizer_parts.h"

#define NO_PLACE UINT32_MAX
#define OF_ADDED 0x80000000u
#define OF_NORMALIZED                                                                              \
    0x40000000u // added tokens that went through the normalizer are read back as it left them
#define SPACE_MARK "\xe2\x96\x81"
#define REPLACEMENT "\xef\xbf\xbd" // U+FFFD
#define BYTE_TOKEN_SIZE 6          // <0x41>

// ---- the text of an id ----

static void place_texts(const nj_tokenizer *tokenizer, const nj_vocab *vocab, uint32_t mark)
{
    const uint32_t *ids = (const uint32_t *)(const void *)vocab->ids.bytes;
    for (size_t i = 0; i < vocab->texts.count; i++) {
        tokenizer->places[ids[i]] = mark | (uint32_t)i;
    }
}

nj_status nj_tokenizer_place_texts(nj_tokenizer *tokenizer, nj_error *err)
{
    const size_t bytes = (size_t)tokenizer->vocabulary * sizeof *tokenizer->places;
    tokenizer->places = malloc(bytes > 0 ? bytes : 1);
    if (tokenizer->places == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory for %u tokens", tokenizer->path.text,
                       tokenizer->vocabulary);
    }
    memset(tokenizer->places, 0xff, bytes);
    place_texts(tokenizer, &tokenizer->model.vocab, 0);
    place_texts(tokenizer, &tokenizer->added, OF_ADDED);
    place_texts(tokenizer, &tokenizer->added_normalized, OF_NORMALIZED);
    return NJ_OK;
}

// bytes NULL: no token has the id.
static nj_slice text_of(const nj_tokenizer *tokenizer, uint32_t id)
{
    const uint32_t place = id < tokenizer->vocabulary ? tokenizer->places[id] : NO_PLACE;
    if (place == NO_PLACE) {
        return (nj_slice){0};
    }
    if ((place & OF_NORMALIZED) != 0) {
        return nj_idlist_builder_at(&tokenizer->added_normalized.texts, place & ~OF_NORMALIZED);
    }
    return (place & OF_ADDED) != 0
               ? nj_idlist_builder_at(&tokenizer->added.texts, place & ~OF_ADDED)
               : nj_idlist_builder_at(&tokenizer->model.vocab.texts, place);
}

static bool begins_with(nj_slice text, const char *with)
{
    return text.size >= strlen(with) && memcmp(text.bytes, with, strlen(with)) == 0;
}

bool nj_tokenizer_begins_word(const nj_tokenizer *tokenizer, uint32_t id)
{
    return begins_with(text_of(tokenizer, id), SPACE_MARK);
}

static bool is_special(const nj_tokenizer *tokenizer, uint32_t id)
{
    const nj_token_model *model = &tokenizer->model;
    if (tokenizer->traits != NULL && id < tokenizer->vocabulary &&
        tokenizer->traits[id].is_special) {
        return true;
    }
    return model->is_sentencepiece &&
           (id >= model->score_count || model->kinds[id] == NJ_SP_CONTROL ||
            model->kinds[id] == NJ_SP_UNKNOWN);
}

// ---- bytes that may be no UTF-8 ----

// Bytes at the front that are one fault: the beginning of a character that does not go on, or one byte.
static size_t fault_size(const uint8_t *bytes, size_t size)
{
    const uint8_t lead = bytes[0];
    const size_t need = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || size < 2) {
        return 1;
    }
    const uint8_t least = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const uint8_t most = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (bytes[1] < least || bytes[1] > most) {
        return 1;
    }
    size_t at = 2;
    while (at < need && at < size && (bytes[at] & 0xc0) == 0x80) {
        at++;
    }
    return at;
}

// `is_bytewise`: every byte of a fault is one, as SentencePiece has it.
static nj_status append_repaired(nj_slice bytes, bool is_bytewise, nj_buffer *out)
{
    nj_status status = NJ_OK;
    for (size_t at = 0; status == NJ_OK && at < bytes.size;) {
        const size_t left = bytes.size - at;
        const size_t size = nj_utf8_sequence(bytes.bytes + at, left);
        if (size > 0) {
            status = nj_buffer_append(out, bytes.bytes + at, size);
            at += size;
        } else {
            status = nj_buffer_append(out, REPLACEMENT, strlen(REPLACEMENT));
            at += is_bytewise ? 1 : fault_size((const uint8_t *)bytes.bytes + at, left);
        }
    }
    return status;
}

// ---- steps ----

static nj_status end_piece(nj_pieces *pieces, size_t begin)
{
    const nj_text_piece piece = {begin, pieces->next_text.size, false};
    return nj_buffer_append(&pieces->next_pieces, &piece, sizeof piece);
}

static nj_status add_piece(nj_pieces *pieces, nj_slice text)
{
    const size_t begin = pieces->next_text.size;
    nj_status status = nj_buffer_append(&pieces->next_text, text.bytes, text.size);
    return status == NJ_OK ? end_piece(pieces, begin) : status;
}

static void find_bytes(int16_t byte_of[NJ_BYTE_POINT_MAX + 1])
{
    memset(byte_of, 0xff, (NJ_BYTE_POINT_MAX + 1) * sizeof *byte_of);
    for (unsigned byte = 0; byte < 256; byte++) {
        byte_of[nj_byte_point((uint8_t)byte)] = (int16_t)byte;
    }
}

// The bytes that a token's characters stand for; the token itself where one stands for none.
static nj_status append_bytes(const int16_t *byte_of, nj_slice text, nj_buffer *out)
{
    const size_t begin = out->size;
    for (size_t at = 0; at < text.size;) {
        int32_t point = 0;
        at += nj_char_next((nj_slice){text.bytes + at, text.size - at}, &point);
        const int16_t byte = point <= NJ_BYTE_POINT_MAX ? byte_of[point] : -1;
        const char one = (char)byte;
        if (byte < 0) {
            out->size = begin;
            return nj_buffer_append(out, text.bytes, text.size);
        }
        if (nj_buffer_append(out, &one, 1) != NJ_OK) {
            return NJ_NO_MEMORY;
        }
    }
    return NJ_OK;
}

static nj_status replace_in(nj_slice text, const char *from, const char *to, nj_pieces *pieces)
{
    const size_t begin = pieces->next_text.size;
    nj_status status = NJ_OK;
    for (size_t at = 0; status == NJ_OK && at < text.size;) {
        const bool is_from = begins_with((nj_slice){text.bytes + at, text.size - at}, from);
        status = is_from ? nj_buffer_append(&pieces->next_text, to, strlen(to))
                         : nj_buffer_append(&pieces->next_text, text.bytes + at, 1);
        at += is_from ? strlen(from) : 1;
    }
    return status == NJ_OK ? end_piece(pieces, begin) : status;
}

static nj_status strip_ends(const nj_decode_step *step, nj_slice text, nj_pieces *pieces)
{
    const size_t size = strlen(step->from);
    for (uint32_t i = 0; i < step->start && begins_with(text, step->from); i++) {
        text.bytes += size;
        text.size -= size;
    }
    for (uint32_t i = 0; i < step->stop && text.size >= size &&
                         memcmp(text.bytes + text.size - size, step->from, size) == 0;
         i++) {
        text.size -= size;
    }
    return add_piece(pieces, text);
}

// The byte of a token like <0x41>; -1 where it is none.
static int byte_of_token(nj_slice text)
{
    if (text.size != BYTE_TOKEN_SIZE || !begins_with(text, "<0x") || text.bytes[5] != '>') {
        return -1;
    }
    int byte = 0;
    for (size_t i = 3; i < 5; i++) {
        const char c = text.bytes[i];
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                                 : -1;
        if (digit < 0) {
            return -1;
        }
        byte = byte * 16 + digit;
    }
    return byte;
}

// Bytes that stood side by side: a text, or, where they are none, one U+FFFD each.
static nj_status flush_bytes(nj_pieces *pieces, nj_buffer *bytes)
{
    nj_status status = NJ_OK;
    if (nj_utf8_valid((const char *)bytes->bytes, bytes->size)) {
        status = bytes->size > 0 ? add_piece(pieces, nj_buffer_slice(bytes)) : NJ_OK;
    } else {
        for (size_t i = 0; status == NJ_OK && i < bytes->size; i++) {
            status = add_piece(pieces, nj_slice_from(REPLACEMENT));
        }
    }
    nj_buffer_clear(bytes);
    return status;
}

static nj_slice piece_text(const nj_pieces *pieces, size_t index)
{
    const nj_text_piece *piece = (const nj_text_piece *)(const void *)pieces->pieces.bytes;
    return (nj_slice){(const char *)pieces->text.bytes + piece[index].begin,
                      piece[index].end - piece[index].begin};
}

static nj_status join_byte_tokens(nj_pieces *pieces, size_t count)
{
    nj_buffer bytes;
    nj_buffer_init(&bytes, NJ_TOKENIZER_TEXT_BYTES_MAX);
    nj_status status = NJ_OK;
    for (size_t i = 0; status == NJ_OK && i < count; i++) {
        const nj_slice text = piece_text(pieces, i);
        const int byte = byte_of_token(text);
        const char one = (char)byte;
        if (byte >= 0) {
            status = nj_buffer_append(&bytes, &one, 1);
            continue;
        }
        status = flush_bytes(pieces, &bytes);
        if (status == NJ_OK) {
            status = add_piece(pieces, text);
        }
    }
    if (status == NJ_OK) {
        status = flush_bytes(pieces, &bytes);
    }
    nj_buffer_fini(&bytes);
    return status;
}

// All pieces as one.
static nj_status fuse(nj_pieces *pieces, size_t count, const int16_t *byte_of)
{
    nj_status status = NJ_OK;
    for (size_t i = 0; status == NJ_OK && i < count; i++) {
        const nj_slice text = piece_text(pieces, i);
        status = byte_of != NULL ? append_bytes(byte_of, text, &pieces->next_text)
                                 : nj_buffer_append(&pieces->next_text, text.bytes, text.size);
    }
    return status == NJ_OK ? end_piece(pieces, 0) : status;
}

static nj_status apply_to_piece(const nj_decode_step *step, nj_slice text, bool is_first,
                                nj_pieces *pieces)
{
    switch (step->kind) {
    case NJ_DECODE_REPLACE:
        return replace_in(text, step->from, step->to, pieces);
    case NJ_DECODE_METASPACE:
        return replace_in(text, step->from, is_first && step->drops_first ? "" : " ", pieces);
    default: // NJ_DECODE_STRIP
        return strip_ends(step, text, pieces);
    }
}

static nj_status apply_step(const nj_decode_step *step, nj_pieces *pieces)
{
    const size_t count = pieces->pieces.size / sizeof(nj_text_piece);
    int16_t byte_of[NJ_BYTE_POINT_MAX + 1];
    nj_status status = NJ_OK;
    nj_buffer_clear(&pieces->next_text);
    nj_buffer_clear(&pieces->next_pieces);
    switch (step->kind) {
    case NJ_DECODE_BYTES:
        find_bytes(byte_of);
        status = fuse(pieces, count, byte_of);
        break;
    case NJ_DECODE_FUSE:
        status = fuse(pieces, count, NULL);
        break;
    case NJ_DECODE_BYTE_TOKENS:
        status = join_byte_tokens(pieces, count);
        break;
    default:
        for (size_t i = 0; status == NJ_OK && i < count; i++) {
            status = apply_to_piece(step, piece_text(pieces, i), i == 0, pieces);
        }
    }
    nj_pieces_swap(pieces);
    return status;
}

// The texts of the ids, each a piece.
static nj_status collect_texts(const nj_tokenizer *tokenizer, const uint32_t *ids, size_t count,
                               nj_pieces *pieces)
{
    nj_status status = NJ_OK;
    for (size_t i = 0; status == NJ_OK && i < count; i++) {
        const nj_slice text = text_of(tokenizer, ids[i]);
        if (text.bytes != NULL && !is_special(tokenizer, ids[i])) {
            status = add_piece(pieces, text);
        }
    }
    nj_pieces_swap(pieces);
    return status;
}

static nj_status decode_steps(const nj_tokenizer *tokenizer, const uint32_t *ids, size_t count,
                              nj_pieces *pieces, nj_buffer *out)
{
    const nj_decoder *decoder = &tokenizer->decoder;
    nj_status status = collect_texts(tokenizer, ids, count, pieces);
    for (size_t i = 0; status == NJ_OK && i < decoder->count; i++) {
        status = apply_step(&decoder->at[i], pieces);
    }
    const size_t piece_count = pieces->pieces.size / sizeof(nj_text_piece);
    for (size_t i = 0; status == NJ_OK && i < piece_count; i++) {
        const nj_slice text = piece_text(pieces, i);
        if (decoder->count == 0 && i > 0) {
            status = nj_buffer_append(out, " ", 1);
        }
        if (status == NJ_OK) {
            status = nj_buffer_append(out, text.bytes, text.size);
        }
    }
    return status;
}

// ---- SentencePiece ----

// Of the first piece the mark that the normalizer put there is left out; of all marks at the beginning where it squeezes spaces.
static nj_status decode_pieces(const nj_tokenizer *tokenizer, const uint32_t *ids, size_t count,
                               nj_buffer *out)
{
    const nj_piece_rules *rules = &tokenizer->rules;
    bool may_drop = rules->adds_prefix || rules->squeezes_spaces;
    nj_status status = NJ_OK;
    for (size_t i = 0; status == NJ_OK && i < count; i++) {
        nj_slice text = text_of(tokenizer, ids[i]);
        const int byte = byte_of_token(text);
        const char one = (char)byte;
        if (text.bytes == NULL || is_special(tokenizer, ids[i])) {
            continue;
        }
        if (byte >= 0 && tokenizer->model.byte_ids[byte] == ids[i]) {
            status = nj_buffer_append(out, &one, 1);
            may_drop = false;
            continue;
        }
        if (may_drop && begins_with(text, SPACE_MARK)) {
            text.bytes += strlen(SPACE_MARK);
            text.size -= strlen(SPACE_MARK);
        }
        may_drop = may_drop && text.size == 0 && rules->squeezes_spaces;
        for (size_t at = 0; status == NJ_OK && at < text.size;) {
            const bool is_mark =
                begins_with((nj_slice){text.bytes + at, text.size - at}, SPACE_MARK);
            status = nj_buffer_append(out, is_mark ? " " : text.bytes + at, 1);
            at += is_mark ? strlen(SPACE_MARK) : 1;
        }
    }
    return status;
}

nj_status nj_tokenizer_decode(const nj_tokenizer *tokenizer, const uint32_t *ids, size_t count,
                              nj_buffer *text, nj_error *err)
{
    const size_t text_size = text->size;
    nj_pieces pieces;
    nj_buffer bytes;
    if (!tokenizer->model.is_sentencepiece && !tokenizer->decoder.is_known) {
        return nj_fail(err, NJ_INPUT,
                       "%s: decoder \"%s\" is not known to nightjar, must be ByteLevel, Metaspace, "
                       "Replace, ByteFallback, Fuse, Strip or one Sequence of them",
                       tokenizer->path.text, tokenizer->decoder.unknown);
    }
    nj_pieces_init(&pieces);
    nj_buffer_init(&bytes, NJ_TOKENIZER_TEXT_BYTES_MAX);
    nj_status status = tokenizer->model.is_sentencepiece
                           ? decode_pieces(tokenizer, ids, count, &bytes)
                           : decode_steps(tokenizer, ids, count, &pieces, &bytes);
    if (status == NJ_OK) {
        status = append_repaired(nj_buffer_slice(&bytes), tokenizer->model.is_sentencepiece, text);
    }
    nj_pieces_fini(&pieces);
    nj_buffer_fini(&bytes);
    if (status != NJ_OK) {
        text->size = text_size;
        return nj_fail(err, status, "no memory for the text of %zu tokens, or it grows above %zu",
                       count, NJ_TOKENIZER_TEXT_BYTES_MAX);
    }
    return NJ_OK;
}
