#!/usr/bin/env python3
"""Makes tests/golden/drift: float64 sweeps with the keys drift and correct, of two small models.

    drift.py tests/golden TINY

TINY is what tests/tiny-model writes: a random T5 with plain adapters. The Llama and its adapters are those of families.py and
family_merges.py; only two of its tasks are merged, so that linears are left which no adapter targets. Each file has a dense ΔW per module,
float64 stored as float32. The fits are those of fit.py, from rows of the whole model in PyTorch. Run with transformers 4.57.
"""
import argparse
import json
import os
import shutil
import tempfile
import types

import torch
from safetensors.torch import save_file

import decoder
import merge_decoder
import merge_reference

SAMPLES = [4, 0, 7, 2, 8, 5, 11, 1, 9]  # of T5; the Llama brings its own
SETTINGS = {'correct': dict(drift=False, correct_ridge=1e-2, correct_rank=3, merge_rank=0),
            'drift': dict(drift=True, correct_ridge=1e-3, correct_rank=0, merge_rank=5)}


def t5(tiny, settings):
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(tiny, folder, dirs_exist_ok=True)
        path = f'{folder}/model/config.json'
        config = decoder.read_json(path)  # transformers has no default for the start token
        decoder.write_json(path, {**config, 'decoder_start_token_id': 0, 'pad_token_id': 0, 'eos_token_id': 1})
        for task in os.listdir(f'{folder}/data'):
            with open(f'{folder}/data/{task}/samples.json', 'w') as f:
                json.dump(SAMPLES, f)
        return merge_reference.merge(types.SimpleNamespace(
            model=f'{folder}/model', loras=f'{folder}/loras', data=f'{folder}/data', method='sweep', samples=None, alpha=8e-5,
            answers='generated', correct='o,wo,k', **settings))[0]


def llama(golden, settings):
    case, model = f'{golden}/merges/llama', f'{golden}/families/llama'
    args = types.SimpleNamespace(model=model, loras=f'{case}/loras', data=f'{case}/data', method='sweep', tasks='few,late', iterations=1,
                                 alpha=8e-5, layers=None, correct='o_proj,down_proj,k_proj', **settings)
    return merge_decoder.Merge(args, decoder.Text(model, eos=2)).run()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('golden')
    p.add_argument('tiny')
    args = p.parse_args()
    os.makedirs(f'{args.golden}/drift', exist_ok=True)
    for name, settings in SETTINGS.items():
        for family, found in ('t5', t5(args.tiny, settings)), ('llama', llama(args.golden, settings)):
            save_file({n: w.to(torch.float32).contiguous() for n, w in found.items()}, f'{args.golden}/drift/{family}-{name}.safetensors')
            print(f'{family}, {name}: {len(found)} modules')


if __name__ == '__main__':
    main()
