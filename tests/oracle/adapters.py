#!/usr/bin/env python3
"""Adapters that name their modules in all the ways PEFT has, and the ΔW that PEFT makes of each.

    adapters.py tests/golden/adapters

Per case a folder: adapter_config.json and adapter_model.safetensors, as PEFT saves them but for the keys that the case changes afterwards,
and delta.safetensors: get_delta_weight() of every module of the model into which PEFT loaded that folder again. test_adapters.c compares.
"""
import json
import os
import shutil
import sys

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from transformers import T5Config, T5ForConditionalGeneration

MODEL = dict(d_model=8, d_ff=12, num_heads=2, d_kv=3, vocab_size=50, num_layers=2, num_decoder_layers=1, feed_forward_proj='gated-gelu', tie_word_embeddings=False,
             pad_token_id=0, eos_token_id=1, decoder_start_token_id=0)
# name: what it is trained with, and the keys that are changed in the file (None: removed)
CASES = {
    'layers-list': (dict(target_modules=['q', 'v'], layers_to_transform=[1]), {}),
    'layers-int-pattern': (dict(target_modules=['q', 'wo'], layers_to_transform=0, layers_pattern='block'), {}),
    'layers-inner-list': (dict(target_modules=['q', 'k', 'wo'], layers_to_transform=[1, 7], layers_pattern=['stack', 'layer']), {}),
    'layers-alternatives': (dict(target_modules=['v'], layers_to_transform=[0], layers_pattern=r'stack|encoder\.block'), {}),
    'layers-and-whole-name': (dict(target_modules=['v', 'encoder.block.0.layer.0.SelfAttention.q'], layers_to_transform=[1]), {}),
    'layers-empty': (dict(target_modules=['q', 'v'], layers_to_transform=[]), {}),
    'default-targets': (dict(target_modules=None), {'target_modules': 'null'}),
    'no-targets-key': (dict(target_modules=None, layers_to_transform=[0]), {'target_modules': None}),
    'all-linear-exclude': (dict(target_modules='all-linear', exclude_modules=['SelfAttention.q', 'decoder.block.0.layer.2.DenseReluDense.wo'], use_rslora=True),
                           {'target_modules': '"all-linear"'}),
    'look-ahead': (dict(target_modules=r'^(?!decoder).*\b(q|v|wi_\d)\b$', rank_pattern={r'(?=.*block\.0).*q': 3, 'v': 1}, alpha_pattern={r'(?<!\d)v\b': 5, r'\w+Dense.*': 7}), {}),
    'exclude-regex': (dict(target_modules=['q', 'o'], exclude_modules=r'.*(?<!EncDec)Attention\.q'), {}),
}


def model(seed):
    torch.manual_seed(seed)
    return T5ForConditionalGeneration(T5Config(**MODEL)).eval()


def deltas(m):
    found = {}
    for name, module in m.named_modules():
        if hasattr(module, 'get_delta_weight') and 'default' in module.lora_A:
            found[name.removeprefix('base_model.model.')] = module.get_delta_weight('default').detach().contiguous()
    return found


def train(m, keys, folder):
    p = get_peft_model(m, LoraConfig(r=2, lora_alpha=6, task_type='SEQ_2_SEQ_LM', **keys))
    for name, x in p.named_parameters():
        if '.lora_' in name:
            torch.nn.init.normal_(x, std=.5)
    p.save_pretrained(folder)
    if os.path.exists(os.path.join(folder, 'README.md')):
        os.remove(os.path.join(folder, 'README.md'))
    return deltas(p)


def change(folder, keys):
    path = os.path.join(folder, 'adapter_config.json')
    with open(path) as f:
        config = json.load(f)
    for key, value in keys.items():
        if value is None:
            config.pop(key)
        else:
            config[key] = json.loads(value)
    with open(path, 'w') as f:
        f.write(json.dumps(config, indent=1) + '\n')


def main():
    out = sys.argv[1]
    for i, (name, (keys, changes)) in enumerate(CASES.items()):
        folder = os.path.join(out, name)
        shutil.rmtree(folder, ignore_errors=True)
        trained = train(model(i), keys, folder)
        change(folder, changes)
        loaded = deltas(PeftModel.from_pretrained(model(i), folder))
        assert loaded.keys() == trained.keys() and all(torch.equal(loaded[n], trained[n]) for n in loaded), name
        save_file(loaded, os.path.join(folder, 'delta.safetensors'))
        print(f'{name}: {len(loaded)} modules')


if __name__ == '__main__':
    main()
