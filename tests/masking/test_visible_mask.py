import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from maskdcpt.errors import UserError
from maskdcpt.masking import VisibleMask


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(
    batch=st.integers(1, 5),
    rows=st.integers(1, 9),
    columns=st.integers(1, 9),
    ratio=st.floats(0, 1, exclude_max=True),
    seed=st.integers(0, 2**31),
)
def test_every_image_keeps_the_same_share_of_patches(batch, rows, columns, ratio, seed):
    mask = VisibleMask.random(batch, (rows, columns), ratio, generator=seeded(seed))
    expected = max(1, round(rows * columns * (1 - ratio)))
    assert mask.visible.flatten(1).sum(1).tolist() == [expected] * batch


def test_a_mask_is_decided_by_its_generator_alone():
    torch.manual_seed(1)
    first = VisibleMask.random(4, (6, 5), generator=seeded(7)).visible
    torch.manual_seed(2)
    again = VisibleMask.random(4, (6, 5), generator=seeded(7)).visible
    other = VisibleMask.random(4, (6, 5), generator=seeded(8)).visible
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_images_of_a_batch_are_masked_independently_and_every_patch_equally_often():
    visible = VisibleMask.random(4000, (4, 4), 0.75, generator=seeded()).visible.float()
    assert not torch.equal(visible[0], visible[1])
    share = visible.mean(0)
    # 4 of 16 visible; the standard error over 4000 draws is 0.0068.
    assert (share - 0.25).abs().max() < 0.035


def test_at_repeats_each_cell():
    mask = VisibleMask(torch.tensor([[[[True, False], [False, True]]]]))
    expected = torch.tensor([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]], dtype=torch.bool)
    assert torch.equal(mask.at((4, 4))[0, 0], expected)
    with pytest.raises(UserError, match="does not divide"):
        mask.at((3, 4))


@pytest.mark.parametrize(
    ("size", "grid", "stride", "patch"),
    [((64, 96), (4, 6), 16, 16), ((64, 96), (2, 3), 16, 32), ((70, 33), (5, 3), 16, 16), ((128, 96), (2, 2), 16, 64)],
)
def test_patch_size_is_read_from_image_and_grid(size, grid, stride, patch):
    mask = VisibleMask.random(1, grid, 0.0, generator=seeded())
    assert mask.patch_size(size, stride) == patch


@pytest.mark.parametrize(
    ("grid", "message"),
    [((8, 8), "stride 16; patches of 16 px need 4x4"), ((4, 1), "stride 16; patches of 64 px need 1x1")],
)
def test_a_grid_of_no_square_patches_of_whole_strides_is_refused_naming_one_that_fits(grid, message):
    mask = VisibleMask.random(1, grid, 0.0, generator=seeded())
    with pytest.raises(UserError, match=message):
        mask.patch_size((64, 64), 16)


def test_what_is_kept_of_a_mask_in_inference_mode_serves_training_as_well():
    mask = VisibleMask.random(1, (2, 2), generator=seeded())
    with torch.inference_mode():
        mask.at((4, 4))
    x = torch.ones(1, 1, 4, 4, requires_grad=True)
    torch.where(mask.at((4, 4)), x, 0.0).sum().backward()
    assert torch.equal(x.grad.bool(), mask.at((4, 4)))


@pytest.mark.parametrize("ratio", [-0.1, 1.0, 1.5, float("nan")])
def test_ratios_out_of_range_are_refused(ratio):
    with pytest.raises(UserError, match=r"\[0, 1\)"):
        VisibleMask.random(1, (4, 4), ratio, generator=seeded())


@pytest.mark.parametrize(
    "visible",
    [torch.ones(1, 1, 2, 2), torch.ones(1, 2, 2, dtype=torch.bool), torch.zeros(1, 1, 2, 2, dtype=torch.bool)],
)
def test_tensors_that_are_no_mask_are_refused(visible):
    with pytest.raises(UserError):
        VisibleMask(visible)
