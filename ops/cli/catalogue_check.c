// catalogue_check.c - `nightjar catalogue check`: is a catalogue fit to be trained on, and what would make it better?
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/catalogue/catalogue.h"
#include "common/catalogue/embedding_rows.h"
#include "common/catalogue/report.h"
#include "common/input/npy.h"
#include "ops/cli/catalogue_picture.h"
#include "ops/cli/commands.h"
#include "ops/cli/numbers.h"

#define FINDINGS_MAX (4 * NJ_LEVELS_MAX)
#define FINDING_BYTES 320

// Below these something is worth a word, whether or not a limit was given.
#define USE_WORTH_A_WORD 0.5         // of the codes of a level
#define PERPLEXITY_WORTH_A_WORD 0.25 // of the codes of a level
#define COLLISIONS_WORTH_A_WORD 0.2  // of the items
#define GAIN_WORTH_A_WORD 0.05       // a level takes less than this share off the error

typedef struct {
    char text[FINDINGS_MAX][FINDING_BYTES];
    size_t count;
} finding_list;

typedef struct {
    nj_catalogue *catalogue; // owned
    nj_npy embeddings;       // owned; all zero without
    nj_embedding_rows rows;  // of them
    nj_categories categories;
    nj_report report;
    finding_list findings;
} checking;

// ---- findings ----

