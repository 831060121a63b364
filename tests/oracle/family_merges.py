#!/usr/bin/env python3
"""Makes tests/golden/merges: four adapters of a small model that have nothing in common, rows of token ids, and their float64 merges.

    family_merges.py tests/golden

The models are those of families.py. The adapters differ in targets, rank and scale; PEFT itself writes them. Every method of
merge_decoder.py that uses data gives a file of dense ΔW per module. Run with transformers 4.57: the same bytes every time.
"""
import argparse
import json
import os
import re
import types

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file

import decoder
import merge_decoder

MODELS = ['llama', 'qwen2', 'gemma2', 'phi3']
ATTENTION, MLP = ['q_proj', 'k_proj', 'v_proj', 'o_proj'], ['gate_proj', 'up_proj', 'down_proj']
ADAPTERS = {
    'all': dict(r=3, lora_alpha=4, target_modules='all-linear', use_rslora=True),
    'few': dict(r=4, lora_alpha=8, target_modules=['q_proj', 'v_proj']),
    'late': dict(r=2, lora_alpha=3, target_modules=ATTENTION, layers_to_transform=[1], layers_pattern='layers'),
    'mlp': dict(r=2, lora_alpha=4, target_modules=MLP, rank_pattern={'down_proj': 3, 'layers.1.mlp.up_proj': 1},
                alpha_pattern={'gate_proj': 5}),
}
ROWS, SAMPLES, TEST_ROWS = 9, [4, 0, 7, 2, 8, 5], 6
SIGNED = '1,-0.5,0.25,2'  # manual_ceof of signed.safetensors: a task to forget, one below 1, one above
EOS, VOCABULARY = 2, 96
LABELS = {'one': [11], 'two': [12, 47], 'three': [13, 80, 5]}  # answers of one, two and three tokens


def fused(options):
    """The same for Phi3's linears: q_proj, k_proj and v_proj are qkv_proj there, gate_proj and up_proj gate_up_proj."""
    text = re.sub(r'\b[qkv]_proj', 'qkv_proj', json.dumps(options))
    return json.loads(re.sub(r'\b(gate|up)_proj', 'gate_up_proj', text))


def adapter(model_dir, folder, options, random):
    model = get_peft_model(decoder.load(model_dir, torch.float32), LoraConfig(task_type='CAUSAL_LM', init_lora_weights=False, **options))
    for name, p in model.named_parameters():
        if 'lora_' in name:
            p.data = torch.randn(p.shape, generator=random) * (p.shape[1] ** -0.5 if 'lora_A' in name else 0.2)
    model.peft_config['default'].base_model_name_or_path = 'tiny'
    model.save_pretrained(folder, save_embedding_layers=False)
    os.remove(f'{folder}/README.md')
    config = decoder.read_json(f'{folder}/adapter_config.json')
    decoder.write_json(f'{folder}/adapter_config.json', {**config, 'target_modules': sorted(config['target_modules'])})
    os.chmod(f'{folder}/adapter_model.safetensors', 0o644)


def rows(n, random):
    found = []
    for i in range(n):
        length = 3 + int(torch.randint(12, (1,), generator=random))
        label = list(LABELS)[i % len(LABELS)]
        found.append({'instruction': f'row {i}', 'output': label,
                      'prompt_ids': torch.randint(3, VOCABULARY, (length,), generator=random).tolist(),
                      'answer_ids': LABELS[label] + [EOS]})
    return found


def case(model_dir, folder, seed):
    random = torch.Generator().manual_seed(seed)
    for task, options in ADAPTERS.items():
        options = fused(options) if model_dir.endswith('phi3') else options
        adapter(model_dir, f'{folder}/loras/{task}', options, random)
        os.makedirs(f'{folder}/data/{task}', exist_ok=True)
        decoder.write_rows(f'{folder}/data/{task}/train.json', rows(ROWS, random))
        decoder.write_rows(f'{folder}/data/{task}/test.json', rows(TEST_ROWS, random))
        decoder.write_json(f'{folder}/data/{task}/samples.json', SAMPLES, None)
    wanted = {'sweep': None, 'regmean': None, 'jacobi': None}
    if model_dir.endswith('llama'):
        wanted['signed'] = SIGNED
    for name, manual in wanted.items():
        method = 'sweep' if name == 'signed' else name
        args = types.SimpleNamespace(model=model_dir, loras=f'{folder}/loras', data=f'{folder}/data', method=method, tasks=None,
                                     iterations=2, alpha=8e-5, layers=None, manual=manual)
        found = merge_decoder.Merge(args, decoder.Text(model_dir, eos=EOS)).run()
        save_file({n: w.to(torch.float32).contiguous() for n, w in found.items()}, f'{folder}/{name}.safetensors')
        print(f'{folder}: {name}, {len(found)} modules, norms {min(float(w.norm()) for w in found.values()):.2g} to '
              f'{max(float(w.norm()) for w in found.values()):.2g}')


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('golden', help='folder that holds families/; merges/ is written there')
    args = p.parse_args()
    for seed, name in enumerate(MODELS):
        case(f'{args.golden}/families/{name}', f'{args.golden}/merges/{name}', seed)


if __name__ == '__main__':
    main()
