// catalogue.c - `nightjar catalogue`: import, assign, show.
#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/catalogue/catalogue.h"
#include "common/catalogue/catalogue_assign.h"
#include "common/catalogue/catalogue_make.h"
#include "common/catalogue/trained_on.h"
#include "ops/cli/collision_options.h"
#include "ops/cli/commands.h"
#include "ops/cli/item_options.h"
#include "ops/cli/numbers.h"

static nj_status options_from(const nj_arguments *arguments, nj_catalogue_options *out,
                              nj_error *err)
{
    uint64_t token_base = 0;
    nj_status status = nj_argument_uint(arguments, "token-base", 0, NJ_TOKEN_MAX, &token_base, err);
    *out = (nj_catalogue_options){.ids_path = nj_argument(arguments, "ids"),
                                  .token_base = (uint32_t)token_base};
    if (status == NJ_OK) {
        status = nj_catalogue_check_path(nj_argument(arguments, "out"),
                                         nj_argument_flag(arguments, "overwrite"), err);
    }
    return status;
}

static void print_levels(const nj_catalogue_summary *summary, const char *open, const char *between)
{
    for (uint32_t l = 0; l < summary->level_count; l++) {
        printf("%s%u", l == 0 ? open : between, summary->codes_per_level[l]);
    }
}

static void print_summary_json(const nj_catalogue_summary *summary)
{
    printf("{\"version\": 1, \"items\": %u, \"retired\": %u, \"levels\": %u, \"codes_per_level\": ",
           summary->item_count, summary->retired_count, summary->level_count);
    print_levels(summary, "[", ", ");
    printf("], \"token_base\": %u, \"token_end\": %u, \"suffix\": %s, \"distinct_sids\": %u, "
           "\"items_sharing_a_sid\": %u, "
           "\"largest_leaf\": %u, \"items_colliding\": %u, \"largest_collision\": %u",
           summary->token_base, summary->token_end, summary->has_suffix ? "true" : "false",
           summary->distinct_sid_count, summary->sharing_item_count,
           summary->largest_leaf_item_count, summary->collision_item_count,
           summary->largest_prefix_item_count);
    if (summary->embedding_width > 0) {
        printf(", \"quantizer\": \"%s\", \"embedding_width\": %zu",
               nj_quant_kind_name(summary->kind), summary->embedding_width);
    }
}

static void print_summary_text(const nj_catalogue_summary *summary)
{
    printf("%u items, %u levels of ", summary->item_count, summary->level_count);
    print_levels(summary, "", ", ");
    printf(" codes%s, tokens %u to %u\n",
           summary->has_suffix ? " (the last is a collision counter)" : "", summary->token_base,
           summary->token_end - 1);
    if (summary->retired_count > 0) {
        printf("%u of the items are retired: they keep their SIDs for the histories, no list names "
               "them\n",
               summary->retired_count);
    }
    printf("%u distinct SIDs; %u items share theirs with another, at most %u in one\n",
           summary->distinct_sid_count, summary->sharing_item_count,
           summary->largest_leaf_item_count);
    if (summary->has_suffix) {
        printf("before the counter %u items collide, at most %u in one prefix\n",
               summary->collision_item_count, summary->largest_prefix_item_count);
    }
    if (summary->embedding_width > 0) {
        printf("%s codebooks of embeddings %zu wide\n", nj_quant_kind_name(summary->kind),
               summary->embedding_width);
    }
}

// What a checkpoint that is trained on it is told.
static void print_trained_on(const nj_catalogue *catalogue)
{
    char text[NJ_TRAINED_ON_BYTES];
    nj_trained_on_write(catalogue, text);
    printf(", \"" NJ_TRAINED_ON_KEY "\": %s", text);
}

// How much of the embeddings the codes up to each level leave.
static void print_error(const nj_quant_error *error, uint32_t level_count, bool as_json)
{
    printf(as_json ? ", \"squared_residual\": [" : "mean squared residual behind each level: ");
    for (uint32_t l = 0; l < level_count; l++) {
        printf("%s%.6g", l > 0 ? ", " : "", nj_quant_error_mean(error, l));
    }
    printf(as_json ? "]" : "\n");
}

