"""Names of new images, and the images that sources stand for."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskdcpt.errors import UserError
from maskdcpt.images import FORMATS, Naming, find_images, pair_files

STEMS = st.text("abcXYZ019 ._-ä{}", min_size=1).filter(lambda text: text.strip(" .") and not text.startswith("."))


@given(st.lists(STEMS, max_size=3), STEMS)
def test_without_a_template_names_stay(folders, stem):
    path = Path(*folders, f"{stem}.png")
    assert Naming().rename(path, 1) == path


@pytest.mark.parametrize(
    ("naming", "new"),
    [
        (Naming("{folder}/{stem}_restored{ext}"), "trip/a.b_restored.JPG"),
        (Naming(ext=".png"), "trip/a.b.png"),
        (Naming("{number:04}{ext}"), "0007.JPG"),
        (Naming("all/{stem}-{number}{ext}", ext=".webp"), "all/a.b-7.webp"),
    ],
)
def test_templates(naming, new):
    assert naming.rename(Path("trip/a.b.JPG"), 7) == Path(new)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{stm}{ext}", r"no field of names is called 'stm'; did you mean 'stem'\?"),
        ("{stem", "is no template of names"),
        ("{stem:d}{ext}", "is no template of names"),
        ("{number:{width}}{ext}", "is no template of names"),
        ("{number:{}}{ext}", "is no template of names"),
        ("../{stem}{ext}", "has to lie below the folder of results"),
        ("/{stem}{ext}", "has to lie below the folder of results"),
        ("", "has to lie below the folder of results"),
        ("{folder}/", "has to lie below the folder of results"),
        ("{0}{ext}", "no field of names is called '0'"),
    ],
)
def test_bad_templates_are_refused(template, message):
    with pytest.raises(UserError, match=message):
        Naming(template)


def test_an_ending_that_is_no_format_is_refused():
    with pytest.raises(UserError, match=r"no image format ends in '\.xyz'; expected one of \.apng"):
        Naming(ext=".xyz")


@pytest.fixture
def photos(tmp_path, monkeypatch):
    for name in ("a.png", "b.jpg", "notes.txt", "trip/c.png", "trip/far/d.jpg", "other/a.png"):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).touch()
    monkeypatch.chdir(tmp_path)
    return Path("photos")


def names(*sources, recursive=True):
    return [each.name.as_posix() for each in find_images([Path(source) for source in sources], recursive).images]


def test_what_sources_stand_for(photos):
    assert names("photos") == ["a.png", "b.jpg", "other/a.png", "trip/c.png", "trip/far/d.jpg"]
    assert names("photos", recursive=False) == ["a.png", "b.jpg"]
    assert names("photos/*") == ["a.png", "b.jpg"]
    assert names("photos/**/*.jpg") == ["b.jpg", "trip/far/d.jpg"]
    assert names("photos/t*/c.*") == ["trip/c.png"]
    assert names("photos/trip", "photos/other") == ["trip/c.png", "trip/far/d.jpg", "other/a.png"]
    assert names("photos/a.png", "photos/a.png", "photos/b.jpg") == ["a.png", "b.jpg"]


def test_a_name_that_looks_like_a_pattern_is_a_name_if_it_exists(photos):
    (photos / "a[1].png").touch()
    (photos / "a1.png").touch()
    assert names("photos/a[1].png") == ["a[1].png"]


@pytest.mark.parametrize(
    ("source", "message"),
    [("none", "none: no such file or folder"), ("photos/*.gif2", "no image matches"), ("photos/*.txt", "no image")],
)
def test_sources_without_images_are_refused(photos, source, message):
    with pytest.raises(UserError, match=message):
        find_images([Path(source)])


def test_a_pipe_is_refused_rather_than_waited_for(photos):
    os.mkfifo(photos / "pipe.png")
    assert "pipe.png" not in names("photos")
    with pytest.raises(UserError, match=r"pipe\.png: a pipe, socket or device; expected an image file"):
        find_images([photos / "pipe.png"])


def test_what_is_left_out_of_folders_and_patterns_is_told(photos):
    (photos / "trip" / "clip.mov").touch()
    told = "1 file was left out, hidden or no images by their suffix"
    sources = [photos / "trip", photos / "trip", photos / "*", photos / "a.png"]
    assert find_images(sources).left_out == (f"photos/trip: {told}: .mov 1", f"photos/*: {told}: .txt 1")
    assert pair_files(photos / "trip", Path("out")).left_out == (f"photos/trip: {told}: .mov 1",)


def test_rarer_suffixes_of_known_formats_are_kept_and_those_read_alone_get_one_that_is_written(tmp_path):
    for name in ("a.jfif", "b.JPE", "c.hif", "d.pbm"):
        (tmp_path / name).touch()
    naming = Naming("{stem}_restored{ext}")
    new = [target.name for _, target in pair_files(tmp_path, tmp_path.with_name("out"), naming).pairs]
    assert new == ["a_restored.jfif", "b_restored.JPE", "c_restored.hif", "d_restored.pgm"]
    assert [FORMATS[Path(name).suffix.lower()] for name in new] == ["JPEG", "JPEG", "HEIF", "PGM"]


def test_results_may_go_beside_their_originals_under_another_name(photos):
    naming = Naming("{folder}/{stem}_new{ext}")
    assert pair_files(Path("photos/*.png"), photos, naming).pairs == ((photos / "a.png", photos / "a_new.png"),)
    with pytest.raises(UserError, match="this is the original"):
        pair_files(Path("photos/*.png"), photos)
    with pytest.raises(UserError, match="need a folder apart from photos"):
        pair_files(photos, photos, naming)


def test_two_images_never_become_one(photos):
    with pytest.raises(UserError, match=r"photos/a\.png and photos/other/a\.png would both become out/a\.png; rename"):
        pair_files([photos / "a.png", photos / "other/a.png"], Path("out"))


@pytest.mark.parametrize(
    "names", [("IMG.jpg", "img.jpg"), ("caf\u00e9.jpg", "cafe\u0301.jpg"), ("\u00c9.jpg", "e\u0301.jpg")]
)
def test_names_that_are_one_file_on_many_disks_are_refused(tmp_path, names):
    photos = [tmp_path / str(number) / name for number, name in enumerate(names)]
    for photo in photos:
        photo.parent.mkdir()
        photo.touch()
    out = tmp_path / "out"
    with pytest.raises(UserError) as error:
        pair_files(photos, out)
    said = f"would become {out / names[0]} and {out / names[1]}, one file on many disks; rename one"
    assert str(error.value) == f"{photos[0]} and {photos[1]} {said}"
    assert len(pair_files(photos, out, Naming("{number}{ext}")).pairs) == 2
