#!/usr/bin/env python3
"""Cuts an uncut merge to a rank in two ways, in float64: in the metric of its rows, and by a plain singular value decomposition of W.

    plain_cut.py WORK RANK TASK,TASK… MANUAL,… OUT [--alpha 8e-5]

WORK is a merge by sweep, regmean or jacobi without merge_rank, made with KEEP_ACTS=1. OUT/metric and OUT/plain become PEFT folders, which
eval-emotion --adapter evaluates. Prints the errors ‖(W − W_r) L‖ / ‖W L‖ of both: the modules together, and the plain cut's error divided by the other
one, module by module. A module whose rank is at most RANK stays as it is, and needs no Grams. In a real sweep with merge_rank, later layers also make up
for the cut of earlier ones; here they do not.
"""
import argparse
import glob
import json
import os

import h5py
import numpy as np
import torch
from safetensors.torch import save_file

from cut import metric


def halves(U, W):
    """B and A of the projection of W on the columns of U, as PEFT stores them."""
    tensor = lambda x: torch.from_numpy(np.ascontiguousarray(x, np.float32))
    return {'lora_B': tensor(U), 'lora_A': tensor(U.T @ W)}


def whole(k, r):
    """B and A as they are, with zeros up to the rank r."""
    B, A = k['B'][:].astype(np.float32), k['A'][:].astype(np.float32)
    pad = r - len(A)
    return {'lora_B': torch.from_numpy(np.pad(B, ((0, 0), (0, pad)))), 'lora_A': torch.from_numpy(np.pad(A, ((0, pad), (0, 0))))}


def write_folder(folder, config, modules, r):
    os.makedirs(folder, exist_ok=True)
    save_file({f'base_model.model.{name}.{half}.weight': x for name, pair in modules.items() for half, x in pair.items()},
              os.path.join(folder, 'adapter_model.safetensors'))
    with open(os.path.join(folder, 'adapter_config.json'), 'w') as f:
        json.dump({**config, 'r': r, 'lora_alpha': r, 'rank_pattern': {}, 'alpha_pattern': {}}, f, indent=2)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in 'work', 'rank', 'tasks', 'manual', 'out':
        p.add_argument(name)
    p.add_argument('--alpha', type=float, default=8e-5)
    args = p.parse_args()
    r, found, squares, ratios = int(args.rank), {'metric': {}, 'plain': {}}, {'metric': 0, 'plain': 0, 'all': 0}, []
    for path in sorted(glob.glob(os.path.join(args.work, 'solution', '*.h5'))):
        with h5py.File(path) as f:
            for name, k in f['modules'].items():
                if len(k['A']) <= r:
                    found['metric'][name] = found['plain'][name] = whole(k, r)
                    continue
                W = k['B'][:].astype(float) @ k['A'][:]
                L = metric(args.work, os.path.basename(path), name, args.tasks.split(','), args.manual.split(','), k['c'][:], args.alpha)
                errors = {}
                for way, M in ('metric', W @ L), ('plain', W):
                    U = np.linalg.svd(M, full_matrices=False)[0][:, :r]
                    found[way][name] = halves(U, W)
                    errors[way] = np.linalg.norm((W - U @ (U.T @ W)) @ L) ** 2
                    squares[way] += errors[way]
                squares['all'] += np.linalg.norm(W @ L) ** 2
                if errors['metric'] > 1e-18 * squares['all']:
                    ratios.append(np.sqrt(errors['plain'] / errors['metric']))
    with open(os.path.join(args.work, 'adapter', 'adapter_config.json')) as f:
        config = json.load(f)
    for way, modules in found.items():
        write_folder(os.path.join(args.out, way), config, modules, r)
    print(f"rank {r}: error in the metric of the rows {np.sqrt(squares['metric'] / squares['all']):.4f}, plain "
          f"{np.sqrt(squares['plain'] / squares['all']):.4f}; plain divided by metric {min(ratios):.2f} to {max(ratios):.2f}, median "
          f'{np.median(ratios):.2f}, of {len(ratios)} modules')


if __name__ == '__main__':
    main()
