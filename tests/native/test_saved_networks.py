"""Saved networks read and run by the example in C: the bits of Python, and files it must refuse."""

import json
import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from processes import output, run

import csep
from csep.spec import files

EXAMPLES = Path(__file__).parents[2] / "examples" / "native"
RNG = np.random.default_rng(0)


def numbers(*shape):
    return RNG.standard_normal(shape).astype("f4") / 3


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    compiler, folder = shutil.which("cc"), tmp_path_factory.mktemp("program")
    if compiler is None:
        pytest.skip("needs a C compiler")
    (folder / "needed.c").write_text(
        "#include <cjson/cJSON.h>\n#include <zip.h>\nint main(void) { return 0; }\n"
    )
    checked = [compiler, "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    if run(*checked, folder / "needed.c", "-lcjson", "-lzip", "-o", folder / "n").returncode:
        pytest.skip("needs libzip, cJSON and sanitizers: libzip-dev libcjson-dev")
    # From where the csep under test lies: it may not be installed.
    source = Path(csep.__file__).parents[1]
    flags = output(run(sys.executable, "-m", "csep", "--cflags", "--libs", cwd=source)).split()
    sources = [EXAMPLES / f"{name}.c" for name in ("network", "model", "arrays")]
    command = [*checked, "-O1", "-Wall", "-Wextra", "-Werror", *sources, *flags]
    output(run(*command, "-lcjson", "-lzip", "-o", folder / "network"))
    return folder / "network"


def body(x):
    """Every kind of step and of 2-D convolution, with what they may be told."""
    a = csep.Conv2D(numbers(3, 3, 2, 12), strides=2, padding="SAME", groups=2, mode="reflect")(x)
    a = csep.activate(a, ("prelu", numbers(12)))
    a = csep.SeparableConv2D(
        numbers(3, 3, 12, 2), numbers(24, 16), numbers(16), padding="SAME_LOWER", dilations=2,
        depthwise_bias=numbers(24), depthwise_activation=("prelu", numbers(24)),
        activation=("relu", 1.5),
    )(a)  # fmt: skip
    b = csep.SeparableConv2D(numbers(3, 3, 1, 1), numbers(16, 16), padding=((1, 1), (1, 1)))
    a = csep.add([a, b(b(a))], weights=[0.5, 2], activation="hard_silu")
    a = csep.scale(a, numbers(16), numbers(16))
    gate = csep.PointwiseConv2D(numbers(16, 16), activation="sigmoid")
    a = csep.multiply([a, gate(csep.global_average_pool(a, keepdims=True))])
    a = csep.DepthwiseConv2D(numbers(5, 3, 16, 1), activation=("leaky_relu", 0.3))(a)
    pooled = [csep.max_pool(a, 3, 2, "SAME"), csep.average_pool(a, (2, 1), 2)]
    a = csep.pad(csep.concat([csep.pad(p, ((1, 0), (0, 2))) for p in pooled]), ((-1, 0), (0, -2)))
    up = csep.resize(a, 2, interpolation="bilinear")
    up = csep.concat([up, csep.resize(a, 2)])
    top = csep.reshape(csep.global_max_pool(csep.resize(up, size=(7, 5))), (2, 2, 16))
    return csep.softmax(csep.Conv2D(numbers(2, 2, 16, 10))(top)), up


X = csep.Input((28, 20, 4))
SOFTMAX, UP = body(X)


def answer(program, folder, network, x, isa=""):
    """Return what the program makes of x."""
    network.save(folder / "model.csep")
    np.save(folder / "x.npy", x)
    paths = [folder / name for name in ("model.csep", "x.npy", "y.npy")]
    output(run(program, *paths, env=os.environ | {"CSEP_ISA": isa}))
    return np.load(folder / "y.npy")


@pytest.mark.parametrize("output", [SOFTMAX, UP], ids=["softmax", "up"])
@pytest.mark.parametrize("isa", ["", "generic"])
def test_the_same_bits_as_in_python(program, tmp_path, output, isa):
    network, x = csep.Network(X, output), numbers(2, 28, 20, 4)
    y = answer(program, tmp_path, network, x, isa)
    if isa == "":
        np.testing.assert_array_equal(y, network(x))
    np.testing.assert_allclose(y, network(x), rtol=1e-4, atol=1e-5)


def test_rows_of_channels(program, tmp_path):
    network, x = csep.Network(X, csep.global_average_pool(UP)), numbers(3, 28, 20, 4)
    np.testing.assert_array_equal(answer(program, tmp_path, network, x), network(x))


def refused(program, folder, path):
    """Return what the program says of a file that it must refuse."""
    np.save(folder / "x.npy", np.zeros((1, 28, 20, 4), "f4"))
    done = run(program, path, folder / "x.npy", folder / "y.npy")
    assert done.returncode == 1, done.stderr
    assert "Sanitizer" not in done.stderr
    assert not (folder / "y.npy").exists()
    return done.stderr


def test_damaged_files(program, tmp_path):
    csep.Network(X, SOFTMAX).save(tmp_path / "model.csep")
    whole = (tmp_path / "model.csep").read_bytes()
    bad = tmp_path / "bad.csep"
    for length in [0, 1, 100, len(whole) // 2, len(whole) - 1]:
        bad.write_bytes(whole[:length])
        assert "bad.csep: " in refused(program, tmp_path, bad)
    for place in range(200, len(whole) - 2000, len(whole) // 30):
        bad.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        assert "bad.csep: " in refused(program, tmp_path, bad)


def steps_of(kind, steps, operator=None):
    return [s for s in steps if s["kind"] == kind and operator in (None, s.get("operator"))]


HOSTILE = {
    "another kind": lambda d: d["steps"][0].update(kind="fly"),
    "another operator": lambda d: d["steps"][0].update(operator="Conv1D"),
    "channels first": lambda d: d["steps"][0]["settings"].update(data_format="NCHW"),
    "a stride of nothing": lambda d: d["steps"][0]["settings"].update(strides=[0, 1]),
    "an absurd stride": lambda d: d["steps"][0]["settings"].update(strides=[1e300, 1]),
    "an absurd group": lambda d: d["steps"][0]["settings"].update(groups=1 << 30),
    "a negative group": lambda d: d["steps"][0]["settings"].update(groups=-2),
    "another activation": lambda d: d["steps"][0]["settings"].update(activation="sing"),
    "a value after it": lambda d: d["steps"][1].update(sources=[7]),
    "no value": lambda d: d["steps"][1].update(sources=[-1]),
    "a source without number": lambda d: d["steps"][1].update(sources=["x"]),
    "no sources": lambda d: d["steps"][1].update(sources=[]),
    "many sources": lambda d: d["steps"][1].update(sources=[1] * 5000),
    "an operator to come": lambda d: d["steps"][1].update({"as": 1}),
    "an operator of a sum": lambda d: steps_of("multiply", d["steps"])[0].update({"as": 2000}),
    "a giant border": lambda d: steps_of("pad", d["steps"])[0]["settings"].update(
        border=[[1 << 40, 0], [0, 0]]
    ),
    "a giant size": lambda d: steps_of("reshape", d["steps"])[0]["settings"].update(
        shape=[1 << 31, 1 << 31, 1 << 31]
    ),
    "a negative output": lambda d: d["outputs"][0].update(value=-3),
    "an output to come": lambda d: d["outputs"][0].update(value=1 << 30),
    "two inputs": lambda d: d["inputs"].append(d["inputs"][0]),
    "steps that are a text": lambda d: d.update(steps="none"),
    "steps that are numbers": lambda d: d.update(steps=[1, 2, 3]),
    "float64": lambda d: d.update(dtype="float64"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_descriptions(program, tmp_path, case):
    description, arrays = csep.Network(X, SOFTMAX)._described()
    description = json.loads(json.dumps(description))
    HOSTILE[case](description["network"])
    files.write(tmp_path / "bad.csep", description, arrays)
    assert re.search(
        r"^(bad.csep|.*/bad.csep|x): ", refused(program, tmp_path, tmp_path / "bad.csep")
    )


@pytest.mark.parametrize("shape", [(3, 3, 2), (3, 3, 3, 12), (0, 3, 2, 12), (3, 3, 2, 0)])
def test_weights_of_other_shapes(program, tmp_path, shape):
    description, arrays = csep.Network(X, SOFTMAX)._described()
    files.write(tmp_path / "bad.csep", description, arrays | {"0.w": np.zeros(shape, "f4")})
    assert ": step 0: " in refused(program, tmp_path, tmp_path / "bad.csep")
