"""Pictures of measurements.  Needs matplotlib."""

import numpy as np


def draw_ratios(results, names, path):
    """Draw how many times csep's time each peer takes, a panel for each number of threads.

    results: by number of threads, then by what was computed, then by peer.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    most = max(map(len, results.values()))
    figure, axes = plt.subplots(
        1, len(results), figsize=(6.5 * len(results), 2 + 0.26 * most), sharey=True, squeeze=False
    )
    for axis, (threads, rows) in zip(axes[0], results.items(), strict=True):
        places = np.arange(len(rows))[::-1]
        for name in names:
            ratios = [row.get(name) or np.nan for row in rows.values()]
            axis.plot(ratios, places, "o", label=name, alpha=0.8, markersize=6)
        axis.axvline(1, color="black", linewidth=1.5)
        axis.set_xscale("log")
        ticks = [0.5, 1, 2, 4, 8, 16, 32]
        axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.set_yticks(places, list(rows))
        axis.grid(alpha=0.3)
        axis.set_title(f"{threads} thread{'s' if int(threads) > 1 else ''}")
        axis.set_xlabel("time of the peer / time of csep (right of 1: csep is faster)")
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper center", ncols=len(labels))
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.35 / figure.get_figheight()))
    figure.savefig(path, dpi=110)
