#!/usr/bin/env python3
"""The merge of a decoder-only model's adapters in float64 PyTorch: sweep, regmean, jacobi and average, answers given.

    merge_decoder.py MODEL LORAS DATA METHOD OUT.safetensors [--tasks a,b] [--iterations 2] [--alpha 8e-5] [--manual 1,-0.5,…] [--layers K]
                     [--drift] [--correct o_proj,down_proj] [--correct-ridge 1e-2] [--correct-rank R] [--merge-rank R]
                     [--golden FILE [--factors B.safetensors]] [--prompt '{instruction}'] [--answer '{output}'] [--eos 2]

Rows: those of train.json that samples.json names, or the first 60; their prompt_ids and answer_ids, or their texts by the templates
and the model's tokenizer.json. Every position that is an input counts. A task whose adapter does not target a module has ΔW_t = 0
there and its own rows. --drift and --correct: the keys of that name (fit.py). --merge-rank: of the changes that they cut. OUT holds each module's dense ΔW (d_out, d_in), float32.
Everything is dense, every site runs the whole model again, and PEFT computes the adapters' ΔW: no shortcut is shared with the tools.
--layers K works on the first K layers only: their solutions do not depend on what follows. --golden compares with dense ΔW per module,
or with "<module>.A" where --factors names a file of "<module>.B"; status 1 where the worst module differs by more than 1e-4.
"""
import argparse
import os
import sys

import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file

import decoder
from fit import Correction, correction_arguments

BAR = 1e-4  # of --golden: such files may come of float32 rows


def task_names(loras):
    return sorted(t for t in os.listdir(loras) if os.path.exists(os.path.join(loras, t, 'adapter_config.json')))


def load(folder, layers=None, dtype=torch.float64):
    model = decoder.load(folder, dtype)
    if layers:
        model.model.layers = model.model.layers[:layers]
        model.config.num_hidden_layers = layers
    return model


def deltas(folder, adapter, layers=None, dtype=torch.float64):
    """{module: dense ΔW} as PEFT computes it. An adapter without a linear in the first `layers` has none."""
    model = PeftModel.from_pretrained(load(folder, dtype=dtype), adapter, autocast_adapter_dtype=False).to(dtype)
    kept = {f'model.layers.{i}.' for i in range(layers)} if layers else {'model.layers.'}
    return {name: module.get_delta_weight('default').detach().clone() for name, module in model.get_base_model().named_modules()
            if hasattr(module, 'lora_A') and any(name.startswith(k) for k in kept)}


def inputs_of(data, task, text, number=60):
    """Token ids of the calibration rows: prompt and answer, but for the last token."""
    train = decoder.read_json(os.path.join(data, task, 'train.json'))
    samples = os.path.join(data, task, 'samples.json')
    rows = [train[i] for i in decoder.read_json(samples)] if os.path.exists(samples) else train[:number]
    return [sum(text.encode(row), [])[:-1] for row in rows]


class Done(Exception):
    pass


class Patched:
    """One model whose weights are W0 + whatever change was set last."""

    def __init__(self, model):
        self.model, self.modules, self.base = model, dict(model.named_modules()), {}

    def weight(self, name):
        """W0"""
        return self.base.get(name, self.modules[name].weight.detach())

    def set(self, name, delta):
        weight = self.modules[name].weight
        self.base.setdefault(name, weight.detach().clone())
        weight.data = self.base[name] + delta

    def reset(self):
        for name, weight in self.base.items():
            self.modules[name].weight.data = weight.clone()

    def rows(self, name, sequences):
        """X (P, d_in): the module's input for all sequences; the model stops there."""
        found, grabbed = [None] * len(sequences), []

        def hook(module, args):
            grabbed.append(args[0].detach())
            raise Done

        handle = self.modules[name].register_forward_pre_hook(hook)
        for batch in decoder.batches(self.model, sequences):
            try:
                self.model(input_ids=decoder.padded([sequences[i] for i in batch]), use_cache=False)
            except Done:
                x = grabbed.pop()
                for k, i in enumerate(batch):
                    found[i] = x[k, :len(sequences[i])]
        handle.remove()
        return torch.cat(found)


def sites(model, targeted):
    """[[modules of one input]], in the order of the computation."""
    place = {linear: i for i, names in enumerate([('q_proj', 'k_proj', 'v_proj', 'qkv_proj'), ('o_proj',),
                                                 ('gate_proj', 'up_proj', 'gate_up_proj'), ('down_proj',)]) for linear in names}
    groups = {}
    for name in sorted(targeted):
        parts = name.split('.')
        groups.setdefault((int(parts[2]), place[parts[-1]]), []).append(name)
    return [groups[key] for key in sorted(groups)]


