"""Files that are built as few are: colours, opacity and frames come out right, or one line refuses them."""

import io
import zlib

import numpy as np
import pytest
import tifffile
import torch
from image_files import P3, made, pillow, png_with, samples_in, saved, scene
from PIL import Image

from maskdcpt.errors import UserError
from maskdcpt.images import decode_document


def seen(document):
    return [frame.pixels for frame in document.frames]


def tiff(samples, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, samples, **options)
    return file.getvalue()


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_the_transparent_shade_of_a_png_is_transparent_whatever_its_bits(bits):
    most = 2**bits - 1
    header = (8).to_bytes(4) + (1).to_bytes(4) + bytes([bits, 0, 0, 0, 0])
    row = np.packbits(np.unpackbits(np.array([most] * 4 + [0] * 4, np.uint8)[:, None], axis=1)[:, -bits:])
    file = b"\x89PNG\r\n\x1a\n"
    for kind, content in ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" + row.tobytes())), (b"IEND", b"")):
        file += len(content).to_bytes(4) + kind + content + zlib.crc32(kind + content).to_bytes(4)
    raster = decode_document(png_with(file, b"tRNS", most.to_bytes(2)), "a").frames[0].raster
    assert raster.samples[0].tolist() == [[255, 0]] * 4 + [[0, 255]] * 4


VIDEO = b"\0\0\0\x18ftypmp42" + bytes(3000) + b"\xff\xd8\xff\xe0moov"
BEHIND = f"{len(VIDEO):,} bytes behind the image dropped, such as the video of a motion photo"


@pytest.mark.parametrize(
    ("rest", "note"), [(b"", None), (bytes(4096), None), (VIDEO, BEHIND), (b"\n", BEHIND.replace("3,020", "1"))]
)
def test_what_lies_behind_a_jpeg_is_told(rest, note):
    document = decode_document(made("JPEG", scene()) + rest, "a.jpg")
    assert [each for each in document.notes if "behind" in each] == ([note] if note else [])


@pytest.mark.parametrize("rest", [b"", VIDEO])
def test_the_other_pictures_of_a_file_are_not_counted_among_what_lies_behind(rest):
    file = io.BytesIO()
    stills = [Image.fromarray(scene()), Image.fromarray(scene()[::-1])]
    stills[0].save(file, "MPO", save_all=True, append_images=stills[1:])
    document = decode_document(file.getvalue() + rest, "a.jpg")
    told = "only the first of 2 pictures, which the others belong to"
    assert document.notes == ((told, BEHIND) if rest else (told,))


@pytest.mark.parametrize("frames", [1, 2])
def test_what_a_png_says_of_its_colours_without_a_profile_stays_with_them(frames):
    more = [pillow(scene(seed=1))] * (frames - 1)
    data = saved(pillow(scene()), "PNG", save_all=frames > 1, append_images=more)
    data = png_with(png_with(data, b"gAMA", (100_000).to_bytes(4)), b"cICP", bytes([9, 16, 0, 1]))
    document = decode_document(data, "a")
    assert document.notes == ("values taken for sRGB despite cICP and gAMA",)
    same = document.encode(seen(document))
    assert same.notes == ()
    assert b"gAMA" + (100_000).to_bytes(4) in same.data
    assert b"cICP" + bytes([9, 16, 0, 1]) in same.data
    assert "cICP and gAMA dropped, for JPEG has no place for it" in document.encode(seen(document), "jpeg").notes


def test_usual_colours_of_a_png_are_nothing_to_tell_of():
    data = png_with(png_with(made("PNG", scene()), b"gAMA", (45_455).to_bytes(4)), b"sRGB", b"\0")
    document = decode_document(data, "a")
    assert document.notes == document.encode(seen(document), "webp").notes == ()


