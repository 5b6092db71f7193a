// lab_chain.c - the method, command by command. Who wants to change an experiment changes this table.
#include "ops/cli/lab_chain.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

// What differs between data sets, and between the full lab and the quick one. Chosen on validation users only.
typedef struct {
    const char *kind;
    bool quick;
    const char *embeddings; // what semantic IDs are learned from: "text" or "sasrec"
    const char *embed;      // options of `embed`
    const char *catalogue;  // of `catalogue fit`
    const char *tiger;      // of `train t5`
    const char *sasrec;     // of `train sasrec`
    const char *beam;       // of validation, evaluation and the night
    const char *history;    // whether lists may name what a user has had: option of all that decode
    const char *baseline;   // the same for baselines
} recipe;

static const recipe RECIPES[] = {
    {.kind = "ml-100k",
     .embeddings = "sasrec",
     .embed = "--dimensions 64",
     .catalogue = "--levels 2 --codes 64 --balanced --collisions relocate",
     .sasrec =
         "--layers 2 --d-model 64 --heads 2 --d-ff 256 --history-max 50 --batch 64 --rate 0.002 "
         "--warmup 50 --dropout 0.3 --epochs 60 --validate-every 2 --patience 8",
     .tiger =
         "--layers 1 --decoder-layers 1 --d-model 64 --heads 4 --d-kv 16 --d-ff 128 --history-max "
         "10 --batch 128 --rate 0.005 --warmup 100 --dropout 0.1 --epochs 20 --validate-every 1 "
         "--patience 10",
     .beam = "20",
     .history = "",
     .baseline = " --mask-history"},
    {.kind = "ml-100k",
     .quick = true,
     .embeddings = "sasrec",
     .embed = "--dimensions 32",
     .catalogue = "--levels 2 --codes 64 --balanced --collisions relocate",
     .sasrec =
         "--layers 1 --d-model 32 --heads 1 --d-ff 128 --history-max 20 --batch 64 --rate 0.005 "
         "--warmup 20 --dropout 0.2 --epochs 20 --validate-every 5",
     .tiger =
         "--layers 1 --decoder-layers 1 --d-model 48 --heads 3 --d-kv 16 --d-ff 128 --history-max "
         "10 --batch 128 --rate 0.005 --warmup 100 --dropout 0 --epochs 2 --validate-every 1 "
         "--validate-users 300",
     .beam = "20",
     .history = "",
     .baseline = " --mask-history"},
    {.kind = "beauty",
     .embeddings = "text",
     .embed = "--dimensions 128",
     .catalogue = "--levels 3 --codes 256",
     .sasrec = "--layers 2 --d-model 128 --heads 2 --history-max 50 --dropout 0.5 --epochs 60 "
               "--validate-every 2 --patience 5",
     .tiger =
         "--history-max 20 --batch 256 --rate 0.001 --dropout 0.1 --epochs 30 --validate-every 2 "
         "--validate-users 2000 --patience 5",
     .beam = "50",
     .history = " --keep-history",
     .baseline = ""},
    {.kind = "beauty",
     .quick = true,
     .embeddings = "text",
     .embed = "--dimensions 64",
     .catalogue = "--levels 3 --codes 64",
     .sasrec =
         "--layers 1 --d-model 32 --heads 1 --d-ff 128 --history-max 10 --batch 256 --rate 0.005 "
         "--warmup 20 --dropout 0.2 --epochs 2",
     .tiger =
         "--layers 1 --decoder-layers 1 --d-model 32 --heads 2 --d-kv 16 --d-ff 64 --history-max 8 "
         "--batch 256 --rate 0.005 --warmup 100 --dropout 0 --epochs 1 --validate-users 300",
     .beam = "20",
     .history = " --keep-history",
     .baseline = ""},
};

const nj_lab_model NJ_LAB_MODELS[NJ_LAB_MODEL_COUNT] = {
    [NJ_LAB_TIGER] = {"TIGER", NJ_LAB_OUTCOMES, NULL,
                      "the generative model: it spells the next item's semantic ID, code by code"},
    [NJ_LAB_SASREC] =
        {"SASRec", "sasrec.jsonl", "sasrec",
         "a transformer over items that scores all of them at once; trained with the same care"},
    {"item-kNN", "item-knn.jsonl", "item-knn",
     "items whose users are those of the user's own items"},
    {"co-visitation", "co-visitation.jsonl", "co-visitation",
     "what often stood close to the user's latest items in other histories"},
    {"popularity", "popularity.jsonl", "popularity",
     "the same for everybody: what most users took"},
};

