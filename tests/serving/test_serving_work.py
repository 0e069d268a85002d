"""What a worker makes of an image: all frames, all that the file holds, and what the weights say about it."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from maskdcpt.data.procedural import procedural_image
from maskdcpt.images import TooManyPixels, decode_document, to_pil
from maskdcpt.inference import Restorer, Verdict
from maskdcpt.serving.photos import Photo
from maskdcpt.serving.work import Task, work


@pytest.fixture(scope="module")
def restorer(weights):
    return Restorer.from_pretrained(weights, "cpu")


def saved(image, name="PNG", **options):
    data = io.BytesIO()
    image.save(data, name, **options)
    return data.getvalue()


def do(restorer, data, limit=10**6, **task):
    return work(restorer, Task(**task).message(data), limit)


def film(count, size=(16, 20)):
    frames = [to_pil(procedural_image(seed, size)) for seed in range(count)]
    return saved(frames[0], "TIFF", save_all=True, append_images=frames[1:])


def test_every_frame_goes_through_the_network_once(restorer, monkeypatch):
    passes = []
    whole = restorer._engine.whole
    monkeypatch.setattr(restorer._engine, "whole", lambda x, classify: passes.append(classify) or whole(x, classify))
    data = film(5)
    answer = do(restorer, data)
    assert passes == [True, False, False, False, False]
    before, after = decode_document(data, "before"), decode_document(answer.blobs[0], "after")
    assert (answer.values["frames"], len(after.frames)) == (5, 5)
    verdict = restorer.examine(before.frames[0].pixels)
    assert answer.values["verdict"]["types"] == dict(verdict.types)
    for old, new in zip(before.frames, after.frames, strict=True):
        assert (restorer.restore_pixels(old.pixels).pixels - new.pixels).abs().max() <= 0.501 / 255


def test_classifying_restores_nothing(restorer, monkeypatch):
    monkeypatch.setattr(restorer, "restore_pixels", None)
    answer = do(restorer, film(2), restore=False)
    assert answer.blobs == ()
    assert set(answer.values["verdict"]) == {"types", "clean", "unfamiliar", "reason"}


def test_without_a_classifier_photos_are_restored_and_nothing_is_said_of_them(restorer):
    plain = Restorer(restorer.backbone, device="cpu")
    assert do(plain, film(1)).values["verdict"] is None
    with pytest.raises(ValueError, match="no classifier"):
        do(plain, film(1), restore=False)


@pytest.mark.parametrize("name", ["png", "tiff", "bmp"])  # which keep values exactly
def test_strength_0_gives_the_image_as_it_was(restorer, name):
    data = saved(to_pil(procedural_image(3, (16, 20))), name)
    answer = do(restorer, data, strength=0.0)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(answer.blobs[0]))), np.asarray(Image.open(io.BytesIO(data))))


def test_pixels_of_all_frames_count(restorer):
    data = film(3, (10, 10))
    assert do(restorer, data, limit=300).values["frames"] == 3
    with pytest.raises(TooManyPixels):
        do(restorer, data, limit=299)


def test_previews_show_what_is_transparent_on_white(restorer):
    image = to_pil(procedural_image(0, (20, 30)))
    image.putalpha(Image.fromarray(np.tile(np.repeat([0, 255], 15).astype(np.uint8), (20, 1))))
    answer = do(restorer, saved(image), previews=True)
    file, before, after = answer.blobs
    assert decode_document(file, "after").frames[0].alpha[0, 0].tolist() == [0] * 15 + [1] * 15
    for preview in (before, after):
        shown = np.asarray(Image.open(io.BytesIO(preview)).convert("RGB"))
        assert shown[:, :12].min() > 240
        assert shown[:, 18:].mean() < 230


def test_large_photos_have_small_previews(restorer):
    data = saved(Image.new("RGB", (3300, 20), "grey"))
    assert Image.open(io.BytesIO(do(restorer, data, previews=True, strength=0.0).blobs[1])).size == (1600, 10)


SEEN = Verdict({"haze": 1.0}, False, False, "haze")


@pytest.mark.parametrize(
    ("verdict", "frames", "words"),
    [
        (SEEN, 1, []),
        (SEEN, 7, ["first of 7 frames"]),
        (replace(SEEN, clean=True), 1, ["looks clean"]),
        (replace(SEEN, unfamiliar=True), 1, ["unlike"]),
        (replace(SEEN, clean=None, unfamiliar=None), 1, ["cannot tell"]),
        (replace(SEEN, clean=None, unfamiliar=True), 2, ["first of 2 frames", "unlike"]),
        (None, 1, []),
    ],
)
def test_visitors_are_told_what_the_verdict_means(tmp_path, verdict, frames, words):
    known = verdict and {"clean": verdict.clean, "unfamiliar": verdict.unfamiliar}
    remarks = Photo("a", tmp_path, tmp_path, tmp_path, known, frames, (), 0.0).remarks
    assert len(remarks) == len(words)
    for remark, word in zip(remarks, words, strict=True):
        assert word in remark
