"""What networks are shown of a file, and what is put back around what they give."""

import io
import os
import threading
import time
import warnings

import imagecodecs
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from image_files import P3, SRGB, XMP, camera_exif, made, pillow, png_with, samples_in, saved, scene
from PIL import Image, JpegImagePlugin

from maskdcpt.errors import UserError
from maskdcpt.images import decode_document, read_document, write_document


def seen(document):
    return [frame.pixels for frame in document.frames]


def as_tensor(samples):
    most = 1 if samples.dtype.kind == "f" else np.iinfo(samples.dtype).max
    return torch.from_numpy((samples / most).astype(np.float32)).permute(2, 0, 1)


# Names


@pytest.mark.parametrize(
    ("name", "target", "note"),
    [
        ("a.jpg", "jpg", "holds PNG in spite of its name; written as JPEG"),
        ("A.JPE", "jpg", "holds PNG in spite of its name; written as JPEG"),
        ("a.jpg", None, ""),
        ("a.jpg", "webp", ""),
        ("a.png", "jpg", ""),
        ("a", "jpg", ""),
    ],
)
def test_a_name_that_says_another_format_than_the_file_holds_is_told_where_it_is_followed(name, target, note):
    document = decode_document(made("PNG", scene()), name)
    notes = document.encode(seen(document), target).notes
    assert [each for each in notes if "in spite" in each] == ([note] if note else [])


def test_any_map_may_hold_grey(tmp_path):
    document = decode_document(b"P5 2 1 255\n\1\2", "a.pnm")
    assert document.format == "PGM"
    assert document.encode(seen(document), "pnm").notes == ()


# Colours


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_networks_see_srgb_and_colours_beyond_it_come_back(dtype):
    samples = scene(dtype=dtype)
    samples[0, 0] = [0, np.iinfo(dtype).max, 0]  # a green that sRGB does not hold
    data = png_with(made("PNG", samples), b"iCCP", b"P3\0\0" + imagecodecs.zlib_encode(P3))
    document = decode_document(data, "a")
    pixels = document.frames[0].pixels
    # The matrix from the linear light of P3 to that of sRGB, in double precision.
    light = (samples[5, 7] / np.iinfo(dtype).max) ** 2.2
    matrix = np.array([[1.22494, -0.22494, 0], [-0.04206, 1.04206, 0], [-0.01964, -0.07864, 1.09827]])
    linear = matrix @ light
    expected = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.abs(linear) ** (1 / 2.4) - 0.055).clip(0, 1)
    assert np.abs(pixels[:, 5, 7].numpy() - expected).max() < 0.002
    assert pixels[:, 0, 0].tolist() == pytest.approx([0, 1, 0], abs=0.01)
    encoded = document.encode([pixels])
    assert np.array_equal(samples_in(encoded.data, "PNG"), samples)
    assert Image.open(io.BytesIO(encoded.data)).info["icc_profile"] == P3


def test_restored_colours_are_converted_back_to_the_profile():
    samples = np.full((8, 8, 3), 128, np.uint8)
    document = decode_document(saved(pillow(samples), "PNG", icc_profile=P3), "a")
    data = document.encode([torch.tensor([0.8, 0.3, 0.2])[:, None, None].expand(3, 8, 8)]).data
    again = decode_document(data, "b").frames[0].pixels[:, 4, 4]
    assert again.tolist() == pytest.approx([0.8, 0.3, 0.2], abs=1.5 / 255)


def test_an_srgb_profile_changes_no_value():
    document = decode_document(saved(pillow(scene()), "PNG", icc_profile=SRGB), "a")
    assert torch.equal(document.frames[0].pixels, as_tensor(scene()))


def test_a_format_without_profiles_gets_srgb_and_says_so():
    document = decode_document(saved(pillow(scene()), "PNG", icc_profile=P3), "a")
    encoded = document.encode(seen(document), "ppm")
    assert any("colours converted to sRGB" in note for note in encoded.notes)
    assert (
        np.abs(samples_in(encoded.data, "PPM") - document.frames[0].pixels.permute(1, 2, 0).numpy() * 255).max() <= 0.51
    )


def test_cmyk_is_converted_and_its_profile_does_not_stay():
    ink = Image.merge("CMYK", pillow(scene(channels=4)).split())
    document = decode_document(saved(ink, "TIFF"), "a")
    assert document.notes == ("CMYK converted to RGB",)
    expected = np.asarray(ink.convert("RGB")) / 255
    assert np.abs(document.frames[0].pixels.permute(1, 2, 0).numpy() - expected).max() <= 1.01 / 255
    assert document.encode(seen(document)).notes == ()


# Values


