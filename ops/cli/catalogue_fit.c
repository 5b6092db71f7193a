// catalogue_fit.c - `nightjar catalogue fit`: codebooks from item embeddings, and SIDs from them.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/catalogue/catalogue_assign.h"
#include "common/catalogue/catalogue_fit.h"
#include "common/catalogue/tokens.h"
#include "common/cli/progress.h"
#include "common/input/idfile.h"
#include "common/input/npy.h"
#include "ops/cli/collision_options.h"
#include "ops/cli/commands.h"
#include "ops/cli/item_options.h"
#include "ops/cli/numbers.h"
#include "ops/cli/output_lock.h"

#define STATE_SUFFIX ".fit"

// A fit as it was asked for.
typedef struct {
    nj_fit_config fit;
    nj_assign_config assign;
    nj_catalogue_options options;
    nj_item_place place;
    nj_path state_path;
    nj_progress progress;
    uint64_t began_ns;
} fit_request;

// ---- options ----

static nj_status tolerance_from(const nj_arguments *arguments, double *out, nj_error *err)
{
    const char *text = nj_argument(arguments, "tolerance");
    char *end = NULL;
    const double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= 0.0 && value < 1.0)) {
        return nj_fail(err, NJ_USAGE, "--tolerance is \"%s\", must be a number from 0 to below 1",
                       text);
    }
    *out = value;
    return NJ_OK;
}

static nj_status method_from(const nj_arguments *arguments, nj_fit_config *fit, nj_error *err)
{
    const char *word = nj_argument(arguments, "method");
    return nj_quant_kind_from_name(word, &fit->method)
               ? NJ_OK
               : nj_fail(err, NJ_USAGE,
                         "--method is \"%s\", must be residual, product or hierarchical", word);
}

static nj_status numbers_from(const nj_arguments *arguments, nj_fit_config *fit, nj_error *err)
{
    uint64_t levels = 0;
    uint64_t iterations = 0;
    uint64_t pca = 0;
    uint64_t seconds = 0;
    nj_status status = nj_argument_uint(arguments, "levels", 1, NJ_QUANT_LEVELS_MAX, &levels, err);
    if (status == NJ_OK) {
        status =
            nj_argument_uint(arguments, "iterations", 1, NJ_FIT_ITERATIONS_MAX, &iterations, err);
    }
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "pca", 0, NJ_FIT_DIMS_MAX, &pca, err);
    }
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "state-every", 0, UINT32_MAX, &seconds, err);
    }
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "seed", 0, UINT64_MAX, &fit->seed, err);
    }
    fit->level_count = (uint32_t)levels;
    fit->iterations_max = (uint32_t)iterations;
    fit->pca_width = (uint32_t)pca;
    fit->state_every_ms = seconds * 1000;
    return status;
}

static nj_status fit_from(const nj_arguments *arguments, nj_fit_config *fit, nj_error *err)
{
    *fit = (nj_fit_config){.embeddings_path = nj_argument(arguments, "embeddings"),
                           .standardise = nj_argument_flag(arguments, "standardise"),
                           .balanced = nj_argument_flag(arguments, "balanced"),
                           .resume = nj_argument_flag(arguments, "resume")};
    nj_status status = numbers_from(arguments, fit, err);
    if (status == NJ_OK) {
        status = nj_level_numbers_from(arguments, "codes", NJ_CODES_MIN, NJ_CODES_MAX,
                                       fit->level_count, fit->K, err);
    }
    if (status == NJ_OK) {
        status = method_from(arguments, fit, err);
    }
    return status == NJ_OK ? tolerance_from(arguments, &fit->tolerance, err) : status;
}

