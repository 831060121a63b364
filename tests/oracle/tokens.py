#!/usr/bin/env python3
"""Token ids against T5Tokenizer of transformers (the slow one of 4.57; of a folder that version 5 wrote, version 5's).

    tokens.py PRINT_TOKENS MODEL ROWS.json [ROWS.json ...] [--max-length 100]
    tokens.py PRINT_TOKENS MODEL --cases N [--seed 1]

PRINT_TOKENS is the program built from print-tokens.c. The first form compares every text and label of every rows file. The
second makes N folders from MODEL, with random added tokens in random files, and compares random texts full of them; a folder
may be refused by either side, but what transformers refuses must not pass here. Ends with status 1 if any id differs.
"""
import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import warnings

import transformers
from transformers import AddedToken, T5Tokenizer

VERSION5 = int(transformers.__version__.split('.')[0]) >= 5
FILES = ['tokenizer_config.json', 'special_tokens_map.json', 'added_tokens.json', 'tokenizer.json']


def reference(tokenizer, text, max_length):
    return tokenizer(text, max_length=max_length, truncation=True)['input_ids']


def print_tokens(args, model, path):
    """(text ids, label ids) of every row, or the message of the refusal."""
    run = subprocess.run([args.print_tokens, model, path, str(args.max_length)], capture_output=True, text=True)
    if run.returncode not in (0, 1):
        sys.exit(f'{args.print_tokens} ended with status {run.returncode}: {run.stderr}')
    if run.returncode:
        return run.stderr.strip()
    return [tuple([int(x) for x in part.split()] for part in line.split('\t')) for line in run.stdout.splitlines()]


def compare(args, model, tokenizer, path):
    """Number of rows, of differing rows, and of rows that were truncated; or the message of the refusal."""
    with open(path, encoding='utf-8') as f:
        rows = json.load(f)
    found = print_tokens(args, model, path)
    if isinstance(found, str):
        return found
    if len(found) != len(rows):
        sys.exit(f'{path}: {len(rows)} rows, but {len(found)} lines from {args.print_tokens}')
    wrong = cut = 0
    for i, (row, (text, label)) in enumerate(zip(rows, found)):
        want_text = reference(tokenizer, row['instruction'], args.max_length)
        want_label = reference(tokenizer, row['output'], 65536)
        cut += len(tokenizer.tokenize(row['instruction'])) > args.max_length - 1
        if text != want_text or label != want_label:
            wrong += 1
            print(f'{path}: row {i}: {row["instruction"]!r}: {text} | {label}\n  expected {want_text} | {want_label}', file=sys.stderr)
    return len(rows), wrong, cut


# ---- random folders

WORDS = ['joy', 'fear', 'the', 'rain', 'a', 'ab', 'abc', 'bcd', 'cde', 'x', '<joy>', '<joy', 'joy>', '[SEP]', '<sep>', ' the', 'the ',
         '▁', '▁the', '▁joy', 'é', 'ﬁ', 'ｘｙ', '😀', '😀😀', '\u3000', '\t', '.', '...', '?', '??', '</s', 's>', '<extra_id_0>', '<extra_id_7>',
         '<extra_id_70>', '</s>', '<pad>', '<unk>', 'Ω', 'ΩΩ', 'a b', ' ']
GLUE = ['', '', ' ', ' ', '  ', '\n', '\t', '\u00a0', '\u3000', '.', 'b', ' the ', '▁']


def flags(r):
    return {k: r.random() < 0.4 for k in ('lstrip', 'rstrip', 'single_word', 'normalized', 'special')}


def token(r, content=None):
    return dict(flags(r), content=content or r.choice(WORDS))


def special_tokens(r, config, typed):
    for key in ('bos_token', 'sep_token', 'cls_token', 'mask_token', 'eos_token', 'pad_token', 'unk_token'):
        if r.random() < 0.25:
            content = {'eos_token': '</s>', 'pad_token': '<pad>', 'unk_token': '<unk>'}.get(key) or r.choice(WORDS)
            config[key] = dict(token(r, content), **({'__type': 'AddedToken'} if typed else {})) if r.random() < 0.4 else content
    if r.random() < 0.4:
        extra = [f'<extra_id_{i}>' for i in range(config.get('extra_ids', 100))] if r.random() < 0.5 else []
        config['additional_special_tokens'] = extra + [
            dict(token(r), **({'__type': 'AddedToken'} if typed else {})) if r.random() < 0.3 else r.choice(WORDS) for _ in range(r.randint(0, 4))]


def choose(r, ids, taken):
    """Texts with ids; in half of the folders a text has one id, and an id one text, in all files."""
    if taken is None:
        return [(t, r.choice(ids)) for t in r.sample(WORDS, r.randint(0, 8))]
    for t in r.sample([w for w in WORDS if w not in ('</s>', '<pad>', '<unk>') and 'extra' not in w], r.randint(0, 5)):
        taken.setdefault(t, max(taken.values(), default=ids[-31]) + 1)
    return list(taken.items())


