#include "ops/cli/catalogue_refit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/cli/progress.h"

#define CHURN_LINE_BYTES_MAX (16u << 10)
#define TOLERANCE 1e-4 // an update that lowers the error by less than this share of it ends a level

// ---- where new codebooks come from ----

// A catalogue's own, which it gives away.
static nj_status take_codebooks(const char *path, nj_fitted *out, nj_error *err)
{
    nj_catalogue *source = NULL;
    nj_status status = nj_catalogue_read(path, &source, err);
    if (status == NJ_OK && source->codebooks.level_count == 0) {
        status = nj_fail(err, NJ_INPUT, "%s: is a catalogue without codebooks", path);
    }
    if (status == NJ_OK) {
        *out = (nj_fitted){.codebooks = source->codebooks,
                           .transform = source->transform,
                           .codebook_values = source->codebook_values,
                           .transform_values = source->transform_values,
                           .child_offsets = source->child_offsets};
        source->codebook_values = NULL;
        source->transform_values = NULL;
        source->child_offsets = NULL;
    }
    nj_catalogue_free(&source);
    return status;
}

static void show_progress(void *context, const nj_fit_progress *fit)
{
    nj_progress *progress = context;
    progress->total = fit->rows_total;
    nj_progress_note(progress, "%s, level %u of %u", fit->phase, fit->level + 1, fit->level_count);
    nj_progress_update(progress, fit->rows_done, nj_clock_mono_ns());
}

