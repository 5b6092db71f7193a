// table_catalogue.c - the rows of the command table for catalogue ..., bundle ..., policy ... and embed: from items to the file that a night reads.
#include "common/base/log.h"
#include "common/math/kernels.h"
#include "ops/cli/bundle_options.h"
#include "ops/cli/bundle_text_options.h"
#include "ops/cli/collision_options.h"
#include "ops/cli/commands.h"
#include "ops/cli/item_options.h"
#include "ops/cli/join_unseen.h"
#include "ops/cli/tables.h"
#include "ops/cli/template_options.h"

#define CATALOGUE_OPTIONS                                                                          \
    {"ids", "FILE", NULL, "one item id a line, in row order; default: row numbers from 0", false}, \
        {"token-base", "N", "2", "token of code 0 of the first level", false},                     \
        {"overwrite", NULL, NULL, "replace a catalogue that is there", false},                     \
        {"out", "DIR", NULL, "the catalogue's folder", true}, NJ_JSON_OPTION

static const nj_option BUNDLE_PACK[] = {
    {"model", "DIR", NULL,
     "HuggingFace folder of a T5, Llama, Qwen2 or Qwen3: config.json and safetensors", false},
    {"catalogue", "DIR", NULL,
     "catalogue folder; with --prompt and without it the items are those of --items", false},
    {"from", "FILE", NULL,
     "instead of --model and --catalogue: a bundle whose sections are kept, but for those that are "
     "made anew",
     false},
    {"without", "NAME[,...]", NULL,
     "sections of --from to leave out: policy, attributes, vectors, neighbours, counts", false},
    {"histories", "FILE", NULL, "histories to count: cold users get the most frequent items",
     false},
    {"format", "sequence|jsonl|csv|inter|parquet", NULL,
     "of the histories; default: by the file's ending", false},
    NJ_COLUMNS_OPTIONS,
    {"as-of", "TIME", NULL, "of the histories count only what happened before", false},
    {"history-max", "N", "0",
     "items the encoder reads at the most; 0: as the checkpoint says, else 1024 tokens", false},
    {"template", "FILE", NULL,
     "what stands around the items, as JSON {\"before\": [...], \"between\": [...], \"after\": "
     "[...]}",
     false},
    NJ_TEMPLATE_OPTIONS,
    {"user-tokens", "FIRST,COUNT", NULL, "a hashed user token: FIRST + XXH3-64(user id) % COUNT",
     false},
    {"no-pairing-check", NULL, NULL,
     "with --histories: do not ask whether the model knows the catalogue's SIDs", false},
    NJ_BUNDLE_TEXT_OPTIONS,
    NJ_BUNDLE_ITEMS_OPTIONS,
    {"item-vector-ids", "FILE", NULL,
     "ids of the rows of --item-vectors, one a line; default: the catalogue's order", false},
    {"out", "FILE", NULL, "the bundle to write", true},
    NJ_JSON_OPTION,
};

static const nj_option BUNDLE_LIST[] = {NJ_JSON_OPTION};

static const nj_option POLICY[] = {
    {"bundle", "FILE", NULL, "the bundle that the policy is for", true},
    {"beam", "N", "20", "beams kept per user", false},
    {"top", "N", "20", "items in a list", false},
    NJ_JSON_OPTION,
};

static const nj_option CATALOGUE_EXPORT[] = {
    {"to", "index-json|npy", NULL,
     "index-json (LETTER, LC-Rec, MiniOneRec) or npy (GRID: arrays of codes and tokens)", true},
    {"out", "PATH", NULL, "index-json: the file; npy: the folder; nothing may be there", true},
    NJ_JSON_OPTION,
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
    NJ_JOIN_UNSEEN_OPTIONS,
    {"out", "FILE", NULL, "the joined rows, .npy float32", true},
    NJ_JSON_OPTION,
};

