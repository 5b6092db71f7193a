# Each bench prints, quickly for small sizes, a table and JSON whose numbers can be true.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle

# Runs a bench with --json; then a condition on `rows`, its results, in Python.
rows_are() { # WHAT CONDITION
    check "$1" python3 - "$2" <<'P'
import json, sys
everything = json.load(open("out"))
rows = everything["results"]
def near(a, b): return abs(a - b) <= 1e-4 * abs(b)
assert everything["machine"]["cpu"] and everything["machine"]["cpus"] >= everything["machine"]["cores"] >= 1
assert all(isinstance(row["noisy"], bool) and (row["why"] is None) != row["noisy"] for row in rows), rows
assert all(0 < row["probes_least"] <= row["probes_most"] for row in rows), rows
assert eval("(" + sys.argv[1] + ")"), rows
P
}

expect_exit 0 '' -- nightjar bench engine --bundle b.njb --users 4 --rounds 2 --beams 2,5 --tokens 9 --batch 3 --json
rows_are "engine: a row for each beam, and its share is its speed over the peak" '
    [(r["beam"], r["tokens"], r["precision"], r["batch"]) for r in rows] == [(2, 9, "float32", 3), (5, 9, "float32", 3)]
    and all(r["model"] == "t5" and 1 <= r["prompt_tokens"] <= 9 for r in rows)
    and all(near(r["share"], r["gflops"] / r["peak_gflops"]) and 0 < r["share"] < 1.5 for r in rows)
    and all(r["core_share"] >= 0.9 * r["share"] for r in rows)
    and all(r["users_per_s_best"] >= r["users_per_s"] > 0 and r["users_per_core_s"] > 0 for r in rows)
    and all(r["peak_rss_mb"] > r["model_mb"] + r["scratch_mb"] > 0 for r in rows)'
expect_exit 0 '' -- nightjar bench engine --model qwen3 --users 1 --rounds 1 --beams 2 --tokens 9 --json
rows_are "engine: a language model with random weights" '
    [(r["model"], r["beam"], r["tokens"], r["prompt_tokens"]) for r in rows] == [("qwen3", 2, 9, 9)] and rows[0]["users_per_s"] > 0 and rows[0]["model_mb"] > 50'
llara=$source_dir/tests/data/llara
expect_exit 0 '' -- nightjar bundle pack --model "$llara/model" --items "$llara/items.tsv" --prompt "$llara/movie.yaml" --collaborative "$llara/vectors.npy" \
    --projector "$llara/projector.safetensors" --out llara.njb
expect_exit 0 '' -- nightjar bench engine --bundle llara.njb --users 2 --rounds 1 --beams 2 --tokens 40 --json
rows_are "engine: users with candidates for a model that is asked in text, and the tokens that they were asked" '
    [(r["model"], r["tokens"]) for r in rows] == [("llama", 40)] and 200 < rows[0]["prompt_tokens"] <= 488 and rows[0]["users_per_s"] > 0'
expect_exit 2 '--model: "gpt" is none of tiger, llama, qwen3' -- nightjar bench engine --model gpt
expect_exit 2 'a bundle has its own model' -- nightjar bench engine --model llama --bundle b.njb

expect_exit 0 '' -- nightjar bench kernels --rows 1,3 --rounds 1 --json
rows_are "kernels: every set does the same operations, with the flops and bytes of their shapes" '
    len({r["kernels"] for r in rows}) >= 2
    and len({tuple((r["operation"], r["m"], r["n"], r["k"]) for r in rows if r["kernels"] == name)
             for name in {r["kernels"] for r in rows}}) == 1
    and all(near(r["gflops"], 2e-3 * r["m"] * r["n"] * r["k"] / r["us"]) for r in rows if r["operation"] == "linear")
    and all(r["bytes"] == 4 * (r["m"] * r["k"] + r["m"] * r["n"]) + {"int8": 1, "bf16": 2}.get(r["kernels"][:4], 4) * r["n"] * r["k"]
            for r in rows if r["operation"] == "linear")
    and all(r["us_best"] <= r["us"] and r["limit"] in ("fma", "bytes") and r["share"] > 0 for r in rows)'
expect_exit 0 '' -- nightjar bench kernels --kernels ref --shape 3,5,7,1,1,1 --rounds 1 --json
rows_are "kernels: sizes can be chosen" '[(r["kernels"], r["m"], r["n"], r["k"]) for r in rows] == [("ref", 3, 5, 7), ("ref", 1, 1, 1)]'

expect_exit 0 '' -- nightjar bench trie --items 1,500 --levels 3 --codes 16 --rounds 1 --json
rows_are "trie: keys that scripts read, and the bytes of one item" '
    [r["items"] for r in rows] == [1, 500] and rows[0]["bytes_per_item"] > rows[1]["bytes_per_item"] > 6
    and all(r["build_s"] > 0 and r["ns_per_children_top"] > 0 and r["ns_per_children_deep"] > 0 for r in rows)'
