#!/usr/bin/env python3
"""The model card of a merge, as the Hugging Face hub and PEFT read it.

    card.py WORK [MODEL]

huggingface_hub parses the YAML head and its results, which must be those of WORK/eval. With MODEL, the base model's folder, PEFT loads WORK/adapter.
"""
import json
import sys
from pathlib import Path

from huggingface_hub import ModelCard


def check_head(work):
    card = ModelCard.load(work / 'adapter' / 'README.md')
    head = card.data.to_dict()
    assert head['library_name'] == 'peft' and 'lora' in head['tags'] and '/' not in head['base_model'][:1], head
    results = card.data.eval_results or []
    for r in results:
        found = json.loads((work / 'eval' / f'{r.dataset_name}.json').read_text())
        value = found['accuracy'] if r.metric_type == 'accuracy' else found['macro_f1']
        assert r.task_name == r.dataset_name and abs(r.metric_value - value) < 1e-6, (r, value)
    print(f"{card.data.model_name}: base {head['base_model']}, {len(results)} results equal WORK/eval")
    return card.text


def check_peft(work, model):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM
    config = json.loads((work / 'adapter' / 'adapter_config.json').read_text())
    loader = AutoModelForCausalLM if config['task_type'] == 'CAUSAL_LM' else AutoModelForSeq2SeqLM
    merged = PeftModel.from_pretrained(loader.from_pretrained(model), str(work / 'adapter'))
    print('PEFT:', type(merged.get_base_model()).__name__, 'with', len(merged.peft_config['default'].target_modules), 'kinds of modules')


def main():
    work = Path(sys.argv[1])
    text = check_head(work)
    assert str(work.resolve()) not in text
    if len(sys.argv) > 2:
        check_peft(work, sys.argv[2])


main()
