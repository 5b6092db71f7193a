// main.c - the command table of `nightjar`. Adding a command is one row here and one function in commands.h.
#include "common/base/log.h"
#include "common/catalogue/split.h"
#include "coordinator/daemon/night_options.h"
#include "ops/cli/bench_report.h"
#include "ops/cli/collision_options.h"
#include "ops/cli/commands.h"
#include "ops/cli/engine_options.h"
#include "ops/cli/eval_report.h"
#include "ops/cli/interactions.h"
#include "ops/cli/item_options.h"
#include "ops/cli/lab.h"
#include "ops/cli/local_fleet.h"
#include "ops/cli/run_phases.h"
#include "ops/cli/template_options.h"
#include "ops/cli/train_options.h"
#include "worker/train/rqvae_rows.h"

#define JSON_OPTION                                                                                \
    {                                                                                              \
        "json", NULL, NULL, "print the result as JSON", false                                      \
    }
// Commands whose output is JSON lines take the option that every command has.
#define JSON_LINES_OPTION                                                                          \
    {                                                                                              \
        "json", NULL, NULL, "no change: the output is JSON lines already", false                   \
    }
#define STORE_OPTIONS                                                                              \
    {"store", "DIR", NULL, "the store's folder", true},                                            \
    {                                                                                              \
        "gen", "NAME", NULL, "a generation; default: the one that CURRENT names", false            \
    }
#define CATALOGUE_OPTIONS                                                                          \
    {"ids", "FILE", NULL, "one item id a line, in row order; default: row numbers from 0", false}, \
        {"token-base", "N", "2", "token of code 0 of the first level", false},                     \
        {"overwrite", NULL, NULL, "replace a catalogue that is there", false},                     \
        {"out", "DIR", NULL, "the catalogue's folder", true}, JSON_OPTION

static const nj_option BENCH_COLLISIONS[] = {
    {"items", "LIST", "1000000", "catalogue sizes", false},
    {"dim", "N", "32", "width of an embedding", false},
    {"levels", "N", "4", "codebooks", false},
    {"codes", "N", "256", "vectors of a codebook", false},
    {"spread", "N", "20", "how far items of a line are apart, in hundredths", false},
    NJ_COLLISION_OPTIONS,
    NJ_BENCH_REPORT_OPTIONS,
};

static const nj_option BENCH_ENGINE[] = {
    {"bundle", "FILE", NULL, "decode with this bundle; default: TIGER's shape with random weights",
     false},
    {"beams", "LIST", "20,50", "beam widths to measure", false},
    {"tokens", "N", "80", "encoder tokens a user", false},
    {"users", "N", "64", "users a round", false},
    {"rounds", "N", "5", "rounds; the median is reported", false},
    {"eligible", "PERCENT", "100",
     "items that may be recommended, drawn at random; below 100 the search goes through a mask",
     false},
    NJ_PRECISION_OPTION,
    NJ_ENGINE_OPTIONS,
    NJ_BENCH_REPORT_OPTIONS,
};

static const nj_option BENCH_KERNELS[] = {
    {"kernels", "NAME", "all", "one set of kernels, or all that this machine runs", false},
    {"rows", "LIST", "1,8,20,81,96,192", "M of the products with the model's weights", false},
    {"shape", "M,N,K[,...]", NULL, "measure X[M,K] * W[N,K]^T of these sizes, and nothing else",
     false},
    {"rounds", "N", "7", "rounds of some 2 ms; the median is reported, and the best", false},
    NJ_BENCH_REPORT_OPTIONS,
};

static const nj_option BENCH_QUANTIZER[] = {
    {"dims", "LIST", "64,128,768", "widths of an embedding", false},
    {"items", "N", "20000", "embeddings a round", false},
    {"levels", "N", "3", "codebooks", false},
    {"codes", "N", "256", "vectors of a codebook", false},
    {"beam", "N", "1", "prefixes kept behind each level; 1 is greedy", false},
    {"rounds", "N", "5", "rounds; the median is reported", false},
    {"kernels", "NAME", "auto",
     "arithmetic: auto, ref, openblas, avx2, avx512, bf16-avx512, bf16-amx", false},
    NJ_BENCH_REPORT_OPTIONS,
};

