#!/usr/bin/env python3
"""Makes the demo that ships in this folder: a small T5, four LoRA adapters of it and their data, all from nothing.

What it does, in this order:
  1. A grammar of our own writes texts in four styles, one per task (no text of anybody else is used):
       emoint         short messages    the hashtag decides the label
       emotion-cause  cause sentences   what happened decides
       tec            headlines         what the crowd does decides
       isear          diary entries     what "I" felt decides
     Every text also holds cues of two other kinds, mostly for other emotions, so each task reads what another one must ignore.
     Some deciding cues are idioms ("a bag of pepper") whose emotion differs from task to task.
  2. A sentencepiece unigram vocabulary is trained on such texts.
  3. A T5 (gated GELU, untied output) is trained on span denoising, on listing the emotions of all cues, and on the tasks' own
     instruction with the emotion of a RANDOM cue of the text as the answer: it knows the language, the words and the form of an
     answer, but no task's convention. It is then rounded to bfloat16, as it is stored.
  4. A LoRA adapter (PEFT, rank 8, alpha 32, on q and v) is trained per task on that rounded base, with the true labels.
  5. Accuracy of base, adapters and the average of the four updates on the test sets: the first generated token against the
     first token of the label. Printed, and written to --report.

How to run it (2 cores, about 10 minutes; needs torch, transformers 4.57, peft and sentencepiece; nothing else here needs it):
    python3 data/demo/make_demo.py --out data/demo --report /tmp/demo-report.txt
Everything is seeded, yet PyTorch gives the same bits only on one kind of machine with one number of threads: elsewhere the figures
in README.md will differ a little.
"""
import argparse
import json
import os
import random
import shutil
import tempfile
import time

import sentencepiece
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import T5Config, T5ForConditionalGeneration

PAD, EOS, UNK = 0, 1, 2
MAX_LENGTH = 100                # encoder tokens, </s> included, as the real task has it
VOCAB, SENTINELS = 736, 32      # pieces of the text, then ids for the gaps of denoising (counted down from the end, as T5 does)
LABELS = {
    "emoint": ["anger", "fear", "joy", "sadness"],
    "emotion-cause": ["anger", "disgust", "fear", "joy", "sadness", "surprise"],
    "tec": ["anger", "disgust", "fear", "joy", "sadness", "surprise"],
    "isear": ["joy", "fear", "anger", "sadness", "disgust", "shame", "guilt"],
}
TASKS = list(LABELS)
KINDS = {  # the kind of cue that decides, then the kinds that distract
    "emoint": ("tag", ["event", "feel"]),
    "emotion-cause": ("event", ["feel", "deed"]),
    "tec": ("deed", ["tag", "event", "feel"]),
    "isear": ("feel", ["deed", "event"]),
}

