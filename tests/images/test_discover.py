"""Finding images in folders."""

import pytest

from maskdcpt.errors import UserError
from maskdcpt.images import list_images


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