static const nj_option BENCH_TRAIN[] = {
    {"threads", "LIST", "1", "numbers of threads, each measured", false},
    {"batch", "N", "256", "samples of a step", false},
    {"shard", "N", "16", "samples that a thread takes at a time", false},
    {"tokens", "LIST", "80", "encoder tokens of a sample; of several numbers in turn", false},
    {"labels", "N", "4", "decoder tokens of a sample", false},
    {"layers", "N", "4", "encoder layers", false},
    {"decoder-layers", "N", "4", "decoder layers", false},
    {"d-model", "N", "128", "width of the stream", false},
    {"heads", "N", "6", "attention heads", false},
    {"d-kv", "N", "64", "width of a head", false},
    {"d-ff", "N", "1024", "width between a block's dense layers", false},
    {"vocabulary", "N", "1026", "tokens known", false},
    {"activation", "WORD", "relu", "relu or gated-gelu", false},
    {"dropout", "PERCENT", "10", "values dropped", false},
    {"rounds", "N", "5", "rounds of a step; the median is reported", false},
    {"kernels", "NAME", "auto", "arithmetic of class exact: auto, ref, portable, avx2, avx512",
     false},
    NJ_BENCH_REPORT_OPTIONS,
};

static const nj_option BENCH_TRIE[] = {
    {"items", "LIST", "12101,1000000", "catalogue sizes", false},
    {"levels", "N", "4", "codes of an item", false},
    {"codes", "N", "256", "codes of a level", false},
    {"shape", "WORD", "uniform",
     "SIDs made up: uniform, or clustered as of a quantizer with a collision counter", false},
    {"layouts", "LIST", "trie", "of trie, array (sorted SIDs), pointers (a node is a malloc)",
     false},
    {"threads", "N", "1", "threads that build the trie", false},
    {"rounds", "N", "5", "rounds; medians are reported", false},
    NJ_BENCH_REPORT_OPTIONS,
};

static const nj_option BENCH_SHOW[] = {NJ_BENCH_REPORT_OPTIONS};

static const nj_option BENCH_STORE[] = {
    {"rows", "N", "1000000", "made-up rows a round", false},
    {"top", "N", "20", "items a row", false},
    {"shard-users", "N", "256", "rows a shard; 32 shards are committed at once", false},
    {"rounds", "N", "3", "rounds; medians are reported", false},
    {"folder", "DIR", ".", "where the store is made, and removed again", false},
    NJ_BENCH_REPORT_OPTIONS,
};

static const nj_option BENCH_WIRE[] = {
    {"users", "N", "128", "users of a shard", false},
    {"top", "N", "50", "items of each list: 128 lists of 50 are 64 KB", false},
    {"items", "N", "100000", "items of the catalogue", false},
    {"shards", "N", "2000", "shards to send each way", false},
    NJ_BENCH_REPORT_OPTIONS,
};

static const nj_option BUNDLE_PACK[] = {
    {"model", "DIR", NULL, "HuggingFace T5 folder: config.json and safetensors", true},
    {"catalogue", "DIR", NULL, "catalogue folder", true},
    {"histories", "FILE", NULL, "histories to count: cold users get the most frequent items",
     false},
    {"format", "WORD", NULL, "of the histories: sequence, jsonl, csv or inter", false},
    {"as-of", "TIME", NULL, "of the histories count only what happened before", false},
    {"history-max", "N", "0",
     "items the encoder reads at the most; 0: as the checkpoint says, else 1024 tokens", false},
    NJ_TEMPLATE_OPTIONS,
    {"user-tokens", "FIRST,COUNT", NULL, "a hashed user token: FIRST + XXH3-64(user id) % COUNT",
     false},
    {"no-pairing-check", NULL, NULL,
     "with --histories: do not ask whether the model knows the catalogue's SIDs", false},
    {"out", "FILE", NULL, "the bundle to write", true},
    JSON_OPTION,
};

static const nj_option BUNDLE_LIST[] = {JSON_OPTION};

static const nj_option CATALOGUE_EXPORT[] = {
    {"to", "FORM", NULL,
     "index-json (LETTER, LC-Rec, MiniOneRec) or npy (GRID: arrays of codes and tokens)", true},
    {"out", "PATH", NULL, "index-json: the file; npy: the folder; nothing may be there", true},
    JSON_OPTION,
};

