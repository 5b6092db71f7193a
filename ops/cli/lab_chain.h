// lab_chain.h - the whole method as a chain of commands, and the settings it runs with.
#ifndef NJ_OPS_CLI_LAB_CHAIN_H
#define NJ_OPS_CLI_LAB_CHAIN_H

#include "ops/cli/lab.h"
#include "ops/cli/lab_steps.h"

typedef struct {
    const nj_lab_kind *kind;
    const char *data;      // folder, as an absolute path
    const char *histories; // its two files, as absolute paths
    const char *items;     //
    const char *
        embeddings; // what semantic IDs are learned from: "text", "sasrec", or NULL for the kind's own
    const char *threads_option; // " --threads 2", or "" for what each command takes by itself
    const char *procs_option;   // "--procs 2"
    uint64_t seed;
    bool quick;
} nj_lab_settings;

// Files of a lab that more than one step knows.
#define NJ_LAB_DATA_JSON "data.json"
#define NJ_LAB_HISTORIES "histories.txt"
#define NJ_LAB_ITEMS "items.tsv"
#define NJ_LAB_CHECK_JSON "check.json"
#define NJ_LAB_EVAL_JSON "eval.json"
#define NJ_LAB_OUTCOMES "tiger.jsonl"
#define NJ_LAB_NIGHT_JSON "night.json"
#define NJ_LAB_TONIGHT "tonight.jsonl"
#define NJ_LAB_PAGE "index.html"

// The models that are compared, the generative one first.
typedef struct {
    const char *name;     // for people
    const char *lists;    // file, also its name in eval's report
    const char *baseline; // method of `nightjar baseline`; NULL: none
    const char *about;
} nj_lab_model;

enum { NJ_LAB_TIGER, NJ_LAB_SASREC, NJ_LAB_MODEL_COUNT = 5 };
extern const nj_lab_model NJ_LAB_MODELS[NJ_LAB_MODEL_COUNT];

/// What semantic IDs are learned from: "text" or "sasrec".
const char *nj_lab_embeddings_from(const nj_lab_settings *settings);

/// Adds all steps. `settings` and its words are borrowed for the life of the chain.
void nj_lab_chain_make(const nj_lab_settings *settings, nj_lab_chain *chain);

#endif
