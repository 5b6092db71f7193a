// table_bench.c - the rows of the command table for bench ....
#include "ops/cli/bench_report.h"
#include "ops/cli/collision_options.h"
#include "ops/cli/commands.h"
#include "ops/cli/engine_options.h"
#include "ops/cli/tables.h"
#include "worker/engine/synthetic.h"

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
    {"bundle", "FILE", NULL, "decode with this bundle; default: --model's shape", false},
    {"model", "SHAPE", NULL,
     "random weights of this shape: " NJ_SYNTHETIC_NAMES
     " (decoder-only, 17 M weights); default: tiger",
     false},
    {"beams", "LIST", "20,50", "beam widths to measure", false},
    {"reserve", "LIST", "0", "items behind a list; every beam is measured with each", false},
    {"tokens", "N", "80", "tokens of a user's history", false},
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

static const nj_option BENCH_POLICY[] = {
    {"bundle", "FILE", NULL,
     "decode with this bundle; default: TIGER's shape with random weights and items", false},
    {"policies", "NAME[,...]", NULL,
     "measure these: all is all that can be on together; default: each", false},
    {"beams", "LIST", "20,50", "beam widths to measure", false},
    {"top", "N", "10", "items of a list", false},
    {"pool", "N", "0", "candidates that the search gives the stages; 0: as many as the beam holds",
     false},
    {"tokens", "N", "80", "encoder tokens a user", false},
    {"users", "N", "32", "users a round, each without and with the policy", false},
    {"rounds", "N", "7", "rounds; the median of what a policy adds is reported", false},
    NJ_PRECISION_OPTION,
    NJ_ENGINE_OPTIONS,
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
    {"activation", "relu|gated-gelu", "relu", "relu or gated-gelu", false},
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
    {"shape", "uniform|clustered", "uniform",
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

static const nj_command COMMANDS[] = {
    NJ_COMMAND("bench collisions", "measure giving made-up items a SID each", NULL,
               BENCH_COLLISIONS, nj_command_bench_collisions),
    NJ_COMMAND("bench engine", "measure decoding on this machine", NULL, BENCH_ENGINE,
               nj_command_bench_engine),
    NJ_COMMAND("bench kernels", "measure each set of kernels on the model's shapes", NULL,
               BENCH_KERNELS, nj_command_bench_kernels),
    NJ_COMMAND("bench policy", "measure what each policy adds to decoding", NULL, BENCH_POLICY,
               nj_command_bench_policy),
    NJ_COMMAND("bench quantizer", "measure giving embeddings their codes", NULL, BENCH_QUANTIZER,
               nj_command_bench_quantizer),
    NJ_COMMAND("bench show", "a saved run as tables, and beside another one", "FILE", BENCH_SHOW,
               nj_command_bench_show),
    NJ_COMMAND("bench store", "measure committing, packing and publishing", NULL, BENCH_STORE,
               nj_command_bench_store),
    NJ_COMMAND("bench train", "measure training a T5, thread by thread", NULL, BENCH_TRAIN,
               nj_command_bench_train),
    NJ_COMMAND("bench trie", "measure building a trie and walking it", NULL, BENCH_TRIE,
               nj_command_bench_trie),
    NJ_COMMAND("bench wire", "what a shard's result costs the coordinator", NULL, BENCH_WIRE,
               nj_command_bench_wire),
};

const nj_command_rows NJ_COMMANDS_BENCH = NJ_COMMAND_ROWS(COMMANDS);
