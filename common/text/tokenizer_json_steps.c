// tokenizer_json_steps.c - the normalizer and the pre-tokenizer of a tokenizer.json, as lists of steps.
#include <stdlib.h>

#include "common/codec/json.h"
#include "common/text/tokenizer_parts.h"

#define CHARSMAP_TEXT_MAX ((size_t)96 << 20)
#define SPACE_RUNS " {2,}"

static const char *type_of(const json_t *object)
{
    const char *type = json_string_value(json_object_get(object, "type"));
    return type == NULL ? "" : type;
}

static bool is_type(const json_t *object, const char *type)
{
    return strcmp(type_of(object), type) == 0;
}

// A step's text of 1 byte and more.
static nj_status read_step_text(const nj_tokenizer *tokenizer, const json_t *text, const char *what,
                                bool may_be_empty, char out[NJ_TOKENIZER_STEP_TEXT_MAX],
                                nj_error *err)
{
    const size_t size = json_string_length(text);
    if (!json_is_string(text) || size >= NJ_TOKENIZER_STEP_TEXT_MAX ||
        (size == 0 && !may_be_empty)) {
        return nj_fail(err, NJ_INPUT, "%s: %s must be a text of %d to %d bytes",
                       tokenizer->path.text, what, may_be_empty ? 0 : 1,
                       NJ_TOKENIZER_STEP_TEXT_MAX - 1);
    }
    memcpy(out, json_string_value(text), size + 1);
    return NJ_OK;
}

// ---- normalizers ----

static int base64_value(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c == '\0' ? NULL : strchr(digits, c);
    return found == NULL ? -1 : (int)(found - digits);
}

// Decodes into `out`, which has room for 3 bytes for every 4 characters. False: not base64.
static bool decode_base64(const char *text, size_t size, uint8_t *out, size_t *out_size)
{
    uint32_t bits = 0;
    unsigned bit_count = 0;
    *out_size = 0;
    while (size > 0 && text[size - 1] == '=') {
        size--;
    }
    for (size_t i = 0; i < size; i++) {
        const int value = base64_value(text[i]);
        if (value < 0) {
            return false;
        }
        bits = (bits << 6 | (uint32_t)value) & 0xffffu;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            out[(*out_size)++] = (uint8_t)(bits >> bit_count);
        }
    }
    return true;
}

static nj_status read_charsmap(nj_tokenizer *tokenizer, const json_t *object, nj_error *err)
{
    const json_t *text = json_object_get(object, "precompiled_charsmap");
    const size_t text_size = json_string_length(text);
    if (tokenizer->charsmap.units != NULL || text_size == 0 || text_size > CHARSMAP_TEXT_MAX) {
        return nj_fail(err, NJ_INPUT,
                       "%s: a precompiled_charsmap must stand once, in 1 to %zu characters",
                       tokenizer->path.text, CHARSMAP_TEXT_MAX);
    }
    size_t size = 0;
    uint8_t *bytes = malloc(text_size);
    if (bytes == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory for a charsmap of %zu characters",
                       tokenizer->path.text, text_size);
    }
    nj_status status =
        decode_base64(json_string_value(text), text_size, bytes, &size)
            ? nj_charsmap_open(bytes, size, tokenizer->path.text, &tokenizer->charsmap, err)
            : nj_fail(err, NJ_INPUT, "%s: precompiled_charsmap is no base64", tokenizer->path.text);
    free(bytes);
    return status;
}

static nj_status read_replace(const nj_tokenizer *tokenizer, const json_t *object,
                              nj_text_step *step, nj_error *err)
{
    const json_t *pattern = json_object_get(object, "pattern");
    const json_t *text = json_object_get(pattern, "String");
    const char *regex = json_string_value(json_object_get(pattern, "Regex"));
    if (regex != NULL && strcmp(regex, SPACE_RUNS) != 0) {
        return nj_fail(err, NJ_INPUT,
                       "%s: Replace with the pattern \"%s\" is not known to nightjar, must be a "
                       "String or \"" SPACE_RUNS "\"",
                       tokenizer->path.text, regex);
    }
    step->kind = regex != NULL ? NJ_STEP_SPACES : NJ_STEP_REPLACE;
    nj_status status = regex != NULL ? NJ_OK
                                     : read_step_text(tokenizer, text, "Replace's pattern", false,
                                                      step->from, err);
    return status == NJ_OK ? read_step_text(tokenizer, json_object_get(object, "content"),
                                            "Replace's content", true, step->to, err)
                           : status;
}

static nj_status read_normalizer(nj_tokenizer *tokenizer, const json_t *object, nj_text_step *step,
                                 nj_error *err)
{
    if (is_type(object, "NFC")) {
        step->kind = NJ_STEP_NFC;
        return NJ_OK;
    }
    if (is_type(object, "Precompiled")) {
        step->kind = NJ_STEP_CHARSMAP;
        return read_charsmap(tokenizer, object, err);
    }
    if (is_type(object, "Strip")) {
        step->kind = NJ_STEP_STRIP;
        step->left = json_is_true(json_object_get(object, "strip_left"));
        step->right = json_is_true(json_object_get(object, "strip_right"));
        return NJ_OK;
    }
    if (is_type(object, "Replace")) {
        return read_replace(tokenizer, object, step, err);
    }
    if (is_type(object, "Prepend")) {
        step->kind = NJ_STEP_PREPEND;
        return read_step_text(tokenizer, json_object_get(object, "prepend"), "Prepend's text", true,
                              step->to, err);
    }
    return nj_fail(err, NJ_INPUT,
                   "%s: normalizer \"%s\" is not known to nightjar, must be NFC, Precompiled, "
                   "Strip, Replace, Prepend or one Sequence of them",
                   tokenizer->path.text, type_of(object));
}

