// bundle.c - `nightjar bundle`: pack, verify, list.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/codec/json.h"
#include "ops/cli/bundle_about.h"
#include "ops/cli/bundle_facts.h"
#include "ops/cli/bundle_options.h"
#include "ops/cli/bundle_text_options.h"
#include "ops/cli/commands.h"
#include "ops/cli/numbers.h"
#include "ops/cli/pairing.h"
#include "ops/cli/template_options.h"
#include "worker/engine/bundle_pack.h"

static nj_status read_user_tokens(const nj_arguments *arguments, nj_template *out, nj_error *err)
{
    uint32_t pair[2] = {0};
    uint32_t count = 0;
    const char *text = nj_argument(arguments, "user-tokens");
    nj_status status =
        nj_numbers_from(arguments, "user-tokens", 0, NJ_TOKEN_MAX, 2, pair, &count, err);
    if (status == NJ_OK && text != NULL &&
        (count != 2 || pair[1] == 0 || pair[1] > NJ_TOKEN_MAX - pair[0])) {
        status = nj_fail(err, NJ_USAGE, "--user-tokens is \"%s\", must be FIRST,COUNT", text);
    }
    out->user_token_base = pair[0];
    out->user_token_count = pair[1];
    return status;
}

// *out_given says whether any part of the template stands on the command line.
static nj_status template_from(const nj_arguments *arguments, nj_template *out, bool *out_given,
                               nj_error *err)
{
    const char *path = nj_argument(arguments, "template");
    *out = (nj_template){0};
    nj_status status = nj_template_options_from(arguments, out, out_given, err);
    if (status == NJ_OK && path != NULL) {
        const bool twice = *out_given || nj_argument(arguments, "user-tokens") != NULL;
        *out_given = true;
        return twice ? nj_fail(err, NJ_USAGE,
                               "--template says all of it: leave out --before, --between, --after "
                               "and --user-tokens")
                     : nj_template_file_read(path, out, err);
    }
    *out_given = *out_given || nj_argument(arguments, "user-tokens") != NULL;
    return status == NJ_OK ? read_user_tokens(arguments, out, err) : status;
}

static void print_losses(const char *name, const nj_pairing_null *null)
{
    printf(", \"losses_%s\": [", name);
    for (size_t i = 0; i < NJ_PAIRING_MAPS && null->tried; i++) {
        printf("%s%.6g", i > 0 ? ", " : "", null->loss[i]);
    }
    printf("], \"maps_%s\": %u", name, null->map_count);
}

static void print_pairing_json(const nj_pairing *pairing)
{
    printf(", \"pairing\": {\"transitions\": %u, \"loss\": %.6g", pairing->transitions,
           pairing->loss);
    print_losses("dealt", &pairing->dealt);
    print_losses("renamed", &pairing->renamed);
    printf("}");
}

static void print_summary(const char *path, const nj_pack_summary *summary, bool as_json)
{
    char hex[NJ_DIGEST_HEX_BYTES];
    nj_digest_hex(&summary->digest, hex);
    if (as_json) {
        printf(
            "{\"version\": 1, \"bundle\": \"%s\", \"items\": %u, \"levels\": %u, \"leaves\": %u, "
            "\"history_max\": %u, \"counted_items\": %" PRIu64,
            hex, summary->item_count, summary->level_count, summary->leaf_count,
            summary->history_max, summary->counted_items);
        if (summary->pairing.dealt.tried) {
            print_pairing_json(&summary->pairing);
        }
        if (summary->text.asks_in_text) {
            const nj_pack_text_summary *text = &summary->text;
            printf(", \"prompt_tokens_max\": %u, \"answer_tokens_max\": %u, "
                   "\"equal_answers\": %u, \"seams\": %u",
                   text->tokens_max, text->answer_tokens_max, text->equal_answers, text->seams);
        }
        printf("}\n");
    } else if (summary->text.asks_in_text) {
        printf("%s: %u items, prompts to %u tokens, answers to %u tokens\nbundle %s\n", path,
               summary->item_count, summary->text.tokens_max, summary->text.answer_tokens_max, hex);
    } else {
        printf("%s: %u items, %u leaves, %u levels, histories to %u items\nbundle %s\n", path,
               summary->item_count, summary->leaf_count, summary->level_count, summary->history_max,
               hex);
    }
}

