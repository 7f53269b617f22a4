"""The HTTP service of the examples: photographs, JSON, networks of several outputs."""

import io
import json
import zlib

import numpy as np
import pytest
from PIL import Image
from reference import conv2d
from servers import Server, as_npy

import csep

# After servers, which knows where they are.
import images  # isort: skip
from head import write_random  # isort: skip
from model import load  # isort: skip

LABELS = ["cat", "dog", "bird", "fish", "tree", "house"]
FILTER = np.random.default_rng(0).normal(0, 0.5, (3, 3, 3, 6)).astype("f4")


def write_classifier(path, sides=(12, 10, 3), **about):
    """Write a network of images: probabilities of labels, and the features they are made of."""
    x = csep.Input(sides, name="photo")
    features = csep.Conv2D(FILTER, padding="SAME")(x)
    outputs = {"labels": csep.softmax(csep.global_average_pool(features)), "features": features}
    csep.Network(x, outputs, about=about).save(path)
    return path


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("service")
    path = write_classifier(folder / "model.csep", preprocessing="tf", labels=LABELS)
    server = Server("uvicorn", path, folder / "log", {"SERVICE_PIXELS": "20000"})
    yield server
    assert server.stopped_well(), server.log.read_text()[-3000:]
    assert "Traceback" not in server.log.read_text()


def photo(height, width, channels=3):
    """Return noise as an image."""
    sides = (height, width, channels)[: 2 if channels == 1 else 3]
    return Image.fromarray(np.random.default_rng(height).integers(0, 256, sides).astype("u1"))


