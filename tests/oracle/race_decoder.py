#!/usr/bin/env python3
"""The first layers of a decoder-only sweep by this project and in PyTorch (sweep_decoder_torch.py), in turns: their times and memory.

    race_decoder.py MODEL LORAS DATA [--layers 6] [--turns 3] [--jobs 2] [--task-type SmolLM2] [--config tests/real/smollm2.yaml] [--folder DIR]

Run it in the tree, after `make`. The merge gets a copy of the model and of the adapters that ends after these layers. PyTorch's time
includes the start and the loading of the model: its own lines tell them apart. Prints wall and processor seconds of every turn, then
medians and their ratio.
"""
import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from safetensors.torch import load_file, save_file


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in 'model', 'loras', 'data':
        p.add_argument(name, type=os.path.abspath)
    for name, default in ('layers', 6), ('turns', 3), ('jobs', 2):
        p.add_argument('--' + name, type=int, default=default)
    p.add_argument('--task-type', default='SmolLM2')
    p.add_argument('--config', default='tests/real/smollm2.yaml')
    p.add_argument('--folder', default=tempfile.gettempdir())
    return p.parse_args()


def is_kept(name, layers):
    return '.layers.' not in name or int(name.split('.layers.')[1].split('.')[0]) < layers


def copy_tensors(source, target, layers):
    save_file({n: t for n, t in load_file(source).items() if is_kept(n, layers)}, target, metadata={'format': 'pt'})


def copy_folder(source, target, layers):
    """A folder of a model or of an adapter, without the later layers."""
    os.makedirs(target)
    for name in os.listdir(source):
        a, b = os.path.join(source, name), os.path.join(target, name)
        if name.endswith('.safetensors'):
            copy_tensors(a, b, layers)
        elif name == 'config.json':
            with open(a) as f, open(b, 'w') as g:
                json.dump({**json.load(f), 'num_hidden_layers': layers}, g)
        elif os.path.isfile(a) and not name.endswith('.index.json'):
            shutil.copy(a, b)


def timed(command):
    """Wall seconds and processor seconds."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
    subprocess.run(command, check=True, stdout=sys.stderr, stderr=subprocess.DEVNULL)
    wall, after = time.time() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def merge_command(args, folder):
    return ['make', '--no-print-directory', f'-j{args.jobs}', 'merge', f'TASK_TYPE={args.task_type}', f'CONFIG={args.config}',
            f'MODEL={folder}/model', f'LORAS={folder}/loras', f'DATA={args.data}', f'WORK={folder}/work']


def torch_command(args):
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'sweep_decoder_torch.py')
    return [sys.executable, script, args.model, args.loras, args.data, '--layers', str(args.layers)]


def main():
    args = arguments()
    folder = tempfile.mkdtemp(prefix='race-', dir=args.folder)
    found = {'merge': [], 'PyTorch': []}
    copy_folder(args.model, f'{folder}/model', args.layers)
    for task in os.listdir(args.loras):
        copy_folder(os.path.join(args.loras, task), f'{folder}/loras/{task}', args.layers)
    for turn in range(args.turns):
        shutil.rmtree(f'{folder}/work', ignore_errors=True)
        for name, command in ('merge', merge_command(args, folder)), ('PyTorch', torch_command(args)):
            found[name].append(timed(command))
            print('turn {} {:8} {:6.1f} s wall {:6.1f} s of processors'.format(turn + 1, name, *found[name][-1]), flush=True)
    for i, what in enumerate(('wall', 'processors')):
        ours, theirs = (statistics.median(t[i] for t in found[name]) for name in ('merge', 'PyTorch'))
        print(f'{what}: {ours:.1f} s against {theirs:.1f} s, {theirs / ours:.2f} times as fast')
    shutil.rmtree(folder)


if __name__ == '__main__':
    main()