// ---- pre-tokenizers ----

static nj_status read_split(nj_tokenizer *tokenizer, const json_t *object, nj_text_step *step,
                            nj_error *err)
{
    const json_t *pattern = json_object_get(object, "pattern");
    const char *regex = json_string_value(json_object_get(pattern, "Regex"));
    const char *behavior = json_string_value(json_object_get(object, "behavior"));
    step->kind = NJ_STEP_SPLIT;
    step->pattern = regex == NULL ? NULL : nj_split_pattern_find(regex);
    if (step->pattern == NULL) {
        return nj_fail(err, NJ_INPUT,
                       "%s: Split's pattern \"%s\" is not known to nightjar, must be that of "
                       "GPT-2, Llama 3, Qwen2 or Qwen3.5",
                       tokenizer->path.text, regex == NULL ? "" : regex);
    }
    if (behavior == NULL || strcmp(behavior, "Isolated") != 0 ||
        json_is_true(json_object_get(object, "invert"))) {
        return nj_fail(err, NJ_INPUT,
                       "%s: Split's behavior is \"%s\", must be \"Isolated\" and not inverted",
                       tokenizer->path.text, behavior == NULL ? "" : behavior);
    }
    return NJ_OK;
}

static nj_status read_metaspace(const nj_tokenizer *tokenizer, const json_t *object,
                                nj_text_step *step, nj_error *err)
{
    static const char *const schemes[] = {"always", "first", "never"}; // as nj_metaspace_scheme
    const char *scheme = json_string_value(json_object_get(object, "prepend_scheme"));
    const bool has_no_space = json_is_false(json_object_get(object, "add_prefix_space"));
    step->kind = NJ_STEP_METASPACE;
    step->is_split = !json_is_false(json_object_get(object, "split"));
    if (scheme == NULL) {
        scheme = has_no_space ? "never" : "always";
    }
    size_t i = 0;
    while (i < sizeof schemes / sizeof schemes[0] && strcmp(scheme, schemes[i]) != 0) {
        i++;
    }
    if (i == sizeof schemes / sizeof schemes[0] || (has_no_space && i != NJ_METASPACE_NEVER)) {
        return nj_fail(err, NJ_INPUT,
                       "%s: Metaspace's prepend_scheme is \"%s\", must be always, first or never, "
                       "and never where add_prefix_space is false",
                       tokenizer->path.text, scheme);
    }
    step->scheme = (nj_metaspace_scheme)i;
    return read_step_text(tokenizer, json_object_get(object, "replacement"),
                          "Metaspace's replacement", false, step->to, err);
}

static nj_status read_splitter(nj_tokenizer *tokenizer, const json_t *object, nj_text_step *step,
                               nj_error *err)
{
    if (is_type(object, "Split")) {
        return read_split(tokenizer, object, step, err);
    }
    if (is_type(object, "ByteLevel")) {
        step->kind = NJ_STEP_BYTES;
        step->left = json_is_true(json_object_get(object, "add_prefix_space"));
        step->is_split = !json_is_false(json_object_get(object, "use_regex"));
        step->pattern = nj_split_pattern_find(NULL);
        tokenizer->kind = tokenizer->model.is_unigram ? tokenizer->kind : "byte-level BPE";
        return NJ_OK;
    }
    if (is_type(object, "Metaspace")) {
        return read_metaspace(tokenizer, object, step, err);
    }
    if (is_type(object, "WhitespaceSplit")) {
        step->kind = NJ_STEP_WORDS;
        return NJ_OK;
    }
    return nj_fail(err, NJ_INPUT,
                   "%s: pre_tokenizer \"%s\" is not known to nightjar, must be Split, ByteLevel, "
                   "Metaspace, WhitespaceSplit or one Sequence of them",
                   tokenizer->path.text, type_of(object));
}

// ---- lists ----

typedef nj_status (*step_reader)(nj_tokenizer *tokenizer, const json_t *object, nj_text_step *step,
                                 nj_error *err);

// One step, or a Sequence of steps.
static nj_status read_steps(nj_tokenizer *tokenizer, const json_t *object, const char *list_key,
                            step_reader read, nj_text_steps *out, nj_error *err)
{
    if (object == NULL || json_is_null(object)) {
        return NJ_OK;
    }
    if (!is_type(object, "Sequence")) {
        out->count = 1;
        return read(tokenizer, object, &out->at[0], err);
    }
    const json_t *list = json_object_get(object, list_key);
    const size_t count = json_array_size(list);
    if (!json_is_array(list) || count > NJ_TOKENIZER_STEPS_MAX) {
        return nj_fail(err, NJ_INPUT, "%s: a Sequence must hold \"%s\", a list of at most %d steps",
                       tokenizer->path.text, list_key, NJ_TOKENIZER_STEPS_MAX);
    }
    nj_status status = NJ_OK;
    for (size_t i = 0; status == NJ_OK && i < count; i++) {
        status = read(tokenizer, json_array_get(list, i), &out->at[i], err);
    }
    out->count = count;
    return status;
}

nj_status nj_tokenizer_read_steps(nj_tokenizer *tokenizer, const json_t *root, nj_error *err)
{
    nj_status status = read_steps(tokenizer, json_object_get(root, "normalizer"), "normalizers",
                                  read_normalizer, &tokenizer->normalizer, err);
    return status == NJ_OK ? read_steps(tokenizer, json_object_get(root, "pre_tokenizer"),
                                        "pretokenizers", read_splitter, &tokenizer->splitter, err)
                           : status;
}
