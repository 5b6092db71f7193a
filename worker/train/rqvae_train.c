#include "worker/train/rqvae_train.h"

#include <math.h>
#include <stdlib.h>

#include "common/base/checked.h"
#include "common/base/file.h"
#include "worker/train/rqvae_gradient.h"

typedef struct {
    nj_rqvae *model;
    const nj_rqvae_rows *rows;
    const nj_rqvae_settings *settings;
    const nj_rqvae_hooks *hooks;
    uint16_t *codes;                                      // [N, L] of the last judgement
    nj_train_span undecayed[2 * NJ_RQVAE_LAYERS_MAX + 1]; // biases, and all codebooks
} training;

// A thread's.
typedef struct {
    nj_rqvae_scratch *gradient;
    float *x; // [samples_max, D]
} scratch;

// ---- the learner ----

static void free_scratch(void **memory)
{
    scratch *s = *memory;
    if (s != NULL) {
        nj_rqvae_scratch_free(&s->gradient);
        free(s->x);
        free(s);
        *memory = NULL;
    }
}

static nj_status make_scratch(const void *context, uint32_t samples_max, void **out, nj_error *err)
{
    const training *t = context;
    scratch *s = calloc(1, sizeof *s);
    if (s != NULL) {
        s->x = calloc(samples_max, t->rows->D * sizeof *s->x);
    }
    nj_status status =
        s != NULL && s->x != NULL
            ? nj_rqvae_scratch_new(t->model, samples_max, &s->gradient, err)
            : nj_fail(err, NJ_NO_MEMORY, "no memory for shards of %u rows", samples_max);
    void *made = s;
    if (status == NJ_OK) {
        *out = made;
        made = NULL;
    }
    free_scratch(&made);
    return status;
}

static uint64_t count_rows(const void *context, const uint32_t *numbers, size_t count)
{
    (void)context;
    (void)numbers;
    return count;
}

static double add_gradient(const void *context, void *memory, const nj_train_shard *shard,
                           float *gradient)
{
    const training *t = context;
    scratch *s = memory;
    const nj_rqvae_options options = {.beta = t->settings->beta,
                                      .dropout = t->settings->dropout,
                                      .weight = shard->weight,
                                      .seed = shard->seed};
    for (uint32_t i = 0; i < shard->count; i++) {
        nj_rqvae_rows_standardise(t->rows, shard->numbers[i], s->x + i * t->rows->D);
    }
    return nj_rqvae_gradient(t->model, s->gradient, s->x, shard->count, &options, gradient);
}

static void pack_part(void *context, size_t part)
{
    training *t = context;
    nj_rqvae_pack_part(t->model, part);
}

static nj_learner learner_of(training *t)
{
    const nj_rqvae *model = t->model;
    const size_t layers = model->layer_count;
    for (size_t i = 0; i < 2 * layers; i++) {
        const nj_rqvae_layer *layer = i < layers ? &model->encoder[i] : &model->decoder[i - layers];
        t->undecayed[i] = (nj_train_span){.at = layer->bias, .count = layer->linear.N};
    }
    const size_t codebooks = model->codebooks[0].at;
    t->undecayed[2 * layers] = (nj_train_span){codebooks, model->count - codebooks};
    return (nj_learner){.context = t,
                        .sample_count = t->rows->count,
                        .epoch_samples = t->rows->count,
                        .count = model->count,
                        .values = model->values,
                        .undecayed = t->undecayed,
                        .undecayed_count = 2 * layers + 1,
                        .part_count = nj_rqvae_part_count(model),
                        .scratch_new = make_scratch,
                        .scratch_free = free_scratch,
                        .count_labels = count_rows,
                        .gradient = add_gradient,
                        .changed = pack_part};
}

// ---- epochs ----

static nj_status on_stepped(void *context, const nj_train_state *state, nj_error *err)
{
    training *t = context;
    return t->hooks->stepped(t->hooks->context, state, err);
}

static uint64_t count_dead(const nj_rqvae *model, const nj_rqvae_figures *figures)
{
    uint64_t dead = 0;
    for (uint32_t l = 0; l < model->shape.level_count; l++) {
        dead += model->shape.K[l] - figures->used[l];
    }
    return dead;
}

