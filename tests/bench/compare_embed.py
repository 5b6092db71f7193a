"""Titles a second on one core: nightjar embed --model, sentence-transformers (torch) and ONNX Runtime, one after the other in every round.

  compare_embed.py MODEL-DIR NIGHTJAR ITEMS.tsv [TITLES] [ROUNDS] [KERNELS,...]

All get the same titles and give the same vectors. The clock is this process's and its children's processor time, so that a neighbour on the
machine costs nobody a title; loading the model is taken off (nightjar: a run of one title). ONNX Runtime gets the graph that torch.onnx exports
(written to a temporary folder), batches of 32 sorted by length and padded, as sentence-transformers has them. Prints the medians.
"""
import csv, os, resource, statistics, subprocess, sys, tempfile, time

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
import numpy as np
import onnxruntime
import torch
from sentence_transformers import SentenceTransformer

BATCH = 32


class Graph(torch.nn.Module):
    def __init__(self, encoder):
        super().__init__()
        self.model = encoder[0].auto_model
        self.dense = torch.nn.ModuleList(m for m in encoder if type(m).__name__ == "Dense")

    def forward(self, ids, mask):
        state = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        weight = mask.unsqueeze(-1).to(state.dtype)
        out = (state * weight).sum(1) / weight.sum(1)
        for layer in self.dense:
            out = layer.activation_function(layer.linear(out))
        return torch.nn.functional.normalize(out, dim=1)


def open_onnx(encoder, folder):
    path = os.path.join(folder, "model.onnx")
    ids = torch.ones(2, 8, dtype=torch.int64)
    dynamic = {0: "texts", 1: "tokens"}
    torch.onnx.export(Graph(encoder), (ids, torch.ones_like(ids)), path, input_names=["ids", "mask"], output_names=["out"],
                      dynamic_axes={"ids": dynamic, "mask": dynamic, "out": {0: "texts"}}, dynamo=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def encode_onnx(session, tokenizer, texts):
    order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
    out = None
    for begin in range(0, len(order), BATCH):
        part = order[begin:begin + BATCH]
        got = tokenizer([texts[i] for i in part], padding=True, truncation=True, max_length=256, return_tensors="np")
        rows = session.run(None, {"ids": got["input_ids"].astype(np.int64), "mask": got["attention_mask"].astype(np.int64)})[0]
        out = np.zeros((len(texts), rows.shape[1]), np.float32) if out is None else out
        out[part] = rows
    return out


def run_nightjar(program, folder, items, kernels, out):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([program, "embed", "--model", folder, "--items", items, "--text-columns", "title", "--threads", "1", "--kernels", kernels,
                    "--out", out, "--quiet"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def write_items(path, texts):
    with open(path, "w", encoding="utf-8") as file:
        file.write("item_id\ttitle\n")
        file.writelines("%d\t%s\n" % row for row in enumerate(texts))


def main():
    folder, program, items = sys.argv[1:4]
    count, rounds = (int(x) for x in (sys.argv[4:6] + ["1000", "5"][len(sys.argv[4:6]):]))
    kernels = sys.argv[6].split(",") if len(sys.argv) > 6 else ["auto"]
    torch.set_num_threads(1)
    with open(items, encoding="utf-8", newline="") as file:
        texts = [row["title"] or "?" for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)][:count]
    encoder = SentenceTransformer(folder, device="cpu")
    seconds, vectors = {}, {}
    with tempfile.TemporaryDirectory() as temporary:
        session = open_onnx(encoder, temporary)
        whole, one = os.path.join(temporary, "items.tsv"), os.path.join(temporary, "one.tsv")
        write_items(whole, texts)
        write_items(one, texts[:1])
        for _ in range(rounds):
            for set_name in kernels:
                out = os.path.join(temporary, "E.npy")
                load = run_nightjar(program, folder, one, set_name, out)
                name = "nightjar " + set_name
                seconds.setdefault(name, []).append(run_nightjar(program, folder, whole, set_name, out) - load)
                vectors[name] = np.load(out)
            for name, run in (("sentence-transformers", lambda: encoder.encode(texts, batch_size=BATCH, show_progress_bar=False)),
                              ("onnxruntime", lambda: encode_onnx(session, encoder.tokenizer, texts))):
                begin = time.process_time()
                vectors[name] = run()
                seconds.setdefault(name, []).append(time.process_time() - begin)
    ours = vectors["nightjar " + kernels[0]]
    for name, spent in seconds.items():
        print("%-24s %7.1f titles/s (best %.1f)   least cosine %.7f" %
              (name, len(texts) / statistics.median(spent), len(texts) / min(spent), (vectors[name] * ours).sum(1).min()))


main()
