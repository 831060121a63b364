#!/usr/bin/env python3
"""eval.tsv's accuracies, and the losses, against PyTorch in float64: base, adapters, merged.

    evaluate.py WORK SAVED.json [--method sweep] [--points P]

SAVED.json is what generate.py --save wrote for this WORK (it runs PyTorch; this only compares). The bar: accuracies of eval.tsv
equal to the four digits printed there, unless the row count of ties could explain it; losses of the result files to a relative
1e-5. With --points P (USE_FP16=1 runs): accuracies within P hundredths, losses not compared; SAVED.json is then the float32 merge's or
the float64 reference's, and only "merged" is compared. Ends with status 1 where the bar is missed.
"""
import argparse
import json
import os
import sys

import oracle


def read_table(path):
    """{row name: {column: text}} of the rows that hold accuracies."""
    with open(path, encoding='utf-8') as f:
        lines = [line.rstrip('\n').split('\t') for line in f]
    return [dict(zip(lines[0], line)) for line in lines[1:]]


def result_file(work, name, task):
    kind = {'base': 'eval/base', 'merged': 'eval'}.get(name) or 'eval/adapters/' + name.split(' ', 1)[1]
    return os.path.join(work, kind, task + '.json')


def accuracy_in(table, name, task, method):
    wanted = method if name == 'merged' else name
    for row in table:
        if wanted in row.values() and row.get('task', task) == task:
            return float(row['accuracy' if 'accuracy' in row else task])
    return None


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('work')
    p.add_argument('saved')
    p.add_argument('--method', default='sweep')
    p.add_argument('--points', type=float)
    args = p.parse_args()
    table, saved, bad, n = read_table(f'{args.work}/eval.tsv'), oracle.read_json(args.saved), 0, 0
    for name, tasks in saved.items():
        if args.points is not None and name != 'merged':
            continue
        for task, want in tasks.items():
            ours = oracle.read_json(result_file(args.work, name, task))
            printed = accuracy_in(table, name, task, args.method)
            slack = len(want['ties']) / ours['n'] + 1e-9 if args.points is None else args.points / 100
            loss = abs(ours['loss'] - want['loss']) / want['loss']
            good = abs(ours['accuracy'] - want['accuracy']) <= slack and (args.points is not None or loss <= 1e-5)
            good &= printed is not None and abs(printed - ours['accuracy']) <= 5.1e-5
            bad, n = bad + (not good), n + 1
            print(f'{name} on {task}: accuracy {ours["accuracy"]:.6f} (table {printed}), PyTorch {want["accuracy"]:.6f}; '
                  f'loss {ours["loss"]:.7f}, PyTorch {want["loss"]:.7f}, {loss:.1e} apart{"" if good else "  WRONG"}')
    print(f'{n} results, {bad} wrong')
    sys.exit(bad > 0 or n == 0)


if __name__ == '__main__':
    main()
