// prompt_compile_answers.c - the strings that items are answered by, their trie, what ends and separates them.
#include <inttypes.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/codec/json.h"
#include "common/prompt/prompt_compiler.h"

#define CONFIG_NAME "tokenizer_config.json"
#define MODEL_ENDING                                                                               \
    ".model" // of SentencePiece; a tokenizer.json says itself what goes around a text
#define CONFIG_BYTES_MAX ((size_t)64 << 20)

static nj_status fail_memory(const nj_prompt_compiler *c)
{
    return nj_fail(c->err, NJ_NO_MEMORY, "%s: no memory for the answers of %zu items", c->spec.path,
                   c->items->count);
}

// ---- the token that ends an answer ----

// tokenizer_config.json beside the tokenizer.
static nj_status find_config(const nj_prompt_compiler *c, nj_path *out)
{
    nj_path folder;
    nj_status status = nj_path_copy(nj_tokenizer_path(c->tokenizer), &folder, c->err);
    if (status != NJ_OK) {
        return status;
    }
    char *slash = strrchr(folder.text, '/');
    (void)strcpy(slash != NULL ? slash : folder.text, slash != NULL ? "" : ".");
    return nj_path_join(folder.text, CONFIG_NAME, out, c->err);
}

nj_status nj_prompt_check_config(const nj_prompt_compiler *c)
{
    nj_path path;
    const char *model = nj_tokenizer_path(c->tokenizer);
    const size_t size = strlen(model);
    nj_status status = find_config(c, &path);
    if (status == NJ_OK && !nj_file_exists(path.text) && size > strlen(MODEL_ENDING) &&
        strcmp(model + size - strlen(MODEL_ENDING), MODEL_ENDING) == 0) {
        nj_log(
            NJ_LOG_WARNING,
            "%s: there is no %s beside it, so no special token is put around a prompt; T5 and P5 "
            "were trained with </s> behind it. Put the file of the model's folder there, or say "
            "`special: false`",
            model, CONFIG_NAME);
    }
    return status;
}

// The text of eos_token in tokenizer_config.json beside the tokenizer: a text, or an object with its content. Its id; NONE where there is
// no such file, or it does not say.
static nj_status read_eos(const nj_prompt_compiler *c, uint32_t *out)
{
    nj_path path;
    json_t *root = NULL;
    *out = NJ_TOKENIZER_NONE;
    nj_status status = find_config(c, &path);
    if (status != NJ_OK || !nj_file_exists(path.text)) {
        return status;
    }
    status = nj_json_load_real(path.text, CONFIG_BYTES_MAX, &root, c->err);
    if (status != NJ_OK) {
        return status;
    }
    const json_t *token = json_object_get(root, "eos_token");
    const char *text =
        json_string_value(json_is_object(token) ? json_object_get(token, "content") : token);
    if (text != NULL) {
        *out = nj_tokenizer_id(c->tokenizer, nj_slice_from(text));
    }
    json_decref(root);
    return NJ_OK;
}

static nj_status find_end(nj_prompt_compiler *c)
{
    nj_prompt *prompt = &c->prompt;
    const char *text = c->spec.answer_end;
    nj_status status = NJ_OK;
    if (text != NULL) {
        prompt->end_token = nj_tokenizer_id(c->tokenizer, nj_slice_from(text));
        return prompt->end_token != NJ_TOKENIZER_NONE
                   ? NJ_OK
                   : nj_fail(c->err, NJ_CONFIG, "%s: answer.end: \"%s\" is no token of %s",
                             c->spec.path, text, nj_tokenizer_path(c->tokenizer));
    }
    status = read_eos(c, &prompt->end_token);
    if (status == NJ_OK && prompt->end_token == NJ_TOKENIZER_NONE) {
        prompt->end_token = c->model->end_token;
    }
    if (status == NJ_OK && prompt->end_token == NJ_TOKENIZER_NONE && prompt->end_count == 1) {
        prompt->end_token = prompt->end[0]; // T5's </s>, which ends texts and answers alike
    }
    if (status == NJ_OK && c->spec.answer == NJ_SAYS_TEXT && c->model->end_count > 1 &&
        prompt->end_token != NJ_TOKENIZER_NONE) {
        nj_log(NJ_LOG_WARNING,
               "%s: the model's folder names %u tokens that end a text; answers end at token %u "
               "alone, "
               "and words may stand behind another. answer.end names the one",
               c->spec.path, c->model->end_count, prompt->end_token);
    }
    return status != NJ_OK || prompt->end_token != NJ_TOKENIZER_NONE
               ? status
               : nj_fail(c->err, NJ_CONFIG,
                         "%s: answer.end: neither " CONFIG_NAME " nor config.json names an end "
                         "that is a token of %s: name the token that ends an answer",
                         c->spec.path, nj_tokenizer_path(c->tokenizer));
}