static const nj_option CATALOGUE_FIT[] = {
    {"embeddings", "FILE", NULL, "item vectors, .npy float16 or float32 [items, width]", true},
    {"levels", "N", "3", "codebooks, 1 to 8", false},
    {"codes", "N[,N...]", "256", "codes of every level: one number, or one a level", false},
    {"method", "residual|product|hierarchical", "residual",
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
    {"quantizer", "residual|product|hierarchical", NULL,
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
    {"collisions", "suffix|relocate|leaves", NULL,
     "new items whose codes somebody has: suffix with a counter; else relocate (default) or leaves",
     false},
    {"suffix-overflow", "refuse|relocate", "refuse",
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
    NJ_JSON_OPTION,
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
    NJ_JSON_OPTION,
};

static const nj_option CATALOGUE_SHOW[] = {NJ_JSON_OPTION};

static const nj_option EMBED[] = {
    {"items", "FILE", NULL,
     "item texts: tab separated below a header line (also RecBole's .item), or JSON lines; - is "
     "standard input",
     true},
    {"model", "DIR", NULL,
     "a sentence encoder: HuggingFace folder of a BERT (all-MiniLM-L6-v2) or a Sentence-T5; "
     "default: words alone",
     false},
    {"kernels", "NAME", "auto", "with --model, instructions: " NJ_KERNELS_KNOWN, false},
    {"from", "FILE", NULL,
     "with --model: vectors of an earlier run; only items whose text changed are computed", false},
    {"from-keys", "FILE", NULL, "what --keys-out of that run wrote", false},
    {"keys-out", "FILE", NULL, "with --model: write what a later --from needs", false},
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
    NJ_ITEM_OPTIONS,
    {"quiet", NULL, NULL, "no progress on standard error", false},
    {"ids-out", "FILE", NULL, "write the ids in row order, one a line", false},
    {"out", "FILE", NULL, "the vectors, .npy [items, dimensions]", true},
    NJ_JSON_OPTION,
};

static const nj_command COMMANDS[] = {
    NJ_COMMAND("bundle list", "what a bundle is and needs, and its sections", "FILE", BUNDLE_LIST,
               nj_command_bundle_list),
    NJ_COMMAND("bundle pack", "one file from a checkpoint and a catalogue", NULL, BUNDLE_PACK,
               nj_command_bundle_pack),
    NJ_COMMAND("bundle verify", "read every byte and compare digests", "FILE", BUNDLE_LIST,
               nj_command_bundle_verify),
    NJ_COMMAND("catalogue assign", "SIDs from embeddings and codebooks", NULL, CATALOGUE_ASSIGN,
               nj_command_catalogue_assign),
    NJ_COMMAND("catalogue check", "use of codes, error, purity and collisions of a catalogue",
               "DIR", CATALOGUE_CHECK, nj_command_catalogue_check),
    NJ_COMMAND("catalogue export", "SIDs and tokens in the forms that trainers read", "DIR",
               CATALOGUE_EXPORT, nj_command_catalogue_export),
    NJ_COMMAND("catalogue fit", "codebooks and SIDs from embeddings", NULL, CATALOGUE_FIT,
               nj_command_catalogue_fit),
    NJ_COMMAND("catalogue import", "a catalogue from SIDs made elsewhere", NULL, CATALOGUE_IMPORT,
               nj_command_catalogue_import),
    NJ_COMMAND("catalogue join", "embeddings of several origins side by side", NULL, CATALOGUE_JOIN,
               nj_command_catalogue_join),
    NJ_COMMAND("catalogue refresh", "tonight's items on a catalogue whose SIDs do not move", NULL,
               CATALOGUE_REFRESH, nj_command_catalogue_refresh),
    NJ_COMMAND("catalogue show", "sizes and collisions of a catalogue", "DIR", CATALOGUE_SHOW,
               nj_command_catalogue_show),
    NJ_COMMAND("embed", "item vectors from item text, by its words or by a model", NULL, EMBED,
               nj_command_embed),
    NJ_COMMAND("policy check", "whether a policy fits a bundle and the settings of a night",
               "[FILE]", POLICY, nj_command_policy_check),
    NJ_COMMAND("policy explain", "what a policy does to a list, stage by stage", "[FILE]", POLICY,
               nj_command_policy_explain),
};

const nj_command_rows NJ_COMMANDS_CATALOGUE = NJ_COMMAND_ROWS(COMMANDS);
