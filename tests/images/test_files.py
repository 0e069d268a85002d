"""Image files: what goes in comes out, what is lost is said, and what is damaged is refused."""

import importlib.util
import io
import warnings
import zlib

import cv2
import numpy as np
import pytest
import torch
from PIL import ExifTags, Image, ImageCms

from maskdcpt.errors import UserError
from maskdcpt.images import FORMATS, format_of, read_image, write_image

EXACT = (".bmp", ".png", ".ppm", ".tif", ".tiff", ".webp")
HEIF = importlib.util.find_spec("pillow_heif") is not None
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def photo(height=40, width=56, seed=0):
    """An image (3, H, W) of 8-bit values: soft colours with very little noise."""
    rows, columns = np.mgrid[:height, :width]
    waves = np.stack([np.sin(rows / 9), np.cos(columns / 7), np.sin((rows + columns) / 11)])
    noise = np.random.default_rng(seed).normal(0, 0.004, waves.shape)
    return torch.from_numpy(((0.5 + 0.4 * waves + noise).clip(0, 1) * 255).round().astype(np.float32) / 255)


def pil(pixels):
    return Image.fromarray((pixels * 255).round().byte().permute(1, 2, 0).numpy())


def encoded(image, name, **options):
    data = io.BytesIO()
    image.save(data, name, **options)
    return data.getvalue()


@pytest.mark.parametrize("suffix", EXACT)
def test_written_pixels_come_back_exactly(tmp_path, suffix):
    path = tmp_path / f"image{suffix}"
    write_image(photo(), path)
    picture = read_image(path)
    assert torch.equal(picture.pixels, photo())
    assert picture.format == FORMATS[suffix]
    assert picture.notes == ()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG"])
def test_jpeg_is_near_and_keeps_colour_at_full_resolution(tmp_path, suffix):
    path = tmp_path / f"image{suffix}"
    write_image(photo(), path)
    assert (read_image(path).pixels - photo()).abs().mean() < 2 / 255
    with Image.open(path) as image:
        assert image.layer[0][1:3] == image.layer[1][1:3] == (1, 1)  # sampling factors of luma and chroma


def test_values_are_clamped_and_rounded_to_the_nearest_level(tmp_path):
    values = torch.tensor([-0.3, 0.4 / 255, 0.6 / 255, 254.4 / 255, 1.7])
    write_image(values.repeat(3, 1, 1), tmp_path / "a.png")
    levels = read_image(tmp_path / "a.png").pixels[0, 0] * 255
    assert levels.tolist() == [0, 0, 1, 254, 255]


@pytest.mark.parametrize("suffix", [suffix for suffix in FORMATS if HEIF or FORMATS[suffix] != "HEIF"])
def test_one_pixel_is_an_image(tmp_path, suffix):
    write_image(torch.ones(3, 1, 1), tmp_path / f"a{suffix}")
    assert (read_image(tmp_path / f"a{suffix}").pixels - 1).abs().max() < 0.01


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once(tmp_path, suffix, orientation):
    upright = pil(photo())
    # How a camera held otherwise stores what is upright for the viewer.
    stored = (
        upright.transpose(
            {
                2: Image.Transpose.FLIP_LEFT_RIGHT,
                3: Image.Transpose.ROTATE_180,
                4: Image.Transpose.FLIP_TOP_BOTTOM,
                5: Image.Transpose.TRANSPOSE,
                6: Image.Transpose.ROTATE_90,
                7: Image.Transpose.TRANSVERSE,
                8: Image.Transpose.ROTATE_270,
            }[orientation]
        )
        if orientation > 1
        else upright
    )
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    lossless = {"quality": 100, "subsampling": 0} if suffix == ".jpg" else {"lossless": True}
    stored.save(tmp_path / f"in{suffix}", exif=exif, **lossless)
    picture = read_image(tmp_path / f"in{suffix}")
    assert (picture.pixels - photo()).abs().max() < 0.02
    write_image(picture.pixels, tmp_path / f"out{suffix}", like=picture)
    assert (read_image(tmp_path / f"out{suffix}").pixels - photo()).abs().max() < 0.03