static nj_status check_tokens(const fit_request *request, uint32_t token_base, nj_error *err)
{
    const nj_fit_config *fit = &request->fit;
    uint32_t bases[NJ_LEVELS_MAX];
    nj_sids sids = {.level_count = fit->level_count};
    memcpy(sids.codes_per_level, fit->K, fit->level_count * sizeof *fit->K);
    const uint32_t counter =
        nj_collisions_suffix_width(&request->assign.collisions, fit->K[fit->level_count - 1]);
    if (counter > 0) {
        sids.codes_per_level[sids.level_count++] = counter;
    }
    return nj_level_token_bases(&sids, token_base, "--token-base", bases, err);
}

// What would only be found wrong behind hours of work.
static nj_status options_from(const nj_arguments *arguments, fit_request *request, nj_error *err)
{
    const nj_fit_config *fit = &request->fit;
    uint64_t token_base = 0;
    nj_status status = nj_argument_uint(arguments, "token-base", 0, NJ_TOKEN_MAX, &token_base, err);
    if (status == NJ_OK) {
        status = nj_collision_options_from(arguments, &request->assign.collisions, err);
    }
    if (status == NJ_OK && fit->level_count == NJ_LEVELS_MAX &&
        nj_collisions_suffix_width(&request->assign.collisions, fit->K[fit->level_count - 1]) > 0) {
        status = nj_fail(err, NJ_USAGE,
                         "%" PRIu32 " levels and a collision counter make %" PRIu32
                         ", the limit is %d: fewer --levels or --collisions relocate would do",
                         fit->level_count, fit->level_count + 1, NJ_LEVELS_MAX);
    }
    if (status == NJ_OK) {
        status = check_tokens(request, (uint32_t)token_base, err);
    }
    if (status == NJ_OK) {
        status = nj_catalogue_check_path(nj_argument(arguments, "out"),
                                         nj_argument_flag(arguments, "overwrite"), err);
    }
    request->options = (nj_catalogue_options){.ids_path = nj_argument(arguments, "ids"),
                                              .token_base = (uint32_t)token_base};
    request->assign.embeddings_path = fit->embeddings_path;
    return status;
}

// A stream would be empty by then.
static nj_status check_twice_readable(const char *path, nj_error *err)
{
    struct stat about;
    return stat(path, &about) != 0 || S_ISREG(about.st_mode) || S_ISDIR(about.st_mode)
               ? NJ_OK
               : nj_fail(err, NJ_INPUT,
                         "%s: not a regular file: a fit reads the ids before it begins and again "
                         "when it is done",
                         path);
}

// Ids are read again behind the fit; here only to be sure that they will do.
static nj_status check_ids(const fit_request *request, nj_error *err)
{
    const char *path = request->options.ids_path;
    nj_idlist_builder ids;
    nj_npy npy = {0};
    if (path == NULL) {
        return NJ_OK;
    }
    nj_idlist_builder_init(&ids);
    nj_status status = nj_npy_open(request->fit.embeddings_path, &npy, err);
    if (status == NJ_OK) {
        status = check_twice_readable(path, err);
    }
    if (status == NJ_OK) {
        status = nj_idfile_read(path, &ids, err);
    }
    if (status == NJ_OK && npy.dim_count == 2 && ids.count != npy.shape[0]) {
        status = nj_fail(err, NJ_INPUT, "%s: %zu ids, there are %zu items", path, ids.count,
                         npy.shape[0]);
    }
    nj_npy_close(&npy);
    nj_idlist_builder_fini(&ids);
    return status;
}

static nj_status state_path_from(const nj_arguments *arguments, nj_path *out, nj_error *err)
{
    nj_status status = nj_path_copy(nj_argument(arguments, "out"), out, err);
    const size_t length = strlen(out->text);
    if (status == NJ_OK && length + sizeof STATE_SUFFIX > sizeof out->text) {
        return nj_fail(err, NJ_INPUT, "path is longer than %d bytes: %.80s...",
                       NJ_PATH_BYTES - (int)sizeof STATE_SUFFIX, out->text);
    }
    if (status == NJ_OK) {
        memcpy(out->text + length, STATE_SUFFIX, sizeof STATE_SUFFIX);
    }
    return status;
}

