"""What the oracle scripts for decoder-only models share: transformers' own models in true float64, their sites' inputs.

transformers computes three things in float32 whatever the model's type: the norms, the softmax and the rotation. For a float64
model all three are replaced here. The inverse frequencies stay the float32 numbers of transformers' own functions: they are the
model's definition. Angles, cosines and sines are float64, so a difference from these numbers is the tested code's alone.
Works with transformers 4.57 and 5.24. Not a script.
"""
import importlib
import json
import os

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

FAMILIES = ['llama', 'mistral', 'qwen2', 'qwen3', 'gemma2', 'gemma3', 'phi3']
# site -> the linear whose input it is; the second name is that of Phi3's fused weight
SITES = {'self': ('self_attn.q_proj', 'self_attn.qkv_proj'), 'out': ('self_attn.o_proj',),
         'ffn': ('mlp.gate_proj', 'mlp.gate_up_proj'), 'down': ('mlp.down_proj',)}

torch.set_grad_enabled(False)


def _norm(real, plus):
    def forward(self, x):
        if x.dtype != torch.float64:
            return real(self, x)
        eps = self.eps if plus else self.variance_epsilon
        return (self.weight + plus) * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps))
    return forward


def _frequencies(self, length, layer_type):
    """(inverse frequencies, factor of cosine and sine) of a text of that length, whatever texts came before."""
    prefix = f'{layer_type}_' if layer_type else ''
    kind = self.rope_type[layer_type] if layer_type else self.rope_type
    if kind in ('dynamic', 'longrope'):
        return ROPE_INIT_FUNCTIONS[kind](self.config, 'cpu', seq_len=length)
    return getattr(self, prefix + 'inv_freq'), getattr(self, prefix + 'attention_scaling')


def _rotary(real):
    def forward(self, x, position_ids, layer_type=None):
        if x.dtype != torch.float64:
            return real(self, x, position_ids, layer_type) if layer_type else real(self, x, position_ids)
        inverse, factor = _frequencies(self, int(position_ids.max()) + 1, layer_type)
        angle = position_ids[..., None].double() * inverse.double()
        angle = torch.cat([angle, angle], -1)
        return angle.cos() * factor, angle.sin() * factor
    return forward


def _softmax(x, dim=None, dtype=None, **kwargs):
    return _real_softmax(x, dim=dim, dtype=None if x.dtype == torch.float64 else dtype, **kwargs)


_real_softmax = torch.nn.functional.softmax
torch.nn.functional.softmax = _softmax
for family in FAMILIES:
    modeling = importlib.import_module(f'transformers.models.{family}.modeling_{family}')
    for name, cls in list(vars(modeling).items()):
        if name.endswith('RMSNorm'):
            cls.forward = _norm(cls.forward, 1.0 if family.startswith('gemma') else 0.0)
        elif name.endswith('RotaryEmbedding'):
            cls.forward = _rotary(cls.forward)


def read_json(path):
    with open(path, encoding='utf-8') as f:
        return json.load(f)


def write_json(path, value, indent=1):
    with open(path, 'w', encoding='utf-8') as f:
        json.dump(value, f, ensure_ascii=False, indent=indent)
        f.write('\n')


def write_rows(path, rows):
    """A list, one item a line."""
    with open(path, 'w', encoding='utf-8') as f:
        f.write('[' + ',\n '.join(json.dumps(r, ensure_ascii=False) for r in rows) + ']\n')


def load(folder, dtype=torch.float64, config=None):
    return AutoModelForCausalLM.from_pretrained(folder, config=config, dtype=dtype, attn_implementation='eager').eval()


def site_linears(layer):
    """{site: its first linear}"""
    named = dict(layer.named_modules())
    return {site: next(named[n] for n in names if n in named) for site, names in SITES.items()}


def padded(sequences):
    """Ids with padding on the right, which a causal model's real positions never see: no mask is needed."""
    T = max(map(len, sequences))
    return torch.tensor([s + [0] * (T - len(s)) for s in sequences])


def batches(model, sequences, rows=2000):
    """Index lists of like lengths, about `rows` tokens each; one by one where a text's length changes the rotation."""
    alone = getattr(model.model.rotary_emb, 'rope_type', None) in ('dynamic', 'longrope')
    batch = []
    for i in sorted(range(len(sequences)), key=lambda i: len(sequences[i])):
        if batch and (alone or (len(batch) + 1) * len(sequences[i]) > rows):
            yield batch
            batch = []
        batch.append(i)
    yield batch


def states(model, sequences):
    """{place: (rows, width)}, all sequences' rows end to end; each sequence runs alone.

    Places: layer00-self, -out, -ffn, -down: the sites' inputs; layer00: what the layer hands on; norm: the last norm's output;
    logits: of each sequence's last row only."""
    grabbed, handles = {}, []

    def grab(place, which):
        def hook(module, args, out=None):
            x = args[0] if which == 'in' else out[0] if isinstance(out, tuple) else out
            grabbed.setdefault(place, []).append(x.reshape(-1, x.shape[-1]))
        return hook

    for i, layer in enumerate(model.model.layers):
        for site, linear in site_linears(layer).items():
            handles.append(linear.register_forward_pre_hook(grab(f'layer{i:02}-{site}', 'in')))
        handles.append(layer.register_forward_hook(grab(f'layer{i:02}', 'out')))
    handles.append(model.model.norm.register_forward_hook(grab('norm', 'out')))
    for ids in sequences:
        logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits
        grabbed.setdefault('logits', []).append(logits[0, -1:])
    for h in handles:
        h.remove()
    return {place: torch.cat(rows) for place, rows in grabbed.items()}


class Text:
    """Turns rows into token ids, and ids into text. Templates: {key} stands for the row's, \\n for a line end."""

    def __init__(self, model_dir, prompt='{instruction}', answer='{output}', eos=2, max_length=512):
        path = os.path.join(model_dir, 'tokenizer.json')
        self.tokenizer = Tokenizer.from_file(path) if os.path.exists(path) else None
        self.prompt, self.answer = (t.replace('\\n', '\n') for t in (prompt, answer))
        self.eos, self.max_length = eos, max_length

    def encode(self, row):
        """(prompt, answer with its end token): the row's own ids if it has them."""
        if 'prompt_ids' in row:
            return row['prompt_ids'], row['answer_ids']
        prompt = self.tokenizer.encode(self.prompt.format(**row)).ids
        if len(prompt) > self.max_length:
            raise SystemExit(f'a prompt has {len(prompt)} tokens: this script does not shorten')
        return prompt, self.tokenizer.encode(self.answer.format(**row), add_special_tokens=False).ids + [self.eos]

    def decode(self, ids):
        """Blanks at the ends aside; ids where there is no tokenizer."""
        return self.tokenizer.decode(ids).strip() if self.tokenizer else ids


def text_arguments(parser):
    parser.add_argument('--prompt', default='{instruction}')
    parser.add_argument('--answer', default='{output}')
    parser.add_argument('--eos', type=int, default=2)


def text_of(args):
    return Text(args.model, args.prompt, args.answer, args.eos)
