#include "ops/cli/bundle_about.h"

#include <stdio.h>
#include <string.h>

#include "common/base/numeric_class.h"
#include "common/catalogue/prompt_head.h"
#include "common/catalogue/section_names.h"
#include "common/catalogue/view.h"
#include "common/codec/settings.h"
#include "common/prompt/prompt.h"
#include "worker/engine/engine.h"
#include "worker/engine/generator.h"

#define PIECE_BYTES_MAX (1u << 20) // of text, all of a prompt

// What is told of, opened one after the other.
typedef struct {
    const nj_sections *sections;
    nj_generator_config config;
    nj_catalogue_view view;
    nj_prompt prompt; // all zero: users are asked by the template
    json_t *about;
} teller;

static json_int_t count_parameters(const nj_tensor_set *weights)
{
    json_int_t count = 0;
    for (size_t i = 0; i < nj_tensor_set_count(weights); i++) {
        count += (json_int_t)nj_tensor_set_at(weights, i)->element_count;
    }
    return count;
}

static json_t *describe_model(const teller *t, const json_t *config, const nj_tensor_set *weights)
{
    const char *type = json_string_value(json_object_get(config, "model_type"));
    const uint32_t words = nj_generator_word_count(&t->config, weights);
    json_t *model =
        json_pack("{s:s, s:I, s:I}", "type", type != NULL ? type : NJ_T5_MODEL_TYPE, "parameters",
                  count_parameters(weights), "vocabulary", (json_int_t)t->config.V);
    if (words > 0) {
        json_object_set_new(model, "words", json_integer(words));
    }
    if (nj_tensor_set_find(weights, "projector.0.weight") != NULL) {
        json_object_set_new(model, "projector", json_true());
    }
    return model;
}

static nj_status tell_model(teller *t, nj_error *err)
{
    const nj_section *model = nj_sections_find(t->sections, NJ_SECTION_MODEL);
    const nj_section *weights = nj_sections_find(t->sections, NJ_SECTION_WEIGHTS);
    json_t *config = NULL;
    nj_tensor_set *set = NULL;
    if (model == NULL || weights == NULL) {
        return nj_fail(err, NJ_INPUT, "the bundle has no \"%s\" section",
                       model == NULL ? NJ_SECTION_MODEL : NJ_SECTION_WEIGHTS);
    }
    nj_status status = nj_json_parse(model->bytes, model->size, "section \"model\"", &config, err);
    if (status == NJ_OK) {
        status = nj_generator_config_read(config, "section \"model\"", &t->config, err);
    }
    if (status == NJ_OK) {
        status = nj_tensor_set_open_bytes(weights->bytes, weights->size, "section \"weights\"",
                                          &set, err);
    }
    if (status == NJ_OK) {
        json_object_set_new(t->about, "model", describe_model(t, config, set));
    }
    nj_tensor_set_close(&set);
    json_decref(config);
    return status;
}

static bool has_semantic_ids(const teller *t)
{
    return (t->view.needs & (NJ_PROMPT_ANSWERS_TEXT | NJ_PROMPT_ANSWERS_STRINGS)) == 0;
}

static nj_status tell_catalogue(teller *t, nj_error *err)
{
    nj_status status = nj_catalogue_view_open(t->sections, &t->view, err);
    if (status == NJ_OK) {
        json_t *catalogue = json_pack("{s:I}", "items", (json_int_t)t->view.sids.row_count);
        if (has_semantic_ids(t)) {
            json_object_set_new(catalogue, "levels", json_integer(t->view.sids.level_count));
        }
        json_object_set_new(t->about, "catalogue", catalogue);
    }
    return status;
}

