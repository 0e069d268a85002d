"""What goes through a network that changes nothing comes back as it was, in every format."""

import io

import numpy as np
import pytest
import tifffile
import torch
from image_files import CHANNELS, P3, SRGB, XMP, camera_exif, made, pillow, png_with, samples_in, saved, scene
from PIL import ExifTags, Image, PngImagePlugin

from maskdcpt.images import decode_document

EXACT = [
    *(("PNG", kind, dtype) for kind in CHANNELS for dtype in (np.uint8, np.uint16)),
    *(("TIFF", kind, dtype) for kind in CHANNELS for dtype in (np.uint8, np.uint16, np.float32)),
    *(("PAM", kind, dtype) for kind in CHANNELS for dtype in (np.uint8, np.uint16)),
    *(("PGM", "grey", dtype) for dtype in (np.uint8, np.uint16)),
    *(("PPM", "rgb", dtype) for dtype in (np.uint8, np.uint16)),
    ("PFM", "grey", np.float32),
    ("PFM", "rgb", np.float32),
    ("BMP", "grey", np.uint8),
    ("BMP", "rgb", np.uint8),
    ("WEBP", "rgb", np.uint8),
    ("WEBP", "rgb+alpha", np.uint8),
]


def seen(document):
    return [frame.pixels for frame in document.frames]


@pytest.mark.parametrize(("name", "kind", "dtype"), EXACT)
def test_samples_come_back_exactly(name, kind, dtype):
    samples = scene(channels=CHANNELS[kind], dtype=dtype)
    document = decode_document(made(name, samples), "a")
    assert (document.format, document.depth) == (name, 8 * samples.itemsize)
    assert (document.grey, document.alpha) == (kind.startswith("grey"), kind.endswith("alpha"))
    frame = document.frames[0]
    assert (frame.pixels.shape, frame.pixels.dtype) == ((3, 24, 31), torch.float32)
    encoded = document.encode(seen(document))
    assert (encoded.notes, document.notes) == ((), ())
    back = samples_in(encoded.data, name)
    assert back.dtype.newbyteorder("=") == samples.dtype
    assert np.array_equal(back, samples)


@pytest.mark.parametrize(("name", "kind", "dtype"), EXACT)
def test_restored_colours_are_written_and_opacity_is_kept(name, kind, dtype):
    samples = scene(channels=CHANNELS[kind], dtype=dtype)
    document = decode_document(made(name, samples), "a")
    most = 1 if dtype == np.float32 else np.iinfo(dtype).max
    halved = [pixels / 2 for pixels in seen(document)]
    back = samples_in(document.encode(halved).data, name)
    colours = 1 if kind.startswith("grey") else 3
    visible = back[..., colours:].astype(bool).all(2)
    difference = back[..., :colours].astype(np.float64) - samples[..., :colours] / 2
    assert np.abs(difference[visible]).max() <= (1e-6 if most == 1 else 0.51)
    assert np.array_equal(back[..., colours:], samples[..., colours:])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["JPEG", "PNG", "PNG16", "WEBP", "TIFF", "TIFF16", "AVIF"])
def test_orientation_is_applied_once(name, orientation):
    upright = scene()
    turn = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM}
    turn |= {5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE}
    turn |= {8: Image.Transpose.ROTATE_270}
    stored = pillow(upright).transpose(turn[orientation]) if orientation > 1 else pillow(upright)
    exif = camera_exif(orientation).tobytes()
    if name.endswith("16"):
        made_from = decode_document(saved(stored, "PNG"), "a")
        deep = np.asarray(stored).astype(np.uint16) * 257
        data = _deep_file(name[:-2], deep, orientation)
        assert made_from.size == (stored.width, stored.height)
    else:
        options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}, "AVIF": {"quality": 100}}
        data = saved(stored, name, exif=exif, **options.get(name, {}))
    document = decode_document(data, "a")
    assert document.size == (31, 24)
    loss = {"JPEG": 0.03, "AVIF": 0.2}.get(name, 0)
    expected = torch.from_numpy(upright / np.float32(255)).permute(2, 0, 1)
    assert (document.frames[0].pixels - expected).abs().max() <= loss + 1e-6
    again = decode_document(document.encode(seen(document)).data, "b")
    assert again.size == (31, 24)
    assert (again.frames[0].pixels - expected).abs().max() <= 2 * loss + 1e-6


