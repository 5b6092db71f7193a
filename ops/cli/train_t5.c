// train_t5.c - `nightjar train t5`: a generative recommender from histories and SIDs.
//
//   catalogue ─► vocabulary, trie ─┐
//   histories ─► samples ──────────┼─► nj_train_run ─► validation by search ─► DIR/model.safetensors, the best so far
//             └► held-out items ───┘
#include "ops/cli/train_t5.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/catalogue/catalogue.h"
#include "common/catalogue/held_out.h"
#include "common/catalogue/tokens.h"
#include "common/input/parts.h"
#include "coordinator/daemon/stop.h"
#include "ops/cli/commands.h"
#include "ops/cli/train.h"
#include "worker/train/t5_folder.h"
#include "worker/train/t5_initial.h"
#include "worker/train/t5_learner.h"
#include "worker/train/t5_validation.h"

#define WEIGHTS_BYTES_MAX ((size_t)1 << 42)
#define RECALL "recall@10"
#define NDCG "ndcg@10"

_Static_assert(NJ_VALIDATION_CUTOFF == 10, "the figures' names say so");

typedef struct {
    nj_t5_request request;
    uint64_t began_ns;
    nj_catalogue *catalogue;    // owned
    nj_template template;       // what the encoder reads around items
    nj_catalogue_sections made; // owned
    nj_trie trie;               // into `made`
    nj_live_rows live;          // owned
    nj_idmap map;               // owned
    nj_user_table users;        // owned
    nj_held_out held;           // owned
    nj_train_samples samples;   // owned
    nj_t5_config config;
    char *config_text;            // owned; config.json
    nj_train_t5 *model;           // owned
    nj_t5_validation *validation; // owned; NULL: never validated
    nj_training training;         // owned
} t5_training;

// ---- the catalogue ----

// The template is the command line's where it says something, else the catalogue's. User tokens follow the items'.
static nj_status choose_template(t5_training *t, nj_error *err)
{
    const nj_t5_request *request = &t->request;
    t->template = request->has_template ? request->template : t->catalogue->template;
    if (request->user_tokens > 0) {
        nj_catalogue_summary summary;
        nj_status status = nj_catalogue_show(t->catalogue, &summary, err);
        if (status != NJ_OK) {
            return status;
        }
        t->template.user_token_base = summary.token_end;
        t->template.user_token_count = request->user_tokens;
    }
    return NJ_OK;
}

static nj_status read_catalogue(t5_training *t, nj_error *err)
{
    const char *path = t->request.catalogue_path;
    nj_status status = nj_catalogue_read(path, &t->catalogue, err);
    if (status == NJ_OK && t->catalogue->token_base == 0) {
        status =
            nj_fail(err, NJ_CONFIG,
                    "%s: its tokens begin at 0, which is what the decoder begins with: make it "
                    "with --token-base 1 or more (2 leaves room for EOS)",
                    path);
    }
    if (status == NJ_OK) {
        status = choose_template(t, err);
    }
    if (status == NJ_OK) {
        status = nj_catalogue_sections_make(t->catalogue, &t->template, t->request.history_max,
                                            &t->made, err);
    }
    const uint32_t N = status == NJ_OK ? t->catalogue->sids.row_count : 0;
    if (status == NJ_OK) {
        status = nj_trie_open(t->made.trie.bytes, t->made.trie.size, N, &t->trie, err);
    }
    if (status == NJ_OK) {
        status = nj_live_rows_init(&t->trie, N, &t->live, err);
    }
    return status == NJ_OK ? nj_idmap_build(&t->map, &t->catalogue->items, path, err) : status;
}

// ---- the histories ----

static void tell_users(const t5_training *t)
{
    size_t with_one = 0;
    size_t without = 0;
    for (size_t u = 0; u < t->users.count; u++) {
        const nj_request user = nj_user_table_at(&t->users, u);
        with_one += user.item_count == 1;
        without += t->samples.first[u + 1] == t->samples.first[u];
    }
    nj_log(NJ_LOG_INFO,
           "%s: %zu users, %" PRIu64 " known items in their histories, %" PRIu64
           " unknown ones left out; %zu samples; %zu users have fewer than the %" PRIu32
           " known items that make one, %zu of them a single one and %zu none",
           t->request.users.path, t->users.count, t->users.item_total, t->users.unknown_total,
           t->samples.count, without, t->request.hold_out + 2, with_one, t->users.cold_count);
}

