"""Verdicts: what is looked at, what follows from it, and which calibration may say so."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from maskdcpt.backbones import create_backbone
from maskdcpt.errors import UserError
from maskdcpt.files import write_json
from maskdcpt.images import write_image
from maskdcpt.inference import Restorer
from maskdcpt.inference.calibration import (
    CALIBRATION,
    LEAST_FOUND,
    Calibration,
    Flag,
    hash_weights,
    load_calibration,
    save_calibration,
)
from maskdcpt.inference.evidence import PARTS, SIDE, Evidence, parts
from maskdcpt.inference.verdict import judge
from maskdcpt.pretraining import load_model

EVIDENCE = Evidence({"haze": 0.75, "snow": 0.25}, (2.0, 0.9), 0.1)
PIXELS = torch.rand(3, 40, 52, generator=torch.Generator().manual_seed(0))


def flag(threshold, width=3, **values):
    """Says yes where the logarithm of the change is above the threshold."""
    numbers = {"means": (0.0,) * width, "deviations": (1.0,) * width, "weights": (1.0,) + (0.0,) * (width - 1)}
    rates = {"limit": 0.05, "found": 0.5, "false": 0.05, "auroc": 0.8, "positives": 9, "negatives": 9}
    return Flag(**{**numbers, "threshold": threshold, **rates, **values})


def calibration(clean, unfamiliar, **values):
    about = {"sha256": {}, "classes": ("haze", "snow"), "source": "photos", "images": 30}
    return Calibration(clean=clean, unfamiliar=unfamiliar, **{**about, **values})


@given(st.integers(1, 3000), st.integers(1, 3000))
def test_parts_have_a_bounded_cost_and_lie_apart_as_far_as_there_is_room(height, width):
    places = torch.arange(height, dtype=torch.int32)[:, None] * width + torch.arange(width, dtype=torch.int32)
    found = parts(places[None])
    assert sum(part.numel() for part in found) <= PARTS * SIDE * SIDE
    if height * width <= PARTS * SIDE * SIDE:
        assert torch.equal(found[0][0], places)
        assert len(found) == 1
        return
    corners = [divmod(int(part[0, 0, 0]), width) for part in found]
    assert all(tuple(part.shape[1:]) == (min(SIDE, height), min(SIDE, width)) for part in found)
    rows, columns = ({corner[axis] for corner in corners} for axis in (0, 1))
    for starts, extent in ((rows, height), (columns, width)):
        low, high = min(starts), max(starts)
        assert abs(low + high + SIDE - extent) <= 1 or extent <= SIDE  # as far from one end as from the other
        if extent >= 2 * SIDE:
            assert high - low >= SIDE


def test_evidence_is_what_the_network_shows_of_the_image(weights):
    backbone, classifier = load_model(weights)
    restorer = Restorer.from_pretrained(weights, device="cpu")
    found = restorer.gather_evidence(PIXELS)
    with torch.no_grad():
        restored = backbone(PIXELS[None]).clamp(0, 1).double()
        logits = classifier(backbone.forward_features(PIXELS[None]).stages)[0]
    assert found.change == pytest.approx((restored - PIXELS).square().mean().sqrt().item(), rel=1e-4)
    assert found.logits == pytest.approx(logits.tolist(), abs=1e-5)
    assert found.types == restorer.classify(PIXELS)
    assert found.vector[0] == pytest.approx(torch.tensor(found.change).log10().item(), rel=1e-5)


def test_of_several_parts_evidence_is_the_mean(weights):
    restorer = Restorer.from_pretrained(weights, device="cpu")
    image = torch.rand(3, SIDE, 1100, generator=torch.Generator().manual_seed(1))
    image[:, :, 550:] *= 0.3
    alone = [restorer.gather_evidence(part) for part in parts(image)]
    assert len(alone) == 2
    found = restorer.gather_evidence(image)
    means = [sum(values) / 2 for values in zip(*(each.logits for each in alone), strict=True)]
    assert found.logits == pytest.approx(means, abs=1e-6)
    assert found.change**2 == pytest.approx(sum(each.change**2 for each in alone) / 2, rel=1e-6)
    assert sum(found.types.values()) == pytest.approx(1)


def test_an_image_that_is_not_changed_at_all_has_finite_evidence():
    assert EVIDENCE._replace(change=0.0).vector == (-4.0, 2.0, 0.9)


@pytest.mark.parametrize(
    ("clean", "unfamiliar", "expected"),
    [
        (flag(-2), flag(0), (True, False)),
        (flag(0), flag(0), (False, False)),
        (flag(0), flag(-2), (False, True)),
        (flag(-2), flag(-2), (False, True)),  # what the network does not know it cannot call clean
        (flag(-2), None, (True, None)),
        (flag(-2, found=LEAST_FOUND / 2), flag(0), (None, False)),
        (flag(-2), flag(-2, found=LEAST_FOUND / 2), (True, None)),
        (flag(-2, found=0.0), flag(-2), (None, True)),
    ],
)
def test_verdicts_follow_from_flags(clean, unfamiliar, expected):
    verdict = judge(EVIDENCE, calibration(clean, unfamiliar))
    assert (verdict.clean, verdict.unfamiliar) == expected
    assert verdict.types == EVIDENCE.types
    assert verdict.reason.startswith("looks clean") == (verdict.clean is True)
    assert verdict.reason.startswith("unlike what the weights were trained on") == (verdict.unfamiliar is True)
    assert ("cannot tell" in verdict.reason) == (verdict.clean is None and not verdict.unfamiliar)
    assert "10.0% of the range" in verdict.reason


def test_without_a_calibration_nothing_is_told():
    verdict = judge(EVIDENCE, None)
    assert (verdict.clean, verdict.unfamiliar) == (None, None)
    assert verdict.reason.startswith("haze (75%) if it is damaged")
    assert "not calibrated, see maskdcpt calibrate" in verdict.reason


@pytest.mark.parametrize(
    ("types", "flags", "reason"),
    [
        ({"clean": 0.97, "haze": 0.03}, (-2.0, None), "looks clean of the damage that the weights know"),
        ({"clean": 0.97, "haze": 0.03}, (2.0, None), "no damage found (97%), but not for certain; restoring"),
        ({"clean": 0.97, "haze": 0.03}, None, "no damage found (97%); restoring changes it by 10.0% of the range; the"),
        (
            {"clean": 0.97, "haze": 0.03},
            (2.0, -2.0),
            "unlike what the weights were trained on: no damage found",
        ),
        ({"haze": 0.8, "clean": 0.2}, (2.0, None), "haze (80%); restoring"),
        (
            {"haze": 0.8, "clean": 0.2},
            None,
            "haze (80%); restoring changes it by 10.0% of the range; the",
        ),
        ({"haze": 0.8, "snow": 0.2}, None, "haze (80%) if it is damaged; restoring"),
    ],
)
def test_weights_that_know_clean_images_say_so_in_words(types, flags, reason):
    known = flags and calibration(flag(flags[0]), None if flags[1] is None else flag(flags[1]))
    assert judge(Evidence(types, (2.0, 0.9), 0.1), known).reason.startswith(reason)


@pytest.mark.parametrize(
    ("types", "reason"),
    [
        ({"clean": 0.9, "haze": 0.1}, "no damage found (90%), but not for certain; "),
        ({"haze": 0.9, "clean": 0.1}, "haze (90%), but not for certain; "),
        ({"haze": 0.9, "snow": 0.1}, "haze (90%) if it is damaged, which these weights cannot tell; "),
    ],
)
def test_a_flag_of_no_use_leaves_it_open(types, reason):
    verdict = judge(Evidence(types, (2.0, 0.9), 0.1), calibration(flag(0, found=LEAST_FOUND / 2), None))
    assert verdict.clean is None
    assert verdict.reason.startswith(reason)


def test_a_score_is_the_weighted_sum_of_standardised_numbers():
    some = flag(0, means=(1.0, 2.0, 3.0), deviations=(2.0, 4.0, 5.0), weights=(1.0, -1.0, 10.0))
    assert some.score((3.0, 4.0, 4.0)) == pytest.approx(1 - 0.5 + 2)


@pytest.mark.parametrize("values", [{"weights": (1.0,)}, {"deviations": (1.0, 0.0, 1.0)}])
def test_numbers_that_do_not_go_together_are_refused(values):
    with pytest.raises(UserError, match="means, deviations and weights are as many, and deviations are positive"):
        flag(0, **values)


@pytest.fixture
def folder(tmp_path, weights):
    shutil.copytree(weights, tmp_path / "weights")
    return tmp_path / "weights"


@pytest.fixture
def calibrated(folder):
    """Weights that call everything clean."""
    classes = load_model(folder)[1].classes
    always = flag(-9, width=1 + len(classes))
    save_calibration(folder, calibration(always, None, classes=classes, sha256=hash_weights(folder)))
    return folder


def test_a_calibration_goes_with_its_weights(calibrated, tmp_path):
    restorer = Restorer.from_pretrained(calibrated)
    write_image(PIXELS, tmp_path / "a.png")
    for image in (PIXELS, tmp_path / "a.png", str(tmp_path / "a.png")):
        assert restorer.examine(image).clean is True
    assert load_calibration(calibrated) == restorer.calibration


def test_a_run_finds_that_of_its_newest_checkpoint(calibrated, tmp_path):
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    shutil.copytree(calibrated, tmp_path / "run" / "checkpoints" / "step-00000004")
    assert Restorer.from_pretrained(tmp_path / "run").calibration is not None


def test_weights_without_one_are_not_calibrated(folder):
    restorer = Restorer.from_pretrained(folder)
    assert restorer.calibration is None
    assert restorer.examine(PIXELS).clean is None


@pytest.mark.parametrize("name", ["model.safetensors", "classifier.safetensors"])
def test_a_calibration_of_other_weights_is_refused(calibrated, name):
    data = bytearray((calibrated / name).read_bytes())
    data[-1] ^= 1  # the last bit of a number
    (calibrated / name).write_bytes(data)
    with pytest.raises(UserError, match=r"calibration\.json: made for other weights than are here; run") as error:
        Restorer.from_pretrained(calibrated)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 0}, "of version 0, and 1 is needed; run `maskdcpt calibrate` on these weights again"),
        ({"clean": 3}, "clean"),
        ({"unknown": 3}, "unknown"),
        ({"classes": ["haze"]}, "its numbers do not fit its 1 classes"),
    ],
)
def test_a_damaged_calibration_is_one_line_with_its_name(calibrated, change, message):
    path = calibrated / CALIBRATION
    write_json(path, {**json.loads(path.read_text()), **change})
    with pytest.raises(UserError, match=message) as error:
        Restorer.from_pretrained(calibrated)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_without_a_classifier_nothing_can_be_examined(tmp_path):
    plain = Restorer(create_backbone("nafnet", width=2, encoder_blocks=[1], decoder_blocks=[1]), device="cpu")
    with pytest.raises(UserError, match="no classifier"):
        plain.examine(PIXELS)
    write_image(PIXELS, tmp_path / "a.png")
    with pytest.raises(UserError, match=r"a\.png: these weights have no classifier"):
        plain.examine(tmp_path / "a.png")


def test_verdicts_are_values():
    verdict = judge(EVIDENCE, None)
    assert replace(verdict, clean=True) != verdict
    with pytest.raises(AttributeError):
        verdict.clean = True
