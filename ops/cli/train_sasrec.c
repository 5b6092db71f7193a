// train_sasrec.c - `nightjar train sasrec`: histories to a self-attentive recommender, the best epoch by validation kept.
#include "ops/cli/train_sasrec.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/catalogue/job.h"
#include "common/judge/metric.h"
#include "ops/cli/commands.h"
#include "ops/cli/interactions.h"
#include "ops/cli/train.h"
#include "worker/train/sasrec_judge.h"
#include "worker/train/sasrec_learner.h"

#define SHARDS 32     // that a batch is cut into, where none is smaller than
#define SHARD_LEAST 4 // samples, and where their gradients take no more than
#define GRADIENTS_BYTES_MAX ((size_t)2 << 30)
#define DECIDES "ndcg@10"

typedef struct {
    nj_named_items items;
    nj_user_table users;
    nj_sasrec *model;
    nj_sequences sequences;
    nj_sasrec_learner sasrec;
    nj_learner learner;
    uint32_t shard; // samples
    nj_digest items_digest;
    nj_digest users_digest;
    nj_training training;
    nj_train_state state; // of the epoch at hand
} command;

// ---- options ----

static nj_status read_norms(const nj_arguments *arguments, bool *out_after, nj_error *err)
{
    const char *word = nj_argument(arguments, "norms");
    *out_after = strcmp(word, "after") == 0;
    return *out_after || strcmp(word, "before") == 0
               ? NJ_OK
               : nj_fail(err, NJ_USAGE, "--norms is \"%s\", must be before or after", word);
}

static nj_status read_config(const nj_arguments *arguments, nj_sasrec_config *out, nj_error *err)
{
    const nj_uint_option NUMBERS[] = {
        NJ_UINT("layers", 1, NJ_SASREC_LAYERS_MAX, &out->layers),
        NJ_UINT("d-model", 1, NJ_SASREC_WIDTH_MAX, &out->D),
        NJ_UINT("heads", 1, NJ_SASREC_WIDTH_MAX, &out->H),
        NJ_UINT("d-ff", 1, NJ_SASREC_DENSE_MAX, &out->F),
        NJ_UINT("history-max", 1, NJ_SASREC_POSITIONS_MAX, &out->S),
    };
    nj_status status = read_norms(arguments, &out->norms_after, err);
    return status == NJ_OK
               ? nj_argument_uints(arguments, NUMBERS, sizeof NUMBERS / sizeof NUMBERS[0], err)
               : status;
}

// ---- inputs ----

static nj_status read_inputs(const nj_arguments *arguments, command *c, nj_error *err)
{
    nj_histories_source source;
    nj_status status = nj_histories_from(arguments, &source, err);
    if (status == NJ_OK) {
        status = nj_named_items_read(arguments, &c->items, err);
    }
    if (status == NJ_OK) {
        status = nj_user_table_read(&source, &c->items.items, &c->items.map, NULL, &c->users, err);
    }
    if (status == NJ_OK) {
        c->items_digest = nj_named_items_digest(&c->items);
        c->users_digest = nj_user_table_digest(&c->users);
    }
    return status;
}

static nj_status make_model(const nj_arguments *arguments, const nj_training_options *options,
                            command *c, nj_error *err)
{
    nj_sasrec_config config = {.N = (uint32_t)c->items.items.count};
    const nj_kernels *kernels = NULL;
    nj_status status = read_config(arguments, &config, err);
    if (status == NJ_OK) {
        status = nj_kernels_select("auto", &kernels, err);
    }
    if (status == NJ_OK) {
        status = nj_sequences_init(&c->users, config.S, NJ_SPLIT_LAST_COUNT, &c->sequences, err);
    }
    if (status == NJ_OK) {
        status = nj_sasrec_new(&config, kernels, options->seed, &c->model, err);
    }
    if (status == NJ_OK) {
        c->sasrec = (nj_sasrec_learner){
            .model = c->model, .sequences = &c->sequences, .dropout = options->dropout};
        status = nj_sasrec_learner_init(&c->sasrec, &c->learner, err);
    }
    return status;
}

// Few samples keep many threads busy, many take less memory.
static nj_status choose_shard(const nj_arguments *arguments, command *c, uint32_t batch,
                              nj_error *err)
{
    uint64_t given = 0;
    const size_t gradient = c->model->count * sizeof(float);
    const size_t shards = nj_max_size(1, nj_min_size(SHARDS, GRADIENTS_BYTES_MAX / gradient));
    nj_status status = nj_argument_uint(arguments, "shard", 0, NJ_TRAIN_BATCH_MAX, &given, err);
    c->shard = given > 0 ? (uint32_t)given
                         : (uint32_t)nj_max_size(SHARD_LEAST, (batch + shards - 1) / shards);
    return status;
}

static void tell_size(const command *c, const nj_training_options *options)
{
    const size_t batch = nj_min_size(options->batch_samples, c->sequences.count);
    const size_t shards = (batch + c->shard - 1) / c->shard;
    nj_log(NJ_LOG_INFO,
           "%zu users, %" PRIu64 " events of known items, %" PRIu64
           " of unknown ones left out; %zu "
           "samples with %" PRIu64 " labels; %zu parameters, %" PRIu32
           " threads; gradients of %zu shards take %.0f MB",
           c->users.count, c->users.item_total, c->users.unknown_total, c->sequences.count,
           c->sequences.label_total, c->model->count, options->threads, shards,
           (double)(shards * c->model->count * sizeof(float)) / 1e6);
}

// ---- hooks ----

static nj_status keep_model(void *context, nj_error *err)
{
    const command *c = context;
    return nj_sasrec_files_write(c->model, &c->items_digest, c->training.options.out, err);
}

