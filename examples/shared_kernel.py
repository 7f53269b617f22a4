"""One 3x3 kernel over 16 channels, three ways, same result.

python examples/shared_kernel.py
"""

import time

import numpy as np

import csep


def per_channel(x, kernel):
    """Convolve each channel as an image of its own."""
    planes = [csep.depthwise_conv2d(x[..., i : i + 1], kernel) for i in range(x.shape[3])]
    return np.concatenate(planes, axis=3)


def repeated(x, kernel):
    """Copy the kernel for every channel, as tf.nn.depthwise_conv2d wants it."""
    return csep.depthwise_conv2d(x, np.repeat(kernel, x.shape[3], axis=2))


def shared(x, kernel):
    """Give the kernel as it is: (3, 3, 1, 1) serves all channels."""
    return csep.depthwise_conv2d(x, kernel)


def main():
    """Compare the three."""
    x = np.random.default_rng(0).random((1, 128, 128, 16), np.float32)
    kernel = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32).reshape(3, 3, 1, 1) / 16
    results = {}
    for way in (per_channel, repeated, shared):
        way(x, kernel)
        times = []
        for _ in range(20):
            start = time.perf_counter()
            results[way] = way(x, kernel)
            times.append(time.perf_counter() - start)
        print(f"{way.__name__:12} {np.median(times) * 1e6:8.0f} us   {way.__doc__}")
    for way in (per_channel, repeated):
        assert np.array_equal(results[way], results[shared])
    print(f"All three are the same to the bit: {results[shared].shape}, {kernel.size} weights.")


if __name__ == "__main__":
    main()
