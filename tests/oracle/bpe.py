#!/usr/bin/env python3
"""Token ids of byte pair encoding, against the tokenizers library.

    bpe.py --write DIR                               small tokenizers of every kind, texts, and the library's ids: tests/golden/tokenizers
    bpe.py PRINT_IDS MODEL [MODEL ...] --texts N     N random texts with the tokenizer of each folder
    bpe.py PRINT_IDS MODEL --pipelines N             N random tokenizer.json with the vocabulary of MODEL, 40 random texts each
    bpe.py PRINT_IDS MODEL --rows ROWS.json ...      every text and label of rows files

PRINT_IDS is the program built from print-ids.c. Ids with and without what stands before and behind a text are compared, and the text
of the ids with and without special tokens. Bar: equal. Status 1 if anything differs. --seed gives other random texts. Of a folder
with tokenizer.model alone, the library's tokenizer is what transformers 4.57 makes of it. Code points that Python's Unicode does not
know are left out, and marks that the library's NFC does not know: libraries of other years differ on those.
"""
import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import unicodedata

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace('{1,3}', '')

# ---------------------------------------------------------------- made-up data

SYLLABLES = 'ba ke lo mi nu ra se ti vo za the ing er on ist ouse'.split()
OTHERS = ["I'm", "don't", 'DON\'T', "we've", 'he\u2019s', '12', '345', '2026', '٣٤', '½', 'é', 'cafe\u0301', 'Å', '漢字', 'かな', '한국어', 'ελλ', 'мир',
          'שלום', 'مرحبا', 'नमस्ते', '😀', '👨\u200d👩\u200d👧', '👍🏽', '--', '...', '!?', '(a)', '{}', 'x = y;', '\n', '\n\n', '\t', '   ', '\r\n']


def corpus(rnd):
    words = [''.join(rnd.choices(SYLLABLES, k=rnd.randint(1, 3))) for _ in range(60)]
    lines = []
    for _ in range(400):
        line = rnd.choices(words, k=rnd.randint(3, 9)) + rnd.choices(OTHERS, k=3)
        rnd.shuffle(line)
        lines.append(' '.join(line).capitalize())
    return lines


TEXTS = ['', ' ', '  ', '\n', '\n\n', '\t', ' \n ', '\r\n', '\r', 'a', ' a', 'a ', 'Hello, world!', 'Hello,  world !',
         "it's I'm you're they'll we've he'd DON'T I'S 'S 's", 'he\u2019s WE\u2019VE don\u2019t', "it'\u017f 'ſ 'S", '0123456789', '3.14159 1,000,000', '٣٤٥ ½ ² Ⅷ 𝟘',
         '漢字かなカナ 한국어', '一二三。', '😀😀 👨\u200d👩\u200d👧 🏳️\u200d🌈 👍🏽', 'é e\u0301 Å \u212b A\u030a ﬁ', 'q\u0307\u0323 q\u0323\u0307', '\u1100\u1161\u11a8 각',
         'שלום עולם', 'مرحبا بالعالم', '\u202eabc\u202c', 'नमस्ते दुनिया', 'ไทย', 'a\u180eb \u180e', '\u00a0\u00a0x\u3000y\u2003z', '\u200b\u200d\ufeff', 'a\u0085b\u2028c',
         'a   b    c', 'a\tb\t\tc', 'a \t \n b', 'line\r\nline\r\n\r\nline', '   leading and trailing   ', '\n\n\n  x', 'x  \n\n  y', '...---...!!!???', 'foo(bar){baz};', 'https://a.b/c?d=e&f=1',
         '\x00\x01\x7f', '\uffff\ufffd\U0010ffff', '▁a▁▁b ▁ c', 'ĠaĊ', '<0x0A><0xFF>', 'straße STRASSE ıİ', 'ﷺ', 'a_b __init__', "''''", "'", "s't're", '\u0301', 'a\u0301\u0301\u0301',
         '<s>', 'a<s>b</s>', ' <s> x </s> ', '<unk>', '<|im_start|>user\nhi<|im_end|>\n', '<|begin_of_text|>x', '<|im_start|><|im_start|>', '<|im_start', 'x [L] y', 'x  [L]  y', '[L] [L]', 'x [R] y',
         'x  [R]  \n y', '[R] [L]', '[R]  [R]', 'a[W]b', 'a [W] b', '[W]', '[W][W]', '-[W]-', 'a\u0301[W]', '[W]\u200d', '[W]_', '[T]', '[T][T]x', '[TX]', 'x[TX]y', 'Å-tok', 'A\u030a-tok',
         'x Å-tok y', 'tok', ' tok', 'atok tok', 'a' * 300, ' ' * 300, 'ab' * 200, '!' * 300, '1' * 100, '\n' * 100, 'é' * 100, '😀' * 60, 'the ' * 100, 'lo' * 150 + ' ' + 'ba' * 150]

