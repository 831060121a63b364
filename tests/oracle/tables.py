#!/usr/bin/env python3
"""What Python's csv and json modules read from files of rows.

    tables.py > tests/golden/tables.json      the cases that golden/test_tables.c compares with

A case is a file's name, its text, and its rows. CSV is read by csv.DictReader in the dialect excel, TSV in excel-tab, both strict; JSON Lines by
json.loads line by line, blank lines left out. The texts are put together by hand, or written by csv.writer from random fields.
"""
import csv
import io
import json
import random

BY_HAND = {
    'plain': ('csv', 'text,label\nthe rain,joy\n'),
    'no end of the last line': ('csv', 'text,label\nthe rain,joy'),
    'CRLF': ('csv', 'text,label\r\nthe rain,joy\r\nthe house,fear\r\n'),
    'carriage returns alone': ('csv', 'text,label\rthe rain,joy\rthe house,fear\r'),
    'a byte order mark': ('csv', '\ufefftext,label\nthe rain,joy\n'),
    'a byte order mark before a quote': ('csv', '\ufeff"text","label"\n"the rain","joy"\n'),
    'quotes within quotes': ('csv', 'text,label\n"he said ""no""",anger\n"""",joy\n"""a",b\n'),
    'line ends in a field': ('csv', 'text,label\n"one\ntwo\r\nthree\rfour\n\n",joy\nnext,fear\n'),
    'separators in a field': ('csv', 'text,label\n"a,b\tc;d",joy\n'),
    'empty fields': ('csv', 'a,b,c\n,,\n"","",""\nx,,\n'),
    'a quote within an unquoted field': ('csv', 'text,label\n5" nails,joy\nit"s "so",fear\n'),
    'blanks count': ('csv', ' text , label \n the rain ,  joy\n'),
    'blank lines': ('csv', 'text,label\n\nthe rain,joy\n\r\n\nthe house,fear\n\n'),
    'one column': ('csv', 'text\nthe rain\n""\nthe house\n'),
    'a column without a name': ('csv', ',text,label\n0,the rain,joy\n1,the house,fear\n'),
    'characters of two to four bytes': ('csv', 'text,label\né€𝄞,"ünter\u2028"\n\u00a0x\u00a0,日本\n'),
    'control characters': ('csv', 'text,label\na\x01b\x0cc\x7f\x85d,joy\n'),
    'numbers are texts': ('csv', 'text,label\n007,1.50\n1e3,-0\n'),
    'tabs': ('tsv', 'text\tlabel\nthe rain, old\tjoy\n'),
    'tabs and quotes': ('tsv', '"text"\tlabel\r\n"a\tb ""c""\nd"\tjoy\r\n"x"\tfear\r\n'),
    'tabs and empty fields': ('tsv', 'a\tb\n\t\nx\t\n'),
    'lines': ('jsonl', '{"text": "the rain", "label": "joy"}\n{"text": "the house", "label": 1}\n'),
    'lines without an end, with blank ones': ('jsonl', '\n{"a": "1"}\n \t \n\r\n{"a": "2", "b": null}\r\n{"a": [1, 2.5, {"c": true}]}'),
    'lines behind a byte order mark': ('jsonl', '\ufeff{"a": "\\u00e9\\ud834\\udd1e€"}\n'),
}
PIECES = ['', 'a', 'rain', ' ', ',', '\t', '"', '""', '\n', '\r', '\r\n', 'é', '𝄞', ';', '0', "'", '\\', '\\n', '\u2028', '\x1f']


def random_text(draw, form):
    """A table of random fields, as csv.writer puts it down. (QUOTE_MINIMAL leaves a line end bare that is not its own: QUOTE_ALL beside one.)"""
    out = io.StringIO(newline='')
    columns, end = draw.randint(2, 5), draw.choice(['\n', '\r\n', '\r'])
    quoting = draw.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]) if end == '\r\n' else csv.QUOTE_ALL
    writer = csv.writer(out, 'excel' if form == 'csv' else 'excel-tab', lineterminator=end, quoting=quoting)
    writer.writerow([f'{draw.choice(PIECES)}{k}' for k in range(columns)])
    for _ in range(draw.randint(1, 6)):
        writer.writerow([''.join(draw.choices(PIECES, k=draw.randint(0, 6))) for _ in range(columns)])
    return draw.choice(['', '\ufeff']) + out.getvalue()


def rows(form, text):
    text = text.removeprefix('\ufeff')
    if form == 'jsonl':
        return [json.loads(line) for line in text.split('\n') if line.strip()]
    dialect = 'excel' if form == 'csv' else 'excel-tab'
    return list(csv.DictReader(io.StringIO(text, newline=''), dialect=dialect, strict=True))


def main():
    draw = random.Random(16)
    cases = dict(BY_HAND)
    for k in range(60):
        form = draw.choice(['csv', 'tsv'])
        cases[f'random {k}'] = (form, random_text(draw, form))
    lines = [json.dumps({'case': name, 'file': f'rows.{form}', 'text': text, 'rows': rows(form, text)}) for name, (form, text) in cases.items()]
    print('[' + ',\n'.join(lines) + ']')


main()
