// eval_report.c - the report of `nightjar eval`: its options, and what its forms share.
#include "ops/cli/eval_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "ops/cli/commands.h"

static nj_status read_numbers(const nj_arguments *arguments, nj_eval_report *r, nj_error *err)
{
    uint64_t resamples = 0;
    r->as_json = nj_argument_flag(arguments, "json");
    nj_status status =
        nj_argument_uint(arguments, "resamples", 0, NJ_RESAMPLES_MAX, &resamples, err);
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "seed", 0, UINT64_MAX, &r->resampling.seed, err);
    }
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "examples", 0, NJ_EVAL_EXAMPLES_MAX, &r->example_count,
                                  err);
    }
    r->resampling.resample_count = (uint32_t)resamples;
    return status;
}

static nj_status read_names(const nj_arguments *arguments, size_t model_count, nj_eval_report *r,
                            nj_error *err)
{
    const char *names = nj_argument(arguments, "names");
    size_t count = 0;
    if (names == NULL) {
        return NJ_OK;
    }
    if (strlen(names) >= sizeof r->names_text) {
        return nj_fail(err, NJ_USAGE, "--names has %zu bytes, must be at most %zu", strlen(names),
                       sizeof r->names_text - 1);
    }
    snprintf(r->names_text, sizeof r->names_text, "%s", names);
    nj_text_make_printable(r->names_text);
    for (char *next = r->names_text; next != NULL; count++) {
        char *comma = strchr(next, ',');
        if (count < NJ_MODELS_MAX) {
            r->names[count] = next;
        }
        if (comma != NULL) {
            *comma++ = '\0';
        }
        if (*next == '\0') {
            return nj_fail(err, NJ_USAGE, "--names leaves model %zu without a name", count + 1);
        }
        next = comma;
    }
    return count == model_count
               ? NJ_OK
               : nj_fail(err, NJ_USAGE, "--names has %zu names for %zu models", count, model_count);
}

nj_status nj_eval_report_begin(const nj_arguments *arguments, const nj_idmap *map,
                               nj_evaluation *evaluation, nj_eval_report *out, nj_error *err)
{
    nj_evaluation *e = evaluation;
    const char *embeddings = nj_argument(arguments, "embeddings");
    const char *page = nj_argument(arguments, "report");
    nj_status status = read_numbers(arguments, out, err);
    if (status == NJ_OK) {
        status = read_names(arguments, e->model_count, out, err);
    }
    if (status == NJ_OK && page != NULL) {
        status = nj_file_draft_begin(page, &out->page, err);
    }
    if (status == NJ_OK && nj_argument(arguments, "items") != NULL) {
        status = nj_eval_texts_read(arguments, map, e->item_ids, &out->texts, err);
        e->texts = out->texts.view;
    }
    if (status == NJ_OK && embeddings != NULL) {
        status = nj_eval_embeddings_read(embeddings, e->item_count, &out->embeddings,
                                         &e->embedding_width, err);
        e->embeddings = out->embeddings;
    }
    if (status == NJ_OK && e->level_count > 1 &&
        nj_codes_are_counted(e->codes, e->item_count, e->level_count, &e->has_suffix) != NJ_OK) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory to sort %zu SIDs", e->item_count);
    }
    return status;
}

void nj_eval_report_end(nj_eval_report *report)
{
    nj_file_draft_abort(&report->page);
    nj_eval_texts_fini(&report->texts);
    free(report->embeddings);
    *report = (nj_eval_report){0};
}

static nj_status print_json(const nj_eval_told *told, nj_error *err)
{
    json_t *object = nj_eval_to_json(told);
    return nj_print_json_take(&object, err);
}

