"""The networks of the benchmarks in service: an image, a file, no Keras, threads, forks."""

import io
import os
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from processes import output, run_python

import csep

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    keras = pytest.importorskip("keras", reason='needs pip install ".[parity]"')

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "examples" / "service")]
from models import MODELS  # noqa: E402

import images  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")

# How each family wants its images: the name that its file has for the service, and Keras' function.
APPLICATIONS = keras.applications
FAMILIES = {
    "MobileNet": ("tf", APPLICATIONS.mobilenet),
    "MobileNetV2": ("tf", APPLICATIONS.mobilenet_v2),
    "MobileNetV3Large": ("tf", APPLICATIONS.mobilenet_v2),  # its own is within the model
    "Xception": ("tf", APPLICATIONS.xception),
    "EfficientNetB0": ("none", APPLICATIONS.efficientnet),
    "NASNetMobile": ("tf", APPLICATIONS.nasnet),
}

# In a process that cannot import what the network was made with.
SERVE = """
import os, sys, threading
for name in ("keras", "tf_keras", "tensorflow", "h5py", "onnx"):
    sys.modules[name] = None
import numpy as np
import csep

net = csep.load(os.environ["FOLDER"] + "/model.csep")
given = np.load(os.environ["FOLDER"] + "/given.npz")
x, expected = ([given[f"{kind}{i}"] for i in range(n)]
               for kind, n in (("x", len(net.input_shapes)), ("y", len(net.output_shapes))))

def right(threads=None):
    y = net(x if len(x) > 1 else x[0], num_threads=threads)
    return all(np.array_equal(*pair) for pair in zip(y if len(expected) > 1 else [y], expected))

seen = []
threads = [threading.Thread(target=lambda: seen.append(right())) for _ in range(16)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert seen == [True] * 16, seen
child = os.fork()
if child == 0:
    os._exit(0 if right(2) and right(1) else 1)
assert os.waitpid(child, 0)[1] == 0
assert right(2)
print("all the same")
"""


def picture(height, width):
    """Return a drawing as a JPEG: smooth, edges, letters, and what compression makes of them."""
    y, x = np.mgrid[:480, :640]
    image = Image.fromarray(np.stack([x * 0.3, y * 0.5, 255 - x * 0.35], -1).astype("u1"))
    draw = ImageDraw.Draw(image)
    draw.ellipse((200, 120, 440, 360), fill=(220, 160, 40), outline=(20, 20, 20), width=6)
    draw.polygon([(60, 440), (320, 60), (580, 440)], outline=(250, 250, 250), width=9)
    draw.text((250, 220), "depthwise", fill=(0, 0, 0))
    stream = io.BytesIO()
    image.resize((width, height)).save(stream, "JPEG", quality=80)
    return stream.getvalue()


class Prepared:
    """What `images.read` asks of a model."""

    def __init__(self, shape, preprocessing):
        self.shape, self.preprocessing = (None, *shape), preprocessing


def inputs_of(name, shapes):
    """Return what the network is given: features, or the picture as its family wants it."""
    if name not in FAMILIES:
        rng = np.random.default_rng(1)
        return [rng.standard_normal((1, *shape), np.float32) for shape in shapes]
    preprocessing, family = FAMILIES[name]
    jpeg = picture(*shapes[0][:2])
    model = Prepared(shapes[0], preprocessing)
    x = images.read(jpeg, "image/jpeg", model, 1 << 20, lambda shape: None)
    pixels = np.asarray(Image.open(io.BytesIO(jpeg)), np.float32)[None]
    np.testing.assert_allclose(x, family.preprocess_input(pixels.copy()), atol=1e-6)
    return [x]


@pytest.mark.parametrize("name", MODELS)
def test_a_network_in_service(name, tmp_path):
    model, shapes = MODELS[name]()
    x = inputs_of(name, shapes)
    network = csep.Network.from_keras(model)
    y = network(x if len(x) > 1 else x[0])
    y = y if isinstance(y, list) else [y]
    truth = model(x if len(x) > 1 else x[0], training=False)
    truth = truth if isinstance(truth, (list, tuple)) else [truth]
    for ours, theirs in zip(y, map(np.asarray, truth), strict=True):
        assert np.ptp(theirs) > 0
        assert np.abs(ours - theirs).max() <= 2e-4 * np.abs(theirs).max()
    network.save(tmp_path / "model.csep")
    given = {f"x{i}": array for i, array in enumerate(x)}
    np.savez(tmp_path / "given.npz", **given, **{f"y{i}": array for i, array in enumerate(y)})
    assert output(run_python(SERVE, FOLDER=str(tmp_path))).strip() == "all the same"
