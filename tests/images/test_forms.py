"""Images in memory: any accepted form in, the same form out."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from maskdcpt.errors import UserError
from maskdcpt.images import from_tensor, to_pil, to_tensor

VALUES = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)

FORMS = {
    "uint8": VALUES,
    "uint8 grey": VALUES[..., 0],
    "uint16": VALUES.astype(np.uint16) * 257,
    "float32": (VALUES / 255).astype(np.float32),
    "float64": VALUES / 255,
    "float32 grey": (VALUES[..., 1] / 255).astype(np.float32),
    "not contiguous": VALUES[:, ::-1],
    "RGB": Image.fromarray(VALUES),
    "L": Image.fromarray(VALUES[..., 2]),
    "tensor": torch.from_numpy(VALUES).permute(2, 0, 1) / 255,
    "half tensor": (torch.from_numpy(VALUES).permute(2, 0, 1) / 255).half(),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_comes_back_as_it_was(form):
    image = FORMS[form]
    pixels = to_tensor(image)
    assert pixels.shape == (3, 5, 7)
    assert pixels.dtype == torch.float32
    back = from_tensor(pixels, image)
    assert type(back) is type(image)
    if isinstance(image, Image.Image):
        assert (back.mode, back.size) == (image.mode, image.size)
        assert np.array_equal(np.asarray(back), np.asarray(image))
    else:
        assert (back.dtype, back.shape) == (image.dtype, image.shape)
        assert np.abs(np.asarray(back, np.float64) - np.asarray(image, np.float64)).max() < 1e-6


def test_channels_and_positions_keep_their_places():
    pixels = to_tensor(VALUES)
    assert all(pixels[c, y, x] == np.float32(VALUES[y, x, c]) / np.float32(255) for c, y, x in np.ndindex(3, 5, 7))
    assert torch.equal(to_tensor(Image.fromarray(VALUES)), pixels)
    assert torch.equal(to_tensor(VALUES[..., 0]), pixels[0].expand(3, -1, -1))


def test_the_input_is_left_alone_and_not_shared():
    image = torch.rand(3, 4, 4, requires_grad=True)
    assert not to_tensor(image).requires_grad
    array = (VALUES / 255).astype(np.float32)
    to_tensor(array).zero_()
    assert array.max() > 0


def test_pillow_images_hand_on_their_info():
    image = Image.fromarray(VALUES)
    image.info["icc_profile"] = b"profile"
    assert from_tensor(to_tensor(image), image).info == {"icc_profile": b"profile"}


@given(st.floats(-0.5, 1.5))
def test_8_bit_values_are_the_nearest_level(value):
    level = np.asarray(to_pil(torch.full((3, 1, 1), value, dtype=torch.float64)))[0, 0, 0]
    assert abs(level - 255 * min(max(value, 0), 1)) <= 0.5


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 4, 4), np.uint8), r"an array has to be \(H, W, 3\) or \(H, W\), not \(4, 4, 4\)"),
        (np.zeros((3, 4, 4, 1), np.uint8), r"\(H, W, 3\) or \(H, W\)"),
        (np.zeros((4, 4, 3), np.int64), "uint8, uint16 or floats.*not int64"),
        (np.zeros((0, 4, 3), np.uint8), "needs a pixel or more"),
        (np.full((4, 4, 3), 254.0), r"have to be in \[0, 1\], not from 254 to 254"),
        (np.full((4, 4, 3), np.nan), r"have to be in \[0, 1\], not from nan to nan"),
        (torch.full((3, 4, 4), -0.1), r"have to be in \[0, 1\], not from -0\.1 to -0\.1"),
        (torch.zeros(1, 3, 4, 4), r"a tensor has to be \(3, H, W\) of floats.*not \(1, 3, 4, 4\)"),
        (torch.zeros(3, 4, 4, dtype=torch.uint8), r"not \(3, 4, 4\) of torch\.uint8"),
        (Image.new("RGBA", (4, 4)), r"mode RGB or L, not RGBA; try image\.convert\('RGB'\)"),
        ([[0.5]], "an array, a Pillow image, a tensor or a path, not a list"),
    ],
)
def test_what_is_no_image_is_refused(image, message):
    with pytest.raises(UserError, match=message):
        to_tensor(image)