// The tokens that all users share, as text where the bundle has its tokenizer.
static json_t *describe_tokens(const nj_prompt *prompt, const nj_prompt_piece *piece)
{
    json_t *object = json_pack("{s:s, s:I}", "kind", "tokens", "count", (json_int_t)piece->count);
    nj_buffer ids;
    nj_buffer text;
    nj_buffer_init(&ids, NJ_PROMPT_TOKENS_MAX * sizeof(uint32_t));
    nj_buffer_init(&text, PIECE_BYTES_MAX);
    nj_status status = prompt->tokenizer != NULL ? NJ_OK : NJ_NOT_FOUND;
    for (uint32_t i = 0; i < piece->count && status == NJ_OK; i++) {
        const uint32_t id = piece->tokens[i] & ~NJ_PROMPT_WORD;
        status = nj_buffer_append(&ids, &id, sizeof id);
    }
    if (status == NJ_OK) {
        status = nj_tokenizer_decode(prompt->tokenizer, (const uint32_t *)(const void *)ids.bytes,
                                     piece->count, &text, NULL);
    }
    if (status == NJ_OK) {
        json_object_set_new(object, "text", json_stringn((const char *)text.bytes, text.size));
    }
    nj_buffer_fini(&ids);
    nj_buffer_fini(&text);
    return object;
}

static void tell_pieces(teller *t)
{
    static const char *const KINDS[NJ_PIECE_KINDS] = {[NJ_PIECE_USER] = "user",
                                                      [NJ_PIECE_HISTORY] = "history",
                                                      [NJ_PIECE_CANDIDATES] = "candidates",
                                                      [NJ_PIECE_TEXT] = "text"};
    const nj_prompt *prompt = &t->prompt;
    json_t *pieces = json_array();
    for (uint32_t i = 0; i < prompt->piece_count; i++) {
        const nj_prompt_piece *piece = &prompt->pieces[i];
        json_array_append_new(pieces, piece->kind == NJ_PIECE_TOKENS
                                          ? describe_tokens(prompt, piece)
                                          : json_pack("{s:s}", "kind", KINDS[piece->kind]));
    }
    json_t *object =
        json_pack("{s:o, s:I}", "pieces", pieces, "tokens_max", (json_int_t)prompt->tokens_max);
    if (prompt->tokenizer != NULL) {
        json_object_set_new(object, "tokenizer", json_string(nj_tokenizer_kind(prompt->tokenizer)));
    }
    json_object_set_new(object, "vectors", json_boolean(prompt->has_vectors));
    json_object_set_new(t->about, "prompt", object);
}

// How many strings there are: items of one string share their node.
static json_int_t count_strings(const nj_token_trie *trie)
{
    json_int_t count = 0;
    for (uint32_t node = 0; node < trie->node_count; node++) {
        const nj_token_trie_range items = nj_token_trie_items(trie, node);
        count += items.end > items.first;
    }
    return count;
}

static void tell_answers(teller *t)
{
    static const char *const KINDS[] = {[NJ_SAYS_SID] = "sid",
                                        [NJ_SAYS_ITEM] = "item",
                                        [NJ_SAYS_LIST] = "list",
                                        [NJ_SAYS_TEXT] = "text"};
    const nj_prompt *prompt = &t->prompt;
    json_t *answers = json_pack("{s:s}", "kind", KINDS[prompt->answer]);
    if (prompt->answer == NJ_SAYS_ITEM || prompt->answer == NJ_SAYS_LIST) {
        json_object_set_new(answers, "items", json_integer(prompt->answers.item_count));
        json_object_set_new(answers, "strings", json_integer(count_strings(&prompt->answers)));
        json_object_set_new(answers, "longest", json_integer(prompt->answers.depth));
    }
    if (prompt->answer == NJ_SAYS_LIST) {
        json_object_set_new(answers, "count", json_integer(prompt->list_count));
    }
    if (prompt->answer == NJ_SAYS_LIST || prompt->answer == NJ_SAYS_TEXT) {
        json_object_set_new(answers, "tokens", json_integer(prompt->answer_tokens_max));
    }
    json_object_set_new(t->about, "answers", answers);
}

static nj_status tell_prompt(teller *t, nj_error *err)
{
    nj_status status = NJ_OK;
    if (nj_prompt_is_there(t->sections)) {
        status = nj_prompt_open(t->sections, t->view.sids.row_count, t->config.V, &t->prompt, err);
        if (status != NJ_OK) {
            return status;
        }
        tell_pieces(t);
    }
    tell_answers(t);
    return NJ_OK;
}

