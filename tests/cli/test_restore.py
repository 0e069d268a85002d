"""``maskdcpt restore``: what is written, what is said, and what remains when something goes wrong."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from PIL import Image

from maskdcpt.images import read_image, write_image
from maskdcpt.inference.stages import Stages

# Runs the command in a process whose files may not grow beyond a size: writing then fails as on a full disk.
FULL_DISK = """
import resource, sys
from maskdcpt.cli.main import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
main(sys.argv[2:])
"""


@pytest.fixture
def photos(tmp_path):
    """A folder with a small and a large image, the latter in a folder below."""
    generator = torch.Generator().manual_seed(0)
    folder = tmp_path / "photos"
    (folder / "trip").mkdir(parents=True)
    write_image(torch.rand(3, 6, 8, generator=generator), folder / "a.png")
    write_image(torch.rand(3, 90, 70, generator=generator), folder / "trip" / "b.png")
    return folder


def files(folder):
    """Names of all files that are not hidden."""
    names = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return sorted(name.as_posix() for name in names if not any(part.startswith(".maskdcpt") for part in name.parts))


def one_line(err):
    """Asserts that standard error is a single line and no traceback, and returns it."""
    assert err.count("\n") == 1
    assert err.endswith("\n")
    assert "Traceback" not in err
    return err.removesuffix("\n")


def test_a_file_is_restored_at_its_size(command, tmp_path, weights, photos):
    code, out, err = command("restore", photos / "a.png", tmp_path / "out.jpg", "--weights", weights)
    assert (code, err) == (0, "")
    found, counted = out.splitlines()
    assert re.fullmatch(r"found: \w+ \(\d+%\) if it is damaged; .*; the weights are not calibrated, .*", found)
    assert re.fullmatch(rf"1 of 1 images restored in [\d.]+ s \([\d.]+ images/s\): {tmp_path}/out\.jpg", counted)
    assert read_image(tmp_path / "out.jpg").pixels.shape == (3, 6, 8)


def test_a_folder_is_mirrored(command, tmp_path, weights, photos):
    code, out, _ = command("restore", photos, tmp_path / "out", "--weights", weights, "--device", "cpu")
    assert code == 0
    assert files(tmp_path / "out") == files(photos)
    assert read_image(tmp_path / "out" / "trip" / "b.png").pixels.shape == (3, 90, 70)
    *_, counted = out.splitlines()
    assert counted.startswith("2 of 2 images restored in ")
    assert counted.endswith(f": {tmp_path / 'out'}")


def test_notes_are_printed(command, tmp_path, weights, photos):
    Image.new("LA", (5, 4)).save(photos / "a.png")
    _, out, _ = command("restore", photos, tmp_path / "out", "--weights", weights, "--format", "jpg")
    notes = [line for line in out.splitlines() if line.startswith("note: ")]
    assert len(notes) == 1
    assert notes == [f"note: {photos / 'a.png'}: alpha channel dropped, for JPEG has no place for it"]


def test_existing_files_need_force(command, tmp_path, weights, photos):
    words = ("restore", photos, tmp_path / "out", "--weights", weights)
    assert command(*words)[0] == 0
    words = (*words, "--strength", "0.5")
    code, out, err = command(*words)
    assert (code, out) == (2, "")
    assert re.fullmatch(
        r"error: 2 of 2 files exist, .*out/a\.png the first, which was made with other settings; --force replaces them",
        one_line(err),
    )
    assert command(*words, "--force")[0] == 0


def test_the_second_of_two_photos_is_not_taken_for_a_result_unless_that_is_insisted_on(
    command, tmp_path, monkeypatch, weights, photos
):
    monkeypatch.chdir(photos)
    write_image(torch.rand(3, 9, 7), photos / "c.png")
    original = Path("c.png").read_bytes()
    words = ("restore", "a.png", "c.png", "--weights", weights)
    for dry in ((), ("--dry-run",)):
        code, out, err = command(*words, *dry)
        assert (code, out) == (2, "")
        assert one_line(err) == (
            "error: c.png: is there already, and as the last name it is taken for the result of a.png; to restore "
            "both, name a folder for results after them (or, to lose what is there, --force replaces it)"
        )
        assert Path("c.png").read_bytes() == original
    assert command(*words, "--force")[0] == 0
    assert read_image(Path("c.png")).pixels.shape == (3, 6, 8)


def test_a_broken_file_in_a_folder_leaves_exit_code_1(command, tmp_path, weights, photos):
    (photos / "broken.png").write_bytes((photos / "a.png").read_bytes()[:60])
    (photos / "empty.jpg").touch()
    code, out, err = command("restore", photos, tmp_path / "out", "--weights", weights)
    assert code == 1
    assert files(tmp_path / "out") == ["a.png", "trip/b.png"]
    assert out.splitlines()[-1].startswith("2 of 4 images restored in ")
    reasons = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(reasons) == 2
    assert reasons[0].startswith(f"error: {photos / 'broken.png'}: the image is damaged or cut short")
    assert reasons[1].startswith(f"error: {photos / 'empty.jpg'}: the file is empty")
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("cut.png", "the image is damaged or cut short"),
        ("empty.png", r"the file is empty \(0 bytes\)"),
        ("text.png", "not an image that can be read"),
        ("none.png", "no such file or folder"),
    ],
)
def test_a_bad_single_file_is_exit_code_2_and_one_line(command, tmp_path, weights, photos, source, message):
    (tmp_path / "cut.png").write_bytes((photos / "trip" / "b.png").read_bytes()[:5000])
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("text\n" * 50)
    before = sorted(tmp_path.rglob("*"))
    code, out, err = command("restore", tmp_path / source, tmp_path / "new" / "out.png", "--weights", weights)
    assert (code, out) == (2, "")
    assert re.match(rf"error: {tmp_path / source}: {message}", one_line(err))
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["photos/a.png", "out.png", "--weights", "none"], "none: no such file or folder of weights"),
        (["photos/a.png", "out.png", "--weights", "photos"], "photos: no weights here"),
        (["photos/a.png", "out.png", "--weights", "WEIGHTS", "--device", "gpu"], "no device is called 'gpu'"),
        (["photos/a.png", "out.xyz", "--weights", "WEIGHTS"], r"out\.xyz: the name of an image has to end in one of"),
        (["photos/a.png", "photos/a.png", "--weights", "WEIGHTS", "--force"], "needs a file of its own"),
        (["photos", "photos/out", "--weights", "WEIGHTS"], "need a folder apart from photos"),
        (["photos/a.png", "photos/a.png/out.png", "--weights", "WEIGHTS"], "cannot be written"),
        ([], "missing from maskdcpt restore: IN;"),
        (["photos/*.png", "--weights", "WEIGHTS"], r"photos/\*\.png: a pattern needs OUT, a folder for results"),
        (["none.png", "--weights", "WEIGHTS"], r"none\.png: no such file or folder"),
        (["photos", "out", "--weights", "WEIGHTS", "--only", "haez"], "no damage called 'haez'; did you mean 'haze'"),
        (["photos", "out", "--weights", "WEIGHTS", "--strength", "2"], r"strength is 2; it lies in \[0, 1\]"),
        (["photos", "out", "--weights", "WEIGHTS", "--tile", "3"], "tile is 3, but must be 0"),
        (["photos", "out", "--weights", "WEIGHTS", "--memory", "-1"], "memory is -1; it lies in"),
        (["photos", "out", "--weights", "WEIGHTS", "--memory", "inf"], "memory is inf; it lies in"),
        (["photos", "out", "--weights", "WEIGHTS", "--format", "xyz"], r"no image format ends in '\.xyz'"),
        (["photos", "out", "--weights", "WEIGHTS", "--quality", "0"], r"quality is 0; it lies in \[1, 100\]"),
        (
            ["photos", "out", "--weights", "WEIGHTS", "--output-template", "{name}"],
            "no field of names is called 'name'",
        ),
        (["photos", "o", "--weights", "WEIGHTS", "--suffix", "x", "--output-template", "{stem}{ext}"], "leave one out"),
        (["none*.png", "out", "--weights", "WEIGHTS"], "no image matches"),
        (["photos/a.png", "out.png", "--wieghts", "WEIGHTS"], "perhaps you meant --weights DIR"),
    ],
)
def test_wrong_words_are_exit_code_2_and_one_line(command, tmp_path, monkeypatch, weights, photos, words, message):
    monkeypatch.chdir(tmp_path)
    before = files(tmp_path)
    code, out, err = command("restore", *(weights if word == "WEIGHTS" else word for word in words))
    assert (code, out) == (2, "")
    assert re.search(message, one_line(err))
    assert files(tmp_path) == before


def test_a_full_disk_stops_at_once_and_leaves_only_whole_files(tmp_path, weights, photos):
    limit = 2000  # enough for the first image, not for the second
    words = ["restore", str(photos), str(tmp_path / "out"), "--weights", str(weights)]
    result = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(limit), *words], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout) == (2, "")
    assert "Traceback" not in result.stderr
    *_, line = result.stderr.splitlines()
    assert re.fullmatch(
        r"error: .*out/trip/b\.png: cannot be written \(File too large\); 1 of 2 images were done", line
    )
    assert files(tmp_path / "out") == ["a.png"]
    assert read_image(tmp_path / "out" / "a.png").pixels.shape == (3, 6, 8)


def test_a_full_disk_leaves_the_old_file_as_it_was(tmp_path, weights, photos):
    target = tmp_path / "out.png"
    write_image(torch.zeros(3, 4, 4), target)
    words = ["restore", str(photos / "trip" / "b.png"), str(target), "--weights", str(weights), "--force"]
    result = subprocess.run(
        [sys.executable, "-c", FULL_DISK, "2000", *words], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert one_line(result.stderr) == f"error: {target}: cannot be written (File too large)"
    assert torch.equal(read_image(target).pixels, torch.zeros(3, 4, 4))
    assert files(tmp_path) == ["out.png", "photos/a.png", "photos/trip/b.png"]


def test_an_interruption_keeps_what_is_done(command, tmp_path, monkeypatch, weights, photos):
    work = Stages.work

    def interrupted_at_the_large_image(self, job, frames):
        for pixels in work(self, job, frames):
            if pixels.shape[-1] > 8:
                while not (tmp_path / "out" / "a.png").exists():
                    time.sleep(0.01)
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.5)
            yield pixels

    monkeypatch.setattr(Stages, "work", interrupted_at_the_large_image)
    words = ("restore", photos, tmp_path / "out", "--weights", weights)
    code, _, err = command(*words)
    assert code == 130
    assert err.endswith("interrupted\n")
    assert "Traceback" not in err
    assert files(tmp_path / "out") == ["a.png"]
    monkeypatch.undo()
    code, out, _ = command(*words)
    assert code == 0
    assert re.search(r"^1 of 2 images restored in .*, 1 done before: ", out, re.MULTILINE)


def test_a_dry_run_tells_and_does_nothing(command, tmp_path, weights, photos):
    before = sorted(tmp_path.rglob("*"))
    words = ("restore", photos, tmp_path / "out", "--weights", weights, "--suffix", "_new", "--format", "PNG")
    code, out, _ = command(*words, "--dry-run")
    assert code == 0
    assert out.splitlines() == [
        f"would restore: {photos / 'a.png'} -> {tmp_path / 'out' / 'a_new.png'}",
        f"would restore: {photos / 'trip' / 'b.png'} -> {tmp_path / 'out' / 'trip' / 'b_new.png'}",
    ]
    assert sorted(tmp_path.rglob("*")) == before
    assert command(*words)[0] == 0
    code, out, _ = command(*words, "--dry-run", "--json")
    assert [json.loads(line)["status"] for line in out.splitlines()] == ["before", "before"]


@pytest.mark.parametrize("mode", [(), ("--json",), ("--dry-run",), ("--dry-run", "--json")])
def test_what_is_left_out_of_a_folder_is_told_beside_the_results(command, tmp_path, weights, photos, mode):
    for name in ("notes.txt", "trip/notes.txt", "trip/clip.mov", ".DS_Store"):
        (photos / name).touch()
    code, out, err = command("restore", photos, tmp_path / "out", "--weights", weights, *mode)
    assert code == 0
    told = "4 files were left out, hidden or no images by their suffix: .txt 2, .mov 1, hidden 1"
    assert err.splitlines()[-1] == f"{photos}: {told}"
    if "--json" in mode:
        assert [Path(json.loads(line)["source"]).name for line in out.splitlines()] == ["a.png", "b.png"]


def test_rarer_suffixes_of_known_formats_are_restored(command, tmp_path, weights, photos):
    pixels = read_image(photos / "a.png").pixels
    (tmp_path / "photo.pbm").write_bytes(b"P1\n3 2\n0 1 0\n1 0 1\n")
    for name in ("photo.jfif", "photo.jpe"):
        write_image(pixels, tmp_path / name)
    for name, result, kind in (
        ("photo.jfif", "photo_restored.jfif", "JPEG"),
        ("photo.jpe", "photo_restored.jpe", "JPEG"),
        ("photo.pbm", "photo_restored.pgm", "PGM"),
    ):
        code, _, err = command("restore", tmp_path / name, "--weights", weights)
        assert (code, err) == (0, "")
        assert read_image(tmp_path / result).format == kind


def test_json_lines_tell_all_of_each_image(command, tmp_path, weights, photos):
    (photos / "empty.jpg").touch()
    code, out, _ = command("restore", photos, tmp_path / "out", "--weights", weights, "--json")
    assert code == 1
    lines = {Path(line["source"]).name: line for line in map(json.loads, out.splitlines())}
    assert {name: line["status"] for name, line in lines.items()} == {
        "a.png": "restored",
        "b.png": "restored",
        "empty.jpg": "failed",
    }
    assert sum(lines["a.png"]["verdict"]["types"].values()) == pytest.approx(1)
    assert "the file is empty" in lines["empty.jpg"]["reason"]


def test_several_sources_and_a_template(command, tmp_path, monkeypatch, weights, photos):
    monkeypatch.chdir(tmp_path)
    words = ("restore", "photos/*.png", "photos/trip", "out", "--weights", weights)
    assert command(*words, "--output-template", "{number:02}{ext}")[0] == 0
    assert files(tmp_path / "out") == ["01.png", "02.png"]


def test_depth_and_metadata(command, tmp_path, weights, photos):
    exif = Image.Exif()
    exif[0x0110] = "a camera"
    Image.new("RGB", (8, 6)).save(photos / "a.png", exif=exif)
    words = ("restore", photos / "a.png", tmp_path / "out.png", "--weights", weights, "--force")
    assert command(*words)[0] == 0
    with Image.open(tmp_path / "out.png") as restored:
        assert restored.getexif()[0x0110] == "a camera"
    assert command(*words, "--depth", "16", "--no-metadata")[0] == 0
    assert read_image(tmp_path / "out.png").deep
    with Image.open(tmp_path / "out.png") as restored:
        assert not restored.getexif()


@pytest.mark.skipif(sys.platform == "darwin", reason="file names are UTF-8 there")
def test_file_names_of_any_bytes_are_shown(command, tmp_path, weights, photos):
    odd = photos / b"caf\xe9.png".decode("utf-8", "surrogateescape")
    Image.new("LA", (4, 4)).save(odd)
    code, out, _ = command("restore", photos, tmp_path / "out", "--weights", weights, "--format", "jpg")
    assert code == 0
    assert "note: " + f"{photos}/caf\\udce9.png: " in out
    assert (tmp_path / "out" / odd.with_suffix(".jpg").name).exists()


def test_results_that_a_shell_lists_with_their_originals_are_named_and_not_restored_again(
    command, tmp_path, weights, photos
):
    write_image(torch.rand(3, 6, 8), photos / "c.png")
    for dry in ((), ("--dry-run",), ()):
        listed = sorted(photos.glob("*.png"))
        code, _, err = command("restore", *listed, photos, "--suffix", "_r", "--weights", weights, *dry)
        assert code == 0
        told = [line for line in err.splitlines() if "again" in line]
        again = f"2 results of an earlier call are not restored again: {photos / 'a_r.png'}, {photos / 'c_r.png'}"
        assert told == ([again] if len(listed) == 4 else [])
    assert files(photos) == ["a.png", "a_r.png", "c.png", "c_r.png", "trip/b.png"]
