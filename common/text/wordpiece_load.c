// wordpiece_load.c - a tokenizer's folder, as HuggingFace writes it.
#include <inttypes.h>
#include <stdlib.h>

#include "common/base/file.h"
#include "common/codec/json.h"
#include "common/text/wordpiece_parts.h"

#define FILE_BYTES_MAX ((size_t)256 << 20)
#define WORD_POINTS_DEFAULT 100 // max_input_chars_per_word
#define INSIDE "##"
#define INSIDE_SIZE 2

static void init_pieces(nj_wordpiece_pieces *pieces)
{
    nj_idlist_builder_init(&pieces->texts);
    nj_idmap_init(&pieces->map);
    nj_buffer_init(&pieces->ids, SIZE_MAX / 2);
}

static void fini_pieces(nj_wordpiece_pieces *pieces)
{
    nj_idlist_builder_fini(&pieces->texts);
    nj_idmap_fini(&pieces->map);
    nj_buffer_fini(&pieces->ids);
}

void nj_wordpiece_close(nj_wordpiece **tokenizer)
{
    nj_wordpiece *t = *tokenizer;
    if (t == NULL) {
        return;
    }
    fini_pieces(&t->begin);
    fini_pieces(&t->inside);
    for (size_t i = 0; i < t->special_count; i++) {
        free(t->specials[i].text);
    }
    nj_buffer_fini(&t->text);
    nj_buffer_fini(&t->points);
    nj_buffer_fini(&t->word);
    free(t);
    *tokenizer = NULL;
}

// ---- the vocabulary ----

static nj_status insert(nj_wordpiece_pieces *pieces, nj_slice text, uint32_t id)
{
    const size_t index = pieces->texts.count;
    nj_status status = nj_idlist_builder_add(&pieces->texts, text);
    if (status == NJ_OK) {
        status = nj_idmap_insert(&pieces->map, text, index);
    }
    if (status == NJ_OK) {
        status = nj_buffer_append(&pieces->ids, &id, sizeof id);
    }
    pieces->bytes_max = text.size > pieces->bytes_max ? text.size : pieces->bytes_max;
    return status;
}

static nj_status add_piece(nj_wordpiece *t, const char *path, nj_slice piece, int64_t id,
                           nj_error *err)
{
    const bool is_inside =
        piece.size > INSIDE_SIZE && memcmp(piece.bytes, INSIDE, INSIDE_SIZE) == 0;
    nj_wordpiece_pieces *pieces = is_inside ? &t->inside : &t->begin;
    const nj_slice text =
        is_inside ? (nj_slice){piece.bytes + INSIDE_SIZE, piece.size - INSIDE_SIZE} : piece;
    uint32_t other;
    if (id < 0 || id >= NJ_WORDPIECE_VOCABULARY_MAX) {
        return nj_fail(err, NJ_INPUT, "%s: piece \"%.*s\" has id %" PRId64 ", must be 0 to %d",
                       path, NJ_SLICE_ARGS(piece), id, NJ_WORDPIECE_VOCABULARY_MAX - 1);
    }
    if (nj_wordpiece_find(pieces, text, &other)) {
        return nj_fail(err, NJ_INPUT, "%s: piece \"%.*s\" stands there twice: ids %u and %" PRId64,
                       path, NJ_SLICE_ARGS(piece), other, id);
    }
    if (insert(pieces, text, (uint32_t)id) != NJ_OK) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory for its pieces", path);
    }
    t->vocabulary = (size_t)id + 1 > t->vocabulary ? (size_t)id + 1 : t->vocabulary;
    return NJ_OK;
}

static nj_status add_special(nj_wordpiece *t, const char *path, nj_slice text, int64_t id,
                             nj_error *err)
{
    if (t->special_count == NJ_WORDPIECE_SPECIALS_MAX || text.size == 0) {
        return nj_fail(err, NJ_INPUT, "%s: an added token is empty, or there are more than %d",
                       path, NJ_WORDPIECE_SPECIALS_MAX);
    }
    char *copy = malloc(text.size);
    if (copy == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory for an added token", path);
    }
    memcpy(copy, text.bytes, text.size);
    t->specials[t->special_count++] = (nj_wordpiece_special){copy, text.size, (uint32_t)id};
    t->vocabulary = (size_t)id + 1 > t->vocabulary ? (size_t)id + 1 : t->vocabulary;
    return NJ_OK;
}

