"""Restoring files and folders."""

import pytest
import torch

from maskdcpt.errors import UserError
from maskdcpt.images import read_image, write_image
from maskdcpt.inference import Restorer, restore_files


@pytest.fixture(scope="module")
def restorer(weights):
    return Restorer.from_pretrained(weights, device="cpu")


@pytest.fixture
def photos(tmp_path):
    """A folder of three images of different sizes, one of them in a folder below."""
    generator = torch.Generator().manual_seed(0)
    folder = tmp_path / "photos"
    for name, size in {"a.png": (9, 12), "b.jpg": (16, 8), "trip/c.webp": (7, 7)}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_image(torch.rand(3, *size, generator=generator), folder / name)
    (folder / "notes.txt").write_text("not an image")
    return folder


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_folder_is_mirrored(tmp_path, restorer, photos):
    report = restore_files(restorer, photos, tmp_path / "out" / "restored")
    assert files(tmp_path / "out" / "restored") == ["a.png", "b.jpg", "trip/c.webp"]
    assert [path.name for path in report.written] == ["a.png", "b.jpg", "c.webp"]
    assert (report.failures, report.notes) == ((), ())
    assert report.seconds > 0
    for path in report.written:
        original = photos / path.relative_to(tmp_path / "out" / "restored")
        assert read_image(path).pixels.shape == read_image(original).pixels.shape
    expected = restorer.restore(read_image(photos / "a.png").pixels)
    assert (read_image(report.written[0]).pixels - expected).abs().max() <= 0.5 / 255 + 1e-6


def test_a_file_goes_to_a_name_or_into_a_folder(tmp_path, restorer, photos):
    restore_files(restorer, photos / "a.png", tmp_path / "new" / "named.jpg")
    assert read_image(tmp_path / "new" / "named.jpg").format == "JPEG"
    restore_files(restorer, photos / "a.png", tmp_path / "new")
    assert files(tmp_path / "new") == ["a.png", "named.jpg"]


def test_existing_files_are_refused_before_any_work(tmp_path, restorer, photos):
    out = tmp_path / "out"
    restore_files(restorer, photos / "trip", out / "trip")
    before = (out / "trip" / "c.webp").read_bytes()
    write_image(torch.zeros(3, 7, 7), photos / "trip" / "c.webp")
    with pytest.raises(UserError, match=r"1 of 3 files exist, .*out/trip/c\.webp the first; --force replaces them"):
        restore_files(restorer, photos, out)
    assert files(out) == ["trip/c.webp"]
    restore_files(restorer, photos, out, force=True)
    assert files(out) == ["a.png", "b.jpg", "trip/c.webp"]
    assert (out / "trip" / "c.webp").read_bytes() != before


def test_a_broken_file_does_not_stop_the_rest(tmp_path, restorer, photos):
    (photos / "b.jpg").write_bytes((photos / "b.jpg").read_bytes()[:200])
    (photos / "bad.png").write_text("text")
    report = restore_files(restorer, photos, tmp_path / "out")
    assert files(tmp_path / "out") == ["a.png", "trip/c.webp"]
    assert len(report.failures) == 2
    assert f"{photos / 'b.jpg'}: the image is damaged or cut short" in report.failures[0]
    assert f"{photos / 'bad.png'}: not an image" in report.failures[1]


def test_output_that_is_not_finite_is_never_written(tmp_path, weights, photos):
    broken = Restorer.from_pretrained(weights, device="cpu")
    with torch.no_grad():
        broken.backbone.ending.bias.fill_(float("inf"))
    report = restore_files(broken, photos, tmp_path / "out")
    assert report.written == ()
    assert files(tmp_path / "out") == []
    assert all("the network's output is not finite" in failure for failure in report.failures)
    assert [failure.split(":")[0] for failure in report.failures] == [
        str(photos / name) for name in ("a.png", "b.jpg", "trip/c.webp")
    ]


def test_notes_name_the_file(tmp_path, restorer, photos):
    from PIL import Image

    Image.new("RGBA", (4, 4)).save(photos / "a.png")
    report = restore_files(restorer, photos, tmp_path / "out")
    assert report.notes == (f"{photos / 'a.png'}: alpha channel dropped",)


@pytest.mark.parametrize("target", ["photos", "photos/restored", ".", "photos/../photos", "alias", "alias/in"])
def test_source_and_target_must_not_overlap(tmp_path, restorer, photos, target):
    (tmp_path / "alias").symlink_to(photos)
    before = files(tmp_path)
    with pytest.raises(UserError, match="need a folder apart from"):
        restore_files(restorer, photos, tmp_path / target, force=True)
    assert files(tmp_path) == before


@pytest.mark.parametrize("target", ["a.png", ".", "../photos/a.png", "link.png"])
def test_an_original_is_never_replaced(restorer, photos, target):
    (photos / "link.png").symlink_to(photos / "a.png")
    before = (photos / "a.png").read_bytes()
    with pytest.raises(UserError, match="needs a file of its own, and this is the original"):
        restore_files(restorer, photos / "a.png", photos / target, force=True)
    assert (photos / "a.png").read_bytes() == before


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("none.png", "out.png", r"none\.png: no such file or folder"),
        ("photos/a.png", "out.txt", r"out\.txt: the name of an image has to end in one of \.apng"),
        ("photos/a.png", "out", r"out: the name of an image has to end in one of \.apng"),
        ("photos/notes.txt", "out.png", r"notes\.txt: not an image"),
        ("photos", "file", r"file: a folder of images needs a folder to go to, and this is a file"),
        ("empty", "out", "empty: no images here"),
    ],
)
def test_wrong_names_are_refused_and_nothing_is_made(tmp_path, restorer, photos, source, target, message):
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match=message):
        restore_files(restorer, tmp_path / source, tmp_path / target)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_target_that_cannot_be_written_stops_at_once_and_says_how_far_it_got(tmp_path, restorer, photos):
    out = tmp_path / "out"
    out.mkdir()
    (out / "trip").touch()  # a file where the folder of the third image has to be
    with pytest.raises(UserError, match=r"trip/c\.webp: cannot be written \(.+\); 2 of 3 images were done"):
        restore_files(restorer, photos, out)
    assert files(out) == ["a.png", "b.jpg", "trip"]


def test_progress_is_shown_for_folders_only_and_can_be_left_out(tmp_path, capsys, restorer, photos):
    restore_files(restorer, photos, tmp_path / "1")
    shown = capsys.readouterr().err
    assert "restoring" in shown
    assert "0/3" in shown
    assert "image/s" in shown
    restore_files(restorer, photos, tmp_path / "2", progress=False)
    restore_files(restorer, photos / "a.png", tmp_path / "a.png")
    assert capsys.readouterr().err == ""
