// tokenizer_model_config.c - what tokenizer_config.json says of a SentencePiece model: tokens around a text, and tokens that are cut out of it.
#include <stdio.h>

#include "common/codec/json.h"
#include "common/text/tokenizer_parts.h"

enum { SENTINELS_MAX = 1000, SENTINELS_DEFAULT = 100 };

static nj_status add_around(nj_tokenizer *tokenizer, const char *text, bool is_before,
                            nj_error *err)
{
    const uint32_t id = nj_vocab_find(&tokenizer->model.vocab, nj_slice_from(text));
    if (id == NJ_TOKENIZER_NONE) {
        return nj_fail(err, NJ_INPUT,
                       "%s: tokenizer_config.json wants \"%s\" around a text, which is no piece",
                       tokenizer->path.text, text);
    }
    tokenizer->around[tokenizer->around_count++] = id;
    tokenizer->before_count += is_before ? 1 : 0;
    return NJ_OK;
}

// A token that is cut out of a text; the piece of that text, or a new id.
static nj_status add_cut(nj_tokenizer *tokenizer, nj_slice text, uint32_t new_id, nj_error *err)
{
    const uint32_t piece = nj_vocab_find(&tokenizer->model.vocab, text);
    const uint32_t id = piece != NJ_TOKENIZER_NONE ? piece : new_id;
    nj_status status = nj_vocab_add(&tokenizer->added, text, id, err);
    if (status == NJ_OK) {
        status = nj_vocab_add(&tokenizer->added_raw, text, id, err);
    }
    if (id >= tokenizer->vocabulary) {
        tokenizer->vocabulary = id + 1;
    }
    return status;
}

// T5's sentinels, the first of them the last id, and the pieces that stand for no text.
static nj_status add_sentinels(nj_tokenizer *tokenizer, uint32_t count, nj_error *err)
{
    const nj_token_model *model = &tokenizer->model;
    nj_status status = NJ_OK;
    for (uint32_t i = 0; status == NJ_OK && i < model->score_count; i++) {
        if (model->kinds[i] == NJ_SP_CONTROL || model->kinds[i] == NJ_SP_UNKNOWN) {
            status = add_cut(tokenizer, nj_idlist_builder_at(&model->vocab.texts, i), i, err);
        }
    }
    for (uint32_t i = 0; status == NJ_OK && i < count; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "<extra_id_%u>", i);
        status = add_cut(tokenizer, nj_slice_from(text),
                         (uint32_t)model->score_count + count - 1 - i, err);
    }
    return status;
}

nj_status nj_tokenizer_read_around(nj_tokenizer *tokenizer, nj_slice config, nj_error *err)
{
    json_t *root = NULL;
    nj_status status =
        nj_json_parse_real(config.bytes, config.size, "tokenizer_config.json", &root, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_json_keys keys;
    nj_json_keys_open(&keys, root, "tokenizer_config.json", err);
    const char *name = nj_json_text_or(&keys, "tokenizer_class", "");
    const bool is_t5 = strncmp(name, "T5Tokenizer", strlen("T5Tokenizer")) == 0;
    const bool is_llama = strncmp(name, "LlamaTokenizer", strlen("LlamaTokenizer")) == 0;
    const bool has_bos = nj_json_bool_or(&keys, "add_bos_token", is_llama);
    const bool has_eos = nj_json_bool_or(&keys, "add_eos_token", is_t5);
    const double sentinels =
        nj_json_real_or(&keys, "extra_ids", SENTINELS_DEFAULT); // whole numbers come as real ones
    status = keys.status;
    if (status == NJ_OK && !is_t5 && !is_llama) {
        status =
            nj_fail(err, NJ_INPUT,
                    "%s: tokenizer_config.json: tokenizer_class \"%s\" is not known to nightjar "
                    "beside a SentencePiece model, must be T5Tokenizer or LlamaTokenizer",
                    tokenizer->path.text, name);
    }
    if (status == NJ_OK && (!(sentinels >= 0 && sentinels <= SENTINELS_MAX) ||
                            sentinels != (double)(uint32_t)sentinels)) {
        status =
            nj_fail(err, NJ_INPUT, "%s: tokenizer_config.json: extra_ids is %g, must be 0 to %d",
                    tokenizer->path.text, sentinels, SENTINELS_MAX);
    }
    if (status == NJ_OK && has_bos) {
        status = add_around(tokenizer, "<s>", true, err);
    }
    if (status == NJ_OK && has_eos) {
        status = add_around(tokenizer, "</s>", false, err);
    }
    if (status == NJ_OK && is_t5) {
        status = add_sentinels(tokenizer, (uint32_t)sentinels, err);
    }
    json_decref(root);
    return status;
}