static nj_status on_epoch_ended(void *context, const nj_train_state *state, nj_train_team *team,
                                bool *out_enough, nj_error *err)
{
    training *t = context;
    const nj_rqvae_settings *settings = t->settings;
    const bool is_last = state->epoch == settings->run.epochs;
    nj_rqvae_epoch epoch = {.run = *state, .codes = t->codes};
    nj_status status = NJ_OK;
    if (is_last || state->epoch % settings->judge_every == 0) {
        status = nj_rqvae_judge(t->model, t->rows, nj_train_team_pool(team), t->codes,
                                &epoch.figures, err);
        epoch.is_judged = true;
        epoch.dead = status == NJ_OK ? count_dead(t->model, &epoch.figures) : 0;
    }
    if (status == NJ_OK) {
        status = t->hooks->epoch_ended(t->hooks->context, t->model, &epoch, out_enough, err);
    }
    // Last of all: an epoch that fails must have changed nothing.
    if (status == NJ_OK && settings->revive && epoch.dead > 0 && !is_last && !*out_enough) {
        status = nj_rqvae_revive(t->model, t->rows, t->codes, settings->run.seed, state->epoch,
                                 nj_train_team_mean(team), nj_train_team_square(team), err);
    }
    return status;
}

static nj_slice on_notes(void *context)
{
    training *t = context;
    return t->hooks->notes(t->hooks->context);
}

// ---- the whole ----

static nj_status check_settings(const nj_rqvae *model, const nj_rqvae_rows *rows,
                                const nj_rqvae_settings *s, nj_error *err)
{
    if (!(s->beta >= 0 && isfinite(s->beta)) || !(s->dropout >= 0 && s->dropout < 1) ||
        s->judge_every == 0) {
        return nj_fail(err, NJ_USAGE,
                       "beta %g must be at least 0, dropout %g at least 0 and below 1, and rows "
                       "judged every %u epochs at least 1",
                       s->beta, s->dropout, s->judge_every);
    }
    for (uint32_t l = 0; l < model->shape.level_count; l++) {
        if (model->shape.K[l] > rows->count) {
            return nj_fail(err, NJ_INPUT, "%s: %zu rows cannot use the %u codes of level %u",
                           rows->npy->path, rows->count, model->shape.K[l], l);
        }
    }
    return NJ_OK;
}

// What the bits depend on beside what nj_train_run looks at.
static nj_digest digest_inputs(const training *t)
{
    const nj_rqvae_settings *s = t->settings;
    const nj_rqvae_shape *shape = &t->model->shape;
    nj_digester digester;
    nj_digester_init(&digester);
    nj_digester_update(&digester, &t->rows->digest, sizeof t->rows->digest);
    nj_digester_update(&digester, t->rows->mean, t->rows->D * sizeof *t->rows->mean);
    nj_digester_update(&digester, t->rows->scale, t->rows->D * sizeof *t->rows->scale);
    const double numbers[] = {s->beta, s->dropout};
    nj_digester_update(&digester, numbers, sizeof numbers);
    const uint64_t words[] = {s->kmeans, s->revive, s->judge_every, shape->latent,
                              shape->hidden_count};
    nj_digester_update(&digester, words, sizeof words);
    nj_digester_update(&digester, shape->hidden, shape->hidden_count * sizeof *shape->hidden);
    nj_digester_update(&digester, shape->K, shape->level_count * sizeof *shape->K);
    return nj_digester_final(&digester);
}

// A resumed training has its codebooks in the checkpoint.
static nj_status start_codes(training *t, nj_error *err)
{
    const nj_train_settings *run = &t->settings->run;
    if (run->resume && run->checkpoint != NULL && nj_file_exists(run->checkpoint)) {
        return NJ_OK;
    }
    if (t->settings->kmeans) {
        return nj_rqvae_start_codes(t->model, t->rows, run->seed, err);
    }
    nj_rqvae_scatter_codes(t->model, run->seed);
    return NJ_OK;
}

nj_status nj_rqvae_train(nj_rqvae *model, const nj_rqvae_rows *rows,
                         const nj_rqvae_settings *settings, const nj_rqvae_hooks *hooks,
                         nj_train_state *out_state, nj_error *err)
{
    training t = {.model = model, .rows = rows, .settings = settings, .hooks = hooks};
    nj_status status = check_settings(model, rows, settings, err);
    if (status == NJ_OK) {
        t.codes = calloc(rows->count, model->shape.level_count * sizeof *t.codes);
        status = t.codes != NULL ? start_codes(&t, err)
                                 : nj_fail(err, NJ_NO_MEMORY, "no memory for the codes of %zu rows",
                                           rows->count);
    }
    if (status == NJ_OK) {
        const nj_learner learner = learner_of(&t);
        const nj_digest inputs = digest_inputs(&t);
        const nj_train_hooks run_hooks = {.context = &t,
                                          .stepped = on_stepped,
                                          .epoch_ended = on_epoch_ended,
                                          .notes = hooks->notes != NULL ? on_notes : NULL};
        nj_train_settings run = settings->run;
        run.shard_samples = NJ_RQVAE_SHARD_ROWS;
        status = nj_train_run(&learner, &run, &inputs, &run_hooks, out_state, err);
    }
    free(t.codes);
    return status;
}
