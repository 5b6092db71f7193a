#include "worker/encoder/sentence.h"

#include <string.h>

#define BERT_AROUND 2 // [CLS] and [SEP]
#define T5_END "</s>"

// ---- tokenizers ----

// What the model's texts are cut off for: nothing but </s>, behind them.
static nj_status check_around(nj_sentence *s, const char *folder, nj_error *err)
{
    nj_buffer ids;
    nj_buffer_init(&ids, NJ_TOKENIZER_TEXT_BYTES_MAX);
    nj_status status = nj_tokenizer_encode(s->tokenizer, (nj_slice){"", 0}, true, &ids, err);
    const uint32_t end = nj_tokenizer_id(s->tokenizer, nj_slice_from(T5_END));
    if (status == NJ_OK && (ids.size != sizeof end || memcmp(ids.bytes, &end, sizeof end) != 0)) {
        status = nj_fail(err, NJ_INPUT,
                         "%s: the tokenizer puts %zu tokens around a text, must be one \"" T5_END
                         "\" behind it",
                         folder, ids.size / sizeof end);
    }
    s->around_count = 1;
    nj_buffer_fini(&ids);
    return status;
}

static nj_status open_tokenizer(nj_sentence *s, const char *folder, nj_error *err)
{
    nj_status status;
    size_t vocabulary = 0;
    if (s->config.kind == NJ_ENCODER_BERT) {
        s->around_count = BERT_AROUND;
        status = nj_wordpiece_open(folder, &s->wordpiece, err);
        vocabulary = status == NJ_OK ? nj_wordpiece_vocabulary(s->wordpiece) : 0;
    } else {
        status = nj_tokenizer_open(folder, &s->tokenizer, err);
        vocabulary = status == NJ_OK ? nj_tokenizer_vocabulary(s->tokenizer) : 0;
    }
    if (status == NJ_OK && vocabulary > s->config.V) {
        return nj_fail(err, NJ_INPUT,
                       "%s: the tokenizer has ids to %zu, config.json a vocabulary of %u", folder,
                       vocabulary - 1, s->config.V);
    }
    return status == NJ_OK && s->tokenizer != NULL ? check_around(s, folder, err) : status;
}

static nj_status tokenize_t5(const nj_sentence *s, nj_slice text, nj_buffer *tokens, bool *out_cut,
                             nj_error *err)
{
    const size_t before = tokens->size;
    nj_status status = nj_tokenizer_encode(s->tokenizer, text, true, tokens, err);
    const size_t most = s->config.tokens_max * sizeof(uint32_t);
    *out_cut = status == NJ_OK && tokens->size - before > most;
    if (*out_cut) {
        const uint32_t end = nj_tokenizer_id(s->tokenizer, nj_slice_from(T5_END));
        tokens->size = before + most;
        memcpy(tokens->bytes + tokens->size - sizeof end, &end, sizeof end);
    }
    return status;
}

nj_status nj_sentence_tokenize(const nj_sentence *sentence, nj_slice text, nj_buffer *tokens,
                               bool *out_cut, nj_error *err)
{
    bool is_cut = false;
    const nj_status status =
        sentence->wordpiece != NULL
            ? nj_wordpiece_encode(sentence->wordpiece, text, sentence->config.tokens_max, tokens,
                                  &is_cut, err)
            : tokenize_t5(sentence, text, tokens, &is_cut, err);
    if (out_cut != NULL) {
        *out_cut = is_cut;
    }
    return status;
}

// ---- opening ----

static nj_status open_all(nj_sentence *s, const char *folder, const nj_kernels *kernels,
                          nj_error *err)
{
    nj_status status = nj_encoder_config_load(folder, &s->config, err);
    if (status == NJ_OK) {
        status = open_tokenizer(s, folder, err);
    }
    if (status == NJ_OK) {
        status = nj_encoder_weights_load(&s->config, folder, &s->section, err);
    }
    if (status == NJ_OK) {
        status = nj_tensor_set_open_bytes(s->section.bytes, s->section.size, "the model's weights",
                                          &s->weights, err);
    }
    if (status == NJ_OK) {
        s->digest = nj_encoder_digest(&s->config, nj_buffer_slice(&s->section), kernels);
    }
    return status;
}

nj_status nj_sentence_open(const char *folder, const nj_kernels *kernels, nj_sentence *out,
                           nj_error *err)
{
    nj_sentence sentence = {0};
    nj_buffer_init(&sentence.section, SIZE_MAX / 2);
    nj_status status = open_all(&sentence, folder, kernels, err);
    if (status == NJ_OK) {
        *out = sentence;
        return NJ_OK;
    }
    nj_sentence_close(&sentence);
    return status;
}

void nj_sentence_close(nj_sentence *sentence)
{
    nj_tensor_set_close(&sentence->weights);
    nj_buffer_fini(&sentence->section);
    nj_wordpiece_close(&sentence->wordpiece);
    nj_tokenizer_close(&sentence->tokenizer);
}