nj_status nj_eval_report_write(nj_eval_report *report, const nj_evaluation *evaluation,
                               nj_error *err)
{
    nj_evaluation named = *evaluation;
    nj_figures *figures = NULL;
    for (size_t i = 0; i < named.model_count; i++) {
        named.models[i].name =
            report->names[i] != NULL ? report->names[i] : evaluation->models[i].name;
    }
    const uint64_t start_ns = nj_clock_mono_ns();
    if (nj_figures_new(&named, &report->resampling, &figures) != NJ_OK) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to judge %zu models of %zu users",
                       named.model_count, named.user_count);
    }
    nj_log(NJ_LOG_INFO, "%zu models of %zu users judged in %.2f s, %u resamples", named.model_count,
           named.user_count, (double)(nj_clock_mono_ns() - start_ns) / 1e9,
           report->resampling.resample_count);
    const nj_eval_told told = {
        .e = &named, .f = figures, .example_count = (size_t)report->example_count};
    nj_status status = NJ_OK;
    if (report->page.stream != NULL) {
        status = nj_eval_write_page(&told, &report->page, err);
    }
    if (status == NJ_OK && report->as_json) {
        status = print_json(&told, err);
    } else if (status == NJ_OK) {
        nj_eval_print(&told);
    }
    nj_figures_free(&figures);
    return status;
}

// ---- what the forms share ----

const char *nj_masking_title(nj_masking masking)
{
    return masking == NJ_HISTORY_MASKED ? "history masked" : "history kept";
}

bool nj_eval_loss(const nj_eval_told *told, size_t other, nj_masking masking, size_t metric,
                  size_t cutoff, double *out)
{
    const double value = told->f->rankings[other][masking].metrics.at[metric][cutoff].value;
    const double first = told->f->rankings[0][masking].metrics.at[metric][cutoff].value;
    *out = value > 0 ? (value - first) / value : 0;
    return value > 0;
}

size_t nj_eval_test_count(const nj_eval_told *told)
{
    size_t count = 0;
    for (size_t model = 1; model < told->e->model_count; model++) {
        count += NJ_METRIC_COUNT * told->f->comparisons[model][told->e->primary].cutoff_count;
    }
    return count;
}

size_t nj_eval_examples(const nj_eval_told *told, size_t other, nj_outcome outcome,
                        uint32_t users[NJ_EVAL_EXAMPLES_MAX])
{
    return nj_contrast_examples(nj_primary_ranking(told->e, 0)->judgement.ranks,
                                nj_primary_ranking(told->e, other)->judgement.ranks,
                                told->e->user_count, told->f->cutoff, outcome, users,
                                told->example_count);
}

size_t nj_eval_last_items(const nj_evaluation *evaluation, size_t user, const uint32_t **out)
{
    uint32_t count = 0;
    if (evaluation->history_at == NULL) {
        return 0;
    }
    const uint32_t *items = evaluation->history_at(evaluation->history, user, &count);
    const uint32_t shown = count < NJ_EVAL_LAST_ITEMS ? count : NJ_EVAL_LAST_ITEMS;
    *out = items + (count - shown);
    return shown;
}

void nj_eval_item_text(const nj_evaluation *evaluation, uint32_t item, char out[NJ_EVAL_ITEM_BYTES])
{
    const nj_slice id = nj_idlist_at(evaluation->item_ids, item);
    const nj_slice *titles = evaluation->texts.titles;
    const nj_slice title =
        titles != NULL && titles[item].bytes != NULL ? titles[item] : (nj_slice){"", 0};
    snprintf(out, NJ_EVAL_ITEM_BYTES, "%.*s%s%.*s", NJ_SLICE_ARGS(id), title.size > 0 ? " " : "",
             NJ_SLICE_ARGS(title));
    nj_text_make_printable(out);
}

void nj_eval_codes_text(const nj_evaluation *evaluation, uint32_t item, size_t count,
                        char out[NJ_EVAL_ITEM_BYTES])
{
    const uint16_t *codes = evaluation->codes + item * evaluation->level_count;
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < count && at < NJ_EVAL_ITEM_BYTES; i++) {
        at +=
            (size_t)snprintf(out + at, NJ_EVAL_ITEM_BYTES - at, "%s%u", i > 0 ? " " : "", codes[i]);
    }
}
