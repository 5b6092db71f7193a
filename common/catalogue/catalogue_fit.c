#include "common/catalogue/catalogue_fit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/checked.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/catalogue/catalogue_fit_parts.h"

#define SHARD_ROWS_MIN 4096
#define SHARD_COUNT 256 // shards are cut for about so many, where there are rows enough

// ---- rounds ----

void nj_fit_sections_add(nj_fit_sections *list, const char *name, const void *bytes, size_t size)
{
    list->all[list->count++] = (nj_item_section){.name = name, .bytes = bytes, .size = size};
}

void nj_fit_sections_add_level(nj_fit_sections *list, const char *name, uint32_t level,
                               const void *bytes, size_t size)
{
    char *text = list->names[list->count];
    snprintf(text, NJ_SECTION_NAME_BYTES, "%s.%" PRIu32, name, level);
    nj_fit_sections_add(list, text, bytes, size);
}

void nj_fit_sections_add_embeddings(nj_fit_sections *list, const nj_fit_run *run, const char *name)
{
    nj_fit_sections_add(list, name, run->npy.file.bytes, run->npy.file.size);
    list->all[list->count - 1].path = run->config->embeddings_path;
}

void nj_fit_sections_add_transform(nj_fit_sections *list, const nj_fit_run *run)
{
    const nj_transform *transform = &run->transform;
    const size_t bytes = run->D_in * sizeof(float);
    if (transform->mean != NULL) {
        nj_fit_sections_add(list, "mean", transform->mean, bytes);
    }
    if (transform->scale != NULL) {
        nj_fit_sections_add(list, "scale", transform->scale, bytes);
    }
    if (transform->matrix.rows > 0) {
        nj_fit_sections_add(list, "matrix", transform->matrix.weight,
                            transform->matrix.rows * bytes);
    }
}

nj_fit_step nj_fit_step_of(const nj_fit_run *run, uint32_t level)
{
    const nj_fit_config *config = run->config;
    nj_fit_step step = {.kind = config->method,
                        .level_count = config->level_count,
                        .level = level,
                        .D_in = run->D_in,
                        .D = run->D,
                        .iterations_max = config->iterations_max,
                        .seed = config->seed,
                        .tolerance = config->tolerance};
    memcpy(step.K, config->K, sizeof step.K);
    return step;
}

size_t nj_fit_level_width(const nj_fit_run *run, uint32_t level)
{
    const uint32_t L = run->config->level_count;
    return run->config->method == NJ_QUANT_PRODUCT
               ? nj_quant_part_first(run->D, L, level + 1) - nj_quant_part_first(run->D, L, level)
               : run->D;
}

size_t nj_fit_shard_rows(size_t N, size_t K, size_t entry_bytes)
{
    size_t rows = nj_max_size(nj_max_size(SHARD_ROWS_MIN, 4 * K), N / SHARD_COUNT + 1);
    if (entry_bytes > 0 && K > NJ_ITEM_ANSWER_BYTES_MAX / entry_bytes) {
        rows = nj_min_size(rows, NJ_ITEM_ANSWER_BYTES_MAX / entry_bytes);
    }
    return nj_min_size(rows, NJ_ITEM_SHARD_ROWS_MAX);
}

void nj_fit_tell(nj_fit_run *run, const char *phase)
{
    const nj_fit_config *config = run->config;
    run->phase = phase;
    if (config->progress != NULL) {
        const nj_fit_progress progress = {.phase = phase,
                                          .level = run->level,
                                          .level_count = config->level_count,
                                          .iteration = run->iteration,
                                          .iterations_max = config->iterations_max,
                                          .error = run->previous / (double)run->N,
                                          .rows_done = run->rows_done,
                                          .rows_total = run->rows_total};
        config->progress(config->progress_context, &progress);
    }
}

typedef struct {
    nj_fit_run *run;
    bool counts_rows; // its rows are those of the embeddings
    nj_item_take take;
    void *take_context;
} told_take;

static nj_status take_and_tell(void *context, size_t shard, size_t first, size_t count,
                               nj_slice answer, nj_error *err)
{
    told_take *told = context;
    nj_status status = told->take(told->take_context, shard, first, count, answer, err);
    if (told->counts_rows) {
        told->run->rows_done += count;
    }
    nj_fit_tell(told->run, told->run->phase);
    return status;
}