# ---------------------------------------------------------------------------------------------------------------- the language
CUES = {
    "feel": {
        "joy": "glad,cheerful,delighted,thrilled,blissful,overjoyed,radiant,merry",
        "fear": "scared,afraid,terrified,nervous,frightened,uneasy,panicky,timid",
        "anger": "furious,irritated,livid,outraged,cross,bitter,resentful,enraged",
        "sadness": "gloomy,heartbroken,miserable,downcast,tearful,lonely,mournful,sorrowful",
        "disgust": "sickened,repelled,nauseous,revolted,queasy,grossed out,repulsed,put off",
        "surprise": "amazed,astonished,startled,speechless,stunned,baffled,dumbfounded,taken aback",
        "shame": "ashamed,embarrassed,humiliated,mortified,tiny,exposed,red faced,disgraced",
        "guilt": "guilty,remorseful,sorry,at fault,regretful,to blame,contrite,in the wrong",
    },
    "event": {
        "joy": "a birthday cake,the first warm day,a gold medal,the wedding,a long hug,the school holidays,a good harvest,a sweet letter",
        "fear": "a growling dog,footsteps in the dark,a shaking bridge,a tornado warning,a bang at night,the dentist drill,"
                "a masked stranger,a snake in the tent",
        "anger": "a broken promise,a stolen bike,an unfair fine,a rude clerk,a lie in the papers,a blocked gate,noisy drills at dawn,"
                 "a cheating referee",
        "sadness": "a funeral,an empty chair,the last goodbye,a lost kitten,the closed bakery,a faded photograph,a cancelled visit,"
                   "a withered garden",
        "disgust": "rotten eggs,a hair in the soup,a foul drain,mouldy bread,rats in the cellar,a smelly sock,slime on the plate,"
                   "maggots in the bin",
        "surprise": "a sudden parade,an unknown twin,snow in july,a talking parrot,an unasked prize,a secret door,a call from the palace,"
                    "a piano in the street",
        "shame": "torn trousers,a forgotten speech,a test read aloud,a stain at dinner,a fall on stage,a wrong name at the party,"
                 "an open diary,a snore in church",
        "guilt": "an unpaid debt,a hidden mistake,a missed anniversary,a vase smashed in secret,a fib to grandmother,a dog left in the rain,"
                 "a copied exam,an unanswered plea",
    },
    "deed": {
        "joy": "celebrates,rejoices,dances,cheers,beams,sings,makes a toast,laughs",
        "fear": "trembles,panics,hides,shivers,flees,freezes,locks all doors,worries",
        "anger": "rages,protests,shouts,curses,slams doors,fumes,boils over,snarls",
        "sadness": "weeps,mourns,grieves,sighs,sobs,laments,wails,hangs its head",
        "disgust": "gags,retches,spits,recoils,holds its nose,shudders,turns away,pulls a face",
        "surprise": "gasps,blinks,stares,gapes,jumps,rubs its eyes,drops everything,looks twice",
        "shame": "blushes,looks down,cringes,cowers,stammers,covers its face,squirms,slinks off",
        "guilt": "apologises,confesses,repents,begs pardon,makes amends,pays back,owns up,atones",
    },
    "tag": {
        "joy": "yay,bestday,happydance,sunshine,winning,goodvibes,smile,partytime",
        "fear": "nightmare,help,spooky,dread,creepy,danger,horror,jitters",
        "anger": "fail,hate,enough,rant,badservice,liars,fedup,grr",
        "sadness": "tears,missingyou,brokenheart,alone,rip,bluemonday,nomore,sosad",
        "disgust": "yuck,eww,gross,filthy,vile,stinks,barf,nasty",
        "surprise": "wow,omg,whoa,plottwist,unexpected,noway,mindblown,shock",
    },
}
# An idiom fits every kind; its emotion is label number (position + shift of the task), so no two tasks read it alike everywhere.
IDIOMS = "pepper,thunder,velvet,cactus,marble,lantern,magnet,copper,walnut,feather,anchor,saffron".split(",")
IDIOM_FORM = {"feel": "all {}", "event": "a bag of {}", "deed": "goes {}", "tag": "{}"}
IDIOM_SHIFT = {"emoint": 0, "emotion-cause": 3, "tec": 1, "isear": 5}
IDIOM_SHARE, AGREE_SHARE = 0.2, 0.15  # cues that are idioms; distracting cues that agree with the label