static nj_status find_needed(const nj_wordpiece *t, const char *path, const char *piece,
                             uint32_t *out, nj_error *err)
{
    return nj_wordpiece_find(&t->begin, nj_slice_from(piece), out)
               ? NJ_OK
               : nj_fail(err, NJ_INPUT, "%s: the vocabulary has no piece \"%s\"", path, piece);
}

// ---- tokenizer.json ----

static nj_status check_type(const char *path, const json_t *root, const char *key, const char *type,
                            nj_error *err)
{
    const json_t *part = json_object_get(root, key);
    const char *got = json_string_value(json_object_get(part, "type"));
    if (got == NULL || strcmp(got, type) != 0) {
        return nj_fail(err, NJ_INPUT, "%s: \"%s\" is of type \"%s\", only \"%s\" is known", path,
                       key, got == NULL ? "" : got, type);
    }
    return NJ_OK;
}

static nj_status read_normalizer(nj_wordpiece *t, const char *path, const json_t *root,
                                 nj_error *err)
{
    nj_json_keys keys;
    nj_json_keys_open(&keys, json_object_get(root, "normalizer"), path, err);
    const bool cleans = nj_json_bool_or(&keys, "clean_text", true);
    t->spaces_cjk = nj_json_bool_or(&keys, "handle_chinese_chars", true);
    t->makes_small = nj_json_bool_or(&keys, "lowercase", true);
    t->strips_accents = nj_json_bool_or(&keys, "strip_accents", t->makes_small);
    if (keys.status == NJ_OK && !cleans) {
        return nj_fail(err, NJ_INPUT,
                       "%s: \"clean_text\" is false: control characters would be tokens", path);
    }
    return keys.status;
}

static nj_status read_model(nj_wordpiece *t, const char *path, const json_t *root, nj_error *err)
{
    const json_t *model = json_object_get(root, "model");
    json_t *vocabulary = json_object_get(model, "vocab");
    nj_json_keys keys;
    nj_json_keys_open(&keys, model, path, err);
    const char *prefix = nj_json_text_or(&keys, "continuing_subword_prefix", INSIDE);
    const char *unknown = nj_json_text_or(&keys, "unk_token", "[UNK]");
    t->word_points_max = (size_t)nj_json_int_or(&keys, "max_input_chars_per_word", 1,
                                                NJ_WORDPIECE_WORD_POINTS_MAX, WORD_POINTS_DEFAULT);
    if (keys.status == NJ_OK && strcmp(prefix, INSIDE) != 0) {
        return nj_fail(err, NJ_INPUT,
                       "%s: \"continuing_subword_prefix\" is \"%s\", only \"" INSIDE "\" is known",
                       path, prefix);
    }
    nj_status status = keys.status;
    const char *piece;
    json_t *id;
    json_object_foreach(vocabulary, piece, id)
    {
        if (status == NJ_OK) {
            status = add_piece(t, path, nj_slice_from(piece),
                               json_is_integer(id) ? json_integer_value(id) : -1, err);
        }
    }
    return status == NJ_OK ? find_needed(t, path, unknown, &t->unknown, err) : status;
}