@pytest.mark.parametrize("source", [".jpg", ".png", ".tif", ".webp"])
@pytest.mark.parametrize("target", [".jpg", ".png", ".tif", ".webp"])
def test_profile_and_camera_data_are_kept(tmp_path, source, target):
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Maker"
    exif[ExifTags.IFD.Exif] = {ExifTags.Base.DateTimeOriginal: "2020:02:02 20:20:20", ExifTags.Base.MakerNote: b"note"}
    exif[ExifTags.IFD.GPSInfo] = {ExifTags.GPS.GPSLatitudeRef: "N", ExifTags.GPS.GPSLatitude: (47.0, 22.0, 5.0)}
    pil(photo()).save(tmp_path / f"in{source}", exif=exif.tobytes(), icc_profile=SRGB)
    picture = read_image(tmp_path / f"in{source}")
    assert picture.notes == ()
    write_image(picture.pixels, tmp_path / f"out{target}", like=picture)
    with Image.open(tmp_path / f"out{target}") as image:
        assert image.info["icc_profile"] == SRGB
        kept = image.getexif()
        assert kept[ExifTags.Base.Make] == "Maker"
        assert kept.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] == "2020:02:02 20:20:20"
        assert kept.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] == (47.0, 22.0, 5.0)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_print_size_is_kept(tmp_path, suffix):
    pil(photo()).save(tmp_path / f"in{suffix}", dpi=(300, 300))
    picture = read_image(tmp_path / f"in{suffix}")
    write_image(picture.pixels, tmp_path / f"out{suffix}", like=picture)
    assert read_image(tmp_path / f"out{suffix}").dpi == pytest.approx((300, 300), abs=0.01)


@pytest.mark.parametrize(
    ("mode", "name", "options", "notes"),
    [
        ("L", "PNG", {}, ("grey expanded to RGB",)),
        ("1", "PNG", {}, ("grey expanded to RGB",)),
        ("LA", "PNG", {}, ("alpha channel dropped", "grey expanded to RGB")),
        ("RGBA", "PNG", {}, ("alpha channel dropped",)),
        ("RGBA", "WEBP", {"lossless": True}, ("alpha channel dropped",)),
        ("P", "PNG", {}, ()),
        ("P", "PNG", {"transparency": bytes(256)}, ("alpha channel dropped",)),
        ("CMYK", "JPEG", {}, ("CMYK converted to RGB",)),
        ("YCbCr", "TIFF", {}, ("YCbCr converted to RGB",)),
        ("RGB", "TIFF", {"save_all": True, "append_images": [pil(photo())] * 2}, ("only the first of 3 frames",)),
        ("RGB", "PNG", {"save_all": True, "append_images": [pil(photo(seed=1))]}, ("only the first of 2 frames",)),
        ("RGB", "JPEG", {"comment": "taken in May"}, ("text comments dropped",)),
        ("RGB", "JPEG", {"xmp": b"<x:xmpmeta/>"}, ("XMP metadata dropped",)),
        ("RGB", "JPEG", {"exif": b"Exif\0\0not a TIFF header"}, ("unreadable EXIF dropped",)),
        ("RGB", "PNG", {"icc_profile": SRGB[:16] + b"GRAY" + SRGB[20:]}, ("colour profile for GRAY dropped",)),
    ],
)
def test_what_is_lost_is_noted(tmp_path, mode, name, options, notes):
    path = tmp_path / "image"
    image = pil(photo()).convert(mode)
    if "A" in mode:
        image.putalpha(77)
    path.write_bytes(encoded(image, name, **options))
    picture = read_image(path)
    assert set(picture.notes) == set(notes)
    expected = pil(photo()).convert(mode).convert("RGB")
    difference = picture.pixels - torch.from_numpy(np.array(expected)).permute(2, 0, 1) / 255
    assert difference.abs().mean() < 0.02


@pytest.mark.parametrize("suffix", [".png", ".tif", ".ppm"])
@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_are_reduced_with_a_note(tmp_path, suffix, channels):
    deep = np.random.default_rng(0).integers(0, 65536, (9, 8, channels), dtype=np.uint16)
    path = tmp_path / f"deep{'.pgm' if (suffix, channels) == ('.ppm', 1) else suffix}"
    cv2.imwrite(str(path), deep[..., ::-1])
    picture = read_image(path)
    assert "16-bit reduced to 8-bit" in picture.notes
    expected = torch.from_numpy((deep / 65535).astype(np.float32)).permute(2, 0, 1).expand(3, -1, -1)
    assert (picture.pixels - expected).abs().max() < 1 / 255


def test_samples_without_a_fixed_range_are_refused(tmp_path):
    Image.new("F", (4, 4), 1.5).save(tmp_path / "float.tif")
    with pytest.raises(UserError, match=r"float\.tif: values have to be in \[0, 1\], not from 1\.5 to 1\.5"):
        read_image(tmp_path / "float.tif")
    Image.new("I", (4, 4), 70000).save(tmp_path / "long.tif")
    with pytest.raises(UserError, match=r"long\.tif: whole-number samples of 32 bits are not supported; convert"):
        read_image(tmp_path / "long.tif")


def test_the_content_counts_not_the_suffix(tmp_path):
    path = tmp_path / "really-a-jpeg.png"
    path.write_bytes(encoded(pil(photo()), "JPEG"))
    assert read_image(path).format == "JPEG"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"the file is empty \(0 bytes\); expected a JPEG, PNG"),
        (b"this is a text\n" * 9, "not an image that can be read; expected a JPEG, PNG"),
        (encoded(pil(photo()), "ICO"), "not an image that can be read; expected a JPEG, PNG"),
        (encoded(pil(photo()), "PNG")[:400], r"the image is damaged or cut short \(.+\); a whole copy is needed"),
    ],
)
def test_a_file_that_is_no_image_is_refused_in_one_line(tmp_path, content, message):
    path = tmp_path / "bad.png"
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"bad\.png: {message}") as caught:
        read_image(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path):
    with pytest.raises(UserError, match=r"none\.png: no such file"):
        read_image(tmp_path / "none.png")
    with pytest.raises(UserError, match=r"Is a directory.*expected an image file"):
        read_image(tmp_path)


