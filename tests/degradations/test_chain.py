"""Chains, composites and mixtures of levels."""

from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch

from maskdcpt.degradations import (
    CATALOGUE,
    Chain,
    GaussianNoise,
    Haze,
    Level,
    LowLight,
    Mixture,
    MotionBlur,
    apply,
    from_dict,
    to_dict,
)
from maskdcpt.errors import UserError

GREY = torch.full((3, 96, 96), 0.5)


def test_steps_are_done_in_order(photos):
    steps = (Haze(0.1, 0.9), GaussianNoise(25))
    there, back = (apply(photos[0], Chain(order)) for order in (steps, steps[::-1]))
    # Haze lies over noise that came before it, and dampens it.
    noise = [(image - image.roll(1, -1)).std() for image in (there, back)]
    assert noise[0] > 1.3 * noise[1]


def test_a_chain_of_one_is_that_one_with_random_numbers_of_its_own(photos):
    chained = Chain((Haze(0.1, 0.9),))(photos[0], np.random.default_rng(5))
    assert torch.equal(chained, Haze(0.1, 0.9)(photos[0], np.random.default_rng(5).spawn(1)[0]))
    assert not torch.equal(chained, photos[0])


def test_equal_steps_do_not_share_random_numbers():
    once, twice = (Chain((GaussianNoise(10),) * count)(GREY, np.random.default_rng(3)) - 0.5 for count in (1, 2))
    first, second = once.flatten(), (twice - once).flatten()
    assert abs(torch.corrcoef(torch.stack([first, second]))[0, 1]) < 0.03
    # Variances of unrelated noises add; shared noise would have double the deviation.
    assert float(twice.std() / once.std()) == pytest.approx(np.sqrt(2), rel=0.02)


def test_no_step_depends_on_how_many_numbers_another_draws():
    noise = [
        Chain((first, GaussianNoise(10)))(GREY, np.random.default_rng(7)) - 0.5 for first in (Haze(0, 1), MotionBlur(9))
    ]
    assert torch.allclose(*noise, atol=1e-4)


@dataclass(frozen=True)
class Watch(Level):
    type_name: ClassVar[str] = "watch"
    title: ClassVar[str] = "Watch"
    seen: ClassVar[list] = []

    def degrade(self, image, rng):
        self.seen.append((float(image.min()), float(image.max())))
        return image.copy()


def test_steps_see_values_in_range():
    Chain((GaussianNoise(200), Watch()))(GREY, np.random.default_rng(0))
    assert Watch.seen == [(0, 1)]


def test_values_are_not_rounded_between_steps():
    image = torch.full((3, 8, 8), 0.3)
    # Two steps of little haze: rounding to 8 bit in between would undo the first.
    thin = Haze(0.0001, 1.0)
    once, twice = (Chain((thin,) * count)(image, np.random.default_rng(0)).mean() - 0.3 for count in (1, 2))
    assert float(twice / once) == pytest.approx(2, rel=0.3)
    assert once < 0.5 / 255


def test_a_chain_is_a_value_that_survives_json():
    chain = Chain((Haze(0.1, 0.9), Chain((GaussianNoise(25), LowLight(2)))))
    assert from_dict(to_dict(chain)) == chain
    assert chain == Chain([Haze(0.1, 0.9), Chain([GaussianNoise(25), LowLight(2)])])
    assert CATALOGUE.types_of(chain) == tuple(CATALOGUE[name] for name in ("haze", "noise", "low_light"))


@pytest.mark.parametrize("steps", [(), (3,), Haze(0.1, 0.9), None, "haze"])
def test_a_chain_of_something_else_is_refused(steps):
    with pytest.raises(UserError, match=r"chain: steps is .* but must be a sequence of one level or more"):
        Chain(steps)


def test_draws_follow_the_weights():
    rng = np.random.default_rng(0)
    weak, strong = GaussianNoise(5), GaussianNoise(50)
    counts = Counter(Mixture((weak, strong), (1, 3)).draw(rng) for _ in range(4000))
    assert counts[strong] / 4000 == pytest.approx(0.75, abs=0.03)
    assert Mixture((weak, strong), (0, 1)).draw(rng) == strong


def test_mixtures_nest():
    rng = np.random.default_rng(0)
    inner = Mixture((GaussianNoise(5), GaussianNoise(10), GaussianNoise(15)))
    counts = Counter(Mixture((inner, Haze(0.1, 1))).draw(rng) for _ in range(4000))
    assert counts[Haze(0.1, 1)] / 4000 == pytest.approx(0.5, abs=0.04)


def test_types_are_drawn_alike_whatever_their_number_of_levels():
    rng = np.random.default_rng(0)
    drawn = [CATALOGUE.draw(rng) for _ in range(300 * len(CATALOGUE))]
    counts = Counter(CATALOGUE.types_of(level)[0].name for level in drawn)
    assert set(counts) == set(CATALOGUE.names)
    assert min(counts.values()) > 200
    some = {CATALOGUE.types_of(CATALOGUE.draw(rng, ["haze", "grey_poisson_noise"]))[0].name for _ in range(100)}
    assert some == {"haze", "noise"}
    with pytest.raises(UserError, match="did you mean 'haze'"):
        CATALOGUE.draw(rng, ["hase"])


def test_no_level_that_is_held_out_is_ever_drawn():
    rng = np.random.default_rng(0)
    drawn = {CATALOGUE["gaussian_noise"].draw(rng) for _ in range(500)}
    assert drawn == set(CATALOGUE["gaussian_noise"].levels)


@pytest.mark.parametrize(
    ("options", "weights", "message"),
    [
        ((), None, "a mixture needs one option or more"),
        ((Haze(0.1, 1),), (1, 2), "a mixture of 1 options needs as many weights, not 2"),
        ((Haze(0.1, 1),), (-1,), "finite, not negative and not all 0"),
        ((Haze(0.1, 1),), (0,), "finite, not negative and not all 0"),
        ((Haze(0.1, 1),), (float("nan"),), "finite, not negative and not all 0"),
    ],
)
def test_wrong_mixtures_are_refused(options, weights, message):
    with pytest.raises(UserError, match=message):
        Mixture(options, weights)


def test_a_level_that_is_none_is_refused(photos):
    for wrong in ("haze", CATALOGUE["haze"], Mixture((Haze(0.1, 1),)), None):
        with pytest.raises(UserError, match="a level is needed, such as"):
            apply(photos[0], wrong)
