"""Training separable layers: forward and backward pass beside PyTorch and TensorFlow.

    python benchmarks/training.py [--rows TEXT] [--threads 1 2] [--seconds 3] [--save]

One process per thread count, bound to that many cores.  Within it the implementations take turns,
as in networks.py; ratios are the median, over the turns, of the peer's time over csep's in the same
turn.  Results and gradients are compared with TensorFlow's first.  Prints a table in Markdown;
--save keeps it and a picture in results/.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pictures
import training_peers
from machine import file_name
from network_peers import check, compare, take_turns
from workload import rows

HERE = Path(__file__).parent
NAMES = list(training_peers.PEERS)

# Largest error, as a part of the largest number: sums over up to 25,000 pixels in other orders.
TOLERANCE = 1e-3


def runners_of(row, threads):
    """Return name -> step of everything that runs the row, each compared with the first peer's."""
    arrays = row.arrays()
    dy = np.random.default_rng(1).standard_normal(row.output_shape, np.float32)
    makers = {"csep": training_peers.csep} | training_peers.PEERS
    steps = {name: make(row, arrays, dy, threads) for name, make in makers.items()}
    expected = [np.array(result) for result in steps["TensorFlow"]()]
    for name, step in steps.items():
        check(step(), expected, f"{row.name}: {name}", TOLERANCE)
    return steps, backward_alone(row, arrays, dy, threads)


def backward_alone(row, arrays, dy, threads):
    """Return a call of csep's backward pass."""
    import csep

    x, *weights = arrays
    settings = {"strides": row.stride, "padding": row.padding, "num_threads": threads}
    return lambda: csep.separable_conv2d_backward(dy, x, *weights, **settings)


def measure(row, threads, seconds):
    """Return medians and paired ratios of one row."""
    from csep.runtime.peak import measure_peak

    steps, backward = runners_of(row, threads)
    times = take_turns({**steps, "backward": backward}, threads, seconds)
    peak = measure_peak() * threads
    back = float(np.median(times.pop("backward")))
    found = compare(times)
    return {
        "name": row.name,
        **found,
        "backward": back,
        # Each multiply-add of the forward pass has two in the backward pass.
        "share": 3 * row.flops / found["median"]["csep"] / peak,
        "backward_share": 2 * row.flops / back / peak,
    }


def child(options):
    """Measure all rows at one thread count and print them as JSON lines."""
    (threads,) = options.threads
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    for row in rows(HERE / "training.json"):
        if options.rows in row.name:
            print(json.dumps(measure(row, threads, options.seconds)), flush=True)


def run_child(threads, options):
    """Return what a process of its own measures, row by row."""
    command = [sys.executable, __file__, "--child", "--threads", str(threads)]
    command += ["--rows", options.rows, "--seconds", str(options.seconds)]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    if done.returncode:
        sys.exit(done.stderr[-3000:])
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def best_of(result):
    """Return the time of the fastest peer over csep's."""
    return min(result["ratio"][name] for name in NAMES)


def line(threads, result):
    """Return a row of the table."""
    both, back = result["median"]["csep"] * 1e3, result["backward"] * 1e3
    cells = [f"`{result['name']}`", str(threads), f"{both:.3f}", f"{result['share']:.0%}"]
    cells += [f"{back:.3f}", f"{result['backward_share']:.0%}"]
    cells += [f"{result['ratio'][name]:.2f}" for name in NAMES]
    return f"| {' | '.join(cells)} | **{best_of(result):.2f}** |"


def main():
    """Print the table; with --save, keep it and a picture in results/."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", default="", help="those whose names contain this")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options)
        return
    from compare import geometric_mean

    lines = [
        "| layer | threads | forward and backward, ms | of the peak | backward, ms | of the peak | "
        + " | ".join(NAMES)
        + " | best / csep |",
        "|---|" + "---:|" * (len(NAMES) + 6),
    ]
    print(*lines, sep="\n", flush=True)
    panels, best = {}, []
    for threads in options.threads:
        for result in run_child(threads, options):
            lines.append(line(threads, result))
            print(lines[-1], flush=True)
            panels.setdefault(threads, {})[result["name"]] = result["ratio"]
            best.append(best_of(result))
    mean = geometric_mean(best)
    lines += ["", f"Geometric mean of the best peer's time over csep's: {mean:.2f}"]
    print(*lines[-2:], sep="\n")
    if options.save:
        stem = HERE / "results" / f"training-{file_name()}"
        stem.with_name(f"{stem.name}.md").write_text("\n".join(lines) + "\n")
        pictures.draw_ratios(panels, NAMES, stem.with_name(f"{stem.name}.png"))


if __name__ == "__main__":
    main()
