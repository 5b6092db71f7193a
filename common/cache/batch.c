#include "common/cache/batch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"

#define BATCH_BYTES_MAX ((size_t)2 << 30)
#define NS_A_SECOND 1000000000u
#define NS_A_MS 1000000u

nj_status nj_batch_init(nj_batch *batch, const nj_load_settings *settings, nj_redis *redis,
                        const char *loader, nj_load_result *result, nj_error *err)
{
    *batch =
        (nj_batch){.redis = redis, .form = &settings->form, .loader = loader, .result = result};
    nj_pace_init(&batch->pace, settings->rate, settings->latency_max_ms * NS_A_MS,
                 nj_clock_mono_ns());
    nj_buffer_init(&batch->bytes, BATCH_BYTES_MAX);
    nj_buffer_init(&batch->value, BATCH_BYTES_MAX);
    batch->row = malloc(sizeof *batch->row);
    return batch->row != NULL ? NJ_OK : nj_fail(err, NJ_NO_MEMORY, "no memory to read rows");
}

void nj_batch_fini(nj_batch *batch)
{
    nj_buffer_fini(&batch->bytes);
    nj_buffer_fini(&batch->value);
    free(batch->row);
    batch->row = NULL;
}

static nj_status append_set(nj_batch *b, nj_slice user, nj_slice row, nj_error *err)
{
    nj_buffer_clear(&b->value);
    nj_status status = nj_cache_value_append(b->form, user, row, b->row, &b->value, err);
    if (status == NJ_OK) {
        status = nj_cache_set_append(b->form, user, nj_buffer_slice(&b->value), &b->bytes);
    }
    return status;
}

static nj_status append_short(nj_batch *b, nj_batch_kind kind, nj_slice user)
{
    nj_cache_key key;
    char ttl[24];
    nj_cache_key_make(b->form, user, &key);
    snprintf(ttl, sizeof ttl, "%" PRIu64, nj_cache_ttl_ms(b->form, user));
    const char *word = kind == NJ_BATCH_REMOVE  ? "UNLINK"
                       : kind == NJ_BATCH_TOUCH ? "PEXPIRE"
                                                : "GET";
    const nj_slice words[] = {nj_slice_from(word), {key.bytes, key.size}, nj_slice_from(ttl)};
    return nj_resp_append(&b->bytes, words, kind == NJ_BATCH_TOUCH ? 3 : 2);
}

static nj_status append_command(nj_batch *b, const nj_batch_command *command, nj_error *err)
{
    char digits[NJ_STORE_DIGITS_BYTES];
    nj_slice user;
    nj_status status = nj_store_key_unpack(command->key, digits, &user, err);
    if (status != NJ_OK) {
        return status;
    }
    if (command->kind == NJ_BATCH_SET) {
        return append_set(b, user, command->row, err);
    }
    return append_short(b, command->kind, user);
}

// ---- answers ----