static const nj_option CATALOGUE_IMPORT[] = {
    {"sids", "FILE", NULL, "semantic IDs, .npy of whole numbers [items, levels]", false},
    {"index-json", "FILE", NULL, "semantic IDs in LC-Rec's form; the key is the row", false},
    {"codes-per-level", "N[,N...]", NULL,
     "codes of every level; needed with --sids, else the highest code + 1", false},
    CATALOGUE_OPTIONS,
};

static const nj_option CATALOGUE_JOIN[] = {
    {"embeddings", "FILE[,FILE...]", NULL,
     ".npy float16 or float32 [items, width] each, of the same items in the same order", true},
    {"shares", "X[,X...]", NULL, "of the joined rows' variance, for each file; default: equal",
     false},
    {"scales", "X[,X...]", NULL, "instead: what rows are multiplied by, as an earlier join printed",
     false},
    {"keep-lengths", NULL, NULL, "do not bring each file's rows to length 1 first", false},
    {"out", "FILE", NULL, "the joined rows, .npy float32", true},
    JSON_OPTION,
};

static const nj_option CATALOGUE_FIT[] = {
    {"embeddings", "FILE", NULL, "item vectors, .npy float16 or float32 [items, width]", true},
    {"levels", "N", "3", "codebooks, 1 to 8", false},
    {"codes", "N[,N...]", "256", "codes of every level: one number, or one a level", false},
    {"method", "KIND", "residual",
     "residual (a level sees what those before it leave), product (its part of the columns) or "
     "hierarchical (k-means within each cluster)",
     false},
    {"seed", "N", "0", "of everything random: same seed, same file, same result", false},
    {"iterations", "N", "50", "updates of a level's centroids, at most", false},
    {"tolerance", "X", "0.0001",
     "a level ends when an update lowers its error by less than this share; 0: never early", false},
    {"standardise", NULL, NULL, "columns get mean 0 and variance 1 first", false},
    {"pca", "N", "0", "codebooks see the first N principal components; 0: no PCA", false},
    {"balanced", NULL, NULL,
     "codes with more than 1.25 times their even share of items repel others while they are "
     "learned",
     false},
    NJ_ITEM_OPTIONS,
    {"resume", NULL, NULL, "go on with an interrupted fit (OUT.fit)", false},
    {"state-every", "SECONDS", "10", "how often OUT.fit is written; 0: after every update", false},
    {"quiet", NULL, NULL, "no progress on standard error", false},
    NJ_COLLISION_OPTIONS,
    CATALOGUE_OPTIONS,
};

static const nj_option CATALOGUE_ASSIGN[] = {
    {"embeddings", "FILE", NULL, "item vectors, .npy float16 or float32 [items, width]", true},
    {"codebooks", "FILE", NULL,
     ".npy [levels, codes, width], .safetensors, or a catalogue folder that has codebooks", true},
    {"quantizer", "KIND", NULL,
     "what the codebooks of a file are: residual (default), product, hierarchical", false},
    {"assign-beam", "N", "1", "prefixes kept behind each level of residual codes; 1 is greedy",
     false},
    NJ_COLLISION_OPTIONS,
    NJ_ITEM_OPTIONS,
    CATALOGUE_OPTIONS,
};

static const nj_option CATALOGUE_REFRESH[] = {
    {"from", "DIR", NULL, "the catalogue of the night before", true},
    {"ids", "FILE", NULL, "tonight's items, one id a line", true},
    {"embeddings", "FILE", NULL,
     "their vectors, .npy [ids, width]: new items get their codes from them", false},
    {"sids", "FILE", NULL, "or their SIDs, .npy of whole numbers [ids, levels]", false},
    {"collisions", "WORD", NULL,
     "new items whose codes somebody has: suffix with a counter; else relocate (default) or leaves",
     false},
    {"suffix-overflow", "WORD", "refuse",
     "new items past the counter: refuse, or relocate them to codes that have room", false},
    {"max-retired", "P", "20",
     "refuse when more than P % of the items that are sold are missing tonight; 100 allows any",
     false},
    {"refit", NULL, NULL,
     "new codebooks, learned from --embeddings and aligned to the old: for a model that is trained "
     "anew",
     false},
    {"codebooks", "DIR", NULL, "with --refit: a catalogue whose codebooks are taken instead",
     false},
    {"iterations", "N", "50", "with --refit: updates of a level's codes at the most", false},
    {"seed", "N", "1", "with --refit: of codes that no item begins with", false},
    {"churn", "FILE", NULL, "with --refit: item, old SID and new SID of every changed item (TSV)",
     false},
    {"no-drift", NULL, NULL, "do not look how far the embeddings of old items have moved", false},
    {"dry-run", NULL, NULL, "say what would change, and write nothing", false},
    NJ_ITEM_OPTIONS,
    {"overwrite", NULL, NULL, "replace a catalogue that is there, also the one of --from", false},
    {"out", "DIR", NULL, "the refreshed catalogue's folder", false},
    JSON_OPTION,
};