class Merge:
    def __init__(self, args, text, log=lambda line: None):
        self.args, self.text, self.log = args, text, log
        self.tasks = args.tasks.split(',') if args.tasks else task_names(args.loras)
        self.own = {t: deltas(args.model, os.path.join(args.loras, t), args.layers) for t in self.tasks}
        self.manual = [float(m) for m in args.manual.split(',')] if args.manual else None
        self.names = set().union(*self.own.values())
        self.merged = Patched(load(args.model, args.layers))
        self.correction = Correction(args, self.own)
        self.groups = sites(self.merged.model, self.names | set(self.correction.more(self.merged.modules)))

    def own_rows(self):
        """{task: {first module of a site: X}}"""
        model, X = Patched(load(self.args.model, self.args.layers)), {}
        self.sequences = {t: inputs_of(self.args.data, t, self.text) for t in self.tasks}
        for t in self.tasks:
            model.reset()
            for name, delta in self.own[t].items():
                model.set(name, delta)
            X[t] = {g[0]: model.rows(g[0], self.sequences[t]) for g in self.groups}
            self.log(f'{t}: {len(X[t][self.groups[0][0]])} rows')
        return X

    def fit(self, group, X, Xm):
        found = {}
        for name in group:
            W0 = self.merged.weight(name)
            D = [self.own[t].get(name, torch.zeros_like(W0)) for t in self.tasks]
            found[name] = self.correction.solve(name, W0, D, [X[t][group[0]] for t in self.tasks], Xm, self.manual)
        return found

    def sweep(self):
        X, solution = self.own_rows(), {}
        for group in self.groups:
            found = self.fit(group, X, [self.merged.rows(group[0], self.sequences[t]) for t in self.tasks])
            for name, delta in found.items():
                self.merged.set(name, delta)
            solution.update(found)
            self.log(group[0])
        return solution

    def jacobi(self, iterations):
        """The first iteration has X̃ = X: it is regmean. Without MATS, which starts at the third."""
        X, solution = self.own_rows(), {}
        for k in range(iterations):
            found = {}
            for group in self.groups:
                Xm = [self.merged.rows(group[0], self.sequences[t]) if k else X[t][group[0]] for t in self.tasks]
                found.update(self.fit(group, X, Xm))
            for name, delta in found.items():
                self.merged.set(name, delta)
            solution = found
            self.log(f'iteration {k + 1}')
        return solution

    def average(self):
        return {n: sum(self.own[t][n] for t in self.tasks if n in self.own[t]) / len(self.tasks) for n in self.names}

    def run(self):
        return {'sweep': self.sweep, 'average': self.average, 'regmean': lambda: self.jacobi(1),
                'jacobi': lambda: self.jacobi(self.args.iterations)}[self.args.method]()


def compare(solution, golden, factors):
    """The worst module's relative Frobenius difference; modules of the golden file that are not in the solution are left out."""
    want, worst = load_file(golden), (0.0, '')
    B = load_file(factors) if factors else None
    for name, W in sorted(solution.items()):
        w = B[name + '.B'].double() @ want[name + '.A'].double() if B else want[name].double()
        error = float((W - w).norm() / w.norm())
        print(f'{error:.1e}  {name}')
        worst = max(worst, (error, name))
    print(f'{len(solution)} modules, worst {worst[0]:.1e} ({worst[1]}), bar {BAR:.0e}')
    return worst[0] <= BAR


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in 'model', 'loras', 'data':
        p.add_argument(name)
    p.add_argument('method', choices=['sweep', 'regmean', 'jacobi', 'average'])
    p.add_argument('out')
    p.add_argument('--tasks', help='in this order; default: the names of the folders in LORAS, sorted')
    p.add_argument('--iterations', type=int, default=2)
    p.add_argument('--alpha', type=float, default=8e-5)
    p.add_argument('--manual', help='manual_ceof: 1,-0.5,… in the order of the tasks; default: 1 for each')
    p.add_argument('--layers', type=int)
    p.add_argument('--golden')
    p.add_argument('--factors')
    correction_arguments(p)
    decoder.text_arguments(p)
    args = p.parse_args()
    solution = Merge(args, decoder.text_of(args), lambda line: print(line, file=sys.stderr, flush=True)).run()
    save_file({n: w.to(torch.float32).contiguous() for n, w in solution.items()}, args.out)
    sys.exit(bool(args.golden) and not compare(solution, args.golden, args.factors))


if __name__ == '__main__':
    main()
