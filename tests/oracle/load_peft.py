#!/usr/bin/env python3
"""The merged folder loads with PeftModel.from_pretrained, and its logits are our own.

    load_peft.py PRINT_STATES MODEL ADAPTER DATA [--rows 64] [--full WORK/model]

PRINT_STATES is the program built from print-states.c, ADAPTER the merge's WORK/adapter. Rows are taken evenly from the test sets. The
bar: max |ours − PEFT's| ≤ 1e-4 over the logits of all decoder rows, PEFT in float32 and, to tell whose error it is, in float64.
Also: every tensor of the file is float32 and PEFT took every one. --full: the same of the full model folder (SAVE=1), which transformers must load
with no tensor missing and none left over. Ends with status 1 where that is not so.
(Not peft.py: that name would hide the package.)
"""
import argparse
import os
import sys

import torch
from safetensors.torch import load_file
from transformers import T5ForConditionalGeneration

import oracle

BAR = 1e-4


def check_tensors(model, path):
    tensors, state = load_file(path), model.state_dict()
    bad = [n for n, t in tensors.items() if t.dtype != torch.float32]
    for name, t in tensors.items():
        inside = name.replace('.lora_A.weight', '.lora_A.default.weight').replace('.lora_B.weight', '.lora_B.default.weight')
        if inside not in state or not torch.equal(state[inside], t):
            bad.append(name)
    bad += [n for n in state if 'lora_' in n and n.replace('.default', '') not in tensors]
    print(f'{path}: {len(tensors)} tensors, {len(bad)} wrong {bad[:3]}')
    return not bad


def load_full(folder, dtype):
    """The full model, and whether every tensor found its place."""
    model, info = T5ForConditionalGeneration.from_pretrained(folder, dtype=dtype, attn_implementation='eager', output_loading_info=True)
    wrong = {k: v for k, v in info.items() if v}
    print(f'{folder}: ' + (f'loads, but {wrong}' if wrong else 'every tensor found its place'))
    return model.eval(), not wrong


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in 'print_states', 'model', 'adapter', 'data':
        p.add_argument(name)
    p.add_argument('--rows', type=int, default=64)
    p.add_argument('--full')
    args = p.parse_args()
    enc, dec = oracle.test_sequences(args.model, args.data, sorted(os.listdir(args.data)), args.rows)
    ours = oracle.our_states(args.print_states, args.model, args.adapter, enc, dec)['logits'].double()
    good = check_tensors(oracle.load(args.model, args.adapter, torch.float32), os.path.join(args.adapter, 'adapter_model.safetensors'))
    for dtype in torch.float32, torch.float64:
        models = {'PEFT': oracle.load(args.model, args.adapter, dtype)}
        if args.full:
            models['the full model'], complete = load_full(args.full, dtype)
            good &= complete
        for what, model in models.items():
            logits = torch.cat(oracle.block_outputs(model, enc, dec)['logits']).double()
            error = float((ours - logits).abs().max())
            good &= error <= BAR
            print(f'{len(enc)} rows, logits {tuple(logits.shape)} up to {float(logits.abs().max()):.1f}: '
                  f'largest difference from {what} in {dtype} {error:.2e}, bar {BAR:.0e}')
    sys.exit(not good)


if __name__ == '__main__':
    main()
