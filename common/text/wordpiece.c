#include "common/text/wordpiece.h"

#include <assert.h>
#include <stdlib.h>
#include <utf8proc.h>

#include "common/base/checked.h"
#include "common/base/id.h"
#include "common/text/wordpiece_parts.h"

#define CAPITAL_I_DOT 0x130
#define DOT_ABOVE 0x307

// Tokens of one text on their way out.
typedef struct {
    nj_wordpiece *tokenizer;
    nj_buffer *out;
    size_t room; // for tokens of the text
    size_t word_points;
    bool is_cut;
} encoding;

bool nj_wordpiece_find(const nj_wordpiece_pieces *pieces, nj_slice text, uint32_t *out)
{
    const size_t index = nj_idmap_find(&pieces->map, text, nj_idmap_at_builder, &pieces->texts);
    if (index == NJ_IDMAP_NONE) {
        return false;
    }
    memcpy(out, pieces->ids.bytes + index * sizeof *out, sizeof *out);
    return true;
}

size_t nj_wordpiece_vocabulary(const nj_wordpiece *tokenizer)
{
    return tokenizer->vocabulary;
}

// ---- tokens ----

static nj_status append(encoding *e, uint32_t token)
{
    if (e->room == 0) {
        e->is_cut = true;
        return NJ_OK;
    }
    e->room--;
    return nj_buffer_append(e->out, &token, sizeof token);
}

// The longest piece that `rest` begins with; 0 where there is none.
static size_t find_longest(const nj_wordpiece_pieces *pieces, nj_slice rest, uint32_t *out)
{
    size_t size = nj_min_size(rest.size, pieces->bytes_max);
    for (; size > 0; size--) {
        const bool is_whole = size == rest.size || ((unsigned char)rest.bytes[size] & 0xc0) != 0x80;
        if (is_whole && nj_wordpiece_find(pieces, (nj_slice){rest.bytes, size}, out)) {
            return size;
        }
    }
    return 0;
}

// A piece is a point or more: a word has no more tokens than points.
static bool find_pieces(const nj_wordpiece *tokenizer, nj_slice word, uint32_t *tokens,
                        size_t *out_count)
{
    const nj_wordpiece_pieces *pieces = &tokenizer->begin;
    *out_count = 0;
    while (word.size > 0) {
        const size_t size = find_longest(pieces, word, &tokens[*out_count]);
        if (size == 0) {
            return false;
        }
        word = (nj_slice){word.bytes + size, word.size - size};
        pieces = &tokenizer->inside;
        ++*out_count;
    }
    return true;
}

static nj_status end_word(encoding *e)
{
    nj_wordpiece *tokenizer = e->tokenizer;
    const nj_slice word = nj_buffer_slice(&tokenizer->word);
    uint32_t tokens[NJ_WORDPIECE_WORD_POINTS_MAX];
    size_t count = 0;
    nj_status status = NJ_OK;
    if (word.size == 0) {
        return NJ_OK;
    }
    if (e->word_points > tokenizer->word_points_max ||
        !find_pieces(tokenizer, word, tokens, &count)) {
        tokens[0] = tokenizer->unknown;
        count = 1;
    }
    for (size_t i = 0; status == NJ_OK && i < count; i++) {
        status = append(e, tokens[i]);
    }
    nj_buffer_clear(&tokenizer->word);
    e->word_points = 0;
    return status;
}

static nj_status add_letter(encoding *e, int32_t point)
{
    utf8proc_uint8_t bytes[4];
    const utf8proc_ssize_t size = utf8proc_encode_char(point, bytes);
    e->word_points++;
    return nj_buffer_append(&e->tokenizer->word, bytes, (size_t)size);
}

static nj_status add_small(encoding *e, int32_t point)
{
    if (!e->tokenizer->makes_small) {
        return add_letter(e, point);
    }
    if (point != CAPITAL_I_DOT) {
        return add_letter(e, nj_wordpiece_small(point));
    }
    nj_status status = add_letter(e, 'i');
    return status == NJ_OK ? add_letter(e, DOT_ABOVE) : status;
}

static nj_status add_point(encoding *e, int32_t point)
{
    const nj_point_kind kind = nj_wordpiece_kind(point);
    nj_status status = NJ_OK;
    switch (kind) {
    case NJ_POINT_SPACE:
        return end_word(e);
    case NJ_POINT_PUNCTUATION:
        status = end_word(e);
        if (status == NJ_OK) {
            status = add_letter(e, point);
        }
        return status == NJ_OK ? end_word(e) : status;
    case NJ_POINT_MARK:
        return e->tokenizer->strips_accents ? NJ_OK : add_small(e, point);
    default:
        return add_small(e, point);
    }
}

// ---- normalising ----

// Bytes of the point at `bytes`, which is whole.
static size_t read_point(const char *bytes, size_t left, int32_t *out)
{
    return (size_t)utf8proc_iterate((const utf8proc_uint8_t *)bytes, (utf8proc_ssize_t)left, out);
}

