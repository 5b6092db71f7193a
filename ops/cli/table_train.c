// table_train.c - the rows of the command table for train ....
#include "ops/cli/commands.h"
#include "ops/cli/interactions.h"
#include "ops/cli/tables.h"
#include "ops/cli/template_options.h"
#include "ops/cli/train_options.h"
#include "worker/train/rqvae_rows.h"

static const nj_option TRAIN_RQVAE[] = {
    {"embeddings", "FILE", NULL, ".npy [items, width], float16 or float32", true},
    {"levels", "N", "3", "codebooks", false},
    {"codes", "LIST", "256", "codes of a level: one number, or one for each level", false},
    {"hidden", "LIST", "512,256",
     "widths of the encoder's hidden layers; the decoder's are the same backwards", false},
    {"latent", "N", "64", "width of the codebooks", false},
    {"beta", "X", "0.25", "weight of the commitment loss", false},
    {"standardise", "columns|whole|none", "columns", "of the embeddings: " NJ_RQVAE_STANDARDS,
     false},
    {"codebook-start", "kmeans|random", "kmeans", "kmeans of the first residuals, or random",
     false},
    {"keep-dead", NULL, NULL, "leave codes that no item has where they are", false},
    {"best", "error|collisions", "error",
     "the epoch that is kept: least reconstruction error, or collisions", false},
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
    {"norms", "before|after", "before", "where norms stand: before a sublayer or after it", false},
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
    {"activation", "relu|gated-gelu", "relu", "of the feed-forward: relu or gated-gelu", false},
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

static const nj_command COMMANDS[] = {
    NJ_COMMAND("train rqvae", "an encoder and codebooks from embeddings", NULL, TRAIN_RQVAE,
               nj_command_train_rqvae),
    NJ_COMMAND("train sasrec", "a self-attentive recommender from histories", NULL, TRAIN_SASREC,
               nj_command_train_sasrec),
    NJ_COMMAND("train t5", "a generative recommender from histories and SIDs", NULL, TRAIN_T5,
               nj_command_train_t5),
};

const nj_command_rows NJ_COMMANDS_TRAIN = NJ_COMMAND_ROWS(COMMANDS);
