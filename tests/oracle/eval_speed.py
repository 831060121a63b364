#!/usr/bin/env python3
"""Rows per second of greedy generation with other runtimes on the same model and texts, and where their output differs from the tools'.

    eval_speed.py --model DIR [--adapter DIR] [--loras DIR] --data DIR [--rows 96] [--predictions WORK/predictions]
        [--runtimes transformers-float32,transformers-bfloat16,ctranslate2-float32,ctranslate2-int8] [--threads N]

--rows test rows of the tasks together, evenly spread, are sorted by length and run in batches of 16, 3 new tokens each. --adapter (a
merge's WORK/adapter) is fused into the model first. The tasks are the folders of --loras, or else those of --data. CTranslate2 (pip
install ctranslate2) gets the model converted by its own converter, in a temporary folder. Every runtime has a process of its own;
loading, converting and one batch to warm up are not timed.

A line per runtime:
- rows per second, seconds, processor seconds of all threads, and peak resident memory (of loading too);
- rows whose ids differ from transformers float32 (where that is among them), in the first token and anywhere;
- rows whose first piece and whose text differ from the tools' --predictions (T.jsonl as eval-emotion writes them for this model: ids
  that are no pieces print as nothing there and here);
- with --predictions, how far the gap between the two largest first logits is from the tools' at most, for transformers, whose logits
  are at hand.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

RUNTIMES = ['transformers-float32', 'transformers-bfloat16', 'ctranslate2-float32', 'ctranslate2-int8']
BATCH, NEW = 16, 3


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--model', required=True)
    p.add_argument('--adapter')
    p.add_argument('--loras')
    p.add_argument('--data', required=True)
    p.add_argument('--rows', type=int, default=96)
    p.add_argument('--max-length', type=int, default=100)
    p.add_argument('--predictions')
    p.add_argument('--runtimes', type=lambda s: s.split(','), default=RUNTIMES)
    p.add_argument('--threads', type=int, default=os.cpu_count())
    args = p.parse_args()
    if set(args.runtimes) - set(RUNTIMES):
        p.error(f'--runtimes: expected some of {",".join(RUNTIMES)}')
    return args


# What runs in processes of its own: each takes the job and returns what goes into its result. Only they import what they need.

def fuse(job):
    import shutil
    import oracle
    oracle.load(job['model'], job['adapter'], oracle.torch.float32, fused=True).save_pretrained(job['folder'])
    shutil.copy(os.path.join(job['model'], 'spiece.model'), job['folder'])
    return {}


def convert(job):
    """Its own converter, but for the tokenizer: one that names every id of the output once."""
    import oracle
    from ctranslate2.converters import TransformersConverter

    class Tokenizer:
        pad_token, eos_token, unk_token = '<pad>', '</s>', '<unk>'

        def __init__(self, folder):
            sp, n = oracle.tokenizer(folder), oracle.read_json(os.path.join(folder, 'config.json'))['vocab_size']
            self.tokens = [sp.id_to_piece(i) if i < sp.vocab_size() else f'<id {i}>' for i in range(n)]

        def get_vocab(self):
            return {token: i for i, token in enumerate(self.tokens)}

        def convert_ids_to_tokens(self, i):
            return self.tokens[i]

    class Converter(TransformersConverter):
        def load_tokenizer(self, tokenizer_class, folder, **kwargs):
            return Tokenizer(folder)

    Converter(job['model']).convert(job['folder'], quantization=job['type'])
    with open(os.path.join(job['folder'], 'tokens.json'), 'w', encoding='utf-8') as f:
        json.dump(Tokenizer(job['model']).tokens, f)
    return {}


def timed(job, run):
    """run(list of token id lists) gives [(ids, gap)]; the rows come sorted by length."""
    rows, out = job['rows'], []
    run(rows[:BATCH])
    start, processor = time.time(), time.process_time()
    for first in range(0, len(rows), BATCH):
        out += run(rows[first:first + BATCH])
    return {'seconds': time.time() - start, 'processor': time.process_time() - processor,
            'ids': [ids for ids, _ in out], 'gaps': [gap for _, gap in out]}


def transformers(job):
    import oracle
    torch = oracle.torch
    torch.set_num_threads(job['threads'])
    model = oracle.load(job['model'], dtype=getattr(torch, job['type']))

    def run(rows):
        ids, mask = oracle.padded(rows)
        got = model.generate(input_ids=ids, attention_mask=mask, do_sample=False, num_beams=1, max_new_tokens=NEW,
                             output_logits=True, return_dict_in_generate=True)
        top = got.logits[0].to(torch.float32).topk(2).values
        return list(zip(got.sequences[:, 1:].tolist(), (top[:, 0] - top[:, 1]).tolist()))

    return timed(job, run)


def ctranslate2(job):
    sys.modules['torch'] = None  # its converters would import it, and that memory is no part of the runtime
    import ctranslate2 as runtime
    with open(os.path.join(job['folder'], 'tokens.json'), encoding='utf-8') as f:
        tokens = json.load(f)
    number = {token: i for i, token in enumerate(tokens)}
    translator = runtime.Translator(job['folder'], device='cpu', compute_type=job['type'], inter_threads=1, intra_threads=job['threads'])

    def run(rows):
        got = translator.translate_batch([[tokens[i] for i in ids] for ids in rows], beam_size=1, max_decoding_length=NEW)
        return [([number[token] for token in g.hypotheses[0]], None) for g in got]

    return timed(job, run)


def worker(name, path):
    with open(path, encoding='utf-8') as f:
        job = json.load(f)
    result = {'fuse': fuse, 'convert': convert, 'transformers': transformers, 'ctranslate2': ctranslate2}[name](job)
    with open('/proc/self/status', encoding='ascii') as f:
        result['peak'] = next(int(line.split()[1]) * 1024 / 1e6 for line in f if line.startswith('VmHWM:'))
    with open(path, 'w', encoding='utf-8') as f:
        json.dump(result, f)


def apart(name, job):
    """worker() in a process of its own."""
    with tempfile.NamedTemporaryFile('w', suffix='.json', encoding='utf-8') as f:
        json.dump(job, f)
        f.flush()
        environment = dict(os.environ, OMP_NUM_THREADS=str(job['threads']))
        done = subprocess.run([sys.executable, os.path.abspath(__file__), '--worker', name, f.name], env=environment)
        if done.returncode:
            sys.exit(f'eval_speed.py: {name} failed')
        with open(f.name, encoding='utf-8') as g:
            return json.load(g)


def main():
    args = arguments()
    import oracle
    sp, tasks = oracle.tokenizer(args.model), oracle.task_names(args.loras) if args.loras else sorted(os.listdir(args.data))
    rows, ours = [], []
    for t in tasks:
        test, lines = oracle.read_json(os.path.join(args.data, t, 'test.json')), None
        if args.predictions:
            with open(os.path.join(args.predictions, t + '.jsonl'), encoding='utf-8') as f:
                lines = [json.loads(line) for line in f]
            if len(lines) != len(test):
                sys.exit(f'{f.name}: {len(lines)} lines, expected {len(test)}')
        for i in oracle.spread(range(len(test)), args.rows // len(tasks)):
            rows.append(oracle.encode(sp, test[i]['instruction'], args.max_length))
            ours.append(lines[i] if lines else None)
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    rows, ours = [rows[i] for i in order], [ours[i] for i in order]
    print(f'{len(rows)} rows of {len(tasks)} tasks, {sum(map(len, rows)) / len(rows):.1f} tokens on average, {NEW} new tokens, '
          f'batches of {BATCH}, {args.threads} threads', flush=True)

    def cut(ids):
        """Without </s> and what comes after."""
        return ids[:ids.index(1)] if 1 in ids else ids

    def text(ids):
        return sp.decode([i for i in ids if i < sp.vocab_size() and not sp.is_control(i)])

    def differ(a, b):
        return sum(x != y for x, y in zip(a, b))

    results = {}
    with tempfile.TemporaryDirectory() as folder:
        model = args.model
        if args.adapter:
            model = os.path.join(folder, 'fused')
            apart('fuse', {'model': args.model, 'adapter': args.adapter, 'folder': model, 'threads': args.threads})
        print('runtime                rows/s  seconds  cpu s  peak MB' + '   ids differ from float32: first  any' +
              ('   from the tools: first piece  text  gap' if args.predictions else ''))
        for name in args.runtimes:
            runtime, kind = name.split('-')
            job = {'model': model, 'type': kind, 'rows': rows, 'threads': args.threads, 'folder': os.path.join(folder, name)}
            if runtime == 'ctranslate2':
                apart('convert', job)
            got = results[name] = apart(runtime, job)
            ids = [cut(i) for i in got['ids']]
            line = f'{name:22} {len(rows) / got["seconds"]:6.1f} {got["seconds"]:8.2f} {got["processor"]:6.2f}'
            line += f' {got["peak"]:8.0f}'
            base = [cut(i) for i in results['transformers-float32']['ids']] if 'transformers-float32' in results else None
            line += f' {differ([i[:1] for i in ids], [i[:1] for i in base]):32} {differ(ids, base):4}' if base else ' ' * 37
            if args.predictions:
                texts, want = [text(i) for i in ids], [o['text'] for o in ours]
                line += f' {differ([sp.encode(t)[:1] for t in texts], [sp.encode(t)[:1] for t in want]):29} {differ(texts, want):5}'
                line += f' {max(abs(g - o["logit_gap"]) for g, o in zip(got["gaps"], ours)):9.2g}' if runtime == 'transformers' else ''
            print(line, flush=True)
    if args.predictions:
        print(f'{sum(not o["text"] for o in ours)} of {len(ours)} texts of the tools are empty')


if __name__ == '__main__':
    if len(sys.argv) == 4 and sys.argv[1] == '--worker':
        worker(sys.argv[2], sys.argv[3])
    else:
        main()
