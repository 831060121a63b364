#!/usr/bin/env python3
"""Every block's output, for the base and each adapter, encoder and decoder, against transformers in float64.

    forward.py PRINT_STATES MODEL LORAS DATA [--rows 64] [--float32]

PRINT_STATES is the program built from print-states.c. Rows are taken evenly from the test sets of all tasks. The bar: max |a − b| /
max |b| ≤ 1e-5 for every block's output (residual stream), each stack's normed output and the logits. The error relative to the
row's own largest number is printed too. The bar is for the real case; --float32 prints PyTorch's own float32 error beside ours, which says
how much a model magnifies rounding (the demo's sharp attention does: both are near 1e-5 there). Ends with status 1 where the bar is missed.
"""
import argparse
import os
import sys

import torch

import oracle

BAR = 1e-5


def compare(args, adapter, enc, dec):
    """Prints the places; returns (worst, place)."""
    want = oracle.block_outputs(oracle.load(args.model, adapter), enc, dec)
    got = oracle.our_states(args.print_states, args.model, adapter, enc, dec)
    same = oracle.block_outputs(oracle.load(args.model, adapter, torch.float32), enc, dec) if args.float32 else {}
    worst, pytorch = (0.0, ''), 0.0
    figures = []
    for name, rows in want.items():
        b, a = torch.cat(rows), got[name].double()
        diff = (a - b).abs()
        error = float(diff.max() / b.abs().max())
        own = float((diff.amax(1) / b.abs().amax(1)).max())
        figures.append(f'{name} {error:.1e} ({own:.1e})')
        if same:
            pytorch = max(pytorch, float((torch.cat(same[name]).double() - b).abs().max() / b.abs().max()))
        if not error <= worst[0]:
            row, column = divmod(int(diff.argmax()), b.shape[1])
            worst = (error, f'{name}, row {row}, column {column}')
    print(f'{os.path.basename(adapter) if adapter else "base"}: worst {worst[0]:.2e} at {worst[1]}'
          + (f'; PyTorch in float32 {pytorch:.2e}' if same else ''))
    print('  ' + ', '.join(figures))
    return worst


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in 'print_states', 'model', 'loras', 'data':
        p.add_argument(name)
    p.add_argument('--rows', type=int, default=64)
    p.add_argument('--float32', action='store_true')
    args = p.parse_args()
    tasks = oracle.task_names(args.loras)
    enc, dec = oracle.test_sequences(args.model, args.data, tasks, args.rows)
    print(f'{len(enc)} sequences, {sum(map(len, enc))} encoder rows, {sum(map(len, dec))} decoder rows; error / largest (in the row)')
    results = [compare(args, adapter, enc, dec) for adapter in [None] + [os.path.join(args.loras, t) for t in tasks]]
    worst = max(results)
    print(f'worst {worst[0]:.2e} ({worst[1]}), bar {BAR:.0e}')
    sys.exit(not worst[0] <= BAR)


if __name__ == '__main__':
    main()