// A kind without a row of its own takes that of ml-100k: the other MovieLens sets.
static const recipe *find_recipe(const nj_lab_settings *settings)
{
    const recipe *found = settings->quick ? &RECIPES[1] : &RECIPES[0];
    for (size_t i = 0; i < sizeof RECIPES / sizeof RECIPES[0]; i++) {
        if (strcmp(RECIPES[i].kind, settings->kind->name) == 0 &&
            RECIPES[i].quick == settings->quick) {
            found = &RECIPES[i];
        }
    }
    return found;
}

const char *nj_lab_embeddings_from(const nj_lab_settings *settings)
{
    return settings->embeddings != NULL ? settings->embeddings : find_recipe(settings)->embeddings;
}

static void add_data(const nj_lab_settings *s, nj_lab_chain *chain)
{
    nj_lab_chain_add(chain,
                     &(nj_lab_step_facts){
                         .name = "data",
                         .why = "The data set, in nightjar's own forms.",
                         .inputs = {s->histories, s->items},
                         .outputs = {"items.txt", NJ_LAB_ITEMS, NJ_LAB_HISTORIES, "training.txt",
                                     "example.txt", NJ_LAB_DATA_JSON},
                     },
                     "lab data --kind %s --seed %" PRIu64 " --out . --data", s->kind->name,
                     s->seed);
    nj_lab_chain_add_word(chain, s->data);
}

static void add_catalogue(const nj_lab_settings *s, const recipe *r, nj_lab_chain *chain)
{
    const char *from = nj_lab_embeddings_from(s);
    const char *vectors = strcmp(from, "text") == 0 ? "text.npy" : "sasrec/item_vectors.npy";
    nj_lab_chain_add(chain,
                     &(nj_lab_step_facts){
                         .name = "embed",
                         .why = "What is written about an item becomes a vector.",
                         .inputs = {NJ_LAB_ITEMS, "items.txt"},
                         .outputs = {"text.npy"},
                     },
                     "embed --method tfidf-svd --items items.tsv --text-columns title,words --ids "
                     "items.txt %s --seed %" PRIu64 "%s --out text.npy",
                     r->embed, s->seed, s->threads_option);
    nj_lab_chain_add(chain,
                     &(nj_lab_step_facts){
                         .name = "catalogue",
                         .why = "Vectors become semantic IDs: a few codes, from coarse to fine.",
                         .inputs = {vectors, "items.txt"},
                         .outputs = {"catalogue"},
                     },
                     "catalogue fit --embeddings %s --ids items.txt %s --seed %" PRIu64
                     " --overwrite --out catalogue",
                     vectors, r->catalogue, s->seed);
    nj_lab_chain_add(chain,
                     &(nj_lab_step_facts){
                         .name = "check",
                         .why = "Are the codes used evenly, and do items share them?",
                         .inputs = {"catalogue", vectors},
                         .outputs = {NJ_LAB_CHECK_JSON},
                         .to = NJ_LAB_CHECK_JSON,
                     },
                     "catalogue check catalogue --embeddings %s --json", vectors);
}

static void add_sasrec(const nj_lab_settings *s, const recipe *r, nj_lab_chain *chain)
{
    nj_lab_chain_add(chain,
                     &(nj_lab_step_facts){
                         .name = "sasrec",
                         .why = "The baseline that is hard to beat, trained with the same care.",
                         .inputs = {"items.txt", NJ_LAB_HISTORIES},
                         .outputs = {"sasrec/model.safetensors", "sasrec/item_vectors.npy",
                                     "sasrec/training.json"},
                         .scratch = "sasrec",
                         .going_on = NJ_LAB_TRAINING,
                     },
                     "train sasrec --ids items.txt --users histories.txt %s --seed %" PRIu64
                     "%s --out sasrec",
                     r->sasrec, s->seed, s->threads_option);
}

static void add_tiger(const nj_lab_settings *s, const recipe *r, nj_lab_chain *chain)
{
    nj_lab_chain_add(
        chain,
        &(nj_lab_step_facts){
            .name = "tiger",
            .why = "A small T5 learns to spell the semantic ID of what comes next.",
            .inputs = {"catalogue", NJ_LAB_HISTORIES},
            .outputs = {"tiger/model.safetensors", "tiger/config.json", "tiger/training.json"},
            .scratch = "tiger",
            .going_on = NJ_LAB_TRAINING,
        },
        "train t5 --catalogue catalogue --users histories.txt %s --beam %s%s --seed %" PRIu64
        "%s --out tiger",
        r->tiger, r->beam, r->history, s->seed, s->threads_option);
}