static nj_status read_added(nj_wordpiece *t, const char *path, const json_t *root, nj_error *err)
{
    static const char *const MUST_BE_FALSE[] = {"single_word", "lstrip", "rstrip", "normalized"};
    nj_status status = NJ_OK;
    size_t index;
    json_t *token;
    json_array_foreach(json_object_get(root, "added_tokens"), index, token)
    {
        nj_json_keys keys;
        nj_json_keys_open(&keys, token, path, err);
        const char *text = nj_json_text_or(&keys, "content", "");
        const int64_t id = nj_json_int(&keys, "id", 0, NJ_WORDPIECE_VOCABULARY_MAX - 1);
        for (size_t i = 0; i < sizeof MUST_BE_FALSE / sizeof MUST_BE_FALSE[0]; i++) {
            if (nj_json_bool_or(&keys, MUST_BE_FALSE[i], false)) {
                return nj_fail(err, NJ_INPUT,
                               "%s: added token \"%s\" has \"%s\" true, only false is known", path,
                               text, MUST_BE_FALSE[i]);
            }
        }
        status = keys.status;
        if (status == NJ_OK) {
            status = add_special(t, path, nj_slice_from(text), id, err);
        }
        if (status != NJ_OK) {
            return status;
        }
    }
    return status;
}

// The names of the tokens that stand before and behind a text; NULL where the form is not known.
static void read_frame(const json_t *processor, const char **out_first, const char **out_last)
{
    const char *type = json_string_value(json_object_get(processor, "type"));
    const json_t *single = json_object_get(processor, "single");
    *out_first = *out_last = NULL;
    if (type != NULL && strcmp(type, "BertProcessing") == 0) {
        *out_first = json_string_value(json_array_get(json_object_get(processor, "cls"), 0));
        *out_last = json_string_value(json_array_get(json_object_get(processor, "sep"), 0));
    } else if (type != NULL && strcmp(type, "TemplateProcessing") == 0 &&
               json_array_size(single) == 3 &&
               json_object_get(json_array_get(single, 1), "Sequence") != NULL) {
        const json_t *first = json_object_get(json_array_get(single, 0), "SpecialToken");
        const json_t *last = json_object_get(json_array_get(single, 2), "SpecialToken");
        *out_first = json_string_value(json_object_get(first, "id"));
        *out_last = json_string_value(json_object_get(last, "id"));
    }
}

static nj_status read_template(nj_wordpiece *t, const char *path, const json_t *root, nj_error *err)
{
    const char *first;
    const char *last;
    read_frame(json_object_get(root, "post_processor"), &first, &last);
    if (first == NULL || last == NULL) {
        return nj_fail(
            err, NJ_INPUT,
            "%s: \"post_processor\" must put one token before a text and one behind it, as "
            "BERT's does",
            path);
    }
    nj_status status = find_needed(t, path, first, &t->first, err);
    return status == NJ_OK ? find_needed(t, path, last, &t->last, err) : status;
}

static nj_status read_tokenizer(nj_wordpiece *t, const char *path, nj_error *err)
{
    json_t *root = NULL;
    nj_status status = nj_json_load(path, FILE_BYTES_MAX, &root, err);
    if (status == NJ_OK) {
        status = check_type(path, root, "model", "WordPiece", err);
    }
    if (status == NJ_OK) {
        status = check_type(path, root, "normalizer", "BertNormalizer", err);
    }
    if (status == NJ_OK) {
        status = check_type(path, root, "pre_tokenizer", "BertPreTokenizer", err);
    }
    if (status == NJ_OK) {
        status = read_normalizer(t, path, root, err);
    }
    if (status == NJ_OK) {
        status = read_model(t, path, root, err);
    }
    if (status == NJ_OK) {
        status = read_added(t, path, root, err);
    }
    if (status == NJ_OK) {
        status = read_template(t, path, root, err);
    }
    json_decref(root);
    return status;
}

// ---- vocab.txt ----

static nj_status read_lines(nj_wordpiece *t, const char *path, nj_slice text, nj_error *err)
{
    nj_status status = NJ_OK;
    int64_t id = 0;
    while (status == NJ_OK && text.size > 0) {
        const char *end = memchr(text.bytes, '\n', text.size);
        const size_t size = end == NULL ? text.size : (size_t)(end - text.bytes);
        const size_t used = end == NULL ? size : size + 1;
        const bool has_return = size > 0 && text.bytes[size - 1] == '\r';
        status = add_piece(t, path, (nj_slice){text.bytes, size - has_return}, id++, err);
        text = (nj_slice){text.bytes + used, text.size - used};
    }
    return status;
}

