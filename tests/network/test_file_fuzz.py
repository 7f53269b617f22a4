"""Files of networks changed at random: an error that says so, or a network that keeps its word.

``CSEP_FUZZ_EXAMPLES=100000 python -m pytest tests/network/test_file_fuzz.py`` runs for longer.
"""

import copy
import json
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import csep
from csep.spec import files

EXAMPLES = int(os.environ.get("CSEP_FUZZ_EXAMPLES", "400"))
fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
MOST = 1 << 24  # numbers of a result that is computed


def numbers(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype("f4")


def network():
    """Return a network of every kind of step."""
    x = csep.Input((None, 12, 4), name="x")
    a = csep.SeparableConv2D(
        numbers(3, 3, 4, 1), numbers(4, 8), numbers(8), padding="SAME", activation="relu6"
    )(x)
    gate = csep.PointwiseConv2D(numbers(8, 8), activation="sigmoid")(
        csep.global_average_pool(a, keepdims=True)
    )
    a = csep.activate(csep.multiply([a, gate]), ("prelu", numbers(8)))
    a = csep.concat([csep.max_pool(a, 2), csep.average_pool(a, 2)])
    a = csep.pad(csep.scale(a, numbers(16), numbers(16)), ((1, 0), (0, 2)))
    shared = csep.DepthwiseConv2D(numbers(3, 3, 1, 1))
    up = csep.resize(shared(a), 2, interpolation="bilinear")
    small = csep.reshape(csep.resize(up, size=(2, 3)), (3, 2, 16))
    return csep.Network(x, [csep.softmax(up), csep.global_max_pool(small)], about={"of": "all"})


DESCRIPTION, ARRAYS = network()._described()
DESCRIPTION = json.loads(json.dumps(DESCRIPTION))


def places(node, path=()):
    """Give the path of each thing in what JSON knows."""
    yield path
    if not isinstance(node, (dict, list)):
        return
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        yield from places(value, (*path, key))


# By what they are called, so that what is there once is changed as often as what each step has.
PLACES = {}
for path in places(DESCRIPTION):
    if path:
        name = [key for key in path if isinstance(key, str)][-1]
        PLACES.setdefault((name, isinstance(path[-1], int)), []).append(path)
some_place = st.sampled_from(sorted(PLACES)).flatmap(lambda name: st.sampled_from(PLACES[name]))
integers = st.one_of(st.integers(-2, 40), st.sampled_from([2**31 - 1, 2**31, 2**63, -(2**63)]))
words = st.sampled_from(
    [
        "SAME",
        "VALID",
        "add",
        "convolve",
        "concat",
        "pad",
        "relu",
        "prelu",
        "NCHW",
        "float64",
        "0",
        "",
    ]
)
leaves = st.one_of(integers, words, st.none(), st.booleans(), st.floats())
anything = st.one_of(
    leaves,
    st.lists(leaves, max_size=4),
    st.lists(st.lists(integers, max_size=3), max_size=3),
    st.dictionaries(words, leaves, max_size=3),
    some_place.map(lambda path: copy.deepcopy(at(DESCRIPTION, path))),
)


def at(node, path):
    for key in path:
        node = node[key]
    return node


@st.composite
def descriptions(draw):
    """Some things in a description replaced by others, or left out."""
    changed = copy.deepcopy(DESCRIPTION)
    for path in draw(st.lists(some_place, min_size=1, max_size=3)):
        try:
            parent = at(changed, path[:-1])
            if draw(st.booleans()):
                parent[path[-1]] = draw(anything)
            else:
                del parent[path[-1]]
        except (KeyError, IndexError, TypeError):
            continue  # what was there is gone
    return changed


@st.composite
def weights(draw):
    """Some arrays of other shapes and dtypes, under other names, or left out."""
    changed = dict(ARRAYS)
    for name in draw(st.lists(st.sampled_from(sorted(ARRAYS)), max_size=2)):
        array = changed.pop(name, ARRAYS[name])
        way = draw(st.integers(0, 4))
        if way == 0:
            changed[draw(st.sampled_from(sorted(ARRAYS)))] = array
        elif way == 1:
            changed[name] = array.astype(draw(st.sampled_from(["f8", "f2", "u1"])))
        elif way == 2:
            changed[name] = array.reshape(
                draw(st.sampled_from([(-1,), (1, -1), array.shape[::-1]]))
            )
        elif way == 3:
            changed[name] = np.zeros(draw(st.lists(st.integers(0, 9), max_size=4)), "f4")
    return changed


def try_out(net):
    """Run what was made of a file, where that is not too much."""
    shape = [(s[0] or 1, *(side or 16 for side in s[1:])) for s in net.input_shapes]
    try:
        small = max(map(np.prod, shape)) <= MOST and net.result_bytes(shape) <= MOST * 4
    except ValueError:
        return  # of no size that its steps can take
    if small and net.macs(shape) <= 1 << 30:
        x = [np.ones(s, net.dtype) for s in shape]
        results = net(x)
        results = results if isinstance(results, list) else [results]
        for y, wanted in zip(results, net.output_shapes, strict=True):
            assert all(w in (None, n) for n, w in zip(y.shape, wanted, strict=True))


def loaded(path):
    """Return what a file has, or None where it is refused as it should be."""
    refusals = []
    try:
        return csep.load(path)
    except ValueError as error:
        refusals.append(str(error))
    assert refusals[0].startswith("path: expected ")
    return None


@fuzzed
@given(description=descriptions(), arrays=weights())
def test_changed_descriptions_and_arrays(tmp_path, description, arrays):
    files.write(tmp_path / "model.csep", description, arrays)
    net = loaded(tmp_path / "model.csep")
    if isinstance(net, csep.Network):
        try_out(net)


@fuzzed
@given(data=st.data())
def test_changed_bytes(tmp_path, data):
    network().save(tmp_path / "model.csep")
    content = bytearray((tmp_path / "model.csep").read_bytes())
    # Most of it are weights: the headers, the description and the table at the end more often.
    near = st.one_of(st.integers(0, len(content) - 1), st.integers(0, 900), st.integers(-3000, -1))
    for place in data.draw(st.lists(near, min_size=1, max_size=3)):
        content[place] = data.draw(st.integers(0, 255))
    del content[data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content)))) :]
    (tmp_path / "model.csep").write_bytes(content)
    net = loaded(tmp_path / "model.csep")
    if net is not None:  # what was changed has no meaning
        assert repr(net) == repr(network())


def test_the_networks_that_are_changed_are_right_before(tmp_path):
    network().save(tmp_path / "model.csep")
    x = numbers(2, 16, 12, 4)
    for y, wanted in zip(csep.load(tmp_path / "model.csep")(x), network()(x), strict=True):
        np.testing.assert_array_equal(y, wanted)
    with pytest.raises(ValueError, match="too small"):
        network()(numbers(1, 1, 12, 4))
