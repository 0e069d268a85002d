"""Running out of memory is told as such: it is neither damage of a file nor the end of a batch."""

import errno
import os

import pytest
import torch
from image_files import made, scene
from PIL import ImageFile

from maskdcpt.errors import UserError
from maskdcpt.images import decode_document, decode_image, image_size, read_document, read_image, write_image
from maskdcpt.images import document as documents
from maskdcpt.images import encode as encoding
from maskdcpt.images.damage import refusing
from maskdcpt.images.raster import Raster

SHORTAGES = [
    MemoryError(),
    RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory: you tried to ..."),
    torch.OutOfMemoryError("none left"),
    OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
]


def failing(error):
    def fail(*_args, **_options):
        raise error

    return fail


@pytest.mark.parametrize("error", SHORTAGES, ids=lambda error: type(error).__name__)
def test_a_decoder_without_memory_is_not_damage(error, monkeypatch):
    data = made("PNG", scene())
    monkeypatch.setattr(ImageFile.ImageFile, "load", failing(error))
    for decode in (decode_image, decode_document):
        with pytest.raises(UserError, match=r"^a\.png: memory ran out while the image was read; free some"):
            decode(data, "a.png")


@pytest.mark.parametrize("error", SHORTAGES, ids=lambda error: type(error).__name__)
def test_so_is_what_comes_after_the_decoder(error, monkeypatch):
    data = made("PNG", scene())
    monkeypatch.setattr(Raster, "colours", failing(error))
    for decode in (decode_image, decode_document):
        with pytest.raises(UserError, match=r"^a\.png: memory ran out while the image was read"):
            decode(data, "a.png")


def test_a_file_larger_than_memory(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(made("PNG", scene()))
    monkeypatch.setattr("pathlib.Path.read_bytes", failing(MemoryError()))
    for read in (read_image, read_document):
        with pytest.raises(UserError, match=r"a\.png: memory ran out while the image was read"):
            read(tmp_path / "a.png")


@pytest.mark.parametrize("name", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("error", SHORTAGES, ids=lambda error: type(error).__name__)
def test_an_encoder_without_memory_is_told(name, error, monkeypatch, tmp_path):
    document = decode_document(made("PNG", scene()), "a.png")
    pixels = [document.frames[0].pixels]
    monkeypatch.setitem(encoding._ENCODERS, name, failing(error))
    with pytest.raises(UserError, match=r"^a\.png: memory ran out while the image was written; free some"):
        document.encode(pixels, name)
    with pytest.raises(UserError, match="memory ran out while the image was written"):
        write_image(pixels[0], tmp_path / f"a.{name.lower()}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", SHORTAGES, ids=lambda error: type(error).__name__)
def test_so_is_what_comes_before_the_encoder(error, monkeypatch):
    document = decode_document(made("PNG", scene()), "a.png")
    pixels = [document.frames[0].pixels]
    monkeypatch.setattr(documents, "to_samples", failing(error))
    with pytest.raises(UserError, match=r"^a\.png: memory ran out while the image was written"):
        document.encode(pixels)


def test_what_goes_wrong_with_frames_is_named_once():
    document = decode_document(made("PNG", scene()), "a.png")
    with pytest.raises(UserError, match=r"^a\.png: 1 frames need as many pictures, and 0 were given$"):
        document.encode([])


@pytest.mark.parametrize("error", [TypeError("ours"), AttributeError("ours"), AssertionError("ours"), LookupError()])
def test_our_own_mistakes_are_not_taken_for_damage(error, monkeypatch):
    data = made("PNG", scene())
    monkeypatch.setattr(Raster, "colours", failing(error))
    for decode in (decode_image, decode_document):
        with pytest.raises(type(error)) as raised:
            decode(data, "a.png")
        assert not isinstance(raised.value, UserError)


def test_what_decoders_raise_is_damage():
    for error in (TypeError(), AssertionError(), RuntimeError("broken"), ValueError("no"), EOFError()):
        with pytest.raises(UserError, match="a: the image is damaged or cut short"), refusing("a"):
            raise error


def test_the_size_of_what_pillow_does_not_know(tmp_path, monkeypatch):
    (tmp_path / "a.pfm").write_bytes(b"PF\n3 2\n-1.0\n" + bytes(3 * 2 * 12))
    monkeypatch.setattr(Raster, "colours", failing(MemoryError()))
    with pytest.raises(UserError, match=r"a\.pfm: memory ran out while the image was read"):
        image_size(tmp_path / "a.pfm")
