#!/usr/bin/env python3
"""The sweep (README, method sweep, features tokens) in PyTorch with transformers' own T5 layers, float32: its time, memory and result.

    sweep_torch.py --model DIR --loras DIR --data DIR [--threads N] [--samples N] [--drawn WORK/samples] [--max-new-tokens N]
        [--rows N] [--golden FILE.safetensors] [--out FILE.safetensors]

Written to be fast: the model is loaded once; two residual streams (each task's own model, and the merged one) go through it side by
side, one layer at a time, in batches of texts of like length; a layer's weights are set once per task and once for the merge; of a
site's rows one task's exist at a time, summed into Grams at once; solutions are found in factored form (float64 Cholesky, R
right-hand sides). The decoder reads the tokens that each task's own model generates from its encoder's output, found at the memory
site. Loading the model is timed apart.

Prints the seconds (in all, and by part) and the peak of resident memory. --golden compares with dense ΔW in a file: the bar is a relative
Frobenius difference of 1e-3 at the worst module, status 1 where it is missed. --rows: tokens of a batch, pads included.
"""
import argparse
import collections
import os
import sys
import time

import torch
from safetensors.torch import load_file, save_file
from transformers.modeling_outputs import BaseModelOutput

import fit
import merge_reference
import oracle

BAR = 1e-3
LAYER_OF_PLACE = {0: 0, 1: 0, 2: 1, 3: 1, 4: -1, 5: -1}  # merge_reference.sites' places


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in 'model', 'loras', 'data':
        p.add_argument('--' + name, required=True)
    p.add_argument('--alpha', type=float, default=8e-5)
    p.add_argument('--samples', type=int)
    p.add_argument('--drawn')
    p.add_argument('--max-length', type=int, default=100)
    p.add_argument('--max-new-tokens', type=int, default=3)
    p.add_argument('--rows', type=int, default=2000)
    p.add_argument('--threads', type=int, default=os.cpu_count())
    p.add_argument('--golden')
    p.add_argument('--out')
    return p.parse_args()


class Batch:
    """Some texts of one task. h: the residual streams by side, (n, T, D); memory: the encoder's outputs by side."""

    def __init__(self, task, enc):
        self.task = task
        self.enc_ids, self.enc_mask = oracle.padded(enc)
        self.memory = {}

    def start(self, embed, ids, mask):
        self.mask = mask.bool()
        self.h = {side: embed(ids) for side in ('own', 'merged')}


class Stop(Exception):
    """The rows are seen: the rest of the layer need not run."""


