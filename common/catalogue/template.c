#include "common/catalogue/template.h"

#include <inttypes.h>
#include <xxhash.h>

#include "common/base/checked.h"

static nj_status read_tokens(const json_t *object, const char *key, const char *what,
                             uint32_t tokens[NJ_TEMPLATE_TOKENS_MAX], uint32_t *out_count,
                             nj_error *err)
{
    const json_t *list = json_object_get(object, key);
    if (list == NULL || json_is_null(list)) {
        return NJ_OK;
    }
    if (!json_is_array(list)) {
        return nj_fail(err, NJ_INPUT, "%s: \"%s\" is not a list", what, key);
    }
    size_t count = json_array_size(list);
    if (count > NJ_TEMPLATE_TOKENS_MAX) {
        return nj_fail(err, NJ_INPUT, "%s: \"%s\" has %zu tokens, the limit is %d", what, key,
                       count, NJ_TEMPLATE_TOKENS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *token = json_array_get(list, i);
        json_int_t value = json_integer_value(token);
        if (!json_is_integer(token) || value < 0 || value > NJ_TOKEN_MAX) {
            return nj_fail(err, NJ_INPUT,
                           "%s: \"%s\", element %zu: is not a whole number of 0 to %d", what, key,
                           i, NJ_TOKEN_MAX);
        }
        tokens[i] = (uint32_t)value;
    }
    *out_count = (uint32_t)count;
    return NJ_OK;
}

static nj_status read_user_tokens(const json_t *object, const char *what, nj_template *template,
                                  nj_error *err)
{
    nj_json_keys keys;
    nj_json_keys_open(&keys, object, what, err);
    int64_t base = nj_json_int_or(&keys, "user_token_base", 0, NJ_TOKEN_MAX, 0);
    int64_t count = nj_json_int_or(&keys, "user_token_count", 0, NJ_TOKEN_MAX, 0);
    if (keys.status == NJ_OK && base + count > (int64_t)NJ_TOKEN_MAX + 1) {
        return nj_fail(err, NJ_INPUT, "%s: user tokens end at %" PRId64 ", the highest token is %d",
                       what, base + count - 1, NJ_TOKEN_MAX);
    }
    template->user_token_base = (uint32_t)base;
    template->user_token_count = (uint32_t)count;
    return keys.status;
}

nj_status nj_template_read(const json_t *object, const char *what, nj_template *out, nj_error *err)
{
    nj_template template = {0};
    if (object == NULL || json_is_null(object)) {
        *out = template;
        return NJ_OK;
    }
    nj_status status = read_user_tokens(object, what, &template, err);
    if (status == NJ_OK) {
        status = read_tokens(object, "before", what, template.before, &template.before_count, err);
    }
    if (status == NJ_OK) {
        status =
            read_tokens(object, "between", what, template.between, &template.between_count, err);
    }
    if (status == NJ_OK) {
        status = read_tokens(object, "after", what, template.after, &template.after_count, err);
    }
    if (status == NJ_OK) {
        *out = template;
    }
    return status;
}

nj_status nj_template_parse(nj_slice json, const char *what, nj_template *out, nj_error *err)
{
    json_t *root = NULL;
    nj_status status = nj_json_parse(json.bytes, json.size, what, &root, err);
    if (status == NJ_OK) {
        status = nj_template_read(root, what, out, err);
    }
    json_decref(root);
    return status;
}

static nj_status write_tokens(const char *key, const uint32_t *tokens, uint32_t count,
                              nj_buffer *out)
{
    nj_status status = nj_buffer_printf(out, "\"%s\": [", key);
    for (uint32_t i = 0; i < count && status == NJ_OK; i++) {
        status = nj_buffer_printf(out, "%s%" PRIu32, i > 0 ? ", " : "", tokens[i]);
    }
    return status == NJ_OK ? nj_buffer_printf(out, "], ") : status;
}

nj_status nj_template_write(const nj_template *template, nj_buffer *out)
{
    nj_status status = nj_buffer_printf(out, "{");
    if (status == NJ_OK) {
        status = write_tokens("before", template->before, template->before_count, out);
    }
    if (status == NJ_OK) {
        status = write_tokens("between", template->between, template->between_count, out);
    }
    if (status == NJ_OK) {
        status = write_tokens("after", template->after, template->after_count, out);
    }
    if (status == NJ_OK) {
        status = nj_buffer_printf(
            out, "\"user_token_base\": %" PRIu32 ", \"user_token_count\": %" PRIu32 "}",
            template->user_token_base, template->user_token_count);
    }
    return status;
}

size_t nj_template_tokens_max(const nj_template *template, uint32_t L, size_t item_count)
{
    size_t tokens = (size_t) template->before_count + template->after_count +
                    (template->user_token_count > 0 ? 1 : 0);
    size_t items;
    size_t gaps;
    if (!nj_mul_size(item_count, L, &items) ||
        !nj_mul_size(item_count > 0 ? item_count - 1 : 0, template->between_count, &gaps) ||
        !nj_add_size(tokens, items, &tokens) || !nj_add_size(tokens, gaps, &tokens)) {
        return SIZE_MAX;
    }
    return tokens;
}

static uint32_t *put_tokens(uint32_t *out, const uint32_t *tokens, uint32_t count)
{
    memcpy(out, tokens, count * sizeof *tokens);
    return out + count;
}

static uint32_t *put_item(uint32_t *out, const nj_token_table *table, uint32_t row)
{
    const uint16_t *sid = table->codes + (size_t)row * table->level_count;
    for (uint32_t l = 0; l < table->level_count; l++) {
        *out++ = table->level_token_base[l] + sid[l];
    }
    return out;
}

size_t nj_template_tokens(const nj_template *template, const nj_token_table *table, nj_slice user,
                          const uint32_t *rows, size_t row_count, uint32_t *out)
{
    uint32_t *at = put_tokens(out, template->before, template->before_count);
    if (template->user_token_count > 0) {
        uint64_t hash = XXH3_64bits(user.bytes, user.size);
        *at++ = template->user_token_base + (uint32_t)(hash % template->user_token_count);
    }
    for (size_t i = 0; i < row_count; i++) {
        if (i > 0) {
            at = put_tokens(at, template->between, template->between_count);
        }
        at = put_item(at, table, rows[i]);
    }
    at = put_tokens(at, template->after, template->after_count);
    return (size_t)(at - out);
}

static void raise_highest(const uint32_t *tokens, uint32_t count, bool *any, uint32_t *highest)
{
    for (uint32_t i = 0; i < count; i++) {
        *highest = tokens[i] > *highest ? tokens[i] : *highest;
        *any = true;
    }
}

bool nj_template_token_highest(const nj_template *template, uint32_t *out)
{
    bool any = false;
    uint32_t highest = 0;
    raise_highest(template->before, template->before_count, &any, &highest);
    raise_highest(template->between, template->between_count, &any, &highest);
    raise_highest(template->after, template->after_count, &any, &highest);
    if (template->user_token_count > 0) {
        uint32_t last = template->user_token_base + template->user_token_count - 1;
        raise_highest(&last, 1, &any, &highest);
    }
    if (any) {
        *out = highest;
    }
    return any;
}
