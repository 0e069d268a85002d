from concurrent.futures import ThreadPoolExecutor

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from PIL import Image

from maskdcpt.degradations import CATALOGUE, GaussianNoise, GreyGaussianNoise, Haze, apply
from maskdcpt.errors import UserError

KINDS = [entry.only(kind) for entry in CATALOGUE for kind in entry.kinds]
MIDDLE = [(kind.levels or kind.held_out)[len(kind.levels or kind.held_out) // 2] for kind in KINDS]
ALL_LEVELS = [level for entry in CATALOGUE for level in entry.levels]
NOTHING_RANDOM = {"jpeg", "webp", "mosaic"}
each_type = pytest.mark.parametrize("level", MIDDLE, ids=[kind.name for kind in KINDS])


@each_type
def test_the_same_seed_gives_the_same_bytes_whatever_came_before(level, photos):
    first = apply(photos[0], level, seed=3)
    for other in MIDDLE:
        apply(photos[1], other, seed=4)
    np.random.seed(1)  # noqa: NPY002  (global state must not matter)
    torch.manual_seed(1)
    assert torch.equal(apply(photos[0], level, seed=3), first)


@each_type
def test_different_seeds_differ(level, photos):
    results = [apply(photos[0], level, seed=seed) for seed in (0, 1, 2, -1)]
    if level.type_name in NOTHING_RANDOM:
        assert all(torch.equal(results[0], other) for other in results)
        return
    for index, one in enumerate(results):
        assert not any(torch.equal(one, other) for other in results[:index])


@each_type
def test_threads_do_not_matter(level, photos):
    alone = [apply(photos[0], level, seed=seed) for seed in range(8)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda seed: apply(photos[0], level, seed=seed), range(8)))
    assert all(torch.equal(one, other) for one, other in zip(alone, together, strict=True))


def test_levels_do_not_share_their_random_numbers(photos):
    grey = torch.full((3, 64, 64), 0.5)
    weak = (apply(grey, GaussianNoise(5), seed=0) - grey).flatten()
    strong = (apply(grey, GaussianNoise(10), seed=0) - grey).flatten()
    assert abs(torch.corrcoef(torch.stack([weak, strong]))[0, 1]) < 0.05


@each_type
def test_global_random_state_is_left_alone(level, photos):
    before = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    apply(photos[0], level)
    assert np.array_equal(np.random.get_state()[1], before[0])  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), before[1])


@each_type
def test_the_input_is_not_changed(level, photos):
    image = photos[0].clone()
    apply(image, level)
    assert torch.equal(image, photos[0])


@each_type
def test_only_gaussian_noise_is_not_rounded_to_8_bit(level, photos):
    image = photos[0] * 0.9123
    result = apply(image, level)
    as_file = result.mul(255).round().byte().float() / 255
    assert torch.equal(result, as_file) != isinstance(level, GaussianNoise | GreyGaussianNoise)


def test_rounding_happens_once_and_at_the_end(photos):
    level = Haze(0.08, 0.9)
    exact = level(photos[0], np.random.default_rng(0))
    assert not torch.equal(exact, exact.mul(255).round() / 255)
    assert exact.dtype == torch.float32


@each_type
def test_type_and_layout_of_the_input_do_not_matter(level, photos):
    image = photos[0]
    expected = apply(image, level)
    flipped = image.permute(1, 2, 0).contiguous().permute(2, 0, 1)
    assert torch.equal(apply(flipped, level), expected)
    double = apply(image.double(), level)
    assert double.dtype == torch.float64
    assert torch.equal(double.float(), expected)
    assert apply(image.half(), level).dtype == torch.float16
    assert torch.equal(apply(image.clone().requires_grad_(), level), expected)


@settings(max_examples=150, deadline=None)
@given(
    level=st.sampled_from(ALL_LEVELS),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    content=st.sampled_from(["noise", "black", "white"]),
    seed=st.integers(-(2**40), 2**40),
)
def test_any_size_keeps_shape_type_and_range(level, height, width, content, seed):
    image = {
        "noise": lambda: torch.rand(3, height, width, generator=torch.Generator().manual_seed(0)),
        "black": lambda: torch.zeros(3, height, width),
        "white": lambda: torch.ones(3, height, width),
    }[content]()
    result = apply(image, level, seed)
    assert result.shape == image.shape
    assert result.dtype == torch.float32
    assert result.isfinite().all()
    assert 0 <= result.min() <= result.max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (1, 2000), (2000, 1), (5000, 3)])
