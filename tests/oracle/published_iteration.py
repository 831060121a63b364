#!/usr/bin/env python3
"""The published procedure's iteration (README, method jacobi, features reference) in PyTorch: its time, memory and results.

    published_iteration.py --model DIR --loras DIR --data DIR [--iterations K] [--mats 0|1] [--threads N]
        [--samples N] [--drawn WORK/samples] [--max-new-tokens N] [--golden DIR] [--evaluate 1,3,6 --rows 300]
        [--with-pretrain-matrix 1] [--merged WORK/model]

As published, in float32: every text is padded to 100 tokens and generated from in batches of 3; at the input of every targeted module are
kept, in memory and for every module apart, the encoder's rows (pads too), the encoder's output (cross-attention's k and v) and each
sample's last decode step. Iteration k takes them of the model merged in k−1 as well (in the first they are the tasks' own), and then
solves every module densely: Grams, (d_out, d_in) right-hand sides, no factoring. MATS is Anderson's method on the dense solutions.

Printed for every iteration: seconds of the feature passes and of the solves, peak resident memory, relative change, and how many
samples the model at hand (the task's own, then the merged one of k−1) answers with </s> at once. --golden compares with
DIR/published-mats-K.safetensors after iteration K (merged weights): the bar is a relative Frobenius difference of 1e-3 at every module,
status 1 where it is missed. --with-pretrain-matrix fits W0+ΔW in ΔW's place, and the solution replaces the weight. --merged compares after the
last iteration, by the same bar, with a full model folder that the tools have written (SAVE=1, or WITH_PRETRAIN_MATRIX=1). --evaluate prints first-token accuracies on test rows (evenly spread) after those iterations. A model that
does not end its texts (random weights) needs --max-new-tokens 3.
"""
import argparse
import os
import sys
import time

import torch
from safetensors.torch import load_file

import merge_reference
import oracle

BAR = 1e-3


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in 'model', 'loras', 'data':
        p.add_argument('--' + name, required=True)
    p.add_argument('--iterations', type=int, default=1)
    p.add_argument('--mats', type=int, default=1, choices=[0, 1])
    p.add_argument('--history', type=int, default=3)
    p.add_argument('--mu', type=float, default=1e-5)
    p.add_argument('--alpha', type=float, default=8e-5)
    p.add_argument('--samples', type=int)
    p.add_argument('--drawn')
    p.add_argument('--max-length', type=int, default=100)
    p.add_argument('--inner-num', type=int, default=3)
    p.add_argument('--max-new-tokens', type=int, default=19)
    p.add_argument('--threads', type=int, default=os.cpu_count())
    p.add_argument('--with-pretrain-matrix', type=int, default=0, choices=[0, 1])
    p.add_argument('--golden')
    p.add_argument('--merged')
    p.add_argument('--evaluate', type=lambda s: [int(k) for k in s.split(',')], default=[])
    p.add_argument('--rows', type=int, default=300)
    return p.parse_args()


def features(model, names, sequences, args):
    """({module: its input rows}, generated ids): the last input of every batch's generation."""
    modules, last, kept, generated = dict(model.named_modules()), {}, {n: [] for n in names}, []
    handles = [modules[n].register_forward_pre_hook(lambda m, a, n=n: last.__setitem__(n, a[0])) for n in names]
    for first in range(0, len(sequences), args.inner_num):
        batch = sequences[first:first + args.inner_num]
        pads = [args.max_length - len(s) for s in batch]
        ids = torch.tensor([s + [0] * n for s, n in zip(batch, pads)])
        mask = torch.tensor([[1] * len(s) + [0] * n for s, n in zip(batch, pads)])
        out = model.generate(input_ids=ids, attention_mask=mask, do_sample=False, num_beams=1, max_new_tokens=args.max_new_tokens)
        generated += out[:, 1:].tolist()
        for n in names:
            kept[n].append(last[n].flatten(0, 1))
    for h in handles:
        h.remove()
    return {n: torch.cat(kept.pop(n)) for n in names}, generated