def _deep_file(name, samples, orientation):
    if name == "PNG":
        block = b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0" + bytes([orientation, 0, 0, 0]) + bytes(4)
        return png_with(made("PNG", samples), b"eXIf", block)
    file = io.BytesIO()
    tifffile.imwrite(file, samples, photometric="rgb", extratags=[(274, "H", 1, orientation, True)])
    return file.getvalue()


PHOTO = ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"]


@pytest.mark.parametrize("source", PHOTO)
@pytest.mark.parametrize("target", PHOTO)
def test_all_that_describes_a_photo_is_carried_over(source, target):
    exif = camera_exif()
    if source == "TIFF":
        exif[700] = XMP
    options = {"exif": exif.tobytes(), "icc_profile": P3}
    if source == "PNG":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", XMP.decode())
    elif source != "TIFF":
        options["xmp"] = XMP
    document = decode_document(saved(pillow(scene()), source, **options), "a")
    encoded = document.encode(seen(document), target)
    notes = [note for note in (*document.notes, *encoded.notes) if not note.startswith("dots per inch")]
    assert notes == []
    with Image.open(io.BytesIO(encoded.data)) as image:
        assert image.format == target
        assert image.info["icc_profile"] == P3
        xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
        assert (xmp.encode() if isinstance(xmp, str) else xmp).rstrip(b"\0") == XMP
        exif = image.getexif()
        assert exif[ExifTags.Base.Make] == "Maker"
        assert exif.get(ExifTags.Base.Orientation, 1) == 1
        inner = exif.get_ifd(ExifTags.IFD.Exif)
        assert inner[ExifTags.Base.DateTimeOriginal] == "2020:02:02 20:20:20"
        assert inner[ExifTags.Base.MakerNote] == b"note\1"
        assert exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] == (47.0, 22.0, 5.0)


@pytest.mark.parametrize("source", ["JPEG", "PNG", "TIFF", "BMP"])
@pytest.mark.parametrize("target", ["JPEG", "PNG", "TIFF", "BMP"])
def test_dots_per_inch_are_carried_over(source, target):
    document = decode_document(saved(pillow(scene()), source, dpi=(300, 150)), "a")
    back = decode_document(document.encode(seen(document), target).data, "b")
    assert back.metadata.dpi == pytest.approx((300, 150), abs=0.05)


@pytest.mark.parametrize("name", [*PHOTO, "BMP", "GIF"])
def test_metadata_is_left_out_when_asked_except_the_profile(name):
    document = decode_document(saved(pillow(scene()), "JPEG", exif=camera_exif(), xmp=XMP, icc_profile=SRGB), "a")
    encoded = document.encode(seen(document), name, metadata=False)
    back = decode_document(encoded.data, "b").metadata
    assert (back.exif, back.xmp) == (None, None)
    assert back.icc == (SRGB if name in PHOTO else None)
    assert b"Maker" not in encoded.data


@pytest.mark.parametrize("name", ["PNG", "JPEG"])
def test_texts_are_carried_over(name):
    if name == "JPEG":
        data = saved(pillow(scene()), "JPEG", comment=b"taken in May")
        document = decode_document(data, "a")
        assert Image.open(io.BytesIO(document.encode(seen(document)).data)).info["comment"] == b"taken in May"
        assert "text comments dropped, for PNG has no place for it" in document.encode(seen(document), "png").notes
    else:
        info = PngImagePlugin.PngInfo()
        info.add_text("Title", "In May")
        document = decode_document(saved(pillow(scene()), "PNG", pnginfo=info), "a")
        assert Image.open(io.BytesIO(document.encode(seen(document)).data)).text == {"Title": "In May"}
