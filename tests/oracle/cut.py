#!/usr/bin/env python3
"""The cut to a smaller rank (merge_rank) in float64 NumPy, from the files of two runs of the same merge with KEEP_ACTS=1.

    cut.py WORK_UNCUT WORK_CUT TASK,TASK… MANUAL,… [--alpha 8e-5]

For every module: S = Σ c m (H + α₂‖H‖ I) from the Gram files, W from the first run's solution; the best W_r in ‖· L‖ by a dense singular value
decomposition of W L; its error, and the error of the plain truncation of W. Checks the second run's W and truncation_error: ends with status 1
where the error differs by more than 1e-6, or W by more than 1e-5. Only for regmean: the second run of a sweep has other rows.
"""
import argparse
import glob
import os
import sys

import h5py
import numpy as np


def truncated(W, L, r):
    """The best rank-r approximation of W in the metric of L."""
    U, s, _ = np.linalg.svd(W @ L, full_matrices=False)
    return U[:, :r] @ (U[:, :r].T @ W)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in 'uncut', 'cut', 'tasks', 'manual':
        p.add_argument(name)
    p.add_argument('--alpha', type=float, default=8e-5)
    args = p.parse_args()
    tasks, manual = args.tasks.split(','), [float(x) for x in args.manual.split(',')]
    worst_error = worst_W = 0
    gain = []
    for path in sorted(glob.glob(os.path.join(args.uncut, 'solution', '*.h5'))):
        site = os.path.basename(path)
        with h5py.File(path) as f, h5py.File(os.path.join(args.cut, 'solution', site)) as g:
            for name in f['modules']:
                whole, cut = f['modules'][name], g['modules'][name]
                S = 0
                for t, m, c in zip(tasks, manual, whole['c'][:]):
                    with h5py.File(os.path.join(args.uncut, 'grams', t, site)) as k:
                        H = k['modules'][name]['H'][:]
                    H = np.tril(H) + np.tril(H, -1).T
                    S = S + c * m * (H + args.alpha * np.linalg.norm(H) * np.eye(len(H)))
                L = np.linalg.cholesky(S)
                W = whole['B'][:].astype(float) @ whole['A'][:]
                r = cut['A'].shape[0]
                best, found = truncated(W, L, r), cut['B'][:].astype(float) @ cut['A'][:]
                plain = truncated(W, np.eye(len(S)), r)
                norm = np.linalg.norm(W @ L)
                error = np.linalg.norm((W - best) @ L) / norm
                worst_error = max(worst_error, abs(error - cut.attrs['truncation_error']))
                worst_W = max(worst_W, np.linalg.norm((best - found) @ L) / norm)
                if error > 1e-9:
                    gain.append(np.linalg.norm((W - plain) @ L) / norm / error)
    print(f'largest difference of the error {worst_error:.1e}, of W {worst_W:.1e}; '
          f'a plain cut has {min(gain):.2f} to {max(gain):.2f} times the error, median {np.median(gain):.2f}, of {len(gain)} modules')
    sys.exit(worst_error > 1e-6 or worst_W > 1e-5)


if __name__ == '__main__':
    main()
