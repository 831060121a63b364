#!/usr/bin/env python3
"""Makes and checks tests/golden/families: small random decoder-only models, one for each option that changes the computation.

    families.py make tests/golden/families      with transformers 4.57: models and states, the same bytes every time
    families.py check tests/golden/families     with 4.57 or 5: does this version compute the stored states, to 1e-6?
    families.py effects tests/golden/families   how far each option moves the states: what a reader that ignores it would miss

A folder holds config.json, model.safetensors (a link where only the config differs from another folder's), states.json with the token
ids of three sequences, and states.safetensors: all sequences' rows end to end, float64 numbers stored as float32. decoder.py
says what the places are and how float64 is reached. The README beside the models has a table of the options.
"""
import argparse
import os
import sys

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM, __version__ as version

import decoder

BAR = 1e-6  # the stored numbers are float32
LENGTHS = [1, 6, 17]
COMMON = dict(vocab_size=96, hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
              num_key_value_heads=2, max_position_embeddings=64, rms_norm_eps=1e-5, hidden_act='silu',
              tie_word_embeddings=False, bos_token_id=1, eos_token_id=2)
CLASS = dict(llama='Llama', mistral='Mistral', qwen2='Qwen2', qwen3='Qwen3', gemma2='Gemma2', gemma3_text='Gemma3', phi3='Phi3')
YARN = dict(rope_type='yarn', factor=4.0, original_max_position_embeddings=16)
LLAMA3 = dict(rope_type='llama3', factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64)
WIDE = {'max_position_embeddings': 512}
LONG = dict(type='longrope', short_factor=[1.0, 1.5, 2.0, 3.0], long_factor=[1.0, 4.0, 8.0, 16.0])
PHI3 = dict(num_key_value_heads=2, pad_token_id=0, original_max_position_embeddings=64)

# name: (model type, stored type, keys that differ from COMMON (None: the key is absent), folder whose weights it shares)
MODELS = {
    'llama': ('llama', 'bfloat16', {}, None),
    'llama-tied': ('llama', 'float16', dict(num_attention_heads=3, num_key_value_heads=1, hidden_size=24, num_hidden_layers=3,
                                            tie_word_embeddings=True, rope_theta=500.0), None),
    'llama-defaults': ('llama', 'float32', dict(hidden_size=24, num_attention_heads=2, num_key_value_heads=None, rms_norm_eps=None,
                                                hidden_act=None, tie_word_embeddings=None, rope_theta=None), None),
    'llama-bias': ('llama', 'bfloat16', dict(hidden_size=24, head_dim=10, attention_bias=True, mlp_bias=True), None),
    'llama-theta': ('llama', None, dict(rope_theta=100.0), 'llama'),
    'llama-linear': ('llama', None, dict(rope_scaling=dict(type='linear', factor=2.5)), 'llama'),
    'llama-llama3': ('llama', None, dict(rope_theta=5000.0, rope_scaling=LLAMA3, **WIDE), 'llama'),
    'llama-dynamic': ('llama', None, dict(max_position_embeddings=8, rope_scaling=dict(rope_type='dynamic', factor=3.0)), 'llama'),
    'llama-yarn': ('llama', None, dict(rope_theta=200.0, rope_scaling=YARN), 'llama'),
    'llama-yarn-mscale': ('llama', None, dict(rope_theta=200.0, rope_scaling=dict(YARN, mscale=0.7, mscale_all_dim=1.3)), 'llama'),
    'llama-yarn-plain': ('llama', None, dict(rope_theta=200.0, rope_scaling=dict(
        YARN, truncate=False, beta_fast=2.0, beta_slow=0.5, attention_factor=1.4)), 'llama'),
    'llama-v5': ('llama', None, dict(rope_parameters=dict(rope_theta=5000.0, **LLAMA3), **WIDE), 'llama'),
    'mistral': ('mistral', 'bfloat16', dict(head_dim=12, sliding_window=5), None),
    'mistral-full': ('mistral', None, dict(head_dim=12, sliding_window=None), 'mistral'),
    'qwen2': ('qwen2', 'bfloat16', dict(tie_word_embeddings=True, use_sliding_window=False, sliding_window=4, max_window_layers=1), None),
    'qwen2-window': ('qwen2', None, dict(tie_word_embeddings=True, use_sliding_window=True, sliding_window=4, max_window_layers=1), 'qwen2'),
    'qwen2-types': ('qwen2', None, dict(tie_word_embeddings=True, use_sliding_window=True, sliding_window=4, max_window_layers=2,
                                        layer_types=['sliding_attention', 'full_attention']), 'qwen2'),
    'qwen3': ('qwen3', 'bfloat16', dict(hidden_size=24, head_dim=16, tie_word_embeddings=True, use_sliding_window=False), None),
    'qwen3-bias': ('qwen3', 'bfloat16', dict(hidden_size=24, head_dim=8, attention_bias=True, num_hidden_layers=3, use_sliding_window=True,
                                             sliding_window=3, max_window_layers=2), None),
    'gemma2': ('gemma2', 'bfloat16', dict(hidden_size=24, head_dim=8, hidden_act=None, hidden_activation='gelu_pytorch_tanh',
                                          query_pre_attn_scalar=11, sliding_window=5, attn_logit_softcapping=2.0, final_logit_softcapping=20.0,
                                          tie_word_embeddings=True), None),
    'gemma3': ('gemma3_text', 'bfloat16', dict(hidden_size=24, head_dim=8, hidden_act=None, hidden_activation='gelu_pytorch_tanh',
                                               query_pre_attn_scalar=11, sliding_window=5, num_hidden_layers=3, rope_theta=5000.0,
                                               rope_local_base_freq=100.0, rope_scaling=dict(rope_type='linear', factor=2.0),
                                               layer_types=['sliding_attention', 'full_attention', 'sliding_attention'],
                                               tie_word_embeddings=True), None),
    'phi3': ('phi3', 'bfloat16', dict(PHI3, sliding_window=5), None),
    'phi3-long': ('phi3', None, dict(PHI3, max_position_embeddings=64, original_max_position_embeddings=12, sliding_window=None,
                                     rope_scaling=LONG), 'phi3'),
    'phi3-partial': ('phi3', None, dict(PHI3, sliding_window=None, partial_rotary_factor=0.5), 'phi3'),
}