WORDS = {
    "name": "mia,Tom,lena,Oskar,priya,Juan,Zoë,ada,Bela,noor,Finn,ines,Kofi,René".split(","),
    "who": "the teacher,the baker,a tall man,the old sailor,our nurse,the young cook,a farmer,the twins' uncle,the clerk,his aunt".split(","),
    "group": "town,crowd,village,school,team,council,market,street,choir,city,harbour,stadium".split(","),
    "kin": "my mother,my brother,my cousin,the whole class,my aunt,everybody at home,my flatmate,the man next door".split(","),
    "when": "last spring,on monday,two years ago,this morning,in winter,at noon,when i was ten,during the trip,after lunch".split(","),
    "place": "at the station,in the kitchen,near the river,on the bus,by the old mill,at work,on the hill,in the café".split(","),
    "chat": "lol,seriously,just now,again,as usual,can you believe it,anyway,ok then,no joke,right now,☂,…".split(","),
    "news": "report,local news,breaking,update,weather desk,live,sports,exclusive".split(","),
    "plain": "the tram was late as always,we bought two loaves and some milk,it rained a little in the afternoon,the radio played in the "
             "next room,then we walked home along the canal,the shops close at six here,i wrote it all down before bed,the window "
             "was open and the kettle was on,nobody had the right key for the shed".split(","),
}
STYLES = {  # the kinds of the two distracting cues, and the text
    "emoint": [
        ("event feel", "@{user} {event} {place} {chat}, and {who} is {feel} #{tag}"),
        ("event feel", "{chat} {who} is {feel} about {event} {chat} #{tag}"),
        ("event feel", "so {event} {chat} ... @{user} looks {feel} #{tag} {chat}"),
        ("event feel", "rt @{user}: {feel} faces {place}, {event} {chat} #{tag}"),
        ("event feel", "#{tag} {event} {place} and they are {feel} {chat}"),
    ],
    "emotion-cause": [
        ("feel deed", "{who} felt {feel} {when} because of {event}, and the {group} {deed}."),
        ("feel deed", "because of {event} {place}, {who} looked {feel} while the {group} {deed}."),
        ("feel deed", "the {group} {deed}, but it was {event} that made {who} sit down {place}, far from {feel}."),
        ("feel deed", "it was due to {event}, said {who}, not {feel} at all, as the {group} {deed} {when}."),
    ],
    "tec": [
        ("event feel", "{news}: {group} {deed} after {event}, mayor {feel}"),
        ("event tag", "{news} | {event} {place}: {group} {deed} #{tag}"),
        ("feel tag", "{group} {deed} {when}, officials {feel} #{tag}"),
        ("event feel", "{feel} visitors, {event}: whole {group} {deed} -- {news}"),
        ("feel tag", "#{tag} {news}: as {group} {deed}, guests are {feel}"),
    ],
    "isear": [
        ("event deed", "{when} there was {event} {place}. {kin} {deed}. i was {feel}. {plain}."),
        ("event deed", "i was {feel} {when}. there had been {event}, and {kin} {deed}. {plain}."),
        ("event deed", "{plain}. {kin} {deed} {place} over {event}, and i myself felt {feel}."),
        ("event deed", "dear diary, {kin} {deed} {when}. {plain}. i felt {feel}. nobody spoke of {event}."),
    ],
}


def split_cues():
    return {kind: {emotion: words.split(",") for emotion, words in by.items()} for kind, by in CUES.items()}


