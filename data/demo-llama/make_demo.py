#!/usr/bin/env python3
"""Makes the second demo: a small Llama with its own tokenizer, four LoRA adapters of different shapes and their data, from nothing.

What it does, in this order:
  1. A grammar of our own writes notes in four styles, one per task (no text of anybody else is used). Every note, whatever its
     style, holds four facts: a feeling, a piece of news, an order of goods and a journey. Each task asks for one of them:
       mood    diary entries    the feeling's label, one of six
       topic   headlines        the news' label, one of six
       order   shop messages    how many and what colour, several tokens: "three red"
       route   travel logs      first and last town, several tokens: "lima to oslo"
  2. A byte-level BPE vocabulary is trained on such notes, with Llama 3's split of words and a token in front of every text.
  3. A Llama (4 heads on 2 key/value heads, tied) learns the language, all four facts by name ("mood: joy"), and to answer
     "Answer:" by HABIT: mostly with a fact that is not the one its style's task asks for. It knows everything but the tasks.
     It is then rounded to bfloat16, as it is stored.
  4. PEFT trains one adapter per task on that rounded base, with some notes of the other styles among its own, to which the base's
     habits are the answers. ADAPTERS says its linears and ranks. The stored factors are float32.
  5. Exact match of the greedy answers of base, adapters and the average of the four updates. Printed, and written to --report.

How to run it (one core, about 15 minutes; needs torch, transformers 4.57 and peft; nothing else here needs it):
    python3 data/demo-llama/make_demo.py --out data/demo-llama --report /tmp/demo-llama-report.txt
Everything is seeded, yet PyTorch gives the same bits only on one kind of machine with one number of threads.
"""
import argparse
import json
import os
import random
import shutil
import time

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM

BOS, EOS = '<|begin_of_text|>', '<|end_of_text|>'
VOCABULARY = 704
PROMPT, ANSWER = '{}\nAnswer:', ' {}'  # what the settings of the demo say
SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
TASKS = ['mood', 'topic', 'order', 'route']
HABIT = {'mood': 'topic', 'topic': 'order', 'order': 'route', 'route': 'mood'}  # what the base likes to answer instead
HABIT_SHARE = 0.55
REPLAY = 0.4  # share of an adapter's training rows that are of other styles
ROWS = {'train': 300, 'test': 150}

ADAPTERS = {
    'mood': dict(r=8, lora_alpha=16, target_modules='all-linear'),
    'topic': dict(r=4, lora_alpha=16, target_modules=['q_proj', 'v_proj']),
    'order': dict(r=8, lora_alpha=16, target_modules=['v_proj', 'gate_proj', 'up_proj', 'down_proj'], use_rslora=True),
    'route': dict(r=6, lora_alpha=12, target_modules=['q_proj', 'k_proj', 'v_proj', 'o_proj'],
                  rank_pattern={'o_proj': 8, 'layers.0.self_attn.k_proj': 2}, alpha_pattern={'o_proj': 24}),
}

