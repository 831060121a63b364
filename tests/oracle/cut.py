#!/usr/bin/env python3
"""The cut to a smaller rank (merge_rank) in float64 NumPy, from the files of two runs of the same merge with KEEP_ACTS=1.

    cut.py WORK_UNCUT WORK_CUT TASK,TASK… MANUAL,… [--alpha 8e-5] [--share 0.99] [--write FILE] [--peft MODEL]

For every module: S = Σ c m (H + α₂‖H‖ I) from the Gram files, W from the first run's solution; the best W_r in ‖· L‖ by a dense singular value
decomposition of W L; its error, and the error of the plain truncation of W. Checks the second run's W and truncation_error: ends with status 1
where the error differs by more than 1e-6, or W by more than 1e-5. With --share (merge_rank: auto:SHARE) also where a rank is not the least that
keeps 1 − error² ≥ SHARE. --write: site, module, rank and error as a table. --peft: PEFT loads the second run's adapter over MODEL, a causal one, and
every module has the ΔW of its solution, to 1e-6. Only for regmean: the second run of a sweep has other rows.
"""
import argparse
import glob
import os
import sys

import h5py
import numpy as np


def metric(work, site, name, tasks, manual, c, alpha):
    """L with L Lᵀ = Σ c |m| (H + α₂‖H‖ I), from the Gram files of a merge with KEEP_ACTS=1."""
    S = 0
    for t, m, ct in zip(tasks, manual, c):
        with h5py.File(os.path.join(work, 'grams', t, site)) as k:
            H = k['modules'][name]['H'][:]
        H = np.tril(H) + np.tril(H, -1).T
        S = S + ct * abs(float(m)) * (H + alpha * np.linalg.norm(H) * np.eye(len(H)))
    return np.linalg.cholesky(S)


def truncated(W, L, r):
    """The best rank-r approximation of W in the metric of L."""
    U, s, _ = np.linalg.svd(W @ L, full_matrices=False)
    return U[:, :r] @ (U[:, :r].T @ W)


def least(W, L, share):
    """The least rank that keeps this share of ‖W L‖²."""
    power = np.linalg.svd(W @ L, compute_uv=False) ** 2
    return int(np.argmax(np.cumsum(power) >= share * power.sum())) + 1


def peft_differs(model_dir, work):
    """The worst relative difference between PEFT's ΔW and B A, over the modules of all solutions."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM
    base = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32)
    model = PeftModel.from_pretrained(base, os.path.join(work, 'adapter')).base_model.model
    worst = 0
    for path in glob.glob(os.path.join(work, 'solution', '*.h5')):
        with h5py.File(path) as f:
            for name, k in f['modules'].items():
                W = k['B'][:].astype(float) @ k['A'][:]
                found = model.get_submodule(name).get_delta_weight('default').double().numpy()
                worst = max(worst, np.linalg.norm(found - W) / np.linalg.norm(W))
    print(f'PEFT: largest relative difference of ΔW {worst:.1e}')
    return worst


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in 'uncut', 'cut', 'tasks', 'manual':
        p.add_argument(name)
    p.add_argument('--alpha', type=float, default=8e-5)
    p.add_argument('--share', type=float)
    p.add_argument('--write')
    p.add_argument('--peft', metavar='MODEL')
    args = p.parse_args()
    tasks, manual = args.tasks.split(','), args.manual.split(',')
    worst_error = worst_W = wrong = 0
    gain, lines = [], []
    for path in sorted(glob.glob(os.path.join(args.uncut, 'solution', '*.h5'))):
        site = os.path.basename(path)
        with h5py.File(path) as f, h5py.File(os.path.join(args.cut, 'solution', site)) as g:
            for name in f['modules']:
                whole, cut = f['modules'][name], g['modules'][name]
                L = metric(args.uncut, site, name, tasks, manual, whole['c'][:], args.alpha)
                W = whole['B'][:].astype(float) @ whole['A'][:]
                r = cut['A'].shape[0]
                wrong += bool(args.share) and r != least(W, L, args.share)
                best, found = truncated(W, L, r), cut['B'][:].astype(float) @ cut['A'][:]
                plain = truncated(W, np.eye(len(L)), r)
                norm = np.linalg.norm(W @ L)
                error = np.linalg.norm((W - best) @ L) / norm
                lines.append(f'{site[:-3]}\t{name}\t{r}\t{error:.9g}\n')
                worst_error = max(worst_error, abs(error - cut.attrs['truncation_error']))
                worst_W = max(worst_W, np.linalg.norm((best - found) @ L) / norm)
                if error > 1e-9:
                    gain.append(np.linalg.norm((W - plain) @ L) / norm / error)
    print(f'largest difference of the error {worst_error:.1e}, of W {worst_W:.1e}; '
          f'a plain cut has {min(gain):.2f} to {max(gain):.2f} times the error, median {np.median(gain):.2f}, of {len(gain)} modules; {wrong} ranks wrong')
    if args.write:
        with open(args.write, 'w') as f:
            f.writelines(lines)
    differs = peft_differs(args.peft, args.cut) if args.peft else 0
    sys.exit(bool(worst_error > 1e-6 or worst_W > 1e-5 or wrong or differs > 1e-6))


if __name__ == '__main__':
    main()
