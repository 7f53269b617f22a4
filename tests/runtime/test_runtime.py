"""Threads, instruction set, configuration, memory."""

import importlib.metadata
import os
import re
import resource
import threading
import time

import numpy as np
import pytest
from processes import output, run_python

import csep
from csep import _core

THREADS = "import csep; print(csep.get_num_threads())"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, len(os.sched_getaffinity(0))),
        ({"OMP_NUM_THREADS": "3"}, 3),
        ({"OMP_NUM_THREADS": "5,2"}, 5),
        ({"OMP_NUM_THREADS": "nonsense"}, len(os.sched_getaffinity(0))),
        ({"OMP_NUM_THREADS": "3", "CSEP_NUM_THREADS": "4"}, 4),
        ({"CSEP_NUM_THREADS": "100000"}, 256),
        ({"CSEP_NUM_THREADS": "9" * 5000}, 256),
        ({"CSEP_NUM_THREADS": "0" * 5000 + "3"}, 3),
        ({"OMP_NUM_THREADS": "9" * 5000}, 256),
        ({"OMP_PROC_BIND": "true"}, len(os.sched_getaffinity(0))),
        ({"OMP_PROC_BIND": "close", "OMP_PLACES": "cores"}, len(os.sched_getaffinity(0))),
    ],
)
def test_default_thread_count(environment, expected):
    done = run_python(THREADS, **environment)
    assert done.stdout.split() == [str(expected)], done.stderr


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5"])
def test_bad_thread_count_in_the_environment(value):
    done = run_python(THREADS, CSEP_NUM_THREADS=value)
    assert done.returncode != 0
    assert (
        f"ImportError: CSEP_NUM_THREADS: expected a positive integer, got '{value}'" in done.stderr
    )


def test_affinity_limits_the_default():
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n" + THREADS
    assert run_python(code).stdout.split() == ["1"]


def test_set_num_threads():
    before = csep.get_num_threads()
    csep.set_num_threads(3)
    assert csep.get_num_threads() == 3
    csep.set_num_threads(None)
    assert csep.get_num_threads() == before


@pytest.mark.parametrize("isa", _core.isa_available())
def test_instruction_set_by_name(isa):
    done = run_python("import csep; print(csep.get_isa())", CSEP_ISA=isa)
    assert done.stdout.split() == [isa], done.stderr


def test_unknown_instruction_set():
    done = run_python("import csep", CSEP_ISA="sse9")
    assert done.returncode != 0
    assert "ImportError: CSEP_ISA" in done.stderr
    for isa in _core.isa_available():
        assert isa in done.stderr


def test_best_instruction_set_is_chosen():
    done = run_python("import csep; print(csep.get_isa())", CSEP_ISA="")
    assert done.stdout.split() == [_core.isa_available()[0]]


def caches_told(text):
    code = "import csep; print(csep.show_config('dicts')['caches (L1, L2, share of L3)'])"
    return run_python(code, CSEP_CACHE=text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("32K,512K,16M", "32 KiB, 512 KiB, 16384 KiB"),
        ("48k,2m,0", "48 KiB, 2048 KiB, 0 KiB"),
        ("32768,1048576,1G", "32 KiB, 1024 KiB, 1048576 KiB"),
    ],
)
def test_caches_of_another_machine(text, expected):
    assert caches_told(text).stdout.strip() == expected


@pytest.mark.parametrize(
    "text",
    [
        "32K",
        "32K,512K",
        "32K,512K,16M,",
        "32K,512K,16M,1G",
        "32K 512K 16M",
        " 32K,512K,16M",
        "32KB,512K,16M",
        "512K,32K,16M",
        "32K,512K,256K",
        "0,512K,16M",
        "-1,512K,16M",
        "1e5,1e6,0",
        "32K,512K,99999999999999999999G",
        "32K,512K,9999999999G",
        "large",
    ],
)
def test_caches_that_are_none(text):
    done = caches_told(text)
    assert done.returncode != 0
    assert re.search(
        rf"ImportError: CSEP_CACHE: expected .*32K,512K,16M.*got '{text}'", done.stderr
    )


@pytest.mark.parametrize("text", ["", "0", "50", "1000", "007"])
def test_spin_times(text):
    done = run_python("import csep; print(csep.get_num_threads() > 0)", CSEP_SPIN=text)
    assert done.stdout.split() == ["True"], done.stderr


@pytest.mark.parametrize(
    "text", ["-1", "1001", "5e1", "50us", " 50", "+50", "1.5", "99999999999999999999999", "long"]
)
def test_spin_times_that_are_none(text):
    done = run_python("import csep", CSEP_SPIN=text)
    assert done.returncode != 0
    expected = rf"ImportError: CSEP_SPIN: expected .* from 0 to 1000, got '{re.escape(text)}'"
    assert re.search(expected, done.stderr)


