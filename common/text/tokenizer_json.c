// tokenizer_json.c - reading a tokenizer.json: model, added tokens, template.
#include <stdlib.h>

#include "common/base/checked.h"
#include "common/codec/json.h"
#include "common/text/tokenizer_parts.h"

static void raise_vocabulary(nj_tokenizer *tokenizer, uint32_t id)
{
    if (id >= tokenizer->vocabulary) {
        tokenizer->vocabulary = id + 1;
    }
}

static nj_slice slice_of(const json_t *text)
{
    return (nj_slice){json_string_value(text), json_string_length(text)};
}

// ---- the model ----

static nj_status add_token(nj_tokenizer *tokenizer, nj_slice text, json_int_t id, nj_error *err)
{
    if (id < 0 || id >= NJ_TOKENIZER_VOCABULARY_MAX) {
        return nj_fail(err, NJ_INPUT, "%s: token \"%.*s\" has id %lld, must be 0 to %u",
                       tokenizer->path.text, NJ_SLICE_ARGS(text), (long long)id,
                       NJ_TOKENIZER_VOCABULARY_MAX - 1);
    }
    raise_vocabulary(tokenizer, (uint32_t)id);
    nj_status status = nj_vocab_add(&tokenizer->model.vocab, text, (uint32_t)id, err);
    if (status != NJ_OK) {
        nj_error_prefix(err, "%s", tokenizer->path.text);
    }
    return status;
}

static nj_status read_vocab_map(nj_tokenizer *tokenizer, json_t *vocab, nj_error *err)
{
    const char *text;
    size_t size;
    json_t *id;
    nj_status status = NJ_OK;
    json_object_keylen_foreach(vocab, text, size, id)
    {
        status = json_is_integer(id)
                     ? add_token(tokenizer, (nj_slice){text, size}, json_integer_value(id), err)
                     : nj_fail(err, NJ_INPUT, "%s: token \"%s\" has no whole number as its id",
                               tokenizer->path.text, text);
        if (status != NJ_OK) {
            return status;
        }
    }
    return json_object_size(vocab) > 0
               ? NJ_OK
               : nj_fail(err, NJ_INPUT, "%s: model.vocab has no tokens", tokenizer->path.text);
}

// The two halves of a merge rule: "a b", or ["a", "b"].
static bool read_halves(const json_t *rule, nj_slice halves[2])
{
    if (json_is_array(rule) && json_array_size(rule) == 2 &&
        json_is_string(json_array_get(rule, 0)) && json_is_string(json_array_get(rule, 1))) {
        halves[0] = slice_of(json_array_get(rule, 0));
        halves[1] = slice_of(json_array_get(rule, 1));
        return true;
    }
    const char *space = json_is_string(rule) ? strchr(json_string_value(rule), ' ') : NULL;
    if (space == NULL || strchr(space + 1, ' ') != NULL) {
        return false;
    }
    halves[0] = (nj_slice){json_string_value(rule), (size_t)(space - json_string_value(rule))};
    halves[1] = nj_slice_from(space + 1);
    return true;
}

static nj_status read_merge(nj_tokenizer *tokenizer, const json_t *rule, size_t index,
                            nj_error *err)
{
    const nj_vocab *vocab = &tokenizer->model.vocab;
    nj_slice halves[2];
    char joined[2 * NJ_TOKENIZER_TOKEN_BYTES_MAX];
    if (!read_halves(rule, halves)) {
        return nj_fail(err, NJ_INPUT, "%s: merge rule %zu is neither \"a b\" nor [\"a\", \"b\"]",
                       tokenizer->path.text, index);
    }
    uint32_t ids[3] = {NJ_TOKENIZER_NONE, NJ_TOKENIZER_NONE, NJ_TOKENIZER_NONE};
    for (size_t i = 0; i < 2; i++) {
        ids[i] = nj_vocab_find(vocab, halves[i]);
    }
    if (ids[0] != NJ_TOKENIZER_NONE && ids[1] != NJ_TOKENIZER_NONE) { // so both are short enough
        memcpy(joined, halves[0].bytes, halves[0].size);
        memcpy(joined + halves[0].size, halves[1].bytes, halves[1].size);
        ids[2] = nj_vocab_find(vocab, (nj_slice){joined, halves[0].size + halves[1].size});
    }
    if (ids[2] == NJ_TOKENIZER_NONE) {
        return nj_fail(err, NJ_INPUT,
                       "%s: merge rule %zu, \"%.*s\" and \"%.*s\": a half or the whole is no token",
                       tokenizer->path.text, index, NJ_SLICE_ARGS(halves[0]),
                       NJ_SLICE_ARGS(halves[1]));
    }
    nj_merges_put(&tokenizer->model.merges, ids[0], ids[1], (uint32_t)index, ids[2]);
    return NJ_OK;
}

