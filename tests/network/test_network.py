"""Networks by hand: the same bits as their steps one by one, files, threads, forks, bad input."""

import copy
import json
import os
import pickle
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
from processes import output, run_python

import csep
from csep.spec import files


def separable(c, co, seed=0, **arguments):
    rng = np.random.default_rng(seed)
    dw, pw = rng.standard_normal((3, 3, c, 1)), rng.standard_normal((c, co)) / c
    arguments = {"padding": "SAME"} | arguments
    return csep.SeparableConv2D(dw.astype("f4"), pw.astype("f4"), **arguments)


def lone_depthwise(c, **arguments):
    return csep.DepthwiseConv2D(separable(c, c, 5).weights["dw"], np.ones(c, "f4"), **arguments)


def pointwise(c, co, seed=0, **arguments):
    pw = np.random.default_rng(seed).standard_normal((c, co)).astype("f4") / c
    return csep.PointwiseConv2D(pw, np.ones(co, "f4"), **arguments)


def body(x, c=16):
    """Every kind of step, on values or on arrays."""
    a = separable(c, 24, activation="relu")(x)
    b = pointwise(24, 24)(lone_depthwise(24, padding="SAME", activation="silu")(a))
    b = csep.activate(csep.add([a, b]), "relu6")
    squeezed = csep.global_average_pool(b, keepdims=True)
    factors = csep.activate(
        pointwise(8, 24, 2)(pointwise(24, 8, 1, activation="relu")(squeezed)), "sigmoid"
    )
    b = csep.multiply([b, factors])
    down = csep.concat([csep.max_pool(b, 3, 2, "SAME"), csep.average_pool(b, 2)])
    down = lone_depthwise(48, strides=2)(csep.pad(down, ((0, 1), (0, 1))))
    up = csep.resize(down, 2, interpolation="bilinear")
    up = csep.add(
        [up, csep.resize(down, 2), csep.scale(up, np.arange(48.0), 1)], weights=[1, 2, 0.5]
    )
    top = csep.reshape(csep.global_max_pool(up), (48,))
    return csep.softmax(pointwise(48, 10, 3)(top)) if isinstance(x, csep.Value) else (
        csep.softmax(pointwise(48, 10, 3)(top[:, None, None])[:, 0, 0])
    ), up


def make():
    x = csep.Input((None, None, 16), name="image")
    probabilities, up = body(x)
    return csep.Network(x, {"probabilities": probabilities, "up": up})


def image(n=2, h=32, w=24, c=16, seed=0):
    return np.random.default_rng(seed).standard_normal((n, h, w, c)).astype("f4")


def check_equal(results, expected):
    assert len(results) == len(expected)
    for y, truth in zip(results, expected, strict=True):
        np.testing.assert_array_equal(y, truth)


def test_the_same_bits_as_the_steps_one_by_one():
    x = image()
    check_equal(make()(x), body(x))


def test_steps_are_put_together():
    text = make().summary((1, 32, 24, 16))
    assert text.count("SeparableConv2D") == 2  # with what follows each
    assert "pad" not in text


@pytest.mark.parametrize("threads", [1, 2, 3, 7, 64])
def test_the_same_bits_for_any_threads_and_batch(threads):
    net, x = make(), image(5)
    together = net(x, num_threads=threads)
    check_equal(together, body(x))
    for i in range(5):
        alone = net(x[i : i + 1], num_threads=threads)
        check_equal(alone, [y[i : i + 1] for y in together])


def test_many_shapes_one_after_the_other():
    net = make()
    for side in [*range(8, 60, 4), *range(8, 60, 4)]:
        x = image(1, side, side + 4)
        check_equal(net(x), body(x))
    assert net(image(0))[0].shape == (0, 10)