def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path):
    path = tmp_path / "bomb.png"
    small = encoded(Image.new("L", (1, 1)), "PNG")
    header = b"IHDR" + (50_000).to_bytes(4) * 2 + small[24:29]
    path.write_bytes(small[:12] + header + zlib.crc32(header).to_bytes(4) + small[33:])
    with pytest.raises(
        UserError, match=r"bomb\.png: too many pixels to be decoded safely \(.+\); [\d,]+ are the limit"
    ):
        read_image(path)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("BMP", {}),
        ("PPM", {}),
    ],
)
def test_a_file_cut_anywhere_is_refused_or_whole(tmp_path, capfd, name, options):
    whole = encoded(pil(photo()), name, **options)
    path = tmp_path / "cut"
    path.write_bytes(whole)
    pixels = read_image(path).pixels
    refused = 0
    for length in range(1, len(whole), max(1, len(whole) // 100)):
        path.write_bytes(whole[:length])
        try:
            assert torch.equal(read_image(path).pixels, pixels)  # all that was missing came after the pixels
        except UserError:
            refused += 1
    assert refused > 95
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", ["JPEG", "PNG"])
def test_a_file_that_has_kept_only_its_length_is_refused(tmp_path, name):
    whole = encoded(pil(photo(120, 160)), name)
    path = tmp_path / "download"
    for percent in range(10, 100, 5):
        kept = len(whole) * percent // 100
        path.write_bytes(whole[:kept] + bytes(len(whole) - kept))
        with pytest.raises(UserError, match=r"and a whole one|a whole copy is needed"):
            read_image(path)


@pytest.mark.parametrize("trailer", [b"\0" * 64, b"MotionPhoto\xff\xda\0\0" * 9])
def test_a_jpeg_with_something_after_its_end_is_whole(tmp_path, trailer):
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded(pil(photo()), "JPEG") + trailer)
    assert read_image(path).pixels.shape == (3, 40, 56)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "PPM"])
def test_random_damage_gives_an_image_or_one_clear_line(tmp_path, name):
    options = (
        {} if name in ("BMP", "PPM") else {"exif": b"MM\0*\0\0\0\x08\0\1\1\x0f\0\2\0\0\0\6\0\0\0\x1aMaker\0\0\0\0\0"}
    )
    whole = encoded(pil(photo()), name, **options)
    generator = np.random.default_rng(1)
    path = tmp_path / "damaged"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(150):
            data = bytearray(whole)
            for place in generator.integers(0, min(len(data), 1500), 3):
                data[place] = generator.integers(256)
            path.write_bytes(data)
            try:
                outcome = "" if read_image(path).pixels.isfinite().all() else "not finite"
            except UserError as error:
                outcome = str(error).removeprefix(f"{path}: ")
                outcome = outcome if str(path) in outcome or "\n" in outcome else ""
            assert outcome == ""


@pytest.mark.parametrize("name", ["a.ico", "a", "a.txt"])
def test_an_unknown_suffix_names_the_known_ones(tmp_path, name):
    with pytest.raises(UserError, match=r"has to end in one of \.apng, \.avif, \.bmp, \.gif"):
        write_image(photo(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bad", [torch.full((3, 2, 2), float("nan")), torch.zeros(1, 2, 2), torch.zeros(1, 3, 2, 2)])
def test_only_finite_rgb_values_are_written(tmp_path, bad):
    with pytest.raises(UserError, match=r"a\.png: only finite values \(3, H, W\)"):
        write_image(bad, tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("suffix", "side"), [(".webp", 20_000), (".jpg", 70_000)])
def test_an_image_too_long_for_its_format_is_refused_in_one_line(tmp_path, capfd, suffix, side):
    with pytest.raises(UserError, match=rf"{side} x 1 pixels do not fit a \w+ file .*; try \.png"):
        write_image(torch.zeros(3, 1, side), tmp_path / f"long{suffix}")
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr().err == ""


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.png"
    write_image(photo(), path)
    with pytest.raises(UserError):
        write_image(photo() * float("inf"), path)
    assert torch.equal(read_image(path).pixels, photo())
    with pytest.raises(OSError, match=r"a\.png"):
        write_image(photo(), path / "below-a-file.png")
    assert list(tmp_path.iterdir()) == [path]


def test_format_of_ignores_case(tmp_path):
    assert format_of(tmp_path / "HOLIDAY.JPG") == "JPEG"
