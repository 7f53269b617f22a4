"""csep in HIPS autograd, as a function it can differentiate.

    python examples/gradients_in_autograd.py

Needs autograd and csep.
"""

import autograd.numpy as anp
import numpy as np
from autograd import grad
from autograd.extend import defvjp, primitive
from autograd.test_util import check_grads

import csep


@primitive
def separable(x, dw, pw):
    """Return csep.separable_conv2d of these, padding "SAME"."""
    return csep.separable_conv2d(x, dw, pw, padding="SAME")


def gradient_of(name):
    """Return what autograd asks for: from an argument's place to a function of dy."""

    def of_result(_, *arrays):
        return lambda dy: getattr(
            csep.separable_conv2d_backward(dy, *arrays, padding="SAME", wrt=[name]), name
        )

    return of_result


defvjp(separable, gradient_of("x"), gradient_of("dw"), gradient_of("pw"))


def main():
    """Check gradients by differences, and train one kernel that serves all channels."""
    rng = np.random.default_rng(0)
    x, dw, pw = (rng.standard_normal(shape) for shape in ((2, 8, 8, 3), (3, 3, 3, 2), (6, 4)))
    check_grads(separable, modes=["rev"], order=1)(x, dw, pw)
    print("gradients of x, dw and pw: as differences have them")

    blur, eye = np.ones((3, 3, 1, 1)) / 9, np.eye(3)
    target = csep.depthwise_conv2d(x, blur, padding="SAME")
    kernel = rng.standard_normal((3, 3, 1, 1)) / 3
    slope = grad(lambda kernel: anp.mean((separable(x, kernel, eye) - target) ** 2))
    for _ in range(300):
        kernel -= 0.1 * slope(kernel)
    print(f"the kernel of a blur was found to within {np.abs(kernel - blur).max():.0e}")


if __name__ == "__main__":
    main()
