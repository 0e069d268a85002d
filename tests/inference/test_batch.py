"""Restoring files and folders."""

import os
import signal
import threading
import time
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from maskdcpt.errors import Preempted, UserError
from maskdcpt.images import Frame, Naming, read_image, write_image
from maskdcpt.images.raster import Raster
from maskdcpt.images.sources import PillowSource
from maskdcpt.inference import BatchOptions, RestoreOptions, Restorer, batch, plan_files, restore_files, stages
from maskdcpt.inference.verdict import Verdict

FORCE = BatchOptions(force=True)


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
    """Names of all files that are not hidden."""
    names = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return sorted(name.as_posix() for name in names if not any(part.startswith(".maskdcpt") for part in name.parts))


def statuses(report):
    return [outcome.status for outcome in report.outcomes]


class Judging:
    """A restorer that finds in images what it is told to, by their height."""

    def __init__(self, restorer, verdicts):
        self.restorer, self.verdicts = restorer, verdicts

    def __getattr__(self, name):
        return getattr(self.restorer, name)

    def examine_pixels(self, pixels):
        return replace(self.restorer.examine_pixels(pixels), verdict=self.verdicts[pixels.shape[1]])


def verdict(type_name, clean=False, complete=True):
    types = {type_name: 0.9, "haze" if type_name != "haze" else "low_light": 0.1}
    return Verdict(types, clean, False if complete else None, "a reason", complete)


def test_a_folder_is_mirrored(tmp_path, restorer, photos):
    report = restore_files(restorer, photos, tmp_path / "out" / "restored")
    assert files(tmp_path / "out" / "restored") == ["a.png", "b.jpg", "trip/c.webp"]
    assert [outcome.target.name for outcome in report.of("restored")] == ["a.png", "b.jpg", "c.webp"]
    assert report.seconds > 0
    for outcome in report.outcomes:
        assert read_image(outcome.target).pixels.shape == read_image(outcome.source).pixels.shape
    expected = restorer.restore(read_image(photos / "a.png").pixels)
    assert (read_image(report.outcomes[0].target).pixels - expected).abs().max() <= 0.5 / 255 + 1e-6


def test_a_file_goes_to_a_name_or_into_a_folder(tmp_path, restorer, photos):
    restore_files(restorer, photos / "a.png", tmp_path / "new" / "named.jpg")
    assert read_image(tmp_path / "new" / "named.jpg").format == "JPEG"
    restore_files(restorer, photos / "a.png", tmp_path / "new")
    assert files(tmp_path / "new") == ["a.png", "named.jpg"]


def test_a_list_of_one_file_is_that_file(tmp_path, restorer, photos):
    restore_files(restorer, [photos / "a.png"], tmp_path / "named.png")
    assert (tmp_path / "named.png").is_file()


def test_a_name_and_a_naming_are_not_both_given(tmp_path, restorer, photos):
    for naming in (Naming(ext=".jpg"), Naming("{stem}_new{ext}")):
        with pytest.raises(UserError, match=r"out\.png: a single image gets this name"):
            restore_files(restorer, photos / "a.png", tmp_path / "out.png", BatchOptions(naming=naming))
    restore_files(restorer, photos / "a.png", tmp_path, BatchOptions(naming=Naming(ext=".bmp")))
    assert read_image(tmp_path / "a.bmp").format == "BMP"


@pytest.mark.parametrize(("pattern", "target"), [("photos/**/*.*g", "photos/out"), ("photos/*.*g", "photos")])
def test_a_pattern_does_not_stand_for_results(tmp_path, restorer, photos, pattern, target):
    options = BatchOptions(naming=Naming("{stem}_new{ext}"))
    report = restore_files(restorer, tmp_path / pattern, tmp_path / target, options)
    assert statuses(report) == ["restored"] * 2
    before = files(tmp_path)
    assert statuses(restore_files(restorer, tmp_path / pattern, tmp_path / target, options)) == ["before"] * 2
    assert files(tmp_path) == before