static nj_status find_specials(nj_wordpiece *t, const char *path, nj_error *err)
{
    static const char *const SPECIALS[] = {"[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"};
    uint32_t *const slots[] = {&t->unknown, &t->first, &t->last};
    nj_status status = NJ_OK;
    for (size_t i = 0; status == NJ_OK && i < sizeof SPECIALS / sizeof SPECIALS[0]; i++) {
        const nj_slice text = nj_slice_from(SPECIALS[i]);
        uint32_t id;
        if (i < sizeof slots / sizeof slots[0]) {
            status = find_needed(t, path, SPECIALS[i], slots[i], err);
        }
        if (status == NJ_OK && nj_wordpiece_find(&t->begin, text, &id)) {
            status = add_special(t, path, text, id, err);
        }
    }
    return status;
}

static nj_status read_vocabulary(nj_wordpiece *t, const char *path, nj_error *err)
{
    char *bytes = NULL;
    size_t size = 0;
    nj_status status = nj_file_read(path, FILE_BYTES_MAX, &bytes, &size, err);
    if (status == NJ_OK) {
        status = read_lines(t, path, (nj_slice){bytes, size}, err);
    }
    if (status == NJ_OK) {
        status = find_specials(t, path, err);
    }
    free(bytes);
    return status;
}

// ---- tokenizer_config.json ----

static nj_status read_config(nj_wordpiece *t, const char *path, bool is_told, nj_error *err)
{
    json_t *root = NULL;
    nj_status status = nj_json_load_real(path, FILE_BYTES_MAX, &root, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_json_keys keys;
    nj_json_keys_open(&keys, root, path, err);
    const bool makes_small =
        nj_json_bool_or(&keys, "do_lower_case", is_told ? t->makes_small : true);
    const bool strips = nj_json_bool_or(&keys, "strip_accents", makes_small);
    const bool spaces = nj_json_bool_or(&keys, "tokenize_chinese_chars", true);
    status = keys.status;
    if (status == NJ_OK && is_told &&
        (makes_small != t->makes_small || strips != t->strips_accents || spaces != t->spaces_cjk)) {
        status = nj_fail(err, NJ_INPUT,
                         "%s: lower case %d, accents off %d, spaces around CJK %d, tokenizer.json "
                         "beside it says %d, %d, %d: make them agree",
                         path, makes_small, strips, spaces, t->makes_small, t->strips_accents,
                         t->spaces_cjk);
    }
    t->makes_small = makes_small;
    t->strips_accents = strips;
    t->spaces_cjk = spaces;
    json_decref(root);
    return status;
}

static nj_status read_folder(nj_wordpiece *t, const char *folder, nj_error *err)
{
    nj_path whole;
    nj_path vocabulary;
    nj_path config;
    nj_status status = nj_path_join(folder, "tokenizer.json", &whole, err);
    if (status == NJ_OK) {
        status = nj_path_join(folder, "vocab.txt", &vocabulary, err);
    }
    if (status == NJ_OK) {
        status = nj_path_join(folder, "tokenizer_config.json", &config, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    const bool is_whole = nj_file_exists(whole.text);
    status =
        is_whole ? read_tokenizer(t, whole.text, err) : read_vocabulary(t, vocabulary.text, err);
    if (status == NJ_OK && nj_file_exists(config.text)) {
        status = read_config(t, config.text, is_whole, err);
    }
    return status;
}

nj_status nj_wordpiece_open(const char *folder, nj_wordpiece **out, nj_error *err)
{
    nj_wordpiece *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory for its tokenizer", folder);
    }
    init_pieces(&t->begin);
    init_pieces(&t->inside);
    nj_buffer_init(&t->text, SIZE_MAX / 2);
    nj_buffer_init(&t->points, SIZE_MAX / 2);
    nj_buffer_init(&t->word, SIZE_MAX / 2);
    t->makes_small = t->strips_accents = t->spaces_cjk = true;
    t->word_points_max = WORD_POINTS_DEFAULT;
    nj_status status = read_folder(t, folder, err);
    if (status == NJ_OK) {
        *out = t;
        t = NULL;
    }
    nj_wordpiece_close(&t);
    return status;
}
