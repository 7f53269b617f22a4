"""How many cores this process may use: affinity and cgroup quotas."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from .. import _core


def _mounts(proc: Path) -> Iterator[tuple[set[str], str, Path]]:
    """Yield controllers, root and mount point of every cgroup hierarchy; version 2 names none."""
    for line in (proc / "mountinfo").read_text().splitlines():
        # proc(5): id parent device root mount-point options [fields] - type source super-options
        before, _, after = line.partition(" - ")
        kind, *_, options = after.split()
        if kind in {"cgroup", "cgroup2"}:
            _, _, _, root, point, *_ = before.split()
            controllers = {""} if kind == "cgroup2" else set(options.split(","))
            yield controllers, root, Path(point.replace("\\040", " "))


def _groups(proc: Path) -> Iterator[tuple[set[str], str]]:
    """Yield controllers and path of every cgroup this process is in."""
    for line in (proc / "cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        yield set(controllers.split(",")), path


def _quota(folder: Path) -> float:
    """Return the cores that one cgroup allows; infinity where it says nothing."""
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota = (folder / "cpu.cfs_quota_us").read_text().strip()
            period = (folder / "cpu.cfs_period_us").read_text().strip()
        cores = float(quota) / float(period)
    except (OSError, ValueError, ZeroDivisionError):
        return math.inf
    return cores if cores > 0 else math.inf


def cgroup_cores(proc: Path = Path("/proc/self")) -> float:
    """Return the cores' worth of time that cgroups allow, the ones above included.

    In a container the path of a group may be the host's, while only the group itself is mounted:
    what is not there is passed over, and the mount point is always looked at.

    Parameters
    ----------
    proc : Path
        Where ``mountinfo`` and ``cgroup`` are, as proc(5) and cgroups(7) describe them.

    Returns
    -------
    float
        Infinity where there is no limit, or no cgroup.
    """
    least = math.inf
    try:
        groups = list(_groups(proc))
        mounts = list(_mounts(proc))
    except (OSError, ValueError):
        return least
    for controllers, root, point in mounts:
        for own, path in groups:
            if not own & controllers & {"", "cpu"}:
                continue
            inside = Path(path.removeprefix(root).lstrip("/") if root != "/" else path.lstrip("/"))
            least = min(least, *(_quota(point / part) for part in (inside, *inside.parents)))
    return least


def usable_cores() -> int:
    """Return how many cores this process may use, a part of one counting as one."""
    cores = _core.processors()
    return min(cores, math.ceil(min(cgroup_cores(), cores)))