// ---- what is told ----

static void show_progress(void *context, const nj_fit_progress *fit)
{
    nj_progress *progress = context;
    if (!progress->quiet && fit->iteration == 0 && strcmp(fit->phase, "components") == 0) {
        nj_log(NJ_LOG_INFO, "looking for the principal components: nothing is shown until they are "
                            "found, which takes some minutes where rows are thousands wide");
    }
    progress->total = fit->rows_total;
    if (fit->iteration > 0) {
        nj_progress_note(
            progress,
            "level %" PRIu32 " of %" PRIu32 ", update %" PRIu32 " of %" PRIu32 ", error %.6g",
            fit->level + 1, fit->level_count, fit->iteration, fit->iterations_max, fit->error);
    } else {
        nj_progress_note(progress, "level %" PRIu32 " of %" PRIu32 ", %s", fit->level + 1,
                         fit->level_count, fit->phase);
    }
    nj_progress_update(progress, fit->rows_done, nj_clock_mono_ns());
}

static json_t *levels_to_json(const nj_fit_report *report)
{
    json_t *levels = json_array();
    for (uint32_t l = 0; l < report->level_count; l++) {
        const nj_fit_level *level = &report->levels[l];
        json_array_append_new(
            levels, json_pack("{s:f, s:I, s:b, s:I, s:I, s:I, s:I}", "error", level->error,
                              "iterations", (json_int_t)level->iterations, "converged",
                              level->converged, "codes_revived", (json_int_t)level->revived,
                              "codes_empty", (json_int_t)level->empty, "largest_code",
                              (json_int_t)level->largest, "rows", (json_int_t)level->node_count));
    }
    return levels;
}

static json_t *numbers_to_json(const uint32_t *numbers, uint32_t count)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < count; i++) {
        json_array_append_new(array, json_integer(numbers[i]));
    }
    return array;
}

static nj_status print_json(const nj_catalogue_summary *summary, const nj_quant_error *error,
                            const nj_fit_report *report, double seconds, nj_error *err)
{
    json_t *residual = json_array();
    for (uint32_t l = 0; l < report->level_count; l++) {
        json_array_append_new(residual, json_real(nj_quant_error_mean(error, l)));
    }
    json_t *fit = json_pack("{s:o, s:f, s:f, s:b, s:f}", "levels", levels_to_json(report),
                            "mean_square", report->total_square, "variance", report->total_variance,
                            "resumed", report->resumed, "seconds", seconds);
    json_t *object = json_pack(
        "{s:I, s:I, s:o, s:I, s:I, s:b, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "items",
        (json_int_t)summary->item_count, "levels", (json_int_t)summary->level_count,
        "codes_per_level", numbers_to_json(summary->codes_per_level, summary->level_count),
        "token_base", (json_int_t)summary->token_base, "token_end", (json_int_t)summary->token_end,
        "suffix", summary->has_suffix, "distinct_sids", (json_int_t)summary->distinct_sid_count,
        "items_sharing_a_sid", (json_int_t)summary->sharing_item_count, "largest_leaf",
        (json_int_t)summary->largest_leaf_item_count, "items_colliding",
        (json_int_t)summary->collision_item_count, "largest_collision",
        (json_int_t)summary->largest_prefix_item_count, "squared_residual", residual, "fit", fit);
    return nj_print_json_take(&object, err);
}

static void print_text(const nj_catalogue_summary *summary, const nj_quant_error *error,
                       const nj_fit_report *report, double seconds)
{
    printf("%u items, mean square %.6g, variance %.6g\n", summary->item_count, report->total_square,
           report->total_variance);
    for (uint32_t l = 0; l < report->level_count; l++) {
        const nj_fit_level *level = &report->levels[l];
        printf("level %" PRIu32 ": %" PRIu32 " codes, mean squared residual %.6g after %" PRIu32
               " updates%s; %" PRIu32 " revived, %" PRIu32 " empty, at most %" PRIu64
               " items in one\n",
               l, level->node_count, nj_quant_error_mean(error, l), level->iterations,
               level->converged ? " (settled)" : "", level->revived, level->empty, level->largest);
    }
    printf("%u items collide%s, at most %u in one prefix; %u distinct SIDs\n",
           summary->collision_item_count, summary->has_suffix ? " before the counter" : "",
           summary->largest_prefix_item_count, summary->distinct_sid_count);
    printf("%s%.1f s\n", report->resumed ? "resumed; " : "", seconds);
}

