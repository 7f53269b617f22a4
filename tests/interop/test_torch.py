"""csep inside PyTorch, against PyTorch's own convolutions and numerical gradients."""

import doctest
import sys

import numpy as np
import pytest
from processes import output, run_python

import csep

if "tensorflow" in sys.modules:
    # Seen: a crash while PyTorch's compiler was imported.
    pytest.skip("TensorFlow is in this process: run tests/interop alone", allow_module_level=True)
torch = pytest.importorskip("torch", reason='needs pip install ".[parity]"')
from csep.interop.torch import (  # noqa: E402
    SeparableConv2d,
    depthwise_conv2d,
    separable_conv2d,
)

# PyTorch's compiler and exporter warn of themselves.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def draw(*shape, dtype=torch.float64, grad=True, seed=0):
    generator = torch.Generator().manual_seed(seed)
    tensor = torch.randn(*shape, dtype=torch.float64, generator=generator).to(dtype)
    return tensor.requires_grad_() if grad else tensor


def conv_pair(x, dw, pw, bias, **slide):
    """The same by PyTorch."""
    kh, kw, channels, multiplier = dw.shape
    depth = channels * multiplier
    weight = dw.permute(2, 3, 0, 1).reshape(depth, 1, kh, kw)
    y = torch.nn.functional.conv2d(x, weight, groups=channels, **slide)
    return torch.nn.functional.conv2d(y, pw.T[:, :, None, None], bias)


