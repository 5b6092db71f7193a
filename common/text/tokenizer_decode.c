// tokenizer_decode.c - from ids back to text.
#include <stdlib.h>

#include "common/text/tokenizer_parts.h"

#define NO_PLACE UINT32_MAX
#define OF_ADDED 0x80000000u
#define SPACE_MARK "\xe2\x96\x81"

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
    return NJ_OK;
}

// bytes NULL: no token has the id.
static nj_slice text_of(const nj_tokenizer *tokenizer, uint32_t id)
{
    const uint32_t place = id < tokenizer->vocabulary ? tokenizer->places[id] : NO_PLACE;
    if (place == NO_PLACE) {
        return (nj_slice){0};
    }
    return (place & OF_ADDED) != 0
               ? nj_idlist_builder_at(&tokenizer->added.texts, place & ~OF_ADDED)
               : nj_idlist_builder_at(&tokenizer->model.vocab.texts, place);
}

bool nj_tokenizer_begins_word(const nj_tokenizer *tokenizer, uint32_t id)
{
    const nj_slice text = text_of(tokenizer, id);
    return text.size >= strlen(SPACE_MARK) &&
           memcmp(text.bytes, SPACE_MARK, strlen(SPACE_MARK)) == 0;
}
