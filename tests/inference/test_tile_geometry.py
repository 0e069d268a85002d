"""Tiles are a partition of the image, and so are the weights by which neighbours are blended."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from maskdcpt.inference.tiling.geometry import Box, divide, weights

SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))


def count(boxes, size):
    """How many boxes each pixel lies in."""
    covered = torch.zeros(size)
    for box in boxes:
        box.crop(covered).add_(1)
    return covered


@given(units=SIZES, side=st.integers(1, 200), align=st.sampled_from([1, 2, 8]))
def test_every_pixel_lies_in_one_tile_and_edges_lie_on_units(units, side, align):
    size = (units[0] * align, units[1] * align)
    boxes = divide(size, side, align)
    assert (count(boxes, size) == 1).all()
    assert all(edge % align == 0 for box in boxes for edge in box)
    longest = max(side, align)
    assert all(box.bottom - box.top <= longest and box.right - box.left <= longest for box in boxes)


@given(units=SIZES, align=st.sampled_from([1, 4]))
def test_quarters_are_the_box_and_smaller_unless_it_is_one_unit(units, align):
    box = Box(align, 3 * align, (1 + units[0]) * align, (3 + units[1]) * align)
    parts = box.quarters(align)
    inside = count(parts, (60 * align, 60 * align))
    assert (box.crop(inside) == 1).all()
    assert inside.sum() == units[0] * units[1] * align**2
    assert (len(parts) == 1) == (units == (1, 1))
    assert all(edge % align == 0 for part in parts for edge in part)


@given(units=SIZES, side=st.integers(8, 64), split=st.integers(0, 1000))
def test_weights_of_all_tiles_are_one_everywhere_whichever_tile_was_divided(units, side, split):
    margin, align = 4, 8
    size = (units[0] * align, units[1] * align)
    boxes = divide(size, max(side, 4 * margin), align)
    divided = boxes.pop(split % len(boxes))
    boxes += divided.quarters(align, 2 * margin)
    total = torch.zeros(size)
    for box in boxes:
        box.grown(margin, size).crop(total).add_(weights(box, margin, size))
    assert torch.allclose(total, torch.ones(size), atol=1e-6)


@pytest.mark.parametrize("box", [Box(-2, 1, 3, 4), Box(2, -1, 7, 7), Box(1, 2, 3, 4)])
def test_a_box_that_leaves_the_map_goes_on_at_the_opposite_border(box):
    x = torch.arange(30.0).reshape(1, 1, 5, 6)
    expected = [
        [x[0, 0, row % 5, column % 6] for column in range(box.left, box.right)] for row in range(box.top, box.bottom)
    ]
    assert torch.equal(box.crop(x)[0, 0], torch.tensor(expected))


def test_margins_end_at_the_border_or_wrap_where_the_tile_does_not_fill_the_axis():
    assert Box(0, 8, 16, 16).grown(4, (16, 20)) == Box(0, 4, 16, 20)
    assert Box(0, 8, 16, 16).wrapped(4, (16, 20)) == Box(0, 4, 16, 20)
    assert Box(0, 0, 8, 8).wrapped(4, (16, 20)) == Box(-4, -4, 12, 12)


@given(units=SIZES, least=st.integers(1, 60))
def test_quarters_have_no_side_shorter_than_allowed_unless_the_box_has(units, least):
    box = Box(0, 0, 2 * units[0], 2 * units[1])
    for part in box.quarters(2, least):
        assert part.bottom - part.top >= min(least, box.bottom)
        assert part.right - part.left >= min(least, box.right)