nj_status nj_fit_round(nj_fit_run *run, const nj_item_work *work, const nj_fit_step *step,
                       const nj_fit_sections *sections, size_t shard_rows, nj_item_take take,
                       void *take_context, nj_error *err)
{
    nj_buffer parameters;
    nj_buffer_init(&parameters, NJ_ITEM_PARAMETERS_BYTES_MAX);
    nj_status status = nj_fit_step_pack(step, &parameters, err);
    if (status == NJ_OK) {
        const nj_item_round round = {.work = work,
                                     .parameters = nj_buffer_slice(&parameters),
                                     .sections = sections->all,
                                     .section_count = sections->count,
                                     .shard_rows = shard_rows};
        told_take told = {.run = run,
                          .counts_rows = work != &nj_item_work_fit_nodes,
                          .take = take,
                          .take_context = take_context};
        status = nj_item_run(run->config->executor, &round, take_and_tell, &told, err);
    }
    nj_buffer_fini(&parameters);
    return status;
}

// ---- what may be asked for ----

static nj_status check_numbers(const nj_fit_config *config, nj_error *err)
{
    if (config->level_count < 1 || config->level_count > NJ_QUANT_LEVELS_MAX) {
        return nj_fail(err, NJ_USAGE, "%" PRIu32 " levels, must be 1 to %d", config->level_count,
                       NJ_QUANT_LEVELS_MAX);
    }
    for (uint32_t l = 0; l < config->level_count; l++) {
        if (config->K[l] < 2 || config->K[l] > NJ_QUANT_CODES_MAX) {
            return nj_fail(err, NJ_USAGE,
                           "level %" PRIu32 " has %" PRIu32 " codes, must be 2 to %d", l,
                           config->K[l], NJ_QUANT_CODES_MAX);
        }
    }
    if (config->iterations_max < 1 || config->iterations_max > NJ_FIT_ITERATIONS_MAX) {
        return nj_fail(err, NJ_USAGE, "%" PRIu32 " iterations, must be 1 to %d",
                       config->iterations_max, NJ_FIT_ITERATIONS_MAX);
    }
    if (!(config->tolerance >= 0 && config->tolerance < 1)) {
        return nj_fail(err, NJ_USAGE, "a tolerance of %g, must be 0 or more and below 1",
                       config->tolerance);
    }
    if (config->balanced && config->method == NJ_QUANT_HIERARCHICAL) {
        return nj_fail(err, NJ_USAGE, "a hierarchical fit has no balanced levels");
    }
    return NJ_OK;
}

static nj_status check_codes_bytes(const nj_fit_run *run, nj_error *err)
{
    const nj_fit_config *config = run->config;
    size_t bytes = 0;
    for (uint32_t l = 0; l < config->level_count; l++) {
        if (config->method != NJ_QUANT_HIERARCHICAL || l == 0) {
            bytes += config->K[l] * nj_fit_level_width(run, l) * sizeof(float);
        } else if (config->K[l] > NJ_ITEM_ANSWER_BYTES_MAX / (run->D * sizeof(float) + 64)) {
            return nj_fail(err, NJ_USAGE,
                           "nodes of level %" PRIu32 " have up to %" PRIu32
                           " children of width %zu, at this width the limit is %zu",
                           l, config->K[l], run->D,
                           NJ_ITEM_ANSWER_BYTES_MAX / (run->D * sizeof(float) + 64));
        }
    }
    if (bytes > NJ_FIT_CODES_BYTES_MAX) {
        return nj_fail(err, NJ_USAGE, "codebooks of %zu bytes, the limit is %zu", bytes,
                       NJ_FIT_CODES_BYTES_MAX);
    }
    return NJ_OK;
}

