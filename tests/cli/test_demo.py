"""``python -m csep`` as a person runs it."""

import re
import sys

import numpy as np
import pytest
import reference
from processes import output, run

from csep.cli import demo, photo


def csep_command(*arguments, **options):
    return run(sys.executable, "-m", "csep", *arguments, **options)


def test_table():
    done = csep_command()
    output(done)
    for layer in demo.LAYERS:
        assert layer.name in done.stdout
    assert re.search(r"28x28x3 to 16 by 5x5 +24 x 24 x 16 +139 ", done.stdout)
    assert re.search(r"224x224x10 to 32 by 3x3 +224 x 224 x 32 +442 ", done.stdout)
    errors = [float(e) for e in re.findall(r" (\d\.\de-\d\d)$", done.stdout, re.M)]
    assert len(errors) == len(demo.LAYERS)
    assert max(errors) < 2e-5
    shares = [int(s) for s in re.findall(r"(\d+)% ", done.stdout)]
    assert len(shares) == len(demo.LAYERS)
    assert all(0 < s <= 130 for s in shares)
    assert done.stderr == ""  # no progress where nobody watches


def test_progress_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(demo, "LAYERS", demo.LAYERS[-3:])
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert demo.main() == 0
    assert "3 of 3" in capsys.readouterr().err


def test_the_demo_judges_by_the_formula(make_layer):
    layer = make_layer((1, 9, 8, 5), (3, 2), 2)
    for padding in ("SAME", "VALID"):
        expected = reference.separable_conv2d(layer.x, *layer.weights, (2, 1), padding, (1, 2))
        y = demo.float64_reference(layer.x, *layer.weights, expected.shape[1:3], (2, 1), (1, 2))
        np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)


@pytest.fixture
def picture(tmp_path):
    """A grey picture with a white square in it."""
    image = pytest.importorskip("PIL.Image")
    pixels = np.full((120, 160, 3), 100, np.uint8)
    pixels[40:80, 50:110] = 255
    path = tmp_path / "square.png"
    image.fromarray(pixels).save(path)
    return path


def test_image(picture, tmp_path):
    image = pytest.importorskip("PIL.Image")
    out = tmp_path / "sheet.png"
    output(csep_command("image", picture, "-o", out))
    with image.open(out) as sheet:
        pixels = np.asarray(sheet.convert("RGB")).astype(int)
    top, left = 12 + 28, 12
    original = pixels[top : top + 120, left : left + 160]
    assert (original[60, 80] == 255).all()
    column = (pixels.shape[1] - 3 * 12) // 2  # as wide as the longest caption
    edges = pixels[top + 160 : top + 280, left + column + 12 : left + column + 172]
    assert (abs(edges[20, 20] - 128) <= 1).all()  # flat: the bias alone
    assert edges[60, 49, 0] > 200  # dark to light, left to right: orange
    assert edges[60, 49, 0] > edges[60, 49, 2]
    assert edges[39, 80, 2] > 200  # dark to light, downwards: blue
    assert edges[39, 80, 2] > edges[39, 80, 0]


def test_captions_of_a_small_picture_do_not_overlap(tmp_path):
    image = pytest.importorskip("PIL.Image")
    image.new("RGB", (16, 16), "grey").save(tmp_path / "small.png")
    photo.render(tmp_path / "small.png", tmp_path / "sheet.png")
    with image.open(tmp_path / "sheet.png") as sheet:
        text = np.asarray(sheet.convert("L"))[12:40] < 128
    middle = text.shape[1] // 2
    assert text[:, :middle].any()
    assert text[:, middle:].any()
    assert not text[:, middle - 4 : middle + 4].any()


def test_a_picture_that_lies_on_its_side(tmp_path):
    image = pytest.importorskip("PIL.Image")
    picture = image.new("RGB", (40, 20), "grey")
    exif = picture.getexif()
    exif[0x0112] = 6  # turn it a quarter
    picture.save(tmp_path / "side.jpg", exif=exif)
    written = photo.render(tmp_path / "side.jpg", tmp_path / "sheet.png")
    height = int(re.search(r"x (\d+), 4 panels", written)[1])
    assert height == 2 * (40 + 28) + 3 * 12


@pytest.mark.parametrize("bits", [16, 32])
def test_a_picture_of_16_bits_is_scaled(bits, tmp_path):
    image = pytest.importorskip("PIL.Image")
    values = np.linspace(0, 65535, 32 * 32).reshape(32, 32).astype(np.uint16)
    picture = image.fromarray(values if bits == 16 else values.astype(np.int32))
    np.testing.assert_array_equal(photo.eight_bits(picture), np.round(values / 257))
    assert photo.eight_bits(image.new("RGB", (3, 3))) is None


def test_blur_keeps_the_mean_and_sepia_is_a_matrix():
    blur, sepia, _ = photo.operators().values()
    x = np.random.default_rng(0).random((1, 40, 40, 3), np.float32)
    flat = np.full((1, 40, 40, 3), 0.25, np.float32)
    np.testing.assert_allclose(blur(flat)[0, 20, 20], 0.25, rtol=1e-5)
    np.testing.assert_allclose(sepia(x)[0, 3, 4], x[0, 3, 4] @ photo.SEPIA, rtol=1e-5)


def test_image_that_is_none(tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    for path in (bad, tmp_path / "absent.png"):
        done = csep_command("image", path, "-o", tmp_path / "out.png")
        assert done.returncode == 1
        assert "csep image: " in done.stderr
        assert "Traceback" not in done.stderr