// ---- strings ----

// The lead without the space at its end, which the answer's first token has.
static nj_slice lead_of(const nj_prompt_compiler *c)
{
    nj_slice lead = c->spec.answer_lead;
    if (lead.size > 0 && lead.bytes[lead.size - 1] == ' ') {
        lead.size--;
    }
    return lead;
}

const nj_prompt_text *nj_prompt_compile_answer(const nj_prompt_compiler *c)
{
    return c->spec.answer_item.is_there ? &c->spec.answer_item : &c->spec.item;
}

// An answer begins anew where nothing leads it.
nj_status nj_prompt_compile_begin_answer(nj_prompt_compiler *c, nj_buffer *out)
{
    const nj_slice lead = c->spec.answer_lead;
    const nj_slice seen = lead_of(c);
    const nj_prompt_behind behind = {.edge = lead.size > 0 ? NJ_EDGE_TEXT : NJ_EDGE_START,
                                     .seen = seen};
    nj_status status = nj_prompt_encoder_begin(&c->encoder, behind, out, c->err);
    return status == NJ_OK
               ? nj_prompt_encoder_text(
                     &c->encoder, (nj_slice){lead.bytes + seen.size, lead.size - seen.size}, c->err)
               : status;
}

static nj_status check_answer(const nj_prompt_compiler *c, const uint32_t *tokens, size_t count)
{
    if (count == 0 || count > NJ_STRING_TOKENS_MAX) {
        return nj_fail(c->err, NJ_INPUT, "is answered by %zu tokens, must be 1 to %d", count,
                       NJ_STRING_TOKENS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        if (tokens[i] >= c->model->V) {
            return nj_fail(c->err, NJ_CONFIG,
                           "is answered by token %" PRIu32
                           ", the model's vocabulary ends at %" PRIu32,
                           tokens[i], c->model->V - 1);
        }
        if (tokens[i] == c->prompt.end_token) {
            return nj_fail(c->err, NJ_INPUT,
                           "is answered by a text whose token %zu, %" PRIu32
                           ", is the one that ends answers",
                           i, tokens[i]);
        }
    }
    return NJ_OK;
}

// Marks of words are of no account in an answer.
void nj_prompt_take_marks_off(nj_buffer *tokens, size_t begin)
{
    uint32_t *token = (uint32_t *)(void *)tokens->bytes;
    for (size_t i = begin; i < nj_prompt_tokens_in(tokens); i++) {
        token[i] &= ~NJ_PROMPT_WORD;
    }
}

static nj_status add_answer(nj_prompt_compiler *c, uint32_t row)
{
    const size_t begin = nj_prompt_tokens_in(&c->answer_tokens);
    nj_status status = nj_prompt_compile_begin_answer(c, &c->answer_tokens);
    if (status == NJ_OK) {
        status = nj_prompt_compile_item(c, nj_prompt_compile_answer(c), row, true);
    }
    if (status == NJ_OK) {
        status = nj_prompt_encoder_end(&c->encoder, c->err);
    }
    nj_prompt_take_marks_off(&c->answer_tokens, begin);
    const uint64_t end = nj_prompt_tokens_in(&c->answer_tokens);
    const uint32_t *tokens = (const uint32_t *)(const void *)c->answer_tokens.bytes;
    if (status == NJ_OK) {
        status = check_answer(c, tokens + begin, (size_t)end - begin);
    }
    if (status != NJ_OK) {
        nj_prompt_compile_name(c, row);
        return status;
    }
    return nj_buffer_append(&c->answer_offset, &end, sizeof end) == NJ_OK ? NJ_OK : fail_memory(c);
}

static nj_status add_answers(nj_prompt_compiler *c)
{
    const uint64_t zero = 0;
    nj_status status = nj_buffer_append(&c->answer_offset, &zero, sizeof zero);
    for (size_t row = 0; status == NJ_OK && row < c->items->count; row++) {
        status = add_answer(c, (uint32_t)row);
        nj_prompt_compile_tick(c);
    }
    return status;
}

// ---- the trie ----

static uint32_t count_equal(const nj_token_trie *trie)
{
    uint32_t count = 0;
    for (uint32_t node = 0; node < trie->node_count; node++) {
        const nj_token_trie_range at = nj_token_trie_items(trie, node);
        count += at.end - at.first > 1 ? at.end - at.first : 0;
    }
    return count;
}

static nj_status build_trie(nj_prompt_compiler *c)
{
    const nj_token_strings strings = {
        .tokens = (const uint32_t *)(const void *)c->answer_tokens.bytes,
        .offset = (const uint64_t *)(const void *)c->answer_offset.bytes,
        .row_count = (uint32_t)c->items->count,
        .V = c->model->V,
        .retired = c->model->retired,
    };
    nj_status status = nj_token_trie_build(&strings, &c->out->answers, c->err);
    if (status == NJ_OK) {
        status = nj_token_trie_open(c->out->answers.bytes, c->out->answers.size, strings.row_count,
                                    &c->prompt.answers, c->err);
    }
    if (status == NJ_OK) {
        c->out->equal_answers = count_equal(&c->prompt.answers);
    }
    return status;
}

// ---- lists ----

// A space at its end is the next item's.
static nj_status add_separator(nj_prompt_compiler *c)
{
    nj_slice text = c->spec.answer_separator;
    const size_t begin = nj_prompt_tokens_in(&c->shared);
    if (text.size > 0 && text.bytes[text.size - 1] == ' ') {
        text.size--;
    }
    const nj_prompt_behind behind = {.edge = NJ_EDGE_TEXT};
    nj_status status = nj_prompt_encoder_begin(&c->encoder, behind, &c->shared, c->err);
    if (status == NJ_OK) {
        status = nj_prompt_encoder_text(&c->encoder, text, c->err);
    }
    if (status == NJ_OK) {
        status = nj_prompt_encoder_end(&c->encoder, c->err);
    }
    nj_prompt_take_marks_off(&c->shared, begin);
    c->prompt.answer_separator = (const uint32_t *)(const void *)c->shared.bytes + begin;
    c->prompt.answer_separator_count = (uint32_t)(nj_prompt_tokens_in(&c->shared) - begin);
    return status != NJ_OK || c->prompt.answer_separator_count > 0
               ? status
               : nj_fail(c->err, NJ_CONFIG,
                         "%s: answer.separator: \"%.*s\" has no tokens of its own", c->spec.path,
                         NJ_SLICE_ARGS(c->spec.answer_separator));
}

nj_status nj_prompt_compile_answers(nj_prompt_compiler *c)
{
    nj_prompt *prompt = &c->prompt;
    const nj_prompt_spec *spec = &c->spec;
    nj_status status = NJ_OK;
    prompt->answer = spec->answer;
    if (spec->answer == NJ_SAYS_SID) {
        c->out->answer_tokens_max = c->sids->level_count;
        return NJ_OK;
    }
    prompt->length_penalty = spec->length_penalty;
    prompt->stop = spec->stop;
    status = find_end(c);
    if (status == NJ_OK && spec->answer != NJ_SAYS_TEXT) {
        status = add_answers(c);
        if (status == NJ_OK) {
            status = build_trie(c);
        }
        c->out->answer_tokens_max = prompt->answers.depth + 1;
    }
    if (status == NJ_OK && spec->answer == NJ_SAYS_LIST) {
        prompt->list_count = spec->answer_count;
        status = add_separator(c);
    }
    if (spec->answer == NJ_SAYS_LIST || spec->answer == NJ_SAYS_TEXT) {
        prompt->answer_tokens_max = spec->answer_tokens;
        c->out->answer_tokens_max = spec->answer_tokens;
    }
    return status == NJ_NO_MEMORY ? fail_memory(c) : status;
}
