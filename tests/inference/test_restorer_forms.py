"""The restorer from Python: every form of an image, many images, many threads, and nothing lost in silence."""

import warnings
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from maskdcpt.errors import RestoreWarning, UserError
from maskdcpt.images import write_image
from maskdcpt.inference import RestoreOptions, Restorer

VALUES = np.random.default_rng(0).integers(0, 256, (21, 34, 4), dtype=np.uint8)
RGB = VALUES[..., :3]
PIXELS = torch.from_numpy(RGB.copy()).permute(2, 0, 1) / 255


@pytest.fixture(scope="module")
def restorer(weights):
    return Restorer.from_pretrained(weights, device="cpu")


def same(one, other):
    """Whether two images are of one kind and equal."""
    if type(one) is not type(other):
        return False
    if isinstance(one, Image.Image):
        return one.mode == other.mode and np.array_equal(np.asarray(one), np.asarray(other))
    return one.dtype == other.dtype and np.array_equal(one, other)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [2, 4])
def test_opacity_is_kept_and_colours_are_restored_as_without_it(restorer, channels, dtype):
    scale = {np.uint8: 1, np.uint16: 257, np.float32: np.float32(1 / 255)}[dtype]
    image = (VALUES[..., -channels:] * dtype(scale)).astype(dtype)
    image[..., -1] = np.maximum(image[..., -1], image[..., -1].max() / 255)  # seen everywhere
    restored = restorer.restore(image)
    assert np.array_equal(restored[..., -1], image[..., -1])
    colours = image[..., 0] if channels == 2 else image[..., :3]
    expected = restorer.restore(np.ascontiguousarray(colours))
    found = restored[..., 0] if channels == 2 else restored[..., :3]
    assert np.abs(found.astype(float) - expected).max() <= (1e-6 if dtype == np.float32 else 0)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_opacity_of_a_pillow_image_is_kept(restorer, mode):
    image = Image.fromarray(VALUES).convert(mode)
    restored = restorer.restore(image)
    assert (restored.mode, restored.getchannel("A").tobytes()) == (mode, image.getchannel("A").tobytes())
    assert restored.tobytes() != image.tobytes()


def test_a_batch_gives_a_batch_of_what_each_gives_alone(restorer):
    batch = torch.stack([PIXELS, PIXELS.flip(-1), 1 - PIXELS]).double()
    restored = restorer.restore(batch)
    assert (restored.dtype, restored.shape) == (batch.dtype, batch.shape)
    assert all(torch.equal(one, restorer.restore(each)) for one, each in zip(restored, batch, strict=True))


@pytest.mark.parametrize("shape", [(0, 3, 8, 8), (2, 4, 8, 8), (2, 3, 0, 8), (1, 2, 3, 8, 8)])
def test_batches_that_hold_no_images_are_refused(restorer, shape):
    with pytest.raises(UserError, match=r"a tensor has to be \(3, H, W\)|an image needs a pixel or more"):
        restorer.restore(torch.zeros(shape))


@pytest.fixture
def mixed(tmp_path):
    write_image(PIXELS, tmp_path / "a.png")
    return [tmp_path / "a.png", RGB, Image.fromarray(VALUES), str(tmp_path / "a.png"), PIXELS[None], RGB[..., 0]]


def test_all_kinds_of_images_are_restored_in_order(restorer, mixed):
    restored = list(restorer.restore_all(mixed))
    assert len(restored) == len(mixed)
    assert all(same(one, restorer.restore(each)) for one, each in zip(restored, mixed, strict=True))


def test_images_are_taken_when_they_are_needed(restorer):
    taken = []

    def endless():
        while True:
            taken.append(len(taken))
            yield RGB

    results = restorer.restore_all(endless())
    assert taken == []
    for count in (1, 2):
        assert same(next(results), restorer.restore(RGB))
        assert len(taken) == count
    results.close()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("no.png", r"^image 2: no\.png: no such file"),
        (None, "^image 2: an image is an array, a Pillow image, a tensor or a path, not a NoneType"),
        (np.full((4, 4), 2.0), r"^image 2: the values of an image have to be in \[0, 1\]"),
    ],
)
def test_an_image_that_fails_is_named_by_its_number(restorer, wrong, message):
    results = restorer.restore_all([RGB, RGB, wrong, RGB])
    assert same(next(results), next(results))
    with pytest.raises(UserError, match=message):
        next(results)
    assert list(results) == []


