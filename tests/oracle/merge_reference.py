#!/usr/bin/env python3
"""The merge itself in float64 PyTorch: sweep, regmean and average, features tokens, for any model, adapters and samples.

    merge_reference.py MODEL LORAS DATA METHOD OUT.safetensors [--samples WORK/samples] [--alpha 8e-5] [--answers given]
        [--golden FILE.safetensors] [--tokens FILE.json] [--drift] [--correct o,wo] [--correct-ridge 1e-2] [--correct-rank R] [--merge-rank R]

Samples: DATA/T/samples.json, or the drawn rows in WORK/samples/T.h5. The decoder's tokens are the answers that each task's own model
generates, or with --answers given the rows' own outputs. OUT holds each module's dense ΔW (d_out, d_in), float32. --golden
compares with such a file (relative Frobenius difference, worst module; float32 storage alone is some 3e-8), --tokens the decoder's tokens
with a decoder-tokens.json. Dense algebra throughout: W = (Σ c ΔW G)(Σ c H)⁻¹, no factoring, so that it shares no shortcut with the
tools. --drift and --correct: the keys of that name, in a sweep (fit.py). --merge-rank: of the changes that they cut. Writes nothing and ends with status 1 where --golden differs by more than 1e-6.
"""
import argparse
import os
import sys

import torch
from safetensors.torch import load_file, save_file

import oracle
from fit import Correction, correction_arguments


def sites(names):
    """Groups of modules with the same input, in the order of the computation: [(key, [module names])]."""
    groups = {}
    for name in names:
        parts = name.split('.')
        block, kind, last = int(parts[2]), parts[5], parts[6] if len(parts) > 6 else ''
        if kind == 'EncDecAttention' and last in 'kv':
            key = (1, -1, 0)
        else:
            place = {'SelfAttention': {'o': 1}.get(last, 0), 'EncDecAttention': {'q': 2, 'o': 3}.get(last, 2)}.get(kind)
            key = (int(parts[0] == 'decoder'), block, place if place is not None else 5 if last == 'wo' else 4)
        groups.setdefault(key, []).append(name)
    return sorted((k, sorted(v)) for k, v in groups.items())


def deltas(model_dir, adapter):
    """{module: dense ΔW} as PEFT itself merges it."""
    model = oracle.load(model_dir, adapter)
    found = {}
    for name, module in model.named_modules():
        if hasattr(module, 'lora_A') and len(module.lora_A):
            found[name.removeprefix('base_model.model.')] = module.get_delta_weight('default').detach().clone()
    return found


def inputs(model, names, enc, dec, encoder_only):
    """{module: X (P, d_in)} for the first of each group of `names`: real tokens' rows in sample order."""
    grabbed, modules = {}, dict(model.named_modules())
    handles = [modules[n].register_forward_pre_hook(lambda m, a, n=n: grabbed.__setitem__(n, a[0].detach())) for n in names]
    ids, mask = oracle.padded(enc)
    dec_ids, dec_mask = oracle.padded(dec)
    if encoder_only:
        model.encoder(input_ids=ids, attention_mask=mask)
    else:
        model(input_ids=ids, attention_mask=mask, decoder_input_ids=dec_ids, use_cache=False)
    for h in handles:
        h.remove()
    of_encoder = {n: x.shape[1] == ids.shape[1] and (n.startswith('encoder') or '.EncDecAttention.q' not in n and 'EncDecAttention.o' not in n
                                                       and 'EncDecAttention' in n) for n, x in grabbed.items()}
    return {n: x[(mask if of_encoder[n] else dec_mask).bool()] for n, x in grabbed.items()}


class Model:
    """One model whose weights are W0 + whatever update was set last."""

    def __init__(self, model_dir, dtype=torch.float64):
        self.model = oracle.load(model_dir, dtype=dtype)
        self.modules = dict(self.model.named_modules())
        self.base = {}

    def set(self, name, delta):
        w = self.modules[name].weight
        self.base.setdefault(name, w.detach().clone())
        w.copy_(self.base[name] + delta if delta is not None else self.base[name])


def merge(args):
    tasks, sp = oracle.task_names(args.loras), oracle.tokenizer(args.model)
    own = {t: deltas(args.model, os.path.join(args.loras, t)) for t in tasks}
    names = sorted(set().union(*own.values()))
    if args.method == 'average':
        return {n: sum(own[t][n] for t in tasks if n in own[t]) / len(tasks) for n in names}, {}
    lora, merged, solution = Model(args.model), Model(args.model), {}
    correction = Correction(args, own)
    groups, enc, dec, X = sites(names + correction.more(merged.modules)), {}, {}, {}
    for t in tasks:
        enc[t] = oracle.sample_sequences(sp, args.data, t, args.samples)
        for n in names:
            lora.set(n, own[t].get(n))
        answers = oracle.sample_answers(sp, args.data, t, args.samples) if args.answers == 'given' else \
            [g['ids'] for g in oracle.greedy(lora.model, enc[t])]
        dec[t] = [[lora.model.config.decoder_start_token_id] + a[:-1] for a in answers]
        X[t] = inputs(lora.model, [g[0] for _, g in groups], enc[t], dec[t], False)
    for key, group in groups:
        first = group[0]
        Xm = [X[t][first] if args.method == 'regmean' else inputs(merged.model, [first], enc[t], dec[t], key[0] == 0)[first] for t in tasks]
        for n in group:
            W0 = merged.base.get(n, merged.modules[n].weight.detach().clone())
            D = [own[t].get(n, torch.zeros_like(W0)) for t in tasks]
            solution[n] = correction.solve(n, W0, D, [X[t][first] for t in tasks], Xm)
        for n in group:
            merged.set(n, solution[n])
    return solution, dec


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in 'model', 'loras', 'data', 'method', 'out':
        p.add_argument(name)
    p.add_argument('--samples')
    p.add_argument('--answers', choices=['generated', 'given'], default='generated')
    p.add_argument('--alpha', type=float, default=8e-5)
    p.add_argument('--golden')
    p.add_argument('--tokens')
    correction_arguments(p)
    args = p.parse_args()
    solution, dec = merge(args)
    bad = False
    if args.tokens:
        want = oracle.read_json(args.tokens)
        for t, rows in dec.items():
            cut = [r[:r.index(1)] if 1 in r else r for r in want[t]['decoder_input_ids']]
            print(f'{t}: {sum(a != b for a, b in zip(rows, cut))} of {len(cut)} samples have other decoder tokens')
            bad |= rows != cut
    if args.golden:
        golden = load_file(args.golden)
        errors = {n: float((solution[n] - golden[n].double()).norm() / golden[n].double().norm()) for n in golden}
        worst = max(errors, key=errors.get)
        print(f'{args.method}: {len(errors)} modules, worst relative difference from {args.golden}: {errors[worst]:.2e} ({worst})')
        bad |= errors[worst] > 1e-6 or set(golden) != set(solution)
    if bad:
        sys.exit(1)
    save_file({n: w.to(torch.float32).contiguous() for n, w in solution.items()}, args.out)


if __name__ == '__main__':
    main()