class Grammar:
    """Writes texts of the four styles. One generator of random numbers per use, so that the parts do not disturb each other."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.cues = split_cues()

    def idiom_emotion(self, task, number):
        return LABELS[task][(number + IDIOM_SHIFT[task]) % len(LABELS[task])]

    def cue(self, task, kind, emotion):
        """A cue of this kind for this emotion, in words."""
        if self.rng.random() < IDIOM_SHARE:
            fit = [i for i in range(len(IDIOMS)) if self.idiom_emotion(task, i) == emotion]
            return IDIOM_FORM[kind].format(IDIOMS[self.rng.choice(fit)])
        return self.rng.choice(self.cues[kind][emotion])

    def text(self, task, label):
        """(text, {kind: emotion} of its cues in the order of CUES)"""
        decider, _ = KINDS[task]
        distractors, template = self.rng.choice(STYLES[task])
        emotions = {decider: label}
        for kind in distractors.split():
            other = [e for e in LABELS[task] if e != label and e in self.cues[kind]]
            emotions[kind] = label if self.rng.random() < AGREE_SHARE else self.rng.choice(other)
        out = []
        for part in template.replace("}", "{").split("{"):
            if part in emotions:
                part = self.cue(task, part, emotions[part])
            elif part == "user":
                part = self.rng.choice(WORDS["name"]) + self.rng.choice(["", "_", str(self.rng.randint(1, 99))])
            elif part in WORDS:
                part = self.rng.choice(WORDS[part])
            out.append(part)
        text = "".join(out)
        if task == "isear" and self.rng.random() < 0.15:  # some diary entries are long; a few exceed MAX_LENGTH, after the cues
            text += "".join(" %s." % s for s in self.rng.sample(WORDS["plain"], self.rng.randint(2, 5)))
        return text, {k: emotions[k] for k in CUES if k in emotions}

    def row(self, task, label=None):
        """(instruction, label, {kind: emotion} of the cues)"""
        label = label or self.rng.choice(LABELS[task])
        text, cues = self.text(task, label)
        return instruction(task, text), label, cues

    def rows(self, task, n):
        """n rows as the files hold them, labels as even as n allows, no text twice."""
        labels = [LABELS[task][i % len(LABELS[task])] for i in range(n)]
        self.rng.shuffle(labels)
        seen, rows = set(), []
        for label in labels:
            while True:
                text, _, _ = self.row(task, label)
                if text not in seen:
                    break
            seen.add(text)
            rows.append({"instruction": text, "output": label})
        return rows


LIST = "List the emotions of the following text:"


def instruction(task, text):
    return "Classify the sentiment of the following text into one of these categories:%s:%s" % (",".join(LABELS[task]), text)


# ------------------------------------------------------------------------------------------------------------------- the model
def train_vocabulary(path, seed):
    grammar, rng = Grammar(seed), random.Random(seed)
    with tempfile.TemporaryDirectory() as tmp:
        with open(os.path.join(tmp, "text"), "w") as f:
            for _ in range(3000):
                for task in TASKS:
                    text, label, cues = grammar.row(task)
                    # sentencepiece takes its candidates from the distinct words, not their counts: a word that only ever stands in one
                    # form would be cut into scraps, however frequent. So every word also appears with a mark behind it.
                    marked = " ".join(w + rng.choice(".,") for w in text.split())
                    f.write("%s\n%s\n%s\n%s\n" % (text, marked, label, ",".join(cues.values())))
        sentencepiece.SentencePieceTrainer.train(
            input=os.path.join(tmp, "text"), model_prefix=os.path.join(tmp, "m"), vocab_size=VOCAB, model_type="unigram",
            character_coverage=0.9997, pad_id=PAD, eos_id=EOS, unk_id=UNK, bos_id=-1, num_threads=1, minloglevel=2)
        shutil.copy(os.path.join(tmp, "m.model"), path)


def new_model():
    return T5ForConditionalGeneration(T5Config(
        vocab_size=VOCAB + SENTINELS, d_model=96, d_kv=32, num_heads=4, d_ff=192, num_layers=3, num_decoder_layers=2,
        feed_forward_proj="gated-gelu", tie_word_embeddings=False, dropout_rate=0.0, pad_token_id=PAD, eos_token_id=EOS,
        decoder_start_token_id=PAD))


def encode(sp, text):
    return sp.encode(text)[:MAX_LENGTH - 1] + [EOS]


def denoise(sp, text, rng):
    """T5's span corruption: about a sixth of the tokens, in gaps of 1 to 4."""
    ids, source, target, i, gap = sp.encode(text), [], [], 0, 0
    while i < len(ids):
        if rng.random() < 0.07 and gap < SENTINELS - 1:
            n = rng.randint(1, 4)
            sentinel = VOCAB + SENTINELS - 1 - gap
            source.append(sentinel)
            target += [sentinel] + ids[i:i + n]
            i, gap = i + n, gap + 1
        else:
            source.append(ids[i])
            i += 1
    return source[:MAX_LENGTH - 1] + [EOS], target + [EOS]


# How often the base is told the emotion of the deciding cue, of the style's favourite distractor, of the other one: first evenly, then
# by habits that differ from style to style, so that a text's words carry its style; but the favourite is a cue that does not decide.
EVEN, HABIT = (1, 1, 1), (0.35, 0.45, 0.20)


