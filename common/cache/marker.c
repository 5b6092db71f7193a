#include "common/cache/marker.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define KEY_BYTES (NJ_CACHE_PREFIX_BYTES_MAX + 16)
#define NAME "generation"
#define COMMANDS_BYTES_MAX 65536

static const char *const FIELDS[] = {"generation",      "content", "form", "loading",
                                     "loading_content", "base",    "at"};
#define FIELD_COUNT (sizeof FIELDS / sizeof FIELDS[0])

static void make_key(const nj_cache_form *form, char out[KEY_BYTES])
{
    snprintf(out, KEY_BYTES, "%.*s" NAME, NJ_CACHE_PREFIX_BYTES_MAX, form->prefix);
}

static nj_status copy_field(const nj_redis_answer *answer, const char *field, char *out,
                            size_t bytes, nj_error *err)
{
    if (answer->kind == NJ_REDIS_NIL) {
        out[0] = '\0';
        return NJ_OK;
    }
    if (answer->kind != NJ_REDIS_TEXT || answer->text.size >= bytes) {
        return nj_fail(err, NJ_REFUSED, "field \"%s\" of the marker holds no text below %zu bytes",
                       field, bytes);
    }
    memcpy(out, answer->text.bytes, answer->text.size);
    out[answer->text.size] = '\0';
    return NJ_OK;
}

nj_status nj_marker_read(nj_redis *redis, const nj_cache_form *form, nj_marker *out, nj_error *err)
{
    char key[KEY_BYTES];
    make_key(form, key);
    nj_slice words[2 + FIELD_COUNT] = {{"HMGET", 5}, nj_slice_from(key)};
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        words[2 + i] = nj_slice_from(FIELDS[i]);
    }
    nj_redis_answer answer;
    nj_status status = nj_redis_ask(redis, words, 2 + FIELD_COUNT, &answer, err);
    if (status == NJ_OK && (answer.kind != NJ_REDIS_LIST || answer.count != FIELD_COUNT)) {
        status = nj_fail(err, NJ_REFUSED, "redis answers HMGET with no list of %zu", FIELD_COUNT);
    }
    char *const places[FIELD_COUNT] = {out->generation,      out->content, out->form, out->loading,
                                       out->loading_content, out->base,    out->at};
    for (size_t i = 0; i < FIELD_COUNT && status == NJ_OK; i++) {
        const nj_redis_answer field = nj_redis_element(&answer, i);
        const size_t bytes = places[i] == out->at ? sizeof out->at : NJ_MARKER_TEXT_BYTES;
        status = copy_field(&field, FIELDS[i], places[i], bytes, err);
    }
    if (status != NJ_OK) {
        nj_error_prefix(err, "key \"%s\"", key);
    }
    return status;
}

void nj_marker_form(const nj_cache_form *form, char out[NJ_MARKER_TEXT_BYTES])
{
    snprintf(out, NJ_MARKER_TEXT_BYTES, "%s %" PRIu64 " %u",
             form->value == NJ_CACHE_JSON ? "json" : "msgpack", form->ttl_ms,
             form->ttl_ms == 0 ? 0 : form->jitter_percent);
}

// ---- transactions ----

typedef struct {
    nj_buffer bytes;
    size_t answers;
    nj_status status;
} commands;

static void add_command(commands *c, const nj_slice *words, size_t count)
{
    if (c->status == NJ_OK) {
        c->status = nj_resp_append(&c->bytes, words, count);
    }
    c->answers++;
}

static void begin_commands(commands *c)
{
    const nj_slice multi = {"MULTI", 5};
    *c = (commands){.answers = 0};
    nj_buffer_init(&c->bytes, COMMANDS_BYTES_MAX);
    add_command(c, &multi, 1);
}

static void add_expiry(commands *c, const nj_cache_form *form, const char *key)
{
    char ttl[24];
    snprintf(ttl, sizeof ttl, "%" PRIu64, nj_cache_ttl_least_ms(form));
    const nj_slice words[] = {{"PEXPIRE", 7}, nj_slice_from(key), nj_slice_from(ttl)};
    add_command(c, words, 3);
}

static nj_status exec_take(commands *c, nj_redis *redis, nj_error *err)
{
    const nj_slice exec = {"EXEC", 4};
    add_command(c, &exec, 1);
    nj_status status = c->status == NJ_OK ? nj_redis_send(redis, nj_buffer_slice(&c->bytes), err)
                                          : nj_fail(err, c->status, "no memory for a transaction");
    nj_buffer_fini(&c->bytes);
    for (size_t i = 0; i < c->answers && status == NJ_OK; i++) {
        nj_redis_answer answer;
        status = nj_redis_next(redis, &answer, err);
    }
    return status;
}