static void tell_users(teller *t)
{
    static const struct {
        uint32_t bit;
        const char *key;
    } KEYS[] = {{NJ_PROMPT_NEEDS_HISTORY, "items"},
                {NJ_PROMPT_NEEDS_CANDIDATES, "candidates"},
                {NJ_PROMPT_NEEDS_TEXT, "text"}};
    json_t *needs = json_array();
    for (size_t i = 0; i < sizeof KEYS / sizeof KEYS[0]; i++) {
        if ((t->view.needs & KEYS[i].bit) != 0) {
            json_array_append_new(needs, json_string(KEYS[i].key));
        }
    }
    json_object_set_new(
        t->about, "users",
        json_pack("{s:o, s:I}", "need", needs, "history_max", (json_int_t)t->view.history_max));
}

// With the default settings, for a user with the longest history that is read.
static nj_status tell_worker(teller *t, nj_error *err)
{
    nj_engine_plan plan;
    nj_settings settings = nj_settings_default();
    nj_engine_options options = nj_engine_options_default(NULL);
    const uint32_t needs = t->view.needs;
    if ((needs & NJ_PROMPT_NEEDS_HISTORY) != 0) {
        settings.history_items_max = settings.exclusions_max = t->view.history_max;
    }
    if ((needs & NJ_PROMPT_NEEDS_CANDIDATES) != 0) {
        settings.candidates_max = NJ_BUNDLE_ABOUT_CANDIDATES;
    }
    nj_status status = nj_kernels_choose(NJ_PRECISION_DEFAULT, "auto", &options.kernels, err);
    if (status == NJ_OK) {
        status = nj_engine_plan_sections(t->sections, &settings, &options, &plan, err);
    }
    if (status == NJ_OK) {
        json_object_set_new(t->about, "worker",
                            json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "bytes",
                                      (json_int_t)nj_engine_plan_bytes(&plan), "mapped",
                                      (json_int_t)plan.mapped_bytes, "model",
                                      (json_int_t)plan.model_bytes, "scratch",
                                      (json_int_t)plan.scratch_bytes, "users", (json_int_t)plan.B,
                                      "beams", (json_int_t)plan.W));
    }
    return status;
}

json_t *nj_bundle_about(const nj_sections *sections)
{
    nj_error err = {0};
    teller t = {.sections = sections, .about = json_object()};
    nj_status status = tell_model(&t, &err);
    if (status == NJ_OK) {
        status = tell_catalogue(&t, &err);
    }
    if (status == NJ_OK) {
        status = tell_prompt(&t, &err);
    }
    if (status == NJ_OK) {
        tell_users(&t);
        status = tell_worker(&t, &err);
    }
    if (status != NJ_OK) {
        json_object_set_new(t.about, "problem", json_string(err.text));
    }
    nj_prompt_close(&t.prompt);
    return t.about;
}

// ---- for people ----

static json_int_t number_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

// As JSON writes it: a prompt has line breaks.
static void print_quoted(const char *text)
{
    nj_buffer quoted;
    nj_buffer_init(&quoted, 6 * (size_t)PIECE_BYTES_MAX + 2);
    if (nj_buffer_json_string(&quoted, nj_slice_from(text)) == NJ_OK) {
        fwrite(quoted.bytes, 1, quoted.size, stdout);
    }
    nj_buffer_fini(&quoted);
}

static void print_piece(const json_t *piece)
{
    const char *text = text_of(piece, "text");
    printf(" ");
    if (text != NULL) {
        print_quoted(text);
    } else if (json_object_get(piece, "count") != NULL) {
        printf("%" JSON_INTEGER_FORMAT " tokens", number_of(piece, "count"));
    } else {
        printf("{%s}", text_of(piece, "kind"));
    }
}

static void print_model(const json_t *model)
{
    printf("model    %s, %" JSON_INTEGER_FORMAT
           " parameters, a vocabulary of %" JSON_INTEGER_FORMAT,
           text_of(model, "type"), number_of(model, "parameters"), number_of(model, "vocabulary"));
    if (number_of(model, "words") > 0) {
        printf(", %" JSON_INTEGER_FORMAT " whole words", number_of(model, "words"));
    }
    printf("%s\n", json_is_true(json_object_get(model, "projector"))
                       ? ", a projector of items' vectors"
                       : "");
}

