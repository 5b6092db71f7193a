// eval_inputs.c - what `nightjar eval` judges on: options, items and histories.
#include <inttypes.h>

#include "common/input/idfile.h"
#include "ops/cli/eval.h"

#define IDS_BYTES_MAX ((size_t)1 << 40)

// ---- options ----

// What goes with a bundle only: masks are made of its trie.
static nj_status check_without_bundle(const nj_arguments *arguments, nj_error *err)
{
    static const char *const NEEDING[] = {"eligible", "deny", "groups", "user-groups"};
    if (nj_argument(arguments, "ids") == NULL) {
        return nj_fail(err, NJ_USAGE,
                       "lists are judged over the items of --bundle FILE, or of --ids FILE");
    }
    for (size_t i = 0; i < sizeof NEEDING / sizeof NEEDING[0]; i++) {
        if (nj_argument(arguments, NEEDING[i]) != NULL) {
            return nj_fail(err, NJ_USAGE, "--%s needs --bundle", NEEDING[i]);
        }
    }
    return NJ_OK;
}

static nj_status read_options(const nj_arguments *arguments, bool decodes, nj_eval_inputs *in,
                              nj_error *err)
{
    in->has_bundle = nj_argument(arguments, "bundle") != NULL;
    if (decodes && !in->has_bundle) {
        return nj_fail(err, NJ_USAGE,
                       "--bundle FILE is required, or --lists FILE where nothing is to be decoded");
    }
    if (in->has_bundle && nj_argument(arguments, "ids") != NULL) {
        return nj_fail(err, NJ_USAGE, "--bundle has its own items: give no --ids beside it");
    }
    nj_status status = in->has_bundle ? NJ_OK : check_without_bundle(arguments, err);
    if (status == NJ_OK) {
        status = nj_histories_from(arguments, &in->source, err);
    }
    if (status == NJ_OK) {
        status = nj_split_from(arguments, &in->split, err);
    }
    if (status == NJ_OK && in->split.kind == NJ_SPLIT_NONE) {
        return nj_fail(
            err, NJ_USAGE,
            "--target is \"none\", must be test or validation: there is nothing to judge "
            "where nothing is held out");
    }
    in->words = nj_split_describe(&in->split, &in->source);
    return status;
}

// ---- items ----

static nj_status open_bundle(const nj_arguments *arguments, nj_eval_inputs *in, nj_error *err)
{
    nj_status status = nj_job_open_bundle(arguments, &in->job, err);
    if (status == NJ_OK) {
        status = nj_live_rows_init(&in->job.catalogue.trie, in->job.catalogue.sids.row_count,
                                   &in->live, err);
    }
    in->settings = in->job.settings;
    in->items = &in->job.catalogue.items;
    in->map = &in->job.map;
    return status;
}

static nj_status open_ids(const nj_arguments *arguments, nj_eval_inputs *in, nj_error *err)
{
    const char *path = nj_argument(arguments, "ids");
    nj_idlist_builder builder;
    nj_idlist_builder_init(&builder);
    nj_status status = nj_idfile_read(path, &builder, err);
    if (status == NJ_OK && nj_idlist_builder_write(&builder, &in->ids) != NJ_OK) {
        status = nj_fail(err, NJ_NO_MEMORY, "%s: no memory for %zu ids", path, builder.count);
    }
    nj_idlist_builder_fini(&builder);
    if (status == NJ_OK) {
        status = nj_idlist_open(in->ids.bytes, in->ids.size, path, &in->own_items, err);
    }
    if (status == NJ_OK) {
        status = nj_idmap_build(&in->own_map, &in->own_items, path, err);
    }
    if (status == NJ_OK) {
        status = nj_settings_from(arguments, &in->settings, err);
    }
    in->live = (nj_live_rows){.row_count = (uint32_t)in->own_items.count,
                              .live_count = (uint32_t)in->own_items.count};
    in->items = &in->own_items;
    in->map = &in->own_map;
    return status;
}

// ---- histories ----

static nj_status count_training(const nj_arguments *arguments, nj_eval_inputs *in, nj_error *err)
{
    const char *path = nj_argument(arguments, "training-users");
    if (path == NULL) {
        return NJ_OK;
    }
    nj_histories_source training = in->source; // written as --users, but for the form
    training = (nj_histories_source){
        .path = path, .columns = training.columns, .delimiter = training.delimiter};
    nj_status status = nj_histories_format_find(path, &training.format, err);
    return status == NJ_OK ? nj_held_out_count(&in->held, &training, in->items, in->map, err)
                           : status;
}

static nj_status read_users(nj_eval_inputs *in, nj_error *err)
{
    const nj_user_rules rules = nj_job_user_rules(&in->job);
    nj_held_out *held = &in->held;
    nj_status status =
        nj_held_out_read(&in->source, &in->split, in->items, in->map, &rules, &in->live, held, err);
    if (status == NJ_OK && held->users.count == 0) {
        return nj_fail(err, NJ_INPUT,
                       "%s: nobody can be judged: of %" PRIu64 " users %" PRIu64
                       " have no item to hold out and %" PRIu64
                       " one that the catalogue does not know and %" PRIu64 " a retired one",
                       in->source.path, held->read_count, held->short_count, held->unknown_count,
                       held->retired_count);
    }
    return status;
}

nj_status nj_eval_inputs_open(const nj_arguments *arguments, bool decodes, nj_eval_inputs *out,
                              nj_error *err)
{
    *out = (nj_eval_inputs){0};
    nj_buffer_init(&out->ids, IDS_BYTES_MAX);
    nj_idmap_init(&out->own_map);
    nj_status status = read_options(arguments, decodes, out, err);
    if (status == NJ_OK) {
        status = out->has_bundle ? open_bundle(arguments, out, err) : open_ids(arguments, out, err);
    }
    if (status == NJ_OK) {
        status = read_users(out, err);
    }
    if (status == NJ_OK) {
        status = count_training(arguments, out, err);
    }
    return status == NJ_OK ? nj_user_table_apply(&out->held.users, &out->settings, err) : status;
}

void nj_eval_inputs_close(nj_eval_inputs *inputs)
{
    nj_held_out_fini(&inputs->held);
    nj_live_rows_fini(&inputs->live);
    nj_idmap_fini(&inputs->own_map);
    nj_buffer_fini(&inputs->ids);
    nj_job_close(&inputs->job);
}

static bool is_excluded(const nj_request *user, size_t row)
{
    for (uint32_t i = 0; i < user->exclude_count; i++) {
        if (user->exclude[i] == row) {
            return true;
        }
    }
    return false;
}

bool nj_eval_may_get(const nj_eval_inputs *inputs, const nj_request *user, size_t row)
{
    const uint64_t *rows = nj_masks_rows(&inputs->job.catalogue.masks, user->mask);
    return nj_live_rows_has(&inputs->live, row) && (rows == NULL || nj_bits_has(rows, row)) &&
           !is_excluded(user, row);
}
