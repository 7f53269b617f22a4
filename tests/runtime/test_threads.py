"""Threads: callers beside each other, what limits their number, what happens without any."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from processes import MEMORY_LIMITS, output, run_python

import csep
from csep.runtime.cores import cgroup_cores, usable_cores

needs_openmp = pytest.mark.skipif(
    not csep.show_config("dicts")["openmp"], reason="built without OpenMP"
)

needs_two_processors = pytest.mark.skipif(
    len(os.sched_getaffinity(0)) < 2, reason="needs two processors"
)


def words(code, **environment):
    return output(run_python(code, **environment)).split()


# What a thread may call: operators that all share, and functions, of several shapes.
SHAPES = [(1, 56, 56, 48), (2, 9, 11, 5), (1, 20, 30, 64)]


def test_callers_beside_each_other(make_layer):
    layers = [make_layer(shape, out_channels=40, seed=i) for i, shape in enumerate(SHAPES)]
    operators = [csep.SeparableConv2D(*layer.weights) for layer in layers]
    expected = [op(layer.x, num_threads=1) for op, layer in zip(operators, layers, strict=True)]
    start = threading.Barrier(16)

    def work(me):
        rng = np.random.default_rng(me)
        start.wait()
        right = 0
        for _ in range(60):
            i = rng.integers(len(layers))
            threads = [None, 1, 2, 3, 8][rng.integers(5)]
            if rng.integers(2):
                y = operators[i](layers[i].x, num_threads=threads)
            else:
                layer = layers[i]
                y = csep.separable_conv2d(layer.x, *layer.weights, num_threads=threads)
            right += np.array_equal(y, expected[i])
        return right

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(work, range(16))) == [60] * 16


# The limit of threadpoolctl, and how many threads OpenMP's runtime has made.
LIMITED = """
import os, threading, time, numpy as np, csep
from threadpoolctl import threadpool_info, threadpool_limits
csep.set_num_threads(3)
op = csep.SeparableConv2D(np.ones((3, 3, 64, 1), "f4"), np.ones((64, 64), "f4"), padding="SAME")
x, elsewhere = np.ones((1, 64, 64, 64), "f4"), []
def threads():
    return len(os.listdir("/proc/self/task"))
runtimes = [i for i in threadpool_info() if i["user_api"] == "openmp"]
before = threads()
with threadpool_limits(1, user_api="openmp"):
    inside = csep.get_num_threads()
    op(x)
    csep.separable_conv2d(x, np.ones((3, 3, 64, 1), "f4"), np.ones((64, 64), "f4"))
    limited = threads() - before
    t = threading.Thread(target=lambda: elsewhere.append(csep.get_num_threads()))
    t.start(); t.join()
op(x)
time.sleep(0.2)  # the thread above has gone
print(len(runtimes), inside, limited, elsewhere[0], csep.get_num_threads(), threads() - before)
"""


# The same operator as a step of a network.
AS_NETWORK = """
v = csep.Input((None, None, 64))
op = csep.Network(v, csep.activate(op(v), "tanh"))
x, """


def of(what, code):
    """Return the code with its operator, or with the network of it."""
    return code if what == "layer" else code.replace("\nx, ", AS_NETWORK, 1)


@needs_openmp
@pytest.mark.parametrize("what", ["layer", "network"])
def test_threadpoolctl_sees_and_limits(what):
    pytest.importorskip("threadpoolctl")
    told = words(of(what, LIMITED), OMP_NUM_THREADS="2")
    assert told == ["1", "1", "0", "3", "3", "2"]


# What became of csep's threads when calls have ended: asleep, and free to run where they may.
HELPERS = """
import os, time, numpy as np, csep
op = csep.SeparableConv2D(np.ones((3, 3, 64, 1), "f4"), np.ones((64, 64), "f4"), padding="SAME")
x, small = np.ones((1, 64, 64, 64), "f4"), np.ones((1, 16, 16, 64), "f4")
environment = dict(os.environ)
others = set(os.listdir("/proc/self/task"))
for i in range(200):
    op(x if i % 10 else small, num_threads=2)
helpers = set(os.listdir("/proc/self/task")) - others
def field(task, name):
    with open(f"/proc/self/task/{task}/status") as file:
        return dict(line.split(":", 1) for line in file)[name].split()[0]
for _ in range(100):
    states = {field(task, "State") for task in helpers}
    if states == {"S"}:
        break
    time.sleep(0.05)
