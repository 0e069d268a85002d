"""EXIF that holds for the picture upright, with every other byte where it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_files import camera_exif, pillow, saved, scene
from PIL import ExifTags, Image

from maskdcpt.images import decode_document
from maskdcpt.images.exif import HEADER, upright_exif


def with_thumbnail(order="little"):
    """EXIF of orientation 6 whose second directory points at a thumbnail at the end."""
    number = lambda value, size: value.to_bytes(size, order)  # noqa: E731
    entry = lambda tag, kind, value: number(tag, 2) + number(kind, 2) + number(1, 4) + value  # noqa: E731
    head = (b"II" if order == "little" else b"MM") + number(42, 2) + number(8, 4)
    first = number(1, 2) + entry(0x112, 3, number(6, 2) + bytes(2)) + number(26, 4)
    second = number(2, 2) + entry(0x201, 4, number(56, 4)) + entry(0x202, 4, number(9, 4)) + number(0, 4)
    return head + first + second + b"THUMBNAIL"


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("header", [b"", HEADER])
def test_the_orientation_becomes_upright_and_the_thumbnail_goes(order, header):
    made = upright_exif(header + with_thumbnail(order), 10, 20)
    exif = Image.Exif()
    exif.load(made)
    assert exif[ExifTags.Base.Orientation] == 1
    assert exif.get_ifd(ExifTags.IFD.IFD1) == {}
    assert b"THUMBNAIL" not in made


def test_a_thumbnail_in_the_middle_is_blanked():
    made = upright_exif(with_thumbnail() + b"note", 10, 20)
    assert made.endswith(bytes(9) + b"note")


def test_all_other_bytes_stay_where_they_were():
    before = camera_exif(8).tobytes().removeprefix(HEADER)
    after = upright_exif(before, 10, 20)
    assert len(after) == len(before)
    assert sum(one != other for one, other in zip(before, after, strict=True)) == 1


def test_the_size_is_that_of_the_upright_picture():
    exif = camera_exif(6)
    exif[ExifTags.IFD.Exif] = {ExifTags.Base.ExifImageWidth: 31, ExifTags.Base.ExifImageHeight: 24}
    document = decode_document(saved(pillow(scene()), "JPEG", exif=exif.tobytes()), "a")
    kept = Image.Exif()
    kept.load(document.metadata.exif)
    found = kept.get_ifd(ExifTags.IFD.Exif)
    assert (found[ExifTags.Base.ExifImageWidth], found[ExifTags.Base.ExifImageHeight]) == document.size == (24, 31)


@given(st.binary(max_size=80), st.sampled_from([b"", b"II*\0", b"MM\0*", b"II*\0\x08\0\0\0"]))
def test_damage_is_an_error_and_nothing_else(rest, start):
    try:
        made = upright_exif(start + rest, 10, 20)
    except ValueError:
        return
    assert made.startswith((b"II*\0", b"MM\0*"))


@pytest.mark.parametrize("length", range(0, 70, 3))
def test_exif_cut_short_costs_no_picture(length):
    document = decode_document(saved(pillow(scene()), "WEBP", exif=with_thumbnail()[:length]), "a")
    assert all("EXIF" in note for note in document.notes)
    assert sorted(document.size) == [24, 31]
