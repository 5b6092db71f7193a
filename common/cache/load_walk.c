#include "common/cache/load_walk.h"

#include <string.h>

#define SCAN_COUNT "1000"
#define PATTERN_BYTES (2 * (NJ_CACHE_PREFIX_BYTES_MAX + 8))
#define CURSOR_BYTES 32

// One side of the merge.
typedef struct {
    nj_store_reader *reader; // NULL: has no rows
    nj_slice key;
    nj_slice row;
    bool has_ended;
} side;

static nj_status step(side *s, nj_error *err)
{
    if (s->reader == NULL) {
        s->has_ended = true;
        return NJ_OK;
    }
    nj_status status = nj_store_next(s->reader, &s->key, &s->row, err);
    if (status == NJ_END) {
        s->has_ended = true;
        return NJ_OK;
    }
    return status;
}

static nj_status begin_side(side *s, nj_error *err)
{
    nj_status status = s->reader == NULL ? NJ_OK : nj_store_rewind(s->reader, err);
    return status != NJ_OK ? status : step(s, err);
}

static nj_status add(const nj_load_walk *walk, nj_batch *batch, nj_batch_kind kind, const side *s,
                     nj_error *err)
{
    if (walk->reads_back) {
        if (kind == NJ_BATCH_TOUCH) {
            return NJ_OK;
        }
        kind = kind == NJ_BATCH_SET ? NJ_BATCH_COMPARE : NJ_BATCH_ABSENT;
    } else if (walk->at.size != 0 && nj_slice_compare(s->key, walk->at) <= 0) {
        batch->result->skipped++;
        return NJ_OK;
    }
    return nj_batch_add(batch, kind, s->key, s->row, err);
}

// Below 0: the next key is of `from` alone. 0: of both. Above 0: of `to` alone.
static int order_of(const side *from, const side *to)
{
    if (from->has_ended || to->has_ended) {
        return from->has_ended ? 1 : -1;
    }
    return nj_slice_compare(from->key, to->key);
}

nj_status nj_load_walk_run(const nj_load_walk *walk, nj_batch *batch, nj_error *err)
{
    side from = {.reader = walk->from};
    side to = {.reader = walk->to};
    nj_status status = begin_side(&from, err);
    if (status == NJ_OK) {
        status = begin_side(&to, err);
    }
    while (status == NJ_OK && !(from.has_ended && to.has_ended)) {
        const int order = order_of(&from, &to);
        if (order < 0) {
            status = add(walk, batch, NJ_BATCH_REMOVE, &from, err);
        } else if (order > 0 || !nj_slice_equal(from.row, to.row)) {
            status = add(walk, batch, NJ_BATCH_SET, &to, err);
        } else if (walk->touches) {
            status = add(walk, batch, NJ_BATCH_TOUCH, &to, err);
        }
        if (status == NJ_OK && order <= 0) {
            status = step(&from, err);
        }
        if (status == NJ_OK && order >= 0) {
            status = step(&to, err);
        }
    }
    if (status == NJ_OK) {
        status = nj_batch_flush(batch, err);
    }
    // Only now is the last batch known to be written: its place goes alone.
    return status == NJ_OK && batch->writes ? nj_batch_flush(batch, err) : status;
}

// ---- users who are not in the generation ----

// The prefix of users' keys as a pattern that matches nothing else.
static void make_pattern(const nj_cache_form *form, char out[PATTERN_BYTES])
{
    size_t size = 0;
    for (const char *at = form->prefix; *at != '\0'; at++) {
        if (strchr("*?[]\\^", *at) != NULL) {
            out[size++] = '\\';
        }
        out[size++] = *at;
    }
    strcpy(out + size, "user:*");
}

static bool is_wanted(nj_store_reader *to, size_t prefix_size, nj_slice key)
{
    nj_slice value;
    const nj_slice user = {key.bytes + prefix_size, key.size - prefix_size};
    return nj_store_get(to, user, &value, NULL) == NJ_OK;
}

// Gathers the UNLINKs of one answer of SCAN.
static nj_status gather_unwanted(nj_store_reader *to, nj_batch *b, const nj_redis_answer *keys,
                                 size_t *out_count)
{
    const nj_slice none = {"", 0};
    nj_cache_key prefix;
    nj_cache_key_make(b->form, none, &prefix);
    nj_status status = NJ_OK;
    size_t count = 0;
    nj_buffer_clear(&b->bytes);
    for (size_t i = 0; i < keys->count && status == NJ_OK; i++) {
        const nj_slice key = nj_redis_element(keys, i).text;
        if (key.size < prefix.size || is_wanted(to, prefix.size, key)) {
            continue;
        }
        const nj_slice words[] = {{"UNLINK", 6}, key};
        status = nj_resp_append(&b->bytes, words, 2);
        count++;
    }
    *out_count = count;
    return status;
}

static nj_status remove_unwanted(nj_batch *b, size_t count, nj_error *err)
{
    nj_status status =
        count == 0 ? NJ_OK : nj_redis_send(b->redis, nj_buffer_slice(&b->bytes), err);
    for (size_t i = 0; i < count && status == NJ_OK; i++) {
        nj_redis_answer answer;
        status = nj_redis_next(b->redis, &answer, err);
        b->result->removed += status == NJ_OK && answer.number > 0;
    }
    return status;
}

static nj_status scan(nj_batch *b, const char *cursor, const char *pattern, nj_redis_answer *out,
                      nj_error *err)
{
    const nj_slice words[] = {{"SCAN", 4},  nj_slice_from(cursor),
                              {"MATCH", 5}, nj_slice_from(pattern),
                              {"COUNT", 5}, nj_slice_from(SCAN_COUNT)};
    nj_status status = nj_redis_ask(b->redis, words, sizeof words / sizeof words[0], out, err);
    if (status == NJ_OK && (out->kind != NJ_REDIS_LIST || out->count != 2 ||
                            nj_redis_element(out, 0).text.size >= CURSOR_BYTES)) {
        status = nj_fail(err, NJ_CONFIG, "redis answers SCAN with no cursor and keys");
    }
    return status;
}

nj_status nj_load_sweep(nj_store_reader *to, nj_batch *batch, nj_error *err)
{
    char pattern[PATTERN_BYTES];
    char cursor[CURSOR_BYTES] = "0";
    make_pattern(batch->form, pattern);
    do {
        nj_redis_answer answer;
        size_t count = 0;
        nj_status status = scan(batch, cursor, pattern, &answer, err);
        if (status != NJ_OK) {
            return status;
        }
        const nj_slice next = nj_redis_element(&answer, 0).text;
        const nj_redis_answer keys = nj_redis_element(&answer, 1);
        memcpy(cursor, next.bytes, next.size);
        cursor[next.size] = '\0';
        if (gather_unwanted(to, batch, &keys, &count) != NJ_OK) {
            return nj_fail(err, NJ_NO_MEMORY, "no memory to remove users");
        }
        status = remove_unwanted(batch, count, err);
        if (status != NJ_OK) {
            return status;
        }
    } while (strcmp(cursor, "0") != 0);
    return NJ_OK;
}