static nj_status stepped(void *context, const nj_train_state *state, nj_error *err)
{
    command *c = context;
    return nj_training_stepped(&c->training, state, err);
}

static double mean_of(size_t metric, uint32_t cutoff, const uint32_t *ranks, size_t count)
{
    return nj_metric_mean(&NJ_METRICS[metric], cutoff, ranks, count);
}

// "recall@10" and its like, of history left in and masked, in the order of the names.
static nj_status judge_epoch(const command *c, nj_pool *pool, nj_training_figure figures[4],
                             nj_error *err)
{
    nj_sasrec_ranks ranks = {0};
    nj_status status = nj_sasrec_judge(c->model, &c->users, NJ_SPLIT_LAST_COUNT, pool, &ranks, err);
    if (status == NJ_OK) {
        figures[0] = (nj_training_figure){"recall@10", mean_of(0, 10, ranks.ranks, ranks.count)};
        figures[1] = (nj_training_figure){DECIDES, mean_of(1, 10, ranks.ranks, ranks.count)};
        figures[2] =
            (nj_training_figure){"masked recall@10", mean_of(0, 10, ranks.masked, ranks.count)};
        figures[3] =
            (nj_training_figure){"masked ndcg@10", mean_of(1, 10, ranks.masked, ranks.count)};
    }
    nj_sasrec_ranks_fini(&ranks);
    return status;
}

static nj_status epoch_ended(void *context, const nj_train_state *state, nj_train_team *team,
                             bool *out_enough, nj_error *err)
{
    command *c = context;
    nj_training_figure figures[4];
    const bool judged = nj_training_validates(&c->training, state);
    nj_status status = judged ? judge_epoch(c, nj_train_team_pool(team), figures, err) : NJ_OK;
    return status == NJ_OK ? nj_training_end_epoch(&c->training, state, figures, judged ? 4 : 0,
                                                   keep_model, c, out_enough, err)
                           : status;
}

static nj_slice tell_notes(void *context)
{
    command *c = context;
    return nj_training_notes(&c->training);
}

// ---- running ----

static json_t *describe_settings(const nj_sasrec_config *config, uint32_t shard)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:s, s:I}", "layers", (json_int_t)config->layers,
                     "d-model", (json_int_t)config->D, "heads", (json_int_t)config->H, "d-ff",
                     (json_int_t)config->F, "history-max", (json_int_t)config->S, "norms",
                     config->norms_after ? "after" : "before", "shard", (json_int_t)shard);
}

static json_t *describe_inputs(const command *c)
{
    char items[NJ_DIGEST_HEX_BYTES];
    char users[NJ_DIGEST_HEX_BYTES];
    nj_digest_hex(&c->items_digest, items);
    nj_digest_hex(&c->users_digest, users);
    return json_pack("{s:s, s:s}", "ids", items, "users", users);
}

static nj_status run_training(command *c, const nj_training_options *options, nj_error *err)
{
    const nj_train_settings settings = {
        .epochs = options->epochs,
        .batch_samples = options->batch_samples,
        .shard_samples = c->shard,
        .threads = options->threads,
        .schedule = {.kind = options->schedule, .rate = options->rate, .warmup = options->warmup},
        .adamw = {0.9, 0.999, 1e-8, options->weight_decay},
        .clip = options->clip,
        .seed = options->seed,
        .checkpoint = c->training.checkpoint.text,
        .checkpoint_s = options->checkpoint_s,
        .resume = options->resume};
    const nj_train_hooks hooks = {
        .context = c, .stepped = stepped, .epoch_ended = epoch_ended, .notes = tell_notes};
    const nj_digest asked = nj_training_digest(&c->training);
    const nj_digest inputs = nj_sasrec_learner_digest(&c->sasrec, &asked);
    tell_size(c, options);
    nj_status status = nj_train_run(&c->learner, &settings, &inputs, &hooks, &c->state, err);
    nj_progress_finish(&c->training.progress);
    return status == NJ_OK ? nj_training_finish(&c->training, &c->state, err) : status;
}

static void close_command(command *c)
{
    nj_training_close(&c->training);
    nj_sasrec_learner_fini(&c->sasrec);
    nj_sequences_fini(&c->sequences);
    nj_sasrec_free(&c->model);
    nj_user_table_fini(&c->users);
    nj_named_items_fini(&c->items);
}

nj_status nj_command_train_sasrec(const nj_arguments *arguments, nj_error *err)
{
    const uint64_t began_ns = nj_clock_mono_ns();
    static const char *const FILES[] = {NJ_SASREC_FILES, NULL};
    nj_training_options options;
    command c = {0};
    nj_status status = nj_training_options_from(arguments, &options, err);
    if (status == NJ_OK) {
        status = read_inputs(arguments, &c, err);
    }
    if (status == NJ_OK) {
        status = make_model(arguments, &options, &c, err);
    }
    if (status == NJ_OK) {
        status = choose_shard(arguments, &c, options.batch_samples, err);
    }
    if (status == NJ_OK) {
        nj_training_request request = {.kind = "sasrec",
                                       .decides = DECIDES,
                                       .settings = describe_settings(&c.model->config, c.shard),
                                       .inputs = describe_inputs(&c),
                                       .files = FILES,
                                       .sample_count = c.sequences.count};
        status = nj_training_open(&request, &options, began_ns, &c.training, err);
    }
    if (status == NJ_OK && !c.training.complete) {
        status = run_training(&c, &options, err);
    }
    if (status == NJ_OK) {
        status = nj_training_print(&c.training, err);
    }
    close_command(&c);
    return status;
}