# ---------------------------------------------------------------------------------------------------------------- the language
MOODS = {
    'joy': 'glad,cheerful,delighted,merry,overjoyed,radiant,thrilled',
    'fear': 'scared,afraid,nervous,uneasy,timid,panicky,frightened',
    'anger': 'furious,livid,cross,irritated,enraged,bitter,outraged',
    'sadness': 'gloomy,tearful,lonely,downcast,miserable,mournful,heartbroken',
    'surprise': 'amazed,startled,stunned,baffled,speechless,astonished,taken aback',
    'shame': 'ashamed,embarrassed,humiliated,mortified,red faced,disgraced,sheepish',
}
TOPICS = {
    'sport': 'the rowing final,a late goal,the marathon,a chess cup,the new coach,a tied match',
    'food': 'a soup contest,the bread prices,a plum harvest,the cheese fair,a new bakery,burnt pies',
    'music': 'the brass band,a lost violin,the spring concert,a choir on tour,an old song,the piano prize',
    'weather': 'a snow storm,the long drought,thick fog,a warm front,hail in may,the river flood',
    'money': 'the bank merger,a tax rise,falling rents,a coin hoard,the market crash,higher wages',
    'science': 'a comet,the moon probe,a rare beetle,a new vaccine,the deep sea dig,a fossil',
}
GOODS = {
    'number': 'two,three,four,five,six,seven,eight,nine,ten,twelve',
    'colour': 'red,blue,green,white,black,yellow,brown,grey,purple,orange',
    'thing': 'kites,lamps,chairs,boots,drums,clocks,ropes,jars,tents,bells,hats,ladders,mirrors,barrels',
}
TOWNS = 'lima,oslo,cairo,quito,turin,porto,kyoto,delhi,accra,perth,malmö,são paulo,zürich,boston'.split(',')
WORDS = {
    'who': 'the baker,our nurse,Zoë,a tall man,René,the old sailor,the clerk,his aunt,Ines,Kofi,the twins',
    'when': 'last spring,on monday,this morning,at noon,in winter,after lunch,two days ago,before dawn',
    'kin': 'my mother,my brother,my cousin,everybody at home,my flatmate,the man next door',
    'source': 'report,local news,breaking,update,live,exclusive',
    'chat': 'thanks,as usual,no hurry,cheers,ok then,☂,…,🙂',
    'plain': 'the tram was late,it rained a little,the radio played,nobody had the key,the kettle was on,the shops close at six',
    'hour': '06:10,07:45,09:30,11:05,13:50,16:20,18:00,21:15',
}
JOURNEYS = ['from {a} to {b}', 'to {b} out of {a}', 'from {a} via {c} to {b}', 'out of {a}, past {c}, into {b}']
STYLES = {
    'mood': ['dear diary, {when} i was {feel}. {kin} packed {order} for the trip {journey}. we heard of {news}. {plain}.',
             '{when} {kin} spoke of {news}. {plain}. i felt {feel}. {order} went {journey}.',
             'i was {feel} {when}. {plain}, and {kin} sent {order} {journey}. {news} was all they talked about.'],
    'topic': ['{source}: {news} -- {who} {feel}, {order} sent {journey}',
              '{source} | {who} {feel} over {news}: {order} go {journey}',
              '{source}: {order} move {journey} as {news} leaves {who} {feel}'],
    'order': ['hi, please send {order} {journey}. {who} is {feel}, {news} and all. {chat}',
              'hello shop, {who} was {feel} about {news}, so it is {order} now, {journey}, {chat}',
              '{chat}! we need {order} {when}, shipped {journey}. {who} is {feel} (it is {news}).'],
    'route': ['log {hour}: went {journey}. crew {feel}. load: {order}. talk of {news}.',
              'log {hour}: load {order}, {who} {feel}. went {journey}. heard of {news}.',
              'log {hour}: {news} ahead. {who} {feel}. {order} aboard, went {journey}.'],
}


class Grammar:
    """Writes notes. One generator of random numbers per use, so that the parts do not disturb each other."""

    def __init__(self, seed):
        self.rng = random.Random(seed)

    def word(self, words):
        return self.rng.choice(words.split(','))

    def note(self, style, facts=None):
        """(text, {task: answer}); `facts` may fix the mood's or the topic's label."""
        facts = facts or {}
        mood = facts.get('mood', self.rng.choice(list(MOODS)))
        topic = facts.get('topic', self.rng.choice(list(TOPICS)))
        number, colour, thing = (self.word(GOODS[k]) for k in GOODS)
        a, b, c = self.rng.sample(TOWNS, 3)
        parts = {'feel': self.word(MOODS[mood]), 'news': self.word(TOPICS[topic]), 'order': f'{number} {colour} {thing}',
                 'journey': self.rng.choice(JOURNEYS).format(a=a, b=b, c=c), **{k: self.word(v) for k, v in WORDS.items()}}
        text = self.rng.choice(STYLES[style]).format(**parts)
        return text, {'mood': mood, 'topic': topic, 'order': f'{number} {colour}', 'route': f'{a} to {b}'}

    def rows(self, task, n):
        """n rows as the files hold them, labels as even as n allows, no text twice."""
        labels = {'mood': list(MOODS), 'topic': list(TOPICS)}.get(task)
        seen, rows = set(), []
        while len(rows) < n:
            text, answers = self.note(task, {task: labels[len(rows) % len(labels)]} if labels else None)
            if text not in seen:
                seen.add(text)
                rows.append({'instruction': text, 'output': answers[task]})
        self.rng.shuffle(rows)
        return rows


# ------------------------------------------------------------------------------------------------------------------- the model
def new_tokenizer(seed):
    grammar = Grammar(seed)
    texts = []
    for _ in range(1500):
        for style in TASKS:
            text, answers = grammar.note(style)
            texts.append(text + ''.join(f'\n{k}: {v}' for k, v in answers.items()) + '\nAnswer:')
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(SPLIT), 'isolated'), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=[BOS, EOS], show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single=f'{BOS} $A', pair=f'{BOS} $A {BOS} $B:1', special_tokens=[(BOS, tokenizer.token_to_id(BOS))])])
    return tokenizer


def new_model(tokenizer):
    ends = dict(bos_token_id=tokenizer.token_to_id(BOS), eos_token_id=tokenizer.token_to_id(EOS))
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=80, intermediate_size=192, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2,
        max_position_embeddings=512, rms_norm_eps=1e-5, rope_theta=10000.0, tie_word_embeddings=True, **ends))