def test_errors_of_the_iterable_are_its_own(restorer):
    def failing():
        yield RGB
        raise UserError("the camera is gone")

    results = restorer.restore_all(failing())
    next(results)
    with pytest.raises(UserError, match=r"^the camera is gone"):
        next(results)


@pytest.mark.parametrize("tile", [0, 64])
def test_threads_may_share_a_restorer(weights, tile):
    restorer = Restorer.from_pretrained(weights, "cpu", RestoreOptions(tile=tile))
    rng = np.random.default_rng(1)
    images = [rng.integers(0, 256, (65 + number, 150 - number, 3), dtype=np.uint8) for number in range(6)]

    def work(image):
        return restorer.restore(image), restorer.classify(image), restorer.examine(image).types

    expected = [work(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(work, images * 2))
    for (image, types, judged), (other, named, told) in zip(found, expected * 2, strict=True):
        assert np.array_equal(image, other)
        assert (types, judged) == (named, told)


def test_a_file_keeps_what_a_pillow_image_can_hold(tmp_path, restorer):
    image = Image.fromarray(RGB[..., 0].astype(np.uint16) * 257)
    image.save(tmp_path / "a.png", dpi=(300, 300))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        restored = restorer.restore(tmp_path / "a.png")
    assert restored.mode == "I;16"
    assert restored.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    assert same(restored, restorer.restore(image))
    assert (np.asarray(restored) % 257).any()


def test_what_a_pillow_image_cannot_hold_is_told_with_the_place_of_the_call(tmp_path, restorer):
    cv2.imwrite(str(tmp_path / "a.png"), RGB.astype(np.uint16) * 257)
    for call, start in (
        (lambda: restorer.restore(tmp_path / "a.png"), str(tmp_path)),
        (lambda: list(restorer.restore_all([RGB, tmp_path / "a.png"])), f"image 1: {tmp_path}"),
    ):
        with pytest.warns(RestoreWarning, match=r"a\.png: 16-bit reduced to 8-bit$") as told:
            call()
        assert len(told) == 1
        assert str(told[0].message).startswith(start)
        assert told[0].filename == __file__


def test_what_was_done_in_another_way_is_told(restorer, monkeypatch):
    def no_memory(*_args, **_options):
        raise MemoryError

    monkeypatch.setattr(restorer.backbone, "forward", no_memory)
    with pytest.warns(RestoreWarning, match="^memory ran out for the whole image; restored part by part"):
        restorer.restore(RGB)


class TestExamined:
    """Looking and restoring share a pass where they can."""

    @pytest.mark.parametrize("strength", [1.0, 0.3, 0.0])
    @pytest.mark.parametrize("size", [(21, 34), (512, 512), (8, 9000)])
    def test_one_pass_gives_exactly_what_two_give(self, weights, strength, size):
        restorer = Restorer.from_pretrained(weights, "cpu", RestoreOptions(strength=strength, precision="float32"))
        pixels = torch.rand(3, *size, generator=torch.Generator().manual_seed(0))
        examined = restorer.examine_pixels(pixels)
        assert examined.verdict == restorer.examine(pixels)
        restored, expected = examined.restore(), restorer.restore_pixels(pixels)
        assert torch.equal(restored.pixels, expected.pixels)
        assert (restored.notes, restored.types) == (expected.notes, expected.types) == ((), {})
        (restored.pixels * torch.ones((), requires_grad=True)).sum().backward()  # no inference tensor

    @pytest.mark.parametrize(
        ("options", "size", "shared"),
        [
            ({}, (40, 40), True),
            ({"strength": 0.5}, (40, 40), True),
            ({}, (512, 520), False),
            ({"precision": "bfloat16"}, (40, 40), False),
            ({"self_ensemble": True}, (40, 40), False),
            ({"tile": 64}, (90, 90), False),
        ],
    )
    def test_there_is_another_pass_where_there_has_to_be(self, weights, options, size, shared):
        restorer = Restorer.from_pretrained(weights, "cpu", RestoreOptions(**{"precision": "float32", **options}))
        counted, whole, tiled = [], restorer._engine.whole, restorer._engine.tiled
        restorer._engine.whole = lambda *args: counted.append(1) or whole(*args)
        restorer._engine.tiled = lambda *args: counted.append(1) or tiled(*args)
        pixels = torch.rand(3, *size, generator=torch.Generator().manual_seed(0))
        examined = restorer.examine_pixels(pixels)
        looked = len(counted)
        restored = examined.restore()
        assert (len(counted) == looked) == shared
        assert torch.equal(restored.pixels, restorer.restore_pixels(pixels).pixels)