def encoded(image, kind="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def answer(image):
    """Return labels and features of an image's pixels in float64, prepared as for MobileNet."""
    features = conv2d((np.asarray(image, "f8") / 127.5 - 1)[None], FILTER, padding="SAME")
    powers = np.exp(features.mean((1, 2)))
    return powers / powers.sum(1, keepdims=True), features


def decoded(jpeg):
    return Image.open(io.BytesIO(jpeg))


PNG, JPEG = ({"Content-Type": f"image/{kind}"} for kind in ("png", "jpeg"))
JSON = {"Accept": "application/json"}


def test_a_photograph_is_answered_with_all_outputs(server):
    status, body = server.ask("POST", "/predict", encoded(photo(12, 10)), PNG)
    assert status == 200, body
    outputs = np.load(io.BytesIO(body), allow_pickle=False)
    labels, features = answer(photo(12, 10))
    assert sorted(outputs) == ["features", "labels"]
    np.testing.assert_allclose(outputs["labels"], labels, rtol=1e-5)
    np.testing.assert_allclose(outputs["features"], features, atol=1e-5)


def test_json_has_the_best_labels(server):
    jpeg = encoded(photo(12, 10), "JPEG")
    status, body = server.ask("POST", "/predict", jpeg, JPEG | JSON)
    assert status == 200, body
    said = json.loads(body)
    (row,), features = answer(decoded(jpeg))
    np.testing.assert_allclose(said["outputs"]["labels"], [row], rtol=1e-5)
    np.testing.assert_allclose(said["outputs"]["features"], features, atol=1e-5)
    order = np.argsort(-row)[:5]
    assert [guess["label"] for guess in said["best"][0]] == [LABELS[i] for i in order]
    np.testing.assert_allclose([guess["value"] for guess in said["best"][0]], row[order], rtol=1e-5)


@pytest.mark.parametrize(
    "image",
    [photo(40, 33), photo(5, 60), photo(12, 10, 1), photo(12, 10, 4)],
    ids=["large", "wide", "grey", "transparent"],
)
def test_photographs_are_made_what_the_network_takes(server, image):
    status, body = server.ask("POST", "/predict", encoded(image), PNG)
    assert status == 200, body
    pixels = image.convert("RGB").resize((10, 12), Image.Resampling.BILINEAR)
    labels, _ = answer(pixels)
    outputs = np.load(io.BytesIO(body), allow_pickle=False)
    np.testing.assert_allclose(outputs["labels"], labels, rtol=1e-5)


def test_a_photograph_is_turned_as_its_camera_was(server):
    image, exif = photo(10, 12), Image.Exif()
    exif[0x0112] = 6  # the camera was turned: width and height change places
    status, body = server.ask("POST", "/predict", encoded(image, exif=exif), PNG)
    assert status == 200, body
    labels, _ = answer(image.transpose(Image.Transpose.ROTATE_270))
    outputs = np.load(io.BytesIO(body), allow_pickle=False)
    np.testing.assert_allclose(outputs["labels"], labels, rtol=1e-5)


def deep(height, width):
    return Image.fromarray(np.full((height, width), 40_000, "u2"))


def header_of(height, width):
    """Return a PNG that only says how large it is."""
    png = bytearray(encoded(photo(1, 1)))
    png[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    png[29:33] = zlib.crc32(png[12:29]).to_bytes(4, "big")
    return bytes(png)


GOOD = encoded(photo(12, 10))
BAD = {
    "nothing": (b"", PNG, 400, "image/png"),
    "noise": (bytes(range(256)) * 9, PNG, 400, "image/png"),
    "another kind": (GOOD, JPEG, 400, "image/jpeg"),
    "truncated": (GOOD[:-40], PNG, 400, "damaged"),
    "16 bits": (encoded(deep(12, 10)), PNG, 422, "8 bits"),
    "too many pixels": (encoded(photo(150, 150)), PNG, 413, "20000 pixels"),
    "gigapixels announced": (header_of(1 << 20, 1 << 20), PNG, 413, "20000 pixels"),
    "an array called a photograph": (as_npy(np.zeros((1, 12, 10, 3), "f4")), PNG, 400, "png"),
    "a photograph called an array": (GOOD, {}, 400, "npy"),
    "an array of another size": (as_npy(np.zeros((1, 12, 11, 3), "f4")), {}, 422, "(N, 12, 10, 3)"),
    "NaN in JSON": (as_npy(np.full((1, 12, 10, 3), np.nan, "f4")), JSON, 422, "NaN"),
    "too much for JSON": (as_npy(np.zeros((150, 12, 10, 3), "f2")), JSON, 422, "at most 100000"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_requests(server, case):
    body, headers, status, message = BAD[case]
    seen, said = server.ask("POST", "/predict", body, headers)
    assert seen == status, said
    assert message in json.loads(said)["detail"]


def test_batches_of_arrays_are_answered_too(server):
    x = np.random.default_rng(1).standard_normal((3, 12, 10, 3), np.float32)
    status, body = server.ask("POST", "/predict", as_npy(x))
    assert status == 200, body
    outputs = np.load(io.BytesIO(body), allow_pickle=False)
    np.testing.assert_allclose(outputs["features"], conv2d(x, FILTER, padding="SAME"), atol=1e-5)


def test_results_are_bounded(tmp_path):
    path = write_classifier(tmp_path / "model.csep", (None, None, 3))
    server = Server("uvicorn", path, tmp_path / "log", {"SERVICE_RESULT_BYTES": "100000"})
    try:
        for size, status in ((30, 200), (80, 413)):
            assert server.ask("POST", "/predict", encoded(photo(size, size)), PNG)[0] == status
    finally:
        server.stopped_well()


class Channels:
    """What `images.read` asks of a model."""

    shape = (None, None, None, 64)


def test_photographs_for_networks_of_other_channels():
    with pytest.raises(ValueError, match="64 channels") as refused:
        images.read(GOOD, "image/png", Channels, 1 << 20, lambda shape: None)
    assert refused.value.status == 415


def test_preparations_are_those_of_keras():
    x = np.random.default_rng(0).integers(0, 256, (2, 3, 3)).astype("f4")
    mean, deviation = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    wanted = {
        "none": x,
        "unit": x / 255.0,
        "tf": x / 127.5 - 1,
        "torch": (x / 255.0 - mean) / deviation,
        "caffe": x[..., [2, 1, 0]] - [103.939, 116.779, 123.68],
    }
    assert set(images.PREPROCESSING) == set(wanted)
    for name, prepare in images.PREPROCESSING.items():
        np.testing.assert_allclose(prepare(x), wanted[name], rtol=1e-5, atol=1e-5)


def operator(path):
    csep.Conv2D(FILTER).save(path)


def sequence(path):
    x = csep.Input((None, 4))
    csep.Network(x, csep.activate(x, "relu")).save(path)


def two_inputs(path):
    a, b = csep.Input((4, 4, 3)), csep.Input((4, 4, 3))
    csep.Network([a, b], csep.add([a, b])).save(path)


def grey(path):
    x = csep.Input((4, 4, 1))
    csep.Network(x, csep.activate(x, "relu"), about={"preprocessing": "torch"}).save(path)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (operator, "an operator"),
        (sequence, r"images \(N, H, W, C\)"),
        (two_inputs, "one input"),
        (
            lambda path: write_classifier(path, preprocessing="keras"),
            "preprocessing: expected none",
        ),
        (grey, "3 channels"),
    ],
    ids=["operator", "sequence", "two inputs", "preprocessing", "channels"],
)
def test_files_that_cannot_be_served(tmp_path, write, message):
    write(tmp_path / "model.csep")
    with pytest.raises(ValueError, match=message):
        load(tmp_path / "model.csep")


def test_the_names_of_outputs(tmp_path):
    x = csep.Input((4, 4, 3))
    csep.Network(x, [csep.activate(x, "relu"), csep.softmax(x)]).save(tmp_path / "model.csep")
    write_random(tmp_path / "head.csep", outputs=5)
    names = [load(tmp_path / name).names for name in ("model.csep", "head.csep")]
    assert names == [["output_0", "output_1"], ["classes"]]
