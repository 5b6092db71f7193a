// tokenizer_model_file.c - a SentencePiece *.model: a protocol buffer of three messages, read by hand.
//
//   ModelProto      1 pieces [1 text, 2 score, 3 kind]   2 TrainerSpec   3 NormalizerSpec
//   TrainerSpec     3 model kind (1 Unigram, 2 BPE)   24 white space is a suffix   35 byte fallback   40 unknown id
//   NormalizerSpec  2 charsmap   3 adds a prefix   4 squeezes spaces   5 escapes spaces
//
// Source  sentencepiece_model.proto of sentencepiece 0.2.3
#include <float.h>
#include <stdlib.h>

#include "common/base/checked.h"
#include "common/base/id.h"
#include "common/text/tokenizer_parts.h"

#define SPACE_MARK "\xe2\x96\x81"

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };
enum { MODEL_UNIGRAM = 1, MODEL_BPE = 2 };

typedef struct {
    uint32_t number;
    uint64_t value; // of a varint, or the bits of a fixed32
    nj_slice bytes; // of a length-delimited field
} field;

// ---- the wire format ----

static bool read_varint(nj_slice *rest, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; shift < 64 && rest->size > 0; shift += 7) {
        const uint8_t byte = (uint8_t)*rest->bytes;
        rest->bytes++;
        rest->size--;
        *out |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return true;
        }
    }
    return false;
}

static bool skip_bytes(nj_slice *rest, uint64_t size, nj_slice *out)
{
    if (size > rest->size) {
        return false;
    }
    *out = (nj_slice){rest->bytes, (size_t)size};
    rest->bytes += size;
    rest->size -= (size_t)size;
    return true;
}

// The next field; false where the bytes are no field.
static bool read_field(nj_slice *rest, field *out)
{
    uint64_t tag = 0;
    uint64_t size = 0;
    *out = (field){0};
    if (!read_varint(rest, &tag) || tag >> 3 == 0 || tag >> 3 > UINT32_MAX) {
        return false;
    }
    out->number = (uint32_t)(tag >> 3);
    switch (tag & 7) {
    case WIRE_VARINT:
        return read_varint(rest, &out->value);
    case WIRE_BYTES:
        return read_varint(rest, &size) && skip_bytes(rest, size, &out->bytes);
    case WIRE_FIXED64:
        return skip_bytes(rest, 8, &out->bytes);
    case WIRE_FIXED32: {
        uint32_t bits = 0;
        if (!skip_bytes(rest, sizeof bits, &out->bytes)) {
            return false;
        }
        memcpy(&bits, out->bytes.bytes, sizeof bits);
        out->value = bits;
        return true;
    }
    default:
        return false;
    }
}

static nj_status fail_format(const nj_tokenizer *tokenizer, nj_error *err)
{
    return nj_fail(err, NJ_INPUT, "%s: is no SentencePiece model: its fields are cut or broken",
                   tokenizer->path.text);
}

// ---- messages ----

typedef struct {
    nj_tokenizer *tokenizer;
    nj_buffer scores; // float
    nj_buffer kinds;  // uint8_t
    uint64_t model_kind;
    uint32_t id; // of the next piece
    nj_slice charsmap;
} reading;

