"""Finding images in folders."""

import os
import socket

import pytest

from maskdcpt.errors import UserError
from maskdcpt.images import list_images, look_into, walk_folder


@pytest.fixture
def tree(tmp_path):
    for name in ("b.PNG", "a.jpg", "notes.txt", ".hidden.png", "sub/c.webp", "sub/deep/d.tif", ".cache/e.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "folder.png").mkdir()
    return tmp_path


def names(folder, **options):
    return [path.relative_to(folder).as_posix() for path in list_images(folder, **options)]


def test_images_are_found_by_suffix_and_sorted(tree):
    assert names(tree) == ["a.jpg", "b.PNG", "sub/c.webp", "sub/deep/d.tif"]
    assert names(tree, recursive=False) == ["a.jpg", "b.PNG"]


def test_links_to_images_count_and_links_to_folders_do_not(tree):
    (tree / "link.png").symlink_to(tree / "a.jpg")
    (tree / "gone.png").symlink_to(tree / "nowhere.png")
    (tree / "loop").symlink_to(tree)
    assert names(tree, recursive=True) == ["a.jpg", "b.PNG", "gone.png", "link.png", "sub/c.webp", "sub/deep/d.tif"]


def test_what_would_never_end_is_no_image(tree, monkeypatch):
    monkeypatch.chdir(tree)  # for names of sockets are short
    os.mkfifo("pipe.png")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("sub/socket.jpg")
    assert names(tree) == ["a.jpg", "b.PNG", "sub/c.webp", "sub/deep/d.tif"]
    assert walk_folder(tree).refused == ["pipe.png is no file", "sub/socket.jpg is no file"]


@pytest.mark.parametrize("confined", [False, True])
def test_a_link_to_itself_is_an_image_that_cannot_be_read(tmp_path, confined):
    (tmp_path / "a.png").symlink_to(tmp_path / "a.png")
    assert walk_folder(tmp_path, confined=confined).images == ["a.png"]


def test_links_out_of_a_folder_count_unless_it_is_confined(tree, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "e.png").touch()
    (tree / "e.png").symlink_to(elsewhere / "e.png")
    (tree / "album").symlink_to(elsewhere)
    free, confined = (walk_folder(tree, confined=each) for each in (False, True))
    assert "e.png" in free.images
    assert "e.png" not in confined.images
    assert free.refused == ["album is a link to a folder, which is not followed"]
    assert confined.refused == [f"{name} is a link that leads out of the folder" for name in ("album", "e.png")]


def test_what_is_left_out_is_counted(tree):
    assert look_into(tree)[1] == [
        f"{tree}: 2 files were left out, hidden or no images by their suffix: .txt 1, hidden 1"
    ]
    for number in range(3):
        (tree / "sub" / f"{number}.MOV").touch()
        (tree / "sub" / f"{number}.x{number}").touch()
        (tree / "sub" / f"plain-{number}").touch()
    (tree / "album").symlink_to(tree / "sub")
    counts, refused = look_into(tree)[1]
    assert counts == (
        f"{tree}: 11 files were left out, hidden or no images by their suffix: "
        ".mov 3, no suffix 3, .txt 1, .x0 1, .x1 1, others 2"
    )
    assert refused == f"{tree}: album is a link to a folder, which is not followed"
    assert look_into(tree / "sub" / "deep") == ([tree / "sub/deep/d.tif"], []), "nothing is told of nothing"


def test_many_refusals_are_told_in_few_lines(tree):
    for number in range(8):
        (tree / f"album-{number}").symlink_to(tree / "sub")
    lines = look_into(tree)[1]
    assert len(lines) == 7
    assert lines[-1] == f"{tree}: 3 more are like these"


def test_images_are_sorted_by_the_parts_of_their_paths(tmp_path):
    for name in ("a/z.png", "a-b/z.png", "a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert names(tmp_path) == ["a/z.png", "a-b/z.png", "a.png"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none", "none: no such folder"),
        ("a.jpg", r"a\.jpg: a file, not a folder"),
        ("folder.png", r"folder\.png: no images here; looked for \.apng, \.avif, \.bmp"),
    ],
)
def test_a_folder_without_images_is_an_error(tree, name, message):
    with pytest.raises(UserError, match=message):
        list_images(tree / name)
