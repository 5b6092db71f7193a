// decode.c - `nightjar decode`: one process, no network; the debugging and parity path.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/catalogue/split.h"
#include "common/cli/progress.h"
#include "common/codec/row.h"
#include "ops/cli/commands.h"
#include "ops/cli/engine_options.h"
#include "worker/engine/engine.h"

#define LINE_BYTES_MAX (16u << 20)

typedef struct {
    const nj_engine *engine;
    const nj_request *requests;
    nj_row *row;    // scratch
    nj_buffer line; // scratch
    nj_buffer why;  // scratch
    bool with_sids;
    size_t flag_counts[NJ_ROW_FLAGS_MAX]; // lists that have each
    nj_split_words held_out; // what the lists were made without; "": that is not known here
    size_t done;
    nj_progress progress;
} printer;

static nj_status append_sids(printer *p, const nj_list *list)
{
    nj_status status = nj_buffer_printf(&p->line, ", \"sids\": [");
    for (uint32_t i = 0; i < list->count && status == NJ_OK; i++) {
        uint32_t levels;
        const uint16_t *sid = nj_engine_item_sid(p->engine, list->items[i], &levels);
        for (uint32_t l = 0; l < levels && status == NJ_OK; l++) {
            status = nj_buffer_printf(&p->line, "%s%u",
                                      l > 0   ? ", "
                                      : i > 0 ? "], ["
                                              : "[",
                                      sid[l]);
        }
    }
    return status != NJ_OK ? status : nj_buffer_printf(&p->line, list->count > 0 ? "]]" : "]");
}

// With --as-of it is known what the histories lack; without, whoever made the file knows.
static nj_status describe_histories(const nj_arguments *arguments, printer *p, nj_error *err)
{
    const nj_split none = {.kind = NJ_SPLIT_NONE};
    nj_histories_source source;
    nj_status status = nj_histories_from(arguments, &source, err);
    if (status == NJ_OK && source.as_of.given) {
        p->held_out = nj_split_describe(&none, &source);
    }
    return status;
}

static nj_status pack_why(printer *p, const nj_list *list)
{
    nj_status status = NJ_OK;
    nj_buffer_clear(&p->why);
    for (uint32_t i = 0; list->why != NULL && i < list->count && status == NJ_OK; i++) {
        status = nj_why_append(&p->why, &list->why[i]);
    }
    p->row->why = list->why == NULL ? (nj_slice){NULL, 0}
                  : p->why.size > 0 ? nj_buffer_slice(&p->why)
                                    : (nj_slice){"", 0};
    return status;
}

// The line of nj_row_json; further keys go before its closing brace.
static nj_status print_list(void *context, size_t index, const nj_list *list, nj_error *err)
{
    printer *p = context;
    nj_status status = pack_why(p, list);
    p->row->flags = list->flags;
    p->row->count = list->count;
    p->row->text = list->text;
    for (unsigned bit = 0; bit < NJ_ROW_FLAGS_MAX; bit++) {
        p->flag_counts[bit] += list->flags >> bit & 1u;
    }
    for (uint32_t i = 0; i < list->count; i++) {
        p->row->items[i] = nj_engine_item_id(p->engine, list->items[i]);
        p->row->scores[i] = list->scores[i];
    }
    p->row->reserve_count = list->reserve_count;
    for (uint32_t i = 0; i < list->reserve_count; i++) {
        p->row->reserve[i] = nj_engine_item_id(p->engine, list->reserve[i]);
    }
    nj_buffer_clear(&p->line);
    if (status == NJ_OK) {
        status = nj_row_json(&p->line, p->requests[index].user, p->row);
        p->line.size -= status == NJ_OK;
    }
    if (status == NJ_OK && p->with_sids) {
        status = append_sids(p, list);
    }
    if (status == NJ_OK && p->held_out.text[0] != '\0') {
        status = nj_buffer_printf(&p->line, ", \"held_out\": \"%s\"", p->held_out.text);
    }
    if (status == NJ_OK) {
        status = nj_buffer_append(&p->line, "}", 1);
    }
    if (status != NJ_OK) {
        return nj_fail(err, status, "no memory for a line");
    }
    if (fwrite(p->line.bytes, 1, p->line.size, stdout) != p->line.size ||
        putc('\n', stdout) == EOF) {
        return nj_fail_errno(err, NJ_IO, errno, "standard output");
    }
    nj_progress_update(&p->progress, ++p->done, nj_clock_mono_ns());
    return NJ_OK;
}

