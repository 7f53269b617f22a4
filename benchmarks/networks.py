"""Whole networks: csep.Network beside the libraries that people run networks in.

    python benchmarks/networks.py [--models TEXT ...] [--threads 1 2] [--batch 1] [--seconds 5]

One process per thread count and model, bound to that many cores.  Within it the implementations
take turns, as in compare.py; ratios are the median, over the turns, of the peer's time over csep's
in the same turn.  Outputs are compared with Keras' first.  Prints a table in Markdown.
"""

import argparse
import json
import subprocess
import sys

import numpy as np

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
    mine = np.array(times["csep"])
    macs = network.macs([x.shape for x in inputs])
    return {
        "error": error,
        "median": {n: float(np.median(t)) for n, t in times.items()},
        "ratio": {n: float(np.median(np.array(t) / mine)) for n, t in times.items()},
        "gflops": 2 * macs / float(np.median(mine)) / 1e9,
        "peak": measure_peak() * threads / 1e9,
    }


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=[""], help="those whose names contain these")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--one", help=argparse.SUPPRESS)  # in a process of its own
    options = parser.parse_args()
    if options.one:
        result = measure(options.one, options.threads[0], options.batch, options.seconds)
        print(json.dumps(result))
        return
    from models import MODELS

    names = ["TensorFlow", "ONNX Runtime", "OpenVINO", "LiteRT"]
    print(
        "| network | threads | csep, ms | of the peak | " + " | ".join(names) + " | best / csep |"
    )
    print("|---|---:|---:|---:|" + "---:|" * (len(names) + 1), flush=True)
    best = []
    for name in MODELS:
        if not any(text in name for text in options.models):
            continue
        for threads in options.threads:
            command = [sys.executable, __file__, "--one", name, "--threads", str(threads)]
            command += ["--batch", str(options.batch), "--seconds", str(options.seconds)]
            done = subprocess.run(command, capture_output=True, check=False, text=True)
            if done.returncode:
                sys.exit(done.stderr[-3000:])
            result = json.loads(done.stdout.splitlines()[-1])
            ratios = [result["ratio"].get(n) for n in names]
            best.append(min(r for r in ratios if r is not None))
            cells = ["-" if r is None else f"{r:.2f}" for r in ratios]
            share = result["gflops"] / result["peak"]
            print(
                f"| {name} | {threads} | {result['median']['csep'] * 1e3:.2f} | {share:.0%} | "
                + " | ".join(cells)
                + f" | **{best[-1]:.2f}** |",
                flush=True,
            )
    print(
        f"\nGeometric mean of the best peer's time over csep's: {np.exp(np.mean(np.log(best))):.2f}"
    )


if __name__ == "__main__":
    main()