static nj_status clean(nj_wordpiece *tokenizer, nj_slice text)
{
    nj_status status = NJ_OK;
    nj_buffer_clear(&tokenizer->text);
    for (size_t i = 0; status == NJ_OK && i < text.size;) {
        int32_t point;
        const size_t size = read_point(text.bytes + i, text.size - i, &point);
        const nj_point_kind kind = nj_wordpiece_kind(point);
        const bool is_alone = kind == NJ_POINT_CJK && tokenizer->spaces_cjk;
        if (kind == NJ_POINT_SPACE || is_alone) {
            status = nj_buffer_append(&tokenizer->text, " ", 1);
        }
        if (status == NJ_OK && kind != NJ_POINT_SPACE && kind != NJ_POINT_NOTHING) {
            status = nj_buffer_append(&tokenizer->text, text.bytes + i, size);
        }
        if (status == NJ_OK && is_alone) {
            status = nj_buffer_append(&tokenizer->text, " ", 1);
        }
        i += size;
    }
    return status;
}

// Fills points; decomposed ones take more room than the text has characters, which utf8proc then tells.
static nj_status decompose(nj_wordpiece *tokenizer)
{
    const utf8proc_option_t how =
        tokenizer->strips_accents ? UTF8PROC_DECOMPOSE : (utf8proc_option_t)0;
    size_t room = tokenizer->text.size;
    for (;;) {
        nj_buffer_clear(&tokenizer->points);
        nj_status status = nj_buffer_reserve(&tokenizer->points, room * sizeof(utf8proc_int32_t));
        if (status != NJ_OK) {
            return status;
        }
        const utf8proc_ssize_t got = utf8proc_decompose(
            tokenizer->text.bytes, (utf8proc_ssize_t)tokenizer->text.size,
            (utf8proc_int32_t *)(void *)tokenizer->points.bytes, (utf8proc_ssize_t)room, how);
        if (got < 0) {
            return NJ_NO_MEMORY; // the text is known to be whole
        }
        if ((size_t)got <= room) {
            tokenizer->points.size = (size_t)got * sizeof(utf8proc_int32_t);
            return NJ_OK;
        }
        room = (size_t)got;
    }
}

// A part of the text that has no special token in it.
static nj_status encode_part(encoding *e, nj_slice part)
{
    nj_wordpiece *tokenizer = e->tokenizer;
    nj_status status = clean(tokenizer, part);
    if (status != NJ_OK || tokenizer->text.size == 0) {
        return status;
    }
    status = decompose(tokenizer);
    const size_t count = tokenizer->points.size / sizeof(int32_t);
    for (size_t i = 0; status == NJ_OK && i < count && !e->is_cut; i++) {
        int32_t point;
        memcpy(&point, tokenizer->points.bytes + i * sizeof point, sizeof point);
        status = add_point(e, point);
    }
    return status == NJ_OK ? end_word(e) : status;
}

// ---- special tokens ----

static const nj_wordpiece_special *find_special(const nj_wordpiece *tokenizer, nj_slice rest)
{
    const nj_wordpiece_special *found = NULL;
    for (size_t i = 0; i < tokenizer->special_count; i++) {
        const nj_wordpiece_special *special = &tokenizer->specials[i];
        if (special->size <= rest.size && memcmp(special->text, rest.bytes, special->size) == 0 &&
            (found == NULL || special->size > found->size)) {
            found = special;
        }
    }
    return found;
}

static nj_status encode_text(encoding *e, nj_slice text)
{
    size_t part = 0; // where it begins
    nj_status status = NJ_OK;
    for (size_t i = 0; status == NJ_OK && i < text.size;) {
        const nj_wordpiece_special *special =
            find_special(e->tokenizer, (nj_slice){text.bytes + i, text.size - i});
        if (special == NULL) {
            i++;
            continue;
        }
        status = encode_part(e, (nj_slice){text.bytes + part, i - part});
        if (status == NJ_OK) {
            status = append(e, special->id);
        }
        i += special->size;
        part = i;
    }
    return status == NJ_OK ? encode_part(e, (nj_slice){text.bytes + part, text.size - part})
                           : status;
}

static nj_status check_text(nj_slice text, nj_error *err)
{
    if (text.size > NJ_WORDPIECE_TEXT_BYTES_MAX) {
        return nj_fail(err, NJ_INPUT, "a text of %zu bytes, the limit is %zu", text.size,
                       NJ_WORDPIECE_TEXT_BYTES_MAX);
    }
    for (size_t i = 0; i < text.size;) {
        const size_t size = nj_utf8_sequence(text.bytes + i, text.size - i);
        if (size == 0) {
            return nj_fail(err, NJ_INPUT, "byte %zu of the text's %zu is not UTF-8", i + 1,
                           text.size);
        }
        i += size;
    }
    return NJ_OK;
}

nj_status nj_wordpiece_encode(nj_wordpiece *tokenizer, nj_slice text, size_t tokens_max,
                              nj_buffer *out, bool *out_cut, nj_error *err)
{
    assert(tokens_max >= 2);
    encoding e = {.tokenizer = tokenizer, .out = out, .room = tokens_max - 2};
    const size_t size = out->size;
    nj_status status = check_text(text, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_buffer_clear(&tokenizer->word);
    status = nj_buffer_append(out, &tokenizer->first, sizeof tokenizer->first);
    if (status == NJ_OK) {
        status = encode_text(&e, text);
    }
    if (status == NJ_OK) {
        status = nj_buffer_append(out, &tokenizer->last, sizeof tokenizer->last);
    }
    if (status != NJ_OK) {
        out->size = size;
        return nj_fail(err, status, "no memory for the tokens of a text of %zu bytes", text.size);
    }
    if (out_cut != NULL) {
        *out_cut = e.is_cut;
    }
    return NJ_OK;
}
