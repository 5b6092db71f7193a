// catalogue_refresh.c - `nightjar catalogue refresh`: tonight's items on yesterday's catalogue.
#include <stdio.h>
#include <string.h>

#include "common/catalogue/catalogue_refresh.h"
#include "ops/cli/catalogue_refit.h"
#include "ops/cli/collision_options.h"
#include "ops/cli/commands.h"
#include "ops/cli/item_options.h"
#include "ops/cli/numbers.h"

// ---- options ----

// What becomes of new items whose codes somebody has is the old catalogue's to say: it has a counter or none.
static nj_status policy_from(const nj_arguments *arguments, const nj_catalogue *old,
                             nj_refresh_config *config, nj_error *err)
{
    const char *word = nj_argument(arguments, "collisions");
    nj_collisions policy = old->has_suffix ? NJ_COLLISIONS_SUFFIX : NJ_COLLISIONS_RELOCATE;
    if (word != NULL && !nj_collisions_from_name(word, &policy)) {
        return nj_fail(err, NJ_USAGE, "--collisions is \"%s\", must be " NJ_COLLISIONS_KNOWN, word);
    }
    if ((policy == NJ_COLLISIONS_SUFFIX) != old->has_suffix) {
        return nj_fail(err, NJ_USAGE,
                       "--collisions is \"%s\", but %s has %s: its SIDs do not change their form",
                       word, nj_argument(arguments, "from"),
                       old->has_suffix ? "a collision counter" : "no collision counter");
    }
    config->share = policy == NJ_COLLISIONS_LEAVES;
    return nj_suffix_overflow_from(arguments, &config->suffix_relocates, err);
}

static nj_status check_out(const nj_arguments *arguments, nj_error *err)
{
    const char *out = nj_argument(arguments, "out");
    if (out == NULL) {
        return nj_argument_flag(arguments, "dry-run")
                   ? NJ_OK
                   : nj_fail(err, NJ_USAGE, "--out is required, unless --dry-run is given");
    }
    return nj_catalogue_check_path(out, nj_argument_flag(arguments, "overwrite"), err);
}

// ---- results ----

static json_t *drift_to_json(const nj_refresh_report *report, uint32_t levels)
{
    const nj_refresh_drift *drift = &report->drift;
    if (!drift->measured) {
        return json_null();
    }
    json_t *moved_at = json_array();
    json_t *residual = json_array();
    for (uint32_t l = 0; l < levels; l++) {
        json_array_append_new(moved_at, json_integer(drift->moved_at[l]));
        json_array_append_new(residual, json_real(nj_quant_error_mean(&drift->best, l)));
    }
    return json_pack("{s:I, s:I, s:o, s:o, s:f}", "items", (json_int_t)drift->row_count, "moved",
                     (json_int_t)drift->moved_count, "moved_first_on_level", moved_at,
                     "squared_residual", residual, "published_beyond_that",
                     drift->row_count == 0 ? 0.0 : drift->growth_sum / drift->row_count);
}

static json_t *digests_to_json(const nj_catalogue *catalogue)
{
    char items[NJ_DIGEST_HEX_BYTES];
    char sids[NJ_DIGEST_HEX_BYTES];
    nj_digest_hex(&catalogue->items_digest, items);
    nj_digest_hex(&catalogue->sids_digest, sids);
    return json_pack("{s:s, s:s}", "items", items, "sids", sids);
}

static nj_status print_json(const nj_catalogue *catalogue, const nj_refresh_report *report,
                            bool dry_run, nj_error *err)
{
    json_t *object = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:I, s:I, s:o, s:o, s:o, s:b}", "items",
        (json_int_t)catalogue->sids.row_count, "retired", (json_int_t)catalogue->retired_count,
        "before", (json_int_t)report->old_count, "tonight", (json_int_t)report->tonight_count,
        "kept", (json_int_t)report->kept_count, "added", (json_int_t)report->added_count,
        "returned", (json_int_t)report->returned_count, "retired_tonight",
        (json_int_t)report->retired_count, "same_embeddings", report->same_embeddings, "colliding",
        (json_int_t)report->collisions.colliding_count, "relocated",
        (json_int_t)report->collisions.moved_count, "drift",
        drift_to_json(report, catalogue->codebooks.level_count), "refit",
        nj_refit_to_json(catalogue, report), "fingerprints", digests_to_json(catalogue), "dry_run",
        dry_run);
    return nj_print_json_take(&object, err);
}