static nj_status add_piece(reading *r, nj_slice text, float score, uint64_t kind, nj_error *err)
{
    nj_tokenizer *tokenizer = r->tokenizer;
    if (kind < NJ_SP_NORMAL || kind > NJ_SP_BYTE || !(score > -FLT_MAX && score < FLT_MAX) ||
        !nj_utf8_valid(text.bytes, text.size)) {
        return nj_fail(err, NJ_INPUT,
                       "%s: piece %u must be UTF-8 of a kind from 1 to %d with a finite score",
                       tokenizer->path.text, r->id, NJ_SP_BYTE);
    }
    if (nj_vocab_find(&tokenizer->model.vocab, text) != NJ_TOKENIZER_NONE) {
        return nj_fail(err, NJ_INPUT, "%s: pieces %u and %u have the same text \"%.*s\"",
                       tokenizer->path.text, nj_vocab_find(&tokenizer->model.vocab, text), r->id,
                       NJ_SLICE_ARGS(text));
    }
    nj_status status = nj_vocab_add(&tokenizer->model.vocab, text, r->id, err);
    if (status == NJ_OK && kind == NJ_SP_USER) {
        status = nj_vocab_add(&tokenizer->model.users, text, r->id, err);
    }
    if (status != NJ_OK) {
        nj_error_prefix(err, "%s", tokenizer->path.text);
        return status;
    }
    const uint8_t byte = (uint8_t)kind;
    if (nj_buffer_append(&r->scores, &score, sizeof score) != NJ_OK ||
        nj_buffer_append(&r->kinds, &byte, sizeof byte) != NJ_OK) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory for %u pieces", tokenizer->path.text,
                       r->id);
    }
    if (kind == NJ_SP_UNKNOWN) {
        tokenizer->model.unknown = r->id;
    }
    r->id++;
    return NJ_OK;
}

static nj_status read_piece(reading *r, nj_slice message, nj_error *err)
{
    nj_slice text = {0};
    uint32_t score_bits = 0;
    uint64_t kind = NJ_SP_NORMAL;
    while (message.size > 0) {
        field f;
        if (!read_field(&message, &f)) {
            return fail_format(r->tokenizer, err);
        }
        text = f.number == 1 ? f.bytes : text;
        score_bits = f.number == 2 ? (uint32_t)f.value : score_bits;
        kind = f.number == 3 ? f.value : kind;
    }
    float score;
    memcpy(&score, &score_bits, sizeof score);
    return add_piece(r, text, score, kind, err);
}

static nj_status read_trainer(reading *r, nj_slice message, nj_error *err)
{
    while (message.size > 0) {
        field f;
        if (!read_field(&message, &f)) {
            return fail_format(r->tokenizer, err);
        }
        if (f.number == 3) {
            r->model_kind = f.value;
        } else if (f.number == 24) {
            r->tokenizer->rules.space_is_suffix = f.value != 0;
        } else if (f.number == 35) {
            r->tokenizer->model.has_bytes = f.value != 0;
        }
    }
    return NJ_OK;
}

static nj_status read_normalizer(reading *r, nj_slice message, nj_error *err)
{
    nj_piece_rules *rules = &r->tokenizer->rules;
    while (message.size > 0) {
        field f;
        if (!read_field(&message, &f)) {
            return fail_format(r->tokenizer, err);
        }
        if (f.number == 2) {
            r->charsmap = f.bytes;
        } else if (f.number == 3) {
            rules->adds_prefix = f.value != 0;
        } else if (f.number == 4) {
            rules->squeezes_spaces = f.value != 0;
        } else if (f.number == 5) {
            rules->escapes_spaces = f.value != 0;
        }
    }
    return NJ_OK;
}

static nj_status read_messages(reading *r, nj_slice file, nj_error *err)
{
    nj_status status = NJ_OK;
    while (status == NJ_OK && file.size > 0) {
        field f;
        if (!read_field(&file, &f)) {
            return fail_format(r->tokenizer, err);
        }
        if (f.number == 1) {
            status = read_piece(r, f.bytes, err);
        } else if (f.number == 2) {
            status = read_trainer(r, f.bytes, err);
        } else if (f.number == 3) {
            status = read_normalizer(r, f.bytes, err);
        }
    }
    return status;
}

// ---- the model ----

static void find_scores(nj_token_model *model, const float *scores)
{
    float lowest = FLT_MAX;
    for (size_t i = 0; i < model->score_count; i++) {
        model->scores[i] = (double)scores[i];
        if (model->kinds[i] == NJ_SP_NORMAL) {
            lowest = scores[i] < lowest ? scores[i] : lowest;
        }
    }
    model->unknown_score = (double)(lowest - (float)NJ_UNKNOWN_PENALTY);
}