@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
def test_extreme_sizes(kind, size):
    result = apply(torch.full((3, *size), 0.5), (kind.levels or kind.held_out)[-1])
    assert result.shape == (3, *size)
    assert result.isfinite().all()


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (torch.rand(1, 8, 8), r"\(3, H, W\) of floats in \[0, 1\], not \(1, 8, 8\)"),
        (torch.rand(2, 3, 8, 8), r"\(3, H, W\) of floats in \[0, 1\], not \(2, 3, 8, 8\)"),
        (torch.rand(8, 8, 3), r"\(3, H, W\) of floats in \[0, 1\], not \(8, 8, 3\)"),
        (torch.rand(3, 0, 8), r"a pixel or more, not the shape \(3, 0, 8\)"),
        (torch.zeros(3, 8, 8, dtype=torch.uint8), r"floats in \[0, 1\], not \(3, 8, 8\) of torch.uint8"),
        (torch.full((3, 8, 8), 128.0), r"values of an image have to be in \[0, 1\], not from 128 to 128"),
        (torch.full((3, 8, 8), -0.01), r"have to be in \[0, 1\]"),
        (torch.tensor([0.5, float("nan"), 0.5]).reshape(3, 1, 1), r"have to be in \[0, 1\], not from nan to nan"),
        (torch.tensor([0.5, float("inf"), 0.5]).reshape(3, 1, 1), r"have to be in \[0, 1\]"),
    ],
)
def test_wrong_images_are_refused_with_what_is_right(image, message):
    with pytest.raises(UserError, match=message):
        apply(image, GaussianNoise(10))


@pytest.mark.slow
@pytest.mark.parametrize("level", MIDDLE, ids=[kind.name for kind in KINDS])
def test_photos_of_twelve_million_pixels_are_degraded(level):
    photo = torch.rand(3, 300, 400, generator=torch.Generator().manual_seed(0)).repeat(1, 10, 10)
    result = apply(photo, level)
    assert result.shape == (3, 3000, 4000)
    assert result.isfinite().all()
    assert not torch.equal(result, photo)


@each_type
def test_every_form_of_an_image_gives_the_same(level, photos):
    # What 8 bit can hold, so that all forms hold the same picture.
    pixels = photos[0].mul(255).round()
    expected = apply(pixels / 255, level, seed=2)
    bytes_ = pixels.permute(1, 2, 0).byte().numpy()
    as_bytes = apply(bytes_, level, seed=2)
    assert as_bytes.dtype == np.uint8
    assert np.array_equal(as_bytes, expected.mul(255).round().byte().permute(1, 2, 0).numpy())
    deep = apply(bytes_.astype(np.uint16) * 257, level, seed=2)
    assert deep.dtype == np.uint16
    assert np.array_equal(deep, np.rint(expected.permute(1, 2, 0).double().numpy() * 65535).astype(np.uint16))
    floats = apply(bytes_.astype(np.float32) / np.float32(255), level, seed=2)
    assert floats.dtype == np.float32
    assert np.array_equal(floats, expected.permute(1, 2, 0).numpy())
    picture = apply(Image.fromarray(bytes_), level, seed=2)
    assert np.array_equal(np.asarray(picture), as_bytes)


def test_grey_images_stay_grey():
    grey = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (64, 1))
    hazy = apply(grey, Haze(0.1, 0.9), seed=1)
    assert hazy.shape == grey.shape
    assert hazy.dtype == np.uint8
    colour = apply(np.stack([grey] * 3, axis=2), Haze(0.1, 0.9), seed=1)
    assert np.abs(colour[..., 0].astype(int) - hazy).max() <= 1
    assert apply(Image.fromarray(grey), Haze(0.1, 0.9), seed=1).mode == "L"