ADDED = [AddedToken('[L]', lstrip=True, normalized=False), AddedToken('[R]', rstrip=True, normalized=False, special=True),
         AddedToken('[W]', single_word=True, normalized=False), AddedToken('[T]', normalized=False), AddedToken('[TX]', normalized=False),
         AddedToken('Å-tok', normalized=True), AddedToken('tok', single_word=True, normalized=True)]


def special(*names):
    return [AddedToken(name, normalized=False, special=True) for name in names]


# ---------------------------------------------------------------- the kinds

def byte_level(lines, tokenizer, vocab, specials, **options):
    trainer = trainers.BpeTrainer(vocab_size=vocab, special_tokens=specials, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False, **options)
    tokenizer.train_from_iterator(lines, trainer)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def smollm2(lines):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    t = byte_level(lines, t, 420, special('<|endoftext|>', '<|im_start|>', '<|im_end|>'))
    return t, {'tokenizer_class': 'GPT2Tokenizer', 'add_bos_token': False, 'add_prefix_space': False, 'eos_token': '<|im_end|>'}


def llama3(lines):
    t = Tokenizer(models.BPE(ignore_merges=True))
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LLAMA3), 'isolated'), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t = byte_level(lines, t, 420, [])
    t.add_special_tokens(special('<|begin_of_text|>', '<|end_of_text|>', '<|im_start|>', '<|im_end|>'))
    bos = t.token_to_id('<|begin_of_text|>')
    t.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), processors.TemplateProcessing(
        single='<|begin_of_text|> $A', pair='<|begin_of_text|> $A <|begin_of_text|> $B', special_tokens=[('<|begin_of_text|>', bos)])])
    return t, {'tokenizer_class': 'PreTrainedTokenizerFast', 'bos_token': '<|begin_of_text|>', 'eos_token': '<|end_of_text|>'}


def qwen2(lines):
    t = Tokenizer(models.BPE())
    t.normalizer = normalizers.NFC()
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(QWEN2), 'isolated'), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t = byte_level(lines, t, 420, [])
    t.add_special_tokens(special('<|endoftext|>', '<|im_start|>', '<|im_end|>'))
    t.add_tokens(ADDED)
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    return t, {'tokenizer_class': 'Qwen2Tokenizer', 'add_bos_token': False, 'eos_token': '<|im_end|>', 'pad_token': '<|endoftext|>'}


def mixed(lines):
    """What the others have not: a prefix blank, unknown characters, cuts of other behaviors, a metaspace that splits, no merges of bytes."""
    t = Tokenizer(models.BPE(unk_token='<unk>', fuse_unk=False, byte_fallback=True))
    t.normalizer = normalizers.Sequence([normalizers.Replace('``', '"'), normalizers.Replace(Regex(r'[\u2018\u2019]'), "'"), normalizers.NFC()])
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split('.', 'merged_with_previous'), pre_tokenizers.Split(Regex('[!?]'), 'contiguous'), pre_tokenizers.Digits(individual_digits=False),
                                               pre_tokenizers.Metaspace(prepend_scheme='first', split=True)])
    trainer = trainers.BpeTrainer(vocab_size=200, special_tokens=special('<unk>', '<s>', '</s>') + ['<0xC3>', '<0xA9>', '<0xC2>'], limit_alphabet=60, show_progress=False)
    t.train_from_iterator(lines, trainer)
    t.add_tokens(ADDED)
    t.post_processor = processors.TemplateProcessing(single='<s> $A </s>', special_tokens=[('<s>', 1), ('</s>', 2)])
    t.decoder = decoders.Metaspace(prepend_scheme='first', split=True)
    return t, {'tokenizer_class': 'PreTrainedTokenizerFast', 'add_bos_token': True, 'add_eos_token': True, 'bos_token': '<s>', 'eos_token': '</s>', 'unk_token': '<unk>'}