def test_a_list_of_files_with_results_among_them_is_that_of_the_originals(tmp_path, restorer, photos):
    options = BatchOptions(naming=Naming("{stem}_r{ext}"))
    assert restore_files(restorer, sorted(photos.glob("*.*g")), photos, options).passed == ()
    before, asked = files(photos), sorted(photos.glob("*.*g"))
    assert before == ["a.png", "a_r.png", "b.jpg", "b_r.jpg", "notes.txt", "trip/c.webp"]
    Image.open(photos / "a_r.png").rotate(90).save(photos / "a_r.png")  # touched up, and a result all the same
    with pytest.raises(UserError, match=r"1 of 2 files exist, .*a_r\.png the first"):
        restore_files(restorer, asked, photos, options)
    report = restore_files(restorer, asked, photos, replace(options, force=True))
    assert report.passed == (photos / "a_r.png", photos / "b_r.jpg")
    assert statuses(report) == ["restored"] * 2
    assert files(photos) == before
    with pytest.raises(UserError, match=r"a_r\.png: a result of an earlier call, like all that was asked for"):
        restore_files(restorer, report.passed, photos, options)


def test_what_could_not_be_written_is_not_replaced_when_somebody_else_has_made_it(tmp_path, restorer, monkeypatch):
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    write_image(torch.rand(3, 5, 5), photos / "a.png")

    def refuse(*args, **options):
        raise UserError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(stages, "write_document", refuse)
        assert statuses(restore_files(restorer, photos, out)) == ["failed"]
    (out / "a.png").write_bytes(b"mine")
    with pytest.raises(UserError, match="1 of 1 files exist"):
        restore_files(restorer, photos, out)
    assert (out / "a.png").read_bytes() == b"mine"


def test_what_reading_dropped_is_told_where_only_the_first_frame_is_kept(tmp_path, restorer):
    frames = [Image.effect_noise((8, 6), 60).convert("CMYK") for _ in range(8)]
    frames[0].save(tmp_path / "pages.tif", save_all=True, append_images=frames[1:])
    (outcome,) = restore_files(restorer, tmp_path / "pages.tif", tmp_path / "first.bmp").outcomes
    assert "CMYK converted to RGB" in outcome.notes
    assert "only the first of 8 frames, for BMP holds one" in outcome.notes


def test_several_sources_and_names_by_a_template(tmp_path, restorer, photos):
    options = BatchOptions(naming=Naming("{stem}-{number}{ext}", ".png"))
    restore_files(restorer, [photos / "trip", photos / "a.png"], tmp_path / "out", options)
    assert files(tmp_path / "out") == ["a-2.png", "c-1.png"]


def test_existing_files_are_refused_before_any_work(tmp_path, restorer, photos):
    out = tmp_path / "out"
    restore_files(restorer, photos / "trip", out / "trip")
    before = (out / "trip" / "c.webp").read_bytes()
    write_image(torch.zeros(3, 7, 7), photos / "trip" / "c.webp")
    known = r"which is no result that is known here; --force replaces them"
    with pytest.raises(UserError, match=rf"1 of 3 files exist, .*out/trip/c\.webp the first, {known}"):
        restore_files(restorer, photos, out)
    assert files(out) == ["trip/c.webp"]
    restore_files(restorer, photos, out, FORCE)
    assert files(out) == ["a.png", "b.jpg", "trip/c.webp"]
    assert (out / "trip" / "c.webp").read_bytes() != before


def test_the_same_call_does_what_is_missing_and_no_more(tmp_path, restorer, photos):
    out = tmp_path / "out"
    restore_files(restorer, photos, out)
    times = {name: (out / name).stat().st_mtime_ns for name in files(out)}
    (out / "b.jpg").unlink()
    write_image(torch.rand(3, 5, 5), photos / "new.png")
    report = restore_files(restorer, photos, out)
    assert statuses(report) == ["before", "restored", "restored", "before"]
    assert (out / "a.png").stat().st_mtime_ns == times["a.png"]
    assert statuses(restore_files(restorer, photos, out)) == ["before"] * 4


def test_what_was_told_of_an_image_is_told_again_of_its_finished_result(tmp_path, restorer, photos):
    named = next(iter(restorer.classify(photos / "a.png")))
    options = BatchOptions(only=tuple(name for name in restorer.classes if name not in (named, "clean")))
    first = restore_files(restorer, photos, tmp_path / "out", options)
    again = restore_files(restorer, photos, tmp_path / "out", options)
    assert first.outcomes[0].status == "left"
    assert first.outcomes[0].reason
    assert statuses(again) == ["before"] * 3
    assert [each.told for each in again.outcomes] == [each.told for each in first.outcomes]