// `error` is NULL where nothing was quantized.
static nj_status print_catalogue(const nj_arguments *arguments, const nj_catalogue *catalogue,
                                 const nj_quant_error *error, nj_error *err)
{
    nj_catalogue_summary summary;
    nj_status status = nj_catalogue_show(catalogue, &summary, err);
    if (status != NJ_OK) {
        return status;
    }
    const bool as_json = nj_argument_flag(arguments, "json");
    (as_json ? print_summary_json : print_summary_text)(&summary);
    if (as_json) {
        print_trained_on(catalogue);
    }
    if (error != NULL) {
        print_error(error, catalogue->codebooks.level_count, as_json);
    }
    printf(as_json ? "}\n" : "");
    return NJ_OK;
}

static nj_status write_and_print(const nj_arguments *arguments, const nj_catalogue *catalogue,
                                 const nj_quant_error *error, nj_error *err)
{
    nj_status status = nj_catalogue_write(nj_argument(arguments, "out"), catalogue,
                                          nj_argument_flag(arguments, "overwrite"), err);
    return status != NJ_OK ? status : print_catalogue(arguments, catalogue, error, err);
}

nj_status nj_command_catalogue_import(const nj_arguments *arguments, nj_error *err)
{
    const char *sids = nj_argument(arguments, "sids");
    const char *index = nj_argument(arguments, "index-json");
    nj_codes_per_level codes = {0};
    nj_catalogue_options options;
    nj_catalogue *catalogue = NULL;
    if ((sids == NULL) == (index == NULL)) {
        return nj_fail(err, NJ_USAGE, "give either --sids or --index-json");
    }
    nj_status status = nj_numbers_from(arguments, "codes-per-level", NJ_CODES_MIN, NJ_CODES_MAX,
                                       NJ_LEVELS_MAX, codes.codes, &codes.count, err);
    if (status == NJ_OK) {
        status = options_from(arguments, &options, err);
    }
    if (status == NJ_OK) {
        status = sids != NULL
                     ? nj_catalogue_from_sids(sids, &codes, &options, &catalogue, err)
                     : nj_catalogue_from_index_json(index, &codes, &options, &catalogue, err);
    }
    if (status == NJ_OK) {
        status = write_and_print(arguments, catalogue, NULL, err);
    }
    nj_catalogue_free(&catalogue);
    return status;
}

static nj_status kind_from(const nj_arguments *arguments, nj_assign_config *config, nj_error *err)
{
    const char *name = nj_argument(arguments, "quantizer");
    config->has_kind = name != NULL;
    if (name != NULL && !nj_quant_kind_from_name(name, &config->kind)) {
        return nj_fail(err, NJ_USAGE,
                       "--quantizer %.40s: must be residual, product or hierarchical", name);
    }
    return NJ_OK;
}

nj_status nj_command_catalogue_assign(const nj_arguments *arguments, nj_error *err)
{
    nj_item_place place;
    uint64_t beam = 1;
    nj_catalogue_options options;
    nj_catalogue *catalogue = NULL;
    nj_quant_error error;
    nj_collision_watch watch;
    nj_assign_config config = {.embeddings_path = nj_argument(arguments, "embeddings"),
                               .codebooks_path = nj_argument(arguments, "codebooks"),
                               .collision_progress = nj_collision_watch_begin(&watch)};
    nj_status status = nj_collision_options_from(arguments, &config.collisions, err);
    if (status == NJ_OK) {
        status = options_from(arguments, &options, err);
    }
    if (status == NJ_OK) {
        status = kind_from(arguments, &config, err);
    }
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "assign-beam", 1, NJ_QUANT_BEAM_MAX, &beam, err);
        config.beam = (uint32_t)beam;
    }
    if (status == NJ_OK) {
        status = nj_item_place_open(arguments, &place, err);
    }
    if (status == NJ_OK) {
        config.executor = &place.executor;
        status = nj_catalogue_assign(&config, &options, &error, &catalogue, err);
        nj_collision_watch_finish(&watch);
        nj_item_place_close(&place, status);
    }
    if (status == NJ_OK) {
        status = write_and_print(arguments, catalogue, &error, err);
    }
    nj_catalogue_free(&catalogue);
    return status;
}

nj_status nj_command_catalogue_show(const nj_arguments *arguments, nj_error *err)
{
    nj_catalogue *catalogue = NULL;
    nj_status status = nj_catalogue_read(nj_argument_positional(arguments), &catalogue, err);
    if (status == NJ_OK) {
        status = print_catalogue(arguments, catalogue, NULL, err);
    }
    nj_catalogue_free(&catalogue);
    return status;
}