static nj_status fit_codebooks(const nj_refit *refit, const uint32_t *start_codes, nj_fitted *out,
                               nj_error *err)
{
    const nj_codebooks *old = &refit->old->codebooks;
    const nj_transform *transform = &refit->old->transform;
    nj_progress progress;
    nj_fit_report report;
    nj_fit_config config = {.embeddings_path = nj_argument(refit->arguments, "embeddings"),
                            .method = old->kind,
                            .level_count = old->level_count,
                            .tolerance = TOLERANCE,
                            .standardise = transform->scale != NULL,
                            .pca_width = (uint32_t)transform->matrix.rows,
                            .start_codes = start_codes,
                            .progress = show_progress,
                            .progress_context = &progress,
                            .executor = refit->executor};
    memcpy(config.K, old->K, sizeof config.K);
    if (transform->layer_count > 0) {
        return nj_fail(err, NJ_INPUT,
                       "%s: its codebooks stand behind the encoder of an RQ-VAE, which is trained "
                       "elsewhere: give new ones with --codebooks",
                       nj_argument(refit->arguments, "from"));
    }
    uint64_t iterations = 0;
    nj_status status = nj_argument_uint(refit->arguments, "seed", 0, UINT64_MAX, &config.seed, err);
    if (status == NJ_OK) {
        status = nj_argument_uint(refit->arguments, "iterations", 1, NJ_FIT_ITERATIONS_MAX,
                                  &iterations, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    config.iterations_max = (uint32_t)iterations;
    nj_progress_start(&progress, "items", 0, 0, false, nj_clock_mono_ns());
    status = nj_fit(&config, out, &report, err);
    nj_progress_finish(&progress);
    return status;
}

static nj_status learn_codebooks(void *context, const uint32_t *start_codes, nj_fitted *out,
                                 nj_error *err)
{
    const nj_refit *refit = context;
    const char *path = nj_argument(refit->arguments, "codebooks");
    return path != NULL ? take_codebooks(path, out, err)
                        : fit_codebooks(refit, start_codes, out, err);
}

nj_status nj_refit_begin(const nj_arguments *arguments, const nj_catalogue *old, nj_refit *out,
                         nj_refresh_config *config, nj_error *err)
{
    static const char *const ONLY[] = {"codebooks", "churn"};
    const bool is_asked_for = nj_argument_flag(arguments, "refit");
    for (size_t i = 0; i < sizeof ONLY / sizeof *ONLY && !is_asked_for; i++) {
        if (nj_argument(arguments, ONLY[i]) != NULL) {
            return nj_fail(err, NJ_USAGE, "--%s is for --refit", ONLY[i]);
        }
    }
    *out = (nj_refit){.arguments = arguments, .old = old, .executor = config->executor};
    if (!is_asked_for) {
        return NJ_OK;
    }
    config->learn = learn_codebooks;
    config->learn_context = out;
    const char *churn = nj_argument(arguments, "churn");
    return churn == NULL || nj_argument_flag(arguments, "dry-run")
               ? NJ_OK
               : nj_file_draft_begin(churn, &out->churn, err);
}

void nj_refit_end(nj_refit *refit)
{
    nj_file_draft_abort(&refit->churn);
}

// ---- the change, item by item ----

static nj_status append_sid(nj_buffer *line, const uint16_t *codes, uint32_t L)
{
    nj_status status = NJ_OK;
    for (uint32_t l = 0; l < L && status == NJ_OK; l++) {
        status = nj_buffer_printf(line, "%s%u", l > 0 ? " " : "\t", codes[l]);
    }
    return status;
}

static nj_status append_change(nj_buffer *line, const nj_catalogue *catalogue,
                               const uint16_t *before, uint32_t row)
{
    const uint32_t L = catalogue->sids.level_count;
    const nj_slice id = nj_idlist_at(&catalogue->items, row);
    nj_status status = nj_buffer_append(line, id.bytes, id.size);
    if (status == NJ_OK) {
        status = append_sid(line, before, L);
    }
    if (status == NJ_OK) {
        status = append_sid(line, catalogue->codes + (size_t)row * L, L);
    }
    return status == NJ_OK ? nj_buffer_printf(line, "\n") : status;
}

// item, old SID, new SID of every item whose SID is another
static nj_status write_churn(nj_refit *refit, const nj_catalogue *catalogue,
                             const nj_refresh_report *report, nj_error *err)
{
    nj_buffer line;
    nj_status status = NJ_OK;
    const uint32_t L = catalogue->sids.level_count;
    nj_buffer_init(&line, CHURN_LINE_BYTES_MAX);
    for (uint32_t row = 0; row < report->old_count && status == NJ_OK; row++) {
        const uint16_t *before = report->refit.old_codes + (size_t)row * L;
        if (memcmp(before, catalogue->codes + (size_t)row * L, L * sizeof *before) == 0) {
            continue;
        }
        nj_buffer_clear(&line);
        status = append_change(&line, catalogue, before, row);
        if (status != NJ_OK) {
            status = nj_fail(err, status, "%s: no memory for a line", refit->churn.path.text);
        } else if (fwrite(line.bytes, 1, line.size, refit->churn.stream) != line.size) {
            status = nj_fail_errno(err, NJ_IO, errno, "%s", refit->churn.path.text);
        }
    }
    nj_buffer_fini(&line);
    return status == NJ_OK ? nj_file_draft_commit(&refit->churn, err) : status;
}

// ---- the change, code by code ----

// Of each code: how many items that have been in the catalogue had it, and how many of these have it still.
static json_t *codes_to_json(const nj_catalogue *catalogue, const nj_refresh_report *report,
                             uint32_t level)
{
    const uint32_t L = catalogue->sids.level_count;
    const uint32_t K = catalogue->sids.codes_per_level[level];
    uint32_t *had = calloc(2 * (size_t)K, sizeof *had);
    if (had == NULL) {
        return NULL;
    }
    uint32_t *keep = had + K;
    for (size_t row = 0; row < report->old_count; row++) {
        const uint16_t code = report->refit.old_codes[row * L + level];
        had[code]++;
        keep[code] += catalogue->codes[row * L + level] == code;
    }
    json_t *had_list = json_array();
    json_t *keep_list = json_array();
    for (uint32_t k = 0; k < K; k++) {
        json_array_append_new(had_list, json_integer(had[k]));
        json_array_append_new(keep_list, json_integer(keep[k]));
    }
    free(had);
    return json_pack("{s:o, s:o}", "items", had_list, "kept", keep_list);
}

static json_t *origin_to_json(const nj_catalogue *catalogue, const nj_refresh_report *report,
                              const nj_digest *old_sids)
{
    char before[NJ_DIGEST_HEX_BYTES];
    char now[NJ_DIGEST_HEX_BYTES];
    json_t *levels = json_array();
    nj_digest_hex(old_sids, before);
    nj_digest_hex(&catalogue->sids_digest, now);
    for (uint32_t l = 0; l < catalogue->codebooks.level_count; l++) {
        json_array_append_new(levels, codes_to_json(catalogue, report, l));
    }
    return json_pack("{s:i, s:s, s:s, s:I, s:o}", "version", 1, "old_sids_fingerprint", before,
                     "sids_fingerprint", now, "old_items", (json_int_t)report->old_count, "levels",
                     levels);
}

static int32_t *list_old_sids(const nj_catalogue *catalogue, const nj_refresh_report *report)
{
    const size_t L = catalogue->sids.level_count;
    const size_t count = catalogue->sids.row_count * L;
    int32_t *sids = malloc(count * sizeof *sids);
    for (size_t i = 0; i < count && sids != NULL; i++) {
        sids[i] = i < report->old_count * L ? report->refit.old_codes[i] : -1;
    }
    return sids;
}

nj_status nj_refit_write(nj_refit *refit, const nj_catalogue *catalogue,
                         const nj_refresh_report *report, const char *out, bool overwrite,
                         nj_error *err)
{
    if (!report->refit.done) {
        return nj_catalogue_write(out, catalogue, overwrite, err);
    }
    json_t *json = origin_to_json(catalogue, report, &report->refit.old_sids_digest);
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
    int32_t *old_sids = list_old_sids(catalogue, report);
    nj_status status = NJ_OK;
    if (text == NULL || old_sids == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory to write %zu SIDs of before",
                         (size_t)catalogue->sids.row_count);
    }
    if (status == NJ_OK) {
        const nj_catalogue_origin origin = {nj_slice_from(text), old_sids};
        status = nj_catalogue_write_from(out, catalogue, &origin, overwrite, err);
    }
    if (status == NJ_OK && refit->churn.stream != NULL) {
        status = write_churn(refit, catalogue, report, err);
    }
    json_decref(json);
    free(text);
    free(old_sids);
    return status;
}

// ---- the change in numbers ----

static double share_of(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0.0 : (double)part / (double)whole;
}

json_t *nj_refit_to_json(const nj_catalogue *catalogue, const nj_refresh_report *report)
{
    const nj_refit_report *refit = &report->refit;
    if (!refit->done) {
        return json_null();
    }
    const nj_alignment *aligned = &refit->alignment;
    json_t *before = json_array();
    json_t *after = json_array();
    json_t *changed = json_array();
    for (uint32_t l = 0; l < catalogue->codebooks.level_count; l++) {
        json_array_append_new(before,
                              json_real(share_of(aligned->same_before[l], aligned->item_count)));
        json_array_append_new(after,
                              json_real(share_of(aligned->same_after[l], aligned->item_count)));
    }
    for (uint32_t l = 0; l < catalogue->sids.level_count; l++) {
        json_array_append_new(changed, json_integer(refit->changed_at[l]));
    }
    return json_pack("{s:I, s:o, s:o, s:I, s:I, s:o, s:I}", "aligned_by_items",
                     (json_int_t)aligned->item_count, "kept_before_alignment", before, "kept",
                     after, "greedy_groups", (json_int_t)aligned->greedy_count, "changed_sids",
                     (json_int_t)refit->changed_count, "changed_on_level", changed, "followed",
                     (json_int_t)refit->followed_count);
}

void nj_refit_print(const nj_catalogue *catalogue, const nj_refresh_report *report)
{
    const nj_refit_report *refit = &report->refit;
    const nj_alignment *aligned = &refit->alignment;
    if (!refit->done) {
        return;
    }
    printf("new codebooks, aligned by %zu items; codes kept:", (size_t)aligned->item_count);
    for (uint32_t l = 0; l < catalogue->codebooks.level_count; l++) {
        printf("%s level %u: %.1f %% (%.1f %% before)", l > 0 ? "," : "", l,
               100 * share_of(aligned->same_after[l], aligned->item_count),
               100 * share_of(aligned->same_before[l], aligned->item_count));
    }
    printf("\n%u of %u SIDs are others; %u items without embeddings followed their neighbours\n",
           refit->changed_count, report->old_count, refit->followed_count);
    printf("the model must be trained anew\n");
}