static nj_status histories_from(const nj_arguments *arguments, nj_histories_source *out,
                                nj_error *err)
{
    const char *as_of = nj_argument(arguments, "as-of");
    out->path = nj_argument(arguments, "histories");
    nj_status status = as_of != NULL ? nj_instant_parse("as-of", as_of, &out->as_of, err) : NJ_OK;
    return status == NJ_OK && out->path != NULL ? nj_histories_form_from(arguments, out, err)
                                                : status;
}

// What a bundle is made from is a model and a catalogue, or another bundle.
static nj_status check_origin(const nj_pack_request *request, nj_error *err)
{
    const bool has_model = request->model_path != NULL || request->catalogue_path != NULL;
    if (request->base_path == NULL && request->without != NULL) {
        return nj_fail(err, NJ_USAGE,
                       "--without needs --from: it takes sections of that bundle out");
    }
    if (request->base_path == NULL) {
        const bool has_items =
            request->catalogue_path != NULL || request->text.prompt.prompt_path != NULL;
        const char *missing = request->model_path == NULL ? "model"
                              : !has_items                ? "catalogue"
                                                          : NULL;
        return missing == NULL
                   ? NJ_OK
                   : nj_fail(err, NJ_USAGE, "--%s DIR is required, or --from FILE", missing);
    }
    const char *kept = has_model                   ? "--model and --catalogue"
                       : request->template != NULL ? "the options of the template"
                       : request->history_max > 0  ? "--history-max"
                                                   : NULL;
    return kept == NULL
               ? NJ_OK
               : nj_fail(err, NJ_USAGE, "--from keeps that bundle's own: leave %s out", kept);
}

static nj_status request_from(const nj_arguments *arguments, nj_template *template,
                              nj_pack_request *out, nj_error *err)
{
    bool has_template = false;
    uint64_t history_max = 0;
    *out = (nj_pack_request){.model_path = nj_argument(arguments, "model"),
                             .catalogue_path = nj_argument(arguments, "catalogue"),
                             .base_path = nj_argument(arguments, "from"),
                             .without = nj_argument(arguments, "without"),
                             .no_pairing_check = nj_argument_flag(arguments, "no-pairing-check")};
    nj_status status =
        nj_argument_uint(arguments, "history-max", 0, NJ_HISTORY_MAX, &history_max, err);
    if (status == NJ_OK) {
        status = template_from(arguments, template, &has_template, err);
    }
    out->history_max = (uint32_t)history_max;
    out->template = has_template ? template : NULL;
    if (status == NJ_OK) {
        status = nj_bundle_text_from(arguments, out, err);
    }
    if (status == NJ_OK) {
        status = check_origin(out, err);
    }
    if (status == NJ_OK) {
        status = histories_from(arguments, &out->histories, err);
    }
    if (status == NJ_OK) {
        status = nj_bundle_items_from(arguments, &out->histories.as_of, &out->items, err);
    }
    out->items.vector_ids_path = nj_argument(arguments, "item-vector-ids");
    return status == NJ_OK && out->items.vector_ids_path != NULL && out->items.vectors_path == NULL
               ? nj_fail(err, NJ_USAGE, "--item-vector-ids needs --item-vectors")
               : status;
}

nj_status nj_command_bundle_pack(const nj_arguments *arguments, nj_error *err)
{
    nj_template template;
    nj_pack_summary summary;
    nj_pack_request request;
    nj_status status = request_from(arguments, &template, &request, err);
    if (status == NJ_OK) {
        status = nj_bundle_pack(&request, nj_argument(arguments, "out"), &summary, err);
    }
    if (status == NJ_OK) {
        if (request.base_path == NULL) {
            nj_tell_pairing(&summary, &request);
        }
        nj_bundle_text_tell(&summary);
        if (summary.foreign_items > 0) {
            nj_log(NJ_LOG_INFO, "%s: %" PRIu64 " of its items are not in the catalogue",
                   request.items.attributes.path, summary.foreign_items);
        }
        print_summary(nj_argument(arguments, "out"), &summary, nj_argument_flag(arguments, "json"));
    }
    return status;
}