def test_other_settings_are_other_results(tmp_path, weights, restorer, photos):
    restore_files(restorer, photos, tmp_path / "out")
    half = Restorer.from_pretrained(weights, device="cpu", options=RestoreOptions(strength=0.5))
    for call in (
        lambda: restore_files(half, photos, tmp_path / "out"),
        lambda: restore_files(restorer, photos, tmp_path / "out", BatchOptions(quality=50)),
    ):
        with pytest.raises(UserError, match="3 of 3 files exist"):
            call()


def test_with_other_memory_the_same_call_goes_on(tmp_path, weights, restorer, photos):
    restore_files(restorer, photos, tmp_path / "out")
    (tmp_path / "out" / "b.jpg").unlink()
    options = RestoreOptions(memory=2**30)
    plan = plan_files(Restorer.from_pretrained(weights, device="cpu", options=options), photos, tmp_path / "out")
    assert {path.name for path in plan.before} == {"a.png", "c.webp"}


def test_a_file_that_is_refused_is_told_from_the_result_that_would_be_made(tmp_path, weights, restorer, photos):
    out = tmp_path / "out"
    restore_files(restorer, photos, out)
    tiled = Restorer.from_pretrained(weights, device="cpu", options=RestoreOptions(tile=64))
    with pytest.raises(UserError, match=r"3 of 3 .*a\.png the first, which was made with other settings; --force"):
        plan_files(tiled, photos, out)
    os.utime(photos / "b.jpg", ns=(1, 1))
    with pytest.raises(UserError, match=r"1 of 3 .*b\.jpg the first, which was made of another original, or another"):
        plan_files(restorer, photos, out)
    os.utime(out / "a.png", ns=(1, 1))
    with pytest.raises(UserError, match=r"2 of 2 .*a\.png the first, which has changed since it was made; --force"):
        plan_files(tiled, [photos / "a.png", photos / "b.jpg"], out)


def test_an_original_that_has_changed_is_not_taken_for_done(tmp_path, restorer, photos):
    restore_files(restorer, photos, tmp_path / "out")
    write_image(torch.zeros(3, 9, 12), photos / "a.png")
    with pytest.raises(UserError, match=r"1 of 3 files exist, .*out/a\.png"):
        restore_files(restorer, photos, tmp_path / "out")


def test_a_plan_changes_nothing(tmp_path, restorer, photos):
    before = files(tmp_path)
    plan = plan_files(restorer, photos, tmp_path / "out")
    assert [new.relative_to(tmp_path / "out").as_posix() for _, new in plan.pairs] == ["a.png", "b.jpg", "trip/c.webp"]
    assert files(tmp_path) == before


def test_a_broken_file_does_not_stop_the_rest(tmp_path, restorer, photos):
    (photos / "b.jpg").write_bytes((photos / "b.jpg").read_bytes()[:200])
    (photos / "bad.png").write_text("text")
    report = restore_files(restorer, photos, tmp_path / "out")
    assert files(tmp_path / "out") == ["a.png", "trip/c.webp"]
    assert statuses(report) == ["restored", "failed", "failed", "restored"]
    assert f"{photos / 'b.jpg'}: the image is damaged or cut short" in report.outcomes[1].reason
    assert f"{photos / 'bad.png'}: not an image" in report.outcomes[2].reason


def test_output_that_is_not_finite_is_never_written(tmp_path, weights, photos):
    broken = Restorer.from_pretrained(weights, device="cpu")
    with torch.no_grad():
        broken.backbone.ending.bias.fill_(float("inf"))
    report = restore_files(broken, photos, tmp_path / "out")
    assert statuses(report) == ["failed"] * 3
    assert files(tmp_path / "out") == []
    assert all("the network's output is not finite" in outcome.reason for outcome in report.outcomes)
    assert [outcome.reason.split(":")[0] for outcome in report.outcomes] == [
        str(photos / name) for name in ("a.png", "b.jpg", "trip/c.webp")
    ]


