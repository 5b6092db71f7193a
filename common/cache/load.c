#include "common/cache/load.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/cache/load_walk.h"
#include "common/store/publish.h"

#define NS_A_MS 1000000u
#define RETRY_MS_FIRST 100
#define RETRY_MS_MAX 2000
#define LOADER_BYTES 64
#define REASON_BYTES 256
#define STARTS_MAX 3 // from the first row, in one call

// One load: what stays from one connection to the next.
typedef struct {
    const nj_load_settings *settings;
    nj_load_result *result;
    nj_store_reader *to;
    nj_store_reader *from; // the base of a delta
    char content[NJ_DIGEST_HEX_BYTES];
    char form[NJ_MARKER_TEXT_BYTES];
    char loader[LOADER_BYTES];
    nj_redis *redis;
    nj_batch *batch;
    bool is_superseded;
    unsigned starts;
} load;

typedef struct {
    bool is_there; // the server has the generation and nothing is to be done
    bool is_delta;
    nj_store_key at; // where it goes on; no bytes: from the first row
    char at_text[NJ_MARKER_AT_BYTES];
} plan;

// ---- what is to be done ----

// Opens the base where the store still has the generation that the marker names, with the same rows.
static bool open_base(load *l, const nj_marker *marker, char reason[REASON_BYTES])
{
    nj_error err = {0};
    char content[NJ_DIGEST_HEX_BYTES];
    nj_store_reader_close(&l->from);
    if (nj_store_reader_open(l->settings->store, marker->generation, &l->from, &err) != NJ_OK) {
        snprintf(reason, REASON_BYTES, "the base %.40s cannot be opened: %.150s",
                 marker->generation, err.text);
        return false;
    }
    nj_digest_hex(&nj_store_reader_manifest(l->from)->facts.content_digest, content);
    if (strcmp(content, marker->content) != 0) {
        snprintf(reason, REASON_BYTES, "the base %.40s has other rows than those that were loaded",
                 marker->generation);
        nj_store_reader_close(&l->from);
        return false;
    }
    return true;
}

// Whether a delta can be made of what the marker says, else why not.
static bool can_go_on(load *l, const nj_marker *marker, char reason[REASON_BYTES])
{
    if (marker->generation[0] == '\0') {
        snprintf(reason, REASON_BYTES, "redis names no generation that was loaded whole");
        return false;
    }
    if (strcmp(marker->form, l->form) != 0) {
        snprintf(reason, REASON_BYTES,
                 "the rows there are \"%.64s\" (value, milliseconds to live, jitter), asked is "
                 "\"%.64s\"",
                 marker->form, l->form);
        return false;
    }
    return open_base(l, marker, reason);
}

static bool was_cut_off_here(const load *l, const nj_marker *marker)
{
    return strcmp(marker->loading, l->result->generation.text) == 0 &&
           strcmp(marker->loading_content, l->content) == 0 && strcmp(marker->form, l->form) == 0;
}

static nj_status plan_load(load *l, const nj_marker *marker, plan *out, nj_error *err)
{
    char reason[REASON_BYTES] = "";
    const nj_load_mode mode = l->settings->mode;
    *out = (plan){.is_there = false};
    const bool goes_on = was_cut_off_here(l, marker) && nj_marker_at_parse(marker->at, &out->at);
    if (goes_on && marker->base[0] == '\0' && mode != NJ_LOAD_DELTA) {
        strcpy(out->at_text, marker->at);
        return NJ_OK;
    }
    out->is_delta = mode != NJ_LOAD_FULL && can_go_on(l, marker, reason);
    if (out->is_delta && marker->loading[0] != '\0' && !goes_on) {
        snprintf(reason, REASON_BYTES, "a load of %.40s was cut off", marker->loading);
        out->is_delta = false;
    }
    if (out->is_delta && strcmp(marker->generation, l->result->generation.text) == 0) {
        out->is_there = l->settings->form.ttl_ms == 0;
    }
    if (out->is_delta && goes_on) {
        strcpy(out->at_text, marker->at);
        return NJ_OK;
    }
    out->at.size = 0;
    if (!out->is_delta && mode == NJ_LOAD_DELTA) {
        return nj_fail(err, NJ_CONFIG, "no delta can be loaded: %s; load it whole: --mode full",
                       reason);
    }
    return NJ_OK;
}

// ---- one connection ----

static nj_status read_back(load *l, nj_load_walk *walk, nj_error *err)
{
    nj_batch *b = l->batch;
    b->writes = false;
    walk->reads_back = true;
    nj_status status = nj_load_walk_run(walk, b, err);
    if (status != NJ_OK || b->missing + b->different == 0) {
        return status;
    }
    // The next load is a full one.
    status = nj_marker_drop(l->redis, b->form, err);
    return status != NJ_OK
               ? status
               : nj_fail(err, NJ_REFUSED,
                         "read back from redis: %" PRIu64 " rows are missing and %" PRIu64
                         " are others, must be 0 (does something else write there, or "
                         "does maxmemory remove keys?)",
                         b->missing, b->different);
}