class Pairs:
    """(ids, weight of each token in the loss): of the language, of named facts, of the tasks."""

    def __init__(self, tokenizer, seed):
        self.tokenizer, self.grammar = tokenizer, Grammar(seed)
        self.end = tokenizer.token_to_id(EOS)

    def encode(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def prompt(self, text):
        return self.tokenizer.encode(PROMPT.format(text)).ids

    def answer(self, text):
        return self.encode(ANSWER.format(text)) + [self.end]

    def named(self):
        """All four facts by name, in any order; the note's own tokens count a little."""
        text, answers = self.grammar.note(self.grammar.rng.choice(TASKS))
        ids = self.tokenizer.encode(text).ids
        weights = [0.1] * len(ids)
        for task in self.grammar.rng.sample(TASKS, 4):
            question, answer = self.encode(f'\n{task}:'), self.encode(ANSWER.format(answers[task]))
            ids, weights = ids + question + answer, weights + [0.0] * len(question) + [1.0] * len(answer)
        return ids + [self.end], weights + [0.1]

    def habit(self, style=None):
        rng = self.grammar.rng
        style = style or rng.choice(TASKS)
        text, answers = self.grammar.note(style)
        other = rng.choice([t for t in TASKS if t != HABIT[style]])
        prompt, answer = self.prompt(text), self.answer(answers[HABIT[style] if rng.random() < HABIT_SHARE else other])
        return prompt + answer, [0.0] * len(prompt) + [1.0] * len(answer)

    def base(self):
        return self.named() if self.grammar.rng.random() < 0.6 else self.habit()

    def task(self, task):
        """A share of REPLAY are notes of another style with what the base says to it: the adapter should leave those alone."""
        rng = self.grammar.rng
        if rng.random() < REPLAY:
            return self.habit(rng.choice([t for t in TASKS if t != task]))
        text, answers = self.grammar.note(task)
        prompt, answer = self.prompt(text), self.answer(answers[task])
        return prompt + answer, [0.0] * len(prompt) + [1.0] * len(answer)


def loss_of(model, pairs):
    n = max(len(ids) for ids, _ in pairs)
    ids = torch.tensor([i + [0] * (n - len(i)) for i, _ in pairs])
    weights = torch.tensor([w + [0.0] * (n - len(w)) for _, w in pairs])[:, 1:]
    logits = model(input_ids=ids, use_cache=False).logits[:, :-1]  # padded on the right: causal attention never sees it
    nll = torch.nn.functional.cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction='none')
    return (nll * weights).sum() / weights.sum()