static nj_status compare_row(nj_batch *b, const nj_batch_command *command,
                             const nj_redis_answer *answer, nj_error *err)
{
    char digits[NJ_STORE_DIGITS_BYTES];
    nj_slice user;
    nj_status status = nj_store_key_unpack(command->key, digits, &user, err);
    nj_buffer_clear(&b->value);
    if (status == NJ_OK) {
        status = nj_cache_value_append(b->form, user, command->row, b->row, &b->value, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    b->result->verified++;
    if (answer->kind == NJ_REDIS_NIL) {
        b->missing++;
    } else if (!nj_slice_equal(answer->text, nj_buffer_slice(&b->value))) {
        b->different++;
    }
    return NJ_OK;
}

// What one answer says. `*out_lost`: a row that was to be touched is not there.
static nj_status take_answer(nj_batch *b, const nj_batch_command *command,
                             const nj_redis_answer *answer, bool *out_lost, nj_error *err)
{
    switch (command->kind) {
    case NJ_BATCH_SET:
        b->result->written++;
        return NJ_OK;
    case NJ_BATCH_REMOVE:
        b->result->removed += answer->number > 0;
        return NJ_OK;
    case NJ_BATCH_TOUCH:
        *out_lost = answer->number == 0;
        b->result->touched += answer->number != 0;
        return NJ_OK;
    case NJ_BATCH_ABSENT:
        b->result->verified++;
        b->different += answer->kind != NJ_REDIS_NIL;
        return NJ_OK;
    case NJ_BATCH_COMPARE:
        break;
    }
    return compare_row(b, command, answer, err);
}

// Answers of the commands. Those of rows that are to be written again stay in `commands`, moved to the front.
static nj_status take_answers(nj_batch *b, uint32_t *out_lost, nj_error *err)
{
    uint32_t lost = 0;
    for (uint32_t i = 0; i < b->count; i++) {
        nj_redis_answer answer;
        bool is_lost = false;
        nj_status status = nj_redis_next(b->redis, &answer, err);
        if (status == NJ_OK) {
            status = take_answer(b, &b->commands[i], &answer, &is_lost, err);
        }
        if (status != NJ_OK) {
            return status;
        }
        if (is_lost) {
            b->commands[lost] = b->commands[i];
            b->commands[lost++].kind = NJ_BATCH_SET;
        }
    }
    *out_lost = lost;
    return NJ_OK;
}

// Asked before a batch leaves: what an older load writes must not lie over what a younger one has written.
static nj_status check_loader(nj_batch *b, nj_error *err)
{
    nj_redis_answer answer;
    nj_status status = nj_marker_loader(b->redis, b->form, &answer, err);
    if (status != NJ_OK) {
        return status;
    }
    if (answer.kind != NJ_REDIS_TEXT) {
        return nj_fail(err, NJ_AGAIN, "redis has lost the marker of this load");
    }
    if (!nj_slice_equal(answer.text, nj_slice_from(b->loader))) {
        b->is_superseded = true;
        return nj_fail(err, NJ_AGAIN, "another load into this prefix has begun: \"%.*s\"",
                       NJ_SLICE_ARGS(answer.text));
    }
    return NJ_OK;
}
static void wait_ns(uint64_t ns)
{
    struct timespec left = {(time_t)(ns / NS_A_SECOND), (long)(ns % NS_A_SECOND)};
    while (ns != 0 && nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

// One round: the place that is known, and the commands.
static nj_status send_round(nj_batch *b, uint32_t *out_lost, nj_error *err)
{
    nj_buffer_clear(&b->bytes);
    nj_status status = b->writes ? nj_marker_at_append(b->form, b->confirmed, &b->bytes) : NJ_OK;
    for (uint32_t i = 0; i < b->count && status == NJ_OK; i++) {
        status = append_command(b, &b->commands[i], err);
    }
    if (status == NJ_NO_MEMORY) {
        return nj_fail(err, status, "no memory for a batch of %u rows", b->count);
    }
    if (status != NJ_OK || b->bytes.size == 0) {
        return status;
    }
    wait_ns(nj_pace_wait_ns(&b->pace, nj_clock_mono_ns()));
    const uint64_t sent_ns = nj_clock_mono_ns();
    status = b->writes ? check_loader(b, err) : NJ_OK;
    if (status == NJ_OK) {
        status = nj_redis_send(b->redis, nj_buffer_slice(&b->bytes), err);
    }
    if (status == NJ_OK && b->writes) {
        nj_redis_answer noted;
        status = nj_redis_next(b->redis, &noted, err);
    }
    if (status == NJ_OK) {
        status = take_answers(b, out_lost, err);
    }
    const uint64_t now_ns = nj_clock_mono_ns();
    const uint64_t backoffs = b->pace.backoffs;
    nj_pace_took(&b->pace, b->count, now_ns - sent_ns, now_ns);
    b->result->backoffs += b->pace.backoffs - backoffs;
    return status;
}

nj_status nj_batch_flush(nj_batch *batch, nj_error *err)
{
    uint32_t lost = 0;
    const nj_slice last =
        batch->count == 0 ? batch->confirmed : batch->commands[batch->count - 1].key;
    nj_status status = send_round(batch, &lost, err);
    while (status == NJ_OK && lost != 0) {
        batch->count = lost;
        lost = 0;
        status = send_round(batch, &lost, err);
    }
    batch->count = 0;
    if (status == NJ_OK) {
        batch->confirmed = last;
    }
    return status;
}

nj_status nj_batch_add(nj_batch *batch, nj_batch_kind kind, nj_slice key, nj_slice row,
                       nj_error *err)
{
    batch->commands[batch->count++] = (nj_batch_command){kind, key, row};
    return batch->count >= batch->pace.batch ? nj_batch_flush(batch, err) : NJ_OK;
}
