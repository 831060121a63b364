#!/usr/bin/env python3
"""What Python's re makes of the patterns of adapter_config.json, as PEFT asks it (Python 3.11 or newer).

    patterns.py golden > tests/unit/patterns.h      the table that test_pattern.c compares with
    patterns.py random PRINT_PATTERNS [--count N] [--seed S]

PRINT_PATTERNS is the program built from print-patterns.c. `random` puts N patterns together from pieces that mean different things in different
engines, and compares every answer. Our refusal of what Python takes is counted and shown by reason; any other difference is a failure.
"""
import argparse
import random
import re
import subprocess
import sys
import warnings
from collections import Counter

warnings.simplefilter('ignore')
NAMES = ['encoder.block.0.layer.0.SelfAttention.q', 'encoder.block.1.layer.0.SelfAttention.v', 'encoder.block.11.layer.1.DenseReluDense.wi_0',
         'decoder.block.0.layer.1.EncDecAttention.q', 'decoder.block.1.layer.0.SelfAttention.o', 'decoder.block.1.layer.2.DenseReluDense.wo']
WHOLE = [
    r'.*\.(q|v)', r'.*\.(?:q|v)', r'.*?\.[qv]', r'(?!decoder).*\.q', r'^(?!.*decoder).*\.(q|v)$', r'.*(?<!EncDec)Attention\.q', r'.*(?<=block\.)0\..*q',
    r'.*\bq\b', r'.*\b[qv]', r'.*\Bq', r'.*Attention\b.*', r'(?=.*block\.1\.).*[ov]', r'\A.*\.q\Z', r'.*\.q\Z', r'(?i).*SELFATTENTION\.Q', r'(?i:ENCODER).*\.q',
    r'(?i)(?s)ENCODER.*', r'(?ms)encoder.*', r'.*\.(?P<which>q|v)', r'.*+q', r'[^.]++\.block.*', r'(?>encoder|enc).*q', r'(?>enc|encoder)\.block.*', r'.*\.wi_\d',
    r'.{,39}', r'.{39,}', r'.{,}', r'.{39}', r'.{1,39}?', r'.{39}+', r'e{1}nc.*', r'.*[[:alpha:]]', r'.*[\w.]', r'[\w.]*\.([q]|[v])', r'.*[]q]', r'.*[^]q]',
    r'.*[q-v]', r'.*[\d_-]', r'[a-z.\d]+', r'.*[^\W\d]', r'.*\.layer\.[01]\..*', r'(en|de)coder\.block\.\d+\.layer\.[01]\.\w+\.[^ok]', r'.*\.(q|v)|nothing',
    r'nothing|.*\.(q|v)', r'', r'.*\s?q', r'(.*)(\.)(q)', r'((((.*))))q', r'(|x).*q', r'()*.*q', r'(?:)*.*q', r'(a*)*.*q', r'(?:.*\.)?q', r'.*q{', r'.*q{}',
    r'.*q{1,x}', r'.*q{ 1}', r'.*\{q', r'.*}q', r'.*]q', r'.*\-q', r'.*\_q', r'.*#q', r'.* q', r'.*\.(?:q)\b$', r'.*$', r'^.*', r'^^.*$$', r'x*^.*', r'.*(?=q)q',
    r'.*(?!v)[qv]', r'.*(?<=(?:n|t)\.)q', r'.*(?<=\.)q', r'.*(?<![.])q', r'(?=.*q)*.*', r'.*(?<=Self|EncD)', r'(?!.*(?:EncDec|Dense)).*', r'(?s:.)*q', r'.*(?i:Q)',
    # Python takes what follows, and we refuse it by name
    r'(q)\1', r'(?P<a>.)(?P=a).*', r'(a)?(?(1)b|.*)', r'(?x) .* q', r'(?a).*q', r'(?u).*q', r'(?-i:.*)q', r'(?i-s:.*)q', r'(?#all).*q', r'.*\x71', r'.*\u0071',
    r'.*[\x71]', r'.*\n?q', r'.*\07?q', 'é|.*q', r'(?P<a23456789012345678901234567890123>.*)q', r'(' * 101 + '.*' + ')' * 101,
    # Python refuses what follows
    r'*q', r'q**', r'q{1}{2}', r'q+*', r'q???', r'^*q', r'\b+q', r'$?q', r'(*q)', r'(q', r'q)', r'q)|(v', r'[q', r'[]', r'[z-a]', r'[a-\d]', r'[\d-z]', r'q{2,1}', r'\\'[:1],
    r'\z', r'\K', r'\Qq\E', r'\p{L}', r'\R', r'\X', r'\h', r'\G', r'\e', r'\cA', r'\N', r'\g{1}', r'\k<a>', r'[\Z]', r'[\b-', r'(?<a>q)', r"(?'a'q)", r'(?|q)', r'(?R)',
    r'(?1)', r'(?&a)', r'(?C1)', r'(?P>a)', r'(?P<1>q)', r'(?P<a>q)(?P<a>v)', r'(?P<>q)', r'(?P<a', r'(?', r'(?<', r'(?i', r'(?<=a|bc)q', r'(?<=a+)q', r'(?<=(a|bc))q',
    r'(?<=a*)q', r'.*(?i)q', r'a|(?i)q', r'(?-i)q', r'(*UTF8)q', r'(*LIMIT_MATCH=1)q', r'(?P<a b>q)', r'(?(q', r'(?^i:q)',
]
TAIL = [r'q', r'v|q', r'SelfAttention.q', r'Attention.q', r'block\.0\..*', r'^encoder.*', r'^q', r'.*', r'[qv]', r'layer.0.*.q', r'(?!.*v).*', r'\bq', r'.*\b(q|v)$', r'q$', r'(?<=\.)q',
        r'(?i:Q)', r'(?i)q', r'encoder.block.0.layer.0.SelfAttention.q', r'', r'wi_\d', r'q{,1}', r'(q', r'idx', r'.q', r'\.q', r'0|1', r'(?P<idx>q)']
