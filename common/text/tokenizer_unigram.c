// tokenizer_unigram.c - Unigram: the cut of a piece whose tokens' scores have the highest sum.
//
// One walk over the characters; each place keeps the best path that ends there, and of equal sums the first found (the one
// whose last token is longest). Sums are float64 for a tokenizer.json and float32 for a *.model, as the originals compute them.
#include <stdlib.h>

#include "common/base/checked.h"
#include "common/text/tokenizer_parts.h"

typedef struct {
    double score;
    size_t begin; // of the last token; SIZE_MAX: no path ends here yet
    uint32_t id;
} place;

static double add_score(const nj_token_model *model, uint32_t id, double before)
{
    if (!model->is_sentencepiece) {
        return model->scores[id] + before;
    }
    return (double)((float)model->scores[id] + (float)before);
}

static void offer(const nj_token_model *model, place *at, double score, size_t begin, uint32_t id)
{
    if (at->begin == SIZE_MAX || score > at->score) {
        *at = (place){model->is_sentencepiece ? (double)(float)score : score, begin, id};
    }
}

static bool may_stand(const nj_token_model *model, uint32_t id)
{
    return !model->is_sentencepiece || model->kinds[id] == NJ_SP_NORMAL;
}

// Offers every token that begins at `at` to the place where it ends, and the unknown token where no single character stands.
static void extend_paths(const nj_token_model *model, nj_slice piece, size_t at, size_t char_size,
                         place *places)
{
    const size_t longest = nj_min_size(piece.size - at, model->vocab.bytes_max);
    const double before = places[at].score;
    bool has_single = false;
    for (size_t size = 1; size <= longest; size++) {
        if (model->vocab.has_length[size] == 0) {
            continue;
        }
        const uint32_t id = nj_vocab_find(&model->vocab, (nj_slice){piece.bytes + at, size});
        if (id == NJ_TOKENIZER_NONE || !may_stand(model, id)) {
            continue;
        }
        offer(model, &places[at + size], add_score(model, id, before), at, id);
        has_single = has_single || size == char_size;
    }
    if (!has_single) {
        const double score = model->is_sentencepiece
                                 ? (double)((float)model->unknown_score + (float)before)
                                 : model->unknown_score + before;
        offer(model, &places[at + char_size], score, at, model->unknown);
    }
}

// Turns the chain of begins around: places[begin].begin becomes the end of the token that begins there.
static void turn_path(place *places, size_t size)
{
    size_t end = size;
    size_t begin = places[size].begin;
    uint32_t id = places[size].id;
    while (end > 0) {
        const size_t next = begin > 0 ? places[begin].begin : 0;
        const uint32_t next_id = places[begin].id;
        places[begin].begin = end;
        places[begin].id = id;
        end = begin;
        begin = next;
        id = next_id;
    }
}

static nj_status append_path(const nj_token_model *model, nj_slice piece, const place *places,
                             nj_buffer *ids, nj_error *err)
{
    nj_status status = NJ_OK;
    for (size_t at = 0; status == NJ_OK && at < piece.size;) {
        size_t end = places[at].begin;
        if (places[at].id != model->unknown) {
            status = nj_append_id(ids, places[at].id, err);
            at = end;
            continue;
        }
        while (end < piece.size && places[end].id == model->unknown) {
            end = places[end].begin;
        }
        status = nj_append_unknown(model, (nj_slice){piece.bytes + at, end - at}, ids, err);
        at = end;
    }
    return status;
}

nj_status nj_unigram_encode(const nj_token_model *model, nj_slice piece, nj_buffer *ids,
                            nj_error *err)
{
    place *places = calloc(piece.size + 1, sizeof *places);
    if (places == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a piece of %zu bytes", piece.size);
    }
    for (size_t i = 1; i <= piece.size; i++) {
        places[i].begin = SIZE_MAX;
    }
    for (size_t at = 0; at < piece.size;) {
        int32_t point = 0;
        const size_t size = nj_char_next((nj_slice){piece.bytes + at, piece.size - at}, &point);
        extend_paths(model, piece, at, size, places);
        at += size;
    }
    turn_path(places, piece.size);
    nj_status status = append_path(model, piece, places, ids, err);
    free(places);
    return status;
}

nj_status nj_append_id(nj_buffer *ids, uint32_t id, nj_error *err)
{
    return nj_buffer_append(ids, &id, sizeof id) == NJ_OK
               ? NJ_OK
               : nj_fail(err, NJ_NO_MEMORY, "no memory for more than %zu ids",
                         ids->size / sizeof id);
}

nj_status nj_append_unknown(const nj_token_model *model, nj_slice text, nj_buffer *ids,
                            nj_error *err)
{
    nj_status status = NJ_OK;
    bool has_bytes = model->has_bytes;
    // HuggingFace looks a joined run up once more; a *.model's control pieces are not for text.
    const uint32_t whole =
        model->is_sentencepiece ? NJ_TOKENIZER_NONE : nj_vocab_find(&model->vocab, text);
    for (size_t i = 0; i < text.size; i++) {
        has_bytes = has_bytes && model->byte_ids[(uint8_t)text.bytes[i]] != NJ_TOKENIZER_NONE;
    }
    if (whole != NJ_TOKENIZER_NONE) {
        return nj_append_id(ids, whole, err);
    }
    if (has_bytes) {
        for (size_t i = 0; status == NJ_OK && i < text.size; i++) {
            status = nj_append_id(ids, model->byte_ids[(uint8_t)text.bytes[i]], err);
        }
        return status;
    }
    if (model->unknown == NJ_TOKENIZER_NONE) {
        return nj_fail(err, NJ_INPUT, "\"%.*s\" has no token, and the tokenizer no unknown token",
                       NJ_SLICE_ARGS(text));
    }
    return nj_append_id(ids, model->unknown, err);
}
