"""What a user writes, for type checkers; lines that end in # wrong are wrong."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import csep

x: NDArray[np.float32] = np.ones((1, 8, 8, 4), np.float32)
dw = np.ones((3, 3, 4, 1), np.float32)
pw, bias = np.ones((4, 5), np.float32), np.zeros(5, np.float32)
w = np.ones((3, 3, 4, 5), np.float32)

y: NDArray[np.float32] = csep.separable_conv2d(x, dw, pw, bias, 2, "SAME")
csep.separable_conv2d(x, dw, pw, None, (2, 2), "valid", dilations=[1, 1])
csep.separable_conv2d(x, dw, pw, strides=[1, 2, 2, 1], padding=((1, 1), (1, 1)))
csep.separable_conv2d(x, dw, pw, strides=np.int64(2), padding=[[0, 0], [1, 1], [1, 1], [0, 0]])
csep.separable_conv2d(x, dw, pw, padding=1, activation=("leaky_relu", 0.1), num_threads=2)
csep.separable_conv2d(x, dw, pw, padding=(1, 1), activation="relu6", data_format="NHWC", out=None)
csep.separable_conv2d(x, dw, pw, depthwise_bias=np.zeros(4, "f4"), depthwise_activation="relu")
csep.depthwise_conv2d(x, dw[:, :, :1], padding="SAME_LOWER", shared_kernel=False)
csep.depthwise_conv2d(x, dw, padding=1, mode="reflect")
csep.conv1d(x[0], w[0], padding="SAME", mode="Circular")
csep.pointwise_conv2d(x, pw, activation=("prelu", bias))
csep.PointwiseConv2D(pw, activation=("prelu", [0.1, 0.2, 0.3, 0.4, 0.5]))
csep.pointwise_conv2d(x, pw, bias, residual=np.zeros((1, 8, 8, 5), np.float32))
csep.conv2d(x, w, bias, strides=np.array([2, 2]), groups=1)
csep.conv1d(x[0], w[0], padding="CAUSAL")
csep.depthwise_conv1d(x[0], dw[0], padding=(1, 1))
csep.separable_conv1d(x[0], dw[0], pw, strides=(2,))

name: str = "same"
op = csep.SeparableConv2D(dw, pw, bias, padding=name, activation=None)
z: NDArray[np.float32] = op(x, num_threads=1)
op(x, out=z, residual=z)
folded: csep.SeparableConv2D = op.fold_batch_norm(None, None, bias, bias + 1, 1e-3, stage="result")
operators: list[csep.Operator] = [op, csep.DepthwiseConv2D(dw), csep.PointwiseConv2D(pw)]
operators += [csep.Conv2D(w), csep.Conv1D(w[0]), csep.SeparableConv1D(dw[0], pw)]
print(csep.summary(operators[:1], (None, 8, 8, 4)), op.macs((1, 8, 8, 4)), op.kernel_size[0] + 1)
op.save(Path("layer.npz"))
again: csep.Operator = csep.load("layer.npz")
weights: list[NDArray[np.float32]] = op.get_weights()
threads: int = csep.get_num_threads()

csep.separable_conv2d(x, dw, pw, strides="two")  # wrong
csep.separable_conv2d(x, dw, pw, strides=1.5)  # wrong
csep.conv2d(x, w, groups="all")  # wrong
csep.conv2d(x, w, mode=2)  # wrong
csep.conv2d(x, w, activation=("prelu", None))  # wrong
csep.SeparableConv2D(dw, pw, activation=np.tanh)  # wrong
op(x, num_threads="many")  # wrong
op.fold_batch_norm(None, None, bias, bias, stage="both")  # wrong
csep.load(3)  # wrong
op.no_such_thing  # noqa: B018 # wrong
