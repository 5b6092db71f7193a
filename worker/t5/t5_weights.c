#include "worker/t5/t5_internal.h"

// Some exporters store the embedding only as its copy in a stack.
static const char *find_embedding_name(const nj_tensor_set *tensors)
{
    static const char *const COPIES[] = {"encoder.embed_tokens.weight",
                                         "decoder.embed_tokens.weight"};
    for (size_t i = 0; i < 2 && nj_tensor_set_find(tensors, NJ_T5_EMBEDDING) == NULL; i++) {
        if (nj_tensor_set_find(tensors, COPIES[i]) != NULL) {
            return COPIES[i];
        }
    }
    return NJ_T5_EMBEDDING;
}

uint32_t nj_t5_word_count(const nj_tensor_set *weights)
{
    const nj_tensor *words = nj_tensor_set_find(weights, NJ_T5_WORDS);
    return words == NULL ? 0 : (uint32_t)nj_min_size(words->shape[0], NJ_T5_WORDS_MAX);
}

// Numbers begin at 0, which special tokens have.
static nj_status want_words(nj_weights_list *list, const nj_t5_config *config,
                            const nj_tensor_set *tensors, nj_error *err)
{
    const size_t shape[] = {nj_t5_word_count(tensors), config->D};
    if (nj_tensor_set_find(tensors, NJ_T5_WORDS) == NULL) {
        return NJ_OK;
    }
    return nj_weights_want(list, tensors, NJ_T5_WORDS, NJ_T5_WORDS, shape, 2, err);
}

nj_status nj_t5_weights_want(const nj_t5_config *config, const nj_tensor_set *tensors,
                             nj_weights_list *list, nj_error *err)
{
    const size_t vocabulary[] = {config->V, config->D};
    const bool generates = config->decoder_layers > 0;
    nj_status status = nj_weights_want(list, tensors, find_embedding_name(tensors), NJ_T5_EMBEDDING,
                                       vocabulary, 2, err);
    if (status == NJ_OK && generates && nj_tensor_set_find(tensors, NJ_T5_HEAD) != NULL) {
        status = nj_weights_want(list, tensors, NJ_T5_HEAD, NJ_T5_HEAD, vocabulary, 2, err);
    }
    if (status == NJ_OK && generates) {
        status = want_words(list, config, tensors, err);
    }
    nj_t5_walk walk = nj_t5_walk_begin(config);
    while (status == NJ_OK && nj_t5_walk_next(&walk)) {
        status =
            nj_weights_want(list, tensors, walk.name, walk.name, walk.shape, walk.dim_count, err);
    }
    return status;
}

nj_status nj_t5_weights_convert(const nj_t5_config *config, const nj_tensor_set *tensors,
                                nj_buffer *out, nj_error *err)
{
    nj_weights_list list = {0};
    nj_status status = nj_weights_init(nj_t5_tensor_count(config), &list, err);
    if (status == NJ_OK) {
        status = nj_t5_weights_want(config, tensors, &list, err);
    }
    if (status == NJ_OK) {
        status = nj_weights_write(&list, out, err);
    }
    nj_weights_fini(&list);
    return status;
}
