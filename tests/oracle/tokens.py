#!/usr/bin/env python3
"""Token ids against Python sentencepiece: every text and label of every rows file must be equal.

    tokens.py PRINT_TOKENS MODEL ROWS.json [ROWS.json ...] [--max-length 100]

PRINT_TOKENS is the program built from print-tokens.c. Python sentencepiece (0.2.2 or later: earlier ones break ties
between equal scores otherwise) is the reference, not the fast tokenizer of transformers, which splits a few texts
differently. Ends with status 1 if any id differs.
"""
import argparse
import json
import os
import subprocess
import sys

import sentencepiece


def reference(model, eos, text, max_length=None):
    ids = model.encode(text)
    return (ids if max_length is None else ids[:max_length - 1]) + [eos]


def compare(args, model, eos, path):
    """Number of rows, of differing rows, and of rows that were truncated."""
    with open(path, encoding='utf-8') as f:
        rows = json.load(f)
    command = [args.print_tokens, args.model, path, str(args.max_length)]
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    if len(lines) != len(rows):
        sys.exit(f'{path}: {len(rows)} rows, but {len(lines)} lines from {args.print_tokens}')
    wrong = cut = 0
    for i, (row, line) in enumerate(zip(rows, lines)):
        text, label = ([int(x) for x in part.split()] for part in line.split('\t'))
        want_text = reference(model, eos, row['instruction'], args.max_length)
        want_label = reference(model, eos, row['output'])
        cut += len(model.encode(row['instruction'])) > args.max_length - 1
        if text != want_text or label != want_label:
            wrong += 1
            print(f'{path}: row {i}: {text} | {label}\n  expected {want_text} | {want_label}', file=sys.stderr)
    return len(rows), wrong, cut


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('print_tokens')
    p.add_argument('model')
    p.add_argument('rows', nargs='+')
    p.add_argument('--max-length', type=int, default=100)
    args = p.parse_args()
    model = sentencepiece.SentencePieceProcessor(model_file=os.path.join(args.model, 'spiece.model'))
    with open(os.path.join(args.model, 'config.json'), encoding='utf-8') as f:
        eos = json.load(f)['eos_token_id']
    total = wrong = 0
    for path in args.rows:
        n, bad, cut = compare(args, model, eos, path)
        total, wrong = total + n, wrong + bad
        print(f'{path}: {n} rows, {bad} differ, {cut} truncated to {args.max_length}')
    print(f'{total} rows, {wrong} differ')
    sys.exit(wrong > 0)


if __name__ == '__main__':
    main()