static nj_status check_rows(const nj_fit_run *run, nj_error *err)
{
    const nj_fit_config *config = run->config;
    const uint32_t level_count = config->method == NJ_QUANT_HIERARCHICAL ? 1 : config->level_count;
    for (uint32_t l = 0; l < level_count; l++) {
        if (run->N < config->K[l]) {
            return nj_fail(err, NJ_INPUT,
                           "%s: %zu items, level %" PRIu32 " has %" PRIu32
                           " codes; fewer codes or more items would do",
                           run->npy.path, run->N, l, config->K[l]);
        }
    }
    return NJ_OK;
}

static nj_status check_shape(nj_fit_run *run, nj_error *err)
{
    const nj_npy *npy = &run->npy;
    const nj_fit_config *config = run->config;
    if (npy->dim_count != 2) {
        return nj_fail(err, NJ_INPUT, "%s: %zu dimensions, embeddings have 2: [items, width]",
                       npy->path, npy->dim_count);
    }
    run->N = npy->shape[0];
    run->D_in = npy->shape[1];
    if (npy->type > NJ_NPY_F64) {
        return nj_fail(err, NJ_INPUT, "%s: holds whole numbers, floats are needed", npy->path);
    }
    if (run->N < 1 || run->N > INT32_MAX) {
        return nj_fail(err, NJ_INPUT, "%s: %zu items, must be 1 to %d", npy->path, run->N,
                       INT32_MAX);
    }
    if (run->D_in < 1 || run->D_in > NJ_FIT_DIMS_MAX) {
        return nj_fail(err, NJ_INPUT, "%s: embeddings are %zu wide, must be 1 to %d", npy->path,
                       run->D_in, NJ_FIT_DIMS_MAX);
    }
    if (config->pca_width > run->D_in) {
        return nj_fail(err, NJ_USAGE,
                       "%s: embeddings are %zu wide, %" PRIu32 " principal components are more",
                       npy->path, run->D_in, config->pca_width);
    }
    run->D = config->pca_width > 0 ? config->pca_width : run->D_in;
    if (config->method == NJ_QUANT_PRODUCT && config->level_count > run->D) {
        return nj_fail(err, NJ_USAGE, "%s: %zu columns cannot be cut into %" PRIu32 " parts",
                       npy->path, run->D, config->level_count);
    }
    nj_status status = check_rows(run, err);
    return status == NJ_OK ? check_codes_bytes(run, err) : status;
}

// ---- the whole ----

static void free_run(nj_fit_run *run)
{
    for (uint32_t l = 0; l < NJ_QUANT_LEVELS_MAX; l++) {
        free(run->vectors[l]);
        free(run->offsets[l]);
        free(run->codes[l]);
    }
    free(run->prices);
    free(run->means);
    free(run->transform_values);
    nj_npy_close(&run->npy);
}

// A state file is there although nobody asked to go on.
static nj_status check_no_state(const nj_fit_config *config, nj_error *err)
{
    if (config->state_path == NULL || config->resume || !nj_file_exists(config->state_path)) {
        return NJ_OK;
    }
    return nj_fail(err, NJ_AGAIN,
                   "%s: an interrupted fit is here: --resume goes on with it; without this file a "
                   "fit starts afresh",
                   config->state_path);
}

static nj_status find_state(nj_fit_run *run, nj_error *err)
{
    const nj_fit_config *config = run->config;
    if (config->state_path == NULL || !config->resume) {
        return NJ_OK;
    }
    nj_status status = nj_fit_state_read(run, err);
    if (status == NJ_OK) {
        run->report.resumed = true;
    }
    return status == NJ_NOT_FOUND ? NJ_OK : status;
}

static nj_status learn_levels(nj_fit_run *run, nj_error *err)
{
    nj_status status = NJ_OK;
    const uint32_t done = run->level < run->config->level_count ? run->level : 0;
    for (uint32_t l = 0; l < done && status == NJ_OK; l++) { // a state keeps no codes
        status = nj_fit_level_encode(run, l, err);
    }
    while (run->level < run->config->level_count && status == NJ_OK) {
        status = run->level > 0 && run->config->method == NJ_QUANT_HIERARCHICAL
                     ? nj_fit_tree_learn(run, err)
                     : nj_fit_level_learn(run, err);
        if (status == NJ_OK && run->level < run->config->level_count) {
            status = nj_fit_level_encode(run, run->level - 1, err);
        }
    }
    return status;
}