static void add_finding(finding_list *list, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add_finding(finding_list *list, const char *format, ...)
{
    va_list arguments;
    if (list->count < FINDINGS_MAX) {
        va_start(arguments, format);
        vsnprintf(list->text[list->count++], FINDING_BYTES, format, arguments);
        va_end(arguments);
    }
}

static void judge_level(const nj_report *report, uint32_t l, finding_list *list)
{
    const nj_level_report *level = &report->levels[l];
    const double before = l == 0 ? report->square_mean : report->levels[l - 1].error;
    if (level->used_count < USE_WORTH_A_WORD * level->code_count) {
        add_finding(
            list,
            "level %u uses %u of %u codes: its codebook has collapsed; fit again with fewer codes, "
            "or with other codebooks",
            l, level->used_count, level->code_count);
    } else if (level->perplexity < PERPLEXITY_WORTH_A_WORD * level->code_count) {
        add_finding(
            list,
            "level %u: items crowd in few of its %u codes (as many as %.0f, evenly used, would "
            "tell as much; the largest has %.1f %% of the items): balanced levels would spread "
            "them",
            l, level->code_count, level->perplexity, 100 * level->largest_share);
    }
    if (report->has_embeddings && level->error > before * (1 - GAIN_WORTH_A_WORD)) {
        add_finding(
            list,
            "level %u takes only %.1f %% off the error before it (%.4g of %.4g): are these the "
            "embeddings, and their order, that the SIDs were assigned from?",
            l, before > 0 ? 100 * (1 - level->error / before) : 0, before - level->error, before);
    }
}

static void judge(checking *c)
{
    const nj_report *report = &c->report;
    const nj_sids *sids = &c->catalogue->sids;
    const double colliding = (double)report->leaves.colliding_count / report->item_count;
    for (uint32_t l = 0; l < report->level_count; l++) {
        judge_level(report, l, &c->findings);
    }
    if (colliding > COLLISIONS_WORTH_A_WORD) {
        add_finding(
            &c->findings,
            "%.1f %% of the items share their codes with another: one more level, or more codes a "
            "level, would tell them apart; --collisions relocate gives each a SID of its own",
            100 * colliding);
    }
    const uint32_t last = sids->level_count - 1;
    if (c->catalogue->has_suffix &&
        report->leaves.largest_count * 2 < sids->codes_per_level[last]) {
        add_finding(
            &c->findings,
            "the counter uses %u of its %u codes: --suffix-codes %u would do, and leave the model "
            "fewer tokens to learn",
            report->leaves.largest_count, sids->codes_per_level[last],
            report->leaves.largest_count < NJ_CODES_MIN ? NJ_CODES_MIN
                                                        : report->leaves.largest_count);
    }
}

// ---- limits ----

// Of a limit that is not given *out stays.
static nj_status percent_from(const nj_arguments *arguments, const char *name, double *out,
                              nj_error *err)
{
    return nj_argument(arguments, name) == NULL
               ? NJ_OK
               : nj_argument_real(arguments, name, 0, 100, out, err);
}

typedef struct {
    double max_collisions; // percent of the items
    double min_use;        // percent of the codes of each level
    double min_perplexity; // percent of the codes of each level
    double max_error;      // percent of the embeddings' squared length
    uint64_t max_bucket;   // items of equal codes; 0: any
} limits;

static nj_status limits_from(const nj_arguments *arguments, limits *out, nj_error *err)
{
    *out = (limits){100, 0, 0, 100, 0};
    nj_status status = percent_from(arguments, "max-collisions", &out->max_collisions, err);
    if (status == NJ_OK) {
        status = percent_from(arguments, "min-use", &out->min_use, err);
    }
    if (status == NJ_OK) {
        status = percent_from(arguments, "min-perplexity", &out->min_perplexity, err);
    }
    if (status == NJ_OK) {
        status = percent_from(arguments, "max-error", &out->max_error, err);
    }
    if (status == NJ_OK && nj_argument(arguments, "max-error") != NULL &&
        nj_argument(arguments, "embeddings") == NULL) {
        status = nj_fail(err, NJ_USAGE, "--max-error needs --embeddings");
    }
    return status == NJ_OK
               ? nj_argument_uint(arguments, "max-bucket", 0, UINT32_MAX, &out->max_bucket, err)
               : status;
}

static nj_status hold_levels_to(const nj_report *report, const limits *limit, nj_error *err)
{
    for (uint32_t l = 0; l < report->level_count; l++) {
        const nj_level_report *level = &report->levels[l];
        const double use = 100.0 * level->used_count / level->code_count;
        const double perplexity = 100 * level->perplexity / level->code_count;
        if (use < limit->min_use) {
            return nj_fail(err, NJ_REFUSED,
                           "level %" PRIu32 " uses %" PRIu32 " of %" PRIu32
                           " codes, %.3g %%; --min-use is %.3g %%",
                           l, level->used_count, level->code_count, use, limit->min_use);
        }
        if (perplexity < limit->min_perplexity) {
            return nj_fail(err, NJ_REFUSED,
                           "level %" PRIu32 " has a perplexity of %.4g of %" PRIu32
                           " codes, %.3g %%; --min-perplexity is %.3g %%",
                           l, level->perplexity, level->code_count, perplexity,
                           limit->min_perplexity);
        }
    }
    return NJ_OK;
}

static nj_status hold_to(const nj_report *report, const limits *limit, nj_error *err)
{
    const double colliding = 100.0 * report->leaves.colliding_count / report->item_count;
    if (colliding > limit->max_collisions) {
        return nj_fail(
            err, NJ_REFUSED,
            "%" PRIu32 " of %" PRIu32
            " items share their codes with another, %.3g %%; --max-collisions is %.3g %%",
            report->leaves.colliding_count, report->item_count, colliding, limit->max_collisions);
    }
    if (limit->max_bucket > 0 && report->leaves.largest_count > limit->max_bucket) {
        return nj_fail(err, NJ_REFUSED,
                       "%" PRIu32 " items have the same codes; --max-bucket is %" PRIu64,
                       report->leaves.largest_count, limit->max_bucket);
    }
    if (report->has_embeddings) {
        const double error = report->levels[report->level_count - 1].error;
        const double share = report->square_mean > 0 ? 100 * error / report->square_mean : 0;
        if (share > limit->max_error) {
            return nj_fail(
                err, NJ_REFUSED,
                "the codes leave %.4g of %.4g of the embeddings, %.3g %%; --max-error is "
                "%.3g %%",
                error, report->square_mean, share, limit->max_error);
        }
    }
    return hold_levels_to(report, limit, err);
}

// ---- text ----

static void print_levels(const nj_report *report)
{
    printf("level  codes   used   dead  perplexity  largest   prefixes%s%s\n",
           report->has_embeddings ? "     error  of before" : "",
           report->has_categories ? "  purity (by chance)" : "");
    for (uint32_t l = 0; l < report->level_count; l++) {
        const nj_level_report *level = &report->levels[l];
        printf("%5u  %5u  %5u  %5u  %10.1f  %5.1f %%  %9u", l, level->code_count, level->used_count,
               level->code_count - level->used_count, level->perplexity, 100 * level->largest_share,
               level->prefix_count);
        if (report->has_embeddings) {
            const double before = l == 0 ? report->square_mean : report->levels[l - 1].error;
            printf("  %8.4g  %7.1f %%", level->error, before > 0 ? 100 * level->error / before : 0);
        }
        if (report->has_categories) {
            printf("  %4.1f %%    (%4.1f %%)", 100 * level->purity, 100 * level->chance_purity);
        }
        printf("\n");
    }
}

static void print_policies(const nj_report *report)
{
    const nj_collision_outcome *leaves = &report->leaves;
    printf(
        "%u of %u items (%.2f %%) share their codes with another, at most %u in one; %u different "
        "codes\n",
        leaves->colliding_count, leaves->item_count,
        100.0 * leaves->colliding_count / leaves->item_count, leaves->largest_count,
        leaves->distinct_count);
    printf("  suffix    a counter of %u codes gives every item a SID of its own\n",
           leaves->largest_count);
    if (report->has_relocation) {
        const nj_collision_outcome *relocation = &report->relocation;
        const double error = report->levels[report->level_count - 1].error;
        const double extra = relocation->extra_error / relocation->item_count;
        printf(
            "  relocate  %u items move, %u of them to another prefix; error %.4g instead of %.4g "
            "(+%.2f %%)\n",
            relocation->moved_count, relocation->moved_prefix_count, error + extra, error,
            error > 0 ? 100 * extra / error : 0);
    }
    printf("  leaves    %u SIDs for %u items\n", leaves->distinct_count, leaves->item_count);
}

static void print_text(const checking *c)
{
    const nj_report *report = &c->report;
    printf("%u items, %u levels%s\n", report->item_count, report->level_count,
           c->catalogue->has_suffix ? " and a collision counter" : "");
    if (c->catalogue->retired_count > 0) {
        printf("%u of the items are retired; they count as well, because they keep their SIDs\n",
               c->catalogue->retired_count);
    }
    if (report->has_embeddings) {
        printf("mean squared length of the embeddings: %.4g\n", report->square_mean);
    }
    if (report->has_categories) {
        printf("%u categories of %u items; the largest has %.1f %%\n", report->category_count,
               report->categorised_count, 100 * report->largest_category_share);
    }
    print_levels(report);
    print_policies(report);
    for (size_t i = 0; i < c->findings.count; i++) {
        printf("look: %s\n", c->findings.text[i]);
    }
}

// ---- JSON ----

static json_t *pack_level(const nj_report *report, uint32_t l)
{
    const nj_level_report *level = &report->levels[l];
    json_t *object = json_pack(
        "{s:I, s:I, s:I, s:I, s:f, s:f, s:I}", "level", (json_int_t)l, "codes",
        (json_int_t)level->code_count, "used", (json_int_t)level->used_count, "dead",
        (json_int_t)(level->code_count - level->used_count), "perplexity", level->perplexity,
        "largest_share", level->largest_share, "prefixes", (json_int_t)level->prefix_count);
    if (object != NULL && report->has_embeddings) {
        json_object_set_new(object, "error", json_real(level->error));
    }
    if (object != NULL && report->has_categories) {
        json_object_set_new(object, "purity", json_real(level->purity));
        json_object_set_new(object, "purity_by_chance", json_real(level->chance_purity));
    }
    return object;
}

static json_t *pack_policies(const nj_report *report)
{
    const nj_collision_outcome *leaves = &report->leaves;
    json_t *object = json_pack("{s:{s:I}, s:{s:I, s:I}}", "suffix", "suffix_codes",
                               (json_int_t)leaves->largest_count, "leaves", "distinct_sids",
                               (json_int_t)leaves->distinct_count, "items_sharing_a_sid",
                               (json_int_t)leaves->colliding_count);
    if (object != NULL && report->has_relocation) {
        const nj_collision_outcome *relocation = &report->relocation;
        json_object_set_new(object, "relocate",
                            json_pack("{s:I, s:I, s:f}", "items_moved",
                                      (json_int_t)relocation->moved_count, "items_moved_prefix",
                                      (json_int_t)relocation->moved_prefix_count, "extra_error",
                                      relocation->extra_error / relocation->item_count));
    }
    return object;
}

static json_t *pack_report(const checking *c)
{
    const nj_report *report = &c->report;
    json_t *levels = json_array();
    json_t *findings = json_array();
    for (uint32_t l = 0; l < report->level_count; l++) {
        json_array_append_new(levels, pack_level(report, l));
    }
    for (size_t i = 0; i < c->findings.count; i++) {
        json_array_append_new(findings, json_string(c->findings.text[i]));
    }
    json_t *object = json_pack(
        "{s:I, s:I, s:b, s:o, s:I, s:I, s:I, s:o, s:o}", "items", (json_int_t)report->item_count,
        "retired", (json_int_t)c->catalogue->retired_count, "suffix", c->catalogue->has_suffix,
        "levels", levels, "items_colliding", (json_int_t)report->leaves.colliding_count,
        "largest_collision", (json_int_t)report->leaves.largest_count, "distinct_codes",
        (json_int_t)report->leaves.distinct_count, "policies", pack_policies(report), "findings",
        findings);
    if (object != NULL && report->has_embeddings) {
        json_object_set_new(object, "squared_length", json_real(report->square_mean));
    }
    if (object != NULL && report->has_categories) {
        json_object_set_new(object, "categories",
                            json_pack("{s:I, s:I, s:f}", "count",
                                      (json_int_t)report->category_count, "items",
                                      (json_int_t)report->categorised_count, "largest_share",
                                      report->largest_category_share));
    }
    return object;
}

// ---- the whole ----

static nj_status open_embeddings(const char *path, checking *c, nj_error *err)
{
    const nj_codebooks *codebooks = &c->catalogue->codebooks;
    nj_status status = nj_npy_open(path, &c->embeddings, err);
    if (status != NJ_OK) {
        return status;
    }
    const size_t *shape = c->embeddings.shape;
    if (c->embeddings.dim_count != 2) {
        return nj_fail(err, NJ_INPUT, "%s: %zu dimensions, embeddings have 2: [items, width]", path,
                       c->embeddings.dim_count);
    }
    if (shape[0] != c->catalogue->sids.row_count) {
        return nj_fail(err, NJ_INPUT,
                       "%s: %zu embeddings, the catalogue has %" PRIu32 " items, %" PRIu32
                       " of them retired: each needs a row",
                       path, shape[0], c->catalogue->sids.row_count, c->catalogue->retired_count);
    }
    if (codebooks->level_count == 0) {
        return nj_fail(err, NJ_INPUT,
                       "%s: the catalogue has no codebooks to compare embeddings with", path);
    }
    const size_t width = nj_catalogue_embedding_width(c->catalogue);
    if (shape[1] != width) {
        return nj_fail(err, NJ_INPUT, "%s: embeddings are %zu wide, the catalogue's codebooks %zu",
                       path, shape[1], width);
    }
    return nj_embedding_rows_begin(&c->rows, &c->embeddings, &c->catalogue->transform, err);
}

static nj_status read_inputs(const nj_arguments *arguments, checking *c, nj_error *err)
{
    const char *embeddings = nj_argument(arguments, "embeddings");
    const char *categories = nj_argument(arguments, "categories");
    uint64_t depth = 0;
    nj_status status =
        nj_argument_uint(arguments, "category-depth", 0, NJ_CATEGORY_DEPTH_MAX, &depth, err);
    if (status == NJ_OK && nj_argument_flag(arguments, "policies") && embeddings == NULL) {
        status = nj_fail(err, NJ_USAGE, "--policies needs --embeddings");
    }
    if (status == NJ_OK) {
        status = nj_catalogue_read(nj_argument_positional(arguments), &c->catalogue, err);
    }
    if (status == NJ_OK && embeddings != NULL) {
        status = open_embeddings(embeddings, c, err);
    }
    if (status == NJ_OK && categories != NULL) {
        status = nj_categories_read(categories, &c->catalogue->items, (uint32_t)depth,
                                    &c->categories, err);
    }
    return status;
}

static nj_status make_report(const nj_arguments *arguments, checking *c, nj_error *err)
{
    nj_report_options options = {.categories =
                                     c->categories.of_item != NULL ? &c->categories : NULL,
                                 .policies = nj_argument_flag(arguments, "policies")};
    const char *picture = nj_argument(arguments, "svg");
    if (c->rows.npy != NULL) {
        options.rows = nj_embedding_rows_reader(&c->rows);
    }
    nj_status status = nj_report_make(c->catalogue, &options, &c->report, err);
    if (status != NJ_OK) {
        nj_error_prefix(err, "%s", nj_argument_positional(arguments));
        return status;
    }
    judge(c);
    if (picture != NULL) {
        status =
            nj_catalogue_picture_write(picture, nj_argument_positional(arguments), &c->report, err);
    }
    return status;
}

nj_status nj_command_catalogue_check(const nj_arguments *arguments, nj_error *err)
{
    checking *c = calloc(1, sizeof *c);
    limits limit;
    if (c == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a report");
    }
    nj_status status = limits_from(arguments, &limit, err);
    if (status == NJ_OK) {
        status = read_inputs(arguments, c, err);
    }
    if (status == NJ_OK) {
        status = make_report(arguments, c, err);
    }
    if (status == NJ_OK && nj_argument_flag(arguments, "json")) {
        json_t *object = pack_report(c);
        status = nj_print_json_take(&object, err);
    } else if (status == NJ_OK) {
        print_text(c);
    }
    if (status == NJ_OK) {
        status = hold_to(&c->report, &limit, err);
    }
    nj_report_fini(&c->report);
    nj_categories_fini(&c->categories);
    nj_embedding_rows_end(&c->rows);
    nj_npy_close(&c->embeddings);
    nj_catalogue_free(&c->catalogue);
    free(c);
    return status;
}