// ---- running ----

static nj_status read_request(const nj_arguments *arguments, fit_request *request, nj_error *err)
{
    nj_status status = fit_from(arguments, &request->fit, err);
    if (status == NJ_OK) {
        status = options_from(arguments, request, err);
    }
    if (status == NJ_OK) {
        status = check_ids(request, err);
    }
    if (status == NJ_OK) {
        status = state_path_from(arguments, &request->state_path, err);
    }
    request->fit.executor = &request->place.executor;
    request->assign.executor = &request->place.executor;
    request->fit.state_path = request->state_path.text;
    request->fit.progress = show_progress;
    request->fit.progress_context = &request->progress;
    return status;
}

static nj_status write_catalogue(const nj_arguments *arguments, const fit_request *request,
                                 const nj_catalogue *catalogue, const nj_quant_error *error,
                                 const nj_fit_report *report, nj_error *err)
{
    nj_catalogue_summary summary;
    nj_status status = nj_catalogue_show(catalogue, &summary, err);
    if (status == NJ_OK) {
        status = nj_catalogue_write(nj_argument(arguments, "out"), catalogue,
                                    nj_argument_flag(arguments, "overwrite"), err);
    }
    if (status == NJ_OK) {
        status = nj_fit_forget(request->state_path.text, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    const double seconds = (double)(nj_clock_mono_ns() - request->began_ns) / 1e9;
    if (nj_argument_flag(arguments, "json")) {
        return print_json(&summary, error, report, seconds, err);
    }
    print_text(&summary, error, report, seconds);
    return NJ_OK;
}

static nj_status fit_and_assign(fit_request *request, bool quiet, nj_fitted *fitted,
                                nj_fit_report *report, nj_quant_error *error, nj_catalogue **out,
                                nj_error *err)
{
    nj_progress_start(&request->progress, "rows", 0, 0, quiet, request->began_ns);
    nj_status status = nj_fit(&request->fit, fitted, report, err);
    nj_progress_finish(&request->progress);
    if (status != NJ_OK) {
        return status;
    }
    request->assign.model = fitted;
    request->assign.quiet = quiet;
    return nj_catalogue_assign(&request->assign, &request->options, error, out, err);
}

nj_status nj_command_catalogue_fit(const nj_arguments *arguments, nj_error *err)
{
    fit_request request = {.began_ns = nj_clock_mono_ns()};
    nj_output_lock lock = NJ_OUTPUT_LOCK_NONE; // of the state, and so of the catalogue
    nj_fitted fitted = {0};
    nj_catalogue *catalogue = NULL;
    nj_fit_report report;
    nj_quant_error error;
    nj_status status = read_request(arguments, &request, err);
    if (status == NJ_OK) {
        status = nj_output_lock_take(request.state_path.text, &lock, err);
    }
    if (status == NJ_OK) {
        status = nj_item_place_open(arguments, &request.place, err);
    }
    if (status == NJ_OK) {
        status = fit_and_assign(&request, nj_argument_flag(arguments, "quiet"), &fitted, &report,
                                &error, &catalogue, err);
        nj_item_place_close(&request.place, status);
    }
    if (status == NJ_OK) {
        status = write_catalogue(arguments, &request, catalogue, &error, &report, err);
    }
    nj_output_lock_release(&lock);
    nj_catalogue_free(&catalogue);
    nj_fitted_fini(&fitted);
    return status;
}
