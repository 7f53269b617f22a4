"""Operators in files: nothing is lost, nothing is believed."""

import io
import json
import os
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import csep


def draw(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype("f4")


OPERATORS = [
    csep.SeparableConv2D(
        draw(3, 3, 4, 2),
        draw(8, 5),
        draw(5),
        (2, 1),
        ((1, 0), (2, 3)),
        depthwise_bias=draw(8),
        depthwise_activation="relu6",
        activation=("elu", 0.5),
        data_format="NCHW",
    ),
    csep.DepthwiseConv2D(draw(3, 3, 1, 4), None, padding="SAME_LOWER", shared_kernel=True),
    csep.PointwiseConv2D(draw(4, 5).astype("f8"), activation="gelu"),
    csep.Conv2D(draw(3, 2, 4, 5), draw(5), dilations=(1, 2)),
    csep.SeparableConv1D(draw(3, 4, 1), draw(4, 5), padding="CAUSAL", depthwise_activation="tanh"),
    csep.DepthwiseConv1D(draw(3, 4, 1), draw(4), 2, (1, 0)),
    csep.Conv1D(draw(3, 4, 5), data_format="NCW"),
]


def input_of(op):
    shape = (2, 4, 9, 4) if op.data_format == "NCHW" else (2, 9, 8, 4)
    shape = (
        shape
        if type(op).__name__.endswith("2D")
        else (2, 4, 9)
        if op.data_format == "NCHW"
        else (2, 9, 4)
    )
    return draw(*shape).astype(op.dtype)


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: type(op).__name__)
def test_nothing_is_lost(op, tmp_path):
    path = tmp_path / "layer.npz"
    op.save(path)
    again = csep.load(path)
    assert type(again) is type(op)
    assert repr(again) == repr(op)
    np.testing.assert_array_equal(again(input_of(op)), op(input_of(op)))
    assert sorted(again.weights) == sorted(op.weights)
    with np.load(path, allow_pickle=False) as file:
        np.testing.assert_array_equal(file[next(iter(op.weights))], next(iter(op.weights.values())))
    assert os.listdir(tmp_path) == ["layer.npz"]


def test_a_depthwise_bias_is_no_array_of_keras():
    op = csep.SeparableConv2D(draw(3, 3, 4, 1), draw(4, 5)).fold_batch_norm(
        None, None, np.zeros(4), np.ones(4), stage="depthwise"
    )
    with pytest.raises(ValueError, match=r"^get_weights: expected .*depthwise_bias.*op.save"):
        op.get_weights()
    assert sorted(op.weights) == ["depthwise_bias", "dw", "pw"]


def test_others_may_read_a_file_as_they_may_read_any(tmp_path):
    before = os.umask(0o027)
    try:
        OPERATORS[0].save(tmp_path / "layer.npz")
    finally:
        os.umask(before)
    assert (tmp_path / "layer.npz").stat().st_mode & 0o777 == 0o640


def test_a_file_that_cannot_be_written_is_left_alone(tmp_path, monkeypatch):
    path = tmp_path / "layer.npz"
    path.write_bytes(b"before")

    def fail(*args, **kwargs):
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(OSError, match="no space"):
        OPERATORS[0].save(path)
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["layer.npz"]
    with pytest.raises(FileNotFoundError):
        OPERATORS[0].save(tmp_path / "no" / "folder.npz")
    for call in (OPERATORS[0].save, csep.load):
        with pytest.raises(TypeError, match=r"^path: expected a str or a path, got int"):
            call(3)
    with pytest.raises(FileNotFoundError):
        csep.load(tmp_path / "none.npz")


def write(path, parts, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in parts:
            archive.writestr(name, data)


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def described(**changes):
    text = {"csep": 1, "operator": "PointwiseConv2D", "settings": {"activation": None}} | changes
    return npy(np.frombuffer(json.dumps(text).encode(), np.uint8))


def lying_header(shape):
    """An .npy member that claims a shape it has not."""
    good = npy(np.ones((4, 3), "f4"))
    text = good.replace(b"(4, 3)", shape)
    return text[:10] + (text[10 : 10 + 118 + len(text) - len(good)])[:118].ljust(118) + good[128:]


PW = npy(np.ones((4, 3), "f4"))
HOSTILE = {
    "empty": [],
    "no description": [("pw.npy", PW)],
    "newer": [("description.npy", described(csep=2)), ("pw.npy", PW)],
    "other format": [("description.npy", described(csep="1")), ("pw.npy", PW)],
    "no JSON": [("description.npy", npy(np.zeros(9, np.uint8))), ("pw.npy", PW)],
    "deep JSON": [("description.npy", npy(np.full(60000, ord("["), np.uint8))), ("pw.npy", PW)],
    "long JSON": [("description.npy", npy(np.full(70000, 32, np.uint8))), ("pw.npy", PW)],
    "unknown operator": [("description.npy", described(operator="eval")), ("pw.npy", PW)],
    "private operator": [("description.npy", described(operator="Operator")), ("pw.npy", PW)],
    "settings": [("description.npy", described(settings=[1])), ("pw.npy", PW)],
    "setting": [("description.npy", described(settings={"strides": 2})), ("pw.npy", PW)],
    "activation": [("description.npy", described(settings={"activation": "x"})), ("pw.npy", PW)],
    "twice": [("description.npy", described(settings={"pw": 3})), ("pw.npy", PW)],
    "array": [("description.npy", described()), ("pw.npy", PW), ("qw.npy", PW)],
    "missing": [("description.npy", described())],
    "pickle": [("description.npy", described()), ("pw.npy", npy(np.array([{}], object)))],
    "structured": [("description.npy", described()), ("pw.npy", npy(np.zeros(2, "f4,f4")))],
    "swapped": [("description.npy", described()), ("pw.npy", npy(np.ones((4, 3), ">f4")))],
    "huge": [("description.npy", described()), ("pw.npy", lying_header(b"(99999999, 99999999)"))],
    "negative": [("description.npy", described()), ("pw.npy", lying_header(b"(-4, -3)"))],
    "no npy": [("description.npy", described()), ("pw.npy", b"\x93NUMPY")],
    "many": [(f"a{i}.npy", PW) for i in range(100)],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files(name, tmp_path):
    path = tmp_path / "bad.npz"
    write(path, HOSTILE[name])
    with pytest.raises(ValueError, match=r"^path: expected .*got"):
        csep.load(path)


def test_a_bomb_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb.npz"
    zeros = npy(np.zeros(1, "f4"))[:128] + bytes(1 << 26)
    write(path, [("description.npy", described()), ("pw.npy", zeros)], zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 1 << 20
    with pytest.raises(ValueError, match=r"^path: expected .*compressed"):
        csep.load(path)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damaged_files(data, tmp_path_factory):
    """Bytes changed, cut off or added: an operator or a ValueError."""
    folder = tmp_path_factory.mktemp("damaged")
    path = folder / "layer.npz"
    OPERATORS[2].save(path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        way = data.draw(st.sampled_from(["change", "cut", "add"]))
        if way == "change":
            content[at] ^= data.draw(st.integers(1, 255))
        elif way == "cut":
            del content[at : at + data.draw(st.integers(1, 40))]
        else:
            content[at:at] = data.draw(st.binary(min_size=1, max_size=20))
        if not content:
            break
    path.write_bytes(content)
    try:
        op = csep.load(path)
    except ValueError as error:
        message = str(error)
    else:
        message = "path: expected"
        np.testing.assert_array_equal(op.weights["pw"], OPERATORS[2].weights["pw"])
    assert message.startswith("path: expected")