def test_alpha_is_kept(tmp_path, restorer, photos):
    image = Image.new("RGBA", (6, 5), (200, 100, 50, 255))
    image.putpixel((2, 3), (10, 20, 30, 77))
    image.save(photos / "a.png")
    report = restore_files(restorer, photos, tmp_path / "out")
    with Image.open(report.outcomes[0].target) as restored:
        assert restored.mode == "RGBA"
        assert restored.getchannel("A").tobytes() == image.getchannel("A").tobytes()


def test_every_frame_is_restored(tmp_path, restorer, photos):
    frames = [Image.effect_noise((8, 6), 60).convert("RGB") for _ in range(3)]
    frames[0].save(photos / "moving.png", save_all=True, append_images=frames[1:], duration=[100, 200, 300])
    restore_files(restorer, photos / "moving.png", tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as restored:
        assert restored.n_frames == 3
        for number, frame in enumerate(frames):
            restored.seek(number)
            expected = restorer.restore(frame)
            assert restored.convert("RGB").tobytes() == expected.tobytes()


@pytest.mark.parametrize("name", ["moving.gif", "moving.png", "moving.webp"])
def test_each_frame_is_decoded_once(tmp_path, restorer, name, monkeypatch):
    noise = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)
    first, *others = [Image.fromarray(frame) for frame in noise]
    first.save(tmp_path / name, save_all=True, append_images=others, duration=50)
    decoded, read = [], PillowSource.read
    monkeypatch.setattr(PillowSource, "read", lambda self, index: decoded.append(index) or read(self, index))
    restore_files(restorer, tmp_path / name, tmp_path / f"restored-{name}")
    assert decoded == list(range(40))


@pytest.mark.parametrize("step", ["Raster.colours", "Frame.put_back"])
def test_an_image_without_memory_does_not_stop_the_others(tmp_path, restorer, photos, monkeypatch, step):
    owner, name = step.split(".")
    owner = {"Raster": Raster, "Frame": Frame}[owner]
    usual = getattr(owner, name)

    def run_out(self, *rest):
        raster = self if owner is Raster else self.raster
        if raster.samples.shape[0] == 16:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return usual(self, *rest)

    monkeypatch.setattr(owner, name, run_out)
    report = restore_files(restorer, photos, tmp_path / "out")
    assert statuses(report) == ["restored", "failed", "restored"]
    done = {"Raster.colours": "read", "Frame.put_back": "written"}[step]
    assert report.outcomes[1].reason.startswith(f"{photos / 'b.jpg'}: memory ran out while the image was {done}")
    assert files(tmp_path / "out") == ["a.png", "trip/c.webp"]