static nj_request *list_requests(const nj_job *job, size_t *out_count)
{
    nj_request *requests = malloc((job->users.count + 1) * sizeof *requests);
    size_t count = 0;
    for (size_t i = 0; requests != NULL && i < job->users.count; i++) {
        nj_request request = nj_user_table_at(&job->users, i);
        if (!nj_user_is_skipped(&job->users, &request, &job->settings)) {
            requests[count++] = request;
        }
    }
    *out_count = count;
    return requests;
}

// One line, where a list has a flag.
static void log_flags(const printer *p)
{
    char text[512];
    size_t used = 0;
    for (unsigned bit = 0; bit < NJ_ROW_FLAGS_MAX; bit++) {
        const char *word = nj_row_flag_word(bit);
        if (p->flag_counts[bit] > 0 && word != NULL && used < sizeof text) {
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%zu %s",
                                     used > 0 ? ", " : "", p->flag_counts[bit], word);
        }
    }
    if (used > 0) {
        nj_log(NJ_LOG_INFO, "lists with flags: %s", text);
    }
}

static nj_status decode_all(printer *p, nj_engine *engine, size_t count, nj_error *err)
{
    uint64_t start_ns = nj_clock_mono_ns();
    nj_progress_start(&p->progress, "users", count, 0, false, start_ns);
    nj_status status = nj_engine_decode(engine, p->requests, count, print_list, p, err);
    nj_progress_finish(&p->progress);
    if (status == NJ_OK) {
        double seconds = (double)(nj_clock_mono_ns() - start_ns) / 1e9;
        nj_log(NJ_LOG_INFO, "%zu users in %.2f s, %.1f users/s", count, seconds,
               seconds > 0 ? (double)count / seconds : 0);
        log_flags(p);
    }
    return status;
}

nj_status nj_command_decode(const nj_arguments *arguments, nj_error *err)
{
    nj_job job = {0};
    nj_engine *engine = NULL;
    size_t count = 0;
    nj_request *requests = NULL;
    printer p = {.row = calloc(1, sizeof *p.row), .with_sids = nj_argument_flag(arguments, "sids")};
    nj_buffer_init(&p.line, LINE_BYTES_MAX);
    nj_buffer_init(&p.why, NJ_ROW_ITEMS_MAX * NJ_WHY_ITEM_BYTES_MAX);
    nj_status status = nj_engine_options_check(arguments, err);
    if (status == NJ_OK) {
        status = describe_histories(arguments, &p, err);
    }
    if (status == NJ_OK) {
        status = nj_job_open(arguments, &job, err);
    }
    if (status == NJ_OK) {
        requests = list_requests(&job, &count);
        if (requests == NULL || p.row == NULL) {
            status = nj_fail(err, NJ_NO_MEMORY, "no memory for %zu users", job.users.count);
        }
    }
    if (status == NJ_OK) {
        status = nj_engine_from(arguments, &job.sections, &job.settings, &engine, err);
    }
    if (status == NJ_OK) {
        p.engine = engine;
        p.requests = requests;
        status = decode_all(&p, engine, count, err);
    }
    nj_engine_close(&engine);
    free(requests);
    free(p.row);
    nj_buffer_fini(&p.line);
    nj_buffer_fini(&p.why);
    nj_job_close(&job);
    return status;
}