static void add_baseline(const recipe *r, const nj_lab_model *model, nj_lab_chain *chain)
{
    const bool is_trained = model == &NJ_LAB_MODELS[NJ_LAB_SASREC];
    nj_lab_step_facts facts = {
        .name = is_trained ? "sasrec-lists" : model->baseline,
        .why = is_trained ? "What SASRec would show to the users that are judged."
                          : "A baseline's lists for the users that are judged.",
        .inputs = {"items.txt", NJ_LAB_HISTORIES, is_trained ? "sasrec/model.safetensors" : NULL},
        .outputs = {model->lists},
    };
    nj_lab_chain_add(chain, &facts,
                     "baseline %s%s --ids items.txt --users histories.txt --target test --top 50%s "
                     "--out %s",
                     model->baseline, is_trained ? " --model sasrec" : "", r->baseline,
                     model->lists);
}

static void add_judgement(const nj_lab_settings *s, const recipe *r, nj_lab_chain *chain)
{
    for (size_t i = 1; i < NJ_LAB_MODEL_COUNT; i++) {
        add_baseline(r, &NJ_LAB_MODELS[i], chain);
    }
    nj_lab_chain_add(
        chain,
        &(nj_lab_step_facts){
            .name = "bundle",
            .why = "Model, semantic IDs and trie in one file.",
            .inputs = {"tiger/model.safetensors", "tiger/config.json", "catalogue", "training.txt"},
            .outputs = {"tiger.njb"},
        },
        "bundle pack --model tiger --catalogue catalogue --histories training.txt --out "
        "tiger.njb");
    nj_lab_chain_add(
        chain,
        &(nj_lab_step_facts){
            .name = "eval",
            .why = "Every user's last item, which no model has seen: who names it?",
            .inputs = {"tiger.njb", NJ_LAB_HISTORIES, NJ_LAB_ITEMS, "text.npy", "sasrec.jsonl",
                       "item-knn.jsonl", "co-visitation.jsonl", "popularity.jsonl"},
            .outputs = {NJ_LAB_EVAL_JSON, NJ_LAB_OUTCOMES, "eval.html"},
            .to = NJ_LAB_EVAL_JSON,
        },
        "eval --bundle tiger.njb --users histories.txt --beam %s --top 20%s "
        "%s --against sasrec.jsonl,item-knn.jsonl,co-visitation.jsonl,popularity.jsonl "
        "--names TIGER,SASRec,item-kNN,co-visitation,popularity --embeddings text.npy --items "
        "items.tsv "
        "--per-user " NJ_LAB_OUTCOMES " --report eval.html --json",
        r->beam, r->history, s->procs_option);
}

static void add_night(const recipe *r, nj_lab_chain *chain)
{
    nj_lab_chain_add(
        chain,
        &(nj_lab_step_facts){
            .name = "night",
            .why = "Lists for everybody, from their whole histories, into a store.",
            .inputs = {"tiger.njb", NJ_LAB_HISTORIES},
            .outputs = {"store/CURRENT", NJ_LAB_NIGHT_JSON},
            .to = NJ_LAB_NIGHT_JSON,
            .scratch = "store",
            .going_on = NJ_LAB_RESUME,
        },
        "run --bundle tiger.njb --users histories.txt --beam %s --top 20%s --workers 2 "
        "--cache cache --store store --json",
        r->beam, r->history);
    nj_lab_chain_add(chain,
                     &(nj_lab_step_facts){
                         .name = "get",
                         .why = "What a cache would read in the morning, for one user.",
                         .inputs = {"store/CURRENT"},
                         .outputs = {NJ_LAB_TONIGHT},
                         .to = NJ_LAB_TONIGHT,
                         .last_word = "example.txt",
                     },
                     "store get --store store");
}

void nj_lab_chain_make(const nj_lab_settings *settings, nj_lab_chain *chain)
{
    const recipe *r = find_recipe(settings);
    add_data(settings, chain);
    add_sasrec(settings, r, chain);
    add_catalogue(settings, r, chain);
    add_tiger(settings, r, chain);
    add_judgement(settings, r, chain);
    add_night(r, chain);
}
