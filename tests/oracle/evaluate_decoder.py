#!/usr/bin/env python3
"""Scores of a decoder-only model, its adapters and merges of them, by PyTorch: what eval.tsv should say.

    evaluate_decoder.py MODEL LORAS DATA [--tasks a,b] [--rows N] [--merged NAME=PATH …] [--average] [--float32]
                        [--prompt '{instruction}'] [--answer '{output}'] [--max-new-tokens 8] [--eos 2] [--save FILE.json]

PATH is a PEFT folder or a file of dense ΔW per module. Rows bring prompt_ids and answer_ids, or texts that the templates and the model's
tokenizer.json turn into ids (blanks and line ends in a template: \\n). Every row runs alone, in float64 or float32.

  first-token  the first greedy token is the answer's first
  likelihood   the label with the largest Σ log p of its tokens, the end token too, given the prompt; per-byte: divided by the
               UTF-8 bytes of the label. Labels are the distinct outputs of the rows; none where there are more than 64. First wins a tie.
  exact        the greedy text, up to the end token, equals the output, blanks at both ends aside (ids where there is no tokenizer)
  loss         mean negative log-likelihood per token of the answers, their end token counted

±: one standard error. --save writes each row's results, and lists rows whose two largest numbers are closer than a tie.
"""
import argparse
import copy
import math
import os

import torch
from peft import PeftModel
from safetensors.torch import load_file

import decoder
import merge_decoder

TIE = 1e-4
MOST_LABELS = 64
SCORES = ['first-token', 'likelihood', 'per-byte', 'exact', 'loss']


def continued(model, past, first, answers):
    """Σ log p of each answer after the prompt, whose keys and values are in `past`; first: log p of the token after it."""
    sums = [float(first[a[0]]) for a in answers]
    if max(map(len, answers)) == 1:
        return sums
    past = copy.deepcopy(past)
    past.batch_repeat_interleave(len(answers))
    ids = decoder.padded([a[:-1] for a in answers])
    logp = model(input_ids=ids, past_key_values=past, use_cache=True).logits.log_softmax(-1)
    for k, a in enumerate(answers):
        sums[k] += float(logp[k, :len(a) - 1].gather(1, torch.tensor(a[1:], dtype=torch.long)[:, None]).sum())
    return sums


def greedy(model, out, steps, eos):
    """(ids up to the end token, smallest gap of the two largest logits); out: what the model says of the prompt"""
    ids, gap = [], math.inf
    while True:
        top = out.logits[0, -1].topk(2)
        gap = min(gap, float(top.values[0] - top.values[1]))
        ids.append(int(top.indices[0]))
        if ids[-1] == eos or len(ids) == steps:
            return ids, gap
        out = model(input_ids=torch.tensor([ids[-1:]]), past_key_values=out.past_key_values, use_cache=True)


def labels_of(rows, text):
    """{output: its tokens}; empty where there are too many."""
    found = {}
    for row in rows:
        found.setdefault(row['output'], text.encode(row)[1])
    return found if len(found) <= MOST_LABELS else {}


def two_largest(values):
    best = sorted(values, reverse=True)
    return best[0] - best[1] if len(best) > 1 else math.inf


def score_row(model, text, row, labels, args):
    prompt, answer = text.encode(row)
    out = model(input_ids=torch.tensor([prompt]), use_cache=True)
    first = out.logits[0, -1].log_softmax(-1)
    nll, *sums = continued(model, out.past_key_values, first, [answer, *labels.values()])
    ids, gap = greedy(model, out, args.max_new_tokens, text.eos)
    end = [i for i in ids if i != text.eos]
    got = {'text': text.decode(end), 'first-token': ids[0] == answer[0], 'loss': -nll,
           'tokens': len(answer), 'exact': text.decode(end) == (row['output'].strip() if text.tokenizer else answer[:-1]),
           'tie': gap < TIE}
    if labels:
        sums = dict(zip(labels, sums))
        per_byte = {name: s / len(name.encode()) for name, s in sums.items()}
        got.update({'likelihood': max(sums, key=sums.get) == row['output'], 'per-byte': max(per_byte, key=per_byte.get) == row['output'],
                    'label tie': min(two_largest(sums.values()), two_largest(per_byte.values())) < TIE})
    return got


def score(model, text, rows, args):
    labels = labels_of(rows, text)
    got = [score_row(model, text, row, labels, args) for row in rows]
    result = {'n': len(rows), 'loss': sum(g['loss'] for g in got) / sum(g['tokens'] for g in got)}
    for name in SCORES[:-1]:
        if name in got[0]:
            p = sum(g[name] for g in got) / len(got)
            result[name] = p
            result[name + ' ±'] = math.sqrt(p * (1 - p) / max(1, len(got) - 1))
    result['ties'] = [i for i, g in enumerate(got) if g['tie'] or g.get('label tie')]
    result['text'] = [g['text'] for g in got]
    return result


def with_delta(model, changes):
    modules = dict(model.named_modules())
    for name, W in changes.items():
        modules[name].weight.data += W.to(modules[name].weight.dtype)
    return model


def models(args, tasks, dtype):
    """Yields (name, model, tasks to be scored)."""
    yield 'base', decoder.load(args.model, dtype), tasks
    for t in tasks:
        yield f'adapter {t}', peft(args, os.path.join(args.loras, t), dtype), tasks if args.matrix else [t]
    if args.average:
        changes = {}
        for t in tasks:
            for name, W in merge_decoder.deltas(args.model, os.path.join(args.loras, t), dtype=dtype).items():
                changes[name] = changes.get(name, 0) + W / len(tasks)
        yield 'average', with_delta(decoder.load(args.model, dtype), changes), tasks
    for merged in args.merged:
        name, path = merged.split('=', 1)
        yield name, peft(args, path, dtype) if os.path.isdir(path) else with_delta(decoder.load(args.model, dtype), load_file(path)), tasks


def peft(args, folder, dtype):
    model = PeftModel.from_pretrained(decoder.load(args.model, dtype), folder, autocast_adapter_dtype=False)
    return model.to(dtype).merge_and_unload().eval()


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in 'model', 'loras', 'data':
        p.add_argument(name)
    p.add_argument('--tasks')
    p.add_argument('--rows', type=int)
    p.add_argument('--merged', nargs='*', default=[])
    p.add_argument('--average', action='store_true')
    p.add_argument('--matrix', action='store_true', help='each adapter on every task, not on its own alone')
    p.add_argument('--float32', action='store_true')
    p.add_argument('--max-new-tokens', type=int, default=8)
    p.add_argument('--save')
    decoder.text_arguments(p)
    return p.parse_args()


def main():
    args = arguments()
    tasks = args.tasks.split(',') if args.tasks else merge_decoder.task_names(args.loras)
    text, saved = decoder.text_of(args), {}
    rows = {t: decoder.read_json(os.path.join(args.data, t, 'test.json'))[:args.rows] for t in tasks}
    print('| | task | ' + ' | '.join(SCORES) + ' |\n|---|---|' + '---|' * len(SCORES), flush=True)
    for name, model, wanted in models(args, tasks, torch.float32 if args.float32 else torch.float64):
        for t in wanted:
            got = saved.setdefault(name, {})[t] = score(model, text, rows[t], args)
            cells = [f'{got[s]:.4f}' + (f' ± {got[s + " ±"]:.4f}' if s != 'loss' else '') if s in got else '' for s in SCORES]
            print(f'| {name} | {t} | ' + ' | '.join(cells) + ' |', flush=True)
    if args.save:
        decoder.write_json(args.save, saved, None)


if __name__ == '__main__':
    main()
