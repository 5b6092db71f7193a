#include "ops/cli/bundle_text_options.h"

#include <string.h>

#include "common/base/log.h"

// What a bundle asks is kept with it.
static nj_status refuse_with_base(const nj_arguments *arguments, nj_error *err)
{
    static const nj_option OPTIONS[] = {NJ_BUNDLE_TEXT_OPTIONS};
    for (size_t i = 0; i < sizeof OPTIONS / sizeof OPTIONS[0]; i++) {
        if (nj_argument(arguments, OPTIONS[i].name) != NULL) {
            return nj_fail(err, NJ_USAGE, "--from keeps that bundle's own: leave --%s out",
                           OPTIONS[i].name);
        }
    }
    return NJ_OK;
}

// Each option needs another.
static nj_status check_pairs(const nj_arguments *arguments, nj_error *err)
{
    static const struct {
        const char *name;
        const char *needs;
    } PAIRS[] = {{"tokenizer", "prompt"},
                 {"items", "prompt"},
                 {"token-ids", "prompt"},
                 {"collaborative", "prompt"},
                 {"collaborative-ids", "collaborative"},
                 {"projector", "collaborative"}};
    for (size_t i = 0; i < sizeof PAIRS / sizeof PAIRS[0]; i++) {
        if (nj_argument(arguments, PAIRS[i].name) != NULL &&
            nj_argument(arguments, PAIRS[i].needs) == NULL) {
            return nj_fail(err, NJ_USAGE, "--%s needs --%s", PAIRS[i].name, PAIRS[i].needs);
        }
    }
    return NJ_OK;
}

nj_status nj_bundle_text_from(const nj_arguments *arguments, nj_pack_request *out, nj_error *err)
{
    const char *tokenizer = nj_argument(arguments, "tokenizer");
    const char *items = nj_argument(arguments, "items");
    out->lora_path = nj_argument(arguments, "lora");
    out->projector_path = nj_argument(arguments, "projector");
    out->text = (nj_bundle_text_request){
        .prompt = {.prompt_path = nj_argument(arguments, "prompt"),
                   .tokenizer_path = tokenizer != NULL ? tokenizer : out->model_path,
                   .texts_path = items,
                   .token_ids_path = nj_argument(arguments, "token-ids")},
        .collaborative_path = nj_argument(arguments, "collaborative"),
        .collaborative_ids_path = nj_argument(arguments, "collaborative-ids")};
    const nj_status status =
        out->base_path != NULL ? refuse_with_base(arguments, err) : check_pairs(arguments, err);
    if (status == NJ_OK && out->text.prompt.prompt_path != NULL && out->template != NULL) {
        return nj_fail(err, NJ_USAGE,
                       "--prompt says all that users are asked: leave the options of the template "
                       "out");
    }
    return status == NJ_OK && items != NULL && strcmp(items, "-") == 0
               ? nj_fail(err, NJ_USAGE, "--items is read twice: it cannot be standard input")
               : status;
}

void nj_bundle_text_tell(const nj_pack_summary *summary)
{
    const nj_pack_text_summary *text = &summary->text;
    if (text->equal_answers > 0) {
        nj_log(NJ_LOG_INFO,
               "%u items are answered with the same tokens as another: they stand in a list "
               "together, in catalogue order",
               text->equal_answers);
    }
    if (text->seams > 0) {
        nj_log(NJ_LOG_WARNING,
               "%u items have other tokens alone than in a whole text, the first is %s: the "
               "model was perhaps trained with those",
               text->seams, text->first_seam);
    }
}
