"""Whole networks: csep.Network beside the libraries that people run networks in.

    python benchmarks/networks.py [--models TEXT ...] [--threads 1 2] [--batch 1] [--seconds 5]
        [--save]

One process per thread count and model, bound to that many cores.  Within it the implementations
take turns, as in compare.py; ratios are the median, over the turns, of the peer's time over csep's
in the same turn.  Outputs are compared with Keras' first.  Prints a table in Markdown; --save keeps
it and a picture in results/.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pictures
from machine import file_name

# Largest error, as a part of the largest number of an output.
TOLERANCE = 2e-4


def measure(name, threads, batch, seconds):
    """Return medians and paired ratios of one model."""
    import network_peers
    from models import MODELS

    import csep
    from csep.runtime.peak import measure_peak

    network_peers.limit_threads(threads)
    model, shapes = MODELS[name]()
    rng = np.random.default_rng(1)
    inputs = [rng.standard_normal((batch, *shape), np.float32) for shape in shapes]
    given = inputs if len(inputs) > 1 else inputs[0]
    network = csep.Network.from_keras(model)
    expected = model(given, training=False)
    expected = [np.asarray(y) for y in (expected if isinstance(expected, list) else [expected])]

    def ours():
        y = network(given, num_threads=threads)
        return y if isinstance(y, list) else [y]

    error = network_peers.check(ours(), expected, "csep", TOLERANCE)
    runners = {"csep": ours} | network_peers.peers(model, inputs, threads)
    times = network_peers.take_turns(runners, threads, seconds)
    found = network_peers.compare(times)
    macs = network.macs([x.shape for x in inputs])
    return {
        "error": error,
        **found,
        "gflops": 2 * macs / found["median"]["csep"] / 1e9,
        "peak": measure_peak() * threads / 1e9,
    }


NAMES = ["TensorFlow", "ONNX Runtime", "OpenVINO", "LiteRT"]


def run_child(name, threads, options):
    """Return what a process of its own measures."""
    command = [sys.executable, __file__, "--one", name, "--threads", str(threads)]
    command += ["--batch", str(options.batch), "--seconds", str(options.seconds)]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    if done.returncode:
        sys.exit(done.stderr[-3000:])
    return json.loads(done.stdout.splitlines()[-1])


def best_of(result):
    """Return the time of the fastest peer over csep's."""
    return min(r for name, r in result["ratio"].items() if name in NAMES)


def line(name, threads, result):
    """Return a row of the table."""
    cells = [f"{result['ratio'][n]:.2f}" if n in result["ratio"] else "-" for n in NAMES]
    milliseconds, share = result["median"]["csep"] * 1e3, result["gflops"] / result["peak"]
    start = f"| {name} | {threads} | {milliseconds:.2f} | {share:.0%} | "
    return start + " | ".join(cells) + f" | **{best_of(result):.2f}** |"


def save(results, batch, text):
    """Write the table and a picture of the ratios."""
    stem = Path(__file__).parent / "results" / f"networks-batch-{batch}-{file_name()}"
    stem.with_name(f"{stem.name}.md").write_text(text + "\n")
    panels = {}
    for (name, threads), result in results.items():
        panels.setdefault(threads, {})[name] = result["ratio"]
    pictures.draw_ratios(panels, NAMES, stem.with_name(f"{stem.name}.png"))


def main():
    """Print the table; with --save, keep it and a picture in results/."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=[""], help="those whose names contain these")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)  # in a process of its own
    options = parser.parse_args()
    if options.one:
        result = measure(options.one, options.threads[0], options.batch, options.seconds)
        print(json.dumps(result))
        return
    from compare import geometric_mean
    from models import MODELS

    lines = [
        f"| network | threads | csep, ms | of the peak | {' | '.join(NAMES)} | best / csep |",
        "|---|---:|---:|---:|" + "---:|" * (len(NAMES) + 1),
    ]
    print(*lines, sep="\n", flush=True)
    results = {}
    for name in MODELS:
        if not any(text in name for text in options.models):
            continue
        for threads in options.threads:
            results[name, threads] = run_child(name, threads, options)
            lines.append(line(name, threads, results[name, threads]))
            print(lines[-1], flush=True)
    mean = geometric_mean([best_of(result) for result in results.values()])
    lines += ["", f"Geometric mean of the best peer's time over csep's: {mean:.2f}"]
    print(*lines[-2:], sep="\n")
    if options.save:
        save(results, options.batch, "\n".join(lines))


if __name__ == "__main__":
    main()
