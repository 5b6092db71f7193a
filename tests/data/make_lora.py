"""Writes tests/data/lora: an adapter of tests/data/decoder-only/llama-linear as PEFT saves it, and what PEFT's merge_and_unload makes of both.

Needs torch, transformers and peft (PyPI): made with 2.15, 5.23 and 0.19. Usage: make_lora.py
"""
import json
import pathlib

import safetensors.torch
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

here = pathlib.Path(__file__).parent
out = here / "lora"
torch.manual_seed(3)
model = AutoModelForCausalLM.from_pretrained(here / "decoder-only/llama-linear", dtype=torch.float32)
before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
adapted = get_peft_model(model, LoraConfig(r=3, lora_alpha=7, use_rslora=True, target_modules=["q_proj", "down_proj"],
                                           modules_to_save=["lm_head"], task_type="CAUSAL_LM"))
with torch.no_grad():
    for name, parameter in adapted.named_parameters():
        if parameter.requires_grad:
            parameter.add_(torch.randn_like(parameter) * 0.2)
adapted.save_pretrained(out / "adapter")
(out / "adapter/README.md").unlink(missing_ok=True)
config = json.loads((out / "adapter/adapter_config.json").read_text())
config["base_model_name_or_path"] = "llama-linear"
config["target_modules"].sort()
(out / "adapter/adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
merged = adapted.merge_and_unload().state_dict()
changed = {name: tensor.contiguous() for name, tensor in merged.items() if not torch.equal(tensor, before[name])}
safetensors.torch.save_file(changed, out / "merged.safetensors")
print(sorted(changed), torch.__version__)
