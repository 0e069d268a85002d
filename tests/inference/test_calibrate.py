"""Measuring weights: thresholds hold their error rates, parts share no image, and rates are what is counted."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maskdcpt.degradations import CATALOGUE
from maskdcpt.errors import UserError
from maskdcpt.inference.calibrate import (
    LEAST_IMAGES,
    LIMIT,
    Sample,
    calibrate,
    conformal_threshold,
    make_flag,
)
from maskdcpt.inference.evidence import Evidence


class Images:
    """Flat grey images of different brightness."""

    def __init__(self, count, side=8):
        self.names = [f"{number}.png" for number in range(count)]
        self.side = side

    def __getitem__(self, index):
        return torch.full((3, self.side, self.side), 0.3 + 0.4 * index / len(self.names))


def by_spread(pixels):
    """Stands for a network that sees how much an image varies."""
    return Evidence({"noise": 1.0}, (0.0,), pixels.std().item())


def measure(images, examine=by_spread, classes=("noise",), **options):
    about = {"sha256": {}, "source": "photos", "count": 200, **options}
    return calibrate(examine, classes, images, **about)


@settings(max_examples=50)
@given(st.integers(19, 400), st.integers(0, 2**32))
def test_a_threshold_is_the_rank_of_split_conformal_prediction(count, seed):
    scores = np.random.default_rng(seed).normal(size=count)
    threshold = conformal_threshold(scores, LIMIT)
    above = int((scores > threshold).sum())
    assert (above + 1) / (count + 1) <= LIMIT + 1e-9  # a new score exceeds it with at most this probability
    assert (above + 2) / (count + 1) > LIMIT  # and no lower one would do


def test_over_many_draws_the_error_rate_is_at_most_the_limit():
    rng = np.random.default_rng(0)
    rates = [np.mean(rng.normal(size=2000) > conformal_threshold(rng.normal(size=60), LIMIT)) for _ in range(500)]
    assert np.mean(rates) == pytest.approx(3 / 61, abs=0.004)


def test_too_few_scores_are_refused():
    with pytest.raises(UserError, match="18 images to set a threshold by, and 19 are needed"):
        conformal_threshold(np.zeros(18), LIMIT)


def test_what_can_be_told_is_told():
    found = measure(Images(70))
    assert found.clean.auroc == 1
    assert found.clean.found == 1
    assert found.clean.useful
    assert (found.clean.positives, found.clean.negatives) == (21, 21)  # a clean and a noisy one of each test image
    assert found.images == 70
    assert found.source == "photos"


def test_what_cannot_be_told_is_not_pretended():
    rng = np.random.default_rng(0)
    found = measure(Images(90), lambda pixels: Evidence({"noise": 1.0}, (rng.normal(),), 0.1))
    assert 0.2 < found.clean.auroc < 0.8
    assert not found.clean.useful
    assert found.clean.false < 0.25


def test_the_same_seed_gives_the_same_numbers_and_another_others():
    first, again, other = (measure(Images(70), seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_strange_damage_is_tested_on_types_that_were_not_learnt_from():
    seen = {}

    def examine(pixels):
        seen[len(seen)] = pixels
        return by_spread(pixels)

    found = measure(Images(70), examine)
    per_image = 1 + 1 + 3  # clean, the known type, strange ones
    assert len(seen) == 70 * per_image
    strange = CATALOGUE.apart_from([CATALOGUE["noise"]])
    assert found.unfamiliar.negatives == 21 * 2
    expected = sum(
        strange[(3 * place + turn) % len(strange)] not in strange[::2] for place in range(49, 70) for turn in range(3)
    )
    assert found.unfamiliar.positives == expected


def test_types_that_share_a_kind_with_known_ones_are_not_strange():
    assert "noise" not in [entry.name for entry in CATALOGUE.apart_from([CATALOGUE["gaussian_noise"]])]
    assert CATALOGUE.apart_from(list(CATALOGUE)) == []


def test_weights_that_know_everything_have_nothing_strange():
    assert measure(Images(20), classes=CATALOGUE.names).unfamiliar is None


def test_classes_that_cannot_be_made_are_left_out_and_none_at_all_refused():
    assert measure(Images(70), classes=("real_scratches", "noise")).clean.negatives == 21
    with pytest.raises(UserError, match="none of the types that the weights know can be made from clean images: real"):
        measure(Images(30), classes=("real_scratches",))


@pytest.mark.parametrize("images", [0, LEAST_IMAGES - 1])
def test_too_few_images_are_refused(images):
    with pytest.raises(UserError, match=f"photos: {images} images, and {LEAST_IMAGES} or more are needed"):
        measure(Images(images))


def test_a_threshold_needs_enough_damaged_images():
    with pytest.raises(UserError, match="6 images to set a threshold by, and 19 are needed; use more"):
        measure(Images(20))


def test_parts_are_kept_apart():
    # The scores of one part are those of the others turned round: what is learnt from one shows in no other.
    samples = [
        Sample(part, "" if clean else "noise", True, (sign * (clean - 0.5) + noise,))
        for part, sign in ((0, 1), (1, 1), (2, -1))
        for clean in (0, 1)
        for noise in np.linspace(-0.1, 0.1, 30)
    ]
    found = make_flag(samples, lambda sample: not sample.type)
    assert (found.found, found.false, found.auroc) == (0, 1, 0)


def test_flags_say_no_more_than_they_can():
    found = measure(Images(70)).clean
    assert found.tell((-4.0, 0.0)) is True
    assert found.tell((0.0, 0.0)) is False
    assert replace(found, found=0.1).tell((-4.0, 0.0)) is None
