// main.c - the command table of `nightjar`. Adding a command is one row here and one function in commands.h.
#include "common/base/log.h"
#include "ops/cli/commands.h"
#include "ops/cli/engine_options.h"

#define JSON_OPTION {"json", NULL, NULL, "print the result as JSON", false}
#define STORE_OPTIONS                                                                                                  \
    {"store", "DIR", NULL, "the store's folder", true},                                                                \
    {"gen", "NAME", NULL, "a generation; default: the one that CURRENT names", false}
#define CATALOGUE_OPTIONS                                                                                              \
    {"ids", "FILE", NULL, "one item id a line, in row order; default: row numbers from 0", false},                     \
    {"token-base", "N", "2", "token of code 0 of the first level", false},                                             \
    {"overwrite", NULL, NULL, "replace a catalogue that is there", false},                                             \
    {"out", "DIR", NULL, "the catalogue's folder", true}, JSON_OPTION
#define SETTINGS_OPTIONS_                                                                                              \
    NJ_OPTION_OF_U32(beam, 20, "")

static const nj_option BENCH_ENGINE[] = {
    {"bundle", "FILE", NULL, "decode with this bundle; default: TIGER's shape with random weights", false},
    {"beams", "LIST", "20,50", "beam widths to measure", false},
    {"tokens", "N", "80", "encoder tokens a user", false},
    {"users", "N", "64", "users a round", false},
    {"rounds", "N", "5", "rounds; the median is reported", false},
    NJ_ENGINE_OPTIONS,
    JSON_OPTION,
};

static const nj_option BUNDLE_PACK[] = {
    {"model", "DIR", NULL, "HuggingFace T5 folder: config.json and safetensors", true},
    {"catalogue", "DIR", NULL, "catalogue folder", true},
    {"histories", "FILE", NULL, "histories to count: cold users get the most frequent items", false},
    {"format", "WORD", NULL, "of the histories: sequence, jsonl, csv or inter", false},
    {"history-max", "N", "0", "items the encoder reads at the most; 0: as the checkpoint says, else 1024 tokens", false},
    {"before", "TOKENS", NULL, "encoder tokens before the items, with commas between", false},
    {"between", "TOKENS", NULL, "encoder tokens between items", false},
    {"after", "TOKENS", NULL, "encoder tokens after the items (T5 trainers: 1, EOS)", false},
    {"user-tokens", "FIRST,COUNT", NULL, "a hashed user token: FIRST + XXH3-64(user id) % COUNT", false},
    {"out", "FILE", NULL, "the bundle to write", true},
    JSON_OPTION,
};

static const nj_option BUNDLE_LIST[] = {JSON_OPTION};

static const nj_option CATALOGUE_IMPORT[] = {
    {"sids", "FILE", NULL, "semantic IDs, .npy of whole numbers [items, levels]", false},
    {"index-json", "FILE", NULL, "semantic IDs in LC-Rec's form; the key is the row", false},
    {"codes-per-level", "N[,N...]", NULL, "codes of every level; required with --sids", false},
    CATALOGUE_OPTIONS,
};

static const nj_option CATALOGUE_ASSIGN[] = {
    {"embeddings", "FILE", NULL, "item vectors, .npy float16 or float32 [items, width]", true},
    {"codebooks", "FILE", NULL, ".npy [levels, codes, width], or a catalogue folder that has codebooks", true},
    {"no-suffix", NULL, NULL, "append no collision counter: items may share a SID", false},
    CATALOGUE_OPTIONS,
};

static const nj_option CATALOGUE_SHOW[] = {JSON_OPTION};

static const nj_option DECODE[] = {
    NJ_USERS_OPTIONS,
#define NJ_SETTING(kind, name, fallback, least, most, help) NJ_OPTION_IF_##name(kind, name, fallback, help)
    NJ_SETTINGS_OPTIONS
#undef NJ_SETTING
    {"sids", NULL, NULL, "print each item's codes too", false},
    NJ_ENGINE_OPTIONS,
};