static nj_status find_bytes(const nj_tokenizer *tokenizer, nj_token_model *model, nj_error *err)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        char text[8];
        (void)snprintf(text, sizeof text, "<0x%02X>", byte);
        const uint32_t id = nj_vocab_find(&model->vocab, nj_slice_from(text));
        const bool is_byte = id != NJ_TOKENIZER_NONE && model->kinds[id] == NJ_SP_BYTE;
        model->byte_ids[byte] = is_byte ? id : NJ_TOKENIZER_NONE;
        if (model->has_bytes && !is_byte) {
            return nj_fail(err, NJ_INPUT, "%s: has byte_fallback and no piece %s",
                           tokenizer->path.text, text);
        }
    }
    return NJ_OK;
}

static nj_status check_kinds(const reading *r, nj_error *err)
{
    const nj_tokenizer *tokenizer = r->tokenizer;
    if (r->model_kind != MODEL_UNIGRAM && r->model_kind != MODEL_BPE) {
        return nj_fail(err, NJ_INPUT, "%s: is of model kind %llu, must be 1 (Unigram) or 2 (BPE)",
                       tokenizer->path.text, (unsigned long long)r->model_kind);
    }
    if (tokenizer->model.unknown == NJ_TOKENIZER_NONE) {
        return nj_fail(err, NJ_INPUT, "%s: no piece of %u is the unknown one", tokenizer->path.text,
                       r->id);
    }
    // SentencePiece cuts again what became an unused piece, and gives a user-defined one a bonus whose rounding differs between
    // its versions.
    const bool is_bpe = r->model_kind == MODEL_BPE;
    const uint8_t barred = is_bpe ? NJ_SP_UNUSED : NJ_SP_USER;
    return memchr(r->kinds.bytes, barred, r->kinds.size) != NULL
               ? nj_fail(err, NJ_INPUT, "%s: a %s model with %s pieces is not known to nightjar",
                         tokenizer->path.text, is_bpe ? "BPE" : "Unigram",
                         is_bpe ? "unused" : "user-defined")
               : NJ_OK;
}

static nj_status finish_model(reading *r, nj_error *err)
{
    nj_tokenizer *tokenizer = r->tokenizer;
    nj_token_model *model = &tokenizer->model;
    nj_status status = check_kinds(r, err);
    if (status != NJ_OK) {
        return status;
    }
    model->score_count = r->id;
    model->scores = calloc(r->id, sizeof *model->scores);
    model->kinds = malloc(r->id);
    if (model->scores == NULL || model->kinds == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory for %u scores", tokenizer->path.text,
                       r->id);
    }
    memcpy(model->kinds, r->kinds.bytes, r->id);
    find_scores(model, (const float *)(const void *)r->scores.bytes);
    model->is_sentencepiece = true;
    model->is_unigram = r->model_kind == MODEL_UNIGRAM;
    tokenizer->vocabulary = r->id;
    tokenizer->kind = model->is_unigram ? "SentencePiece Unigram" : "SentencePiece BPE";
    status = find_bytes(tokenizer, model, err);
    if (status == NJ_OK && r->charsmap.size > 0) {
        status = nj_charsmap_open(r->charsmap.bytes, r->charsmap.size, tokenizer->path.text,
                                  &tokenizer->charsmap, err);
    }
    return status;
}

nj_status nj_tokenizer_read_model(nj_tokenizer *tokenizer, nj_slice bytes, nj_error *err)
{
    tokenizer->model.unknown = NJ_TOKENIZER_NONE;
    tokenizer->rules = (nj_piece_rules){true, true, true, false};
    reading r = {.tokenizer = tokenizer, .model_kind = MODEL_UNIGRAM};
    nj_buffer_init(&r.scores, SIZE_MAX / 2);
    nj_buffer_init(&r.kinds, SIZE_MAX / 2);
    nj_status status = read_messages(&r, bytes, err);
    if (status == NJ_OK) {
        status = finish_model(&r, err);
    }
    nj_buffer_fini(&r.scores);
    nj_buffer_fini(&r.kinds);
    return status;
}

// ---- the normalizer ----

