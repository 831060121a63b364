"""What the oracle scripts share: T5 with PEFT adapters in true float64, greedy tokens, the tools' sequences.

transformers' T5 computes two things in float32 whatever the model's type: the norm's variance and the softmax. Here both are
replaced for float64 models, so that a difference from these numbers is the tested code's alone. Written for transformers 4.57:
version 5 ties T5's output embedding whatever the config says. Not a script.
"""
import json
import os
import subprocess
import tempfile

import sentencepiece
import torch
from peft import LoraConfig, PeftModel
from peft.utils.other import get_pattern_key
from safetensors.torch import load_file
from transformers import T5ForConditionalGeneration, __version__ as transformers_version
from transformers.models.t5 import modeling_t5

TIE = 1e-4  # two largest logits closer than this are a tie: float32 may order them either way


def _norm(self, x):
    if x.dtype != torch.float64:
        return _real_norm(self, x)
    return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon))


def _float(x, *args, **kwargs):
    return x if x.dtype == torch.float64 else _real_float(x, *args, **kwargs)


_real_norm, _real_float = modeling_t5.T5LayerNorm.forward, torch.Tensor.float
modeling_t5.T5LayerNorm.forward = _norm
torch.Tensor.float = _float  # modeling_t5 says softmax(scores.float()); so here only to(torch.float32) makes a float32
torch.set_grad_enabled(False)
if not transformers_version.startswith('4.'):
    raise SystemExit(f'transformers 4.57 is needed, this is {transformers_version}')


def load(model_dir, adapter=None, dtype=torch.float64, fused=False):
    """The model, with the PEFT adapter of that folder if one is named (kept apart, as PEFT computes it, or fused into the weights: faster)."""
    model = T5ForConditionalGeneration.from_pretrained(model_dir, dtype=dtype, attn_implementation='eager')
    if adapter:
        model = PeftModel.from_pretrained(model, adapter, autocast_adapter_dtype=False).to(dtype)
        model = model.merge_and_unload() if fused else model
    return model.eval()


def bare(model):
    """The transformers model inside (its linears still carry the adapter)."""
    return model.get_base_model() if isinstance(model, PeftModel) else model


def factors(adapter):
    """{module: (s B, A)} of a PEFT folder, float32: its change of the weight is their product."""
    config, found = LoraConfig.from_pretrained(adapter), {}
    tensors = load_file(os.path.join(adapter, 'adapter_model.safetensors'))
    prefix, suffix = 'base_model.model.', '.lora_A.weight'
    for name in tensors:
        if name.endswith(suffix):
            module = name[len(prefix):-len(suffix)]
            A, B = (tensors[n].to(torch.float32) for n in (name, f'{prefix}{module}.lora_B.weight'))
            alpha = config.alpha_pattern.get(get_pattern_key(config.alpha_pattern, module), config.lora_alpha)
            found[module] = B * (alpha / (len(A) ** 0.5 if config.use_rslora else len(A))), A
    return found


def peak_mb():
    """The most memory this process has held so far, in MB of 10⁶ bytes. (getrusage would count the parent's before the exec.)"""
    with open('/proc/self/status', encoding='ascii') as f:
        return next(int(line.split()[1]) * 1024 / 1e6 for line in f if line.startswith('VmHWM:'))


def sample_rows(data, task, drawn=None):
    """Rows of train.json that calibrate: DATA/T/samples.json, or those a run drew, in WORK/samples/T.h5."""
    if drawn:
        import h5py
        with h5py.File(os.path.join(drawn, task + '.h5')) as f:
            return f['row'][:].tolist()
    return read_json(os.path.join(data, task, 'samples.json'))


def sample_sequences(sp, data, task, drawn=None, number=None, max_length=100):
    """The calibration texts' tokens; the first `number` of them."""
    train = read_json(os.path.join(data, task, 'train.json'))
    return [encode(sp, train[i]['instruction'], max_length) for i in sample_rows(data, task, drawn)[:number]]


def sample_answers(sp, data, task, drawn=None):
    """The calibration rows' own outputs, as tokens."""
    train = read_json(os.path.join(data, task, 'train.json'))
    return [encode(sp, train[i]['output']) for i in sample_rows(data, task, drawn)]


def read_json(path):
    with open(path, encoding='utf-8') as f:
        return json.load(f)


def tokenizer(model_dir):
    return sentencepiece.SentencePieceProcessor(model_file=os.path.join(model_dir, 'spiece.model'))


def encode(sp, text, max_length=100):
    """Pieces, then </s>; an over-long text keeps </s>."""
    return sp.encode(text)[:max_length - 1] + [1]


def padded(sequences):
    """(ids, mask)"""
    T = max(map(len, sequences))
    ids = torch.tensor([s + [0] * (T - len(s)) for s in sequences])
    return ids, torch.tensor([[1] * len(s) + [0] * (T - len(s)) for s in sequences])


