"""The estimate of a shift: right without damage, and not fooled by any type of it."""

from itertools import pairwise

import numpy as np
import pytest

from maskdcpt.data import sample_photo
from maskdcpt.data.procedural import procedural_image
from maskdcpt.datasets.shift import LIMIT, LIMITS, UNLIKE, estimate_shift, find_alignment, grey
from maskdcpt.degradations import CATALOGUE, apply

PHOTOS = ("chelsea", "coffee")


def shifted(clean, degraded, right, down, border=10):
    """Both without a border, the second moved by whole pixels."""
    height, width = clean.shape
    place = (slice(border, height - border), slice(border, width - border))
    moved = (slice(border - down, height - border - down), slice(border - right, width - border - right))
    return clean[place], degraded[moved]


@pytest.mark.parametrize("entry", CATALOGUE, ids=CATALOGUE.names)
def test_no_type_of_damage_looks_like_a_shift_and_shifts_show_under_it(entry):
    for name in PHOTOS:
        photo = sample_photo(name)[:, :290, :400]
        for level in (entry.levels[0], entry.levels[-1]):
            clean, damaged = grey(photo), grey(apply(photo, level, seed=1))
            still = estimate_shift(*shifted(clean, damaged, 0, 0))
            if still is None:
                continue  # too dark to tell, which is no false alarm
            assert still.clarity > UNLIKE
            assert find_alignment(*shifted(clean, damaged, 0, 0), entry.name).kind != "shift", f"{level} of {name}"
            moved = estimate_shift(*shifted(clean, damaged, -8, 3))
            # A trail that is moved leaves the reach of the search with its end.
            exact = 3 if LIMITS.get(entry.name, 0) > 2 else 0.5
            assert moved.right == pytest.approx(still.right - 8, abs=exact)
            assert moved.down == pytest.approx(still.down + 3, abs=exact)
            assert find_alignment(*shifted(clean, damaged, -8, 3), None).kind == "shift"


@pytest.mark.parametrize("shift", [(1, 0), (0, -1), (2, 2), (-5, 7), (12, -12)])
def test_shifts_without_damage_are_exact(shift):
    image = grey(procedural_image(5, (300, 320)))
    found = estimate_shift(*shifted(image, image, *shift, border=16))
    assert (found.right, found.down) == pytest.approx(shift, abs=0.1)
    alignment = find_alignment(*shifted(image, image, *shift, border=16), "haze")
    assert (alignment.kind, alignment.told) == ("shift", True)
    assert (alignment.right, alignment.down) == (found.right, found.down)


def test_other_scenes_have_nothing_in_common():
    scenes = [grey(procedural_image(seed, (260, 270))) for seed in range(6)]
    for one, other in pairwise(scenes):
        assert estimate_shift(one, other).clarity < UNLIKE
        assert find_alignment(one, other, None).problem == "shows nothing of its clean image"


def test_what_tells_nothing_is_not_judged():
    scene = grey(procedural_image(1, (256, 256)))
    assert estimate_shift(scene, np.full_like(scene, 0.3)) is None
    assert estimate_shift(np.zeros_like(scene), scene) is None
    assert estimate_shift(scene[:, :200], scene[:, :200]) is None, "too small"
    assert estimate_shift(scene, np.clip(scene * 0.04, 0, 1)) is None, "black"


def test_limits_are_for_types():
    assert set(LIMITS) <= set(CATALOGUE.names)
    assert min(LIMITS.values()) > LIMIT