BITS = """
import hashlib, numpy as np, csep
rng, digest = np.random.default_rng(0), hashlib.sha256()
draw = lambda *shape: rng.standard_normal(shape).astype("f4")
for c, co, side in ((24, 40, 33), (300, 700, 12), (64, 2000, 5), (1024, 8, 9)):
    x, dw, pw = draw(2, side, side, c), draw(3, 3, c, 1), draw(c, co)
    digest.update(csep.SeparableConv2D(dw, pw, padding="SAME")(x).tobytes())
    digest.update(csep.separable_conv2d(x, dw, pw, strides=2).tobytes())
    digest.update(csep.conv2d(x.astype("f2"), draw(3, 3, c, 8), padding=1).tobytes())
print(digest.hexdigest())
"""


def test_the_bits_do_not_depend_on_caches():
    every = [run_python(BITS, CSEP_CACHE=t).stdout for t in ("", "8K,32K,0", "96K,512K,16M")]
    assert len(every[0].strip()) == 64
    assert every == [every[0]] * 3


def test_one_version():
    assert csep.__version__ == _core.VERSION
    assert csep.__version__ == importlib.metadata.version("csep-conv")


def test_show_config(capsys):
    config = csep.show_config("dicts")
    assert csep.show_config() is None
    printed = capsys.readouterr().out
    for key, value in config.items():
        assert key in printed
        assert str(value) in printed
    with pytest.raises(ValueError, match=r"^mode: expected"):
        csep.show_config("json")


def test_the_interpreter_runs_while_c_works(make_layer):
    """Another Python thread makes progress during one long call."""
    layer = make_layer((4, 112, 112, 64), (7, 7), 2, 128)
    op = csep.SeparableConv2D(*layer.weights)
    op(layer.x, num_threads=1)
    ticks, stop = [], threading.Event()

    def tick():
        while not stop.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.0005)

    thread = threading.Thread(target=tick)
    thread.start()
    time.sleep(0.01)
    start = time.perf_counter()
    op(layer.x, num_threads=1)
    end = time.perf_counter()
    stop.set()
    thread.join()
    assert sum(start < t < end for t in ticks) >= 3


def test_many_threads_share_an_operator(make_layer):
    layer = make_layer((2, 24, 24, 32), out_channels=48)
    op = csep.SeparableConv2D(*layer.weights, padding="SAME")
    inputs = [np.roll(layer.x[:, : 10 + i], i, axis=2).copy() for i in range(8)]
    expected = [op(x) for x in inputs]
    wrong = []

    def work(i):
        for _ in range(50):
            if not np.array_equal(op(inputs[i], num_threads=2), expected[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


SHAPES = [
    ((1, 8, 8, 4), (3, 3), 1, 4),
    ((1, 512, 512, 64), (3, 3), 1, 64),
    ((1, 64, 4096, 256), (3, 3), 1, 8),
    ((1, 16, 16, 2048), (3, 3), 1, 2048),
    ((1, 4, 4, 100_000), (1, 1), 2, 1),
]


@pytest.mark.parametrize(("shape", "kernel", "multiplier", "out_channels"), SHAPES)
@pytest.mark.parametrize("threads", [1, 2, 64])
def test_scratch_is_bounded(shape, kernel, multiplier, out_channels, threads):
    c = shape[3]
    dw = np.zeros((*kernel, c, multiplier), np.float32)
    op = csep.SeparableConv2D(dw, np.zeros((c * multiplier, out_channels), np.float32))
    x = np.empty(shape, np.float32)
    scratch = op._plan.scratch_bytes(x, threads)
    assert 0 < scratch <= 2**20


@pytest.mark.parametrize(("shape", "kernel", "multiplier", "out_channels"), SHAPES[:4])
@pytest.mark.parametrize("dtype", [np.float64, np.float16])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_scratch_of_conversions_is_bounded(shape, kernel, multiplier, out_channels, dtype, layout):
    c = shape[3]
    real = np.float64 if dtype is np.float64 else np.float32
    dw = np.zeros((*kernel, c, multiplier), real)
    pw = np.zeros((c * multiplier, out_channels), real)
    w = np.zeros((*kernel, c, 16), real)
    for op in (
        csep.SeparableConv2D(dw, pw, data_format=layout),
        csep.DepthwiseConv2D(dw, data_format=layout),
        csep.Conv2D(w, data_format=layout),
    ):
        laid_out = shape if layout == "NHWC" else (shape[0], c, *shape[1:3])
        x = np.empty(laid_out, dtype)
        scratch = op._plan.scratch_bytes(x, 2)
        assert 0 <= scratch <= 2**20


MEMORY = """
import resource, sys
import numpy as np, csep
x = np.ones((1, 1024, 1024, 32), np.float32)
y = np.ones((1, 1022, 1022, 32), np.float32)
op = csep.SeparableConv2D(np.ones((3, 3, 32, 4), "f4"), np.ones((1, 1, 128, 32), "f4"))
op(x[:, :8], num_threads=2)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
op(x, out=y, num_threads=2)
print((peak() - before) * 1024)
"""


def test_a_call_takes_no_more_memory_than_it_says():
    """The intermediate of this call would be 535 MB."""
    assert int(output(run_python(MEMORY))) <= 2 * 2**20 + 2**18


def test_resident_size_stays_flat(make_layer):
    layer = make_layer((1, 32, 32, 16), out_channels=16)
    for _ in range(20):
        csep.separable_conv2d(layer.x, *layer.weights)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(2000):
        csep.separable_conv2d(layer.x, *layer.weights)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * 1024 < 2**20