static const nj_option CATALOGUE_CHECK[] = {
    {"embeddings", "FILE", NULL, "item vectors: say what the codes leave of them", false},
    {"categories", "FILE", NULL, "item id, tab, category: say how pure prefixes are", false},
    {"category-depth", "N", "0", "parts of a path such as \"A > B > C\" that count; 0: all", false},
    {"policies", NULL, NULL, "try relocating items of equal codes; needs --embeddings", false},
    {"svg", "FILE", NULL, "draw the use of the codes", false},
    {"max-collisions", "P", NULL, "exit 4 when more percent of the items have equal codes", false},
    {"max-bucket", "N", "0", "exit 4 when more items have the same codes; 0: any number", false},
    {"max-error", "P", NULL, "exit 4 when the codes leave more percent of the embeddings", false},
    {"min-use", "P", NULL, "exit 4 when a level uses fewer percent of its codes", false},
    {"min-perplexity", "P", NULL, "exit 4 when a level's perplexity is less percent of its codes",
     false},
    JSON_OPTION,
};

static const nj_option CATALOGUE_SHOW[] = {JSON_OPTION};

#define NJ_SETTING NJ_SETTING_OPTION

static const nj_option DECODE[] = {
    NJ_USERS_OPTIONS,
#define NJ_PLANNED NJ_PLANNED_OPTION
#include "schemas/settings.def"
    {"sids", NULL, NULL, "print each item's codes too", false},
    NJ_PRECISION_OPTION,
    NJ_ENGINE_OPTIONS,
    JSON_LINES_OPTION,
};

static const nj_option EMBED[] = {
    {"items", "FILE", NULL,
     "item texts: tab separated below a header line (also RecBole's .item), or JSON lines; - is "
     "standard input",
     true},
    {"method", "WORD", "tfidf-svd", "tfidf-svd: weighted words, brought to few dimensions", false},
    {"id-column", "NAME", NULL,
     "where the id stands; default: item_id, else id, else the first column", false},
    {"text-columns", "NAME[=N][,...]", NULL,
     "where the text stands, N times as important; default: all columns but the id", false},
    {"ids", "FILE", NULL,
     "the items and their order, one id a line; default: those of --items as they stand", false},
    {"zero-missing", NULL, NULL,
     "items of --ids that have no text get zeros; else they are refused", false},
    {"dimensions", "N", "128", "width of a vector, 1 to 1024", false},
    {"bigrams", NULL, NULL, "two words that follow each other count as a word too", false},
    {"min-items", "N", "2", "words that fewer items have are left out", false},
    {"words-max", "N", "1000000", "words that are kept at the most: those of most items", false},
    {"plain-counts", NULL, NULL, "a word counts as often as it stands; else 1 + ln of that", false},
    {"power-iterations", "N", "5", "more of them find the axes more exactly", false},
    {"no-normalize", NULL, NULL, "rows keep their lengths; else all have length 1", false},
    {"half", NULL, NULL, "write float16; else float32", false},
    {"seed", "N", "0", "same seed, same texts, same file", false},
    {"threads", "N", "0", "0: one a processor; the result is the same", false},
    {"quiet", NULL, NULL, "no progress on standard error", false},
    NJ_LOG_OPTION,
    {"ids-out", "FILE", NULL, "write the ids in row order, one a line", false},
    {"out", "FILE", NULL, "the vectors, .npy [items, dimensions]", true},
    JSON_OPTION,
};

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
    JSON_OPTION,
};

