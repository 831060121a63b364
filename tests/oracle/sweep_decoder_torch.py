#!/usr/bin/env python3
"""The sweep of a decoder-only model, answers given, in PyTorch with transformers' own layers: its time, memory and result.

    sweep_decoder_torch.py MODEL LORAS DATA [--tasks a,b] [--dtype float32|bfloat16] [--threads N] [--rows 2000] [--layers K]
                           [--golden FILE --factors B.safetensors] [--out FILE.safetensors]

Written to be fast: the model is loaded once; each task's own residual stream and the merged one go through it side by side, one layer
at a time, in batches of texts of like length; no part of a layer is computed twice; solutions are found in factored form (float64
Cholesky, R right-hand sides). With bfloat16 the weights, streams and products of the layers are bfloat16, and the Grams float32.
Rows are those of merge_decoder.py. Llama, Mistral, Qwen2 and Qwen3 with full attention. Loading is timed apart.

Prints the seconds, in all and by part, and the peak of resident memory. --golden: the bar is a relative Frobenius difference of 1e-3 at
the worst module, status 1 where it is missed. --layers K: the first K layers only.
"""
import argparse
import collections
import os
import sys
import time

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

import decoder
import fit
import merge_decoder
import oracle

BAR = 1e-3
GROUPS = {'self': ('self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj'), 'out': ('self_attn.o_proj',),
          'ffn': ('mlp.gate_proj', 'mlp.up_proj'), 'down': ('mlp.down_proj',)}


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in 'model', 'loras', 'data':
        p.add_argument(name)
    p.add_argument('--tasks')
    p.add_argument('--alpha', type=float, default=8e-5)
    p.add_argument('--dtype', choices=['float32', 'bfloat16'], default='float32')
    p.add_argument('--rows', type=int, default=2000, help='tokens of a batch, pads included')
    p.add_argument('--threads', type=int, default=os.cpu_count())
    p.add_argument('--layers', type=int)
    p.add_argument('--golden')
    p.add_argument('--factors')
    p.add_argument('--out')
    decoder.text_arguments(p)
    return p.parse_args()


class Batch:
    """Some texts of one task, with the residual streams of both sides."""

    def __init__(self, model, task, sequences):
        self.task, ids = task, decoder.padded(sequences)
        self.real = torch.tensor([[j < len(s) for j in range(ids.shape[1])] for s in sequences])
        h = model.model.embed_tokens(ids)
        self.h = {'own': h, 'merged': h}
        self.rotation = model.model.rotary_emb(h, torch.arange(ids.shape[1])[None])


