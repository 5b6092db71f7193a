// table_eval.c - the rows of the command table for baseline, eval and lab ....
#include "common/catalogue/split.h"
#include "ops/cli/commands.h"
#include "ops/cli/engine_options.h"
#include "ops/cli/eval_report.h"
#include "ops/cli/interactions.h"
#include "ops/cli/lab.h"
#include "ops/cli/tables.h"

#define NJ_SETTING NJ_SETTING_OPTION

static const nj_option EVAL[] = {
    {"bundle", "FILE", NULL, "decode with this bundle; with --lists only its items count", false},
    {"ids", "FILE", NULL, "with --lists, in place of a bundle: the items, one id a line", false},
    NJ_USERS_FILE_OPTIONS,
    {"training-users", "FILE", NULL,
     "count how popular items are in these histories; default: in what --users leaves to training",
     false},
#define NJ_PLANNED NJ_PLANNED_OPTION
#include "schemas/settings.def"
    NJ_SPLIT_OPTIONS,
    {"lists", "FILE[,...]", NULL,
     "judge these lists (JSON lines of decode or store export; - is standard "
     "input) and decode nothing; the first is the one that others are compared with",
     false},
    {"against", "FILE[,...]", NULL, "compare with these lists, up to 7 files", false},
    {"per-user", "FILE", NULL,
     "write each user's held-out item, its rank and the list decoded; "
     "--lists and --against read it",
     false},
    NJ_EVAL_REPORT_OPTIONS,
    {"procs", "N", "1", "processes that decode; the result is the same", false},
    NJ_PRECISION_OPTION,
    NJ_ENGINE_OPTIONS,
    NJ_JSON_OPTION,
};

static const nj_option POLICY_SWEEP[] = {
    {"bundle", "FILE", NULL, "decode with this bundle, and with variants of a policy in it", true},
    NJ_USERS_FILE_OPTIONS,
    {"training-users", "FILE", NULL,
     "count how popular items are in these histories; default: in what --users leaves to training",
     false},
#define NJ_PLANNED NJ_PLANNED_OPTION
#include "schemas/settings.def"
    NJ_SPLIT_OPTIONS,
    {"policy", "FILE", NULL, "the policy that is varied; default: the bundle's own, or none",
     false},
    {"curves", "TEXT", NULL,
     "curves, by semicolons: \"mmr: rerank.method=mmr rerank.relevance=1,.9,.7\"; default: the "
     "policy as it is",
     false},
    {"against", "FILE[,...]", NULL, "judge these lists, too", false},
    {"embeddings", "FILE", NULL,
     "item vectors in the catalogue's order (.npy), for diversity; default: the bundle's", false},
    {"pictures", "DIR", NULL, "draw the curves into this folder (SVG)", false},
    {"resamples", "N", "1000", "resamples of the users that intervals are made of; 0: none", false},
    {"seed", "N", "0", "of the resamples", false},
    {"procs", "N", "1", "processes that decode; the result is the same", false},
    NJ_PRECISION_OPTION,
    NJ_ENGINE_OPTIONS,
    NJ_JSON_OPTION,
};

static const nj_option LAB[] = {
    {"data", "DIR", NULL, "the folder of the data set's files", true},
    {"kind", "NAME", NULL, "the data set: " NJ_LAB_KINDS "; default: the one whose files are there",
     false},
    {"quick", NULL, NULL, "small models and few epochs: a minute or two, and poor figures", false},
    {"embeddings-from", "text|sasrec", NULL,
     "what semantic IDs are learned from: text (of the items) or sasrec (what users made of them); "
     "default: what did better on validation",
     false},
    {"seed", "N", "0", "of everything random", false},
    {"threads", "N", "0", "0: as many as each command takes by itself", false},
    {"time-limit", "SECONDS", "0",
     "stop after so long, with exit 75; the same command goes on; 0: never", false},
    {"dry-run", NULL, NULL, "print the commands, and run none", false},
    {"quiet", NULL, NULL, "what the steps say goes to their logs alone", false},
    {"out", "DIR", NULL, "folder of everything that is made; the page is index.html in it", true},
    NJ_JSON_OPTION,
};

static const nj_option LAB_DATA[] = {
    {"data", "DIR", NULL, "the folder of the data set's files", true},
    {"kind", "NAME", NULL, "the data set: " NJ_LAB_KINDS "; default: the one whose files are there",
     false},
    {"seed", "N", "0", "of the order of events of equal time", false},
    {"out", "DIR", NULL, "where to write items.txt, items.tsv, histories.txt and training.txt",
     true},
    NJ_JSON_OPTION,
};

static const nj_option BASELINE[] = {
    NJ_IDS_OPTION,
    NJ_HISTORIES_OPTIONS,
    NJ_SPLIT_OPTIONS,
    {"top", "N", "50", "items of a list", false},
    {"sample", "SHARE", "1", "lists of this share of the users, always the same ones", false},
    {"mask-history", NULL, NULL, "leave out what a user has had", false},
    {"model", "DIR", NULL, "sasrec: the folder that `train sasrec` made", false},
    {"unseen", "neighbours", NULL,
     "sasrec: an item that training has not gets the mean vector of its nearest that training has",
     false},
    {"embeddings", "E.npy", NULL, "with --unseen: which items are near, row i of item i", false},
    {"nearest", "N", "10", "with --unseen: of how many it is the mean", false},
    {"nearest-length", "X", "0",
     "with --unseen: bring the mean to X times their mean length; 0: leave it as it is", false},
    {"neighbours", "N", NULL, "co-visitation, item-knn: kept of each item; default: 200", false},
    {"fading", "X", NULL,
     "co-visitation, item-knn: weight of an item for each later one; default: 0.4, 0.5", false},
    {"distance", "X", NULL, "co-visitation: exponent of the places between two items; default: 0.5",
     false},
    {"back", "X", NULL, "co-visitation: weight of items that stood before; default: 0.1", false},
    {"shrink", "X", NULL, "item-knn: added to the divisor of a cosine; default: 40", false},
    {"threads", "N", "0", "0: one for each processor of this process; the lists are the same",
     false},
    {"out", "FILE", NULL, "lists as JSON lines; - is standard output", true},
    {"json", NULL, NULL, "print what was done as JSON, unless lists go to standard output", false},
};

static const nj_command COMMANDS[] = {
    NJ_COMMAND("baseline", "lists of the models that every other one must beat",
               "popularity|co-visitation|item-knn|sasrec", BASELINE, nj_command_baseline),
    NJ_COMMAND("eval", "recall, NDCG and MRR of lists against held-out items", NULL, EVAL,
               nj_command_eval),
    NJ_COMMAND("policy sweep", "what variants of a policy give, and what they cost", NULL,
               POLICY_SWEEP, nj_command_policy_sweep),
    NJ_COMMAND("lab data", "a public data set in the forms of the other commands", NULL, LAB_DATA,
               nj_command_lab_data),
    NJ_COMMAND("lab", "the whole method on one page, from a public data set", NULL, LAB,
               nj_command_lab),
};

const nj_command_rows NJ_COMMANDS_EVAL = NJ_COMMAND_ROWS(COMMANDS);