def batches(sequences, rows):
    """Index lists, by length, of about `rows` tokens each."""
    order, batch = sorted(range(len(sequences)), key=lambda i: len(sequences[i])), []
    for i in order:
        if batch and (len(batch) + 1) * len(sequences[i]) > rows:
            yield batch
            batch = []
        batch.append(i)
    yield batch


def greedy(model, enc, steps=3, labels=None):
    """Per sequence: generated ids (</s> is the last, if it came), the two largest logits' gap at every step, and Σ −log p of labels[i]."""
    m = bare(model)
    start, eos = m.config.decoder_start_token_id, m.config.eos_token_id
    out = [None] * len(enc)
    for batch in batches(enc, 4000):
        ids, mask = padded([enc[i] for i in batch])
        memory = m.encoder(input_ids=ids, attention_mask=mask)
        dec = torch.full((len(batch), 1), start)
        gaps = []
        for _ in range(steps):
            last = m(encoder_outputs=memory, attention_mask=mask, decoder_input_ids=dec, use_cache=False).logits[:, -1]
            top = last.topk(2, dim=-1).values
            gaps.append(top[:, 0] - top[:, 1])
            dec = torch.cat([dec, last.argmax(-1, keepdim=True)], 1)
        nll = [0.0] * len(batch)
        if labels:
            want, want_mask = padded([labels[i] for i in batch])
            shifted = torch.cat([torch.full((len(batch), 1), start), want[:, :-1]], 1)
            logp = m(encoder_outputs=memory, attention_mask=mask, decoder_input_ids=shifted, use_cache=False).logits.log_softmax(-1)
            nll = (-logp.gather(-1, want[..., None])[..., 0] * want_mask).sum(1).tolist()
        for k, i in enumerate(batch):
            got = dec[k, 1:].tolist()
            n = got.index(eos) + 1 if eos in got else len(got)
            out[i] = {'ids': got[:n], 'gaps': [float(g[k]) for g in gaps[:n]], 'nll': nll[k]}
    return out


def evaluate(model, sp, rows, steps=3, max_length=100):
    """greedy() on a test set, its accuracy (first token against the label's first token) and its loss per label token."""
    labels = [encode(sp, r['output'], max_length) for r in rows]
    got = greedy(model, [encode(sp, r['instruction'], max_length) for r in rows], steps, labels)
    right = [g['ids'][0] == l[0] for g, l in zip(got, labels)]
    return {'rows': got, 'right': right, 'accuracy': sum(right) / len(rows),
            'loss': sum(g['nll'] for g in got) / sum(map(len, labels))}


def block_outputs(model, enc, dec):
    """{name: list of (length, D)}: the residual stream at every block's start and end, as print-states names it, and the logits."""
    m, grabbed = bare(model), {}

    def grab(name, which):
        def hook(module, args, out):
            grabbed[name] = (args[0] if which == 'in' else out[0] if isinstance(out, tuple) else out).detach()
        return hook

    handles = []
    for side, stack in ('encoder', m.encoder), ('decoder', m.decoder):
        for b, block in enumerate(stack.block):
            handles.append(block.register_forward_hook(grab(f'{side}.{b + 1}', 'out')))
        handles.append(stack.final_layer_norm.register_forward_hook(grab(f'{side}.norm', 'out')))
    ids, mask = padded(enc)
    dec_ids, dec_mask = padded(dec)
    grabbed['logits'] = m(input_ids=ids, attention_mask=mask, decoder_input_ids=dec_ids, decoder_attention_mask=dec_mask,
                          use_cache=False).logits
    for h in handles:
        h.remove()
    return {name: [x[i, :len(enc[i] if name.startswith('encoder') else dec[i])] for i in range(len(enc))]
            for name, x in grabbed.items()}


def our_states(print_states, model_dir, adapter, enc, dec, bf16=False):
    """The same from the tools' library, by the program built from print-states.c: {name: (rows, width)}, all sequences' rows in a row."""
    with tempfile.TemporaryDirectory() as tmp:
        text, out = os.path.join(tmp, 'sequences'), os.path.join(tmp, 'states.safetensors')
        with open(text, 'w', encoding='ascii') as f:
            for e, d in zip(enc, dec):
                f.write(' '.join(map(str, e)) + '\t' + ' '.join(map(str, d)) + '\n')
        subprocess.run([print_states, model_dir, adapter or '-', text, out] + (['16'] if bf16 else []), check=True)
        return load_file(out)


def spread(rows, n):
    """`n` of the rows, evenly."""
    return rows[::max(1, len(rows) // n)][:n]


def test_sequences(model_dir, data, tasks, rows):
    """`rows` encoder and decoder inputs, evenly over the test sets: the decoder's are the start token and the label without </s>."""
    sp, enc, dec = tokenizer(model_dir), [], []
    for task in tasks:
        for row in spread(read_json(os.path.join(data, task, 'test.json')), rows // len(tasks)):
            enc.append(encode(sp, row['instruction']))
            dec.append([0] + encode(sp, row['output'])[:-1])
    return enc, dec


def task_names(loras):
    return sorted(t for t in os.listdir(loras) if os.path.exists(os.path.join(loras, t, 'adapter_config.json')))
