#!/usr/bin/env python3
"""What transformers makes of model folders in which two keys, tensors or files say different things.

    heads.py MODEL ADAPTER TEST [--rows 12] [--only NAME] [--threads 1]

MODEL: the shipped demo (data/demo/model). Each case is a copy of it with changed config files and tensors. One line a case on standard
output: its name, the loss per label token of the first rows of TEST, the ids that generate() gives for row 0, and their text. Runs with
transformers 4.57 and with 5.x: tests/golden/heads.4.tsv and heads.5.tsv are the output; tests/cli/models.sh makes the same folders by
vary-model.
"""
import argparse
import json
import os
import shutil
import tempfile
import warnings

import sentencepiece
import torch
import transformers
from peft import PeftModel
from safetensors.torch import load_file, save_file

SHARED, HEAD, ENC, DEC = 'shared.weight', 'lm_head.weight', 'encoder.embed_tokens.weight', 'decoder.embed_tokens.weight'
GONE = object()  # the key is taken out

# name: (keys of config.json, keys of generation_config.json, changed tensors {new name: source, or None to drop; source~: halved})
CASES = {
    'as-shipped': ({}, {}, {}),
    'resaved-5.24': ({'tie_word_embeddings': True, 'scale_decoder_outputs': False}, {}, {}),
    'resaved-5.0': ({'tie_word_embeddings': True, 'scale_decoder_outputs': True}, {}, {}),
    'tie-true': ({'tie_word_embeddings': True}, {}, {}),
    'tie-absent': ({'tie_word_embeddings': GONE}, {}, {}),
    'tie-null': ({'tie_word_embeddings': None}, {}, {}),
    'tie-absent-scale-false': ({'tie_word_embeddings': GONE, 'scale_decoder_outputs': False}, {}, {}),
    'tie-false-scale-true': ({'scale_decoder_outputs': True}, {}, {}),
    'tie-false-scale-false': ({'scale_decoder_outputs': False}, {}, {}),
    'no-head-tie-true': ({'tie_word_embeddings': True}, {}, {HEAD: None}),
    'no-head-tie-absent': ({'tie_word_embeddings': GONE}, {}, {HEAD: None}),
    'no-head-scale-false': ({'tie_word_embeddings': True, 'scale_decoder_outputs': False}, {}, {HEAD: None}),
    'no-head-tie-false': ({}, {}, {HEAD: None}),
    'no-head-tie-false-scale-true': ({'scale_decoder_outputs': True}, {}, {HEAD: None}),
    'equal-head-tie-true': ({'tie_word_embeddings': True}, {}, {HEAD: SHARED}),
    'equal-head-tie-false': ({}, {}, {HEAD: SHARED}),
    'equal-head-scale-false': ({'tie_word_embeddings': True, 'scale_decoder_outputs': False}, {}, {HEAD: SHARED}),
    'embeddings-three': ({}, {}, {ENC: SHARED, DEC: SHARED}),
    'embeddings-encoder': ({}, {}, {ENC: SHARED, SHARED: None}),
    'embeddings-decoder': ({}, {}, {DEC: SHARED, SHARED: None}),
    'embeddings-both': ({}, {}, {ENC: SHARED, DEC: SHARED, SHARED: None}),
    'embeddings-encoder-tied': ({'tie_word_embeddings': True}, {}, {ENC: SHARED, SHARED: None, HEAD: None}),
    'embeddings-encoder-unequal': ({}, {}, {ENC: SHARED + '~'}),
    'embeddings-decoder-unequal': ({}, {}, {DEC: SHARED + '~'}),
    'embeddings-none': ({'tie_word_embeddings': True}, {}, {SHARED: None}),
    'tie-encoder-decoder': ({'tie_encoder_decoder': True}, {}, {}),
    'start-in-generation': ({}, {'decoder_start_token_id': 5}, {}),
    'start-in-config': ({'decoder_start_token_id': 5}, {}, {}),
    'start-in-config-alone': ({'decoder_start_token_id': 5}, GONE, {}),
    'eos-list': ({}, {'eos_token_id': [1, 43]}, {}),
    'eos-list-config': ({'eos_token_id': [1, 43]}, GONE, {}),
    'eos-list-config-against': ({'eos_token_id': [1, 43]}, {}, {}),
    'eos-absent-in-generation': ({}, {'eos_token_id': GONE}, {}),
    'start-absent-in-generation': ({'decoder_start_token_id': 5}, {'decoder_start_token_id': GONE}, {}),
    'start-absent-in-config': ({'decoder_start_token_id': GONE}, {}, {}),
    'start-nowhere': ({'decoder_start_token_id': GONE}, {'decoder_start_token_id': GONE}, {}),
    'bos-in-generation': ({}, {'decoder_start_token_id': GONE, 'bos_token_id': 5}, {}),
    'eos-list-late': ({'tie_word_embeddings': True}, {'eos_token_id': [1, 260]}, {HEAD: None}),
    'eos-null-in-generation': ({}, {'eos_token_id': None}, {}),
    'eos-in-config-alone': ({'eos_token_id': 43}, GONE, {}),
    'eos-in-config': ({'eos_token_id': 43}, {}, {}),
    'pad-in-generation': ({}, {'pad_token_id': 7}, {}),
    'beams-in-config': ({'num_beams': 3, 'min_length': 9}, GONE, {}),
    'beams-in-config-against': ({'num_beams': 3, 'min_length': 9}, {}, {}),
}