@given(st.floats(-3, 8, width=32), st.floats(-3, 8, width=32))
@settings(max_examples=25, deadline=None)
def test_values_beyond_the_range_are_shown_clipped_and_put_back(low, high):
    samples = scene(dtype=np.float32)
    samples[2, 3], samples[4, 5] = low, high
    document = decode_document(made("TIFF", samples), "a")
    assert torch.equal(document.frames[0].pixels, as_tensor(samples).clamp(0, 1))
    assert any("outside [0, 1]" in note for note in document.notes) == (min(low, high) < 0 or max(low, high) > 1)
    assert np.abs(samples_in(document.encode(seen(document)).data, "TIFF") - samples).max() < 1e-6
    brighter = [pixels + 0.25 for pixels in seen(document)]
    assert np.abs(samples_in(document.encode(brighter).data, "TIFF") - samples - 0.25).max() < 1e-6


def test_values_that_are_not_numbers_are_refused():
    samples = scene(dtype=np.float32)
    samples[1, 1, 1] = np.nan
    with pytest.raises(UserError, match="a: some values are not numbers"):
        decode_document(made("TIFF", samples), "a")


def test_unseen_colours_do_not_reach_networks_and_come_back():
    samples = scene(channels=4)
    samples[..., 3] = 255
    samples[4:9, 6:12] = [255, 0, 255, 0]
    document = decode_document(made("PNG", samples), "a")
    pixels = document.frames[0].pixels
    visible = {tuple(colour) for colour in samples[samples[..., 3] > 0][:, :3].tolist()}
    shown = {tuple(colour) for colour in (pixels * 255).round().int().flatten(1).T.tolist()}
    assert shown <= visible
    assert np.array_equal(samples_in(document.encode([pixels]).data, "PNG"), samples)


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=30))
@settings(max_examples=30, deadline=None)
def test_every_16_bit_value_survives(values):
    samples = np.array(values, np.uint16).reshape(1, -1, 1)
    document = decode_document(made("PNG", samples), "a")
    assert np.array_equal(samples_in(document.encode(seen(document)).data, "PNG"), samples)


# Formats and depths


@pytest.mark.parametrize(
    ("dtype", "kind", "target", "notes"),
    [
        (np.uint16, 3, "jpg", {"16-bit reduced to 8-bit"}),
        (np.uint16, 4, ".jpeg", {"16-bit reduced to 8-bit", "alpha channel dropped, for JPEG has no place for it"}),
        (np.float32, 3, "png", {"floating point reduced to 16-bit"}),
        (np.uint8, 3, "pgm", {"colours reduced to grey, for PGM holds nothing else"}),
        (np.uint8, 2, "bmp", {"alpha channel dropped, for BMP has no place for it"}),
        (np.uint8, 3, "pfm", set()),
        (np.uint8, 1, "webp", set()),
    ],
)
def test_what_a_format_cannot_hold_is_said(dtype, kind, target, notes):
    document = decode_document(made("TIFF", scene(channels=kind, dtype=dtype)), "a")
    assert set(document.encode(seen(document), target, metadata=False).notes) == notes


def test_metadata_without_a_place_is_said():
    data = saved(pillow(scene()), "JPEG", exif=camera_exif(), xmp=XMP, comment=b"in May", dpi=(300, 300))
    document = decode_document(data, "a")
    lost = {note.partition(" dropped")[0] for note in document.encode(seen(document), "ppm").notes}
    assert lost == {"EXIF", "XMP metadata", "text comments", "dots per inch"}


