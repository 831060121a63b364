#!/usr/bin/env python3
"""Greedy tokens on every test row, for base, adapters and the merge, against PyTorch in float64.

    generate.py MODEL LORAS DATA WORK [--only base|adapters|merged] [--matrix] [--threads N] [--save FILE.json]

WORK is a merge after `make eval` (with MATRIX=1 for --matrix: every adapter on every task, not only its own). Compared are the
predictions files' "text", "correct" and "logit_gap". A row where PyTorch's two largest logits at the step in question are closer than
1e-4 is a tie: it may differ, and is counted and listed. The bar: no difference but ties, gaps equal to 1e-3. --save keeps PyTorch's
accuracies and losses for evaluate.py. Ends with status 1 where the bar is missed.
"""
import argparse
import json
import os
import sys

import torch

import oracle


def cases(args, tasks):
    """(name, adapter folder, task, predictions file)"""
    kinds = [args.only] if args.only else ['base', 'adapters', 'merged']
    for t in tasks if 'base' in kinds else []:
        yield 'base', None, t, f'{args.work}/eval/base/{t}.jsonl'
    for a in tasks if 'adapters' in kinds else []:
        for t in tasks:
            if a == t or args.matrix:
                yield f'adapter {a}', os.path.join(args.loras, a), t, f'{args.work}/eval/adapters/{a}/{t}.jsonl'
    for t in tasks if 'merged' in kinds else []:
        yield 'merged', f'{args.work}/adapter', t, f'{args.work}/predictions/{t}.jsonl'


def compare(sp, got, lines):
    """(differing rows that are no ties, ties, differing ties, worst gap error)"""
    wrong, ties, differing, worst = [], 0, [], 0.0
    for i, (want, right, line) in enumerate(zip(got['rows'], got['right'], lines)):
        ours = json.loads(line)
        special = {0, 1}  # pad and </s> print as nothing
        text = sp.decode([t for t in want['ids'] if t not in special])
        tie = min(want['gaps']) < oracle.TIE
        ties += tie
        same = ours['row'] == i and ours['text'] == text and (ours['correct'] == right or min(want['gaps'][:1]) < oracle.TIE)
        worst = max(worst, abs(ours['logit_gap'] - want['gaps'][0]))
        if not same:
            (differing if tie else wrong).append((i, text, ours['text'], want['gaps']))
    return wrong, ties, differing, worst


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in 'model', 'loras', 'data', 'work':
        p.add_argument(name)
    p.add_argument('--only', choices=['base', 'adapters', 'merged'])
    p.add_argument('--matrix', action='store_true')
    p.add_argument('--threads', type=int, default=2)
    p.add_argument('--save')
    args = p.parse_args()
    torch.set_num_threads(args.threads)
    sp, bad, total, all_ties, saved, model, loaded = oracle.tokenizer(args.model), 0, 0, 0, {}, None, ''
    for name, adapter, task, path in cases(args, oracle.task_names(args.loras)):
        if name != loaded:
            model, loaded = oracle.load(args.model, adapter, fused=True), name
        got = oracle.evaluate(model, sp, oracle.read_json(f'{args.data}/{task}/test.json'))
        with open(path, encoding='utf-8') as f:
            lines = f.readlines()
        if len(lines) != len(got['rows']):
            sys.exit(f'{path}: {len(lines)} lines, expected {len(got["rows"])}')
        wrong, ties, differing, gap = compare(sp, got, lines)
        print(f'{name} on {task}: {len(lines)} rows, {len(wrong)} differ, {ties} ties ({len(differing)} of them differ), '
              f'gaps to {gap:.1e}; accuracy {got["accuracy"]:.6f}, loss {got["loss"]:.7f}', flush=True)
        for kind, rows in ('differs', wrong), ('tie', differing):
            for i, text, ours, gaps in rows:
                print(f'  {kind}: row {i}: PyTorch {text!r}, ours {ours!r}, gaps {gaps}')
        bad += len(wrong) + (gap > 1e-3)
        total, all_ties = total + len(lines), all_ties + ties
        saved.setdefault(name, {})[task] = {'accuracy': got['accuracy'], 'loss': got['loss'], 'ties': [
            i for i, r in enumerate(got['rows']) if r['gaps'][0] < oracle.TIE]}
        if args.save:
            with open(args.save, 'w', encoding='utf-8') as f:
                json.dump(saved, f, indent=1)
    print(f'{total} rows, {all_ties} ties, {bad} differences')
    sys.exit(bad > 0)


if __name__ == '__main__':
    main()
