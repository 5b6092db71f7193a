// train_rqvae.c - `nightjar train rqvae`: an encoder and residual codebooks from item embeddings, for `catalogue assign`.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/input/npy.h"
#include "common/sid/trie.h"
#include "ops/cli/commands.h"
#include "ops/cli/numbers.h"
#include "ops/cli/train.h"
#include "worker/train/rqvae_train.h"
#include "worker/train/rqvae_write.h"

#define BETA_MAX 1e3

// Names of figures; static, as figures borrow them.
#define RELATIVE_ERROR "relative_error"
#define COLLIDING "colliding"
static const char *const PERPLEXITY[] = {"perplexity.0", "perplexity.1", "perplexity.2",
                                         "perplexity.3", "perplexity.4", "perplexity.5",
                                         "perplexity.6", "perplexity.7"};
static const char *const COMMITMENT[] = {"commitment.0", "commitment.1", "commitment.2",
                                         "commitment.3", "commitment.4", "commitment.5",
                                         "commitment.6", "commitment.7"};
static const char *const USE[] = {"code_use.0", "code_use.1", "code_use.2", "code_use.3",
                                  "code_use.4", "code_use.5", "code_use.6", "code_use.7"};
_Static_assert(sizeof USE / sizeof USE[0] == NJ_QUANT_LEVELS_MAX, "a name for each level");

// A training as it was asked for, and all that lives as long.
typedef struct {
    nj_training_options options;
    nj_rqvae_shape shape;
    nj_rqvae_settings settings;
    nj_rqvae_standard standard;
    nj_npy npy;
    nj_rqvae_rows rows;
    nj_rqvae *model;
    nj_training training;
    const char *decides;         // the figure that tells a better epoch; static
    const nj_rqvae_epoch *epoch; // while it is kept
} rqvae_request;

// ---- options ----

static nj_status shape_from(const nj_arguments *arguments, nj_rqvae_shape *shape, nj_error *err)
{
    uint64_t levels = 0;
    uint64_t latent = 0;
    uint32_t hidden[NJ_RQVAE_HIDDEN_MAX];
    uint32_t count = 0;
    nj_status status = nj_argument_uint(arguments, "levels", 1, NJ_QUANT_LEVELS_MAX, &levels, err);
    shape->level_count = (uint32_t)levels;
    if (status == NJ_OK) {
        status = nj_level_numbers_from(arguments, "codes", NJ_CODES_MIN, NJ_RQVAE_CODES_MAX,
                                       shape->level_count, shape->K, err);
    }
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "latent", 1, NJ_RQVAE_WIDTH_MAX, &latent, err);
        shape->latent = latent;
    }
    if (status == NJ_OK) {
        status = nj_numbers_from(arguments, "hidden", 1, NJ_RQVAE_WIDTH_MAX, NJ_RQVAE_HIDDEN_MAX,
                                 hidden, &count, err);
    }
    for (uint32_t i = 0; i < count && status == NJ_OK; i++) {
        shape->hidden[i] = hidden[i];
    }
    shape->hidden_count = count;
    return status;
}

static nj_status words_from(const nj_arguments *arguments, rqvae_request *request, nj_error *err)
{
    const char *standard = nj_argument(arguments, "standardise");
    const char *start = nj_argument(arguments, "codebook-start");
    const char *best = nj_argument(arguments, "best");
    if (!nj_rqvae_standard_from_name(standard, &request->standard)) {
        return nj_fail(err, NJ_USAGE, "--standardise is \"%s\", must be " NJ_RQVAE_STANDARDS,
                       standard);
    }
    if (strcmp(start, "kmeans") != 0 && strcmp(start, "random") != 0) {
        return nj_fail(err, NJ_USAGE, "--codebook-start is \"%s\", must be kmeans or random",
                       start);
    }
    if (strcmp(best, "error") != 0 && strcmp(best, "collisions") != 0) {
        return nj_fail(err, NJ_USAGE, "--best is \"%s\", must be error or collisions", best);
    }
    request->decides = strcmp(best, "error") == 0 ? RELATIVE_ERROR : COLLIDING;
    request->settings.kmeans = strcmp(start, "kmeans") == 0;
    request->settings.revive = !nj_argument_flag(arguments, "keep-dead");
    return nj_argument_real(arguments, "beta", 0, BETA_MAX, &request->settings.beta, err);
}