@pytest.mark.parametrize("depth", [8, 16, 32])
def test_another_depth_is_written_when_asked(depth):
    document = decode_document(made("TIFF", scene(dtype=np.uint16)), "a")
    encoded = document.encode(seen(document), depth=depth)
    assert 8 * samples_in(encoded.data, "TIFF").itemsize == depth
    assert encoded.notes == (("16-bit reduced to 8-bit",) if depth == 8 else ())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "jpg", "depth": 16}, "a: JPEG holds 8 bits a sample, not 16"),
        ({"quality": 0}, r"a: quality is 0; it lies in \[1, 100\]"),
        ({"format": "xyz"}, "there is no format 'xyz'; known: PNG, JPEG"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(options, message):
    document = decode_document(made("PNG", scene()), "a")
    with pytest.raises(UserError, match=message):
        document.encode(seen(document), **options)


@pytest.mark.parametrize("count", [0, 2])
def test_as_many_pictures_as_frames_are_needed(count):
    document = decode_document(made("PNG", scene()), "a")
    with pytest.raises(UserError, match=r"a: .*pictures"):
        document.encode(seen(document) * count)


@pytest.mark.parametrize("bad", [torch.full((3, 24, 31), float("nan")), torch.zeros(3, 24, 30), torch.zeros(1, 24, 31)])
def test_pictures_of_another_size_or_without_numbers_are_refused(bad):
    document = decode_document(made("PNG", scene()), "a")
    with pytest.raises(UserError, match=r"a: only finite values \(3, 24, 31\)"):
        document.encode([bad])


# JPEG


@pytest.mark.parametrize("quality", [30, 75, 96])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_is_written_as_it_was(quality, subsampling, progressive):
    data = saved(pillow(scene(48, 64)), "JPEG", quality=quality, subsampling=subsampling, progressive=progressive)
    document = decode_document(data, "a")
    before, after = Image.open(io.BytesIO(data)), Image.open(io.BytesIO(document.encode(seen(document)).data))
    assert after.quantization == before.quantization
    assert JpegImagePlugin.get_sampling(after) == JpegImagePlugin.get_sampling(before) == subsampling
    assert bool(after.info.get("progressive")) == progressive
    finer = Image.open(io.BytesIO(document.encode(seen(document), quality=99).data))
    assert sum(finer.quantization[0]) < sum(before.quantization[0])


def test_grey_jpeg_stays_grey():
    document = decode_document(saved(pillow(scene(channels=1)), "JPEG", quality=60), "a")
    after = Image.open(io.BytesIO(document.encode(seen(document)).data))
    assert after.mode == "L"


# Limits and files


def test_too_many_pixels_are_refused_and_the_limit_can_be_raised(monkeypatch):
    data = made("PNG", scene(20, 30))
    with pytest.raises(
        UserError, match=r"a: too many pixels .*30 x 20\); 599 are the limit, which MASKDCPT_MAX_PIXELS="
    ):
        decode_document(data, "a", limit=599)
    monkeypatch.setenv("MASKDCPT_MAX_PIXELS", "599")
    with pytest.raises(UserError, match="599 are the limit"):
        decode_document(data, "a")
    monkeypatch.setenv("MASKDCPT_MAX_PIXELS", "600")
    assert decode_document(data, "a").size == (30, 20)
    monkeypatch.setenv("MASKDCPT_MAX_PIXELS", "many")
    with pytest.raises(UserError, match="MASKDCPT_MAX_PIXELS is 'many'; it is a positive number"):
        decode_document(data, "a")


@pytest.mark.parametrize("name", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
def test_frames_count_towards_the_limit(name):
    frames = [pillow(scene(20, 30, seed=seed)) for seed in range(4)]
    data = saved(frames[0], name, save_all=True, append_images=frames[1:], duration=50)
    with pytest.raises(UserError, match="too many pixels"):
        decode_document(data, "a", limit=2399)
    assert len(decode_document(data, "a", limit=2400).frames) == 4


def test_files_are_written_whole_or_not_at_all(tmp_path):
    source = tmp_path / "a.tif"
    source.write_bytes(made("TIFF", scene(dtype=np.uint16)))
    document = read_document(source)
    assert write_document(document, seen(document), tmp_path / "b.jpg") == ("16-bit reduced to 8-bit",)
    with pytest.raises(UserError):
        write_document(document, [torch.zeros(3, 1, 1)], tmp_path / "b.jpg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tif", "b.jpg"]
    assert read_document(tmp_path / "b.jpg").size == document.size
    with pytest.raises(UserError, match=r"none\.png: no such file"):
        read_document(tmp_path / "none.png")


def test_threads_may_share_a_document():
    frames = [pillow(scene(seed=seed)) for seed in range(6)]
    document = decode_document(saved(frames[0], "TIFF", save_all=True, append_images=frames[1:]), "a")
    wrong = []

    def look(start):
        for index in range(30):
            number = (start * 5 + index * 7) % 6
            if not torch.equal(document.frames[number].pixels, as_tensor(scene(seed=number))):
                wrong.append(number)

    threads = [threading.Thread(target=look, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_xmp_is_turned_with_the_picture():
    turned = XMP.replace(b'Orientation="1"', b'Orientation="6"')
    document = decode_document(saved(pillow(scene()), "WEBP", xmp=turned, lossless=True), "a")
    assert document.size == (24, 31)
    assert document.metadata.xmp == XMP


# Threads


def test_other_threads_may_write_to_standard_error_and_warn_meanwhile(capfd):
    data = [saved(pillow(scene(300, 400)), name) for name in ("TIFF", "PNG", "JPEG", "WEBP")]
    data.append(saved(pillow(scene(300, 400)), "TIFF", compression="tiff_lzw"))
    before = warnings.showwarning, list(warnings.filters)
    found = []

    def work(file):
        for _ in range(8):
            document = decode_document(file, "a")
            found.append((*document.notes, *document.encode(seen(document)).notes))

    def talk():
        threads = [threading.Thread(target=work, args=(file,)) for file in data]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            os.write(2, b"x\n")
            warnings.warn("a matter of another thread", RuntimeWarning, stacklevel=1)
            time.sleep(0.001)

    with pytest.warns(RuntimeWarning, match="of another thread") as caught:
        talk()
    assert capfd.readouterr().err.split() == ["x"] * len(caught)
    assert len(caught) > 10
    assert set(found) == {()}
    assert (warnings.showwarning, list(warnings.filters)) == before