# The folder without the option under test: what `effects` compares with.
WITHOUT = {
    'llama-theta': 'llama', 'llama-linear': 'llama', 'llama-llama3': dict(rope_scaling=None), 'llama-dynamic': 'llama',
    'llama-yarn': dict(rope_scaling=None), 'llama-yarn-mscale': dict(rope_scaling=YARN),
    'llama-yarn-plain': dict(rope_scaling=YARN), 'llama-v5': 'llama-theta', 'mistral': 'mistral-full', 'qwen2-window': 'qwen2',
    'qwen2-types': 'qwen2-window', 'qwen3-bias': dict(layer_types=['full_attention'] * 3), 'phi3-long': dict(rope_scaling=None), 'phi3-partial': dict(partial_rotary_factor=1.0),
}


def config_of(name):
    kind, dtype, keys, base = MODELS[name]
    keys = {**COMMON, **keys}
    absent = {k for k, v in keys.items() if v is None and k != 'sliding_window'}
    return {'architectures': [CLASS[kind] + 'ForCausalLM'], 'model_type': kind, 'torch_dtype': dtype or MODELS[base][1],
            **{k: v for k, v in keys.items() if k not in absent}}


def random_weights(model, seed):
    """Scores, gates and sums of the size of one; every bias and norm counts."""
    random = torch.Generator().manual_seed(seed)
    gemma = model.config.model_type.startswith('gemma')
    for name, p in model.named_parameters():
        x = torch.randn(p.shape, generator=random)
        if p.dim() == 1:
            x = x * 0.3 + (0.0 if gemma or name.endswith('bias') else 1.0)
        elif 'embed' not in name:
            x = x * p.shape[1] ** -0.5 * (1.5 if 'q_proj' in name else 1.0)
        p.data = x


def sequences(name):
    random = torch.Generator().manual_seed(len(name))
    return [torch.randint(3, COMMON['vocab_size'], (n,), generator=random).tolist() for n in LENGTHS]


def make(folder, name, seed):
    _, dtype, _, base = MODELS[name]
    os.makedirs(folder, exist_ok=True)
    decoder.write_json(f'{folder}/config.json', config_of(name))
    path = f'{folder}/model.safetensors'
    if os.path.lexists(path):
        os.remove(path)
    if base:
        os.symlink(f'../{base}/model.safetensors', path)
    else:
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder))
        random_weights(model, seed)
        tied = model.config.tie_word_embeddings
        save_file({n: p.to(getattr(torch, dtype)).contiguous() for n, p in model.named_parameters()
                   if not (tied and n == 'lm_head.weight')}, path, {'format': 'pt'})


def model_config(folder):
    """As transformers reads it. 4.57 does not know rope_parameters: it gets the older form of the same."""
    config, parameters = AutoConfig.from_pretrained(folder), decoder.read_json(f'{folder}/config.json').get('rope_parameters')
    if parameters and version.startswith('4.'):
        config.rope_theta = parameters['rope_theta']
        config.rope_scaling = {k: v for k, v in parameters.items() if k != 'rope_theta'}
    return config


def states(folder, config=None):
    model = decoder.load(folder, config=config or model_config(folder))
    return decoder.states(model, decoder.read_json(f'{folder}/states.json')['sequences'])


def make_all(root):
    for seed, name in enumerate(MODELS):
        folder = os.path.join(root, name)
        make(folder, name, seed)
        decoder.write_json(f'{folder}/states.json', {'sequences': sequences(name)}, None)
    for name in MODELS:
        folder = os.path.join(root, name)
        found = states(folder)
        save_file({n: x.to(torch.float32).contiguous() for n, x in found.items()}, f'{folder}/states.safetensors')
        print(f'{name}: largest ' + ', '.join(f'{n} {float(x.abs().max()):.3g}' for n, x in found.items()
                                              if '-' not in n), flush=True)


def difference(a, b):
    """The worst place's max |a − b| / max |b|, and the place."""
    return max((float((a[n].double() - b[n].double()).abs().max() / b[n].double().abs().max()), n) for n in b)


def check(root):
    worst = 0.0
    for name in MODELS:
        error, place = difference(states(os.path.join(root, name)), load_file(f'{root}/{name}/states.safetensors'))
        print(f'{name}: {error:.1e} at {place}')
        worst = max(worst, error)
    print(f'transformers {version}: worst {worst:.1e}, bar {BAR:.0e}')
    sys.exit(not worst <= BAR)


def effects(root):
    """The last norm's output, against that of the same weights without the option."""
    for name, other in WITHOUT.items():
        folder = os.path.join(root, name)
        config = model_config(os.path.join(root, other) if isinstance(other, str) else folder)
        for key, value in other.items() if isinstance(other, dict) else ():
            setattr(config, key, value)
        want = load_file(f'{folder}/states.safetensors')
        print(f'{name}: {difference(states(folder, config), {"norm": want["norm"]})[0]:.1e}')


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('action', choices=['make', 'check', 'effects'])
    p.add_argument('folder')
    args = p.parse_args()
    {'make': make_all, 'check': check, 'effects': effects}[args.action](args.folder)


if __name__ == '__main__':
    main()