def test_tables_of_a_jpeg_are_told_by_their_numbers_not_by_their_order():
    data = saved(pillow(scene()), "JPEG", quality=30)
    first = data.index(b"\xff\xdb")
    size = 2 + int.from_bytes(data[first + 2 : first + 4])
    head, tables, rest = data[:first], data[first : first + 2 * size], data[first + 2 * size :]
    swapped = head + tables[size:] + tables[:size] + rest
    document = decode_document(swapped, "a")
    again = Image.open(io.BytesIO(document.encode(seen(document)).data))
    assert again.quantization == Image.open(io.BytesIO(data)).quantization


@pytest.mark.parametrize("extra", [[0], [2, 0]])
def test_channels_that_are_no_colours_are_told_of(extra):
    samples = scene(channels=3 + len(extra))
    document = decode_document(tiff(samples, photometric="rgb", extrasamples=extra), "a")
    assert document.notes == ("channels that are neither colour nor opacity dropped",)
    assert np.array_equal(document.frames[0].raster.samples, samples[..., : 2 + len(extra)])


def test_grey_multiplied_by_opacity_is_divided_by_it():
    samples = np.full((4, 5, 2), 100, np.uint8)
    samples[..., 1] = 200
    document = decode_document(tiff(samples, photometric="minisblack", extrasamples=[1]), "a")
    assert document.frames[0].raster.samples[0, 0].tolist() == [128, 200]


def test_a_tiff_of_hundreds_of_channels_is_refused():
    with pytest.raises(UserError, match="200 channels are not supported; at most 16 beside colours"):
        decode_document(tiff(np.zeros((4, 5, 200), np.uint8), photometric="minisblack", planarconfig="contig"), "a")


@pytest.mark.parametrize("big", [False, True])
def test_a_large_tiff_is_described_like_a_small_one(big):
    tags = [(34675, 7, len(P3), P3, True), (271, 2, 0, "Maker", True)]
    data = tiff(scene(), photometric="rgb", bigtiff=big, extratags=tags, resolution=(300, 300), resolutionunit=2)
    document = decode_document(data, "a")
    assert document.notes == ()
    assert (document.metadata.icc, document.metadata.dpi) == (P3, (300, 300))
    assert b"Maker" in document.metadata.exif


def test_the_small_copy_in_a_camera_s_raw_file_is_not_taken_for_the_photo():
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(scene(12, 15), photometric="rgb", subfiletype=1, subifds=1)
        writer.write(scene(), photometric="rgb")
    with pytest.raises(UserError, match=r"^a: a camera's raw file is not supported"):
        decode_document(file.getvalue(), "a")


def test_frames_keep_their_durations_beside_a_picture_that_is_shown_instead():
    images = [pillow(scene(seed=seed)) for seed in range(4)]
    options = {"default_image": True, "duration": [100, 200, 300], "loop": 3}
    document = decode_document(saved(images[0], "PNG", save_all=True, append_images=images[1:], **options), "a")
    again = decode_document(document.encode(seen(document)).data, "b")
    assert [frame.duration for frame in again.frames] == [frame.duration for frame in document.frames]
    assert [frame.duration for frame in again.frames] == [0, 100, 200, 300]
    assert all(map(torch.equal, seen(again), seen(document)))


@pytest.mark.parametrize(("loop", "expected"), [({}, 1), ({"loop": 0}, 0), ({"loop": 3}, 3)])
@pytest.mark.parametrize("target", ["png", "webp"])
def test_an_animation_is_shown_as_often_as_before(target, loop, expected):
    image, other = (pillow(scene(seed=seed)) for seed in (0, 1))
    data = saved(image, "GIF", save_all=True, append_images=[other], duration=50, **loop)
    document = decode_document(data, "a")
    with Image.open(io.BytesIO(document.encode(seen(document), target).data)) as made_image:
        assert made_image.info["loop"] == expected


def test_deep_frames_are_rounded_to_the_nearest_of_256_levels():
    pages = [scene(dtype=np.uint16, seed=seed) for seed in (0, 1)]
    document = decode_document(tiff(np.stack(pages), photometric="rgb"), "a")
    data = document.encode(seen(document), "png").data
    assert np.array_equal(samples_in(data, "PNG"), (pages[0] / 257).round())