def train_llama2(lines, folder):
    path = os.path.join(folder, 'corpus.txt')
    with open(path, 'w', encoding='utf-8') as f:
        f.write('\n'.join(line.replace('\n', ' ') for line in lines) + '\n')
    sentencepiece.SentencePieceTrainer.train(
        input=path, model_prefix=os.path.join(folder, 'tokenizer'), model_type='bpe', vocab_size=560, byte_fallback=True, normalization_rule_name='identity',
        remove_extra_whitespaces=False, split_digits=True, allow_whitespace_only_pieces=True, character_coverage=0.98, user_defined_symbols=['[T]'], minloglevel=2)
    os.remove(path)
    os.remove(os.path.join(folder, 'tokenizer.vocab'))


LLAMA2 = {'tokenizer_class': 'LlamaTokenizer', 'add_bos_token': True, 'add_eos_token': False, 'bos_token': '<s>', 'eos_token': '</s>', 'unk_token': '<unk>'}


def from_model(folder):
    """The tokenizer that transformers 4.57 makes of tokenizer.model and tokenizer_config.json."""
    from transformers import LlamaTokenizerFast
    return LlamaTokenizerFast.from_pretrained(folder).backend_tokenizer


def train_t5(lines, folder):
    """T5's kind, Unigram, as tokenizer.json alone. Its table of characters has five rules, for it to be small."""
    from transformers import T5TokenizerFast
    with tempfile.TemporaryDirectory() as scratch:
        for name, content in (('corpus.txt', lines), ('rules.tsv', ['9\t20', 'A\t20', 'D\t20', 'A0\t20', 'FF21\t41'])):
            with open(os.path.join(scratch, name), 'w', encoding='utf-8') as f:
                f.write('\n'.join(content) + '\n')
        sentencepiece.SentencePieceTrainer.train(
            input=os.path.join(scratch, 'corpus.txt'), model_prefix=os.path.join(scratch, 'spiece'), model_type='unigram', vocab_size=200, character_coverage=0.99,
            normalization_rule_tsv=os.path.join(scratch, 'rules.tsv'), pad_id=0, eos_id=1, unk_id=2, bos_id=-1, minloglevel=2)
        dump(os.path.join(scratch, 'tokenizer_config.json'), {'tokenizer_class': 'T5Tokenizer', 'extra_ids': 5})
        t = T5TokenizerFast.from_pretrained(scratch).backend_tokenizer
    os.makedirs(folder, exist_ok=True)
    dump(os.path.join(folder, 'config.json'), {'architectures': ['T5ForConditionalGeneration'], 'model_type': 't5', 'd_model': 8, 'd_ff': 16, 'd_kv': 4, 'num_heads': 2, 'num_layers': 1,
                                               'vocab_size': t.get_vocab_size(), 'pad_token_id': 0, 'eos_token_id': 1, 'decoder_start_token_id': 0}, 1)
    return save(folder, t, {'tokenizer_class': 'T5Tokenizer', 'extra_ids': 5, 'eos_token': '</s>', 'unk_token': '<unk>', 'pad_token': '<pad>'})


# ---------------------------------------------------------------- golden files

def dump(path, value, indent=None):
    with open(path, 'w', encoding='utf-8') as f:
        json.dump(value, f, ensure_ascii=False, indent=indent, separators=(',', ':') if indent is None else None)
        f.write('\n')


def save(folder, tokenizer, config):
    """tokenizer.json, its merges as strings in every other folder."""
    os.makedirs(folder, exist_ok=True)
    v = json.loads(tokenizer.to_str())
    if os.path.basename(folder) in ('llama3', 'mixed') and not any(' ' in a + b for a, b in v['model']['merges']):
        v['model']['merges'] = [f'{a} {b}' for a, b in v['model']['merges']]
    dump(os.path.join(folder, 'tokenizer.json'), v)
    dump(os.path.join(folder, 'tokenizer_config.json'), config, 1)
    return Tokenizer.from_file(os.path.join(folder, 'tokenizer.json'))


def reference(t, text):
    """None where the library panics, which it does on some tokens with blanks at their edges."""
    try:
        ids = t.encode(text).ids
    except BaseException as e:
        if type(e).__name__ != 'PanicException':
            raise
        return None
    return [ids, t.encode(text, add_special_tokens=False).ids, t.decode(ids, skip_special_tokens=False), t.decode(ids, skip_special_tokens=True)]