// What comes behind a fit may be refused, such as a counter that is too narrow: a fit that took long is not lost by it.
static nj_status keep_result(nj_fit_run *run, nj_error *err)
{
    const char *path = run->config->state_path;
    return path != NULL && nj_file_exists(path) ? nj_fit_state_write(run, err) : NJ_OK;
}

// All levels end to end, as a catalogue keeps them.
static nj_status hand_over(nj_fit_run *run, nj_fitted *out, nj_error *err)
{
    const nj_fit_config *config = run->config;
    nj_fitted fitted = {
        .codebooks = {.kind = config->method, .level_count = config->level_count, .D = run->D}};
    size_t value_count = 0;
    size_t offset_count = 0;
    for (uint32_t l = 0; l < config->level_count; l++) {
        fitted.codebooks.K[l] = config->K[l];
        value_count += run->rows[l] * nj_fit_level_width(run, l);
        offset_count += (l == 0 ? 1 : run->rows[l - 1]) + 1;
    }
    const bool is_tree = config->method == NJ_QUANT_HIERARCHICAL;
    fitted.codebook_values = malloc(value_count * sizeof *fitted.codebook_values);
    fitted.child_offsets = is_tree ? malloc(offset_count * sizeof *fitted.child_offsets) : NULL;
    if (fitted.codebook_values == NULL || (is_tree && fitted.child_offsets == NULL)) {
        nj_fitted_fini(&fitted);
        return nj_fail(err, NJ_NO_MEMORY, "no memory for codebooks of %zu values", value_count);
    }
    float *values = fitted.codebook_values;
    uint32_t *offsets = fitted.child_offsets;
    for (uint32_t l = 0; l < config->level_count; l++) {
        const size_t count = run->rows[l] * nj_fit_level_width(run, l);
        memcpy(values, run->vectors[l], count * sizeof *values);
        fitted.codebooks.vectors[l] = values;
        values += count;
        if (is_tree) {
            const size_t parents = l == 0 ? 1 : run->rows[l - 1];
            memcpy(offsets, run->offsets[l], (parents + 1) * sizeof *offsets);
            fitted.codebooks.child_offset[l] = offsets;
            offsets += parents + 1;
        }
    }
    fitted.transform = run->transform;
    fitted.transform_values = run->transform_values;
    run->transform_values = NULL;
    *out = fitted;
    return NJ_OK;
}

nj_status nj_fit(const nj_fit_config *config, nj_fitted *out, nj_fit_report *report, nj_error *err)
{
    nj_fit_run run = {.config = config, .saved_ns = nj_clock_mono_ns()};
    nj_status status = check_numbers(config, err);
    if (status == NJ_OK) {
        status = check_no_state(config, err);
    }
    if (status == NJ_OK) {
        status = nj_npy_open(config->embeddings_path, &run.npy, err);
    }
    if (status == NJ_OK) {
        status = check_shape(&run, err);
    }
    if (status == NJ_OK) {
        run.report.level_count = config->level_count;
        run.report.row_count = run.N;
        run.rows_total = (2 + (uint64_t)config->level_count * (config->iterations_max + 1)) * run.N;
        status = nj_fit_look(&run, err);
    }
    if (status == NJ_OK) {
        status = find_state(&run, err);
    }
    if (status == NJ_OK && !run.report.resumed) {
        status = nj_fit_make_transform(&run, err);
    }
    if (status == NJ_OK) {
        status = learn_levels(&run, err);
    }
    if (status == NJ_OK) {
        status = keep_result(&run, err);
    }
    if (status == NJ_OK) {
        status = hand_over(&run, out, err);
    }
    if (status == NJ_OK) {
        *report = run.report;
    }
    free_run(&run);
    return status;
}

void nj_fitted_fini(nj_fitted *fitted)
{
    nj_quant_model_fini(fitted);
}

nj_status nj_fit_forget(const char *state_path, nj_error *err)
{
    if (unlink(state_path) != 0 && errno != ENOENT) {
        return nj_fail_errno(err, NJ_IO, errno, "%s: cannot remove", state_path);
    }
    return NJ_OK;
}