static void print_sections(const nj_sections *sections)
{
    char hex[NJ_DIGEST_HEX_BYTES];
    json_t *about = nj_bundle_about(sections);
    nj_bundle_about_print(about);
    json_decref(about);
    printf("\n");
    for (size_t i = 0; i < sections->count; i++) {
        nj_digest_hex(&sections->sections[i].digest, hex);
        printf("%-12s %12zu bytes  %.16s", sections->sections[i].name, sections->sections[i].size,
               hex);
        json_t *facts = nj_section_facts(sections, &sections->sections[i]);
        nj_section_facts_print(facts);
        json_decref(facts);
        printf("\n");
    }
    nj_digest digest = nj_sections_digest(sections);
    nj_digest_hex(&digest, hex);
    printf("bundle %s\n", hex);
}

// `about` is taken; NULL: the sections alone.
static nj_status print_sections_json(const nj_sections *sections, json_t *about, nj_error *err)
{
    char hex[NJ_DIGEST_HEX_BYTES];
    json_t *list = json_array();
    for (size_t i = 0; i < sections->count; i++) {
        nj_digest_hex(&sections->sections[i].digest, hex);
        json_t *section = json_pack("{s:s, s:I, s:s}", "name", sections->sections[i].name, "bytes",
                                    (json_int_t)sections->sections[i].size, "digest", hex);
        json_t *facts = nj_section_facts(sections, &sections->sections[i]);
        if (facts != NULL) {
            json_object_set_new(section, "holds", facts);
        }
        json_array_append_new(list, section);
    }
    nj_digest digest = nj_sections_digest(sections);
    nj_digest_hex(&digest, hex);
    json_t *top = json_pack("{s:s, s:o}", "bundle", hex, "sections", list);
    json_object_update_missing(top, about);
    json_decref(about);
    return nj_print_json_take(&top, err);
}

nj_status nj_command_bundle_verify(const nj_arguments *arguments, nj_error *err)
{
    nj_bundle *bundle = NULL;
    nj_catalogue_view view;
    const char *path = nj_argument_positional(arguments);
    nj_status status = nj_bundle_open(path, &bundle, err);
    if (status == NJ_OK) {
        status = nj_bundle_verify(bundle, err);
    }
    if (status == NJ_OK) {
        const nj_sections *sections = nj_bundle_sections(bundle);
        status = nj_catalogue_view_open(sections, &view, err);
        if (status == NJ_OK) {
            status = nj_bundle_items_check(sections, &view, err);
        }
        if (status == NJ_OK) {
            status = nj_bundle_text_check(sections, &view, err);
        }
        if (status != NJ_OK) {
            nj_error_prefix(err, "bundle \"%s\"", path);
        }
    }
    if (status == NJ_OK && nj_argument_flag(arguments, "json")) {
        status = print_sections_json(nj_bundle_sections(bundle), NULL, err);
    } else if (status == NJ_OK) {
        printf("%s: every section is as it was packed\n", path);
    }
    nj_bundle_close(&bundle);
    return status;
}

nj_status nj_command_bundle_list(const nj_arguments *arguments, nj_error *err)
{
    nj_bundle *bundle = NULL;
    nj_status status = nj_bundle_open(nj_argument_positional(arguments), &bundle, err);
    if (status == NJ_OK && nj_argument_flag(arguments, "json")) {
        status = print_sections_json(nj_bundle_sections(bundle),
                                     nj_bundle_about(nj_bundle_sections(bundle)), err);
    } else if (status == NJ_OK) {
        print_sections(nj_bundle_sections(bundle));
    }
    nj_bundle_close(&bundle);
    return status;
}