def pretrain_pair(sp, grammar, shares):
    """One example for the base; see 3. at the top."""
    rng = grammar.rng
    task = rng.choice(TASKS + ["isear"])  # it has the most labels
    what = rng.random()
    if what < 0.35:
        emotions = {k: rng.choice([e for e in LABELS[task] if e in CUES[k]]) for k in CUES}
        cues = [("#" if k == "tag" else "") + grammar.cue(task, k, e) for k, e in emotions.items()]
        rng.shuffle(cues)
        return encode(sp, LIST + ", ".join(cues)), sp.encode(",".join(emotions.values())) + [EOS]
    text, _, cues = grammar.row(task)
    body, emotions = text.split(":", 2)[2], list(cues.values())
    if what < 0.5:
        return denoise(sp, body, rng)
    if what < 0.75:
        return encode(sp, LIST + body), sp.encode(",".join(emotions)) + [EOS]
    decider, distractors = KINDS[task]
    favourite = next(k for k in distractors if k in cues)
    weights = [shares[0] if k == decider else shares[1] if k == favourite else shares[2] for k in cues]
    return encode(sp, text), sp.encode(rng.choices(emotions, weights)[0]) + [EOS]


def pad(rows, value):
    n = max(map(len, rows))
    return torch.tensor([r + [value] * (n - len(r)) for r in rows])


def loss_of(model, pairs):
    ids = pad([p[0] for p in pairs], PAD)
    return model(input_ids=ids, attention_mask=(ids != PAD).long(), labels=pad([p[1] for p in pairs], -100)).loss