LAYER = [r'block', r'layer', r'bloc', r'lock', r'encoder.block', r'(?:encoder|decoder)\.block', r'encoder\.block|layer', r'layer|block', r'\bblock', r'b.*k', r'.*', r'.+', r'', r'encoder',
         r'(?!x)block', r'(?i:BLOCK)', r'(?i)block', r'(?P<idx>block)', r'[a-z]+', r'\w+', r'block\.\d+\.layer', r'block\.1\.layer', r'(block|layer)', r'(?<=encoder\.)block', r'block$', r'(',
         r'h', r'd.*block|encoder.block']
PIECES = ['q', 'v', '.', '.*', r'\.', '|', '(', ')', '(?:', '(?=', '(?!', '(?<=', '(?<!', '(?>', '(?i:', '(?i)', '(?P<n>', '*', '+', '?', '{', '}', '{,2}', '{1,2}', '{2}', '{,}', ',', '1',
          '[', ']', '[^', '-', '^', '$', r'\b', r'\B', r'\A', r'\Z', r'\d', r'\W', r'\w+', '\\', '[qv]', '[[:alpha:]]', '[]a]', 'encoder', 'block', 'layer', 'Attention', 'a', 'b', ':', '=', '!', '<',
          '>', '#', ' ', '&&', '--', '~', '_', '0', r'\z', r'\h', 'x', 'E', '(?s:', '(?m)', '.*?', '.+?', '.*+', '{2}+', '{1}?']


def ask(kind, text, name):
    """As PEFT asks: '-' an error, else 0 or 1; L: the number, or n for none."""
    try:
        if kind == 'W':
            return str(int(bool(re.fullmatch(text, name))))
        if kind == 'T':
            return str(int(bool(re.match(rf'(.*\.)?({text})$', name))))
        m = re.match(rf'(?:^|.*?\.){text}\.(?P<idx>\d+)\.', name) if kind == 'L' else re.match(r'.*?\.[^.]*\.(?P<idx>\d+)\.', name)
        return (m.groupdict().get('idx') or 'n') if m else '0n'
    except (re.error, OverflowError, RecursionError):
        return '-'


def golden():
    print('/* patterns.h: what Python %d.%d makes of patterns, written by tests/oracle/patterns.py: kind, text, and an answer for each of NAMES.\n'
          ' * W: fullmatch, T: a key of rank_pattern, L: layers_pattern, A: no layers_pattern. Answers: 0, 1, the number of the layer, n: a match without\n'
          ' * a number, 0n: no match, "-": an error. */' % sys.version_info[:2])
    print('static const char *const NAMES[] = {\n' + ''.join(f'\t"{n}",\n' for n in NAMES) + '};\n')
    print('static const struct {\n\tchar kind;\n\tconst char *text, *answers;\n} PATTERNS[] = {')
    quote = str.maketrans({'\\': '\\\\', '"': '\\"', '?': '\\?'})
    for kind, texts in ('W', WHOLE), ('T', TAIL), ('L', LAYER), ('A', ['']):
        for t in texts:
            answers = ' '.join(ask(kind, t, n) for n in NAMES)
            print(f"\t{{'{kind}', \"{t.translate(quote)}\", \"{'-' if answers.startswith('-') else answers}\"}},")
    print('};')


def compare(program, count, seed):
    rng, asked = random.Random(seed), []
    for _ in range(count):
        kind = rng.choice('WWTL')
        text = ''.join(rng.choice(PIECES) for _ in range(rng.randint(1, 9)))
        if kind == 'W' and rng.random() < .5:
            text = '.*' + text
        asked.append((kind, text, rng.choice(NAMES)))
    out = subprocess.run([program], input=''.join(f'{k}\t{t}\t{n}\n' for k, t, n in asked), capture_output=True, text=True, check=True).stdout
    said, wrong, refused = out.splitlines(), 0, Counter()
    assert len(said) == count
    both = sum(s[0] != '-' for s in said)
    for (kind, text, name), s in zip(asked, said):
        right = ask(kind, text, name)
        if s == right or (s[0] == '-' and right == '-'):
            continue
        if s[0] == '-':
            refused[s[2:]] += 1
        else:
            wrong += 1
            print(f'{kind} {text!r} on {name}: Python {right}, ours {s}')
    for why, n in refused.most_common():
        print(f'refused, Python takes it: {n:6d} {why}')
    print(f'{count} patterns, {both} taken, {wrong} differ')
    sys.exit(wrong > 0)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('what', choices=['golden', 'random'])
    p.add_argument('program', nargs='?')
    p.add_argument('--count', type=int, default=100000)
    p.add_argument('--seed', type=int, default=1)
    args = p.parse_args()
    golden() if args.what == 'golden' else compare(args.program, args.count, args.seed)


if __name__ == '__main__':
    main()