class TestImagesThatStay:
    """Images that look clean or damaged by something else."""

    VERDICTS = {9: verdict("low_light", clean=True), 16: verdict("haze"), 7: verdict("low_light")}  # noqa: RUF012

    def test_clean_images_of_a_folder_stay_byte_for_byte_and_this_is_said(self, tmp_path, restorer, photos):
        report = restore_files(Judging(restorer, self.VERDICTS), photos, tmp_path / "out")
        assert statuses(report) == ["left", "restored", "restored"]
        assert report.outcomes[0].reason == "looks clean"
        assert report.outcomes[0].verdict.clean
        assert (tmp_path / "out" / "a.png").read_bytes() == (photos / "a.png").read_bytes()
        assert (tmp_path / "out" / "b.jpg").read_bytes() != (photos / "b.jpg").read_bytes()

    def test_clean_images_stay_what_they_hold_whatever_their_names_say(self, tmp_path, restorer, photos):
        (photos / "a.png").rename(photos / "a.jpg")
        judging = Judging(restorer, self.VERDICTS)
        report = restore_files(judging, photos, tmp_path / "out")
        assert statuses(report) == ["left", "restored", "restored"]
        assert (tmp_path / "out" / "a.jpg").read_bytes() == (photos / "a.jpg").read_bytes()
        assert report.outcomes[0].notes == ()
        asked = restore_files(judging, photos, tmp_path / "jpeg", BatchOptions(naming=Naming(ext=".jpg")))
        assert read_image(tmp_path / "jpeg" / "a.jpg").format == "JPEG"
        assert "holds PNG in spite of its name; written as JPEG" in asked.outcomes[0].notes

    def test_restored_images_have_the_format_of_their_names_and_this_is_said(self, tmp_path, restorer, photos):
        (photos / "a.png").rename(photos / "a.jpg")
        report = restore_files(restorer, photos / "a.jpg", tmp_path / "out.jpg")
        assert read_image(tmp_path / "out.jpg").format == "JPEG"
        assert "holds PNG in spite of its name; written as JPEG" in report.outcomes[0].notes

    def test_what_looks_clean_to_weights_that_overlook_damage_does_not_stay(self, tmp_path, restorer, photos):
        overlooking = {**self.VERDICTS, 9: verdict("low_light", clean=True, complete=False)}
        report = restore_files(Judging(restorer, overlooking), photos, tmp_path / "out")
        assert statuses(report) == ["restored"] * 3

    def test_a_single_clean_image_is_restored_unless_told_otherwise(self, tmp_path, restorer, photos):
        judging = Judging(restorer, self.VERDICTS)
        assert statuses(restore_files(judging, photos / "a.png", tmp_path / "1.png")) == ["restored"]
        leaving = BatchOptions(leave_clean=True)
        assert statuses(restore_files(judging, photos / "a.png", tmp_path / "2.png", leaving)) == ["left"]
        restoring = BatchOptions(leave_clean=False)
        assert statuses(restore_files(judging, photos, tmp_path / "out", restoring)) == ["restored"] * 3

    def test_what_stays_is_still_converted_when_another_format_is_asked_for(self, tmp_path, restorer, photos):
        judging = Judging(restorer, self.VERDICTS)
        restore_files(judging, photos, tmp_path / "out", BatchOptions(naming=Naming(ext=".bmp")))
        assert read_image(tmp_path / "out" / "a.bmp").format == "BMP"
        assert torch.equal(read_image(tmp_path / "out" / "a.bmp").pixels, read_image(photos / "a.png").pixels)

    def test_only_some_types_of_damage(self, tmp_path, restorer, photos):
        options = BatchOptions(leave_clean=False, only=("haze",))
        report = restore_files(Judging(restorer, self.VERDICTS), photos, tmp_path / "out", options)
        assert statuses(report) == ["left", "restored", "left"]
        assert report.outcomes[0].reason == "looks damaged by low_light, not by haze"

    def test_clean_is_no_damage_to_restore_from(self, tmp_path, universal_weights, photos):
        restorer = Restorer.from_pretrained(universal_weights, "cpu")
        assert "clean" in restorer.classes
        with pytest.raises(UserError, match="these weights know no damage called 'clean'"):
            restore_files(restorer, photos, tmp_path / "out", BatchOptions(only=("clean",)))
        nothing = Verdict({"clean": 0.9, "haze": 0.1}, None, None, "no damage found (90%)")
        judging = Judging(restorer, dict.fromkeys(self.VERDICTS, nothing))
        report = restore_files(judging, photos, tmp_path / "out", BatchOptions(only=("haze",)))
        assert statuses(report) == ["left"] * 3
        assert {outcome.reason for outcome in report.outcomes} == {"shows no damage"}

    def test_a_type_that_the_weights_do_not_know_is_refused(self, tmp_path, restorer, photos):
        with pytest.raises(UserError, match=r"no damage called 'haez'; did you mean 'haze'\?"):
            restore_files(restorer, photos, tmp_path / "out", BatchOptions(only=("haez",)))


def test_a_watcher_is_told_and_shown(tmp_path, restorer, photos):
    seen = []
    restore_files(restorer, photos, tmp_path / "out", watch=lambda *each: seen.append(each), show=True)
    assert [(outcome.source.name, shown.before.shape) for outcome, shown in seen] == [
        ("a.png", (3, 9, 12)),
        ("b.jpg", (3, 16, 8)),
        ("c.webp", (3, 7, 7)),
    ]
    assert all(shown.after.shape == shown.before.shape for _, shown in seen)
    seen.clear()
    restore_files(restorer, photos, tmp_path / "out", watch=lambda *each: seen.append(each), show=True)
    assert [(outcome.status, shown) for outcome, shown in seen] == [("before", None)] * 3