// A full load takes away what the marker says of the rows that are there; a delta keeps it until the end.
nj_status nj_marker_begin(nj_redis *redis, const nj_marker_load *load, const char *at,
                          nj_error *err)
{
    char key[KEY_BYTES];
    char form[NJ_MARKER_TEXT_BYTES];
    commands c;
    make_key(load->form, key);
    nj_marker_form(load->form, form);
    begin_commands(&c);
    if (load->base[0] == '\0') {
        const nj_slice words[] = {
            {"HDEL", 4}, nj_slice_from(key), {"generation", 10}, {"content", 7}};
        add_command(&c, words, 4);
    }
    const nj_slice words[] = {{"HSET", 4},
                              nj_slice_from(key),
                              {"form", 4},
                              nj_slice_from(form),
                              {"loading", 7},
                              nj_slice_from(load->generation),
                              {"loading_content", 15},
                              nj_slice_from(load->content),
                              {"base", 4},
                              nj_slice_from(load->base),
                              {"loader", 6},
                              nj_slice_from(load->loader),
                              {"at", 2},
                              nj_slice_from(at)};
    add_command(&c, words, sizeof words / sizeof words[0]);
    if (load->form->ttl_ms != 0 && at[0] == '\0') {
        add_expiry(&c, load->form, key);
    } else if (load->form->ttl_ms == 0) {
        const nj_slice stay[] = {{"PERSIST", 7}, nj_slice_from(key)};
        add_command(&c, stay, 2);
    }
    return exec_take(&c, redis, err);
}

nj_status nj_marker_end(nj_redis *redis, const nj_marker_load *load, nj_error *err)
{
    char key[KEY_BYTES];
    char form[NJ_MARKER_TEXT_BYTES];
    commands c;
    make_key(load->form, key);
    nj_marker_form(load->form, form);
    begin_commands(&c);
    const nj_slice gone[] = {{"HDEL", 4},    nj_slice_from(key),
                             {"loading", 7}, {"loading_content", 15},
                             {"base", 4},    {"at", 2}};
    add_command(&c, gone, sizeof gone / sizeof gone[0]);
    const nj_slice words[] = {{"HSET", 4},        nj_slice_from(key),
                              {"generation", 10}, nj_slice_from(load->generation),
                              {"content", 7},     nj_slice_from(load->content),
                              {"form", 4},        nj_slice_from(form)};
    add_command(&c, words, sizeof words / sizeof words[0]);
    return exec_take(&c, redis, err);
}

nj_status nj_marker_drop(nj_redis *redis, const nj_cache_form *form, nj_error *err)
{
    char key[KEY_BYTES];
    make_key(form, key);
    const nj_slice words[] = {{"DEL", 3}, nj_slice_from(key)};
    nj_redis_answer answer;
    return nj_redis_ask(redis, words, 2, &answer, err);
}

// ---- who, and where ----

nj_status nj_marker_loader(nj_redis *redis, const nj_cache_form *form, nj_redis_answer *out,
                           nj_error *err)
{
    char key[KEY_BYTES];
    make_key(form, key);
    const nj_slice words[] = {{"HGET", 4}, nj_slice_from(key), {"loader", 6}};
    return nj_redis_ask(redis, words, 3, out, err);
}

nj_status nj_marker_at_append(const nj_cache_form *form, nj_slice key, nj_buffer *out)
{
    char name[KEY_BYTES];
    char at[NJ_MARKER_AT_BYTES] = "";
    make_key(form, name);
    for (size_t i = 0; i < key.size; i++) {
        snprintf(at + 2 * i, 3, "%02x", (uint8_t)key.bytes[i]);
    }
    const nj_slice set[] = {{"HSET", 4}, nj_slice_from(name), {"at", 2}, nj_slice_from(at)};
    return nj_resp_append(out, set, 4);
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

bool nj_marker_at_parse(const char *at, nj_store_key *out)
{
    const size_t digits = strlen(at);
    if (digits % 2 != 0 || digits / 2 > NJ_STORE_KEY_BYTES_MAX) {
        return false;
    }
    out->size = digits / 2;
    for (size_t i = 0; i < out->size; i++) {
        const int high = hex_value(at[2 * i]);
        const int low = hex_value(at[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        out->bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}
