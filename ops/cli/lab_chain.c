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
} recipe;

static const recipe RECIPES[] = {
    {"ml-100k", false, "sasrec", "--dimensions 64", "--levels 4 --codes 256",
     "--layers 2 --decoder-layers 2 --d-model 64 --heads 4 --d-kv 16 --d-ff 256 --history-max 20 "
     "--epochs 12 --batch 128 --rate 0.003 --warmup 300 --dropout 0.1 --weight-decay 0.05 "
     "--validate-every 1 --patience 3",
     "--layers 2 --d-model 64 --heads 2 --history-max 50 --epochs 60 --patience 5", "20"},
    {"ml-100k", true, "sasrec", "--dimensions 32", "--levels 3 --codes 64",
     "--layers 1 --decoder-layers 1 --d-model 48 --heads 3 --d-kv 16 --d-ff 128 --history-max 10 "
     "--epochs 2 --batch 128 --rate 0.003 --warmup 200 --dropout 0.1 --validate-every 1 "
     "--validate-users 300",
     "--layers 1 --d-model 32 --heads 1 --history-max 20 --epochs 5", "20"},
    {"beauty", false, "text", "--dimensions 128", "--levels 3 --codes 256",
     "--history-max 20 --epochs 30 --batch 256 --rate 0.001 --dropout 0.1 --validate-every 2 "
     "--validate-users 2000 --patience 5",
     "--layers 2 --d-model 128 --heads 2 --history-max 50 --dropout 0.5 --patience 5", "50"},
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
    const char *from = s->embeddings != NULL ? s->embeddings : r->embeddings;
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
        "train t5 --catalogue catalogue --users histories.txt %s --beam %s --seed %" PRIu64
        "%s --out tiger",
        r->tiger, r->beam, s->seed, s->threads_option);
}

static void add_baseline(nj_lab_chain *chain, const char *name, const char *list, const char *model)
{
    nj_lab_step_facts facts = {
        .name = name,
        .why = "Its lists for the users that are judged.",
        .inputs = {"items.txt", NJ_LAB_HISTORIES},
        .outputs = {list},
    };
    if (model != NULL) {
        facts.inputs[2] = "sasrec/model.safetensors";
    }
    nj_lab_chain_add(chain, &facts,
                     "baseline %s%s --ids items.txt --users histories.txt --target test --top 50 "
                     "--out %s",
                     strcmp(name, "sasrec-lists") == 0 ? "sasrec" : name,
                     model != NULL ? " --model sasrec" : "", list);
}

static void add_judgement(const nj_lab_settings *s, const recipe *r, nj_lab_chain *chain)
{
    add_baseline(chain, "popularity", "popularity.jsonl", NULL);
    add_baseline(chain, "co-visitation", "co-visitation.jsonl", NULL);
    add_baseline(chain, "item-knn", "item-knn.jsonl", NULL);
    add_baseline(chain, "sasrec-lists", "sasrec.jsonl", "sasrec");
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
            .inputs = {"tiger.njb", NJ_LAB_HISTORIES, "text.npy", "sasrec.jsonl", "item-knn.jsonl",
                       "co-visitation.jsonl", "popularity.jsonl"},
            .outputs = {NJ_LAB_EVAL_JSON, NJ_LAB_OUTCOMES, "eval.html"},
            .to = NJ_LAB_EVAL_JSON,
        },
        "eval --bundle tiger.njb --users histories.txt --beam %s --top 20 --keep-history "
        "%s --against sasrec.jsonl,item-knn.jsonl,co-visitation.jsonl,popularity.jsonl "
        "--embeddings text.npy --per-user " NJ_LAB_OUTCOMES " --report eval.html --json",
        r->beam, s->procs_option);
}

static void add_night(const nj_lab_settings *s, const recipe *r, nj_lab_chain *chain)
{
    (void)s;
    nj_lab_chain_add(chain,
                     &(nj_lab_step_facts){
                         .name = "night",
                         .why = "Lists for everybody, from their whole histories, into a store.",
                         .inputs = {"tiger.njb", NJ_LAB_HISTORIES},
                         .outputs = {"store/CURRENT", NJ_LAB_NIGHT_JSON},
                         .to = NJ_LAB_NIGHT_JSON,
                         .scratch = "store",
                         .going_on = NJ_LAB_RESUME,
                     },
                     "run --bundle tiger.njb --users histories.txt --beam %s --top 20 --workers 2 "
                     "--cache cache --store store --json",
                     r->beam);
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
    add_night(settings, r, chain);
}