class Sweep:
    def __init__(self, args):
        self.args, self.seconds = args, collections.Counter()
        self.tasks, self.sp = oracle.task_names(args.loras), oracle.tokenizer(args.model)
        self.own = {t: oracle.factors(os.path.join(args.loras, t)) for t in self.tasks}
        self.names = sorted(set().union(*self.own.values()))
        self.model = oracle.load(args.model, dtype=torch.float32)
        self.modules = dict(self.model.named_modules())
        self.base = {n: self.modules[n].weight.detach().clone() for n in self.names}
        self.solution, self.batches = {}, []

    def timed(self, part, start):
        self.seconds[part] += time.time() - start

    def set_weights(self, names, task=None):
        """The task's own weights, or the merged ones as far as they are found."""
        for n in names:
            pair = self.solution.get(n) if task is None else self.own[task].get(n)
            if pair:
                torch.addmm(self.base[n], *pair, out=self.modules[n].weight.data)
            else:
                self.modules[n].weight.copy_(self.base[n])

    def bias(self, stack, T):
        """(1, heads, T, T), with the causal mask in the decoder."""
        bias = stack.block[0].layer[0].SelfAttention.compute_bias(T, T)
        return bias + torch.full((T, T), torch.finfo(bias.dtype).min).triu(1) if stack.is_decoder else bias

    def run(self, stack, layer, batch, side):
        """The layer's output for a batch."""
        hidden, low = batch.h[side], torch.finfo(torch.float32).min
        if hasattr(layer, 'DenseReluDense'):
            return layer(hidden)
        if hasattr(layer, 'EncDecAttention'):
            bias = (~batch.enc_mask.bool())[:, None, None] * low
            return layer(hidden, key_value_states=batch.memory[side], position_bias=bias)[0]
        bias = self.bias(stack, hidden.shape[1])
        return layer(hidden, position_bias=bias if stack.is_decoder else bias + (~batch.mask)[:, None, None] * low)[0]

    def site_rows(self, stack, layer, batch, side, module):
        """The input rows of that module, the layer run no further."""
        found = []

        def stop(m, args):
            found.append(args[0])
            raise Stop

        handle = module.register_forward_pre_hook(stop)
        try:
            self.run(stack, layer, batch, side)
        except Stop:
            pass
        handle.remove()
        return found[0][batch.mask]

    def solve_site(self, group, names, rows):
        """Grams over the batches, then every module of the group. rows(batch, side): (P, d_in), computed with modules `names`."""
        start, zero = time.time(), lambda: torch.zeros((self.base[group[0]].shape[1],) * 2)
        grams = {t: [zero() for _ in range(3)] for t in self.tasks}
        pending = {}
        for t in self.tasks:
            self.set_weights(names, t)
            for i, batch in self.of_task(t):
                pending[i] = rows(batch, 'own')
            self.set_weights(names)
            for i, batch in self.of_task(t):
                x, xm = pending.pop(i), rows(batch, 'merged')
                for G, a, b in zip(grams[t], (x, x, xm), (x, xm, xm)):
                    G.addmm_(a.T, b)
        self.timed('grams', start)
        start = time.time()
        for n in group:
            self.solution[n] = fit.factored(self.base[n], [self.own[t].get(n) for t in grams], grams.values(), self.args.alpha)
        self.timed('solves', start)

    def of_task(self, task):
        return [(i, b) for i, b in enumerate(self.batches) if b.task == task]

    def advance(self, stack, layer, names):
        start = time.time()
        for t in self.tasks:
            self.set_weights(names, t)
            for _, batch in self.of_task(t):
                batch.h['own'] = self.run(stack, layer, batch, 'own')
        self.set_weights(names)
        for batch in self.batches:
            batch.h['merged'] = self.run(stack, layer, batch, 'merged')
        self.timed('layers', start)

    def run_stack(self, stack, side, groups):
        """All layers of the encoder (side 0) or decoder (1)."""
        for b, block in enumerate(stack.block):
            for i, layer in enumerate(block.layer):
                names = [n for n in self.names if n.startswith(f'{("encoder", "decoder")[side]}.block.{b}.layer.{i}.')]
                for (s, of, place), group in groups:
                    if (s, of) == (side, b) and block.layer[LAYER_OF_PLACE[place]] is layer:
                        module = self.modules[self.anchor(group)]
                        self.solve_site(group, names, lambda batch, s: self.site_rows(stack, layer, batch, s, module))
                self.advance(stack, layer, names)

    def anchor(self, group):
        """The first module to be run that has the group's input."""
        parent, last = group[0].rsplit('.', 1)
        if last in ('k', 'v'):
            return parent + '.q'
        return parent + '.wi_0' if last == 'wi_1' else group[0]

    def encode(self, groups):
        encoder = self.model.encoder
        for t in self.tasks:
            texts = oracle.sample_sequences(self.sp, self.args.data, t, self.args.drawn, self.args.samples, self.args.max_length)
            for chosen in oracle.batches(texts, self.args.rows):
                batch = Batch(t, [texts[i] for i in chosen])
                batch.start(encoder.embed_tokens, batch.enc_ids, batch.enc_mask)
                self.batches.append(batch)
        self.run_stack(encoder, 0, groups)
        for batch in self.batches:
            batch.memory = {side: encoder.final_layer_norm(h) for side, h in batch.h.items()}
        for (s, b, _), group in groups:
            if (s, b) == (1, -1):
                self.solve_site(group, [], lambda batch, side: batch.memory[side][batch.mask])

    def generate(self):
        """Sets the batches up for the decoder: the start token, and what the task's own model generates but the last token."""
        start, config = time.time(), self.model.config
        decoder_names = [n for n in self.names if n.startswith('decoder')]
        for t in self.tasks:
            self.set_weights(decoder_names, t)
            for _, batch in self.of_task(t):
                out = self.model.generate(encoder_outputs=BaseModelOutput(batch.memory['own']), attention_mask=batch.enc_mask,
                                          do_sample=False, num_beams=1, max_new_tokens=self.args.max_new_tokens)
                dec = [row[:row.index(config.eos_token_id)] if config.eos_token_id in row else row[:-1] for row in out[:, 1:].tolist()]
                batch.start(self.model.decoder.embed_tokens, *oracle.padded([[config.decoder_start_token_id] + row for row in dec]))
        self.set_weights(decoder_names)
        self.timed('generation', start)

    def sweep(self):
        groups = merge_reference.sites(self.names)
        self.encode(groups)
        self.generate()
        self.run_stack(self.model.decoder, 1, groups)


def compare(solution, path):
    """The bar against dense ΔW in a file; True where it is missed."""
    want = load_file(path)
    errors = {n: float((B.double() @ A.double() - want[n]).norm() / want[n].norm()) for n, (B, A) in solution.items() if n in want}
    worst = max(errors, key=errors.get)
    print(f'{len(errors)} modules, worst relative difference from {path} {errors[worst]:.2e} ({worst}), bar {BAR:.0e}')
    return set(want) != set(solution) or not errors[worst] <= BAR


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    start = time.time()
    sweep = Sweep(args)
    loaded = time.time()
    sweep.sweep()
    end = time.time()
    print(f'sweep {end - loaded:.1f} s with {args.threads} threads (' + ', '.join(f'{part} {s:.1f}' for part, s in sweep.seconds.items()) +
          f'), loading {loaded - start:.1f} s, peak {oracle.peak_mb():.0f} MB; {len(sweep.names)} modules, {len(sweep.tasks)} tasks, '
          f'{sum(int(b.enc_mask.sum()) for b in sweep.batches)} encoder rows', flush=True)
    if args.out:
        save_file({n: B @ A for n, (B, A) in sweep.solution.items()}, args.out)
    sys.exit(bool(args.golden) and compare(sweep.solution, args.golden))


if __name__ == '__main__':
    main()
