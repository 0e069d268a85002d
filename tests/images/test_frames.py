"""Animations and files of many pages: every frame, for as long as it was shown."""

import io

import numpy as np
import pytest
import tifffile
import torch
from image_files import pillow, saved, scene
from PIL import Image, ImageSequence

from maskdcpt.errors import UserError
from maskdcpt.images import decode_document, read_image
from maskdcpt.images import document as document_module
from maskdcpt.images.document import KEPT
from maskdcpt.images.sources import PillowSource

DURATIONS = [40, 200, 100]


def stills(count=3, channels=3):
    return [scene(seed=seed, channels=channels) for seed in range(count)]


def animation(name, frames, **options):
    images = [pillow(frame) for frame in frames]
    exact = {"WEBP": {"lossless": True}, "AVIF": {"quality": 100, "subsampling": "4:4:4"}}.get(name, {})
    return saved(images[0], name, save_all=True, append_images=images[1:], duration=DURATIONS, **exact, **options)


def shown(data):
    """Frames as Pillow shows them, with the milliseconds of each."""
    image = Image.open(io.BytesIO(data))
    return [(np.asarray(frame.convert("RGBA")), frame.info["duration"]) for frame in ImageSequence.Iterator(image)]


@pytest.mark.parametrize("name", ["GIF", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("loop", [0, 3])
def test_every_frame_comes_back_with_its_duration(name, loop):
    data = animation(name, stills(), **({} if name == "AVIF" else {"loop": loop}))
    document = decode_document(data, "a")
    assert (len(document.frames), document.format) == (3, name)
    assert [frame.duration for frame in document.frames] == DURATIONS
    encoded = document.encode(frame.pixels for frame in document.frames)
    assert encoded.notes == ()
    before, after = shown(data), shown(encoded.data)
    assert [duration for _, duration in after] == DURATIONS
    for (old, _), (new, _) in zip(before, after, strict=True):
        assert np.abs(old.astype(int) - new).max() <= (60 if name == "AVIF" else 0)
    if name != "AVIF":
        assert Image.open(io.BytesIO(encoded.data)).info["loop"] == loop


@pytest.mark.parametrize("name", ["GIF", "PNG", "WEBP"])
def test_what_is_not_covered_in_a_frame_stays_so(name):
    frames = stills(channels=4)
    for number, frame in enumerate(frames):
        frame[..., 3] = 255
        frame[:, 8 * number : 8 * number + 8, 3] = 0
    data = animation(name, frames, disposal=2) if name == "GIF" else animation(name, frames)
    document = decode_document(data, "a")
    before, after = shown(data), shown(document.encode(frame.pixels for frame in document.frames).data)
    for (old, _), (new, _) in zip(before, after, strict=True):
        assert np.array_equal(old[..., 3], new[..., 3])
        visible = old[..., 3] > 0
        assert np.array_equal(old[visible], new[visible])


def test_colours_of_a_gif_are_reduced_only_where_there_are_too_many():
    document = decode_document(saved(pillow(scene(40, 40)), "PNG"), "a")
    encoded = document.encode([document.frames[0].pixels], "gif")
    assert "colours reduced to 256 a frame, for GIF holds no more" in encoded.notes
    after = decode_document(encoded.data, "b").frames[0].pixels
    assert (after - document.frames[0].pixels).abs().mean() < 0.05


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_pages_of_a_tiff_come_back_exactly(dtype):
    pages = [scene(20 + number, 30, 3, dtype, number) for number in range(3)]
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for page in pages:
            writer.write(page, photometric="rgb", compression="zlib")
    document = decode_document(file.getvalue(), "a")
    assert [frame.pixels.shape[1] for frame in document.frames] == [20, 21, 22]
    encoded = document.encode(frame.pixels for frame in document.frames)
    found = tifffile.TiffFile(io.BytesIO(encoded.data)).pages
    assert len(found) == 3
    for page, original in zip(found, pages, strict=True):
        assert np.array_equal(page.asarray(), original)


def test_pages_may_differ_in_kind():
    pages = [scene(dtype=np.uint16), scene(channels=1), scene(channels=1, dtype=np.float32)]
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for page in pages:
            writer.write(page.squeeze())
    document = decode_document(file.getvalue(), "a")
    data = document.encode(frame.pixels for frame in document.frames).data
    for page, original in zip(tifffile.TiffFile(io.BytesIO(data)).pages, pages, strict=True):
        assert page.dtype == original.dtype
        assert np.array_equal(page.asarray(), original.squeeze())


def test_previews_in_a_tiff_are_no_pages():
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(scene(), photometric="rgb")
        writer.write(scene(12, 15), photometric="rgb", subfiletype=1)
    document = decode_document(file.getvalue(), "a")
    assert len(document.frames) == 1
    assert document.notes == ("1 smaller copies or masks of pages dropped",)


@pytest.mark.parametrize("index", [0, -3])
def test_frames_are_decoded_when_asked_for(index):
    document = decode_document(animation("PNG", stills()), "a")
    expected = torch.from_numpy(stills()[0] / np.float32(255)).permute(2, 0, 1)
    assert torch.equal(document.frames[2].pixels * 255, (document.frames[-1].pixels * 255))
    assert torch.equal(document.frames[index].pixels, expected)
    assert len(document.frames[1:]) == 2
    with pytest.raises(IndexError):
        document.frames[3]


@pytest.mark.parametrize("name", ["GIF", "PNG", "WEBP", "TIFF"])
def test_frames_can_be_asked_for_in_any_order(name, monkeypatch):
    monkeypatch.setattr(document_module, "KEPT", 1)
    images = [pillow(frame) for frame in stills(12)]
    data = saved(images[0], name, save_all=True, append_images=images[1:])
    expected = [frame.pixels for frame in decode_document(data, "a").frames]
    for order in ([0, 6, 1, 7], [11, 0, 1], [3, 2, 3], [5, 4, 11, 0]):
        document = decode_document(data, "a")
        assert all(torch.equal(document.frames[index].pixels, expected[index]) for index in order)


def test_the_last_frames_are_not_decoded_again_and_no_others_are_kept(monkeypatch):
    images = [pillow(frame) for frame in stills(3 * KEPT)]
    document = decode_document(saved(images[0], "PNG", save_all=True, append_images=images[1:]), "a")
    decoded, read = [], PillowSource.read
    monkeypatch.setattr(PillowSource, "read", lambda self, index: decoded.append(index) or read(self, index))
    for index in range(len(images)):
        for back in range(min(KEPT, index + 1)):
            assert torch.equal(document.frames[index - back].pixels * 255, images_as_tensor(images[index - back]))
    assert decoded == list(range(1, len(images)))  # opening has decoded the first
    document.frames[0]
    assert decoded[-1] == 0


def images_as_tensor(image):
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float()


def test_one_frame_is_written_where_a_format_holds_one():
    document = decode_document(animation("GIF", stills()), "a")
    encoded = document.encode((frame.pixels for frame in document.frames), "jpg")
    assert "only the first of 3 frames, for JPEG holds one" in encoded.notes
    assert Image.open(io.BytesIO(encoded.data)).format == "JPEG"


def test_a_damaged_later_frame_is_named():
    pages = stills()
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for page in pages:
            writer.write(page.astype(np.uint16), photometric="rgb", compression="zlib")
    data = bytearray(file.getvalue())
    start = tifffile.TiffFile(io.BytesIO(data)).pages[1].dataoffsets[0]
    data[start : start + 40] = bytes(40)
    document = decode_document(bytes(data), "a.tif")
    with pytest.raises(UserError, match=r"a\.tif: frame 2: the image is damaged"):
        document.frames[1]


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.95])
def test_a_gif_without_its_end_is_refused(cut):
    data = animation("GIF", stills())
    with pytest.raises(UserError, match="damaged or cut short"):
        decode_document(data[: int(cut * len(data))], "a")


def test_the_first_frame_is_what_training_reads(tmp_path):
    path = tmp_path / "a.gif"
    path.write_bytes(animation("GIF", stills()))
    picture = read_image(path)
    assert picture.notes == ("only the first of 3 frames",)
    assert torch.equal(picture.pixels, decode_document(path.read_bytes(), "a").frames[0].pixels)