static nj_status read_users(t5_training *t, nj_error *err)
{
    const nj_token_table tokens = nj_catalogue_tokens(t->catalogue);
    const char *path = t->request.users.path;
    nj_status status =
        nj_user_table_read(&t->request.users, &t->catalogue->items, &t->map, NULL, &t->users, err);
    if (status == NJ_OK && t->users.item_total == 0) {
        return nj_fail(err, NJ_INPUT,
                       "%s: the catalogue %s knows none of the %" PRIu64
                       " items in it: are the ids those of another catalogue?",
                       path, t->request.catalogue_path, t->users.unknown_total);
    }
    if (status == NJ_OK) {
        status = nj_train_samples_init(&t->users, &t->template, &tokens, t->request.history_max,
                                       t->request.hold_out, &t->samples, err);
        if (status != NJ_OK) {
            nj_error_prefix(err, "%s", path);
        }
    }
    if (status == NJ_OK) {
        tell_users(t);
    }
    return status;
}

// Who is judged, and by which item: the one behind those that are learned from.
static nj_status read_held_out(t5_training *t, nj_error *err)
{
    const nj_split split = {.kind = t->request.hold_out == 1 ? NJ_SPLIT_TEST : NJ_SPLIT_VALIDATION};
    const nj_t5_validation_request request = {
        .catalogue = t->catalogue,
        .made = &t->made,
        .model_json = {t->config_text, strlen(t->config_text)},
        .held = &t->held,
        .users_max = t->request.validate_users,
        .seed = t->request.common.seed,
        .beam = t->request.beam,
        .keep_history = t->request.keep_history};
    if (t->request.common.validate_every == 0 || t->request.hold_out == 0) {
        nj_log(NJ_LOG_INFO, "%s: nothing is validated, the weights of the last epoch are kept",
               t->request.hold_out == 0 ? "--hold-out 0" : "--validate-every 0");
        return NJ_OK;
    }
    nj_status status = nj_held_out_read(&t->request.users, &split, &t->catalogue->items, &t->map,
                                        NULL, &t->live, &t->held, err);
    if (status == NJ_OK && t->held.users.count == 0) {
        nj_log(NJ_LOG_WARNING,
               "%s: nobody can be validated: of %" PRIu64 " users %" PRIu64
               " have no item at that place, %" PRIu64 " one that the catalogue does not know and "
               "%" PRIu64 " a retired one; the weights of the last epoch are kept",
               t->request.users.path, t->held.read_count, t->held.short_count,
               t->held.unknown_count, t->held.retired_count);
        return NJ_OK;
    }
    if (status == NJ_OK) {
        status = nj_t5_validation_new(&request, &t->validation, err);
    }
    if (status == NJ_OK) {
        nj_log(NJ_LOG_INFO,
               "every %" PRIu32 " epochs %zu of %zu users are searched with %" PRIu32 " beams",
               t->request.common.validate_every, nj_t5_validation_users(t->validation),
               t->held.users.count, t->request.beam);
    }
    return status;
}

// ---- the model ----

static uint32_t find_vocabulary(const t5_training *t, const nj_catalogue_summary *summary)
{
    uint32_t highest = 0;
    const bool writes = nj_template_token_highest(&t->template, &highest);
    return writes && highest >= summary->token_end ? highest + 1 : summary->token_end;
}

// The shape goes through the text of config.json, which is what everybody else will read it from.
static nj_status make_config(t5_training *t, nj_error *err)
{
    nj_catalogue_summary summary;
    nj_t5_config shape = t->request.shape;
    json_t *json = NULL;
    nj_status status = nj_catalogue_show(t->catalogue, &summary, err);
    if (status != NJ_OK) {
        return status;
    }
    shape.V = find_vocabulary(t, &summary);
    const nj_t5_folder folder = {.config = &shape,
                                 .untied = t->request.untied,
                                 .dropout = t->request.common.dropout,
                                 .initializer_factor = t->request.initializer_factor,
                                 .catalogue = t->catalogue,
                                 .template = &t->template,
                                 .history_max = t->request.history_max};
    status = nj_t5_folder_config(&folder, &t->config_text, err);
    if (status == NJ_OK) {
        status = nj_json_parse(t->config_text, strlen(t->config_text), "the model", &json, err);
    }
    if (status == NJ_OK) {
        status = nj_t5_config_read(json, "the model", &t->config, err);
    }
    json_decref(json);
    return status;
}