static void print_drift(const nj_refresh_report *report, uint32_t levels)
{
    const nj_refresh_drift *drift = &report->drift;
    if (report->same_embeddings) {
        printf("the embeddings are those that the catalogue was made from: nothing drifted\n");
        return;
    }
    printf("drift: %u of %u items that keep their SIDs would get other codes tonight",
           drift->moved_count, drift->row_count);
    for (uint32_t l = 0; l < levels && drift->moved_count > 0; l++) {
        printf("%s level %u: %u", l == 0 ? "; first on" : ",", l, drift->moved_at[l]);
    }
    if (drift->row_count > 0) {
        printf("\nmean squared residual %.6g; behind the published codes %.6g more",
               nj_quant_error_mean(&drift->best, levels - 1), drift->growth_sum / drift->row_count);
    }
    printf("\n");
}

static void print_text(const nj_catalogue *catalogue, const nj_refresh_report *report, bool dry_run)
{
    printf("%u items before, %u tonight: %u stay, %u are new, %u came back, %u are retired\n",
           report->old_count, report->tonight_count, report->kept_count, report->added_count,
           report->returned_count, report->retired_count);
    printf("%u items afterwards, %u of them retired\n", catalogue->sids.row_count,
           catalogue->retired_count);
    if (report->collisions.colliding_count > 0) {
        printf("%u %s items have codes that somebody has; %u were relocated\n",
               report->collisions.colliding_count, report->refit.done ? "changed" : "new",
               report->collisions.moved_count);
    }
    nj_refit_print(catalogue, report);
    if (report->drift.measured) {
        print_drift(report, catalogue->codebooks.level_count);
    }
    if (dry_run) {
        printf("nothing was written (--dry-run)\n");
    }
}

// ---- the command ----

static nj_status refresh(const nj_arguments *arguments, nj_refresh_config *config,
                         nj_catalogue *catalogue, nj_refit *refit, nj_refresh_report *report,
                         nj_error *err)
{
    nj_item_place place;
    nj_status status = policy_from(arguments, catalogue, config, err);
    if (status == NJ_OK) {
        status = nj_item_place_open(arguments, &place, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    config->executor = &place.executor;
    status = nj_refit_begin(arguments, catalogue, refit, config, err);
    if (status == NJ_OK) {
        status = nj_catalogue_refresh(catalogue, config, report, err);
    }
    nj_item_place_close(&place, status);
    return status;
}

static nj_status refresh_and_write(const nj_arguments *arguments, nj_refresh_config *config,
                                   nj_catalogue *catalogue, nj_error *err)
{
    nj_refresh_report report = {0};
    nj_refit refit = {0};
    const bool dry_run = nj_argument_flag(arguments, "dry-run");
    nj_status status = refresh(arguments, config, catalogue, &refit, &report, err);
    if (status == NJ_OK && !dry_run) {
        status = nj_refit_write(&refit, catalogue, &report, nj_argument(arguments, "out"),
                                nj_argument_flag(arguments, "overwrite"), err);
    }
    if (status == NJ_OK && nj_argument_flag(arguments, "json")) {
        status = print_json(catalogue, &report, dry_run, err);
    } else if (status == NJ_OK) {
        print_text(catalogue, &report, dry_run);
    }
    nj_refit_end(&refit);
    nj_refresh_report_fini(&report);
    return status;
}

nj_status nj_command_catalogue_refresh(const nj_arguments *arguments, nj_error *err)
{
    nj_catalogue *catalogue = NULL;
    nj_refresh_config config = {.ids_path = nj_argument(arguments, "ids"),
                                .embeddings_path = nj_argument(arguments, "embeddings"),
                                .sids_path = nj_argument(arguments, "sids"),
                                .without_drift = nj_argument_flag(arguments, "no-drift")};
    nj_status status =
        nj_argument_real(arguments, "max-retired", 0, 100, &config.retired_percent_max, err);
    if (status == NJ_OK) {
        status = check_out(arguments, err);
    }
    if (status == NJ_OK) {
        status = nj_catalogue_read(nj_argument(arguments, "from"), &catalogue, err);
    }
    if (status == NJ_OK) {
        status = refresh_and_write(arguments, &config, catalogue, err);
    }
    nj_catalogue_free(&catalogue);
    return status;
}
