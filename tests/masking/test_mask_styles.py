"""Each manner of drawing a mask hides what it promises."""

import math

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from maskdcpt.errors import UserError
from maskdcpt.masking import STYLES, VisibleMask


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


GRIDS = st.tuples(st.integers(1, 9), st.integers(1, 9))
SHARES = st.floats(0, 1, exclude_max=True)


def test_random_masks_are_those_of_earlier_versions():
    visible = VisibleMask.random(2, (3, 4), 0.5, generator=seeded(0)).visible
    assert visible[0, 0].int().tolist() == [[0, 0, 1, 1], [1, 0, 0, 0], [1, 0, 1, 1]]
    assert visible[1, 0].int().tolist() == [[1, 1, 1, 0], [0, 0, 1, 1], [0, 0, 1, 0]]


@pytest.mark.parametrize("style", STYLES)
@given(grid=GRIDS, ratio=SHARES, batch=st.integers(1, 4), seed=st.integers(0, 2**31))
@settings(deadline=None, max_examples=40)
def test_every_image_has_the_same_count_and_the_seed_decides(style, grid, ratio, batch, seed):
    mask = STYLES[style](batch, grid, ratio, generator=seeded(seed))
    assert mask.visible.shape == (batch, 1, *grid)
    assert mask.visible_patches is not None
    torch.manual_seed(seed + 1)
    assert torch.equal(STYLES[style](batch, grid, ratio, generator=seeded(seed)).visible, mask.visible)


@given(grid=GRIDS, ratio=SHARES, seed=st.integers(0, 2**31))
@settings(deadline=None, max_examples=60)
def test_blocks_hide_as_many_patches_as_random_does(grid, ratio, seed):
    counts = [STYLES[style](2, grid, ratio, generator=seeded(seed)).visible_patches for style in ("random", "block")]
    assert counts[0] == counts[1]


@given(grid=GRIDS, ratio=SHARES, seed=st.integers(0, 2**31))
@example(grid=(4, 4), ratio=0.95, seed=0)
@example(grid=(2, 8), ratio=0.75, seed=0)
@settings(deadline=None, max_examples=100)
def test_a_square_is_one_whole_piece_of_the_side_that_was_asked_for(grid, ratio, seed):
    for visible in VisibleMask.square(3, grid, ratio, generator=seeded(seed)).visible:
        side = round(math.sqrt(ratio * grid[0] * grid[1]))
        hidden = (~visible[0]).nonzero()
        if side >= max(grid):
            side = max(grid) - 1  # something stays visible
        expected = tuple(min(side, extent) for extent in grid)
        if not side:
            assert not len(hidden)
            continue
        first, last = hidden.min(0).values, hidden.max(0).values
        assert tuple((last - first + 1).tolist()) == expected
        assert len(hidden) == math.prod(expected)  # nothing within its sides is visible


def hidden_neighbours(visible: torch.Tensor) -> float:
    """How many of a hidden patch's four neighbours are hidden, on average."""
    hidden = torch.nn.functional.pad((~visible).double(), (1, 1, 1, 1))
    inside = hidden[..., 1:-1, 1:-1]
    around = hidden[..., :-2, 1:-1] + hidden[..., 2:, 1:-1] + hidden[..., 1:-1, :-2] + hidden[..., 1:-1, 2:]
    return float((inside * around).sum() / inside.sum())


@pytest.mark.parametrize("grid", [(8, 8), (14, 14), (6, 12)])
def test_blocks_clump_more_than_random_patches_and_less_than_a_square(grid):
    random, block, square = (
        hidden_neighbours(STYLES[style](300, grid, 0.4, generator=seeded(1)).visible) for style in STYLES
    )
    assert random + 0.7 < block < square


@pytest.mark.parametrize("style", ["block", "square"])
def test_masks_lie_everywhere_alike_on_average(style):
    visible = STYLES[style](4000, (8, 8), 0.4, generator=seeded(2)).visible
    share = 1 - visible.double().mean((0, 1))
    # Opposite patches are hidden equally often, within six standard errors of their difference; only the trimming of
    # the last block, which takes what comes first in the order of reading, may prefer the upper half.
    for turned in (share.flip(1), share.T):
        assert (share - turned).abs().max() < 6 * math.sqrt(2 * 0.25 / 4000)
    assert (share - share.flip(0)).abs().max() < 0.08
    assert len({tuple(image.flatten().tolist()) for image in visible[:20]}) > 10  # each image has its own


@pytest.mark.parametrize("style", STYLES)
def test_a_ratio_of_zero_hides_nothing(style):
    assert STYLES[style](3, (5, 4), 0.0, generator=seeded()).visible.all()


@pytest.mark.parametrize("style", STYLES)
def test_the_shares_of_all_styles_are_near_to_what_is_asked_for(style):
    for ratio in (0.25, 0.5, 0.75):
        visible = STYLES[style](2, (16, 16), ratio, generator=seeded()).visible
        assert 1 - visible.double().mean().item() == pytest.approx(ratio, abs=0.04)  # a square has whole sides


@pytest.mark.parametrize("style", STYLES)
def test_what_no_mask_can_have_is_refused(style):
    for ratio in (-0.1, 1.0, float("nan")):
        with pytest.raises(UserError, match=r"\[0, 1\)"):
            STYLES[style](1, (4, 4), ratio, generator=seeded())
    with pytest.raises(UserError, match="at least one image and one patch"):
        STYLES[style](1, (0, 4), generator=seeded())
