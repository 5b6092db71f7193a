// tokenizer_json_decoder.c - the decoder of a tokenizer.json, as a list of steps. What is not known is kept by its name: only who decodes
// needs it.
#include <stdio.h>

#include "common/codec/json.h"
#include "common/text/tokenizer_parts.h"

static const char *type_of(const json_t *object)
{
    const char *type = json_string_value(json_object_get(object, "type"));
    return type == NULL ? "" : type;
}

static bool copy_text(const json_t *text, char out[NJ_TOKENIZER_STEP_TEXT_MAX])
{
    const size_t size = json_string_length(text);
    if (!json_is_string(text) || size >= NJ_TOKENIZER_STEP_TEXT_MAX) {
        return false;
    }
    memcpy(out, json_string_value(text), size + 1);
    return true;
}

static bool read_replace(const json_t *object, nj_decode_step *step)
{
    step->kind = NJ_DECODE_REPLACE;
    const json_t *from = json_object_get(json_object_get(object, "pattern"), "String");
    return copy_text(from, step->from) && step->from[0] != '\0' &&
           copy_text(json_object_get(object, "content"), step->to);
}

static bool read_strip(const json_t *object, nj_decode_step *step)
{
    const json_int_t start = json_integer_value(json_object_get(object, "start"));
    const json_int_t stop = json_integer_value(json_object_get(object, "stop"));
    step->kind = NJ_DECODE_STRIP;
    step->start = (uint32_t)start;
    step->stop = (uint32_t)stop;
    return start >= 0 && start <= UINT16_MAX && stop >= 0 && stop <= UINT16_MAX &&
           copy_text(json_object_get(object, "content"), step->from) && step->from[0] != '\0';
}

static bool read_metaspace(const json_t *object, nj_decode_step *step)
{
    const char *scheme = json_string_value(json_object_get(object, "prepend_scheme"));
    const bool has_no_space = json_is_false(json_object_get(object, "add_prefix_space"));
    step->kind = NJ_DECODE_METASPACE;
    step->drops_first = scheme != NULL ? strcmp(scheme, "never") != 0 : !has_no_space;
    return copy_text(json_object_get(object, "replacement"), step->from) && step->from[0] != '\0';
}

static bool read_step(const json_t *object, nj_decode_step *step)
{
    static const struct {
        const char *type;
        nj_decode_kind kind;
    } plain[] = {{"ByteLevel", NJ_DECODE_BYTES},
                 {"ByteFallback", NJ_DECODE_BYTE_TOKENS},
                 {"Fuse", NJ_DECODE_FUSE}};
    const char *type = type_of(object);
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        if (strcmp(type, plain[i].type) == 0) {
            step->kind = plain[i].kind;
            return true;
        }
    }
    if (strcmp(type, "Replace") == 0) {
        return read_replace(object, step);
    }
    if (strcmp(type, "Strip") == 0) {
        return read_strip(object, step);
    }
    return strcmp(type, "Metaspace") == 0 && read_metaspace(object, step);
}

static void refuse_decoder(nj_decoder *decoder, const char *type)
{
    decoder->is_known = false;
    (void)snprintf(decoder->unknown, sizeof decoder->unknown, "%s", type);
}

void nj_tokenizer_read_decoder(nj_tokenizer *tokenizer, const json_t *root)
{
    nj_decoder *decoder = &tokenizer->decoder;
    const json_t *object = json_object_get(root, "decoder");
    const bool is_list = strcmp(type_of(object), "Sequence") == 0;
    const json_t *list = json_object_get(object, "decoders");
    const size_t count = is_list ? json_array_size(list) : json_is_object(object);
    decoder->is_known = true;
    if (count > NJ_TOKENIZER_STEPS_MAX) {
        refuse_decoder(decoder, "Sequence of more than 16 steps");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *step = is_list ? json_array_get(list, i) : object;
        if (!read_step(step, &decoder->at[decoder->count++])) {
            refuse_decoder(decoder, type_of(step));
            return;
        }
    }
}