static nj_status read_options(const nj_arguments *arguments, rqvae_request *request, nj_error *err)
{
    nj_status status = nj_training_options_from(arguments, &request->options, err);
    if (status == NJ_OK && request->options.validate_every == 0) {
        status = nj_fail(err, NJ_USAGE,
                         "--validate-every is 0, must be at least 1: codes without items are "
                         "looked for when the model is judged");
    }
    if (status == NJ_OK) {
        status = shape_from(arguments, &request->shape, err);
    }
    return status == NJ_OK ? words_from(arguments, request, err) : status;
}

static nj_rqvae_settings make_settings(const rqvae_request *request)
{
    const nj_training_options *options = &request->options;
    nj_rqvae_settings settings = request->settings;
    settings.run = (nj_train_settings){
        .epochs = options->epochs,
        .batch_samples = options->batch_samples,
        .threads = options->threads,
        .schedule = {options->schedule, options->rate, options->warmup, 0},
        .adamw = {0.9, 0.999, 1e-8, options->weight_decay},
        .clip = options->clip,
        .seed = options->seed,
        .checkpoint = request->training.checkpoint.text,
        .checkpoint_s = options->checkpoint_s,
        .resume = options->resume,
    };
    settings.dropout = options->dropout;
    settings.judge_every = options->validate_every;
    return settings;
}

// ---- what is told ----

static json_t *list_numbers(const size_t *numbers, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, json_integer((json_int_t)numbers[i]));
    }
    return list;
}

static json_t *list_settings(const nj_arguments *arguments, const rqvae_request *request)
{
    const nj_rqvae_shape *shape = &request->shape;
    size_t codes[NJ_QUANT_LEVELS_MAX];
    for (uint32_t l = 0; l < shape->level_count; l++) {
        codes[l] = shape->K[l];
    }
    return json_pack("{s:o, s:o, s:I, s:f, s:s, s:s, s:b, s:s}", "codes",
                     list_numbers(codes, shape->level_count), "hidden",
                     list_numbers(shape->hidden, shape->hidden_count), "latent",
                     (json_int_t)shape->latent, "beta", request->settings.beta, "standardise",
                     nj_argument(arguments, "standardise"), "codebook-start",
                     nj_argument(arguments, "codebook-start"), "keep-dead",
                     !request->settings.revive, "best", nj_argument(arguments, "best"));
}

static size_t list_figures(const nj_rqvae_shape *shape, const nj_rqvae_epoch *epoch,
                           nj_training_figure *out)
{
    const nj_rqvae_figures *figures = &epoch->figures;
    const uint32_t L = shape->level_count;
    size_t count = 0;
    out[count++] = (nj_training_figure){RELATIVE_ERROR, figures->relative};
    out[count++] = (nj_training_figure){COLLIDING, (double)figures->colliding};
    out[count++] = (nj_training_figure){"dead_codes", (double)epoch->dead};
    for (uint32_t l = 0; l < L; l++) {
        const double use = (double)figures->used[l] / (double)shape->K[l];
        out[count++] = (nj_training_figure){USE[l], use};
    }
    for (uint32_t l = 0; l < L; l++) {
        out[count++] = (nj_training_figure){PERPLEXITY[l], figures->perplexity[l]};
    }
    for (uint32_t l = 0; l < L; l++) {
        out[count++] = (nj_training_figure){COMMITMENT[l], figures->commitment[l]};
    }
    out[count++] = (nj_training_figure){"error", figures->error};
    out[count++] = (nj_training_figure){"distinct", (double)figures->distinct};
    out[count++] = (nj_training_figure){"largest", (double)figures->largest};
    return count;
}

// ---- hooks ----

static nj_status on_stepped(void *context, const nj_train_state *state, nj_error *err)
{
    rqvae_request *request = context;
    return nj_training_stepped(&request->training, state, err);
}

static nj_status keep(void *context, nj_error *err)
{
    const rqvae_request *request = context;
    // Until the first judgement nothing is known to be worth keeping.
    return request->epoch->is_judged
               ? nj_rqvae_write(request->model, &request->rows, request->epoch->codes,
                                request->options.out, err)
               : NJ_OK;
}

static nj_status on_epoch_ended(void *context, const nj_rqvae *model, const nj_rqvae_epoch *epoch,
                                bool *out_enough, nj_error *err)
{
    rqvae_request *request = context;
    nj_training_figure figures[NJ_TRAINING_FIGURES_MAX];
    const size_t count = epoch->is_judged ? list_figures(&model->shape, epoch, figures) : 0;
    request->epoch = epoch;
    return nj_training_end_epoch(&request->training, &epoch->run, figures, count, keep, request,
                                 out_enough, err);
}