@pytest.mark.parametrize(
    "slide",
    [
        {"stride": 1, "padding": 0, "dilation": 1},
        {"stride": 2, "padding": 1, "dilation": 1},
        {"stride": (1, 3), "padding": (2, 0), "dilation": (2, 1)},
        {"stride": 1, "padding": "same", "dilation": 2},
        {"stride": 1, "padding": "valid", "dilation": 1},
    ],
)
@pytest.mark.parametrize("memory", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_separable_is_pytorchs(slide, memory, dtype):
    x = draw(2, 6, 9, 11, dtype=dtype, grad=False).to(memory_format=memory).requires_grad_()
    weights = draw(3, 3, 6, 2, dtype=dtype, seed=1), draw(12, 5, dtype=dtype, seed=2)
    bias = draw(5, dtype=dtype, seed=3)
    arguments = (x, *weights, bias)
    got, want = separable_conv2d(*arguments, **slide), conv_pair(*arguments, **slide)
    tolerance = 1e-4 if dtype == torch.float32 else 1e-11
    torch.testing.assert_close(got, want, rtol=0, atol=tolerance)
    assert got.is_contiguous(memory_format=torch.channels_last)
    dy = draw(*want.shape, dtype=dtype, grad=False, seed=4)
    for own, theirs in zip(
        torch.autograd.grad(got, arguments, dy),
        torch.autograd.grad(want, arguments, dy),
        strict=True,
    ):
        torch.testing.assert_close(own, theirs, rtol=0, atol=20 * tolerance)


def test_gradcheck():
    x, dw, pw, bias = draw(2, 3, 7, 6), draw(3, 3, 3, 2), draw(6, 4), draw(4)
    between = draw(6, seed=5)

    def separable(x, dw, pw, bias, between):
        return separable_conv2d(
            x, dw, pw, bias, 2, 1, depthwise_bias=between, depthwise_activation="silu",
            activation="tanh",
        )  # fmt: skip

    assert torch.autograd.gradcheck(separable, (x, dw, pw, bias, between))
    assert torch.autograd.gradcheck(
        lambda *a: depthwise_conv2d(*a, stride=(1, 2), padding="SAME"), (x, dw, draw(6))
    )
    shared = draw(3, 3, 1, 1)
    assert torch.autograd.gradcheck(lambda *a: depthwise_conv2d(*a, activation="gelu"), (x, shared))


def test_only_what_is_wanted_is_computed(monkeypatch):
    asked = []
    backward = csep.interop.torch.separable_conv2d_backward

    def watched(*arguments, wrt, **named):
        asked.append(wrt)
        return backward(*arguments, wrt=wrt, **named)

    monkeypatch.setattr(csep.interop.torch, "separable_conv2d_backward", watched)
    pw = draw(3, 4)
    separable_conv2d(
        draw(1, 3, 5, 5, grad=False), draw(3, 3, 3, 1, grad=False), pw
    ).sum().backward()
    assert asked == [("pw",)]


def test_channels_last_is_not_copied(monkeypatch):
    seen = []
    forward = csep.interop.torch._separable

    def watched(x, *arguments, **named):
        seen.append((x, named["out"]))
        return forward(x, *arguments, **named)

    monkeypatch.setattr(csep.interop.torch, "_separable", watched)
    x = draw(2, 3, 5, 5, grad=False).to(memory_format=torch.channels_last)
    y = separable_conv2d(x, draw(3, 3, 3, 1, grad=False), draw(3, 4, grad=False))
    ((array, out),) = seen
    assert array.ctypes.data == x.data_ptr()
    assert out.ctypes.data == y.data_ptr()


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("padding", [0, (1, 2), "same"])
def test_a_pair_and_back(bias, padding):
    stride = 1 if padding == "same" else 2
    first = torch.nn.Conv2d(6, 12, 3, stride, padding, groups=6, bias=bias)
    second = torch.nn.Conv2d(12, 5, 1, bias=bias)
    module = SeparableConv2d.from_pair(first, second)
    x = draw(2, 6, 9, 8, dtype=torch.float32, grad=False)
    want = second(first(x))
    torch.testing.assert_close(module(x), want)
    torch.testing.assert_close(module.to_pair()(x), want)
    again = SeparableConv2d.from_pair(*module.to_pair())
    assert all(
        torch.equal(a, b) for a, b in zip(module.parameters(), again.parameters(), strict=True)
    )
    frozen = SeparableConv2d.from_pair(first.requires_grad_(False), second)
    assert not frozen.depthwise.requires_grad
    first.requires_grad_(True)
    copy = SeparableConv2d(6, 5, 3, stride, padding, 1, 2, bias, bias)
    copy.load_state_dict(module.state_dict())
    assert torch.equal(copy(x), module(x))
    module(x).sum().backward()
    second(first(x)).sum().backward()
    torch.testing.assert_close(
        module.pointwise.grad.T, second.weight.grad[:, :, 0, 0], rtol=1e-4, atol=1e-4
    )


def test_a_module_learns():
    torch.manual_seed(0)
    layer = SeparableConv2d(3, 4, (3, 5), padding=1, depth_multiplier=2)
    assert "depth_multiplier=2" in repr(layer)
    assert sum(p.numel() for p in layer.parameters()) == 3 * 5 * 3 * 2 + 6 * 4 + 4
    x = draw(4, 3, 8, 8, dtype=torch.float32, grad=False)
    target = draw(4, 4, 8, 6, dtype=torch.float32, grad=False, seed=1)
    optimizer, losses = torch.optim.Adam(layer.parameters(), 0.05), []
    for _ in range(30):
        loss = (layer(x) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
    copy = SeparableConv2d(3, 4, (3, 5), padding=1, depth_multiplier=2)
    copy.load_state_dict(layer.state_dict())
    assert torch.equal(copy(x), layer(x))


def test_compiled_and_exported():
    layer = SeparableConv2d(6, 5, 3, 2, 1)
    x = draw(2, 6, 9, 8, dtype=torch.float32, grad=False)
    want = layer(x)
    arguments = (x, layer.depthwise, layer.pointwise, layer.bias, None, [2, 2], [1] * 4, [1, 1])
    torch.library.opcheck(torch.ops.csep.separable_conv2d.default, (*arguments, None, None))
    dw = draw(3, 3, 6, 1, dtype=torch.float32)
    rest = (None, [1, 1], [], [1, 1], "relu")
    torch.library.opcheck(torch.ops.csep.depthwise_conv2d.default, (x, dw, *rest))
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    got = compiled(x)
    assert torch.equal(got, want)
    got.sum().backward()
    assert torch.isfinite(layer.depthwise.grad).all()
    assert torch.equal(torch.export.export(layer, (x,)).module()(x), want)


def test_half_precision():
    x = draw(1, 4, 6, 6, dtype=torch.float16)
    dw, pw = draw(3, 3, 4, 1, dtype=torch.float32), draw(4, 3, dtype=torch.float32)
    y = separable_conv2d(x, dw, pw)
    assert y.dtype == torch.float16
    want = conv_pair(x.float(), dw, pw, None)
    torch.testing.assert_close(y.float(), want, rtol=0, atol=0.02)
    y.float().sum().backward()
    assert (x.grad.dtype, dw.grad.dtype) == (torch.float16, torch.float32)


X, DW, PW = torch.ones(1, 4, 5, 5), torch.ones(3, 3, 4, 1), torch.ones(4, 3)
Conv2d = torch.nn.Conv2d


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: separable_conv2d(X.numpy(), DW, PW), TypeError, "x: expected a torch.Tensor"),
        (lambda: separable_conv2d(X.int(), DW, PW), TypeError, "x: expected float32"),
        (lambda: separable_conv2d(X[0], DW, PW), ValueError, r"x: expected \(N, C, H, W\)"),
        (lambda: separable_conv2d(X, DW, PW[..., None]), ValueError, r"pw: expected \(C \* M"),
        (lambda: separable_conv2d(X, DW, PW.T), ValueError, "pw: expected 4 rows"),
        (lambda: separable_conv2d(X, DW.double(), PW), TypeError, "pw: expected float64"),
        (lambda: separable_conv2d(X.bfloat16(), DW, PW), TypeError, "x: expected float32"),
        (lambda: separable_conv2d(X, DW.bfloat16(), PW), TypeError, "dw: expected float32"),
        (lambda: separable_conv2d(X, DW[:, :, :3], PW), ValueError, "dw: expected"),
        (lambda: separable_conv2d(X, DW, PW, stride=(1.5, True)), TypeError, "stride: expected"),
        (lambda: separable_conv2d(X, DW, PW, activation=("elu", 1.0)), TypeError, "activation"),
        (
            lambda: torch.func.jvp(lambda x: separable_conv2d(x, DW, PW), (X,), (X,)),
            NotImplementedError,
            "backwards only",
        ),
        (lambda: separable_conv2d(X, DW, PW, dilation=9), ValueError, "dw: expected a kernel that"),
        (lambda: separable_conv2d(X, DW, PW, stride="2"), TypeError, "stride: expected an int or"),
        (
            lambda: separable_conv2d(X, DW, PW, stride=0),
            ValueError,
            "stride: expected numbers from 1",
        ),
        (lambda: separable_conv2d(X, DW, PW, padding="full"), ValueError, "padding: expected"),
        (lambda: separable_conv2d(X, DW, PW, None, 2, "same"), ValueError, 'write "SAME"'),
        (lambda: separable_conv2d(X, DW, PW, activation="rely"), ValueError, "activation"),
        (lambda: depthwise_conv2d(X, DW, PW), ValueError, "bias"),
        (lambda: SeparableConv2d.from_pair(1, Conv2d(4, 3, 1)), TypeError, "depthwise: expected a"),
        (
            lambda: SeparableConv2d.from_pair(Conv2d(4, 4, 3), Conv2d(4, 3, 1)),
            ValueError,
            "depthwise: expected groups=4",
        ),
        (
            lambda: SeparableConv2d.from_pair(Conv2d(4, 4, 3, groups=4), Conv2d(4, 3, 3)),
            ValueError,
            "pointwise: expected",
        ),
        (lambda: SeparableConv2d(4, 3, 3, padding="SAME").to_pair(), ValueError, '"SAME"'),
    ],
)
def test_wrong_arguments_are_named(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_pytorchs_threads_rest_before_large_calls():
    """And PyTorch makes them again: its own operators go on with the right results."""
    code = """
import torch
from csep.interop import openmp
from csep.interop.torch import separable_conv2d
torch.set_num_threads(2)
assert openmp._pauses(), "no OpenMP library was found"
x = torch.randn(4, 64, 56, 56).to(memory_format=torch.channels_last)
dw, pw = torch.randn(3, 3, 64, 1), torch.randn(64, 64)
want = (x + 1).sum()
tasks = lambda: len(__import__("os").listdir("/proc/self/task"))
before = tasks()
y = separable_conv2d(x, dw, pw, padding=1)
torch.set_num_threads(2)
assert (x + 1).sum() == want
assert torch.equal(separable_conv2d(x, dw, pw, padding=1), y)
assert tasks() <= before + 2, "threads pile up"
print("right")
"""
    assert output(run_python(code)).strip() == "right"


def test_without_pytorch_the_extra_is_named():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "try:\n    import csep.interop.torch\n"
        "except ImportError as error:\n    print(error)\n"
    )
    assert 'pip install "csep-conv[torch]"' in output(run_python(code))


def test_csep_itself_needs_no_pytorch():
    assert output(run_python("import sys, csep; print('torch' in sys.modules)")).strip() == "False"
    assert isinstance(np.asarray(separable_conv2d(X, DW, PW)), np.ndarray)


def test_examples_in_docstrings():
    result = doctest.testmod(csep.interop.torch)
    assert result.failed == 0
    assert result.attempted > 10
