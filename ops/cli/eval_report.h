// eval_report.h - what `nightjar eval` says: a table, JSON (schemas/eval.md) and a page, all of the same figures.
//
//   nj_evaluation ──► figures (judge/figures.h) ──┬─► eval_table.c       standard output
//   --items, --embeddings (eval_extras.c) ────────┤   eval_json.c        standard output, --json
//                                                 └─► eval_page.c        --report
#ifndef NJ_OPS_CLI_EVAL_REPORT_H
#define NJ_OPS_CLI_EVAL_REPORT_H

#include "common/base/buffer.h"
#include "common/base/file.h"
#include "common/cli/cli.h"
#include "common/codec/json.h"
#include "common/judge/figures.h"

#define NJ_EVAL_JSON_VERSION 1     // schemas/eval.md
#define NJ_EVAL_EXAMPLES_MAX 100   // users shown of those won, and of those lost, against a model
#define NJ_EVAL_LAST_ITEMS 5       // of an example's history
#define NJ_EVAL_P_SHOWN_MIN 0.0001 // people are told of a smaller p only that it is smaller
#define NJ_EVAL_NAMES_BYTES 1024   // of --names

// The rows of eval's option table that only the report reads.
#define NJ_EVAL_REPORT_OPTIONS                                                                     \
    {"names", "NAME[,...]", NULL, "what to call the models, in their order; default: their files", \
     false},                                                                                       \
        {"resamples", "N", "1000", "resamples of the users that intervals are made of; 0: none",   \
         false},                                                                                   \
        {"seed", "N", "0", "of the resamples and of the tests", false},                            \
        {"embeddings", "FILE", NULL,                                                               \
         "item vectors in the catalogue's order (.npy): how unlike the items of a list are",       \
         false},                                                                                   \
        {"items", "FILE", NULL, "what is written about items, for the report: a table or JSONL",   \
         false},                                                                                   \
        {"id-column", "NAME", NULL, "of --items; default: item_id, id or the first", false},       \
        {"title-column", "NAME", "title", "of --items", false},                                    \
        {"category-column", "NAME", NULL, "of --items: a path such as Beauty > Nails", false},     \
        {"category-depth", "N", "0", "parts of that path that count; 0: all", false},              \
        {"examples", "N", "10", "users shown whom the first model wins, and whom it loses",        \
         false},                                                                                   \
    {                                                                                              \
        "report", "FILE", NULL, "write a page with charts (HTML, needs no network)", false         \
    }

// Texts of items; owned: nj_eval_texts_fini.
typedef struct {
    nj_buffer bytes;       // all titles end to end
    nj_slice *titles;      // [N] into bytes
    uint32_t *category_of; // [N]
    nj_item_texts view;
} nj_eval_texts;

/// Reads titles and categories of --items. Items that the catalogue does not have are passed over.
///
/// Errors  those of nj_item_texts_read; NJ_INPUT: no item of the file is in the catalogue; NJ_NO_MEMORY. `*out` is to be ended all the same
NJ_CHECKED nj_status nj_eval_texts_read(const nj_arguments *arguments, const nj_idmap *map,
                                        const nj_idlist *items, nj_eval_texts *out, nj_error *err);
/// Accepts a struct that is all zero.
void nj_eval_texts_fini(nj_eval_texts *texts);

/// Reads [items, D] of float16, float32 or float64; *out is owned: free.
/// Errors  those of nj_npy_open and nj_npy_read_f32; NJ_INPUT: another shape (names both); NJ_NO_MEMORY
NJ_CHECKED nj_status nj_eval_embeddings_read(const char *path, size_t item_count, float **out,
                                             size_t *out_width, nj_error *err);

// What is read and opened for the report alone.
typedef struct {
    bool as_json; // --json
    nj_resampling resampling;
    uint64_t example_count;
    char names_text[NJ_EVAL_NAMES_BYTES]; // --names with a NUL for each comma
    const char *names[NJ_MODELS_MAX];     // into it; NULL: the evaluation's
    nj_eval_texts texts;
    float *embeddings;  // owned
    nj_file_draft page; // --report
} nj_eval_report;

/// Reads the options and files that only a report needs and sets what the evaluation borrows of them: before anything is decoded,
/// because what is wrong with them must not cost a decoding.
///
///   evaluation  items and codes are set, and how many models there will be
///   map         item id -> catalogue row
///
/// Errors  NJ_USAGE, NJ_INPUT, NJ_NOT_FOUND, NJ_IO, NJ_NO_MEMORY; `*out` is then to be ended all the same
NJ_CHECKED nj_status nj_eval_report_begin(const nj_arguments *arguments, const nj_idmap *map,
                                          nj_evaluation *evaluation, nj_eval_report *out,
                                          nj_error *err);
/// Computes, prints the table or the JSON on standard output, and writes the page.
NJ_CHECKED nj_status nj_eval_report_write(nj_eval_report *report, const nj_evaluation *evaluation,
                                          nj_error *err);
/// Accepts a struct that is all zero. The evaluation must not be used afterwards.
void nj_eval_report_end(nj_eval_report *report);

// ---- the forms ----

typedef struct {
    const nj_evaluation *e;
    const nj_figures *f;
    size_t example_count;
} nj_eval_told;

void nj_eval_print(const nj_eval_told *told);
/// Owned. NULL: no memory.
json_t *nj_eval_to_json(const nj_eval_told *told);
/// Writes and commits the page.
NJ_CHECKED nj_status nj_eval_write_page(const nj_eval_told *told, nj_file_draft *draft,
                                        nj_error *err);

// ---- what they share ----

/// "history masked", "history kept".
const char *nj_masking_title(nj_masking masking);
/// What the first ranking loses beside the other, of the other's value; false where that is 0.
bool nj_eval_loss(const nj_eval_told *told, size_t other, nj_masking masking, size_t metric,
                  size_t cutoff, double *out);
/// Tests of a model beside the first that the report makes, of all models: what one in twenty is counted of.
size_t nj_eval_test_count(const nj_eval_told *told);
/// Up to example_count users whom the first model wins (or loses) against another; returns how many.
size_t nj_eval_examples(const nj_eval_told *told, size_t other, nj_outcome outcome,
                        uint32_t users[NJ_EVAL_EXAMPLES_MAX]);
/// The last items of a user's history, oldest first, at most NJ_EVAL_LAST_ITEMS; 0 where histories are not known.
size_t nj_eval_last_items(const nj_evaluation *evaluation, size_t user, const uint32_t **out);

#define NJ_EVAL_ITEM_BYTES 64 // no narrower than a SID's codes
/// An item's id and what its title begins with, printable.
void nj_eval_item_text(const nj_evaluation *evaluation, uint32_t item,
                       char out[NJ_EVAL_ITEM_BYTES]);
/// The first `count` codes of an item: "12 7 255".
void nj_eval_codes_text(const nj_evaluation *evaluation, uint32_t item, size_t count,
                        char out[NJ_EVAL_ITEM_BYTES]);

#endif