class Sweep:
    def __init__(self, args):
        self.args, self.seconds, self.solution = args, collections.Counter(), {}
        self.tasks = args.tasks.split(',') if args.tasks else merge_decoder.task_names(args.loras)
        self.own = {t: oracle.factors(os.path.join(args.loras, t)) for t in self.tasks}
        self.dtype = getattr(torch, args.dtype)
        self.model = AutoModelForCausalLM.from_pretrained(args.model, dtype=self.dtype, attn_implementation='sdpa').eval()
        self.layers = self.model.model.layers[:args.layers]
        text = decoder.text_of(args)
        self.batches = []
        for t in self.tasks:
            sequences = merge_decoder.inputs_of(args.data, t, text)
            for chosen in decoder.batches(self.model, sequences, args.rows):
                self.batches.append(Batch(self.model, t, [sequences[i] for i in chosen]))

    def begin_layer(self, number):
        self.layer, self.prefix = self.layers[number], f'model.layers.{number}.'
        modules = dict(self.layer.named_modules())
        self.linear = {n: modules[n] for group in GROUPS.values() for n in group}
        self.base = {n: m.weight.detach().to(torch.float32) for n, m in self.linear.items()}

    def set_weights(self, names, task):
        """The task's own weights (task None: the merged ones as far as they are found)."""
        for n in names:
            pair = (self.own[task] if task else self.solution).get(self.prefix + n)
            self.linear[n].weight = torch.nn.Parameter((torch.addmm(self.base[n], *pair) if pair else self.base[n]).to(self.dtype), False)

    def steps(self, batch, side):
        """Yields (site, input (n, T, d)), each computed when the last site's linears may have new weights; then the layer is done."""
        layer, h = self.layer, batch.h[side]
        z = layer.input_layernorm(h)
        yield 'self', z
        o, layer.self_attn.o_proj = layer.self_attn.o_proj, torch.nn.Identity()
        rows = layer.self_attn(z, position_embeddings=batch.rotation, attention_mask=None)[0]
        layer.self_attn.o_proj = o
        yield 'out', rows
        h = h + o(rows)
        z = layer.post_attention_layernorm(h)
        yield 'ffn', z
        rows = layer.mlp.act_fn(layer.mlp.gate_proj(z)) * layer.mlp.up_proj(z)
        yield 'down', rows
        batch.h[side] = h + layer.mlp.down_proj(rows)

    def own_rows(self):
        """{site: a list of (P, d), by batch}"""
        start, found = time.time(), {site: [] for site in GROUPS}
        for t in self.tasks:
            self.set_weights(self.linear, t)
            for batch in self.batches:
                if batch.task == t:
                    for site, x in self.steps(batch, 'own'):
                        found[site].append(x[batch.real])
        self.seconds['own'] += time.time() - start
        return found

    def grams(self, own, merged):
        start, grams = time.time(), {}
        for batch, x, xm in zip(self.batches, own, merged):
            x, xm = x.to(torch.float32), xm[batch.real].to(torch.float32)
            sums = grams.setdefault(batch.task, [torch.zeros(x.shape[1], x.shape[1]) for _ in range(3)])
            for G, a, b in zip(sums, (x, x, xm), (x, xm, xm)):
                G.addmm_(a.T, b)
        self.seconds['grams'] += time.time() - start
        return grams

    def fit_site(self, site, own, merged):
        grams, start = self.grams(own, merged), time.time()
        for n in GROUPS[site]:
            pairs = [self.own[t].get(self.prefix + n) for t in self.tasks]
            if any(pairs):
                self.solution[self.prefix + n] = fit.factored(self.base[n], pairs, [grams[t] for t in self.tasks], self.args.alpha)
        self.set_weights(GROUPS[site], None)
        self.seconds['solves'] += time.time() - start

    def run_layer(self, number):
        self.begin_layer(number)
        own = self.own_rows()
        runs = [self.steps(batch, 'merged') for batch in self.batches]
        for site in GROUPS:
            start = time.time()
            merged = [next(run)[1] for run in runs]
            self.seconds['merged'] += time.time() - start
            self.fit_site(site, own.pop(site), merged)
        for run in runs:
            next(run, None)

    def sweep(self):
        for number in range(len(self.layers)):
            self.run_layer(number)


def compare(solution, args):
    A, B = load_file(args.golden), load_file(args.factors)
    errors = {}
    for n, (b, a) in solution.items():
        want = B[n + '.B'].double() @ A[n + '.A'].double()
        errors[n] = float((b.double() @ a.double() - want).norm() / want.norm())
    worst = max(errors, key=errors.get)
    print(f'{len(errors)} modules, worst relative difference {errors[worst]:.2e} ({worst}), bar {BAR:.0e}')
    return not errors[worst] <= BAR


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    start = time.time()
    sweep = Sweep(args)
    loaded = time.time()
    sweep.sweep()
    end = time.time()
    print(f'{args.dtype}: sweep {end - loaded:.1f} s with {args.threads} threads ('
          + ', '.join(f'{part} {s:.1f}' for part, s in sweep.seconds.items())
          + f'), loading {loaded - start:.1f} s, peak {oracle.peak_mb():.0f} MB; {len(sweep.solution)} modules, '
          f'{len(sweep.layers)} layers, {sum(int(b.real.sum()) for b in sweep.batches)} rows', flush=True)
    if args.out:
        save_file({n: B @ A for n, (B, A) in sweep.solution.items()}, args.out)
    sys.exit(bool(args.golden) and compare(sweep.solution, args))


if __name__ == '__main__':
    main()