static void print_catalogue(const json_t *catalogue)
{
    const json_int_t levels = number_of(catalogue, "levels");
    printf("items    %" JSON_INTEGER_FORMAT, number_of(catalogue, "items"));
    if (levels > 0) {
        printf(", semantic IDs of %" JSON_INTEGER_FORMAT " codes", levels);
    }
    printf("\n");
}

static void print_prompt(const json_t *prompt)
{
    const json_t *pieces = json_object_get(prompt, "pieces");
    const char *tokenizer = text_of(prompt, "tokenizer");
    printf("prompt  ");
    for (size_t i = 0; i < json_array_size(pieces); i++) {
        print_piece(json_array_get(pieces, i));
    }
    printf("\n         at most %" JSON_INTEGER_FORMAT " tokens%s%s%s\n",
           number_of(prompt, "tokens_max"), tokenizer != NULL ? "; the tokenizer is there: " : "",
           tokenizer != NULL ? tokenizer : "",
           json_is_true(json_object_get(prompt, "vectors")) ? "; items' vectors stand in it" : "");
}

static void print_answers(const json_t *answers)
{
    const char *kind = text_of(answers, "kind");
    const json_int_t tokens = number_of(answers, "tokens");
    const json_int_t count = number_of(answers, "count");
    printf("answers  ");
    if (strcmp(kind, "sid") == 0) {
        printf("semantic IDs\n");
        return;
    }
    if (strcmp(kind, "text") == 0) {
        printf("text of at most %" JSON_INTEGER_FORMAT " tokens\n", tokens);
        return;
    }
    if (count > 0) {
        printf("lists of %" JSON_INTEGER_FORMAT " items in at most %" JSON_INTEGER_FORMAT
               " tokens; ",
               count, tokens);
    }
    printf("%" JSON_INTEGER_FORMAT " items by %" JSON_INTEGER_FORMAT
           " strings of at most %" JSON_INTEGER_FORMAT " tokens\n",
           number_of(answers, "items"), number_of(answers, "strings"),
           number_of(answers, "longest"));
}

static void print_users(const json_t *users)
{
    const json_t *need = json_object_get(users, "need");
    printf("users    %s", json_array_size(need) == 0 ? "need nothing but their ids" : "need");
    for (size_t i = 0; i < json_array_size(need); i++) {
        const char *key = json_string_value(json_array_get(need, i));
        printf("%s \"%s\"", i > 0 ? "," : "", key);
        if (strcmp(key, "items") == 0) {
            printf(" (the last %" JSON_INTEGER_FORMAT " are read)",
                   number_of(users, "history_max"));
        }
    }
    printf("\n");
}

static void print_worker(const json_t *worker)
{
    printf("worker   plans %.1f MB: %.1f mapped, %.1f of the model, %.1f for %" JSON_INTEGER_FORMAT
           " users with %" JSON_INTEGER_FORMAT " beams\n",
           (double)number_of(worker, "bytes") / 1e6, (double)number_of(worker, "mapped") / 1e6,
           (double)number_of(worker, "model") / 1e6, (double)number_of(worker, "scratch") / 1e6,
           number_of(worker, "users"), number_of(worker, "beams"));
}

static void print_problem(const json_t *problem)
{
    printf("problem  %s\n", json_string_value(problem));
}

void nj_bundle_about_print(const json_t *about)
{
    static const struct {
        const char *key;
        void (*print)(const json_t *value);
    } PRINTERS[] = {{"model", print_model},    {"catalogue", print_catalogue},
                    {"prompt", print_prompt},  {"answers", print_answers},
                    {"users", print_users},    {"worker", print_worker},
                    {"problem", print_problem}};
    for (size_t i = 0; i < sizeof PRINTERS / sizeof PRINTERS[0]; i++) {
        const json_t *value = json_object_get(about, PRINTERS[i].key);
        if (value != NULL) {
            PRINTERS[i].print(value);
        }
    }
}