static nj_status read_merges(nj_tokenizer *tokenizer, const json_t *merges, nj_error *err)
{
    const size_t count = json_array_size(merges);
    if (!json_is_array(merges) || count > NJ_TOKENIZER_VOCABULARY_MAX) {
        return nj_fail(err, NJ_INPUT, "%s: model.merges must be a list of at most %u rules",
                       tokenizer->path.text, NJ_TOKENIZER_VOCABULARY_MAX);
    }
    nj_status status = nj_merges_init(&tokenizer->model.merges, count);
    if (status != NJ_OK) {
        return nj_fail(err, status, "%s: no memory for %zu merge rules", tokenizer->path.text,
                       count);
    }
    for (size_t i = 0; status == NJ_OK && i < count; i++) {
        status = read_merge(tokenizer, json_array_get(merges, i), i, err);
    }
    return status;
}

static nj_status check_unused(const nj_tokenizer *tokenizer, const nj_json_keys *keys,
                              nj_error *err)
{
    static const char *const names[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const json_t *value = json_object_get(keys->object, names[i]);
        if (nj_json_has(keys, names[i]) && (!json_is_string(value) || slice_of(value).size > 0)) {
            return nj_fail(err, NJ_INPUT, "%s: model.%s is not known to nightjar, must be null",
                           tokenizer->path.text, names[i]);
        }
    }
    if (json_number_value(json_object_get(keys->object, "dropout")) > 0) {
        return nj_fail(err, NJ_INPUT,
                       "%s: model.dropout makes ids a matter of chance, must be null",
                       tokenizer->path.text);
    }
    return NJ_OK;
}

static void find_bytes(nj_token_model *model)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        char text[8];
        (void)snprintf(text, sizeof text, "<0x%02X>", byte);
        model->byte_ids[byte] = nj_vocab_find(&model->vocab, nj_slice_from(text));
    }
}

static nj_status read_bpe(nj_tokenizer *tokenizer, nj_json_keys *keys, nj_error *err)
{
    nj_token_model *model = &tokenizer->model;
    nj_status status = check_unused(tokenizer, keys, err);
    if (status == NJ_OK) {
        status = read_vocab_map(tokenizer, json_object_get(keys->object, "vocab"), err);
    }
    if (status == NJ_OK) {
        status = read_merges(tokenizer, json_object_get(keys->object, "merges"), err);
    }
    const char *unknown = nj_json_text_or(keys, "unk_token", NULL);
    model->fuses_unknown = nj_json_bool_or(keys, "fuse_unk", false);
    model->ignores_merges = nj_json_bool_or(keys, "ignore_merges", false);
    model->has_bytes = nj_json_bool_or(keys, "byte_fallback", false);
    tokenizer->kind = "SentencePiece BPE";
    if (status != NJ_OK || keys->status != NJ_OK) {
        return status != NJ_OK ? status : keys->status;
    }
    if (unknown != NULL) {
        model->unknown = nj_vocab_find(&model->vocab, nj_slice_from(unknown));
        if (model->unknown == NJ_TOKENIZER_NONE) {
            return nj_fail(err, NJ_INPUT, "%s: model.unk_token \"%s\" is no token",
                           tokenizer->path.text, unknown);
        }
    }
    return NJ_OK;
}