static nj_status write_and_read(load *l, const plan *p, const nj_marker_load *told, nj_error *err)
{
    nj_batch *b = l->batch;
    nj_load_walk walk = {.to = l->to,
                         .from = p->is_delta ? l->from : NULL,
                         .touches = l->settings->form.ttl_ms != 0,
                         .at = {(const char *)p->at.bytes, p->at.size}};
    b->writes = true;
    b->confirmed = walk.at;
    nj_status status = nj_load_walk_run(&walk, b, err);
    if (status == NJ_OK && !p->is_delta) {
        status = nj_load_sweep(l->to, b, err);
    }
    if (status == NJ_OK && !l->settings->skip_verify) {
        status = read_back(l, &walk, err);
    }
    return status != NJ_OK ? status : nj_marker_end(l->redis, told, err);
}

static void log_plan(const load *l, const plan *p)
{
    const char *where = p->at.size != 0 ? ", from where it was cut off" : "";
    if (p->is_there) {
        nj_log(NJ_LOG_INFO, "redis has %s already", l->result->generation.text);
    } else if (p->is_delta) {
        nj_log(NJ_LOG_INFO, "loading what differs between %s and %s%s", l->result->base,
               l->result->generation.text, where);
    } else {
        nj_log(NJ_LOG_INFO, "loading %s whole%s", l->result->generation.text, where);
    }
}

static nj_status run_plan(load *l, const plan *p, nj_error *err)
{
    if (p->at.size == 0 && l->starts++ == STARTS_MAX) {
        return nj_fail(
            err, NJ_CONFIG,
            "the load has begun %d times from the first row: redis loses what is written "
            "(a --ttl that is shorter than the load?)",
            STARTS_MAX);
    }
    const nj_marker_load told = {.form = &l->settings->form,
                                 .generation = l->result->generation.text,
                                 .content = l->content,
                                 .base = l->result->base,
                                 .loader = l->loader};
    nj_status status = nj_marker_begin(l->redis, &told, p->at_text, err);
    if (status == NJ_OK) {
        status = nj_batch_init(l->batch, l->settings, l->redis, l->loader, l->result, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    status = write_and_read(l, p, &told, err);
    l->is_superseded = l->batch->is_superseded;
    nj_batch_fini(l->batch);
    return status;
}

static nj_status load_once(load *l, nj_error *err)
{
    nj_marker marker;
    plan p;
    nj_status status = nj_redis_open(&l->settings->address, &l->redis, err);
    if (status == NJ_OK) {
        status = nj_marker_read(l->redis, &l->settings->form, &marker, err);
    }
    if (status == NJ_OK) {
        status = plan_load(l, &marker, &p, err);
    }
    if (status == NJ_OK) {
        snprintf(l->result->base, sizeof l->result->base, "%.*s", NJ_STORE_NAME_CHARS,
                 p.is_delta ? marker.generation : "");
        log_plan(l, &p);
        status = p.is_there ? NJ_OK : run_plan(l, &p, err);
    }
    nj_redis_close(&l->redis);
    return status;
}

// ---- the server goes and comes ----

static void wait_ms(uint64_t ms)
{
    struct timespec left = {(time_t)(ms / 1000), (long)(ms % 1000 * NS_A_MS)};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

static uint64_t count_work(const nj_load_result *result)
{
    return result->written + result->removed + result->touched + result->verified;
}

static nj_status load_patiently(load *l, nj_error *err)
{
    uint64_t since_ns = nj_clock_mono_ns();
    uint64_t retry_ms = RETRY_MS_FIRST;
    for (;;) {
        const uint64_t work = count_work(l->result);
        nj_status status = load_once(l, err);
        if (status != NJ_AGAIN || l->is_superseded) {
            return status;
        }
        const uint64_t now_ns = nj_clock_mono_ns();
        if (count_work(l->result) != work) {
            since_ns = now_ns;
            retry_ms = RETRY_MS_FIRST;
        }
        if (now_ns - since_ns >= l->settings->patience_ms * NS_A_MS) {
            return status;
        }
        nj_log(NJ_LOG_WARNING, "%s; trying again", err == NULL ? "redis is away" : err->text);
        wait_ms(retry_ms);
        retry_ms = retry_ms * 2 < RETRY_MS_MAX ? retry_ms * 2 : RETRY_MS_MAX;
        l->result->reconnects++;
    }
}

nj_status nj_cache_load(const nj_load_settings *settings, nj_load_result *out, nj_error *err)
{
    load l = {.settings = settings, .result = out};
    *out = (nj_load_result){.written = 0};
    l.batch = malloc(sizeof *l.batch);
    if (l.batch == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a batch");
    }
    nj_status status = nj_store_reader_open(settings->store, settings->generation, &l.to, err);
    if (status == NJ_OK) {
        out->generation = *nj_store_reader_name(l.to);
        status = nj_store_check_data(settings->store, &out->generation,
                                     nj_store_reader_manifest(l.to), err);
    }
    if (status == NJ_OK) {
        nj_digest_hex(&nj_store_reader_manifest(l.to)->facts.content_digest, l.content);
        nj_marker_form(&settings->form, l.form);
        snprintf(l.loader, sizeof l.loader, "%ld-%" PRIu64, (long)getpid(), nj_clock_wall_ms());
        status = load_patiently(&l, err);
    }
    nj_store_reader_close(&l.to);
    nj_store_reader_close(&l.from);
    free(l.batch);
    return status;
}