def write(out):
    lines = corpus(random.Random(0))
    made = {}
    for kind in (smollm2, llama3, qwen2, mixed):
        made[kind.__name__] = save(os.path.join(out, kind.__name__), *kind(lines))
    for name, more in (('llama2', {}), ('llama2-first', {'legacy': False})):
        folder = os.path.join(out, name + '-model')
        os.makedirs(folder, exist_ok=True)
        train_llama2(lines, folder)
        dump(os.path.join(folder, 'tokenizer_config.json'), {**LLAMA2, **more}, 1)
        made[name + '-model'] = from_model(folder)
        made[name] = save(os.path.join(out, name), made[name + '-model'], {**LLAMA2, **more})
        if any(reference(made[name], text) != reference(made[name + '-model'], text) for text in TEXTS):
            sys.exit(f'{name}: tokenizer.model and tokenizer.json differ')
    made['t5'] = train_t5(lines, os.path.join(out, 't5'))
    dump(os.path.join(out, 'texts.json'), TEXTS, 0)
    for name, t in made.items():
        if not name.endswith('-model'):  # ids as those of the folder without it
            dump(os.path.join(out, name, 'ids.json'), [[x[0], x[3]] for x in (reference(t, text) for text in TEXTS)])


# ---------------------------------------------------------------- random texts

PIECES = [x for x in TEXTS if 0 < len(x) < 12] + OTHERS + SYLLABLES + ["'s", "'S", "'\u017f", "'re", "'LL", ' ', '  ', '\u00a0', '\u3000', '\u180e', '\u200d', '\u0323\u0307', '`', '``', '.', '!', '?']


def new_mark(c):
    """A mark that the library's NFC does not know: it is of Unicode 9. U+0334 goes before every mark that it knows."""
    text = 'a' + c + '\u0334'
    return unicodedata.combining(c) > 1 and normalizers.NFC().normalize_str(text) != unicodedata.normalize('NFC', text)


def random_character(rnd):
    kind = rnd.random()
    if kind < .35:
        return chr(rnd.randrange(32, 127))
    if kind < .8:
        return rnd.choice(PIECES)
    c = chr(rnd.randrange(0x80, 0x3000) if kind < .95 else rnd.randrange(0x3000, 0x110000))
    return c if unicodedata.category(c) not in ('Cn', 'Cs') and not new_mark(c) else 'q'


def random_texts(rnd, n):
    return [''.join(random_character(rnd) for _ in range(rnd.choice([1, 2, 3, 5, 8, 13, 30]))) for _ in range(n)]


def random_pattern(rnd):
    return rnd.choice([' ', '.', 'a', '▁', 'lo', Regex(r'\s+'), Regex(r'\p{L}+'), Regex(r'[aeiou]'), Regex(r'\d'), Regex(r'(?i:S)'), Regex(LLAMA3), Regex(QWEN2), Regex(r'\p{M}+'), Regex(r'\w+(?=\s)')])


def random_step(rnd):
    kind = rnd.randrange(5)
    if kind == 0:
        return pre_tokenizers.Split(random_pattern(rnd), rnd.choice(['removed', 'isolated', 'merged_with_previous', 'merged_with_next', 'contiguous']), rnd.random() < .3)
    if kind == 1:
        return pre_tokenizers.Digits(individual_digits=rnd.random() < .5)
    if kind == 2:
        return pre_tokenizers.ByteLevel(add_prefix_space=rnd.random() < .5, use_regex=rnd.random() < .5)
    return pre_tokenizers.Metaspace(prepend_scheme=rnd.choice(['always', 'never', 'first']), split=rnd.random() < .5)


def random_normalizer(rnd):
    return rnd.choice([normalizers.NFC(), normalizers.Prepend('▁'), normalizers.Prepend(' x'), normalizers.Replace(' ', '▁'), normalizers.Replace('a', 'bb'),
                       normalizers.Replace(Regex(r'\s+'), ' '), normalizers.Replace(Regex('[lo]'), 'Å')])


def random_decoder(rnd):
    return rnd.choice([decoders.ByteLevel(), decoders.Metaspace(prepend_scheme=rnd.choice(['always', 'never', 'first'])),
                       decoders.Sequence([decoders.Replace('▁', ' '), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(content=' ', left=1)]),
                       decoders.Sequence([decoders.ByteFallback(), decoders.Replace(Regex('[aeiou]'), 'o')]), None])