static nj_status make_model(t5_training *t, nj_error *err)
{
    nj_buffer bytes;
    nj_tensor_set *weights = NULL;
    nj_buffer_init(&bytes, WEIGHTS_BYTES_MAX);
    nj_status status =
        nj_t5_weights_initial(&t->config, t->request.untied, t->request.initializer_factor,
                              t->request.common.seed, &bytes, err);
    if (status == NJ_OK) {
        status = nj_tensor_set_open_bytes(bytes.bytes, bytes.size, "the model", &weights, err);
    }
    if (status == NJ_OK) {
        status = nj_train_t5_open(&t->config, weights, t->request.kernels, &t->model, err);
    }
    nj_tensor_set_close(&weights);
    nj_buffer_fini(&bytes);
    return status;
}

// ---- training ----

static nj_status take_step(void *context, const nj_train_state *state, nj_error *err)
{
    t5_training *t = context;
    return nj_training_stepped(&t->training, state, err);
}

static bool is_stopped(void *context)
{
    (void)context;
    return nj_stop_signal() != 0;
}

static nj_status keep_model(void *context, nj_error *err)
{
    const t5_training *t = context;
    return nj_t5_folder_write(t->model, t->config_text, t->samples.tokens.level_count,
                              t->training.options.out, err);
}

// A validation that would begin behind the time limit is left to the next run.
static nj_status validate(t5_training *t, const nj_train_state *state, nj_train_team *team,
                          nj_t5_figures *out, nj_error *err)
{
    nj_status status = nj_training_check_stop(&t->training, state, err);
    if (status == NJ_OK) {
        status = nj_t5_validation_run(t->validation, t->model, nj_train_team_pool(team), is_stopped,
                                      t, out, err);
    }
    if (status == NJ_AGAIN) { // by a signal, which says more
        nj_status stopped = nj_training_check_stop(&t->training, state, err);
        return stopped != NJ_OK ? stopped : status;
    }
    return status;
}

static nj_status end_epoch(void *context, const nj_train_state *state, nj_train_team *team,
                           bool *out_enough, nj_error *err)
{
    t5_training *t = context;
    nj_t5_figures found = {0};
    const bool validates = t->validation != NULL && nj_training_validates(&t->training, state);
    nj_status status = validates ? validate(t, state, team, &found, err) : NJ_OK;
    const nj_training_figure figures[] = {{RECALL, found.recall}, {NDCG, found.ndcg}};
    return status == NJ_OK ? nj_training_end_epoch(&t->training, state, figures, validates ? 2 : 0,
                                                   keep_model, t, out_enough, err)
                           : status;
}

static nj_slice take_notes(void *context)
{
    t5_training *t = context;
    return nj_training_notes(&t->training);
}

static nj_status digest_of_users(const t5_training *t, char hex[NJ_DIGEST_HEX_BYTES], nj_error *err)
{
    nj_digest digest;
    nj_status status = nj_parts_digest(t->request.users.path, &digest, err);
    if (status == NJ_OK) {
        nj_digest_hex(&digest, hex);
    }
    return status;
}

static nj_status open_training(t5_training *t, nj_error *err)
{
    static const char *const FILES[] = {NJ_T5_FOLDER_FILES, NULL};
    char users[NJ_DIGEST_HEX_BYTES];
    char sids[NJ_DIGEST_HEX_BYTES];
    char retired[NJ_DIGEST_HEX_BYTES];
    nj_status status = digest_of_users(t, users, err);
    if (status != NJ_OK) {
        return status;
    }
    const nj_digest map = nj_catalogue_map_digest(t->catalogue, t->catalogue->sids.row_count);
    nj_digest_hex(&map, sids);
    nj_digest_hex(&t->catalogue->retired_digest, retired);
    nj_training_request request = {
        .kind = "t5",
        .decides = NDCG,
        .settings = nj_t5_request_settings(&t->request, &t->template),
        .inputs = json_pack("{s:s, s:s, s:s, s:I}", "users", users, "sids", sids, "retired",
                            retired, "token-base", (json_int_t)t->catalogue->token_base),
        .files = FILES,
        .sample_count = t->samples.count};
    return nj_training_open(&request, &t->request.common, t->began_ns, &t->training, err);
}