static const nj_option LAB[] = {
    {"data", "DIR", NULL, "the folder of the data set's files", true},
    {"kind", "NAME", NULL, "the data set: " NJ_LAB_KINDS "; default: the one whose files are there",
     false},
    {"quick", NULL, NULL, "small models and few epochs: a minute or two, and poor figures", false},
    {"embeddings-from", "WORD", NULL,
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
    JSON_OPTION,
};

static const nj_option LAB_DATA[] = {
    {"data", "DIR", NULL, "the folder of the data set's files", true},
    {"kind", "NAME", NULL, "the data set: " NJ_LAB_KINDS "; default: the one whose files are there",
     false},
    {"seed", "N", "0", "of the order of events of equal time", false},
    {"out", "DIR", NULL, "where to write items.txt, items.tsv, histories.txt and training.txt",
     true},
    JSON_OPTION,
};

static const nj_option RUN[] = {
    {"bundle", "FILE", NULL, "the bundle made by `nightjar bundle pack`", false},
    NJ_RUN_PHASES_OPTIONS,
    NJ_USERS_FILE_OPTIONS,
#define NJ_PLANNED NJ_PLANNED_OPTION
#include "schemas/settings.def"
    NJ_NIGHT_OPTIONS,
    {"workers", "N", "2", "worker processes to start on this machine", false},
    NJ_LOCAL_FLEET_OPTIONS,
    {"memory-max", "MB", NULL, "a worker whose plan needs more ends; default: no limit", false},
    NJ_ENGINE_OPTIONS,
};

static const nj_option KEYS[] = {
    {"out", "FILE", NULL, "the secret key; FILE.pub gets the public one", true},
    {"name", "TEXT", NULL, "what to call the key's owner", false},
    JSON_OPTION,
};

static const nj_option STORE_GET[] = {
    STORE_OPTIONS,
    {"check-mb", "N", "1024", "compare every byte first where the generation has at most N MiB",
     false},
    JSON_LINES_OPTION,
};

static const nj_option STORE_EXPORT[] = {
    STORE_OPTIONS,
    {"to", "FORM", "jsonl", "jsonl: one object a line, in key order", false},
    JSON_LINES_OPTION,
};

static const nj_option STORE_STAT[] = {STORE_OPTIONS, JSON_OPTION};

static const nj_option STORE_LIST[] = {{"store", "DIR", NULL, "the store's folder", true},
                                       JSON_OPTION};

static const nj_option STORE_PUBLISH[] = {{"store", "DIR", NULL, "the store's folder", true},
                                          JSON_OPTION};

static const nj_option STORE_ROLLBACK[] = {
    {"store", "DIR", NULL, "the store's folder", true},
    {"to", "NAME", NULL, "a generation; default: the last one that was current before and is sound",
     false},
    {"dry-run", NULL, NULL, "say where it would go back to, and change nothing", false},
    JSON_OPTION,
};

static const nj_option BASELINE[] = {
    NJ_IDS_OPTION,
    NJ_HISTORIES_OPTIONS,
    NJ_SPLIT_OPTIONS,
    {"top", "N", "50", "items of a list", false},
    {"mask-history", NULL, NULL, "leave out what a user has had", false},
    {"model", "DIR", NULL, "sasrec: the folder that `train sasrec` made", false},
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

static const nj_option TRAIN_RQVAE[] = {
    {"embeddings", "FILE", NULL, ".npy [items, width], float16 or float32", true},
    {"levels", "N", "3", "codebooks", false},
    {"codes", "LIST", "256", "codes of a level: one number, or one for each level", false},
    {"hidden", "LIST", "512,256",
     "widths of the encoder's hidden layers; the decoder's are the same backwards", false},
    {"latent", "N", "64", "width of the codebooks", false},
    {"beta", "X", "0.25", "weight of the commitment loss", false},
    {"standardise", "WORD", "columns", "of the embeddings: " NJ_RQVAE_STANDARDS, false},
    {"codebook-start", "WORD", "kmeans", "kmeans of the first residuals, or random", false},
    {"keep-dead", NULL, NULL, "leave codes that no item has where they are", false},
    {"best", "WORD", "error", "the epoch that is kept: least reconstruction error, or collisions",
     false},
    NJ_TRAIN_OPTIONS("200", "256", "0.003", "100", "cosine", "0", "1", "0", "5", "0"),
};

static const nj_option TRAIN_SASREC[] = {
    NJ_IDS_OPTION,
    NJ_HISTORIES_OPTIONS,
    {"layers", "N", "2", "blocks", false},
    {"d-model", "N", "128", "width of a state and of an item's vector", false},
    {"heads", "N", "2", "of attention; must divide the width", false},
    {"d-ff", "N", "128", "width of a dense layer", false},
    {"history-max", "N", "50", "the last items of a history that are looked at", false},
    {"norms", "WORD", "before", "where norms stand: before a sublayer or after it", false},
    {"shard", "N", "0",
     "samples that a thread takes at a time, part of what the bits depend on; 0: --batch / 32, at "
     "least 4, and so many that their gradients take 2 GB",
     false},
    NJ_TRAIN_OPTIONS("100", "256", "0.001", "100", "cosine", "0", "0", "0.5", "1", "10"),
};

static const nj_option TRAIN_T5[] = {
    {"catalogue", "DIR", NULL, "catalogue folder: the SIDs to learn", true},
    NJ_HISTORIES_OPTIONS,
    {"hold-out", "N", "2",
     "last items of each history that are not learned from: 2, as eval's leave-last-out judges; 1; "
     "or 0 for a model that learns all and is not validated",
     false},
    {"history-max", "N", "20", "last items of a history that the encoder reads", false},
    NJ_TEMPLATE_OPTIONS,
    {"user-tokens", "N", "0",
     "tokens for users, chosen by XXH3-64(user id) % N; they stand behind those of the items",
     false},
    {"layers", "N", "4", "blocks of the encoder", false},
    {"decoder-layers", "N", "4", "blocks of the decoder", false},
    {"d-model", "N", "128", "width", false},
    {"heads", "N", "6", "attention heads", false},
    {"d-kv", "N", "64", "width of a head", false},
    {"d-ff", "N", "1024", "width between the two products of a feed-forward", false},
    {"activation", "WORD", "relu", "of the feed-forward: relu or gated-gelu", false},
    {"untied", NULL, NULL, "a head of its own, and no scaling of what it reads, as in T5 1.1",
     false},
    {"initializer-factor", "X", "1", "of the first weights' deviations", false},
    {"label-smoothing", "X", "0", "share of each target that all tokens divide", false},
    {"shard", "N", "0",
     "samples that a thread takes at a time, part of what the bits depend on; 0: --batch / 64, and "
     "at least 4",
     false},
    {"validate-users", "N", "5000", "users of a validation, drawn by --seed; 0: all", false},
    {"beam", "N", "20", "beams of a validation's search", false},
    {"keep-history", NULL, NULL, "a validation lets a user's own history be recommended again",
     false},
    {"kernels", "NAME", "auto", "instructions: a set of class \"exact\"", false},
    NJ_TRAIN_OPTIONS("100", "256", "0.001", "500", "cosine", "0.05", "1", "0.1", "2", "10"),
};

#define COMMAND(name, summary, positional, options, run)                                           \
    {                                                                                              \
        name, summary, positional, options, sizeof(options) / sizeof(options)[0], run              \
    }

static const nj_command COMMANDS[] = {
    COMMAND("baseline", "lists of the models that every other one must beat", "METHOD", BASELINE,
            nj_command_baseline),
    COMMAND("bench collisions", "measure giving made-up items a SID each", NULL, BENCH_COLLISIONS,
            nj_command_bench_collisions),
    COMMAND("bench engine", "measure decoding on this machine", NULL, BENCH_ENGINE,
            nj_command_bench_engine),
    COMMAND("bench kernels", "measure each set of kernels on the model's shapes", NULL,
            BENCH_KERNELS, nj_command_bench_kernels),
    COMMAND("bench quantizer", "measure giving embeddings their codes", NULL, BENCH_QUANTIZER,
            nj_command_bench_quantizer),
    COMMAND("bench show", "a saved run as tables, and beside another one", "FILE", BENCH_SHOW,
            nj_command_bench_show),
    COMMAND("bench store", "measure committing, packing and publishing", NULL, BENCH_STORE,
            nj_command_bench_store),
    COMMAND("bench train", "measure training a T5, thread by thread", NULL, BENCH_TRAIN,
            nj_command_bench_train),
    COMMAND("bench trie", "measure building a trie and walking it", NULL, BENCH_TRIE,
            nj_command_bench_trie),
    COMMAND("bench wire", "what a shard's result costs the coordinator", NULL, BENCH_WIRE,
            nj_command_bench_wire),
    COMMAND("bundle list", "the sections of a bundle", "FILE", BUNDLE_LIST, nj_command_bundle_list),
    COMMAND("bundle pack", "one file from a checkpoint and a catalogue", NULL, BUNDLE_PACK,
            nj_command_bundle_pack),
    COMMAND("bundle verify", "read every byte and compare digests", "FILE", BUNDLE_LIST,
            nj_command_bundle_verify),
    COMMAND("catalogue assign", "SIDs from embeddings and codebooks", NULL, CATALOGUE_ASSIGN,
            nj_command_catalogue_assign),
    COMMAND("catalogue check", "use of codes, error, purity and collisions of a catalogue", "DIR",
            CATALOGUE_CHECK, nj_command_catalogue_check),
    COMMAND("catalogue export", "SIDs and tokens in the forms that trainers read", "DIR",
            CATALOGUE_EXPORT, nj_command_catalogue_export),
    COMMAND("catalogue fit", "codebooks and SIDs from embeddings", NULL, CATALOGUE_FIT,
            nj_command_catalogue_fit),
    COMMAND("catalogue import", "a catalogue from SIDs made elsewhere", NULL, CATALOGUE_IMPORT,
            nj_command_catalogue_import),
    COMMAND("catalogue join", "embeddings of several origins side by side", NULL, CATALOGUE_JOIN,
            nj_command_catalogue_join),
    COMMAND("catalogue refresh", "tonight's items on a catalogue whose SIDs do not move", NULL,
            CATALOGUE_REFRESH, nj_command_catalogue_refresh),
    COMMAND("catalogue show", "sizes and collisions of a catalogue", "DIR", CATALOGUE_SHOW,
            nj_command_catalogue_show),
    COMMAND("decode", "users to lists in one process, as JSON lines", NULL, DECODE,
            nj_command_decode),
    COMMAND("embed", "item vectors from item text, without a model", NULL, EMBED, nj_command_embed),
    COMMAND("eval", "recall, NDCG and MRR of lists against held-out items", NULL, EVAL,
            nj_command_eval),
    COMMAND("keys", "make a CURVE key pair", NULL, KEYS, nj_command_keys),
    COMMAND("lab data", "a public data set in the forms of the other commands", NULL, LAB_DATA,
            nj_command_lab_data),
    COMMAND("lab", "the whole method on one page, from a public data set", NULL, LAB,
            nj_command_lab),
    COMMAND("run", "the night on this machine: plan, workers, publish", NULL, RUN, nj_command_run),
    COMMAND("store export", "every row of a generation", NULL, STORE_EXPORT,
            nj_command_store_export),
    COMMAND("store get", "one user's list", "USER", STORE_GET, nj_command_store_get),
    COMMAND("store list", "the generations of a store", NULL, STORE_LIST, nj_command_store_list),
    COMMAND("store publish", "make CURRENT name a generation", "GEN", STORE_PUBLISH,
            nj_command_store_publish),
    COMMAND("store rollback", "make CURRENT name the generation before", NULL, STORE_ROLLBACK,
            nj_command_store_rollback),
    COMMAND("store stat", "facts of a generation", NULL, STORE_STAT, nj_command_store_stat),
    COMMAND("store verify", "read a generation whole and compare digests", NULL, STORE_STAT,
            nj_command_store_verify),
    COMMAND("train rqvae", "an encoder and codebooks from embeddings", NULL, TRAIN_RQVAE,
            nj_command_train_rqvae),
    COMMAND("train sasrec", "a self-attentive recommender from histories", NULL, TRAIN_SASREC,
            nj_command_train_sasrec),
    COMMAND("train t5", "a generative recommender from histories and SIDs", NULL, TRAIN_T5,
            nj_command_train_t5),
};

int main(int argc, char **argv)
{
    static const nj_program PROGRAM = {
        "nightjar",
        "nightjar precomputes recommendations overnight: from a generative model, a catalogue of "
        "semantic\n"
        "IDs and user histories to an LMDB store that caches read in the morning.",
        COMMANDS, sizeof COMMANDS / sizeof COMMANDS[0]};
    nj_log_setup("nightjar", NJ_LOG_INFO);
    return nj_cli_main(&PROGRAM, argc, argv);
}
