"""Makes tests/data/decoder-only: small random models of each family with what Transformers says of them. Usage: decoder_only_cases.py OUT

Made with Transformers 5.23 and PyTorch 2.15: float64 arithmetic over the stored weights. Other versions give other random weights.
"""
import json
import os
import sys

import numpy
import torch
import transformers
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM

V, D, F = 50, 32, 40
PROMPTS = [1, 17, 300]  # tokens
STEPS = 4
sizes = dict(vocab_size=V, hidden_size=D, intermediate_size=F, num_hidden_layers=2, bos_token_id=1, eos_token_id=None, pad_token_id=0,
             initializer_range=0.25)
yarn = dict(rope_type="yarn", rope_theta=10000.0, factor=4.0, original_max_position_embeddings=128)
llama3 = dict(rope_type="llama3", rope_theta=500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=64)
linear = dict(rope_type="linear", rope_theta=10000.0, factor=2.0)
CASES = {
    # name: (class, config, stored type)
    "qwen2-yarn": (Qwen2ForCausalLM, Qwen2Config(num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512,
                                                 rope_parameters=yarn, tie_word_embeddings=True, **sizes), torch.bfloat16),
    "llama3-biases": (LlamaForCausalLM, LlamaConfig(num_attention_heads=8, num_key_value_heads=1, head_dim=10, attention_bias=True,
                                                    mlp_bias=True, max_position_embeddings=512, rope_parameters=llama3,
                                                    tie_word_embeddings=False, rms_norm_eps=1e-5, **sizes), torch.float16),
    "llama-linear": (LlamaForCausalLM, LlamaConfig(num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=512,
                                                   rope_parameters=linear, tie_word_embeddings=False, **sizes), torch.float32),
    "qwen3-million": (Qwen3ForCausalLM, Qwen3Config(num_attention_heads=8, num_key_value_heads=2, head_dim=6, max_position_embeddings=512,
                                                    rope_parameters=dict(rope_type="default", rope_theta=1e6), tie_word_embeddings=True,
                                                    **sizes), torch.bfloat16),
}
out = sys.argv[1]
for number, (name, (kind, config, stored)) in enumerate(CASES.items()):
    torch.manual_seed(number)
    model = kind(config)
    for parameter in model.parameters():  # norms and biases too
        if parameter.dim() == 1:
            torch.nn.init.normal_(parameter, 0.6, 0.3)
    folder = os.path.join(out, name)
    model.to(stored).save_pretrained(folder)
    os.path.exists(f"{folder}/generation_config.json") and os.remove(f"{folder}/generation_config.json")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager").eval()
    torch.manual_seed(100 + number)
    tokens = torch.randint(2, V, (len(PROMPTS), max(PROMPTS) + STEPS))
    logits = torch.zeros(len(PROMPTS), STEPS + 1, V, dtype=torch.float64)
    with torch.no_grad():
        for row, length in enumerate(PROMPTS):
            read = tokens[row : row + 1, : length + STEPS]
            logits[row] = model(input_ids=read).logits[0, length - 1 :]
            tokens[row, length + STEPS :] = 0
    numpy.save(f"{folder}/tokens.npy", tokens.numpy().astype(numpy.int32))
    numpy.save(f"{folder}/logits.npy", logits.numpy().astype(numpy.float32))
    json.dump({"transformers": transformers.__version__, "prompts": PROMPTS, "steps": STEPS}, open(f"{folder}/about.json", "w"))
    print(name, float(logits.abs().max()))