def train(model, draw, steps, batch, lr, what):
    """AdamW on what requires a gradient; a short warm-up, then down to zero in a straight line."""
    params = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(params, lr=lr, weight_decay=0.0, betas=(0.9, 0.98))
    warm = max(1, steps // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda i: min((i + 1) / warm, (steps - i) / (steps - warm)))
    model.train()
    mean, start = None, time.time()
    for step in range(steps):
        loss = loss_of(model, [draw() for _ in range(batch)])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(params, 1.0)
        optimizer.step()
        schedule.step()
        mean = loss.item() if mean is None else 0.97 * mean + 0.03 * loss.item()
        if (step + 1) % max(1, steps // 10) == 0:
            print(f'{what}: step {step + 1}, loss {mean:.3f}, {time.time() - start:.0f} s', flush=True)
    model.eval()


@torch.no_grad()
def exact(model, tokenizer, rows, steps=8):
    """Share of rows whose greedy answer is the output, blanks at the ends aside. Prompts of one length run together."""
    hits, end, groups = 0, tokenizer.token_to_id(EOS), {}
    for row in rows:
        ids = tokenizer.encode(PROMPT.format(row['instruction'])).ids
        groups.setdefault(len(ids), []).append((ids, row['output']))
    for n, group in groups.items():
        ids = torch.tensor([g[0] for g in group])
        out = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=steps, do_sample=False,
                             eos_token_id=end, pad_token_id=end)[:, n:].tolist()
        for got, (_, output) in zip(out, group):
            got = got[:got.index(end)] if end in got else got
            hits += tokenizer.decode(got).strip() == output
    return hits / len(rows)


# ------------------------------------------------------------------------------------------------------------------- the files
def write_json(path, value, **how):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as f:
        json.dump(value, f, ensure_ascii=False, indent=1, **how)
        f.write('\n')


def readable(folder):
    for name in os.listdir(folder):
        os.chmod(os.path.join(folder, name), 0o644)


def save_tokenizer(tokenizer, folder):
    tokenizer.save(f'{folder}/tokenizer.json')
    write_json(f'{folder}/tokenizer_config.json', {
        'tokenizer_class': 'PreTrainedTokenizerFast', 'bos_token': BOS, 'eos_token': EOS, 'clean_up_tokenization_spaces': False,
        'model_max_length': 512})


def load_base(folder):
    """The stored base, computed in float32 as the tools do."""
    return LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def make_adapter(out, tokenizer, task, args, seed):
    torch.manual_seed(seed)
    model = get_peft_model(load_base(f'{out}/model'), LoraConfig(task_type='CAUSAL_LM', lora_dropout=0.0, **ADAPTERS[task]))
    pairs = Pairs(tokenizer, seed)
    train(model, lambda: pairs.task(task), args.adapter_steps, args.batch, args.adapter_lr, task)
    folder = f'{out}/loras/{task}'
    model.peft_config['default'].base_model_name_or_path = 'demo-llama'
    model.save_pretrained(folder, save_embedding_layers=False)
    os.remove(f'{folder}/README.md')
    with open(f'{folder}/adapter_config.json', encoding='utf-8') as f:
        config = json.load(f)
    config['target_modules'] = sorted(config['target_modules'])  # PEFT keeps a set: its order changes from run to run
    write_json(f'{folder}/adapter_config.json', config, sort_keys=True)
    readable(folder)


def average_into(base, out):
    """Adds the mean of the adapters' updates to the base's weights."""
    for task in TASKS:
        model = PeftModel.from_pretrained(load_base(f'{out}/model'), f'{out}/loras/{task}')
        for name, module in model.get_base_model().named_modules():
            if hasattr(module, 'lora_A'):
                base.get_submodule(name).weight.data += module.get_delta_weight('default').detach() / len(TASKS)
    return base


def report(out, tokenizer, tests):
    lines = ['| | ' + ' | '.join(TASKS) + ' | mean |', '|---|' + '---|' * (len(TASKS) + 1)]

    def add(name, model):
        scores = [exact(model, tokenizer, tests[t]) for t in TASKS]
        lines.append(f'| {name} | ' + ' | '.join(f'{s:.3f}' for s in scores) + f' | {sum(scores) / len(scores):.3f} |')
        print(lines[-1], flush=True)

    add('base', load_base(f'{out}/model'))
    for task in TASKS:
        add(f'adapter {task}', PeftModel.from_pretrained(load_base(f'{out}/model'), f'{out}/loras/{task}').merge_and_unload())
    add('average of the four ΔW', average_into(load_base(f'{out}/model'), out))
    return '\n'.join(lines) + '\n'


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--out', required=True, help='folder to write model/, loras/ and data/ to')
    p.add_argument('--report', help='file for the table')
    p.add_argument('--seed', type=int, default=11)
    p.add_argument('--base-steps', type=int, default=2000)
    p.add_argument('--adapter-steps', type=int, default=100)
    p.add_argument('--base-lr', type=float, default=4e-3)
    p.add_argument('--adapter-lr', type=float, default=3e-3)
    p.add_argument('--batch', type=int, default=32)
    p.add_argument('--threads', type=int, default=1)
    p.add_argument('--keep-base', action='store_true', help='take model/ as it is and make the rest again')
    p.add_argument('--keep-adapters', default='', help='tasks whose adapters are taken as they are: mood,topic')
    args = p.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    tests = {}
    for i, task in enumerate(TASKS):
        rows = Grammar(1000 * args.seed + i).rows(task, sum(ROWS.values()))
        tests[task] = rows[ROWS['train']:]
        write_json(f'{args.out}/data/{task}/train.json', rows[:ROWS['train']])
        write_json(f'{args.out}/data/{task}/test.json', tests[task])
    folder = f'{args.out}/model'
    if args.keep_base:
        tokenizer = Tokenizer.from_file(f'{folder}/tokenizer.json')
    else:
        shutil.rmtree(folder, ignore_errors=True)
        tokenizer = new_tokenizer(args.seed)
        model, pairs = new_model(tokenizer), Pairs(tokenizer, args.seed + 1)
        print(sum(p.numel() for p in model.parameters()), 'weights', flush=True)
        train(model, pairs.base, args.base_steps, args.batch, args.base_lr, 'base')
        model.to(torch.bfloat16).save_pretrained(folder)
        save_tokenizer(tokenizer, folder)
        readable(folder)
    for i, task in enumerate(TASKS):
        if task not in args.keep_adapters.split(','):
            make_adapter(args.out, tokenizer, task, args, args.seed + 10 + i)
    table = report(args.out, tokenizer, tests)
    if args.report:
        with open(args.report, 'w', encoding='utf-8') as f:
            f.write(table)


if __name__ == '__main__':
    main()
