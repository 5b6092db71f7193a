#include "common/base/checked.h"
#include "common/text/tokenizer_parts.h"

void nj_vocab_init(nj_vocab *vocab)
{
    *vocab = (nj_vocab){0};
    nj_idlist_builder_init(&vocab->texts);
    nj_idmap_init(&vocab->map);
    nj_buffer_init(&vocab->ids, (size_t)NJ_TOKENIZER_VOCABULARY_MAX * sizeof(uint32_t));
}

void nj_vocab_fini(nj_vocab *vocab)
{
    nj_idlist_builder_fini(&vocab->texts);
    nj_idmap_fini(&vocab->map);
    nj_buffer_fini(&vocab->ids);
}

static size_t find_index(const nj_vocab *vocab, nj_slice text)
{
    return nj_idmap_find(&vocab->map, text, nj_idmap_at_builder, &vocab->texts);
}

nj_status nj_vocab_add(nj_vocab *vocab, nj_slice text, uint32_t id, nj_error *err)
{
    if (text.size == 0 || text.size > NJ_TOKENIZER_TOKEN_BYTES_MAX) {
        return nj_fail(err, NJ_INPUT, "token %u has %zu bytes, must have 1 to %d", id, text.size,
                       NJ_TOKENIZER_TOKEN_BYTES_MAX);
    }
    if (id >= NJ_TOKENIZER_VOCABULARY_MAX) {
        return nj_fail(err, NJ_INPUT, "token \"%.*s\" has id %u, must be below %u",
                       NJ_SLICE_ARGS(text), id, NJ_TOKENIZER_VOCABULARY_MAX);
    }
    const size_t index = find_index(vocab, text);
    if (index != NJ_IDMAP_NONE) {
        ((uint32_t *)(void *)vocab->ids.bytes)[index] = id;
        return NJ_OK;
    }
    if (nj_idlist_builder_add(&vocab->texts, text) != NJ_OK ||
        nj_idmap_insert(&vocab->map, text, vocab->texts.count - 1) != NJ_OK ||
        nj_buffer_append(&vocab->ids, &id, sizeof id) != NJ_OK) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a vocabulary of more than %zu tokens",
                       vocab->texts.count);
    }
    vocab->has_length[text.size] = 1;
    vocab->bytes_max = nj_max_size(vocab->bytes_max, text.size);
    return NJ_OK;
}

uint32_t nj_vocab_find(const nj_vocab *vocab, nj_slice text)
{
    const size_t index = find_index(vocab, text);
    return index == NJ_IDMAP_NONE ? NJ_TOKENIZER_NONE
                                  : ((const uint32_t *)(const void *)vocab->ids.bytes)[index];
}

size_t nj_vocab_longest(const nj_vocab *vocab, nj_slice rest, uint32_t *out_id)
{
    for (size_t size = nj_min_size(rest.size, vocab->bytes_max); size > 0; size--) {
        if (vocab->has_length[size] == 0) {
            continue;
        }
        const uint32_t id = nj_vocab_find(vocab, (nj_slice){rest.bytes, size});
        if (id != NJ_TOKENIZER_NONE) {
            *out_id = id;
            return size;
        }
    }
    return 0;
}
