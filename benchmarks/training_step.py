"""A training step of MobileNetV1 in PyTorch, with its separable pairs as they are and in csep.

    python benchmarks/training_step.py [--batch 8] [--size 224] [--threads 1 2] [--seconds 20]
        [--save]

The network has Keras' SeparableConv2D layers: a depthwise and a pointwise convolution, then batch
normalisation and ReLU6.  A step is the forward pass, cross-entropy, the backward pass and an update
by SGD.  Plain PyTorch, in channels_last memory and in its own, and the network whose pairs
`csep.interop.torch.SeparableConv2d.from_pair` replaced take turns in one process per thread count.
Losses of the first step are compared.  Prints a table in Markdown; --save keeps it in results/.
"""

import argparse
import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from machine import file_name
from network_peers import compare, take_turns

# Strides and filters of MobileNetV1's separable layers.
LAYERS = [(1, 64), (2, 128), (1, 128), (2, 256), (1, 256), (2, 512), *[(1, 512)] * 5]
LAYERS += [(2, 1024), (1, 1024)]
NAMES = ["PyTorch", "PyTorch NCHW"]


def mobilenet():
    """Return the network, and the places of its separable pairs in it."""
    from torch import nn

    layers = [nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU6()]
    pairs, channels = [], 32
    for stride, filters in LAYERS:
        pairs.append(len(layers))
        layers += [
            nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False),
            nn.Conv2d(channels, filters, 1, bias=False),
            nn.BatchNorm2d(filters),
            nn.ReLU6(),
        ]
        channels = filters
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 1000)]
    return nn.Sequential(*layers), pairs


def in_csep(network, pairs):
    """Return a copy whose pairs csep computes."""
    from torch import nn

    from csep.interop.torch import SeparableConv2d

    layers = []
    for place, layer in enumerate(copy.deepcopy(network)):
        if place in pairs:
            continue
        if place - 1 in pairs:
            layers.append(SeparableConv2d.from_pair(network[place - 1], layer))
        else:
            layers.append(layer)
    return nn.Sequential(*layers)


def stepper(network, x, labels):
    """Return a training step, which returns the loss."""
    import torch

    optimizer = torch.optim.SGD(network.parameters(), 1e-3)
    network.train()

    def step():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(x), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def measure(options):
    """Return medians and paired ratios at one thread count."""
    import torch

    (threads,) = options.threads
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    network, pairs = mobilenet()
    x, labels = (
        torch.randn(options.batch, 3, options.size, options.size),
        torch.arange(options.batch),
    )
    last = torch.channels_last
    steps = {
        "csep": stepper(
            in_csep(network, pairs).to(memory_format=last), x.to(memory_format=last), labels
        ),
        "PyTorch": stepper(
            copy.deepcopy(network).to(memory_format=last), x.to(memory_format=last), labels
        ),
        "PyTorch NCHW": stepper(copy.deepcopy(network), x, labels),
    }
    first = {name: step() for name, step in steps.items()}
    assert np.ptp(list(first.values())) < 1e-3, first
    return compare(take_turns(steps, threads, options.seconds))


def main():
    """Print the table; with --save, keep it in results/."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(options)))
        return
    peers = " | ".join(f"{name} / csep" for name in NAMES)
    lines = [
        f"| threads | step of {options.batch} images with csep, ms | {peers} |",
        "|---:|---:|---:|---:|",
    ]
    print(*lines, sep="\n")
    for threads in options.threads:
        command = [sys.executable, __file__, "--child", "--threads", str(threads)]
        for name in ("batch", "size", "seconds"):
            command += [f"--{name}", str(getattr(options, name))]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        cells = [f"{found['ratio'][name]:.2f}" for name in NAMES]
        lines.append(f"| {threads} | {found['median']['csep'] * 1e3:.0f} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    if options.save:
        path = Path(__file__).parent / "results" / f"training-step-{file_name()}.md"
        path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