def write_files(r, folder, pieces):
    config, ids, taken = {}, list(range(pieces - 3, pieces + 130)), r.choice([{}, None])
    for key, values in (('legacy', [True, False, False, None]), ('add_prefix_space', [True, False]), ('split_special_tokens', [True, False, False]),
                        ('extra_ids', [100, 100, 10, 0])):
        if r.random() < 0.5:
            config[key] = r.choice(values)
    special_tokens(r, config, True)
    if r.random() < 0.5:
        config['added_tokens_decoder'] = {str(i): token(r, t) for t, i in choose(r, ids, taken)}
    elif r.random() < 0.6:
        write(folder, 'added_tokens.json', dict(choose(r, ids, taken)))
    if r.random() < 0.3:
        write(folder, 'tokenizer.json', {'version': '1.0', 'added_tokens': [dict(token(r, t), id=i) for t, i in choose(r, ids, taken)],
                                         'model': {'added_tokens': '"x\\'}})
    if r.random() < 0.3:
        tokens = {}
        special_tokens(r, tokens, False)
        write(folder, 'special_tokens_map.json', tokens)
    if config or r.random() < 0.5:
        write(folder, 'tokenizer_config.json', config)


def write_version5(r, folder, model):
    """The files that version 5 itself saves, after tokens were added; spiece.model is not among them."""
    t = T5Tokenizer.from_pretrained(model)
    for _ in range(r.randint(0, 6)):
        new = dict(flags(r), content=r.choice([w for w in WORDS if w == w.strip() and '▁' not in w]), single_word=False, normalized=False)
        t.add_tokens([AddedToken(**new)], special_tokens=r.random() < 0.5)
    t.save_pretrained(folder)


def write(folder, name, value):
    with open(os.path.join(folder, name), 'w', encoding='utf-8') as f:
        json.dump(value, f, ensure_ascii=False)


def random_text(r, words):
    return ''.join(r.choice(GLUE) + r.choice(words) for _ in range(r.randint(0, 12))) + r.choice(GLUE)


def make_folder(r, args, folder, pieces):
    with open(os.path.join(args.model, 'config.json'), encoding='utf-8') as f:
        config = json.load(f)
    shutil.copy(os.path.join(args.model, 'spiece.model'), folder)
    write(folder, 'config.json', dict(config, vocab_size=pieces + 300))
    if VERSION5:
        write_version5(r, folder, args.model)
    else:
        write_files(r, folder, pieces)
    texts = [random_text(r, WORDS + ['hello', 'happy', 'sad']) for _ in range(60)]
    write(folder, 'rows.json', [{'instruction': t or 'a', 'output': r.choice(WORDS[:8]), 'input': ''} for t in texts])


def one_case(args, n, pieces):
    """'same', 'refused' (here), 'both' (by both) or 'wrong'."""
    with tempfile.TemporaryDirectory() as folder:
        make_folder(random.Random(f'{args.seed} {n}'), args, folder, pieces)
        rows = os.path.join(folder, 'rows.json')
        try:
            tokenizer = T5Tokenizer.from_pretrained(folder)
            reference(tokenizer, 'a', 9)
        except Exception as e:  # whatever transformers ends with
            refused = isinstance(print_tokens(args, folder, rows), str)
            if not refused:
                print(f'case {n}: transformers refuses it: {e!r}', file=sys.stderr)
            return 'both' if refused else 'wrong'
        result = compare(args, folder, tokenizer, rows)
        if isinstance(result, str):
            args.messages.append(f'case {n}: {result.replace(folder, "…")}')
            return 'refused'
        if result[1]:
            print(f'case {n}:', *(f'{f}: {open(os.path.join(folder, f)).read()[:2000]}' for f in FILES if os.path.exists(os.path.join(folder, f))),
                  sep='\n', file=sys.stderr)
        return 'wrong' if result[1] else 'same'


def cases(args):
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(os.path.join(args.model, 'spiece.model'), folder)
        shutil.copy(os.path.join(args.model, 'config.json'), folder)
        pieces = len(T5Tokenizer.from_pretrained(folder)) - 100
    args.messages, count = [], {'same': 0, 'refused': 0, 'both': 0, 'wrong': 0}
    for n in range(args.first, args.first + args.cases):
        count[one_case(args, n, pieces)] += 1
    if args.messages_shown:
        print('\n'.join(args.messages))
    print(f'{args.cases} folders of 60 rows: {count["same"]} the same, {count["refused"]} refused here alone, {count["both"]} refused by both, '
          f'{count["wrong"]} wrong')
    sys.exit(count['wrong'] > 0)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('print_tokens')
    p.add_argument('model')
    p.add_argument('rows', nargs='*')
    p.add_argument('--max-length', type=int, default=100)
    p.add_argument('--cases', type=int, default=0)
    p.add_argument('--first', type=int, default=0, help='the number of the first case')
    p.add_argument('--seed', type=int, default=1)
    p.add_argument('--messages-shown', action='store_true', help='print what was refused')
    args = p.parse_args()
    warnings.simplefilter('ignore')
    transformers.logging.set_verbosity(60)
    if args.cases:
        cases(args)
    tokenizer = T5Tokenizer.from_pretrained(args.model)
    total = wrong = 0
    for path in args.rows:
        result = compare(args, args.model, tokenizer, path)
        if isinstance(result, str):
            sys.exit(result)
        n, bad, cut = result
        total, wrong = total + n, wrong + bad
        print(f'{path}: {n} rows, {bad} differ, {cut} truncated to {args.max_length}')
    print(f'{total} rows, {wrong} differ')
    sys.exit(wrong > 0)


if __name__ == '__main__':
    main()
