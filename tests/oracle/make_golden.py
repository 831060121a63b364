#!/usr/bin/env python3
"""Makes the golden files of tests/golden: what the C tests compare with where there is no Python. Under 300 KB in all.

    make_golden.py MODEL LORAS DATA SAMPLES tests/golden --scratch DIR

MODEL, LORAS, DATA: the shipped demo (data/demo/model …). SAMPLES: WORK/samples of any merge of it, for the drawn rows, which are
recorded: where the draw changes, these files must be made again. Run it from the repository's root. Everything is computed in float64
PyTorch and stored as float32. Written are

  demo/states.{json,safetensors}     4 texts: every block's output at the first, middle and last row of each; base and one adapter
  demo/solutions.{json,safetensors}  A of some modules' ΔW = [B_1 … B_N] A, B the adapters' own in the order of "tasks"; sweep, regmean,
                                     and "given": the sweep over the rows' own answers
  demo/eval.json                     greedy texts, accuracies and losses of base, each adapter and the average on all test rows
  relu-tied/                         a random model that the demo is not: relu, tied output, d_kv·heads ≠ d_model, F16, 8 buckets; an adapter of
                                     all linears with use_rslora, rank_pattern and alpha_pattern; states as above
"""
import argparse
import json
import os
import types

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import T5Config, T5ForConditionalGeneration

import merge_reference
import oracle

ADAPTER = 'isear'  # longest texts
TASKS = ['emoint', 'emotion-cause', 'tec', 'isear']
LOGIT_ROWS = 2


def write_json(path, value):
    with open(path, 'w', encoding='utf-8') as f:
        json.dump(value, f, separators=(',', ':'))
        f.write('\n')