def random_pipeline(rnd, base):
    """A tokenizer.json with the vocabulary and merges of `base`."""
    v = json.loads(base.to_str())
    v['model'].update(ignore_merges=rnd.random() < .3, byte_fallback=rnd.random() < .5, fuse_unk=rnd.random() < .5, unk_token=rnd.choice([None, sorted(v['model']['vocab'])[3]]))
    v.update(added_tokens=[], normalizer=None, pre_tokenizer=None, post_processor=None, decoder=None)
    t = Tokenizer.from_str(json.dumps(v))
    if rnd.random() < .6:
        t.normalizer = normalizers.Sequence([random_normalizer(rnd) for _ in range(rnd.randint(1, 3))])
    if rnd.random() < .9:
        t.pre_tokenizer = pre_tokenizers.Sequence([random_step(rnd) for _ in range(rnd.randint(1, 3))])
    decoder = random_decoder(rnd)
    if decoder:
        t.decoder = decoder
    flag = lambda: rnd.random() < .4
    for text in rnd.sample(['[L]', '[R]', '[W]', '[T]', '[TX]', 'Å-tok', 'tok', 'lo', 'a', '<s>', 'mi ', ' x', '漢', '\n', '!?'], rnd.randint(0, 8)):
        t.add_tokens([AddedToken(text, single_word=flag(), lstrip=flag(), rstrip=flag(), normalized=flag(), special=flag())])
    return t


# ---------------------------------------------------------------- comparison

def print_ids(program, folder, texts):
    """One list per text, or the message of the refusal."""
    with tempfile.NamedTemporaryFile('w', suffix='.json', encoding='utf-8') as f:
        json.dump(texts, f)
        f.flush()
        run = subprocess.run([program, folder, f.name], capture_output=True, text=True)
    if run.returncode not in (0, 1):
        sys.exit(f'{program} ended with status {run.returncode}: {run.stderr}')
    return run.stderr.strip() if run.returncode else [json.loads(line) for line in run.stdout.split('\n') if line]


def compare(program, folder, t, texts):
    found, wrong = print_ids(program, folder, texts), 0
    if isinstance(found, str):
        return found
    for text, ours in zip(texts, found, strict=True):
        theirs = reference(t, text)
        if theirs and ours != theirs:
            wrong += 1
            print(f'{folder}: {text!r}:\n  {ours}\n  expected {theirs}', file=sys.stderr)
    return wrong


def library(folder):
    path = os.path.join(folder, 'tokenizer.json')
    return Tokenizer.from_file(path) if os.path.exists(path) else from_model(folder)


def pipelines(args, rnd, folder):
    wrong, refused, base = 0, {}, library(folder)
    with tempfile.TemporaryDirectory() as scratch:
        for i in range(args.pipelines):
            t = random_pipeline(rnd, base)
            t.save(os.path.join(scratch, 'tokenizer.json'))
            t = Tokenizer.from_file(os.path.join(scratch, 'tokenizer.json'))
            result = compare(args.print_ids, scratch, t, random_texts(rnd, 40))
            if isinstance(result, str):
                refused[result] = refused.get(result, 0) + 1
            elif result:
                wrong += result
                shutil.copy(os.path.join(scratch, 'tokenizer.json'), f'{tempfile.gettempdir()}/differs-{i}.json')
    for message, n in refused.items():
        print(f'refused, {n}: {message}')
    print(f'{folder}: {args.pipelines} tokenizers, 40 texts each: {wrong} differ')
    return wrong


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('print_ids', nargs='?')
    p.add_argument('models', nargs='*')
    p.add_argument('--write')
    p.add_argument('--texts', type=int)
    p.add_argument('--pipelines', type=int)
    p.add_argument('--rows', nargs='+', default=[])
    p.add_argument('--seed', type=int, default=1)
    args = p.parse_args()
    if args.write:
        write(args.write)
        return 0
    wrong, rnd = 0, random.Random(args.seed)
    for folder in args.models:
        if args.pipelines:
            wrong += pipelines(args, rnd, folder)
            continue
        texts = random_texts(rnd, args.texts) if args.texts else []
        for path in args.rows:
            with open(path, encoding='utf-8') as f:
                texts += [text for row in json.load(f) for text in (row['instruction'], row['output'])]
        n = compare(args.print_ids, folder, library(folder), texts)
        print(f'{folder}: {len(texts)} texts: {n} differ')
        wrong += n if isinstance(n, int) else len(texts)
    return wrong > 0


if __name__ == '__main__':
    sys.exit(main())
