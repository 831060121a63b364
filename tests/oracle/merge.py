#!/usr/bin/env python3
"""The merged adapter's ΔW = B·A against float64 reference solutions, module by module.

    merge.py WORK/adapter REFERENCE.safetensors

REFERENCE holds dense ΔW per module: golden files, or what merge_reference.py writes. The bar: relative Frobenius difference ≤ 1e-3 at
the worst module, and the same set of modules. Ends with status 1 where it is missed.
"""
import argparse
import os
import sys

from safetensors.torch import load_file

import oracle

BAR = 1e-3


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('adapter')
    p.add_argument('reference')
    args = p.parse_args()
    config = oracle.read_json(os.path.join(args.adapter, 'adapter_config.json'))
    ours, want = load_file(os.path.join(args.adapter, 'adapter_model.safetensors')), load_file(args.reference)
    if config['lora_alpha'] != config['r'] or config['alpha_pattern'] != config['rank_pattern']:
        sys.exit(f'{args.adapter}: the scale is not 1')
    prefix, suffix, errors = 'base_model.model.', '.lora_A.weight', {}
    for name in ours:
        if name.endswith(suffix):
            module = name[len(prefix):-len(suffix)]
            W = ours[prefix + module + '.lora_B.weight'].double() @ ours[name].double()
            if module in want:
                errors[module] = float((W - want[module].double()).norm() / want[module].double().norm())
            else:
                errors[module] = float('inf')
    missing = sorted(set(want) - set(errors))
    for module, e in sorted(errors.items(), key=lambda x: -x[1])[:5]:
        print(f'{e:.2e}  {module}')
    worst = max(errors.values())
    print(f'{len(errors)} modules, worst relative difference {worst:.2e}, median {sorted(errors.values())[len(errors) // 2]:.2e}, '
          f'bar {BAR:.0e}; {len(missing)} missing {missing[:3]}')
    sys.exit(bool(missing) or not worst <= BAR)


if __name__ == '__main__':
    main()