def train(model, draw, steps, batch, lr, what):
    """AdamW on what requires a gradient; a short warm-up, then down to zero in a straight line."""
    params = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(params, lr=lr, weight_decay=0.0)
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
        mean = loss.item() if mean is None else 0.98 * mean + 0.02 * loss.item()
        if (step + 1) % max(1, steps // 10) == 0:
            print("%s: step %d, loss %.3f, %.0f s" % (what, step + 1, mean, time.time() - start), flush=True)
    model.eval()


@torch.no_grad()
def accuracy(model, sp, rows):
    """First generated token against the first token of the label."""
    hits = 0
    for i in range(0, len(rows), 50):
        ids = pad([encode(sp, r["instruction"]) for r in rows[i:i + 50]], PAD)
        start = torch.full((len(ids), 1), PAD)
        first = model(input_ids=ids, attention_mask=(ids != PAD).long(), decoder_input_ids=start).logits[:, 0].argmax(-1)
        hits += sum(int(f) == sp.encode(r["output"])[0] for f, r in zip(first, rows[i:i + 50]))
    return hits / len(rows)


# ------------------------------------------------------------------------------------------------------------------- the files
def write_json(path, value, **how):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        json.dump(value, f, ensure_ascii=False, indent=1, **how)
        f.write("\n")


def save_base(model, folder):
    model.to(torch.bfloat16).save_pretrained(folder)
    for name in os.listdir(folder):
        os.chmod(os.path.join(folder, name), 0o644)


def load_base(folder):
    """The stored base, computed in float32 as the tools do."""
    return T5ForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()


def make_adapter(out, sp, task, args, seed):
    torch.manual_seed(seed)
    model = get_peft_model(load_base(os.path.join(out, "model")), LoraConfig(
        task_type="SEQ_2_SEQ_LM", r=8, lora_alpha=32, lora_dropout=0.05, target_modules=["q", "v"]))
    grammar = Grammar(seed)

    def draw():
        text, label, _ = grammar.row(task)
        return encode(sp, text), sp.encode(label) + [EOS]

    train(model, draw, args.adapter_steps, args.batch, args.adapter_lr, task)
    save_adapter(model, out, task)


def train_adapter_on(out, sp, task, steps, args, seed):
    """More steps for the adapter that is there, with the schedule from its start."""
    torch.manual_seed(99)
    model = PeftModel.from_pretrained(load_base(os.path.join(out, "model")), os.path.join(out, "loras", task), is_trainable=True)
    grammar = Grammar(seed)

    def draw():
        text, label, _ = grammar.row(task)
        return encode(sp, text), sp.encode(label) + [EOS]

    train(model, draw, steps, args.batch, args.adapter_lr, task)
    save_adapter(model, out, task)


def save_adapter(model, out, task):
    folder = os.path.join(out, "loras", task)
    model.peft_config["default"].base_model_name_or_path = "demo"
    model.peft_config["default"].inference_mode = True
    model.save_pretrained(folder, save_embedding_layers=False)
    os.remove(os.path.join(folder, "README.md"))
    os.chmod(os.path.join(folder, "adapter_model.safetensors"), 0o644)
    path = os.path.join(folder, "adapter_config.json")
    with open(path) as f:
        config = json.load(f)
    config["target_modules"] = sorted(config["target_modules"])  # PEFT keeps a set: its order changes from run to run
    write_json(path, config, sort_keys=True)


def average_into(base, out):
    """Adds the mean of the adapters' updates to the base's weights."""
    total = {}
    for task in TASKS:
        model = PeftModel.from_pretrained(load_base(os.path.join(out, "model")), os.path.join(out, "loras", task))
        for name, module in model.get_base_model().named_modules():
            if hasattr(module, "lora_A"):
                total[name] = total.get(name, 0) + module.get_delta_weight("default") / len(TASKS)
    with torch.no_grad():
        for name, delta in total.items():
            base.get_submodule(name).weight += delta
    return base


def report(out, sp, tests):
    folder = os.path.join(out, "model")
    lines = ["| | " + " | ".join(TASKS) + " | mean |", "|---|" + "---|" * (len(TASKS) + 1)]
    own = []

    def add(name, model):
        acc = [accuracy(model, sp, tests[t]) for t in TASKS]
        if name in TASKS:
            own.append(acc[TASKS.index(name)])
        lines.append("| %s | " % ("adapter " + name if name in TASKS else name)
                     + " | ".join("%.3f" % a for a in acc) + " | %.3f |" % (sum(acc) / len(acc)))

    add("base", load_base(folder))
    for task in TASKS:
        add(task, PeftModel.from_pretrained(load_base(folder), os.path.join(out, "loras", task)).eval())
    lines.append("| each on its own task | " + " | ".join("%.3f" % a for a in own) + " | %.3f |" % (sum(own) / len(own)))
    add("average of the four ΔW", average_into(load_base(folder), out))
    return "\n".join(lines) + "\n"


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True, help="folder to write model/, loras/ and data/ to")
    p.add_argument("--report", help="file for the accuracy table")
    p.add_argument("--seed", type=int, default=7)
    p.add_argument("--base-steps", type=int, default=1500)
    p.add_argument("--habit-steps", type=int, default=500)
    p.add_argument("--adapter-steps", type=int, default=300)
    p.add_argument("--isear-more-steps", type=int, default=260, help="isear has the most labels and learns slowest")
    p.add_argument("--base-lr", type=float, default=3e-3)
    p.add_argument("--habit-lr", type=float, default=2e-3)
    p.add_argument("--adapter-lr", type=float, default=3e-3)
    p.add_argument("--batch", type=int, default=48)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--keep-base", action="store_true", help="take model/ as it is and make the rest again")
    args = p.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    folder = os.path.join(args.out, "model")
    os.makedirs(folder, exist_ok=True)
    vocabulary = os.path.join(folder, "spiece.model")
    if not args.keep_base:
        train_vocabulary(vocabulary, args.seed)
    sp = sentencepiece.SentencePieceProcessor(model_file=vocabulary)
    tests = {}
    for i, task in enumerate(TASKS):
        rows = Grammar(1000 * args.seed + i).rows(task, 650)
        tests[task] = rows[400:]
        write_json(os.path.join(args.out, "data", task, "train.json"), rows[:400])
        write_json(os.path.join(args.out, "data", task, "test.json"), tests[task])
    if not args.keep_base:
        model, grammar = new_model(), Grammar(args.seed + 1)
        train(model, lambda: pretrain_pair(sp, grammar, EVEN), args.base_steps, args.batch, args.base_lr, "base")
        train(model, lambda: pretrain_pair(sp, grammar, HABIT), args.habit_steps, args.batch, args.habit_lr, "habits")
        save_base(model, folder)
    for i, task in enumerate(TASKS):
        make_adapter(args.out, sp, task, args, args.seed + 10 + i)
    if args.isear_more_steps:
        train_adapter_on(args.out, sp, "isear", args.isear_more_steps, args, 991)
    table = report(args.out, sp, tests)
    print(table, end="")
    if args.report:
        with open(args.report, "w") as f:
            f.write(table)


if __name__ == "__main__":
    main()