def edit_json(path, keys):
    if keys is GONE:
        os.remove(path)
        return
    with open(path, encoding='utf-8') as f:
        values = json.load(f)
    for key, value in keys.items():
        values.pop(key, None)
        if value is not GONE:
            values[key] = value
    with open(path, 'w', encoding='utf-8') as f:
        json.dump(values, f)


def edit_tensors(path, changes):
    old = load_file(path)
    new = dict(old)
    for name, source in changes.items():
        if source is None:
            del new[name]
        else:
            new[name] = (old[source.rstrip('~')] * (0.5 if source.endswith('~') else 1)).clone()
    save_file(new, path, metadata={'format': 'pt'})


def sequences(model_dir, test, rows):
    sp = sentencepiece.SentencePieceProcessor(model_file=os.path.join(model_dir, 'spiece.model'))
    with open(test, encoding='utf-8') as f:
        return sp, [[sp.encode(r[key])[:99] + [1] for key in ('instruction', 'output')] for r in json.load(f)[:rows]]


def measure(folder, adapter, sp, rows):
    model = transformers.T5ForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    model = PeftModel.from_pretrained(model, adapter).eval()
    loss, tokens = 0.0, 0
    for text, label in rows:
        loss += float(model(input_ids=torch.tensor([text]), labels=torch.tensor([label])).loss) * len(label)
        tokens += len(label)
    try:
        ids = model.generate(input_ids=torch.tensor([rows[0][0]]), max_new_tokens=6)[0].tolist()
    except (ValueError, AttributeError, RuntimeError) as e:
        ids = type(e).__name__ + ' ' + ' '.join(str(e).split())[:60]
    return loss / tokens, ids, sp.decode([i for i in ids[1:] if i < sp.vocab_size()]) if isinstance(ids, list) else ''


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('model')
    p.add_argument('adapter')
    p.add_argument('test')
    p.add_argument('--rows', type=int, default=12)
    p.add_argument('--only')
    p.add_argument('--threads', type=int, default=1)
    args = p.parse_args()
    torch.set_grad_enabled(False)
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    warnings.simplefilter('ignore')
    transformers.logging.set_verbosity_error()
    sp, rows = sequences(args.model, args.test, args.rows)
    print(f'# transformers {transformers.__version__}')
    for name, (config, generation, tensors) in CASES.items():
        if args.only and name != args.only:
            continue
        with tempfile.TemporaryDirectory() as tmp:
            folder = shutil.copytree(args.model, os.path.join(tmp, 'model'))
            edit_json(os.path.join(folder, 'config.json'), config)
            edit_json(os.path.join(folder, 'generation_config.json'), generation)
            edit_tensors(os.path.join(folder, 'model.safetensors'), tensors)
            try:
                loss, ids, text = measure(folder, args.adapter, sp, rows)
                print(f'{name}\t{loss:.8f}\t{ids}\t{text}', flush=True)
            except (ValueError, AttributeError, TypeError, RuntimeError) as e:
                print(f'{name}\t-\t{type(e).__name__}: {" ".join(str(e).split())[:100]}\t', flush=True)


if __name__ == '__main__':
    main()