static nj_status read_scored(nj_tokenizer *tokenizer, const json_t *vocab, nj_error *err)
{
    nj_token_model *model = &tokenizer->model;
    const size_t count = json_array_size(vocab);
    if (count == 0 || count > NJ_TOKENIZER_VOCABULARY_MAX) {
        return nj_fail(err, NJ_INPUT, "%s: model.vocab has %zu tokens, must have 1 to %u",
                       tokenizer->path.text, count, NJ_TOKENIZER_VOCABULARY_MAX);
    }
    model->scores = calloc(count, sizeof *model->scores);
    model->score_count = count;
    nj_status status = model->scores == NULL
                           ? nj_fail(err, NJ_NO_MEMORY, "%s: no memory for %zu scores",
                                     tokenizer->path.text, count)
                           : NJ_OK;
    double lowest = 0;
    for (size_t i = 0; status == NJ_OK && i < count; i++) {
        const json_t *pair = json_array_get(vocab, i);
        const json_t *text = json_array_get(pair, 0);
        const json_t *score = json_array_get(pair, 1);
        if (!json_is_string(text) || !json_is_number(score)) {
            return nj_fail(err, NJ_INPUT, "%s: token %zu of model.vocab must be [\"text\", score]",
                           tokenizer->path.text, i);
        }
        model->scores[i] = json_number_value(score);
        lowest = i == 0 || model->scores[i] < lowest ? model->scores[i] : lowest;
        status = add_token(tokenizer, slice_of(text), (json_int_t)i, err);
    }
    model->unknown_score = lowest - NJ_UNKNOWN_PENALTY;
    return status;
}

static nj_status read_unigram(nj_tokenizer *tokenizer, nj_json_keys *keys, nj_error *err)
{
    nj_token_model *model = &tokenizer->model;
    nj_status status = read_scored(tokenizer, json_object_get(keys->object, "vocab"), err);
    if (status != NJ_OK) {
        return status;
    }
    const int64_t unknown = nj_json_int_or(keys, "unk_id", 0, (int64_t)model->score_count - 1, -1);
    model->unknown = unknown < 0 ? NJ_TOKENIZER_NONE : (uint32_t)unknown;
    model->has_bytes = nj_json_bool_or(keys, "byte_fallback", false);
    model->is_unigram = true;
    tokenizer->kind = "SentencePiece Unigram";
    return keys->status;
}

static nj_status read_token_model(nj_tokenizer *tokenizer, const json_t *root, nj_error *err)
{
    nj_json_keys keys;
    const json_t *model = json_object_get(root, "model");
    if (!json_is_object(model)) {
        return nj_fail(err, NJ_INPUT, "%s: \"model\" must be there, an object",
                       tokenizer->path.text);
    }
    nj_json_keys_open(&keys, model, tokenizer->path.text, err);
    // Files of 2019 and 2020 do not name their model; what has merge rules is BPE.
    const char *type = nj_json_text_or(&keys, "type", nj_json_has(&keys, "merges") ? "BPE" : NULL);
    if (keys.status != NJ_OK) {
        return keys.status;
    }
    tokenizer->model.unknown = NJ_TOKENIZER_NONE;
    nj_status status = NJ_OK;
    if (type != NULL && strcmp(type, "BPE") == 0) {
        status = read_bpe(tokenizer, &keys, err);
    } else if (type != NULL && strcmp(type, "Unigram") == 0) {
        status = read_unigram(tokenizer, &keys, err);
    } else {
        status = nj_fail(err, NJ_INPUT, "%s: model.type is \"%s\", must be BPE or Unigram",
                         tokenizer->path.text, type == NULL ? "" : type);
    }
    if (status == NJ_OK) {
        find_bytes(&tokenizer->model);
    }
    return status;
}

// ---- added tokens ----

typedef struct {
    nj_slice text;
    uint32_t id;
    bool is_normalized;
    nj_added_traits traits;
} added_token;

