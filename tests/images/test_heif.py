"""HEIC, with and without the package that it needs."""

import sys

import pytest
from image_files import P3, camera_exif, pillow, saved, scene

from maskdcpt.errors import UserError
from maskdcpt.images import decode_document


def test_a_photo_comes_back_with_what_describes_it():
    pillow_heif = pytest.importorskip("pillow_heif", reason="needs the extra heif")
    pillow_heif.register_heif_opener()
    data = saved(pillow(scene(48, 64)), "HEIF", quality=95, exif=camera_exif(1).tobytes(), icc_profile=P3)
    document = decode_document(data, "a")
    assert (document.format, document.size, document.notes) == ("HEIF", (64, 48), ())
    encoded = document.encode([frame.pixels for frame in document.frames])
    back = decode_document(encoded.data, "b")
    assert back.metadata.icc == P3
    assert b"Maker" in back.metadata.exif
    assert (back.frames[0].pixels - document.frames[0].pixels).abs().mean() < 0.02


def test_without_the_package_the_message_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(
        UserError, match=r"a: HEIC files need the package pillow-heif: pip install \"maskdcpt\[heif\]\""
    ):
        decode_document(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40), "a")
    document = decode_document(saved(pillow(scene()), "PNG"), "a")
    with pytest.raises(UserError, match="a: HEIC files need the package pillow-heif"):
        document.encode([document.frames[0].pixels], "heic")
