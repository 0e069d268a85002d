"""Degrading files and folders, with records from which every result can be made again."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from maskdcpt.data import Version, degrade_files
from maskdcpt.degradations import CATALOGUE, Chain, GaussianNoise, Haze, apply, from_dict
from maskdcpt.errors import UserError
from maskdcpt.images import read_image, write_image

HAZE = Haze(0.1, 0.9)
BOTH = (Version("haze", HAZE), Version("chain", Chain((HAZE, GaussianNoise(10)))))


@pytest.fixture
def photos(tmp_path):
    """A folder with two images, one of them in a folder below."""
    generator = torch.Generator().manual_seed(0)
    folder = tmp_path / "photos"
    (folder / "trip").mkdir(parents=True)
    write_image(torch.rand(3, 20, 30, generator=generator), folder / "a.jpg")
    write_image(torch.rand(3, 16, 16, generator=generator), folder / "trip" / "b.png")
    return folder


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def rows(folder):
    return [json.loads(line) for line in (folder / "degradations.jsonl").read_text().splitlines()]


def make(source, target, versions=BOTH, **options):
    return degrade_files(source, target, lambda name: versions, progress=False, **options)


def test_every_result_can_be_made_again_from_its_record(photos, tmp_path):
    out = tmp_path / "out"
    report = make(photos, out)
    assert len(report.batch.written) == 4
    assert [row["image"] for row in rows(out)] == ["haze/a.png", "chain/a.png", "haze/trip/b.png", "chain/trip/b.png"]
    for row in rows(out):
        clean = read_image(photos / row["source"]).pixels
        again = apply(clean, from_dict(row["level"]), row["seed"])
        assert torch.allclose(read_image(out / row["image"]).pixels, again.mul(255).round() / 255, atol=1e-7)


def test_records_name_types_and_labels_of_every_step(photos, tmp_path):
    make(photos / "a.jpg", tmp_path / "out")
    haze, chain = rows(tmp_path / "out")
    assert (haze["types"], haze["labels"]) == (["haze"], [6])
    assert (chain["types"], chain["labels"]) == (["haze", "noise"], [6, 0])


def test_results_do_not_depend_on_what_else_is_made(photos, tmp_path):
    make(photos, tmp_path / "all")
    make(photos, tmp_path / "haze", BOTH[:1])
    assert (tmp_path / "all/haze/trip/b.png").read_bytes() == (tmp_path / "haze/haze/trip/b.png").read_bytes()


def test_seeds_and_images_have_random_numbers_of_their_own(photos, tmp_path):
    make(photos, tmp_path / "0")
    make(photos, tmp_path / "1", seed=1)
    seeds = [row["seed"] for run in "01" for row in rows(tmp_path / run)]
    assert len(set(seeds)) == 8


def test_the_same_call_goes_on_where_it_stopped(photos, tmp_path):
    out = tmp_path / "out"
    make(photos, out)
    contents = {name: (out / name).read_bytes() for name in files(out) if name.endswith(".png")}
    (out / "chain/a.png").unlink()
    (out / "chain/.writing-1-2.png").touch()
    with (out / "degradations.jsonl").open("a") as file:
        file.write('{"image": "haze/tr')  # a run was killed while it wrote
    report = make(photos, out)
    assert (len(report.batch.written), report.found) == (1, 3)
    assert {name: (out / name).read_bytes() for name in contents} == contents
    assert not list(out.rglob(".writing-*"))
    report = make(photos, out)
    assert (len(report.batch.written), report.found) == (0, 4)
    assert len(rows(out)) == 4


@pytest.mark.parametrize("change", ["seed", "level", "photo", "no record"])
def test_what_another_call_has_made_is_not_replaced_unless_forced(photos, tmp_path, change):
    out = tmp_path / "out"
    make(photos / "a.jpg", out)
    options = {"seed": 1} if change == "seed" else {}
    versions = (Version("haze", Haze(0.1, 0.95)), BOTH[1]) if change == "level" else BOTH
    if change == "photo":
        write_image(torch.zeros(3, 9, 9), photos / "a.jpg")
    if change == "no record":
        (out / "degradations.jsonl").unlink()
    before = {name: (out / name).read_bytes() for name in files(out)}
    with pytest.raises(UserError, match=r"files exist, .* the first; --force replaces them"):
        make(photos / "a.jpg", out, versions, **options)
    after = {name: (out / name).read_bytes() for name in files(out)}
    assert after == before
    assert len(make(photos / "a.jpg", out, versions, force=True, **options).batch.written) == 2


def test_a_single_result_takes_the_name_asked_for(photos, tmp_path):
    make(photos / "a.jpg", tmp_path / "named.png", [Version("", HAZE)])
    make(photos / "a.jpg", tmp_path / "photos" / "trip", [Version("", HAZE)])
    assert files(tmp_path) == [
        "named.png",
        "photos/a.jpg",
        "photos/trip/.lock",
        "photos/trip/a.png",
        "photos/trip/b.png",
        "photos/trip/degradations.jsonl",
    ]


def test_jpeg_results_come_with_a_warning(photos, tmp_path):
    report = make(photos / "a.jpg", tmp_path / "a.jpg", [Version("", HAZE)])
    note = f"{tmp_path / 'a.jpg'}: a JPEG file adds damage of its own; one that ends in .png does not"
    assert report.batch.notes == (note,)


def test_two_images_that_would_become_one_are_refused(photos, tmp_path):
    write_image(torch.rand(3, 8, 8), photos / "a.png")
    with pytest.raises(UserError, match=r"a\.jpg and .*a\.png would both become .*a\.png; rename one"):
        make(photos, tmp_path / "out")


def test_a_broken_image_does_not_stop_the_rest(photos, tmp_path):
    (photos / "a.jpg").write_bytes(b"text")
    report = make(photos, tmp_path / "out")
    assert [path.name for path in report.batch.written] == ["b.png", "b.png"]
    assert len(report.batch.failures) == 2
    assert all(failure.startswith(f"{photos / 'a.jpg'}: not an image") for failure in report.batch.failures)


def test_two_at_once_are_kept_apart(photos, tmp_path):
    out = tmp_path / "out"
    make(photos, out, BOTH[:1])
    program = f"""