class Mats:
    """Anderson's method, type II, for one module."""

    def __init__(self, history, mu):
        self.pairs, self.most, self.mu = [], history + 1, mu

    def next(self, W, G):
        self.pairs = (self.pairs + [(W, G)])[-self.most:]
        if len(self.pairs) < 2:
            return G
        R = torch.stack([(g - w).flatten() for w, g in self.pairs])
        dR, dG = R.diff(dim=0), torch.stack([g for _, g in self.pairs]).diff(dim=0)
        gamma = torch.linalg.solve(dR @ dR.T + self.mu * torch.eye(len(dR)), dR @ R[-1]).clamp(-2, 2)
        accelerated = G - torch.tensordot(gamma, dG, dims=1)
        return G if (accelerated - G).norm() > 2 * G.norm() else accelerated


def iterate(args):
    """Yields (iteration, merge_reference.Model with the merged weights set, its modules' names) and prints each one's figures first."""
    tasks, sp = oracle.task_names(args.loras), oracle.tokenizer(args.model)
    own = {t: oracle.factors(os.path.join(args.loras, t)) for t in tasks}
    names = sorted(set().union(*own.values()))
    texts = {t: oracle.sample_sequences(sp, args.data, t, args.drawn, args.samples, args.max_length) for t in tasks}
    model = merge_reference.Model(args.model, torch.float32)
    mats, W, X = {n: Mats(args.history, args.mu) for n in names}, None, {}

    def delta(t, n):
        if n not in own[t]:
            return torch.zeros_like(model.modules[n].weight)
        B, A = own[t][n]
        return B @ A

    def put(n):
        model.set(n, W[n] - model.base[n] if args.with_pretrain_matrix else W[n])

    for k in range(1, args.iterations + 1):
        start, generated, Xm = time.time(), [], {}
        for t in tasks:
            for n in names:
                model.set(n, delta(t, n)) if k == 1 else put(n)
            Xm[t], g = features(model.model, names, texts[t], args)
            generated += g
        X = X or Xm
        middle, G = time.time(), {}
        for n in names:
            columns = zip(*((delta(t, n), X[t][n], Xm[t][n]) for t in tasks))
            G[n] = merge_reference.solve(model.base[n], *columns, args.alpha, args.with_pretrain_matrix)
        end, previous = time.time(), W
        W = {n: mats[n].next(previous[n], G[n]) if args.mats and k > 1 else G[n] for n in names}
        for n in names:
            put(n)
        total = time.time() - start
        print(f'iteration {k}: features {middle - start:.1f} s, {len(names)} solves {end - middle:.1f} s, in all {total:.1f} s, '
              f'peak {oracle.peak_mb():.0f} MB', end='; ')
        if k > 1:
            change = sum((W[n] - previous[n]).norm() for n in names) / sum(W[n].norm() for n in names)
            print(f'relative change {change:.3g}', end='; ')
        print(f'{sum(g[0] == 1 for g in generated)} of {len(generated)} samples begin with </s>', flush=True)
        yield k, model, names


def compare(names, model, path, suffix=''):
    """The bar against merged weights in a file, by the modules' names and a suffix; True where it is missed."""
    want = load_file(path)
    want = {n: want[n + suffix] for n in (names if suffix else want)}
    errors = {n: float((model.modules[n].weight - want[n]).norm() / want[n].norm()) for n in want}
    for n, e in sorted(errors.items()):
        print(f'  {e:.2e}  {n}')
    worst = max(errors.values())
    print(f'  {len(errors)} modules, worst relative difference from {path} {worst:.2e}, bar {BAR:.0e}', flush=True)
    return set(want) != set(names) or not worst <= BAR


def accuracies(model, args):
    sp, found = oracle.tokenizer(args.model), {}
    for t in oracle.task_names(args.loras):
        rows = oracle.spread(oracle.read_json(os.path.join(args.data, t, 'test.json')), args.rows)
        found[t] = oracle.evaluate(model.model, sp, rows, 1, args.max_length)['accuracy']
    mean = sum(found.values()) / len(found)
    print('  accuracy ' + ', '.join(f'{t} {a:.4f}' for t, a in found.items()) + f', mean {mean:.4f}', flush=True)


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    bad = False
    for k, model, names in iterate(args):
        path = os.path.join(args.golden or '', f'published-mats-{k}.safetensors')
        if args.golden and args.mats and not args.with_pretrain_matrix and os.path.exists(path):
            bad |= compare(names, model, path)
        if args.merged and k == args.iterations:
            bad |= compare(names, model, os.path.join(args.merged, 'model.safetensors'), '.weight')
        if k in args.evaluate:
            accuracies(model, args)
    sys.exit(bad)


if __name__ == '__main__':
    main()