@pytest.mark.parametrize("target", ["photos", "photos/restored", ".", "photos/../photos", "alias", "alias/in"])
def test_source_and_target_must_not_overlap(tmp_path, restorer, photos, target):
    (tmp_path / "alias").symlink_to(photos)
    before = files(tmp_path)
    with pytest.raises(UserError, match="need a folder apart from"):
        restore_files(restorer, photos, tmp_path / target, FORCE)
    assert files(tmp_path) == before


@pytest.mark.parametrize("target", ["a.png", ".", "../photos/a.png", "link.png"])
def test_an_original_is_never_replaced(restorer, photos, target):
    (photos / "link.png").symlink_to(photos / "a.png")
    before = (photos / "a.png").read_bytes()
    with pytest.raises(UserError, match="needs a file of its own, and this is the original"):
        restore_files(restorer, photos / "a.png", photos / target, FORCE)
    assert (photos / "a.png").read_bytes() == before


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("none.png", "out.png", r"none\.png: no such file or folder"),
        ("photos/a.png", "out.txt", r"out\.txt: the name of an image has to end in one of"),
        ("photos/a.png", "out", r"out: the name of an image has to end in one of"),
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


def test_a_large_image_alone_shows_how_far_its_tiles_are(tmp_path, capsys, weights, photos):
    write_image(torch.rand(3, 150, 180), photos / "large.png")
    tiled = Restorer.from_pretrained(weights, device="cpu", options=RestoreOptions(tile=64))
    restore_files(tiled, photos / "large.png", tmp_path / "out.png")
    shown = capsys.readouterr().err
    assert "restoring large.png:   0%" in shown
    assert "100/100" in shown or "99/100" in shown
    restore_files(tiled, photos / "large.png", tmp_path / "2.png", progress=False)
    assert capsys.readouterr().err == ""


def test_being_asked_to_stop_keeps_what_is_finished(tmp_path, restorer, photos):
    def ask(outcome, shown):
        os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Preempted, match="of 3 images are done, and the same command goes on"):
        restore_files(restorer, photos, tmp_path / "out", watch=ask)
    made = files(tmp_path / "out")
    assert made
    assert statuses(restore_files(restorer, photos, tmp_path / "out")).count("before") == len(made)


@pytest.mark.parametrize(("device", "given", "threads"), [("cpu", 4, 1), ("cpu", 3, 2), ("cuda", 4, 2)])
def test_reading_has_a_thread_of_its_own_where_the_network_leaves_processors_alone(
    tmp_path, restorer, photos, monkeypatch, device, given, threads
):
    class Elsewhere(Judging):
        def examine_pixels(self, pixels):
            seen.add(threading.get_ident())
            return super().examine_pixels(pixels)

    def read(path):
        seen.add(threading.get_ident())
        return read_document(path)

    monkeypatch.setattr(torch, "get_num_threads", lambda: given)
    monkeypatch.setattr(batch, "usable_processors", lambda: 4)
    seen, read_document = set(), stages.open_document
    monkeypatch.setattr(stages, "open_document", read)
    judging = Elsewhere(restorer, dict.fromkeys((9, 16, 7), verdict("haze")))
    judging.device = torch.device(device)
    report = restore_files(judging, photos, tmp_path / "out")
    assert statuses(report) == ["restored"] * 3
    assert len(seen) == threads


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_image_in_tiles_ends_with_the_tile_when_it_is_to_end(tmp_path, restorer, number):
    restorer = Restorer(deepcopy(restorer.backbone), device="cpu", options=RestoreOptions(tile=64))
    write_image(torch.rand(3, 512, 512), tmp_path / "photo.png")
    parts = []

    def ask(*_):
        parts.append(time.sleep(0.02))
        if len(parts) == 2:
            signal.pthread_kill(threading.main_thread().ident, number)

    for name in ("intro", "ending"):
        getattr(restorer.backbone, name).register_forward_hook(ask)
    with pytest.raises((Preempted, KeyboardInterrupt)):
        restore_files(restorer, tmp_path / "photo.png", tmp_path / "restored.png")
    assert 2 <= len(parts) < 10
    assert files(tmp_path) == ["photo.png"]
