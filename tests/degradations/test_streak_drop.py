import numpy as np
import torch

from maskdcpt.degradations import Raindrop, RainStreak, StreakDrop


def test_drops_are_on_the_pane_in_front_of_the_rain(photos):
    behind, before = np.random.default_rng(3).spawn(2)
    rainy = RainStreak(35, 30)(photos[0], behind)
    expected = Raindrop(30, 10)(rainy, before)
    assert torch.equal(StreakDrop(35, 30)(photos[0], np.random.default_rng(3)), expected)


def test_streaks_and_drops_use_unrelated_random_numbers(photos):
    one, other = np.random.default_rng(3).spawn(2)
    assert abs(np.corrcoef(one.random(1000), other.random(1000))[0, 1]) < 0.1

    def changed(level):
        return (level(photos[0], np.random.default_rng(3)) - photos[0]).abs() > 0.02

    # However much rain there is, the drops stay the same, and the other way round.
    drops, streaks = changed(StreakDrop(0, 30)), changed(StreakDrop(80, 0))
    both = changed(StreakDrop(80, 30))
    assert both[drops].float().mean() > 0.85
    assert both[streaks & ~drops].float().mean() > 0.95


def test_neither_is_no_change(photos, rng):
    assert torch.allclose(StreakDrop(0, 0)(photos[0], rng), photos[0], atol=1e-6)