static nj_status read_added_token(const nj_tokenizer *tokenizer, const json_t *object, size_t index,
                                  added_token *out, nj_error *err)
{
    nj_json_keys keys;
    nj_json_keys_open(&keys, object, tokenizer->path.text, err);
    const json_t *content = json_object_get(object, "content");
    out->text = slice_of(content);
    out->id = (uint32_t)nj_json_int(&keys, "id", 0, NJ_TOKENIZER_VOCABULARY_MAX - 1);
    const bool is_special = nj_json_bool_or(&keys, "special", false);
    out->is_normalized = nj_json_bool_or(&keys, "normalized", !is_special);
    out->traits = (nj_added_traits){nj_json_bool_or(&keys, "lstrip", false),
                                    nj_json_bool_or(&keys, "rstrip", false), is_special};
    const bool is_word = nj_json_bool_or(&keys, "single_word", false);
    if (keys.status != NJ_OK) {
        return keys.status;
    }
    if (!json_is_string(content) || out->text.size == 0) {
        return nj_fail(err, NJ_INPUT, "%s: added token %zu has no content", tokenizer->path.text,
                       index);
    }
    const uint32_t of_model = nj_vocab_find(&tokenizer->model.vocab, out->text);
    if (of_model != NJ_TOKENIZER_NONE && of_model != out->id) {
        return nj_fail(err, NJ_INPUT, "%s: added token \"%.*s\" has id %u, the model says %u",
                       tokenizer->path.text, NJ_SLICE_ARGS(out->text), out->id, of_model);
    }
    return is_word ? nj_fail(err, NJ_INPUT,
                             "%s: added token \"%.*s\" has single_word, which nightjar does not "
                             "know, must be false",
                             tokenizer->path.text, NJ_SLICE_ARGS(out->text))
                   : NJ_OK;
}

// An added token that is looked for behind the normalizer has itself been through it.
static nj_status add_normalized(nj_tokenizer *tokenizer, const added_token *token, nj_error *err)
{
    nj_pieces pieces;
    nj_pieces_init(&pieces);
    nj_status status = nj_buffer_append(&pieces.text, token->text.bytes, token->text.size);
    if (status == NJ_OK) {
        status = nj_normalize(&tokenizer->normalizer, &tokenizer->charsmap, &pieces, err);
    }
    if (status == NJ_OK && pieces.text.size > 0) {
        status = nj_vocab_add(&tokenizer->added_normalized, nj_buffer_slice(&pieces.text),
                              token->id, err);
    }
    nj_pieces_fini(&pieces);
    return status;
}

static nj_status add_added(nj_tokenizer *tokenizer, const added_token *token, nj_error *err)
{
    raise_vocabulary(tokenizer, token->id);
    nj_status status = nj_vocab_add(&tokenizer->added, token->text, token->id, err);
    if (status == NJ_OK) {
        status = token->is_normalized
                     ? add_normalized(tokenizer, token, err)
                     : nj_vocab_add(&tokenizer->added_raw, token->text, token->id, err);
    }
    return status;
}

static nj_status read_added(nj_tokenizer *tokenizer, const json_t *root, nj_error *err)
{
    const json_t *list = json_object_get(root, "added_tokens");
    const size_t count = json_array_size(list);
    if (count == 0) {
        return NJ_OK;
    }
    nj_added_traits *traits = calloc(NJ_TOKENIZER_VOCABULARY_MAX, sizeof *traits);
    nj_status status = traits == NULL ? nj_fail(err, NJ_NO_MEMORY, "%s: no memory for added tokens",
                                                tokenizer->path.text)
                                      : NJ_OK;
    for (size_t i = 0; status == NJ_OK && i < count; i++) {
        added_token token;
        status = read_added_token(tokenizer, json_array_get(list, i), i, &token, err);
        if (status == NJ_OK) {
            status = add_added(tokenizer, &token, err);
        }
        if (status == NJ_OK) {
            traits[token.id] = token.traits;
        }
    }
    tokenizer->traits = traits;
    return status;
}

// ---- the template ----

static nj_status add_around(nj_tokenizer *tokenizer, uint32_t id, nj_error *err)
{
    if (tokenizer->around_count == NJ_TOKENIZER_AROUND_MAX) {
        return nj_fail(err, NJ_INPUT, "%s: the template has more than %d special tokens",
                       tokenizer->path.text, NJ_TOKENIZER_AROUND_MAX);
    }
    tokenizer->around[tokenizer->around_count++] = id;
    return NJ_OK;
}