def test_from_many_threads_at_once():
    net = make()
    images = [image(1, 16 + 4 * i, 20, seed=i) for i in range(6)]
    expected = [body(x) for x in images]
    wrong = []

    def work(first):
        for i in range(30):
            j = (first + i) % 6
            y = net(images[j])
            wrong.extend(j for a, b in zip(y, expected[j], strict=True) if not np.array_equal(a, b))

    workers = [threading.Thread(target=work, args=(i,)) for i in range(16)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert not any(worker.is_alive() for worker in workers)
    assert not wrong


def test_after_a_fork():
    net, x = make(), image()
    expected = net(x, num_threads=2)
    pid = os.fork()
    if pid == 0:
        same = all(
            np.array_equal(a, b) for a, b in zip(net(x, num_threads=2), expected, strict=True)
        )
        os._exit(0 if same else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_out_and_lists_and_dicts():
    net, x = make(), image()
    expected = net(x)
    out = [np.empty_like(y) for y in expected]
    returned = net({"image": x}, out=out)
    assert returned[0] is out[0]
    check_equal(out, expected)
    check_equal(net([x]), expected)
    assert net.input_shapes == [(None, None, None, 16)]
    assert net.output_shapes[0] == (None, 10)
    assert net.output_shapes[1] == (None, None, None, 48)
    assert net.output_names == ["probabilities", "up"]


def test_memory_is_planned():
    net = make()
    assert 0 < net.arena_bytes((1, 64, 64, 16)) < net.result_bytes((1, 64, 64, 16))
    assert net.macs((1, 32, 32, 16)) > net.macs((1, 32, 16, 16)) > 0


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [3, 5])
def test_what_leaves_the_cache_is_never_there_as_a_whole(stride, size):
    """Expansion, depthwise, projection: the expanded image of 4 MB is computed row by row."""
    expand = csep.PointwiseConv2D(image(1, 1, 8, 64), activation="relu6")
    project = csep.SeparableConv2D(
        image(size, size, 64, 1), image(1, 1, 64, 8), strides=stride, padding="SAME"
    )
    x = csep.Input((128, 128, 8))
    net = csep.Network(x, project(expand(x)))
    a = image(3, 128, 128, 8)
    for threads in (1, 2, 3):
        check_equal([net(a, num_threads=threads)], [project(expand(a))])
    check_equal([net(a[1:2], num_threads=2)], [net(a)[1:2]])
    assert net.arena_bytes((1, 128, 128, 8)) == 0


def test_what_is_used_twice_is_there_as_a_whole():
    expand = csep.PointwiseConv2D(image(1, 1, 8, 64), activation="relu6")
    depthwise = csep.DepthwiseConv2D(image(3, 3, 64, 1), padding="SAME")
    x = csep.Input((128, 128, 8))
    y = expand(x)
    net = csep.Network(x, csep.concat([depthwise(y), y]))
    a = image(1, 128, 128, 8)
    check_equal([net(a)], [np.concatenate([depthwise(expand(a)), expand(a)], -1)])
    assert net.arena_bytes((1, 128, 128, 8)) == 128 * 128 * 64 * 4


@pytest.mark.parametrize("is_output", [True, False])
def test_concatenations_are_written_by_those_who_make_their_parts(is_output):
    x = csep.Input((None, None, 16))
    convolve, down = pointwise(16, 21, 1), separable(16, 40, 2, strides=2)
    shrink, narrow = pointwise(16, 3), lone_depthwise(3, padding="SAME")
    square = pointwise(16, 16, 4)

    def parts(x):
        small = down(x)
        return [
            convolve(x),
            csep.resize(small, 2, interpolation="bilinear"),
            csep.resize(small, 2),
            csep.max_pool(x, 3, 1, "SAME"),
            csep.average_pool(x, 3, 1, "SAME"),
            narrow(shrink(x)),
            csep.add([square(x), x]),
            x,
        ]

    whole = csep.concat(parts(x))
    last = csep.Conv2D(image(3, 3, 168, 4), padding="SAME")
    net = csep.Network(x, whole if is_output else last(whole))
    a = image(3, 20, 14, 16)
    expected = np.concatenate(parts(a), -1)
    for threads in (1, 2, 3):
        check_equal([net(a, num_threads=threads)], [expected if is_output else last(expected)])
    check_equal([net(a[1:2])], [net(a)[1:2]])
    # Beside the concatenation the image that two parts are made of, and what must be copied: a
    # sum with a residual, a depthwise convolution of few channels and its source.
    most = 4 * 20 * 14 * (40 // 4 + 16 + 3 + 3 + (0 if is_output else 168))
    assert net.arena_bytes((1, 20, 14, 16)) < most + 1024


def test_inputs_as_outputs_and_outputs_twice():
    x = csep.Input((4, 4, 8))
    y = csep.activate(x, "relu")
    net = csep.Network(x, [x, y, y])
    a = image(1, 4, 4, 8)
    check_equal(net(a), [a, np.maximum(a, 0), np.maximum(a, 0)])


def test_several_inputs():
    a, b = csep.Input((4, 4, 8), name="a"), csep.Input((1, 1, 8), name="b")
    net = csep.Network([a, b], csep.multiply([a, b]))
    x, y = image(2, 4, 4, 8), image(2, 1, 1, 8)
    np.testing.assert_array_equal(net({"b": y, "a": x}), x * y)
    np.testing.assert_array_equal(net([x, y]), x * y)


def test_an_operator_used_twice_and_values_used_often():
    op = separable(8, 8)
    x = csep.Input((6, 6, 8))
    a = op(x)
    net = csep.Network(x, csep.add([op(a), a, x]))
    v = image(1, 6, 6, 8)
    once = op(v)
    np.testing.assert_array_equal(net(v), op(once) + once + v)
    again = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(again(v), net(v))
    assert again.count_params() == net.count_params()


def test_an_operator_used_twice_is_kept_once(tmp_path):
    op = separable(8, 8)
    x = csep.Input((6, 6, 8))
    net = csep.Network(x, op(op(x)))
    assert net.count_params() == op.count_params()
    net.save(tmp_path / "twice.csep")
    op.save(tmp_path / "once.npz")
    sizes = [(tmp_path / name).stat().st_size for name in ("twice.csep", "once.npz")]
    assert sizes[0] < sizes[1] + 1000
    loaded = csep.load(tmp_path / "twice.csep")
    assert loaded.count_params() == op.count_params()
    v = image(1, 6, 6, 8)
    np.testing.assert_array_equal(loaded(v), op(op(v)))


def test_sequences_float64_and_padding_of_pixels():
    rng = np.random.default_rng(0)
    op = csep.SeparableConv1D(
        rng.standard_normal((3, 4, 2)), rng.standard_normal((8, 5)), padding="CAUSAL"
    )
    mirrored = csep.Conv1D(rng.standard_normal((3, 5, 5)), padding=1, mode="reflect")
    far = csep.Conv1D(rng.standard_normal((3, 5, 5)), padding=40, mode="replicate", dilations=40)
    x = csep.Input((None, 4), dtype="f8")
    net = csep.Network(x, csep.activate(far(mirrored(op(x))), "tanh"))
    v = rng.standard_normal((2, 300, 4))
    np.testing.assert_array_equal(net(v), csep.activate(far(mirrored(op(v))), "tanh"))


def test_files_pickles_and_copies(tmp_path):
    net, x = make(), image()
    expected = net(x)
    net.save(tmp_path / "model.csep")
    for other in (
        csep.load(tmp_path / "model.csep"),
        pickle.loads(pickle.dumps(net)),
        copy.deepcopy(net),
        copy.copy(net),
    ):
        check_equal(other(x), expected)
        assert other.summary() == net.summary()
        assert (other.input_names, other.output_names) == (net.input_names, net.output_names)
        assert other.count_params() == net.count_params()
    with pytest.raises(AttributeError, match="immutable"):
        net.anything = 1


def test_what_is_said_of_a_network_stays_with_it(tmp_path):
    x = csep.Input((4, 4, 3))
    said = {"preprocessing": "tf", "labels": ["cat", "dog"], "mean": [0.5, 1]}
    net = csep.Network(x, csep.max_pool(x, 2), about=said)
    said["labels"].append("cow")
    net.about["labels"].append("cow")
    net.save(tmp_path / "model.csep")
    for other in (net, csep.load(tmp_path / "model.csep"), pickle.loads(pickle.dumps(net))):
        assert other.about == {"preprocessing": "tf", "labels": ["cat", "dog"], "mean": [0.5, 1]}
    assert csep.Network(x, csep.max_pool(x, 2)).about == {}


@pytest.mark.parametrize(
    ("about", "error"),
    [
        ("tf", TypeError),
        ({1: 2}, TypeError),
        ([("a", 1)], TypeError),
        ({"a": np.ones(2)}, ValueError),
        ({"a": float("nan")}, ValueError),
        ({"a": {1, 2}}, ValueError),
    ],
)
def test_what_cannot_be_said(about, error):
    x = csep.Input((4, 4, 3))
    with pytest.raises(error, match="about: expected"):
        csep.Network(x, csep.max_pool(x, 2), about=about)


def test_a_saved_network_needs_numpy_alone(tmp_path):
    make().save(tmp_path / "model.csep")
    np.save(tmp_path / "x.npy", image())
    done = run_python(
        "import sys\n"
        "for name in ('keras', 'tensorflow', 'h5py', 'onnx', 'torch'): sys.modules[name] = None\n"
        f"import csep, numpy as np; net = csep.load({str(tmp_path / 'model.csep')!r})\n"
        f"print(net(np.load({str(tmp_path / 'x.npy')!r}))[0].shape)"
    )
    assert output(done).strip() == "(2, 10)"


@pytest.fixture
def saved(tmp_path):
    """A function that rewrites a saved network's description and returns the file."""
    make().save(tmp_path / "good.csep")

    def change(edit):
        with zipfile.ZipFile(tmp_path / "good.csep") as good:
            members = {n: good.read(n) for n in good.namelist()}
        with np.load(tmp_path / "good.csep") as arrays:
            description = json.loads(arrays["description"].tobytes())
        edit(description["network"])
        text = np.frombuffer(json.dumps(description).encode(), np.uint8)
        np.save(tmp_path / "text.npy", text)
        members["description.npy"] = (tmp_path / "text.npy").read_bytes()
        with zipfile.ZipFile(tmp_path / "bad.csep", "w") as bad:
            for name, data in members.items():
                bad.writestr(name, data)
        return tmp_path / "bad.csep"

    return change


EDITS = [
    lambda n: n.pop("steps"),
    lambda n: n.update(steps=[]),
    lambda n: n.update(dtype="object"),
    lambda n: n.update(inputs=[]),
    lambda n: n["inputs"][0].update(shape=[None, None, 10**30]),
    lambda n: n["inputs"][0].update(shape=[2**31 - 1] * 3),
    lambda n: n["inputs"][0].update(shape="abc"),
    lambda n: n["inputs"][0].update(shape=[True, 1.5, 3]),
    lambda n: n["steps"][0].update(sources=[7]),
    lambda n: n["steps"][3].update(sources=[100]),
    lambda n: n["steps"][3].update(sources=[-1]),
    lambda n: n["steps"][3].update(sources=[]),
    lambda n: n["steps"][3].update(sources=[0] * 10**5),
    lambda n: n["steps"][3].update(kind="system"),
    lambda n: n["steps"][3].update(rank=9),
    lambda n: n["steps"][0].update(operator="os"),
    lambda n: n["steps"][0].update(settings={"strides": [10**20, 1]}),
    lambda n: n["steps"].extend([n["steps"][-1]] * 10**4),
    *(lambda n, v=value: n["steps"][0].update({"as": v}) for value in (0, 5, -1, "x", None, 10**9)),
    lambda n: n["outputs"][0].update(value=10**9),
    lambda n: n["outputs"].append(n["outputs"][0]),
    lambda n: n.update(outputs=[]),
    lambda n: n["outputs"][0].update(name=5),
    lambda n: n.update(about=[1]),
    lambda n: n.update(about="x"),
    lambda n: n["steps"].reverse(),
    *(
        lambda n, v=value: [
            s["settings"].update({k: v for k in s["settings"]})
            for s in n["steps"]
            if "settings" in s
        ]
        for value in (None, -1, 10**30, [], "x", [[1]], {}, [0, 0], [2**31, 2**31], 1.5, True)
    ),
]


@pytest.mark.parametrize("edit", EDITS)
def test_hostile_files_are_value_errors(saved, edit):
    with pytest.raises(ValueError, match="path: expected"):
        csep.load(saved(edit))


@pytest.mark.parametrize(("channels", "count"), [(2**31 - 1, 1), (10**7, 1), (10**6, 100)])
def test_shared_kernels_do_not_grow_without_bound(tmp_path, channels, count):
    """A kernel of nine numbers is packed for as many channels as the file says."""
    x = csep.Input((4, 4, 3), batch_size=1)
    y = x
    for _ in range(count):
        y = csep.DepthwiseConv2D(np.ones((3, 3, 1, 1), "f4"), padding="SAME")(y)
    description, arrays = csep.Network(x, y)._described()
    description["network"]["inputs"][0]["shape"][-1] = channels
    files.write(tmp_path / "bad.csep", description, arrays)
    with pytest.raises(ValueError, match="more channels than can be"):
        csep.load(tmp_path / "bad.csep")


def test_damaged_files_are_value_errors(tmp_path):
    make().save(tmp_path / "model.csep")
    data = (tmp_path / "model.csep").read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for i in range(200):
        bad = bytearray(data[: rng.integers(1, len(data))] if i % 2 else data)
        for _ in range(3):
            bad[rng.integers(len(bad))] ^= 1 << rng.integers(8)
        (tmp_path / "bad.csep").write_bytes(bad)
        try:
            csep.load(tmp_path / "bad.csep")
        except ValueError:
            refused += 1
    assert refused > 150  # the rest changed a byte that nothing reads


@pytest.mark.parametrize(
    ("x", "error", "text"),
    [
        (
            lambda: image(c=15),
            ValueError,
            r"input 'image': expected shape \(None, None, None, 16\)",
        ),
        (lambda: image()[0], ValueError, "input 'image': expected rank 4"),
        (lambda: image().astype("f8"), TypeError, "input 'image': expected dtype float32"),
        (lambda: image().astype("i4"), TypeError, "input 'image'"),
        (lambda: None, TypeError, "input 'image'"),
        (lambda: {"picture": image()}, ValueError, r"x: expected inputs \['image'\]"),
        (lambda: [image(), image()], ValueError, "input 'image'"),
        (lambda: image(h=1, w=1), ValueError, "sizes that"),
    ],
)
def test_wrong_inputs_are_named(x, error, text):
    with pytest.raises(error, match=text):
        make()(x())


def test_wrong_outs_and_threads():
    net, x = make(), image()
    good = net(x)
    for out, error in (
        (good[0], ValueError),
        ([good[0], good[0]], ValueError),
        ([good[0], good[1][..., :5]], ValueError),
        ([good[0], good[1].astype("f8")], TypeError),
        ([good[0], None], TypeError),
    ):
        with pytest.raises(error, match="out"):
            net(x, out=out)
    with pytest.raises(ValueError, match="num_threads"):
        net(x, num_threads=0)
    a = csep.Input((4, 4, 2))
    v = np.ones((1, 4, 4, 2), "f4")
    with pytest.raises(ValueError, match="shares memory"):
        csep.Network(a, csep.activate(a, "relu"))(v, out=v)


def test_wrong_graphs():
    x, other = csep.Input((4, 4, 8)), csep.Input((4, 4, 8))
    y = csep.activate(x, "relu")
    for inputs, outputs, error in (
        (other, y, ValueError),
        (y, y, ValueError),
        ([x, x], y, ValueError),
        (x, [], ValueError),
        (x, 5, TypeError),
        ("x", y, TypeError),
        ([x, csep.Input((4, 4, 8), dtype="f8")], y, TypeError),
    ):
        with pytest.raises(error, match=r"inputs|outputs"):
            csep.Network(inputs, outputs)
    with pytest.raises(TypeError, match="float64"):
        separable(8, 8)(csep.Input((4, 4, 8), dtype="f8"))
    with pytest.raises(ValueError, match="rank 4"):
        separable(8, 8)(csep.Input((4, 8)))
    with pytest.raises(ValueError, match="NHWC"):
        csep.PointwiseConv2D(np.ones((8, 2), "f4"), data_format="NCHW")(x)
    with pytest.raises(ValueError, match="expected 7 channels"):
        separable(7, 8)(x)
    with pytest.raises(TypeError, match="residual"):
        separable(8, 8)(x, residual=np.ones((1, 4, 4, 8), "f4"))


@pytest.mark.parametrize(
    ("shape", "error"),
    [
        ((), ValueError),
        ((1, 2, 3, 4), ValueError),
        ((4, None), ValueError),
        ((0, 3), ValueError),
        (5, TypeError),
        ((1.5, 2), TypeError),
    ],
)
def test_wrong_shapes_of_inputs(shape, error):
    with pytest.raises(error, match="shape"):
        csep.Input(shape)


def test_profile_has_every_step():
    net = make()
    text = net.profile(image(1), num_threads=1, repeats=1)
    assert len(text.splitlines()) == len(net.summary().splitlines())


@pytest.mark.parametrize("isa", csep._core.isa_available())
def test_on_every_instruction_set(isa):
    here = Path(__file__).parent
    code = f"""
import sys
sys.path[:0] = [{str(here)!r}, {str(here.parent)!r}]
import test_network as t
x = t.image(3, 36, 28)
t.check_equal(t.make()(x), t.body(x))
print("same")
"""
    assert output(run_python(code, CSEP_ISA=isa)).strip() == "same"


@pytest.mark.parametrize(
    "edit",
    [
        lambda s: s.update(rank=2),
        lambda s: s.update(rank=3),
        lambda s: s.update(rank=4.0),
        lambda s: s["settings"].update(scales=[None] * 10**5),
        lambda s: s["settings"].update(shift="abc"),
        lambda s: s["settings"].update(shift=[1, 2, 3]),
        lambda s: s["settings"].update(activation=["prelu", [1, 2]]),
        lambda s: s["settings"].update(activation=["prelu", {"a": 1}]),
        lambda s: s["settings"].update(activation=["prelu"]),
        lambda s: s["settings"].update(activation=["prelu", None]),
    ],
)
@pytest.mark.parametrize("kind", ["add", "multiply"])
def test_numbers_and_ranks_of_a_file_are_not_believed(tmp_path, edit, kind):
    x = csep.Input((16, 16, 8), batch_size=1)
    y = csep.activate(x, "relu") if kind == "add" else csep.multiply([x, x])
    description, arrays = csep.Network(x, y)._described()
    edit(description["network"]["steps"][0])
    files.write(tmp_path / "bad.csep", description, arrays)
    with pytest.raises(ValueError, match="path: expected"):
        csep.load(tmp_path / "bad.csep")


def test_vectors_and_sequences_stay_what_they_are():
    v, s = np.ones((1, 8), "f4"), np.ones((1, 8, 2), "f4")
    for call in (
        lambda: csep.resize(v, size=10**6),
        lambda: csep.pad(v, (0, 10**6)),
        lambda: csep.Input((4, 4, 2)) and csep.reshape(s, (2, 0, 8)),
    ):
        with pytest.raises(ValueError, match=r"one pixel|shape"):
            call()
    with pytest.raises(ValueError, match="numbers"):
        csep.add([csep.Input((1, 1, 100)), csep.Input((1, 1, 1))], weights=[1, 1])


def test_only_what_is_the_same_is_put_together():
    x, z = csep.Input((4, 4, 3), name="x"), csep.Input((4, 4, 3), name="z")
    a, b = image(1, 4, 4, 3), image(1, 4, 4, 3, seed=1)
    scaled = csep.Network([x, z], csep.add([csep.scale(x, 0.1), csep.scale(z, 0.3)]))
    expected = csep.add([csep.scale(a, 0.1), csep.scale(b, 0.3)])
    np.testing.assert_array_equal(scaled([a, b]), expected)


def test_copies_of_open_sizes_lists_and_empty_batches(tmp_path):
    x = csep.Input((None, None, 3))
    net = csep.Network(x, [csep.activate(x, ("leaky_relu", np.float32(0.5))), x])
    a = image(1, 7, 5, 3)
    check_equal(net(a), [np.where(a < 0, a * np.float32(0.5), a), a])
    net.save(tmp_path / "net.csep")
    assert csep.softmax(np.ones((0, 4))).shape == (0, 4)
    np.testing.assert_array_equal(csep.scale([[1.0, 2.0]], 2), [[2, 4]])
    one, other = csep.Input((2,), name="a"), csep.Input((2,), name="a")
    twice = csep.Network([one, other], csep.add([one, other]))
    with pytest.raises(ValueError, match="expected a list"):
        twice({"a": np.ones((1, 2), "f4")})