def kept_rows(sequences):
    """Row numbers, over all sequences laid end to end: first, middle and last of each."""
    rows, first = set(), 0
    for s in sequences:
        rows |= {first, first + len(s) // 2, first + len(s) - 1}
        first += len(s)
    return sorted(rows)


def states(folder, model_dir, adapters, enc, dec):
    """adapters: {name in the file: folder or None}"""
    rows, tensors = {'encoder': kept_rows(enc), 'decoder': kept_rows(dec)}, {}
    rows['logits'] = rows['decoder'][-LOGIT_ROWS:]
    for name, adapter in adapters.items():
        for place, x in oracle.block_outputs(oracle.load(model_dir, adapter), enc, dec).items():
            tensors[f'{name}.{place}'] = torch.cat(x)[rows[place.split('.')[0]]].to(torch.float32).contiguous()
    save_file(tensors, os.path.join(folder, 'states.safetensors'))
    write_json(os.path.join(folder, 'states.json'), {'encoder': enc, 'decoder': dec, 'rows': rows})


def demo_states(args, folder):
    sp = oracle.tokenizer(args.model)
    enc, dec = [], []
    for task in TASKS:
        row = oracle.read_json(f'{args.data}/{task}/test.json')[3]
        enc.append(oracle.encode(sp, row['instruction']))
        dec.append([0] + oracle.encode(sp, row['output'])[:-1])
    dec[1].append(dec[1][-1])  # one of three rows
    states(folder, args.model, {'base': None, ADAPTER: f'{args.loras}/{ADAPTER}'}, enc, dec)


def solutions(args, folder):
    B, tensors = {}, {}
    for t in TASKS:
        model = oracle.load(args.model, f'{args.loras}/{t}')
        for name, module in model.named_modules():
            if hasattr(module, 'lora_B') and len(module.lora_B):
                B.setdefault(name.removeprefix('base_model.model.'), []).append(module.lora_B['default'].weight.detach())
    names = sorted(B)
    last = max(n for n in names if n.startswith('encoder'))
    chosen = {'sweep': [names[0], names[2], names[-1], last, max(n for n in names if 'EncDecAttention.v' in n),
                        max(n for n in names if 'EncDecAttention.q' in n)]}
    chosen['regmean'] = chosen['sweep'][1:5:2]
    chosen['given'] = [n for n in chosen['sweep'] if n.startswith('decoder')][:2]
    rows = {}
    for method, wanted in chosen.items():
        found, _ = merge_reference.merge(types.SimpleNamespace(
            model=args.model, loras=args.loras, data=args.data, method='sweep' if method == 'given' else method,
            samples=args.samples, alpha=8e-5, answers='given' if method == 'given' else 'generated'))
        save_file({n: w.to(torch.float32).contiguous() for n, w in found.items()}, os.path.join(args.scratch, method + '.safetensors'))
        for n in dict.fromkeys(wanted):
            b = torch.cat(B[n], 1)
            a = torch.linalg.lstsq(b, found[n]).solution
            assert (b @ a - found[n]).norm() < 1e-9 * found[n].norm(), n
            tensors[f'{method}.{n}'] = a.to(torch.float32).contiguous()
    for t in TASKS:
        rows[t] = oracle.sample_rows(args.data, t, args.samples)
    save_file(tensors, os.path.join(folder, 'solutions.safetensors'))
    write_json(os.path.join(folder, 'solutions.json'), {'tasks': TASKS, 'rows': rows})


def evaluations(args, folder):
    """texts: indices into one list; rows whose two largest logits are closer than a tie at any step are listed."""
    sp, texts, models = oracle.tokenizer(args.model), {}, {}
    average = merge_reference.merge(types.SimpleNamespace(model=args.model, loras=args.loras, data=args.data, method='average'))[0]
    for name in ['base', 'merged'] + ['adapters/' + t for t in TASKS]:
        model = oracle.load(args.model, f'{args.loras}/{name[9:]}' if name.startswith('adapters/') else None)
        if name == 'merged':
            for n, w in average.items():
                dict(model.named_modules())[n].weight.add_(w)
        for t in TASKS:
            got = oracle.evaluate(model, sp, oracle.read_json(f'{args.data}/{t}/test.json'))
            text = [sp.decode([i for i in r['ids'] if i > 1]) for r in got['rows']]
            models.setdefault(name, {})[t] = {
                'accuracy': round(got['accuracy'], 9), 'loss': round(got['loss'], 9),
                'ties': [i for i, r in enumerate(got['rows']) if min(r['gaps']) < oracle.TIE],
                'text': [texts.setdefault(x, len(texts)) for x in text]}
            print(name, t, f'{got["accuracy"]:.4f}', flush=True)
    write_json(os.path.join(folder, 'eval.json'), {'texts': list(texts), 'models': models})


def relu_tied(folder):
    torch.manual_seed(7)
    torch.set_grad_enabled(True)
    config = T5Config(vocab_size=32, d_model=24, d_kv=8, d_ff=40, num_layers=2, num_decoder_layers=1, num_heads=2,
                      relative_attention_num_buckets=8, relative_attention_max_distance=20, feed_forward_proj='relu',
                      tie_word_embeddings=True, dropout_rate=0.0, decoder_start_token_id=0, layer_norm_epsilon=1e-5)
    model = T5ForConditionalGeneration(config)
    for p in model.parameters():
        p.data = (torch.randn_like(p) * (0.25 if p.dim() > 1 else 0.1) + (p.dim() == 1)).half().float()
    model.half().save_pretrained(folder)
    lora = get_peft_model(model.float(), LoraConfig(task_type='SEQ_2_SEQ_LM', r=2, lora_alpha=3, target_modules=['q', 'k', 'v', 'o', 'wi', 'wo'],
                                                    use_rslora=True, rank_pattern={'SelfAttention.q': 3, 'decoder.block.0.layer.2.DenseReluDense.wo': 1},
                                                    alpha_pattern={'EncDecAttention.k': 5}, init_lora_weights=False))
    for n, p in lora.named_parameters():
        if 'lora_' in n:
            p.data = torch.randn_like(p) * 0.2
    lora.save_pretrained(f'{folder}/adapter')
    torch.set_grad_enabled(False)
    written = oracle.read_json(f'{folder}/adapter/adapter_config.json')
    with open(f'{folder}/adapter/adapter_config.json', 'w', encoding='utf-8') as f:  # PEFT writes a set, in any order
        json.dump({**written, 'target_modules': sorted(written['target_modules'])}, f, indent=1)
        f.write('\n')
    for name in f'{folder}/generation_config.json', f'{folder}/adapter/README.md':
        if os.path.exists(name):
            os.remove(name)
    states(folder, folder, {'base': None, 'adapter': f'{folder}/adapter'},
           [[5, 9, 31, 2, 1], list(range(2, 30)) + [1], [1], [4] * 40], [[0, 7], [0], [0, 3, 3, 8, 20, 11, 12, 13, 14, 30], [0, 31, 2]])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in 'model', 'loras', 'data', 'samples', 'out':
        p.add_argument(name)
    p.add_argument('--scratch', required=True, help='folder for the whole dense solutions (sweep.safetensors, regmean.safetensors)')
    args = p.parse_args()
    os.makedirs(f'{args.out}/demo', exist_ok=True)
    os.makedirs(f'{args.out}/relu-tied', exist_ok=True)
    relu_tied(f'{args.out}/relu-tied')
    demo_states(args, f'{args.out}/demo')
    solutions(args, f'{args.out}/demo')
    evaluations(args, f'{args.out}/demo')


if __name__ == '__main__':
    main()