from pathlib import Path
from maskdcpt.files import sole_owner
with sole_owner(Path({str(out / ".lock")!r}), "degrading images into"):
    print("held", flush=True)
    input()
"""
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(UserError, match="out: another process is degrading images into this folder"):
            make(photos, out)
        holder.communicate(b"\n")


@pytest.mark.parametrize("samples", ["grey", "deep"])
def test_grey_and_16_bit_images_are_degraded_with_a_note(tmp_path, samples):
    values = np.arange(300, dtype=np.uint16).reshape(15, 20) * 200
    Image.fromarray(values if samples == "deep" else (values >> 8).astype(np.uint8)).save(tmp_path / "x.png")
    report = make(tmp_path / "x.png", tmp_path / "y.png", [Version("", CATALOGUE["noise"].levels[0])])
    assert read_image(tmp_path / "y.png").pixels.shape == (3, 15, 20)
    assert any("grey expanded to RGB" in note for note in report.batch.notes)
    assert any("16-bit reduced" in note for note in report.batch.notes) == (samples == "deep")


def test_originals_are_never_replaced_by_whatever_way_they_are_reached(photos, tmp_path):
    make(photos / "trip" / "b.png", tmp_path / "out", BOTH[:1])
    before = {name: (photos / name).read_bytes() for name in files(photos)}
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "trip").symlink_to(photos / "trip")
    for source, target in ((photos / "trip" / "b.png", photos / "trip"), (photos, tmp_path / "linked")):
        with pytest.raises(UserError, match="needs a file of its own, and this is the original"):
            make(source, target, [Version("", HAZE)], force=True)
    assert {name: (photos / name).read_bytes() for name in files(photos)} == before


def test_a_killed_replacement_is_not_taken_for_done(photos, tmp_path, monkeypatch):
    out = tmp_path / "out"
    make(photos / "a.jpg", out, BOTH[:1])
    stronger = [Version("haze", Haze(0.2, 0.9))]

    def die(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("maskdcpt.data.degrade.write_image", die)
        with pytest.raises(KeyboardInterrupt):
            make(photos / "a.jpg", out, stronger, force=True)
    report = make(photos / "a.jpg", out, stronger)
    assert (len(report.batch.written), report.found) == (1, 0)
    clean = read_image(photos / "a.jpg").pixels
    row = rows(out)[0]
    assert torch.equal(read_image(out / "haze/a.png").pixels, apply(clean, from_dict(row["level"]), row["seed"]))


def test_records_hold_each_image_once(photos, tmp_path):
    out = tmp_path / "out"
    make(photos, out)
    make(photos, out, force=True, seed=1)
    assert len(rows(out)) == len({row["image"] for row in rows(out)}) == 4
    (out / "degradations.jsonl").write_text('{"image": "b.p')
    with pytest.raises(UserError, match="--force replaces them"):
        make(photos, out)
    make(photos, out, force=True)
    assert len(rows(out)) == 4


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"text\n", "line 1 is no JSON object"),
        (b'{"image": "a.png"}\n[3]\n', "line 2 is no JSON object"),
        (b"\xff\xfe\n", "line 1 is no JSON object"),
        (b'{"name": "a.png"}\n', "line 1 names no image"),
    ],
)
def test_damaged_records_are_refused_before_any_work(photos, tmp_path, content, message):
    out = tmp_path / "out"
    out.mkdir()
    (out / "degradations.jsonl").write_bytes(content)
    with pytest.raises(UserError, match=rf"degradations\.jsonl: {message}; mend it or remove the file"):
        make(photos, out)
    assert (out / "degradations.jsonl").read_bytes() == content
    assert not list(out.rglob("*.png"))


def test_a_broken_single_image_is_one_error(photos, tmp_path):
    (photos / "a.jpg").write_bytes(b"text")
    with pytest.raises(UserError, match=r"a\.jpg: not an image"):
        make(photos / "a.jpg", tmp_path / "out")


def test_names_that_are_no_text_are_degraded(tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    write_image(torch.rand(3, 8, 8), source / "x.png")
    os.rename(source / "x.png", os.fsencode(source) + b"/x\xff.png")
    assert len(make(source, tmp_path / "out", BOTH[:1]).batch.written) == 1