// What stands for the beginning of `rest`: an uncut text, the longest rule, or the character itself. Its bytes in `rest`.
static size_t normalize_next(const nj_tokenizer *tokenizer, nj_slice rest, nj_slice *out)
{
    uint32_t id = 0;
    int32_t point = 0;
    size_t size = nj_vocab_longest(&tokenizer->model.users, rest, &id);
    if (size == 0) {
        size = nj_charsmap_find(&tokenizer->charsmap, rest, true, out);
        if (size > 0) {
            return size;
        }
        size = nj_char_next(rest, &point);
    }
    *out = (nj_slice){rest.bytes, size};
    return size;
}

static nj_status append_spaced(const nj_piece_rules *rules, nj_slice text, nj_buffer *out)
{
    nj_status status = NJ_OK;
    for (size_t i = 0; status == NJ_OK && i < text.size; i++) {
        const bool is_space = text.bytes[i] == ' ' && rules->escapes_spaces;
        status = is_space ? nj_buffer_append(out, SPACE_MARK, strlen(SPACE_MARK))
                          : nj_buffer_append(out, text.bytes + i, 1);
    }
    return status;
}

static void strip_end(const nj_piece_rules *rules, nj_buffer *text)
{
    const char *space = rules->escapes_spaces ? SPACE_MARK : " ";
    const size_t size = strlen(space);
    while (text->size >= size && memcmp(text->bytes + text->size - size, space, size) == 0) {
        text->size -= size;
    }
}

// Bytes at the beginning that become one space each time: they are passed over.
static size_t skip_spaces(const nj_tokenizer *tokenizer, nj_slice text)
{
    size_t at = 0;
    while (at < text.size) {
        nj_slice part;
        const size_t size =
            normalize_next(tokenizer, (nj_slice){text.bytes + at, text.size - at}, &part);
        if (part.size != 1 || part.bytes[0] != ' ') {
            break;
        }
        at += size;
    }
    return at;
}

static nj_status write_normalized(const nj_tokenizer *tokenizer, nj_slice text, nj_buffer *out)
{
    const nj_piece_rules *rules = &tokenizer->rules;
    const nj_slice space = {" ", 1};
    size_t at = rules->squeezes_spaces ? skip_spaces(tokenizer, text) : 0;
    nj_status status = NJ_OK;
    if (at == text.size) {
        return NJ_OK;
    }
    if (rules->adds_prefix && !rules->space_is_suffix) {
        status = append_spaced(rules, space, out);
    }
    bool is_behind_space = rules->squeezes_spaces;
    while (status == NJ_OK && at < text.size) {
        nj_slice part;
        at += normalize_next(tokenizer, (nj_slice){text.bytes + at, text.size - at}, &part);
        while (is_behind_space && part.size > 0 && part.bytes[0] == ' ') {
            part.bytes++;
            part.size--;
        }
        if (part.size > 0) {
            status = append_spaced(rules, part, out);
            is_behind_space = part.bytes[part.size - 1] == ' ';
        }
        is_behind_space = is_behind_space && rules->squeezes_spaces;
    }
    if (status == NJ_OK && rules->squeezes_spaces) {
        strip_end(rules, out);
    }
    return status == NJ_OK && rules->adds_prefix && rules->space_is_suffix
               ? append_spaced(rules, space, out)
               : status;
}

nj_status nj_piece_normalize(const nj_tokenizer *tokenizer, nj_pieces *pieces, nj_error *err)
{
    nj_buffer_clear(&pieces->next_text);
    if (write_normalized(tokenizer, nj_buffer_slice(&pieces->text), &pieces->next_text) != NJ_OK) {
        return nj_fail(err, NJ_NO_MEMORY,
                       "no memory to normalize a text of %zu bytes, or it grows above %zu",
                       pieces->text.size, NJ_TOKENIZER_TEXT_BYTES_MAX);
    }
    const nj_buffer kept = pieces->text;
    pieces->text = pieces->next_text;
    pieces->next_text = kept;
    if (!nj_utf8_valid((const char *)pieces->text.bytes, pieces->text.size)) {
        return nj_fail(err, NJ_INPUT, "the tokenizer's charsmap makes text that is no UTF-8");
    }
    return NJ_OK;
}
