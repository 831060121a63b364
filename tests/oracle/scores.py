#!/usr/bin/env python3
"""Scores of the demo's base and adapters by PyTorch in float64: tests/golden/demo/scores.json, which golden/test_eval.c compares with.

    scores.py OUT.json [--model DIR --loras DIR --data DIR]

Two settings: the default templates; and a prompt around the text that has to be shortened, with answers of several tokens. Of each
of the first 40 rows: the likeliest answer, the likeliest per byte, and whether the greedy text is the answer, as strings of one character a row; `ties`
lists rows where float32 may decide otherwise: the two best answers, or a step's two best tokens, are closer than 1e-4.
"""
import argparse
import json
import os

import torch

import oracle

ROWS = 40
SETTINGS = [
    {'prompt': '{instruction}', 'answer': '{output}', 'max_length': 100, 'max_new_tokens': 3},
    {'prompt': 'Text: {instruction}\nEmotion:', 'answer': ' this is {output} ', 'max_length': 20, 'max_new_tokens': 8},
]


def prompt_ids(sp, s, row):
    """The filled prompt; over max_length the text loses its end character by character, or its tokens where it ends the prompt."""
    text, most = row['instruction'], s['max_length']
    if s['prompt'].endswith('{instruction}'):
        return oracle.encode(sp, s['prompt'].format(instruction=text), most)
    while len(sp.encode(s['prompt'].format(instruction=text))) + 1 > most:
        text = text[:-1]
    return oracle.encode(sp, s['prompt'].format(instruction=text), most)


def log_p(model, enc, answers):
    """(rows, answers): Σ log p of each answer's tokens."""
    m = oracle.bare(model)
    start, out = m.config.decoder_start_token_id, [None] * len(enc)
    want, want_mask = oracle.padded(answers)
    shifted = torch.cat([torch.full((len(answers), 1), start), want[:, :-1]], 1)
    for i, ids in enumerate(enc):
        memory = m.encoder(input_ids=torch.tensor([ids]))[0].expand(len(answers), -1, -1)
        logits = m(encoder_outputs=(memory,), decoder_input_ids=shifted, use_cache=False).logits
        logp = logits.log_softmax(-1).gather(-1, want[..., None])[..., 0]
        out[i] = (logp * want_mask).sum(1)
    return torch.stack(out)


def best(values):
    """(index of the largest, whether the next is within oracle.TIE)"""
    top = values.topk(2)
    return int(values.argmax()), float(top.values[0] - top.values[1]) < oracle.TIE


def score(model, sp, s, rows):
    texts = [s['answer'].format(output=r['output']) for r in rows]
    names = sorted(set(texts), key=str.encode)
    answers = [oracle.encode(sp, n) for n in names]
    of = [names.index(t) for t in texts]
    enc = [prompt_ids(sp, s, r) for r in rows]
    greedy = oracle.greedy(model, enc, s['max_new_tokens'], [answers[k] for k in of])
    per_byte = torch.tensor([len(n.strip().encode()) for n in names], dtype=torch.float64)
    out = {'likelihood': '', 'per_byte': '', 'exact': '', 'ties': []}
    for i, (logp, g) in enumerate(zip(log_p(model, enc, answers), greedy)):
        (first, close), (byte, near) = best(logp), best(logp / per_byte)
        text = sp.decode([t for t in g['ids'] if t not in {0, 1}])
        out['likelihood'] += str(first)
        out['per_byte'] += str(byte)
        out['exact'] += str(int(text.strip() == texts[i].strip()))
        out['ties'] += [i] if close or near or min(g['gaps']) < oracle.TIE else []
    out['loss'] = sum(g['nll'] for g in greedy) / sum(len(answers[k]) for k in of)
    return names, out


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('out')
    for name in 'model', 'loras', 'data':
        p.add_argument('--' + name, default=os.path.join('data/demo', name))
    args = p.parse_args()
    sp, result = oracle.tokenizer(args.model), []
    for s in SETTINGS:
        answers, models = {}, {}
        for task in oracle.task_names(args.loras):
            rows = oracle.read_json(os.path.join(args.data, task, 'test.json'))[:ROWS]
            for name, adapter in ('base', None), (f'adapters/{task}', os.path.join(args.loras, task)):
                model = oracle.load(args.model, adapter)
                answers[task], models.setdefault(name, {})[task] = score(model, sp, s, rows)
        result.append({**s, 'answers': answers, 'models': models})
    with open(args.out, 'w', encoding='utf-8') as f:
        json.dump(result, f, separators=(',', ':'))
        f.write('\n')


if __name__ == '__main__':
    main()
