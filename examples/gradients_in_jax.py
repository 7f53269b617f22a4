"""csep in JAX, as a function it can differentiate.

    python examples/gradients_in_jax.py

Needs jax and csep.  JAX calls csep back for a result and for gradients, also inside jax.jit.
"""

import jax
import jax.numpy as jnp
import numpy as np

import csep


@jax.custom_vjp
def separable(x, dw, pw):
    """Return csep.separable_conv2d of these, padding "SAME"."""
    result = jax.ShapeDtypeStruct((*x.shape[:3], pw.shape[1]), x.dtype)
    return jax.pure_callback(
        lambda *arrays: csep.separable_conv2d(*map(np.asarray, arrays), padding="SAME"),
        result, x, dw, pw,
    )  # fmt: skip


def backward(arrays, dy):
    """Return the gradients of x, dw and pw."""
    like = [jax.ShapeDtypeStruct(array.shape, array.dtype) for array in arrays]
    return jax.pure_callback(
        lambda *given: list(
            csep.separable_conv2d_backward(*map(np.asarray, given), padding="SAME")[:3]
        ),
        like, dy, *arrays,
    )  # fmt: skip


separable.defvjp(lambda *arrays: (separable(*arrays), arrays), lambda a, dy: tuple(backward(a, dy)))


def in_jax(x, dw, pw):
    """Return the same by JAX's own convolutions."""
    said = {"window_strides": (1, 1), "padding": "SAME"}
    said["dimension_numbers"] = ("NHWC", "HWIO", "NHWC")
    kernel = dw.reshape(*dw.shape[:2], 1, -1)
    depthwise = jax.lax.conv_general_dilated(x, kernel, feature_group_count=x.shape[3], **said)
    return depthwise @ pw


def main():
    """Compare gradients with those of JAX's own convolutions."""
    rng = np.random.default_rng(0)
    shapes = ((2, 8, 8, 3), (3, 3, 3, 2), (6, 4))
    arrays = [rng.standard_normal(shape, np.float32) for shape in shapes]

    def loss(function):
        return lambda *given: jnp.tanh(function(*given)).sum()

    ours = jax.jit(jax.grad(loss(separable), (0, 1, 2)))(*arrays)
    theirs = jax.grad(loss(in_jax), (0, 1, 2))(*arrays)
    for name, own, other in zip(("x", "dw", "pw"), ours, theirs, strict=True):
        np.testing.assert_allclose(own, other, atol=1e-4)
        print(f"gradient of {name} {own.shape}: as JAX's own")


if __name__ == "__main__":
    main()