static nj_slice on_notes(void *context)
{
    rqvae_request *request = context;
    return nj_training_notes(&request->training);
}

// ---- running ----

static nj_status open_inputs(const nj_arguments *arguments, rqvae_request *request, nj_error *err)
{
    const nj_kernels *kernels = NULL;
    nj_status status = nj_npy_open(nj_argument(arguments, "embeddings"), &request->npy, err);
    if (status == NJ_OK) {
        status = nj_rqvae_rows_init(&request->npy, request->standard, &request->rows, err);
    }
    if (status == NJ_OK) {
        status = nj_kernels_select("auto", &kernels, err);
    }
    request->shape.D = request->rows.D;
    return status == NJ_OK
               ? nj_rqvae_new(&request->shape, kernels, request->options.seed, &request->model, err)
               : status;
}

static nj_status open_training(const nj_arguments *arguments, rqvae_request *request,
                               uint64_t began_ns, nj_error *err)
{
    static const char *const FILES[] = {NJ_RQVAE_FILES, NULL};
    char digest[NJ_DIGEST_HEX_BYTES];
    nj_digest_hex(&request->rows.digest, digest);
    nj_training_request about = {.kind = "rqvae",
                                 .decides = request->decides,
                                 .less_is_better = true,
                                 .settings = list_settings(arguments, request),
                                 .inputs = json_pack("{s:s}", "embeddings", digest),
                                 .files = FILES,
                                 .sample_count = request->rows.count};
    return nj_training_open(&about, &request->options, began_ns, &request->training, err);
}

static nj_status train(rqvae_request *request, nj_error *err)
{
    const nj_rqvae_settings settings = make_settings(request);
    const nj_rqvae_hooks hooks = {.context = request,
                                  .stepped = on_stepped,
                                  .epoch_ended = on_epoch_ended,
                                  .notes = on_notes};
    nj_train_state state;
    nj_status status =
        nj_rqvae_train(request->model, &request->rows, &settings, &hooks, &state, err);
    return status == NJ_OK ? nj_training_finish(&request->training, &state, err) : status;
}

static double figure_of(const json_t *epoch, const char *name)
{
    return json_number_value(json_object_get(epoch, name));
}

// What the codes of the epoch that was kept are worth.
static void print_best(const rqvae_request *request)
{
    const nj_training_log *log = &request->training.log;
    const json_t *best =
        log->best_epoch == 0
            ? NULL
            : json_array_get(json_object_get(log->object, "epochs"), log->best_epoch - 1);
    if (best == NULL || request->options.json) {
        return;
    }
    printf("reconstruction error %.6g, %.4f of the variance; %.0f of %zu items collide, at most "
           "%.0f in one place\n",
           figure_of(best, "error"), figure_of(best, RELATIVE_ERROR), figure_of(best, COLLIDING),
           request->rows.count, figure_of(best, "largest"));
    for (uint32_t l = 0; l < request->shape.level_count; l++) {
        printf("level %" PRIu32 ": %.1f %% of %" PRIu32 " codes used, perplexity %.1f, mean "
               "squared residual %.4g\n",
               l, 100 * figure_of(best, USE[l]), request->shape.K[l],
               figure_of(best, PERPLEXITY[l]), figure_of(best, COMMITMENT[l]));
    }
}

nj_status nj_command_train_rqvae(const nj_arguments *arguments, nj_error *err)
{
    const uint64_t began_ns = nj_clock_mono_ns();
    rqvae_request request = {0};
    nj_status status = read_options(arguments, &request, err);
    if (status == NJ_OK) {
        status = open_inputs(arguments, &request, err);
    }
    if (status == NJ_OK) {
        status = open_training(arguments, &request, began_ns, err);
    }
    if (status == NJ_OK && !request.training.complete) {
        status = train(&request, err);
    }
    if (status == NJ_OK) {
        status = nj_training_print(&request.training, err);
    }
    if (status == NJ_OK) {
        print_best(&request);
    }
    nj_training_close(&request.training);
    nj_rqvae_free(&request.model);
    nj_rqvae_rows_fini(&request.rows);
    nj_npy_close(&request.npy);
    return status;
}
