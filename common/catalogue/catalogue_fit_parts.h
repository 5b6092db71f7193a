// catalogue_fit_parts.h - what the files of a fit share: where it stands, its rounds, its state file; used by catalogue_fit*.c only.
#ifndef NJ_CATALOGUE_CATALOGUE_FIT_PARTS_H
#define NJ_CATALOGUE_CATALOGUE_FIT_PARTS_H

#include "common/base/digest.h"
#include "common/catalogue/catalogue_fit.h"
#include "common/catalogue/catalogue_fit_step.h"

#define NJ_FIT_SECTIONS_MAX (8 + 2 * NJ_QUANT_LEVELS_MAX)

// A fit on its way. Levels below `level` are done; nothing here is shared between threads.
typedef struct {
    const nj_fit_config *config;
    nj_npy npy; // owned
    size_t N;
    size_t D_in;
    size_t D;         // behind the transform
    nj_digest digest; // of embeddings and options
    double *means;    // [D_in] of the columns; owned
    // kept in the state file:
    uint32_t level;
    uint32_t iteration; // updates of `level` that are done; 0: not even its seeds are chosen
    double previous;    // squared error of the last update
    nj_fit_report report;
    nj_transform transform;
    float *transform_values; // owned
    float
        *vectors[NJ_QUANT_LEVELS_MAX]; // [rows, width]; owned; those of `level` once iteration > 0
    size_t rows[NJ_QUANT_LEVELS_MAX];
    uint32_t *offsets[NJ_QUANT_LEVELS_MAX]; // hierarchical: [rows above + 1]; owned
    double *prices;                         // [K] of a balanced level; owned
    // rebuilt:
    uint16_t *codes[NJ_QUANT_LEVELS_MAX]; // [N] of levels below `level`; owned
    uint64_t saved_ns;                    // when the state file was last written
    uint64_t rows_done;                   // over all passes, for people
    uint64_t rows_total;
    const char *phase;
} nj_fit_run;

// A list of sections that grows.
typedef struct {
    nj_item_section all[NJ_FIT_SECTIONS_MAX];
    char names[NJ_FIT_SECTIONS_MAX][NJ_SECTION_NAME_BYTES];
    size_t count;
} nj_fit_sections;

void nj_fit_sections_add(nj_fit_sections *list, const char *name, const void *bytes, size_t size);
/// "<name>.<level>"
void nj_fit_sections_add_level(nj_fit_sections *list, const char *name, uint32_t level,
                               const void *bytes, size_t size);
/// The embeddings, as rows or by another name.
void nj_fit_sections_add_embeddings(nj_fit_sections *list, const nj_fit_run *run, const char *name);
/// mean, scale and matrix, where they are.
void nj_fit_sections_add_transform(nj_fit_sections *list, const nj_fit_run *run);

/// What a step on `level` is told.
nj_fit_step nj_fit_step_of(const nj_fit_run *run, uint32_t level);

/// Width of what level `level` sees.
size_t nj_fit_level_width(const nj_fit_run *run, uint32_t level);

/// Runs a round and tells how far it is.
NJ_CHECKED nj_status nj_fit_round(nj_fit_run *run, const nj_item_work *work,
                                  const nj_fit_step *step, const nj_fit_sections *sections,
                                  size_t shard_rows, nj_item_take take, void *take_context,
                                  nj_error *err);

/// Rows of a shard whose answer has at most one entry of entry_bytes a row, and at most K of them; fixed by the input alone.
size_t nj_fit_shard_rows(size_t N, size_t K, size_t entry_bytes);

void nj_fit_tell(nj_fit_run *run, const char *phase);

/// catalogue_fit_prepare.c: reads all rows once, for digest and range. NJ_INPUT: a value that is not finite, or all rows are equal.
NJ_CHECKED nj_status nj_fit_look(nj_fit_run *run, nj_error *err);
/// Finds mean, scale and matrix, where they are asked for.
NJ_CHECKED nj_status nj_fit_make_transform(nj_fit_run *run, nj_error *err);
/// Values of the transform that is asked for: mean, scale, matrix, end to end.
size_t nj_fit_transform_count(const nj_fit_run *run);
/// Points run->transform into run->transform_values.
void nj_fit_transform_place(nj_fit_run *run);

/// catalogue_fit_level.c: learns run->level from where it stands. Then run->level is the next.
NJ_CHECKED nj_status nj_fit_level_learn(nj_fit_run *run, nj_error *err);
/// Codes of all rows on a level that is learned, into run->codes[level].
NJ_CHECKED nj_status nj_fit_level_encode(nj_fit_run *run, uint32_t level, nj_error *err);

/// catalogue_fit_tree.c: a hierarchical level below the first.
NJ_CHECKED nj_status nj_fit_tree_learn(nj_fit_run *run, nj_error *err);

/// catalogue_fit_state.c. Reading fills what the state file keeps. NJ_NOT_FOUND: there is none; NJ_CONFIG: of other inputs; NJ_INPUT:
/// damaged.
NJ_CHECKED nj_status nj_fit_state_read(nj_fit_run *run, nj_error *err);
NJ_CHECKED nj_status nj_fit_state_write(nj_fit_run *run, nj_error *err);

#endif