expect_exit 0 '' -- nightjar bench trie --items 300 --levels 3 --codes 16 --shape clustered --layouts trie,array,pointers --rounds 1 --json
rows_are "trie: an array and nodes with pointers beside it" '
    [(r["layout"], r["shape"]) for r in rows] == [("trie", "clustered"), ("array", "clustered"), ("pointers", "clustered")]
    and rows[1]["bytes_per_item"] == 3 * 2 + 4 and rows[0]["bytes_per_item"] < rows[1]["bytes_per_item"] < rows[2]["bytes_per_item"]'

expect_exit 0 '' -- nightjar bench policy --bundle b.njb --users 2 --rounds 2 --beams 10,20 --tokens 9 --batch 3 --json
rows_are "policy: a row for each policy and beam, and what it adds is what decoding takes with it and without" '
    [r["beam"] for r in rows] == [10] * 15 + [20] * 15 and len({r["policy"] for r in rows}) == 15 and rows[14]["policy"] == "all"
    and all(r["us"] > 0 and r["us_off"] > 0 and near(r["users_per_core_s"], 1e6 / r["us"]) and r["extra"] > -1 for r in rows)
    and all(r["top"] == 10 and r["tokens"] == 9 and r["batch"] == 3 and r["rounds"] == 2 for r in rows)'
expect_exit 0 '' -- nightjar bench policy --bundle b.njb --users 1 --rounds 1 --beams 10 --policies cold,all --json
rows_are "policy: some of them can be chosen" '[r["policy"] for r in rows] == ["cold", "all"]'
expect_exit 2 '--policies: "colt" is none of pool, neighbours' -- nightjar bench policy --policies all,colt

expect_exit 0 '' -- nightjar bench quantizer --dims 4,33 --items 50 --codes 8 --rounds 1 --json
rows_are "quantizer: keys that scripts read" '
    [r["dim"] for r in rows] == [4, 33] and all(near(r["gflops"], r["items_per_s"] * 2e-9 * 3 * 8 * r["dim"]) for r in rows)
    and all(near(r["share"], r["gflops"] / r["peak_gflops"]) for r in rows)'

# Forward: two encoder layers over 7 + 3 + 7 tokens, one decoder layer over 3 steps each, the head; the backward pass is twice that.
expect_exit 0 '' -- nightjar bench train --threads 1,2 --layers 2 --decoder-layers 1 --d-model 8 --heads 3 --d-kv 4 --d-ff 16 \
    --vocabulary 20 --labels 3 --tokens 7,3 --batch 3 --shard 2 --rounds 1 --json
rows_are "train: a row for each number of threads, with the flops of the shape, and phases that are all of the time" '
    (lambda D, HE, F, V, T, lengths: all(near(r["gflops"], r["samples_per_s"] / 3 * 6e-9 * sum(
        2 * (S * (4 * D * HE + 2 * D * F) + 2 * S * S * HE)
        + T * 4 * D * HE + 2 * T * T * HE + (T + S) * 2 * D * HE + 2 * T * S * HE + T * 2 * D * F + T * D * V
        for S in lengths)) for r in rows))(8, 12, 16, 20, 3, (7, 3, 7))
    and [r["threads"] for r in rows] == [1, 2] and rows[0]["scaling"] == 1
    and all(near(sum(value for key, value in r.items() if key in ("forward_share", "backward_share", "weights_share",
        "attention_share", "head_share", "dropout_share", "rest_share")), 1) for r in rows)'

expect_exit 0 '' -- nightjar bench store --rows 500 --rounds 1 --json
rows_are "store: a row for each phase" '[r["phase"] for r in rows] == ["commit", "pack", "verify", "publish", "total"]
    and all(near(r["rows_per_s"], 500 / r["seconds"]) for r in rows)'

# The table has the same rows, under one heading.
expect_exit 0 '' -- nightjar bench quantizer --dims 4,33 --items 50 --codes 8 --rounds 1
stdout_lines 3
stdout_has 'items/s'

# Mistakes show before anything is measured.
expect_exit 2 '--shape has 4 numbers, must be M,N,K once or more' -- nightjar bench kernels --shape 1,2,3,4
expect_exit 2 '--shape 65536,65536,1 has' -- nightjar bench kernels --shape 65536,65536,1
expect_exit 2 'kernels "fast" are not known' -- nightjar bench kernels --kernels fast
expect_exit 2 '--codes is "1", must be' -- nightjar bench trie --codes 1
expect_exit 2 '--shape is "round", must be uniform or clustered' -- nightjar bench trie --shape round
expect_exit 2 '--layouts is "trie,list", must be of trie, array, pointers' -- nightjar bench trie --layouts trie,list
expect_exit 2 '--activation is "silu", must be relu or gated-gelu' -- nightjar bench train --activation silu
expect_exit 2 'are too many numbers' -- nightjar bench quantizer --dims 65536 --items 100000000
done_testing
