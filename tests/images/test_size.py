"""The size of a picture is that which reading it gives."""

import io
import re

import numpy as np
import pytest
import tifffile
from PIL import Image

from maskdcpt.errors import UserError
from maskdcpt.images import TooManyPixels, image_size, read_image


def _jpeg(orientation):
    exif = Image.Exif()
    exif[274] = orientation
    data = io.BytesIO()
    Image.new("RGB", (30, 20)).save(data, "JPEG", exif=exif)
    return data.getvalue()


def _turned_tiff():
    data = io.BytesIO()
    Image.new("RGB", (30, 20)).save(data, "TIFF", tiffinfo={274: 6})
    return data.getvalue()


def _float_tiff():
    data = io.BytesIO()
    tifffile.imwrite(data, np.zeros((20, 30, 3), np.float32), photometric="rgb")
    return data.getvalue()


PAM = b"P7\nWIDTH 30\nHEIGHT 20\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n" + bytes(30 * 20 * 3)
FILES = {
    "upright.jpg": _jpeg(1),
    "turned.jpg": _jpeg(6),
    "turned.tif": _turned_tiff(),
    "float.tif": _float_tiff(),
    "colours.pam": PAM,
    "colours.pfm": b"PF\n30 20\n-1.0\n" + bytes(30 * 20 * 12),
}


@pytest.mark.parametrize("name", FILES)
def test_it_is_that_of_reading(name, tmp_path):
    (tmp_path / name).write_bytes(FILES[name])
    assert image_size(tmp_path / name) == read_image(tmp_path / name).pixels.shape[:0:-1]
    assert image_size(tmp_path / name) == ((20, 30) if "turned" in name else (30, 20))


@pytest.mark.parametrize("name", FILES)
def test_too_many_pixels_are_refused(name, tmp_path, monkeypatch):
    (tmp_path / name).write_bytes(FILES[name])
    monkeypatch.setenv("MASKDCPT_MAX_PIXELS", "599")
    with pytest.raises(TooManyPixels, match=f"{name}: too many pixels"):
        image_size(tmp_path / name)


@pytest.mark.parametrize("name", ["none.png", "folder.png", "empty.png", "text.png", "cut.pam"])
def test_what_is_wrong_with_a_file_is_what_reading_it_says(name, tmp_path):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_bytes(b"no image")
    (tmp_path / "cut.pam").write_bytes(PAM[:-9])
    with pytest.raises(UserError) as told:
        read_image(tmp_path / name)
    with pytest.raises(UserError, match=re.escape(str(told.value))):
        image_size(tmp_path / name)
    assert ("damaged" in str(told.value)) == (name == "cut.pam")


def test_what_is_no_image_is_one_line(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")
    for path in (tmp_path / "a.png", tmp_path / "b.png"):
        with pytest.raises(UserError, match=rf"{path.name}: "):
            image_size(path)
