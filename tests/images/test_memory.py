"""Images in memory, taken apart and put together: what a network sees, and that all else stays."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from image_files import P3, SRGB, XMP
from PIL import Image

from maskdcpt.errors import UserError
from maskdcpt.images import hold, hold_file

VALUES = np.random.default_rng(0).integers(0, 256, (5, 7, 4), dtype=np.uint8)
DEEP = np.random.default_rng(1).integers(0, 65536, (5, 7), dtype=np.uint16)

PILLOW = {
    "1": Image.fromarray(VALUES[..., 0]).convert("1"),
    "L": Image.fromarray(VALUES[..., 0]),
    "LA": Image.fromarray(VALUES[..., :2]),
    "RGB": Image.fromarray(VALUES[..., :3]),
    "RGBA": Image.fromarray(VALUES),
    "P": Image.fromarray(VALUES[..., :3]).quantize(16),
    "I;16": Image.fromarray(DEEP),
    "I": Image.fromarray(DEEP.astype(np.int32)),
    "F": Image.fromarray((DEEP / 65535).astype(np.float32)),
}


@given(
    st.sampled_from([np.uint8, np.uint16, np.float16, np.float32, np.float64]),
    st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(0, 4)),
    st.floats(0, 1),
    st.integers(0, 99),
)
def test_an_array_comes_back_as_it_was(dtype, shape, share_of_zeros, seed):
    rng = np.random.default_rng(seed)
    values = rng.random(shape if shape[2] else shape[:2])
    values *= rng.random(values.shape) >= share_of_zeros
    array = (values * np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else values).astype(dtype)
    held = hold(array)
    assert held.pixels.shape == (3, *array.shape[:2])
    assert (held.pixels.dtype, held.notes) == (torch.float32, [])
    back = held.put_back(held.pixels.clone())
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert np.abs(back - array.astype(np.float64)).max() <= (1e-7 if array.dtype == np.float64 else 0)


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("kind", ["uint8", "float64"])
def test_opacity_stays_and_colours_change(channels, kind):
    array = VALUES[..., :channels].copy()
    array[..., -1] = np.where(VALUES[..., -1] < 128, 0, VALUES[..., -1])
    array = array if kind == "uint8" else array / 255
    held = hold(array)
    back = held.put_back(held.pixels * 0.5)
    assert np.array_equal(back[..., -1], array[..., -1])
    seen = array[..., -1] > 0
    scale = 255 if kind == "uint8" else 1
    assert np.abs(back[seen][:, :-1] / scale - 0.5 * array[seen][:, :-1] / scale).max() < 0.51 / 255
    assert back.min() >= 0
    assert back.max() <= scale


def test_what_nobody_sees_is_not_shown_to_the_network():
    array = VALUES.copy()
    array[..., 3] = 255
    array[2, 3] = (255, 0, 255, 0)
    seen = hold(array).pixels[:, 2, 3] * 255
    around = array[1:4, 2:5, :3].reshape(-1, 3)
    assert any(np.allclose(seen, colour) for index, colour in enumerate(around) if index != 4)


@pytest.mark.parametrize("mode", PILLOW)
def test_a_pillow_image_comes_back_as_it_was(mode):
    image = PILLOW[mode]
    assert image.mode == mode
    image.info["dpi"] = (300, 300)
    held = hold(image)
    back = held.put_back(held.pixels.clone())
    assert back.mode == {"1": "L", "P": "RGB"}.get(mode, mode)
    assert np.array_equal(np.asarray(back), np.asarray(image.convert(back.mode)))
    assert (back.info["dpi"], held.notes) == ((300, 300), [])
    if mode not in ("1", "L", "LA", "RGBA", "I", "I;16", "F"):
        assert np.array_equal(held.pixels.permute(1, 2, 0) * 255, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize(("mode", "given"), [("RGB", "RGBA"), ("L", "LA"), ("P", "RGBA")])
def test_a_transparent_colour_becomes_an_alpha_channel(mode, given):
    image = PILLOW[mode].copy()
    first = image.getpixel((0, 0))
    image.info["transparency"] = first
    held = hold(image)
    back = held.put_back(held.pixels)
    assert back.mode == given
    assert "transparency" not in back.info
    assert image.info["transparency"] == first
    assert np.array_equal(np.asarray(back), np.asarray(image.convert(given)))
    assert 0 in np.asarray(back)[..., -1]


def test_colours_are_those_of_the_profile():
    image = Image.fromarray(VALUES[..., :3])
    image.info["icc_profile"] = P3
    held = hold(image)
    plain = hold(Image.fromarray(VALUES[..., :3])).pixels
    assert (held.pixels - plain).abs().max() > 0.02
    back = held.put_back(held.pixels)
    assert np.array_equal(np.asarray(back), np.asarray(image))
    assert back.info["icc_profile"] == P3
    darker = np.asarray(held.put_back(held.pixels * 0.9)).astype(int)
    assert (darker <= np.asarray(image).astype(int) + 1).all()


def test_srgb_by_name_moves_nothing():
    image = Image.fromarray(VALUES[..., :3])
    image.info["icc_profile"] = SRGB
    assert torch.equal(hold(image).pixels, hold(VALUES[..., :3]).pixels)


def test_a_profile_that_cannot_be_read_is_told_of():
    image = Image.fromarray(VALUES[..., :3])
    image.info["icc_profile"] = P3[:200]
    held = hold(image)
    assert held.notes == ["colours taken for sRGB, for their profile cannot be read"]
    assert torch.equal(held.pixels, hold(VALUES[..., :3]).pixels)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_a_tensor_comes_back_as_it_was(dtype):
    image = torch.rand(3, 4, 6, dtype=dtype, requires_grad=True)
    held = hold(image)
    back = held.put_back(held.pixels)
    assert (back.dtype, back.shape, back.requires_grad) == (dtype, image.shape, False)
    assert torch.allclose(back, image.detach(), atol=1e-7)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 4, 5), np.uint8), r"an array has to be \(H, W, 1\), .*\(H, W, 4\) or \(H, W\), not \(4, 4, 5\)"),
        (np.zeros((2, 4, 4, 3), np.uint8), r"not \(2, 4, 4, 3\)"),
        (np.zeros((4, 4, 4), np.int64), "uint8, uint16 or floats.*not int64"),
        (np.zeros((4, 4), bool), "not bool"),
        (np.zeros((0, 4, 4), np.uint8), "needs a pixel or more"),
        (np.full((4, 4, 2), 254.0), r"have to be in \[0, 1\], not from 254 to 254"),
        (np.full((4, 4), np.nan), r"have to be in \[0, 1\], not from nan to nan"),
        (Image.new("CMYK", (4, 4)), r"mode CMYK cannot be given back; try image\.convert\('RGB'\)"),
        (Image.new("HSV", (4, 4)), "mode HSV cannot be given back"),
        (Image.new("I", (4, 4), 70_000), r"mode I have to be in \[0, 65535\], not from 70000 to 70000"),
        (Image.new("F", (4, 4), 1.5), r"have to be in \[0, 1\], not from 1.5 to 1.5"),
        (Image.new("RGB", (0, 4)), "needs a pixel or more"),
        (torch.zeros(1, 4, 4), r"a tensor has to be \(3, H, W\)"),
        (None, "an array, a Pillow image, a tensor or a path, not a NoneType"),
    ],
)
def test_what_is_no_image_is_refused(image, message):
    with pytest.raises(UserError, match=message):
        hold(image)


def test_a_pillow_image_whose_file_is_cut_short_is_refused_by_name(tmp_path):
    Image.effect_noise((64, 64), 50).save(tmp_path / "a.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "a.png").read_bytes()[:2000])
    with Image.open(tmp_path / "cut.png") as image, pytest.raises(UserError, match=r"cut\.png: the image is damaged"):
        hold(image)


FILES = {
    "L.png": (PILLOW["L"], "L", None),
    "LA.png": (PILLOW["LA"], "LA", None),
    "RGB.png": (PILLOW["RGB"], "RGB", None),
    "RGBA.webp": (PILLOW["RGBA"], "RGBA", None),
    "P.gif": (PILLOW["P"], "RGB", None),
    "I16.png": (PILLOW["I;16"], "I;16", None),
    "I16.tif": (PILLOW["I;16"], "I;16", None),
    "F.tif": (PILLOW["F"], "F", None),
    "CMYK.tif": (PILLOW["RGB"].convert("CMYK"), "RGB", "CMYK converted to RGB"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_becomes_the_nearest_pillow_image(tmp_path, name):
    image, mode, note = FILES[name]
    image.save(tmp_path / name, **({"lossless": True, "exact": True} if name.endswith("webp") else {}))
    held = hold_file(tmp_path / name)
    back = held.put_back(held.pixels)
    assert back.mode == mode
    assert held.notes == ([] if note is None else [note])
    assert np.array_equal(np.asarray(back), np.asarray(image.convert(mode)))


def test_of_a_file_of_deep_colours_eight_bits_are_left_and_this_is_noted(tmp_path):
    import cv2

    deep = np.random.default_rng(0).integers(0, 65536, (5, 7, 3), dtype=np.uint16)
    cv2.imwrite(str(tmp_path / "a.png"), deep[..., ::-1])
    held = hold_file(tmp_path / "a.png")
    back = np.asarray(held.put_back(held.pixels))
    assert held.notes == ["16-bit reduced to 8-bit"]
    assert np.array_equal(back, (deep / 257).round().astype(np.uint8))


def test_only_the_first_frame_is_opened_and_this_is_noted(tmp_path):
    PILLOW["L"].save(
        tmp_path / "a.gif", save_all=True, append_images=[PILLOW["L"].transpose(Image.Transpose.ROTATE_180)]
    )
    held = hold_file(tmp_path / "a.gif")
    assert held.notes == ["only the first of 2 frames"]
    assert np.array_equal(np.asarray(held.put_back(held.pixels)), VALUES[..., 0])


def test_metadata_of_a_file_is_in_the_info(tmp_path):
    exif = Image.Exif()
    exif[0x010E] = "boats"
    exif[0x0112] = 6  # held sideways
    PILLOW["RGB"].save(tmp_path / "a.jpg", exif=exif, icc_profile=P3, dpi=(300, 300), xmp=XMP, comment="text")
    held = hold_file(tmp_path / "a.jpg")
    info = held.put_back(held.pixels).info
    assert info.keys() == {"exif", "icc_profile", "dpi", "xmp", "comment"}
    tags = Image.Exif()
    tags.load(info["exif"])
    assert (tags[0x010E], tags.get(0x0112, 1)) == ("boats", 1)
    assert (info["icc_profile"], info["dpi"], info["comment"]) == (P3, (300, 300), b"text")
    assert b"xmpmeta" in info["xmp"]
    assert hold_file(tmp_path / "a.jpg").pixels.shape == (3, 7, 5)