// The ids of one special token of a template.
static nj_status add_special(nj_tokenizer *tokenizer, const json_t *tokens, const char *name,
                             nj_error *err)
{
    const json_t *ids = json_object_get(json_object_get(tokens, name), "ids");
    if (json_array_size(ids) == 0) {
        return nj_fail(err, NJ_INPUT, "%s: the template's special token \"%s\" has no ids",
                       tokenizer->path.text, name);
    }
    nj_status status = NJ_OK;
    for (size_t i = 0; status == NJ_OK && i < json_array_size(ids); i++) {
        const json_int_t id = json_integer_value(json_array_get(ids, i));
        if (!json_is_integer(json_array_get(ids, i)) || id < 0 ||
            id >= NJ_TOKENIZER_VOCABULARY_MAX) {
            return nj_fail(err, NJ_INPUT, "%s: special token \"%s\" has id %lld, must be 0 to %u",
                           tokenizer->path.text, name, (long long)id,
                           NJ_TOKENIZER_VOCABULARY_MAX - 1);
        }
        raise_vocabulary(tokenizer, (uint32_t)id);
        status = add_around(tokenizer, (uint32_t)id, err);
    }
    return status;
}

static nj_status read_template(nj_tokenizer *tokenizer, const json_t *processor, nj_error *err)
{
    const json_t *single = json_object_get(processor, "single");
    size_t text_count = 0;
    nj_status status = NJ_OK;
    for (size_t i = 0; status == NJ_OK && i < json_array_size(single); i++) {
        const json_t *part = json_array_get(single, i);
        const json_t *token = json_object_get(part, "SpecialToken");
        const char *name = json_string_value(json_object_get(token, "id"));
        if (name != NULL) {
            status =
                add_special(tokenizer, json_object_get(processor, "special_tokens"), name, err);
        } else if (json_object_get(part, "Sequence") != NULL) {
            text_count++;
            tokenizer->before_count = tokenizer->around_count;
        } else {
            status = nj_fail(err, NJ_INPUT,
                             "%s: part %zu of the template is neither SpecialToken nor Sequence",
                             tokenizer->path.text, i);
        }
    }
    return status == NJ_OK && text_count != 1
               ? nj_fail(err, NJ_INPUT, "%s: the template holds the text %zu times, must once",
                         tokenizer->path.text, text_count)
               : status;
}

static nj_status read_processor(nj_tokenizer *tokenizer, const json_t *processor, nj_error *err)
{
    const char *type = json_string_value(json_object_get(processor, "type"));
    if (type != NULL && strcmp(type, "TemplateProcessing") == 0) {
        return tokenizer->around_count > 0
                   ? nj_fail(err, NJ_INPUT, "%s: a second template stands in post_processor",
                             tokenizer->path.text)
                   : read_template(tokenizer, processor, err);
    }
    if (type != NULL && strcmp(type, "ByteLevel") == 0) { // changes offsets, no ids
        return NJ_OK;
    }
    return nj_fail(
        err, NJ_INPUT,
        "%s: post_processor \"%s\" is not known to nightjar, must be TemplateProcessing, "
        "ByteLevel or one Sequence of them",
        tokenizer->path.text, type == NULL ? "" : type);
}

static nj_status read_processors(nj_tokenizer *tokenizer, const json_t *root, nj_error *err)
{
    const json_t *processor = json_object_get(root, "post_processor");
    const char *type = json_string_value(json_object_get(processor, "type"));
    if (processor == NULL || json_is_null(processor)) {
        return NJ_OK;
    }
    if (type == NULL || strcmp(type, "Sequence") != 0) {
        return read_processor(tokenizer, processor, err);
    }
    const json_t *list = json_object_get(processor, "processors");
    nj_status status = NJ_OK;
    for (size_t i = 0; status == NJ_OK && i < json_array_size(list); i++) {
        status = read_processor(tokenizer, json_array_get(list, i), err);
    }
    return status;
}

nj_status nj_tokenizer_read_json(nj_tokenizer *tokenizer, nj_slice bytes, nj_error *err)
{
    json_t *root = NULL;
    nj_status status = nj_json_parse(bytes.bytes, bytes.size, tokenizer->path.text, &root, err);
    if (status == NJ_OK) {
        status = read_token_model(tokenizer, root, err);
    }
    if (status == NJ_OK) {
        status = nj_tokenizer_read_steps(tokenizer, root, err);
    }
    if (status == NJ_OK) {
        status = read_added(tokenizer, root, err);
    }
    if (status == NJ_OK) {
        status = read_processors(tokenizer, root, err);
    }
    nj_tokenizer_read_decoder(tokenizer, root);
    json_decref(root);
    return status;
}