static void tell_size(const t5_training *t)
{
    const nj_t5_request *request = &t->request;
    const size_t batch = nj_min_size(request->common.batch_samples, t->samples.count);
    const size_t shards = (batch + request->shard_samples - 1) / request->shard_samples;
    nj_log(NJ_LOG_INFO,
           "%zu parameters, %u tokens; kernels %s, %" PRIu32 " threads; %zu shards of %" PRIu32
           " samples take %.0f MB for gradients",
           t->model->count, t->config.V, request->kernels->name, request->common.threads, shards,
           request->shard_samples, (double)(shards * t->model->count * sizeof(float)) / 1e6);
}

static nj_status train(t5_training *t, nj_train_state *state, nj_error *err)
{
    const nj_training_options *options = &t->request.common;
    nj_t5_learner t5 = {t->model, &t->samples, options->dropout, t->request.label_smoothing};
    nj_learner learner;
    const nj_train_settings settings = {
        .epochs = options->epochs,
        .batch_samples = options->batch_samples,
        .shard_samples = t->request.shard_samples,
        .threads = options->threads,
        .schedule = {options->schedule, options->rate, options->warmup, 0},
        .adamw = {0.9, 0.98, 1e-8, options->weight_decay},
        .clip = options->clip,
        .seed = options->seed,
        .checkpoint = t->training.checkpoint.text,
        .checkpoint_s = options->checkpoint_s,
        .resume = options->resume};
    const nj_train_hooks hooks = {
        .context = t, .stepped = take_step, .epoch_ended = end_epoch, .notes = take_notes};
    const nj_digest asked = nj_training_digest(&t->training);
    const nj_digest inputs = nj_t5_learner_digest(&t5, &asked);
    nj_status status = nj_t5_learner_init(&t5, &learner, err);
    if (status == NJ_OK) {
        tell_size(t);
        status = nj_train_run(&learner, &settings, &inputs, &hooks, state, err);
    }
    nj_progress_finish(&t->training.progress);
    return status == NJ_OK ? nj_training_finish(&t->training, state, err) : status;
}

// ---- the command ----

static nj_status run(t5_training *t, nj_error *err)
{
    nj_train_state state;
    nj_status status = read_catalogue(t, err);
    if (status == NJ_OK) {
        status = make_config(t, err);
    }
    if (status == NJ_OK) {
        status = read_users(t, err);
    }
    if (status == NJ_OK) {
        status = open_training(t, err);
    }
    if (status != NJ_OK || t->training.complete) {
        return status;
    }
    status = read_held_out(t, err);
    if (status == NJ_OK) {
        status = make_model(t, err);
    }
    return status == NJ_OK ? train(t, &state, err) : status;
}

static void close_all(t5_training *t)
{
    nj_training_close(&t->training);
    nj_t5_validation_free(&t->validation);
    nj_train_t5_close(&t->model);
    free(t->config_text);
    nj_train_samples_fini(&t->samples);
    nj_held_out_fini(&t->held);
    nj_user_table_fini(&t->users);
    nj_idmap_fini(&t->map);
    nj_live_rows_fini(&t->live);
    nj_catalogue_sections_fini(&t->made);
    nj_catalogue_free(&t->catalogue);
}

nj_status nj_command_train_t5(const nj_arguments *arguments, nj_error *err)
{
    t5_training t = {.began_ns = nj_clock_mono_ns()};
    nj_status status = nj_t5_request_from(arguments, &t.request, err);
    if (status == NJ_OK) {
        status = run(&t, err);
    }
    if (status == NJ_OK) {
        status = nj_training_print(&t.training, err);
    }
    close_all(&t);
    return status;
}