places = {field(task, "Cpus_allowed_list") for task in helpers}
mine = field(os.getpid(), "Cpus_allowed_list")
print(len(helpers), *states, os.environ == environment, places == {mine}, mine, *places)
"""


@needs_two_processors
@pytest.mark.parametrize("what", ["layer", "network"])
@pytest.mark.parametrize("policy", ["", "ACTIVE", "PASSIVE"])
def test_helpers_sleep_between_calls(policy, what):
    told = words(of(what, HELPERS), OMP_WAIT_POLICY=policy, GOMP_SPINCOUNT="infinite")
    assert told[:4] == ["1", "S", "True", "True"]


@needs_openmp
@needs_two_processors
def test_helpers_have_a_place_of_their_own():
    *_, mine, helper = words(HELPERS, OMP_PROC_BIND="true", OMP_PLACES="threads")
    assert mine.isdigit()
    assert helper.isdigit()
    assert mine != helper


def test_affinity_counts():
    code = "import os; os.sched_setaffinity(0, {0}); import csep; print(csep.get_num_threads())"
    first = min(os.sched_getaffinity(0))
    assert words(code.replace("{0}", f"{{{first}}}")) == ["1"]


def cgroup_tree(folder, mounts, groups, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "proc").mkdir()
    (folder / "proc" / "mountinfo").write_text(
        "".join(
            f"30 20 0:{i} {root} {folder / point} rw - {kind} none rw,{controllers}\n"
            for i, (kind, controllers, root, point) in enumerate(mounts)
        )
        + "31 20 0:99 / /tmp rw shared:5 - tmpfs tmpfs rw\n"
    )
    (folder / "proc" / "cgroup").write_text("".join(f"{group}\n" for group in groups))
    return cgroup_cores(folder / "proc")


V2 = [("cgroup2", "nsdelegate", "/", "cg")]
V1 = [("cgroup", "cpu,cpuacct", "/", "cg/cpu"), ("cgroup", "memory", "/", "cg/memory")]
NONE = float("inf")


@pytest.mark.parametrize(
    ("mounts", "groups", "files", "cores"),
    [
        (V2, ["0::/a/b"], {"cg/a/b/cpu.max": "150000 100000\n"}, 1.5),
        (V2, ["0::/a/b"], {"cg/a/b/cpu.max": "max 100000", "cg/a/cpu.max": "50000 100000"}, 0.5),
        (V2, ["0::/a/b"], {"cg/a/b/cpu.max": "max 100000", "cg/c/cpu.max": "5 100000"}, NONE),
        (V2, ["0::/"], {"cg/cpu.max": "300000 100000"}, 3.0),
        (V2, ["0::/../other"], {"cg/cpu.max": "300000 100000"}, 3.0),
        (V2, ["0::/a"], {"cg/a/cpu.max": "nonsense"}, NONE),
        (V2, ["0::/a"], {"cg/a/cpu.max": "100000 0"}, NONE),
        (
            V1,
            ["5:cpu,cpuacct:/a", "4:memory:/m"],
            {"cg/cpu/a/cpu.cfs_quota_us": "200000", "cg/cpu/a/cpu.cfs_period_us": "100000"},
            2.0,
        ),
        (
            V1,
            ["5:cpu,cpuacct:/a"],
            {"cg/cpu/a/cpu.cfs_quota_us": "-1", "cg/cpu/a/cpu.cfs_period_us": "100000"},
            NONE,
        ),
        # In a container: the host's path, of which only the end is mounted.
        (
            [("cgroup", "cpu", "/docker/1", "cg/cpu")],
            ["5:cpu:/docker/1"],
            {"cg/cpu/cpu.cfs_quota_us": "50000", "cg/cpu/cpu.cfs_period_us": "100000"},
            0.5,
        ),
        ([], ["0::/a"], {}, NONE),
    ],
)
def test_cgroup_quota(tmp_path, mounts, groups, files, cores):
    assert cgroup_tree(tmp_path, mounts, groups, files) == cores


def test_no_cgroup_files(tmp_path):
    assert cgroup_cores(tmp_path) == NONE
    assert 1 <= usable_cores() <= os.cpu_count()


def test_a_real_cgroup():
    group = Path(f"/sys/fs/cgroup/cpu/csep_test_{os.getpid()}")
    try:
        group.mkdir()
    except OSError:
        pytest.skip("may not make a cgroup (version 1) here")
    try:
        (group / "cpu.cfs_quota_us").write_text("100000")
        enter = f"import os; open('{group}/tasks', 'w').write(str(os.getpid()))\n"
        assert words(enter + "import csep; print(csep.get_num_threads())") == ["1"]
    finally:
        group.rmdir()


COMPUTED = (
    MEMORY_LIMITS
    + """
import numpy as np, csep
op = csep.SeparableConv2D(np.ones((3, 3, 64, 1), "f4"), np.ones((64, 64), "f4"), padding="SAME")
x = np.ones((1, 64, 64, 64), "f4")
out = np.empty_like(x)
expected = op(x, num_threads=1)
"""
)
# OpenMP's runtime ends the process when it cannot make a thread.
NO_THREADS = """
limit(4 << 20)
right = [np.array_equal(op(x, out=out, num_threads=n), expected) for n in (16, 2, 4, 200)]
unlimit()
right += [np.array_equal(op(x, out=out, num_threads=n), expected) for n in (2, 4)]
print(all(right))
"""


def test_threads_that_cannot_be_made():
    assert words(COMPUTED + NO_THREADS) == ["True"]


# Threads that a call would have had, if it had not failed or had too little to do, are no threads.
NEVER_MADE = """
large = np.ones((1, 64, 512, 1024), "f4")
far = csep.DepthwiseConv2D(
    np.ones((3, 3, 64, 1), "f4"), padding="SAME", dilations=255, data_format="NCHW"
)
result = np.empty_like(large)
limit(150 << 20)
try:
    far(large, out=result, num_threads=16)
except MemoryError:
    unlimit()
one_row = csep.DepthwiseConv2D(np.ones((31, 31, 64, 1), "f4"), padding="SAME")
one_row(np.ones((1, 1, 256, 64), "f4"), num_threads=16)
"""


def test_threads_that_were_never_made():
    assert words(COMPUTED + NEVER_MADE + NO_THREADS) == ["True"]
